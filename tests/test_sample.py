"""The starter's exports: the control figures of the real orders, and contacts of nobody."""

import csv
from datetime import date
from pathlib import Path

import ibis
import phonenumbers
import pytest

from audiences.exports import CONTACTS_TABLE, ORDERS_TABLE, Reading, read_exports
from config.exports import ExportsFile
from config.sample import ENCODING, write_sample_exports
from config.shop import Shop

SHOP = Shop(name="Starter", currency="GBP", time_zone="Europe/London")
EXPORTS = ExportsFile.model_validate(
    {
        "export": [
            {"kind": kind, "source": "crm", "path": f"exports/{kind}.csv", "preset": "retailcrm"}
            for kind in ("contacts", "orders")
        ]
    }
)


@pytest.fixture(scope="module")
def shop_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("starter")
    write_sample_exports(folder)
    return folder


@pytest.fixture(scope="module")
def read(shop_folder):
    engine = ibis.duckdb.connect()
    return engine, read_exports(engine, EXPORTS, shop_folder, SHOP, date(2011, 12, 9))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding=ENCODING, newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def test_the_exports_are_the_same_every_time(shop_folder, tmp_path):
    write_sample_exports(tmp_path)
    for name in ("contacts.csv", "orders.csv"):
        again = (tmp_path / "exports" / name).read_bytes()
        assert again == (shop_folder / "exports" / name).read_bytes()


def test_every_real_invoice_and_customer_is_accepted(read):
    engine, _ = read
    orders = engine.table(ORDERS_TABLE)
    assert int(orders.count().execute()) == 22_190
    assert int(orders.contact_id.nunique().execute()) == 4_372
    assert f"{orders.amount.sum().execute():.2f}" == "8300065.81"
    assert int((orders.state == "returned").sum().execute()) == 3_654
    contacts = engine.table(CONTACTS_TABLE)
    assert int(orders.anti_join(contacts, "contact_id").count().execute()) == 0


def test_buyers_are_those_of_the_golden_figures(read):
    engine, _ = read
    orders = engine.table(ORDERS_TABLE)
    buyers = orders.filter((orders.state == "paid") & (orders.amount > 0))
    assert int(buyers.contact_id.nunique().execute()) == 4_338


def test_broken_rows_are_few_and_all_rejected(read):
    _, reading = read
    assert isinstance(reading, Reading)
    assert [(file.rejected, file.accepted) for file in reading.files] == [(30, 5_012), (30, 22_190)]
    assert all(file.rejected < 0.05 * file.read for file in reading.files)
    assert reading.newest_order == date(2011, 12, 9)


def test_contacts_belong_to_nobody(shop_folder):
    for row in rows_of(shop_folder / "exports" / "contacts.csv"):
        if address := row["E-mail"]:
            domain = address.lower().partition("@")[2]
            assert domain in {"example.com", "example.org", "example.net"} or domain.endswith(
                (".example", ".test")
            )
        if phone := row["Телефон"]:
            number = phonenumbers.parse(phone)
            assert phonenumbers.is_valid_number(number)
            assert number.country_code == 1
            assert 5550100 <= number.national_number % 10_000_000 <= 5550199


def test_no_two_people_share_a_phone(shop_folder):
    owners: dict[str, str] = {}
    for row in rows_of(shop_folder / "exports" / "contacts.csv"):
        phone = "".join(sign for sign in row["Телефон"] or "" if sign.isdigit())
        name = f"{row['Фамилия']} {row['Имя']}"
        if phone and not row["ID клиента"].startswith("X"):
            assert owners.setdefault(phone, name) == name


def test_consent_is_given_refused_and_unknown(read):
    engine, _ = read
    consent = engine.table(CONTACTS_TABLE).consent_ads.value_counts(name="n").execute()
    counts = dict(zip(consent.consent_ads, consent.n, strict=True))
    assert set(counts) == {"yes", "no", "unknown"}
    assert 0.06 < counts["no"] / sum(counts.values()) < 0.10
