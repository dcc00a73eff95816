"""Meta keeps the contract, over HTTP against the sandbox."""

import logging
from datetime import timedelta

import pyarrow as pa
import pytest
import requests
from pydantic import SecretStr

from audiences.model import AudienceRef, Batch, Verb
from bids.model import BidObject, CorrectionChange, Level
from config.audiences import Lookalike, Purpose
from config.platforms import Account
from connectors.base import Connector
from connectors.errors import ContractBroken, OperatorError, RuleRefused, TermsNotAccepted
from connectors.http import Door
from connectors.meta import Meta
from connectors.meta_wire import Graph, LastingToken, judge, proof_of
from connectors.origins import SANDBOX_TOKEN
from tests.support.contract import (
    FAULTS,
    BidContract,
    ConnectorContract,
    ExclusionContract,
    LookalikeContract,
    NamesContract,
    ReplaceContract,
    SpendContract,
    sandbox_server,
)
from tests.support.members import batch, batch_of, digest, digests_of, people
from tests.support.sandbox import ACCOUNT, Sandbox
from tests.support.surroundings import surroundings

__all__ = ["sandbox_server"]

OBJECTS = (
    BidObject(ACCOUNT, "meta", Level.AD_GROUP, "12020000000000001"),  # takes value rules
    BidObject(ACCOUNT, "meta", Level.AD_GROUP, "12020000000000002"),  # bid cap: multipliers only
)
TOGETHER = tuple(BidObject(ACCOUNT, "meta", Level.AD_GROUP, f"1202000000000000{n}") for n in (5, 6))
"""Ad sets of a campaign that holds the budget."""


class TestMeta(ConnectorContract):
    platform = "meta"
    connector_class = Meta
    create_operations = ("audiences.create",)
    add_operation = "users.add"
    remove_operation = "users.remove"
    rename_operation = "audience.update"

    def test_a_list_that_is_too_small(self, connector: Connector, box: Sandbox) -> None:
        """Meta makes lists of any size, empty ones too: the plan holds back what is too small."""
        opened = connector.find_or_create(self.audience, batch(1, 1))
        assert connector.add(opened.list_id, batch(1, 1)).accepted == 1
        box.settle()
        assert not connector.state(opened.list_id).ready

    def test_a_settled_list_tells_its_size_and_match(
        self, connector: Connector, list_id: str
    ) -> None:
        """Meta never tells how many it holds, only a rounded range of those it matched."""
        state = connector.state(list_id)
        assert state.settled
        assert state.size is None
        assert state.matched is not None
        assert 0 < state.matched <= self.enough

    def test_rows_that_meta_calls_invalid_are_refused_by_name(
        self, connector: Connector, box: Sandbox, list_id: str
    ) -> None:
        box.fault("partial", "meta", "users.add")
        receipt = connector.add(list_id, batch(501, 12))
        assert receipt.accepted == 6
        assert [one.person_id for one in receipt.refused] == sorted(
            f"p{n}" for n in range(502, 513, 2)
        )
        added = {one for n in range(501, 512, 2) for one in digests_of(batch(n, 1))}
        assert added <= box.members("meta", list_id)

    def test_an_error_inside_an_answer_of_200_is_no_success(
        self, connector: Connector, box: Sandbox, list_id: str
    ) -> None:
        box.fault("error_inside", "meta", "users.add")
        assert connector.add(list_id, batch(501, 3)).accepted == 3
        assert box.faults_left() == []
        assert digests_of(batch(501, 3)) <= box.members("meta", list_id)

    def test_terms_that_nobody_accepted(self, box: Sandbox) -> None:
        connector = box.connector("meta", login="act_700100200301")
        for ask in (
            connector.check,
            lambda: connector.find_or_create(self.audience, batch(1, 3)),
        ):
            with pytest.raises(TermsNotAccepted) as caught:
                ask()
            assert caught.value.who == "operator"

    def test_more_rows_than_a_request_takes(
        self, connector: Connector, box: Sandbox, list_id: str
    ) -> None:
        """A session of two requests; nobody is lost between them."""
        crowd = [
            {
                "person_id": f"p{n}",
                "email": [digest(f"crowd {n} {k}") for k in range(3)],
                "phone": [],
                "external_id": [],
            }
            for n in range(3500)
        ]
        assert connector.add(list_id, batch_of(crowd)).accepted == 3500
        wanted = {one for row in crowd for one in row["email"]}
        assert box.members("meta", list_id) == wanted | digests_of(batch(1, self.enough))

    def test_the_proof_of_the_app_secret_is_taken_and_never_logged(
        self, box: Sandbox, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        around = surroundings(sandbox_url=box.url)
        token = LastingToken(SecretStr(SANDBOX_TOKEN))
        door = Door(f"{box.url}/meta/v26.0/", surroundings=around, tokens=token, judge=judge)
        proof = proof_of("sandbox-secret", SANDBOX_TOKEN)
        account = Account(name=ACCOUNT, platform="meta", sandbox=True)
        Meta(Graph(door, proof), account, around).check()
        assert "appsecret_proof=…" in caplog.text
        assert proof[:12] not in caplog.text
        wrong = Graph(door, proof_of("another", SANDBOX_TOKEN))
        with pytest.raises(ContractBroken):
            Meta(wrong, account, around).check()

    def test_a_list_under_processing_takes_no_change(
        self, connector: Connector, box: Sandbox
    ) -> None:
        """Meta takes changes at any time, only a replacement locks a list."""
        opened = connector.find_or_create(self.audience, batch(1, 3))
        connector.add(opened.list_id, batch(1, 3))
        assert not connector.state(opened.list_id).settled
        connector.add(opened.list_id, batch(4, 3))
        assert box.members("meta", opened.list_id) == digests_of(batch(1, 6))


class TestMetaReplacing(ReplaceContract):
    platform = "meta"
    connector_class = Meta
    replace_operation = "users.replace"

    def test_more_rows_than_a_request_takes(
        self, connector: Meta, box: Sandbox, list_id: str
    ) -> None:
        """Nobody knows what a list holds between two requests: it is left as it is."""
        crowd = people(1, 10_001)
        with pytest.raises(RuleRefused):
            connector.replace(list_id, batch_of(crowd, Verb.REPLACE))
        assert box.members("meta", list_id) == digests_of(batch(1, self.people))

    def test_a_value_based_list_is_not_replaced_without_values(
        self, connector: Meta, box: Sandbox
    ) -> None:
        plain = batch(1, self.people)
        worth = pa.array([float(n) for n in range(self.people)])
        first = Batch(plain.key, plain.verb, plain.members.append_column("value", worth))
        audience = AudienceRef(ACCOUNT, "meta", "best", Purpose.SEED, "adsteer: best")
        seed = connector.find_or_create(audience, first).list_id
        connector.add(seed, first)
        box.settle()
        with pytest.raises(RuleRefused):
            connector.replace(seed, self.wanted)
        assert connector.replace(seed, first).accepted == self.people


class TestMetaLookalikes(LookalikeContract):
    platform = "meta"
    connector_class = Meta
    grow_operation = "lookalikes.create"
    refresh_operation = "audience.read"

    wish = Lookalike(countries=("DE",))

    def test_a_seed_with_values_grows(self, connector: Meta, box: Sandbox) -> None:
        """People's worth goes along, from the batch's column `value`."""
        plain = batch(1, self.seed_people)
        worth = pa.array([float(n) for n in range(self.seed_people)])
        first = Batch(plain.key, plain.verb, plain.members.append_column("value", worth))
        audience = AudienceRef(ACCOUNT, "meta", "best", Purpose.SEED, "adsteer: best")
        seed = connector.find_or_create(audience, first).list_id
        assert connector.add(seed, first).accepted == self.seed_people
        (made,) = [one for one in box.lists("meta") if str(one["id"]) == seed]
        assert made["is_value_based"] is True
        box.settle()
        assert connector.grow(seed, "like the best", 5, self.wish) in self.grown(box)


class TestMetaExclusions(ExclusionContract):
    platform = "meta"
    ad_group = OBJECTS[0].object_id
    exclude_operation = "adset.update"
    nowhere = "12020000000000404"

    def test_the_rest_of_a_targeting_stays(
        self, connector: Meta, box: Sandbox, lists: tuple[str, str]
    ) -> None:
        """Meta takes targeting whole: what was in it must go back."""
        connector.exclude(lists[0], self.ad_group)
        answer = requests.get(
            f"{box.url}/meta/v26.0/{self.ad_group}",
            params={"fields": "targeting"},
            headers={"Authorization": f"Bearer {SANDBOX_TOKEN}"},
            timeout=10,
        ).json()
        assert answer["targeting"] == {
            "geo_locations": {"countries": ["DE"]},
            "excluded_custom_audiences": [{"id": lists[0]}],
        }


class TestMetaBids(BidContract):
    platform = "meta"
    connector_class = Meta
    objects = OBJECTS
    add_operation = "rule_sets.create"
    set_operation = "rule_set.update"
    remove_operation = "adset.update"
    condition_operation = "audience.update"

    @pytest.fixture
    def list_id(self, box: Sandbox) -> str:
        audience = AudienceRef(ACCOUNT, "meta", "vip", Purpose.RETARGETING, "adsteer: vip")
        opened = box.connector("meta").find_or_create(audience, batch(1, 300))
        return str(opened.list_id)

    def test_a_campaign_that_holds_the_budget(
        self, connector: Meta, box: Sandbox, condition: str
    ) -> None:
        """Its ad sets must follow the same rules at every moment."""
        for percent in (-30, 45, None):
            changes = [CorrectionChange(one, "vip", condition, None, percent) for one in TOGETHER]
            assert {one.refused for one in connector.write_corrections(changes)} == {""}
            present = connector.read_corrections(TOGETHER)
            assert [one.percent for one in present] == ([] if percent is None else [percent] * 2)

    def test_nothing_of_ours_is_left_behind(
        self, connector: Meta, box: Sandbox, condition: str
    ) -> None:
        """Value rule sets are few: those that nothing follows any more are deleted."""
        before = box.bids("meta")
        for percent in (-30, 45, None):
            connector.write_corrections([self.change(condition, percent)])
        assert box.bids("meta") == before
        for n in range(8):
            connector.write_corrections([self.change(condition, 10 + n)])
            connector.write_corrections([self.change(condition, None)])

    @pytest.mark.parametrize("name", FAULTS)
    def test_attaching_survives(
        self, connector: Meta, box: Sandbox, condition: str, name: str
    ) -> None:
        self.fault(box, "adset.update", name)
        (receipt,) = connector.write_corrections([self.change(condition, -30)])
        assert box.faults_left() == []
        assert receipt.refused == ""
        assert self.present(connector) == {(OBJECTS[0], condition): -30}

    def test_a_list_of_another_account_is_the_operators(self, connector: Meta) -> None:
        with pytest.raises(OperatorError):
            connector.condition_for("23850000000009999", "adsteer: nobody")


class TestMetaNames(NamesContract):
    platform = "meta"
    objects = OBJECTS

    def test_only_ad_sets_are_named(self, connector: Meta) -> None:
        assert connector.objects(Level.CAMPAIGN) == ()
        assert {one.name for one in connector.objects(Level.AD_GROUP)} == {
            f"Prospecting {n}" for n in range(1, 7)
        }


class TestMetaSpend(SpendContract):
    platform = "meta"
    objects = OBJECTS
    spend_operation = "insights"

    def test_a_long_report_is_ordered(self, connector: Meta, box: Sandbox) -> None:
        first, last = self.days
        long_ago = first - timedelta(days=600)
        rows = connector.spend(self.objects, long_ago, last)
        assert len({(one.day, one.object) for one in rows}) == len(rows) > 1200
        assert set(connector.spend(self.objects, first, last)) <= set(rows)
