"""How far a list's plan came: everybody counted once, and what stopped it."""

from dataclasses import dataclass, field, replace

from audiences.model import Verb
from connectors.errors import ConnectorError, ListBusy, QuotaGone, Throttled


@dataclass(frozen=True)
class Tally:
    """What became of the people of one verb: each is counted exactly once."""

    accepted: int = 0
    refused: int = 0
    unsure: int = 0
    waiting: int = 0

    @property
    def people(self) -> int:
        """All of them."""
        return self.accepted + self.refused + self.unsure + self.waiting

    def plus(self, other: "Tally") -> "Tally":
        """Both together."""
        return Tally(
            self.accepted + other.accepted,
            self.refused + other.refused,
            self.unsure + other.unsure,
            self.waiting + other.waiting,
        )


@dataclass(frozen=True)
class Delivered:
    """How far one list's plan came in this run. Batches settled in an earlier run do not count."""

    added: Tally = field(default=Tally())
    removed: Tally = field(default=Tally())
    stopped_by: ConnectorError | None = None
    """Why the rest was not sent: say it to whom `stopped_by.who` names."""

    @property
    def failed(self) -> bool:
        """True if somebody must act, or an answer never came; waiting for a platform is neither."""
        patient = (Throttled, ListBusy, QuotaGone)
        return self.stopped_by is not None and not isinstance(self.stopped_by, patient)

    def plus(self, verb: Verb, tally: Tally) -> "Delivered":
        """The same and these people."""
        if verb is Verb.ADD:
            return replace(self, added=self.added.plus(tally))
        return replace(self, removed=self.removed.plus(tally))
