"""Look-alikes in Yandex Audience: segments grown from a processed segment.

Facts: create_lookalike and reprocess in the Audience API reference, as of September 2026.
"""

from config.audiences import Lookalike
from connectors.base import GrowsLookalikes
from connectors.errors import ContractBroken, ListBusy, RuleRefused, SeedRefused
from connectors.http import Ask, Effect
from connectors.yandex_segments import BUSY, CHANGE, YandexSegments, segment_of


class YandexLookalikes(YandexSegments, GrowsLookalikes):
    """Look-alikes are segments like any other, found by title, seed and reach."""

    where_to_exclude = (
        "Yandex Direct: Library, Retargeting conditions: a condition with all of the look-alike "
        "and none of the list, chosen in the ad group"
    )

    def grow(self, seed_id: str, title: str, reach: int, wish: Lookalike) -> str:
        """`reach` 1 (closest) to 5 (widest) is Audience's own scale of accuracy."""
        if not 1 <= reach <= 5:
            raise RuleRefused(f"look-alike {title!r}: reach {reach} is not 1 to 5.")
        if (found := self._grown(seed_id, title, reach, wish)) is not None:
            return found
        seed = self.state(seed_id)
        if not seed.settled:
            raise ListBusy(f"segment {seed_id} is still {seed.said}; nothing grows from it yet.")
        if not seed.ready:
            raise SeedRefused(
                f"segment {seed_id} is {seed.said}: nothing can grow from it.",
                act="Widen the seed so that Yandex finds at least 100 of its people.",
            )
        body = {
            "segment": {
                "name": title,
                "lookalike_link": int(seed_id),
                "lookalike_value": reach,
                **_settings(wish),
            }
        }
        ask = Ask(
            "POST", "segments/create_lookalike", json=body, effect=Effect.TWICE, counts=CHANGE
        )
        try:
            return self._door.once(
                lambda: str(segment_of(ask, self._door.send(ask))["id"]),
                lambda: self._grown(seed_id, title, reach, wish),
            )
        except RuleRefused as fault:
            raise SeedRefused(str(fault), act=fault.act) from None

    def refresh(self, lookalike_id: str) -> None:
        """Audience recomputes one that a campaign uses; this does it for any, twice a day."""
        ask = Ask(
            "PUT",
            "segment/{id}/reprocess",
            gaps={"id": lookalike_id},
            effect=Effect.TWICE,
            counts=CHANGE,
        )

        def act() -> bool:
            if self._door.send(ask).body != {"success": True}:
                raise ContractBroken(f"{ask}: the answer is not success.")
            return True

        begun = self._door.once(
            act, lambda: bool(self._if(lookalike_id, lambda one: one["status"] in BUSY)) or None
        )
        assert begun  # noqa: S101  an act that failed raised

    def _grown(self, seed_id: str, title: str, reach: int, wish: Lookalike) -> str | None:
        """A look-alike with this title of an older seed or with other settings is another one."""
        settings = _settings(wish)
        for segment in self._segments():
            if (
                segment.get("type") == "lookalike"
                and (
                    segment.get("name"),
                    str(segment.get("lookalike_link")),
                    segment.get("lookalike_value"),
                )
                == (title, seed_id, reach)
                and all(segment.get(name, value) == value for name, value in settings.items())
            ):
                return str(segment["id"])
        return None


def _settings(wish: Lookalike) -> dict[str, bool]:
    """Cannot be changed once the look-alike is there."""
    return {
        "maintain_device_distribution": wish.keep_devices,
        "maintain_geo_distribution": wish.keep_geo,
    }
