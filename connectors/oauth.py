"""Tokens that renew themselves: once per stale token, whoever notices first."""

import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol

from pydantic import SecretStr

from connectors.errors import ContractBroken, CredentialsRefused
from connectors.http import Ask, Door, Effect, Reply, error_for_status
from connectors.kept import KeptFile


@dataclass(frozen=True)
class Grant:
    """What an authorisation server gave: the parts never show in a repr."""

    access: SecretStr
    refresh: SecretStr | None = None


class GrantStore(Protocol):
    """The grant in use and its lock. Share one between everything that uses the same account."""

    grant: Grant

    @property
    def lock(self) -> AbstractContextManager[Any]: ...


@dataclass
class TokenStore:
    """A grant in memory: for one process."""

    grant: Grant
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)


class KeptGrant:
    """A grant in a file, for all processes of a project.

    `first` is what the secrets hold. Whoever changes the secrets means it: what was kept for the
    old ones is then forgotten.
    """

    def __init__(self, first: Grant, file: KeptFile, *, client_id: str = "") -> None:
        self._first = first
        self._file = file
        self._secrets = _fingerprint(first, client_id)

    @property
    def grant(self) -> Grant:
        kept = self._file.read()
        if kept.get("secrets") != self._secrets:
            return self._first
        refresh = kept.get("refresh")
        return Grant(SecretStr(str(kept["access"])), SecretStr(refresh) if refresh else None)

    @grant.setter
    def grant(self, new: Grant) -> None:
        """Under `lock` only."""
        refresh = new.refresh.get_secret_value() if new.refresh else None
        access = new.access.get_secret_value()
        self._file.write({"secrets": self._secrets, "access": access, "refresh": refresh})

    @property
    def lock(self) -> AbstractContextManager[Any]:
        return self._file.held()


def _fingerprint(grant: Grant, client_id: str) -> str:
    """Enough to tell other secrets by, and too little to find these."""
    refresh = grant.refresh.get_secret_value() if grant.refresh else ""
    whole = f"{client_id}\n{grant.access.get_secret_value()}\n{refresh}"
    return sha256(whole.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class OAuthTokens:
    """Tokens of one account, renewed with the refresh token where there is one.

    `door` leads to the authorisation server; `path` is its token endpoint. The server may leave
    the refresh token out of its answer (the old one stays) and may return the same access token.
    """

    store: GrantStore
    door: Door
    path: str
    client_id: str = ""
    client_secret: SecretStr | None = None
    scope: str = field(default="", kw_only=True)
    """Sent where the server wants it named again."""

    def current(self) -> str:
        return self.store.grant.access.get_secret_value()

    def renew(self, stale: str) -> bool:
        """True if there is a token worth another try; raises CredentialsRefused if refused."""
        with self.store.lock:
            if self.current() != stale:
                return True  # somebody renewed it while we waited for the lock
            refresh = self.store.grant.refresh
            if refresh is None:
                return False
            self.store.grant = self._renewed(refresh)
            return True

    def _renewed(self, refresh: SecretStr) -> Grant:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": refresh.get_secret_value(),
            "client_id": self.client_id,
        }
        if self.client_secret is not None:
            form["client_secret"] = self.client_secret.get_secret_value()
        if self.scope:
            form["scope"] = self.scope
        answer = self.door.send(Ask("POST", self.path, form=form, effect=Effect.SAME)).body
        access = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(access, str) or not access:
            raise ContractBroken(f"POST {self.path}: the answer has no access_token.")
        kept = answer.get("refresh_token") or refresh.get_secret_value()
        return Grant(SecretStr(access), SecretStr(str(kept)))


AUTHORISE_AGAIN = "Authorise the account again and put the new tokens into its secrets."


def judge_token_answer(ask: Ask, reply: Reply, *, act: str = AUTHORISE_AGAIN) -> None:
    """400 and 401 of a token endpoint mean that the refresh token or the client is refused."""
    if reply.status in (400, 401, 403):
        code = reply.body.get("error", "") if isinstance(reply.body, dict) else ""
        known = code if code in _OAUTH_ERRORS else "refused"
        raise CredentialsRefused(
            f"{ask}: the token could not be renewed ({known}).",
            act=act,
        )
    if not 200 <= reply.status < 300:
        raise error_for_status(ask, reply)


_OAUTH_ERRORS = frozenset(  # RFC 6749, 5.2
    [
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    ]
)
