"""Yandex Direct: bid corrections for the people of Audience segments, and spend.

Direct keeps no lists of people: Audience does, under the same login, and `yandex_corrections` says
how the two meet. The parts: the wire, campaigns and groups, corrections, reports.

Facts: Direct API documents at yandex.ru/dev/direct/doc, its WSDL, and recorded exchanges, as of
September 2026. UNVERIFIED marks what they leave open.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import ClassVar, Self

from bids.model import BidObject
from config.platforms import Account
from connectors import yandex_reports as reports
from connectors.base import ApiVersion, ReportsSpend, SpendRow
from connectors.chunks import chunks
from connectors.errors import Transient
from connectors.http import Ask, Surroundings
from connectors.yandex_corrections import YandexCorrections
from connectors.yandex_direct_wire import (
    FACTS,
    PATH,
    PLATFORM,
    REPORTS,
    WIRE,
    TookTooLong,
    Wire,
)


class YandexDirect(YandexCorrections, ReportsSpend):
    """One Direct account, or one client of an agency (`login`)."""

    platform: ClassVar[str] = PLATFORM
    versions: ClassVar[tuple[ApiVersion, ...]] = FACTS.versions

    @classmethod
    def connect(cls, account: Account, around: Surroundings) -> Self:
        return cls(account, around)

    def spend(self, objects: Sequence[BidObject], first: date, last: date) -> tuple[SpendRow, ...]:
        """Amounts with VAT. Revenue counts the goals chosen in the campaigns' settings only."""
        return tuple(
            row
            for level, wire in WIRE.items()
            for some in chunks(
                [one for one in objects if one.level is level], reports.OBJECTS_PER_REPORT
            )
            for row in self._rows(wire, some, first, last)
        )

    def _rows(
        self, wire: Wire, objects: Sequence[BidObject], first: date, last: date
    ) -> Iterator[SpendRow]:
        """By halves of the days where Direct cannot report on all of them in its time."""
        try:
            yield from self._report(wire, objects, first, last)
        except TookTooLong:
            if first == last:
                raise
            middle = first + (last - first) // 2
            yield from self._rows(wire, objects, first, middle)
            yield from self._rows(wire, objects, middle + timedelta(days=1), last)

    def _report(
        self, wire: Wire, objects: Sequence[BidObject], first: date, last: date
    ) -> Iterator[SpendRow]:
        ask = Ask(
            "POST",
            PATH,
            gaps={"version": self._version, "service": REPORTS},
            json={"params": reports.parameters(wire.id, objects, first, last, self._now())},
            headers=reports.HEADERS,
            is_json=False,
        )
        waited = 0.0
        while (reply := self._door.send(ask)).status in reports.BUILDING:
            wait = _seconds(reply.headers.get("retryIn"))
            waited += wait
            if waited > reports.LONGEST_BUILD_SECONDS:
                raise Transient(f"a report was not built within {waited:g} s.")
            self._door.sleep(wait)
        return reports.rows(reply.text, wire.id, objects)


def _seconds(header: str | None) -> float:
    """`retryIn` of a report, kept within reason."""
    if header is None or not header.strip().isdigit():
        return reports.WAIT_SECONDS
    return min(max(float(header), 1.0), 600.0)
