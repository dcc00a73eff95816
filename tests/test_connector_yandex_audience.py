"""Yandex Audience: what goes over the wire, to the byte, and what each answer becomes."""

import re

import pytest
from pydantic import SecretStr
from responses import matchers

from audiences.contacts import hash_one
from audiences.model import AudienceRef, Verb
from config.audiences import Identifier, Lookalike, Purpose
from config.faults import ConfigError
from config.platforms import Account
from connectors.errors import (
    ContractBroken,
    CredentialsRefused,
    ListBusy,
    ListGone,
    ListTooSmall,
    QuotaGone,
    RuleRefused,
    SeedRefused,
    Throttled,
    Unsure,
    VersionGone,
)
from connectors.registry import connect
from connectors.yandex_account import yandex_tokens
from connectors.yandex_audience import FACTS
from tests.support.members import batch, batch_of, digest
from tests.support.surroundings import surroundings

BASE = "https://api-audience.yandex.ru/v1/management/"
AUTH = matchers.header_matcher({"Authorization": "OAuth secret-token"})
VIP = AudienceRef("ya", "yandex_audience", "vip", Purpose.RETARGETING, "adsteer: vip")
READY = {"type": "uploading", "id": 101, "name": "adsteer: vip", "status": "processed"}


@pytest.fixture
def connector(monkeypatch, clock):
    monkeypatch.setenv("SHOP_TOKEN", "secret-token")
    account = Account(name="ya", platform="yandex_audience", secrets="SHOP_")
    return connect(account, surroundings(clock))


def lists(net, *segments, status=200):
    query = matchers.query_param_matcher({"limit": 1000, "offset": 0})
    answer = {"json": {"segments": list(segments)}} if status == 200 else {}
    net.add("GET", BASE + "segments", status=status, match=[AUTH, query], **answer)


def error(kind, status, message="", **more):
    one = {"error_type": kind, "message": message, "location": "body"}
    return {"status": status, "json": {"errors": [one], "code": status, "message": message}, **more}


def file_is(expected):
    """The request is one part named `file` that holds exactly these bytes, of stated length."""

    def match(request):
        content_type = request.headers["Content-Type"]
        boundary = re.fullmatch(r"multipart/form-data; boundary=(\w+)", content_type)[1]
        body = b"".join(request.body)
        wanted = (
            f"--{boundary}\r\n"
            'Content-Disposition: form-data; name="file"; filename="members.csv"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
            f"{expected}\r\n--{boundary}--\r\n"
        ).encode()
        length = request.headers["Content-Length"]
        return body == wanted and length == str(len(wanted)), f"{length}: {body[:500]!r}"

    return match


def csv_of(first, count):
    rows = (
        f"{digest(f'7000{number:07d}')},{digest(f'person{number}@example.test')}\n"
        for number in range(first, first + count)
    )
    return "phone,email\n" + "".join(rows)


def upload(net, **answer):
    answer = answer or {"json": {"segment": {"id": 101, "status": "uploaded", "hashed": True}}}
    match = [AUTH, file_is(csv_of(1, 100)), matchers.query_param_matcher({})]
    net.add("POST", BASE + "segments/upload_csv_file", match=match, **answer)


CONFIRM = {
    "segment": {
        "id": 101,
        "name": "adsteer: vip",
        "hashed": True,
        "hashing_alg": "SHA256",
        "content_type": "crm",
        "device_matching_type": "CROSS_DEVICE",
    }
}


def confirm(net, **answer):
    answer = answer or {"json": {"segment": {**READY, "status": "is_processed"}}}
    match = [
        AUTH,
        matchers.json_params_matcher(CONFIRM),
        matchers.query_param_matcher({"check_size": "true"}),
    ]
    net.add("POST", BASE + "segment/101/confirm", match=match, **answer)


def modify(net, how, content, **answer):
    answer = answer or {"json": {"segment": {**READY, "status": "is_updated"}}}
    query = {"modification_type": how, "check_size": "true" if how == "replace" else "false"}
    match = [AUTH, file_is(content), matchers.query_param_matcher(query)]
    net.add("POST", BASE + "segment/101/modify_data", match=match, **answer)


def test_check_reads_one_segment(net, connector):
    query = matchers.query_param_matcher({"limit": 1})
    net.add("GET", BASE + "segments", json={"segments": []}, match=[AUTH, query])
    connector.check()


def test_a_list_is_uploaded_and_confirmed_with_our_title(net, connector):
    lists(net)
    lists(net)
    upload(net)
    confirm(net)
    opened = connector.find_or_create(VIP, batch(1, 100))
    assert opened.list_id == "101"
    assert (opened.receipt.accepted, opened.receipt.refused) == (100, ())


def test_a_list_that_is_there_is_not_made_again(net, connector):
    lists(net, {**READY, "id": 99, "name": "adsteer: vip "}, READY)
    opened = connector.find_or_create(VIP, batch(1, 100))
    assert (opened.list_id, opened.receipt) == ("101", None)


def test_the_oldest_of_several_lists_with_our_title_is_ours(net, connector):
    lists(net, {**READY, "id": 1000}, READY, {**READY, "id": 3, "type": "lookalike"})
    assert connector.find(VIP) == "101"


def test_all_pages_are_read(net, connector):
    page = [{"id": number, "name": "other"} for number in range(1, 1001)]
    for offset, segments in ((0, page), (1000, [READY])):
        query = matchers.query_param_matcher({"limit": 1000, "offset": offset})
        net.add("GET", BASE + "segments", json={"segments": segments}, match=[query])
    assert connector.find(VIP) == "101"


def test_fewer_than_a_hundred_records_are_not_sent(net, connector):
    lists(net)
    with pytest.raises(ListTooSmall, match="99 records"):
        connector.find_or_create(VIP, batch(1, 99))


def test_a_lost_upload_that_arrived_is_not_repeated(net, connector):
    draft = {"type": "uploading", "id": 101, "status": "uploaded", "item_quantity": 100}
    other = {**draft, "id": 7}
    lists(net, other)
    lists(net, other)
    upload(net, status=502)
    lists(net, other, draft)
    confirm(net)
    assert connector.find_or_create(VIP, batch(1, 100)).list_id == "101"


def test_a_lost_upload_that_did_not_arrive_is_repeated(net, connector):
    lists(net)
    lists(net)
    upload(net, status=502)
    lists(net, {"type": "uploading", "id": 8, "status": "uploaded", "item_quantity": 99})
    upload(net)
    confirm(net)
    assert connector.find_or_create(VIP, batch(1, 100)).list_id == "101"


def test_two_drafts_that_look_like_ours_are_both_left_alone(net, connector):
    draft = {"type": "uploading", "id": 101, "status": "uploaded", "item_quantity": 100}
    lists(net)
    lists(net)
    upload(net, status=502)
    lists(net, draft, {**draft, "id": 102})
    with pytest.raises(Unsure):
        connector.find_or_create(VIP, batch(1, 100))


def test_a_lost_confirm_that_arrived_is_not_repeated(net, connector):
    lists(net)
    lists(net)
    upload(net)
    confirm(net, status=504)
    lists(net, {**READY, "status": "is_processed"})
    assert connector.find_or_create(VIP, batch(1, 100)).receipt.accepted == 100


def test_a_lost_confirm_that_did_not_arrive_is_repeated(net, connector):
    lists(net)
    lists(net)
    upload(net)
    confirm(net, status=504)
    lists(net, {"type": "uploading", "id": 101, "status": "uploaded"})
    confirm(net)
    assert connector.find_or_create(VIP, batch(1, 100)).list_id == "101"


@pytest.mark.parametrize(("verb", "how"), [(Verb.ADD, "addition"), (Verb.REMOVE, "subtraction")])
def test_members_are_added_and_removed(net, connector, verb, how):
    lists(net, READY)
    modify(net, how, csv_of(5, 3) if verb is Verb.ADD else csv_of(5, 3)[:-1])
    act = connector.add if verb is Verb.ADD else connector.remove
    assert act("101", batch(5, 3, verb)).accepted == 3


def test_a_list_is_replaced_by_a_file_that_begins_with_another_row(net, connector):
    """So that the people who were added last are not taken for the very same file."""
    header, first, *rest = csv_of(1, 100).splitlines()
    lists(net, READY)
    modify(net, "replace", "\n".join([header, *rest, first]) + "\n")
    assert connector.replace("101", batch(1, 100, Verb.REPLACE)).accepted == 100


def test_one_person_takes_as_many_rows_as_contacts_and_is_still_one(net, connector):
    d = [digest(text) for text in "abcde"]
    people = [
        {"person_id": "a", "email": d[:2], "phone": d[2:3], "external_id": []},
        {"person_id": "b", "email": [], "phone": [d[3]], "external_id": []},
        {"person_id": "c", "email": [], "phone": [], "external_id": [d[0]]},
        {"person_id": "d", "email": [d[4]], "phone": [], "external_id": []},
    ]
    lists(net, READY)
    modify(
        net,
        "addition",
        f"phone,email\n{d[2]},{d[0]}\n{d[3]},\n,{d[4]}\n,{d[1]}\n",
    )
    receipt = connector.add("101", batch_of(people))
    assert receipt.accepted == 3
    assert [(one.person_id, one.reason) for one in receipt.refused] == [
        ("c", "has no phone or email")
    ]


def test_an_empty_batch_sends_nothing(net, connector):
    assert connector.add("101", batch_of([])).accepted == 0


@pytest.mark.parametrize("status", ["uploaded", "is_processed", "is_updated"])
def test_a_list_under_processing_takes_no_change(net, connector, status):
    lists(net, {**READY, "status": status})
    with pytest.raises(ListBusy):
        connector.add("101", batch(1, 3))


def test_a_list_that_became_busy_meanwhile(net, connector):
    lists(net, READY)
    modify(net, "addition", csv_of(1, 3), **error("invalid_parameter", 400))
    lists(net, {**READY, "status": "is_updated"})
    with pytest.raises(ListBusy):
        connector.add("101", batch(1, 3))


def test_the_same_file_again_is_done_already(net, connector):
    lists(net, READY)
    modify(net, "addition", csv_of(1, 3), **error("no_changes", 400))
    assert connector.add("101", batch(1, 3)).accepted == 3


@pytest.mark.parametrize(
    "after", [{"status": "is_updated"}, {"uploading_last_modify_time": "2026-09-01T12:00:00"}]
)
def test_a_lost_change_that_arrived_is_not_repeated(net, connector, after):
    lists(net, READY)
    modify(net, "addition", csv_of(1, 3), status=500)
    lists(net, {**READY, **after})
    assert connector.add("101", batch(1, 3)).accepted == 3


def test_a_lost_change_that_did_not_arrive_is_repeated(net, connector):
    lists(net, READY)
    modify(net, "subtraction", csv_of(1, 3)[:-1], status=500)
    lists(net, READY)
    modify(net, "subtraction", csv_of(1, 3)[:-1])
    assert connector.remove("101", batch(1, 3, Verb.REMOVE)).accepted == 3


def test_a_list_deleted_behind_our_back(net, connector):
    lists(net, {**READY, "id": 102})
    with pytest.raises(ListGone):
        connector.add("101", batch(1, 3))


@pytest.mark.parametrize(
    ("said", "ready", "settled"),
    [
        ("uploaded", False, False),
        ("is_processed", False, False),
        ("is_updated", False, False),
        ("processed", True, True),
        ("few_data", False, True),
        ("processing_failed", False, True),
    ],
)
def test_states(net, connector, said, ready, settled):
    lists(
        net,
        {**READY, "status": said, "item_quantity": "1200", "matched_quantity": "730"},
    )
    state = connector.state("101")
    assert (state.ready, state.settled, state.said) == (ready, settled, said)
    assert (state.size, state.matched) == (1200, 730)


@pytest.mark.parametrize("count", ["", None, "--", "abc"])
def test_counts_that_are_none(net, connector, count):
    lists(net, {**READY, "matched_quantity": count})
    assert connector.state("101").matched is None


def test_an_unknown_status_is_not_guessed(net, connector):
    lists(net, {**READY, "status": "process"})
    with pytest.raises(ContractBroken):
        connector.state("101")


def test_renaming_changes_the_name_only(net, connector):
    body = {"segment": {"name": "adsteer: best"}}
    net.add(
        "PUT",
        BASE + "segment/101",
        json={"segment": {**READY, "name": "adsteer: best"}},
        match=[AUTH, matchers.json_params_matcher(body)],
    )
    assert connector.rename("101", "adsteer: best")


def test_delete_and_delete_again(net, connector):
    net.add("DELETE", BASE + "segment/101", json={"success": True}, match=[AUTH])
    net.add("DELETE", BASE + "segment/101", **error("not_found", 404))
    connector.delete("101")
    connector.delete("101")


def lookalike(net, **answer):
    body = {
        "segment": {
            "name": "LAL buyers 2",
            "lookalike_link": 101,
            "lookalike_value": 2,
            "maintain_device_distribution": True,
            "maintain_geo_distribution": False,
        }
    }
    answer = answer or {"json": {"segment": {"id": 202, "type": "lookalike"}}}
    net.add(
        "POST",
        BASE + "segments/create_lookalike",
        match=[AUTH, matchers.json_params_matcher(body)],
        **answer,
    )


GROWN = {
    "type": "lookalike",
    "id": 202,
    "name": "LAL buyers 2",
    "lookalike_link": 101,
    "lookalike_value": 2,
}
WISH = Lookalike(keep_geo=False)
SETTINGS = {"maintain_device_distribution": True, "maintain_geo_distribution": False}


def test_a_lookalike_is_made(net, connector):
    lists(net, {**GROWN, "lookalike_link": 55}, {**GROWN, "lookalike_value": 3}, READY)
    lists(net, READY)
    lookalike(net)
    assert connector.grow("101", "LAL buyers 2", 2, WISH) == "202"


def test_a_lookalike_that_is_there_is_found(net, connector):
    lists(net, READY, GROWN)
    assert connector.grow("101", "LAL buyers 2", 2, WISH) == "202"


@pytest.mark.parametrize("told", SETTINGS)
def test_a_lookalike_with_other_settings_is_another_one(net, connector, told):
    lists(net, {**GROWN, told: not SETTINGS[told]}, READY)
    lists(net, {**GROWN, told: not SETTINGS[told]}, READY)
    lookalike(net)
    assert connector.grow("101", "LAL buyers 2", 2, WISH) == "202"


@pytest.mark.parametrize(
    ("rule", "email", "written"),
    [
        (None, "Name.Namovich+promo@ya.ru", "name.namovich+promo@ya.ru"),
        (None, "имя@пример.рф", None),
        ("yandex_canonical", "Name.Namovich+promo@ya.ru", "name-namovich@yandex.ru"),
    ],
)
def test_how_an_address_is_written_is_the_accounts_choice(monkeypatch, rule, email, written):
    monkeypatch.setenv("SHOP_TOKEN", "secret-token")
    if rule is not None:
        monkeypatch.setenv("SHOP_CONTACT_RULE", rule)
    account = Account(name="ya", platform="yandex_audience", secrets="SHOP_")
    recipe = connect(account, surroundings()).recipe
    found = hash_one(Identifier.EMAIL, email, recipe, ("RU",))
    assert list(found) == ([digest(written)] if written else [])


def test_a_lookalike_whose_answer_was_lost_is_found(net, connector):
    lists(net, READY)
    lists(net, READY)
    lookalike(net, status=503)
    lists(net, READY, GROWN)
    assert connector.grow("101", "LAL buyers 2", 2, WISH) == "202"


@pytest.mark.parametrize(
    ("status", "fault"),
    [("is_processed", ListBusy), ("few_data", SeedRefused), ("processing_failed", SeedRefused)],
)
def test_a_seed_that_is_not_ready(net, connector, status, fault):
    for _ in range(2):
        lists(net, {**READY, "status": status})
    with pytest.raises(fault):
        connector.grow("101", "LAL buyers 2", 2, WISH)


def test_a_seed_the_platform_refuses(net, connector):
    lists(net, READY)
    lists(net, READY)
    lookalike(net, **error("invalid_parameter", 400))
    with pytest.raises(SeedRefused):
        connector.grow("101", "LAL buyers 2", 2, WISH)


@pytest.mark.parametrize("reach", [0, 6])
def test_a_reach_that_does_not_exist(net, connector, reach):
    with pytest.raises(RuleRefused):
        connector.grow("101", "LAL", reach, WISH)


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (error("unauthorized", 401), CredentialsRefused),
        (error("access_denied", 403), CredentialsRefused),
        (error("invalid_token", 403), CredentialsRefused),
        (error("quota", 429, "Quota per day exceeded"), QuotaGone),
        (error("query_error", 400), ContractBroken),
        (error("header_validation_error", 400), ContractBroken),
        (error("not_acceptable", 406), ContractBroken),
        ({"status": 404, "body": "<html>"}, VersionGone),
        ({"status": 410, "body": "<html>"}, VersionGone),
        ({"status": 200, "json": {"unexpected": 1}}, ContractBroken),
    ],
)
def test_errors_say_who_must_act(net, connector, answer, fault):
    net.add("GET", BASE + "segments", **answer)
    with pytest.raises(fault):
        connector.state("101")


def test_a_quota_of_seconds_is_waited_for(net, connector, clock):
    answer = error("quota", 429, "Too many requests per second", headers={"Retry-After": "3"})
    net.add("GET", BASE + "segments", **answer)
    lists(net, READY)
    assert connector.state("101").ready
    assert 3 <= clock.slept[0] <= 4


def test_a_quota_without_an_end(net, connector):
    for _ in range(5):
        net.add("GET", BASE + "segments", **error("quota", 429, "Too many requests"))
    with pytest.raises(Throttled):
        connector.state("101")


def test_the_eleventh_change_of_a_minute_waits(net, connector, clock):
    for _ in range(11):
        net.add("DELETE", BASE + "segment/101", json={"success": True})
    for _ in range(11):
        connector.delete("101")
    assert clock.slept == [60]


def test_quotas_are_those_of_the_documents():
    assert {(one.group, one.amount, one.seconds) for one in FACTS.quotas} >= {
        ("any", 30, 1),
        ("change", 10, 60),
        ("change", 100, 3600),
        ("change", 500, 86400),
    }


def test_missing_secrets_are_named(monkeypatch, tmp_path):
    monkeypatch.delenv("NOWHERE_TOKEN", raising=False)
    account = Account(name="ya", platform="yandex_audience", secrets="NOWHERE_")
    with pytest.raises(ConfigError, match="NOWHERE_TOKEN"):
        connect(account, surroundings(folder=tmp_path))


def test_secrets_may_stand_in_an_env_file(net, tmp_path):
    (tmp_path / ".env").write_text("SHOP2_TOKEN=secret-token\n", encoding="utf-8")
    account = Account(name="ya", platform="yandex_audience", secrets="SHOP2_")
    lists(net, READY)
    assert connect(account, surroundings(folder=tmp_path)).find(VIP) == "101"


def test_secrets_may_come_from_a_store(net, tmp_path):
    account = Account(name="ya", platform="yandex_audience", secrets="SHOP3_")
    store = {"ya": {"token": SecretStr("secret-token")}}
    lists(net, READY)
    around = surroundings(folder=tmp_path, secrets=store)
    assert connect(account, around).find(VIP) == "101"
    assert "secret-token" not in repr(around)


def test_accounts_with_the_same_secrets_renew_their_token_once(net, monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", "old-token")
    monkeypatch.setenv("SHOP_REFRESH_TOKEN", "refresh")
    monkeypatch.setenv("SHOP_CLIENT_ID", "client")
    around = surroundings()
    first, second = (
        connect(Account(name=name, platform="yandex_audience", secrets="SHOP_"), around)
        for name in ("one", "two")
    )
    net.add("GET", BASE + "segments", **error("unauthorized", 401))
    renewal = {"grant_type": "refresh_token", "refresh_token": "refresh", "client_id": "client"}
    net.add(
        "POST",
        "https://oauth.yandex.ru/token",
        json={"access_token": "secret-token"},
        match=[matchers.urlencoded_params_matcher(renewal)],
    )
    lists(net, READY)
    lists(net, READY)
    assert first.find(VIP) == second.find(VIP) == "101"


def renewed(net, refresh, access, fresh):
    form = {"grant_type": "refresh_token", "refresh_token": refresh, "client_id": "client"}
    net.add(
        "POST",
        "https://oauth.yandex.ru/token",
        json={"access_token": access, "refresh_token": fresh},
        match=[matchers.urlencoded_params_matcher(form)],
    )


def test_the_next_run_and_direct_go_on_with_the_renewed_token(net, monkeypatch, tmp_path):
    """A refresh token that was used up is not offered again; new secrets are believed at once."""
    monkeypatch.setenv("SHOP_TOKEN", "old-token")
    monkeypatch.setenv("SHOP_REFRESH_TOKEN", "refresh-one")
    monkeypatch.setenv("SHOP_CLIENT_ID", "client")
    account = Account(name="one", platform="yandex_audience", secrets="SHOP_")

    net.add("GET", BASE + "segments", **error("unauthorized", 401))
    renewed(net, "refresh-one", "secret-token", "refresh-two")
    lists(net, READY)
    assert connect(account, surroundings(state=tmp_path / "state")).find(VIP) == "101"

    lists(net, READY)
    assert connect(account, surroundings(state=tmp_path / "state")).find(VIP) == "101"

    direct = Account(name="two", platform="yandex_direct", secrets="SHOP_")
    tokens = yandex_tokens(direct, surroundings(state=tmp_path / "state"))
    assert tokens.current() == "secret-token"
    renewed(net, "refresh-two", "token-three", "refresh-three")
    assert tokens.renew("secret-token")

    monkeypatch.setenv("SHOP_TOKEN", "consented-again")
    again = yandex_tokens(account, surroundings(state=tmp_path / "state"))
    assert again.current() == "consented-again"
    (file,) = (tmp_path / "state").glob("yandex-*.json")
    assert file.stat().st_mode & 0o077 == 0


def test_a_sandbox_account_needs_no_secrets_and_stays_in_the_sandbox(net):
    account = Account(name="ya", platform="yandex_audience", sandbox=True)
    net.add(
        "GET",
        "http://127.0.0.1:9/yandex_audience/v1/management/segments",
        json={"segments": []},
        match=[matchers.header_matcher({"Authorization": "OAuth sandbox-token"})],
    )
    connect(account, surroundings(sandbox_url="http://127.0.0.1:9")).check()
    with pytest.raises(RuleRefused, match="sandbox"):
        connect(account, surroundings())


def test_an_unknown_platform_is_named_with_the_nearest_one():
    with pytest.raises(RuleRefused, match="Did you mean yandex_audience"):
        connect(Account(name="ya", platform="yandex_audence"), surroundings())
