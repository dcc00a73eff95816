"""Look-alikes of Google: grown from one list, three steps wide, among the people of some countries.

What one grew from cannot be changed; Google keeps it in step with its seed by itself. They act in
Demand Gen campaigns only, two or three days after they were made.

Facts: as in google_wire.
"""

from typing import Any

from config.audiences import Lookalike
from connectors.base import ExcludesLists, GrowsLookalikes
from connectors.errors import ListBusy, ListGone, RuleRefused, SeedRefused
from connectors.google_ads import quoted
from connectors.google_errors import ACTS
from connectors.google_lists import GoogleLists
from connectors.google_objects import number_in, tail_of
from connectors.google_wire import FACTS
from connectors.http import Effect, redact

SEED_PEOPLE = FACTS.whole("seed_people")

REACH = {1: "NARROW", 2: "BALANCED", 3: "BROAD"}
"""Our scale to theirs: some 2.5, 5 and 10 per cent of a country (UNVERIFIED figures)."""

MADE_OF = {
    "seedUserListIds": ("seed_user_list_ids", "seed"),
    "expansionLevel": ("expansion_level", "reach"),
    "countryCodes": ("country_codes", "countries"),
}
"""What a look-alike grows from: its name in JSON, in queries, in a rule."""


class GoogleLookalikes(GoogleLists, GrowsLookalikes, ExcludesLists):
    """Look-alikes of one customer."""

    where_to_exclude = "Google Ads: the ad group, Audiences, Exclusions"

    def grow(self, seed_id: str, title: str, reach: int, wish: Lookalike) -> str:
        """`reach` 1 is the closest of three; the people of `wish.countries` are looked among."""
        if reach not in REACH:
            raise RuleRefused(f"look-alike {title!r}: Google knows reach 1 to 3, not {reach}.")
        if not wish.countries:
            raise RuleRefused(
                f"look-alike {title!r}: Google must know the countries.",
                act="Set countries = ['UA', ...] under the audience's lookalike.",
            )
        likeness = {
            "seedUserListIds": [seed_id],
            "expansionLevel": REACH[reach],
            "countryCodes": list(wish.countries),
        }
        if (found := self._grown(title, likeness)) is not None:
            return found
        self._refuse_seed(seed_id)
        operations = [{"create": {"name": title, "lookalikeUserList": likeness}}]

        def act() -> str:
            ((name, error),) = self._ads.mutate("userLists", operations, Effect.TWICE)
            if error is not None:
                kind = ListGone if error.code == "SEED_LIST_DOES_NOT_EXIST" else SeedRefused
                act = ACTS.get(error.code, "")
                raise kind(f"look-alike {title!r}: {error.text}.", act=act)
            return name.rpartition("/")[2]

        return self._data.once(act, lambda: self._grown(title, likeness))

    def refresh(self, lookalike_id: str) -> None:
        """Google keeps a look-alike in step with its seed by itself."""
        if not lookalike_id.isdecimal():
            raise RuleRefused(f"{redact(lookalike_id)} is no id of a list at Google.")
        query = f"SELECT user_list.id FROM user_list WHERE user_list.id = {lookalike_id}"
        if next(self._ads.search(query), None) is None:
            raise ListGone(f"look-alike {lookalike_id} is not in the account any more.")

    def excluded(self, ad_group: str) -> frozenset[str]:
        number = number_in(ad_group)
        there = f"SELECT ad_group.id FROM ad_group WHERE ad_group.id = {number}"
        if next(self._ads.search(there), None) is None:
            raise RuleRefused(
                f"ad group {number} is not in the account.",
                act="Name the ad groups that show the look-alike under shown_in.",
            )
        name = "ad_group_criterion"
        query = (
            f"SELECT ad_group.id, {name}.user_list.user_list, {name}.negative FROM {name} "
            f"WHERE {name}.type = 'USER_LIST' AND {name}.status != 'REMOVED' "
            f"AND ad_group.id = {number}"
        )
        rows = (row["adGroupCriterion"] for row in self._ads.search(query))
        return frozenset(
            tail_of(row["userList"]["userList"]) for row in rows if row.get("negative")
        )

    def exclude(self, list_id: str, ad_group: str) -> None:
        """A criterion of the ad group that is negative; such a one has no bid."""
        if list_id in self.excluded(ad_group):
            return
        creation = {
            "adGroup": self._ads.named("adGroups", ad_group),
            "userList": {"userList": self._ads.named("userLists", list_id)},
            "negative": True,
        }

        def act() -> bool:
            operations = [{"create": creation}]
            ((_, error),) = self._ads.mutate("adGroupCriteria", operations, Effect.TWICE)
            if error is not None:
                act = ACTS.get(error.code, "")
                raise RuleRefused(f"ad group {ad_group}: {error.text}.", act=act)
            return True

        self._ads.door.once(act, lambda: list_id in self.excluded(ad_group) or None)

    # What follows knows the wire.

    def _grown(self, title: str, likeness: dict[str, Any]) -> str | None:
        """Raises SeedRefused if the title belongs to a look-alike that grew from something else."""
        fields = ", ".join(f"user_list.lookalike_user_list.{name}" for name, _ in MADE_OF.values())
        query = (
            f"SELECT user_list.id, {fields} FROM user_list "
            f"WHERE user_list.type = 'LOOKALIKE' AND user_list.name = {quoted(title)}"
        )
        for row in self._ads.search(query):
            found = row["userList"]
            made_of = found.get("lookalikeUserList") or {}
            other = [
                word
                for name, (_, word) in MADE_OF.items()
                if _values(made_of, name) != _values(likeness, name)
            ]
            if other:
                raise SeedRefused(
                    f"look-alike {title!r} was made with other {' and '.join(other)} than the "
                    "rule says, and Google changes none of them.",
                    act="Delete or rename it in Google Ads.",
                )
            return str(found["id"])
        return None

    def _refuse_seed(self, seed_id: str) -> None:
        matched = self.state(seed_id).matched
        if matched is not None and matched >= SEED_PEOPLE:
            return
        if matched is None or self._under_way(seed_id):
            raise ListBusy(f"Google has not counted the people of list {seed_id} yet.")
        raise SeedRefused(
            f"list {seed_id}: Google knows {matched} of its people, a seed needs {SEED_PEOPLE}.",
            act="Widen the seed.",
        )

    def _under_way(self, list_id: str) -> bool:
        """Whether Google still works on any of what was sent, in whatever order it does."""
        sent = self._sent.get(list_id, set())
        while sent:
            reference = min(sent)
            if not self.outcome(reference).done:
                return True
            sent.discard(reference)
        return False


def _values(likeness: dict[str, Any], name: str) -> set[str]:
    """A value, or several in any order."""
    value = likeness.get(name)
    return {str(one) for one in (value if isinstance(value, list) else [value])}
