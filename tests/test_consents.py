"""Consent by purpose and platform: silence is no yes, and a no takes effect everywhere at once."""

import csv
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import ibis
import pytest

from audiences.consents import agrees, answer, names, refuses
from audiences.people import build_people
from audiences.tables import PEOPLE
from config.consents import Consent, Purpose, consent_of
from config.faults import ConfigError
from config.load import load_project
from config.shop import Shop
from tests.support.rehearsal import Rehearsal, rehearse
from tests.support.tables import contacts, orders, rows_of, table

SAID = ("yes", "no", "unknown")
SHOP = Shop(name="Shop", currency="EUR", time_zone="UTC", phone_regions=("US",))


@pytest.fixture(scope="module")
def engine():
    return ibis.duckdb.connect()


def one_person(engine, *rows):
    """The one person of these rows, who is the same by their address."""
    made = build_people(
        engine,
        SHOP,
        contacts(
            engine,
            *({"id": n, "email": "anna.k@example.com"} | row for n, row in enumerate(rows, 1)),
        ),
        orders(engine),
    )
    assert made.people.count().to_pyarrow().as_py() == 1
    return made.people


def holds(expression):
    (value,) = expression.to_pyarrow().to_pylist()
    return value


# What people said


@pytest.mark.parametrize(("ads", "analytics"), product(SAID, SAID))
def test_every_yes_that_is_asked_for_must_be_there(engine, ads, analytics):
    entries = None if analytics == "unknown" else [f"analytics={analytics}"]
    row = {"person_id": "a", "consent_ads": ads, "consents": entries}
    people = table(engine, PEOPLE, [row])
    both, one = ("ads", "analytics"), ("analytics",)
    assert holds(agrees(people, both)) is (ads == analytics == "yes")
    assert holds(agrees(people, one)) is (analytics == "yes" and ads != "no")
    assert holds(agrees(people, ("ads",))) is (ads == "yes")
    assert holds(refuses(people, both)) is ("no" in (ads, analytics))
    assert holds(refuses(people, ("ads",))) is (ads == "no")
    assert holds(answer(people, "never_heard_of")) == "unknown"
    assert not holds(agrees(people, ("ads", "never_heard_of")))


def test_a_no_on_any_row_is_a_no_and_silence_is_no_yes(engine):
    told = one_person(
        engine,
        {"consent_ads": "yes", "consents": ["analytics=yes", "google=yes"]},
        {"consent_ads": "yes", "consents": ["analytics=no"]},
        {"consent_ads": "yes", "consents": None},
    )
    assert [holds(answer(told, name)) for name in ("ads", "analytics", "google", "meta")] == [
        "yes", "no", "yes", "unknown",
    ]  # fmt: skip
    assert names(told) == ("analytics", "google")


def test_people_kept_by_an_earlier_version_said_nothing_but_to_ads(engine):
    people = table(engine, PEOPLE, [{"person_id": "a", "consent_ads": "yes"}]).drop("consents")
    assert holds(agrees(people, ("ads",)))
    assert not holds(agrees(people, ("ads", "analytics")))
    assert names(people) == ()


# What the files ask for


def test_a_list_asks_for_the_consents_of_its_purpose_and_its_platform():
    consent = Consent(seed=("ads", "analytics"), platforms={"google": ("google",)})
    assert consent.asked(Purpose.RETARGETING, "vk") == ("ads",)
    assert consent.asked(Purpose.RETARGETING, "google") == ("ads", "google")
    assert consent.asked(Purpose.SEED, "vk") == ("ads", "analytics")
    assert consent.asked(Purpose.SEED, "google") == ("ads", "analytics", "google")
    assert consent.named == ("ads", "analytics", "google")


def test_the_day_of_a_consent_is_none():
    columns = ("consent_ads", "consent_on", "consent_at", "consent_", "email", "consent_analytics")
    assert [consent_of(column) for column in columns] == [None] * 5 + ["analytics"]


# A shop on three platforms


@dataclass
class ConsentShop:
    """A rehearsal whose customer cards speak of analytics and of Google too."""

    rehearsal: Rehearsal
    said: dict[int, dict[str, str]] = field(default_factory=dict)
    """By person: what the card says where it is not the usual yes."""

    @property
    def folder(self) -> Path:
        return self.rehearsal.shop.folder

    def write(self) -> None:
        """The customer cards."""
        with (self.folder / "exports" / "contacts.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("id", "mail", "tel", "ads", "Аналитика", "Google"))
            for one in self.rehearsal.shop.people:
                cells = {"ads": "yes", "analytics": "yes", "google": "да"}
                cells |= self.said.get(one.number, {})
                rows.writerow((one.number, one.email, one.phone, *cells.values()))

    def say(self, numbers: Collection[int], **cells: str) -> None:
        for number in numbers:
            self.said[number] = self.said.get(number, {}) | cells

    def agreed(self, asked: Collection[str]) -> set[int]:
        """Who gives all of these."""
        usual = {"ads": "yes", "analytics": "yes", "google": "yes"}
        yes = {"yes", "да"}
        return {
            one.number
            for one in self.rehearsal.shop.people
            if all((usual | self.said.get(one.number, {}))[name] in yes for name in asked)
        }

    def lists(self, *command: str, code: int = 0):
        """The lists of a plan, by account and audience."""
        document = self.rehearsal.run(*command, code=code)
        return document, {(one["account"], one["audience"]): one for one in document["audiences"]}


FILES = {
    "exports.toml": """
[[export]]
kind = "contacts"
source = "crm"
path = "exports/contacts.csv"
[export.columns]
contact_id = "id"
email = "mail"
phone = "tel"
consent_ads = "ads"
consent_analytics = "Аналитика"
consent_google = "google"
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
name = "meta"
platform = "meta"
sandbox = true
wait_minutes = 600
[[account]]
name = "goog"
platform = "google"
sandbox = true
wait_minutes = 600
""",
    "audiences.toml": """
[guards]
max_removed_share = 0.1
max_removed_share_small = 0.1
[consent]
seed = ["ads", "analytics"]
[consent.platforms]
google = ["google"]
[[audience]]
name = "buyers"
people = "orders >= 1"
accounts = ["lists", "meta", "goog"]
[[audience]]
name = "best"
people = "orders >= 2"
purpose = "seed"
accounts = ["lists", "goog"]
max_base_share = 0.9
[audience.ltv_floor]
amount = 1
""",
}


slow = pytest.mark.slow


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("consent") / "shop"
        with rehearse(folder, patch, people=1000) as rehearsal:
            for name, text in FILES.items():
                (folder / name).write_text(text)
            made = ConsentShop(rehearsal)
            made.say(range(1, 100, 2), google="нет")
            made.say(range(101, 140, 2), analytics="")
            made.say(range(141, 160, 2), ads="")
            made.say(range(161, 180, 2), ads="no")
            made.write()
            yield made


@slow
def test_unknown_is_no_yes_for_each_purpose_and_platform_apart(shop):
    checked = shop.rehearsal.run("check", code=0)
    shop.rehearsal.run("refresh")
    _, listed = shop.lists("plan")
    buyers = set(range(1, 1000, 2))
    platforms = {"lists": "yandex_audience", "meta": "meta", "goog": "google"}
    for (account, audience), one in listed.items():
        purpose = "seed" if audience == "best" else "retargeting"
        asked = {"ads"} | ({"analytics"} if audience == "best" else set())
        asked |= {"google"} if account == "goog" else set()
        assert one["add"] == len(shop.agreed(asked) & buyers), (account, audience)
        where = {"purpose": purpose, "platform": platforms[account], "asked": sorted(asked)}
        (use,) = [use for use in checked["uses"] if where.items() <= use.items()]
        assert use["people"] == len(shop.agreed(asked))
    assert checked["audit"]["consents"]["google"] == {"yes": 0.95, "no": 0.05, "unknown": 0.0}
    assert checked["audit"]["consents"]["analytics"]["unknown"] == 0.02
    told = shop.rehearsal.tell("check")
    assert "Whose contacts may go where" in told
    assert "Every row was accepted." in told


@slow
def test_what_is_taken_back_leaves_every_list_that_asks_for_it_and_no_guard_holds_it(shop):
    rehearsal = shop.rehearsal
    rehearsal.run("refresh")
    rehearsal.run("apply")
    no_google, no_ads, no_analytics = range(301, 421, 2), range(421, 431, 2), range(431, 451, 2)
    shop.say(no_google, google="no")
    shop.say(no_ads, ads="no")
    shop.say(no_analytics, analytics="no")
    shop.write()
    rehearsal.run("refresh")
    # every list is refused as a whole: the newest order is a day old
    audiences = shop.folder / "audiences.toml"
    written = audiences.read_text()
    audiences.write_text(
        written.replace("[guards]", "[guards]\nmin_source_share = 1\nmax_source_age_days = 0")
    )
    plan, listed = shop.lists("plan", code=1)
    gone = {
        ("lists", "buyers"): len(no_ads),
        ("meta", "buyers"): len(no_ads),
        ("goog", "buyers"): len(no_ads) + len(no_google),
        ("lists", "best"): len(no_ads) + len(no_analytics),
        ("goog", "best"): len(no_ads) + len(no_google) + len(no_analytics),
    }
    for key, one in listed.items():
        assert one["refused_by"], key
        assert (one["withdrawn"], one["sends"]) == (gone[key], ["withdraw"]), key
    sent = rehearsal.run("apply", plan["fingerprint"], code=1)["receipts"]["audiences"]
    assert {(one["account"], one["audience"]): one["accepted"] for one in sent} == gone
    assert all(one["outcome"] == "done" for one in sent)
    _, after = shop.lists("plan", code=1)
    assert {key: one["withdrawn"] for key, one in after.items()} == dict.fromkeys(gone, 0)
    (on_yandex,) = [
        set(row["members"])
        for row in rehearsal.box.lists("yandex_audience")
        if row["name"] == "Small shop: buyers"
    ]
    left = [one for one in rehearsal.shop.people if one.number in no_ads]
    stay = [one for one in rehearsal.shop.people if one.number in no_google]
    assert not any(one.digests & on_yandex for one in left)
    assert all(one.digests <= on_yandex for one in stay)
    audiences.write_text(written)


@slow
def test_explain_names_the_consent_that_is_not_there(shop):
    shop.rehearsal.run("refresh")
    told = shop.rehearsal.run("explain", "person1@example.com")
    assert told["consents"] == {"analytics": "yes", "google": "no"}
    why = {(one["account"], one["audience"]): one["why_not"] for one in told["audiences"]}
    assert why["goog", "buyers"] == ["consent to google is no"]
    assert why["lists", "buyers"] == []
    silent = shop.rehearsal.run("explain", "person101@example.com")
    why = {(one["account"], one["audience"]): one["why_not"] for one in silent["audiences"]}
    assert "consent to analytics is unknown" in why["lists", "best"]
    assert why["lists", "buyers"] == []


@slow
def test_a_cell_that_is_neither_is_refused(shop):
    shop.say([7], analytics="perhaps")
    shop.write()
    document = shop.rehearsal.run("check")
    (reason,) = document["reasons"]
    assert (reason["column"], reason["reason"]) == ("consent_analytics", "is neither yes nor no")
    del shop.said[7]
    shop.write()


@slow
@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('seed = ["ads", "analitics"]', "Did you mean 'analytics'"),
        ('[consent.platforms]\ngoogel = ["google"]', "Did you mean 'google'"),
        ("retargeting = []", "consent.retargeting"),
        ('seed = ["ads", "ads"]', "each consent once"),
    ],
)
def test_a_slip_in_the_files_never_asks_for_less(shop, tmp_path, written, said):
    for path in shop.folder.glob("*.toml"):
        (tmp_path / path.name).write_text(path.read_text())
    head, _, rest = FILES["audiences.toml"].partition("[consent]")
    _, _, rest = rest.partition('google = ["google"]\n')
    (tmp_path / "audiences.toml").write_text(f"{head}[consent]\n{written}\n{rest}")
    with pytest.raises(ConfigError) as error:
        load_project(tmp_path)
    assert said in str(error.value)


@slow
def test_a_column_without_its_header_stops_the_run_before_anything_changes(shop):
    exports = shop.folder / "exports.toml"
    exports.write_text(FILES["exports.toml"].replace('"google"', '"Гугл"'))
    said = shop.rehearsal.run("refresh", code=1)["said"]
    assert "columns.consent_google names the header 'Гугл'" in said
    exports.write_text(FILES["exports.toml"])


@slow
def test_an_export_without_the_column_gives_no_yes(shop):
    exports = shop.folder / "exports.toml"
    without = FILES["exports.toml"].replace('consent_google = "google"\n', "")
    silent = without + (
        '[[export]]\nkind = "contacts"\nsource = "forms"\npath = "exports/forms.csv"\n'
        'columns = { email = "mail", consent_google = "ok" }\n'
    )
    exports.write_text(silent)
    (shop.folder / "exports" / "forms.csv").write_text("mail,ok\nperson901@example.com,yes\n")
    uses = {(one["purpose"], one["platform"]): one for one in shop.rehearsal.run("check")["uses"]}
    assert uses["retargeting", "google"]["people"] == 1
    exports.write_text(FILES["exports.toml"])


def test_what_was_said_is_kept_sorted_and_once(engine):
    said = one_person(engine, {"consents": ["b=yes", "a=no"]}, {"consents": ["a=no", "c=yes"]})
    assert [row["consents"] for row in rows_of(engine, said)] == [["a=no", "b=yes", "c=yes"]]
