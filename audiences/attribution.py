"""Whose event it is: by contact id, else by the e-mail address, else by the phone it came with."""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
from ibis import _

from audiences.contacts import contacts_in
from audiences.people import People
from audiences.staging import Staging, keep
from audiences.tables import EVENTS
from config.audiences import Identifier


def attribute(
    engine: ibis.BaseBackend,
    event_rows: ir.Table,
    contact_rows: ir.Table,
    people: People,
    regions: Sequence[str],
) -> ir.Table:
    """EVENTS of EVENT_ROWS; what leads to nobody known is left out."""
    ids = contact_rows.filter(contact_rows.contact_id.notnull())
    named = ids.join(people.person_rows, ["source", "row_id"])
    by_id = named.group_by("source", "contact_id").aggregate(by_id=_.person_id.min())
    with Staging() as passing:
        events = event_rows.left_join(by_id, ["source", "contact_id"]).select(
            *event_rows.columns, "by_id"
        )
        for kind in (Identifier.EMAIL, Identifier.PHONE):
            owner = passing.keep(_owners(engine, event_rows, people, kind, regions))
            cell = str(kind)
            joined = events.left_join(owner, events[cell] == owner.cell)
            events = joined.select(*events.columns, f"by_{cell}")
        person = ibis.coalesce(events.by_id, events.by_email, events.by_phone)
        owned = events.mutate(person_id=person).filter(_.person_id.notnull())
        return keep(owned.select(*EVENTS.names).cast(dict(EVENTS)))


def _owners(
    engine: ibis.BaseBackend,
    event_rows: ir.Table,
    people: People,
    kind: Identifier,
    regions: Sequence[str],
) -> ir.Table:
    """(cell, by_<kind>): the one person to whom a cell of contacts leads."""
    written = event_rows.select(cell=event_rows[str(kind)]).filter(_.cell.notnull()).distinct()
    found = contacts_in(engine, written, kind, regions)
    known = people.identifiers.filter(people.identifiers.kind == str(kind))
    owned = found.join(known.select("person_id", "value"), "value").group_by("cell")
    persons = owned.aggregate(least=_.person_id.min(), most=_.person_id.max())
    single = persons.filter(persons.least == persons.most)
    return single.select("cell", **{f"by_{kind}": single.least})
