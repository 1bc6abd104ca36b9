"""The public link flow, as programs speak it: other clouds for their people, and ours for a person of ours.

Nextcloud's servers and link pages send a form to `createFederatedShare`, and look for `remoteUrl` in the answer, or for
the `message` of a 400. ownCloud mounts a link's token over WebDAV (`web/files.py`), once its user's browser was led to
it by the page of the link (`pages/visitors.py`).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from opencloudmesh.protocol import wire
from opencloudmesh.protocol.errors import Forbidden, Invalid, NotFound, Unauthenticated, UnsupportedMediaType
from opencloudmesh.protocol.fields import Fields
from opencloudmesh.protocol.public_links import END_POINT, LED_TO, MAX_TOKEN
from opencloudmesh.server import public_links
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.web.auth import Doors
from opencloudmesh.server.web.bodies import MAX_OBJECT, media_type, read_body, read_object
from opencloudmesh.server.web.errors import json_response
from opencloudmesh.server.web.linked import HIDDEN, opened, take
from opencloudmesh.server.web.links import MAX_PASSWORD

PAGE = "/add"  # where a person of ours says which link they mean
FORM = "application/x-www-form-urlencoded"
MAX_FIELDS = 50


async def give(context: Context, doors: Doors, request: Request) -> Response:
    """The server of somebody asks for what is behind a link, for them. Raises `Invalid`, `TooManyRequests`."""
    fields = Fields(await _read(request))
    token, address = fields.text("token", limit=MAX_TOKEN), fields.address("shareWith")
    password = fields.text("password", required=False, limit=MAX_PASSWORD)
    fields.check("The request is not complete.")
    try:
        link, _ = await opened(context, request, token)
        await doors.link(request, link, password)
        await take(context, request, link, address)
    except (NotFound, Unauthenticated, Forbidden) as error:  # Nextcloud knows no other refusal than 400
        raise Invalid(error.message) from None
    return json_response({"remoteUrl": address.host}, headers=HIDDEN)


async def add(context: Context, account: Account, request: Request) -> Response:
    """I take along what is behind a link of another cloud. This waits for that cloud."""
    link, password = read(await read_object(request))
    taken = await public_links.take(context, account, link, password)
    kept = None if taken.kept is None else taken.kept.id
    return json_response({"host": taken.host, "received": kept}, 202)


def read(body: dict[str, Any]) -> tuple[str, str]:
    """The link and its password, of a body or a form. Raises `Invalid` naming what is wrong."""
    fields = Fields(body)
    link, password = fields.text("link"), fields.text("password", required=False, limit=MAX_PASSWORD)
    fields.check("This is not a public link.")
    return link, password


def routes(context: Context, doors: Doors) -> list[Route]:
    """The routes for other clouds, and for browsers that they lead here."""

    async def answer(request: Request) -> Response:
        return await give(context, doors, request)

    async def led(_request: Request) -> Response:
        return RedirectResponse(PAGE, 303)  # a browser takes along what is behind "#", and nobody else sees it

    return [Route(END_POINT, answer, methods=["POST"]), Route(LED_TO, led), Route(f"{LED_TO}/", led)]


async def _read(request: Request) -> dict[str, Any]:
    kind, body = media_type(request), await read_body(request, MAX_OBJECT)
    if kind == "application/json":
        return wire.decode_object(body)
    if kind != FORM:
        raise UnsupportedMediaType("Send a form or JSON.")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"))
    except ValueError:
        raise Invalid("The form is not understood.") from None
