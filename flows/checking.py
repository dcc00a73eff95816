"""`adsteer check`: can the files be read, do the accounts answer. Only the rejects are written."""

from collections.abc import Iterator

import ibis.expr.types as ir

from audiences.audit import audit
from audiences.consents import agrees
from audiences.exports import CONTACTS_TABLE, ORDERS_TABLE, REJECTS_FILE, read_exports
from audiences.people import build_people
from audiences.suppression import suppressed_in
from connectors.errors import ConnectorError
from flows.documents import Document
from flows.platform_page import calendar
from flows.refreshing import file_document, identity_document, reject_reasons
from flows.workshop import Workshop


def check(workshop: Workshop) -> Document:
    """Read everything, resolve people, ask every account; what is wrong is under "faults".

    Raises ExportRefused for an export that cannot be read at all.
    """
    engine, project = workshop.engine, workshop.project
    shop = project.adsteer.shop
    reading = read_exports(
        engine,
        project.exports,
        project.folder,
        shop,
        workshop.as_of,
        workshop.databases(),
        refused=workshop.state / "rejects",
    )
    rejects = workshop.state / "rejects" / REJECTS_FILE
    people = build_people(
        engine,
        shop,
        engine.table(CONTACTS_TABLE),
        engine.table(ORDERS_TABLE),
        suppressed=suppressed_in(engine, project.exports, project.folder, shop.phone_regions),
    )
    accounts = [_ask(workshop, name) for name in sorted(workshop.connectors)]
    platforms = {one.platform for one in project.platforms.account}
    pinned = {
        (one.platform, one.api_version) for one in project.platforms.account if one.api_version
    }
    dues = calendar(platforms, workshop.now().date(), pinned=pinned)
    ending = [f"{due}. Update adsteer before that day." for due in dues if due.warns]
    return {
        "exports": [file_document(file) for file in reading.files],
        "rejects": str(rejects.relative_to(project.folder)),
        "reasons": reject_reasons(workshop),
        "identity": identity_document(people),
        "audit": audit(
            engine,
            people,
            engine.table(CONTACTS_TABLE),
            engine.table(ORDERS_TABLE),
            as_of=workshop.as_of,
        ),
        "uses": list(_uses(workshop, people.people)),
        "accounts": accounts,
        "calendar": [str(due) for due in dues],
        "warnings": ending,
        "faults": [f"{one['account']}: {one['said']}" for one in accounts if not one["well"]],
    }


def _uses(workshop: Workshop, people: ir.Table) -> Iterator[Document]:
    """Of how many people the contacts may be used: by purpose and platform of the lists."""
    audiences = workshop.project.audiences
    lists = {
        (one.purpose, workshop.project.account(account).platform)
        for one in audiences.audience
        for account in one.accounts
    }
    everybody = people.count().to_pyarrow().as_py()
    for purpose, platform in sorted(lists):
        asked = audiences.consent.asked(purpose, platform)
        willing = people.filter(agrees(people, asked)).count().to_pyarrow().as_py()
        yield {
            "purpose": purpose.value,
            "platform": platform,
            "asked": list(asked),
            "people": willing,
            "share": willing / everybody if everybody else 0.0,
        }


def _ask(workshop: Workshop, name: str) -> Document:
    connector, account = workshop.connectors[name], workshop.project.account(name)
    said, well = "answers", True
    try:
        connector.check()
    except ConnectorError as error:
        said, well = f"{error} (who acts: {error.who})", False
    return {"account": name, "platform": account.platform, "well": well, "said": said}
