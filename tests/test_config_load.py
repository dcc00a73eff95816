"""Loading a project: what is right gets through, what is wrong is named with its place."""

import importlib
import json
import pickle
import shutil
import tomllib
from pathlib import Path

import pytest
import tomlkit
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from audiences.model import Segment
from config.faults import ConfigError, Fault, nearest, shown
from config.features import FEATURES
from config.labels import SEGMENT_LABELS, SEGMENTS
from config.load import FILES, check_text, load_project
from config.model import Written
from config.rules import RuleError, parse_condition
from config.schema import schemas

SUPPORT = Path(__file__).parent / "support"
BROKEN = sorted((SUPPORT / "broken_projects").glob("*.toml"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project with nothing wrong in it."""
    return Path(shutil.copytree(SUPPORT / "whole_project", tmp_path / "shop"))


def faults_of(folder: Path) -> tuple[Fault, ...]:
    with pytest.raises(ConfigError) as raised:
        load_project(folder)
    return raised.value.faults


def test_a_whole_project_loads(project):
    loaded = load_project(project)
    assert loaded.account("ads").lists_from == "lists"
    assert loaded.catalog_url == f"sqlite:///{project}/.adsteer/catalog.db"
    assert loaded.state_folder == project / ".adsteer"
    assert loaded.audience_rules["vip"].columns == {"segment"}
    assert loaded.overlay_rules["repeat"].text == "orders >= 2"
    assert (loaded.label("vip_at_risk"), loaded.label("repeat")) == ("VIP at risk", "repeat")
    with pytest.raises(KeyError):
        loaded.account("nobody")


def test_there_are_enough_broken_projects():
    assert len(BROKEN) >= 25
    assert {path.name.split(".")[0] for path in BROKEN} == {
        name.removesuffix(".toml") for name in FILES
    }


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_one_fault_is_one_thing_to_do(project, path):
    text = path.read_text(encoding="utf-8")
    expected = text.partition("\n")[0].removeprefix("# ")
    file = path.name.split(".")[0] + ".toml"
    (project / file).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        load_project(project)
    assert [fault.file for fault in raised.value.faults] == [file]  # one fault, and only here
    assert expected in str(raised.value)
    assert "hunter2" not in str(raised.value) + repr(raised.value.faults)
    assert "me@shop" not in str(raised.value)


def test_all_faults_of_all_files_come_at_once(project):
    for name in ("adsteer.toml", "bid_rules.toml", "segments.toml"):
        broken = next(path for path in BROKEN if path.name.startswith(name.removesuffix(".toml")))
        shutil.copy(broken, project / name)
    (project / "platforms.toml").unlink()
    assert {fault.file for fault in faults_of(project)} == {
        "adsteer.toml",
        "bid_rules.toml",
        "segments.toml",
        "platforms.toml",
    }


def test_two_faults_in_one_condition_are_both_told(project):
    (project / "segments.toml").write_text(
        '[[overlay]]\nname = "a"\nrule = "ordes > 1 or\\nctiy = \'x\'"\n', encoding="utf-8"
    )
    first, second = faults_of(project)
    assert (first.nearest, second.nearest) == ("orders", "city")
    assert "line 2, column 1" in second.read


def test_a_missing_file_says_which_and_what_makes_it(project):
    (project / "audiences.toml").rename(project / "audience.toml")
    (fault,) = faults_of(project)
    assert (fault.file, fault.nearest) == ("audiences.toml", "audience.toml")
    assert "adsteer init" in fault.expected


def test_schedules_may_be_missing(project):
    (project / "schedules.toml").unlink()
    assert load_project(project).schedules.schedule == ()


def test_a_missing_folder_is_one_fault(tmp_path):
    (fault,) = faults_of(tmp_path / "nowhere")
    assert "adsteer init nowhere" in fault.expected


def test_a_file_in_another_encoding_is_refused_and_a_mark_in_front_is_not(project):
    text = (project / "adsteer.toml").read_text(encoding="utf-8").replace("Shop", "Лавка")
    (project / "adsteer.toml").write_text(text, encoding="cp1251")
    (fault,) = faults_of(project)
    assert fault.expected == "a text file saved as UTF-8"
    (project / "adsteer.toml").write_text(text, encoding="utf-8-sig")
    assert load_project(project).adsteer.shop.name == "Лавка"


def test_broken_toml_never_shows_the_line():
    with pytest.raises(ConfigError) as raised:
        check_text("platforms.toml", '[[account]]\nsecrets = "hunter2\n')
    assert raised.value.faults[0].key == "line 2, column 19"
    assert "hunter2" not in str(raised.value)


def test_values_are_not_bent_into_shape(project):
    for written, read in (('"0.1"', "'0.1'"), ("true", "true"), ("nan", "nan")):
        with pytest.raises(ConfigError) as raised:
            check_text("audiences.toml", _audience(f"max_base_share = {written}"))
        assert f"max_base_share: read {read}" in str(raised.value)


def _audience(line: str) -> str:
    return f'[[audience]]\nname = "a"\npeople = "true"\naccounts = ["b"]\n{line}\n'


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "kind", "x"]), inner, max_size=3)
    ),
    max_leaves=4,
)


@settings(max_examples=100, deadline=None)
@given(
    data=st.data(), file=st.sampled_from(list(FILES)), value=values.filter(lambda v: v is not None)
)
def test_any_value_anywhere_is_taken_or_told(data, file, value):
    """One value of a good file is replaced; what comes is a model, or faults with a place."""
    written = tomlkit.parse((SUPPORT / "whole_project" / file).read_text("utf-8")).unwrap()
    table = written
    step = data.draw(st.sampled_from([*keys_of_value(table), "brand_new"]))
    for _ in range(2):
        if step == "brand_new" or not keys_of_value(table[step]) or data.draw(st.booleans()):
            break
        table = table[step]
        step = data.draw(st.sampled_from([*keys_of_value(table), "brand_new"]))
    if isinstance(table, list) and step == "brand_new":
        table.append(value)
    else:
        table[step] = value
    try:
        text = tomlkit.dumps(written)
        tomllib.loads(text)
    except (ValueError, TypeError):  # what TOML itself cannot say is not our question
        assume(False)
    try:
        check_text(file, text)
    except ConfigError as error:
        assert all(fault.file == file and fault.key for fault in error.faults)  # noqa: PT017


def keys_of_value(value: object) -> list[str | int]:
    if isinstance(value, dict):
        return list(value)
    return list(range(len(value))) if isinstance(value, list) else []


def models() -> list[type[Written]]:
    """Every model a person writes, found in the package itself."""
    for path in (Path(__file__).parents[1] / "config").glob("*.py"):
        importlib.import_module(f"config.{path.stem}")
    found, waiting = [], [Written]
    while waiting:
        subclasses = waiting.pop().__subclasses__()
        found += subclasses
        waiting += subclasses
    return found


@pytest.mark.parametrize("model", models(), ids=lambda model: model.__name__)
def test_every_field_has_a_sentence(model):
    for name, field in model.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_the_eleven_segments_are_those_of_the_engine():
    assert tuple(Segment) == SEGMENTS == FEATURES["segment"].values
    assert SEGMENT_LABELS["lost"].ru == "Потерянные"
    assert SEGMENT_LABELS["sleeping_registered"].ru == "Спящие зарегистрировавшиеся"
    for language in ("en", "ru", "uk"):
        assert len({getattr(label, language) for label in SEGMENT_LABELS.values()}) == 11


def test_every_file_has_a_schema_that_describes_every_key():
    written = schemas()
    assert list(written) == list(FILES)
    assert json.loads(json.dumps(written)) == written
    for schema in written.values():
        for table in (schema, *schema.get("$defs", {}).values()):
            assert table.get("additionalProperties", False) is False
            for key in table.get("properties", {}).values():
                # Where a key and its table say the same, it stands at the table only.
                named = schema.get("$defs", {}).get(key.get("$ref", "").rpartition("/")[2], {})
                assert key.get("description") or named["description"]


def test_errors_and_projects_survive_the_way_to_another_process(project):
    again = pickle.loads(pickle.dumps(load_project(project)))
    assert again == load_project(project)
    assert again.audience_rules == load_project(project).audience_rules
    (project / "audiences.toml").unlink()
    with pytest.raises(ConfigError) as raised:
        load_project(project)
    error = pickle.loads(pickle.dumps(raised.value))
    assert (error.faults, str(error)) == (raised.value.faults, str(raised.value))
    with pytest.raises(RuleError) as refused:
        parse_condition("ordes > 1")
    assert pickle.loads(pickle.dumps(refused.value)).problems == refused.value.problems


STARTER = Path(__file__).parents[1] / "config" / "starter"


@pytest.mark.parametrize("name", FILES)
def test_an_editor_takes_the_shipped_file_and_refuses_a_stranger_in_it(name):
    raw = json.loads(json.dumps(tomllib.loads((STARTER / name).read_text("utf-8")), default=str))
    editor = Draft202012Validator(schemas()[name])
    editor.check_schema(editor.schema)
    assert list(editor.iter_errors(raw)) == []
    assert list(editor.iter_errors(raw | {"brand_new": 1}))


def test_the_nearest_name_is_found_or_none():
    assert nearest("Orders", ["orders", "value"]) == "orders"
    assert nearest("ltv", ["ltv_floor", "lookalike"]) == "ltv_floor"
    assert nearest("l", ["ltv_floor", "lookalike"]) is None
    assert nearest("xyz", ["orders", "value"]) is None
    assert nearest(5, ["orders"]) is None


@pytest.mark.parametrize(
    ("value", "key", "expected"),
    [
        ("x", "account[1].api_token", "a value that is not shown here"),
        ("postgresql://me:hunter2@host/db", "url", "'postgresql://...@host/db'"),
        ({"token": "x"}, "table", "a table"),
        ([{"token": "x"}], "tables", "a list of 1"),
        ([1, "a"], "mixed", "[1, 'a']"),
        (True, "yes", "true"),
        ("x" * 200, "long", repr("x" * 77 + "...")),
    ],
)
def test_what_a_fault_shows(value, key, expected):
    assert shown(value, key) == expected


def test_one_title_may_stand_on_two_accounts(project):
    twice = (project / "audiences.toml").read_text("utf-8")
    other = twice.replace('name = "vip"', 'name = "two"\ntitle = "vip"').replace("lists", "ads")
    (project / "audiences.toml").write_text(f"{twice}\n{other}", encoding="utf-8")
    assert set(load_project(project).audience_rules) == {"vip", "two"}


def test_a_frequency_guard_never_leads_in_a_circle_and_names_no_seed(project):
    lists = (project / "audiences.toml").read_text(encoding="utf-8")
    lists += '\n[[audience]]\nname = "both"\npeople = "repeat"\naccounts = ["lists"]\n'
    lists += '\n[[audience]]\nname = "best"\npurpose = "seed"\npeople = "orders > 3"\n'
    lists += 'accounts = ["lists"]\nltv_floor = { amount = 100 }\n'
    (project / "audiences.toml").write_text(lists, encoding="utf-8")
    (project / "segments.toml").write_text(
        '[[overlay]]\nname = "repeat"\nrule = "orders >= 2"\nnot_in = ["vip", "both", "best"]\n',
        encoding="utf-8",
    )
    both, best = faults_of(project)
    assert (both.read, best.read) == ("'both'", "'best'")
    assert "overlay 'repeat', which has not_in itself" in both.expected
    assert "a seed is not" in best.expected
