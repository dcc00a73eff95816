"""What each member of a seed is worth, put beside the rows that are sent."""

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute

from audiences.model import WORTH

compute: Any = pa.compute
"""The stubs do not know every kernel."""


def with_worth(rows: Iterable[pa.RecordBatch], people: pa.Table) -> Iterator[pa.RecordBatch]:
    """The rows with a column WORTH, in the order they come; null for who is not among `people`.

    people: person_id and value, one row per person. What is sent once is not sent again because
    somebody's worth moved: it goes along when the person is added or renewed.
    """
    ids = people["person_id"].combine_chunks()
    values = people["value"].cast(WORTH.type).combine_chunks()
    for batch in rows:
        places = compute.index_in(batch.column("person_id"), value_set=ids)
        yield batch.append_column(WORTH, values.take(places))
