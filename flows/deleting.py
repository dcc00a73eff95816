"""Lists whose audience left the rules: told with every plan, deleted on a person's word only."""

from audiences.lookalikes import grown_from
from audiences.model import AudienceRef
from audiences.orphans import Orphan, forget_list, orphans, refuse_to_delete
from bids.ledger import BidLedger
from config.audiences import Purpose
from flows.documents import Document
from flows.leftovers import named
from flows.lists import leased, ledger
from flows.workshop import CannotRun, Workshop


def left_behind(workshop: Workshop) -> tuple[Orphan, ...]:
    """Lists of ours on accounts of the project that no audience asks for any more."""
    accounts = {one.name for one in workshop.project.platforms.account}
    return tuple(
        one for one in orphans(workshop.catalog, named(workshop)) if one.account in accounts
    )


def notes(workshop: Workshop) -> list[str]:
    """What a plan says of them."""
    return [
        f"{one.account}/{one.audience}: not in audiences.toml any more; list {one.list_id} stays "
        f"as it is, but for withdrawn consent, until `adsteer delete {one.audience}`."
        for one in left_behind(workshop)
    ]


def delete_list(workshop: Workshop, name: str, account: str | None) -> Document:
    """Delete a list of ours, and the look-alikes grown from it, on its platform.

    Raises CannotRun while the rules name the audience or a correction of ours hangs on the list,
    ListNotOurs for a list that this project did not make.
    """
    found = [
        one
        for one in left_behind(workshop)
        if one.audience == name and account in (None, one.account)
    ]
    if not found:
        raise CannotRun(
            f"{name}: no list of ours is left behind under this name. A list that audiences.toml "
            "still names would be made again: take it out there first."
        )
    if len(found) > 1:
        raise CannotRun(f"{name}: say which account: {', '.join(one.account for one in found)}.")
    (orphan,) = found
    _refuse_while_corrected(workshop, orphan)
    connector = workshop.lists_of(orphan.account)
    ref = AudienceRef(
        orphan.account, connector.platform, orphan.audience, Purpose.RETARGETING, orphan.title
    )
    with leased(workshop, {ref.account}) as leases:
        ledger(workshop).recover(ref, leases[ref.account])
        refuse_to_delete(workshop.catalog, ref)
        with workshop.catalog.begin() as connection:
            grown = [one.list_id for one in grown_from(connection, ref).values() if one.list_id]
        for list_id in (*grown, orphan.list_id):
            connector.delete(list_id)
        forget_list(workshop.catalog, ref, leases[ref.account], clock=workshop.now)
    return {
        "account": ref.account,
        "audience": ref.audience,
        "title": ref.title,
        "deleted": [*grown, orphan.list_id],
    }


def _refuse_while_corrected(workshop: Workshop, orphan: Orphan) -> None:
    memory = BidLedger(workshop.catalog)
    for account in workshop.project.platforms.account:
        if (account.lists_from or account.name) != orphan.account:
            continue
        condition = memory.condition(account.name, orphan.list_id)
        standing = [
            one
            for one in memory.recorded(account.name)
            if one.condition_id == condition and (one.percent is not None or one.intended)
        ]
        if condition is not None and standing:
            raise CannotRun(
                f"{orphan.account}/{orphan.audience}: {len(standing)} corrections on {account.name}"
                " still name this list. `adsteer apply` takes them away first."
            )
