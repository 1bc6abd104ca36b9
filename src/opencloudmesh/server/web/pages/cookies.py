"""How a browser shows who it is: a cookie with the secret of a session, which begins and ends here."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from opencloudmesh.protocol.errors import Unauthenticated
from opencloudmesh.server import accounts, factors, languages, sessions
from opencloudmesh.server.config import Config
from opencloudmesh.server.context import Context
from opencloudmesh.server.database import Tx

HOME = "/files/"

# A path of ours. Browsers read "//host" and "/\\host" as another server, and drop tabs and line ends before they look.
_LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]*")


def cookie_name(config: Config) -> str:
    """Cookies know no ports, so it is in the name: two clouds on one host do not sign each other's people out."""
    url = urlsplit(config.public_url)
    prefix = "__Host-" if url.scheme == "https" else ""
    return f"{prefix}session" + (f"-{url.port}" if url.port else "")


def local(target: str) -> str:
    """Where to go after signing in: a path of this cloud, whatever was asked for."""
    return target if _LOCAL.fullmatch(target) else HOME


def shown(request: Request, config: Config) -> str:
    """The secret that the browser shows; "" where it shows none."""
    return request.cookies.get(cookie_name(config), "")


async def enter(
    context: Context, request: Request, account: str, target: str, *, strong: bool, stored: str | None = None
) -> Response:
    """A session begins, for somebody who has proved who they are; `strong`: with a second factor.

    `stored`: what was stored of their password when it was right. Raises `Unauthenticated` where by now there is
    another password, or a second factor to be passed: what ended all sessions ends those that were about to begin.
    """
    old, agent = shown(request, context.config), request.headers.get("user-agent", "")

    def begin(tx: Tx) -> str:
        if stored not in (None, accounts.stored_password(tx, account)) or (not strong and factors.of(tx, account).any):
            raise Unauthenticated("How you sign in has just changed. Begin again.")
        sessions.end(tx, old)  # whoever put it there, it gives nobody access to what comes now
        accounts.hear(tx, account, language)
        return sessions.begin(tx, account, strong=strong, agent=agent)

    language = languages.language()
    secret = await context.database.write(begin)
    response = RedirectResponse(local(target), 303, {"Cache-Control": "no-store"})
    set_cookie(response, context.config, secret)
    return response


def set_cookie(response: Response, config: Config, secret: str) -> None:
    """The browser is to show this from now on."""
    name = cookie_name(config)
    secure = name.startswith("__Host-")
    response.set_cookie(name, secret, max_age=sessions.LIFETIME, path="/", secure=secure, httponly=True, samesite="lax")


def delete_cookie(response: Response, config: Config) -> None:
    """The browser is to show nothing any more."""
    name = cookie_name(config)
    response.delete_cookie(name, path="/", secure=name.startswith("__Host-"), httponly=True, samesite="lax")
