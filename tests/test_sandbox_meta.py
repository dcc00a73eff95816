"""The played Meta against its documented contract, rule by rule, over plain HTTP."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from connectors.sandbox.server import Running, run_in_thread
from tests.support.sandbox_meta import (
    ACCOUNT,
    AD_SET,
    BID_CAP,
    COST_CAP,
    FOREIGN_AUDIENCE,
    FOREIGN_RULE_SET,
    ROAS,
    SHARING,
    WITHOUT_TERMS,
    Graph,
    criterion,
    digest,
    payload,
    rows,
    rule,
)

HOUR, TWO_HOURS = 3600, 7300
HEADERS = ("X-Business-Use-Case-Usage", "X-Ad-Account-Usage", "X-App-Usage")


@pytest.fixture
def graph(sandbox: Running) -> Graph:
    return Graph(sandbox)


@pytest.fixture
def ready(sandbox: Running, graph: Graph) -> str:
    """A populated audience of 300 people."""
    number = graph.created()
    assert graph.users(number, range(300)).status_code == 200
    sandbox.world.move_clock(TWO_HOURS)
    assert graph.status(number) == 200
    return number


def held(sandbox: Running, number: str) -> set[str]:
    state = requests.get(f"{sandbox.url}/_sandbox/state", timeout=20).json()
    lists = state["platforms"]["meta"]["lists"]
    return set(next(one for one in lists if str(one["id"]) == number)["members"])


def all_digests(people: range) -> set[str]:
    return {one for row in rows(people) for one in row}


# 1. Version, token, proof


@pytest.mark.parametrize("version", ["v19.0", "v23.0", "v24.0", "v99.0", "26"])
def test_unknown_and_expired_versions(sandbox: Running, version: str) -> None:
    graph = Graph(sandbox, version)
    gone = datetime.fromtimestamp(sandbox.world.now(), UTC)
    if version == "v24.0" and gone < datetime(2026, 10, 6, tzinfo=UTC):
        sandbox.world.move_clock((datetime(2026, 10, 7, tzinfo=UTC) - gone).total_seconds())
    assert graph.code(graph.ask("GET", ACCOUNT)) == (2635, None)


def test_a_version_whose_end_is_known_is_warned_of() -> None:
    with run_in_thread() as running:  # a world of its own, before the version's end
        running.world.move_clock(datetime(2026, 9, 1, tzinfo=UTC).timestamp() - running.world.now())
        for version, warned in (("v24.0", True), ("v26.0", False)):
            answer = requests.get(
                f"{running.url}/meta/{version}/{ACCOUNT}",
                headers={"Authorization": "Bearer sandbox-token"},
                timeout=20,
            )
            assert answer.status_code == 200
            assert ("X-Ad-Api-Version-Warning" in answer.headers) == warned


@pytest.mark.parametrize("version", ["v25.0", "v26.0"])
def test_living_versions(sandbox: Running, version: str) -> None:
    assert Graph(sandbox, version).get(ACCOUNT) == {"id": ACCOUNT}


@pytest.mark.parametrize(
    ("header", "subcode"),
    [
        ({}, None),
        ({"Authorization": "Bearer nobody-knows"}, None),
        ({"Authorization": "OAuth sandbox-token"}, None),
        ({"Authorization": "Bearer expired-token"}, 463),
        ({"Authorization": "Bearer revoked-token"}, 460),
    ],
)
def test_only_a_living_token_is_let_in(
    graph: Graph, header: dict[str, str], subcode: int | None
) -> None:
    answer = graph.ask("GET", ACCOUNT, headers=header)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error.get("error_subcode")) == (401, 190, subcode)


def test_the_token_may_be_a_parameter(graph: Graph) -> None:
    answer = graph.ask("GET", ACCOUNT, headers={}, params={"access_token": "sandbox-token"})
    assert answer.status_code == 200
    wish = {
        "access_token": "sandbox-token",
        "name": "x",
        "customer_file_source": "USER_PROVIDED_ONLY",
    }
    assert graph.ask("POST", f"{ACCOUNT}/customaudiences", headers={}, data=wish).status_code == 200


def test_a_wrong_proof_is_refused(graph: Graph) -> None:
    right = hmac.new(b"sandbox-secret", b"sandbox-token", hashlib.sha256).hexdigest()
    assert graph.get(ACCOUNT, appsecret_proof=right)
    wrong = graph.ask("GET", ACCOUNT, params={"appsecret_proof": right[::-1]})
    assert graph.code(wrong) == (100, None)


def test_another_logins_account_is_not_there(sandbox: Running, graph: Graph) -> None:
    sandbox.world.put_token("theirs", login="theirs")
    headers = {"Authorization": "Bearer theirs"}
    for path in (ACCOUNT, FOREIGN_AUDIENCE, AD_SET, f"{ACCOUNT}/customaudiences"):
        assert graph.code(graph.ask("GET", path, headers=headers)) == (100, 33)


def test_unknown_paths(graph: Graph) -> None:
    for method, path in (("GET", "nothing"), ("POST", f"{ACCOUNT}/nothing"), ("PUT", ACCOUNT)):
        assert graph.code(graph.ask(method, path)) == (2500, None)


# 2. Bodies and fields


def test_forms_and_json_are_both_taken(sandbox: Running, graph: Graph) -> None:
    number = graph.created()
    form = {"payload": json.dumps(payload(range(2)))}
    assert graph.ask("POST", f"{number}/users", data=form).json()["num_received"] == 2
    assert graph.users(number, range(2, 4)).json()["num_received"] == 2
    assert held(sandbox, number) == all_digests(range(4))


def test_a_body_that_is_no_json(graph: Graph) -> None:
    headers = {**graph.headers, "Content-Type": "application/json"}
    answer = graph.ask("POST", f"{ACCOUNT}/customaudiences", data="{", headers=headers)
    assert graph.code(answer) == (100, None)


def test_only_the_id_comes_without_fields(graph: Graph) -> None:
    assert graph.get(FOREIGN_AUDIENCE) == {"id": FOREIGN_AUDIENCE}
    asked = graph.get(FOREIGN_AUDIENCE, fields="name,subtype,audience_labels")
    assert asked == {
        "id": FOREIGN_AUDIENCE,
        "name": "made by hand",
        "subtype": "CUSTOM",
        "audience_labels": ["AT_RISK"],
    }
    unknown = graph.ask("GET", FOREIGN_AUDIENCE, params={"fields": "name,members"})
    assert graph.code(unknown) == (100, None)


def test_edges_have_pages(graph: Graph) -> None:
    made = [graph.created(name=f"list {n}") for n in range(4)]
    path = f"{ACCOUNT}/customaudiences"
    first = graph.get(path, limit=3, fields="id")
    assert [one["id"] for one in first["data"]] == [FOREIGN_AUDIENCE, *made[:2]]
    assert "next" in first["paging"]
    rest = graph.get(path, limit=3, fields="id", after=first["paging"]["cursors"]["after"])
    assert [one["id"] for one in rest["data"]] == made[2:]
    assert "next" not in rest["paging"]


def test_a_list_is_filtered_by_name(graph: Graph) -> None:
    number = graph.created(name="only this")
    wish = json.dumps([{"field": "name", "operator": "EQUAL", "value": "only this"}])
    assert graph.get(f"{ACCOUNT}/customaudiences", filtering=wish)["data"] == [{"id": number}]


# 3. Making lists


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": None},
        {"name": 5},
        {"subtype": "PEOPLE"},
        {"customer_file_source": None},
        {"customer_file_source": "MINE"},
        {"retention_days": 0},
        {"retention_days": 181},
        {"retention_days": "30 days"},
        {"audience_labels": ["HIGH_VALUE"]},
        {"audience_labels": "OTHER_1"},
        {"is_value_based": "yes"},
    ],
)
def test_a_list_with_wrong_parameters(graph: Graph, wrong: dict[str, Any]) -> None:
    assert graph.code(graph.create(**wrong)) == (100, None)
    assert len(graph.get(f"{ACCOUNT}/customaudiences")["data"]) == 1


def test_lists_of_the_same_name_are_two_unless_asked(graph: Graph) -> None:
    first, second = graph.created(), graph.created()
    assert first != second
    assert graph.created(enable_fetch_or_create=True) == first


def test_an_account_without_accepted_terms(graph: Graph) -> None:
    assert graph.code(graph.create(WITHOUT_TERMS)) == (200, 1870090)
    assert graph.get(WITHOUT_TERMS, fields="tos_accepted")["tos_accepted"] == {
        "custom_audience_tos": 0
    }


def test_terms_are_accepted_per_account(graph: Graph) -> None:
    edge = f"{WITHOUT_TERMS}/customaudiencestos"
    assert graph.get(edge)["data"] == []
    assert graph.code(graph.post(edge)) == (100, None)
    assert graph.post(edge, tos_id="2").json() == {"success": True}
    assert len(graph.get(edge)["data"]) == 1
    assert graph.create(WITHOUT_TERMS, is_value_based=True).status_code == 200


def test_a_list_is_changed(graph: Graph) -> None:
    number = graph.created(is_value_based=True)
    changed = graph.post(number, name="best", audience_labels=["OTHER_2"], retention_days=30)
    assert changed.json() == {"success": True}
    read = graph.get(number, fields="name,audience_labels,retention_days,is_value_based")
    assert read == {
        "id": number,
        "name": "best",
        "audience_labels": ["OTHER_2"],
        "retention_days": 30,
        "is_value_based": True,
    }
    assert graph.code(graph.post(number, is_value_based=False)) == (100, None)


def test_at_most_500_customer_files(sandbox: Running, graph: Graph) -> None:
    store = sandbox.world.store("meta")
    one = store.get("audience", int(FOREIGN_AUDIENCE))
    with sandbox.world.transaction():
        for n in range(499):
            store.put("audience", 23_000_000_000_000_000 + n, {**one, "id": n})
    assert graph.create().json()["error"]["code"] == 2655


# 4. Members


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        {"schema": ["EMAIL"]},
        {"schema": ["EMAIL"], "data": []},
        {"schema": ["EMAIL", "SHOE_SIZE"], "data": [["", ""]]},
        {"schema": [], "data": [[]]},
        {"schema": ["EMAIL", "EMAIL"], "data": [["", ""]]},
        {"schema": ["EMAIL", "PHONE"], "data": [[digest("a")]]},
        {"schema": ["EMAIL"], "data": [[digest("a")], [digest("b"), ""]]},
        {"schema": ["EMAIL", "LOOKALIKE_VALUE"], "data": [[digest("a"), 5]]},
    ],
)
def test_a_payload_that_is_refused_whole(
    sandbox: Running, graph: Graph, wrong: dict[str, Any] | None
) -> None:
    number = graph.created()
    body = {} if wrong is None else {"payload": wrong}
    assert graph.code(graph.post(f"{number}/users", **body)) == (100, None)
    assert held(sandbox, number) == set()


def test_at_most_10000_rows(graph: Graph) -> None:
    number = graph.created()
    many = {"schema": ["EXTERN_ID"], "data": [[str(n)] for n in range(10_001)]}
    assert graph.code(graph.post(f"{number}/users", payload=many)) == (100, None)
    many["data"].pop()
    assert graph.post(f"{number}/users", payload=many).json()["num_received"] == 10_000


@pytest.mark.parametrize(
    ("schema", "bad", "good"),
    [
        ("EMAIL", "a@b.example", digest("a")),
        ("EMAIL", digest("a").upper(), digest("a")),
        ("PHONE", digest("a")[:-1], digest("a")),
        ("MADID", digest("a"), "38400000-8cf0-11bd-b23e-10b96e40000d"),
        ("EXTERN_ID", "", "customer 7"),
    ],
)
def test_a_badly_formed_cell_is_counted(
    sandbox: Running, graph: Graph, schema: str, bad: str, good: str
) -> None:
    number = graph.created()
    given = {"schema": [schema], "data": [[bad], [good]]}
    answer = graph.post(f"{number}/users", payload=given)
    assert answer.status_code == 200
    told = answer.json()
    assert told["audience_id"] == number
    assert (told["num_received"], told["num_invalid_entries"]) == (2, 1)
    assert list(told["invalid_entry_samples"]) == [bad]
    assert len(held(sandbox, number)) == 1


def test_samples_are_100_at_most(graph: Graph) -> None:
    number = graph.created()
    bad = {"schema": ["EMAIL"], "data": [[f"not a hash {n}"] for n in range(150)]}
    told = graph.post(f"{number}/users", payload=bad).json()
    assert (told["num_invalid_entries"], len(told["invalid_entry_samples"])) == (150, 100)


def test_a_single_key_takes_plain_values(sandbox: Running, graph: Graph) -> None:
    number = graph.created()
    given = {"schema": "EMAIL_SHA256", "data": [digest("a"), [digest("b")]]}
    assert graph.post(f"{number}/users", payload=given).json()["num_invalid_entries"] == 0
    assert held(sandbox, number) == {digest("a"), digest("b")}


def test_raw_values_are_hashed_by_the_server(sandbox: Running, graph: Graph) -> None:
    number = graph.created()
    given = {"schema": ["EMAIL"], "data": [[" Mary@Example.com "]], "is_raw": True}
    graph.post(f"{number}/users", payload=given)
    told = "f1904cf1a9d73a55fa5de0ac823c4403ded71afd4c3248d00bdcd0866552bb79"
    assert held(sandbox, number) == {told}


@pytest.mark.parametrize(("value", "invalid"), [(0, 0), (12.5, 0), ("7", 0), (-1, 1), ("x", 1)])
def test_values_of_a_value_based_list(graph: Graph, value: Any, invalid: int) -> None:
    number = graph.created(is_value_based=True)
    given = {"schema": ["EMAIL", "LOOKALIKE_VALUE"], "data": [[digest("a"), value]]}
    assert graph.post(f"{number}/users", payload=given).json()["num_invalid_entries"] == invalid


def test_people_are_removed_by_body_query_and_method(
    sandbox: Running, graph: Graph, ready: str
) -> None:
    graph.ask("DELETE", f"{ready}/users", json={"payload": payload(range(1))})
    graph.ask("DELETE", f"{ready}/users", params={"payload": json.dumps(payload(range(1, 2)))})
    graph.post(f"{ready}/users", method="delete", payload=payload(range(2, 3)))
    assert held(sandbox, ready) == all_digests(range(3, 300))


def test_a_person_leaves_every_list_of_the_account(
    sandbox: Running, graph: Graph, ready: str
) -> None:
    other = graph.created(name="other")
    graph.users(other, range(5))
    graph.ask("DELETE", f"{ACCOUNT}/usersofanyaudience", json={"payload": payload(range(1))})
    assert digest("email 0") not in held(sandbox, ready) | held(sandbox, other)
    assert len(held(sandbox, other)) == 8


def test_a_flagged_list_takes_nobody(sandbox: Running, graph: Graph, ready: str) -> None:
    store = sandbox.world.store("meta")
    store.put("audience", int(ready), {**store.get("audience", int(ready)), "flagged": True})
    assert graph.status(ready) == 471
    assert graph.code(graph.users(ready, range(2))) == (100, 1713230)
    assert graph.code(graph.grow(ready)) == (100, 1713228)


# 5. Sessions


def session(graph: Graph, number: str, sequence: int, *, last: bool = False, **more: Any) -> Any:
    ticket = {"session_id": 77, "batch_seq": sequence, "last_batch_flag": last}
    return graph.users(number, range(sequence * 10, sequence * 10 + 10), session=ticket, **more)


def test_a_session_counts_up_and_ends(graph: Graph) -> None:
    number = graph.created()
    assert session(graph, number, 1).json()["num_received"] == 10
    assert session(graph, number, 2).json()["num_received"] == 20
    assert session(graph, number, 2).json()["num_received"] == 20
    told = session(graph, number, 3, last=True).json()
    assert (told["num_received"], told["session_id"]) == (30, "77")
    assert graph.code(session(graph, number, 4)) == (2650, 1870159)


def test_a_session_ends_after_90_minutes(sandbox: Running, graph: Graph) -> None:
    number = graph.created()
    session(graph, number, 1)
    sandbox.world.move_clock(90 * 60)
    assert graph.code(session(graph, number, 2)) == (2650, 1870158)


def test_a_session_keeps_its_schema(graph: Graph) -> None:
    number = graph.created()
    session(graph, number, 1)
    other = {"schema": ["EMAIL"], "data": [[digest("a")]]}
    ticket = {"session_id": 77, "batch_seq": 2}
    answer = graph.post(f"{number}/users", payload=other, session=ticket)
    assert graph.code(answer) == (100, None)


@pytest.mark.parametrize(
    "wrong", [{"session_id": 0}, {"session_id": "7"}, {"batch_seq": 0}, {"last_batch_flag": 1}]
)
def test_a_session_of_wrong_form(graph: Graph, wrong: dict[str, Any]) -> None:
    ticket = {"session_id": 7, "batch_seq": 1, "last_batch_flag": True, **wrong}
    assert graph.code(graph.users(graph.created(), range(2), session=ticket)) == (100, None)


def test_sessions_are_told_as_texts(sandbox: Running, graph: Graph) -> None:
    number = graph.created()
    session(graph, number, 1, last=True)
    (row,) = graph.get(f"{number}/sessions", session_id=77)["data"]
    assert row["num_received"] == "10"
    assert "num_matched" not in row
    sandbox.world.move_clock(TWO_HOURS)
    (row,) = graph.get(f"{number}/sessions", session_id=77)["data"]
    assert row["progress"] == "100"
    assert 0 < int(row["num_matched"]) <= 10
    assert all(isinstance(value, str) for value in row.values())


def test_a_list_is_replaced(sandbox: Running, graph: Graph, ready: str) -> None:
    assert graph.replace(ready, range(500, 600), 9, 1, last=False).status_code == 200
    assert graph.status(ready) == 414
    assert held(sandbox, ready) == all_digests(range(300))
    assert graph.code(graph.users(ready, range(2))) == (2650, 1870145)
    assert graph.code(graph.replace(ready, range(2), 10, 1, last=True)) == (2650, 1870145)
    answer = graph.replace(ready, range(600, 650), 9, 2, last=True).json()
    assert answer["num_received"] == 150
    assert answer["account_id"] == ACCOUNT.removeprefix("act_")
    assert "audience_id" not in answer
    assert held(sandbox, ready) == all_digests(range(500, 650))
    assert graph.status(ready) == 414
    sandbox.world.move_clock(TWO_HOURS)
    assert graph.status(ready) == 200


def test_replacing_needs_a_session_that_begins_with_1(graph: Graph, ready: str) -> None:
    without = graph.post(f"{ready}/usersreplace", payload=payload(range(2)))
    assert graph.code(without) == (100, None)
    assert graph.code(graph.replace(ready, range(2), 9, 2, last=True)) == (2650, 1870147)


def test_replacing_waits_for_open_sessions(graph: Graph, ready: str) -> None:
    session(graph, ready, 1)
    assert graph.code(graph.replace(ready, range(2), 9, 1, last=True)) == (2650, 1870145)


def test_a_replacement_that_times_out_has_failed(
    sandbox: Running, graph: Graph, ready: str
) -> None:
    graph.replace(ready, range(500, 600), 9, 1, last=False)
    sandbox.world.move_clock(90 * 60)
    assert graph.status(ready) == 415
    assert graph.code(graph.replace(ready, range(2), 9, 2, last=True)) == (2650, 1870158)
    assert held(sandbox, ready) == all_digests(range(300))
    assert graph.replace(ready, range(5), 10, 1, last=True).status_code == 200
    assert held(sandbox, ready) == all_digests(range(5))


def test_only_customer_files_are_replaced(sandbox: Running, graph: Graph, ready: str) -> None:
    grown = str(graph.grow(ready).json()["id"])
    sandbox.world.move_clock(TWO_HOURS)
    assert graph.code(graph.replace(grown, range(2), 9, 1, last=True)) == (100, None)
    valued = graph.created(is_value_based=True)
    assert graph.code(graph.replace(valued, range(2), 9, 1, last=True)) == (100, None)


# 6. What becomes visible when


def test_members_become_visible_late(sandbox: Running, graph: Graph) -> None:
    number = graph.created()
    assert (graph.status(number), graph.bounds(number)) == (410, (-1, -1))
    graph.users(number, range(300))
    assert (graph.status(number), graph.bounds(number)) == (441, (-1, -1))
    sandbox.world.move_clock(TWO_HOURS)
    low, high = graph.bounds(number)
    assert graph.status(number) == 200
    assert 0 < low < high < 300
    graph.users(number, range(300, 900))
    assert graph.bounds(number) == (low, high)
    sandbox.world.move_clock(TWO_HOURS)
    assert graph.bounds(number)[0] > high


def test_a_tiny_list_is_not_delivered_to(sandbox: Running, graph: Graph, ready: str) -> None:
    tiny = graph.created()
    graph.users(tiny, range(5))
    sandbox.world.move_clock(TWO_HOURS)
    codes = [
        graph.get(one, fields="delivery_status")["delivery_status"]["code"] for one in (tiny, ready)
    ]
    assert codes == [300, 200]


# 7. Deleting


def test_a_seed_with_lookalikes_stays(graph: Graph, ready: str) -> None:
    grown = str(graph.grow(ready).json()["id"])
    assert graph.code(graph.ask("DELETE", ready)) == (2656, None)
    for number in (grown, ready):
        assert graph.ask("DELETE", number).json() == {"success": True}
        assert graph.code(graph.ask("GET", number)) == (100, 33)


# 8. Look-alikes


def test_a_lookalike_grows(sandbox: Running, graph: Graph, ready: str) -> None:
    number = str(graph.grow(ready, ratio=0.05, starting_ratio=0.01).json()["id"])
    assert graph.status(number) == 441
    sandbox.world.move_clock(TWO_HOURS)
    assert graph.status(number) == 200
    spec = graph.get(number, fields="lookalike_spec,subtype")["lookalike_spec"]
    assert (spec["ratio"], spec["country"]) == (0.05, "DE")
    origin = {"id": ready, "name": "buyers", "type": "custom_audience", "deleted": False}
    assert spec["origin"] == [origin]
    assert spec["target_countries"] == ["DE"]
    seed = graph.get(ready, fields="lookalike_audience_ids")
    assert seed["lookalike_audience_ids"] == [number]
    assert not held(sandbox, number) & held(sandbox, ready)


@pytest.mark.parametrize(
    "wrong",
    [
        {"ratio": 0},
        {"ratio": 0.005},
        {"ratio": 0.21},
        {"ratio": 0.015},
        {"ratio": "0.01"},
        {"ratio": None},
        {"starting_ratio": 0.01},
        {"type": "twins"},
        {"country": None},
        {"country": "Germany"},
        {"country": None, "location_spec": {}},
        {"allow_international_seeds": "yes"},
    ],
)
def test_a_lookalike_with_a_wrong_spec(graph: Graph, ready: str, wrong: dict[str, Any]) -> None:
    assert graph.code(graph.grow(ready, **wrong)) == (100, None)


def test_the_spec_is_a_text(graph: Graph, ready: str) -> None:
    path = f"{ACCOUNT}/customaudiences"
    spec = {"type": "similarity", "country": "DE"}
    wish = {"name": "like", "subtype": "LOOKALIKE", "origin_audience_id": ready}
    assert graph.code(graph.post(path, **wish, lookalike_spec=spec)) == (100, None)
    assert graph.code(graph.post(path, **wish, lookalike_spec="{")) == (100, None)
    assert graph.post(path, **wish, lookalike_spec=json.dumps(spec)).status_code == 200


def test_a_seed_has_100_matched_people(sandbox: Running, graph: Graph, ready: str) -> None:
    few = graph.created()
    graph.users(few, range(90))
    assert graph.code(graph.grow(few)) == (100, None)
    sandbox.world.move_clock(TWO_HOURS)
    assert graph.code(graph.grow(few)) == (100, None)
    assert graph.code(graph.grow("23850000000999999")) == (100, 33)


# 9. Value rules and multipliers


@pytest.mark.parametrize(
    "wrong",
    [
        rule(sign="RAISE"),
        rule(value=0),
        rule(value=91),
        rule(value=30.5),
        rule(value="30"),
        rule(sign="INCREASE", value=1001),
        rule("HIGH_VALUE_CUSTOMERS"),
        {**rule(), "name": ""},
        {**rule(), "criterias": []},
        {**rule(), "criterias": [criterion("SHOE_SIZE", "43")]},
        {**rule(), "criterias": [{**criterion("AGE", "18-24"), "operator": "IS"}]},
        {**rule(), "criterias": [criterion("AGE", "18-24"), criterion("AGE", "25-34")]},
        {**rule(), "criterias": [criterion("AUDIENCE_LABEL", "OTHER_1", types=())]},
        {**rule(), "criterias": [criterion("LOCATION", "DE")]},
        {**rule(), "criterias": [criterion(kind, "x") for kind in ("AGE", "GENDER", "OS_TYPE",
                                                                 "DEVICE_PLATFORM", "PLACEMENT")]},
    ],
)  # fmt: skip
def test_a_rule_that_is_refused(graph: Graph, wrong: dict[str, Any]) -> None:
    assert graph.code(graph.rule_set(wrong)) == (100, None)


def test_a_set_has_1_to_10_rules(graph: Graph) -> None:
    assert graph.code(graph.rule_set()) == (100, None)
    assert graph.code(graph.rule_set(*[rule(value=n) for n in range(1, 12)])) == (100, None)
    assert graph.rule_set(*[rule(value=n) for n in range(1, 11)]).status_code == 200


def test_an_account_has_6_sets(graph: Graph) -> None:
    for n in range(5):
        assert graph.rule_set(rule(value=n + 1)).status_code == 200
    assert graph.code(graph.rule_set(rule())) == (100, None)


def test_a_set_is_given_anew_as_a_whole(graph: Graph) -> None:
    number = str(graph.rule_set(rule("OTHER_1"), rule("OTHER_2")).json()["id"])
    path, fields = f"{ACCOUNT}/value_rule_set", "name,rules{name,adjust_value,criterias}"

    def rules() -> list[dict[str, Any]]:
        sets = {one["id"]: one for one in graph.get(path, fields=fields)["data"]}
        return list(sets[number]["rules"]["data"])

    first, _ = rules()
    assert first["criterias"]["data"][0]["criteria_values"] == ["OTHER_1"]
    kept = {**rule("OTHER_1", value=40), "id": first["id"]}
    assert graph.post(number, name="segments", rules=[kept]).json() == {"success": True}
    assert [(one["id"], one["adjust_value"]) for one in rules()] == [(first["id"], 40)]
    foreign = {**rule(), "id": "1"}
    assert graph.code(graph.post(number, name="segments", rules=[foreign])) == (100, None)


def test_a_set_is_attached_and_detached(graph: Graph) -> None:
    number = str(graph.rule_set(rule()).json()["id"])
    fields = "value_rule_set_id,value_rules_applied"
    attach = {"value_rule_set_id": number, "value_rules_applied": True}
    assert graph.post(COST_CAP, **attach).json() == {"success": True}
    assert graph.get(COST_CAP, fields=fields) == {"id": COST_CAP, **attach}
    graph.post(COST_CAP, value_rules_applied=False, value_rule_set_id=number)
    assert graph.get(COST_CAP, fields=fields)["value_rules_applied"] is True
    assert graph.code(graph.post(f"{number}/delete_rule_set")) == (100, None)
    graph.post(COST_CAP, value_rules_applied=False)
    assert graph.get(COST_CAP, fields=fields) == {"id": COST_CAP, "value_rules_applied": False}
    assert graph.code(graph.post(f"{number}/deleteruleset")) == (2500, None)
    assert graph.post(f"{number}/delete_rule_set").json() == {"success": True}
    assert graph.code(graph.post(COST_CAP, **attach)) == (100, 33)


@pytest.mark.parametrize("ad_set", [BID_CAP, ROAS])
def test_value_rules_need_an_eligible_strategy(graph: Graph, ad_set: str) -> None:
    graph.post(ad_set, bid_adjustments={})
    answer = graph.post(ad_set, value_rule_set_id=FOREIGN_RULE_SET, value_rules_applied=True)
    assert graph.code(answer) == (100, None)


def test_a_campaign_budget_wants_one_set_for_all(graph: Graph) -> None:
    first, second = (str(graph.rule_set(rule(value=n)).json()["id"]) for n in (10, 20))
    assert graph.get(SHARING[0], fields="bid_strategy,campaign{bid_strategy}") == {
        "id": SHARING[0],
        "campaign": {"id": "12010000000000002", "bid_strategy": "LOWEST_COST_WITHOUT_CAP"},
    }
    assert graph.post(SHARING[0], value_rule_set_id=first).status_code == 200
    assert graph.code(graph.post(SHARING[1], value_rule_set_id=second)) == (100, None)
    assert graph.post(SHARING[1], value_rule_set_id=first).status_code == 200
    assert graph.code(graph.post(SHARING[0], daily_budget=500)) == (100, None)


@pytest.mark.parametrize("factor", [0.08, 1.01, "0.5", True])
def test_a_multiplier_only_lowers(graph: Graph, factor: Any) -> None:
    wish = {"user_groups": {"custom_audience": {FOREIGN_AUDIENCE: factor, "default": 1.0}}}
    assert graph.code(graph.post(BID_CAP, bid_adjustments=wish)) == (100, None)


def test_multipliers_are_read_back_as_text(graph: Graph) -> None:
    groups = {"custom_audience": {FOREIGN_AUDIENCE: 0.09, "default": 0.5}}
    assert graph.post(BID_CAP, bid_adjustments={"user_groups": groups}).status_code == 200
    read = graph.get(BID_CAP, fields="bid_adjustments")["bid_adjustments"]
    assert json.loads(read["user_groups"]) == groups
    graph.post(BID_CAP, bid_adjustments={})
    assert graph.get(BID_CAP, fields="bid_adjustments") == {"id": BID_CAP}


def test_multipliers_and_value_rules_exclude_each_other(graph: Graph) -> None:
    groups = {"user_groups": {"custom_audience": {FOREIGN_AUDIENCE: 0.5}}}
    assert graph.code(graph.post(AD_SET, bid_adjustments=groups)) == (100, None)
    graph.post(COST_CAP, bid_adjustments=groups)
    assert graph.code(graph.post(COST_CAP, value_rule_set_id=FOREIGN_RULE_SET)) == (100, None)
    both = {"value_rule_set_id": FOREIGN_RULE_SET, "bid_adjustments": {}}
    assert graph.post(COST_CAP, **both).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"user_groups": {"custom_audience": {}}},
        {"user_groups": {"age": {"18-24": 0.5}, "custom_audience": {"default": 0.5}}},
        {"custom_audience": {"default": 0.5}},
        {"user_groups": {"custom_audience": {"23850000000999999": 0.5}}},
    ],
)
def test_multipliers_of_wrong_form(graph: Graph, wrong: dict[str, Any]) -> None:
    assert graph.post(BID_CAP, bid_adjustments=wrong).json()["error"]["code"] == 100


# 10. Ad sets


@pytest.mark.parametrize(
    ("ad_set", "wrong"),
    [
        (BID_CAP, {"bid_amount": 0}),
        (BID_CAP, {"bid_amount": "3.5"}),
        (BID_CAP, {"bid_amount": 2.5}),
        (AD_SET, {"bid_strategy": "COST_CAP"}),
        (AD_SET, {"bid_strategy": "CHEAPEST"}),
        (ROAS, {"bid_amount": 100}),
        (ROAS, {"bid_constraints": {"roas_average_floor": 99}}),
        (AD_SET, {"daily_budget": 0}),
        (AD_SET, {"lifetime_budget": 100}),
    ],
)
def test_a_price_that_is_refused(graph: Graph, ad_set: str, wrong: dict[str, Any]) -> None:
    assert graph.code(graph.post(ad_set, **wrong)) == (100, None)


def test_four_changes_of_a_budget_per_hour(sandbox: Running, graph: Graph) -> None:
    for n in range(4):
        assert graph.post(AD_SET, daily_budget=6000 + n).status_code == 200
    assert graph.code(graph.post(AD_SET, daily_budget=7000)) == (613, 1487632)
    assert graph.post(AD_SET, daily_budget=6003).status_code == 200
    sandbox.world.move_clock(HOUR + 1)
    assert graph.post(AD_SET, daily_budget=7000).status_code == 200


def test_validate_only_writes_nothing(graph: Graph) -> None:
    only = ["validate_only"]
    assert graph.post(BID_CAP, bid_amount=300, execution_options=only).json() == {"success": True}
    assert graph.code(graph.post(BID_CAP, bid_amount=0, execution_options=only)) == (100, None)
    assert graph.get(BID_CAP, fields="bid_amount")["bid_amount"] == 250


def test_an_ad_set_is_aimed_at_lists_that_are_there(graph: Graph) -> None:
    aim = {"geo_locations": {}, "custom_audiences": [{"id": FOREIGN_AUDIENCE}]}
    assert graph.post(AD_SET, targeting=aim).status_code == 200
    aim = {"excluded_custom_audiences": [{"id": "23850000000999999"}]}
    assert graph.code(graph.post(AD_SET, targeting=aim)) == (100, 33)


# 11. Insights


def ask_figures(first: str = "2026-10-01", last: str = "2026-10-03", **more: Any) -> dict[str, Any]:
    return {
        "level": "adset",
        "fields": "adset_id,spend,impressions,clicks,actions,action_values",
        "time_range": json.dumps({"since": first, "until": last}),
        "time_increment": 1,
        **more,
    }


def test_figures_are_texts_by_day(graph: Graph, sandbox: Running) -> None:
    later(sandbox)
    data = graph.get(f"{AD_SET}/insights", **ask_figures())["data"]
    assert [one["date_start"] for one in data] == ["2026-10-01", "2026-10-02", "2026-10-03"]
    for row in data:
        assert row["adset_id"] == AD_SET
        assert all(isinstance(row[name], str) for name in ("spend", "impressions", "clicks"))
        assert all(isinstance(one["value"], str) for one in row["actions"])


def test_every_field_of_the_page_may_be_asked(graph: Graph, sandbox: Running) -> None:
    later(sandbox)
    fields = (
        "adset_id,adset_name,campaign_id,spend,impressions,clicks,inline_link_clicks,actions,"
        "action_values,conversions,conversion_values,purchase_roas,account_currency,date_start,"
        "date_stop"
    )
    (row, *_) = graph.get(f"{AD_SET}/insights", **ask_figures(fields=fields))["data"]
    assert row["account_currency"] == "EUR"
    assert row["inline_link_clicks"] == row["clicks"]


def test_no_purchases_is_no_field(graph: Graph, sandbox: Running) -> None:
    later(sandbox)
    data = graph.get(f"{ACCOUNT}/insights", **ask_figures(last="2026-10-20", limit=500))["data"]
    without = [one for one in data if "action_values" not in one]
    assert without
    assert len(without) < len(data)
    assert {one["action_type"] for row in without for one in row["actions"]} == {"link_click"}


def test_figures_are_filtered_and_paged(graph: Graph, sandbox: Running) -> None:
    later(sandbox)
    wish = json.dumps([{"field": "adset.id", "operator": "IN", "value": [AD_SET, ROAS]}])
    seen, after = [], "0"
    while True:
        page = graph.get(f"{ACCOUNT}/insights", **ask_figures(filtering=wish, limit=4, after=after))
        seen += page["data"]
        if "next" not in page["paging"]:
            break
        after = page["paging"]["cursors"]["after"]
    assert sorted((one["adset_id"], one["date_start"]) for one in seen) == [
        (one, f"2026-10-0{day}") for one in (AD_SET, ROAS) for day in (1, 2, 3)
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"time_range": "{}"},
        {"time_range": json.dumps({"since": "2026-10-02", "until": "2026-10-01"})},
        {"level": "shop"},
        {"fields": "spend,profit"},
        {"filtering": json.dumps([{"field": "age", "operator": "IN", "value": []}])},
    ],
)
def test_a_report_with_wrong_parameters(graph: Graph, wrong: dict[str, Any]) -> None:
    answer = graph.ask("GET", f"{ACCOUNT}/insights", params={**ask_figures(), **wrong})
    assert graph.code(answer) == (100, None)


def test_too_much_at_once_is_ordered(graph: Graph, sandbox: Running) -> None:
    later(sandbox)
    wide = ask_figures("2026-01-01", "2026-10-01")
    assert graph.code(graph.ask("GET", f"{ACCOUNT}/insights", params=wide)) == (100, 1487534)
    wide["time_range"] = json.loads(wide["time_range"])
    run = graph.post(f"{ACCOUNT}/insights", **wide).json()["report_run_id"]
    assert graph.get(run)["async_status"] in ("Job Not Started", "Job Running")
    assert graph.ask("GET", f"{run}/insights").status_code == 400
    sandbox.world.move_clock(60)
    told = graph.get(run)
    assert (told["async_status"], told["async_percent_completion"]) == ("Job Completed", 100)
    assert len(graph.get(f"{run}/insights", limit=5000)["data"]) == 6 * 274


def later(sandbox: Running) -> None:
    """After the days the tests ask for."""
    wanted = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
    sandbox.world.move_clock(max(0.0, wanted - sandbox.world.now()))


# 12. Usage


def test_every_answer_tells_the_usage(graph: Graph) -> None:
    for answer in (graph.ask("GET", ACCOUNT), graph.create(name=None)):
        for name in HEADERS:
            assert json.loads(answer.headers[name])
    (use,) = json.loads(answer.headers[HEADERS[0]])[ACCOUNT.removeprefix("act_")]
    assert use["type"] == "custom_audience"
    assert use["estimated_time_to_regain_access"] == 0


def limited(sandbox: Running) -> int:
    """The account in the limited tier."""
    store, number = sandbox.world.store("meta"), int(ACCOUNT.removeprefix("act_"))
    store.put("account", number, {**store.get("account", number), "tier": "development_access"})
    return number


def test_the_score_of_the_limited_tier(sandbox: Running, graph: Graph) -> None:
    sandbox.world.change(quotas=True)
    limited(sandbox)
    for _ in range(20):  # writes of three points
        assert graph.post(COST_CAP).status_code == 200
    assert graph.code(graph.post(COST_CAP)) == (17, 2446079)
    sandbox.world.move_clock(200)
    assert graph.code(graph.ask("GET", ACCOUNT)) == (17, 2446079)
    sandbox.world.move_clock(400)
    assert graph.get(ACCOUNT)


def test_the_quota_of_the_hour(sandbox: Running, graph: Graph) -> None:
    sandbox.world.change(quotas=True)
    number = limited(sandbox)
    store, now = sandbox.world.store("meta"), sandbox.world.now()
    store.mark(f"custom_audience {number}", at=now, weight=5040)
    answer = graph.create()
    assert graph.code(answer) == (80003, None)
    (use,) = json.loads(answer.headers[HEADERS[0]])[str(number)]
    assert use["estimated_time_to_regain_access"] == 60
    assert use["call_count"] >= 100
    assert graph.get(AD_SET)
    sandbox.world.move_clock(HOUR + 1)
    assert graph.create().status_code == 200


@pytest.mark.parametrize(
    ("kind", "status", "code", "transient"),
    [
        ("quota_gone", 400, 80003, False),
        ("throttle", 400, 17, False),
        ("server_error", 503, 2, True),
        ("error_inside", 200, 2, False),
        ("no_rights", 403, 200, False),
    ],
)
def test_faults_in_metas_words(
    sandbox: Running, graph: Graph, kind: str, status: int, code: int, transient: bool
) -> None:
    fault = {"kind": kind, "platform": "meta", "operation": "account.read"}
    requests.post(f"{sandbox.url}/_sandbox/faults", json=fault, timeout=20)
    answer = graph.ask("GET", ACCOUNT)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["is_transient"]) == (status, code, transient)


def test_a_partial_failure(sandbox: Running, graph: Graph) -> None:
    number = graph.created()
    fault = {"kind": "partial", "platform": "meta", "operation": "users.add"}
    requests.post(f"{sandbox.url}/_sandbox/faults", json=fault, timeout=20)
    told = graph.users(number, range(4)).json()
    assert (told["num_received"], told["num_invalid_entries"]) == (4, 2)
    assert held(sandbox, number) == all_digests(range(1)) | all_digests(range(2, 3))
