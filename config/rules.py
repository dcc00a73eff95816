"""The rule language: one SQL condition about a person, and nothing else of SQL.

    orders >= 2 and recency_days <= 30 and city = 'Москва'

Allowed are the documented features (`config.features`), overlays where the caller names them,
literals (text, number, true, false, date 'YYYY-MM-DD'), comparison, and, or, not, in, between,
is null, like and + - * /. A condition that is unknown (NULL) is false; division by zero is unknown.
Arithmetic is done in floating point, so it never overflows and is the same on every engine.
"""

import operator
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from typing import Any

import ibis
from ibis.expr import types as ir
from sqlglot import exp

from config.features import FEATURES, Feature, Kind
from config.rule_kinds import as_number, check_kinds
from config.rule_text import DIALECT, Problem, RuleError, parse

_COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    exp.EQ: operator.eq,
    exp.NEQ: operator.ne,
    exp.GT: operator.gt,
    exp.GTE: operator.ge,
    exp.LT: operator.lt,
    exp.LTE: operator.le,
}
_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    exp.Add: operator.add,
    exp.Sub: operator.sub,
    exp.Mul: operator.mul,
    exp.Div: lambda left, right: left / right.nullif(0.0),
}


@dataclass(frozen=True)
class Condition:
    """A checked condition: its text and the columns it needs."""

    text: str
    columns: frozenset[str]
    _tree: exp.Expression = field(repr=False, compare=False)

    def to_ibis(self, table: ir.Table) -> ir.BooleanValue:
        """The condition over a table with these columns: true or false, never unknown."""
        return ibis.coalesce(_build(self._tree, table), ibis.literal(False))

    def demanded(self, column: str) -> str | None:
        """The text that `column` must equal for the condition to hold, where it says so.

        That is a comparison `column = 'text'` alone, or joined to the rest by `and`.
        """
        for part in _joined(self._tree):
            bare = part.unnest()  # type: ignore[no-untyped-call]
            if isinstance(bare, exp.EQ) and isinstance(bare.this, exp.Column):
                named, wanted = bare.this.name.lower(), bare.expression.unnest()
                if named == column and isinstance(wanted, exp.Literal) and wanted.is_string:
                    return str(wanted.name)
        return None

    def parts(self) -> tuple["Condition", ...]:
        """The statements that and, or and parentheses join, in the order of the text."""
        return tuple(
            Condition(leaf.sql(dialect=DIALECT), _columns_of(leaf), leaf)
            for leaf in _leaves(self._tree)
        )

    def __str__(self) -> str:
        return self.text


def parse_condition(text: str, *, overlays: Collection[str] = ()) -> Condition:
    """Check a condition; raises RuleError with every fault and its place.

    `overlays` are names of sets that may be used like a feature that is true or false.
    """
    sets = {name: Feature(name, Kind.BOOLEAN, "", "An overlay.") for name in overlays}
    tree = parse(text)
    columns, problems = check_kinds(text, tree, {**FEATURES, **sets})
    if problems:
        raise RuleError(problems)
    return Condition(text, columns, tree)


def _joined(tree: exp.Expression) -> list[exp.Expression]:
    """The parts that `and` joins at the top of a tree."""
    bare = tree.unnest()  # type: ignore[no-untyped-call]
    return list(bare.flatten()) if isinstance(bare, exp.And) else [bare]  # type: ignore[no-untyped-call]


def _leaves(node: exp.Expression) -> Iterator[exp.Expression]:
    bare = node.unnest()  # type: ignore[no-untyped-call]
    if isinstance(bare, exp.And | exp.Or):
        for each in bare.flatten():  # type: ignore[no-untyped-call]
            yield from _leaves(each)
    else:
        yield bare


def _columns_of(node: exp.Expression) -> frozenset[str]:
    return frozenset(each.name.lower() for each in node.find_all(exp.Column))


def _build(node: exp.Expression, table: ir.Table) -> Any:
    """One node of a checked tree as an Ibis expression."""
    if isinstance(node, exp.And | exp.Or):
        joined = operator.and_ if isinstance(node, exp.And) else operator.or_
        return _balanced(joined, [_build(each, table) for each in node.flatten()])  # type: ignore[no-untyped-call]
    if type(node) in _COMPARE:
        return _COMPARE[type(node)](_build(node.this, table), _build(node.expression, table))
    if type(node) in _ARITHMETIC:
        left, right = (_build(each, table).cast("float64") for each in (node.this, node.expression))
        return _ARITHMETIC[type(node)](left, right)
    return _build_rest(node, table)


def _build_rest(node: exp.Expression, table: ir.Table) -> Any:
    match node:
        case exp.Column():
            return table[node.name.lower()]
        case exp.Paren():
            return _build(node.this, table)
        case exp.Not():
            return ~_build(node.this, table)
        case exp.Neg():
            return -_build(node.this, table).cast("float64")
        case exp.Is():
            return _build(node.this, table).isnull()
        case exp.Like():
            found = _build(node.this, table).like(node.expression.name)
            return ~found if node.args.get("negate") else found
        case exp.In():
            return _build(node.this, table).isin([_build(each, table) for each in node.expressions])
        case exp.Between():
            low, high = _build(node.args["low"], table), _build(node.args["high"], table)
            return _build(node.this, table).between(low, high)
        case _:
            return _literal(node)


def _literal(node: exp.Expression) -> Any:
    match node:
        case exp.Boolean():
            return ibis.literal(bool(node.this))
        case exp.Cast():
            return ibis.literal(date.fromisoformat(node.this.name))
        case exp.Literal() if node.is_string:
            return ibis.literal(node.name)
        case exp.Literal():
            number = as_number(node.name)
            return ibis.literal(number, "int64" if isinstance(number, int) else "float64")
    raise AssertionError(f"unchecked node {type(node).__name__}")


def _balanced(join: Callable[[Any, Any], Any], parts: list[Any]) -> Any:
    """Join many parts pairwise, so that a long chain does not become a deep one."""
    while len(parts) > 1:
        parts = [reduce(join, parts[i : i + 2]) for i in range(0, len(parts), 2)]
    return parts[0]


__all__ = ["Condition", "Problem", "RuleError", "parse_condition"]
