"""Moving and copying: a page that goes through the person's folders until it is at the right one.

What is copied from somebody else to one's own files is a job (`copies`): nobody waits in front of a page for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from starlette.responses import Response

from opencloudmesh.protocol.errors import Invalid, OcmError, PreconditionFailed
from opencloudmesh.server import received
from opencloudmesh.server.trees import Entry, clean_path, free_name, inside, join, parent
from opencloudmesh.server.web.copies import begin
from opencloudmesh.server.web.pages.copies import PLACE as COPIES
from opencloudmesh.server.web.pages.files import (
    ASK,
    BOTH,
    REPLACE,
    crumbs,
    existing,
    look_around,
    made,
    there,
    unlocked,
)
from opencloudmesh.server.web.pages.forms import read_form
from opencloudmesh.server.web.pages.visits import Visit, redirect


async def ask(visit: Visit) -> Response:
    """Where to? At first the folder that it is in, and from there on as the person goes."""
    entry = await existing(visit)
    return await _page(visit, entry, clean_path(visit.request.query_params.get("to", parent(entry.path))))


async def carry(visit: Visit) -> Response:
    """It is moved, or copied under a name that is free."""
    entry, form = await existing(visit), await read_form(visit.request)
    folder, do = clean_path(form.get("to", "")), form.get("do", "")
    try:
        if do == NEW_FOLDER:
            return await _page(visit, entry, await made(visit, folder, form.get("name", "").strip()))
        if do not in CARRY:
            raise Invalid("Choose whether to move or to copy it.")
        said = await CARRY[do](visit, entry, folder)
    except OcmError as error:
        return await _page(visit, entry, folder, error, doing=do, wanted=form.get("name", ""))
    visit.context.wake.set()  # peers may have to be told
    return redirect(COPIES if said == "copying" else f"/files/{folder}", said)


async def moved(visit: Visit, entry: Entry, folder: str, exists: str = ASK) -> str:
    """Moves it into a folder; what is said of that. Raises `PreconditionFailed` where its name is taken: ask then."""
    target = join(folder, await _free(visit, entry, folder) if exists == BOTH else entry.name)
    await unlocked(visit, entry.path, member=True, deep=True)
    await unlocked(visit, target, member=True)
    replaced = await there(visit, target) if exists == REPLACE else None
    if replaced is not None and (entry.is_folder or replaced.is_folder):  # too much goes with one wrong press
        raise PreconditionFailed("There is a folder of that name.")
    await visit.tree.move(entry.path, target, overwrite=exists == REPLACE)
    return "moved"


async def copied(visit: Visit, entry: Entry, folder: str) -> str:
    """Copies it into a folder, under a name that is free, or begins to; what is said of that."""
    if await _is_begun(visit, entry, folder):
        return "copying"
    target = join(folder, await _free(visit, entry, folder))
    await unlocked(visit, target, member=True)
    await visit.tree.copy(entry.path, target, overwrite=False)
    return "copied"


# What is done with one that is to go into a folder: what is said of it.
CARRY: dict[str, Callable[[Visit, Entry, str], Awaitable[str]]] = {
    "move": moved,
    BOTH: partial(moved, exists=BOTH),
    REPLACE: partial(moved, exists=REPLACE),
    "copy": copied,
}
NEW_FOLDER = "folder"  # to put it into: they go on choosing from there


async def _free(visit: Visit, entry: Entry, folder: str) -> str:
    """Its name, or one that is not taken."""
    return free_name(entry.name, {other.name.casefold() for other in await visit.tree.list(folder)})


def is_taken(error: OcmError | None) -> bool:
    """Whether the person has to be asked what becomes of what is there already."""
    return isinstance(error, PreconditionFailed)


async def folders_at(visit: Visit, place: str, moving: Iterable[Entry]) -> list[Entry]:
    """The folders in one, but for what is to be moved: nothing goes into itself."""
    found = [other for other in await visit.tree.list(place) if other.is_folder]
    found = [other for other in found if not any(inside(other.path, entry.path) for entry in moving)]
    return sorted(found, key=lambda other: other.name.casefold())


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


async def _page(
    visit: Visit, entry: Entry, folder: str, error: OcmError | None = None, *, doing: str = "", wanted: str = ""
) -> Response:
    """Where one may go from `folder`."""
    home = parent(entry.path)
    around = await visit.context.database.read(lambda tx: look_around(tx, visit.account.id, home))
    return visit.page(
        "move.html",
        error,
        entry=entry,
        path=entry.path,
        crumbs=crumbs(entry.path),
        folder=folder,
        way=crumbs(folder),
        folders=await folders_at(visit, folder, [entry]),
        may_move=around.may_write and folder != home,
        may_only_copy=not around.may_write,
        taken=entry if is_taken(error) else None,
        doing=doing,
        wanted=wanted,
    )
