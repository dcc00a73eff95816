"""[consent] of audiences.toml: which yes a list asks for, by its purpose and its platform."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from config.model import Name, Written

ADS = "ads"
"""Consent to advertising, column consent_ads: a no to it takes a person off every list."""
COLUMN = "consent_"
"""How the column of a consent begins: consent_analytics is that of the consent `analytics`."""
NOT_CONSENTS = frozenset({"on", "at"})
"""What follows COLUMN in columns that are about consent and no consent: its day."""

Asked = Annotated[tuple[Name, ...], Field(min_length=1)]
Platform = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class Purpose(StrEnum):
    """What a list is for."""

    RETARGETING = "retargeting"
    SEED = "seed"


class Consent(Written):
    """Whose contacts may be used for what: every consent that is named must be a yes."""

    retargeting: Asked = Field(
        default=(ADS,), description="Consents that people of retargeting lists have given."
    )
    seed: Asked = Field(
        default=(ADS,), description="Consents that people of look-alike seeds have given."
    )
    platforms: dict[Platform, Asked] = Field(
        default_factory=dict,
        description="Consents that lists on a platform ask for besides: platform = names.",
    )

    def asked(self, purpose: Purpose, platform: str | None = None) -> tuple[str, ...]:
        """Consents that a list of this purpose, on this platform, asks for; sorted."""
        by_purpose = self.seed if purpose is Purpose.SEED else self.retargeting
        by_platform = self.platforms.get(platform, ()) if platform else ()
        return tuple(sorted({*by_purpose, *by_platform}))

    @property
    def named(self) -> tuple[str, ...]:
        """Every consent that some list may ask for; sorted."""
        return tuple(sorted({*self.retargeting, *self.seed, *sum(self.platforms.values(), ())}))


def consent_of(column: str) -> str | None:
    """The consent that a column is about, beside that to ads; None for any other column."""
    name = column.removeprefix(COLUMN)
    return None if name in (column, ADS, "") or name in NOT_CONSENTS else name
