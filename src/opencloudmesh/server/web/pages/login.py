"""Signing in and out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from opencloudmesh.protocol.errors import Forbidden, NotFound, TooManyRequests, Unauthenticated
from opencloudmesh.server import accounts, languages, news, received, sessions, share_requests
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.database import Tx
from opencloudmesh.server.web.auth import Doors
from opencloudmesh.server.web.dav.call import check_target
from opencloudmesh.server.web.pages import second
from opencloudmesh.server.web.pages.cookies import HOME, delete_cookie, enter, local, set_cookie, shown
from opencloudmesh.server.web.pages.forms import read_form, skip_form
from opencloudmesh.server.web.pages.visits import DONE, UPLOADS_PATH, Look, Visit, check_origin, redirect

FOR_SCRIPTS = UPLOADS_PATH  # scripts of ours ask there, which are told errors and not sent to a page
Handler = Callable[[Visit], Awaitable[Response]]
Step = Callable[[Context, Look, Doors, Request], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def signed_in(context: Context, look: Look, doors: Doors, handler: Handler) -> Endpoint:
    """The endpoint of a page for people who are signed in; others are asked to."""

    async def answer(request: Request) -> Response:
        await check_request(request, context)
        secret = shown(request, context.config)
        found = await context.database.read(lambda tx: _who(tx, secret))
        if found is None and request.scope["path"].startswith(FOR_SCRIPTS):
            raise Forbidden("You are signed out. Sign in in another tab, and try again.")
        if found is None:
            return await _ask_to_sign_in(request)
        account, counts, due = found
        languages.speak(account.language)
        visit = Visit(look, context, doors, request, account, *counts)
        request.scope["visit"] = visit
        response = await handler(visit)
        if due and await context.database.write(lambda tx: sessions.renew(tx, secret)):
            set_cookie(response, context.config, secret)
        return response

    return answer


def nowhere(context: Context, look: Look, doors: Doors) -> ASGIApp:
    """What answers at a path where nothing is: who is signed in is told so on a page of theirs, in their language."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await WebSocketClose()(scope, receive, send)
            return
        request = Request(scope)
        secret = shown(request, context.config)
        found = await context.database.read(lambda tx: _who(tx, secret)) if secret else None
        if found is not None:
            account, counts, _due = found
            languages.speak(account.language)
            scope["visit"] = Visit(look, context, doors, request, account, *counts)
        raise NotFound("There is nothing here.")

    return answer


def login(context: Context, look: Look, doors: Doors) -> Endpoint:
    """The page where a person signs in."""

    async def answer(request: Request) -> Response:
        if request.method == "POST":
            return await _sign_in(context, look, doors, request)
        target = local(request.query_params.get("next", ""))
        if await context.database.read(lambda tx: _who(tx, shown(request, context.config))):
            return RedirectResponse(target, 303)
        said = request.query_params.get("done", "")
        done = DONE[said] if said in ("signed-out", "welcome") else ""
        return look.page("login.html", {"next": target, "user": "", "done": done})

    return answer


def step(context: Context, look: Look, doors: Doors, handler: Step) -> Endpoint:
    """The endpoint of a form on the way in, when nobody is signed in yet."""

    async def answer(request: Request) -> Response:
        await check_request(request, context)
        return await handler(context, look, doors, request)

    return answer


async def logout(visit: Visit) -> Response:
    """The person signs out: the session ends here, not only in the browser."""
    secret = shown(visit.request, visit.context.config)
    await visit.context.database.write(lambda tx: sessions.end(tx, secret))
    response = redirect("/login", "signed-out")
    delete_cookie(response, visit.context.config)
    return response


async def _sign_in(context: Context, look: Look, doors: Doors, request: Request) -> Response:
    await check_request(request, context)
    form = await read_form(request)
    user, target = form.get("user", "").strip(), local(form.get("next", ""))
    try:
        account, more, stored = await doors.check(user, form.get("password", ""), request)
        if more:
            return await second.begin(context, look, account.id, target)
        return await enter(context, request, account.id, target, strong=False, stored=stored)
    except (Unauthenticated, TooManyRequests) as error:
        return look.page("login.html", {"next": target, "user": user, "error": error})


async def check_request(request: Request, context: Context) -> None:
    """What holds for every page, whoever asks. Raises `NotFound`, `Invalid`, `Forbidden`."""
    check_target(request.scope.get("raw_path"))
    if "\0" in request.scope["path"]:
        raise NotFound("There is nothing here.")
    if request.method not in ("GET", "HEAD"):
        try:
            check_origin(request, context.config)
        except Forbidden:
            await skip_form(request)
            raise


def _who(tx: Tx, secret: str) -> tuple[Account, tuple[int, int, int], bool] | None:
    """Whose session it is, the numbers that every page shows (`Visit`), and whether it is to be renewed."""
    row = sessions.find(tx, secret)
    account = accounts.find(tx, row.account) if row else None
    if row is None or account is None:
        return None
    account = replace(account, strong=row.strong)
    counts = received.waiting(tx, account.id), share_requests.waiting(tx, account.id), news.unread(tx, account.id)
    return account, counts, sessions.is_due(row, tx.now)


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
