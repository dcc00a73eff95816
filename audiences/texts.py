"""The bytes of a delimited export as text the engine can read: its encoding, packing, line ends.

Bytes that the engine cannot read by itself (other encodings, compression) are handed to it in
memory: an anonymous file that no folder lists and no disk holds.
"""

import codecs
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

from audiences.refusals import ExportRefused

CHUNK = 1 << 20
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
    return find_text(label, path, member, encoding).open()


@dataclass(frozen=True)
class Found:
    """A file, or a member of a zip archive, that was looked at and can be opened."""

    label: str
    path: Path
    member: str | None
    encoding: str
    facts: "_Facts"

    @property
    def is_ready(self) -> bool:
        """Whether the engine can read it where it is."""
        told = self.encoding == "utf-8" and self.facts.is_utf8  # what was declared may be wrong
        return told and self.facts.plain and self.member is None

    @property
    def held(self) -> int:
        """Bytes it takes in memory while it is open, nearly."""
        return 0 if self.is_ready else self.facts.size

    def open(self) -> Text:
        """As UTF-8; converted where it must be. Raises ExportRefused."""
        if self.is_ready:
            return Text(
                self.label, str(self.path), self.facts.digest, self.encoding, self.facts.lines
            )
        return _convert(self)

    def head(self) -> str:
        """The beginning of the text, for sniffing. Raises ExportRefused."""
        first = next(_chunks(self.path, self.member))
        if self.is_ready:
            return first.decode("utf-8-sig", errors="ignore")
        try:
            return _decoder(self).decode(first)
        except UnicodeError:
            raise _not_in(self) from None


def find_text(label: str, path: Path, member: str | None, encoding: str | None) -> Found:
    """Look at a file, or a member of a zip archive. Raises ExportRefused."""
    try:
        facts = _look(label, path, member)
    except (OSError, EOFError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as fault:
        raise _unreadable(label, fault) from None
    if facts.size == 0:
        raise ExportRefused(label, "the file is empty", "Export it again.")
    known = encoding or facts.encoding(label, path, member)
    return Found(label, path, member, known, facts)


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


def _decoder(found: Found) -> io.IncrementalNewlineDecoder:
    """Gives line ends as \\n. Raises ExportRefused for an encoding nobody knows."""
    try:
        decoder = codecs.getincrementaldecoder(found.encoding)(errors="strict")
    except LookupError:
        raise _not_in(found) from None
    return io.IncrementalNewlineDecoder(decoder, translate=True)


def _not_in(found: Found) -> ExportRefused:
    return ExportRefused(
        found.label,
        f"is not written in {found.encoding}",
        "Correct encoding, or leave it out.",
    )


def _convert(found: Found) -> Text:
    if not hasattr(os, "memfd_create"):
        raise ExportRefused(
            found.label,
            "cannot be converted on this system",
            "Export it as an uncompressed UTF-8 file.",
        )
    decoder, lines = _decoder(found), _Lines()
    memory = os.memfd_create("export")
    try:
        with open(memory, "wb", closefd=False) as out:
            for chunk in chain(_chunks(found.path, found.member), [b""]):
                piece = decoder.decode(chunk, final=not chunk).encode()
                lines.count(piece)
                out.write(piece)
    except UnicodeError:
        os.close(memory)
        raise _not_in(found) from None
    path = f"/proc/self/fd/{memory}"
    return Text(found.label, path, found.facts.digest, found.encoding, lines.all, memory)
