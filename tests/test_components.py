"""Connected rows: joins in turns give what the library gives, whatever the graph."""

from itertools import pairwise

import ibis
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiences.components import roots_by_stars, roots_in_memory

LINK = st.tuples(
    st.lists(st.integers(0, 29), min_size=2, max_size=2, unique=True).map(sorted), st.booleans()
).map(lambda link: (*link[0], link[1]))


@pytest.fixture(scope="module")
def engine() -> ibis.BaseBackend:
    return ibis.duckdb.connect(threads=1)


def _both(
    engine: ibis.BaseBackend, count: int, joined: list[tuple[int, int, bool]], largest: int
) -> tuple[dict[int, int], tuple[int, ...], dict[int, int], tuple[int, ...]]:
    nodes = engine.create_table("nodes", pa.table({"node": range(count)}), overwrite=True)
    columns = list(zip(*joined, strict=True)) or [(), (), ()]
    kinds = (pa.int64(), pa.int64(), pa.bool_())
    arrays = [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
    names = ["low", "high", "strong"]
    links = engine.create_table("links", pa.Table.from_arrays(arrays, names), overwrite=True)
    found = []
    answers = (
        roots_in_memory(engine, nodes, links, largest),
        roots_by_stars(nodes, links, largest),
    )
    for roots, big in answers:
        rows = engine.to_pyarrow(roots).to_pylist()
        assert len(rows) == count
        found += [{row["node"]: row["root"] for row in rows}, big]
    return tuple(found)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(joined=st.lists(LINK, max_size=60), largest=st.integers(1, 30))
def test_stars_connect_what_arrays_connect(
    engine: ibis.BaseBackend, joined: list[tuple[int, int, bool]], largest: int
) -> None:
    in_memory, big, by_stars, also_big = _both(engine, 30, joined, largest)
    assert by_stars == in_memory
    assert also_big == big


def test_a_long_chain_is_one_component(engine: ibis.BaseBackend) -> None:
    places = [(7 * place) % 200 for place in range(200)]  # the least is not at an end
    pairs = pairwise(places)
    chain = [(min(pair), max(pair), True) for pair in pairs]
    in_memory, _, by_stars, big = _both(engine, 200, chain, 200)
    assert by_stars == in_memory == dict.fromkeys(range(200), 0)
    assert big == ()
