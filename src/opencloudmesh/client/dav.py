"""A WebDAV client for received shares.

    dav = DavClient(network, "https://cloud.example/dav/ocm/x1", "Bearer secret")
    folder, children = await dav.list("reports")

Paths are relative to the root, decoded, "/"-separated, "" for the root itself, which is a file where a single file is
shared. A peer's refusal becomes the error of its status (`ERRORS`), its silence `Unreachable`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from urllib.parse import quote, urljoin

from opencloudmesh.client import multistatus
from opencloudmesh.client.answer import Answer
from opencloudmesh.client.checksums import checksum_of
from opencloudmesh.client.multistatus import PROPERTIES, RemoteEntry
from opencloudmesh.client.network import TIMEOUTS, Network, Timeouts
from opencloudmesh.protocol.errors import (
    BadAnswer,
    Conflict,
    Forbidden,
    InsufficientStorage,
    Invalid,
    Locked,
    MethodNotAllowed,
    NotFound,
    NotSupported,
    OcmError,
    PreconditionFailed,
    RangeNotSatisfiable,
    Refused,
    TooLarge,
    TooManyRequests,
    Unavailable,
    Unreachable,
    UnsupportedMediaType,
)
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.protocol.wire import Headers, Request, Response

MAX_LISTING = 16 * 1024 * 1024  # bytes
IN_THREAD = 64 * 1024  # bytes; what is longer is parsed beside the event loop
PATH_SAFE = "/"  # besides letters, digits and "-._~": what is quoted is understood by every server

# What a refusal means to the person who asked. Every other 4xx, 401 too, is `Refused`, every other 5xx `Unavailable`.
ERRORS: Mapping[int, tuple[type[OcmError], Sentence]] = {
    403: (Forbidden, Sentence("{peer} does not permit this.")),
    404: (NotFound, Sentence("{peer} has nothing there.")),
    405: (MethodNotAllowed, Sentence("{peer} does not allow this there.")),
    409: (Conflict, Sentence("{peer} has no folder to put it in.")),
    410: (NotFound, Sentence("{peer} has nothing there any more.")),
    412: (PreconditionFailed, Sentence("{peer} has something there already, or something else.")),
    413: (TooLarge, Sentence("{peer} does not take files of this size.")),
    415: (UnsupportedMediaType, Sentence("{peer} does not take this kind of file.")),
    416: (RangeNotSatisfiable, Sentence("{peer} has no such part of the file.")),
    423: (Locked, Sentence("{peer} says that somebody has locked it.")),
    425: (Unavailable, Sentence("{peer} is still processing it.")),  # OpenCloud, after an upload
    429: (TooManyRequests, Sentence("{peer} asks to slow down.")),
    501: (NotSupported, Sentence("{peer} cannot do this.")),  # opencloudmesh-go, for all changes
    507: (InsufficientStorage, Sentence("{peer} has no room left.")),
}
REDIRECTS = frozenset({301, 302, 307, 308})

_PROPFIND = (
    '<?xml version="1.0" encoding="utf-8"?><d:propfind xmlns:d="DAV:"><d:prop>'
    + "".join(f'<x:{name} xmlns:x="{space}"/>' for space, name in (p[1:].split("}") for p in PROPERTIES))
    + "</d:prop></d:propfind>"
).encode()
_TOUCH = (
    '<?xml version="1.0" encoding="utf-8"?><d:propertyupdate xmlns:d="DAV:"><d:set><d:prop>'
    "<d:lastmodified>{}</d:lastmodified></d:prop></d:set></d:propertyupdate>"
)
_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)")


@dataclass(frozen=True, slots=True)
class Download:
    """Bytes of a file on their way. `length` of them will come, of `size` in all; None where the peer does not say."""

    size: int | None
    length: int | None
    etag: str
    modified_ns: int
    media_type: str
    chunks: AsyncIterator[bytes]
    checksum: tuple[str, bytes] | None = None  # of the whole file, where the peer says


class DavClient:
    """WebDAV below one root, with one credential."""

    def __init__(self, network: Network, root_url: str, authorization: str, *, timeouts: Timeouts = TIMEOUTS) -> None:
        self._network = network
        self._root_url = root_url
        self._authorization = authorization
        self._timeouts = timeouts
        self._peer = Request("PROPFIND", root_url).authority

    async def stat(self, path: str) -> RemoteEntry:
        """One entry. Raises as `list`."""
        url = self._url(path)
        try:
            answer = await self._propfind(url, depth=0)
        except (MethodNotAllowed, NotSupported):
            return await self._head(path)  # opencloudmesh-go shares single files and has no PROPFIND
        found = multistatus.the_one(multistatus.parse(answer.body, url), url)
        if found is None or found.status in (404, 410):
            raise NotFound("{peer} has nothing there.", peer=self._peer)
        self._check(Response(found.status))
        return found.entry(path.rpartition("/")[2])

    async def list(self, path: str) -> tuple[RemoteEntry | None, list[RemoteEntry]]:
        """A folder itself, where the peer tells of it, and its children sorted by name. A file has no children.

        Raises `NotFound`, `Forbidden`, `Refused`, `Unavailable`, `Unreachable`, `BadAnswer` (not understood, over 16
        MiB or 100,000 entries).
        """
        url = self._url(path).rstrip("/") + "/"
        answer = await self._propfind(url, depth=1)
        if len(answer.body) <= IN_THREAD:
            return _entries(answer.body, url)
        return await asyncio.to_thread(_entries, answer.body, url)

    async def quota(self) -> tuple[int | None, int | None]:
        """Bytes used and bytes available at the root, each where the peer says."""
        root = await self.stat("")
        return root.used, root.available

    async def get(self, path: str, start: int = 0, stop: int | None = None, *, checksum: bool = False) -> Download:
        """The bytes `start:stop` of a file. The connection is held until the chunks are read, closed or forgotten.

        `checksum`: the peer is asked for that of the whole file.
        """
        if stop is not None and stop <= start:
            raise RangeNotSatisfiable("There are no bytes in this range.")
        wanted = {} if not start and stop is None else {"Range": f"bytes={start}-{'' if stop is None else stop - 1}"}
        if checksum:
            wanted["Want-Repr-Digest"] = "sha-256=10"
        async with AsyncExitStack() as stack:
            stream = self._network.stream("GET", self._url(path), headers=self._headers(wanted))
            answer = await stack.enter_async_context(stream)
            self._check(Response(answer.status, answer.headers))
            skip, length, size = _window(answer, start, stop)
            chunks = _held(stack.pop_all(), _cut(answer.chunks(), skip, length, self._peer))
        await anext(chunks)  # begun, so that the event loop closes it even if nobody reads on
        return Download(
            size=size,
            length=length,
            etag=multistatus.etag(answer.headers.get("etag") or ""),
            modified_ns=multistatus.modified(answer.headers.get("last-modified") or ""),
            media_type=multistatus.media_type(answer.headers.get("content-type") or ""),
            chunks=chunks,
            checksum=checksum_of(answer.headers, whole=answer.status != 206),
        )

    async def put(
        self, path: str, chunks: AsyncIterator[bytes], size: int | None = None, *, modified_ns: int | None = None
    ) -> bool:
        """Replaces or creates a file; True where the peer says that it is new.

        Raises `Invalid` if the chunks are not as long as announced; then the peer gets no whole file.
        """
        fields = {"Content-Type": "application/octet-stream"}
        if size is not None:
            fields["Content-Length"] = str(size)
        if modified_ns is not None:
            fields["X-OC-Mtime"] = str(modified_ns // 1_000_000_000)  # Nextcloud, ownCloud, OpenCloud
        body = chunks if size is None else _announced(chunks, size)
        async with self._network.stream("PUT", self._url(path), headers=self._headers(fields), body=body) as answer:
            self._check(Response(answer.status, answer.headers))
            return answer.status == 201

    async def touch(self, path: str, modified_ns: int) -> None:
        """Sets the time of modification, as Nextcloud's own client does."""
        body = _TOUCH.format(modified_ns // 1_000_000_000).encode()
        await self._change("PROPPATCH", path, {"Content-Type": "application/xml; charset=utf-8"}, body)

    async def mkcol(self, path: str) -> None:
        """Makes a folder."""
        await self._change("MKCOL", path)

    async def delete(self, path: str) -> None:
        """Deletes a file, or a folder with all in it."""
        await self._change("DELETE", path)

    async def move(self, source: str, target: str, *, overwrite: bool) -> bool:
        """Moves or renames; True where the target is new."""
        return await self._transfer("MOVE", source, target, {"Overwrite": "T" if overwrite else "F"})

    async def copy(self, source: str, target: str, *, overwrite: bool, deep: bool = True) -> bool:
        """Copies a file or folder; True where the target is new."""
        fields = {"Overwrite": "T" if overwrite else "F", "Depth": "infinity" if deep else "0"}
        return await self._transfer("COPY", source, target, fields)

    async def _transfer(self, method: str, source: str, target: str, fields: dict[str, str]) -> bool:
        answer = await self._change(method, source, {"Destination": self._url(target), **fields})
        return answer.status == 201

    async def _change(
        self, method: str, path: str, fields: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Response:
        answer = await self._ask(method, self._url(path), fields or {}, body)
        self._check(answer)
        if answer.status == 207:  # of a change: some of it may have failed (RFC 4918, 9.2.1, 9.6.1, 9.8.5 and 9.9.4)
            for status in multistatus.statuses(answer.body):
                self._check(Response(status))
        return answer

    async def _propfind(self, url: str, *, depth: int) -> Response:
        fields = {"Depth": str(depth), "Content-Type": "application/xml; charset=utf-8"}
        answer = await self._ask("PROPFIND", url, fields, _PROPFIND)
        self._check(answer)
        return answer

    async def _head(self, path: str) -> RemoteEntry:
        answer = await self._ask("HEAD", self._url(path), {})
        self._check(answer)
        size = _length(answer.headers) or 0
        modified_ns = multistatus.modified(answer.headers.get("last-modified") or "")
        return RemoteEntry(
            name=path.rpartition("/")[2],
            is_folder=False,
            size=size,
            modified_ns=modified_ns,
            etag=multistatus.etag(answer.headers.get("etag") or "") or multistatus.etag_of(modified_ns, size),
            permissions=frozenset({multistatus.READ}),
            media_type=multistatus.media_type(answer.headers.get("content-type") or ""),
        )

    async def _ask(self, method: str, url: str, fields: Mapping[str, str], body: bytes = b"") -> Response:
        answer = await self._network.request(
            method, url, headers=self._headers(fields), body=body, limit=MAX_LISTING, timeout=self._timeouts
        )
        location = answer.headers.get("location")
        if answer.status in REDIRECTS and location and urljoin(url, location) == url + "/":
            return await self._ask(method, url + "/", fields, body)  # Apache, for a folder without its slash
        return answer

    def _headers(self, fields: Mapping[str, str]) -> Headers:
        return Headers({"Authorization": self._authorization, **fields})

    def _url(self, path: str) -> str:
        return f"{self._root_url.rstrip('/')}/{quote(path, safe=PATH_SAFE)}" if path else self._root_url

    def _check(self, answer: Response) -> None:
        """Raises the error of a status that is no success."""
        status = answer.status
        if 200 <= status < 300:
            return
        wait = answer.headers.get("retry-after") or ""
        retry_after = int(wait) if re.fullmatch("[0-9]{1,6}", wait) else None
        detail = f"{status}: {answer.body[:300]!r}"
        if status in ERRORS:
            kind, words = ERRORS[status]
            raise kind(words, peer=self._peer, retry_after=retry_after, detail=detail)
        if status >= 500:
            raise Unavailable(
                "{peer} cannot do it now ({status}).",
                peer=self._peer,
                status=status,
                retry_after=retry_after,
                detail=detail,
            )
        if status >= 400:
            raise Refused(
                "{peer} refused ({status}).", peer=self._peer, status=status, peer_status=status, detail=detail
            )
        raise BadAnswer(
            "{peer} answered in a way that is not understood ({status}).", peer=self._peer, status=status, detail=detail
        )


def _entries(body: bytes, url: str) -> tuple[RemoteEntry | None, list[RemoteEntry]]:
    resources = multistatus.parse(body, url)
    asked = multistatus.path_of(url)
    folder = next((found.entry(asked[-1] if asked else "") for found in resources if found.path == asked), None)
    children = [found.entry(name) for name, found in multistatus.children(resources, url)]
    return folder, sorted(children, key=lambda entry: entry.name)


def _window(answer: Answer, start: int, stop: int | None) -> tuple[int, int | None, int | None]:
    """How many bytes of the body to skip, how many to take, and the size of the whole file."""
    length = _length(answer.headers)
    if answer.status != 206:  # the whole file, whatever was asked for
        if length is not None and start > length:
            raise RangeNotSatisfiable("{peer} has no such part of the file.", peer=answer.peer)
        return start, _least(stop, length, less=start), length
    match = _CONTENT_RANGE.fullmatch((answer.headers.get("content-range") or "").strip())
    if match is None or int(match[1]) != start:
        raise BadAnswer("{peer} sends another part of the file than was asked for.", peer=answer.peer)
    return 0, _least(stop, int(match[2]) + 1, less=start), None if match[3] == "*" else int(match[3])


def _length(headers: Headers) -> int | None:
    said = headers.get("content-length") or ""
    return int(said) if re.fullmatch("[0-9]{1,19}", said) else None


def _least(*values: int | None, less: int) -> int | None:
    known = [value for value in values if value is not None]
    return max(0, min(known) - less) if known else None


async def _cut(chunks: AsyncIterator[bytes], skip: int, length: int | None, peer: str) -> AsyncIterator[bytes]:
    """`length` bytes after the first `skip`. Raises `Unreachable` where there are fewer."""
    left = length
    async for chunk in chunks:
        piece = chunk[skip:]
        skip = max(0, skip - len(chunk))
        if left is not None:
            piece = piece[:left]
            left -= len(piece)
        if piece:
            yield piece
        if left == 0:
            return
    if left:
        raise Unreachable("{peer} did not send the whole file.", peer=peer)


async def _announced(chunks: AsyncIterator[bytes], size: int) -> AsyncIterator[bytes]:
    """The same chunks, which must be `size` bytes together."""
    left = size
    async for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            break
        yield chunk
    if left:
        raise Invalid("The body is not as long as announced.")


async def _held(stack: AsyncExitStack, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """First an empty chunk, then the others; what `stack` holds is released at the end."""
    async with stack:
        yield b""
        async for chunk in chunks:
            yield chunk
