"""Which platforms there are. A new one is its own file, one line here, and its tests."""

import difflib

from config.platforms import Account
from connectors.errors import RuleRefused
from connectors.google import Google
from connectors.http import Surroundings
from connectors.meta import Meta
from connectors.microsoft import Microsoft
from connectors.tiktok import TikTok
from connectors.vk import Vk
from connectors.yandex_audience import YandexAudience
from connectors.yandex_direct import YandexDirect

Platform = YandexAudience | YandexDirect | Vk | Google | Meta | Microsoft | TikTok
PLATFORMS: dict[str, type[Platform]] = {
    one.platform: one for one in (YandexAudience, YandexDirect, Vk, Google, Meta, Microsoft, TikTok)
}


def connect(account: Account, around: Surroundings) -> Platform:
    """The connector of an account. Nothing is sent yet.

    Ask it with isinstance what it can do: Connector, GrowsLookalikes, CorrectsBids, ReportsSpend.
    Raises RuleRefused for an unknown platform or a sandbox without an address, ConfigError for
    missing secrets.
    """
    known = PLATFORMS.get(account.platform)
    if known is None:
        near = difflib.get_close_matches(account.platform, PLATFORMS, 1)
        raise RuleRefused(
            f"account {account.name}: unknown platform {account.platform!r}.",
            act=f"Known: {', '.join(sorted(PLATFORMS))}."
            + (f" Did you mean {near[0]}?" if near else ""),
        )
    return known.connect(account, around)
