"""PUT, MKCOL, DELETE, COPY and MOVE.

Nextcloud takes no other success than 201 for MKCOL and 204 for DELETE.
"""

from __future__ import annotations

import re

from starlette.responses import Response

from opencloudmesh.protocol.errors import Invalid, UnsupportedMediaType
from opencloudmesh.server.web.dav.call import Call
from opencloudmesh.server.web.dav.conditions import NANO, Change, hold, unlocked
from opencloudmesh.server.web.dav.live import http_date
from opencloudmesh.server.web.dav.proppatch import MAX_SECONDS


async def put(call: Call) -> Response:
    """201 for a new file, 204 for a new version."""
    if call.header("content-range") is not None:
        raise Invalid("A part of a file cannot be put (RFC 9110, 14.5).")
    modified_ns = _modified_ns(call.header("x-oc-mtime"))
    tokens = await hold(call)
    await unlocked(call, tokens, Change(call.path, member=call.entry is None))
    entry, new = await call.tree.write(call.path, call.chunks(), size=_length(call), modified_ns=modified_ns)
    headers = {"ETag": f'"{entry.etag}"', "Last-Modified": http_date(entry.modified_ns // NANO)}
    if modified_ns is not None:
        headers["X-OC-Mtime"] = "accepted"
    return Response(status_code=201 if new else 204, headers=headers)


async def mkcol(call: Call) -> Response:
    """201."""
    async for chunk in call.chunks():
        if chunk:
            raise UnsupportedMediaType("MKCOL takes no body.")
    tokens = await hold(call)
    await unlocked(call, tokens, Change(call.path, member=True))
    await call.tree.make_folder(call.path)
    return Response(status_code=201)


async def delete(call: Call) -> Response:
    """204."""
    call.depth("infinity", "infinity")
    tokens = await hold(call)
    await unlocked(call, tokens, Change(call.path, member=True, deep=True))
    await call.tree.delete(call.path)
    return Response(status_code=204)


async def copy(call: Call) -> Response:
    """201, or 204 where something was replaced."""
    deep = call.depth("infinity", "0", "infinity") == "infinity"
    target, overwrite = await _target(call)
    new = await call.tree.copy(call.path, target, overwrite=overwrite, deep=deep)
    return Response(status_code=201 if new else 204)


async def move(call: Call) -> Response:
    """201, or 204 where something was replaced."""
    call.depth("infinity", "infinity")
    target, overwrite = await _target(call, Change(call.path, member=True, deep=True))
    new = await call.tree.move(call.path, target, overwrite=overwrite)
    return Response(status_code=201 if new else 204)


async def _target(call: Call, *changes: Change) -> tuple[str, bool]:
    """Where to, and whether what is there may be replaced; conditions hold and no lock forbids it."""
    asked = call.destination()
    overwrite = (call.header("overwrite") or "T").strip().upper()
    if overwrite not in ("T", "F"):
        raise Invalid("Overwrite is T or F.")
    tokens = await hold(call)
    replaced = await call.look(asked)
    target = replaced.path if replaced else asked
    await unlocked(call, tokens, *changes, Change(target, member=replaced is None, deep=True))
    return target, overwrite == "T"


def _length(call: Call) -> int | None:
    """The announced length of the body in bytes; None where it comes in chunks."""
    value = call.header("content-length")
    if value is None or call.header("transfer-encoding") is not None:
        return None
    if not re.fullmatch("[0-9]{1,18}", value):
        raise Invalid("The Content-Length is not a number.")
    return int(value)


def _modified_ns(value: str | None) -> int | None:
    """X-OC-Mtime, unix seconds, as rclone, ownCloud and Nextcloud send it."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < MAX_SECONDS:
        raise Invalid("X-OC-Mtime is not a time in seconds.")
    return int(seconds) * NANO
