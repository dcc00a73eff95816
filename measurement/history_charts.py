"""Pictures of segments over time, as SVG: sizes, migration, retention, concentration of revenue.

Drawn offline from plain figures; hue is never the only difference, and figures stand beside lines.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from measurement.charts import DARK, DOWN, FAINT, INK, UP, svg_text

SHADES = LinearSegmentedColormap.from_list("shades", ["#FFFFFF", "#B9D9EB", "#0072B2", "#00304F"])
WHITE_FROM = 0.45
"""Share from which a cell is dark enough for white figures."""


@dataclass(frozen=True)
class RetentionBar:
    """One segment: share that bought, its interval, and what was aimed at (None: nothing)."""

    label: str
    people: int
    share: float
    low: float
    high: float
    target: float | None


def sizes_chart(days: Sequence[date], people: Mapping[str, Sequence[int]], *, title: str) -> str:
    """People of each segment over time: a small panel per segment, all on its own scale.

    Eleven lines in one panel cannot be told apart; a panel each can, in grey as well.
    """
    columns = 3
    rows = -(-len(people) // columns)
    figure = Figure(figsize=(9.6, 1.75 * rows + 0.7), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False)
    for panel in panels.flat[len(people) :]:
        panel.set_axis_off()
    for panel, (label, counts) in zip(panels.flat, people.items(), strict=False):
        _size_panel(panel, days, label, counts)
    _titled(figure, title)
    return svg_text(figure)


def migration_chart(
    labels: Sequence[str],
    shares: Sequence[Sequence[float | None]],
    *,
    title: str,
    names: tuple[str, str] = ("was", "is now, per cent of the row"),
) -> str:
    """Heat map: of the people of a row's segment, the share that is in the column's now.

    Rows sum to 1; a row of None had nobody. names: of rows and columns.
    """
    size = len(labels)
    figure = Figure(figsize=(9.6, 0.5 * size + 2.1), layout="constrained")
    axes = figure.subplots()
    values = np.array([[0.0 if cell is None else cell for cell in row] for row in shares])
    axes.imshow(values, cmap=SHADES, vmin=0, vmax=1, aspect="auto")
    for row in range(size):
        for column in range(size):
            _migration_cell(axes, row, column, shares[row][column])
    axes.set_xticks(range(size), labels, rotation=35, ha="left", fontsize=9, color=INK)
    axes.set_yticks(range(size), labels, fontsize=9, color=INK)
    axes.xaxis.tick_top()
    axes.set_ylabel(names[0], color=FAINT, fontsize=9)
    axes.set_xlabel(names[1], color=FAINT, fontsize=9)
    _frameless(axes)
    axes.tick_params(length=0)
    _titled(figure, title)
    return svg_text(figure)


def retention_chart(bars: Sequence[RetentionBar], *, title: str) -> str:
    """Share of each segment that bought again, with its 95 % interval and its target."""
    figure = Figure(figsize=(9.6, 0.42 * len(bars) + 1.6), layout="constrained")
    axes = figure.subplots()
    for row, bar in enumerate(bars):
        _retention_row(axes, row, bar)
    labels = [f"{bar.label}  (n = {bar.people:,})" for bar in bars]
    axes.set_yticks(range(len(bars)), labels, fontsize=9.5, color=INK)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.08)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axes.tick_params(axis="x", labelsize=8, colors=FAINT)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)
    note = "dot: share that bought, line: 95 % interval, | target"
    axes.set_xlabel(note, color=FAINT, fontsize=8.5)
    _frameless(axes)
    _titled(figure, title)
    return svg_text(figure)


def concentration_chart(points: Sequence[tuple[float, float]], *, title: str) -> str:
    """Share of revenue by share of buyers, best buyers first, against an even spread."""
    figure = Figure(figsize=(7.2, 5.0), layout="constrained")
    axes = figure.subplots()
    shares = [0.0, *(share for share, _ in points)]
    held = [0.0, *(value for _, value in points)]
    axes.plot([0, 1], [0, 1], color=FAINT, linestyle="--", linewidth=1)
    axes.annotate(
        "everybody the same", (0.72, 0.70), rotation=33, fontsize=8.5, color=FAINT, ha="center",
        va="top",
    )  # fmt: skip
    axes.plot(shares, held, color=DARK, linewidth=2.4, marker="o", markersize=4)
    axes.fill_between(shares, held, shares, color=DARK, alpha=0.10, linewidth=0)
    for share, value in points:
        if share in (0.01, 0.10, 0.20, 0.50):
            axes.annotate(
                f"best {share:.0%} bring {value:.0%}",
                (share, value),
                xytext=(9, -11),
                textcoords="offset points",
                fontsize=9.5,
                color=INK,
            )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("share of buyers, best first", color=INK, fontsize=9)
    axes.set_ylabel("share of revenue", color=INK, fontsize=9)
    axes.tick_params(labelsize=8, colors=FAINT)
    axes.grid(color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
    _frameless(axes)
    _titled(figure, title)
    return svg_text(figure)


def _size_panel(axes: Axes, days: Sequence[date], label: str, counts: Sequence[int]) -> None:
    at = range(len(days))
    axes.plot(at, counts, color=DARK, linewidth=2, marker="o", markersize=3.5)
    axes.fill_between(at, counts, color=DARK, alpha=0.10, linewidth=0)
    first, last = counts[0], counts[-1]
    change = "" if first == 0 else f"  {100 * (last - first) / first:+.0f} %"
    axes.set_title(f"{label}: {last:,}{change}", fontsize=9.5, color=INK, loc="left")
    axes.set_ylim(0, 1.2 * max(*counts, 1))
    axes.set_xlim(-0.2, len(days) - 0.8)
    axes.set_xticks([0, len(days) - 1], [f"{days[0]}", f"{days[-1]}"], fontsize=7.5, color=FAINT)
    axes.get_xticklabels()[-1].set_horizontalalignment("right")
    axes.get_xticklabels()[0].set_horizontalalignment("left")
    axes.set_yticks([])
    axes.annotate(
        f"{first:,}", (0, first), xytext=(3, 9), textcoords="offset points", fontsize=8, color=INK
    )
    axes.tick_params(length=0)
    _frameless(axes)


def _migration_cell(axes: Axes, row: int, column: int, share: float | None) -> None:
    if share is None or share < 0.005:
        text = "" if share is not None else "–"
    else:
        text = f"{100 * share:.0f}"
    dark = share is not None and share >= WHITE_FROM
    weight = "bold" if row == column else "normal"
    colour = "white" if dark else INK
    axes.text(
        column, row, text, ha="center", va="center", fontsize=9.5, color=colour, fontweight=weight
    )


def _retention_row(axes: Axes, row: int, bar: RetentionBar) -> None:
    missed = bar.target is not None and bar.high < bar.target
    colour = DOWN if missed else UP if bar.target is not None else DARK
    axes.plot([bar.low, bar.high], [row, row], color=colour, linewidth=3, solid_capstyle="butt")
    marker = "v" if missed else "o"
    axes.plot([bar.share], [row], color=colour, marker=marker, markersize=8)
    if bar.target is not None:
        axes.plot([bar.target, bar.target], [row - 0.34, row + 0.34], color=INK, linewidth=2)
    said = f"{bar.share:.0%}" + (", below target" if missed else "")
    axes.annotate(
        said, (max(bar.high, bar.target or 0), row), xytext=(7, 0), textcoords="offset points",
        va="center", fontsize=9, color=INK,
    )  # fmt: skip


def _frameless(axes: Axes) -> None:
    for side in ("top", "right", "bottom", "left"):
        axes.spines[side].set_visible(False)


def _titled(figure: Figure, title: str) -> None:
    if title:
        figure.suptitle(title, x=0.01, ha="left", color=INK, fontsize=12.5, fontweight="bold")
