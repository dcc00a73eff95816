"""Texts of one layout, and the statements by which the engine reads them together."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

from ibis.backends.duckdb import Backend

from audiences.columns import Mapping
from audiences.guesses import Tokens, seen_in
from audiences.layers import drop
from audiences.singly import no_rows
from audiences.staged import MAX_LINE
from audiences.texts import Found

HELD_AT_ONCE = 64 << 20
"""Bytes of files that are converted in memory at one time; a file that is larger comes alone."""


@dataclass(frozen=True)
class Alike:
    """How texts are laid out: those that are alike in it are read together."""

    headers: tuple[str, ...]
    delimiter: str
    skip: int


@dataclass(eq=False)
class Texts:
    """Texts that are alike, by their place, and what their first rows tell."""

    alike: Alike
    columns: Mapping
    found: dict[int, Found] = field(default_factory=dict)
    seen: dict[str, Tokens] = field(default_factory=dict)

    def add(self, place: int, found: Found, rows: Sequence[Sequence[str]]) -> None:
        """One more, with its first rows."""
        self.found[place] = found
        for column, told in seen_in(rows, self.columns).items():
            self.seen.setdefault(column, Tokens()).update(told)


@dataclass(frozen=True)
class Part:
    """One text of a set as it was when it was read."""

    place: int
    label: str
    digest: str
    encoding: str
    records: int


def sources_of(
    engine: Backend, texts: Texts, parts: list[Part], unclear: set[int], name: str
) -> Generator[str]:
    """SQL that gives cells, and is to be read before the next is asked for; tells of its `parts`.

    Texts that must be converted are held in memory while they are read, so not all of them at once.
    """
    for places in _at_once(texts.found):
        first = len(parts)
        with ExitStack() as stack:
            paths = []
            for place in places:
                text = stack.enter_context(closing(texts.found[place].open()))
                records = text.lines - texts.alike.skip
                if records <= 0:
                    raise no_rows(text.label)
                parts.append(Part(place, text.label, text.digest, text.encoding, records))
                paths.append(text.path)
            stack.callback(drop, engine, f"{name}_errors")
            stack.callback(drop, engine, f"{name}_scans")
            yield _source(texts.alike, paths, first, name)
            unclear |= {first + number for number in _with_errors(engine, paths, name)}


def _at_once(found: dict[int, Found]) -> Iterator[list[int]]:
    """Places of texts that are read by one statement."""
    places: list[int] = []
    held = 0
    for place, one in found.items():
        held += one.held
        if places and held > HELD_AT_ONCE:
            yield places
            places, held = [], one.held
        places.append(place)
    yield places


def _with_errors(engine: Backend, paths: Sequence[str], name: str) -> set[int]:
    """Numbers of the texts with a record that was no row."""
    found = engine.con.execute(
        f'SELECT DISTINCT file_path FROM "{name}_errors" JOIN "{name}_scans" '
        "USING (scan_id, file_id)"
    ).fetchall()
    return {paths.index(path) for (path,) in found}


def _source(alike: Alike, paths: Sequence[str], first: int, name: str) -> str:
    """The statement that gives the cells of the texts; a record that is no row goes aside.

    They are numbered from `first` on.
    """
    width = len(alike.headers)
    columns = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(width))
    return f"""
        SELECT file_index + {first} AS file_no, {", ".join(f"c{place}" for place in range(width))}
        FROM read_csv(
            [{", ".join(map(_quoted, paths))}], columns = {{{columns}}}, auto_detect = false,
            header = false, skip = {alike.skip}, delim = {_quoted(alike.delimiter)}, quote = '"',
            escape = '"', null_padding = false, store_rejects = true,
            rejects_table = {_quoted(f"{name}_errors")}, rejects_scan = {_quoted(f"{name}_scans")},
            rejects_limit = 0, max_line_size = {MAX_LINE}, compression = 'none'
        )"""


def _quoted(text: str) -> str:
    doubled = text.replace("'", "''")
    return f"'{doubled}'"
