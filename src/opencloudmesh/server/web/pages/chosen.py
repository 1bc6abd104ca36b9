"""Several files and folders of a folder at once: downloaded, or moved, copied or deleted one after the other.

Which ones, each form says anew: nothing is kept between the pages. What did not work stays chosen, and all behind it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.responses import Response

from opencloudmesh.protocol.errors import Invalid, NotFound, OcmError
from opencloudmesh.server.trees import MAX_PATH, Entry, Names, clean_path, inside, join
from opencloudmesh.server.web.pages import archive
from opencloudmesh.server.web.pages.copies import PLACE as COPIES
from opencloudmesh.server.web.pages.files import (
    AT_ONCE,
    BOTH,
    REPLACE,
    asked,
    crumbs,
    deleted,
    ending,
    folder,
    look_around,
    made,
    may_write,
    nearest,
)
from opencloudmesh.server.web.pages.forms import MAX_FIELDS, read_fields
from opencloudmesh.server.web.pages.moving import CARRY, NEW_FOLDER, folders_at, question
from opencloudmesh.server.web.pages.visits import Visit, redirect

EACH_PATH = 3 * MAX_PATH  # bytes, as forms are encoded

# What is done with one of them, and the folder that was chosen: what is said of it.
Act = Callable[[Visit, Entry, Names], Awaitable[str]]


async def choose(visit: Visit) -> Response:
    """Some are ticked, and a button is pressed: on the page of the folder, or on the one that it leads to."""
    fields = await read_fields(visit.request, AT_ONCE + MAX_FIELDS, EACH_PATH)
    form, place = dict(fields), asked(visit)
    try:
        entries = await _entries(visit, place, [clean_path(value) for name, value in fields if name == "path"])
        if not entries:
            raise Invalid("Tick the boxes of some files or folders first.")
    except (Invalid, NotFound) as error:  # the page is old
        return await folder(visit, error)
    do, to = form.get("do", ""), clean_path(form.get("to", place))
    if do == "download":
        return await archive.download(visit, entries)
    name = form.get("name", "").strip()
    if do == NEW_FOLDER or (name and do in CARRY):
        try:
            to = await made(visit, to, name)
        except OcmError as error:
            return await _page(visit, entries, to, "carry", error, doing=NEW_FOLDER, wanted=name)
    if do in ACTS:
        return await _act(visit, entries, to, do, for_all=form.get("all") == "yes" or do not in ANSWERS)
    return await _page(visit, entries, to, "delete" if do == "ask" else "carry")


async def _act(visit: Visit, entries: list[Entry], to: str, do: str, *, for_all: bool) -> Response:
    """`for_all`: an answer about one whose name is taken is one about all behind it too."""
    said, into = "skipped", Names(visit.tree, to)
    try:
        for count, entry in enumerate(entries):
            said = await ACTS[do if for_all or not count else "move"](visit, entry, into) or said
    except OcmError as error:
        return await _page(visit, entries[count:], to, "delete" if do == "delete" else "carry", error)
    finally:
        visit.context.wake.set()  # peers may have to be told
    if said == "copying":
        return redirect(COPIES, said)
    place = await nearest(visit, asked(visit)) if do == "delete" else to
    return redirect(f"/files/{place}", said)


async def _delete(visit: Visit, entry: Entry, _into: Names) -> str:
    return await deleted(visit, entry)


async def _skip(_visit: Visit, _entry: Entry, _into: Names) -> str:
    return ""


ACTS: dict[str, Act] = {**CARRY, "skip": _skip, "delete": _delete}
ANSWERS = (BOTH, REPLACE, "skip")  # to what shall become of one whose name is taken there


async def _entries(visit: Visit, place: str, paths: list[str]) -> list[Entry]:
    """Those of the paths, which begin at the folder, but for what goes with another one. Raises `NotFound`."""
    listed = {entry.path: entry for entry in await visit.tree.list(place)}
    found = [listed.get(path) or await visit.tree.stat(path) for path in (join(place, path) for path in paths if path)]
    return [one for one in {entry.path: entry for entry in found}.values()
            if not any(inside(one.path, other.path) for other in found if other.path != one.path)]  # fmt: skip


async def _page(
    visit: Visit, entries: list[Entry], to: str, asks: str, error: OcmError | None = None, **said: str
) -> Response:
    """Really? Or: where to?"""
    place = asked(visit)
    around = await visit.context.database.read(lambda tx: look_around(tx, visit.account.id, place))
    return visit.page(
        "chosen.html",
        error,
        asks=asks,
        path=place,
        crumbs=[*crumbs(place), ("", "")],
        entries=[(entry, entry.path[len(place) :].lstrip("/")) for entry in entries],
        ending=ending(around, entries),
        days=0 if around.origin else visit.context.config.trash_days,
        theirs=around.origin,
        folder=to,
        way=crumbs(to),
        folders=await folders_at(visit, to, entries) if asks == "carry" else [],
        may_move=around.may_write and to != place,
        may_put=may_write(await visit.share_over(to)),
        taken=await question(visit, entries[0], to, error),
        **{"doing": "", "wanted": "", **said},
    )
