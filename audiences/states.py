"""What calls a person active, slipping, asleep or lost: four ways, chosen by configuration."""

from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir

from audiences.purchases import alive_shares, compress, fit_purchases, triples
from audiences.rhythm import Calibration, own_rhythm, silence
from config.segments import Base

ALIVE_LIMITS = (0.75, 0.50, 0.25)
"""Probability to be still a customer that ends active, slipping and asleep, for 'model'."""


@dataclass(frozen=True, eq=False)
class States:
    """`table` is `features` plus rhythm_days, silence and state (null without a purchase)."""

    table: ir.Table
    by: str
    """rhythm, model, days or lifecycle: which may be a fall-back from what was asked for."""
    limits: tuple[float, ...]
    """Days of silence that end a first buyer's active, slipping and asleep; none for 'model'."""
    lost_on: bool
    notes: tuple[str, ...]


def judge_states(
    known: ir.Table, calibration: Calibration | None, *, as_of: date, base: Base
) -> States:
    """Add each person's rhythm, silence and state at `as_of` to `features`."""
    scored = _scored(known, calibration)
    if base.state == "days":
        return _by_days(scored, base, ())
    if base.state == "lifecycle":
        return _by_lifecycle(scored, base)
    if base.state == "model":
        judged = _by_model(scored)
        if judged is not None:
            return judged
        note = "state 'model': the purchase model did not fit this base; rhythm decided instead."
        return _by_rhythm_or_days(scored, calibration, as_of, base, (note,))
    return _by_rhythm_or_days(scored, calibration, as_of, base, ())


def _scored(known: ir.Table, calibration: Calibration | None) -> ir.Table:
    if calibration is None:
        return known.mutate(rhythm_days=ibis.null("float64"), silence=ibis.null("float64"))
    log_rhythm = own_rhythm(calibration, known.gaps, known.log_gaps, known.category)
    score = silence(calibration, known.recency_days, log_rhythm, known.gaps)
    bought = known.orders > 0
    nothing = ibis.null("float64")
    return known.mutate(
        rhythm_days=ibis.ifelse(bought, log_rhythm.exp(), nothing),
        silence=ibis.ifelse(bought, score, nothing),
    )


def _by_rhythm_or_days(
    scored: ir.Table,
    calibration: Calibration | None,
    as_of: date,
    base: Base,
    notes: tuple[str, ...],
) -> States:
    if calibration is None:
        note = "Too few people bought again to measure a rhythm; fixed day limits decided."
        return _by_days(scored, base, (*notes, note))
    first_day = scored.aggregate(day=scored.first_day.min()).to_pyarrow()["day"][0].as_py()
    span = (as_of - first_day).days
    last_limit = calibration.limits[2]
    lost_on = span >= base.lost_history_factor * last_limit
    if not lost_on:
        wanted = base.lost_history_factor * last_limit
        notes = (
            *notes,
            f"Nobody is called lost: {span} days of history, {wanted:.0f} are needed "
            f"({base.lost_history_factor:g} times {last_limit:.0f}).",
        )
    slipping, asleep, lost = calibration.thresholds
    z, days = scored.silence, scored.recency_days
    # Nobody is lost before a first buyer would be: short rhythms are broken by a holiday.
    still = (z <= lost) | (days <= last_limit) | ibis.literal(not lost_on)
    state = _first_of(scored, z <= slipping, z <= asleep, still)
    return States(scored.mutate(state=state), "rhythm", calibration.limits, lost_on, notes)


def _by_days(scored: ir.Table, base: Base, notes: tuple[str, ...]) -> States:
    days = scored.recency_days
    first, second, third = base.days
    state = _first_of(scored, days <= first, days <= second, days <= third)
    return States(scored.mutate(state=state), "days", base.days, lost_on=True, notes=notes)


def _by_lifecycle(scored: ir.Table, base: Base) -> States:
    present = scored.recency_days <= base.lifecycle_days
    # Who is leaving may be gone for years: asleep, so that no seed takes them.
    never, always = ibis.literal(value=False), ibis.literal(value=True)
    state = _first_of(scored, present, slipping=never, asleep=always)
    limits = (base.lifecycle_days,)
    return States(scored.mutate(state=state), "lifecycle", limits, lost_on=False, notes=())


def _by_model(scored: ir.Table) -> States | None:
    counted = triples(scored)
    fit = fit_purchases(compress(counted))
    if not fit.usable:
        return None
    alive = alive_shares(fit, counted)
    joined = scored.left_join(alive, "person_id").drop("person_id_right")
    chance = joined.alive
    first, second, third = ALIVE_LIMITS
    state = _first_of(joined, chance >= first, chance >= second, chance >= third)
    return States(joined.mutate(state=state).drop("alive"), "model", (), lost_on=True, notes=())


def _first_of(
    table: ir.Table, active: ir.BooleanValue, slipping: ir.BooleanValue, asleep: ir.BooleanValue
) -> ir.StringValue:
    return ibis.cases(
        (table.orders == 0, ibis.null("string")),
        (active, "active"),
        (slipping, "slipping"),
        (asleep, "asleep"),
        else_="lost",
    )
