"""Pictures of the report, as SVG: cost share, forecast, curves, retention, channels, experiments.

Drawn offline from plain figures and texts in the reader's language. Okabe-Ito hues, and never hue
alone: markers, hatches and printed figures tell things apart in grey as well.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from measurement.charts import DARK, DOWN, FAINT, INK, LIGHT, UP, svg_text

WIDTH = 9.6
"""Inches; the page scales pictures to its own width."""

MARKERS = ("o", "s", "^", "D", "v")
HUES = (DARK, DOWN, UP, "#CC79A7", "#E69F00")

Say = Callable[[float], str]
"""Writes a figure as the reader's language does."""


@dataclass(frozen=True)
class CostShareBar:
    """One segment: cost share in per cent, on first orders and with repeat purchases."""

    label: str
    first: float
    repeats: float | None


def cost_share_chart(
    bars: Sequence[CostShareBar],
    *,
    names: tuple[str, str, str],
    break_even: float | None,
    say: Say,
) -> str:
    """Bars per segment and the break-even line; `names` are of both bars and of the line."""
    figure = Figure(figsize=(WIDTH, 0.56 * len(bars) + 1.1), layout="constrained")
    axes = figure.subplots()
    rows = range(len(bars))
    for offset, colour, hatch, name, values in (
        (-0.2, LIGHT, "////", names[0], [bar.first for bar in bars]),
        (0.2, DARK, "", names[1], [bar.repeats for bar in bars]),
    ):
        told = [(row + offset, value) for row, value in zip(rows, values, strict=True)]
        drawn = axes.barh(
            [row for row, _ in told],
            [value or 0 for _, value in told],
            height=0.38,
            color=colour,
            hatch=hatch,
            edgecolor="white",
            linewidth=0,
            label=name,
        )
        texts = ["–" if value is None else say(value) for _, value in told]
        axes.bar_label(drawn, texts, padding=3, fontsize=8.5, color=INK)
    axes.set_yticks(list(rows), [bar.label for bar in bars], fontsize=10, color=INK)
    axes.invert_yaxis()
    top = max([bar.first for bar in bars] + [bar.repeats or 0 for bar in bars] + [break_even or 0])
    axes.set_xlim(0, 1.18 * top or 1)
    if break_even is not None:
        line = f"{names[2]}: {say(break_even)}"
        axes.axvline(break_even, color=INK, linestyle=(0, (4, 3)), linewidth=1.3, label=line)
    _legend(figure, axes, 3)
    _bare(axes)
    return svg_text(figure)


@dataclass(frozen=True)
class Expectation:
    """What was expected of one segment, and what came (None: nothing yet)."""

    label: str
    expected: float
    low: float
    high: float
    fact: float | None


def expectation_chart(
    panels: Sequence[tuple[str, Sequence[Expectation]]], *, names: tuple[str, str], say: Say
) -> str:
    """A panel each (spend, revenue): expected range as a line, what came as a diamond."""
    most = max(len(rows) for _, rows in panels)
    figure = Figure(figsize=(WIDTH, 0.46 * most + 1.4), layout="constrained")
    drawn = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (title, rows) in zip(drawn, panels, strict=True):
        _expectations(axes, rows, names, say)
        axes.set_title(title, fontsize=10.5, color=INK, loc="left")
    drawn[0].set_yticks(range(most), [one.label for one in panels[0][1]], fontsize=10, color=INK)
    drawn[0].invert_yaxis()
    _legend(figure, drawn[0], 2)
    return svg_text(figure)


def _expectations(
    axes: Axes, rows: Sequence[Expectation], names: tuple[str, str], say: Say
) -> None:
    for row, one in enumerate(rows):
        axes.plot([one.low, one.high], [row, row], color=LIGHT, linewidth=7, zorder=1)
        axes.plot([one.low, one.high], [row, row], "|", color=DARK, markersize=11, zorder=2)
    at = range(len(rows))
    axes.plot([one.expected for one in rows], at, "o", color=DARK, markersize=6, label=names[0])
    came = [(one.fact, row) for row, one in enumerate(rows) if one.fact is not None]
    if came:
        axes.plot(
            [fact for fact, _ in came],
            [row for _, row in came],
            "D",
            color=DOWN,
            markeredgecolor="white",
            markersize=8,
            label=names[1],
        )
    top = max([one.high for one in rows] + [fact for fact, _ in came] + [1.0])
    axes.set_xlim(0, 1.06 * top)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    _scale(axes, say)


def curves_chart(
    panels: Sequence[tuple[str, str, Sequence[tuple[float, float]], Sequence[tuple[float, str]]]],
    *,
    even: str,
    say: Say,
) -> str:
    """Concentration curves side by side: x and y label, points, and said points (x, sentence)."""
    figure = Figure(figsize=(WIDTH, 4.3), layout="constrained")
    drawn = figure.subplots(1, max(len(panels), 2), squeeze=False)[0]
    for axes in drawn[len(panels) :]:
        axes.set_axis_off()
    for axes, (x_name, y_name, points, said) in zip(drawn, panels, strict=False):
        _curve(axes, points, said, even)
        axes.set_xlabel(x_name, color=INK, fontsize=9)
        axes.set_ylabel(y_name, color=INK, fontsize=9)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: say(value)))
    return svg_text(figure)


def _curve(
    axes: Axes,
    points: Sequence[tuple[float, float]],
    said: Sequence[tuple[float, str]],
    even: str,
) -> None:
    whole = list(points) if points[0] == (0, 0) else [(0.0, 0.0), *points]
    if whole[-1][0] < 1:
        whole.append((1.0, 1.0))  # what is left of the budget earned nothing
    x, y = [one for one, _ in whole], [one for _, one in whole]
    axes.plot([0, 1], [0, 1], color=FAINT, linestyle="--", linewidth=1)
    axes.text(0.62, 0.57, even, rotation=38, fontsize=8, color=FAINT, ha="center", va="center")
    axes.plot(x, y, color=DARK, linewidth=2.2, marker="o", markersize=3.5)
    axes.fill_between(x, y, x, color=DARK, alpha=0.10, linewidth=0)
    for place, sentence in said:
        height = _height(whole, place)
        axes.plot([place], [height], "o", color=DOWN, markersize=7)
        axes.annotate(
            sentence, (place, height), xytext=(9, -12), textcoords="offset points", fontsize=9,
            color=INK,
        )  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.03)
    axes.set_box_aspect(1)
    axes.tick_params(labelsize=8, colors=FAINT)
    axes.grid(color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
    _frameless(axes)


def _height(points: Sequence[tuple[float, float]], place: float) -> float:
    """The curve at a place, linear between its points."""
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 <= place <= x1:
            return y0 if x1 == x0 else y0 + (y1 - y0) * (place - x0) / (x1 - x0)
    return 1.0


@dataclass(frozen=True)
class RetentionLine:
    """One segment over time: (day, share, low, high), and its target (None: nothing)."""

    label: str
    points: Sequence[tuple[date, float, float, float]]
    target: float | None


def retention_lines_chart(
    lines: Sequence[RetentionLine], *, target: str, say: Say, say_day: Callable[[date], str]
) -> str:
    """A panel per segment: its line with the interval as a band, and the target dashed."""
    columns = 3
    rows = -(-len(lines) // columns)
    figure = Figure(figsize=(WIDTH, 1.75 * rows + 0.35), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for panel in panels.flat[len(lines) :]:
        panel.set_axis_off()
    days = sorted({day for line in lines for day, *_ in line.points})
    for panel, line in zip(panels.flat, lines, strict=False):
        _retention_panel(panel, line, days, target, say)
        panel.set_xticks(
            [0, max(len(days) - 1, 1)],
            [say_day(days[0]), say_day(days[-1]) if len(days) > 1 else ""],
            fontsize=7.5, color=FAINT,
        )  # fmt: skip
        panel.get_xticklabels()[-1].set_horizontalalignment("right")
        panel.get_xticklabels()[0].set_horizontalalignment("left")
    return svg_text(figure)


def _retention_panel(
    panel: Axes, line: RetentionLine, days: Sequence[date], target: str, say: Say
) -> None:
    at = [days.index(day) for day, *_ in line.points]
    share = [one for _, one, _, _ in line.points]
    panel.fill_between(
        at, [low for _, _, low, _ in line.points], [high for _, _, _, high in line.points],
        color=DARK, alpha=0.16, linewidth=0,
    )  # fmt: skip
    panel.plot(at, share, color=DARK, linewidth=2, marker="o", markersize=3.5)
    if line.target is not None:
        panel.axhline(line.target, color=DOWN, linestyle=(0, (4, 3)), linewidth=1.2)
        panel.text(
            0, line.target + 0.02, f"{target} {say(line.target)}", fontsize=7, color=DOWN,
            va="bottom",
        )  # fmt: skip
    panel.set_title(f"{line.label}: {say(share[-1])}", fontsize=9, color=INK, loc="left")
    panel.set_ylim(0, 1.05)
    panel.set_xlim(-0.25, max(len(days) - 1, 1) + 0.25)
    panel.set_yticks([0, 0.5, 1.0], [say(0), say(0.5), say(1)], fontsize=7.5, color=FAINT)
    panel.grid(axis="y", color="#e6e6e6", linewidth=0.7)
    panel.set_axisbelow(True)
    panel.tick_params(length=0)
    _frameless(panel)


def index_chart(
    channels: Sequence[str],
    groups: Sequence[tuple[str, Sequence[float | None]]],
    *,
    axis: str,
    say: Say,
) -> str:
    """Index per channel for each group; a marker each, 100 is everybody."""
    figure = Figure(figsize=(WIDTH, 0.46 * len(channels) + 1.5), layout="constrained")
    axes = figure.subplots()
    for number, (name, values) in enumerate(groups):
        told = [(value, row) for row, value in enumerate(values) if value is not None]
        axes.plot(
            [value for value, _ in told],
            [row + 0.2 * (number - (len(groups) - 1) / 2) for _, row in told],
            MARKERS[number % len(MARKERS)],
            color=HUES[number % len(HUES)],
            markersize=8,
            label=name,
        )
    every = [value for _, values in groups for value in values if value is not None]
    reach = max([abs(value - 100) for value in every] + [10]) * 1.15
    axes.axvline(100, color=INK, linewidth=1)
    axes.set_xlim(max(100 - reach, 0), 100 + reach)
    axes.set_ylim(-0.6, len(channels) - 0.4)
    axes.set_yticks(range(len(channels)), list(channels), fontsize=10, color=INK)
    axes.invert_yaxis()
    axes.set_xlabel(axis, color=INK, fontsize=9)
    for row in range(len(channels) - 1):
        axes.axhline(row + 0.5, color="#eeeeee", linewidth=0.8)
    _scale(axes, say)
    _legend(figure, axes, len(groups))
    return svg_text(figure)


@dataclass(frozen=True)
class EffectBar:
    """One experiment: effect with its interval, and what is to be read beside it."""

    label: str
    effect: float
    low: float
    high: float
    said: str


def effects_chart(bars: Sequence[EffectBar], *, axis: str, say: Say) -> str:
    """Effects with intervals against none: filled where the interval leaves nought out."""
    figure = Figure(figsize=(WIDTH, 0.5 * len(bars) + 1.2), layout="constrained")
    axes = figure.subplots()
    for row, bar in enumerate(bars):
        sure = bar.low > 0 or bar.high < 0
        colour = (UP if bar.effect > 0 else DOWN) if sure else FAINT
        axes.plot([bar.low, bar.high], [row, row], color=colour, linewidth=3)
        axes.plot(
            [bar.effect], [row], "o" if sure else "D", color=colour if sure else "white",
            markeredgecolor=colour, markeredgewidth=2, markersize=9,
        )  # fmt: skip
        axes.annotate(
            bar.said, (bar.high, row), xytext=(10, 0), textcoords="offset points", va="center",
            fontsize=9, color=INK,
        )  # fmt: skip
    reach = max([abs(end) for bar in bars for end in (bar.low, bar.high)] + [1e-9])
    axes.set_xlim(min([bar.low for bar in bars] + [0]) - 0.1 * reach, 1.9 * reach)
    axes.axvline(0, color=INK, linewidth=1)
    axes.set_ylim(-0.6, len(bars) - 0.4)
    axes.set_yticks(range(len(bars)), [bar.label for bar in bars], fontsize=10, color=INK)
    axes.invert_yaxis()
    axes.set_xlabel(axis, color=INK, fontsize=9)
    _scale(axes, say)
    return svg_text(figure)


def _legend(figure: Figure, axes: Axes, columns: int) -> None:
    """Above the drawing, where it covers nothing."""
    handles, names = axes.get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside upper left", ncols=columns, frameon=False, fontsize=9.5
    )


def _scale(axes: Axes, say: Say) -> None:
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: say(value)))
    axes.tick_params(axis="x", labelsize=8, colors=FAINT)
    axes.tick_params(axis="y", length=0)
    axes.locator_params(axis="x", nbins=6)
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
    _frameless(axes)


def _bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0)
    _frameless(axes)


def _frameless(axes: Axes) -> None:
    for side in ("top", "right", "bottom", "left"):
        axes.spines[side].set_visible(False)
