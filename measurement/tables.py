"""Tables of a report: raw values under named columns; words and formats are the reader's matter."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

Cell = str | int | float | Decimal | date | None
"""None is what nobody knows: it is shown as such, never as nought."""


class Kind(StrEnum):
    """What the values of a column are, and so how they are written."""

    TEXT = "text"
    """As it came, such as a campaign's name: never trusted to be harmless."""
    NAME = "name"
    """A name of ours, such as a segment's: shown by its label."""
    COUNT = "count"
    NUMBER = "number"
    """One decimal: days of a rhythm, an index."""
    RATIO = "ratio"
    """Two decimals: a multiple of something."""
    MONEY = "money"
    PERCENT = "percent"
    """Of a hundred: 9.26 is 9.26 %."""
    SHARE = "share"
    """Between 0 and 1."""
    LIFT = "lift"
    """The same with its sign: 0.12 is +12 %."""
    CHANCE = "chance"
    """A p value."""
    DAY = "day"


@dataclass(frozen=True)
class Column:
    """One column; its name leads to its heading and its definition in every language."""

    name: str
    kind: Kind


@dataclass(frozen=True)
class Note:
    """A sentence to be said beside a table: its key, and the figures in it."""

    key: str
    figures: tuple[tuple[str, Cell, Kind], ...] = ()

    @property
    def as_json(self) -> dict[str, object]:
        return {"note": self.key, **{name: plain(value) for name, value, _ in self.figures}}


@dataclass(frozen=True)
class Table:
    """Rows of cells in the order of the columns, and what must be said of them."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        wrong = [row for row in self.rows if len(row) != len(self.columns)]
        if wrong:
            raise ValueError(f"table {self.name}: a row of {len(wrong[0])} cells")

    def column(self, name: str) -> tuple[Cell, ...]:
        """The values under a name; ValueError for one that is not there."""
        place = [column.name for column in self.columns].index(name)
        return tuple(row[place] for row in self.rows)

    def dicts(self) -> Iterator[dict[str, Cell]]:
        """Each row by column name."""
        names = [column.name for column in self.columns]
        return (dict(zip(names, row, strict=True)) for row in self.rows)

    @property
    def as_json(self) -> dict[str, object]:
        return {
            "columns": [{"name": one.name, "kind": one.kind.value} for one in self.columns],
            "rows": [{name: plain(cell) for name, cell in row.items()} for row in self.dicts()],
            "notes": [note.as_json for note in self.notes],
        }


def plain(value: Cell) -> str | int | float | None:
    """A cell as JSON knows it."""
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value


def columns(**kinds: Kind) -> tuple[Column, ...]:
    """Columns by name, in the order given."""
    return tuple(Column(name, kind) for name, kind in kinds.items())
