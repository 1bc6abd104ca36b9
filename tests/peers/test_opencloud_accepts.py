"""The emulated OpenCloud answers every recorded deviation as the real one of February 2025 did."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest_asyncio
from tests.peers.opencloud import DAV_OCM, OpenCloud
from tests.peers.stranger import Stranger
from tests.peers.tables import Line, lines, section, shares
from tests.peers.values import Exchange, Sent

TABLE = "opencloud-2025.02-accepts.txt"
WEBDAV = "opencloud-2025.02-webdav.txt"
JSON = ("Content-Type", "application/json")
LISTED = "oc-a.example"


@pytest_asyncio.fixture
async def third() -> AsyncIterator[Stranger]:
    async with await Stranger.start() as stranger:
        yield stranger


@pytest_asyncio.fixture
async def peer(third: Stranger) -> AsyncIterator[OpenCloud]:
    async with await OpenCloud.start() as opencloud:
        opencloud.add_user("mary", "Mary Kenneth Keller")
        opencloud.trust(third.host)
        opencloud.trust(LISTED)
        yield opencloud


def baseline(third: Stranger, peer: OpenCloud) -> dict[str, Any]:
    return {
        "shareWith": f"{peer.people['mary'].id}@{peer.host}",
        "name": "third.txt",
        "providerId": "p1",
        "owner": f"bob@{third.host}",
        "sender": f"bob@{third.host}",
        "ownerDisplayName": "Bob Third",
        "senderDisplayName": "Bob Third",
        "shareType": "user",
        "resourceType": "file",
        "expiration": 1830211200,
        "protocol": {"name": "multi", "webdav": _webdav(third, "url")},
    }


def _webdav(third: Stranger, key: str, **more: Any) -> dict[str, Any]:
    return {key: f"{third.base_url}/dav/ocm/p1", "sharedSecret": "abc", "permissions": ["read"], **more}


def changes(third: Stranger, peer: OpenCloud) -> dict[str, dict[str, Any]]:
    """The lines in words, as changes of the baseline; a value of None takes the member away."""
    mary, host = peer.people["mary"].id, peer.host
    federated = base64.b64encode(f"{mary}@{peer.base_url}".encode()).decode()
    options = {"sharedSecret": "abc", "permissions": "{http://open-cloud-mesh.org/ns}share-permissions"}
    url, token = _webdav(third, "url"), {"requirements": ["must-exchange-token"]}

    def multi(**parts: Any) -> dict[str, Any]:
        return {"protocol": {"name": "multi", **parts}}

    return {
        "baseline url, permissions": {},
        "providerId 2nd, uri instead of url": {"providerId": "p2", **multi(webdav=_webdav(third, "uri"))},
        "relative uri": multi(webdav={**_webdav(third, "uri"), "uri": "p3"}),
        "requirements must-exchange-token + uri": multi(webdav=_webdav(third, "uri", **token)),
        "legacy protocol webdav+options.sharedSecret": {"protocol": {"name": "webdav", "options": options}},
        "multi + empty options": multi(options={}, webdav=url),
        "legacy+multi both": multi(options={"sharedSecret": "abc"}, webdav=url),
        "unknown protocol ssh added": multi(webdav=url, ssh={"uri": "bob@host:22/p"}),
        "webapp protocol without viewMode": multi(webdav=url, webapp={"uriTemplate": "https://x.example/p"}),
        "missing permissions": multi(webdav={name: url[name] for name in ("url", "sharedSecret")}),
        "resourceType folder": {"resourceType": "folder"},
        "resourceType calendar": {"resourceType": "calendar"},
        "shareType group": {"shareType": "group"},
        "shareType federation": {"shareType": "federation"},
        "shareWith by username mary@": {"shareWith": f"mary@{host}"},
        "shareWith base64 federated id": {"shareWith": f"{federated}@{host}"},
        "shareWith unknown user": {"shareWith": f"{uuid4()}@{host}"},
        "shareWith wrong host": {"shareWith": f"{mary}@other.example"},
        "sender with https:// prefix": {"sender": f"bob@https://{third.host}"},
        "sender from unlisted provider": {"sender": "bob@unlisted.example"},
        "sender domain spoof of oc-a (unsigned)": {"sender": f"bob@{LISTED}"},
        "sender without @": {"sender": "bob"},
        "garbage Signature header": {},
        "content-type with charset": {},
        "content-type form": {},
        "missing name": {"name": None},
        "missing providerId": {"providerId": None},
        "missing owner": {"owner": None},
        "missing sender": {"sender": None},
        "missing shareType": {"shareType": None},
        "missing displayname": {"ownerDisplayName": None, "senderDisplayName": None},
        "extra unknown members": {"foo": {"bar": 1}},
        "duplicate providerId p1": {"providerId": "p1"},
        "expiration as string": {"expiration": "1830211200"},
        "expiration float": {"expiration": 1830211200.5},
    }


HEADERS = {
    "garbage Signature header": {"Signature": "garbage"},
    "content-type with charset": {"Content-Type": "application/json; charset=utf-8"},
    "content-type form": {"Content-Type": "application/x-www-form-urlencoded"},
}


async def test_every_share_of_the_table_gets_the_recorded_answer(peer: OpenCloud, third: Stranger) -> None:
    answers = []
    for name, change in changes(third, peer).items():
        share = {key: value for key, value in {**baseline(third, peer), **change}.items() if value is not None}
        headers = {"Content-Type": "application/json", **HEADERS.get(name, {})}
        done = await third.request("POST", f"{peer.base_url}/ocm/shares", headers.items(), json.dumps(share).encode())
        kind = done.answer_headers["Content-Type"]
        answers.append(Line(name, done.status, kind, done.answer.decode().rstrip("\n")))
    assert answers == shares(TABLE)


async def test_a_share_with_uri_alone_is_answered_200_and_never_shows_up(peer: OpenCloud, third: Stranger) -> None:
    share = {**baseline(third, peer), "protocol": {"name": "multi", "webdav": _webdav(third, "uri")}}
    done = await third.request("POST", f"{peer.base_url}/ocm/shares", [JSON], json.dumps(share).encode())
    assert done.status == 200
    assert peer.inbox("mary") == []


async def test_invites_notifications_and_other_addresses_get_the_recorded_answers(
    peer: OpenCloud, third: Stranger
) -> None:
    async def post(path: str, body: dict[str, str]) -> Exchange:
        return await third.request("POST", peer.base_url + path, [JSON], json.dumps(body).encode())

    told = [await post("/ocm/notifications", body) for body in ({"notificationType": "SHARE_UNSHARED"}, {})]
    assert [str((done.status, done.answer.decode())) for done in told] == section(
        TABLE, "notifications:", "invite-accepted:"
    )
    invite = {"token": "no", "userID": "bob", "email": "", "name": "Bob", "recipientProvider": third.host}
    recorded = "\n".join(
        section(TABLE, "invite-accepted:", "GET shares 405 token 404 /ocm-provider 502 /ocm-provider/ 502")
    )
    answers = [
        await post("/ocm/invite-accepted", invite),
        await post("/ocm/invite-accepted", invite),  # what was different about the second is not recorded
        await post("/ocm/invite-accepted", {**invite, "recipientProvider": "unlisted.example"}),
        await post("/ocm/invite-accepted", {}),
    ]
    shown = [f"{done.status} {done.answer_headers['Content-Type']} {done.answer.decode()}" for done in answers]
    assert "\n".join(shown) == recorded
    assert peer.contacts.known == {}
    for path, status in (("/ocm/shares", 405), ("/ocm/token", 404), ("/ocm-provider", 502), ("/ocm-provider/", 502)):
        assert (await third.request("GET", peer.base_url + path)).status == status
    agent = ("User-Agent", "Nextcloud Server Crawler")
    done = await third.request("GET", f"{peer.base_url}/.well-known/ocm", [agent])
    assert done.answer.decode().startswith("\n".join(lines(TABLE)[-4:]))


def _folder(peer: OpenCloud, name: str) -> Sent:
    peer.put_file("mary", f"{name}/in.txt", b"0123456789")
    share = Sent(str(uuid4()), peer.people["mary"], name, "bob@x", uuid4().hex, write=True)
    peer.shares[share.id] = share
    return share


async def test_every_webdav_request_of_the_table_gets_the_recorded_status(peer: OpenCloud, third: Stranger) -> None:
    share, other = _folder(peer, "shared"), _folder(peer, "other")
    root, elsewhere = f"{DAV_OCM}/{share.id}", f"{DAV_OCM}/{other.id}"
    bearer = {"Authorization": f"Bearer {share.secret}"}

    def basic(user: str, password: str) -> dict[str, str]:
        return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}

    new, depth = f"{root}/new.txt", {"Depth": "0"}
    destination = {"Destination": f"{peer.base_url}{root}/copy.txt"}
    odd, right = b"<d:propfind xmlns:d='DAV:'><allprop/></d:propfind>", b'<propfind xmlns="DAV:"><allprop/></propfind>'
    requests: dict[str, tuple[str, str, dict[str, str], bytes]] = {
        "GET bearer in.txt": ("GET", f"{root}/in.txt", bearer, b""),
        "HEAD": ("HEAD", f"{root}/in.txt", bearer, b""),
        "Range": ("GET", f"{root}/in.txt", {**bearer, "Range": "bytes=0-3"}, b""),
        "PROPFIND root": ("PROPFIND", f"{root}/", {**bearer, **depth}, odd),
        "PROPFIND well-formed allprop": ("PROPFIND", f"{root}/", {**bearer, **depth}, right),
        "PROPFIND /dav/ocm/ (no id)": ("PROPFIND", f"{DAV_OCM}/", {**bearer, **depth}, odd),
        "PROPFIND other id same token": ("PROPFIND", f"{elsewhere}/", {**bearer, **depth}, odd),
        "no auth": ("GET", f"{root}/in.txt", {}, b""),
        "bad bearer": ("GET", f"{root}/in.txt", {"Authorization": "Bearer no"}, b""),
        "basic secret:": ("GET", f"{root}/in.txt", basic(share.secret, ""), b""),
        "basic id:secret": ("GET", f"{root}/in.txt", basic(share.id, share.secret), b""),
        "basic secret: on /dav/ocm": ("PROPFIND", DAV_OCM, basic(share.secret, ""), odd),
        "basic secret: /public.php/webdav": ("PROPFIND", "/public.php/webdav", basic(share.secret, ""), odd),
        "OPTIONS": ("OPTIONS", f"{root}/", bearer, b""),
        "PUT": ("PUT", new, bearer, b"new"),
        "PUT If-None-Match *": ("PUT", new, {**bearer, "If-None-Match": "*"}, b"newer"),
        "LOCK": ("LOCK", new, bearer, b""),
        "COPY": ("COPY", f"{root}/in.txt", {**bearer, **destination}, b""),
        "DELETE": ("DELETE", new, bearer, b""),  # of what was locked
        "traversal": ("GET", f"{root}/../{other.id}/in.txt", bearer, b""),
    }
    recorded = [line[3:] for line in lines(WEBDAV) if line.startswith("== ")]
    answers = {}
    for name, (method, path, headers, body) in requests.items():
        done = await third.request(method, peer.base_url + path, headers.items(), body or None)
        answers[name] = done
    assert [f"{name}: {done.status}" for name, done in answers.items()] == [
        line[: len(name) + 5] for name, line in zip(requests, recorded, strict=True)
    ]
    assert answers["Range"].answer_headers["Content-Range"] == "bytes 0-3/10"
    assert answers["PROPFIND root"].answer_headers["Dav"] == "1, 3, extended-mkcol"
    assert answers["OPTIONS"].answer_headers["Dav"] == "1, 2"
    assert peer.file("mary", "shared/new.txt") == b"newer"
    assert peer.file("mary", "shared/copy.txt") == b"0123456789"


async def test_a_revoked_share_gets_500_and_nobody_is_told(peer: OpenCloud, third: Stranger) -> None:
    share = _folder(peer, "shared")
    secret = share.secret
    await peer.unshare(share.id)
    headers = [("Authorization", f"Bearer {secret}")]
    done = await third.request("GET", f"{peer.base_url}{DAV_OCM}/{share.id}/in.txt", headers)
    assert done.status == 500
    assert peer.sent == []
