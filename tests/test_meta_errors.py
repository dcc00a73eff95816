"""Meta: what each error becomes, how long is waited, and how a quota slows requests down."""

import json

import pytest

from connectors.errors import (
    ContractBroken,
    CredentialsRefused,
    ListBusy,
    ListGone,
    OperatorError,
    QuotaGone,
    RuleRefused,
    SeedRefused,
    TermsNotAccepted,
    Throttled,
    VersionGone,
)
from tests.support.members import digest
from tests.support.wire_meta import ACT, BASE, CHECK, account, connector, error, got

__all__ = ["account", "connector"]


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (error(190, 463), CredentialsRefused),
        (error(190, 460), CredentialsRefused),
        (error(190), CredentialsRefused),
        (error(200), CredentialsRefused),
        (error(270), CredentialsRefused),
        (error(294), CredentialsRefused),
        (error(200, 1870090), TermsNotAccepted),
        (error(200, 1870050), OperatorError),
        (error(2635), VersionGone),
        (error(100, 33), ListGone),
        (error(100), ContractBroken),
        (error(2500), ContractBroken),
        (error(987654), ContractBroken),
        (error(2655), RuleRefused),
        (error(100, 1713230), RuleRefused),
        (error(100, 1713228), SeedRefused),
        (error(2650, 1870145), ListBusy),
        (error(2650, 1870144), RuleRefused),
        (error(2650, 1870147), ContractBroken),
        (error(2650, 1870148), RuleRefused),
        (error(80003), QuotaGone),
        (error(80004), QuotaGone),
        (error(368), QuotaGone),
        (error(613, 1487632), QuotaGone),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 403])
def test_an_error_is_known_by_its_code(net, connector, told, kind, status):
    got(net, ACT, CHECK, told, status=status)
    with pytest.raises(kind) as caught:
        connector.check()
    assert type(caught.value) is kind or kind in (CredentialsRefused, ContractBroken)
    if caught.value.who in ("operator", "us") and kind not in (ListGone,):
        assert caught.value.act


@pytest.mark.parametrize(
    "told",
    [error(1), error(2), error(4), error(17, 2446079), error(613, 5044001), error(341),
     error(5000), error(21009),
     error(99, is_transient=True), error(100, is_transient=True)],
)  # fmt: skip
def test_a_passing_error_is_asked_again(net, connector, told):
    got(net, ACT, CHECK, told, status=400)
    got(net, ACT, CHECK, {"id": ACT})
    connector.check()


def test_a_404_that_is_not_graphs(net, connector):
    net.add("GET", BASE + ACT, body="<html>", status=404)
    with pytest.raises(VersionGone):
        connector.check()


def test_the_wait_is_told_by_headers(net, connector, clock):
    use = [{"type": "ads_management", "estimated_time_to_regain_access": 2, "call_count": 100}]
    headers = {"X-Business-Use-Case-Usage": json.dumps({"1234567890": use})}
    got(net, ACT, CHECK, error(17, 2446079), status=400, headers=headers)
    got(net, ACT, CHECK, {"id": ACT})
    connector.check()
    (slept,) = clock.slept
    assert 120 <= slept <= 121


def test_the_wait_of_the_ad_account_is_in_seconds(net, connector, clock):
    use = {"acc_id_util_pct": 100, "reset_time_duration": 45}
    headers = {"X-Ad-Account-Usage": json.dumps(use)}
    got(net, ACT, CHECK, error(17, 2446079), status=400, headers=headers)
    got(net, ACT, CHECK, {"id": ACT})
    connector.check()
    assert 45 <= clock.slept[0] <= 46


def test_too_long_a_wait_is_left_to_a_later_run(net, connector, clock):
    use = {"acc_id_util_pct": 100, "reset_time_duration": 3600}
    headers = {"X-Ad-Account-Usage": json.dumps(use)}
    got(net, ACT, CHECK, error(17, 2446079), status=400, headers=headers)
    with pytest.raises(Throttled) as caught:
        connector.check()
    assert caught.value.retry_after == 3600
    assert clock.slept == []


@pytest.mark.parametrize(("share", "pause"), [(80, None), (90, 30.0), (100, 60.0), (250, 60.0)])
def test_a_quota_that_fills_up_slows_requests_down(net, connector, clock, share, pause):
    headers = {"X-App-Usage": json.dumps({"call_count": share}), "X-Ad-Account-Usage": "{broken"}
    got(net, ACT, CHECK, {"id": ACT}, headers=headers)
    got(net, ACT, CHECK, {"id": ACT})
    connector.check()
    assert connector.usage == share
    connector.check()
    assert clock.slept == ([] if pause is None else [pause])


def test_an_error_text_tells_no_digest(net, connector):
    told = error(100, message=f"bad row {digest('a')} of mary@example.com")
    got(net, ACT, CHECK, told, status=400)
    with pytest.raises(ContractBroken) as caught:
        connector.check()
    assert digest("a")[:12] not in str(caught.value)
    assert "mary" not in str(caught.value)


def test_a_warning_of_the_version_is_passed_on(net, connector, caplog):
    headers = {"X-Ad-Api-Version-Warning": "v26.0 will go"}
    got(net, ACT, CHECK, {"id": ACT}, headers=headers)
    connector.check()
    assert "v26.0 will go" in caplog.text
