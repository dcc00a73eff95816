"""Which column of an export is what: headers against the project, the preset and known synonyms."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from audiences.refusals import ExportRefused
from config.consents import consent_of
from config.exports import Export, ExportKind
from config.presets import COMMON, load_preset

SEVERAL = ("email", "phone")
"""Columns of which a person may have several: all that match are joined in one cell."""

REQUIRED: dict[ExportKind, tuple[tuple[str, ...], ...]] = {
    ExportKind.CONTACTS: (("contact_id", "external_id", "email", "phone"),),
    ExportKind.ORDERS: (
        ("order_id",),
        ("ordered_on",),
        ("amount", "price"),
        ("contact_id", "email", "phone"),
    ),
    ExportKind.AGGREGATE: (
        ("contact_id", "external_id", "email", "phone"),
        ("last_ordered_on",),
        ("orders",),
        ("amount",),
    ),
    ExportKind.ORDER_LINES: (("order_id",), ("category", "sku"), ("amount",)),
    ExportKind.EVENTS: (("ts",), ("kind",), ("contact_id", "email", "phone")),
    ExportKind.COSTS: (("date",), ("platform",), ("campaign_id",), ("cost",)),
}
"""Of each group at least one column must be there."""

OF_PEOPLE = (ExportKind.CONTACTS, ExportKind.AGGREGATE)
"""Kinds whose rows may have columns of further consents, each named by its project."""

CANONICAL: dict[ExportKind, tuple[str, ...]] = {
    kind: tuple(load_preset(COMMON).headers(kind)) for kind in REQUIRED
}


@dataclass(frozen=True)
class Mapping:
    """Where each canonical column is found: places in the header row."""

    columns: dict[str, tuple[int, ...]]
    headers: tuple[str, ...]
    unknown: tuple[str, ...] = field(default=())

    def shown(self) -> dict[str, str]:
        """Canonical column = header, for a person to read."""
        return {
            name: ", ".join(self.headers[place] for place in places)
            for name, places in self.columns.items()
        }


def plain(header: str) -> str:
    """A header as it is compared: NFKC, lower case, ё as е, blanks and punctuation collapsed."""
    text = unicodedata.normalize("NFKC", header).lower().replace("ё", "е")
    return " ".join(re.findall(r"\w+", text.replace("_", " ")))


def synonyms(export: Export) -> dict[str, tuple[str, ...]]:
    """Headers by canonical column: the preset's first, then those any system may use."""
    known = load_preset(COMMON).headers(export.kind)
    preset = load_preset(export.preset).headers(export.kind) if export.preset else {}
    return {
        name: tuple(dict.fromkeys(map(plain, (*preset.get(name, ()), *known.get(name, ())))))
        for name in CANONICAL[export.kind]
    }


def header_place(rows: Sequence[Sequence[str]], export: Export) -> int:
    """Which of the first rows holds the headers: the first with two that are known, else row 0."""
    known = {header for headers in synonyms(export).values() for header in headers}
    known |= {plain(header) for header in export.columns.values()}
    for place, row in enumerate(rows):
        if sum(plain(cell) in known for cell in row) >= 2:
            return place
    return 0


def match_columns(file: str, headers: Sequence[str], export: Export) -> Mapping:
    """Find every canonical column. Raises ExportRefused if a required one is missing or unclear."""
    found = [plain(header) for header in headers]
    columns = _written_columns(file, headers, export)
    for name, wanted in synonyms(export).items():
        if name not in columns:
            places = [place for header in wanted for place in _places(found, header)]
            if places:
                columns[name] = tuple(places) if name in SEVERAL else tuple(places[:1])
                same = [place for place in places if found[place] == found[places[0]]]
                _refuse_twice(file, name, headers, same)
    _refuse_missing(file, columns, headers, export)
    used = {place for places in columns.values() for place in places}
    unknown = tuple(h for place, h in enumerate(headers) if place not in used and h.strip())
    return Mapping(columns, tuple(headers), unknown)


def _places(found: Sequence[str], header: str) -> list[int]:
    return [place for place, name in enumerate(found) if name == header and header]


def _written_columns(
    file: str, headers: Sequence[str], export: Export
) -> dict[str, tuple[int, ...]]:
    known = CANONICAL[export.kind]
    columns = {}
    for name, header in export.columns.items():
        if name not in known and not (export.kind in OF_PEOPLE and consent_of(name)):
            raise ExportRefused(
                file,
                f"columns.{name} is not a column of {export.kind} exports",
                f"Known: {', '.join(known)}.{_nearest(name, known)}",
            )
        places = _places([plain(h) for h in headers], plain(header))
        if not places:
            raise ExportRefused(
                file,
                f"columns.{name} names the header {header!r}, which the file does not have",
                f"{_told(headers)}.{_nearest(header, headers)}",
            )
        _refuse_twice(file, name, headers, places)
        columns[name] = tuple(places)
    return columns


def _refuse_twice(file: str, name: str, headers: Sequence[str], places: Sequence[int]) -> None:
    if len(places) > 1 and name not in SEVERAL:
        raise ExportRefused(
            file,
            f"the header of column {places[0] + 1} is there {len(places)} times ({name})",
            "Rename one of them in the export.",
        )


def _refuse_missing(
    file: str, columns: dict[str, tuple[int, ...]], headers: Sequence[str], export: Export
) -> None:
    missing = [
        group for group in REQUIRED[export.kind] if not any(name in columns for name in group)
    ]
    if missing:
        wanted = "; ".join(" or ".join(group) for group in missing)
        raise ExportRefused(
            file,
            f"required column missing: {wanted}. {_told(headers)}",
            "Name a preset, or say which header it is under [export.columns].",
        )


def looks_like_values(headers: Sequence[str]) -> bool:
    """Whether a first row may hold people instead of headers: then it is never shown."""
    return any("@" in header or re.search(r"[0-9]{3}", header) for header in headers)


def _told(headers: Sequence[str]) -> str:
    """The headers for an error text; none if they look like values of people."""
    if looks_like_values(headers):
        return "The first row looks like values, not headers"
    return f"Headers found: {', '.join(headers)}"


def _nearest(name: str, known: Sequence[str]) -> str:
    if _told(known).startswith("The"):
        return ""
    near = get_close_matches(name, known, n=1)
    return f" Nearest: {near[0]}." if near else ""
