"""VK Ads: lists as they are made over the wire, who must act on a refusal, and accounts."""

import pytest
from responses import matchers

from config.platforms import Account
from connectors.errors import (
    ContractBroken,
    CredentialsRefused,
    ListGone,
    ListTooSmall,
    QuotaGone,
    RuleRefused,
    Throttled,
    Transient,
    VersionGone,
)
from connectors.registry import connect
from tests.support.members import batch, batch_of
from tests.support.surroundings import surroundings
from tests.support.wire_vk import (
    AUTH,
    BASE,
    EMAILS,
    GROUPS,
    LISTS,
    LOOKALIKES,
    PHONES,
    RELATIONS,
    SEGMENTS,
    TWO_THOUSAND,
    VIP,
    connector,
    email,
    flat,
    found_lists,
    found_segments,
    list_of,
    md5,
    md5_digests,
    one_list,
    phone,
    phones_only,
    refused,
    relations,
    room,
    segment_made,
    upload,
)

__all__ = ["connector", "md5_digests"]


# Checking


def let_in(net):
    """Segments and ad groups may be read."""
    for path, query in ((SEGMENTS, {"limit": 1}), (GROUPS, {"fields": "id", "limit": 1})):
        match = [AUTH, matchers.query_param_matcher(query)]
        net.add("GET", path, json={"items": []}, match=match)


def test_check_reads_a_segment_an_ad_group_and_the_limits(net, connector):
    let_in(net)
    room(net)
    connector.check()


def test_check_of_an_account_with_lookalikes_names_the_permission(net, monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", "secret-token")
    monkeypatch.setenv("SHOP_LOOKALIKES", "true")
    account = Account(name="vk", platform="vk", secrets="SHOP_")
    let_in(net)
    room(net)
    error = {"code": "access_denied", "required_permission": "use_lookalike_audiences"}
    match = [AUTH, matchers.query_param_matcher({"limit": 1})]
    net.add("GET", LOOKALIKES, status=403, json={"error": error}, match=match)
    with pytest.raises(CredentialsRefused, match="use_lookalike_audiences"):
        connect(account, surroundings()).check()


def test_check_says_when_uploads_of_our_version_ended(net, connector):
    let_in(net)
    room(net, v3={"CREATE": {"limits": {"3600": 0}, "remaining": {"3600": 0}}})
    with pytest.raises(VersionGone, match="v3"):
        connector.check()


# Making a list


def test_a_list_is_a_segment_over_a_list_per_kind_of_contact(net, connector):
    found_segments(net)
    found_lists(net, PHONES)
    upload(net, map(phone, TWO_THOUSAND))
    found_lists(net, EMAILS)
    upload(net, map(email, TWO_THOUSAND), name=EMAILS, kind="emails", json={"id": "28613"})
    segment_made(net, 28612, 28613)
    opened = connector.find_or_create(VIP, batch(1, 2000))
    assert opened.list_id == "481"
    assert (opened.receipt.accepted, opened.receipt.refused) == (2000, ())


def test_a_kind_with_too_few_contacts_gets_no_list(net, connector):
    people = [
        {"person_id": f"p{n}", "email": [], "phone": [phone(n)], "external_id": []}
        for n in TWO_THOUSAND
    ]
    people.append({"person_id": "mail", "email": [email(1)], "phone": [], "external_id": []})
    people.append({"person_id": "none", "email": [], "phone": [], "external_id": [md5("x")]})
    found_segments(net)
    found_lists(net, PHONES)
    upload(net, map(phone, TWO_THOUSAND))
    segment_made(net, 28612)
    receipt = connector.find_or_create(VIP, batch_of(people)).receipt
    assert receipt.accepted == 2000
    assert [(one.person_id, one.temporary) for one in receipt.refused] == [
        ("mail", True),
        ("none", False),
    ]


def test_fewer_than_2000_contacts_of_every_kind_are_not_sent(net, connector):
    found_segments(net)
    with pytest.raises(ListTooSmall, match="1999 phones and 1999 emails"):
        connector.find_or_create(VIP, batch(1, 1999))


def test_the_oldest_segment_with_our_title_is_the_list(net, connector):
    others = [{"id": 9, "name": "adsteer: vip 2"}, {"id": 12, "name": "adsteer: vip"}]
    found_segments(net, *others, {"id": 11, "name": "adsteer: vip"})
    relations(net, 28612, segment=11)
    one_list(net)
    assert connector.find(VIP) == "11"


@pytest.mark.parametrize("gone", [True, False])
def test_a_segment_whose_lists_vk_deleted_is_not_found(net, connector, gone):
    found_segments(net, {"id": 11, "name": "adsteer: vip"}, {"id": 12, "name": "adsteer: vip"})
    relations(net, 28612, segment=11)
    one_list(net, status="deleted" if gone else "ready")
    if gone:
        relations(net, 28613, segment=12)
        one_list(net, "emails")
    assert connector.find(VIP) == ("12" if gone else "11")


def test_a_segment_of_other_things_with_our_title_is_found(net, connector):
    """Whoever made it, it is there: delivery says that it is not ours."""
    found_segments(net, {"id": 11, "name": "adsteer: vip"})
    items = [{"object_type": "remarketing_counter", "id": 1, "object_id": 5}]
    net.add("GET", RELATIONS.replace("481", "11"), json={"items": items}, match=[AUTH])
    assert connector.find(VIP) == "11"


def test_all_pages_are_read(net, connector):
    def page(offset, items):
        query = {"_name": "adsteer: vip", "limit": 50, "offset": offset}
        match = [matchers.query_param_matcher(query)]
        net.add("GET", SEGMENTS, json={"items": items}, match=match)

    page(0, [{"id": n, "name": "other"} for n in range(50)])
    page(50, [{"id": 99, "name": "adsteer: vip"}])
    relations(net, 28612, segment=99)
    one_list(net)
    assert connector.find(VIP) == "99"


def test_a_lost_upload_that_arrived_is_not_repeated(net, connector):
    found_segments(net)
    old = list_of("phones", id=1)
    found_lists(net, PHONES, old)
    upload(net, map(phone, TWO_THOUSAND), status=502)
    difference = list_of("phones", id=3, base=2)
    found_lists(net, PHONES, old, list_of("phones", id=2), difference)
    segment_made(net, 2)
    assert connector.find_or_create(VIP, phones_only()).list_id == "481"


def test_a_lost_upload_that_did_not_arrive_is_repeated(net, connector):
    found_segments(net)
    found_lists(net, PHONES)
    upload(net, map(phone, TWO_THOUSAND), status=502)
    found_lists(net, PHONES, list_of("phones", id=2, name=PHONES + " 2"))
    upload(net, map(phone, TWO_THOUSAND))
    segment_made(net, 28612)
    assert connector.find_or_create(VIP, phones_only()).list_id == "481"


def test_a_lost_segment_is_looked_for(net, connector):
    found_segments(net)
    found_lists(net, PHONES)
    upload(net, map(phone, TWO_THOUSAND))
    dead = {"id": 480, "name": "adsteer: vip"}
    segment_made(net, 28612, before=[dead], status=504)
    found_segments(net, dead, {"id": 481, "name": "adsteer: vip"})
    assert connector.find_or_create(VIP, phones_only()).list_id == "481"


def test_contacts_do_not_lie_about_when_the_segment_is_refused(net, connector):
    found_segments(net)
    found_lists(net, PHONES)
    upload(net, map(phone, TWO_THOUSAND))
    segment_made(net, 28612, **refused(400, "segment_limit_exceeded"))
    net.add("DELETE", f"{BASE}v3/remarketing/users_lists/28612.json", status=204, match=[AUTH])
    with pytest.raises(RuleRefused, match="segment_limit_exceeded"):
        connector.find_or_create(VIP, phones_only())


# Errors


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (flat("expired_token"), CredentialsRefused),
        (flat("invalid_token"), CredentialsRefused),
        (flat("revoked_token"), CredentialsRefused),
        (flat("invalid_user"), CredentialsRefused),
        (refused(403, "access_denied"), CredentialsRefused),
        (refused(403, "anything"), CredentialsRefused),
        (refused(404, "not_found"), ListGone),
        ({"status": 404, "body": "<html>"}, VersionGone),
        ({"status": 410, "body": "<html>"}, VersionGone),
        (refused(400, "validation_failed", limit={"code": "invalid_value"}), ContractBroken),
        ({"status": 413, "body": ""}, ContractBroken),
        ({"status": 200, "json": {"error": {"code": "access_denied"}}}, CredentialsRefused),
        ({"status": 200, "json": {"unexpected": 1}}, ContractBroken),
    ],
)
def test_errors_say_who_must_act(net, connector, answer, fault):
    net.add("GET", SEGMENTS, **answer)
    with pytest.raises(fault) as caught:
        connector.find(VIP)
    assert "secret-token" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "act"),
    [
        ("invalid_client", "ads.vk.com/hq/settings/access"),
        ("revoked_token", "ads.vk.com/hq/settings/access"),
        ("invalid_token", "ads.vk.com/hq/settings/access"),
        ("invalid_user", "support"),
    ],
)
def test_who_must_act_on_a_refused_token_and_where(net, connector, code, act):
    net.add("GET", SEGMENTS, **flat(code))
    with pytest.raises(CredentialsRefused) as caught:
        connector.find(VIP)
    assert act in caught.value.act


def test_too_many_segments_are_the_editors(net, connector):
    found_segments(net)
    found_lists(net, PHONES)
    upload(net, map(phone, TWO_THOUSAND))
    found_segments(net)
    net.add("POST", SEGMENTS, **refused(400, "segment_limit_exceeded"))
    net.add("DELETE", LISTS.replace(".json", "/28612.json"), status=204)
    with pytest.raises(RuleRefused, match="Delete segments") as caught:
        connector.find_or_create(VIP, phones_only())
    assert "bid_rules.toml" not in str(caught.value)


def test_a_missing_permission_is_named(net, connector):
    error = {"code": "access_denied", "required_permission": "use_lookalike_audiences"}
    net.add("GET", SEGMENTS, status=403, json={"error": error})
    with pytest.raises(CredentialsRefused, match=r"not enabled.*use_lookalike_audiences"):
        connector.find(VIP)


@pytest.mark.parametrize(
    ("window", "fault", "asked"),
    [("RPS", Throttled, 5), ("Hourly", QuotaGone, 1), ("Daily", QuotaGone, 1)],
)
def test_short_windows_are_waited_for_and_long_ones_are_not(net, connector, window, fault, asked):
    header = {f"X-RateLimit-{window}-Remaining": "0"}
    for _ in range(asked):
        net.add("GET", SEGMENTS, status=429, json={}, headers=header)
    with pytest.raises(fault):
        connector.find(VIP)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_troubles_that_pass_are_tried_again(net, connector, status):
    net.add("GET", SEGMENTS, status=status)
    found_segments(net)
    assert connector.find(VIP) is None


def test_an_error_inside_a_200_is_no_success(net, connector):
    for _ in range(5):
        net.add("GET", SEGMENTS, json={"error": {"code": "internal_error"}, "items": []})
    with pytest.raises(Transient, match="internal_error"):
        connector.find(VIP)


# Accounts


def test_a_sandbox_account_needs_no_secrets_and_stays_in_the_sandbox(net):
    account = Account(name="vk", platform="vk", sandbox=True)
    net.add(
        "GET",
        "http://127.0.0.1:9/vk/api/v2/remarketing/segments.json",
        json={"items": []},
        match=[matchers.header_matcher({"Authorization": "Bearer sandbox-token"})],
    )
    around = surroundings(sandbox_url="http://127.0.0.1:9")
    assert connect(account, around).find(VIP) is None
    with pytest.raises(RuleRefused, match="sandbox"):
        connect(account, surroundings())


def test_missing_secrets_are_named(monkeypatch, tmp_path):
    for name in ("TOKEN", "CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.delenv(f"NOWHERE_{name}", raising=False)
    account = Account(name="vk", platform="vk", secrets="NOWHERE_")
    with pytest.raises(CredentialsRefused, match="NOWHERE_TOKEN"):
        connect(account, surroundings(folder=tmp_path))


def test_the_title_leaves_room_for_the_kind_of_contact(connector):
    assert connector.limits.title_length + len(" [phones]") == 255
