"""The played Yandex Audience against its documented contract, rule by rule, over plain HTTP."""

import hashlib

import pytest
import requests

from connectors.sandbox import yandex_audience
from connectors.sandbox.server import Running
from tests.support.sandbox_yandex import Audience, crm, digest, refusal

HOURS_2 = 7200
FOREIGN = 4_900_001


@pytest.fixture
def audience(sandbox: Running) -> Audience:
    return Audience(sandbox)


@pytest.fixture
def ready(sandbox: Running, audience: Audience) -> int:
    """A processed segment of 300 people."""
    number = audience.confirmed(crm(range(300)))
    sandbox.world.move_clock(HOURS_2)
    assert audience.segment(number)["status"] == "processed"
    return number


def held(sandbox: Running, number: int) -> set[str]:
    state = requests.get(f"{sandbox.url}/_sandbox/state", timeout=20).json()
    lists = state["platforms"]["yandex_audience"]["lists"]
    return set(next(one for one in lists if one["id"] == number)["members"])


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", (401, "unauthorized")),
        ("Bearer sandbox-token", (401, "unauthorized")),
        ("OAuth expired-token", (401, "unauthorized")),
        ("OAuth revoked-token", (403, "invalid_token")),
        ("OAuth nobody-knows", (403, "invalid_token")),
    ],
)
def test_rule_1_only_oauth_with_a_living_token_is_let_in(
    sandbox: Running, header: str, expected: tuple[int, str]
) -> None:
    assert refusal(Audience(sandbox, header).ask("GET", "segments")) == expected


def test_rule_2_an_upload_needs_a_part_named_file(audience: Audience) -> None:
    path = "segments/upload_csv_file"
    wrong = {"data": ("people.csv", crm(range(9)))}
    for given in ({"files": wrong}, {"json": {}}, {"data": {"file": "phone,email"}}):
        assert refusal(audience.ask("POST", path, **given)) == (400, "missing_parameter")


@pytest.mark.parametrize("header", ["id,name", "", "phone,phone"])
def test_rule_2_a_crm_file_must_name_phone_or_email(audience: Audience, header: str) -> None:
    answer = audience.upload(crm(range(3), header))
    assert refusal(answer) == (400, "header_validation_error")


def test_rule_2_free_extra_columns_are_allowed(audience: Audience) -> None:
    content = f"external_id,phone,email\n7,{digest('p')},{digest('e')}\n".encode()
    segment = audience.upload(content).json()["segment"]
    assert (segment["status"], segment["hashed"], segment["used_hashing_alg"]) == (
        "uploaded",
        True,
        "SHA256",
    )
    assert "name" not in segment


def test_rule_2_a_file_in_no_known_encoding_is_refused(audience: Audience) -> None:
    answer = audience.upload(b"phone,email\n\x98\xff,\x98\n")
    assert refusal(answer) == (400, "invalid_uploading")


def test_rule_2_windows_1251_is_read(audience: Audience) -> None:
    content = "phone,email,город\n79990000001,,Москва\n".encode("cp1251")
    assert audience.upload(content).status_code == 200


def test_rule_2_too_large_a_file_is_refused(
    audience: Audience, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yandex_audience, "MAX_UPLOAD_BYTES", 1000)
    assert refusal(audience.upload(crm(range(50)))) == (400, "invalid_uploading")


def test_rule_3_the_minimum_is_checked_at_confirm_not_at_upload(audience: Audience) -> None:
    number = audience.uploaded(crm(range(99)))
    assert refusal(audience.confirm(number)) == (400, "invalid_parameter")
    assert audience.confirm(number, query="?check_size=false").status_code == 200
    assert audience.confirm(audience.uploaded(crm(range(100)))).status_code == 200


def test_rule_4_md5_is_refused(audience: Audience) -> None:
    rows = [hashlib.md5(str(n).encode()).hexdigest() for n in range(200)]
    number = audience.uploaded("\n".join(["email", *rows, ""]).encode())
    assert audience.segment(number)["used_hashing_alg"] == "MD5"
    for algorithm in ("MD5", "SHA256"):
        answer = audience.confirm(number, hashing_alg=algorithm)
        assert refusal(answer) == (400, "invalid_parameter")


def test_rule_4_bad_rows_lower_the_valid_share(sandbox: Running, audience: Audience) -> None:
    plain = [f"7999000{n:04},a{n}@example.com" for n in range(150)]
    bad = [f"+7 (999) 000-{n:02},B{n}@Example.com" for n in range(50)]
    number = audience.uploaded("\n".join(["phone,email", *plain, *bad, ""]).encode())
    assert audience.confirm(number, hashed=False).status_code == 200
    sandbox.world.move_clock(HOURS_2)
    segment = audience.segment(number)
    assert (segment["item_quantity"], segment["valid_unique_quantity"]) == (200, 150)
    assert segment["valid_unique_percentage"] == "75.00"
    assert digest("79990000000") in held(sandbox, number)


def test_rule_4_a_plain_file_declared_hashed_has_no_valid_row(
    sandbox: Running, audience: Audience
) -> None:
    rows = [f"7999000{n:04}," for n in range(150)]
    number = audience.uploaded("\n".join(["phone,email", *rows, ""]).encode())
    assert audience.confirm(number).status_code == 200
    sandbox.world.move_clock(HOURS_2)
    assert audience.segment(number)["status"] == "few_data"


@pytest.mark.parametrize(
    "wish",
    [
        {"name": ""},
        {"name": None},
        {"content_type": "people"},
        {"content_type": "mac"},
        {"hashing_alg": "SHA1"},
        {"hashed": 1},
        {"id": 17},
        {"device_matching_type": "ANY"},
    ],
)
def test_confirm_takes_only_what_the_contract_names(
    audience: Audience, wish: dict[str, object]
) -> None:
    answer = audience.confirm(audience.uploaded(crm(range(200))), **wish)
    assert answer.status_code == 400
    assert refusal(answer)[1] in ("invalid_parameter", "missing_parameter")


def test_rule_5_states_follow_the_clock(sandbox: Running, audience: Audience) -> None:
    number = audience.uploaded(crm(range(300)))
    assert audience.segment(number)["status"] == "uploaded"
    assert audience.confirm(number).json()["segment"]["status"] == "is_processed"
    sandbox.world.move_clock(HOURS_2 - 60)
    waiting = audience.segment(number)
    assert waiting["status"] == "is_processed"
    assert "matched_quantity" not in waiting
    sandbox.world.move_clock(60)
    assert audience.segment(number)["status"] == "processed"
    assert refusal(audience.confirm(number)) == (400, "invalid_parameter")


def test_rule_5_few_found_people_end_in_few_data(sandbox: Running, audience: Audience) -> None:
    number = audience.confirmed(crm(range(10)), query="?check_size=false")
    sandbox.world.move_clock(HOURS_2)
    assert audience.segment(number)["status"] == "few_data"


def test_rule_5_processing_can_fail(sandbox: Running, audience: Audience) -> None:
    fault = {"kind": "processing_failed", "operation": "confirm"}
    requests.post(f"{sandbox.url}/_sandbox/faults", json=fault, timeout=20)
    number = audience.confirmed(crm(range(300)))
    sandbox.world.move_clock(HOURS_2)
    assert audience.segment(number)["status"] == "processing_failed"


def test_rule_6_no_change_while_unsettled(sandbox: Running, audience: Audience) -> None:
    number = audience.uploaded(crm(range(300)))
    more = crm(range(300, 400))
    assert refusal(audience.modify(number, "addition", more))[0] == 400
    audience.confirm(number)
    assert refusal(audience.modify(number, "addition", more))[0] == 400
    sandbox.world.move_clock(HOURS_2)
    answer = audience.modify(number, "addition", more)
    assert answer.json()["segment"]["status"] == "is_updated"
    assert refusal(audience.modify(number, "addition", crm(range(500, 600))))[0] == 400
    assert audience.segment(number)["item_quantity"] == 300  # the old figures until it is done
    sandbox.world.move_clock(HOURS_2)
    assert audience.segment(number)["item_quantity"] == 400


def test_rule_6_the_same_file_again_is_no_change(
    sandbox: Running, audience: Audience, ready: int
) -> None:
    assert refusal(audience.modify(ready, "replace", crm(range(300)))) == (400, "no_changes")
    more = crm(range(300, 350))
    assert audience.modify(ready, "addition", more).status_code == 200
    sandbox.world.move_clock(HOURS_2)
    assert refusal(audience.modify(ready, "addition", more)) == (400, "no_changes")


def test_rule_6_header_and_form_must_be_those_of_the_first_file(
    audience: Audience, ready: int
) -> None:
    plain = "phone,email\n" + "".join(f"7999000{n:04},\n" for n in range(200))
    answer = audience.modify(ready, "addition", plain.encode())
    assert refusal(answer) == (400, "invalid_parameter")
    answer = audience.modify(
        ready,
        "addition",
        crm(range(400), "phone,email")
        .replace(b"phone,", b"email,", 1)
        .replace(b",email", b",phone", 1),
    )
    assert refusal(answer) == (400, "header_validation_error")
    assert refusal(audience.modify(ready, "appendix", crm(range(3)))) == (400, "invalid_parameter")


def test_addition_subtraction_and_replace_change_members(
    sandbox: Running, audience: Audience, ready: int
) -> None:
    def people(numbers: range) -> set[str]:
        return {digest(f"{kind} {n}") for n in numbers for kind in ("phone", "email")}

    for how, sent, expected in (
        ("addition", range(200, 400), range(400)),
        ("subtraction", range(100), range(100, 400)),
        ("replace", range(1000, 1150), range(1000, 1150)),
    ):
        assert audience.modify(ready, how, crm(sent)).status_code == 200
        sandbox.world.move_clock(HOURS_2)
        assert held(sandbox, ready) == people(expected)
        assert audience.segment(ready)["item_quantity"] == len(expected)


def test_a_change_may_not_leave_too_few_people(audience: Audience, ready: int) -> None:
    small = crm(range(3))
    assert refusal(audience.modify(ready, "replace", small)) == (400, "invalid_parameter")
    answer = audience.modify(ready, "replace", small, query="&check_size=false")
    assert answer.status_code == 200


def lookalike(audience: Audience, source: int, value: object) -> requests.Response:
    wish = {"name": "alike", "lookalike_link": source, "lookalike_value": value}
    return audience.ask("POST", "segments/create_lookalike", json={"segment": wish})


@pytest.mark.parametrize("value", [0, 6, 2.5, "2", True])
def test_rule_7_lookalike_value_is_a_whole_number_from_1_to_5(
    audience: Audience, value: object
) -> None:
    assert refusal(lookalike(audience, FOREIGN, value)) == (400, "invalid_parameter")


def test_rule_7_a_source_must_exist_and_be_processed(audience: Audience) -> None:
    assert refusal(lookalike(audience, 17, 2)) == (404, "not_found")
    waiting = audience.confirmed(crm(range(300)))
    assert refusal(lookalike(audience, waiting, 2)) == (400, "invalid_parameter")


def test_rule_7_a_lookalike_leaves_out_its_source(sandbox: Running, audience: Audience) -> None:
    rows = [f"{digest(f'sandbox person {n}')}," for n in range(200)]
    source = audience.confirmed("\n".join(["phone,email", *rows, ""]).encode())
    sandbox.world.move_clock(HOURS_2)
    made = lookalike(audience, source, 1).json()["segment"]
    assert (made["type"], made["status"]) == ("lookalike", "is_processed")
    assert (made["lookalike_link"], made["maintain_geo_distribution"]) == (source, True)
    people = held(sandbox, made["id"])
    assert people
    assert not people & held(sandbox, source)
    assert audience.segment(source)["derivatives"] == [made["id"]]


def test_rule_8_reprocessing_needs_a_settled_segment(audience: Audience) -> None:
    number = audience.uploaded(crm(range(300)))
    answer = audience.ask("PUT", f"segment/{number}/reprocess")
    assert refusal(answer) == (400, "reprocess_wrong_status")


def test_rule_8_two_reprocessings_a_day(sandbox: Running, audience: Audience, ready: int) -> None:
    for _ in range(2):
        answer = audience.ask("PUT", f"segment/{ready}/reprocess")
        assert answer.json() == {"success": True}
        sandbox.world.move_clock(HOURS_2)
    assert refusal(audience.ask("PUT", f"segment/{ready}/reprocess")) == (429, "quota")
    sandbox.world.move_clock(86400)
    assert audience.ask("PUT", f"segment/{ready}/reprocess").status_code == 200


def test_rule_9_ten_changes_a_minute_and_failed_ones_count(
    sandbox: Running, audience: Audience
) -> None:
    sandbox.world.change(quotas=True, speed=0.0)
    for _ in range(10):
        assert audience.ask("DELETE", "segment/17").status_code == 404
    assert refusal(audience.ask("DELETE", "segment/17")) == (429, "quota")
    assert audience.ask("GET", "segments").status_code == 200  # reading has its own count
    sandbox.world.move_clock(60)
    assert audience.ask("DELETE", "segment/17").status_code == 404


@pytest.mark.parametrize(("wait", "most"), [(61, 100), (3601, 500)])
def test_rule_9_changes_an_hour_and_a_day(
    sandbox: Running, audience: Audience, monkeypatch: pytest.MonkeyPatch, wait: int, most: int
) -> None:
    """The bars of 100 an hour and 500 a day, lowered to 4 and 6 for speed."""
    monkeypatch.setattr(yandex_audience, "CHANGES", ((3600.0, {100: 4, 500: 99}[most], "hour"),))
    monkeypatch.setattr(yandex_audience, "CHANGES_PER_DAY", 6)
    sandbox.world.change(quotas=True, speed=0.0)
    midnight = 86400 - (sandbox.world.now() + 3 * 3600) % 86400
    sandbox.world.move_clock(midnight)
    allowed = {100: 4, 500: 6}[most]
    for _ in range(allowed):
        assert audience.ask("DELETE", "segment/17").status_code == 404
        sandbox.world.move_clock(wait)
    assert refusal(audience.ask("DELETE", "segment/17")) == (429, "quota")
    sandbox.world.move_clock(86400)
    assert audience.ask("DELETE", "segment/17").status_code == 404


def test_rule_9_thirty_requests_a_second(sandbox: Running, audience: Audience) -> None:
    sandbox.world.change(quotas=True, speed=0.0)
    statuses = [audience.ask("GET", "segments").status_code for _ in range(31)]
    assert statuses == [200] * 30 + [429]
    sandbox.world.move_clock(1)
    assert audience.ask("GET", "segments").status_code == 200


def test_rule_10_the_list_pages_and_knows_no_single_segment(audience: Audience) -> None:
    number = audience.uploaded(crm(range(3)))
    assert [one["id"] for one in audience.segments()] == [FOREIGN, number]
    assert [one["id"] for one in audience.segments(limit=1, offset=1)] == [number]
    assert audience.ask("GET", f"segment/{number}").status_code in (404, 405)
    assert refusal(audience.ask("GET", "segments?limit=many")) == (400, "invalid_parameter")


def test_rule_10_put_changes_the_name_only(audience: Audience, ready: int) -> None:
    wish = {"segment": {"name": "renamed", "content_type": "mac", "id": 3}}
    assert audience.ask("PUT", f"segment/{ready}", json=wish).status_code == 200
    segment = audience.segment(ready)
    assert (segment["name"], segment["content_type"]) == ("renamed", "crm")


def test_rule_10_a_deleted_source_leaves_its_lookalikes_unusable(
    sandbox: Running, audience: Audience, ready: int
) -> None:
    made = lookalike(audience, ready, 2).json()["segment"]["id"]
    sandbox.world.move_clock(HOURS_2)
    assert audience.segment(made)["status"] == "processed"
    assert audience.ask("DELETE", f"segment/{ready}").json() == {"success": True}
    assert audience.segment(made)["status"] == "processing_failed"
    assert refusal(audience.ask("DELETE", f"segment/{ready}")) == (404, "not_found")


def test_rule_11_matches_are_a_function_of_the_people(sandbox: Running, audience: Audience) -> None:
    one = audience.confirmed(crm(range(400)))
    other = audience.confirmed(crm(reversed(range(400))))
    sandbox.world.move_clock(HOURS_2)
    first, second = audience.segment(one), audience.segment(other)
    counts = ("matched_quantity", "cookies_matched_quantity", "matched_percentage")
    assert [first[k] for k in counts] == [second[k] for k in counts]
    # A person is known by phone or e-mail, each with 70 %: about 91 % of 400.
    assert 340 <= first["matched_quantity"] <= 385
    assert isinstance(first["matched_percentage"], str)


def test_device_ids_and_mac_addresses_come_as_bare_lists(
    sandbox: Running, audience: Audience
) -> None:
    macs = ",".join(f"AE1234{n:06X}" for n in range(150)).encode()
    answer = audience.upload(macs, "segments/upload_file").json()["segment"]
    assert (answer["content_type"], answer["hashed"]) == ("mac", False)
    assert audience.confirm(answer["id"], hashed=False, content_type="mac").status_code == 200
    octets = bytes.fromhex("AE1234000000")
    assert hashlib.sha256(octets).hexdigest() in held(sandbox, answer["id"])
    gaids = "\n".join(f"38400000-8cf0-11bd-b23e-{n:012x}" for n in range(150)).encode()
    answer = audience.upload(gaids, "segments/upload_file").json()["segment"]
    assert answer["content_type"] == "idfa_gaid"
