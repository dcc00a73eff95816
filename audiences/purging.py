"""Taking people out of every stored file and table, and the proof of where they were removed."""

import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Engine, delete, select, update

from audiences.forget_requests import PERSON
from audiences.model import Verb
from audiences.plan import plans_folder
from audiences.records import BATCHES, REFUSALS
from audiences.sealing import Seal, open_parquet
from audiences.snapshots import SNAPSHOTS, parts_of, write_rows


def plans_naming(state: Path, people: Collection[str], seal: Seal | None) -> list[Path]:
    """Folders of the kept plans that have one of these people."""
    folders = sorted(path for path in plans_folder(state).glob("*") if path.is_dir())
    return [folder for folder in folders if _names(folder, people, seal)]


def _names(folder: Path, people: Collection[str], seal: Seal | None) -> bool:
    return any(_rows_of(path, people, seal).num_rows for path in folder.glob("*.parquet"))


def _rows_of(path: Path, people: Collection[str], seal: Seal | None) -> pa.Table:
    with open_parquet(path, seal) as file:
        return file.read().filter(pc.field(PERSON).isin(list(people)))


def removals(
    catalog: Engine, plans: Collection[Path], people: frozenset[str], seal: Seal | None
) -> Iterator[dict[str, Any]]:
    """Account, audience, moment and receipt of every batch that took the people off a list."""
    settled = BATCHES.c.state == "settled"
    for folder in plans:
        for path in sorted(folder.glob("*.parquet")):
            rows = _rows_of(path, people, seal)
            rows = rows.filter(pc.field("verb") == Verb.REMOVE.value)
            batches = set(rows.column("batch").to_pylist())
            account, _, audience = path.stem.partition(".")
            mine = (BATCHES.c.account == account) & (BATCHES.c.audience == audience)
            this = (BATCHES.c.plan == folder.name) & BATCHES.c.number.in_(batches)
            with catalog.begin() as connection:
                for row in connection.execute(select(BATCHES).where(mine, this, settled)):
                    yield {
                        "what": "removed from a list",
                        "account": account,
                        "audience": audience,
                        "at": row.settled_at.isoformat() if row.settled_at else None,
                        "batch": row.key,
                        "receipt": row.reference or "",
                    }


def _rest_of(part: Path, people: Collection[str], seal: Seal | None) -> int:
    """One file of a snapshot that is a folder, rid of these people; the rows that are left."""
    with open_parquet(part, seal) as stored:
        schema, count = stored.schema_arrow, int(stored.metadata.num_rows)
        if PERSON not in schema.names:
            return count
        whole = stored.read()
    rest = whole.filter(~pc.field(PERSON).isin(list(people)))
    if rest.num_rows < count:
        write_rows(part.parent, part.name, schema, rest.to_batches(), seal=seal)
    return int(rest.num_rows)


def purge(
    catalog: Engine,
    state: Path,
    people: Collection[str],
    plans: Collection[Path],
    seal: Seal | None,
) -> None:
    """Take people out of every stored file and table. Plans that name them are deleted whole."""
    if not people:
        return
    with catalog.begin() as connection:
        stored = sorted(set(connection.scalars(select(SNAPSHOTS.c.path))))
    for written in stored:
        path, these = state / written, update(SNAPSHOTS).where(SNAPSHOTS.c.path == written)
        if path.is_dir():
            rows = sum(_rest_of(part, people, seal) for part in parts_of(path))
            with catalog.begin() as connection:
                connection.execute(these.values(rows=rows))
            continue
        with open_parquet(path, seal) as stored_rows:
            schema = stored_rows.schema_arrow
            if PERSON not in schema.names:
                continue
            whole = stored_rows.read()
        rest = whole.filter(~pc.field(PERSON).isin(list(people)))
        if rest.num_rows == whole.num_rows:
            continue
        name = f"{path.stem.partition('-')[0]}-{{fingerprint}}.parquet"
        file = write_rows(path.parent, name, schema, rest.to_batches(), seal=seal)
        with catalog.begin() as connection:
            connection.execute(
                these.values(
                    path=file.path.relative_to(state).as_posix(),
                    rows=file.rows,
                    fingerprint=file.fingerprint,
                )
            )
        path.unlink()
    with catalog.begin() as connection:
        connection.execute(delete(REFUSALS).where(REFUSALS.c.person_id.in_(list(people))))
    for folder in plans:
        shutil.rmtree(folder)
