"""Text rows into typed rows: each column by its meaning, each row accepted or with its fault.

Of the kinds of exports (kinds.py) comes what the columns are; of the forms (forms.py) what a cell
of a column means.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from audiences.columns import Mapping
from audiences.contacts import MixedContacts, refuse_mixed
from audiences.faults import Fault, Values
from audiences.forms import NOTHING, ByFile, clean, forms_of, looks_of, valued
from audiences.kinds import BUILDERS, PRICE
from audiences.layers import PLACE, layer, new_table
from audiences.refusals import ExportRefused, masked
from audiences.tables import REJECTS
from config.exports import Export, ExportKind
from config.presets import load_preset

NEWEST = {
    ExportKind.CONTACTS: "registered_on",
    ExportKind.ORDERS: "ordered_on",
    ExportKind.AGGREGATE: "last_ordered_on",
    ExportKind.EVENTS: "ts",
    ExportKind.COSTS: "date",
}
"""The column that says how fresh a kind is."""


@dataclass(frozen=True)
class Counted:
    """Rows of one file."""

    accepted: int = 0
    rejected: int = 0
    newest: date | None = None
    """Newest day of the accepted rows, by the column that NEWEST names."""

    def __add__(self, other: "Counted") -> "Counted":
        days = [day for day in (self.newest, other.newest) if day is not None]
        return Counted(
            self.accepted + other.accepted,
            self.rejected + other.rejected,
            max(days, default=None),
        )


@dataclass(frozen=True)
class Typed:
    """Typed: accepted rows of the kind's schema (with order facts), and rejects."""

    rows: ir.Table
    rejects: ir.Table
    counted: Counted


def takes_several_rows(export: Export) -> bool:
    """Whether an order of this export may take several rows, one per line of it."""
    if PRICE in export.columns:
        return True
    return export.preset is not None and load_preset(export.preset).several_rows


def texts_of(rows: ir.Table, mapping: Mapping, **beside: ir.Value) -> ir.Table:
    """The mapped columns by canonical name, those of which there are several joined by '; '."""
    chosen: dict[str, ir.Value] = dict(beside)
    for name, places in mapping.columns.items():
        parts = [rows[f"c{place}"] for place in places]
        chosen[name] = parts[0] if len(parts) == 1 else _joined([part.strip() for part in parts])
    return rows.select(**chosen)


def _joined(parts: list[ir.StringValue]) -> ir.StringValue:
    given = [ibis.ifelse(part != "", part + "; ", "").fill_null("") for part in parts]
    joined = given[0]
    for part in given[1:]:
        joined = joined + part
    return joined.re_replace("; $", "")


def type_rows(
    engine: Backend,
    written: ir.Table,
    files: Sequence[str],
    export: Export,
    as_of: date,
    name: str,
    shown: ByFile = NOTHING,
) -> tuple[Typed, dict[str, Counted]]:
    """Type rows of these files into table `name`_typed; figures are also told by file.

    `written` has the cells by canonical name, and PLACE; `shown` is for `forms_of`.
    Raises ExportRefused, NotAsGuessed.
    """
    written = layer(engine, f"{name}_written", written)
    columns = [column for column in written.columns if column not in PLACE]
    looks = looks_of(written, export)
    stripped = written.mutate(**{c: written[c].strip() for c in columns if c not in looks.tidy})
    if export.kind is ExportKind.ORDERS and takes_several_rows(export):
        stripped = _filled_down(stripped)
    texts = clean(engine, stripped, looks, name)
    _refuse_digests(engine, files[0], texts, export)
    forms = forms_of(files, texts, export, looks, shown)
    typed = layer(engine, f"{name}_values", valued(texts, forms, export))
    values: Values = {column: typed[f"v_{column}"] for column in columns}
    made, faults = BUILDERS[export.kind](typed, values, export, as_of)
    number = ibis.cases(
        *((fault.holds.fill_null(False), place) for place, fault in enumerate(faults, 1)), else_=0
    ).cast("int16")
    found = layer(
        engine,
        f"{name}_faults",
        typed.select(
            *columns,
            *PLACE,
            source=ibis.literal(export.source),
            fault=number,
            **{f"o_{column}": value for column, value in made.items()},
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
        "source", *PLACE, "fault", **{column: found[f"o_{column}"] for column in made}, shown=shown
    )
    kept = new_table(engine, f"{name}_typed", table)
    for view in ("faults", "values", "clean", "stripped", "written"):
        engine.raw_sql(f'DROP VIEW IF EXISTS "{name}_{view}"')
    counted = _counted(kept, export)
    accepted = kept.filter(kept.fault == 0).drop("fault", "shown")
    everything = Typed(accepted, _rejects(kept, faults), sum(counted.values(), Counted()))
    return everything, {file: counted.get(file, Counted()) for file in files}


def _rejects(typed: ir.Table, faults: list[Fault]) -> ir.Table:
    bad = typed.filter(typed.fault > 0)
    words = {
        field: bad.fault.cases(
            *((place, getattr(fault, field)) for place, fault in enumerate(faults, 1)), else_=""
        )
        for field in ("column", "reason")
    }
    return bad.select(
        file=bad.file,
        line=bad.line,
        column=words["column"],
        reason=words["reason"],
        shown=bad.shown,
    ).cast(dict(REJECTS))


def _counted(typed: ir.Table, export: Export) -> dict[str, Counted]:
    told_by = NEWEST.get(export.kind)
    day = typed[told_by].cast("date") if told_by else ibis.null("date")
    dated = typed.select("file", "fault", newest_day=day)
    rows = dated.group_by("file").aggregate(
        accepted=(dated.fault == 0).sum(),
        rejected=(dated.fault > 0).sum(),
        newest=dated.newest_day.max(where=dated.fault == 0),
    )
    return {
        row["file"]: Counted(int(row["accepted"]), int(row["rejected"]), row["newest"])
        for row in rows.to_pyarrow().to_pylist()
    }


def _filled_down(rows: ir.Table) -> ir.Table:
    """What an order says on one of its rows only, on all of them; never what a line is for."""
    lines = (*PLACE, "order_id", "items", PRICE)
    own = [column for column in rows.columns if column not in lines]
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
