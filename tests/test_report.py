"""The report as a reader gets it: one page, its tables, its downloads, three languages."""

import base64
import csv
import io
import json
import re
import string
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from audiences.history import wilson
from bids.ledger_rows import HISTORY
from bids.model import BidObject, Level
from config.labels import SEGMENT_LABELS
from config.sample import ENCODING
from flows.cli import app
from flows.report_bids import forecast_table
from flows.report_files import csv_text, workbook_bytes
from flows.report_page import LAYOUT, page, words_for
from flows.report_words import LANGUAGES, words_of
from flows.reporting import Report, report
from flows.spending import spending
from flows.workshop import CannotRun
from measurement.spend import DayOfSpend, keep_spend
from measurement.tables import Kind, Note, Table, columns
from tests.support.demo_project import edit, make_project, opened, refreshed

pytestmark = pytest.mark.slow

FLOWS = Path(__file__).parent.parent / "flows"
VOID = {"meta", "link", "img", "br"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("report") / "shop"
    refreshed(folder)
    return folder


@pytest.fixture(scope="module")
def made(project: Path) -> Report:
    with opened(project) as workshop:
        return report(workshop)


@pytest.fixture(scope="module")
def pages(made: Report) -> dict[str, str]:
    return {code: page(made, code) for code in LANGUAGES}


class Reader(HTMLParser):
    """Tags that are open, addresses, ids, and the text of the page."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.downloads: dict[str, str] = {}
        self.ids: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        found = {name: value or "" for name, value in attrs}
        self.addresses += [found[name] for name in ("href", "src", "action") if name in found]
        if "download" in found:
            self.downloads[found["download"]] = found["href"]
        if "id" in found:
            self.ids.append(found["id"])

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    return reader


def inside(address: str) -> bytes:
    return base64.b64decode(address.partition("base64,")[2])


# The page


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_page_is_whole_and_needs_nothing_else(pages: dict[str, str], code: str) -> None:
    reader = read(pages[code])
    assert reader.open == []
    assert all(one.startswith(("data:", "#")) for one in reader.addresses)
    assert not re.search(r"@import|url\(|<script|<iframe", pages[code])
    assert max(Counter(reader.ids).values()) == 1


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_heading_leads_to_its_definition(pages: dict[str, str], code: str) -> None:
    reader = read(pages[code])
    wanted = {one[1:] for one in reader.addresses if one.startswith("#")}
    assert {one for one in wanted if one.startswith("def-")} >= {"def-drr", "def-romi"}
    assert wanted <= set(reader.ids)


def test_every_section_is_there(pages: dict[str, str]) -> None:
    ids = set(read(pages["en"]).ids)
    assert {part.name for part in LAYOUT} | {"summary", "glossary", "downloads"} <= ids


def test_every_picture_is_drawn(pages: dict[str, str]) -> None:
    pictures = [one for one in read(pages["ru"]).addresses if one.startswith("data:image/svg")]
    drawn = [inside(one).decode() for one in pictures]
    assert len(drawn) == 6  # neither a forecast nor an experiment: nothing was sent, nothing tried
    assert all(one.rstrip().endswith("</svg>") for one in drawn)
    assert not any(re.search(r'href="(?!#|data:)', one) for one in drawn)


def test_no_contact_is_anywhere(project: Path, pages: dict[str, str]) -> None:
    with (project / "exports" / "contacts.csv").open(encoding=ENCODING, newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    mails = {row["E-mail"].casefold() for row in rows if row["E-mail"]}
    names = {row["Фамилия"] for row in rows if len(row["Фамилия"]) > 6}
    reader = read(pages["ru"])
    held = [inside(one).decode("utf-8", "replace") for one in reader.downloads.values()]
    text = "".join([*reader.text, *held]).casefold()
    assert not [one for one in mails if one in text]
    assert not [one for one in names if one.casefold() in text]
    assert not re.search(r"55501\d\d|555.01.?\d\d|[0-9a-f]{64}", text)


def test_what_is_missing_is_said(made: Report, pages: dict[str, str]) -> None:
    text = "".join(read(pages["en"]).text)
    words = words_of("en")["note"]
    assert words["no_plan_applied"] in text
    assert words["no_experiments"] in text
    assert "yandex_ads (yandex_direct): no day was ever read." in text
    assert made.tables["forecast"].rows == ()


# The figures


def test_cost_share_by_segment_is_that_of_the_file(project: Path, made: Report) -> None:
    last = date(2011, 12, 9)
    labels = {labels.ru: name for name, labels in SEGMENT_LABELS.items()}
    cost: Counter[str] = Counter()
    revenue: Counter[str] = Counter()
    with (project / "exports" / "costs.csv").open(encoding=ENCODING, newline="") as file:
        for row in csv.DictReader(file, delimiter=";"):
            day = date(*(int(part) for part in reversed(row["Дата"].split("."))))
            if day > last - timedelta(days=56):
                name = labels.get(row["Сегмент"], "everyone_else")
                cost[name] += round(float(row["Расход"].replace(",", ".")) * 100)
                revenue[name] += round(float(row["Доход"].replace(",", ".")) * 100)
    told = {row["segment"]: row for row in made.tables["drr_segments"].dicts()}
    assert set(told) == {*cost, "all"}
    for name in cost:
        assert told[name]["cost"] == Decimal(cost[name]) / 100
        assert float(str(told[name]["drr"])) == pytest.approx(
            100 * cost[name] / revenue[name], abs=0.005
        )
    assert told["all"]["cost"] == Decimal(sum(cost.values())) / 100


def test_daily_rows_add_up_to_every_table(made: Report) -> None:
    days = sum(Decimal(str(one)) for one in made.tables["spend_days"].column("cost"))
    for name in ("drr_segments", "drr_platforms", "drr_campaigns"):
        costs = [Decimal(str(one)) for one in made.tables[name].column("cost")]
        assert sum(costs[:-1]) == costs[-1] == days


def test_repeat_purchases_only_lower_the_cost_share(made: Report) -> None:
    for row in made.tables["repeat"].dicts():
        told = [row[name] for name in ("drr_first", "drr_second", "drr_third", "drr_all")]
        if None not in told:
            assert told == sorted(told, key=lambda one: -Decimal(str(one)))
    whole = next(one for one in made.tables["cohorts"].dicts() if one["cohort"] == "2011-01")
    assert (whole["first_buyers"], whole["observed"]) == (417, 1.0)
    assert whole["drr_first"] == round(
        100 * Decimal(str(whole["winning_cost"])) / Decimal(str(whole["revenue_first"])), 2
    )


def test_a_young_cohort_has_an_expectation_only(made: Report) -> None:
    young = next(one for one in made.tables["cohorts"].dicts() if one["cohort"] == "2011-10")
    assert (young["observed"], young["drr_all"], young["crr_second"]) == (0.0, None, None)
    assert young["drr_expected"] is not None


def test_people_are_the_base(made: Report) -> None:
    rows = {str(row["segment"]): row for row in made.tables["segments"].dicts()}
    assert (rows["all"]["people"], rows["all"]["buyers"]) == (4972, 4338)
    assert rows["vip"]["people"] == 387
    whole = sum(int(str(row["people"])) for name, row in rows.items() if name != "all")
    assert whole == 4972
    for row in made.tables["retention"].dicts():
        rate = wilson(int(str(row["bought"])), int(str(row["people"])))
        assert (row["low"], row["high"]) == (rate.low, rate.high)


def test_the_summary_compares_in_both_conventions(pages: dict[str, str]) -> None:
    text = "".join(read(pages["en"]).text)
    found = re.findall(r"([\d.]+) times lower \(([\d.]+)\s% decrease\)", text)
    assert found
    assert all(float(percent) < 100 for _, percent in found)
    assert "раза ниже (снижение на" in "".join(read(pages["ru"]).text)


# Downloads


def test_downloads_hold_the_tables(made: Report, pages: dict[str, str]) -> None:
    reader = read(pages["ru"])
    words = words_for(made, "ru")
    with_rows = {name for name, table in made.tables.items() if table.rows}
    assert set(reader.downloads) == {f"{name}.csv" for name in with_rows} | {"report.xlsx"}
    for name in with_rows:
        text = inside(reader.downloads[f"{name}.csv"]).decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text, newline="")))
        assert len(rows) == len(made.tables[name].rows) + 1
        assert text == csv_text(made.tables[name], words)


def test_the_workbook_holds_the_tables(made: Report, pages: dict[str, str]) -> None:
    book = openpyxl.load_workbook(io.BytesIO(inside(read(pages["en"]).downloads["report.xlsx"])))
    assert len(book.sheetnames) == len(made.tables)
    for sheet, table in zip(book.worksheets, made.tables.values(), strict=True):
        assert sheet.max_row == len(table.rows) + 1
        for place, column in enumerate(table.columns, start=1):
            told = [sheet.cell(number, place).value for number in range(2, sheet.max_row + 1)]
            if column.kind in (Kind.COUNT, Kind.MONEY, Kind.SHARE, Kind.PERCENT):
                cells = table.column(column.name)
                wanted = [None if one is None else float(str(one)) for one in cells]
                assert told == pytest.approx(wanted)


def test_a_formula_in_the_data_stays_text(made: Report) -> None:
    texts = ("=1+1", "+7", "-2", "@SUM(A1)", "\t=1", "plain", "=HYPERLINK('x')")
    table = Table(
        "drr_campaigns",
        columns(campaign=Kind.TEXT, cost=Kind.MONEY),
        tuple((text, Decimal("-5.5")) for text in texts),
    )
    words = words_for(made, "en")
    rows = list(csv.reader(io.StringIO(csv_text(table, words), newline="")))[1:]
    assert [row[0] for row in rows] == [text if text == "plain" else f"'{text}" for text in texts]
    assert {row[1] for row in rows} == {"-5.5"}
    book = openpyxl.load_workbook(io.BytesIO(workbook_bytes([table], words)))
    cells = [book.worksheets[0].cell(number, 1) for number in range(2, len(texts) + 2)]
    assert [cell.data_type for cell in cells] == ["s"] * len(texts)
    assert [cell.value for cell in cells][:4] == list(texts[:4])


# Languages


def leaves(tree: dict[str, Any], path: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, one in tree.items():
        found |= leaves(one, f"{path}{name}.") if isinstance(one, dict) else {path + name: one}
    return found


def fields(text: str) -> set[str]:
    return {f"{name}:{spec}" for _, name, spec, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != "en"])
def test_languages_are_complete(code: str) -> None:
    english, other = leaves(dict(words_of("en"))), leaves(dict(words_of(code)))
    assert set(english) == set(other)
    for key, text in english.items():
        assert fields(text) == fields(other[key]), key
        assert bool(text) == bool(other[key]), key


@pytest.mark.parametrize("code", LANGUAGES)
def test_everything_that_can_be_said_has_words(made: Report, code: str) -> None:
    words = words_of(code)
    used = {column.name for table in made.tables.values() for column in table.columns}
    assert used == set(words["column"]) == set(words["definition"])
    source = "\n".join(path.read_text("utf-8") for path in FLOWS.glob("report*.py"))
    keys = set(re.findall(r'Note\(\s*"(\w+)"', source)) - {""}
    assert keys | {"drr_lower", "drr_higher"} == set(words["note"])
    assert set(made.tables) == set(words["table"])


def test_numbers_are_written_as_the_language_does(made: Report) -> None:
    hard = "\N{NO-BREAK SPACE}"
    cases = {"en": ("1,234,567", f"9.26{hard}%"), "ru": (f"1{hard}234{hard}567", f"9,26{hard}%")}
    for code, (amount, percent) in cases.items():
        words = words_for(made, code)
        assert words.cell(1_234_567, Kind.MONEY) == amount
        assert words.cell(Decimal("9.26"), Kind.PERCENT) == percent
        assert words.cell(None, Kind.MONEY) == "–"
        assert words.cell(-0.0001, Kind.SHARE) == words.cell(0.0, Kind.SHARE)
    note = Note("best_tenth", (("revenue", 0.614, Kind.SHARE),))
    assert words_for(made, "ru").said(note).endswith(f"даёт 61,4{hard}% выручки.")
    assert words_for(made, "uk").cell(date(2026, 1, 2), Kind.DAY) == "02.01.2026"


# The command


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def test_the_command_writes_the_page_and_the_tables(project: Path, tmp_path: Path) -> None:
    out, tables = tmp_path / "deep" / "r.html", tmp_path / "tables"
    told = run(
        "report", "-p", str(project), "--out", str(out), "--lang", "uk",
        "--tables", str(tables), "--json",
    )  # fmt: skip
    assert told.exit_code == 0, told.output
    document = json.loads(told.stdout)
    assert (document["file"], document["language"]) == (str(out), "uk")
    assert '<html lang="uk">' in out.read_text("utf-8")
    assert document["facts"]["people"] == 4972
    assert {path.stem for path in tables.glob("*.csv")} == set(document["tables"])
    assert document["tables_written"][-1] == str(tables / "report.xlsx")


def test_a_wrong_language_and_a_project_without_people_are_told(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "shop")
    wrong = run("report", "-p", str(folder), "--lang", "de")
    assert (wrong.exit_code, "en, ru, uk" in wrong.output) == (2, True)
    early = run("report", "-p", str(folder))
    assert (early.exit_code, "adsteer refresh" in early.output) == (1, True)


# Forecast against fact, and the shop's money


def spent_since(workshop: Any, first: date, days: int, *, cost: str) -> None:
    """What an account told: the same every day, without a segment of ours."""
    one = BidObject("yandex_ads", "yandex_direct", Level.CAMPAIGN, "710427315")
    figures = (None, 9, 3, Decimal(cost), Decimal(1), Decimal(90))
    rows = [DayOfSpend(first + timedelta(days=n), one, *figures) for n in range(days)]
    last = first + timedelta(days=days - 1)
    with workshop.catalog.begin() as connection:
        keep_spend(connection, one.account, rows, first=first, last=last, now=workshop.now())


def applied(workshop: Any, run: str, day: date, expected: float) -> None:
    """A plan that was applied on a day, and what it had expected of 28 days."""
    row = {
        "account": "yandex_ads", "platform": "yandex_direct", "level": "campaign",
        "object_id": "710427315", "segment": "vip", "condition_id": "1", "plan": run, "run": run,
        "outcome": "settled", "said": "", "inputs": "{}",
        "intended_at": datetime(day.year, day.month, day.day, 9, tzinfo=UTC),
        "settled_at": datetime(day.year, day.month, day.day, 9, tzinfo=UTC),
    }  # fmt: skip
    with workshop.catalog.begin() as connection:
        connection.execute(sa.insert(HISTORY).values(**row))
    ranged = {"expected": expected, "low": 0.9 * expected, "high": 1.1 * expected}
    segment = {"segment": "everyone_else", "wanted": {"spend": ranged, "revenue": ranged}}
    told = {"account": "yandex_ads", "days": 28, "segments": [segment]}
    folder = workshop.state / "plans"
    folder.mkdir(exist_ok=True)
    (folder / f"{run}00.json").write_text(json.dumps({"outlook": {"forecast": [told]}}))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return make_project(tmp_path / "shop")


def test_a_forecast_is_cut_to_the_days_its_plan_had(shop: Path) -> None:
    with opened(shop) as workshop:
        assert forecast_table(workshop, spending(workshop)).notes == (Note("no_plan_applied"),)
        spent_since(workshop, date(2011, 11, 1), 38, cost="10")
        applied(workshop, "aa", date(2011, 11, 20), 280.0)
        applied(workshop, "bb", date(2011, 11, 30), 999.0)
        applied(workshop, "cc", date(2011, 12, 5), 999.0)
        (row,) = forecast_table(workshop, spending(workshop)).dicts()
    # Plans bb and cc had four and three days; aa had nine between its own day and the next plan's.
    assert (row["days_since"], row["spend_expected"]) == (9, pytest.approx(90.0))
    assert (row["spend_fact"], row["spend_verdict"]) == (Decimal(90), "within")
    assert (row["revenue_fact"], row["revenue_verdict"]) == (Decimal(810), "above")


def test_a_plan_without_time_is_said_to_be_too_young(shop: Path) -> None:
    with opened(shop) as workshop:
        spent_since(workshop, date(2011, 11, 1), 38, cost="10")
        applied(workshop, "aa", date(2011, 12, 5), 280.0)
        table = forecast_table(workshop, spending(workshop))
        assert [note.key for note in table.notes] == ["plan_applied", "forecast_fresh"]
        applied(workshop, "bb", date(2011, 12, 8), 56.0)
        (workshop.state / "plans" / "bb00.json").unlink()
        gone = forecast_table(workshop, spending(workshop))
        assert [note.key for note in gone.notes] == ["forecast_not_kept"]


def test_an_accounts_vat_and_currency_are_turned_when_they_are_read(shop: Path) -> None:
    with opened(shop) as workshop:
        spent_since(workshop, date(2011, 12, 1), 2, cost="120")
    account = 'name = "yandex_ads"\n'
    edit(shop, "platforms.toml", account, f'{account}currency = "RUB"\nvat_percent = 20\n')
    with opened(shop) as workshop, pytest.raises(CannotRun, match=r"no rate to GBP.*\[\[rate\]\]"):
        spending(workshop)
    rates = '[[rate]]\ncurrency = "RUB"\nday = 2011-12-02\nrate = 0.02\n'
    earlier = rates.replace("12-02", "01-01").replace("0.02", "0.01")
    edit(shop, "exports.toml", "[[export]]", f"{rates}{earlier}[[export]]")
    with opened(shop) as workshop:
        one = next(each for each in spending(workshop) if each.name == "yandex_ads")
    assert [(row.cost, row.revenue) for row in one.rows] == [
        (Decimal("1.00"), Decimal("0.90")),
        (Decimal("2.00"), Decimal("1.80")),
    ]
    assert (one.currency, one.vat_percent) == ("RUB", 20)
