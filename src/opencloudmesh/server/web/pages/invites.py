"""Coming to know people elsewhere: invites in both directions, and the contacts that they bring."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from opencloudmesh.protocol.errors import OcmError
from opencloudmesh.protocol.fields import Fields
from opencloudmesh.server import contacts, introductions, invites, views
from opencloudmesh.server.web.pages.forms import read_form
from opencloudmesh.server.web.pages.visits import Visit, redirect

SOURCES = {
    contacts.INVITE: "You exchanged an invite.",
    contacts.SHARE: "You know each other from a share.",
    contacts.DIRECT: "Added by hand.",
}


async def show(visit: Visit, error: OcmError | None = None, form: dict[str, str] | None = None) -> Response:
    """The invites that the person gave away, and the forms."""
    rows = await visit.context.database.read(lambda tx: invites.listing(tx, visit.account.id))
    public_url, now = visit.context.config.public_url, int(visit.context.clock())
    shown: list[dict[str, Any]] = [views.invite(row, public_url, now) for row in rows]
    return visit.page("invites.html", error, invites=shown, active="invites", form=form or {})


async def create(visit: Visit) -> Response:
    """A new invite."""
    form = await read_form(visit.request)
    try:
        fields = Fields(form)
        note = fields.text("note", required=False)
        fields.check("The invite is not complete.")
        await visit.context.database.write(lambda tx: invites.create(tx, visit.account.id, description=note))
    except OcmError as error:
        return await show(visit, error, form)
    return redirect("/invites", "invited")


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


async def show_contacts(visit: Visit, error: OcmError | None = None, form: dict[str, str] | None = None) -> Response:
    """Whom the person knows elsewhere."""
    rows = await visit.context.database.read(lambda tx: contacts.listing(tx, visit.account.id))
    return visit.page("contacts.html", error, contacts=rows, active="contacts", form=form or {}, sources=SOURCES)


async def add_contact(visit: Visit) -> Response:
    """Somebody's address is written down."""
    form = await read_form(visit.request)
    try:
        fields = Fields(form)
        address, name = fields.address("address"), fields.text("name", required=False).strip()
        fields.check("An address looks like name@cloud.example.")
        await visit.context.database.write(lambda tx: contacts.meet(tx, visit.account.id, address, name=name))
    except OcmError as error:
        return await show_contacts(visit, error, form)
    return redirect("/contacts", "noted")


async def remove_contact(visit: Visit) -> Response:
    """A contact is forgotten."""
    contact_id = visit.request.path_params["id"]
    await visit.context.database.write(lambda tx: contacts.remove(tx, visit.account.id, contact_id))
    return redirect("/contacts", "forgotten")
