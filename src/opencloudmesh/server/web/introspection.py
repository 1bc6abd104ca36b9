"""Whom a token lets in: asked by the web application that the operator configured, and by nobody else (RFC 7662).

    POST /ocm/introspect    Authorization: Basic base64("webapp:" + webapp_secret)    token=...

Of a token that opens nothing it hears only that.
"""

from __future__ import annotations

import hmac
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from opencloudmesh.protocol.errors import Unauthenticated
from opencloudmesh.server import tokens
from opencloudmesh.server.context import Context
from opencloudmesh.server.outgoing import WEBDAV_PATH
from opencloudmesh.server.web.auth import basic, caller_of
from opencloudmesh.server.web.errors import json_response
from opencloudmesh.server.web.pages.forms import read_form

PATH = "/ocm/introspect"
UNKEPT = {"Cache-Control": "no-store"}


def routes(context: Context) -> list[Route]:
    """The route, where there is an application."""
    secret = context.config.webapp_secret

    async def answer(request: Request) -> Response:
        given = basic(request)
        with context.limits.attempt(caller_of(request, context.config.trusted_proxies), "webapp"):
            if given is None or not hmac.compare_digest(given.password.encode(), secret.encode()):
                raise Unauthenticated("Ask with the secret of the web application.")
        token = (await read_form(request)).get("token", "")
        found = await context.database.read(lambda tx: tokens.introspect(tx, token))
        if found is None:
            return json_response({"active": False}, headers=UNKEPT)
        share, until = found
        return json_response(
            {
                "active": True,
                "exp": until,
                "sub": share.share_with,
                "scope": " ".join(share.permissions),
                "share": share.id,
                "name": share.path.rpartition("/")[2],
                "resourceType": share.resource_type,
                "webdav": f"{context.config.public_url}{WEBDAV_PATH}{quote(share.id)}",
            },
            headers=UNKEPT,
        )

    return [Route(PATH, answer, methods=["POST"])] if context.config.webapp else []
