"""A server of no family: it shows the discovery document it is given, takes whatever comes, and can sign both ways.

The acceptance tests speak through it, as the recordings were made; it is also the simplest thing to send a share to.
"""

from __future__ import annotations

import base64
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.peers.base import Peer
from tests.peers.rsakeys import next_rsa_key
from tests.peers.values import Answer, Call, json_answer


class Stranger(Peer):
    """`extra` is changed by tests; `rsa` and `ed25519` are its private keys."""

    family = "stranger"

    def __init__(self, *, allow_http: bool = True) -> None:
        super().__init__(allow_http=allow_http)
        self.rsa = next_rsa_key()
        self.ed25519 = ed25519.Ed25519PrivateKey.generate()
        self.extra: dict[str, Any] = {}
        for path in ("/.well-known/ocm", "/ocm-provider", "/ocm-provider/"):
            self.routes["GET", path] = self._discovery
        self.routes["GET", "/ocm/jwks"] = self._jwks

    def discovery(self) -> dict[str, Any]:
        """A plain document of 1.2 with nothing optional, and what `extra` adds."""
        kind = {"name": "file", "shareTypes": ["user"], "protocols": {"webdav": "/dav/ocm/"}}
        return {
            "enabled": True,
            "apiVersion": "1.1.0",
            "endPoint": f"{self.base_url}/ocm",
            "provider": "third",
            "resourceTypes": [kind],
            "capabilities": ["notifications"],
            **self.extra,
        }

    @property
    def key_id(self) -> str:
        """Of the RSA key, always https, as Nextcloud writes its own."""
        return f"https://{self.host}/ocm#signature"

    def public_key(self) -> dict[str, str]:
        """The `publicKey` member of the document."""
        pem = self.rsa.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return {"keyId": self.key_id, "publicKeyPem": pem.decode()}

    async def _jwks(self, _call: Call) -> Answer:
        public = base64.urlsafe_b64encode(self.ed25519.public_key().public_bytes_raw()).decode().rstrip("=")
        key = {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "Ed25519", "kid": f"{self.host}#key1", "x": public}
        return json_answer({"keys": [key]})

    def speaks_1_4(self) -> None:
        """Show what a peer of 1.4 shows: RFC 9421 keys, the code flow, relative uris."""
        roles = {"webdav": "/dav/ocm/", "webdav-receive": {"uri": "relative"}}
        self.extra = {
            "apiVersion": "1.4.0",
            "resourceTypes": [{"name": "file", "shareTypes": ["user"], "protocols": roles}],
            "capabilities": ["http-sig", "exchange-token", "invites", "notifications"],
            "criteria": [],
            "tokenEndPoint": f"{self.base_url}/ocm/token",
            "jwksUri": f"{self.base_url}/ocm/jwks",
        }

    async def _discovery(self, _call: Call) -> Answer:
        return json_answer(self.discovery())

    async def otherwise(self, call: Call) -> Answer:
        """201 for every POST."""
        return json_answer({"recipientDisplayName": "Bob Third"}, 201) if call.method == "POST" else Answer(404)
