"""Contacts whose truth is known: people with several rows, families, call centres and junk.

Two sources; a shop's CRM that gives one external id per person and forgets it half of the time,
and a till that knows a phone or an e-mail address. Shares follow what real bases show: 0.3 % of
rows with one of five made-up phones, 0.1 % with a junk address, 1 % with a family's phone.
"""

from dataclasses import dataclass

import ibis
import numpy as np
import pyarrow as pa

from audiences.tables import CONTACT_ROWS

SURNAMES = 4000
JUNK_PHONES = (
    "+79999999999",
    "8 (900) 000-00-00",
    "+7 912 123 45 67",
    "+79261112211",
    "88005553535",
)
JUNK_EMAILS = ("noreply@shop.example", "mail@mail.ru", "test@test.ru")


@dataclass(frozen=True, eq=False)
class Generated:
    """A contacts table (CONTACT_ROWS) and, row by row, the number of the person it is of."""

    rows: pa.Table
    truth: np.ndarray


def generate_people(count: int, seed: int, families: float = 0.01) -> Generated:
    """`count` rows, 1.6 a person, in an order that says nothing.

    `families` is the share of people who give the phone of somebody unrelated in name.
    """
    random = np.random.default_rng(seed)
    people = max(1, int(count / 1.6))
    who = np.concatenate([np.arange(people), random.integers(0, people, count - people)])
    random.shuffle(who)
    family = np.where(random.random(people) < families, random.integers(0, people, people), -1)
    phone_of = np.where(family >= 0, family, np.arange(people))
    return Generated(_rows(random, who, phone_of), who)


def _rows(random: np.random.Generator, who: np.ndarray, phone_of: np.ndarray) -> pa.Table:
    count = len(who)
    numbers = 9_020_000_000 + phone_of[who] * 37 % 79_000_000
    shape = random.integers(0, 4, count)
    has_phone, has_email = random.random(count) < 0.90, random.random(count) < 0.80
    lost = ~has_phone & ~has_email
    has_phone |= lost
    junk = random.random(count)
    phones, emails = [], []
    for place in range(count):
        number = f"{numbers[place]}"
        forms = (
            f"+7{number}",
            f"8{number}",
            f"8 ({number[:3]}) {number[3:6]}-{number[6:8]}-{number[8:]}",
            number,
        )
        phone = forms[shape[place]] if has_phone[place] else None
        if junk[place] < 0.003:
            phone = JUNK_PHONES[place % len(JUNK_PHONES)]
        email = f"User{who[place]}@Mail{who[place] % 7}.ru" if has_email[place] else None
        if 0.003 <= junk[place] < 0.004:
            email = JUNK_EMAILS[place % len(JUNK_EMAILS)]
        phones.append(phone)
        emails.append(email)
    source = np.where(random.random(count) < 0.7, "crm", "till")
    known = (source == "crm") & (random.random(count) < 0.5)
    columns = {
        "source": source,
        "row_id": [f"r{place}" for place in range(count)],
        "file": ["generated.csv"] * count,
        "line": np.arange(count),
        "external_id": np.where(known, [f"c{person}" for person in who], None),
        "email": emails,
        "phone": phones,
        "first_name": [f"Имя{person % 60}" for person in who],
        "last_name": [f"Фамилия{person * 7919 % SURNAMES}" for person in who],
        "consent_ads": ["yes"] * count,
    }
    schema = CONTACT_ROWS.to_pyarrow()
    given = {name: pa.array(values, schema.field(name).type) for name, values in columns.items()}
    arrays = [given.get(field.name, pa.nulls(count, field.type)) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def load(engine: ibis.BaseBackend, rows: pa.Table) -> ibis.expr.types.Table:
    """The rows in the engine."""
    return engine.create_table(ibis.util.gen_name("generated"), ibis.memtable(rows), temp=True)


@dataclass(frozen=True)
class PairQuality:
    """How well pairs of rows were joined."""

    precision: float
    recall: float


def pair_quality(truth: np.ndarray, found: np.ndarray) -> PairQuality:
    """Of the pairs joined, how many are right; of the right pairs, how many are joined."""
    both = truth.astype(np.int64) * (int(found.max()) + 1) + found
    right, joined, true = _pairs(both), _pairs(found), _pairs(truth)
    return PairQuality(precision=right / max(joined, 1), recall=right / max(true, 1))


def _pairs(labels: np.ndarray) -> int:
    sizes = np.unique(labels, return_counts=True)[1].astype(np.int64)
    return int((sizes * (sizes - 1) // 2).sum())
