"""A refresh that reads only what is new gives what one that reads everything gives, to the row."""

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from audiences import carried
from audiences.readings import FOLDER
from audiences.sealing import is_sealed
from audiences.snapshots import SNAPSHOTS
from flows import refreshing
from flows.workshop import open_workshop
from tests.support.small_shop import SmallShop, people_of

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
HEADER = "no,who,day,sum,state"
EXPORTS = """
max_rejected = 0.5
[[export]]
kind = "contacts"
source = "crm"
path = "exports/contacts.csv"
columns = { contact_id = "id", email = "mail", phone = "tel", city = "town", consent_ads = "ads" }
[[export]]
kind = "orders"
source = "crm"
path = "exports/orders/*.csv"
columns = { order_id = "no", contact_id = "who", ordered_on = "day", amount = "sum" }
[export.values]
returned = ["returned"]
cancelled = ["cancelled"]
"""


def make_shop(folder: Path, seed: int) -> Path:
    """A small shop whose orders lie in six files."""
    SmallShop(folder, people_of(40), {"north": "AB", "south": "CD"}).write()
    (folder / "exports.toml").write_text(EXPORTS)
    (folder / "exports" / "orders.csv").unlink()
    (folder / "exports" / "orders").mkdir()
    chance = random.Random(seed)
    for month in range(6):
        write_orders(folder, month, [order(chance, month) for _ in range(30)])
    return folder


def order(chance: random.Random, month: int) -> str:
    state = chance.choice(["paid"] * 8 + ["returned", "cancelled"])
    day = f"2025-{month + 1:02d}-{chance.randint(1, 28):02d}"
    number = f"{month}-{chance.randint(1, 60)}"
    return f"{number},{chance.randint(0, 45)},{day},{chance.randint(100, 9000) / 100},{state}"


def path_of(folder: Path, month: int) -> Path:
    return folder / "exports" / "orders" / f"{month:02d}.csv"


def write_orders(folder: Path, month: int, rows: list[str]) -> None:
    path_of(folder, month).write_text("\n".join([HEADER.replace("state", "status"), *rows]) + "\n")


def rows_of(folder: Path, month: int) -> list[str]:
    path = path_of(folder, month)
    return path.read_text().splitlines()[1:] if path.exists() else []


NIGHTS = (
    ("late file", "merged", "consent"),
    ("correction", "reassigned", "split", "order gone"),
    ("file gone", "card gone", "broken row"),
)
"""Every kind of edit; tests/test_carried.py takes them at random, many times, without the rest."""


def edit(folder: Path, kind: str, seed: int) -> None:
    """What a night may do to exports."""
    chance = random.Random(seed)
    months = sorted(int(path.stem) for path in (folder / "exports" / "orders").glob("*.csv"))
    month = chance.choice(months)
    rows = rows_of(folder, month)
    match kind:
        case "late file":
            month = chance.randint(6, 11)
            write_orders(folder, month, [order(chance, chance.randint(0, 5)) for _ in range(9)])
        case "correction" if rows:
            place = chance.randrange(len(rows))
            cells = rows[place].split(",")
            rows[place] = ",".join([*cells[:3], "77.77", *cells[4:]])
            write_orders(folder, month, rows)
        case "reassigned" if rows:
            place = chance.randrange(len(rows))
            cells = rows[place].split(",")
            rows[place] = ",".join([cells[0], str(chance.randint(0, 45)), *cells[2:]])
            write_orders(folder, month, rows)
        case "order gone" if len(rows) > 1:
            rows.pop(chance.randrange(len(rows)))
            write_orders(folder, month, rows)
        case "file gone" if len(months) > 1:
            path_of(folder, month).unlink()
        case "broken row":
            write_orders(folder, month, [*rows, "x,1,2025-02-31,much,paid"])
        case "consent" | "merged" | "split" | "card gone":
            edit_cards(folder, kind, chance)
        case _:
            raise AssertionError(f"no edit {kind}")


def edit_cards(folder: Path, kind: str, chance: random.Random) -> None:
    path = folder / "exports" / "contacts.csv"
    header, *lines = path.read_text().splitlines()
    place, other = (lines[n].split(",") for n in chance.sample(range(len(lines)), 2))
    match kind:
        case "consent":
            changed = [cell.replace("yes", "no") for cell in place]
        case "merged":  # the contacts of another card
            changed = [place[0], other[1], other[2], *place[3:]]
        case "split":
            changed = [place[0], f"new{place[0]}@example.com", "", *place[3:]]
        case _:
            changed = []
    rows = [",".join(changed) if line.split(",") == place else line for line in lines]
    path.write_text("\n".join([header, *filter(None, rows)]) + "\n")


def refreshed(folder: Path, *, whole: bool = False) -> dict[str, Any]:
    """One refresh; a whole one reads every file and takes nothing for unchanged."""
    with pytest.MonkeyPatch.context() as patch, open_workshop(folder, now=lambda: NOW) as workshop:
        if whole:
            for kept in (FOLDER, carried.FOLDER):
                shutil.rmtree(folder / ".adsteer" / kept, ignore_errors=True)
            patch.setattr(refreshing, "nothing_new", lambda *_: False)
        return refreshing.refresh(workshop)


def without_work(document: dict[str, Any]) -> dict[str, Any]:
    """What a refresh found, without how much work it was."""
    return {key: value for key, value in document.items() if key != "work"}


def left(folder: Path) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The rows of every current state file."""
    with open_workshop(folder, now=lambda: NOW) as workshop, workshop.catalog.begin() as catalog:
        found = catalog.execute(SNAPSHOTS.select().where(SNAPSHOTS.c.current)).mappings().all()
    state = folder / ".adsteer"
    rows = {(row["kind"], row["name"]): pq.read_table(state / row["path"]) for row in found}
    return {name: table.to_pylist() for name, table in rows.items()}


@pytest.mark.slow
def test_what_is_kept_changes_no_row_and_no_word(tmp_path: Path) -> None:
    seed = 11
    one, other = make_shop(tmp_path / "one", seed), make_shop(tmp_path / "other", seed)
    for night, edits in enumerate([(), *NIGHTS]):
        for folder in (one, other):
            for number, kind in enumerate(edits):
                edit(folder, kind, seed + 10 * night + number)
        again, whole = refreshed(one), refreshed(other, whole=True)
        assert without_work(again) == without_work(whole), edits
        assert left(one) == left(other), edits
        rejects = [f / ".adsteer" / "rejects" / "rejects.csv" for f in (one, other)]
        assert rejects[0].read_text() == rejects[1].read_text()
        assert whole["work"]["people_taken_over"] == 0


@contextmanager
def reading(patch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Which files are read while the block lasts."""
    from audiences import exports

    read: list[str] = []
    plain = exports.read_together

    def noted(engine, origins, *given):
        read.extend(origin.label for origin in origins)
        return plain(engine, origins, *given)

    with patch.context() as inner:
        inner.setattr(exports, "read_together", noted)
        yield read


def test_only_what_is_new_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = make_shop(tmp_path / "shop", 3)
    with reading(monkeypatch) as first:
        refreshed(shop)
    with reading(monkeypatch) as again:
        refreshed(shop)
    edit(shop, "correction", 5)
    with reading(monkeypatch) as corrected:
        work = refreshed(shop)["work"]
    assert len(first) == 7
    assert again == []
    assert len(corrected) == 2  # the cards, of which nothing is kept, and the file
    assert "exports/contacts.csv" in corrected
    assert (work["files"], work["files_taken_over"]) == (7, 5)
    assert 0 < work["people_taken_over"] < 40
    assert (work["memory_limit"], work["spilled_bytes"]) == ("300MB", 0)
    assert work["memory_bytes"] > 2**20


def test_a_file_with_a_contact_in_it_is_not_kept(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", 4)
    write_orders(shop, 0, ["1,someone@example.com,2025-01-02,5.00,paid"])
    write_orders(shop, 1, ["2,+7 903 111-22-33,2025-01-02,5.00,paid"])
    refreshed(shop)
    kept = list((shop / ".adsteer" / FOLDER).glob("*.rows.parquet"))
    assert len(kept) == 4
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in kept)
    text = b"".join(str(pq.read_table(path).to_pylist()).encode() for path in kept)
    assert b"@" not in text


@pytest.mark.parametrize(
    ("number", "kept"), [("24-00012{n:05d}", True), ("(212) 456-7{n:03d}", False)]
)
def test_long_numbers_of_orders_are_no_phones_unless_they_are(
    tmp_path: Path, number: str, kept: bool
) -> None:
    shop = make_shop(tmp_path / "shop", 3)
    rows = [f"{number.format(n=n)},{n},2025-01-{n:02d},100.00,paid" for n in range(10, 20)]
    for month in range(6):
        path_of(shop, month).unlink()
    write_orders(shop, 0, rows)
    refreshed(shop)
    edit(shop, "consent", 5)
    assert refreshed(shop)["work"]["files_taken_over"] == int(kept)
    held = list((shop / ".adsteer" / FOLDER).glob("*.rows.parquet"))
    assert len(held) == int(kept)


@pytest.mark.parametrize(
    ("usual", "taken_over"), [("100-{n:07d}", 6), ("{n}", 5), ("{n}/100-{n:07d}", 5)]
)
def test_one_number_that_is_a_phone_is_a_chance_where_all_are_written_so(
    tmp_path: Path, usual: str, taken_over: int
) -> None:
    shop = make_shop(tmp_path / "shop", 3)
    rows = [f"{usual.format(n=n)},{n % 40},2025-01-10,100.00,paid" for n in range(200)]
    write_orders(shop, 0, [*rows, "212-4567890,3,2025-01-11,100.00,paid"])
    refreshed(shop)
    edit(shop, "consent", 5)
    assert refreshed(shop)["work"]["files_taken_over"] == taken_over


def test_a_row_of_tomorrow_is_read_again_tomorrow(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", 5)
    write_orders(shop, 0, ["1,1,2026-06-02,5.00,paid", "2,1,2025-01-02,5.00,paid"])
    assert refreshed(shop)["exports"][1]["rejected"] == 1
    settings_file = shop / "adsteer.toml"
    settings_file.write_text(settings_file.read_text().replace("2026-06-01", "2026-06-03"))
    assert refreshed(shop)["exports"][1]["rejected"] == 0


def test_what_is_kept_is_sealed_with_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADSTEER_ENCRYPTION_KEY", "a-key-of-sixteen-letters")
    shop = make_shop(tmp_path / "shop", 6)
    first = refreshed(shop)
    edit(shop, "consent", 1)
    with reading(monkeypatch) as read:
        second = refreshed(shop)
    kept = list((shop / ".adsteer" / FOLDER).glob("*.parquet"))
    assert len(kept) == 12
    assert is_sealed(shop / ".adsteer" / carried.FOLDER / carried.FILE)
    assert second["work"]["people_taken_over"] > 0
    assert all(is_sealed(path) for path in kept)
    assert read == ["exports/contacts.csv"]
    assert second["identity"]["orders"] == first["identity"]["orders"]


def test_somebody_to_be_forgotten_is_in_nothing_that_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.forgetting import forget

    shop = make_shop(tmp_path / "shop", 7)
    refreshed(shop)
    with open_workshop(shop, now=lambda: NOW) as workshop:
        forget(workshop, "person7@example.com")
    refreshed(shop)
    assert list((shop / ".adsteer" / FOLDER).glob("*")) == []
    assert list((shop / ".adsteer" / carried.FOLDER).glob("*")) == []
    with reading(monkeypatch) as read:
        refreshed(shop)
    assert len(read) == 7  # as long as the exports hold them, every file is read anew


def test_what_no_run_needs_any_more_goes_after_a_day(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", 8)
    refreshed(shop)
    folder = shop / ".adsteer" / FOLDER
    before = set(folder.iterdir())
    old, young = sorted(path_of(shop, month) for month in (0, 1))
    for path in before:
        os.utime(path, (NOW.timestamp() - 3600,) * 2)
    edit_of = {old: "1,1,2025-01-02,5.00,paid", young: "2,1,2025-01-02,6.00,paid"}
    for path, row in edit_of.items():
        path.write_text(f"{HEADER}\n{row}\n")
    refreshed(shop)
    assert before <= set(folder.iterdir())
    for path in before:
        os.utime(path, (NOW.timestamp() - 2 * 86400,) * 2)
    write_orders(shop, 2, ["3,1,2025-01-02,7.00,paid"])
    refreshed(shop)
    assert len(before - set(folder.iterdir())) == 6  # rows and rejects of the three files


def test_a_suppression_list_in_a_folder_is_no_less_new(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", 9)
    (shop / "never").mkdir()
    (shop / "never" / "one.csv").write_text("email\nnobody@example.com\n")
    exports = shop / "exports.toml"
    exports.write_text('suppression = ["never"]\n' + exports.read_text())
    refreshed(shop)
    kept = consents(shop)
    (shop / "never" / "two.csv").write_text("email\nperson7@example.com\n")
    refreshed(shop)
    assert consents(shop)["no"] == kept.get("no", 0) + 1


def consents(folder: Path) -> dict[str, int]:
    """How many people say what."""
    said = [row["consent_ads"] for row in left(folder)["people", ""]]
    return {word: said.count(word) for word in set(said)}
