"""People kept out of an action on purpose, by a deterministic hash (method.md section 4.5).

u = first 8 bytes of SHA-256(salt ":" person_id) / 2^64, and a person is held out if u < share. The
same person is on the same side in every run, on every engine; two salts are uncorrelated.
"""

from fractions import Fraction
from math import ceil

import ibis

from config.audiences import Holdout

HEX_DIGITS = "0123456789abcdef"


def is_held_out(person_id: ibis.expr.types.StringValue, holdout: Holdout) -> ibis.Value:
    """True where u < share.

    Decided on the hex text: sixteen lower-case digits sort as the number they write, so nothing is
    rounded and no engine has to read an unsigned 64-bit number.
    """
    bound = ceil(Fraction(str(holdout.share)) * 2**64)
    return _digest(person_id, holdout.salt).substr(0, 16) < ibis.literal(f"{bound:016x}")


def without_holdout(members: ibis.Table, holdout: Holdout) -> ibis.Table:
    """The rows of `members` (any table with person_id) whose person is not held out."""
    if holdout.share == 0:
        return members
    return members.filter(~is_held_out(members.person_id, holdout))


def day_of_spread(person_id: ibis.expr.types.StringValue, days: int, salt: str) -> ibis.Value:
    """A whole number from 0 to days - 1 that stays the same for a person; days up to 4096."""
    digest = _digest(person_id, salt)
    digits = ibis.literal(HEX_DIGITS)
    number = sum(digits.find(digest.substr(i, 1)) * 16 ** (2 - i) for i in range(3))
    return (number * days / 4096).floor().cast("int64")


def _digest(person_id: ibis.expr.types.StringValue, salt: str) -> ibis.expr.types.StringValue:
    return (ibis.literal(f"{salt}:") + person_id).hexdigest("sha256")
