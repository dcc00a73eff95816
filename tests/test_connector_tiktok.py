"""TikTok: lists as they go over the wire, to the byte, and what each answer becomes."""

import hashlib
import re

import pytest

from audiences.model import Verb
from connectors.errors import (
    ContractBroken,
    ListGone,
    ListTooSmall,
    QuotaGone,
)
from tests.support.members import batch, batch_of, digest
from tests.support.wire_tiktok import (
    ADVERTISER,
    AUTH,
    BASE,
    DMP,
    OURS,
    VIP,
    connector,
    details,
    get,
    let_in,
    lists,
    pages,
    post,
    said,
)

__all__ = ["connector"]


def file_is(expected):
    """The fields in their order, then a file that holds exactly these bytes."""

    def match(request):
        content_type = request.headers["Content-Type"]
        boundary = re.fullmatch(r"multipart/form-data; boundary=(\w+)", content_type)[1]
        fields = {
            "advertiser_id": ADVERTISER,
            "file_signature": hashlib.md5(expected.encode()).hexdigest(),
            "calculate_type": "MULTIPLE_TYPES",
        }
        body = b"".join(request.body)
        wanted = "".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ) + (
            f"--{boundary}\r\n"
            'Content-Disposition: form-data; name="file"; filename="members.csv"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
            f"{expected}\r\n--{boundary}--\r\n"
        )
        length = request.headers["Content-Length"]
        return body == wanted.encode() and length == str(len(wanted)), f"{length}: {body[:900]!r}"

    return match


def csv_of(first, count):
    rows = (
        f"{digest(f'person{number}@example.test')},{digest(f'7000{number:07d}')}\n"
        for number in range(first, first + count)
    )
    return "email_SHA256,phone_SHA256\n" + "".join(rows)


def upload(net, content, path="aaaabbbbccccdddd", **answer):
    answer = answer or {"json": said({"file_path": path})}
    net.add("POST", BASE + DMP + "file/upload/", match=[AUTH, file_is(content)], **answer)


def create(net, **answer):
    body = {
        "custom_audience_name": "adsteer: vip",
        "calculate_type": "MULTIPLE_TYPES",
        "file_paths": ["aaaabbbbccccdddd"],
    }
    answer = answer or {"json": said({"custom_audience_id": "101"})}
    post(net, DMP + "create/", body, **answer)


def update(net, action, **answer):
    body = {"custom_audience_id": "101", "file_paths": ["aaaabbbbccccdddd"], "action": action}
    post(net, DMP + "update/", body, **answer)


def test_check_reads_an_audience_an_ad_group_and_a_report(net, connector):
    let_in(net)
    connector.check()


def test_a_list_is_made_of_an_uploaded_file(net, connector):
    lists(net)
    upload(net, csv_of(1, 1000))
    create(net)
    opened = connector.find_or_create(VIP, batch(1, 1000))
    assert opened.list_id == "101"
    assert (opened.receipt.accepted, opened.receipt.refused) == (1000, ())


def test_the_oldest_of_ours_is_found_on_any_page(net, connector):
    others = [
        {"audience_id": "7", "name": "other"},
        {**OURS, "audience_id": "8", "lookalike_spec": {"source_audience_id": "1"}},
        {**OURS, "audience_id": "9", "is_creator": False},
        {**OURS, "audience_id": "1000"},
    ]
    get(net, DMP + "list/", {"page": "1", "page_size": "100"}, pages(others, 1, 2))
    get(net, DMP + "list/", {"page": "2", "page_size": "100"}, pages([OURS], 2, 2))
    opened = connector.find_or_create(VIP, batch(1, 1000))
    assert (opened.list_id, opened.receipt) == ("101", None)


def test_fewer_than_a_thousand_people_are_not_sent(net, connector):
    lists(net)
    nobody = {"person_id": "nobody", "email": [], "phone": [], "external_id": ["x"]}
    few = batch_of([*batch(1, 999).members.to_pylist(), nobody])
    with pytest.raises(ListTooSmall, match="999 people"):
        connector.find_or_create(VIP, few)


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 502},
        {"json": said(code=51010)},
        {"json": said(code=20001)},
        {"json": said(code=40050)},
    ],
    ids=str,
)
def test_a_list_whose_answer_was_lost_is_looked_up_before_it_is_made_again(net, connector, answer):
    lists(net)
    upload(net, csv_of(1, 1000))
    create(net, **answer)
    lists(net)
    create(net, **answer)
    lists(net, OURS)
    assert connector.find_or_create(VIP, batch(1, 1000)).list_id == "101"


def test_a_lost_upload_is_simply_repeated(net, connector):
    upload(net, csv_of(1, 3), status=502)
    upload(net, csv_of(1, 3))
    update(net, "APPEND")
    assert connector.add("101", batch(1, 3)).accepted == 3


@pytest.mark.parametrize(("verb", "action"), [(Verb.ADD, "APPEND"), (Verb.REMOVE, "REMOVE")])
def test_members_are_added_and_removed(net, connector, verb, action):
    upload(net, csv_of(5, 3))
    update(net, action)
    act = connector.add if verb is Verb.ADD else connector.remove
    receipt = act("101", batch(5, 3, verb))
    assert (receipt.accepted, receipt.reference) == (3, "2026090112")


def test_only_columns_that_hold_something_are_sent(net, connector):
    d = [digest(text) for text in "abc"]
    people = [
        {"person_id": "a", "email": d[:2], "phone": [], "external_id": []},
        {"person_id": "b", "email": d[2:], "phone": [], "external_id": []},
    ]
    upload(net, f"email_SHA256\n{d[0]}\n{d[2]}\n{d[1]}\n")
    update(net, "APPEND")
    assert connector.add("101", batch_of(people)).accepted == 2


def test_an_empty_batch_sends_nothing(net, connector):
    assert connector.add("101", batch_of([])).accepted == 0


@pytest.mark.parametrize("code", [40012, 40050])
def test_a_change_that_is_there_already_is_done(net, connector, code):
    upload(net, csv_of(5, 3))
    update(net, "APPEND", json=said(code=code))
    assert connector.add("101", batch(5, 3)).accepted == 3


def test_a_removal_that_leaves_too_few_is_told_from_a_wrong_request(net, connector):
    for action, matched in (("REMOVE", 1002), ("REMOVE", 5000), ("APPEND", 999)):
        upload(net, csv_of(5, 3))
        update(net, action, json=said(code=40002, message="no"))
        details(net, {**OURS, "is_valid": True, "cover_num": matched})
    with pytest.raises(ListTooSmall, match="1002 matched"):
        connector.remove("101", batch(5, 3, Verb.REMOVE))
    with pytest.raises(ContractBroken, match="40002"):
        connector.remove("101", batch(5, 3, Verb.REMOVE))
    with pytest.raises(ListTooSmall, match="999 matched"):
        connector.add("101", batch(5, 3))


def test_a_list_is_replaced_whole_under_its_id(net, connector, clock):
    details(net, OURS, history=[{"action": "APPEND", "opt_time": "2026-09-01 11:00:00"}])
    upload(net, csv_of(1, 1000))
    update(net, "REPLACE")
    assert connector.replace("101", batch(1, 1000)).accepted == 1000
    clock.sleep(3600)
    details(net, OURS)
    with pytest.raises(QuotaGone) as caught:
        connector.replace("101", batch(1, 1000))
    assert caught.value.retry_after == 23 * 3600


def test_a_replacement_of_somebody_else_counts(net, connector):
    details(net, OURS, history=[{"action": "REPLACE", "opt_time": "2026-09-01 00:00:00"}])
    with pytest.raises(QuotaGone) as caught:
        connector.replace("101", batch(1, 1000))
    assert caught.value.retry_after == 12 * 3600
    with pytest.raises(ListTooSmall):
        connector.replace("101", batch(1, 999))


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ({"is_valid": True, "cover_num": 1400}, (True, True, 1400, "usable")),
        (
            {"is_valid": True, "is_expiring": True, "expired_time": "2026-10-02 00:00:00"},
            (True, True, None, "usable until 2026-10-02 unless it is used or changed"),
        ),
        ({"is_valid": False, "cover_num": 0, "msg": "busy"}, (False, False, 0, "busy")),
        ({"is_valid": False, "cover_num": 0}, (False, False, 0, "not usable yet")),
        ({"is_valid": False, "cover_num": 9, "error_msg": "few"}, (False, True, 9, "few")),
        (
            {"is_valid": False, "expired_time": "2026-08-31 00:00:00"},
            (False, True, None, "expired"),
        ),
    ],
    ids=str,
)
def test_what_a_list_tells(net, connector, shown, expected):
    details(net, {**OURS, **shown})
    state = connector.state("101")
    assert (state.ready, state.settled, state.matched, state.said) == expected
    assert state.size is None


def test_a_list_that_is_gone(net, connector):
    details(net)
    query = {"custom_audience_ids": ["101"], "history_size": "100"}
    get(net, DMP + "get/", query, json=said(code=40007))
    for _ in range(2):
        with pytest.raises(ListGone):
            connector.state("101")


@pytest.mark.parametrize("code", [0, 40007])
def test_a_list_is_deleted(net, connector, code):
    post(net, DMP + "delete/", {"custom_audience_ids": ["101"]}, json=said(code=code))
    connector.delete("101")


@pytest.mark.parametrize("code", [0, 40012])
def test_renaming_sends_the_name_only(net, connector, code):
    """40012: it has this name already."""
    body = {"custom_audience_id": "101", "custom_audience_name": "adsteer: best"}
    post(net, DMP + "update/", body, json=said(code=code))
    assert connector.rename("101", "adsteer: best")
