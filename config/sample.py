"""The starter's exports: real orders with invented customers, in the shape a Russian CRM gives.

The orders are UCI "Online Retail" (see starter_data/README.md). Everything about the people is
invented and deterministic. E-mail addresses live at domains reserved by RFC 2606. Phones are North
American 555-0100..0199, one hundred numbers per area code that the numbering plan (ATIS-0300115)
keeps for fiction. Russia and Ukraine reserve no such range, and a number that is merely unassigned
today may be somebody's tomorrow; these are accepted as valid by libphonenumber and belong to
nobody, and there are enough for every person to have one of their own.
"""

import csv
import gzip
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

from config.sample_costs import HEADER as COST_HEADER
from config.sample_costs import cost_rows

ORDERS_FILE = Path(__file__).parent / "starter_data" / "online_retail_orders.csv.gz"
ENCODING = "cp1251"

CONTACT_HEADER = (
    "ID клиента",
    "Внешний ID",
    "Фамилия",
    "Имя",
    "E-mail",
    "Телефон",
    "Пол",
    "Дата рождения",
    "Город",
    "Дата регистрации",
    "Источник",
    "Согласие на рекламу",
    "Дата согласия",
    "Менеджер",
)
ORDER_HEADER = (
    "Номер заказа",
    "ID клиента",
    "Дата заказа",
    "Статус",
    "Сумма",
    "Кол-во товаров",
    "Источник",
    "Страна",
)

NEVER_BOUGHT = 600
TWICE_WRITTEN = 40
BROKEN_OF_A_KIND = 10

PEOPLE: dict[str, Any] = tomllib.loads(
    (Path(__file__).parent / "starter_data" / "people.toml").read_text(encoding="utf-8")
)
"""Names, places, reserved domains and area codes."""


@dataclass(frozen=True)
class Buyer:
    """What the orders tell of a customer."""

    number: str
    first_order: datetime
    last_order: datetime


def write_sample_exports(folder: Path) -> None:
    """Write contacts, orders and costs into `folder`/exports, the same every time.

    `;`, decimal comma, cp1251, CRLF, Russian headers. Every real invoice and customer is in them;
    people who never bought, people written twice and broken rows come on top. Costs are invented.
    """
    exports = folder / "exports"
    exports.mkdir(parents=True, exist_ok=True)
    orders = _orders()
    _write(exports / "orders.csv", ORDER_HEADER, _order_rows(orders))
    _write(exports / "contacts.csv", CONTACT_HEADER, _contact_rows(_buyers(orders)))
    _write(exports / "costs.csv", COST_HEADER, cost_rows())


def _orders() -> list[dict[str, str]]:
    with gzip.open(ORDERS_FILE, "rt", encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _buyers(orders: Iterable[dict[str, str]]) -> list[Buyer]:
    days: dict[str, list[datetime]] = {}
    for order in orders:
        days.setdefault(order["customer_id"], []).append(
            datetime.fromisoformat(order["invoice_ts"])
        )
    return [Buyer(number, min(times), max(times)) for number, times in sorted(days.items())]


def _write(path: Path, header: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    with path.open("w", encoding=ENCODING, newline="") as file:
        writer = csv.writer(file, delimiter=";", lineterminator="\r\n")
        writer.writerow(header)
        writer.writerows(rows)


# Orders


def _order_rows(orders: Iterable[dict[str, str]]) -> Iterator[list[str]]:
    broken = _broken_orders()
    for place, order in enumerate(orders):
        if place % 700 == 350:
            yield from islice(broken, 1)
        state = "Возврат" if order["is_return"] == "true" else "Выполнен"
        yield [
            order["invoice_no"],
            order["customer_id"],
            _moment(datetime.fromisoformat(order["invoice_ts"])),
            state,
            _money(order["amount"]),
            order["items"],
            _pick("channel", order["invoice_no"], PEOPLE["channels"]),
            order["country"],
        ]
    yield from broken


def _broken_orders() -> Iterator[list[str]]:
    tail = ["1", "email", "United Kingdom"]
    for n in range(BROKEN_OF_A_KIND):
        day = f"{n + 1:02d}.06.2011 12:00"
        yield [f"B{n:03d}1", "17850", day, "Выполнен", "сто рублей", *tail]
        yield [f"B{n:03d}2", "13047", f"{n + 1:02d}.01.2031 10:00", "Выполнен", "15,90", *tail]
        yield ["", "12583", day, "Выполнен", "7,00", *tail]


def _money(amount: str) -> str:
    """As a Russian spreadsheet writes it: decimal comma, no-break spaces between thousands."""
    return f"{Decimal(amount):,.2f}".replace(",", "\N{NO-BREAK SPACE}").replace(".", ",")


# Contacts


def _contact_rows(buyers: list[Buyer]) -> Iterator[list[str]]:
    broken = _broken_contacts()
    people = [(buyer.number, _registered(buyer), buyer.last_order) for buyer in buyers]
    newest = max(buyer.last_order for buyer in buyers)
    people += [(f"R{n:04d}", newest - _back(n), newest) for n in range(NEVER_BOUGHT)]
    for place, (number, registered, _last) in enumerate(people):
        row = _contact(number, place, registered)
        yield row
        if place % 113 == 50 and place // 113 < TWICE_WRITTEN:
            yield _again(row, place)
        if place % 150 == 75:
            yield from islice(broken, 1)
    yield from broken


def _registered(buyer: Buyer) -> datetime:
    return buyer.first_order - timedelta(days=_number("registered", buyer.number, 60), hours=1)


def _back(n: int) -> timedelta:
    """How long ago somebody registered who never bought: a third within the last month."""
    days = _number("recent", str(n), 30) if n % 3 == 0 else 30 + _number("old", str(n), 360)
    return timedelta(days=days, hours=2)


def _contact(number: str, place: int, registered: datetime) -> list[str]:
    woman = _number("gender", number, 100) < 62
    first = _pick("first", number, PEOPLE["women" if woman else "men"])
    last = _surname(number, woman)
    kinds = _number("kinds", number, 100)  # some gave no phone, some no e-mail, nobody neither
    consent = _number("consent", number, 100)
    agreed = "нет" if consent < 8 else "" if consent < 12 else "да"
    year = 1950 + _number("year", number, 55)
    born = date(year, 1, 1) + timedelta(days=_number("day", number, 365))
    return [
        number,
        "" if _number("loyalty", number, 10) < 7 else f"EXT-{number}",
        last,
        first,
        "" if kinds >= 88 else _email(first, last, number),
        "" if kinds < 15 else _phone(place),
        "Ж" if woman else "М",
        f"{born:%d.%m.%Y}" if kinds % 3 == 0 else "",
        _pick("city", number, PEOPLE["cities"]),
        _moment(registered),
        _pick("channel", number, PEOPLE["channels"]),
        agreed,
        _moment(registered) if agreed else "",
        _pick("manager", number, ("Отдел 1", "Отдел 2")),
    ]


def _surname(number: str, woman: bool) -> str:
    if _number("nation", number, 100) < 25:
        return _pick("surname", number, PEOPLE["surnames_ua"])
    return _pick("surname", number, PEOPLE["surnames_ru"]) + ("а" if woman else "")


def _email(first: str, last: str, number: str) -> str:
    name = f"{first}.{last}".lower()
    latin = "".join(PEOPLE["latin"].get(letter, letter) for letter in name)
    domain = _pick("domain", number, PEOPLE["domains"])
    return f"{latin}.{number.lower()}@{domain}"


def _phone(place: int) -> str:
    area, last = PEOPLE["area_codes"][place // 100], place % 100
    shapes = (
        f"+1 ({area}) 555-01-{last:02d}",
        f"+1{area}55501{last:02d}",
        f"+1 {area} 555 01{last:02d}",
    )
    return shapes[place % len(shapes)]


def _again(row: list[str], place: int) -> list[str]:
    """The same person, entered a second time by somebody else."""
    written = dict(zip(CONTACT_HEADER, row, strict=True))
    phone = "".join(c for c in written["Телефон"] if c in "+0123456789")
    written |= {
        "ID клиента": f"D{place:05d}",
        "Внешний ID": "",
        "E-mail": written["E-mail"].upper(),
        "Телефон": f"{phone[:2]}-{phone[2:5]}-{phone[5:8]}-{phone[8:]}" if phone else "",
    }
    return list(written.values())


def _broken_contacts() -> Iterator[list[str]]:
    for n in range(BROKEN_OF_A_KIND):
        place = len(PEOPLE["area_codes"]) * 100 - 1 - n  # numbers nobody else has
        row = _contact(f"X{n:03d}", place, datetime.fromisoformat("2011-05-01 12:00"))
        written = dict(zip(CONTACT_HEADER, row, strict=True))
        yield list((written | {"Дата регистрации": "31.02.2011 10:00"}).values())
        yield row[:9]
        yield list((written | {"Согласие на рекламу": "может быть"}).values())


# Deterministic choice


def _moment(when: datetime) -> str:
    return f"{when:%d.%m.%Y %H:%M}"


@cache
def _number(about: str, key: str, below: int) -> int:
    digest = blake2b(f"{about}:{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % below


def _pick(about: str, key: str, among: Sequence[str]) -> str:
    return among[_number(about, key, len(among))]
