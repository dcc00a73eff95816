"""Reading a condition: from text to the tree of one single SQL expression."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokens import TokenType

DIALECT = "duckdb"
_LONGEST = 10_000
_DEEPEST = 40


@dataclass(frozen=True)
class Problem:
    """One fault of a condition: what was read, where, and what was expected."""

    read: str
    expected: str
    line: int = 1
    column: int = 1
    known: tuple[str, ...] = ()
    nearest: str | None = None

    def __str__(self) -> str:
        place = f"line {self.line}, column {self.column}"
        return f"{place}: read {self.read}, expected {self.expected}"


class RuleError(ValueError):
    """A condition that cannot be used."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(each) for each in self.problems))

    def __reduce__(self) -> tuple[type[Self], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)  # an error may cross to another process


def parse(text: str) -> exp.Expression:
    """The tree of one single expression; raises RuleError. What it may hold is checked later."""
    if len(text) > _LONGEST:
        raise RuleError([Problem(f"{len(text)} characters", f"at most {_LONGEST}")])
    _check_tokens(text)
    try:
        trees = sqlglot.parse(text, dialect=DIALECT)
    except SqlglotError as error:
        raise RuleError([_from_parser(text, error)]) from None
    except RecursionError:
        raise RuleError([_too_deep()]) from None
    if len(trees) != 1 or trees[0] is None:
        raise RuleError([Problem(repr(text.strip()), "one condition")])
    if _depth(trees[0]) > _DEEPEST:
        raise RuleError([_too_deep()])
    return trees[0]


def _check_tokens(text: str) -> None:
    """Refuse what the tree would not show (comments, a second statement) and deep nesting."""
    try:
        tokens = sqlglot.tokenize(text, dialect=DIALECT)
    except SqlglotError:
        unclosed = Problem(repr(text[-30:]), "closed quotes and plain characters", *_end(text))
        raise RuleError([unclosed]) from None
    opened = prefixes = 0
    for token in tokens:
        place = place_of(text, token.start)
        if token.comments:
            raise RuleError([Problem("a comment", "no comment inside a condition", *place)])
        if token.token_type is TokenType.SEMICOLON:
            raise RuleError([Problem("';'", "one condition, no semicolon", *place)])
        opened += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        prefix = token.token_type in (TokenType.NOT, TokenType.DASH)
        prefixes = prefixes + 1 if prefix else 0
        if max(opened, prefixes) > _DEEPEST:
            raise RuleError([_too_deep()])


def _too_deep() -> Problem:
    return Problem("a condition nested too deeply", f"at most {_DEEPEST} levels")


def _depth(tree: exp.Expression) -> int:
    """Levels of nesting; a chain of the same and / or is one level."""
    deepest, waiting = 0, [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        deepest = max(deepest, depth)
        chain = isinstance(node, exp.And | exp.Or)
        for child in node.iter_expressions():
            waiting.append((child, depth if chain and type(child) is type(node) else depth + 1))
    return deepest


def _from_parser(text: str, error: SqlglotError) -> Problem:
    """sqlglot's own message names its classes; what helps a person is the place."""
    details = (getattr(error, "errors", None) or [{}])[0]
    line, end = details.get("line") or 1, details.get("col") or 1
    word = str(details.get("highlight") or "")
    read = f"{word!r}" if word else repr(text)
    return Problem(read, "a complete SQL condition here", line, max(1, end - len(word) + 1))


def place_of(text: str, start: int) -> tuple[int, int]:
    """Line and column, from 1, of a position in the text."""
    before = text[:start]
    return before.count("\n") + 1, start - (before.rfind("\n") + 1) + 1


def _end(text: str) -> tuple[int, int]:
    return place_of(text, len(text.rstrip()))
