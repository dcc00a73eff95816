"""The report's pictures, drawn from its tables in the reader's language."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from config.labels import SEGMENTS
from flows.pictures import ORDER
from flows.report_people import ALL
from flows.report_words import Language
from flows.reporting import Report
from measurement.tables import Cell, Kind

if TYPE_CHECKING:
    from measurement.report_charts import Expectation

Row = Mapping[str, Any]


def charts(report: Report, language: Language) -> dict[str, str]:
    """SVG by name; a picture without figures is left out."""
    drawn = {name: draw(report, language) for name, draw in DRAWINGS.items()}
    return {name: svg for name, svg in drawn.items() if svg is not None}


def _segments(report: Report, language: Language) -> str | None:
    from measurement.charts import SegmentBar, segment_chart

    rows = [row for row in _rows(report, "segments") if row["segment"] != ALL]
    return segment_chart(
        [
            SegmentBar(
                label=language.named(row["segment"]),
                people_share=row["people_share"] or 0,
                revenue_share=row["revenue_share"] or 0,
                correction=report.corrections.get(row["segment"]),
            )
            for row in rows
        ],
        title="",
        names=(
            language.text("chart", "people_share"),
            language.text("chart", "revenue_share"),
            language.text("chart", "correction"),
        ),
        say=_say(language, Kind.SHARE),
    )


def _cost_share(report: Report, language: Language) -> str | None:
    from measurement.report_charts import CostShareBar, cost_share_chart

    repeats = {row["segment"]: row["drr_all"] for row in _rows(report, "repeat")}
    rows = [row for row in _rows(report, "drr_segments") if row["segment"] != ALL and row["drr"]]
    if not rows:
        return None
    limit = rows[0]["break_even"]
    return cost_share_chart(
        [
            CostShareBar(
                label=language.named(row["segment"]),
                first=float(row["drr"]),
                repeats=_float(repeats.get(row["segment"])),
            )
            for row in rows
        ],
        names=(
            language.text("chart", "first_orders"),
            language.text("chart", "with_repeats"),
            language.text("chart", "break_even"),
        ),
        break_even=_float(limit),
        say=_say(language, "percent1"),
    )


def _forecast(report: Report, language: Language) -> str | None:
    from measurement.report_charts import expectation_chart

    rows = _rows(report, "forecast")
    if not rows:
        return None
    several = len({row["account"] for row in rows}) > 1
    panels = [
        (language.text("chart", name), [_expected(language, row, name, several) for row in rows])
        for name in ("spend", "revenue")
    ]
    return expectation_chart(
        panels,
        names=(language.text("chart", "expected"), language.text("chart", "fact")),
        say=_say(language, Kind.COUNT),
    )


def _expected(language: Language, row: Row, name: str, several: bool) -> "Expectation":
    from measurement.report_charts import Expectation

    label = language.named(row["segment"])
    return Expectation(
        f"{row['account']}: {label}" if several else label,
        float(row[f"{name}_expected"]),
        float(row[f"{name}_low"]),
        float(row[f"{name}_high"]),
        _float(row[f"{name}_fact"]),
    )


TOLD_BUYERS = (0.1, 0.2)
"""Shares of buyers whose part of the revenue is printed at the curve."""


def _concentration(report: Report, language: Language) -> str | None:
    from measurement.report_charts import curves_chart

    buyers = _points(report, "buyers_concentration")
    budget = _points(report, "profit_concentration")
    said = [(share, _best(language, share, held)) for share, held in buyers if share in TOLD_BUYERS]
    panels = [
        (language.text("chart", "buyers"), language.text("chart", "of_revenue"), buyers, said)
    ]
    if budget:
        gathers = report.tables["profit_concentration"].notes[0]
        share = next(float(str(value)) for name, value, _ in gathers.figures if name == "budget")
        point = [(share, _best(language, share, 0.8))]
        panels.append(
            (language.text("chart", "budget"), language.text("chart", "of_profit"), budget, point)
        )
    panels = [panel for panel in panels if panel[2]]
    if not panels:
        return None
    return curves_chart(panels, even=language.text("chart", "even"), say=_say(language, "share0"))


def _best(language: Language, share: float, held: float) -> str:
    return language.filled("chart", "best", share=(share, Kind.SHARE), held=(held, Kind.SHARE))


def _points(report: Report, name: str) -> list[tuple[float, float]]:
    return [(float(str(x)), float(str(y))) for x, y in report.tables[name].rows]


def _retention(report: Report, language: Language) -> str | None:
    from measurement.report_charts import RetentionLine, retention_lines_chart

    rows = _rows(report, "retention")
    lines = []
    for name in ORDER:
        mine = [row for row in rows if row["segment"] == name]
        if mine:
            points = [(row["day"], row["retained"], row["low"], row["high"]) for row in mine]
            lines.append(RetentionLine(language.named(name), points, mine[-1]["target"]))
    if not lines:
        return None
    return retention_lines_chart(
        lines,
        target=language.text("chart", "target"),
        say=_say(language, "share0"),
        say_day=lambda day: language.cell(day, Kind.DAY),
    )


def _migration(report: Report, language: Language) -> str | None:
    from measurement.history_charts import migration_chart

    moves = {(row["before"], row["after"]): row["row_share"] for row in _rows(report, "migration")}
    was = {before for before, after in moves if before in SEGMENTS and after in SEGMENTS}
    if not was:
        return None
    shares = [
        [moves.get((before, after), 0.0) if before in was else None for after in ORDER]
        for before in ORDER
    ]
    return migration_chart(
        [language.named(name) for name in ORDER],
        shares,
        title="",
        names=(language.text("chart", "was"), language.text("chart", "is_now")),
    )


def _channels(report: Report, language: Language) -> str | None:
    from measurement.report_charts import index_chart

    rows = _rows(report, "channel_mix")
    if not rows:
        return None
    channels = list(dict.fromkeys(row["channel"] for row in rows))
    groups = []
    for name in dict.fromkeys(row["group"] for row in rows):
        mine = {row["channel"]: row for row in rows if row["group"] == name}
        p = language.cell(next(iter(mine.values()))["chi_square_p"], Kind.CHANCE)
        values = [_float(mine[channel]["index"]) for channel in channels]
        groups.append((f"{language.named(name)} (p = {p})".replace("= <", "<"), values))
    return index_chart(
        channels, groups, axis=language.text("chart", "index"), say=_say(language, Kind.COUNT)
    )


def _experiments(report: Report, language: Language) -> str | None:
    from measurement.report_charts import EffectBar, effects_chart

    bars = []
    for row in _rows(report, "experiments"):
        ends = (row["lift_low"], row["lift_high"])
        low, high = ends if None not in ends else (row["always_low"], row["always_high"])
        if None in (row["lift"], low, high):
            continue
        said = f"{language.cell(row['lift'], Kind.LIFT)}, {language.named(row['finding'])}"
        label = f"{row['experiment']}: {language.named(row['segment'])}"
        bars.append(EffectBar(label, row["lift"], low, high, said))
    if not bars:
        return None
    return effects_chart(
        bars, axis=language.text("chart", "interval"), say=_say(language, "share0")
    )


DRAWINGS: Mapping[str, Callable[[Report, Language], str | None]] = {
    "segments": _segments,
    "drr": _cost_share,
    "channels": _channels,
    "forecast": _forecast,
    "holdouts": _experiments,
    "concentration": _concentration,
    "retention": _retention,
    "migration": _migration,
}
"""Every picture, in the order of the page."""


def _rows(report: Report, name: str) -> list[Row]:
    return list(report.tables[name].dicts())


def _float(value: Cell) -> float | None:
    return None if value is None else float(str(value))


def _say(language: Language, kind: str) -> Callable[[float], str]:
    return lambda value: language.cell(Decimal(repr(float(value))), kind)
