"""Signing in by way of an OpenID provider: to its page, and back from there."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from opencloudmesh.protocol.errors import NotFound, OcmError, Unauthenticated
from opencloudmesh.server import factors, limits, openid
from opencloudmesh.server.context import Context
from opencloudmesh.server.web.auth import PREFIX, Doors, caller_of
from opencloudmesh.server.web.pages import second
from opencloudmesh.server.web.pages.cookies import HOME, cookie_name, enter, local
from opencloudmesh.server.web.pages.visits import Look

SLOWLY = "Too many tries came from where you are. Wait a minute."
BROWSER_PATH = "/login/openid"  # the only place where the browser shows the cookie


async def begin(context: Context, look: Look, _doors: Doors, request: Request) -> Response:
    """To the provider. What the browser gets to show when it comes back binds the way back to it."""
    if not context.config.oidc_issuer:
        raise NotFound("There is nothing here.")
    target = local(request.query_params.get("next", ""))
    caller = f"openid {caller_of(request, context.config.trusted_proxies)}"
    try:
        context.limits.check(caller, limits.FAILURES, SLOWLY)
        context.limits.count(caller, limits.FAILURES)
        asked = await openid.begin(context, target)
    except OcmError as error:
        return _failed(look, error)
    response = RedirectResponse(asked.url, 303, {"Cache-Control": "no-store"})
    secure = context.config.public_url.startswith("https:")
    response.set_cookie(
        _cookie(context), asked.browser, max_age=600, path=BROWSER_PATH, secure=secure, httponly=True, samesite="lax"
    )
    return response


async def answer(context: Context, look: Look, doors: Doors, request: Request) -> Response:
    """Back from the provider. A second factor that is set up here is asked for, unless the provider's counts."""
    if not context.config.oidc_issuer:
        raise NotFound("There is nothing here.")
    said, browser = request.query_params, request.cookies.get(_cookie(context), "")
    state = said.get("state", "")
    try:
        with doors.attempt(request, f"ticket {state[:PREFIX]}"):
            if "code" not in said:
                raise Unauthenticated("The sign-in provider did not let you in.")
            found = await openid.complete(context, state=state, code=said["code"], browser=browser)
    except OcmError as error:
        return _failed(look, error)
    account = found.account.id
    await asyncio.to_thread(context.storage.stat, account, "")  # makes their folder
    has = await context.database.read(lambda tx: factors.of(tx, account))
    if has.any and not found.strong:
        return await second.begin(context, look, account, found.target)
    return await enter(context, request, account, found.target, strong=found.strong)


def _cookie(context: Context) -> str:
    return cookie_name(context.config).removeprefix("__Host-") + "-openid"


def _failed(look: Look, error: OcmError) -> Response:
    return look.page("login.html", {"next": HOME, "user": "", "error": error})
