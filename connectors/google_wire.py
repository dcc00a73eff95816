"""How Google is talked to: two APIs, one grant.

Lists and their members go through the Data Manager API; look-alikes, bid modifiers and figures
through the Google Ads API. The refresh token must have been granted both scopes.

Facts: google-ads 34.0.0 (v26), google-ads-datamanager 0.9.4 (v1), and the developer documents of
both APIs, as of November 2026. UNVERIFIED marks what they leave open.
"""

import math
import threading
from collections.abc import Callable
from typing import Literal

from pydantic import Field, SecretStr

from config.platforms import Account
from config.settings import Credentials
from connectors.errors import ContractBroken, RuleRefused
from connectors.facts import facts_of
from connectors.http import Ask, Door, Effect, Surroundings
from connectors.oauth import judge_token_answer
from connectors.origins import SANDBOX_TOKEN, origin_for

DATA_ORIGIN = "https://datamanager.googleapis.com/"
ADS_ORIGIN = "https://googleads.googleapis.com/"
OAUTH_ORIGIN = "https://oauth2.googleapis.com/"
SCOPES = ("https://www.googleapis.com/auth/datamanager", "https://www.googleapis.com/auth/adwords")

FACTS = facts_of("google")
DATA_VERSION, ADS_VERSION = FACTS.spoken("Data Manager API"), FACTS.spoken("Google Ads API")

SANDBOX_CUSTOMER = "1234567890"

SPARE_SECONDS = 300.0
"""A token with less life than this is renewed before it is used."""


class GoogleCredentials(Credentials):
    """Secrets of a Google account, and what else only its operator can say."""

    client_id: str = Field(description="Id of the OAuth client.")
    client_secret: SecretStr = Field(description="Its secret.")
    refresh_token: SecretStr = Field(description="Granted with both scopes, see SCOPES.")
    manager_id: str = Field(
        default="",
        pattern=r"^(\d{10})?$",
        description="Manager account through which access is granted: ten digits.",
    )
    access_level: Literal["explorer", "basic", "standard"] = Field(
        default="basic", description="Google Ads API access level of the Cloud project."
    )
    developer_token: SecretStr | None = Field(
        default=None, description="Not needed since September 2026; sent where it is set."
    )
    customer_match_terms: Literal["", "accepted"] = Field(
        default="", description="'accepted' once you accept Google's Customer Match terms."
    )


class GoogleTokens:
    """Access tokens of an hour, fetched with the refresh token when they are needed.

    `first` is used until it is refused.
    """

    def __init__(
        self,
        door: Door,
        secrets: GoogleCredentials,
        clock: Callable[[], float],
        first: SecretStr | None = None,
    ) -> None:
        self._door = door
        self._secrets = secrets
        self._clock = clock
        self._lock = threading.Lock()
        self._access = first or SecretStr("")
        self._old_at = math.inf if first else 0.0

    def current(self) -> str:
        with self._lock:
            if self._clock() >= self._old_at:
                self._fetch()
            return self._access.get_secret_value()

    def renew(self, stale: str) -> bool:
        with self._lock:
            if self._access.get_secret_value() == stale:
                self._fetch()
            return True

    def _fetch(self) -> None:
        form = {
            "grant_type": "refresh_token",
            "client_id": self._secrets.client_id,
            "client_secret": self._secrets.client_secret.get_secret_value(),
            "refresh_token": self._secrets.refresh_token.get_secret_value(),
        }
        ask = Ask("POST", "token", form=form, effect=Effect.SAME)
        answer = self._door.send(ask).body
        access = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(access, str) or not access:
            raise ContractBroken(f"{ask}: the answer has no access_token.")
        self._access = SecretStr(access)
        self._old_at = self._clock() + float(answer.get("expires_in", 0)) - SPARE_SECONDS


def secrets_of(account: Account, around: Surroundings) -> GoogleCredentials:
    """Of the account; a sandbox account has the sandbox's and needs none.

    Raises ConfigError that names the missing variable.
    """
    if not account.sandbox:
        given = around.secrets.get(account.name)
        return GoogleCredentials.read(account.secrets_prefix, around.folder, given)
    return GoogleCredentials.model_construct(
        client_id="sandbox-client",
        client_secret=SecretStr("sandbox-secret"),
        refresh_token=SecretStr("sandbox-refresh-token"),
        manager_id="",
        access_level="standard",  # the sandbox counts operations by its own clock
        developer_token=None,
        customer_match_terms="accepted",
    )


def tokens_of(account: Account, around: Surroundings, secrets: GoogleCredentials) -> GoogleTokens:
    """Shared by the accounts that have the same secrets."""
    origin = origin_for(account, around, "google_oauth", OAUTH_ORIGIN)
    door = Door(origin, surroundings=around, judge=judge_token_answer)
    name = "sandbox" if account.sandbox else account.secrets_prefix
    first = SecretStr(SANDBOX_TOKEN) if account.sandbox else None
    fresh = GoogleTokens(door, secrets, around.clock, first)
    shared: GoogleTokens = around.shared.setdefault(f"google {name}", fresh)
    return shared


def customer_of(account: Account) -> str:
    """Ten digits. Raises RuleRefused for anything else."""
    written = account.login or (SANDBOX_CUSTOMER if account.sandbox else "")
    number = written.replace("-", "")
    if len(number) != 10 or not number.isdecimal():
        raise RuleRefused(
            f"account {account.name}: login {written!r} is no customer id of Google Ads.",
            act="Set login to the ten digits that Google Ads shows in its upper right corner.",
        )
    return number
