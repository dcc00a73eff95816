"""Plain HTTP calls at the played Meta. Knows none of our connectors."""

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any

import requests

from connectors.sandbox.server import Running

TIMEOUT = 20
ACCOUNT = "act_700100200300"
WITHOUT_TERMS = "act_700100200301"
FOREIGN_AUDIENCE = "23840000000000001"
FOREIGN_RULE_SET = "84000000000000001"
AD_SET, BID_CAP, COST_CAP, ROAS = (str(12_020_000_000_000_001 + n) for n in range(4))
SHARING = ("12020000000000005", "12020000000000006")
"""Ad sets of a campaign that holds the budget."""
BOUNDS = "approximate_count_lower_bound,approximate_count_upper_bound"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def fields_of(text: str) -> list[str]:
    """Names at the top of a `fields` parameter: `a,b{c,d}` is a and b."""
    return re.sub(r"\{.*\}", "", text).split(",") if text else []


def rows(people: Iterable[int]) -> list[list[str]]:
    return [[digest(f"email {n}"), digest(f"phone {n}")] for n in people]


def payload(people: Iterable[int]) -> dict[str, Any]:
    return {"schema": ["EMAIL", "PHONE"], "data": rows(people)}


class Graph:
    """One method per thing to do; answers are raw responses unless the name says otherwise."""

    def __init__(self, sandbox: Running, version: str = "v26.0") -> None:
        self.base = f"{sandbox.url}/meta/{version}/"
        self.headers = {"Authorization": "Bearer sandbox-token"}

    def ask(self, method: str, path: str, **given: Any) -> requests.Response:
        headers = given.pop("headers", self.headers)
        return requests.request(method, self.base + path, headers=headers, timeout=TIMEOUT, **given)

    def get(self, path: str, **query: Any) -> Any:
        answer = self.ask("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, **body: Any) -> requests.Response:
        return self.ask("POST", path, json=body)

    def code(self, answer: requests.Response) -> tuple[int, int | None]:
        """Code and subcode of an error."""
        assert answer.status_code == 400, answer.text
        error = answer.json()["error"]
        assert error["fbtrace_id"]
        return error["code"], error.get("error_subcode")

    # Lists

    def created(self, account: str = ACCOUNT, **more: Any) -> str:
        answer = self.create(account, **more)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def create(self, account: str = ACCOUNT, **more: Any) -> requests.Response:
        wish = {
            "name": "buyers",
            "subtype": "CUSTOM",
            "customer_file_source": "USER_PROVIDED_ONLY",
            **more,
        }
        wish = {key: value for key, value in wish.items() if value is not None}
        return self.post(f"{account}/customaudiences", **wish)

    def users(self, number: str, people: Iterable[int], **more: Any) -> requests.Response:
        return self.post(f"{number}/users", payload=payload(people), **more)

    def replace(
        self, number: str, people: Iterable[int], session: int, sequence: int, *, last: bool
    ) -> requests.Response:
        ticket = {"session_id": session, "batch_seq": sequence, "last_batch_flag": last}
        return self.post(f"{number}/usersreplace", payload=payload(people), session=ticket)

    def status(self, number: str) -> int:
        return int(self.get(number, fields="operation_status")["operation_status"]["code"])

    def bounds(self, number: str) -> tuple[int, int]:
        read = self.get(number, fields=BOUNDS)
        low, high = BOUNDS.split(",")
        return read[low], read[high]

    def grow(self, seed: str, **spec: Any) -> requests.Response:
        wish = {"type": "custom_ratio", "ratio": 0.01, "country": "DE", **spec}
        wish = {key: value for key, value in wish.items() if value is not None}
        return self.post(
            f"{ACCOUNT}/customaudiences",
            name="like buyers",
            subtype="LOOKALIKE",
            origin_audience_id=seed,
            lookalike_spec=json.dumps(wish),
        )

    # Bids

    def rule_set(self, *rules: dict[str, Any], name: str = "segments") -> requests.Response:
        return self.post(f"{ACCOUNT}/value_rule_set", name=name, rules=list(rules))


def rule(label: str = "OTHER_1", sign: str = "DECREASE", value: Any = 30) -> dict[str, Any]:
    return {
        "name": f"{label} {sign}",
        "adjust_sign": sign,
        "adjust_value": value,
        "criterias": [criterion("AUDIENCE_LABEL", label)],
    }


def criterion(kind: str, *values: str, types: tuple[str, ...] = ("NONE",)) -> dict[str, Any]:
    return {
        "criteria_type": kind,
        "operator": "CONTAINS",
        "criteria_values": list(values),
        "criteria_value_types": list(types),
    }
