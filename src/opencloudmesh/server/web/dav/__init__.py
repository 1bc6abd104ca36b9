"""WebDAV, classes 1, 2 and 3 (RFC 4918), over any `Tree`: one function a method, in one table.

Who asks, and which tree that opens, is the caller's business. Errors are those of `protocol.errors`, which the
caller turns into responses; only those whose body names a precondition are answered here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response

from opencloudmesh.server.database import Database
from opencloudmesh.server.trees import Tree, clean_path
from opencloudmesh.server.web.dav.call import Call, check_target
from opencloudmesh.server.web.dav.locking import lock, unlock
from opencloudmesh.server.web.dav.propfind import propfind
from opencloudmesh.server.web.dav.proppatch import proppatch
from opencloudmesh.server.web.dav.reading import get
from opencloudmesh.server.web.dav.writing import copy, delete, mkcol, move, put
from opencloudmesh.server.web.dav.xml import ConditionError


async def options(_call: Call) -> Response:
    """What is spoken here. Windows wants `MS-Author-Via`."""
    return Response(headers={"DAV": "1, 2, 3", "Allow": ALLOW, "MS-Author-Via": "DAV", "Accept-Ranges": "bytes"})


METHODS: Mapping[str, Callable[[Call], Awaitable[Response]]] = MappingProxyType(
    {
        "OPTIONS": options,
        "GET": get,
        "HEAD": get,
        "PROPFIND": propfind,
        "PROPPATCH": proppatch,
        "PUT": put,
        "MKCOL": mkcol,
        "DELETE": delete,
        "COPY": copy,
        "MOVE": move,
        "LOCK": lock,
        "UNLOCK": unlock,
    }
)
ALLOW = ", ".join(METHODS)


async def serve(
    request: Request, *, database: Database, tree: Tree, prefix: str, path: str, principal: str, host: str = ""
) -> Response:
    """Answers one request.

    `prefix` is the URL path, as encoded by the client, that leads to the root of the tree; `path` what comes after
    it, decoded; `principal` whose lock tokens the request may use; `host` is ours, which a `Destination` may
    name besides the request's `Host`. Raises `OcmError`.
    """
    method = METHODS.get(request.method)
    if method is None:
        return Response(status_code=405, headers={"Allow": ALLOW})
    check_target(request.scope.get("raw_path"))
    call = Call(request, database, tree, prefix.rstrip("/") + "/", clean_path(path), principal, host)
    try:
        if method is not options:
            call = replace(call, entry=await call.look(call.asked))
        return await method(call)
    except ConditionError as error:
        return error.response()
