"""Filters of the Data Manager (AIP-160) as the sandbox plays them: terms of documented fields.

Terms are joined by AND, fields are spelled one way throughout; anything else is INVALID_FILTER.
"""

import re
from typing import Any

from connectors.sandbox.frame import View
from connectors.sandbox.google_call import Violation, data_refusal
from connectors.sandbox.google_shapes import camel, snake

FILTERED = (
    "id",
    "display_name",
    "description",
    "membership_status",
    "integration_code",
    "access_reason",
    "ingested_user_list_info.upload_key_types",
)


TERM = re.compile(
    r'\s*([\w.]+)\s*(=|!=|>=|<=|>|<|:)\s*("(?:[^"\\]|\\.)*"|\S+)\s*'
    r'|\s*IN\(\s*([\w.]+)\s*((?:,\s*(?:"(?:[^"\\]|\\.)*"|[^\s,)]+)\s*)+)\)\s*'
)
VALUE = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s,)]+')


def passes(view: View, condition: str) -> bool:
    """Whether a list fits an AIP-160 filter of the documented fields."""
    if not condition.strip():
        return True
    place, result, spellings = 0, True, set()
    while True:
        term = TERM.match(condition, place)
        if term is None:
            raise bad_filter()
        field = term[1] or term[4]
        spellings |= {"snake"} if "_" in field else set()
        spellings |= {"camel"} if snake(field) != field else set()
        if snake(field) not in FILTERED or len(spellings) > 1:
            raise bad_filter()
        values = [unquoted(one) for one in VALUE.findall(term[3] or term[5])]
        result = result and compared(values_at(view, snake(field)), term[2] or "IN", values)
        place = term.end()
        if place == len(condition):
            return result
        if not condition.startswith("AND ", place):
            raise bad_filter()
        place += 4


def bad_filter() -> Exception:
    return data_refusal(400, "INVALID_ARGUMENT", Violation("filter", "INVALID_FILTER"))


def unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


def values_at(view: View, path: str) -> list[str]:
    value: Any = view
    for part in path.split("."):
        value = (value or {}).get(camel(part))
    return [str(one) for one in value] if isinstance(value, list) else [str(value or "")]


def compared(present: list[str], operator: str, values: list[str]) -> bool:
    if operator in ("=", "IN"):
        return any(one in values for one in present)
    if operator == "!=":
        return all(one not in values for one in present)
    if operator == ":":
        return any(values[0].lower() in one.lower() for one in present)
    here, there = (int(text) if text.isdigit() else -1 for text in (present[0], values[0]))
    return {">": here > there, ">=": here >= there, "<": here < there, "<=": here <= there}[
        operator
    ]
