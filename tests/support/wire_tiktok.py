"""TikTok's API as `responses` plays it: each question exactly, and what is answered."""

import json

import pytest
from responses import matchers

from audiences.model import AudienceRef
from bids.model import BidObject, CorrectionChange, Level
from config.audiences import Purpose
from config.platforms import Account
from connectors.registry import connect
from tests.support.surroundings import surroundings

BASE = "https://business-api.tiktok.com/open_api/v1.3/"
ADVERTISER = "7012345678901234567"
AUTH = matchers.header_matcher({"Access-Token": "secret-token"})
VIP = AudienceRef("tt", "tiktok", "vip", Purpose.RETARGETING, "adsteer: vip")
OURS = {"audience_id": "101", "name": "adsteer: vip", "audience_type": "Customer File Audience"}
DMP = "dmp/custom_audience/"


@pytest.fixture
def connector(monkeypatch, clock):
    monkeypatch.setenv("SHOP_TOKEN", "secret-token")
    account = Account(name="tt", platform="tiktok", secrets="SHOP_", login=ADVERTISER)
    return connect(account, surroundings(clock))


def said(data=None, code=0, message="OK"):
    return {"code": code, "message": message, "request_id": "2026090112", "data": data or {}}


def get(net, path, query, data=None, **answer):
    """Expect exactly this query; lists and objects are JSON text."""
    texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in query.items()}
    match = [AUTH, matchers.query_param_matcher({"advertiser_id": ADVERTISER, **texts})]
    net.add("GET", BASE + path, match=match, **(answer or {"json": said(data)}))


def post(net, path, body, data=None, **answer):
    match = [AUTH, matchers.json_params_matcher({"advertiser_id": ADVERTISER, **body})]
    net.add("POST", BASE + path, match=match, **(answer or {"json": said(data)}))


def pages(items, page=1, total=1):
    return {"list": items, "page_info": {"page": page, "total_page": total}}


def lists(net, *rows, **answer):
    query = {"page": "1", "page_size": "100"}
    get(net, DMP + "list/", query, pages(list(rows)), **answer)


def details(net, *rows, history=(), ids=("101",)):
    query = {"custom_audience_ids": list(ids), "history_size": "100"}
    found = [{"audience_details": one, "audience_history": list(history)} for one in rows]
    get(net, DMP + "get/", query, {"list": found})


def let_in(net):
    """The three permissions that are tried, the reports' with those of the day before START."""
    get(net, DMP + "list/", {"page_size": "1"}, pages([]))
    get(net, "adgroup/get/", {"page_size": "1", "fields": ["adgroup_id"]}, pages([]))
    query = {
        "service_type": "AUCTION",
        "report_type": "BASIC",
        "data_level": "AUCTION_ADGROUP",
        "dimensions": ["adgroup_id"],
        "metrics": ["spend"],
        "start_date": "2026-08-31",
        "end_date": "2026-08-31",
        "page_size": "1",
    }
    get(net, "report/integrated/get/", query, pages([]))


# Ad groups and reports

FIELDS = [
    *("adgroup_id", "campaign_id", "billing_event", "optimization_goal", "bid_type"),
    *("bid_price", "conversion_bid_price", "roas_bid", "audience_ids", "excluded_audience_ids"),
]
G1, G2 = (BidObject("tt", "tiktok", Level.AD_GROUP, number) for number in ("11", "12"))
C5, C6 = (BidObject("tt", "tiktok", Level.CAMPAIGN, number) for number in ("5", "6"))


def ad_group(number, **more):
    return {
        "adgroup_id": number,
        "campaign_id": "5",
        "billing_event": "CPC",
        "optimization_goal": "CLICK",
        "bid_type": "BID_TYPE_CUSTOM",
        "bid_price": 1.0,
        "conversion_bid_price": 0,
        "audience_ids": [],
        "excluded_audience_ids": [],
        **more,
    }


def groups(net, filtering, *found):
    query = {"page": "1", "page_size": "1000", "filtering": filtering, "fields": FIELDS}
    get(net, "adgroup/get/", query, pages(list(found)))


def campaign(net, mine, *others):
    groups(net, {"adgroup_ids": [mine["adgroup_id"]]}, mine)
    groups(net, {"campaign_ids": ["5"]}, mine, *others)


def bid(net, number, answer=None, **change):
    post(net, "adgroup/update/", {"adgroup_id": number, **change}, **(answer or {}))


def change(percent, correction=None, condition="101", where=G1):
    return CorrectionChange(where, "vip", condition, correction, percent)


def vip(**more):
    return ad_group("11", audience_ids=["101"], **more)


EVERYBODY = ad_group("19", bid_price=0.8)


def report(net, first, last, page="1", total=1, rows=(), ids='["11", "12"]'):
    query = {
        "service_type": "AUCTION",
        "report_type": "BASIC",
        "data_level": "AUCTION_ADGROUP",
        "dimensions": ["adgroup_id", "stat_time_day"],
        "metrics": [
            *("spend", "impressions", "clicks", "conversion"),
            *("total_complete_payment_rate", "total_purchase_value"),
        ],
        "start_date": first,
        "end_date": last,
        "filtering": [{"field_name": "adgroup_ids", "filter_type": "IN", "filter_value": ids}],
        "page": page,
        "page_size": "1000",
    }
    get(net, "report/integrated/get/", query, pages(list(rows), int(page), total))
