"""Moving and copying: a page that goes through the person's folders until it is at the right one.

What is copied from somebody else to one's own files is a job (`copies`): nobody waits in front of a page for it.
"""

from __future__ import annotations

from starlette.responses import Response

from opencloudmesh.protocol.errors import Invalid, OcmError
from opencloudmesh.server import received
from opencloudmesh.server.trees import Entry, clean_path, free_name, inside, join, parent
from opencloudmesh.server.web.copies import begin
from opencloudmesh.server.web.pages.copies import PLACE as COPIES
from opencloudmesh.server.web.pages.files import crumbs, existing, look_around, unlocked
from opencloudmesh.server.web.pages.forms import read_form
from opencloudmesh.server.web.pages.visits import Visit, redirect


async def ask(visit: Visit) -> Response:
    """Where to? At first the folder that it is in, and from there on as the person goes."""
    entry = await existing(visit)
    return await _page(visit, entry, clean_path(visit.request.query_params.get("to", parent(entry.path))))


async def carry(visit: Visit) -> Response:
    """It is moved, or copied under a name that is free."""
    entry, form = await existing(visit), await read_form(visit.request)
    folder = clean_path(form.get("to", ""))
    try:
        if form.get("do") == "move":
            await _move(visit, entry.path, join(folder, entry.name))
        elif form.get("do") != "copy":
            raise Invalid("Choose whether to move or to copy it.")
        elif await _is_begun(visit, entry, folder):
            return redirect(COPIES, "copying")
        else:
            await _copy(visit, entry, folder)
    except OcmError as error:
        return await _page(visit, entry, folder, error)
    visit.context.wake.set()  # peers may have to be told
    return redirect(f"/files/{folder}", "moved" if form["do"] == "move" else "copied")


async def _is_begun(visit: Visit, entry: Entry, folder: str) -> bool:
    """Whether it comes from somebody else to the person's own files, and is on its way."""
    given, into = await visit.context.database.read(
        lambda tx: tuple(received.mounted_over(tx, visit.account.id, path) for path in (entry.path, folder))
    )
    if given is None or into is not None:
        return False
    path = entry.path[len(given.path) :].lstrip("/")
    await begin(visit.context, visit.account, {"received": given.id, "path": path, "folder": folder})
    return True


async def _move(visit: Visit, path: str, target: str) -> None:
    await unlocked(visit, path, member=True, deep=True)
    await unlocked(visit, target, member=True)
    await visit.tree.move(path, target, overwrite=False)


async def _copy(visit: Visit, entry: Entry, folder: str) -> None:
    taken = {other.name.casefold() for other in await visit.tree.list(folder)}
    target = join(folder, free_name(entry.name, taken))
    await unlocked(visit, target, member=True)
    await visit.tree.copy(entry.path, target, overwrite=False)


async def _page(visit: Visit, entry: Entry, folder: str, error: OcmError | None = None) -> Response:
    """The folders at `folder`, but for the entry itself: nothing goes into itself."""
    home = parent(entry.path)
    folders = [other for other in await visit.tree.list(folder) if other.is_folder]
    around = await visit.context.database.read(lambda tx: look_around(tx, visit.account.id, home))
    return visit.page(
        "move.html",
        error,
        entry=entry,
        path=entry.path,
        crumbs=crumbs(entry.path),
        folder=folder,
        way=crumbs(folder),
        folders=sorted(
            (other for other in folders if not inside(other.path, entry.path)), key=lambda other: other.name.casefold()
        ),
        may_move=around.may_write and folder != home,
        may_only_copy=not around.may_write,
    )
