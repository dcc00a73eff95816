"""The files of an invented shop as Russian accounting programs leave them: 1C, Bitrix, RetailCRM.

Headers and words are Russian, days dd.mm.yyyy with or without a time, decimals have a comma and
thousands a no-break space; the bytes are cp1251. What the rows say is what they said before, but
for the time of day of an order, which the other forms do not tell.
"""

import codecs
from pathlib import Path

ENCODING = "cp1251"
CHUNK = 1 << 20

_STATES = "MAP {'paid': 'Оплачен', 'returned': 'Возврат', 'cancelled': 'Отменён'}"
_CONSENTS = "MAP {'yes': 'Да', 'no': 'Нет'}"


def _day(column: str) -> str:
    return f"strftime({column}, '%d.%m.%Y')"


def _money(column: str) -> str:
    return f"translate(format('{{:,.2f}}', {column}::DOUBLE), ',.', chr(160) || ',')"


COLUMNS = {
    "contacts": {
        "Код": "contact_id",
        "Номер карты": "external_id",
        "Электронная почта": "email",
        "Телефон": "phone",
        "Имя": "first_name",
        "Фамилия": "last_name",
        "Дата рождения": _day("birth_date"),
        "Пол": "CASE gender WHEN 'f' THEN 'ж' WHEN 'm' THEN 'м' END",
        "Город": "replace(city, 'City', 'Город')",
        "Дата регистрации": _day("registered_on"),
        "Источник": "channel_first",
        "Согласие": f"{_CONSENTS}[consent_ads]",
    },
    "orders": {
        "Номер": "order_id",
        "Код клиента": "contact_id",
        "Дата": "strftime(ordered_on::TIMESTAMP + to_seconds((hash(order_id) % 86400)::INT), "
        "'%d.%m.%Y %H:%M:%S')",
        "Статус": f"{_STATES}[status]",
        "Сумма": _money("amount"),
        "Скидка": _money("discount"),
        "Количество": "items",
        "Категория": "replace(category, 'category', 'Категория')",
        "Канал": "channel",
    },
    "events": {
        "Код клиента": "contact_id",
        "Дата": "strftime(ts, '%d.%m.%Y %H:%M:%S')",
        "Событие": "kind",
        "Артикул": "sku",
        "Категория": "replace(category, 'category', 'Категория')",
    },
}
"""By kind of rows: header = what stands under it, of the columns of the shop (_shop.py)."""


def in_russian(kind: str, rows: str) -> str:
    """The statement that gives the rows of a statement with the cells and headers of 1C."""
    told = ", ".join(f'{cell} AS "{header}"' for header, cell in COLUMNS[kind].items())
    return f"SELECT {told} FROM ({rows})"


def in_cp1251(path: Path) -> None:
    """Write a UTF-8 file anew in cp1251."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    beside = path.with_name(f"{path.name}.utf8")
    path.rename(beside)
    with beside.open("rb") as source, path.open("wb") as target:
        while piece := source.read(CHUNK):
            target.write(decoder.decode(piece).encode(ENCODING))
    beside.unlink()
