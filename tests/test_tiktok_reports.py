"""TikTok: what a report is asked for, and what its rows become."""

from datetime import date
from decimal import Decimal

from connectors.base import SpendRow
from tests.support.wire_tiktok import (
    C5,
    EVERYBODY,
    G1,
    G2,
    ad_group,
    connector,
    groups,
    report,
    vip,
)

__all__ = ["connector"]


def line(number, day, **metrics):
    whole = {"spend": "0.00", "impressions": "0", "clicks": "0", "conversion": "0", **metrics}
    return {
        "dimensions": {"adgroup_id": number, "stat_time_day": f"{day} 00:00:00"},
        "metrics": whole,
    }


def test_spend_is_read_by_day_in_spans_of_thirty(net, connector):
    groups(net, {"adgroup_ids": ["11", "12"]}, vip(), ad_group("12"))
    groups(net, {"campaign_ids": ["5"]}, vip(), ad_group("12"), EVERYBODY)
    sold = {
        "spend": "12.34",
        "impressions": "1000",
        "clicks": "20",
        "conversion": "2",
        "total_complete_payment_rate": "150.50",
        "total_purchase_value": "0.50",
    }
    report(net, "2026-07-01", "2026-07-30", total=2, rows=[line("11", "2026-07-01", **sold)])
    nothing = {"conversion": "-", "total_complete_payment_rate": "-"}
    report(
        net,
        "2026-07-01",
        "2026-07-30",
        page="2",
        total=2,
        rows=[line("12", "2026-07-02", **nothing)],
    )
    report(net, "2026-07-31", "2026-08-01")
    assert connector.spend([G1, G2], date(2026, 7, 1), date(2026, 8, 1)) == (
        SpendRow(
            date(2026, 7, 1), G1, "101", 1000, 20, Decimal("12.34"), Decimal(2), Decimal("151.00")
        ),
        SpendRow(date(2026, 7, 2), G2, None, 0, 0, Decimal("0.00"), None, None),
    )


def test_the_ad_groups_of_a_campaign_are_added_up_by_list(net, connector):
    mine = [vip(), ad_group("12")]
    groups(net, {"campaign_ids": ["5"]}, *mine, ad_group("13"))
    rows = [
        line(number, "2026-07-01", spend="1.50", conversion=count)
        for number, count in (("11", "1"), ("12", "-"), ("13", "2"))
    ]
    report(net, "2026-07-01", "2026-07-01", rows=rows, ids='["11", "12", "13"]')
    assert connector.spend([C5], date(2026, 7, 1), date(2026, 7, 1)) == (
        SpendRow(date(2026, 7, 1), C5, "101", 0, 0, Decimal("1.50"), Decimal(1), None),
        SpendRow(date(2026, 7, 1), C5, None, 0, 0, Decimal("3.00"), Decimal(2), None),
    )
