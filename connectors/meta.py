"""Meta: custom audiences, look-alikes, bid corrections by value rules, insights.

A list is a custom audience made empty, then filled by requests of at most 10,000 rows. Meta takes
changes at any time and shows their effect hours later, as a rounded range of matched people.

Sessions are used where one batch takes several requests, and nowhere else: Meta drops what comes
90 minutes after a session's first batch, and batches must stand alone to be sent again. Batches may
be under way together: each is a session of its own or none, whose requests follow one another. The
column COUNTRY is not sent: nobody's country is known here, and phones carry their country code.

Facts: Marketing API v26.0 documentation and the official SDK 26.0.3, as of November 2026.
UNVERIFIED marks what they leave open.
"""

import logging
from collections.abc import Sequence
from datetime import date
from hashlib import sha256
from itertools import count
from json import dumps
from typing import Any, ClassVar, Self

from pydantic import Field, SecretStr

from audiences.model import AudienceRef, Batch, Opened, Receipt, Recipe
from bids.model import BidObject
from config.audiences import Identifier
from config.platforms import Account
from config.settings import Credentials
from connectors import meta_insights as insights
from connectors.base import (
    ApiVersion,
    Connector,
    Limits,
    ReplacesWhole,
    ReportsSpend,
    SpendRow,
)
from connectors.errors import (
    ConnectorError,
    ContractBroken,
    ListGone,
    RuleRefused,
    TermsNotAccepted,
    Unsure,
)
from connectors.http import Door, Effect, Surroundings
from connectors.meta_account import ACCOUNT, AUDIENCES, FACTS, PLATFORM, VERSION, id_of
from connectors.meta_corrections import MetaCorrections
from connectors.meta_lookalikes import MetaLookalikes
from connectors.meta_members import ROWS_PER_REQUEST, VALUE, JsonBody, UserRows
from connectors.meta_wire import ACTS_OF, Graph, LastingToken, judge, proof_of
from connectors.origins import SANDBOX_TOKEN, origin_for
from connectors.recipes import META

log = logging.getLogger(__name__)

ORIGIN = "https://graph.facebook.com/"
WARN_DAYS = 90

REPLACE = "{id}/usersreplace"
TERMS = "custom_audience_tos"  # UNVERIFIED: its key in tos_accepted
RETENTION_DAYS = FACTS.whole("retention_days")


class MetaCredentials(Credentials):
    """Secrets of a Meta ad account."""

    token: SecretStr = Field(description="Access token, best of a system user, ads_management.")
    app_secret: SecretStr | None = Field(
        default=None, description="Secret of the app, where the app requires proof of it."
    )


class Meta(MetaLookalikes, MetaCorrections, Connector, ReplacesWhole, ReportsSpend):
    """One Meta ad account (`login`: its id, with or without act_)."""

    platform: ClassVar[str] = PLATFORM
    versions: ClassVar[tuple[ApiVersion, ...]] = FACTS.versions
    limits: ClassVar[Limits] = FACTS.limits(
        kinds=frozenset({Identifier.EMAIL, Identifier.PHONE, Identifier.EXTERNAL_ID}),
        takes_worth=True,
    )
    recipe: ClassVar[Recipe] = META

    def __init__(self, graph: Graph, account: Account, around: Surroundings) -> None:
        super().__init__(graph, account, around)
        self._value_based: dict[str, bool] = {}
        self._sessions = count(1)

    @classmethod
    def connect(cls, account: Account, around: Surroundings) -> Self:
        if account.sandbox:
            secrets = MetaCredentials.model_construct(token=SecretStr(SANDBOX_TOKEN))
        else:
            given = around.secrets.get(account.name)
            secrets = MetaCredentials.read(account.secrets_prefix, around.folder, given)
        origin = origin_for(account, around, cls.platform, ORIGIN)
        door = Door(
            f"{origin}{account.api_version or VERSION}/",
            surroundings=around,
            tokens=LastingToken(secrets.token),
            judge=judge,
        )
        proof = ""
        if secrets.app_secret is not None:
            token = secrets.token.get_secret_value()
            proof = proof_of(secrets.app_secret.get_secret_value(), token)
        return cls(Graph(door, proof), account, around)

    def check(self) -> None:
        ends = FACTS.ends(self._version)
        if ends is not None and (ends - self._now().date()).days < WARN_DAYS:
            log.warning("account %s: Meta serves %s until %s", self._name, self._version, ends)
        fields = {"fields": "id,name,tos_accepted"}
        answer = self._graph.get(ACCOUNT, gaps=self._gaps, query=fields)
        terms = answer.get("tos_accepted")
        if isinstance(terms, dict) and terms.get(TERMS, 1) in (0, "0", False):
            raise TermsNotAccepted(
                f"account {self._name}: the custom audience terms are not accepted.",
                act=ACTS_OF[(200, 1870090)],
            )

    # Lists

    def find(self, audience: AudienceRef) -> str | None:
        """The oldest where several have the title: Meta does not keep names apart."""
        found = [
            int(one["id"])
            for one in self._audiences("id,name,subtype")
            if one.get("name") == audience.title and one.get("subtype") == "CUSTOM"
        ]
        return str(min(found)) if found else None

    def find_or_create(self, audience: AudienceRef, first: Batch) -> Opened:
        """The list is value based where the first batch has a column `value`."""
        days = audience.membership_days
        if days is not None and not 1 <= days <= RETENTION_DAYS:
            raise RuleRefused(
                f"{audience}: membership_days {days} is not 1 to {RETENTION_DAYS}.",
                act="Leave membership_days out: then nobody drops out of a Meta list.",
            )
        body: dict[str, object] = {
            "name": audience.title,
            "subtype": "CUSTOM",
            "customer_file_source": "USER_PROVIDED_ONLY",
        }
        if days is not None:
            body["retention_days"] = days
        if VALUE in first.members.column_names:
            body["is_value_based"] = True

        def make() -> str:
            made = self._graph.post(AUDIENCES, gaps=self._gaps, json=body, effect=Effect.TWICE)
            return id_of(AUDIENCES, made)

        found = self.find(audience)
        return Opened(found or self._graph.once(make, lambda: self.find(audience)))

    def add(self, list_id: str, batch: Batch) -> Receipt:
        return self._carry("POST", list_id, batch)

    def remove(self, list_id: str, batch: Batch) -> Receipt:
        return self._carry("DELETE", list_id, batch)

    def replace(self, list_id: str, batch: Batch) -> Receipt:
        """In a session of one request: Meta swaps the people when its last batch is there.

        Raises RuleRefused for more rows than a request takes: between two requests of a session
        nobody knows what the list holds.
        """
        told = VALUE in batch.members.column_names
        value_based = self._is_value_based(list_id)
        users = UserRows(batch, told and value_based)
        parts = list(users.parts())
        if len(parts) != 1 or value_based != told:
            raise RuleRefused(
                f"audience {list_id} is not replaced: it takes one request of up to "
                f"{ROWS_PER_REQUEST:,} rows, with values exactly if it is value based."
            )
        ((rows, data),) = parts
        session = self._session(batch)
        ticket = {"session_id": session, "batch_seq": 1, "last_batch_flag": True}
        body = _users_body(users.schema, data, ticket)
        gaps = {"id": list_id}

        def act() -> Receipt:
            answer = self._graph.carry("POST", REPLACE, gaps=gaps, body=body, effect=Effect.TWICE)
            return users.receipt(_verdict(answer, rows), str(session))

        def look() -> Receipt | None:
            """The session is there once its request came; which cells it minds is not told."""
            query: dict[str, str | int] = {"session_id": session, "fields": "session_id"}
            found = self._graph.pages("{id}/sessions", gaps=gaps, query=query)
            ours = any(one.get("session_id") == str(session) for one in found)
            return users.receipt([], str(session)) if ours else None

        return self._graph.once(act, look)

    def rename(self, list_id: str, title: str) -> bool:
        self._graph.change({"id": list_id}, {"name": title})
        return True

    def delete(self, list_id: str) -> None:
        try:
            self._graph.delete({"id": list_id})
        except ListGone:
            return

    # Reports

    def spend(self, objects: Sequence[BidObject], first: date, last: date) -> tuple[SpendRow, ...]:
        """Final after 28 days; purchases by Meta's own attribution, none is zero."""
        return tuple(insights.spend(self._graph, self._gaps, objects, first, last))

    # What follows knows the wire.

    def _carry(self, method: str, list_id: str, batch: Batch) -> Receipt:
        """One request, or a session of several where people have many identifiers."""
        with_value = VALUE in batch.members.column_names and method == "POST"
        users = UserRows(batch, with_value and self._is_value_based(list_id))
        parts = list(users.parts())
        session = self._session(batch)
        bad: list[str] = []
        reference = ""
        for place, (rows, data) in enumerate(parts, start=1):
            last = place == len(parts)
            ticket = {"session_id": session, "batch_seq": place, "last_batch_flag": last}
            body = _users_body(users.schema, data, ticket if len(parts) > 1 else None)
            try:
                answer = self._graph.carry(method, "{id}/users", gaps={"id": list_id}, body=body)
                bad += _verdict(answer, rows)
            except ConnectorError as fault:
                if place == 1:
                    raise
                said = f"{place - 1} of {len(parts)} requests of a batch were taken: {fault}"
                raise Unsure(said) from None
            reference = str(answer.get("session_id", ""))
        return users.receipt(bad, reference)

    def _session(self, batch: Batch) -> int:
        """Another one for every sending: a session that ended takes nothing more."""
        return session_id(batch, f"{self._now().isoformat()} {next(self._sessions)}")

    def _is_value_based(self, list_id: str) -> bool:
        if list_id not in self._value_based:
            fields = {"fields": "id,is_value_based"}
            answer = self._graph.get("{id}", gaps={"id": list_id}, query=fields)
            self._value_based[list_id] = answer.get("is_value_based") is True
        return self._value_based[list_id]


def session_id(batch: Batch, moment: str) -> int:
    """A positive 64-bit number, another one whenever a batch is sent again."""
    return int.from_bytes(sha256(f"{batch.key} {moment}".encode()).digest()[:8], "big") >> 1 or 1


def _users_body(schema: list[str], data: bytes, session: dict[str, int] | None) -> JsonBody:
    head = f'{{"payload": {{"schema": {dumps(schema)}, "data": '.encode()
    tail = b"}}" if session is None else b'}, "session": ' + dumps(session).encode() + b"}"
    return JsonBody(head + data + tail)


def _verdict(answer: dict[str, Any], rows: int) -> list[str]:
    """The cells that Meta calls invalid, as far as it names them (100 at most)."""
    received, invalid = answer.get("num_received"), answer.get("num_invalid_entries")
    if not str(received).isdigit() or not str(invalid).isdigit():
        raise ContractBroken("{id}/users: the answer does not say how many were received.")
    if int(str(received)) < rows:
        raise Unsure(f"{{id}}/users: Meta says it received {received} of {rows} rows.")
    samples = answer.get("invalid_entry_samples") or {}
    if int(str(invalid)) > len(samples):
        log.warning("Meta calls %s rows invalid and names %s of them.", invalid, len(samples))
    if isinstance(samples, dict):
        return [str(one) for pair in samples.items() for one in pair]
    return [str(one) for one in samples]
