"""The values that all peers deal in: requests and answers, people, shares, and how things fail."""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from multidict import CIMultiDict

Headers = Iterable[tuple[str, str]]


class PeerError(Exception):
    """Something failed in the eyes of the peer. `status` is what the other side answered, 0 if it did not."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class ShareError(PeerError):
    """The peer tells its user that the share could not be sent."""


class InviteError(PeerError):
    """The peer tells its user that the invitation could not be accepted."""


class AccessError(PeerError):
    """The peer could not do with a received share what its user asked for."""


class ShareGoneError(AccessError):
    """The peer has come to believe that the share was revoked and has removed it from its user's files."""


class NotOfferedError(PeerError):
    """This family has no such thing: nothing was sent."""


class UnreachableError(PeerError):
    """The other side did not answer."""


@dataclass(frozen=True)
class Exchange:
    """One request and its answer. `status` 0: there was no answer."""

    method: str
    url: str
    headers: CIMultiDict[str]
    body: bytes
    status: int = 0
    answer_headers: CIMultiDict[str] = field(default_factory=CIMultiDict)
    answer: bytes = b""

    @property
    def target(self) -> str:
        """Path and query, as they stood on the request line."""
        return self.url.split("://", 1)[1].partition("/")[1] + self.url.split("://", 1)[1].partition("/")[2]

    def document(self) -> Any:
        """The answer read as JSON, None if it is none."""
        try:
            return json.loads(self.answer)
        except ValueError:
            return None


@dataclass(frozen=True)
class Call:
    """A request as it came in. `path` is as sent: percent-encoded, dots and double slashes kept."""

    method: str
    path: str
    query: str
    headers: CIMultiDict[str]
    body: bytes

    def document(self) -> Any:
        """The body read as JSON, None if it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def form(self) -> dict[str, str]:
        """The body read as a form."""
        return {name: values[-1] for name, values in parse_qs(self.body.decode("utf-8", "replace")).items()}


@dataclass(frozen=True)
class Answer:
    """What a handler answers."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Entry:
    """What a PROPFIND told about one file or folder. `properties` are by Clark name, as text."""

    href: str
    folder: bool
    properties: Mapping[str, str]

    @property
    def name(self) -> str:
        """The last part of the path, decoded."""
        return unquote(self.href.rstrip("/").rpartition("/")[2])


@dataclass
class Person:
    """A user. `id` is how the family names people to other servers, `folder` where the files are."""

    name: str
    display_name: str
    email: str
    id: str
    folder: Path


@dataclass
class Sent:
    """A share that this peer offers. `state` is pending, accepted, declined or unshared."""

    id: str
    person: Person
    path: str
    share_with: str
    secret: str
    write: bool
    state: str = "pending"
    uri: str = ""
    share_type: str = "user"
    shared_by: str = ""  # whoever had it before and shared it on, if anybody did
    sender_id: str = ""  # and what their server calls this one


@dataclass
class Received:
    """A share that was offered to somebody here. `remote` is the sender's base URL or bare host."""

    id: str
    person: Person
    provider_id: str
    name: str
    owner: str
    remote: str
    secret: str
    state: str = "pending"
    uri: str = ""
    resource_type: str = "file"
    permissions: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    available: bool = True
    password: str = ""  # of a public link that was mounted like a share


Handler = Callable[[Call], Awaitable[Answer]]


class Mount:
    """An accepted share in the hands of its user. Paths are relative to the share; "" is the share itself.

    Every method makes the requests that the family's own client makes, in its order, and raises `AccessError`
    when the family's client would show an error, `ShareGoneError` when it would remove the share.
    """

    async def stat(self, path: str = "") -> Entry:
        """What is there."""
        raise NotOfferedError("stat")

    async def list(self, path: str = "") -> list[Entry]:
        """What is in a folder, without the folder itself."""
        raise NotOfferedError("list")

    async def read(self, path: str = "") -> bytes:
        """A file."""
        raise NotOfferedError("read")

    async def write(self, path: str, content: bytes) -> None:
        """A file, new or not."""
        raise NotOfferedError("write")

    async def make_folder(self, path: str) -> None:
        """A new folder."""
        raise NotOfferedError("make_folder")

    async def move(self, path: str, to: str) -> None:
        """Within the share."""
        raise NotOfferedError("move")

    async def delete(self, path: str) -> None:
        """A file or a folder with all that is in it."""
        raise NotOfferedError("delete")


def json_answer(value: object, status: int = 200, content_type: str = "application/json", end: str = "") -> Answer:
    """Compact JSON, as most peers write it."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False) + end
    return Answer(status, text.encode(), (("Content-Type", content_type),))


def php_json(value: object) -> str:
    """JSON as PHP's json_encode writes it: slashes and everything beyond ASCII escaped."""
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/")


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def random_word(length: int, letters: str = LETTERS) -> str:
    """A secret of so many letters."""
    return "".join(secrets.choice(letters) for _ in range(length))


def split_address(address: str) -> tuple[str, str]:
    """Identifier and server of an address: cut at the last `@`. Without one the server is empty."""
    person, at, server = address.rpartition("@")
    return (person, server) if at else (address, "")


def bare_host(server: str) -> str:
    """`https://host:port/path/` as `host:port`."""
    return server.split("://")[-1].partition("/")[0]
