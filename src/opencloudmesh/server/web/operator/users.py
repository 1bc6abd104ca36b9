"""Users: who has an account here."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from opencloudmesh.protocol.address import is_email
from opencloudmesh.protocol.fields import Fields
from opencloudmesh.server import accounts, factors, languages, operators, views, welcomes
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.database import Tx, new_secret
from opencloudmesh.server.web.auth import hash_password
from opencloudmesh.server.web.bodies import read_object
from opencloudmesh.server.web.errors import json_response
from opencloudmesh.server.web.operator import PAGE, decide, said

MAX_QUOTA = 2**53 - 1  # bytes; every JSON parser reads it
MAX_NAME = 255
PATH = "/api/v1/operator/users"


@dataclass(frozen=True, slots=True)
class NewUser:
    """Somebody who is to have an account. Without a password they choose one by a link."""

    id: str
    name: str
    email: str
    quota: int | None
    operator: bool
    password: str = field(repr=False)

    @classmethod
    def read(cls, values: dict[str, Any]) -> NewUser:
        """Raises `Invalid` naming every wrong field."""
        fields = Fields(values)
        new = cls(
            id=fields.text("id", limit=64).strip(),
            name=fields.text("name", required=False, limit=MAX_NAME).strip(),
            email=_email(fields),
            quota=fields.number("quota", limit=MAX_QUOTA),
            operator=bool(fields.flag("operator")),
            password=fields.text("password", required=False),
        )
        fields.check("The user is not complete.")
        return new


async def list_users(context: Context, _account: Account, request: Request) -> Response:
    """Who has an account here: those found by `search`, a page of them, behind the user `after`."""
    text, after = said(request, "search"), said(request, "after")
    found = await context.database.read(lambda tx: accounts.page(tx, text, after=after, limit=PAGE))
    return json_response([views.user(user) for user in found])


async def create_user(context: Context, account: Account, request: Request) -> Response:
    """I give somebody an account, with a password or a link to choose one."""
    user, secret = await add(context, account, NewUser.read(await read_object(request)))
    body = {**views.user(user), "link": secret and welcomes.url(context.config.public_url, secret)}
    return json_response(body, 201, {"Location": f"{PATH}/{user.id}"})


async def show_user(context: Context, _account: Account, request: Request) -> Response:
    """One user."""
    return json_response(views.user(await find(context, request)))


async def change_user(context: Context, account: Account, request: Request) -> Response:
    """I change what is said of a user."""
    values, user_id = read_changes(await read_object(request)), request.path_params["id"]
    return json_response(views.user(await change(context, account, user_id, **values)))


async def delete_user(context: Context, account: Account, request: Request) -> Response:
    """I remove a user, and with `files=delete` what is in their folder."""
    await remove(context, account, request.path_params["id"], said(request, "files") == "delete")
    return Response(status_code=204)


async def create_password_link(context: Context, account: Account, request: Request) -> Response:
    """I let a user choose a password."""
    user_id = request.path_params["id"]
    secret = await decide(context, account, lambda tx: operators.welcome(tx, user_id, by=account.id))
    return json_response({"link": welcomes.url(context.config.public_url, secret)}, 201)


async def reset_factors(context: Context, account: Account, request: Request) -> Response:
    """I take the second factors of a user away, who has lost them."""
    await forget_factors(context, account, request.path_params["id"])
    return Response(status_code=204)


def read_changes(values: dict[str, Any]) -> dict[str, Any]:
    """What is to be said of a user from now on; what is not named stays. Raises `Invalid`."""
    fields = Fields(values)
    wanted: dict[str, Any] = {
        "name": fields.text("name", required="name" in values, limit=MAX_NAME).strip(),
        "email": _email(fields),
        "quota": fields.number("quota", limit=MAX_QUOTA),
        "operator": bool(fields.flag("operator")),
        "language": fields.text("language", required=False),
    }
    if wanted["language"] not in ("", *languages.NAMES):
        fields.wrong("language")
    fields.check()
    return {name: value for name, value in wanted.items() if name in values}


async def find(context: Context, request: Request) -> Account:
    """The user that a path names. Raises `NotFound`."""
    user_id = request.path_params["id"]
    return await context.database.read(lambda tx: accounts.get(tx, user_id))


async def add(context: Context, account: Account, new: NewUser) -> tuple[Account, str | None]:
    """The user, and the secret of a link where no password was said. Raises `Invalid`, `Conflict`."""
    stored = await hash_password(new.password or new_secret())

    def gesture(tx: Tx) -> tuple[Account, str | None]:
        user = operators.add(
            tx, new.id, stored, name=new.name, email=new.email, quota=new.quota, operator=new.operator, by=account.id
        )
        return user, None if new.password else operators.welcome(tx, user.id, by=account.id)

    user, secret = await decide(context, account, gesture)
    await asyncio.to_thread(context.storage.stat, user.id, "")  # makes their folder
    return user, secret


async def change(context: Context, account: Account, user_id: str, **values: Any) -> Account:
    """Raises `NotFound`, and `Conflict` for the last operator."""
    return await decide(context, account, lambda tx: operators.change(tx, user_id, by=account.id, **values))


async def forget_factors(context: Context, account: Account, user_id: str) -> None:
    """They sign in with the password alone from now on, and are signed out everywhere. Raises `NotFound`."""
    await decide(context, account, lambda tx: factors.reset(tx, user_id, by=account.id))


async def remove(context: Context, account: Account, user_id: str, with_files: bool) -> None:
    """Raises `NotFound`, and `Conflict` for the last operator."""
    await context.database.read(lambda tx: accounts.get(tx, user_id))
    async with context.leaving(user_id, with_files=with_files):
        await decide(context, account, lambda tx: operators.remove(tx, user_id, by=account.id))


def _email(fields: Fields) -> str:
    email = fields.text("email", required=False, limit=MAX_NAME).strip()
    if email and not is_email(email):
        fields.wrong("email")
    return email
