"""Other ways to judge a buyer, from segments.toml to the people of a list."""

import csv
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from audiences.ranks import rf_grid
from audiences.segments import Segmentation, segment
from config.segments import Base
from flows import loop, valuing
from flows.lists import described_now
from flows.workshop import open_workshop
from tests.support.shops import Shop, cdnow_sample, shop
from tests.support.small_shop import FILES

AS_OF = date(1997, 9, 30)
NOW = datetime(1997, 9, 30, 20, tzinfo=UTC)
LISTS = {
    "active": "state = 'active'",
    "gone": "state in ('asleep', 'lost')",
    "new_ones": "segment = 'new'",
    "loyal_ones": "segment in ('loyal', 'vip')",
    "champions": "rf_label = 'champions'",
}


@pytest.fixture(scope="module")
def cdnow() -> Shop:
    """Two thousand real buyers; the value model fits them."""
    all_rows = cdnow_sample()
    paid = all_rows.occasions.filter(all_rows.occasions.revenue > 0)
    return Shop(paid, all_rows.returns, all_rows.people)


def project(folder: Path, buyers: Shop, base: str) -> Path:
    """The buyers as exports of a CRM, all with an address and consent, and lists of each kind."""
    (folder / "exports").mkdir(parents=True)
    known = buyers.occasions.filter(buyers.occasions.day <= AS_OF)
    rows = known.to_pyarrow().to_pylist()
    people = sorted(buyers.people.person_id.to_pyarrow().to_pylist())
    with (folder / "exports" / "contacts.csv").open("w", newline="") as file:
        write = csv.writer(file)
        write.writerow(["id", "mail", "tel", "town", "ads"])
        write.writerows([one, f"person{one}@example.com", "", "", "yes"] for one in people)
    with (folder / "exports" / "orders.csv").open("w", newline="") as file:
        write = csv.writer(file)
        write.writerow(["no", "who", "day", "sum"])
        write.writerows(
            [number, row["person_id"], row["day"], f"{row['revenue']:.2f}"]
            for number, row in enumerate(rows)
        )
    for name, text in FILES.items():
        told = text.replace("2026-06-01", AS_OF.isoformat())
        (folder / name).write_text(told, encoding="utf-8")
    audiences = "".join(
        f'[[audience]]\nname = "{name}"\npeople = "{rule}"\naccounts = ["lists"]\n'
        for name, rule in LISTS.items()
    )
    (folder / "audiences.toml").write_text(audiences, encoding="utf-8")
    (folder / "segments.toml").write_text(
        f"[base]\nlost_history_factor = 0\n{base}\n[gates]\nsegment_share = 0\n", encoding="utf-8"
    )
    (folder / "bid_rules.toml").write_text("", encoding="utf-8")
    return folder


def wanted(made: Segmentation) -> dict[str, set[str]]:
    """Who belongs in each list, worked out from the people one by one."""
    rows = made.table.to_pyarrow().to_pylist()
    grid = {
        row["person_id"]: row["rf_label"] for row in rf_grid(made.table).to_pyarrow().to_pylist()
    }
    holds: dict[str, Callable[[dict[str, Any]], bool]] = {
        "active": lambda row: row["state"] == "active",
        "gone": lambda row: row["state"] in ("asleep", "lost"),
        "new_ones": lambda row: row["segment"] == "new",
        "loyal_ones": lambda row: row["segment"] in ("loyal", "vip"),
        "champions": lambda row: grid.get(row["person_id"]) == "champions",
    }
    return {name: {r["person_id"] for r in rows if is_in(r)} for name, is_in in holds.items()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("base", "as_base"),
    [
        pytest.param('state = "model"', Base(state="model", lost_history_factor=0), id="model"),
        pytest.param(
            'state = "days"\ndays = [30, 90, 180]',
            Base(state="days", days=(30, 90, 180), lost_history_factor=0),
            id="days",
        ),
        pytest.param(
            'state = "lifecycle"\nlifecycle_days = 60',
            Base(state="lifecycle", lost_history_factor=0),
            id="lifecycle",
        ),
    ],
)
def test_the_way_that_is_set_decides_who_is_in_each_list(
    tmp_path: Path, cdnow: Shop, base: str, as_base: Base
) -> None:
    folder = project(tmp_path / "shop", cdnow, base)
    with open_workshop(folder, now=lambda: NOW) as workshop:
        refresh = loop.refresh(workshop)
        planned = {one["audience"]: one for one in loop.plan(workshop, bids=False)["audiences"]}
        described = described_now(workshop)
        rules = workshop.project.audience_rules
        sizes = {
            name: described.filter(rules[name].to_ibis(described)).count().to_pyarrow().as_py()
            for name in LISTS
        }
    assert refresh["states_by"] == as_base.state
    made = segment(cdnow.occasions, cdnow.returns, cdnow.people, as_of=AS_OF, base=as_base)
    people = {name: len(found) for name, found in wanted(made).items()}
    assert {name: one["add"] for name, one in planned.items()} == sizes == people
    assert people["active"] > 0
    assert people["champions"] > 0


@pytest.mark.parametrize("state", ["rhythm", "model", "days", "lifecycle"])
def test_real_buyers_in_any_order_of_rows_are_in_the_same_segments(cdnow: Shop, state: str) -> None:
    """A model is fitted here; shops of a few invented people have none."""
    base = Base(state=state)
    first = segment(cdnow.occasions, cdnow.returns, cdnow.people, as_of=AS_OF, base=base)
    assert first.states_by == state
    rows = cdnow.occasions.to_pandas().sample(frac=1, random_state=7)
    mixed = shop(rows, people=cdnow.people.to_pandas().sample(frac=1, random_state=8))
    second = segment(mixed.occasions, mixed.returns, mixed.people, as_of=AS_OF, base=base)
    one, other = (
        made.table.order_by("person_id")
        .to_pandas()
        .drop(columns=["registered_on"], errors="ignore")
        for made in (first, second)
    )
    assert one.equals(other)
    grids = [rf_grid(made.table).order_by("person_id").to_pandas() for made in (first, second)]
    assert grids[0].equals(grids[1])


@pytest.mark.slow
def test_the_days_of_churn_risk_are_set(tmp_path: Path, cdnow: Shop) -> None:
    """Fewer people are quiet for longer; the back-test is of the same days."""
    risks = []
    for days, base in ((14, ""), (90, "churn_days = 90")):
        folder = project(tmp_path / f"of_{days}", cdnow, base)
        with open_workshop(folder, now=lambda: NOW) as workshop:
            loop.refresh(workshop)
            risks.append(workshop.table("scores").churn_risk.mean().to_pyarrow().as_py())
            churn = valuing.value(workshop)["churn"]
            assert churn["days"] == days
            assert churn["auc"] > 0.7
    assert risks[1] < risks[0] - 0.05
