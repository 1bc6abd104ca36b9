"""Two clouds: einstein is at the first, marie and fritz at the second. Every journey runs on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.browsing import Browser
from tests.mesh import Server, mesh


@pytest.fixture
async def clouds(new_database_url: Any, tmp_path: Path) -> AsyncIterator[list[Server]]:
    urls = [new_database_url(), new_database_url()]
    async with mesh(tmp_path, {"provider": "One"}, {"provider": "Two"}, urls=urls) as servers:
        one, two = servers
        one.add("einstein", name="Albert Einstein")
        two.add("marie", name="Marie Curie")
        two.add("fritz")
        yield servers


@pytest.fixture
def one(clouds: list[Server]) -> Server:
    return clouds[0]


@pytest.fixture
def two(clouds: list[Server]) -> Server:
    return clouds[1]


@pytest.fixture
async def einstein(one: Server) -> Browser:
    """His browser, signed in."""
    browser = Browser(one)
    await browser.sign_in("einstein")
    return browser


@pytest.fixture
async def marie(two: Server) -> Browser:
    """Her browser, signed in."""
    browser = Browser(two)
    await browser.sign_in("marie")
    return browser


@pytest.fixture
async def lise(one: Server) -> Browser:
    """The browser of the first cloud's operator, signed in."""
    one.add("lise", name="Lise Meitner", operator=True)
    browser = Browser(one)
    await browser.sign_in("lise")
    return browser
