"""Which rows are one person: rows that share a good key are joined, and nothing else joins them.

Keys are external ids, e-mail addresses and phones in their one form. A key that cannot say who
somebody is does not join (audiences.junk, and the rules below). The result is a function of the
rows, never of their order, and is kept stable against the previous run by digests of the keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from ibis import _
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from audiences.contacts import contacts_in, external_id_in
from audiences.junk import CONFLICT, CROWD, FAMILY, is_own, junk_reason
from audiences.naming import Naming, name_people
from audiences.staging import Staging, keep
from audiences.unions import stacked
from config.audiences import Identifier
from config.shop import Shop

CROWD_ROWS = 10
"""A key on more rows than this ..."""
CROWD_PEOPLE = 3
"""... with more different surnames or external ids than this is nobody's."""
FAMILY_PEOPLE = 3
"""Different (first name, birth date) an e-mail address may have."""
WEAK = (str(Identifier.EMAIL), str(Identifier.PHONE))
"""Kinds of keys that can be somebody else's; an external id is taken as verified."""
CONTACT_ID = "contact_id"
LARGEST = 30
"""Rows of a person above which only external ids join."""

ROWS = ibis.schema(
    {
        "source": "!string",
        "row_id": "!string",
        "contact_id": "string",  # only where it is a key: an order of somebody not in the contacts
        "external_id": "string",
        "email": "string",
        "phone": "string",
        "first_name": "string",
        "last_name": "string",
        "birth_date": "date",
    }
)
"""PLAIN. Whatever may be a person: cells as written."""

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class IdentityReport:
    """What was joined and what was not; counts only."""

    rows: int
    people: int
    junk: dict[str, int]
    """Keys that join nothing, by reason."""
    conflicts: int
    """Keys on one source's rows with different external ids: they need a second key."""
    big: tuple[int, ...]
    """Sizes of components that were rebuilt with external ids only, largest first."""
    merged: int
    split: int


@dataclass(frozen=True, eq=False)
class Resolution:
    """Rows resolved to people."""

    rows: ir.Table
    """PERSON_ROWS and `node`, the row's number in (source, row_id) order."""
    keys: ir.Table
    """PLAIN. (node, kind, value, key, bad): every contact of every row; `bad` is a reason or null.
    """
    naming: Naming
    report: IdentityReport

    @property
    def key_table(self) -> ir.Table:
        """Schema KEYS: what the next run needs to call the same people the same."""
        return self.naming.keys


def resolve(
    engine: ibis.BaseBackend, rows: ir.Table, shop: Shop, previous: ir.Table | None = None
) -> Resolution:
    """Resolve ROWS to people; `previous` is the last run's key table (schema KEYS)."""
    order = ibis.row_number().over(order_by=[rows.source, rows.row_id])
    nodes = keep(rows.mutate(node=order.cast("int64")))
    with Staging() as passing:
        contacts = passing.keep(_contacts(engine, nodes, shop))
        bad = passing.keep(_bad_keys(nodes, contacts, passing))
        judged = contacts.left_join(bad.select("key", crowded=_.bad), "key")
        reason = ibis.coalesce(judged.bad, judged.crowded)
        keys = keep(judged.select("node", "kind", "value", "key", bad=reason))
        roots, big = _roots(engine, nodes, _edges(keys))
        rooted = passing.keep(_rooted(nodes, roots))
        naming = name_people(engine, rooted, keys, previous)
        named = rooted.join(naming.people, "root")
        resolved = keep(named.select("source", "row_id", "person_id", "node"))
    return Resolution(resolved, keys, naming, _report(engine, resolved, keys, naming, big))


def _contacts(engine: ibis.BaseBackend, nodes: ir.Table, shop: Shop) -> ir.Table:
    """(node, kind, value, key, bad): every contact of every row, each once."""
    tables = [_of_kind(engine, nodes, kind, shop.phone_regions) for kind in Identifier]
    tables.append(
        nodes.filter(nodes.contact_id.notnull()).select(
            "node", kind=ibis.literal(CONTACT_ID), value=_.source + ":" + _.contact_id, links=True
        )
    )
    every = stacked(*tables)
    own = is_own(every.kind, every.value, shop.own_contacts, shop.phone_regions)
    keyed = every.mutate(
        key=(every.kind + ":" + every.value).hash(),
        bad=junk_reason(every.kind, every.value, every.links, own),
    )
    return keyed.drop("links")


def _of_kind(
    engine: ibis.BaseBackend, nodes: ir.Table, kind: Identifier, regions: Sequence[str]
) -> ir.Table:
    cells = nodes.select("node", cell=nodes[str(kind)])
    written = cells.filter(cells.cell.notnull())
    found = contacts_in(engine, written.select("cell").distinct(), kind, regions)
    with_nodes = written.join(found, "cell")
    return with_nodes.select("node", kind=ibis.literal(str(kind)), value=_.value, links=_.links)


def _bad_keys(nodes: ir.Table, contacts: ir.Table, passing: Staging) -> ir.Table:
    """(key, bad): good contacts that the rows they are on show to be no one person's."""
    linking = contacts.filter(contacts.bad.isnull()).select("node", "kind", "key")
    sizes = linking.group_by("key").aggregate(rows=_.count()).filter(_.rows > 1)
    people = nodes.select(
        "node",
        "source",
        external=external_id_in(nodes.external_id).nullif(""),
        surname=_word(nodes.last_name),
        first=_word(nodes.first_name),
        born=nodes.birth_date,
    )
    shared = passing.keep(linking.join(sizes, "key").join(people, "node"))
    conflicts = (
        shared.filter(shared.kind.isin(WEAK) & shared.external.notnull())
        .group_by("key", "source")
        .aggregate(least=_.external.min(), most=_.external.max())
        .filter(_.least != _.most)
        .select("key", bad=ibis.literal(CONFLICT))
        .distinct()
    )
    measured = (
        shared.filter(shared.kind.isin(WEAK) & (shared.rows > FAMILY_PEOPLE))
        .group_by("key", "kind", "rows")
        .aggregate(
            surnames=_.surname.nunique(),
            externals=_.external.nunique(),
            firsts=_.first.nunique(),
            births=(_.first + _.born.cast("string")).nunique(),
        )
    )
    people_seen = (measured.surnames > CROWD_PEOPLE) | (measured.externals > CROWD_PEOPLE)
    family = (measured.firsts > FAMILY_PEOPLE) | (measured.births > FAMILY_PEOPLE)
    reason = ibis.cases(
        ((measured.rows > CROWD_ROWS) & people_seen, CROWD),
        ((measured.kind == "email") & family, FAMILY),
        else_=ibis.null("string"),
    )
    reasons = measured.select("key", bad=reason).filter(_.bad.notnull())
    return stacked(conflicts.anti_join(reasons, "key"), reasons)


def _word(text: ir.StringValue) -> ir.StringValue:
    return text.strip().lower().replace("ё", "е").nullif("")


def _edges(keys: ir.Table) -> ir.Table:
    """(node, key, strong): what joins. Rows in conflict are joined by two keys at once only."""
    good = keys.filter(keys.bad.isnull())
    single = good.select("node", "key", strong=~good.kind.isin(WEAK))
    usable = keys.filter((keys.bad.isnull()) | (keys.bad == CONFLICT))
    emails = usable.filter(usable.kind == "email").select(
        "node", email=_.key, doubt=_.bad.notnull()
    )
    phones = usable.filter(usable.kind == "phone").select(
        "node", phone=_.key, doubted=_.bad.notnull()
    )
    pairs = emails.join(phones, "node").filter(_.doubt | _.doubted)
    both = pairs.select(
        "node",
        key=(_.email.cast("string") + "&" + _.phone.cast("string")).hash(),
        strong=ibis.literal(value=False),
    )
    return stacked(single, both)


def _roots(
    engine: ibis.BaseBackend, nodes: ir.Table, edges: ir.Table
) -> tuple[Codes, tuple[int, ...]]:
    """For each node the first node of its component, and the sizes of those that grew too big."""
    count = int(engine.to_pyarrow(nodes.count()).as_py())
    columns = engine.to_pyarrow(edges)
    node, key, strong = (columns.column(name).to_numpy() for name in ("node", "key", "strong"))
    codes = np.unique(key, return_inverse=True)[1] + count
    roots = _components(count, node, codes)
    sizes = np.bincount(roots, minlength=count)
    big = sizes[roots] > LARGEST
    if not big.any():
        return roots, ()
    allowed = strong | ~big[node]
    return (
        _components(count, node[allowed], codes[allowed]),
        tuple(sorted(sizes[sizes > LARGEST].tolist(), reverse=True)),
    )


def _components(count: int, node: Codes, code: Codes) -> Codes:
    """First node of each node's component in the graph of nodes and keys."""
    size = max(count, int(code.max(initial=-1)) + 1)
    graph = coo_array((np.ones(len(node), np.int8), (node, code)), shape=(size, size))
    labels = connected_components(graph, directed=False)[1][:count]
    first = np.full(size, count, np.int64)
    np.minimum.at(first, labels, np.arange(count))
    roots: Codes = first[labels]
    return roots


def _rooted(nodes: ir.Table, roots: Codes) -> ir.Table:
    """(node, source, row_id, root, root_row): root_row names the component's first row."""
    codes = ibis.memtable(
        pa.table({"node": pa.array(np.arange(len(roots))), "root": pa.array(roots)})
    )
    rows = nodes.select("node", "source", "row_id")
    firsts = rows.select(root=_.node, root_row=_.source + ":" + _.row_id)
    return rows.join(codes, "node").join(firsts, "root")


def _report(
    engine: ibis.BaseBackend, rows: ir.Table, keys: ir.Table, naming: Naming, big: tuple[int, ...]
) -> IdentityReport:
    junk = keys.filter(keys.bad.notnull()).group_by("bad").aggregate(keys=_.key.nunique())
    by_reason = {row["bad"]: row["keys"] for row in engine.to_pyarrow(junk).to_pylist()}
    conflicts = by_reason.pop(CONFLICT, 0)
    totals = rows.aggregate(rows=_.count(), people=_.person_id.nunique())
    total = engine.to_pyarrow(totals).to_pylist()[0]
    return IdentityReport(
        rows=total["rows"],
        people=total["people"],
        junk=dict(sorted(by_reason.items())),
        conflicts=conflicts,
        big=big,
        merged=int(engine.to_pyarrow(naming.merged.count()).as_py()),
        split=int(engine.to_pyarrow(naming.split.count()).as_py()),
    )
