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
    clock,
    connector,
    details,
    get,
    let_in,
    lists,
    net,
    pages,
    post,
    said,
)

__all__ = ["clock", "connector", "net"]


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



# Look-alikes

REGIONS = {"page": "1", "page_size": "1000", "fields": ["adgroup_id", "location_ids"]}
SPEC = {
    "source_audience_id": "101",
    "include_source": False,
    "mobile_os": "ALL",
    "placements": ["TikTok"],
    "location_ids": ["2921044", "6252001"],
    "audience_size": "NARROW",
}
SEED = {**OURS, "is_valid": True, "cover_num": 1400}


def grow(net, **answer):
    body = {"custom_audience_name": "like vip", "lookalike_spec": SPEC}
    answer = answer or {"json": said({"custom_audience_id": "202"})}
    post(net, DMP + "lookalike/create/", body, **answer)


def regions(net, *found):
    get(net, "adgroup/get/", REGIONS, pages([{"location_ids": one} for one in found]))


def test_a_lookalike_grows_where_the_ads_are_shown(net, connector):
    lists(net)
    details(net, SEED)
    regions(net, ["6252001"], None, ["2921044", "6252001"])
    grow(net)
    assert connector.grow("101", "like vip", 1, Lookalike()) == "202"


@pytest.mark.parametrize(
    "other", [{"source_audience_id": "99"}, {"audience_size": "BROAD"}], ids=str
)
def test_a_lookalike_of_another_seed_or_size_is_another_one(net, connector, other):
    alike = [
        {"audience_id": "201", "name": "like vip", "lookalike_spec": {**SPEC, **other}},
        {"audience_id": "202", "name": "like vip", "lookalike_spec": SPEC},
    ]
    lists(net, *alike)
    details(net, *alike, ids=("201", "202"))
    assert connector.grow("101", "like vip", 1, Lookalike()) == "202"


def test_a_lookalike_whose_answer_was_lost_is_found(net, connector):
    lists(net)
    details(net, SEED)
    regions(net, ["2921044", "6252001"])
    grow(net, status=503)
    alike = {"audience_id": "202", "name": "like vip", "lookalike_spec": SPEC}
    lists(net, alike)
    details(net, alike, ids=("202",))
    assert connector.grow("101", "like vip", 1, Lookalike()) == "202"


@pytest.mark.parametrize(
    ("seed", "error"),
    [
        ({"is_valid": False, "cover_num": 0}, ListBusy),
        ({"is_valid": False, "cover_num": 99, "error_msg": "few"}, SeedRefused),
    ],
    ids=str,
)
def test_a_seed_that_cannot_serve(net, connector, seed, error):
    lists(net)
    details(net, {**OURS, **seed})
    with pytest.raises(error):
        connector.grow("101", "like vip", 1, Lookalike())


def test_a_lookalike_needs_a_region(net, connector):
    lists(net)
    details(net, SEED)
    regions(net)
    with pytest.raises(RuleRefused, match="regions"):
        connector.grow("101", "like vip", 1, Lookalike())


def test_a_refused_lookalike_is_the_seeds_fault(net, connector):
    lists(net)
    details(net, SEED)
    regions(net, ["2921044", "6252001"])
    grow(net, json=said(code=40002))
    with pytest.raises(SeedRefused):
        connector.grow("101", "like vip", 1, Lookalike())
    with pytest.raises(RuleRefused):
        connector.grow("101", "like vip", 6, Lookalike())


@pytest.mark.parametrize("code", [0, 40012, 40050])
def test_a_lookalike_is_refreshed_by_hand(net, connector, code):
    body = {"custom_audience_ids": ["300"]}
    post(net, DMP + "lookalike/update/", body, json=said(code=code))
    connector.refresh("300")


def test_a_lookalike_that_is_gone_is_not_refreshed(net, connector):
    body = {"custom_audience_ids": ["300"]}
    post(net, DMP + "lookalike/update/", body, json=said(code=40007))
    with pytest.raises(ListGone):
        connector.refresh("300")


# Bids

FIELDS = [
    *("adgroup_id", "campaign_id", "billing_event", "optimization_goal", "bid_type"),
    *("bid_price", "conversion_bid_price", "roas_bid", "audience_ids", "excluded_audience_ids"),
]
G1, G2 = (BidObject("tt", "tiktok", Level.AD_GROUP, number) for number in ("11", "12"))


def ad_group(number, **more):
    return {
        "adgroup_id": number,
        "campaign_id": "5",
        "billing_event": "CPC",
        "optimization_goal": "CLICK",
        "bid_type": "BID_TYPE_CUSTOM",
        "bid_price": 1.0,
        "conversion_bid_price": 0,
        "audience_ids": [],
        "excluded_audience_ids": [],
        **more,
    }


def groups(net, filtering, *found):
    query = {"page": "1", "page_size": "1000", "filtering": filtering, "fields": FIELDS}
    get(net, "adgroup/get/", query, pages(list(found)))


def campaign(net, mine, *others):
    groups(net, {"adgroup_ids": [mine["adgroup_id"]]}, mine)
    groups(net, {"campaign_ids": ["5"]}, mine, *others)


def bid(net, number, answer=None, **change):
    post(net, "adgroup/update/", {"adgroup_id": number, **change}, **(answer or {}))


def change(percent, correction=None, condition="101", where=G1):
    return CorrectionChange(where, "vip", condition, correction, percent)


def vip(**more):
    return ad_group("11", audience_ids=["101"], **more)


EVERYBODY = ad_group("19", bid_price=0.8)


def test_a_correction_is_a_bid_against_everybodys(net, connector):
    campaign(net, vip(bid_price=1.0), EVERYBODY)
    assert connector.read_corrections([G1]) == (PresentCorrection(G1, "101", "11", 25),)


@pytest.mark.parametrize(
    ("mine", "others"),
    [
        (vip(bid_price=0.8), [EVERYBODY]),  # the neutral bid is no correction
        (vip(), []),  # nobody to compare with
        (vip(), [ad_group("19", audience_ids=["7"])]),
        (vip(), [ad_group("19", billing_event="CPM", bid_price=0.8)]),
        (vip(), [ad_group("19", optimization_goal="REACH", bid_price=0.8)]),
        (vip(), [EVERYBODY, ad_group("18", bid_price=0.7)]),  # which of them?
        (vip(bid_type="BID_TYPE_NO_BID"), [EVERYBODY]),
        (ad_group("11", audience_ids=["101", "102"]), [EVERYBODY]),
        (ad_group("11"), [EVERYBODY]),
    ],
)
def test_where_there_is_no_correction(net, connector, mine, others):
    campaign(net, mine, *others)
    assert connector.read_corrections([G1]) == ()


def test_a_return_on_spend_is_left_as_it_is(net, connector):
    asking = {"billing_event": "OCPM", "bid_price": 0, "conversion_bid_price": 0, "roas_bid": 2.5}
    for _ in range(2):
        campaign(net, vip(**asking), ad_group("19", **asking))
    (receipt,) = connector.write_corrections([change(-30)])
    assert "roas_bid" in receipt.refused
    (strategy,) = connector.strategies([G1])
    assert strategy == Strategy(G1, "OCPM BID_TYPE_CUSTOM roas_bid", "ignored")


def test_who_leaves_the_list_out_is_everybody_else(net, connector):
    without = ad_group("18", bid_price=0.5, excluded_audience_ids=["101"])
    campaign(net, vip(bid_price=1.0), EVERYBODY, without)
    assert connector.read_corrections([G1])[0].percent == 100


def test_a_target_cost_is_corrected_under_its_own_name(net, connector):
    target = {"billing_event": "OCPM", "bid_price": 0, "conversion_bid_price": 20}
    campaign(net, vip(**target), ad_group("19", **target))
    bid(net, "11", conversion_bid_price=14.0)
    (receipt,) = connector.write_corrections([change(-30)])
    assert (receipt.refused, receipt.correction_id) == ("", "11")


def test_a_correction_is_written_and_taken_away(net, connector):
    campaign(net, vip(bid_price=0.8), EVERYBODY)
    bid(net, "11", bid_price=0.6)
    bid(net, "11", bid_price=0.8)
    added, removed, again = connector.write_corrections(
        [change(-25), change(None, "11"), change(None, "11")]
    )
    assert (added.correction_id, added.warning) == ("11", "")
    assert (removed.correction_id, removed.refused, again.refused) == (None, "", "")


def test_a_correction_that_falls_between_two_cents_says_so(net, connector):
    campaign(net, vip(bid_price=0.8), ad_group("19", bid_price=0.3))
    bid(net, "11", bid_price=0.21)
    (receipt,) = connector.write_corrections([change(-31)])
    assert receipt.refused == ""
    assert receipt.warning == "bids go in steps of 0.01: 0.21 is -30 % of 0.3"


def test_what_cannot_be_corrected_is_refused_with_the_reason(net, connector):
    groups(net, {"adgroup_ids": ["11", "12"]}, vip())
    groups(net, {"campaign_ids": ["5"]}, vip(), EVERYBODY)
    receipts = connector.write_corrections(
        [change(-30, condition="7"), change(-30, where=G2), change(-91), change(301)]
    )
    reasons = ["make one ad group per segment", "no such ad group", "-90 to 300", "-90 to 300"]
    assert [reason in one.refused for reason, one in zip(reasons, receipts, strict=True)] == [
        True
    ] * 4


@pytest.mark.parametrize(
    ("code", "refused"), [(40012, False), (40050, False), (40002, True), (40007, True)]
)
def test_what_tiktok_says_of_a_bid(net, connector, code, refused):
    campaign(net, vip(bid_price=0.8), EVERYBODY)
    bid(net, "11", {"json": said(code=code, message="said")}, bid_price=0.4)
    (receipt,) = connector.write_corrections([change(-50)])
    assert bool(receipt.refused) == refused


def test_no_receipt_is_lost_when_the_rights_go_in_between(net, connector):
    other = ad_group("12", audience_ids=["102"])
    groups(net, {"adgroup_ids": ["11", "12"]}, vip(), other)
    groups(net, {"campaign_ids": ["5"]}, vip(), other, EVERYBODY)
    bid(net, "11", bid_price=0.4)
    bid(net, "12", {"json": said(code=40001)}, bid_price=0.4)
    done, failed, never = connector.write_corrections(
        [change(-50), change(-50, condition="102", where=G2), change(-40)]
    )
    assert done.refused == ""
    assert ["40001" in one.refused for one in (failed, never)] == [True, True]


def test_a_failure_before_anything_was_sent_is_raised(net, connector):
    campaign(net, vip(), EVERYBODY)
    bid(net, "11", {"json": said(code=40001)}, bid_price=0.4)
    with pytest.raises(CredentialsRefused):
        connector.write_corrections([change(-50)])


C5 = BidObject("tt", "tiktok", Level.CAMPAIGN, "5")
C6 = BidObject("tt", "tiktok", Level.CAMPAIGN, "6")


def test_strategies(net, connector):
    automatic = ad_group("12", bid_type="BID_TYPE_NO_BID", billing_event="OCPM")
    groups(net, {"adgroup_ids": ["11", "12"]}, vip(), automatic)
    groups(net, {"campaign_ids": ["5", "6"]}, vip(), automatic, ad_group("13", campaign_id="6"))
    assert connector.strategies([G1, G2, C5, C6]) == (
        Strategy(G1, "CPC BID_TYPE_CUSTOM", "bid"),
        Strategy(G2, "OCPM BID_TYPE_NO_BID", "ignored"),
        Strategy(C5, "CPC BID_TYPE_CUSTOM, OCPM BID_TYPE_NO_BID", "unknown"),
        Strategy(C6, "CPC BID_TYPE_CUSTOM", "bid"),
    )


def test_a_correction_of_a_campaign_lands_on_the_ad_group_of_the_segment(net, connector):
    loyal = ad_group("12", audience_ids=["102"], bid_price=1.2)
    twice = [ad_group(number, audience_ids=["103"], bid_price=9.0) for number in ("13", "14")]
    held = [vip(bid_price=0.8), loyal, *twice, EVERYBODY]
    for _ in range(2):
        groups(net, {"campaign_ids": ["5"]}, *held)
    bid(net, "11", bid_price=1.2)
    assert connector.read_corrections([C5]) == (PresentCorrection(C5, "102", "12", 50),)
    first, nowhere, several = connector.write_corrections(
        [change(50, condition=number, where=C5) for number in ("101", "104", "103")]
    )
    assert (first.correction_id, first.refused) == ("11", "")
    assert nowhere.refused.startswith("no ad group here is shown to this segment alone")
    assert several.refused.startswith("several ad groups are shown to this segment alone")


def test_a_campaign_that_is_not_there(net, connector):
    groups(net, {"campaign_ids": ["5"]})
    (receipt,) = connector.write_corrections([change(-30, where=C5)])
    assert receipt.refused == "there is no such campaign"


def test_campaigns_and_ad_groups_by_name(net, connector):
    rows = [
        {"campaign_id": "5", "campaign_name": "Spring"},
        {"campaign_id": "6", "campaign_name": "Autumn"},
        {"campaign_id": "5", "campaign_name": "Spring"},
    ]
    query = {"page": "1", "page_size": "1000", "fields": ["campaign_id", "campaign_name"]}
    get(net, "adgroup/get/", query, pages(rows))
    assert connector.objects(Level.CAMPAIGN) == (
        FoundObject(C5, "Spring"),
        FoundObject(C6, "Autumn"),
    )
    get(
        net,
        "adgroup/get/",
        {**query, "fields": ["adgroup_id", "adgroup_name"]},
        pages([{"adgroup_id": "11", "adgroup_name": "vip"}]),
    )
    assert connector.objects(Level.AD_GROUP) == (FoundObject(G1, "vip"),)


def test_the_list_itself_is_what_a_correction_names(net, connector):
    details(net, OURS)
    details(net, OURS)
    details(net)
    assert connector.condition_for("101", "adsteer: vip") == "101"
    assert connector.find_condition("101", "adsteer: vip") == "101"
    assert connector.find_condition("101", "adsteer: vip") is None


@given(base=st.decimals(min_value=1, max_value=100, places=2), percent=st.integers(-90, 300))
def test_a_correction_of_a_bid_of_one_or_more_is_read_as_it_was_written(base, percent):
    written = bid_at(base, percent)
    assert percent_between(written, base) == percent
    assert in_step(base, written, percent) == ""


@given(base=st.decimals(min_value="0.01", max_value=1, places=2), percent=st.integers(-90, 300))
def test_a_small_bid_is_near_and_says_so(base, percent):
    written = bid_at(base, percent)
    assert written >= Decimal("0.01")
    assert (in_step(base, written, percent) == "") == (percent_between(written, base) == percent)


# Spend


def report(net, first, last, page="1", total=1, rows=(), ids='["11", "12"]'):
    query = {
        "service_type": "AUCTION",
        "report_type": "BASIC",
        "data_level": "AUCTION_ADGROUP",
        "dimensions": ["adgroup_id", "stat_time_day"],
        "metrics": [
            *("spend", "impressions", "clicks", "conversion"),
            *("total_complete_payment_rate", "total_purchase_value"),
        ],
        "start_date": first,
        "end_date": last,
        "filtering": [{"field_name": "adgroup_ids", "filter_type": "IN", "filter_value": ids}],
        "page": page,
        "page_size": "1000",
    }
    get(net, "report/integrated/get/", query, pages(list(rows), int(page), total))


def line(number, day, **metrics):
    whole = {"spend": "0.00", "impressions": "0", "clicks": "0", "conversion": "0", **metrics}
    return {
        "dimensions": {"adgroup_id": number, "stat_time_day": f"{day} 00:00:00"},
        "metrics": whole,
    }


def test_spend_is_read_by_day_in_spans_of_thirty(net, connector):
    groups(net, {"adgroup_ids": ["11", "12"]}, vip(), ad_group("12"))
    groups(net, {"campaign_ids": ["5"]}, vip(), ad_group("12"), EVERYBODY)
    sold = {
        "spend": "12.34",
        "impressions": "1000",
        "clicks": "20",
        "conversion": "2",
        "total_complete_payment_rate": "150.50",
        "total_purchase_value": "0.50",
    }
    report(net, "2026-07-01", "2026-07-30", total=2, rows=[line("11", "2026-07-01", **sold)])
    nothing = {"conversion": "-", "total_complete_payment_rate": "-"}
    report(
        net,
        "2026-07-01",
        "2026-07-30",
        page="2",
        total=2,
        rows=[line("12", "2026-07-02", **nothing)],
    )
    report(net, "2026-07-31", "2026-08-01")
    assert connector.spend([G1, G2], date(2026, 7, 1), date(2026, 8, 1)) == (
        SpendRow(
            date(2026, 7, 1), G1, "101", 1000, 20, Decimal("12.34"), Decimal(2), Decimal("151.00")
        ),
        SpendRow(date(2026, 7, 2), G2, None, 0, 0, Decimal("0.00"), None, None),
    )


def test_the_ad_groups_of_a_campaign_are_added_up_by_list(net, connector):
    mine = [vip(), ad_group("12")]
    groups(net, {"campaign_ids": ["5"]}, *mine, ad_group("13"))
    rows = [
        line(number, "2026-07-01", spend="1.50", conversion=count)
        for number, count in (("11", "1"), ("12", "-"), ("13", "2"))
    ]
    report(net, "2026-07-01", "2026-07-01", rows=rows, ids='["11", "12", "13"]')
    assert connector.spend([C5], date(2026, 7, 1), date(2026, 7, 1)) == (
        SpendRow(date(2026, 7, 1), C5, "101", 0, 0, Decimal("1.50"), Decimal(1), None),
        SpendRow(date(2026, 7, 1), C5, None, 0, 0, Decimal("3.00"), Decimal(2), None),
    )


# Errors


def failing(net, **answer):
    get(net, DMP + "list/", {"page_size": "1"}, **answer)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (40001, CredentialsRefused),
        (40102, CredentialsRefused),
        (40104, CredentialsRefused),
        (40105, CredentialsRefused),
        (40117, CredentialsRefused),
        (40118, CredentialsRefused),
        (40130, CredentialsRefused),
        (40300, CredentialsRefused),
        (40301, CredentialsRefused),
        (41000, OperatorError),
        (40006, VersionGone),
        (40400, VersionGone),
        (41001, VersionGone),
        (40700, ContractBroken),
        (40062, ContractBroken),
        (40900, ContractBroken),
        (40909, ContractBroken),
        (49999, ContractBroken),
        (40202, ListBusy),
    ],
)
def test_codes_say_who_must_act(net, connector, code, error):
    failing(net, json=said(code=code, message="said of jane@shop.test"))
    with pytest.raises(error, match=f"code {code}: said of … .request 2026090112") as caught:
        connector.check()
    if issubclass(error, OperatorError):
        assert caught.value.act


@pytest.mark.parametrize(
    "code", [40016, 40100, 40132, 61000, 51010, 51003, 51063, 51099, 50002, 52007, 60001]
)
def test_codes_that_pass(net, connector, clock, code):
    failing(net, json=said(code=code))
    let_in(net)
    connector.check()
    assert clock.slept


def test_twenty_requests_a_second_are_not_passed(net, connector, clock):
    for _ in range(7):
        let_in(net)
    for _ in range(6):
        connector.check()
    assert clock.slept == []
    connector.check()
    assert clock.slept == [1.0]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"status": 404, "body": "nothing here"}, VersionGone),
        ({"status": 400, "body": "what?"}, ContractBroken),
        ({"status": 401, "body": ""}, CredentialsRefused),
        ({"json": {"data": {}}}, ContractBroken),
        ({"json": {"code": 0, "data": []}}, ContractBroken),
    ],
    ids=str,
)
def test_answers_without_an_envelope(net, connector, answer, error):
    failing(net, **answer)
    with pytest.raises(error):
        connector.check()


@pytest.mark.parametrize(
    ("answer", "error"),
    [({"status": 429}, Throttled), ({"json": said(code=50000)}, Transient)],
    ids=str,
)
def test_what_stays_is_given_up(net, connector, answer, error):
    for _ in range(5):
        failing(net, **answer)
    with pytest.raises(error) as caught:
        connector.check()
    assert not isinstance(caught.value, Unsure)


def test_a_page_without_a_list_is_no_answer(net, connector):
    get(net, DMP + "list/", {"page": "1", "page_size": "100"}, {"list": []})
    with pytest.raises(ContractBroken):
        connector.find(VIP)


def test_what_is_not_as_documented_is_our_fault(net, connector):
    lists(net, {"name": "adsteer: vip"})
    groups(net, {"adgroup_ids": ["11"]}, {"adgroup_id": "11"})
    campaign(net, vip())
    report(net, "2026-07-01", "2026-07-01", rows=[{"metrics": {}}], ids='["11"]')
    day = date(2026, 7, 1)
    for ask in (
        lambda: connector.find(VIP),
        lambda: connector.strategies([G1]),
        lambda: connector.spend([G1], day, day),
    ):
        with pytest.raises(ContractBroken, match="not as documented"):
            ask()


@pytest.mark.parametrize("login", [None, "my shop"])
def test_an_account_without_an_advertiser(monkeypatch, login):
    monkeypatch.setenv("SHOP_TOKEN", "secret-token")
    account = Account(name="tt", platform="tiktok", secrets="SHOP_", login=login)
    with pytest.raises(RuleRefused, match="advertiser"):
        connect(account, surroundings())


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (None, ("john.smith+news@gmail.com", "+16577770000")),
        ("tiktok", ("john.smith+news@gmail.com", "+16577770000")),
        ("tiktok_partner", ("johnsmith@gmail.com", "+16577770000")),
        ("tiktok_2025_08", ("john.smith@gmail.com", "16577770000")),
    ],
)
@pytest.mark.parametrize("sandbox", [True, False])
def test_the_rule_for_contacts_is_a_setting(monkeypatch, rule, expected, sandbox):
    """TikTok's pages of 2025 contradict each other, so an advertiser may take another one."""
    monkeypatch.setenv("SHOP_TOKEN", "secret-token")
    if rule is not None:
        monkeypatch.setenv("SHOP_CONTACT_RULE", rule)
    account = Account(
        name="tt", platform="tiktok", secrets="SHOP_", login=ADVERTISER, sandbox=sandbox
    )
    around = surroundings(sandbox_url="http://127.0.0.1:9")
    recipe = connect(account, around).recipe
    hashed = (
        hash_one(Identifier.EMAIL, "John.Smith+News@Gmail.com", recipe, ("US",)),
        hash_one(Identifier.PHONE, "+1 657-777-0000", recipe, ("US",)),
    )
    assert hashed == tuple((hashlib.sha256(one.encode()).hexdigest(),) for one in expected)


def test_a_rule_for_contacts_that_there_is_not(monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", "secret-token")
    monkeypatch.setenv("SHOP_CONTACT_RULE", "guess")
    account = Account(name="tt", platform="tiktok", secrets="SHOP_", login=ADVERTISER)
    with pytest.raises(ConfigError, match="SHOP_CONTACT_RULE"):
        connect(account, surroundings())


def test_an_account_without_a_token():
    account = Account(name="tt", platform="tiktok", secrets="NOBODY_", login=ADVERTISER)
    with pytest.raises(ConfigError, match="NOBODY_TOKEN"):
        connect(account, surroundings())


def test_the_version_is_a_setting(net, monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", "secret-token")
    account = Account(
        name="tt", platform="tiktok", secrets="SHOP_", login=ADVERTISER, api_version="v1.4"
    )
    net.add("GET", f"{BASE.replace('v1.3', 'v1.4')}{DMP}list/", json=said(code=40006))
    with pytest.raises(VersionGone):
        connect(account, surroundings()).check()


def test_the_clock_of_these_tests():
    """The figures of the replacement tests count from here."""
    assert datetime(2026, 9, 1, 12, tzinfo=UTC) == START


def test_an_ad_group_leaves_a_list_out(net, connector):
    there = ad_group("11", excluded_audience_ids=["7"])
    groups(net, {"adgroup_ids": ["11"]}, there)
    body = {"adgroup_ids": ["11"], "custom_audience_id": "101"}
    asked = {"action_mode": "Apply", "usage_mode": "Exclude"}
    post(net, DMP + "apply/", {**body, **asked})
    groups(net, {"adgroup_ids": ["11"]}, there)
    connector.exclude("101", "11")
    assert connector.excluded("11") == {"7"}
