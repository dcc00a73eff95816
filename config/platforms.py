"""platforms.toml: the ad accounts. No secrets: those come from the environment."""

from decimal import Decimal

from pydantic import Field

from config.model import Name, Written


class Account(Written):
    """One account on one ad platform."""

    name: Name = Field(description="Name used in audiences.toml and bid_rules.toml.")
    platform: Name = Field(description="Platform, such as yandex_audience.")
    login: str | None = Field(default=None, description="Client login or customer id.")
    lists_from: Name | None = Field(
        default=None, description="Account whose lists this one can use in corrections."
    )
    sandbox: bool = Field(default=False, description="Talk to adsteer's sandbox instead.")
    api_version: str | None = Field(default=None, description="API version; ours if left out.")
    secrets: str | None = Field(
        default=None,
        pattern=r"^[A-Z][A-Z0-9_]*_$",
        description="Prefix of the variables with its secrets; its name in capitals if left out.",
    )
    currency: str | None = Field(
        default=None,
        pattern=r"^[A-Z]{3}$",
        description="Currency of the account's reports; the shop's if left out. Another one needs "
        "rates in exports.toml.",
    )
    vat_percent: Decimal = Field(
        default=Decimal(0),
        ge=0,
        lt=100,
        description="VAT that the reported costs hold, in per cent; it is taken out.",
    )
    wait_minutes: int = Field(
        default=10, ge=0, description="How long a run waits for the platform to process a list."
    )

    @property
    def secrets_prefix(self) -> str:
        """Prefix of this account's variables: `secrets`, or the name, as in YANDEX_ADS_."""
        return self.secrets or f"{self.name.upper()}_"


class PlatformsFile(Written):
    """platforms.toml."""

    account: tuple[Account, ...] = Field(min_length=1, description="The ad accounts.")
