"""A batch as a CSV: every digest once, in as many rows as the longest list, of the size it said."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiences.model import MEMBERS, Batch, Verb
from config.audiences import Identifier
from connectors import members_csv
from connectors.members_csv import MembersCsv
from connectors.upload import FileUpload
from tests.support.members import digest

COLUMNS = (Identifier.PHONE, Identifier.EMAIL)
DIGESTS = st.lists(st.integers(0, 50).map(lambda n: digest(str(n))), max_size=3)
PEOPLE = st.lists(st.tuples(DIGESTS, DIGESTS), max_size=12)


def table(people):
    rows = [
        {"person_id": str(n), "phone": phones, "email": emails, "external_id": []}
        for n, (phones, emails) in enumerate(people)
    ]
    return pa.Table.from_pylist(rows, schema=MEMBERS)


@pytest.mark.parametrize("last_line_end", [True, False])
@settings(deadline=None)
@given(people=PEOPLE, skip=st.integers(0, 3))
def test_nobody_is_lost_and_the_size_is_right(people, skip, last_line_end):
    kept = people[skip:]
    batch = Batch("key", Verb.ADD, table(people).slice(skip))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(members_csv, "ROWS_AT_A_TIME", 5)
        file = MembersCsv(batch, COLUMNS, last_line_end)
        content = b"".join(file.chunks())
        assert content == b"".join(file.chunks())
    assert len(content) == file.size
    assert content.endswith(b"\n") == last_line_end
    header, *rows = content.decode().removesuffix("\n").split("\n")
    assert header == "phone,email"
    assert len(rows) == file.rows == sum(max(len(p), len(e)) for p, e in kept)
    cells = [row.split(",") for row in rows]
    assert sorted(p for p, _ in cells if p) == sorted(one for p, _ in kept for one in p)
    assert sorted(e for _, e in cells if e) == sorted(one for _, e in kept for one in e)
    receipt = file.receipt()
    nobody = [str(n) for n, (p, e) in enumerate(people) if n >= skip and not p and not e]
    assert [one.person_id for one in receipt.refused] == nobody
    assert receipt.accepted + len(nobody) == len(kept)


def test_an_upload_is_as_long_as_it_says_each_time():
    upload = FileUpload(lambda: iter([b"abc", b"de"]), 5)
    first, second = b"".join(upload), b"".join(upload)
    assert first == second
    assert len(first) == len(upload)
