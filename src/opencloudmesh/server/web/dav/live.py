"""The properties that we know ourselves, one function each, in one table.

Besides those of RFC 4918 and RFC 4331 (quota) there are those by which clouds tell permissions. Nextcloud and
ownCloud believe the number of `ocs:share-permissions` first, then the list of `ocm:share-permissions`, then the
letters of `oc:permissions`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from opencloudmesh.protocol.wire import encode_json
from opencloudmesh.server.locks import Lock
from opencloudmesh.server.trees import READ, SHARE, WRITE, Entry, Permissions, Quota
from opencloudmesh.server.web.dav.xml import DAV, OCM, OCS, OWNCLOUD, escape

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LOCK_SCOPES = "".join(
    f"<d:lockentry><d:lockscope><d:{scope}/></d:lockscope><d:locktype><d:write/></d:locktype></d:lockentry>"
    for scope in ("exclusive", "shared")
)


@dataclass(frozen=True, slots=True)
class Around:
    """What some properties need besides the entry."""

    locks: Callable[[Entry], Sequence[Lock]]
    active_lock: Callable[[Lock], str]
    quota: Quota | None


Property = Callable[[Entry, Around], str | None]  # the element; None where the entry has no such property


def http_date(seconds: int) -> str:
    """An HTTP date (RFC 9110, 5.6.7)."""
    t = time.gmtime(seconds)
    day, month = _DAYS[t.tm_wday], _MONTHS[t.tm_mon - 1]
    return f"{day}, {t.tm_mday:02} {month} {t.tm_year:04} {t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02} GMT"


def _resource_type(entry: Entry, _: Around) -> str:
    return "<d:resourcetype><d:collection/></d:resourcetype>" if entry.is_folder else "<d:resourcetype/>"


def _etag(entry: Entry, _: Around) -> str:
    return f'<d:getetag>"{escape(entry.etag)}"</d:getetag>'


def _last_modified(entry: Entry, _: Around) -> str:
    return f"<d:getlastmodified>{http_date(entry.modified_ns // 1_000_000_000)}</d:getlastmodified>"


def _creation_date(entry: Entry, _: Around) -> str:
    # Nobody keeps the real one; RFC 4918, 15.1 wants the property nevertheless.
    t = time.gmtime(entry.modified_ns // 1_000_000_000)
    return f"<d:creationdate>{time.strftime('%Y-%m-%dT%H:%M:%SZ', t)}</d:creationdate>"


def _content_length(entry: Entry, _: Around) -> str | None:
    return None if entry.is_folder else f"<d:getcontentlength>{entry.size}</d:getcontentlength>"


def _content_type(entry: Entry, _: Around) -> str | None:
    if entry.is_folder:
        return None
    return f"<d:getcontenttype>{escape(entry.media_type) or 'application/octet-stream'}</d:getcontenttype>"


def _display_name(entry: Entry, _: Around) -> str:
    return f"<d:displayname>{escape(entry.name)}</d:displayname>"


def _supported_lock(_entry: Entry, _: Around) -> str:
    return f"<d:supportedlock>{_LOCK_SCOPES}</d:supportedlock>"


def _lock_discovery(entry: Entry, around: Around) -> str:
    return f"<d:lockdiscovery>{''.join(map(around.active_lock, around.locks(entry)))}</d:lockdiscovery>"


def _quota_used(entry: Entry, around: Around) -> str | None:
    if not entry.is_folder or around.quota is None:
        return None
    return f"<d:quota-used-bytes>{around.quota.used}</d:quota-used-bytes>"


def _quota_available(entry: Entry, around: Around) -> str | None:
    if not entry.is_folder or around.quota is None or around.quota.available is None:
        return None
    return f"<d:quota-available-bytes>{around.quota.available}</d:quota-available-bytes>"


def _letters(entry: Entry, _: Around) -> str:
    return _permission_letters(entry.permissions, entry.is_folder, entry.mounted)


def _number(entry: Entry, _: Around) -> str:
    return _permission_number(entry.permissions, entry.is_folder, entry.path == "")


def _words(entry: Entry, _: Around) -> str:
    return _permission_words(entry.permissions)


@lru_cache(64)
def _permission_letters(permissions: Permissions, folder: bool, mounted: bool) -> str:
    """R: may be shared on, M: mounted, D, N, V: may be deleted, renamed, moved, W: written, C, K: created in."""
    letters = "R" if SHARE in permissions else ""
    letters += "M" if mounted else ""
    if WRITE in permissions:
        letters += "DNVCK" if folder else "DNVW"
    return f"<oc:permissions>{letters}</oc:permissions>"


@lru_cache(64)
def _permission_number(permissions: Permissions, folder: bool, root: bool) -> str:
    """1 read, 2 update, 4 create, 8 delete, 16 share. A file creates nothing, a shared one is not deleted."""
    number = (1 if READ in permissions else 0) + (16 if SHARE in permissions else 0)
    if WRITE in permissions:
        number += 2 + (4 if folder else 0) + (8 if folder or not root else 0)
    return f"<ocs:share-permissions>{number}</ocs:share-permissions>"


@lru_cache(64)
def _permission_words(permissions: Permissions) -> str:
    words = [word for word in (READ, WRITE, SHARE) if word in permissions]
    return f"<ocm:share-permissions>{escape(encode_json(words).decode())}</ocm:share-permissions>"


LIVE: Mapping[str, Property] = MappingProxyType(
    {
        f"{{{DAV}}}resourcetype": _resource_type,
        f"{{{DAV}}}getetag": _etag,
        f"{{{DAV}}}getlastmodified": _last_modified,
        f"{{{DAV}}}creationdate": _creation_date,
        f"{{{DAV}}}getcontentlength": _content_length,
        f"{{{DAV}}}getcontenttype": _content_type,
        f"{{{DAV}}}displayname": _display_name,
        f"{{{DAV}}}supportedlock": _supported_lock,
        f"{{{DAV}}}lockdiscovery": _lock_discovery,
        f"{{{OWNCLOUD}}}permissions": _letters,
        f"{{{OCS}}}share-permissions": _number,
        f"{{{OCM}}}share-permissions": _words,
        f"{{{DAV}}}quota-used-bytes": _quota_used,
        f"{{{DAV}}}quota-available-bytes": _quota_available,
    }
)
LOCK_DISCOVERY = f"{{{DAV}}}lockdiscovery"
QUOTA = frozenset({f"{{{DAV}}}quota-used-bytes", f"{{{DAV}}}quota-available-bytes"})
ALL_PROPERTIES = tuple(name for name in LIVE if name not in QUOTA)  # RFC 4331, 3: quota only when asked for
