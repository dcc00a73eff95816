"""Seeds on a terminal: their size and floor, who was kept out by what, and their age."""

from flows.show import Document, count, share

GATES = {
    "buyers": "buyers",
    "consented": "gave consent",
    "not_silent": "active or slipping",
    "proven": "bought twice, or much at once",
    "not_odd": "no wholesale, returner or discount hunter",
    "wanted": "of the audience's people",
    "above_floor": "above the LTV floor",
    "taken": "taken",
}
"""What the gates of a seed are called."""


def seeds(document: Document) -> list[str]:
    """A paragraph for each seed: its size and floor, who was kept out by what, and its age."""
    return [_seed(name, one, document["currency"]) for name, one in document["seeds"].items()]


def _seed(name: str, one: Document, currency: str) -> str:
    said = (
        f"Seed {name}: {count(one['people'])} people, {share(one['share'])} of the base, "
        f"each worth {count(round(one['floor']))} {currency} or more by {one['measured_by']}."
    )
    left = one.get("left")
    if left:
        steps = (f"{word} {count(left[gate])}" for gate, word in GATES.items())
        said += f"\n  {' > '.join(steps)}."
    if one.get("overlap_with_last") is not None:
        said += f"\n  {share(one['overlap_with_last'])} of them were in the last seed too."
    if one.get("age_days") is not None:
        old = {"fresh": "fresh", "due": "a refresh is due", "expired": "EXPIRED"}[one["freshness"]]
        said += f"\n  {one['age_days']} days old of {one['refresh_days']} at most: {old}."
    for text in (*one["refused_by"], *one["notes"]):
        said += f"\n  {text}"
    return said
