"""Applying bid plans: recorded before they leave, decided after a crash, reversible."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from audiences.catalog import open_catalog
from bids.corrections import BidPlan
from bids.deliver import SegmentList, StalePlan, apply_bids
from bids.ledger import BidLedger
from bids.model import Action
from bids.plan import plan_bids
from bids.switch import switch_off, switch_on, switched_off
from config.bid_rules import BidRulesFile
from tests.support.bid_platform import CAMPAIGN, GROUP, MemoryPlatform, YandexLimits

NOW = datetime(2026, 3, 20, 9, tzinfo=UTC)
LISTS = {name: SegmentList(f"l-{name}", f"shop: {name}") for name in ("vip", "new", "at_risk")}
FOREIGN = (CAMPAIGN, "theirs")


@pytest.fixture
def ledger(tmp_path):
    return BidLedger(open_catalog(f"sqlite:///{tmp_path}/catalog.sqlite"))


@pytest.fixture
def platform():
    made = MemoryPlatform()
    made.put(*FOREIGN, 40)
    return made


def rules(**corrections: int) -> BidRulesFile:
    return BidRulesFile.model_validate(
        {
            "limits": {"cooldown_days": 0},
            "rule": [{"segment": name, "correction": at} for name, at in corrections.items()],
        }
    )


def make(written: BidRulesFile, platform: MemoryPlatform, ledger: BidLedger) -> BidPlan:
    objects = [CAMPAIGN, GROUP]
    return plan_bids(
        written,
        objects=objects,
        limits={"direct": YandexLimits()},
        present=platform.read_corrections(objects),
        conditions={
            ("direct", name): platform.conditions.get(one.list_id) for name, one in LISTS.items()
        },
        recorded=ledger.recorded("direct"),
        now=NOW,
    )


def run(
    written: BidRulesFile,
    platform: MemoryPlatform,
    ledger: BidLedger,
    checkpoint: Callable[[str], None] = lambda name: None,
    **more: object,
):
    made = make(written, platform, ledger)
    receipts = apply_bids(
        made,
        platform,
        ledger,
        account="direct",
        lists=LISTS,
        now=NOW,
        batch_size=2,
        checkpoint=checkpoint,
        **more,
    )
    return made, receipts


FIRST = {"vip": -30, "new": 50}
SECOND = {"vip": -40, "at_risk": 20}
AFTER_FIRST = {
    ("710", "theirs"): 40,
    **{(one, "c-l-vip"): -30 for one in ("710", "5001")},
    **{(one, "c-l-new"): 50 for one in ("710", "5001")},
}
AFTER_SECOND = {
    ("710", "theirs"): 40,
    **{(one, "c-l-vip"): -40 for one in ("710", "5001")},
    **{(one, "c-l-at_risk"): 20 for one in ("710", "5001")},
}


def test_a_plan_is_applied_once(platform, ledger):
    _, receipts = run(rules(**FIRST), platform, ledger)
    assert platform.values() == AFTER_FIRST
    assert len(receipts.accepted) == 4
    sent = platform.requests
    again, receipts = run(rules(**FIRST), platform, ledger)
    assert {row.action for row in again.corrections} == {Action.KEEP}
    assert receipts.receipts == ()
    assert platform.requests == sent


class Killed(Exception):
    pass


def _cut_at(number: int) -> Callable[[str], None]:
    seen = []

    def checkpoint(name: str) -> None:
        seen.append(name)
        if len(seen) == number:
            raise Killed(name)

    return checkpoint


def _checkpoints(platform: MemoryPlatform, ledger: BidLedger) -> int:
    run(rules(**FIRST), platform, ledger)
    seen: list[str] = []
    run(rules(**SECOND), platform, ledger, seen.append)
    return len(seen)


def test_killed_at_any_instant_the_next_run_ends_in_the_wanted_state(tmp_path, ledger):
    def fresh(number: int) -> tuple[MemoryPlatform, BidLedger]:
        platform = MemoryPlatform()
        platform.put(*FOREIGN, 40)
        return platform, BidLedger(open_catalog(f"sqlite:///{tmp_path}/{number}.sqlite"))

    instants = _checkpoints(*fresh(0))
    assert instants == 11
    for number in range(1, instants + 1):
        platform, book = fresh(number)
        run(rules(**FIRST), platform, book)
        with pytest.raises(Killed):
            run(rules(**SECOND), platform, book, _cut_at(number))
        run(rules(**SECOND), platform, book)
        assert platform.values() == AFTER_SECOND, number
        assert book.undecided() == ()
        assert {entry.outcome for entry in book.history()} <= {"settled", "not_sent"}


@pytest.mark.parametrize("number", range(1, 11))
def test_kill_works_after_a_crash_in_the_middle_of_an_apply(platform, ledger, number):
    run(rules(**FIRST), platform, ledger)
    with pytest.raises(Killed):
        run(rules(**SECOND), platform, ledger, _cut_at(number))
    plan = ledger.kill(platform.read_corrections([CAMPAIGN, GROUP]))
    apply_bids(plan, platform, ledger, account="direct", lists={}, now=NOW)
    assert platform.values() == {("710", "theirs"): 40}


def test_rollback_returns_to_a_recorded_state_without_rules_or_segments(platform, ledger):
    run(rules(**FIRST), platform, ledger, run="monday")
    run(rules(**SECOND), platform, ledger, run="tuesday")
    assert platform.values() == AFTER_SECOND
    plan = ledger.rollback("monday", platform.read_corrections([CAMPAIGN, GROUP]))
    apply_bids(plan, platform, ledger, account="direct", lists={}, now=NOW)
    assert platform.values() == AFTER_FIRST


def test_rollback_after_a_crash_returns_to_the_earlier_state(platform, ledger):
    run(rules(**FIRST), platform, ledger, run="monday")
    with pytest.raises(Killed):
        run(rules(**SECOND), platform, ledger, _cut_at(3), run="tuesday")
    plan = ledger.rollback("monday", platform.read_corrections([CAMPAIGN, GROUP]))
    apply_bids(plan, platform, ledger, account="direct", lists={}, now=NOW)
    assert platform.values() == AFTER_FIRST


def test_rollback_leaves_hand_edits_and_kill_does_not(platform, ledger):
    run(rules(**FIRST), platform, ledger, run="monday")
    run(rules(**SECOND), platform, ledger)
    platform.put(CAMPAIGN, "c-l-vip", -5)
    present = platform.read_corrections([CAMPAIGN, GROUP])
    drifted = [r for r in ledger.rollback("monday", present).corrections if r.present == -5]
    assert [row.action for row in drifted] == [Action.DRIFT]
    apply_bids(ledger.kill(present), platform, ledger, account="direct", lists={}, now=NOW)
    assert platform.values() == {("710", "theirs"): 40}


def test_an_unknown_run_cannot_be_rolled_back_to(ledger):
    with pytest.raises(KeyError, match="no bid change"):
        ledger.rollback("never", [])


def test_a_refusal_is_recorded_with_the_platforms_reason_and_tried_again(platform, ledger):
    platform.refuse["vip"] = "8800: not found"
    _, receipts = run(rules(**FIRST), platform, ledger)
    assert {one.refused for one in receipts.refused} == {"8800: not found"}
    assert {e.said for e in ledger.history(segment="vip")} == {"8800: not found"}
    platform.refuse.clear()
    run(rules(**FIRST), platform, ledger)
    assert platform.values() == AFTER_FIRST


def test_a_correction_that_did_not_take_is_a_failure(platform, ledger):
    platform.forget.add("new")
    _, receipts = run(rules(**FIRST), platform, ledger)
    assert {one.change.segment for one in receipts.refused} == {"new"}
    assert "10160: will not be applied" in receipts.refused[0].refused
    assert {e.outcome for e in ledger.history(segment="new")} == {"not_taken"}
    platform.forget.clear()
    run(rules(**FIRST), platform, ledger)
    assert platform.values() == AFTER_FIRST


def test_a_plan_made_on_an_older_state_is_refused(platform, ledger):
    run(rules(**FIRST), platform, ledger)
    plan = make(rules(**SECOND), platform, ledger)
    platform.put(CAMPAIGN, "c-l-vip", 0)
    sent = platform.requests
    with pytest.raises(StalePlan, match="planned from -30, the platform now shows 0"):
        apply_bids(plan, platform, ledger, account="direct", lists=LISTS, now=NOW)
    assert platform.requests == sent


def test_history_tells_plan_run_approval_and_amounts(platform, ledger):
    first, _ = run(rules(**FIRST), platform, ledger, run="monday", approved_by="anna")
    later = NOW + timedelta(days=8)
    made = make(rules(vip=-40, new=50), platform, ledger)
    apply_bids(made, platform, ledger, account="direct", lists=LISTS, now=later)
    told = ledger.history(CAMPAIGN, "vip")
    assert [(e.from_percent, e.to_percent, e.plan, e.approved_by) for e in told] == [
        (None, -30, first.fingerprint, "anna"),
        (-30, -40, made.fingerprint, None),
    ]
    assert told[1].settled_at == later


def test_conditions_are_remembered(platform, ledger):
    run(rules(**FIRST), platform, ledger)
    assert ledger.condition("direct", "l-vip") == "c-l-vip"
    assert ledger.condition("direct", "l-at_risk") is None


def test_one_accounts_reading_decides_nothing_about_another(platform, ledger):
    with pytest.raises(Killed):
        run(rules(**FIRST), platform, ledger, _cut_at(2))
    assert ledger.decide([], NOW, "google") == 0
    assert ledger.undecided("direct") == (GROUP,)
    assert ledger.kill([], "google").corrections == ()


def test_the_kill_switch_holds_until_it_is_switched_on_again(tmp_path):
    engine = open_catalog(f"sqlite:///{tmp_path}/switch.sqlite")
    switch_off(engine, "direct", by="anna", now=NOW)
    switch_off(engine, "direct", by="boris", now=NOW)
    assert switched_off(engine) == {"direct"}
    switch_on(engine, "direct")
    assert switched_off(engine) == frozenset()
