"""Circles of contacts, and sharing with all in one at once: what the API does, and what the pages use too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.fields import Fields
from opencloudmesh.server import batches, circles, views
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.batches import Batch
from opencloudmesh.server.bounds import Terms
from opencloudmesh.server.context import Context
from opencloudmesh.server.web.bodies import read_object
from opencloudmesh.server.web.errors import json_response
from opencloudmesh.server.web.shares import ShareChange, is_folder, read_path, read_terms


@dataclass(frozen=True, slots=True)
class NewBatch:
    """What a person says of something that they want to share with a circle: the body of `POST batches`, or a form."""

    path: str
    circle: str
    terms: Terms

    @classmethod
    def read(cls, body: dict[str, Any]) -> NewBatch:
        """Raises `Invalid` naming every wrong field."""
        fields = Fields(body)
        wanted = cls(
            path=read_path(fields),
            circle=fields.text("circle"),
            terms=read_terms(fields),
        )
        fields.check("The share is not complete.")
        return wanted


async def share(context: Context, account: Account, wanted: NewBatch) -> Batch:
    """The person shares it. Raises what `batches.offer` raises, `Invalid` for what is not there, `Forbidden`."""
    folder = await is_folder(context, account, wanted.path)
    return await context.commit(
        lambda tx: batches.offer(
            tx,
            owner=account.id,
            circle_id=wanted.circle,
            own_address=_address(context, account),
            path=wanted.path,
            resource_type="folder" if folder else "file",
            terms=wanted.terms,
        )
    )


async def share_on(context: Context, account: Account, batch_id: str) -> Batch:
    """The person shares it with who has come into the circle since. Raises what `batches.catch_up` raises."""
    own = _address(context, account)
    return await context.commit(lambda tx: batches.catch_up(tx, account.id, batch_id, own_address=own))


async def change_all(context: Context, account: Account, batch_id: str, change: ShareChange) -> Batch:
    """The person lets all of them do more or less. Raises what `batches.change` raises."""
    return await context.commit(
        lambda tx: batches.change(
            tx, account.id, batch_id, permissions=change.permissions, expiration=change.expiration
        )
    )


async def list_circles(context: Context, account: Account, _request: Request) -> Response:
    """My circles."""
    rows = await context.database.read(lambda tx: circles.listing(tx, account.id))
    return json_response([views.circle(row) for row in rows])


async def create_circle(context: Context, account: Account, request: Request) -> Response:
    """I make a circle."""
    name = await _name(request)
    row = await context.database.write(lambda tx: circles.create(tx, account.id, name))
    return json_response(views.circle(row), 201)


async def rename_circle(context: Context, account: Account, request: Request) -> Response:
    """I call a circle otherwise."""
    name, circle_id = await _name(request), request.path_params["id"]
    row = await context.database.write(lambda tx: circles.rename(tx, account.id, circle_id, name))
    return json_response(views.circle(row))


async def delete_circle(context: Context, account: Account, request: Request) -> Response:
    """I do not need a circle any more."""
    await context.database.write(lambda tx: circles.remove(tx, account.id, request.path_params["id"]))
    return Response(status_code=204)


async def add_member(context: Context, account: Account, request: Request) -> Response:
    """I put a contact into a circle."""
    circle_id, contact_id = request.path_params["id"], request.path_params["contact"]
    row = await context.database.write(lambda tx: circles.add(tx, account.id, circle_id, contact_id))
    return json_response(views.circle(row))


async def drop_member(context: Context, account: Account, request: Request) -> Response:
    """I take a contact out of a circle."""
    circle_id, contact_id = request.path_params["id"], request.path_params["contact"]
    row = await context.database.write(lambda tx: circles.drop(tx, account.id, circle_id, contact_id))
    return json_response(views.circle(row))


async def list_batches(context: Context, account: Account, _request: Request) -> Response:
    """What I share with circles, and how far that is."""
    found = await context.database.read(lambda tx: batches.listing(tx, account.id))
    return json_response([views.batch(batch) for batch in found])


async def create_batch(context: Context, account: Account, request: Request) -> Response:
    """I share something with everybody in a circle."""
    batch = await share(context, account, NewBatch.read(await read_object(request)))
    return json_response(views.batch(batch), 201)


async def show_batch(context: Context, account: Account, request: Request) -> Response:
    """One of them."""
    batch = await context.database.read(lambda tx: batches.get(tx, account.id, request.path_params["id"]))
    return json_response(views.batch(batch))


async def change_batch(context: Context, account: Account, request: Request) -> Response:
    """I let all of them do more or less, or set another end."""
    change, batch_id = ShareChange.read(await read_object(request)), request.path_params["id"]
    return json_response(views.batch(await change_all(context, account, batch_id, change)))


async def stop_batch(context: Context, account: Account, request: Request) -> Response:
    """I end all of its shares."""
    await context.commit(lambda tx: batches.stop(tx, account.id, request.path_params["id"]))
    return Response(status_code=204)


async def catch_up(context: Context, account: Account, request: Request) -> Response:
    """I share it with who has come into the circle since."""
    return json_response(views.batch(await share_on(context, account, request.path_params["id"])))


async def _name(request: Request) -> str:
    fields = Fields(await read_object(request))
    name = fields.text("name")
    fields.check("The circle has no name.")
    return name


def _address(context: Context, account: Account) -> Address:
    return Address(account.id, context.config.own_host)
