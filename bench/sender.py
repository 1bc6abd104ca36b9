"""A server elsewhere that offers shares: it shows who it is and its key, and signs messages beforehand.

    with Sender.running() as sender:
        messages = sender.messages("marie@localhost:8000", 1000)

What it shows is served by a process of its own; it is asked once, for ours remembers.
"""

from __future__ import annotations

import json
import multiprocessing
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.machine import free_port, wait_for
from opencloudmesh.protocol.discovery import JWKS
from opencloudmesh.protocol.keys import SigningKey, build_jwks
from opencloudmesh.protocol.signatures import sign
from opencloudmesh.protocol.wire import Headers, Request


@dataclass(frozen=True, slots=True)
class Sender:
    """Its address, and its key."""

    host: str
    key: SigningKey

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Sender]:
        """One that shows its documents on a loopback port."""
        port = free_port()
        sender = cls(f"localhost:{port}", SigningKey(f"localhost:{port}#key1", "ed25519", Ed25519PrivateKey.generate()))
        arguments = (port, sender.document(), build_jwks([sender.key]))
        process = multiprocessing.get_context("spawn").Process(target=_serve, args=arguments, daemon=True)
        process.start()
        try:
            wait_for(port, process.is_alive)
            yield sender
        finally:
            process.terminate()
            process.join()

    def document(self) -> dict[str, Any]:
        """Its discovery document."""
        base = f"http://{self.host}"
        resource = {"name": "file", "shareTypes": ["user"], "protocols": {"webdav": "/dav/"}}
        return {
            "enabled": True,
            "apiVersion": "1.2.0",
            "endPoint": f"{base}/ocm",
            "provider": "bench",
            "resourceTypes": [resource],
            "capabilities": ["http-sig"],
            "jwksUri": base + JWKS,
        }

    def messages(self, recipient: str, count: int) -> list[bytes]:
        """So many different offers to a person, signed now, as the bytes of whole requests."""
        host = recipient.rpartition("@")[2]
        return [self._message(recipient, f"http://{host}/ocm/shares") for _ in range(count)]

    def _message(self, recipient: str, url: str) -> bytes:
        share = {
            "shareWith": recipient,
            "name": "measurements.txt",
            "providerId": secrets.token_hex(16),
            "owner": f"pierre@{self.host}",
            "sender": f"pierre@{self.host}",
            "ownerDisplayName": "Pierre",
            "senderDisplayName": "Pierre",
            "shareType": "user",
            "resourceType": "file",
            "protocol": {
                "name": "multi",
                "webdav": {"uri": "x", "sharedSecret": secrets.token_urlsafe(32), "permissions": ["read"]},
            },
        }
        host = url.split("/")[2]
        headers = Headers([("Host", host), ("Content-Type", "application/json")])
        plain = Request("POST", url, headers, json.dumps(share).encode())
        signed = sign(plain, self.key, int(time.time()), "rfc9421", nonce=secrets.token_hex(8))
        fields = "".join(f"{name}: {value}\r\n" for name, value in signed.headers)
        return f"POST /ocm/shares HTTP/1.1\r\n{fields}\r\n".encode() + signed.body


def _serve(port: int, document: dict[str, Any], keys: dict[str, Any]) -> None:
    async def show_document(_: web.Request) -> web.Response:
        return web.json_response(document)

    async def show_keys(_: web.Request) -> web.Response:
        return web.json_response(keys)

    app = web.Application()
    app.router.add_get("/.well-known/ocm", show_document)
    app.router.add_get(JWKS, show_keys)
    web.run_app(app, host="127.0.0.1", port=port, print=None)
