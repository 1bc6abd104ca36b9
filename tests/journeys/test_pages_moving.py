"""Moving, copying, and taking a folder along as one file."""

from __future__ import annotations

import asyncio
import io
import zipfile
from urllib.parse import urlencode

import pytest
from tests.browsing import EVIL, harmless
from tests.journeys.test_shares import offered
from tests.mesh import settled

from opencloudmesh.server import accounts, locks, peers, received, shares
from opencloudmesh.server.web.pages import archive

LEFT_OUT = archive.LEFT_OUT
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def taken_along(browser, path):
    answer = await browser.send("GET", f"/archive/{path}")
    assert (answer.status, answer.headers.get("content-type")) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.body)) as found:
        assert found.testzip() is None
        return answer, {name: found.read(name) for name in found.namelist()}


def tree(one, folder=""):
    root = one.file("einstein", folder)
    return {str(path.relative_to(root)) for path in root.rglob("*")}


async def test_a_file_is_moved_and_copied_to_where_the_person_goes(one, einstein):
    one.put("einstein", "a.txt", b"a")
    one.put("einstein", "b/c d/e.txt", b"e")
    page = await einstein.open("/move/a.txt")
    assert "/move/a.txt?to=b" in page.links
    assert "Move here" not in page.text
    page = await einstein.open("/move/a.txt?to=b")
    assert "/move/a.txt?to=b/c%20d" in page.links
    page = await einstein.submit("/move/a.txt", to="b/c d", do="copy")
    assert "Copied." in page.text
    assert "/download/b/c%20d/a.txt" in page.links
    await einstein.submit("/move/a.txt", to="b/c d", do="copy")
    assert "Moved." in (await einstein.submit("/move/a.txt", to="b", do="move")).text
    assert tree(one) == {"b", "b/a.txt", "b/c d", "b/c d/e.txt", "b/c d/a.txt", "b/c d/a (2).txt"}


async def test_what_cannot_be_moved_stays_and_is_told(one, einstein):
    one.put("einstein", "a.txt", b"a")
    one.put("einstein", "b/a.txt", b"other")
    before = tree(one)
    page = await einstein.open("/move/b")
    assert [link for link in page.links if link.startswith("/move/b?to=b")] == []
    assert "already" in (await einstein.submit("/move/a.txt", 412, to="b", do="move")).text
    assert "part" in (await einstein.submit("/move/b", 403, to="b", do="copy")).text
    await einstein.submit("/move/a.txt", 400, to="b", do="nonsense")
    await einstein.submit("/move/a.txt", 404, to="nowhere", do="move")
    await einstein.submit("/move/a.txt", 400, to="../marie", do="move")
    await einstein.submit("/move/", 404, to="b", do="move")
    one.context.database.write_now(lambda tx: locks.acquire(tx, "einstein", "a.txt", principal="account:einstein"))
    assert "locked" in (await einstein.submit("/move/a.txt", 423, to="b", do="move")).text
    assert tree(one) == before
    assert one.file("einstein", "b/a.txt").read_bytes() == b"other"


async def test_what_becomes_of_a_taken_name_is_asked(one, einstein):
    for path in ("a.txt", "c.txt", "d/x", "b/a.txt", "b/c.txt", "b/d/y"):
        one.put("einstein", path, path.encode())
    page = await einstein.submit("/move/a.txt", 412, to="b", do="move")
    assert "The name a.txt is taken in that folder." in page.text
    assert answers(page) == ["both", "replace"]
    await einstein.submit("/move/a.txt", to="b", do="both")
    assert one.file("einstein", "b/a (2).txt").read_bytes() == b"a.txt"
    await one.api("POST", "links", {"path": "b/c.txt", "mode": "read"}, who="einstein", status=201)
    await one.api("POST", "shares", {"path": "b/c.txt", "shareWith": "marie@two.example"}, who="einstein", status=201)
    page = await einstein.submit("/move/c.txt", 412, to="b", do="move")
    assert "can open the other one, if it is replaced: marie@two.example, whoever has a link to it" in page.text
    assert "What is replaced goes to the trash." in page.text
    await einstein.submit("/move/c.txt", to="b", do="replace")
    assert one.file("einstein", "b/c.txt").read_bytes() == b"c.txt"
    page = await einstein.submit((await einstein.open("/trash")).form("/trash/.*/restore"))
    assert one.file("einstein", "b/c (2).txt").read_bytes() == b"b/c.txt"
    # A folder is not replaced, nor does a file replace one.
    assert answers(await einstein.submit("/move/d", 412, to="b", do="move")) == ["both"]
    one.put("einstein", "e/d", b"a file")
    before = tree(one)
    for path in ("d", "e/d"):
        assert (
            "There is a folder of that name."
            in (await einstein.submit(f"/move/{path}", 412, to="b", do="replace")).text
        )
    assert tree(one) == before
    await einstein.submit("/move/d", to="b", do="both")
    assert one.file("einstein", "b/d (2)/x").exists()
    one.put("einstein", "free.txt", b"free")  # what was there has just gone
    await einstein.submit("/move/free.txt", to="b", do="replace")
    assert one.file("einstein", "b/free.txt").read_bytes() == b"free"


def answers(page):
    """What may become of one whose name is taken."""
    known = ("both", "replace", "skip")
    return [values["value"] for tag, values in page.tags if tag == "button" and values.get("value") in known]


async def test_a_replace_that_fails_in_the_middle_loses_nothing(one, two, marie):
    one.put("einstein", "work/a.txt", b"theirs")
    await offered(one, two, "work", permissions=["read", "write"])
    two.put("marie", "mine/a.txt", b"hers")
    one.context.database.write_now(lambda tx: locks.acquire(tx, "einstein", "work/a.txt", principal="account:einstein"))
    await marie.submit("/move/Shares/work/a.txt", 423, to="mine", do="replace")
    assert one.file("einstein", "work/a.txt").read_bytes() == b"theirs"
    await marie.submit((await marie.open("/trash")).form("/trash/.*/restore"))
    assert two.file("marie", "mine/a (2).txt").read_bytes() == b"hers"


async def test_four_that_are_moved_at_once_are_all_there(one, einstein):
    one.file("einstein", "to").mkdir()
    for number in range(4):
        one.put("einstein", f"{number}/a.txt", str(number).encode())
    await asyncio.gather(*(einstein.submit(f"/move/{number}/a.txt", to="to", do="both") for number in range(4)))
    assert sorted(path.read_text() for path in one.file("einstein", "to").iterdir()) == ["0", "1", "2", "3"]


async def test_where_one_may_only_read_nothing_can_be_put(one, two, marie):
    one.put("einstein", "work/a.txt", b"a")
    await offered(one, two, "work", permissions=["read"])
    two.put("marie", "mine.txt", b"m")
    page = await marie.open("/move/mine.txt?to=Shares/work")
    assert "You may only read what is in this folder." in page.text
    assert [text for text in ("New folder", "Move here", "Copy here") if text in page.text] == []


async def test_a_folder_that_was_named_is_made_whatever_is_pressed(one, einstein):
    one.put("einstein", "a.txt", b"a")
    one.put("einstein", "b.txt", b"b")
    await einstein.submit("/move/a.txt", to="", do="move", name="new")
    await einstein.submit("/chosen/", path="b.txt", to="new", do="copy", name="deep")
    assert tree(one) == {"b.txt", "new", "new/a.txt", "new/deep", "new/deep/b.txt"}


async def test_a_folder_to_put_it_into_is_made_on_the_way(one, einstein):
    one.put("einstein", "a.txt", b"a")
    page = await einstein.submit("/move/a.txt", to="", do="folder", name=" new ")
    assert [values["value"] for _, values in page.tags if values.get("name") == "to"] == ["new"]
    assert "Move here" in page.text
    page = await einstein.submit("/chosen/", path="a.txt", to="new", do="folder", name="deep")
    assert ("hidden", "new/deep") in [(v.get("type"), v["value"]) for _, v in page.tags if v.get("name") == "to"]
    before = tree(one)
    for action in ("/move/a.txt", "/chosen/"):
        for name, status in (("deep", 405), ("", 400), ("a/b", 400), ("..", 400)):
            page = await einstein.submit(action, status, path="a.txt", to="new", do="folder", name=name)
            (field,) = [values for _, values in page.tags if values.get("id") == "name"]
            assert (field["value"], field["aria-invalid"]) == (name, "true")
    assert tree(one) == before == {"a.txt", "new", "new/deep"}


async def test_a_share_goes_along_when_its_file_is_moved(one, two, einstein):
    one.put("einstein", "a.txt", b"a")
    one.file("einstein", "b").mkdir()
    share_id, _ = await offered(one, two, "a.txt")
    await einstein.submit("/move/a.txt", to="b", do="move")
    row = one.rows(shares.get, share_id)
    assert (row.path, row.state) == ("b/a.txt", "accepted")


async def test_what_may_only_be_read_is_copied_but_not_moved(one, two, marie):
    one.put("einstein", "work/a.txt", b"a")
    await offered(one, two, "work")
    two.file("marie", "mine").mkdir()
    page = await marie.open("/move/Shares/work/a.txt?to=mine")
    assert "Copy here" in page.text
    assert "Move" not in page.text
    await marie.submit("/move/Shares/work/a.txt", 403, to="mine", do="move")
    page = await marie.submit("/move/Shares/work/a.txt", to="mine", do="copy")
    assert "It is being copied." in page.text
    await settled(one, two)
    assert one.file("einstein", "work/a.txt").exists()
    assert two.file("marie", "mine/a.txt").read_bytes() == b"a"


async def test_a_folder_is_taken_along_as_one_file(one, einstein):
    large = bytes(range(256)) * 9000
    for path, content in (("Ä/b c.txt", b"b"), ("Ä/d/large.bin", large), ("Ä/d/empty", b""), ("e.txt", b"e")):
        one.put("einstein", path, content)
    answer, found = await taken_along(einstein, "%C3%84")
    assert found == {"b c.txt": b"b", "d/": b"", "d/empty": b"", "d/large.bin": large}
    assert answer.headers.get("content-disposition") == "attachment; filename*=UTF-8''%C3%84.zip"
    assert "sandbox" in answer.headers.get("content-security-policy")
    answer, found = await taken_along(einstein, "")
    assert sorted(found) == ["e.txt", "Ä/", "Ä/b c.txt", "Ä/d/", "Ä/d/empty", "Ä/d/large.bin"]
    assert answer.headers.get("content-disposition").endswith("einstein.zip")
    await einstein.open("/archive/nothing", 404)
    await einstein.open("/archive/e.txt", 404)


async def test_an_archive_is_sent_as_it_is_made(one):
    one.put("einstein", "large.bin", b"x" * 8_000_000)
    tree = one.context.tree(one.rows(accounts.get, "einstein"))
    sizes = [len(piece) async for piece in archive.made(tree, "", await tree.list(""))]
    assert sum(sizes) > 8_000_000
    assert max(sizes) < 1_500_000


async def test_what_is_elsewhere_is_taken_along_or_named(one, two, marie):
    one.put("einstein", "work/deep/a.txt", b"a")
    await offered(one, two, "work")
    two.put("marie", "mine.txt", b"m")
    _, found = await taken_along(marie, "")
    assert found["Shares/work/deep/a.txt"] == b"a"
    assert LEFT_OUT not in found
    for _ in range(3):
        two.context.database.write_now(lambda tx: peers.failed(tx, one.host, "It is away."))
    _, found = await taken_along(marie, "")
    assert found["mine.txt"] == b"m"
    assert "Shares/work/deep/a.txt: " in found[LEFT_OUT].decode()


async def test_an_archive_has_an_end(one, einstein, monkeypatch):
    monkeypatch.setattr(archive, "MAX_ENTRIES", 2)
    for number in range(3):
        one.put("einstein", f"{number}.txt", b"x")
    _, found = await taken_along(einstein, "")
    assert sorted(found) == ["0.txt", "1.txt", LEFT_OUT]


async def test_so_many_archives_are_made_at_a_time(one, einstein, monkeypatch):
    one.put("einstein", "a.txt", b"a")
    monkeypatch.setattr(archive, "OF_ONE", 1)
    await taken_along(einstein, "")
    await taken_along(einstein, "")  # each gives its turn back
    with archive.packing(one.context.limits, "account:einstein"):
        answer = await einstein.send("GET", "/archive/")
        assert (answer.status, answer.headers.get("retry-after")) == (429, "5")
        assert archive.WAIT.encode() in answer.body
    monkeypatch.setattr(archive, "AT_ONCE", 1)
    with archive.packing(one.context.limits, "somebody"):
        assert (await einstein.send("GET", "/archive/")).status == 429
        one.put("einstein", "f/b.txt", b"b")
        link = await one.api("POST", "links", {"path": "f", "mode": "read"}, who="einstein", status=201)
        home = link["url"].removeprefix(one.url)
        assert (await one.request("GET", f"{home}/archive/")).status == 429
    assert (await one.request("GET", f"{home}/archive/")).status == 200


@pytest.mark.parametrize("path", ["/move/note.txt", "/archive/"])
async def test_other_people_do_not_move_or_take_along(one, two, einstein, path):
    two.put("marie", "note.txt", b"x")
    if path == "/archive/":
        assert (await taken_along(einstein, ""))[1] == {}
    else:
        await einstein.submit(path, 404, to="", do="copy")


# Several at once


async def test_what_is_ticked_is_downloaded_moved_copied_and_deleted(one, einstein):
    for path in ("a.txt", "b.txt", "deep/c.txt", "work/a.txt", "kept.txt"):
        one.put("einstein", path, path.encode())
    page = await einstein.open("/files/")
    boxes = [values["value"] for tag, values in page.tags if values.get("form") == "chosen"]
    assert boxes == ["deep", "work", "a.txt", "b.txt", "kept.txt"]
    body = urlencode({"path": ["a.txt", "deep", "deep/c.txt"], "do": "download"}, doseq=True).encode()
    answer = await einstein.send("POST", "/chosen/", body, FORM)
    with zipfile.ZipFile(io.BytesIO(answer.body)) as found:
        assert {name: found.read(name) for name in found.namelist() if name[-1] != "/"} == {
            "a.txt": b"a.txt", "deep/c.txt": b"deep/c.txt",
        }  # fmt: skip

    page = await einstein.submit("/chosen/", path=["a.txt", "deep"], do="carry")
    assert "Move or copy the 2 that you chose" in page.text
    assert [values["value"] for tag, values in page.tags if tag == "button" and values.get("name") == "to"] == [
        "",
        "work",
    ]
    page = await einstein.submit("/chosen/", path=["a.txt", "deep"], to="work")
    assert {values["value"] for _, values in page.tags if values.get("name") == "do"} == {"move", "copy", "folder"}
    page = await einstein.submit("/chosen/", path=["a.txt", "b.txt"], do="copy", to="work")
    assert "Copied." in page.text
    assert sorted(path.name for path in one.file("einstein", "work").iterdir()) == ["a (2).txt", "a.txt", "b.txt"]
    # The first goes, the second is taken there: it and all behind it stay chosen.
    page = await einstein.submit("/chosen/", 412, path=["deep", "b.txt", "kept.txt"], do="move", to="work")
    assert [values["value"] for _, values in page.tags if values.get("name") == "path"] == ["b.txt", "kept.txt"]
    assert sorted(path.name for path in one.file("einstein", "").iterdir()) == ["a.txt", "b.txt", "kept.txt", "work"]
    assert "The name b.txt is taken" in page.text
    assert answers(page) == ["both", "replace", "skip"]

    await one.api("POST", "shares", {"path": "work/b.txt", "shareWith": "marie@two.example"}, who="einstein")
    page = await einstein.submit("/chosen/", path=["work", "b.txt"], do="ask")
    assert "Delete the 2 that you chose?" in page.text
    assert "work/b.txt (marie@two.example)" in page.text
    assert one.file("einstein", "work").exists()
    page = await einstein.submit("/chosen/", path=["work", "b.txt"], do="delete")
    assert "It can be restored from the trash." in page.text
    assert sorted(path.name for path in one.file("einstein", "").iterdir()) == ["a.txt", "kept.txt"]


async def test_what_becomes_of_taken_names_is_said_for_one_or_for_all(one, einstein):
    names = ["a.txt", "b.txt", "c.txt", "d.txt", "e.txt", "free.txt"]
    for name in names:
        one.put("einstein", name, b"new")
    for name in names[:-1]:
        one.put("einstein", f"work/{name}", b"old")

    async def act(status, do, left, **form):
        page = await einstein.submit("/chosen/", status, path=left, to="work", do=do, **form)
        return [values["value"] for _, values in page.tags if values.get("name") == "path"] if status == 412 else page

    left = await act(412, "move", names)
    assert left == names
    left = await act(412, "skip", left)
    left = await act(412, "both", left)
    left = await act(412, "replace", left)
    assert left == ["d.txt", "e.txt", "free.txt"]
    assert "Moved." in (await act(200, "replace", left, all="yes")).text
    assert one.file("einstein", "a.txt").read_bytes() == b"new"
    assert {path.name: path.read_bytes() for path in one.file("einstein", "work").iterdir()} == {
        "a.txt": b"old", "b.txt": b"old", "b (2).txt": b"new",
        "c.txt": b"new", "d.txt": b"new", "e.txt": b"new", "free.txt": b"new",
    }  # fmt: skip
    await act(200, "skip", ["a.txt"])
    assert one.file("einstein", "a.txt").exists()


async def test_all_of_a_page_are_ticked_however_long_their_names_are(one, einstein):
    names = [f"{number:03}" + "Ä" * 120 for number in range(200)]
    for name in names:
        one.put("einstein", name, b"")
    page = await einstein.submit("/chosen/", path=names, do="ask")
    assert "Delete the 200 that you chose?" in page.text
    folder = "/".join(["Ü" * 100] * 3)  # what was found by a search is named from the folder on in which it was
    paths = [f"{folder}/{name[:60]}" for name in names]
    for path in paths:
        one.put("einstein", path, b"")
    assert "Delete the 200 that you chose?" in (await einstein.submit("/chosen/", path=paths, do="ask")).text


async def test_what_is_ticked_by_nobody_or_is_nobodys_is_left_alone(one, two, einstein, marie):
    one.put("einstein", "a.txt", b"a")
    two.put("fritz", "secret.txt", b"x")
    two.put("marie", "work/a.txt", b"a")
    before = one.stored()
    assert "Tick the boxes" in (await einstein.submit("/chosen/", 400, do="delete")).text
    await einstein.submit("/chosen/", 404, path="nothing", do="delete")
    await einstein.submit("/chosen/", 400, path="../einstein/a.txt", do="delete")
    await einstein.submit("/chosen/", 400, path=["a.txt"] * 400, do="delete")
    await einstein.submit("/chosen/", 403, {"Origin": "https://evil.example"}, path="a.txt", do="delete")
    await marie.submit("/chosen/work", 400, path=["../../fritz/secret.txt", "a.txt"], do="delete")
    assert one.stored() == before
    assert one.file("einstein", "a.txt").exists()
    assert two.file("marie", "work/a.txt").exists()
    one.put("einstein", f"evil/{EVIL.replace('/', '')}", b"x")
    for page in (await einstein.open("/files/evil"), await einstein.submit("/chosen/", path="evil", do="ask"),
                 await einstein.submit("/chosen/", path=f"evil/{EVIL.replace('/', '')}", do="carry")):  # fmt: skip
        assert harmless(page)
    await offered(one, two, "evil")
    page = await marie.submit("/chosen/", path=["Shares/evil", "work"], do="ask")
    assert "goes from your files and stays with its owners" in page.text
    await marie.submit("/chosen/", path=["Shares/evil", "work"], do="delete")
    assert two.rows(received.listing, "marie")[0].state == received.DECLINED
    assert not two.file("marie", "work").exists()
