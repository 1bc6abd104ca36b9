"""A person in front of a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Browser, ConsoleMessage, Locator, Page, Request, Route, ViewportSize
from tests.mesh import PASSWORD, Server

PHONE, DESKTOP = ViewportSize(width=390, height=844), ViewportSize(width=1280, height=800)
SIZES = pytest.mark.parametrize("size", [pytest.param(PHONE, id="phone"), pytest.param(DESKTOP, id="desktop")])
PATIENCE = 20_000  # milliseconds that a busy machine may take for a page

# In the dark only colours are other ones, and those do not depend on the size.
FAULTS = {"resultTypes": ["violations"]}  # the rest is not told, which takes more time than finding it
EVERYTHING = {**FAULTS, "rules": {"target-size": {"enabled": True}}}
COLOURS = {**FAULTS, "runOnly": {"type": "rule", "values": ["color-contrast"]}}
SHAPES = {**FAULTS, "rules": {"target-size": {"enabled": True}, "color-contrast": {"enabled": False}}}
Look = tuple[ViewportSize, str, dict[str, Any]]
LOOKS: tuple[Look, ...] = ((PHONE, "light", EVERYTHING), (DESKTOP, "dark", COLOURS), (DESKTOP, "light", SHAPES))

# What can be used on a page, by keyboard too. Radio buttons of one name are one stop, and arrows go on from there.
CONTROLS = "a[href], button, input:not([type=hidden], [type=radio]), select, textarea, summary"
# Goes on from the control that has the focus, if one sees it: the controls left that can be seen and were not reached,
# and whether the focus has come round.
REACH = """controls => {
    const shown = element => element.checkVisibility({visibilityProperty: true}) && !element.closest('.skip');
    const focused = document.activeElement;
    if (getComputedStyle(focused).outlineStyle !== 'none') focused.dataset.reached = 'yes';
    const left = [...document.querySelectorAll(controls)].filter(shown).filter(element => !element.dataset.reached);
    return [left.map(element => element.outerHTML), focused === document.body];
}"""


# The labels that are seen, of what is not.
LABELS = """() => [...document.querySelectorAll('label[for]')].filter(label => label.checkVisibility())
    .filter(label => !document.getElementById(label.htmlFor)?.checkVisibility()).map(label => label.outerHTML)"""


class Person:
    """One browser window of a person at a cloud."""

    def __init__(self, page: Page, server: Server, hosts: set[str]) -> None:
        self.page, self.server, self.size = page, server, DESKTOP
        self.eyes = page  # with which axe looks at it
        self.problems: list[str] = []
        self._hosts = hosts
        page.set_default_timeout(PATIENCE)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", self._asked)

    @classmethod
    @asynccontextmanager
    async def at(cls, browser: Browser, server: Server, *others: Server, scripts: bool = True) -> AsyncIterator[Person]:
        """A new browser; when it is closed nothing must have gone wrong in it."""
        context = await browser.new_context(
            base_url=server.url, viewport=DESKTOP, java_script_enabled=scripts, reduced_motion="reduce"
        )
        person = cls(await context.new_page(), server, {server.host, *(other.host for other in others)})
        async with AsyncExitStack() as stack:
            if not scripts:
                eyes = await browser.new_context(viewport=DESKTOP, reduced_motion="reduce")
                stack.push_async_callback(eyes.close)
                person.eyes = await eyes.new_page()
            yield person
        await context.close()
        assert not person.problems, person.problems

    async def resize(self, size: ViewportSize) -> None:
        """The window is that big from now on."""
        self.size = size
        await self.page.set_viewport_size(size)

    async def open(self, path: str) -> None:
        await self.page.goto(path)

    async def sign_in(self, who: str) -> None:
        await self.open("/login")
        await self.enter(who)
        await self.sees(f"{who}@{self.server.host}")

    async def enter(self, who: str) -> None:
        """Name and password, on the page that asks for them."""
        await self.fill("User name", who)
        await self.fill("Password", PASSWORD)
        await self.press("Sign in")

    async def fill(self, label: str, value: str) -> None:
        fields = self.page.locator("main").locator("input:not([type=checkbox]), textarea")
        await fields.and_(self.page.get_by_label(label)).fill(value)

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=name, exact=True).click()

    async def follow(self, name: str) -> None:
        await self.page.get_by_role("link", name=name, exact=True).click()

    async def choose(self, action: str, name: str) -> None:
        """Something in the menu of an entry."""
        await self.unfold(f"More: {name}")
        await self.follow(f"{action}: {name}")

    async def unfold(self, name: str) -> None:
        await self._summary(name).click()

    async def download(self, name: str, target: Path) -> bytes:
        """The content of a file, by its link."""
        async with self.page.expect_download() as starting:
            await self.follow(name)
        await (await starting.value).save_as(target)
        return target.read_bytes()

    async def sees(self, text: str) -> None:
        await self.page.get_by_text(text).first.wait_for()

    async def names(self) -> list[str]:
        """Of the entries of the folder, as they are shown."""
        return await self.page.locator(".files .name > a:first-child bdi").all_inner_texts()

    async def fine(self) -> None:
        """The page that one has come to is for everybody, in a window of this size."""
        scheme = "light" if self.size == PHONE else "dark"  # so that both are seen
        faults = await self.faults([(self.size, scheme, EVERYTHING)])
        assert not faults, faults

    async def faults(self, looks: Iterable[Look] = LOOKS) -> list[str]:
        """What axe finds on a phone and a wide screen, in light and dark; and what is wider than the window."""
        found, page = [], await self._seen()
        await page.evaluate(AXE_SCRIPT)
        for size, scheme, options in looks:
            await page.set_viewport_size(size)
            await page.emulate_media(color_scheme=scheme)
            result = await page.evaluate("options => axe.run(options)", options)
            found += [
                f"{page.url} {size['width']} {scheme}: {fault['id']}: {node['html']} {node['failureSummary']}"
                for fault in result["violations"]
                for node in fault["nodes"]
            ]
            if "<" in await page.title():
                found.append(f"{page.url} has markup in its title")
            found += [f"{page.url}: nothing to fill in below {label}" for label in await page.evaluate(LABELS)]
            if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                found.append(f"{page.url} is wider than {size['width']} pixels")
        await page.set_viewport_size(self.size)
        return found

    async def unreached(self) -> list[str]:
        """The controls to which the Tab key does not lead, or on which one does not see that it has."""
        left: list[str] = []
        rounds = 0  # a page may begin with the focus in a field: the rest comes in the second round
        for _ in range(200):
            left, around = await self.page.evaluate(REACH, CONTROLS)
            rounds += around
            if not left or rounds > 2:
                break
            await self.page.keyboard.press("Tab")
        return left

    async def _seen(self) -> Page:
        """The page where scripts run, for axe is one: for somebody without scripts the same HTML, without its own."""
        if self.eyes is self.page:
            return self.page
        url, html = self.page.url, await self.page.content()

        async def answer(route: Route) -> None:
            if route.request.url == url:
                await route.fulfill(body=html, content_type="text/html; charset=utf-8")
            elif route.request.resource_type == "script":
                await route.abort()
            else:
                await route.continue_()

        await self.eyes.unroute_all()
        await self.eyes.route("**", answer)
        await self.eyes.goto(url)
        return self.eyes

    def _summary(self, name: str) -> Locator:
        labelled = self.page.locator(f'summary[aria-label="{name}"]')
        return labelled.or_(self.page.locator("summary").filter(has_text=name)).first

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"{message.text} {message.location}")

    def _asked(self, request: Request) -> None:
        if urlsplit(request.url).netloc not in self._hosts and not request.url.startswith("data:"):
            self.problems.append(f"asked for {request.url}")
