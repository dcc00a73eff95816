"""Google: operations and requests of a day as Google counts them, ids of requests, versions."""

import logging
from datetime import date

import pytest

from bids.model import CorrectionChange
from config.platforms import Account
from connectors.errors import CredentialsRefused, QuotaGone
from connectors.google_wire import ADS_VERSION, FACTS
from connectors.registry import connect
from tests.support.members import batch
from tests.support.surroundings import surroundings
from tests.support.wire_google import (
    AUTH,
    CAMPAIGN,
    CUSTOMER,
    LISTS,
    ads_wrong,
    change,
    check,
    connector,
    environment,
    failure,
    ingest_body,
    known,
    member,
    token,
    trial,
    wrong,
)

__all__ = ["connector", "known"]


# Versions


def test_the_version_in_use_has_a_known_end():
    assert FACTS.ends(ADS_VERSION, "Google Ads API") > date(2026, 11, 22)


def test_another_version_can_be_set(net, monkeypatch):
    environment(monkeypatch)
    account = Account(
        name="g", platform="google", secrets="SHOP_", login="1234567890", api_version="v25"
    )
    token(net)
    net.add("GET", LISTS, json={})
    url = "https://googleads.googleapis.com/v25/customers/1234567890/googleAds:search"
    net.add("POST", url, json={"results": [{"customer": {"id": "1"}}]})
    trial(net)
    connect(account, surroundings()).check()


# Quotas and the ids of requests


def test_a_developer_token_goes_along_only_where_it_is_set(net, monkeypatch):
    """Ignored since September 2026; later versions may refuse it."""
    environment(monkeypatch, DEVELOPER_TOKEN="old-habit")
    account = Account(name="g", platform="google", secrets="SHOP_", login="1234567890")
    connector = connect(account, surroundings())
    token(net)
    check(net)
    connector.check()
    to_data, to_ads = (net.calls[n].request.headers for n in (1, 2))
    assert "developer-token" not in to_data
    assert to_ads["developer-token"] == "old-habit"


@pytest.mark.parametrize(("level", "most"), [("explorer", 2880), ("basic", 15_000)])
def test_operations_of_a_day_are_counted_as_google_counts_them(net, monkeypatch, level, most):
    """Every change is one, every query is one whatever its pages; accounts share a project."""
    environment(monkeypatch, ACCESS_LEVEL=level)
    around = surroundings()
    first, second = (
        connect(Account(name=n, platform="google", secrets="SHOP_", login="1234567890"), around)
        for n in ("first", "second")
    )
    token(net)
    changes = [CorrectionChange(CAMPAIGN, "vip", str(n), f"2~{n}", 30) for n in range(most - 1)]
    for some in range(0, most - 1, 5000):
        names = [{"resourceName": f"x/{n}"} for n in range(len(changes[some : some + 5000]))]
        net.add("POST", CUSTOMER + "campaignCriteria:mutate", json={"results": names})
    assert len(first.write_corrections(changes)) == most - 1
    pages = [{"results": [], "nextPageToken": "next"}, {"results": []}]
    for page in pages:
        net.add("POST", CUSTOMER + "googleAds:search", json=page)
    assert second.find_condition("555", "vip") is None
    with pytest.raises(QuotaGone, match=f"operations {level}"):
        second.find_condition("555", "vip")


def test_standard_access_has_no_operations_to_count(net, monkeypatch):
    environment(monkeypatch, ACCESS_LEVEL="standard")
    account = Account(name="g", platform="google", secrets="SHOP_", login="1234567890")
    connector = connect(account, surroundings())
    token(net)
    changes = [CorrectionChange(CAMPAIGN, "vip", str(n), f"2~{n}", 30) for n in range(5000)]
    names = [{"resourceName": f"x/{n}"} for n in range(5000)]
    for _ in range(4):
        net.add("POST", CUSTOMER + "campaignCriteria:mutate", json={"results": names})
    assert [len(connector.write_corrections(changes)) for _ in range(4)] == [5000] * 4


def test_requests_to_the_data_manager_are_counted_by_project(net, monkeypatch, clock):
    environment(monkeypatch)
    around = surroundings(clock)
    connectors = [
        connect(Account(name=n, platform="google", secrets="SHOP_", login="1234567890"), around)
        for n in ("first", "second")
    ]
    token(net)
    for number in range(301):
        change(net, "ingest", ingest_body(member(1)), json={"requestId": f"r-{number}"})
    for number in range(301):
        connectors[number % 2].add("555", batch(1, 1))
    assert clock.slept == [60]


def test_the_id_of_a_request_is_told_for_googles_support(net, known, caplog):
    caplog.set_level(logging.DEBUG)
    check(
        net, headers={"request-id": "Zx9_request"}, **ads_wrong(403, failure("a", "NOT_ADS_USER"))
    )
    with pytest.raises(CredentialsRefused, match=r"\[request Zx9_request\]$"):
        known.check()
    assert "in 0.00 s Zx9_request" in caplog.text
    net.add("GET", f"{LISTS}/555", match=[AUTH], **wrong(403, "PERMISSION_DENIED"))
    with pytest.raises(CredentialsRefused, match=r"\[request t-1\]$"):
        known.state("555")
