"""What people bought: orders led to their people, and summed up by person and day."""

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
from ibis import _

from audiences.parts import Part, packed_in_parts
from audiences.staging import keep
from audiences.tables import OCCASIONS, RETURNS
from audiences.unions import stacked

PAID, RETURNED = "paid", "returned"

CARDS = ibis.schema(
    {
        "card": "int64",  # hash of source and contact id; null: orders of nobody in the contacts
        "person_id": "!string",
        "orders": "!int64",
        "order_no": "boolean",  # what these orders say of consent to advertising; null: nothing
        "order_yes": "boolean",
    }
)
"""One row per customer card with orders and its person; no contacts."""


@dataclass(frozen=True, eq=False)
class Bought:
    """Orders by person; tables live in the engine."""

    occasions: ir.Table
    returns: ir.Table
    cards: ir.Table
    """Schema CARDS."""
    carried: int = 0
    """People whose purchases were taken over from the last refresh."""

    def orders(self) -> int:
        """Orders that lead to somebody."""
        return int(self.cards.orders.sum().to_pyarrow().as_py() or 0)

    def said(self) -> ir.Table:
        """(person_id, order_no, order_yes): what orders say of consent, where they say anything."""
        speaking = self.cards.filter(self.cards.order_no.notnull())
        return speaking.group_by("person_id").aggregate(
            order_no=_.order_no.any(), order_yes=_.order_yes.any()
        )


def card_of(source: ir.StringValue, contact_id: ir.StringValue) -> ir.IntegerValue:
    """What a customer card goes by in CARDS; null without a contact id."""
    return contact_id.isnull().ifelse(ibis.null("int64"), (source + ":" + contact_id).hash())


def buy(order_rows: ir.Table, buyers: ir.Table, strangers: ir.Table) -> Bought:
    """Sum up ORDER_ROWS.

    buyers: (source, contact_id, person_id) of customer cards; strangers: order rows of nobody in
    the contacts, with their person_id.
    """

    def days(part: Part) -> ir.Table:
        return occasions_of(owned_by(part(order_rows), buyers, part(strangers)))

    owned = owned_by(order_rows, buyers, strangers)
    return Bought(
        packed_in_parts(order_rows, days, OCCASIONS),
        keep(returns_of(owned)),
        keep(cards_of(owned)),
    )


def owned_by(order_rows: ir.Table, buyers: ir.Table, strangers: ir.Table) -> ir.Table:
    """Every order with its person and card; not kept, for it is as long as the orders are."""
    known = order_rows.join(buyers, ["source", "contact_id"])
    carded = known.mutate(card=card_of(known.source, known.contact_id))
    guests = strangers.mutate(card=ibis.null("int64"))
    both = (table.mutate(day=table.ordered_on).select(*_OWNED) for table in (carded, guests))
    return stacked(*both)


_OWNED = (
    "person_id", "card", "source", "order_id", "state", "amount", "discount", "margin", "items",
    "category", "channel", "consent_ads", "day",
)  # fmt: skip


def occasions_of(owned: ir.Table) -> ir.Table:
    """One row per person and day with net paid value above zero (same-day orders are one)."""
    paid = owned.filter(owned.state == PAID)
    size = ibis.struct({"amount": paid.amount, "source": paid.source, "order": paid.order_id})
    days = paid.group_by("person_id", "day").aggregate(
        orders=_.count(),
        revenue=_.amount.sum(),
        discount=_.discount.sum().fill_null(0),
        margin=(paid.margin.count() == paid.count()).ifelse(paid.margin.sum(), None),
        items=_["items"].sum().fill_null(0),
        # The engine's argmax keeps an empty cell: an order without a category must not hide the
        # category of a smaller one of the same day.
        category=_.category.argmax(size, where=_.category.notnull()),
        channel=_.channel.argmax(size, where=_.channel.notnull()),
    )
    return days.filter(days.revenue > 0).select(*OCCASIONS.names).cast(dict(OCCASIONS))


def returns_of(owned: ir.Table) -> ir.Table:
    """Returned value by person and day."""
    back = owned.filter(owned.state == RETURNED)
    days = back.group_by("person_id", "day").aggregate(amount=_.amount.abs().sum())
    return days.filter(days.amount > 0).cast(dict(RETURNS))


def cards_of(owned: ir.Table) -> ir.Table:
    """Schema CARDS."""
    said = owned.consent_ads
    cards = owned.group_by("card", "person_id").aggregate(
        orders=_.count(), order_no=(said == "no").any(), order_yes=(said == "yes").any()
    )
    return cards.select(*CARDS.names).cast(dict(CARDS))
