"""What a cell means: text, ids, numbers, dates, yes and no, as Ibis expressions over text columns.

How a column writes its numbers and dates is decided for the whole column, from counts over all of
its cells; where both readings are possible the run stops and asks. Every function takes a column,
not an expression: Ibis writes an expression out at each of its uses, so they are stacked in views.
"""

from dataclasses import dataclass

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

EMPTY = ("", "null", "none", "nan", "-", "--", "n/a", "#n/a", "нет", "не указано", "не указан")
"""Words for nothing, in lower case."""

MONEY = dt.Decimal(18, 2)
BLANKS = " \u00a0\u202f\u2009\t\r\n\u200b\ufeff"
MARKS = "₽$€£₴'’"
CURRENCY_WORDS = r"(?i)\s*(руб\.?|р\.|rub|грн\.?|uah|usd|eur|gbp|kzt|тг\.?)\s*$"


UNTIDY = r"(?i)^(?:['=\x09-\x0d ]|(?:|" + "|".join(EMPTY[1:]) + r")$)|[\x09-\x0d ]$"
"""What a cell looks like that stripping or `cell` would change; others are their own text."""


def cell(column: ir.StringValue) -> ir.StringValue:
    """The text of a stripped cell: no spreadsheet armour (leading ', =\"...\"), or null."""
    text = column
    text = ibis.ifelse(text.startswith("'"), text.substr(1), text)
    text = ibis.ifelse(
        text.startswith('="') & text.endswith('"'), text.substr(2, text.length() - 3), text
    )
    return ibis.ifelse(text.lower().isin(EMPTY), ibis.null("string"), text)


def word(column: ir.StringValue) -> ir.StringValue:
    """A cell where "no" is a word and not an absence: for consent and states."""
    text = column.lower()
    return ibis.ifelse(text == "", ibis.null("string"), text)


def identifier(column: ir.StringValue) -> ir.StringValue:
    """An id: as text, without the .0 that a spreadsheet adds to whole numbers."""
    text = column
    spoiled = text.endswith(".0") & text.re_search(r"^[0-9]+\.0$")
    return ibis.ifelse(spoiled, text.substr(0, text.length() - 2), text)


# Numbers

PLAIN_NUMBER = r"^[+-]?[0-9]{1,15}([.][0-9]{1,2})?$"
"""A number that reads the same whatever its column is like, unless that has decimal commas."""


def plain_number(column: ir.StringValue) -> ir.DecimalValue:
    """`number` of a column where every cell is empty or a PLAIN_NUMBER."""
    return column.try_cast(MONEY)


def digits(column: ir.StringValue) -> ir.StringValue:
    """A number's text without blanks, apostrophes and currency signs; (1) is -1."""
    text = column.re_replace(CURRENCY_WORDS, "")
    text = text.translate(BLANKS + MARKS, "")
    bracketed = text.startswith("(") & text.endswith(")")
    text = ibis.ifelse(bracketed, ibis.literal("-") + text.substr(1, text.length() - 2), text)
    return text.replace("\u2212", "-")


def decimal_evidence(column: ir.StringValue) -> dict[str, ir.IntegerScalar]:
    """Counts from which `decimal_sign` decides, for every number column of one file at once."""
    text = column

    def ends(sign: str, places: str) -> ir.BooleanValue:
        return text.re_search(rf"[{sign}][0-9]{places}$")

    both = text.contains(",") & text.contains(".")
    return {
        "comma": (ends(",", "{1,2}") | ends(",", "{4,}") | (both & ends(",", "*"))).sum(),
        "dot": (ends(".", "{1,2}") | ends(".", "{4,}") | (both & ends(".", "*"))).sum(),
        "comma_groups": text.re_search(r"[0-9],[0-9]{3},[0-9]{3}").sum(),
        "dot_groups": text.re_search(r"[0-9]\.[0-9]{3}\.[0-9]{3}").sum(),
        "comma_unclear": (text.re_search(r"^[+-]?[1-9][0-9]{0,2},[0-9]{3}$")).sum(),
        "dot_unclear": (text.re_search(r"^[+-]?[1-9][0-9]{0,2}\.[0-9]{3}$")).sum(),
    }


def decimal_sign(evidence: dict[str, int]) -> str | None:
    """The decimal sign of a column, or None where both readings are possible."""
    comma = evidence["comma"] > 0 or evidence["dot_groups"] > 0
    dot = evidence["dot"] > 0 or evidence["comma_groups"] > 0
    if comma and dot:
        return None
    if comma or dot:
        return "," if comma else "."
    unclear = evidence["comma_unclear"] > 0 or evidence["dot_unclear"] > 0
    return None if unclear else "."


def number(column: ir.StringValue, sign: str) -> ir.DecimalValue:
    """A decimal of two places, or null where the cell is empty or holds something else."""
    text = column
    group, mark = (".", ",") if sign == "," else (",", ".")
    text = text.replace(group, "").replace(mark, ".")
    fits = text.re_search(r"^[+-]?([0-9]{1,15}([.][0-9]*)?|[.][0-9]+)$")
    return ibis.ifelse(fits, text, ibis.null("string")).try_cast(MONEY)


# Dates

PLAIN_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?$"
"""A day, and maybe a time of the shop's clock, about which nothing has to be found out."""
DAY_PATTERN = r"^([0-9]{1,2})[./-]([0-9]{1,2})[./-]([0-9]{4}|[0-9]{2})([ T,]|$)"


@dataclass(frozen=True)
class DateForm:
    """How a column writes its days: dmy or mdy where they are not ISO, and whether in UTC."""

    order: str
    utc: bool = False


def day_evidence(column: ir.StringValue) -> dict[str, ir.IntegerScalar]:
    """Counts from which `day_order` decides."""
    text = column
    first = text.re_extract(DAY_PATTERN, 1).try_cast("int64")
    second = text.re_extract(DAY_PATTERN, 2).try_cast("int64")
    dotted = text.re_search(r"^[0-9]{1,2}[.]")
    return {
        "first_over_12": (first > 12).sum(),
        "second_over_12": (second > 12).sum(),
        "dotted": ((first > 0) & dotted).sum(),
        "differ": ((first != second) & ~dotted).sum(),
    }


def day_order(evidence: dict[str, int]) -> str | None:
    """dmy or mdy, or None where both readings are possible. Dots are written day first."""
    first, second = evidence["first_over_12"] > 0, evidence["second_over_12"] > 0
    if evidence["dotted"] and not (second and not first):
        return "dmy"
    if first and second:
        return "dmy" if evidence["first_over_12"] > evidence["second_over_12"] else "mdy"
    if first or second:
        return "dmy" if first else "mdy"
    return None if evidence["differ"] else "dmy"


def plain_day(column: ir.StringValue) -> ir.DateValue:
    """`day` of a column that is not in UTC where every cell is empty or a PLAIN_DAY."""
    return column.substr(0, 10).try_cast("date")


def plain_moment(column: ir.StringValue) -> ir.TimestampValue:
    """`moment` of such a column."""
    return column.try_cast(dt.Timestamp(timezone="UTC"))


def day(column: ir.StringValue, form: DateForm) -> ir.DateValue:
    """The shop's day of a cell, or null where it is empty or no date.

    The engine's time zone must be the shop's: times with an offset, epoch seconds and UTC columns
    are brought to it.
    """
    text = column
    iso = text.re_search(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T].*)?$")
    offset = text.re_search(r"[0-9]:[0-9]{2}.*([Zz]|UTC|[+-][0-9]{2}:?([0-9]{2})?)$")
    timed = text.re_search(r"[0-9]:[0-9]{2}")
    zoned = text.replace(" UTC", "Z").re_replace(r"([+-][0-9]{2}):?([0-9]{2})$", r"\1:\2")
    zoned = zoned.re_replace(r" ([+-])", r"\1")
    moment = zoned if not form.utc else ibis.ifelse(offset, zoned, text + "Z")
    instant = moment.try_cast(dt.Timestamp(timezone="UTC")).cast("date")
    plain = text.substr(0, 10).try_cast("date")
    in_zone = timed if form.utc else offset
    return ibis.cases(
        (iso & in_zone, instant),
        (iso, plain),
        (text.re_search(DAY_PATTERN), _written_day(text, form.order)),
        (text.re_search(r"^[0-9]{5}([.,][0-9]*)?$"), _serial_day(text)),
        (text.re_search(r"^[0-9]{10}([0-9]{3})?([.]0*)?$"), _epoch_day(text)),
        else_=ibis.null("date"),
    )


def moment(column: ir.StringValue, form: DateForm) -> ir.TimestampValue:
    """The moment of a cell in UTC, or null where it is empty or no moment.

    A time without an offset is in the shop's zone, or in UTC where the column is; a day is its
    midnight.
    """
    text = column
    written = _written_day(text, form.order).cast("string").substr(0, 10)
    clock = text.re_extract(r"[ T,]+([0-9]{1,2}:[0-9]{2}(:[0-9]{2})?)$", 1)
    joined = written + " " + ibis.ifelse(clock == "", "00:00", clock)
    said = ibis.ifelse(text.re_search(DAY_PATTERN), joined, text)
    offset = said.re_search(r"[0-9]:[0-9]{2}.*([Zz]|UTC|[+-][0-9]{2}:?([0-9]{2})?)$")
    zoned = said.replace(" UTC", "Z").re_replace(r"([+-][0-9]{2}):?([0-9]{2})$", r"\1:\2")
    zoned = zoned.re_replace(r" ([+-])", r"\1")
    plain = said + "Z" if form.utc else said
    in_utc = ibis.ifelse(offset, zoned, plain).try_cast(dt.Timestamp(timezone="UTC"))
    epoch = text.substr(0, 10).try_cast("int64").as_timestamp("s")
    iso = said.re_search(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T].*)?$")
    return ibis.cases(
        (iso, in_utc),
        (
            text.re_search(r"^[0-9]{10}([0-9]{3})?([.]0*)?$"),
            epoch.cast(dt.Timestamp(timezone="UTC")),
        ),
        else_=ibis.null(dt.Timestamp(timezone="UTC")),
    )


def _written_day(text: ir.StringValue, order: str) -> ir.DateValue:
    first, second = (1, 2) if order == "dmy" else (2, 1)
    year = text.re_extract(DAY_PATTERN, 3)
    year = ibis.ifelse(year.length() == 2, ibis.literal("20") + year, year)
    month = text.re_extract(DAY_PATTERN, second).lpad(2, "0")
    iso = year + "-" + month + "-" + text.re_extract(DAY_PATTERN, first).lpad(2, "0")
    return iso.try_cast("date")


def _serial_day(text: ir.StringValue) -> ir.DateValue:
    """A day as a spreadsheet counts them, from 1899-12-30; 20000 to 80000 only."""
    serial = text.substr(0, 5).try_cast("int64")
    known = ibis.ifelse(serial.between(20_000, 80_000), serial, ibis.null("int64"))
    # Through text: DuckDB makes a timestamp of the sum, Ibis thinks it a date and leaves casts out
    moment = ibis.date("1899-12-30") + known.as_interval("D")
    return moment.cast("string").substr(0, 10).try_cast("date")


def _epoch_day(text: ir.StringValue) -> ir.DateValue:
    whole = text.substr(0, 10).try_cast("int64")
    return whole.as_timestamp("s").cast(dt.Timestamp(timezone="UTC")).cast("date")
