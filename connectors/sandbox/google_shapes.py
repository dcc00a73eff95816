"""The JSON that the played Google takes: names, types and choices of every message.

Canonical protobuf JSON: unknown names are refused, int64 come as text or number, and enums by name
or, as Google's own clients send them, by number.
Source: google-ads 34.0.0 (v26) and google-ads-datamanager 0.9.4 (v1), only what is played here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

TEXT, INT64, BOOL, DOUBLE, DURATION, TIME = "text", "int64", "bool", "double", "duration", "time"
ONE_OF = "one of"
"""Key of a message whose value lists groups of names that exclude each other."""

Shape = Any
"""A type above, a Choice, a message {name: shape}, or a list [shape]."""
Fault = tuple[str, str]
"""Where, and what is wrong there."""


@dataclass(frozen=True)
class Choice:
    """An enum: its names in the order of their numbers, which begin with `first`."""

    first: int
    names: tuple[str, ...]

    def name(self, value: Any) -> str | None:
        """The name of a value as it came, or None if there is none."""
        if isinstance(value, int) and not isinstance(value, bool):
            place = value - self.first
            return self.names[place] if 0 <= place < len(self.names) else None
        return value if value in self.names else None


def choice(first: int, *names: str) -> Choice:
    return Choice(first, names)


def named(body: Any, shape: Shape) -> Any:
    """A body that fits, with every enum by its name."""
    if isinstance(shape, dict):
        return {name: named(value, shape[name]) for name, value in body.items()}
    if isinstance(shape, list):
        return [named(item, shape[0]) for item in body]
    return shape.name(body) if isinstance(shape, Choice) else body


def faults(body: Any, shape: Shape, path: str = "") -> Iterator[Fault]:
    """What the parser finds wrong; nothing if the body fits."""
    if isinstance(shape, dict):
        yield from _message_faults(body, shape, path)
    elif isinstance(shape, list):
        if not isinstance(body, list):
            yield path, "is not a list"
            return
        for place, item in enumerate(body):
            yield from faults(item, shape[0], f"{path}[{place}]")
    elif isinstance(shape, Choice):
        if shape.name(body) is None:
            yield path, "is not a value of its enum"
    elif not _fits(body, shape):
        yield path, f"is not {shape}"


def _message_faults(body: Any, shape: dict[str, Shape], path: str) -> Iterator[Fault]:
    if not isinstance(body, dict):
        yield path, "is not an object"
        return
    for name, value in body.items():
        inner = f"{path}.{snake(name)}" if path else snake(name)
        if name not in shape or name == ONE_OF:
            yield inner, "Cannot find field."
        else:
            yield from faults(value, shape[name], inner)
    for group in shape.get(ONE_OF, ()):
        if len([name for name in group if name in body]) > 1:
            yield path, "oneof field is already set"


def _fits(value: Any, kind: str) -> bool:
    if kind == INT64:
        if isinstance(value, str):
            return re.fullmatch(r"-?\d{1,19}", value) is not None
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == BOOL:
        return isinstance(value, bool)
    if kind == DOUBLE:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if not isinstance(value, str):
        return False
    if kind == DURATION:
        return re.fullmatch(r"\d+(\.\d{1,9})?s", value) is not None
    return kind != TIME or moment(value) is not None


def moment(text: str) -> float | None:
    """Seconds since the epoch of an RFC 3339 time, or None."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.timestamp() if found.tzinfo else None


def snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda capital: "_" + capital[0].lower(), name)


def camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda after: after[1].upper(), name)


# Data Manager API v1

CONSENT_STATUS = choice(0, "CONSENT_STATUS_UNSPECIFIED", "CONSENT_GRANTED", "CONSENT_DENIED")
CONSENT = {"adUserData": CONSENT_STATUS, "adPersonalization": CONSENT_STATUS}
ACCOUNT_TYPE = choice(
    1,
    "GOOGLE_ADS",
    "DISPLAY_VIDEO_PARTNER",
    "DISPLAY_VIDEO_ADVERTISER",
    "DATA_PARTNER",
    "GOOGLE_ANALYTICS_PROPERTY",
    "GOOGLE_AD_MANAGER_AUDIENCE_LINK",
)
PRODUCT_ACCOUNT = {"accountType": ACCOUNT_TYPE, "accountId": TEXT}
DESTINATION = {
    "reference": TEXT,
    "operatingAccount": PRODUCT_ACCOUNT,
    "loginAccount": PRODUCT_ACCOUNT,
    "linkedAccount": PRODUCT_ACCOUNT,
    "productDestinationId": TEXT,
}
ADDRESS = {"givenName": TEXT, "familyName": TEXT, "regionCode": TEXT, "postalCode": TEXT}
IDENTIFIER = {
    "emailAddress": TEXT,
    "phoneNumber": TEXT,
    "address": ADDRESS,
    ONE_OF: [("emailAddress", "phoneNumber", "address")],
}
USER_DATA = {"userIdentifiers": [IDENTIFIER]}
IP = {"ipAddress": TEXT, "observeStartTime": TIME, "observeEndTime": TIME}
KINDS = ("compositeData", "userData", "mobileData", "userIdData")
MEMBER = {
    "destinationReferences": [TEXT],
    "compositeData": {"userData": USER_DATA, "ipData": [IP]},
    "userData": USER_DATA,
    "mobileData": {"mobileIds": [TEXT]},
    "userIdData": {"userId": TEXT},
    "consent": CONSENT,
    ONE_OF: [KINDS],
}
ENCODING = choice(0, "ENCODING_UNSPECIFIED", "HEX", "BASE64")
TERMS = choice(0, "TERMS_OF_SERVICE_STATUS_UNSPECIFIED", "ACCEPTED", "REJECTED")
REMOVE = {
    "destinations": [DESTINATION],
    "audienceMembers": [MEMBER],
    "encoding": ENCODING,
    "validateOnly": BOOL,
}
INGEST = {
    **REMOVE,
    "consent": CONSENT,
    "termsOfService": {"customerMatchTermsOfServiceStatus": TERMS},
}
REMOVE_ALL = {"destinations": [DESTINATION], "removeAsOfTime": TIME, "validateOnly": BOOL}

UPLOAD_KEY_TYPES = choice(1, "CONTACT_ID", "MOBILE_ID", "USER_ID", "PAIR_ID", "PSEUDONYMOUS_ID")
DATA_SOURCE = choice(
    1,
    "DATA_SOURCE_TYPE_FIRST_PARTY",
    "DATA_SOURCE_TYPE_THIRD_PARTY_CREDIT_BUREAU",
    "DATA_SOURCE_TYPE_THIRD_PARTY_VOTER_FILE",
    "DATA_SOURCE_TYPE_THIRD_PARTY_PARTNER_DATA",
)
USER_LIST = {
    "name": TEXT,
    "id": INT64,
    "displayName": TEXT,
    "description": TEXT,
    "integrationCode": TEXT,
    "membershipStatus": choice(1, "OPEN", "CLOSED"),
    "membershipDuration": DURATION,
    "accountAccessStatus": choice(1, "ENABLED", "DISABLED"),
    "ingestedUserListInfo": {
        "uploadKeyTypes": [UPLOAD_KEY_TYPES],
        "contactIdInfo": {"dataSourceType": DATA_SOURCE},
        "mobileIdInfo": {
            "dataSourceType": DATA_SOURCE,
            "keySpace": choice(1, "IOS", "ANDROID"),
            "appId": TEXT,
        },
        "userIdInfo": {"dataSourceType": DATA_SOURCE},
    },
}

# Google Ads API v26


def mutate(resource: Shape) -> Shape:
    """A mutate request of a resource."""
    operation = {
        "updateMask": TEXT,
        "create": resource,
        "update": resource,
        "remove": TEXT,
        ONE_OF: [("create", "update", "remove")],
    }
    return {"operations": [operation], "partialFailure": BOOL, "validateOnly": BOOL}


ADS_USER_LIST = {
    "resourceName": TEXT,
    "id": INT64,
    "name": TEXT,
    "description": TEXT,
    "integrationCode": TEXT,
    "membershipStatus": choice(2, "OPEN", "CLOSED"),
    "membershipLifeSpan": INT64,
    "crmBasedUserList": {
        "uploadKeyType": choice(2, "CONTACT_INFO", "CRM_ID", "MOBILE_ADVERTISING_ID"),
        "dataSourceType": choice(2, "FIRST_PARTY", "THIRD_PARTY_CREDIT_BUREAU"),
        "appId": TEXT,
    },
    "lookalikeUserList": {
        "seedUserListIds": [INT64],
        "expansionLevel": choice(2, "NARROW", "BALANCED", "BROAD"),
        "countryCodes": [TEXT],
    },
    ONE_OF: [("crmBasedUserList", "lookalikeUserList")],
}
CRITERION = {
    "resourceName": TEXT,
    "campaign": TEXT,
    "criterionId": INT64,
    "bidModifier": DOUBLE,
    "negative": BOOL,
    "userList": {"userList": TEXT},
}
GROUP_CRITERION = {
    **{name: shape for name, shape in CRITERION.items() if name != "campaign"},
    "adGroup": TEXT,
}
RESTRICTION = {
    "targetingDimension": choice(
        2, "KEYWORD", "AUDIENCE", "TOPIC", "GENDER", "AGE_RANGE", "PLACEMENT", "PARENTAL_STATUS"
    ),
    "bidOnly": BOOL,
}
TARGETED = {
    "resourceName": TEXT,
    "targetingSetting": {
        "targetRestrictions": [RESTRICTION],
        "targetRestrictionOperations": [
            {"operator": choice(2, "ADD", "REMOVE"), "value": RESTRICTION}
        ],
    },
}
RULE = {
    "resourceName": TEXT,
    "action": {"operation": choice(2, "ADD", "MULTIPLY", "SET"), "value": DOUBLE},
    "audienceCondition": {"userLists": [TEXT]},
    "status": choice(2, "ENABLED", "REMOVED", "PAUSED"),
}
RULE_SET = {
    "resourceName": TEXT,
    "conversionValueRules": [TEXT],
    "dimensions": [choice(2, "GEO_LOCATION", "DEVICE", "AUDIENCE")],
    "attachmentType": choice(2, "CUSTOMER", "CAMPAIGN"),
    "campaign": TEXT,
    "status": choice(2, "ENABLED", "REMOVED", "PAUSED"),
}
MUTATES = {
    "userLists": mutate(ADS_USER_LIST),
    "campaignCriteria": mutate(CRITERION),
    "adGroupCriteria": mutate(GROUP_CRITERION),
    "campaigns": mutate(TARGETED),
    "adGroups": mutate(TARGETED),
    "conversionValueRules": mutate(RULE),
    "conversionValueRuleSets": mutate(RULE_SET),
}
SEARCH = {"query": TEXT, "pageToken": TEXT, "validateOnly": BOOL, "pageSize": INT64}
SEARCH_STREAM = {"query": TEXT}

PERSON = {
    "userIdentifiers": [
        {
            "hashedEmail": TEXT,
            "hashedPhoneNumber": TEXT,
            "mobileId": TEXT,
            "thirdPartyUserId": TEXT,
            "addressInfo": {
                "hashedFirstName": TEXT,
                "hashedLastName": TEXT,
                "countryCode": TEXT,
                "postalCode": TEXT,
            },
            ONE_OF: [
                (
                    "hashedEmail",
                    "hashedPhoneNumber",
                    "mobileId",
                    "thirdPartyUserId",
                    "addressInfo",
                )
            ],
        }
    ],
    "consent": {
        "adUserData": choice(2, "GRANTED", "DENIED"),
        "adPersonalization": choice(2, "GRANTED", "DENIED"),
    },
}
OF_LIST = {"userList": TEXT, "consent": PERSON["consent"]}
OPERATION = {
    "create": PERSON,
    "remove": PERSON,
    "removeAll": BOOL,
    ONE_OF: [("create", "remove", "removeAll")],
}
CREATE_JOB = {
    "job": {
        "type": choice(4, "CUSTOMER_MATCH_USER_LIST"),
        "externalId": INT64,
        "customerMatchUserListMetadata": OF_LIST,
    },
    "enableMatchRateRangePreview": BOOL,
    "validateOnly": BOOL,
}
ADD_OPERATIONS = {
    "operations": [OPERATION],
    "enablePartialFailure": BOOL,
    "enableWarnings": BOOL,
    "validateOnly": BOOL,
}
RUN = {"validateOnly": BOOL}
UPLOAD = {
    "operations": [{"create": PERSON, "remove": PERSON, ONE_OF: [("create", "remove")]}],
    "customerMatchUserListMetadata": OF_LIST,
}
