"""GET and HEAD: a file, or one range of it.

A whole file on this disk goes out by `http.response.pathsend` where the server offers it (Granian), so that no
byte of it passes through Python. Ranges and other servers get it in pieces.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from io import FileIO
from pathlib import Path

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from opencloudmesh.protocol.errors import MethodNotAllowed, RangeNotSatisfiable
from opencloudmesh.server.contents import opened
from opencloudmesh.server.trees import Entry
from opencloudmesh.server.web.dav import digests
from opencloudmesh.server.web.dav.call import Call
from opencloudmesh.server.web.dav.conditions import NANO, hold, not_modified, range_applies
from opencloudmesh.server.web.dav.live import http_date

PIECE = 512 * 1024  # bytes read and sent at a time
_RANGE = re.compile(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.IGNORECASE)

# What people upload is never a page of ours: not shown with our origin's rights, not taken for another type.
SAFETY = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Content-Disposition": "attachment",
    "X-Content-Type-Options": "nosniff",
}


async def get(call: Call) -> Response:
    """200, 206, 304 or 416. Several ranges at once are answered with the whole file, as RFC 9110, 14.2 permits."""
    entry = call.existing()
    if entry.is_folder:
        raise MethodNotAllowed("A folder has no content; PROPFIND lists what is in it.")
    await hold(call)
    if not_modified(call.request.headers, entry):
        return Response(status_code=304, headers=_validators(entry))
    if call.request.method == "HEAD":
        return _Empty(200, _fields(entry, None))
    try:
        wanted = _range(call, entry)
    except RangeNotSatisfiable:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{entry.size}"})
    content = await (call.tree.read(entry.path, *wanted) if wanted else call.tree.read(entry.path))
    status, fields = 206 if wanted else 200, _fields(content.entry, wanted)
    fields |= await digests.told(call.header("want-repr-digest"), content.file, content.entry.size)
    if content.file is None:
        return StreamingResponse(content.stream or _nothing(), status, fields)
    if wanted is None and "http.response.pathsend" in call.request.scope.get("extensions", {}):
        return _PathSend(content.file, status, fields)
    file = await asyncio.to_thread(opened, content.file)
    return StreamingResponse(_pieces(file, *(wanted or (0, content.entry.size))), status, fields)


class _Empty(Response):
    """The headers of a response without its body."""

    def __init__(self, status: int, fields: dict[str, str]) -> None:
        super().__init__(status_code=status)
        self.init_headers(fields)


class _PathSend(_Empty):
    """A file that the server itself sends (the `http.response.pathsend` extension of ASGI)."""

    def __init__(self, path: Path, status: int, fields: dict[str, str]) -> None:
        super().__init__(status, fields)
        self._path = path

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.pathsend", "path": str(self._path)})


def _range(call: Call, entry: Entry) -> tuple[int, int] | None:
    """The bytes `start:stop` that are asked for; None for all. What is not understood is as if it were absent."""
    match = _RANGE.fullmatch(call.header("range") or "")
    if match is None or not range_applies(call.request.headers, entry):
        return None
    first, last = match.groups()
    if not first:  # the last so many
        if not last or entry.size == 0:
            return None
        start, stop = max(0, entry.size - int(last)), entry.size
    else:
        start, stop = int(first), min(int(last) + 1, entry.size) if last else entry.size
        if last and int(last) < start:
            return None
    if start >= entry.size:
        raise RangeNotSatisfiable("The range lies behind the end of the file.")
    return start, stop


def _validators(entry: Entry) -> dict[str, str]:
    return {"ETag": f'"{entry.etag}"', "Last-Modified": http_date(entry.modified_ns // NANO)}


def _fields(entry: Entry, wanted: tuple[int, int] | None) -> dict[str, str]:
    start, stop = wanted or (0, entry.size)
    part = {"Content-Range": f"bytes {start}-{stop - 1}/{entry.size}"} if wanted else {}
    return {
        **SAFETY,
        **_validators(entry),
        **part,
        "Accept-Ranges": "bytes",
        "Content-Length": str(stop - start),
        "Content-Type": _header_text(entry.media_type) or "application/octet-stream",
    }


def _header_text(media_type: str) -> str:
    """A media type as it may stand in a header: another server may have told it."""
    return media_type if media_type.isascii() and media_type.isprintable() else ""


async def _pieces(file: FileIO, position: int, stop: int) -> AsyncIterator[bytes]:
    with file:
        while position < stop:
            piece = await asyncio.to_thread(os.pread, file.fileno(), min(PIECE, stop - position), position)
            if not piece:
                return
            position += len(piece)
            yield piece


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""
