"""What a person is called, the same over runs.

A new person is named after the first of their rows. In later runs digests of rows and keys lead
back to the name: who merges keeps the older name, who splits off gets a new one. What is kept
between runs holds digests only.
"""

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
from ibis import _

from audiences.staging import keep, pack
from audiences.tables import PERSON_ROWS
from audiences.unions import stacked

KEYS = ibis.schema({"key_digest": "!string", "person_id": "!string", "first_seen": "!int64"})
"""One row per key and per row of an export: whose it was, and in which run they were first seen."""


@dataclass(frozen=True, eq=False)
class Naming:
    """Names of the components of one run."""

    people: ir.Table
    """(root, person_id, first_seen)."""
    rows: ir.Table
    """PERSON_ROWS and `node`."""
    keys: ir.Table
    """Schema KEYS, for the next run."""
    merged: ir.Table
    """(old_id, person_id): names that went into an older one."""
    split: ir.Table
    """(old_id, person_id): new names of those who had a name with others before."""


def name_people(
    engine: ibis.BaseBackend,
    rooted: ir.Table,
    keys: ir.Table,
    previous: ir.Table | None,
    *,
    parted: bool,
) -> Naming:
    """Name the components of `rooted` (node, source, row_id, root).

    `keys` is Resolution.keys; `parted`: whether a good key may lead to several components.
    """
    first = rooted.filter(rooted.node == rooted.root)
    roots = keep(first.select("root", root_row=_.source + ":" + _.row_id))
    good = keys.filter(keys.bad.isnull())
    firsts = good.filter(good.node == good.first)
    astray = keep(_astray(good, rooted)) if parted else None
    if previous is None:
        people = keep(roots.select("root", person_id=_name(roots.root_row), first_seen=_run(1)))
        nobody = people.select("person_id", old_id=_.person_id).limit(0)
        return Naming(people, *_named(rooted, firsts, astray, people), nobody, nobody)
    digests = keep(_digests(rooted, firsts, astray))
    claims = keep(_claims(roots, digests, previous))
    kept = keep(_granted(claims))
    people = keep(stacked(kept, _fresh(engine, roots.anti_join(kept, "root"), kept, previous)))
    lost = claims.select("root", "old_id").anti_join(kept.select(old_id=_.person_id), "old_id")
    merged = lost.join(kept.select("root", "person_id"), "root")
    parting = claims.select("root", "old_id").anti_join(kept, "root")
    split = parting.join(people.select("root", "person_id"), "root")
    return Naming(
        people,
        *_named(rooted, firsts, astray, people),
        keep(merged.select("old_id", "person_id").distinct()),
        keep(split.select("old_id", "person_id").distinct()),
    )


def _astray(good: ir.Table, rooted: ir.Table) -> ir.Table:
    """(root, key, kind, value) of keys where they lead elsewhere than with their first row.

    A weak key does, of a component that was too big.
    """
    further = good.filter(good.node > good.first).join(rooted.select("node", "root"), "node")
    led = further.join(rooted.select(first=_.node, led=_.root), "first")
    ends = led.filter(led.root != led.led).group_by("root", "key", "kind")
    return ends.aggregate(value=_.value.arbitrary())


def _named(
    rooted: ir.Table, firsts: ir.Table, astray: ir.Table | None, people: ir.Table
) -> tuple[ir.Table, ir.Table]:
    """PERSON_ROWS and node, and schema KEYS. What leads to several people leads to nobody."""
    named = keep(rooted.join(people, "root").drop("root"))
    single = firsts if astray is None else firsts.anti_join(astray, "key")
    known = single.select("node", "kind", "value").join(
        named.select("node", "person_id", "first_seen"), "node"
    )
    texts = ((known, _key_text(known)), (named, _row_text(named)))
    digests = (
        table.select(
            key_digest=text.hexdigest("sha256"), person_id=_.person_id, first_seen=_.first_seen
        )
        for table, text in texts
    )
    return named.select(*PERSON_ROWS.names, "node"), pack(stacked(*digests))


def _name(text: ir.StringValue) -> ir.StringValue:
    return "p" + text.hexdigest("sha256").left(16)


def _run(number: int) -> ir.IntegerScalar:
    return ibis.literal(number, type="int64")


def _digests(rooted: ir.Table, firsts: ir.Table, astray: ir.Table | None) -> ir.Table:
    """(root, key_digest): digests of the rows and good keys of every component."""
    owned = firsts.join(rooted.select("node", "root"), "node").select("root", "kind", "value")
    once = owned if astray is None else stacked(owned, astray.select(*owned.columns))
    both = stacked(
        rooted.select("root", text=_row_text(rooted)), once.select("root", text=_key_text(once))
    )
    return both.select("root", key_digest=both.text.hexdigest("sha256"))


def _key_text(keys: ir.Table) -> ir.StringValue:
    return keys.kind + ":" + keys.value


def _row_text(rooted: ir.Table) -> ir.StringValue:
    return "row:" + rooted.source + ":" + rooted.row_id


def _claims(roots: ir.Table, digests: ir.Table, previous: ir.Table) -> ir.Table:
    """(root, old_id, seen, votes, own): which old names the keys of a component lead to."""
    led = digests.join(previous, "key_digest").group_by("root", old_id=_.person_id)
    votes = led.aggregate(seen=_.first_seen.min(), votes=_.count())
    named = votes.join(roots, "root")
    return named.select(
        "root", "old_id", "seen", "votes", own=named.old_id == _name(named.root_row)
    )


def _granted(claims: ir.Table) -> ir.Table:
    """(root, person_id, first_seen): the oldest name of a component, if it is the one to keep it.

    Of several components that were one person, the one with the person's first row keeps the name,
    else the one with most of its keys, else the one whose first row is least.
    """
    oldest = ibis.row_number().over(group_by=claims.root, order_by=[claims.seen, claims.old_id])
    wished = claims.mutate(place=oldest).filter(_.place == 0).drop("place")
    worthiest = ibis.row_number().over(
        group_by=wished.old_id,
        order_by=[wished.own.desc(), wished.votes.desc(), wished.root],
    )
    granted = wished.mutate(place=worthiest).filter(_.place == 0)
    return granted.select("root", person_id=_.old_id, first_seen=_.seen)


def _fresh(
    engine: ibis.BaseBackend, roots: ir.Table, kept: ir.Table, previous: ir.Table
) -> ir.Table:
    """(root, person_id, first_seen) with names nobody has or had in the last run."""
    last = engine.to_pyarrow(previous.first_seen.max()).as_py() or 0
    taken = stacked(previous.select("person_id"), kept.select("person_id")).distinct()
    named: ir.Table = kept.limit(0)
    waiting, attempt = keep(roots), 0
    while engine.to_pyarrow(waiting.count()).as_py():
        text = waiting.root_row + (f"#{attempt}" if attempt else "")
        tried = waiting.select("root", person_id=_name(text), first_seen=_run(last + 1))
        named = keep(stacked(named, tried.anti_join(taken, "person_id")))
        waiting, attempt = keep(waiting.anti_join(named, "root")), attempt + 1
    return named
