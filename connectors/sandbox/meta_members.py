"""The rows of a users payload: which are well formed, and the digests they come to."""

import hashlib
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from connectors.sandbox.meta_call import refuse
from connectors.sandbox.store import DIGEST, Rows

MAX_ROWS = 10_000
MAX_SAMPLES = 100
HASHED = [
    "EMAIL",
    "PHONE",
    "GEN",
    "DOBY",
    "DOBM",
    "DOBD",
    "LN",
    "FN",
    "FI",
    "CT",
    "ST",
    "ZIP",
    "COUNTRY",
    "EMAIL_SHA256",
    "PHONE_SHA256",
]
PLAIN = ("EXTERN_ID", "MADID", "MOBILE_ADVERTISER_ID", "UID", "APPUID", "PAGEUID")
OPTIONS = (
    "DATA_PROCESSING_OPTIONS",
    "DATA_PROCESSING_OPTIONS_COUNTRY",
    "DATA_PROCESSING_OPTIONS_STATE",
)
VALUE = "LOOKALIKE_VALUE"
ONE_KEY = ("EMAIL_SHA256", "PHONE_SHA256", "MOBILE_ADVERTISER_ID", "UID", "EXTERN_ID")
MANY_KEYS = (
    *(key for key in HASHED if key not in ONE_KEY),
    "EXTERN_ID",
    "MADID",
    "APPUID",
    "PAGEUID",
    VALUE,
    *OPTIONS,
)
COLUMNS = {
    "EMAIL": 0,
    "EMAIL_SHA256": 0,
    "PHONE": 1,
    "PHONE_SHA256": 1,
    "EXTERN_ID": 2,
    "MADID": 3,
    "MOBILE_ADVERTISER_ID": 3,
}
"""Which identifiers a person is remembered by, and where in a record; the others only help."""
WIDTH = 4 * DIGEST
SHA256 = re.compile(r"[0-9a-f]{64}")
DEVICE = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True)
class Upload:
    """A payload after reading: `samples` are cells that are not what their key says."""

    schema: tuple[str, ...]
    records: Rows
    received: int
    invalid: int
    samples: dict[str, str]


def read(payload: Any, *, value_based: bool, every_second: bool = False) -> Upload:
    """Raises Refused for a payload that is refused whole; a bad row is only counted."""
    if not isinstance(payload, dict):
        refuse(100, "The parameter payload is required")
    schema, rows = schema_of(payload.get("schema")), payload.get("data")
    if not isinstance(rows, list) or not rows:
        refuse(100, "payload.data must be a non-empty list")
    if len(rows) > MAX_ROWS:
        refuse(100, f"At most {MAX_ROWS} users in one request")
    if VALUE in schema and not value_based:
        refuse(100, f"{VALUE} needs an audience that is value based")
    raw = payload.get("is_raw", False) is True
    found: list[bytes] = []
    invalid, samples = 0, dict[str, str]()
    for place, row in enumerate(rows):
        cells = row if isinstance(row, list) else [row]
        if len(cells) != len(schema):
            refuse(100, f"Row {place} does not have the {len(schema)} columns of the schema")
        texts = [
            hashed(key, cell) if raw else cell for key, cell in zip(schema, cells, strict=True)
        ]
        wrong = fault_in(schema, texts)
        if every_second and place % 2:
            wrong = (first_cell(texts), "refused by the sandbox")
        if wrong is None:
            found.append(record(schema, texts))
            continue
        invalid += 1
        if len(samples) < MAX_SAMPLES:
            samples[wrong[0]] = wrong[1]
    records = np.unique(np.array(found, dtype=f"S{WIDTH}"))
    records = records[records != b""]
    return Upload(schema, records, len(rows), invalid, samples)


def schema_of(given: Any) -> tuple[str, ...]:
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, list) or not given:
        refuse(100, "payload.schema is a key or a list of keys")
    keys = tuple(str(key) for key in given)
    known = MANY_KEYS if len(keys) > 1 else MANY_KEYS + ONE_KEY
    unknown = [key for key in keys if key not in known]
    if unknown or len(set(keys)) < len(keys):
        refuse(100, f"payload.schema has unknown or repeated keys: {', '.join(unknown or keys)}")
    return keys


def hashed(key: str, cell: Any) -> Any:
    """The server's own hashing of a raw cell; values that look hashed pass."""
    text = str(cell).strip().lower()
    if key not in HASHED or not text or SHA256.fullmatch(text):
        return cell
    return hashlib.sha256(text.encode()).hexdigest()


def fault_in(schema: tuple[str, ...], cells: list[Any]) -> tuple[str, str] | None:
    """The first bad cell and why; None for a good row."""
    for key, cell in zip(schema, cells, strict=True):
        if cell == "" or key in OPTIONS:
            continue
        if key == VALUE:
            if not amount(cell):
                return str(cell), "not a number from 0 on"
        elif not isinstance(cell, str):
            return str(cell), "not a text"
        elif key in HASHED and not SHA256.fullmatch(cell):
            return cell, "not a SHA-256 hash in lower-case hex"
        elif key in ("MADID", "MOBILE_ADVERTISER_ID") and not DEVICE.fullmatch(cell):
            return cell, "not a mobile advertiser id"
    if all(cell == "" for key, cell in zip(schema, cells, strict=True) if key not in OPTIONS):
        return "", "an empty row"
    return None


def amount(cell: Any) -> bool:
    try:
        return not isinstance(cell, bool) and 0 <= float(cell) < float("inf")
    except (TypeError, ValueError):
        return False


def first_cell(cells: list[Any]) -> str:
    return next((str(cell) for cell in cells if cell not in ("", [])), "")


def record(schema: tuple[str, ...], cells: list[Any]) -> bytes:
    """The identifiers of a row side by side; what is no digest is remembered by its digest."""
    parts = [b"\0" * DIGEST] * (WIDTH // DIGEST)
    for key, cell in zip(schema, cells, strict=True):
        if key in COLUMNS and cell:
            parts[COLUMNS[key]] = (
                bytes.fromhex(cell)
                if key in HASHED
                else hashlib.sha256(str(cell).lower().encode()).digest()
            )
    return b"".join(parts)
