"""What a report says, as tables and sentences without a language: `adsteer report`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from audiences.refreshes import last_refreshes
from config.labels import SEGMENT_LABELS
from config.model import Labels
from flows.documents import Document
from flows.histories import history
from flows.report_bids import forecast_table
from flows.report_channels import channel_table
from flows.report_cohorts import cohort_table, repeat_table
from flows.report_experiments import experiment_tables
from flows.report_money import known_margin, spend_tables
from flows.report_people import ALL, channel_mix_table, history_tables, segments_table
from flows.report_quality import quality_tables
from flows.report_seeds import seeds_table
from flows.spending import Source, spending, window_rows
from flows.workshop import CannotRun, Workshop
from measurement.cost_share import Comparison
from measurement.money import total
from measurement.tables import Cell, Kind, Note, Table

LEAST_COST_SHARE = Decimal("0.01")
"""Share of all cost under which a segment's cost share is no finding."""

FAR_APART_DAYS = 31
"""Windows of sources that end further apart are said not to be of one time."""


@dataclass(frozen=True)
class Fact:
    """One figure of the summary."""

    name: str
    value: Cell
    kind: Kind


@dataclass(frozen=True)
class Report:
    """Everything a report says; words and formats come with the language."""

    shop: str
    currency: str
    as_of: date
    made_at: datetime
    facts: tuple[Fact, ...]
    findings: tuple[Note, ...]
    tables: Mapping[str, Table]
    corrections: Mapping[str, int]
    """In per cent, of the segments whose rule names one."""
    labels: Mapping[str, Labels]
    """Of segments and overlays, by name."""

    @property
    def as_json(self) -> Document:
        """The document of `adsteer report --json`."""
        return {
            "shop": self.shop,
            "currency": self.currency,
            "as_of": self.as_of.isoformat(),
            "made_at": self.made_at.isoformat(),
            "facts": {one.name: Note("", (("value", one.value, one.kind),)).as_json["value"]
                      for one in self.facts},
            "findings": [one.as_json for one in self.findings],
            "tables": {name: table.as_json for name, table in self.tables.items()},
        }  # fmt: skip


def report(workshop: Workshop) -> Report:
    """Work the report out of what is known; nothing is asked of a platform.

    Raises CannotRun before the first refresh.
    """
    refreshed = _last_refresh(workshop)
    as_of = workshop.snapshot("segments").as_of
    sources, margin = spending(workshop), known_margin(workshop)
    tables = {
        table.name: table
        for table in (
            segments_table(workshop, refreshed),
            *spend_tables(sources, margin),
            repeat_table(workshop, sources, as_of, margin),
            cohort_table(workshop, sources, as_of),
            channel_table(workshop, sources, as_of),
            forecast_table(workshop, sources),
            *history_tables(history(workshop, as_of)),
            channel_mix_table(workshop),
            seeds_table(workshop, refreshed, sources),
            *experiment_tables(workshop),
            *quality_tables(refreshed),
        )
    }
    shop = workshop.project.adsteer.shop
    overlays = {one.name: one.labels for one in workshop.project.segments.overlay if one.labels}
    return Report(
        shop=shop.name,
        currency=shop.currency,
        as_of=as_of,
        made_at=workshop.now(),
        facts=tuple(_facts(tables, sources, margin)),
        findings=tuple(_findings(tables, sources)),
        tables=tables,
        corrections={
            rule.segment: rule.correction
            for rule in workshop.project.bid_rules.rule
            if isinstance(rule.correction, int)
        },
        labels={**SEGMENT_LABELS, **overlays},
    )


def _last_refresh(workshop: Workshop) -> Document:
    with workshop.catalog.begin() as connection:
        last = last_refreshes(connection, most=1)
    if not last:
        raise CannotRun("there are no segments yet. Run `adsteer refresh` first.")
    return last[0].document


def _facts(
    tables: Mapping[str, Table], sources: Sequence[Source], margin: Decimal | None
) -> Iterator[Fact]:
    whole = next(row for row in tables["segments"].dicts() if row["segment"] == ALL)
    loyal = next(tables["loyal"].dicts())
    spent = total(window_rows(sources))
    yield Fact("people", whole["people"], Kind.COUNT)
    yield Fact("buyers", whole["buyers"], Kind.COUNT)
    yield Fact("revenue", whole["revenue"], Kind.MONEY)
    yield Fact("repeat_rate", whole["repeat_rate"], Kind.SHARE)
    yield Fact("loyal_now", loyal["loyal_now"], Kind.COUNT)
    yield Fact("cost", spent.cost if spent.cost else None, Kind.MONEY)
    yield Fact("drr", spent.drr, Kind.PERCENT)
    yield Fact("romi", spent.romi(margin), Kind.PERCENT)


def _findings(tables: Mapping[str, Table], sources: Sequence[Source]) -> Iterator[Note]:
    """What a reader should know first: comparisons, moves, gatherings, missed targets, holes."""
    yield from _cost_findings(tables["drr_segments"])
    yield from _loyal_finding(tables["loyal"])
    yield from _concentration_findings(tables)
    yield from _retention_finding(tables["retention"])
    yield from (
        Note("seed_old", (("seed", name, Kind.TEXT), ("days", days, Kind.COUNT)))
        for name, days in sorted(
            {
                (str(row["seed"]), row["seed_age"])
                for row in tables["seeds"].dicts()
                if row["freshness"] in ("due", "expired")
            }
        )
    )
    for row in tables["sources"].dicts():
        if row["missing_days"]:
            figures = (
                ("source", f"{row['source']} ({row['platform']})", Kind.TEXT),
                ("days", row["missing_days"], Kind.COUNT),
                ("missing", row["missing"], Kind.TEXT),
            )
            yield Note("days_missing", figures)
    ends = [window[1] for one in sources if (window := one.window(1)) is not None]
    if ends and (max(ends) - min(ends)).days > FAR_APART_DAYS:
        far = (("first", min(ends), Kind.DAY), ("last", max(ends), Kind.DAY))
        yield Note("sources_apart", far)


def _cost_findings(table: Table) -> Iterator[Note]:
    """The segments of lowest and highest cost share against the whole, in both conventions."""
    rows = list(table.dicts())
    if len(rows) < 3:
        return
    whole = rows[-1]
    floor = LEAST_COST_SHARE * Decimal(str(whole["cost"]))
    told = [row for row in rows[:-1] if row["drr"] and Decimal(str(row["cost"])) >= floor]
    if not told or not whole["drr"]:
        return
    ordered = sorted(told, key=lambda row: Decimal(str(row["drr"])))
    for row in dict.fromkeys((str(ordered[0]["segment"]), str(ordered[-1]["segment"]))):
        one = next(each for each in told if each["segment"] == row)
        yield _compared(row, Decimal(str(whole["drr"])), Decimal(str(one["drr"])))


def _compared(segment: str, base: Decimal, drr: Decimal) -> Note:
    """'2.42 times lower (58.6 % decrease)': never lower by more than 100 %."""
    compared = Comparison("DRR", base, drr)
    lower = drr <= base
    times = compared.ratio if lower else 1 / compared.ratio
    change = compared.decrease if lower else -compared.decrease
    return Note(
        "drr_lower" if lower else "drr_higher",
        (
            ("segment", segment, Kind.NAME),
            ("drr", drr, Kind.PERCENT),
            ("whole", base, Kind.PERCENT),
            ("times", times, Kind.RATIO),
            ("change", change, Kind.PERCENT),
        ),
    )


def _loyal_finding(table: Table) -> Iterator[Note]:
    one = next(table.dicts())
    figures = tuple((name, one[name], Kind.COUNT) for name in ("loyal_then", "loyal_now"))
    yield Note("loyal", (("day", one["compared_from"], Kind.DAY), *figures))


def _concentration_findings(tables: Mapping[str, Table]) -> Iterator[Note]:
    for row in tables["buyers_concentration"].dicts():
        if row["buyers_share"] == 0.1:
            yield Note("best_tenth", (("revenue", row["revenue_share"], Kind.SHARE),))
    yield from (
        note for note in tables["profit_concentration"].notes if note.key == "profit_gathers"
    )


def _retention_finding(table: Table) -> Iterator[Note]:
    rows = list(table.dicts())
    latest = rows[-1]["day"] if rows else None
    for row in rows:
        if row["day"] == latest and row["verdict"] == "below":
            figures = (
                ("segment", row["segment"], Kind.NAME),
                ("retained", row["retained"], Kind.SHARE),
                ("target", row["target"], Kind.SHARE),
            )
            yield Note("retention_below", figures)
