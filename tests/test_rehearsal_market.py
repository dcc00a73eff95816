"""A market whose truth is known: the holdout finds it, and corrections by it earn more."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.sandbox.market import ADAPTER, Market, Truth, market_of, put_market
from connectors.sandbox.store import Database, Store
from flows.rehearsing import MARKET, rehearse
from tests.support.sandbox import sandbox

DAY = date(2026, 3, 2)
TRUTH = Truth(clicks=7000, price=2.0, conversion=0.05, order=40.0, incrementality=0.5)


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ADSTEER_ENCRYPTION_KEY", raising=False)
        return rehearse(tmp_path_factory.mktemp("market") / "shop")


@pytest.mark.slow
def test_the_truth_lies_in_the_intervals(rehearsed: dict[str, Any]) -> None:
    """Intervals of 99 % each: 95 % for all five together."""
    shares = {one["segment"]: one for one in rehearsed["shares"]}
    assert set(shares) == set(MARKET)
    for name, one in shares.items():
        assert one["measured"] is not None, one["said"]
        assert abs(one["measured"] - one["truth"]) < 2.58 * one["standard_error"], name
        assert one["standard_error"] < 0.15
    assert shares["vip"]["used"] < shares["loyal"]["used"] < shares["new"]["used"]


@pytest.mark.slow
def test_the_measurement_says_that_ads_work(rehearsed: dict[str, Any]) -> None:
    told = {one["segment"]: one for one in rehearsed["experiments"]}
    assert set(told) == {"everyone", *MARKET}
    for name in ("everyone", "promising", "new"):
        assert told[name]["verdict"] == "better", told[name]["text"]
        assert told[name]["low"] > 0
        assert (told[name]["look"], told[name]["looks"]) == (1, 1)


@pytest.mark.slow
def test_corrections_by_it_earn_more_for_the_same_money(rehearsed: dict[str, Any]) -> None:
    made = rehearsed["corrections"]
    assert made["percents"]["vip"] < 0 < made["percents"]["promising"]
    assert made["spend"] == pytest.approx(made["spend_without"], rel=0.05)
    assert made["gain"] > 0.02
    assert made["profit"] > made["profit_without"]


def market(**changes: Any) -> Market:
    known = {"starts": DAY, "group": 500001, "rest": TRUTH, "lists": {"VIP": TRUTH}}
    return Market(**{**known, **changes})


def weeks(percent: int, title: str | None = "VIP", days: int = 70) -> tuple[float, float]:
    """Clicks and cost of so many days."""
    told = [
        market().figures(DAY + timedelta(days=day), 500001, title, percent) for day in range(days)
    ]
    return sum(one.clicks for one in told), sum(one.cost for one in told) / 1e6


def test_a_correction_moves_clicks_and_price_as_the_market_says() -> None:
    clicks, cost = weeks(100)
    more, dearer = weeks(200)
    assert clicks == pytest.approx(70_000, rel=0.02)
    assert cost == pytest.approx(2.0 * clicks)
    assert more / clicks == pytest.approx(2**0.6, rel=0.02)
    assert dearer / more == pytest.approx(4.0)


def test_the_same_market_tells_the_same_story_and_only_of_its_own() -> None:
    told = market().figures(DAY, 500001, "VIP", 130)
    assert told == market().figures(DAY, 500001, "VIP", 130)
    assert told != market(seed=1).figures(DAY, 500001, "VIP", 130)
    assert told.conversions is not None
    for other in (
        market().figures(DAY - timedelta(days=1), 500001, "VIP", 130),
        market().figures(DAY, 500002, "VIP", 130),
        market().figures(DAY, 500001, "somebody's list", 130),
    ):
        assert other.impressions == 0


def test_a_market_is_kept_and_taken_through_the_control_door() -> None:
    store = Store(Database(None), "yandex_direct")
    assert market_of(store) is None
    put_market(store, market())
    assert market_of(store) == market()
    with sandbox() as box:
        box._ask("POST", "market", json=ADAPTER.dump_python(market(), mode="json"))


def test_too_short_a_rehearsal_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="rehearse 9 or more"):
        rehearse(tmp_path / "shop", weeks=8)
