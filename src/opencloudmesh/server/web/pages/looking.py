"""Looking at a file in the browser: pictures, PDF, text, sound and film; and the small pictures of a folder.

What people upload is never a page of ours: it is shown inside of one, as text, or as what browsers decode and do not
run (`kinds.INLINE`). SVG and HTML are text here. A PDF is shown as pictures of its pages: in a sandbox Chromium opens
none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from starlette.responses import Response

from opencloudmesh.protocol.errors import NotFound, TooManyRequests
from opencloudmesh.server import contents
from opencloudmesh.server.previews import Preview, kind_of
from opencloudmesh.server.trees import Entry, Tree, parent
from opencloudmesh.server.web import dav
from opencloudmesh.server.web.dav.reading import SAFETY
from opencloudmesh.server.web.pages.files import SORTS, asked, crumbs, existing, look_around, principal
from opencloudmesh.server.web.pages.kinds import INLINE, shown_as
from opencloudmesh.server.web.pages.visits import STATIC, Visit

MAX_TEXT = 256 * 1024  # bytes of a text that are shown
MAX_PAGES = 100  # of a PDF that are shown
THUMBNAIL, PAGE = 160, 1200  # pixels
KEPT = {"Cache-Control": "private, max-age=86400"}

# The picture of a page of a file (its number from 0 on, pixels), as `Previews.get`.
Pictures = Callable[[int, int], Awaitable[Preview | None]]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a page shows of a file: the beginning of its `text`, or so many `pages` of it; whether there is `more`.

    `before` and `after`: the entries beside it that can be looked at.
    """

    how: str
    text: str = ""
    pages: int = 0
    more: bool = False
    before: Entry | None = None
    after: Entry | None = None


async def seen(tree: Tree, entry: Entry, how: str, pictures: Pictures) -> Seen:
    """What is shown of a file of the tree; `how` as `shown_as` says."""
    text, pages, more = "", 0, False
    if how == "text":
        text, more = await _beginning(tree, entry)
    elif how == "pdf":
        with suppress(TooManyRequests):  # it can be downloaded all the same
            preview = await pictures(0, PAGE)
            pages = preview.pages if preview else 0
        pages, more = min(pages, MAX_PAGES), pages > MAX_PAGES
    if not entry.path:  # it is all that there is
        return Seen(how, text, pages, more)
    others = sorted((one for one in await tree.list(parent(entry.path)) if shown_as(one)), key=SORTS["name"])
    paths = [one.path for one in others]
    here = paths.index(entry.path) if entry.path in paths else None
    before = others[here - 1] if here else None
    after = others[here + 1] if here is not None and here + 1 < len(others) else None
    return Seen(how, text, pages, more, before, after)


async def show(visit: Visit) -> Response:
    """The page of one file, with the ones before and after it that can be looked at."""
    entry = await existing(visit)
    around = await visit.context.database.read(lambda tx: look_around(tx, visit.account.id, entry.path))
    return visit.page(
        "look.html",
        entry=entry,
        path=entry.path,
        crumbs=crumbs(entry.path),
        seen=await seen(visit.tree, entry, shown_as(entry), _pictures(visit, entry)),
        around=around,
    )


async def content(visit: Visit) -> Response:
    """What a viewer loads: the very bytes, or a range of them, under a type of ours."""
    path = asked(visit)
    ending = path.rpartition(".")[2].lower()
    if ending not in INLINE:
        raise NotFound("This is not shown here.")
    response = await dav.serve(
        visit.request,
        database=visit.context.database,
        tree=visit.tree,
        prefix="/content",
        path=path,
        principal=principal(visit),
    )
    return inline(response, ending)


def inline(response: Response, ending: str) -> Response:
    """What a file's name says that browsers decode and do not run, to be shown inside of a page of ours."""
    response.headers["Content-Type"] = INLINE[ending][1]
    response.headers["Content-Disposition"] = "inline"
    response.headers["Cache-Control"] = "private, no-cache"
    return response


async def thumbnail(visit: Visit) -> Response:
    """A small picture of an own file, or else an icon: a folder with what cannot be decoded is no folder of errors."""
    entry = await existing(visit)
    around = await visit.context.database.read(lambda tx: look_around(tx, visit.account.id, entry.path))
    return await small(_pictures(visit, entry)) if around.origin is None else _icon(KEPT)


async def page(visit: Visit) -> Response:
    """A page of a PDF, as a picture."""
    entry = await existing(visit)
    return await one_page(entry.name, visit.request.path_params["page"], _pictures(visit, entry))


async def small(pictures: Pictures) -> Response:
    """The small picture of a file, or an icon where there is none."""
    try:
        preview = await pictures(0, THUMBNAIL)
    except TooManyRequests:
        return _icon({"Cache-Control": "no-store"})
    return _picture(preview) if preview is not None else _icon(KEPT)


async def one_page(name: str, number: int, pictures: Pictures) -> Response:
    """A page of a PDF that is called so. Raises `NotFound`."""
    if kind_of(name) != "pdf" or not 0 <= number < MAX_PAGES:
        raise NotFound("This is not shown here.")
    preview = await pictures(number, PAGE)
    if preview is None:
        raise NotFound("This page cannot be shown.")
    return _picture(preview)


def _icon(kept: dict[str, str]) -> Response:
    return Response(STATIC["file.svg"].content, 200, {**SAFETY, **kept}, "image/svg+xml")


def _picture(preview: Preview) -> Response:
    return Response(preview.picture, 200, {**SAFETY, **KEPT, "Content-Disposition": "inline"}, "image/webp")


def _pictures(visit: Visit, entry: Entry) -> Pictures:
    async def get(number: int, pixels: int) -> Preview | None:
        read = partial(visit.tree.read, entry.path)
        return await visit.context.previews.get(entry, visit.account.id, read, page=number, pixels=pixels)

    return get


async def _beginning(tree: Tree, entry: Entry) -> tuple[str, bool]:
    """The beginning of a text, and whether there is more of it."""
    read, found = await tree.read(entry.path, 0, min(entry.size, MAX_TEXT) or None), bytearray()
    pieces = contents.pieces(read)
    async for piece in pieces:
        found += piece
        if len(found) > MAX_TEXT:
            break
    await pieces.aclose()
    return bytes(found[:MAX_TEXT]).decode("utf-8-sig", errors="replace"), entry.size > MAX_TEXT
