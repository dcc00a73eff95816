"""Spend in, results out: what the platforms reported, by segment, and where days are missing."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from bids.ledger import BidLedger
from bids.model import BidObject, Level
from bids.plan import wanted_objects
from bids.weeks import EVERYONE_ELSE
from config.platforms import Account
from connectors.base import ReportsSpend
from flows import experimenting, freshness, matching
from flows.documents import Document
from flows.seeding import measure_sizes
from flows.workshop import CannotRun, Workshop
from measurement.cost_share import cost_share, per_unit
from measurement.spend import (
    DayOfSpend,
    Money,
    by_segment,
    days_to_read,
    holes,
    in_shop_money,
    keep_spend,
    spend_between,
)

WINDOW_DAYS = 56
"""How far back spend is kept in step: what estimates of bids look at."""


def measure(workshop: Workshop) -> Document:
    """Read what is new or may have changed from every account that reports, and sum it up.

    Lists are asked how many of their people were recognised, and experiments what they found in
    the orders of the last refresh.
    """
    last = yesterday(workshop)
    for account in reporting(workshop):
        connector = workshop.connectors[account]
        if not isinstance(connector, ReportsSpend):
            continue
        with workshop.catalog.begin() as connection:
            first, end = days_to_read(connection, account, last=last, window_days=WINDOW_DAYS)
        rows = connector.spend(measured_objects(workshop, account), first, end)
        kept = [DayOfSpend(**{name: getattr(row, name) for name in _FIELDS}) for row in rows]
        with workshop.catalog.begin() as connection:
            keep_spend(connection, account, kept, first=first, last=end, now=workshop.now())
    freshness.measured(workshop, reporting(workshop))
    return {
        **money(workshop),
        "matches": matching.ask(workshop),
        "lookalikes": measure_sizes(workshop),
        "experiments": experimenting.results(workshop)["results"],
    }


_FIELDS = tuple(DayOfSpend.__dataclass_fields__)


def money(workshop: Workshop, *, days: int = WINDOW_DAYS) -> Document:
    """Cost share and its companions per account and segment, from what was read before."""
    last = yesterday(workshop)
    first = last - timedelta(days=days - 1)
    accounts = []
    for account in reporting(workshop):
        with workshop.catalog.begin() as connection:
            missing = holes(connection, account, first, last)
        rows = days_of_spend(workshop, account, first, last)
        accounts.append(_account(workshop, account, rows, missing))
    return {"first": first.isoformat(), "last": last.isoformat(), "accounts": accounts}


def days_of_spend(workshop: Workshop, name: str, first: date, last: date) -> tuple[DayOfSpend, ...]:
    """What an account told of these days, without VAT and in the shop's currency.

    Kept is what the platform said; it is turned each time it is read, so that a rate or a share of
    VAT that was mended counts for the past too. Raises CannotRun for a currency without a rate.
    """
    account = workshop.project.account(name)
    with workshop.catalog.begin() as connection:
        rows = spend_between(connection, name, first, last)
    return tuple(
        in_shop_money(row, vat_percent=account.vat_percent, rate=_rate(workshop, account, row.day))
        for row in rows
    )


def _rate(workshop: Workshop, account: Account, day: date) -> Decimal:
    """Shop currency for one unit of the account's on a day."""
    shop = workshop.project.adsteer.shop
    if account.currency in (None, shop.currency):
        return Decimal(1)
    rates = [
        rate
        for rate in workshop.project.exports.rate
        if rate.currency == account.currency and rate.day <= day
    ]
    if not rates:
        raise CannotRun(
            f"account {account.name} reports in {account.currency}, and no rate to {shop.currency} "
            f"holds on {day}. Add one to exports.toml: [[rate]] with currency, day, rate."
        )
    return max(rates, key=lambda rate: rate.day).rate


def reporting(workshop: Workshop) -> list[str]:
    """Accounts that take corrections and report what was spent."""
    named = sorted({place.account for place in workshop.project.bid_rules.where})
    return [one for one in named if isinstance(workshop.connectors[one], ReportsSpend)]


def measured_objects(workshop: Workshop, account: str) -> tuple[BidObject, ...]:
    """What to ask spend of: campaigns, or ad groups where no campaign is named.

    A campaign's figures hold those of its groups; asking for both would count them twice.
    """
    platforms = {one.name: one.platform for one in workshop.project.platforms.account}
    objects = wanted_objects(workshop.project.bid_rules.where, platforms)
    mine = [one for one in objects if one.account == account]
    campaigns = tuple(one for one in mine if one.level is Level.CAMPAIGN)
    return campaigns or tuple(mine)


def segments_of(workshop: Workshop, account: str) -> dict[str, str]:
    """The segment of each condition of ours."""
    return {one.condition_id: one.segment for one in BidLedger(workshop.catalog).recorded(account)}


def yesterday(workshop: Workshop) -> date:
    """The last whole day, in the shop's time zone."""
    zone = ZoneInfo(workshop.project.adsteer.shop.time_zone)
    return workshop.now().astimezone(zone).date() - timedelta(days=1)


def _account(
    workshop: Workshop, account: str, rows: Sequence[DayOfSpend], missing: Sequence[date]
) -> Document:
    sums: Mapping[str, Money] = by_segment(rows, segments_of(workshop, account), rest=EVERYONE_ELSE)
    whole = Money()
    for row in rows:
        whole = whole.plus(row)
    return {
        "account": account,
        "segments": {name: _figures(one) for name, one in sums.items()},
        "all": _figures(whole),
        "missing_days": [day.isoformat() for day in missing],
    }


def _figures(one: Money) -> Document:
    return {
        "impressions": one.impressions,
        "clicks": one.clicks,
        "cost": float(one.cost),
        "conversions": float(one.conversions),
        "revenue": float(one.revenue),
        "drr": _number(cost_share(one.cost, one.revenue)),
        "cpo": _number(per_unit(one.cost, one.conversions)),
    }


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)
