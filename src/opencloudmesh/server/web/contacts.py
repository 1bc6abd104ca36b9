"""Contacts: what the API does with them, and what the pages use too."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from opencloudmesh.protocol import cards
from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import FieldError, Invalid, UnsupportedMediaType
from opencloudmesh.protocol.fields import Fields
from opencloudmesh.server import circles, contacts, views
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.web.bodies import media_type, read_body, read_object
from opencloudmesh.server.web.errors import json_response

# What an address book is called: by `format=` and as the file.
FORMATS = {"jscontact": (cards.JSCONTACT, "contacts.json"), "vcard": (cards.VCARD, "contacts.vcf")}
# How programs name the two in requests; those of files without a known ending say nothing.
KINDS = {
    cards.JSCONTACT: cards.JSCONTACT,
    "application/json": cards.JSCONTACT,
    cards.VCARD: cards.VCARD,
    "text/x-vcard": cards.VCARD,
    "text/directory": cards.VCARD,
}


async def list_contacts(context: Context, account: Account, request: Request) -> Response:
    """Whom I know elsewhere, or those of them in whom `search` is found."""
    text = request.query_params.get("search", "")
    rows = await context.database.read(lambda tx: contacts.search(tx, account.id, text))
    return json_response([views.contact(row) for row in rows])


async def create_contact(context: Context, account: Account, request: Request) -> Response:
    """I write down somebody's address."""
    fields = Fields(await read_object(request))
    address, name = fields.address("address"), fields.text("name", required=False)
    fields.check("The contact is not complete.")
    row = await context.database.write(lambda tx: contacts.meet(tx, account.id, address, name=name))
    return json_response(views.contact(row), 201)


async def delete_contact(context: Context, account: Account, request: Request) -> Response:
    """I forget a contact."""
    await context.commit(lambda tx: contacts.remove(tx, account.id, request.path_params["id"]))
    return Response(status_code=204)


async def block_contact(context: Context, account: Account, request: Request) -> Response:
    """I take nothing from them any more."""
    return await _block(context, account, request, blocked=True)


async def unblock_contact(context: Context, account: Account, request: Request) -> Response:
    """I take from them again."""
    return await _block(context, account, request, blocked=False)


async def export_contacts(context: Context, account: Account, request: Request) -> Response:
    """My address book, for another program."""
    return await export(context, account, request.query_params.get("format", "jscontact"))


async def import_contacts(context: Context, account: Account, request: Request) -> Response:
    """Contacts from another program."""
    kind = KINDS.get(media_type(request))
    if kind is None:
        raise UnsupportedMediaType("Send {jscontact} or {vcard}.", jscontact=cards.JSCONTACT, vcard=cards.VCARD)
    return json_response(await take(context, account, await read_body(request, cards.MAX_FILE), kind))


async def export(context: Context, account: Account, name: str) -> Response:
    """The address book as a file of the format `name`. Raises `Invalid`."""
    if name not in FORMATS:
        raise Invalid(
            "The format is one of: {words}.", words=", ".join(FORMATS), fields=[FieldError("format", "INVALID")]
        )
    kind, filename = FORMATS[name]
    book = await context.database.read(lambda tx: circles.cards(tx, account.id))
    headers = {
        "Content-Type": f"{kind}; charset=utf-8" if kind == cards.VCARD else kind,
        "Content-Disposition": f'attachment; filename="{filename}"',
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(cards.write(book, kind), headers=headers)


async def take(context: Context, account: Account, body: bytes, kind: str) -> dict[str, int]:
    """Reads an address book: how many addresses were in it, how many are new, how many of its cards have none."""
    found = cards.read(body, kind)
    own_address = Address(account.id, context.config.own_host)
    new = await context.database.write(lambda tx: circles.take(tx, account.id, found.cards, own_address=own_address))
    return {"found": len(found.cards), "added": new, "skipped": found.skipped}


async def _block(context: Context, account: Account, request: Request, *, blocked: bool) -> Response:
    contact_id = request.path_params["id"]
    row = await context.database.write(lambda tx: contacts.block(tx, account.id, contact_id, blocked=blocked))
    return json_response(views.contact(row))
