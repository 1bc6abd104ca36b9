"""Reading the body of a request: bounded in size, and in the time that it may stand still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import ClientDisconnect, Request

from opencloudmesh.protocol import wire
from opencloudmesh.protocol.errors import Invalid, TooLarge, UnsupportedMediaType

IDLE_SECONDS = 30.0  # without a byte
MAX_OBJECT = 65_536  # bytes


async def read_chunks(request: Request, idle: float) -> AsyncIterator[bytes]:
    """The body as it arrives. `Invalid` where it stops before its end, or stands still for `idle` seconds."""
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(idle):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except (ClientDisconnect, TimeoutError):
            raise Invalid("The body ended before it was complete.") from None
        yield chunk


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body. Raises `TooLarge` over `limit` bytes, `Invalid` where it stops before its end."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > limit:
        raise TooLarge("A message has at most {limit} bytes here.", limit=limit)
    body = bytearray()
    async for chunk in read_chunks(request, IDLE_SECONDS):
        body += chunk
        if len(body) > limit:
            raise TooLarge("A message has at most {limit} bytes here.", limit=limit)
    return bytes(body)


async def read_request(request: Request, limit: int, public_url: str) -> wire.Request:
    """The request as its sender wrote it, for signatures: its target is below the address that others see."""
    raw_path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    target = raw_path.decode("latin-1").partition("?")[0]
    query = request.scope["query_string"].decode("latin-1")
    return wire.Request(
        method=request.method,
        url=f"{public_url}{target}{'?' if query else ''}{query}",
        headers=wire.Headers(
            [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
        ),
        body=await read_body(request, limit),
    )


async def read_object(request: Request) -> dict[str, Any]:
    """The JSON object that a person's program sends. Raises `Invalid`, `TooLarge`, `UnsupportedMediaType`."""
    return wire.decode_object(await _read_json(request))


async def read_maybe_object(request: Request) -> dict[str, Any]:
    """As `read_object`; an empty body says nothing, whatever kind a client calls it."""
    if request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers:
        return {}
    body = await _read_json(request)
    return wire.decode_object(body) if body else {}


async def _read_json(request: Request) -> bytes:
    if media_type(request) not in ("", "application/json"):
        raise UnsupportedMediaType("Send JSON (Content-Type: application/json).")
    return await read_body(request, MAX_OBJECT)


def media_type(request: Request) -> str:
    """What the body is said to be, without parameters; "" where nothing is said."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
