"""Every connector keeps the contract of everything it can do; none is missing."""

import importlib.util
from pathlib import Path

import pytest

from connectors.base import (
    Connector,
    CorrectsBids,
    ExcludesLists,
    GrowsLookalikes,
    NamesObjects,
    ReplacesWhole,
    ReportsSpend,
    TellsOutcomes,
)
from connectors.registry import PLATFORMS
from tests.support.contract import (
    FAULTS,
    BidContract,
    ConnectorContract,
    ExclusionContract,
    LookalikeContract,
    NamesContract,
    OutcomeContract,
    PlatformContract,
    ReplaceContract,
    SpendContract,
)

CONTRACTS: dict[type, type[PlatformContract]] = {
    Connector: ConnectorContract,
    ReplacesWhole: ReplaceContract,
    GrowsLookalikes: LookalikeContract,
    ExcludesLists: ExclusionContract,
    CorrectsBids: BidContract,
    NamesObjects: NamesContract,
    ReportsSpend: SpendContract,
    TellsOutcomes: OutcomeContract,
}


def classes_of(platform: str) -> list[type]:
    path = Path(__file__).with_name(f"test_contract_{platform}.py")
    spec = importlib.util.spec_from_file_location(f"contract_of_{platform}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [
        one
        for name, one in vars(module).items()
        if name.startswith("Test") and isinstance(one, type)
    ]


@pytest.mark.parametrize("platform", sorted(PLATFORMS))
def test_every_ability_has_its_contract(platform):
    connector = PLATFORMS[platform]
    kept = classes_of(platform)
    for ability, contract in CONTRACTS.items():
        keeping = [one for one in kept if issubclass(one, contract)]
        assert bool(keeping) == issubclass(connector, ability), f"{platform}: {contract.__name__}"
        assert {one.platform for one in keeping} <= {platform}


@pytest.mark.parametrize("platform", sorted(PLATFORMS))
def test_a_deviation_says_why(platform):
    """Whoever replaces a test of the contract writes the reason into its docstring."""
    for one in classes_of(platform):
        inherited = {name for base in one.__mro__[1:] for name in vars(base)}
        for name, value in vars(one).items():
            if name.startswith("test_") and name in inherited:
                assert value.__doc__, f"{one.__name__}.{name}"


@pytest.mark.parametrize("platform", sorted(PLATFORMS))
def test_limits_and_recipe_name_their_source(platform):
    connector = PLATFORMS[platform]
    if issubclass(connector, Connector):
        assert connector.limits.source
        assert connector.recipe.source
        assert connector.limits.kinds <= connector.recipe.kinds
        assert connector.limits.batch_size >= connector.limits.min_members > 0
    if issubclass(connector, CorrectsBids):
        limits = connector.bid_limits
        assert limits.source
        assert limits.lowest < 0 < limits.highest


def test_every_ability_is_known():
    """A new ability in base.py needs a contract here."""
    from connectors import base

    abstract = {
        one
        for one in vars(base).values()
        if isinstance(one, type)
        and one.__module__ == base.__name__
        and getattr(one, "__abstractmethods__", None)
    }
    assert abstract == set(CONTRACTS)


SURVIVED = {
    "429 with and without Retry-After": "test_a_change_happens_once_whatever_happens",
    "500, 502, 503 before and after the effect": "test_a_change_happens_once_whatever_happens",
    "connection cut in the middle": "test_a_change_happens_once_whatever_happens",
    "no answer in time": "test_a_change_happens_once_whatever_happens",
    "malformed JSON": "test_a_change_happens_once_whatever_happens",
    "HTTP 200 with an error inside": "test_an_error_inside_a_success_is_none",
    "partial per-item errors": "test_part_of_a_batch_fails",
    "expired or revoked token, no rights": "test_refused_credentials_are_the_operators",
    "quota of the day gone": "test_a_quota_of_the_day",
    "list deleted behind our back": "test_a_list_deleted_behind_our_back",
    "list under processing": "test_a_list_under_processing_takes_no_change",
    "name taken": "test_a_title_that_another_list_has",
    "API version gone": "test_a_version_that_is_not_served_any_more",
    "no answer at all": "test_a_change_that_never_gets_an_answer_is_unsure",
}
"""Every fault that a connector must survive, and the test of the contract that says how."""

TERMS = {
    "google": "test_connector_google.py::test_check_says_that_terms_are_to_be_accepted",
    "meta": "test_contract_meta.py::test_terms_that_nobody_accepted",
    "microsoft": "test_microsoft_members.py::test_terms_that_nobody_accepted",
    "tiktok": "",
    "vk": "",
    "yandex_audience": "",
}
"""Terms of custom audiences that somebody must accept; empty where the platform has none."""


@pytest.mark.parametrize("fault", SURVIVED)
@pytest.mark.parametrize("platform", sorted(TERMS))
def test_every_fault_is_tried_on_every_connector(platform, fault):
    (kept,) = (one for one in classes_of(platform) if issubclass(one, ConnectorContract))
    assert callable(getattr(kept, SURVIVED[fault], None))


def test_missing_terms_are_tried_wherever_there_are_terms():
    lists = {name for name, one in PLATFORMS.items() if issubclass(one, Connector)}
    assert set(TERMS) == lists
    for test in filter(None, TERMS.values()):
        file, _, name = test.partition("::")
        assert f"def {name}(" in Path(__file__).with_name(file).read_text(encoding="utf-8")


def test_the_faults_of_every_request_are_all_there():
    """Of which `test_a_change_happens_once_whatever_happens` is made."""
    faults = list(FAULTS.values())
    kinds = {(one["kind"], one.get("status"), one.get("after_effect", False)) for one in faults}
    statuses = {(status, after) for kind, status, after in kinds if kind == "server_error"}
    assert statuses == {(status, after) for status in (500, 502, 503) for after in (False, True)}
    assert {kind for kind, *_ in kinds} == {"throttle", "server_error", "cut", "slow", "malformed"}
    throttled = [one for one in faults if one["kind"] == "throttle"]
    forms = {
        (one.get("retry_after") is not None, one.get("retry_after_form", "seconds"))
        for one in throttled
    }
    assert forms == {(False, "seconds"), (True, "seconds"), (True, "date")}
