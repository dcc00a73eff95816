"""How a delimited text is laid out: its delimiter, its first records, where its records begin."""

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiences.refusals import ExportRefused

SNIFFED_ROWS = 50
DELIMITERS = ";,\t|"


@dataclass(frozen=True)
class Shape:
    """How a delimited text is laid out: its first records and how many lines lie above the rest."""

    delimiter: str
    rows: tuple[tuple[str, ...], ...]
    ends: tuple[int, ...]
    """Physical lines read when each of `rows` was complete, the sep= line among them."""


def shape_of(label: str, head: str, delimiter: str | None) -> Shape:
    """The delimiter that gives most of the first rows the same number of fields, at least two."""
    above, named = 0, delimiter
    first = head.split("\n", 1)[0].strip().strip('"')
    if re.fullmatch(r"sep=.", first, flags=re.IGNORECASE):
        above, named = 1, delimiter or first[-1]
        head = head.split("\n", 1)[1] if "\n" in head else ""
    shapes = [_rows(head, sign, above) for sign in ([named] if named else DELIMITERS)]
    best = max(shapes, key=_agreement)
    if not best.rows:
        raise ExportRefused(label, "has no rows", "Export it again.")
    return best


def _agreement(shape: Shape) -> tuple[float, int]:
    sizes = Counter(len(row) for row in shape.rows if len(row) >= 2)
    if not sizes:
        return (0.0, 0)
    size, rows = max(sizes.items(), key=lambda item: (item[1], item[0]))
    return (rows / len(shape.rows), size)


def _rows(head: str, delimiter: str, above: int) -> Shape:
    reader = csv.reader(io.StringIO(head), delimiter=delimiter)
    rows, ends = [], []
    try:
        for row in reader:
            if row:
                rows.append(tuple(row))
                ends.append(above + reader.line_num)
            if len(rows) == SNIFFED_ROWS:
                break
    except csv.Error:  # a field past the module's limit: what was read so far has to do
        pass
    return Shape(delimiter, tuple(rows), tuple(ends))


# Records


@dataclass(frozen=True)
class Records:
    """Where each record begins: its byte, and its physical line (1 is the first of the file)."""

    offsets: npt.NDArray[np.int64]
    lines: npt.NDArray[np.int64]


def records_of(content: bytes, skip_lines: int) -> Records:
    """Records below the first `skip_lines` lines; a line break inside quotes ends no record.

    Blank lines are no records.
    """
    data = np.frombuffer(content, dtype=np.uint8)
    breaks = np.flatnonzero(data == ord("\n"))
    below = int(breaks[skip_lines - 1]) + 1 if 0 < skip_lines <= len(breaks) else 0
    if skip_lines > len(breaks):
        return Records(np.empty(0, np.int64), np.empty(0, np.int64))
    quotes = np.flatnonzero(data[below:] == ord('"')) + below
    breaks = breaks[breaks >= below]
    ending = breaks[np.searchsorted(quotes, breaks) % 2 == 0]
    starts = np.concatenate(([below], ending + 1)).astype(np.int64)
    lengths = np.diff(np.concatenate((starts, [len(data) + 1]))) - 1
    carriage = (
        np.array([n == 1 and data[s] == ord("\r") for s, n in zip(starts, lengths, strict=True)])
        if (lengths == 1).any()
        else np.zeros(len(starts), bool)
    )
    starts = starts[(lengths > 0) & ~carriage]
    lines = skip_lines + 1 + np.searchsorted(breaks, starts)
    return Records(starts, lines.astype(np.int64))
