"""What every emulated server has: a port on loopback, people with files, and a record of all that was said.

The peers of this package stand in for other vendors' servers. They are an independent opinion about the wire: none
of them imports the project. A family is a subclass of `Peer`; it fills `routes` and says how it shares, accepts
and opens files. The driver methods are the same for all families, so a test can swap one for another.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import urljoin

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from tests.peers.invites import Contact
from tests.peers.values import (
    Answer,
    Call,
    Exchange,
    Handler,
    Headers,
    Mount,
    NotOfferedError,
    Person,
    Received,
    Sent,
    ShareGoneError,
    UnreachableError,
)
from yarl import URL

AUTOMATIC = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Peer:
    """A foreign server on loopback. Subclasses are families; their generations are parameters."""

    family = ""
    user_agent = ""

    def __init__(self, *, allow_http: bool = True) -> None:
        self.allow_http = allow_http  # a bare host is tried over plain http, otherwise over https
        self.people: dict[str, Person] = {}
        self.sent: list[Exchange] = []
        self.received: list[Exchange] = []
        self.faults: list[Exception] = []
        self.shares: dict[str, Sent] = {}
        self.offers: dict[str, Received] = {}
        self.routes: dict[tuple[str, str], Handler] = {}
        self.port = 0
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self.family or 'peer'}-"))
        self._numbers = 0

    # --- life -------------------------------------------------------------------------------------------------

    @classmethod
    async def start(cls, *, port: int = 0, **options: Any) -> Self:
        """A running peer on a free port of 127.0.0.1. `options` are those of the family."""
        peer = cls(**options)
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{tail:.*}", peer._serve)
        peer._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await peer._runner.setup()
        await web.TCPSite(peer._runner, "127.0.0.1", port).start()
        peer.port = peer._runner.addresses[0][1]
        peer._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        return peer

    async def stop(self) -> None:
        """Close the port and forget the files. Raises what the emulator itself stumbled over while answering."""
        await self._session.close()
        await self._runner.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.faults:
            raise self.faults[0]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    _runner: web.AppRunner
    _session: aiohttp.ClientSession

    @property
    def host(self) -> str:
        """`localhost:PORT`."""
        return f"localhost:{self.port}"

    @property
    def base_url(self) -> str:
        """Without a trailing slash."""
        return f"http://{self.host}"

    # --- people and files -------------------------------------------------------------------------------------

    def add_user(self, name: str, display_name: str = "", email: str = "") -> Person:
        """Somebody with an empty folder."""
        folder = self.folder / name
        folder.mkdir()
        email = email or f"{name}@example.org"
        self.people[name] = Person(name, display_name or name, email, self.person_id(name), folder)
        return self.people[name]

    def person_id(self, name: str) -> str:
        """How the family names a person to other servers: by default the login."""
        return name

    def address(self, user: str) -> str:
        """Somebody here, as others write it."""
        return f"{self.people[user].id}@{self.host}"

    def put_file(self, user: str, path: str, content: bytes) -> None:
        """A file in a user's folder; missing folders are made."""
        target = self.people[user].folder / path.strip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

    def make_folder(self, user: str, path: str) -> None:
        """A folder in a user's folder."""
        (self.people[user].folder / path.strip("/")).mkdir(parents=True, exist_ok=True)

    def file(self, user: str, path: str) -> bytes:
        """What is in a user's file now."""
        return (self.people[user].folder / path.strip("/")).read_bytes()

    def tree(self, user: str, path: str) -> set[str]:
        """All paths below a user's folder, relative to it."""
        root = self.people[user].folder / path.strip("/")
        return {str(each.relative_to(root)) for each in root.rglob("*")}

    def shared(self, share: Sent) -> Path:
        """Where the shared file or folder is."""
        return share.person.folder / share.path.strip("/")

    def number(self) -> int:
        """1, 2, 3, ..."""
        self._numbers += 1
        return self._numbers

    # --- what a test drives -----------------------------------------------------------------------------------

    async def share(self, user: str, path: str, address: str, *, write: bool = False) -> str:
        """Offer a file or folder to `id@host`; the share's id. Raises `ShareError` when the family gives up."""
        raise NotOfferedError("share")

    async def unshare(self, share_id: str) -> None:
        """Take a share back, and tell the receiver if the family does."""
        raise NotOfferedError("unshare")

    def sent_share_state(self, share_id: str) -> str:
        """What the receiver has told: pending, accepted or declined; unshared if we took it back."""
        return self.shares[share_id].state

    def inbox(self, user: str) -> list[Received]:
        """What was offered to a user and is not declined or gone."""
        return [
            each for each in self.offers.values() if each.person.name == user and each.state in ("pending", "accepted")
        ]

    def offer(self, user: str, share_id: str) -> Received:
        """One of them. Raises `ShareGoneError`."""
        found = self.offers.get(share_id)
        if found is None or found.person.name != user or found.state in ("declined", "gone"):
            raise ShareGoneError("no such share")
        return found

    def mount(self, user: str, share_id: str) -> Mount:
        """An accepted share as this family's client opens it."""
        raise NotOfferedError("mount")

    async def accept(self, user: str, share_id: str) -> None:
        """The user takes the share."""
        self.offer(user, share_id).state = "accepted"

    async def decline(self, user: str, share_id: str) -> None:
        """The user does not want it, or not any more."""
        self.offer(user, share_id).state = "declined"

    def trust(self, host: str, ocm_url: str = "") -> None:
        """List another server where an operator must do so (ocmproviders.json); most families talk to anybody."""

    def create_invite(self, user: str) -> str:
        """An invite string, as the user would copy it."""
        raise NotOfferedError("create_invite")

    async def accept_invite(self, user: str, token: str, host: str) -> Contact:
        """Accept an invitation of somebody at `host`; `invites.read_invite` takes the string apart.

        Raises `InviteError`.
        """
        raise NotOfferedError("accept_invite")

    # --- serving ----------------------------------------------------------------------------------------------

    async def _serve(self, request: web.Request) -> web.Response:
        path, _, query = request.raw_path.partition("?")
        call = Call(request.method, path, query, CIMultiDict(request.headers), await request.read())
        try:
            answer = await self.answer(call)
        except Exception as error:
            self.faults.append(error)
            answer = Answer(500)
        url = f"{request.scheme}://{request.host}{request.raw_path}"
        self.received.append(
            Exchange(call.method, url, call.headers, call.body, answer.status, CIMultiDict(answer.headers), answer.body)
        )
        response = web.Response(status=answer.status, body=answer.body)
        response.headers.popall("Content-Type", None)
        response.headers.extend(answer.headers)
        return response

    async def answer(self, call: Call) -> Answer:
        """The exact route, else whatever the family does with the rest."""
        handler = self.routes.get((call.method, call.path))
        return await handler(call) if handler else await self.otherwise(call)

    async def otherwise(self, call: Call) -> Answer:
        """What has no route of its own."""
        return Answer(404)

    # --- asking -----------------------------------------------------------------------------------------------

    def url_of(self, address: str) -> str:
        """`host`, `http://host` or `https://host/` as a base URL without trailing slash."""
        if "://" in address:
            return address.rstrip("/")
        return f"{'http' if self.allow_http else 'https'}://{address.rstrip('/')}"

    async def request(
        self, method: str, url: str, headers: Headers = (), body: bytes | None = None, *, follow: bool = False
    ) -> Exchange:
        """Send exactly this and write it down. `follow`: redirects of a GET. Raises `UnreachableError`."""
        fields: CIMultiDict[str] = CIMultiDict(headers)
        try:
            async with self._session.request(
                method,
                URL(url, encoded=True),
                headers=fields,
                data=body,
                allow_redirects=False,
                skip_auto_headers=AUTOMATIC,
            ) as response:
                answer = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            self.sent.append(Exchange(method, url, fields, body or b""))
            raise UnreachableError(f"{url}: {error}") from error
        done = Exchange(method, url, fields, body or b"", response.status, CIMultiDict(response.headers), answer)
        self.sent.append(done)
        if follow and done.status in REDIRECTS and "Location" in done.answer_headers:
            return await self.request(method, urljoin(url, done.answer_headers["Location"]), headers)
        return done

    async def fetch_document(self, url: str, headers: Headers = ()) -> Mapping[str, Any] | None:
        """A JSON object behind an address (status 200, redirects followed), or None."""
        try:
            done = await self.request("GET", url, headers, follow=True)
        except UnreachableError:
            return None
        found = done.document() if done.status == 200 else None
        return found if isinstance(found, dict) else None
