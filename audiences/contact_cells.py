"""Cells of contacts as programs and people leave them: wrapped, spoiled, several in one."""

import re
import unicodedata

SEPARATORS = r"[,;/|\n\r]+"
"""Between several contacts in one cell."""

EMPTY = frozenset({"", "-", "--", "null", "none", "nan", "n/a", "na", "нет", "отсутствует", "."})
"""Words for nothing, lower-case."""

_INVISIBLE = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"
)
_FORMULA = re.compile(r'=\s*"(.*)"', re.DOTALL)


def clean(cell: str) -> str:
    """A cell without what it was wrapped in: NFKC, no invisible marks, ="..." or leading '."""
    text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", cell)).strip()
    if match := _FORMULA.fullmatch(text):
        text = match[1].strip()
    text = text.lstrip("'").strip()
    return "" if text.lower() in EMPTY else text
