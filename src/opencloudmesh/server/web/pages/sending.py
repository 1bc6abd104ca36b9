"""Uploads in pieces, for the script of a folder's page: a lost connection, or a page that is left, costs one piece.

    POST /uploads/files          {folder, name, size, modified, exists} -> {id, offset}; 412 where the name is taken
    PUT  /uploads/{id}?from=N    the bytes from N on -> {offset}; 409 where the file ends elsewhere: ask where
    GET  /uploads/{id}           {offset}
    POST /uploads/{id}/finish    it is put where it belongs -> {name}

Begun again with the same file, it goes on. Into a received share it is sent as a whole at the end; what arrived is kept
until that has worked.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from opencloudmesh.protocol.errors import (
    Conflict,
    Forbidden,
    InsufficientStorage,
    Invalid,
    MethodNotAllowed,
    PreconditionFailed,
    TooLarge,
)
from opencloudmesh.protocol.fields import Fields
from opencloudmesh.server import uploads
from opencloudmesh.server.contents import gathered
from opencloudmesh.server.database import Tx
from opencloudmesh.server.trees import KEPT, MAX_PATH, STAYS, Names, clean_path, parent
from opencloudmesh.server.web.bodies import IDLE_SECONDS, read_chunks, read_object
from opencloudmesh.server.web.dav.proppatch import MAX_SECONDS
from opencloudmesh.server.web.errors import json_response
from opencloudmesh.server.web.pages.files import ASK, BOTH, REPLACE, may_write, nearest, there, unlocked
from opencloudmesh.server.web.pages.forms import skip_form
from opencloudmesh.server.web.pages.visits import Visit, redirect

MAX_PIECE = 64 * 1024 * 1024  # bytes of one request
MAX_SIZE = 2**53  # bytes: the numbers of a script are exact up to there


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be uploaded: `modified` in milliseconds."""

    path: str
    size: int
    modified: int
    exists: str

    @classmethod
    def read(cls, body: dict[str, Any]) -> Asked:
        """Raises `Invalid` naming every wrong field."""
        fields = Fields(body)
        asked = cls(
            path=_path(fields),
            size=fields.number("size", limit=MAX_SIZE) or 0,
            modified=fields.number("modified", limit=MAX_SECONDS * 1000) or 0,
            exists=fields.text("exists", required=False) or ASK,
        )
        if asked.exists not in (ASK, BOTH, REPLACE):
            fields.wrong("exists")
        fields.check("The upload is not understood.")
        return asked


async def begin(visit: Visit) -> Response:
    """A file is to be uploaded, or to be gone on with."""
    asked = Asked.read(await read_object(visit.request))
    received = await _may_write(visit, asked.path)
    entry = await there(visit, asked.path)
    if entry is not None and entry.is_folder:
        raise MethodNotAllowed("There is a folder of that name.")
    if entry is not None and asked.exists == ASK:
        raise PreconditionFailed("There is a file of this name already.")
    replaced = entry.size if entry is not None and asked.exists == REPLACE and not received else 0
    quota = await visit.tree.quota()
    unfinished = await visit.context.database.read(lambda tx: uploads.listing(tx, visit.account.id))
    arrived = sum(
        (
            await asyncio.to_thread(visit.context.partials.of(visit.account.id).sizes, [row.id for row in unfinished])
        ).values()
    )

    def store(tx: Tx) -> str:
        upload_id = uploads.begin(
            tx, visit.account.id, asked.path, size=asked.size, modified=asked.modified, replaces=asked.exists == REPLACE
        )
        to_come = uploads.announced(tx, visit.account.id) - arrived
        if quota.available is not None and to_come > quota.available + replaced:
            raise InsufficientStorage("There is no room for this file.")
        return upload_id

    upload_id = await visit.context.database.write(store)
    return json_response({"id": upload_id, "offset": await _arrived(visit, upload_id)})


async def make_folder(visit: Visit) -> Response:
    """A folder that is dragged along: there may be one of that name, and then it goes in there."""
    fields = Fields(await read_object(visit.request))
    path = _path(fields)
    fields.check("The folder is not understood.")
    await _may_write(visit, path)
    entry = await there(visit, path)
    if entry is None:
        await visit.tree.make_folder(path)
    elif not entry.is_folder:
        raise Conflict("There is a file of that name.")
    return Response(status_code=204)


async def show(visit: Visit) -> Response:
    """How much has arrived?"""
    row = await _row(visit)
    return json_response({"offset": await _arrived(visit, row.id)})


async def append(visit: Visit) -> Response:
    """A piece. Most of what arrived of one that breaks off is kept."""
    row, request = await _row(visit), visit.request
    start = request.query_params.get("from", "")
    if not start.isdecimal() or int(start[:20]) > row.size:
        raise Invalid("Say from which byte on.")
    piece = await asyncio.to_thread(visit.context.partials.of(visit.account.id).opened, row.id, int(start), row.size)
    left = MAX_PIECE
    try:
        async for chunk in gathered(read_chunks(request, IDLE_SECONDS)):
            left -= len(chunk)
            if left < 0:
                raise TooLarge("A piece has at most {most} bytes.", most=MAX_PIECE)
            await asyncio.to_thread(piece.write, chunk)
        await asyncio.to_thread(piece.keep)
    finally:
        piece.close()
    await visit.context.database.write(lambda tx: uploads.touch(tx, row.id))
    return json_response({"offset": await _arrived(visit, row.id)})


async def finish(visit: Visit) -> Response:
    """It has arrived, and is put where it belongs."""
    row, partials = await _row(visit), visit.context.partials.of(visit.account.id)
    if row.size == 0:
        (await asyncio.to_thread(partials.opened, row.id, 0, 0)).close()
    if await _arrived(visit, row.id) != row.size:
        raise Conflict("The file is not complete yet.")
    path, modified_ns = row.path, row.modified * 1_000_000
    if not row.replaces:
        path = await Names(visit.tree, parent(path)).free(path.rpartition("/")[2])
    await unlocked(visit, path, member=True)
    existing = KEPT if row.replaces else STAYS
    entry, _new = await visit.tree.take_in(
        path, partials.path(row.id), size=row.size, modified_ns=modified_ns, existing=existing
    )
    await _end(visit, row.id)
    return json_response({"name": entry.name})


async def discard(visit: Visit) -> Response:
    """What has arrived of it is not wanted any more."""
    await skip_form(visit.request)
    row = await _row(visit)
    await _end(visit, row.id)
    return redirect(f"/files/{await nearest(visit, parent(row.path))}", "discarded")


def _path(fields: Fields) -> str:
    """Where it is to be put: a folder of the person's tree, and a path below it."""
    folder, name = fields.text("folder", required=False), fields.text("name")
    path = fields.parsed("name", clean_path, f"{folder}/{name}" if folder else name, "")
    if not path or len(path.encode(errors="replace")) > MAX_PATH:
        fields.wrong("name")
    return path


async def _may_write(visit: Visit, path: str) -> bool:
    """Whether it is to be put into a received share. Raises `Forbidden`, `Locked`."""
    over = await visit.share_over(parent(path))
    if not may_write(over):
        raise Forbidden("You may only read what is in this folder.")
    await unlocked(visit, path, member=True)
    return over is not None


async def _row(visit: Visit) -> uploads.Row:
    upload_id = visit.request.path_params["id"]
    return await visit.context.database.read(lambda tx: uploads.get(tx, upload_id, account=visit.account.id))


async def _arrived(visit: Visit, upload_id: str) -> int:
    return await asyncio.to_thread(visit.context.partials.of(visit.account.id).size, upload_id)


async def _end(visit: Visit, upload_id: str) -> None:
    await visit.context.database.write(lambda tx: uploads.end(tx, upload_id))
    await asyncio.to_thread(visit.context.partials.of(visit.account.id).discard, upload_id)
