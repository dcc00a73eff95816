"""VK tokens: five per client and user, the old one dead the moment it is refreshed.

So a token is asked for once, kept where every process of the project finds it, and refreshed by
whoever holds the lock. Source: VK Ads API documentation, Authorization (2026).
"""

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import Field, SecretStr

from config.platforms import Account
from config.settings import Credentials
from connectors.errors import ContractBroken, CredentialsRefused, OperatorError
from connectors.http import Ask, Door, Effect, Reply, Surroundings, error_for_status
from connectors.kept import KeptFile
from connectors.oauth import Grant, GrantStore, KeptGrant, OAuthTokens, TokenStore
from connectors.origins import SANDBOX_TOKEN
from connectors.vk_wire import ACTS_401, OTHERWISE_401

PATH = "api/v2/oauth2/token.json"
NONE_YET = Grant(SecretStr(""))


class VkCredentials(Credentials):
    """Secrets of a VK Ads account: a token with its refresh token, or client id and secret."""

    token: SecretStr | None = Field(default=None, description="Access token; lives one day.")
    refresh_token: SecretStr | None = Field(default=None, description="To renew the token with.")
    client_id: str = Field(default="", description="Client id from the cabinet's API settings.")
    client_secret: SecretStr | None = Field(default=None, description="Its secret.")
    lookalikes: bool = Field(
        default=False, description="Whether VK enabled look-alikes for this account (untried)."
    )


class TokenGone(CredentialsRefused):
    """VK deleted the token, as it does after a month without a refresh."""


@dataclass(frozen=True)
class VkTokens(OAuthTokens):
    """Tokens of one account; the first one is asked for where the secrets hold none."""

    asks: bool = False
    """Whether a token may be asked for with client id and secret."""
    login: str | None = None
    """The client of an agency; None: the account of the client id itself."""

    def current(self) -> str:
        token = super().current()
        if not token and self.asks:
            with self.store.lock:
                if not super().current():
                    self.store.grant = self._first()
            token = super().current()
        return token

    def renew(self, stale: str) -> bool:
        try:
            return super().renew(stale)
        except TokenGone:
            if not self.asks:
                raise
        with self.store.lock:
            if super().current() == stale:
                self.store.grant = self._first()
        return True

    def _first(self) -> Grant:
        """One of the five tokens there can be."""
        secret = self.client_secret
        form = {
            "grant_type": "agency_client_credentials" if self.login else "client_credentials",
            "client_id": self.client_id,
            "client_secret": secret.get_secret_value() if secret else "",
        }
        if self.login:
            form["agency_client_name"] = self.login
        answer = self.door.send(Ask("POST", PATH, form=form, effect=Effect.TWICE)).body
        try:
            return Grant(SecretStr(answer["access_token"]), SecretStr(answer["refresh_token"]))
        except (TypeError, KeyError):
            raise ContractBroken(f"POST {PATH}: the answer has no pair of tokens.") from None


def tokens_for(account: Account, around: Surroundings, origin: str) -> VkTokens:
    """The account's tokens, shared by all who use the same secrets.

    Raises CredentialsRefused where the secrets neither hold nor can bring a token, ConfigError for
    unusable ones.
    """
    door = Door(origin, surroundings=around, judge=judge_token)
    if account.sandbox:
        store = _shared(around, "sandbox", lambda: TokenStore(Grant(SecretStr(SANDBOX_TOKEN))))
        return VkTokens(store, door, PATH)
    name = account.secrets_prefix
    secrets = _secrets(account, around)
    asks = bool(secrets.token is None and secrets.client_id and secrets.client_secret)
    if secrets.token is None and not (asks and around.state):
        raise CredentialsRefused(
            f"account {account.name}: there is no {name}TOKEN.",
            act=f"Set {name}TOKEN and {name}REFRESH_TOKEN, or {name}CLIENT_ID and "
            f"{name}CLIENT_SECRET in a project whose state folder can keep the token.",
        )
    first = Grant(secrets.token, secrets.refresh_token) if secrets.token else NONE_YET
    login = account.login if asks else None
    kept = name if login is None else f"{name}{login}_"
    return VkTokens(
        _shared(around, kept, lambda: _store(first, around, kept, secrets.client_id)),
        door,
        PATH,
        secrets.client_id,
        secrets.client_secret,
        asks,
        login,
    )


def lookalikes_for(account: Account, around: Surroundings) -> bool:
    """Whether look-alikes are switched on."""
    return not account.sandbox and _secrets(account, around).lookalikes


def _secrets(account: Account, around: Surroundings) -> VkCredentials:
    given = around.secrets.get(account.name)
    return VkCredentials.read(account.secrets_prefix, around.folder, given)


def _shared(around: Surroundings, name: str, make: Callable[[], GrantStore]) -> GrantStore:
    key = f"vk {name}"
    if key not in around.shared:
        around.shared[key] = make()
    store: GrantStore = around.shared[key]
    return store


def _store(first: Grant, around: Surroundings, name: str, client_id: str) -> GrantStore:
    if around.state is None:
        return TokenStore(first)
    safe = "".join(sign if sign.isalnum() else "_" for sign in name.lower())
    file = KeptFile(around.state / f"vk-{safe}token.json")
    return KeptGrant(first, file, client_id=client_id)


def judge_token(ask: Ask, reply: Reply) -> None:
    """401 has a flat body; 403 here is the limit of five tokens."""
    if reply.status == 403:
        raise OperatorError(
            f"{ask}: VK gives no further token; five exist for this client and user.",
            act="Delete them (POST /api/v2/oauth2/token/delete.json with client_id and "
            "client_secret), or put one of them with its refresh token into the secrets.",
        )
    if reply.status in (400, 401):
        code = reply.body.get("code") if isinstance(reply.body, dict) else None
        known = code in ("invalid_token", "invalid_client", "invalid_user", "revoked_token")
        kind = TokenGone if code == "invalid_token" else CredentialsRefused
        raise kind(
            f"{ask}: VK gives no token ({code if known else 'refused'}).",
            act=ACTS_401.get(str(code), OTHERWISE_401),
        )
    if not 200 <= reply.status < 300:
        raise error_for_status(ask, reply)
