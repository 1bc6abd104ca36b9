"""The WebDAV client against real servers (wsgidav, Apache httpd) and against peers that do things their own way."""

from __future__ import annotations

import asyncio
import base64
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from tests.client.davs import ROOT, USER, apache, wsgidav
from tests.client.wires import Exchange, answering, ok, wire

from opencloudmesh.client.dav import DavClient, Download
from opencloudmesh.client.guard import EgressPolicy
from opencloudmesh.client.network import Network
from opencloudmesh.protocol.errors import (
    BadAnswer,
    Conflict,
    Forbidden,
    InsufficientStorage,
    Invalid,
    Locked,
    MethodNotAllowed,
    NotFound,
    NotSupported,
    OcmError,
    PreconditionFailed,
    RangeNotSatisfiable,
    Refused,
    TooLarge,
    TooManyRequests,
    Unavailable,
    Unreachable,
)

OPEN = EgressPolicy(allow_http=True, allow_private=True)
ODD = "a ä&b#c?d%25;e=f'g+h.txt"


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    async with Network(OPEN, user_agent="OpenCloudMesh/1.2.3") as network:
        yield network


@pytest.fixture(params=["wsgidav", "apache"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, str, str]]:
    """A folder, the URL at which a real server has it, and the credential for it."""
    folder = tmp_path / "htdocs"
    folder.mkdir()
    servers: dict[str, Callable[[], AbstractContextManager[str]]] = {
        "wsgidav": lambda: wsgidav(folder),
        "apache": lambda: apache(tmp_path),
    }
    root, password = (ROOT, "") if request.param == "wsgidav" else ("", "password")
    with servers[request.param]() as base:
        yield folder, base + root, _basic(USER, password)


@pytest.fixture
def folder(served: tuple[Path, str, str]) -> Path:
    return served[0]


@pytest.fixture
def dav(served: tuple[Path, str, str], network: Network) -> DavClient:
    return DavClient(network, served[1], served[2])


async def _pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def _read(download: Download) -> bytes:
    return b"".join([chunk async for chunk in download.chunks])


# Real servers


async def test_the_root_is_a_folder(dav: DavClient) -> None:
    root = await dav.stat("")
    assert (root.name, root.is_folder) == ("", True)
    folder, children = await dav.list("")
    assert children == []
    assert folder is not None
    assert folder.is_folder
    assert folder.etag == root.etag


async def test_files_and_folders_are_listed_with_what_they_are(dav: DavClient, folder: Path) -> None:
    (folder / "z").mkdir()
    (folder / "z" / "deep").mkdir()
    (folder / ODD).write_bytes(b"12345")
    _, entries = await dav.list("")
    assert [(entry.name, entry.is_folder, entry.size) for entry in entries] == [(ODD, False, 5), ("z", True, 0)]
    assert abs(entries[0].modified_ns - (folder / ODD).stat().st_mtime_ns) < 2 * 10**9
    below, deep = await dav.list("z")
    assert below is not None
    assert (below.name, [entry.name for entry in deep]) == ("z", ["deep"])
    file = await dav.stat(ODD)
    assert (file.name, file.is_folder, file.size) == (ODD, False, 5)
    assert file.etag
    assert (await dav.stat("z")).is_folder
    assert (await dav.stat("z/deep")).is_folder


async def test_a_file_has_no_children_and_is_told_as_a_file(network: Network) -> None:
    async with wire(answering(_multistatus("/r/f"))) as peer:
        found, children = await DavClient(network, peer.url + "/r", "").list("f")
    assert found is not None
    assert (found.is_folder, children) == (False, [])


async def test_what_is_not_there_is_not_found(dav: DavClient) -> None:
    for method in (dav.stat, dav.list, dav.delete, dav.get):
        with pytest.raises(NotFound):
            await method("nothing")


async def test_a_wrong_secret_is_refused(served: tuple[Path, str, str], network: Network) -> None:
    wrong = DavClient(network, served[1], _basic("wrong", ""))
    with pytest.raises(Refused) as caught:
        await wrong.stat("")
    assert caught.value.peer_status == 401
    with pytest.raises(Refused):
        await wrong.put("x", _pieces(b"x"), 1)
    assert list(served[0].iterdir()) == []


async def test_a_file_is_put_replaced_and_read(dav: DavClient, folder: Path) -> None:
    assert await dav.put(ODD, _pieces(b"hello ", b"world"), 11) is True
    assert (folder / ODD).read_bytes() == b"hello world"
    assert await dav.put(ODD, _pieces(b"bye"), 3) is False
    assert (folder / ODD).read_bytes() == b"bye"
    download = await dav.get(ODD)
    assert (download.size, download.length) == (3, 3)
    assert await _read(download) == b"bye"


async def test_an_empty_file_is_put_and_read(dav: DavClient, folder: Path) -> None:
    await dav.put("empty", _pieces(), 0)
    assert (folder / "empty").read_bytes() == b""
    download = await dav.get("empty")
    assert (download.size, await _read(download)) == (0, b"")


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [(0, 3, b"012"), (4, None, b"456789"), (4, 6, b"45"), (7, 100, b"789"), (9, 10, b"9")],
)
async def test_a_part_of_a_file_is_read(
    dav: DavClient, folder: Path, start: int, stop: int | None, expected: bytes
) -> None:
    (folder / "digits").write_bytes(b"0123456789")
    download = await dav.get("digits", start, stop)
    assert (download.size, download.length) == (10, len(expected))
    assert await _read(download) == expected


async def test_a_part_that_is_not_there_is_not_satisfiable(dav: DavClient, folder: Path) -> None:
    (folder / "digits").write_bytes(b"0123456789")
    for start, stop in ((11, None), (20, 30), (5, 5)):
        with pytest.raises(RangeNotSatisfiable):
            await dav.get("digits", start, stop)


async def test_folders_are_made_moved_copied_and_deleted(dav: DavClient, folder: Path) -> None:
    await dav.mkcol("a b")
    await dav.put("a b/file", _pieces(b"x"), 1)
    name = "a ä&b#c'.txt"  # wsgidav decodes Destination before it looks for "?" and ";"
    assert await dav.move("a b/file", f"a b/{name}", overwrite=False) is True
    assert (folder / "a b" / name).read_bytes() == b"x"
    assert await dav.copy("a b", "c", overwrite=False) is True
    assert (folder / "c" / name).read_bytes() == b"x"
    await dav.delete(f"c/{name}")
    await dav.delete("a b")
    assert sorted(path.name for path in folder.iterdir()) == ["c"]


async def test_overwriting_is_done_only_when_told(dav: DavClient, folder: Path) -> None:
    (folder / "a").write_bytes(b"a")
    (folder / "b").write_bytes(b"b")
    for change in (dav.move, dav.copy):
        with pytest.raises(PreconditionFailed):
            await change("a", "b", overwrite=False)
    assert (folder / "b").read_bytes() == b"b"
    assert await dav.copy("a", "b", overwrite=True) is False
    assert (folder / "b").read_bytes() == b"a"
    assert await dav.move("a", "b", overwrite=True) is False
    assert not (folder / "a").exists()


async def test_making_what_exists_or_has_no_parent_is_an_error_of_its_own(dav: DavClient) -> None:
    await dav.mkcol("a")
    with pytest.raises(MethodNotAllowed):
        await dav.mkcol("a")
    with pytest.raises(Conflict):
        await dav.mkcol("no/b")


async def test_an_upload_that_is_not_as_long_as_announced_leaves_the_old_file(dav: DavClient, folder: Path) -> None:
    (folder / "kept").write_bytes(b"old")
    for size in (2, 4):
        with pytest.raises(Invalid):
            await dav.put("new", _pieces(b"abc"), size)
    assert (folder / "kept").read_bytes() == b"old"


async def test_a_big_listing_is_read_whole(dav: DavClient, folder: Path) -> None:
    for number in range(500):
        (folder / f"{number:04}").touch()
    assert [entry.name for entry in (await dav.list(""))[1]] == [f"{number:04}" for number in range(500)]


# Peers with ways of their own


def _multistatus(href: str, inner: str = "<d:resourcetype/>", *, status: int = 207) -> bytes:
    body = (
        f'<d:multistatus xmlns:d="DAV:"><d:response><d:href>{href}</d:href><d:propstat><d:prop>{inner}</d:prop>'
        "<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response></d:multistatus>"
    ).encode()
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def _empty(status: int, *fields: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status} X", "Content-Length: 0", *fields, "", ""]).encode()


async def test_the_request_names_its_properties_its_depth_and_the_exact_root(network: Network) -> None:
    async with wire(answering(_multistatus("/r"), _multistatus("/r/"), _multistatus("/r/a%20b"))) as peer:
        dav = DavClient(network, peer.url + "/r", "Bearer x")
        await dav.stat("")
        await dav.list("")
        await dav.stat("a b")
    lines = [head.split(b"\r\n")[0] for head in peer.heads]
    assert lines == [b"PROPFIND /r HTTP/1.1", b"PROPFIND /r/ HTTP/1.1", b"PROPFIND /r/a%20b HTTP/1.1"]
    assert [b"\r\nDepth: 1\r\n" in head.title() for head in peer.heads] == [False, True, False]
    assert all(b"Bearer x" in head for head in peer.heads)
    for name in (b"getetag", b"resourcetype", b"quota-available-bytes", b"open-cloud-mesh.org/ns", b"owncloud.org/ns"):
        assert name in peer.bodies[0]
    assert b"allprop" not in peer.bodies[0]


async def test_a_listing_with_status_200_is_read_too(network: Network) -> None:
    async with wire(answering(_multistatus("/r", status=200))) as peer:
        assert not (await DavClient(network, peer.url + "/r", "").stat("")).is_folder


async def test_a_web_page_instead_of_a_listing_is_a_bad_answer(network: Network) -> None:
    async with wire(answering(*[ok(b"<html><body>Log in</body></html>")] * 2)) as peer:
        dav = DavClient(network, peer.url, "")
        with pytest.raises(BadAnswer):
            await dav.stat("")
        with pytest.raises(BadAnswer):
            await dav.list("")


async def test_a_listing_over_16_mib_is_a_bad_answer(network: Network) -> None:
    async with wire(answering(ok(b" " * (16 * 1024 * 1024 + 1)))) as peer:
        with pytest.raises(BadAnswer):
            await DavClient(network, peer.url, "").list("")


async def test_opencloudmesh_go_without_propfind_is_asked_for_the_head(network: Network) -> None:
    head = b'HTTP/1.1 200 OK\r\nContent-Length: 17\r\nETag: "e1"\r\nContent-Type: text/plain\r\n\r\n'
    async with wire(answering(_empty(405), head)) as peer:
        entry = await DavClient(network, peer.url + "/webdav/ocm/x", "Bearer x").stat("")
    assert (entry.is_folder, entry.size, entry.etag, entry.media_type) == (False, 17, "e1", "text/plain")
    assert peer.heads[1].startswith(b"HEAD /webdav/ocm/x HTTP/1.1\r\n")
    async with wire(answering(_empty(405), _empty(401))) as peer:
        with pytest.raises(Refused):
            await DavClient(network, peer.url, "Bearer x").stat("")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Refused),
        (401, Refused),
        (403, Forbidden),
        (404, NotFound),
        (405, MethodNotAllowed),
        (409, Conflict),
        (410, NotFound),
        (412, PreconditionFailed),
        (413, TooLarge),
        (418, Refused),
        (423, Locked),
        (425, Unavailable),
        (429, TooManyRequests),
        (500, Unavailable),
        (501, NotSupported),
        (502, Unavailable),
        (503, Unavailable),
        (507, InsufficientStorage),
        (302, BadAnswer),
    ],
)
async def test_each_status_has_its_error(network: Network, status: int, error: type[OcmError]) -> None:
    async with wire(answering(*[_empty(status, "Retry-After: 7", "Location: /elsewhere")] * 2)) as peer:
        dav = DavClient(network, peer.url + "/r", "Bearer secret")
        for change in (dav.delete("a"), dav.put("a", _pieces(b"x"), 1), dav.mkcol("a"), dav.get("a")):
            with pytest.raises(OcmError) as caught:
                await change
            assert type(caught.value) is error
            assert caught.value.message.startswith(f"127.0.0.1:{peer.port} ")
            assert "secret" not in caught.value.message + caught.value.detail
            if isinstance(caught.value, Refused):
                assert caught.value.peer_status == status
            if error in (TooManyRequests, Unavailable):
                assert caught.value.retry_after == 7


async def test_a_deletion_that_failed_in_part_has_failed(network: Network) -> None:
    body = (
        b'<d:multistatus xmlns:d="DAV:"><d:response><d:href>/r/a/b</d:href><d:status>HTTP/1.1 423 Locked</d:status>'
        b"</d:response></d:multistatus>"
    )
    answer = b"HTTP/1.1 207 Multi-Status\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    async with wire(answering(answer)) as peer:
        dav = DavClient(network, peer.url + "/r", "")
        for change in (dav.delete("a"), dav.move("a", "b", overwrite=True), dav.copy("a", "b", overwrite=True)):
            with pytest.raises(Locked):
                await change


async def test_touching_says_the_time_and_hears_the_no(network: Network) -> None:
    async with wire(answering(_multistatus("/r/a", "<d:lastmodified/>"))) as peer:
        dav = DavClient(network, peer.url + "/r", "")
        await dav.touch("a", 1_700_000_000_999_999_999)
        assert peer.heads[0].startswith(b"PROPPATCH /r/a HTTP/1.1\r\n")
        assert b"<d:lastmodified>1700000000</d:lastmodified>" in peer.bodies[0]
    body = _multistatus("/r/a", "<d:lastmodified/>").partition(b"\r\n\r\n")[2].replace(b"200 OK", b"403 Forbidden")
    async with wire(answering(b"HTTP/1.1 207 X\r\nContent-Length: %d\r\n\r\n" % len(body) + body)) as peer:
        with pytest.raises(Forbidden):
            await DavClient(network, peer.url + "/r", "").touch("a", 0)


async def test_moving_names_the_target_as_an_absolute_url(network: Network) -> None:
    async with wire(answering(_empty(201))) as peer:
        assert await DavClient(network, peer.url + "/r", "").move("a", "b c/ä", overwrite=False) is True
    assert f"\r\nDestination: {peer.url}/r/b%20c/%C3%A4\r\n".lower().encode() in peer.heads[0].lower()
    assert b"\r\nOverwrite: F\r\n" in peer.heads[0].title()


@pytest.mark.parametrize(("deep", "depth"), [(True, b"infinity"), (False, b"0")])
async def test_copying_says_how_deep(network: Network, deep: bool, depth: bytes) -> None:
    async with wire(answering(_empty(204))) as peer:
        assert await DavClient(network, peer.url + "/r", "").copy("a", "b", overwrite=True, deep=deep) is False
    assert b"\r\ndepth: " + depth + b"\r\n" in peer.heads[0].lower()
    assert b"\r\noverwrite: t\r\n" in peer.heads[0].lower()


async def test_the_time_of_an_upload_is_told(network: Network) -> None:
    async with wire(answering(_empty(204))) as peer:
        dav = DavClient(network, peer.url + "/r", "")
        assert await dav.put("a", _pieces(b"x"), 1, modified_ns=1_700_000_000_000_000_000) is False
    assert b"\r\nX-Oc-Mtime: 1700000000\r\n" in peer.heads[0].title()


async def test_a_peer_that_ignores_ranges_is_cut(network: Network) -> None:
    async with wire(answering(*[ok(b"0123456789")] * 3)) as peer:
        dav = DavClient(network, peer.url, "")
        for start, stop, expected in ((4, 6, b"45"), (4, None, b"456789"), (10, None, b"")):
            download = await dav.get("f", start, stop)
            assert (download.size, download.length) == (10, len(expected))
            assert await _read(download) == expected


@pytest.mark.parametrize("said", ["", "bytes 0-4/10", "bytes 6-9/10", "bytes */10", "pages 5-9/10", "bytes 5-9"])
async def test_another_part_than_was_asked_for_is_a_bad_answer(network: Network, said: str) -> None:
    answer = f"HTTP/1.1 206 X\r\nContent-Length: 5\r\nContent-Range: {said}\r\n\r\n56789".encode()
    async with wire(answering(answer)) as peer:
        with pytest.raises(BadAnswer):
            await DavClient(network, peer.url, "").get("f", 5)


async def test_a_download_of_unknown_length_ends_where_it_ends(network: Network) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    async with wire(answering(chunked)) as peer:
        download = await DavClient(network, peer.url, "").get("f")
        assert (download.size, download.length, await _read(download)) == (None, None, b"abc")


async def test_a_download_that_breaks_off_is_told(network: Network) -> None:
    for answer in (
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 206 OK\r\nContent-Range: bytes 0-9/10\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n\r\n",
    ):
        async with wire(answering(answer)) as peer:
            download = await DavClient(network, peer.url, "").get("f")
            with pytest.raises(Unreachable):
                await _read(download)


async def test_a_download_that_nobody_reads_lets_its_connection_go(network: Network) -> None:
    gone = asyncio.Event()

    async def endless(exchange: Exchange) -> None:
        await exchange.request()
        await exchange.say(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                await exchange.say(b"x" * 65536)
        finally:
            gone.set()

    async with wire(endless) as peer:
        download: Download | None = await DavClient(network, peer.url, "").get("f")
        assert download is not None
        download = None
        gc.collect()
        await asyncio.wait_for(gone.wait(), 5)


def test_a_client_does_not_show_its_credential() -> None:
    dav = DavClient(Network(OPEN, user_agent="test"), "https://cloud.example/", "Bearer secret")
    assert "secret" not in repr(dav)
