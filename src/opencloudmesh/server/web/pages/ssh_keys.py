"""The keys with which a person comes to shares over SSH."""

from __future__ import annotations

from starlette.responses import Response

from opencloudmesh.protocol.errors import OcmError
from opencloudmesh.protocol.fields import Fields
from opencloudmesh.server import ssh_keys
from opencloudmesh.server.web.pages.forms import read_form
from opencloudmesh.server.web.pages.visits import Visit, redirect

PLACE = "/ssh-keys"


async def show(visit: Visit, error: OcmError | None = None, form: dict[str, str] | None = None) -> Response:
    """All of them, and the form for another."""
    rows = await visit.context.database.read(lambda tx: ssh_keys.listing(tx, visit.account.id))
    return visit.page("ssh_keys.html", error, active="inbox", keys=rows, form=form or {})


async def add(visit: Visit) -> Response:
    """A new key."""
    form = await read_form(visit.request)
    try:
        fields = Fields(form)
        key, name = fields.text("key"), fields.text("name", required=False)
        fields.check("Paste a public key.")
        await visit.context.database.write(lambda tx: ssh_keys.add(tx, visit.account.id, key, name=name))
    except OcmError as error:
        return await show(visit, error, form)
    return redirect(PLACE, "key-added")


async def remove(visit: Visit) -> Response:
    """A key is not used any more."""
    key_id = visit.request.path_params["id"]
    await visit.context.database.write(lambda tx: ssh_keys.remove(tx, key_id, account=visit.account.id))
    return redirect(PLACE, "removed")
