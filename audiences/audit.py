"""What a base is like before anything is sent: filled, double, stale, willing, from where."""

import re
from collections import Counter
from datetime import date, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import phonenumbers
from ibis import _
from phonenumbers import PhoneMetadata

from audiences.consents import answer, names
from audiences.people import People
from config.audiences import Identifier
from config.consents import ADS

FILLED = (
    "contact_id", "external_id", "email", "phone", "first_name", "last_name", "birth_date",
    "gender", "city", "registered_on", "last_activity_on", "channel_first", "consent_on",
)  # fmt: skip
STALE_DAYS = 365
"""Days without an order or any activity after which a person counts as stale."""
PREFIX = 6
"""Signs of a number, its plus included, that tell its region; fewer than tell whose it is."""


def audit(
    engine: ibis.BaseBackend,
    people: People,
    contact_rows: ir.Table,
    order_rows: ir.Table,
    *,
    as_of: date,
) -> dict[str, Any]:
    """Counts and shares of a base; no contact and no id in them."""
    rows = int(engine.to_pyarrow(contact_rows.count()).as_py())
    everybody = int(engine.to_pyarrow(people.people.count()).as_py())
    return {
        "rows": rows,
        "people": everybody,
        "filled": _filled(engine, contact_rows, rows),
        "duplicate_rows": people.identity.rows - everybody if everybody else 0,
        "reachable": _reachable(engine, people, everybody),
        "consent": _consent(engine, people, everybody, ADS),
        "consents": {
            name: _consent(engine, people, everybody, name) for name in names(people.people)
        },
        "stale_share": _share(_stale(engine, people, as_of), everybody),
        "stale_days": STALE_DAYS,
        "phone_regions": _regions(engine, people),
        "order_states": _states(engine, order_rows),
        "orders": people.orders,
        "orders_unattributed": people.orders_unattributed,
    }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _states(engine: ibis.BaseBackend, orders: ir.Table) -> dict[str, int]:
    """Rows by what their states were taken for: words that nobody told of show as too much paid."""
    counted = orders.group_by("state").aggregate(rows=_.count()).order_by("state")
    return {row["state"]: row["rows"] for row in engine.to_pyarrow(counted).to_pylist()}


def _filled(engine: ibis.BaseBackend, rows: ir.Table, count: int) -> dict[str, float]:
    counted = rows.aggregate(**{name: rows[name].count() for name in FILLED})
    (found,) = engine.to_pyarrow(counted).to_pylist()
    return {name: _share(found[name], count) for name in FILLED}


def _reachable(engine: ibis.BaseBackend, people: People, count: int) -> dict[str, float]:
    """Share of people with at least one contact of a kind that can be sent."""
    kinds = people.identifiers.group_by("kind").aggregate(people=_.person_id.nunique())
    found = {row["kind"]: row["people"] for row in engine.to_pyarrow(kinds).to_pylist()}
    return {str(kind): _share(found.get(str(kind), 0), count) for kind in Identifier}


def _consent(engine: ibis.BaseBackend, people: People, count: int, name: str) -> dict[str, float]:
    said = people.people.select(said=answer(people.people, name))
    counted = said.group_by("said").aggregate(people=_.count())
    found = {row["said"]: row["people"] for row in engine.to_pyarrow(counted).to_pylist()}
    return {word: _share(found.get(word, 0), count) for word in ("yes", "no", "unknown")}


def _stale(engine: ibis.BaseBackend, people: People, as_of: date) -> int:
    limit = ibis.literal(as_of - timedelta(days=STALE_DAYS))
    buying = people.occasions.filter(people.occasions.day >= limit).select("person_id")
    active = people.people.filter(
        ibis.coalesce(people.people.last_activity_on, people.people.registered_on) >= limit
    ).select("person_id")
    rest = people.people.anti_join(buying, "person_id").anti_join(active, "person_id")
    return int(engine.to_pyarrow(rest.count()).as_py())


def _regions(engine: ibis.BaseBackend, people: People) -> dict[str, int]:
    """Phones by ISO region, most first; a region is told by the first digits."""
    plain = people.identifiers.filter(
        (people.identifiers.kind == "phone") & people.identifiers.value.startswith("+")
    )
    heads = plain.mutate(head=plain.value.left(PREFIX)).group_by("head").aggregate(n=_.count())
    found: Counter[str] = Counter()
    for row in engine.to_pyarrow(heads).to_pylist():
        found[_region(row["head"])] += row["n"]
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _region(head: str) -> str:
    digits = head.removeprefix("+")
    for length in (1, 2, 3):
        regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(digits[:length] or 0))
        if regions:
            return _among(regions, digits[length:])
    return "unknown"


def _among(regions: tuple[str, ...], national: str) -> str:
    """The region that the first digits of a national number lead to, of those sharing a code."""
    for region in regions:
        leading = getattr(PhoneMetadata.metadata_for_region(region), "leading_digits", None)
        if leading and re.match(leading, national):
            return region
    return regions[0]
