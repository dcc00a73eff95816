"""The console in a real browser, against the sandbox: one project, from start to way back."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from bids.ledger import BidLedger
from flows import loop
from flows.console.door import Door
from flows.console.running import Running, run_in_thread
from flows.console.users import Users
from flows.workshop import open_workshop
from tests.support.starter import make_starter, starter_sandbox

CHROMIUM = shutil.which("chromium")
PATIENCE = 300_000
"""Milliseconds; the machine may be busy."""
PAGES = (
    "/",
    "/segments",
    "/audiences",
    "/rules",
    "/plan",
    "/history",
    "/freshness",
    "/quality",
    "/person",
    "/log",
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine"),
]


@dataclass
class Desk:
    """A refreshed starter project, its console, and the browser before it."""

    folder: Path
    running: Running
    browser: Browser
    complaints: list[str] = field(default_factory=list)
    """What the browser had to complain about, on any page."""

    def page(self, url: str | None = None, *, width: int = 1280) -> Page:
        context = self.browser.new_context(
            base_url=url or self.running.url,
            viewport={"width": width, "height": 800},
            locale="en-GB",
        )
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", self._failed)
        return page

    def _heard(self, message) -> None:
        said = f"{message.text} at {message.location.get('url')}"
        form_came_back = "status of 422" in said and said.endswith("/rules/review")
        if message.type in ("error", "warning") and not form_came_back:
            self.complaints.append(said)

    def _failed(self, request) -> None:
        # a newer preview, or a page that was left, ends the request of the older one
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"{request.url}: {request.failure}")

    def bids(self) -> dict[str, int]:
        """What the platform answers now, by segment; every object has the same."""
        with open_workshop(self.folder) as workshop:
            ours = BidLedger(workshop.catalog).recorded("yandex_ads")
            objects = sorted({one.object for one in ours})
            there = workshop.bids_of("yandex_ads").read_corrections(objects)
        segments = {one.condition_id: one.segment for one in ours}
        found: dict[str, set[int]] = {}
        for one in there:
            if one.condition_id in segments:
                found.setdefault(segments[one.condition_id], set()).add(one.percent)
        assert all(len(percents) == 1 for percents in found.values())
        return {name: percents.pop() for name, percents in found.items()}


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Iterator[Desk]:
    folder = make_starter(tmp_path_factory.mktemp("browser") / "shop")
    with pytest.MonkeyPatch.context() as patch, starter_sandbox(patch):
        patch.delenv("PREFECT_API_URL", raising=False)
        with open_workshop(folder) as workshop:
            loop.refresh(workshop)
        with run_in_thread(folder) as running, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM)
            expect.set_options(timeout=PATIENCE)
            try:
                yield Desk(folder, running, browser)
            finally:
                expect.set_options(timeout=5_000)
                browser.close()


def press(page: Page, button: str | Locator) -> None:
    """Press a button, and wait until the page it leads to shows no work going on."""
    with page.expect_navigation():
        (page.get_by_role("button", name=button) if isinstance(button, str) else button).click()
    expect(page.locator("body:not([data-job])")).to_be_attached()


def test_a_rule_is_changed_looked_at_approved_sent_and_taken_back(desk) -> None:
    page = desk.page()
    page.goto("/")
    press(page, "Make a plan")
    page.goto("/plan")
    expect(page.locator("h1 .tag")).to_have_text("ready")
    press(page, "Send this plan")
    expect(page.locator("h1 .tag")).to_have_text("sent")
    assert desk.bids()["vip"] == -30

    page.goto("/rules")
    vip = page.get_by_label("VIP", exact=True)
    expect(vip).to_have_value("-30")
    vip.fill("-40")
    row = page.locator("#preview tbody tr", has_text=re.compile(r"^\s*VIP(?! at risk)")).first
    expect(row).to_contain_text("−40")
    expect(row).to_contain_text("Changed too recently")
    press(page, "Review changes")
    expect(page.locator(".diff .minus")).to_contain_text(["correction = -30"])
    expect(page.locator(".diff .plus")).to_contain_text(["correction = -40"])
    assert "-40" not in (desk.folder / "bid_rules.toml").read_text(encoding="utf-8")
    press(page, "Save")
    expect(page.get_by_role("status")).to_contain_text("Saved.")
    assert "correction = -40" in (desk.folder / "bid_rules.toml").read_text(encoding="utf-8")
    assert desk.bids()["vip"] == -30

    press(page, "Make a plan")
    expect(page.locator("h1 .tag")).to_have_text("waits for a decision")
    expect(page.locator(".refusals")).to_contain_text("cooldown is 7 days")
    expect(page.get_by_role("button", name="Send this plan")).to_have_count(0)
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("h1 .tag")).to_have_text("waits for a decision")
    page.get_by_label("Reason").fill("the first week was a rehearsal")
    press(page, "Approve")
    expect(page.locator("h1 .tag")).to_have_text("approved")
    assert desk.bids()["vip"] == -30
    press(page, "Send this plan")
    expect(page.locator("h1 .tag")).to_have_text("sent")
    assert desk.bids()["vip"] == -40
    assert desk.bids()["loyal"] == -30

    page.goto("/history")
    first = page.locator("details", has=page.locator("form[action='/history/bids']"))
    first.locator("summary").click()
    first.get_by_label("Reason").fill("it was too much")
    press(page, first.get_by_role("button", name="Back to this state"))
    assert desk.bids()["vip"] == -30
    page.goto("/log")
    for said in ("the first week was a rehearsal", "it was too much", "vip: -30 to -40"):
        expect(page.locator("table")).to_contain_text(said)
    page.context.close()


def test_a_rejected_plan_leaves_everything_and_cannot_be_sent(desk) -> None:
    page = desk.page()
    before = desk.bids()
    page.goto("/rules")
    page.get_by_label("Loyal", exact=True).fill("-45")
    press(page, "Review changes")
    press(page, "Save")
    press(page, "Make a plan")
    page.get_by_label("Reason").fill("not before the sale ends")
    press(page, "Reject")
    expect(page.locator("h1 .tag")).to_have_text("rejected")
    expect(page.get_by_role("button", name="Send this plan")).to_have_count(0)
    token = page.locator("input[name=token]").first.get_attribute("value")
    answer = page.request.post(page.url + "/apply", form={"token": str(token)})
    assert answer.status == 409
    assert desk.bids() == before
    page.context.close()


def test_what_is_wrong_is_said_at_its_field_while_typing(desk) -> None:
    page = desk.page()
    page.goto("/rules")
    field = page.get_by_label("New", exact=True)
    for typed, said in (("150", "Within the limits: -50 to 100"), ("x", "A whole number such as")):
        field.fill(typed)
        expect(field).to_have_attribute("aria-invalid", "true")
        place = page.locator(f"#{field.get_attribute('aria-describedby')}")
        expect(place).to_contain_text(said)
    press(page, "Review changes")
    expect(page.get_by_label("New", exact=True)).to_have_value("x")
    expect(page.get_by_role("alert").filter(has_text="A whole number such as")).to_be_visible()
    page.get_by_label("New", exact=True).fill("55")
    expect(page.get_by_label("New", exact=True)).not_to_have_attribute("aria-invalid", "true")
    page.context.close()


def test_every_page_fits_a_phone(desk) -> None:
    page = desk.page(width=360)
    for path in PAGES:
        page.goto(path)
        if path == "/rules":
            expect(page.locator(".preview")).to_have_attribute("aria-busy", "false")
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, path
        sticking_out = page.evaluate(
            """() => [...document.querySelectorAll("main *")]
                .filter((one) => one.getBoundingClientRect().right > window.innerWidth + 1)
                .filter((one) => !one.closest(".unseen, thead, pre"))
                .map((one) => one.tagName + "." + one.className)"""
        )
        assert sticking_out == [], path
    page.context.close()


NAMELESS = """() => [...document.querySelectorAll("input:not([type=hidden]), select, button, a")]
    .filter((one) => one.getClientRects().length)
    .filter((one) => !(one.labels && one.labels.length) && !one.getAttribute("aria-label")
        && !one.textContent.trim() && !one.querySelector("img[alt]:not([alt=''])"))
    .map((one) => one.outerHTML)"""


def test_everything_that_takes_input_has_a_name(desk) -> None:
    page = desk.page()
    for path in PAGES:
        page.goto(path)
        assert page.evaluate(NAMELESS) == [], path
        assert page.evaluate("document.querySelectorAll('[tabindex]:not(main, pre)').length") == 0
        assert page.locator("h1").count() == 1
    page.context.close()


FOCUSED = """() => {
    const style = getComputedStyle(document.activeElement);
    return [document.activeElement.id || document.activeElement.textContent.trim(),
        style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2];
}"""


def test_a_rule_can_be_changed_with_the_keyboard_alone(desk) -> None:
    page = desk.page()
    page.goto("/rules")
    order = []
    while "rule-1-correction" not in order:
        page.keyboard.press("Tab")
        name, seen = page.evaluate(FOCUSED)
        assert seen, f"the focus on {name} cannot be seen"
        order.append(name)
        assert len(order) < 60
    assert order[0] == "Skip to the content"
    assert order.index("adsteer") < order.index("Overview") < order.index("Bid rules")
    assert order.index("Bid rules") < order.index("rule-0-correction")
    page.keyboard.press("Control+A")
    page.keyboard.type("-31")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.locator(".diff .plus")).to_contain_text(["correction = -31"])
    page.context.close()


def test_the_language_is_a_press_away(desk) -> None:
    page = desk.page()
    page.goto("/rules")
    press(page, "ru")
    expect(page.locator("h1")).to_have_text("Правила ставок")
    assert page.locator("html").get_attribute("lang") == "ru"
    field = page.get_by_label("Новые", exact=True)
    field.fill("150")
    expect(page.locator("#fault-rule-2-correction")).to_have_text("В пределах: от -50 до 100")
    page.goto("/audiences")
    expect(page.locator("h1")).to_have_text("Аудитории")
    page.context.close()


def test_who_only_reads_logs_in_and_finds_nothing_to_press(desk) -> None:
    Users(desk.folder / ".adsteer").put("ivan", "viewer", "correct horse battery")
    with run_in_thread(desk.folder, Door(login=True)) as running:
        page = desk.page(running.url)
        page.goto("/rules")
        page.wait_for_url(re.compile("/login"))
        page.get_by_label("Name").fill("ivan")
        page.get_by_label("Password").fill("correct horse battery")
        page.keyboard.press("Enter")
        page.wait_for_url(running.url + "/rules")
        expect(page.get_by_text("This needs the role “editor”.")).to_be_visible()
        names = page.get_by_role("button").all_inner_texts()
        assert {name.lower() for name in names} == {"en", "ru", "uk", "log out"}
        press(page, "Log out")
        page.goto("/plan")
        page.wait_for_url(re.compile("/login"))
        page.context.close()


def test_the_browser_had_nothing_to_complain_about(desk) -> None:
    """Last in this file: no script error, no blocked style, no missing picture on any page."""
    page = desk.page()
    for path in PAGES:
        page.goto(path)
        page.wait_for_load_state("networkidle")
    page.context.close()
    assert desk.complaints == []
