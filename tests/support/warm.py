"""What a run compiles, compiled beforehand: children of a fork server start warm."""

from datetime import date

import ibis

from audiences.difference import KNOWN, PLANNED, SENT, TURNED_DOWN, judge, known_after
from audiences.model import MEMBERS


def compile_differences() -> None:
    """Compile the expressions of planning and closing. Starts no thread and opens no engine."""
    wanted, known = ibis.table(MEMBERS, "wanted"), ibis.table(KNOWN, "known")
    gone = ibis.table({"person_id": "string"}, "gone")
    judged = judge(wanted, known, gone, renewal=None, as_of=date(2026, 1, 1))
    sent, refused = ibis.table(SENT, "sent"), ibis.table(TURNED_DOWN, "refused")
    after = known_after(known, ibis.table(PLANNED, "planned"), sent, refused)
    for expression in (judged, after):
        ibis.to_sql(expression, dialect="duckdb")
