"""Google's own client of the Data Manager works against the sandbox: it is the same service."""

import hashlib
import os
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.sandbox.server import Running, run_in_thread

PARENT = "accountTypes/GOOGLE_ADS/accounts/1234567890"
CONSENT = {"ad_user_data": "CONSENT_GRANTED", "ad_personalization": "CONSENT_GRANTED"}


@pytest.fixture(scope="module")
def datamanager() -> Any:
    try:
        from google.ads import datamanager_v1
    except ImportError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip("Google's client is not installed: pip install 'adsteer[platform-types]'")
    return datamanager_v1


@pytest.fixture
def sandbox() -> Iterator[Running]:
    with run_in_thread() as running:
        yield running


def client(
    datamanager: Any, sandbox: Running, service: str, refresh_token: str = "sandbox-refresh-token"
) -> Any:
    """With a token that has expired: the client renews it."""
    from google.oauth2.credentials import Credentials

    credentials = Credentials(
        "expired-token",
        refresh_token=refresh_token,
        token_uri=f"{sandbox.url}/google_oauth/token",
        client_id="sandbox-client",
        client_secret="sandbox-secret",
    )
    one = getattr(datamanager, f"{service}Client")
    transport = one.get_transport_class("rest")(
        host=sandbox.url.removeprefix("http://") + "/google",
        url_scheme="http",
        credentials=credentials,
    )
    return one(transport=transport)


def place(number: int) -> dict[str, Any]:
    account = {"account_type": "GOOGLE_ADS", "account_id": "1234567890"}
    return {"operating_account": account, "product_destination_id": str(number)}


def members(*names: str) -> list[dict[str, Any]]:
    digests = [hashlib.sha256(name.encode()).hexdigest() for name in names]
    return [
        {"composite_data": {"user_data": {"user_identifiers": [{"email_address": digest}]}}}
        for digest in digests
    ]


def user_list(name: str) -> dict[str, Any]:
    return {"display_name": name, "ingested_user_list_info": {"upload_key_types": ["CONTACT_ID"]}}


def test_a_list_is_made_filled_emptied_and_deleted(datamanager: Any, sandbox: Running) -> None:
    lists = client(datamanager, sandbox, "UserListService")
    made = lists.create_user_list(parent=PARENT, user_list=user_list("VIP"))
    assert made.membership_duration.days == 540
    found = lists.list_user_lists(
        request={"parent": PARENT, "filter": 'display_name = "VIP"', "page_size": 1}
    )
    assert [one.id for one in found] == [made.id]

    ingestion = client(datamanager, sandbox, "IngestionService")
    body = {"destinations": [place(made.id)], "encoding": "HEX"}
    terms = {"customer_match_terms_of_service_status": "ACCEPTED"}
    added = ingestion.ingest_audience_members(
        request={
            **body,
            "audience_members": members(*"abc"),
            "consent": CONSENT,
            "terms_of_service": terms,
        }
    )
    removed = ingestion.remove_audience_members(request={**body, "audience_members": members("a")})
    for request_id in (added.request_id, removed.request_id):
        status = ingestion.retrieve_request_status(request={"request_id": request_id})
        (one,) = status.request_status_per_destination
        assert one.request_status.name == "PROCESSING"
    sandbox.world.move_clock(7200)
    status = ingestion.retrieve_request_status(request={"request_id": added.request_id})
    (one,) = status.request_status_per_destination
    assert one.request_status.name == "SUCCESS"
    told = one.audience_members_ingestion_status.composite_data_ingestion_status
    assert told.record_count == 3
    assert lists.get_user_list(name=made.name).size_info.gmail_members_count <= 2

    lists.delete_user_list(name=made.name)
    assert [one.display_name for one in lists.list_user_lists(parent=PARENT)] == ["made by hand"]


def test_refusals_are_those_the_client_knows(datamanager: Any, sandbox: Running) -> None:
    from google.api_core import exceptions
    from google.auth.exceptions import RefreshError

    lists = client(datamanager, sandbox, "UserListService")
    with pytest.raises(exceptions.BadRequest) as caught:
        lists.create_user_list(parent=PARENT, user_list=user_list("made by hand"))
    assert "DISPLAY_NAME_ALREADY_USED" in str(caught.value)
    with pytest.raises(exceptions.NotFound):
        lists.get_user_list(name=f"{PARENT}/userLists/404")
    stranger = client(datamanager, sandbox, "UserListService", refresh_token="nobody")
    with pytest.raises(RefreshError, match="invalid_grant"):
        list(stranger.list_user_lists(parent=PARENT))
