"""Directory Services: the servers of a federation, for the WAYF page and allowlists (IETF-OCM, Appendix C).

    listing = parse(body, keys)                      # a JWS, signed by one of the directory's known `keys`
    document = sign_listing(listing, key)            # the same, to be published

The JWS may be in any form of RFC 7515, 7. Appendix C shows its payload as JSON in the clear; over such a document
no signature is defined, so it counts as unsigned, like the plain JSON that Nextcloud, OpenCloud and CERNBox read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from opencloudmesh.protocol import base64url
from opencloudmesh.protocol.address import normalise_host
from opencloudmesh.protocol.errors import Invalid, SignatureError
from opencloudmesh.protocol.fields import Fields
from opencloudmesh.protocol.keys import PublicKey, SigningKey, from_pem
from opencloudmesh.protocol.wire import decode_json, decode_object, encode_json

MAX_SERVERS = 10_000
MAX_SIGNATURES = 16
MAX_NAME = 255  # characters

# The `alg` of RFC 7518 and 8037, and of RFC 9864; those that opencloudmesh-go accepts too.
_ALGORITHMS = {
    "ES256": "ecdsa-p256-sha256",
    "EdDSA": "ed25519",
    "Ed25519": "ed25519",
    "RS256": "rsa-v1_5-sha256",
}


@dataclass(frozen=True, slots=True)
class Server:
    """A server of the federation. `url` is scheme, host and perhaps port, and no more."""

    url: str
    display_name: str

    @property
    def host(self) -> str:
        """`host[:port]` as in OCM Addresses."""
        return normalise_host(self.url)


@dataclass(frozen=True, slots=True)
class Listing:
    """What a Directory Service says."""

    federation: str
    servers: tuple[Server, ...]

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Listing:
        """Reads the payload. Raises `Invalid` naming every wrong field, as `servers[0].url`."""
        fields = Fields(values)
        federation = fields.text("federation", limit=MAX_NAME)
        servers = values.get("servers")
        if not isinstance(servers, list) or len(servers) > MAX_SERVERS:
            fields.wrong("servers", "REQUIRED" if servers is None else "INVALID")
            servers = []
        listing = cls(federation, tuple(_server(fields, number, item) for number, item in enumerate(servers)))
        fields.check("The listing of the directory is not understood.")
        return listing

    def encode(self) -> dict[str, Any]:
        """The payload."""
        servers = [{"url": server.url, "displayName": server.display_name} for server in self.servers]
        return {"federation": self.federation, "servers": servers}


class _Signature(NamedTuple):
    """One signature of a JWS; `header` is the protected one, decoded."""

    protected: str
    header: Mapping[str, Any]
    value: bytes


def read_key(pem: str) -> PublicKey:
    """A key that a directory made known. Raises `Invalid`, also for a kind that signs no listing."""
    key = from_pem("", pem)
    if key.algorithms.isdisjoint(_ALGORITHMS.values()):
        raise Invalid("Directories sign with a key that is Ed25519, P-256 or RSA.")
    return key


def parse(body: bytes, keys: Sequence[PublicKey], *, allow_unsigned: bool = False) -> Listing:
    """Reads what a Directory Service answered.

    `keys` are those that the directory made known offline; an empty sequence trusts no signature. Raises
    `SignatureError` for a signature by none of them, or for none unless `allow_unsigned`; `Invalid` for the rest.
    """
    document = _compact(body) or decode_object(body)
    if not isinstance(document.get("payload"), str):
        if not allow_unsigned:
            raise SignatureError("The listing of the directory is not signed.")
        clear = document.get("payload")
        return Listing.read(clear if isinstance(clear, dict) else document)
    if not any(_holds(signature, document["payload"], keys) for signature in _signatures(document)):
        raise SignatureError("The listing of the directory is not signed by a key that is known.")
    return Listing.read(decode_object(base64url.decode(document["payload"])))


def sign_listing(listing: Listing, key: SigningKey) -> dict[str, str]:
    """The listing as JWS in the flattened form (RFC 7515, 7.2.2).

    Raises `SignatureError` for a key that is not Ed25519, P-256 or RSA.
    """
    signs = "rsa-v1_5-sha256" if key.algorithm.startswith("rsa-") else key.algorithm
    alg = next((name for name, algorithm in _ALGORITHMS.items() if algorithm == signs), None)
    if alg is None:
        raise SignatureError("Our key is not one for directories.", detail=f"{key.kid}: {signs}")
    protected = base64url.encode(encode_json({"alg": alg, "kid": key.kid}))
    payload = base64url.encode(encode_json(listing.encode()))
    value = key.sign(_signing_input(protected, payload), signs)
    return {"payload": payload, "protected": protected, "signature": base64url.encode(value)}


def _server(fields: Fields, number: int, item: object) -> Server:
    inner = Fields(item if isinstance(item, dict) else {}, f"servers[{number}].", fields.errors)
    url = inner.text("url", limit=512)
    name = inner.text("displayName", limit=MAX_NAME)
    return Server(inner.parsed("url", _base_url, url, "") if url else "", name)


def _base_url(text: str) -> str:
    """Scheme, host and perhaps port; raises `Invalid` where there is more (Appendix C)."""
    url = text.lower().removesuffix("/")  # a bare slash says nothing more
    try:
        parts = urlsplit(url)
    except ValueError:
        raise Invalid("This is not the URL of a server.") from None
    if parts.scheme not in ("https", "http") or url != f"{parts.scheme}://{parts.netloc}":
        raise Invalid("This is not the URL of a server.")
    normalise_host(parts.netloc)
    return url


def _compact(body: bytes) -> dict[str, Any] | None:
    """A JWS in the compact form (RFC 7515, 7.1), as the flattened one."""
    parts = body.strip().split(b".")
    if len(parts) != 3 or body.lstrip().startswith(b"{"):
        return None
    try:
        protected, payload, value = (part.decode("ascii") for part in parts)
    except UnicodeDecodeError:
        return None
    return {"protected": protected, "payload": payload, "signature": value}


def _signatures(document: Mapping[str, Any]) -> Iterator[_Signature]:
    """Those of the general form (RFC 7515, 7.2.1), or the one of the flattened."""
    listed = document.get("signatures", [document])
    if not isinstance(listed, list) or len(listed) > MAX_SIGNATURES:
        raise Invalid("The signatures of the directory are not understood.")
    for item in listed:
        protected, value = (item.get("protected"), item.get("signature")) if isinstance(item, dict) else (None, None)
        if not isinstance(protected, str) or not isinstance(value, str):
            raise Invalid("The signatures of the directory are not understood.")
        header = decode_json(base64url.decode(protected))
        if isinstance(header, dict):
            yield _Signature(protected, header, base64url.decode(value))


def _holds(signature: _Signature, payload: str, keys: Sequence[PublicKey]) -> bool:
    # `crit` names extensions that must be understood (RFC 7515, 4.1.11), and we understand none.
    algorithm = _ALGORITHMS.get(str(signature.header.get("alg")))
    if algorithm is None or "crit" in signature.header:
        return False
    data = _signing_input(signature.protected, payload)
    return any(_verifies(key, algorithm, signature.value, data) for key in keys)


def _verifies(key: PublicKey, algorithm: str, value: bytes, data: bytes) -> bool:
    try:
        key.verify(algorithm, value, data)
    except SignatureError:
        return False
    return True


def _signing_input(protected: str, payload: str) -> bytes:
    return f"{protected}.{payload}".encode()
