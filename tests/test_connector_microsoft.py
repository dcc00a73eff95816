"""Microsoft Advertising over the wire: customer lists and their states, declared limits."""

from dataclasses import replace

import pytest
import responses

from audiences.model import AudienceRef, ListState, Opened
from config.audiences import Identifier, Purpose
from connectors.errors import ContractBroken, ListGone, OperatorError, RuleRefused
from connectors.microsoft import Microsoft
from tests.support.members import batch
from tests.support.wire_microsoft import LIST, call, connector, error, fault, listed, secrets

__all__ = ["connector", "secrets"]


AUDIENCE = AudienceRef("ms", "microsoft", "vip", Purpose.RETARGETING, "VIP buyers", 30)


def shown(number=LIST, name="VIP buyers", **more):
    return {"Type": "CustomerList", "Id": number, "Name": name, **more}


# Lists


def test_check_reads_the_customer_lists(net, connector):
    listed(net)
    connector.check()


def test_a_list_is_found_whatever_its_case(net, connector):
    names = [shown("3", "vip BUYERS"), shown("2", "Vip Buyers"), shown("1", "others"), None]
    listed(net, *names)
    assert connector.find(AUDIENCE) == "2"


def create(days=30, name="VIP buyers"):
    wish = {
        "Type": "CustomerList",
        "Name": name,
        "Description": "",
        "MembershipDuration": days,
        "ParentId": "123456789",
        "Scope": "Account",
    }
    return {"Audiences": [wish]}


@pytest.mark.parametrize(("days", "sent"), [(30, 30), (None, -1), (390, 390), (1, 1)])
def test_a_list_is_made(net, connector, days, sent):
    listed(net)
    call(net, "Audiences", create(sent), {"AudienceIds": [LIST], "PartialErrors": []})
    audience = replace(AUDIENCE, membership_days=days)
    assert connector.find_or_create(audience, batch(1, 3)) == Opened(LIST)


def test_days_that_there_are_not(net, connector):
    listed(net)
    audience = replace(AUDIENCE, membership_days=391)
    with pytest.raises(RuleRefused, match="390"):
        connector.find_or_create(audience, batch(1, 3))


TAKEN = {"AudienceIds": [None], "PartialErrors": [error(4853, "DuplicateAudienceName", 0)]}


def test_a_name_that_was_taken_meanwhile_is_found(net, connector):
    listed(net)
    call(net, "Audiences", create(), TAKEN)
    listed(net, shown())
    assert connector.find_or_create(AUDIENCE, batch(1, 3)) == Opened(LIST)


def test_a_name_that_an_audience_of_another_type_has(net, connector):
    listed(net)
    call(net, "Audiences", create(), TAKEN)
    listed(net)
    with pytest.raises(RuleRefused, match="DuplicateAudienceName"):
        connector.find_or_create(AUDIENCE, batch(1, 3))


def test_a_lost_answer_is_looked_for_before_it_is_asked_again(net, connector):
    listed(net)
    call(net, "Audiences", create(), fault(0, "InternalError"), status=500)
    listed(net)
    call(net, "Audiences", create(), responses.ConnectionError("cut"))
    listed(net, shown())
    assert connector.find_or_create(AUDIENCE, batch(1, 3)) == Opened(LIST)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"AudienceIds": [None], "PartialErrors": [error(4842, "x", 0)]}, ContractBroken),
        ({"AudienceIds": [None], "PartialErrors": [error(4865, "", 0)]}, OperatorError),
        ({"AudienceIds": [None], "PartialErrors": []}, ContractBroken),
        ({"PartialErrors": []}, ContractBroken),
    ],
)
def test_http_200_is_not_success(net, connector, answer, kind):
    listed(net)
    call(net, "Audiences", create(), answer)
    with pytest.raises(kind):
        connector.find_or_create(AUDIENCE, batch(1, 3))


ONE = {"Type": "CustomerList", "AudienceIds": [LIST]}
SMALL = "too small to use: 299 people in search, 12 people in the audience network"
USED = "in use: 12 people in search, 1,300 people in the audience network"


@pytest.mark.parametrize(
    ("search", "network", "state"),
    [
        (None, None, (False, None, "not measured yet, which takes up to two days")),
        ("299", "12", (False, 299, SMALL)),
        ("12", "1300", (True, 1300, USED)),
        ("300", None, (True, 300, "in use: 300 people in search")),
    ],
)
def test_a_state_tells_whom_was_recognised(net, connector, search, network, state):
    found = shown(SearchSize=search, AudienceNetworkSize=network)
    call(net, "Audiences/QueryByIds", ONE, {"Audiences": [found], "PartialErrors": []})
    ready, matched, said = state
    assert connector.state(LIST) == ListState(
        LIST, ready=ready, settled=True, size=None, matched=matched, said=said
    )


@pytest.mark.parametrize(
    "answer",
    [
        {"Audiences": [None], "PartialErrors": [error(4835, "InvalidAudienceId", 0)]},
        {"Audiences": [None], "PartialErrors": []},
        {"Audiences": [], "PartialErrors": None},
    ],
)
def test_a_list_that_is_gone(net, connector, answer):
    call(net, "Audiences/QueryByIds", ONE, answer)
    with pytest.raises(ListGone):
        connector.state(LIST)


@pytest.mark.parametrize("errors", [[], [error(4835, "InvalidAudienceId", 0)]])
def test_deleting_has_a_body(net, connector, errors):
    call(net, "Audiences", {"AudienceIds": [LIST]}, {"PartialErrors": errors}, "DELETE")
    connector.delete(LIST)


def test_a_list_in_use_is_not_deleted(net, connector):
    told = error(4854, "AudienceCannotBeDeletedDueToExistingAdGroupCriterion", 0)
    call(net, "Audiences", {"AudienceIds": [LIST]}, {"PartialErrors": [told]}, "DELETE")
    with pytest.raises(RuleRefused, match="corrections first"):
        connector.delete(LIST)


RENAME = {"Audiences": [{"Type": "CustomerList", "Id": LIST, "Name": "adsteer: best"}]}


def test_renaming_changes_the_name_only(net, connector):
    call(net, "Audiences", RENAME, {"PartialErrors": []}, "PUT")
    assert connector.rename(LIST, "adsteer: best")


def test_a_list_that_microsoft_does_not_rename_keeps_its_name(net, connector):
    told = error(4835, "InvalidAudienceId", 0)
    call(net, "Audiences", RENAME, {"PartialErrors": [told]}, "PUT")
    body = {"Type": "CustomerList", "AudienceIds": [LIST]}
    one = {"Id": LIST, "Name": "adsteer: vip", "Type": "CustomerList"}
    call(net, "Audiences/QueryByIds", body, {"Audiences": [one], "PartialErrors": []})
    assert not connector.rename(LIST, "adsteer: best")


def test_a_name_that_another_list_has_is_told(net, connector):
    told = error(4853, "DuplicateAudienceName", 0)
    call(net, "Audiences", RENAME, {"PartialErrors": [told]}, "PUT")
    with pytest.raises(RuleRefused, match="DuplicateAudienceName"):
        connector.rename(LIST, "adsteer: best")


# What a platform's page declares


def test_limits_are_those_of_the_page():
    assert Microsoft.limits.kinds == {Identifier.EMAIL}
    assert (Microsoft.bid_limits.lowest, Microsoft.bid_limits.highest) == (-90, 900)
    assert Microsoft.limits.min_members == 300
    assert Microsoft.limits.batch_size <= 1000
