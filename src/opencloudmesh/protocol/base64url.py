"""base64url without padding (RFC 4648, 5; RFC 7515, 2): in JWK sets, JWS documents and invite strings."""

from __future__ import annotations

import base64
import binascii

from opencloudmesh.protocol.errors import Invalid


def encode(data: bytes) -> str:
    """The text, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """The bytes. Padding is optional; any character outside the alphabet raises `Invalid`."""
    digits = text.rstrip("=")
    if "+" in digits or "/" in digits:  # b64decode takes these beside `altchars`
        raise Invalid("This is not base64url.")
    try:
        return base64.b64decode(digits + "=" * (-len(digits) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("This is not base64url.") from None
