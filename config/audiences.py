"""audiences.toml: who goes where, and as what."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from config.consents import Consent as Consent
from config.consents import Purpose as Purpose
from config.model import Name, Share, Written


class Identifier(StrEnum):
    """A kind of contact a platform can match."""

    EMAIL = "email"
    PHONE = "phone"
    EXTERNAL_ID = "external_id"


class LtvFloor(Written):
    """What a buyer must be worth to be in a seed: exactly one of the three."""

    amount: Decimal | None = Field(default=None, gt=0, description="Value in shop currency.")
    average_checks: float | None = Field(
        default=None, gt=0, description="Value as a multiple of the average order."
    )
    top_share: float | None = Field(
        default=None, gt=0, lt=1, description="Top share of buyers by predicted value."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [self.amount, self.average_checks, self.top_share]
        if sum(value is not None for value in given) != 1:
            raise ValueError("exactly one of amount, average_checks, top_share")
        return self


class Lookalike(Written):
    """Look-alike lists grown from a seed."""

    reach: tuple[Annotated[int, Field(ge=1, le=5)], ...] = Field(
        default=(1,),
        min_length=1,
        description="Reach of each list, 1 (closest) to 5 (widest); platforms map it.",
    )
    keep_geo: bool = Field(default=True, description="Keep the seed's regions where possible.")
    keep_devices: bool = Field(default=True, description="Keep the seed's devices likewise.")
    refresh_days: int = Field(default=30, ge=1, le=30, description="Age at which a seed is stale.")
    exclude: Name | None = Field(
        default=None,
        description="Audience of existing customers on the same accounts: ad groups that show the "
        "look-alike shall leave them out; platforms leave out the seed's own people only.",
    )
    shown_in: dict[Name, tuple[Annotated[int, Field(ge=1)], ...]] = Field(
        default_factory=dict,
        description="By account: ids of the ad groups (ad sets) that show the look-alike. Where "
        "the platform takes the request, `exclude` is left out of them.",
    )
    by_value: bool = Field(
        default=False,
        description="Tell platforms that take it what each member is worth, so that the likeness "
        "follows the worth (Meta; its value-based terms must be accepted).",
    )
    countries: tuple[Annotated[str, Field(pattern=r"^[A-Z]{2}$")], ...] = Field(
        default=(),
        description="Where the people shall be, such as ['UA', 'PL']; some platforms must know.",
    )

    @field_validator("reach")
    @classmethod
    def _each_once(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(value)) < len(value):
            raise ValueError("each reach once")
        return value

    @model_validator(mode="after")
    def _shown_without(self) -> Self:
        if self.shown_in and self.exclude is None:
            raise ValueError("exclude = 'an audience' beside shown_in")
        return self


class Audience(Written):
    """A set of people bound to ad accounts."""

    name: Name = Field(description="Name of the list.")
    people: str = Field(description="SQL condition over segment, overlays and features.")
    purpose: Purpose = Field(default=Purpose.RETARGETING, description="What the list is for.")
    accounts: tuple[Name, ...] = Field(min_length=1, description="Accounts from platforms.toml.")
    identifiers: tuple[Identifier, ...] = Field(
        default=(Identifier.EMAIL, Identifier.PHONE), description="Contacts that are sent, hashed."
    )
    membership_days: int | None = Field(
        default=None, ge=1, description="Days a member stays; the platform's longest if left out."
    )
    ltv_floor: LtvFloor | None = Field(
        default=None, description="What a buyer must be worth; a seed cannot do without."
    )
    max_base_share: Share = Field(
        default=0.20, description="Largest share of the base a seed may take."
    )
    lookalike: Lookalike | None = Field(default=None, description="Lists grown from this seed.")
    title: str | None = Field(default=None, description="Name on the platform.")
    replace: bool = Field(
        default=False,
        description="Nobody but adsteer puts people into the list, so it may be replaced whole "
        "where the platform can and that takes fewer requests than removing and adding.",
    )
    formerly: Name | None = Field(
        default=None, description="Its name here until now: the list is kept and renamed."
    )

    @model_validator(mode="after")
    def _seeds_are_high_ltv(self) -> Self:
        if self.purpose is Purpose.SEED and self.ltv_floor is None:
            raise ValueError(
                "[audience.ltv_floor] with amount, average_checks or top_share: "
                "a seed takes high-LTV buyers only"
            )
        if self.lookalike is not None and self.purpose is not Purpose.SEED:
            raise ValueError("purpose = 'seed': look-alikes grow from a seed")
        return self


class Holdout(Written):
    """People kept out of every audience on purpose, by a deterministic hash."""

    share: float = Field(default=0.0, ge=0, le=0.5, description="Share kept out.")
    salt: str = Field(default="global", min_length=1, description="Salt of the hash; never change.")


class Guards(Written):
    """What a plan may do without asking."""

    max_removed_share: Share = Field(
        default=0.20, description="Largest share of a list that may be removed at once."
    )
    small_list: int = Field(
        default=1000, ge=0, description="Lists up to this size have their own threshold."
    )
    max_removed_share_small: Share = Field(default=0.40, description="The same for small lists.")
    least_of_minimum: float = Field(
        default=1.0,
        ge=0,
        description="A served list may not fall under so many times its platform's minimum.",
    )
    min_source_share: Share = Field(
        default=0.5, description="Least size of the source against its usual size."
    )
    max_source_age_days: int = Field(
        default=14, ge=0, description="Age of the newest order from which a source is stale."
    )
    max_consent_drop: Share = Field(
        default=0.10, description="Largest fall of the consent share between runs."
    )


class AudiencesFile(Written):
    """audiences.toml."""

    consent: Consent = Field(
        default=Consent(), description="Which yes a list asks for, by purpose and platform."
    )
    holdout: Holdout = Field(default=Holdout(), description="People kept out on purpose.")
    guards: Guards = Field(default=Guards(), description="What a plan may do without asking.")
    audience: tuple[Audience, ...] = Field(min_length=1, description="The audiences.")
