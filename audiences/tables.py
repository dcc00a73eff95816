"""The tables that pass from part to part inside the engine, by name and schema.

Tables marked PLAIN hold contacts: they live in the engine between reading and hashing, are never
written to disk and never collected into Python. Days are the shop's days, amounts are in the
shop's currency.
"""

import ibis

CONTACT_ROWS = ibis.schema(
    {
        "source": "!string",
        "row_id": "!string",  # contact_id, or file:line where the export has none; unique in source
        "file": "!string",
        "line": "!int64",
        "contact_id": "string",
        "external_id": "string",
        "email": "string",  # the cell as written; may hold several
        "phone": "string",
        "first_name": "string",
        "last_name": "string",
        "birth_date": "date",
        "gender": "string",
        "city": "string",
        "registered_on": "date",
        "last_activity_on": "date",
        "channel_first": "string",
        "consent_ads": "!string",  # yes, no, unknown
        "consents": "array<string>",  # what the row says to other consents, such as analytics=yes
        "consent_on": "date",
    }
)
"""PLAIN. One row per accepted row of a contacts export."""

ORDER_ROWS = ibis.schema(
    {
        "source": "!string",
        "order_id": "!string",
        "file": "!string",
        "line": "!int64",
        "contact_id": "string",
        "email": "string",
        "phone": "string",
        "ordered_on": "!date",
        "state": "!string",  # paid, cancelled, returned
        "amount": "!decimal(18, 2)",  # net; negative for a return
        "discount": "decimal(18, 2)",
        "margin": "decimal(18, 2)",
        "items": "int64",
        "category": "string",
        "channel": "string",
        "consent_ads": "string",  # yes, no; null where the order does not say
    }
)
"""PLAIN. One row per accepted order; contact_id, email or phone leads to the person."""

EVENT_ROWS = ibis.schema(
    {
        "source": "!string",
        "file": "!string",
        "line": "!int64",
        "contact_id": "string",
        "email": "string",
        "phone": "string",
        "ts": "!timestamp('UTC')",
        "kind": "!string",
        "sku": "string",
        "category": "string",
    }
)
"""PLAIN. One row per accepted event; contact_id, email or phone leads to the person."""

COSTS = ibis.schema(
    {
        "source": "!string",
        "date": "!date",
        "platform": "!string",
        "campaign_id": "!string",
        "ad_group_id": "string",
        "segment": "string",
        "cost": "!decimal(18, 2)",
        "clicks": "int64",
        "impressions": "int64",
        "conversions": "int64",
        "revenue": "decimal(18, 2)",
    }
)
"""What advertising cost by day, campaign and ad group: without VAT, in the shop's currency."""

REJECTS = ibis.schema(
    {
        "file": "!string",
        "line": "!int64",
        "column": "string",
        "reason": "!string",
        "shown": "string",  # the value, masked
    }
)
"""One row per refused row of any export: read = accepted + rejected."""

PERSON_ROWS = ibis.schema({"source": "!string", "row_id": "!string", "person_id": "!string"})
"""Which row is whom."""

PEOPLE = ibis.schema(
    {
        "person_id": "!string",
        "registered_on": "date",
        "last_activity_on": "date",
        "birth_date": "date",
        "gender": "string",
        "city": "string",
        "channel_first": "string",
        "consent_ads": "!string",  # yes only if every row that speaks says yes; else no or unknown
        "consents": "array<string>",  # other consents: all that the rows say, see consents.py
    }
)
"""One row per person; no contacts."""

IDENTIFIERS = ibis.schema({"person_id": "!string", "kind": "!string", "value": "!string"})
"""PLAIN. Canonical contacts of a person: kind email, phone (E.164) or external_id; distinct."""

OCCASIONS = ibis.schema(
    {
        "person_id": "!string",
        "day": "!date",
        "orders": "!int64",
        "revenue": "!float64",  # net paid value of the day, > 0; returns are not in it
        "discount": "!float64",
        "margin": "float64",
        "items": "!int64",
        "category": "string",  # category of the day's largest order
        "channel": "string",
    }
)
"""Purchase occasions: one row per person and day with net paid value above zero."""

RETURNS = ibis.schema({"person_id": "!string", "day": "!date", "amount": "!float64"})
"""Returned value per person and day, as a positive amount."""

SEGMENTED = ibis.schema(
    {
        "person_id": "!string",
        "segment": "!string",
        "state": "string",  # active, slipping, asleep, lost; null without a purchase
        "count_class": "string",  # first, developing, loyal; null without a purchase
        "orders": "!int64",  # purchase occasions so far
        "recency_days": "int64",
        "age_days": "int64",
        "rhythm_days": "float64",
        "silence": "float64",  # z
        "value": "!float64",
        "revenue": "!float64",  # all of it, to the snapshot day
        "average_order": "float64",
        "is_vip": "!boolean",
        "is_wholesale": "!boolean",
        "is_returner": "!boolean",
        "is_discount_hunter": "!boolean",
    }
)
"""One row per person at a snapshot day: the base segment and what it was decided from."""

EVENTS = ibis.schema(
    {
        "person_id": "!string",
        "ts": "!timestamp",  # the shop's own clock, without a zone
        "kind": "!string",  # behaviour.KINDS and their synonyms
        "sku": "string",
        "category": "string",
    }
)
"""What people did on the site, in the app and with letters: one row per event."""

BEHAVIOUR = ibis.schema(
    {
        "person_id": "!string",
        "last_visit_days": "int64",
        "visits_30d": "int64",
        "repeat_visit_72h": "boolean",
        "cards_viewed_30d": "int64",
        "top_category_cards_30d": "int64",
        "top_category_30d": "string",
        "cart_age_hours": "int64",
        "cart_items": "int64",
        "cart_categories": "string",
        "wishlist_items": "int64",
        "wishlist_categories": "string",
        "letters_opened_30d": "int64",
        "letters_clicked_30d": "int64",
    }
)
"""One row per person with an event: what the events say at a moment."""

SCORES = ibis.schema(
    {
        "person_id": "!string",
        "orders_30d": "!int64",
        "orders_90d": "!int64",
        "revenue_30d": "!float64",
        "category_last": "string",
        "channel_last": "string",
        "items_per_order": "float64",
        "discount_share": "float64",
        "margin_share": "float64",
        "returned_share": "float64",
        "value_rank": "float64",
        "revenue_rank": "float64",
        "orders_rank": "float64",
        "predicted_value": "float64",
        "predicted_orders": "float64",
        "alive": "float64",
        "churn_risk": "float64",
        "predicted_rank": "float64",
        "acquisition_cost": "float64",
        "net_margin": "float64",
        "romi": "float64",
        "rf_label": "string",
        "previous_segment": "string",
        "days_in_segment": "!int64",
        "entered_by": "!string",
        **{name: kind for name, kind in BEHAVIOUR.items() if name != "person_id"},
    }
)
"""One row per person: the features beyond SEGMENTED, kept at every refresh."""


def digests_schema() -> ibis.Schema:
    """One row per person with at least one digest, per recipe: the columns of model.MEMBERS."""
    lists = dict.fromkeys(("email", "phone", "external_id"), "!array<string>")
    return ibis.schema({"person_id": "!string", **lists})
