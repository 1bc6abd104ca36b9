"""A peer's answer to PROPFIND, read with tolerance: RFC 4918 section 13 as Nextcloud, ownCloud, OpenCloud, CERNBox and
others write it.

The XML is parsed without entities, DTDs or network. What a peer calls a name is checked before it becomes one; entries
with other names are left out, and what an entry does not say gets a default.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

import msgspec
from lxml import etree

from opencloudmesh.protocol.errors import BadAnswer

DAV, OC = "{DAV:}", "{http://owncloud.org/ns}"
OCS, OCM = "{http://open-collaboration-services.org/ns}", "{http://open-cloud-mesh.org/ns}"
PROPERTIES = (
    DAV + "resourcetype",
    DAV + "getetag",
    DAV + "getlastmodified",
    DAV + "getcontentlength",
    DAV + "getcontenttype",
    DAV + "quota-available-bytes",
    DAV + "quota-used-bytes",
    OC + "permissions",
    OCS + "share-permissions",
    OCM + "share-permissions",
)

MAX_ENTRIES = 100_000
MAX_NAME = 255  # bytes of UTF-8, as in every file system
MAX_ETAG = 40  # characters; Nextcloud cuts at the same length
MAX_SIZE = 2**63 - 1

READ, WRITE, SHARE = "read", "write", "share"
OCS_READ, OCS_UPDATE, OCS_CREATE, OCS_SHARE = 1, 2, 4, 16  # bits of the number that Nextcloud and ownCloud give

_CONTROL = re.compile("[\x00-\x1f\x7f]")
_ETAG = re.compile(rf"[\x21\x23-\x7e]{{1,{MAX_ETAG}}}")
_ABSOLUTE_PATH = re.compile(r"(/[^/.?#][^/?#]*)*/?")  # what nearly all hrefs are: no other base, nothing to resolve
_MEDIA_TYPE = re.compile(r"[\w.+-]{1,100}/[\w.+-]{1,100}", re.ASCII)

Path = tuple[str, ...]  # decoded names, from the root of the host


@dataclass(frozen=True, slots=True)
class RemoteEntry:
    """A file or folder as its server describes it."""

    name: str  # "" for the root of the share
    is_folder: bool
    size: int  # bytes; 0 for a folder, and where the peer does not say
    modified_ns: int  # unix nanoseconds; 0 where the peer does not say
    etag: str  # without quotes, at most 40 characters; made from time and size where the peer gives none
    permissions: frozenset[str]  # subset of read, write, share; for display, the peer enforces
    media_type: str = ""
    used: int | None = None  # bytes, of the quota that applies there
    available: int | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """One `response` element. `status` is that of the response, 200 where only its properties have one."""

    path: Path
    status: int
    properties: Mapping[str, etree._Element]  # the ones that were found

    def entry(self, name: str) -> RemoteEntry:
        """What the properties say."""
        kind = self.properties.get(DAV + "resourcetype")
        is_folder = kind is not None and kind.find(DAV + "collection") is not None
        modified_ns = modified(self._text(DAV + "getlastmodified"))
        size = 0 if is_folder else _size(self._text(DAV + "getcontentlength")) or 0
        return RemoteEntry(
            name=name,
            is_folder=is_folder,
            size=size,
            modified_ns=modified_ns,
            etag=etag(self._text(DAV + "getetag")) or etag_of(modified_ns, size),
            permissions=self._permissions(),
            media_type="" if is_folder else media_type(self._text(DAV + "getcontenttype")),
            used=_size(self._text(DAV + "quota-used-bytes")),
            available=_size(self._text(DAV + "quota-available-bytes")),  # negative: unknown or unlimited
        )

    def _text(self, name: str) -> str:
        element = self.properties.get(name)
        return "" if element is None else (element.text or "").strip()

    def _permissions(self) -> frozenset[str]:
        """The order is Nextcloud's, for the same three properties; a peer that gives none lets us try everything."""
        bits = _size(self._text(OCS + "share-permissions"))
        if bits is not None:
            known = _known(bits & (OCS_UPDATE | OCS_CREATE), bits & OCS_SHARE)
            return known if bits & OCS_READ or not bits else known - {READ}  # ownCloud's links to upload by
        listed = _list(self._text(OCM + "share-permissions"))
        if listed is not None:
            return _known(WRITE in listed, SHARE in listed)
        letters = self._text(OC + "permissions")
        if letters or OC + "permissions" in self.properties:
            return _known("W" in letters or "CK" in letters, "R" in letters)
        return _known(True, True)


def parse(body: bytes, url: str) -> list[Resource]:
    """All responses of a multistatus that answers a request to `url`. Raises `BadAnswer`."""
    responses = _root(body).findall(DAV + "response")
    if len(responses) > MAX_ENTRIES:
        raise BadAnswer("The other server lists too many files.", detail=f"{len(responses)} entries")
    base = url.rstrip("/") + "/"
    return [_resource(response, base) for response in responses]


def statuses(body: bytes) -> list[int]:
    """Every status in a multistatus. Raises `BadAnswer`."""
    return [_code(element.text) for element in _root(body).iter(DAV + "status")]


def the_one(resources: list[Resource], url: str) -> Resource | None:
    """The resource that `url` names: one with its path, else the only or first one."""
    asked = path_of(url)
    return next((resource for resource in resources if resource.path == asked), resources[0] if resources else None)


def children(resources: list[Resource], url: str) -> Iterator[tuple[str, Resource]]:
    """The children of the folder that `url` names, each name once. The folder itself may come anywhere or not at all.

    A server behind a proxy may write hrefs under another root than the one that was asked for.
    """
    folder = path_of(url)
    if not any(folder in (resource.path, resource.path[:-1]) for resource in resources):
        shortest = sorted((resource.path for resource in resources), key=len)[:2]
        alone = len(shortest) == 1 or (shortest and len(shortest[0]) < len(shortest[1]))
        folder = () if not shortest else shortest[0] if alone else shortest[0][:-1]
    seen = set()
    for resource in resources:
        if resource.path and resource.path[:-1] == folder and resource.status < 400:
            name = resource.path[-1]
            if is_name(name) and name not in seen:
                seen.add(name)
                yield name, resource


def path_of(url: str) -> Path:
    """The decoded names of a URL's path. A name that is no UTF-8 becomes "", which is no name."""
    return _decoded_path(urlsplit(url).path)


def is_name(name: str) -> bool:
    """Whether a peer's word can stand as a name in a tree."""
    return (
        name not in ("", ".", "..") and "/" not in name and not _CONTROL.search(name) and len(name.encode()) <= MAX_NAME
    )


def etag(text: str) -> str:
    """An ETag without quotes and weakness, fit for a header field; "" for none."""
    bare = text.strip().removeprefix("W/").strip('"')
    if not bare or _ETAG.fullmatch(bare):
        return bare
    return hashlib.sha256(bare.encode(errors="replace")).hexdigest()[:MAX_ETAG]


def etag_of(modified_ns: int, size: int) -> str:
    """An ETag for what has none of its own."""
    return f"{modified_ns:x}-{size:x}"


def media_type(text: str) -> str:
    """A media type without parameters; "" for anything else."""
    bare = text.partition(";")[0].strip()
    return bare if _MEDIA_TYPE.fullmatch(bare) else ""


def modified(text: str) -> int:
    """An HTTP date in unix nanoseconds; 0 where it is none."""
    try:
        seconds = parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return 0
    return max(0, int(seconds)) * 1_000_000_000


def _root(body: bytes) -> etree._Element:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise BadAnswer("The other server lists its files in XML that is broken.", detail=str(error)) from None
    if root.getroottree().docinfo.internalDTD is not None or root.tag != DAV + "multistatus":
        raise BadAnswer("The other server lists its files in a way that is not understood.", detail=str(root.tag)[:100])
    return root


def _resource(response: etree._Element, base: str) -> Resource:
    href = (response.findtext(DAV + "href") or "").strip()
    if _ABSOLUTE_PATH.fullmatch(href):
        path = _decoded_path(href)
    else:
        try:
            path = path_of(urljoin(base, href))
        except ValueError:
            path = ()
    properties: dict[str, etree._Element] = {}
    for propstat in response.findall(DAV + "propstat"):
        if 200 <= _status(propstat) < 300:
            properties |= {str(element.tag): element for element in propstat.iterfind(DAV + "prop/*")}
    return Resource(path, _status(response), properties)


def _status(element: etree._Element) -> int:
    return _code(element.findtext(DAV + "status"))


def _code(line: str | None) -> int:
    """The code of a status line; 200 where there is none."""
    words = (line or "").split()
    return int(words[1]) if len(words) > 1 and re.fullmatch("[1-5][0-9][0-9]", words[1]) else 200


def _decoded_path(path: str) -> Path:
    return tuple(_decoded(part) for part in path.split("/") if part)


def _decoded(part: str) -> str:
    if "%" not in part:
        return part
    try:
        return unquote_to_bytes(part).decode()
    except UnicodeDecodeError:
        return ""


def _size(text: str) -> int | None:
    return int(text) if re.fullmatch("[0-9]{1,19}", text) and int(text) <= MAX_SIZE else None


def _list(text: str) -> list[object] | None:
    """Nextcloud and OCM: a JSON list of words."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    return value if isinstance(value, list) else None


def _known(write: object, share: object) -> frozenset[str]:
    return frozenset({READ} | ({WRITE} if write else set()) | ({SHARE} if share else set()))
