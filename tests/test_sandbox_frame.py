"""The sandbox around the platforms: faults, memory, clock, control door, page, process, OAuth."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import requests

from config.load import load_project
from config.settings import Settings as ProjectSettings
from connectors.registry import PLATFORMS
from connectors.sandbox.server import Running, run_in_thread
from connectors.sandbox.world import World
from tests.support.sandbox import fresh
from tests.support.sandbox_yandex import Audience, Direct, crm, digest
from tests.support.starter import make_starter

REFRESH = {
    "grant_type": "refresh_token",
    "refresh_token": "sandbox-refresh-token",
    "client_id": "sandbox-client",
    "client_secret": "sandbox-secret",
}


@pytest.fixture
def audience(sandbox: Running) -> Audience:
    return Audience(sandbox)


def inject(sandbox: Running, kind: str, **more: Any) -> None:
    answer = requests.post(
        f"{sandbox.url}/_sandbox/faults", json={"kind": kind, **more}, timeout=20
    )
    assert answer.status_code == 200, answer.text


def state(url: str) -> dict[str, Any]:
    return requests.get(f"{url}/_sandbox/state", timeout=20).json()


def segments(url: str) -> list[dict[str, Any]]:
    return state(url)["platforms"]["yandex_audience"]["lists"]


# Faults


def test_throttling_without_and_with_retry_after(sandbox: Running, audience: Audience) -> None:
    sandbox.world.move_clock(86400)  # the wait is by the wall clock, not by the sandbox's own
    inject(sandbox, "throttle")
    inject(sandbox, "throttle", retry_after=7)
    inject(sandbox, "throttle", retry_after=90, retry_after_form="date")
    answers = [audience.ask("GET", "segments") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [429, 429, 429, 200]
    assert "Retry-After" not in answers[0].headers
    assert answers[1].headers["Retry-After"] == "7"
    told, sent = (parsedate_to_datetime(answers[2].headers[n]) for n in ("Retry-After", "Date"))
    assert 85 <= (told - sent).total_seconds() <= 95


@pytest.mark.parametrize("status", [500, 502, 503])
@pytest.mark.parametrize("after_effect", [False, True])
def test_a_server_error_before_or_after_the_effect(
    sandbox: Running, audience: Audience, status: int, after_effect: bool
) -> None:
    before = len(segments(sandbox.url))
    inject(sandbox, "server_error", status=status, after_effect=after_effect)
    assert audience.upload(crm(range(3))).status_code == status
    assert len(segments(sandbox.url)) == before + after_effect


@pytest.mark.parametrize("after_effect", [False, True])
def test_a_connection_cut_in_the_middle_of_the_answer(
    sandbox: Running, audience: Audience, after_effect: bool
) -> None:
    before = len(segments(sandbox.url))
    inject(sandbox, "cut", after_effect=after_effect)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        audience.upload(crm(range(3)))
    assert len(segments(sandbox.url)) == before + after_effect


def test_a_malformed_answer(sandbox: Running, audience: Audience) -> None:
    inject(sandbox, "malformed", after_effect=True)
    answer = audience.upload(crm(range(3)))
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_a_slow_answer_outlasts_a_short_patience(sandbox: Running, audience: Audience) -> None:
    inject(sandbox, "slow", seconds=0.6)
    with pytest.raises(requests.ReadTimeout):
        requests.get(
            f"{sandbox.url}/yandex_audience/v1/management/segments",
            headers=audience.headers,
            timeout=0.2,
        )


def test_http_200_with_an_error_inside(sandbox: Running, audience: Audience) -> None:
    inject(sandbox, "error_inside")
    answer = audience.ask("GET", "segments")
    assert (answer.status_code, answer.json()["errors"][0]["error_type"]) == (200, "backend_error")
    inject(sandbox, "error_inside")
    assert Direct(sandbox).code("campaigns", "get", {}) == 1000


@pytest.mark.parametrize(
    ("kind", "status", "word", "code"),
    [
        ("expired_token", 401, "unauthorized", 53),
        ("revoked_token", 403, "invalid_token", 53),
        ("no_rights", 403, "access_denied", 58),
        ("quota_gone", 429, "quota", 152),
    ],
)
def test_refusals_in_the_words_of_each_platform(
    sandbox: Running, audience: Audience, kind: str, status: int, word: str, code: int
) -> None:
    inject(sandbox, kind, times=2)
    answer = audience.ask("GET", "segments")
    assert (answer.status_code, answer.json()["errors"][0]["error_type"]) == (status, word)
    assert Direct(sandbox).code("campaigns", "get", {}) == code


def test_partial_answers_fail_every_second_item(sandbox: Running, audience: Audience) -> None:
    rules = [{"Operator": "ALL", "Arguments": [{"ExternalId": 1}]}]
    wish = {"RetargetingLists": [{"Name": f"list {n}", "Rules": rules} for n in range(4)]}
    inject(sandbox, "partial", platform="yandex_direct")
    codes = Direct(sandbox).item_codes("retargetinglists", "add", wish)
    assert codes == [[], [1002], [], [1002]]
    inject(sandbox, "partial", operation="upload_csv_file")
    number = audience.confirmed(crm(range(300)))
    sandbox.world.move_clock(7200)
    segment = audience.segment(number)
    assert (segment["item_quantity"], segment["valid_unique_quantity"]) == (300, 150)


def test_a_fault_waits_for_its_platform_and_operation(sandbox: Running, audience: Audience) -> None:
    inject(sandbox, "server_error", platform="yandex_audience", operation="confirm", times=2)
    number = audience.uploaded(crm(range(200)))
    assert [audience.confirm(number).status_code for _ in range(3)] == [503, 503, 200]
    assert state(sandbox.url)["faults"] == []


def test_an_unknown_fault_or_setting_is_refused(sandbox: Running) -> None:
    for door, body in (
        ("faults", {"kind": "surprise"}),
        ("faults", {"kind": "throttle", "retryafter": 3}),
        ("settings", {"colour": "red"}),
        ("settings", {"speed": "fast"}),
    ):
        answer = requests.post(f"{sandbox.url}/_sandbox/{door}", json=body, timeout=20)
        assert answer.status_code == 400


def test_a_list_deleted_behind_our_back(sandbox: Running, audience: Audience) -> None:
    number = audience.confirmed(crm(range(200)))
    door = f"{sandbox.url}/_sandbox/lists/yandex_audience/{number}"
    assert requests.delete(door, timeout=20).json() == {"deleted": True}
    assert requests.delete(door, timeout=20).status_code == 404
    assert number not in [one["id"] for one in audience.segments()]


def test_a_token_can_be_made_to_expire(sandbox: Running, audience: Audience) -> None:
    change = {"token": "sandbox-token", "expires_in": 60}
    requests.post(f"{sandbox.url}/_sandbox/tokens", json=change, timeout=20)
    assert audience.ask("GET", "segments").status_code == 200
    sandbox.world.move_clock(60)
    assert audience.ask("GET", "segments").status_code == 401


# Control door and page


def test_requests_are_counted_by_platform_and_operation(
    sandbox: Running, audience: Audience
) -> None:
    number = audience.uploaded(crm(range(200)))
    audience.confirm(number)
    audience.confirm(number)
    counted = {(r["operation"], r["status"]): r["count"] for r in state(sandbox.url)["requests"]}
    assert counted == {("upload_csv_file", 200): 1, ("confirm", 200): 1, ("confirm", 400): 1}


def test_the_page_shows_six_characters_of_a_digest_and_no_more(
    sandbox: Running, audience: Audience
) -> None:
    number = audience.uploaded(f"phone,email\n{digest('p')},\n".encode())
    audience.confirm(number, query="?check_size=false", name="<b>buyers</b>")
    page = requests.get(sandbox.url, timeout=20).text
    assert digest("p")[:6] in page
    assert digest("p")[:7] not in page
    assert "&lt;b&gt;buyers" in page
    assert "http://" not in page
    assert "upload_csv_file" in page


def test_the_clock_moves_on_command(sandbox: Running) -> None:
    before = sandbox.world.now()
    answer = requests.post(f"{sandbox.url}/_sandbox/clock?seconds=3600", timeout=20)
    assert 3600 <= answer.json()["now"] - before < 3660


def test_reset_leaves_what_the_account_held_before(sandbox: Running, audience: Audience) -> None:
    audience.uploaded(crm(range(3)))
    requests.post(f"{sandbox.url}/_sandbox/reset", timeout=20)
    assert [one["name"] for one in segments(sandbox.url)] == ["made by hand"]
    bids = state(sandbox.url)["platforms"]["yandex_direct"]["bids"]
    assert [bid["Id"] for bid in bids] == [10_000_001, 10_000_002]


def test_generous_matching_lets_a_small_list_be_usable(
    sandbox: Running, audience: Audience
) -> None:
    sandbox.world.change(generous=True)
    number = audience.confirmed(crm(range(1)), query="?check_size=false")
    sandbox.world.move_clock(7200)
    assert audience.segment(number)["status"] == "processed"


# OAuth


def refresh(sandbox: Running, **changes: str) -> requests.Response:
    return requests.post(f"{sandbox.url}/yandex_oauth/token", data=REFRESH | changes, timeout=20)


def test_a_token_with_plenty_of_life_comes_back_unchanged(sandbox: Running) -> None:
    assert refresh(sandbox).json()["access_token"] == "sandbox-token"


def test_an_expired_token_is_renewed_and_both_tokens_rotate(sandbox: Running) -> None:
    sandbox.world.put_token("sandbox-token", state="expired")
    fresh_one = refresh(sandbox).json()
    renewed = Audience(sandbox, f"OAuth {fresh_one['access_token']}")
    assert renewed.ask("GET", "segments").status_code == 200
    assert refresh(sandbox).json()["error"] == "invalid_grant"
    again = refresh(sandbox, refresh_token=fresh_one["refresh_token"]).json()
    assert again["access_token"] == fresh_one["access_token"]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_secret": "guess"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"refresh_token": "guess"}, "invalid_grant"),
        ({"refresh_token": ""}, "invalid_request"),
    ],
)
def test_refresh_refuses_what_it_does_not_know(
    sandbox: Running, changes: dict[str, str], error: str
) -> None:
    answer = refresh(sandbox, **changes)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_refresh_takes_the_client_from_basic_authentication(sandbox: Running) -> None:
    body = {k: v for k, v in REFRESH.items() if not k.startswith("client")}
    answer = requests.post(
        f"{sandbox.url}/yandex_oauth/token",
        data=body,
        auth=("sandbox-client", "sandbox-secret"),
        timeout=20,
    )
    assert answer.status_code == 200


# Process and memory


@contextmanager
def process(*arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The sandbox as its own process, killed at the end if it is still there."""
    command = [sys.executable, "-m", "connectors.sandbox", "--port", "0", *arguments]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[1],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    ) as running:
        assert running.stdout is not None
        try:
            yield running, json.loads(running.stdout.readline())["url"]
        finally:
            running.kill()


def test_state_survives_sigkill(tmp_path: Path) -> None:
    kept = ("--state", str(tmp_path / "sandbox.sqlite"), "--processing-seconds", "1")
    with process(*kept) as (running, url):
        here = Running(url, World())
        number = Audience(here).confirmed(crm(range(300)))
        listed = Direct(here).add_list(number)
        running.kill()
        running.wait(timeout=20)
        before = digest("phone 7")
    with process(*kept) as (_, url):
        assert before in next(one for one in segments(url) if one["id"] == number)["members"]
        lists = state(url)["platforms"]["yandex_direct"]["lists"]
        assert listed in [one["Id"] for one in lists]
        counted = {r["operation"]: r["count"] for r in state(url)["requests"]}
        assert counted["confirm"] == 1
        assert len(segments(url)) == 2
    assert (tmp_path / "sandbox.sqlite").stat().st_mode & 0o077 == 0


def test_the_process_follows_its_parent_and_ends_on_sigterm() -> None:
    with process("--follow-parent") as (running, url):
        assert requests.get(url, timeout=20).status_code == 200
        assert running.stdin is not None
        running.stdin.close()
        assert running.wait(timeout=20) is not None
    with process() as (running, url):
        assert requests.get(url, timeout=20).status_code == 200
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=20) in (0, -signal.SIGTERM)


def test_members_are_folded_the_same_after_many_parts() -> None:
    """Parts of a list are compacted on the way; nothing is lost or doubled by it."""
    with run_in_thread() as running:
        world = fresh(running).world
        audience = Audience(running)
        number = audience.confirmed(crm(range(200)))
        for part in range(70):
            world.move_clock(7200)
            audience.modify(number, "addition", crm(range(200 + part, 203 + part)))
            if part == 30:
                world.move_clock(7200)
                audience.modify(number, "subtraction", crm(range(100)))
        found = next(one for one in segments(running.url) if one["id"] == number)
        expected = {digest(f"{kind} {n}") for n in range(100, 272) for kind in ("phone", "email")}
        assert set(found["members"]) == expected
        assert found["member_count"] == 172


def test_what_the_command_prints_points_a_project_at_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ADSTEER_SANDBOX_URL", raising=False)
    monkeypatch.delenv("ADSTEER_SANDBOX_SPEED", raising=False)
    command = [sys.executable, "-m", "flows", "sandbox", "--port", "0", "--speed", "60"]
    here = Path(__file__).parents[1]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=here, text=True) as running:
        try:
            assert running.stdout is not None
            lines = takewhile(lambda line: "Ctrl-C" not in line, running.stdout)
            accounts, variables = "".join(lines).split("# .env\n")
            shop = make_starter(tmp_path / "shop")
            (shop / "platforms.toml").write_text(accounts, encoding="utf-8")
            (shop / ".env").write_text(variables, encoding="utf-8")
            pointed = load_project(shop).platforms.account
            assert {one.platform for one in pointed} == set(PLATFORMS)
            assert all(one.sandbox for one in pointed)
            settings = ProjectSettings.load(shop)
            assert settings.sandbox_speed == 60
            assert "yandex_audience" in state(settings.sandbox_url)["platforms"]
        finally:
            running.kill()
