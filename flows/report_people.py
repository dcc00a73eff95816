"""The report's tables about people: segments, retention, moves, repeat buying, channels."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from config.labels import SEGMENTS
from flows.documents import Document
from flows.histories import LOYAL
from flows.pictures import ORDER
from flows.workshop import Workshop
from measurement.channel_mix import Mix, channel_mixes
from measurement.segment_figures import SegmentFigures, all_of, segment_figures
from measurement.tables import Kind, Note, Table, columns

RECENT_DAYS = 365
"""Revenue and margin per customer are of this many days up to the snapshot."""

ALL = "all"
UNKNOWN_CHANNEL = "unknown"

GROUPS: Mapping[str, tuple[str, ...]] = {
    "loyal_and_vip": LOYAL,
    "sleeping": ("sleeping",),
    "sleeping_registered": ("sleeping_registered",),
}
"""Groups whose first channels are held against those of everybody."""

SEGMENT_COLUMNS = columns(
    segment=Kind.NAME,
    people=Kind.COUNT,
    people_share=Kind.SHARE,
    change=Kind.COUNT,
    buyers=Kind.COUNT,
    revenue=Kind.MONEY,
    revenue_share=Kind.SHARE,
    repeat_rate=Kind.SHARE,
    repeat_share=Kind.SHARE,
    mean_gap=Kind.NUMBER,
    aov=Kind.MONEY,
    revenue_per_customer=Kind.MONEY,
    margin_per_customer=Kind.MONEY,
)


def segments_table(workshop: Workshop, document: Document) -> Table:
    """Who the people are and what they bring; `document` is the refresh's."""
    base = workshop.project.segments.base
    as_of = date.fromisoformat(document["as_of"])
    found = segment_figures(
        workshop.table("segments"),
        workshop.table("occasions"),
        as_of=as_of,
        days=RECENT_DAYS,
        margin_rate=base.margin_rate,
    )
    whole = all_of(list(found.values()))
    rows = [
        _segment_row(name, found.get(name, NOBODY), whole, document["segments"][name]["change"])
        for name in ORDER
    ]
    notes = (Note("margin_unknown"),) if whole.recent_margin is None else ()
    return Table("segments", SEGMENT_COLUMNS, (*rows, _segment_row(ALL, whole, whole, None)), notes)


NOBODY = SegmentFigures(0, 0, 0, 0, 0.0, 0.0, 0, 0.0, 0.0)


def _segment_row(
    name: str, one: SegmentFigures, whole: SegmentFigures, change: int | None
) -> tuple[Any, ...]:
    return (
        name,
        one.people,
        one.people / whole.people if whole.people else None,
        change,
        one.buyers,
        one.recent_revenue,
        one.recent_revenue / whole.recent_revenue if whole.recent_revenue else None,
        one.repeat_rate,
        one.repeat_share,
        one.mean_gap,
        one.average_order,
        one.per_customer(one.recent_revenue),
        one.per_customer(one.recent_margin),
    )


def history_tables(history: Document) -> tuple[Table, ...]:
    """Sizes, loyal now and then, retention, moves, how buyers' revenue gathers."""
    return (
        _sizes(history),
        _loyal(history),
        _retention(history),
        _migration(history),
        Table(
            "buyers_concentration",
            columns(buyers_share=Kind.SHARE, revenue_share=Kind.SHARE),
            tuple((share, held) for share, held in history["concentration"]),
        ),
    )


def _sizes(history: Document) -> Table:
    rows = [
        (date.fromisoformat(one["day"]), name, one["people"][name])
        for one in history["sizes"]
        for name in ORDER
    ]
    return Table("sizes", columns(day=Kind.DAY, segment=Kind.NAME, people=Kind.COUNT), tuple(rows))


def _loyal(history: Document) -> Table:
    one = history["loyal"]
    names = ("then", "now", "stayed", "new", "gone")
    then, now = date.fromisoformat(one["from"]), date.fromisoformat(one["to"])
    return Table(
        "loyal",
        columns(
            compared_from=Kind.DAY,
            compared_to=Kind.DAY,
            loyal_then=Kind.COUNT,
            loyal_now=Kind.COUNT,
            loyal_stayed=Kind.COUNT,
            loyal_new=Kind.COUNT,
            loyal_gone=Kind.COUNT,
        ),
        ((then, now, *(one[name] for name in names)),),
    )


def _retention(history: Document) -> Table:
    rows = [
        (
            date.fromisoformat(one["day"]),
            one["segment"],
            one["people"],
            one["bought"],
            one["share"],
            one["low"],
            one["high"],
            one["target"],
            one["verdict"],
        )
        for one in history["retention"]
    ]
    days = (("days", history["retention_days"], Kind.COUNT),)
    return Table(
        "retention",
        columns(
            day=Kind.DAY,
            segment=Kind.NAME,
            people=Kind.COUNT,
            bought=Kind.COUNT,
            retained=Kind.SHARE,
            low=Kind.SHARE,
            high=Kind.SHARE,
            target=Kind.SHARE,
            verdict=Kind.NAME,
        ),
        tuple(rows),
        (Note("retention_days", days) if rows else Note("retention_too_early", days),),
    )


def _migration(history: Document) -> Table:
    """Moves from segment to segment; entrants and leavers in lines of their own."""
    moves = history["migration"]
    place = {name: number for number, name in enumerate((*ORDER, None))}
    ordered = sorted(moves["moves"], key=lambda one: (place[one["before"]], place[one["after"]]))
    days = (
        ("first", date.fromisoformat(moves["from"]), Kind.DAY),
        ("last", date.fromisoformat(moves["to"]), Kind.DAY),
    )
    return Table(
        "migration",
        columns(before=Kind.NAME, after=Kind.NAME, people=Kind.COUNT, row_share=Kind.SHARE),
        tuple(
            (one["before"] or "entered", one["after"] or "left", one["people"], one["share"])
            for one in ordered
        ),
        (Note("migration_days", days),),
    )


def channel_mix_table(workshop: Workshop) -> Table:
    """First channels of loyal, sleeping and sleeping registered people against the base."""
    mixes = channel_mixes(
        workshop.table("segments"), workshop.table("people"), GROUPS, unknown=UNKNOWN_CHANNEL
    )
    known = any(name != UNKNOWN_CHANNEL for one in mixes for name in one.base)
    return Table(
        "channel_mix",
        columns(
            group=Kind.NAME,
            channel=Kind.TEXT,
            people=Kind.COUNT,
            channel_share=Kind.SHARE,
            base_share=Kind.SHARE,
            index=Kind.NUMBER,
            chi_square_p=Kind.CHANCE,
        ),
        tuple(row for one in mixes if known for row in _mix_rows(one)),
        () if known else (Note("no_channels"),),
    )


def _mix_rows(one: Mix) -> list[tuple[Any, ...]]:
    whole = sum(one.base.values())
    ordered = sorted(one.base, key=lambda name: (name == UNKNOWN_CHANNEL, -one.base[name], name))
    return [
        (
            one.group,
            channel,
            one.people.get(channel, 0),
            one.share(channel),
            one.base[channel] / whole,
            one.index(channel),
            one.p,
        )
        for channel in ordered
    ]


def segment_place(name: str) -> int:
    """Where a segment stands in every table: those who bring most first, others last."""
    return ORDER.index(name) if name in SEGMENTS else len(ORDER)
