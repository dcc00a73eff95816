"""[freshness] and [alerts] of adsteer.toml: how old things may get, and who is told of trouble."""

from typing import Annotated, Literal

from pydantic import Field

from config.model import Written

Hours = Annotated[float, Field(gt=0, le=24 * 366)]
Address = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]
LocalUrl = Annotated[str, Field(pattern=r"^https?://[^\s@]+$")]


class Freshness(Written):
    """How old things may get, in hours; what is left out follows from schedules.toml."""

    segments: Hours | None = Field(default=None, description="Age limit of the segments.")
    audiences: Hours | None = Field(default=None, description="Age limit of a list, in step.")
    seeds: Hours | None = Field(default=None, description="Age limit of a seed; 30 days at most.")
    corrections: Hours | None = Field(default=None, description="Age limit of bid corrections.")
    measurement: Hours | None = Field(default=None, description="Age limit of what was spent.")


class Telegram(Written):
    """A chat of a Telegram bot; its token is ADSTEER_ALERTS_TELEGRAM_TOKEN."""

    chat: str = Field(min_length=1, description="Chat id, such as '-1001234567890' or '@channel'.")
    url: LocalUrl = Field(
        default="https://api.telegram.org", description="Bot API server, without the token."
    )


class Slack(Written):
    """A Slack channel, by the incoming webhook of ADSTEER_ALERTS_SLACK_URL."""


class Webhook(Written):
    """Any program that takes JSON by POST at the URL of ADSTEER_ALERTS_WEBHOOK_URL.

    ADSTEER_ALERTS_WEBHOOK_TOKEN, if set, goes with it as bearer token.
    """


class Email(Written):
    """Letters by SMTP; the password is ADSTEER_ALERTS_EMAIL_PASSWORD."""

    host: str = Field(min_length=1, description="SMTP server.")
    port: int = Field(default=587, ge=1, le=65535, description="Its port.")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="How the connection is encrypted; none on this machine."
    )
    user: str | None = Field(default=None, description="Login; none without.")
    sender: Address = Field(description="Address that letters come from.")
    recipients: tuple[Address, ...] = Field(min_length=1, description="Who gets the letters.")


class Alerts(Written):
    """Who is told of failures, refusals, what gets stale, and recoveries."""

    telegram: Telegram | None = Field(default=None, description="A chat of a Telegram bot.")
    slack: Slack | None = Field(default=None, description="A Slack channel.")
    email: Email | None = Field(default=None, description="Letters by SMTP.")
    webhook: Webhook | None = Field(default=None, description="A program of yours.")
    link: LocalUrl | None = Field(
        default=None, description="Address of the Prefect UI or console, put under every alert."
    )
