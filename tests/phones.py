"""The phone of a person: an app that shows codes, and what they wrote down."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import cbor2
import pyotp
from cryptography.hazmat.primitives.asymmetric import ec
from tests.browsing import Browser
from tests.mesh import PASSWORD, Server
from webauthn.helpers import bytes_to_base64url


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


def passkey(server: Server, html: str) -> str:
    """What a browser answers a page that has it make one: a new key, vouched for by nobody (WebAuthn 2, 5.1.3)."""
    (options,) = re.findall(r'data-passkey="([^"]+)"', html)
    asked, key = json.loads(unescape(options)), ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    cose = {1: 2, 3: -7, -1: 1, -2: key.x.to_bytes(32, "big"), -3: key.y.to_bytes(32, "big")}
    known, identifier = hashlib.sha256(asked["rp"]["id"].encode()).digest(), secrets.token_bytes(16)
    present = b"\x45"  # and verified, with the key
    about = known + present + bytes(4 + 16) + len(identifier).to_bytes(2, "big") + identifier + cbor2.dumps(cose)
    said = {"type": "webauthn.create", "challenge": asked["challenge"], "origin": server.url}
    response = {
        "clientDataJSON": bytes_to_base64url(json.dumps(said).encode()),
        "attestationObject": bytes_to_base64url(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": about})),
    }
    name = bytes_to_base64url(identifier)
    return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})
