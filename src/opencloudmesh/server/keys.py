"""Our own signing keys: an Ed25519 pair for RFC 9421, an RSA pair for the older signatures.

Made at the first start and kept in the data folder, readable by the server's user only.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from opencloudmesh.protocol.address import normalise_host
from opencloudmesh.protocol.discovery import Discovery, PemKey
from opencloudmesh.protocol.keys import SigningKey, build_jwks
from opencloudmesh.protocol.obligations import SignatureFamily, signature_family
from opencloudmesh.protocol.signatures import Signer, sign

FOLDER = "keys"
RSA_BITS = 2048  # what Nextcloud makes and reads


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys we sign with."""

    ed25519: SigningKey
    rsa: SigningKey

    def key_for(self, family: SignatureFamily) -> SigningKey:
        """The key of a signature family."""
        return {"rfc9421": self.ed25519, "cavage": self.rsa}[family]

    def signer(self, peer: Discovery, clock: Callable[[], float]) -> Signer | None:
        """What signs for this peer, at the moment of sending; None for a peer that reads no signatures."""
        family = signature_family(peer)
        if family is None:
            return None
        return lambda request: sign(
            request, self.key_for(family), int(clock()), family, nonce=secrets.token_urlsafe(12)
        )

    @property
    def jwks(self) -> dict[str, object]:
        """The JWK set that we publish."""
        return build_jwks([self.ed25519])

    @property
    def public_key(self) -> PemKey:
        """`publicKey` of our discovery document; its keyId is byte for byte that of our signatures."""
        return PemKey(self.rsa.kid, self.rsa.public_pem())


def load(data: Path, public_url: str) -> Keyring:
    """The keys in the data folder, made where there are none."""
    folder = data / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Keyring(
        # opencloudmesh-go finds a key only under `host#name`, Nextcloud its own only under the URL it publishes.
        ed25519=_load(folder / "ed25519.pem", f"{normalise_host(public_url)}#ed25519-1"),
        rsa=_load(folder / "rsa.pem", f"{public_url}/ocm#signature"),
    )


def _load(path: Path, kid: str) -> SigningKey:
    if not path.exists():
        made = (
            SigningKey(kid, "ed25519", ed25519.Ed25519PrivateKey.generate())
            if path.stem == "ed25519"
            else SigningKey(kid, "rsa-sha512", rsa.generate_private_key(65537, RSA_BITS))
        )
        _write_secretly(path, made.private_pem())
    return SigningKey.from_private_pem(kid, path.read_text())


def _write_secretly(path: Path, text: str) -> None:
    """Writes a file that only we can read, whole or not at all; the first of two that race wins."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)  # mode 0600
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(temporary)
