"""Ways to tell people: Telegram, Slack, letters, a program's webhook. Each takes one short text.

Nothing here logs, and no error names an address or a token: the bot's token is part of Telegram's
URL, and a Slack webhook is a secret as a whole. So this speaks through urllib and smtplib, which
log nothing, and not through httpx or a notification library, which write such URLs into logs.
"""

import json
import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.client import HTTPException
from pathlib import Path
from typing import Protocol
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from pydantic import SecretStr

from config.faults import ConfigError, Fault
from config.operating import Alerts, Email
from config.settings import AlertSecrets

SECONDS = 20.0
LONGEST_TEXT = 3500
"""Telegram takes 4,096 signs, Slack 4,000 in one text block."""


class NotTold(Exception):
    """A channel did not take an alert; the text names the channel and never where it leads."""


@dataclass(frozen=True)
class Alert:
    """What is told: one line of what happened, what it means, and what to do."""

    subject: str
    state: str
    title: str
    text: str
    shop: str
    at: str

    @property
    def body(self) -> str:
        """Title and text, short enough for every channel."""
        whole = f"{self.title}\n{self.text}"
        return whole if len(whole) <= LONGEST_TEXT else f"{whole[:LONGEST_TEXT]} …"


class Channel(Protocol):
    """Something that takes an alert, or raises NotTold."""

    @property
    def name(self) -> str: ...

    def tell(self, alert: Alert) -> None: ...


@dataclass(frozen=True)
class TelegramChat:
    """https://core.telegram.org/bots/api#sendmessage, as plain text."""

    url: str
    chat: str
    token: SecretStr
    name: str = "telegram"

    def tell(self, alert: Alert) -> None:
        address = f"{self.url.rstrip('/')}/bot{self.token.get_secret_value()}/sendMessage"
        said = _post(self.name, address, {"chat_id": self.chat, "text": alert.body})
        if said.get("ok") is not True:
            raise NotTold(f"{self.name} did not take the alert.")


@dataclass(frozen=True)
class SlackChannel:
    """https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks."""

    address: SecretStr
    name: str = "slack"

    def tell(self, alert: Alert) -> None:
        # the three signs that Slack reads as markup
        text = alert.body.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        _post(self.name, self.address.get_secret_value(), {"text": text})


@dataclass(frozen=True)
class Program:
    """Any program: the alert as JSON, with a bearer token if there is one."""

    address: SecretStr
    token: SecretStr | None
    name: str = "webhook"

    def tell(self, alert: Alert) -> None:
        bearer = {"Authorization": f"Bearer {self.token.get_secret_value()}"} if self.token else {}
        document = {**vars(alert), "sent_by": "adsteer"}
        _post(self.name, self.address.get_secret_value(), document, bearer)


@dataclass(frozen=True)
class Letters:
    """SMTP, encrypted unless it stays on this machine."""

    settings: Email
    password: SecretStr | None
    name: str = "email"
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context, repr=False)

    def tell(self, alert: Alert) -> None:
        try:
            with self._connected() as server:
                if self.settings.user is not None:
                    password = self.password.get_secret_value() if self.password else ""
                    server.login(self.settings.user, password)
                server.send_message(self._letter(alert))
        except (OSError, smtplib.SMTPException) as error:
            raise NotTold(f"{self.name}: the server did not take it ({_kind(error)}).") from None

    def _connected(self) -> smtplib.SMTP:
        host, port = self.settings.host, self.settings.port
        if self.settings.security == "tls":
            return smtplib.SMTP_SSL(host, port, timeout=SECONDS, context=self.context)
        server = smtplib.SMTP(host, port, timeout=SECONDS)
        if self.settings.security == "starttls":
            server.starttls(context=self.context)
        return server

    def _letter(self, alert: Alert) -> EmailMessage:
        letter = EmailMessage()
        letter["Subject"] = f"[{' '.join(alert.shop.split())}] {' '.join(alert.title.split())}"
        letter["From"], letter["To"] = self.settings.sender, ", ".join(self.settings.recipients)
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(f"{alert.text}\n")
        return letter


def channels(alerts: Alerts, folder: Path) -> tuple[Channel, ...]:
    """The channels that adsteer.toml names, with their secrets.

    Raises ConfigError for a channel whose secret is missing.
    """
    secrets = AlertSecrets.load(folder)
    made: list[Channel] = []
    if alerts.telegram:
        token = _needed(secrets, "telegram_token")
        made.append(TelegramChat(alerts.telegram.url, alerts.telegram.chat, token))
    if alerts.slack:
        made.append(SlackChannel(_needed(secrets, "slack_url")))
    if alerts.email:
        password = _needed(secrets, "email_password") if alerts.email.user else None
        made.append(Letters(alerts.email, password))
    if alerts.webhook:
        made.append(Program(_needed(secrets, "webhook_url"), secrets.webhook_token))
    return tuple(made)


def _needed(secrets: AlertSecrets, name: str) -> SecretStr:
    found: SecretStr | None = getattr(secrets, name)
    if found is None:
        what = (AlertSecrets.model_fields[name].description or name).rstrip(".")
        where = "the environment, .env or secrets/"
        raise ConfigError(
            [Fault("settings", f"ADSTEER_ALERTS_{name.upper()}", f"nothing in {where}", what)]
        )
    return found


class _NoRedirect(HTTPRedirectHandler):
    """A secret in a URL is not carried to another host."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = build_opener(_NoRedirect)


def _post(
    name: str, address: str, document: Mapping[str, object], headers: Mapping[str, str] = {}
) -> dict[str, object]:
    """Send JSON; the JSON object that came back, or nothing. Raises NotTold."""
    if not address.startswith(("https://", "http://")):
        raise NotTold(f"{name}: its address must begin with https://.")
    body = json.dumps(document, ensure_ascii=False).encode()
    sent = {"Content-Type": "application/json; charset=utf-8", **headers}
    try:
        request = Request(address, data=body, headers=sent, method="POST")  # noqa: S310 - see above
        with _OPENER.open(request, timeout=SECONDS) as answer:
            read = answer.read(100_000)
    except (HTTPError, URLError, HTTPException, OSError, ValueError) as error:
        raise NotTold(f"{name} did not take the alert ({_kind(error)}).") from None
    try:
        said = json.loads(read)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _kind(error: Exception) -> str:
    """What went wrong, without addresses: a status or the kind of error."""
    if isinstance(error, HTTPError):
        return f"HTTP {error.code}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"SMTP {error.smtp_code}"
    reason = error.reason if isinstance(error, URLError) else error
    return type(reason).__name__ if isinstance(reason, Exception) else "no connection"
