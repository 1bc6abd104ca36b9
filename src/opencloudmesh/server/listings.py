"""What was last seen of received shares, so that a peer which is away does not empty a person's folders.

Of the share's root it is in `received.entry`, of the folders in it in the table `listings`.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from opencloudmesh.client.multistatus import RemoteEntry
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import listings, received
from opencloudmesh.server.subtrees import at_or_below
from opencloudmesh.server.trees import SHARE, Entry, join, parent

Seen = dict[str, Any]  # an entry as JSON
Children = list[Seen]

MAX_KEPT = 10_000  # entries of one folder that are kept


def root_columns(found: RemoteEntry, *, link: bool = False) -> dict[str, Any]:
    """The columns of `received` that tell of the root. The type as told may be wrong: Nextcloud says "file" of all.

    Of what a public link shows nobody else says what may be done with it.
    """
    kept = seen(found, link=link)
    columns = {"entry": kept, "resource_type": "folder" if found.is_folder else "file"}
    return {**columns, "permissions": kept["permissions"]} if link else columns


def seen(found: RemoteEntry, *, link: bool = False) -> Seen:
    """An entry as it is kept. What a public link shows is never shared on, though ownCloud says that it may be."""
    permissions = found.permissions - {SHARE} if link else found.permissions
    return {
        "name": found.name,
        "is_folder": found.is_folder,
        "size": found.size,
        "modified_ns": found.modified_ns,
        "etag": found.etag,
        "permissions": sorted(permissions),
        "media_type": found.media_type,
    }


def entry(path: str, kept: Seen) -> Entry:
    """What was kept, as an entry of the share's tree."""
    return Entry(
        path=path,
        is_folder=kept["is_folder"],
        size=kept["size"],
        modified_ns=kept["modified_ns"],
        etag=kept["etag"],
        permissions=frozenset(kept["permissions"]),
        mounted=not path,
        media_type=kept["media_type"],
    )


def one(tx: Tx, received_id: str, path: str) -> Entry | None:
    """An entry as it was seen last; None where it was not."""
    if path:
        return next((child for child in folder(tx, received_id, parent(path)) or () if child.path == path), None)
    row = tx.one(sa.select(received.c.entry).where(received.c.id == received_id))
    return None if row is None or row.entry is None else entry("", row.entry)


def folder(tx: Tx, received_id: str, path: str) -> list[Entry] | None:
    """A folder's children as they were seen last; None where they were not."""
    row = tx.one(sa.select(listings.c.entries).where(_at(received_id, path)))
    return None if row is None else [entry(join(path, kept["name"]), kept) for kept in row.entries]


def is_news(tx: Tx, received_id: str, columns: dict[str, Any], path: str, children: Children | None) -> bool:
    """Whether `keep` would change anything."""
    row = tx.one(sa.select(received).where(received.c.id == received_id))
    if row is None:
        return False
    if any(row._mapping[name] != value for name, value in columns.items()):
        return True
    known = tx.one(sa.select(listings.c.entries).where(_at(received_id, path)))
    return children is not None and (known is None or known.entries != children)


def keep(tx: Tx, received_id: str, columns: dict[str, Any], path: str, children: Children | None) -> None:
    """Stores columns of the share, and the children of one of its folders unless they are None."""
    if columns:
        tx.run(sa.update(received).where(received.c.id == received_id).values(**columns))
    if children is not None:
        tx.upsert(listings, {"received": received_id, "path": path}, {"entries": children, "seen": tx.now})


def changed(tx: Tx, received_id: str, *paths: str) -> None:
    """We changed something there: what was seen is no longer so, and every folder above has a new ETag.

    The peer's own ETag of the root comes back with the next look at it.
    """
    for path in paths:
        there = sa.or_(listings.c.path == parent(path), at_or_below(listings.c.path, path))
        tx.run(sa.delete(listings).where(listings.c.received == received_id, there))
    row = tx.one(sa.select(received.c.entry).where(received.c.id == received_id))
    if row is not None and row.entry is not None:
        kept = {**row.entry, "etag": tx.id()}
        tx.run(sa.update(received).where(received.c.id == received_id).values(entry=kept))


def forget(tx: Tx, received_id: str) -> None:
    """The person has left the share."""
    tx.run(sa.delete(listings).where(listings.c.received == received_id))


def _at(received_id: str, path: str) -> sa.ColumnElement[bool]:
    return sa.and_(listings.c.received == received_id, listings.c.path == path)
