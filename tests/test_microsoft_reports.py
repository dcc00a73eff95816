"""Microsoft: reports that are submitted, polled, fetched, and what they tell."""

import io
import json
import zipfile
from datetime import date
from decimal import Decimal

import pytest
from responses import matchers

from connectors.base import SpendRow
from connectors.errors import ContractBroken, Transient
from tests.support.surroundings import surroundings
from tests.support.wire_microsoft import CAMPAIGN, LIST, call, connector, made, secrets

__all__ = ["connector", "secrets"]


REPORTS = "https://reporting.api.bingads.microsoft.com/Reporting/v13/GenerateReport/"


FIRST, LAST = date(2026, 11, 1), date(2026, 11, 7)
COLUMNS = [
    "TimePeriod",
    "CampaignId",
    "AudienceId",
    *("Impressions", "Clicks", "Spend", "ConversionsQualified", "Conversions", "Revenue"),
]
SUBMIT = {
    "ReportRequest": {
        "Type": "AudiencePerformanceReportRequest",
        "ReportName": "adsteer",
        "Format": "Csv",
        "FormatVersion": "2.0",
        "ReturnOnlyCompleteData": False,
        "ExcludeReportHeader": True,
        "ExcludeReportFooter": True,
        "ExcludeColumnHeaders": False,
        "Aggregation": "Daily",
        "Columns": COLUMNS,
        "Scope": {"Campaigns": [{"AccountId": "123456789", "CampaignId": "5"}]},
        "Time": {
            "CustomDateRangeStart": {"Year": 2026, "Month": 11, "Day": 1},
            "CustomDateRangeEnd": {"Year": 2026, "Month": 11, "Day": 7},
            "ReportTimeZone": "GreenwichMeanTimeDublinEdinburghLisbonLondon",
        },
    }
}
WHOLE = {
    "ReportRequest": SUBMIT["ReportRequest"]
    | {
        "Type": "CampaignPerformanceReportRequest",
        "Columns": [one for one in COLUMNS if one != "AudienceId"],
    }
}
FILE = "https://storage.example/reports/one%20file.zip?sv=2026&sig=a%2Bb%3D%3D"


def submitted(net, body=SUBMIT):
    call(net, f"{REPORTS}Submit", body, {"ReportRequestId": "30000000001"})


def whole(net, *lines):
    """The second report, of everybody."""
    submitted(net, WHOLE)
    polled(net, "Success", FILE if lines else None)
    if lines:
        columns = WHOLE["ReportRequest"]["Columns"]
        downloaded(net, packed(*lines, columns=columns))


def polled(net, status, address=None):
    answer = {"ReportRequestStatus": {"Status": status, "ReportDownloadUrl": address}}
    call(net, f"{REPORTS}Poll", {"ReportRequestId": "30000000001"}, answer)


def packed(*lines, columns=COLUMNS):
    text = "\r\n".join(",".join(f'"{cell}"' for cell in line) for line in (columns, *lines))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("report.csv", "\ufeff" + text)
    return out.getvalue()


def downloaded(net, body=b"", status=200):
    query = {"sv": "2026", "sig": "a+b=="}
    match = [matchers.query_param_matcher(query)]
    url = "https://storage.example/reports/one%20file.zip"
    net.add("GET", url, body=body, status=status, match=match)


ROW = ("2026-11-01", "5", LIST, "120", "7", "12.34", "1.50", "0", "99.90")


def test_a_report_is_submitted_polled_and_fetched_without_our_tokens(net, connector, clock):
    submitted(net)
    polled(net, "Pending")
    polled(net, "Pending")
    polled(net, "Success", FILE)
    older = ("2026-11-02", "5", LIST, "0", "0", "0.00", "", "2", "")
    downloaded(net, packed(ROW, older))
    whole(net)
    assert connector.spend([CAMPAIGN], FIRST, LAST) == (
        SpendRow(
            FIRST, CAMPAIGN, LIST, 120, 7, Decimal("12.34"), Decimal("1.50"), Decimal("99.90")
        ),
        SpendRow(date(2026, 11, 2), CAMPAIGN, LIST, 0, 0, Decimal(0), Decimal(2), None),
    )
    assert clock.slept == [2, 4]
    (sent,) = [one.request.headers for one in net.calls if one.request.method == "GET"]
    assert not {"Authorization", "DeveloperToken", "CustomerId"} & set(sent)


def test_days_are_those_of_the_time_zone_that_the_operator_names(net, secrets):
    secrets(REPORT_TIME_ZONE="HelsinkiKyivRigaSofiaTallinnVilnius", TOKEN="secret-token")
    connector = made(surroundings())
    for kind in ("AudiencePerformance", "CampaignPerformance"):
        net.add("POST", REPORTS + "Submit", json={"ReportRequestId": kind})
        told = {"ReportRequestStatus": {"Status": "Success", "ReportDownloadUrl": None}}
        net.add("POST", REPORTS + "Poll", json=told)
    connector.spend([CAMPAIGN], date(2026, 11, 1), date(2026, 11, 7))
    asked = json.loads(net.calls[0].request.body)["ReportRequest"]
    assert asked["Time"] == {
        "CustomDateRangeStart": {"Year": 2026, "Month": 11, "Day": 1},
        "CustomDateRangeEnd": {"Year": 2026, "Month": 11, "Day": 7},
        "ReportTimeZone": "HelsinkiKyivRigaSofiaTallinnVilnius",
    }


def test_no_address_is_no_data(net, connector):
    submitted(net)
    polled(net, "Success")
    whole(net)
    assert connector.spend([CAMPAIGN], FIRST, LAST) == ()


def test_people_in_no_list_are_what_is_left_of_the_whole(net, connector):
    submitted(net)
    polled(net, "Success", FILE)
    other = ("2026-11-01", "5", "800000001", "30", "2", "2.00", "0.50", "0", "")
    downloaded(net, packed(ROW, other))
    whole(
        net,
        ("2026-11-01", "5", "1000", "40", "100.00", "5.00", "0", "300.00"),
        ("2026-11-02", "5", "10", "1", "1.00", "", "", ""),
    )
    rows = connector.spend([CAMPAIGN], FIRST, LAST)
    assert [one for one in rows if one.condition_id is None] == [
        SpendRow(
            *(FIRST, CAMPAIGN, None, 850, 31),
            *(Decimal("85.66"), Decimal("3.00"), Decimal("200.10")),
        ),
        SpendRow(date(2026, 11, 2), CAMPAIGN, None, 10, 1, Decimal("1.00"), None, None),
    ]


def test_people_in_two_lists_leave_nothing_below_zero(net, connector):
    submitted(net)
    polled(net, "Success", FILE)
    twice = (ROW[0], "5", "800000001", *ROW[3:])
    downloaded(net, packed(ROW, twice))
    whole(net, (ROW[0], "5", *ROW[3:]))
    left = connector.spend([CAMPAIGN], FIRST, LAST)[-1]
    assert (left.impressions, left.clicks) == (0, 0)
    assert {left.cost, left.conversions, left.revenue} == {Decimal(0)}


def test_an_address_that_died_is_asked_for_again(net, connector):
    submitted(net)
    polled(net, "Success", FILE)
    downloaded(net, status=403)
    polled(net, "Success", FILE)
    downloaded(net, packed(ROW))
    whole(net)
    assert len(connector.spend([CAMPAIGN], FIRST, LAST)) == 1


def test_addresses_that_always_die(net, connector):
    submitted(net)
    for _ in range(3):
        polled(net, "Success", FILE)
        downloaded(net, status=403)
    with pytest.raises(Transient) as caught:
        connector.spend([CAMPAIGN], FIRST, LAST)
    assert "storage.example" not in str(caught.value)


def test_a_file_that_came_in_part_is_fetched_again(net, connector):
    submitted(net)
    polled(net, "Success", FILE)
    downloaded(net, packed(ROW)[:-30])
    downloaded(net, packed(ROW))
    whole(net)
    assert len(connector.spend([CAMPAIGN], FIRST, LAST)) == 1


@pytest.mark.parametrize(("said", "kind"), [("Error", Transient), ("Lost", ContractBroken)])
def test_a_report_that_fails(net, connector, said, kind):
    submitted(net)
    polled(net, said)
    with pytest.raises(kind):
        connector.spend([CAMPAIGN], FIRST, LAST)


def test_a_report_that_is_never_built(net, connector, clock):
    submitted(net)
    for _ in range(65):
        polled(net, "Pending")
    with pytest.raises(Transient, match="not built"):
        connector.spend([CAMPAIGN], FIRST, LAST)
    assert 3500 < sum(clock.slept) <= 3600


@pytest.mark.parametrize(
    "row",
    [
        ("2026-11-01", "5", LIST, "1,200", "7", "12.34", "1", "0", "1"),
        ("2026-11-01", "5", LIST, "120", "7", "12,34", "1", "0", "1"),
        ("01/11/2026", "5", LIST, "120", "7", "12.34", "1", "0", "1"),
        ("2026-11-01", "6", LIST, "120", "7", "12.34", "1", "0", "1"),
        ("2026-11-01", "5", LIST, "120"),
        (*ROW, "more"),
        ('2026-11-01" ', *ROW[1:]),
    ],
)
def test_a_row_that_is_not_what_was_asked_for(net, connector, row):
    submitted(net)
    polled(net, "Success", FILE)
    downloaded(net, packed(row))
    with pytest.raises(ContractBroken):
        connector.spend([CAMPAIGN], FIRST, LAST)
