"""What a plan costs of a platform's quota of changes, said before anything is sent."""

from collections import Counter
from collections.abc import Callable

from audiences.difference import Step
from audiences.plan import AudiencePlan
from connectors.base import Limits
from flows.workshop import Workshop

Used = Callable[[int], int]
"""How many changes were counted in so many seconds before now."""


def nothing(_seconds: int) -> int:
    """No change was counted."""
    return 0


def quota_notes(workshop: Workshop, plan: AudiencePlan, *, approved: bool) -> list[str]:
    """For every account whose platform cannot take the whole plan in one minute, how long it takes.

    Counted are the requests that carry people, and what runs before have used up by our own count;
    the platform's own refusal stays the last word: what it does not take waits for the next run.
    """
    requests: Counter[str] = Counter()
    for one in plan.lists:
        size = workshop.lists_of(one.audience.account).limits.batch_size
        going = one.to_send(approved=approved)
        requests[one.audience.account] += sum(
            1 if step is Step.REPLACE else -(-people // size)
            for step, people in one.steps
            if step in going
        )
    said = []
    for name, number in sorted(requests.items()):
        connector = workshop.lists_of(name)
        said.append((name, pace(number, connector.limits, connector.changes_counted)))
    return [f"{name}: {text}" for name, text in said if text]


def pace(changes: int, limits: Limits, used: Used = nothing) -> str:
    """How long a platform needs to take so many changes; "" where it takes them within a minute.

    `used` says how many it took in the seconds before now: of a window's amount, they are gone.
    """
    windows = [
        (amount, seconds, word, used(seconds))
        for amount, seconds, word in (
            (limits.changes_per_minute, 60, "minute"),
            (limits.changes_per_hour, 3_600, "hour"),
            (limits.changes_per_day, 86_400, "day"),
        )
        if amount
    ]
    seconds = max(
        ((gone + changes - 1) // amount * length for amount, length, _, gone in windows), default=0
    )
    if changes < 1 or not seconds:
        return ""
    takes = ", ".join(
        f"{amount:,} in a{'n' * (word == 'hour')} {word}" + f" ({gone:,} are used up)" * bool(gone)
        for amount, _, word, gone in windows
    )
    return (
        f"{changes:,} changes of lists, and the platform takes {takes}: at least "
        f"{_lasting(seconds)}. What does not fit into this run goes with the next ones."
    )


def _lasting(seconds: int) -> str:
    for length, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= length:
            number = -(-seconds // length)
            return f"{number:,} {word}{'s' * (number > 1)}"
    return f"{seconds} seconds"
