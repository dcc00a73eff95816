"""The rule language: what runs, what is refused, and that both engines' readings agree."""

from datetime import date
from pathlib import Path

import duckdb
import ibis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiences.choosing import describe
from audiences.tables import PEOPLE, SEGMENTED
from config.features import FEATURES, RESERVED, Kind
from config.rules import Condition, RuleError, parse_condition

TYPES = {
    Kind.TEXT: "string",
    Kind.NUMBER: "float64",
    Kind.BOOLEAN: "boolean",
    Kind.DATE: "date",
}
IS_A = {
    Kind.TEXT: lambda dtype: dtype.is_string(),
    Kind.NUMBER: lambda dtype: dtype.is_numeric(),
    Kind.BOOLEAN: lambda dtype: dtype.is_boolean(),
    Kind.DATE: lambda dtype: dtype.is_date(),
}
ROWS = [
    (2, 10.0, "Москва", "vip", True, date(2011, 5, 1)),
    (0, None, None, "registered", False, None),
    (1, 200.5, "O'Hara_%", "lost", None, date(2010, 12, 1)),
    (7, 0.0, "", "loyal", True, date(2011, 12, 9)),
    (3, -1.5, "Минск", "new", False, date(2011, 5, 2)),
]
COLUMNS = ("orders", "value", "city", "segment", "is_vip", "registered_on")


@pytest.fixture(scope="module")
def people():
    """Five people in DuckDB, with gaps in what is known of them."""
    backend = ibis.duckdb.connect()
    # Division by zero is unknown in the language; DuckDB alone would stop.
    backend.raw_sql("set ieee_floating_point_ops = false")
    backend.raw_sql("set ieee_floating_point_ops = false")
    backend.raw_sql(
        "create table people (orders bigint, value double, city varchar, segment varchar,"
        " is_vip boolean, registered_on date)"
    )
    backend.con.executemany("insert into people values (?, ?, ?, ?, ?, ?)", ROWS)
    yield backend
    backend.disconnect()


def who(people, text: str, **sets: list[str]) -> list[int]:
    table = people.table("people")
    found = table.filter(parse_condition(text, **sets).to_ibis(table)).orders.execute()
    return sorted(found.tolist())


@pytest.mark.parametrize(
    ("text", "orders"),
    [
        ("orders >= 2 and value <= 30", [2, 3, 7]),
        ("city = 'Москва'", [2]),
        ("city != 'Москва'", [1, 3, 7]),  # whose city is unknown is not somewhere else
        ("not city = 'Москва'", [1, 3, 7]),
        ("city is null", [0]),
        ("city is not null and not is_vip", [3]),
        ("city like 'М%'", [2, 3]),
        ("city not like 'М%'", [1, 7]),
        ("city = 'O''Hara_%'", [1]),
        ("registered_on >= '2011-05-02'", [3, 7]),
        ("registered_on between date '2011-05-01' and '2011-05-02'", [2, 3]),
        ("registered_on in ('2011-12-09')", [7]),
        ("segment in ('vip', 'lost')", [1, 2]),
        ("segment not in ('vip', 'lost')", [0, 3, 7]),
        ("value / orders > 4", [1, 2]),  # nobody is divided by zero
        ("-value + 2 * orders > 6", [3, 7]),
        ("is_vip = true or orders = 0", [0, 2, 7]),
        ("ORDERS = 7", [7]),
        ("true", [0, 1, 2, 3, 7]),
        ("(orders = 1) != is_vip", [2, 7]),
        ("orders between 1 and 2", [1, 2]),
        (" or ".join(f"orders = {n}" for n in range(500)), [0, 1, 2, 3, 7]),
    ],
)
def test_who_is_meant(people, text, orders):
    assert who(people, text) == orders


def test_overlays_are_true_or_false(people):
    table = people.table("people").mutate(best=ibis._.orders > 2)
    condition = parse_condition("best and segment = 'new'", overlays=["best"])
    assert condition.columns == {"best", "segment"}
    assert table.filter(condition.to_ibis(table)).orders.execute().tolist() == [3]
    with pytest.raises(RuleError, match="documented feature"):
        parse_condition("best")


def test_every_feature_is_a_column_of_its_kind():
    segmented, persons = ibis.table(SEGMENTED, name="s"), ibis.table(PEOPLE, name="p")
    schema = describe(segmented, persons, as_of=date(2011, 12, 9), overlays={}).schema()
    kinds = {
        name: next(kind for kind, fits in IS_A.items() if fits(schema[name])) for name in FEATURES
    }
    assert kinds == {name: feature.kind for name, feature in FEATURES.items()}
    assert set(schema) - set(FEATURES) <= RESERVED


@pytest.mark.parametrize("name", ["person_id", "consent_ads", "birth_date", "email", "phone"])
def test_contacts_and_consent_are_no_features(name):
    with pytest.raises(RuleError, match="documented feature"):
        parse_condition(f"{name} = 'x'")


def test_a_condition_is_its_text():
    condition = parse_condition("orders > 1 and city = 'x'")
    assert str(condition) == condition.text == "orders > 1 and city = 'x'"
    assert condition == parse_condition("orders > 1 and city = 'x'")
    assert "_tree" not in repr(condition)
    assert isinstance(condition, Condition)


class PysparkOptions(ibis.config.Config):
    """What Ibis's Spark backend would register."""

    treat_nan_as_null: bool = False


@pytest.mark.parametrize("engine", ["duckdb", "pyspark", "postgres"])
def test_a_condition_compiles_for_other_engines(engine, monkeypatch):
    # Ibis asks this option while compiling, and sets it only where pyspark itself is installed.
    monkeypatch.setattr(ibis.options, "pyspark", PysparkOptions())
    table = ibis.table({name: TYPES[each.kind] for name, each in FEATURES.items()}, name="people")
    text = "orders / 2 > 1 and registered_on > '2011-01-01' and city like 'М%' and not is_vip"
    sql = ibis.to_sql(table.filter(parse_condition(text).to_ibis(table)), dialect=engine)
    assert "COALESCE" in sql


@pytest.mark.parametrize(
    "text",
    [
        "orders in (select 1)",
        "exists (select 1)",
        "(select true)",
        "select 1",
        "from people",
        "orders > all (select 1)",
        "orders = 1; drop table people",
        "orders = 1;",
        "orders = 1 -- and more",
        "orders = 1 /* and more */",
        "orders = 1 /*+ hint */",
        "lower(city) = 'x'",
        "orders > current_date",
        "read_csv('x') = 1",
        "getenv('HOME') = 'x'",
        "orders::text = 'x'",
        "cast(orders as text) = 'x'",
        "date 'today' < registered_on",
        "case when is_vip then true end",
        "city || 'x' = 'y'",
        "city ilike 'x'",
        "city glob 'x'",
        "city similar to 'x'",
        "city like 'x' escape '!'",
        r"city like 'x\%'",
        "city like segment",
        "city collate nocase = 'x'",
        "city = 'x' 'y'",
        r"city = e'\x41'",
        "city is distinct from 'x'",
        "people.orders = 1",
        "orders = ?",
        "orders = $1",
        "orders = :x",
        "@orders = 1",
        "orders[1] = 2",
        "[1] = [1]",
        "{'a': 1} = {'a': 1}",
        "columns(*)",
        "*",
        "is_vip as x",
        "orders between symmetric 1 and 2",
        "orders % 2 = 0",
        "orders // 2 = 0",
        "orders & 1 = 0",
        "orders in ()",
        "orders in (value)",
        "orders in (1, null)",
        "orders = null",
        "is_vip is true",
        "orders",
        "orders and is_vip",
        "not orders",
        "1 < orders < 3",
        "city > 3",
        "orders = '3'",
        "registered_on > 2011",
        "registered_on > '2011-13-01'",
        "registered_on > '01.05.2011'",
        "registered_on > city",
        "is_vip > true",
        "city + 1 > 2",
        "orders like 'x'",
        "segment = 'vpi'",
        "segment in ('vip', 'vpi')",
        "orders > 9e999",
        "orders > 99999999999999999999",
        "orders > 0x1F",
        "orders >",
        "(orders > 1",
        "orders > 1)",
        "city = 'x",
        "",
        " ",
        "-- x",
        "not " * 300 + "is_vip",
        "(" * 300 + "is_vip" + ")" * 300,
        "1 + " * 1000 + "1 > orders",
        "orders = 1 or " * 5000 + "is_vip",
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(RuleError):
        parse_condition(text)


@pytest.mark.parametrize(
    ("text", "line", "column", "nearest"),
    [
        ("ordes > 2", 1, 1, "orders"),
        ("orders > 2 and\n  recency_day < 3", 2, 3, "recency_days"),
        ("segment = 'loyl'", 1, 11, "loyal"),
        ("orders > 2; true", 1, 11, None),
        ("orders > 2 and lower(city) = 'x'", 1, 16, None),
    ],
)
def test_a_fault_has_a_place_and_the_nearest_name(text, line, column, nearest):
    with pytest.raises(RuleError) as raised:
        parse_condition(text)
    (problem,) = raised.value.problems
    assert (problem.line, problem.column, problem.nearest) == (line, column, nearest)


# Random conditions: written as SQL for DuckDB itself, and read by us.

numbers = st.recursive(
    st.sampled_from(["orders", "value", "0", "2", "7", "1.5e0", "-1.5e0"]),
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*/"), inner)
        | st.builds("-({})".format, inner)
    ),
    max_leaves=4,
)
texts = st.sampled_from(["city", "'Москва'", "''", "'O''Hara_%'", "'Ю'"])
dates = st.sampled_from(["registered_on", "date '2011-05-01'", "date '2011-12-09'"])
signs = st.sampled_from(["=", "!=", "<>", "<", "<=", ">", ">="])
maybe_not = st.sampled_from(["", "not "])


def about(values):
    compared = st.builds("{} {} {}".format, values, signs, values)
    between = st.builds("{} {}between {} and {}".format, values, maybe_not, values, values)
    null = st.builds("{} is {}null".format, values, maybe_not)
    return compared | between | null


simple = st.one_of(
    about(numbers),
    about(texts),
    about(dates),
    st.builds("{} {}in ({}, {})".format, numbers, maybe_not, *[st.sampled_from("0127")] * 2),
    st.builds("city {}in ('Минск', {})".format, maybe_not, st.just("''")),
    st.builds("city {}like {}".format, maybe_not, st.sampled_from(["'М%'", "'%\\_%'", "'______'"])),
    st.sampled_from(["is_vip", "true", "false", "segment = 'vip'", "is_vip = false"]),
)
conditions = st.recursive(
    simple,
    lambda inner: (
        st.builds("{} {} {}".format, inner, st.sampled_from(["and", "or"]), inner)
        | st.builds("not ({})".format, inner)
        | st.builds("({})".format, inner)
        | st.builds("not {}".format, inner)
    ),
    max_leaves=8,
)


@settings(max_examples=80, deadline=None)
@given(text=conditions.filter(lambda text: "\\" not in text))
def test_a_condition_means_what_the_same_sql_means(people, text):
    raw = f"select orders from people where coalesce(({text}), false)"
    try:
        expected = sorted(row[0] for row in people.con.execute(raw).fetchall())
    except duckdb.Error as error:  # pragma: no cover - a generator at fault must not pass silently
        raise AssertionError(f"{text}: {error}") from error
    assert who(people, text) == expected


PIECES = (
    "( ) + - * / < > = ; , . ' \" \\ ? : @ [ ] { } % orders city select from not in case "
    "-- /* */ 'x' 1 is null like union lower( and"
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(PIECES.split(" ")), max_size=12).map(" ".join))
def test_any_text_is_a_condition_or_a_rule_error(text):
    try:
        condition = parse_condition(text)
    except RuleError as error:
        assert error.problems  # noqa: PT017 - both ends are allowed, a crash is not
    else:
        assert condition.columns <= set(FEATURES)


def test_the_manual_names_every_feature_and_its_examples_run():
    manual = (Path(__file__).parents[1] / "docs" / "rules.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in manual.splitlines() if line.startswith("| `")]
    assert [row[0].strip("| `") for row in rows] == list(FEATURES)
    for row, feature in zip(rows, FEATURES.values(), strict=True):
        assert (row[1], row[2].strip()) == (feature.kind, feature.unit)
        assert row[3].startswith(feature.description)
        assert all(f"`{value}`" in row[3] for value in feature.values)
    examples = manual.partition("```sql\n")[2].partition("```")[0].splitlines()
    assert len([parse_condition(example) for example in examples]) == 5


def test_every_feature_has_a_sentence():
    for feature in FEATURES.values():
        assert feature.description.endswith(".")
