"""What a person sets for themselves: where mail reaches them, whether it does, and their language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from opencloudmesh.protocol.fields import Fields
from opencloudmesh.server import digests, views
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.web.bodies import read_object
from opencloudmesh.server.web.errors import json_response

MAX_EMAIL = 255  # characters
CHOICES = ("email", "mail", "language")


async def show_settings(context: Context, account: Account, _request: Request) -> Response:
    """What I have set."""
    row = await context.database.read(lambda tx: digests.choice(tx, account.id))
    return json_response(views.settings(row))


async def change_settings(context: Context, account: Account, request: Request) -> Response:
    """I set something; what is not said stays as it is."""
    return json_response(views.settings(await choose(context, account, await read_object(request))))


async def choose(context: Context, account: Account, values: Mapping[str, Any]) -> digests.Row:
    """Sets what is said. Raises `Invalid` naming the wrong fields."""
    fields = Fields(values)
    said = {name: fields.text(name, required=False, limit=MAX_EMAIL) for name in CHOICES if name in values}
    fields.check("This cannot be set so.")
    return await context.database.write(lambda tx: digests.choose(tx, account.id, **said))
