"""HTTP signatures of draft-cavage-http-signatures-12, as Nextcloud 31-34 makes and checks them (OCM 1.2).

    Digest: SHA-512=...
    Signature: keyId="https://host/ocm#signature",algorithm="rsa-sha512",
        headers="(request-target) content-length date digest host",signature="..."

What we write is exactly that, in that order: Nextcloud refuses any other. What we read may list the fields in any
order and more of them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from opencloudmesh.protocol.errors import SignatureError
from opencloudmesh.protocol.keys import PublicKey, SigningKey
from opencloudmesh.protocol.signatures import message
from opencloudmesh.protocol.wire import Request

REQUEST_TARGET = "(request-target)"
SIGNED = (REQUEST_TARGET, "content-length", "date", "digest", "host")

# "hs2019" leaves the algorithm to the key (draft 12, 2.1.3); so do we where it is absent.
_ALGORITHMS = {
    "rsa-sha256": ("rsa-sha256",),
    "rsa-sha512": ("rsa-sha512",),
    "hs2019": ("rsa-sha512", "rsa-sha256", "ed25519"),
}
_DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "sha-256": lambda body: hashlib.sha256(body).digest(),
    "sha-512": lambda body: hashlib.sha512(body).digest(),
}
_PARAMETER = re.compile(r'\s*([A-Za-z]+)=(?:"([^"\\]*)"|(\w+))\s*(,|$)', re.ASCII)


@dataclass(frozen=True, slots=True)
class Signature:
    """The signature of a request. `created` is its Date in unix seconds."""

    key_id: str
    algorithm: str
    fields: tuple[str, ...]
    created: int
    value: bytes = field(repr=False)

    @property
    def expires(self) -> int | None:
        """Never known: only a signed header could say."""
        return None

    def check(self, request: Request) -> None:
        """Raises `SignatureError` unless all that we demand is covered and host and body are the signed ones."""
        missing = [name for name in SIGNED if name not in self.fields]
        if missing:
            raise SignatureError("The signature does not cover enough.", detail=" ".join(missing))
        if message.authority(request, message.field(request, "host")) != message.authority(request):
            raise SignatureError("The request was signed for another server.")
        message.check_length(request)
        message.check_digests(request, _read_digests(message.field(request, "digest")), _DIGESTS)

    def base(self, request: Request) -> bytes:
        """The bytes that were signed. Raises `SignatureError`."""
        parts = message.split(request)
        target = parts.path + (f"?{parts.query}" if parts.query else "")  # a query counts only if it is signed
        return _base(request, self.fields, target)

    def algorithms(self, key: PublicKey) -> tuple[str, ...]:
        """What to try with `key`."""
        return tuple(name for name in _ALGORITHMS[self.algorithm] if name in key.algorithms)


def read(request: Request) -> Signature | None:
    """The request's signature, or None. Raises `SignatureError` where it is malformed or carries no date."""
    text = request.headers.get("signature")
    if text is None:
        return None
    parameters = _read_parameters(text)
    algorithm = parameters.get("algorithm", "hs2019").lower()
    fields = tuple(parameters.get("headers", "date").lower().split())
    if "keyId" not in parameters or algorithm not in _ALGORITHMS or len(set(fields)) != len(fields):
        raise SignatureError("The signature is not understood.")
    return Signature(
        key_id=parameters["keyId"],
        algorithm=algorithm,
        fields=fields,
        created=message.parse_date(message.field(request, "date")),
        value=_decode(parameters.get("signature", "")),
    )


def sign(request: Request, key: SigningKey, now: int) -> Request:
    """The request with its signature. `now` in unix seconds. Raises `SignatureError` for a key that is not RSA."""
    digest = base64.b64encode(_DIGESTS["sha-512"](request.body)).decode()
    headers = request.headers | {
        "Host": message.authority(request),
        "Date": message.format_date(now),
        "Content-Length": str(len(request.body)),
        "Digest": f"SHA-512={digest}",
    }
    request = Request(request.method, request.url, headers, request.body)
    # Nextcloud leaves the query out.
    value = key.sign(_base(request, SIGNED, message.split(request).path), "rsa-sha512")
    signature = (
        f'keyId="{key.kid}",algorithm="rsa-sha512",headers="{" ".join(SIGNED)}",'
        f'signature="{base64.b64encode(value).decode()}"'
    )
    return Request(request.method, request.url, headers | {"Signature": signature}, request.body)


def _base(request: Request, fields: tuple[str, ...], target: str) -> bytes:
    values = {
        name: f"{request.method.lower()} {target or '/'}" if name == REQUEST_TARGET else message.field(request, name)
        for name in fields
    }
    return "\n".join(message.line(name, value) for name, value in values.items()).encode()


def _read_parameters(text: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    position, more = 0, ","
    while more:
        match = _PARAMETER.match(text, position)
        if match is None or match[1] in parameters:
            raise SignatureError("The signature is not understood.")
        parameters[match[1]] = match[2] if match[2] is not None else match[3]
        position, more = match.end(), match[4]
    return parameters


def _read_digests(text: str) -> dict[str, bytes]:
    digests: dict[str, bytes] = {}
    for part in text.split(","):
        name, _, value = part.strip().partition("=")
        name = name.lower()
        if name in digests:
            raise SignatureError("The digest of the request says the same thing twice.")
        if name in _DIGESTS:
            digests[name] = _decode(value)
    return digests


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SignatureError("The signature is not understood.") from None
