"""Microsoft Advertising: customer lists, bid adjustments for them, and what they brought.

Each part has a file: microsoft_lists, microsoft_campaigns, microsoft_bids, microsoft_reports; the
wire is microsoft_wire, errors are microsoft_errors. Look-alikes are grown by Microsoft itself and
cannot be asked for, so that ability is absent.

Facts: Microsoft Advertising REST API v13, as of autumn 2026. UNVERIFIED marks what the documents
leave open.
"""

import logging
from collections.abc import Sequence
from datetime import date
from typing import ClassVar, Self

from audiences.model import Recipe
from bids.model import (
    BidObject,
    CorrectionChange,
    CorrectionReceipt,
    FoundObject,
    Level,
    PresentCorrection,
)
from config.platforms import Account
from connectors.base import (
    ApiVersion,
    BidLimits,
    CorrectsBids,
    NamesObjects,
    ReportsSpend,
    SpendRow,
    Strategy,
)
from connectors.chunks import chunks
from connectors.errors import ListGone, RuleRefused
from connectors.http import Door, Surroundings, trace_in_header
from connectors.microsoft_bids import LIMITS as BID_LIMITS
from connectors.microsoft_bids import Adjustments
from connectors.microsoft_campaigns import Campaigns
from connectors.microsoft_errors import judge
from connectors.microsoft_lists import MicrosoftLists
from connectors.microsoft_reports import OBJECTS_PER_REPORT, Reports
from connectors.microsoft_wire import (
    FACTS,
    SANDBOX_ACCOUNT,
    credentials_for,
    headers_of,
    tokens_for,
)
from connectors.origins import origin_for
from connectors.recipes import MICROSOFT

log = logging.getLogger(__name__)

VERSION = FACTS.spoken()
CAMPAIGNS = ("https://campaign.api.bingads.microsoft.com/", "CampaignManagement")
REPORTING = ("https://reporting.api.bingads.microsoft.com/", "Reporting")


class Microsoft(MicrosoftLists, CorrectsBids, NamesObjects, ReportsSpend):
    """One ad account (`login`) of one manager account."""

    platform: ClassVar[str] = "microsoft"
    versions: ClassVar[tuple[ApiVersion, ...]] = FACTS.versions
    recipe: ClassVar[Recipe] = MICROSOFT
    bid_limits: ClassVar[BidLimits] = BID_LIMITS

    def __init__(self, account: Account, around: Surroundings) -> None:
        if not account.sandbox and not (account.login or "").isdigit():
            raise RuleRefused(
                f"account {account.name}: login is not the number of an ad account.",
                act="Set login to the number after aid= in the address of the web interface.",
            )
        secrets = credentials_for(account, around)
        number = account.login or SANDBOX_ACCOUNT
        tokens = tokens_for(account, around, secrets)

        def door(origin: str, service: str) -> Door:
            base = origin_for(account, around, self.platform, origin)
            address = f"{base}{service}/{account.api_version or VERSION}/"
            return Door(
                address,
                surroundings=around,
                tokens=tokens,
                judge=judge,
                headers=headers_of(secrets, number),
                trace=trace_in_header("TrackingId"),
            )

        campaigns = door(*CAMPAIGNS)
        super().__init__(campaigns, number, accepts_terms=secrets.accepts_terms)
        self._name = account.name
        self._campaigns = Campaigns(campaigns, number)
        self._bids = Adjustments(campaigns, self._campaigns)
        self._reports = Reports(door(*REPORTING), around, number, secrets.report_time_zone)

    @classmethod
    def connect(cls, account: Account, around: Surroundings) -> Self:
        return cls(account, around)

    def check(self) -> None:
        """Whether the terms of Customer Match are accepted shows only when people are sent."""
        self._audiences(None)

    # Bids

    def condition_for(self, list_id: str, title: str) -> str:
        """Adjustments name the list itself. Raises ListGone if it is not there."""
        if self.find_condition(list_id, title) is None:
            raise ListGone(f"customer list {list_id} (list {title!r}) is not in the account.")
        return list_id

    def find_condition(self, list_id: str, title: str) -> str | None:
        try:
            (one,) = self._audiences([list_id])
        except ListGone:
            return None
        return None if one is None else list_id

    def read_corrections(self, objects: Sequence[BidObject]) -> tuple[PresentCorrection, ...]:
        """Of customer lists only: nothing of ours is of another kind."""
        return self._bids.read(objects)

    def write_corrections(
        self, changes: Sequence[CorrectionChange]
    ) -> tuple[CorrectionReceipt, ...]:
        """A list is refused where ads are shown to lists only: it would change whom they reach."""
        return self._bids.write(changes)

    def strategies(self, objects: Sequence[BidObject]) -> tuple[Strategy, ...]:
        return self._bids.strategies(objects)

    def objects(self, level: Level) -> tuple[FoundObject, ...]:
        """What is not deleted, and no ad group that has expired; labels are not asked for."""
        return tuple(
            FoundObject(
                BidObject(self._name, self.platform, level, str(one["Id"])),
                str(one.get("Name") or ""),
            )
            for one in self._campaigns.present(level)
        )

    # Figures

    def spend(self, objects: Sequence[BidObject], first: date, last: date) -> tuple[SpendRow, ...]:
        """Somebody in two lists is counted in both, and never among those in none."""
        campaign_of = self._campaigns.campaigns_of(objects)
        for one in objects:
            if one not in campaign_of:
                log.warning("%s is not in the account any more: it has no figures", one)
        return tuple(
            row
            for level in Level
            for some in chunks(
                [one for one in campaign_of if one.level is level], OBJECTS_PER_REPORT
            )
            for row in self._reports.rows(level, some, campaign_of, first, last)
        )
