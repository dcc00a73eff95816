"""Where a platform has no corrections for lists, the segment's own ad group bids in their place.

VK Ads and TikTok through the commands, with the one thing in between that a marketer does by hand.
"""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.rehearsal import Rehearsal, rehearse
from tests.support.small_shop import Person

pytestmark = pytest.mark.slow

VK_GROUP, VK_PLAN = "500101", "400001"
TIKTOK_GROUP, TIKTOK_CAMPAIGN = "179000002", "178000001"
PEOPLE = tuple(
    Person(n, "ABCDEFGH"[n % 8], f"person{n}@example.com", "")
    for n in range(2400)  # VK makes no list of fewer than 2,000
)
PLATFORMS = """
[[account]]
name = "lists"
platform = "vk"
sandbox = true
wait_minutes = 600
[[account]]
name = "tiktok_ads"
platform = "tiktok"
sandbox = true
wait_minutes = 600
"""
WHERE = f"""
[limits]
cooldown_days = 0
[[where]]
account = "lists"
campaigns = [{VK_PLAN}]
[[where]]
account = "tiktok_ads"
campaigns = [{TIKTOK_CAMPAIGN}]
"""


@pytest.fixture
def rehearsal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rehearsal]:
    with rehearse(tmp_path / "shop", monkeypatch) as made:
        shop = made.shop
        shop.people, shop.cities = PEOPLE, {"north": "ABCDEFG"}
        shop.write()
        (shop.folder / "platforms.toml").write_text(PLATFORMS)
        audiences = shop.folder / "audiences.toml"
        text = audiences.read_text().replace('["lists"]', '["lists", "tiktok_ads"]')
        audiences.write_text(text)
        correct(made, 40)
        yield made


def correct(rehearsal: Rehearsal, percent: int | None) -> None:
    """The rule of the one list; None takes it away."""
    rule = f'[[rule]]\nsegment = "north"\ncorrection = {percent}\n' if percent is not None else ""
    (rehearsal.shop.folder / "bid_rules.toml").write_text(WHERE + rule)


def prices(rehearsal: Rehearsal) -> tuple[Decimal, Decimal]:
    """What the segment's ad group bids in VK Ads and on TikTok."""
    (vk,) = [one for one in rehearsal.box.bids("vk") if str(one["id"]) == VK_GROUP]
    (tiktok,) = [one for one in rehearsal.box.bids("tiktok") if one["adgroup_id"] == TIKTOK_GROUP]
    return Decimal(vk["max_price"]), Decimal(str(tiktok["bid_price"]))


def list_id(rehearsal: Rehearsal, platform: str) -> str:
    """Of our list: in VK Ads that is the segment, not a users list in it."""
    title = "Small shop: north"
    (one,) = [row for row in rehearsal.box.lists(platform) if row["name"] == title]
    return str(one["id"])


def point_ad_groups_at_the_list(rehearsal: Rehearsal) -> None:
    """The marketer's part: an ad group each that is shown to the list alone."""
    url = rehearsal.box.url
    targetings = {"targetings": {"segments": [int(list_id(rehearsal, "vk"))]}}
    post(
        f"{url}/vk/api/v2/ad_groups/{VK_GROUP}.json",
        targetings,
        Authorization="Bearer sandbox-token",
    )
    audience = {"advertiser_id": "7000000001", "audience_ids": [list_id(rehearsal, "tiktok")]}
    path = f"{url}/tiktok/open_api/v1.3/adgroup/update/"
    answer = post(
        path, {**audience, "adgroup_id": TIKTOK_GROUP}, **{"Access-Token": "sandbox-token"}
    )
    assert answer.json()["code"] == 0


def post(url: str, body: dict[str, Any], **headers: str) -> requests.Response:
    answer = requests.post(url, json=body, headers=headers, timeout=60)
    answer.raise_for_status()
    return answer


def written(document: dict[str, Any]) -> dict[str, tuple[int, int, str]]:
    """By account: corrections taken, corrections refused, and why."""
    return {
        one["account"]: (one["accepted"], one["refused"], one["reason"])
        for one in document["receipts"]["bids"]
    }


def test_the_ad_group_of_a_segment_bids_by_its_rule_and_goes_back(rehearsal: Rehearsal) -> None:
    """Before it is pointed at the list the receipts say what the marketer must do."""
    before = prices(rehearsal)
    rehearsal.run("refresh")
    told = written(rehearsal.run("apply", code=1))
    assert {"one ad group per segment" in why for _, _, why in told.values()} == {True}
    assert {one[:2] for one in told.values()} == {(0, 1)}
    assert prices(rehearsal) == before

    point_ad_groups_at_the_list(rehearsal)
    taken = {"lists": (1, 0, ""), "tiktok_ads": (1, 0, "")}
    assert written(rehearsal.run("apply")) == taken
    assert prices(rehearsal) == tuple(price * Decimal("1.4") for price in before)
    assert written(rehearsal.run("apply")) == {}, "an amount is not multiplied twice"

    correct(rehearsal, -20)
    assert written(rehearsal.run("apply")) == taken
    assert prices(rehearsal) == tuple(price * Decimal("0.8") for price in before)

    correct(rehearsal, None)
    assert written(rehearsal.run("apply")) == taken
    assert prices(rehearsal) == before
