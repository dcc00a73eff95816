"""Microsoft's reporting service: what a report is asked for with, and how its file is read.

A report is submitted, polled and downloaded from an address that lives five minutes: a zip with
one CSV. The report of audiences knows only people in associated lists, so a second one tells the
whole, and what is left of it are people in no list.

Facts: SubmitGenerateReport, PollGenerateReport, AudiencePerformanceReportRequest, as of autumn
2026; for the reports of the whole, Microsoft's own models. UNVERIFIED marks what is left open.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import unquote, urlsplit

from bids.model import BidObject, Level
from connectors.base import SpendRow
from connectors.errors import ConnectorError, ContractBroken, Transient
from connectors.facts import facts_of
from connectors.http import Ask, Door, Reply, Surroundings, error_for_status, interrupted

FACTS = facts_of("microsoft")
OBJECTS_PER_REPORT = FACTS.whole("objects_per_report")
PAUSES = (2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""Seconds between two polls; the last one again and again. Our choice."""
LONGEST_BUILD_SECONDS = FACTS.number("report_seconds")
DOWNLOADS = 3
"""How often a fresh address is asked for when one has died."""

METRICS = ("Impressions", "Clicks", "Spend", "ConversionsQualified", "Conversions", "Revenue")
"""`Conversions` holds zeros since 2022; it is read only where the other one is blank."""
ID_COLUMN = {Level.CAMPAIGN: "CampaignId", Level.AD_GROUP: "AdGroupId"}
BY_AUDIENCE = "AudiencePerformanceReportRequest"
WHOLE = {
    Level.CAMPAIGN: "CampaignPerformanceReportRequest",
    Level.AD_GROUP: "AdGroupPerformanceReportRequest",
}
NUMBER = re.compile(r"-?\d+(\.\d+)?")
"""With a decimal point and nothing between thousands: UNVERIFIED, so read strictly."""


class AddressDied(ConnectorError):
    """The address of a report is no longer served; a fresh one is had by polling again."""

    who = "nobody"


class Reports:
    """Reports of one ad account."""

    def __init__(self, door: Door, around: Surroundings, account: str, time_zone: str) -> None:
        self._door = door
        self._around = around
        self._account = account
        self._time_zone = time_zone

    def rows(
        self,
        level: Level,
        objects: Sequence[BidObject],
        campaign_of: Mapping[BidObject, str],
        first: date,
        last: date,
    ) -> tuple[SpendRow, ...]:
        """One row per day, object and list, and one for people in none of them."""
        scope = _scope(self._account, level, objects, campaign_of)
        days = (first, last, self._time_zone)
        listed, whole = (
            tuple(self._report(request(kind, level, scope, *days), level, objects))
            for kind in (BY_AUDIENCE, WHOLE[level])
        )
        return (*listed, *in_no_list(whole, listed))

    def _report(
        self, body: dict[str, Any], level: Level, objects: Sequence[BidObject]
    ) -> Iterator[SpendRow]:
        ask = Ask("POST", "GenerateReport/Submit", json=body)
        number = self._door.send(ask).body.get("ReportRequestId")
        if not isinstance(number, str):
            raise ContractBroken(f"{ask}: the answer has no ReportRequestId.")
        for _ in range(DOWNLOADS):
            address = self._address(number)
            if address is None:
                return iter(())
            try:
                return rows_of(self._download(address), level, objects)
            except AddressDied as fault:
                died = fault
        raise Transient(f"a report could not be fetched: {died}")

    def _address(self, number: str) -> str | None:
        """Where a report lies once it is built; None if there is nothing in it."""
        ask = Ask("POST", "GenerateReport/Poll", json={"ReportRequestId": number})
        waited, turn = 0.0, 0
        while True:
            told = self._door.send(ask).body.get("ReportRequestStatus") or {}
            if told.get("Status") == "Success":
                address = told.get("ReportDownloadUrl")
                return str(address) if address else None
            if told.get("Status") == "Error":
                raise Transient(f"{ask}: the report could not be built.")
            if told.get("Status") != "Pending":
                raise ContractBroken(f"{ask}: the answer has no status.")
            pause = PAUSES[min(turn, len(PAUSES) - 1)]
            waited, turn = waited + pause, turn + 1
            if waited > LONGEST_BUILD_SECONDS:
                raise Transient(f"{ask}: a report was not built within {waited:g} s.")
            self._door.sleep(pause)

    def _download(self, address: str) -> str:
        """Without our tokens: the address itself opens the file."""
        origin, ask = fetch(address)
        door = Door(origin, surroundings=self._around, judge=judge_download)
        return text_of(door.send(ask).content)


def _scope(
    account: str, level: Level, objects: Sequence[BidObject], campaign_of: Mapping[BidObject, str]
) -> dict[str, Any]:
    places = [
        {"AccountId": account, "CampaignId": campaign_of[one]}
        | ({} if level is Level.CAMPAIGN else {"AdGroupId": one.object_id})
        for one in objects
    ]
    return {"Campaigns" if level is Level.CAMPAIGN else "AdGroups": places}


def request(
    kind: str, level: Level, scope: dict[str, Any], first: date, last: date, time_zone: str
) -> dict[str, Any]:
    """Body of Submit: one row per day and object, and audience where the kind knows any."""
    audience = ["AudienceId"] if kind == BY_AUDIENCE else []
    return {
        "ReportRequest": {
            "Type": kind,
            "ReportName": "adsteer",
            "Format": "Csv",
            "FormatVersion": "2.0",
            "ReturnOnlyCompleteData": False,
            "ExcludeReportHeader": True,
            "ExcludeReportFooter": True,
            "ExcludeColumnHeaders": False,
            "Aggregation": "Daily",
            "Columns": ["TimePeriod", ID_COLUMN[level], *audience, *METRICS],
            "Scope": scope,
            "Time": {
                "CustomDateRangeStart": _day(first),
                "CustomDateRangeEnd": _day(last),
                "ReportTimeZone": time_zone,
            },
        }
    }


def _day(day: date) -> dict[str, int]:
    return {"Year": day.year, "Month": day.month, "Day": day.day}


def fetch(address: str) -> tuple[str, Ask]:
    """Origin and request of an address. It is signed, so no part of it may be written down."""
    parts = urlsplit(address)
    names = {f"part{n}": unquote(one) for n, one in enumerate(parts.path.strip("/").split("/"))}
    pairs = (one.partition("=") for one in parts.query.split("&") if one)
    ask = Ask(
        "GET",
        "/".join(f"{{{name}}}" for name in names),
        gaps=names,
        query={unquote(name): unquote(value) for name, _, value in pairs},
        is_json=False,
    )
    return f"{parts.scheme}://{parts.netloc}/", ask


def judge_download(ask: Ask, reply: Reply) -> None:
    """A storage's answers: what is refused has died, what cannot be unpacked came in part."""
    if reply.status in (401, 403, 404, 410):
        raise AddressDied(f"the address of a report answered HTTP {reply.status}.")
    if not 200 <= reply.status < 300:
        raise error_for_status(ask, reply)
    try:
        text_of(reply.content)
    except (zipfile.BadZipFile, EOFError, UnicodeDecodeError, NotImplementedError):
        raise interrupted(ask, "a report arrived in part") from None


def text_of(packed: bytes) -> str:
    """The one file in a zip; its checksum is looked at."""
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        names = archive.namelist()
        if len(names) != 1:
            raise ContractBroken(f"a report holds {len(names)} files.")
        return archive.read(names[0]).decode("utf-8-sig")


def rows_of(text: str, level: Level, objects: Sequence[BidObject]) -> Iterator[SpendRow]:
    """Raises ContractBroken for a column, an object or a number that is not as asked for."""
    by_id = {one.object_id: one for one in objects}
    names, *lines = _lines(text) or [[]]
    for cells in lines:
        try:
            row = dict(zip(names, cells, strict=True))
            yield _row(row, by_id[row[ID_COLUMN[level]]])
        except (KeyError, ValueError):
            raise ContractBroken("reports: a row is not what was asked for.") from None


def _lines(text: str) -> list[list[str]]:
    try:
        return [cells for cells in csv.reader(io.StringIO(text), strict=True) if cells]
    except csv.Error:
        raise ContractBroken("reports: the file is not a CSV.") from None


def _row(row: Mapping[str, str], where: BidObject) -> SpendRow:
    conversions = _number(row["ConversionsQualified"])
    return SpendRow(
        day=date.fromisoformat(row["TimePeriod"]),
        object=where,
        condition_id=row.get("AudienceId"),
        impressions=int(_number(row["Impressions"]) or 0),
        clicks=int(_number(row["Clicks"]) or 0),
        cost=_number(row["Spend"]) or Decimal(0),
        conversions=_number(row["Conversions"]) if conversions is None else conversions,
        revenue=_number(row["Revenue"]),
    )


def in_no_list(whole: Iterable[SpendRow], listed: Iterable[SpendRow]) -> Iterator[SpendRow]:
    """What is left of the whole, day by day and object by object.

    Exact where nobody is in two of the lists; somebody in two is taken off twice, so nothing is
    let fall below zero.
    """
    of: dict[tuple[date, BidObject], list[SpendRow]] = {}
    for one in listed:
        of.setdefault((one.day, one.object), []).append(one)
    for one in whole:
        parts = of.get((one.day, one.object), [])
        impressions = max(one.impressions - sum(part.impressions for part in parts), 0)
        clicks = max(one.clicks - sum(part.clicks for part in parts), 0)
        yield replace(
            one,
            impressions=impressions,
            clicks=min(clicks, impressions),
            cost=max(one.cost - sum(part.cost for part in parts), Decimal(0)),
            conversions=_left(one.conversions, [part.conversions for part in parts]),
            revenue=_left(one.revenue, [part.revenue for part in parts]),
        )


def _left(whole: Decimal | None, parts: Iterable[Decimal | None]) -> Decimal | None:
    if whole is None:
        return None
    return max(whole - sum(part or Decimal(0) for part in parts), Decimal(0))


def _number(cell: str) -> Decimal | None:
    cell = cell.strip()
    if not cell:
        return None
    if NUMBER.fullmatch(cell) is None:
        raise ValueError("not a plain number")
    return Decimal(cell)
