"""Where requests of an account go: to the platform, or to the sandbox that plays it."""

from config.platforms import Account
from connectors.errors import RuleRefused
from connectors.http import Surroundings

SANDBOX_TOKEN = "sandbox-token"  # noqa: S105  # opens nothing but our own sandbox


def origin_for(account: Account, around: Surroundings, name: str, real: str) -> str:
    """The address that paths of this account begin with.

    Raises RuleRefused for a sandbox account while no sandbox is known.
    """
    if not account.sandbox:
        return real
    if around.sandbox_url is None:
        raise RuleRefused(
            f"account {account.name} is a sandbox account, but no sandbox address is set.",
            act="Start `adsteer sandbox` and set its address, or remove `sandbox = true`.",
        )
    return f"{around.sandbox_url.rstrip('/')}/{name}/"
