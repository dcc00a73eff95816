"""The reporting service of Microsoft Advertising: submit, poll, download a zip with one CSV.

Source: SubmitGenerateReport, PollGenerateReport, AudiencePerformanceReportRequest; for the reports
of campaigns and ad groups, Microsoft's own models. In the report of audiences only people in
associated ones have rows; `Conversions` holds zeros since 2022.
"""

import csv
import io
import zipfile
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

from connectors.sandbox.microsoft_call import NAME, Call, flag, long, one_of, text, whole
from connectors.sandbox.store import Document
from connectors.sandbox.world import World
from connectors.sandbox.yandex_figures import Figures, figures

URL_SECONDS = 300.0
KEPT_SECONDS = 86_400.0
PENDING_POLLS = 2
"""How often a report is told to be pending; the real time is UNVERIFIED."""
MOST = {"AccountIds": 1_000, "Campaigns": 300, "AdGroups": 300}
"""Of what a scope may name."""
MICROS = 1_000_000

PLACES = ("TimePeriod", "AccountId", "CampaignId", "AdGroupId", "AudienceId", "AudienceName")
STANDING = ("AudienceType", "AssociationId", "AssociationLevel", "AssociationStatus")
PRESENT = ("BidAdjustment", "TargetingSetting")
METRICS = (
    *("Impressions", "Clicks", "Spend", "Conversions", "ConversionsQualified"),
    *("AllConversionsQualified", "Revenue", "AllRevenue"),
)
AUDIENCES = "AudiencePerformanceReportRequest"
TYPES = {  # what each must name, and what it does not know
    AUDIENCES: ("AudienceId", ()),
    "CampaignPerformanceReportRequest": (
        "CampaignId",
        ("AdGroupId", "AudienceId", "AudienceName", *STANDING, *PRESENT),
    ),
    "AdGroupPerformanceReportRequest": (
        "AdGroupId",
        ("AudienceId", "AudienceName", *STANDING, *PRESENT),
    ),
}
"""Of the reports of the whole the needed column is UNVERIFIED."""
DATE = {"Year!": whole, "Month!": whole, "Day!": whole}
SUBMIT = {
    "ReportRequest!": {
        "Type!": one_of(*TYPES),
        "ReportName": text,
        "Format": one_of("Csv", "Tsv", "Xml"),
        "FormatVersion": text,
        "ReturnOnlyCompleteData": flag,
        "ExcludeReportHeader": flag,
        "ExcludeReportFooter": flag,
        "ExcludeColumnHeaders": flag,
        "Aggregation": one_of("Summary", "Hourly", "Daily", "Weekly", "Monthly", "Yearly"),
        "Columns": [one_of(*PLACES, *STANDING, *PRESENT, *METRICS)],
        "Scope!": {
            "AccountIds": [long],
            "Campaigns": [{"AccountId!": long, "CampaignId!": long}],
            "AdGroups": [{"AccountId!": long, "CampaignId!": long, "AdGroupId!": long}],
        },
        "Time": {
            "PredefinedTime": text,
            "CustomDateRangeStart": DATE,
            "CustomDateRangeEnd": DATE,
            "ReportTimeZone": text,
        },
    }
}
POLL = {"ReportRequestId!": text}


def submit(call: Call) -> Document:
    wish = call.body["ReportRequest"]
    check_columns(call, wish)
    check_scope(call, wish["Scope"])
    first, last = days(call, wish.get("Time") or {})
    number = call.store.next_id("report", first=30_000_000_001)
    made: Document = {
        "id": number,
        "wish": wish,
        "days": [first.isoformat(), last.isoformat()],
        "made": call.world.now(),
        "polls": 0,
        "fails": call.fault == "processing_failed",
    }
    call.store.put("report", number, made)
    return {"ReportRequestId": str(number)}


def check_columns(call: Call, wish: Document) -> None:
    columns = wish.get("Columns") or []
    if not columns:
        raise call.refusal("ReportColumnsEmpty", "Columns is empty.")
    summary = wish.get("Aggregation") == "Summary"
    if summary and "TimePeriod" in columns:
        raise call.refusal("ReportTimePeriodWithSummary", "A summary has no TimePeriod.")
    named, unknown = TYPES[wish["Type"]]
    if set(columns) & set(unknown):
        raise call.refusal("InvalidRequest", "A column that this report does not know.")
    needed = {named} if summary else {named, "TimePeriod"}
    if not needed <= set(columns) or not set(columns) & set(METRICS):
        raise call.refusal("ReportColumnsMissing", f"{named}, TimePeriod and a metric, please.")


def check_scope(call: Call, scope: Document) -> None:
    for name, most in MOST.items():
        if len(scope.get(name) or []) > most:
            raise call.refusal("InvalidRequest", f"At most {most} of {name}.")
    inner = [one for name in ("Campaigns", "AdGroups") for one in scope.get(name) or []]
    named = [one["AccountId"] for one in inner] + (scope.get("AccountIds") or [])
    if not named or {int(one) for one in named} != {call.account}:
        raise call.refusal("UserIsNotAuthorized", "The scope is not this account's.")


def days(call: Call, time: Document) -> tuple[date, date]:
    """The custom range; raises 2008 for none, or for one and a predefined time together."""
    try:
        first, last = (
            date(time[name]["Year"], time[name]["Month"], time[name]["Day"])
            for name in ("CustomDateRangeStart", "CustomDateRangeEnd")
        )
    except (KeyError, TypeError, ValueError):
        raise call.refusal("ReportTimeInvalid", "Both ends of a custom range.") from None
    if time.get("PredefinedTime") is not None or first > last:
        raise call.refusal("ReportTimeInvalid", "One custom range and no predefined time.")
    return first, last


def poll(call: Call) -> Document:
    asked = call.body["ReportRequestId"]
    kept = call.store.get("report", int(asked)) if asked.isdigit() else None
    if kept is None or call.world.now() > kept["made"] + KEPT_SECONDS:
        raise call.refusal("ReportRequestIdInvalid", "There is no such report.")
    kept["polls"] += 1
    call.store.put("report", kept["id"], kept)
    if kept["polls"] <= PENDING_POLLS:
        return status("Pending")
    if kept["fails"]:
        return status("Error")
    if not rows(call.world, kept):
        return status("Success")
    ticket = call.store.next_id("ticket", first=1)
    until = call.world.now() + URL_SECONDS
    call.store.put("ticket", ticket, {"report": kept["id"], "until": until})
    return status("Success", f"{call.base}download/{ticket}/report.zip?sig=a%2Bb%3D%3D")


def status(said: str, url: str | None = None) -> Document:
    return {"ReportRequestStatus": {"Status": said, "ReportDownloadUrl": url}}


def download(world: World, ticket: int, signature: str) -> bytes | None:
    """The zip file; None for an address that is unknown, tampered with or past its time."""
    store = world.store(NAME)
    kept = store.get("ticket", ticket)
    if kept is None or world.now() > kept["until"] or signature != "a+b==":
        return None
    report = store.get("report", kept["report"])
    if report is None:
        return None
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{report['id']}.csv", "\ufeff" + csv_of(world, report))
    return packed.getvalue()


def csv_of(world: World, report: Document) -> str:
    """Rows as they stand; header and footer of the report are left out as asked for."""
    columns = report["wish"]["Columns"]
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    if not report["wish"].get("ExcludeReportHeader"):
        writer.writerow([f"Report Name: {report['wish'].get('ReportName', '')}"])
    if not report["wish"].get("ExcludeColumnHeaders"):
        writer.writerow(columns)
    writer.writerows([row[name] for name in columns] for row in rows(world, report))
    if not report["wish"].get("ExcludeReportFooter"):
        writer.writerow(["@ Microsoft Corporation. All rights reserved."])
    return out.getvalue()


def rows(world: World, report: Document) -> list[dict[str, str]]:
    """One row per combination of the attributes asked for, metrics summed."""
    columns = report["wish"]["Columns"]
    sums: dict[tuple[str, ...], Figures] = defaultdict(Figures)
    shown: dict[tuple[str, ...], dict[str, str]] = {}
    for day in days_of(world, report):
        for criterion, group in places(world, report["wish"]):
            facts = attributes(world, report, day, criterion, group)
            key = tuple(facts[name] for name in columns if name in facts)
            shown[key] = facts
            sums[key] = sums[key] + figures_of(day, criterion, group)
    return [{**shown[key], **metrics(found)} for key, found in sorted(sums.items())]


def days_of(world: World, report: Document) -> list[date]:
    """Nothing is known of days to come."""
    first, last = (date.fromisoformat(one) for one in report["days"])
    last = min(last, datetime.fromtimestamp(world.now(), UTC).date())
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def figures_of(day: date, criterion: Document | None, group: Document) -> Figures:
    """Of the people of a list, or of those in none; here nobody is in two."""
    audience = criterion["audience"] if criterion else None
    push = 100 + int(criterion["multiplier"]) if criterion else 100
    return figures(day, {"Id": group["id"]}, audience, push)


def places(world: World, wish: Document) -> list[tuple[Document | None, Document]]:
    """Ad groups in the scope with every positive criterion that reaches them; in a report of the
    whole, with people in no list as well."""
    store, scope = world.store(NAME), wish["Scope"]
    campaigns = {int(one["CampaignId"]) for one in scope.get("Campaigns") or []}
    groups = {int(one["AdGroupId"]) for one in scope.get("AdGroups") or []}
    everywhere = bool(scope.get("AccountIds"))
    inside = [
        group
        for group in store.all("group")
        if everywhere or group["campaign"] in campaigns or group["id"] in groups
    ]
    positive = [one for one in store.all("criterion") if not one["negative"]]
    found: list[tuple[Document | None, Document]] = [
        (criterion, group)
        for group in inside
        for criterion in positive
        if group["campaign"] == criterion["campaign"] and criterion["group"] in (None, group["id"])
    ]
    return found if wish["Type"] == AUDIENCES else [*found, *((None, group) for group in inside)]


def attributes(
    world: World, report: Document, day: date, criterion: Document | None, group: Document
) -> dict[str, str]:
    summary = report["wish"].get("Aggregation") == "Summary"
    where = {
        "TimePeriod": "" if summary else day.isoformat(),
        "AccountId": str(group["account"]),
        "CampaignId": str(group["campaign"]),
        "AdGroupId": str(group["id"]),
    }
    if criterion is None:
        return where
    audience = world.store(NAME).get("audience", criterion["audience"]) or {}
    return {
        **where,
        "AudienceId": str(criterion["audience"]),
        "AudienceName": audience.get("name", ""),
        "AudienceType": criterion["kind"],
        "AssociationId": str(criterion["id"]),
        "AssociationLevel": "Campaign" if criterion["level"] == "campaign" else "Ad group",
        "AssociationStatus": criterion["status"],
        "BidAdjustment": f"{criterion['multiplier']:g}%",
        "TargetingSetting": "Target and bid" if group["target_and_bid"] else "Bid only",
    }


def metrics(found: Figures) -> dict[str, str]:
    conversions = f"{found.conversions or 0:.2f}"
    revenue = f"{(found.revenue or 0) / MICROS:.2f}"
    return {
        "Impressions": str(found.impressions),
        "Clicks": str(found.clicks),
        "Spend": f"{found.cost / MICROS:.2f}",
        "Conversions": "0",
        "ConversionsQualified": conversions,
        "AllConversionsQualified": conversions,
        "Revenue": revenue,
        "AllRevenue": revenue,
    }


OPERATIONS: dict[tuple[str, str], tuple[Any, Any]] = {
    ("POST", "GenerateReport/Submit"): (SUBMIT, submit),
    ("POST", "GenerateReport/Poll"): (POLL, poll),
}
