"""Microsoft: people in a list, by address only, and verdicts on them."""

import json

import pytest
import responses
from hypothesis import given, settings
from hypothesis import strategies as st

from audiences.model import Refusal, Verb
from connectors.errors import ContractBroken, ListGone, TermsNotAccepted, Unsure
from tests.support.members import batch, batch_of, digest
from tests.support.surroundings import surroundings
from tests.support.wire_microsoft import BASE, LIST, SECRETS, call, connector, error, made, secrets

__all__ = ["connector", "secrets"]


APPLY = "CustomerListUserData/Apply"


def change(items, action="Add", **more):
    data = {
        "AudienceId": LIST,
        "ActionType": action,
        "CustomerListItemSubType": "Email",
        "CustomerListItems": items,
        **more,
    }
    return {"CustomerListUserData": data}


def person(name, *addresses):
    email = sorted(digest(one) for one in addresses)
    return {"person_id": name, "email": email, "phone": [digest("7000")], "external_id": []}


def test_people_go_by_address_only(net, connector):
    some = batch_of([person("anna", "a@x"), person("boris"), person("clara", "c@x", "d@x")])
    items = [*person("anna", "a@x")["email"], *person("clara", "c@x", "d@x")["email"]]
    call(net, APPLY, change(items), {"PartialErrors": []})
    receipt = connector.add(LIST, some)
    assert (receipt.accepted, receipt.refused) == (2, (Refusal("boris", "has no email"),))
    call(net, APPLY, change(items, "Remove"), {"PartialErrors": []})
    gone = batch_of(some.members.to_pylist(), Verb.REMOVE)
    assert connector.remove(LIST, gone).accepted == 2


def test_nobody_with_an_address_is_nothing_to_send(net, connector):
    assert connector.add(LIST, batch_of([person("boris")])).accepted == 0


def test_terms_are_accepted_only_where_the_operator_said_so(net, secrets):
    secrets(TOKEN="secret-token", ACCEPTS_TERMS="true")
    some = batch(1, 1)
    items = some.members.to_pydict()["email"][0]
    call(net, APPLY, change(items, AcceptCustomerMatchTerm=True), {"PartialErrors": []})
    assert made(surroundings()).add(LIST, some).accepted == 1


def test_terms_that_nobody_accepted(net, connector):
    told = error(8003, "CustomerListTermsAndConditionsNotAccepted", 0)
    items = batch(1, 1).members.to_pydict()["email"][0]
    call(net, APPLY, change(items), {"PartialErrors": [told]})
    with pytest.raises(TermsNotAccepted, match="ACCEPTS_TERMS=true") as caught:
        connector.add(LIST, batch(1, 1))
    assert caught.value.who == "operator"


def test_verdicts_on_addresses_become_verdicts_on_people(net, connector):
    rows = [
        person("anna", "a@x", "b@x"),
        person("boris", "c@x", "d@x"),
        person("clara", "e@x"),
        person("dora", "f@x"),
    ]
    items = [one for row in rows for one in row["email"]]
    told = [
        error(8004, "EmailMustBeHashed", 1),
        error(8004, "EmailMustBeHashed", 2),
        error(8004, "EmailMustBeHashed", 3),
        error(0, "InternalError", 4),
    ]
    call(net, APPLY, change(items), {"PartialErrors": told})
    receipt = connector.add(LIST, batch_of(rows))
    assert receipt.accepted == 2
    assert receipt.refused == (
        Refusal("boris", "EmailMustBeHashed (8004) said", temporary=False),
        Refusal("clara", "InternalError (0) said", temporary=True),
    )
    # Who is to go is out only with all addresses.
    call(net, APPLY, change(items, "Remove"), {"PartialErrors": told})
    gone = connector.remove(LIST, batch_of(rows, Verb.REMOVE))
    assert [one.person_id for one in gone.refused] == ["anna", "boris", "clara"]


def items_of(some):
    return [one for row in some.members.to_pydict()["email"] for one in row]


def test_more_than_a_thousand_addresses_take_two_calls(net, connector):
    some = batch(1, 1002)
    items = items_of(some)
    call(net, APPLY, change(items[:1000]), {"PartialErrors": []})
    told = [error(8004, "EmailMustBeHashed", 1)]
    call(net, APPLY, change(items[1000:]), {"PartialErrors": told})
    receipt = connector.add(LIST, some)
    assert receipt.accepted == 1001
    assert [one.person_id for one in receipt.refused] == ["p1002"]


def test_a_batch_that_ends_half_way_is_unsure(net, connector):
    items = items_of(batch(1, 1001))
    call(net, APPLY, change(items[:1000]), {"PartialErrors": []})
    told = {"PartialErrors": [error(8000, "InvalidCustomerListId", 0)]}
    call(net, APPLY, change(items[1000:]), told)
    with pytest.raises(Unsure, match="in part"):
        connector.add(LIST, batch(1, 1001))


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (error(8000, "InvalidCustomerListId", 0), ListGone),
        (error(8000, "", 0), ListGone),
        (error(8002, "CustomerListItemSubTypeNotSupported", 0), ContractBroken),
        (error(8004, "EmailMustBeHashed", 7), ContractBroken),
        (error(8004, "EmailMustBeHashed", None), ContractBroken),
    ],
)
def test_what_is_wrong_with_a_whole_call(net, connector, told, kind):
    call(net, APPLY, change(items_of(batch(1, 2))), {"PartialErrors": [told]})
    with pytest.raises(kind):
        connector.add(LIST, batch(1, 2))


PEOPLE = st.lists(st.lists(st.integers(0, 60), max_size=3, unique=True), max_size=25)


@given(
    addresses=PEOPLE, bad=st.sets(st.integers(0, 60)), verb=st.sampled_from([Verb.ADD, Verb.REMOVE])
)
@settings(max_examples=40, deadline=None)
def test_everybody_is_accepted_or_refused_for_a_reason(addresses, bad, verb):
    """Whatever the number of addresses, calls and refusals."""
    rows = [person(f"p{n}", *map(str, some)) for n, some in enumerate(addresses)]
    bad_items = {digest(str(one)) for one in bad}
    taken = []

    def answer(request):
        items = json.loads(request.body)["CustomerListUserData"]["CustomerListItems"]
        assert 0 < len(items) <= 7
        taken.extend(items)
        places = [n for n, one in enumerate(items) if one in bad_items]
        told = [error(8004, "EmailMustBeHashed", place) for place in places]
        return 200, {}, json.dumps({"PartialErrors": told})

    with (
        responses.RequestsMock(assert_all_requests_are_fired=False) as net,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in (SECRETS | {"TOKEN": "secret-token"}).items():
            patch.setenv(f"MS_{name}", value)
        patch.setattr("connectors.microsoft_lists.ITEMS_PER_CALL", 7)
        net.add_callback("POST", BASE + APPLY, callback=answer)
        connector = made(surroundings())
        act = connector.add if verb is Verb.ADD else connector.remove
        receipt = act(LIST, batch_of(rows, verb))
    assert taken == [one for row in rows for one in row["email"]]
    refused = {one.person_id for one in receipt.refused}
    assert receipt.accepted + len(refused) == len(rows)
    enough = all if verb is Verb.ADD else any
    assert refused == {
        row["person_id"]
        for row in rows
        if not row["email"] or enough(one in bad_items for one in row["email"])
    }
