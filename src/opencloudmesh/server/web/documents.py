"""What anybody may read: the discovery document, our keys, whether we are well.

Everybody looks elsewhere for the discovery document: 1.4 at `/.well-known/ocm`, Nextcloud <= 32 and ownCloud at
`/ocm-provider/`, Reva and oCIS at `/ocm-provider`, Nextcloud's probes at `/ocm-provider/index.php`. All get it at once,
without a redirect.

`/ocs-provider/` is served only where the operator wants it (`owncloud_links`), and `/status.php` never: Nextcloud and
ownCloud take whoever answers there for one of their own, and remove a share for good that answers 401 or 404.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from opencloudmesh.protocol.discovery import JWKS, LEGACY, WELL_KNOWN
from opencloudmesh.server import outbox, outgoing, policy
from opencloudmesh.server.context import Context
from opencloudmesh.server.web.errors import json_response

# Seconds: long enough to spare us a crowd, short enough that a changed key or endpoint is seen soon.
MAX_AGE = 300
OCS_PATHS = ("/ocs-provider/", "/ocs-provider/index.php")
OCS = {"version": 2, "services": {}}  # none of them: only that somebody is there
OPEN = {"Vary": "User-Agent", "Access-Control-Allow-Origin": "*"}


def routes(context: Context) -> list[Route]:
    """The documents' routes."""

    def cached() -> dict[str, str]:
        return {"Cache-Control": f"public, max-age={context.keys.lasts(MAX_AGE)}", **OPEN}

    async def discovery(request: Request) -> Response:
        user_agent = request.headers.get("user-agent", "")
        criteria = await context.database.read(policy.criteria)
        return json_response(outgoing.document(context.config, context.keys, criteria, user_agent), headers=cached())

    async def jwks(_request: Request) -> Response:
        return json_response(context.keys.jwks, headers=cached())

    async def health(_request: Request) -> Response:
        waiting = await context.database.read(outbox.waiting)  # `Unavailable`, 503, where the database is away
        return json_response({"status": "ok", "outbox": waiting}, headers={"Cache-Control": "no-store"})

    async def ocs(_request: Request) -> Response:
        return json_response(OCS, headers=OPEN)

    paths = (WELL_KNOWN, LEGACY, LEGACY + "/", LEGACY + "/index.php")
    probes = OCS_PATHS if context.config.owncloud_links else ()
    return [
        *(Route(path, discovery) for path in paths),
        *(Route(path, ocs) for path in probes),
        Route(JWKS, jwks),
        Route("/health", health),
    ]
