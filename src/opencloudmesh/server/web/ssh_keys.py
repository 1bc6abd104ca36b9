"""The keys with which a person comes to shares over SSH: the API."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from opencloudmesh.protocol.fields import Fields
from opencloudmesh.server import ssh_keys, views
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.web.bodies import read_object
from opencloudmesh.server.web.errors import json_response


async def list_keys(context: Context, account: Account, _request: Request) -> Response:
    """My keys."""
    rows = await context.database.read(lambda tx: ssh_keys.listing(tx, account.id))
    return json_response([views.ssh_key(row) for row in rows])


async def add_key(context: Context, account: Account, request: Request) -> Response:
    """A new key of mine."""
    fields = Fields(await read_object(request))
    key, name = fields.text("key"), fields.text("name", required=False)
    fields.check("The key is not complete.")
    row = await context.database.write(lambda tx: ssh_keys.add(tx, account.id, key, name=name))
    return json_response(views.ssh_key(row), 201)


async def remove_key(context: Context, account: Account, request: Request) -> Response:
    """I do not use a key any more."""
    key_id = request.path_params["id"]
    await context.database.write(lambda tx: ssh_keys.remove(tx, key_id, account=account.id))
    return Response(status_code=204)
