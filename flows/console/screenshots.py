"""`python -m flows.console.screenshots`: a picture of every page, for docs/img.

Makes the starter project in a temporary folder, runs it against the sandbox through the console
itself, as a person would, and photographs it with the Chromium of this machine.
"""

import os
import shutil
import sys
import tempfile
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from config.init import write_starter
from config.sample import write_sample_exports
from connectors.sandbox.server import run_in_thread as run_sandbox
from connectors.sandbox.world import Settings
from flows.console.running import run_in_thread as run_console

if typing.TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SPEED = 3600.0
WIDE = {"width": 1360, "height": 860}
PHONE = {"width": 390, "height": 844}
PATIENCE = 600_000
"""Milliseconds for a step; the machine may be busy."""
COLOURS = 200
"""Flat surfaces and few hues: more are not seen, and a repository keeps pictures for ever."""

IMAGES = Path(__file__).parents[2] / "docs" / "img"


class Photographer:
    """Walks through a console and takes pictures."""

    def __init__(self, browser: "Browser", url: str, folder: Path) -> None:
        self._browser, self._url, self._folder = browser, url, folder
        self.page = self._new(WIDE)

    def _new(self, size: dict[str, int], **more: str) -> "Page":
        context = self._browser.new_context(
            viewport={"width": size["width"], "height": size["height"]},
            locale=more.get("locale", "en-GB"),
            color_scheme="dark" if more.get("scheme") == "dark" else "light",
        )
        context.set_default_timeout(PATIENCE)
        return context.new_page()

    def go(self, path: str) -> None:
        """Open a page."""
        self.page.goto(self._url + path)

    def press(self, button: str) -> None:
        """Press a button and wait until the work it starts is done."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=button).first.click()
        self.page.locator("body:not([data-job])").wait_for()
        self.page.wait_for_load_state("networkidle")

    def take(self, name: str, page: "Page | None" = None) -> None:
        """A picture of the whole page."""
        path = self._folder / f"console-{name}.png"
        (page or self.page).screenshot(path=path, full_page=True)
        Image.open(path).convert("RGB").quantize(COLOURS).save(path, optimize=True)
        print(path)

    def take_other(self, name: str, path: str, size: dict[str, int], **more: str) -> None:
        """A picture of a page in another language, in the dark, or on a phone."""
        page = self._new(size, **more)
        page.goto(self._url + path)
        page.wait_for_load_state("networkidle")
        self.take(name, page)
        page.context.close()


def photograph(camera: Photographer) -> None:
    """Every page, in the order in which a person meets them."""
    camera.go("/")
    camera.press("Read the exports")
    camera.press("Make a plan")
    camera.go("/plan")
    camera.press("Send this plan")
    camera.go("/segments")
    camera.press("Draw anew")
    camera.take("segments")
    camera.go("/audiences")
    camera.take("audiences")
    camera.go("/rules")
    camera.page.get_by_label("VIP", exact=True).fill("-40")
    camera.page.get_by_label("New", exact=True).fill("150")
    camera.page.get_by_text("Within the limits").wait_for()
    camera.take("rules-fault")
    camera.page.get_by_label("New", exact=True).fill("80")
    camera.page.locator(".preview[aria-busy='false'] .forecast").first.wait_for()
    camera.take("rules")
    camera.page.get_by_role("button", name="Review changes").click()
    camera.page.wait_for_load_state()
    camera.take("review")
    camera.page.get_by_role("button", name="Save").click()
    camera.page.wait_for_load_state()
    camera.press("Make a plan")
    camera.go("/plan")
    camera.take("plan")
    camera.go("/")
    camera.take("overview")
    camera.go("/history")
    camera.take("history")
    camera.go("/freshness")
    camera.take("freshness")
    camera.go("/quality")
    camera.press("Check now")
    camera.take("quality")
    camera.go("/person")
    camera.page.get_by_label("Person id").fill("egor.alekseev.12346@example.com")
    camera.page.get_by_role("button", name="Explain").click()
    camera.page.wait_for_load_state()
    camera.take("person")
    camera.go("/log")
    camera.take("log")
    camera.take_other("dark", "/", WIDE, scheme="dark")
    camera.take_other("russian", "/rules", WIDE, locale="ru-RU")
    camera.take_other("ukrainian", "/plan", WIDE, locale="uk-UA")
    camera.take_other("phone", "/rules", PHONE)
    camera.take_other("phone-plan", "/plan", PHONE)


@contextmanager
def rehearsal(folder: Path) -> Iterator[str]:
    """A console of a new starter project beside a sandbox; yields its address."""
    write_starter(folder)
    write_sample_exports(folder)
    settings = Settings(processing_seconds=300, speed=SPEED)
    with run_sandbox(folder / "sandbox.db", settings=settings) as sandbox:
        os.environ["ADSTEER_SANDBOX_URL"] = sandbox.url
        os.environ["ADSTEER_SANDBOX_SPEED"] = str(SPEED)
        os.environ["LOGNAME"] = "anna"
        with run_console(folder) as running:
            yield running.url


def main(out: Path = IMAGES) -> None:
    """Take every picture into a folder."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("there is no chromium on this machine: install it, then take pictures.")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        with rehearsal(Path(place) / "shop") as url:
            photograph(Photographer(browser, url, out))
        browser.close()


if __name__ == "__main__":
    main(*(Path(one) for one in sys.argv[1:2]))
