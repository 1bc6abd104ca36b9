"""Uploads by dragging and by the form, in pieces: in a real browser, whose connection comes and goes."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Route
from tests.browser.person import SIZES, Person

from opencloudmesh.server import uploads

MB = 1024 * 1024
FOLDER = re.compile(r"/files/\?done=uploaded")


@pytest.fixture
def big(tmp_path: Path) -> Path:
    """A file of three pieces."""
    path = tmp_path / "big.bin"
    path.write_bytes(bytes(range(256)) * (20 * MB // 256))
    return path


async def choose(person: Person, *paths: Path) -> None:
    await person.unfold("Upload")
    await person.page.get_by_label("Files", exact=True).set_input_files(paths)


async def drag(person: Person, *paths: Path) -> None:
    """As from the desktop, which only the browser itself can do."""
    devtools = await person.page.context.new_cdp_session(person.page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        await devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 400, "data": data})


@SIZES
async def test_files_and_folders_are_dragged_in(two, marie, tmp_path, size):
    await marie.resize(size)
    (tmp_path / "work/deep/empty").mkdir(parents=True)
    for number in range(7):
        (tmp_path / f"work/deep/{number}.txt").write_bytes(b"x" * number)
    (tmp_path / "a.txt").write_bytes(b"a")
    await marie.open("/files/")
    await drag(marie, tmp_path / "work", tmp_path / "a.txt")
    await marie.page.wait_for_url(FOLDER)
    await marie.sees("Uploaded.")
    assert await marie.names() == ["work", "a.txt"]
    tree = {str(path.relative_to(two.file("marie", ""))) for path in two.file("marie", "").rglob("*")}
    below = {"deep", "deep/empty", *(f"deep/{number}.txt" for number in range(7))}
    assert tree == {"a.txt", "work", *(f"work/{path}" for path in below)}


@SIZES
async def test_a_folder_is_chosen(two, marie, tmp_path, size):
    await marie.resize(size)
    (tmp_path / "work/deep").mkdir(parents=True)
    (tmp_path / "work/deep/a.txt").write_bytes(b"a")
    await marie.unfold("Upload")
    await marie.fine()
    await marie.page.get_by_label("Or a folder").set_input_files(tmp_path / "work")
    await marie.page.wait_for_url(FOLDER)
    assert two.file("marie", "work/deep/a.txt").read_bytes() == b"a"


@SIZES
async def test_a_lost_connection_costs_one_piece(two, marie, big, size):
    await marie.resize(size)
    pieces: list[str] = []

    async def sometimes(route: Route) -> None:
        pieces.append(route.request.url.partition("from=")[2])
        await (route.abort("connectionreset") if len(pieces) in (1, 3) else route.continue_())

    await marie.page.route("**/uploads/*from=*", sometimes)
    await choose(marie, big)
    await marie.sees("The connection is lost.")
    await marie.press("Try again: big.bin")
    await marie.page.wait_for_url(FOLDER)
    assert two.file("marie", "big.bin").read_bytes() == big.read_bytes()
    assert pieces == ["0", "0", str(8 * MB), str(8 * MB), str(16 * MB)]
    assert all("ERR_CONNECTION_RESET" in problem for problem in marie.problems)
    marie.problems.clear()


@SIZES
async def test_an_upload_goes_on_after_the_page_was_left(two, marie, big, size):
    await marie.resize(size)

    async def only_the_first(route: Route) -> None:
        if route.request.url.endswith("from=0"):
            await route.continue_()  # the others hang

    await marie.page.route("**/uploads/*from=*", only_the_first)
    await choose(marie, big)
    await marie.sees("40%")
    await marie.fine()
    assert await marie.unreached() == []
    marie.page.on("dialog", lambda dialog: dialog.accept())  # "Leave this page?"
    await marie.page.reload()
    await marie.sees("8.4 MB of 21.0 MB")
    await marie.fine()
    await marie.page.unroute("**/uploads/*from=*")
    asked: list[str] = []
    marie.page.on("request", lambda request: asked.append(request.url))
    await choose(marie, big)
    await marie.page.locator("[data-unfinished]").wait_for(state="detached")
    await marie.page.wait_for_url(FOLDER)
    assert two.file("marie", "big.bin").read_bytes() == big.read_bytes()
    assert not [url for url in asked if url.endswith("from=0")]


@SIZES
async def test_names_that_are_taken_are_asked_about_and_what_is_not_wanted_is_cancelled(
    two, marie, big, tmp_path, size
):
    await marie.resize(size)
    paths = [tmp_path / f"{name}.txt" for name in "abcd"]
    for path in paths:
        path.write_bytes(b"new")
        two.put("marie", path.name, b"old")
    await marie.open("/files/")
    await choose(marie, *paths)
    await marie.press("Keep both: a.txt")
    await marie.press("Skip: b.txt")
    line = marie.page.locator("#sending li").filter(has_text="c.txt")
    await line.get_by_label("Do the same with all others").check()
    await marie.fine()
    await marie.press("Replace: c.txt")
    await marie.page.wait_for_url(FOLDER)
    found = {path.name: path.read_bytes() for path in two.file("marie", "").iterdir()}
    assert found == {"a.txt": b"old", "a (2).txt": b"new", "b.txt": b"old", "c.txt": b"new", "d.txt": b"new"}
    assert all("status of 412" in problem for problem in marie.problems)
    marie.problems.clear()

    await marie.page.route("**/uploads/*from=*", lambda _route: None)
    await choose(marie, big)
    await marie.sees("0%")
    await marie.fine()
    await marie.press("Cancel: big.bin")
    await marie.sees("Cancelled")
    assert not await marie.page.get_by_role("button", name="Cancel all").is_visible()
    async with asyncio.timeout(20):
        while two.rows(uploads.known):
            await asyncio.sleep(0.05)
    assert list((two.data / "uploads").iterdir()) == []


@SIZES
async def test_what_does_not_work_is_told_and_tried_again(two, marie, tmp_path, size):
    await marie.resize(size)
    (tmp_path / "a.txt").write_bytes(b"a")
    await marie.open("/files/")
    two.file("marie", "a.txt").mkdir()
    await choose(marie, tmp_path / "a.txt")
    await marie.sees("There is a folder of that name.")
    await marie.fine()
    two.file("marie", "a.txt").rmdir()
    await marie.press("Try again: a.txt")
    await marie.page.wait_for_url(FOLDER)
    assert two.file("marie", "a.txt").read_bytes() == b"a"
    assert all("status of 405" in problem for problem in marie.problems)
    marie.problems.clear()
