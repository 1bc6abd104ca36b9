"""What people send and fetch that is wrong or stops half way: it is refused by name, and leaves nothing behind.

Security rules held here: every body has a limit; what is half is never taken for whole, in neither direction; no
password and no secret is logged.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from tests.mesh import PASSWORD, Server, basic, serve, settled
from tests.security.senders import SECRET, deliver, encoded, foreign, notice, offer, raw

from opencloudmesh.protocol.shares import NewShare
from opencloudmesh.server import invites, offers, received, shares
from opencloudmesh.server.web.bodies import MAX_OBJECT as MAX_BODY

POSTS = ("shares", "invites", "invites/accept", "contacts")
JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def cloud(tmp_path: Path, new_sqlite_url: Any) -> AsyncIterator[Server]:
    async with serve(tmp_path / "cloud", database_url=new_sqlite_url()) as server:
        server.add("einstein")
        server.put("einstein", "note.txt", b"e = mc2")
        yield server


async def refused(cloud: Server, path: str, body: bytes, status: int, *names: str, **headers: str) -> None:
    """The body gets that status and the names of all wrong fields, and changes nothing."""
    before = cloud.stored()
    fields = {"Authorization": basic("einstein"), **JSON, **{k.replace("_", "-"): v for k, v in headers.items()}}
    answer = await cloud.request("POST", f"/api/v1/{path}", fields, body)
    assert answer.status == status, answer.body
    assert answer.headers.get("content-type") == "application/json"
    said = json.loads(answer.body)
    assert said["message"]
    assert sorted(error["name"] for error in said.get("validationErrors", [])) == sorted(names)
    assert cloud.stored() == before


# --- bodies of the API

BODIES = {
    "nothing": b"",
    "half an object": b'{"path": "note.txt"',
    "two objects": b"{}{}",
    "a form": b"path=note.txt",
    "a list": b"[]",
    "a text": b'"note.txt"',
    "null": b"null",
    "nested": b'{"path":' * 17 + b"{}" + b"}" * 17,
    "nested far": b"[" * 30_000 + b"]" * 30_000,
    "a lone surrogate": b'{"path": "\\ud800", "shareWith": "\\udfff@a.example", "address": "\\ud800@a.example"}',
    "no UTF-8": b'{"path": "\xff\xfe"}',
    "UTF-16": '{"path": "note.txt"}'.encode("utf-16"),
    "not a number": b'{"expiration": NaN}',
}


@pytest.mark.parametrize("path", POSTS)
async def test_a_body_that_is_no_json_object_is_refused(cloud: Server, path: str) -> None:
    for body in BODIES.values():
        await refused(cloud, path, body, 400)


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json", "*"]
)
async def test_a_body_of_another_type_is_refused(cloud: Server, path: str, kind: str) -> None:
    """What a page of another site can send without being asked, a form or plain text, is not taken for JSON."""
    await refused(cloud, path, b"{}", 415, Content_Type=kind)


@pytest.mark.parametrize("path", POSTS)
async def test_a_body_over_the_limit_is_refused(cloud: Server, path: str) -> None:
    await refused(cloud, path, b" " * (MAX_BODY + 1), 413)
    chunks = (b"4000\r\n" + b" " * 0x4000 + b"\r\n") * (MAX_BODY // 0x4000 + 1)
    for fields, body in [("Transfer-Encoding: chunked", chunks), (f"Content-Length: {MAX_BODY + 1}", b"")]:
        answer = await raw(cloud, head(cloud, "POST", f"/api/v1/{path}", fields) + body)
        assert answer.status == 413, fields


async def test_a_body_of_just_the_limit_is_read(cloud: Server) -> None:
    body = json.dumps({"address": "marie@cloud.example"}).encode().ljust(MAX_BODY)
    answer = await cloud.request("POST", "/api/v1/contacts", {"Authorization": basic("einstein"), **JSON}, body)
    assert answer.status == 201


GOOD = {"path": "note.txt", "shareWith": "lise@there.example"}
FIELDS: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "an empty share": ("shares", {}, ("path", "shareWith")),
    "a share of numbers": (
        "shares",
        {"path": 1, "shareWith": 2, "permissions": 3, "expiration": "4", "description": 5},
        ("path", "shareWith", "permissions", "expiration", "description"),
    ),
    "a share of lists": (
        "shares",
        {"path": [], "shareWith": [1], "permissions": [1], "expiration": [], "description": [1]},
        ("path", "shareWith", "permissions", "expiration", "description"),
    ),
    "a share of objects": (
        "shares",
        {"path": {}, "shareWith": {}, "permissions": {}, "expiration": {}, "description": {"a": 1}},
        ("path", "shareWith", "permissions", "expiration", "description"),
    ),
    "path ..": ("shares", {**GOOD, "path": "../marie/x"}, ("path",)),
    "path with NUL": ("shares", {**GOOD, "path": "note.txt\0"}, ("path",)),
    "path of one long name": ("shares", {**GOOD, "path": "x" * 300}, ("path",)),
    "path without end": ("shares", {**GOOD, "path": "x/" * 3000}, ("path",)),
    "path to nothing": ("shares", {**GOOD, "path": "nothing"}, ("path",)),
    "no address": ("shares", {**GOOD, "shareWith": "lise"}, ("shareWith",)),
    "an address of two lines": ("shares", {**GOOD, "shareWith": "lise@there.example\r\nX: y"}, ("shareWith",)),
    "no permissions": ("shares", {**GOOD, "permissions": []}, ("permissions",)),
    "permissions that there are not": ("shares", {**GOOD, "permissions": ["read", "fly"]}, ("permissions",)),
    "a time that is over": ("shares", {**GOOD, "expiration": 1}, ("expiration",)),
    "a time before time": ("shares", {**GOOD, "expiration": -1}, ("expiration",)),
    "a time without end": ("shares", {**GOOD, "expiration": 10**30}, ("expiration",)),
    "a time that is true": ("shares", {**GOOD, "expiration": True}, ("expiration",)),
    "a long description": ("shares", {**GOOD, "description": "x" * 5000}, ("description",)),
    "an invite of wrong types": ("invites", {"description": 1, "expiration": "x"}, ("description", "expiration")),
    "an invite that is over": ("invites", {"expiration": 1}, ("expiration",)),
    "no invite": ("invites/accept", {}, ("invite",)),
    "an invite that is a number": ("invites/accept", {"invite": 7}, ("invite",)),
    "an empty contact": ("contacts", {}, ("address",)),
    "a contact of wrong types": ("contacts", {"address": 1, "name": 2}, ("address", "name")),
}


@pytest.mark.parametrize(("path", "body", "names"), FIELDS.values(), ids=FIELDS.keys())
async def test_every_wrong_field_is_named(
    cloud: Server, path: str, body: dict[str, Any], names: tuple[str, ...]
) -> None:
    await refused(cloud, path, json.dumps(body).encode(), 400, *names)


# --- uploads that stop half way


def head(cloud: Server, method: str, path: str, *fields: str) -> bytes:
    """The head of a request of einstein's, as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {cloud.host}", f"Authorization: {basic('einstein')}",
             "Content-Type: application/json", *fields, "", ""]  # fmt: skip
    return "\r\n".join(lines).encode()


async def sends_half(cloud: Server, data: bytes) -> None:
    """Sends that much on a connection, and goes away."""
    host, _, port = cloud.host.partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(data)
    await writer.drain()
    await asyncio.sleep(0.1)  # it is under way
    writer.close()
    await writer.wait_closed()
    await asyncio.sleep(0.1)


HALVES = {
    "announced": ("Content-Length: 1000000", b"x" * 300_000),
    "in chunks": ("Transfer-Encoding: chunked", b"493e0\r\n" + b"x" * 300_000 + b"\r\n"),
}


@pytest.mark.parametrize("old", [None, b"e = mc2"])
@pytest.mark.parametrize(("field", "half"), HALVES.values(), ids=HALVES.keys())
async def test_an_upload_that_stops_half_way_leaves_nothing(
    cloud: Server, old: bytes | None, field: str, half: bytes
) -> None:
    path = cloud.file("einstein", "note.txt" if old else "new.txt")
    await sends_half(cloud, head(cloud, "PUT", f"/dav/files/einstein/{path.name}", field) + half)
    async with asyncio.timeout(10):
        while list((cloud.data / "tmp").iterdir()):
            await asyncio.sleep(0.02)
    assert (path.read_bytes() if path.exists() else None) == old
    assert sorted(file.name for file in path.parent.iterdir()) == ["note.txt"]
    answer = await cloud.dav("PUT", "einstein", path.name, b"whole")
    assert answer.status in (201, 204)
    assert path.read_bytes() == b"whole"


async def test_a_body_of_the_api_that_stops_half_way_stores_nothing(cloud: Server) -> None:
    body = json.dumps(GOOD).encode()
    before = cloud.stored()
    await sends_half(cloud, head(cloud, "POST", "/api/v1/shares", f"Content-Length: {len(body) + 1}") + body)
    assert cloud.stored() == before


# --- downloads whose other end breaks off

STAT = """<d:multistatus xmlns:d="DAV:"><d:response><d:href>{}</d:href><d:propstat><d:prop><d:getcontentlength>1000
</d:getcontentlength></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response></d:multistatus>"""


@asynccontextmanager
async def breaking(download: bytes) -> AsyncIterator[tuple[str, list[str]]]:
    """A server that shares a file of 1000 bytes, and closes the connection after these; and what it was asked."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(f"{request.method} {request.path}")
        if request.method == "PROPFIND":
            return web.Response(text=STAT.format(request.path), status=207, content_type="application/xml")
        if request.path.startswith("/dav/"):
            assert request.transport is not None
            request.transport.write(download)
            request.transport.close()
        kind = {"name": "file", "shareTypes": ["user"], "protocols": {"webdav": "/dav/"}}
        point = f"http://{request.host}/ocm"
        return web.json_response({"enabled": True, "apiVersion": "1.0", "endPoint": point, "resourceTypes": [kind]})

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        await web.SockSite(runner, listening).start()
        try:
            yield f"localhost:{listening.getsockname()[1]}", asked
        finally:
            await runner.cleanup()


def mount(cloud: Server, host: str) -> None:
    """einstein accepts a file from there."""
    who = {"owner": f"marie@{host}", "sender": f"marie@{host}", "shareWith": cloud.address("einstein")}
    way = {"name": "multi", "webdav": {"uri": "x1", "sharedSecret": SECRET, "permissions": ["read"]}}
    body = {**who, "name": "paper.txt", "providerId": "1", "shareType": "user", "resourceType": "file", "protocol": way}

    def accepted(tx: Any) -> None:
        row, _ = offers.receive(tx, NewShare.parse(encoded(body)), own_host=cloud.host, verified="unsigned")
        received.accept(tx, row.id)

    cloud.context.database.write_now(accepted)


WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000
DOWNLOADS = {
    "announced": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf",
    "in chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
}


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-499"}], ids=["whole", "range"])
@pytest.mark.parametrize("download", DOWNLOADS.values(), ids=DOWNLOADS.keys())
async def test_a_download_whose_remote_breaks_off_does_not_look_complete(
    cloud: Server, download: bytes, headers: dict[str, str]
) -> None:
    async with breaking(download) as (host, asked):
        mount(cloud, host)
        with pytest.raises(aiohttp.ClientPayloadError):
            await cloud.dav("GET", "einstein", "Shares/paper.txt", **headers)
        assert [line for line in asked if line.startswith("GET /dav/")]


async def test_a_download_that_is_complete_looks_so(cloud: Server) -> None:
    async with breaking(WHOLE) as (host, _):
        mount(cloud, host)
        answer = await cloud.dav("GET", "einstein", "Shares/paper.txt")
        assert (answer.status, len(answer.body)) == (200, 1000)


# --- the log


async def test_no_password_and_no_secret_is_logged(cloud: Server) -> None:
    """Not of who succeeds, not of who fails, not in a message that is refused."""
    wrong = "wrong-password-of-a-test"
    for password in (PASSWORD, wrong):
        for path in ("/api/v1/me", "/dav/files/einstein/note.txt", "/dav/ocm/"):
            await cloud.request("GET", path, {"Authorization": basic("einstein", password)})
    async with foreign() as sender:
        wanted = {"path": "note.txt", "shareWith": f"marie@{sender.host}"}
        share = await cloud.api("POST", "shares", wanted, who="einstein", status=201)
        invite = await cloud.api("POST", "invites", {}, who="einstein", status=201)
        for what, body in [("shares", offer(cloud, sender, {})), ("shares", offer(cloud, sender, {"name": "a/b"})),
                           ("notifications", notice(providerId="p9")), ("token", {"code": SECRET})]:  # fmt: skip
            await deliver(cloud, sender.signed(cloud, what, encoded(body)))
        await settled(cloud)
    secret, token = cloud.rows(shares.get, share["id"]).secret, cloud.rows(invites.get, "einstein", invite["id"]).token
    await cloud.request("GET", "/dav/ocm/", {"Authorization": f"Bearer {secret}"})
    secrets = [PASSWORD, wrong, SECRET, secret, token, *(basic("einstein", word)[6:] for word in (PASSWORD, wrong))]
    assert cloud.log  # down to DEBUG
    assert not [line for line in cloud.log for word in secrets if word in line]
