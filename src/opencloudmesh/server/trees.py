"""What a tree of files is to those who show it: WebDAV, the JSON API, peers.

A tree is a user's own (plain directories with received shares mounted in it), or the part of it that a share
offers to a peer. Paths inside a tree are relative, "/"-separated, without leading or trailing slash; "" is the
root, which may be a file where a single file is shared. They are checked once, by `clean_path`.

Methods raise the errors of `protocol.errors`: `NotFound`, `Conflict` (no parent folder), `MethodNotAllowed`,
`Forbidden` (not permitted), `Locked` is the caller's business, `InsufficientStorage`, `Unavailable`.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import msgspec

from opencloudmesh.protocol.errors import Conflict, Forbidden, Invalid, PreconditionFailed

MAX_NAME = 255  # bytes of UTF-8, what every file system we know holds
MAX_PATH = 2_000  # bytes of UTF-8: leaves room for the data folder below the 4,096 of the kernel
TRIES = 10  # names that are tried while others take them
MAX_SUFFIX = 16  # characters of a name that stay behind a number in it
MAX_DEPTH = 100  # folders: each is an open file while something is changed below it
MAX_COPIED = 20_000  # files and folders that are copied at once, while somebody waits for it

READ, WRITE, SHARE = "read", "write", "share"
Permissions = frozenset[str]
ALL: Permissions = frozenset({READ, WRITE, SHARE})

# The one authorisation table: what must be permitted for an operation on a tree. Looking counts as reading,
# so that a share to drop files into tells nothing about what others dropped (CVE-2021-35949).
NEEDED: Mapping[str, Permissions] = MappingProxyType(
    {
        "stat": frozenset({READ}),
        "list": frozenset({READ}),
        "find": frozenset({READ}),  # of trees on this disk
        "read": frozenset({READ}),
        "quota": frozenset({READ}),
        "write": frozenset({WRITE}),
        "take_in": frozenset({WRITE}),  # of these too, as the next
        "keep": frozenset({WRITE}),
        "touch": frozenset({WRITE}),
        "make_folder": frozenset({WRITE}),
        "delete": frozenset({WRITE}),
        "move": frozenset({WRITE}),
        "copy": frozenset({READ, WRITE}),
        "lock": frozenset({WRITE}),  # these two are not of `Tree`: WebDAV keeps them beside it
        "set_properties": frozenset({WRITE}),
    }
)

# What becomes of a file whose name is taken by a new one: it is gone, as over WebDAV; it is in the trash; or it stays,
# and the new one gets a number.
GONE, KEPT, STAYS = "gone", "kept", "stays"

_NOT_IN_NAMES = re.compile("[\x00-\x1f\x7f/]")


class Entry(msgspec.Struct, frozen=True):
    """A file or folder as it was when looked at. A struct, for a listing makes thousands (0.3 us; a dataclass 3).

    `path` is where it lies in its tree, which is "" also for a shared file that was asked for by its name.
    """

    path: str
    is_folder: bool
    size: int  # bytes; 0 for a folder
    modified_ns: int  # unix nanoseconds
    etag: str  # without quotes, at most 40 characters; a folder's changes when anything below it does
    permissions: Permissions = ALL
    mounted: bool = False  # the root of a received share
    locked: bool = False  # and it opens only after a second factor, which who looks has not passed
    media_type: str = ""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of a file from `start`: a path on this machine's disk, or a stream from elsewhere."""

    entry: Entry
    file: Path | None = None
    stream: AsyncIterator[bytes] | None = None
    checksum: tuple[str, bytes] | None = None  # of the whole file: a name of `hashlib`, and the digest


@dataclass(frozen=True, slots=True)
class Quota:
    """Bytes used, and bytes still available where that is known."""

    used: int
    available: int | None


class Tree(Protocol):
    """Files and folders under one root.

    Every method asks `require` first. The root itself is neither deleted, moved nor replaced (`Forbidden`).
    A shared file answers at "" and also at its name (OpenCloud asks for `<share>/<name>`, Reva for `<share>`).
    """

    account: str  # whose locks and properties apply
    base: str  # where this root lies in that account's tree ("" for the whole): locks and properties live there
    permissions: Permissions

    async def stat(self, path: str) -> Entry:
        """One entry."""

    async def list(self, path: str) -> list[Entry]:
        """A folder's children, sorted by name."""

    async def read(self, path: str, start: int = 0, stop: int | None = None) -> Content:
        """A file's bytes `start:stop`. A `Content.file` is given whole, and the caller seeks."""

    async def write(
        self, path: str, chunks: AsyncIterator[bytes], *, size: int | None = None, modified_ns: int | None = None
    ) -> tuple[Entry, bool]:
        """Replaces or creates a file, whole or not at all; True where it is new. `size` as announced."""

    async def touch(self, path: str, modified_ns: int) -> Entry:
        """Sets a file's time of modification. `Forbidden` for a folder, whose time tells of what is below it."""

    async def make_folder(self, path: str) -> Entry:
        """Makes one folder; its parent must exist."""

    async def delete(self, path: str) -> None:
        """Deletes a file, or a folder with all in it."""

    async def move(self, source: str, target: str, *, overwrite: bool) -> bool:
        """Moves or renames; True where the target is new. Shares and properties follow, locks end.

        `PreconditionFailed` where the target is taken and not to be overwritten; `Forbidden` onto itself, into
        itself, or onto a folder that it lies in.
        """

    async def copy(self, source: str, target: str, *, overwrite: bool, deep: bool = True) -> bool:
        """Copies a file or folder (`deep`: with its contents); True where the target is new. Errors as `move`."""

    async def quota(self) -> Quota:
        """How much is used and free."""


def clean_path(text: str) -> str:
    """A decoded path from outside as a path inside a tree.

    "." and empty parts are dropped (OpenCloud asks for `<id>/.` and `<id>/./x`), ".." is refused and never
    resolved. Raises `Invalid` for "..", NUL and other control characters, lone surrogates, a name
    over 255 bytes.
    """
    parts = [part for part in text.split("/") if part not in ("", ".")]
    for part in parts:
        check_name(part)
    return "/".join(parts)


def check_name(name: str) -> str:
    """A single name as it may stand in a tree. Raises `Invalid`."""
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        raise Invalid("The name is not valid Unicode.") from None
    if name in ("", ".", "..") or _NOT_IN_NAMES.search(name):
        raise Invalid("A name is not empty, “.” or “..”, and has no “/” or line break in it.")
    if length > MAX_NAME:
        raise Invalid("The name is too long.")
    return name


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, with a number where it is taken."""
    number, free = 1, name
    while free.casefold() in taken:
        number += 1
        free = numbered(name, number)
    return free


class Names:
    """The names in a folder of a tree: read once, however many new ones are to be found that are free."""

    def __init__(self, tree: Tree, folder: str) -> None:
        self.folder = folder
        self._tree = tree
        self._taken: set[str] | None = None

    async def free(self, name: str) -> str:
        """The path of that name in the folder, with a number where the name is taken; from then on it is."""
        if self._taken is None:
            self._taken = {entry.name.casefold() for entry in await self._tree.list(self.folder)}
        found = free_name(name, self._taken)
        self._taken.add(found.casefold())
        return join(self.folder, found)

    async def put(self, name: str, act: Callable[[str], Awaitable[object]]) -> str:
        """The path at which `act` has put something: the next one where somebody else took a name meanwhile."""
        for _ in range(TRIES):
            path = await self.free(name)
            with suppress(PreconditionFailed):
                await act(path)
                return path
        raise Conflict("Others change this folder at the same moment. Try again.")


def numbered(name: str, number: int) -> str:
    """The name for the so-manyth of that name, with the number before its ending; the first keeps its own."""
    if number == 1:
        return name
    stem, dot, suffix = name.rpartition(".")
    if not stem.strip(".") or len(suffix) > MAX_SUFFIX:
        stem, dot, suffix = name, "", ""
    end = f" ({number}){dot}{suffix}"
    return stem.encode()[: MAX_NAME - len(end.encode())].decode(errors="ignore") + end


def require(operation: str, permissions: Permissions) -> None:
    """Raises `Forbidden` unless everything that `NEEDED` names for the operation is permitted."""
    if not NEEDED[operation] <= permissions:
        raise Forbidden("You are not permitted to do this here.")


def too_much() -> Forbidden:
    """For more than `MAX_COPIED`."""
    return Forbidden("There is too much in it to copy it at once. Copy the folders in it one by one.")


def inside(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or lies below it."""
    return folder == "" or path == folder or path.startswith(folder + "/")


def parent(path: str) -> str:
    """The folder a path lies in."""
    return path.rpartition("/")[0]


def join(folder: str, name: str) -> str:
    """A path below a folder; either may be empty."""
    return f"{folder}/{name}" if folder and name else folder or name
