"""adsteer.toml: the shop, the engine, where state lives, who is told of trouble."""

import re
from datetime import date
from zoneinfo import available_timezones

from pydantic import Field, field_validator

from config.model import Written
from config.operating import Alerts, Freshness


class Shop(Written):
    """Who we steer for."""

    name: str = Field(description="Shop name, shown in reports.")
    currency: str = Field(pattern=r"^[A-Z]{3}$", description="ISO 4217 code of all amounts.")
    time_zone: str = Field(description="IANA zone in which a day of the shop begins.")
    phone_regions: tuple[str, ...] = Field(
        default=("RU", "UA", "KZ", "BY"),
        min_length=1,
        description="ISO regions tried in this order for numbers written without country code.",
    )
    language: str = Field(
        default="en", pattern="^(en|ru|uk)$", description="Language of segment labels."
    )
    as_of: date | None = Field(
        default=None,
        description="Fixes the snapshot day, for closed data sets; leave out to use today.",
    )
    own_contacts: tuple[str, ...] = Field(
        default=(),
        description="The shop's own e-mail domain, addresses and phones: never a person's.",
    )

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("an IANA time zone, such as Europe/Moscow")
        return value


class Engine(Written):
    """Where relational work runs."""

    kind: str = Field(default="duckdb", pattern="^(duckdb|spark)$", description="Engine to use.")
    memory_limit: str = Field(
        default="1500MB",
        pattern=r"^\d+(MB|GB)$",
        description="Memory the engine may use before it spills to disk.",
    )
    threads: int | None = Field(default=None, ge=1, description="Threads; all cores if left out.")
    master: str = Field(
        default="local[*]",
        pattern=r"^(local\[(\d+|\*)\]|yarn|(spark|k8s|sc)://\S+)$",
        description="Spark only: local[2], spark://host:7077, yarn, k8s://..., or sc://host:15002 "
        "for Spark Connect.",
    )
    spark: dict[str, str] = Field(
        default={},
        description="Spark only: settings of the session, by their names in Spark's own manual.",
    )


class State(Written):
    """Where adsteer remembers."""

    folder: str = Field(
        default=".adsteer", description="Folder for snapshots, plans and rejects, in the project."
    )
    catalog: str | None = Field(
        default=None,
        description="SQLAlchemy URL of the catalog; an SQLite file in the folder if left out.",
    )
    keep_days: int = Field(default=90, ge=1, description="How long old snapshots are kept.")

    @field_validator("catalog")
    @classmethod
    def _without_password(cls, value: str | None) -> str | None:
        if value is not None and re.search(r"://[^/@\s]*:[^/@\s]*@", value):
            raise ValueError("a URL without password; one with goes into ADSTEER_CATALOG in .env")
        return value


class AdsteerFile(Written):
    """adsteer.toml."""

    shop: Shop = Field(description="Who we steer for.")
    engine: Engine = Field(default=Engine(), description="Where relational work runs.")
    state: State = Field(default=State(), description="Where adsteer remembers.")
    freshness: Freshness = Field(default=Freshness(), description="How old things may get.")
    alerts: Alerts = Field(default=Alerts(), description="Who is told of trouble.")
