"""Who asks: a person by their password, a peer by the secret of a share. A peer's *message* is known by its signature
(`web/ocm.py`).

A password costs tens of milliseconds to check, and WebDAV clients send it with every request: one that was right is
remembered for a while, as a keyed digest, together with the stored hash. So a changed password counts at once.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from base64 import b64decode
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.requests import Request

from opencloudmesh.protocol.errors import TooManyRequests, Unauthenticated
from opencloudmesh.server import accounts
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context

REMEMBERED = 10_000  # logins
SECONDS = 600.0  # for which a login is remembered

WINDOW = 60.0  # seconds in which so many failures are too many: of one address for one name, and of one address
FAILURES_FOR_NAME = 20
FAILURES = 400  # a university may be behind one address
MAX_KEYS = 100_000

# argon2 takes 64 MiB for each: two at a time, and not on the threads that others wait for.
_hashing = ThreadPoolExecutor(2, thread_name_prefix="password")


@dataclass(frozen=True, slots=True)
class Basic:
    """What a `Basic` header says."""

    user: str
    password: str = field(repr=False)


def basic(request: Request) -> Basic | None:
    """The user and password of the request; None where there are none."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = b64decode(value.strip(), validate=True).decode().partition(":")
    except ValueError:
        return None
    return Basic(user, password) if colon and "\0" not in user + password else None


def share_secret(request: Request) -> str | None:
    """The credential that a peer presents for a share, in either of the ways that peers present it.

    Nextcloud and ownCloud send it as the user of `Basic`, Seafile so with colons as the password, CERNBox (Reva),
    OpenCloud and oCIS as `Bearer`.
    """
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip() or None
    given = basic(request)
    return given.user if given else None


class Throttle:
    """Counts failures in this process; it needs no cache server and cannot be off (CVE-2021-41177)."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    def check(self, key: str, limit: int) -> None:
        """Raises `TooManyRequests` where as many have failed within the last minute."""
        since = self._clock() - WINDOW
        recent = [moment for moment in self._failures.get(key, ()) if moment > since]
        if len(recent) >= limit:
            raise TooManyRequests("Too many attempts failed. Wait a minute.", retry_after=int(recent[0] - since) + 1)

    def failed(self, key: str, limit: int) -> None:
        """One more."""
        self._failures[key] = [*self._failures.pop(key, ())[1 - limit :], self._clock()]
        if len(self._failures) > MAX_KEYS:
            self._failures.popitem(last=False)


class Doors:
    """Where people and peers prove who they are."""

    def __init__(self, context: Context) -> None:
        self._database = context.database
        self._clock = context.clock
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, float] = OrderedDict()  # digest of a login that was right, and until when
        self._throttle = Throttle(context.clock)

    async def person(self, request: Request) -> Account:
        """The person who asks. Raises `Unauthenticated`, `TooManyRequests`."""
        given = basic(request)
        if given is None:
            raise Unauthenticated("Sign in with your user name and password.")
        return await self.check(given.user, given.password, request)

    async def check(self, user: str, password: str, request: Request) -> Account:
        """The person whose password it is. Raises `Unauthenticated`, `TooManyRequests`."""
        known = "" if "\0" in user else user  # PostgreSQL takes no NUL, and nobody has such a name
        stored, account = await self._database.read(
            lambda tx: (accounts.stored_password(tx, known), accounts.find(tx, known))
        )
        digest = hashlib.blake2b("\0".join((user, password, stored)).encode(), key=self._key).digest()
        if account is not None and self._known.get(digest, 0.0) > self._clock():
            return account
        with self.attempt(request, user):
            right = await asyncio.get_running_loop().run_in_executor(
                _hashing, accounts.password_matches, stored, password
            )
            if account is None or not right:
                raise Unauthenticated("The user name or the password is wrong.")
        self._remember(digest)
        return account

    @contextmanager
    def attempt(self, request: Request, name: str) -> Iterator[None]:
        """Around a proof that may fail: `name` is who it is for, or the beginning of a secret.

        The connection's address counts failures only; it is never an identity, and never taken from a header.
        """
        address = request.client.host if request.client else ""
        limits = {f"{address} {name}": FAILURES_FOR_NAME, address: FAILURES}
        for key, limit in limits.items():
            self._throttle.check(key, limit)
        try:
            yield
        except Unauthenticated:
            for key, limit in limits.items():
                self._throttle.failed(key, limit)
            raise

    def _remember(self, digest: bytes) -> None:
        self._known[digest] = self._clock() + SECONDS
        self._known.move_to_end(digest)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
