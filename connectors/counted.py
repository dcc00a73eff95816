"""What was sent of a quota, told by one process to the next: moments of requests on the disk.

One file per user of a platform and group of requests, eight bytes per request, oldest first. A
request stands in it before it leaves, so that a run that is killed has counted what it sent. The
moment that decides whether there is room is read from its place: nothing is read through.
"""

import os
import struct
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path

from config.platforms import Account
from connectors.http import Surroundings
from connectors.kept import Lock
from connectors.quota import Meter, Quota, most_of

MOMENT = struct.Struct("<d")


class KeptMoments:
    """Files that begin with `path`; of a group, at most twice what its quotas ask for is kept."""

    def __init__(self, path: Path, most: Mapping[str, int]) -> None:
        self._path = path
        self._most = most
        self._lock = Lock(path.with_name(f"{path.name}.lock"))

    def held(self) -> AbstractContextManager[object]:
        return self._lock.held()

    def settle(self, group: str, now: float) -> None:
        last = self.last_but(group, 1)
        if last is not None and last > now:
            self._replace(group, (min(one, now) for one in self._all(group)))

    def last_but(self, group: str, place: int) -> float | None:
        try:
            with self._file(group).open("rb") as file:
                return _at(file.fileno(), _count(file.fileno()) - place)
        except FileNotFoundError:
            return None

    def since(self, group: str, moment: float) -> int:
        return sum(one > moment for one in self._all(group))

    def add(self, group: str, now: float, weight: int) -> None:
        number = os.open(self._file(group), os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(number, "r+b") as file:
            count = _count(number)
            file.seek(count * MOMENT.size)  # over half a moment, if a dead process left one
            file.write(MOMENT.pack(now) * weight)
            file.flush()
            os.fsync(number)
        if count + weight > 2 * self._most[group]:
            self._replace(group, self._all(group)[-self._most[group] :])

    def _all(self, group: str) -> list[float]:
        path = self._file(group)
        content = path.read_bytes() if path.exists() else b""
        whole = content[: len(content) // MOMENT.size * MOMENT.size]
        return [one for (one,) in MOMENT.iter_unpack(whole)]

    def _replace(self, group: str, moments: Iterable[float]) -> None:
        fresh = self._file(group).with_suffix(".new")
        number = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(number, "wb") as file:
            file.write(b"".join(MOMENT.pack(one) for one in moments))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._file(group))

    def _file(self, group: str) -> Path:
        return self._path.with_name(f"{self._path.name}-{group.replace(' ', '-')}.sent")


def _count(number: int) -> int:
    return os.fstat(number).st_size // MOMENT.size


def _at(number: int, place: int) -> float | None:
    if place < 0:
        return None
    (moment,) = MOMENT.unpack(os.pread(number, MOMENT.size, place * MOMENT.size))
    return float(moment)


def meter_for(
    account: Account, around: Surroundings, quotas: Iterable[Quota], *, whose: str = ""
) -> Meter:
    """The meter of an account, shared with every process that has the same state folder.

    Accounts of one user share it: platforms count what a user, or a project, sends. `whose` names
    that user where the account's secrets, from which it is taken else, are not one user's. What is
    sent to the sandbox is counted apart.
    """
    quotas = tuple(quotas)
    where = "sandbox-" if account.sandbox else ""
    user = sha256(whose.encode()).hexdigest()[:12] if whose else account.secrets_prefix.lower()
    name = f"{account.platform}-{where}{user.rstrip('_')}"
    if around.state is None:
        fresh = Meter(quotas, clock=around.clock, sleep=around.sleep)
        shared: Meter = around.shared.setdefault(f"quotas of {name}", fresh)
        return shared
    moments = KeptMoments(around.state / name, most_of(quotas))
    return Meter(quotas, clock=around.calendar, sleep=around.sleep, moments=moments)
