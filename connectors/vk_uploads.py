"""Users lists of VK Ads on the wire: made, changed by differences, looked at, taking turns.

Uploads are counted apart from all other requests, by windows of the calendar that are asked for
each time. A lost answer is looked for: a new list by its name, a difference in its base's history.
Facts: VK Ads API documentation, RemarketingUsersLists v3 and Overview (2026-06).
"""

from collections.abc import Mapping
from typing import Any

from config.audiences import Identifier
from connectors.errors import (
    ConnectorError,
    ContractBroken,
    ListBusy,
    ListGone,
    ListTooSmall,
    QuotaGone,
    Throttled,
    Unsure,
    VersionGone,
)
from connectors.facts import facts_of
from connectors.http import Ask, Effect, Reply
from connectors.upload import FileUpload
from connectors.vk_files import Lines, Verdict
from connectors.vk_wire import Invalid, VkDoor, code_of, seconds_left, whole

LISTS = "api/{version}/remarketing/users_lists.json"
LIST = "api/{version}/remarketing/users_lists/{id}.json"
THROTTLING = "api/v2/throttling.json"

FACTS = facts_of("vk")
FEWEST = FACTS.lists["min_members"].whole
MAX_LINES = FACTS.whole("lines")
MAX_FILE_BYTES = FACTS.whole("file_bytes")
NAME_LENGTH = FACTS.whole("name_length")

TYPES = {Identifier.PHONE: "phones", Identifier.EMAIL: "emails"}
MARKS = {kind: f" [{name}]" for kind, name in TYPES.items()}
"""What ends the name of a users list of ours; one without is never changed."""

WORKING = ("receiving", "received", "mapping", "mapped", "writing")
READY = "ready"
GOING = ("pending_delete", "deleting", "deleted", "deleted_to_notify")
POLL_SECONDS = FACTS.number("seconds_between_looks")
"""One list is not looked at more often."""
LONGEST_WAIT = 90.0
"""Seconds a used-up window is waited for; a longer one is left to a later run."""
TURNS = 5


class VkUploads(VkDoor):
    """Users lists of one account."""

    def _list(self, number: object) -> dict[str, Any]:
        ask = Ask("GET", LIST, gaps={"version": self._version, "id": str(number)})
        one = self._door.send(ask).body
        if not isinstance(one, dict) or one.get("status") not in (*WORKING, READY, *GOING):
            raise ContractBroken(f"{ask}: the answer is no users list of a known status.")
        if one["status"] in GOING:
            raise ListGone(
                f"users list {one.get('id')} is {one['status']}.",
                act="VK deletes lists that nothing used for 60 days. The next run makes a new "
                "segment: point the ad groups at it.",
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
        return [one for one in found if one.get("name") == name and not whole(one.get("base"))]

    def _send_difference(self, base: Mapping[str, Any], file: Lines, sign: int) -> Verdict:
        before = len(base.get("history") or ())

        def look() -> Verdict | None:
            """A difference that arrived shows in the history of its base."""
            arrived = len(self._list(base["id"]).get("history") or ()) > before
            return Verdict(file) if arrived else None

        number = sign * int(base["id"])
        name = str(base["name"])
        return self._door.once(lambda: self._upload(name, file, number)[1], look)

    def _upload(self, name: str, file: Lines, base: int) -> tuple[int, Verdict]:
        """Lines that VK refuses are left out, once; the rest is then sent again."""
        try:
            return self._upload_once(name, file, base)
        except Invalid as fault:
            said = {one.line: one.code for one in fault.faults if one.line is not None}
            if not said or len(said) < len(fault.faults):
                raise _better(fault) from None
        bad = file.refused(said)
        rest = file.without(bad)
        if not base and len(rest) < FEWEST:
            raise ListTooSmall(f"{name!r}: VK took {len(rest)} of {len(file)} lines.")
        if not len(rest):
            return abs(base), Verdict(file, bad)
        try:
            made, verdict = self._upload_once(name, rest, base)
        except Invalid as fault:
            raise _better(fault) from None
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
        body = reply.body if isinstance(reply.body, dict) else {}
        made, faults = whole(body.get("id")), body.get("error") or []
        if made is None or not all(
            isinstance(one, dict) and whole(one.get("line_number")) for one in faults
        ):
            raise ContractBroken(f"{ask}: the answer has no id, or faults of no line.")
        said = {
            int(one["line_number"]): code_of(one.get("error_code", one.get("code")))
            for one in faults
        }
        return made, Verdict(file, file.refused(said))

    # Turns: uploads are counted apart, by windows of the calendar

    def _wait_for_turn(self, files: int = 1) -> None:
        """Until so many files may follow, as far as one window takes them."""
        if not files:
            return
        for _ in range(TURNS):
            if (wait := self._longest_wait(files)) <= 0:
                return
            if wait > LONGEST_WAIT:
                raise QuotaGone(
                    "VK takes no further users list in this window.",
                    act="What is left waits for a later run.",
                    retry_after=wait,
                )
            self._door.sleep(wait)
        raise Throttled("VK takes no users list now.", retry_after=POLL_SECONDS)

    def _longest_wait(self, files: int = 1) -> float:
        """Seconds until every window for new users lists that is used up has passed."""
        answer = self._door.send(Ask("GET", THROTTLING)).body
        wait = 0.0
        for limits, left in _windows(answer, self._version):
            for span, most in limits.items():
                seconds, allowed = whole(span) or 0, whole(most)
                if allowed == 0:
                    raise VersionGone(
                        f"VK takes no users lists over {self._version} any more.",
                        act="Update adsteer, or take api_version out of platforms.toml.",
                    )
                rest = whole(left.get(span))
                if seconds and rest is not None and rest < min(files, allowed or files):
                    wait = max(wait, seconds_left(seconds, self._now()))
        return wait


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


def _better(fault: Invalid) -> ConnectorError:
    """The class a refused upload stands for."""
    text = str(fault)
    if fault.has("not_enough_ids"):
        return ListTooSmall(text, act="Widen the audience or drop it for this account.")
    if fault.has("status_not_receiving"):
        return ListBusy(text, retry_after=POLL_SECONDS)
    if fault.has("not_found"):
        return ListGone(text, act="Somebody deleted the list.")
    return fault
