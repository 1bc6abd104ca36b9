"""One WebDAV request: which tree, which path in it, who asks, and how URLs and paths translate."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes, urlsplit

from starlette.requests import Request

from opencloudmesh.protocol.errors import Forbidden, Invalid, NotFound, PeerError, TooLarge
from opencloudmesh.server.database import Database
from opencloudmesh.server.trees import READ, Entry, Tree, clean_path, join, require
from opencloudmesh.server.web.bodies import read_chunks

IDLE_SECONDS = 60.0  # without a byte of the body; how long a body takes in all is not limited
MAX_XML = 1 << 20
_USUAL_PORTS = (":80", ":443")
_NOT_PERCENT_ENCODED = re.compile("%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Call:
    """`prefix` is the URL path (encoded, "/" at its end) under which the client sees the tree's root.

    `asked` is the path in the tree that the URL names, and `entry` what is there: None for nothing, and for all
    that the one who asks may not see.
    """

    request: Request
    database: Database
    tree: Tree
    prefix: str
    asked: str
    principal: str  # whose lock tokens these may be
    host: str = ""  # our own, `host[:port]` as clients know it: a web server in front may have put another into Host
    entry: Entry | None = None

    @property
    def path(self) -> str:
        """Where it lies in the tree: "" for a shared file that was asked for by its name."""
        return self.entry.path if self.entry else self.asked

    def existing(self) -> Entry:
        """What is there. `NotFound`, or `Forbidden` where nothing may be seen."""
        require("stat", self.tree.permissions)
        if self.entry is None:
            raise NotFound("There is no such file or folder.")
        return self.entry

    def header(self, name: str) -> str | None:
        """A header field's value; None where it is absent."""
        return self.request.headers.get(name)

    def place(self, path: str) -> str:
        """A path of the tree as one of the account's: locks and properties live there."""
        return join(self.tree.base, path)

    def href(self, path: str, *, folder: bool) -> str:
        """The URL path of what lies in the tree; that of a folder ends with "/"."""
        if path:
            return f"{self.prefix}{quote(path)}/" if folder else self.prefix + quote(path)
        # A shared file is the root itself, and is called as it was asked for (Nextcloud with "/", Reva without).
        return self.prefix if folder or self.request.url.path.endswith("/") else self.prefix.rstrip("/")

    async def look(self, path: str) -> Entry | None:
        """What is at a path; None as in `entry`."""
        if READ not in self.tree.permissions:
            return None
        try:
            return await self.tree.stat(path)
        except NotFound:
            return None

    def depth(self, usual: str, *allowed: str) -> str:
        """The Depth header in lower case. `Invalid` where it is none of `allowed`."""
        depth = (self.header("depth") or usual).strip().lower()
        if depth not in allowed:
            raise Invalid("The Depth may be {words} here.", words=" or ".join(allowed))
        return depth

    def destination(self) -> str:
        """Where COPY and MOVE lead to, as a path of the tree (RFC 4918, 10.3)."""
        value = self.header("destination")
        if not value:
            raise Invalid("The Destination is missing.")
        return self.locate(value)

    def locate(self, reference: str) -> str:
        """The path in the tree that a URI or an absolute path names.

        Raises `PeerError` (502, RFC 4918, 9.8.5) for another server, `Forbidden` for what lies outside the tree,
        `Invalid` for what is no such reference.
        """
        try:
            parts = urlsplit(reference.strip())
        except ValueError:
            raise Invalid("This is not a URL.") from None
        if parts.query or parts.fragment or not parts.path.startswith("/"):
            raise Invalid("This is not a URL of a file or folder.")
        ours = {_authority(host) for host in (self.host, self.header("host")) if host}
        if parts.netloc and _authority(parts.netloc) not in ours:
            raise PeerError("The destination is on another server.")
        below, prefix = _segments(parts.path), _segments(self.prefix)
        if below[: len(prefix)] != prefix:
            raise Forbidden("The destination is outside of this tree.")
        return clean_path("/".join(below[len(prefix) :]))

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives. `Invalid` where it stops before its end."""
        async for chunk in read_chunks(self.request, IDLE_SECONDS):
            yield chunk

    async def body(self) -> bytes:
        """A whole body of XML. `TooLarge` over 1 MiB."""
        body = bytearray()
        async for chunk in self.chunks():
            body += chunk
            if len(body) > MAX_XML:
                raise TooLarge("The body is too large.")
        return bytes(body)


def check_target(raw_path: bytes | None) -> None:
    """Raises `Invalid` for a request target whose decoding loses something.

    Servers put U+FFFD for what is not UTF-8, so that two names would become one, and some let a fragment through.
    """
    if raw_path is not None:
        _segments(raw_path.decode("latin-1"))
        if b"#" in raw_path:
            raise Invalid("The URL of a request has no fragment.")


def _authority(netloc: str) -> str:
    host = netloc.rpartition("@")[2].lower()
    return next((host.removesuffix(port) for port in _USUAL_PORTS if host.endswith(port)), host)


def _segments(path: str) -> list[str]:
    """The decoded parts of a URL path, without empty ones. An encoded "/" is no separator, so it is refused."""
    segments = [segment for segment in path.split("/") if segment]
    return [_decoded(segment) for segment in segments]


def _decoded(segment: str) -> str:
    try:
        text = unquote_to_bytes(segment).decode()
    except UnicodeError:
        raise Invalid("The URL is not encoded as UTF-8.") from None
    if "/" in text or _NOT_PERCENT_ENCODED.search(segment):
        raise Invalid("The URL is not encoded as it should be.")
    return text
