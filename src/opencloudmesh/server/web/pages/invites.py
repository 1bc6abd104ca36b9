"""Coming to know people elsewhere: invites in both directions."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from opencloudmesh.protocol.errors import FieldError, Invalid, OcmError
from opencloudmesh.protocol.fields import Fields
from opencloudmesh.server import introductions, invites, views
from opencloudmesh.server.web.invites import DAYS, qr_code
from opencloudmesh.server.web.invites import create as create_invite
from opencloudmesh.server.web.pages.forms import read_form
from opencloudmesh.server.web.pages.visits import HEADERS, Visit, redirect

EMPTY = {"note": "", "email": "", "days": "30", "invite": ""}


async def show(visit: Visit, error: OcmError | None = None, form: dict[str, str] | None = None) -> Response:
    """The invites that the person gave away, and the forms; `email` in the query is somebody who is to be invited."""
    known = visit.request.query_params.get("email", "")
    rows = await visit.context.database.read(lambda tx: invites.listing(tx, visit.account.id))
    config, now = visit.context.config, int(visit.context.clock())
    shown: list[dict[str, Any]] = [views.invite(row, config.public_url, now) for row in rows]
    filled = EMPTY | {"note": known, "email": known} | (form or {})
    values = {"invites": shown, "active": "invites", "form": filled, "days": DAYS}
    return visit.page("invites.html", error, can_mail=bool(config.mail_from), **values)


async def create(visit: Visit) -> Response:
    """A new invite, sent by mail where an address is given."""
    form = EMPTY | await read_form(visit.request)
    try:
        fields = Fields(form)
        note, email = fields.text("note", required=False), fields.text("email", required=False).strip()
        fields.check("The invite is not complete.")
        until = int(visit.context.clock()) + _days(form["days"]) * 86_400
        await create_invite(visit.context, visit.account, description=note, email=email, expiration=until)
    except OcmError as error:
        return await show(visit, error, form)
    return redirect("/invites", "mailed" if email else "invited")


async def picture(visit: Visit) -> Response:
    """The link of an invite as QR code."""
    return await qr_code(visit.context, visit.account, visit.request.path_params["id"], HEADERS)


async def revoke(visit: Visit) -> Response:
    """Nobody shall take it any more."""
    invite_id = visit.request.path_params["id"]
    await visit.context.database.write(lambda tx: invites.revoke(tx, visit.account.id, invite_id))
    return redirect("/invites", "revoked")


async def accept(visit: Visit) -> Response:
    """The person takes an invite from elsewhere. This waits for the server that it is from."""
    form = await read_form(visit.request)
    try:
        fields = Fields(form)
        invite = fields.text("invite")
        fields.check("Paste an invite.")
        await introductions.accept(visit.context, visit.account, invite.strip())
    except OcmError as error:
        return await show(visit, error, form)
    return redirect("/contacts", "met")


def _days(text: str) -> int:
    if text not in map(str, DAYS):
        raise Invalid("Choose how long the invite is good.", fields=[FieldError("days", "INVALID")])
    return int(text)
