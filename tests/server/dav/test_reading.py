"""GET and HEAD: whole files, ranges, conditions."""

from __future__ import annotations

import base64
import hashlib
from email.utils import formatdate

import pytest

from opencloudmesh.server.web.dav import digests
from opencloudmesh.server.web.dav.reading import PIECE

CONTENT = bytes(range(256)) * 4


@pytest.fixture
def root(quick_cloud):
    quick_cloud.storage.stat("einstein", "")
    root = quick_cloud.storage.files / "einstein"
    (root / "file.txt").write_bytes(CONTENT)
    (root / "empty").touch()
    (root / "folder").mkdir()
    return root


@pytest.fixture
def get(quick_cloud, root):
    async def get(path="file.txt", method="GET", **headers):
        return await quick_cloud.request(method, path, {name.replace("_", "-"): v for name, v in headers.items()})

    return get


async def test_a_file_comes_whole_with_its_validators(get, root):
    answer = await get()
    assert (answer.status, answer.body) == (200, CONTENT)
    assert answer.headers.get("content-length") == "1024"
    assert answer.headers.get("content-type") == "text/plain"
    assert answer.headers.get("accept-ranges") == "bytes"
    assert answer.headers.get("last-modified") == formatdate(int((root / "file.txt").stat().st_mtime), usegmt=True)
    assert answer.headers.get("etag").strip('"')


async def test_what_people_upload_never_runs_as_a_page_of_ours(get, root):
    (root / "page.html").write_text("<script>steal()</script>")
    answer = await get("page.html")
    assert "sandbox" in answer.headers.get("content-security-policy")
    assert answer.headers.get("x-content-type-options") == "nosniff"
    assert answer.headers.get("content-disposition") == "attachment"


async def test_head_tells_what_get_would(get):
    answer, whole = await get(method="HEAD"), await get()
    assert answer.body == b""
    assert answer.headers == whole.headers
    assert (await get(method="HEAD", Range="bytes=0-1")).status == 200  # RFC 9110, 14.2: only GET has ranges


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=1000-", 1000, 1024),
        ("bytes=1000-9999", 1000, 1024),
        ("bytes=-24", 1000, 1024),
        ("bytes=-5000", 0, 1024),
        ("Bytes = 1 - 2", 1, 3),
    ],
)
async def test_a_range_is_a_part(get, asked, start, stop):
    answer = await get(Range=asked)
    assert (answer.status, answer.body) == (206, CONTENT[start:stop])
    assert answer.headers.get("content-range") == f"bytes {start}-{stop - 1}/1024"
    assert answer.headers.get("content-length") == str(stop - start)


@pytest.mark.parametrize(
    "asked",
    ["bytes=", "bytes=-", "bytes=5-4", "bytes=a-b", "lines=1-2", "bytes=0-1,4-5", "bytes=0-" + "9" * 5000, "5-6"],
)
async def test_a_range_that_is_not_understood_is_ignored(get, asked):
    answer = await get(Range=asked)
    assert (answer.status, answer.body) == (200, CONTENT)


@pytest.mark.parametrize(
    ("path", "asked"), [("file.txt", "bytes=1024-"), ("file.txt", "bytes=-0"), ("empty", "bytes=0-")]
)
async def test_a_range_outside_of_the_file_is_416_with_its_size(get, path, asked):
    answer = await get(path, Range=asked)
    assert answer.status == 416
    assert answer.headers.get("content-range") == f"bytes */{1024 if path == 'file.txt' else 0}"


async def test_the_end_of_nothing_is_nothing(get):
    answer = await get("empty", Range="bytes=-5")
    assert (answer.status, answer.body) == (200, b"")


async def test_a_file_of_several_pieces_is_whole(get, root):
    content = b"0123456789abcdef" * (PIECE // 8)
    (root / "big").write_bytes(content)
    assert (await get("big")).body == content
    assert (await get("big", Range=f"bytes=7-{PIECE + 99}")).body == content[7 : PIECE + 100]


async def test_what_the_client_has_already_is_not_sent_again(get, root):
    first = await get()
    etag, date = first.headers.get("etag"), first.headers.get("last-modified")
    for headers in (
        {"If_None_Match": etag},
        {"If_None_Match": f'"other", W/{etag}'},
        {"If_None_Match": "*"},
        {"If_Modified_Since": date},
        {"If_None_Match": etag, "If_Modified_Since": "Mon, 01 Jan 2001 00:00:00 GMT"},
    ):
        for method in ("GET", "HEAD"):
            answer = await get(method=method, **headers)
            assert (answer.status, answer.body) == (304, b"")
            assert answer.headers.get("etag") == etag
    for headers in (
        {"If_None_Match": '"other"'},
        {"If_None_Match": '"other"', "If_Modified_Since": date},
        {"If_Modified_Since": "Mon, 01 Jan 2001 00:00:00 GMT"},
        {"If_Modified_Since": "yesterday"},
    ):
        assert (await get(**headers)).status == 200


async def test_conditions_that_do_not_hold_are_412(get):
    etag = (await get()).headers.get("etag")
    past, future = "Mon, 01 Jan 2001 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
    for headers, status in (
        ({"If_Match": etag}, 200),
        ({"If_Match": "*"}, 200),
        ({"If_Match": f'"other", {etag}'}, 200),
        ({"If_Match": '"other"'}, 412),
        ({"If_Match": f"W/{etag}"}, 412),
        ({"If_Unmodified_Since": past}, 412),
        ({"If_Unmodified_Since": future}, 200),
        ({"If_Unmodified_Since": "nonsense"}, 200),
        ({"If_Match": etag, "If_Unmodified_Since": past}, 200),
    ):
        assert (await get(**headers)).status == status, headers


async def test_who_asks_is_told_what_all_of_the_file_adds_up_to(get, monkeypatch):
    said = f"sha-256=:{base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()}:"
    for more in ({}, {"Range": "bytes=1-2"}):
        assert (await get(Want_Repr_Digest="md5=1, sha-256=10", **more)).headers.get("repr-digest") == said
    assert (await get(Want_Repr_Digest="sha-256=0")).headers.get("repr-digest") is None
    assert (await get()).headers.get("repr-digest") is None
    monkeypatch.setattr(digests, "MAX_SIZE", len(CONTENT) - 1)
    assert (await get(Want_Repr_Digest="sha-256=10")).headers.get("repr-digest") is None


async def test_a_range_of_another_version_is_answered_with_the_whole(get):
    first = await get()
    etag, date = first.headers.get("etag"), first.headers.get("last-modified")
    for value, status in ((etag, 206), (date, 206), ('"other"', 200), (f"W/{etag}", 200), ("nonsense", 200)):
        assert (await get(Range="bytes=0-1", If_Range=value)).status == status


async def test_a_folder_has_no_content(get):
    assert (await get("folder")).status == 405
    assert (await get("folder", method="HEAD")).status == 405
    assert (await get("")).status == 405


@pytest.mark.parametrize(
    "path", ["missing", "file.txt/x", "folder/x", "..%2Ffile.txt", "%2e%2e", "a%00b", "%ff", "%zz", "a%2Fb", "a#b"]
)
async def test_what_is_not_there_or_no_path_is_refused(get, path):
    assert (await get(path)).status in (400, 404)


async def test_a_target_whose_decoding_loses_something_is_refused(quick_cloud, root):
    """Servers decode what is not UTF-8 to U+FFFD: two names would become one."""
    for target, status in (("%e9.txt", 400), ("%c3%a9.txt", 201), ("%EF%BF%BD", 201), ("%zz", 400), ("x%2Fy", 400)):
        assert (await quick_cloud.request("PUT", target, {}, b"1")).status == status
    assert {"é.txt", "\ufffd"} < {path.name for path in root.iterdir()}
