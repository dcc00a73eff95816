"""Yandex Audience keeps the contract, over HTTP against the sandbox."""

import pytest
from pydantic import SecretStr

from audiences.model import Verb
from connectors.errors import ListTooSmall
from connectors.http import Door
from connectors.oauth import Grant, OAuthTokens, TokenStore, judge_token_answer
from connectors.yandex_audience import YandexAudience
from connectors.yandex_segments import judge
from tests.support.contract import (
    ConnectorContract,
    LookalikeContract,
    ReplaceContract,
    sandbox_server,
)
from tests.support.members import batch
from tests.support.sandbox import Sandbox
from tests.support.surroundings import surroundings

__all__ = ["sandbox_server"]


class TestYandexAudience(ConnectorContract):
    platform = "yandex_audience"
    connector_class = YandexAudience
    create_operations = ("upload_csv_file", "confirm")
    add_operation = "modify_data"
    remove_operation = "modify_data"
    rename_operation = "rename"

    def test_an_expired_token_is_renewed(self, box: Sandbox) -> None:
        """The sandbox's own OAuth server, the real one's rules."""
        around = surroundings()
        tokens = OAuthTokens(
            TokenStore(Grant(SecretStr("mine"), SecretStr("to-renew"))),
            Door(f"{box.url}/yandex_oauth/", surroundings=around, judge=judge_token_answer),
            "token",
            "sandbox-client",
            SecretStr("sandbox-secret"),
        )
        door = Door(
            f"{box.url}/yandex_audience/v1/management/",
            surroundings=around,
            tokens=tokens,
            scheme="OAuth",
            judge=judge,
        )
        box.token("mine", login="shop", refresh_token="to-renew", state="expired")
        YandexAudience(door).check()
        assert tokens.current() != "mine"
        box.token(tokens.current(), state="revoked")


class TestYandexAudienceReplacing(ReplaceContract):
    platform = "yandex_audience"
    connector_class = YandexAudience
    replace_operation = "modify_data"

    def test_fewer_than_a_list_must_have(self, connector, box, list_id):
        with pytest.raises(ListTooSmall):
            connector.replace(list_id, batch(1, 99, Verb.REPLACE))
        assert box.members(self.platform, list_id) == self.digests_of(batch(1, self.people))


class TestYandexAudienceLookalikes(LookalikeContract):
    platform = "yandex_audience"
    connector_class = YandexAudience
    grow_operation = "create_lookalike"
    refresh_operation = "reprocess"
