"""E-mail addresses as people write them, to one form: what an address is known by here.

Dots and plus tags stay: what a platform does to them is its recipe's business. An international
domain is written in its own letters, however it came.
"""

import re
import unicodedata

import ibis
import ibis.expr.types as ir

from audiences.contact_cells import EMPTY, clean

_BETWEEN = re.compile(r"[,;/|\s]+")
_NAMED = re.compile(r"[^<>@]*<([^<>]+)>")
_ADDRESS = re.compile(r'[^\s@<>()\[\]"\\:]+@(?:[\w-]+\.)+[^\W\d_][\w-]+')


_PLAIN = (
    r"^[A-Za-z0-9!#$%&*+=?^_{}~.`-][A-Za-z0-9!#$%&*+=?^_{}~.`'-]*"
    r"@(?:[A-Za-z0-9_-]+\.)+[A-Za-z][A-Za-z0-9-]+$"
)
"""An address that the engine can read: no letters but Latin, no wrapping. Groups that are not
asked for would be remembered, which doubles the time."""


def emails_in(cell: str) -> tuple[str, ...]:
    """Every address in a cell, in order, each once; none if any piece of the cell is no address.

    A piece without @ would mean guessing where an address begins: `a,b@example.com`.
    """
    text = clean(cell)
    if match := _NAMED.fullmatch(text):
        text = match[1]
    pieces = _BETWEEN.split(re.sub(r"\s*@\s*", "@", text).lower())
    written = [piece for piece in pieces if piece not in EMPTY]
    found = [_address(piece) for piece in written]
    known = [address for address in found if address]
    return tuple(dict.fromkeys(known)) if len(known) == len(found) else ()


def _address(text: str) -> str | None:
    local, _, domain = text.rpartition("@")
    try:
        letters = domain if domain.isascii() and "xn--" not in domain else _own_letters(domain)
    except UnicodeError:
        return None
    address = f"{local}@{letters}"
    return address if _ADDRESS.fullmatch(address) else None


def _own_letters(domain: str) -> str:
    text = domain.encode("idna").decode("idna")
    return unicodedata.normalize("NFKC", text).lower()


def fast_email(cell: ir.StringValue) -> ir.StringValue:
    """The address where the engine is sure, '' where the cell is empty, else null."""
    text = cell.startswith("'").ifelse(cell.substr(1), cell).strip()
    return ibis.cases(
        (cell.isnull(), ibis.literal("")),
        (_sure(cell), cell.lower()),  # as it stands: most cells need no more
        (_sure(text), text.lower()),
        else_=ibis.null("string"),
    )


def _sure(text: ir.StringValue) -> ir.BooleanValue:
    return text.re_search(_PLAIN) & ~text.re_search("(?i)xn--")
