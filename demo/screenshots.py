"""`make screenshots`: pictures of the pages, from two clouds that run, into docs/screenshots."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from demo.clouds import PORTS, Cloud, pair
from demo.content import fill

FOLDER = Path(".demo").absolute()
PICTURES = Path(__file__).parent.parent / "docs" / "screenshots"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
DESKTOP, PHONE = (1280, 840), (390, 844)
# Name, page, window, colours.
SHOTS = (
    ("files", "/files/", DESKTOP, "light"),
    ("share", "/share/Solvay%201927", DESKTOP, "light"),
    ("inbox", "/inbox", DESKTOP, "light"),
    ("invites", "/invites", DESKTOP, "light"),
    ("files-phone", "/files/", PHONE, "light"),
    ("inbox-phone", "/inbox", PHONE, "dark"),
)
FOR_OPERATORS = (
    ("server", f"/operator/peers/localhost:{PORTS[1]}", DESKTOP, "light"),
    ("outbox-phone", "/operator/outbox", PHONE, "dark"),
)


def main() -> int:
    """All pictures; the exit code."""
    chromium = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if chromium is None:
        print("Chromium is needed for this (Debian: chromium).", file=sys.stderr)
        return 1
    one, two = pair(FOLDER, ())
    shutil.rmtree(FOLDER, ignore_errors=True)
    try:
        one.start()
        two.start()
        fill(one, two)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            take(browser, one, SHOTS)
            one.command("user", "operator", one.user, "on")
            take(browser, one, FOR_OPERATORS)
            browser.close()
    finally:
        one.stop()
        two.stop()
    return 0


def take(browser: Browser, cloud: Cloud, shots: Iterable[tuple[str, str, tuple[int, int], str]]) -> None:
    """The pictures of one person's pages."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name, path, (width, height), colours in shots:
        page = browser.new_page(
            base_url=cloud.url, viewport={"width": width, "height": height}, color_scheme=colours,
            reduced_motion="reduce",
        )  # fmt: skip
        sign_in(page, cloud)
        page.goto(path)
        # What every page warns of on a machine that only tries it out is not what these pictures are about.
        page.locator(".banner").evaluate("banner => banner.remove()")
        page.screenshot(path=PICTURES / f"{name}.png")
        page.close()
        print(PICTURES / f"{name}.png")


def sign_in(page: Page, cloud: Cloud) -> None:
    """As the cloud's person."""
    page.goto("/login")
    page.get_by_label("User name").fill(cloud.user)
    page.get_by_label("Password").fill(cloud.password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_text(cloud.address).wait_for()


if __name__ == "__main__":
    sys.exit(main())
