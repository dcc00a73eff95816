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
    text = cell.startswith("'").ifelse(cell.substr(1), cell).strip().lower()
    plain = text.re_search(r"^[a-z0-9!#$%&*+=?^_{}~.`'-]+@([a-z0-9_-]+\.)+[a-z][a-z0-9-]+$")
    return ibis.cases(
        (cell.isnull(), ibis.literal("")),
        (plain & ~text.contains("xn--") & ~text.startswith("'"), text),
        else_=ibis.null("string"),
    )
