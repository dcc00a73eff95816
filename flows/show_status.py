"""`adsteer status` and decisions as tables on a terminal."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from flows.show import table
from flows.show_work import work

Document = Mapping[str, Any]


def status(document: Document) -> Iterator[RenderableType]:
    """Ages first, then what is wrong, what waits, and the last runs."""
    yield ages(document)
    for one in document["troubles"]:
        head = f"{one['state'].upper()} since {moment(one['since'])}: {one['subject']}"
        yield Text("\n".join((head, *one["text"].splitlines(), f"To do: {one['act']}")))
    for one in document["waiting"]:
        yield _question(one)
    told = [
        [moment(one["begun_at"]), one["name"], one["outcome"], " ".join(one["said"][:1])]
        for one in document["runs"][:10]
    ]
    if told:
        yield table("Last runs", ["began", "run", "outcome", "said"], told, left=4)
    if words := work(document["work"]):
        yield " ".join(("The last refresh:", *words))


def ages(document: Document) -> RenderableType:
    """How old each thing is, and how old it may get."""
    rows = [
        [
            one["kind"],
            one["name"],
            {"stale": "TOO OLD", "never": "not yet"}.get(one["state"], one["state"]),
            hours(one["age_hours"]),
            hours(one["limit_hours"]),
            moment(one["next_run"]),
        ]
        for one in document["things"]
    ]
    columns = ["what", "name", "state", "age", "limit", "next run"]
    return table(f"In step, {moment(document['at'])}", columns, rows, left=3)


def backed_up(document: Document) -> Iterator[RenderableType]:
    """What is in the file, and what is not."""
    size = document["bytes"] / 2**20
    yield f"{document['file']}: {document['files']:,} files, {size:.1f} MB, readable by you alone."
    yield "Keep .env and the encryption key elsewhere: they are not in it."
    yield from document["notes"]


def restored(document: Document) -> Iterator[RenderableType]:
    """What was found, and what to do before it runs."""
    yield ages(document)
    yield (
        f"Restored into {document['project']}. Put .env and the exports beside it, then "
        "`adsteer check` and `adsteer plan`: what was sent after the backup is planned again."
    )


def moved(document: Document) -> Iterator[RenderableType]:
    """Rows by table."""
    rows = [[name, f"{count:,}"] for name, count in document["tables"].items() if count]
    yield table("Copied into the new catalog", ["table", "rows"], rows, left=1)


def decision(document: Document) -> Iterator[RenderableType]:
    """What became of a question."""
    one = document["decision"]
    yield Text(f"Plan {one['fingerprint'][:12]}: {one['state']} by {one['who']}. {one['why']}")


def _question(one: Document) -> RenderableType:
    mark = one["fingerprint"][:12]
    head = f"Plan {mark} waits for a person until {moment(one['until'])}:"
    ways = [
        f"  adsteer approve {mark} --who NAME --why REASON   then   adsteer apply {mark}",
        f"  adsteer reject {mark} --who NAME --why REASON",
    ]
    return Text("\n".join([head, *(f"  {line}" for line in one["summary"]), *ways]))


def hours(number: float | None) -> str:
    """5 h, 3.1 days, and a dash for nothing."""
    if number is None:
        return "–"
    return f"{number:.0f} h" if number < 72 else f"{number / 24:.1f} days"


def moment(text: str | None) -> str:
    """The minute of an ISO moment with its zone, and a dash for nothing."""
    if text is None:
        return "–"
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M %Z}"
