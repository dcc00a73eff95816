"""Fit the purchase model on simulated customers: seconds, and the memory of the whole process.

Customers follow MBG/NBD with the parameters of CDNOW, over three years, in weeks; they are made in
the engine as whole histories, so that what is timed is compressing and fitting alone. The bar for
10 M customers is 10 s and 1.5 GB.
"""

import resource
import time
from collections.abc import Iterator

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from audiences.purchases import PurchaseFit, compress, fit_purchases

PEOPLE, QUICK_PEOPLE = 10_000_000, 100_000
AT_ONCE = 250_000
WEEKS = 156
R, ALPHA, A, B = 0.52, 6.18, 0.89, 1.61
MOST_PURCHASES = 400
"""Purchases after which a simulated customer is looked at no further."""


def run(quick: bool) -> list[dict[str, object]]:
    """One row: how long it took, how much memory, and how near the fit is to the truth."""
    people = QUICK_PEOPLE if quick else PEOPLE
    engine = ibis.duckdb.connect()
    counted = _customers(engine, people)
    began = time.perf_counter()
    histories = compress(counted)
    compressed = time.perf_counter()
    fit = fit_purchases(histories)
    fitted = time.perf_counter()
    return [
        {
            "customers": f"{people:,}",
            "histories": f"{len(histories.x):,}",
            "compress, s": f"{compressed - began:.1f}",
            "fit, s": f"{fitted - compressed:.1f}",
            "together, s": f"{fitted - began:.1f}",
            "peak memory, GB": f"{_peak_gigabytes():.2f}",
            "r, alpha, a, b": _parameters(fit),
            "truth": f"{R}, {ALPHA}, {A}, {B}",
        }
    ]


def _customers(engine: ibis.BaseBackend, people: int) -> ir.Table:
    """A table of `purchases.triples`: person_id, x, t_x, age in weeks."""
    chance = np.random.default_rng(2026)
    made = 0
    for batch in _batches(chance, people):
        if made == 0:
            table = engine.create_table("customers", batch)
        else:
            engine.insert("customers", batch)
        made += batch.num_rows
    return table


def _batches(chance: np.random.Generator, people: int) -> Iterator[pa.Table]:
    for start in range(0, people, AT_ONCE):
        number = min(AT_ONCE, people - start)
        x, t_x, age = _histories(chance, number)
        ids = np.arange(start, start + number)
        yield pa.table(
            {
                "person_id": ids,
                "x": x,
                "t_x": np.minimum(np.rint(t_x), age).astype("int64"),
                "age": age,
            }
        )


def _histories(
    chance: np.random.Generator, number: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Purchases of MBG/NBD: rates are Gamma, and at each purchase, the first too, some leave."""
    rate = chance.gamma(R, 1 / ALPHA, number)
    leave = chance.beta(A, B, number)
    age = chance.integers(1, WEEKS + 1, number)
    x = np.zeros(number, dtype="int64")
    t_x = np.zeros(number)
    here = np.flatnonzero(chance.random(number) >= leave)
    for _ in range(MOST_PURCHASES):
        if not here.size:
            break
        when = t_x[here] + chance.exponential(1 / np.maximum(rate[here], 1e-12))
        bought = when < age[here]
        here = here[bought]
        x[here] += 1
        t_x[here] = when[bought]
        here = here[chance.random(here.size) >= leave[here]]
    return x, t_x, age


def _parameters(fit: PurchaseFit) -> str:
    if fit.faults:
        return "; ".join(fit.faults)
    return ", ".join(f"{value:.2f}" for value in (fit.r, fit.alpha, fit.a, fit.b))


def _peak_gigabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
