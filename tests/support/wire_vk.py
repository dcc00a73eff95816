"""VK Ads as `responses` plays it: each question exactly, and what is answered."""

import hashlib

import pytest
from responses import matchers

from audiences.model import AudienceRef
from config.audiences import Purpose
from config.platforms import Account
from connectors.registry import connect
from tests.support.members import batch_of
from tests.support.surroundings import surroundings

BASE = "https://ads.vk.com/api/"
LISTS = BASE + "v3/remarketing/users_lists.json"
SEGMENTS = BASE + "v2/remarketing/segments.json"
RELATIONS = BASE + "v2/remarketing/segments/481/relations.json"
GROUPS, PLANS = BASE + "v2/ad_groups.json", BASE + "v2/ad_plans.json"
LOOKALIKES = BASE + "v2/remarketing/lookalike_audiences.json"
THROTTLING = BASE + "v2/throttling.json"
AUTH = matchers.header_matcher({"Authorization": "Bearer secret-token"})
VIP = AudienceRef("vk", "vk", "vip", Purpose.RETARGETING, "adsteer: vip")
PHONES, EMAILS = "adsteer: vip [phones]", "adsteer: vip [emails]"
ROOM = {"v3": {"CREATE": {"limits": {"3600": 10}, "remaining": {"3600": 10}}}}


@pytest.fixture(autouse=True)
def md5_digests(monkeypatch):
    monkeypatch.setattr("tests.support.members.sha256", hashlib.md5)


@pytest.fixture
def connector(monkeypatch, clock):
    monkeypatch.setenv("SHOP_TOKEN", "secret-token")
    return connect(Account(name="vk", platform="vk", secrets="SHOP_"), surroundings(clock))


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


def phone(number):
    return md5(f"7000{number:07d}")


def email(number):
    return md5(f"person{number}@example.test")


def room(net, **limits):
    """The live limits of uploads; plenty unless said otherwise."""
    net.add("GET", THROTTLING, json={"REMARKETINGUSERSLIST": limits or ROOM}, match=[AUTH])


def found_segments(net, *items):
    query = {"_name": "adsteer: vip", "limit": 50, "offset": 0}
    match = [AUTH, matchers.query_param_matcher(query)]
    net.add("GET", SEGMENTS, json={"count": 1, "items": list(items)}, match=match)


def found_lists(net, name, *items):
    query = {"_q": name, "limit": 50, "offset": 0}
    match = [AUTH, matchers.query_param_matcher(query)]
    net.add("GET", LISTS, json={"items": list(items)}, match=match)


def form_is(lines, fields):
    """multipart/form-data of exactly these texts and this file, in this order, of stated length."""

    def match(request):
        body = request.body if isinstance(request.body, bytes) else b"".join(request.body)
        boundary = request.headers["Content-Type"].removeprefix("multipart/form-data; boundary=")
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
            for name, text in fields.items()
        ]
        content = "".join(f"{line}\n" for line in lines)
        file = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; '
            f'filename="contacts.txt"\r\nContent-Type: application/octet-stream\r\n\r\n'
            f"{content}\r\n--{boundary}--\r\n"
        )
        wanted = ("".join(parts) + file).encode()
        length = request.headers["Content-Length"]
        return body == wanted and length == str(len(wanted)), f"{length}: {body[:300]!r}"

    return match


def upload(net, lines, *, name=PHONES, kind="phones", base=None, waits=True, **answer):
    if waits:
        room(net)
    fields = {"name": name, "type": kind, **({"base": str(base)} if base else {})}
    answer = answer or {"json": {"id": 28612, "status": "receiving", "error": None}}
    net.add("POST", LISTS, match=[AUTH, form_is(lines, fields)], **answer)


def relations(net, *numbers, segment=481):
    items = [
        {"object_type": "remarketing_users_list", "id": 9000 + n, "object_id": n} for n in numbers
    ]
    url = RELATIONS.replace("481", str(segment))
    net.add("GET", url, json={"items": items}, match=[AUTH])


def list_of(kind, **more):
    number, name = {"phones": (28612, PHONES), "emails": (28613, EMAILS)}[kind]
    return {
        "id": number,
        "name": name,
        "type": kind,
        "status": "ready",
        "base": 0,
        "ids_count": 2000,
        "matched_ids_count": 1300,
        "history": [],
        **more,
    }


def one_list(net, kind="phones", **more):
    shown = list_of(kind, **more)
    url = f"{BASE}v3/remarketing/users_lists/{shown['id']}.json"
    net.add("GET", url, json=shown, match=[AUTH])


def both_lists(net, **more):
    relations(net, 28612, 28613)
    one_list(net, "phones", **more)
    one_list(net, "emails")


def refused(status, code="validation_failed", **fields):
    return {"status": status, "json": {"error": {"code": code, "message": "m", "fields": fields}}}


def segment_made(net, *sources, before=(), **answer):
    found_segments(net, *before)
    body = {
        "name": "adsteer: vip",
        "pass_condition": 1,
        "relations": [
            {
                "object_type": "remarketing_users_list",
                "params": {"source_id": one, "type": "positive"},
            }
            for one in sources
        ],
    }
    match = [AUTH, matchers.json_params_matcher(body)]
    net.add("POST", SEGMENTS, match=match, **(answer or {"json": {"id": 481, "name": "x"}}))


TWO_THOUSAND = range(1, 2001)


def phones_only(count=2000):
    people = [
        {"person_id": f"p{n}", "email": [], "phone": [phone(n)], "external_id": []}
        for n in range(1, count + 1)
    ]
    return batch_of(people)


def used_up(span, left=0, most=1):
    return {"CREATE": {"limits": {str(span): most}, "remaining": {str(span): left}}}


def as_texts(value):
    """The type table of the documents prints numbers as texts, their examples as numbers."""
    if isinstance(value, dict):
        return {name: as_texts(one) for name, one in value.items()}
    if isinstance(value, list):
        return [as_texts(one) for one in value]
    return str(value) if isinstance(value, int) else value


def flat(code):
    header = {"WWW-Authenticate": f'Bearer realm="api", error="{code}"'}
    return {"status": 401, "json": {"code": code, "message": "m"}, "headers": header}


# Statistics

STATISTICS = BASE + "v2/statistics/{}/day.json"
DOCUMENTED = {  # the documents' own sample, with figures
    "items": [
        {
            "id": 857683,
            "rows": [
                {
                    "date": "2026-09-01",
                    "base": {
                        "shows": 1200,
                        "clicks": "34",
                        "goals": 0,
                        "spent": "1234.56",
                        "cpm": "0",
                        "cpc": "0",
                        "cpa": "0",
                        "ctr": 0,
                        "cr": 0,
                        "vk": {"goals": 3, "cpa": 0, "cr": 0},
                    },
                    "romi": {"value": "7890.10", "romi": 0, "adv_cost_share": 0},
                }
            ],
            "total": {},
        }
    ],
    "total": {},
}


def groups(net, *items, by="_id__in", ids="857683"):
    query = {"fields": "id,ad_plan_id,targetings", by: ids, "limit": 50, "offset": 0}
    match = [AUTH, matchers.query_param_matcher(query)]
    net.add("GET", BASE + "v2/ad_groups.json", json={"items": list(items)}, match=match)


def asked_for(first, last, ids="857683"):
    query = {
        "id": ids,
        "date_from": first,
        "date_to": last,
        "metrics": "base,romi",
        "attribution": "conversion",
    }
    return [AUTH, matchers.query_param_matcher(query)]
