"""Look-alikes of Google: grown from one list, three steps wide, among the people of some countries.

What one grew from cannot be changed; Google keeps it in step with its seed by itself. They act in
Demand Gen campaigns only, two or three days after they were made.

Facts: as in google_wire.
"""

from config.audiences import Lookalike
from connectors.base import GrowsLookalikes
from connectors.errors import ListBusy, ListGone, RuleRefused, SeedRefused
from connectors.google_ads import quoted
from connectors.google_errors import ACTS
from connectors.google_lists import GoogleLists
from connectors.google_wire import FACTS
from connectors.http import Effect, redact

SEED_PEOPLE = FACTS.whole("seed_people")

REACH = {1: "NARROW", 2: "BALANCED", 3: "BROAD"}
"""Our scale to theirs: some 2.5, 5 and 10 per cent of a country (UNVERIFIED figures)."""


class GoogleLookalikes(GoogleLists, GrowsLookalikes):
    """Look-alikes of one customer."""

    def grow(self, seed_id: str, title: str, reach: int, wish: Lookalike) -> str:
        """`reach` 1 is the closest of three; the people of `wish.countries` are looked among."""
        if reach not in REACH:
            raise RuleRefused(f"look-alike {title!r}: Google knows reach 1 to 3, not {reach}.")
        if not wish.countries:
            raise RuleRefused(
                f"look-alike {title!r}: Google must know the countries.",
                act="Set countries = ['UA', ...] under the audience's lookalike.",
            )
        if (found := self._grown(seed_id, title)) is not None:
            return found
        self._refuse_seed(seed_id)
        likeness = {
            "seedUserListIds": [seed_id],
            "expansionLevel": REACH[reach],
            "countryCodes": list(wish.countries),
        }
        operations = [{"create": {"name": title, "lookalikeUserList": likeness}}]

        def act() -> str:
            ((name, error),) = self._ads.mutate("userLists", operations, Effect.TWICE)
            if error is not None:
                kind = ListGone if error.code == "SEED_LIST_DOES_NOT_EXIST" else SeedRefused
                act = ACTS.get(error.code, "")
                raise kind(f"look-alike {title!r}: {error.text}.", act=act)
            return name.rpartition("/")[2]

        return self._data.once(act, lambda: self._grown(seed_id, title))

    def refresh(self, lookalike_id: str) -> None:
        """Google keeps a look-alike in step with its seed by itself."""
        if not lookalike_id.isdecimal():
            raise RuleRefused(f"{redact(lookalike_id)} is no id of a list at Google.")
        query = f"SELECT user_list.id FROM user_list WHERE user_list.id = {lookalike_id}"
        if next(self._ads.search(query), None) is None:
            raise ListGone(f"look-alike {lookalike_id} is not in the account any more.")

    # What follows knows the wire.

    def _grown(self, seed_id: str, title: str) -> str | None:
        """Raises SeedRefused if the title belongs to a look-alike of another seed."""
        query = (
            "SELECT user_list.id, user_list.lookalike_user_list.seed_user_list_ids FROM user_list "
            f"WHERE user_list.type = 'LOOKALIKE' AND user_list.name = {quoted(title)}"
        )
        for row in self._ads.search(query):
            found = row["userList"]
            seeds = (found.get("lookalikeUserList") or {}).get("seedUserListIds") or []
            if [str(one) for one in seeds] != [seed_id]:
                raise SeedRefused(
                    f"look-alike {title!r} grows from another seed, and Google changes no seed.",
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
        reference = self._sent.get(list_id)
        return reference is not None and not self.outcome(reference).done
