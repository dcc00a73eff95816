"""The played Google Ads API takes members from who uploaded before April 2026: rule 9's switch."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from connectors.sandbox.server import Running, run_in_thread
from tests.support.google_types import ADS_ERRORS, assert_answer
from tests.support.sandbox_google import Ads, Data, digest, failures

PROCESSING = 7200


@pytest.fixture
def sandbox() -> Iterator[Running]:
    with run_in_thread() as running:
        running.world.change(legacy_uploads=True, speed=0.0)
        yield running


@pytest.fixture
def data(sandbox: Running) -> Data:
    return Data(sandbox)


def codes(answer: requests.Response) -> list[str]:
    return [code for _, _, code in failures(answer)]


def failures_of(status: dict[str, Any]) -> list[tuple[int, str]]:
    """Operation and code of everything that a status within a success tells."""
    (detail,) = status["details"]
    plain = {name: value for name, value in detail.items() if name != "@type"}
    assert_answer(ADS_ERRORS, "GoogleAdsFailure", plain)
    return [
        (
            one["location"]["fieldPathElements"][0]["index"],
            next(iter(one["errorCode"].values())),
        )
        for one in plain["errors"]
    ]


def members_of(sandbox: Running, number: str) -> set[str]:
    state = requests.get(f"{sandbox.url}/_sandbox/state", timeout=20).json()
    lists = state["platforms"]["google"]["lists"]
    return next(set(one["members"]) for one in lists if one["id"] == number)


def uploading(sandbox: Running, number: str, **more: Any) -> tuple[Ads, str]:
    """The Google Ads API, and a job for a list."""
    ads = Ads(sandbox)
    granted = {"adUserData": "GRANTED", "adPersonalization": "GRANTED"}
    place = {"userList": ads.named("userLists", number), "consent": granted} | more
    job = {"type": "CUSTOMER_MATCH_USER_LIST", "customerMatchUserListMetadata": place}
    answer = ads.post("/offlineUserDataJobs:create", {"job": job})
    assert answer.status_code == 200, answer.text
    return ads, "/" + answer.json()["resourceName"].partition("/")[2].partition("/")[2]


def added(*numbers: int) -> list[dict[str, Any]]:
    return [
        {"create": {"userIdentifiers": [{"hashedEmail": digest(f"email {n}")}]}} for n in numbers
    ]


def job_status(ads: Ads) -> dict[str, Any]:
    query = (
        "SELECT offline_user_data_job.status, "
        "offline_user_data_job.operation_metadata.match_rate_range FROM offline_user_data_job"
    )
    return [row["offlineUserDataJob"] for row in ads.search(query)][-1]


def test_rule_9_who_uploaded_before_fills_a_job_and_runs_it(sandbox: Running, data: Data) -> None:
    number = data.made()
    ads, job = uploading(sandbox, number)
    body = {"operations": added(1, 2, 3), "enableWarnings": True}
    body["operations"][2]["create"]["consent"] = {"adUserData": "GRANTED"}
    warning = ads.post(f"{job}:addOperations", body).json()["warning"]
    assert failures_of(warning) == [(2, "OPERATION_LEVEL_CONSENT_PROVIDED")]
    assert job_status(ads)["status"] == "PENDING"
    assert ads.post(f"{job}:run", {}).json()["name"].startswith("customers/1234567890/operations/")
    assert job_status(ads)["status"] == "RUNNING"
    for path in (f"{job}:run", f"{job}:addOperations"):
        assert codes(ads.post(path, {})) == ["JOB_ALREADY_STARTED"]
    assert members_of(sandbox, number) == set()
    sandbox.world.move_clock(PROCESSING)
    assert job_status(ads)["status"] == "SUCCESS"
    assert members_of(sandbox, number) == {digest(f"email {n}") for n in (1, 2, 3)}
    ads, job = uploading(sandbox, number)
    operations = [{"removeAll": True}, *added(9)]
    assert ads.post(f"{job}:addOperations", {"operations": operations}).json() == {}
    ads.post(f"{job}:run", {})
    sandbox.world.move_clock(PROCESSING)
    assert members_of(sandbox, number) == {digest("email 9")}


REMOVED = {"remove": {"userIdentifiers": [{"hashedEmail": digest("email 1")}]}}


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([*added(1), {"removeAll": True}], ["INVALID_OPERATION_ORDER"]),
        ([*added(1), REMOVED], ["CONFLICTING_OPERATION"]),
        ([{"create": {}}], ["MISSING_USER_IDENTIFIER"]),
        ([{"create": {"userIdentifiers": [{"hashedEmail": "a@b.c"}]}}], ["INVALID_SHA256_FORMAT"]),
        (
            [{"create": {"userIdentifiers": [{"mobileId": "x"}]}}],
            ["INCOMPATIBLE_USER_IDENTIFIER"],
        ),
        (
            [{"create": {"userIdentifiers": [{"addressInfo": {"countryCode": "US"}}]}}],
            ["MISSING_USER_IDENTIFIER"],
        ),
        (
            [{"create": {"userIdentifiers": [{"hashedEmail": digest(str(n))} for n in range(21)]}}],
            ["TOO_MANY_USER_IDENTIFIERS"],
        ),
    ],
)
def test_rule_9_what_a_job_does_not_take(
    sandbox: Running, data: Data, operations: list[Any], expected: list[str]
) -> None:
    ads, job = uploading(sandbox, data.made())
    answer = ads.post(f"{job}:addOperations", {"operations": operations})
    assert (answer.status_code, codes(answer)) == (400, expected)


def test_rule_9_one_bad_operation_stops_no_other(sandbox: Running, data: Data) -> None:
    """And a job whose operations all failed ends well."""
    number = data.made()
    ads, job = uploading(sandbox, number)
    bad = {"create": {"userIdentifiers": [{"hashedEmail": "no digest"}]}}
    body = {"operations": [bad, *added(1)], "enablePartialFailure": True}
    told = ads.post(f"{job}:addOperations", body).json()["partialFailureError"]
    assert failures_of(told) == [(0, "INVALID_SHA256_FORMAT")]
    ads.post(f"{job}:run", {})
    sandbox.world.move_clock(PROCESSING)
    assert members_of(sandbox, number) == {digest("email 1")}
    ads, job = uploading(sandbox, number)
    ads.post(f"{job}:addOperations", {"operations": [bad], "enablePartialFailure": True})
    ads.post(f"{job}:run", {})
    sandbox.world.move_clock(PROCESSING)
    assert job_status(ads) == {"resourceName": f"customers/1234567890{job}", "status": "SUCCESS"}


def test_rule_9_jobs_that_are_not_made(sandbox: Running, data: Data) -> None:
    number = data.made()
    ads, _ = uploading(sandbox, number)
    place = {"userList": ads.named("userLists", number)}

    def said(external: str = "", **more: Any) -> list[str]:
        job: dict[str, Any] = {"customerMatchUserListMetadata": place | more}
        job |= {"externalId": external} if external else {}
        return codes(ads.post("/offlineUserDataJobs:create", {"job": job}))

    assert said(userList=ads.named("userLists", 404)) == ["INVALID_USER_LIST_ID"]
    denied = {"adUserData": "DENIED"}
    assert said(consent=denied) == ["CUSTOMER_NOT_ACCEPTED_CUSTOMER_DATA_TERMS"]
    assert said(external="5") == []
    assert said(external="5") == ["EXTERNAL_UPDATE_ID_ALREADY_EXISTS"]


def test_rule_9_a_few_people_without_a_job(sandbox: Running, data: Data) -> None:
    number = data.made()
    ads, _ = uploading(sandbox, number)
    granted = {"adUserData": "GRANTED", "adPersonalization": "GRANTED"}
    place = {"userList": ads.named("userLists", number), "consent": granted}

    def upload(*numbers: int) -> requests.Response:
        body = {"operations": added(*numbers), "customerMatchUserListMetadata": place}
        return ads.post(":uploadUserData", body)

    assert codes(upload(*range(101))) == ["TOO_MANY_USER_IDENTIFIERS"]
    assert upload(1, 2).json() == {"receivedOperationsCount": 2}
    sandbox.world.move_clock(PROCESSING)
    assert members_of(sandbox, number) == {digest("email 1"), digest("email 2")}
