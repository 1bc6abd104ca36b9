"""HTTP Message Signatures (RFC 9421) as opencloudmesh-go makes and checks them: Ed25519, label and tag `ocm`.

Only what that peer uses: no query parameters of components, no structured components.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

COVERED = ("@method", "@target-uri", "content-digest", "content-length")
WINDOW = 300  # seconds, either way
DIGESTS = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
MEMBER = re.compile(r'([\w*.-]+)=(\(([^)]*)\)((?:;[\w-]+=(?:"[^"]*"|[^;,\s]+))*))')
PARAMETER = re.compile(r';([\w-]+)=(?:"([^"]*)"|([^;,\s]+))')
BYTES = re.compile(r"([\w*.-]+)=:([^:]*):")


class SignatureFaultError(Exception):
    """The signature does not hold."""


@dataclass(frozen=True)
class Member:
    """One signature of a message. `parameters` are as text."""

    label: str
    components: tuple[str, ...]
    parameters: Mapping[str, str]
    written: str  # the inner list with its parameters, as in Signature-Input
    signature: bytes

    @property
    def key_id(self) -> str:
        """As written."""
        return self.parameters.get("keyid", "")


def content_digest(body: bytes, algorithm: str = "sha-256") -> str:
    """A Content-Digest header's value."""
    return f"{algorithm}=:{base64.b64encode(DIGESTS[algorithm](body).digest()).decode()}:"


def signature_base(
    components: tuple[str, ...], written: str, method: str, url: str, headers: Mapping[str, str]
) -> bytes:
    """What is signed (RFC 9421, 2.5). `headers` by lower-case name. Raises `SignatureFaultError`."""
    parts = urlsplit(url)
    derived = {
        "@method": method,
        "@target-uri": url,
        "@authority": parts.netloc,
        "@scheme": parts.scheme,
        "@path": parts.path,
    }
    values = {**headers, **derived}
    try:
        lines = [f'"{name}": {values[name]}' for name in components]
    except KeyError as error:
        raise SignatureFaultError(f"{error} is not there") from error
    return "\n".join([*lines, f'"@signature-params": {written}']).encode()


def sign(
    key: Ed25519PrivateKey,
    key_id: str,
    method: str,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    label: str = "ocm",
    components: tuple[str, ...] = COVERED,
    created: int | None = None,
    digest: str = "sha-256",
    parameters: tuple[str, ...] = ('alg="ed25519"', 'tag="ocm"'),
) -> dict[str, str]:
    """Content-Digest, Signature and Signature-Input. `headers` are those that are covered beside digest and length."""
    made = {"Content-Digest": content_digest(body, digest)}
    covered = {name.lower(): value for name, value in {**headers, **made}.items()}
    covered["content-length"] = str(len(body))
    names = " ".join(f'"{name}"' for name in components)
    moment = int(time.time()) if created is None else created
    written = ";".join((f"({names})", f"created={moment}", f'keyid="{key_id}"', *parameters))
    signature = key.sign(signature_base(components, written, method, url, covered))
    made["Signature"] = f"{label}=:{base64.b64encode(signature).decode()}:"
    made["Signature-Input"] = f"{label}={written}"
    return made


def read(signature_input: str, signature: str) -> list[Member]:
    """All signatures of a message."""
    made = dict(BYTES.findall(signature))
    found = []
    for label, written, inside, parameters in MEMBER.findall(signature_input):
        names = tuple(re.findall(r'"([^"]*)"', inside))
        values = {name: text or bare for name, text, bare in PARAMETER.findall(parameters)}
        try:
            found.append(Member(label, names, values, written, base64.b64decode(made.get(label, ""), validate=True)))
        except binascii.Error:
            continue
    return found


def check_form(member: Member) -> None:
    """What must be covered, and when it was made. Raises `SignatureFaultError`."""
    if any(name not in member.components for name in COVERED):
        raise SignatureFaultError("a component is not covered")
    created = member.parameters.get("created", "")
    if not created.isdigit() or abs(time.time() - int(created)) > WINDOW:
        raise SignatureFaultError("not made just now")


def check_key(member: Member, public: str, method: str, url: str, headers: Mapping[str, str]) -> None:
    """The signature itself. `public` is the `x` of an Ed25519 JWK. Raises `SignatureFaultError`."""
    raw = base64.urlsafe_b64decode(public + "=" * (-len(public) % 4))
    base = signature_base(member.components, member.written, method, url, headers)
    try:
        Ed25519PublicKey.from_public_bytes(raw).verify(member.signature, base)
    except (InvalidSignature, ValueError) as error:
        raise SignatureFaultError("not made with this key") from error


def digest_matches(header: str, body: bytes) -> bool:
    """Every digest that is known must match, and there must be one."""
    found = BYTES.findall(header)
    known = [(name, value) for name, value in found if name in DIGESTS]
    return bool(known) and all(content_digest(body, name) == f"{name}=:{value}:" for name, value in known)
