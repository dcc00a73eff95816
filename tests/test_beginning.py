"""`init --from` on somebody's files, and what `check` says of a base."""

import json
import tomllib
from datetime import date
from pathlib import Path

import ibis
import pytest
from typer.testing import CliRunner

from audiences.audit import audit
from audiences.people import build_people
from config.exports import ExportsFile
from config.shop import Shop
from flows.cli import app
from tests.support.tables import contacts, orders

SHOPIFY = (
    "Name,Email,Financial Status,Created at,Total,Currency,Lineitem quantity,Notes\n"
    "#1001,secret.person@example.com,paid,2026-05-14 11:23:45 +0100,90.00,RUB,1,Top Secret\n"
)
PEOPLE = (
    "ID клиента;E-mail;Телефон;Согласие;Любимый цвет\n"
    "7;secret.person@example.com;89031112233;да;красный\n"
)


def begun(folder: Path, *texts: str) -> tuple[dict, str]:
    given = []
    for place, text in enumerate(texts):
        path = folder / f"given{place}.csv"
        path.write_text(text, encoding="utf-8")
        given.append(str(path))
    result = CliRunner().invoke(app, ["init", str(folder / "shop"), "--from", *given, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout), (folder / "shop" / "exports.toml").read_text("utf-8")


def test_a_first_file_of_exports_names_what_it_knows_and_copies_no_value(tmp_path):
    document, text = begun(tmp_path, SHOPIFY, PEOPLE)
    read = ExportsFile.model_validate(tomllib.loads(text))
    assert (read.export[0].kind.value, read.export[0].preset) == ("orders", "shopify")
    assert read.export[1].kind.value == "contacts"
    assert '# not used: "Любимый цвет"' in text
    assert '# recognised: order_id = "Name"' in text
    for value in ("secret", "Secret", "8903", "красный", "1001", "90.00"):
        assert value not in text
        assert value not in json.dumps(document, ensure_ascii=False)
    assert "as_of" not in tomllib.loads((tmp_path / "shop" / "adsteer.toml").read_text())["shop"]


def test_files_with_ids_of_one_name_are_asked_for_one_source(tmp_path):
    rest = "Номер заказа;ID клиента;Дата заказа;Сумма;Статус\n1;7;01.02.2026;5,50;Новый\n"
    _, text = begun(tmp_path, PEOPLE, rest)
    for name in ("given0.csv", "given1.csv"):
        assert f'{name}"? Then give both the same source' in text
    assert "Which states count?" in text
    (tmp_path / "other").mkdir()
    _, text = begun(tmp_path / "other", PEOPLE, SHOPIFY)
    assert "give both" not in text


def test_headers_that_any_system_may_use_are_no_presets(tmp_path):
    sums = "customer_id;email;last_purchase_date;orders_count;total_sum;last_category;channel\n"
    document, _ = begun(tmp_path, sums + "1;a@example.com;2026-05-20;3;300.50;tea;email\n")
    (told,) = document["recognised"]
    assert (told["kind"], told["preset"]) == ("aggregate", None)
    assert told["columns"]["amount"] == "total_sum"
    assert told["unknown"] == []


def test_each_file_is_named_apart_or_all_after_one_word(tmp_path):
    given = []
    for name in ("one.csv", "two.csv"):
        (tmp_path / name).write_text(PEOPLE, encoding="utf-8")
        given += ["--from", str(tmp_path / name)]
    made = CliRunner().invoke(app, ["init", str(tmp_path / "shop"), *given, "--json"])
    assert len(json.loads(made.stdout)["recognised"]) == 2
    nowhere = CliRunner().invoke(app, ["init", "--from", *given[1:4:2]])
    assert nowhere.exit_code == 1
    assert "is a file" in nowhere.output


def test_a_file_without_headers_is_told_apart_and_not_shown(tmp_path):
    document, text = begun(tmp_path, SHOPIFY, "anna@example.com;89031112233\nb@example.com;1\n")
    assert document["recognised"][1]["kind"] is None
    assert "looks like values" in text
    assert "anna" not in text
    assert len(ExportsFile.model_validate(tomllib.loads(text)).export) == 1


def test_a_column_of_ids_alone_makes_no_customer_cards(tmp_path):
    """A file of orders whose headers are not all known is told to be none, not half recognised."""
    document, text = begun(tmp_path, PEOPLE, "Номер;Дата;Сумма;Статус;ID\n1;01.02.2026;5;ok;7\n")
    assert document["recognised"][1]["kind"] is None
    assert "no kind of export has all its columns in it" in text
    assert len(ExportsFile.model_validate(tomllib.loads(text)).export) == 1


def test_headers_that_may_be_consents_of_their_own_are_pointed_out(tmp_path):
    cards = PEOPLE.replace("Любимый цвет", "Согласие на аналитику")
    _, text = begun(tmp_path, cards)
    asked = '# a consent of its own? columns = { consent_NAME = "Согласие на аналитику" }'
    assert asked in text
    (tmp_path / "other").mkdir()
    _, text = begun(tmp_path / "other", PEOPLE)
    assert "a consent of its own" not in text


def test_an_audit_tells_shares_and_regions():
    engine = ibis.duckdb.connect(threads=2)
    shop = Shop(name="Shop", currency="RUB", time_zone="Europe/Moscow")

    rows = contacts(
        engine,
        {"id": 1, "email": "a@x.ru", "phone": "+79031112233", "consent_ads": "yes"},
        {"id": 2, "email": "a@x.ru", "phone": "+77011112233"},
        {"id": 3, "phone": "+380501112233", "consent_ads": "no", "registered_on": date(2026, 5, 1)},
        {"id": 4, "email": "noreply@x.ru"},
    )
    long_ago = date(2020, 1, 1)
    sold = orders(
        engine,
        {"contact_id": "1", "ordered_on": long_ago},
        {"contact_id": "1", "ordered_on": long_ago},
        {"contact_id": "3", "ordered_on": long_ago, "state": "cancelled"},
    )
    people = build_people(engine, shop, rows, sold)
    found = audit(engine, people, rows, sold, as_of=date(2026, 6, 1))
    assert found["order_states"] == {"cancelled": 1, "paid": 2}
    assert (found["rows"], found["people"], found["duplicate_rows"]) == (4, 3, 1)
    assert found["filled"]["email"] == 0.75
    assert found["reachable"]["phone"] == pytest.approx(2 / 3)
    assert found["consent"]["yes"] == found["consent"]["no"] == pytest.approx(1 / 3)
    assert found["stale_share"] == pytest.approx(2 / 3)
    assert found["phone_regions"] == {"KZ": 1, "RU": 1, "UA": 1}
