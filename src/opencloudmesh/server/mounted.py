"""Where received shares are in a person's tree, and what is shown of them without asking their servers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from msgspec import structs

from opencloudmesh.server import listings
from opencloudmesh.server.trees import Entry, inside, join

Row = sa.Row[Any]

ETAG_LENGTH = 40  # characters


@dataclass(frozen=True, slots=True)
class Mounts:
    """The received shares in a person's tree, by path."""

    rows: tuple[Row, ...]

    def over(self, path: str) -> Row | None:
        """The share that a path belongs to."""
        return max((row for row in self.rows if inside(path, row.path)), key=lambda row: len(row.path), default=None)

    def below(self, path: str) -> list[Row]:
        """The shares that are mounted somewhere below a path."""
        return [row for row in self.rows if row.path != path and inside(row.path, path)]


def within(path: str, row: Row) -> str:
    """A path of the person's tree as one of the share's."""
    return path[len(row.path) :].lstrip("/")


def placed(entry: Entry, row: Row) -> Entry:
    """An entry of the share as one of the person's tree."""
    return structs.replace(entry, path=join(row.path, entry.path))


def by_child(path: str, below: Sequence[Row]) -> dict[str, list[Row]]:
    """What is mounted at or below each child of a folder."""
    found: dict[str, list[Row]] = {}
    for row in below:
        name = row.path[len(path) :].lstrip("/").partition("/")[0]
        found.setdefault(join(path, name), []).append(row)
    return found


def as_seen(row: Row) -> Entry:
    """The root of a received share, without asking its server."""
    if row.entry is not None:
        return placed(listings.entry("", row.entry), row)
    return Entry(
        path=row.path,
        is_folder=row.resource_type == "folder",
        size=0,
        modified_ns=row.changed * 1_000_000_000,
        etag=row.id,
        permissions=frozenset(row.permissions),
        mounted=True,
    )


def virtual(path: str, below: Sequence[Row]) -> Entry:
    """A folder that is there only because something is mounted below it."""
    return Entry(path, True, 0, max(row.changed for row in below) * 1_000_000_000, "virtual")


def marked(entry: Entry, below: Sequence[Row]) -> Entry:
    """A folder whose ETag changes also with what is mounted below it, and with what was last seen of that."""
    if not below or not entry.is_folder:
        return entry
    parts = sorted(f"{row.path}\0{as_seen(row).etag}" for row in below)
    digest = hashlib.sha256("\0".join([entry.etag, *parts]).encode()).hexdigest()
    return structs.replace(entry, etag=digest[:ETAG_LENGTH])
