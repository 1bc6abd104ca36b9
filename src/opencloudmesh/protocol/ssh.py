"""Access over SSH: where a share is, as a command that can be pasted, and the keys with which people come.

IETF-OCM, "Share Creation Notification": `ssh.uri` is `username@host:port/path`, and the answer carries the recipient's
public keys. What a peer says becomes part of a command line, so only characters that no shell looks at are taken.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from opencloudmesh.protocol.address import normalise_host
from opencloudmesh.protocol.errors import FieldError, Invalid

MAX_KEY = 4096  # characters
MIN_RSA = 2048  # bits
KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")

# No part begins with "-", which would be an option; no sign in the path means anything to a shell.
_ADDRESS = re.compile(
    r"(?:ssh://|sftp://)?(?P<user>[A-Za-z0-9_][A-Za-z0-9._+-]{0,63})@"
    r"(?P<host>[A-Za-z0-9][A-Za-z0-9.-]{0,252})(?::(?P<port>[1-9][0-9]{0,4}))?(?P<path>/[\w ._~+=,@:/-]{0,1024})?"
)


@dataclass(frozen=True, slots=True)
class SshAddress:
    """Where a share is; `path` with its leading slash, or ""."""

    user: str
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, text: str) -> SshAddress:
        """Raises `Invalid`."""
        match = _ADDRESS.fullmatch(text)
        if match is None or int(match["port"] or 22) > 65_535:
            raise Invalid("This is not an address for SSH.")
        host = normalise_host(match["host"])
        return cls(match["user"], host, int(match["port"] or 22), match["path"] or "")

    @property
    def command(self) -> str:
        """What opens it in a terminal."""
        port = f"-P {self.port} " if self.port != 22 else ""
        return f"sftp {port}{shlex.quote(f'{self.user}@{self.host}:{self.path}')}"


def read_key(text: str) -> str:
    """A public key as OpenSSH writes it, without its comment. Raises `Invalid` for anything else, options too."""
    wrong = [FieldError("key", "INVALID")]
    parts = text.split()
    if len(text) > MAX_KEY or len(parts) < 2 or "\n" in text.strip():
        raise Invalid("Paste one public key, as it is in a file like id_ed25519.pub.", fields=wrong)
    plain = f"{parts[0]} {parts[1]}"
    if parts[0] not in KINDS:
        raise Invalid("Take a key of the kind ed25519, ecdsa, or rsa with 2048 bits and more.", fields=wrong)
    try:
        key = load_ssh_public_key(plain.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise Invalid("This is not a public key of OpenSSH.", fields=wrong) from None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < MIN_RSA:
        raise Invalid("An rsa key must have 2048 bits and more.", fields=wrong)
    return plain
