"""What a person deleted: back to where it was, or gone for good."""

from __future__ import annotations

from starlette.responses import Response

from opencloudmesh.protocol.errors import OcmError
from opencloudmesh.server import trash
from opencloudmesh.server.trees import parent
from opencloudmesh.server.web.pages.forms import skip_form
from opencloudmesh.server.web.pages.visits import Visit, redirect
from opencloudmesh.server.web.trash import restore

SHOWN = 500  # of what was deleted last


async def show(visit: Visit, error: OcmError | None = None) -> Response:
    """What was deleted, the last first."""
    rows = await visit.context.database.read(lambda tx: trash.listing(tx, visit.account.id))
    size = sum(row.size for row in rows)
    days = visit.context.config.trash_days
    return visit.page("trash.html", error, rows=rows[:SHOWN], count=len(rows), size=size, days=days, parent=parent)


async def put_back(visit: Visit) -> Response:
    """It is among the person's files again."""
    await skip_form(visit.request)
    try:
        path = await restore(visit.context, visit.account, visit.request.path_params["id"])
    except OcmError as error:
        return await show(visit, error)
    return redirect(f"/files/{parent(path)}", "restored")


async def burn(visit: Visit) -> Response:
    """It is gone for good."""
    await skip_form(visit.request)
    try:
        await visit.context.bin(visit.account.id).burn(visit.request.path_params["id"])
    except OcmError as error:
        return await show(visit, error)
    return redirect("/trash", "burned")


async def empty(visit: Visit) -> Response:
    """All of it is gone for good."""
    await skip_form(visit.request)
    await visit.context.bin(visit.account.id).empty()
    return redirect("/trash", "emptied")
