"""Who did what, when and to which plan: the audit log. Rows are added, never changed."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Engine, Integer, String, Table, Text, insert, select

from audiences.catalog import Instant, metadata

ACTIONS = Table(
    "actions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("who", Text, nullable=False),
    Column("role", String(20), nullable=False),
    Column("what", String(40), nullable=False),
    Column("fingerprint", String(64), nullable=False, index=True),
    Column("said", Text, nullable=False),
)


@dataclass(frozen=True)
class Action:
    """One deed of a person. `said` is a reason or an outcome; never a contact, never a secret."""

    at: datetime
    who: str
    role: str
    what: str
    fingerprint: str = ""
    """Of the plan it was about; empty where it was about none."""
    said: str = ""


def record_action(catalog: Engine, action: Action) -> None:
    """Add one line, in a transaction of its own."""
    row = {name: getattr(action, name) for name in action.__match_args__}
    with catalog.begin() as connection:
        connection.execute(insert(ACTIONS).values(**row))


def last_actions(catalog: Engine, *, most: int = 200, fingerprint: str = "") -> list[Action]:
    """The last deeds, newest first; those about one plan if it is named."""
    query = select(ACTIONS).order_by(ACTIONS.c.id.desc()).limit(most)
    if fingerprint:
        query = query.where(ACTIONS.c.fingerprint == fingerprint)
    with catalog.begin() as connection:
        rows = connection.execute(query).mappings()
        return [Action(**{name: row[name] for name in Action.__match_args__}) for row in rows]
