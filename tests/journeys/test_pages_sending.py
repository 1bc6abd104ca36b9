"""Uploads in pieces, as the script of a folder's page asks for them."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote

import pytest
from tests.browsing import Browser
from tests.journeys.test_shares import offered

from opencloudmesh.server import contents, locks, schema, uploads
from opencloudmesh.server.uploads import LIFETIME, MAX_UNFINISHED
from opencloudmesh.server.web.pages import sending

JSON = {"Content-Type": "application/json", "Accept": "*/*"}


async def ask(browser: Browser, path: str, status: int = 200, headers: Any = None, **values: Any) -> Any:
    """A question of the script."""
    answer = await browser.send("POST", f"/uploads/{path}", json.dumps(values).encode(), {**JSON, **(headers or {})})
    assert answer.status == status, answer
    return json.loads(answer.body or b"{}")


async def begin(browser: Browser, name: str, size: int, status: int = 200, **values: Any) -> Any:
    return await ask(browser, "files", status, name=name, size=size, **{"modified": 1_000_000_000_123, **values})


async def put(browser: Browser, upload: str, start: int, data: bytes, status: int = 200, origin: str = "") -> Any:
    headers = {"Origin": origin or browser.server.url, "Accept": "*/*"}
    answer = await browser.send("PUT", f"/uploads/{upload}?from={start}", data, headers)
    assert answer.status == status, answer
    return json.loads(answer.body)


def kept(server: Any) -> list[str]:
    return sorted(path.name for path in (server.data / "uploads").rglob("*") if path.is_file())


async def test_a_file_arrives_in_pieces_and_is_there_when_it_is_whole(one, einstein):
    begun = await begin(einstein, "Ä?#.txt", 6)
    assert begun["offset"] == 0
    assert await put(einstein, begun["id"], 0, b"abc") == {"offset": 3}
    assert list(one.file("einstein", "").iterdir()) == []
    await ask(einstein, f"{begun['id']}/finish", 409)
    assert "Ä?#.txt 3 bytes of 6 bytes" in (await einstein.open("/files/")).text
    # The page is left, and the same file is chosen again.
    assert await begin(einstein, "Ä?#.txt", 6) == {"id": begun["id"], "offset": 3}
    assert await put(einstein, begun["id"], 3, b"def") == {"offset": 6}
    assert await ask(einstein, f"{begun['id']}/finish") == {"name": "Ä?#.txt"}
    assert one.file("einstein", "Ä?#.txt").read_bytes() == b"abcdef"
    assert one.file("einstein", "Ä?#.txt").stat().st_mtime_ns == 1_000_000_000_123_000_000
    assert kept(one) == []
    assert one.rows(uploads.known) == set()
    await ask(einstein, f"{begun['id']}/finish", 404)


async def test_an_empty_file_and_folders_arrive_too(one, einstein):
    for folder in ("a", "a/b", "a/b"):
        await ask(einstein, "folders", 204, folder="", name=folder)
    begun = await begin(einstein, "b/empty", 0, folder="a")
    await ask(einstein, f"{begun['id']}/finish")
    assert one.file("einstein", "a/b/empty").read_bytes() == b""
    await ask(einstein, "folders", 409, folder="a/b", name="empty")
    await begin(einstein, "a", 1, 405)


async def test_a_name_that_is_taken_is_asked_about(one, einstein):
    one.put("einstein", "a.txt", b"old")
    assert (await begin(einstein, "a.txt", 3, 412))["message"] == "There is a file of this name already."
    await one.api("PATCH", "settings", {"language": "de"}, who="einstein")  # the script shows what it is told
    assert "schon" in (await begin(einstein, "a.txt", 3, 412))["message"]
    both = await begin(einstein, "a.txt", 3, exists="both")
    await put(einstein, both["id"], 0, b"two")
    assert await ask(einstein, f"{both['id']}/finish") == {"name": "a (2).txt"}
    over = await begin(einstein, "a.txt", 3, exists="replace")
    await put(einstein, over["id"], 0, b"new")
    assert await ask(einstein, f"{over['id']}/finish") == {"name": "a.txt"}
    assert one.file("einstein", "a.txt").read_bytes() == b"new"
    assert one.file("einstein", "a (2).txt").read_bytes() == b"two"
    # One that came meanwhile is not replaced by what did not know of it.
    late = await begin(einstein, "late.txt", 1)
    await put(einstein, late["id"], 0, b"x")
    one.put("einstein", "late.txt", b"first")
    assert await ask(einstein, f"{late['id']}/finish") == {"name": "late (2).txt"}
    assert one.file("einstein", "late.txt").read_bytes() == b"first"


async def test_pieces_that_do_not_fit_change_nothing(one, einstein, monkeypatch):
    begun = await begin(einstein, "a.txt", 4)
    await put(einstein, begun["id"], 0, b"ab")
    await put(einstein, begun["id"], 0, b"ab", 409)
    await put(einstein, begun["id"], 3, b"d", 409)
    for start in ("", "x", "5", "-1", "9" * 30):
        answer = await einstein.send("PUT", f"/uploads/{begun['id']}?from={start}", b"x", {"Origin": one.url})
        assert answer.status == 400
    await put(einstein, begun["id"], 2, b"cde", 400)
    monkeypatch.setattr(sending, "MAX_PIECE", 1)
    await put(einstein, begun["id"], 2, b"cd", 413)
    piece = one.context.partials.of("einstein").opened(begun["id"], 2, 4)
    await put(einstein, begun["id"], 2, b"c", 409)
    piece.close()
    assert (one.data / "uploads" / "einstein" / begun["id"]).read_bytes() == b"ab"


async def test_a_piece_that_never_ends_holds_up_nothing_but_its_file(one, einstein):
    begun = await begin(einstein, "a.txt", 3)
    await put(einstein, begun["id"], 0, b"abc")
    piece = one.context.partials.of("einstein").opened(begun["id"], 3, 3)  # as while a request stands still
    try:
        for _ in range(contents.DISK_THREADS):
            async with asyncio.timeout(30):
                await ask(einstein, f"{begun['id']}/finish", 409)
        assert (await one.dav("PROPFIND", "einstein")).status == 207
    finally:
        piece.close()
    assert await ask(einstein, f"{begun['id']}/finish") == {"name": "a.txt"}
    assert one.file("einstein", "a.txt").read_bytes() == b"abc"


@pytest.mark.parametrize(
    "values",
    [{"name": ""}, {"name": "../a"}, {"name": "a", "folder": ".."}, {"name": "\0"}, {"name": "a" * 256},
     {"name": "a/" * 1001}, {"size": -1}, {"size": "x"}, {"modified": 2**60}, {"exists": "burn"}],
)  # fmt: skip
async def test_what_is_not_understood_is_not_begun(one, einstein, values):
    before = one.stored()
    await begin(einstein, **{"name": "a", "size": 1, "status": 400, **values})
    assert one.stored() == before
    assert kept(one) == []


async def test_pieces_come_only_from_our_pages_and_from_who_is_signed_in(one, einstein):
    begun = await begin(einstein, "a.txt", 2)
    before = one.stored()
    for origin in ("https://evil.example", "null"):
        await put(einstein, begun["id"], 0, b"x", 403, origin)
        await ask(einstein, f"{begun['id']}/finish", 403, {"Origin": origin})
        await ask(einstein, "files", 403, {"Origin": origin}, name="b", size=1)
    one.add("fritz")
    fritz = Browser(one)
    said = await put(fritz, begun["id"], 0, b"x", 403)
    assert said["message"] == "You are signed out. Sign in in another tab, and try again."
    await fritz.sign_in("fritz")
    before |= {"sessions": one.stored()["sessions"], "accounts": one.stored()["accounts"]}
    await put(fritz, begun["id"], 0, b"x", 404)
    for what in ("finish", "discard"):
        await ask(fritz, f"{begun['id']}/{what}", 404)
    assert one.stored() == before
    assert kept(one) == []


async def test_quota_and_locks_hold(one, einstein):
    one.context.database.write_now(lambda tx: tx.run(schema.accounts.update().values(quota=10)))
    await one.dav("PUT", "einstein", "a.txt", b"123456")  # what is put there by hand is seen at the next walk
    await begin(einstein, "b.txt", 5, 507)
    begun = await begin(einstein, "b.txt", 3)
    await begin(einstein, "c.txt", 2, 507)  # what is under way needs its room too
    await begin(einstein, "a.txt", 7, exists="replace")
    await put(einstein, begun["id"], 0, b"xyz")
    assert (await one.api("GET", "me", who="einstein"))["quota"]["used"] == 9
    assert (await one.dav("PUT", "einstein", "e.txt", b"12")).status == 507
    assert await ask(einstein, f"{begun['id']}/finish") == {"name": "b.txt"}
    assert (await one.api("GET", "me", who="einstein"))["quota"]["used"] == 9
    assert kept(one) == []
    one.context.database.write_now(lambda tx: locks.acquire(tx, "einstein", "d.txt", principal="account:einstein"))
    assert len(one.rows(uploads.listing, "einstein")) == 1
    await begin(einstein, "d.txt", 1, 423)


async def test_unfinished_uploads_are_bounded_and_go_with_time(one, einstein):
    begun = await begin(einstein, "a/b.txt", 4, folder="")
    await put(einstein, begun["id"], 0, b"ab")

    def fill(tx: Any) -> None:
        for number in range(MAX_UNFINISHED - 1):
            uploads.begin(tx, "einstein", f"{number}", size=1, modified=1, replaces=False)

    one.context.database.write_now(fill)
    await begin(einstein, "one more", 1, 429)
    page = await einstein.submit(f"/uploads/{begun['id']}/discard")
    assert "What had arrived of it was discarded." in page.text
    assert kept(one) == []
    begun = await begin(einstein, "one more", 1)
    await put(einstein, begun["id"], 0, b"a")
    for nobodys in ("nobodys", "einstein/nobodys", "gone/nobodys"):
        (one.data / "uploads" / nobodys).parent.mkdir(exist_ok=True)
        (one.data / "uploads" / nobodys).write_bytes(b"x")
    await one.context.sweep()
    assert kept(one) == [begun["id"]]
    assert [path.name for path in (one.data / "uploads").iterdir()] == ["einstein"]
    one.cloud.context.clock.ahead = LIFETIME + 1
    one.context.database.write_now(uploads.purge)
    await one.context.sweep()
    assert kept(one) == []
    assert one.rows(uploads.known) == set()


async def test_into_a_received_folder_it_is_sent_at_the_end_and_kept_while_that_fails(one, two, einstein, marie):
    one.put("einstein", "work/old.txt", b"old")
    await offered(one, two, "work", permissions=["read", "write"])
    begun = await begin(marie, "new.txt", 3, folder="Shares/work")
    await put(marie, begun["id"], 0, b"new")
    moved = one.file("einstein", "work").rename(one.file("einstein", "away"))  # what is shared cannot be reached
    await ask(marie, f"{begun['id']}/finish", 503)
    assert kept(two) == [begun["id"]]
    moved.rename(one.file("einstein", "work"))
    assert await ask(marie, f"{begun['id']}/finish") == {"name": "new.txt"}
    assert one.file("einstein", "work/new.txt").read_bytes() == b"new"
    assert kept(two) == []
    await offered(one, two, "work/old.txt", permissions=["read"])
    await begin(marie, "x", 1, 403, folder=f"Shares/{quote('old.txt')}")
