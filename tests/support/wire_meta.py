"""Meta's Graph as `responses` plays it: each question exactly, and what is answered."""

import json

import pytest
from responses import matchers

from audiences.model import AudienceRef
from bids.model import BidObject, CorrectionChange, Level
from config.audiences import Purpose
from config.platforms import Account
from connectors.registry import connect
from tests.support.surroundings import surroundings

BASE = "https://graph.facebook.com/v26.0/"
ACT = "act_1234567890"
AUDIENCES = f"{ACT}/customaudiences"
LIST, SEED = "23847651231230456", "23847651231230457"
VIP = AudienceRef("fb", "meta", "vip", Purpose.RETARGETING, "seg:vip")
HEADERS = matchers.header_matcher({"Authorization": "Bearer secret-token"})
AD_SET, BID_CAP = "120200000000001", "120200000000002"
HERE, THERE = (BidObject("fb", "meta", Level.AD_GROUP, one) for one in (AD_SET, BID_CAP))


@pytest.fixture
def account(monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", "secret-token")
    monkeypatch.delenv("SHOP_APP_SECRET", raising=False)
    return Account(name="fb", platform="meta", secrets="SHOP_", login=ACT)


@pytest.fixture
def connector(account, clock):
    return connect(account, surroundings(clock))


def got(net, path, query, answer, **more):
    """Expect exactly this GET."""
    match = [HEADERS, matchers.query_param_matcher(query)]
    net.add("GET", BASE + path, json=answer, match=match, **more)


def whole_json(body):
    """Matches a JSON body, written in one piece or in several."""

    def match(request):
        given = request.body
        text = given if isinstance(given, str | bytes) else b"".join(given)
        said = json.loads(text or "null")
        typed = request.headers.get("Content-Type") == "application/json"
        return typed and said == body, f"{said} is not {body}"

    return match


def sent(net, path, body, answer, method="POST", **more):
    """Expect exactly this JSON body."""
    match = [HEADERS, whole_json(body), matchers.query_param_matcher({})]
    net.add(method, BASE + path, json=answer, match=match, **more)


def error(code, subcode=None, **more):
    told = {"message": f"(#{code}) said", "type": "OAuthException", "code": code, **more}
    if subcode is not None:
        told["error_subcode"] = subcode
    return {"error": told}


def listed(net, fields, *rows):
    limit = 20 if "lookalike_spec" in fields else 100
    got(net, AUDIENCES, {"limit": limit, "fields": fields}, {"data": list(rows)})


FIND = "id,name,subtype"
CHECK = {"fields": "id,name,tos_accepted"}
CREATE = {
    "name": "seg:vip",
    "subtype": "CUSTOM",
    "customer_file_source": "USER_PROVIDED_ONLY",
}


# Lists

STATE = {
    "fields": "id,operation_status,delivery_status,approximate_count_lower_bound,"
    "approximate_count_upper_bound"
}


def state_answer(code=200, delivery=200, low=1000):
    return {
        "id": LIST,
        "operation_status": {"code": code, "description": "said"},
        "delivery_status": {"code": delivery, "description": "x"},
        "approximate_count_lower_bound": low,
        "approximate_count_upper_bound": 1200,
    }


# Bids


AD_SETS = {
    "limit": 100,
    "fields": "id,bid_strategy,bid_adjustments,value_rule_set_id,value_rules_applied,"
    "campaign{bid_strategy}",
}
RULE_SETS = {
    "limit": 100,
    "fields": "id,name,status,rules{name,adjust_sign,adjust_value,status,criterias}",
}
FREE = {"id": AD_SET, "bid_strategy": "LOWEST_COST_WITHOUT_CAP", "value_rules_applied": False}
CAPPED = {"id": BID_CAP, "bid_strategy": "LOWEST_COST_WITH_BID_CAP"}
OURS = {"id": LIST, "audience_labels": ["OTHER_1"]}


def criterion(label):
    return {
        "criteria_type": "AUDIENCE_LABEL",
        "operator": "CONTAINS",
        "criteria_values": [label],
        "criteria_value_types": ["NONE"],
    }


def rule(label, percent, name=None):
    return {
        "name": name or f"adsteer {label} {percent:+d} %",
        "adjust_sign": "INCREASE" if percent > 0 else "DECREASE",
        "adjust_value": abs(percent),
        "criterias": [criterion(label)],
    }


def rule_set(number, name, *rules):
    """As it is read back: lists are edges, everything has an id."""
    shown = [
        {**one, "id": f"{number}{n}", "status": "ACTIVE",
         "criterias": {"data": [{**each, "id": f"{number}{n}9"} for each in one["criterias"]]}}
        for n, one in enumerate(rules)
    ]  # fmt: skip
    return {"id": number, "name": name, "status": "ACTIVE", "rules": {"data": shown}}


def standing(net, ad_sets=(FREE, CAPPED), audiences=(OURS,), sets=()):
    """What is read before corrections are read or written."""
    got(net, f"{ACT}/adsets", AD_SETS, {"data": list(ad_sets)})
    got(net, f"{ACT}/value_rule_set", RULE_SETS, {"data": list(sets)})
    listed(net, "id,audience_labels", *audiences)


def change(percent, target=HERE, condition=LIST, correction=None):
    return CorrectionChange(target, "vip", condition, correction, percent)


def following(*ids):
    """Ad sets that follow set 90 of ours."""
    more = {"value_rule_set_id": "90", "value_rules_applied": True}
    return [{**FREE, "id": one, **more} for one in ids]
