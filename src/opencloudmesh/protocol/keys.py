"""Keys: what signs a request, what checks one, and how both are published.

    key = SigningKey.from_private_pem("cloud.example#key1", pem)
    key.jwk(), key.public_pem()              # into the JWK set; into `publicKey` of the discovery document
    parse_jwks(document)                     # a peer's keys: tuple[PublicKey, ...]

Algorithms are called by their names in RFC 9421 (6.2.2); "rsa-sha256" and "rsa-sha512" are those of
draft-cavage-http-signatures-12. Only asymmetric ones exist here (IETF-OCM, "Signing a Request").
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, AsymmetricPadding, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from opencloudmesh.protocol import base64url
from opencloudmesh.protocol.address import normalise_host
from opencloudmesh.protocol.errors import Invalid, SignatureError

RSA_BITS = range(2048, 8193)  # shorter is weak; longer lets a stranger spend our time
MAX_KEYS = 64  # of one JWK set
MAX_KID = 1024  # characters

Public = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey
Private = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class _Algorithm(Protocol):
    def fits(self, key: Public) -> bool: ...
    def verify(self, key: Any, signature: bytes, data: bytes) -> None: ...
    def sign(self, key: Any, data: bytes) -> bytes: ...


class _Ed25519:
    def fits(self, key: Public) -> bool:
        return isinstance(key, ed25519.Ed25519PublicKey)

    def verify(self, key: ed25519.Ed25519PublicKey, signature: bytes, data: bytes) -> None:
        key.verify(signature, data)

    def sign(self, key: ed25519.Ed25519PrivateKey, data: bytes) -> bytes:
        return key.sign(data)


@dataclass(frozen=True)
class _Ecdsa:
    """The signature is r and s, `size` bytes each (RFC 9421, 3.3.4; RFC 7518, 3.4), not DER."""

    curve: str
    hash: hashes.HashAlgorithm
    size: int

    def fits(self, key: Public) -> bool:
        return isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == self.curve

    def verify(self, key: ec.EllipticCurvePublicKey, signature: bytes, data: bytes) -> None:
        if len(signature) != 2 * self.size:
            raise InvalidSignature
        r, s = (int.from_bytes(half, "big") for half in (signature[: self.size], signature[self.size :]))
        key.verify(encode_dss_signature(r, s), data, ec.ECDSA(self.hash))

    def sign(self, key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(self.hash)))
        return r.to_bytes(self.size, "big") + s.to_bytes(self.size, "big")


@dataclass(frozen=True)
class _Rsa:
    padding: AsymmetricPadding
    hash: hashes.HashAlgorithm

    def fits(self, key: Public) -> bool:
        return isinstance(key, rsa.RSAPublicKey)

    def verify(self, key: rsa.RSAPublicKey, signature: bytes, data: bytes) -> None:
        key.verify(signature, data, self.padding, self.hash)

    def sign(self, key: rsa.RSAPrivateKey, data: bytes) -> bytes:
        return key.sign(data, self.padding, self.hash)


_ALGORITHMS: Mapping[str, _Algorithm] = {
    "ed25519": _Ed25519(),
    "ecdsa-p256-sha256": _Ecdsa("secp256r1", hashes.SHA256(), 32),
    "ecdsa-p384-sha384": _Ecdsa("secp384r1", hashes.SHA384(), 48),
    "rsa-v1_5-sha256": _Rsa(PKCS1v15(), hashes.SHA256()),
    "rsa-pss-sha512": _Rsa(PSS(MGF1(hashes.SHA512()), 64), hashes.SHA512()),
    "rsa-sha256": _Rsa(PKCS1v15(), hashes.SHA256()),
    "rsa-sha512": _Rsa(PKCS1v15(), hashes.SHA512()),
}

# What a JWK's `alg` narrows its key to. The first name is the one that we write: "Ed25519" (RFC 9864) is what
# opencloudmesh-go writes itself and Nextcloud reads too, the others are those of RFC 7518.
_JOSE: Mapping[str, frozenset[str]] = {
    "Ed25519": frozenset({"ed25519"}),
    "EdDSA": frozenset({"ed25519"}),
    "ES256": frozenset({"ecdsa-p256-sha256"}),
    "ES384": frozenset({"ecdsa-p384-sha384"}),
    "RS256": frozenset({"rsa-v1_5-sha256", "rsa-sha256"}),
    "RS512": frozenset({"rsa-sha512"}),
    "PS512": frozenset({"rsa-pss-sha512"}),
}
_CURVES: Mapping[str, tuple[ec.EllipticCurve, int]] = {
    "P-256": (ec.SECP256R1(), 32),
    "P-384": (ec.SECP384R1(), 48),
}
_KID = re.compile(r"https?://(?P<url>[^/?#@\s]+)([/?#]\S*)?|(?P<host>[^/?#@\s]+)#\S+", re.IGNORECASE)


@dataclass(frozen=True)
class PublicKey:
    """A key that checks signatures; `algorithms` are those that it may be used with."""

    kid: str
    algorithms: frozenset[str]
    key: Public

    def verify(self, algorithm: str, signature: bytes, data: bytes) -> None:
        """Raises `SignatureError` unless `signature` is this key's over `data`."""
        if algorithm not in self.algorithms:
            raise SignatureError("The signature's algorithm is not one of its key's.")
        try:
            _ALGORITHMS[algorithm].verify(self.key, signature, data)
        except (InvalidSignature, ValueError):
            raise SignatureError("The signature does not match the request.") from None

    def jwk(self) -> dict[str, str]:
        """The key as a JSON Web Key (RFC 7517). Nextcloud refuses keys without `alg`."""
        alg = next((name for name, algorithms in _JOSE.items() if algorithms == self.algorithms), None)
        return {**_parameters(self.key), "kid": self.kid, "use": "sig"} | ({"alg": alg} if alg else {})

    def thumbprint(self) -> str:
        """What tells this key from every other (RFC 7638), whatever it is called: SHA-256 in base64url."""
        members = json.dumps(_parameters(self.key), sort_keys=True, separators=(",", ":"))
        return base64url.encode(hashlib.sha256(members.encode()).digest())

    def pem(self) -> str:
        """The key as SubjectPublicKeyInfo in PEM."""
        return self.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@dataclass(frozen=True)
class SigningKey:
    """A key of our own. `algorithm` is what it signs with unless told otherwise."""

    kid: str
    algorithm: str
    private: Private = field(repr=False)

    @classmethod
    def from_private_pem(cls, kid: str, pem: str, passphrase: str = "") -> SigningKey:
        """Reads a PKCS #8 key, encrypted where there is a passphrase. Raises `Invalid`."""
        try:
            private = load_pem_private_key(pem.encode(), password=passphrase.encode() or None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise Invalid("This is not a private key.") from None
        if not isinstance(private, Private):
            raise Invalid("This kind of private key is not supported.")
        fitting = _fitting(private.public_key())
        # An RSA key is there for Nextcloud 31-34, which signs rsa-sha512 itself.
        return cls(kid, "rsa-sha512" if "rsa-sha512" in fitting else min(fitting), private)

    def sign(self, data: bytes, algorithm: str | None = None) -> bytes:
        """The signature's bytes, as RFC 9421 (3.3) and draft-cavage want them. Raises `SignatureError`."""
        name = algorithm or self.algorithm
        if name not in _fitting(self.private.public_key()):
            raise SignatureError("Our key cannot sign with that algorithm.", detail=f"{self.kid}: {name}")
        return _ALGORITHMS[name].sign(self.private, data)

    @property
    def public(self) -> PublicKey:
        """The other half, narrowed to the algorithm that we sign with."""
        algorithms = next(names for names in _JOSE.values() if self.algorithm in names)
        return PublicKey(self.kid, algorithms, self.private.public_key())

    def jwk(self) -> dict[str, str]:
        """The public half as a JSON Web Key."""
        return self.public.jwk()

    def public_pem(self) -> str:
        """The public half in PEM, for `publicKey` of the discovery document."""
        return self.public.pem()

    def private_pem(self, passphrase: str = "") -> str:
        """The secret half as PKCS #8 for our own store, encrypted where there is a passphrase."""
        encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()


def parse_jwks(value: object) -> tuple[PublicKey, ...]:
    """The keys of a decoded JWK set that are understood and meant for signatures.

    Others are skipped, as RFC 7517 (5) asks. Raises `Invalid` if it is no JWK set, or one of over `MAX_KEYS`.
    """
    listed = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise Invalid("This is not a JWK set.")
    return tuple(key for jwk in listed if (key := _understood(jwk)))


def build_jwks(keys: Iterable[SigningKey | PublicKey]) -> dict[str, Any]:
    """A JWK set of the public halves."""
    return {"keys": [key.jwk() for key in keys]}


def from_pem(kid: str, pem: str) -> PublicKey:
    """The key of a discovery document (`publicKey`, dialects 1.2 and 1.3). Raises `Invalid`."""
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Invalid("This is not a public key.") from None
    if not isinstance(key, Public):
        raise Invalid("This kind of public key is not supported.")
    return PublicKey(kid, _fitting(key), key)


def host_of(kid: str) -> str:
    """`host[:port]`, normalised, of a key id: `host#name` or a URL. Raises `SignatureError`.

    IETF-OCM writes `host#name`, Nextcloud `https://host/ocm#signature`.
    """
    match = _KID.fullmatch(kid) if len(kid) <= MAX_KID and kid.isascii() else None
    if match is None:
        raise SignatureError("The key id names no server.")
    try:
        return normalise_host(match["url"] or match["host"])
    except Invalid:
        raise SignatureError("The key id names no server.") from None


def _fitting(key: Public) -> frozenset[str]:
    if isinstance(key, rsa.RSAPublicKey) and key.key_size not in RSA_BITS:
        raise Invalid("RSA keys must have 2048 to 8192 bits.")
    fitting = frozenset(name for name, algorithm in _ALGORITHMS.items() if algorithm.fits(key))
    if not fitting:
        raise Invalid("This kind of key is not supported.")
    return fitting


def _understood(jwk: object) -> PublicKey | None:
    if not isinstance(jwk, dict) or not _checks_signatures(jwk):
        return None
    kid, alg = jwk.get("kid"), jwk.get("alg")
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID:
        return None
    try:
        key = _public(jwk)
        fitting = _fitting(key)
    except (Invalid, KeyError, TypeError, ValueError, UnsupportedAlgorithm):
        return None
    # The example of IETF-OCM (Appendix B) has no `alg`. Nextcloud reads the names of RFC 9421 there as well.
    narrowed = fitting if alg is None else fitting & _JOSE.get(str(alg), frozenset({str(alg)}))
    return PublicKey(kid, narrowed, key) if narrowed else None


def _checks_signatures(jwk: Mapping[str, Any]) -> bool:
    operations = jwk.get("key_ops", ["verify"])
    return jwk.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations


def _public(jwk: Mapping[str, Any]) -> Public:
    match jwk["kty"], jwk.get("crv"):
        case "OKP", "Ed25519":
            return ed25519.Ed25519PublicKey.from_public_bytes(_bytes(jwk, "x"))
        case "EC", str(name):
            curve, size = _CURVES[name]
            x, y = (_bytes(jwk, coordinate) for coordinate in ("x", "y"))
            if len(x) != size or len(y) != size:  # RFC 7518, 6.2.1.2
                raise Invalid("The coordinates are of the wrong length.")
            return ec.EllipticCurvePublicKey.from_encoded_point(curve, b"\x04" + x + y)
        case "RSA", _:
            n, e = (int.from_bytes(_bytes(jwk, number), "big") for number in ("n", "e"))
            return rsa.RSAPublicNumbers(e, n).public_key()
    raise Invalid("This kind of key is not supported.")


def _bytes(jwk: Mapping[str, Any], name: str) -> bytes:
    if not isinstance(jwk[name], str):
        raise Invalid("The key's numbers must be text.")
    return base64url.decode(jwk[name])


def _parameters(key: Public) -> dict[str, str]:
    if isinstance(key, ed25519.Ed25519PublicKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": base64url.encode(key.public_bytes_raw())}
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return {"kty": "RSA", "n": _encode_number(numbers.n), "e": _encode_number(numbers.e)}
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]
    name = next(name for name, (curve, _) in _CURVES.items() if curve.name == key.curve.name)
    x, y = point[: len(point) // 2], point[len(point) // 2 :]
    return {"kty": "EC", "crv": name, "x": base64url.encode(x), "y": base64url.encode(y)}


def _encode_number(number: int) -> str:
    return base64url.encode(number.to_bytes((number.bit_length() + 7) // 8, "big"))
