"""Moving and copying: a page that goes through the person's folders until it is at the right one.

What is copied from somebody else to one's own files is a job (`copies`): nobody waits in front of a page for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from starlette.responses import Response

from opencloudmesh.protocol.errors import Invalid, OcmError, PreconditionFailed
from opencloudmesh.server.trees import Entry, Names, clean_path, inside, join, parent
from opencloudmesh.server.web.copies import begin
from opencloudmesh.server.web.pages.copies import PLACE as COPIES
from opencloudmesh.server.web.pages.files import (
    BOTH,
    REPLACE,
    crumbs,
    existing,
    look_around,
    made,
    may_write,
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
    folder, do, name = clean_path(form.get("to", "")), form.get("do", ""), form.get("name", "").strip()
    doing = NEW_FOLDER if name or do == NEW_FOLDER else do
    try:
        if doing == NEW_FOLDER:  # also where they named one, and pressed another button
            folder, doing, name = await made(visit, folder, name), do, ""
        if do == NEW_FOLDER:
            return await _page(visit, entry, folder)
        if do not in CARRY:
            raise Invalid("Choose whether to move or to copy it.")
        said = await CARRY[do](visit, entry, Names(visit.tree, folder))
    except OcmError as error:
        return await _page(visit, entry, folder, error, doing=doing, wanted=name)
    visit.context.wake.set()  # peers may have to be told
    return redirect(COPIES if said == "copying" else f"/files/{folder}", said)


async def _move(visit: Visit, entry: Entry, into: Names) -> str:
    """Raises `PreconditionFailed` where its name is taken: the person has to be asked then."""
    await _move_to(visit, entry, join(into.folder, entry.name))
    return "moved"


async def _move_beside(visit: Visit, entry: Entry, into: Names) -> str:
    await into.put(entry.name, lambda target: _move_to(visit, entry, target))
    return "moved"


async def _replace(visit: Visit, entry: Entry, into: Names) -> str:
    """What is replaced goes to the trash, where it is the person's own."""
    target = join(into.folder, entry.name)
    found = await there(visit, target)
    if found is not None and (entry.is_folder or found.is_folder):  # too much goes with one wrong press
        raise PreconditionFailed("There is a folder of that name.")
    await _move_to(visit, entry, target, replace=True)
    return "moved"


async def _move_to(visit: Visit, entry: Entry, target: str, *, replace: bool = False) -> None:
    await unlocked(visit, entry.path, member=True, deep=True)
    await unlocked(visit, target, member=True)
    if replace:
        await visit.tree.keep(target)
    await visit.tree.move(entry.path, target, overwrite=replace)


async def _copy(visit: Visit, entry: Entry, into: Names) -> str:
    """Under a name that is free."""
    if await _is_begun(visit, entry, into.folder):
        return "copying"

    async def copy(target: str) -> None:
        await unlocked(visit, target, member=True)
        await visit.tree.copy(entry.path, target, overwrite=False)

    await into.put(entry.name, copy)
    return "copied"


# What is done with one that is to go into a folder: what is said of it.
CARRY: dict[str, Callable[[Visit, Entry, Names], Awaitable[str]]] = {
    "move": _move,
    BOTH: _move_beside,
    REPLACE: _replace,
    "copy": _copy,
}
NEW_FOLDER = "folder"  # to put it into: they go on choosing from there


async def question(visit: Visit, entry: Entry, folder: str, error: OcmError | None) -> dict[str, Any] | None:
    """Where its name is taken: the `entry`, what was `found` there, and who can open that: `people`, or by a `link`."""
    path = join(folder, entry.name)
    found = await there(visit, path) if isinstance(error, PreconditionFailed) else None
    if found is None:
        return None
    around = await visit.context.database.read(lambda tx: look_around(tx, visit.account.id, path))
    return {
        "entry": entry,
        "found": found,
        "people": around.shared.get(path, []),
        "link": path in around.linked,
        "kept": around.origin is None and visit.context.config.trash_days > 0,
    }


async def folders_at(visit: Visit, place: str, moving: Iterable[Entry]) -> list[Entry]:
    """The folders in one, but for what is to be moved: nothing goes into itself."""
    found = [other for other in await visit.tree.list(place) if other.is_folder]
    found = [other for other in found if not any(inside(other.path, entry.path) for entry in moving)]
    return sorted(found, key=lambda other: other.name.casefold())


async def _is_begun(visit: Visit, entry: Entry, folder: str) -> bool:
    """Whether it comes from somebody else to the person's own files, and is on its way."""
    given = await visit.share_over(entry.path)
    if given is None or await visit.share_over(folder) is not None:
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
        may_put=may_write(await visit.share_over(folder)),
        taken=await question(visit, entry, folder, error),
        doing=doing,
        wanted=wanted,
    )
