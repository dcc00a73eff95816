"""What every refresh found, in figures: the usual size of a source, and change since the last."""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from statistics import median
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Date,
    Float,
    Integer,
    String,
    Table,
    Text,
    insert,
    select,
)

from audiences.catalog import Instant, metadata
from audiences.guards import SourceFigures

USUAL_OF = 8
"""How many refreshes before the last one say what is usual."""

REFRESHES = Table(
    "refreshes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("made_at", Instant, nullable=False),
    Column("as_of", Date, nullable=False),
    Column("people", Integer, nullable=False),
    Column("consent_share", Float, nullable=False),
    Column("newest_order", Date),
    Column("sources", String(64), nullable=False),
    Column("document", Text, nullable=False),
)


@dataclass(frozen=True)
class Refresh:
    """One refresh: `sources` names all it was made from, if known; `document` is what it said."""

    made_at: datetime
    as_of: date
    people: int
    consent_share: float
    newest_order: date | None
    sources: str
    document: dict[str, Any]


def record_refresh(connection: Connection, refresh: Refresh) -> None:
    """Record a refresh, in the transaction that makes its snapshots current."""
    row = {name: getattr(refresh, name) for name in refresh.__match_args__}
    row["document"] = json.dumps(refresh.document, ensure_ascii=False)
    connection.execute(insert(REFRESHES).values(**row))


def last_refreshes(connection: Connection, *, most: int = USUAL_OF + 1) -> list[Refresh]:
    """The last refreshes, newest first."""
    query = select(REFRESHES).order_by(REFRESHES.c.id.desc()).limit(most)
    return [
        Refresh(
            row["made_at"],
            row["as_of"],
            row["people"],
            row["consent_share"],
            row["newest_order"],
            row["sources"],
            json.loads(row["document"]),
        )
        for row in connection.execute(query).mappings()
    ]


def source_figures(refreshes: list[Refresh]) -> SourceFigures | None:
    """The last refresh against the median of those before it; None before the first."""
    if not refreshes:
        return None
    last, *before = refreshes
    now, usual = _unknown_columns(last), _usual_columns(before)
    return SourceFigures(
        people=last.people,
        newest_order=last.newest_order,
        consent_share=last.consent_share,
        usual_people=round(median(one.people for one in before)) if before else None,
        usual_consent_share=median(one.consent_share for one in before) if before else None,
        columns_come=tuple(sorted(now - usual)) if before else (),
        columns_gone=tuple(sorted(usual - now)),
    )


def _unknown_columns(refresh: Refresh) -> frozenset[str]:
    """Columns that nobody mapped, as file: header."""
    return frozenset(
        f"{one['file']}: {column}"
        for one in refresh.document.get("exports", ())
        for column in one["unknown_columns"]
    )


def _usual_columns(before: list[Refresh]) -> frozenset[str]:
    """Those of the commonest form among earlier refreshes: one odd export is not the new usual.

    Of two that are as common the newer one counts.
    """
    forms = Counter(_unknown_columns(one) for one in before)
    return max(forms, key=forms.__getitem__, default=frozenset())
