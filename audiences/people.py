"""From rows of exports to people: who they are, how to reach them, what and when they bought."""

from dataclasses import dataclass, replace

import ibis
import ibis.expr.types as ir
from ibis import _

from audiences.bought import Bought, buy
from audiences.carried import Carried
from audiences.consents import gathered
from audiences.contacts import as_digest
from audiences.identity import CONTACT_ID, ROWS, IdentityReport, Resolution, resolve
from audiences.junk import OWN
from audiences.staging import Staging, keep, pack
from audiences.tables import IDENTIFIERS, PEOPLE, PERSON_ROWS
from audiences.unions import stacked
from config.shop import Shop

SUPPRESSED = ibis.schema({"kind": "!string", "value": "!string", "digest": "!boolean"})
"""PLAIN. Contacts and ids that must not be sent: kind email, phone, external_id or person_id, in
their one form; or, where `digest`, SHA-256 in lower-case hex of that form (a phone with or without
its plus)."""

GUEST = "order:"
"""How a row made of an order is named: after the least of the orders it stands for."""


@dataclass(frozen=True, eq=False)
class People:
    """People and all that hangs on them; tables live in the engine."""

    people: ir.Table
    identifiers: ir.Table
    """PLAIN."""
    occasions: ir.Table
    returns: ir.Table
    person_rows: ir.Table
    keys: ir.Table
    """naming.KEYS: to be stored for the next run."""
    unattributed: ir.Table
    """(source, order_id, file, line): orders that lead to nobody; no contacts."""
    identity: IdentityReport
    resolution: Resolution
    bought: Bought
    """Of everybody, also of those who are left out since."""
    orders: int
    orders_unattributed: int


def build_people(
    engine: ibis.BaseBackend,
    shop: Shop,
    contact_rows: ir.Table,
    orders: ir.Table | Carried,
    *,
    previous_keys: ir.Table | None = None,
    suppressed: ir.Table | None = None,
) -> People:
    """Build people out of CONTACT_ROWS and orders: ORDER_ROWS, or what changed of them.

    `previous_keys` has schema naming.KEYS, `suppressed` SUPPRESSED.
    """
    with Staging() as passing:
        with Staging() as early:  # gone before the orders, which need the room
            known = early.keep(_known(contact_rows))
            some = orders.of_strangers(known) if isinstance(orders, Carried) else orders
            strangers = passing.keep(_strangers(some, known))
            rows = early.keep(_rows(contact_rows, strangers))
            resolution = resolve(engine, rows, shop, previous_keys)
            row_people = passing.keep(_persons_only(resolution))
            buyers = passing.keep(known.join(row_people, ["source", "row_id"]).select(*_BUYERS))
        led = strangers.join(row_people, ["source", "row_id"])
        if isinstance(orders, Carried):
            bought = orders.buy(buyers, passing.keep(led))
        else:
            bought = buy(orders, buyers, led)
        lost = keep(strangers.anti_join(row_people, ["source", "row_id"]).select(*_PLACE))
        identifiers = pack(_identifiers(resolution.keys, row_people))
        people = pack(_people(contact_rows, row_people, bought, identifiers, suppressed))
        person_rows = pack(row_people.select(*PERSON_ROWS.names))
    nobodys = int(engine.to_pyarrow(lost.count()).as_py())
    return People(
        people=people,
        identifiers=identifiers,
        occasions=bought.occasions,
        returns=bought.returns,
        person_rows=person_rows,
        keys=resolution.key_table,
        unattributed=lost,
        identity=replace(resolution.report, people=int(engine.to_pyarrow(people.count()).as_py())),
        resolution=resolution,
        bought=bought,
        orders=bought.orders() + nobodys,
        orders_unattributed=nobodys,
    )


_PLACE = ("source", "order_id", "file", "line")


_BUYERS = ("source", "contact_id", "person_id")


def _known(contact_rows: ir.Table) -> ir.Table:
    """(source, contact_id, row_id): the row that an order with this contact id leads to."""
    ids = contact_rows.filter(contact_rows.contact_id.notnull())
    return ids.group_by("source", "contact_id").aggregate(row_id=_.row_id.min())


def _strangers(order_rows: ir.Table, known: ir.Table) -> ir.Table:
    """Orders of nobody in the contacts, each with the row that is made of it.

    Orders of one stranger share a row: same source, contact id and contacts as written.
    """
    orders = order_rows.anti_join(known, ["source", "contact_id"])
    stranger = ibis.window(group_by=["source", "contact_id", "email", "phone"])
    return orders.mutate(row_id=ibis.literal(GUEST) + orders.order_id.min().over(stranger))


def _rows(contact_rows: ir.Table, strangers: ir.Table) -> ir.Table:
    """identity.ROWS: the contacts, and those known by an order only."""
    none = ibis.null("string")
    contacts = contact_rows.select(
        "source", "row_id", contact_id=none, **{name: contact_rows[name] for name in ROWS.names[3:]}
    )
    made = strangers.select(
        "source",
        "row_id",
        "contact_id",
        "email",
        "phone",
        external_id=none,
        first_name=none,
        last_name=none,
        birth_date=ibis.null("date"),
    )
    return stacked(contacts, made.distinct())


def _persons_only(resolution: Resolution) -> ir.Table:
    """Rows with their people; an order that carries nothing that says who is no person."""
    keys = resolution.keys
    said = keys.filter(keys.bad.isnull() | (keys.kind == CONTACT_ID)).select("node").distinct()
    rows = resolution.rows
    nameless = rows.filter(rows.row_id.startswith(GUEST)).anti_join(said, "node")
    return rows.anti_join(nameless, "node")


def _identifiers(keys: ir.Table, row_people: ir.Table) -> ir.Table:
    """Good contacts, and those that join nothing where only one person has them; never our own."""
    ours = keys.filter((keys.kind != CONTACT_ID) & (keys.bad.isnull() | (keys.bad != OWN)))
    held = ours.join(row_people.select("node", "person_id"), "node")
    known = held.select(*IDENTIFIERS.names, "bad").distinct()
    bad = known.filter(known.bad.notnull())
    holders = bad.group_by("kind", "value").aggregate(people=_.person_id.nunique())
    shared = holders.filter(holders.people > 1)
    return known.anti_join(shared, ["kind", "value"]).select(*IDENTIFIERS.names)


def _people(
    contact_rows: ir.Table,
    row_people: ir.Table,
    bought: Bought,
    identifiers: ir.Table,
    suppressed: ir.Table | None,
) -> ir.Table:
    """One row per person. An attribute is taken from the row with the latest activity that has it.

    Consent fails closed: a no anywhere is a no, silence is no yes. Orders speak too, a guest's are
    all there is; of further consents only contacts do.
    """
    rows = row_people.left_join(contact_rows, ["source", "row_id"]).drop(
        "source_right", "row_id_right"
    )
    active = ibis.coalesce(rows.last_activity_on, rows.registered_on, ibis.date(1900, 1, 1))
    fresh = ibis.struct({"day": active, "node": -rows.node})
    first = ibis.struct(
        {"day": ibis.coalesce(rows.registered_on, ibis.date(9999, 1, 1)), "node": rows.node}
    )
    people = rows.group_by("person_id").aggregate(
        registered_on=_.registered_on.min(),
        last_activity_on=_.last_activity_on.max(),
        birth_date=_.birth_date.argmax(fresh, where=_.birth_date.notnull()),
        gender=_.gender.argmax(fresh, where=_.gender.notnull()),
        city=_.city.argmax(fresh, where=_.city.notnull()),
        channel_first=_.channel_first.argmin(first, where=_.channel_first.notnull()),
        no=(_.consent_ads == "no").any().fill_null(False),
        yes=(_.consent_ads == "yes").any().fill_null(False),
    )
    stopped = _stopped(people, identifiers, suppressed)
    marked = people.left_join(bought.said(), "person_id").drop("person_id_right")
    marked = marked.left_join(gathered(rows), "person_id").drop("person_id_right")
    refused = marked.no | marked.order_no.fill_null(False)
    if stopped is not None:
        marked = marked.left_join(stopped, "person_id").drop("person_id_right")
        refused = marked.no | marked.order_no.fill_null(False) | marked.stop.notnull()
    agreed = marked.yes | marked.order_yes.fill_null(False)
    consent = ibis.cases((refused, "no"), (agreed, "yes"), else_="unknown")
    return marked.mutate(consent_ads=consent).select(*PEOPLE.names).cast(dict(PEOPLE))


def _stopped(
    people: ir.Table, identifiers: ir.Table, suppressed: ir.Table | None
) -> ir.Table | None:
    """(person_id, stop) of everybody whom the suppression list names."""
    if suppressed is None:
        return None
    themselves = people.select("person_id", kind=ibis.literal("person_id"), value=_.person_id)
    named = stacked(identifiers, themselves)
    plain = suppressed.filter(~suppressed.digest)
    hashed = suppressed.filter(suppressed.digest)
    digests = named.mutate(value=as_digest(named.value))
    phones = named.filter(named.kind == "phone")
    bare = phones.mutate(value=phones.value.substr(1).hexdigest("sha256"))
    found = stacked(
        named.semi_join(plain, ["kind", "value"]),
        digests.semi_join(hashed, ["kind", "value"]),
        bare.semi_join(hashed, ["kind", "value"]),
    )
    return found.select("person_id", stop=ibis.literal(value=True)).distinct()
