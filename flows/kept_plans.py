"""A plan of everything under one fingerprint, and the files that keep it until it is applied."""

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pydantic import TypeAdapter

from audiences.plan import AudiencePlan, StalePlan, load_plan, plan_folder
from audiences.snapshots import private_folder
from bids.corrections import BidPlan
from flows.documents import Document
from flows.excluding import Exclusion
from flows.seeding import Growth
from flows.workshop import Workshop

BIDS = TypeAdapter(BidPlan)
GROWTH = TypeAdapter(tuple[Growth, ...])
EXCLUSIONS = TypeAdapter(tuple[Exclusion, ...])


@dataclass(frozen=True)
class WholePlan:
    """Lists, look-alikes and bids under one fingerprint; a part that was not asked for is None."""

    lists: AudiencePlan | None
    growth: tuple[Growth, ...]
    bids: BidPlan | None
    outlook: Document | None = None
    """Effective corrections, strategies, forecast: for the reader, not part of what is applied."""
    exclusions: tuple[Exclusion, ...] = ()
    """Lists that ad groups shall leave out."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the parts."""
        parts = [
            self.lists.fingerprint if self.lists else None,
            [one.as_json() for one in self.growth],
            self.bids.fingerprint if self.bids else None,
        ]
        if self.exclusions:
            parts.append([one.as_json() for one in self.exclusions])
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def fingerprints(workshop: Workshop) -> list[str]:
    """Fingerprints of the plans that are kept, the last made first."""
    files = (workshop.state / "plans").glob("*.json")
    return [path.stem for path in sorted(files, key=lambda one: -one.stat().st_mtime)]


def save(workshop: Workshop, whole: WholePlan) -> None:
    """Keep its fingerprint, look-alikes and bids; the plan of lists keeps itself beside them."""
    path = _file(workshop, whole.fingerprint)
    if path.exists():
        path.touch()  # the very same plan made again: its age begins anew
        return
    private_folder(path.parent)
    written = {
        "lists": whole.lists.fingerprint if whole.lists else None,
        "growth": GROWTH.dump_python(whole.growth, mode="json"),
        "bids": BIDS.dump_python(whole.bids, mode="json") if whole.bids else None,
        "exclusions": EXCLUSIONS.dump_python(whole.exclusions, mode="json"),
        "outlook": whole.outlook,  # for the reader: what was expected, to be held against what came
    }
    part = path.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(json.dumps(written, ensure_ascii=False), encoding="utf-8")
    part.replace(path)


def load(workshop: Workshop, fingerprint: str) -> WholePlan:
    """A plan by its fingerprint, or by its first letters if they name one."""
    folder = workshop.state / "plans"
    found = sorted(folder.glob(f"{fingerprint}*.json")) if fingerprint.isalnum() else []
    if len(found) != 1:
        raise StalePlan(
            f"no plan {fingerprint[:12]} was made here: run `adsteer plan`."
            if not found
            else f"{fingerprint} could be any of {len(found)} plans: give more of it."
        )
    written = json.loads(found[0].read_text(encoding="utf-8"))
    lists = load_plan(workshop.state, written["lists"], workshop.seal) if written["lists"] else None
    bids = BIDS.validate_python(written["bids"]) if written["bids"] else None
    growth = GROWTH.validate_python(written["growth"])
    exclusions = EXCLUSIONS.validate_python(written.get("exclusions", ()))
    whole = WholePlan(lists, growth, bids, exclusions=exclusions)
    if whole.fingerprint != found[0].stem:
        raise StalePlan(f"plan {found[0].stem[:12]} was changed on disk: plan again.")
    return whole


def forget_old(workshop: Workshop) -> None:
    """Remove plans of lists that are kept no more, and others after the project's `keep_days`."""
    days = workshop.project.adsteer.state.keep_days
    limit = (workshop.now() - timedelta(days=days)).timestamp()
    for path in (workshop.state / "plans").glob("*.json"):
        lists = json.loads(path.read_text(encoding="utf-8"))["lists"]
        kept = plan_folder(workshop.state, lists).exists() if lists else False
        if not kept and (lists or path.stat().st_mtime < limit):
            path.unlink(missing_ok=True)


def expected_of(workshop: Workshop, run: str) -> Document | None:
    """The outlook of the plan that a run applied; None where it is not kept."""
    found = sorted((workshop.state / "plans").glob(f"{run}*.json")) if run.isalnum() else []
    if len(found) != 1:
        return None
    outlook: Document | None = json.loads(found[0].read_text(encoding="utf-8")).get("outlook")
    return outlook


def _file(workshop: Workshop, fingerprint: str) -> Path:
    return workshop.state / "plans" / f"{fingerprint}.json"
