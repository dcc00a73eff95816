"""Look-alikes of VK Ads, for accounts that have them: the contract, and that others are told."""

import hashlib
from typing import Any

import pytest
from pydantic import SecretStr

from audiences.model import AudienceRef
from config.audiences import Lookalike, Purpose
from config.platforms import Account
from connectors.base import GrowsLookalikes
from connectors.errors import CredentialsRefused, RuleRefused, SeedRefused
from connectors.http import Door
from connectors.oauth import Grant, OAuthTokens, TokenStore
from connectors.registry import connect
from connectors.vk import VkWithLookalikes
from connectors.vk_tokens import PATH
from connectors.vk_wire import judge
from tests.support.contract import LookalikeContract, sandbox_server
from tests.support.members import batch
from tests.support.sandbox import ACCOUNT, Moving, Sandbox
from tests.support.surroundings import surroundings

__all__ = ["sandbox_server"]


@pytest.fixture(autouse=True)
def md5_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    """The invented people in VK's recipe, which is MD5."""
    monkeypatch.setattr("tests.support.members.sha256", hashlib.md5)


def with_token(box: Sandbox, token: str) -> VkWithLookalikes:
    around = surroundings(Moving(box=box), timeout=(5, 0.5))
    origin = f"{box.url}/vk/"
    tokens = OAuthTokens(
        TokenStore(Grant(SecretStr(token))), Door(origin, surroundings=around), PATH
    )
    door = Door(origin, surroundings=around, tokens=tokens, judge=judge)
    return VkWithLookalikes(ACCOUNT, door, now=around.now, kept=None, version="v3")


class TestVkLookalikes(LookalikeContract):
    platform = "vk"
    connector_class = VkWithLookalikes
    grow_operation = "lookalike_audiences.create"
    refresh_operation = "segments.relations.find"
    seed_people = 2000

    @pytest.fixture
    def connector(self, box: Sandbox) -> Any:
        box.token("of-another-shop", login="shop-with-lookalikes")
        return with_token(box, "of-another-shop")

    def test_a_wider_reach_is_more_people(
        self, connector: VkWithLookalikes, box: Sandbox, seed: str
    ) -> None:
        made = connector.grow(seed, "like the best", 2, Lookalike())
        assert len(box.members("vk", made)) == 1000

    @pytest.mark.parametrize("reach", [0, 6])
    def test_a_reach_that_does_not_exist(
        self, connector: VkWithLookalikes, seed: str, reach: int
    ) -> None:
        with pytest.raises(RuleRefused):
            connector.grow(seed, "like the best", reach, Lookalike())

    def test_a_seed_of_which_too_few_are_known(self, connector: VkWithLookalikes, box: Sandbox,
        request: pytest.FixtureRequest) -> None:  # fmt: skip
        box.change(matched_share=0.4)
        try:
            with pytest.raises(SeedRefused, match="1000"):
                connector.grow(request.getfixturevalue("seed"), "x", 1, Lookalike())
        finally:
            box.change(matched_share=0.7)

    def test_an_account_without_the_permission_is_told_so(self, box: Sandbox) -> None:
        shop = with_token(box, "sandbox-token")
        best = AudienceRef(ACCOUNT, "vk", "best", Purpose.SEED, "adsteer: best")
        seed = shop.find_or_create(best, batch(1, 2000)).list_id
        box.settle()
        with pytest.raises(CredentialsRefused, match="use_lookalike_audiences"):
            shop.grow(seed, "like the best", 1, Lookalike())


def test_they_are_off_unless_an_account_switches_them_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "t")
    account = Account(name="vk", platform="vk", secrets="SHOP_")
    assert not isinstance(connect(account, surroundings()), GrowsLookalikes)
    monkeypatch.setenv("SHOP_LOOKALIKES", "true")
    assert isinstance(connect(account, surroundings()), GrowsLookalikes)
