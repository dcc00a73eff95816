"""Google's own types as the oracle: names we branch on, and what the sandbox takes."""

from typing import Any

import pytest

from connectors import google_bids, google_errors, google_observation
from connectors.google_lists import STATUSES
from connectors.google_lookalikes import REACH
from connectors.sandbox import google_gaql, google_shapes
from tests.support.google_types import ADS, DATA, message_class

V26 = "google.ads.googleads.v26"
OF_EVERY_GOOGLE_API = {"SERVICE_DISABLED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}
"""Reasons of google.api.ErrorReason, which both APIs may give."""


def names(module: str, outer: str, inner: str) -> set[str]:
    return set(getattr(message_class(module, outer), inner).__members__)


def descriptor(module: str, name: str) -> Any:
    found = message_class(module, name)
    return found.pb(found()).DESCRIPTOR


def test_every_reason_of_the_data_manager_exists():
    known = set(message_class(DATA, "ErrorReason").__members__)
    assert set(google_errors.REASONS) - OF_EVERY_GOOGLE_API <= known


def test_every_code_of_google_ads_exists():
    codes = descriptor(f"{V26}.errors.types.errors", "ErrorCode")
    known = {value.name for field in codes.fields for value in field.enum_type.values}
    assert set(google_errors.ADS_ERRORS) - OF_EVERY_GOOGLE_API <= known
    assert google_bids.GONE in known


def test_every_action_belongs_to_an_error():
    assert set(google_errors.ACTS) <= set(google_errors.REASONS) | set(google_errors.ADS_ERRORS)


def test_strategies_kinds_and_states_exist():
    strategies = names(
        f"{V26}.enums.types.bidding_strategy_type", "BiddingStrategyTypeEnum", "BiddingStrategyType"
    )
    assert set(google_bids.ACTS_ON) <= strategies
    kinds = names(f"{V26}.enums.types.criterion_type", "CriterionTypeEnum", "CriterionType")
    assert set(google_observation.AUDIENCES) <= kinds
    levels = names(
        f"{V26}.enums.types.lookalike_expansion_level",
        "LookalikeExpansionLevelEnum",
        "LookalikeExpansionLevel",
    )
    assert set(REACH.values()) <= levels
    states = names(DATA, "RequestStatusPerDestination", "RequestStatus")
    assert set(STATUSES) == states


SHAPES = [
    (DATA, "IngestAudienceMembersRequest", google_shapes.INGEST),
    (DATA, "RemoveAudienceMembersRequest", google_shapes.REMOVE),
    (DATA, "RemoveAllAudienceMembersRequest", google_shapes.REMOVE_ALL),
    (DATA, "UserList", google_shapes.USER_LIST),
    (f"{ADS}.google_ads_service", "SearchGoogleAdsRequest", google_shapes.SEARCH),
    (f"{ADS}.google_ads_service", "SearchGoogleAdsStreamRequest", google_shapes.SEARCH_STREAM),
    *(
        (f"{ADS}.offline_user_data_job_service", f"{name}Request", shape)
        for name, shape in (
            ("CreateOfflineUserDataJob", google_shapes.CREATE_JOB),
            ("AddOfflineUserDataJobOperations", google_shapes.ADD_OPERATIONS),
            ("RunOfflineUserDataJob", google_shapes.RUN),
        )
    ),
    (f"{ADS}.user_data_service", "UploadUserDataRequest", google_shapes.UPLOAD),
    *(
        (f"{ADS}.{service}_service", f"Mutate{name}Request", google_shapes.MUTATES[collection])
        for collection, service, name in (
            ("userLists", "user_list", "UserLists"),
            ("campaignCriteria", "campaign_criterion", "CampaignCriteria"),
            ("adGroupCriteria", "ad_group_criterion", "AdGroupCriteria"),
            ("campaigns", "campaign", "Campaigns"),
            ("adGroups", "ad_group", "AdGroups"),
            ("conversionValueRules", "conversion_value_rule", "ConversionValueRules"),
            ("conversionValueRuleSets", "conversion_value_rule_set", "ConversionValueRuleSets"),
        )
    ),
]
SCALARS = {
    google_shapes.TEXT: ("string",),
    google_shapes.INT64: ("int64", "int32"),
    google_shapes.BOOL: ("bool",),
    google_shapes.DOUBLE: ("double", "float"),
}
TYPES = {1: "double", 2: "float", 3: "int64", 5: "int32", 8: "bool", 9: "string"}
WRAPPED = {"Duration": google_shapes.DURATION, "Timestamp": google_shapes.TIME}


def differences(shape: Any, message: Any, path: str) -> list[str]:
    """Where a shape of the sandbox says something that the type does not."""
    found = []
    fields = {field.json_name: field for field in message.fields}
    for name, inner in shape.items():
        if name == google_shapes.ONE_OF:
            found += [f"{path}: {group}" for group in inner if not exclude(fields, group)]
        elif name not in fields:
            found.append(f"{path}.{name}: there is none")
        else:
            found += of_field(inner, fields[name], f"{path}.{name}")
    return found


def exclude(fields: Any, group: Any) -> bool:
    """Whether these fields are of one one-of; create, update and remove of an operation are."""
    return len({fields[one].containing_oneof.name for one in group}) == 1


def of_field(shape: Any, field: Any, path: str) -> list[str]:
    if isinstance(shape, list) != bool(field.is_repeated):
        return [f"{path}: one or many"]
    inner = shape[0] if isinstance(shape, list) else shape
    if isinstance(inner, dict):
        return differences(inner, field.message_type, path)
    if isinstance(inner, google_shapes.Choice):
        known = {value.number: value.name for value in field.enum_type.values}
        said = dict(enumerate(inner.names, inner.first))
        return [] if said.items() <= known.items() else [f"{path}: {said}"]
    if field.message_type is not None:
        name = field.message_type.name
        fits = inner == WRAPPED.get(name) or (name == "FieldMask" and inner == google_shapes.TEXT)
        return [] if fits else [f"{path}: is a {name}"]
    return [] if TYPES.get(field.type) in SCALARS[inner] else [f"{path}: type {field.type}"]


@pytest.mark.parametrize(("module", "name", "shape"), SHAPES, ids=[one[1] for one in SHAPES])
def test_what_the_sandbox_takes_is_what_google_takes(module, name, shape):
    expected = ["SearchGoogleAdsRequest.pageSize: there is none"] if "Ads" in name else []
    found = differences(shape, descriptor(module, name), name)
    assert [one for one in found if one not in expected] == []


@pytest.mark.parametrize("field", sorted({f for some in google_gaql.FIELDS.values() for f in some}))
def test_every_field_of_a_query_exists(field):
    row = descriptor(f"{ADS}.google_ads_service", "GoogleAdsRow")
    here = row
    for part in field.split("."):
        fields = {one.json_name: one for one in here.fields}
        assert google_shapes.camel(part) in fields, field
        found = fields[google_shapes.camel(part)]
        here = found.message_type
    whole = found.type in (3, 4) and not found.is_repeated
    assert whole == (field in google_gaql.INT64), field
