"""Other kinds of exports: sums per customer, order lines, behaviour, costs; money, digests."""

from datetime import date
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import ibis
import pytest

from audiences.attribution import attribute
from audiences.contacts import by_person, digests
from audiences.exports import (
    CONTACTS_TABLE,
    COSTS_TABLE,
    EVENTS_TABLE,
    ORDERS_TABLE,
    ExportRefused,
    Reading,
    read_exports,
)
from audiences.people import build_people
from config.exports import ExportsFile
from config.shop import Shop
from connectors.recipes import GOOGLE, VK
from tests.support.tables import rows_of

SHOP = Shop(name="Test", currency="RUB", time_zone="Europe/Moscow")
AS_OF = date(2026, 6, 1)


@pytest.fixture
def engine() -> Any:
    return ibis.duckdb.connect(threads=2)


def read(engine: Any, folder: Path, *exports: dict[str, Any], **settings: Any) -> Reading:
    """Each export carries its text; the rest is as in exports.toml."""
    listed = []
    for place, export in enumerate(exports):
        path = folder / f"{place}.csv"
        path.write_text(export.pop("text"), encoding="utf-8")
        listed.append({"source": "crm", "path": path.name, **export})
    file = ExportsFile.model_validate({"export": listed, "max_rejected": 1, **settings})
    return read_exports(engine, file, folder, SHOP, AS_OF)


def table(engine: Any, name: str, *columns: str) -> list[tuple[Any, ...]]:
    rows = engine.table(name).select(*columns).order_by(*columns)
    return [tuple(row.values()) for row in rows_of(engine, rows)]


def test_sums_become_people_and_orders_that_add_up(engine: Any, tmp_path: Path) -> None:
    text = (
        "customer_id;email;first_order_date;last_order_date;orders;total;category;Согласие\n"
        "1;a@x.ru;2026-01-01;2026-03-02;3;100.00;tea;да\n"
        "2;b@x.ru;;2026-03-02;2;10.01;;да\n"
        "3;c@x.ru;;;0;;;\n"
        "4;d@x.ru;;2026-03-02;-1;10;;\n"
        "5;e@x.ru;2026-04-01;2026-03-02;2;10;;\n"
        "6;f@x.ru;;;2;10;;\n"
    )
    reading = read(engine, tmp_path, {"kind": "aggregate", "text": text})
    assert (reading.contacts, reading.orders, reading.rejected) == (3, 5, 3)
    assert reading.newest_order == date(2026, 3, 2)
    assert table(engine, ORDERS_TABLE, "contact_id", "ordered_on", "amount", "category") == [
        ("1", date(2026, 1, 1), Decimal("33.33"), None),
        ("1", date(2026, 1, 31), Decimal("33.33"), None),
        ("1", date(2026, 3, 2), Decimal("33.34"), "tea"),
        ("2", date(2026, 1, 31), Decimal("5.00"), None),
        ("2", date(2026, 3, 2), Decimal("5.01"), None),
    ]
    people = build_people(engine, SHOP, engine.table(CONTACTS_TABLE), engine.table(ORDERS_TABLE))
    assert people.orders_unattributed == 0
    spent = people.occasions.group_by("person_id").aggregate(n=people.occasions.count())
    assert sorted(row["n"] for row in rows_of(engine, spent)) == [2, 3]


def test_lines_tell_what_the_order_does_not(engine: Any, tmp_path: Path) -> None:
    orders = (
        "order_id;customer_id;order_date;amount;category;margin\n"
        "1;7;2026-01-02;100;;\n2;7;2026-01-03;50;own;5\n3;7;2026-01-04;20;;\n"
    )
    lines = (
        "order_id;sku;category;qty;amount;cost\n"
        "1;s1;cups;2;60;20\n1;s2;tea;1;40;10\n2;s3;tea;1;50;1\n3;s4;;1;20;\n"
    )
    read(
        engine, tmp_path, {"kind": "orders", "text": orders}, {"kind": "order_lines", "text": lines}
    )
    assert table(engine, ORDERS_TABLE, "order_id", "category", "items", "margin") == [
        ("1", "cups", 3, Decimal("70.00")),
        ("2", "own", 1, Decimal("5.00")),
        ("3", "s4", 1, None),
    ]


def test_an_order_on_several_rows_is_one_order(engine: Any, tmp_path: Path) -> None:
    text = (
        "Name,Email,Financial Status,Created at,Total,Currency,Lineitem quantity\n"
        "'#1001,a@x.ru,paid,2026-05-14 11:23:45 +0100,90.00,RUB,1\n"
        "'#1001,a@x.ru,,,,,2\n"
        "#1002,b@x.ru,voided,2026-05-15 11:23:45 +0100,10.00,RUB,1\n"
    )
    reading = read(engine, tmp_path, {"kind": "orders", "preset": "shopify", "text": text})
    assert (reading.read, reading.rejected, reading.orders) == (3, 0, 2)
    assert table(engine, ORDERS_TABLE, "order_id", "state", "amount", "items") == [
        ("#1001", "paid", Decimal("90.00"), 3),
        ("#1002", "cancelled", Decimal("10.00"), 1),
    ]


@pytest.mark.parametrize(
    "headers",
    [
        "InvoiceNo,StockCode,Quantity,InvoiceDate,UnitPrice,CustomerID,Country",
        "Invoice,StockCode,Quantity,InvoiceDate,Price,Customer ID,Country",
    ],
)
def test_lines_with_prices_come_to_their_order(engine: Any, tmp_path: Path, headers: str) -> None:
    """Both published spellings of Online Retail, which has no sum of an order anywhere."""
    text = (
        f"{headers}\n"
        "536365,85123A,6,12/1/2010 8:26,2.55,17850.0,United Kingdom\n"
        "536365,71053,4,12/1/2010 8:26,3.39,17850.0,United Kingdom\n"
        "536365,D,-1,12/1/2010 8:26,1.00,17850.0,United Kingdom\n"
        "C536379,22960,-2,12/14/2010 9:41,4.25,17850.0,United Kingdom\n"
        "536380,22961,,12/14/2010 9:45,4.25,17851.0,United Kingdom\n"
    )
    export = {"kind": "orders", "preset": "online_retail", "text": text}
    reading = read(engine, tmp_path, export)
    assert (reading.read, reading.rejected, reading.orders) == (5, 1, 2)
    assert reading.files[0].columns["price"] in ("UnitPrice", "Price")
    assert table(engine, ORDERS_TABLE, "order_id", "contact_id", "state", "amount", "items") == [
        ("536365", "17850", "paid", Decimal("27.86"), 9),
        ("C536379", "17850", "returned", Decimal("-8.50"), -2),
    ]


def test_a_price_of_one_is_asked_for_by_name(engine: Any, tmp_path: Path) -> None:
    text = (
        "order_id;customer_id;date;Цена;Количество;status\n"
        "1;c1;2026-05-01;10,50;2;paid\n"
        "1;c1;2026-05-01;1,00;3;отменён\n"
        "2;c1;2026-05-02;7,00;1;отменён\n"
    )
    export = {
        "kind": "orders",
        "text": text,
        "columns": {"price": "Цена"},
        "values": {"cancelled": ["отменён"]},
    }
    read(engine, tmp_path, export)
    assert table(engine, ORDERS_TABLE, "order_id", "state", "amount") == [
        ("1", "paid", Decimal("21.00")),
        ("2", "cancelled", Decimal("0.00")),
    ]


def test_cancelled_and_test_orders_are_out_whatever_their_state(
    engine: Any, tmp_path: Path
) -> None:
    text = (
        "order_id;customer_id;date;total;status;cancelled_at;is_test\n"
        "1;c1;2026-05-01;10;paid;;\n"
        "2;c1;2026-05-02;10;paid;2026-05-03 10:00:00;no\n"
        "3;c1;2026-05-03;10;paid;0000-00-00 00:00:00;yes\n"
        "4;c1;2026-05-04;10;paid;00.00.0000;0\n"
        "5;c1;2026-05-05;10;paid;нет;false\n"
    )
    read(engine, tmp_path, {"kind": "orders", "text": text})
    states = dict(table(engine, ORDERS_TABLE, "order_id", "state"))
    assert {order for order, state in states.items() if state == "cancelled"} == {"2", "3"}
    assert {order for order, state in states.items() if state == "paid"} == {"1", "4", "5"}


def test_events_lead_to_people(engine: Any, tmp_path: Path) -> None:
    contacts = "customer_id;email;phone\n1;a@x.ru;\n2;b@x.ru;+79031112233\n"
    events = (
        "customer_id;email;phone;ts;event;sku\n"
        "1;;;2026-05-01 10:00:00;View;s1\n"
        ";B@X.ru;;01.05.2026 10:30;cart;s2\n"
        ";;8 903 111 22 33;2026-05-01T10:00:00Z;view;\n"
        ";nobody@x.ru;;2026-05-01;view;\n"
        ";;;2026-05-01;view;\n"
        "1;;;never;view;\n"
    )
    reading = read(
        engine, tmp_path, {"kind": "contacts", "text": contacts}, {"kind": "events", "text": events}
    )
    assert reading.rejected == 2
    rows, known = engine.table(EVENTS_TABLE), engine.table(CONTACTS_TABLE)
    people = build_people(engine, SHOP, known, engine.table(ORDERS_TABLE))
    owned = attribute(engine, rows, known, people, ("RU",))
    names = {row["person_id"]: row["row_id"] for row in rows_of(engine, people.person_rows)}
    found = {
        (names[row["person_id"]], f"{row['ts']:%d %H:%M}", row["kind"])
        for row in rows_of(engine, owned.mutate(ts=owned.ts.cast("timestamp('UTC')")))
    }
    assert found == {
        ("1", "01 07:00", "view"),
        ("2", "01 07:30", "cart"),
        ("2", "01 10:00", "view"),
    }


def test_costs_are_read_in_the_shops_currency(engine: Any, tmp_path: Path) -> None:
    text = (
        "Дата;Площадка;Кампания;Расход;Клики;Валюта\n"
        "01.05.2026;yandex_direct;77;1 000,50;10;RUB\n"
        "02.05.2026;google_ads;88;2,00;5;USD\n"
        "03.05.2026;google_ads;88;-2,00;5;USD\n"
    )
    rates = [{"currency": "USD", "day": date(2026, 1, 1), "rate": "90.5"}]
    reading = read(engine, tmp_path, {"kind": "costs", "text": text}, rate=rates)
    assert reading.rejected == 1
    assert table(engine, COSTS_TABLE, "date", "platform", "campaign_id", "cost", "clicks") == [
        (date(2026, 5, 1), "yandex_direct", "77", Decimal("1000.50"), 10),
        (date(2026, 5, 2), "google_ads", "88", Decimal("181.00"), 5),
    ]


ORDERS_ABROAD = (
    "order_id;customer_id;order_date;amount;currency\n"
    "1;7;2026-01-02;10;USD\n2;7;2026-03-02;10;USD\n3;7;2026-03-02;10;RUB\n"
)


def test_orders_go_by_the_rate_of_their_day(engine: Any, tmp_path: Path) -> None:
    rates = [
        {"currency": "USD", "day": date(2026, 1, 1), "rate": "90"},
        {"currency": "USD", "day": date(2026, 3, 1), "rate": "95.5"},
    ]
    read(engine, tmp_path, {"kind": "orders", "text": ORDERS_ABROAD}, rate=rates)
    amounts = [amount for _, amount in table(engine, ORDERS_TABLE, "order_id", "amount")]
    assert amounts == [Decimal(900), Decimal(955), Decimal(10)]


def test_an_amount_without_a_rate_is_refused(engine: Any, tmp_path: Path) -> None:
    with pytest.raises(ExportRefused, match="have no rate"):
        read(engine, tmp_path, {"kind": "orders", "text": ORDERS_ABROAD})
    late = [{"currency": "USD", "day": date(2026, 2, 1), "rate": "90"}]
    with pytest.raises(ExportRefused, match="1 amounts lie before the first rate"):
        read(engine, tmp_path, {"kind": "orders", "text": ORDERS_ABROAD}, rate=late)


def test_a_column_of_digests_goes_as_it_is(engine: Any, tmp_path: Path) -> None:
    digest = sha256(b"a@x.ru").hexdigest()
    text = f"customer_id;email;phone\n1;{digest};+79031112233\n"
    export = {"kind": "contacts", "text": text}
    read(engine, tmp_path, export | {"prehashed": {"email": "sha256"}})
    people = build_people(engine, SHOP, engine.table(CONTACTS_TABLE), engine.table(ORDERS_TABLE))
    (row,) = rows_of(engine, digests(by_person(people.identifiers), GOOGLE))
    assert row["email"] == [digest]
    (row,) = rows_of(engine, digests(by_person(people.identifiers), VK))
    assert row["email"] == []
    assert row["phone"] != []


@pytest.mark.parametrize("declared", [{}, {"email": "sha256"}])
def test_a_mixed_column_is_refused(engine: Any, tmp_path: Path, declared: dict[str, str]) -> None:
    digest = sha256(b"a@x.ru").hexdigest()
    text = f"customer_id;email\n1;{digest}\n2;b@x.ru\n"
    with pytest.raises(ExportRefused, match="1 of 2") as refused:
        read(engine, tmp_path, {"kind": "contacts", "text": text, "prehashed": declared})
    assert digest not in str(refused.value)
