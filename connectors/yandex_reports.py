"""Direct's Reports service: what a report is asked for with, and how its text is read.

A report is ordered, built and fetched by the same request, sent again until it answers 200. Its
name stands for its parameters, so the name is made from them. The summary line is kept: it is the
only sign that a report arrived whole.

Facts: Reports documents at yandex.ru/dev/direct/doc, as of September 2026.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

from bids.model import BidObject
from connectors.base import SpendRow
from connectors.errors import ContractBroken

HEADERS = {"processingMode": "auto", "skipReportHeader": "true"}
MICROS = 1_000_000
"""Amounts come as integers, in millionths of the account's currency."""
NONE = "--"
SUMMARY = re.compile(r"Total rows: (\d+)\s*\Z")
BUILDING = (201, 202)
WAIT_SECONDS = 10.0
"""Between two looks where the answer names no `retryIn`."""
LONGEST_BUILD_SECONDS = 1800.0
OBJECTS_PER_REPORT = 10_000


def parameters(
    id_name: str, objects: Sequence[BidObject], first: date, last: date, now: datetime
) -> dict[str, Any]:
    """Parameters of a report with one row per day, object and retargeting list.

    The name holds the hour: figures of recent days still change, and an old report of the same
    name would be given again.
    """
    params: dict[str, Any] = {
        "SelectionCriteria": {
            "DateFrom": first.isoformat(),
            "DateTo": last.isoformat(),
            "Filter": [
                {"Field": id_name, "Operator": "IN", "Values": [one.object_id for one in objects]}
            ],
        },
        "FieldNames": [
            "Date",
            id_name,
            "RlAdjustmentId",
            "Impressions",
            "Clicks",
            "Cost",
            "Conversions",
            "Revenue",
        ],
        "Page": {"Limit": 1_000_000, "Offset": 0},
        "ReportType": "CUSTOM_REPORT",
        "DateRangeType": "CUSTOM_DATE",
        "Format": "TSV",
        "IncludeVAT": "YES",
    }
    content = json.dumps(params, sort_keys=True).encode()
    name = f"adsteer-{now:%Y%m%d%H}-{sha256(content).hexdigest()[:16]}"
    return {**params, "ReportName": name}


def is_whole(text: str) -> bool:
    """Whether a report has as many rows as its last line says, below its line of names."""
    summary = SUMMARY.search(text)
    return summary is not None and len(_lines(text)) == int(summary[1]) + 1


def rows(text: str, id_name: str, objects: Sequence[BidObject]) -> Iterator[SpendRow]:
    """Raises ContractBroken for a column or an object that was not asked for."""
    by_id = {one.object_id: one for one in objects}
    names, *lines = (line.split("\t") for line in _lines(text))
    for cells in lines:
        try:
            row = dict(zip(names, cells, strict=True))
            yield _row(row, by_id[row[id_name]])
        except (KeyError, ValueError, ArithmeticError):
            raise ContractBroken("reports: a row is not what was asked for.") from None


def _row(row: Mapping[str, str], where: BidObject) -> SpendRow:
    condition = row["RlAdjustmentId"]
    revenue = _number(row["Revenue"])
    return SpendRow(
        day=date.fromisoformat(row["Date"]),
        object=where,
        condition_id=None if condition in (NONE, "0", "") else condition,
        impressions=int(_number(row["Impressions"]) or 0),
        clicks=int(_number(row["Clicks"]) or 0),
        cost=(_number(row["Cost"]) or Decimal(0)) / MICROS,
        conversions=_number(row["Conversions"]),
        revenue=None if revenue is None else revenue / MICROS,
    )


def _number(cell: str) -> Decimal | None:
    return None if cell == NONE else Decimal(cell)


def _lines(text: str) -> list[str]:
    return SUMMARY.sub("", text).splitlines()
