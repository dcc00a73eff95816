"""What a refresh works out of the segments: stories, scores, and the seeds of look-alikes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

import ibis.expr.types as ir

from audiences.acquisition import costs_per_customer
from audiences.behaviour import moment_of, sessions_per_month
from audiences.choosing import describe
from audiences.gates import Verdict, gate_behaviour
from audiences.history import carry_on
from audiences.scores import score_people
from audiences.seeds import Age, Seed, overlap, pick_seed
from audiences.segments import Segmentation
from audiences.staging import keep
from audiences.value import UnusableFit, fit_value, predict
from audiences.value_tests import believed_test
from config.audiences import Audience, Lookalike, Purpose
from config.features import BEHAVIOUR
from flows.documents import Document
from flows.workshop import Workshop


@dataclass(frozen=True, eq=False)
class Scored:
    """Temporary tables of the engine: history.STORIES, SCORES, and `value.predict`.

    `faults` says why nothing is predicted, and is empty where it is.
    """

    stories: ir.Table
    scores: ir.Table
    predicted: ir.Table | None
    faults: tuple[str, ...]
    behaviour: Document | None
    """The gate of behaviour rules; None where no rule is about behaviour."""
    notes: tuple[str, ...] = ()
    """What the predictions were scaled by, and what customers of a channel cost."""


def score(
    workshop: Workshop,
    made: Segmentation,
    occasions: ir.Table,
    people: ir.Table,
    events: ir.Table | None = None,
    costs: ir.Table | None = None,
) -> Scored:
    """Everything a rule may ask beyond the base segments.

    events: schema EVENTS, as this refresh read them; without, those of the last snapshot count.
    costs: schema COSTS; what a customer cost is taken from them where nobody wrote it.
    """
    model, base = fit_value(made.known), workshop.project.segments.base
    scale, notes = _scale(workshop, made.as_of)
    try:
        rate = base.margin_rate or 1.0
        predicted = keep(
            predict(made.known, model, margin_rate=rate, churn_days=base.churn_days, scale=scale)
        )
    except UnusableFit:
        predicted, notes = None, ()
    won = {} if costs is None else costs_per_customer(costs, made.known, people, as_of=made.as_of)
    written = {name.lower() for name in base.acquisition_costs}
    if found := {name: cost for name, cost in won.items() if name not in written}:
        listed = ", ".join(f"{name} {cost:,.2f}" for name, cost in found.items())
        notes = (*notes, f"Cost of a new customer, from the exports of costs: {listed}.")
    before = workshop.find_snapshot("stories")
    told = workshop.table("stories") if before else None
    stories = keep(carry_on(told, made.table, as_of=made.as_of))
    if events is None and workshop.find_snapshot("events"):
        events = workshop.table("events")
    zone = ZoneInfo(workshop.project.adsteer.shop.time_zone)
    moment = moment_of(made.as_of, workshop.now().astimezone(zone).replace(tzinfo=None))
    scores = score_people(
        made,
        occasions,
        stories=stories,
        predicted=predicted,
        events=events,
        moment=moment,
        people=people,
        acquisition_costs={**found, **base.acquisition_costs},
        margin_rate=base.margin_rate,
    )
    gate = None
    if behavioural(workshop):
        sessions = sessions_per_month(events, moment=moment) if events is not None else 0
        judged = gate_behaviour(sessions_per_month=sessions, gates=workshop.project.segments.gates)
        gate = {
            "sessions_per_month": sessions,
            "verdict": judged.verdict.value,
            "audiences": behavioural(workshop) if judged.verdict is Verdict.REFUSE else [],
            "notes": list(judged.notes),
        }
    return Scored(stories, scores, predicted, model.faults, gate, notes)


def _scale(workshop: Workshop, as_of: date) -> tuple[float, tuple[str, ...]]:
    """Actual over predicted of the last back-test, and what to say of it."""
    with workshop.catalog.begin() as connection:
        test = believed_test(connection, as_of)
    if test is None:
        return 1.0, ()
    note = (
        f"Predicted values are multiplied by {test.scale:.2f}: so much was spent for each unit "
        f"predicted in the {test.weeks} weeks up to {test.until} (`adsteer value`)."
    )
    return test.scale, (note,)


def behavioural(workshop: Workshop) -> list[str]:
    """Audiences whose condition, or an overlay in it, asks for behaviour."""
    project = workshop.project
    about = {name for name, rule in project.overlay_rules.items() if rule.columns & BEHAVIOUR}
    return [
        name for name, rule in project.audience_rules.items() if rule.columns & (BEHAVIOUR | about)
    ]


def described_people(
    workshop: Workshop, segmented: ir.Table, people: ir.Table, scores: ir.Table | None, as_of: date
) -> ir.Table:
    """`describe` with this project's overlays and frequency guards."""
    project = workshop.project
    return describe(
        segmented,
        people,
        as_of=as_of,
        overlays=project.overlay_rules,
        scores=scores,
        left_out=project.left_out,
    )


def pick_seeds(
    workshop: Workshop, made: Segmentation, people: ir.Table, scored: Scored
) -> Iterator[tuple[Audience, Seed]]:
    """The seed of every audience that is one, picked for the strictest of its accounts."""
    wanted = [one for one in workshop.project.audiences.audience if one.purpose is Purpose.SEED]
    if not wanted:
        return
    among = described_people(workshop, made.table, people, scored.scores, made.as_of)
    for audience in wanted:
        if audience.ltv_floor is None:
            raise AssertionError(f"seed {audience.name} without a floor passed the checks")
        limits = [workshop.lists_of(account).limits for account in audience.accounts]
        yield (
            audience,
            pick_seed(
                made,
                people,
                floor=audience.ltv_floor,
                predicted=scored.predicted,
                among=among.filter(workshop.project.audience_rules[audience.name].to_ibis(among)),
                max_base_share=audience.max_base_share,
                platform_minimum=max(one.min_members for one in limits),
                match_rate=min(one.expected_match for one in limits),
                asked=workshop.project.audiences.consent.asked(audience.purpose),
            ),
        )


def seed_document(workshop: Workshop, audience: Audience, seed: Seed, picked_on: date) -> Document:
    """A seed's entry in the refresh document."""
    last = workshop.find_snapshot("seed", audience.name)
    before = workshop.table("seed", audience.name) if last else None
    return {
        "people": seed.people,
        "share": seed.share,
        "floor": round(seed.floor, 2),
        "measured_by": seed.measured_by,
        "first_order_from": round(seed.first_order_from, 2),
        "left": dict(seed.left),
        "picked_on": picked_on.isoformat(),
        "refresh_days": refresh_days(audience),
        "overlap_with_last": None if before is None else overlap(seed.table, before),
        "refused_by": list(seed.refused_by),
        "notes": list(seed.notes),
    }


def refresh_days(audience: Audience) -> int:
    """Age in days at which the seed is stale."""
    return (audience.lookalike or Lookalike()).refresh_days


def seed_age(workshop: Workshop, audience: Audience) -> Age | None:
    """Age of the seed that was picked last; None before the first."""
    picked = workshop.find_snapshot("seed", audience.name)
    if picked is None:
        return None
    return Age((workshop.as_of - picked.as_of).days, refresh_days(audience))
