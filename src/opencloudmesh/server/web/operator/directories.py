"""The Directory Services that are believed, and the servers that each lists."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from opencloudmesh.protocol.fields import Fields
from opencloudmesh.server import directories, views
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.database import Tx
from opencloudmesh.server.web.bodies import read_object
from opencloudmesh.server.web.errors import json_response
from opencloudmesh.server.web.operator import PAGE, decide, said

MAX_KEYS = 32_768  # characters of PEM


async def list_directories(context: Context, _account: Account, _request: Request) -> Response:
    """What each directory says, and what is wrong with it."""
    rows = await context.database.read(directories.listing)
    return json_response([views.directory(row) for row in rows])


async def add_directory(context: Context, account: Account, request: Request) -> Response:
    """I believe a directory, or say anew what I believe of it."""
    fields = Fields(await read_object(request))
    url, keys = fields.text("url"), fields.text("keys", required=False, limit=MAX_KEYS)
    unsigned = bool(fields.flag("unsigned"))
    fields.check("The directory is not complete.")
    await add(context, account, url, keys, unsigned=unsigned)
    return json_response(await context.database.read(lambda tx: _view(tx, url)), 201)


async def delete_directory(context: Context, account: Account, request: Request) -> Response:
    """I believe a directory no more."""
    await remove(context, account, said(request, "url"))
    return Response(status_code=204)


async def refresh_directory(context: Context, account: Account, request: Request) -> Response:
    """A directory is asked within a minute."""
    await refresh(context, account, said(request, "url"))
    return Response(status_code=204)


async def list_members(context: Context, _account: Account, request: Request) -> Response:
    """A page of the servers that a directory lists."""
    url, after = said(request, "url"), said(request, "after")
    rows = await context.database.read(lambda tx: members(tx, url, after=after, limit=PAGE))
    return json_response([{"host": row.host, "url": row.url, "name": row.name} for row in rows])


def members(tx: Tx, url: str, *, after: str, limit: int) -> list[directories.Row]:
    """Raises `NotFound` where there is no such directory."""
    directories.get(tx, url)
    return directories.listed_by(tx, url, after=after, limit=limit)


async def add(context: Context, account: Account, url: str, keys: str, *, unsigned: bool) -> None:
    """`keys` are PEM texts, one behind the other. The worker asks the directory within a minute. Raises `Invalid`."""
    pems = [f"{BEGIN}{part}" for part in keys.split(BEGIN) if part.strip()] if BEGIN in keys else [keys][: bool(keys)]
    await decide(context, account, lambda tx: directories.add(tx, url, pems, unsigned=unsigned, by=account.id))


async def remove(context: Context, account: Account, url: str) -> None:
    """Raises `NotFound`."""
    await decide(context, account, lambda tx: directories.remove(tx, url, by=account.id))


async def refresh(context: Context, account: Account, url: str) -> None:
    """Raises `NotFound`."""
    await decide(context, account, lambda tx: directories.ask_again(tx, url))


def _view(tx: Tx, url: str) -> dict[str, object]:
    return next(views.directory(row) for row in directories.listing(tx) if row.url == url)


BEGIN = "-----BEGIN"
