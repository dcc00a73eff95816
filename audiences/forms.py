"""What a column's cells mean: decided for the whole column of a file, by counts over its cells."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from audiences import cells
from audiences.contacts import HASHED
from audiences.faults import COUNTS, DAYS, IDS, MONEY
from audiences.guesses import NotAsGuessed, Shown
from audiences.layers import PLACE, layer
from audiences.refusals import ExportRefused
from config.consents import consent_of
from config.exports import Export
from config.presets import load_preset

PLAIN = "plain"
"""Form of a column whose every cell says by itself what it means."""

Forms = dict[str, str]
"""Number and date columns, each with its decimal sign or its order of day and month, or PLAIN."""


@dataclass(frozen=True)
class Looks:
    """Columns of which every cell is easily read: programs write such ones mostly."""

    tidy: frozenset[str]
    """Neither blanks around them nor armour, and no word for nothing."""
    plain: frozenset[str]
    """Numbers and days that mean the same whatever form the column has; they are tidy too."""


def in_utc(export: Export) -> bool:
    """Whether the times of an export without a zone are in UTC instead of the shop's."""
    return export.preset is not None and load_preset(export.preset).zone == "UTC"


def plain_patterns(export: Export) -> dict[str, str]:
    """Columns with the look of those of their cells that mean one thing whatever their column."""
    forms = {} if in_utc(export) else dict.fromkeys(DAYS, cells.PLAIN_DAY)
    if export.decimal != ",":
        forms |= dict.fromkeys((*MONEY, *COUNTS), cells.PLAIN_NUMBER)
    return forms


def looks_of(written: ir.Table, export: Export) -> Looks:
    """What one pass over the rows tells; reading cells of every form takes several times longer."""
    forms = plain_patterns(export)
    columns = [column for column in written.columns if column not in PLACE]
    asked = {f"untidy_{c}": written[c].re_search(cells.UNTIDY).any() for c in columns}
    asked |= {c: written[c].re_search(forms[c]).all() for c in columns if c in forms}
    found = written.aggregate(**asked).to_pyarrow().to_pylist()[0]  # null where no cell has text
    tidy = frozenset(column for column in columns if not found[f"untidy_{column}"])
    return Looks(tidy, frozenset(c for c in tidy if c in forms and found[c] is not False))


def clean(engine: Backend, stripped: ir.Table, looks: Looks, name: str) -> ir.Table:
    """Beside each column c: t_c, its text without armour; n_c, its digits if it is a number."""
    rows = layer(engine, f"{name}_stripped", stripped)
    columns = [column for column in rows.columns if column not in PLACE]
    texts = {c: rows[c] if c in looks.tidy else cells.cell(rows[c]) for c in columns}
    cleaned = rows.mutate(**{f"t_{column}": text for column, text in texts.items()})
    rows = layer(engine, f"{name}_clean", cleaned)
    numbers = [c for c in columns if c in (*MONEY, *COUNTS) and c not in looks.plain]
    return rows.mutate(**{f"n_{c}": cells.digits(rows[f"t_{c}"]) for c in numbers})


ByFile = Mapping[str, Mapping[str, Shown]]
"""By file and column, what other rows show of the form: those that were guessed, and fitted."""
NOTHING: ByFile = {}


def forms_of(
    files: Iterable[str], texts: ir.Table, export: Export, looks: Looks, shown: ByFile
) -> dict[str, Forms]:
    """How each file writes its numbers and days, from one pass over the columns not plain.

    Raises ExportRefused for a column that can be read in two ways, NotAsGuessed for one whose rows
    beside these were read in another.
    """
    guessed = {column for one in shown.values() for column in one}
    numbers = [c for c in texts.columns if c in (*MONEY, *COUNTS) and c not in looks.plain]
    days = [c for c in texts.columns if c in DAYS and (c not in looks.plain or c in guessed)]
    counts: dict[str, ir.IntegerScalar] = {}
    for column in numbers if export.decimal is None else []:
        for sign, count in cells.decimal_evidence(texts[f"n_{column}"]).items():
            counts[f"{column}/{sign}"] = count
    for column in days if export.dates is None else []:
        for part, count in cells.day_evidence(texts[f"t_{column}"]).items():
            counts[f"{column}/{part}"] = count
    found = texts.group_by("file").aggregate(**counts).to_pyarrow().to_pylist() if counts else []
    told = {row["file"]: row for row in found}
    plain = dict.fromkeys(looks.plain, PLAIN)
    return {
        file: plain | _decided(file, export, numbers, days, told.get(file, {}), shown.get(file, {}))
        for file in files
    }


def _decided(
    file: str,
    export: Export,
    numbers: list[str],
    days: list[str],
    found: dict[str, int | None],
    shown: Mapping[str, Shown],
) -> Forms:
    def evidence(column: str) -> dict[str, int]:
        start = f"{column}/"
        told = {k.removeprefix(start): int(v or 0) for k, v in found.items() if k.startswith(start)}
        beside = shown[column].evidence if column in shown else {}
        return {sign: count + beside.get(sign, 0) for sign, count in told.items()}

    forms = {}
    for column in numbers:
        mark = export.decimal or cells.decimal_sign(evidence(column))
        if mark is None:
            raise ExportRefused(
                file,
                f"{column}: a sign may part decimals or thousands (such as 1,234)",
                "Say which: decimal = ',' or decimal = '.'.",
            )
        forms[column] = mark
    for column in days:
        first = export.dates or cells.day_order(evidence(column))
        if first is None:
            raise ExportRefused(
                file,
                f"{column}: day and month cannot be told apart (such as 03/04/2026)",
                "Say which comes first: dates = 'dmy' or dates = 'mdy'.",
            )
        guessed = shown.get(column) if export.dates is None else None
        if guessed and not guessed.is_confirmed(evidence(column)):
            raise NotAsGuessed
        forms[column] = first
    return forms


def valued(texts: ir.Table, forms: dict[str, Forms], export: Export) -> ir.Table:
    """Beside each column c: f_c, whether it says anything; v_c, its value by the form of its file.

    Zero dates such as 00.00.0000 are empty cells of a database.
    """
    columns = [column[2:] for column in texts.columns if column.startswith("t_")]
    said = {}
    for column in columns:
        text = texts[f"t_{column}"]
        given = text.notnull()
        empty = text.re_search(r"^[0 .:/-]*$")
        said[f"f_{column}"] = given & ~empty if column in DAYS else given
    values = {f"v_{column}": _by_file(column, texts, forms, export) for column in columns}
    return texts.mutate(**said, **values)


def _by_file(column: str, texts: ir.Table, forms: dict[str, Forms], export: Export) -> ir.Value:
    files: dict[str, list[str]] = {}
    for file, of_columns in forms.items():
        files.setdefault(of_columns.get(column, PLAIN), []).append(file)
    usual, *others = sorted(files, key=lambda form: -len(files[form]))
    value = value_of(column, texts, usual, export)
    cases = [
        (texts.file.isin(files[form]), value_of(column, texts, form, export)) for form in others
    ]
    return ibis.cases(*cases, else_=value) if cases else value


def value_of(column: str, texts: ir.Table, form: str, export: Export) -> ir.Value:
    """The value of a column whose text is t_ and whose digits are n_ of its name."""
    text = texts[f"t_{column}"]
    if column in DAYS:
        if form == PLAIN:
            return cells.plain_moment(text) if column == "ts" else cells.plain_day(text)
        days = cells.DateForm(form, utc=in_utc(export))
        return cells.moment(text, days) if column == "ts" else cells.day(text, days)
    if column in (*MONEY, *COUNTS):
        number = (
            cells.plain_number(text) if form == PLAIN else cells.number(texts[f"n_{column}"], form)
        )
        return number if column in MONEY else number.cast("int64")
    if column in export.prehashed:
        return HASHED + text
    if column in (*IDS, "phone"):
        return cells.identifier(text)
    return cells.word(texts[column]) if is_word(column) else text


def is_word(column: str) -> bool:
    """Whether "no" is a word in a column, and not an absence."""
    return column in ("state", "consent_ads", "gender") or bool(consent_of(column))
