"""What number and day columns are taken for by their first rows, before all of them were seen.

A guess is never trusted: each row is looked at whether its cells fit, those that do not are put
aside for the exact way (typed.py), and what the others show of the form of their column (`shows`)
counts there as if it had seen them (forms.py). Where a column turns out to be written otherwise,
its file is read again in the exact way. A cell that fits means what the exact way makes of it.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from audiences import cells
from audiences.columns import Mapping as Columns
from audiences.faults import COUNTS, DAYS, MONEY
from config.exports import Export

Tokens = Counter[str]
"""What is seen in first cells of a column, each with how often: signs, or names of forms."""
WORD, ISO, TIMED = "word", "iso", "timed"
FIRST_OVER_12, SECOND_OVER_12 = "first_over_12", "second_over_12"
MADE_OUT = re.compile(r"^[+-]?[0-9]{1,15}(?:([.,])[0-9]{1,2})?$")
DAY_SIGNS = "./-"
WRITTEN = re.compile(r"^([0-9]{2})([./-])([0-9]{2})\2[0-9]{4}(?:[ T,]|$)")
ISO_DAY = re.compile(cells.PLAIN_DAY)


@dataclass(frozen=True)
class Number:
    """Numbers of one decimal sign, whatever parts their thousands."""

    column: str
    sign: str = "."
    out: str = ""
    """Signs that are taken out."""
    worded: bool = False
    """Whether a currency is written behind."""

    def text(self, cell: ir.StringValue) -> ir.StringValue:
        text = cell.re_replace(cells.CURRENCY_WORDS, "") if self.worded else cell
        for sign in self.out:
            text = text.replace(sign, "")
        return text

    def value(self, text: ir.StringValue) -> ir.NumericValue:
        number = cells.plain_number(text.replace(",", ".") if self.sign == "," else text)
        return number if self.column in MONEY else number.cast("int64")

    def fits(self, text: ir.StringValue, value: ir.Value) -> ir.BooleanValue:
        return text.re_search(cells.PLAIN_NUMBER.replace("[.]", f"[{self.sign}]"))

    def shows(self, text: ir.StringValue, value: ir.Value) -> dict[str, ir.BooleanValue]:
        """Of a cell that fits what `cells.decimal_evidence` counts."""
        return {"comma" if self.sign == "," else "dot": text.contains(self.sign)}

    def holds(self, evidence: Mapping[str, int]) -> bool:
        """A cell with the sign shows its column, or contradicts another: it is not in doubt."""
        return True


@dataclass(frozen=True)
class IsoDay:
    """Days as ISO; with `timed` some tell a time, or all of them where the times are in UTC."""

    column: str
    timed: bool = False
    utc: bool = False

    def text(self, cell: ir.StringValue) -> ir.StringValue:
        return cell

    def value(self, text: ir.StringValue) -> ir.Value:
        if self.timed and self.utc:
            instant = cells.plain_moment(text + "Z")
            return instant if self.column == "ts" else instant.cast("date")
        if self.column == "ts":
            return cells.plain_moment(text)
        return cells.plain_day(text) if self.timed else text.try_cast("date")

    def fits(self, text: ir.StringValue, value: ir.Value) -> ir.BooleanValue:
        if not self.timed:  # cheaper than a pattern
            return (text.length() == 10) & (value.cast("string") == text)
        return text.re_search(cells.PLAIN_DAY.replace(")?$", ")$") if self.utc else cells.PLAIN_DAY)

    def shows(self, text: ir.StringValue, value: ir.Value) -> dict[str, ir.BooleanValue]:
        return {}

    def holds(self, evidence: Mapping[str, int]) -> bool:
        return True


@ibis.udf.scalar.builtin(signature=((dt.string, dt.string), dt.timestamp))  # type: ignore[untyped-decorator]
def try_strptime(text: str, form: str) -> datetime:  # type: ignore[empty-body]
    """DuckDB's: a moment by its form, or null."""


@dataclass(frozen=True)
class WrittenDay:
    """Days such as 31.12.2026, of two figures each, day first (dmy) or month first (mdy)."""

    column: str
    order: str
    sign: str
    utc: bool = False

    @property
    def _parts(self) -> tuple[int, int]:
        """Where day and month begin."""
        return (0, 3) if self.order == "dmy" else (3, 0)

    def text(self, cell: ir.StringValue) -> ir.StringValue:
        return cell

    def value(self, text: ir.StringValue) -> ir.Value:
        if self.column != "ts":
            first = "%d{0}%m{0}%Y" if self.order == "dmy" else "%m{0}%d{0}%Y"
            return try_strptime(text.substr(0, 10), first.format(self.sign)).cast("date")
        day, month = self._parts
        date = text.substr(6, 4) + "-" + text.substr(month, 2) + "-" + text.substr(day, 2)
        clock = ibis.ifelse(text.length() == 10, ibis.literal("00:00"), text.substr(11))
        return cells.plain_moment(date + " " + clock + ("Z" if self.utc else ""))

    def fits(self, text: ir.StringValue, value: ir.Value) -> ir.BooleanValue:
        day, month = r"(0[1-9]|[12][0-9]|3[01])", r"(0[1-9]|1[0-2])"
        first, second = (day, month) if self.order == "dmy" else (month, day)
        clock = r"([ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?$" if self.column == "ts" else r"([ T,]|$)"
        return text.re_search(f"^{first}[{self.sign}]{second}[{self.sign}][0-9]{{4}}{clock}")

    def shows(self, text: ir.StringValue, value: ir.Value) -> dict[str, ir.BooleanValue]:
        """Of a cell that fits what `cells.day_evidence` counts; `differ` may be told too often."""
        over = FIRST_OVER_12 if self.order == "dmy" else SECOND_OVER_12
        day = text.substr(self._parts[0], 2) > "12"
        return {"dotted" if self.sign == "." else "differ": text.notnull(), over: day}

    def holds(self, evidence: Mapping[str, int]) -> bool:
        """Whether the counts surely tell this order: they are at least what is given."""
        both = evidence.get(FIRST_OVER_12, 0) > 0 and evidence.get(SECOND_OVER_12, 0) > 0
        if both and not evidence.get("dotted"):
            return False  # the greater count decides
        every = dict.fromkeys((FIRST_OVER_12, SECOND_OVER_12, "dotted", "differ"), 0)
        return cells.day_order(every | dict(evidence)) == self.order


Guess = Number | IsoDay | WrittenDay


class NotAsGuessed(Exception):
    """A column is written otherwise than cells that fitted were taken for."""


@dataclass(frozen=True)
class Shown:
    """What the cells that fitted show of a column of one file."""

    guess: Guess
    evidence: dict[str, int]

    def is_confirmed(self, evidence: Mapping[str, int]) -> bool:
        """Whether all cells of the column, these among them, tell what was guessed."""
        return not self.evidence or self.guess.holds(evidence)


def are_confirmed(shown: Mapping[str, Shown], export: Export) -> bool:
    """Whether cells that fitted tell by themselves what was guessed, where it is not said."""
    told = export.dates is not None
    return told or all(one.is_confirmed(one.evidence) for one in shown.values())


def seen_in(rows: Iterable[Sequence[str]], columns: Columns) -> dict[str, Tokens]:
    """What first rows tell of their number and day columns."""
    tell = {
        name: (places[0], _of_day if name in DAYS else _of_number)
        for name, places in columns.columns.items()
        if name in (*DAYS, *MONEY, *COUNTS)
    }
    seen = {name: Tokens() for name in tell}
    for row in rows:
        for name, (place, told) in tell.items():
            if place < len(row):
                seen[name].update(told(row[place]))
    return seen


def _of_number(cell: str) -> Iterable[str]:
    text = re.sub(cells.CURRENCY_WORDS, "", cell)
    out = set(cell) & set(cells.BLANKS + cells.MARKS)
    number = MADE_OUT.match("".join(sign for sign in text if sign not in out))
    if number is None:
        return ()
    return (*out, *([WORD] if text != cell else []), *filter(None, [number[1]]))


def _of_day(cell: str) -> Iterable[str]:
    if ISO_DAY.match(cell):
        return (ISO, TIMED) if len(cell) > 10 else (ISO,)
    written = WRITTEN.match(cell)
    if written is None:
        return ()
    over = ((written[1], FIRST_OVER_12), (written[3], SECOND_OVER_12))
    return (written[2], *(name for part, name in over if part > "12"))


def guesses_of(seen: Mapping[str, Tokens], export: Export, *, utc: bool) -> dict[str, Guess]:
    """A guess for each column; one that was empty so far is taken to be as its like."""
    return {
        column: _day(column, told or _all_of(seen, DAYS), export, utc)
        if column in DAYS
        else _number(column, told or _all_of(seen, MONEY), export)
        for column, told in seen.items()
    }


def _all_of(seen: Mapping[str, Tokens], columns: Sequence[str]) -> Tokens:
    return sum((seen[column] for column in columns if column in seen), Tokens())


def _number(column: str, told: Tokens, export: Export) -> Number:
    sign = export.decimal or ("," if told[","] > told["."] else ".")
    out = "".join(sorted(set(told) & set(cells.BLANKS + cells.MARKS)))
    return Number(column, sign, out, told[WORD] > 0)


def _day(column: str, told: Tokens, export: Export, utc: bool) -> Guess:
    sign = max(DAY_SIGNS, key=lambda sign: told[sign])
    if told[ISO] >= told[sign] or export.dates == "ymd":
        return IsoDay(column, told[TIMED] > 0 or column == "ts", utc)
    month_first = told[SECOND_OVER_12] > 0 and not told[FIRST_OVER_12]
    return WrittenDay(column, export.dates or ("mdy" if month_first else "dmy"), sign, utc)
