"""Who asks: a person by their password, their program by an app password, a peer by the secret of a share. A peer's
*message* is known by its signature (`web/ocm.py`).

Who has a second factor gets in nowhere by the password alone: in a browser it is asked for next
(`web/pages/second.py`), and programs need an app password.

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
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from starlette.requests import Request

from opencloudmesh.protocol.errors import Unauthenticated
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.server import accounts, app_passwords, factors, limits, links
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.database import Tx

WRONG = "The user name or the password is wrong."
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


class Proved(NamedTuple):
    """Whose password it was, whether a second factor has to follow, and what was stored of the password then."""

    account: Account
    second_factor: bool
    stored: str


class Known(NamedTuple):
    """What is stored about who says to be somebody, with what they show."""

    stored: str  # what `accounts.password_matches` compares with
    account: Account | None
    app_password: Any  # the row, where they show one
    second_factor: bool  # whether the password alone is not enough


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


def visitor_of(request: Request, proxies: Sequence[limits.Network]) -> str:
    """Whom a visitor of a link counts as; what strangers do there locks nobody out elsewhere."""
    return f"link {caller_of(request, proxies)}"


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
        """The person whose program asks, by their password or an app password.

        Raises `Unauthenticated`, `TooManyRequests`.
        """
        given = basic(request)
        if given is None:
            raise Unauthenticated("Sign in with your user name and password.")
        known = await self._look(given.user, given.password)
        row, account = known.app_password, known.account
        if row is None or account is None:
            account = await self._check(given.user, given.password, known, request)
            if known.second_factor:
                raise Unauthenticated(
                    "Your account has a second factor, so your password alone is not enough here. "
                    "Make an app password for this program on the page Security, and use that."
                )
            return account
        if app_passwords.is_due(row, int(self._clock())):
            await self._database.write(lambda tx: app_passwords.touch(tx, row))
        # One from before the second factor was there would take it away again, as an operator's.
        operator = account.operator and (row.strong or not known.second_factor)
        return replace(account, strong=row.strong, operator=operator)

    async def check(self, user: str, password: str, request: Request) -> Proved:
        """The person whose password it is. Raises `Unauthenticated`, `TooManyRequests`."""
        known = await self._look(user, password)
        return Proved(await self._check(user, password, known, request), known.second_factor, known.stored)

    async def _look(self, user: str, password: str) -> Known:
        name = "" if "\0" in user else user  # PostgreSQL takes no NUL, and nobody has such a name

        def look(tx: Tx) -> Known:
            stored, account = accounts.stored_password(tx, name), accounts.find(tx, name)
            return Known(stored, account, app_passwords.find(tx, name, password), factors.of(tx, name).any)

        return await self._database.read(look)

    async def _check(self, user: str, password: str, known: Known, request: Request) -> Account:
        await self._matches(user, password, known.stored, self._guess(caller_of(request, self._proxies), user), WRONG)
        if known.account is None:  # it has just gone
            raise Unauthenticated(WRONG)
        return known.account

    async def link(self, request: Request, link: links.Row, password: str) -> None:
        """Whether a visitor may open a link: nothing is asked of them, or it is the right password.

        What strangers do here locks nobody out elsewhere. Raises `Unauthenticated`, `TooManyRequests`.
        """
        if link.password is None:
            return
        if not password:
            raise Unauthenticated("This link has a password.")
        guess = self._guess(visitor_of(request, self._proxies), link.id)
        await self._matches(link.id, password, link.password, guess, Sentence("The password is wrong."))

    async def _matches(
        self, name: str, password: str, stored: str, attempt: AbstractContextManager[None], wrong: str
    ) -> None:
        """Raises `Unauthenticated` with the sentence, where it is not the password of that name; `attempt` counts."""
        digest = self._digest(name, password, stored)
        if self._known.get(digest, 0.0) <= self._clock():  # as long as it is used, nobody's guesses lock it out
            with attempt:
                right = await asyncio.get_running_loop().run_in_executor(
                    _hashing, accounts.password_matches, stored, password
                )
                if not right:
                    raise Unauthenticated(wrong)
        self._remember(digest)

    @contextmanager
    def _guess(self, who: str, name: str) -> Iterator[None]:
        """Around a look at a password, which takes long: those that are under way are not counted as failed yet."""
        at_once = self._limits.at_once(f"guess {who} {name}", limits.FAILURES_FOR_NAME, limits.WAIT_A_MINUTE)
        with at_once, self._limits.attempt(who, name):
            yield

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
