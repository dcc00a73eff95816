"""Meta over the wire: the account and its terms, lists and their states."""

import pytest
from responses import matchers

from config.faults import ConfigError
from connectors.errors import ContractBroken, ListGone, RuleRefused, TermsNotAccepted
from connectors.meta_wire import proof_of
from connectors.registry import connect
from tests.support.members import batch
from tests.support.surroundings import surroundings
from tests.support.wire_meta import (
    ACT,
    AUDIENCES,
    BASE,
    CHECK,
    CREATE,
    FIND,
    LIST,
    STATE,
    VIP,
    account,
    connector,
    error,
    got,
    listed,
    sent,
    state_answer,
)

__all__ = ["account", "connector"]


# Accounts


def test_check(net, connector):
    got(net, ACT, CHECK, {"id": ACT, "tos_accepted": {"custom_audience_tos": 1}})
    connector.check()


@pytest.mark.parametrize("accepted", [0, "0", False])
def test_terms_that_are_not_accepted(net, connector, accepted):
    got(net, ACT, CHECK, {"id": ACT, "tos_accepted": {"custom_audience_tos": accepted}})
    with pytest.raises(TermsNotAccepted) as caught:
        connector.check()
    assert "Ads Manager" in caught.value.act


def test_the_proof_of_the_app_secret(net, account, monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", "TOKEN")
    monkeypatch.setenv("SHOP_APP_SECRET", "secret")
    proof = "2356b17ae2860016a34575ada27f94b543ed2cbe59a85ba2e0c62dc4aba7a5c6"
    assert proof_of("secret", "TOKEN") == proof
    query = matchers.query_param_matcher({**CHECK, "appsecret_proof": proof})
    net.add("GET", BASE + ACT, json={"id": ACT}, match=[query])
    connect(account, surroundings()).check()


@pytest.mark.parametrize(("version", "warned"), [("v24.0", True), ("v25.0", False)])
def test_a_version_that_ends_soon_is_told(net, account, caplog, version, warned):
    older = account.model_copy(update={"api_version": version})
    net.add("GET", f"https://graph.facebook.com/{version}/{ACT}", json={"id": ACT})
    connect(older, surroundings()).check()
    assert ("until 2026-10-06" in caplog.text) == warned


def test_another_version(net, account):
    older = account.model_copy(update={"api_version": "v25.0"})
    net.add("GET", f"https://graph.facebook.com/v25.0/{ACT}", json={"id": ACT})
    connect(older, surroundings()).check()


@pytest.mark.parametrize("login", [None, "shop", "act_x"])
def test_an_account_without_its_id(account, login):
    with pytest.raises(RuleRefused, match="login"):
        connect(account.model_copy(update={"login": login}), surroundings())


def test_a_missing_secret_is_named(account, monkeypatch, tmp_path):
    monkeypatch.delenv("SHOP_TOKEN")
    with pytest.raises(ConfigError, match="SHOP_TOKEN"):
        connect(account, surroundings(folder=tmp_path))


# Lists


def test_a_list_is_made(net, connector):
    listed(net, FIND)
    sent(net, AUDIENCES, CREATE, {"id": LIST})
    opened = connector.find_or_create(VIP, batch(1, 3))
    assert (opened.list_id, opened.receipt) == (LIST, None)


def test_the_oldest_customer_file_with_the_title_is_ours(net, connector):
    rows = [
        {"id": "30", "name": "seg:vip", "subtype": "CUSTOM"},
        {"id": "4", "name": "seg:vip", "subtype": "LOOKALIKE"},
        {"id": "5", "name": "other", "subtype": "CUSTOM"},
    ]
    paging = {"cursors": {"before": "x", "after": "QVFIU"}, "next": "https://elsewhere.example"}
    got(net, AUDIENCES, {"limit": 100, "fields": FIND}, {"data": rows, "paging": paging})
    more = {"id": "20", "name": "seg:vip", "subtype": "CUSTOM"}
    query = {"limit": 100, "fields": FIND, "after": "QVFIU"}
    paging = {"cursors": {"before": "y", "after": "z"}}
    got(net, AUDIENCES, query, {"data": [more], "paging": paging})
    assert connector.find(VIP) == "20"


def test_how_long_people_stay(net, connector):
    listed(net, FIND)
    sent(net, AUDIENCES, {**CREATE, "retention_days": 90}, {"id": LIST})
    connector.find_or_create(VIP.__class__(**{**vars(VIP), "membership_days": 90}), batch(1, 1))


def test_longer_than_meta_keeps_people(connector):
    with pytest.raises(RuleRefused, match="180"):
        connector.find_or_create(
            VIP.__class__(**{**vars(VIP), "membership_days": 181}), batch(1, 1)
        )


def test_an_answer_without_an_id(net, connector):
    listed(net, FIND)
    sent(net, AUDIENCES, CREATE, {"success": True})
    with pytest.raises(ContractBroken):
        connector.find_or_create(VIP, batch(1, 1))


@pytest.mark.parametrize(
    ("answer", "ready", "settled", "matched"),
    [
        (state_answer(), True, True, 1000),
        (state_answer(low="1000"), True, True, 1000),
        (state_answer(code=441, delivery=300, low=-1), False, False, None),
        (state_answer(code=414), False, False, 1000),
        (state_answer(code=411), True, True, 1000),
        (state_answer(code=412), True, True, 1000),
        (state_answer(code=100), True, True, 1000),
        (state_answer(code=411, delivery=300), False, True, 1000),
        (state_answer(code=415), False, True, 1000),
        (state_answer(code=450), False, True, 1000),
        (state_answer(code=471), False, True, 1000),
        (state_answer(delivery=300, low=0), False, True, 0),
    ],
)
def test_the_state_of_a_list(net, connector, answer, ready, settled, matched):
    got(net, LIST, STATE, answer)
    state = connector.state(LIST)
    assert (state.ready, state.settled, state.matched) == (ready, settled, matched)
    assert state.size is None


def test_a_state_without_a_status(net, connector):
    got(net, LIST, STATE, {"id": LIST})
    with pytest.raises(ContractBroken):
        connector.state(LIST)


def test_a_list_with_lookalikes_stays(net, connector):
    net.add("DELETE", BASE + LIST, json=error(2656), status=400)
    with pytest.raises(RuleRefused, match="look-alikes"):
        connector.delete(LIST)


def test_renaming_changes_the_name_only(net, connector):
    sent(net, LIST, {"name": "seg:best"}, {"success": True})
    assert connector.rename(LIST, "seg:best")


def test_renaming_what_is_gone(net, connector):
    sent(net, LIST, {"name": "seg:best"}, error(100, 33), status=400)
    with pytest.raises(ListGone):
        connector.rename(LIST, "seg:best")


def test_deleting_that_is_no_success(net, connector):
    net.add("DELETE", BASE + LIST, json={"success": False})
    with pytest.raises(ContractBroken):
        connector.delete(LIST)
