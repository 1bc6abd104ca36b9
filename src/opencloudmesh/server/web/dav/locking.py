"""LOCK and UNLOCK (RFC 4918, 9.10 and 9.11)."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from functools import partial

from lxml import etree
from starlette.responses import Response

from opencloudmesh.protocol.errors import Conflict, Invalid
from opencloudmesh.server import locks
from opencloudmesh.server.locks import Lock
from opencloudmesh.server.trees import require
from opencloudmesh.server.web.dav import xml
from opencloudmesh.server.web.dav.call import Call
from opencloudmesh.server.web.dav.conditions import Change, hold, lock_root, unlocked

_SECONDS = re.compile(r"\s*second-(\d{1,10})\s*", re.IGNORECASE)


async def lock(call: Call) -> Response:
    """200 with the lock; 201 where an empty file was made for it (RFC 4918, 7.3). Without a body: refreshes."""
    require("lock", call.entry.permissions if call.entry else call.tree.permissions)
    body = await call.body()
    tokens = await hold(call)
    account, place = call.tree.account, call.place(call.path)
    seconds = _timeout(call.header("timeout"))
    if not body.strip():
        if not tokens:
            raise Invalid("A lock to refresh must be named in the If header.")
        refresh = partial(
            locks.refresh, account=account, path=place, tokens=tokens, principal=call.principal, seconds=seconds
        )
        return _lock_response(call, await call.database.write(refresh), 200)
    exclusive, owner_xml = _lock_info(body)
    infinite = call.depth("infinity", "0", "infinity") == "infinity"
    if call.entry is None:
        await unlocked(call, tokens, Change(call.path, member=True))
    acquire = partial(
        locks.acquire,
        account=account,
        path=place,
        principal=call.principal,
        exclusive=exclusive,
        infinite=infinite,
        owner_xml=owner_xml,
        seconds=seconds,
    )
    try:
        acquired = await call.database.write(acquire)
    except locks.InTheWay as error:
        href = lock_root(call, error.path)
        raise xml.ConditionError(423, "no-conflicting-lock", error.message, href=href) from error
    if call.entry is None:
        await _make_file(call, acquired)
    return _lock_response(call, acquired, 200 if call.entry else 201, {"Lock-Token": f"<{acquired.token}>"})


async def unlock(call: Call) -> Response:
    """204."""
    value = (call.header("lock-token") or "").strip()
    if not (value.startswith("<") and value.endswith(">")):
        raise Invalid("The Lock-Token is missing.")
    await hold(call)
    place = call.place(call.path)
    release = partial(locks.release, account=call.tree.account, path=place, token=value[1:-1], principal=call.principal)
    try:
        await call.database.write(release)
    except Conflict as error:
        raise xml.ConditionError(409, "lock-token-matches-request-uri", error.message) from error
    return Response(status_code=204)


def active_lock(call: Call, lock: Lock) -> str:
    """A lock as it stands in `lockdiscovery`."""
    scope, depth = "exclusive" if lock.exclusive else "shared", "infinity" if lock.infinite else "0"
    owner = f"<d:owner>{lock.owner_xml}</d:owner>" if lock.owner_xml else ""
    left = max(0, lock.until - int(time.time()))
    return (
        f"<d:activelock><d:locktype><d:write/></d:locktype><d:lockscope><d:{scope}/></d:lockscope>"
        f"<d:depth>{depth}</d:depth>{owner}<d:timeout>Second-{left}</d:timeout>"
        f"<d:locktoken><d:href>{xml.escape(lock.token)}</d:href></d:locktoken>"
        f"<d:lockroot><d:href>{lock_root(call, lock.path)}</d:href></d:lockroot></d:activelock>"
    )


async def _make_file(call: Call, acquired: Lock) -> None:
    """The empty file at a locked URL that had none. Where it cannot be made, the lock ends."""
    try:
        await call.tree.write(call.path, _no_chunks(), size=0)
    except Exception:
        release = partial(
            locks.release, account=acquired.account, path=acquired.path, token=acquired.token, principal=call.principal
        )
        await call.database.write(release)
        raise


async def _no_chunks() -> AsyncIterator[bytes]:
    return
    yield b""


def _lock_response(call: Call, lock: Lock, status: int, headers: dict[str, str] | None = None) -> Response:
    discovery = f"<d:lockdiscovery>{active_lock(call, lock)}</d:lockdiscovery>"
    return xml.answer(f"<d:prop {xml.NAMESPACES}>{discovery}</d:prop>", status, headers)


def _lock_info(body: bytes) -> tuple[bool, str]:
    """Whether the lock is to be exclusive, and what the client says of itself, as XML."""
    root = xml.parse(body)
    shared, exclusive = (root.find(f"{{{xml.DAV}}}lockscope/{{{xml.DAV}}}{scope}") for scope in ("shared", "exclusive"))
    is_write = root.find(f"{{{xml.DAV}}}locktype/{{{xml.DAV}}}write") is not None
    if root.tag != f"{{{xml.DAV}}}lockinfo" or not is_write or (shared is None) == (exclusive is None):
        raise Invalid("The body is not a lockinfo that is understood.")
    owner = root.find(f"{{{xml.DAV}}}owner")
    if owner is None:
        return shared is None, ""
    content = xml.escape(owner.text or "") + "".join(etree.tostring(child, encoding="unicode") for child in owner)
    return shared is None, content


def _timeout(value: str | None) -> int:
    """Seconds (RFC 4918, 10.7): the first wish in the list that is understood."""
    for wish in (value or "").split(","):
        if wish.strip().lower() == "infinite":
            return locks.MAX_SECONDS
        if match := _SECONDS.fullmatch(wish):
            return min(int(match[1]), locks.MAX_SECONDS)
    return locks.USUAL_SECONDS
