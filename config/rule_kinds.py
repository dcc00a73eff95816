"""What a condition may hold: every node of its tree is allowed, and kinds that meet fit."""

import math
import re
from collections.abc import Mapping
from datetime import date

from sqlglot import exp

from config.faults import nearest
from config.features import Feature, Kind
from config.rule_text import DIALECT, Problem, place_of

_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div)
_PAIR = frozenset({"this", "expression"})
_ONE = frozenset({"this"})

_PARTS: dict[type[exp.Expression], frozenset[str]] = {
    **dict.fromkeys((exp.And, exp.Or, *_COMPARISONS, exp.Is), _PAIR),
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul), _PAIR),
    **dict.fromkeys((exp.Not, exp.Paren, exp.Neg, exp.Column, exp.Boolean), _ONE),
    exp.Like: _PAIR | {"negate"},
    exp.Div: _PAIR | {"typed", "safe"},
    exp.In: frozenset({"this", "expressions"}),
    exp.Between: frozenset({"this", "low", "high"}),
    exp.Literal: frozenset({"this", "is_string"}),
    exp.Cast: frozenset({"this", "to"}),
}
"""Every node that may stand in a condition, with the parts it may have."""

_LANGUAGE = (
    "features, literals, comparison, and, or, not, in, between, is null, like and + - * / only"
)


def as_number(text: str) -> int | float:
    """The number a literal writes: whole where it is written so."""
    return int(text) if text.isdecimal() else float(text)


def check_kinds(
    text: str, tree: exp.Expression, known: Mapping[str, Feature]
) -> tuple[frozenset[str], tuple[Problem, ...]]:
    """Columns a tree uses and everything wrong with it.

    Text beside a date is made a date in the tree.
    """
    check = _Check(text, known)
    check.want(tree, Kind.BOOLEAN, "a condition that is true or false")
    return frozenset(check.columns), tuple(check.problems)


class _Check:
    """One walk over a tree. A kind of None means: already reported, fits everything."""

    def __init__(self, text: str, known: Mapping[str, Feature]) -> None:
        self.text = text
        self.known = known
        self.columns: set[str] = set()
        self.problems: list[Problem] = []

    def want(self, node: exp.Expression, kind: Kind, expected: str) -> None:
        found = self.kind(node)
        if found not in (None, kind):
            self.report(node, f"{self.fragment(node)} ({found})", expected)

    def kind(self, node: exp.Expression) -> Kind | None:  # noqa: C901 - one line per node of the language
        if not self.allowed(node):
            return None
        match node:
            case exp.Column():
                return self.column(node)
            case exp.Literal() | exp.Cast():
                return self.literal(node)
            case exp.Boolean():
                return Kind.BOOLEAN
            case exp.Paren():
                return self.kind(node.this)
            case exp.And() | exp.Or():
                for each in node.flatten():  # type: ignore[no-untyped-call]
                    self.want(each, Kind.BOOLEAN, "a condition beside and / or")
            case exp.Not():
                self.want(node.this, Kind.BOOLEAN, "a condition after not")
            case exp.Is():
                self.is_null(node)
            case exp.Like():
                self.like(node)
            case exp.In():
                self.is_in(node)
            case exp.Between():
                self.compare(node, node.this, node.args["low"], node.args["high"])
            case exp.Neg():
                return self.arithmetic(node.this)
            case exp.Add() | exp.Sub() | exp.Mul() | exp.Div():
                return self.arithmetic(node.this, node.expression)
            case _:
                self.compare(node, node.this, node.expression)
        return Kind.BOOLEAN

    def allowed(self, node: exp.Expression) -> bool:
        parts = _PARTS.get(type(node))
        given = {name for name, value in node.args.items() if value not in (None, False, [])}
        if parts is None or not given <= parts:
            self.report(node, self.fragment(node), _LANGUAGE)
            return False
        return True

    def column(self, node: exp.Column) -> Kind | None:
        name = node.name.lower()
        feature = self.known.get(name)
        if feature is None or not isinstance(node.this, exp.Identifier):
            names = tuple(sorted(self.known))
            self.report(node, repr(node.name), "a documented feature", names)
            return None
        self.columns.add(name)
        return feature.kind

    def literal(self, node: exp.Expression) -> Kind | None:
        if isinstance(node, exp.Cast):
            text = node.this
            plain = isinstance(text, exp.Literal) and text.is_string
            if not plain or not node.to.is_type(exp.DataType.Type.DATE):
                self.report(node, self.fragment(node), _LANGUAGE)
            elif _as_date(text.name) is None:
                self.report(node, repr(text.name), "a date such as '2011-12-09'")
            return Kind.DATE
        if node.is_string:
            return Kind.TEXT
        try:
            number = as_number(node.name)
        except ValueError:
            number = math.nan
        if not math.isfinite(number) or abs(number) >= 2**63:
            self.report(node, self.fragment(node), "a number of ordinary size")
        return Kind.NUMBER

    def is_null(self, node: exp.Is) -> None:
        self.kind(node.this)
        if not isinstance(node.expression, exp.Null):
            self.report(node, self.fragment(node), "is null or is not null")

    def like(self, node: exp.Like) -> None:
        self.want(node.this, Kind.TEXT, "a text feature before like")
        pattern = node.expression
        if not isinstance(pattern, exp.Literal) or not pattern.is_string:
            self.report(pattern, self.fragment(pattern), "a text pattern in quotes after like")
        elif "\\" in pattern.name:  # engines disagree on what it escapes
            self.report(pattern, repr(pattern.name), "a pattern without backslash")

    def is_in(self, node: exp.In) -> None:
        for each in node.expressions:
            inner = each.unnest()
            inner = inner.this if isinstance(inner, exp.Neg) else inner
            if not isinstance(inner, exp.Literal | exp.Boolean | exp.Cast):
                self.report(each, self.fragment(each), "literals between the parentheses of in")
                return
        if not node.expressions:
            self.report(node, self.fragment(node), "at least one value between the parentheses")
        self.compare(node, node.this, *node.expressions)

    def arithmetic(self, *operands: exp.Expression) -> Kind:
        for each in operands:
            self.want(each, Kind.NUMBER, "a number in arithmetic")
        return Kind.NUMBER

    def compare(self, node: exp.Expression, *operands: exp.Expression) -> None:
        for each in operands:
            if isinstance(each, exp.Null):
                self.report(each, "a comparison with null", "is null or is not null")
                return
        kinds = [self.kind(each) for each in operands]
        if Kind.DATE in kinds:
            kinds = [
                self.dated(each) if kind is Kind.TEXT else kind
                for each, kind in zip(operands, kinds, strict=True)
            ]
        found = {kind for kind in kinds if kind is not None}
        if len(found) > 1:
            mixed = " and ".join(sorted(found))
            self.report(node, f"{self.fragment(node)} ({mixed})", "two values of the same kind")
        elif found == {Kind.BOOLEAN} and not isinstance(node, exp.EQ | exp.NEQ | exp.In):
            self.report(node, self.fragment(node), "= or != between true and false")
        else:
            self.check_values(operands)

    def dated(self, node: exp.Expression) -> Kind | None:
        """Make a date of a text that stands beside one."""
        if not isinstance(node, exp.Literal):
            return Kind.TEXT
        if _as_date(node.name) is None:
            self.report(node, repr(node.name), "a date such as '2011-12-09'")
            return None
        node.replace(exp.cast(node.copy(), exp.DataType.Type.DATE))
        return Kind.DATE

    def check_values(self, operands: tuple[exp.Expression, ...]) -> None:
        """A feature with a closed list of values is compared with one of them only."""
        bare = [each.unnest() for each in operands]  # type: ignore[no-untyped-call]
        for column in bare:
            named = column.name.lower() if isinstance(column, exp.Column) else ""
            feature = self.known.get(named)
            if feature is None or not feature.values:
                continue
            for other in bare:
                if isinstance(other, exp.Literal) and other.name not in feature.values:
                    expected = f"a value of {feature.name}"
                    self.report(other, repr(other.name), expected, feature.values)

    def fragment(self, node: exp.Expression) -> str:
        """A piece of the condition in SQL, cut short."""
        sql = node.sql(dialect=DIALECT)
        return repr(sql if len(sql) <= 60 else sql[:57] + "...")

    def report(
        self, node: exp.Expression, read: str, expected: str, known: tuple[str, ...] = ()
    ) -> None:
        starts = [each.meta["start"] for each in node.walk() if "start" in each.meta]
        line, column = place_of(self.text, min(starts)) if starts else (1, 1)
        near = nearest(read.strip("'\""), known)
        self.problems.append(Problem(read, expected, line, column, known, near))


def _as_date(text: str) -> date | None:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
