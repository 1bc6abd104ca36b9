"""Hostile pictures and PDFs: what they can do is nothing but fail, and soon."""

from __future__ import annotations

import asyncio
import io
import os
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from opencloudmesh.protocol.errors import NotFound, TooManyRequests
from opencloudmesh.server import pictures, previews
from opencloudmesh.server.previews import Preview, Previews
from opencloudmesh.server.trees import Content, Entry

WHO = "einstein"


def picture(kind: str = "PNG", size: tuple[int, int] = (300, 200), mode: str = "RGB", **more) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, 1 if mode == "P" else None).save(out, kind, **more)
    return out.getvalue()


def png_bomb(width: int, height: int) -> bytes:
    """A small file that says that it is a picture of so many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    body = zlib.compress(b"\0" * 50_000_000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def pdf(box: str = "0 0 200 300", content: bytes = b"0 0 100 100 re f", kids: str = "3 0 R", extra: str = "") -> bytes:
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {kids.count('R')}>>".encode(),
        f"<</Type/Page/Parent 2 0 R/MediaBox[{box}]/Contents 4 0 R/Resources<<{extra}>>>>".encode(),
        b"<</Length %d>>stream\n" % len(content) + content + b"\nendstream",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(out))
        out += b"%d 0 obj" % number + part + b"endobj\n"
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return (
        out
        + b"xref\n0 5\n0000000000 65535 f \n"
        + table
        + b"trailer<</Size 5/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % len(out)
    )


async def made(folder: Path, name: str, data: bytes, *, page: int = 0, pixels: int = 160) -> Preview | None:
    path = folder / name
    path.write_bytes(data)
    entry = Entry(name, False, len(data), path.stat().st_mtime_ns, str(time.time_ns()))

    async def read() -> Content:
        return Content(entry, file=path)

    return await Previews(folder).get(entry, WHO, read, page=page, pixels=pixels)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
async def test_pictures_are_made_anew(tmp_path, kind):
    ending = {"JPEG": "jpg"}.get(kind, kind.lower())
    comment = {"exif": b"Exif\0\0secret"} if kind in ("JPEG", "WEBP") else {}
    found = await made(tmp_path, f"a.{ending}", picture(kind, **comment))
    assert found is not None
    assert found.pages == 1
    assert b"secret" not in found.picture
    with Image.open(io.BytesIO(found.picture)) as image:
        assert (image.format, image.size) == ("WEBP", (160, 107))


async def test_pages_of_a_pdf_are_pictures(tmp_path):
    data = pdf(kids="3 0 R 3 0 R")
    found = await made(tmp_path, "a.pdf", data, page=1)
    assert found is not None
    assert found.pages == 2
    with Image.open(io.BytesIO(found.picture)) as image:
        assert image.height == 160
    assert await made(tmp_path, "a.pdf", data, page=2) is None


async def test_our_own_people_wait_for_no_guest(tmp_path, monkeypatch):
    """While a guest's picture is made, another guest waits, and one of our own people does not."""
    monkeypatch.setattr(previews, "QUEUE", 0.3)
    every, slow, done = Previews(tmp_path), asyncio.Event(), Entry("a.png", False, 9, 1, "tag")

    async def never() -> Content:
        slow.set()
        return await asyncio.Future()

    async def none() -> Content:
        raise NotFound("It has gone.")

    hanging = asyncio.create_task(every.get(done, WHO, never, pixels=160, guest=True))
    await slow.wait()
    with pytest.raises(TooManyRequests):
        await every.get(done, WHO, none, pixels=160, guest=True)
    with pytest.raises(NotFound):
        await every.get(done, WHO, none, pixels=160)
    hanging.cancel()


HOSTILE = {
    "too many pixels.png": lambda: png_bomb(100_000, 100_000),
    "many pixels.png": lambda: png_bomb(8000, 7000),
    "a little less than too many.bmp": lambda: picture("BMP", (10, 10))[:18] + struct.pack("<ii", 7000, 7000) + b"\1",
    "not a picture.jpg": lambda: b"<svg onload=alert(1)>",
    "another format.png": lambda: picture("TIFF"),
    "a page.png": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n",
    "cut off.png": lambda: picture()[:60],
    "nothing.gif": lambda: b"",
    "not one.pdf": lambda: b"%PDF-1.4 but no more",
    "without pages.pdf": lambda: pdf(kids=""),
    "itself.pdf": lambda: pdf(kids="2 0 R"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
async def test_of_what_is_hostile_there_is_no_picture(tmp_path, name):
    before = set(os.listdir(tmp_path))
    assert await made(tmp_path, name, HOSTILE[name]()) is None
    kept = set(os.listdir(tmp_path / "previews"))
    assert set(os.listdir(tmp_path)) - before == {name, "previews"}
    assert sum((tmp_path / "previews" / one).stat().st_size for one in kept) == 0  # it is not tried again


async def test_a_page_may_be_of_any_size_but_its_picture_not(tmp_path):
    found = await made(tmp_path, "a.pdf", pdf(box="0 0 14000000 10"), pixels=300)
    if found is not None:
        with Image.open(io.BytesIO(found.picture)) as image:
            assert max(image.size) <= 300


async def test_an_endless_page_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(previews, "PATIENCE", 0.5)  # it is killed by the clock, where it would not be by its own limit
    endless = b"q 0 0 200 300 re W n " * 40_000 + b"0 0 m 200 300 l S " * 400_000
    began = time.monotonic()
    assert await made(tmp_path, "a.pdf", pdf(content=endless), pixels=4000) is None
    assert time.monotonic() - began < pictures.CPU


async def test_a_server_that_sends_slowly_holds_no_turn(tmp_path, monkeypatch):
    """Two turns are there for everybody, and a byte now and then is never idle."""
    monkeypatch.setattr(previews, "PATIENCE", 0.2)
    monkeypatch.setattr(previews, "AT_ONCE", 1)
    kept, entry = Previews(tmp_path), Entry("a.png", False, 100, 1, "tag")

    async def slowly() -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(0.01)

    async def read() -> Content:
        return Content(entry, stream=slowly())

    async with asyncio.timeout(60):
        assert await kept.get(entry, WHO, read, pixels=10) is None
    assert list((tmp_path / "previews").iterdir()) == []  # it may be faster another time
    monkeypatch.setattr(previews, "PATIENCE", 60)
    (tmp_path / "b.png").write_bytes(picture())

    async def here() -> Content:
        return Content(entry, file=tmp_path / "b.png")

    assert await kept.get(Entry("b.png", False, 100, 1, "tag"), WHO, here, pixels=10) is not None


async def test_what_is_too_large_is_not_read(tmp_path):
    entry = Entry("a.png", False, pictures.MAX_BYTES + 1, 0, "x")

    async def read() -> Content:
        raise AssertionError

    assert await Previews(tmp_path).get(entry, WHO, read, pixels=10) is None


def test_the_process_opens_neither_files_nor_connections():
    """Whatever a decoder can be brought to do, after the limits."""
    program = """
import resource, runpy, socket, sys
limits = runpy.run_path(sys.argv[1])["LIMITS"]
for which, limit in limits.items():
    resource.setrlimit(which, (limit, limit))
for attempt in (lambda: open("/etc/passwd"), socket.socket, lambda: bytearray(2 << 30)):
    try:
        attempt()
    except (OSError, MemoryError):
        continue
    sys.exit(3)
"""
    command = [sys.executable, "-I", "-c", program, pictures.__file__]
    assert subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env={}, check=False).returncode == 0


async def test_what_nobody_looks_at_goes(tmp_path, monkeypatch):
    assert await made(tmp_path, "a.png", picture()) is not None
    kept = Previews(tmp_path)
    kept.sweep()
    assert len(os.listdir(tmp_path / "previews")) == 1
    monkeypatch.setattr(previews, "KEPT_BYTES", 10)
    kept.sweep()
    assert os.listdir(tmp_path / "previews") == []
