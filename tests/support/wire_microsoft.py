"""Microsoft's services as `responses` plays them: each question exactly, and what is answered."""

import pytest
from responses import matchers

from bids.model import BidObject, Level
from config.platforms import Account
from connectors.registry import connect
from tests.support.surroundings import surroundings

BASE = "https://campaign.api.bingads.microsoft.com/CampaignManagement/v13/"
HEADERS = {
    "Authorization": "Bearer secret-token",
    "DeveloperToken": "developer-secret",
    "CustomerId": "251000001",
    "CustomerAccountId": "123456789",
    "Content-Type": "application/json",
}
SECRETS = {
    "DEVELOPER_TOKEN": "developer-secret",
    "CUSTOMER_ID": "251000001",
    "CLIENT_ID": "application",
    "REFRESH_TOKEN": "refresh-one",
}
LIST = "804000001"
CAMPAIGN = BidObject("ms", "microsoft", Level.CAMPAIGN, "5")


@pytest.fixture
def secrets(monkeypatch):
    """Puts secrets into the environment; what is None is not there."""

    def put(**more):
        for name, value in (SECRETS | more).items():
            if value is not None:
                monkeypatch.setenv(f"MS_{name}", value)

    return put


@pytest.fixture
def connector(secrets, clock):
    secrets(TOKEN="secret-token")
    return made(surroundings(clock))


def made(around, **more):
    given = {"name": "ms", "platform": "microsoft", "login": "123456789", **more}
    return connect(Account(**given), around)


def call(net, path, body, answer=None, method="POST", **more):
    """Expect exactly this body under exactly these headers; answer with this."""
    url = path if path.startswith("https:") else BASE + path
    match = [
        matchers.header_matcher(HEADERS | more.pop("sent", {})),
        matchers.json_params_matcher(body),
    ]
    said = {"body": answer} if isinstance(answer, Exception) else {"json": answer}
    net.add(method, url, match=match, **said, **more)


def error(code, name, index=None, kind="BatchError"):
    told = {"Type": kind, "Code": code, "ErrorCode": name, "Message": "said", "Details": None}
    return {**told, "FieldPath": None, "Index": index}


def fault(code, name):
    told = {"Code": code, "ErrorCode": name, "Message": "said", "Detail": None}
    return {"Errors": [told], "TrackingId": "t-1", "Type": "AdApiFaultDetail"}


ALL = {"Type": "CustomerList", "AudienceIds": None}


def listed(net, *audiences):
    call(net, "Audiences/QueryByIds", ALL, {"Audiences": list(audiences), "PartialErrors": []})
