"""PROPFIND: what lies somewhere, and how it is (RFC 4918, 9.1).

Depth 0 or 1; one that is missing means 1 (Seafile sends none), `infinity` is refused as RFC 4918 permits. The
folder itself always comes first, because Nextcloud takes the first response for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

from lxml import etree
from starlette.responses import Response, StreamingResponse

from opencloudmesh.protocol.errors import Invalid
from opencloudmesh.server import locks, properties
from opencloudmesh.server.database import Tx
from opencloudmesh.server.trees import Entry
from opencloudmesh.server.web.dav import xml
from opencloudmesh.server.web.dav.call import Call
from opencloudmesh.server.web.dav.conditions import hold
from opencloudmesh.server.web.dav.live import ALL_PROPERTIES, LIVE, LOCK_DISCOVERY, QUOTA, Around, Property
from opencloudmesh.server.web.dav.locking import active_lock

MAX_NAMES = 16 * 1024  # characters of all names together
BATCH = 500  # entries that are written before others get their turn


@dataclass(frozen=True, slots=True)
class Question:
    """What a PROPFIND asks for. `dead`: all properties that clients set; `names_only`: no values (propname)."""

    names: tuple[str, ...]
    dead: bool = False
    names_only: bool = False

    @property
    def asks_database(self) -> bool:
        """Whether locks or dead properties are needed for the answer."""
        return self.dead or any(name not in LIVE or name == LOCK_DISCOVERY for name in self.names)


@dataclass(frozen=True, slots=True)
class Kept:
    """What the database has about a folder and its children, by path in the account's tree."""

    dead: Mapping[str, properties.Values]
    locks: Sequence[locks.Lock]


async def propfind(call: Call) -> Response:
    """207 with a response for the entry, and with Depth 1 for each child."""
    entry = call.existing()
    if (call.header("depth") or "").strip().lower() == "infinity":
        raise xml.ConditionError(403, "propfind-finite-depth", "Ask folder by folder.")
    depth = call.depth("1", "0", "1")
    question = read_question(await call.body())
    await hold(call)
    children = await call.tree.list(entry.path) if depth == "1" and entry.is_folder else []
    kept = Kept({}, ())
    if question.asks_database:
        kept = await call.database.read(partial(_kept, call, bool(children)))
    quota = await call.tree.quota() if not QUOTA.isdisjoint(question.names) else None
    around = Around(
        locks=lambda entry: [lock for lock in kept.locks if lock.covers(call.place(entry.path))],
        active_lock=partial(active_lock, call),
        quota=quota,
    )
    responses = _responses(call, question, kept, around, [entry, *children])
    if len(children) < BATCH:
        return xml.multistatus(*responses)
    return StreamingResponse(_in_batches(responses), 207, media_type=xml.MEDIA_TYPE)


def read_question(body: bytes) -> Question:
    """The body of a PROPFIND; none at all is `allprop`."""
    if not body.strip():
        return Question(ALL_PROPERTIES, dead=True)
    root = xml.parse(body)
    if root.tag != f"{{{xml.DAV}}}propfind":
        raise Invalid("The body is not a propfind.")
    # OpenCloud asks for an `allprop` that is not in the DAV: namespace.
    kinds = {etree.QName(child).localname: child for child in root}
    if "prop" in kinds:
        return Question(_names(kinds["prop"]))
    if "propname" in kinds:
        return Question(tuple(LIVE), dead=True, names_only=True)
    if "allprop" in kinds:
        more = _names(kinds["include"]) if "include" in kinds else ()
        return Question(tuple(dict.fromkeys((*ALL_PROPERTIES, *more))), dead=True)
    raise Invalid("The propfind asks for nothing.")


def _names(element: etree._Element) -> tuple[str, ...]:
    """The properties that are named. Each comes again for every entry, so they may not be arbitrarily many."""
    names = tuple(dict.fromkeys(str(child.tag) for child in element))
    if sum(map(len, names)) > MAX_NAMES:
        raise Invalid("The propfind names too many properties.")
    return names


def _kept(call: Call, listed: bool, tx: Tx) -> Kept:
    account, path = call.tree.account, call.place(call.path)
    of = properties.of_folder(tx, account, path) if listed else {path: properties.of(tx, account, path)}
    return Kept(of, locks.around(tx, account, path, below=listed))


def _responses(call: Call, question: Question, kept: Kept, around: Around, entries: Iterable[Entry]) -> Iterator[str]:
    live = [(name, LIVE.get(name)) for name in question.names]
    absent = cache(xml.absent)  # the same for most entries
    path = call.asked  # a shared file may have been asked for by its name
    for entry in entries:
        href = call.href(path if entry.path == call.path else entry.path, folder=entry.is_folder)
        dead = kept.dead.get(call.place(entry.path), {})
        found, missing = _properties(question, live, dead, entry, around)
        parts = xml.propstat(found, 200) if found or not missing else ""
        if missing:
            parts += absent(tuple(missing))
        yield f"<d:response><d:href>{href}</d:href>{parts}</d:response>\n"


def _properties(
    question: Question,
    live: Sequence[tuple[str, Property | None]],
    dead: properties.Values,
    entry: Entry,
    around: Around,
) -> tuple[list[str], list[str]]:
    """The elements that the entry has, and the names of those that it has not."""
    found: list[str] = []
    missing: list[str] = []
    for name, show in live:
        element = show(entry, around) if show else dead.get(name)
        if element is None:
            missing.append(name)
        else:
            found.append(xml.empty(name) if question.names_only else element)
    if question.dead:
        more = [name for name in dead if name not in question.names]
        found += [xml.empty(name) if question.names_only else dead[name] for name in more]
        missing = [name for name in missing if name not in ALL_PROPERTIES and not question.names_only]
    return found, missing


async def _in_batches(responses: Iterator[str]) -> AsyncIterator[bytes]:
    yield f"{xml.PROLOGUE}<d:multistatus {xml.NAMESPACES}>".encode()
    batch: list[str] = []
    for response in responses:
        batch.append(response)
        if len(batch) == BATCH:
            yield "".join(batch).encode()
            batch.clear()
            await asyncio.sleep(0)
    yield ("".join(batch) + "</d:multistatus>").encode()
