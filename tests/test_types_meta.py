"""Meta's own Python SDK as a judge: of what our connector sends, and of what the sandbox takes."""

import importlib.util
import json
import os
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter

from audiences.model import AudienceRef, Verb
from bids.model import BidObject, CorrectionChange, Level
from config.audiences import Lookalike, Purpose
from tests.support.members import batch, digest, digests_of
from tests.support.sandbox import ACCOUNT, sandbox
from tests.support.sandbox_meta import AD_SET, BID_CAP, fields_of

if importlib.util.find_spec("facebook_business") is None:
    if os.environ.get("CI") == "true":
        raise RuntimeError("install the extra platform-types: these tests are part of CI")
    pytest.skip("the extra platform-types is not installed", allow_module_level=True)

from facebook_business.adobjects.adaccount import AdAccount
from facebook_business.adobjects.adreportrun import AdReportRun
from facebook_business.adobjects.adset import AdSet
from facebook_business.adobjects.adsvalueadjustmentrulecollection import (
    AdsValueAdjustmentRuleCollection,
)
from facebook_business.adobjects.customaudience import CustomAudience
from facebook_business.api import FacebookAdsApi
from facebook_business.apiconfig import ads_api_config
from facebook_business.exceptions import FacebookRequestError
from facebook_business.session import FacebookSession

from connectors.meta_rules import LABELS
from connectors.meta_wire import proof_of

ACT = "act_700100200300"
OF_EVERY_EDGE = {"fields", "limit", "after", "filtering"}
"""Parameters of Graph itself, which the types of an edge do not name."""


@pytest.fixture(scope="module")
def box():
    with sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def api(box):
    """The official client, pointed at the sandbox."""
    session = FacebookSession(access_token="sandbox-token", app_secret="sandbox-secret")
    session.GRAPH = f"{box.url}/meta"
    return FacebookAdsApi(session)


@pytest.fixture
def strict():
    ads_api_config["STRICT_MODE"] = True
    yield
    ads_api_config["STRICT_MODE"] = False


# What our connector sends


def everything(box) -> None:
    """Use every ability of the connector."""
    connector = box.connector("meta")
    connector.check()
    ref = AudienceRef(ACCOUNT, "meta", "vip", Purpose.RETARGETING, "adsteer: vip", 90)
    made = connector.find_or_create(ref, batch(1, 300)).list_id
    connector.add(made, batch(1, 300))
    connector.remove(made, batch(1, 2, Verb.REMOVE))
    box.settle()
    box.fault("cut", "meta", "users.replace", after_effect=True)  # so that its session is asked for
    connector.replace(made, batch(1, 300, Verb.REPLACE))
    box.settle()
    connector.state(made)
    grown = connector.grow(made, "adsteer: like vip", 3, Lookalike(countries=("DE", "AT")))
    connector.condition_for(made, "adsteer: vip")
    objects = [BidObject(ACCOUNT, "meta", Level.AD_GROUP, one) for one in (AD_SET, BID_CAP)]
    connector.strategies(objects)
    for percent in (-30, -40, None):
        changes = [CorrectionChange(one, "vip", made, None, percent) for one in objects]
        receipts = connector.write_corrections(changes)
        assert {one.refused for one in receipts} == {""}
    connector.spend(objects, date(2026, 8, 1), date(2026, 8, 3))
    connector.spend(objects, date(2024, 8, 1), date(2026, 8, 3))
    connector.delete(grown)
    connector.delete(made)


def sdk_request(method: str, node: str, edge: str, params: dict[str, Any], fields: list[str]):
    """The same request as the SDK would make it; it checks types and enums by itself."""
    account, audience, ad_set = AdAccount(node), CustomAudience(node), AdSet(node)
    run, rule_set = AdReportRun(node), AdsValueAdjustmentRuleCollection(node)
    calls = {
        ("act", "GET", ""): account.api_get,
        ("act", "GET", "customaudiences"): account.get_custom_audiences,
        ("act", "POST", "customaudiences"): account.create_custom_audience,
        ("act", "GET", "value_rule_set"): account.get_value_rule_set,
        ("act", "POST", "value_rule_set"): account.create_value_rule_set,
        ("act", "GET", "adsets"): account.get_ad_sets,
        ("act", "GET", "insights"): account.get_insights,
        ("act", "POST", "insights"): account.get_insights_async,
        ("23", "GET", ""): audience.api_get,
        ("23", "POST", ""): audience.api_update,
        ("23", "DELETE", ""): audience.api_delete,
        ("23", "POST", "users"): audience.create_user,
        ("23", "DELETE", "users"): audience.delete_users,
        ("23", "POST", "usersreplace"): audience.create_users_replace,
        ("23", "GET", "sessions"): audience.get_sessions,
        ("12", "POST", ""): ad_set.api_update,
        ("84", "POST", ""): rule_set.api_update,
        ("84", "POST", "delete_rule_set"): rule_set.create_delete_rule_set,
        ("60", "GET", ""): run.api_get,
        ("60", "GET", "insights"): run.get_insights,
    }
    kind = "act" if node.startswith("act_") else node[:2]
    return calls[kind, method, edge](params=params, fields=fields, pending=True)


def test_every_request_is_one_the_sdk_would_make(box, strict, monkeypatch):
    seen: list[requests.PreparedRequest] = []
    send = HTTPAdapter.send

    def record(self, request, **more):
        if "/meta/" in request.url:
            seen.append(request)
        return send(self, request, **more)

    monkeypatch.setattr(HTTPAdapter, "send", record)
    everything(box)
    edges = set()
    for request in seen:
        url = urlsplit(request.url)
        version, node, edge = f"{url.path.removeprefix('/meta/')}/".split("/")[:3]
        body = request.body
        body = body if isinstance(body, str | bytes | None) else b"".join(body)
        params = {key: typed(value) for key, value in parse_qsl(url.query)}
        params |= json.loads(body or "{}")
        fields = fields_of(params.pop("fields", ""))
        theirs = sdk_request(request.method, node, edge, params, fields)
        assert version == ads_api_config["API_VERSION"]
        assert theirs._method == request.method
        if edge != "delete_rule_set":  # the documents and the SDK disagree about this path
            assert "/".join(theirs._path).rstrip("/") == f"{node}/{edge}".rstrip("/")
        unknown = [key for key in params if not theirs._param_checker.is_valid_key(key)]
        assert not set(unknown) - OF_EVERY_EDGE, f"{request.method} {edge}: {unknown}"
        edges.add((request.method, edge))
    assert len(edges) == 15


def typed(text: str) -> Any:
    """A query's text as the value it stands for."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def test_a_wrong_value_is_noticed(strict):
    """The judge judges: what is wrong would have failed the test above."""
    with pytest.raises(Exception, match="subtype"):
        sdk_request("POST", ACT, "customaudiences", {"subtype": "PEOPLE"}, [])


def test_every_label_is_one_the_sdk_knows():
    known = {value for name, value in vars(CustomAudience.AudienceLabels).items() if name[0] != "_"}
    assert set(LABELS) <= known


def test_the_proof_is_the_sdks():
    session = FacebookSession("app", "secret", "TOKEN")
    assert session.appsecret_proof == proof_of("secret", "TOKEN")


# What the sandbox takes


def test_the_official_client_makes_a_list_and_fills_it(box, api):
    account = AdAccount(ACT, api=api)
    wish = {
        "name": "by the SDK",
        "subtype": CustomAudience.Subtype.custom,
        "customer_file_source": CustomAudience.CustomerFileSource.user_provided_only,
    }
    made = account.create_custom_audience(params=wish)
    audience = CustomAudience(made["id"], api=api)
    addresses = [f"person{n}@example.test" for n in range(1, 301)]
    told = audience.add_users(CustomAudience.Schema.email_hash, addresses).json()
    assert (told["num_received"], told["num_invalid_entries"]) == (300, 0)
    wanted = {one for one in digests_of(batch(1, 300)) if one in map(digest, addresses)}
    assert box.members("meta", made["id"]) == wanted
    audience.remove_users(CustomAudience.Schema.email_hash, addresses[:2])
    assert len(box.members("meta", made["id"])) == 298
    names = [one["name"] for one in account.get_custom_audiences(fields=["name"])]
    assert names.count("by the SDK") == 1
    box.settle()
    read = audience.api_get(fields=["operation_status", "approximate_count_lower_bound"])
    assert read["operation_status"]["code"] == 200
    assert read["approximate_count_lower_bound"] > 100


def test_the_official_client_replaces_and_grows(box, api):
    account = AdAccount(ACT, api=api)
    wish = {"name": "seed", "subtype": "CUSTOM", "customer_file_source": "USER_PROVIDED_ONLY"}
    seed = CustomAudience(account.create_custom_audience(params=wish)["id"], api=api)
    rows = [[digest(f"email {n}"), digest(f"phone {n}")] for n in range(300)]
    payload = {"schema": ["EMAIL", "PHONE"], "data": rows}
    session = {"session_id": 1, "batch_seq": 1, "last_batch_flag": True}
    seed.create_users_replace(params={"payload": payload, "session": session})
    (told,) = seed.get_sessions(params={"session_id": 1})
    assert told["num_received"] == "300"
    box.settle()
    spec = {"type": "custom_ratio", "ratio": 0.01, "country": "DE"}
    grown = account.create_custom_audience(
        params={
            "name": "like seed",
            "subtype": "LOOKALIKE",
            "origin_audience_id": seed["id"],
            "lookalike_spec": json.dumps(spec),
        }
    )
    with pytest.raises(FacebookRequestError) as caught:
        seed.api_delete()
    assert caught.value.api_error_code() == 2656
    CustomAudience(grown["id"], api=api).api_delete()
    seed.api_delete()


def test_the_official_client_corrects_bids_and_reads_figures(api):
    account = AdAccount(ACT, api=api)
    criterion = {
        "criteria_type": "AUDIENCE_LABEL",
        "operator": "CONTAINS",
        "criteria_values": ["OTHER_3"],
        "criteria_value_types": ["NONE"],
    }
    rule = {"name": "r", "adjust_sign": "DECREASE", "adjust_value": 10, "criterias": [criterion]}
    made = account.create_value_rule_set(params={"name": "by the SDK", "rules": [rule]})
    ad_set = AdSet(AD_SET, api=api)
    ad_set.api_update(params={"value_rule_set_id": made["id"], "value_rules_applied": True})
    assert ad_set.api_get(fields=["value_rule_set_id"])["value_rule_set_id"] == made["id"]
    figures = account.get_insights(
        fields=["adset_id", "spend"],
        params={
            "level": "adset",
            "time_range": {"since": "2026-08-01", "until": "2026-08-02"},
            "time_increment": 1,
        },
    )
    assert len(list(figures)) == 12
