"""Why a person is where they are: the rules of the base segments in words of the rule language.

The engine decides (`segments.segment`); this says it again, one statement at a time. A test holds
the two together over whole shops.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import ibis.expr.types as ir

from audiences.model import Segment
from audiences.segments import DISCOUNT_HUNTER_SHARE
from config.rules import Condition, parse_condition

_RULES: tuple[tuple[Segment, str], ...] = (
    (Segment.LOST, "state = 'lost'"),
    (Segment.VIP, "is_vip and state = 'active'"),
    (Segment.VIP_AT_RISK, "is_vip"),
    (Segment.LOYAL, "count_class = 'loyal' and state = 'active'"),
    (Segment.AT_RISK, "count_class = 'loyal'"),
    (Segment.SLEEPING, "state = 'asleep'"),
    (Segment.DRIFTING, "state = 'slipping'"),
    (Segment.NEW, "count_class = 'first'"),
    (Segment.PROMISING, "orders > 0"),
)
_LIFECYCLE: tuple[tuple[Segment, str], ...] = (
    (Segment.NEW, "state = 'active' and count_class = 'first'"),
    (Segment.LOYAL, "state = 'active'"),
    (Segment.AT_RISK, "orders > 0"),
)
STATES = ("slipping", "asleep", "lost")


@dataclass(frozen=True)
class Part:
    """One statement of a condition, with the values it saw."""

    text: str
    holds: bool
    saw: Mapping[str, Any]


@dataclass(frozen=True)
class Trace:
    """One condition about one person."""

    text: str
    holds: bool
    parts: tuple[Part, ...]

    @property
    def missed(self) -> tuple[Part, ...]:
        """The statements that did not hold."""
        return tuple(part for part in self.parts if not part.holds)


def base_rules(
    *, states_by: str, as_of: date, registered_days: float
) -> tuple[tuple[Segment, Condition], ...]:
    """The rules of the base segments, in the order in which they are decided; first match wins."""
    rules = _LIFECYCLE if states_by == "lifecycle" else _RULES
    since = as_of - timedelta(days=math.floor(registered_days))
    still_new = f"registered_on >= '{since}' or last_activity_on >= '{since}'"
    ends = ((Segment.REGISTERED, still_new), (Segment.SLEEPING_REGISTERED, "orders = 0"))
    return tuple((name, parse_condition(text)) for name, text in (*rules, *ends))


def derived_rules(cuts: Mapping[str, Any]) -> dict[str, Condition]:
    """What the base segments' own terms ask for, with the lines this base drew.

    cuts: `segments.Cuts` as the segments document has it. A flag that is switched off, or that
    nothing is known for, has no rule.
    """
    fit = "orders >= 2 and not is_wholesale and not is_returner"
    rules = {"loyal by count": f"orders >= {cuts['n_loyal']}"}
    if cuts["vip_from"] is not None:
        rules["vip"] = f"value >= {cuts['vip_from']!r} and {fit}"
    lines = (("value", "wholesale_value"), ("items_per_order", "wholesale_items"))
    above = [f"{name} > {cuts[line]!r}" for name, line in lines if cuts[line] is not None]
    if above:
        rules["wholesale"] = f"orders > 0 and ({' or '.join(above)})"
    if cuts.get("returner_share") is not None:
        rules["returner"] = f"orders > 0 and returned_share >= {cuts['returner_share']!r}"
    hunter = f"orders >= 2 and discount_share >= {DISCOUNT_HUNTER_SHARE!r}"
    if cuts["margin_median"] is not None:
        hunter += f" and margin_share < {cuts['margin_median']!r}"
    rules["discount hunter"] = hunter
    return {name: parse_condition(text) for name, text in rules.items()}


def trace(person: ir.Table, conditions: Mapping[str, Condition]) -> dict[str, Trace]:
    """Put every condition, and each of its statements, to the one row of `person`.

    person: one row of `choosing.describe`.
    """
    asked = {}
    for name, condition in conditions.items():
        asked[f"{name} whole"] = condition.to_ibis(person)
        for place, part in enumerate(condition.parts()):
            asked[f"{name} {place}"] = part.to_ibis(person)
    columns = sorted(set().union(*(condition.columns for condition in conditions.values())))
    told = person.select(*columns, **asked) if asked else person
    row = told.to_pyarrow().to_pylist()[0]
    return {
        name: Trace(
            text=condition.text,
            holds=row[f"{name} whole"],
            parts=tuple(
                Part(
                    text=part.text,
                    holds=row[f"{name} {place}"],
                    saw={column: row[column] for column in sorted(part.columns)},
                )
                for place, part in enumerate(condition.parts())
            ),
        )
        for name, condition in conditions.items()
    }


def next_states(
    features: Mapping[str, Any],
    calibration: Mapping[str, Any] | None,
    *,
    states_by: str = "rhythm",
    limits: Sequence[float] = (),
) -> dict[str, float]:
    """Days of silence after which each state begins for this person; {} where no days tell it.

    features: of a buyer; calibration, states_by and limits (`limits_days`): as the segments
    document has them. For a rhythm it is the inverse of `rhythm.silence`: exp(m + th s), and for
    lost at least a first buyer's limit. A chance to be a customer ('model') has no days.
    """
    if not features.get("orders"):
        return {}
    if states_by == "lifecycle":
        return dict(zip(STATES[1:2], map(float, limits), strict=False))
    if states_by == "days":
        return dict(zip(STATES, map(float, limits), strict=False))
    if states_by != "rhythm" or calibration is None:
        return {}
    sw2, sb2 = calibration["sw2"], calibration["sb2"]
    gaps = features["orders"] - 1
    scale = math.sqrt(sw2 * (1 + 1 / (sw2 / sb2 + gaps)))
    middle = math.log(features["rhythm_days"])
    days = [math.exp(middle + limit * scale) for limit in calibration["thresholds"]]
    days[2] = max(days[2], calibration["limits_days"][2])
    names = STATES if calibration["lost_on"] else STATES[:2]
    return dict(zip(names, days, strict=False))
