"""One list laid beside what is known of it, in the engine: who comes, who goes, and why."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import chain

import ibis
import pyarrow as pa
from ibis.backends.duckdb import Backend

from audiences.difference import (
    ROW,
    STEP_OF,
    Reason,
    Renewal,
    Step,
    absent_keys,
    compared,
    judge_leaving,
    judge_wanted,
)
from audiences.snapshots import held, held_answer, stream, viewed


@dataclass(frozen=True, eq=False)
class Judged:
    """One list, judged; its rows are held by the engine while it is planned."""

    reasons: Mapping[str, int]
    """How many rows have each reason."""
    to_send: Iterable[pa.RecordBatch]
    """The rows that are sent, in the order of sending: reason and the columns of MEMBERS."""
    wanted: ibis.Table
    because: ibis.Table
    """The reason of everybody who is wanted: columns person_id, reason."""
    leaving: ibis.Table

    @property
    def everybody(self) -> ibis.Table:
        """Every row that is wanted or known: the columns of MEMBERS and reason."""
        staying = self.wanted.inner_join(self.because, "person_id").select(*ROW, "reason")
        return staying.union(self.leaving)


class Bench:
    """Where lists are laid side by side, one after the other: wanted, known, withdrawn.

    The questions are the same for every list of a platform, so they are put into SQL once: that
    takes longer than answering them for a small list. Only who leaves, and who comes, is carried
    along with all digests; the many who stay are a key and a reason.
    """

    def __init__(self, engine: Backend, as_of: date) -> None:
        self.engine = engine
        self._as_of = as_of
        self._questions: dict[tuple[str, Renewal | None], str] = {}

    @contextmanager
    def judged(
        self,
        wanted: ibis.Table,
        known: ibis.Table,
        withdrawn: ibis.Table | None,
        renewal: Renewal | None,
    ) -> Iterator[Judged]:
        """Every row that is wanted or known, with its reason; as `audiences.difference.judge`."""
        nobody = known.filter(ibis.literal(value=False))
        gone = nobody if withdrawn is None else withdrawn
        with ExitStack() as held_here:

            def answered(name: str, question: Callable[[], ibis.Table]) -> ibis.Table:
                query = self._query(name, question, renewal)
                return held_here.enter_context(held_answer(self.engine, query, name))

            wanted = held_here.enter_context(held(self.engine, wanted.select(*ROW), "wanted_rows"))
            known = held_here.enter_context(viewed(self.engine, known, "known_rows"))
            people = gone.select("person_id")
            gone = held_here.enter_context(held(self.engine, people, "withdrawn_people"))

            keys = answered("compared_keys", lambda: compared(wanted, known, gone))
            absent = answered("absent_keys", lambda: absent_keys(keys))
            leaving = answered("leaving", lambda: judge_leaving(keys, absent, known, gone))
            reasons = answered(
                "reasons",
                lambda: judge_wanted(keys, wanted, leaving, renewal=renewal, as_of=self._as_of),
            )
            counted = answered("counted", lambda: _counted(reasons, leaving))
            to_send = chain.from_iterable(
                stream(self.engine, self._query(name, question, renewal))
                for name, question in (
                    ("going", lambda: _going(leaving)),
                    ("coming", lambda: _coming(wanted, reasons)),
                )
            )
            yield Judged(_by_reason(self.engine, counted), to_send, wanted, reasons, leaving)

    def _query(self, name: str, question: Callable[[], ibis.Table], renewal: Renewal | None) -> str:
        """A question in SQL, compiled the first time."""
        if (name, renewal) not in self._questions:
            self._questions[name, renewal] = self.engine.compile(question())
        return self._questions[name, renewal]


def _counted(reasons: ibis.Table, leaving: ibis.Table) -> ibis.Table:
    both = reasons.select("reason").union(leaving.select("reason"))
    return both.group_by("reason").agg(people=both.count())


def _by_reason(engine: Backend, counted: ibis.Table) -> Mapping[str, int]:
    table = engine.to_pyarrow(counted)
    return dict(zip(*(table[name].to_pylist() for name in ("reason", "people")), strict=True))


def _going(leaving: ibis.Table) -> ibis.Table:
    """Who is removed, in the order of sending; a person may have several rows."""
    place = (leaving.reason != Reason.WITHDRAWN.value).cast("int8")
    return leaving.mutate(place=place).order_by("place", *ROW).select("reason", *ROW)


def _coming(wanted: ibis.Table, reasons: ibis.Table) -> ibis.Table:
    """Who is added, in the order of sending: by the person, who has one row only."""
    added = [why.value for why, step in STEP_OF.items() if step is Step.ADD]
    sent = reasons.filter(reasons.reason.isin(added))
    return wanted.inner_join(sent, "person_id").order_by("person_id").select("reason", *ROW)
