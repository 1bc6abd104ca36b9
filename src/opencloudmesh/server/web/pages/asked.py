"""What a person asks people elsewhere for, and what became of it."""

from __future__ import annotations

from starlette.responses import Response

from opencloudmesh.protocol.errors import OcmError
from opencloudmesh.server import asked, contacts
from opencloudmesh.server.web.asked import ask
from opencloudmesh.server.web.pages.forms import read_form
from opencloudmesh.server.web.pages.visits import Visit, redirect

STATES = {
    asked.WAITING: "On its way",
    asked.DELIVERED: "Asked, not answered yet",
    asked.REFUSED: "Not delivered",
    asked.ANSWERED: "Shared with you",
}
LABELS = {"owner": "the address", "share": "what you ask for"}


async def show(visit: Visit, error: OcmError | None = None, form: dict[str, str] | None = None) -> Response:
    """The form, and everything that the person asked for."""
    account = visit.account.id
    rows, known = await visit.context.database.read(
        lambda tx: (asked.listing(tx, account), contacts.listing(tx, account))
    )
    return visit.page(
        "asked.html",
        error,
        active="requests",
        asked=rows,
        contacts=known,
        form={"owner": "", "share": ""} | (form or {}),
        states=STATES,
        labels=LABELS,
    )


async def create(visit: Visit) -> Response:
    """Somebody is asked."""
    form = {name: value.strip() for name, value in (await read_form(visit.request)).items()}
    try:
        await ask(visit.context, visit.account, form)
    except OcmError as error:
        return await show(visit, error, form)
    return redirect("/asked", "asking")


async def remove(visit: Visit) -> Response:
    """It is taken off the list."""
    asked_id = visit.request.path_params["id"]
    await visit.context.commit(lambda tx: asked.remove(tx, asked_id, account=visit.account.id))
    return redirect("/asked", "removed")
