"""The page behind a link by which somebody chooses a password: the first operator, whom the terminal shows it, and
people to whom an operator gave one.

It signs nobody in: whoever has chosen a password signs in with it as always.
"""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from opencloudmesh.protocol.errors import FieldError, Invalid, NotFound, OcmError
from opencloudmesh.server import operators, welcomes
from opencloudmesh.server.context import Context
from opencloudmesh.server.web.auth import PREFIX, caller_of, hash_password
from opencloudmesh.server.web.pages.forms import read_form
from opencloudmesh.server.web.pages.login import Endpoint, check_request
from opencloudmesh.server.web.pages.visits import Look, faults, redirect
from opencloudmesh.server.welcomes import Welcome

EMPTY = {"token": "", "user": "", "name": "", "password": "", "again": ""}
LABELS = {"id": "the user name", "name": "the name", "password": "the password"}
MAX_NAME = 255


def endpoint(context: Context, look: Look) -> Endpoint:
    """The page, and where its form goes."""

    async def answer(request: Request) -> Response:
        await check_request(request, context)
        if request.method == "POST":
            return await _take(context, look, request)
        token = request.query_params.get("token", "")
        return _page(look, await _opened(context, request, token), EMPTY | {"token": token})

    return answer


async def _take(context: Context, look: Look, request: Request) -> Response:
    form = EMPTY | await read_form(request)
    secret, user, name = form["token"], form["user"].strip(), form["name"].strip()
    welcome = await _opened(context, request, secret)  # before a password is hashed, which takes its time
    try:
        if form["password"] != form["again"]:
            raise Invalid("The two passwords differ.", fields=[FieldError("password", "INVALID")])
        if len(name) > MAX_NAME or "\0" in name:
            raise Invalid("This name is too long.", fields=[FieldError("name", "INVALID")])
        stored = await hash_password(form["password"])
        account = await context.commit(
            lambda tx: operators.take_welcome(tx, secret, stored, account_id=user, name=name)
        )
    except NotFound:
        raise
    except OcmError as error:
        return _page(look, welcome, form, error)
    await asyncio.to_thread(context.storage.stat, account.id, "")  # makes their folder
    return redirect("/login", "welcome")


async def _opened(context: Context, request: Request, token: str) -> Welcome:
    """What the link opens. Raises `NotFound`, `TooManyRequests` for one who guesses."""
    caller = f"welcome {caller_of(request, context.config.trusted_proxies)}"
    with context.limits.attempt(caller, token[:PREFIX], (NotFound,)):
        return await context.database.read(lambda tx: welcomes.opened_by(tx, token))


def _page(look: Look, welcome: Welcome, form: dict[str, str], error: OcmError | None = None) -> Response:
    values = {"account": welcome.account, "form": form, "error": error, "wrong": faults(error), "labels": LABELS}
    return look.page("welcome.html", values)
