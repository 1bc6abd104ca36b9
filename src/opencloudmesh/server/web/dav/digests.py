"""What a file adds up to, for who asks (`Want-Repr-Digest`, RFC 9530): whoever copies it sees that all of it arrived.

All of the file is read before the first byte goes out. So it is told of files that are read in a moment, and while few
others ask; nobody can rely on it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from opencloudmesh.server.contents import on_disk, opened

MAX_SIZE = 1 << 30  # bytes
AT_ONCE = 2

_WANTED = re.compile(r"\bsha-256\s*=\s*[1-9]", re.IGNORECASE)
_under_way: set[object] = set()


async def told(wanted: str | None, file: Path | None, size: int) -> dict[str, str]:
    """The header that says so, or none. `wanted` is the header that asks; `file` None: it is elsewhere."""
    if file is None or size > MAX_SIZE or len(_under_way) >= AT_ONCE or not _WANTED.search(wanted or ""):
        return {}
    turn = object()
    _under_way.add(turn)
    try:
        digest = await on_disk(_digest, file)
    finally:
        _under_way.discard(turn)
    return {"Repr-Digest": f"sha-256=:{base64.b64encode(digest).decode()}:"}


def _digest(file: Path) -> bytes:
    with opened(file) as content:
        return hashlib.file_digest(content, "sha256").digest()
