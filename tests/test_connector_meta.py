"""Meta: what goes over the wire, and what each answer becomes."""

import json
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest
from responses import matchers

from audiences.model import AudienceRef, Batch, Verb
from bids.model import BidObject, CorrectionChange, Level, PresentCorrection
from config.audiences import Lookalike, Purpose
from config.faults import ConfigError
from config.platforms import Account
from connectors.base import SpendRow, Strategy
from connectors.errors import (
    ContractBroken,
    CredentialsRefused,
    ListBusy,
    ListGone,
    OperatorError,
    QuotaGone,
    RuleRefused,
    SeedRefused,
    TermsNotAccepted,
    Throttled,
    Transient,
    Unsure,
    VersionGone,
)
from connectors.meta_members import UserRows
from connectors.meta_rules import LABELS
from connectors.meta_wire import proof_of
from connectors.registry import connect
from tests.support.members import batch, batch_of, digest, people
from tests.support.surroundings import surroundings

BASE = "https://graph.facebook.com/v26.0/"
ACT = "act_1234567890"
AUDIENCES = f"{ACT}/customaudiences"
LIST, SEED = "23847651231230456", "23847651231230457"
VIP = AudienceRef("fb", "meta", "vip", Purpose.RETARGETING, "seg:vip")
HEADERS = matchers.header_matcher({"Authorization": "Bearer secret-token"})
AD_SET, BID_CAP = "120200000000001", "120200000000002"
HERE, THERE = (BidObject("fb", "meta", Level.AD_GROUP, one) for one in (AD_SET, BID_CAP))


@pytest.fixture
def account(monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", "secret-token")
    monkeypatch.delenv("SHOP_APP_SECRET", raising=False)
    return Account(name="fb", platform="meta", secrets="SHOP_", login=ACT)


@pytest.fixture
def connector(account, clock):
    return connect(account, surroundings(clock))


def got(net, path, query, answer, **more):
    """Expect exactly this GET."""
    match = [HEADERS, matchers.query_param_matcher(query)]
    net.add("GET", BASE + path, json=answer, match=match, **more)


def whole_json(body):
    """Matches a JSON body, written in one piece or in several."""

    def match(request):
        given = request.body
        text = given if isinstance(given, str | bytes) else b"".join(given)
        said = json.loads(text or "null")
        typed = request.headers.get("Content-Type") == "application/json"
        return typed and said == body, f"{said} is not {body}"

    return match


def sent(net, path, body, answer, method="POST", **more):
    """Expect exactly this JSON body."""
    match = [HEADERS, whole_json(body), matchers.query_param_matcher({})]
    net.add(method, BASE + path, json=answer, match=match, **more)


def error(code, subcode=None, **more):
    told = {"message": f"(#{code}) said", "type": "OAuthException", "code": code, **more}
    if subcode is not None:
        told["error_subcode"] = subcode
    return {"error": told}


def listed(net, fields, *rows):
    limit = 20 if "lookalike_spec" in fields else 100
    got(net, AUDIENCES, {"limit": limit, "fields": fields}, {"data": list(rows)})


FIND = "id,name,subtype"
CHECK = {"fields": "id,name,tos_accepted"}
CREATE = {
    "name": "seg:vip",
    "subtype": "CUSTOM",
    "customer_file_source": "USER_PROVIDED_ONLY",
}


# Accounts


def test_check(net, connector):
    got(net, ACT, CHECK, {"id": ACT, "tos_accepted": {"custom_audience_tos": 1}})
    connector.check()


@pytest.mark.parametrize("accepted", [0, "0", False])
def test_terms_that_are_not_accepted(net, connector, accepted):
    got(net, ACT, CHECK, {"id": ACT, "tos_accepted": {"custom_audience_tos": accepted}})
    with pytest.raises(TermsNotAccepted) as caught:
        connector.check()
    assert "Ads Manager" in caught.value.act


def test_the_proof_of_the_app_secret(net, account, monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", "TOKEN")
    monkeypatch.setenv("SHOP_APP_SECRET", "secret")
    proof = "2356b17ae2860016a34575ada27f94b543ed2cbe59a85ba2e0c62dc4aba7a5c6"
    assert proof_of("secret", "TOKEN") == proof
    query = matchers.query_param_matcher({**CHECK, "appsecret_proof": proof})
    net.add("GET", BASE + ACT, json={"id": ACT}, match=[query])
    connect(account, surroundings()).check()


@pytest.mark.parametrize(("version", "warned"), [("v24.0", True), ("v25.0", False)])
def test_a_version_that_ends_soon_is_told(net, account, caplog, version, warned):
    older = account.model_copy(update={"api_version": version})
    net.add("GET", f"https://graph.facebook.com/{version}/{ACT}", json={"id": ACT})
    connect(older, surroundings()).check()
    assert ("until 2026-10-06" in caplog.text) == warned


def test_another_version(net, account):
    older = account.model_copy(update={"api_version": "v25.0"})
    net.add("GET", f"https://graph.facebook.com/v25.0/{ACT}", json={"id": ACT})
    connect(older, surroundings()).check()


@pytest.mark.parametrize("login", [None, "shop", "act_x"])
def test_an_account_without_its_id(account, login):
    with pytest.raises(RuleRefused, match="login"):
        connect(account.model_copy(update={"login": login}), surroundings())


def test_a_missing_secret_is_named(account, monkeypatch, tmp_path):
    monkeypatch.delenv("SHOP_TOKEN")
    with pytest.raises(ConfigError, match="SHOP_TOKEN"):
        connect(account, surroundings(folder=tmp_path))


# Errors


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (error(190, 463), CredentialsRefused),
        (error(190, 460), CredentialsRefused),
        (error(190), CredentialsRefused),
        (error(200), CredentialsRefused),
        (error(270), CredentialsRefused),
        (error(294), CredentialsRefused),
        (error(200, 1870090), TermsNotAccepted),
        (error(200, 1870050), OperatorError),
        (error(2635), VersionGone),
        (error(100, 33), ListGone),
        (error(100), ContractBroken),
        (error(2500), ContractBroken),
        (error(987654), ContractBroken),
        (error(2655), RuleRefused),
        (error(100, 1713230), RuleRefused),
        (error(100, 1713228), SeedRefused),
        (error(2650, 1870145), ListBusy),
        (error(2650, 1870144), RuleRefused),
        (error(2650, 1870147), ContractBroken),
        (error(2650, 1870148), RuleRefused),
        (error(80003), QuotaGone),
        (error(80004), QuotaGone),
        (error(368), QuotaGone),
        (error(613, 1487632), QuotaGone),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 403])
def test_an_error_is_known_by_its_code(net, connector, told, kind, status):
    got(net, ACT, CHECK, told, status=status)
    with pytest.raises(kind) as caught:
        connector.check()
    assert type(caught.value) is kind or kind in (CredentialsRefused, ContractBroken)
    if caught.value.who in ("operator", "us") and kind not in (ListGone,):
        assert caught.value.act


@pytest.mark.parametrize(
    "told",
    [error(1), error(2), error(4), error(17, 2446079), error(613, 5044001), error(341),
     error(5000), error(21009),
     error(99, is_transient=True), error(100, is_transient=True)],
)  # fmt: skip
def test_a_passing_error_is_asked_again(net, connector, told):
    got(net, ACT, CHECK, told, status=400)
    got(net, ACT, CHECK, {"id": ACT})
    connector.check()


def test_a_404_that_is_not_graphs(net, connector):
    net.add("GET", BASE + ACT, body="<html>", status=404)
    with pytest.raises(VersionGone):
        connector.check()


def test_the_wait_is_told_by_headers(net, connector, clock):
    use = [{"type": "ads_management", "estimated_time_to_regain_access": 2, "call_count": 100}]
    headers = {"X-Business-Use-Case-Usage": json.dumps({"1234567890": use})}
    got(net, ACT, CHECK, error(17, 2446079), status=400, headers=headers)
    got(net, ACT, CHECK, {"id": ACT})
    connector.check()
    (slept,) = clock.slept
    assert 120 <= slept <= 121


def test_the_wait_of_the_ad_account_is_in_seconds(net, connector, clock):
    use = {"acc_id_util_pct": 100, "reset_time_duration": 45}
    headers = {"X-Ad-Account-Usage": json.dumps(use)}
    got(net, ACT, CHECK, error(17, 2446079), status=400, headers=headers)
    got(net, ACT, CHECK, {"id": ACT})
    connector.check()
    assert 45 <= clock.slept[0] <= 46


def test_too_long_a_wait_is_left_to_a_later_run(net, connector, clock):
    use = {"acc_id_util_pct": 100, "reset_time_duration": 3600}
    headers = {"X-Ad-Account-Usage": json.dumps(use)}
    got(net, ACT, CHECK, error(17, 2446079), status=400, headers=headers)
    with pytest.raises(Throttled) as caught:
        connector.check()
    assert caught.value.retry_after == 3600
    assert clock.slept == []


@pytest.mark.parametrize(("share", "pause"), [(80, None), (90, 30.0), (100, 60.0), (250, 60.0)])
def test_a_quota_that_fills_up_slows_requests_down(net, connector, clock, share, pause):
    headers = {"X-App-Usage": json.dumps({"call_count": share}), "X-Ad-Account-Usage": "{broken"}
    got(net, ACT, CHECK, {"id": ACT}, headers=headers)
    got(net, ACT, CHECK, {"id": ACT})
    connector.check()
    assert connector.usage == share
    connector.check()
    assert clock.slept == ([] if pause is None else [pause])


def test_an_error_text_tells_no_digest(net, connector):
    told = error(100, message=f"bad row {digest('a')} of mary@example.com")
    got(net, ACT, CHECK, told, status=400)
    with pytest.raises(ContractBroken) as caught:
        connector.check()
    assert digest("a")[:12] not in str(caught.value)
    assert "mary" not in str(caught.value)


def test_a_warning_of_the_version_is_passed_on(net, connector, caplog):
    headers = {"X-Ad-Api-Version-Warning": "v26.0 will go"}
    got(net, ACT, CHECK, {"id": ACT}, headers=headers)
    connector.check()
    assert "v26.0 will go" in caplog.text


# Lists


def test_a_list_is_made(net, connector):
    listed(net, FIND)
    sent(net, AUDIENCES, CREATE, {"id": LIST})
    opened = connector.find_or_create(VIP, batch(1, 3))
    assert (opened.list_id, opened.receipt) == (LIST, None)


def test_the_oldest_customer_file_with_the_title_is_ours(net, connector):
    rows = [
        {"id": "30", "name": "seg:vip", "subtype": "CUSTOM"},
        {"id": "4", "name": "seg:vip", "subtype": "LOOKALIKE"},
        {"id": "5", "name": "other", "subtype": "CUSTOM"},
    ]
    paging = {"cursors": {"before": "x", "after": "QVFIU"}, "next": "https://elsewhere.example"}
    got(net, AUDIENCES, {"limit": 100, "fields": FIND}, {"data": rows, "paging": paging})
    more = {"id": "20", "name": "seg:vip", "subtype": "CUSTOM"}
    query = {"limit": 100, "fields": FIND, "after": "QVFIU"}
    paging = {"cursors": {"before": "y", "after": "z"}}
    got(net, AUDIENCES, query, {"data": [more], "paging": paging})
    assert connector.find(VIP) == "20"


def test_how_long_people_stay(net, connector):
    listed(net, FIND)
    sent(net, AUDIENCES, {**CREATE, "retention_days": 90}, {"id": LIST})
    connector.find_or_create(VIP.__class__(**{**vars(VIP), "membership_days": 90}), batch(1, 1))


def test_longer_than_meta_keeps_people(connector):
    with pytest.raises(RuleRefused, match="180"):
        connector.find_or_create(
            VIP.__class__(**{**vars(VIP), "membership_days": 181}), batch(1, 1)
        )


def test_an_answer_without_an_id(net, connector):
    listed(net, FIND)
    sent(net, AUDIENCES, CREATE, {"success": True})
    with pytest.raises(ContractBroken):
        connector.find_or_create(VIP, batch(1, 1))


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


STATE = {
    "fields": "id,operation_status,delivery_status,approximate_count_lower_bound,"
    "approximate_count_upper_bound"
}


def state_answer(code=200, delivery=200, low=1000):
    return {
        "id": LIST,
        "operation_status": {"code": code, "description": "said"},
        "delivery_status": {"code": delivery, "description": "x"},
        "approximate_count_lower_bound": low,
        "approximate_count_upper_bound": 1200,
    }


@pytest.mark.parametrize(
    ("answer", "ready", "settled", "matched"),
    [
        (state_answer(), True, True, 1000),
        (state_answer(low="1000"), True, True, 1000),
        (state_answer(code=441, delivery=300, low=-1), False, False, None),
        (state_answer(code=414), False, False, 1000),
        (state_answer(code=411), True, True, 1000),
        (state_answer(code=412), True, True, 1000),
        (state_answer(code=100), True, True, 1000),
        (state_answer(code=411, delivery=300), False, True, 1000),
        (state_answer(code=415), False, True, 1000),
        (state_answer(code=450), False, True, 1000),
        (state_answer(code=471), False, True, 1000),
        (state_answer(delivery=300, low=0), False, True, 0),
    ],
)
def test_the_state_of_a_list(net, connector, answer, ready, settled, matched):
    got(net, LIST, STATE, answer)
    state = connector.state(LIST)
    assert (state.ready, state.settled, state.matched) == (ready, settled, matched)
    assert state.size is None


def test_a_state_without_a_status(net, connector):
    got(net, LIST, STATE, {"id": LIST})
    with pytest.raises(ContractBroken):
        connector.state(LIST)


def test_a_list_with_lookalikes_stays(net, connector):
    net.add("DELETE", BASE + LIST, json=error(2656), status=400)
    with pytest.raises(RuleRefused, match="look-alikes"):
        connector.delete(LIST)


def test_renaming_changes_the_name_only(net, connector):
    sent(net, LIST, {"name": "seg:best"}, {"success": True})
    assert connector.rename(LIST, "seg:best")


def test_renaming_what_is_gone(net, connector):
    sent(net, LIST, {"name": "seg:best"}, error(100, 33), status=400)
    with pytest.raises(ListGone):
        connector.rename(LIST, "seg:best")


def test_deleting_that_is_no_success(net, connector):
    net.add("DELETE", BASE + LIST, json={"success": False})
    with pytest.raises(ContractBroken):
        connector.delete(LIST)


# Look-alikes

WISH = Lookalike(countries=("DE",))
GROWN = "id,name,subtype,lookalike_spec"


@pytest.mark.parametrize(("reach", "ratio"), [(1, 0.01), (2, 0.02), (3, 0.03), (4, 0.05), (5, 0.1)])
def test_a_lookalike_is_made(net, connector, reach, ratio):
    other = {"type": "custom_ratio", "ratio": ratio, "country": "DE", "origin": [{"id": "1"}]}
    listed(net, GROWN, {"id": "9", "name": "like", "subtype": "LOOKALIKE", "lookalike_spec": other})
    got(net, SEED, STATE, state_answer())
    body = {
        "name": "like",
        "subtype": "LOOKALIKE",
        "origin_audience_id": SEED,
        "lookalike_spec": json.dumps({"type": "custom_ratio", "ratio": ratio, "country": "DE"}),
    }
    sent(net, AUDIENCES, body, {"id": LIST})
    assert connector.grow(SEED, "like", reach, WISH) == LIST


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"country": "DE"}, True),
        ({"country": "DE", "target_countries": ["DE"]}, True),
        ({"location_spec": {"geo_locations": {"countries": ["DE"]}}}, True),
        ({}, True),
        ({"country": "AT"}, False),
        ({"target_countries": ["DE", "AT"]}, False),
    ],
)
def test_a_lookalike_of_other_countries_is_another_one(net, connector, told, found):
    spec = {"type": "custom_ratio", "ratio": 0.01, "origin": [{"id": SEED}], **told}
    listed(net, GROWN, {"id": "9", "name": "like", "subtype": "LOOKALIKE", "lookalike_spec": spec})
    if not found:
        got(net, SEED, STATE, state_answer())
        net.add("POST", f"{BASE}{AUDIENCES}", json={"id": LIST})
    assert connector.grow(SEED, "like", 1, WISH) == ("9" if found else LIST)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (state_answer(code=441, low=-1), ListBusy),
        (state_answer(code=414), ListBusy),
        (state_answer(code=410, low=-1), SeedRefused),
        (state_answer(code=471), SeedRefused),
        (state_answer(low=90), SeedRefused),
    ],
)
def test_a_seed_that_cannot_serve(net, connector, answer, kind):
    listed(net, GROWN)
    got(net, SEED, STATE, answer)
    with pytest.raises(kind):
        connector.grow(SEED, "like", 1, WISH)


def test_meta_does_not_grow_from_the_seed(net, connector):
    listed(net, GROWN)
    got(net, SEED, STATE, state_answer())
    told = error(100, message="(#100) at least 100 people in one country")
    net.add("POST", BASE + AUDIENCES, json=told, status=400)
    with pytest.raises(SeedRefused, match="one country"):
        connector.grow(SEED, "like", 1, WISH)


def test_several_countries(net, connector):
    listed(net, GROWN)
    got(net, SEED, STATE, state_answer())
    net.add("POST", BASE + AUDIENCES, json={"id": LIST})
    connector.grow(SEED, "like", 1, Lookalike(countries=("UA", "PL")))
    spec = json.loads(json.loads(net.calls[-1].request.body)["lookalike_spec"])
    assert spec["location_spec"] == {"geo_locations": {"countries": ["UA", "PL"]}}
    assert "country" not in spec


def test_without_a_country_nothing_grows(connector):
    with pytest.raises(RuleRefused, match="countries"):
        connector.grow(SEED, "like", 1, Lookalike())


# Bids

AD_SETS = {
    "limit": 100,
    "fields": "id,bid_strategy,bid_adjustments,value_rule_set_id,value_rules_applied,"
    "campaign{bid_strategy}",
}
RULE_SETS = {
    "limit": 100,
    "fields": "id,name,status,rules{name,adjust_sign,adjust_value,status,criterias}",
}
FREE = {"id": AD_SET, "bid_strategy": "LOWEST_COST_WITHOUT_CAP", "value_rules_applied": False}
CAPPED = {"id": BID_CAP, "bid_strategy": "LOWEST_COST_WITH_BID_CAP"}
OURS = {"id": LIST, "audience_labels": ["OTHER_1"]}


def criterion(label):
    return {
        "criteria_type": "AUDIENCE_LABEL",
        "operator": "CONTAINS",
        "criteria_values": [label],
        "criteria_value_types": ["NONE"],
    }


def rule(label, percent, name=None):
    return {
        "name": name or f"adsteer {label} {percent:+d} %",
        "adjust_sign": "INCREASE" if percent > 0 else "DECREASE",
        "adjust_value": abs(percent),
        "criterias": [criterion(label)],
    }


def rule_set(number, name, *rules):
    """As it is read back: lists are edges, everything has an id."""
    shown = [
        {**one, "id": f"{number}{n}", "status": "ACTIVE",
         "criterias": {"data": [{**each, "id": f"{number}{n}9"} for each in one["criterias"]]}}
        for n, one in enumerate(rules)
    ]  # fmt: skip
    return {"id": number, "name": name, "status": "ACTIVE", "rules": {"data": shown}}


def standing(net, ad_sets=(FREE, CAPPED), audiences=(OURS,), sets=()):
    """What is read before corrections are read or written."""
    got(net, f"{ACT}/adsets", AD_SETS, {"data": list(ad_sets)})
    got(net, f"{ACT}/value_rule_set", RULE_SETS, {"data": list(sets)})
    listed(net, "id,audience_labels", *audiences)


def labelled(net, *audiences):
    """What is read to find a list's label."""
    listed(net, "id,audience_labels", *audiences)


def rule_sets(net, *sets):
    got(net, f"{ACT}/value_rule_set", RULE_SETS, {"data": list(sets)})


def change(percent, target=HERE, condition=LIST, correction=None):
    return CorrectionChange(target, "vip", condition, correction, percent)


def test_a_list_gets_a_label_of_its_own(net, connector):
    theirs = [
        {"id": "1", "audience_labels": ["OTHER_1", "OTHER_2"]},
        {"id": "2", "audience_labels": ["OTHER_2"]},
        {"id": LIST, "audience_labels": ["CART_ABANDONERS"]},
    ]
    labelled(net, *theirs)
    rule_sets(net, rule_set("8", "by hand", rule("OTHER_3", 5, "mine")))
    sent(net, LIST, {"audience_labels": ["CART_ABANDONERS", "ENGAGED_USERS"]}, {"success": True})
    assert connector.condition_for(LIST, "seg:vip") == LIST


@pytest.mark.parametrize(
    ("title", "label"),
    [("seg: at risk", "AT_RISK"), ("Sleeping buyers", "DISENGAGED"), ("seg:new", "OTHER_1")],
)
def test_a_label_that_fits_the_title_is_taken(net, connector, title, label):
    labelled(net, {"id": LIST})
    rule_sets(net)
    sent(net, LIST, {"audience_labels": [label]}, {"success": True})
    connector.condition_for(LIST, title)


def test_a_label_that_is_there_stays(net, connector):
    labelled(net, OURS)
    assert connector.condition_for(LIST, "seg:vip") == LIST
    labelled(net, OURS)
    assert connector.find_condition(LIST, "seg:vip") == LIST


def test_a_label_that_two_lists_carry_means_neither(net, connector):
    labelled(net, OURS, {"id": "1", "audience_labels": ["OTHER_1"]})
    assert connector.find_condition(LIST, "seg:vip") is None


def test_labels_run_out(net, connector):
    labelled(net, {"id": LIST}, {"id": "1", "audience_labels": [*LABELS]})
    rule_sets(net)
    with pytest.raises(RuleRefused, match="labels"):
        connector.condition_for(LIST, "seg:vip")


def test_a_list_of_another_account(net, connector):
    labelled(net)
    with pytest.raises(OperatorError, match="not in account fb"):
        connector.condition_for(LIST, "seg:vip")


BY_HAND = rule_set(
    "80",
    "by hand",
    rule("AT_RISK", 20, "win back"),
    {**rule("OTHER_2", -5, "both"), "criterias": [criterion("OTHER_2"), criterion("AT_RISK")]},
)


def test_corrections_are_read(net, connector):
    groups = json.dumps({"custom_audience": {"7": 0.8, LIST: 0.09, "default": 0.5}})
    following = {**FREE, "value_rule_set_id": "81", "value_rules_applied": True}
    sets = [BY_HAND, rule_set("81", "adsteer", rule("OTHER_1", -30), rule("OTHER_3", 1000))]
    lowered = {**CAPPED, "bid_adjustments": {"user_groups": groups}}
    standing(net, ad_sets=[following, lowered], sets=sets)
    nowhere = BidObject("fb", "meta", Level.AD_GROUP, "404")
    campaign = BidObject("fb", "meta", Level.CAMPAIGN, AD_SET)
    assert connector.read_corrections([HERE, THERE, nowhere, campaign]) == (
        PresentCorrection(HERE, LIST, f"{AD_SET}/OTHER_1", -30),
        PresentCorrection(HERE, "OTHER_3", f"{AD_SET}/OTHER_3", 1000),
        PresentCorrection(THERE, "7", f"{BID_CAP}/7", -20),
        PresentCorrection(THERE, LIST, f"{BID_CAP}/{LIST}", -91),
    )


def test_a_set_that_is_not_applied_is_no_correction(net, connector):
    off = {**FREE, "value_rule_set_id": "80", "value_rules_applied": False}
    standing(net, ad_sets=[off], sets=[BY_HAND])
    assert connector.read_corrections([HERE]) == ()


def test_nothing_asked_is_nothing_sent(connector):
    assert connector.read_corrections([]) == ()
    assert connector.write_corrections([]) == ()
    assert connector.strategies([]) == ()
    assert connector.spend([], date(2026, 8, 1), date(2026, 8, 2)) == ()


def test_a_rule_set_is_made_and_followed(net, connector):
    standing(net)
    name = "adsteer: OTHER_1 -30 %"
    body = {"name": name, "product_type": "AUDIENCE", "rules": [rule("OTHER_1", -30)]}
    sent(net, f"{ACT}/value_rule_set", body, {"id": "90"})
    attach = {"value_rule_set_id": "90", "value_rules_applied": True}
    sent(net, AD_SET, attach, {"success": True})
    (receipt,) = connector.write_corrections([change(-30)])
    assert (receipt.refused, receipt.correction_id) == ("", f"{AD_SET}/OTHER_1")


def test_ad_sets_with_the_same_corrections_share_a_set(net, connector):
    second = {**FREE, "id": "120200000000009"}
    standing(net, ad_sets=[FREE, second], sets=[rule_set("90", "adsteer", rule("OTHER_1", -30))])
    attach = {"value_rule_set_id": "90", "value_rules_applied": True}
    for one in (AD_SET, "120200000000009"):
        sent(net, one, attach, {"success": True})
    there = BidObject("fb", "meta", Level.AD_GROUP, "120200000000009")
    receipts = connector.write_corrections([change(-30), change(-30, there)])
    assert [one.refused for one in receipts] == ["", ""]


def following(*ids):
    """Ad sets that follow set 90 of ours."""
    more = {"value_rule_set_id": "90", "value_rules_applied": True}
    return [{**FREE, "id": one, **more} for one in ids]


SECOND = "120200000000009"
BESIDE = BidObject("fb", "meta", Level.AD_GROUP, SECOND)


def test_who_share_a_set_of_ours_and_change_alike_change_in_one_go(net, connector):
    shared = rule_set("90", "adsteer", rule("OTHER_1", -30))
    standing(net, ad_sets=following(AD_SET, SECOND), sets=[shared])
    anew = {"name": "adsteer: OTHER_1 +45 %", "rules": [rule("OTHER_1", 45)]}
    sent(net, "90", anew, {"success": True})
    receipts = connector.write_corrections([change(45), change(45, BESIDE)])
    assert [one.refused for one in receipts] == ["", ""]


def test_what_changed_in_one_go_is_done_though_another_fails(net, connector):
    shared = rule_set("90", "adsteer", rule("OTHER_1", -30))
    standing(net, ad_sets=[*following(AD_SET, SECOND), CAPPED], sets=[shared])
    net.add("POST", BASE + "90", json={"success": True})
    net.add("POST", BASE + BID_CAP, json=error(80004), status=400)
    changes = [change(45), change(-20, THERE), change(45, BESIDE)]
    first, failed, last = connector.write_corrections(changes)
    assert (first.refused, last.refused) == ("", "")
    assert failed.refused.startswith("failed:")


def test_who_changes_alone_leaves_the_shared_set(net, connector):
    shared = rule_set("90", "adsteer", rule("OTHER_1", -30))
    standing(net, ad_sets=following(AD_SET, SECOND), sets=[shared])
    net.add("POST", f"{BASE}{ACT}/value_rule_set", json={"id": "91"})
    attach = {"value_rule_set_id": "91", "value_rules_applied": True}
    sent(net, AD_SET, attach, {"success": True})
    assert connector.write_corrections([change(45)])[0].refused == ""


def test_a_set_of_others_is_never_changed(net, connector):
    theirs = rule_set("90", "by hand", rule("OTHER_1", -30, "mine"))
    standing(net, ad_sets=following(AD_SET), sets=[theirs])
    net.add("POST", f"{BASE}{ACT}/value_rule_set", json={"id": "91"})
    net.add("POST", BASE + AD_SET, json={"success": True})
    connector.write_corrections([change(45)])
    (made,) = json.loads(net.calls[3].request.body)["rules"]
    assert (made["name"], made["adjust_value"]) == ("mine", 45)


def test_the_strategy_may_be_the_campaigns(net, connector):
    ours = {"id": AD_SET, "campaign": {"id": "5", "bid_strategy": "LOWEST_COST_WITHOUT_CAP"}}
    standing(net, ad_sets=[ours], sets=[rule_set("90", "adsteer", rule("OTHER_1", -30))])
    sent(net, AD_SET, {"value_rule_set_id": "90", "value_rules_applied": True}, {"success": True})
    assert connector.write_corrections([change(-30)])[0].refused == ""


def test_rules_of_others_are_carried_along_in_front(net, connector):
    following = {**FREE, "value_rule_set_id": "80", "value_rules_applied": True}
    audiences = [OURS, {"id": "5", "audience_labels": ["OTHER_3"]}]
    standing(net, ad_sets=[following], audiences=audiences, sets=[BY_HAND])
    net.add("POST", f"{BASE}{ACT}/value_rule_set", json={"id": "90"})
    net.add("POST", BASE + AD_SET, json={"success": True})
    connector.write_corrections([change(10), change(-40, condition="5")])
    rules = json.loads(net.calls[3].request.body)["rules"]
    assert [one["name"] for one in rules] == [
        "win back",
        "both",
        "adsteer OTHER_3 -40 %",
        "adsteer OTHER_1 +10 %",
    ]
    assert [each["criteria_type"] for each in rules[1]["criterias"]] == ["AUDIENCE_LABEL"] * 2


def test_the_set_of_others_comes_back_when_ours_leaves(net, connector):
    mixed = rule_set("90", "adsteer: x", rule("AT_RISK", 20, "win back"), rule("OTHER_1", -30))
    theirs = rule_set("80", "by hand", rule("AT_RISK", 20, "win back"))
    following = {**FREE, "value_rule_set_id": "90", "value_rules_applied": True}
    standing(net, ad_sets=[following], sets=[theirs, mixed])
    back = {"value_rule_set_id": "80", "value_rules_applied": True}
    sent(net, AD_SET, back, {"success": True})
    sent(net, "90/delete_rule_set", {}, {"success": True})
    (receipt,) = connector.write_corrections([change(None, correction=f"{AD_SET}/OTHER_1")])
    assert (receipt.refused, receipt.correction_id) == ("", None)


@pytest.mark.parametrize("percent", [None, 0])
def test_the_last_rule_leaves_by_detaching(net, connector, percent):
    following = {**FREE, "value_rule_set_id": "90", "value_rules_applied": True}
    standing(net, ad_sets=[following], sets=[rule_set("90", "adsteer", rule("OTHER_1", -30))])
    sent(net, AD_SET, {"value_rules_applied": False}, {"success": True})
    sent(net, "90/delete_rule_set", {}, error(2500), status=400)
    sent(net, "90/deleteruleset", {}, {"success": True})
    (receipt,) = connector.write_corrections([change(percent)])
    assert (receipt.refused, receipt.correction_id) == ("", None)
    assert bool(receipt.warning) == (percent == 0)


def test_a_set_that_cannot_be_deleted_does_no_harm(net, connector, caplog):
    following = {**FREE, "value_rule_set_id": "90", "value_rules_applied": True}
    standing(net, ad_sets=[following], sets=[rule_set("90", "adsteer", rule("OTHER_1", -30))])
    sent(net, AD_SET, {"value_rules_applied": False}, {"success": True})
    sent(net, "90/delete_rule_set", {}, error(200), status=403)
    (receipt,) = connector.write_corrections([change(None)])
    assert receipt.refused == ""
    assert "90 was not deleted" in caplog.text


def full(followed=True):
    """Six sets of ours with other corrections, each followed by an ad set or none."""
    sets = [rule_set(str(90 + n), f"adsteer {n}", rule("OTHER_2", 5 + n)) for n in range(6)]
    ad_sets = [
        {**FREE, "id": f"12020000000010{n}", "value_rule_set_id": str(90 + n),
         "value_rules_applied": followed}
        for n in range(6)
    ]  # fmt: skip
    return sets, ad_sets


def test_sets_run_out(net, connector):
    sets, ad_sets = full()
    standing(net, ad_sets=[FREE, *ad_sets], sets=sets)
    with pytest.raises(RuleRefused, match="6 value rule sets"):
        connector.write_corrections([change(-30)])


def test_unused_sets_of_ours_make_room(net, connector):
    sets, ad_sets = full(followed=False)
    sets[0] = rule_set("90", "by hand", rule("OTHER_2", 5))
    standing(net, ad_sets=[FREE, *ad_sets], sets=sets)
    for n in range(1, 6):
        sent(net, f"{90 + n}/delete_rule_set", {}, {"success": True})
    net.add("POST", f"{BASE}{ACT}/value_rule_set", json={"id": "99"})
    net.add("POST", BASE + AD_SET, json={"success": True})
    assert connector.write_corrections([change(-30)])[0].refused == ""


def test_multipliers_lower_where_value_rules_do_not_work(net, connector):
    groups = json.dumps({"custom_audience": {"7": 0.8, "default": 0.5}})
    lowered = {**CAPPED, "bid_adjustments": {"user_groups": groups}}
    standing(net, ad_sets=[lowered])
    factors = {"7": 0.8, "default": 0.5, LIST: 0.7}
    body = {"bid_adjustments": {"user_groups": {"custom_audience": factors}}}
    sent(net, BID_CAP, body, {"success": True})
    raised, set_ = connector.write_corrections([change(10, THERE), change(-30, THERE)])
    assert "only lowers" in raised.refused
    assert (set_.refused, set_.correction_id) == ("", f"{BID_CAP}/{LIST}")


@pytest.mark.parametrize("everybody", [{}, {"default": 1.0}])
def test_the_last_multiplier_leaves_none(net, connector, everybody):
    groups = json.dumps({"custom_audience": {LIST: 0.8, **everybody}})
    lowered = {**CAPPED, "bid_adjustments": {"user_groups": groups}}
    standing(net, ad_sets=[lowered])
    sent(net, BID_CAP, {"bid_adjustments": {}}, {"success": True})
    assert connector.write_corrections([change(None, THERE)])[0].refused == ""


@pytest.mark.parametrize(
    "groups",
    [{"age": {"18-24": 0.5}}, {"custom_audience": {"7": {"gender": {"male": 0.5}}}}],
)
def test_multipliers_of_another_kind_stay(net, connector, groups):
    by_hand = {**CAPPED, "bid_adjustments": {"user_groups": json.dumps(groups)}}
    standing(net, ad_sets=[by_hand])
    (receipt,) = connector.write_corrections([change(-30, THERE)])
    assert "set by hand" in receipt.refused


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (change(-91), "-90 to 1000"),
        (change(1001), "-90 to 1000"),
        (change(-30, condition="404"), "no audience label"),
        (change(-92, THERE), "only lowers"),
        (change(-30, THERE, condition="404"), "not in the ad account"),
        (change(-30, BidObject("fb", "meta", Level.AD_GROUP, "7")), "does not tell how"),
        (change(-30, BidObject("fb", "meta", Level.AD_GROUP, "404")), "no such ad set"),
        (change(-30, BidObject("fb", "meta", Level.CAMPAIGN, AD_SET)), "no such ad set"),
    ],
)
def test_a_change_that_cannot_be(net, connector, one, said):
    standing(net, ad_sets=[FREE, CAPPED, {"id": "7"}])
    (receipt,) = connector.write_corrections([one])
    assert said in receipt.refused


def test_an_eleventh_rule_is_refused(net, connector):
    ten = [rule("AT_RISK", n, f"by hand {n}") for n in range(1, 11)]
    following = {**FREE, "value_rule_set_id": "80", "value_rules_applied": True}
    standing(net, ad_sets=[following], sets=[rule_set("80", "by hand", *ten)])
    assert "10 rules" in connector.write_corrections([change(-30)])[0].refused


def test_after_something_was_sent_a_failure_becomes_a_reason(net, connector):
    standing(net, sets=[rule_set("90", "adsteer", rule("OTHER_1", -30))])
    sent(net, AD_SET, {"value_rule_set_id": "90", "value_rules_applied": True}, {"success": True})
    net.add("POST", BASE + BID_CAP, json=error(80004), status=400)
    first, second = connector.write_corrections([change(-30), change(-30, THERE)])
    assert first.refused == ""
    assert second.refused.startswith("failed:")


def test_what_meta_does_not_take_for_an_ad_set_stops_no_other(net, connector):
    standing(net, sets=[rule_set("90", "adsteer", rule("OTHER_1", -30))])
    told = error(100, message="(#100) Value rules do not work with lead ads")
    net.add("POST", BASE + AD_SET, json=told, status=400)
    net.add("POST", BASE + BID_CAP, json={"success": True})
    first, second = connector.write_corrections([change(-30), change(-30, THERE)])
    assert "lead ads" in first.refused
    assert second.refused == ""


@pytest.mark.parametrize(
    ("ad_sets", "sets"),
    [
        ([{"id": AD_SET, "bid_adjustments": {"user_groups": "{broken"}}], []),
        ([{"bid_strategy": "COST_CAP"}], []),
        ([FREE], [{"id": "90", "rules": {"data": [{"name": "x"}]}}]),
        ([FREE], [{"id": "90", "rules": "none"}]),
    ],
)
def test_answers_of_another_form(net, connector, ad_sets, sets):
    got(net, f"{ACT}/adsets", AD_SETS, {"data": ad_sets})
    net.add("GET", f"{BASE}{ACT}/value_rule_set", json={"data": sets})
    net.assert_all_requests_are_fired = False
    with pytest.raises(ContractBroken):
        connector.read_corrections([HERE])


def test_a_page_without_a_cursor(net, connector):
    paging = {"next": "https://elsewhere.example"}
    got(net, AUDIENCES, {"limit": 100, "fields": FIND}, {"data": [{}], "paging": paging})
    with pytest.raises(ContractBroken):
        connector.find(VIP)


def test_before_something_was_sent_a_failure_is_raised(net, connector):
    standing(net)
    net.add("POST", f"{BASE}{ACT}/value_rule_set", json=error(80004), status=400)
    with pytest.raises(QuotaGone):
        connector.write_corrections([change(-30), change(-30, THERE)])


def test_a_refused_change_sends_nothing_and_hides_no_failure(net, connector):
    standing(net)
    net.add("POST", BASE + BID_CAP, json=error(80004), status=400)
    with pytest.raises(QuotaGone):
        connector.write_corrections([change(-91), change(-30, THERE)])


@pytest.mark.parametrize(
    ("strategy", "acts_on", "takes"),
    [
        ("LOWEST_COST_WITHOUT_CAP", "bid", None),
        ("COST_CAP", "bid", None),
        ("LOWEST_COST_WITH_BID_CAP", "bid", (-91, 0)),
        ("LOWEST_COST_WITH_MIN_ROAS", "unknown", (-91, 0)),
    ],
)
def test_how_an_ad_set_bids_and_what_it_takes(net, connector, strategy, acts_on, takes):
    standing(net, ad_sets=[{**FREE, "bid_strategy": strategy}])
    (told,) = connector.strategies([HERE])
    because = f"the ad set bids {strategy}: there Meta only lowers, by -91 to 0 %"
    assert told == Strategy(HERE, strategy, acts_on, takes, because if takes else "")


def test_ad_sets_that_are_gone_are_not_named(net, connector):
    rows = [
        {"id": AD_SET, "name": "Prospecting", "status": "PAUSED"},
        {"id": "2", "name": "Old", "status": "ARCHIVED"},
        {"id": "3", "name": "Older", "status": "DELETED"},
    ]
    got(net, f"{ACT}/adsets", {"limit": 100, "fields": "id,name,status"}, {"data": rows})
    (found,) = connector.objects(Level.AD_GROUP)
    assert (found.object, found.name, found.labels) == (HERE, "Prospecting", ())


# Insights

FIGURES = {
    "level": "adset",
    "fields": "adset_id,spend,impressions,clicks,actions,action_values",
    "time_range": '{"since": "2026-08-01", "until": "2026-08-02"}',
    "time_increment": 1,
    "filtering": json.dumps([{"field": "adset.id", "operator": "IN", "value": [AD_SET]}]),
    "limit": 500,
}
DAYS = (date(2026, 8, 1), date(2026, 8, 2))
ROW = {
    "adset_id": AD_SET,
    "spend": "12.34",
    "impressions": "900",
    "clicks": "30",
    "actions": [
        {"action_type": "link_click", "value": "28"},
        {"action_type": "purchase", "value": "3"},
        {"action_type": "omni_purchase", "value": "2"},
    ],
    "action_values": [
        {"action_type": "purchase", "value": "150.00"},
        {"action_type": "omni_purchase", "value": "99.90"},
    ],
    "date_start": "2026-08-01",
    "date_stop": "2026-08-01",
}


def test_spend_is_read(net, connector):
    quiet = {**ROW, "date_start": "2026-08-02", "actions": ROW["actions"][:1]}
    del quiet["action_values"]
    got(net, f"{ACT}/insights", FIGURES, {"data": [ROW, quiet]})
    first, second = connector.spend([HERE], *DAYS)
    assert first == SpendRow(
        DAYS[0], HERE, None, 900, 30, Decimal("12.34"), Decimal(2), Decimal("99.90")
    )
    assert (second.day, second.conversions, second.revenue) == (DAYS[1], Decimal(0), Decimal(0))


def test_campaigns_have_a_report_of_their_own(net, connector):
    campaign = BidObject("fb", "meta", Level.CAMPAIGN, "55")
    got(net, f"{ACT}/insights", FIGURES, {"data": []})
    filtering = json.dumps([{"field": "campaign.id", "operator": "IN", "value": ["55"]}])
    fields = FIGURES["fields"].replace("adset", "campaign")
    query = {**FIGURES, "level": "campaign", "fields": fields, "filtering": filtering}
    got(net, f"{ACT}/insights", query, {"data": [{**ROW, "campaign_id": "55"}]})
    (row,) = connector.spend([HERE, campaign], *DAYS)
    assert row.object == campaign


@pytest.mark.parametrize(
    "wrong", [{"adset_id": "404"}, {"date_start": "today"}, {"spend": "much"}, {"actions": [{}]}]
)
def test_a_row_that_was_not_asked_for(net, connector, wrong):
    got(net, f"{ACT}/insights", FIGURES, {"data": [{**ROW, **wrong}]})
    with pytest.raises(ContractBroken):
        connector.spend([HERE], *DAYS)


def ordered(net):
    got(net, f"{ACT}/insights", FIGURES, error(100, 1487534), status=400)
    wish = {
        "level": "adset",
        "fields": FIGURES["fields"],
        "time_range": {"since": "2026-08-01", "until": "2026-08-02"},
        "time_increment": "1",
        "filtering": [{"field": "adset.id", "operator": "IN", "value": [AD_SET]}],
    }
    sent(net, f"{ACT}/insights", wish, {"report_run_id": "6070"})


def run_is(net, status):
    query = {"fields": "id,async_status"}
    got(net, "6070", query, {"id": "6070", "async_status": status})


def test_too_much_at_once_is_ordered(net, connector, clock):
    ordered(net)
    for status in ("Job Not Started", "Job Running", "Job Completed"):
        run_is(net, status)
    got(net, "6070/insights", {"limit": 500}, {"data": [ROW]})
    assert len(connector.spend([HERE], *DAYS)) == 1
    assert clock.slept == [10.0, 10.0]


@pytest.mark.parametrize("status", ["Job Failed", "Job Skipped"])
def test_a_report_run_that_fails(net, connector, status):
    ordered(net)
    run_is(net, status)
    with pytest.raises(Transient):
        connector.spend([HERE], *DAYS)


def test_a_report_run_that_never_ends(net, connector, clock):
    ordered(net)
    for _ in range(181):
        run_is(net, "Job Running")
    with pytest.raises(Transient, match="1800"):
        connector.spend([HERE], *DAYS)


def test_a_run_without_an_id(net, connector):
    got(net, f"{ACT}/insights", FIGURES, error(100, 1487534), status=400)
    net.add("POST", f"{BASE}{ACT}/insights", json={"success": True})
    with pytest.raises(ContractBroken):
        connector.spend([HERE], *DAYS)


def test_an_ad_set_leaves_a_list_out_and_keeps_its_targeting(net, connector):
    """Targeting goes whole; one that leaves the list out already is not written."""
    aim = {"age_min": 18, "geo_locations": {"countries": ["DE"]}}
    left = {**aim, "excluded_custom_audiences": [{"id": "7", "name": "old"}]}
    whole = {**aim, "excluded_custom_audiences": [{"id": "7"}, {"id": "23"}]}
    got(net, "12", {"fields": "id,targeting"}, {"id": "12", "targeting": left})
    sent(net, "12", {"targeting": whole}, {"success": True})
    for _ in range(2):
        got(net, "12", {"fields": "id,targeting"}, {"id": "12", "targeting": left})
    connector.exclude("23", "12")
    connector.exclude("7", "12")
    assert connector.excluded("12") == {"7"}
    assert [one.request.method for one in net.calls] == ["GET", "POST", "GET", "GET"]
