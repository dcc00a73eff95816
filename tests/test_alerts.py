"""Alerts to real receivers: on a change of state, once each, with what to do, and no secrets."""

import logging
import tomllib
from datetime import UTC, datetime

import pytest

from audiences.watching import Condition, forget_subjects
from config.faults import ConfigError
from config.operating import Alerts
from flows import alerting
from flows.channels import Alert, NotTold, channels
from flows.workshop import open_workshop
from tests.support.prefect_server import free_port
from tests.support.receivers import endpoint, post_office
from tests.support.small_shop import SmallShop, people_of

TOKEN = "123456:telegram-token-of-a-test"
SECRET = "a-path-nobody-may-see"
NAMED = "the sync of lists"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
ALERT = Alert("run/sync", "failed", "The sync failed", "Why & <what>. To do.", "Shop", "2026-06-01")


@pytest.fixture
def http():
    with endpoint() as server:
        yield server


@pytest.fixture
def office():
    with post_office() as server:
        yield server


@pytest.fixture
def written(http, office, monkeypatch):
    """[alerts] of adsteer.toml with every channel, each leading to a receiver of this test."""
    monkeypatch.setenv("ADSTEER_ALERTS_TELEGRAM_TOKEN", TOKEN)
    monkeypatch.setenv("ADSTEER_ALERTS_SLACK_URL", f"{http.url}/services/{SECRET}")
    monkeypatch.setenv("ADSTEER_ALERTS_EMAIL_PASSWORD", office.password)
    monkeypatch.setenv("ADSTEER_ALERTS_WEBHOOK_URL", f"{http.url}/hook/{SECRET}")
    monkeypatch.setenv("ADSTEER_ALERTS_WEBHOOK_TOKEN", f"bearer-{SECRET}")
    return f"""
[alerts]
link = "http://127.0.0.1:4200"
[alerts.telegram]
chat = "-1001"
url = "{http.url}"
[alerts.slack]
[alerts.webhook]
[alerts.email]
host = "127.0.0.1"
port = {office.port}
security = "none"
user = "robot"
sender = "robot@example.com"
recipients = ["one@example.com", "two@example.com"]
"""


@pytest.fixture
def workshop(tmp_path, written):
    shop = SmallShop(tmp_path / "shop", people_of(2), {"north": "A"})
    shop.write()
    path = shop.folder / "adsteer.toml"
    path.write_text(path.read_text() + written)
    with open_workshop(shop.folder, now=lambda: NOON) as made:
        yield made


def paths(http):
    return [path for path, _, _ in http.got]


def fail(workshop, text="The platform said no."):
    return alerting.tell(workshop, "run/sync", Condition.FAILED, text, named=NAMED)


def test_every_channel_takes_the_alert_in_its_own_words(workshop, http, office):
    assert fail(workshop, "Ж & <b>") == []
    telegram, slack, program = (body for _, _, body in http.got)
    assert paths(http) == [f"/bot{TOKEN}/sendMessage", f"/services/{SECRET}", f"/hook/{SECRET}"]
    assert telegram["chat_id"] == "-1001"
    assert telegram["text"].startswith("The sync of lists failed\nЖ & <b>\nWhat to do: ")
    assert "Ж &amp; &lt;b&gt;" in slack["text"]
    assert (program["state"], program["subject"]) == ("failed", "run/sync")
    assert program["at"] == "2026-06-01T12:00:00+00:00"
    assert http.got[2][1]["Authorization"] == f"Bearer bearer-{SECRET}"
    ((recipients, letter),) = office.letters
    assert recipients == ["one@example.com", "two@example.com"]
    assert letter["Subject"] == "[Small shop] The sync of lists failed"
    assert "http://127.0.0.1:4200" in letter.get_content()
    assert office.logins == ["robot"]


def test_only_a_change_of_state_is_told_and_once(workshop, http, office):
    tell = alerting.tell
    assert tell(workshop, "run/sync", Condition.RECOVERED, named=NAMED) == []
    assert http.got == []  # it was always well
    for _ in range(3):
        fail(workshop)
    assert (len(http.got), len(office.letters)) == (3, 1)
    tell(workshop, "run/sync", Condition.REFUSED, "Half the list would go.", named=NAMED)
    tell(workshop, "run/sync", Condition.RECOVERED, named=NAMED)
    tell(workshop, "run/sync", Condition.RECOVERED, named=NAMED)
    told = [letter["Subject"].partition("] ")[2] for _, letter in office.letters]
    assert [one.partition("lists")[2] for one in told] == [
        " failed",
        ": held back by a guard, a person must look",
        " is well again",
    ]
    fail(workshop)
    assert len(office.letters) == 4


def test_troubles_are_those_that_are_not_over(workshop):
    fail(workshop)
    alerting.tell(workshop, "fresh/seeds/a", Condition.STALE, "Old.", named="seed a")
    alerting.tell(workshop, "run/sync", Condition.RECOVERED, named=NAMED)
    (left,) = alerting.known_troubles(workshop)
    assert (left["subject"], left["state"]) == ("fresh/seeds/a", "stale")
    assert "adsteer status" in left["act"]


def test_a_channel_that_fails_is_said_and_alone_tried_again(workshop, http, office, caplog):
    caplog.set_level(logging.DEBUG)
    http.status = 503
    problems = fail(workshop)
    assert len(problems) == 3
    assert all("HTTP 503" in one for one in problems)
    assert len(office.letters) == 1
    http.status = 200
    assert fail(workshop) == []
    assert fail(workshop) == []
    assert (len(http.got), len(office.letters)) == (6, 1)
    assert not {TOKEN, SECRET} & set(caplog.text.split("/"))
    assert SECRET not in caplog.text
    assert TOKEN not in caplog.text


def test_nothing_private_is_told_or_kept(workshop, http, office):
    digest = "0a" * 32
    fail(workshop, f"row of ann@example.com, +1 201 555 0123, {digest}: wrong")
    (trouble,) = alerting.known_troubles(workshop)
    said = f"{http.got} {office.letters[0][1].as_string()} {trouble['text']}"
    assert "ann@" not in said
    assert "555 0123" not in said
    assert digest not in said
    assert "row of [address], [phone], [digest]: wrong" in trouble["text"]


def test_a_missing_secret_is_said_and_breaks_nothing(workshop, monkeypatch):
    monkeypatch.delenv("ADSTEER_ALERTS_SLACK_URL")
    (problem,) = fail(workshop)
    assert "ADSTEER_ALERTS_SLACK_URL" in problem


def test_errors_name_no_address(written, tmp_path, http, office, monkeypatch):
    monkeypatch.setenv("ADSTEER_ALERTS_SLACK_URL", f"http://127.0.0.1:{free_port()}/{SECRET}")
    monkeypatch.setenv("ADSTEER_ALERTS_WEBHOOK_URL", f"file:///{SECRET}")
    alerts = Alerts.model_validate(tomllib.loads(written)["alerts"])
    office.refuses = True
    http.answer = {"ok": False, "description": TOKEN}
    said = []
    for channel in channels(alerts, tmp_path):
        with pytest.raises(NotTold) as caught:
            channel.tell(ALERT)
        said.append(str(caught.value))
        assert caught.value.__cause__ is None
        assert SECRET not in repr(channel)
        assert TOKEN not in repr(channel)
        assert office.password not in repr(channel)
    assert [one.partition(" ")[0].rstrip(":") for one in said] == [
        "telegram",
        "slack",
        "email",
        "webhook",
    ]
    assert not any(SECRET in one or TOKEN in one or str(office.port) in one for one in said)


def test_a_secret_follows_no_redirect(written, tmp_path, http, monkeypatch):
    with endpoint() as elsewhere:
        http.status, http.location = 307, elsewhere.url
        alerts = Alerts.model_validate(tomllib.loads(written)["alerts"])
        for channel in channels(alerts, tmp_path):
            if channel.name != "email":
                with pytest.raises(NotTold, match="HTTP 307"):
                    channel.tell(ALERT)
        assert elsewhere.got == []


def test_a_wrong_password_is_said_by_its_number(written, tmp_path, monkeypatch):
    monkeypatch.setenv("ADSTEER_ALERTS_EMAIL_PASSWORD", SECRET)
    alerts = Alerts.model_validate(tomllib.loads(written)["alerts"])
    (letters,) = [one for one in channels(alerts, tmp_path) if one.name == "email"]
    with pytest.raises(NotTold, match="SMTP 535"):
        letters.tell(ALERT)


def test_a_login_without_password_is_a_fault_of_the_settings(tmp_path):
    email = {"host": "h", "user": "robot", "sender": "a@b", "recipients": ["c@d"]}
    with pytest.raises(ConfigError, match="ADSTEER_ALERTS_EMAIL_PASSWORD"):
        channels(Alerts.model_validate({"email": email}), tmp_path)
    assert channels(Alerts(), tmp_path) == ()


def test_a_long_text_is_cut(workshop, http):
    fail(workshop, "x" * 10_000)
    assert len(http.got[0][2]["text"]) < 4096


def test_what_left_the_rules_troubles_nobody(workshop):
    alerting.tell(workshop, "fresh/seeds/gone", Condition.STALE, "Old.", named="seed gone")
    alerting.tell(workshop, "run/sync", Condition.FAILED, "No.", named=NAMED)
    forget_subjects(workshop.catalog, "fresh", [])
    assert [one["subject"] for one in alerting.known_troubles(workshop)] == ["run/sync"]
