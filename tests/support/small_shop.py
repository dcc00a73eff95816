"""A project of a few hundred invented people whose lists a test can work out by itself.

Membership is decided by the city alone, so who is wanted where needs none of adsteer's code.
"""

import csv
import hashlib
import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

AS_OF = date(2026, 6, 1)
CITIES = tuple("ABCDEFGH")
LISTS = ("north", "south")

FILES = {
    "adsteer.toml": f"""
[shop]
name = "Small shop"
currency = "EUR"
time_zone = "Europe/Berlin"
phone_regions = ["US"]
as_of = {AS_OF}
[engine]
memory_limit = "300MB"
threads = 1
""",
    "exports.toml": """
[[export]]
kind = "contacts"
source = "crm"
path = "exports/contacts.csv"
columns = { contact_id = "id", email = "mail", phone = "tel", city = "town", consent_ads = "ads" }
[[export]]
kind = "orders"
source = "crm"
path = "exports/orders.csv"
columns = { order_id = "no", contact_id = "who", ordered_on = "day", amount = "sum" }
""",
    "platforms.toml": """
[[account]]
name = "lists"
platform = "yandex_audience"
sandbox = true
wait_minutes = 600
[[account]]
name = "ads"
platform = "yandex_direct"
lists_from = "lists"
sandbox = true
wait_minutes = 600
""",
    "schedules.toml": """
[[schedule]]
name = "daily"
flow = "sync"
cron = "0 5 * * *"
""",
}


@dataclass(frozen=True)
class Person:
    """A customer card; `consent` as the CRM writes it."""

    number: int
    city: str
    email: str
    phone: str
    consent: str = "yes"

    @property
    def digests(self) -> frozenset[str]:
        """What every platform with plain SHA-256 of address and digits is sent."""
        return frozenset(
            hashlib.sha256(text.encode()).hexdigest() for text in (self.email, self.phone)
        )


def people_of(count: int, seed: int = 1) -> tuple[Person, ...]:
    """The same people every time, an equal share of them in every city."""
    order = random.Random(seed)
    numbers = list(range(count))
    order.shuffle(numbers)
    return tuple(
        Person(n, CITIES[place % len(CITIES)], f"person{n}@example.com", _phone(n))
        for place, n in enumerate(numbers)
    )


def moved(person: Person, address: int) -> Person:
    """The same person with another address."""
    return replace(person, email=f"person{person.number}.{address}@example.net")


@dataclass
class SmallShop:
    """The project in a folder, and who is in it."""

    folder: Path
    people: tuple[Person, ...]
    cities: dict[str, Collection[str]] = field(default_factory=dict)
    """By list: whose people are wanted in it."""
    guards: str = (
        "max_removed_share = 1\nmax_removed_share_small = 1\nmax_consent_drop = 1\n"
        "least_of_minimum = 0"
    )
    seeds: tuple[str, ...] = ()
    """Lists that are seeds, each with a look-alike: everybody who bought more than once."""
    bids: dict[str, int] = field(default_factory=dict)
    """By list: the correction of its people, in per cent."""
    replaces: bool = False
    """Whether lists that are no seeds may be replaced whole."""

    def write(self) -> None:
        """Write every file of the project."""
        (self.folder / "exports").mkdir(parents=True, exist_ok=True)
        for name, text in FILES.items():
            (self.folder / name).write_text(text.lstrip())
        self.write_people()
        self.write_rules()

    def write_people(self) -> None:
        """The exports: a customer card each, and three orders for every other person."""
        cards = (
            (p.number, p.email, p.phone, p.city, p.consent)
            for p in sorted(self.people, key=lambda one: one.number)
        )
        self._csv("contacts.csv", ("id", "mail", "tel", "town", "ads"), cards)
        self._csv("orders.csv", ("no", "who", "day", "sum"), self._orders())

    def write_rules(self) -> None:
        """Whom the lists want, as rules."""
        overlays, audiences = [], []
        for name, cities in self.cities.items():
            rule = " or ".join(f"city = '{city}'" for city in sorted(cities))
            overlays.append(f'[[overlay]]\nname = "{name}"\nrule = "{rule}"\n')
            audiences.append(
                f'[[audience]]\nname = "{name}"\npeople = "{name}"\naccounts = ["lists"]\n'
                f'title = "Small shop: {name}"\n' + "replace = true\n" * self.replaces
            )
        for name in self.seeds:
            audiences.append(
                f'[[audience]]\nname = "{name}"\npeople = "orders >= 2"\npurpose = "seed"\n'
                f'accounts = ["lists"]\ntitle = "Small shop: {name}"\nmax_base_share = 0.9\n'
                "[audience.ltv_floor]\namount = 1\n[audience.lookalike]\nreach = [1]\n"
            )
        gates = "[gates]\nbuyers = 20\nhistory_days = 30\n"
        self._toml("segments.toml", gates + "\n".join(overlays))
        self._toml("audiences.toml", f"[guards]\n{self.guards}\n" + "\n".join(audiences))
        rules = [f'[[rule]]\nsegment = "{n}"\ncorrection = {c}\n' for n, c in self.bids.items()]
        where = '[[where]]\naccount = "ads"\nad_groups = [500001]\n'
        limits = "[limits]\ncooldown_days = 0\n"
        self._toml("bid_rules.toml", limits + (where + "\n".join(rules) if rules else ""))

    def wanted(self, name: str) -> tuple[Person, ...]:
        """Who is to be in a list."""
        willing = (person for person in self.people if person.consent == "yes")
        if name in self.seeds:
            return tuple(person for person in willing if person.number % 2)
        return tuple(person for person in willing if person.city in self.cities[name])

    def digests(self, name: str) -> frozenset[str]:
        """What a list is to hold."""
        return frozenset().union(*(person.digests for person in self.wanted(name)))

    def _orders(self) -> Iterator[tuple[object, ...]]:
        for person in sorted(self.people, key=lambda one: one.number):
            for turn in range(3 if person.number % 2 else 0):
                day = AS_OF - timedelta(days=1 + person.number % 40 + 90 * turn)
                yield f"{person.number}-{turn}", person.number, day, 20 + person.number % 50

    def _csv(self, name: str, header: tuple[str, ...], rows: Iterator[tuple[object, ...]]) -> None:
        with (self.folder / "exports" / name).open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])

    def _toml(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)


def _phone(number: int) -> str:
    """A North American number kept for fiction, as digits."""
    area = (201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214)[number // 100]
    return f"1{area}55501{number % 100:02}"
