"""Which first channels the people of a group came by, against everybody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
from scipy import stats

LEAST_EXPECTED = 5
"""Expected people per cell under which chi-square is no guide; such channels are joined."""


@dataclass(frozen=True)
class Mix:
    """One group's people by channel, beside those of the base."""

    group: str
    people: Mapping[str, int]
    base: Mapping[str, int]

    def share(self, channel: str) -> float | None:
        """Of the group's people; None of an empty group."""
        whole = sum(self.people.values())
        return self.people.get(channel, 0) / whole if whole else None

    def index(self, channel: str) -> float | None:
        """100 share / share of the base: 120 is a fifth more than in the base."""
        share, whole = self.share(channel), sum(self.base.values())
        of_base = self.base.get(channel, 0) / whole if whole else 0.0
        return None if share is None or not of_base else 100 * share / of_base

    @property
    def p(self) -> float | None:
        """Chi-square of the group against the rest of the base; None where people are too few."""
        rest = {name: number - self.people.get(name, 0) for name, number in self.base.items()}
        inside, outside = sum(self.people.values()), sum(rest.values())
        if not inside or not outside:
            return None
        cells = _joined(self.people, rest, min(inside, outside) / (inside + outside))
        if len(cells) < 2:
            return None
        return float(
            stats.chi2_contingency(list(zip(*cells, strict=True)), correction=False).pvalue
        )


def _joined(
    people: Mapping[str, int], rest: Mapping[str, int], smaller: float
) -> list[tuple[int, int]]:
    """Rows (group, rest) with enough expected people each; the small ones joined into one."""
    large: list[tuple[int, int]] = []
    small = (0, 0)
    for channel, others in sorted(rest.items()):
        row = people.get(channel, 0), others
        if sum(row) * smaller >= LEAST_EXPECTED:
            large.append(row)
        else:
            small = small[0] + row[0], small[1] + row[1]
    return [*large, small] if sum(small) * smaller >= LEAST_EXPECTED else large


def channel_mixes(
    segmented: ir.Table, people: ir.Table, groups: Mapping[str, Sequence[str]], *, unknown: str
) -> tuple[Mix, ...]:
    """Mixes of first channels; `groups` names the segments of each.

    People of whom no channel is known count under `unknown`, so that shares are of everybody.
    """
    both = segmented.select("person_id", "segment").inner_join(
        people.select("person_id", "channel_first"), "person_id"
    )
    named = both.mutate(channel=both.channel_first.fill_null(ibis.literal(unknown)))
    counted = named.group_by("segment", "channel").aggregate(people=named.count())
    rows = counted.order_by("segment", "channel").to_pyarrow().to_pylist()
    base = _sums(rows, None)
    return tuple(Mix(name, _sums(rows, members), base) for name, members in groups.items())


def _sums(rows: Sequence[Mapping[str, object]], members: Sequence[str] | None) -> dict[str, int]:
    sums: dict[str, int] = {}
    for row in rows:
        if members is None or row["segment"] in members:
            channel = str(row["channel"])
            sums[channel] = sums.get(channel, 0) + int(str(row["people"]))
    return sums
