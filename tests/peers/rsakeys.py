"""RSA keys of emulated servers. A few are made once, for making one takes longer than most tests.

Servers that are there at the same time have different ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from cryptography.hazmat.primitives.asymmetric import rsa


def next_rsa_key() -> rsa.RSAPrivateKey:
    """The key of one more server."""
    return next(_keys)


def _made() -> Iterator[rsa.RSAPrivateKey]:
    yield from itertools.cycle([rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(4)])


_keys = _made()
