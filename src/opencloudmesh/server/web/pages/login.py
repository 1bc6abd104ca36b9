"""Signing in and out, and how a browser shows who it is: a cookie with the secret of a session."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from opencloudmesh.protocol.errors import Forbidden, NotFound, TooManyRequests, Unauthenticated
from opencloudmesh.server import accounts, received, sessions, share_requests
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.config import Config
from opencloudmesh.server.context import Context
from opencloudmesh.server.database import Tx
from opencloudmesh.server.web.auth import Doors
from opencloudmesh.server.web.dav.call import check_target
from opencloudmesh.server.web.pages.forms import read_form, skip_form
from opencloudmesh.server.web.pages.visits import DONE, Look, Visit, check_origin, redirect

HOME = "/files/"
Handler = Callable[[Visit], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]

# A path of ours. Browsers read "//host" and "/\host" as another server, and drop tabs and line ends before they look.
_LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]*")


def cookie_name(config: Config) -> str:
    """Cookies know no ports, so it is in the name: two clouds on one host do not sign each other's people out."""
    url = urlsplit(config.public_url)
    prefix = "__Host-" if url.scheme == "https" else ""
    return f"{prefix}session" + (f"-{url.port}" if url.port else "")


def local(target: str) -> str:
    """Where to go after signing in: a path of this cloud, whatever was asked for."""
    return target if _LOCAL.fullmatch(target) else HOME


def signed_in(context: Context, look: Look, handler: Handler) -> Endpoint:
    """The endpoint of a page for people who are signed in; others are asked to."""

    async def answer(request: Request) -> Response:
        await check_request(request, context)
        secret = request.cookies.get(cookie_name(context.config), "")
        found = await context.database.read(lambda tx: _who(tx, secret))
        if found is None:
            return await _ask_to_sign_in(request)
        account, pending, asking, due = found
        visit = Visit(look, context, request, account, pending, asking)
        request.scope["visit"] = visit
        response = await handler(visit)
        if due and await context.database.write(lambda tx: sessions.renew(tx, secret)):
            _set_cookie(response, context.config, secret)
        return response

    return answer


def login(context: Context, look: Look, doors: Doors) -> Endpoint:
    """The page where a person signs in."""

    async def answer(request: Request) -> Response:
        if request.method == "POST":
            return await _sign_in(context, look, doors, request)
        target = local(request.query_params.get("next", ""))
        old = request.cookies.get(cookie_name(context.config), "")
        if await context.database.read(lambda tx: _who(tx, old)):
            return RedirectResponse(target, 303)
        said = request.query_params.get("done", "")
        done = DONE[said] if said in ("signed-out", "welcome") else ""
        return look.page("login.html", 200, {"next": target, "user": "", "done": done})

    return answer


async def logout(visit: Visit) -> Response:
    """The person signs out: the session ends here, not only in the browser."""
    name = cookie_name(visit.context.config)
    secret = visit.request.cookies[name]
    await visit.context.database.write(lambda tx: sessions.end(tx, secret))
    response = redirect("/login", "signed-out")
    response.delete_cookie(name, path="/", secure=name.startswith("__Host-"), httponly=True, samesite="lax")
    return response


async def _sign_in(context: Context, look: Look, doors: Doors, request: Request) -> Response:
    await check_request(request, context)
    form = await read_form(request)
    user, target = form.get("user", "").strip(), local(form.get("next", ""))
    try:
        account = await doors.check(user, form.get("password", ""), request)
    except (Unauthenticated, TooManyRequests) as error:
        response = look.page("login.html", error.status, {"next": target, "user": user, "error": error})
        if error.retry_after is not None:
            response.headers["Retry-After"] = str(error.retry_after)
        return response
    old = request.cookies.get(cookie_name(context.config), "")

    def begin(tx: Tx) -> str:
        sessions.end(tx, old)  # whoever put it there, it gives nobody access to what comes now
        return sessions.begin(tx, account.id)

    secret = await context.database.write(begin)
    response = RedirectResponse(target, 303, {"Cache-Control": "no-store"})
    _set_cookie(response, context.config, secret)
    return response


async def check_request(request: Request, context: Context) -> None:
    """What holds for every page, whoever asks. Raises `NotFound`, `Invalid`, `Forbidden`."""
    check_target(request.scope.get("raw_path"))
    if "\0" in request.scope["path"]:
        raise NotFound("There is nothing here.")
    if request.method == "POST":
        try:
            check_origin(request, context.config)
        except Forbidden:
            await skip_form(request)
            raise


def _who(tx: Tx, secret: str) -> tuple[Account, int, int, bool] | None:
    """Whose session it is, how many shares and requests wait for their answer, and whether it is to be renewed."""
    row = sessions.find(tx, secret)
    account = accounts.find(tx, row.account) if row else None
    if row is None or account is None:
        return None
    pending = sum(share.state == received.PENDING for share in received.listing(tx, account.id))
    return account, pending, share_requests.waiting(tx, account.id), sessions.is_due(row, tx.now)


async def _ask_to_sign_in(request: Request) -> Response:
    if request.method == "POST":
        await skip_form(request)
    target = HOME if request.method == "POST" else _target(request)
    query = "" if target in ("/", HOME) else f"?next={quote(target, safe='')}"
    return RedirectResponse(f"/login{query}", 303, {"Cache-Control": "no-store"})


def _target(request: Request) -> str:
    """The page that was asked for, with its query: the link of an invite is one. What was done is not said again."""
    path, query = quote(request.scope["path"]), request.scope["query_string"].decode("latin-1")
    return path if not query or "done" in request.query_params else f"{path}?{query}"


def _set_cookie(response: Response, config: Config, secret: str) -> None:
    name = cookie_name(config)
    secure = name.startswith("__Host-")
    response.set_cookie(name, secret, max_age=sessions.LIFETIME, path="/", secure=secure, httponly=True, samesite="lax")
