"""What a run imports and compiles, beforehand: children of a fork server start warm.

Much of it is imported by the libraries only when a run first needs it, in each child anew.
"""

import gc
from datetime import date
from importlib import import_module

import ibis
import phonenumbers

from audiences.difference import KNOWN, PLANNED, SENT, TURNED_DOWN, judge, known_after
from audiences.model import MEMBERS

LATE = (
    "_strptime",
    "alembic.command",
    "ibis.backends.duckdb.converter",
    "ibis.formats.pandas",
    "pyarrow.dataset",
    "pyarrow.pandas_compat",
    "sqlalchemy.dialects.sqlite",
    "zoneinfo._zoneinfo",
)
"""Modules that runs import late; pandas comes with them and is the largest part of a start."""


def import_late() -> None:
    """Import them. Starts no thread."""
    for name in LATE:
        import_module(name)
    phonenumbers.PhoneMetadata.metadata_for_region("US")
    gc.freeze()  # what is there stays: no child looks through it again, page by page


def compile_differences() -> None:
    """Compile the expressions of planning and closing. Starts no thread and opens no engine."""
    wanted, known = ibis.table(MEMBERS, "wanted"), ibis.table(KNOWN, "known")
    gone = ibis.table({"person_id": "string"}, "gone")
    judged = judge(wanted, known, gone, renewal=None, as_of=date(2026, 1, 1))
    sent, refused = ibis.table(SENT, "sent"), ibis.table(TURNED_DOWN, "refused")
    after = known_after(known, ibis.table(PLANNED, "planned"), sent, refused)
    for expression in (judged, after):
        ibis.to_sql(expression, dialect="duckdb")
