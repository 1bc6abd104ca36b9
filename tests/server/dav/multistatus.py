"""Answers read with another XML parser than the one they were made with."""

from __future__ import annotations

from typing import NamedTuple
from xml.etree import ElementTree

from tests.server.dav.serving import Answer

D = "{DAV:}"
OC = "{http://owncloud.org/ns}"
OCS = "{http://open-collaboration-services.org/ns}"
OCM = "{http://open-cloud-mesh.org/ns}"


class Told(NamedTuple):
    """A property of a response: its status and its element."""

    status: int
    element: ElementTree.Element

    @property
    def text(self) -> str:
        return self.element.text or ""


def read(answer: Answer) -> dict[str, dict[str, Told]]:
    """href -> name of property -> what was told, in the order of the answer."""
    assert answer.status == 207, answer.text
    root = ElementTree.fromstring(answer.body)
    assert root.tag == f"{D}multistatus"
    told = {_text(response, "href"): _properties(response) for response in root}
    assert len(told) == len(root)
    return told


def one(answer: Answer) -> dict[str, Told]:
    """The properties of the only response."""
    (properties,) = read(answer).values()
    return properties


def condition(answer: Answer) -> str:
    """The precondition that a `<d:error>` names."""
    root = ElementTree.fromstring(answer.body)
    assert root.tag == f"{D}error"
    return root[0].tag.removeprefix(D)


def _properties(response: ElementTree.Element) -> dict[str, Told]:
    return {
        element.tag: Told(int(_text(propstat, "status").split()[1]), element)
        for propstat in response.iterfind(f"{D}propstat")
        for element in propstat.iterfind(f"{D}prop/*")
    }


def _text(element: ElementTree.Element, name: str) -> str:
    found = element.find(D + name)
    assert found is not None
    return found.text or ""
