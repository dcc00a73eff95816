"""VK tokens against the played token endpoint: asked for once, kept, refreshed by one."""

import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
import responses
from pydantic import SecretStr

from config.platforms import Account
from connectors.errors import ContractBroken, CredentialsRefused, OperatorError
from connectors.http import Ask, Door, Reply
from connectors.kept import KeptFile
from connectors.oauth import Grant, KeptGrant
from connectors.sandbox.server import Running
from connectors.vk_tokens import PATH, VkTokens, judge_token, tokens_for
from connectors.vk_wire import judge
from tests.support.surroundings import surroundings

ASKED = "oauth2.token.create"
ACCOUNT = Account(name="vk", platform="vk", secrets="SHOP_")
CLIENT = {"SHOP_CLIENT_ID": "sandbox-client", "SHOP_CLIENT_SECRET": "sandbox-secret"}


@pytest.fixture
def sandbox(server: Running, monkeypatch: pytest.MonkeyPatch) -> Running:
    requests.post(f"{server.url}/_sandbox/reset", timeout=20).raise_for_status()
    for name in ("TOKEN", "REFRESH_TOKEN", "CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.delenv(f"SHOP_{name}", raising=False)
    return server


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def tokens(sandbox: Running, state: Path | None, account: Account = ACCOUNT) -> VkTokens:
    """As a process of its own has them: nothing shared but the folder."""
    return tokens_for(account, surroundings(state=state), f"{sandbox.url}/vk/")


def door(sandbox: Running, with_: VkTokens) -> Door:
    return Door(f"{sandbox.url}/vk/", surroundings=surroundings(), tokens=with_, judge=judge)


def works(sandbox: Running, with_: VkTokens) -> None:
    ask = Ask("GET", "api/v2/remarketing/segments.json", query={"limit": 1})
    assert "items" in door(sandbox, with_).send(ask).body


def asked(sandbox: Running) -> int:
    found = sandbox.world.requests()
    return sum(one["count"] for one in found if one["operation"] == ASKED)


def secrets(monkeypatch: pytest.MonkeyPatch, **named: str) -> None:
    for name, value in named.items():
        monkeypatch.setenv(name, value)


def test_the_first_token_is_asked_for_once_for_all_processes(
    sandbox: Running, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets(monkeypatch, **CLIENT)
    for _ in range(8):
        works(sandbox, tokens(sandbox, state))
    assert asked(sandbox) == 1


def test_an_expired_token_is_renewed_and_the_others_find_the_new_one(
    sandbox: Running, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets(monkeypatch, **CLIENT)
    first, second = tokens(sandbox, state), tokens(sandbox, state)
    works(sandbox, first)
    works(sandbox, second)
    sandbox.world.move_clock(86_401)
    works(sandbox, first)
    works(sandbox, second)
    assert asked(sandbox) == 2


def test_many_who_notice_at_once_renew_once(
    sandbox: Running, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second refresh would kill the token the first one brought."""
    secrets(monkeypatch, **CLIENT)
    everybody = [tokens(sandbox, state) for _ in range(8)]
    stale = everybody[0].current()
    sandbox.world.move_clock(86_401)
    together = threading.Barrier(len(everybody))

    def renew(one: VkTokens) -> str:
        together.wait()
        assert one.renew(stale)
        return one.current()

    with ThreadPoolExecutor(len(everybody)) as pool:
        fresh = set(pool.map(renew, everybody))
    assert len(fresh) == 1
    assert stale not in fresh
    assert asked(sandbox) == 2
    works(sandbox, everybody[-1])


def test_a_refresh_that_somebody_else_did_is_found_in_the_file(
    sandbox: Running, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets(monkeypatch, **CLIENT)
    mine, theirs = tokens(sandbox, state), tokens(sandbox, state)
    works(sandbox, mine)
    theirs.renew(theirs.current())
    works(sandbox, mine)
    assert asked(sandbox) == 2


def test_a_token_deleted_after_an_idle_month_is_asked_for_anew(
    sandbox: Running, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets(monkeypatch, **CLIENT)
    works(sandbox, tokens(sandbox, state))
    sandbox.world.move_clock(40 * 86_400)
    works(sandbox, tokens(sandbox, state))


def test_a_sixth_token_is_the_operators(
    sandbox: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets(monkeypatch, **CLIENT)
    for place in range(4):
        works(sandbox, tokens(sandbox, tmp_path / str(place)))
    with pytest.raises(OperatorError, match=r"token/delete\.json"):
        tokens(sandbox, tmp_path / "fifth").current()


def test_an_agency_asks_for_its_client(
    sandbox: Running, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets(monkeypatch, **CLIENT)
    client = Account(name="vk", platform="vk", secrets="SHOP_", login="client-of-agency")
    ask = Ask("GET", "api/v2/remarketing/segments.json")
    of_client = door(sandbox, tokens(sandbox, state, client)).send(ask).body
    own = door(sandbox, tokens(sandbox, state)).send(ask).body
    assert (of_client["count"], own["count"]) == (0, 1)


def test_a_wrong_secret_is_refused(
    sandbox: Running, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets(monkeypatch, **CLIENT | {"SHOP_CLIENT_SECRET": "wrong-one"})
    with pytest.raises(CredentialsRefused, match="invalid_client") as caught:
        tokens(sandbox, state).current()
    assert "wrong-one" not in str(caught.value)


def test_a_given_token_is_renewed_too(
    sandbox: Running, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"SHOP_TOKEN": "sandbox-token", "SHOP_REFRESH_TOKEN": "sandbox-refresh-token"}
    secrets(monkeypatch, **CLIENT, **given)
    first = tokens(sandbox, state)
    works(sandbox, first)
    first.renew("sandbox-token")
    works(sandbox, first)
    again = tokens(sandbox, state)
    assert again.current() == first.current() != "sandbox-token"
    works(sandbox, again)


def test_new_secrets_go_before_what_was_kept(
    sandbox: Running, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"SHOP_TOKEN": "sandbox-token", "SHOP_REFRESH_TOKEN": "sandbox-refresh-token"}
    secrets(monkeypatch, **CLIENT, **given)
    tokens(sandbox, state).renew("sandbox-token")
    secrets(monkeypatch, SHOP_TOKEN="brought-by-the-operator")
    assert tokens(sandbox, state).current() == "brought-by-the-operator"


def test_client_and_secret_alone_need_a_place_to_keep_the_token(
    sandbox: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets(monkeypatch, **CLIENT)
    with pytest.raises(CredentialsRefused, match="state folder"):
        tokens(sandbox, None)


def test_a_token_without_a_refresh_token_is_not_renewed(
    sandbox: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets(monkeypatch, SHOP_TOKEN="expired-token")
    with pytest.raises(CredentialsRefused, match="expired_token"):
        works(sandbox, tokens(sandbox, None))
    assert asked(sandbox) == 0


def test_accounts_with_the_same_secrets_share_in_one_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secrets(monkeypatch, SHOP_TOKEN="t")
    around = surroundings()
    other = Account(name="other", platform="vk", secrets="SHOP_")
    one, two = (tokens_for(each, around, "https://ads.vk.com/") for each in (ACCOUNT, other))
    assert one.store is two.store


def test_nothing_shows_a_token(
    sandbox: Running, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets(monkeypatch, **CLIENT)
    some = tokens(sandbox, state)
    shown = f"{some!r} {some.store!r} {some.store.grant!r}"
    assert some.current() not in shown
    assert "sandbox-secret" not in shown


@pytest.mark.parametrize("answer", [{}, {"access_token": "x"}, ["x"]])
def test_an_answer_without_tokens_is_not_trusted(
    state: Path, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    secrets(monkeypatch, **CLIENT)
    with responses.RequestsMock() as net:
        net.add("POST", f"https://ads.vk.com/{PATH}", json=answer)
        with pytest.raises(ContractBroken):
            tokens_for(ACCOUNT, surroundings(state=state), "https://ads.vk.com/").current()


# The file


def test_only_its_owner_reads_the_file(state: Path) -> None:
    file = KeptFile(state / "one.json")
    assert file.read() == {}
    with file.held():
        file.write({"a": 1})
    assert file.read() == {"a": 1}
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert {stat.S_IMODE(one.stat().st_mode) for one in state.iterdir()} == {0o600}


def test_one_at_a_time_changes_the_file(state: Path) -> None:
    """As many processes would: each with an object and a lock of its own."""

    def count(_: int) -> None:
        file = KeptFile(state / "one.json")
        for _ in range(10):
            with file.held():
                file.write({"n": file.read().get("n", 0) + 1})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(8)))
    assert KeptFile(state / "one.json").read() == {"n": 80}


def test_half_a_file_is_nobodys_token(state: Path) -> None:
    state.mkdir()
    (state / "one.json").write_text('{"access": "x')
    first = Grant(SecretStr("first"))
    with pytest.raises(ContractBroken) as caught:
        _ = KeptGrant(first, KeptFile(state / "one.json")).grant
    assert "first" not in str(caught.value)


def test_a_client_error_of_the_endpoint_is_not_retried() -> None:
    with responses.RequestsMock() as net:
        net.add("POST", f"https://ads.vk.com/{PATH}", status=401, json={"code": "invalid_user"})
        only = Door("https://ads.vk.com/", surroundings=surroundings(), judge=judge_token)
        with pytest.raises(CredentialsRefused, match="invalid_user"):
            only.send(Ask("POST", PATH, form={}))


@pytest.mark.parametrize(
    ("login", "asked"),
    [
        (None, {"grant_type": "client_credentials"}),
        (
            "client-of-agency",
            {
                "grant_type": "agency_client_credentials",
                "agency_client_name": "client-of-agency",
            },
        ),
    ],
)
def test_the_forms_are_those_of_the_documents(
    monkeypatch: pytest.MonkeyPatch, state: Path, login: str | None, asked: dict[str, str]
) -> None:
    """Seconds as a text in one answer and as a number in the next; a token of its own for each."""
    for name in ("TOKEN", "REFRESH_TOKEN"):
        monkeypatch.delenv(f"SHOP_{name}", raising=False)
    secrets(monkeypatch, **CLIENT)
    client = {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}
    renewal = {"grant_type": "refresh_token", "refresh_token": "r"}
    origin = "https://ads.vk.com/"
    with responses.RequestsMock(registry=responses.registries.OrderedRegistry) as net:
        for form, token, seconds in ((asked, "first", "86400"), (renewal, "second", 86_400)):
            answer = {"access_token": token, "token_type": "bearer", "scope": "read_ads"}
            net.add(
                "POST",
                f"{origin}api/v2/oauth2/token.json",
                json={**answer, "expires_in": seconds, "refresh_token": "r"},
                match=[
                    responses.matchers.urlencoded_params_matcher({**form, **client}),
                    responses.matchers.header_matcher(
                        {"Content-Type": "application/x-www-form-urlencoded"}
                    ),
                ],
            )
        account = Account(name="vk", platform="vk", secrets="SHOP_", login=login)
        mine = tokens_for(account, surroundings(state=state), origin)
        assert mine.current() == "first"
        assert mine.renew("first")
        assert mine.current() == "second"


@pytest.mark.parametrize(
    ("code", "act"),
    [
        ("invalid_client", "client id and secret of ads.vk.com/hq/settings/access"),
        ("invalid_user", "support"),
        ("revoked_token", "Give consent again at ads.vk.com/hq/settings/access"),
        ("anything", "Authorise the account again at ads.vk.com/hq/settings/access"),
    ],
)
def test_a_refused_token_says_where_to_go(code: str, act: str) -> None:
    ask = Ask("POST", PATH)
    reply = Reply(401, {}, "", {"code": code, "message": "m"})
    with pytest.raises(CredentialsRefused) as caught:
        judge_token(ask, reply)
    assert act in caught.value.act
