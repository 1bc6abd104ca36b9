"""A share as a peer sees it: nothing outside, nothing that is not permitted, a single file where peers look for it."""

from __future__ import annotations

import itertools

import pytest
from tests.server.dav.multistatus import D, read

from opencloudmesh.server.trees import READ, SHARE, WRITE
from opencloudmesh.server.web.dav import METHODS

PROPPATCH = b'<propertyupdate xmlns="DAV:"><set><prop><lastmodified>1</lastmodified><x/></prop></set></propertyupdate>'
LOCK = b'<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>'
REQUESTS = {
    "OPTIONS": ("file", b"", {}),
    "GET": ("file", b"", {}),
    "HEAD": ("file", b"", {}),
    "PROPFIND": ("", b"", {"Depth": "1"}),
    "PROPPATCH": ("file", PROPPATCH, {}),
    "PUT": ("new", b"1", {}),
    "MKCOL": ("new", b"", {}),
    "DELETE": ("file", b"", {}),
    "COPY": ("file", b"", {"Destination": "/share/new"}),
    "MOVE": ("file", b"", {"Destination": "/share/new"}),
    "LOCK": ("file", LOCK, {}),
    "UNLOCK": ("file", b"", {"Lock-Token": "<urn:other>"}),
}
NEEDS = {
    "OPTIONS": set(), "UNLOCK": set(), "GET": {READ}, "HEAD": {READ}, "PROPFIND": {READ}, "PUT": {WRITE},
    "MKCOL": {WRITE}, "DELETE": {WRITE}, "MOVE": {WRITE}, "COPY": {READ, WRITE}, "PROPPATCH": {READ, WRITE},
    "LOCK": {WRITE},
}  # fmt: skip
SUBSETS = [
    frozenset(s)
    for s in itertools.chain.from_iterable(itertools.combinations((READ, WRITE, SHARE), n) for n in range(4))
]


@pytest.fixture
def root(quick_cloud):
    quick_cloud.storage.stat("einstein", "")
    root = quick_cloud.storage.files / "einstein"
    (root / "shared").mkdir()
    (root / "shared" / "file").write_bytes(b"content")
    (root / "private").write_bytes(b"private")
    return root


def state(root):
    return sorted((str(path), path.stat().st_mtime_ns) for path in root.rglob("*"))


def test_every_method_is_in_the_table():
    assert set(REQUESTS) == set(NEEDS) == set(METHODS)


@pytest.mark.parametrize("permissions", SUBSETS, ids=lambda permissions: "+".join(sorted(permissions)) or "nothing")
@pytest.mark.parametrize("method", REQUESTS)
async def test_no_method_does_or_tells_what_is_not_permitted(quick_cloud, root, method, permissions):
    """CVE-2021-35949, for every way in."""
    quick_cloud.trees["/share/"] = quick_cloud.tree("shared", permissions)
    path, body, headers = REQUESTS[method]
    before = state(root)
    answer = await quick_cloud.request(method, path, headers, body, prefix="/share/")
    if permissions >= NEEDS[method]:
        assert answer.status in (200, 201, 204, 207, 409)
    else:
        assert answer.status == 403
        assert state(root) == before
        assert b"content" not in answer.body
        assert answer.headers.get("etag") is None


async def test_who_may_only_write_does_not_learn_what_is_there(quick_cloud, root):
    quick_cloud.trees["/share/"] = quick_cloud.tree("shared", frozenset({WRITE}))
    for headers in ({"If-None-Match": "*"}, {"If": '(Not ["x"])'}):
        taken = await quick_cloud.request("PUT", "file", headers, b"1", prefix="/share/")
        free = await quick_cloud.request("PUT", "free", headers, b"1", prefix="/share/")
        assert taken.status in (201, 204)
        assert free.status in (201, 204)
    for path in ("file", "missing"):
        assert (await quick_cloud.request("GET", path, prefix="/share/")).status == 403


@pytest.mark.parametrize(
    "path",
    [
        "../private",
        "%2e%2e/private",
        "..%2Fprivate",
        "/../private",
        "./../private",
        "x/../../private",
        "//private",
        "private",
    ],
)
@pytest.mark.parametrize("method", [method for method in REQUESTS if method != "OPTIONS"])
async def test_nothing_outside_of_a_share_can_be_named(quick_cloud, root, method, path):
    quick_cloud.trees["/share/"] = quick_cloud.tree("shared")
    _, body, headers = REQUESTS[method]
    answer = await quick_cloud.request(method, path, headers, body, prefix="/share/")
    assert answer.status < 500
    assert b"private" not in answer.body.replace(b"/share/private", b"").replace(b">private<", b"")
    assert (root / "private").read_bytes() == b"private"


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
async def test_nothing_is_carried_out_of_or_into_another_tree(quick_cloud, root, method):
    quick_cloud.trees["/share/"] = quick_cloud.tree("shared")
    for destination in ("/dav/stolen", "/share/../stolen", "/share/%2e%2e/stolen"):
        headers = {"Destination": destination}
        assert (await quick_cloud.request(method, "file", headers, prefix="/share/")).status in (400, 403)
    assert sorted(path.name for path in root.iterdir()) == ["private", "shared"]


class TestASingleFile:
    @pytest.fixture
    def ask(self, quick_cloud, root):
        quick_cloud.trees["/share/"] = quick_cloud.tree("shared/file")

        async def ask(method, path, body=b"", **headers):
            return await quick_cloud.request(method, path, headers, body, prefix="/share/")

        return ask

    @pytest.mark.parametrize("path", ["", "file", "file/", ".", "./file"])
    async def test_is_at_the_root_and_at_its_name(self, ask, path):
        """Nextcloud asks for `/`, Reva for the URI with and without a slash, OpenCloud for `/<name>`."""
        assert (await ask("GET", path)).body == b"content"
        told = read(await ask("PROPFIND", path, Depth="1"))
        assert len(told) == 1
        (properties,) = told.values()
        assert list(properties[f"{D}resourcetype"].element) == []
        assert properties[f"{D}getcontentlength"].text == "7"
        assert (await ask("PUT", path, b"new")).status == 204
        assert (await ask("GET", "")).body == b"new"

    async def test_is_called_as_it_was_asked_for(self, ask):
        assert list(read(await ask("PROPFIND", ""))) == ["/share/"]
        assert list(read(await ask("PROPFIND", "file"))) == ["/share/file"]

    async def test_is_neither_removed_nor_moved(self, ask, root):
        for path in ("", "file"):
            assert (await ask("DELETE", path)).status == 403
            assert (await ask("MOVE", path, Destination="/share/new")).status == 403
        assert (root / "shared" / "file").read_bytes() == b"content"

    async def test_has_no_neighbours(self, ask, root):
        assert (await ask("PUT", "other", b"1")).status == 409
        assert (await ask("MKCOL", "other")).status == 409
        assert (await ask("COPY", "file", Destination="/share/other")).status in (403, 409)
        assert (await ask("GET", "other")).status == 404
        assert [path.name for path in (root / "shared").iterdir()] == ["file"]

    async def test_is_404_when_it_is_gone(self, ask, root):
        (root / "shared" / "file").unlink()
        for path in ("", "file"):
            assert (await ask("GET", path)).status == 404
            assert (await ask("PROPFIND", path)).status == 404
