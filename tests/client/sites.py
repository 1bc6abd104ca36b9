"""A server on loopback with a page under each path, or none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from tests.client.wires import Exchange, Handler, ok

TLS_HELLO = b"\x16"
NOTHING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def page(value: Any) -> bytes:
    """A 200 with JSON."""
    return ok(json.dumps(value).encode(), "Content-Type: application/json")


def status(code: int, body: Any = None, *fields: str) -> bytes:
    """An answer with another status."""
    return (
        page({} if body is None else body)
        .replace(b"200 OK", f"{code} Status".encode(), 1)
        .replace(b"\r\n", "".join(["\r\n", *(f"{field}\r\n" for field in fields)]).encode(), 1)
    )


def site(pages: Mapping[str, bytes], go: asyncio.Event | None = None) -> Handler:
    """Gives the page of each path that is asked for, also to later requests; hangs up on who tries TLS.

    While `go` is there and not set, nothing is answered.
    """

    async def handler(exchange: Exchange) -> None:
        while (first := await exchange.reader.read(1)) not in (b"", TLS_HELLO):
            head = first + await exchange.reader.readuntil(b"\r\n\r\n")
            exchange.wire.heads.append(head)
            if go is not None:
                await go.wait()
            await exchange.say(pages.get(head.split(b" ")[1].decode(), NOTHING))

    return handler


def asked(heads: list[bytes]) -> list[str]:
    """The paths that were asked for."""
    return [head.split(b" ")[1].decode() for head in heads]
