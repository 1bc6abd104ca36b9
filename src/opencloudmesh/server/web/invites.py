"""Invites: what the API does with them, and what the pages use too."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO

import segno
from starlette.requests import Request
from starlette.responses import Response

from opencloudmesh.protocol.errors import NotFound
from opencloudmesh.protocol.fields import Fields
from opencloudmesh.server import introductions, invites, views
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.web.bodies import read_object
from opencloudmesh.server.web.errors import json_response

DAYS = (1, 7, 30, 90, 365)  # that an invite may be good for, where a person chooses


async def list_invites(context: Context, account: Account, _request: Request) -> Response:
    """The invites that I gave away."""
    rows = await context.database.read(lambda tx: invites.listing(tx, account.id))
    public_url, now = context.config.public_url, int(context.clock())
    return json_response([views.invite(row, public_url, now) for row in rows])


async def create_invite(context: Context, account: Account, request: Request) -> Response:
    """I invite somebody elsewhere."""
    fields = Fields(await read_object(request))
    description, email = fields.text("description", required=False), fields.text("email", required=False)
    expiration = fields.number("expiration")
    fields.check("The invite is not complete.")
    row = await create(context, account, description=description, email=email, expiration=expiration)
    return json_response(views.invite(row, context.config.public_url, int(context.clock())), 201)


async def revoke_invite(context: Context, account: Account, request: Request) -> Response:
    """Nobody shall take an invite any more."""
    await context.database.write(lambda tx: invites.revoke(tx, account.id, request.path_params["id"]))
    return Response(status_code=204)


async def accept_invite(context: Context, account: Account, request: Request) -> Response:
    """I take an invite from elsewhere. This waits for the server that it is from."""
    fields = Fields(await read_object(request))
    invite = fields.text("invite")
    fields.check("The invite is missing.")
    return json_response(await introductions.accept(context, account, invite), 201)


async def show_code(context: Context, account: Account, request: Request) -> Response:
    """The link of an invite of mine as a QR code."""
    return await qr_code(context, account, request.path_params["id"], {})


async def create(
    context: Context, account: Account, *, description: str, email: str, expiration: int | None
) -> invites.Row:
    """A new invite, sent to `email` where that is given. Raises as the gesture does."""
    can_mail = bool(context.config.mail_from)
    return await context.commit(
        lambda tx: invites.create(
            tx, account.id, description=description, email=email, expiration=expiration, can_mail=can_mail
        )
    )


async def qr_code(context: Context, account: Account, invite_id: str, headers: Mapping[str, str]) -> Response:
    """The link of an invite as a picture (SVG), which is as secret. Raises `NotFound`, also for one that is over."""
    row = await context.database.read(lambda tx: invites.get(tx, account.id, invite_id))
    link = views.invite(row, context.config.public_url, int(context.clock()))["link"]
    if link is None:
        raise NotFound("There is no such invite.")
    picture = BytesIO()
    segno.make_qr(link, error="m").save(
        picture, kind="svg", scale=4, xmldecl=False, svgclass=None, lineclass=None, light="#fff"
    )
    return Response(picture.getvalue(), headers={"Cache-Control": "no-store", **headers}, media_type="image/svg+xml")
