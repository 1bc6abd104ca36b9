"""The emulated opencloudmesh-go answers every recorded deviation as the real one of August 2026 did."""

from __future__ import annotations

import ast
import json
import re
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest_asyncio
from tests.peers import rfc9421
from tests.peers.invites import read_invite
from tests.peers.opencloudmesh_go import OpenCloudMeshGo
from tests.peers.opencloudmesh_go_endpoints import WEBDAV
from tests.peers.stranger import Stranger
from tests.peers.tables import LINE, lines
from tests.peers.values import Exchange

TABLE = "opencloudmesh-go-2026.08-accepts.txt"
TOKENS = "opencloudmesh-go-2026.08-token-webdav.txt"
TUPLE = re.compile(r"^(?P<name>.*?) +(?P<tuple>\(\d{3}, .*\))$")
RECORDED_ID = "MDFhMjBhYmUtYmFhMC03MzRiLTkxZjItMjM5ZmNjNDEwN2Y4QGxvY2FsaG9zdDo3NjAx"
NAME = "Super Administrator"

Answered = tuple[str, int, str]


@pytest_asyncio.fixture
async def third() -> AsyncIterator[Stranger]:
    async with await Stranger.start() as stranger:
        stranger.speaks_1_4()
        yield stranger


@pytest_asyncio.fixture
async def peer() -> AsyncIterator[OpenCloudMeshGo]:
    async with await OpenCloudMeshGo.start() as go:
        go.add_user("admin", NAME).email = ""
        yield go


class Speaker:
    """Signs as the stranger and posts to the peer."""

    def __init__(self, third: Stranger, peer: OpenCloudMeshGo) -> None:
        self.third = third
        self.peer = peer
        self.count = 0

    async def post(self, path: str, body: bytes, kind: str, *, sign: bool = True, **how: Any) -> Exchange:
        """`how` goes to `rfc9421.sign`; `key_id` and `sent` (another body than the signed one) are taken out."""
        url, headers = self.peer.base_url + path, {"Content-Type": kind}
        key_id, sent = how.pop("key_id", f"{self.third.host}#key1"), how.pop("sent", body)
        if sign:
            headers |= rfc9421.sign(self.third.ed25519, key_id, "POST", url, body, headers, **how)
        return await self.third.request("POST", url, headers.items(), sent)

    def share(self) -> dict[str, Any]:
        """The baseline; every one has an id of its own."""
        self.count += 1
        webdav = {"uri": "r3", "sharedSecret": "s", "permissions": ["read"], "requirements": ["must-exchange-token"]}
        return {
            "shareWith": f"admin@{self.peer.host}",
            "name": "third.txt",
            "providerId": f"p{self.count}",
            "owner": f"bob@{self.third.host}",
            "sender": f"bob@{self.third.host}",
            "shareType": "user",
            "resourceType": "file",
            "protocol": {"name": "multi", "webdav": webdav},
        }

    async def line(self, name: str) -> Answered:
        """What the peer answers to the request behind a line of the first table."""
        if name.startswith("invite-accepted"):
            done = await self._invite(name)
        elif name == "notification":
            body = {"notificationType": "SHARE_UNSHARED", "providerId": "no such", "resourceType": "file"}
            done = await self.post("/ocm/notifications", _json(body), "application/json")
        elif name == "token bad code":
            form = {"client_id": self.third.host, "code": "no such", "grant_type": "authorization_code"}
            done = await self.token(form)
        elif name == "token json":
            body = {"client_id": self.third.host, "code": "no such", "grant_type": "authorization_code"}
            done = await self.post("/ocm/token", _json(body), "application/json")
        else:
            done = await self._share(name)
        return name, done.status, done.answer.decode()

    async def token(self, form: dict[str, str], *, sign: bool = True) -> Exchange:
        """The token endpoint."""
        return await self.post("/ocm/token", urlencode(form).encode(), "application/x-www-form-urlencoded", sign=sign)

    async def _invite(self, name: str) -> Exchange:
        if name.endswith("ok"):
            self.invite, _ = read_invite(self.peer.create_invite("admin"))
        token = "no such token" if name.endswith("bad token") else getattr(self, "invite", "unsigned")
        body = {"recipientProvider": self.third.host, "token": token, "userID": "bob", "email": "", "name": "Bob"}
        return await self.post("/ocm/invite-accepted", _json(body), "application/json", sign="unsigned" not in name)

    async def _share(self, name: str) -> Exchange:
        share = self.share()
        change, protocol, webdav = CHANGES.get(name, ({}, {}, {}))
        share |= {key: value.format(third=self.third.host, peer=self.peer.host) for key, value in change.items()}
        share["protocol"] |= protocol
        if "webdav" in share["protocol"]:
            share["protocol"]["webdav"] |= webdav
        if name == "no requirements":
            del share["protocol"]["webdav"]["requirements"]
        if name == "legacy options":
            share["protocol"] = {"name": "webdav", "options": {"sharedSecret": "s", "permissions": "read"}}
        if name.startswith("missing "):
            del share[name.removeprefix("missing ")]
        if name == "expiration":
            share["expiration"] = 1830211200
        body, how = _json(share), dict(SIGNED.get(name, {}))
        if name in KEY_IDS:
            how["key_id"] = KEY_IDS[name].format(host=self.third.host)
        if name in CREATED:
            how["created"] = int(time.time()) + CREATED[name]
        if name == "tampered":
            how["sent"] = body.replace(b"third.txt", b"other.txt")
        return await self.post("/ocm/shares", body, "application/json", sign=name != "unsigned", **how)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


# Name of a line: what is changed in the share, in its protocol, in its protocol.webdav.
CHANGES: dict[str, tuple[dict[str, str], dict[str, Any], dict[str, Any]]] = {
    "absolute uri": ({}, {}, {"uri": "https://third.example/dav/ocm/r3"}),
    "permissions read,write": ({}, {}, {"permissions": ["read", "write"]}),
    "name webdav + webdav obj": ({}, {"name": "webdav"}, {}),
    "multi + empty options": ({}, {"options": {}}, {}),
    "resourceType folder": ({"resourceType": "folder"}, {}, {}),
    "shareType group": ({"shareType": "group"}, {}, {}),
    "unknown user": ({"shareWith": "nobody@{peer}"}, {}, {}),
    "shareWith other host": ({"shareWith": "admin@other.example"}, {}, {}),
    "sender other host": ({"sender": "bob@other.example"}, {}, {}),
    "sender not invited": ({"owner": "carl@{third}", "sender": "carl@{third}"}, {}, {}),
    "extra member": ({"foo": "bar"}, {}, {}),
}
TAG = 'tag="ocm"'
PLAIN = ('alg="ed25519"', TAG)
SIGNED: dict[str, dict[str, Any]] = {
    "no tag": {"parameters": ('alg="ed25519"',)},
    "label sig1": {"label": "sig1"},
    "no alg param": {"parameters": (TAG,)},
    "without content-length": {"components": ("@method", "@target-uri", "content-digest")},
    "without content-digest": {"components": ("@method", "@target-uri", "content-length")},
    "@authority+@path instead of @target-uri": {
        "components": ("@method", "@authority", "@path", "content-digest", "content-length")
    },
    "with content-type too": {"components": (*rfc9421.COVERED, "content-type")},
    "order changed": {"components": tuple(reversed(rfc9421.COVERED))},
    "sha-512 digest": {"digest": "sha-512"},
    "expires param": {"parameters": (f"expires={int(time.time()) + 600}", *PLAIN)},
    "nonce param": {"parameters": ('nonce="abc"', *PLAIN)},
}
KEY_IDS = {
    "kid without fragment": "{host}",
    "kid unknown fragment": "{host}#other",
    "kid https://host/ocm#key1": "https://{host}/ocm#key1",
}
CREATED = {"created -10min": -600, "created +10min": 600, "created -4min": -240}


def recorded(table: str) -> list[Answered]:
    """Name, status and body of every line, but for the remark that `bob` was known when the second run began."""
    found = []
    for line in lines(table):
        if match := TUPLE.match(line):
            status, *_, body = ast.literal_eval(match["tuple"])
            found.append((match["name"], status, body.decode() if isinstance(body, bytes) else body))
        elif match := LINE.match(line):
            found.append((match["name"], int(match["status"]), f"{match['rest']}\n"))
        else:
            assert line == "(user bob already invited on rerun)"
    return found


async def test_every_message_of_the_table_gets_the_recorded_answer(peer: OpenCloudMeshGo, third: Stranger) -> None:
    """Two runs against one server: in the second the sender is known from the first, and let in without an invite."""
    speaker = Speaker(third, peer)
    mine = peer.user_id("admin")
    expected = [(name, status, body.replace(RECORDED_ID, mine)) for name, status, body in recorded(TABLE)]
    answers = [await speaker.line(name) for name, _, _ in expected]
    assert answers == expected
    taken = sum(status == 201 for _, status, _ in answers)
    assert len(peer.inbox("admin")) == taken, "what was refused left nothing behind"


async def test_every_token_and_webdav_request_of_the_table_gets_the_recorded_answer(
    peer: OpenCloudMeshGo, third: Stranger
) -> None:
    peer.put_file("admin", "hello.txt", b"hello from ocmgo a\n")
    await peer.share("admin", "hello.txt", f"bob@{third.host}")
    share = next(iter(peer.shares.values()))
    speaker = Speaker(third, peer)
    good = {"client_id": third.host, "code": share.secret, "grant_type": "authorization_code"}
    tokens = {
        "unsigned": await speaker.token(good, sign=False),
        "wrong grant": await speaker.token({**good, "grant_type": "password"}),
        "wrong client": await speaker.token({**good, "client_id": "other.example"}),
        "ok": await speaker.token(good),
        "again": await speaker.token(good),
    }
    table = lines(TOKENS)
    assert [_shown(name, done) for name, done in tokens.items()] == [
        re.sub(r'"access_token":"\w+"', '"access_token":"T"', line) for line in table[:5]
    ]

    url, root = f"{peer.base_url}{WEBDAV}{share.uri}", f"{peer.base_url}{WEBDAV}"
    token = ("Authorization", f"Bearer {tokens['ok'].document()['access_token']}")
    requests: list[tuple[str, str, str, list[tuple[str, str]]]] = [
        ("GET", "GET", url, [token]),
        ("PROPFIND", "PROPFIND", url, [token]),
        ("PROPFIND /", "PROPFIND", f"{url}/", [token]),
        ("HEAD", "HEAD", url, [token]),
        ("none", "GET", url, []),
        ("secret as bearer", "GET", url, [("Authorization", f"Bearer {share.secret}")]),
        ("basic secret", "GET", url, [("Authorization", "Basic czo=")]),
        ("PUT", "PUT", url, [token]),
        ("Range", "GET", url, [token, ("Range", "bytes=0-4")]),
        ("root", "PROPFIND", root, [token]),
    ]
    for line, (name, method, target, headers) in zip(table[5:], requests, strict=True):
        done = await third.request(method, target, headers)
        challenge = done.answer_headers.get("WWW-Authenticate")
        shown = (done.status, challenge, done.answer) if "None, b" in line or "Bearer realm" in line else None
        assert line == f"{name} {shown or (done.status, done.answer)}"
    assert peer.file("admin", "hello.txt") == b"hello from ocmgo a\n"


def _shown(name: str, done: Exchange) -> str:
    body = re.sub(r'"access_token":"\w+"', '"access_token":"T"', done.answer.decode())
    return f"{name} {done.status} {body.rstrip()}" if name == "ok" else f"{name} {(done.status, body)}"
