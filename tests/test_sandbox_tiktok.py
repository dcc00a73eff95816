"""The played TikTok against its documented contract, rule by rule, over plain HTTP."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from connectors.sandbox.server import Running
from tests.support.sandbox import fresh
from tests.support.sandbox_tiktok import FOREIGN, SECOND, TIMEOUT, TikTok, addresses, digest

DAY = 86_400
EVERYBODY, SEGMENT = "179000001", "179000002"
TARGET, AUTOMATIC, SHARED = "179000005", "179000006", "179000008"


@pytest.fixture
def sandbox(server: Running) -> Running:
    return fresh(server, quotas=True)


@pytest.fixture
def tiktok(sandbox: Running) -> TikTok:
    return TikTok(sandbox)


@pytest.fixture
def buyers(sandbox: Running, tiktok: TikTok) -> str:
    """A calculated audience of 2,000 lines, some 1,400 users."""
    number = tiktok.created(range(2000))
    sandbox.world.move_clock(DAY)
    return number


def held(sandbox: Running, number: str) -> set[str]:
    state = requests.get(f"{sandbox.url}/_sandbox/state", timeout=TIMEOUT).json()
    lists = state["platforms"]["tiktok"]["lists"]
    return set(next(one for one in lists if str(one["id"]) == number)["members"])


def emails(people: range) -> set[str]:
    return {digest(f"email {n}") for n in people}


# 1. Who may ask


@pytest.mark.parametrize(
    ("token", "code"),
    [(None, 40104), ("nobody-knows", 40105), ("revoked-token", 40105), ("expired-token", 40102)],
)
def test_rule_1_only_a_living_token_is_let_in(
    sandbox: Running, token: str | None, code: int
) -> None:
    assert TikTok(sandbox, token=token).get("dmp/custom_audience/list/")["code"] == code


def test_rule_1_the_token_is_a_header_without_a_scheme(sandbox: Running) -> None:
    tiktok = TikTok(sandbox, token="Bearer sandbox-token")
    assert tiktok.get("dmp/custom_audience/list/")["code"] == 40105


@pytest.mark.parametrize("advertiser", ["7000000009", "", "shop", "²", "9" * 40])
def test_rule_1_an_unknown_advertiser_has_no_rights(sandbox: Running, advertiser: str) -> None:
    assert TikTok(sandbox, advertiser).get("dmp/custom_audience/list/")["code"] == 40001


def test_rule_1_a_success_has_code_0_and_a_request_id(tiktok: TikTok) -> None:
    answer = tiktok.get("dmp/custom_audience/list/")
    assert (answer["code"], answer["message"]) == (0, "OK")
    assert answer["request_id"]


@pytest.mark.parametrize("path", ["dmp/custom_audience/list", "dmp/nothing/", "adgroup/update/"])
def test_rule_1_a_path_ends_with_a_slash_and_has_its_method(tiktok: TikTok, path: str) -> None:
    assert tiktok.get(path)["code"] == 40400


def test_rule_1_only_v1_3_is_served(tiktok: TikTok) -> None:
    tiktok.base = tiktok.base.replace("v1.3", "v1.2")
    assert tiktok.get("dmp/custom_audience/list/")["code"] == 40006


def test_rule_1_a_body_is_a_json_object(tiktok: TikTok) -> None:
    assert tiktok.ask("POST", "dmp/custom_audience/create/", data={"a": "b"})["code"] == 40002
    assert tiktok.ask("POST", "dmp/custom_audience/create/", json=[1])["code"] == 40002


def test_an_auth_code_gives_one_token_and_that_within_an_hour(
    sandbox: Running, tiktok: TikTok
) -> None:
    app = {"app_id": "sandbox-app", "secret": "sandbox-secret"}
    wish = {**app, "auth_code": "sandbox-auth-code"}

    def exchange(**more: str) -> dict[str, Any]:
        return tiktok.ask("POST", "oauth2/access_token/", json={**wish, **more})

    assert exchange(secret="other")["code"] == 40002
    assert exchange(auth_code="other")["code"] == 40110
    data = exchange()["data"]
    assert data["advertiser_ids"] == [tiktok.advertiser, SECOND]
    fresh = TikTok(sandbox, token=data["access_token"])
    sandbox.world.move_clock(400 * DAY)  # a token of an advertiser does not age
    found = fresh.ask("GET", "oauth2/advertiser/get/", params=app)["data"]["list"]
    assert [one["advertiser_id"] for one in found] == [tiktok.advertiser, SECOND]
    assert exchange()["code"] == 40110


def test_an_auth_code_dies_after_an_hour(sandbox: Running, tiktok: TikTok) -> None:
    sandbox.world.move_clock(3601)
    wish = {"app_id": "sandbox-app", "secret": "sandbox-secret", "auth_code": "sandbox-auth-code"}
    assert tiktok.ask("POST", "oauth2/access_token/", json=wish)["code"] == 40110


# 2. Files


def test_rule_2_a_file_is_signed(tiktok: TikTok) -> None:
    assert tiktok.upload(addresses(range(3)), file_signature="0" * 32)["code"] == 40900


def test_rule_2_a_file_is_smaller_than_a_gigabyte(
    tiktok: TikTok, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = addresses(range(10))
    monkeypatch.setattr("connectors.sandbox.tiktok_files.MAX_BYTES", len(content))
    assert tiktok.upload(content)["code"] == 40907
    assert tiktok.upload(addresses(range(9)))["code"] == 0


def test_rule_2_a_file_comes_as_multipart(tiktok: TikTok) -> None:
    answer = tiktok.post("dmp/custom_audience/file/upload/", calculate_type="EMAIL_SHA256")
    assert answer["code"] == 40002


@pytest.mark.parametrize(
    ("kind", "content", "code"),
    [
        ("EMAIL_SHA256", b"", 40906),
        ("MULTIPLE_TYPES", b"email_SHA256\n", 40906),
        ("EMAIL_SHA256", addresses(range(3)), 0),
        ("EMAIL_SHA256", addresses(range(3)) + b"jane@shop.test\n", 40062),
        ("PHONE_SHA256", b"+16577770000\n", 40062),
        ("IDFA_MD5", b"5756ae9022b2ea1e47d84fead75220c8\n", 0),
        ("IDFA_MD5", addresses(range(1)), 40062),
        ("MAID_SHA256", b"5756ae9022b2ea1e47d84fead75220c8\n", 40062),
        ("NAME_SHA256", addresses(range(3)), 40002),
    ],
)
def test_rule_2_every_line_is_a_digest_of_its_type(
    tiktok: TikTok, kind: str, content: bytes, code: int
) -> None:
    assert tiktok.upload(content, kind)["code"] == code


@pytest.mark.parametrize(("name", "code"), [("people.txt", 0), ("people.xlsx", 40908)])
def test_rule_2_a_file_has_one_of_two_suffixes(tiktok: TikTok, name: str, code: int) -> None:
    assert tiktok.upload(addresses(range(3)), name=name)["code"] == code


A, B = digest("a"), digest("b")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (f"email_SHA256,phone_SHA256\n{A},{B}\n{A},\n", 0),
        (f"EMAIL_sha256,Phone_SHA256\n{A},{B}\n", 0),
        (f"email_SHA256,email_SHA256,email_SHA256\n{A},{B},\n", 0),
        (f"{'email_SHA256,' * 3}email_SHA256\n{A},{B},,\n", 40915),
        (f"email_SHA256,name\n{A},{B}\n", 40915),
        (f"{A},{B}\n", 40915),
        (f"email_SHA256,phone_SHA256\n{A}\n", 40915),
        (f"email_SHA256,phone_SHA256\n{A},{B},{A}\n", 40915),
        (f"email_SHA256,MAID\n{A},5F3A2B18-9C4D-4E7F-B8E2-17D3A1E69B25\n", 0),
        (f"email_SHA256,MAID\n{A},{B}\n", 40062),
    ],
)
def test_rule_2_the_header_of_a_file_of_many_types(tiktok: TikTok, content: str, code: int) -> None:
    assert tiktok.upload(content.encode(), "MULTIPLE_TYPES")["code"] == code


def test_rule_2_a_handle_belongs_to_its_advertiser(sandbox: Running, tiktok: TikTok) -> None:
    theirs = TikTok(sandbox, SECOND).uploaded(range(2000))
    assert tiktok.create([theirs])["code"] == 40007
    assert tiktok.create(["0" * 16])["code"] == 40007


def test_uploading_twice_gives_two_handles(tiktok: TikTok) -> None:
    assert tiktok.uploaded(range(3)) != tiktok.uploaded(range(3))


# 3. Making and changing


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({}, 0),
        ({"custom_audience_name": ""}, 40002),
        ({"custom_audience_name": "n" * 128}, 0),
        ({"custom_audience_name": "n" * 129}, 40002),
        ({"retention_in_days": 0}, 40002),
        ({"retention_in_days": 365}, 0),
        ({"retention_in_days": 366}, 40002),
        ({"calculate_type": "PHONE_SHA256"}, 40909),
        ({"calculate_type": "MAID_SHA256"}, 40002),
        ({"audience_sub_type": "OTHER"}, 40002),
        ({"audience_enhancement": "yes"}, 40002),
        ({"audience_enhancement": True}, 0),
    ],
)
def test_rule_3_what_an_audience_is_made_of(
    tiktok: TikTok, wish: dict[str, Any], code: int
) -> None:
    assert tiktok.create([tiktok.uploaded(range(3))], **wish)["code"] == code


@pytest.mark.parametrize(("count", "code"), [(0, 40002), (1, 0), (500, 0), (501, 40011)])
def test_rule_3_one_to_500_files(tiktok: TikTok, count: int, code: int) -> None:
    assert tiktok.create([tiktok.uploaded(range(3))] * count)["code"] == code


def test_making_twice_makes_two(tiktok: TikTok) -> None:
    path = tiktok.uploaded(range(3))
    first, second = (tiktok.create([path])["data"]["custom_audience_id"] for _ in range(2))
    assert first != second


def test_rule_3_a_change_is_of_files_or_of_the_name(tiktok: TikTok, buyers: str) -> None:
    assert tiktok.update(buyers)["code"] == 40012
    assert tiktok.update(buyers, custom_audience_name="regulars")["code"] == 0
    assert tiktok.details(buyers)["name"] == "regulars"
    assert tiktok.update(buyers, custom_audience_name="n" * 129)["code"] == 40002
    assert tiktok.update("404", custom_audience_name="regulars")["code"] == 40007


def test_rule_3_a_change_is_of_the_same_type(tiktok: TikTok, buyers: str) -> None:
    phones = tiktok.upload(addresses(range(3)), "PHONE_SHA256")["data"]["file_path"]
    assert tiktok.update(buyers, action="APPEND", file_paths=[phones])["code"] == 40909
    path = tiktok.uploaded(range(3))
    assert tiktok.update(buyers, action="PUT", file_paths=[path])["code"] == 40002


def test_rule_3_a_sub_type_only_turns_to_reach_and_frequency(tiktok: TikTok, buyers: str) -> None:
    assert tiktok.update(buyers, audience_sub_type="NORMAL")["code"] == 40002
    wish = {"audience_sub_type": "REACH_FREQUENCY", "custom_audience_name": "ignored then"}
    assert tiktok.update(buyers, **wish)["code"] == 0
    details = tiktok.details(buyers)
    assert (details["audience_sub_type"], details["name"]) == ("REACH_FREQUENCY", "buyers")


def test_rule_3_append_remove_and_replace(sandbox: Running, tiktok: TikTok, buyers: str) -> None:
    assert tiktok.change(buyers, "APPEND", range(1990, 2100))["code"] == 0
    assert held(sandbox, buyers) == emails(range(2100))
    assert tiktok.change(buyers, "REMOVE", range(100))["code"] == 0
    assert held(sandbox, buyers) == emails(range(100, 2100))
    replaced = tiktok.update(buyers, file_paths=[tiktok.uploaded(range(3000, 5000))])
    assert replaced["code"] == 0  # REPLACE is the default
    assert held(sandbox, buyers) == emails(range(3000, 5000))


def test_an_audience_is_replaced_once_in_a_day(
    sandbox: Running, tiktok: TikTok, buyers: str
) -> None:
    assert tiktok.change(buyers, "REPLACE", range(2000))["code"] == 0
    assert tiktok.change(buyers, "REPLACE", range(3000))["code"] == 40016
    assert tiktok.change(buyers, "APPEND", range(3000))["code"] == 0
    sandbox.world.move_clock(DAY)
    assert tiktok.change(buyers, "REPLACE", range(2000))["code"] == 0


def test_deleting_takes_1_to_100_ids_of_ones_own(
    sandbox: Running, tiktok: TikTok, buyers: str
) -> None:
    def delete(ids: object, who: TikTok = tiktok) -> int:
        return int(who.post("dmp/custom_audience/delete/", custom_audience_ids=ids)["code"])

    assert [delete([]), delete([buyers] * 101), delete("404")] == [40002, 40011, 40002]
    assert delete([buyers], TikTok(sandbox, SECOND)) == 40007
    assert delete([buyers, "404"]) == 40007
    assert delete([buyers]) == 0
    assert delete([buyers]) == 40007
    wish = {"custom_audience_ids": [buyers]}
    assert tiktok.get("dmp/custom_audience/get/", **wish)["data"]["list"] == []


def test_history_tells_who_did_what(tiktok: TikTok, buyers: str) -> None:
    tiktok.change(buyers, "APPEND", range(3000))
    wish = {"custom_audience_ids": [buyers], "history_size": 1}
    (found,) = tiktok.get("dmp/custom_audience/get/", **wish)["data"]["list"]
    (last,) = found["audience_history"]
    assert (last["action"], last["editor"]) == ("APPEND", "open_api")
    assert tiktok.get("dmp/custom_audience/get/", **{**wish, "history_size": 101})["code"] == 40002


def test_an_audience_expires(sandbox: Running, tiktok: TikTok) -> None:
    path = tiktok.uploaded(range(2000))
    made = tiktok.create([path], retention_in_days=90)["data"]["custom_audience_id"]
    seen = []
    for days in (1, 40, 60):
        sandbox.world.move_clock(days * DAY)
        details = tiktok.details(made)
        seen.append((details["is_valid"], details["is_expiring"]))
    assert seen == [(True, False), (True, True), (False, False)]


# 4. and 5. Sizes


@pytest.mark.parametrize(
    ("action", "people"), [("REMOVE", range(1500)), ("REPLACE", range(900))], ids=str
)
def test_rule_4_a_change_that_leaves_too_few_changes_nothing(
    sandbox: Running, tiktok: TikTok, buyers: str, action: str, people: range
) -> None:
    assert tiktok.change(buyers, action, people)["code"] == 40002
    assert held(sandbox, buyers) == emails(range(2000))


def test_rule_4_even_adding_must_end_above_a_thousand(sandbox: Running, tiktok: TikTok) -> None:
    small = tiktok.created(range(100))
    assert tiktok.change(small, "APPEND", range(100, 200))["code"] == 40002
    assert tiktok.change(small, "APPEND", range(100, 2000))["code"] == 0


def test_rule_5_users_show_up_after_a_delay(sandbox: Running, tiktok: TikTok) -> None:
    number = tiktok.created(range(2000))
    young = tiktok.details(number)
    assert (young["cover_num"], young["is_valid"]) == (0, False)
    assert young["msg"]
    sandbox.world.move_clock(DAY)
    settled = tiktok.details(number)
    assert 1000 < settled["cover_num"] < 2000
    assert (settled["is_valid"], settled["msg"], settled["error_msg"]) == (True, "", "")
    tiktok.change(number, "APPEND", range(2000, 4000))
    assert tiktok.details(number)["cover_num"] == settled["cover_num"]
    sandbox.world.move_clock(DAY)
    assert tiktok.details(number)["cover_num"] > settled["cover_num"]


def test_rule_5_too_few_users_are_not_usable(sandbox: Running, tiktok: TikTok) -> None:
    number = tiktok.created(range(1000))
    sandbox.world.move_clock(DAY)
    details = tiktok.details(number)
    assert details["cover_num"] < 1000
    assert not details["is_valid"]
    assert details["error_msg"]


# 6. Queries


def test_rule_6_lists_in_a_query_are_json(tiktok: TikTok, buyers: str) -> None:
    def code(ids: str) -> int:
        return int(tiktok.get("dmp/custom_audience/get/", custom_audience_ids=ids)["code"])

    assert code(f'["{buyers}"]') == 0
    assert code(f"{buyers},{FOREIGN}") == 40002
    assert code(f"[{buyers}]") == 40002
    assert code(json.dumps([buyers] * 101)) == 40011


def test_rule_6_pages_have_10_unless_asked(sandbox: Running, tiktok: TikTok) -> None:
    path = tiktok.uploaded(range(3))
    for _ in range(11):
        tiktok.create([path])
    first = tiktok.get("dmp/custom_audience/list/")["data"]
    assert len(first["list"]) == 10
    wanted = {"page": 1, "page_size": 10, "total_number": 12, "total_page": 2}
    assert first["page_info"] == wanted
    assert len(tiktok.get("dmp/custom_audience/list/", page=2)["data"]["list"]) == 2
    assert tiktok.get("dmp/custom_audience/list/", page_size=101)["code"] == 40002
    assert tiktok.get("dmp/custom_audience/list/", page=0)["code"] == 40002
    assert TikTok(sandbox, SECOND).get("dmp/custom_audience/list/")["data"]["list"] == []


# 7. Streaming


def stream(tiktok: TikTok, rows: object, **more: Any) -> int:
    body = {
        "advertiser_ids": [tiktok.advertiser],
        "action": "add",
        "id_schema": ["EMAIL_SHA256", "PHONE_SHA256"],
        "batch_data": rows,
        **more,
    }
    return int(tiktok.ask("POST", "segment/mapping/", json=body)["code"])


@pytest.fixture
def streamed(tiktok: TikTok) -> str:
    wish = {"custom_audience_name": "streamed", "action": "create"}
    return str(tiktok.post("segment/audience/", **wish)["data"]["audience_id"])


def test_rule_7_streaming_adds_and_deletes(sandbox: Running, tiktok: TikTok, streamed: str) -> None:
    def cell(text: str) -> dict[str, Any]:
        return {"id": digest(text), "audience_ids": [streamed]}

    assert stream(tiktok, [[cell("a"), cell("b")], [cell("c"), {}]]) == 0
    assert stream(tiktok, [[cell("a"), {}]]) == 0
    assert held(sandbox, streamed) == {digest(one) for one in "abc"}
    assert stream(tiktok, [[{}, cell("b")]], action="delete") == 0
    assert held(sandbox, streamed) == {digest(one) for one in "ac"}
    deleted = tiktok.post("segment/audience/", action="delete", delete_audience_id=streamed)
    assert deleted["code"] == 0
    assert stream(tiktok, [[cell("a"), {}]]) == 40007


def test_rule_7_streaming_minds_its_form(tiktok: TikTok, streamed: str) -> None:
    good = {"id": A, "audience_ids": [streamed]}
    assert stream(tiktok, [[good]]) == 40002  # a cell per entry of the schema
    assert stream(tiktok, [[good, good]], id_schema=["EMAIL_SHA256"] * 2) == 40002
    assert stream(tiktok, [[good, {}]], id_schema=["EMAIL_SHA256", "NAME"]) == 40002
    assert stream(tiktok, [[good, {}]], action="replace") == 40002
    assert stream(tiktok, [[good, {}]], advertiser_ids=[tiktok.advertiser, "1"]) == 40001
    assert stream(tiktok, [[{**good, "id": "jane@shop.test"}, {}]]) == 40002
    assert stream(tiktok, [[{**good, "audience_ids": [FOREIGN]}, {}]]) == 40002
    assert stream(tiktok, [[{**good, "audience_ids": ["404"]}, {}]]) == 40007
    assert stream(tiktok, []) == 40002
    assert stream(tiktok, [[good, {}]], action=["add"]) == 40002
    assert stream(tiktok, [[good, {}]], advertiser_ids="7000000001") == 40001


# 8. Look-alikes


def spec(source: str, **more: Any) -> dict[str, Any]:
    return {
        "source_audience_id": source,
        "include_source": False,
        "mobile_os": "ALL",
        "placements": ["TikTok"],
        "location_ids": ["6252001"],
        "audience_size": "BALANCED",
        **more,
    }


def grow(tiktok: TikTok, wish: dict[str, Any]) -> dict[str, Any]:
    path = "dmp/custom_audience/lookalike/create/"
    return tiktok.post(path, custom_audience_name="alike", lookalike_spec=wish)


@pytest.mark.parametrize("name", list(spec("")))
def test_rule_8_all_six_keys_are_needed(tiktok: TikTok, buyers: str, name: str) -> None:
    wish = spec(buyers)
    del wish[name]
    assert grow(tiktok, wish)["code"] == 40002


@pytest.mark.parametrize(
    "more",
    [
        {"audience_size": "HUGE"},
        {"mobile_os": "SYMBIAN"},
        {"placements": ["Elsewhere"]},
        {"placements": []},
        {"location_ids": []},
        {"include_source": "no"},
        {"ratio": 5},
    ],
    ids=str,
)
def test_rule_8_known_values_only(tiktok: TikTok, buyers: str, more: dict[str, Any]) -> None:
    assert grow(tiktok, spec(buyers, **more))["code"] == 40002


def test_rule_8_a_source_has_a_hundred_users_and_is_no_lookalike(
    sandbox: Running, tiktok: TikTok, buyers: str
) -> None:
    tiny = tiktok.created(range(110))
    sandbox.world.move_clock(DAY)
    assert grow(tiktok, spec(tiny))["code"] == 40002
    assert grow(tiktok, spec("404"))["code"] == 40007
    made = grow(tiktok, spec(buyers))["data"]["custom_audience_id"]
    sandbox.world.move_clock(DAY)
    details = tiktok.details(made)
    assert details["lookalike_spec"] == spec(buyers)
    assert details["cover_num"] > 1000
    assert grow(tiktok, spec(made))["code"] == 40002
    assert not held(sandbox, made) & held(sandbox, buyers)
    path = "dmp/custom_audience/lookalike/update/"
    assert tiktok.post(path, custom_audience_ids=[made])["code"] == 0
    assert tiktok.post(path, custom_audience_ids=[buyers])["code"] == 40002
    # Only a customer file takes files.
    assert tiktok.change(made, "APPEND", range(2000))["code"] == 40002


# 9. Ad groups


@pytest.mark.parametrize(
    ("number", "change", "code"),
    [
        (SEGMENT, {"bid_price": 1.2}, 0),
        (SEGMENT, {"bid_price": 1.0}, 40012),
        (SEGMENT, {"bid_price": 200.0}, 40002),
        (SEGMENT, {"bid_price": 0}, 40002),
        (SEGMENT, {"bid_price": "1.2"}, 40002),
        (SEGMENT, {"conversion_bid_price": 5.0}, 40002),
        (SEGMENT, {"bid_type": "BID_TYPE_MAGIC"}, 40002),
        (SEGMENT, {"bid_type": "BID_TYPE_NO_BID"}, 0),
        (SEGMENT, {"budget": 19.0}, 40002),
        (SEGMENT, {"budget": 50.0, "bid_price": 49.0}, 0),
        (SEGMENT, {"bid_multiplier": 2}, 40002),
        (SEGMENT, {"audience_ids": [FOREIGN]}, 0),
        (SEGMENT, {"audience_ids": ["404"]}, 40007),
        (SEGMENT, {"excluded_audience_ids": FOREIGN}, 40002),
        (TARGET, {"conversion_bid_price": 25.0}, 0),
        (TARGET, {"bid_price": 5.0}, 40002),
        (TARGET, {"roas_bid": 0.005}, 40002),
        (TARGET, {"roas_bid": 1000.5}, 40002),
        (AUTOMATIC, {"bid_type": "BID_TYPE_CUSTOM"}, 40002),
        (AUTOMATIC, {"bid_type": "BID_TYPE_CUSTOM", "conversion_bid_price": 5.0}, 0),
        (AUTOMATIC, {"conversion_bid_price": 5.0}, 40002),
        ("404", {"bid_price": 1.2}, 40007),
    ],
    ids=str,
)
def test_rule_9_the_bid_that_fits(
    tiktok: TikTok, number: str, change: dict[str, Any], code: int
) -> None:
    assert tiktok.bid(number, **change) == code
    if code == 0:
        found = tiktok.group(number)
        assert {name: found[name] for name in change} == change


def test_rule_9_a_budget_is_ignored_under_that_of_the_campaign(tiktok: TikTok) -> None:
    assert tiktok.bid(SHARED, budget=1.0, bid_price=0.5) == 0
    found = tiktok.group(SHARED)
    assert (found["budget"], found["bid_price"]) == (0.0, 0.5)
    assert tiktok.bid(SHARED, budget=1.0) == 40012


def test_rule_9_groups_are_found_by_id_and_by_campaign(tiktok: TikTok) -> None:
    def ids(**query: Any) -> list[str]:
        found = tiktok.get("adgroup/get/", fields=["adgroup_id"], **query)["data"]["list"]
        return [one["adgroup_id"] for one in found]

    assert ids(filtering={"adgroup_ids": [SEGMENT, "404"]}) == [SEGMENT]
    assert ids(filtering={"campaign_ids": ["178000003"]}) == ["179000007", SHARED]
    assert tiktok.get("adgroup/get/", filtering={"name": "x"})["code"] == 40002
    assert tiktok.get("adgroup/get/", filtering="adgroup_ids=1")["code"] == 40002
    assert tiktok.get("adgroup/get/", page_size=1001)["code"] == 40002


def test_rule_9_budgets_of_many_groups(tiktok: TikTok) -> None:
    items = [{"adgroup_id": SEGMENT, "budget": 60.0}, {"adgroup_id": TARGET, "budget": 10.0}]
    answer = tiktok.post("adgroup/budget/update/", budget=items)
    assert answer["code"] == 20001
    assert [one["adgroup_id"] for one in answer["data"]["failed"]] == [TARGET]
    assert tiktok.group(SEGMENT)["budget"] == 60.0
    assert tiktok.group(TARGET)["budget"] == 200.0


def test_rule_9_an_audience_is_applied_and_disconnected(tiktok: TikTok, buyers: str) -> None:
    def apply(mode: str, usage: str) -> int:
        body = {"adgroup_ids": [EVERYBODY], "custom_audience_id": buyers}
        path = "dmp/custom_audience/apply/"
        return int(tiktok.post(path, **body, action_mode=mode, usage_mode=usage)["code"])

    assert apply("Apply", "Exclude") == 0
    assert tiktok.group(EVERYBODY)["excluded_audience_ids"] == [FOREIGN, buyers]
    assert apply("Disconnect", "Exclude") == 0
    assert tiktok.group(EVERYBODY)["excluded_audience_ids"] == [FOREIGN]
    assert apply("Apply", "Elsewhere") == 40002


# 10. Reports


def report(tiktok: TikTok, days: int, **more: Any) -> dict[str, Any]:
    last = datetime.now(UTC).date() - timedelta(days=2)
    query = {
        "report_type": "BASIC",
        "service_type": "AUCTION",
        "data_level": "AUCTION_ADGROUP",
        "dimensions": ["adgroup_id", "stat_time_day"],
        "start_date": str(last - timedelta(days=days - 1)),
        "end_date": str(last),
        **more,
    }
    return tiktok.get("report/integrated/get/", **query)


@pytest.mark.parametrize(
    ("dimensions", "days", "code"),
    [
        (["adgroup_id", "stat_time_day"], 30, 0),
        (["adgroup_id", "stat_time_day"], 31, 40002),
        (["adgroup_id"], 365, 0),
        (["adgroup_id"], 366, 40002),
        (["adgroup_id", "stat_time_hour"], 1, 0),
        (["adgroup_id", "stat_time_hour"], 2, 40002),
        (["adgroup_id", "stat_time_day", "stat_time_hour"], 1, 40002),
        (["stat_time_day"], 1, 40002),
        ("adgroup_id", 1, 40002),
        (["adgroup_id"], 0, 40002),
    ],
    ids=str,
)
def test_rule_10_how_long_a_report_may_be(
    tiktok: TikTok, dimensions: object, days: int, code: int
) -> None:
    assert report(tiktok, days, dimensions=dimensions)["code"] == code


def test_rule_10_metrics_are_texts(tiktok: TikTok) -> None:
    metrics = ["spend", "clicks", "conversion", "complete_payment", "total_complete_payment_rate"]
    data = report(tiktok, 7, metrics=metrics, page_size=1000)["data"]
    assert len(data["list"]) == 8 * 7
    for row in data["list"]:
        assert list(row["metrics"]) == metrics
        assert all(isinstance(one, str) for one in row["metrics"].values())
        assert row["dimensions"]["stat_time_day"].endswith(" 00:00:00")
    sold = [row["metrics"] for row in data["list"] if row["metrics"]["complete_payment"] != "0"]
    assert sold
    # A value, not a rate: hundreds for each purchase.
    least = [float(one["total_complete_payment_rate"]) / int(one["conversion"]) for one in sold]
    assert min(least) > 100


def test_rule_10_pages_and_defaults(tiktok: TikTok) -> None:
    data = report(tiktok, 7)["data"]
    assert len(data["list"]) == 10
    assert set(data["list"][0]["metrics"]) == {"spend", "impressions"}
    assert data["page_info"]["total_number"] == 8 * 7
    assert report(tiktok, 7, page_size=1001)["code"] == 40002
    assert report(tiktok, 7, metrics=["margin"])["code"] == 40002


def test_rule_10_filters_and_lifetime(tiktok: TikTok) -> None:
    one = {"field_name": "adgroup_ids", "filter_type": "IN", "filter_value": f'["{SEGMENT}"]'}
    rows = report(tiktok, 7, filtering=[one])["data"]["list"]
    assert {row["dimensions"]["adgroup_id"] for row in rows} == {SEGMENT}
    assert report(tiktok, 7, filtering=[{**one, "filter_value": SEGMENT}])["code"] == 40002
    assert report(tiktok, 7, filtering=[{**one, "filter_type": "LIKE"}])["code"] == 40002
    lifetime = {"dimensions": ["adgroup_id"], "query_lifetime": "true"}
    assert len(report(tiktok, 1, **lifetime, filtering=[one])["data"]["list"]) == 1


def test_a_bid_shows_in_the_report(tiktok: TikTok) -> None:
    before = report(tiktok, 30, dimensions=["adgroup_id"])["data"]["list"][1]
    assert tiktok.bid(SEGMENT, bid_price=2.0) == 0
    after = report(tiktok, 30, dimensions=["adgroup_id"])["data"]["list"][1]
    assert before["dimensions"] == after["dimensions"] == {"adgroup_id": SEGMENT}
    assert float(after["metrics"]["spend"]) > float(before["metrics"]["spend"])


# 11. Misbehaviour


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("throttle", 40100),
        ("error_inside", 51010),
        ("partial", 20001),
        ("expired_token", 40102),
        ("revoked_token", 40105),
        ("no_rights", 40001),
        ("quota_gone", 40016),
    ],
)
def test_rule_11_codes_on_request(sandbox: Running, tiktok: TikTok, kind: str, code: int) -> None:
    wish = {"kind": kind, "platform": "tiktok", "operation": "dmp.custom_audience.list"}
    requests.post(f"{sandbox.url}/_sandbox/faults", json=wish, timeout=TIMEOUT)
    assert tiktok.get("dmp/custom_audience/list/")["code"] == code
    assert tiktok.get("dmp/custom_audience/list/")["code"] == 0


def test_what_is_there_from_the_start(tiktok: TikTok) -> None:
    (found,) = tiktok.get("dmp/custom_audience/list/")["data"]["list"]
    assert (found["audience_id"], found["name"]) == (FOREIGN, "made by hand")
    assert found["is_valid"]
