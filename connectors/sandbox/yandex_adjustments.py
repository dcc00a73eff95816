"""Kinds of bid adjustments of Yandex Direct: what each takes, its range, and what it excludes.

No object has two adjustments for one condition, demographic slices that overlap, or an adjustment
of desktops beside one of tablets.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.sandbox.store import Document
from connectors.sandbox.yandex_call import CallError, ItemError, integer, known_only, one_of

# UNVERIFIED choices
DUPLICATE = 9801
"""A second adjustment for the same condition in the same object."""
OUT_OF_RANGE = 5005
CLASHING = 6000

GENDERS = ("GENDER_MALE", "GENDER_FEMALE")
AGES: dict[str, frozenset[int]] = {
    "AGE_0_17": frozenset({0}),
    "AGE_18_24": frozenset({1}),
    "AGE_25_34": frozenset({2}),
    "AGE_35_44": frozenset({3}),
    "AGE_45": frozenset({4, 5}),
    "AGE_45_54": frozenset({4}),
    "AGE_55": frozenset({5}),
}
SYSTEMS = ("IOS", "ANDROID")
LEVELS = ("CAMPAIGN", "AD_GROUP")


@dataclass(frozen=True)
class Kind:
    """One kind of adjustment. `keys` maps the fields beside BidModifier to their values."""

    member: str
    lowest: int = 0
    highest: int = 1300
    many: int = 0
    """How many one object takes as an array; 0: a single one."""
    keys: Mapping[str, tuple[str, ...] | type[int]] | None = None
    needed: tuple[str, ...] = ()
    levels: tuple[str, ...] = LEVELS
    shown: tuple[str, ...] = ()

    @property
    def written(self) -> str:
        """The member's name in an add: plural where it is an array."""
        return f"{self.member}s" if self.many else self.member

    @property
    def fields(self) -> tuple[str, ...]:
        return (*(self.keys or {}), "BidModifier", *self.shown)


KINDS: dict[str, Kind] = {
    "MOBILE_ADJUSTMENT": Kind("MobileAdjustment", keys={"OperatingSystemType": SYSTEMS}),
    "TABLET_ADJUSTMENT": Kind("TabletAdjustment", keys={"OperatingSystemType": SYSTEMS}),
    "DESKTOP_ADJUSTMENT": Kind("DesktopAdjustment"),
    "DESKTOP_ONLY_ADJUSTMENT": Kind("DesktopOnlyAdjustment"),
    "SMART_TV_ADJUSTMENT": Kind("SmartTvAdjustment"),
    "DEMOGRAPHICS_ADJUSTMENT": Kind(
        "DemographicsAdjustment",
        many=12,
        keys={"Gender": GENDERS, "Age": tuple(AGES)},
        shown=("Enabled",),
    ),
    "RETARGETING_ADJUSTMENT": Kind(
        "RetargetingAdjustment",
        many=100,
        keys={"RetargetingConditionId": int},
        needed=("RetargetingConditionId",),
        shown=("Accessible", "Enabled"),
    ),
    "REGIONAL_ADJUSTMENT": Kind(
        "RegionalAdjustment",
        10,
        many=1000,
        keys={"RegionId": int},
        needed=("RegionId",),
        levels=("CAMPAIGN",),
        shown=("Enabled",),
    ),
    "VIDEO_ADJUSTMENT": Kind("VideoAdjustment", 50),
    "SMART_AD_ADJUSTMENT": Kind("SmartAdAdjustment", 20),
    "SERP_LAYOUT_ADJUSTMENT": Kind(
        "SerpLayoutAdjustment",
        1,
        many=2,
        keys={"SerpLayout": ("ALONE", "SUGGEST")},
        needed=("SerpLayout",),
        shown=("Enabled",),
    ),
    "INCOME_GRADE_ADJUSTMENT": Kind(
        "IncomeGradeAdjustment",
        1,
        many=2,
        keys={"Grade": ("VERY_HIGH", "HIGH", "ABOVE_AVERAGE")},
        needed=("Grade",),
        shown=("Enabled",),
    ),
    "AD_GROUP_ADJUSTMENT": Kind("AdGroupAdjustment", 1, levels=("AD_GROUP",)),
}
BY_WRITTEN = {kind.written: name for name, kind in KINDS.items()}


def check_form(kind: Kind, adjustment: Document) -> None:
    keys = kind.keys or {}
    known_only(adjustment, (*keys, "BidModifier"), kind.written)
    integer(adjustment, "BidModifier", kind.written)
    for key, values in keys.items():
        if key not in adjustment and key not in kind.needed:
            continue
        if isinstance(values, tuple):
            one_of(adjustment, key, values, kind.written)
        else:
            integer(adjustment, key, kind.written)
    if kind.member == "DemographicsAdjustment" and not adjustment.keys() & {"Gender", "Age"}:
        raise CallError(8000, "DemographicsAdjustments needs Gender or Age")


def check_range(kind: Kind, value: int) -> None:
    if not kind.lowest <= value <= kind.highest:
        raise ItemError(
            OUT_OF_RANGE, f"BidModifier of {kind.member} is {kind.lowest} to {kind.highest}"
        )


def check_fit(name: str, adjustment: Document, present: list[Document]) -> None:
    """No second adjustment for the same condition, no overlap, no clash of device kinds."""
    kinds = {m["Type"] for m in present}
    tablet_like = {"TABLET_ADJUSTMENT", "DESKTOP_ONLY_ADJUSTMENT"}
    if (name == "DESKTOP_ADJUSTMENT" and kinds & tablet_like) or (
        name in tablet_like and "DESKTOP_ADJUSTMENT" in kinds
    ):
        raise ItemError(CLASHING, "DESKTOP_ADJUSTMENT excludes tablet and desktop-only")
    for other in (m["adjustment"] for m in present if m["Type"] == name):
        if name == "DEMOGRAPHICS_ADJUSTMENT":
            if slices(adjustment) & slices(other):
                raise ItemError(CLASHING, "Demographic slices must not overlap")
        elif same_condition(name, adjustment, other):
            raise ItemError(DUPLICATE, "There is an adjustment for this condition already")


def same_condition(name: str, one: Document, other: Document) -> bool:
    if not KINDS[name].many:
        return False  # the count of one per object says so
    return all(one.get(key) == other.get(key) for key in KINDS[name].keys or {})


def slices(adjustment: Document) -> frozenset[tuple[str, int]]:
    genders = (adjustment["Gender"],) if "Gender" in adjustment else GENDERS
    ages = AGES[adjustment["Age"]] if "Age" in adjustment else frozenset(range(6))
    return frozenset((gender, age) for gender in genders for age in ages)
