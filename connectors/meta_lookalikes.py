"""Look-alikes at Meta: custom audiences grown from a seed, kept fresh by Meta while in use.

Facts: Marketing API v26.0, Lookalike Audiences; as of November 2026.
"""

from collections.abc import Mapping, Sequence
from json import dumps
from typing import Any

from config.audiences import Lookalike
from connectors.base import ExcludesLists, GrowsLookalikes
from connectors.errors import ListBusy, ListGone, RuleRefused, SeedRefused
from connectors.http import Effect
from connectors.meta_account import (
    AUDIENCES,
    EMPTY,
    FACTS,
    FLAGGED,
    HEAVY_PAGE,
    MetaAccount,
    id_of,
)
from connectors.meta_wire import WrongParameter

SEED_PEOPLE = FACTS.whole("seed_people")
RATIOS = {1: 0.01, 2: 0.02, 3: 0.03, 4: 0.05, 5: 0.10}
"""Share of a country's people by reach; Meta takes 0.01 to 0.20."""


EXCLUDED = "excluded_custom_audiences"


class MetaLookalikes(MetaAccount, GrowsLookalikes, ExcludesLists):
    """Look-alikes are audiences like any other: found by title, seed, ratio and countries."""

    where_to_exclude = "Ads Manager: the ad set, Audience, Exclude people"

    def grow(self, seed_id: str, title: str, reach: int, wish: Lookalike) -> str:
        """`reach` 1 to 5 is 1, 2, 3, 5 and 10 % of the people of `wish.countries`.

        Meta keeps a look-alike in use fresh by itself, about every three days.
        """
        if not wish.countries or reach not in RATIOS:
            raise RuleRefused(
                f"look-alike {title!r}: Meta must know the countries, and reach is 1 to 5.",
                act="Set countries = ['UA', ...] under the audience's lookalike.",
            )
        countries = frozenset(wish.countries)
        if (found := self._grown(seed_id, title, reach, countries)) is not None:
            return found
        self._refuse_seed(seed_id)
        spec = {"type": "custom_ratio", "ratio": RATIOS[reach], **_where(wish.countries)}
        body = {
            "name": title,
            "subtype": "LOOKALIKE",
            "origin_audience_id": seed_id,
            "lookalike_spec": dumps(spec),  # a text: that is how Meta takes it
        }

        def make() -> str:
            made = self._graph.post(AUDIENCES, gaps=self._gaps, json=body, effect=Effect.TWICE)
            return id_of(AUDIENCES, made)

        try:
            return self._graph.once(make, lambda: self._grown(seed_id, title, reach, countries))
        except WrongParameter as fault:
            raise SeedRefused(str(fault)) from None

    def refresh(self, lookalike_id: str) -> None:
        """Meta refreshes a look-alike in use by itself; one that is not has nobody to reach."""
        self._graph.get("{id}", gaps={"id": lookalike_id}, query={"fields": "id"})

    def excluded(self, ad_group: str) -> frozenset[str]:
        return frozenset(_left_out(self._targeting(ad_group)))

    def exclude(self, list_id: str, ad_group: str) -> None:
        """Targeting must be sent whole: what the ad set has goes back with one list more.

        UNVERIFIED: that Meta takes back all that it tells of a targeting.
        """
        targeting = self._targeting(ad_group)
        lists = _left_out(targeting)
        if list_id in lists:
            return
        whole = {**targeting, EXCLUDED: [{"id": one} for one in (*lists, list_id)]}
        self._graph.change({"id": ad_group}, {"targeting": whole})

    def _targeting(self, ad_group: str) -> dict[str, Any]:
        fields = {"fields": "id,targeting"}
        try:
            answer = self._graph.get("{id}", gaps={"id": ad_group}, query=fields)
        except ListGone:
            answer = {}
        found = answer.get("targeting")
        if not isinstance(found, dict):
            raise RuleRefused(
                f"ad set {ad_group} is not in the account.",
                act="Name the ad sets that show the look-alike under shown_in.",
            )
        return found

    def _refuse_seed(self, seed_id: str) -> None:
        seed = self.state(seed_id)
        if not seed.settled:
            raise ListBusy(f"audience {seed_id} is {seed.said}; nothing grows from it yet.")
        code = int(seed.said.split()[0])
        few = seed.matched is not None and seed.matched < SEED_PEOPLE
        if few or code == EMPTY or code in FLAGGED:
            raise SeedRefused(
                f"audience {seed_id} is {seed.said}, {seed.matched or 0} or more people are "
                f"matched: Meta grows look-alikes from {SEED_PEOPLE} people on.",
                act="Widen the seed.",
            )

    def _grown(self, seed_id: str, title: str, reach: int, countries: frozenset[str]) -> str | None:
        """A look-alike with this title of an older seed or of other countries is another one."""
        for one in self._audiences("id,name,subtype,lookalike_spec", HEAVY_PAGE):
            spec = one.get("lookalike_spec") or {}
            origins = {str(origin.get("id")) for origin in spec.get("origin") or []}
            if (
                (one.get("name"), one.get("subtype")) == (title, "LOOKALIKE")
                and seed_id in origins
                and round(100 * float(spec.get("ratio", 0))) == round(100 * RATIOS[reach])
                and _countries_of(spec) in (countries, frozenset())
            ):
                return str(one["id"])
        return None


def _countries_of(spec: Mapping[str, Any]) -> frozenset[str]:
    """Where the people of a look-alike are, as far as it is told.

    UNVERIFIED: the form of `target_countries`; a list of codes is taken, all else says nothing.
    """
    places = (spec.get("location_spec") or {}).get("geo_locations") or {}
    told = [spec.get("country"), *(places.get("countries") or [])]
    if isinstance(spec.get("target_countries"), list):
        told += spec["target_countries"]
    return frozenset(one for one in told if isinstance(one, str) and one)


def _left_out(targeting: dict[str, Any]) -> list[str]:
    return [str(one["id"]) for one in targeting.get(EXCLUDED) or []]


def _where(countries: Sequence[str]) -> dict[str, Any]:
    """One country is named plainly, several as places."""
    if len(countries) == 1:
        return {"country": countries[0]}
    return {"location_spec": {"geo_locations": {"countries": list(countries)}}}
