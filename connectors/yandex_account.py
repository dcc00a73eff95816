"""A Yandex login: one OAuth token for Audience and for Direct, renewed once for both.

Facts: yandex.ru/dev/id (tokens and their renewal), as of September 2026.
"""

from pydantic import Field, SecretStr

from config.platforms import Account
from config.settings import Credentials
from connectors.http import Door, Surroundings
from connectors.kept import KeptFile
from connectors.oauth import (
    Grant,
    GrantStore,
    KeptGrant,
    OAuthTokens,
    TokenStore,
    judge_token_answer,
)
from connectors.origins import SANDBOX_TOKEN, origin_for

OAUTH_ORIGIN = "https://oauth.yandex.ru/"


class YandexCredentials(Credentials):
    """Secrets of a Yandex account, for Audience and Direct alike."""

    token: SecretStr = Field(description="OAuth token with audience:read and audience:write.")
    refresh_token: SecretStr | None = Field(default=None, description="To renew the token with.")
    client_id: str = Field(default="", description="Id of the OAuth application.")
    client_secret: SecretStr | None = Field(default=None, description="Its secret.")


def yandex_tokens(account: Account, around: Surroundings) -> OAuthTokens:
    """The account's tokens; a sandbox account has the sandbox's and needs no secrets.

    Accounts with the same secrets share them, so that a token is renewed once for all.
    Raises ConfigError that names the missing variable.
    """
    if account.sandbox:
        token = SecretStr(SANDBOX_TOKEN)
        secrets = YandexCredentials.model_construct(token=token)
        name = "sandbox"
    else:
        name = account.secrets_prefix
        given = around.secrets.get(account.name)
        secrets = YandexCredentials.read(name, around.folder, given)
    key = f"yandex {name}"
    if key not in around.shared:
        around.shared[key] = _store(secrets, around, name)
    return OAuthTokens(
        around.shared[key],
        Door(
            origin_for(account, around, "yandex_oauth", OAUTH_ORIGIN),
            surroundings=around,
            judge=judge_token_answer,
        ),
        "token",
        secrets.client_id,
        secrets.client_secret,
    )


def _store(secrets: YandexCredentials, around: Surroundings, name: str) -> GrantStore:
    """In a file of the project's state: Yandex may give another refresh token with each renewal,
    and another run must not use up the old one beside us."""
    first = Grant(secrets.token, secrets.refresh_token)
    if around.state is None or secrets.refresh_token is None:
        return TokenStore(first)
    file = KeptFile(around.state / f"yandex-{name.lower()}token.json")
    return KeptGrant(first, file, client_id=secrets.client_id)
