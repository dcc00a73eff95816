"""Connected rows: in arrays where one machine holds the keys, else by stars of joins.

Both give for each node the least node of its component. The relational way is that of Kiveris,
Lattanzi, Mirrokni, Rastogi, Vassilvitskii, "Connected Components in MapReduce and Beyond" (2014):
large-star and small-star in turns, until nothing changes. A round only joins and groups edges, and
the number of rounds grows with the logarithm of the longest chain.
"""

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from ibis import _
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from audiences.staging import Staging, keep
from audiences.unions import stacked

Codes = npt.NDArray[np.int64]
MOST_ROUNDS = 100


def roots_in_memory(
    engine: ibis.BaseBackend, nodes: ir.Table, links: ir.Table, largest: int
) -> tuple[ir.Table, tuple[int, ...]]:
    """(node, root), and the sizes of components that were made again of strong links alone."""
    count = int(engine.to_pyarrow(nodes.count()).as_py())
    columns = engine.to_pyarrow(links)
    low, high, strong = (columns.column(name).to_numpy() for name in ("low", "high", "strong"))
    roots = _components(count, low, high)
    sizes = np.bincount(roots, minlength=count)
    big = sizes[roots] > largest
    if big.any():
        allowed = strong | ~big[low]
        roots = _components(count, low[allowed], high[allowed])
    found = pa.table({"node": pa.array(np.arange(len(roots))), "root": pa.array(roots)})
    return ibis.memtable(found), tuple(sorted(sizes[sizes > largest].tolist(), reverse=True))


def _components(count: int, low: Codes, high: Codes) -> Codes:
    """Least node of each node's component."""
    graph = coo_array((np.ones(len(low), np.int8), (low, high)), shape=(count, count))
    parts, labels = connected_components(graph, directed=False)
    first = np.empty(parts, np.int64)
    first[labels[::-1]] = np.arange(count)[::-1]  # the last written, the least, stays
    roots: Codes = first[labels]
    return roots


def roots_by_stars(
    nodes: ir.Table, links: ir.Table, largest: int
) -> tuple[ir.Table, tuple[int, ...]]:
    """The same, by expressions alone: nothing but counts leaves the engine."""
    roots = _by_stars(nodes, links)
    sizes = roots.group_by("root").aggregate(rows=_.count())
    big = keep(sizes.filter(sizes.rows > largest))
    found = sorted(big.to_pyarrow().column("rows").to_pylist(), reverse=True)
    if not found:
        return roots, ()
    crowded = roots.semi_join(big, "root").select(low=_.node)
    weak = links.filter(~links.strong).anti_join(crowded, "low")
    return _by_stars(nodes, stacked(links.filter(links.strong), weak)), tuple(found)


def _by_stars(nodes: ir.Table, joined: ir.Table) -> ir.Table:
    """(node, root) of the graph of these links."""
    passing = Staging()
    links = passing.keep(joined.select("low", "high").distinct())
    for _round in range(MOST_ROUNDS):
        if _are_stars(links):
            linked = nodes.select("node").left_join(links, _.node == links.high)
            roots = keep(linked.select("node", root=ibis.coalesce(linked.low, linked.node)))
            passing.drop()
            return roots
        following = Staging()
        links = following.keep(_small_star(following.keep(_large_star(links))))
        passing.drop()
        passing = following
    raise AssertionError(f"rows are still not connected after {MOST_ROUNDS} rounds")


def _are_stars(links: ir.Table) -> bool:
    """Whether every node has one link, to a node that has none."""
    counted = links.aggregate(links=_.count(), highs=_.high.nunique())
    row = counted.to_pyarrow().to_pylist()[0]
    if row["links"] != row["highs"]:
        return False
    further = links.semi_join(links.select(low=_.high), "low")
    return not further.count().to_pyarrow().as_py()


def _large_star(links: ir.Table) -> ir.Table:
    """Every node links its greater neighbours to the least of its neighbours and itself."""
    up = links.select(node=_.low, other=_.high)
    both = stacked(up, links.select(node=_.high, other=_.low))
    least = both.group_by("node").aggregate(least=_.other.min())
    low = ibis.least(_.least, _.node)
    return up.join(least, "node").select(low=low, high=_.other).distinct()


def _small_star(links: ir.Table) -> ir.Table:
    """Every node links its lesser neighbours and itself to the least of them."""
    least = links.group_by("high").aggregate(least=_.low.min())
    lesser = links.join(least, "high").filter(_.low > _.least)
    return stacked(
        lesser.select(low=_.least, high=_.low), least.select(low=_.least, high=_.high)
    ).distinct()
