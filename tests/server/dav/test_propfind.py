"""PROPFIND as peers ask it."""

from __future__ import annotations

import asyncio
import os
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.server.dav.multistatus import OC, OCM, OCS, D, condition, one, read

from opencloudmesh.protocol.errors import OcmError
from opencloudmesh.server.trees import READ, SHARE, WRITE, check_name
from opencloudmesh.server.web.dav.propfind import BATCH

# As Nextcloud 34 asks it.
NEXTCLOUD = b"""<?xml version="1.0"?>
<d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns">
 <d:prop><d:getlastmodified/><d:getcontentlength/><d:getcontenttype/><oc:permissions/>
  <x1:share-permissions xmlns:x1="http://open-collaboration-services.org/ns"/>
  <x2:share-permissions xmlns:x2="http://open-cloud-mesh.org/ns"/>
  <d:resourcetype/><d:getetag/><d:quota-available-bytes/></d:prop></d:propfind>"""
# As OpenCloud asks it: allprop is not in the DAV: namespace.
OPENCLOUD = b"<d:propfind xmlns:d='DAV:'><allprop/></d:propfind>"


@pytest.fixture
def root(quick_cloud):
    quick_cloud.storage.stat("einstein", "")
    root = quick_cloud.storage.files / "einstein"
    (root / "folder").mkdir()
    (root / "folder" / "b.txt").write_bytes(b"12345")
    (root / "folder" / "a.bin").write_bytes(b"")
    (root / "folder" / "sub").mkdir()
    return root


@pytest.fixture
def ask(quick_cloud, root):
    async def ask(path="folder", depth=None, body=b"", **more):
        headers = {} if depth is None else {"Depth": depth}
        return await quick_cloud.request("PROPFIND", path, headers, body, **more)

    return ask


async def test_the_folder_itself_comes_first_and_hrefs_are_paths_below_the_requested_root(ask):
    assert list(read(await ask(depth="1"))) == [
        "/dav/folder/",
        "/dav/folder/a.bin",
        "/dav/folder/b.txt",
        "/dav/folder/sub/",
    ]
    assert next(iter(read(await ask("folder/", depth="1")))) == "/dav/folder/"
    assert list(read(await ask("", depth="1"))) == ["/dav/", "/dav/folder/"]


async def test_hrefs_start_with_the_prefix_that_the_client_used(quick_cloud, root):
    quick_cloud.trees["/dav/ocm/some-id/"] = quick_cloud.tree("folder")
    answer = await quick_cloud.request("PROPFIND", "./sub/.", {"Depth": "1"}, prefix="/dav/ocm/some-id/")
    assert list(read(answer)) == ["/dav/ocm/some-id/sub/"]
    answer = await quick_cloud.request("PROPFIND", ".", {"Depth": "1"}, prefix="/dav/ocm/some-id/")
    assert list(read(answer))[:2] == ["/dav/ocm/some-id/", "/dav/ocm/some-id/a.bin"]


async def test_depth_0_is_the_entry_alone(ask):
    assert list(read(await ask(depth="0"))) == ["/dav/folder/"]
    assert list(read(await ask("folder/b.txt", depth="1"))) == ["/dav/folder/b.txt"]


async def test_a_missing_depth_means_1(ask):
    """Seafile sends none and expects a listing."""
    assert len(read(await ask())) == 4


async def test_infinite_depth_is_refused_with_its_precondition(ask):
    for depth in ("infinity", "Infinity"):
        answer = await ask(depth=depth)
        assert answer.status == 403
        assert condition(answer) == "propfind-finite-depth"


@pytest.mark.parametrize("depth", ["2", "-1", "1,noroot", "x"])
async def test_any_other_depth_is_an_error(ask, depth):
    assert (await ask(depth=depth)).status == 400


async def test_nextcloud_gets_all_it_asks_for(ask, root):
    answer = read(await ask(depth="1", body=NEXTCLOUD))
    folder, file = answer["/dav/folder/"], answer["/dav/folder/b.txt"]
    assert {name for name, told in folder.items() if told.status == 404} == {
        f"{D}getcontentlength",
        f"{D}getcontenttype",
    }
    assert {name for name, told in file.items() if told.status == 404} == {f"{D}quota-available-bytes"}
    assert folder[f"{D}resourcetype"].element.find(f"{D}collection") is not None
    assert list(file[f"{D}resourcetype"].element) == []
    assert file[f"{D}getcontentlength"].text == "5"
    assert file[f"{D}getcontenttype"].text == "text/plain"
    assert file[f"{D}getlastmodified"].text.endswith(" GMT")
    etag = file[f"{D}getetag"].text
    assert etag.startswith('"')
    assert etag.endswith('"')
    assert len(etag) <= 42
    assert int(folder[f"{D}quota-available-bytes"].text) > 0
    assert (folder[f"{OC}permissions"].text, file[f"{OC}permissions"].text) == ("RDNVCK", "RDNVW")
    assert (folder[f"{OCS}share-permissions"].text, file[f"{OCS}share-permissions"].text) == ("31", "27")
    assert file[f"{OCM}share-permissions"].text == '["read","write","share"]'


@pytest.mark.parametrize(
    ("permissions", "folder", "file", "root_file", "words"),
    [
        ({READ}, ("", "1"), ("", "1"), ("", "1"), '["read"]'),
        ({READ, WRITE}, ("DNVCK", "15"), ("DNVW", "11"), ("DNVW", "3"), '["read","write"]'),
        ({READ, SHARE}, ("R", "17"), ("R", "17"), ("R", "17"), '["read","share"]'),
        ({READ, WRITE, SHARE}, ("RDNVCK", "31"), ("RDNVW", "27"), ("RDNVW", "19"), '["read","write","share"]'),
    ],
)
async def test_permissions_are_told_in_three_ways(quick_cloud, root, permissions, folder, file, root_file, words):
    quick_cloud.trees["/folder/"] = quick_cloud.tree("folder", frozenset(permissions))
    quick_cloud.trees["/file/"] = quick_cloud.tree("folder/b.txt", frozenset(permissions))
    answer = await quick_cloud.request("PROPFIND", "", {"Depth": "1"}, NEXTCLOUD, prefix="/folder/")
    shared = await quick_cloud.request("PROPFIND", "", {"Depth": "0"}, NEXTCLOUD, prefix="/file/")
    for told, expected in (
        (read(answer)["/folder/"], folder),
        (read(answer)["/folder/b.txt"], file),
        (one(shared), root_file),
    ):
        assert (told[f"{OC}permissions"].text, told[f"{OCS}share-permissions"].text) == expected
        assert told[f"{OCM}share-permissions"].text == words


@pytest.mark.parametrize("body", [b"", b" \n", OPENCLOUD, b'<propfind xmlns="DAV:"><allprop/></propfind>'])
async def test_no_body_and_every_allprop_ask_for_all(ask, body):
    told = one(await ask("folder/b.txt", depth="0", body=body))
    assert {told.status for told in told.values()} == {200}
    assert set(told) >= {f"{D}resourcetype", f"{D}getetag", f"{D}getcontentlength", f"{D}getlastmodified"}
    assert f"{D}quota-available-bytes" not in told  # RFC 4331, 3


async def test_allprop_may_include_more(ask):
    body = b'<propfind xmlns="DAV:"><allprop/><include><quota-used-bytes/><nothing/></include></propfind>'
    told = one(await ask(depth="0", body=body))
    assert told[f"{D}quota-used-bytes"].text == "5"
    assert told[f"{D}nothing"].status == 404


async def test_propname_gives_names_without_values(ask):
    told = one(await ask("folder/b.txt", depth="0", body=b'<propfind xmlns="DAV:"><propname/></propfind>'))
    assert f"{D}getetag" in told
    assert f"{D}quota-used-bytes" not in told
    assert all(not told.text and told.status == 200 for told in told.values())


async def test_a_property_that_nobody_knows_is_404_whatever_its_name(ask):
    body = (
        b'<d:propfind xmlns:d="DAV:"><d:prop><bare/><x:a xmlns:x="urn:a&amp;b"/><xml:lang/>'
        b"<d:getetag/></d:prop></d:propfind>"
    )
    told = one(await ask("folder/b.txt", depth="0", body=body))
    assert {name: told.status for name, told in told.items()} == {
        "bare": 404,
        "{urn:a&b}a": 404,
        "{http://www.w3.org/XML/1998/namespace}lang": 404,
        f"{D}getetag": 200,
    }


@pytest.mark.parametrize(
    "body",
    [
        b"<",
        b"not xml",
        b"<a/>",
        b'<propfind xmlns="DAV:"/>',
        b'<d:propfind xmlns:d="DAV:"><d:prop><x:y/></d:prop></d:propfind>',  # no such prefix
        b'<!DOCTYPE a><propfind xmlns="DAV:"><allprop/></propfind>',
        b'<!DOCTYPE p [<!ENTITY e SYSTEM "file:///etc/passwd">]><propfind xmlns="DAV:"><prop>&e;</prop></propfind>',
        '<!DOCTYPE a><propfind xmlns="DAV:"><allprop/></propfind>'.encode("utf-16"),
        b'<propfind xmlns="DAV:"><prop>' + b"<a>" * 60 + b"</a>" * 60 + b"</prop></propfind>",
        b'<propfind xmlns="DAV:"><prop>' + b"<a>" * 5000 + b"</a>" * 5000 + b"</prop></propfind>",
        b'<propfind xmlns="DAV:"><prop>' + b"".join(b"<a%d/>" % n for n in range(5000)) + b"</prop></propfind>",
        b"\xff\xfe\x00",
    ],
)
async def test_what_is_not_understood_is_400(ask, body):
    assert (await ask(depth="0", body=body)).status == 400


async def test_a_huge_body_is_refused(ask):
    assert (await ask(depth="0", body=[b"<" + b"x" * 65536] * 20)).status == 413


async def test_what_is_not_there_is_404(ask):
    for path in ("missing", "folder/missing", "folder/b.txt/x"):
        assert (await ask(path, depth="0")).status == 404


async def test_names_that_xml_cannot_carry_do_not_break_an_answer(ask, root):
    names = ["a&b<c>\"d'", "\ufffe\uffff", "\x85\u2028", "tab\u0300", "%41", "a#b?c", "ü\U0001f600", " lead"]
    for name in names:
        (root / "folder" / "sub" / name).touch()
    answer = read(await ask("folder/sub", depth="1"))
    assert set(answer) == {"/dav/folder/sub/"} | {f"/dav/folder/sub/{quote(name)}" for name in names}
    for name in names:
        told = one(await ask(f"folder/sub/{quote(name)}", depth="0"))
        assert told[f"{D}displayname"].text == name.translate({0xFFFE: 0xFFFD, 0xFFFF: 0xFFFD})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(min_size=1, max_size=60))
def test_every_name_that_can_be_made_can_be_listed(quick_cloud, name):
    try:
        check_name(name)
    except OcmError:
        return

    async def go():
        made = await quick_cloud.request("MKCOL", quote(name))
        assert made.status in (201, 405)
        assert f"/dav/{quote(name)}/" in read(await quick_cloud.request("PROPFIND", "", {"Depth": "1"}))

    asyncio.run(go())


async def test_a_long_listing_is_whole(quick_cloud, root):
    for number in range(BATCH + 10):
        (root / "folder" / "sub" / f"{number:02}").touch()
    answer = await quick_cloud.request("PROPFIND", "folder/sub", {"Depth": "1"}, NEXTCLOUD)
    assert len(read(answer)) == BATCH + 11
    assert "content-length" not in answer.headers  # it goes out as it is written


async def test_the_etag_of_a_share_changes_when_anything_below_does(quick_cloud, root):
    """Nextcloud looks nowhere else."""
    quick_cloud.trees["/share/"] = quick_cloud.tree("folder")

    async def etag():
        return one(await quick_cloud.request("PROPFIND", "", {"Depth": "0"}, NEXTCLOUD, prefix="/share/"))[
            f"{D}getetag"
        ].text

    before = await etag()
    assert (await quick_cloud.request("PUT", "folder/sub/new", {}, b"1")).status == 201
    assert await etag() != before
    before = await etag()
    assert (await quick_cloud.request("PUT", "aside", {}, b"1")).status == 201
    assert await etag() == before


async def test_links_are_not_listed(ask, root):
    os.symlink("/etc", root / "folder" / "etc")
    assert "/dav/folder/etc" not in "".join(read(await ask(depth="1")))
    assert (await ask("folder/etc", depth="0")).status == 404
