"""`adsteer segments --history`, its pictures, and the figures behind them."""

import csv
import json
import xml.etree.ElementTree as ET
from datetime import date
from pathlib import Path

import ibis
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ibis import _
from typer.testing import CliRunner

from audiences.concentration import concentration
from audiences.history import wilson
from audiences.ranks import auc
from config.labels import SEGMENTS
from flows import histories, show_history
from flows.cli import app
from flows.show import console
from measurement.history_charts import RetentionBar, migration_chart, retention_chart, sizes_chart
from tests.support.demo_project import opened, refreshed


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("shop") / "shop"
    refreshed(folder)
    return folder


@pytest.fixture(scope="module")
def document(project: Path) -> dict:
    with opened(project) as workshop:
        return histories.history_with_charts(workshop, workshop.as_of)


def test_sizes_are_of_everybody_known_on_each_day(document: dict) -> None:
    totals = [sum(one["people"].values()) for one in document["sizes"]]
    assert totals == sorted(totals)
    assert totals[-1] == 4972
    assert document["sizes"][-1]["people"]["vip"] == 387
    assert {len(one["people"]) for one in document["sizes"]} == {len(SEGMENTS)}


def test_every_row_of_the_moves_is_whole(document: dict) -> None:
    moves = document["migration"]["moves"]
    for was in {one["before"] for one in moves if one["before"]}:
        shares = [one["share"] for one in moves if one["before"] == was and one["after"]]
        assert sum(shares) == pytest.approx(1)
    came = sum(one["people"] for one in moves if one["before"] is None)
    assert came == 4972 - sum(one["people"] for one in moves if one["before"])


def test_loyal_now_against_then_adds_up(document: dict) -> None:
    one = document["loyal"]
    assert one["stayed"] + one["new"] == one["now"] == 387 + 878
    assert one["stayed"] + one["gone"] == one["then"]
    assert one["from"] == "2011-06-10"


def test_retention_is_of_periods_that_have_ended(document: dict) -> None:
    days = {one["day"] for one in document["retention"]}
    assert max(days) == "2011-09-10"
    latest = {one["segment"]: one for one in document["retention"] if one["day"] == max(days)}
    assert latest["vip"]["share"] > latest["loyal"]["share"] > latest["promising"]["share"]
    assert latest["vip"]["verdict"] == "above"
    assert latest["at_risk"]["verdict"] is None
    assert all(one["low"] <= one["share"] <= one["high"] for one in latest.values())


def test_a_target_is_missed_only_beyond_chance() -> None:
    assert histories.verdict(wilson(8, 10), 0.75) == "near"
    assert histories.verdict(wilson(5, 1000), 0.10) == "below"
    assert histories.verdict(wilson(900, 1000), 0.75) == "above"
    assert histories.verdict(wilson(5, 10), None) is None


def test_the_matrix_holds_everybody_who_is_measured(document: dict) -> None:
    matrix = document["matrix"]
    sizes = {one["day"]: sum(one["people"].values()) for one in document["sizes"]}
    assert sum(cell["people"] for cell in matrix["cells"]) == sizes[matrix["day"]]
    assert matrix["before"] == "2011-08-11"


def test_the_churn_risk_list_holds_ids_and_reasons_only(project: Path, document: dict) -> None:
    path = project / document["churn_risk"]["file"]
    assert path.stat().st_mode & 0o777 == 0o600
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == document["churn_risk"]["people"] > 0
    assert list(rows[0]) == [
        "person_id",
        "count_class",
        "state",
        "segment",
        "orders",
        "recency_days",
        "value",
    ]
    assert {(row["count_class"], row["state"]) for row in rows} == {
        ("loyal", "slipping"),
        ("loyal", "asleep"),
        ("first", "slipping"),
    }
    values = [float(row["value"]) for row in rows]
    assert values == sorted(values, reverse=True)


def test_every_picture_is_whole_and_the_same_twice(project: Path, document: dict) -> None:
    assert set(document["charts"]) == {
        "segment-sizes",
        "segment-migration",
        "segment-retention",
        "value-concentration",
    }
    before = {name: (project / file).read_bytes() for name, file in document["charts"].items()}
    for content in before.values():
        assert ET.fromstring(content).tag.endswith("svg")
    with opened(project) as workshop:
        from flows.pictures import history_charts

        history_charts(workshop, document)
    assert {name: (project / file).read_bytes() for name, file in document["charts"].items()} == (
        before
    )


def test_pictures_stand_empty_and_small_shops() -> None:
    from datetime import date

    bar = RetentionBar("New", 0, 0.0, 0.0, 1.0, None)
    for svg in (
        sizes_chart([date(2026, 1, 1)], {"New": [0]}, title="one day"),
        migration_chart(["New", "Lost"], [[None, None], [0.0, 1.0]], title="two"),
        retention_chart([bar], title="nobody"),
    ):
        assert ET.fromstring(svg).tag.endswith("svg")


def test_the_history_is_readable_on_a_terminal(document: dict) -> None:
    screen = console()
    with screen.capture() as caught:
        for part in show_history.followed(document):
            screen.print(part)
    said = caught.get()
    assert "Who moved where, 2011-06-10 to 2011-12-09" in said
    assert "Loyal and VIP: 727 on 2011-06-10, 1,265 on 2011-12-09" in said


amounts = st.lists(st.integers(0, 50), min_size=1, max_size=40)


@settings(deadline=None, max_examples=25)
@given(revenue=amounts)
def test_concentration_is_the_curve_of_the_best_first(revenue: list[int]) -> None:
    table = ibis.memtable(pd.DataFrame({"revenue": [float(one) for one in revenue]}))
    found = concentration(table, shares=(0.25, 0.5, 1.0))
    best = sorted((one for one in revenue if one), reverse=True)
    if not best:
        assert found == ()
        return
    for share, held in found:
        wanted = share * len(best)
        whole = int(wanted)
        rest = best[whole] * (wanted - whole) if whole < len(best) else 0
        assert held == pytest.approx((sum(best[:whole]) + rest) / sum(best))


scored = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1)), min_size=1, max_size=30)


@settings(deadline=None, max_examples=25)
@given(rows=scored)
def test_auc_counts_pairs(rows: list[tuple[int, int]]) -> None:
    table = ibis.memtable(pd.DataFrame(rows, columns=["score", "outcome"]))
    ones = [score for score, outcome in rows if outcome]
    zeros = [score for score, outcome in rows if not outcome]
    if not ones or not zeros:
        assert auc(table, "score", "outcome") is None
        return
    won = sum((one > zero) + (one == zero) / 2 for one in ones for zero in zeros)
    assert auc(table, "score", "outcome") == pytest.approx(won / (len(ones) * len(zeros)))


def test_moves_are_told_between_any_two_days(project: Path) -> None:
    words = ["segments", "-p", str(project), "--as-of", "2011-09-30", "--since", "2011-04-15"]
    said = CliRunner().invoke(app, [*words, "--json"])
    assert said.exit_code == 0, said.output
    told = json.loads(said.stdout)
    assert (told["migration"]["from"], told["migration"]["to"]) == ("2011-04-15", "2011-09-30")
    with opened(project) as workshop:
        tables = {kind: workshop.table(kind) for kind in ("occasions", "returns", "people")}
        days = (date(2011, 4, 15), date(2011, 9, 30))
        one, other = (histories.segment_of_day(workshop, tables, day).table for day in days)
        kept = one.inner_join(other, ["person_id", "segment"]).filter(_.segment == "vip")
        stayed = kept.count().to_pyarrow().as_py()
    (vip,) = [o for o in told["migration"]["moves"] if o["before"] == o["after"] == "vip"]
    assert vip["people"] == stayed > 0


@pytest.mark.parametrize("day", ["2011-12-09", "2009-01-01"])
def test_moves_since_no_day_of_the_shop_are_refused(project: Path, day: str) -> None:
    said = CliRunner().invoke(app, ["segments", "-p", str(project), "--since", day])
    assert said.exit_code == 1
    assert "a day from 2010-12-01 on" in said.output
