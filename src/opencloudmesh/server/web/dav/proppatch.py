"""PROPPATCH: properties set and removed, all or none (RFC 4918, 9.2)."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from email.utils import parsedate_to_datetime
from functools import partial

from lxml import etree
from starlette.responses import Response

from opencloudmesh.protocol.errors import Invalid
from opencloudmesh.server import properties
from opencloudmesh.server.trees import Entry, require
from opencloudmesh.server.web.dav import xml
from opencloudmesh.server.web.dav.call import Call
from opencloudmesh.server.web.dav.conditions import NANO, Change, hold, unlocked
from opencloudmesh.server.web.dav.live import LIVE

# How clients set a file's time: Nextcloud as seconds in the first, others as a date in the second.
MODIFIED = (f"{{{xml.DAV}}}lastmodified", f"{{{xml.DAV}}}getlastmodified")
MAX_SECONDS = 1 << 33  # the year 2242: what every file system takes
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


async def proppatch(call: Call) -> Response:
    """207 that says of each property how it went: 200 for all, or of one why not and 424 for the others."""
    entry = call.existing()
    require("set_properties", entry.permissions)
    changes = dict(_instructions(xml.parse(await call.body())))
    tokens = await hold(call)
    await unlocked(call, tokens, Change(entry.path))
    refused = {name: status for name, value in changes.items() if (status := _refused(entry, name, value)) != 200}
    if not refused:
        await _apply(call, entry, changes)
    statuses = {name: refused.get(name, 424 if refused else 200) for name in changes}
    parts = [
        xml.propstat(
            (xml.empty(name) for name in changes if statuses[name] == status),
            status,
            "cannot-modify-protected-property" if status == 403 else "",
        )
        for status in dict.fromkeys(statuses.values())
    ]
    href = call.href(call.asked, folder=entry.is_folder)
    return xml.multistatus(f"<d:response><d:href>{href}</d:href>{''.join(parts)}</d:response>")


async def _apply(call: Call, entry: Entry, changes: dict[str, etree._Element | None]) -> None:
    dead = {
        name: None if value is None else _serialised(value) for name, value in changes.items() if name not in MODIFIED
    }
    times = [_modified_ns(value) for name, value in changes.items() if name in MODIFIED and value is not None]
    if dead:
        account, place = call.tree.account, call.place(entry.path)
        await call.database.write(partial(properties.change, account=account, path=place, changes=dead))
    for time in times:
        if time is not None:
            await call.tree.touch(entry.path, time)


def _instructions(root: etree._Element) -> Iterator[tuple[str, etree._Element | None]]:
    """What is to be set (the element) and removed (None), in document order; the last word on a name counts."""
    if root.tag != f"{{{xml.DAV}}}propertyupdate":
        raise Invalid("The body is not a propertyupdate.")
    for instruction in root:
        if instruction.tag not in (f"{{{xml.DAV}}}set", f"{{{xml.DAV}}}remove"):
            continue
        for element in instruction.iterfind(f"{{{xml.DAV}}}prop/*"):
            yield str(element.tag), element if instruction.tag == f"{{{xml.DAV}}}set" else None


def _refused(entry: Entry, name: str, value: etree._Element | None) -> int:
    """200, 403 for what is ours alone, 409 for a value that makes no sense."""
    if name in MODIFIED:
        if entry.is_folder or value is None:
            return 403
        return 409 if _modified_ns(value) is None else 200
    return 403 if name in LIVE else 200


def _modified_ns(element: etree._Element) -> int | None:
    """Unix seconds or an HTTP date, as nanoseconds; None for anything else."""
    text = (element.text or "").strip()
    try:
        seconds = float(text) if text.replace(".", "", 1).isdigit() else parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return int(seconds) * NANO if 0 <= seconds < MAX_SECONDS else None


def _serialised(element: etree._Element) -> str:
    """The element with every namespace and the language that it had from around it (RFC 4918, 4.3)."""
    languages = (outer.get(_LANGUAGE) for outer in (element, *element.iterancestors()))
    language = next((language for language in languages if language is not None), None)
    alone = deepcopy(element)
    alone.tail = None
    if language is not None:
        alone.set(_LANGUAGE, language)
    return etree.tostring(alone, encoding="unicode")
