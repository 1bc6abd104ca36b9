"""How often something may be tried: counted in this process, so it needs no cache server and cannot be off
(CVE-2021-41177).

    with limits.attempt("cloud.example", secret[:8]):
        ...                         # whatever proves who they are, or fails to

Whoever is known is counted as who they are, everybody else as the address they ask from: one client does not lock out
all others (nextcloud/server#478).
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from opencloudmesh.protocol.errors import OcmError, TooManyRequests, Unauthenticated

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

WINDOW = 60.0  # seconds in which so many failures are too many: of one for one thing, and of one in all
FAILURES_FOR_NAME = 20
FAILURES = 400  # a university may be behind one address
# Who guesses on at one thing waits longer: there it is a guess in half a minute, and then one in a quarter of an hour.
HOUR, FAILURES_IN_HOUR = 3_600.0, 120
DAY, FAILURES_IN_DAY = 86_400.0, 240
MAX_KEYS = 100_000
WAIT_A_MINUTE = "Too many attempts failed. Wait a minute."
WAIT = "Too many attempts failed. Wait a while."


class Limits:
    """What happened within the last minute, or the time that is asked for, by keys of any length."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._moments: OrderedDict[bytes, list[float]] = OrderedDict()
        self._under_way: Counter[bytes] = Counter()

    def check(self, key: str, limit: int, message: str = WAIT_A_MINUTE, window: float = WINDOW) -> None:
        """Raises `TooManyRequests` where it happened so often within the last minute, or `window` seconds."""
        since = self._clock() - window
        recent = [moment for moment in self._moments.get(_digest(key), ()) if moment > since]
        if len(recent) >= limit:
            raise TooManyRequests(message, retry_after=int(recent[0] - since) + 1)

    def count(self, key: str, limit: int) -> None:
        """It happened once more."""
        digest = _digest(key)
        self._moments[digest] = [*self._moments.pop(digest, ())[1 - limit :], self._clock()]
        if len(self._moments) > MAX_KEYS:
            self._moments.popitem(last=False)

    @contextmanager
    def at_once(self, key: str, limit: int, message: str) -> Iterator[None]:
        """Around something of which no more than so many are under way. Raises `TooManyRequests`."""
        digest = _digest(key)
        if self._under_way[digest] >= limit:
            raise TooManyRequests(message, retry_after=5)
        self._under_way[digest] += 1
        try:
            yield
        finally:
            self._under_way[digest] -= 1
            if not self._under_way[digest]:
                del self._under_way[digest]

    @contextmanager
    def attempt(
        self, who: str, what: str = "", failures: tuple[type[OcmError], ...] = (Unauthenticated,)
    ) -> Iterator[None]:
        """Around a proof that may fail. `who` tries, `what` for: a name, or the beginning of a secret.

        Raises `TooManyRequests` before anything is looked at.
        """
        bounds = [(who, FAILURES, WINDOW)]
        if what:
            bounds += [
                (f"{who} {what}", FAILURES_FOR_NAME, WINDOW),
                (f"{who} {what} hour", FAILURES_IN_HOUR, HOUR),
                (f"{who} {what} day", FAILURES_IN_DAY, DAY),
            ]
        for key, limit, window in bounds:
            self.check(key, limit, WAIT if window > WINDOW else WAIT_A_MINUTE, window)
        try:
            yield
        except failures:
            for key, limit, _ in bounds:
                self.count(key, limit)
            raise


def caller(address: str, forwarded: Sequence[str], proxies: Sequence[Network]) -> str:
    """Whom to count a request as, of which nothing is known but where it comes from.

    `forwarded` are the values of `X-Forwarded-For`. Each hop is believed only as far as a proxy of the operator's has
    written it. Of an IPv6 address the network counts, for whoever has one has 2**64 of them. It is never an identity.
    """
    hops = [hop.strip() for value in forwarded for hop in value.split(",")]
    while hops and _parsed(address) is not None and any(_parsed(address) in proxy for proxy in proxies):
        address = hops.pop()
    parsed = _parsed(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((parsed, 64), strict=False))
    return str(parsed or address)


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def _digest(key: str) -> bytes:
    """A key may be as long as a header: nobody fills the memory with them."""
    return hashlib.blake2b(key.encode(errors="surrogatepass"), digest_size=16).digest()
