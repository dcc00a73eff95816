"""The method put to the test on order files: `adsteer study DATA`.

For each base: who is in what segment, whether each segment buys again as its name says, and
whether value, churn risk and seeds predicted what then happened. Nothing is typed by hand.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from audiences.backtest import BackTest, ChurnTest, back_test, churn_test, held, later_worth
from audiences.engine import open_engine
from audiences.history import Rate, retention
from audiences.seeds import Seed, pick_seed
from audiences.segments import Segmentation, segment, sizes
from audiences.staging import keep
from audiences.tables import OCCASIONS, PEOPLE, RETURNS
from audiences.value import fit_value, predict
from config.audiences import LtvFloor
from config.segments import Base
from config.shop import Engine
from flows.documents import Document
from flows.workshop import CannotRun

SYNONYMS = {
    "person_id": ("customer_id", "household_id", "master_customer_id", "person_id"),
    "day": ("invoice_ts", "ordered_on", "date", "ts", "day"),
    "amount": ("amount", "sales_value", "amount_net", "revenue"),
}
"""Headers of an order file; the first that is there counts."""

HORIZON_DAYS = 90
CHURN_DAYS = 14
WARM_UP_DAYS = 120
"""Days of orders before the first snapshot."""
SNAPSHOTS = 3
SEED_SHARE = 0.10

WANTED_ORDER: tuple[tuple[str, ...], ...] = (
    ("vip", "vip_at_risk"),
    ("loyal", "at_risk", "lost"),
    ("promising", "drifting", "sleeping", "lost"),
    ("new", "drifting"),
    ("vip", "loyal", "promising", "new"),
)
"""Along each line the share that buys again should fall."""
LEAST_PEOPLE = 30
"""People under which a segment's rate is not held against another's."""


def study(data: Path) -> Document:
    """Study every order file (.csv or .csv.gz) in a folder, or one file; raises CannotRun."""
    found = [data] if data.is_file() else sorted(data.rglob("*.csv*"))
    bases = [one for path in found if (one := _study_file(path, _name(path, data))) is not None]
    if not bases:
        wanted = "; ".join(f"{name}: {' or '.join(names)}" for name, names in SYNONYMS.items())
        raise CannotRun(
            f"no order file in {data.name}. Each row is an order, with columns {wanted}."
        )
    return {
        "horizon_days": HORIZON_DAYS,
        "churn_days": CHURN_DAYS,
        "seed_share": SEED_SHARE,
        "wanted_order": [list(line) for line in WANTED_ORDER],
        "bases": bases,
    }


def _name(path: Path, data: Path) -> str:
    """What a file is called in the report: its place in the folder."""
    return path.name if path == data else path.relative_to(data).as_posix()


def _study_file(path: Path, name: str) -> Document | None:
    with TemporaryDirectory() as scratch:
        engine = open_engine(Engine(), Path(scratch))
        try:
            tables = _tables(engine, path)
            return None if tables is None else _study_base(name, tables)
        finally:
            engine.disconnect()


def _tables(engine: Backend, path: Path) -> dict[str, ir.Table] | None:
    """Occasions, returns and people of an order file; None where it is not one."""
    rows = engine.read_csv(str(path), all_varchar=True)
    columns = {
        name: next((header for header in headers if header in rows.columns), None)
        for name, headers in SYNONYMS.items()
    }
    if None in columns.values() or rows.limit(1).count().to_pyarrow().as_py() == 0:
        return None
    amount = rows[columns["amount"]].cast("decimal(18, 2)")
    orders = keep(
        rows.select(
            person_id=rows[columns["person_id"]],
            day=rows[columns["day"]].substr(0, 10).cast("date"),
            amount=amount,
        )
    )
    orders = orders.filter(orders.person_id.notnull())
    bought = orders.filter(orders.amount > 0).group_by("person_id", "day")
    occasions = bought.aggregate(
        orders=lambda each: each.count(),
        revenue=lambda each: each.amount.sum(),
        discount=ibis.literal(0.0),
        margin=ibis.null("float64"),
        items=ibis.literal(0),
        category=ibis.null("string"),
        channel=ibis.null("string"),
    )
    back = orders.filter(orders.amount < 0).group_by("person_id", "day")
    returns = back.aggregate(amount=lambda each: -each.amount.sum())
    everybody = orders.select("person_id").distinct()
    unknown = {name: ibis.null(kind(nullable=True)) for name, kind in PEOPLE.items()}
    people = everybody.mutate(
        **{name: none for name, none in unknown.items() if name != "person_id"}
    ).mutate(consent_ads=ibis.literal("yes"))
    return {
        "occasions": keep(_as(occasions, OCCASIONS)),
        "returns": keep(_as(returns, RETURNS)),
        "people": keep(_as(people, PEOPLE)),
    }


def _as(table: ir.Table, schema: ibis.Schema) -> ir.Table:
    return table.select(
        **{name: table[name].cast(kind(nullable=True)) for name, kind in schema.items()}
    )


def _study_base(name: str, tables: Mapping[str, ir.Table]) -> Document:
    occasions = tables["occasions"]
    span = occasions.aggregate(first=occasions.day.min(), last=occasions.day.max())
    row = span.to_pyarrow().to_pylist()[0]
    days = _snapshots(row["first"], row["last"])
    return {
        "file": name,
        "buyers": int(occasions.person_id.nunique().to_pyarrow().as_py()),
        "occasions": int(occasions.count().to_pyarrow().as_py()),
        "first": row["first"].isoformat(),
        "last": row["last"].isoformat(),
        "snapshots": [_study_day(tables, day) for day in days],
    }


def _snapshots(first: date, last: date) -> list[date]:
    """Days that leave a horizon after them and a warm-up before them, oldest first."""
    days = [last - timedelta(days=HORIZON_DAYS * back) for back in range(1, SNAPSHOTS + 1)]
    return sorted(day for day in days if (day - first).days >= WARM_UP_DAYS)


def _study_day(tables: Mapping[str, ir.Table], day: date) -> Document:
    occasions, returns = tables["occasions"], tables["returns"]
    met = occasions.filter(occasions.day <= ibis.literal(day)).select("person_id").distinct()
    people = keep(tables["people"].semi_join(met, "person_id"))
    made = segment(occasions, returns, people, as_of=day, base=Base())
    rates = retention(made.table, occasions, as_of=day, days=HORIZON_DAYS)
    worth = _worth(made, occasions, day)
    found = made.calibration
    return {
        "day": day.isoformat(),
        "people": int(made.table.count().to_pyarrow().as_py()),
        "limits_days": [round(limit) for limit in made.limits],
        "thresholds": None if found is None else [round(one, 3) for one in found.thresholds],
        "n_loyal": made.cuts.n_loyal,
        "lost_on": made.lost_on,
        "segments": _segments(made, rates, worth),
        "out_of_order": _out_of_order(rates),
        **_tests(tables, people, made, day),
        "notes": list(made.notes),
    }


def _worth(made: Segmentation, occasions: ir.Table, day: date) -> dict[str, float]:
    """Revenue of the horizon by segment."""
    later = later_worth(occasions, after=day, until=day + timedelta(days=HORIZON_DAYS))
    both = made.table.left_join(later, "person_id")
    sums = both.group_by("segment").aggregate(worth=both.worth.sum().fill_null(0.0))
    return {row["segment"]: row["worth"] for row in sums.to_pyarrow().to_pylist()}


def _segments(
    made: Segmentation, rates: Mapping[str, Rate], worth: Mapping[str, float]
) -> list[Document]:
    return [
        {
            "segment": str(name),
            "people": size.people,
            "share": size.share,
            "bought": rates[name].share,
            "low": rates[name].low,
            "high": rates[name].high,
            "revenue_per_person": worth[name] / size.people,
        }
        for name, size in sizes(made.table).items()
        if size.people
    ]


def _out_of_order(rates: Mapping[str, Rate]) -> list[Document]:
    """Neighbours of WANTED_ORDER whose rates rise, and whether that could be chance."""
    told: dict[tuple[str, str], Document] = {}
    for line in WANTED_ORDER:
        present = [one for one in line if one in rates and rates[one].people >= LEAST_PEOPLE]
        for better, worse in pairwise(present):
            one, other = rates[better], rates[worse]
            if one.share < other.share:
                told[better, worse] = {
                    "expected_higher": better,
                    "expected_lower": worse,
                    "shares": [one.share, other.share],
                    "intervals_overlap": one.high >= other.low,
                }
    return list(told.values())


def _tests(
    tables: Mapping[str, ir.Table], people: ir.Table, made: Segmentation, day: date
) -> Document:
    """Value, churn and seed against what then happened; or why nothing was predicted."""
    model = fit_value(made.known)
    if model.faults:
        seed = _seed(tables, people, made, None, day)
        return {"model_faults": list(model.faults), "value": None, "churn": None, "seed": seed}
    occasions = tables["occasions"]
    tested = back_test(occasions, tables["returns"], people, from_day=day, weeks=HORIZON_DAYS // 7)
    quiet = churn_test(made.known, occasions, from_day=day, days=CHURN_DAYS, model=model)
    predicted = keep(predict(made.known, model))
    return {
        "model_faults": [],
        "value": _value(tested),
        "churn": _churn(quiet),
        "seed": _seed(tables, people, made, predicted, day),
    }


def _value(one: BackTest) -> Document:
    return {
        "weeks": one.weeks,
        "predicted_purchases": one.predicted_purchases,
        "actual_purchases": one.actual_purchases,
        "predicted_value": one.predicted_value,
        "actual_value": one.actual_value,
        "scale": one.scale,
        "top_held": one.top_held,
        "top_lift": one.lift,
    }


def _churn(one: ChurnTest) -> Document:
    return {
        "days": one.days,
        "people": one.people,
        "quiet": one.quiet,
        "predicted_quiet": one.predicted_quiet,
        "auc": one.auc,
        "auc_of_silence": one.auc_of_silence,
    }


def _seed(
    tables: Mapping[str, ir.Table],
    people: ir.Table,
    made: Segmentation,
    predicted: ir.Table | None,
    day: date,
) -> Document:
    """A seed of the top tenth, and what it held of the horizon's value."""
    seed: Seed = pick_seed(made, people, floor=LtvFloor(top_share=SEED_SHARE), predicted=predicted)
    occasions = tables["occasions"]
    later = later_worth(occasions, after=day, until=day + timedelta(days=HORIZON_DAYS))
    buyers = made.table.filter(made.table.orders > 0)
    found = held(seed.table, buyers, later)
    return {
        "people": found.people,
        "by": seed.measured_by,
        "value_held": found.share,
        "lift": found.lift,
    }
