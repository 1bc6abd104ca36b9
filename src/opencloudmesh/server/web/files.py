"""Files over WebDAV: a person's whole tree at `/dav/files/<user>/`, and what others may open at `/dav/ocm/`.

A peer's credential selects the share. Nextcloud and ownCloud ask at the root, CERNBox, OpenCloud and oCIS below the
share's id; either credential works at either place. A link is opened there by its token as the user of `Basic`, with
its password, as at Nextcloud and ownCloud.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import nullcontext

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from opencloudmesh.protocol.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from opencloudmesh.server import links, shares, tokens
from opencloudmesh.server.context import Context
from opencloudmesh.server.database import Tx
from opencloudmesh.server.outgoing import WEBDAV_PATH
from opencloudmesh.server.trees import Tree
from opencloudmesh.server.web import dav
from opencloudmesh.server.web.auth import Doors, basic, share_secret
from opencloudmesh.server.web.linked import count_fetched, putting

OWN_PATH = "/dav/files/"
PUTS = frozenset({"PUT", "MKCOL", "COPY"})
MAY_END_SHARES = frozenset({"DELETE", "MOVE", "COPY"})  # and then peers are told

mesh = logging.getLogger("opencloudmesh.mesh")

Endpoint = Callable[[Context, Doors, Request], Awaitable[Response]]


async def own(context: Context, doors: Doors, request: Request) -> Response:
    """A person's tree, for their own clients."""
    account = await doors.person(request)
    name, prefix, path = _split(request, OWN_PATH)
    if account.id != name:
        raise Forbidden("These are the files of another person.")
    return await dav.serve(
        request,
        database=context.database,
        tree=context.tree(account),
        prefix=prefix,
        path=path,
        principal=f"account:{account.id}",
        host=context.config.own_host,
    )


async def shared(context: Context, doors: Doors, request: Request) -> Response:
    """What a peer's credential opens, or the token of a link."""
    secret, given = share_secret(request), basic(request)
    if secret is None:
        raise Unauthenticated("Show the secret of a share.")
    async with context.audited():
        with doors.secret(request, secret):
            row, is_link = await context.database.read(lambda tx: _opened_by(tx, secret, with_links=given is not None))
    if is_link:
        await doors.link(request, row, given.password if given else "")
        return await _linked(context, request, row)
    share, tree = row, await context.shared_tree(row)
    response = await _below(context, request, share.id, tree, shares.principal(share))
    mesh.info("in  %s %s of the share with %s: %d", request.method, share.path, share.share_with, response.status_code)
    return response


def _opened_by(tx: Tx, secret: str, *, with_links: bool) -> tuple[shares.Row, bool]:
    """The share, or (True) the link. No secret of the one opens the other. Raises what `tokens.opened_by` raises."""
    try:
        return tokens.opened_by(tx, secret), False
    except Unauthenticated:
        link = links.mounted_by(tx, secret) if with_links else None
        if link is None:
            raise
        return link, True


async def _linked(context: Context, request: Request, link: links.Row) -> Response:
    """What a link opens. What a visitor puts there and fetches is counted."""
    limited = putting(context, request, link) if request.method in PUTS else nullcontext()
    with limited:
        response = await _below(context, request, link.id, context.linked_tree(link), links.principal(link))
    await count_fetched(context, request, link, response)
    return response


async def _below(context: Context, request: Request, root: str, tree: Tree, principal: str) -> Response:
    """WebDAV at `/dav/ocm/` and at `/dav/ocm/<root>/`."""
    first, prefix, path = _split(request, WEBDAV_PATH)
    if first != root:
        prefix, path = WEBDAV_PATH, request.scope["path"][len(WEBDAV_PATH) :]
    try:
        return await dav.serve(
            request,
            database=context.database,
            tree=tree,
            prefix=prefix,
            path=path,
            principal=principal,
            host=context.config.own_host,
        )
    except NotFound:
        await _still_there(tree)
        raise


async def _still_there(tree: Tree) -> None:
    """Raises `Unavailable` where what is shared cannot be found, though nobody has ended the share.

    Its disk may be away. After a 404 at the root Nextcloud and ownCloud take the share off their user's list.
    """
    try:
        await tree.stat("")
    except NotFound as error:
        raise Unavailable("What is shared here cannot be reached at the moment.", detail=error.detail) from None


def routes(context: Context, doors: Doors) -> list[Route]:
    """The routes of both trees."""
    return [
        Route(path, _waking(context, doors, endpoint), methods=list(dav.METHODS))
        for base, endpoint in ((OWN_PATH, own), (WEBDAV_PATH, shared))
        for path in (base.rstrip("/"), base + "{path:path}")
    ]


def _waking(context: Context, doors: Doors, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        response = await endpoint(context, doors, request)
        if request.method in MAY_END_SHARES:
            context.wake.set()
        return response

    return answer


def _split(request: Request, base: str) -> tuple[str, str, str]:
    """The first part of the path below `base`, the prefix as the client encodes it down to there, and what follows."""
    first, _, rest = request.scope["path"][len(base) :].partition("/")
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    prefix = "/".join(raw.decode("latin-1").split("/")[: base.count("/") + 1])
    return first, prefix, rest
