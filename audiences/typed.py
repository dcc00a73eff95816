"""Text rows into typed rows: each column by its meaning, each row accepted or with its fault."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from audiences import cells
from audiences.columns import Mapping
from audiences.consents import ENTRIES, entry
from audiences.contacts import HASHED, MixedContacts, refuse_mixed
from audiences.refusals import ExportRefused, masked
from audiences.staged import Staged, new_table
from audiences.tables import CONTACT_ROWS, ORDER_ROWS, REJECTS
from config.consents import COLUMN, consent_of
from config.exports import Export, ExportKind
from config.presets import load_preset

DAYS = (
    "birth_date", "registered_on", "last_activity_on", "consent_on", "ordered_on",
    "first_ordered_on", "last_ordered_on", "date", "ts",
)  # fmt: skip
MONEY = ("amount", "discount", "margin", "cost", "refunded", "revenue")
COUNTS = ("items", "orders", "clicks", "impressions", "conversions")
IDS = ("contact_id", "external_id", "order_id")
EARLIEST = date(1995, 1, 1)
EARLIEST_BIRTH = date(1900, 1, 1)
MALE = ("m", "male", "м", "муж", "мужской", "ч", "чоловік", "чоловіча", "1")
FEMALE = ("f", "female", "ж", "жен", "женский", "жінка", "жіноча", "2")

FUTURE = "lies in the future"
"""The one reason for which a row is refused on one day and may be accepted on another."""


@dataclass(frozen=True)
class Fault:
    """Why a row is refused: the first that holds is told."""

    holds: ir.BooleanValue
    column: str
    reason: str
    shown: bool = True


@dataclass(frozen=True)
class Typed:
    """One file, typed: accepted rows of the kind's schema (with order facts), and rejects."""

    rows: ir.Table
    rejects: ir.Table
    accepted: int
    rejected: int
    newest: date | None


Values = dict[str, ir.Value]
Builder = Callable[[ir.Table, Values, Export, date], tuple[Values, list[Fault]]]
"""What makes the columns of a kind, and what may be wrong with a row, out of texts and values."""

NEWEST = {
    ExportKind.CONTACTS: "registered_on",
    ExportKind.ORDERS: "ordered_on",
    ExportKind.AGGREGATE: "last_ordered_on",
    ExportKind.EVENTS: "ts",
    ExportKind.COSTS: "date",
}
"""The column that says how fresh a kind is."""


def type_rows(
    engine: Backend,
    staged: Staged,
    mapping: Mapping,
    export: Export,
    as_of: date,
    name: str,
    builder: Builder,
) -> Typed:
    """Type the rows of one staged file into table `name`_typed. Raises ExportRefused."""
    utc = load_preset(export.preset).zone == "UTC" if export.preset else False
    written = layer(engine, f"{name}_written", _texts(staged.rows, mapping))
    looks = _looks(written, export, utc=utc)
    stripped = written.mutate(
        **{c: written[c].strip() for c in mapping.columns if c not in looks.tidy}
    )
    if export.kind is ExportKind.ORDERS and takes_several_rows(export):
        stripped = _filled_down(stripped)
    texts = _clean(engine, stripped, looks, name)
    _refuse_digests(engine, staged.file, texts, export)
    forms = _forms(staged.file, texts, export, looks, utc=utc)
    typed = layer(engine, f"{name}_values", _valued(texts, forms, export.prehashed))
    values: Values = {column: typed[f"v_{column}"] for column in mapping.columns}
    columns, faults = builder(typed, values, export, as_of)
    number = ibis.cases(
        *((fault.holds.fill_null(False), place) for place, fault in enumerate(faults, 1)), else_=0
    ).cast("int16")
    found = layer(
        engine,
        f"{name}_faults",
        typed.select(
            *mapping.columns,
            source=ibis.literal(export.source),
            file=ibis.literal(staged.file),
            line=typed.line,
            fault=number,
            **{f"o_{column}": value for column, value in columns.items()},
        ),
    )
    shown = ibis.cases(
        (found.fault == 0, ibis.null("string")),
        *(
            (found.fault == place, masked(found[fault.column]))
            for place, fault in enumerate(faults, 1)
            if fault.shown
        ),
        else_=ibis.null("string"),
    )
    table = found.select(
        "source",
        "file",
        "line",
        "fault",
        **{column: found[f"o_{column}"] for column in columns},
        shown=shown,
    )
    kept = new_table(engine, f"{name}_typed", table)
    for view in ("faults", "values", "clean", "stripped", "written"):
        engine.raw_sql(f'DROP VIEW IF EXISTS "{name}_{view}"')
    return _split(kept, staged, faults, export)


def _split(typed: ir.Table, staged: Staged, faults: list[Fault], export: Export) -> Typed:
    good, bad = typed.filter(typed.fault == 0), typed.filter(typed.fault > 0)
    told = {"column": "column", "reason": "reason"}
    words = {
        field: bad.fault.cases(
            *((place, getattr(fault, field)) for place, fault in enumerate(faults, 1)), else_=""
        )
        for field in told
    }
    rejects = bad.select(
        file=bad.file,
        line=bad.line,
        column=words["column"],
        reason=words["reason"],
        shown=bad.shown,
    ).union(staged.refused)
    told_by = NEWEST.get(export.kind)
    day = typed[told_by].cast("date") if told_by else ibis.null("date")
    dated = typed.select("fault", newest_day=day)
    counted = (
        dated.aggregate(
            accepted=(dated.fault == 0).sum(),
            rejected=(dated.fault > 0).sum(),
            newest=dated.newest_day.max(where=dated.fault == 0),
        )
        .to_pyarrow()
        .to_pylist()[0]
    )
    structural = int(staged.refused.count().execute())
    rows = good.drop("fault", "shown")
    return Typed(
        rows,
        rejects.cast(REJECTS),
        int(counted["accepted"] or 0),
        int(counted["rejected"] or 0) + structural,
        counted["newest"],
    )


# Columns by name, how they look, their forms, their values


@dataclass(frozen=True)
class _Looks:
    """Columns of which every cell is easily read: programs write such ones mostly."""

    tidy: frozenset[str]
    """Neither blanks around them nor armour, and no word for nothing."""
    plain: frozenset[str]
    """Numbers and days that mean the same whatever form the column has; they are tidy too."""


def _looks(written: ir.Table, export: Export, *, utc: bool) -> _Looks:
    """What one pass over the file tells; reading cells of every form takes several times longer."""
    forms = {} if utc else dict.fromkeys(DAYS, cells.PLAIN_DAY)
    if export.decimal != ",":
        forms |= dict.fromkeys((*MONEY, *COUNTS), cells.PLAIN_NUMBER)
    columns = [column for column in written.columns if column != "line"]
    asked = {f"untidy_{c}": written[c].re_search(cells.UNTIDY).any() for c in columns}
    asked |= {c: written[c].re_search(forms[c]).all() for c in columns if c in forms}
    found = written.aggregate(**asked).to_pyarrow().to_pylist()[0]  # null where no cell has text
    tidy = frozenset(column for column in columns if not found[f"untidy_{column}"])
    return _Looks(tidy, frozenset(c for c in tidy if c in forms and found[c] is not False))


def layer(engine: Backend, name: str, rows: ir.Table) -> ir.Table:
    """A view of `rows`, so that what is built on it names its columns instead of repeating them."""
    engine.raw_sql(f'CREATE OR REPLACE TEMP VIEW "{name}" AS {engine.compile(rows)}')
    return engine.table(name)


def _texts(rows: ir.Table, mapping: Mapping) -> ir.Table:
    """The mapped columns by canonical name, those of which there are several joined by '; '."""
    chosen: dict[str, ir.Value] = {"line": rows.line}
    for name, places in mapping.columns.items():
        parts = [rows[f"c{place}"] for place in places]
        chosen[name] = parts[0] if len(parts) == 1 else _joined([part.strip() for part in parts])
    return rows.select(**chosen)


def takes_several_rows(export: Export) -> bool:
    """Whether an order of this export may take several rows, one per line of it."""
    return export.preset is not None and load_preset(export.preset).several_rows


def _filled_down(rows: ir.Table) -> ir.Table:
    """What an order says on one of its rows only, on all of them; never the count of a line."""
    own = [column for column in rows.columns if column not in ("line", "order_id", "items")]
    told = {
        column: ibis.coalesce(
            rows[column].nullif(""), rows[column].nullif("").max().over(group_by=rows.order_id)
        )
        for column in own
    }
    return rows.mutate(**told)


def _refuse_digests(engine: Backend, file: str, texts: ir.Table, export: Export) -> None:
    """Hold e-mail and phone columns to what they are declared as. Raises ExportRefused."""
    for column in ("email", "phone"):
        if f"t_{column}" in texts.columns:
            hashed = column in export.prehashed
            try:
                refuse_mixed(engine, texts[f"t_{column}"], hashed=hashed, where=column)
            except MixedContacts as fault:
                raise ExportRefused(
                    file, str(fault), "Declare it: prehashed = { email = 'sha256' }."
                ) from None


def _joined(parts: list[ir.StringValue]) -> ir.StringValue:
    given = [ibis.ifelse(part != "", part + "; ", "").fill_null("") for part in parts]
    joined = given[0]
    for part in given[1:]:
        joined = joined + part
    return joined.re_replace("; $", "")


def _clean(engine: Backend, stripped: ir.Table, looks: _Looks, name: str) -> ir.Table:
    """Beside each column c: t_c, its text without armour; n_c, its digits if it is a number."""
    rows = layer(engine, f"{name}_stripped", stripped)
    columns = [column for column in rows.columns if column != "line"]
    texts = {c: rows[c] if c in looks.tidy else cells.cell(rows[c]) for c in columns}
    clean = rows.mutate(**{f"t_{column}": text for column, text in texts.items()})
    rows = layer(engine, f"{name}_clean", clean)
    numbers = [c for c in columns if c in (*MONEY, *COUNTS) and c not in looks.plain]
    return rows.mutate(**{f"n_{c}": cells.digits(rows[f"t_{c}"]) for c in numbers})


def _valued(texts: ir.Table, forms: dict[str, str], hashed: Collection[str]) -> ir.Table:
    """Beside each column c: v_c, its value."""
    columns = [column[2:] for column in texts.columns if column.startswith("t_")]
    return texts.mutate(
        **{f"v_{column}": _value(column, texts, forms, hashed) for column in columns}
    )


PLAIN = "plain"
"""Form of a column whose every cell says by itself what it means."""


def _forms(
    file: str, texts: ir.Table, export: Export, looks: _Looks, *, utc: bool
) -> dict[str, str]:
    """How every number and date column writes its values, from one pass over those not plain."""
    numbers = [c for c in texts.columns if c in (*MONEY, *COUNTS) and c not in looks.plain]
    days = [c for c in texts.columns if c in DAYS and c not in looks.plain]
    counts: dict[str, ir.IntegerScalar] = {}
    for column in numbers if export.decimal is None else []:
        for sign, count in cells.decimal_evidence(texts[f"n_{column}"]).items():
            counts[f"{column}/{sign}"] = count
    for column in days if export.dates is None else []:
        for part, count in cells.day_evidence(texts[f"t_{column}"]).items():
            counts[f"{column}/{part}"] = count
    found = texts.aggregate(**counts).to_pyarrow().to_pylist()[0] if counts else {}

    def evidence(column: str) -> dict[str, int]:
        start = f"{column}/"
        return {k.removeprefix(start): int(v or 0) for k, v in found.items() if k.startswith(start)}

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
        forms[column] = first
    return forms | dict.fromkeys(looks.plain, PLAIN) | {"zone": "UTC" if utc else ""}


def _value(
    column: str, texts: ir.Table, forms: dict[str, str], prehashed: Collection[str]
) -> ir.Value:
    text = texts[f"t_{column}"]
    if forms.get(column) == PLAIN:
        return _plain_value(column, text)
    if column in DAYS:
        form = cells.DateForm(forms[column], utc=forms["zone"] == "UTC")
        return cells.moment(text, form) if column == "ts" else cells.day(text, form)
    if column in MONEY:
        return cells.number(texts[f"n_{column}"], forms[column])
    if column in COUNTS:
        return cells.number(texts[f"n_{column}"], forms[column]).cast("int64")
    if column in prehashed:
        return HASHED + text
    if column in (*IDS, "phone"):
        return cells.identifier(text)
    if column in ("state", "consent_ads", "gender") or consent_of(column):
        return cells.word(texts[column])
    return text


def _plain_value(column: str, text: ir.StringValue) -> ir.Value:
    if column in DAYS:
        return cells.plain_moment(text) if column == "ts" else cells.plain_day(text)
    number = cells.plain_number(text)
    return number if column in MONEY else number.cast("int64")


def or_null(values: Values, name: str, kind: str) -> ir.Value:
    return values.get(name, ibis.null(kind.removeprefix("!")))


def filled(texts: ir.Table, column: str) -> ir.BooleanValue:
    """Whether a cell says anything; zero dates such as 00.00.0000 are empty cells of a database."""
    text = texts[f"t_{column}"]
    filled = text.notnull()
    return filled & ~text.re_search(r"^[0 .:/-]*$") if column in DAYS else filled


def unread(texts: ir.Table, values: Values, columns: tuple[str, ...], what: str) -> list[Fault]:
    return [
        Fault(filled(texts, c) & values[c].isnull(), c, f"is not {what}")
        for c in columns
        if c in values
    ]


def out_of_range(values: Values, columns: tuple[str, ...], as_of: date) -> list[Fault]:
    faults = []
    for c in columns:
        if c in values:
            first = EARLIEST_BIRTH if c == "birth_date" else EARLIEST
            faults.append(Fault(values[c] > ibis.literal(as_of), c, FUTURE))
            early = values[c] < ibis.literal(first)
            faults.append(Fault(early, c, f"lies before {first.year}"))
    return faults


# Contacts


def contact_columns(
    texts: ir.Table, values: Values, export: Export, as_of: date
) -> tuple[Values, list[Fault]]:
    days = ("registered_on", "last_activity_on", "consent_on", "birth_date")
    consent, consent_fault = _consent(values, export)
    others, other_faults = _other_consents(values, export)
    named = [
        values[c].notnull() for c in ("contact_id", "external_id", "email", "phone") if c in values
    ]
    nobody = ~any_of(named)
    faults = [
        Fault(nobody, "contact_id", "no id, e-mail or phone", shown=False),
        *unread(texts, values, days, "a date"),
        *out_of_range(values, days, as_of),
        *consent_fault,
        *other_faults,
    ]
    made = ("source", "row_id", "file", "line", "consent_ads", "consents", "gender")
    columns = {
        name: or_null(values, name, str(kind))
        for name, kind in CONTACT_ROWS.items()
        if name not in made
    }
    columns["gender"] = _gender(or_null(values, "gender", "string"))
    columns["consent_ads"] = consent
    columns["consents"] = others
    return columns, faults


def any_of(conditions: list[ir.BooleanValue]) -> ir.BooleanValue:
    either = conditions[0]
    for condition in conditions[1:]:
        either = either | condition
    return either


def _gender(text: ir.StringValue) -> ir.StringValue:
    return ibis.cases(
        (text.isin(MALE), "male"), (text.isin(FEMALE), "female"), else_=ibis.null("string")
    )


def words_of(export: Export, name: str) -> list[str]:
    """The project's words; the preset's where the project did not say, and beside the defaults."""
    own = tuple(getattr(export.values, name))
    preset = getattr(load_preset(export.preset).values, name) if export.preset else ()
    written = name in export.values.model_fields_set
    return [text.strip().lower() for text in (own if written else (*preset, *own))]


def _other_consents(values: Values, export: Export) -> tuple[ir.Value, list[Fault]]:
    """What a row says to consents other than that to ads, as entries of column `consents`."""
    said, faults = [], []
    for name in sorted(filter(None, map(consent_of, values))):
        told, fault = _consent(values, export, COLUMN + name)
        faults += fault
        cases = ((told == word, entry(name, word)) for word in ("yes", "no"))
        said.append(ibis.cases(*cases, else_=ibis.null("string")))
    if not said:
        return ibis.null(ENTRIES), []
    return ibis.array(said).filter(lambda text: text.notnull()), faults


def _consent(
    values: Values, export: Export, column: str = "consent_ads"
) -> tuple[ir.StringValue, list[Fault]]:
    if column not in values:
        return ibis.literal("unknown"), []
    said = values[column]
    consent = ibis.cases(
        (said.isin(words_of(export, "yes")), "yes"),
        (said.isin(words_of(export, "no")), "no"),
        (said.isnull() | said.isin(("unknown", "неизвестно", "невідомо", "-", "null")), "unknown"),
        else_=ibis.null("string"),
    )
    fault = Fault(consent.isnull(), column, "is neither yes nor no")
    return consent.fill_null("unknown"), [fault]


# Orders


def order_columns(
    texts: ir.Table, values: Values, export: Export, as_of: date
) -> tuple[Values, list[Fault]]:
    blank = [
        Fault(values[c].isnull() & ~filled(texts, c), c, "is empty", shown=False)
        for c in ("order_id", "ordered_on", "amount")
    ]
    money = tuple(c for c in MONEY if c in values)
    faults = [
        *blank,
        *unread(texts, values, ("ordered_on",), "a date"),
        *unread(texts, values, (*money, "items"), "a number"),
        *out_of_range(values, ("ordered_on",), as_of),
    ]
    gross = values["amount"]
    net = gross - values["refunded"].fill_null(0).abs() if "refunded" in values else gross
    state = _state(values.get("state"), net, export)
    columns = {
        name: or_null(values, name, str(kind))
        for name, kind in ORDER_ROWS.items()
        if name not in ("source", "file", "line", "state", "amount", "margin", "consent_ads")
    }
    columns["state"] = state
    consent, consent_fault = _consent(values, export)
    faults += consent_fault
    columns["consent_ads"] = consent.nullif("unknown")
    columns["amount"] = ibis.ifelse(state == "returned", -net.abs(), net).cast(cells.MONEY)
    margin = or_null(values, "margin", "decimal(18, 2)")
    if "margin" not in values and "cost" in values:
        margin = net - values["cost"]
    columns["margin"] = margin.cast(cells.MONEY)
    columns["currency"] = (
        or_null(values, "currency", "string")
        .upper()
        .fill_null(ibis.literal(export.currency, type="string"))
    )
    return columns, faults


def _state(said: ir.Value | None, net: ir.DecimalValue, export: Export) -> ir.StringValue:
    """paid, cancelled or returned. Where the paid states are named, every other one is left out."""
    signed = ibis.ifelse(net < 0, "returned", "paid")
    if said is None:
        return signed
    paid = words_of(export, "paid")
    return ibis.cases(
        (said.isin(words_of(export, "cancelled")), "cancelled"),
        (said.isin(words_of(export, "returned")), "returned"),
        (said.isin(paid) | said.isnull(), signed),
        else_=signed if not paid else ibis.literal("cancelled"),
    )
