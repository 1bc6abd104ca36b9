"""PUT, MKCOL, DELETE, COPY and MOVE: the exact statuses that peers insist on."""

from __future__ import annotations

import os

import pytest
from starlette.requests import ClientDisconnect

from opencloudmesh.protocol.errors import Invalid
from opencloudmesh.server.web.dav import call as call_module
from opencloudmesh.server.web.dav.call import Call


@pytest.fixture
def root(quick_cloud):
    quick_cloud.storage.stat("einstein", "")
    return quick_cloud.storage.files / "einstein"


@pytest.fixture
def ask(quick_cloud, root):
    async def ask(method, path, body=b"", **headers):
        return await quick_cloud.request(method, path, {n.replace("_", "-"): v for n, v in headers.items()}, body)

    return ask


def tree(root):
    return {str(path.relative_to(root)): path.read_bytes() if path.is_file() else None for path in root.rglob("*")}


async def test_put_is_201_then_204_with_the_etag_that_get_gives(ask, root):
    first = await ask("PUT", "a.txt", b"1")
    second = await ask("PUT", "a.txt", b"22")
    assert (first.status, second.status) == (201, 204)
    assert (first.body, second.body) == (b"", b"")
    assert first.headers.get("etag") != second.headers.get("etag")
    assert (await ask("GET", "a.txt")).headers.get("etag") == second.headers.get("etag")
    assert tree(root) == {"a.txt": b"22"}


async def test_put_in_chunks_needs_no_length(ask, root):
    assert (await ask("PUT", "a", [b"12", b"", b"345"], Transfer_Encoding="chunked")).status == 201
    assert tree(root) == {"a": b"12345"}


async def test_put_of_a_part_is_refused(ask, root):
    await ask("PUT", "a", b"old")
    assert (await ask("PUT", "a", b"n", Content_Range="bytes 0-0/3")).status == 400
    assert tree(root) == {"a": b"old"}


@pytest.mark.parametrize("announced", ["1", "4", "x", "-1", "²"])
async def test_a_length_that_is_wrong_leaves_nothing(ask, root, announced):
    assert (await ask("PUT", "a", b"123", Content_Length=announced)).status == 400
    assert tree(root) == {}


@pytest.mark.parametrize(
    ("mtime", "status"),
    [("1000000000", 201), ("1000000000.7", 201), ("-1", 400), ("x", 400), ("nan", 400), ("1e300", 400), ("inf", 400)],
)
async def test_rclone_sets_the_time_with_the_file(ask, root, mtime, status):
    answer = await ask("PUT", "a", b"1", X_OC_Mtime=mtime)
    assert answer.status == status
    if status == 201:
        assert answer.headers.get("x-oc-mtime") == "accepted"
        assert os.stat(root / "a").st_mtime == 1_000_000_000
    else:
        assert tree(root) == {}


async def test_mkcol_is_201_and_nothing_else(ask, root):
    assert (await ask("MKCOL", "a")).status == 201
    assert (await ask("MKCOL", "b/")).status == 201
    assert (await ask("MKCOL", "a")).status == 405
    assert (await ask("MKCOL", "")).status == 405
    assert (await ask("MKCOL", "x/y")).status == 409
    assert (await ask("MKCOL", "c", b"<x/>")).status == 415
    await ask("PUT", "file", b"1")
    assert (await ask("MKCOL", "file")).status == 405
    assert (await ask("MKCOL", "file/x")).status == 409
    assert tree(root) == {"a": None, "b": None, "file": b"1"}


async def test_put_has_its_own_refusals(ask, root):
    await ask("MKCOL", "folder")
    assert (await ask("PUT", "folder", b"1")).status == 405
    assert (await ask("PUT", "", b"1")).status == 405
    assert (await ask("PUT", "missing/a", b"1")).status == 409
    assert tree(root) == {"folder": None}


async def test_delete_is_204_and_takes_all_below(ask, root):
    for path in ("a", "a/b"):
        await ask("MKCOL", path)
    await ask("PUT", "a/b/c", b"1")
    assert (await ask("DELETE", "a", Depth="0")).status == 400
    assert (await ask("DELETE", "a", Depth="infinity")).status == 204
    assert (await ask("DELETE", "a")).status == 404
    assert (await ask("DELETE", "")).status == 403
    assert tree(root) == {}


DESTINATIONS = {
    "/dav/new": 201,
    "http://cloud.test/dav/new": 201,
    "https://cloud.test:443/dav/new": 201,  # as a client behind a proxy that ends TLS sees us
    "http://CLOUD.test:80/dav/new": 201,
    "http://user@cloud.test/dav/n%65w": 201,
    "https://OURS.test:8443/dav/new": 201,  # the proxy left its own name and port out of Host
    "/d%61v/new": 201,
    "/dav//./new/": 201,
    "": 400,
    "new": 400,
    "/dav/%2e%2e/new": 400,
    "/dav/../new": 400,
    "/dav/a%2Fnew": 400,
    "/dav/%zz": 400,
    "/dav/%ff": 400,
    "/dav/a%00": 400,
    "/dav/new?x": 400,
    "/dav/new#x": 400,
    "http://[/dav/new": 400,
    "/other/new": 403,
    "/davnew": 403,
    "/dav/": 403,
    "/": 403,
    "/dav/file": 403,
    "/dav/missing/new": 409,
    "http://elsewhere.test/dav/new": 502,
    "http://cloud.test:8080/dav/new": 502,
    "https://ours.test/dav/new": 502,
    "https://:443/dav/new": 502,
}


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
@pytest.mark.parametrize("destination", DESTINATIONS)
async def test_a_destination_is_a_place_in_this_tree_or_refused(ask, root, method, destination):
    await ask("PUT", "file", b"1")
    assert (await ask(method, "file", Destination=destination)).status == DESTINATIONS[destination]
    done = DESTINATIONS[destination] == 201
    assert ("new" in tree(root)) == done
    assert ("file" in tree(root)) == (not done or method == "COPY")


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
async def test_overwrite_decides_what_happens_to_what_is_there(ask, root, method):
    await ask("PUT", "new", b"1")
    await ask("PUT", "old", b"2")
    assert (await ask(method, "new", Destination="/dav/old", Overwrite="F")).status == 412
    assert (await ask(method, "new", Destination="/dav/old", Overwrite="maybe")).status == 400
    assert tree(root) == {"new": b"1", "old": b"2"}
    assert (await ask(method, "new", Destination="/dav/old", Overwrite="T")).status == 204
    assert tree(root)["old"] == b"1"
    assert (await ask(method, "missing", Destination="/dav/old")).status == 404
    assert (await ask(method, "old")).status == 400


async def test_copying_a_folder_goes_deep_or_not_as_told(ask, root):
    await ask("MKCOL", "a")
    await ask("PUT", "a/b", b"1")
    assert (await ask("COPY", "a", Destination="/dav/deep")).status == 201
    assert (await ask("COPY", "a", Destination="/dav/flat", Depth="0")).status == 201
    assert (await ask("COPY", "a", Destination="/dav/no", Depth="1")).status == 400
    assert (await ask("MOVE", "a", Destination="/dav/no", Depth="0")).status == 400
    assert tree(root) == {"a": None, "a/b": b"1", "deep": None, "deep/b": b"1", "flat": None}


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
@pytest.mark.parametrize("destination", ["/dav/a", "/dav/a/b", "/dav/a/new", "/dav"])
async def test_nothing_becomes_a_part_of_itself(ask, root, method, destination):
    await ask("MKCOL", "a")
    await ask("PUT", "a/b", b"1")
    assert (await ask(method, "a", Destination=destination)).status == 403
    assert (await ask(method, "a/b", Destination="/dav/a")).status == 403
    assert tree(root) == {"a": None, "a/b": b"1"}


async def test_changes_can_be_made_to_depend_on_the_version(ask, root):
    etag = (await ask("PUT", "a", b"1")).headers.get("etag")
    for method, more in (
        ("PUT", {}),
        ("DELETE", {}),
        ("MOVE", {"Destination": "/dav/b"}),
        ("COPY", {"Destination": "/dav/b"}),
    ):
        for headers in ({"If_Match": '"other"'}, {"If_None_Match": "*"}, {"If_None_Match": etag}):
            assert (await ask(method, "a", b"2" if method == "PUT" else b"", **headers, **more)).status == 412
    assert (await ask("PUT", "new", b"2", If_Match="*")).status == 412
    assert tree(root) == {"a": b"1"}
    assert (await ask("PUT", "a", b"2", If_Match=etag)).status == 204
    assert (await ask("PUT", "new", b"2", If_None_Match="*")).status == 201
    assert (await ask("DELETE", "a", If_None_Match='"other"')).status == 204


async def test_a_method_that_is_not_spoken_is_405_with_those_that_are(ask):
    answer = await ask("PATCH", "a")
    assert answer.status == 405
    assert "PROPFIND" in answer.headers.get("allow")


async def test_options_tells_the_classes_of_compliance(ask):
    answer = await ask("OPTIONS", "missing")
    assert answer.status == 200
    assert answer.headers.get("dav") == "1, 2, 3"
    assert answer.headers.get("allow").split(", ") == [
        "OPTIONS", "GET", "HEAD", "PROPFIND", "PROPPATCH", "PUT", "MKCOL", "DELETE", "COPY", "MOVE", "LOCK", "UNLOCK",
    ]  # fmt: skip


@pytest.mark.parametrize("failure", [ClientDisconnect(), TimeoutError()])
async def test_a_body_that_breaks_off_or_stops_is_an_error_of_the_client(failure, monkeypatch):
    class Broken:
        async def stream(self):
            yield b"1"
            raise failure

    with pytest.raises(Invalid):
        await Call(Broken(), None, None, "/", "", "einstein").body()


async def test_a_client_that_sends_nothing_any_more_is_not_waited_for(monkeypatch):
    class Silent:
        async def stream(self):
            import asyncio

            await asyncio.Event().wait()
            yield b""

    monkeypatch.setattr(call_module, "IDLE_SECONDS", 0)
    with pytest.raises(Invalid):
        await Call(Silent(), None, None, "/", "", "einstein").body()
