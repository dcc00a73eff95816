"""What a plan may not do without a person: each refusal with its numbers and a way out.

Withdrawn consent is never held back: a refused plan still sends it (ListPlan.to_send). The way past
a refusal is an approval of exactly this plan, recorded in the catalog.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from audiences.plan import ListPlan, Refused
from config.audiences import Guards


@dataclass(frozen=True)
class SourceFigures:
    """What is known of an export when a plan is made on it; `usual_` is None the first time."""

    people: int
    newest_order: date | None
    consent_share: float
    usual_people: int | None = None
    usual_consent_share: float | None = None
    columns_come: tuple[str, ...] = ()
    """Columns nobody mapped that are new, as file: header."""
    columns_gone: tuple[str, ...] = ()
    """Those that used to be there and are not any more."""


def refuse_source(source: SourceFigures, guards: Guards, *, as_of: date) -> tuple[Refused, ...]:
    """What is wrong with the source; every list that is made from it is refused for this."""
    if source.people == 0:
        return (Refused("source_empty", "the source holds no people. Check the export."),)
    checks = (
        _stale(source, guards, as_of),
        _shrunk(source, guards),
        _consent(source, guards),
        _columns(source),
    )
    return tuple(refused for refused in checks if refused)


def refuse_list(plan: ListPlan, guards: Guards, *, minimum: int = 0) -> tuple[Refused, ...]:
    """What is wrong with the plan of one list; `minimum`: what its platform needs to serve it."""
    return (*_changes(plan, guards), *_under_minimum(plan, guards, minimum))


def _under_minimum(plan: ListPlan, guards: Guards, minimum: int) -> Iterator[Refused]:
    """A list that is served and would not be any more, for other reasons than withdrawn consent."""
    counts, least = plan.counts, guards.least_of_minimum * minimum
    willing = counts.before - counts.withdrawn
    if willing < least or counts.after >= least:
        return
    yield Refused(
        "under_minimum",
        f"{plan.audience}: {counts.after:,} of {counts.before:,} members would be left, fewer than "
        f"the {least:,.0f} with which the platform serves it. Check the export and the rule, or "
        "approve this plan.",
        (("before", counts.before), ("after", counts.after), ("limit", least)),
    )


def _stale(source: SourceFigures, guards: Guards, as_of: date) -> Refused | None:
    if source.newest_order is None:
        return Refused("source_stale", "the source holds no order at all. Check the export.")
    age = (as_of - source.newest_order).days
    if age <= guards.max_source_age_days:
        return None
    return Refused(
        "source_stale",
        f"the newest order is {age} days old ({source.newest_order}), limit "
        f"{guards.max_source_age_days}. Check that the export is a fresh one.",
        (("age_days", age), ("limit", guards.max_source_age_days)),
    )


def _shrunk(source: SourceFigures, guards: Guards) -> Refused | None:
    if not source.usual_people:
        return None
    share = source.people / source.usual_people
    if share >= guards.min_source_share:
        return None
    return Refused(
        "source_small",
        f"the source holds {source.people:,} people, usually {source.usual_people:,}: {share:.0%}, "
        f"at least {guards.min_source_share:.0%} is needed. Check that the export is whole.",
        (
            ("people", source.people),
            ("usual", source.usual_people),
            ("share", share),
            ("limit", guards.min_source_share),
        ),
    )


def _consent(source: SourceFigures, guards: Guards) -> Refused | None:
    if not source.usual_consent_share:
        return None
    fall = 1 - source.consent_share / source.usual_consent_share
    if fall <= guards.max_consent_drop:
        return None
    return Refused(
        "consent_fell",
        f"{source.consent_share:.1%} of people allow ads, usually "
        f"{source.usual_consent_share:.1%}: a fall of {fall:.0%}, limit "
        f"{guards.max_consent_drop:.0%}. Check the consent column.",
        (
            ("share", source.consent_share),
            ("usual", source.usual_consent_share),
            ("fall", fall),
            ("limit", guards.max_consent_drop),
        ),
    )


def _columns(source: SourceFigures) -> Refused | None:
    """A column that nobody mapped came or went: a mapped one may have been renamed with it."""
    parts = []
    if source.columns_come:
        parts.append(f"new and unknown: {', '.join(source.columns_come)}")
    if source.columns_gone:
        parts.append(f"no longer there: {', '.join(source.columns_gone)}")
    if not parts:
        return None
    return Refused(
        "columns_changed",
        f"the exports have other columns than usual ({'; '.join(parts)}). Check that every column "
        "still means what exports.toml says, or approve this plan.",
        (("come", len(source.columns_come)), ("gone", len(source.columns_gone))),
    )


def _changes(plan: ListPlan, guards: Guards) -> Iterator[Refused]:
    counts = plan.counts
    leaving = counts.remove - counts.withdrawn
    small = counts.before <= guards.small_list
    limit = guards.max_removed_share_small if small else guards.max_removed_share
    if leaving and counts.removed_share > limit:
        yield Refused(
            "removes_too_many",
            f"{plan.audience}: would remove {leaving:,} of {counts.before:,} members "
            f"({counts.removed_share:.0%}), limit {limit:.0%} for a list of this size. Check the "
            "export and the rule, or approve this plan.",
            (
                ("removed", leaving),
                ("before", counts.before),
                ("share", counts.removed_share),
                ("limit", limit),
            ),
        )
    changed = counts.change / counts.before if counts.before else 0.0
    if changed > limit:
        yield Refused(
            "changes_too_many",
            f"{plan.audience}: other contacts for {counts.change:,} of {counts.before:,} members "
            f"({changed:.0%}), limit {limit:.0%} for a list of this size. Check that no contact "
            "column is missing or mapped anew, or approve this plan.",
            (
                ("changed", counts.change),
                ("before", counts.before),
                ("share", changed),
                ("limit", limit),
            ),
        )
    if leaving and counts.after == 0:
        yield Refused(
            "empties_list",
            f"{plan.audience}: nobody would be left of {counts.before:,} members. Check the export "
            "and the rule, or approve this plan.",
            (("before", counts.before),),
        )
