"""What a person reads when a report was written."""

from collections.abc import Iterable

from rich.console import RenderableType

from flows.documents import Document


def written(document: Document) -> Iterable[RenderableType]:
    """Where the page is, and the tables beside it."""
    yield f"Written: {document['file']} ({document['bytes'] / 1e6:.1f} MB, opens in any browser)"
    files = document["tables_written"]
    if files:
        yield f"Tables: {len(files)} files, all of them in {files[-1]} too"
