"""Users: who has an account here."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from opencloudmesh.protocol.errors import FieldError, Invalid, OcmError
from opencloudmesh.server import accounts, counts, factors, operators, welcomes
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.database import Tx
from opencloudmesh.server.web.operator import AREA, PAGE, decide, said, users
from opencloudmesh.server.web.pages.forms import read_form
from opencloudmesh.server.web.pages.operator.frame import framed, paged
from opencloudmesh.server.web.pages.visits import Visit, redirect

GIGABYTE = 10**9
EMPTY = {"id": "", "name": "", "email": "", "quota": "", "operator": "", "password": ""}
LABELS = {
    "id": "the user name",
    "name": "the name",
    "email": "the e-mail address",
    "quota": "the space",
    "password": "the password",
}


async def show(visit: Visit, error: OcmError | None = None, form: dict[str, str] | None = None) -> Response:
    """A page of the list, and the form for a new one."""
    wanted, after = said(visit.request, "search"), said(visit.request, "after")
    found = await visit.context.database.read(lambda tx: accounts.page(tx, wanted, after=after, limit=PAGE + 1))
    values = paged(found, lambda user: user.id, search=wanted)
    return _page(visit, "users", error, **values, wanted=wanted, form=EMPTY | (form or {}))


async def add(visit: Visit) -> Response:
    """Somebody gets an account; without a password the page shows the link by which they choose one."""
    form = EMPTY | await read_form(visit.request)
    try:
        values = {**form, "quota": _quota(form["quota"]), "operator": form["operator"] == "yes"}
        user, secret = await users.add(visit.context, visit.account, users.NewUser.read(values))
    except OcmError as error:
        return await show(visit, error, form)
    return _shown_once(visit, user, secret) if secret else redirect(f"{AREA}/users/{user.id}", "user-added")


async def show_one(visit: Visit, error: OcmError | None = None) -> Response:
    """One user, and what may be changed."""
    user_id = visit.request.path_params["id"]

    def look(tx: Tx) -> tuple[Account, counts.Counts, bool]:
        return accounts.get(tx, user_id), counts.of_person(tx, user_id), factors.of(tx, user_id).any

    user, counted, second = await visit.context.database.read(look)
    quota = "" if user.quota is None else f"{user.quota / GIGABYTE:g}"
    return _page(visit, "user", error, user=user, quota=quota, counts=counted, second=second)


async def change(visit: Visit) -> Response:
    """Another name, address or quota; an operator or not."""
    form = EMPTY | await read_form(visit.request)
    try:
        values = {**form, "quota": _quota(form["quota"]), "operator": form["operator"] == "yes"}
        wanted = users.read_changes({name: values[name] for name in ("name", "email", "quota", "operator")})
        await users.change(visit.context, visit.account, visit.request.path_params["id"], **wanted)
    except OcmError as error:
        return await show_one(visit, error)
    return redirect(f"{AREA}/users/{visit.request.path_params['id']}", "changed")


async def link(visit: Visit) -> Response:
    """A link by which the user chooses a password."""
    user, by = await users.find(visit.context, visit.request), visit.account.id
    secret = await decide(visit.context, visit.account, lambda tx: operators.welcome(tx, user.id, by=by))
    return _shown_once(visit, user, secret)


async def reset_factors(visit: Visit) -> Response:
    """The user has lost their second factors, and signs in without."""
    user = await users.find(visit.context, visit.request)
    await users.forget_factors(visit.context, visit.account, user.id)
    return redirect(f"{AREA}/users/{user.id}", "factors-reset")


async def ask_to_remove(visit: Visit, error: OcmError | None = None) -> Response:
    """Shall the user go?"""
    return _page(visit, "user_remove", error, user=await users.find(visit.context, visit.request))


async def remove(visit: Visit) -> Response:
    """The user goes."""
    form = await read_form(visit.request)
    try:
        user_id = visit.request.path_params["id"]
        await users.remove(visit.context, visit.account, user_id, form.get("files") == "delete")
    except OcmError as error:
        return await ask_to_remove(visit, error)
    return redirect(f"{AREA}/users", "user-removed")


def _shown_once(visit: Visit, user: Account, secret: str) -> Response:
    url = welcomes.url(visit.context.config.public_url, secret)
    return _page(visit, "user_link", user=user, link=url, hours=welcomes.LIFETIME // 3600)


def _page(visit: Visit, name: str, error: OcmError | None = None, **values: Any) -> Response:
    return framed(visit, "users", name, error, labels=LABELS, **values)


def _quota(text: str) -> int | None:
    """Gigabytes as somebody typed them, in bytes. Raises `Invalid`."""
    if not text.strip():
        return None
    try:
        return round(float(text.replace(",", ".")) * GIGABYTE)
    except (ValueError, OverflowError):
        raise Invalid("Write the space in gigabytes, as 10 or 0.5.", fields=[FieldError("quota", "INVALID")]) from None
