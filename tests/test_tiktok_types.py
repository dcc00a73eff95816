"""TikTok's own SDK: our bodies against its models, and its client against the played TikTok."""

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest
import requests

from audiences.model import AudienceRef, Verb
from bids.model import BidObject, CorrectionChange, Level
from config.audiences import Lookalike, Purpose
from connectors.errors import CredentialsRefused
from connectors.http import TokenExpired
from connectors.sandbox.server import Running
from connectors.tiktok_wire import ERRORS, INTERRUPTED, NOT_ALLOWED, SERVICES, STORAGE
from tests.support.members import batch
from tests.support.sandbox import Sandbox
from tests.support.sandbox_tiktok import ADVERTISER, TIMEOUT, addresses

pytestmark = pytest.mark.skipif(
    find_spec("business_api_client") is None and os.environ.get("CI") != "true",
    reason="TikTok's SDK is not installed: pip install -e '.[platform-types]'",
)

TOKEN = "sandbox-token"


@pytest.fixture(autouse=True)
def quiet_again() -> Iterator[None]:
    """The SDK sets the level of urllib3's logger for everybody."""
    logger = logging.getLogger("urllib3")
    before = logger.level
    yield
    logger.setLevel(before)


@pytest.fixture
def box(server: Running) -> Sandbox:
    box = Sandbox(server.url)
    box.reset()
    return box


# Our bodies against the models


def as_model(value: Any, kind: str) -> Any:
    """The value as the SDK's type says; fails on a name or type that the type does not know."""
    import business_api_client.models as models

    if kind.startswith("list["):
        assert isinstance(value, list), kind
        return [as_model(one, kind[5:-1]) for one in value]
    plain = {"str": str, "int": int, "float": (int, float), "bool": bool, "object": object}
    if kind in plain:
        assert isinstance(value, plain[kind]), f"{value!r} is no {kind}"
        return value
    model = getattr(models, kind)
    assert set(value) <= set(model.attribute_map.values()), f"{kind}: {sorted(value)}"
    name_of = {wire: name for name, wire in model.attribute_map.items()}
    return model(
        **{
            name_of[wire]: as_model(one, model.swagger_types[name_of[wire]])
            for wire, one in value.items()
        }
    )


BODIES = {
    "dmp/custom_audience/create/": "CustomAudienceCreateBody",
    "dmp/custom_audience/update/": "CustomAudienceUpdateBody",
    "dmp/custom_audience/delete/": "CustomAudienceDeleteBody",
    "dmp/custom_audience/lookalike/create/": "LookalikeCreateBody",
    "adgroup/update/": "AdgroupUpdateBody",
}


def everything_sent(box: Sandbox) -> list[tuple[str, dict[str, Any]]]:
    """Path and JSON body of everything that the connector sends in a walk through what it can."""
    sent: list[tuple[str, dict[str, Any]]] = []
    send = requests.Session.send

    def overheard(self: Any, request: Any, **more: Any) -> Any:
        if request.headers.get("Content-Type") == "application/json":
            sent.append((request.url.partition("/v1.3/")[2], json.loads(request.body)))
        return send(self, request, **more)

    with pytest.MonkeyPatch.context() as patch:
        connector = box.connector("tiktok")
        patch.setattr(requests.Session, "send", overheard)
        walk(box, connector)
    return [(path, body) for path, body in sent if path]


def walk(box: Sandbox, connector: Any) -> None:
    audience = AudienceRef("shop", "tiktok", "vip", Purpose.SEED, "adsteer: vip")
    made = connector.find_or_create(audience, batch(1, 1500)).list_id
    connector.add(made, batch(5000, 3))
    connector.remove(made, batch(5000, 3, Verb.REMOVE))
    connector.replace(made, batch(1, 1500))
    box.settle()
    connector.grow(made, "like vip", 1, Lookalike())
    group = BidObject("shop", "tiktok", Level.AD_GROUP, "179000003")
    (taken,) = connector.write_corrections(
        [CorrectionChange(group, "vip", "180000001", "179000003", 20)]
    )
    assert taken.refused == ""
    connector.delete(made)


def test_our_bodies_are_those_of_the_models(box: Sandbox) -> None:
    from business_api_client.api_client import ApiClient

    sent = everything_sent(box)
    assert {path for path, _ in sent} == set(BODIES)
    for path, body in sent:
        model = as_model(body, BODIES[path])
        again = ApiClient().sanitize_for_serialization(model)  # with the model's defaults
        assert {name: again.get(name) for name in body} == body


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("dmp/custom_audience/create/", {"advertiser_id": "1"}),
        ("dmp/custom_audience/update/", {"advertiser_id": "1", "custom_audience_id": 5}),
        ("adgroup/update/", {"advertiser_id": "1", "adgroup_id": "2", "bid": 1.0}),
    ],
)
def test_a_wrong_body_is_noticed(path: str, body: dict[str, Any]) -> None:
    with pytest.raises((AssertionError, ValueError)):
        as_model(body, BODIES[path])


def test_the_codes_are_those_of_the_sdk() -> None:
    from business_api_client.tiktok_business.tiktok_code import NumericErrorCodes

    known = {value for name, value in vars(NumericErrorCodes).items() if name.isupper()}
    ours = set(ERRORS) | INTERRUPTED
    assert ours - {*SERVICES, *STORAGE, *NOT_ALLOWED} <= known
    for block in (SERVICES, STORAGE):
        assert known & set(block) <= INTERRUPTED
    of_operators = known & set(NOT_ALLOWED)
    assert len(of_operators) > 20
    kinds = {ERRORS[code] for code in of_operators}
    assert kinds == {CredentialsRefused, TokenExpired}


# Their client against the sandbox


@pytest.fixture
def client(box: Sandbox) -> Any:
    from business_api_client import ApiClient, Configuration

    configuration = Configuration()
    configuration.host = f"{box.url}/tiktok"
    return ApiClient(configuration)


def test_their_client_makes_a_list_and_uploads_to_it(
    box: Sandbox, client: Any, tmp_path: Any
) -> None:
    from business_api_client.api.audience_api import AudienceApi
    from business_api_client.models import CustomAudienceCreateBody, CustomAudienceUpdateBody

    audiences = AudienceApi(client)
    handles = []
    for name, people in (("first.csv", range(2000)), ("more.csv", range(2000, 2100))):
        file = tmp_path / name
        file.write_bytes(addresses(people))
        data = audiences.dmp_custom_audience_file_upload(
            TOKEN,
            advertiser_id=ADVERTISER,
            calculate_type="EMAIL_SHA256",
            file=str(file),
            file_signature=hashlib.md5(file.read_bytes()).hexdigest(),
            _request_timeout=TIMEOUT,
        )
        handles.append(data["data"]["file_path"])
    body = CustomAudienceCreateBody(
        advertiser_id=ADVERTISER,
        custom_audience_name="buyers",
        calculate_type="EMAIL_SHA256",
        file_paths=handles[:1],
    )
    made = audiences.dmp_custom_audience_create(TOKEN, body=body)["data"]["custom_audience_id"]
    change = CustomAudienceUpdateBody(
        advertiser_id=ADVERTISER,
        custom_audience_id=made,
        file_paths=handles[1:],
        action="APPEND",
    )
    audiences.dmp_custom_audience_update(TOKEN, body=change)
    (found,) = [one for one in box.lists("tiktok") if str(one["id"]) == made]
    assert found["member_count"] == 2100
    listed = audiences.dmp_custom_audience_list(ADVERTISER, TOKEN)["data"]["list"]
    assert [one["name"] for one in listed] == ["made by hand", "buyers"]


def test_their_client_understands_a_refusal(client: Any) -> None:
    from business_api_client.api.audience_api import AudienceApi
    from business_api_client.tiktok_business.tiktok_exceptions import TiktokSDKError

    with pytest.raises(TiktokSDKError, match="Error Code: 40105"):
        AudienceApi(client).dmp_custom_audience_list(ADVERTISER, "nobody-knows")
