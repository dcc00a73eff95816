"""Microsoft: what each error of a call becomes, what is waited for, who must act."""

import pytest

from connectors.errors import (
    ContractBroken,
    CredentialsRefused,
    ListGone,
    QuotaGone,
    TermsNotAccepted,
    Throttled,
    VersionGone,
)
from tests.support.members import digest
from tests.support.surroundings import surroundings
from tests.support.wire_microsoft import ALL, BASE, call, connector, fault, listed, made, secrets

__all__ = ["connector", "secrets"]


def service_fault(code, name):
    told = {"Code": code, "ErrorCode": name, "Message": "said", "Details": None}
    body = {"TrackingId": "t", "Type": "ApiFaultDetail", "BatchErrors": []}
    return {**body, "OperationErrors": [told]}


@pytest.mark.parametrize(
    ("status", "answer", "kind"),
    [
        (400, fault(106, "UserIsNotAuthorized"), CredentialsRefused),
        (403, fault(120, "UserLoginAccessDenied"), CredentialsRefused),
        (400, fault(116, "RequestMissingHeaders"), ContractBroken),
        (500, service_fault(8003, "CustomerListTermsAndConditionsNotAccepted"), TermsNotAccepted),
        (500, service_fault(4204, "BulkServiceNoMoreCallsPermittedForTheTimePeriod"), QuotaGone),
        (500, service_fault(4850, "AudiencesArrayExceedsLimit"), ContractBroken),
        (200, service_fault(4835, "InvalidAudienceId"), ListGone),
        (500, service_fault(207, "SomethingOfAnotherService"), ContractBroken),
        (404, {"Message": "no resource"}, VersionGone),
        (410, None, VersionGone),
        (400, {}, ContractBroken),
        (200, [], ContractBroken),
    ],
)
def test_errors_by_who_must_act(net, connector, status, answer, kind):
    call(net, "Audiences/QueryByIds", ALL, answer, status=status)
    with pytest.raises(kind) as caught:
        connector.check()
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("status", "answer", "waited"),
    [
        (429, fault(117, "CallRateExceeded"), 60),
        (400, fault(117, "CallRateExceeded"), 60),
        (400, fault(207, "ConcurrentRequestOverLimit"), 60),
        (500, fault(833, "ServiceTimeOut"), 0),
        (200, fault(0, "InternalError"), 0),
        (502, "<html>", 0),
    ],
)
def test_what_passes_is_waited_for(net, connector, clock, status, answer, waited):
    call(net, "Audiences/QueryByIds", ALL, answer, status=status)
    listed(net)
    connector.check()
    assert waited <= sum(clock.slept) < waited + 3


def test_a_rate_that_never_ends_is_throttled(net, connector):
    for _ in range(5):
        call(net, "Audiences/QueryByIds", ALL, fault(117, "CallRateExceeded"), status=429)
    with pytest.raises(Throttled):
        connector.check()


def test_what_is_no_code_is_not_repeated(net, connector):
    answer = fault(1, digest("a@x")) | {"Errors": [{"Code": 1, "ErrorCode": digest("a@x")}]}
    call(net, "Audiences/QueryByIds", ALL, answer, status=400)
    with pytest.raises(ContractBroken) as caught:
        connector.check()
    assert digest("a@x")[:12] not in str(caught.value)


def test_another_version_is_asked_where_the_account_says_so(net, secrets):
    secrets(TOKEN="secret-token", API_REVISION="2026-10-12")
    url = BASE.replace("v13", "v14") + "Audiences/QueryByIds"
    sent = {"Api-Revision": "2026-10-12"}
    call(net, url, ALL, {"Audiences": [], "PartialErrors": []}, sent=sent)
    made(surroundings(), api_version="v14").check()
