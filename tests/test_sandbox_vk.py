"""The played VK Ads against its documented contract, rule by rule, over plain HTTP."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from connectors.sandbox import vk_call, vk_files, vk_lookalikes, vk_segments
from connectors.sandbox.server import Running, run_in_thread
from connectors.sandbox.world import Settings

HOURS_2 = 7200
DAY = 86_400
LISTS = "v3/remarketing/users_lists.json"
SEGMENTS = "v2/remarketing/segments.json"
LOOKALIKES = "v2/remarketing/lookalike_audiences.json"
GROUP, GOALS_GROUP, FOREIGN_GROUP = 500101, 500102, 500100
FOREIGN_LIST, STRANGERS_LIST, FOREIGN_SEGMENT = 27001, 27002, 2400
CLIENT = {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}


def md5(text: object) -> str:
    return hashlib.md5(str(text).encode()).hexdigest()


def lines(first: int, count: int) -> str:
    return "".join(f"{md5(number)}\n" for number in range(first, first + count))


@dataclass
class Vk:
    """Plain requests with a token."""

    running: Running
    token: str = "sandbox-token"

    def ask(self, method: str, path: str, **more: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        url = f"{self.running.url}/vk/api/{path}"
        return requests.request(method, url, headers=headers, timeout=20, **more)

    def upload(self, content: str, *, path: str = LISTS, **form: Any) -> requests.Response:
        given = {"name": "people", "type": "phones", **form}
        data = {name: value for name, value in given.items() if value is not None}
        return self.ask("POST", path, files={"file": ("a.txt", content)}, data=data)

    def made(self, count: int = 2000, **form: Any) -> int:
        answer = self.upload(lines(0, count), **form)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["id"])

    def ready(self, **form: Any) -> int:
        number = self.made(**form)
        self.running.world.move_clock(HOURS_2)
        return number

    def list(self, number: int) -> dict[str, Any]:
        return dict(self.ask("GET", f"v3/remarketing/users_lists/{number}.json").json())

    def segment(self, *sources: dict[str, Any], condition: Any = 1, name: str = "s") -> Any:
        body = {"name": name, "pass_condition": condition, "relations": list(sources)}
        return self.ask("POST", SEGMENTS, json=body)

    def oauth(self, path: str = "token", **form: str) -> requests.Response:
        url = f"{self.running.url}/vk/api/v2/oauth2/{path}.json"
        return requests.post(url, data=form, timeout=20)

    def group(self, number: int) -> dict[str, Any]:
        fields = "id,max_price,budget_limit_day,targetings,issues,delivery,status"
        answer = self.ask("GET", f"v2/ad_groups.json?fields={fields}&_id={number}")
        return dict(answer.json()["items"][0])


def of_list(number: int, kind: str = "positive") -> dict[str, Any]:
    params = {"source_id": number, "type": kind}
    return {"object_type": "remarketing_users_list", "params": params}


def codes(answer: requests.Response) -> tuple[int, set[str]]:
    """Status, and the codes of all fields, or the code of the whole."""
    error = answer.json()["error"]
    found = set()
    for said in error.get("fields", {}).values():
        found |= {one["code"] for one in (said if isinstance(said, list) else [said])}
    return answer.status_code, found or {error["code"]}


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with run_in_thread(settings=Settings(quotas=False)) as running:
        yield running


@pytest.fixture
def vk(server: Running) -> Vk:
    requests.post(f"{server.url}/_sandbox/reset", timeout=20).raise_for_status()
    requests.delete(f"{server.url}/_sandbox/faults", timeout=20).raise_for_status()
    server.world.change(quotas=False, matched_share=0.7)
    return Vk(server)


def held(vk: Vk, number: int) -> set[str]:
    state = requests.get(f"{vk.running.url}/_sandbox/state", timeout=20).json()
    lists = state["platforms"]["vk"]["lists"]
    return set(next(one for one in lists if one["id"] == number)["members"])


# 1. Tokens


def test_rule_1_a_token_is_asked_for_with_a_form(vk: Vk) -> None:
    url = f"{vk.running.url}/vk/api/v2/oauth2/token.json"
    wish = {"grant_type": "client_credentials", **CLIENT}
    assert requests.post(url, json=wish, timeout=20).status_code == 400
    answer = requests.post(url, data=wish, timeout=20).json()
    assert answer["expires_in"] == "86400"
    vk.token = answer["access_token"]
    assert vk.ask("GET", SEGMENTS).status_code == 200


def test_rule_1_a_wrong_secret_is_an_invalid_client(vk: Vk) -> None:
    answer = vk.oauth(**CLIENT | {"client_secret": "x"}, grant_type="client_credentials")
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_client")
    assert 'error="invalid_client"' in answer.headers["WWW-Authenticate"]


def test_rule_1_the_sixth_token_is_refused_until_they_are_deleted(vk: Vk) -> None:
    wish = {"grant_type": "client_credentials", **CLIENT}
    given = [vk.oauth(**wish) for _ in range(5)]
    assert [one.status_code for one in given] == [200, 200, 200, 200, 403]
    assert vk.oauth("token/delete", **CLIENT).status_code == 204
    assert vk.ask("GET", SEGMENTS).status_code == 401
    vk.token = vk.oauth(**wish).json()["access_token"]
    assert vk.ask("GET", SEGMENTS).status_code == 200


def test_rule_1_an_agency_asks_for_its_clients_token(vk: Vk) -> None:
    wish = {"grant_type": "agency_client_credentials", **CLIENT}
    assert vk.oauth(**wish, agency_client_name="nobody").json()["code"] == "invalid_user"
    answer = vk.oauth(**wish, agency_client_name="client-of-agency")
    vk.token = answer.json()["access_token"]
    assert vk.ask("GET", SEGMENTS).json()["items"] == []


def test_rule_1_a_client_of_an_agency_has_an_id_as_well(vk: Vk) -> None:
    wish = {"grant_type": "agency_client_credentials", **CLIENT}
    assert vk.oauth(**wish, agency_client_id="404").json()["code"] == "invalid_user"
    given = [vk.oauth(**wish, agency_client_id="2") for _ in range(6)]
    assert [one.status_code for one in given] == [200] * 5 + [403]
    assert vk.oauth("token/delete", **CLIENT, user_id="404").status_code == 401
    assert vk.oauth("token/delete", **CLIENT, user_id="2").status_code == 204
    vk.token = given[0].json()["access_token"]
    assert vk.ask("GET", SEGMENTS).json()["code"] == "invalid_token"
    assert vk.oauth(**wish, agency_client_name="client-of-agency").status_code == 200


def test_rule_1_refreshing_kills_the_old_token_and_keeps_the_refresh_token(vk: Vk) -> None:
    first = vk.oauth(grant_type="client_credentials", **CLIENT).json()
    wish = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"], **CLIENT}
    second = vk.oauth(**wish).json()
    assert second["refresh_token"] == first["refresh_token"]
    vk.token = first["access_token"]
    assert vk.ask("GET", SEGMENTS).json()["code"] == "invalid_token"
    vk.token = second["access_token"]
    assert vk.ask("GET", SEGMENTS).status_code == 200


def test_rule_1_a_token_lives_a_day_and_dies_after_an_idle_month(vk: Vk) -> None:
    given = vk.oauth(grant_type="client_credentials", **CLIENT).json()
    vk.token = given["access_token"]
    vk.running.world.move_clock(DAY - 60)
    assert vk.ask("GET", SEGMENTS).status_code == 200
    vk.running.world.move_clock(120)
    assert vk.ask("GET", SEGMENTS).json()["code"] == "expired_token"
    vk.running.world.move_clock(31 * DAY)
    wish = {"grant_type": "refresh_token", "refresh_token": given["refresh_token"], **CLIENT}
    assert vk.oauth(**wish).json()["code"] == "invalid_token"


def test_rule_1_a_code_gives_a_token_with_a_number_of_seconds_once(vk: Vk) -> None:
    world = vk.running.world
    code = {"number": 1, "code": "abc", "login": "shop", "made_at": world.now()}
    world.store("vk").put("code", 1, code)
    wish = {"grant_type": "authorization_code", "code": "abc", "client_id": "sandbox-client"}
    user = {"id": 1, "username": "shop", "types": ["advertiser"]}
    assert vk.oauth("code_info", code="abc", **CLIENT).json() == {"user": user}
    answer = vk.oauth(**wish).json()
    assert (answer["expires_in"], answer["scope"][0]) == (86400, "read_ads")
    assert vk.oauth(**wish).status_code == 401
    assert vk.oauth("code_info", code="abc", **CLIENT).status_code == 401


def test_rule_1_a_code_lives_an_hour(vk: Vk) -> None:
    world = vk.running.world
    code = {"number": 1, "code": "abc", "login": "shop", "made_at": world.now() - 3601}
    world.store("vk").put("code", 1, code)
    wish = {"grant_type": "authorization_code", "code": "abc", "client_id": "sandbox-client"}
    assert vk.oauth(**wish).status_code == 401


# 2. Refused tokens


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("expired-token", "expired_token"),
        ("revoked-token", "revoked_token"),
        ("never-heard-of", "invalid_token"),
    ],
)
def test_rule_2_a_refused_token_has_a_flat_body_and_a_header(vk: Vk, token: str, code: str) -> None:
    vk.token = token
    answer = vk.ask("GET", SEGMENTS)
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert set(answer.json()) == {"code", "message"}
    assert answer.headers["WWW-Authenticate"] == f'Bearer realm="api", error="{code}"'


# 3. Uploads


@pytest.mark.parametrize("missing", ["name", "type"])
def test_rule_3_an_upload_needs_its_fields(vk: Vk, missing: str) -> None:
    assert codes(vk.upload(lines(0, 2000), **{missing: None})) == (400, {"required"})


def test_rule_3_an_upload_needs_a_part_named_file(vk: Vk) -> None:
    form = {"name": "people", "type": "phones"}
    answer = vk.ask("POST", LISTS, files={"data": ("a", lines(0, 2000))}, data=form)
    assert codes(answer) == (400, {"required"})


def test_rule_3_the_type_must_be_known(vk: Vk) -> None:
    assert codes(vk.upload(lines(0, 2000), type="passports")) == (400, {"unallowed_value"})


def test_rule_3_a_list_has_2000_to_5000000_lines(vk: Vk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert codes(vk.upload(lines(0, 1999))) == (400, {"not_enough_ids"})
    assert vk.upload(lines(0, 2000)).status_code == 200
    monkeypatch.setattr(vk_files, "MOST", 2500)
    assert codes(vk.upload(lines(0, 2501))) == (400, {"too_many_ids"})


def test_rule_3_a_file_has_128_megabytes(vk: Vk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vk_files, "MAX_BYTES", 1000)
    assert vk.upload(lines(0, 2000)).status_code == 413


def test_rule_3_a_difference_has_25_lines(vk: Vk) -> None:
    base = vk.ready()
    assert codes(vk.upload(lines(0, 24), base=base)) == (400, {"not_enough_ids"})
    answer = vk.upload(lines(2000, 25), base=base).json()
    assert (answer["base"], answer["status"], answer["error"]) == (base, "receiving", None)
    assert answer["id"] != base


def test_rule_3_the_base_must_be_a_list_of_ours_and_of_the_same_type(vk: Vk) -> None:
    base = vk.ready()
    diff = vk.upload(lines(2000, 25), base=base).json()["id"]
    vk.running.world.move_clock(HOURS_2)
    some = lines(5000, 25)
    assert codes(vk.upload(some, base=999)) == (400, {"not_found"})
    assert codes(vk.upload(some, base=diff)) == (400, {"unallowed_value"})
    assert codes(vk.upload(some, base=base, type="emails")) == (400, {"type_mismatch"})
    answer = vk.upload(some, base=STRANGERS_LIST, type="emails")
    assert codes(answer) == (403, {"access_denied"})


def test_rule_3_values_are_unique(vk: Vk) -> None:
    answer = vk.upload(lines(0, 2000) + lines(0, 1))
    assert answer.json()["error"][0]["error_code"] == "duplicated_user_id"
    assert answer.json()["entries_count"] == 2000


@pytest.mark.parametrize(
    ("kind", "line", "code"),
    [
        ("phones", md5("x") + md5("y"), "invalid_md5"),
        ("emails", md5("x") + md5("y"), "invalid_md5"),
        ("emails", "no-address", "invalid_email"),
        ("phones", "8 (999) 1", "invalid_phone"),
        ("vk", "id623275", "invalid_uint"),
        ("mac", "zz", "invalid_mac"),
    ],
)
def test_rule_3_every_line_is_judged(vk: Vk, kind: str, line: str, code: str) -> None:
    good = "".join(f"{n + 10**10}\n" for n in range(2000)) if kind == "vk" else lines(0, 2000)
    if kind == "mac":
        good = "".join(f"{n:012x}\n" for n in range(2000))
    answer = vk.upload(f"{line}\n{good}", type=kind)
    assert answer.json()["error"] == [{"line_number": 1, "line": line, "error_code": code}]


def test_rule_3_a_file_of_sha256_is_refused_whole(vk: Vk) -> None:
    content = "".join(f"{hashlib.sha256(str(n).encode()).hexdigest()}\n" for n in range(2000))
    assert codes(vk.upload(content)) == (400, {"invalid_md5"})


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("phone,city\n1,2\n", "invalid_csv_header"),
        ("id,client_user_id\n1\n", "csv_line_column_index_error"),
        ("id,client_user_id\n,7\n", "empty_user_id_with_non_empty_client_user_id"),
        ("id,date_time\n,2026-09-01 00:00:00\n", "empty_user_id_with_non_empty_date_time"),
        ("id,date_time\n79990000001,yesterday\n", "invalid_date_time"),
    ],
)
def test_rule_3_a_csv_has_an_id(vk: Vk, content: str, code: str) -> None:
    assert codes(vk.upload(content)) == (400, {code})


def test_rule_3_plain_values_are_hashed_by_the_platform(vk: Vk) -> None:
    plain = [f"7999{n:07d}" for n in range(2000)]
    number = int(vk.upload("\n".join(plain)).json()["id"])
    assert held(vk, number) == {md5(one) for one in plain}


# 4. and 5. Partial success, the ladder, what changes


def test_rule_4_partial_success_is_a_200_with_faults_beside_the_id(vk: Vk) -> None:
    answer = vk.upload(lines(0, 2000) + "rubbish\n")
    assert answer.status_code == 200
    fault = {"line_number": 2001, "line": "rubbish", "error_code": "invalid_phone"}
    assert answer.json()["error"] == [fault]
    assert held(vk, answer.json()["id"]) == {md5(n) for n in range(2000)}


def test_rule_5_a_list_climbs_its_ladder_by_the_clock(vk: Vk) -> None:
    number = vk.made()
    seen = [vk.list(number)["status"]]
    for _ in range(5):
        vk.running.world.move_clock(HOURS_2 / 5)
        seen.append(vk.list(number)["status"])
    assert seen == ["receiving", "received", "mapping", "mapped", "writing", "ready"]


def test_rule_5_matched_people_are_told_once_it_is_mapped(vk: Vk) -> None:
    number = vk.made()
    assert vk.list(number)["matched_ids_count"] == 0
    vk.running.world.move_clock(HOURS_2)
    first = vk.list(number)["matched_ids_count"]
    assert 1200 < first < 1600
    assert vk.list(vk.ready(name="the same people"))["matched_ids_count"] == first


def test_rule_5_differences_change_the_base_and_show_in_its_history(vk: Vk) -> None:
    base = vk.ready()
    vk.upload(lines(2000, 30), base=base)
    vk.running.world.move_clock(HOURS_2)
    vk.upload(lines(0, 25), base=-base)
    vk.running.world.move_clock(HOURS_2)
    assert held(vk, base) == {md5(n) for n in range(25, 2030)}
    history = vk.list(base)["history"]
    assert [(one["diff"], one["status"]) for one in history] == [(30, "ready"), (-25, "ready")]
    assert vk.list(base)["has_history"]


def test_rule_5_a_base_that_is_worked_on_takes_no_difference(vk: Vk) -> None:
    base = vk.made()
    assert codes(vk.upload(lines(2000, 30), base=base)) == (400, {"status_not_receiving"})
    vk.running.world.move_clock(HOURS_2)
    assert vk.upload(lines(2000, 30), base=base).status_code == 200
    assert codes(vk.upload(lines(3000, 30), base=base)) == (400, {"status_not_receiving"})


def test_rule_5_new_lists_over_v2_are_refused(vk: Vk) -> None:
    vk.running.world.change(quotas=True)
    answer = vk.upload(lines(0, 2000), path="v2/remarketing/users_lists.json")
    assert answer.status_code == 429


def test_rule_5_where_v2_is_let_in_its_fields_are_json(vk: Vk) -> None:
    path = "v2/remarketing/users_lists.json"
    assert codes(vk.upload(lines(0, 2000), path=path)) == (400, {"required"})
    assert codes(vk.upload(lines(0, 2000), path=path, data="{")) == (400, {"invalid_json"})
    data = json.dumps({"name": "older", "type": "phones"})
    answer = vk.upload(lines(0, 2000), path=path, name=None, type=None, data=data)
    assert (answer.status_code, answer.json()["status"]) == (201, "loading")
    assert vk.list(answer.json()["id"])["name"] == "older"


def test_rule_5_lists_are_found_by_a_part_of_their_name(vk: Vk) -> None:
    number = vk.made(name="adsteer: vip")
    vk.made(name="another")
    found = vk.ask("GET", f"{LISTS}?_q=STEER").json()["items"]
    assert [one["id"] for one in found] == [number]


def test_lists_that_nothing_used_for_60_days_are_deleted(vk: Vk) -> None:
    """A rule of the help pages: an ad group or a difference keeps a list alive."""
    idle, changed, targeted = vk.ready(), vk.ready(), vk.ready()
    segment = vk.segment(of_list(targeted)).json()["id"]
    update(vk, GROUP, targetings={"segments": [segment]}).raise_for_status()
    vk.running.world.move_clock(59 * DAY)
    vk.upload(lines(5000, 25), base=changed).raise_for_status()
    vk.running.world.move_clock(2 * DAY)
    seen = [vk.list(number)["status"] for number in (idle, changed, targeted)]
    assert seen == ["deleted_to_notify", "ready", "ready"]
    assert codes(vk.upload(lines(5000, 25), base=idle)) == (400, {"not_found"})


def test_rule_5_a_list_tells_what_the_documents_say(vk: Vk) -> None:
    number = vk.ready()
    vk.upload(lines(5000, 25), base=number).raise_for_status()
    shown = vk.list(number)
    assert set(shown) == {
        *("id", "name", "type", "status", "base", "created", "updated"),
        *("entries_count", "ids_count", "matched_ids_count", "has_history", "history"),
        *("users", "users_count", "can_create_portrait"),
    }
    assert set(shown["history"][0]) == {"created", "diff", "status"}
    assert (shown["base"], shown["has_history"]) == (0, True)


# 6. Renaming and deleting


def test_rule_6_a_list_in_a_segment_is_not_deleted(vk: Vk) -> None:
    number = vk.ready()
    path = f"v3/remarketing/users_lists/{number}.json"
    segment = vk.segment(of_list(number)).json()["id"]
    assert vk.ask("DELETE", path).status_code == 409
    assert vk.ask("DELETE", f"v2/remarketing/segments/{segment}.json").status_code == 204
    assert vk.ask("DELETE", path).status_code == 204
    answer = vk.ask("DELETE", path)
    assert codes(answer) == (404, {"not_found"})
    assert answer.json()["error"]["resource"] == "RemarketingUsersList"


def test_rule_6_a_list_is_renamed(vk: Vk) -> None:
    number = vk.made()
    answer = vk.ask("POST", f"v3/remarketing/users_lists/{number}.json", json={"name": "new"})
    assert (answer.status_code, answer.text) == (204, "")
    assert vk.list(number)["name"] == "new"


# 7. Segments


@pytest.mark.parametrize("condition", [0, 2, "many", None])
def test_rule_7_the_condition_is_1_to_the_number_of_relations(vk: Vk, condition: Any) -> None:
    answer = vk.segment(of_list(FOREIGN_LIST), condition=condition)
    assert codes(answer) == (400, {"invalid_condition"})


def test_rule_7_the_source_must_be_known_and_ours(vk: Vk) -> None:
    for number in (999, STRANGERS_LIST):
        assert codes(vk.segment(of_list(number))) == (400, {"unknown_source"})
    counter = {"object_type": "remarketing_counter", "params": {"source_id": 5}}
    assert codes(vk.segment(counter)) == (400, {"unknown_source"})


def test_rule_7_a_relation_is_there_once(vk: Vk) -> None:
    twice = [of_list(FOREIGN_LIST), of_list(FOREIGN_LIST)]
    assert codes(vk.segment(*twice)) == (400, {"relation_exists"})


def test_rule_7_segments_do_not_contain_themselves(vk: Vk) -> None:
    inner = vk.segment(of_list(FOREIGN_LIST)).json()["id"]
    outer = vk.segment({"object_type": "segment", "object_id": inner}).json()["id"]
    wish = {"items": [{"object_type": "segment", "object_id": outer}]}
    answer = vk.ask("POST", f"v2/remarketing/segments/{inner}/relations.json", json=wish)
    assert codes(answer) == (400, {"cycle"})
    assert vk.ask("DELETE", f"v2/remarketing/segments/{inner}.json").status_code == 409


def test_rule_7_there_are_so_many_segments(vk: Vk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vk_segments, "MOST_SEGMENTS", 2)
    assert vk.segment(of_list(FOREIGN_LIST)).status_code == 200
    assert codes(vk.segment(of_list(FOREIGN_LIST))) == (400, {"segment_limit_exceeded"})


def test_rule_7_or_and_and_not(vk: Vk) -> None:
    """Lists of 0-1999 and 1000-2999: in any, in both, in the first only."""
    one = vk.made()
    two = int(vk.upload(lines(1000, 2000)).json()["id"])
    either = vk.segment(of_list(one), of_list(two)).json()["id"]
    both = vk.segment(of_list(one), of_list(two), condition=2).json()["id"]
    only = vk.segment(of_list(one), of_list(two, "negative"), condition=2).json()["id"]
    assert held(vk, either) == {md5(n) for n in range(3000)}
    assert held(vk, both) == {md5(n) for n in range(1000, 2000)}
    assert held(vk, only) == {md5(n) for n in range(1000)}


def test_rule_7_relations_are_read_added_and_dropped(vk: Vk) -> None:
    segment = vk.segment(of_list(FOREIGN_LIST)).json()["id"]
    path = f"v2/remarketing/segments/{segment}/relations.json"
    vk.ask("POST", path, json={"items": [of_list(vk.made())]}).raise_for_status()
    items = vk.ask("GET", path).json()["items"]
    assert [set(one) for one in items] == [{"object_type", "id", "object_id"}] * 2
    places = ",".join(str(one["id"]) for one in items[1:])
    answer = vk.ask("DELETE", path.replace(".json", f"/{places}.json"))
    assert answer.status_code == 204
    assert vk.ask("GET", path).json()["items"] == items[:1]


def test_rule_7_a_segment_and_its_relations_tell_what_the_documents_say(vk: Vk) -> None:
    source = vk.ready()
    made = vk.segment(of_list(source))
    assert made.status_code == 200
    assert set(made.json()) == {"id", "created", "updated", "name", "pass_condition"}
    path = f"v2/remarketing/segments/{made.json()['id']}/relations.json"
    (relation,) = vk.ask("GET", path).json()["items"]
    assert set(relation) == {"object_type", "id", "object_id"}
    assert (relation["object_type"], relation["object_id"]) == ("remarketing_users_list", source)


def test_rule_7_segments_are_found_by_name_and_renamed(vk: Vk) -> None:
    number = vk.segment(of_list(FOREIGN_LIST), name="vip").json()["id"]
    answer = vk.ask("POST", f"v2/remarketing/segments/{number}.json", json={"name": "new"})
    assert answer.status_code == 201
    for query, found in (("_name=new", 1), ("_name=vip", 0), ("_name__startswith=ne", 1)):
        assert vk.ask("GET", f"{SEGMENTS}?{query}").json()["count"] == found
    assert vk.ask("GET", f"{SEGMENTS}?limit=101").status_code == 400


# 8. Ad groups


def update(vk: Vk, number: int, **fields: Any) -> requests.Response:
    return vk.ask("POST", f"v2/ad_groups/{number}.json", json=fields)


def test_rule_8_an_update_answers_204_and_keeps_money_as_text(vk: Vk) -> None:
    answer = update(vk, GROUP, max_price="10.5")
    assert (answer.status_code, answer.text) == (204, "")
    assert vk.group(GROUP)["max_price"] == "10.50"


def test_rule_8_the_highest_price(vk: Vk) -> None:
    assert update(vk, GROUP, max_price="21474836").status_code == 204
    answer = update(vk, GROUP, max_price="21474836.01")
    assert codes(answer) == (400, {"max_value"})
    assert answer.json()["error"]["fields"]["max_price"]["max_value"] == 21474836


def test_rule_8_budgets_are_multiples_of_the_step(vk: Vk) -> None:
    items = vk.ask("GET", "v2/currencies.json").json()["items"]
    assert items[0] == {"name": "RUB", "budget_limit_step": "1.00"}
    assert codes(update(vk, GROUP, budget_limit_day="100.50")) == (400, {"step"})
    assert update(vk, GROUP, budget_limit_day="100").status_code == 204


def test_rule_8_many_at_once_are_all_or_nothing(vk: Vk) -> None:
    path = "v2/ad_groups/mass_action.json"
    good = {"id": GROUP, "max_price": "11.00"}
    bad = {"id": GOALS_GROUP, "max_price": "99999999999"}
    assert codes(vk.ask("POST", path, json=[good, bad])) == (400, {"max_value"})
    assert vk.group(GROUP)["max_price"] == "150.00"
    assert codes(vk.ask("POST", path, json=[good, {"id": 7}])) == (400, {"unknown_ad_groups"})
    assert codes(vk.ask("POST", path, json=[good] * 201)) == (400, {"limit_exceeded"})
    assert vk.ask("POST", path, json=[good]).status_code == 204
    assert vk.group(GROUP)["max_price"] == "11.00"
    update(vk, GROUP, status="deleted")
    assert codes(vk.ask("POST", path, json=[good])) == (400, {"ad_group_deleted"})


def test_rule_8_changing_a_segment_stops_its_groups(vk: Vk) -> None:
    segment = vk.segment(of_list(FOREIGN_LIST)).json()["id"]
    update(vk, GROUP, targetings={"segments": [segment]}).raise_for_status()
    assert vk.group(GROUP)["delivery"] == "delivering"
    wish = {"items": [of_list(vk.made())]}
    vk.ask("POST", f"v2/remarketing/segments/{segment}/relations.json", json=wish)
    stopped = vk.group(GROUP)
    assert stopped["delivery"] == "not_delivering"
    assert [one["code"] for one in stopped["issues"]] == ["SEGMENT_CHANGED"]
    assert vk.ask("DELETE", f"v2/remarketing/segments/{segment}.json").status_code == 409


def test_rule_8_a_deleted_segment_stops_its_groups(vk: Vk) -> None:
    url = f"{vk.running.url}/_sandbox/lists/vk/{FOREIGN_SEGMENT}"
    requests.delete(url, timeout=20).raise_for_status()
    stopped = vk.group(FOREIGN_GROUP)
    assert stopped["issues"][0]["code"] == "SEGMENT_DELETED"
    assert stopped["delivery"] == "not_delivering"


def test_rule_8_a_list_that_is_gone_stops_the_groups_of_its_segments(vk: Vk) -> None:
    number = vk.ready()
    segment = vk.segment(of_list(number)).json()["id"]
    update(vk, GROUP, targetings={"segments": [segment]}).raise_for_status()
    requests.delete(f"{vk.running.url}/_sandbox/lists/vk/{number}", timeout=20).raise_for_status()
    group = vk.group(GROUP)
    assert group["delivery"] == "not_delivering"
    assert [one["code"] for one in group["issues"]] == ["REMARKETING_AUDIENCE_CHANGED"]


def test_rule_8_only_segments_that_are_there_are_targeted(vk: Vk) -> None:
    answer = update(vk, GROUP, targetings={"segments": [999]})
    assert codes(answer) == (400, {"unknown_source"})


def test_rule_8_groups_show_what_is_asked_for(vk: Vk) -> None:
    short = vk.ask("GET", "v2/ad_groups.json").json()
    assert short["count"] == 3
    assert set(short["items"][0]) == {"id", "name", "package_id"}
    assert (short["limit"], short["offset"]) == (20, 0)
    page = vk.ask("GET", "v2/ad_groups.json?limit=1&offset=2&fields=id").json()
    assert page["items"] == [{"id": GOALS_GROUP}]
    assert vk.ask("GET", "v2/ad_groups.json?limit=51").status_code == 400


# 9. Statistics


def statistics(vk: Vk, query: str, kind: str = "ad_groups", version: str = "v2") -> Any:
    return vk.ask("GET", f"{version}/statistics/{kind}/day.json?{query}")


WEEK = "date_from=2026-09-01&date_to=2026-09-07"


def test_rule_9_money_is_text_and_rows_add_up(vk: Vk) -> None:
    answer = statistics(vk, f"id={GROUP}&{WEEK}&metrics=base,romi").json()
    (item,) = answer["items"]
    assert [row["date"] for row in item["rows"]] == [f"2026-09-0{n}" for n in range(1, 8)]
    assert all(isinstance(row["base"]["spent"], str) for row in item["rows"])
    assert all(isinstance(row["romi"]["value"], str) for row in item["rows"])
    total = sum(float(row["base"]["spent"]) for row in item["rows"])
    assert float(item["total"]["base"]["spent"]) == pytest.approx(total)
    goals = sum(row["base"]["vk"]["goals"] for row in item["rows"])
    assert item["total"]["base"]["vk"]["goals"] == goals


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (f"id=7&{WEEK}", "ERR_WRONG_ADGROUPS"),
        (WEEK, "ERR_WRONG_ADGROUPS"),
        (f"id={','.join(['1'] * 201)}&{WEEK}", "ERR_LIMIT_EXCEEDED"),
        (f"id={GROUP}&date_from=2025-09-01&date_to=2026-09-02", "ERR_LIMIT_EXCEEDED"),
        (f"id={GROUP}&date_from=2026-09-02&date_to=2026-09-01", "ERR_WRONG_DATE"),
        (f"id={GROUP}&date_from=soon&date_to=later", "ERR_WRONG_DATE"),
        (f"id={GROUP}&{WEEK}&metrics=luck", "ERR_WRONG_PARAMETER"),
        (f"id={GROUP}&{WEEK}&attribution=luck", "ERR_WRONG_PARAMETER"),
    ],
)
def test_rule_9_a_wrong_question_is_named(vk: Vk, query: str, code: str) -> None:
    answer = statistics(vk, query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


def test_rule_9_an_unknown_resource(vk: Vk) -> None:
    answer = statistics(vk, f"id={GROUP}&{WEEK}", "dreams")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ERR_WRONG_RESOURCE")


def test_rule_9_366_days_are_given(vk: Vk) -> None:
    answer = statistics(vk, f"id={GROUP}&date_from=2025-09-01&date_to=2026-09-01")
    assert len(answer.json()["items"][0]["rows"]) == 366


def test_rule_9_v3_is_paged(vk: Vk) -> None:
    answer = statistics(vk, "date_from=2026-09-01&limit=2&offset=1", version="v3").json()
    assert [one["id"] for one in answer["items"]] == [GROUP, GOALS_GROUP]
    assert (answer["count"], answer["limit"], answer["offset"]) == (3, 2, 1)
    for query, code in (
        ("limit=2", "ERR_WRONG_DATE"),
        ("date_from=2026-09-01&limit=251", "ERR_LIMIT_EXCEEDED"),
    ):
        assert statistics(vk, query, version="v3").json()["error"]["code"] == code


def test_rule_9_a_higher_price_buys_more(vk: Vk) -> None:
    def spent() -> float:
        item = statistics(vk, f"id={GROUP}&{WEEK}").json()["items"][0]
        return float(item["total"]["base"]["spent"])

    before = spent()
    update(vk, GROUP, max_price="225")
    assert spent() > 1.5 * before


# 10. Rates


def test_rule_10_every_answer_tells_what_is_left(vk: Vk) -> None:
    good, bad = vk.ask("GET", SEGMENTS), vk.ask("GET", f"{LISTS}?_q={'x' * 256}")
    assert bad.status_code == 400
    for answer in (good, bad):
        for window in ("RPS", "Hourly", "Daily"):
            assert int(answer.headers[f"X-RateLimit-{window}-Limit"]) > 0
            assert int(answer.headers[f"X-RateLimit-{window}-Remaining"]) >= 0


def test_rule_10_a_used_up_counter_is_a_429(vk: Vk) -> None:
    vk.running.world.change(quotas=True, speed=0)
    try:
        answers = [vk.ask("GET", SEGMENTS) for _ in range(31)]
        assert [one.status_code for one in answers] == [200] * 30 + [429]
        assert answers[-1].headers["X-RateLimit-RPS-Remaining"] == "0"
        vk.running.world.move_clock(1)
        assert vk.ask("GET", SEGMENTS).status_code == 200
    finally:
        vk.running.world.change(speed=1)


def test_rule_10_uploads_are_limited_by_windows_of_the_calendar(vk: Vk) -> None:
    world = vk.running.world
    world.change(quotas=True, speed=0)
    try:
        world.move_clock(3600 - world.now() % 3600 + 50)
        assert vk.upload(lines(0, 2000)).status_code == 200
        assert vk.upload(lines(0, 2000)).status_code == 429
        shown = vk.ask("GET", "v2/throttling.json").json()["REMARKETINGUSERSLIST"]
        assert shown["all"]["CREATE"] == {"limits": {"60": 1}, "remaining": {"60": 0}}
        assert shown["v3"]["CREATE"]["remaining"] == {"3600": 9}
        assert shown["v2"]["CREATE"]["limits"] == {"3600": 0}
        world.move_clock(11)  # into the next minute
        assert vk.upload(lines(0, 2000)).status_code == 200
    finally:
        world.change(speed=1)


def test_rule_10_reads_of_lists_are_limited_apart(vk: Vk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each version has limits of its own, and all together have theirs."""
    monkeypatch.setitem(vk_call.LIST_LIMITS, ("all", "READ"), {3600: 3})
    world = vk.running.world
    world.change(quotas=True, speed=0)
    try:
        world.move_clock(3600 - world.now() % 3600 + 1)
        older = [vk.ask("GET", "v2/remarketing/users_lists.json").status_code for _ in range(2)]
        assert older == [200, 429]
        assert [vk.ask("GET", LISTS).status_code for _ in range(3)] == [200, 200, 429]
        world.move_clock(3600)
        assert vk.ask("GET", LISTS).status_code == 200
    finally:
        world.change(speed=1)


def test_collections_have_20_items_unless_asked_and_50_at_most(vk: Vk) -> None:
    """Segments give 100."""
    number = vk.ready()
    for place in range(21):
        vk.segment(of_list(number), name=f"s{place:02}").raise_for_status()
    shown = vk.ask("GET", SEGMENTS).json()
    assert (shown["count"], shown["limit"], shown["offset"]) == (22, 20, 0)
    assert len(shown["items"]) == 20
    assert len(vk.ask("GET", f"{SEGMENTS}?offset=20").json()["items"]) == 2
    for path, most in ((SEGMENTS, 100), ("v2/ad_groups.json", 50), (LISTS, 50)):
        assert vk.ask("GET", f"{path}?limit={most}").status_code == 200
        assert codes(vk.ask("GET", f"{path}?limit={most + 1}")) == (400, {"invalid_value"})


# 11. Look-alikes


@pytest.fixture
def permitted(vk: Vk) -> Vk:
    vk.running.world.put_token("lal", login=vk_lookalikes.WITH_LOOKALIKES)
    return Vk(vk.running, "lal")


def test_rule_11_most_accounts_have_no_lookalikes(vk: Vk) -> None:
    for method in ("GET", "POST"):
        answer = vk.ask(method, LOOKALIKES, json={"name": "x", "source_id": FOREIGN_LIST})
        assert codes(answer) == (403, {"access_denied"})
        needed = answer.json()["error"]["required_permission"]
        assert needed == "use_lookalike_audiences"


def test_rule_11_a_lookalike_is_pending_and_then_loaded(permitted: Vk) -> None:
    seed = permitted.ready()
    made = permitted.ask("POST", LOOKALIKES, json={"name": "x", "source_id": seed}).json()
    assert made["status"] == "pending"
    permitted.running.world.move_clock(HOURS_2)
    path = LOOKALIKES.replace(".json", f"/{made['id']}.json")
    assert permitted.ask("GET", path).json()["status"] == "loaded"
    assert permitted.ask("DELETE", f"v3/remarketing/users_lists/{seed}.json").status_code == 409
    relation = {
        "object_type": "remarketing_lookalike_audience",
        "params": {"source_id": made["id"], "reach": 300, "type": "positive"},
    }
    segment = permitted.segment(relation).json()["id"]
    assert len(held(permitted, segment)) == 300
    assert permitted.ask("DELETE", path).status_code == 409


def test_rule_11_a_seed_needs_1000_matched_people(permitted: Vk) -> None:
    permitted.running.world.change(matched_share=0.4)
    seed = permitted.ready()
    made = permitted.ask("POST", LOOKALIKES, json={"name": "x", "source_id": seed}).json()
    assert made["status"] == "failed"


def test_rule_11_a_failed_lookalike_stops_the_group_that_targets_it(permitted: Vk) -> None:
    world = permitted.running.world
    group = world.store("vk").get("group", GROUP) or {}
    mine = {**group, "id": 600_001, "owner": vk_lookalikes.WITH_LOOKALIKES}
    world.store("vk").put("group", 600_001, mine)
    world.change(matched_share=0.4)
    seed = permitted.ready()
    made = permitted.ask("POST", LOOKALIKES, json={"name": "x", "source_id": seed}).json()
    params = {"source_id": made["id"], "reach": 300, "type": "positive"}
    relation = {"object_type": "remarketing_lookalike_audience", "params": params}
    segment = permitted.segment(relation).json()["id"]
    update(permitted, 600_001, targetings={"segments": [segment]}).raise_for_status()
    shown = permitted.group(600_001)
    assert shown["delivery"] == "not_delivering"
    assert [one["code"] for one in shown["issues"]] == ["LAL_FAILED"]


def test_rule_11_a_lookalike_leaves_when_no_segment_uses_it(permitted: Vk) -> None:
    seed = permitted.ready()
    made = permitted.ask("POST", LOOKALIKES, json={"name": "x", "source_id": seed}).json()
    params = {"source_id": made["id"], "reach": 300, "type": "positive"}
    relation = {"object_type": "remarketing_lookalike_audience", "params": params}
    segment = permitted.segment(relation).json()["id"]
    path = LOOKALIKES.replace(".json", f"/{made['id']}.json")
    assert permitted.ask("DELETE", path).status_code == 409
    assert permitted.ask("DELETE", f"v2/remarketing/segments/{segment}.json").status_code == 204
    assert permitted.ask("DELETE", path).status_code == 204
    assert codes(permitted.ask("GET", path)) == (404, {"not_found"})
    assert permitted.ask("DELETE", f"v3/remarketing/users_lists/{seed}.json").status_code == 204


# 12. The forerunner's host


def test_rule_12_the_old_host_answers_reads_only(vk: Vk) -> None:
    url = f"{vk.running.url}/vk/legacy/api/"
    headers = {"Authorization": "Bearer sandbox-token"}
    assert requests.get(f"{url}{SEGMENTS}", headers=headers, timeout=20).status_code == 200
    wish = {"name": "s", "pass_condition": 1, "relations": [of_list(FOREIGN_LIST)]}
    answer = requests.post(f"{url}{SEGMENTS}", headers=headers, json=wish, timeout=20)
    assert answer.status_code == 405
    assert requests.get(f"{url}{LISTS}", headers=headers, timeout=20).status_code == 404


# What belongs to others


def test_other_accounts_do_not_exist(vk: Vk) -> None:
    answer = vk.ask("GET", f"v3/remarketing/users_lists/{STRANGERS_LIST}.json")
    assert codes(answer) == (404, {"not_found"})
    found = vk.ask("GET", LISTS).json()["items"]
    assert [one["id"] for one in found] == [FOREIGN_LIST]


def test_a_list_forgotten_behind_the_clients_back(vk: Vk) -> None:
    number = vk.ready()
    url = f"{vk.running.url}/_sandbox/lists/vk/{number}"
    assert requests.delete(url, timeout=20).json() == {"deleted": True}
    answer = vk.ask("GET", f"v3/remarketing/users_lists/{number}.json")
    assert codes(answer) == (404, {"not_found"})


@pytest.mark.parametrize(
    ("kind", "status", "header"),
    [
        ("throttle", 429, ("X-RateLimit-RPS-Remaining", "0")),
        ("quota_gone", 429, ("X-RateLimit-Daily-Remaining", "0")),
        ("expired_token", 401, ("WWW-Authenticate", 'Bearer realm="api", error="expired_token"')),
    ],
)
def test_faults_speak_the_platforms_words(
    vk: Vk, kind: str, status: int, header: tuple[str, str]
) -> None:
    fault = {"kind": kind, "platform": "vk", "operation": "segments.find"}
    requests.post(f"{vk.running.url}/_sandbox/faults", json=fault, timeout=20).raise_for_status()
    answer = vk.ask("GET", SEGMENTS)
    assert answer.status_code == status
    assert answer.headers[header[0]] == header[1]


def test_a_partial_fault_refuses_every_second_line(vk: Vk) -> None:
    fault = {"kind": "partial", "platform": "vk", "operation": "users_lists.create"}
    requests.post(f"{vk.running.url}/_sandbox/faults", json=fault, timeout=20).raise_for_status()
    answer = vk.upload(lines(0, 2000)).json()
    assert len(answer["error"]) == 1000
    assert answer["entries_count"] == 1000
