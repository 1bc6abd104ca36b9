"""What clients and peers send to break us: XML with entities, names that are paths, documents without end or bottom.

Security rules held here: XML is parsed without entities, DTD or network; every body has a limit and a time without a
byte; JSON is limited in depth; what a peer calls a name never becomes a path unchecked, and its text never HTML.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.client.wires import answering, ok, wire
from tests.mesh import Server, basic
from tests.security.senders import SECRET, deliver, encoded, new_key, offer
from tests.security.stages import Stage
from tests.server.dav.multistatus import read

from opencloudmesh.server import received, shares
from opencloudmesh.server.web import bodies
from opencloudmesh.server.web.dav import call

ROOTS = {
    "PROPFIND": '<d:propfind xmlns:d="DAV:"><d:prop><d:getetag/>{}</d:prop></d:propfind>',
    "PROPPATCH": '<d:propertyupdate xmlns:d="DAV:"><d:set><d:prop><x>{}</x></d:prop></d:set></d:propertyupdate>',
    "LOCK": '<d:lockinfo xmlns:d="DAV:"><d:lockscope><d:exclusive/></d:lockscope><d:locktype><d:write/></d:locktype>'
    "<d:owner>{}</d:owner></d:lockinfo>",
    "LISTING": '<d:multistatus xmlns:d="DAV:"><d:response><d:href>/dav/x1/</d:href><d:propstat><d:prop><d:resourcetype>'
    "<d:collection/></d:resourcetype><d:getetag>{}</d:getetag></d:prop><d:status>HTTP/1.1 200 OK</d:status>"
    "</d:propstat></d:response></d:multistatus>",
}
LAUGHS = '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))


def evil_xml(root: str, file: Path, url: str) -> dict[str, bytes]:
    """A body of each evil kind around a root element. `file` and `url` must not be read."""

    def body(dtd: str, content: str, encoding: str = "utf-8") -> bytes:
        return f"{dtd}{ROOTS[root].format(content)}".encode(encoding)

    return {
        "billion laughs": body(f"<!DOCTYPE x [{LAUGHS}]>", "&a11;"),
        "billion laughs in an attribute": body(f"<!DOCTYPE x [{LAUGHS}]>", '<y z="&a11;"/>'),
        "billion laughs in UTF-16": body(f"<!DOCTYPE x [{LAUGHS}]>", "&a11;", "utf-16"),
        "quadratic": body(f'<!DOCTYPE x [<!ENTITY a "{"a" * 50_000}">]>', "&a;" * 50_000),
        "one entity": body('<!DOCTYPE x [<!ENTITY a "aha">]>', "&a;"),
        "a file": body(f'<!DOCTYPE x [<!ENTITY a SYSTEM "file://{file}">]>', "&a;"),
        "a file by a parameter": body(f'<!DOCTYPE x [<!ENTITY % a SYSTEM "file://{file}"> %a;]>', ""),
        "a DTD elsewhere": body(f'<!DOCTYPE x SYSTEM "{url}/x.dtd">', ""),
        "an entity elsewhere": body(f'<!DOCTYPE x [<!ENTITY a SYSTEM "{url}/x">]>', "&a;"),
        "an empty DTD": body("<!DOCTYPE x>", ""),
    }


@pytest.mark.parametrize("who", ["a person", "a peer"])
async def test_no_xml_of_a_client_expands_or_reads_anything(stage: Stage, tmp_path: Path, who: str) -> None:
    (file := tmp_path / "key.txt").write_bytes(b"violin")
    stage.cloud.put("einstein", "work/note.txt", b"e = mc2")
    wanted = {"path": "work", "shareWith": "marie@there.example", "permissions": ["read", "write"]}
    share = await stage.cloud.api("POST", "shares", wanted, who="einstein", status=201)
    secret = stage.cloud.rows(shares.get, share["id"]).secret
    place, authorization = ("/dav/ocm/", f"Bearer {secret}")
    if who == "a person":
        place, authorization = "/dav/files/einstein/work/", basic("einstein")
    before = stage.cloud.stored()
    async with wire(answering(ok(b"<!ELEMENT x ANY>"))) as elsewhere:
        for method in ("PROPFIND", "PROPPATCH", "LOCK"):
            deep = ROOTS[method].format("<y>" * 60 + "</y>" * 60).encode()
            large = ROOTS[method].format("x" * call.MAX_XML).encode()
            for name, body in (evil_xml(method, file, elsewhere.url) | {"deep": deep, "large": large}).items():
                headers = {"Authorization": authorization, "Depth": "0", "Content-Type": "application/xml"}
                answer = await stage.cloud.request(method, place + "note.txt", headers, body)
                assert answer.status == (413 if name == "large" else 400), (method, name)
                assert b"violin" not in answer.body
                assert len(answer.body) < 1_000
        assert elsewhere.connections == 0
    assert stage.cloud.stored() == before


async def folder_of(stage: Stage, *entries: str, name: str = "papers") -> received.Row:
    """A share of marie's that einstein has accepted; `entries` are the hrefs of what is in it."""
    stage.number += 1
    changes = {"providerId": f"p{stage.number}", "name": name}
    body = encoded(offer(stage.cloud, stage.sender, changes))
    lists(stage, multistatus("/dav/x1/", *entries))
    assert (await deliver(stage.cloud, stage.sender.signed(stage.cloud, "shares", body))).status == 201
    (row,) = [row for row in stage.cloud.rows(received.listing) if row.provider_id == f"p{stage.number}"]
    await stage.cloud.api("POST", f"received/{row.id}/accept", who="einstein", status=200)
    return stage.cloud.rows(received.get, row.id)


def lists(stage: Stage, body: bytes) -> None:
    """What marie's server answers to every question about her folder."""
    for path in ("/dav/x1", "/dav/x1/"):
        stage.sender.says[f"PROPFIND {path}"] = (207, body)


def multistatus(folder: str, *hrefs: str) -> bytes:
    def response(href: str, kind: str = "") -> str:
        return (
            f"<d:response><d:href>{href}</d:href><d:propstat><d:prop><d:resourcetype>{kind}</d:resourcetype>"
            "<d:getcontentlength>1</d:getcontentlength></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat>"
            "</d:response>"
        )

    listed = [response(folder, "<d:collection/>"), *map(response, hrefs)]
    return f'<d:multistatus xmlns:d="DAV:">{"".join(listed)}</d:multistatus>'.encode()


async def test_no_listing_of_a_peer_expands_or_reads_anything(stage: Stage, tmp_path: Path) -> None:
    (file := tmp_path / "key.txt").write_bytes(b"violin")
    row = await folder_of(stage)
    place = quote(row.path)
    async with wire(answering(ok(b"<!ELEMENT x ANY>"))) as elsewhere:
        deep = ROOTS["LISTING"].format("<y>" * 10_000 + "</y>" * 10_000).encode()
        large = ROOTS["LISTING"].format("x" * (16 * 1024 * 1024)).encode()
        evil = evil_xml("LISTING", file, elsewhere.url)
        for name, body in (evil | {"deep": deep, "large": large}).items():
            lists(stage, body)
            answer = await stage.cloud.dav("PROPFIND", "einstein", place, Depth="1")
            assert answer.status == 502, name
            assert b"violin" not in answer.body
            assert len(answer.body) < 1_000
        assert elsewhere.connections == 0
    lists(stage, multistatus("/dav/x1/", "/dav/x1/good.txt"))
    assert b"good.txt" in (await stage.cloud.dav("PROPFIND", "einstein", place, Depth="1")).body


# --- names

NO_NAMES = {
    "up": "../../x",
    "up alone": "..",
    "here": ".",
    "a path": "a/b",
    "an absolute path": "//etc/passwd",
    "a path behind a slash": "/a/b",
    "a slash": "/",
    "up behind a slash": "/..",
    "NUL": "a\0b",
    "a line end": "a\r\nX-Header: y",
    "an escape": "a\x1b[2J",
    "delete": "a\x7f",
    "long": "x" * 256,
    "long in UTF-8": "é" * 128,
    "very long": "x" * 100_000,
    "empty": "",
    "a number": 7,
}
ODD_NAMES = ("CON", "aux.txt", ".htaccess", "~", "-rf", "...", "ocm.sqlite3", "Shares", "..\\..\\x", "%2e%2e%2fx",
             "..%2f..%2fx", " ", "a\u202egnp.exe", "<script>alert(1)<script>", "{{7*7}}", "C:\\x",
             "é" * 127)  # fmt: skip


@pytest.mark.parametrize("name", NO_NAMES.values(), ids=NO_NAMES.keys())
async def test_what_cannot_be_a_name_is_refused_in_a_share(stage: Stage, name: Any) -> None:
    body = encoded(offer(stage.cloud, stage.sender, {"providerId": "p9", "name": name}))
    await stage.refuses(stage.sender.signed(stage.cloud, "shares", body), 400, "name")


def on_disk(cloud: Server) -> set[str]:
    """Every file and folder of the cloud but its database."""
    return {str(path) for path in cloud.data.rglob("*") if not path.name.startswith("ocm.sqlite3")}


async def test_odd_names_of_shares_stay_in_their_folder_and_touch_no_file(stage: Stage) -> None:
    before = on_disk(stage.cloud)
    for name in ODD_NAMES:
        row = await folder_of(stage, "/dav/x1/a.txt", name=name)
        assert row.path == f"Shares/{name}"
        listed = await stage.cloud.dav("PROPFIND", "einstein", quote(row.path), Depth="1")
        assert listed.status == 207, name
        assert any(href.endswith("/a.txt") for href in read(listed))
        assert b"<script>" not in listed.body
    assert on_disk(stage.cloud) == before
    listed = read(await stage.cloud.dav("PROPFIND", "einstein", "Shares", Depth="1"))
    assert len(listed) == 1 + len(ODD_NAMES)


HREFS = {
    "up": "/dav/x1/%2e%2e",
    "a way up": "/dav/x1/..%2f..%2fetc%2fpasswd",
    "a path": "/dav/x1/a%2fb",
    "here": "/dav/x1/%2e",
    "NUL": "/dav/x1/a%00b",
    "a line end": "/dav/x1/a%0d%0aX-Header:%20y",
    "no UTF-8": "/dav/x1/%ff%fe",
    "long": "/dav/x1/" + "x" * 256,
    "elsewhere": "/other/x.txt",
    "above": "/dav/x1/../y.txt",
    "on another server": "http://evil.example/dav/x2/x.txt",
    "deeper": "/dav/x1/a/b.txt",
    "empty": "",
    "another scheme": "javascript:alert(1)",
}


async def test_only_names_are_taken_from_the_hrefs_of_a_peer(stage: Stage) -> None:
    before = on_disk(stage.cloud)
    row = await folder_of(stage, *HREFS.values(), "/dav/x1/good.txt", "/dav/x1/%3Cscript%3Ealert(1)%3C/script%3E",
                          "/dav/x1/%252e%252e%252fx")  # fmt: skip
    listed = await stage.cloud.dav("PROPFIND", "einstein", quote(row.path), Depth="1")
    names = {href.removeprefix("/dav/files/einstein/Shares/papers/") for href in read(listed)}
    assert names == {"", "good.txt", "%252e%252e%252fx"}
    kept = json.dumps(stage.cloud.stored()["listings"], default=str)
    assert "passwd" not in kept
    assert "evil" not in kept
    asked = len(stage.sender.seen)
    for href in HREFS.values():
        answer = await stage.cloud.dav("GET", "einstein", f"{quote(row.path)}/{href.rpartition('/')[2]}")
        assert answer.status in (400, 404, 405, 502, 503), href
        assert b"root:" not in answer.body
    assert not [path for path in stage.sender.seen[asked:] if "/dav/x1" not in path and "/dav/" in path]
    assert on_disk(stage.cloud) == before


# --- documents of servers

BOTTOMLESS = b'{"enabled":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001
DOCUMENTS = {
    "nested without end": BOTTOMLESS,
    "a list without end": b"[" * 200_000,
    "long": b'{"enabled": true, "x": "' + b"x" * 300_000 + b'"}',
    "a number without end": b'{"enabled": true, "endPoint": ' + b"9" * 200_000 + b"}",
    "not UTF-8": b'{"endPoint": "\xff"}',
    "an XML bomb": evil_xml("LISTING", Path("/etc/passwd"), "http://localhost:1")["billion laughs"],
}


@pytest.mark.parametrize("what", ["/.well-known/ocm", "/.well-known/jwks.json"])
@pytest.mark.parametrize("body", DOCUMENTS.values(), ids=DOCUMENTS.keys())
async def test_a_hostile_document_of_a_signer_says_nothing(stage: Stage, what: str, body: bytes) -> None:
    stage.other.says[f"GET {what}"] = (200, body)
    share = encoded(offer(stage.cloud, stage.other, {}))
    await stage.refuses(stage.other.signed(stage.cloud, "shares", share), 401)
    await stage.accepts("shares")


async def test_a_key_that_is_a_bomb_says_nothing(stage: Stage) -> None:
    for keys in (
        [{"kty": "OKP", "crv": "Ed25519", "x": "A" * 200_000, "kid": "k"}],
        [{}] * 10_000,
        {"kty": []},
        "x",
        None,
    ):
        stage.clock.ahead += 120
        stage.sender.says["GET /.well-known/jwks.json"] = (200, json.dumps({"keys": keys}).encode())
        unknown = new_key(f"{stage.sender.host}#new")
        request = stage.sender.signed_so(stage.cloud, "shares", stage.body("shares"), key=unknown)
        assert (await deliver(stage.cloud, request)).status == 401
    assert len(stage.cloud.rows(received.listing)) == 1


# --- bodies that stand still


@pytest.mark.parametrize("route", ["/ocm/shares", "/ocm/token", "/api/v1/shares", "/dav/files/einstein/x.txt"])
async def test_a_body_that_stands_still_is_given_up(stage: Stage, monkeypatch: pytest.MonkeyPatch, route: str) -> None:
    monkeypatch.setattr(bodies, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr(call, "IDLE_SECONDS", 0.2)
    before = stage.cloud.stored()
    host, _, port = stage.cloud.host.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    method = "PUT" if "dav" in route else "POST"
    fields = f"Host: {stage.cloud.host}\r\nAuthorization: {basic('einstein')}\r\nContent-Length: 100\r\n"
    writer.write(f"{method} {route} HTTP/1.1\r\n{fields}Content-Type: application/json\r\n\r\n{{".encode())
    try:
        async with asyncio.timeout(10):
            status = (await reader.readline()).split()[1]
    finally:
        writer.close()
    assert status == b"400"
    assert stage.cloud.stored() == before
    assert not stage.cloud.file("einstein", "x.txt").exists()
    assert SECRET not in "".join(stage.cloud.log)
