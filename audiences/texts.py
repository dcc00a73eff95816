"""The bytes of a delimited export: its encoding, its delimiter, where its records begin.

Bytes that the engine cannot read by itself (other encodings, compression) are handed to it in
memory: an anonymous file that no folder lists and no disk holds.
"""

import codecs
import csv
import gzip
import io
import os
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from audiences.refusals import ExportRefused

CHUNK = 1 << 20
SNIFFED_ROWS = 50
DELIMITERS = ";,\t|"
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass
class Text:
    """A file as UTF-8 text the engine can open at `path`; close it to free the memory."""

    label: str
    path: str
    digest: str
    encoding: str
    lines: int
    """Physical lines; the last may lack its end."""
    _memory: int | None = None

    @property
    def converted(self) -> bool:
        """Whether it is held in memory."""
        return self._memory is not None

    def head(self) -> str:
        """The beginning of the text, for sniffing."""
        with Path(self.path).open("rb") as file:
            return file.read(CHUNK).decode("utf-8-sig", errors="ignore")

    def content(self) -> bytes:
        """All of it."""
        return Path(self.path).read_bytes()

    def close(self) -> None:
        """Free the memory of a text that was converted."""
        if self._memory is not None:
            os.close(self._memory)
            self._memory = None


def open_text(label: str, path: Path, member: str | None, encoding: str | None) -> Text:
    """A file, or a member of a zip archive, as UTF-8. Raises ExportRefused."""
    try:
        facts = _look(label, path, member)
    except (OSError, EOFError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as fault:
        raise _unreadable(label, fault) from None
    if facts.size == 0:
        raise ExportRefused(label, "the file is empty", "Export it again.")
    known = encoding or facts.encoding(label, path, member)
    if facts.plain and known == "utf-8" and member is None:
        return Text(label, str(path), facts.digest, known, facts.lines)
    return _convert(label, path, member, known, facts)


def _unreadable(label: str, fault: BaseException) -> ExportRefused:
    kind = type(fault).__name__
    return ExportRefused(label, f"cannot be opened ({kind})", "Check that the file is whole.")


@dataclass(frozen=True)
class _Facts:
    """What one pass over the bytes tells."""

    size: int
    digest: str
    start: bytes
    is_utf8: bool
    plain: bool
    """Neither packed nor with line ends that are a carriage return alone."""
    zeros: bool
    lines: int

    def encoding(self, label: str, path: Path, member: str | None) -> str:
        for mark, name in BOMS:
            if self.start.startswith(mark):
                return name
        if self.zeros:
            return _wide(label, self.start)
        return "utf-8" if self.is_utf8 else _one_byte(label, path, member)


def _look(label: str, path: Path, member: str | None) -> _Facts:
    digest, size, zeros, start, plain = sha256(), 0, False, b"", path.suffix.lower() != ".gz"
    decoder, is_utf8 = codecs.getincrementaldecoder("utf-8")(), True
    lines = _Lines()
    for chunk in _chunks(path, member):
        start = start or chunk[:4096]
        size += len(chunk)
        digest.update(chunk)
        lines.count(chunk)
        zeros = zeros or b"\0" in chunk
        if b"\r" in chunk:
            plain = plain and chunk.count(b"\r") == chunk.count(b"\r\n")
        is_utf8 = is_utf8 and _decodes(decoder, chunk)
    is_utf8 = is_utf8 and _decodes(decoder, b"", final=True)
    return _Facts(size, digest.hexdigest(), start, is_utf8, plain, zeros, lines.all)


class _Lines:
    """Counts the lines of a text that comes in pieces."""

    def __init__(self) -> None:
        self._ends, self._last = 0, b"\n"

    def count(self, piece: bytes) -> None:
        self._ends += int(np.count_nonzero(np.frombuffer(piece, np.uint8) == ord("\n")))
        self._last = piece[-1:] or self._last

    @property
    def all(self) -> int:
        return self._ends + (self._last != b"\n")


def _decodes(decoder: codecs.IncrementalDecoder, piece: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(piece, final)
    except UnicodeDecodeError:
        return False
    return True


def _chunks(path: Path, member: str | None) -> Iterator[bytes]:
    with _open(path, member) as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _open(path: Path, member: str | None) -> IO[bytes]:
    if member is not None:
        return zipfile.ZipFile(path).open(member)
    if path.suffix.lower() == ".gz":
        return io.BufferedReader(gzip.open(path))
    return path.open("rb")


def _wide(label: str, start: bytes) -> str:
    """UTF-16 without a mark: every second byte of Latin text is zero. Else it is no text."""
    even, odd = start[0::2].count(0), start[1::2].count(0)
    if max(even, odd) > 4 * min(even, odd) and max(even, odd) * 10 > len(start):
        return "utf-16-be" if even > odd else "utf-16-le"
    raise ExportRefused(label, "holds zero bytes, so it is no text", "Export it as CSV or XLSX.")


def _one_byte(label: str, path: Path, member: str | None) -> str:
    """cp1251 if what it gives is mostly Cyrillic letters, cp1252 if it gives Latin ones."""
    high: Counter[int] = Counter()
    for chunk in _chunks(path, member):
        counts = np.bincount(np.frombuffer(chunk, dtype=np.uint8), minlength=256)
        high.update({byte: int(counts[byte]) for byte in range(128, 256) if counts[byte]})
    for name, letters in (("cp1251", r"[а-яёіїєґА-ЯЁІЇЄҐ№\u00a0]"), ("cp1252", r"[À-ÿ€\u00a0]")):
        try:
            good = {b: re.match(letters, bytes([b]).decode(name)) is not None for b in high}
        except UnicodeDecodeError:
            continue
        text = [b for b in high if bytes([b]).decode(name).isalpha()]
        if sum(high[b] for b in high if good[b]) > 0.7 * high.total() and _sane(name, high, text):
            return name
    raise ExportRefused(
        label, "encoding not recognised", "Say it: encoding = 'cp1251' (or utf-8, utf-16, cp1252)."
    )


def _sane(name: str, high: Counter[int], letters: list[int]) -> bool:
    """Cyrillic text is mostly lower or mostly upper case; Latin text in cp1251 would be neither."""
    return bool(letters) and len(letters) >= (4 if name == "cp1251" else 1)


def _convert(label: str, path: Path, member: str | None, encoding: str, facts: _Facts) -> Text:
    if not hasattr(os, "memfd_create"):
        raise ExportRefused(
            label, "cannot be converted on this system", "Export it as an uncompressed UTF-8 file."
        )
    memory, lines = os.memfd_create("export"), _Lines()
    try:
        decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
        newlines = io.IncrementalNewlineDecoder(decoder, translate=True)
        with open(memory, "wb", closefd=False) as out:
            for chunk in chain(_chunks(path, member), [b""]):
                piece = newlines.decode(chunk, final=not chunk).encode()
                lines.count(piece)
                out.write(piece)
    except (UnicodeError, LookupError):
        os.close(memory)
        raise ExportRefused(
            label, f"is not written in {encoding}", "Correct encoding, or leave it out."
        ) from None
    path_of_memory = f"/proc/self/fd/{memory}"
    return Text(label, path_of_memory, facts.digest, encoding, lines.all, memory)


# Shape


@dataclass(frozen=True)
class Shape:
    """How a delimited text is laid out: its first records and how many lines lie above the rest."""

    delimiter: str
    rows: tuple[tuple[str, ...], ...]
    ends: tuple[int, ...]
    """Physical lines read when each of `rows` was complete, the sep= line among them."""


def shape_of(label: str, head: str, delimiter: str | None) -> Shape:
    """The delimiter that gives most of the first rows the same number of fields, at least two."""
    above, named = 0, delimiter
    first = head.split("\n", 1)[0].strip().strip('"')
    if re.fullmatch(r"sep=.", first, flags=re.IGNORECASE):
        above, named = 1, delimiter or first[-1]
        head = head.split("\n", 1)[1] if "\n" in head else ""
    shapes = [_rows(head, sign, above) for sign in ([named] if named else DELIMITERS)]
    best = max(shapes, key=_agreement)
    if not best.rows:
        raise ExportRefused(label, "has no rows", "Export it again.")
    return best


def _agreement(shape: Shape) -> tuple[float, int]:
    sizes = Counter(len(row) for row in shape.rows if len(row) >= 2)
    if not sizes:
        return (0.0, 0)
    size, rows = max(sizes.items(), key=lambda item: (item[1], item[0]))
    return (rows / len(shape.rows), size)


def _rows(head: str, delimiter: str, above: int) -> Shape:
    reader = csv.reader(io.StringIO(head), delimiter=delimiter)
    rows, ends = [], []
    try:
        for row in reader:
            if row:
                rows.append(tuple(row))
                ends.append(above + reader.line_num)
            if len(rows) == SNIFFED_ROWS:
                break
    except csv.Error:  # a field past the module's limit: what was read so far has to do
        pass
    return Shape(delimiter, tuple(rows), tuple(ends))


# Records


@dataclass(frozen=True)
class Records:
    """Where each record begins: its byte, and its physical line (1 is the first of the file)."""

    offsets: npt.NDArray[np.int64]
    lines: npt.NDArray[np.int64]


def records_of(content: bytes, skip_lines: int) -> Records:
    """Records below the first `skip_lines` lines; a line break inside quotes ends no record.

    Blank lines are no records.
    """
    data = np.frombuffer(content, dtype=np.uint8)
    breaks = np.flatnonzero(data == ord("\n"))
    below = int(breaks[skip_lines - 1]) + 1 if 0 < skip_lines <= len(breaks) else 0
    if skip_lines > len(breaks):
        return Records(np.empty(0, np.int64), np.empty(0, np.int64))
    quotes = np.flatnonzero(data[below:] == ord('"')) + below
    breaks = breaks[breaks >= below]
    ending = breaks[np.searchsorted(quotes, breaks) % 2 == 0]
    starts = np.concatenate(([below], ending + 1)).astype(np.int64)
    lengths = np.diff(np.concatenate((starts, [len(data) + 1]))) - 1
    carriage = (
        np.array([n == 1 and data[s] == ord("\r") for s, n in zip(starts, lengths, strict=True)])
        if (lengths == 1).any()
        else np.zeros(len(starts), bool)
    )
    starts = starts[(lengths > 0) & ~carriage]
    lines = skip_lines + 1 + np.searchsorted(breaks, starts)
    return Records(starts, lines.astype(np.int64))
