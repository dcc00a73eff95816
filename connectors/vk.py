"""VK Ads (ads.vk.com): segments over uploaded lists of contacts, prices per ad group, spend.

A list of people here is a *segment* with one users list per kind of contact, because a users list
holds contacts of one kind; the segment holds who is in any of them, and ad groups target it. A
users list is made out of 2,000 lines or more and changed by differences of 25 or more, few an
hour. There is no replacing and no bid modifier.

Facts: VK Ads API documentation of June 2026 (users lists, segments, ad groups, statistics) and the
help pages of its forerunner on remarketing. UNVERIFIED marks what they leave open.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, ClassVar, Self

from audiences.model import AudienceRef, Batch, ListState, Opened, Receipt, Recipe
from config.audiences import Identifier
from config.platforms import Account
from connectors.base import Connector, Limits
from connectors.errors import (
    ConnectorError,
    ContractBroken,
    ListBusy,
    ListGone,
    ListTooSmall,
    NotOurs,
    QuotaGone,
    RuleRefused,
    Throttled,
    Unsure,
    VersionGone,
)
from connectors.http import Ask, Door, Effect, Reply, Surroundings
from connectors.kept import KeptFile
from connectors.recipes import VK
from connectors.upload import FileUpload
from connectors.vk_files import Lines, Verdict, receipt
from connectors.vk_prices import VkPrices
from connectors.vk_spend import VkSpend
from connectors.vk_tokens import tokens_for
from connectors.vk_wire import (
    LONGEST_WAIT,
    ORIGIN,
    Invalid,
    code_of,
    items_of,
    judge,
    number,
)

VERSION = "v3"
"""Of users lists; everything else has its own. v2 takes no new lists any more."""
VERSION_ENDS: date | None = None
"""No end of v3 was announced (2026-09)."""
LISTS = "api/{version}/remarketing/users_lists.json"
LIST = "api/{version}/remarketing/users_lists/{id}.json"
SEGMENTS = "api/v2/remarketing/segments.json"
SEGMENT = "api/v2/remarketing/segments/{id}.json"
RELATIONS = "api/v2/remarketing/segments/{id}/relations.json"
THROTTLING = "api/v2/throttling.json"

FEWEST, FEWEST_OF_DIFFERENCE = 2000, 25
MAX_LINES = 5_000_000
MAX_FILE_BYTES = 128 * 2**20
NAME_LENGTH = 255

TYPES = {Identifier.PHONE: "phones", Identifier.EMAIL: "emails"}
MARKS = {kind: f" [{name}]" for kind, name in TYPES.items()}
"""What ends the name of a users list of ours; one without is never changed."""

WORKING = ("receiving", "received", "mapping", "mapped", "writing")
READY = "ready"
GOING = ("pending_delete", "deleting", "deleted", "deleted_to_notify")
POLL_SECONDS = 60.0
"""One list is not looked at more often than once a minute."""
TURNS = 5


class Vk(VkPrices, VkSpend, Connector):
    """One VK Ads account, or one client of an agency (`login`)."""

    platform: ClassVar[str] = "vk"
    limits: ClassVar[Limits] = Limits(
        source="ads.vk.com/en/doc/api, RemarketingUsersLists v3 and Overview (2026-06)",
        kinds=frozenset(TYPES),
        batch_size=1_000_000,  # 33 bytes a line: three phones each still fit into 128 MB
        min_members=FEWEST,
        min_difference=FEWEST_OF_DIFFERENCE,
        born_with_members=True,
        title_length=NAME_LENGTH - max(len(mark) for mark in MARKS.values()),
        changes_per_minute=1,
        changes_per_hour=10,
        expected_match=0.6,  # UNVERIFIED
    )
    recipe: ClassVar[Recipe] = VK

    def __init__(
        self,
        door: Door,
        *,
        now: Callable[[], datetime],
        kept: KeptFile | None = None,
        version: str = VERSION,
    ) -> None:
        super().__init__(door, kept)
        self._now = now
        self._version = version

    @classmethod
    def connect(cls, account: Account, around: Surroundings) -> Self:
        origin = origin_for(account, around)
        tokens = tokens_for(account, around, origin)
        kept = None
        if around.state is not None:
            kept = KeptFile(around.state / f"vk-{account.name}-prices.json")
        return cls(
            Door(origin, surroundings=around, tokens=tokens, judge=judge),
            now=around.now,
            kept=kept,
            version=account.api_version or VERSION,
        )

    def check(self) -> None:
        """The token lets us in, and users lists of our version can still be made."""
        self._door.send(Ask("GET", SEGMENTS, query={"limit": 1}))
        self._longest_wait()

    # Lists

    def find(self, audience: AudienceRef) -> str | None:
        """The oldest where several segments have the title."""
        found = [
            int(one["id"])
            for one in self._all(SEGMENTS, {"_name": audience.title})
            if one.get("name") == audience.title
        ]
        return str(min(found)) if found else None

    def find_or_create(self, audience: AudienceRef, first: Batch) -> Opened:
        """One users list per kind of contact of which there are 2,000, and a segment over them.

        Raises ListTooSmall before anything is sent where there is no such kind. Lists that were
        made when the segment could not be are deleted again.
        """
        if (found := self.find(audience)) is not None:
            return Opened(found)
        files = {kind: Lines(first, kind) for kind in TYPES}
        enough = {kind: file for kind, file in files.items() if len(file) >= FEWEST}
        if not enough:
            counts = " and ".join(f"{len(file)} {TYPES[kind]}" for kind, file in files.items())
            raise ListTooSmall(
                f"{audience}: {counts}; VK makes no list of fewer than {FEWEST}.",
                act="Widen the audience or drop it for this account.",
            )
        made: dict[int, Verdict] = {}
        try:
            for kind, file in enough.items():
                number_, verdict = self._make_list(audience.title + MARKS[kind], file)
                made[number_] = verdict
            segment = self._make_segment(audience, list(made))
        except ConnectorError:
            self._take_back(made)
            raise
        unmade = set(files) - set(enough)
        return Opened(segment, receipt(first, list(made.values()), unmade=unmade))

    def add(self, list_id: str, batch: Batch) -> Receipt:
        return self._change(list_id, batch, 1)

    def remove(self, list_id: str, batch: Batch) -> Receipt:
        return self._change(list_id, batch, -1)

    def state(self, list_id: str) -> ListState:
        """Sizes are those of the larger list: how many people are in both, VK does not tell."""
        lists = self._lists_of(list_id).values()
        states = [word for one in lists for word in _states(one)]
        said = next((word for word in states if word != READY), READY)
        return ListState(
            list_id,
            ready=said == READY,
            settled=said == READY,
            size=max(number(one.get("ids_count")) or 0 for one in lists),
            matched=max(number(one.get("matched_ids_count")) or 0 for one in lists),
            said=said,
        )

    def delete(self, list_id: str) -> None:
        """Delete the segment, then its lists. Raises InUse while an ad group targets it."""
        try:
            lists = self._lists_of(list_id)
        except ListGone:
            lists = {}
        self._delete(SEGMENT, list_id)
        for one in lists.values():
            self._delete(LIST, one["id"])

    # What follows knows the wire.

    def _change(self, list_id: str, batch: Batch, sign: int) -> Receipt:
        """Once one list took its part, a failure of the other leaves the batch unsure."""
        lists = self._lists_of(list_id)
        for one in lists.values():
            _refuse_busy(one)
        verdicts: list[Verdict] = []
        for kind, one in lists.items():
            file = Lines(batch, kind, FEWEST_OF_DIFFERENCE)
            if not len(file):
                continue
            try:
                verdicts.append(self._send_difference(one, file, sign))
            except ConnectorError as fault:
                if verdicts:
                    raise Unsure(
                        f"segment {list_id}: one of its lists took its part, list {one['id']} did "
                        f"not: {fault}"
                    ) from None
                raise
        return receipt(batch, verdicts, unmade=set(TYPES) - set(lists))

    def _lists_of(self, segment: str) -> dict[Identifier, dict[str, Any]]:
        """Our users lists of a segment; relations that people added are not ours."""
        ask = Ask("GET", RELATIONS, gaps={"id": segment})
        found: dict[Identifier, dict[str, Any]] = {}
        for relation in items_of(ask, self._door.send(ask)):
            if relation.get("object_type") != "remarketing_users_list":
                continue
            # UNVERIFIED: that object_id of an answer is the source's id.
            source = (relation.get("params") or {}).get("source_id", relation.get("object_id"))
            one = self._list(source)
            for kind, mark in MARKS.items():
                if str(one.get("name", "")).endswith(mark) and one.get("type") == TYPES[kind]:
                    found[kind] = one
        if not found:
            raise ListGone(
                f"segment {segment} has none of our lists any more.",
                act="Somebody took them out of it, or renamed them.",
            )
        return {kind: found[kind] for kind in TYPES if kind in found}

    def _list(self, number_: object) -> dict[str, Any]:
        ask = Ask("GET", LIST, gaps={"version": self._version, "id": str(number_)})
        one = self._door.send(ask).body
        if not isinstance(one, dict) or one.get("status") not in (*WORKING, READY, *GOING):
            raise ContractBroken(f"{ask}: the answer is no users list of a known status.")
        if one["status"] in GOING:
            raise ListGone(
                f"users list {one.get('id')} is {one['status']}.",
                act="VK deletes lists that nothing used for 60 days; the next run makes a new one.",
            )
        return one

    def _make_list(self, name: str, file: Lines) -> tuple[int, Verdict]:
        before = {one["id"] for one in self._named(name)}

        def look() -> tuple[int, Verdict] | None:
            """The list that a lost answer was about: new, of our name."""
            fresh = [one["id"] for one in self._named(name) if one["id"] not in before]
            if len(fresh) > 1:
                raise Unsure(f"{len(fresh)} new users lists look like ours; none of them is taken.")
            return (int(fresh[0]), Verdict(file)) if fresh else None

        return self._door.once(lambda: self._upload(name, file, 0), look)

    def _named(self, name: str) -> list[dict[str, Any]]:
        query = {"_q": name[:NAME_LENGTH]}
        found = self._all(LISTS, query, version=self._version)
        return [one for one in found if one.get("name") == name and not number(one.get("base"))]

    def _send_difference(self, base: Mapping[str, Any], file: Lines, sign: int) -> Verdict:
        before = len(base.get("history") or ())

        def look() -> Verdict | None:
            """A difference that arrived shows in the history of its base."""
            arrived = len(self._list(base["id"]).get("history") or ()) > before
            return Verdict(file) if arrived else None

        number_ = sign * int(base["id"])
        name = str(base["name"])
        return self._door.once(lambda: self._upload(name, file, number_)[1], look)

    def _upload(self, name: str, file: Lines, base: int) -> tuple[int, Verdict]:
        """Lines that VK refuses are left out, once; the rest is then sent again."""
        try:
            return self._upload_once(name, file, base)
        except Invalid as fault:
            said = {one.line: one.code for one in fault.faults if one.line is not None}
            if not said or len(said) < len(fault.faults):
                raise _better(fault, name) from None
        bad = dict(zip(file.places(said), (said[line] for line in sorted(said)), strict=False))
        rest = file.without(bad)
        if not base and len(rest) < FEWEST:
            raise ListTooSmall(f"{name!r}: VK took {len(rest)} of {len(file)} lines.")
        if not len(rest):
            return abs(base), Verdict(file, bad)
        try:
            made, verdict = self._upload_once(name, rest, base)
        except Invalid as fault:
            raise _better(fault, name) from None
        return made, Verdict(file, {**bad, **verdict.refused})

    def _upload_once(self, name: str, file: Lines, base: int) -> tuple[int, Verdict]:
        if file.size > MAX_FILE_BYTES or len(file) > MAX_LINES:
            raise ContractBroken(f"a batch of {len(file.batch)} people is more than VK takes.")
        self._wait_for_turn()
        fields = {"name": name, "type": TYPES[file.kind], **({"base": str(base)} if base else {})}
        ask = Ask(
            "POST",
            LISTS,
            gaps={"version": self._version},
            body=FileUpload(file.chunks, file.size, filename="contacts.txt", fields=fields),
            effect=Effect.TWICE,
        )
        return self._verdict(ask, self._door.send(ask), file)

    @staticmethod
    def _verdict(ask: Ask, reply: Reply, file: Lines) -> tuple[int, Verdict]:
        """Partial success is HTTP 200 with a list of faults beside the id."""
        made = number(reply.body.get("id")) if isinstance(reply.body, dict) else None
        if made is None:
            raise ContractBroken(f"{ask}: the answer has no id.")
        said = {
            number(one.get("line_number")) or 0: code_of(one.get("error_code", one.get("code")))
            for one in reply.body.get("error") or ()
        }
        bad = zip(file.places(said), (said[line] for line in sorted(said)), strict=False)
        return made, Verdict(file, dict(bad))

    def _make_segment(self, audience: AudienceRef, lists: list[int]) -> str:
        body = {
            "name": audience.title,
            "pass_condition": 1,
            "relations": [
                {
                    "object_type": "remarketing_users_list",
                    "params": {"source_id": one, "type": "positive"},
                }
                for one in lists
            ],
        }
        ask = Ask("POST", SEGMENTS, json=body, effect=Effect.TWICE)

        def act() -> str:
            made = self._door.send(ask).body
            if not isinstance(made, dict) or number(made.get("id")) is None:
                raise ContractBroken(f"{ask}: the answer has no id.")
            return str(made["id"])

        return self._door.once(act, lambda: self.find(audience))

    def _take_back(self, lists: Mapping[int, Verdict]) -> None:
        """Contacts do not lie about; a list that the segment got after all stays."""
        for one in lists:
            try:
                self._delete(LIST, one)
            except ConnectorError:
                return  # the error that led here is raised; VK deletes unused lists in 60 days

    def _delete(self, path: str, number_: str | int) -> None:
        gaps = {"version": self._version, "id": number_}
        try:
            self._door.send(Ask("DELETE", path, gaps=gaps, effect=Effect.SAME, is_json=False))
        except ListGone:
            return

    # Turns: uploads are counted apart, by windows of the calendar

    def _wait_for_turn(self) -> None:
        for _ in range(TURNS):
            if (wait := self._longest_wait()) <= 0:
                return
            if wait > LONGEST_WAIT:
                raise QuotaGone(
                    "VK takes no further users list in this window.",
                    act="What is left waits for a later run.",
                    retry_after=wait,
                )
            self._door.sleep(wait)
        raise Throttled("VK takes no users list now.", retry_after=POLL_SECONDS)

    def _longest_wait(self) -> float:
        """Seconds until every used-up window for new users lists has passed."""
        answer = self._door.send(Ask("GET", THROTTLING)).body
        wait = 0.0
        for limits, left in _windows(answer, self._version):
            for span, most in limits.items():
                seconds = number(span) or 0
                if number(most) == 0:
                    raise VersionGone(
                        f"VK takes no users lists over {self._version} any more.",
                        act="Update adsteer, or take api_version out of platforms.toml.",
                    )
                if seconds and number(left.get(span)) == 0:
                    wait = max(wait, seconds - self._now().timestamp() % seconds)
        return wait


def origin_for(account: Account, around: Surroundings) -> str:
    """Where requests of this account go."""
    if not account.sandbox:
        return ORIGIN
    if around.sandbox_url is None:
        raise RuleRefused(
            f"account {account.name} is a sandbox account, but no sandbox address is set.",
            act="Start `adsteer sandbox` and set its address, or remove `sandbox = true`.",
        )
    return f"{around.sandbox_url.rstrip('/')}/vk/"


def _states(one: Mapping[str, Any]) -> list[str]:
    """The list's own status and those of its differences."""
    history = [str(diff.get("status", READY)) for diff in one.get("history") or ()]
    return [str(one["status"]), *(word for word in history if word in WORKING)]


def _refuse_busy(one: Mapping[str, Any]) -> None:
    """UNVERIFIED how VK orders differences of a list that is still worked on: we wait."""
    busy = [word for word in _states(one) if word in WORKING]
    if busy:
        raise ListBusy(
            f"users list {one['id']} is still {busy[0]}; it takes no change now.",
            retry_after=POLL_SECONDS,
        )


def _windows(answer: object, version: str) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Limits and what is left of them for new lists: of our version and over all versions.

    UNVERIFIED: the exact keys; what is not there limits nothing here, and a 429 still would.
    """
    lists = answer.get("REMARKETINGUSERSLIST") if isinstance(answer, dict) else None
    found = []
    for name, actions in (lists if isinstance(lists, dict) else {}).items():
        other = name.startswith("v") and name[1:].isdigit() and name != version
        create = actions.get("CREATE") if isinstance(actions, dict) and not other else None
        if isinstance(create, dict):
            found.append((create.get("limits") or {}, create.get("remaining") or {}))
    return found


def _better(fault: Invalid, name: str) -> ConnectorError:
    """The class a refused upload stands for."""
    text = str(fault)
    if fault.has("not_enough_ids"):
        return ListTooSmall(text, act="Widen the audience or drop it for this account.")
    if fault.has("status_not_receiving"):
        return ListBusy(text, retry_after=POLL_SECONDS)
    if fault.has("not_found"):
        return ListGone(text, act="Somebody deleted the list.")
    if fault.has("access_denied"):
        return NotOurs(f"{name!r}: {text}", act="The list belongs to another account.")
    return fault
