"""Contacts: whom a person knows elsewhere, and the address book as a file."""

from __future__ import annotations

from starlette.responses import Response

from opencloudmesh.protocol import cards
from opencloudmesh.protocol.errors import FieldError, Invalid, NotFound, OcmError, TooLarge
from opencloudmesh.protocol.fields import Fields
from opencloudmesh.server import contacts
from opencloudmesh.server.web.contacts import export, take
from opencloudmesh.server.web.pages.forms import Upload, read_form
from opencloudmesh.server.web.pages.visits import Visit, redirect

SOURCES = {
    contacts.INVITE: "You exchanged an invite.",
    contacts.SHARE: "You know each other from a share.",
    contacts.DIRECT: "Added by hand.",
}


async def show(visit: Visit, error: OcmError | None = None, form: dict[str, str] | None = None) -> Response:
    """Whom the person knows elsewhere, or those of them who were searched for."""
    wanted = visit.request.query_params.get("search", "")
    rows = await visit.context.database.read(lambda tx: contacts.search(tx, visit.account.id, wanted))
    values = {"contacts": rows, "active": "contacts", "form": form or {}, "sources": SOURCES, "wanted": wanted}
    return visit.page("contacts.html", error, **values)


async def add(visit: Visit) -> Response:
    """Somebody's address is written down."""
    form = await read_form(visit.request)
    try:
        fields = Fields(form)
        address, name = fields.address("address"), fields.text("name", required=False).strip()
        fields.check("An address looks like name@cloud.example.")
        await visit.context.database.write(lambda tx: contacts.meet(tx, visit.account.id, address, name=name))
    except OcmError as error:
        return await show(visit, error, form)
    return redirect("/contacts", "noted")


async def change(visit: Visit) -> Response:
    """A contact is blocked, let in again, or forgotten."""
    contact_id, account = visit.request.path_params["id"], visit.account.id
    name = visit.request.path_params["change"]
    if name == "remove":
        await visit.context.commit(lambda tx: contacts.remove(tx, account, contact_id))
        return redirect("/contacts", "forgotten")
    if name not in ("block", "unblock"):
        raise NotFound("There is nothing here.")
    blocked = name == "block"
    await visit.context.database.write(lambda tx: contacts.block(tx, account, contact_id, blocked=blocked))
    return redirect("/contacts", "blocked" if blocked else "unblocked")


async def download(visit: Visit) -> Response:
    """The address book as a file."""
    return await export(visit.context, visit.account, visit.request.query_params.get("format", ""))


async def read_in(visit: Visit) -> Response:
    """Contacts from a file of another program."""
    upload = Upload(visit.request)
    try:
        body = await _file(upload)
        found = await take(visit.context, visit.account, body, cards.kind_of(body))
        if found["found"] == 0:
            raise Invalid("None of the contacts in this file has an OCM Address.", fields=_FILE)
    except OcmError as error:
        await upload.skip()
        return await show(visit, error)
    return redirect("/contacts", "imported")


async def _file(upload: Upload) -> bytes:
    """The first file. Raises `Invalid`, `TooLarge`."""
    async for part in upload.parts():
        if part.filename:
            body = bytearray()
            async for chunk in part.chunks:
                body += chunk
                if len(body) > cards.MAX_FILE:
                    raise TooLarge("An address book has at most {most} bytes here.", most=cards.MAX_FILE, fields=_FILE)
            return bytes(body)
    raise Invalid("Choose a file.", fields=_FILE)


_FILE = [FieldError("file", "INVALID")]
