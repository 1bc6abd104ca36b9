"""Links: what their visitors see and do in a real browser, and people of ours with links of another cloud."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest_asyncio
from tests.browser.person import SIZES
from tests.browser.test_journeys import LONG
from tests.browser.test_upload import drag
from tests.mesh import settled

from opencloudmesh.server import locks, schema

MODES = ("read", "edit", "upload")


@pytest_asyncio.fixture(loop_scope="session")
async def links(one):
    """One of einstein's of each mode, of a file, and with a password."""
    one.put("einstein", f"work/{LONG}", b"x")
    one.put("einstein", "work/deep/a.txt", b"a")
    one.put("einstein", "note.txt", b"e = mc2")
    wanted = {mode: {"path": "work", "mode": mode, "description": "All of it"} for mode in MODES}
    wanted["file"] = {"path": "note.txt", "mode": "edit"}
    wanted["protected"] = {"path": "work", "mode": "read", "password": "open sesame"}
    return {
        name: (await one.api("POST", "links", body, who="einstein", status=201))["url"] for name, body in wanted.items()
    }


async def test_the_pages_of_links_are_for_everybody(one, visitor, links):
    for url in (*links.values(), f"{links['edit']}/files/deep", f"{links['edit']}/files/deep/a.txt"):
        await visitor.open(url)
        for summary in await visitor.page.locator("main summary").all():
            await summary.click()
        assert await visitor.faults() == []
        assert await visitor.unreached() == []
    await visitor.sign_in("einstein")
    for path in ("/share/work", "/share/note.txt", "/requests", "/add"):
        await visitor.open(path)
        for summary in await visitor.page.locator("main summary").all():
            await summary.click()
        assert await visitor.faults() == []
        assert await visitor.unreached() == []


async def test_a_visitor_opens_fetches_uploads_and_takes_it_along(one, two, links, visitor, marie, tmp_path):
    await visitor.open(links["protected"])
    await visitor.fill("Password", "open sesame")
    await visitor.press("Open")
    await visitor.follow("Folder deep")
    await visitor.follow("File a.txt")
    assert await visitor.page.locator("pre.view").inner_text() == "a"
    assert await visitor.download("Download", tmp_path / "a.txt") == b"a"
    await visitor.open(links["protected"])
    await visitor.unfold("Add to your cloud")
    await visitor.fill("Your address", two.address("marie"))
    await visitor.press("Add to your cloud")
    await visitor.sees("It is on its way to that address")

    (tmp_path / "mine.html").write_bytes(b"<script>alert(1)</script>")
    await visitor.open(links["upload"])
    await visitor.page.get_by_label("Files").set_input_files(tmp_path / "mine.html")
    await visitor.press("Upload")
    await visitor.sees("Uploaded.")
    await visitor.open(links["edit"])
    await visitor.follow("File mine.html")
    assert await visitor.download("Download", tmp_path / "got") == b"<script>alert(1)</script>"

    await settled(one, two)
    await marie.open("/inbox")
    await marie.press("Accept: work")
    await marie.sees("Accepted.")
    (row,) = await one.api("GET", "shares", who="einstein")
    await settled(one, two)
    assert (row["shareWith"], bool(row["link"])) == (two.address("marie"), True)


@SIZES
async def test_a_visitor_sees_how_far_an_upload_is(one, links, visitor, tmp_path, size):
    await visitor.resize(size)
    (tmp_path / "big.bin").write_bytes(bytes(range(256)) * 40_000)
    (tmp_path / "small.txt").write_bytes(b"small")
    upload = f"{links['upload']}/upload/"
    await visitor.open(links["upload"])
    files = visitor.page.get_by_label("Files")
    await files.set_input_files([tmp_path / "big.bin", tmp_path / "small.txt"])
    await visitor.page.route(upload, lambda _route: None)  # it hangs
    await visitor.press("Upload")
    await visitor.sees("0%")
    await visitor.fine()
    await visitor.press("Cancel")
    await visitor.sees("big.bin: Cancelled")
    assert one.file("einstein", "work/small.txt").exists() is False
    await visitor.page.unroute(upload)
    await visitor.page.route(upload, lambda route: route.abort("connectionreset"), times=1)
    await visitor.press("Upload")  # the same files
    await visitor.sees("The connection is lost.")
    await visitor.fine()
    await visitor.press("Upload")
    await visitor.sees("Uploaded.")
    assert one.file("einstein", "work/big.bin").read_bytes() == (tmp_path / "big.bin").read_bytes()
    assert one.file("einstein", "work/small.txt").read_bytes() == b"small"
    assert all("ERR_CONNECTION_RESET" in problem for problem in visitor.problems)
    visitor.problems.clear()


@SIZES
async def test_a_visitor_drops_files_and_reads_why_they_are_not_taken(one, links, visitor, tmp_path, size):
    await visitor.resize(size)
    for name in ("a.txt", "LICENSE"):
        (tmp_path / name).write_bytes(b"dropped")
    (tmp_path / "folder").mkdir()
    await visitor.open(links["edit"])
    await drag(visitor, tmp_path / "a.txt", tmp_path / "folder", tmp_path / "LICENSE")
    await visitor.sees("Folders cannot be uploaded here.")
    await visitor.fine()
    assert not one.file("einstein", "work/a.txt").exists()
    await drag(visitor, tmp_path / "a.txt", tmp_path / "LICENSE")
    await visitor.sees("Uploaded.")
    assert one.file("einstein", "work/a.txt").read_bytes() == b"dropped"
    assert one.file("einstein", "work/LICENSE").read_bytes() == b"dropped"
    one.context.database.write_now(lambda tx: locks.acquire(tx, "einstein", "work", principal="account:einstein"))
    await drag(visitor, tmp_path / "a.txt")
    await visitor.sees("locked")
    await visitor.fine()
    assert not one.file("einstein", "work/a (2).txt").exists()

    # What has arrived is not sent again, and a link that has ended is said to have.
    await visitor.open(links["upload"])
    path = re.compile(".*/upload/$")
    await visitor.page.route(
        path, lambda route: route.abort() if b"a.txt" in route.request.post_data_buffer else route.continue_()
    )
    await visitor.page.get_by_label("Files").set_input_files([tmp_path / "LICENSE", tmp_path / "a.txt"])
    await visitor.press("Upload")
    await visitor.sees("a.txt: The connection is lost. Try again. (1 of 2 done)")
    await visitor.page.unroute(path)
    one.context.database.write_now(lambda tx: tx.run(schema.links.delete()))
    await visitor.press("Upload")
    await visitor.sees("a.txt: This link leads nowhere")
    assert sorted(path.name for path in one.file("einstein", "work").glob("LICENSE*")) == ["LICENSE", "LICENSE (2)"]
    visitor.problems.clear()


async def test_who_is_led_here_by_the_page_of_another_cloud_finds_the_form_filled_in(one, two, links, marie):
    token = links["read"].rpartition("/")[2]
    said = urlencode({"remote": one.url, "token": token, "owner": "einstein", "name": "work", "protected": "0"})
    await marie.press("Sign out")
    await marie.open(f"/index.php/apps/files#{said}")
    await marie.enter("marie")
    await marie.sees("Add from a link")
    await marie.page.wait_for_load_state()
    assert token in await marie.page.get_by_label("The link").input_value()
    await marie.press("Add to my files")
    await marie.sees("That cloud was asked")
    await settled(one, two)
    await marie.open("/inbox")
    await marie.sees("work")
