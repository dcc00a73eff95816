"""Meta: people in a list, as rows, in sessions, and as whole replacements."""

import json

import pyarrow as pa
import pytest

from audiences.model import Batch, Verb
from connectors.errors import ContractBroken, Unsure
from connectors.meta_members import UserRows
from tests.support.members import batch, batch_of, digest, people
from tests.support.wire_meta import (
    AUDIENCES,
    BASE,
    CREATE,
    FIND,
    LIST,
    SEED,
    VIP,
    account,
    connector,
    error,
    got,
    listed,
    sent,
)

__all__ = ["account", "connector"]


RECEIVED = {
    "audience_id": LIST,
    "session_id": "77",
    "num_received": 2,
    "num_invalid_entries": 0,
    "invalid_entry_samples": {},
}


@pytest.mark.parametrize(("verb", "method"), [(Verb.ADD, "POST"), (Verb.REMOVE, "DELETE")])
def test_people_go_as_rows(net, connector, verb, method):
    rows = [
        [digest("person1@example.test"), digest("70000000001")],
        [digest("person2@example.test"), digest("70000000002")],
    ]
    body = {"payload": {"schema": ["EMAIL", "PHONE"], "data": rows}}
    sent(net, f"{LIST}/users", body, RECEIVED, method=method)
    act = connector.add if verb is Verb.ADD else connector.remove
    receipt = act(LIST, batch(1, 2, verb))
    assert (receipt.accepted, receipt.refused, receipt.reference) == (2, (), "77")


def test_a_list_is_replaced_by_a_session_of_one_request(net, connector):
    rows = [[one["email"][0], one["phone"][0]] for one in people(1, 2)]
    seen = []

    def answer(request):
        seen.append(json.loads(b"".join(request.body)))
        session = seen[0]["session"]["session_id"]
        said = {**RECEIVED, "account_id": "1234", "session_id": str(session)}
        return 200, {}, json.dumps(said)

    net.add("GET", f"{BASE}{LIST}", json={"id": LIST, "is_value_based": False})
    net.add_callback("POST", f"{BASE}{LIST}/usersreplace", callback=answer)
    receipt = connector.replace(LIST, batch(1, 2, Verb.REPLACE))
    ((body, number),) = [(one, one["session"].pop("session_id")) for one in seen]
    assert body == {
        "payload": {"schema": ["EMAIL", "PHONE"], "data": rows},
        "session": {"batch_seq": 1, "last_batch_flag": True},
    }
    assert 0 < number < 2**63
    assert (receipt.accepted, receipt.reference) == (2, str(number))


def test_a_replacement_that_arrived_is_not_sent_again(net, connector):
    """Its session tells, where the answer was lost."""
    seen = []

    def lost(request):
        seen.append(json.loads(b"".join(request.body))["session"]["session_id"])
        return 504, {}, ""

    def sessions(request):
        row = {"session_id": str(seen[0]), "stage": "processing", "num_received": "2"}
        return 200, {}, json.dumps({"data": [row]})

    net.add("GET", f"{BASE}{LIST}", json={"id": LIST, "is_value_based": False})
    net.add_callback("POST", f"{BASE}{LIST}/usersreplace", callback=lost)
    net.add_callback("GET", f"{BASE}{LIST}/sessions", callback=sessions)
    assert connector.replace(LIST, batch(1, 2, Verb.REPLACE)).accepted == 2


def test_two_addresses_are_two_rows_of_one_person(net, connector):
    rows = people(1, 2)
    rows[0]["email"].append(digest("second"))
    rows[1]["external_id"] = ['c"1\\2']
    data = [
        ["", rows[0]["email"][0], rows[0]["phone"][0]],
        ['c"1\\2', rows[1]["email"][0], rows[1]["phone"][0]],
        ["", digest("second"), ""],
    ]
    body = {"payload": {"schema": ["EXTERN_ID", "EMAIL", "PHONE"], "data": data}}
    sent(net, f"{LIST}/users", body, {**RECEIVED, "num_received": 3})
    assert connector.add(LIST, batch_of(rows)).accepted == 2


def test_nobody_to_send_is_nothing_sent(net, connector):
    nobody = {"person_id": "n", "email": [], "phone": [], "external_id": []}
    receipt = connector.add(LIST, batch_of([nobody]))
    assert [one.person_id for one in receipt.refused] == ["n"]
    assert receipt.accepted == 0


@pytest.mark.parametrize("as_list", [False, True])
def test_invalid_entries_are_refused_by_name(net, connector, as_list):
    bad = digest("person2@example.test")
    samples = [bad] if as_list else {bad: "not a hash"}
    answer = {**RECEIVED, "num_invalid_entries": 1, "invalid_entry_samples": samples}
    net.add("POST", f"{BASE}{LIST}/users", json=answer)
    receipt = connector.add(LIST, batch(1, 2))
    assert receipt.accepted == 1
    (refusal,) = receipt.refused
    assert refusal.person_id == "p2"
    assert bad[:12] not in refusal.reason


def test_invalid_entries_without_names_are_told(net, connector, caplog):
    net.add("POST", f"{BASE}{LIST}/users", json={**RECEIVED, "num_invalid_entries": 2})
    assert connector.add(LIST, batch(1, 2)).accepted == 2
    assert "2 rows invalid and names 0" in caplog.text


def test_an_answer_that_counts_nobody(net, connector):
    net.add("POST", f"{BASE}{LIST}/users", json={"success": True})
    with pytest.raises(ContractBroken):
        connector.add(LIST, batch(1, 2))


def test_rows_that_did_not_arrive_are_unsure(net, connector):
    net.add("POST", f"{BASE}{LIST}/users", json={**RECEIVED, "num_received": 1})
    with pytest.raises(Unsure):
        connector.add(LIST, batch(1, 2))


def crowded(count=5000):
    """People with three addresses each: more rows than a request takes."""
    return batch_of(
        [
            {
                "person_id": f"p{n}",
                "email": [digest(f"{n} {k}") for k in range(3)],
                "phone": [],
                "external_id": [],
            }
            for n in range(count)
        ]
    )


def test_more_than_10000_rows_are_a_session(net, connector):
    for received in (10_000, 15_000):
        net.add("POST", f"{BASE}{LIST}/users", json={**RECEIVED, "num_received": received})
    assert connector.add(LIST, crowded()).accepted == 5000
    bodies = [json.loads(b"".join(call.request.body)) for call in net.calls]
    assert [len(one["payload"]["data"]) for one in bodies] == [10_000, 5000]
    first, last = (one["session"] for one in bodies)
    assert first["session_id"] == last["session_id"] > 0
    assert (first["batch_seq"], first["last_batch_flag"]) == (1, False)
    assert (last["batch_seq"], last["last_batch_flag"]) == (2, True)


def test_a_session_that_breaks_off_is_unsure(net, connector):
    net.add("POST", f"{BASE}{LIST}/users", json={**RECEIVED, "num_received": 10_000})
    net.add("POST", f"{BASE}{LIST}/users", json=error(80003), status=400)
    with pytest.raises(Unsure, match="1 of 2"):
        connector.add(LIST, crowded())


def worth(values):
    plain = batch(1, len(values))
    table = plain.members.append_column("value", pa.array(values, pa.float64()))
    return Batch(plain.key, plain.verb, table)


def test_a_seed_with_values_is_value_based(net, connector):
    listed(net, FIND)
    sent(net, AUDIENCES, {**CREATE, "is_value_based": True}, {"id": SEED})
    first = worth([120.5, 0.0, float("nan"), -3.0])
    connector.find_or_create(VIP, first)
    got(net, SEED, {"fields": "id,is_value_based"}, {"id": SEED, "is_value_based": True})
    net.add("POST", f"{BASE}{SEED}/users", json={**RECEIVED, "num_received": 4})
    net.add("POST", f"{BASE}{SEED}/users", json={**RECEIVED, "num_received": 4})
    for _ in range(2):
        connector.add(SEED, first)
    payload = json.loads(b"".join(net.calls[-1].request.body))["payload"]
    assert payload["schema"] == ["EMAIL", "PHONE", "LOOKALIKE_VALUE"]
    assert [row[-1] for row in payload["data"]] == [120.5, 0, 0, 0]


def test_values_stay_here_where_the_list_is_not_value_based(net, connector):
    got(net, LIST, {"fields": "id,is_value_based"}, {"id": LIST})
    net.add("POST", f"{BASE}{LIST}/users", json=RECEIVED)
    connector.add(LIST, worth([5.0, 6.0]))
    payload = json.loads(b"".join(net.calls[-1].request.body))["payload"]
    assert payload["schema"] == ["EMAIL", "PHONE"]


def test_rows_show_nothing_in_a_repr():
    some = UserRows(batch(1, 3))
    assert digest("person1@example.test")[:12] not in repr(some)
