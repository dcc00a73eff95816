"""A whole project: every file, checked, and what they say together."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from config.audiences import AudiencesFile
from config.bid_rules import BidRulesFile
from config.experiments import ExperimentsFile
from config.exports import ExportsFile
from config.labels import SEGMENT_LABELS
from config.model import Labels
from config.platforms import Account, PlatformsFile
from config.rules import Condition, parse_condition
from config.schedules import SchedulesFile
from config.segments import Overlay, SegmentsFile
from config.shop import AdsteerFile


@dataclass(frozen=True)
class Project:
    """Everything a person wrote, checked: names lead somewhere, conditions can be run."""

    folder: Path
    adsteer: AdsteerFile
    exports: ExportsFile
    segments: SegmentsFile
    audiences: AudiencesFile
    bid_rules: BidRulesFile
    platforms: PlatformsFile
    schedules: SchedulesFile
    experiments: ExperimentsFile

    @property
    def state_folder(self) -> Path:
        """Where snapshots, plans and rejects lie; made by whoever writes there first, 0700."""
        return self.folder / self.adsteer.state.folder

    @property
    def catalog_url(self) -> str:
        """SQLAlchemy URL of the catalog as the files have it; `Settings.catalog` goes before it."""
        return self.adsteer.state.catalog or f"sqlite:///{self.state_folder / 'catalog.db'}"

    def path(self, written: str) -> Path:
        """A path as somebody wrote it in a file, from the project folder."""
        return self.folder / written

    def account(self, name: str) -> Account:
        """The account of this name; raises KeyError."""
        return self._accounts[name]

    def overlay(self, name: str) -> Overlay:
        """The overlay of this name; raises KeyError."""
        return next(each for each in self.segments.overlay if each.name == name)

    def label(self, segment: str) -> str:
        """What a segment or an overlay is called in the shop's language; the name if nothing is."""
        overlays = {each.name: each.labels for each in self.segments.overlay}
        labels: Labels | None = SEGMENT_LABELS.get(segment) or overlays.get(segment)
        return str(getattr(labels, self.adsteer.shop.language)) if labels else segment

    @cached_property
    def overlay_rules(self) -> dict[str, Condition]:
        """The condition of every overlay, in the order of the file."""
        return {each.name: parse_condition(each.rule) for each in self.segments.overlay}

    @cached_property
    def audience_rules(self) -> dict[str, Condition]:
        """The condition of every audience, over features and overlays."""
        overlays = [each.name for each in self.segments.overlay]
        return {
            each.name: parse_condition(each.people, overlays=overlays)
            for each in self.audiences.audience
        }

    @cached_property
    def left_out(self) -> dict[str, tuple[Condition, ...]]:
        """By overlay: the conditions of the audiences whose people it leaves out."""
        rules = self.audience_rules
        return {
            each.name: tuple(rules[name] for name in each.not_in)
            for each in self.segments.overlay
            if each.not_in
        }

    @cached_property
    def _accounts(self) -> dict[str, Account]:
        return {account.name: account for account in self.platforms.account}
