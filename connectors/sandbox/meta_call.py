"""What every played edge of Meta's Marketing API shares: errors, parameters, fields, pages, usage.

Source: Marketing API documentation and the machine-readable specifications of its SDK, 2025-2026.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NoReturn

from connectors.sandbox.frame import Refused
from connectors.sandbox.store import Document, Store
from connectors.sandbox.world import World

NAME = "meta"
HOUR = 3600.0
PAGE = 25
"""Rows of an edge where `limit` is not given."""

# UNVERIFIED choices
NO_SUCH_OBJECT = 33
UNKNOWN_PATH = 2500
MOST_PER_PAGE = 5000

TIERS = {"development_access": (60, 300.0), "standard_access": (9000, 60.0)}
"""Score an account may have, and seconds it is blocked for afterwards."""
SCORE_DECAY = 300.0
READ_POINTS, WRITE_POINTS = 1, 3
HOURLY: dict[str, tuple[int, dict[str, int], int]] = {
    "custom_audience": (80003, {"development_access": 5_000, "standard_access": 190_000}, 40),
    "ads_management": (80004, {"development_access": 300, "standard_access": 100_000}, 40),
    "ads_insights": (80000, {"development_access": 600, "standard_access": 190_000}, 400),
}
"""Code of the refusal, calls per hour by tier, and more of them per object in use."""
MUTATIONS_PER_SECOND = 100


def refusal(
    code: int, message: str, *, subcode: int | None = None, status: int = 400, **more: Any
) -> Refused:
    """An error as Graph words it; `is_transient` False unless given."""
    error: Document = {
        "message": f"(#{code}) {message}",
        "type": "OAuthException" if code in (190, 200) else "FacebookApiException",
        "code": code,
        "is_transient": False,
        "fbtrace_id": "AsandboxTrace",
        **more,
    }
    if subcode is not None:
        error["error_subcode"] = subcode
    return Refused(status, {"error": error})


def refuse(code: int, message: str, subcode: int | None = None) -> NoReturn:
    raise refusal(code, message, subcode=subcode)


def stamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


@dataclass
class Call:
    """One authorised request: `params` are those of query, form and JSON body together."""

    world: World
    login: str
    params: Document
    fault: str = ""
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.store = self.world.store(NAME)

    @property
    def now(self) -> float:
        return self.world.now()

    def account(self, number: str) -> Document:
        """The ad account of a path segment such as act_123."""
        digits = number.removeprefix("act_")
        found = self.store.get("account", int(digits)) if digits.isdigit() else None
        if found is None or found["login"] != self.login:
            refuse(100, f"Object {number} does not exist or cannot be loaded.", NO_SUCH_OBJECT)
        return found

    def find(self, kind: str, number: Any) -> Document:
        """An object of an account of ours by id."""
        text = str(number)
        found = self.store.get(kind, int(text)) if text.isdigit() else None
        if found is None or self.account(found["account"]) is None:
            refuse(100, f"Object {text} does not exist or cannot be loaded.", NO_SUCH_OBJECT)
        return found

    def all(self, kind: str, account: Document) -> list[Document]:
        return [one for one in self.store.all(kind) if one["account"] == account["id"]]

    # Parameters

    def value(
        self, name: str, form: type | tuple[type, ...], what: str, default: Any = None
    ) -> Any:
        """A parameter of one of these types; `default` where it is not given."""
        found = self.params.get(name)
        if found is None:
            return default
        wrong_bool = isinstance(found, bool) and form is not bool
        if wrong_bool or not isinstance(found, form):
            refuse(100, f"Param {name} must be {what}")
        return found

    def required(self, name: str, form: type | tuple[type, ...], what: str) -> Any:
        found = self.value(name, form, what)
        if found is None or found == "":
            refuse(100, f"The parameter {name} is required")
        return found

    def one_of(self, name: str, known: Iterable[str], default: str | None = None) -> str | None:
        found = self.params.get(name, default)
        known = tuple(known)
        if found is not None and found not in known:
            refuse(100, f"Param {name} must be one of {{{', '.join(known)}}}")
        return None if found is None else str(found)

    # Answers

    def shown(self, found: Mapping[str, Any], known: Iterable[str]) -> Document:
        """The asked `fields`; only `id` where none are asked."""
        asked = fields_of(self.params.get("fields"))
        known = set(known)
        for name in asked:
            if name not in known:
                refuse(100, f"Tried accessing nonexisting field ({name})")
        return {name: found[name] for name in ["id", *asked] if found.get(name) is not None}

    def page(self, rows: list[Document]) -> Document:
        """A page of an edge with its cursors."""
        limit = int(self.value("limit", (int, str), "a number", PAGE))
        if not 1 <= limit <= MOST_PER_PAGE:
            refuse(100, "Param limit is out of range")
        after = str(self.params.get("after") or "0")
        if not after.isdigit():
            refuse(100, "Invalid cursors values were provided")
        first = int(after)
        part = rows[first : first + limit]
        answer: Document = {"data": part}
        if part:
            last = first + len(part)
            answer["paging"] = {"cursors": {"before": str(first), "after": str(last)}}
            if last < len(rows):
                answer["paging"]["next"] = f"https://graph.facebook.com/next?after={last}"
        return answer


def fields_of(given: Any) -> list[str]:
    """Names of the asked fields: `a,b{c,d}` is a and b."""
    text = ",".join(map(str, given)) if isinstance(given, list) else str(given or "")
    names, depth, name = [], 0, ""
    for letter in [*text, ","]:
        if letter == "," and depth == 0:
            names.append(name.strip())
            name = ""
            continue
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if depth == 0 and letter != "}":
            name += letter
    return [name for name in names if name]


def decoded(given: Mapping[str, Any]) -> Document:
    """Parameters of a query or form: nested values and numbers are JSON text."""
    found: Document = {}
    for name, value in given.items():
        text = str(value)
        is_json = text[:1] in ("{", "[") or text in ("true", "false")
        whole = text.isdigit() and name not in ("after", "name", "access_token")
        try:
            found[name] = json.loads(text) if is_json or whole else text
        except ValueError:
            found[name] = text
    return found


# How much is asked


@dataclass(frozen=True)
class Usage:
    """Per cent of what an account may ask, for the headers."""

    group: str
    called: float
    score: float
    minutes: int
    tier: str

    def headers(self, account: str) -> dict[str, str]:
        use = {
            "type": self.group,
            "call_count": int(self.called),
            "total_cputime": int(self.called / 2),
            "total_time": int(self.called / 2),
            "estimated_time_to_regain_access": self.minutes,
            "ads_api_access_tier": self.tier,
        }
        account_use = {
            "acc_id_util_pct": round(self.score, 2),
            "reset_time_duration": int(SCORE_DECAY) if self.score >= 100 else 0,
            "ads_api_access_tier": self.tier,
        }
        throttle = {"app_id_util_pct": round(self.called, 2), "acc_id_util_pct": self.called}
        app = {"call_count": int(self.called), "total_time": 0, "total_cputime": 0}
        return {
            "X-Business-Use-Case-Usage": json.dumps({account: [use]}),
            "X-Ad-Account-Usage": json.dumps(account_use),
            "X-FB-Ads-Insights-Throttle": json.dumps(throttle),
            "X-App-Usage": json.dumps(app),
        }


def count(call: Call, account: Document, group: str, *, write: bool) -> Usage:
    """Count a request against score and hourly quota; `minutes` above zero is a refusal."""
    store, now = call.store, call.now
    tier = str(account["tier"])
    most, _ = TIERS[tier]
    _, hourly, each = HOURLY[group]
    objects = len(call.all("audience" if group == "custom_audience" else "adset", account))
    allowed = min(hourly[tier] + each * objects, 700_000)
    names = (f"score {account['id']}", f"{group} {account['id']}")
    store.mark(names[0], at=now, weight=WRITE_POINTS if write else READ_POINTS, keep=SCORE_DECAY)
    store.mark(names[1], at=now, keep=HOUR)
    store.mark(f"mutations {account['id']}", at=now, weight=int(write), keep=1)
    called = store.marked(names[1], since=now - HOUR)
    score = store.marked(names[0], since=now - SCORE_DECAY)
    minutes = 60 if called > allowed else 0
    return Usage(group, 100 * called / allowed, 100 * score / most, minutes, tier)


def refuse_if_over(call: Call, account: Document, usage: Usage) -> None:
    """Raise the refusal that an account's usage asks for; a blocked account stays blocked."""
    store, now, number = call.store, call.now, int(account["id"])
    if usage.minutes:
        refuse(HOURLY[usage.group][0], "There have been too many calls to this ad-account.")
    if store.marked(f"mutations {number}", since=now - 1) > MUTATIONS_PER_SECOND:
        refuse(613, "Calls to this api have exceeded the rate limit.", 5044001)
    if usage.score > 100:
        store.put("block", number, {"until": now + TIERS[usage.tier][1]})
    block = store.get("block", number)
    if block is not None and now < block["until"]:
        refuse(17, "User request limit reached", 2446079)


Act = Callable[[Call, str], Document]
"""An edge or object: from the call and the object's id to its answer."""
