"""Lists that no rule fills any more: only those leave them who took their consent back.

A list whose audience left the rules, one that a rebuild replaced, one that a rebuild still fills:
each may serve a campaign, so a withdrawal counts there as everywhere.
"""

from collections.abc import Iterator

from sqlalchemy import select

from audiences.difference import ROW, Standing
from audiences.model import AudienceRef
from audiences.planning import Wanted
from audiences.records import LISTS
from config.audiences import Purpose
from flows.lists import ledger, limits_of, opposed
from flows.workshop import Workshop


def withdrawals(workshop: Workshop) -> Iterator[Wanted]:
    """Each such list with somebody in it who took back a consent it asks for, without them."""
    for audience in _left_behind(workshop):
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


def _left_behind(workshop: Workshop) -> list[AudienceRef]:
    """Lists on accounts of the project that are there and that the rules do not fill."""
    accounts = {(one.name, one.platform) for one in workshop.project.platforms.account}
    there = LISTS.c.state.in_(("ours", "retired")) & LISTS.c.list_id.is_not(None)
    query = select(LISTS).where(there).order_by(LISTS.c.account, LISTS.c.audience)
    with workshop.catalog.begin() as connection:
        rows = connection.execute(query).all()
    filled = named(workshop)
    return [
        AudienceRef(row.account, row.platform, row.audience, Purpose(row.purpose), row.title)
        for row in rows
        if (row.account, row.platform) in accounts and (row.account, row.audience) not in filled
    ]


def named(workshop: Workshop) -> set[tuple[str, str]]:
    """Lists that the rules fill, under the names they have or had."""
    return {
        (account, name)
        for one in workshop.project.audiences.audience
        for account in one.accounts
        for name in (one.name, one.formerly)
        if name is not None
    }
