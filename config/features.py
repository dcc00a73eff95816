"""The documented features: what a rule may ask about a person at the snapshot day.

A feature more is one line more. The table that a rule runs on has one column per feature, of the
same name; amounts are in the shop's currency, days are the shop's days.
"""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from config.labels import SEGMENTS


class Kind(StrEnum):
    """What a value is, and so what it can be compared with."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"


@dataclass(frozen=True)
class Feature:
    """One column a rule may name. `values` are all it can hold, where that is a closed list."""

    name: str
    kind: Kind
    unit: str
    description: str
    values: tuple[str, ...] = ()


_STATES = ("active", "slipping", "asleep", "lost")
_COUNTS = ("first", "developing", "loyal")
_MONEY = "shop currency"

_FEATURES = (
    # What the base segments were decided from.
    Feature("segment", Kind.TEXT, "", "Base segment.", SEGMENTS),
    Feature("state", Kind.TEXT, "", "Place in the lifecycle; unknown without an order.", _STATES),
    Feature("count_class", Kind.TEXT, "", "Class by number of orders; likewise.", _COUNTS),
    Feature("orders", Kind.NUMBER, "order days", "Days with a paid order so far."),
    Feature("recency_days", Kind.NUMBER, "days", "Days since the last order."),
    Feature("age_days", Kind.NUMBER, "days", "Days since the first order."),
    Feature("rhythm_days", Kind.NUMBER, "days", "Days this person usually lets pass."),
    Feature("silence", Kind.NUMBER, "", "Silence against the own rhythm; 0 is usual, 2 is long."),
    Feature("value", Kind.NUMBER, _MONEY, "Margin or revenue of the year up to the last order."),
    Feature("revenue", Kind.NUMBER, _MONEY, "All revenue so far."),
    Feature("average_order", Kind.NUMBER, _MONEY, "Revenue per order day."),
    Feature("is_vip", Kind.BOOLEAN, "", "Among the best buyers by value."),
    Feature("is_wholesale", Kind.BOOLEAN, "", "Buys in wholesale amounts."),
    Feature("is_returner", Kind.BOOLEAN, "", "Sends most of the value back."),
    Feature("is_discount_hunter", Kind.BOOLEAN, "", "Buys almost only with a discount."),
    # Who the person is.
    Feature("city", Kind.TEXT, "", "City as the CRM writes it."),
    Feature("gender", Kind.TEXT, "", "Gender as the CRM writes it."),
    Feature("age_years", Kind.NUMBER, "years", "Full years since the birth date."),
    Feature("channel_first", Kind.TEXT, "", "Channel that brought the person first."),
    Feature("registered_on", Kind.DATE, "", "Day of registration."),
    Feature("registered_days", Kind.NUMBER, "days", "Days since the registration."),
    Feature("last_activity_on", Kind.DATE, "", "Day of the last activity the CRM knows."),
)

FEATURES = MappingProxyType({feature.name: feature for feature in _FEATURES})
"""Every feature by name."""

RESERVED = frozenset({"person_id", "birth_date", "consent_ads"})
"""Columns beside the features in the table a rule runs on: no rule and no overlay may use them.

Consent is not a feature on purpose: whoever did not consent is left out of every audience.
"""
