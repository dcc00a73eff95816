"""The door to the network: what it repeats, how long it waits, what it never tells."""

import logging
from datetime import UTC, datetime

import pytest
import requests
import responses
from pydantic import SecretStr

from connectors.errors import (
    ConnectorError,
    ContractBroken,
    CredentialsRefused,
    ListGone,
    QuotaGone,
    Throttled,
    Transient,
    Unsure,
    VersionGone,
)
from connectors.http import Ask, Door, Effect, TimedSession, redact, retry_after, trace_in_header
from connectors.oauth import Grant, OAuthTokens, TokenStore, judge_token_answer
from connectors.quota import Meter, Quota
from tests.support.line import SILENCE, line
from tests.support.surroundings import surroundings

ORIGIN = "https://platform.test/"
URL = ORIGIN + "things"
OK = {"fine": True}
READ = Ask("GET", "things")
SET = Ask("POST", "things", json={"to": 1}, effect=Effect.SAME)
CREATE = Ask("POST", "things", json={"new": 1}, effect=Effect.TWICE)


@pytest.fixture
def door(clock):
    return Door(ORIGIN, surroundings=surroundings(clock))


def answers(net, ask, *statuses, **more):
    for status in statuses:
        net.add(ask.method, URL, json=OK if status == 200 else {}, status=status, **more)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("ask", [READ, SET], ids=["read", "set"])
def test_harmless_requests_are_sent_again(net, door, ask, status):
    answers(net, ask, status, status, 200)
    assert door.send(ask).body == OK
    assert door.requests == 3


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_create_of_unknown_effect_is_not_sent_again(net, door, status):
    answers(net, CREATE, status)
    with pytest.raises(Unsure):
        door.send(CREATE)


def test_a_create_that_was_too_early_is_sent_again(net, door):
    answers(net, CREATE, 429, 200)
    assert door.send(CREATE).body == OK


@pytest.mark.parametrize(
    ("ask", "error"), [(READ, Transient), (SET, Unsure)], ids=["read", "change"]
)
def test_after_the_last_attempt_a_change_is_unsure(net, door, clock, ask, error):
    answers(net, ask, *[503] * 5)
    with pytest.raises(Transient) as caught:
        door.send(ask)
    assert type(caught.value) is error
    assert len(clock.slept) == 4


def test_a_change_stays_unsure_though_the_last_answer_was_clear(net, door):
    answers(net, SET, 500, 429, 429, 429, 429)
    with pytest.raises(Unsure):
        door.send(SET)


def test_it_waits_as_long_as_the_platform_says(net, door, clock):
    net.add("GET", URL, status=429, headers={"Retry-After": "17"})
    answers(net, READ, 200)
    door.send(READ)
    assert 17 <= clock.slept[0] <= 18


def test_it_waits_until_the_date_the_platform_says(net, door, clock):
    net.add("GET", URL, status=503, headers={"Retry-After": "Tue, 01 Sep 2026 12:00:40 GMT"})
    answers(net, READ, 200)
    door.send(READ)
    assert 40 <= clock.slept[0] <= 41


def test_it_gives_up_rather_than_knock_earlier_than_asked(net, door, clock):
    net.add("GET", URL, status=429, headers={"Retry-After": "4000"})
    with pytest.raises(Throttled) as caught:
        door.send(READ)
    assert caught.value.retry_after == 4000
    assert clock.slept == []


def test_waiting_grows_and_differs(net, door, clock):
    answers(net, READ, 503, 503, 503, 503, 200)
    door.send(READ)
    for wait, least in zip(clock.slept, [1, 2, 4, 8], strict=True):
        assert least <= wait <= least + 1
    assert len({round(wait % 1, 9) for wait in clock.slept}) > 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("5", 5),
        ("-5", 0),
        ("999999999", 86_400),
        ("Tue, 01 Sep 2026 11:00:00 GMT", 0),
        ("soon", None),
        ("nan", None),
        (None, None),
    ],
)
def test_retry_after_is_clipped(header, seconds):
    assert retry_after(header, datetime(2026, 9, 1, 12, tzinfo=UTC)) == seconds


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, ContractBroken),
        (401, CredentialsRefused),
        (403, CredentialsRefused),
        (404, ListGone),
        (410, VersionGone),
        (302, ContractBroken),
    ],
)
def test_a_status_says_who_must_act(net, door, status, error):
    net.add("GET", URL, status=status, headers={"Location": "https://elsewhere.test/"})
    with pytest.raises(error):
        door.send(READ)


@pytest.mark.parametrize(("ask", "error"), [(READ, Transient), (CREATE, Unsure)])
def test_a_successful_answer_that_is_not_json(net, clock, ask, error):
    for _ in range(5 if ask is READ else 1):
        net.add(ask.method, URL, body='{"fine": tr', status=200)
    with pytest.raises(error):
        Door(ORIGIN, surroundings=surroundings(clock)).send(ask)


CUT = b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"fine"'
WHOLE = b'HTTP/1.1 200 OK\r\nContent-Length: 14\r\nConnection: close\r\n\r\n{"fine": true}'


def test_an_answer_cut_in_the_middle_is_asked_for_again():
    with line([CUT, WHOLE]) as (address, seen):
        door = Door(address, surroundings=surroundings())
        assert door.send(READ).body == OK
        assert len(seen) == 2


def test_a_create_whose_answer_was_cut_is_unsure_and_sent_once():
    with line([CUT]) as (address, seen):
        door = Door(address, surroundings=surroundings())
        with pytest.raises(Unsure):
            door.send(CREATE)
        assert len(seen) == 1


def test_a_create_without_an_answer_is_unsure():
    with line([SILENCE]) as (address, _):
        door = Door(address, surroundings=surroundings(timeout=(5, 0.2)))
        with pytest.raises(Unsure, match="ReadTimeout"):
            door.send(CREATE)


def test_a_create_that_found_nobody_is_not_unsure():
    with line([]) as (address, _):
        pass
    door = Door(address, surroundings=surroundings())
    with pytest.raises(Transient) as caught:
        door.send(CREATE)
    assert type(caught.value) is Transient
    assert door.requests == 5


def test_the_timeout_cannot_be_forgotten(monkeypatch):
    seen = []

    def send(self, request, **kwargs):
        seen.append((kwargs["timeout"], kwargs["allow_redirects"]))
        raise requests.ConnectionError

    monkeypatch.setattr(requests.Session, "send", send)
    session = TimedSession((3, 4))
    for timeout in ({}, {"timeout": None}):
        with pytest.raises(requests.ConnectionError):
            session.get(URL, **timeout)
    assert seen == [((3, 4), False)] * 2


# Looking before repeating


def test_what_happened_is_not_done_again(net, door):
    answers(net, CREATE, 500)
    assert door.once(lambda: door.send(CREATE), lambda: "seen") == "seen"


def test_what_did_not_happen_is_done_again(net, door):
    answers(net, CREATE, 500, 200)
    assert door.once(lambda: door.send(CREATE), lambda: None).body == OK


def test_what_never_gets_an_answer_stays_unsure(net, door):
    answers(net, CREATE, 500, 500, 500)
    with pytest.raises(Unsure):
        door.once(lambda: door.send(CREATE), lambda: None)


# Tokens


def tokens(clock, refresh="refresh-1"):
    door = Door("https://oauth.test/", surroundings=surroundings(clock), judge=judge_token_answer)
    grant = Grant(SecretStr("access-1"), None if refresh is None else SecretStr(refresh))
    return OAuthTokens(TokenStore(grant), door, "token", "client", SecretStr("shh"))


def bearing(token):
    return [responses.matchers.header_matcher({"Authorization": f"Bearer {token}"})]


def test_an_expired_token_is_renewed_once_and_the_request_repeated(net, clock):
    mine = tokens(clock)
    net.add("GET", URL, status=401, match=bearing("access-1"))
    net.add(
        "POST",
        "https://oauth.test/token",
        json={"access_token": "access-2", "expires_in": 31536000},
        match=[
            responses.matchers.urlencoded_params_matcher(
                {
                    "grant_type": "refresh_token",
                    "refresh_token": "refresh-1",
                    "client_id": "client",
                    "client_secret": "shh",
                }
            )
        ],
    )
    net.add("GET", URL, json=OK, match=bearing("access-2"))
    Door(ORIGIN, surroundings=surroundings(clock), tokens=mine).send(READ)
    assert mine.store.grant.refresh.get_secret_value() == "refresh-1"  # the answer had none


def test_a_token_that_comes_back_unchanged_gets_one_more_try(net, clock):
    net.add("GET", URL, status=401)
    net.add(
        "POST",
        "https://oauth.test/token",
        json={"access_token": "access-1", "refresh_token": "refresh-2"},
    )
    net.add("GET", URL, status=401)
    mine = tokens(clock)
    with pytest.raises(CredentialsRefused):
        Door(ORIGIN, surroundings=surroundings(clock), tokens=mine).send(READ)
    assert mine.store.grant.refresh.get_secret_value() == "refresh-2"


def test_a_revoked_token_is_the_operators(net, clock):
    net.add("GET", URL, status=401)
    net.add("POST", "https://oauth.test/token", status=400, json={"error": "invalid_grant"})
    with pytest.raises(CredentialsRefused, match=r"invalid_grant.*Authorise"):
        Door(ORIGIN, surroundings=surroundings(clock), tokens=tokens(clock)).send(READ)


def test_without_a_refresh_token_there_is_no_second_try(net, clock):
    net.add("GET", URL, status=401)
    mine = tokens(clock, refresh=None)
    with pytest.raises(CredentialsRefused):
        Door(ORIGIN, surroundings=surroundings(clock), tokens=mine).send(READ)


def test_a_token_somebody_else_renewed_is_not_renewed_again(net, clock):
    mine = tokens(clock)
    mine.store.grant = Grant(SecretStr("access-2"))
    assert mine.renew("access-1") is True


# Quota


def test_a_short_quota_is_waited_for(clock):
    meter = Meter([Quota("change", 10, 60)], clock=clock, sleep=clock.sleep)
    for _ in range(11):
        meter.spend(["change"])
    assert clock.slept == [60]
    meter.spend(["read"])
    assert clock.slept == [60]


def test_a_long_quota_is_not(clock):
    hour = Quota("change", 2, 3600)
    meter = Meter([hour], clock=clock, sleep=clock.sleep)
    meter.spend(["change"])
    meter.spend(["change"])
    with pytest.raises(QuotaGone) as caught:
        meter.spend(["change"])
    assert caught.value.retry_after == 3600
    assert meter.used(hour) == 2
    clock.sleep(3600)
    meter.spend(["change"])
    assert meter.used(hour) == 1


def test_no_window_of_time_holds_more_than_the_quota(clock):
    quota = Quota("any", 3, 10)
    meter = Meter([quota], clock=clock, sleep=clock.sleep)
    sent = []
    for gap in [0, 4, 0, 1, 0, 0, 7, 0, 0, 2, 0, 0]:
        clock.seconds += gap
        meter.spend(["any"])
        sent.append(clock())
    assert all(later - early >= 10 for early, later in zip(sent, sent[3:], strict=False))


def test_a_request_may_count_for_many(clock):
    quota = Quota("any", 10, 60)
    meter = Meter([quota], clock=clock, sleep=clock.sleep)
    meter.spend(["any"], 4)
    clock.seconds += 5
    meter.spend(["any"], 5)
    meter.spend(["any"], 0)
    assert clock.slept == []
    meter.spend(["any"], 2)
    assert clock.slept == [55], "until one of the first four is forgotten"
    assert meter.used(quota) == 7
    meter.spend(["any"], 11)
    assert meter.used(quota) == 11, "more than a whole quota goes alone"


def test_every_attempt_counts(net, clock):
    quota = Quota("any", 100, 3600)
    meter = Meter([quota], clock=clock, sleep=clock.sleep)
    answers(net, READ, 503, 429, 200)
    door = Door(ORIGIN, surroundings=surroundings(clock), meter=meter)
    door.send(Ask("GET", "things", counts=("any",)))
    assert meter.used(quota) == 3


# What is never told

CONTACT = "anna.k@example.test"
DIGEST = "bd93ea95f242f02313eccf0ab0bb7fe5121a052de42d2cb7bd332fb9f537cbfa"


@pytest.mark.parametrize("secret", [CONTACT, DIGEST, "+7 (999) 555-11-11", "79995551111"])
def test_words_of_a_platform_lose_contacts_and_digests(secret):
    said = redact(f"Invalid value '{secret}' in row 17")
    assert secret not in said
    assert "Invalid value" in said
    assert "row 17" in said


@pytest.mark.parametrize(
    ("told", "shown"), [("4-aB_7", True), (DIGEST, False), (CONTACT, False), ("", False)]
)
def test_the_platforms_own_id_of_a_request_is_told(net, clock, caplog, told, shown):
    """Its support asks for it; what does not look like one is not repeated."""
    caplog.set_level(logging.DEBUG)
    for status in (200, 400):
        net.add("GET", URL, status=status, json={}, headers={"x-id": told})
    door = Door(ORIGIN, surroundings=surroundings(clock), trace=trace_in_header("X-Id"))
    door.send(Ask("GET", "things"))
    assert ("things -> 200 in 0.00 s 4-aB_7" in caplog.text) == shown
    with pytest.raises(ContractBroken) as caught:
        door.send(Ask("GET", "things"))
    assert ("[request 4-aB_7]" in str(caught.value)) == shown
    assert ("[request" in str(caught.value)) == shown
    assert not told or shown or told not in caplog.text + str(caught.value)


def test_nothing_secret_is_logged_raised_or_shown(net, clock, caplog):
    caplog.set_level(logging.DEBUG)
    net.add("POST", URL, status=401, body=f"{CONTACT} {DIGEST} access-1")
    net.add("POST", "https://oauth.test/token", json={"access_token": "access-2"})
    net.add("POST", URL, status=400, body=f"{CONTACT} {DIGEST} access-2")
    mine = tokens(clock)
    ask = Ask("POST", "things", json={"members": [DIGEST]}, effect=Effect.SAME)
    door = Door(ORIGIN, surroundings=surroundings(clock), tokens=mine)
    with pytest.raises(ConnectorError) as caught:
        door.send(ask)
    shown = "\n".join(
        [caplog.text, str(caught.value), repr(caught.value), repr(ask), repr(mine), repr(door)]
    )
    assert "POST things -> 400" in caplog.text
    for secret in (CONTACT, DIGEST, "access-1", "access-2", "refresh-1", "shh"):
        assert secret not in shown


def test_urllib3_logs_no_secret_either(caplog, clock):
    caplog.set_level(logging.DEBUG)
    with line([WHOLE]) as (address, seen):
        mine = tokens(clock)
        ask = Ask("POST", "things", json={"members": [DIGEST]}, effect=Effect.SAME)
        Door(address, surroundings=surroundings(clock), tokens=mine).send(ask)
        assert b"Bearer access-1" in seen[0]
    assert any(record.name.startswith("urllib3") for record in caplog.records)
    assert DIGEST not in caplog.text
    assert "access-1" not in caplog.text
