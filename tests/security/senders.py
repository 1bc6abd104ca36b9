"""Foreign servers that sign, rightly or wrongly, and what a cloud of ours makes of their messages.

    async with foreign() as sender:
        request = sender.signed(cloud, "shares", body)
        answer = await deliver(cloud, request)

A foreign server shows its document and keys, and writes down whatever it is asked.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import http_sf
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from tests.mesh import Server

from opencloudmesh.protocol import signatures
from opencloudmesh.protocol.keys import SigningKey, build_jwks
from opencloudmesh.protocol.signatures import message, rfc9421
from opencloudmesh.protocol.signatures.rfc9421 import Component, signature_base
from opencloudmesh.protocol.wire import Headers, Request, Response
from opencloudmesh.server.database import new_secret

SECRET = "sesame-of-a-test"
DISCOVERY, JWKS = "GET /.well-known/ocm", "GET /.well-known/jwks.json"


@dataclass
class Foreign:
    """A server of somebody else's. `document` and `keys` are what it shows, `status` what it answers to everything.

    `says` are answers to other requests: by "METHOD /path" a status and a body; `adds` are header fields of theirs.
    """

    host: str
    ed25519: SigningKey
    rsa: SigningKey
    keys: list[SigningKey]
    document: dict[str, Any]
    status: int = 200
    says: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    adds: dict[str, dict[str, str]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)

    def unsigned(self, cloud: Server, what: str, body: bytes) -> Request:
        return Request("POST", f"{cloud.url}/ocm/{what}", Headers({"Content-Type": "application/json"}), body)

    def signed(self, cloud: Server, what: str, body: bytes, *, family: str = "rfc9421", late: int = 0) -> Request:
        """As it should be; `late` by so many seconds."""
        key = {"rfc9421": self.ed25519, "cavage": self.rsa}[family]
        return signatures.sign(
            self.unsigned(cloud, what, body), key, now(cloud) - late, family, nonce=new_secret()[:16]
        )

    def signed_so(self, cloud: Server, what: str, body: bytes, *, headers: Mapping[str, str] | None = None,
                  covered: tuple[str, ...] = rfc9421.SIGNED, key: SigningKey | None = None, label: str = "ocm",
                  **parameters: Any) -> Request:  # fmt: skip
        """By RFC 9421, with anything else in it than there should be; a parameter that is None is left out."""
        key = key or self.ed25519
        request = self.unsigned(cloud, what, body)
        fields = {
            "Date": message.format_date(now(cloud)),
            "Content-Length": str(len(body)),
            "Content-Digest": http_sf.ser({"sha-256": hashlib.sha256(body).digest()}),
            **(headers or {}),
        }
        request = Request("POST", request.url, request.headers | fields, body)
        named = {"created": now(cloud), "keyid": key.kid, "alg": key.algorithm, "tag": "ocm", **parameters}
        named = {name: value for name, value in named.items() if value is not None}
        value = key.sign(signature_base(request, map(Component, covered), named))
        lines = {
            "Signature-Input": http_sf.ser({label: (list(covered), named)}),
            "Signature": http_sf.ser({label: value}),
        }
        return Request("POST", request.url, request.headers | lines, body)

    async def answer(self, request: web.Request) -> web.Response:
        self.seen.append(f"{request.method} {request.path}")
        if self.seen[-1] in self.says:
            status, body = self.says[self.seen[-1]]
            more = self.adds.get(self.seen[-1], {})
            return web.Response(status=status, body=body, content_type="application/xml", headers=more)
        shown = {DISCOVERY: self.document, JWKS: build_jwks(self.keys)}.get(self.seen[-1])
        return web.json_response(shown, status=self.status) if shown else web.Response(status=404)


@asynccontextmanager
async def foreign() -> AsyncIterator[Foreign]:
    """One such server, on a port of its own."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        host = f"localhost:{listening.getsockname()[1]}"
        url = f"http://{host}"
        rsa_key = SigningKey(f"{url}/ocm#signature", "rsa-sha512", _rsa())
        server = Foreign(host, new_key(f"{host}#key1"), rsa_key, [], {})
        server.keys.append(server.ed25519)
        server.document |= {
            "enabled": True,
            "apiVersion": "1.4.0",
            "endPoint": url + "/ocm",
            "resourceTypes": [{"name": "file", "shareTypes": ["user"], "protocols": {"webdav": "/dav/"}}],
            "capabilities": ["http-sig", "notifications"],
            "publicKey": {"keyId": rsa_key.kid, "publicKeyPem": rsa_key.public_pem()},
        }
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", server.answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        try:
            yield server
        finally:
            await runner.cleanup()


def new_key(kid: str) -> SigningKey:
    return SigningKey(kid, "ed25519", ed25519.Ed25519PrivateKey.generate())


@cache
def _rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def now(cloud: Server) -> int:
    return int(cloud.context.clock())


def offer(cloud: Server, sender: Foreign, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The Share Creation Notification of marie's folder for einstein. A change to None leaves the field out."""
    body = {
        "shareWith": cloud.address("einstein"),
        "name": "papers",
        "providerId": "p1",
        "owner": f"marie@{sender.host}",
        "sender": f"marie@{sender.host}",
        "shareType": "user",
        "resourceType": "folder",
        "protocol": {"name": "multi", "webdav": {"uri": "x1", "sharedSecret": SECRET, "permissions": ["read"]}},
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}


def notice(**changes: Any) -> dict[str, Any]:
    """A notification that marie's folder is shared no more."""
    body = {
        "notificationType": "SHARE_UNSHARED",
        "resourceType": "folder",
        "providerId": "p1",
        "notification": {"sharedSecret": SECRET},
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}


def encoded(body: Any) -> bytes:
    """JSON with escapes, so that also text that is no UTF-8 can be said."""
    return json.dumps(body).encode()


async def deliver(cloud: Server, request: Request) -> Response:
    """Sends a request as it is."""
    async with cloud.session.post(request.url, headers=list(request.headers), data=request.body) as answer:
        return Response(answer.status, Headers(answer.headers.items()), await answer.read())


async def raw(cloud: Server, data: bytes, *, ends: bool = False) -> Response:
    """Sends bytes on a connection of their own, and reads the answer; `ends`: nothing will follow."""
    host, _, port = cloud.host.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(data)
        if ends:
            writer.write_eof()
        async with asyncio.timeout(10):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            status, *lines = head.strip().split("\r\n")
            headers = Headers([tuple(line.split(": ", 1)) for line in lines])  # type: ignore[misc]
            body = await reader.readexactly(int(headers.get("content-length") or 0))
            return Response(int(status.split()[1]), headers, body)
    finally:
        writer.close()


def as_bytes(request: Request, **replaced: str) -> bytes:
    """A request as it goes over the wire, with header fields in place of its own."""
    target = "/" + request.url.partition("://")[2].partition("/")[2]
    changed = {name.replace("_", "-"): value for name, value in replaced.items()}
    fields = request.headers | {"Host": request.authority, **changed}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields if value)
    return f"{request.method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + request.body
