"""Forms: small ones as a dictionary, uploads part by part as they arrive."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import parse_qsl

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from opencloudmesh.protocol.errors import Invalid, OcmError, TooLarge, UnsupportedMediaType
from opencloudmesh.server.web.bodies import IDLE_SECONDS, read_body

MAX_FORM = 65_536  # bytes, of so many fields:
MAX_FIELDS = 50
EACH = MAX_FORM // MAX_FIELDS
MAX_PARTS = 1000  # files of one upload
MAX_FIELD = 1024  # bytes of a field beside files
MAX_SKIPPED = 16 * 1024 * 1024  # bytes of an upload that are read although nothing comes of it


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form. Raises `Invalid`, `TooLarge`, `UnsupportedMediaType`."""
    return dict(await read_fields(request))


async def read_fields(request: Request, limit: int = MAX_FIELDS, each: int = EACH) -> list[tuple[str, str]]:
    """As `read_form`, of a form with several fields of a name; `limit` in all, of `each` so many bytes on average."""
    kind, _ = parse_options_header(request.headers.get("content-type"))
    if kind != b"application/x-www-form-urlencoded":
        raise UnsupportedMediaType("Send the form as the page does.")
    body = await read_body(request, each * limit)
    try:
        # Browsers end the lines of a text area with CR LF.
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=limit, errors="strict")
    except ValueError:
        raise Invalid("The form is not understood.") from None
    return [(name, value.replace("\r\n", "\n")) for name, value in pairs]


async def skip_form(request: Request) -> None:
    """Reads a form of which nothing comes: a browser that still sends does not look for the answer."""
    with suppress(OcmError):
        await read_body(request, MAX_FORM)


class _Kind(Enum):
    HEAD = auto()
    DATA = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an upload: a field, or with a `filename` a file. What is not read of `chunks` is skipped."""

    name: str
    filename: str | None
    chunks: AsyncIterator[bytes]

    async def text(self) -> str:
        """A small field. Raises `TooLarge`."""
        value = bytearray()
        async for chunk in self.chunks:
            value += chunk
            if len(value) > MAX_FIELD:
                raise TooLarge("The form is too large.")
        return value.decode(errors="replace")


class Upload:
    """A `multipart/form-data` body. Nothing of it is kept, in memory or on disk, beyond what has just arrived."""

    def __init__(self, request: Request) -> None:
        kind, options = parse_options_header(request.headers.get("content-type"))
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise UnsupportedMediaType("Send the form as the page does.")
        self._stream = request.stream()
        self._events: deque[tuple[_Kind, bytes]] = deque()
        self._name, self._value, self._disposition = b"", b"", b""
        self._parser = MultipartParser(
            options[b"boundary"],
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": lambda: self._events.append((_Kind.HEAD, self._disposition)),
                "on_part_data": lambda data, start, end: self._events.append((_Kind.DATA, data[start:end])),
                "on_part_end": lambda: self._events.append((_Kind.END, b"")),
                "on_end": self._end,
            },
        )
        self._complete = False

    async def parts(self) -> AsyncIterator[Part]:
        """The parts, each to be read before the next is asked for. Raises `Invalid`."""
        count = 0
        while (event := await self._next()) is not None:
            kind, value = event
            if kind is _Kind.HEAD:
                count += 1
                if count > MAX_PARTS:
                    raise TooLarge("Upload at most {most} files at once.", most=MAX_PARTS)
                options = _decoded(value)
                yield Part(options.get("name", ""), options.get("filename"), self._chunks())

    async def skip(self) -> None:
        """Reads the rest, up to a limit, as `skip_form` does."""
        left = MAX_SKIPPED
        with suppress(ClientDisconnect, TimeoutError):
            async with asyncio.timeout(IDLE_SECONDS):
                async for chunk in self._stream:
                    left -= len(chunk)
                    if left < 0:
                        return

    async def _chunks(self) -> AsyncIterator[bytes]:
        while (event := await self._next()) is not None:
            kind, value = event
            if kind is _Kind.END:
                return
            yield value
        raise Invalid("The upload ended before it was complete.")

    async def _next(self) -> tuple[_Kind, bytes] | None:
        """What comes next; None after the end."""
        while not self._events:
            try:
                async with asyncio.timeout(IDLE_SECONDS):
                    chunk = await anext(self._stream)
                self._parser.write(chunk)
            except StopAsyncIteration:
                if not self._complete:
                    raise Invalid("The upload ended before it was complete.") from None
                return None
            except (ClientDisconnect, TimeoutError):
                raise Invalid("The upload ended before it was complete.") from None
            except MultipartParseError as error:
                raise Invalid("The upload is not understood.", detail=str(error)) from None
        return self._events.popleft()

    def _begin(self) -> None:
        self._name, self._value, self._disposition = b"", b"", b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value
        self._name, self._value = b"", b""

    def _end(self) -> None:
        self._complete = True


def _decoded(disposition: bytes) -> Mapping[str, str]:
    """The parameters of a Content-Disposition. Browsers write names in UTF-8 and `"` as `%22` (WHATWG, HTML)."""
    _, options = parse_options_header(disposition)
    try:
        return {name.decode(): value.decode().replace("%22", '"') for name, value in options.items()}
    except UnicodeDecodeError:
        raise Invalid("The name of a file is not valid Unicode.") from None
