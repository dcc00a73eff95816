"""Files of records as Yandex Audience reads them: what is in one, and which of it is valid.

Plain values are hashed on arrival, so the sandbox holds digests only. A million rows take a few
seconds: columns are matched and decoded as whole Arrow and numpy arrays.
"""

import codecs
import csv
import hashlib
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from connectors.sandbox.store import DIGEST, Rows

SHA256 = "^[0-9a-f]{64}$"
"""Lower-case, as the documents print it (UNVERIFIED: whether upper case is taken as well)."""
MD5 = "^[0-9a-fA-F]{32}$"
PLAIN = {
    "phone": "^[1-9][0-9]{9,14}$",
    "email": r"^[a-z0-9][^@\sA-Z,]*@[a-z0-9][a-z0-9.-]*\.[a-z0-9-]+$",
}
DEVICE = "^([0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9A-F]{8}-([0-9A-F]{4}-){3}[0-9A-F]{12})$"
"""GAID lower-case, IDFA upper-case, both with hyphens."""
MAC = "^[0-9a-fA-F]{12}$"
ENCODINGS = ("utf-8", "cp1251")
CHUNK = 1 << 20

Texts = Any
"""An Arrow array of texts: the stubs of pyarrow cannot follow its compute functions."""


class BadFile(Exception):
    """The file cannot be taken; `kind` is the platform's error type."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, eq=False)
class Records:
    """What a file holds. `hashed` and `plain` are distinct valid rows (S64: two identifiers)."""

    sha256: str
    columns: tuple[str, ...]
    content_type: str
    count: int
    hashed: Rows
    plain: Rows
    md5_values: int

    @property
    def looks_hashed(self) -> bool:
        """The service's own guess."""
        return len(self.hashed) > 0 or self.md5_values > 0

    @property
    def guessed_algorithm(self) -> str | None:
        if not self.looks_hashed:
            return None
        return "MD5" if self.md5_values > len(self.hashed) else "SHA256"


def read_crm(file: IO[bytes], *, every_second: bool = False) -> Records:
    """A CSV with a header row; raises BadFile. `every_second` row is taken as bad, if asked."""
    name, encoding = look_through(file)
    columns = header(file, encoding)
    wanted: list[str] = [column for column in ("phone", "email") if column in columns]
    if not wanted or len(set(columns)) != len(columns):
        raise BadFile("header_validation_error", "The header must name phone or email.")
    torn = 0

    def skip(row: arrow_csv.InvalidRow) -> Literal["skip", "error"]:
        nonlocal torn
        torn += 1
        return "skip"

    file.seek(0)
    try:
        table = arrow_csv.read_csv(
            file,
            read_options=arrow_csv.ReadOptions(encoding=encoding, use_threads=False),
            parse_options=arrow_csv.ParseOptions(invalid_row_handler=skip),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string())
            ),
        )
    except pa.ArrowInvalid:
        raise BadFile("invalid_uploading", "The file is not a CSV.") from None
    read = {column: table.column(column).combine_chunks() for column in wanted}
    return gather(
        name, columns, "crm", table.num_rows + torn, read, PLAIN, sha256_of_text, every_second
    )


def read_ids(file: IO[bytes], *, every_second: bool = False) -> Records:
    """Device ids or MAC addresses, parted by comma, tab or new line; raises BadFile."""
    name, encoding = look_through(file)
    file.seek(0)
    values: Texts = pa.array(re.split(r"[\s,]+", file.read().decode(encoding).strip()), pa.string())
    mac = bool(matching(values, MAC).sum() * 2 > len(values))
    kind, pattern = ("mac", MAC) if mac else ("idfa_gaid", DEVICE)
    plain_hash = sha256_of_octets if mac else sha256_of_text
    return gather(
        name, (), kind, len(values), {"id": values}, {"id": pattern}, plain_hash, every_second
    )


def look_through(file: IO[bytes]) -> tuple[str, str]:
    """SHA-256 of the bytes, and the encoding they fit; raises BadFile."""
    file.seek(0)
    digest = hashlib.sha256()
    fits = {name: codecs.getincrementaldecoder(name)() for name in ENCODINGS}
    while chunk := file.read(CHUNK):
        digest.update(chunk)
        for name in list(fits):
            try:
                fits[name].decode(chunk)
            except UnicodeDecodeError:
                del fits[name]
    for name, decoder in fits.items():
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        return digest.hexdigest(), name
    raise BadFile("invalid_uploading", "The file is neither UTF-8 nor Windows-1251.")


def header(file: IO[bytes], encoding: str) -> tuple[str, ...]:
    file.seek(0)
    text = io.StringIO(file.readline(CHUNK).decode(encoding))
    return tuple(next(csv.reader(text), []))


def gather(
    name: str,
    columns: tuple[str, ...],
    content_type: str,
    count: int,
    read: dict[str, Texts],
    plain_patterns: dict[str, str],
    plain_hash: Callable[[list[str]], Rows],
    every_second: bool,
) -> Records:
    """Judge every value by its form; a row counts when at least one of its values is valid."""
    length = len(next(iter(read.values())))
    hashed = np.zeros((length, 2), dtype=f"S{DIGEST}")
    plain = np.zeros((length, 2), dtype=f"S{DIGEST}")
    md5 = 0
    for place, (column, values) in enumerate(read.items()):
        md5 += matching(values, MD5).sum()
        fits = matching(values, SHA256)
        hashed[fits, place] = from_hex(values.filter(pa.array(fits)))
        fits = matching(values, plain_patterns[column])
        plain[fits, place] = plain_hash(values.filter(pa.array(fits)).to_pylist())
    if "email" in read and "phone" not in read:
        hashed, plain = hashed[:, ::-1], plain[:, ::-1]
    step = 2 if every_second else 1
    return Records(
        name, columns, content_type, count, rows(hashed[::step]), rows(plain[::step]), int(md5)
    )


def matching(values: Texts, pattern: str) -> npt.NDArray[np.bool_]:
    found: Texts = pc.match_substring_regex(values, pattern)
    return np.asarray(found.fill_null(False).to_numpy(zero_copy_only=False), dtype=np.bool_)


def rows(table: Rows) -> Rows:
    """Distinct rows with something in them, as S64."""
    joined = np.ascontiguousarray(table).view(f"S{2 * DIGEST}").ravel()
    return np.unique(joined[joined != b""])


def from_hex(values: Texts) -> Rows:
    """Digests out of an array of 64-character hex texts."""
    raw = bytes.fromhex("".join(values.to_pylist()))
    return np.frombuffer(raw, dtype=f"S{DIGEST}")


def sha256_of_text(values: list[str]) -> Rows:
    found = b"".join(hashlib.sha256(value.encode()).digest() for value in values)
    return np.frombuffer(found, dtype=f"S{DIGEST}")


def sha256_of_octets(values: list[str]) -> Rows:
    """MAC addresses are hashed as their six bytes, not as text."""
    found = b"".join(hashlib.sha256(bytes.fromhex(value)).digest() for value in values)
    return np.frombuffer(found, dtype=f"S{DIGEST}")
