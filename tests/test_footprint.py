"""Memory is bounded: what does not fit is spilled, the result is the same, and a run tells so."""

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from audiences import parts
from audiences.bought import buy
from audiences.engine import open_engine
from audiences.layers import hold
from config.sample import ENCODING
from config.shop import Engine
from flows.cli import app
from flows.documents import Document
from flows.footprint import footprint
from flows.show_work import work
from tests.support.starter import make_starter

ORDERS = """
    CREATE TEMP TABLE order_rows AS SELECT
        'crm' AS source, 'order number ' || i AS order_id, 'export.csv' AS file, i AS line,
        'c' || (hash(i) % 40000) AS contact_id, NULL::VARCHAR AS email, NULL::VARCHAR AS phone,
        DATE '2026-01-01' + (hash(i, 1) % 90)::INT AS ordered_on,
        CASE WHEN i % 20 = 0 THEN 'returned' ELSE 'paid' END AS state,
        ((1 + hash(i, 2) % 9000) / 100)::DECIMAL(18, 2) AS amount,
        NULL::DECIMAL(18, 2) AS discount, NULL::DECIMAL(18, 2) AS margin, 1::BIGINT AS items,
        'category ' || hash(i, 3) % 30 AS category, 'search' AS channel,
        NULL::VARCHAR AS consent_ads
    FROM range(400000) t(i)"""
TIGHT = "120MB"
"""Less than the orders take together with what is made of them."""
BUYERS = """
    CREATE TEMP TABLE buyers AS
    SELECT 'crm' AS source, 'c' || i AS contact_id, 'p' || sha256(i::VARCHAR)[:16] AS person_id
    FROM range(40000) t(i)"""


def bought(folder: Path, memory_limit: str) -> tuple[list[tuple[object, ...]], Document]:
    """Figures of what people bought, worked out within a limit, and what that took."""
    engine = open_engine(Engine(memory_limit=memory_limit, threads=1), folder)
    try:
        with footprint(folder, memory_limit) as taken:
            engine.raw_sql("SET preserve_insertion_order = false")
            engine.raw_sql(ORDERS)
            engine.raw_sql(BUYERS)
            rows, buyers = engine.table("order_rows"), engine.table("buyers")
            strangers = rows.filter(rows.contact_id.isnull()).mutate(person_id=rows.contact_id)
            made = buy(rows, buyers, strangers)
            told = taken.told()
        figures = [
            engine.con.sql(
                f"SELECT count(*), bit_xor(hash(each)) FROM ({engine.compile(table)}) each"
            ).fetchone()
            for table in (made.occasions, made.returns, made.cards)
        ]
    finally:
        engine.disconnect()
    return [row for row in figures if row], told


def test_what_does_not_fit_is_spilled_and_the_result_is_the_same(tmp_path: Path) -> None:
    roomy, easily = bought(tmp_path / "roomy", "1GB")
    tight, hardly = bought(tmp_path / "tight", TIGHT)
    assert tight == roomy
    assert len(tight) == 3
    assert easily["spilled_bytes"] == 0
    assert hardly["spilled_bytes"] > 2**20
    assert hardly["memory_limit"] == TIGHT
    assert list((tmp_path / "tight").iterdir()) == []  # and nothing is left of it


def test_a_part_of_the_people_at_a_time_gives_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once, _ = bought(tmp_path / "at_once", "1GB")
    monkeypatch.setattr(parts, "ROWS_AT_ONCE", 60_000)
    packed: list[str] = []
    monkeypatch.setattr(parts, "hold", lambda *given: packed.append(given[1]) or hold(*given))
    in_parts, _ = bought(tmp_path / "in_parts", "1GB")
    assert in_parts == at_once
    assert len(packed) == 7  # 400,000 orders


@pytest.mark.parametrize("memory", [300 * 2**20, None])
def test_a_refresh_says_what_it_took(memory: int | None) -> None:
    told = {
        "files": 39,
        "files_taken_over": 37,
        "people_taken_over": 1234,
        "memory_bytes": memory,
        "spilled_bytes": 7 * 2**20,
        "memory_limit": "1GB",
    }
    anew, memory_line = work(told)
    assert "2 of 39 files" in anew
    assert "1,234 people" in anew
    assert ("300 MB" if memory else "not known") in memory_line
    assert "7 MB" in memory_line
    assert "1GB" in memory_line
    assert work(None) == []


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_too_little_memory_is_said_to_be_that(tmp_path: Path, kind: str) -> None:
    """Not that something is wrong with the file at which it ran out."""
    project = make_starter(tmp_path / "shop")
    if kind == "parquet":
        orders = project / "exports" / "orders.csv"
        rows = pd.read_csv(orders, sep=";", encoding=ENCODING, dtype=str)
        rows.to_parquet(orders.with_suffix(".parquet"))
        exports = project / "exports.toml"
        exports.write_text(exports.read_text().replace("orders.csv", "orders.parquet"))
    settings = project / "adsteer.toml"
    settings.write_text(settings.read_text().replace('"1500MB"', '"1MB"'))
    result = CliRunner().invoke(app, ["refresh", "-p", str(project)])
    assert result.exit_code == 1
    assert result.stderr.startswith("The engine needs more memory than [engine] memory_limit")
