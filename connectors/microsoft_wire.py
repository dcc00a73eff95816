"""How Microsoft Advertising is talked to: credentials, and tokens that are good for one renewal.

Facts: Microsoft Advertising REST API v13, as of autumn 2026. UNVERIFIED marks what the documents
leave open.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal

from pydantic import Field, SecretStr

from config.platforms import Account
from config.settings import Credentials
from connectors.errors import (
    CredentialsRefused,
)
from connectors.facts import facts_of
from connectors.http import (
    Door,
    Surroundings,
)
from connectors.kept import KeptFile
from connectors.oauth import (
    Grant,
    GrantStore,
    KeptGrant,
    OAuthTokens,
    TokenStore,
    judge_token_answer,
)
from connectors.origins import origin_for

FACTS = facts_of("microsoft")
OAUTH_ORIGIN = "https://login.microsoftonline.com/"
GOOGLE_OAUTH_ORIGIN = "https://oauth2.googleapis.com/"
"""For users who sign in with Google: their refresh tokens stay as they are."""
SCOPE = "https://ads.microsoft.com/msads.manage offline_access"

SANDBOX_TOKEN = "sandbox-token"  # noqa: S105  # these open nothing but our own sandbox
SANDBOX_DEVELOPER_TOKEN = "sandbox-developer-token"  # noqa: S105
SANDBOX_CUSTOMER, SANDBOX_ACCOUNT = "251000001", "123456789"

GREENWICH = "GreenwichMeanTimeDublinEdinburghLisbonLondon"
"""Left out, days of reports would be those of the Pacific coast."""
CONSENT_AGAIN = (
    "Give consent again as a user of the account, signed in with a second factor (it is gone after "
    "90 days without use, and with a new password), and put the new REFRESH_TOKEN among the "
    "account's secrets."
)


class MicrosoftCredentials(Credentials):
    """Secrets of an ad account, and the two numbers that go with them."""

    developer_token: SecretStr = Field(description="Developer token of the manager account.")
    customer_id: str = Field(pattern=r"^\d+$", description="Number of the manager account (CID).")
    client_id: str = Field(default="", description="Id of the application in Microsoft Entra.")
    client_secret: SecretStr | None = Field(
        default=None, description="Its secret; only for web applications."
    )
    refresh_token: SecretStr | None = Field(default=None, description="To renew the token with.")
    token: SecretStr | None = Field(default=None, description="Access token; lives one hour.")
    tenant: str = Field(
        default="common", pattern=r"^[A-Za-z0-9.-]+$", description="Directory of the users."
    )
    identity_provider: Literal["microsoft", "google"] = Field(
        default="microsoft", description="Where the user of the account signs in."
    )
    accepts_terms: bool = Field(
        default=False,
        description="Accept the Customer Match terms with every change, in the shop's name.",
    )
    api_revision: str | None = Field(
        default=None, description="Header Api-Revision, a date; effect UNVERIFIED."
    )
    report_time_zone: str = Field(
        default=GREENWICH,
        pattern=r"^[A-Za-z]+$",
        description="Whose days reports tell, as Microsoft's ReportTimeZone names it.",
    )


def credentials_for(account: Account, around: Surroundings) -> MicrosoftCredentials:
    """The account's secrets; the sandbox's own for a sandbox account.

    Raises ConfigError that names the missing variable.
    """
    if account.sandbox:
        return MicrosoftCredentials.model_construct(
            developer_token=SecretStr(SANDBOX_DEVELOPER_TOKEN),
            customer_id=SANDBOX_CUSTOMER,
            token=SecretStr(SANDBOX_TOKEN),
            accepts_terms=True,
        )
    given = around.secrets.get(account.name)
    return MicrosoftCredentials.read(account.secrets_prefix, around.folder, given)


def headers_of(secrets: MicrosoftCredentials, account: str) -> dict[str, str]:
    """What goes along with every call beside the token."""
    headers = {
        "DeveloperToken": secrets.developer_token.get_secret_value(),
        "CustomerId": secrets.customer_id,
        "CustomerAccountId": account,
    }
    if secrets.api_revision:
        headers["Api-Revision"] = secrets.api_revision
    if secrets.identity_provider == "google":
        headers["IdentityProvider"] = "Google"
    return headers


@dataclass(frozen=True)
class MicrosoftTokens(OAuthTokens):
    """Tokens of one account. An access token lives an hour, so the first is fetched as well."""

    def current(self) -> str:
        if not super().current():
            with self.store.lock:
                refresh = self.store.grant.refresh
                if not super().current() and refresh is not None:
                    self.store.grant = self._renewed(refresh)
        return super().current()


def tokens_for(
    account: Account, around: Surroundings, secrets: MicrosoftCredentials
) -> MicrosoftTokens:
    """Tokens shared by all accounts with the same secrets: a refresh token is good for one use.

    Raises CredentialsRefused where there is neither a token nor a refresh token with its client.
    """
    name = "sandbox" if account.sandbox else account.secrets_prefix
    if secrets.token is None and secrets.refresh_token is None:
        raise CredentialsRefused(
            f"account {account.name}: there is no {name}REFRESH_TOKEN.",
            act=f"Consent once as a user of the account and set {name}REFRESH_TOKEN.",
        )
    if secrets.refresh_token is not None and not secrets.client_id:
        raise CredentialsRefused(
            f"account {account.name}: there is no {name}CLIENT_ID to use the refresh token with.",
            act=f"Set {name}CLIENT_ID to the application's id in Microsoft Entra (App "
            "registrations); a web application needs its CLIENT_SECRET too.",
        )
    key = f"microsoft {name}"
    if key not in around.shared:
        around.shared[key] = _store(secrets, around, name)
    origin, path, scope = OAUTH_ORIGIN, f"{secrets.tenant}/oauth2/v2.0/token", SCOPE
    if secrets.identity_provider == "google":
        origin, path, scope = GOOGLE_OAUTH_ORIGIN, "token", ""
    return MicrosoftTokens(
        around.shared[key],
        Door(
            origin_for(account, around, "microsoft_oauth", origin),
            surroundings=around,
            judge=partial(judge_token_answer, act=CONSENT_AGAIN),
        ),
        path,
        secrets.client_id,
        secrets.client_secret,
        scope=scope,
    )


def _store(secrets: MicrosoftCredentials, around: Surroundings, name: str) -> GrantStore:
    """In a file of the project's state, so that the next run has the refresh token of this one."""
    first = Grant(secrets.token or SecretStr(""), secrets.refresh_token)
    if around.state is None or secrets.refresh_token is None:
        return TokenStore(first)
    file = KeptFile(around.state / f"microsoft-{name.lower()}token.json")
    return KeptGrant(first, file, client_id=secrets.client_id)
