"""What a person deleted: back to where it was, or gone for good."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.responses import Response

from opencloudmesh.protocol.errors import Invalid, OcmError
from opencloudmesh.server import trash
from opencloudmesh.server.trees import parent
from opencloudmesh.server.web.pages.forms import MAX_FIELDS, read_fields, skip_form
from opencloudmesh.server.web.pages.visits import Visit, redirect
from opencloudmesh.server.web.trash import Folders, restore

SHOWN = 500  # of what was deleted last


async def show(visit: Visit, error: OcmError | None = None) -> Response:
    """What was deleted, the last first."""
    rows = await visit.context.database.read(lambda tx: trash.listing(tx, visit.account.id))
    size = sum(row.size for row in rows)
    days = visit.context.config.trash_days
    return visit.page("trash.html", error, rows=rows[:SHOWN], count=len(rows), size=size, days=days, parent=parent)


async def _restore(visit: Visit, trash_id: str, folders: Folders) -> str:
    return await restore(visit.context, visit.account, trash_id, folders)


async def _burn(visit: Visit, trash_id: str, _folders: Folders) -> None:
    await visit.context.bin(visit.account.id).burn(trash_id)


# What is done with each that is ticked, and what is said of it.
CHOSEN: dict[str, tuple[Callable[[Visit, str, Folders], Awaitable[object]], str]] = {
    "restore": (_restore, "restored"),
    "burn": (_burn, "burned"),
}


async def put_back(visit: Visit) -> Response:
    """It is among the person's files again."""
    await skip_form(visit.request)
    try:
        path = await _restore(visit, visit.request.path_params["id"], {})
    except OcmError as error:
        return await show(visit, error)
    return redirect(f"/files/{parent(path)}", "restored")


async def burn(visit: Visit) -> Response:
    """It is gone for good."""
    await skip_form(visit.request)
    try:
        await _burn(visit, visit.request.path_params["id"], {})
    except OcmError as error:
        return await show(visit, error)
    return redirect("/trash", "burned")


async def choose(visit: Visit) -> Response:
    """Those that are ticked are restored, or gone for good, one after the other until one cannot be."""
    fields = await read_fields(visit.request, SHOWN + MAX_FIELDS)
    ids, do = [value for name, value in fields if name == "id"], dict(fields).get("do", "")
    try:
        if not ids:
            raise Invalid("Tick the boxes of some files or folders first.")
        if do not in CHOSEN:
            raise Invalid("Choose whether to restore or to delete it.")
        act, said = CHOSEN[do]
        folders: Folders = {}
        for trash_id in ids:
            await act(visit, trash_id, folders)
    except OcmError as error:
        return await show(visit, error)
    return redirect("/trash", said)


async def empty(visit: Visit) -> Response:
    """All of it is gone for good."""
    await skip_form(visit.request)
    await visit.context.bin(visit.account.id).empty()
    return redirect("/trash", "emptied")
