"""Behaviour counts in the refresh that reads it, not one run later."""

from pathlib import Path

import pytest

from flows import loop
from flows.lists import described_now
from flows.workshop import open_workshop
from tests.support.small_shop import AS_OF, SmallShop, people_of

EVENTS = """
[[export]]
kind = "events"
source = "crm"
path = "exports/events.csv"
columns = { contact_id = "who", ts = "at", kind = "what", sku = "thing", category = "sort" }
"""


def test_a_cart_of_today_is_seen_by_todays_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADSTEER_SANDBOX_URL", "http://127.0.0.1:9")  # nobody is asked
    shop = SmallShop(tmp_path, people_of(120), {"north": "A", "south": "B"})
    shop.write()
    exports = tmp_path / "exports.toml"
    exports.write_text(exports.read_text() + EVENTS)
    left = [1, 3, 5]
    rows = [f"{number},{AS_OF} 09:00:00,cart,c{number},carpet" for number in left]
    (tmp_path / "exports" / "events.csv").write_text("\n".join(["who,at,what,thing,sort", *rows]))
    with open_workshop(tmp_path) as workshop:
        loop.refresh(workshop)
        described = described_now(workshop)
        carts = described.filter(described.cart_items > 0).count().to_pyarrow().as_py()
    assert carts == len(left)


def test_events_of_one_moment_are_kept_alike_in_whatever_order_they_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADSTEER_SANDBOX_URL", "http://127.0.0.1:9")  # nobody is asked
    shop = SmallShop(tmp_path, people_of(120), {"north": "A", "south": "B"})
    shop.write()
    exports = tmp_path / "exports.toml"
    exports.write_text(exports.read_text() + EVENTS)
    rows = [f"{n % 9},{AS_OF} 09:00:00,view,c{n},{'' if n % 5 else 'carpet'}" for n in range(400)]
    kept = []
    for written in (rows, rows[::-1]):
        text = "\n".join(["who,at,what,thing,sort", *written])
        (tmp_path / "exports" / "events.csv").write_text(text)
        with open_workshop(tmp_path) as workshop:
            loop.refresh(workshop)
            kept.append(Path(workshop.snapshot("events").path).stem.partition("-")[2])
    assert kept[0] == kept[1]
