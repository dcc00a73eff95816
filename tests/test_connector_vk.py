"""VK Ads: what goes over the wire, to the byte, and what each answer becomes."""

import hashlib
import re
from datetime import date
from decimal import Decimal

import pytest
import responses
from responses import matchers

from audiences.model import AudienceRef, Verb
from bids.model import BidObject, Level
from config.audiences import Purpose
from config.platforms import Account
from connectors.errors import (
    ContractBroken,
    CredentialsRefused,
    ListBusy,
    ListGone,
    ListTooSmall,
    OperatorError,
    QuotaGone,
    RuleRefused,
    Throttled,
    Transient,
    Unsure,
    VersionGone,
)
from connectors.registry import connect
from connectors.vk_files import NOBODY
from tests.support.members import batch, batch_of
from tests.support.surroundings import Clock, surroundings

BASE = "https://ads.vk.com/api/"
LISTS = BASE + "v3/remarketing/users_lists.json"
SEGMENTS = BASE + "v2/remarketing/segments.json"
RELATIONS = BASE + "v2/remarketing/segments/481/relations.json"
GROUPS, PLANS = BASE + "v2/ad_groups.json", BASE + "v2/ad_plans.json"
LOOKALIKES = BASE + "v2/remarketing/lookalike_audiences.json"
THROTTLING = BASE + "v2/throttling.json"
AUTH = matchers.header_matcher({"Authorization": "Bearer secret-token"})
VIP = AudienceRef("vk", "vk", "vip", Purpose.RETARGETING, "adsteer: vip")
PHONES, EMAILS = "adsteer: vip [phones]", "adsteer: vip [emails]"
ROOM = {"v3": {"CREATE": {"limits": {"3600": 10}, "remaining": {"3600": 10}}}}


@pytest.fixture(autouse=True)
def _md5_digests(monkeypatch):
    monkeypatch.setattr("tests.support.members.sha256", hashlib.md5)


@pytest.fixture
def net():
    with responses.RequestsMock(
        assert_all_requests_are_fired=True, registry=responses.registries.OrderedRegistry
    ) as mock:
        yield mock


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def connector(monkeypatch, clock):
    monkeypatch.setenv("SHOP_TOKEN", "secret-token")
    return connect(Account(name="vk", platform="vk", secrets="SHOP_"), surroundings(clock))


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


def phone(number):
    return md5(f"7000{number:07d}")


def email(number):
    return md5(f"person{number}@example.test")


def room(net, **limits):
    """The live limits of uploads; plenty unless said otherwise."""
    net.add("GET", THROTTLING, json={"REMARKETINGUSERSLIST": limits or ROOM}, match=[AUTH])


def found_segments(net, *items):
    query = {"_name": "adsteer: vip", "limit": 50, "offset": 0}
    match = [AUTH, matchers.query_param_matcher(query)]
    net.add("GET", SEGMENTS, json={"count": 1, "items": list(items)}, match=match)


def found_lists(net, name, *items):
    query = {"_q": name, "limit": 50, "offset": 0}
    match = [AUTH, matchers.query_param_matcher(query)]
    net.add("GET", LISTS, json={"items": list(items)}, match=match)


def form_is(lines, fields):
    """multipart/form-data of exactly these texts and this file, in this order, of stated length."""

    def match(request):
        body = request.body if isinstance(request.body, bytes) else b"".join(request.body)
        boundary = request.headers["Content-Type"].removeprefix("multipart/form-data; boundary=")
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
            for name, text in fields.items()
        ]
        content = "".join(f"{line}\n" for line in lines)
        file = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; '
            f'filename="contacts.txt"\r\nContent-Type: application/octet-stream\r\n\r\n'
            f"{content}\r\n--{boundary}--\r\n"
        )
        wanted = ("".join(parts) + file).encode()
        length = request.headers["Content-Length"]
        return body == wanted and length == str(len(wanted)), f"{length}: {body[:300]!r}"

    return match


def upload(net, lines, *, name=PHONES, kind="phones", base=None, waits=True, **answer):
    if waits:
        room(net)
    fields = {"name": name, "type": kind, **({"base": str(base)} if base else {})}
    answer = answer or {"json": {"id": 28612, "status": "receiving", "error": None}}
    net.add("POST", LISTS, match=[AUTH, form_is(lines, fields)], **answer)


def relations(net, *numbers, segment=481):
    items = [
        {"object_type": "remarketing_users_list", "id": 9000 + n, "object_id": n} for n in numbers
    ]
    url = RELATIONS.replace("481", str(segment))
    net.add("GET", url, json={"items": items}, match=[AUTH])


def list_of(kind, **more):
    number, name = {"phones": (28612, PHONES), "emails": (28613, EMAILS)}[kind]
    return {
        "id": number,
        "name": name,
        "type": kind,
        "status": "ready",
        "base": 0,
        "ids_count": 2000,
        "matched_ids_count": 1300,
        "history": [],
        **more,
    }


def one_list(net, kind="phones", **more):
    shown = list_of(kind, **more)
    url = f"{BASE}v3/remarketing/users_lists/{shown['id']}.json"
    net.add("GET", url, json=shown, match=[AUTH])


def both_lists(net, **more):
    relations(net, 28612, 28613)
    one_list(net, "phones", **more)
    one_list(net, "emails")


def refused(status, code="validation_failed", **fields):
    return {"status": status, "json": {"error": {"code": code, "message": "m", "fields": fields}}}


def segment_made(net, *sources, before=(), **answer):
    found_segments(net, *before)
    body = {
        "name": "adsteer: vip",
        "pass_condition": 1,
        "relations": [
            {
                "object_type": "remarketing_users_list",
                "params": {"source_id": one, "type": "positive"},
            }
            for one in sources
        ],
    }
    match = [AUTH, matchers.json_params_matcher(body)]
    net.add("POST", SEGMENTS, match=match, **(answer or {"json": {"id": 481, "name": "x"}}))


TWO_THOUSAND = range(1, 2001)


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


def phones_only(count=2000):
    people = [
        {"person_id": f"p{n}", "email": [], "phone": [phone(n)], "external_id": []}
        for n in range(1, count + 1)
    ]
    return batch_of(people)


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


# Changing members


@pytest.mark.parametrize(("verb", "sign"), [(Verb.ADD, 1), (Verb.REMOVE, -1)])
def test_a_difference_per_list_is_sent(net, connector, verb, sign):
    both_lists(net)
    room(net)
    upload(net, map(phone, range(5, 35)), base=28612 * sign)
    upload(net, map(email, range(5, 35)), name=EMAILS, kind="emails", base=28613 * sign)
    act = connector.add if verb is Verb.ADD else connector.remove
    receipt = act("481", batch(5, 30, verb))
    assert (receipt.accepted, receipt.refused) == (30, ())


def test_a_short_difference_is_filled_up_with_nobody(net, connector):
    relations(net, 28612)
    one_list(net)
    room(net)
    upload(net, [phone(1), phone(2), *NOBODY[:23]], base=-28612)
    assert connector.remove("481", phones_only(2)).accepted == 2


def test_who_is_in_no_list_of_ours_is_removed_already(net, connector):
    """There is a list of phones only: an address was never sent."""
    people = [
        {"person_id": "a", "email": [email(1)], "phone": [], "external_id": []},
        {"person_id": "b", "email": [], "phone": [phone(2)], "external_id": []},
        {"person_id": "c", "email": [], "phone": [phone(3)], "external_id": []},
    ]
    fault = [{"line_number": 2, "line": phone(3), "error_code": "invalid_phone"}]
    relations(net, 28612)
    one_list(net)
    room(net)
    lines = [phone(2), phone(3), *NOBODY[:23]]
    upload(net, lines, base=-28612, json={"id": 1, "error": fault})
    receipt = connector.remove("481", batch_of(people, Verb.REMOVE))
    assert receipt.accepted == 2
    assert [one.person_id for one in receipt.refused] == ["c"]


def test_who_could_only_be_in_a_list_that_is_not_made_waits(net, connector):
    mail = {"person_id": "a", "email": [email(1)], "phone": [], "external_id": []}
    relations(net, 28612)
    one_list(net)
    (refused_,) = connector.add("481", batch_of([mail])).refused
    assert (refused_.person_id, refused_.temporary) == ("a", True)


def test_nobody_is_nobody():
    assert len(set(NOBODY)) == 25
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in NOBODY)


def test_shared_contacts_are_sent_once(net, connector):
    people = [
        {"person_id": name, "email": [], "phone": list(phones), "external_id": []}
        for name, phones in (("a", [phone(1), phone(2)]), ("b", [phone(2)]))
    ]
    relations(net, 28612)
    one_list(net)
    room(net)
    upload(net, [phone(1), phone(2), *NOBODY[:23]], base=28612)
    assert connector.add("481", batch_of(people)).accepted == 2


def test_lines_vk_did_not_take_are_people(net, connector):
    """Line 2 is of p2 alone; p3 has another phone; line 26 is a filler's."""
    people = [
        {"person_id": "p1", "email": [], "phone": [phone(1)], "external_id": []},
        {"person_id": "p2", "email": [], "phone": [phone(2)], "external_id": []},
        {"person_id": "p3", "email": [], "phone": [phone(3), phone(4)], "external_id": []},
    ]
    faults = [
        {"line_number": 2, "line": phone(2), "error_code": "invalid_phone"},
        {"line_number": 3, "line": phone(3), "error_code": "invalid_md5"},
        {"line_number": 1, "line": phone(1), "error_code": "duplicated_user_id"},
        {"line_number": 25, "line": "x", "error_code": "invalid_md5"},
    ]
    relations(net, 28612)
    one_list(net)
    room(net)
    lines = [*map(phone, range(1, 5)), *NOBODY[:21]]
    upload(net, lines, base=28612, json={"id": 28700, "error": faults})
    receipt = connector.add("481", batch_of(people))
    assert receipt.accepted == 2
    assert [(one.person_id, one.reason) for one in receipt.refused] == [
        ("p2", "VK took no contact (invalid_md5, invalid_phone)")
    ]


def test_a_file_refused_for_its_lines_is_sent_again_without_them(net, connector):
    relations(net, 28612)
    one_list(net)
    room(net)
    fault = [{"line_number": 1, "line": phone(1), "code": "invalid_phone"}]
    upload(net, map(phone, range(1, 31)), base=28612, **refused(400, file=fault))
    later = {"json": {"id": 1, "error": [{"line_number": 1, "error_code": "invalid_phone"}]}}
    upload(net, map(phone, range(2, 31)), base=28612, **later)
    receipt = connector.add("481", phones_only(30))
    assert receipt.accepted == 28
    assert [one.person_id for one in receipt.refused] == ["p1", "p2"]


def test_a_refusal_may_come_without_a_code_of_the_whole(net, connector):
    """As the documents print it: fields only."""
    relations(net, 28612)
    one_list(net)
    room(net)
    fault = [{"line_number": 10, "line": phone(10), "code": "invalid_phone"}]
    body = {"error": {"fields": {"file": fault}}}
    upload(net, map(phone, range(1, 31)), base=28612, status=400, json=body)
    upload(net, [phone(n) for n in range(1, 31) if n != 10], base=28612)
    receipt = connector.add("481", phones_only(30))
    assert [one.person_id for one in receipt.refused] == ["p10"]


def test_a_file_of_which_no_line_is_taken(net, connector):
    relations(net, 28612)
    one_list(net)
    room(net)
    faults = [{"line_number": n, "line": "x", "code": "invalid_md5"} for n in range(1, 31)]
    upload(net, map(phone, range(1, 31)), base=28612, **refused(400, file=faults))
    receipt = connector.add("481", phones_only(30))
    assert (receipt.accepted, len(receipt.refused)) == (0, 30)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"file": [{"code": "not_enough_ids"}]}, ListTooSmall),
        ({"base": [{"code": "not_found", "message": "m"}]}, ListGone),
        ({"base": [{"code": "status_not_receiving"}]}, ListBusy),
        ({"base": [{"code": "unallowed_value"}]}, ContractBroken),
        ({"type": [{"code": "type_mismatch"}]}, ContractBroken),
        ({"file": [{"code": "too_many_ids"}]}, ContractBroken),
        ({"name": {"code": "required", "message": "m"}}, ContractBroken),
    ],
)
def test_a_refused_upload_says_who_must_act(net, connector, fields, fault):
    relations(net, 28612)
    one_list(net)
    room(net)
    upload(net, map(phone, range(1, 31)), base=28612, **refused(400, **fields))
    with pytest.raises(fault):
        connector.add("481", phones_only(30))


def test_an_error_never_repeats_a_line(net, connector):
    line = phone(1)
    relations(net, 28612)
    one_list(net)
    room(net)
    said = {"code": line, "line": line, "message": line}
    answer = {"status": 400, "json": {"error": {"code": line, "fields": {line: [said]}}}}
    upload(net, map(phone, range(1, 31)), base=28612, **answer)
    with pytest.raises(ContractBroken) as caught:
        connector.add("481", phones_only(30))
    assert line[:12] not in f"{caught.value} {caught.value!r} {caught.value.__dict__}"


def test_a_lost_difference_that_arrived_is_not_repeated(net, connector):
    relations(net, 28612)
    one_list(net)
    room(net)
    upload(net, map(phone, range(1, 31)), base=28612, status=500)
    one_list(net, history=[{"diff": 30, "status": "receiving"}])
    assert connector.add("481", phones_only(30)).accepted == 30


def test_half_a_change_is_unsure(net, connector):
    """The phones are in; that the rest was refused does not make it undone."""
    both_lists(net)
    room(net)
    upload(net, map(phone, range(5, 35)), base=28612)
    room(net)
    upload(
        net, map(email, range(5, 35)), name=EMAILS, kind="emails", base=28613, waits=False,
        **refused(403, "access_denied"),
    )  # fmt: skip
    with pytest.raises(Unsure, match="28613"):
        connector.add("481", batch(5, 30))


@pytest.mark.parametrize("status", ["receiving", "received", "mapping", "mapped", "writing"])
def test_a_list_under_processing_takes_no_change(net, connector, status):
    both_lists(net, status=status)
    with pytest.raises(ListBusy, match=status) as caught:
        connector.add("481", batch(1, 30))
    assert caught.value.retry_after == 60


def test_a_list_whose_last_difference_is_processed_takes_no_change(net, connector):
    both_lists(net, history=[{"diff": 30, "status": "ready"}, {"diff": 30, "status": "mapping"}])
    with pytest.raises(ListBusy, match="mapping"):
        connector.add("481", batch(1, 30))


@pytest.mark.parametrize("status", ["pending_delete", "deleting", "deleted", "deleted_to_notify"])
def test_a_list_vk_deletes_is_gone(net, connector, status):
    relations(net, 28612)
    one_list(net, status=status)
    with pytest.raises(ListGone, match=status):
        connector.add("481", batch(1, 30))


def test_lists_that_people_put_into_our_segment_are_not_changed(net, connector):
    relations(net, 28612)
    one_list(net, name="bought in May")
    with pytest.raises(ListGone, match="none of our lists"):
        connector.add("481", batch(1, 30))


def test_an_empty_batch_sends_nothing(net, connector):
    both_lists(net)
    assert connector.add("481", batch_of([])).accepted == 0


# Turns


def used_up(span, left=0, most=1):
    return {"CREATE": {"limits": {str(span): most}, "remaining": {str(span): left}}}


def test_an_upload_waits_for_the_next_minute(net, connector, clock):
    clock.seconds = 20.0
    relations(net, 28612)
    one_list(net)
    room(net, all=used_up(60), v3=used_up(3600, 9, 10))
    room(net)
    upload(net, map(phone, range(1, 31)), base=28612)
    connector.add("481", phones_only(30))
    assert clock.slept == [40.0]


def test_a_used_up_hour_is_left_to_a_later_run(net, connector):
    relations(net, 28612)
    one_list(net)
    room(net, v3=used_up(3600, 0, 10))
    with pytest.raises(QuotaGone):
        connector.add("481", phones_only(30))


def test_a_used_up_day_ends_at_midnight_in_moscow(net, connector):
    """It is noon in Greenwich: the Moscow day has nine hours left."""
    relations(net, 28612)
    one_list(net)
    room(net, v3=used_up(86_400, 0, 10))
    with pytest.raises(QuotaGone) as caught:
        connector.add("481", phones_only(30))
    assert caught.value.retry_after == 9 * 3600


def test_one_file_is_not_sent_when_there_is_no_room_for_both(net, connector):
    both_lists(net)
    room(net, v3=used_up(3600, 1, 10))
    with pytest.raises(QuotaGone):
        connector.add("481", batch(1, 30))


def test_limits_of_other_versions_do_not_count(net, connector):
    relations(net, 28612)
    one_list(net)
    room(net, v2=used_up(3600, 0, 0), v3=used_up(3600, 9, 10))
    upload(net, map(phone, range(1, 31)), base=28612)
    connector.add("481", phones_only(30))


# State and deletion


def test_state_is_that_of_both_lists(net, connector):
    both_lists(net)
    state = connector.state("481")
    assert (state.ready, state.settled, state.said) == (True, True, "ready")
    assert (state.size, state.matched) == (2000, 1300)


def test_state_of_a_list_that_is_worked_on(net, connector):
    both_lists(net, status="mapping", ids_count="2100", matched_ids_count="0")
    state = connector.state("481")
    assert (state.ready, state.settled, state.said, state.size) == (False, False, "mapping", 2100)


def as_texts(value):
    """The type table of the documents prints numbers as texts, their examples as numbers."""
    if isinstance(value, dict):
        return {name: as_texts(one) for name, one in value.items()}
    if isinstance(value, list):
        return [as_texts(one) for one in value]
    return str(value) if isinstance(value, int) else value


def test_numbers_may_come_as_texts(net, connector):
    """A whole life: found, told, added to, targeted, paid for."""
    shown = {"id": 481, "name": "adsteer: vip"}
    found_segments(net, as_texts(shown))
    found = [
        {"id": 9001, "object_type": "remarketing_users_list", "object_id": 28612},
    ]
    one = list_of("phones", matched_ids_count=1400, ids_count=2000)
    for _ in range(3):
        net.add("GET", RELATIONS, json={"items": as_texts(found)})
        net.add("GET", LISTS.replace(".json", "/28612.json"), json=as_texts(one))
    assert connector.find(VIP) == "481"
    state = connector.state("481")
    assert (state.size, state.matched, state.settled) == (2000, 1400, True)
    for _ in range(2):
        room(net, **as_texts(ROOM))
    fields = {"name": PHONES, "type": "phones", "base": "28612"}
    wanted = form_is(list(map(phone, range(1, 31))), fields)
    answer = {"id": 28613, "base": 28612, "status": "receiving", "error": None}
    net.add("POST", LISTS, json=as_texts(answer), match=[AUTH, wanted])
    assert connector.add("481", phones_only(30)).accepted == 30
    group = BidObject("vk", "vk", Level.AD_GROUP, "857683")
    groups(net, as_texts({"id": 857683, "ad_plan_id": 7, "targetings": {"segments": [481]}}))
    net.add("GET", STATISTICS.format("ad_groups"), json=as_texts(DOCUMENTED))
    (row,) = connector.spend([group], date(2026, 9, 1), date(2026, 9, 1))
    assert (row.condition_id, row.impressions, row.cost) == ("481", 1200, Decimal("1234.56"))


def test_an_unknown_status_is_not_guessed(net, connector):
    relations(net, 28612)
    one_list(net, status="on_holiday")
    with pytest.raises(ContractBroken):
        connector.state("481")


def test_renaming_reaches_the_segment_and_its_lists(net, connector):
    """The lists keep the mark of their kind."""
    both_lists(net)
    for path, name in (
        ("v3/remarketing/users_lists/28612", "adsteer: best [phones]"),
        ("v3/remarketing/users_lists/28613", "adsteer: best [emails]"),
        ("v2/remarketing/segments/481", "adsteer: best"),
    ):
        match = [AUTH, matchers.json_params_matcher({"name": name})]
        net.add("POST", f"{BASE}{path}.json", status=204, match=match)
    assert connector.rename("481", "adsteer: best")


def test_delete_takes_the_segment_and_its_lists(net, connector):
    both_lists(net)
    for path in ("v2/remarketing/segments/481", "v3/remarketing/users_lists/28612"):
        net.add("DELETE", f"{BASE}{path}.json", status=204, match=[AUTH])
    net.add("DELETE", f"{BASE}v3/remarketing/users_lists/28613.json", **refused(404, "not_found"))
    connector.delete("481")


def test_delete_takes_what_is_left(net, connector):
    relations(net, 28612, 28613)
    one_list(net, status="deleted")
    one_list(net, "emails")
    for path in ("v2/remarketing/segments/481", "v3/remarketing/users_lists/28613"):
        net.add("DELETE", f"{BASE}{path}.json", status=204, match=[AUTH])
    connector.delete("481")


def test_a_segment_in_use_is_the_operators(net, connector):
    both_lists(net)
    net.add("DELETE", f"{BASE}v2/remarketing/segments/481.json", **refused(409, "in_use"))
    with pytest.raises(OperatorError, match="ad groups"):
        connector.delete("481")


# Errors


def flat(code):
    header = {"WWW-Authenticate": f'Bearer realm="api", error="{code}"'}
    return {"status": 401, "json": {"code": code, "message": "m"}, "headers": header}


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


# Spend


STATISTICS = BASE + "v2/statistics/{}/day.json"
DOCUMENTED = {  # the documents' own sample, with figures
    "items": [
        {
            "id": 857683,
            "rows": [
                {
                    "date": "2026-09-01",
                    "base": {
                        "shows": 1200,
                        "clicks": "34",
                        "goals": 0,
                        "spent": "1234.56",
                        "cpm": "0",
                        "cpc": "0",
                        "cpa": "0",
                        "ctr": 0,
                        "cr": 0,
                        "vk": {"goals": 3, "cpa": 0, "cr": 0},
                    },
                    "romi": {"value": "7890.10", "romi": 0, "adv_cost_share": 0},
                }
            ],
            "total": {},
        }
    ],
    "total": {},
}


def groups(net, *items, by="_id__in", ids="857683"):
    query = {"fields": "id,ad_plan_id,targetings", by: ids, "limit": 50, "offset": 0}
    match = [AUTH, matchers.query_param_matcher(query)]
    net.add("GET", BASE + "v2/ad_groups.json", json={"items": list(items)}, match=match)


def asked_for(first, last, ids="857683"):
    query = {
        "id": ids,
        "date_from": first,
        "date_to": last,
        "metrics": "base,romi",
        "attribution": "conversion",
    }
    return [AUTH, matchers.query_param_matcher(query)]


def test_spend_is_read_exactly(net, connector):
    group = BidObject("vk", "vk", Level.AD_GROUP, "857683")
    groups(net, {"id": 857683, "targetings": {"segments": [481]}})
    match = asked_for("2026-09-01", "2026-09-01")
    net.add("GET", STATISTICS.format("ad_groups"), json=DOCUMENTED, match=match)
    (row,) = connector.spend([group], date(2026, 9, 1), date(2026, 9, 1))
    assert (row.condition_id, row.impressions, row.clicks) == ("481", 1200, 34)
    assert (row.cost, row.conversions, row.revenue) == (
        Decimal("1234.56"),
        Decimal(3),
        Decimal("7890.10"),
    )


def test_a_long_time_is_asked_for_in_pieces(net, connector):
    plan = BidObject("vk", "vk", Level.CAMPAIGN, "857683")
    groups(net, by="_ad_plan_id__in")
    for days in (("2024-09-01", "2025-09-01"), ("2025-09-02", "2026-08-31")):
        match = asked_for(*days)
        net.add("GET", STATISTICS.format("ad_plans"), json={"items": []}, match=match)
    assert connector.spend([plan], date(2024, 9, 1), date(2026, 8, 31)) == ()


def day_of(number, shows, clicks, spent, goals=None, worth=None):
    base = {"shows": shows, "clicks": clicks, "spent": spent}
    if goals is not None:
        base["vk"] = {"goals": goals}
    romi = {} if worth is None else {"romi": {"value": worth}}
    return {"id": number, "rows": [{"date": "2026-09-01", "base": base, **romi}]}


def test_an_ad_plan_is_told_apart_by_its_groups_of_one_segment(net, connector):
    """Groups 1 and 2 are of segment 481, 3 of two segments; deleted ones are in the plan's sum."""
    plan = BidObject("vk", "vk", Level.CAMPAIGN, "7")
    targets = {1: [481], 2: [481], 3: [481, 482], 4: [482]}
    found = [
        {"id": n, "ad_plan_id": 8 if n == 4 else 7, "targetings": {"segments": some}}
        for n, some in targets.items()
    ]
    groups(net, *found, by="_ad_plan_id__in", ids="7")
    inner = {"items": [day_of(1, 100, 10, "50.10", 1, "70"), day_of(2, 50, 5, "20")]}
    match = asked_for("2026-09-01", "2026-09-01", "1,2")
    net.add("GET", STATISTICS.format("ad_groups"), json=inner, match=match)
    outer = {"items": [day_of(7, 400, 30, "100.30", 5, "500")]}
    match = asked_for("2026-09-01", "2026-09-01", "7")
    net.add("GET", STATISTICS.format("ad_plans"), json=outer, match=match)
    ours, rest = connector.spend([plan], date(2026, 9, 1), date(2026, 9, 1))
    assert (ours.condition_id, ours.impressions, ours.clicks) == ("481", 150, 15)
    assert (ours.cost, ours.conversions, ours.revenue) == (Decimal("70.10"), 1, 70)
    assert (rest.condition_id, rest.impressions, rest.clicks) == (None, 250, 15)
    assert (rest.cost, rest.conversions, rest.revenue) == (Decimal("30.20"), 4, 430)


@pytest.mark.parametrize("code", ["ERR_WRONG_ADGROUPS", "WRONG_ADGROUPS"])
def test_a_group_that_is_not_there_is_the_editors(net, connector, code):
    groups(net)
    error = {"error": {"code": code, "message": "m"}}
    net.add("GET", STATISTICS.format("ad_groups"), status=400, json=error)
    group = BidObject("vk", "vk", Level.AD_GROUP, "857683")
    with pytest.raises(RuleRefused, match=r"bid_rules\.toml"):
        connector.spend([group], date(2026, 9, 1), date(2026, 9, 1))


# Names


@pytest.mark.parametrize(
    ("level", "path"), [(Level.CAMPAIGN, PLANS), (Level.AD_GROUP, GROUPS)], ids=str
)
def test_objects_are_listed_by_name(net, connector, level, path):
    whole_page = [{"id": n, "name": f"no. {n}", "status": "blocked"} for n in range(1, 50)]
    gone = {"id": 50, "name": "gone", "status": "deleted"}
    for offset, items in ((0, [*whole_page, gone]), (50, [{"id": "7000", "name": "last"}])):
        query = {"fields": "id,name,status", "limit": 50, "offset": offset}
        match = [AUTH, matchers.query_param_matcher(query)]
        net.add("GET", path, json={"items": items}, match=match)
    found = connector.objects(level)
    assert [one.name for one in found] == [*(f"no. {n}" for n in range(1, 50)), "last"]
    assert found[-1].object == BidObject("vk", "vk", level, "7000")


def test_an_object_without_a_name_is_no_answer(net, connector):
    net.add("GET", PLANS, json={"items": [{"id": 7}]})
    with pytest.raises(ContractBroken, match="no name"):
        connector.objects(Level.CAMPAIGN)


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
