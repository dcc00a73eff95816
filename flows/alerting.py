"""Who is told of what: on a change of state only, once per channel, with what to do.

What is known and who was told lies in the catalog. A channel that did not take an alert is named
in what this returns and in the log, is tried again with the next run, and never breaks a run.
"""

import logging
import re
from collections.abc import Sequence

from audiences.watching import (
    Condition,
    Trouble,
    already_told,
    note_trouble,
    record_told,
    troubles,
)
from flows.channels import Alert, Channel, NotTold, channels
from flows.workshop import Workshop

LOG = logging.getLogger(__name__)

TITLES = {
    Condition.FAILED: "{subject} failed",
    Condition.REFUSED: "{subject}: held back by a guard, a person must look",
    Condition.STALE: "{subject} is too old",
    Condition.RECOVERED: "{subject} is well again",
}

ACTS = {
    Condition.FAILED: "Look at the run's log in Prefect, mend what it names, run it again. "
    "Nothing is lost: the next run goes on where this one stopped.",
    Condition.REFUSED: "Read the plan. If it is right, approve it with your name and a reason in "
    "the console, in Prefect (deployment decide), or with `adsteer approve`. If it is not, mend "
    "the export or the rule. Nothing that was held back is sent until then.",
    Condition.STALE: "See `adsteer status`: is `adsteer serve` running, is the schedule switched "
    "on, did the last run fail? Run it by hand if the next one is far.",
    Condition.RECOVERED: "Nothing to do.",
}

_PRIVATE = (
    (re.compile(r"[^\s@<>\"',;]+@[^\s@<>\"',;]+"), "[address]"),
    (re.compile(r"\b[0-9a-fA-F]{32,}\b"), "[digest]"),
    (re.compile(r"\+\d[\d ()-]{8,}\d"), "[phone]"),
)
"""Our own texts hold none of these; what an exception says is not all our own."""


def without_contacts(text: str) -> str:
    """The text with everything that looks like an address, a phone or a digest taken out."""
    for pattern, instead in _PRIVATE:
        text = pattern.sub(instead, text)
    return text


def tell(
    workshop: Workshop, subject: str, state: Condition, text: str = "", *, named: str
) -> list[str]:
    """Note what a subject is in, and tell whoever does not know it yet.

    `named` is what the subject is called in a sentence. What could not be told, as sentences.
    """
    text = without_contacts(text)
    trouble = note_trouble(workshop.catalog, subject, state, text, now=workshop.now())
    return [] if trouble is None else _tell_all(workshop, trouble, named)


def _tell_all(workshop: Workshop, trouble: Trouble, named: str) -> list[str]:
    told = already_told(workshop.catalog, trouble.subject)
    problems: list[str] = []
    for channel in _channels(workshop, problems):
        if channel.name in told:
            continue
        try:
            channel.tell(_alert(workshop, trouble, named))
        except NotTold as error:
            problems.append(f"Alert not sent: {error}")
            continue
        record_told(workshop.catalog, trouble, channel.name, now=workshop.now())
    for problem in problems:
        LOG.warning(problem)
    return problems


def _channels(workshop: Workshop, problems: list[str]) -> Sequence[Channel]:
    from config.faults import ConfigError

    try:
        return channels(workshop.project.adsteer.alerts, workshop.project.folder)
    except ConfigError as error:
        problems.append(f"Alert not sent: {error}")
        return ()


def _alert(workshop: Workshop, trouble: Trouble, named: str) -> Alert:
    adsteer = workshop.project.adsteer
    link = f"\n{adsteer.alerts.link}" if adsteer.alerts.link else ""
    what = f"{trouble.text}\n" if trouble.text else ""
    title = TITLES[trouble.state].format(subject=named)
    return Alert(
        subject=trouble.subject,
        state=trouble.state.value,
        title=title[:1].upper() + title[1:],
        text=f"{what}What to do: {ACTS[trouble.state]}{link}",
        shop=adsteer.shop.name,
        at=trouble.since.isoformat(timespec="seconds"),
    )


def known_troubles(workshop: Workshop) -> list[dict[str, str]]:
    """Everything that is not well now, for `adsteer status` and the console."""
    return [
        {
            "subject": one.subject,
            "state": one.state.value,
            "since": one.since.isoformat(timespec="seconds"),
            "text": one.text,
            "act": ACTS[one.state],
        }
        for one in troubles(workshop.catalog)
    ]
