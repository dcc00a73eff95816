"""Export files that were read before: their typed rows, kept by the content of the file.

What is kept is found again only under the very same bytes, under the same settings of the export,
read by the same code; so it cannot be stale. Rows with a contact are never kept, nor is a file with
a row that lies in the future, which another day may accept. As long as an export still holds
somebody who asked to be forgotten, nothing is kept at all.
"""

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis import _
from ibis.backends.duckdb import Backend

from audiences.faults import FUTURE
from audiences.phones import phones_in
from audiences.sealing import Seal, is_sealed, open_parquet
from audiences.snapshots import open_rows, parquet_writer, private_folder, stream
from audiences.staged import Origin, file_digest
from audiences.tables import REJECTS
from audiences.typed import Counted, Typed
from config.exports import Export, ExportKind
from config.shop import Shop

FOLDER = "readings"
KEPT_KINDS = (ExportKind.ORDERS, ExportKind.ORDER_LINES, ExportKind.EVENTS, ExportKind.COSTS)
"""Kinds whose rows may be without a contact; a customer card never is."""
CONTACT_LIKE = r"@|^\+?[0-9 ()-]{10,}$"
"""What an id looks like that may be somebody's address or phone."""
NUMBER_LIKE = r"^\+?[ ()-]*(?:[0-9][ ()-]*){10,}$"
"""What a number of an order looks like that may be a phone."""
CHANCE = 0.01
"""Share of orders whose numbers, written as most are, may be phones by chance."""
LOOKED_AT = 1_000
"""Order numbers of a file of which it is asked whether they are phones."""
UNNEEDED = timedelta(days=1)
"""How long a reading is kept that no run asks for: another run may be at it."""
FACTS = b"adsteer"
"""Where a kept file says what was read, in the metadata of its schema."""
PACKAGES = ("audiences", "config", "connectors", "flows")
"""Whose code decides what a refresh gives."""


@dataclass(frozen=True)
class Found:
    """A file as it was read before."""

    facts: dict[str, Any]
    typed: Typed


@dataclass(frozen=True, eq=False)
class Readings:
    """Kept readings in the state folder. `settle` or `clear` ends a run."""

    folder: Path
    shop: Shop
    as_of: date
    seal: Seal | None = None
    _run: str = field(default_factory=lambda: secrets.token_hex(8), repr=False)
    """What the offered files of this run are told from another's by."""
    _used: dict[str, bool] = field(default_factory=dict, repr=False)
    """Names of this run: true where the files are only offered so far."""

    @classmethod
    def of(cls, state: Path, shop: Shop, as_of: date, seal: Seal | None = None) -> "Readings":
        """The readings of a project."""
        return cls(state / FOLDER, shop, as_of, seal)

    def name_of(self, origin: Origin, export: Export) -> str:
        """Under which a file is kept: everything that its typed rows are a function of."""
        parts = [
            CODE,
            file_digest(origin),
            origin.label,
            origin.member,
            export.model_dump(mode="json"),
            self.shop.time_zone,
            self.shop.phone_regions,  # by which an order's number is told from a phone
        ]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def find(self, engine: Backend, name: str) -> Found | None:
        """The reading under a name, if there is one that still holds on this day."""
        path = self._path(name, "rows")
        if not path.is_file():
            return None
        facts = told_in(path, self.seal)
        if date.fromisoformat(facts["as_of"]) > self.as_of:
            return None
        self._used[name] = False
        newest = facts["newest"]
        typed = Typed(
            rows=open_rows(engine, path, self.seal),
            rejects=open_rows(engine, self._path(name, "rejects"), self.seal).cast(REJECTS),
            counted=Counted(
                facts["accepted"],
                facts["rejected"],
                date.fromisoformat(newest) if newest else None,
            ),
        )
        return Found(facts["file"], typed)

    def offer(
        self, engine: Backend, name: str, kind: ExportKind, facts: dict[str, Any], typed: Typed
    ) -> None:
        """Write a reading beside the kept ones, if it may be kept; `settle` makes it one."""
        if kind not in KEPT_KINDS or _has_contacts(engine, typed.rows, self.shop.phone_regions):
            return
        if engine.to_pyarrow((typed.rejects.reason == FUTURE).any()).as_py():
            return
        newest = typed.counted.newest
        told = {
            "as_of": self.as_of.isoformat(),
            "file": facts,
            "accepted": typed.counted.accepted,
            "rejected": typed.counted.rejected,
            "newest": newest.isoformat() if newest else None,
        }
        for what, rows, facts_of in (("rejects", typed.rejects, {}), ("rows", typed.rows, told)):
            path = self._path(name, f"{what}.{self._run}")
            write_told(engine, path, rows, facts_of, self.seal)
        self._used[name] = True

    def holds(self, name: str) -> bool:
        """Whether this run has found or offered a reading of this name."""
        return name in self._used

    @property
    def found(self) -> int:
        """How many readings this run has found."""
        return sum(not offered for offered in self._used.values())

    def rows_of(self, engine: Backend, names: Sequence[str]) -> list[ir.Table]:
        """The rows of readings of one kind, in few tables. Raises FileNotFoundError."""
        paths = [
            self._path(name, f"rows.{self._run}" if self._used.get(name) else "rows")
            for name in names
        ]
        sealed = [path for path in paths if is_sealed(path)]
        plain = [path for path in paths if path not in sealed]
        tables = [open_rows(engine, path, self.seal) for path in sealed]
        return [*tables, *([engine.read_parquet(plain)] if plain else [])]

    def settle(self, now: datetime) -> None:
        """Keep what was offered, and let go of what no run needed for a day."""
        for name, offered in self._used.items():
            if offered:  # the rows last: they are what is looked for
                for what in ("rejects", "rows"):
                    self._path(name, f"{what}.{self._run}").replace(self._path(name, what))
        needed = {self._path(name, what) for name in self._used for what in ("rows", "rejects")}
        limit = (now - UNNEEDED).timestamp()
        for path in self._files():
            if path not in needed and path.stat().st_mtime < limit:
                path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Keep nothing."""
        for path in self._files():
            path.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return list(self.folder.glob("*.parquet")) if self.folder.is_dir() else []

    def _path(self, name: str, what: str) -> Path:
        return self.folder / f"{name}.{what}.parquet"


def write_told(
    engine: Backend, path: Path, rows: ir.Table, told: dict[str, Any], seal: Seal | None
) -> None:
    """Write rows into a file of mode 0600, and beside them in its schema what is told of them."""
    private_folder(path.parent)
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    schema = rows.schema().to_pyarrow().with_metadata({FACTS: json.dumps(told).encode()})
    with path.open("wb") as target, parquet_writer(target, schema, seal) as writer:
        for batch in stream(engine, rows):
            writer.write_batch(
                pa.RecordBatch.from_arrays(batch.cast(schema).columns, schema=schema)
            )


def told_in(path: Path, seal: Seal | None) -> dict[str, Any]:
    """What `write_told` told."""
    with open_parquet(path, seal) as file:
        told: dict[str, Any] = json.loads((file.schema_arrow.metadata or {})[FACTS])
    return told


def _code_fingerprint() -> str:
    """SHA-256 of the code and the data that decide what a file is read as, and of the tools."""
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for tool in ("duckdb", "ibis-framework", "pyarrow", "phonenumbers", "python-calamine"):
        digest.update(f"{tool} {version(tool)}\n".encode())
    for folder in (here.parent / package for package in PACKAGES):
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".py", ".toml"):
                digest.update(f"{path.relative_to(here.parent)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


CODE = _code_fingerprint()
"""Of the code as it is imported here: a program that runs on is not what was installed since."""


def as_facts(file: Any) -> dict[str, Any]:
    """What is told of a file (exports.FileRead), ready for JSON."""
    return {key: value for key, value in asdict(file).items() if key not in ("kind", "newest")}


def _has_contacts(engine: Backend, rows: ir.Table, regions: Sequence[str]) -> bool:
    named = set(rows.columns)
    held = [rows[name].notnull() for name in ("email", "phone") if name in named]
    if "contact_id" in named:
        held.append(rows.contact_id.re_search(CONTACT_LIKE))
    if "order_id" not in named:
        return bool(held) and bool(engine.to_pyarrow(ibis.or_(*held).any()).as_py())
    held.append(rows.order_id.contains("@"))
    like = rows.order_id.re_search(NUMBER_LIKE)
    asked = rows.aggregate(contact=ibis.or_(*held).any(), like=like.sum())
    found = engine.to_pyarrow(asked).to_pylist()[0]
    if found["contact"] or not found["like"]:
        return bool(found["contact"])
    return _are_phones(engine, rows.mutate(like=like, form=_form(rows.order_id)), regions)


def _form(number: ir.StringValue) -> ir.StringValue:
    """How a number is written: how long where it is figures alone, else the signs between them."""
    figures = number.re_search("^[0-9]+$")
    return ibis.ifelse(figures, number.length().cast("string"), number.re_replace("[0-9]+", "9"))


def _are_phones(engine: Backend, rows: ir.Table, regions: Sequence[str]) -> bool:
    """Whether people's phones stand where numbers of orders do.

    One that is written as most numbers are may be a phone by chance; any other was put there.
    """
    every = int(engine.to_pyarrow(rows.count()).as_py())
    forms = rows.group_by("form").aggregate(rows=_.count(), like=_.like.sum())
    (usual,) = engine.to_pyarrow(forms.order_by(_.rows.desc(), _.form).limit(1)).to_pylist()
    form = usual["form"] if usual["rows"] * 2 > every else ""
    numbers = rows.filter(rows.like)
    if _share_of_phones(engine, numbers.filter(numbers.form != form), regions):
        return True
    by_chance = _share_of_phones(engine, numbers.filter(numbers.form == form), regions)
    return bool(by_chance * usual["like"] > CHANCE * every)


def _share_of_phones(engine: Backend, numbers: ir.Table, regions: Sequence[str]) -> float:
    """Of some numbers, the same each time."""
    some = numbers.select("order_id").distinct().order_by([_.order_id.hash(), _.order_id])
    looked_at = engine.to_pyarrow(some.limit(LOOKED_AT)).column(0).to_pylist()
    phones = sum(bool(phones_in(number, regions)) for number in looked_at)
    return phones / len(looked_at) if looked_at else 0.0
