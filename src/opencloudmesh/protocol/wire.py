"""Requests and responses as values, and the one way JSON is read.

`Request` is what signatures are made over and checked against. It knows nothing of sockets: the server builds
one from what arrived, the client builds one before it sends, and tests build them from recordings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec

from opencloudmesh.protocol.errors import Invalid

MAX_JSON_DEPTH = 16


class Headers:
    """HTTP header fields: names without case, repeated fields joined by ", " (RFC 9110, 5.3)."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        pairs = items.items() if isinstance(items, Mapping) else items
        self._items: tuple[tuple[str, str], ...] = tuple((name.lower(), value.strip()) for name, value in pairs)

    def get(self, name: str) -> str | None:
        """The field's value, or None where it is absent."""
        values = self.all(name)
        return ", ".join(values) if values else None

    def all(self, name: str) -> list[str]:
        """Every value of a repeated field, in order."""
        wanted = name.lower()
        return [value for key, value in self._items if key == wanted]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and any(key == name.lower() for key, _ in self._items)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._items)

    def __or__(self, more: Mapping[str, str]) -> Headers:
        """A copy in which the fields of `more` replace those of the same name."""
        replaced = {name.lower() for name in more}
        kept = [(name, value) for name, value in self._items if name not in replaced]
        return Headers([*kept, *more.items()])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._items == other._items

    def __hash__(self) -> int:
        return hash(self._items)

    def __repr__(self) -> str:
        return f"Headers({[name for name, _ in self._items]})"  # values may be secrets


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request. `url` is the absolute target URI as the sender wrote it; `body` the bytes as sent."""

    method: str
    url: str
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""

    @property
    def authority(self) -> str:
        """`host[:port]` of the URL, lower case."""
        return urlsplit(self.url).netloc.rpartition("@")[2].lower()


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response that has been read to its end."""

    status: int
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""


def decode_json(body: bytes) -> Any:
    """Any JSON value of bounded depth.

    Raises `Invalid` for broken JSON, bytes that are not UTF-8, lone surrogates, and nesting over 16 levels.
    """
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid("The body is not valid JSON.", detail=str(error)) from None
    if _depth_exceeds(value, MAX_JSON_DEPTH):
        raise Invalid("The JSON is nested too deeply.")
    return value


def decode_object(body: bytes) -> dict[str, Any]:
    """A JSON object, as every message of the protocol is. Raises `Invalid`."""
    value = decode_json(body)
    if not isinstance(value, dict):
        raise Invalid("The body must be a JSON object.")
    return value


def encode_json(value: object) -> bytes:
    """JSON as UTF-8 bytes, without white space."""
    return msgspec.json.encode(value, enc_hook=_text)


def _text(value: object) -> str:
    """A `Sentence` as the text that it is."""
    if isinstance(value, str):
        return str(value)
    raise TypeError(f"{type(value)} is no JSON")


def _depth_exceeds(value: object, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            child
            for item in level
            if isinstance(item, (dict, list))
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return False
    return True
