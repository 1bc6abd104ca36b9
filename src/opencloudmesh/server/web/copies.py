"""What a person copies from received shares to their own files: the API, and what the pages use too."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from opencloudmesh.protocol.fields import Fields
from opencloudmesh.server import copies, views
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.database import Tx
from opencloudmesh.server.trees import clean_path
from opencloudmesh.server.web.bodies import read_object
from opencloudmesh.server.web.errors import json_response


async def begin(context: Context, account: Account, body: dict[str, Any]) -> dict[str, Any]:
    """It is copied from now on. Raises what `copies.begin` raises, and `Invalid`."""
    fields = Fields(body)
    share_id = fields.text("received", limit=64)
    path, folder = (
        fields.parsed(name, clean_path, fields.text(name, required=False), "") for name in ("path", "folder")
    )
    fields.check("The copy is not complete.")
    if folder:
        copies.check_folder((await context.tree(account).stat(folder)).is_folder)
    strong = account.strong
    row = await context.commit(
        lambda tx: copies.begin(tx, account.id, share_id, strong=strong, path=path, folder=folder)
    )
    return await shown(context, account, row.id)


async def shown(context: Context, account: Account, copy_id: str) -> dict[str, Any]:
    """One job. Raises `NotFound`."""
    return (await _shown(context, account, [await context.database.read(lambda tx: _rows(tx, account, copy_id))]))[0]


async def listing(context: Context, account: Account) -> list[dict[str, Any]]:
    """All jobs, newest first."""
    found = await context.database.read(lambda tx: [copies.rows(tx, row.id) for row in copies.jobs(tx, account.id)])
    return await _shown(context, account, found)


async def cancel(context: Context, account: Account, copy_id: str) -> None:
    """The person does not want it any more, or takes it off the list. Raises `NotFound`."""
    ids = await context.database.write(lambda tx: copies.cancel(tx, copy_id, account=account.id))
    await asyncio.to_thread(context.partials.of(account.id).discard, *ids)


async def list_copies(context: Context, account: Account, _request: Request) -> Response:
    """What I copy."""
    return json_response(await listing(context, account))


async def create_copy(context: Context, account: Account, request: Request) -> Response:
    """I copy something to my files."""
    return json_response(await begin(context, account, await read_object(request)), 201)


async def show_copy(context: Context, account: Account, request: Request) -> Response:
    """How far is it?"""
    return json_response(await shown(context, account, request.path_params["id"]))


async def retry_copy(context: Context, account: Account, request: Request) -> Response:
    """It is tried again."""
    copy_id = request.path_params["id"]
    row = await context.commit(lambda tx: copies.retry(tx, copy_id, account=account.id))
    return json_response(await shown(context, account, row.id))


async def delete_copy(context: Context, account: Account, request: Request) -> Response:
    """I do not want it any more."""
    await cancel(context, account, request.path_params["id"])
    return Response(status_code=204)


def _rows(tx: Tx, account: Account, copy_id: str) -> list[copies.Row]:
    return copies.rows(tx, copies.get(tx, copy_id, account=account.id).job)


async def _shown(context: Context, account: Account, jobs: list[list[copies.Row]]) -> list[dict[str, Any]]:
    arrived = await asyncio.to_thread(context.partials.of(account.id).sizes, copies.unfinished(jobs))
    return [views.copy(rows, arrived) for rows in jobs]
