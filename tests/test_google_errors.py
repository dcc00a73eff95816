"""Google: what each error of both APIs becomes, and who must act."""

import pytest

from connectors.errors import (
    ContractBroken,
    CredentialsRefused,
    ListGone,
    NotOurs,
    OperatorError,
    QuotaGone,
    Throttled,
    Transient,
    Unsure,
    VersionGone,
)
from connectors.google_errors import ADS_ERRORS, REASONS, advice
from tests.support.wire_google import (
    CHECK,
    LISTS,
    ads,
    ads_wrong,
    changed,
    check,
    connector,
    failure,
    known,
    mutate,
    search,
    trial,
    update,
    wrong,
)

__all__ = ["connector", "known"]


# Errors of the Data Manager


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (wrong(403, "PERMISSION_DENIED"), CredentialsRefused, "manager account"),
        (wrong(403, "SERVICE_DISABLED"), OperatorError, "Enable the API"),
        (wrong(403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT"), CredentialsRefused, "auth/datamanager"),
        (
            wrong(400, "X", ("x", "EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED")),
            OperatorError,
            "Declare",
        ),
        (
            wrong(429, "X", quota_limit="ManagementReadRequestsPerDayPerProject"),
            QuotaGone,
            "quota",
        ),
        ({"status": 404, "body": "<html>"}, VersionGone, "404"),
        ({"status": 400, "body": "<html>"}, ContractBroken, "400"),
        ({**wrong(403, "PERMISSION_DENIED"), "status": 200}, CredentialsRefused, "403"),
    ],
)
def test_an_error_says_who_must_act(net, known, answer, error, said):
    net.add("GET", LISTS, **answer)
    with pytest.raises(error, match=said) as caught:
        known.check()
    assert caught.value.act


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (wrong(429, "X", quota_limit="ManagementReadRequestsPerMinutePerProject"), Throttled),
        (wrong(503, "UNAVAILABLE"), Transient),
        ({**wrong(500, "INTERNAL_ERROR"), "status": 200}, Transient),
    ],
)
def test_troubles_that_pass_are_tried_again(net, known, answer, error):
    for _ in range(5):
        net.add("GET", LISTS, **answer)
    with pytest.raises(error):
        known.check()


# Errors of the Google Ads API


@pytest.mark.parametrize(
    ("status", "category", "code", "error"),
    [
        (403, "authorizationError", "USER_PERMISSION_DENIED", CredentialsRefused),
        (401, "authenticationError", "OAUTH_TOKEN_REVOKED", CredentialsRefused),
        (403, "authorizationError", "CUSTOMER_NOT_ENABLED", OperatorError),
        (403, "authorizationError", "CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION", OperatorError),
        (400, "mutateError", "EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED", OperatorError),
        (400, "requestError", "UNSUPPORTED_VERSION", VersionGone),
        (429, "quotaError", "RESOURCE_EXHAUSTED", QuotaGone),
        (400, "queryError", "UNRECOGNIZED_FIELD", ContractBroken),
        (200, "queryError", "UNRECOGNIZED_FIELD", ContractBroken),
    ],
)
def test_an_error_of_google_ads_says_who_must_act(net, known, status, category, code, error):
    check(net, **ads_wrong(status, failure(category, code)))
    with pytest.raises(error, match=code):
        known.check()


def test_throttling_is_waited_out_as_long_as_google_says(net, known, clock):
    delay = {"quotaErrorDetails": {"rateScope": "ACCOUNT", "retryDelay": "30s"}}
    throttled = failure("quotaError", "RESOURCE_TEMPORARILY_EXHAUSTED", details=delay)
    check(net, **ads_wrong(429, throttled))
    search(net, CHECK, {"customer": {"id": "1234567890"}})
    trial(net)
    known.check()
    assert len(clock.slept) == 1
    assert 30 <= clock.slept[0] <= 31


def test_errors_in_an_array_are_errors(net, known):
    error = ads_wrong(403, failure("authorizationError", "USER_PERMISSION_DENIED"))
    check(net, status=403, json=[error["json"]])
    with pytest.raises(CredentialsRefused, match="USER_PERMISSION_DENIED"):
        known.check()


def test_a_change_nobody_answers_is_unsure(net, known):
    for _ in range(5):
        body = {"operations": [update(40, "2~9")], "partialFailure": True}
        internal = failure("internalError", "INTERNAL_ERROR")
        ads(net, "campaignCriteria:mutate", body, **ads_wrong(500, internal))
    with pytest.raises(Unsure):
        known.write_corrections([changed(40, "2~9")])


def test_words_of_an_error_are_redacted(net, known):
    contact = failure("rangeError", "TOO_HIGH", 0, message="value anna.k@example.test is high")
    mutate(net, "campaignCriteria", [update(40, "2~9")], "", failures=[contact])
    assert "anna" not in known.write_corrections([changed(40, "2~9")])[0].refused


@pytest.mark.parametrize("known", [REASONS, ADS_ERRORS])
def test_whoever_must_act_is_told_what_to_do(known):
    for reason, kind in known.items():
        if issubclass(kind, OperatorError | ListGone | NotOurs | QuotaGone):
            assert advice(reason, kind), reason
