"""exports.toml: which CRM files there are, and what their columns mean."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, model_validator

from config.model import Name, Share, Written


class ExportKind(StrEnum):
    """What one row of an export is."""

    CONTACTS = "contacts"
    ORDERS = "orders"
    ORDER_LINES = "order_lines"
    EVENTS = "events"
    COSTS = "costs"
    AGGREGATE = "aggregate"


class Values(Written):
    """How the CRM writes yes, no and the states of an order (compared case-insensitively)."""

    yes: tuple[str, ...] = Field(
        default=("yes", "y", "true", "1", "да", "так"), description="Consent given."
    )
    no: tuple[str, ...] = Field(
        default=("no", "n", "false", "0", "нет", "ні"), description="Consent refused."
    )
    paid: tuple[str, ...] = Field(
        default=(), description="Order states that count; every state not named elsewhere if empty."
    )
    cancelled: tuple[str, ...] = Field(
        default=(), description="Order states of cancelled, unpaid and test orders: left out."
    )
    returned: tuple[str, ...] = Field(
        default=(), description="Order states of returns: they lower value, never add an order."
    )


class Export(Written):
    """One file, glob or query."""

    kind: ExportKind = Field(description="What one row is.")
    source: Name = Field(description="Name of the system it came from; ids are unique within it.")
    path: str | None = Field(default=None, description="File, folder or glob, in the project.")
    query: str | None = Field(default=None, description="SQL query, instead of a path.")
    database: str | None = Field(
        default=None,
        pattern=r"^[A-Z][A-Z0-9_]*$",
        description="Name of the environment variable with the database URL.",
    )
    preset: Name | None = Field(default=None, description="Known CRM whose headers are expected.")
    columns: dict[str, str] = Field(
        default_factory=dict, description="Canonical column = header in the file."
    )
    values: Values = Field(default=Values(), description="How the CRM writes yes, no and states.")
    encoding: str | None = Field(default=None, description="Encoding; detected if left out.")
    delimiter: str | None = Field(default=None, description="Delimiter; detected if left out.")
    decimal: str | None = Field(
        default=None, pattern="^[.,]$", description="Decimal sign; decided per column if left out."
    )
    dates: str | None = Field(
        default=None,
        pattern="^(dmy|mdy|ymd)$",
        description="Order of day and month; decided per column if left out.",
    )
    sheet: str | None = Field(default=None, description="Sheet of a workbook; first visible one.")
    currency: str | None = Field(
        default=None, pattern=r"^[A-Z]{3}$", description="Currency if no column names it."
    )
    vat_percent: Decimal = Field(
        default=Decimal(0),
        ge=0,
        lt=100,
        description="VAT that the costs of this file hold, in per cent; it is taken out.",
    )
    prehashed: dict[Literal["email", "phone"], Literal["sha256"]] = Field(
        default_factory=dict, description="Columns that hold digests: column = sha256."
    )

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.path is None) == (self.query is None):
            raise ValueError("either path or query")
        if self.query is not None and self.database is None:
            raise ValueError("database beside a query: the name of the variable that holds the URL")
        return self


class Rate(Written):
    """What a foreign currency was worth from a day on, until its next rate."""

    currency: str = Field(pattern=r"^[A-Z]{3}$", description="The foreign currency.")
    day: date = Field(description="First day on which the rate holds.")
    rate: Decimal = Field(gt=0, description="Shop currency for one unit of it.")


class ExportsFile(Written):
    """exports.toml."""

    max_rejected: Share = Field(
        default=0.05, description="Above this share of rejected rows the run stops."
    )
    suppression: tuple[str, ...] = Field(
        default=(), description="Files with contacts or ids that must never be used."
    )
    rate: tuple[Rate, ...] = Field(
        default=(), description="Dated rates; without them one currency per run."
    )
    export: tuple[Export, ...] = Field(min_length=1, description="The exports to read.")
