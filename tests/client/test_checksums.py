"""What peers say that a file adds up to, in the spellings of Nextcloud, ownCloud and the RFCs."""

from __future__ import annotations

import base64
import hashlib

import pytest

from opencloudmesh.client.checksums import checksum_of
from opencloudmesh.protocol.wire import Headers

DATA = b"e = mc2"
SHA1, SHA256, MD5 = (getattr(hashlib, name)(DATA) for name in ("sha1", "sha256", "md5"))


def written(digest):
    return base64.b64encode(digest.digest()).decode()


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"OC-Checksum": f"SHA1:{SHA1.hexdigest()}"}, ("sha1", SHA1.digest())),
        ({"OC-Checksum": f"MD5:{MD5.hexdigest()} SHA256:{SHA256.hexdigest()}"}, ("sha256", SHA256.digest())),
        ({"Repr-Digest": f"sha-256=:{written(SHA256)}:"}, ("sha256", SHA256.digest())),
        ({"Digest": f"SHA={written(SHA1)},MD5={written(MD5)}"}, ("sha1", SHA1.digest())),
        ({"Content-MD5": written(MD5)}, ("md5", MD5.digest())),
        ({}, None),
        ({"OC-Checksum": "ADLER32:1234"}, None),
        ({"OC-Checksum": "SHA1:1234", "Digest": "sha-256=nonsense", "Content-MD5": "\x7f"}, None),
    ],
)
def test_the_strongest_that_is_understood_counts(headers, expected):
    assert checksum_of(Headers(headers), whole=True) == expected


def test_what_is_said_of_a_part_is_not_of_the_whole():
    assert checksum_of(Headers({"Content-MD5": written(MD5)}), whole=False) is None
    assert checksum_of(Headers({"OC-Checksum": f"SHA1:{SHA1.hexdigest()}"}), whole=False) is not None
