"""A plan says what it costs of a platform's quota of changes."""

from dataclasses import replace

import pytest

from connectors.counted import meter_for
from connectors.facts import facts_of
from connectors.vk import Vk
from connectors.yandex_audience import YandexAudience
from flows import loop
from flows.quotas import pace
from tests.support.demo_project import opened, refreshed
from tests.support.memory_platform import MemoryConnector

YANDEX, VK = YandexAudience.limits, Vk.limits


@pytest.mark.parametrize(
    ("changes", "limits", "lasting"),
    [
        (0, YANDEX, None),
        (10, YANDEX, None),
        (11, YANDEX, "1 minute"),
        (31, YANDEX, "3 minutes"),
        (100, YANDEX, "9 minutes"),
        (101, YANDEX, "1 hour"),
        (500, YANDEX, "4 hours"),
        (501, YANDEX, "1 day"),
        (1_200, YANDEX, "2 days"),
        (1, VK, None),
        (10, VK, "9 minutes"),
        (25, VK, "2 hours"),
        (10**6, MemoryConnector.limits, None),
    ],
)
def test_how_long_a_platform_needs(changes, limits, lasting):
    text = pace(changes, limits)
    assert (f"at least {lasting}." in text) if lasting else text == ""


def test_the_quota_is_told_in_words():
    text = pace(1_200, YANDEX)
    assert "1,200 changes" in text
    assert "10 in a minute, 100 in an hour, 500 in a day" in text
    only_hours = replace(YANDEX, changes_per_minute=None, changes_per_day=None)
    assert "takes 100 in an hour:" in pace(101, only_hours)


def test_what_runs_before_used_up_is_gone():
    def used(seconds):
        return 480 if seconds == 86_400 else 4

    text = pace(21, YANDEX, used)
    assert "500 in a day (480 are used up): at least 1 day." in text
    assert "10 in a minute (4 are used up)" in text
    assert "at least 2 minutes." in pace(20, YANDEX, used)
    assert pace(6, YANDEX, used) == ""
    assert pace(0, YANDEX, lambda _: 500) == ""


def test_a_plan_knows_what_an_earlier_process_used_up(tmp_path):
    refreshed(tmp_path / "shop")
    with opened(tmp_path / "shop") as workshop:
        account = workshop.project.account("yandex_lists")
        quotas = facts_of(account.platform).quotas
        meter = meter_for(account, workshop.around(account), quotas)
        for _ in range(7):
            meter.spend(["change"])
    with opened(tmp_path / "shop") as workshop:
        document = loop.plan(workshop, bids=False)
    (note,) = (one for one in document["notes"] if one.startswith("yandex_lists: "))
    assert "500 in a day (7 are used up)" in note


def test_the_notes_of_a_plan_tell_which_account_needs_long(tmp_path):
    refreshed(tmp_path / "shop")
    with opened(tmp_path / "shop") as workshop:
        document = loop.plan(workshop, bids=False)
    lists = [one for one in document["audiences"] if one["account"] == "yandex_lists"]
    sent = sum(bool(one["sends"]) for one in lists)
    assert sent > 10
    (note,) = (one for one in document["notes"] if one.startswith("yandex_lists: "))
    assert note.startswith(f"yandex_lists: {sent} changes of lists, ")
