"""draft-cavage-http-signatures as Nextcloud 31 and newer make and check it.

Signed are always the same five, in this order: `(request-target) content-length date digest host`. A signature that
lists them differently is refused, as the real one does (recorded with 32.0.2 and 34.0.1).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

COVERED = ("(request-target)", "content-length", "date", "digest", "host")
MAX_AGE = 300  # seconds; a date in the future is taken
HASHES: dict[str, hashes.HashAlgorithm] = {"rsa-sha256": hashes.SHA256(), "rsa-sha512": hashes.SHA512()}
DIGESTS = {"SHA-256": hashlib.sha256, "SHA-512": hashlib.sha512}
PARAMETER = re.compile(r'\s*(\w+)="([^"]*)"\s*(?:,|$)')


class BadSignatureError(Exception):
    """There is a signature, and it does not hold."""


@dataclass(frozen=True)
class Claim:
    """What a Signature header says."""

    key_id: str
    algorithm: str
    covered: tuple[str, ...]
    signature: bytes

    @property
    def host(self) -> str:
        """Host and port of the key: who claims to have signed."""
        return self.key_id.split("://")[-1].partition("/")[0]


def digest(body: bytes, algorithm: str = "SHA-512") -> str:
    """A Digest header's value."""
    return f"{algorithm}={base64.b64encode(DIGESTS[algorithm](body).digest()).decode()}"


def signing_string(method: str, path: str, headers: Mapping[str, str], covered: tuple[str, ...] = COVERED) -> bytes:
    """`headers` by lower-case name. The path is without the query."""
    values = {**headers, "(request-target)": f"{method.lower()} {path}"}
    return "\n".join(f"{name}: {values[name]}" for name in covered).encode()


def sign(
    key: RSAPrivateKey,
    key_id: str,
    method: str,
    host: str,
    path: str,
    body: bytes,
    *,
    algorithm: str = "rsa-sha512",
    digest_algorithm: str = "SHA-512",
    covered: tuple[str, ...] = COVERED,
    date: float | None = None,
) -> dict[str, str]:
    """The headers `date`, `digest` and `Signature` for a request. `date`: seconds since 1970, now by default."""
    headers = {
        "content-length": str(len(body)),
        "date": formatdate(date, usegmt=True),
        "digest": digest(body, digest_algorithm),
        "host": host,
    }
    made = key.sign(signing_string(method, path, headers, covered), padding.PKCS1v15(), HASHES[algorithm])
    signature = (
        f'keyId="{key_id}",algorithm="{algorithm}",headers="{" ".join(covered)}",'
        f'signature="{base64.b64encode(made).decode()}"'
    )
    return {"date": headers["date"], "digest": headers["digest"], "Signature": signature}


def read(header: str) -> Claim:
    """A Signature header. Raises `BadSignatureError`."""
    found = dict(PARAMETER.findall(header))
    try:
        made = base64.b64decode(found["signature"], validate=True)
        covered = tuple(found["headers"].split())
        return Claim(found["keyId"], found.get("algorithm", "rsa-sha256"), covered, made)
    except (KeyError, ValueError) as error:
        raise BadSignatureError("unreadable") from error


def check_form(claim: Claim, headers: Mapping[str, str], body: bytes, host: str) -> None:
    """Everything that needs no key: the list, digest, length, date and host. Raises `BadSignatureError`."""
    if claim.covered != COVERED or any(name not in headers for name in COVERED[1:]):
        raise BadSignatureError("the covered headers are not the ones")
    algorithm, _, value = headers["digest"].partition("=")
    if algorithm not in DIGESTS or digest(body, algorithm) != f"{algorithm}={value}":
        raise BadSignatureError("the digest does not match")
    if headers["content-length"] != str(len(body)) or headers["host"] != host:
        raise BadSignatureError("length or host do not match")
    try:
        age = datetime.now(UTC) - parsedate_to_datetime(headers["date"])
    except ValueError as error:
        raise BadSignatureError("the date is not one") from error
    if age.total_seconds() > MAX_AGE:
        raise BadSignatureError("too old")


def check_key(claim: Claim, pem: str, method: str, path: str, headers: Mapping[str, str]) -> None:
    """The signature itself. Raises `BadSignatureError`."""
    key = load_pem_public_key(pem.encode())
    if not isinstance(key, RSAPublicKey):
        raise BadSignatureError("not an RSA key")
    signed = signing_string(method, path, headers)
    try:
        key.verify(claim.signature, signed, padding.PKCS1v15(), HASHES.get(claim.algorithm, hashes.SHA256()))
    except InvalidSignature as error:
        raise BadSignatureError("not made with this key") from error
