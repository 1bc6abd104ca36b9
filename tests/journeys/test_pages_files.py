"""The pages of a person's own files: folders, up and down, new, renamed, deleted."""

from __future__ import annotations

import os
import re
from urllib.parse import quote

import pytest
from tests.browsing import BOUNDARY
from tests.journeys.test_shares import offered

from opencloudmesh.server import files as local
from opencloudmesh.server import locks, shares
from opencloudmesh.server.web.pages import files


async def test_files_are_uploaded_listed_renamed_downloaded_and_deleted(one, einstein):
    await einstein.submit("/folder/", name="Ä folder?#%")
    folder = "Ä folder?#%"
    page = await einstein.upload(folder, [("b.txt", b"bb"), ("a b.txt", b"a"), ("", b"")])
    assert "a b.txt 1 byte" in page.text
    url = f"/download/{quote(folder)}/a%20b.txt"
    assert url in page.links
    answer = await einstein.send("GET", url)
    assert answer.body == b"a"
    assert answer.headers.get("content-disposition") == "attachment"
    assert "sandbox" in answer.headers.get("content-security-policy")
    assert (await einstein.send("GET", url, headers={"Range": "bytes=0-0"})).status == 206
    await einstein.submit(f"/rename/{quote(folder)}/b.txt", name="c.txt")
    assert sorted(path.name for path in one.file("einstein", folder).iterdir()) == ["a b.txt", "c.txt"]
    assert "everything in it" in (await einstein.open(f"/delete/{quote(folder)}")).text
    assert "This folder is empty." in (await einstein.submit(f"/delete/{quote(folder)}")).text


async def test_folders_come_first(one, einstein):
    one.put("einstein", "a.txt", b"")
    one.put("einstein", "Z/b.txt", b"")
    links = [link for link in (await einstein.open("/")).links if link in ("/files/Z", "/look/a.txt")]
    assert links == ["/files/Z", "/look/a.txt"]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ["Ab", "b", "a1.txt", "B2.txt", "c.txt"]),
        ("sort=name", ["Ab", "b", "a1.txt", "B2.txt", "c.txt"]),
        ("sort=-name", ["b", "Ab", "c.txt", "B2.txt", "a1.txt"]),
        ("sort=size", ["Ab", "b", "c.txt", "a1.txt", "B2.txt"]),
        ("sort=-size&search=.TXT", ["B2.txt", "a1.txt", "c.txt"]),
        ("sort=-changed", ["Ab", "b", "a1.txt", "c.txt", "B2.txt"]),
        ("search=+b+", ["Ab", "b", "B2.txt"]),
        ("search=zz&sort=nonsense", []),
    ],
)
async def test_a_folder_is_sorted_and_searched(one, einstein, query, shown):
    for number, (name, size) in enumerate([("B2.txt", 30), ("c.txt", 1), ("a1.txt", 20)]):
        one.put("einstein", name, b"x" * size)
        os.utime(one.file("einstein", name), (1000 + number, 1000 + number))
    for folder in ("b", "Ab"):
        one.file("einstein", folder).mkdir()
        os.utime(one.file("einstein", folder), (1000, 1000))
    page = await einstein.open(f"/files/?{query}")
    named = [re.fullmatch("/(files|look)/([^?]+)", link) for link in page.links]
    assert [match[2] for match in named if match] == shown
    if not shown:
        assert "Nothing in this folder has “zz” in its name." in page.text


async def test_what_is_searched_for_is_found_at_any_depth(one, two, einstein, marie, monkeypatch):
    one.put("einstein", "Radium/radium.txt", b"theirs")
    await offered(one, two, "Radium")
    for path in ("deep/er/Radium.csv", "deep/Radium/x.txt", "other/radium", "Shares/a.txt"):
        two.put("marie", path, b"x")
    two.put("fritz", "radium.txt", b"")
    one.log.clear()
    page = await marie.open("/files/?search=RADIUM")
    found = {"/files/deep/Radium", "/files/Shares/Radium", "/look/deep/er/Radium.csv", "/download/other/radium"}
    assert found < set(page.links)
    assert len(re.findall('<th scope="row">', page.html)) == len(found)
    assert {"/files/deep/er", "/files/Shares"} < set(page.links)  # where they are
    assert not [line for line in one.log if " GET " in line or "PROPFIND" in line]  # no other cloud is asked
    page = await marie.open("/files/deep/er?search=radium")
    assert len(re.findall('<th scope="row">', page.html)) == 1
    assert "radium.txt" in (await marie.open("/files/Shares/Radium?search=radium")).text
    monkeypatch.setattr(local, "MAX_LOOKED", 3)
    assert "There is too much here" in (await marie.open("/files/?search=radium")).text


async def test_a_large_folder_is_shown_in_parts(one, einstein, monkeypatch):
    monkeypatch.setattr(files, "AT_ONCE", 2)
    for name in "abcde":
        one.put("einstein", f"many/{name}.txt", b"")
    for query, shown, said, ways in (
        ("", "ab", "1 to 2 of 5", ["?from=2&sort=name"]),
        ("?from=2&sort=-name", "cb", "3 to 4 of 5", ["?from=0&sort=-name", "?from=4&sort=-name"]),
        ("?from=4", "e", "5 to 5 of 5", ["?from=2&sort=name"]),
        ("?from=99999", "e", "5 to 5 of 5", ["?from=2&sort=name"]),
        ("?from=-1&search=.t", "ab", "1 to 2 of 5", ["?from=2&sort=name&search=.t"]),
    ):
        page = await einstein.open(f"/files/many{query}")
        assert [link[-5] for link in page.links if link.startswith("/look/many/")] == list(shown)
        assert said in page.text
        assert [link for link in page.links if link.startswith("?from")] == ways


OPEN = ("details", {"name": "tool", "open": None})


async def test_a_form_that_did_not_work_stays_open_and_says_why_beside_its_field(one, einstein):
    one.put("einstein", "a.txt", b"")
    assert [tag for tag in (await einstein.open("/files/")).tags if tag == OPEN] == []
    page = await einstein.submit("/folder/", status=400, name="a/b")
    opened = page.tags.index(OPEN)
    assert ("form", {"method": "post", "action": "/folder/", "class": "card"}) in page.tags[opened : opened + 4]
    for shown, typed in (
        (page, "a/b"),
        (await einstein.submit("/folder/", status=405, name="a.txt"), "a.txt"),
        (await einstein.submit("/rename/a.txt", status=400, name="a/b"), "a/b"),
    ):
        (field,) = [values for _tag, values in shown.tags if values.get("name") == "name"]
        assert (field["value"], field["aria-describedby"]) == (typed, "wrong-name")
        assert ("span", {"class": "fault", "id": "wrong-name"}) in shown.tags


async def test_an_upload_keeps_what_is_there_unless_told_otherwise(one, einstein):
    one.put("einstein", "a.txt", b"old")
    await einstein.upload("", [("a.txt", b"second"), ("A.txt", b"third")])
    names = {path.name: path.read_bytes() for path in one.file("einstein", "").iterdir()}
    assert names == {"a.txt": b"old", "a (2).txt": b"second", "A (3).txt": b"third"}
    await einstein.upload("", [("a.txt", b"new")], replace="yes")
    assert one.file("einstein", "a.txt").read_bytes() == b"new"


@pytest.mark.parametrize("name", ["", " ", "..", ".", "a/b", "a\nb", "x" * 300])
async def test_names_that_cannot_be_are_refused(one, einstein, name):
    one.put("einstein", "a.txt", b"")
    before = one.stored()
    await einstein.submit("/folder/", status=400, name=name)
    await einstein.submit("/rename/a.txt", status=400, name=name)
    assert [path.name for path in one.file("einstein", "").iterdir()] == ["a.txt"]
    assert one.stored() == before


async def test_a_name_that_is_taken_is_not_replaced(one, einstein):
    one.put("einstein", "a.txt", b"a")
    one.put("einstein", "b.txt", b"b")
    assert "already" in (await einstein.submit("/rename/a.txt", status=412, name="b.txt")).text
    await einstein.submit("/folder/", status=405, name="a.txt")
    assert one.file("einstein", "b.txt").read_bytes() == b"b"


@pytest.mark.parametrize("name", ["../../marie/x.txt", "/etc/x.txt", "C:\\x.txt"])
async def test_an_uploaded_file_lands_in_its_folder_whatever_it_is_called(one, einstein, name):
    await einstein.upload("", [(name, b"x")])
    assert [path.name for path in one.file("einstein", "").iterdir()] == ["x.txt"]


@pytest.mark.parametrize("end", [b"", b"\r\n--" + BOUNDARY.encode(), b"\r\n--" + BOUNDARY.encode() + b"\r\n"])
async def test_an_upload_that_ends_early_leaves_no_part_of_a_file(one, einstein, end):
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'.encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    answer = await einstein.send("POST", "/upload/", head + b"half", kind)
    assert answer.status == 400
    assert list(one.file("einstein", "").iterdir()) == []
    answer = await einstein.send("POST", "/upload/", b"nonsense" + end, kind)
    assert answer.status == 400


async def test_what_a_webdav_client_has_locked_is_not_changed(one, einstein):
    one.put("einstein", "a.txt", b"a")
    one.context.database.write_now(lambda tx: locks.acquire(tx, "einstein", "a.txt", principal="account:einstein"))
    for page in (
        await einstein.submit("/rename/a.txt", status=423, name="b.txt"),
        await einstein.submit("/delete/a.txt", status=423),
        await einstein.upload("", [("a.txt", b"b")], status=423, replace="yes"),
    ):
        assert "Somebody has locked this." in page.text
    assert one.file("einstein", "a.txt").read_bytes() == b"a"


async def test_deleting_what_is_shared_says_so_and_ends_the_share(one, two, einstein):
    one.put("einstein", "work/note.txt", b"e = mc2")
    share_id, _ = await offered(one, two, "work/note.txt")
    assert (
        "lose access, which does not come back with a restore, to: work/note.txt"
        in (await einstein.open("/delete/work")).text
    )
    await einstein.submit("/delete/work")
    assert one.rows(shares.get, share_id).state == "unshared"
