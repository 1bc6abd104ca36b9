"""PROPPATCH: all or none, and what comes back is what was said."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from tests.server.dav.multistatus import D, one, read

from opencloudmesh.server import properties
from opencloudmesh.server.trees import READ


@pytest.fixture
async def ask(cloud):
    async def ask(method, path="file", body=b"", **headers):
        return await cloud.request(method, path, headers, body)

    await ask("PUT", body=b"1")
    await ask("MKCOL", "folder")
    return ask


def update(*instructions: str) -> bytes:
    return f'<d:propertyupdate xmlns:d="DAV:" xmlns:x="urn:x">{"".join(instructions)}</d:propertyupdate>'.encode()


def setting(content: str) -> str:
    return f"<d:set><d:prop>{content}</d:prop></d:set>"


def removing(content: str) -> str:
    return f"<d:remove><d:prop>{content}</d:prop></d:remove>"


def statuses(answer) -> dict[str, int]:
    return {name: told.status for name, told in one(answer).items()}


async def test_what_a_client_sets_it_gets_back(ask):
    value = '<x:note a="1 &amp; 2">te<b>x</b>t &lt;&#x1F600; <c xmlns="urn:c"/></x:note>'
    answer = await ask("PROPPATCH", body=update(setting(value + "<bare>1</bare>")))
    assert statuses(answer) == {"{urn:x}note": 200, "bare": 200}
    told = one(await ask("PROPFIND", Depth="0"))
    sent = ElementTree.fromstring(value.replace("<x:note", '<x:note xmlns:x="urn:x"'))
    assert ElementTree.canonicalize(ElementTree.tostring(told["{urn:x}note"].element), rewrite_prefixes=True) == (
        ElementTree.canonicalize(ElementTree.tostring(sent), rewrite_prefixes=True)
    )
    assert told["bare"].text == "1"


async def test_the_language_around_a_property_is_kept(ask):
    body = b'<propertyupdate xmlns="DAV:" xml:lang="de"><set><prop><a>eins</a></prop></set></propertyupdate>'
    await ask("PROPPATCH", body=body)
    told = one(await ask("PROPFIND", Depth="0"))
    assert told[f"{D}a"].element.get("{http://www.w3.org/XML/1998/namespace}lang") == "de"


async def test_instructions_are_followed_in_their_order(ask):
    await ask("PROPPATCH", body=update(setting("<x:a>1</x:a>"), removing("<x:a/>")))
    assert "{urn:x}a" not in one(await ask("PROPFIND", Depth="0"))
    await ask("PROPPATCH", body=update(removing("<x:a/>"), setting("<x:a>2</x:a>"), setting("<x:a>3</x:a>")))
    assert one(await ask("PROPFIND", Depth="0"))["{urn:x}a"].text == "3"


async def test_with_one_refused_property_none_is_changed(ask):
    answer = await ask("PROPPATCH", body=update(setting("<x:a>1</x:a><d:getetag>1</d:getetag>")))
    assert statuses(answer) == {"{urn:x}a": 424, f"{D}getetag": 403}
    assert b"cannot-modify-protected-property" in answer.body
    assert "{urn:x}a" not in one(await ask("PROPFIND", Depth="0"))


@pytest.mark.parametrize("name", ["lastmodified", "getlastmodified"])
@pytest.mark.parametrize("value", ["1000000000", "1000000000.5", "Sun, 09 Sep 2001 01:46:40 GMT"])
async def test_nextcloud_touches_a_file(ask, name, value):
    before = one(await ask("PROPFIND", Depth="0"))[f"{D}getetag"].text
    answer = await ask("PROPPATCH", body=update(setting(f"<d:{name}>{value}</d:{name}>")))
    assert statuses(answer) == {D + name: 200}
    told = one(await ask("PROPFIND", Depth="0"))
    assert told[f"{D}getlastmodified"].text == "Sun, 09 Sep 2001 01:46:40 GMT"
    assert told[f"{D}getetag"].text != before


@pytest.mark.parametrize("value", ["", "yesterday", "-1", "99999999999999", "²", "1e5", "nan"])
async def test_a_time_that_is_none_changes_nothing(ask, value):
    before = (await ask("GET")).headers.get("etag")
    answer = await ask("PROPPATCH", body=update(setting(f"<d:lastmodified>{value}</d:lastmodified><x:a/>")))
    assert statuses(answer) == {f"{D}lastmodified": 409, "{urn:x}a": 424}
    assert (await ask("GET")).headers.get("etag") == before


async def test_a_folder_has_no_time_of_its_own(ask):
    answer = await ask("PROPPATCH", "folder", update(setting("<d:lastmodified>1000000000</d:lastmodified>")))
    assert statuses(answer) == {f"{D}lastmodified": 403}


async def test_properties_go_with_a_copy_and_with_a_move_and_end_with_a_delete(ask):
    await ask("PROPPATCH", body=update(setting("<x:a>1</x:a>")))
    await ask("COPY", Destination="/dav/copy")
    await ask("MOVE", Destination="/dav/moved")
    for path in ("copy", "moved"):
        assert one(await ask("PROPFIND", path, Depth="0"))["{urn:x}a"].text == "1"
    await ask("DELETE", "copy")
    await ask("PUT", "copy", b"another")
    assert "{urn:x}a" not in one(await ask("PROPFIND", "copy", Depth="0"))


async def test_a_listing_tells_the_properties_of_each_child(ask):
    await ask("PROPPATCH", "folder", update(setting("<x:a>folder</x:a>")))
    await ask("PROPPATCH", "file", update(setting("<x:a>file</x:a>")))
    body = b'<propfind xmlns="DAV:"><prop><a xmlns="urn:x"/></prop></propfind>'
    told = read(await ask("PROPFIND", "", body, Depth="1"))
    assert {href: properties["{urn:x}a"].text for href, properties in told.items()} == {
        "/dav/": "",
        "/dav/file": "file",
        "/dav/folder/": "folder",
    }


@pytest.mark.parametrize("body", [b"", b"<", b"<a/>", b'<propfind xmlns="DAV:"/>', b"<!DOCTYPE a><a/>"])
async def test_what_is_not_understood_is_400(ask, body):
    assert (await ask("PROPPATCH", body=body)).status == 400


async def test_what_is_too_much_is_507_and_changes_nothing(ask):
    long = "x" * properties.MAX_VALUE
    assert (await ask("PROPPATCH", body=update(setting(f"<x:a>1</x:a><x:b>{long}</x:b>")))).status == 507
    assert "{urn:x}a" not in one(await ask("PROPFIND", Depth="0"))


async def test_who_may_only_read_sets_nothing(cloud, ask):
    cloud.trees["/shared/"] = cloud.tree("", frozenset({READ}))
    for content in ("<x:a>1</x:a>", "<d:lastmodified>1000000000</d:lastmodified>"):
        answer = await cloud.request("PROPPATCH", "file", {}, update(setting(content)), prefix="/shared/")
        assert answer.status == 403
    told = one(await ask("PROPFIND", Depth="0"))
    assert "{urn:x}a" not in told
    assert told[f"{D}getlastmodified"].text != "Sun, 09 Sep 2001 01:46:40 GMT"


async def test_what_is_not_there_has_no_properties(ask):
    assert (await ask("PROPPATCH", "missing", update(setting("<x:a/>")))).status == 404
