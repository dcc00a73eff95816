"""TikTok: what its refusals become, and what an account needs."""

import hashlib
from datetime import UTC, date, datetime

import pytest

from audiences.contacts import hash_one
from config.audiences import Identifier
from config.faults import ConfigError
from config.platforms import Account
from connectors.errors import (
    ContractBroken,
    CredentialsRefused,
    ListBusy,
    OperatorError,
    RuleRefused,
    Throttled,
    Transient,
    Unsure,
    VersionGone,
)
from connectors.registry import connect
from tests.support.surroundings import START, surroundings
from tests.support.wire_tiktok import (
    ADVERTISER,
    BASE,
    DMP,
    G1,
    VIP,
    campaign,
    connector,
    get,
    groups,
    let_in,
    lists,
    report,
    said,
    vip,
)

__all__ = ["connector"]


def failing(net, **answer):
    get(net, DMP + "list/", {"page_size": "1"}, **answer)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (40001, CredentialsRefused),
        (40102, CredentialsRefused),
        (40104, CredentialsRefused),
        (40105, CredentialsRefused),
        (40117, CredentialsRefused),
        (40118, CredentialsRefused),
        (40130, CredentialsRefused),
        (40300, CredentialsRefused),
        (40301, CredentialsRefused),
        (41000, OperatorError),
        (40006, VersionGone),
        (40400, VersionGone),
        (41001, VersionGone),
        (40700, ContractBroken),
        (40062, ContractBroken),
        (40900, ContractBroken),
        (40909, ContractBroken),
        (49999, ContractBroken),
        (40202, ListBusy),
    ],
)
def test_codes_say_who_must_act(net, connector, code, error):
    failing(net, json=said(code=code, message="said of jane@shop.test"))
    with pytest.raises(error, match=f"code {code}: said of … .request 2026090112") as caught:
        connector.check()
    if issubclass(error, OperatorError):
        assert caught.value.act


@pytest.mark.parametrize(
    "code", [40016, 40100, 40132, 61000, 51010, 51003, 51063, 51099, 50002, 52007, 60001]
)
def test_codes_that_pass(net, connector, clock, code):
    failing(net, json=said(code=code))
    let_in(net)
    connector.check()
    assert clock.slept


def test_twenty_requests_a_second_are_not_passed(net, connector, clock):
    for _ in range(7):
        let_in(net)
    for _ in range(6):
        connector.check()
    assert clock.slept == []
    connector.check()
    assert clock.slept == [1.0]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"status": 404, "body": "nothing here"}, VersionGone),
        ({"status": 400, "body": "what?"}, ContractBroken),
        ({"status": 401, "body": ""}, CredentialsRefused),
        ({"json": {"data": {}}}, ContractBroken),
        ({"json": {"code": 0, "data": []}}, ContractBroken),
    ],
    ids=str,
)
def test_answers_without_an_envelope(net, connector, answer, error):
    failing(net, **answer)
    with pytest.raises(error):
        connector.check()


@pytest.mark.parametrize(
    ("answer", "error"),
    [({"status": 429}, Throttled), ({"json": said(code=50000)}, Transient)],
    ids=str,
)
def test_what_stays_is_given_up(net, connector, answer, error):
    for _ in range(5):
        failing(net, **answer)
    with pytest.raises(error) as caught:
        connector.check()
    assert not isinstance(caught.value, Unsure)


def test_a_page_without_a_list_is_no_answer(net, connector):
    get(net, DMP + "list/", {"page": "1", "page_size": "100"}, {"list": []})
    with pytest.raises(ContractBroken):
        connector.find(VIP)


def test_what_is_not_as_documented_is_our_fault(net, connector):
    lists(net, {"name": "adsteer: vip"})
    groups(net, {"adgroup_ids": ["11"]}, {"adgroup_id": "11"})
    campaign(net, vip())
    report(net, "2026-07-01", "2026-07-01", rows=[{"metrics": {}}], ids='["11"]')
    day = date(2026, 7, 1)
    for ask in (
        lambda: connector.find(VIP),
        lambda: connector.strategies([G1]),
        lambda: connector.spend([G1], day, day),
    ):
        with pytest.raises(ContractBroken, match="not as documented"):
            ask()


@pytest.mark.parametrize("login", [None, "my shop"])
def test_an_account_without_an_advertiser(monkeypatch, login):
    monkeypatch.setenv("SHOP_TOKEN", "secret-token")
    account = Account(name="tt", platform="tiktok", secrets="SHOP_", login=login)
    with pytest.raises(RuleRefused, match="advertiser"):
        connect(account, surroundings())


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (None, ("john.smith+news@gmail.com", "+16577770000")),
        ("tiktok", ("john.smith+news@gmail.com", "+16577770000")),
        ("tiktok_partner", ("johnsmith@gmail.com", "+16577770000")),
        ("tiktok_2025_08", ("john.smith@gmail.com", "16577770000")),
    ],
)
@pytest.mark.parametrize("sandbox", [True, False])
def test_the_rule_for_contacts_is_a_setting(monkeypatch, rule, expected, sandbox):
    """TikTok's pages of 2025 contradict each other, so an advertiser may take another one."""
    monkeypatch.setenv("SHOP_TOKEN", "secret-token")
    if rule is not None:
        monkeypatch.setenv("SHOP_CONTACT_RULE", rule)
    account = Account(
        name="tt", platform="tiktok", secrets="SHOP_", login=ADVERTISER, sandbox=sandbox
    )
    around = surroundings(sandbox_url="http://127.0.0.1:9")
    recipe = connect(account, around).recipe
    hashed = (
        hash_one(Identifier.EMAIL, "John.Smith+News@Gmail.com", recipe, ("US",)),
        hash_one(Identifier.PHONE, "+1 657-777-0000", recipe, ("US",)),
    )
    assert hashed == tuple((hashlib.sha256(one.encode()).hexdigest(),) for one in expected)


def test_a_rule_for_contacts_that_there_is_not(monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", "secret-token")
    monkeypatch.setenv("SHOP_CONTACT_RULE", "guess")
    account = Account(name="tt", platform="tiktok", secrets="SHOP_", login=ADVERTISER)
    with pytest.raises(ConfigError, match="SHOP_CONTACT_RULE"):
        connect(account, surroundings())


def test_an_account_without_a_token():
    account = Account(name="tt", platform="tiktok", secrets="NOBODY_", login=ADVERTISER)
    with pytest.raises(ConfigError, match="NOBODY_TOKEN"):
        connect(account, surroundings())


def test_the_version_is_a_setting(net, monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", "secret-token")
    account = Account(
        name="tt", platform="tiktok", secrets="SHOP_", login=ADVERTISER, api_version="v1.4"
    )
    net.add("GET", f"{BASE.replace('v1.3', 'v1.4')}{DMP}list/", json=said(code=40006))
    with pytest.raises(VersionGone):
        connect(account, surroundings()).check()


def test_the_clock_of_these_tests():
    """The figures of the replacement tests count from here."""
    assert datetime(2026, 9, 1, 12, tzinfo=UTC) == START
