"""What a person in several lists meets, by platform; the platforms' own worked examples."""

from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bids.corrections import PlannedCorrection, Refused, make_plan
from bids.model import Action, BidObject, Level
from bids.overlap import (
    COMBINATIONS,
    ActsOn,
    Cell,
    Met,
    Verdict,
    after_overlaps,
    corrected,
    effective_factor,
    met_after,
    possible_on,
    strategy_sentence,
)
from tests.support.bid_platform import CAMPAIGN, GROUP

YANDEX = COMBINATIONS["yandex_direct"]


def test_types_multiply():
    met = [Met("phones", -40, type="mobile"), Met("buyers", 200)]
    assert Decimal(15) * effective_factor(met, YANDEX) == Decimal(27)


def test_three_types_multiply():
    met = [
        Met("phones", 60, type="mobile"),
        Met("women", 30, type="demographics"),
        Met("buyers", 200),
    ]
    assert Decimal(15) * effective_factor(met, YANDEX) == Decimal("93.6")


@pytest.mark.parametrize(
    ("base", "acts_on", "percent", "after"),
    [
        (40, ActsOn.BID, 1000, 440),
        (200, ActsOn.TARGET_CPA, 100, 400),
        (10, ActsOn.TARGET_DRR, 100, 20),
        (40, ActsOn.IGNORED, 1000, 40),
        (40, ActsOn.UNKNOWN, 1000, None),
    ],
)
def test_a_correction_acts_on_what_the_strategy_lets_it(base, acts_on, percent, after):
    factor = effective_factor([Met("buyers", percent)], YANDEX)
    assert corrected(Decimal(base), acts_on, factor) == after


def test_the_highest_of_several_lists_wins_on_yandex():
    assert effective_factor([Met("vip", -30), Met("cart", 50)], YANDEX) == Decimal("1.5")
    assert effective_factor([Met("vip", -30), Met("loyal", -10)], YANDEX) == Decimal("0.9")


def test_a_group_replaces_its_campaign_on_yandex():
    met = [Met("cart", 50), Met("vip", -30, Level.AD_GROUP)]
    assert effective_factor(met, YANDEX) == Decimal("0.7")
    met = [Met("phones", 50, type="mobile"), Met("vip", -30, Level.AD_GROUP)]
    assert effective_factor(met, YANDEX) == Decimal("1.05")


def test_the_first_rule_wins_on_meta_and_the_furthest_among_its_multipliers():
    met = [Met("cart", 50, order=2), Met("vip", -30, order=1)]
    assert effective_factor(met, COMBINATIONS["meta"]) == Decimal("0.7")
    met = [Met("loyal", -20), Met("vip", -50)]
    assert effective_factor(met, COMBINATIONS["meta_multipliers"]) == Decimal("0.5")


def cells(**people: int) -> list[Cell]:
    return [Cell(frozenset(name.split("_and_")), count) for name, count in people.items()]


def verdicts(met, people, platform="yandex_direct"):
    rows = after_overlaps(met, people, COMBINATIONS[platform])
    return {row.segment: row for row in rows}


def test_a_lowering_rule_outvoted_for_all_its_people_is_reversed_and_repaired():
    found = verdicts([Met("vip", -30), Met("cart", 50)], cells(vip_and_cart=800, cart=4000))
    vip = found["vip"]
    assert (vip.verdict, vip.effective, vip.decides) == (Verdict.REVERSED, 50, 0)
    assert vip.beaten_by == ("cart",)
    assert str(vip.repairs[0]) == "list 'cart without vip' (800 people fewer)"
    assert found["cart"].verdict is Verdict.AS_ASKED
    assert "reversed; outvoted by cart" in vip.sentence


def test_the_proposed_list_repairs_the_rule():
    met = [Met("vip", -30), Met("cart", 50)]
    repaired = verdicts(met, cells(vip=800, cart=4000))
    assert {row.verdict for row in repaired.values()} == {Verdict.AS_ASKED}


def test_a_rule_can_be_weakened_cancelled_or_dead():
    met = [Met("vip", -30), Met("cart", 50), Met("all", -10)]
    weak = verdicts(met, cells(vip=900, vip_and_cart=100))["vip"]
    assert (weak.verdict, weak.effective, weak.decides) == (Verdict.WEAKENED, -22, 900)
    gone = verdicts(met, cells(vip=600, vip_and_cart=400))["vip"]
    assert gone.verdict is Verdict.CANCELLED
    dead = verdicts(met, cells(vip_and_all=500))["vip"]
    assert (dead.verdict, dead.effective) == (Verdict.DEAD, -10)


def test_a_campaign_rule_is_dead_where_the_group_has_its_own():
    met = [Met("vip", -30), Met("cart", 50, Level.AD_GROUP)]
    found = verdicts(met, cells(vip=500, cart=500))
    assert (found["vip"].verdict, found["vip"].effective) == (Verdict.DEAD, 0)
    assert found["cart"].verdict is Verdict.AS_ASKED


def test_a_plan_is_looked_at_as_people_meet_it_after_applying():
    held = Refused("cooldown", "too early")
    plan = make_plan(
        [
            PlannedCorrection(CAMPAIGN, "vip", Action.SET, -10, -30, "c1"),
            PlannedCorrection(CAMPAIGN, "new", Action.SET, 20, 50, "c2", refused_by=(held,)),
            PlannedCorrection(CAMPAIGN, "lost", Action.REMOVE, -50, None, "c3"),
            PlannedCorrection(GROUP, "vip", Action.ADD, None, -20, "c1"),
        ]
    )
    assert met_after(plan, CAMPAIGN) == (Met("new", 20), Met("vip", -30))
    assert met_after(plan, CAMPAIGN, approved=True) == (Met("new", 50), Met("vip", -30))
    assert Met("vip", -20, Level.AD_GROUP) in met_after(plan, CAMPAIGN, GROUP)


@dataclass(frozen=True)
class Bidding:
    object: BidObject
    name: str
    acts_on: str
    takes: tuple[int, int] | None = None
    because: str = ""


def test_a_strategy_is_told_in_words():
    lowers = Bidding(CAMPAIGN, "BID_CAP", "bid", (-91, 0), "there it only lowers")
    assert strategy_sentence(lowers).endswith("acts on the bid; there it only lowers")
    told = strategy_sentence(Bidding(CAMPAIGN, "AVERAGE_CRR", "target_drr"))
    assert told.startswith("direct/campaign 710: strategy AVERAGE_CRR: a correction acts on the")
    assert told.endswith("target cost share (DRR)")
    assert "not known" in strategy_sentence(Bidding(CAMPAIGN, "NEW_KIND", "something"))


def test_platforms_without_corrections_say_what_does_the_same():
    assert "on vk; instead: one ad group per segment" in possible_on("vk")
    assert possible_on("somewhere") == "corrections are not possible on somewhere"


PERCENT = st.integers(-100, 1200)


@given(
    percents=st.dictionaries(st.sampled_from("abcde"), PERCENT, min_size=1),
    counts=st.lists(
        st.tuples(st.frozensets(st.sampled_from("abcde"), min_size=1), st.integers(0, 1000)),
        max_size=8,
        unique_by=lambda cell: cell[0],
    ),
)
def test_effective_corrections_stay_between_the_extremes(percents, counts):
    met = [Met(name, value) for name, value in percents.items()]
    found = after_overlaps(met, [Cell(*cell) for cell in counts], YANDEX)
    for row in found:
        assert row.asked - 1e-9 <= row.effective <= max(percents.values()) + 1e-9
        assert row.decides <= row.people
