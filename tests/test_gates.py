"""Gates: what small data does to statements about people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiences.gates import PARENTS, Verdict, gate_base, gate_behaviour, roll_up
from audiences.model import Segment
from config.segments import Gates, TooFew, TooSmall

GATES = Gates()
SHOP = {
    Segment.LOST: 500,
    Segment.VIP: 600,
    Segment.VIP_AT_RISK: 40,
    Segment.LOYAL: 2000,
    Segment.AT_RISK: 700,
    Segment.SLEEPING: 2000,
    Segment.DRIFTING: 900,
    Segment.NEW: 30,
    Segment.PROMISING: 60,
    Segment.REGISTERED: 900,
    Segment.SLEEPING_REGISTERED: 2270,
}


def test_a_large_old_base_passes() -> None:
    assert gate_base(buyers=500, history_days=180, gates=GATES).verdict is Verdict.PASS


@pytest.mark.parametrize(("buyers", "days", "said"), [(499, 180, "499 buyers"), (500, 179, "179")])
def test_a_small_or_young_base_is_refused_with_its_figure(
    buyers: int, days: int, said: str
) -> None:
    judged = gate_base(buyers=buyers, history_days=days, gates=GATES)
    assert judged.verdict is Verdict.REFUSE
    assert said in judged.notes[0]


def test_a_small_base_can_fall_back_to_three_stages() -> None:
    gates = Gates(too_few=TooFew.LIFECYCLE)
    judged = gate_base(buyers=10, history_days=10, gates=gates)
    assert judged.verdict is Verdict.LIFECYCLE
    assert "10 buyers" in judged.notes[0]


def test_behaviour_needs_sessions() -> None:
    assert gate_behaviour(sessions_per_month=10_000, gates=GATES).verdict is Verdict.PASS
    refused = gate_behaviour(sessions_per_month=9_999, gates=GATES)
    assert refused.verdict is Verdict.REFUSE
    assert "9999" in refused.notes[0]


def test_small_segments_roll_up_the_tree_and_it_is_said() -> None:
    rolled = roll_up(SHOP, gates=GATES)
    assert rolled.segments[Segment.VIP] is Segment.VIP
    assert rolled.segments[Segment.VIP_AT_RISK] is Segment.AT_RISK
    assert rolled.segments[Segment.NEW] is Segment.LOYAL
    assert rolled.segments[Segment.PROMISING] is Segment.LOYAL
    assert rolled.people[Segment.AT_RISK] == 740
    assert rolled.people[Segment.LOYAL] == 2090
    assert rolled.notes == (
        "vip_at_risk (40 people) is exported within at_risk.",
        "new (30 people) is exported within promising.",
        "promising (90 people) is exported within loyal.",
    )


def test_a_new_segment_can_save_its_parent() -> None:
    rolled = roll_up(SHOP | {Segment.NEW: 150}, gates=GATES)
    assert rolled.segments[Segment.NEW] is Segment.PROMISING
    assert rolled.segments[Segment.PROMISING] is Segment.PROMISING


def test_the_platform_minimum_counts_matched_people() -> None:
    assert (
        roll_up(SHOP, gates=GATES, platform_minimum=300, match_rate=0.5).segments[Segment.LOST]
        is Segment.SLEEPING
    )


def test_small_segments_can_be_refused_instead() -> None:
    refused = roll_up(SHOP, gates=Gates(too_small=TooSmall.REFUSE))
    assert refused.segments[Segment.NEW] is None
    assert Segment.NEW not in refused.people
    assert any(note.startswith("new is not exported: 30 people") for note in refused.notes)


def test_a_match_rate_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="match_rate"):
        roll_up(SHOP, gates=GATES, match_rate=0)


def test_a_rolled_up_segment_comes_back_only_well_above_its_gate() -> None:
    """SHOP holds 5,000 people, so the gate is 100 and the way back is at 120."""
    base = sum(SHOP.values())
    gate = 0.02 * base

    def goes(number: int, *before: Segment) -> Segment | None:
        people = {**SHOP, Segment.VIP_AT_RISK: number}
        people[Segment.SLEEPING] += SHOP[Segment.VIP_AT_RISK] - number
        return roll_up(people, gates=GATES, rolled_before=before).segments[Segment.VIP_AT_RISK]

    at, above = int(gate) + 1, int(1.2 * gate) + 1
    assert goes(at) is Segment.VIP_AT_RISK
    assert goes(at, Segment.VIP_AT_RISK) is Segment.AT_RISK
    assert goes(above, Segment.VIP_AT_RISK) is Segment.VIP_AT_RISK


def test_a_small_segment_without_a_neighbour_keeps_its_people_and_it_is_said() -> None:
    people = {**SHOP, Segment.AT_RISK: 20, Segment.VIP_AT_RISK: 10}
    rolled = roll_up(people, gates=GATES)
    assert rolled.segments[Segment.VIP_AT_RISK] is Segment.AT_RISK
    assert rolled.people[Segment.AT_RISK] == 30
    assert any(note.startswith("at_risk (30 people;") for note in rolled.notes)


def test_nobody_rolls_into_a_list_that_is_not_kept() -> None:
    """Without a list of promising, new goes where promising would; without loyal, nowhere."""
    kept = [Segment.NEW, Segment.LOYAL]
    rolled = roll_up(SHOP, gates=GATES, exported=kept)
    assert rolled.segments == {Segment.NEW: Segment.LOYAL, Segment.LOYAL: Segment.LOYAL}
    assert rolled.people == {Segment.LOYAL: SHOP[Segment.LOYAL] + SHOP[Segment.NEW]}
    assert rolled.notes == ("new (30 people) is exported within loyal.",)

    alone = roll_up(SHOP, gates=GATES, exported=[Segment.NEW])
    assert alone.segments == {Segment.NEW: Segment.NEW}
    assert alone.notes == (
        "new (30 people; 200 are wanted) has no larger neighbour: it is exported as it is.",
    )


counts = st.fixed_dictionaries({name: st.integers(0, 5000) for name in Segment})


@given(people=counts, minimum=st.integers(0, 2000))
def test_nobody_is_exported_twice_and_no_list_is_too_small(
    people: dict[Segment, int], minimum: int
) -> None:
    rolled = roll_up(people, gates=GATES, platform_minimum=minimum)
    least = max(0.02 * sum(people.values()), minimum)
    with_neighbour = {child for child, _parent in PARENTS}
    for name, number in rolled.people.items():
        assert number >= least or (name not in with_neighbour and number > 0)
        assert number == sum(people[one] for one, to in rolled.segments.items() if to is name)
    assert set(rolled.segments) == set(Segment)
