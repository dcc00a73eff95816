"""Files of users lists as VK Ads reads them: lines, their faults, and the digests they stand for.

Plain values are hashed on arrival, as the platform does, so the sandbox holds digests only. Every
line is judged by its form: 32 hex digits are a hash, 64 (a SHA-256, made for other platforms) are
no hash and no address either.
"""

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from connectors.sandbox.frame import View
from connectors.sandbox.store import DIGEST, Rows

FEWEST, FEWEST_OF_DIFF, MOST = 2000, 25, 5_000_000
MAX_BYTES = 128 * 2**20
MD5_BYTES = 16
MD5 = re.compile(r"[0-9a-fA-F]{32}\Z")
HEXADECIMAL = re.compile(r"[0-9a-fA-F]{33,}\Z")
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
HEADER = ("id", "client_user_id", "date_time")
DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\Z")

FORMS: dict[str, tuple[re.Pattern[str], str, bool]] = {
    "emails": (re.compile(r"[^@\s,]+@[^@\s,]+\.[^@\s,]+\Z"), "invalid_email", True),
    "phones": (re.compile(r"[1-9]\d{9,14}\Z"), "invalid_phone", True),
    "vk": (re.compile(r"\d{1,19}\Z"), "invalid_uint", False),
    "ok": (re.compile(r"\d{1,19}\Z"), "invalid_uint", False),
    "mm": (re.compile(r"\d{1,19}\Z"), "invalid_uint", False),
    "mac": (re.compile(r"([0-9A-Fa-f]{2}:?){6}\Z"), "invalid_mac", False),
    "advertising_id": (UUID, "invalid_md5", True),
    "idfa": (UUID, "invalid_md5", True),
    "android_id": (re.compile(r"[0-9a-fA-F]{16}\Z"), "invalid_md5", True),
    "device_id": (re.compile(r"\S+\Z"), "invalid_md5", True),
}
"""Per type: the plain form, the code of a line in no known form, whether hashes are taken."""
UNPLAYED = ("dmp_id", "dmp_top", "mparticle", "human")
"""Types whose files are not documented; the sandbox has no words for them."""
TYPES = (*FORMS, *UNPLAYED)


class BadFile(Exception):
    """The whole file is refused; `faults` are of its field."""

    def __init__(self, *faults: View) -> None:
        super().__init__(len(faults))
        self.faults = list(faults)


@dataclass(frozen=True, eq=False)
class Lines:
    """What a file holds: distinct digests of its good lines, and the faults of the others."""

    count: int
    good: Rows
    faults: list[View]


def read(content: bytes, kind: str, *, fewest: int, every_second: bool = False) -> Lines:
    """Raises BadFile. `every_second` line is taken as bad, if asked."""
    if kind in UNPLAYED:
        raise BadFile({"code": "file_reading_error"})
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise BadFile({"code": "file_reading_error"}) from None
    values = list(cells(lines))
    if len(values) < fewest:
        raise BadFile({"code": "not_enough_ids"})
    if len(values) > MOST:
        raise BadFile({"code": "too_many_ids"})
    return judged(values, judge_of(kind), every_second)


def cells(lines: list[str]) -> Iterator[tuple[int, str, str]]:
    """Number, line and id of every line; a first line with commas or `id` is a header."""
    if not lines:
        return
    names = [name.strip() for name in lines[0].split(",")]
    if "id" not in names:
        if len(names) > 1:
            raise BadFile({"code": "invalid_csv_header"})
        yield from ((number, line, line) for number, line in enumerate(lines, 1))
        return
    if not set(names) <= set(HEADER) or len(set(names)) < len(names):
        raise BadFile({"code": "invalid_csv_header"})
    rows = csv.reader(io.StringIO("\n".join(lines[1:])))
    for number, row in enumerate(rows, 2):
        yield number, lines[number - 1], cell(row, names, number)


def cell(row: list[str], names: list[str], number: int) -> str:
    if len(row) != len(names):
        raise BadFile({"line_number": number, "code": "csv_line_column_index_error"})
    given = dict(zip(names, row, strict=True))
    if not given["id"]:
        for name in ("client_user_id", "date_time"):
            if given.get(name):
                code = f"empty_user_id_with_non_empty_{name}"
                raise BadFile({"line_number": number, "code": code})
    if given.get("date_time") and not DATE_TIME.match(given["date_time"]):
        raise BadFile({"line_number": number, "code": "invalid_date_time"})
    return given["id"]


def judge_of(kind: str) -> Callable[[str], str]:
    """A function from a value to the code of its fault, or ''."""
    plain, code, hashes = FORMS[kind]

    def judge(value: str) -> str:
        if (hashes and MD5.match(value)) or plain.match(value):
            return ""
        return "invalid_md5" if hashes and HEXADECIMAL.match(value) else code

    return judge


def judged(
    values: list[tuple[int, str, str]], judge: Callable[[str], str], every_second: bool
) -> Lines:
    good: set[str] = set()
    faults: list[View] = []
    for place, (number, line, value) in enumerate(values):
        code = judge(value)
        if every_second and place % 2:
            code = code or "invalid_uint"
        if not code and value in good:
            code = "duplicated_user_id"
        if code:
            faults.append({"line_number": number, "line": line, "error_code": code})
        else:
            good.add(value)
    if not good:
        raise BadFile(*({**one, "code": one.pop("error_code")} for one in faults))
    return Lines(len(values), digests(good), faults)


def digests(values: set[str]) -> Rows:
    """MD5 of plain values, the hashes themselves otherwise, as rows of the store's width."""
    found = [
        bytes.fromhex(value) if MD5.match(value) else hashlib.md5(value.encode()).digest()  # noqa: S324  what the platform does
        for value in values
    ]
    return np.unique(np.array(found, dtype=f"S{DIGEST}"))
