"""What a peer answers, bounded, and what goes wrong on the way as one sentence for a person.

An `Answer` is a response whose body is still to come: read whole within a limit, or in chunks. `peer_errors` turns
everything that aiohttp, TLS and the operating system raise into `Unreachable`; nothing else leaves `client.network`.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Iterator

import aiohttp

from opencloudmesh.client.guard import SocketDeniedError
from opencloudmesh.protocol.errors import BadAnswer, EgressDenied, Unreachable
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.protocol.wire import Headers

CHUNK = 256 * 1024
GZIP_OR_ZLIB = zlib.MAX_WBITS | 32

# The first that fits; an error of aiohttp is asked for the operating system's error inside.
REASONS: tuple[tuple[type[Exception], Sentence], ...] = (
    (socket.gaierror, Sentence("its name is not known")),
    (ssl.SSLCertVerificationError, Sentence("its certificate is not trusted")),
    (ssl.SSLError, Sentence("no secure connection could be made")),
    (TimeoutError, Sentence("it took too long")),
    (ConnectionRefusedError, Sentence("connection refused")),
    (aiohttp.ServerDisconnectedError, Sentence("it closed the connection")),
    (aiohttp.ClientPayloadError, Sentence("it closed the connection early")),
    (ConnectionError, Sentence("it closed the connection")),
    (aiohttp.ClientResponseError, Sentence("what came back is not HTTP")),
    (ValueError, Sentence("what came back is not HTTP")),
)
NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL})


class Answer:
    """A response whose body is still to come. Valid only while the request that it answers is open."""

    def __init__(self, response: aiohttp.ClientResponse, peer: str) -> None:
        self.status = response.status
        self.headers = Headers(response.headers.items())
        self.peer = peer
        self._response = response

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as sent. Raises `Unreachable`.

        A `Content-Encoding`, which is never asked for, is left alone: some servers declare the stored bytes of a
        `.gz` file to be one.
        """
        with peer_errors(self.peer):
            async for chunk in self._response.content.iter_chunked(CHUNK):
                yield chunk

    async def read(self, limit: int) -> bytes:
        """The whole body, decoded; neither what is sent nor what it unpacks to may exceed `limit` bytes.

        Raises `BadAnswer`, `Unreachable`.
        """
        body = bytearray()
        async for chunk in self.chunks():
            body += chunk
            if len(body) > limit:
                raise self._too_long(limit)
        coding = (self.headers.get("content-encoding") or "identity").lower()
        return bytes(body) if coding == "identity" or not body else self._unpacked(bytes(body), coding, limit)

    def _unpacked(self, body: bytes, coding: str, limit: int) -> bytes:
        if coding not in ("gzip", "x-gzip", "deflate"):
            raise BadAnswer(
                "{peer} answered in an encoding that is not understood.", peer=self.peer, detail=coding[:100]
            )
        decoder = zlib.decompressobj(GZIP_OR_ZLIB)
        try:
            unpacked = decoder.decompress(body, limit + 1)
        except zlib.error as error:
            raise BadAnswer("{peer} answered something broken.", peer=self.peer, detail=str(error)) from None
        if len(unpacked) > limit:
            raise self._too_long(limit)
        if not decoder.eof:
            raise BadAnswer(
                "{peer} answered something broken.", peer=self.peer, detail="the compressed body ends early"
            )
        return unpacked

    def _too_long(self, limit: int) -> BadAnswer:
        return BadAnswer("{peer} answered more than is read here.", peer=self.peer, detail=f"over {limit} bytes")


@contextlib.contextmanager
def peer_errors(peer: str) -> Iterator[None]:
    """Raises what goes wrong on the way to `peer` as `Unreachable`, or as `EgressDenied` from the guard's hook."""
    try:
        yield
    except (aiohttp.ClientError, OSError, ValueError) as error:
        inner = getattr(error, "os_error", None) or getattr(error, "certificate_error", None) or error
        detail = f"{type(error).__name__}: {inner}"
        if isinstance(inner, SocketDeniedError):
            raise EgressDenied("The address of {peer} is not asked.", peer=peer, detail=detail) from None
        raise Unreachable("{peer} did not answer: {reason}.", peer=peer, reason=_reason(inner), detail=detail) from None


def _reason(error: Exception) -> Sentence:
    if isinstance(error, OSError) and error.errno in NO_ROUTE:
        return Sentence("there is no way to it")
    known = (words for kind, words in REASONS if isinstance(error, kind))
    return next(known, Sentence("the connection failed"))
