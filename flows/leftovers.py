"""Lists that no rule fills any more: only those leave them who took their consent back.

A list whose audience left the rules, one that a rebuild replaced, one that a rebuild still fills:
each may serve a campaign, so a withdrawal counts there as everywhere.
"""

from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import select

from audiences.difference import ROW, Standing
from audiences.model import AudienceRef
from audiences.planning import Wanted
from audiences.records import LISTS
from config.audiences import Purpose
from flows.lists import ledger, limits_of, opposed
from flows.workshop import Workshop


def recorded(workshop: Workshop, named: Collection[tuple[str, str]]) -> list[dict[str, Any]]:
    """Records of lists on accounts of the project whose account and audience are not `named`."""
    accounts = {one.name for one in workshop.project.platforms.account}
    query = select(LISTS).order_by(LISTS.c.account, LISTS.c.audience)
    with workshop.catalog.begin() as connection:
        rows = [dict(row) for row in connection.execute(query).mappings()]
    return [
        row
        for row in rows
        if row["account"] in accounts and (row["account"], row["audience"]) not in named
    ]


def reference_of(record: dict[str, Any]) -> AudienceRef:
    """What the list of a record is found by."""
    return AudienceRef(
        record["account"],
        record["platform"],
        record["audience"],
        Purpose(record["purpose"]),
        record["title"],
    )


def withdrawals(workshop: Workshop) -> Iterator[Wanted]:
    """Each such list with somebody in it who took back a consent it asks for, without them."""
    for record in recorded(workshop, named(workshop)):
        if record["state"] not in ("ours", "retired") or record["list_id"] is None:
            continue
        audience = reference_of(record)
        gone = opposed(workshop, audience)
        known = ledger(workshop).known(audience).select(*ROW, "standing")
        there = known.filter(known.standing != Standing.REFUSED.value)
        if not there.semi_join(gone, "person_id").count().to_pyarrow().as_py():
            continue
        yield Wanted(
            audience=audience,
            limits=limits_of(workshop.lists_of(audience.account)),
            members=known.filter(known.standing == Standing.IN.value).select(*ROW),
            withdrawn=gone,
            notes=("nobody fills this list any more: who took their consent back leaves it",),
            left_behind=True,
        )


def named(workshop: Workshop) -> set[tuple[str, str]]:
    """Lists that the rules fill, under the names they have or had."""
    return {
        (account, name)
        for one in workshop.project.audiences.audience
        for account in one.accounts
        for name in (one.name, one.formerly)
        if name is not None
    }
