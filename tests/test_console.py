"""The console over HTTP: who may what, forged forms, headers, patience, and no contact anywhere."""

import re
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Formatter

import pytest
import requests
from typer.testing import CliRunner

from audiences.actions import last_actions
from audiences.watching import mark_in_step
from flows.cli import app as commands
from flows.console import texts
from flows.console.app import HEADERS
from flows.console.asked import HERE, Console
from flows.console.door import Door
from flows.console.pages import ROUTES
from flows.console.running import Running, run_in_thread, server
from flows.console.sessions import Patience
from flows.console.users import Users
from flows.console.work import Busy, Job, Work
from flows.workshop import CannotRun, open_workshop
from tests.support.demo_project import refreshed
from tests.support.starter import make_starter

EMAIL = "egor.alekseev.12346@example.com"
"""A person of the sample exports."""
PASSWORD = "correct horse battery"
PATHS = [
    re.sub(r"{fingerprint}", "0" * 64, route.path.replace("{name}", "segments")) for route in ROUTES
]
DOORS = [(route, path) for route, path in zip(ROUTES, PATHS, strict=True) if route.role]


class Browser(requests.Session):
    """A session that knows the address and the token of its forms."""

    def __init__(self, running: Running) -> None:
        super().__init__()
        self._url = running.url

    def open(self, path: str, **more: object) -> requests.Response:
        return self.get(self._url + path, timeout=60, allow_redirects=False, **more)

    def submit(self, path: str, **form: str) -> requests.Response:
        sent = {"token": self.token(), **form}
        return self.post(self._url + path, data=sent, timeout=60, allow_redirects=False)

    def token(self) -> str:
        found = re.search(r'name="token" value="([^"]+)"', self.open("/login").text)
        if found is None:
            found = re.search(r'name="token" value="([^"]+)"', self.open("/person").text)
        assert found
        return found[1]

    def log_in(self, name: str, password: str = PASSWORD) -> requests.Response:
        return self.submit("/login", name=name, password=password)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    return make_starter(tmp_path_factory.mktemp("shop") / "shop")


@pytest.fixture(scope="module")
def console(project) -> Iterator[Running]:
    """Behind a login, with one person of each role."""
    users = Users(project / ".adsteer")
    for role in ("viewer", "editor", "approver"):
        users.put(role, role, PASSWORD)
    with run_in_thread(project, Door(login=True)) as running:
        yield running


@pytest.fixture(scope="module")
def entered(console) -> dict[str, Browser]:
    """A browser of every role."""
    browsers = {role: Browser(console) for role in ("viewer", "editor", "approver")}
    for role, browser in browsers.items():
        assert browser.log_in(role).status_code == 303
    return browsers


@contextmanager
def opened(folder: Path, door: Door | None = None) -> Iterator[Browser]:
    with run_in_thread(folder, door) as running:
        yield Browser(running)


@pytest.mark.parametrize(("route", "path"), DOORS, ids=[f"{r.method} {p}" for r, p in DOORS])
def test_a_stranger_sees_and_does_nothing(console, route, path) -> None:
    stranger = Browser(console)
    if route.method == "GET":
        answer = stranger.open(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login?to=/")
    else:
        assert stranger.submit(path).status_code == 401


@pytest.mark.parametrize(("route", "path"), DOORS, ids=[f"{r.method} {p}" for r, p in DOORS])
def test_a_role_is_demanded_on_the_server(entered, route, path) -> None:
    less = {"editor": ("viewer",), "approver": ("viewer", "editor"), "viewer": ()}[route.role]
    for role in less:
        answer = entered[role].submit(path, why="because")
        assert answer.status_code == 403
        assert texts.text("en", "problem.role") in answer.text


def test_who_may_send_is_the_approver_and_who_may_change_the_editor() -> None:
    least = {(route.method, route.path): route.role for route in ROUTES}
    assert least["POST", "/plan/{fingerprint}/apply"] == "approver"
    assert least["POST", "/plan/{fingerprint}/approve"] == "approver"
    assert least["POST", "/history/kill"] == "approver"
    assert least["POST", "/rules/save"] == "editor"
    without = {route.path for route in ROUTES if route.role is None}
    assert without == {"/health", "/login", "/logout", "/language"}


POSTS = [(route, path) for route, path in zip(ROUTES, PATHS, strict=True) if route.method == "POST"]


@pytest.mark.parametrize(("route", "path"), POSTS, ids=[path for _, path in POSTS])
def test_a_form_from_elsewhere_is_refused(console, entered, route, path) -> None:
    approver = entered["approver"]
    url = console.url + path
    assert approver.post(url, data={}, timeout=60).status_code == 403
    foreign = Browser(console).token()
    assert approver.post(url, data={"token": foreign}, timeout=60).status_code == 403
    crossing = {"Sec-Fetch-Site": "cross-site"}
    mine = {"token": approver.token()}
    assert approver.post(url, data=mine, headers=crossing, timeout=60).status_code == 403


def test_every_answer_has_the_strict_headers(entered) -> None:
    paths = ("/", "/rules", "/login", "/static/console.js", "/nowhere", "/state")
    for path in paths:
        answer = entered["viewer"].open(path)
        for name, value in HEADERS.items():
            assert answer.headers[name] == value, path
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


def test_no_page_needs_what_the_policy_forbids() -> None:
    for path in [*(HERE / "templates").glob("*.html"), *(HERE / "static").glob("*")]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=", text), path.name
        links = re.findall(r"https?://[^\s\"')]+", text)
        assert set(links) <= {"http://www.w3.org/2000/svg"}, path.name


def test_another_name_for_this_machine_is_refused(tmp_path) -> None:
    """A page of another host that resolves to 127.0.0.1 must not read ours."""
    with opened(make_starter(tmp_path / "shop")) as browser:
        assert browser.open("/").status_code == 200
        for name in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", ""):
            assert browser.open("/", headers={"Host": name}).status_code in (400, 421)
        assert browser.open("/", headers={"Host": "localhost:1"}).status_code == 200


def test_a_large_form_is_not_read(entered) -> None:
    answer = entered["editor"].submit("/rules/preview", big="x" * 300_000)
    assert answer.status_code == 413


def test_a_session_is_a_new_one_signed_and_hidden_from_scripts(console) -> None:
    browser = Browser(console)
    browser.open("/login")
    before = dict(browser.cookies)
    answer = browser.log_in("viewer")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert dict(browser.cookies) != before
    (name,) = browser.cookies.keys()
    body, _, signature = browser.cookies[name].partition(".")
    for forged in (f"{body}.{signature[::-1]}", f"{body[:-4]}AAAA.{signature}", body):
        answer = requests.get(
            console.url, cookies={name: forged}, timeout=60, allow_redirects=False
        )
        assert answer.status_code == 303


def test_who_logged_out_cannot_come_back_with_a_copied_cookie(console) -> None:
    browser = Browser(console)
    browser.log_in("viewer")
    copied = dict(browser.cookies)
    assert browser.open("/").status_code == 200
    assert browser.submit("/logout").status_code == 303
    answer = requests.get(console.url, cookies=copied, timeout=60, allow_redirects=False)
    assert answer.status_code == 303


def test_another_role_or_password_ends_open_sessions(console, project) -> None:
    users, browser = Users(project / ".adsteer"), Browser(console)
    users.put("passing", "approver", PASSWORD)
    browser.log_in("passing")
    assert browser.open("/").status_code == 200
    users.put("passing", "viewer", PASSWORD)
    assert browser.open("/").status_code == 303
    users.remove("passing")
    assert browser.log_in("passing").status_code == 403


def test_guessing_passwords_ends_soon(console) -> None:
    browser = Browser(console)
    for _ in range(5):
        assert browser.log_in("editor", "a wrong password").status_code == 403
    answer = browser.log_in("editor")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 901
    assert Browser(console).log_in("viewer").status_code == 303


def test_patience_comes_back() -> None:
    patience = Patience(most=2, seconds=100)
    for moment in (0, 10):
        assert patience.wait("a", moment) == 0
        patience.failed("a", moment)
    assert patience.wait("a", 20) == 80
    assert patience.wait("b", 20) == 0
    assert patience.wait("a", 101) == 0
    patience.succeeded("a")
    assert patience.wait("a", 20) == 0


@pytest.mark.parametrize("to", ["//evil.example", "/\\evil.example", "https://evil.example", "x"])
def test_a_login_leads_nowhere_else(console, to) -> None:
    answer = Browser(console).submit("/login", name="viewer", password=PASSWORD, to=to)
    assert answer.headers["location"] == "/"


def test_a_proxy_is_believed_from_its_address_only(tmp_path) -> None:
    folder = make_starter(tmp_path / "shop")
    Users(folder / ".adsteer").put("olga", "editor", None)
    names = frozenset({"ads.example"})
    told = {"Host": "ads.example", "X-Remote-User": "olga", "X-Forwarded-Proto": "https"}
    near = Door(
        public_names=names, proxy_header="X-Remote-User", proxy_from=frozenset({"127.0.0.1"})
    )
    with opened(folder, near) as browser:
        answer = browser.open("/", headers=told)
        assert answer.status_code == 200
        assert "Secure" in answer.headers["set-cookie"]
        assert "Strict-Transport-Security" in answer.headers
        unknown = browser.open("/", headers={**told, "X-Remote-User": "mallory"})
        assert unknown.status_code == 303
        assert browser.log_in("olga", "").status_code == 403
    far = Door(public_names=names, proxy_header="X-Remote-User", proxy_from=frozenset({"10.9.9.9"}))
    with opened(folder, far) as browser:
        answer = browser.open("/", headers=told)
        assert answer.status_code == 303
        assert "Secure" not in answer.headers["set-cookie"]


def test_no_door_stands_open_by_mistake(tmp_path) -> None:
    folder = make_starter(tmp_path / "shop")
    assert Door().is_open
    for door in (
        Door(host="0.0.0.0"),
        Door(login=True),
        Door(public_names=frozenset({"a.example"})),
    ):
        assert not door.is_open
        with pytest.raises(CannotRun, match="adsteer user add"):
            server(Console(folder, door))
    with pytest.raises(CannotRun, match="proxy-from"):
        Door(proxy_header="X-Remote-User")


def test_passwords_are_kept_as_hashes_in_a_private_file(tmp_path) -> None:
    users = Users(tmp_path)
    users.put("olga", "editor", PASSWORD)
    path = tmp_path / "console" / "users.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert PASSWORD not in path.read_text()
    assert PASSWORD not in repr(users.all())
    assert "scrypt" not in repr(users.all())
    found = users.verified("olga", PASSWORD)
    assert found is not None
    assert found.role == "editor"
    assert users.verified("olga", PASSWORD + "r") is None
    assert users.verified("nobody", PASSWORD) is None
    for name, role, password in (
        ("a b", "viewer", PASSWORD),
        ("a", "boss", PASSWORD),
        ("a", "viewer", "short"),
    ):
        with pytest.raises(CannotRun):
            users.put(name, role, password)


def test_the_command_adds_lists_and_removes_people(tmp_path) -> None:
    folder = str(make_starter(tmp_path / "shop"))

    def run(*arguments: str, given: str = "") -> tuple[int, str]:
        done = CliRunner().invoke(commands, ["user", *arguments, "-p", folder], input=given)
        return done.exit_code, done.output

    assert run("add", "olga", "--role", "editor", given=PASSWORD + "\n")[0] == 0
    code, said = run("list")
    assert (code, said.strip()) == (0, "olga: editor")
    assert run("add", "olga", given="short\n")[0] == 1
    assert run("dance")[0] == 2
    assert run("remove", "olga")[0] == 0
    code, said = run("remove", "olga")
    assert code == 1
    assert "no user olga" in said


def test_a_contact_leads_to_a_person_and_appears_nowhere(tmp_path) -> None:
    folder = tmp_path / "shop"
    refreshed(folder)
    with run_in_thread(folder) as running:
        browser = Browser(running)
        found = browser.submit("/person", who=EMAIL)
        nobody = browser.submit("/person", who="nobody.at.all@example.com")
        empty = browser.submit("/person", who=" ")
        log = browser.open("/log").text
        with running.console.workshop() as workshop:
            lines = last_actions(workshop.catalog)
    person = re.search(r'class="tag">(p\w{10,})<', found.text)
    assert found.status_code == 200
    assert person
    assert (nobody.status_code, empty.status_code) == (404, 404)
    for page in (found.text, nobody.text, log):
        assert "example.com" not in page
        assert "egor" not in page
    assert [one.said for one in lines] == ["nobody found", "nobody found", person[1]]
    assert {one.what for one in lines} == {"explain"}
    stored = sqlite3.connect(folder / ".adsteer" / "catalog.db")
    assert EMAIL not in "\n".join(stored.iterdump())


def test_every_page_opens_before_anything_was_read(tmp_path) -> None:
    pages = (
        "/",
        "/segments",
        "/audiences",
        "/rules",
        "/plan",
        "/history",
        "/freshness",
        "/quality",
        "/log",
    )
    with opened(make_starter(tmp_path / "shop")) as browser:
        for language in texts.LANGUAGES:
            assert browser.submit("/language", language=language, to="/rules").status_code == 303
            for path in pages:
                answer = browser.open(path)
                assert answer.status_code == 200, path
                assert f'<html lang="{language}">' in answer.text
            assert texts.text(language, "nav.rules") in browser.open("/").text


def test_broken_settings_are_told_and_not_a_crash(tmp_path) -> None:
    folder = make_starter(tmp_path / "shop")
    with opened(folder) as browser:
        (folder / "bid_rules.toml").write_text("enabled = 'perhaps'\n")
        answer = browser.open("/")
        assert answer.status_code == 409
        assert "bid_rules.toml: enabled" in answer.text


def test_every_deed_and_failure_at_the_door_is_in_the_log(console, entered) -> None:
    Browser(console).log_in("nobody-of-this-name", "a wrong password")
    with console.console.workshop() as workshop:
        lines = last_actions(workshop.catalog)
    assert lines[0].what == "login.failed"
    assert lines[0].said == "from 127.0.0.1"
    assert ("viewer", "viewer") in {(one.who, one.role) for one in lines if one.what == "login"}
    assert not any("nobody-of-this-name" in str(one) for one in lines)
    assert "wrong password" in entered["viewer"].open("/log").text


def used_keys() -> set[str]:
    """Keys that templates and code name in full, and all that begin like those they complete."""
    sources = [*(HERE / "templates").glob("*.html"), *HERE.glob("*.py")]
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    whole = set(re.findall(r"[\"']([a-z]+\.[a-z_]+)[\"']", code))
    begun = set(re.findall(r"[\"']([a-z]+\.(?:[a-z]+_)?)[\"'] ~", code))
    keys = set(texts.catalogue())
    return (whole & keys) | {key for key in keys if key.startswith(tuple(begun))}


def test_every_text_is_there_in_every_language_and_used() -> None:
    for key, told in texts.catalogue().items():
        assert set(told) == set(texts.LANGUAGES), key
        figures = {
            tuple(sorted({name for _, name, _, _ in Formatter().parse(text) if name}))
            for text in told.values()
        }
        assert len(figures) == 1, key
        assert all(text.strip() for text in told.values()), key
    unused = set(texts.catalogue()) - used_keys()
    assert not unused


def test_every_key_that_a_page_names_exists() -> None:
    for path in [*(HERE / "templates").glob("*.html"), *HERE.glob("*.py")]:
        code = path.read_text(encoding="utf-8")
        named = re.findall(
            r"\b(?:t|say|Refused\(\d+, |Said)\(?[\"']([a-z]+\.[a-z_]+)[\"'][,)]", code
        )
        missing = [key for key in named if not texts.has(key)]
        assert not missing, path.name


def test_every_deed_has_a_name_in_the_log() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in HERE.glob("*.py"))
    started = set(re.findall(r"jobs\.start\(asked, \"([a-z.]+)\"", code))
    recorded = set(re.findall(r"\.record\(\s*workshop, [^\"]*\"([a-z.]+)\"", code))
    assert {"plan", "apply", "kill"} <= started
    assert {"approve", "reject", "rules", "login"} <= recorded
    for what in {*recorded, *started, *(f"{one}.end" for one in started)}:
        assert texts.has(f"action.{what.replace('.', '_')}"), what
    for what in started:
        assert texts.has(f"job.{what.replace('.', '_')}"), what


def test_numbers_are_written_as_the_language_does() -> None:
    assert texts.number("en", 1234567.891, 2) == "1,234,567.89"
    assert texts.number("ru", 1234567.891, 2) == "1\u00a0234\u00a0567,89"
    assert texts.number("uk", None) == "–"
    assert texts.correction("en", -30) == "−30\u00a0%"
    assert texts.correction("ru", 50) == "+50\u00a0%"
    assert texts.percent("ru", 0.0784) == "7,8\u00a0%"
    now = datetime(2026, 1, 3, 12, tzinfo=UTC)
    assert texts.age("en", datetime(2026, 1, 3, 11, 50, tzinfo=UTC), now) == "10 min ago"
    assert texts.age("en", datetime(2026, 1, 1, tzinfo=UTC), now) == "2 d ago"
    assert texts.age("en", datetime(2026, 1, 4, tzinfo=UTC), now) == "just now"


def finished(work: Work, *, do) -> Job:
    """The job as it ended."""
    import threading

    over = threading.Event()
    work.start("plan", "olga", do, done=lambda _job: over.set())
    assert over.wait(60)
    while work.job is None or work.job.runs:
        over.wait(0.01)
    return work.job


def test_long_work_is_one_at_a_time_and_its_failure_is_told_plainly() -> None:
    import threading

    work = Work(lambda: datetime(2026, 1, 1, tzinfo=UTC))
    go, over = threading.Event(), threading.Event()

    def slow(step) -> dict[str, str]:
        step("half way")
        assert go.wait(60)
        return {"fingerprint": "abc"}

    work.start("plan", "olga", slow, done=lambda _job: over.set())
    with pytest.raises(Busy):
        work.start("apply", "ivan", slow, done=lambda _job: None)
    go.set()
    assert over.wait(60)

    def refused(_step) -> dict[str, str]:
        raise CannotRun("run refresh first")

    def broken(_step) -> dict[str, str]:
        raise KeyError(EMAIL)

    while work.job is None or work.job.runs:
        go.wait(0.01)
    assert work.job.document == {"fingerprint": "abc"}
    assert finished(work, do=refused).failed == "run refresh first"
    bug = finished(work, do=broken).failed
    assert bug.startswith("KeyError")
    assert EMAIL not in bug


def test_a_list_past_its_limit_is_shown_as_too_old(tmp_path) -> None:
    folder = make_starter(tmp_path / "shop")
    with open_workshop(folder) as workshop:
        long_ago = workshop.now() - timedelta(days=400)
        mark_in_step(workshop.catalog, "audiences", ["yandex_lists/vip"], now=long_ago)
    with opened(folder) as browser:
        overview, page = browser.open("/").text, browser.open("/freshness").text
    assert "1 things are older than they may get" in overview
    assert page.count(">too old<") == 1
    assert page.count(">not yet<") > 10
    assert page.index(">too old<") > page.index("yandex_lists/vip<")
