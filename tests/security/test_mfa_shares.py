"""Shares that demand a second factor (`must-use-mfa`): asked for here, held there, on every way to the content."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.browsing import Browser
from tests.mesh import Server, basic, mesh, settled
from tests.phones import protect
from tests.security.senders import encoded, offer
from tests.security.stages import Stage

from opencloudmesh.server import factors, listings, received, schema, shares

SECRET = b"e = mc2"


@pytest.fixture
async def promising(tmp_path: Path, new_sqlite_url: Any) -> AsyncIterator[list[Server]]:
    """einstein is at the first cloud, marie at the second, which promises second factors."""
    urls = [new_sqlite_url(), new_sqlite_url()]
    async with mesh(tmp_path, {}, {"enforce_mfa": True}, urls=urls) as (one, two):
        one.add("einstein", name="Albert Einstein")
        two.add("marie", name="Marie Curie")
        one.put("einstein", "work/note.txt", SECRET)
        yield [one, two]


async def shared(one: Server, two: Server) -> Any:
    """marie has accepted a folder that demands a second factor, and it is known what it is."""
    wanted = {"path": "work", "shareWith": two.address("marie"), "permissions": ["read", "write"], "mfa": True}
    share = await one.api("POST", "shares", wanted, who="einstein", status=201)
    assert share["mfa"] is True
    await settled(one, two)
    (row,) = two.rows(received.listing)
    assert row.requirements == ["must-use-mfa"]
    two.context.database.write_now(lambda tx: received.accept(tx, row.id))
    await settled(one, two)
    # What was seen before is not to be had either.
    child = {
        "name": "note.txt",
        "is_folder": False,
        "size": 7,
        "modified_ns": 0,
        "etag": "x",
        "permissions": [],
        "media_type": "",
    }
    kept = {"received": row.id, "path": "", "entries": [child], "seen": 0}
    two.context.database.write_now(lambda tx: tx.run(schema.listings.insert(), kept))
    return row


async def test_a_person_without_a_second_factor_comes_nowhere_near_the_content(promising: list[Server]) -> None:
    one, two = promising
    row = await shared(one, two)
    two.put("marie", "own.txt", b"mine")
    browser = Browser(two)
    await browser.sign_in("marie")
    asked = len(one.log)
    destination = f"{two.url}/dav/files/marie/"
    for method, path, headers in (
        ("GET", "Shares/work/note.txt", {}),
        ("HEAD", "Shares/work/note.txt", {}),
        ("PROPFIND", "Shares/work", {"Depth": "1"}),
        ("PROPFIND", "Shares/work/note.txt", {"Depth": "0"}),
        ("PROPPATCH", "Shares/work/note.txt", {}),
        ("COPY", "Shares/work/note.txt", {"Destination": destination + "stolen.txt"}),
        ("COPY", "Shares/work", {"Destination": destination + "stolen"}),
        ("COPY", "Shares", {"Destination": destination + "stolen"}),
        ("MOVE", "Shares/work/note.txt", {"Destination": destination + "stolen.txt"}),
        ("PUT", "Shares/work/note.txt", {}),
        ("PUT", "Shares/work/new.txt", {}),
        ("MKCOL", "Shares/work/new", {}),
        ("DELETE", "Shares/work/note.txt", {}),
        ("COPY", "own.txt", {"Destination": destination + "Shares/work/own.txt"}),
        ("LOCK", "Shares/work/note.txt", {}),
    ):
        answer = await two.dav(method, "marie", path, **headers)
        assert answer.status == 403, (method, path, answer)
        assert SECRET not in answer.body
        assert b"note.txt" not in answer.body
        assert method == "HEAD" or b"second factor" in answer.body
    for page in (
        "/files/Shares/work",
        "/download/Shares/work/note.txt",
        "/archive/Shares/work",
        "/files/Shares/work/x",
    ):
        answer = await browser.send("GET", page)
        assert (answer.status, b"second factor" in answer.body) == (403, True), (page, answer)
        assert b"note.txt</bdi>" not in answer.body
    await two.api("POST", "copies", {"received": row.id}, who="marie", status=403)
    await two.api("POST", "links", {"path": "Shares/work", "mode": "view"}, who="marie", status=403)
    whole = await browser.send("GET", "/archive/")
    assert SECRET not in whole.body
    assert not two.file("marie", "stolen.txt").exists()
    assert not two.file("marie", "stolen/note.txt").exists()
    assert one.file("einstein", "work/note.txt").read_bytes() == SECRET
    assert sorted(path.name for path in one.file("einstein", "work").iterdir()) == ["note.txt"]
    assert not [line for line in one.log[asked:] if "of the share with" in line]  # nobody was asked for anything


async def test_it_is_listed_with_what_opens_it_and_can_be_left(promising: list[Server]) -> None:
    one, two = promising
    row = await shared(one, two)
    browser = Browser(two)
    await browser.sign_in("marie")
    page = await browser.open("/files/Shares")
    assert "work" in page.text
    assert "second factor needed" in page.text
    page = await browser.open("/inbox")
    assert "Its owner demands a second factor" in page.text
    assert (await two.api("GET", f"received/{row.id}", who="marie"))["mfa"] is True
    assert b"work" in (await two.dav("PROPFIND", "marie", "Shares", Depth="1")).body
    assert (await two.dav("MOVE", "marie", "Shares/work", Destination=f"{two.url}/dav/files/marie/w")).status == 201
    assert (await two.dav("DELETE", "marie", "w")).status == 204
    await settled(one, two)
    (share,) = one.rows(shares.listing)
    assert share.state == shares.DECLINED


async def test_with_a_second_factor_it_opens_to_the_session_and_its_app_passwords(promising: list[Server]) -> None:
    one, two = promising
    await shared(one, two)
    browser = Browser(two)
    await browser.sign_in("marie")
    weak = await _app_password(browser)
    await protect(browser)
    strong = await _app_password(browser)
    assert (await browser.send("GET", "/download/Shares/work/note.txt")).body == SECRET
    assert "second factor needed" not in (await browser.open("/files/Shares")).text
    assert "note.txt" in (await browser.open("/files/Shares/work")).text
    for secret, status in ((weak, 403), (strong, 200)):
        headers = {"Authorization": basic("marie", secret)}
        answer = await two.request("GET", "/dav/files/marie/Shares/work/note.txt", headers)
        assert (answer.status, answer.body == SECRET) == (status, status == 200)
    assert (await two.dav("GET", "marie", "Shares/work/note.txt")).status == 401
    # An app password is told by the API what it opens.
    for secret, expected in ((weak, False), (strong, True)):
        answer = await two.request("GET", "/api/v1/me", {"Authorization": basic("marie", secret)})
        assert json.loads(answer.body)["secondFactor"] is expected


async def test_a_picture_that_was_made_before_is_not_shown_without_a_second_factor(promising: list[Server]) -> None:
    one, two = promising
    page = io.BytesIO()
    Image.new("RGB", (40, 40), "red").save(page, "PDF")
    one.put("einstein", "plan.pdf", page.getvalue())
    wanted = {"path": "plan.pdf", "shareWith": two.address("marie"), "mfa": True}
    await one.api("POST", "shares", wanted, who="einstein", status=201)
    await settled(one, two)
    two.context.database.write_now(lambda tx: received.accept(tx, two.rows(received.listing)[0].id))
    await settled(one, two)
    strong, weak = Browser(two), Browser(two)
    await strong.sign_in("marie")
    await protect(strong)
    seen = await strong.send("GET", "/page/0/Shares/plan.pdf")
    assert (seen.status, seen.headers.get("content-type")) == (200, "image/webp")
    two.context.database.write_now(lambda tx: factors.reset(tx, "marie"))
    await weak.sign_in("marie")
    for path in ("/page/0/Shares/plan.pdf", "/content/Shares/plan.pdf", "/look/Shares/plan.pdf"):
        answer = await weak.send("GET", path)
        assert answer.headers.get("content-type") != "image/webp"
        assert b"%PDF" not in answer.body
    assert (await weak.send("GET", "/page/0/Shares/plan.pdf")).status == 404
    thumbnail = await weak.send("GET", "/thumbnail/Shares/plan.pdf")
    assert thumbnail.headers.get("content-type") == "image/svg+xml"


async def test_only_a_server_that_promises_it_is_told(promising: list[Server]) -> None:
    one, two = promising
    two.put("marie", "radium.txt", b"x")
    wanted = {"path": "radium.txt", "shareWith": one.address("einstein"), "mfa": True}
    share = await two.api("POST", "shares", wanted, who="marie", status=201)
    await settled(one, two)
    told = await two.api("GET", f"shares/{share['id']}", who="marie")
    assert (told["state"], told["error"]) == ("failed", "That server cannot promise a second factor.")
    assert one.rows(received.listing) == []
    documents = [json.loads((await server.request("GET", "/.well-known/ocm")).body) for server in (one, two)]
    assert ["enforce-mfa" in document["capabilities"] for document in documents] == [False, True]


@pytest.mark.parametrize("word", ["must-use-mfa", "mfa-enforced", "use-mfa"])
async def test_a_cloud_that_promises_nothing_takes_no_such_share(stage: Stage, word: str) -> None:
    body = offer(stage.cloud, stage.sender, {"providerId": "mfa"})
    body["protocol"]["webdav"]["requirements"] = [word]
    await stage.refuses(stage.sender.signed(stage.cloud, "shares", encoded(body)), 501)


async def test_what_came_before_the_promise_was_withdrawn_stays_shut(promising: list[Server]) -> None:
    one, two = promising
    await shared(one, two)
    object.__setattr__(two.context.config, "enforce_mfa", False)
    assert (await two.dav("GET", "marie", "Shares/work/note.txt")).status == 403
    assert two.rows(listings.one, two.rows(received.listing)[0].id, "note.txt")


async def _app_password(browser: Browser) -> str:
    page = await browser.submit("/settings/security/passwords", name="laptop")
    return page.html.partition('labelledby="secret">')[2].partition("<")[0]
