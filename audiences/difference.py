"""Desired minus known, and known after what was sent: two expressions, no people in Python.

A row of a list is a person with the digests that went, or are to go, to the platform: the same
person with other digests is another row, so a changed address is the removal of the old row and
the addition of the new one. Rows are joined on the person and a short key of the digests
(`KEY`): joined on the digests, a million of them take several times the memory and the time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

import ibis
import pyarrow as pa

from audiences.holdout import day_of_spread
from audiences.model import MEMBERS, Verb

ROW = tuple(MEMBERS.names)

KEY = ("person_id", "row_key")
"""What rows are joined on; `keyed` adds it."""

Name = Callable[[ibis.Table], ibis.Table]
"""Gives a table a name in its engine, so that what asks for it twice does not have it put down."""


class Standing(StrEnum):
    """What the ledger believes of a row of a list."""

    IN = "in"
    UNSURE = "unsure"
    """An answer never came: absent when it should be in, present when it should be out."""
    REFUSED = "refused"
    """The platform does not take it for good: not sent again until the person changes."""


class Step(StrEnum):
    """The parts of a plan, in the order in which they are sent."""

    WITHDRAW = "withdraw"
    REMOVE = "remove"
    ADD = "add"
    REPLACE = "replace"
    """Instead of removing and adding: one request that says who is in the list."""

    @property
    def verb(self) -> Verb:
        """What its batches do to the list."""
        verbs = {Step.ADD: Verb.ADD, Step.REPLACE: Verb.REPLACE}
        return verbs.get(self, Verb.REMOVE)


class Reason(StrEnum):
    """Why a row is, or is not, in a plan."""

    WITHDRAWN = "withdrawn"
    LEFT = "left"
    CHANGED_FROM = "changed_from"
    CHANGED_TO = "changed_to"
    NEW = "new"
    AGAIN = "again"
    """The last answer about it never came."""
    RENEW = "renew"
    RESTORE = "restore"
    """Somebody who is removed shares a digest with it."""
    KEEP = "keep"
    REFUSED = "refused"


STEP_OF = {
    Reason.WITHDRAWN: Step.WITHDRAW,
    Reason.LEFT: Step.REMOVE,
    Reason.CHANGED_FROM: Step.REMOVE,
    Reason.CHANGED_TO: Step.ADD,
    Reason.NEW: Step.ADD,
    Reason.AGAIN: Step.ADD,
    Reason.RENEW: Step.ADD,
    Reason.RESTORE: Step.ADD,
}
"""The step of every reason that sends something."""


def _schema(*fields: "pa.Field[Any]") -> pa.Schema:
    return pa.schema(list(fields))


_MEMBER_FIELDS: "list[pa.Field[Any]]" = [MEMBERS.field(name) for name in ROW]

KNOWN = _schema(
    *_MEMBER_FIELDS,
    pa.field("standing", pa.string(), nullable=False),
    pa.field("sent_on", pa.date32()),
)
"""What the ledger believes of a list; `sent_on` is the UTC day of the last accepted addition."""

PLANNED = _schema(
    pa.field("batch", pa.int32(), nullable=False),
    pa.field("step", pa.string(), nullable=False),
    pa.field("verb", pa.string(), nullable=False),
    pa.field("reason", pa.string(), nullable=False),
    *_MEMBER_FIELDS,
)
"""The rows of a plan in the order of sending; batches are numbered from 1.

The batch of the step `replace` has everybody who is to be in the list with the verb `add`, and who
is left out with the verb `remove`.
"""

SENT = _schema(
    pa.field("batch", pa.int32()),
    pa.field("settled", pa.bool_()),
    pa.field("day", pa.date32()),
)
"""Batches that were sent or may have been."""

TURNED_DOWN = _schema(
    pa.field("batch", pa.int32()),
    pa.field("person_id", pa.string()),
    pa.field("temporary", pa.bool_()),
)
"""Members the platform did not take."""


@dataclass(frozen=True)
class Renewal:
    """When a member is sent again, before the platform drops it after `days`.

    Members fall due from 30 % to 10 % of the time before the end, each on a day of its own, so
    that a list filled at once is not renewed at once.
    """

    days: int

    @property
    def margin(self) -> int:
        """Days before the end at which the last member is due."""
        return max(1, self.days // 10)

    @property
    def spread(self) -> int:
        """Days over which renewals are spread."""
        return max(1, self.days // 5)

    def is_due(self, row: ibis.Table, as_of: date) -> ibis.Value:
        """True where a row is to be sent again on this day."""
        age = ibis.literal(as_of).delta(row.sent_on, unit="day")
        earlier = day_of_spread(row.person_id, self.spread, "renew")
        return age >= max(self.days - self.margin, 1) - earlier


def keyed(rows: ibis.Table) -> ibis.Table:
    """`rows` with `row_key`, which is another for every set of digests that a person may have.

    The engine's own hash, of 64 bits in DuckDB: never kept, and only rows of one person meet.
    """
    return rows.mutate(row_key=ibis.struct({name: rows[name] for name in ROW[1:]}).hash())


def judge(
    wanted: ibis.Table,
    known: ibis.Table,
    withdrawn: ibis.Table | None,
    *,
    renewal: Renewal | None,
    as_of: date,
) -> ibis.Table:
    """Every row that is wanted or known, with the reason of what happens to it.

    `wanted` has the columns of MEMBERS, one row per person, `known` of KNOWN, `withdrawn`
    person_id. Gives `reason` and the columns of MEMBERS. Planning asks the parts one by one and
    holds their answers (`bench.Bench`).
    """
    keys = compared(wanted, known, withdrawn)
    absent = absent_keys(keys)
    leaving = judge_leaving(keys, absent, known, withdrawn)
    reasons = judge_wanted(keys, wanted, leaving, renewal=renewal, as_of=as_of)
    staying = wanted.inner_join(reasons, "person_id")
    return staying.select(*ROW, "reason").union(leaving)


def compared(wanted: ibis.Table, known: ibis.Table, withdrawn: ibis.Table | None) -> ibis.Table:
    """Every row that is wanted or known: columns KEY, wanted, standing, sent_on.

    Whoever took consent back is not wanted; `standing` is null where a row is not known.
    """
    if withdrawn is not None:
        wanted = wanted.anti_join(withdrawn.select("person_id"), "person_id").select(*ROW)
    keys = keyed(wanted).select(*KEY)
    before = keyed(known).select(*KEY, "standing", "sent_on")
    both = keys.outer_join(before, KEY)
    return both.select(
        person_id=both.person_id.coalesce(both.person_id_right),
        row_key=both.row_key.coalesce(both.row_key_right),
        wanted=both.person_id.notnull(),
        standing=both.standing,
        sent_on=both.sent_on,
    )


def absent_keys(keys: ibis.Table) -> ibis.Table:
    """The rows that are known and not to stay: columns KEY; `keys` are what `compared` gave."""
    return keys.filter(~keys.wanted & (keys.standing != Standing.REFUSED.value)).select(*KEY)


def judge_leaving(
    keys: ibis.Table, absent: ibis.Table, known: ibis.Table, withdrawn: ibis.Table | None
) -> ibis.Table:
    """The rows of `known` that are `absent_keys`, with their reason.

    `keys` are what `compared` gave. Gives the columns of MEMBERS, reason.
    """
    leaving = keyed(known.semi_join(absent, "person_id")).semi_join(absent, KEY).select(*ROW)
    staying = keys.filter(keys.wanted).semi_join(absent, "person_id")
    leaving = _marked(leaving, staying, "wanted")
    if withdrawn is None:
        leaving = leaving.mutate(withdrawn=ibis.literal(False))
    else:
        leaving = _marked(leaving, withdrawn, "withdrawn")
    reason = ibis.cases(
        (leaving.withdrawn, Reason.WITHDRAWN.value),
        (leaving.wanted, Reason.CHANGED_FROM.value),
        else_=Reason.LEFT.value,
    )
    return leaving.select(*ROW, reason=reason)


def judge_wanted(
    keys: ibis.Table,
    wanted: ibis.Table,
    leaving: ibis.Table,
    *,
    renewal: Renewal | None,
    as_of: date,
) -> ibis.Table:
    """The reason of everybody who is wanted: columns person_id, reason.

    `keys` are what `compared` gave, `leaving` is what `judge_leaving` gave.
    """
    row = _marked(keys.filter(keys.wanted), leaving, "changed")
    row = row.left_join(_sharing(wanted, leaving), "person_id").drop("person_id_right")
    is_in = row.standing == Standing.IN.value
    due = renewal.is_due(row, as_of) if renewal else ibis.literal(False)
    reason = ibis.cases(
        (row.standing == Standing.REFUSED.value, Reason.REFUSED.value),
        (row.standing == Standing.UNSURE.value, Reason.AGAIN.value),
        (is_in & row.shares.fill_null(False), Reason.RESTORE.value),
        (is_in & due, Reason.RENEW.value),
        (is_in, Reason.KEEP.value),
        (row.changed, Reason.CHANGED_TO.value),
        else_=Reason.NEW.value,
    )
    return row.select("person_id", reason=reason)


def _sharing(wanted: ibis.Table, leaving: ibis.Table) -> ibis.Table:
    """People who stay but share a digest with a row that is removed.

    Not with one whose consent was withdrawn: that contact is not to come back.
    """
    removed = leaving.filter(leaving.reason != Reason.WITHDRAWN.value)
    removed_digests = _digests(removed).select("digest").distinct().rename(removed="digest")
    staying = _digests(wanted)
    shared = staying.join(removed_digests, staying.digest == removed_digests.removed)
    return shared.select("person_id").distinct().mutate(shares=ibis.literal(True))


def under_former_ids(
    known: ibis.Table, people: ibis.Table, gone: ibis.Table, digests: ibis.Table
) -> ibis.Table:
    """Members under an id that nobody bears any more, who share a digest with somebody of `gone`.

    Two people turn out to be one and keep the older id: what that one takes back, the member under
    the younger id has taken back too. Column person_id; `digests` has the columns of MEMBERS, and
    is of everybody.
    """
    former = _digests(known.anti_join(people, "person_id").select(*ROW))
    theirs = _digests(digests.semi_join(gone, "person_id").select(*ROW))
    return former.semi_join(theirs, "digest").select("person_id").distinct()


def _digests(rows: ibis.Table) -> ibis.Table:
    together = rows.email.concat(rows.phone, rows.external_id)
    return rows.select("person_id", digest=together.unnest())


def _marked(rows: ibis.Table, people: ibis.Table, name: str) -> ibis.Table:
    """`rows` with a boolean column: is the person among `people`?"""
    mark = people.select("person_id").distinct().mutate(**{name: ibis.literal(True)})
    joined = rows.left_join(mark, "person_id").drop("person_id_right")
    return joined.mutate(**{name: joined[name].fill_null(False)})


def known_after(
    known: ibis.Table,
    planned: ibis.Table,
    sent: ibis.Table,
    turned_down: ibis.Table,
    *,
    named: Name = lambda table: table,
) -> ibis.Table:
    """What is known of a list once these batches of a plan were sent; columns of KNOWN.

    A row to be restored counts as unsure until it is settled: what it shares a digest with may
    have been removed already.
    """
    row = planned.left_join(sent, "batch").drop("batch_right")
    row = named(keyed(row.filter(row.settled.notnull() | (row.reason == Reason.RESTORE.value))))
    untouched = keyed(known).anti_join(row, KEY).select(*KNOWN.names)
    theirs = keyed(known.semi_join(row, "person_id"))
    events = _events(theirs, row, turned_down)
    return untouched.union(events.filter(events.standing.notnull()))


def _events(known: ibis.Table, row: ibis.Table, turned_down: ibis.Table) -> ibis.Table:
    """What became of each row of a plan that was sent or may have been."""
    row = row.left_join(turned_down, ["batch", "person_id"]).drop("batch_right", "person_id_right")
    before = known.select(*KEY, before="standing", before_on="sent_on")
    row = row.left_join(before, KEY).drop("person_id_right", "row_key_right")
    settled = row.settled.fill_null(False)
    taken = settled & row.temporary.isnull()
    was_in = row.before == Standing.IN.value
    standing = ibis.cases(
        (_is(row, Verb.REMOVE) & taken, ibis.null("string")),
        # The platform kept them, but what they share a digest with may have been removed.
        (_is(row, Verb.REMOVE) & settled, Standing.UNSURE.value),
        (taken, Standing.IN.value),
        (~settled & was_in & (row.reason != Reason.RESTORE.value), Standing.IN.value),
        (~settled | was_in, Standing.UNSURE.value),
        (row.temporary, row.before),
        else_=Standing.REFUSED.value,
    )
    # a removal that may have happened leaves the row in doubt, whatever it was before
    standing = ibis.ifelse(_is(row, Verb.REMOVE) & ~settled, Standing.UNSURE.value, standing)
    sent_on = ibis.ifelse(_is(row, Verb.ADD) & taken, row.day, row.before_on)
    return row.select(*ROW, standing=standing, sent_on=sent_on)


def _is(row: ibis.Table, verb: Verb) -> ibis.Value:
    return row.verb == verb.value
