"""The project a rehearsal plays in: the starter on real orders, and what was bought since."""

import csv
import hashlib
import shutil
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from config.init import write_starter
from config.sample import ENCODING, ORDER_HEADER, write_sample_exports

STARTS = date(2011, 12, 9)
"""The last day of the real orders."""
HOLDOUT_WEEKS = 8
CAMPAIGN, GROUP = 710_427_315, 500_001
ACCOUNT = "yandex_ads"
SHARE = 0.25
TITLE = "Gift shop: {}"
NEARLY_NEUTRAL = 1
"""Per cent: a correction must stand for a platform to tell the figures of a list."""
PLATFORMS = """
[[account]]
name = "yandex_lists"
platform = "yandex_audience"
login = "shop"
sandbox = true
wait_minutes = 600

[[account]]
name = "yandex_ads"
platform = "yandex_direct"
login = "shop"
lists_from = "yandex_lists"
sandbox = true
wait_minutes = 600
"""


def make_project(folder: Path, segments: Sequence[str]) -> None:
    """The starter on its real orders, with the lists and rules of the rehearsal."""
    if (folder / "rehearsal").exists():
        shutil.rmtree(folder)
    write_starter(folder)
    (folder / "rehearsal").touch()
    write_sample_exports(folder)
    audiences = [
        f'[[audience]]\nname = "{name}"\npeople = "segment = \'{name}\'"\n'
        f'accounts = ["yandex_lists"]\ntitle = "{TITLE.format(name)}"\n'
        for name in segments
    ]
    guards = "[guards]\nmax_removed_share = 1.0\nmax_removed_share_small = 1.0\n"
    guards += "least_of_minimum = 0\n"
    _write(folder, "audiences.toml", [guards, *audiences])
    _write(folder, "platforms.toml", [PLATFORMS])
    _write(folder, "schedules.toml", [])
    named = ", ".join(f'"{name}"' for name in segments)
    experiment = (
        f'[[experiment]]\nname = "rehearsal"\nsegments = [{named}]\nshare = {SHARE}\n'
        f"starts = {STARTS}\ndays = {7 * HOLDOUT_WEEKS}\nlooks = 1\nexpected_lift = 0.5\n"
    )
    _write(folder, "experiments.toml", [experiment])
    write_rules(folder, segments, automatic=False)
    exports = folder / "exports.toml"
    text = exports.read_text(encoding="utf-8")
    exports.write_text(text.replace("exports/orders.csv", "exports/orders*.csv"), encoding="utf-8")


def write_rules(folder: Path, segments: Sequence[str], *, automatic: bool) -> None:
    """Rules of all segments: by themselves, or as good as neutral while some are held out."""
    correction = '"auto"' if automatic else str(NEARLY_NEUTRAL)
    limits = (
        "[limits]\nlowest = -60\nhighest = 150\nstep = 1.3\ndead_band = 0\ncooldown_days = 0\n"
        "min_conversions = 0\nmin_clicks = 0\nspend_tolerance = 0.05\n"
    )
    where = f'[[where]]\naccount = "{ACCOUNT}"\ncampaigns = [{CAMPAIGN}]\n'
    rules = [f'[[rule]]\nsegment = "{name}"\ncorrection = {correction}\n' for name in segments]
    _write(folder, "bid_rules.toml", [limits, where, *rules])


def _write(folder: Path, name: str, parts: Sequence[str]) -> None:
    (folder / name).write_text("\n".join(parts), encoding="utf-8")


def write_as_of(folder: Path, day: date) -> None:
    """Set the day that the project takes for today."""
    path = folder / "adsteer.toml"
    lines = path.read_text(encoding="utf-8").splitlines()
    told = [f"as_of = {day}" if line.startswith("as_of = ") else line for line in lines]
    path.write_text("\n".join(told) + "\n", encoding="utf-8")


def card_numbers(folder: Path) -> dict[str, str]:
    """By person id: the number of the customer card whose name the person has.

    The people of this shop are invented, and the numbers stand in the export it wrote itself.
    """
    with (folder / "exports" / "contacts.csv").open(encoding=ENCODING, newline="") as file:
        numbers = [row[0] for row in csv.reader(file, delimiter=";")][1:]
    return {
        f"p{hashlib.sha256(f'crm:{number}'.encode()).hexdigest()[:16]}": number
        for number in numbers
    }


def write_orders(folder: Path, day: date, rows: Sequence[tuple[str, tuple[date, float]]]) -> None:
    """A week's orders as the next file of the export."""
    path = folder / "exports" / f"orders-{day}.csv"
    with path.open("w", encoding=ENCODING, newline="") as file:
        writer = csv.writer(file, delimiter=";", lineterminator="\r\n")
        writer.writerow(ORDER_HEADER)
        for turn, (customer, (bought, amount)) in enumerate(rows):
            writer.writerow(
                [
                    f"W{day:%Y%m%d}{turn:05d}",
                    customer,
                    f"{bought:%d.%m.%Y} 12:00",
                    "Выполнен",
                    f"{amount:.2f}".replace(".", ","),
                    "1",
                    "ads",
                    "United Kingdom",
                ]
            )
