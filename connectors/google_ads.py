"""The Google Ads API of one customer: queries, and mutates that tell of every operation.

Facts: as in google_wire.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from connectors.errors import ContractBroken
from connectors.google_errors import AdsError, ads_errors
from connectors.http import Ask, Door, Effect


@dataclass(frozen=True)
class Ads:
    """The Google Ads API of one customer."""

    door: Door
    version: str
    customer: str
    level: str = "basic"
    """Access level of the Cloud project, which says how many operations a day it may ask for."""

    def named(self, collection: str, tail: object) -> str:
        """A resource name."""
        return f"customers/{self.customer}/{collection}/{tail}"

    def search(self, query: str) -> Iterator[dict[str, Any]]:
        """Rows of a query, page by page; what is zero is left out of them."""
        token = ""
        while True:
            body = {"query": query, **({"pageToken": token} if token else {})}
            answer = self._send("googleAds:search", body, Effect.NONE)
            yield from answer.get("results") or []
            token = str(answer.get("nextPageToken") or "")
            if not token:
                return

    def mutate(
        self, collection: str, operations: Sequence[Mapping[str, Any]], effect: Effect
    ) -> list[tuple[str, AdsError | None]]:
        """Resource name or error of every operation; one does not stop the others."""
        body = {"operations": list(operations), "partialFailure": True}
        answer = self._send(f"{collection}:mutate", body, effect)
        failures = {one.place: one for one in ads_errors(answer.get("partialFailureError") or {})}
        if None in failures:
            raise ContractBroken(f"{collection}:mutate: {failures[None].code} concerns no item.")
        names = [str(one.get("resourceName", "")) for one in answer.get("results") or []]
        # UNVERIFIED: a failed item keeps an empty place; one left out at the end is taken so.
        names += [""] * (len(operations) - len(names) if failures else 0)
        if len(names) != len(operations):
            raise ContractBroken(f"{collection}:mutate: does not answer {len(operations)} items.")
        results = [(name, failures.get(place)) for place, name in enumerate(names)]
        if any(not name and failure is None for name, failure in results):
            raise ContractBroken(f"{collection}:mutate: an item has neither name nor error.")
        return results

    def _send(self, path: str, body: Mapping[str, Any], effect: Effect) -> dict[str, Any]:
        ask = Ask(
            "POST",
            f"{{version}}/customers/{{customer}}/{path}",
            gaps={"version": self.version, "customer": self.customer},
            json=body,
            effect=effect,
            counts=(f"operations {self.level}",),
            weight=len(body.get("operations", ())) or int("pageToken" not in body),
        )
        answer = self.door.send(ask).body
        if not isinstance(answer, dict):
            raise ContractBroken(f"{ask}: the answer is not an object.")
        return answer


def quoted(text: str) -> str:
    """A string in a query or a filter."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class AdsAccount:
    """What every part of a connector to Google knows of its account."""

    platform: ClassVar[str] = "google"

    def __init__(self, account: str, ads: Ads) -> None:
        self._account = account
        self._ads = ads
