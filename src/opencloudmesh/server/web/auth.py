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
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.requests import Request

from opencloudmesh.protocol.errors import Unauthenticated
from opencloudmesh.server import accounts, limits
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context

REMEMBERED = 10_000  # logins and secrets
SECONDS = 600.0  # for which one is remembered after it was used
PREFIX = 8  # characters of a secret that stand for it where guesses are counted

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


def caller_of(request: Request, proxies: Sequence[limits.Network]) -> str:
    """Whom a request counts as, as long as nobody has proven who they are."""
    address = request.client.host if request.client else ""
    return limits.caller(address, request.headers.getlist("x-forwarded-for"), proxies)


async def hash_password(password: str) -> str:
    """What is stored of a password. Raises `Invalid`."""
    return await asyncio.get_running_loop().run_in_executor(_hashing, accounts.hash_password, password)


class Doors:
    """Where people and peers prove who they are."""

    def __init__(self, context: Context) -> None:
        self._database = context.database
        self._clock = context.clock
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, float] = OrderedDict()  # digest of a login that was right, and until when
        self._limits = context.limits
        self._proxies = context.config.trusted_proxies

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
        digest = self._digest(user, password, stored)
        if account is not None and self._known.get(digest, 0.0) > self._clock():
            self._remember(digest)  # as long as it is used, nobody's guesses lock it out
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
        """Around a proof that may fail: `name` is who it is for. Raises `TooManyRequests`."""
        with self._limits.attempt(caller_of(request, self._proxies), name):
            yield

    @contextmanager
    def secret(self, request: Request, secret: str) -> Iterator[None]:
        """Around the look for what a secret opens. Raises `TooManyRequests`.

        Guesses count by the beginning of the secret, and by who makes them. What opened something a while ago is
        never kept out by the guesses of others behind the same address.
        """
        digest = self._digest(secret)
        if self._known.get(digest, 0.0) > self._clock():
            yield
        else:
            with self.attempt(request, secret[:PREFIX]):
                yield
        self._remember(digest)

    def _digest(self, *parts: str) -> bytes:
        return hashlib.blake2b("\0".join(parts).encode(errors="surrogatepass"), key=self._key).digest()

    def _remember(self, digest: bytes) -> None:
        self._known[digest] = self._clock() + SECONDS
        self._known.move_to_end(digest)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
