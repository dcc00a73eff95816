"""bid_rules.toml: how segments move bids, and where."""

from typing import Literal, Self

from pydantic import Field, model_validator

from config.model import Name, Share, Written

Percent = int
"""Whole per cent against neutral: -30 lowers by 30 %, 0 is neutral."""


class Where(Written):
    """Objects that take corrections."""

    account: Name = Field(description="Account from platforms.toml.")
    campaigns: tuple[int, ...] = Field(default=(), description="Campaign ids.")
    ad_groups: tuple[int, ...] = Field(default=(), description="Ad group ids.")
    name_like: str | None = Field(
        default=None,
        min_length=1,
        description="Objects whose name matches this pattern, with * and ?, in any case.",
    )
    label: str | None = Field(
        default=None, min_length=1, description="Objects that carry this label on the platform."
    )
    level: Literal["campaign", "ad_group"] = Field(
        default="campaign", description="Level on which name_like and label look for objects."
    )
    lowest: Percent | None = Field(
        default=None, ge=-100, le=0, description="Lowest correction here, instead of the limits'."
    )
    highest: Percent | None = Field(
        default=None, ge=0, le=1200, description="Highest correction here, likewise."
    )

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if not (self.campaigns or self.ad_groups or self.name_like or self.label):
            raise ValueError(
                "campaigns, ad_groups, name_like or label; nothing is corrected by default"
            )
        return self


class Limits(Written):
    """How far and how fast a correction may move."""

    lowest: Percent = Field(default=-50, ge=-100, le=0, description="Lowest correction.")
    highest: Percent = Field(default=100, ge=0, le=1200, description="Highest correction.")
    step: float = Field(
        default=1.15, gt=1, le=3, description="Largest factor per run of an automatic correction."
    )
    dead_band: Percent = Field(default=5, ge=0, description="Smaller changes are not sent.")
    cooldown_days: int = Field(default=7, ge=0, description="Days between changes of a segment.")
    min_conversions: int = Field(
        default=30, ge=0, description="Conversions since the last change, or min_clicks."
    )
    min_clicks: int = Field(default=300, ge=0, description="Clicks since the last change.")
    budget_neutral: bool = Field(default=True, description="Keep spend the same (automatic ones).")
    spend_tolerance: Share = Field(default=0.02, description="How far spend may be off.")
    drr_ceiling: float | None = Field(
        default=None, gt=0, description="Largest cost share of revenue, in per cent."
    )
    cautious: float | None = Field(
        default=None,
        gt=0,
        le=3,
        description="Go only as far as the data are sure, by so many standard deviations: 1 is "
        "usual; a segment of which they are not sure is left alone.",
    )


class Rule(Written):
    """What happens to one segment's bids."""

    segment: Name = Field(description="A base segment or an overlay.")
    correction: Percent | Literal["auto"] | tuple[Percent, Percent] = Field(
        description="Whole per cent against the baseline, 'auto', or a range such as [-40, -10] "
        "in which it is automatic."
    )
    prior: Percent = Field(
        default=0, description="Where an automatic correction starts from, in per cent."
    )
    enforce: bool = Field(
        default=False, description="Set again what a person changed by hand in the cabinet."
    )
    accounts: tuple[Name, ...] = Field(
        default=(), description="Only in these accounts; in every account of 'where' if left out."
    )
    step: float | None = Field(
        default=None, gt=1, le=3, description="Largest factor per run, instead of the limits'."
    )
    cooldown_days: int | None = Field(
        default=None, ge=0, description="Days between changes, instead of the limits'."
    )
    incrementality: float | None = Field(
        default=None,
        ge=0,
        le=1.5,
        description="Share of this segment's orders that ads bring; without it, what a holdout "
        "measured, else 1.",
    )

    @property
    def automatic(self) -> bool:
        """Whether the correction is estimated, within a range or not."""
        return not isinstance(self.correction, int)

    def caps(self, limits: Limits) -> tuple[Percent, Percent]:
        """Lowest and highest correction this rule may come to, in per cent."""
        if isinstance(self.correction, tuple):
            return self.correction
        return limits.lowest, limits.highest


class BidRulesFile(Written):
    """bid_rules.toml."""

    enabled: bool = Field(default=True, description="Kill switch: false plans nothing new.")
    limits: Limits = Field(default=Limits(), description="How far and how fast.")
    where: tuple[Where, ...] = Field(default=(), description="Objects that take corrections.")
    rule: tuple[Rule, ...] = Field(default=(), description="One per segment.")

    @model_validator(mode="after")
    def _one_rule_per_segment(self) -> Self:
        segments = [rule.segment for rule in self.rule]
        twice = sorted({name for name in segments if segments.count(name) > 1})
        if twice:
            raise ValueError(f"one rule per segment; there are more for {', '.join(twice)}")
        for rule in self.rule:
            self._inside_limits(rule)
        return self

    def _inside_limits(self, rule: Rule) -> None:
        written = rule.correction
        amounts = () if written == "auto" else written if isinstance(written, tuple) else (written,)
        for amount in amounts:
            if not self.limits.lowest <= amount <= self.limits.highest:
                raise ValueError(
                    f"corrections within limits {self.limits.lowest}..{self.limits.highest}; "
                    f"the rule for {rule.segment} has {amount}"
                )
        if isinstance(written, tuple) and written[0] > written[1]:
            raise ValueError(f"ranges that rise; the rule for {rule.segment} has {list(written)}")
