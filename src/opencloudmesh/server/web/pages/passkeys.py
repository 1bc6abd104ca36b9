"""Passkeys on the pages. Only a script can ask for one (`static/passkey.js`), which then sends the form."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from opencloudmesh.protocol.errors import OcmError, TooManyRequests, Unauthenticated
from opencloudmesh.server import factors, limits, passkeys, sessions
from opencloudmesh.server.context import Context
from opencloudmesh.server.database import Tx
from opencloudmesh.server.passkeys import Site
from opencloudmesh.server.web.auth import PREFIX, Doors, caller_of
from opencloudmesh.server.web.pages import security
from opencloudmesh.server.web.pages.cookies import HOME, enter, local, shown
from opencloudmesh.server.web.pages.forms import read_form
from opencloudmesh.server.web.pages.visits import Look, Visit, redirect

SLOWLY = "Too many tries came from where you are. Wait a minute."


# On the way in


async def ask(context: Context, look: Look, _doors: Doors, request: Request) -> Response:
    """Somebody wants to sign in with one."""
    target, caller = local((await read_form(request)).get("next", "")), _caller(context, request)
    try:
        context.limits.check(caller, limits.FAILURES, SLOWLY)
    except TooManyRequests as error:
        return _again(look, error)
    context.limits.count(caller, limits.FAILURES)
    question = await context.database.write(lambda tx: passkeys.ask(tx, Site.of(context.config), target))
    return look.page("passkey.html", {"question": question, "kind": "get", "action": "/login/passkey/answer"})


async def answer(context: Context, look: Look, doors: Doors, request: Request) -> Response:
    """It was shown: the session begins, with a second factor passed."""
    form = await read_form(request)
    ticket, credential = form.get("ticket", ""), form.get("credential", "")
    try:
        with doors.attempt(request, f"ticket {ticket[:PREFIX]}"):
            account, target = await context.database.write(
                lambda tx: passkeys.prove(tx, ticket, credential, Site.of(context.config))
            )
    except (Unauthenticated, TooManyRequests) as error:
        return _again(look, error)
    return await enter(context, request, account, target, strong=True)


# On the page Security


async def begin(visit: Visit) -> Response:
    """A person wants to make one; their password is asked for again."""
    form, site = await read_form(visit.request), Site.of(visit.context.config)
    try:
        await security.check_password(visit, form)
        name = form.get("passkey", "").strip()
        question = await visit.context.database.write(lambda tx: passkeys.begin(tx, visit.account, name, site))
    except OcmError as error:
        return await security.show(visit, error)
    place = f"{security.PLACE}/passkeys"
    return visit.page("passkey.html", question=question, kind="create", action=place, active="security")


async def add(visit: Visit) -> Response:
    """It was made. Where it is the first factor, all other sessions end and codes are to be written down."""
    form, account = await read_form(visit.request), visit.account
    secret, site = shown(visit.request, visit.context.config), Site.of(visit.context.config)

    def store(tx: Tx) -> list[str]:
        first = not factors.of(tx, account.id).any
        codes = passkeys.add(tx, account.id, form.get("ticket", ""), form.get("credential", ""), site)
        if first or not account.strong:
            sessions.strengthen(tx, account.id, secret)
        return codes

    try:
        codes = await visit.context.database.write(store)
    except OcmError as error:
        return await security.show(visit, error)
    if codes:
        return visit.page("codes.html", codes=codes, first=True, active="security")
    return redirect(security.PLACE, "passkey-added")


async def remove(visit: Visit) -> Response:
    """It lets in no more."""
    passkey_id = visit.request.path_params["id"]
    try:
        await security.prove(visit)
        await visit.context.database.write(lambda tx: passkeys.remove(tx, visit.account.id, passkey_id))
    except OcmError as error:
        return await security.show(visit, error)
    return redirect(security.PLACE, "passkey-removed")


def _caller(context: Context, request: Request) -> str:
    return f"passkey {caller_of(request, context.config.trusted_proxies)}"


def _again(look: Look, error: OcmError) -> Response:
    return look.page("login.html", {"next": HOME, "user": "", "error": error})
