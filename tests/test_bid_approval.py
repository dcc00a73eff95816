"""A plan of bids alone is approved like any other: exactly this plan, by somebody, for a reason."""

from datetime import UTC, datetime
from typing import Any

import pytest

from audiences.plan import StalePlan
from connectors.sandbox.server import run_in_thread
from connectors.sandbox.world import Settings
from flows import loop, summaries
from flows.bid_undo import history
from flows.outlook import order_spread
from flows.workshop import Workshop, open_workshop
from tests.support.small_shop import SmallShop, people_of

SPEED = 3600.0


def rules(shop: SmallShop, correction: int, cooldown: int) -> None:
    shop.bids = {"north": correction}
    shop.write_rules()
    path = shop.folder / "bid_rules.toml"
    path.write_text(path.read_text().replace("cooldown_days = 0", f"cooldown_days = {cooldown}"))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """-30 % is applied, then +20 % asked in its cooldown: held, approved, sent."""
    folder = tmp_path_factory.mktemp("shop") / "shop"
    shop = SmallShop(folder, people_of(240), {"north": "ABCD"})
    shop.write()
    settings = Settings(processing_seconds=300, speed=SPEED, quotas=False)
    told: dict[str, Any] = {}
    with run_in_thread(settings=settings) as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADSTEER_SANDBOX_URL", running.url)
        patch.setenv("ADSTEER_SANDBOX_SPEED", str(SPEED))
        for name in ("ADSTEER_ENCRYPTION_KEY", "ADSTEER_CATALOG"):
            patch.delenv(name, raising=False)

        def step(correction: int, cooldown: int) -> Any:
            rules(shop, correction, cooldown)
            return open_workshop(folder, now=lambda: datetime(2026, 6, 1, 12, tzinfo=UTC))

        with step(-30, 0) as workshop:
            loop.refresh(workshop)
            told["spread"] = order_spread(workshop)
            told["first"] = loop.apply(workshop, _bids_and_lists(workshop))
        with step(20, 7) as workshop:
            told["held"] = loop.plan(workshop, lists=False)
            fingerprint = told["held"]["fingerprint"]
            told["unsent"] = loop.apply(workshop, fingerprint)
            with pytest.raises(StalePlan, match="no plan"):
                loop.approve(workshop, "0" * 64, who="Anna", why="no such plan")
            told["approved"] = loop.approve(workshop, fingerprint, who="Anna", why="sale begins")
        with step(25, 7) as workshop:
            told["other"] = loop.plan(workshop, lists=False)
        with step(20, 7) as workshop:
            told["sent"] = loop.apply(workshop, fingerprint)
            told["history"] = history(workshop, "north")
    return told


def _bids_and_lists(workshop: Workshop) -> str:
    document = loop.plan(workshop)
    return str(document["fingerprint"])


def test_a_held_correction_waits_for_a_person(told: dict[str, Any]) -> None:
    assert [one["accepted"] for one in told["first"]["receipts"]["bids"]] == [1]
    assert [one["code"] for one in told["held"]["bids"][0]["refused_by"]] == ["cooldown"]
    assert summaries.is_refused(told["held"])
    assert told["unsent"]["receipts"]["bids"] == []


def test_the_approval_is_of_exactly_this_plan(told: dict[str, Any]) -> None:
    assert told["approved"]["approved"]
    assert not summaries.is_refused(told["approved"])
    assert summaries.is_refused(told["other"])


def test_an_approved_correction_is_sent_and_its_signature_is_kept(told: dict[str, Any]) -> None:
    (receipt,) = told["sent"]["receipts"]["bids"]
    assert (receipt["percent"], receipt["accepted"]) == (20, 1)
    last = told["history"][-1]
    assert (last["to"], last["approved_by"]) == (20, "Anna")


def test_how_different_orders_are_is_the_shop_s_own(told: dict[str, Any]) -> None:
    """Orders of 20 to 69: far closer to each other than the method's default."""
    assert 0.25 < told["spread"] < 0.4
