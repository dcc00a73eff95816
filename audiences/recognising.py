"""A first exports.toml from the files themselves: kinds, presets and columns by their headers.

Only headers are looked at, and nothing of a row is written down.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ibis.backends.duckdb import Backend

from audiences.columns import (
    CANONICAL,
    OF_PEOPLE,
    REQUIRED,
    Mapping,
    looks_like_values,
    match_columns,
    plain,
)
from audiences.origins import origins_of
from audiences.refusals import ExportRefused
from audiences.staged import stage
from config.exports import Export, ExportKind
from config.presets import COMMON, load_preset, preset_names


@dataclass(frozen=True)
class Recognised:
    """What a file seems to be. Without a kind, no kind has all its columns in it."""

    path: str
    kind: ExportKind | None
    preset: str | None
    columns: dict[str, str]
    """Canonical column = header."""
    unknown: tuple[str, ...]
    """Headers that are not used; none if the first row looks like values."""
    said: str = ""
    """Why it cannot be read."""


def recognise(engine: Backend, path: Path, folder: Path) -> Recognised:
    """Look at one file; a file that cannot be read says why, without a value of it."""
    written = str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
    export = Export(kind=ExportKind.CONTACTS, source="crm", path=written)
    try:
        origin = origins_of(export, folder)[0]
        staged = stage(engine, origin, export, "recognised")
    except ExportRefused as fault:
        return Recognised(written, None, None, {}, (), f"{fault.what}. {fault.todo}")
    if looks_like_values(staged.headers):
        said = "the first row looks like values, not headers. Export it with a header row."
        return Recognised(written, None, None, {}, (), said)
    best = max(_readings(written, staged.headers), key=_worth, default=None)
    if best is None:
        headers = tuple(header for header in staged.headers if header.strip())
        said = "no kind of export has all its columns in it. Name them by hand."
        return Recognised(written, None, None, {}, headers, said)
    kind, preset, _own, mapping = best
    return Recognised(written, kind, preset, mapping.shown(), mapping.unknown)


_Reading = tuple[ExportKind, str | None, int, Mapping]


def _readings(path: str, headers: Sequence[str]) -> list[_Reading]:
    """Every kind and preset by which the headers have all required columns."""
    found = []
    for kind in REQUIRED:
        for preset in (None, *preset_names()):
            export = Export(kind=kind, source="crm", path=path, preset=preset)
            try:
                mapping = match_columns(path, headers, export)
            except ExportRefused:
                continue
            if _says_something(kind, mapping):
                found.append((kind, preset, _own_headers(kind, preset, headers), mapping))
    return found


def _says_something(kind: ExportKind, mapping: Mapping) -> bool:
    """A column of ids alone makes no customer cards: many files have one that are none."""
    reachable = {"email", "phone"} & set(mapping.columns)
    return kind is not ExportKind.CONTACTS or bool(reachable) or len(mapping.columns) > 1


def _own_headers(kind: ExportKind, preset: str | None, headers: Sequence[str]) -> int:
    """How many headers the preset knows that not every system may use."""
    if preset is None:
        return 0
    own, common = (
        {plain(each) for names in load_preset(name).headers(kind).values() for each in names}
        for name in (preset, COMMON)
    )
    return sum(plain(header) in own - common for header in headers)


def _worth(reading: _Reading) -> tuple[int, int, int, int, bool]:
    """Most columns first; then the kind that asks for most; then a preset only if it knows more."""
    kind, preset, own, mapping = reading
    asked = len(REQUIRED[kind])
    share = -len(CANONICAL[kind])
    return len(mapping.columns), asked, own if own > 1 else 0, share, preset is None


def as_toml(files: Sequence[Recognised]) -> str:
    """exports.toml: what was recognised, and in comments what was not."""
    parts = [_HEAD]
    for number, file in enumerate(files, 1):
        source = f"source{number}" if len(files) > 1 else "crm"
        parts.append(_export(file, source, _of_one_system(file, files)))
    return "\n".join(parts)


def _of_one_system(file: Recognised, files: Sequence[Recognised]) -> tuple[str, ...]:
    """Other files whose column of customer ids has the same header."""
    mine = file.columns.get("contact_id")
    others = (other for other in files if other is not file and mine)
    return tuple(each.path for each in others if each.columns.get("contact_id") == mine)


CONSENT = re.compile(r"соглас|подпис|рассыл|згод|підпис|розсил|consent|accepts|opt in|subscri")
"""What headers that may tell of a consent have in them, as `columns.plain` writes them."""

_HEAD = """\
# exports.toml, written by `adsteer init --from` from the headers of your files.
# Read it through, then run `adsteer check`: it shows which rows are refused and why.
# One system is one source: where files share their ids, give them the same source.

max_rejected = 0.05           # stop when more than 5 % of the rows of a file cannot be used
"""


def _export(file: Recognised, source: str, of_one: Sequence[str]) -> str:
    start = "# " if file.kind is None else ""
    lines = [f"# {file.path}: {file.said}"] if file.said else []
    lines += [
        f"{start}[[export]]",
        f"{start}kind = {_quoted((file.kind or ExportKind.CONTACTS).value)}",
        f"{start}source = {_quoted(source)}",
        f"{start}path = {_quoted(file.path)}",
    ]
    lines += [
        f"# the same ids as in {_quoted(path)}? Then give both the same source, or none of these "
        "leads to those people by its id."
        for path in of_one
    ]
    if file.preset:
        lines.append(f"preset = {_quoted(file.preset)}")
    lines += [f"# recognised: {name} = {_quoted(header)}" for name, header in file.columns.items()]
    lines += [f"# not used: {_quoted(header)}" for header in file.unknown]
    lines += [
        f"# a consent of its own? columns = {{ consent_NAME = {_quoted(header)} }}"
        for header in file.unknown
        if CONSENT.search(plain(header)) and file.kind in OF_PEOPLE
    ]
    if file.kind is ExportKind.ORDERS and "state" in file.columns:
        lines.append(
            "# Which states count? Without the next line all do, returns too, but for usual"
        )
        lines.append("# words for cancelled, new and unpaid.")
        lines.append('# values = { paid = ["..."], cancelled = ["..."], returned = ["..."] }')
    if file.kind in (ExportKind.CONTACTS, ExportKind.AGGREGATE) and (
        "consent_ads" not in file.columns
    ):
        lines.append("# No column of consent: nobody can be sent until there is one.")
        lines.append('# columns = { consent_ads = "header of consent to advertising" }')
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(sign if sign.isprintable() else " " for sign in escaped) + '"'
