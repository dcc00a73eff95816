"""The synthetic market: the published order of rules comes out, with fixed seeds."""

import pytest

from bids.market import MARKET, simulate

RAW = "raw ratio, wide caps"
SHRUNK = "shrunk, no prior, narrow caps"
TO_PACK = "shrunk to the pack, narrow caps"
PACK = "hypothesis pack only"


@pytest.fixture(scope="module")
def table():
    return {(row.rule, row.sees): row for row in simulate()}


def order(table, sees):
    rows = [row for row in table.values() if row.sees in (sees, "truth")]
    return [row.rule for row in sorted(rows, key=lambda row: row.gain)]


def test_the_market_is_whole():
    assert len(MARKET) == 10
    assert sum(one.share for one in MARKET) == pytest.approx(1)


def test_order_of_the_rules_on_incremental_value(table):
    # The two shrunk rules are nearly even and their order is this seed's;
    # the rest of the order held on every seed tried.
    best = "best possible inside caps"
    assert order(table, "incremental") == ["none", PACK, TO_PACK, SHRUNK, RAW, best]


def test_attributed_value_without_caps_does_harm_and_caps_keep_it_out(table):
    gains = {rule: table[rule, "attributed"].gain for rule in (RAW, PACK, SHRUNK, TO_PACK)}
    assert gains[RAW] < 0 < gains[PACK] < min(gains[SHRUNK], gains[TO_PACK])
    assert table[RAW, "attributed"].vip > 4
    assert table[SHRUNK, "attributed"].vip == pytest.approx(2.0)


def test_incremental_value_beats_attributed_value_under_every_rule_that_learns(table):
    for rule in (RAW, SHRUNK, TO_PACK):
        assert table[rule, "incremental"].gain > table[rule, "attributed"].gain


def test_shrinkage_and_the_prior_calm_the_final_modifiers(table):
    spreads = [table[rule, "incremental"].spread for rule in (RAW, SHRUNK, TO_PACK)]
    assert spreads == sorted(spreads, reverse=True)


def test_every_rule_spends_the_same(table):
    for row in table.values():
        assert row.spend == pytest.approx(1, abs=0.002)


def test_the_same_seed_gives_the_same_table():
    assert simulate(seed=5, runs=1) == simulate(seed=5, runs=1)
