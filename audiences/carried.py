"""Purchases of people whose orders are as they were: taken over from the last refresh.

What a person bought is a function of the order rows of their customer cards. So a person is summed
up anew if a card of theirs has an order of which some file, new or gone, tells anything; if a card
came to them or left them; or if they have, or had, orders of nobody in the contacts. Everybody
else's occasions and returns are those of the last refresh, to the row.

Cards and orders are compared by 64-bit hashes: two that share one only make more people be summed
up anew.
"""

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend
from ibis.util import gen_name

from audiences.assembling import write_orders
from audiences.bought import CARDS, Bought, card_of, cards_of, occasions_of, owned_by, returns_of
from audiences.layers import drop
from audiences.readings import CODE, Readings, told_in, write_told
from audiences.sealing import Seal
from audiences.snapshots import open_rows
from audiences.staging import Staging, pack
from audiences.tables import OCCASIONS, RETURNS
from audiences.unions import stacked
from config.exports import ExportKind, Rate
from config.shop import Shop

FOLDER, FILE = "carried", "cards.parquet"
CHANGED_MOST = 0.5
"""Rows of files that are new or gone, as a share of all, above which everything is made anew."""
OF_ORDERS = (ExportKind.ORDERS, ExportKind.ORDER_LINES)


@dataclass(frozen=True, eq=False)
class Past:
    """What the last refresh left of purchases."""

    files: Mapping[str, ExportKind]
    """The readings that its orders were made of, by name."""
    settings: str
    cards: ir.Table
    """Schema CARDS."""
    occasions: ir.Table
    returns: ir.Table


@dataclass(frozen=True)
class OrderFile:
    """A file of orders, or of their lines, in this run."""

    name: str | None
    """Its reading's; None where that may not be kept."""
    kind: ExportKind
    count: int
    """Its rows."""


@dataclass(frozen=True, eq=False)
class Carried:
    """The orders of a run in which few files changed: only those are made that are asked for."""

    past: Past
    places: ir.Table
    """(key, card, changed, gone) of every row of every file: its order, its card or null, whether
    its file is new or gone, and whether it is gone."""
    orders_of: Callable[[ir.Table], ir.Table]
    """ORDER_ROWS of the orders whose keys are given, until the purchases are summed up."""
    passing: Staging
    """Holds both until then."""

    def of_strangers(self, known: ir.Table) -> ir.Table:
        """ORDER_ROWS with every order that (source, contact_id) of `known` leads to nobody."""
        cards = known.select(card=card_of(known.source, known.contact_id))
        present = self.places.filter(~self.places.gone)
        return self.orders_of(present.anti_join(cards, "card").select("key").distinct())

    def buy(self, buyers: ir.Table, strangers: ir.Table) -> Bought:
        """As `bought.buy`, which it equals. It is the last that is asked of these orders."""
        with self.passing as passing:
            present = self.places.filter(~self.places.gone)
            named = buyers.mutate(card=card_of(buyers.source, buyers.contact_id))
            cards = present.filter(present.card.notnull()).select("card").distinct()
            mapped = passing.keep(cards.join(named.select("card", "person_id"), "card"))
            touched = passing.keep(self._touched(mapped, strangers))
            theirs = mapped.semi_join(touched, "person_id")
            keys = present.semi_join(theirs, "card").select("key").distinct()
            some = buyers.semi_join(touched, "person_id")
            owned = passing.keep(owned_by(self.orders_of(keys), some, strangers))

            def rest(table: ir.Table, schema: ibis.Schema, anew: ir.Table) -> ir.Table:
                left = table.select(*schema.names).anti_join(touched, "person_id")
                return pack(stacked(left, anew).cast(dict(schema)))

            return Bought(
                rest(self.past.occasions, OCCASIONS, occasions_of(owned)),
                rest(self.past.returns, RETURNS, returns_of(owned)),
                rest(self.past.cards, CARDS, cards_of(owned)),
                _people(self.past.cards.anti_join(touched, "person_id")),
            )

    def _touched(self, mapped: ir.Table, strangers: ir.Table) -> ir.Table:
        """(person_id) of everybody, now or then, of whom not every order is surely as it was."""
        pair, before = ["card", "person_id"], self.past.cards
        keys = self.places.filter(self.places.changed).select("key").distinct()
        hit = self.places.semi_join(keys, "key").select("card").distinct()
        same = mapped.semi_join(before, pair).anti_join(hit, "card")
        return stacked(
            mapped.anti_join(same, pair).select("person_id"),
            before.anti_join(same, pair).select("person_id"),
            strangers.select("person_id"),
        ).distinct()


def _people(cards: ir.Table) -> int:
    return int(cards.person_id.nunique().to_pyarrow().as_py())


def carry_on(
    engine: Backend,
    files: Sequence[OrderFile],
    kept: Readings,
    past: Past | None,
    shop: Shop,
    rates: Sequence[Rate],
) -> Carried | None:
    """What may be taken over from the last refresh; None where all orders are to be made anew."""
    names = [file.name for file in files if file.name is not None]
    if past is None or past.settings != settings_of(shop, rates):
        return None
    if len(set(names)) < len(files):  # one may not be kept, or is told twice and counts twice
        return None
    same = {name: kind for name, kind in past.files.items() if name in names}
    gone = {name: kind for name, kind in past.files.items() if name not in names}
    added = {file.name: file for file in files if file.name and file.name not in same}
    try:
        before, lost = _rows_of(engine, kept, same), _rows_of(engine, kept, gone)
        new = _rows_of(engine, kept, {name: file.kind for name, file in added.items()})
    except FileNotFoundError:
        return None  # another run has tidied it away
    changed = sum(file.count for file in added.values()) + sum(
        _count(one) for _, one in _each(lost)
    )
    if changed > CHANGED_MOST * sum(file.count for file in files):
        return None
    places = [
        *(_placed(kind, table, changed=False, gone=False) for kind, table in _each(before)),
        *(_placed(kind, table, changed=True, gone=False) for kind, table in _each(new)),
        *(_placed(kind, table, changed=True, gone=True) for kind, table in _each(lost)),
    ]
    now = {kind: [*before[kind], *new[kind]] for kind in OF_ORDERS}
    passing = Staging()
    write = partial(_write, engine, now, shop, rates, passing)
    return Carried(past, passing.keep(stacked(*places)), write, passing)


Tables = dict[ExportKind, list[ir.Table]]


def _rows_of(engine: Backend, kept: Readings, files: Mapping[str, ExportKind]) -> Tables:
    return {
        kind: kept.rows_of(engine, [name for name, of in files.items() if of is kind])
        for kind in OF_ORDERS
    }


def _each(tables: Tables) -> list[tuple[ExportKind, ir.Table]]:
    return [(kind, table) for kind in OF_ORDERS for table in tables[kind]]


def _count(table: ir.Table) -> int:
    return int(table.count().to_pyarrow().as_py())


def _key(rows: ir.Table) -> ir.IntegerValue:
    return (rows.source + ":" + rows.order_id).hash()


def _placed(kind: ExportKind, rows: ir.Table, *, changed: bool, gone: bool) -> ir.Table:
    """Carried.places of some rows; lines are told like orders that are gone: they have no card."""
    orders = kind is ExportKind.ORDERS
    return rows.select(
        key=_key(rows),
        card=card_of(rows.source, rows.contact_id) if orders else ibis.null("int64"),
        changed=ibis.literal(changed),
        gone=ibis.literal(gone or not orders),
    )


def _write(
    engine: Backend,
    tables: Tables,
    shop: Shop,
    rates: Sequence[Rate],
    passing: Staging,
    keys: ir.Table,
) -> ir.Table:
    """ORDER_ROWS of the orders whose keys are given, made of all that tells of them."""
    wanted = passing.keep(keys)
    orders, lines = (
        [table.filter(_key(table).isin(wanted.key)) for table in tables[kind]] for kind in OF_ORDERS
    )
    name = gen_name("some_orders")
    made = passing.keep(write_orders(engine, name, orders, lines, shop, rates))
    drop(engine, name)
    return made


def settings_of(shop: Shop, rates: Sequence[Rate]) -> str:
    """SHA-256 of what decides, beside the files, which orders they tell of."""
    parts = [CODE, shop.currency, [rate.model_dump(mode="json") for rate in rates]]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Left:
    """Where a refresh leaves what the next one may take over: no contacts, and sealed."""

    folder: Path
    seal: Seal | None = None

    def leave(
        self,
        engine: Backend,
        cards: ir.Table,
        *,
        files: Sequence[OrderFile],
        settings: str,
        beside: Mapping[str, str],
    ) -> None:
        """Write CARDS; `beside` says which snapshots of occasions and returns go with them."""
        self.clear()
        if not files or any(file.name is None for file in files):
            return
        told = {
            "files": {file.name: file.kind.value for file in files},
            "settings": settings,
            "beside": dict(beside),
        }
        part = self.folder / f"{secrets.token_hex(8)}.part"
        write_told(engine, part, cards, told, self.seal)
        part.replace(self.folder / FILE)

    def find(
        self, engine: Backend, beside: Mapping[str, str], occasions: ir.Table, returns: ir.Table
    ) -> Past | None:
        """What the last refresh left, if it goes with these snapshots."""
        path = self.folder / FILE
        if not path.is_file():
            return None
        told = told_in(path, self.seal)
        if told["beside"] != dict(beside):
            return None
        files = {name: ExportKind(kind) for name, kind in told["files"].items()}
        cards = open_rows(engine, path, self.seal)
        return Past(files, told["settings"], cards, occasions, returns)

    def clear(self) -> None:
        """Leave nothing."""
        if self.folder.is_dir():
            for path in self.folder.iterdir():
                path.unlink(missing_ok=True)
