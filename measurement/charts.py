"""Charts as SVG, drawn offline; readable in grey and by colour-blind people.

Series differ in lightness and hatching as well as in hue (Okabe-Ito); every bar says its figure.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

DARK = "#0072B2"
LIGHT = "#B9D9EB"
UP = "#009E73"
DOWN = "#D55E00"
MINUS = "\N{MINUS SIGN}"
INK = "#222222"
FAINT = "#8a8a8a"


@dataclass(frozen=True)
class SegmentBar:
    """One segment of the chart: shares between 0 and 1, correction in per cent or None."""

    label: str
    people_share: float
    revenue_share: float
    correction: int | None


SEGMENT_NAMES = ("share of people", "share of revenue", "bid correction")


def percent(share: float) -> str:
    """A share between 0 and 1 as English writes it."""
    return f"{100 * share:.1f} %"


def segment_chart(
    bars: Sequence[SegmentBar],
    *,
    title: str,
    names: tuple[str, str, str] = SEGMENT_NAMES,
    say: Callable[[float], str] = percent,
) -> str:
    """Who the people are, who brings the money, and where bids go: one row per segment.

    names: of both bars and of the corrections; `say` writes a share: as the reader's language does.
    """
    figure = Figure(figsize=(9.6, 0.52 * len(bars) + 1.5), layout="constrained")
    shares, moves = figure.subplots(1, 2, width_ratios=[3, 1.25], sharey=True)
    rows = range(len(bars))
    _share_bars(shares, rows, bars, names, say)
    _correction_bars(moves, rows, bars, names[2])
    if title:
        figure.suptitle(title, x=0.01, ha="left", color=INK, fontsize=12.5, fontweight="bold")
    return svg_text(figure)


def _share_bars(
    axes: Axes,
    rows: range,
    bars: Sequence[SegmentBar],
    names: tuple[str, str, str],
    say: Callable[[float], str],
) -> None:
    for offset, colour, hatch, name, values in (
        (-0.2, LIGHT, "////", names[0], [bar.people_share for bar in bars]),
        (0.2, DARK, "", names[1], [bar.revenue_share for bar in bars]),
    ):
        drawn = axes.barh(
            [row + offset for row in rows],
            values,
            height=0.38,
            color=colour,
            hatch=hatch,
            edgecolor="white",
            linewidth=0,
            label=name,
        )
        axes.bar_label(drawn, [say(value) for value in values], padding=3, fontsize=8, color=INK)
    axes.set_yticks(list(rows), [bar.label for bar in bars], fontsize=10, color=INK)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.14 * max(max(bar.people_share, bar.revenue_share) for bar in bars) or 1)
    axes.legend(loc="lower right", frameon=False, fontsize=9)
    _bare(axes)


def _correction_bars(axes: Axes, rows: range, bars: Sequence[SegmentBar], name: str) -> None:
    values = [bar.correction or 0 for bar in bars]
    colours = [UP if value > 0 else DOWN for value in values]
    axes.barh(rows, values, height=0.5, color=colours)
    for row, bar in zip(rows, bars, strict=True):
        text = "–" if bar.correction is None else f"{bar.correction:+d} %".replace("-", MINUS)
        side = "left" if (bar.correction or 0) >= 0 else "right"
        axes.annotate(
            text,
            (bar.correction or 0, row),
            xytext=(4 if side == "left" else -4, 0),
            textcoords="offset points",
            va="center",
            ha=side,
            fontsize=9,
            color=INK,
        )
    reach = 1.7 * max([abs(value) for value in values] + [10])
    axes.set_xlim(-reach, reach)
    axes.axvline(0, color=FAINT, linewidth=0.8)
    axes.set_title(name, fontsize=9, color=INK, loc="center")
    axes.tick_params(axis="y", length=0)
    _bare(axes)


@dataclass(frozen=True)
class ForecastBar:
    """Spend and revenue of one segment now and then, with the range of what may come."""

    label: str
    spend_now: float
    spend_then: float
    revenue_now: float
    revenue_then: float
    revenue_low: float
    revenue_high: float


def forecast_chart(bars: Sequence[ForecastBar], *, title: str, note: str) -> str:
    """Where the money is expected to go: spend and revenue at present and wanted corrections."""
    figure = Figure(figsize=(9.6, 0.62 * len(bars) + 1.7), layout="constrained")
    spend, revenue = figure.subplots(1, 2, sharey=True)
    rows = range(len(bars))
    _now_and_then(spend, rows, [(one.spend_now, one.spend_then) for one in bars], "spend")
    _now_and_then(revenue, rows, [(one.revenue_now, one.revenue_then) for one in bars], "revenue")
    for row, one in zip(rows, bars, strict=True):
        revenue.plot([one.revenue_low, one.revenue_high], [row + 0.2] * 2, color=INK, lw=1.6)
    revenue.set_xlim(0, 1.12 * max([one.revenue_high for one in bars] + [1.0]))
    spend.set_yticks(list(rows), [one.label for one in bars], fontsize=10, color=INK)
    spend.invert_yaxis()
    spend.legend(loc="lower right", frameon=False, fontsize=9)
    figure.suptitle(title, x=0.01, ha="left", color=INK, fontsize=12.5, fontweight="bold")
    figure.supxlabel(note, x=0.01, ha="left", fontsize=8.5, color=FAINT)
    return svg_text(figure)


def _now_and_then(
    axes: Axes, rows: range, values: Sequence[tuple[float, float]], name: str
) -> None:
    for offset, colour, hatch, label, place in (
        (-0.2, LIGHT, "////", "now", 0),
        (0.2, DARK, "", "with the plan", 1),
    ):
        drawn = axes.barh(
            [row + offset for row in rows],
            [pair[place] for pair in values],
            height=0.38,
            color=colour,
            hatch=hatch,
            edgecolor="white",
            linewidth=0,
            label=label,
        )
        texts = [f"{pair[place]:,.0f}" for pair in values]
        if place == 0:
            axes.bar_label(drawn, texts, padding=3, fontsize=8, color=INK)
        else:  # inside, at the start: the range is drawn over the end
            for row, text in zip(rows, texts, strict=True):
                axes.annotate(
                    text,
                    (0, row + offset),
                    xytext=(4, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=8,
                    color="white",
                )
    axes.set_title(name, fontsize=10, color=INK, loc="left")
    axes.set_xlim(0, 1.25 * max([max(pair) for pair in values] + [1.0]))
    _bare(axes)


def _bare(axes: Axes) -> None:
    """No frame and no scale: every bar says its figure."""
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "bottom", "left"):
        axes.spines[side].set_visible(False)


def svg_text(figure: Figure) -> str:
    """The figure as SVG text, the same for the same figures."""
    import matplotlib as mpl

    out = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "adsteer", "svg.fonttype": "path", "hatch.color": DARK}):
        FigureCanvasSVG(figure).print_svg(out, metadata={"Date": None})  # type: ignore[no-untyped-call]
    return out.getvalue()
