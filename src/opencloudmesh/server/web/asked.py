"""What a person asks people elsewhere for: the API, and what the pages use too."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.share_requests import ShareRequest
from opencloudmesh.protocol.wire import encode_json
from opencloudmesh.server import asked, views
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.web.bodies import read_object
from opencloudmesh.server.web.errors import json_response


async def ask(context: Context, account: Account, body: dict[str, Any]) -> asked.Row:
    """The person asks. Raises what `asked.ask` raises, and `Invalid` naming every wrong field."""
    own = str(Address(account.id, context.config.own_host))
    said = {name: body.get(name) for name in ("owner", "share")}
    wanted = ShareRequest.parse(encode_json({**said, "shareWith": own}))
    return await context.commit(lambda tx: asked.ask(tx, account.id, wanted))


async def list_asked(context: Context, account: Account, _request: Request) -> Response:
    """What I asked others for."""
    rows = await context.database.read(lambda tx: asked.listing(tx, account.id))
    return json_response([views.asked(row) for row in rows])


async def create_asked(context: Context, account: Account, request: Request) -> Response:
    """I ask somebody for something."""
    return json_response(views.asked(await ask(context, account, await read_object(request))), 201)


async def delete_asked(context: Context, account: Account, request: Request) -> Response:
    """I take it off my list."""
    await context.commit(lambda tx: asked.remove(tx, request.path_params["id"], account=account.id))
    return Response(status_code=204)
