"""The pages: a folder of thousands opens in under a second, and all scripts together are small.

prepare(server)
folder(server)       # milliseconds of the server alone
opened(server)       # what a browser needs, and the bytes of script that it loads on all pages together
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlencode

from playwright.sync_api import Page, sync_playwright

from bench.machine import every_core, find
from bench.servers import PASSWORD, USER, Server
from opencloudmesh.server.web.pages.visits import SCRIPTS, STATIC

FOLDER, ENTRIES, REPEATS = "large", 5000, 7
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
# Milliseconds from the click that leads there.
TIMES = """() => {
    const [page] = performance.getEntriesByType('navigation');
    const painted = performance.getEntriesByName('first-contentful-paint')[0];
    return [painted.startTime, page.loadEventEnd];
}"""
MEASURED = "() => performance.getEntriesByType('navigation')[0].loadEventEnd > 0 && " \
           "performance.getEntriesByName('first-contentful-paint').length > 0"  # fmt: skip


@dataclass(frozen=True, slots=True)
class Opened:
    """Milliseconds until something of the folder is seen, and until it is there whole: the best of several."""

    painted: float
    loaded: float


def prepare(server: Server) -> None:
    """The folder."""
    folder = server.files / FOLDER
    folder.mkdir()
    for number in range(ENTRIES):
        (folder / f"measurement-{number:04}.{'jpg' if number % 2 else 'txt'}").write_bytes(b"x" * number)


def script_bytes() -> int:
    """All scripts of all pages, as they are sent."""
    return sum(len(STATIC[name].content) for name in SCRIPTS)


def folder(server: Server) -> float:
    """Milliseconds until the whole page of the folder is here, with the median of a few."""
    connection = HTTPConnection("localhost", server.port)
    home = f"http://localhost:{server.port}"
    form = urlencode({"user": USER, "password": PASSWORD})
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": home}
    connection.request("POST", "/login", form, headers)
    answer = connection.getresponse()
    answer.read()
    cookie = (answer.getheader("set-cookie") or "").partition(";")[0]
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        connection.request("GET", f"/files/{FOLDER}", headers={"Cookie": cookie})
        answer = connection.getresponse()
        page = answer.read()
        times.append(1000 * (time.perf_counter() - begun))
        if answer.status != 200 or f"of {ENTRIES}".encode() not in page:
            raise RuntimeError("The page of the folder is not as it should be.")
    connection.close()
    return statistics.median(times)


def opened(server: Server) -> Opened | None:
    """What a person waits for in Chromium; None where there is none."""
    executable = find(*CHROMIUM)
    if executable is None:
        return None
    times = []
    # The server is done before the browser begins, which has all cores of a person's machine.
    with every_core(), _browser(str(executable), server) as page:
        for _ in range(REPEATS):
            page.goto("about:blank")
            page.goto(f"http://localhost:{server.port}/files/{FOLDER}", wait_until="load")
            page.wait_for_function(MEASURED)
            times.append(page.evaluate(TIMES))
            if f"of {ENTRIES}" not in page.locator("main").inner_text():
                raise RuntimeError("The page of the folder is not as it should be.")
    painted, loaded = (min(column) for column in zip(*times, strict=True))
    return Opened(painted, loaded)


@contextmanager
def _browser(executable: str, server: Server) -> Iterator[Page]:
    """A window of somebody who is signed in."""
    with sync_playwright() as playwright:
        # Without its sandbox, for it sees only our own pages, and a sandbox is not to be had in most containers.
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"http://localhost:{server.port}/login")
        page.fill("#user", USER)
        page.fill("#password", PASSWORD)
        page.click("form[action='/login'] button")
        page.wait_for_url("**/files/")
        yield page
        browser.close()
