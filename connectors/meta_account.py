"""One Meta ad account: what its lists, look-alikes and corrections all ask of it.

Facts: Marketing API v26.0 documentation and the official SDK 26.0.3, as of November 2026.
UNVERIFIED marks what they leave open.
"""

from collections.abc import Iterator
from typing import Any

from audiences.model import ListState
from config.platforms import Account
from connectors.errors import ContractBroken, RuleRefused
from connectors.facts import facts_of
from connectors.http import Surroundings, redact
from connectors.meta_wire import PAGE, Graph

PLATFORM = "meta"
FACTS = facts_of(PLATFORM)
VERSION = FACTS.spoken()
SANDBOX_ACCOUNT = "700100200300"

ACCOUNT = "act_{account}"
AUDIENCES = ACCOUNT + "/customaudiences"
STATE_FIELDS = (
    "id,operation_status,delivery_status,approximate_count_lower_bound,"
    "approximate_count_upper_bound"
)

HEAVY_PAGE = FACTS.whole("rows_of_heavy_fields")
"""Rows of a page where the answer has large fields."""

READY, EMPTY, REPLACING, POPULATING, FLAGGED = 200, 410, 414, 441, (470, 471)
BUSY = frozenset({REPLACING, POPULATING})
SERVES = frozenset({100, READY, 400, 411, 412})
"""Expiring, normal, with a warning, few recognised, many invalid rows: delivery_status decides."""
DELIVERS = 200


class MetaAccount:
    """What is known of the account, and its audiences as Graph tells them."""

    def __init__(self, graph: Graph, account: Account, around: Surroundings) -> None:
        self._graph = graph
        self._name = account.name
        self._gaps = {"account": account_id(account)}
        self._now = around.now
        self._version = account.api_version or VERSION

    @property
    def usage(self) -> float:
        """How full the fullest of the account's quotas is, in per cent, as Meta told last."""
        return self._graph.usage

    def state(self, list_id: str) -> ListState:
        """Meta never tells how many it holds; `matched` is the lower end of its rounded range."""
        answer = self._graph.get("{id}", gaps={"id": list_id}, query={"fields": STATE_FIELDS})
        code, said = _status(answer, "operation_status")
        delivery, _ = _status(answer, "delivery_status")
        low = str(answer.get("approximate_count_lower_bound", -1))
        return ListState(
            list_id,
            ready=code in SERVES and delivery == DELIVERS,
            settled=code not in BUSY,
            matched=int(low) if low.isdigit() else None,
            said=f"{code} {said}".strip(),
        )

    def _audiences(self, fields: str, limit: int = PAGE) -> Iterator[dict[str, Any]]:
        query: dict[str, str | int] = {"fields": fields, "limit": limit}
        return self._graph.pages(AUDIENCES, gaps=self._gaps, query=query)


def account_id(account: Account) -> str:
    """Digits of the ad account. Raises RuleRefused without a login."""
    login = account.login or (SANDBOX_ACCOUNT if account.sandbox else "")
    digits = login.removeprefix("act_")
    if not digits.isdigit():
        raise RuleRefused(
            f"account {account.name}: login is not the id of an ad account.",
            act="Set login to the id that Ads Manager shows, such as act_1234567890.",
        )
    return digits


def _status(answer: dict[str, Any], name: str) -> tuple[int, str]:
    status = answer.get(name)
    if not isinstance(status, dict) or not str(status.get("code")).isdigit():
        raise ContractBroken(f"GET {{id}}: the answer has no {name}.")
    return int(status["code"]), redact(str(status.get("description", "")))


def id_of(path: str, answer: dict[str, Any]) -> str:
    if not str(answer.get("id", "")).isdigit():
        raise ContractBroken(f"POST {path}: the answer has no id.")
    return str(answer["id"])
