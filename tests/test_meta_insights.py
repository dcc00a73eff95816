"""Meta: what was spent, asked for directly or as a report run."""

import json
from datetime import date
from decimal import Decimal

import pytest

from bids.model import BidObject, Level
from connectors.base import SpendRow
from connectors.errors import ContractBroken, Transient
from tests.support.wire_meta import ACT, AD_SET, BASE, HERE, account, connector, error, got, sent

__all__ = ["account", "connector"]


FIGURES = {
    "level": "adset",
    "fields": "adset_id,spend,impressions,clicks,actions,action_values",
    "time_range": '{"since": "2026-08-01", "until": "2026-08-02"}',
    "time_increment": 1,
    "filtering": json.dumps([{"field": "adset.id", "operator": "IN", "value": [AD_SET]}]),
    "limit": 500,
}
DAYS = (date(2026, 8, 1), date(2026, 8, 2))
ROW = {
    "adset_id": AD_SET,
    "spend": "12.34",
    "impressions": "900",
    "clicks": "30",
    "actions": [
        {"action_type": "link_click", "value": "28"},
        {"action_type": "purchase", "value": "3"},
        {"action_type": "omni_purchase", "value": "2"},
    ],
    "action_values": [
        {"action_type": "purchase", "value": "150.00"},
        {"action_type": "omni_purchase", "value": "99.90"},
    ],
    "date_start": "2026-08-01",
    "date_stop": "2026-08-01",
}


def test_spend_is_read(net, connector):
    quiet = {**ROW, "date_start": "2026-08-02", "actions": ROW["actions"][:1]}
    del quiet["action_values"]
    got(net, f"{ACT}/insights", FIGURES, {"data": [ROW, quiet]})
    first, second = connector.spend([HERE], *DAYS)
    assert first == SpendRow(
        DAYS[0], HERE, None, 900, 30, Decimal("12.34"), Decimal(2), Decimal("99.90")
    )
    assert (second.day, second.conversions, second.revenue) == (DAYS[1], Decimal(0), Decimal(0))


def test_campaigns_have_a_report_of_their_own(net, connector):
    campaign = BidObject("fb", "meta", Level.CAMPAIGN, "55")
    got(net, f"{ACT}/insights", FIGURES, {"data": []})
    filtering = json.dumps([{"field": "campaign.id", "operator": "IN", "value": ["55"]}])
    fields = FIGURES["fields"].replace("adset", "campaign")
    query = {**FIGURES, "level": "campaign", "fields": fields, "filtering": filtering}
    got(net, f"{ACT}/insights", query, {"data": [{**ROW, "campaign_id": "55"}]})
    (row,) = connector.spend([HERE, campaign], *DAYS)
    assert row.object == campaign


@pytest.mark.parametrize(
    "wrong", [{"adset_id": "404"}, {"date_start": "today"}, {"spend": "much"}, {"actions": [{}]}]
)
def test_a_row_that_was_not_asked_for(net, connector, wrong):
    got(net, f"{ACT}/insights", FIGURES, {"data": [{**ROW, **wrong}]})
    with pytest.raises(ContractBroken):
        connector.spend([HERE], *DAYS)


def ordered(net):
    got(net, f"{ACT}/insights", FIGURES, error(100, 1487534), status=400)
    wish = {
        "level": "adset",
        "fields": FIGURES["fields"],
        "time_range": {"since": "2026-08-01", "until": "2026-08-02"},
        "time_increment": "1",
        "filtering": [{"field": "adset.id", "operator": "IN", "value": [AD_SET]}],
    }
    sent(net, f"{ACT}/insights", wish, {"report_run_id": "6070"})


def run_is(net, status):
    query = {"fields": "id,async_status"}
    got(net, "6070", query, {"id": "6070", "async_status": status})


def test_too_much_at_once_is_ordered(net, connector, clock):
    ordered(net)
    for status in ("Job Not Started", "Job Running", "Job Completed"):
        run_is(net, status)
    got(net, "6070/insights", {"limit": 500}, {"data": [ROW]})
    assert len(connector.spend([HERE], *DAYS)) == 1
    assert clock.slept == [10.0, 10.0]


@pytest.mark.parametrize("status", ["Job Failed", "Job Skipped"])
def test_a_report_run_that_fails(net, connector, status):
    ordered(net)
    run_is(net, status)
    with pytest.raises(Transient):
        connector.spend([HERE], *DAYS)


def test_a_report_run_that_never_ends(net, connector, clock):
    ordered(net)
    for _ in range(181):
        run_is(net, "Job Running")
    with pytest.raises(Transient, match="1800"):
        connector.spend([HERE], *DAYS)


def test_a_run_without_an_id(net, connector):
    got(net, f"{ACT}/insights", FIGURES, error(100, 1487534), status=400)
    net.add("POST", f"{BASE}{ACT}/insights", json={"success": True})
    with pytest.raises(ContractBroken):
        connector.spend([HERE], *DAYS)
