"""What a visitor sees who was given a link: a file or folder to look at, fetch and take along, or a place to put files.

Every path below is one of the link's tree: nothing outside of it is named, and what is in it is sent as an attachment,
or shown inside of a page as `looking` does. A link that has ended, one that never was, and one whose file is gone are
told in the same words.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from msgspec import structs
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from opencloudmesh.protocol.errors import Forbidden, NotFound, OcmError
from opencloudmesh.protocol.public_links import lead
from opencloudmesh.server import links, locks
from opencloudmesh.server.context import Context
from opencloudmesh.server.previews import Preview
from opencloudmesh.server.trees import KEPT, READ, STAYS, WRITE, Entry, Names, check_name, join, parent
from opencloudmesh.server.views import ASK_PATH, LINK_PATH
from opencloudmesh.server.web import dav
from opencloudmesh.server.web.auth import Doors, visitor_of
from opencloudmesh.server.web.linked import (
    HIDDEN,
    count_fetched,
    opened,
    putting,
    read_address,
    slow_down,
    take,
)
from opencloudmesh.server.web.pages.archive import attachment, packed, packing
from opencloudmesh.server.web.pages.ask import ask_for
from opencloudmesh.server.web.pages.files import BUSY, SEARCHES, TOO_MUCH, Part, crumbs
from opencloudmesh.server.web.pages.forms import Upload, read_form, skip_form
from opencloudmesh.server.web.pages.guests import Guest, Handler, enter, let_in
from opencloudmesh.server.web.pages.kinds import INLINE, has_thumbnail, shown_as
from opencloudmesh.server.web.pages.login import Endpoint, check_request
from opencloudmesh.server.web.pages.looking import Pictures, inline, one_page, seen, small
from opencloudmesh.server.web.pages.visits import Look, redirect

# Of one client within a minute: pictures of a few folders, and searches; and searches of all visitors at a time.
PICTURES, SEARCHED, SEARCHING = 600, 60, 4


async def show(guest: Guest) -> Response:
    """The file, the folder, or the place to put files."""
    return await _at(guest, guest.path)


async def _at(guest: Guest, path: str, error: OcmError | None = None, **values: Any) -> Response:
    may = links.MODES[guest.link.mode]
    if guest.link.mode == links.UPLOAD:
        return guest.page("drop.html", error)
    entry = await guest.tree.stat(path)
    owned = _owned(guest, entry)
    if path and not entry.is_folder and not shown_as(owned):
        return redirect(f"{guest.home}/download/{path}")
    words, whole = guest.request.query_params.get("search", "").strip(), True
    entries = await guest.tree.list(path) if entry.is_folder else []
    if words and entry.is_folder:
        who, turn = visitor_of(guest.request, guest.context.config.trusted_proxies), guest.context.limits.at_once
        slow_down(guest.context, {f"searched {who}": SEARCHED})
        with turn(f"searching {who}", SEARCHES, BUSY), turn("searching links", SEARCHING, BUSY):
            entries, whole = await guest.context.linked_tree(guest.link).find(path, words)
    return guest.page(
        "given.html", error, entry=entry, name=guest.name, path=path, crumbs=crumbs(path),
        part=Part.of(entries, guest.request.query_params), may_write=WRITE in may,
        seen=None if entry.is_folder else await seen(guest.tree, entry, shown_as(owned), _pictures(guest, entry)),
        note="" if whole else TOO_MUCH, shown_as=shown_as, has_thumbnail=has_thumbnail,
        **{"doing": "", "wanted": "", **values},
    )  # fmt: skip


def _owned(guest: Guest, entry: Entry) -> Entry:
    """An entry at the path that it has among its owner's files, which has a name also where the link is to a file."""
    return structs.replace(entry, path=join(guest.tree.base, entry.path))


def _pictures(guest: Guest, entry: Entry) -> Pictures:
    """Those that the owner sees. Making them is bounded: visitors take none of our own people's turns."""
    who = visitor_of(guest.request, guest.context.config.trusted_proxies)

    async def get(number: int, pixels: int) -> Preview | None:
        slow_down(guest.context, {f"pictures {who}": PICTURES})
        read = partial(guest.tree.read, entry.path)
        owned, account = _owned(guest, entry), guest.link.account
        return await guest.context.previews.get(owned, account, read, page=number, pixels=pixels, guest=True)

    return get


async def download(guest: Guest) -> Response:
    """A file, whole or in ranges: the very GET of WebDAV, which makes it an attachment."""
    context, response = guest.context, await _served(guest, "download")
    if not guest.path:  # else browsers take the last part of the URL
        response.headers["Content-Disposition"] = attachment(guest.name)
    response.headers["Cache-Control"] = "private, no-cache"
    await count_fetched(context, guest.request, guest.link, response)
    return response


async def content(guest: Guest) -> Response:
    """What the page of a file shows inside of it, as on the pages of our own people."""
    ending = (guest.path or guest.name).rpartition(".")[2].lower()
    if ending not in INLINE:
        raise NotFound("This is not shown here.")
    return inline(await _served(guest, "content"), ending)


async def thumbnail(guest: Guest) -> Response:
    """A small picture of a file, as on the pages of our own people."""
    return await small(_pictures(guest, await guest.tree.stat(guest.path)))


async def page(guest: Guest) -> Response:
    """A page of a PDF, as a picture."""
    entry = await guest.tree.stat(guest.path)
    return await one_page(_owned(guest, entry).name, guest.request.path_params["page"], _pictures(guest, entry))


async def _served(guest: Guest, below: str) -> Response:
    return await dav.serve(
        guest.request,
        database=guest.context.database,
        tree=guest.tree,
        prefix=f"{guest.home}/{below}",
        path=guest.path,
        principal=links.principal(guest.link),
    )


async def download_all(guest: Guest) -> Response:
    """A folder and all that is in it, as one file."""
    path, context = guest.path, guest.context
    turn = packing(context.limits, visitor_of(guest.request, context.config.trusted_proxies))
    response = await packed(guest.tree, path, path.rpartition("/")[2] or guest.name, turn)
    await count_fetched(guest.context, guest.request, guest.link, response)
    return response


async def upload(guest: Guest) -> Response:
    """Files are put there as they arrive; each is there whole or not at all."""
    path, body = guest.path, Upload(guest.request)

    async def put() -> None:
        sees, replace_it = READ in links.MODES[guest.link.mode], not guest.is_folder
        names = Names(guest.tree, path)
        async for part in body.parts():
            if part.name == "replace" and part.filename is None:
                replace_it = await part.text() == "yes"
            elif part.filename:  # without a file chosen, browsers send one without a name
                name = check_name(part.filename.rpartition("/")[2])
                target = join(path, name) if guest.is_folder else ""
                if sees:  # else `LinkTree` finds another name where it is taken
                    target = target if replace_it else await names.free(name)
                    await _unlocked(guest, target, member=True)
                with putting(guest.context, guest.request, guest.link):
                    await guest.tree.write(target, part.chunks, existing=KEPT if replace_it else STAYS)

    response = await _changed(guest, put, "uploaded", path, doing="upload")
    await body.skip()
    return response


async def make_folder(guest: Guest) -> Response:
    """A new folder."""
    path, form = guest.path, await read_form(guest.request)
    name = form.get("name", "").strip()

    async def make() -> None:
        target = join(path, check_name(name))
        await _unlocked(guest, target, member=True)
        with putting(guest.context, guest.request, guest.link):
            await guest.tree.make_folder(target)

    return await _changed(guest, make, "made", path, doing="folder", wanted=name)


async def delete(guest: Guest) -> Response:
    """A file or folder is gone."""
    path = guest.path
    await read_form(guest.request)

    async def remove() -> None:
        await _unlocked(guest, path, member=True, deep=True)
        await guest.tree.delete(path)

    guest.context.wake.set()  # peers may have to be told
    return await _changed(guest, remove, "deleted", parent(path))


async def add(guest: Guest) -> Response:
    """They take it to their own cloud. What they are told is the same for every address there."""
    form = await read_form(guest.request)
    try:
        if way := _way(guest, form.get("address", "")):
            return await _at(guest, "", doing="add", address=form["address"], way=way)
        await take(guest.context, guest.request, guest.link, read_address(form))
    except OcmError as error:
        return await _at(guest, "", error, doing="add", address=form.get("address", ""))
    return redirect(guest.home, "taken")


def _way(guest: Guest, said: str) -> str:
    """Where somebody goes on who named an ownCloud instead of an address; nobody is asked for that. Raises `Invalid`.

    Their server will be told the display name of the owner, which is all that this page tells too.
    """
    config, link = guest.context.config, guest.link
    if not config.owncloud_links or not said.strip() or "@" in said or READ not in links.MODES[link.mode]:
        return ""
    owner, protected = guest.owner.name or config.own_host, link.password is not None
    return lead(said, config.public_url, link.token, owner=owner, name=guest.name, protected=protected)


async def ask(guest: Guest) -> Response:
    """They have no password, and ask the owner for a share. They are told the same whoever they are."""
    form = await read_form(guest.request)
    if READ not in links.MODES[guest.link.mode]:
        raise Forbidden("One cannot ask for this.")
    try:
        await ask_for(guest.context, guest.request, guest.link, form)
    except OcmError as error:
        return guest.page("password.html", error, doing="ask", address=form.get("address", ""))
    return redirect(guest.home, "asked")


# What is behind the path of the link, who may ask, and what answers. `LOCKED` are for those who know no password yet.
PAGES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "", show),
    ("GET", "/files/{path:path}", show),
    ("GET", "/download", download),
    ("GET", "/download/{path:path}", download),
    ("GET", "/content/{path:path}", content),
    ("GET", "/thumbnail/{path:path}", thumbnail),
    ("GET", "/page/{page:int}/{path:path}", page),
    ("GET", "/archive/{path:path}", download_all),
    ("POST", "/upload/{path:path}", upload),
    ("POST", "/folder/{path:path}", make_folder),
    ("POST", "/delete/{path:path}", delete),
    ("POST", "/add", add),
    ("POST", "/password", enter),
    ("POST", "/ask", ask),
)
LOCKED = (enter, ask)


def routes(context: Context, doors: Doors, look: Look) -> list[Route]:
    """The routes of all of them."""
    return [
        Route(f"{LINK_PATH}{{token}}{path}", _given(context, doors, look, handler), methods=[method])
        for method, path, handler in PAGES
    ]


def _given(context: Context, doors: Doors, look: Look, handler: Handler) -> Endpoint:
    """The endpoint of a page for whoever has a link."""

    async def answer(request: Request) -> Response:
        await check_request(request, context)
        link, owner = await opened(context, request, request.path_params["token"])
        if link.mode == links.ASK:
            return redirect(ASK_PATH + link.token)
        try:  # what visitors may not see is there all the same
            entry = await context.own_tree(link.account).stat(link.path)
        except NotFound:
            raise links.nowhere() from None
        guest = Guest(look, context, doors, request, link, owner, entry.is_folder)
        response = await (handler if handler in LOCKED or let_in(guest) else _locked(handler))(guest)
        response.headers.update(HIDDEN)
        return response

    return answer


def _locked(handler: Handler) -> Handler:
    """Instead of a page, for those who have to show the password first."""

    async def answer(guest: Guest) -> Response:
        if handler is show:
            return guest.page("password.html", doing="")
        if guest.request.method == "POST":
            await skip_form(guest.request)
        return redirect(guest.home)

    return answer


async def _unlocked(guest: Guest, path: str, *, member: bool = False, deep: bool = False) -> None:
    """Raises `Locked` where a WebDAV client holds a lock on what is about to change."""
    place, who = join(guest.tree.base, path), links.principal(guest.link)
    await guest.context.database.read(
        lambda tx: locks.check(tx, guest.link.account, place, (), principal=who, member=member, deep=deep)
    )


async def _changed(guest: Guest, change: Callable[[], Awaitable[None]], done: str, path: str, **said: str) -> Response:
    """The folder again, after something was done in it, or with what stood in the way."""
    try:
        await change()
    except OcmError as error:
        return await _at(guest, path, error, **said)
    return redirect(f"{guest.home}/files/{path}" if path else guest.home, done)
