"""TikTok: customer-file audiences, look-alikes, bids of ad groups, reports.

A list is made out of an uploaded file; its id stays through every change. Uploading does nothing by
itself, so it may be repeated; only making a list is looked up first. TikTok tells how many users it
matched, not how many were sent, and takes no change that leaves fewer than 1,000 of them.

Facts: TikTok's published OpenAPI files (February 2026), its SDK 1.1.3, help pages of 2025, and for
what these leave out the comments of a public Go client (July 2026). UNVERIFIED marks what is open.
"""

from datetime import timedelta
from typing import ClassVar, Literal

from pydantic import Field, SecretStr

from audiences.model import Recipe
from config.platforms import Account
from config.settings import Credentials
from connectors import recipes
from connectors.base import ApiVersion, Limits
from connectors.counted import meter_for
from connectors.errors import RuleRefused
from connectors.http import Door, Surroundings
from connectors.origins import SANDBOX_TOKEN, origin_for
from connectors.tiktok_audiences import FACTS
from connectors.tiktok_bids import TikTokBids
from connectors.tiktok_lists import COLUMNS, REPLACE_EVERY_SECONDS, TikTokLists
from connectors.tiktok_lookalikes import TikTokLookalikes
from connectors.tiktok_reports import PATH as REPORT
from connectors.tiktok_reports import TikTokSpend, trial
from connectors.tiktok_wire import Wire, judge

ORIGIN = "https://business-api.tiktok.com/"
VERSION = FACTS.spoken()
SANDBOX_ADVERTISER = "7000000001"


class TikTokCredentials(Credentials):
    """Secrets of a TikTok advertiser."""

    token: SecretStr = Field(
        description="Long-term access token with audience, ads and reporting permissions."
    )


class TikTokChoices(Credentials):
    """What is no secret, and still one advertiser's own."""

    contact_rule: Literal["tiktok", "tiktok_partner", "tiktok_2025_08"] = Field(
        default="tiktok",
        description="How contacts are written before hashing: TikTok's own pages disagree.",
    )


class TikTok(TikTokLists, TikTokLookalikes, TikTokBids, TikTokSpend):
    """One advertiser (`login` is its id)."""

    versions: ClassVar[tuple[ApiVersion, ...]] = FACTS.versions
    limits: ClassVar[Limits] = FACTS.limits(
        kinds=frozenset(COLUMNS),
        born_with_members=True,
        replace_hours=REPLACE_EVERY_SECONDS / 3600,
        # A list lives 365 days from its last use or change; members do not age one by one.
        membership_days=None,
    )
    recipe: ClassVar[Recipe] = recipes.TIKTOK
    """The newest of three rules that contradict each other; CONTACT_RULE takes another."""

    @classmethod
    def connect(cls, account: Account, around: Surroundings) -> "TikTok":
        """One with the account's rule for contacts.

        Raises RuleRefused without an advertiser id, ConfigError without a token.
        """
        advertiser = account.login or (SANDBOX_ADVERTISER if account.sandbox else "")
        if not advertiser.isdigit():
            raise RuleRefused(
                f"account {account.name}: TikTok needs the advertiser's id.",
                act="Set `login` of the account to the id, digits only.",
            )
        door = Door(
            origin_for(account, around, cls.platform, ORIGIN),
            surroundings=around,
            judge=judge,
            meter=meter_for(account, around, FACTS.quotas),
            # The token of an advertiser does not age, so nothing renews it.
            headers={"Access-Token": _token(account, around)},
        )
        wire = Wire(door, account.api_version or VERSION, advertiser)
        given = around.secrets.get(account.name)
        choices = TikTokChoices.read(account.secrets_prefix, around.folder, given)
        kind = next(
            (one for one in OTHER_RULES if one.recipe.name == choices.contact_rule),
            cls,
        )
        return kind(account.name, wire, around)

    def check(self) -> None:
        """The audiences, the ad groups, a report: three permissions of the developer app."""
        self._wire.get("dmp/custom_audience/list/", page_size=1)
        self._wire.get("adgroup/get/", fields=["adgroup_id"], page_size=1)
        yesterday = (self._now() - timedelta(days=1)).date()
        self._wire.get(REPORT, **trial(yesterday), page_size=1)


class TikTokAsPartner(TikTok):
    """Plus tags and dots of every e-mail are dropped, as a note for partners has it."""

    recipe: ClassVar[Recipe] = recipes.TIKTOK_PARTNER


class TikTokAsOfAugust2025(TikTok):
    """Plus tags are dropped, and phones go without their plus."""

    recipe: ClassVar[Recipe] = recipes.TIKTOK_2025_08


OTHER_RULES: tuple[type[TikTok], ...] = (TikTokAsPartner, TikTokAsOfAugust2025)


def _token(account: Account, around: Surroundings) -> str:
    """A sandbox account has the sandbox's token and needs no secrets."""
    if account.sandbox:
        return SANDBOX_TOKEN
    given = around.secrets.get(account.name)
    secrets = TikTokCredentials.read(account.secrets_prefix, around.folder, given)
    return secrets.token.get_secret_value()
