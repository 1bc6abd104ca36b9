"""Groups of people here, with whom somebody elsewhere can share at once."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from opencloudmesh.protocol.fields import Fields
from opencloudmesh.server import groups, operators, views
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.groups import Group
from opencloudmesh.server.web.bodies import read_object
from opencloudmesh.server.web.errors import json_response
from opencloudmesh.server.web.operator import PAGE, decide, said

MAX_NAME = 255


async def list_groups(context: Context, _account: Account, request: Request) -> Response:
    """A page of the groups, with their members."""
    after = said(request, "after")
    found = await context.database.read(lambda tx: groups.listing(tx, after=after, limit=PAGE))
    return json_response([views.group(group) for group in found])


async def create_group(context: Context, account: Account, request: Request) -> Response:
    """I make a group, of nobody yet."""
    group = await add(context, account, Fields(await read_object(request)))
    return json_response(views.group(group), 201)


async def show_group(context: Context, _account: Account, request: Request) -> Response:
    """One group."""
    group_id = request.path_params["id"]
    return json_response(views.group(await context.database.read(lambda tx: groups.get(tx, group_id))))


async def delete_group(context: Context, account: Account, request: Request) -> Response:
    """I remove a group; its members stay."""
    await remove(context, account, request.path_params["id"])
    return Response(status_code=204)


async def put_member(context: Context, account: Account, request: Request) -> Response:
    """I put somebody into a group."""
    return json_response(
        views.group(await join(context, account, request.path_params["id"], request.path_params["user"]))
    )


async def delete_member(context: Context, account: Account, request: Request) -> Response:
    """I take somebody out of a group."""
    await leave(context, account, request.path_params["id"], request.path_params["user"])
    return Response(status_code=204)


async def add(context: Context, account: Account, fields: Fields) -> Group:
    """Raises `Invalid`, `Conflict`."""
    group_id = fields.text("id", limit=64).strip()
    name = fields.text("name", required=False, limit=MAX_NAME).strip()
    fields.check("The group is not complete.")
    return await decide(context, account, lambda tx: operators.add_group(tx, group_id, name=name, by=account.id))


async def join(context: Context, account: Account, group_id: str, user: str) -> Group:
    """Raises `NotFound`, `Conflict`."""
    return await decide(context, account, lambda tx: operators.join_group(tx, group_id, user, by=account.id))


async def leave(context: Context, account: Account, group_id: str, user: str) -> Group:
    """Raises `NotFound`."""
    return await decide(context, account, lambda tx: operators.leave_group(tx, group_id, user, by=account.id))


async def remove(context: Context, account: Account, group_id: str) -> None:
    """Raises `NotFound`."""
    await decide(context, account, lambda tx: operators.remove_group(tx, group_id, by=account.id))
