"""Who another server is: its discovery document and keys, from the database or else from the server itself.

    lookup = Lookup(database, network, allow_http=False, clock=time.time, limits=limits)
    peer = await lookup.discover("cloud.example")
    keys = await lookup.keys(claim)

Each host is asked once at a time. A server that failed is not asked again while its circuit is open; one that we
never met is remembered as failing only in memory, so that nobody can fill the database with invented hosts.

Whoever sends us a message names the server that we ask for its keys, before we know anything of either. So what is
asked because of an address (`asker`) is bounded, and never takes all ways out: `_Strangers`.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from opencloudmesh.client import peer as client
from opencloudmesh.client.network import Network
from opencloudmesh.protocol.discovery import Discovery
from opencloudmesh.protocol.errors import BadAnswer, Invalid, PeerAway, PeerError, SignatureError, Unreachable
from opencloudmesh.protocol.keys import PublicKey, from_pem, parse_jwks
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.protocol.signatures import Claim
from opencloudmesh.server import peers
from opencloudmesh.server.database import Database
from opencloudmesh.server.limits import Limits

T = TypeVar("T")

NEGATIVE_LIFETIME = 30  # seconds that a stranger, or one whose answer was no good, is not asked again
MAX_FAILURES = 10_000
STRANGERS_AT_ONCE = 12  # questions to servers that have never signed; fewer than threads that look up names
OF_ONE_ADDRESS = 4  # of those
PER_MINUTE = 20  # questions to such servers that one address may bring about
WAITING = 64  # messages that wait for one answer; each is an open connection
RETRY = 30  # seconds, after which the sender may try again
REFETCH_INTERVAL = 60  # seconds between two looks at the keys of one peer because of an unknown one


class _Strangers:
    """The questions under way to servers that have never signed a message, and who made us ask."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._askers: dict[str, str] = {}  # by question

    def admit(self, question: str, asker: str) -> None:
        """Raises `TooManyRequests`, `PeerAway`."""
        askers = list(self._askers.values())
        if len(askers) >= STRANGERS_AT_ONCE or askers.count(asker) >= OF_ONE_ADDRESS:
            raise PeerAway("Too many servers that are not known here have to be asked.", retry_after=RETRY)
        key = f"strangers of {asker}"
        self._limits.check(key, PER_MINUTE)
        self._limits.count(key, PER_MINUTE)
        self._askers[question] = asker

    def done(self, question: str) -> None:
        """It was answered, or not."""
        self._askers.pop(question, None)


class Lookup:
    """Discovery with a memory."""

    def __init__(
        self, database: Database, network: Network, *, allow_http: bool, clock: Callable[[], float], limits: Limits
    ) -> None:
        self._database = database
        self._network = network
        self._allow_http = allow_http
        self._clock = clock
        self._asking: dict[str, asyncio.Task[Any]] = {}
        self._waiting: Counter[str] = Counter()
        self._strangers = _Strangers(limits)
        self._failures: OrderedDict[str, tuple[float, type[PeerError], str]] = OrderedDict()

    async def discover(self, host: str, *, fresh: bool = False, asker: str | None = None) -> Discovery:
        """The peer's document; `fresh` asks again even if there is a good one.

        `asker` is the address from which we are made to ask, where nobody has proven who they are there. Raises
        `Unreachable`, `EgressDenied` or `BadAnswer`, and because of the asker `TooManyRequests` or `PeerAway`.
        """
        row = await self._database.read(lambda tx: peers.get(tx, host))
        now = self._clock()
        if row is not None and row.document is not None and row.document_until > now and not fresh:
            return Discovery.read(row.document, row.base_url)
        if row is not None and row.retry_at > now:
            raise Unreachable(row.error or Sentence("{host} did not answer.", host=host))
        return await self._once("document " + host, lambda: self._ask(host), _unless_known(row, asker))

    async def keys(self, claim: Claim, *, fresh: bool = False, asker: str | None = None) -> tuple[PublicKey, ...]:
        """The keys of the host that claims to have signed; `fresh` looks again, though not too often.

        Raises `SignatureError` where it shows none that could be used, and what `discover` raises.
        """
        now = self._clock()
        if fresh:
            row = await self._database.read(lambda tx: peers.get(tx, claim.host))
            if row is not None and now - _last_look(row, claim) < REFETCH_INTERVAL:
                raise SignatureError("The signature is by a key that its server does not show.")
        peer = await self.discover(claim.host, fresh=fresh, asker=asker)
        if claim.family == "cavage":
            if peer.public_key is None:
                raise SignatureError("The server that signed shows no public key.")
            return _usable(lambda key: (from_pem(key.key_id, key.pem),), peer.public_key)
        row = await self._database.read(lambda tx: peers.get(tx, claim.host))  # its document may have changed just now
        if row is not None and row.keys is not None and row.keys_until > now and not fresh:
            return _usable(parse_jwks, row.keys)
        ask = partial(self._ask_keys, claim.host, peer)
        document = await self._once("keys " + claim.host, ask, _unless_known(row, asker))
        return _usable(parse_jwks, document)

    async def _ask(self, host: str) -> Discovery:
        try:
            peer = await client.discover(self._network, host, allow_http=self._allow_http)
        except PeerError as error:
            # That a peer which we know did not answer is remembered by its circuit breaker.
            if not isinstance(error, Unreachable) or not await self._failed(host, error.message):
                self._remember("document " + host, error)
            raise
        document = dict(peer.document)
        await self._database.write(lambda tx: peers.remember_document(tx, host, peer.base_url, document))
        return peer

    async def _ask_keys(self, host: str, peer: Discovery) -> dict[str, Any]:
        try:
            document = await client.fetch_keys(self._network, peer)
        except PeerError as error:
            self._remember("keys " + host, error)
            raise
        await self._database.write(lambda tx: peers.remember_keys(tx, host, document))
        return document

    async def _failed(self, host: str, reason: str) -> bool:
        return await self._database.write(lambda tx: peers.failed(tx, host, reason))

    def _remember(self, name: str, error: PeerError) -> None:
        # Not the error itself: its traceback keeps alive what its callers held, such as a stranger's message.
        self._failures[name] = (self._clock() + NEGATIVE_LIFETIME, type(error), error.message)
        self._failures.move_to_end(name)
        while len(self._failures) > MAX_FAILURES:
            self._failures.popitem(last=False)

    async def _once(self, name: str, ask: Callable[[], Coroutine[Any, Any, T]], asker: str | None) -> T:
        """Runs `ask`, or waits for the one that is running; what failed a moment ago fails again, unasked.

        A caller who goes away does not end it for others.
        """
        until, kind, message = self._failures.get(name, (0.0, PeerError, ""))
        if until > self._clock():
            raise kind(message)
        task: asyncio.Task[T] | None = self._asking.get(name)
        if task is None:
            if asker is not None:
                self._strangers.admit(name, asker)
            task = asyncio.create_task(ask())
            self._asking[name] = task
            task.add_done_callback(partial(self._done, name))
        elif asker is not None and self._waiting[name] >= WAITING:
            raise PeerAway("Too many messages wait to hear who sent them.", retry_after=RETRY)
        self._waiting[name] += 1
        try:
            return await asyncio.shield(task)
        finally:
            self._waiting[name] -= 1
            if not self._waiting[name]:
                del self._waiting[name]

    def _done(self, name: str, task: asyncio.Task[Any]) -> None:
        _ = task.cancelled() or task.exception()  # nobody may be left to see it
        self._asking.pop(name, None)
        self._strangers.done(name)


def _unless_known(row: Any, asker: str | None) -> str | None:
    return None if row is not None and row.signs else asker


def _last_look(row: Any, claim: Claim) -> int:
    """When the keys of that family were asked for last: RSA keys are part of the document."""
    return int(row.keys_fetched if claim.family == "rfc9421" else row.document_until - peers.DOCUMENT_LIFETIME)


def _usable(read: Callable[[Any], tuple[PublicKey, ...]], document: Any) -> tuple[PublicKey, ...]:
    try:
        return read(document)
    except (Invalid, BadAnswer, SignatureError) as error:
        raise SignatureError("The keys of the server that signed are not understood.", detail=error.message) from None
