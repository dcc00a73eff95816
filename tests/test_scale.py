"""The plan on paper is the one in the manual, and it adds up."""

from pathlib import Path

import pytest

from benchmarks.scale import ORDERS, as_markdown, stages

PAGE = Path(__file__).parent.parent / "docs" / "scale.md"


def test_the_plan_in_the_manual_is_the_commands() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page.split("<!-- plan -->")[1].split("<!-- /plan -->")[0].strip() == as_markdown()


def test_a_stage_costs_its_rows_and_its_shuffles() -> None:
    reading = next(one for one in stages() if one.name == "read and type orders")
    assert (reading.rows, reading.shuffle) == (ORDERS, 0)
    assert reading.core_hours == pytest.approx(ORDERS / 120_000 / 3600)
    last = next(one for one in stages() if one.name.startswith("the last row"))
    assert last.shuffle == pytest.approx(5.1e9 * 120)
    assert last.core_hours == pytest.approx((5.1e9 / 250_000 + 612e9 / 25e6) / 3600)
