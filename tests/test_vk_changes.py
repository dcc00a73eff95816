"""VK Ads: people added and removed as they go over the wire, and the turns uploads take."""

import re

import pytest

from audiences.model import Verb
from connectors.errors import (
    ContractBroken,
    ListBusy,
    ListGone,
    ListTooSmall,
    QuotaGone,
    Unsure,
)
from connectors.vk_files import NOBODY
from tests.support.members import batch, batch_of
from tests.support.wire_vk import (
    EMAILS,
    both_lists,
    connector,
    email,
    md5_digests,
    one_list,
    phone,
    phones_only,
    refused,
    relations,
    room,
    upload,
    used_up,
)

__all__ = ["connector", "md5_digests"]


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
