"""Who stands before the console, and whether they may come in.

On 127.0.0.1 without a public name there is no login: whoever can open a port of this machine as
this user is its user. Anywhere else a login is required, or a reverse proxy that vouches.
"""

import getpass
from dataclasses import dataclass
from ipaddress import ip_address

from starlette.requests import HTTPConnection

from flows.console.users import ROLES, User
from flows.workshop import CannotRun

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""Addresses, and the names a browser may call them by; another name is DNS rebinding."""


@dataclass(frozen=True)
class Door:
    """How the console is reached. `proxy_header` holds the name of whom a proxy let in."""

    host: str = "127.0.0.1"
    port: int = 4210
    login: bool = False
    public_names: frozenset[str] = frozenset()
    proxy_header: str = ""
    proxy_from: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Raises CannotRun for a door that would let in whoever writes a header."""
        if self.proxy_header and not self.proxy_from:
            raise CannotRun(
                "a proxy that vouches for people is known by its address: say --proxy-from too."
            )

    @property
    def is_open(self) -> bool:
        """True where nobody logs in."""
        asked = self.login or self.public_names or self.proxy_header or self.proxy_from
        return self.host in LOOPBACK and not asked

    def is_called(self, host: str) -> bool:
        """Whether the Host header of a request is a name of ours."""
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        known = self.public_names | (LOOPBACK if self.host in LOOPBACK else frozenset({self.host}))
        anywhere = self.host in ("0.0.0.0", "::") and not self.public_names  # noqa: S104
        return anywhere or name.strip("[]").lower() in known

    def is_https(self, asked: HTTPConnection) -> bool:
        """Whether the browser came by TLS, to us or to a trusted proxy."""
        told = asked.headers.get("x-forwarded-proto", "") if self._is_proxy(asked) else ""
        return (told or asked.url.scheme) == "https"

    def address(self, asked: HTTPConnection) -> str:
        """Where a request came from; a trusted proxy says whom it speaks for."""
        told = asked.headers.get("x-forwarded-for", "") if self._is_proxy(asked) else ""
        return told.rsplit(",", 1)[-1].strip() or _peer(asked)

    def vouched(self, asked: HTTPConnection) -> str:
        """The name a trusted proxy gives; empty for a request that did not come from it."""
        if not self.proxy_header or not self._is_proxy(asked):
            return ""
        return asked.headers.get(self.proxy_header, "")

    def _is_proxy(self, asked: HTTPConnection) -> bool:
        return _plain(_peer(asked)) in self.proxy_from


@dataclass(frozen=True)
class Visitor:
    """Whoever asks for a page."""

    name: str
    role: str

    def may(self, role: str) -> bool:
        """Whether this role, or a higher one, is theirs."""
        return self.role in ROLES and ROLES.index(self.role) >= ROLES.index(role)


STRANGER = Visitor("", "")


def at_home() -> Visitor:
    """The user of this machine, before an open door."""
    return Visitor(getpass.getuser(), ROLES[-1])


def known(user: User | None) -> Visitor:
    """A user as a visitor; a stranger for none."""
    return STRANGER if user is None else Visitor(user.name, user.role)


def _peer(asked: HTTPConnection) -> str:
    return asked.client.host if asked.client else ""


def _plain(peer: str) -> str:
    """An address in one spelling: IPv4 inside IPv6 is IPv4."""
    try:
        address = ip_address(peer)
    except ValueError:
        return peer
    inner = getattr(address, "ipv4_mapped", None)
    return str(inner or address)
