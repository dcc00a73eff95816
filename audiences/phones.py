"""Phones as people write them, to E.164: by the engine where it is sure, by libphonenumber else.

The fast path is an expression built from libphonenumber's own metadata. It answers only where the
library's parser can be foreseen: plain digits with usual punctuation, read as a mobile or fixed
number of a region of the shop. Everything it is not sure of is null, and goes to the library.
Toll-free and premium numbers are numbers, but never link two rows.
"""

import re
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import ibis
import ibis.expr.types as ir
import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumber, PhoneNumberType
from phonenumbers.phonenumberutil import NumberParseException

from audiences.contact_cells import SEPARATORS, clean

PUNCTUATION = " ()-\u00a0"
"""What the fast path looks through; the library looks through all of it as well."""

NEIGHBOURS = ("RU", "UA", "BY", "UZ", "KG", "TJ", "AM", "AZ", "GE", "MD")
"""Regions whose numbers with a plus and a country code the engine reads for any shop."""

NO_LINK = frozenset(
    {
        PhoneNumberType.TOLL_FREE,
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.UAN,
        PhoneNumberType.VOICEMAIL,
    }
)
"""Types behind which there is an office, not a person."""

LEAST_MANTISSA = 11
"""Digits a number in scientific notation must still have; with fewer the rest is lost."""

_SCIENTIFIC = re.compile(r"\+?(\d)(?:[.,](\d+))?[eE]\+?(\d{1,2})")
_POINT_ZERO = re.compile(r"(\+?\d+)\.0+")


def phones_in(cell: str, regions: Sequence[str]) -> tuple[tuple[str, bool], ...]:
    """Every valid number in a cell as (E.164, links people), in order, each once.

    Regions are tried in their order for numbers written without a country code.
    """
    text = clean(cell)
    whole = [text] if _SCIENTIFIC.fullmatch(text) else _parts(text)
    found = [number for part in whole if (number := _number(part, regions)) is not None]
    if not found and len(whole) > 1:  # 030/1234567 is one number
        found = [n for n in [_number(" ".join(whole), regions)] if n is not None]
    return tuple(dict.fromkeys((_e164(number), _links(number)) for number in found))


def _parts(text: str) -> list[str]:
    several = re.sub(r"\s+\+", ";+", text)  # two numbers, each with its plus
    return [part for part in re.split(SEPARATORS, several) if part.strip()]


def _number(part: str, regions: Sequence[str]) -> PhoneNumber | None:
    digits = _unspoiled(part.strip())
    for region in regions if digits else ():
        try:
            number = phonenumbers.parse(digits, region)
        except NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return number
    return None


def _unspoiled(part: str) -> str:
    """What a spreadsheet made of a number, undone; empty where digits were lost."""
    if match := _POINT_ZERO.fullmatch(part):
        return match[1]
    if match := _SCIENTIFIC.fullmatch(part):
        mantissa = match[1] + (match[2] or "")
        exponent = int(match[3])
        if len(mantissa) < LEAST_MANTISSA or exponent + 1 < len(mantissa.rstrip("0")):
            return ""
        return mantissa.ljust(exponent + 1, "0")[: exponent + 1]
    return part


def _e164(number: PhoneNumber) -> str:
    text: str = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return text


def _links(number: PhoneNumber) -> bool:
    return phonenumbers.number_type(number) not in NO_LINK


def fast_phone(cell: ir.StringValue, regions: Sequence[str]) -> ir.StringValue:
    """E.164 where the engine is sure, '' where it is sure of no number, null where it is not."""
    return number_in(bare(cell), regions)


def bare(cell: ir.StringValue) -> ir.StringValue:
    """A cell without usual punctuation, a leading apostrophe and the .0 of a spreadsheet."""
    text = cell.startswith("'").ifelse(cell.substr(1), cell).translate(PUNCTUATION, "")
    spoiled = text.endswith(".0") & text.re_search(r"^\+?[0-9]+\.0$")
    digits = spoiled.ifelse(text.substr(0, text.length() - 2), text)
    return cell.re_search(r"^\+?[0-9]+$").ifelse(cell, digits)  # as it stands: most need no more


def number_in(text: ir.StringValue, regions: Sequence[str]) -> ir.StringValue:
    """`fast_phone` of a bare cell. Many uses of it: best a column that was worked out before."""
    plans = [_Plan(region) for region in dict.fromkeys(regions)]
    coded = [*plans, *(_Plan(region) for region in NEIGHBOURS)]
    whole = [plan.surely_after_plus(text) for plan in _each_code(coded)]
    branches = [(text.startswith("+"), ibis.or_(*whole).ifelse(text, _UNSURE))]
    for plan in plans:
        if plan.length:
            branches.append((plan.surely(text), plan.e164(text)))
        branches.append((plan.possibly(text), _UNSURE))
    return ibis.cases(
        (text.isnull(), ibis.literal("")),
        (~text.re_search(r"^\+?[0-9]{4,16}$"), _UNSURE),
        *branches,
        else_=ibis.literal(""),
    )


_UNSURE = ibis.null("string")


def _each_code(plans: Sequence["_Plan"]) -> list["_Plan"]:
    """One plan of each calling code that the engine can be sure of."""
    return list({plan.code: plan for plan in plans if plan.length}.values())


def _metadata(region: str) -> Any:
    """The library's metadata; untyped, since it types every field of it as optional."""
    return PhoneMetadata.metadata_for_region(region)


class _Plan:
    """How libphonenumber reads digits in one region, as far as it can be foreseen.

    `length` is the one length of the region's mobile and fixed numbers, 0 where it has several,
    or where its rules rewrite numbers: then the engine is never sure.
    """

    def __init__(self, region: str) -> None:
        home = _metadata(region)
        if home is None:
            raise ValueError(f"phone_regions: {region!r} is not a region libphonenumber knows")
        self.code = str(home.country_code)
        self._prefix: str = home.national_prefix_for_parsing or ""
        self._abroad: str = home.international_prefix or "[^0-9]"
        self._general: str = home.general_desc.national_number_pattern
        self._lengths = frozenset(home.general_desc.possible_length)
        self._rewrites = bool(home.national_prefix_transform_rule) or bool(
            re.search(r"\((?!\?)", self._prefix)
        )
        self._sharing = [
            _metadata(other) for other in phonenumbers.COUNTRY_CODE_TO_REGION_CODE[int(self.code)]
        ]
        lengths = {_length(home), *(_length(other) for other in self._told_apart())}
        self.length = lengths.pop() if len(lengths) == 1 and not self._rewrites else 0

    def surely_after_plus(self, text: ir.StringValue) -> ir.BooleanValue:
        """With a plus: country code and a number of it, nothing between that could be stripped."""
        return (
            text.startswith(f"+{self.code}")
            & (text.length() == 1 + len(self.code) + self.length)
            & self._is_number(text.right(self.length))
        )

    def surely(self, text: ir.StringValue) -> ir.BooleanValue:
        """Without: country code, national prefix or nothing, then a number of this calling code.

        The library strips the country code only where the digits with it are no national number;
        it strips the prefix where the rest is one.
        """
        head = text.substr(0, text.length() - self.length)
        number = text.right(self.length)
        coded = text.startswith(self.code)
        forms = ~coded & (head == "")
        if len(self.code) + self.length not in self._lengths:
            forms = forms | (head == self.code)
        if self._prefix.isdigit():
            forms = forms | (~coded & (head == self._prefix))
        elif self._prefix:
            rest = text.re_replace(f"^(?:{self._prefix})", "")
            forms = forms | (~coded & (rest.length() == self.length) & (head != ""))
        return (
            (text.length() >= self.length)
            & forms
            & number.re_search(f"^(?:{self._general})$")
            & self._is_number(number)
            & ~text.re_search(f"^(?:{self._abroad})")
        )

    def possibly(self, text: ir.StringValue) -> ir.BooleanValue:
        """Whether any reading of the library could make a number of this."""
        if self._rewrites:
            return ibis.literal(value=True)
        general = "|".join(other.general_desc.national_number_pattern for other in self._sharing)
        prefix = f"(?:{self._prefix})?" if self._prefix else ""
        return text.re_search(
            f"^(?:(?:{self.code})?{prefix}{prefix}(?:{general})$|(?:{self._abroad}))"
        )

    def e164(self, text: ir.StringValue) -> ir.StringValue:
        return ibis.literal(f"+{self.code}") + text.right(self.length)

    def _told_apart(self) -> list[Any]:
        """Regions sharing the code that leading digits tell apart, in the library's order."""
        first = self._sharing[0]
        if not first.leading_digits:
            return [first]
        return list(takewhile(lambda other: bool(other.leading_digits), self._sharing))

    def _is_number(self, number: ir.StringValue) -> ir.BooleanValue:
        """A mobile or fixed number, of the region that its leading digits point to."""
        kinds = [
            (
                number.re_search(f"^(?:{other.leading_digits or '[0-9]'})"),
                number.re_search(f"^(?:{_personal(other)})$")
                & number.re_search(f"^(?:{other.general_desc.national_number_pattern})$")
                & ~number.re_search(f"^(?:{_office(other)})$"),
            )
            for other in self._told_apart()
        ]
        known = ibis.cases(*kinds, else_=ibis.literal(value=False))
        if self._prefix.isdigit() and self.length - len(self._prefix) not in self._lengths:
            return known  # too short to be read without what looks like a prefix
        return known & ~number.re_search(f"^(?:0|{self._prefix or '0'})")


def _length(region: Any) -> int:
    """The one length of a region's mobile and fixed numbers, or 0 where it has several."""
    lengths = {length for kind in _kinds(region) for length in kind.possible_length}
    return lengths.pop() if len(lengths) == 1 else 0


def _kinds(region: Any) -> list[Any]:
    kinds = (region.mobile, region.fixed_line)
    return [kind for kind in kinds if kind is not None and kind.national_number_pattern]


def _personal(region: Any) -> str:
    return "|".join(kind.national_number_pattern for kind in _kinds(region))


def _office(region: Any) -> str:
    """Pattern of the kinds behind which there is an office; matches nothing where none is known."""
    kinds = (region.toll_free, region.premium_rate, region.shared_cost, region.uan)
    known = [kind.national_number_pattern for kind in kinds if kind is not None]
    return "|".join(pattern for pattern in known if pattern) or "[^0-9]"
