"""Signing in by way of an OpenID provider: where the browser is sent, and who somebody is when it comes back.

Nothing is stored of it but a ticket meanwhile, which is bound to the browser that began (`browser`).
"""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64encode
from typing import Any, NamedTuple
from urllib.parse import urlencode

from opencloudmesh.client import openid as client
from opencloudmesh.client.openid import Grant
from opencloudmesh.protocol.address import is_email
from opencloudmesh.protocol.errors import Unauthenticated
from opencloudmesh.server import identities, tickets
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.database import Tx, digest_of

ANSWER_PATH = "/login/openid/answer"  # where the provider sends the browser back to
SCOPE = "openid profile email"


class Asked(NamedTuple):
    """Where the browser is sent, and the secret that it shows when it comes back."""

    url: str
    browser: str


class Found(NamedTuple):
    """Who has come back, whether with a second factor as the provider says, and where they want to go."""

    account: Account
    strong: bool
    target: str


async def begin(context: Context, target: str) -> Asked:
    """Somebody wants to sign in. Raises what `client.openid.discover` raises."""
    config = context.config
    provider = await client.discover(context.network, config.oidc_issuer)

    def ask(tx: Tx) -> tuple[str, str, str, str]:
        browser, nonce, verifier = tx.secret(), tx.secret(), tx.secret()
        data = {"browser": digest_of(browser), "nonce": nonce, "verifier": verifier, "next": target}
        return browser, nonce, verifier, tickets.issue(tx, tickets.OPENID, **data)

    browser, nonce, verifier, state = await context.database.write(ask)
    challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    query = {
        "response_type": "code",
        "client_id": config.oidc_client_id,
        "redirect_uri": config.public_url + ANSWER_PATH,
        "scope": SCOPE,
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    joint = "&" if "?" in provider.authorization_endpoint else "?"
    return Asked(provider.authorization_endpoint + joint + urlencode(query), browser)


async def complete(context: Context, *, state: str, code: str, browser: str) -> Found:
    """Who it is. Raises `Unauthenticated`, `Forbidden`, and as `begin`."""
    config = context.config

    def take(tx: Tx) -> dict[str, Any]:
        data: dict[str, Any] = tickets.take(tx, tickets.OPENID, state).data
        if digest_of(browser) != data["browser"]:
            raise Unauthenticated("This was begun in another browser. Begin again.")
        return data

    data = await context.database.write(take)
    provider = await client.discover(context.network, config.oidc_issuer)
    secrets = (config.oidc_client_id, config.oidc_client_secret)
    grant = Grant(code, data["verifier"], config.public_url + ANSWER_PATH, *secrets)
    token = await client.redeem(context.network, provider, grant)
    jwks, now = await client.keys(context.network, provider), int(context.clock())
    claims = client.verify(token, jwks, provider, client_id=config.oidc_client_id, nonce=data["nonce"], now=now)
    email = _text(claims, "email")
    account = await context.database.write(
        lambda tx: identities.sign_in(
            tx,
            provider.issuer,
            claims["sub"],
            called=_called(claims, config.oidc_claim),
            name=_text(claims, "name"),
            email=email if is_email(email) else "",
            create=config.oidc_create,
        )
    )
    return Found(account, config.oidc_trust_mfa and has_passed_mfa(claims), data["next"])


def has_passed_mfa(claims: dict[str, Any]) -> bool:
    """Whether the provider says that a second factor was passed: `mfa` in `amr` (RFC 8176), or a part of `acr`."""
    amr, acr = claims.get("amr"), claims.get("acr")
    words = [*(amr if isinstance(amr, list) else ()), *(re.split("[/:#]", acr) if isinstance(acr, str) else ())]
    return any(isinstance(word, str) and word.lower() == "mfa" for word in words)


def _called(claims: dict[str, Any], claim: str) -> str:
    """The name of somebody there. An address that the provider has not verified anybody can claim to have."""
    return "" if claim == "email" and claims.get("email_verified") is not True else _text(claims, claim)


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    return value[:255] if isinstance(value, str) and value.isprintable() else ""
