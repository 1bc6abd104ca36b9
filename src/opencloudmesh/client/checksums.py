"""What a peer says that the bytes of a file add up to.

`OC-Checksum` is Nextcloud's and ownCloud's, `Repr-Digest` is of RFC 9530 and `Digest` of RFC 3230: all of the whole
file, also where a part of it comes. `Content-MD5` is of what comes.
"""

from __future__ import annotations

import base64
import binascii
import re

from opencloudmesh.protocol.wire import Headers

SIZES = {"md5": 16, "sha1": 20, "sha256": 32, "sha512": 64}  # bytes, strongest last

_OC = re.compile(r"(MD5|SHA1|SHA256|SHA512):([0-9a-fA-F]{32,128})")
_DIGEST = re.compile(r"(md5|sha|sha-1|sha-256|sha-512)=:?([A-Za-z0-9+/]{22,88}={0,2}):?", re.IGNORECASE)


def checksum_of(headers: Headers, *, whole: bool) -> tuple[str, bytes] | None:
    """The strongest that is understood: the name that `hashlib` has for it, and the digest."""
    found: dict[str, bytes] = {}
    for algorithm, text in _OC.findall(headers.get("oc-checksum") or ""):
        found[algorithm.lower()] = bytes.fromhex(text) if len(text) % 2 == 0 else b""
    for name in ("digest", "repr-digest"):
        for algorithm, text in _DIGEST.findall(headers.get(name) or ""):
            kind = algorithm.lower().replace("-", "")
            found["sha1" if kind == "sha" else kind] = _decoded(text)
    if whole and "md5" not in found:
        found["md5"] = _decoded((headers.get("content-md5") or "").strip())
    usable = [(name, found[name]) for name, size in SIZES.items() if len(found.get(name, b"")) == size]
    return usable[-1] if usable else None


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return b""
