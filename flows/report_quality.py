"""The report's tables of data quality: what was read, what was refused, what the run said."""

from flows.documents import Document
from measurement.tables import Kind, Table, columns


def quality_tables(refreshed: Document) -> tuple[Table, ...]:
    """Exports and reasons of refused rows of the last refresh, and its messages."""
    return (
        Table(
            "exports",
            columns(
                file=Kind.TEXT,
                kind=Kind.NAME,
                read=Kind.COUNT,
                accepted=Kind.COUNT,
                rejected=Kind.COUNT,
                rejected_share=Kind.SHARE,
            ),
            tuple(
                (
                    one["file"],
                    one["kind"],
                    one["read"],
                    one["accepted"],
                    one["rejected"],
                    one["rejected"] / one["read"] if one["read"] else None,
                )
                for one in refreshed["exports"]
            ),
        ),
        Table(
            "refused_rows",
            columns(file=Kind.TEXT, field=Kind.TEXT, reason=Kind.TEXT, rows=Kind.COUNT),
            tuple(
                (one["file"], one["column"], one["reason"], one["rows"])
                for one in refreshed["reasons"]
            ),
        ),
        Table(
            "messages", columns(message=Kind.TEXT), tuple((text,) for text in refreshed["notes"])
        ),
    )
