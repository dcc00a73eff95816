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
_ENTERED = ("first_seen", "purchase", "silence")
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
    # More of the same, and where the person stands among all buyers.
    Feature("orders_30d", Kind.NUMBER, "order days", "Order days of the last 30 days."),
    Feature("orders_90d", Kind.NUMBER, "order days", "Order days of the last 90 days."),
    Feature("revenue_30d", Kind.NUMBER, _MONEY, "Revenue of the last 30 days."),
    Feature("category_last", Kind.TEXT, "", "Category of the last order."),
    Feature("channel_last", Kind.TEXT, "", "Channel of the last order."),
    Feature("items_per_order", Kind.NUMBER, "items", "Items per order day."),
    Feature("discount_share", Kind.NUMBER, "0 to 1", "Share of revenue bought with a discount."),
    Feature("margin_share", Kind.NUMBER, "0 to 1", "Margin per unit of revenue."),
    Feature("returned_share", Kind.NUMBER, "0 to 1", "Share of revenue sent back."),
    Feature("value_rank", Kind.NUMBER, "%", "Buyers of more value; below 10 is the top tenth."),
    Feature("revenue_rank", Kind.NUMBER, "%", "Buyers of more revenue, likewise."),
    Feature("orders_rank", Kind.NUMBER, "%", "Buyers with more order days, likewise."),
    Feature("acquisition_cost", Kind.NUMBER, _MONEY, "Cost per customer of the first channel."),
    Feature("net_margin", Kind.NUMBER, _MONEY, "All margin so far, less that cost and returns."),
    Feature("romi", Kind.NUMBER, "", "Net margin per unit of that cost: 1 doubles the money."),
    # What the purchase model expects; unknown where it does not fit the base.
    Feature("predicted_value", Kind.NUMBER, _MONEY, "Expected value of the next 52 weeks."),
    Feature("predicted_orders", Kind.NUMBER, "order days", "Expected order days, likewise."),
    Feature("alive", Kind.NUMBER, "0 to 1", "Chance to be a customer still."),
    Feature(
        "churn_risk", Kind.NUMBER, "0 to 1", "Chance of no order in the next churn_days days (14)."
    ),
    Feature("predicted_rank", Kind.NUMBER, "%", "Buyers of more predicted value, likewise."),
    Feature("rf_label", Kind.TEXT, "", "Cell of the 5 x 5 grid of recency and frequency."),
    # How the person came here.
    Feature("previous_segment", Kind.TEXT, "", "Base segment before this one.", SEGMENTS),
    Feature("days_in_segment", Kind.NUMBER, "days", "Days since the segment was entered."),
    Feature("entered_by", Kind.TEXT, "", "What brought the person into it.", _ENTERED),
    # Behaviour, out of events; all unknown without events of the person.
    Feature("last_visit_days", Kind.NUMBER, "days", "Days since the last visit."),
    Feature("visits_30d", Kind.NUMBER, "visits", "Visits of the last 30 days."),
    Feature("repeat_visit_72h", Kind.BOOLEAN, "", "Two visits or more within the last 72 hours."),
    Feature("cards_viewed_30d", Kind.NUMBER, "products", "Product cards seen in 30 days."),
    Feature("top_category_cards_30d", Kind.NUMBER, "products", "The same, in one category."),
    Feature("top_category_30d", Kind.TEXT, "", "That category: the most product cards seen."),
    Feature("cart_age_hours", Kind.NUMBER, "hours", "Age of a cart not bought since."),
    Feature("cart_items", Kind.NUMBER, "products", "Products left in such a cart."),
    Feature("cart_categories", Kind.TEXT, "", "Their categories, as |carpet|lamp|."),
    Feature("wishlist_items", Kind.NUMBER, "products", "Products on the wishlist."),
    Feature("wishlist_categories", Kind.TEXT, "", "Their categories, likewise."),
    Feature("letters_opened_30d", Kind.NUMBER, "letters", "Letters opened in 30 days."),
    Feature("letters_clicked_30d", Kind.NUMBER, "letters", "Letters clicked in 30 days."),
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

BEHAVIOUR = frozenset(
    {
        "last_visit_days",
        "visits_30d",
        "repeat_visit_72h",
        "cards_viewed_30d",
        "top_category_cards_30d",
        "top_category_30d",
        "cart_age_hours",
        "cart_items",
        "cart_categories",
        "wishlist_items",
        "wishlist_categories",
        "letters_opened_30d",
        "letters_clicked_30d",
    }
)
"""Features out of events: rules over them need the volume of sessions that [gates] asks for."""

RESERVED = frozenset({"person_id", "birth_date", "consent_ads", "consents"})
"""Columns beside the features in the table a rule runs on: no rule and no overlay may use them.

Consent is not a feature on purpose: whoever did not consent is left out of every audience.
"""
