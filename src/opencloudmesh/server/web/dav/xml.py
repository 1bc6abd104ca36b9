"""XML in and out. It is read with lxml, without entities, DTD or network; it is written as text, which is fast.

All answers declare the prefixes of `NAMESPACES` at their root element. Names of properties are `{namespace}local`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from lxml import etree
from starlette.responses import Response

from opencloudmesh.protocol.errors import Invalid, OcmError

DAV = "DAV:"
OWNCLOUD = "http://owncloud.org/ns"
OCS = "http://open-collaboration-services.org/ns"
OCM = "http://open-cloud-mesh.org/ns"
NAMESPACES = f'xmlns:d="{DAV}" xmlns:oc="{OWNCLOUD}" xmlns:ocs="{OCS}" xmlns:ocm="{OCM}"'
PROLOGUE = '<?xml version="1.0" encoding="utf-8"?>\n'
MEDIA_TYPE = "application/xml; charset=utf-8"
MAX_DEPTH = 50

REASONS = {
    200: "OK",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    424: "Failed Dependency",
    507: "Insufficient Storage",
}

# What XML 1.0 cannot carry, even escaped: file names may have some of it. And what has to be escaped, besides.
_UNTELLABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPECIAL = re.compile(f'[&<>"]|{_UNTELLABLE.pattern}')
_XML = "http://www.w3.org/XML/1998/namespace"
_NAME = re.compile(r"\{(.*)\}([^}]*)", re.DOTALL)


class ConditionError(OcmError):
    """A precondition of RFC 4918, 16 that does not hold: an error whose body names it."""

    def __init__(self, status: int, condition: str, message: str, *, href: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.condition = condition
        self.href = href

    def response(self) -> Response:
        """The answer as RFC 4918 has it, with the message as an element of our own."""
        about = f"<d:href>{escape(self.href)}</d:href>" if self.href else ""
        condition = f"<d:{self.condition}>{about}</d:{self.condition}>"
        message = f"<ocm:message>{escape(self.message)}</ocm:message>"
        return answer(f"<d:error {NAMESPACES}>{condition}{message}</d:error>", self.status)


def parse(body: bytes) -> etree._Element:
    """The root element. `Invalid` for what is not well-formed, has a DTD, or is nested over 50 deep."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True, huge_tree=False
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Invalid("The body is not well-formed XML.", detail=str(error)) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise Invalid("The body must not have a DTD.")
    if _deeper(root, MAX_DEPTH):
        raise Invalid("The XML is nested too deeply.")
    return root


def escape(text: str) -> str:
    """Text as it may stand in an element or in a quoted attribute; what XML cannot carry becomes U+FFFD."""
    if not _SPECIAL.search(text):
        return text
    text = _UNTELLABLE.sub("\ufffd", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def empty(name: str) -> str:
    """An empty element of that name."""
    match = _NAME.fullmatch(name)
    if match is None:
        return f"<{name}/>"
    if match[1] == _XML:  # the one namespace that must not have another prefix
        return f"<xml:{match[2]}/>"
    return f'<x:{match[2]} xmlns:x="{escape(match[1])}"/>'


def propstat(properties: Iterable[str], status: int, condition: str = "") -> str:
    """Some elements of properties and how it went with them."""
    error = f"<d:error><d:{condition}/></d:error>" if condition else ""
    return (
        f"<d:propstat><d:prop>{''.join(properties)}</d:prop>"
        f"<d:status>HTTP/1.1 {status} {REASONS[status]}</d:status>{error}</d:propstat>"
    )


def absent(names: tuple[str, ...]) -> str:
    """That there are no such properties."""
    return propstat(map(empty, names), 404)


def multistatus(*responses: str) -> Response:
    """A whole 207 of `<d:response>` elements."""
    return answer(f"<d:multistatus {NAMESPACES}>{''.join(responses)}</d:multistatus>", 207)


def answer(content: str, status: int, headers: dict[str, str] | None = None) -> Response:
    """A response with an XML body."""
    return Response((PROLOGUE + content).encode(), status, headers, media_type=MEDIA_TYPE)


def _deeper(root: etree._Element, limit: int) -> bool:
    level = [root]
    for _ in range(limit):
        level = [child for element in level for child in element]
        if not level:
            return False
    return True
