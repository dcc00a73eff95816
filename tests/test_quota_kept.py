"""What one process used up of a quota, the next one knows: also after a kill."""

import multiprocessing
import os
import signal
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from config.platforms import Account
from connectors.counted import KeptMoments, meter_for
from connectors.errors import QuotaGone, Transient
from connectors.facts import facts_of
from connectors.http import Ask, Door, Effect
from connectors.quota import Meter, Quota, most_of
from tests.support.surroundings import Clock, surroundings

DAY = Quota("change", 5, 86_400)
MINUTE = Quota("change", 3, 60)
YANDEX = facts_of("yandex_audience").quotas
ACCOUNT = Account(name="lists", platform="yandex_audience", sandbox=False)
CHANGE = ("any", "write", "change")


def meter(folder, clock, account=ACCOUNT, quotas=(DAY,), whose=""):
    return meter_for(account, surroundings(clock, state=folder), quotas, whose=whose)


def spend(meter, times, group="change"):
    for _ in range(times):
        meter.spend([group])


def test_the_next_process_knows_what_the_first_used_up(tmp_path):
    clock = Clock()
    spend(meter(tmp_path, clock), 5)
    with pytest.raises(QuotaGone, match="5 'change' requests in 86400 s") as caught:
        meter(tmp_path, clock).spend(["change"])
    assert caught.value.retry_after == 86_400
    clock.sleep(86_400)
    spend(meter(tmp_path, clock), 5)


def test_a_short_window_begun_by_another_process_is_waited_out(tmp_path):
    clock = Clock()
    spend(meter(tmp_path, clock, quotas=[MINUTE]), 3)
    clock.seconds += 20
    spend(meter(tmp_path, clock, quotas=[MINUTE]), 1)
    assert clock.slept == [40]


def _spend_and_die(folder: Path) -> None:
    around = replace(surroundings(Clock()), state=folder)
    spent = meter_for(ACCOUNT, around, [DAY])
    spent.spend(["change"])
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_process_has_counted_what_it_sent(tmp_path):
    for _ in range(2):
        child = multiprocessing.get_context("spawn").Process(
            target=_spend_and_die, args=(tmp_path,)
        )
        child.start()
        child.join(300)
        assert child.exitcode == -signal.SIGKILL
    assert meter(tmp_path, Clock()).used(DAY) == 2


def test_processes_that_send_at_the_same_time_never_send_too_much(tmp_path):
    clock = Clock()

    def send_what_is_left(_number):
        mine, sent = meter(tmp_path, clock), 0
        while True:
            try:
                mine.spend(["change"])
            except QuotaGone:
                return sent
            sent += 1

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(send_what_is_left, range(4))) == DAY.amount


@responses.activate
def test_a_request_counts_before_it_leaves_and_though_it_fails(tmp_path):
    clock = Clock()
    seen = []

    def refuse(_request):
        seen.append(meter(tmp_path, clock).used(DAY))
        return 503, {}, ""

    responses.add_callback("POST", "https://lists.test/things", refuse)
    around = surroundings(clock, state=tmp_path)
    door = Door("https://lists.test", surroundings=around, meter=meter(tmp_path, clock))
    with pytest.raises(Transient):
        door.send(Ask("POST", "things", effect=Effect.SAME, counts=("change",)))
    assert seen == [1, 2, 3, 4, 5]


def test_accounts_with_the_same_secrets_share_a_quota_and_the_sandbox_has_its_own(tmp_path):
    clock = Clock()
    other = Account(name="other", platform="yandex_audience", secrets="LISTS_")
    spend(meter(tmp_path, clock), 4)
    spend(meter(tmp_path, clock, other), 1)
    assert meter(tmp_path, clock).used(DAY) == 5
    stranger = Account(name="stranger", platform="yandex_audience")
    rehearsed = ACCOUNT.model_copy(update={"sandbox": True})
    for one in (stranger, rehearsed, Account(name="lists", platform="google")):
        assert meter(tmp_path, clock, one).used(DAY) == 0
    spend(meter(tmp_path, clock, whose="a project"), 1)
    assert meter(tmp_path, clock, other, whose="a project").used(DAY) == 1


def test_a_clock_set_back_holds_nothing_up_longer_than_the_window(tmp_path):
    clock = Clock(seconds=400 * 86_400.0)
    spend(meter(tmp_path, clock), 5)
    clock.seconds = 0.0
    with pytest.raises(QuotaGone) as caught:
        meter(tmp_path, clock).spend(["change"])
    assert caught.value.retry_after == 86_400
    clock.seconds = 86_400.0
    spend(meter(tmp_path, clock), 5)


@pytest.mark.parametrize("torn", [1, 7])
def test_half_a_moment_of_a_dead_process_is_written_over(tmp_path, torn):
    clock = Clock()
    spend(meter(tmp_path, clock), 2)
    (file,) = tmp_path.glob("*.sent")
    with file.open("ab") as opened:
        opened.write(b"\xff" * torn)
    assert meter(tmp_path, clock).used(DAY) == 2
    spend(meter(tmp_path, clock), 3)
    with pytest.raises(QuotaGone):
        meter(tmp_path, clock).spend(["change"])


def test_what_is_kept_is_for_nobody_else_and_does_not_grow(tmp_path):
    clock = Clock()
    for _ in range(50):
        spend(meter(tmp_path / "kept", clock), 1)
        clock.seconds += 86_400
    files = [one for one in (tmp_path / "kept").iterdir() if one.suffix == ".sent"]
    assert [one.stat().st_size <= 8 * 11 for one in files] == [True]
    modes = {stat.S_IMODE(one.stat().st_mode) for one in (tmp_path / "kept").iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700


GAPS = st.sampled_from([0.0, 0.5, 1.0, 7.0, 30.0, 61.0])


@given(st.lists(st.tuples(GAPS, st.sampled_from([1, 1, 2, 9])), max_size=12))
def test_on_the_disk_is_counted_as_in_memory(tmp_path_factory, gaps):
    """Requests of one process, and the same of a process each, wait alike."""
    path = tmp_path_factory.mktemp("kept") / "platform"
    quotas = (MINUTE, Quota("any", 2, 1), Quota("change", 6, 300))
    here, there = Clock(), Clock()
    alone = Meter(quotas, clock=here, sleep=here.sleep, longest_wait=1e9)
    for gap, weight in gaps:
        here.seconds += gap
        there.seconds += gap
        alone.spend(["any", "change"], weight)
        kept = KeptMoments(path, most_of(quotas))
        fresh = Meter(quotas, clock=there, sleep=there.sleep, longest_wait=1e9, moments=kept)
        fresh.spend(["any", "change"], weight)
        assert there.slept == here.slept


def test_a_whole_day_of_yandex_is_counted_over_runs(tmp_path):
    """500 changes a day, 100 an hour, 10 a minute, in runs that know only what is on the disk."""
    clock, sent = Clock(), 0
    while clock.seconds < 86_400:
        mine = meter(tmp_path, clock, quotas=YANDEX)
        try:
            for _ in range(40):
                mine.spend(CHANGE)
                sent += 1
        except QuotaGone:
            pass
        clock.seconds += 600
    assert 480 <= sent <= 500
