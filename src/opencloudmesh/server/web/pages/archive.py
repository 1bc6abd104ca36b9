"""A folder as one file: a ZIP archive that is made while it is sent, with no more than one piece of a file in memory.

Received shares are in it as far as their servers answer; what could not be read is named in a file at its end.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AbstractContextManager, aclosing, contextmanager
from datetime import UTC, datetime
from urllib.parse import quote
from zipfile import ZipFile, ZipInfo

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from opencloudmesh.protocol.errors import OcmError
from opencloudmesh.server.contents import pieces
from opencloudmesh.server.languages import _
from opencloudmesh.server.limits import Limits
from opencloudmesh.server.trees import Entry, Tree
from opencloudmesh.server.web.dav.reading import SAFETY
from opencloudmesh.server.web.pages.files import asked
from opencloudmesh.server.web.pages.visits import Visit

NANO = 1_000_000_000
MAX_ENTRIES = 100_000  # another server may tell of folders in folders without an end
OF_ONE, AT_ONCE = 4, 16  # archives that are made at a time: for one person or visitor, and in all
WAIT = "Too many folders are being downloaded. Try again when one of them has arrived."
LEFT_OUT = "Left out of this archive.txt"
EARLIEST, LATEST = 315_532_800, 4_354_819_198  # unix seconds: ZIP knows the years from 1980 to 2107


async def download(visit: Visit, entries: list[Entry] | None = None) -> Response:
    """A folder and all that is in it, or only some entries of it."""
    path, account = asked(visit), visit.account.id
    turn = packing(visit.context.limits, f"account:{account}")
    return await packed(visit.tree, path, path.rpartition("/")[2] or account, turn, entries)


@contextmanager
def packing(limits: Limits, who: str) -> Iterator[None]:
    """Around an archive that somebody fetches. Raises `TooManyRequests`."""
    with limits.at_once(f"packing {who}", OF_ONE, WAIT), limits.at_once("packing", AT_ONCE, WAIT):
        yield


class Packed(StreamingResponse):
    """An archive, which takes its turn when it is begun to be sent, and gives it back however that ends."""

    def __init__(
        self, chunks: AsyncIterator[bytes], turn: AbstractContextManager[None], fields: dict[str, str]
    ) -> None:
        super().__init__(chunks, 200, fields, "application/zip")
        self._turn = turn

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises `TooManyRequests` before anything is sent."""
        with self._turn:
            await super().__call__(scope, receive, send)


async def packed(
    tree: Tree, path: str, name: str, turn: AbstractContextManager[None], entries: list[Entry] | None = None
) -> Response:
    """A folder of a tree, or only some entries of it, as an archive of that name. Raises what `Tree.list` raises."""
    chosen = await tree.list(path) if entries is None else entries
    fields = {
        **SAFETY,
        "Content-Disposition": attachment(f"{name}.zip"),
        "Cache-Control": "private, no-store",
    }
    return Packed(made(tree, path, chosen), turn, fields)


def attachment(name: str) -> str:
    """The header by which a browser saves what it gets under a name."""
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"


class _Sent:
    """What the archive writes to, and what of it has not gone out yet. It cannot seek: sizes follow the files."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def write(self, data: bytes, /) -> int:
        self._waiting += data
        return len(data)

    def flush(self) -> None:
        """Nothing to do: everything goes out as it comes."""

    def take(self) -> bytes:
        taken = bytes(self._waiting)
        self._waiting.clear()
        return taken


async def made(tree: Tree, root: str, entries: list[Entry]) -> AsyncIterator[bytes]:
    """The bytes of the archive. Nothing is compressed: most large files are already, and it would hold others up."""
    sent, left_out = _Sent(), list[str]()
    waiting, left = list(reversed(entries)), MAX_ENTRIES
    with ZipFile(sent, "w") as archive:  # type: ignore[call-overload]  # it needs no more than it is given
        while waiting and left:
            entry, left = waiting.pop(), left - 1
            name = entry.path[len(root) :].lstrip("/")
            try:
                if entry.is_folder:
                    archive.writestr(_info(entry, name + "/"), b"")
                    waiting += reversed(await tree.list(entry.path))
                else:
                    async with aclosing(_put(archive, tree, entry, name)) as putting:
                        async for _piece in putting:
                            yield sent.take()
            except OcmError as error:
                left_out.append(f"{name}: {_(error.message)}")
        if waiting:
            left_out.append(_("Everything after the first {most} files and folders.").format(most=MAX_ENTRIES))
        if left_out:
            first = _("These could not be read, or not to their end.")
            archive.writestr(LEFT_OUT, "\r\n".join([first, *left_out, ""]))
    yield sent.take()


async def _put(archive: ZipFile, tree: Tree, entry: Entry, name: str) -> AsyncGenerator[None, None]:
    """Puts a file into the archive, a piece at a time."""
    content = await tree.read(entry.path)
    with archive.open(_info(content.entry, name), "w", force_zip64=True) as file:
        async with aclosing(pieces(content)) as stream:
            async for piece in stream:
                file.write(piece)
                yield


def _info(entry: Entry, name: str) -> ZipInfo:
    """The head of an entry; other servers may tell any time."""
    moment = datetime.fromtimestamp(min(max(entry.modified_ns // NANO, EARLIEST), LATEST), UTC)
    return ZipInfo(name, moment.timetuple()[:6])
