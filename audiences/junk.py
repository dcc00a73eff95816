"""Contacts that say nothing about who somebody is. Data first: what a shop may want to change."""

from collections.abc import Sequence
from functools import reduce
from operator import or_

import ibis
import ibis.expr.types as ir

from audiences.emails import emails_in
from audiences.phones import phones_in
from config.audiences import Identifier

ROLES = (
    "abuse", "admin", "administrator", "billing", "buh", "buhgalter", "contact", "contacts",
    "director", "e-mail", "email", "fake", "feedback", "hello", "help", "hr", "info",
    "mailer-daemon", "manager", "marketing", "net", "no", "no-email", "no-mail", "no-reply",
    "no_email", "no_reply", "noemail", "nomail", "none", "noreply", "null", "office", "order",
    "orders", "postmaster", "reception", "sale", "sales", "shop", "support", "test", "test1",
    "test123", "user", "webmaster", "zakaz",
)  # fmt: skip
"""Local parts behind which there is an office, or nobody."""

ADDRESSES = (
    "mail@mail.ru", "1@1.ru", "1@mail.ru", "11@11.ru", "123@mail.ru", "123@123.ru", "a@a.ru",
    "a@mail.ru", "aa@aa.ru", "asd@asd.ru", "asdf@asdf.ru", "q@q.ru", "qwe@qwe.ru", "qwerty@mail.ru",
    "mail@gmail.com", "mail@yandex.ru", "mail@example.com", "a@a.com", "a@b.com", "1@1.com",
    "test@mail.ru", "name@domain.com", "xxx@xxx.ru",
)  # fmt: skip
"""Addresses people invent to get past a form."""

EXTERNAL_IDS = ("0", "00", "000", "-1", "1", "guest", "anonymous", "undefined", "false", "true")

TAIL = 7
"""Digits at the end of a number that must not be one digit seven times, or a staircase."""

_UP = "01234567890123456789"
JUNK_TAILS = tuple(
    [str(digit) * TAIL for digit in range(10)]
    + [_UP[start : start + TAIL] for start in range(10)]
    + [_UP[::-1][start : start + TAIL] for start in range(10)]
)

ROLE, INVENTED, OWN, OFFICE = "role address", "invented", "the shop's own", "not a personal number"
CROWD, FAMILY, CONFLICT = "shared by a crowd", "shared by a family", "conflicting external ids"
STRANGERS = "different names"


def junk_reason(
    kind: Identifier, value: ir.StringValue, links: ir.BooleanValue, own: ir.BooleanValue
) -> ir.StringValue:
    """Why a contact by itself cannot say who somebody is, or null."""
    if kind is Identifier.EMAIL:
        local = value.split("@")[0]
        found = [(local.isin(ROLES), ROLE), (value.isin(ADDRESSES), INVENTED)]
    elif kind is Identifier.PHONE:
        found = [(value.right(TAIL).isin(JUNK_TAILS), INVENTED)]
    else:
        found = [(value.lower().isin(EXTERNAL_IDS), INVENTED)]
    return ibis.cases((own, OWN), (~links, OFFICE), *found, else_=ibis.null("string"))


def is_own(
    kind: Identifier, value: ir.StringValue, own_contacts: Sequence[str], regions: Sequence[str]
) -> ir.BooleanValue:
    """Whether a contact is the shop's: an address or phone of it, or anything at its domain."""
    found: list[ir.BooleanValue] = [ibis.literal(value=False)]
    for written in own_contacts:
        domain = written.strip().lower().removeprefix("@")
        if addresses := emails_in(written):
            its, same = Identifier.EMAIL, value.isin(addresses)
        elif numbers := [number for number, _ in phones_in(written, regions)]:
            its, same = Identifier.PHONE, value.isin(numbers)
        elif "." in domain:
            its, same = Identifier.EMAIL, value.re_search(rf"[@.]{_quoted(domain)}$")
        else:
            continue
        if kind is its:
            found.append(same)
    return reduce(or_, found)


def _quoted(domain: str) -> str:
    return domain.replace(".", "[.]")
