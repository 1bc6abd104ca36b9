"""A person's files: folders, up and down, new, renamed, deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from opencloudmesh.protocol.errors import BadAnswer, NotFound, OcmError, Unavailable
from opencloudmesh.server import bounds, links, locks, peers, received, uploads
from opencloudmesh.server import shares as outgoing
from opencloudmesh.server.bounds import LINK
from opencloudmesh.server.database import Tx
from opencloudmesh.server.languages import _
from opencloudmesh.server.trees import (
    KEPT,
    SHARE,
    STAYS,
    WRITE,
    Entry,
    Names,
    check_name,
    clean_path,
    inside,
    join,
    parent,
)
from opencloudmesh.server.web import dav
from opencloudmesh.server.web.pages.forms import Upload, read_form
from opencloudmesh.server.web.pages.kinds import has_thumbnail, shown_as
from opencloudmesh.server.web.pages.peers import not_reachable
from opencloudmesh.server.web.pages.visits import Visit, redirect

# How a folder may be sorted, folders first in any case; with "-" the other way round.
SORTS: dict[str, Callable[[Entry], Any]] = {
    "name": lambda entry: entry.name.casefold(),
    "size": lambda entry: entry.size,
    "changed": lambda entry: entry.modified_ns,
}

TOO_MUCH = "There is too much here to look at all of it. Search in one of the folders."
SEARCHES = 2  # of one person or visitor at a time: one takes a second of one of our threads
BUSY = "Too much is being looked for at once. Try again in a moment."
AT_ONCE = 200  # entries of a page: a folder of thousands opens as fast
ASK, BOTH, REPLACE = "ask", "both", "replace"  # what shall become of a file that is there already


@dataclass(frozen=True, slots=True)
class Part:
    """What a page shows of a folder of `count` entries: those from `start` to `end`, sorted and searched as told."""

    entries: list[Entry]
    count: int
    start: int
    sort: str
    search: str

    @classmethod
    def of(cls, entries: Iterable[Entry], query: Mapping[str, str]) -> Part:
        """As the query of the page says: `sort`, `search`, and `from` which entry on."""
        sort, search = query.get("sort", ""), query.get("search", "").strip()
        found = arranged(entries, sort, search)
        start = _start(query.get("from", ""), len(found))
        shown = found[start : start + AT_ONCE]
        return cls(shown, len(found), start, sort if sort.removeprefix("-") in SORTS else "name", search)

    @property
    def end(self) -> int:
        """Where the part behind this one starts."""
        return self.start + len(self.entries)

    @property
    def before(self) -> int:
        """Where the part before this one starts."""
        return self.start - AT_ONCE


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of a folder as it is shown. `origin` is the received share that begins here, or None."""

    entry: Entry
    origin: Any = None
    away: bool = False  # the cloud that it is at does not answer
    shared: bool = False  # with somebody elsewhere
    linked: bool = False  # there are links to it


@dataclass(frozen=True, slots=True)
class Around:
    """What the database knows about a folder: `origin` is the received share that it is in."""

    origin: Any
    mounted: dict[str, Any]
    shared: Mapping[str, list[str]]  # with whom
    linked: frozenset[str]
    peers: dict[str, Any]
    unfinished: list[Any]  # uploads to it, or to folders in it

    @property
    def may_write(self) -> bool:
        """As told: whether it is so, the owner's side decides."""
        return may_write(self.origin)


async def folder(visit: Visit, error: OcmError | None = None, doing: str = "", wanted: str = "") -> Response:
    """What is in a folder, sorted and searched as the query says.

    `doing` is the form that did not work, and `wanted` the name that a new folder should have had.
    """
    path, query = asked(visit), visit.request.query_params
    note, entries = "", []
    try:
        entries = await visit.tree.list(path)
    except NotFound:
        entry = await visit.tree.stat(path)
        if entry.is_folder:
            raise
        return redirect(f"/download/{path}")
    except (Unavailable, BadAnswer) as away:
        note = _(away.message)
    around = await visit.context.database.read(lambda tx: look_around(tx, visit.account.id, path))
    if around.origin is None and note:
        raise Unavailable(note)
    if (words := query.get("search", "").strip()) and around.origin is None:
        entries, whole = await _found(visit, path, words, around)
        note = note if whole else _(TOO_MUCH)
    peer = around.peers.get(around.origin.host) if around.origin is not None else None
    note = note or not_reachable(peer)
    part = Part.of(entries, query)
    return visit.page(
        "folder.html",
        error,
        shown_as=shown_as,
        has_thumbnail=has_thumbnail,
        path=path,
        crumbs=crumbs(path),
        part=part,
        lines=[_line(entry, around) for entry in part.entries],
        doing=doing,
        wanted=wanted,
        around=around,
        arrived=await asyncio.to_thread(
            visit.context.partials.of(visit.account.id).sizes, [row.id for row in around.unfinished]
        ),
        may_share=lambda line: _may_share(line.origin or around.origin),
        note=note,
        quota=await visit.context.own_tree(visit.account.id).quota() if around.origin is None else None,
    )


async def _found(visit: Visit, path: str, words: str, around: Around) -> tuple[list[Entry], bool]:
    """What is below a folder of their own and called so; of received shares only these themselves. And if it is all."""
    entries: list[Entry] = []
    whole = True
    turn = visit.context.limits.at_once(f"searching {principal(visit)}", SEARCHES, BUSY)
    with turn, suppress(NotFound):  # it may be there only because shares are mounted in it
        entries, whole = await visit.context.own_tree(visit.account.id).find(path, words)
    for place in around.mounted:
        if inside(place, path) and words.casefold() in place.rpartition("/")[2].casefold():
            entries += [entry for entry in await visit.tree.list(parent(place)) if entry.path == place]
    return entries, whole


def _may_share(origin: Any) -> bool:
    """Whether it is the person's own, or they may share it on."""
    return origin is None or SHARE in bounds.of_received(origin).permissions


async def download(visit: Visit) -> Response:
    """A file, whole or in ranges: the very GET of WebDAV, which makes it an attachment."""
    path = asked(visit)
    response = await dav.serve(
        visit.request,
        database=visit.context.database,
        tree=visit.tree,
        prefix="/download",
        path=path,
        principal=principal(visit),
    )
    response.headers["Cache-Control"] = "private, no-cache"
    return response


async def upload(visit: Visit) -> Response:
    """Files are put into a folder as they arrive; each is there whole or not at all."""
    path, body = asked(visit), Upload(visit.request)

    async def put() -> None:
        names, replace = Names(visit.tree, path), False
        async for part in body.parts():
            if part.name == "replace" and part.filename is None:
                replace = await part.text() == "yes"
            elif part.filename:  # without a file chosen, browsers send one without a name
                name = check_name(part.filename.rpartition("/")[2])
                target = join(path, name) if replace else await names.free(name)
                await unlocked(visit, target, member=True)
                await visit.tree.write(target, part.chunks, existing=KEPT if replace else STAYS)

    response = await _changed(visit, put, "uploaded", "upload")
    await body.skip()
    return response


async def make_folder(visit: Visit) -> Response:
    """A new folder."""
    path, form = asked(visit), await read_form(visit.request)
    name = form.get("name", "").strip()
    return await _changed(visit, lambda: made(visit, path, name), "made", "folder", name)


async def made(visit: Visit, folder: str, name: str) -> str:
    """The path of a folder that is made in another one."""
    target = join(folder, check_name(name))
    await unlocked(visit, target, member=True)
    await visit.tree.make_folder(target)
    return target


async def ask_name(visit: Visit) -> Response:
    """What shall it be called?"""
    entry = await existing(visit)
    return visit.page("rename.html", path=entry.path, entry=entry, crumbs=crumbs(entry.path), name=entry.name)


async def rename(visit: Visit) -> Response:
    """It gets another name in its folder."""
    entry, form = await existing(visit), await read_form(visit.request)
    path, name = entry.path, form.get("name", "").strip()
    try:
        target = join(parent(path), check_name(name))
        if target != path:
            await unlocked(visit, path, member=True, deep=True)
            await unlocked(visit, target, member=True)
            await visit.tree.move(path, target, overwrite=False)
    except OcmError as error:
        return visit.page("rename.html", error, path=path, entry=entry, crumbs=crumbs(path), name=name)
    return redirect(f"/files/{parent(path)}", "renamed")


async def ask_to_delete(visit: Visit) -> Response:
    """Really?"""
    return await _confirm(visit, await existing(visit))


async def delete(visit: Visit) -> Response:
    """It is in the trash, or gone; the root of a received share is left, and stays with its owner."""
    entry = await existing(visit)
    try:
        said = await deleted(visit, entry)
    except OcmError as error:
        return await _confirm(visit, entry, error)
    visit.context.wake.set()  # peers may have to be told
    return redirect(f"/files/{await nearest(visit, parent(entry.path))}", said)


def arranged(entries: Iterable[Entry], sort: str, search: str) -> list[Entry]:
    """The entries that have the searched words in their name, in the order asked for, or else by name."""
    found = sorted((entry for entry in entries if search.casefold() in entry.name.casefold()), key=SORTS["name"])
    if sort.removeprefix("-") in SORTS:
        found.sort(key=SORTS[sort.removeprefix("-")], reverse=sort.startswith("-"))
    return sorted(found, key=lambda entry: not entry.is_folder)


def asked(visit: Visit) -> str:
    """The path that the URL names."""
    return clean_path(visit.request.path_params.get("path", ""))


async def existing(visit: Visit) -> Entry:
    """What the URL names, which is not the root. Raises `NotFound`."""
    path = asked(visit)
    if not path:
        raise NotFound("There is no such file or folder.")
    return await visit.tree.stat(path)


async def there(visit: Visit, path: str) -> Entry | None:
    """What is at a path, if anything."""
    with suppress(NotFound):
        return await visit.tree.stat(path)
    return None


def may_write(over: Any) -> bool:
    """Whether one may write into a received share, as told, or into one's own files (None)."""
    return over is None or WRITE in over.permissions


def principal(visit: Visit) -> str:
    """Whose WebDAV locks these may be."""
    return f"account:{visit.account.id}"


async def unlocked(visit: Visit, path: str, *, member: bool = False, deep: bool = False) -> None:
    """Raises `Locked` where a WebDAV client holds a lock on what is about to change."""
    account, who = visit.account.id, principal(visit)
    await visit.context.database.read(
        lambda tx: locks.check(tx, account, path, (), principal=who, member=member, deep=deep)
    )


def crumbs(path: str) -> list[tuple[str, str]]:
    """Name and path of each folder on the way, and of what it leads to."""
    parts = path.split("/") if path else []
    return [(part, "/".join(parts[: count + 1])) for count, part in enumerate(parts)]


def look_around(tx: Tx, account: str, path: str) -> Around:
    """What the database knows about a path and what is in it."""
    shared: dict[str, list[str]] = {}
    for row in outgoing.listing(tx, account):
        if row.state in outgoing.IN_FORCE:
            shared.setdefault(row.path, []).append(row.share_with)
    rows = [row for row in received.listing(tx, account) if row.path]
    over = [row for row in rows if inside(path, row.path)]
    hosts = {row.host for row in rows if row in over or parent(row.path) == path}
    return Around(
        origin=max(over, key=lambda row: len(row.path), default=None),
        mounted={row.path: row for row in rows},
        shared=shared,
        linked=frozenset(row.path for row in links.listing(tx, account) if not links.is_over(row, tx.now)),
        peers={host: peers.get(tx, host) for host in hosts},
        unfinished=[row for row in uploads.listing(tx, account) if inside(row.path, path)],
    )


def ending(around: Around, entries: Iterable[Entry]) -> dict[str, Any]:
    """What ends with entries, by path: what is `shared` with whom, `linked`, `received`; who has a folder `above`."""
    roots = {entry.path for entry in entries}

    def goes(path: str) -> bool:
        return any(inside(path, root) for root in roots)

    above = [people for path, people in around.shared.items() if any(inside(root, path) for root in roots - {path})]
    return {
        "shared": sorted((path, people) for path, people in around.shared.items() if goes(path)),
        "linked": sorted(filter(goes, around.linked)),
        "received": sorted((path, row.sender) for path, row in around.mounted.items() if goes(path)),
        "above": sorted({person for people in above for person in people}),
    }


def _start(asked_for: str, count: int) -> int:
    """The entry that a page begins with: one of those that pages begin with, and not behind the last."""
    number = int(asked_for) if asked_for.isdecimal() and len(asked_for) < 10 else 0
    return min(number, max(0, count - 1)) // AT_ONCE * AT_ONCE


def _line(entry: Entry, around: Around) -> Line:
    origin = around.mounted.get(entry.path)
    peer = around.peers.get(origin.host) if origin is not None else None
    away = peer is not None and bool(peer.failing_since)
    return Line(entry, origin, away, entry.path in around.shared, entry.path in around.linked)


async def nearest(visit: Visit, path: str) -> str:
    """The path, or the nearest folder above it: one that was there only for a received share goes with it."""
    while path:
        with suppress(NotFound):
            await visit.tree.stat(path)
            return path
        path = parent(path)
    return path


async def deleted(visit: Visit, entry: Entry) -> str:
    """Deletes it; what that amounts to: into a received share our trash does not reach."""
    over = await visit.share_over(entry.path)
    await unlocked(visit, entry.path, member=True, deep=True)
    await visit.tree.delete(entry.path)
    if entry.mounted:
        return "removed" if over is not None and over.verified == LINK else "left"
    return "trashed" if visit.context.config.trash_days and over is None else "deleted"


async def _confirm(visit: Visit, entry: Entry, error: OcmError | None = None) -> Response:
    around = await visit.context.database.read(lambda tx: look_around(tx, visit.account.id, entry.path))
    ends = ending(around, [entry]) | ({"received": []} if entry.mounted else {})  # the page says that in other words
    return visit.page(
        "delete.html", error, entry=entry, path=entry.path, crumbs=crumbs(entry.path), ending=ends,
        origin=around.mounted.get(entry.path), theirs=around.origin, days=visit.context.config.trash_days,
    )  # fmt: skip


async def _changed(
    visit: Visit, change: Callable[[], Awaitable[object]], done: str, doing: str, wanted: str = ""
) -> Response:
    """The folder again, after something was done in it, or with what stood in the way."""
    try:
        await change()
    except OcmError as error:
        return await folder(visit, error, doing, wanted)
    return redirect(f"/files/{asked(visit)}", done)
