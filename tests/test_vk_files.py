"""Lines of a users list and the people they stand for: everybody is accounted for."""

from hypothesis import given, settings
from hypothesis import strategies as st

from config.audiences import Identifier
from connectors.vk_files import NOBODY, Lines, Verdict, receipt
from tests.support.members import batch_of

DIGESTS = [f"{n:032x}" for n in range(12)]
some = st.lists(st.sampled_from(DIGESTS), max_size=3, unique=True).map(sorted)
crowds = st.lists(st.tuples(some, some), max_size=8).map(
    lambda rows: [
        {"person_id": f"p{n}", "email": emails, "phone": phones, "external_id": []}
        for n, (emails, phones) in enumerate(rows)
    ]
)


def written(lines):
    return b"".join(lines.chunks()).decode().splitlines()


@settings(deadline=None)
@given(people=crowds, kind=st.sampled_from([Identifier.PHONE, Identifier.EMAIL]))
def test_every_contact_is_a_line_once(people, kind):
    lines = Lines(batch_of(people), kind)
    whole = written(lines)
    assert len(whole) == len(set(whole)) == len(lines)
    assert set(whole) == {one for person in people for one in person[kind]}
    assert lines.size == len(b"".join(lines.chunks()))


@settings(deadline=None)
@given(people=crowds, at_least=st.integers(0, 25))
def test_a_short_file_is_filled_up_and_an_empty_one_is_not(people, at_least):
    lines = Lines(batch_of(people), Identifier.PHONE, at_least)
    plain = written(Lines(batch_of(people), Identifier.PHONE))
    filled = written(lines)
    assert filled[: len(plain)] == plain
    assert set(filled[len(plain) :]) <= set(NOBODY)
    assert len(filled) == (max(len(plain), at_least) if plain else 0)
    assert lines.size == len(b"".join(lines.chunks()))


@settings(deadline=None)
@given(people=crowds, data=st.data())
def test_a_person_is_refused_when_nothing_of_theirs_was_taken(people, data):
    batch = batch_of(people)
    verdicts, bad = [], {}
    for kind in (Identifier.PHONE, Identifier.EMAIL):
        lines = Lines(batch, kind)
        whole = written(lines)
        numbers = st.sets(st.integers(1, len(whole))) if whole else st.just(set())
        said = dict.fromkeys(data.draw(numbers), "invalid_md5")
        verdicts.append(Verdict(lines, lines.refused(said)))
        bad[kind] = {whole[number - 1] for number in said}
    answer = receipt(batch, verdicts)
    taken = {
        person["person_id"]
        for person in people
        if any(one not in bad[kind] for kind in bad for one in person[kind])
    }
    assert answer.accepted == len(taken)
    refused = [one.person_id for one in answer.refused]
    assert refused == [one["person_id"] for one in people if one["person_id"] not in taken]


@settings(deadline=None)
@given(people=crowds, data=st.data())
def test_lines_left_out_twice_keep_their_places(people, data):
    """What is refused in the second file is counted in the places of the first."""
    lines = Lines(batch_of(people), Identifier.PHONE)
    whole = written(lines)
    numbers = st.sets(st.integers(1, len(whole))) if whole else st.just(set())
    first = lines.refused(dict.fromkeys(data.draw(numbers), "invalid_md5"))
    rest = lines.without(first)
    left = written(rest)
    assert left == [one for place, one in enumerate(whole) if place not in first]
    again = st.sets(st.integers(1, len(left))) if left else st.just(set())
    said = data.draw(again)
    second = rest.refused(dict.fromkeys(said, "invalid_phone"))
    assert {whole[place] for place in second} == {left[number - 1] for number in said}
    assert not set(first) & set(second)


def test_nothing_shows_a_digest():
    batch = batch_of([{"person_id": "a", "email": [], "phone": [DIGESTS[1]], "external_id": []}])
    lines = Lines(batch, Identifier.PHONE)
    shown = f"{lines!r} {Verdict(lines, {0: 'invalid_md5'})!r}"
    assert len(lines) == 1
    assert DIGESTS[1] not in shown
