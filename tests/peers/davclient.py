"""The WebDAV clients of the families, request by request, as recorded.

`SabreClient` is the pair of Nextcloud and ownCloud 10 (sabre/dav for XML, their own HTTP client for GET and PUT):
Basic at the root of the advertised path, a shared file being the root itself. `GoClient` is gowebdav as the Reva
family uses it: Bearer below the share's own URL, with its odd paths (`<url>/.`, `<url>/./child`, `<url>/<name>`).
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

from tests.peers.davserver import DAV
from tests.peers.values import AccessError, Entry, Exchange, Headers, Mount

Send = Callable[[str, str, Headers, bytes | None], Awaitable[Exchange]]
Locate = Callable[[], Awaitable[str]]
Broken = Callable[[int], Awaitable[None]]


def read_multistatus(body: bytes) -> list[Entry]:
    """The responses of a 207, with the properties that were found. Raises `AccessError`."""
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise AccessError("the answer is not XML") from error
    return [_entry(response) for response in root.findall(f"{DAV}response")]


def _entry(response: ElementTree.Element) -> Entry:
    properties: dict[str, str] = {}
    folder = False
    for propstat in response.findall(f"{DAV}propstat"):
        if " 200 " in f"{propstat.findtext(f'{DAV}status', '')} ":
            for prop in propstat.findall(f"{DAV}prop/*"):
                properties[prop.tag] = "".join(prop.itertext())
                folder = folder or (prop.tag == f"{DAV}resourcetype" and prop.find(f"{DAV}collection") is not None)
    return Entry((response.findtext(f"{DAV}href") or "").strip(), folder, properties)


def basic(user: str, password: str = "") -> str:
    """An Authorization header's value."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class SabreClient(Mount):
    """`locate` finds the URL of the public root, with its slash; `broken` is told of a 401 or 404 there."""

    def __init__(
        self, send: Send, locate: Locate, secret: str, *, propfind: bytes, xml: Headers, http: Headers, broken: Broken,
        password: str = "",
    ) -> None:  # fmt: skip
        self._send = send
        self._locate = locate
        self._authorization = ("Authorization", basic(secret, password))
        self._propfind = propfind
        self._xml = (self._authorization, *xml)
        self._http = (self._authorization, *http)
        self._broken = broken

    async def _url(self, path: str) -> str:
        return await self._locate() + quote(path.strip("/"))

    async def _ask(self, method: str, path: str, headers: Headers, body: bytes | None = None) -> Exchange:
        done = await self._send(method, await self._url(path), headers, body)
        if done.status in (401, 503) or (done.status == 404 and not path.strip("/")):
            await self._broken(done.status)
        return done

    async def _find(self, path: str, depth: int) -> list[Entry] | None:
        headers = (*self._xml, ("Depth", str(depth)), ("Content-Type", "application/xml"))
        done = await self._ask("PROPFIND", path, headers, self._propfind)
        if done.status in (404, 405):
            return None
        if done.status != 207:
            raise AccessError("PROPFIND", done.status)
        return read_multistatus(done.answer)

    async def stat(self, path: str = "") -> Entry:
        """A PROPFIND of depth 0; the first response is taken."""
        found = await self._find(path, 0)
        if not found:
            raise AccessError("not found", 404)
        return found[0]

    async def list(self, path: str = "") -> list[Entry]:
        """A PROPFIND of depth 1. The first response counts as the folder itself; a child not below the root is lost."""
        found = await self._find(path, 1)
        if not found:
            raise AccessError("not found", 404)
        root = urlsplit(await self._locate()).path
        return [entry for entry in found[1:] if entry.href.startswith(root)]

    async def read(self, path: str = "") -> bytes:
        """GET with 200."""
        done = await self._ask("GET", path, self._http)
        if done.status != 200:
            raise AccessError("GET", done.status)
        return done.answer

    async def write(self, path: str, content: bytes) -> None:
        """PROPFIND, PUT, PROPFIND. Takes 200, 201 and 204."""
        await self._find(path, 0)
        named = (("Content-Type", "text/plain"),) if path.endswith(".txt") else ()
        done = await self._ask("PUT", path, (*self._http, *named), content)
        if done.status not in (200, 201, 204):
            raise AccessError("PUT", done.status)
        await self._find(path, 0)

    async def _change(self, method: str, path: str, expected: set[int], *extra: tuple[str, str]) -> None:
        form = ("Content-Type", "application/x-www-form-urlencoded")
        done = await self._ask(method, path, (*self._xml, form, *extra), b"")
        if done.status not in expected:
            raise AccessError(method, done.status)

    async def make_folder(self, path: str) -> None:
        """PROPFIND, MKCOL, PROPFIND. Insists on 201."""
        await self._find(path, 0)
        await self._change("MKCOL", path, {201})
        await self._find(path, 0)

    async def move(self, path: str, to: str) -> None:
        """PROPFIND of the new place, MOVE, PROPFIND. The Destination is absolute. Takes 201 and 204."""
        await self._find(to, 0)
        await self._change("MOVE", path, {201, 204}, ("Destination", await self._url(to)))
        await self._find(to, 0)

    async def delete(self, path: str) -> None:
        """PROPFIND, DELETE. Insists on 204."""
        await self._find(path, 0)
        await self._change("DELETE", path, {204})


GO_PROPFIND = b"<d:propfind xmlns:d='DAV:'><allprop/></d:propfind>"


class GoClient(Mount):
    """`url` is the share's, without a trailing slash; `file` the name under which a shared file is found below it."""

    def __init__(self, send: Send, url: str, authorization: str, *, file: str | None, dotted: bool = True) -> None:
        self._send = send
        self._url = url.rstrip("/")
        self._file = file
        self._authorization = ("Authorization", authorization)
        self._dot = "./" if dotted else ""

    def _at(self, path: str) -> str:
        if self._file is not None:
            return f"{self._url}/{quote(self._file)}" if self._file else f"{self._url}/"
        return f"{self._url}/{self._dot}{quote(path.strip('/'))}"

    async def _ask(self, method: str, url: str, *extra: tuple[str, str], body: bytes | None = None) -> Exchange:
        agent = (("User-Agent", "Go-http-client/1.1"), self._authorization)
        return await self._send(method, url, (*agent, *extra, ("Accept-Encoding", "gzip")), body)

    async def _find(self, url: str, depth: int) -> list[Entry] | None:
        done = await self._ask(
            "PROPFIND",
            url,
            ("Accept", "application/xml,text/xml"),
            ("Accept-Charset", "utf-8"),
            ("Accept-Encoding", ""),
            ("Content-Type", "application/xml;charset=UTF-8"),
            ("Depth", str(depth)),
            body=GO_PROPFIND,
        )
        if done.status == 404:
            return None
        if done.status not in (200, 207):
            raise AccessError("PROPFIND", done.status)
        return read_multistatus(done.answer)

    async def stat(self, path: str = "") -> Entry:
        """A PROPFIND of depth 0; the share itself is asked for as `<url>/`."""
        whole = self._file is None and not path.strip("/")
        found = await self._find(f"{self._url}/" if whole else self._at(path), 0)
        if not found:
            raise AccessError("not found", 404)
        return found[0]

    async def list(self, path: str = "") -> list[Entry]:
        """The folder is looked at (`<url>/.`), then a PROPFIND of depth 1, of which the folder itself is left out."""
        at = self._at(path).rstrip("/")
        if not await self._find(at, 0):
            raise AccessError("not found", 404)
        found = await self._find(f"{at}/", 1) or []
        return found[1:]

    async def read(self, path: str = "") -> bytes:
        """GET with 200."""
        done = await self._ask("GET", self._at(path))
        if done.status != 200:
            raise AccessError("GET", done.status)
        return done.answer

    async def write(self, path: str, content: bytes) -> None:
        """A PROPFIND, then a PUT with an empty Lock-Token; a new file goes to the path without the dot."""
        found = await self._find(self._at(path), 0)
        at = self._at(path) if found else self._at(path).replace("/./", "/")
        done = await self._ask("PUT", at, ("Lock-Token", "<>"), body=content)
        if done.status not in (200, 201, 204):
            raise AccessError("PUT", done.status)

    async def make_folder(self, path: str) -> None:
        """MKCOL of a path that ends in a slash. 405 (it is there) is as good as 201."""
        done = await self._ask("MKCOL", f"{self._at(path)}/")
        if done.status not in (201, 405):
            raise AccessError("MKCOL", done.status)

    async def move(self, path: str, to: str) -> None:
        """Both ends and the new parent are looked at, then MOVE with `Overwrite: F`, then the new place."""
        if not await self._find(self._at(path), 0):
            raise AccessError("not found", 404)
        await self._find(self._at(to), 0)
        await self._find(self._at(to.rpartition("/")[0]), 0)
        done = await self._ask("MOVE", self._at(path), ("Destination", self._at(to)), ("Overwrite", "F"))
        if done.status not in (201, 204):
            raise AccessError("MOVE", done.status)
        await self._find(self._at(to), 0)

    async def delete(self, path: str) -> None:
        """DELETE. 404 is as good as 204."""
        done = await self._ask("DELETE", self._at(path))
        if done.status not in (200, 204, 404):
            raise AccessError("DELETE", done.status)
