"""From cells to contacts in one form, and from contacts to a platform's digests.

What the engine decides stays in the engine. Only distinct cells it is not sure of pass through
Python, in batches, and come back by a join; nothing here writes, logs or shows a contact.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from audiences.emails import emails_in, fast_email
from audiences.engines import Keep, engine_for
from audiences.model import Digest, EmailStep, PhoneForm, Recipe
from audiences.phones import bare, number_in, phones_in
from audiences.staging import Staging, keep
from audiences.tables import IDENTIFIERS, digests_schema
from audiences.unions import stacked
from config.audiences import Identifier

_READ: "list[pa.Field[Any]]" = [
    pa.field("cell", pa.string()),
    pa.field("value", pa.string()),
    pa.field("links", pa.bool_()),
]
READ = pa.schema(_READ)
DIGEST_LIKE = r"^\s*(?:[0-9a-fA-F]{64}|[0-9a-fA-F]{40}|[0-9a-fA-F]{32})\s*$"
SHA256_HEX = r"^[0-9a-f]{64}$"


HASHED = "sha256:"
"""Before a contact that came as a digest: what follows is sent as it is."""


class MixedContacts(ValueError):
    """A column holds digests where plain contacts were declared, or the reverse."""


def contacts_in(
    engine: ibis.BaseBackend,
    cells: ir.Table,
    kind: Identifier,
    regions: Sequence[str],
    *,
    into: Staging | None = None,
) -> ir.Table:
    """The rows of `cells` once per contact in their column `cell`, with `value` and `links`.

    What it is made of is kept, for as long as `into` is where it is given.
    `links` is false for a contact that cannot say who somebody is (a toll-free number).
    """
    if kind is Identifier.EXTERNAL_ID:
        named = cells.mutate(value=external_id_in(cells.cell), links=True)
        return named.filter(named.value != "")
    read = partial(_contacts_in, kind=kind, regions=tuple(regions))
    return engine_for(engine).by_row(cells, read, keep if into is None else into.keep)


def _contacts_in(
    engine: Backend, cells: ir.Table, into: Keep, *, kind: Identifier, regions: Sequence[str]
) -> ir.Table:
    """`contacts_in` of e-mail addresses or phones, by DuckDB."""
    slow = _each_email if kind is Identifier.EMAIL else _phones_of(regions)
    with Staging() as passing:
        if kind is Identifier.EMAIL:
            given, fast = cells, fast_email(cells.cell)
        else:
            given = passing.keep(cells.mutate(bare=bare(cells.cell)))
            fast = number_in(given.bare, regions)
        known = given.cell.startswith(HASHED).ifelse(given.cell, fast)
        read = into(given.select(*cells.columns, value=known))
    sure = read.filter(read.value != "").mutate(links=True)
    unsure = read.filter(read.value.isnull()).drop("value")
    by_library = _read_slowly(engine, unsure.select("cell").distinct(), slow)
    return stacked(sure, unsure.join(ibis.memtable(by_library), "cell"))


_PLAIN_ID = r"^[0-9A-Za-z_-]+$"


def external_id_in(cell: ir.StringValue) -> ir.StringValue:
    text = cell.strip().re_replace(r"^'+", "").re_replace(r"^([0-9]+)\.0+$", r"\1").strip()
    text = cell.re_search(_PLAIN_ID).ifelse(cell, text)  # as it stands: most need no more
    return text.lower().isin(["null", "none", "nan", "n/a", "-", "нет"]).ifelse("", text)


def _each_email(cell: str) -> Sequence[tuple[str, bool]]:
    return [(address, True) for address in emails_in(cell)]


def _phones_of(regions: Sequence[str]) -> Callable[[str], Sequence[tuple[str, bool]]]:
    return lambda cell: phones_in(cell, regions)


def _read_slowly(
    engine: ibis.BaseBackend, cells: ir.Table, read: Callable[[str], Sequence[tuple[str, bool]]]
) -> pa.Table:
    done = [pa.RecordBatch.from_pylist([], schema=READ)]
    for batch in engine.to_pyarrow(cells).to_batches(max_chunksize=65_536):
        rows = [
            (cell, value, links)
            for cell in batch.column(0).to_pylist()
            for value, links in read(cell)
        ]
        columns = list(zip(*rows, strict=True)) or [(), (), ()]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, READ, strict=True)]
        done.append(pa.RecordBatch.from_arrays(arrays, schema=READ))
    return pa.Table.from_batches(done)


def by_person(identifiers: ir.Table) -> ir.Table:
    """PLAIN. IDENTIFIERS to a list of values per person and kind: what every recipe starts from.

    Keep it where several recipes follow: grouping costs more than hashing.
    """
    lists = {
        str(kind): identifiers.value.collect(where=identifiers.kind == str(kind))
        for kind in Identifier
    }
    nothing = ibis.literal([], type="array<string>")
    people = identifiers.group_by("person_id").aggregate(**lists)
    return people.select("person_id", **{n: people[n].fill_null(nothing) for n in lists})


def digests(people: ir.Table, recipe: Recipe) -> ir.Table:
    """`by_person` to digests_schema(): per person the distinct digests of each kind, sorted.

    A contact that came as a digest goes as it is, and to platforms that take SHA-256 only. One
    that is empty after the recipe's steps is no identifier; a person without any is not
    in the table.
    """
    nothing = ibis.literal([], type="array<string>")
    lists = {
        str(kind): _digested(people[str(kind)], kind, recipe) if kind in recipe.kinds else nothing
        for kind in Identifier
    }
    made = people.select("person_id", **lists)
    anything = ibis.or_(*(made[name].length() > 0 for name in lists))
    return made.filter(anything).cast(dict(digests_schema()))


def _digested(values: ir.ArrayValue, kind: Identifier, recipe: Recipe) -> ir.ArrayValue:
    """The digests of a list of contacts of one kind, each once, sorted."""
    written = values
    if recipe.digest is not Digest.SHA256:
        written = written.filter(lambda value: ~value.startswith(HASHED))
    if kind is Identifier.EMAIL and recipe.email:
        written = written.map(lambda value: _email(value, recipe.email))
        written = written.filter(lambda value: value != "")
    cut = 1 if kind is Identifier.PHONE and recipe.phone is PhoneForm.DIGITS else 0
    hashed = written.map(lambda value: as_digest(value, str(recipe.digest), cut))
    return (values.length() > 1).ifelse(hashed.unique().sort(), hashed)


def as_digest(value: ir.StringValue, how: str = "sha256", cut: int = 0) -> ir.StringValue:
    """The digest of a contact without its first `cut` signs, or the one it came as."""
    plain = value.substr(cut) if cut else value
    return value.startswith(HASHED).ifelse(value.substr(len(HASHED)), plain.hexdigest(how))


def _email(value: ir.StringValue, steps: Sequence[EmailStep]) -> ir.StringValue:
    """An address after a recipe's steps, '' where nothing is left; a digest stays as it is."""
    parts = value.split("@")
    local, domain = parts[0], parts[1]
    for domains, several in groupby(steps, key=ONLY_AT.get):
        other: Address = local, domain
        for step in several:
            other = STEPS[step](*other)
        if domains is None:
            local, domain = other
        else:
            there = domain.isin(domains)
            local, domain = (
                new if new is old else there.ifelse(new, old)
                for new, old in zip(other, (local, domain), strict=True)
            )
    return ibis.cases(
        (value.startswith(HASHED), value), (local == "", ""), else_=local + "@" + domain
    )


Address = tuple[ir.StringValue, ir.StringValue]
GMAIL = ("gmail.com", "googlemail.com")
_YANDEX_LANDS = (
    "ru", "com", "com.tr", "by", "kz", "ua", "uz", "az", "am", "ge", "co.il", "lt", "lv", "md",
    "tj", "tm", "fr", "ee", "kg", "com.am", "com.ge", "com.ua",
)  # fmt: skip
YANDEX = ("ya.ru", "narod.ru", *(f"yandex.{land}" for land in _YANDEX_LANDS))
"""Yandex prints no full list: all but ya.ru, .com and .com.tr are UNVERIFIED."""

ONLY_AT = {
    EmailStep.GMAIL_DOTS: GMAIL,
    EmailStep.GMAIL_PLUS_TAG: GMAIL,
    EmailStep.GMAIL_DOMAIN: GMAIL,
    EmailStep.GMAIL_COM_DOTS: GMAIL[:1],
    EmailStep.GMAIL_COM_PLUS_TAG: GMAIL[:1],
    EmailStep.YANDEX_DOMAIN: YANDEX,
    EmailStep.YANDEX_HYPHENS: YANDEX,
}
"""Steps that change an address at these domains and no other."""


def _becomes(name: str) -> Callable[[ir.StringValue, ir.StringValue], Address]:
    return lambda local, domain: (local, ibis.literal(name))


def _no_dots(local: ir.StringValue, domain: ir.StringValue) -> Address:
    return local.replace(".", ""), domain


def _no_tag(local: ir.StringValue, domain: ir.StringValue) -> Address:
    return local.split("+")[0], domain


def _hyphens(local: ir.StringValue, domain: ir.StringValue) -> Address:
    return local.replace(".", "-"), domain


def _latin(local: ir.StringValue, domain: ir.StringValue) -> Address:
    return (local + domain).re_search(r"[^\x21-\x7e]").ifelse("", local), domain


STEPS: dict[EmailStep, Callable[[ir.StringValue, ir.StringValue], Address]] = {
    EmailStep.GMAIL_DOTS: _no_dots,
    EmailStep.GMAIL_PLUS_TAG: _no_tag,
    EmailStep.GMAIL_DOMAIN: _becomes("gmail.com"),
    EmailStep.GMAIL_COM_DOTS: _no_dots,
    EmailStep.GMAIL_COM_PLUS_TAG: _no_tag,
    EmailStep.PLUS_TAG: _no_tag,
    EmailStep.DOTS: _no_dots,
    EmailStep.LEADING_PLUS: lambda local, domain: (local.re_replace(r"^\++", ""), domain),
    EmailStep.YANDEX_DOMAIN: _becomes("yandex.ru"),
    EmailStep.YANDEX_HYPHENS: _hyphens,
    EmailStep.ONLY_LATIN: _latin,
    EmailStep.ONLY_LETTERS_DIGITS: lambda local, domain: (
        local.re_replace(r"[^a-z0-9.-]", ""),
        domain.re_replace(r"[^a-z0-9.-]", ""),
    ),
}


def hash_one(
    kind: Identifier, text: str, recipe: Recipe, regions: Sequence[str]
) -> tuple[str, ...]:
    """Digests of one contact typed by a person: the engine's own answer, by the same way."""
    return hash_many(kind, [text], recipe, regions)[0]


def hash_many(
    kind: Identifier, texts: Sequence[str], recipe: Recipe, regions: Sequence[str]
) -> list[tuple[str, ...]]:
    """Digests of each of a few contacts, sorted; none where there is no contact."""
    engine = ibis.duckdb.connect(threads=1)
    given = pa.table(
        {"person_id": [str(place) for place in range(len(texts))], "cell": list(texts)}
    )
    cells = engine.create_table("cells", ibis.memtable(given), temp=True)
    found = contacts_in(engine, cells, kind, regions).mutate(kind=ibis.literal(str(kind)))
    rows = engine.to_pyarrow(digests(by_person(found.select(*IDENTIFIERS.names)), recipe))
    made = {row["person_id"]: tuple(row[str(kind)]) for row in rows.to_pylist()}
    engine.disconnect()
    return [made.get(str(place), ()) for place in range(len(texts))]


def refuse_mixed(
    engine: ibis.BaseBackend, column: ir.StringColumn, *, hashed: bool, where: str
) -> None:
    """Raise MixedContacts unless a column is wholly what it was declared as.

    Whether a value is a digest is declared in the configuration, never guessed; this only holds
    the declaration to it. `where` names file and column for the message.
    """
    cell = column.strip()
    known = column.notnull() & (cell != "")
    counts = column.as_table().aggregate(
        all=known.sum(),
        sha256=(known & cell.re_search(SHA256_HEX)).sum(),
        digests=(known & cell.re_search(DIGEST_LIKE)).sum(),
    )
    total, sha256, digest_like = (
        int(value or 0) for value in engine.to_pyarrow(counts).to_pylist()[0].values()
    )
    if hashed and sha256 < total:
        raise MixedContacts(
            f"{where}: declared as hashed, but {total - sha256} of {total} values are not SHA-256 "
            "in lower-case hex; hash them all, or declare the column as plain"
        )
    if not hashed and digest_like:
        raise MixedContacts(
            f"{where}: declared as plain, but {digest_like} of {total} values look like digests; "
            "take them out, or declare the column as hashed"
        )
