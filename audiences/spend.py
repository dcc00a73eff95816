"""How much a person spends per purchase: Gamma-Gamma (Fader, Hardie 2005).

Fitted on people with repeat purchases: x of them, of mean spend m > 0.
"""

from dataclasses import dataclass

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import gammaln, psi

Floats = NDArray[np.float64]

BOUND = 12.0
"""Bound of the natural logs of the parameters, v in units of the mean spend."""
EDGE = 9.0
"""Distance of such a log from 0 at which people no longer differ and the figures lose digits."""
LEAST_PEOPLE = 50
EXACT_CELLS = 200_000
"""Distinct (x, m) up to which every one is used; beyond, m is taken in steps of LOG_STEP."""
LOG_STEP = 0.01
NAMES = ("p", "q", "v")


@dataclass(frozen=True)
class SpendFit:
    """Parameters in the currency of the data; `faults` says why a fit must not be used."""

    p: float
    q: float
    v: float
    log_likelihood: float
    people: int
    faults: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        return not self.faults

    @property
    def mean(self) -> float:
        """Expected spend of a person of whom nothing is known."""
        return self.p * self.v / (self.q - 1)


def repeat_spend(known: ir.Table) -> ir.Table:
    """Person_id, x and m (mean revenue of the repeat occasions) of buyers with x >= 1."""
    again = known.filter(known.orders > 1)
    x = again.orders - 1
    return again.select("person_id", x=x, m=(again.revenue - again.first_revenue) / x)


def compress_spend(repeats: ir.Table) -> tuple[Floats, Floats, Floats]:
    """Collect x, m and the number of people of each; rows of m <= 0 say nothing of spend."""
    paid = repeats.filter(repeats.m > 0)
    cells = paid.group_by("x", "m").aggregate(people=paid.count())
    if cells.count().to_pyarrow().as_py() > EXACT_CELLS:
        steps = paid.mutate(m=((paid.m.ln() / LOG_STEP).round() * LOG_STEP).exp())
        cells = steps.group_by("x", "m").aggregate(people=steps.count())
    found = cells.order_by("x", "m").to_pyarrow()
    x, m, people = (
        np.asarray(found[name].to_numpy(), dtype=np.float64) for name in ("x", "m", "people")
    )
    return x, m, people


def fit_spend(x: Floats, m: Floats, people: Floats) -> SpendFit:
    """Fit by maximum likelihood on counted (x, m), both above zero."""
    number = int(people.sum())
    nothing = float("nan")
    if number < LEAST_PEOPLE:
        fault = f"{number} people bought again for money, {LEAST_PEOPLE} are needed"
        return SpendFit(nothing, nothing, nothing, nothing, number, (fault,))
    typical = float(people @ m / people.sum())
    answer = minimize(
        _loss,
        np.zeros(len(NAMES)),
        args=(x, m / typical, people / people.sum()),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-BOUND, BOUND)] * len(NAMES),
        options={"maxiter": 1000, "ftol": 1e-13, "gtol": 1e-8},
    )
    p, q, v = (float(value) for value in np.exp(answer.x))
    faults = []
    if not answer.success and np.abs(answer.jac).max() > 1e-4:
        faults.append(f"the search did not converge ({answer.message})")
    edge = [name for name, log in zip(NAMES, answer.x, strict=True) if abs(log) > EDGE]
    if edge:
        faults.append(f"{', '.join(edge)} ran to the edge of what is sensible")
    if q <= 1:
        faults.append("the expected spend is infinite (q <= 1)")
    # The density of m is that of m / typical over typical.
    likelihood = -float(answer.fun) * number - number * float(np.log(typical))
    return SpendFit(p, q, v * typical, likelihood, number, tuple(faults))


def expected_spend(fit: SpendFit, x: ir.IntegerValue, m: ir.FloatingValue) -> ir.FloatingValue:
    """Expected spend per purchase given x repeat purchases of mean m; without any, the mean."""
    known = x.fill_null(0)
    total = (known * m).fill_null(0.0)
    return (total + fit.v) * fit.p / (known * fit.p + (fit.q - 1))


def _loss(logs: Floats, x: Floats, m: Floats, share: Floats) -> tuple[float, Floats]:
    """Mean negative log likelihood and its gradient in the logs of the parameters."""
    p, q, v = np.exp(logs)
    px, total = p * x, v + m * x
    log_total = np.log(total)
    log_likelihood = (
        gammaln(px + q) - gammaln(px) - gammaln(q)
        + q * np.log(v) + (px - 1) * np.log(m) + px * np.log(x) - (px + q) * log_total
    )  # fmt: skip
    gradient = np.stack(
        [
            x * (psi(px + q) - psi(px) + np.log(m) + np.log(x) - log_total),
            psi(px + q) - psi(q) + np.log(v) - log_total,
            q / v - (px + q) / total,
        ]
    )
    return -float(log_likelihood @ share), -(gradient @ share) * np.array([p, q, v])
