"""Who signed this request? Both families of signatures behind one door.

    claim = read(request)                    # who claims to have signed it: nothing is proven yet
    verify(request, claim, keys, now)        # raises SignatureError unless it is true
    request = sign(request, key, now, "rfc9421")

The receiver decides what must be covered (`rfc9421.REQUIRED`, `cavage.SIGNED`) and how old a signature may be.
Whether the signer may say what the body says is not decided here: compare `Claim.host` with the hosts in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from opencloudmesh.protocol.errors import SignatureError, UnknownKey
from opencloudmesh.protocol.keys import PublicKey, SigningKey, host_of
from opencloudmesh.protocol.signatures import cavage, rfc9421
from opencloudmesh.protocol.wire import Request

Family = Literal["rfc9421", "cavage"]
Signer = Callable[[Request], Request]  # `sign` with all but the request decided

MAX_AGE = 300  # seconds; Nextcloud's and opencloudmesh-go's
MAX_SKEW = 60  # seconds into the future

# A captured request stays valid for so long: the server must remember `Claim.digest` at least as long.
REPLAY_WINDOW = MAX_AGE + MAX_SKEW


@dataclass(frozen=True, slots=True)
class Claim:
    """Who says to have signed a request: the key `key_id` of the server `host`, at `created` (unix seconds).

    `digest` tells one signature from another, to notice a request that is sent twice.
    """

    family: Family
    key_id: str
    host: str
    created: int
    digest: str
    signature: rfc9421.Signature | cavage.Signature = field(repr=False)


def read(request: Request) -> Claim | None:
    """The claim of a request; None if it is not signed for Open Cloud Mesh.

    Raises `SignatureError` for a signature that is malformed, or one too many.
    """
    # A request with Signature-Input follows RFC 9421, where Signature has another grammar.
    family: Family = "rfc9421" if "signature-input" in request.headers else "cavage"
    signature = rfc9421.read(request) if family == "rfc9421" else cavage.read(request)
    if signature is None:
        return None
    return Claim(
        family=family,
        key_id=signature.key_id,
        host=host_of(signature.key_id),
        created=signature.created,
        digest=_digest(signature.key_id, signature.value),
        signature=signature,
    )


def verify(request: Request, claim: Claim, keys: Sequence[PublicKey], now: int) -> None:
    """Raises `SignatureError` unless `claim` holds for `request` with one of the claimed host's `keys`, `now`.

    Raises `UnknownKey`, which is one, where the key is not among them, or not the one of that name: Nextcloud renews
    its key under the same id.
    """
    signature = claim.signature
    check_window(claim, now)
    signature.check(request)
    named = [key for key in keys if key.kid == claim.key_id]
    if not named:
        raise UnknownKey("The key of the signature is not known.", detail=claim.key_id)
    base = signature.base(request)
    if not any(
        _holds(key, algorithm, signature.value, base) for key in named for algorithm in signature.algorithms(key)
    ):
        raise UnknownKey("The signature does not match the request.", detail=claim.key_id)


def sign(request: Request, key: SigningKey, now: int, family: Family, *, nonce: str | None = None) -> Request:
    """The request with the headers that sign it at `now` (unix seconds). It must be sent as it is.

    Raises `SignatureError` for a key that is not one for this family. `nonce` is for RFC 9421 only: it keeps two
    equal requests within a second apart.
    """
    return rfc9421.sign(request, key, now, nonce) if family == "rfc9421" else cavage.sign(request, key, now)


def check_window(claim: Claim, now: int) -> None:
    """Raises `SignatureError` for a claim that is too old or from the future, whoever made it. `verify` does so too."""
    if claim.created < now - MAX_AGE:
        raise SignatureError("The signature is too old.")
    if claim.created > now + MAX_SKEW:
        raise SignatureError("The signature is from the future.")
    expires = claim.signature.expires
    if expires is not None and expires < now:
        raise SignatureError("The signature has expired.")


def _digest(key_id: str, value: bytes) -> str:
    # The first half only: from the ECDSA signature (r, s) anybody can make (r, -s), which is as good.
    return hashlib.sha256(key_id.encode() + b"\0" + value[: len(value) // 2]).hexdigest()


def _holds(key: PublicKey, algorithm: str, value: bytes, base: bytes) -> bool:
    try:
        key.verify(algorithm, value, base)
    except SignatureError:
        return False
    return True
