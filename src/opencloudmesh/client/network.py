"""The one way out: every request to another server, bounded in time and size and behind the egress guard.

    async with Network(policy, user_agent="OpenCloudMesh/1.0") as network:
        response = await network.request("GET", "https://cloud.example/.well-known/ocm", redirects=2)
        async with network.stream("GET", url, headers=...) as answer:
            async for chunk in answer.chunks(): ...

TLS is always verified. There are no cookies, no proxies and no credentials but those in the headers given. What goes
wrong on the way is `Unreachable`, what the guard refuses `EgressDenied`; see `client.answer` and `client.guard`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from typing import NamedTuple, Self
from urllib.parse import urldefrag, urljoin
from weakref import WeakValueDictionary

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from opencloudmesh.client.answer import Answer, peer_errors
from opencloudmesh.client.guard import (
    CheckedResolver,
    EgressPolicy,
    Exemption,
    Resolver,
    begin_request,
    checked_socket,
)
from opencloudmesh.protocol.address import normalise_host
from opencloudmesh.protocol.errors import BadAnswer, EgressDenied, Invalid, PeerError, Unavailable
from opencloudmesh.protocol.wire import Headers, Response

mesh = logging.getLogger("opencloudmesh.mesh")

MIB = 1024 * 1024
MAX_IN_FLIGHT = 512  # requests to all peers together: an open file each
DNS_THREADS = 16  # of our own: a name server that hangs must not stop the file I/O of the default executor

# Requests that may be repeated travel on kept connections. What changes something gets a fresh one, so that a
# connection which the peer has just given up can neither make a change fail nor make it happen twice.
REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PROPFIND"})
FOLLOWED = frozenset({"GET", "HEAD"})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
NO_HEADERS = Headers()


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: for the connection, between two pieces of the answer, and for the whole."""

    connect: float = 5
    idle: float = 15
    total: float = 30


TIMEOUTS = Timeouts()

Exemptions = Callable[[str], Awaitable[Exemption]]  # `host[:port]` as in OCM Addresses -> what is allowed for it


class Way(NamedTuple):
    """An address that may be asked, by which policy it was checked, and what its certificate must be from."""

    url: URL
    policy: EgressPolicy
    tls: ssl.SSLContext


class Network:
    """Connections to peers. Built anywhere, used inside one event loop, closed by `close` or `async with`.

    `ca_file` adds authorities to those of the system; `exemptions` says what is allowed for one host. `per_peer`
    bounds the requests under way to one host, once for questions and once for streams: slow downloads do not keep
    anybody from looking into a folder.
    """

    def __init__(
        self,
        policy: EgressPolicy,
        *,
        user_agent: str,
        resolver: Resolver | None = None,
        ca_file: str | None = None,
        exemptions: Exemptions | None = None,
        per_peer: int = 8,
    ) -> None:
        self._policy = policy
        self._user_agent = user_agent
        self._threads = ThreadPoolExecutor(DNS_THREADS, thread_name_prefix="dns")
        self._resolver = CheckedResolver(resolver or self._resolve)
        self._exemptions = exemptions
        self._pinned: dict[str, ssl.SSLContext] = {}  # by the authorities
        self._tls = _authorities(ca_file)
        self._per_peer = per_peer
        self._slots: WeakValueDictionary[tuple[str, bool], asyncio.Semaphore] = WeakValueDictionary()
        self._in_flight = asyncio.Semaphore(MAX_IN_FLIGHT)
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes every connection."""
        while self._sessions:
            await self._sessions.popitem()[1].close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Headers | Mapping[str, str] = NO_HEADERS,
        body: bytes = b"",
        limit: int = MIB,
        timeout: Timeouts = TIMEOUTS,  # noqa: ASYNC109 - three limits, not one
        redirects: int = 0,
    ) -> Response:
        """A request and its whole answer. `url` and `headers` go out as given: signatures are made over them.

        Up to `redirects` redirects of a GET or HEAD are followed, each through the guard; any other 3xx is returned.
        Raises `EgressDenied`, `Unreachable`, `BadAnswer` (a body over `limit` bytes, a redirect too many),
        `Unavailable` (too many requests of ours are under way).
        """
        given = Headers(headers) if isinstance(headers, Mapping) else headers
        limits = aiohttp.ClientTimeout(total=None, sock_connect=timeout.connect, sock_read=timeout.idle)
        deadline = asyncio.get_running_loop().time() + timeout.total
        way = await self._way(url)
        for _ in range(redirects + 1):
            async with self._slot(way.url, streams=False, deadline=deadline):
                with peer_errors(_peer(way.url)):
                    async with asyncio.timeout_at(deadline):
                        response = await self._exchange(method, way, given, body, limit, limits)
            location = response.headers.get("location")
            if not redirects or method not in FOLLOWED or response.status not in REDIRECTS or not location:
                return response
            way, given = await self._redirected(way.url, location, given)
        raise BadAnswer("{peer} redirects too often.", peer=_peer(way.url))

    @contextlib.asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Headers | Mapping[str, str] = NO_HEADERS,
        body: bytes | AsyncIterator[bytes] | None = None,
        connect: float = 5,
        idle: float = 60,
    ) -> AsyncIterator[Answer]:
        """A request whose bodies are streamed, either way: no limit to the whole, only to standing still.

        `idle` seconds in which the peer neither takes nor sends anything end it; while `body` has nothing to send,
        nobody counts. Raises as `request`; what `body` raises comes through.
        """
        given = Headers(headers) if isinstance(headers, Mapping) else headers
        way = await self._way(url)
        deadline = asyncio.get_running_loop().time() + idle
        async with self._slot(way.url, streams=True, deadline=deadline), contextlib.AsyncExitStack() as opened:
            limits = aiohttp.ClientTimeout(total=None, sock_connect=connect, sock_read=idle)
            upload = _Upload(body, idle)
            try:
                with peer_errors(_peer(way.url)):
                    async with asyncio.timeout(idle) as upload.patience:
                        response = await self._send(method, way, given, upload.data, limits)
                        opened.callback(response.close)
            except PeerError:
                if upload.error is not None:
                    raise upload.error from None
                raise
            finally:
                upload.patience = None
            answer = Answer(response, _peer(way.url))
            _note(method, way.url, answer.status)
            yield answer

    async def _way(self, url: str) -> Way:
        """The address, checked, with what is allowed for its host. Raises `EgressDenied`."""
        policy, tls = self._policy, self._tls
        if self._exemptions is not None:
            with contextlib.suppress(Invalid, ValueError):  # `check_url` says what is wrong with it
                exemption, parsed = await self._exemptions(normalise_host(url)), URL(url, encoded=True)
                if exemption.private and parsed.raw_host and parsed.port:
                    policy = policy.with_private(parsed.raw_host.lower(), parsed.port)
                if exemption.ca is not None:
                    tls = self._trusting(exemption.ca)
        return Way(policy.check_url(url), policy, tls)

    async def _exchange(
        self, method: str, way: Way, headers: Headers, body: bytes, limit: int, limits: aiohttp.ClientTimeout
    ) -> Response:
        async with await self._send(method, way, headers, body or None, limits) as response:
            answer = Answer(response, _peer(way.url))
            _note(method, way.url, answer.status)
            try:
                return Response(answer.status, answer.headers, await answer.read(limit))
            except PeerError:
                response.close()  # the rest of the body may be endless
                raise

    async def _send(
        self,
        method: str,
        way: Way,
        headers: Headers,
        data: bytes | AsyncIterator[bytes] | None,
        limits: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        begin_request(way.url, way.policy)
        fields = CIMultiDict({"User-Agent": self._user_agent, "Accept": "*/*", "Accept-Encoding": "identity"})
        fields.update(CIMultiDict(headers))
        ask = partial(
            self._session(kept=method in REPEATABLE).request,
            method, way.url, headers=fields, data=data, timeout=limits, allow_redirects=False, ssl=way.tls,
        )  # fmt: skip
        try:
            return await (_twice(ask) if method == "PROPFIND" else ask())
        except (aiohttp.ClientError, OSError, asyncio.CancelledError) as error:
            _note(method, way.url, f"no answer ({type(error).__name__})")
            raise

    def _trusting(self, ca: str) -> ssl.SSLContext:
        if ca not in self._pinned:
            self._pinned[ca] = ssl.create_default_context(cadata=ca)
        return self._pinned[ca]

    def _session(self, *, kept: bool) -> aiohttp.ClientSession:
        if kept not in self._sessions:
            connector = aiohttp.TCPConnector(
                resolver=self._resolver,
                use_dns_cache=False,  # what is in a cache was checked for another request
                socket_factory=checked_socket,
                force_close=not kept,
                limit=0,  # ours are the limits: `_slot`
            )
            self._sessions[kept] = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("Content-Type",),
                auto_decompress=False,  # `Answer` does it, within the limit
                trust_env=False,
            )
        return self._sessions[kept]

    @contextlib.asynccontextmanager
    async def _slot(self, url: URL, *, streams: bool, deadline: float) -> AsyncIterator[None]:
        slot = self._slots.setdefault((_peer(url), streams), asyncio.Semaphore(self._per_peer))
        async with contextlib.AsyncExitStack() as held:
            try:
                async with asyncio.timeout_at(deadline):
                    await held.enter_async_context(slot)
                    await held.enter_async_context(self._in_flight)
            except TimeoutError:
                raise Unavailable("Too many transfers with {peer} at once.", peer=_peer(url), retry_after=5) from None
            yield

    async def _redirected(self, url: URL, location: str, headers: Headers) -> tuple[Way, Headers]:
        way = await self._way(urldefrag(urljoin(str(url), location)).url)
        if url.scheme == "https" and way.url.scheme != "https":
            raise EgressDenied("{peer} redirects to an address without TLS.", peer=_peer(url))
        if way.url.origin() != url.origin():  # nothing that says who we are goes to another server
            headers = Headers([(name, value) for name, value in headers if name == "accept"])
        return way, headers

    async def _resolve(self, host: str, port: int) -> list[str]:
        def ask() -> list[str]:
            return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]

        return await asyncio.get_running_loop().run_in_executor(self._threads, ask)


@cache  # there are hundreds in a system: to read them takes tens of milliseconds
def _authorities(ca_file: str | None) -> ssl.SSLContext:
    """Whose certificates are believed: the system's authorities, and those in a file."""
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


def check_authorities(ca: str) -> None:
    """Whether a text holds certificates (PEM) that connections can be checked against. Raises `Invalid`."""
    try:
        ssl.create_default_context(cadata=ca)
    except (ssl.SSLError, ValueError):
        raise Invalid("This holds no certificate (PEM).") from None


class _Upload:
    """A request body under way: the peer has `idle` seconds to take each piece, and as many to answer at the end."""

    def __init__(self, body: bytes | AsyncIterator[bytes] | None, idle: float) -> None:
        self.data = self._watched(body) if isinstance(body, AsyncIterator) else body or None
        self.error: Exception | None = None
        self.patience: asyncio.Timeout | None = None  # until the answer has come
        self._idle = idle

    async def _watched(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        try:
            self._allow(None)
            async for chunk in body:
                self._allow(self._idle)
                yield chunk
                self._allow(None)
        except Exception as error:
            self.error = error
            raise
        self._allow(self._idle)

    def _allow(self, seconds: float | None) -> None:
        if self.patience is not None:
            until = None if seconds is None else asyncio.get_running_loop().time() + seconds
            self.patience.reschedule(until)


async def _twice(ask: Callable[[], Awaitable[aiohttp.ClientResponse]]) -> aiohttp.ClientResponse:
    """A peer may give up a kept connection just then; for GET and HEAD aiohttp asks again by itself."""
    try:
        return await ask()
    except aiohttp.ServerDisconnectedError:
        return await ask()


def _note(method: str, url: URL, came: int | str) -> None:
    """A line for the operator: what was asked of whom, without query or credentials, and what came of it."""
    mesh.info("out %s %s://%s%s: %s", method, url.scheme, _peer(url), url.raw_path, came)


def _peer(url: URL) -> str:
    return url.raw_authority.lower()
