"""Every connector keeps the contract of everything it can do; none is missing."""

import importlib.util
from pathlib import Path

import pytest

from connectors.base import (
    Connector,
    CorrectsBids,
    GrowsLookalikes,
    NamesObjects,
    ReportsSpend,
    TellsOutcomes,
)
from connectors.registry import PLATFORMS
from tests.support.contract import (
    BidContract,
    ConnectorContract,
    LookalikeContract,
    NamesContract,
    OutcomeContract,
    PlatformContract,
    SpendContract,
)

CONTRACTS: dict[type, type[PlatformContract]] = {
    Connector: ConnectorContract,
    GrowsLookalikes: LookalikeContract,
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
