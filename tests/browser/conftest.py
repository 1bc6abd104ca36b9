"""Two clouds, and a real browser in front of them: Debian's Chromium, driven by Playwright.

`einstein` browses without scripts and `marie` with them, so every journey holds both ways. What goes wrong in a
browser without anybody noticing (errors on the console, requests to other hosts) fails the test at its end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright
from tests.browser.person import Person
from tests.mesh import Server, mesh
from tests.tools import require

# A browser belongs to its event loop: one for all.
LOOP = "session"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope=LOOP), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope=LOOP)
async def chromium() -> AsyncIterator[Browser]:
    executable = require("chromium")
    async with async_playwright() as playwright:
        # Without its sandbox, for it sees only our own pages, and a sandbox is not to be had in most containers.
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        browser = await playwright.chromium.launch(executable_path=executable, args=arguments)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope=LOOP)
async def clouds(chromium: Browser, new_sqlite_url: Any, tmp_path: Path) -> AsyncIterator[list[Server]]:
    urls = [new_sqlite_url(), new_sqlite_url()]
    settings = {"provider": "One", "owncloud_links": True}, {"provider": "Two", "enforce_mfa": True}
    async with mesh(tmp_path, *settings, urls=urls) as servers:
        one, two = servers
        one.add("einstein", name="Albert Einstein")
        two.add("marie", name="Marie Curie", email="marie@post.example")
        yield servers


@pytest.fixture
def one(clouds: list[Server]) -> Server:
    return clouds[0]


@pytest.fixture
def two(clouds: list[Server]) -> Server:
    return clouds[1]


@pytest_asyncio.fixture(loop_scope=LOOP)
async def einstein(chromium: Browser, one: Server, two: Server) -> AsyncIterator[Person]:
    async with Person.at(chromium, one, two, scripts=False) as person:
        await person.sign_in("einstein")
        yield person


@pytest_asyncio.fixture(loop_scope=LOOP)
async def marie(chromium: Browser, one: Server, two: Server) -> AsyncIterator[Person]:
    async with Person.at(chromium, two, one) as person:
        await person.sign_in("marie")
        yield person


@pytest_asyncio.fixture(loop_scope=LOOP)
async def visitor(chromium: Browser, one: Server, two: Server) -> AsyncIterator[Person]:
    """Somebody without an account at the first cloud."""
    async with Person.at(chromium, one, two) as person:
        yield person
