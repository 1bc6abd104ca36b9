"""The phone of a person: an app that shows codes, and what they wrote down."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import pyotp
from tests.browsing import Browser
from tests.mesh import PASSWORD, Server


@dataclass
class Phone:
    """Each code is of a later moment than the one before: the clock of the cloud goes on for it."""

    server: Server
    secret: str
    paper: list[str] = field(default_factory=list)

    @property
    def _clock(self) -> Any:
        return self.server.context.clock

    def code(self) -> str:
        self._clock.ahead += 30
        return self.shown()

    def shown(self) -> str:
        """What it shows now."""
        return pyotp.TOTP(self.secret).at(int(self._clock()))


async def protect(browser: Browser) -> Phone:
    """Somebody who is signed in sets up a second factor."""
    page = await browser.submit("/settings/security/app")
    (secret,) = re.findall(r'<code class="copy">([A-Z2-7 ]+)</code>', page.html)
    phone = Phone(browser.server, secret.replace(" ", ""))
    page = await browser.submit("/settings/security/app/confirm", code=phone.code(), password=PASSWORD)
    phone.paper = re.findall(r"<code>([a-z2-7-]{19})</code>", page.html)
    assert len(set(phone.paper)) == 10
    return phone


def ticket(html: str) -> str:
    """What a page of the second step holds."""
    (value,) = re.findall(r'name="ticket" value="([^"]+)"', html)
    return str(value)


async def sign_in(browser: Browser, who: str, phone: Phone, **form: str) -> Any:
    """Both steps."""
    page = await browser.sign_in(who, **form)
    return await browser.submit("/login/second", ticket=ticket(page.html), code=phone.code())
