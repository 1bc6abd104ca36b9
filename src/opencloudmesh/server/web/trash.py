"""What a person deleted: the list, back to where it was, gone for good. For the API and the pages."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from opencloudmesh.protocol.errors import Conflict, NotFound
from opencloudmesh.server import locks, received, trash, views
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.database import Tx
from opencloudmesh.server.trees import Names, inside, join, parent
from opencloudmesh.server.web.errors import json_response

Folders = dict[str, Names]  # what is known of those that something came back to


async def restore(context: Context, account: Account, trash_id: str, folders: Folders | None = None) -> str:
    """Where it is now: where it was, with a number where that name is taken; else among the first of their files.

    That is where a file or a received share has taken the place of the folder that it was in.
    """
    row = await context.database.read(lambda tx: trash.get(tx, trash_id, account=account.id))
    folder, name = parent(row.path), row.path.rpartition("/")[2]
    if await context.database.read(lambda tx: _is_received(tx, account.id, folder)):
        folder = ""
    try:
        return await _put(context, account, trash_id, folder, name, {} if folders is None else folders)
    except Conflict:
        return await _put(context, account, trash_id, "", name, {})


async def _put(context: Context, account: Account, trash_id: str, folder: str, name: str, folders: Folders) -> str:
    async def put(path: str) -> None:
        who = f"account:{account.id}"
        await context.database.read(lambda tx: locks.check(tx, account.id, path, (), principal=who, member=True))
        await context.bin(account.id).restore(trash_id, path)

    try:
        return await folders.setdefault(folder, Names(context.tree(account), folder)).put(name, put)
    except NotFound:  # the folder has gone too, and comes back with it
        path = join(folder, name)
        await put(path)
        return path


def _is_received(tx: Tx, account: str, folder: str) -> bool:
    return any(row.path and inside(folder, row.path) for row in received.listing(tx, account))


async def list_trash(context: Context, account: Account, _request: Request) -> Response:
    """What I deleted, the last first."""
    rows = await context.database.read(lambda tx: trash.listing(tx, account.id))
    return json_response([views.deleted(row) for row in rows])


async def restore_deleted(context: Context, account: Account, request: Request) -> Response:
    """I want it back."""
    return json_response({"path": await restore(context, account, request.path_params["id"])})


async def burn_deleted(context: Context, account: Account, request: Request) -> Response:
    """I do not want it back."""
    await context.bin(account.id).burn(request.path_params["id"])
    return Response(status_code=204)


async def empty_trash(context: Context, account: Account, _request: Request) -> Response:
    """I want nothing of it back."""
    await context.bin(account.id).empty()
    return Response(status_code=204)
