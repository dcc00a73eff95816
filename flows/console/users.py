"""Who may come in: names, roles and password hashes, in one private file of the state folder."""

import base64
import hashlib
import hmac
import json
import os
import re
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from audiences.snapshots import private_folder
from flows.workshop import CannotRun

ROLES = ("viewer", "editor", "approver")
"""Each may do what those before it may: read; change rules, refresh and plan; decide and send."""

NAMES = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,79}")
SHORTEST = 10
"""Characters of a password."""

COST, BLOCK, LANES = 2**15, 8, 3
"""scrypt's N, r and p: 32 MB for every guess (OWASP Password Storage Cheat Sheet)."""
MOST_MEMORY = 64 * 2**20

ONE_AT_A_TIME = threading.Lock()
"""A crowd at the door must not take all memory."""


@dataclass(frozen=True)
class User:
    """A person with a role. Without a password only a reverse proxy can vouch for them."""

    name: str
    role: str
    password: str = field(default="", repr=False)
    """scrypt$N$r$p$salt$hash, or empty."""

    @property
    def stamp(self) -> str:
        """Changes with password and role: a session made before it is no longer good."""
        return hashlib.sha256(f"{self.role}:{self.password}".encode()).hexdigest()[:16]


class Users:
    """The file `console/users.json` of a state folder, mode 0600; read anew at every question."""

    def __init__(self, state: Path) -> None:
        self._path = state / "console" / "users.json"

    def all(self) -> Mapping[str, User]:
        """Everybody, by name."""
        try:
            written = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return {name: User(name, one["role"], one["password"]) for name, one in written.items()}

    def put(self, name: str, role: str, password: str | None) -> None:
        """Add a person, or give them another role and password.

        Raises CannotRun for a name, a role or a password that will not do.
        """
        if not NAMES.fullmatch(name):
            raise CannotRun("a user's name is Latin letters, digits and . _ @ + -, at most 80.")
        if role not in ROLES:
            raise CannotRun(f"there is no role {role}. Known: {', '.join(ROLES)}.")
        if password is not None and len(password) < SHORTEST:
            raise CannotRun(f"a password has at least {SHORTEST} characters.")
        hashed = "" if password is None else hash_password(password)
        self._write({**self.all(), name: User(name, role, hashed)})

    def remove(self, name: str) -> None:
        """Let somebody in no more; their open sessions end too. Raises CannotRun."""
        everybody = dict(self.all())
        if name not in everybody:
            raise CannotRun(f"there is no user {name}.")
        del everybody[name]
        self._write(everybody)

    def verified(self, name: str, password: str) -> User | None:
        """The user if the password is theirs. It takes as long where there is no such user."""
        user = self.all().get(name)
        kept = user.password if user is not None and user.password else _NOBODY
        right = is_password(password, kept)
        return user if right and kept is not _NOBODY else None

    def _write(self, users: Mapping[str, User]) -> None:
        private_folder(self._path.parent)
        rows = {one.name: {"role": one.role, "password": one.password} for one in users.values()}
        part = self._path.with_suffix(".part")
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as target:
            json.dump(rows, target, indent=1)
        part.replace(self._path)


def hash_password(password: str) -> str:
    """A password as it is kept: scrypt with a salt of its own."""
    salt = secrets.token_bytes(16)
    digest = _scrypt(password, salt, COST, BLOCK, LANES)
    return f"scrypt${COST}${BLOCK}${LANES}${_text(salt)}${_text(digest)}"


def is_password(password: str, kept: str) -> bool:
    """Whether a password is the one that is kept."""
    _, cost, block, lanes, salt, digest = kept.split("$")
    made = _scrypt(password, base64.b64decode(salt), int(cost), int(block), int(lanes))
    return hmac.compare_digest(made, base64.b64decode(digest))


def _scrypt(password: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    with ONE_AT_A_TIME:
        return hashlib.scrypt(
            password.encode(), salt=salt, n=cost, r=block, p=lanes, maxmem=MOST_MEMORY
        )


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


_NOBODY = f"scrypt${COST}${BLOCK}${LANES}${_text(bytes(16))}${_text(bytes(64))}"
"""Compared with where there is nobody of that name."""
