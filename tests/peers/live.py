"""A real server of some family in the place of an emulated one, driven through what it offers to its users.

`OCM_TEST_PEER` names it (README.md). Only Nextcloud and ownCloud have a driver; what is not known of the others is
`UNKNOWN`, and is said where somebody tries. Methods are those of `Peer`, and all that must ask the server are
coroutines here. The server has one user: whom a test calls alice is who signs in.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from uuid import uuid4

import aiohttp
from multidict import CIMultiDict
from tests.peers.davclient import basic, read_multistatus
from tests.peers.ocs import FORM
from tests.peers.values import (
    AccessError,
    Entry,
    Exchange,
    Mount,
    Person,
    Received,
    ShareError,
    ShareGoneError,
    split_address,
)
from yarl import URL

API = "/ocs/v2.php/apps/files_sharing/api/v1"
TREE = "/remote.php/webdav/"
READ, WRITE = 1, 2 + 4 + 8  # bits of the permissions of a share
NOT_TOLD = "not told"  # a state that the server keeps from its users

UNKNOWN: Mapping[str, str] = {
    "seafile": "how its user signs in, puts a file, offers it, lists what arrived and reads it",
    "reva": "how its user signs in, puts a file, offers it, lists what arrived, takes it and reads it "
    "(only the paths of invites are known: /sciencemesh/generate-invite and accept-invite)",
    "opencloud": "how its user signs in (OpenID Connect), offers a file, lists what arrived and takes it "
    "(only the paths of invites are known: /sciencemesh/generate-invite and accept-invite)",
    "opencloudmesh-go": "how its user puts a file where it can be offered, and reads one that arrived "
    "(/api/inbox/shares/<id>/verify-access tells no content)",
}


@dataclass(frozen=True)
class Account:
    """Where a server is, which emulated one it is like (`nextcloud-32`), and who signs in."""

    kind: str
    url: str
    user: str
    password: str

    @classmethod
    def read(cls, text: str) -> Account:
        """`nextcloud-32 https://alice:secret@cloud.example`. Raises `ValueError`."""
        kind, _, address = text.strip().rpartition(" ")
        parts = urlsplit(address)
        if not (kind and parts.scheme in ("http", "https") and parts.hostname and parts.username and parts.password):
            raise ValueError("OCM_TEST_PEER is not like: nextcloud-32 https://alice:secret@cloud.example")
        url = URL(address)
        plain = str(url.with_user(None)).rstrip("/")
        return cls(kind.strip(), plain, url.user or "", url.password or "")


def configured() -> Account | None:
    """That of the environment."""
    text = os.environ.get("OCM_TEST_PEER", "")
    return Account.read(text) if text else None


@dataclass(frozen=True)
class Ours:
    """Where the other server finds the cloud of the tests, and where that listens."""

    url: str
    listen: tuple[str, int]


def ours() -> Ours:
    """`OCM_TEST_URL`, and `OCM_TEST_LISTEN` where that is another place. Raises `ValueError`."""
    url = os.environ.get("OCM_TEST_URL", "").rstrip("/")
    parts = urlsplit(url)
    listen = os.environ.get("OCM_TEST_LISTEN", f"127.0.0.1:{parts.port}")
    host, _, port = listen.rpartition(":")
    if parts.scheme not in ("http", "https") or not parts.hostname or not port.isdecimal():
        raise ValueError("OCM_TEST_URL is our address for the server of OCM_TEST_PEER, OCM_TEST_LISTEN a host:port")
    return Ours(url, (host, int(port)))


def unknown(kind: str) -> str | None:
    """Why a kind cannot be driven; None if it can."""
    missing = next((what for family, what in UNKNOWN.items() if kind.startswith(family)), None)
    return missing and f"a real {kind} cannot be driven: nothing tells {missing}"


class Live:
    """A Nextcloud or an ownCloud 10. `http`: we are reached over plain http, which the address must say then."""

    def __init__(self, account: Account, session: aiohttp.ClientSession, *, http: bool = False) -> None:
        self.account = account
        self.base_url = account.url
        self.host = urlsplit(account.url).netloc
        self.http = http
        self.folder = f"ocm-test-{uuid4().hex[:8]}"
        self._session = session
        self._headers = {"Authorization": basic(account.user, account.password), "OCS-APIRequest": "true"}
        self._sent: set[str] = set()
        self._unshared: set[str] = set()
        self._earlier: set[str] = set()  # offers of other days

    @classmethod
    @asynccontextmanager
    async def start(cls, account: Account, *, http: bool = False) -> AsyncIterator[Live]:
        """Takes away at the end what it brought: files, shares and offers."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
            live = cls(account, session, http=http)
            live._earlier = {offer.id for offer in await live.inbox()}
            await live._dav("MKCOL", live.folder)
            try:
                yield live
            finally:
                for share in live._sent - live._unshared:
                    await live._ask("DELETE", f"{API}/shares/{share}")
                for offer in await live.inbox():
                    await live.decline("", offer.id)
                await live._dav("DELETE", live.folder)

    # --- files ------------------------------------------------------------------------------------------------

    def add_user(self, name: str, display_name: str = "", email: str = "") -> Person | None:
        """There is one already."""

    def address(self, _user: str) -> str:
        """The user's, as others write it."""
        return f"{self.account.user}@{self.host}"

    def trust(self, host: str, ocm_url: str = "") -> None:
        """These families talk to anybody."""

    async def put_file(self, _user: str, path: str, content: bytes) -> None:
        """Below the folder of this test; missing folders are made."""
        parts = path.strip("/").split("/")
        for depth in range(1, len(parts)):
            await self._dav("MKCOL", "/".join((self.folder, *parts[:depth])))
        await self._must(await self._dav("PUT", f"{self.folder}/{path}", content))

    async def file(self, _user: str, path: str) -> bytes:
        """What is in it now."""
        return (await self._must(await self._dav("GET", f"{self.folder}/{path}"))).answer

    async def tree(self, _user: str, path: str) -> set[str]:
        """All paths below a folder, relative to it."""
        folder = Files(self, f"{self.folder}/{path.strip('/')}")
        found, ahead = set(), [""]
        while ahead:
            at = ahead.pop()
            for entry in await folder.list(at):
                below = f"{at}/{entry.name}".strip("/")
                found.add(below)
                ahead += [below] if entry.folder else []
        return found

    # --- sharing ----------------------------------------------------------------------------------------------

    async def share(self, _user: str, path: str, address: str, *, write: bool = False) -> str:
        """Offer a file or folder; the share's id. Raises `ShareError`."""
        person, server = split_address(address)
        folder = (await Files(self, f"{self.folder}/{path.strip('/')}").stat()).folder
        allowed = READ + (WRITE if folder else 2) if write else READ
        form = {
            "path": f"/{self.folder}/{path.strip('/')}",
            "shareType": "6",
            "shareWith": f"{person}@http://{server}" if self.http else address,
            "permissions": str(allowed),
        }
        done = await self._ask("POST", f"{API}/shares", urlencode(form).encode())
        if done.status != 200:
            raise ShareError(done.answer.decode("utf-8", "replace")[:500], done.status)
        share = str(_data(done)["id"])
        self._sent.add(share)
        return share

    async def unshare(self, share_id: str) -> None:
        """Take a share back."""
        await self._must(await self._ask("DELETE", f"{API}/shares/{share_id}"))
        self._unshared.add(share_id)

    async def sent_share_state(self, share_id: str) -> str:
        """A declined share is gone. Whether one was accepted is not told."""
        if share_id in self._unshared:
            return "unshared"
        done = await self._ask("GET", f"{API}/shares/{share_id}")
        return "declined" if done.status == 404 else NOT_TOLD

    async def inbox(self, _user: str = "") -> list[Received]:
        """What was offered since the start and is not declined or gone."""
        found = []
        for path, state in (("remote_shares", "accepted"), ("remote_shares/pending", "pending")):
            rows = _data(await self._must(await self._ask("GET", f"{API}/{path}")))
            found += [self._offer(row, state) for row in rows]
        return [offer for offer in found if offer.id not in self._earlier]

    def _offer(self, row: Mapping[str, Any], state: str) -> Received:
        me = Person(self.account.user, "", "", self.account.user, Path())
        name, secret = str(row["name"]).strip("/"), str(row.get("share_token", ""))
        owner, remote, at = str(row["owner"]), str(row["remote"]), str(row["mountpoint"])
        return Received(str(row["id"]), me, str(row["remote_id"]), name, owner, remote, secret, state=state, uri=at)

    async def offer(self, share_id: str) -> Received:
        """One of them. Raises `ShareGoneError`."""
        found = [offer for offer in await self.inbox() if offer.id == share_id]
        if not found:
            raise ShareGoneError("no such share", 404)
        return found[0]

    async def accept(self, _user: str, share_id: str) -> None:
        """The user takes the share."""
        await self._must(await self._ask("POST", f"{API}/remote_shares/pending/{share_id}"))

    async def decline(self, _user: str, share_id: str) -> None:
        """The user does not want it, or not any more."""
        pending = "pending/" if (await self.offer(share_id)).state == "pending" else ""
        await self._must(await self._ask("DELETE", f"{API}/remote_shares/{pending}{share_id}"))

    def mount(self, _user: str, share_id: str) -> Mount:
        """A share that was taken, where it lies in the user's tree."""
        return Files(self, share_id=share_id)

    # --- asking -----------------------------------------------------------------------------------------------

    async def _ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Exchange:
        url = f"{self.base_url}{path}" + ("?format=json" if path.startswith(API) else "")
        fields = {**self._headers, **({FORM[0]: FORM[1]} if body is not None else {}), **headers}
        async with self._session.request(method, URL(url, encoded=True), headers=fields, data=body) as answer:
            asked = CIMultiDict(answer.request_info.headers)
            return Exchange(method, url, asked, body or b"", answer.status, answer=await answer.read())

    async def _dav(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Exchange:
        typed = {"Content-Type": "application/octet-stream"} if method == "PUT" else {}
        return await self._ask(method, TREE + quote(path), body, **typed, **headers)

    async def _must(self, done: Exchange) -> Exchange:
        if done.status >= 400:
            raise AccessError(f"{done.method} {done.url}: {done.status}", done.status)
        return done


class Files(Mount):
    """A place in the user's tree: a path, or wherever a share lies that was taken."""

    def __init__(self, live: Live, path: str = "", *, share_id: str = "") -> None:
        self._live = live
        self._path = path
        self._share_id = share_id

    async def _at(self, path: str) -> str:
        if self._share_id and not self._path:
            offer = await self._live.offer(self._share_id)
            if offer.state != "accepted":
                raise ShareGoneError("not among the files", 404)
            self._path = offer.uri.strip("/")
        return f"{self._path}/{path}".rstrip("/")

    async def _do(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Exchange:
        return await self._live._must(await self._live._dav(method, await self._at(path), body, **headers))

    async def stat(self, path: str = "") -> Entry:
        return read_multistatus((await self._do("PROPFIND", path, Depth="0")).answer)[0]

    async def list(self, path: str = "") -> list[Entry]:
        return read_multistatus((await self._do("PROPFIND", path, Depth="1")).answer)[1:]

    async def read(self, path: str = "") -> bytes:
        return (await self._do("GET", path)).answer

    async def write(self, path: str, content: bytes) -> None:
        await self._do("PUT", path, content)

    async def make_folder(self, path: str) -> None:
        await self._do("MKCOL", path)

    async def move(self, path: str, to: str) -> None:
        await self._do("MOVE", path, Destination=self._live.base_url + TREE + quote(await self._at(to)))

    async def delete(self, path: str) -> None:
        await self._do("DELETE", path)


def _data(done: Exchange) -> Any:
    found = (done.document() or {}).get("ocs", {}).get("data")
    return found[0] if isinstance(found, list) and done.method == "POST" and found else found
