"""What events say of a person at a moment: visits, product cards, a cart left behind, letters.

Every figure is a function of the rows: events of one moment are ordered by their kind.
"""

from datetime import date, datetime, time, timedelta

import ibis
import ibis.expr.types as ir

from audiences.tables import BEHAVIOUR

VISIT_GAP_MINUTES = 30
"""Silence on the site that ends a visit."""
WINDOW_DAYS = 30
REPEAT_HOURS = 72
CARDS_OF_INTEREST = 3
"""Product cards of one category from which a person is said to look for something there."""

VIEW, CART, UNCART = "view", "cart", "uncart"
WISH, UNWISH, OPENED, CLICKED, VISIT = "wishlist", "unwish", "opened", "clicked", "visit"

KINDS = {
    VIEW: ("view", "product_view", "view_item", "card", "product"),
    CART: ("cart", "add_to_cart", "addtocart", "cart_add"),
    UNCART: ("uncart", "remove_from_cart", "cart_remove"),
    WISH: ("wishlist", "add_to_wishlist", "favorite", "favourite"),
    UNWISH: ("unwish", "remove_from_wishlist"),
    OPENED: ("opened", "open", "email_open", "letter_opened"),
    CLICKED: ("clicked", "click", "email_click", "letter_clicked"),
    VISIT: ("visit", "session", "page", "page_view", "search", "category_view"),
}
"""What an export may call an event, in any case; kinds not named here say nothing."""

ON_SITE = (VIEW, CART, UNCART, WISH, UNWISH, VISIT)
"""Events that a person makes on the site or in the app: they make up visits."""


def behaviour(events: ir.Table, occasions: ir.Table, *, moment: datetime) -> ir.Table:
    """Table BEHAVIOUR at `moment`, a time of the shop's own clock without a zone.

    events, occasions: tables EVENTS and OCCASIONS. A cart is left behind when nothing was bought
    on its day or later; it holds the products whose last event is being put in.
    """
    known = _known(events, moment)
    made = known.select("person_id").distinct()
    for part in (
        _visits(known, moment),
        _cards(known, moment),
        _top_category(known, moment),
        _carts(known, occasions, moment),
        _wishlists(known),
        _letters(known, moment),
    ):
        made = made.left_join(part, "person_id").drop("person_id_right")
    counts = ("visits_30d", "cards_viewed_30d", "letters_opened_30d", "letters_clicked_30d")
    made = made.mutate(
        **{name: made[name].fill_null(0) for name in counts},
        repeat_visit_72h=made.repeat_visit_72h.fill_null(False),
    )
    return made.select(
        **{name: made[name].cast(kind(nullable=True)) for name, kind in BEHAVIOUR.items()}
    )


def sessions_per_month(events: ir.Table, *, moment: datetime) -> int:
    """Visits of everybody in the last 30 days: what the gate for behaviour rules counts."""
    visits = _starts(_known(events, moment))
    recent = visits.filter(visits.ts > _ago(moment, days=WINDOW_DAYS))
    return int(recent.count().to_pyarrow().as_py())


def moment_of(as_of: date, now: datetime | None = None) -> datetime:
    """The end of the snapshot day, or `now` (shop's clock, no zone) where that is earlier."""
    end = datetime.combine(as_of + timedelta(days=1), time.min)
    return end if now is None else min(end, now)


def _known(events: ir.Table, moment: datetime) -> ir.Table:
    written = events.kind.lower().strip()
    kind = ibis.cases(
        *((written.isin(names), name) for name, names in KINDS.items()),
        else_=ibis.null("string"),
    )
    rows = events.mutate(kind=kind)
    return rows.filter(rows.kind.notnull(), rows.ts < ibis.literal(moment))


def _ago(moment: datetime, *, days: int = 0, hours: int = 0) -> ir.TimestampScalar:
    return ibis.literal(moment - timedelta(days=days, hours=hours))


def _starts(known: ir.Table) -> ir.Table:
    """Person_id, ts of the first event of every visit."""
    seen = known.filter(known.kind.isin(ON_SITE)).select("person_id", "ts").distinct()
    by_person = ibis.window(group_by=seen.person_id, order_by=seen.ts)
    before = seen.ts.lag().over(by_person)
    with_before = seen.mutate(before=before)
    gap = ibis.interval(minutes=VISIT_GAP_MINUTES)
    new = with_before.before.isnull() | (with_before.ts > with_before.before + gap)
    return with_before.filter(new).select("person_id", "ts")


def _visits(known: ir.Table, moment: datetime) -> ir.Table:
    starts = _starts(known)
    recent = starts.ts > _ago(moment, hours=REPEAT_HOURS)
    return starts.group_by("person_id").aggregate(
        last_visit_days=(ibis.literal(moment).epoch_seconds() - starts.ts.max().epoch_seconds())
        // 86_400,
        visits_30d=(starts.ts > _ago(moment, days=WINDOW_DAYS)).sum(),
        repeat_visit_72h=recent.sum() >= 2,
    )


def _viewed(known: ir.Table, moment: datetime) -> ir.Table:
    """Person_id, sku, category of the product cards seen lately, each once."""
    seen = known.filter(known.kind == VIEW, known.ts > _ago(moment, days=WINDOW_DAYS))
    return seen.filter(seen.sku.notnull()).select("person_id", "sku", "category").distinct()


def _cards(known: ir.Table, moment: datetime) -> ir.Table:
    cards = _viewed(known, moment).select("person_id", "sku").distinct()
    return cards.group_by("person_id").aggregate(cards_viewed_30d=cards.count())


def _top_category(known: ir.Table, moment: datetime) -> ir.Table:
    cards = _viewed(known, moment)
    cards = cards.filter(cards.category.notnull())
    counted = cards.group_by("person_id", "category").aggregate(cards=cards.count())
    order = [counted.cards.desc(), counted.category]
    place = ibis.row_number().over(ibis.window(group_by=counted.person_id, order_by=order))
    best = counted.mutate(place=place)
    return best.filter(best.place == 0).select(
        "person_id", top_category_30d=best.category, top_category_cards_30d=best.cards
    )


def _held(known: ir.Table, put: str, taken: str) -> ir.Table:
    """Person_id, sku, category, ts of products whose last event of the two is being put in."""
    rows = known.filter(known.kind.isin([put, taken]), known.sku.notnull())
    # At one and the same moment what was put in stays in.
    order = [rows.ts.desc(), (rows.kind == put).desc(), rows.category]
    last = ibis.row_number().over(ibis.window(group_by=[rows.person_id, rows.sku], order_by=order))
    lasting = rows.mutate(place=last)
    lasting = lasting.filter(lasting.place == 0, lasting.kind == put)
    return lasting.select("person_id", "sku", "category", "ts")


def _carts(known: ir.Table, occasions: ir.Table, moment: datetime) -> ir.Table:
    left = _held(known, CART, UNCART)
    theirs = occasions.semi_join(left, "person_id").select("person_id", "day")
    bought = theirs.group_by("person_id").aggregate(bought_on=theirs.day.max())
    left = left.left_join(bought, "person_id").drop("person_id_right")
    left = left.filter(left.bought_on.isnull() | (left.bought_on < left.ts.date()))
    age = ibis.literal(moment).epoch_seconds() - left.ts.max().epoch_seconds()
    carts = left.group_by("person_id").aggregate(
        cart_age_hours=age // 3_600, cart_items=left.sku.nunique()
    )
    return _with_categories(carts, left, "cart_categories")


def _wishlists(known: ir.Table) -> ir.Table:
    wished = _held(known, WISH, UNWISH)
    lists = wished.group_by("person_id").aggregate(wishlist_items=wished.sku.nunique())
    return _with_categories(lists, wished, "wishlist_categories")


def _with_categories(totals: ir.Table, rows: ir.Table, name: str) -> ir.Table:
    """`totals` with the categories of `rows` as one text, `|carpet|lamp|`, in alphabetic order."""
    told = rows.filter(rows.category.notnull()).select("person_id", "category").distinct()
    joined = told.group_by("person_id").aggregate(
        text=ibis.literal("|") + told.category.collect().sort().join("|") + "|"
    )
    both = totals.left_join(joined, "person_id").drop("person_id_right")
    return both.rename(**{name: "text"})


def _letters(known: ir.Table, moment: datetime) -> ir.Table:
    recent = known.filter(known.ts > _ago(moment, days=WINDOW_DAYS))
    # A letter is its sku where the export names it; else every event is one letter.
    letter = ibis.coalesce(recent.sku, recent.ts.cast("string"))
    rows = recent.mutate(letter=letter)
    return rows.group_by("person_id").aggregate(
        letters_opened_30d=rows.letter.nunique(where=rows.kind == OPENED),
        letters_clicked_30d=rows.letter.nunique(where=rows.kind == CLICKED),
    )
