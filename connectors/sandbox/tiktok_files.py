"""Audience files of the played TikTok: uploaded once, named by a handle, read as digests."""

import hashlib
import secrets
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv
from starlette.datastructures import UploadFile

from connectors.sandbox.store import DIGEST, Document, Rows
from connectors.sandbox.tiktok_call import (
    BAD_PARAMETER,
    BAD_SIGNATURE,
    BAD_UPLOAD,
    EMPTY_FILE,
    NOT_FOUND,
    NOT_HASHED,
    OTHER_TYPE,
    TOO_LARGE,
    WRONG_SUFFIX,
    Call,
    CallError,
    Upload,
)
from connectors.sandbox.yandex_files import from_hex, matching

SHA256, MD5 = "^[0-9a-f]{64}$", "^[0-9a-f]{32}$"
PLAIN_DEVICE = "^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$"
SINGLE_TYPES = {
    **dict.fromkeys(
        ("EMAIL_SHA256", "PHONE_SHA256", "IDFA_SHA256", "GAID_SHA256", "MAID_SHA256"), SHA256
    ),
    **dict.fromkeys(("IDFA_MD5", "GAID_MD5", "MAID_MD5", "FIRST_MD5"), MD5),
    "FIRST_SHA256": SHA256,
}
MULTIPLE = "MULTIPLE_TYPES"
COLUMN_TYPES = {
    "maid": PLAIN_DEVICE,
    "phone_sha256": SHA256,
    "email_sha256": SHA256,
    "maid_sha256": SHA256,
    "maid_md5": MD5,
}
MAX_OF_A_COLUMN = 3
SUFFIXES = (".csv", ".txt")
WIDTH = 2
"""Identifiers kept side by side as one user; a row with more of them is several users here."""
MAX_BYTES = 2**30
"""Of the web interface; that the API has the same limit is UNVERIFIED."""
MAX_PATHS = 500


def read(given: Mapping[str, Any], file: UploadFile | None) -> Upload:
    """Check and read a file; takes seconds where it is large, so no transaction waits for it."""
    try:
        kind = given.get("calculate_type")
        if kind not in (*SINGLE_TYPES, MULTIPLE):
            raise CallError(BAD_PARAMETER, "calculate_type: not a known value")
        if file is None:
            raise CallError(BAD_PARAMETER, "file: a multipart file is needed")
        if not (file.filename or "").endswith(SUFFIXES):
            raise CallError(WRONG_SUFFIX, "file: .csv or .txt")
        if (file.size or 0) >= MAX_BYTES:
            raise CallError(TOO_LARGE, "file: less than 1 GB")
        content: Any = file.file
        if hashlib.file_digest(content, "md5").hexdigest() != given.get("file_signature"):
            raise CallError(BAD_SIGNATURE, "file_signature is not the file's MD5")
        return Upload(users_in(content, kind))
    except CallError as fault:
        return Upload(refused=fault)


def upload(call: Call) -> Document:
    """Keep what was read of a file, and answer its handle."""
    found = call.upload
    if found is None or found.users is None:
        raise (found.refused if found else None) or CallError(BAD_PARAMETER, "no file")
    number = call.store.next_id("file", first=1)
    path = secrets.token_hex(8)
    kind = call.given["calculate_type"]
    call.store.put(
        "file", number, {"path": path, "advertiser": call.advertiser, "calculate_type": kind}
    )
    call.store.change_members(-number, "replace", found.users)
    return {"file_path": path}


def users_of(call: Call, kind: str) -> Rows:
    """What the files named in `file_paths` hold, together."""
    paths = call.texts("file_paths", 1, MAX_PATHS)
    kept = {body["path"]: (number, body) for number, body in numbered(call)}
    parts = []
    for path in paths:
        number, body = kept.get(path, (0, {}))
        if body.get("advertiser") != call.advertiser:
            raise CallError(NOT_FOUND, "file_paths: a file is not of this advertiser")
        if body["calculate_type"] != kind:
            raise CallError(OTHER_TYPE, "calculate_type is not that of the upload")
        parts.append(call.store.members(-number, width=WIDTH * DIGEST))
    return np.unique(np.concatenate(parts))


def numbered(call: Call) -> list[tuple[int, Document]]:
    """Uploads with their numbers, which count from 1 without gaps."""
    return list(enumerate(call.store.all("file"), 1))


def users_in(file: IO[bytes], kind: str) -> Rows:
    """Distinct users of a file as rows of WIDTH identifiers; raises CallError."""
    file.seek(0, 2)
    if file.tell() == 0:
        raise CallError(EMPTY_FILE, "the file is empty")
    file.seek(0)
    columns = header(file) if kind == MULTIPLE else [kind]
    cells = cells_of(file, len(columns), skip=int(kind == MULTIPLE))
    patterns = COLUMN_TYPES if kind == MULTIPLE else SINGLE_TYPES
    length = cells.num_rows
    if not length:
        raise CallError(EMPTY_FILE, "the file has no line")
    width = -(-len(columns) // WIDTH) * WIDTH
    found = np.zeros((length, width), dtype=f"S{DIGEST}")
    for place, position in enumerate(sorted(range(len(columns)), key=columns.__getitem__)):
        values: Any = cells.column(position).combine_chunks()
        fits = matching(values, patterns[columns[position]])
        blank = matching(values, "^$") if kind == MULTIPLE else np.zeros(length, dtype=bool)
        if not (fits | blank).all():
            raise CallError(NOT_HASHED, "the file holds something that is not hashed")
        found[fits, place] = octets_of(values.filter(pa.array(fits)), patterns[columns[position]])
    rows = np.ascontiguousarray(found).view(f"S{WIDTH * DIGEST}").ravel()
    return np.unique(rows[rows != b""])


def header(file: IO[bytes]) -> list[str]:
    """Column types of a file of many types, in lower case."""
    line = file.readline(4096).decode("utf-8", errors="replace").strip()
    columns = line.lower().split(",")
    if not all(one in COLUMN_TYPES for one in columns):
        raise CallError(BAD_UPLOAD, "the header names an unknown type")
    if any(columns.count(one) > MAX_OF_A_COLUMN for one in columns):
        raise CallError(BAD_UPLOAD, f"each type at most {MAX_OF_A_COLUMN} times")
    file.seek(0)
    return columns


def cells_of(file: IO[bytes], columns: int, *, skip: int) -> pa.Table:
    names = [f"c{place}" for place in range(columns)]
    try:
        return arrow_csv.read_csv(
            file,
            read_options=arrow_csv.ReadOptions(
                column_names=names, skip_rows=skip, use_threads=False
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string())
            ),
        )
    except pa.ArrowInvalid as fault:
        if "empty" in str(fault).lower():
            raise CallError(EMPTY_FILE, "the file has no line") from None
        raise CallError(BAD_UPLOAD, "a line has not as many cells as the header") from None


def octets_of(values: Any, pattern: str) -> Rows:
    """Digests as 32 bytes; a plain device id by its SHA-256, as it would be sent hashed."""
    if pattern == SHA256:
        return from_hex(values)
    found = [
        bytes.fromhex(one) if pattern == MD5 else hashlib.sha256(one.lower().encode()).digest()
        for one in values.to_pylist()
    ]
    return np.array(found, dtype=f"S{DIGEST}")
