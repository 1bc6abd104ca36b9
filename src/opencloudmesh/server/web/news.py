"""What people are told: what the API does with it, and what the pages use too."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from opencloudmesh.protocol.errors import FieldError, Invalid, NotFound
from opencloudmesh.protocol.fields import Fields
from opencloudmesh.server import news, views
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.web.bodies import read_maybe_object
from opencloudmesh.server.web.errors import json_response

MAX_ID = 2**63 - 1


async def list_news(context: Context, account: Account, request: Request) -> Response:
    """What I am told."""
    unread = request.query_params.get("unread", "false")
    if unread not in ("true", "false"):
        raise Invalid("Write true or false.", fields=[FieldError("unread", "INVALID")])
    before, limit = number(request, "before", MAX_ID), number(request, "limit", news.MAX_PAGE)
    rows = await context.database.read(
        lambda tx: news.listing(
            tx, account.id, unread_only=unread == "true", before=before, limit=news.MAX_PAGE if limit is None else limit
        )
    )
    return json_response([views.notification(row) for row in rows])


async def mark_one(context: Context, account: Account, request: Request) -> Response:
    """I have read it."""
    news_id = id_of(request)
    row = await context.database.write(lambda tx: news.mark(tx, account.id, news_id))
    return json_response(views.notification(row))


async def mark_all(context: Context, account: Account, request: Request) -> Response:
    """I have read all."""
    fields = Fields(await read_maybe_object(request))
    until = fields.number("until", limit=MAX_ID)
    fields.check("This is not the id of a notification.")
    await context.database.write(lambda tx: news.mark_all(tx, account.id, until=until))
    return Response(status_code=204)


def number(request: Request, name: str, most: int) -> int | None:
    """A whole number from 1 in the query, None where it is not there. Raises `Invalid`."""
    text = request.query_params.get(name)
    if text is None:
        return None
    if not text.isdecimal() or len(text) > len(str(most)) or not 1 <= int(text) <= most:
        raise Invalid("Write a number from 1 to {most}.", most=most, fields=[FieldError(name, "INVALID")])
    return int(text)


def id_of(request: Request) -> int:
    """The id in the path. Raises `NotFound`."""
    text = request.path_params["id"]
    if not text.isdecimal() or len(text) > len(str(MAX_ID)) or int(text) > MAX_ID:
        raise NotFound("There is no such notification.")
    return int(text)
