"""Looking at files in the browser: what is shown, as what, and what is never shown."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from tests.browsing import EVIL, harmless
from tests.journeys.test_shares import offered
from tests.security.test_pictures import pdf, picture

SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"


def shown(page):
    """What the page of a file loads: (tag, src)."""
    return [(tag, values["src"]) for tag, values in page.tags if tag in ("img", "audio", "video", "iframe") and
            not values["src"].startswith("/static/")]  # fmt: skip


async def test_each_kind_is_shown_in_its_way_under_a_type_of_ours(one, einstein):
    one.put("einstein", "a b.png", picture())
    one.put("einstein", "a.mp3", b"x")
    one.put("einstein", "a.webm", b"x" * 9)
    one.put("einstein", "a.txt", b"\xef\xbb\xbf" + EVIL.encode())
    one.put("einstein", "a.pdf", pdf(kids="3 0 R 3 0 R"))
    one.put("einstein", "a.exe", b"x")
    for name, loaded in {
        "a%20b.png": [("img", "/content/a%20b.png")],
        "a.mp3": [("audio", "/content/a.mp3")],
        "a.webm": [("video", "/content/a.webm")],
        "a.txt": [],
        "a.pdf": [("img", "/page/0/a.pdf"), ("img", "/page/1/a.pdf")],
        "a.exe": [],
    }.items():
        page = await einstein.open(f"/look/{name}")
        assert shown(page) == loaded
        assert harmless(page)
        assert f"/download/{name}" in page.links
    assert EVIL in (await einstein.open("/look/a.txt")).text
    assert "cannot be shown here" in page.text
    part = await einstein.send("GET", "/content/a.webm", headers={"Range": "bytes=2-3"})
    assert (part.status, part.body) == (206, b"xx")
    for path, kind in {
        "/content/a%20b.png": "image/png",
        "/content/a.mp3": "audio/mpeg",
        "/content/a.webm": "video/webm",
        "/page/1/a.pdf": "image/webp",
        "/thumbnail/a%20b.png": "image/webp",
        "/thumbnail/a.pdf": "image/webp",
    }.items():
        answer = await einstein.send("GET", path)
        assert (answer.status, answer.headers.get("content-type")) == (200, kind)
        assert answer.headers.get("content-security-policy") == "default-src 'none'; sandbox"
        assert answer.headers.get("x-content-type-options") == "nosniff"
        assert answer.headers.get("content-disposition") == "inline"
        assert "private" in answer.headers.get("cache-control")
    await einstein.open("/page/2/a.pdf", 404)


async def test_what_could_run_is_text_or_a_download(one, einstein):
    for name in ("a.svg", "a.html", "a.htm", "a.xml", "a.js"):
        one.put("einstein", name, SVG)
        page = await einstein.open(f"/look/{name}")
        assert shown(page) == []
        assert SVG.decode() in page.text
        assert harmless(page)
        for path in (f"/content/{name}", f"/page/0/{name}"):
            await einstein.open(path, 404)
        answer = await einstein.send("GET", f"/thumbnail/{name}")  # an icon of ours
        assert b"onload" not in answer.body
        assert (await einstein.send("GET", f"/download/{name}")).headers.get("content-disposition") == "attachment"


async def test_a_small_picture_is_never_the_file_itself_and_belongs_to_what_the_file_is_now(one, einstein):
    one.put("einstein", "a.png", picture(mode="RGBA"))
    first = await einstein.send("GET", "/thumbnail/a.png")
    with Image.open(io.BytesIO(first.body)) as image:
        assert image.size == (160, 107)
    assert (await einstein.send("GET", "/thumbnail/a.png")).body == first.body
    assert len(list((one.data / "previews").iterdir())) == 1
    one.put("einstein", "a.png", SVG)
    answer = await einstein.send("GET", "/thumbnail/a.png")
    assert answer.headers.get("content-type") == "image/svg+xml"
    assert b"onload" not in answer.body
    ((_, src),) = shown(await einstein.open("/files/"))
    assert src.startswith("/thumbnail/a.png?v=")


async def test_a_long_text_is_cut(one, einstein):
    one.put("einstein", "a.log", b"ab\xff" * 200_000)
    page = await einstein.open("/look/a.log")
    assert "This is the beginning." in page.text
    assert len(page.html) < 400_000
    one.put("einstein", "empty.txt", b"")
    await einstein.open("/look/empty.txt")


async def test_received_files_are_asked_for_only_on_their_page(one, two, einstein, marie):
    one.put("einstein", "work/a.png", picture())
    one.put("einstein", "work/b.pdf", pdf())
    one.put("einstein", "work/c.txt", b"e = mc2")
    await offered(one, two, "work")
    await marie.open("/files/Shares/work")
    one.log.clear()
    page = await marie.open("/files/Shares/work")
    assert shown(page) == []
    assert "/look/Shares/work/a.png" in page.links
    assert (await marie.send("GET", "/thumbnail/Shares/work/a.png")).headers.get("content-type") == "image/svg+xml"
    assert not [line for line in one.log if " GET " in line]
    page = await marie.open("/look/Shares/work/b.pdf")
    assert shown(page) == [("img", "/page/0/Shares/work/b.pdf")]
    assert "/look/Shares/work/a.png" in page.links
    assert "/share/Shares/work/b.pdf" not in page.links
    assert (await marie.send("GET", "/page/0/Shares/work/b.pdf")).headers.get("content-type") == "image/webp"
    assert len([line for line in one.log if " GET " in line and "in " in line]) == 1
    assert (await marie.send("GET", "/content/Shares/work/a.png")).body == picture()
    assert "e = mc2" in (await marie.open("/look/Shares/work/c.txt")).text


@pytest.mark.parametrize("path", ["/look/a.png", "/content/a.png", "/thumbnail/a.png", "/page/0/a.pdf"])
async def test_nobody_elses_files_are_shown(two, marie, path):
    two.put("fritz", "a.png", picture())
    two.put("fritz", "a.pdf", pdf())
    await marie.open(path, 404)
    assert list((two.data / "previews").iterdir()) == []
