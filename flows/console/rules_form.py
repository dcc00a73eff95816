"""The table of bid rules as a form: what was typed, what is wrong with it, the file it makes.

Every check of a field is made again by the models of the file and by the checks between files; here
they are only told at the field, in the reader's language.
"""

import difflib
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import tomlkit
from tomlkit.container import Container
from tomlkit.items import AoT, Array

from config.bid_rules import BidRulesFile, Limits, Rule
from config.cross_checks import cross_check
from config.faults import ConfigError, Fault
from config.load import check_text
from config.project import Project

FILE = "bid_rules.toml"
NUMBER = re.compile(r"[+-]?\d{1,6}")
RANGE = re.compile(r"\[?\s*([+-]?\d{1,6})\s*(?:\.\.+|…|,|;)\s*([+-]?\d{1,6})\s*\]?")
LIMITS = ("lowest", "highest", "cooldown_days", "dead_band", "step", "drr_ceiling")
"""Limits that the form offers; the rest of the file is left as it is."""
EMPTY_MEANS_NONE = frozenset({"drr_ceiling"})

Typed = Mapping[str, str]


@dataclass(frozen=True)
class Said:
    """What is wrong at a field: a key of the catalogue of texts and its figures, or plain text."""

    key: str
    figures: tuple[tuple[str, Any], ...] = ()
    text: str = ""


@dataclass(frozen=True)
class Edited:
    """What came of a form. `rules` is None while something is wrong."""

    text: str
    faults: Mapping[str, Said]
    """By name of the field."""
    general: tuple[str, ...]
    """Faults that belong to no field of the form."""
    rules: BidRulesFile | None

    def diff(self, before: str) -> list[str]:
        """Changed lines with their neighbours, as git shows them."""
        lines = difflib.unified_diff(
            before.splitlines(), self.text.splitlines(), f"a/{FILE}", f"b/{FILE}", lineterm="", n=2
        )
        return list(lines)


def digest(text: str) -> str:
    """A name for the content of the file, so that nobody's later change is written over."""
    return hashlib.sha256(text.encode()).hexdigest()


def typed_of(file: BidRulesFile) -> dict[str, str]:
    """The fields as they stand before anybody typed."""
    typed = {f"limits-{name}": _shown(getattr(file.limits, name)) for name in LIMITS}
    if file.enabled:
        typed["enabled"] = "on"
    if file.limits.budget_neutral:
        typed["limits-budget_neutral"] = "on"
    for index, rule in enumerate(file.rule):
        typed[f"rule-{index}-correction"] = _correction_text(rule)
        typed[f"rule-{index}-prior"] = _shown(rule.prior)
        if rule.enforce:
            typed[f"rule-{index}-enforce"] = "on"
    return typed


def edit(project: Project, text: str, typed: Typed) -> Edited:
    """Write what was typed into the text of the file; comments and order stay.

    `project` was read from the same text.
    """
    form = _Form(project.bid_rules, typed)
    document = tomlkit.parse(text)
    form.write(document)
    made = tomlkit.dumps(document)
    if form.faults:
        return Edited(made, form.faults, (), None)
    try:
        rules = check_text(FILE, made)
    except ConfigError as error:
        return _refused(made, error.faults, form.places)
    if not isinstance(rules, BidRulesFile):
        raise TypeError(f"{FILE} was read as something else")
    others = {
        "segments": project.segments,
        "audiences": project.audiences,
        "platforms": project.platforms,
        "schedules": project.schedules,
        "exports": project.exports,
        "adsteer": project.adsteer,
    }
    faults = cross_check(bid_rules=rules, **others)  # type: ignore[arg-type]
    if faults:
        return _refused(made, faults, form.places)
    return Edited(made, {}, (), rules)


def with_rules(project: Project, rules: BidRulesFile) -> Project:
    """The project as if the file were saved."""
    return replace(project, bid_rules=rules)


class _Form:
    """Reads fields one by one, and remembers which are wrong and where each goes in the file."""

    def __init__(self, before: BidRulesFile, typed: Typed) -> None:
        self._before, self._typed = before, typed
        self.faults: dict[str, Said] = {}
        self.places: dict[str, str] = {}
        """Key of the file, as a fault names it, to name of the field."""
        self._lowest, self._highest = before.limits.lowest, before.limits.highest

    def write(self, document: tomlkit.TOMLDocument) -> None:
        """Change what differs; a value that was left out and stays at its default stays out."""
        self._switch(document, "enabled", "enabled", self._before.enabled)
        self._limits(document)
        self._rules(document)

    def _limits(self, document: tomlkit.TOMLDocument) -> None:
        changed: dict[str, Any] = {}
        before = self._before.limits
        for name in LIMITS:
            value = self._limit(name, getattr(before, name))
            if value != getattr(before, name):
                changed[name] = value
        neutral = "limits-budget_neutral" in self._typed
        if neutral != before.budget_neutral:
            changed["budget_neutral"] = neutral
        self._lowest = changed.get("lowest", before.lowest)
        self._highest = changed.get("highest", before.highest)
        if not changed:
            return
        if "limits" not in document:
            document["limits"] = tomlkit.table()
        table: Any = document["limits"]
        for name, value in changed.items():
            if value is None:
                table.pop(name, None)
            else:
                _put(table, name, value)

    def _limit(self, name: str, before: Any) -> Any:
        field = f"limits-{name}"
        self.places[f"limits.{name}"] = field
        text = self._typed.get(field, "").strip().replace("−", "-").replace(",", ".")
        if not text and name in EMPTY_MEANS_NONE:
            return None
        whole = not isinstance(before, float) and name not in EMPTY_MEANS_NONE
        value = _number(text, whole=whole)
        if value is None:
            self.faults[field] = Said("field.whole" if whole else "field.number")
            return before
        if said := _bounds(name, value):
            self.faults[field] = said
            return before
        return value

    def _rules(self, document: tomlkit.TOMLDocument) -> None:
        tables: Any = document.get("rule")
        if tables is None:
            tables = document["rule"] = tomlkit.aot()
        kept = 0
        gone = []
        for index, rule in enumerate(self._before.rule):
            if f"rule-{index}-delete" in self._typed:
                gone.append(index)
                continue
            kept += 1
            self._rule(tables[index], index, rule, kept)
        for index in reversed(gone):
            del tables[index]
        self._new_rule(tables, kept + 1)

    def _rule(self, table: Any, index: int, rule: Rule, number: int) -> None:
        field = f"rule-{index}-correction"
        self.places[f"rule[{number}].correction"] = field
        self.places[f"rule[{number}].segment"] = field
        correction = self._correction(field)
        if correction is not None and correction != rule.correction:
            table["correction"] = _written(correction)
        prior_field = f"rule-{index}-prior"
        self.places[f"rule[{number}].prior"] = prior_field
        prior = _number(self._typed.get(prior_field, "0").strip() or "0", whole=True)
        if prior is None:
            self.faults[prior_field] = Said("field.whole")
        elif prior != rule.prior:
            _put(table, "prior", prior)
        self._switch(table, "enforce", f"rule-{index}-enforce", rule.enforce)

    def _new_rule(self, tables: AoT, number: int) -> None:
        segment = self._typed.get("new-segment", "").strip()
        if not segment:
            if self._typed.get("new-correction", "").strip():
                self.faults["new-segment"] = Said("field.choose")
            return
        self.places[f"rule[{number}].segment"] = "new-segment"
        self.places[f"rule[{number}].correction"] = "new-correction"
        again = f"rule-{{}}-delete"  # noqa: F541
        taken = {
            rule.segment
            for index, rule in enumerate(self._before.rule)
            if again.format(index) not in self._typed
        }
        if segment in taken:
            self.faults["new-segment"] = Said("field.twice")
        correction = self._correction("new-correction")
        if correction is None:
            return
        table = tomlkit.table()
        table["segment"] = segment
        table["correction"] = _written(correction)
        if len(tables):
            tables[-1].add(tomlkit.nl())
        tables.append(table)

    def _correction(self, field: str) -> int | str | tuple[int, int] | None:
        """What was typed, or None where it is wrong."""
        text = self._typed.get(field, "").strip().replace("−", "-").replace("–", "-")
        text = text.removesuffix("%").strip()
        if text.lower() == "auto":
            return "auto"
        found = RANGE.fullmatch(text)
        if NUMBER.fullmatch(text):
            amounts: tuple[int, ...] = (int(text),)
        elif found:
            amounts = (int(found[1]), int(found[2]))
        else:
            self.faults[field] = Said("field.correction")
            return None
        if not all(self._lowest <= amount <= self._highest for amount in amounts):
            figures = (("lowest", self._lowest), ("highest", self._highest))
            self.faults[field] = Said("field.outside", figures)
            return None
        if list(amounts) != sorted(amounts):
            self.faults[field] = Said("field.falls")
            return None
        return (amounts[0], amounts[1]) if len(amounts) == 2 else amounts[0]

    def _switch(self, table: Any, key: str, field: str, before: bool) -> None:
        now = field in self._typed
        if now != before:
            _put(table, key, now)


def _put(table: Any, key: str, value: Any) -> None:
    """Change a value, or add it behind the last one: a comment there belongs to what follows."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if key in table or isinstance(table, Container) or not len(table):
        table[key] = value
        return
    table.value._insert_after(list(table)[-1], key, tomlkit.item(value))


def _refused(text: str, faults: Iterator[Fault] | Any, places: Mapping[str, str]) -> Edited:
    """Faults of the models, each at its field if the form has it."""
    at_field: dict[str, Said] = {}
    general = []
    for fault in faults:
        field = places.get(fault.key)
        if field is None:
            general.append(str(fault))
        else:
            at_field[field] = Said("", text=f"{fault.read}: {fault.expected}")
    return Edited(text, at_field, tuple(general), None)


def _number(text: str, *, whole: bool) -> int | float | None:
    try:
        return int(text) if whole else float(text)
    except ValueError:
        return None


def _bounds(name: str, value: float) -> Said | None:
    """Whether a limit lies within what its model takes."""
    bounds: dict[str, float] = {}
    for rule in Limits.model_fields[name].metadata:
        for kind in ("ge", "gt", "le", "lt"):
            if (bound := getattr(rule, kind, None)) is not None:
                bounds[kind] = bound
    lowest, highest = bounds.get("ge", bounds.get("gt")), bounds.get("le", bounds.get("lt"))
    low = lowest is not None and (value < lowest or ("gt" in bounds and value == lowest))
    high = highest is not None and (value > highest or ("lt" in bounds and value == highest))
    if not (low or high):
        return None
    if highest is None:
        return Said("field.above" if "gt" in bounds else "field.least", (("lowest", lowest),))
    return Said("field.between", (("lowest", lowest), ("highest", highest)))


def _written(correction: int | str | tuple[int, int]) -> int | str | Array:
    if not isinstance(correction, tuple):
        return correction
    made = tomlkit.array()
    made.extend(correction)
    return made


def _correction_text(rule: Rule) -> str:
    if isinstance(rule.correction, tuple):
        return f"{rule.correction[0]}..{rule.correction[1]}"
    return str(rule.correction)


def _shown(value: Any) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
