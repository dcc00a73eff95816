"""Google: people in a list, as composite data, and what became of a request."""

import pytest
from responses import matchers

from audiences.model import Refusal, Verb
from connectors.errors import (
    ContractBroken,
    ListGone,
    NotOurs,
    OperatorError,
    RuleRefused,
    TermsNotAccepted,
)
from tests.support.google_types import DATA, assert_wire
from tests.support.members import batch, batch_of, digest
from tests.support.wire_google import (
    AUTH,
    PLACE,
    STATUS,
    change,
    connector,
    ingest_body,
    known,
    member,
    remove_body,
    wrong,
)

__all__ = ["connector", "known"]


# Members


def test_people_are_added_as_composite_data(net, known):
    body = ingest_body(member(1), member(2))
    change(net, "ingest", body)
    receipt = known.add("555", batch(1, 2))
    assert (receipt.accepted, receipt.refused, receipt.reference) == (2, (), "r-1")
    assert_wire(DATA, "IngestAudienceMembersRequest", body)


def test_people_are_removed_by_the_same_identifiers(net, known):
    body = remove_body(member(1), member(2))
    change(net, "remove", body)
    assert known.remove("555", batch(1, 2, Verb.REMOVE)).accepted == 2
    assert_wire(DATA, "RemoveAudienceMembersRequest", body)


def test_one_person_is_one_member_of_at_most_ten_identifiers(net, known):
    def person(name, emails, phones):
        emails, phones = ([digest(f"{name} {n}") for n in range(k)] for k in (emails, phones))
        return {"person_id": name, "email": emails, "phone": phones, "external_id": []}

    some = [person("a", 0, 1), person("b", 7, 6), person("c", 0, 0), person("d", 2, 0)]

    def identifiers(one):
        emails = [{"emailAddress": text} for text in one["email"][:5]]
        return emails + [{"phoneNumber": text} for text in one["phone"][:5]]

    sent = [
        {"compositeData": {"userData": {"userIdentifiers": identifiers(one)}}}
        for one in (some[0], some[1], some[3])
    ]
    change(net, "ingest", ingest_body(*sent))
    receipt = known.add("555", batch_of(some))
    assert (receipt.accepted, receipt.refused) == (3, (Refusal("c", "has no email or phone"),))


def test_a_batch_that_is_a_slice_sends_its_own_people(net, known):
    whole = batch(1, 10)
    part = type(whole)("k", Verb.ADD, whole.members.slice(4, 2))
    change(net, "ingest", ingest_body(member(5), member(6)))
    assert known.add("555", part).accepted == 2


def test_nobody_to_send_is_nothing_sent(known, net):
    net.reset()
    nobody = {"person_id": "n", "email": [], "phone": [], "external_id": ["x"]}
    receipt = known.add("555", batch_of([nobody]))
    assert (receipt.accepted, len(receipt.refused), receipt.reference) == (0, 1, "")


def test_members_refused_by_place_are_left_out_and_the_rest_is_sent(net, known):
    where = "audience_members[{}].composite_data.user_data.user_identifiers[1]"
    violations = [
        (where.format(1), "INVALID_HEX_ENCODING"),
        ("audience_members.audience_members[3].composite_data", "INVALID_AUDIENCE_MEMBER"),
    ]
    body = ingest_body(*(member(n) for n in range(1, 6)))
    change(net, "ingest", body, **wrong(400, "INVALID_ARGUMENT", *violations))
    change(net, "ingest", ingest_body(member(1), member(3), member(5)))
    receipt = known.add("555", batch(1, 5))
    assert receipt.accepted == 3
    assert receipt.refused == (
        Refusal("p2", "INVALID_HEX_ENCODING"),
        Refusal("p4", "INVALID_AUDIENCE_MEMBER"),
    )


def test_members_that_are_refused_again_and_again_refuse_the_batch(net, known):
    for first in (1, 2, 3):
        place = wrong(400, "INVALID_ARGUMENT", ("audience_members[0].x", "INVALID_SHA256_FORMAT"))
        change(net, "ingest", ingest_body(*(member(n) for n in range(first, 6))), **place)
    with pytest.raises(RuleRefused, match="1 members"):
        known.add("555", batch(1, 5))


@pytest.mark.parametrize(
    ("violations", "error"),
    [
        (
            [("destinations[0].product_destination_id", "INVALID_USER_LIST_ID")],
            ListGone,
        ),
        ([("terms_of_service", "TERMS_AND_CONDITIONS_NOT_SIGNED")], TermsNotAccepted),
        ([("destinations[0].product_destination_id", "INVALID_USER_LIST_TYPE")], NotOurs),
        ([("destinations[0].product_destination_id", "INVALID_DESTINATION")], OperatorError),
        ([("encoding", "REQUIRED_FIELD_MISSING")], ContractBroken),
        ([("audience_members[7].x", "A_REASON_OF_TOMORROW")], RuleRefused),
        ([("audience_members", "TOO_MANY_AUDIENCE_MEMBERS")], ContractBroken),
        ([("audience_members[0].x", "INVALID_ENUM_VALUE"), ("encoding", "X")], ContractBroken),
    ],
)
def test_what_is_wrong_with_a_request(net, known, violations, error):
    answer = wrong(400, "INVALID_ARGUMENT", *violations)
    change(net, "ingest", ingest_body(member(1)), **answer)
    with pytest.raises(error):
        known.add("555", batch(1, 1))


def test_what_was_left_out_of_a_request_that_was_taken_is_logged(net, known, caplog):
    warning = {"reason": "WARNING_REASON_GENERIC", "field": "audience_members[0].x"}
    said = [
        warning,
        warning | {"field": "audience_members[1].x", "description": "anna@example.test"},
    ]
    change(
        net,
        "ingest",
        ingest_body(member(1), member(2)),
        json={"requestId": "r-1", "fieldWarnings": said},
    )
    assert known.add("555", batch(1, 2)).accepted == 2
    assert "list 555: WARNING_REASON_GENERIC: 2 values" in caplog.text
    assert "anna" not in caplog.text


def test_the_same_people_may_be_sent_twice(net, known, clock):
    for answer in (wrong(503, "UNAVAILABLE"), wrong(500, "INTERNAL_ERROR"), {}):
        change(net, "ingest", ingest_body(member(1)), **answer)
    assert known.add("555", batch(1, 1)).accepted == 1
    assert len(clock.slept) == 2


# What became of a request


@pytest.mark.parametrize(
    ("said", "done", "dropped", "matched"),
    [
        ({"requestStatus": "PROCESSING"}, False, (), ""),
        (
            {
                "requestStatus": "PARTIAL_SUCCESS",
                "errorInfo": {
                    "errorCounts": [
                        {"recordCount": "2", "reason": "PROCESSING_ERROR_REASON_DENIED_CONSENT"}
                    ]
                },
                "warningInfo": {"warningCounts": []},
                "audienceMembersIngestionStatus": {
                    "compositeDataIngestionStatus": {
                        "recordCount": "10",
                        "dataTypeCounts": [{"type": "EMAIL", "count": "10"}],
                        "uploadMatchRateRange": "MATCH_RATE_RANGE_51_TO_60",
                    }
                },
            },
            True,
            (("PROCESSING_ERROR_REASON_DENIED_CONSENT", 2),),
            "51_TO_60",
        ),
        ({"requestStatus": "FAILED"}, True, (("FAILED", 0),), ""),
        (
            {
                "requestStatus": "FAILED",
                "audienceMembersRemovalStatus": {
                    "compositeDataRemovalStatus": {"recordCount": "7"}
                },
            },
            True,
            (("FAILED", 7),),
            "",
        ),
    ],
)
def test_an_outcome(net, known, said, done, dropped, matched):
    query = matchers.query_param_matcher({"requestId": "r-1"})
    answer = {"requestStatusPerDestination": [PLACE | said]}
    net.add("GET", STATUS, json=answer, match=[AUTH, query])
    outcome = known.outcome("r-1")
    assert (outcome.reference, outcome.done) == ("r-1", done)
    assert (outcome.dropped, outcome.matched) == (dropped, matched)


def test_an_outcome_nobody_knows(net, known):
    answer = {"requestStatusPerDestination": [PLACE | {"requestStatus": "DREAMING"}]}
    net.add("GET", STATUS, json=answer, match=[AUTH])
    with pytest.raises(ContractBroken, match="DREAMING"):
        known.outcome("r-1")
