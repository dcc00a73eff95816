"""How many purchases to expect of a person, and whether the person is still a customer.

BG/NBD (Fader, Hardie, Lee 2005) and MBG/NBD (Batislam, Denizel, Filiztekin 2007), which also lets
a first buyer leave. Fitted on unique (x, t_x, T) triples with their counts: x repeat occasions,
t_x time of the last one, T age, in weeks.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, gammaln, hyp2f1, psi

Floats = NDArray[np.float64]

WEEK = 7
BOUND = 12.0
"""Bound of the natural logs of the parameters."""
EDGE = 9.0
"""Distance of such a log from 0 at which people no longer differ and the figures lose digits."""
LEAST_DROPOUT = 0.001
"""Mean chance to leave, a / (a + b), under which a fit has no dropout part: everybody is alive."""
LEAST_PEOPLE = 100
NEAR_ONE = 1e-4
"""Distance of a from 1 within which E[Y] is taken as the line through both sides."""
SERIES_TERMS = 2_000
NAMES = ("r", "alpha", "a", "b")


class Model(IntEnum):
    """The family; its number is the extra trial to leave, at the first purchase."""

    BG = 0
    MBG = 1


@dataclass(frozen=True, eq=False)
class Triples:
    """Unique purchase histories, in weeks, with the number of people who share each."""

    x: Floats
    t_x: Floats
    age: Floats
    people: Floats


@dataclass(frozen=True)
class PurchaseFit:
    """Parameters with the time unit of a week; `faults` says why a fit must not be used."""

    model: Model
    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float
    people: int
    faults: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        return not self.faults


def triples(known: ir.Table, *, grain_days: int = WEEK) -> ir.Table:
    """Each buyer's history counted in whole grains: person_id, x, t_x, age (of `features`).

    Rounding to the nearest grain never lets the last purchase pass the snapshot.
    """
    buyers = known.filter(known.orders > 0)
    half = grain_days // 2
    return buyers.select(
        "person_id",
        x=buyers.orders - 1,
        t_x=((buyers.age_days - buyers.recency_days + half) / grain_days).floor().cast("int64"),
        age=((buyers.age_days + half) / grain_days).floor().cast("int64"),
    )


def compress(counted: ir.Table, *, grain_days: int = WEEK) -> Triples:
    """Collect the unique histories of `triples`: thousands of rows for millions of people."""
    cells = counted.group_by("x", "t_x", "age").aggregate(people=counted.count())
    found = cells.order_by("x", "t_x", "age").to_pyarrow()
    weeks = grain_days / WEEK
    return Triples(
        x=_floats(found["x"]),
        t_x=_floats(found["t_x"]) * weeks,
        age=_floats(found["age"]) * weeks,
        people=_floats(found["people"]),
    )


def fit_purchases(histories: Triples, *, model: Model = Model.MBG) -> PurchaseFit:
    """Fit by maximum likelihood; what did not work is in `faults`, never silently used."""
    people = int(histories.people.sum())
    faults = []
    if people < LEAST_PEOPLE:
        return _unfitted(model, people, f"{people} buyers, {LEAST_PEOPLE} are needed")
    if not (histories.x > 0).any():
        return _unfitted(model, people, "nobody bought twice")
    answer = minimize(
        _loss,
        np.zeros(len(NAMES)),
        args=(histories, int(model)),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-BOUND, BOUND)] * len(NAMES),
        options={"maxiter": 1000, "ftol": 1e-13, "gtol": 1e-8},
    )
    r, alpha, a, b = (float(value) for value in np.exp(answer.x))
    if not answer.success and np.abs(answer.jac).max() > 1e-4:
        faults.append(f"the search did not converge ({answer.message})")
    edge = [name for name, log in zip(NAMES, answer.x, strict=True) if abs(log) > EDGE]
    if edge:
        faults.append(f"{', '.join(edge)} ran to the edge of what is sensible")
    if a / (a + b) < LEAST_DROPOUT:
        faults.append("no dropout part: everybody would count as a customer for ever")
    return PurchaseFit(model, r, alpha, a, b, -float(answer.fun) * people, people, tuple(faults))


def alive(fit: PurchaseFit, x: Floats, t_x: Floats, age: Floats) -> Floats:
    """Probability to be still a customer at age `age`, weeks."""
    return np.asarray(1.0 / _alive_odds(fit, x, t_x, age))


def expected(fit: PurchaseFit, x: Floats, t_x: Floats, age: Floats, weeks: float) -> Floats:
    """Expected number of purchases in the next `weeks` weeks.

    The published form with Euler's transformation of 2F1, which does not overflow for large x.
    """
    odds = _alive_odds(fit, x, t_x, age)
    distance = fit.a - 1
    if abs(distance) >= NEAR_ONE:
        return np.asarray(_while_alive(fit, fit.a, x, age, weeks) / odds)
    below = _while_alive(fit, 1 - NEAR_ONE, x, age, weeks)
    above = _while_alive(fit, 1 + NEAR_ONE, x, age, weeks)
    share = (distance + NEAR_ONE) / (2 * NEAR_ONE)
    return np.asarray((below + share * (above - below)) / odds)


def quiet(fit: PurchaseFit, x: Floats, t_x: Floats, age: Floats, weeks: float) -> Floats:
    """Probability of no purchase in the next `weeks` weeks.

    Who is alive at age T buys at a rate of Gamma(r + x, alpha + T), and leaves only at a purchase.
    """
    none_if_alive = ((fit.alpha + age) / (fit.alpha + age + weeks)) ** (fit.r + x)
    return np.asarray(1 - alive(fit, x, t_x, age) * (1 - none_if_alive))


def alive_shares(fit: PurchaseFit, counted: ir.Table, *, grain_days: int = WEEK) -> ir.Table:
    """Table person_id, alive (probability to be still a customer), for `triples`."""
    histories = compress(counted, grain_days=grain_days)
    shares = alive(fit, histories.x, histories.t_x, histories.age)
    return spread(counted, histories, {"alive": shares}, grain_days=grain_days)


def spread(
    counted: ir.Table, histories: Triples, columns: dict[str, Floats], *, grain_days: int = WEEK
) -> ir.Table:
    """Join figures per unique history back to the people, in the engine."""
    grains = WEEK / grain_days
    keys = {
        "x": np.rint(histories.x),
        "t_x": np.rint(histories.t_x * grains),
        "age": np.rint(histories.age * grains),
    }
    cells = {name: pa.array(values.astype(np.int64)) for name, values in keys.items()}
    cells |= {name: pa.array(values) for name, values in columns.items()}
    found = ibis.memtable(pa.table(cells))
    joined = counted.inner_join(found, ["x", "t_x", "age"])
    return joined.select("person_id", *columns)


def _unfitted(model: Model, people: int, fault: str) -> PurchaseFit:
    nothing = float("nan")
    return PurchaseFit(model, nothing, nothing, nothing, nothing, nothing, people, (fault,))


def _floats(column: Any) -> Floats:
    return np.asarray(column.to_numpy(), dtype=np.float64)


def _loss(logs: Floats, h: Triples, extra: int) -> tuple[float, Floats]:
    """Mean negative log likelihood and its gradient in the logs of the parameters."""
    r, alpha, a, b = np.exp(logs)
    x, trials = h.x, h.x + extra
    can_leave = trials > 0
    leave = np.where(can_leave, b + trials - 1, 1.0)
    log_stay = -(r + x) * np.log(alpha + h.age)
    log_left = np.where(
        can_leave, np.log(a) - np.log(leave) - (r + x) * np.log(alpha + h.t_x), -np.inf
    )
    log_likelihood = (
        gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        + gammaln(a + b) + gammaln(b + trials) - gammaln(b) - gammaln(a + b + trials)
        + np.logaddexp(log_stay, log_left)
    )  # fmt: skip
    left = expit(log_left - log_stay)
    stay = 1 - left
    both = psi(a + b) - psi(a + b + trials)
    gradient = np.stack(
        [
            psi(r + x) - psi(r) + np.log(alpha)
            - stay * np.log(alpha + h.age) - left * np.log(alpha + h.t_x),
            r / alpha - (r + x) * (stay / (alpha + h.age) + left / (alpha + h.t_x)),
            both + left / a,
            both + psi(b + trials) - psi(b) - left / leave,
        ]
    )  # fmt: skip
    share = h.people / h.people.sum()
    slope = gradient @ share * np.array([r, alpha, a, b])
    return -float(log_likelihood @ share), -slope


def _alive_odds(fit: PurchaseFit, x: Floats, t_x: Floats, age: Floats) -> Floats:
    """1 / P(alive): 1 + a / (b + x - 1) ((alpha + T) / (alpha + t_x))^(r + x), BG; b + x, MBG."""
    trials = x + int(fit.model)
    leave = np.where(trials > 0, fit.b + trials - 1, np.inf)
    longer = np.log(fit.alpha + age) - np.log(fit.alpha + t_x)
    return np.asarray(1.0 + fit.a / leave * np.exp(np.minimum((fit.r + x) * longer, 700.0)))


def _while_alive(fit: PurchaseFit, a: float, x: Floats, age: Floats, weeks: float) -> Floats:
    extra = int(fit.model)
    whole = fit.alpha + age + weeks
    c = a + fit.b + x + extra - 1
    bend = _gauss(a + fit.b + extra - 1 - fit.r, a - 1, c, weeks / whole)
    return np.asarray(c / (a - 1) * (1 - ((fit.alpha + age) / whole) ** (a - 1) * bend))


def _gauss(p: float, q: float, c: Floats, z: Floats) -> Floats:
    """2F1(p, q; c; z) for 0 <= z < 1.

    SciPy's overflows where c is about 100 or more and z is close to 1. The series itself is good
    there: its terms shrink at once, by p q z / c and the like.
    """
    found = np.asarray(hyp2f1(p, q, c, z), dtype=np.float64)
    lost = ~np.isfinite(found)
    if lost.any():
        c, z = np.broadcast_to(c, found.shape)[lost], np.broadcast_to(z, found.shape)[lost]
        found = found.copy()
        found[lost] = _series(p, q, c, z)
    return found


def _series(p: float, q: float, c: Floats, z: Floats) -> Floats:
    term = total = np.ones_like(z)
    for n in range(SERIES_TERMS):
        term = term * ((p + n) * (q + n) / (n + 1)) * z / (c + n)
        total = total + term
        if np.all(np.abs(term) <= 1e-16 * np.abs(total)):
            break
    return total
