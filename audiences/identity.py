"""Which rows are one person: rows that share a good key are joined, and nothing else joins them.

Keys are external ids, e-mail addresses and phones in their one form. A key that cannot say who
somebody is does not join (audiences.junk, and the rules below). The result is a function of the
rows, never of their order, and is kept stable against the previous run by digests of the keys.
"""

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
from ibis import _

from audiences.contacts import contacts_in, external_id_in
from audiences.engines import engine_for
from audiences.junk import CONFLICT, CROWD, FAMILY, STRANGERS, is_own, junk_reason
from audiences.naming import Naming, name_people
from audiences.staging import Staging, keep
from audiences.unions import stacked
from config.audiences import Identifier
from config.shop import Shop

CROWD_ROWS = 10
"""A key on more rows than this ..."""
CROWD_PEOPLE = 3
"""... with more different surnames or external ids than this is nobody's."""
FAMILY_PEOPLE = 3
"""Different (first name, birth date) an e-mail address may have, and first names a phone."""
WEAK = (str(Identifier.EMAIL), str(Identifier.PHONE))
"""Kinds of keys that can be somebody else's; an external id is taken as verified."""
CONTACT_ID = "contact_id"
DOUBTS = (CONFLICT, STRANGERS)
"""Reasons for which a key joins rows only together with a second one."""
CYRILLIC = r"\p{Cyrillic}"
LARGEST = 30
"""Rows of a person above which only external ids join."""

ROWS = ibis.schema(
    {
        "source": "!string",
        "row_id": "!string",
        "contact_id": "string",  # only where it is a key: an order of somebody not in the contacts
        "external_id": "string",
        "email": "string",
        "phone": "string",
        "first_name": "string",
        "last_name": "string",
        "birth_date": "date",
    }
)
"""PLAIN. Whatever may be a person: cells as written."""


@dataclass(frozen=True)
class IdentityReport:
    """What was joined and what was not; counts only."""

    rows: int
    people: int
    junk: dict[str, int]
    """Keys that join nothing, by reason."""
    conflicts: int
    """Keys of different external ids in one source, or of different names: they need a second key.
    """
    big: tuple[int, ...]
    """Sizes of components that were rebuilt with external ids only, largest first."""
    merged: int
    split: int


@dataclass(frozen=True, eq=False)
class Resolution:
    """Rows resolved to people."""

    rows: ir.Table
    """PERSON_ROWS and `node`, the row's number in (source, row_id) order."""
    keys: ir.Table
    """PLAIN. (node, kind, value, key, bad, first): every contact of every row. `bad` is a reason
    or null, `first` the least node that has the key."""
    naming: Naming
    report: IdentityReport

    @property
    def key_table(self) -> ir.Table:
        """Schema KEYS: what the next run needs to call the same people the same."""
        return self.naming.keys


def resolve(
    engine: ibis.BaseBackend, rows: ir.Table, shop: Shop, previous: ir.Table | None = None
) -> Resolution:
    """Resolve ROWS to people; `previous` is the last run's key table (schema KEYS)."""
    at_work = engine_for(engine)
    with Staging() as passing:
        with Staging() as cards:
            nodes = cards.keep(at_work.numbered(rows, ("source", "row_id"), "node"))
            keys = _judged(engine, nodes, shop)
            roots, big = at_work.roots(nodes, _links(keys, nodes), LARGEST)
            rooted = passing.keep(nodes.select("node", "source", "row_id").join(roots, "node"))
        naming = name_people(engine, rooted, keys, previous, parted=bool(big))
    return Resolution(naming.rows, keys, naming, _report(engine, keys, naming, big))


def _judged(engine: ibis.BaseBackend, nodes: ir.Table, shop: Shop) -> ir.Table:
    """Resolution.keys, kept: every contact of every row, and why it joins nothing."""
    with Staging() as passing:
        with Staging() as read:
            contacts = passing.keep(_contacts(engine, nodes, shop, read))
        good = contacts.filter(contacts.bad.isnull()).group_by("key")
        found = good.aggregate(rows=_.count(), first=_.node.min()).filter(_.rows > 1)
        shared = passing.keep(found)
        bad = passing.keep(_bad_keys(nodes, contacts, shared, passing))
        verdicts = shared.left_join(bad, "key").select("key", "first", crowded=bad.bad)
        judged = contacts.left_join(verdicts, "key")
        return keep(
            judged.select(
                "node",
                "kind",
                "value",
                "key",
                bad=ibis.coalesce(judged.bad, judged.crowded),
                first=ibis.coalesce(judged.first, judged.node),
            )
        )


def _contacts(engine: ibis.BaseBackend, nodes: ir.Table, shop: Shop, passing: Staging) -> ir.Table:
    """(node, kind, value, key, bad): every contact of every row, each once.

    `key` is 64 bits for kind and value. That two of ten million are the same by chance happens in
    one of some 370,000 bases: n * n / 2 pairs, each alike once in 2 ** 64.
    """
    tables = [_of_kind(engine, nodes, kind, shop, passing) for kind in Identifier]
    ordered = nodes.filter(nodes.contact_id.notnull())
    ids = ordered.select("node", value=_.source + ":" + _.contact_id)
    return stacked(*tables, _keyed(ids, CONTACT_ID, ibis.null("string")))


def _of_kind(
    engine: ibis.BaseBackend, nodes: ir.Table, kind: Identifier, shop: Shop, passing: Staging
) -> ir.Table:
    cells = nodes.select("node", cell=nodes[str(kind)])
    written = cells.filter(cells.cell.notnull())
    found = contacts_in(engine, written, kind, shop.phone_regions, into=passing)
    own = is_own(kind, found.value, shop.own_contacts, shop.phone_regions)
    return _keyed(found, str(kind), junk_reason(kind, found.value, found.links, own))


def _keyed(values: ir.Table, kind: str, bad: ir.StringValue) -> ir.Table:
    key = (ibis.literal(f"{kind}:") + values.value).hash()
    return values.select("node", "value", kind=ibis.literal(kind), key=key, bad=bad)


def _bad_keys(
    nodes: ir.Table, contacts: ir.Table, shared_keys: ir.Table, passing: Staging
) -> ir.Table:
    """(key, bad): good contacts that the rows they are on show to be no one person's."""
    linking = contacts.filter(contacts.bad.isnull() & contacts.kind.isin(WEAK))
    cards = nodes.select(
        "node", "source", "external_id", "first_name", "last_name", born=nodes.birth_date
    )
    suspects = _suspects(linking.join(shared_keys, "key"), cards)
    rows = linking.select("node", "kind", "key").join(suspects, "key").join(cards, "node")
    shared = passing.keep(
        rows.mutate(
            external=external_id_in(rows.external_id).nullif(""),
            surname=_word(rows.last_name),
            first=_word(rows.first_name),
        )
    )
    crowds = passing.keep(_crowds(shared))
    conflicts = passing.keep(_conflicts(shared).anti_join(crowds, "key"))
    strangers = stacked(_strangers(shared), _other_births(shared)).distinct()
    others = strangers.anti_join(crowds, "key").anti_join(conflicts, "key")
    return stacked(crowds, conflicts, others)


def _suspects(linking: ir.Table, cards: ir.Table) -> ir.Table:
    """(key, rows): keys whose rows say different things as written; no rule asks of any other.

    What is not said differs from nothing: the hash of a null is a number, so it is left out.
    """
    name = (cards.first_name.fill_null("") + " " + cards.last_name.fill_null("")).hash()
    external = cards.external_id.notnull().ifelse(cards.external_id.hash(), None)
    said = cards.select("node", "born", external=external, name=name)
    seen = linking.select("node", "key", "rows").join(said, "node")
    counted = seen.group_by("key", "rows").aggregate(
        **{f"least_{c}": _[c].min() for c in ("external", "name", "born")},
        **{f"most_{c}": _[c].max() for c in ("external", "name", "born")},
    )
    differ = ibis.or_(
        *(counted[f"least_{c}"] != counted[f"most_{c}"] for c in ("external", "name", "born"))
    )
    return counted.filter(differ).select("key", "rows")


def _conflicts(shared: ir.Table) -> ir.Table:
    """Keys on one source's rows with different external ids."""
    named = shared.filter(shared.external.notnull()).group_by("key", "source")
    ids = named.aggregate(least=_.external.min(), most=_.external.max())
    different = ids.filter(ids.least != ids.most).select("key").distinct()
    return different.mutate(bad=ibis.literal(CONFLICT))


def _crowds(shared: ir.Table) -> ir.Table:
    """Keys of a crowd, and addresses of a family."""
    measured = (
        shared.filter(shared.rows > FAMILY_PEOPLE)
        .group_by("key", "kind", "rows")
        .aggregate(
            surnames=_.surname.nunique(),
            externals=_.external.nunique(),
            firsts=_.first.nunique(),
            births=(_.first + _.born.cast("string")).nunique(),
        )
    )
    people_seen = (measured.surnames > CROWD_PEOPLE) | (measured.externals > CROWD_PEOPLE)
    family = (measured.firsts > FAMILY_PEOPLE) | (measured.births > FAMILY_PEOPLE)
    reason = ibis.cases(
        ((measured.rows > CROWD_ROWS) & people_seen, CROWD),
        ((measured.kind == "email") & family, FAMILY),
        else_=ibis.null("string"),
    )
    return measured.select("key", bad=reason).filter(_.bad.notnull())


def _strangers(shared: ir.Table) -> ir.Table:
    """Keys on rows whose full names have no word in common: two people, not one renamed.

    A name in Cyrillic and one in Latin letters are not compared.
    """
    words = _words(shared.first, shared.surname)
    named = shared.select("key", "node", words=words, cyrillic=words.join("").re_search(CYRILLIC))
    full = named.filter(named.words.length() > 1)
    people = full.group_by("key", "cyrillic").aggregate(people=_.count())
    each = full.select("key", "cyrillic", word=_.words.unnest())
    common = each.group_by("key", "cyrillic", "word").aggregate(rows=_.count())
    most = common.group_by("key", "cyrillic").aggregate(most=_.rows.max())
    apart = people.join(most, ["key", "cyrillic"]).filter(_.most < _.people)
    return apart.select("key", bad=ibis.literal(STRANGERS))


def _other_births(shared: ir.Table) -> ir.Table:
    """Phones of a household: different first names with different birth dates, or many of them.

    Up to FAMILY_PEOPLE first names of one surname are taken for one person's, as at an address: a
    short name, a maiden name in the wrong column and a slip are all more frequent than a spouse.
    """
    named = shared.filter((shared.kind == "phone") & shared["first"].notnull())
    told = named.born.notnull()
    counted = named.group_by("key").aggregate(
        firsts=_["first"].nunique(),
        dated=_["first"].nunique(where=told),
        born=named.born.nunique(),
    )
    apart = ((counted.dated > 1) & (counted.born > 1)) | (counted.firsts > FAMILY_PEOPLE)
    return counted.filter(apart).select("key", bad=ibis.literal(STRANGERS))


def _word(text: ir.StringValue) -> ir.StringValue:
    return text.strip().lower().replace("ё", "е").nullif("")


def _words(first: ir.StringValue, last: ir.StringValue) -> ir.ArrayValue:
    """The words of a name, each once and in one order, however it was cut into columns."""
    whole = first.fill_null("") + " " + last.fill_null("")
    every = whole.re_replace(r"[^\p{L}\p{N}]+", " ").strip().split(" ").unique().sort()
    return every.filter(lambda word: word.length() > 1)


def _links(keys: ir.Table, nodes: ir.Table) -> ir.Table:
    """(low, high, strong): rows that a key joins, each to the first that has it."""
    good = keys.filter(keys.bad.isnull() & (keys.node > keys.first))
    single = good.select(low=_.first, high=_.node, strong=~_.kind.isin(WEAK))
    both = _second_keys(keys, nodes)
    first = both.group_by("key").aggregate(low=_.node.min())
    double = both.join(first, "key").filter(_.node > _.low)
    return stacked(single, double.select("low", high=_.node, strong=False))


def _second_keys(keys: ir.Table, nodes: ir.Table) -> ir.Table:
    """(node, key): a key in doubt joins only together with a second one.

    For different external ids that is another contact, for different names the same full name too.
    """
    usable = keys.filter(keys.bad.isnull() | keys.bad.isin(DOUBTS))
    emails = usable.filter(usable.kind == "email").select(
        "node", email=_.key, doubt=_.bad.notnull()
    )
    phones = usable.filter(usable.kind == "phone").select(
        "node", phone=_.key, doubted=_.bad.notnull()
    )
    pairs = emails.join(phones, "node").filter(_.doubt | _.doubted)
    both = pairs.select("node", one=_.email.cast("string"), other=_.phone.cast("string"))
    shared = keys.filter(keys.bad == STRANGERS).select("node", "key").join(nodes, "node")
    names = _words(_word(shared.first_name), _word(shared.last_name))
    named = shared.select("node", one=_.key.cast("string"), other=names.join(" "), words=names)
    twice = stacked(both, named.filter(named.words.length() > 1).drop("words"))
    return twice.select("node", key=(_.one + "&" + _.other).hash())


def _report(
    engine: ibis.BaseBackend, keys: ir.Table, naming: Naming, big: tuple[int, ...]
) -> IdentityReport:
    junk = keys.filter(keys.bad.notnull()).group_by("bad").aggregate(keys=_.key.nunique())
    by_reason = {row["bad"]: row["keys"] for row in engine.to_pyarrow(junk).to_pylist()}
    conflicts = sum(by_reason.pop(doubt, 0) for doubt in DOUBTS)
    return IdentityReport(
        rows=int(engine.to_pyarrow(naming.rows.count()).as_py()),
        people=int(engine.to_pyarrow(naming.people.count()).as_py()),
        junk=dict(sorted(by_reason.items())),
        conflicts=conflicts,
        big=big,
        merged=int(engine.to_pyarrow(naming.merged.count()).as_py()),
        split=int(engine.to_pyarrow(naming.split.count()).as_py()),
    )
