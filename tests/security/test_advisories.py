"""What went wrong in other servers, tried on ours: a test for each advisory of `docs/security.md`, named after it.

What is tested elsewhere is named there; that every row leads to a test is held at the end.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.client.certificates import authority, server_context
from tests.client.wires import Exchange, answering, ok, wire
from tests.mesh import Server, basic, serve, settled
from tests.security.senders import SECRET, deliver, encoded, new_key, notice, now, offer
from tests.security.stages import Stage, staged

from opencloudmesh.client.guard import EgressPolicy
from opencloudmesh.client.network import TIMEOUTS, Network
from opencloudmesh.protocol.errors import EgressDenied, Unreachable
from opencloudmesh.server import config, outbox, policy, received, schema, shares, trees, worker
from opencloudmesh.server.web import dav

ROOT = Path(__file__).parent.parent.parent
DEPTH_0 = {"Depth": "0"}
TOUCH = b'<propertyupdate xmlns="DAV:"><set><prop>%s</prop></set></propertyupdate>'


async def offered(one: Server, two: Server, path: str, *permissions: str, **values: Any) -> tuple[str, str]:
    """A share from einstein to marie, accepted: its id at the first cloud and at the second."""
    body = {"path": path, "shareWith": two.address("marie"), "permissions": list(permissions or ("read",)), **values}
    share = await one.api("POST", "shares", body, who="einstein", status=201)
    await settled(one, two)
    (offer,) = [row for row in await two.api("GET", "received", who="marie") if row["state"] == "pending"]
    await two.api("POST", f"received/{offer['id']}/accept", who="marie", status=200)
    await settled(one, two)
    return share["id"], offer["id"]


def bearer(one: Server, share_id: str) -> dict[str, str]:
    """What opens a share, as its recipient's server holds it."""
    return {"Authorization": f"Bearer {one.rows(shares.get, share_id).secret}"}


async def said_of_shares(one: Server, sender: Server, kind: str, share_id: str, **more: Any) -> int:
    """The status of a notification about a share, which the other server signs."""
    peer = await sender.context.lookup.discover(one.host)
    sign = sender.context.keys.signer(peer)
    body = {"notificationType": kind, "resourceType": "file", "providerId": share_id, "notification": more}
    from opencloudmesh.client import peer as client

    try:
        return (await client.post(sender.context.network, f"{one.url}/ocm/notifications", body, sign)).status
    except client.Refused as refusal:
        return refusal.peer_status


# --- servers that are slow or silent


async def test_cve_2019_15616_a_silent_server_holds_up_nobody(stage: Stage) -> None:
    """No time-outs for remote shares (nc-sa-2020-005): one dead server made a whole cloud stand still."""

    async def silence(exchange: Exchange) -> None:
        await exchange.request()
        await asyncio.Event().wait()

    object.__setattr__(stage.cloud.context.reach, "deadline", 0.2)
    async with wire(silence) as silent:
        for resource in stage.sender.document["resourceTypes"]:
            resource["protocols"]["webdav"] = f"{silent.url}/dav/"
        stage.sender.document["endPoint"] = f"{silent.url}/ocm"
        stage.clock.ahead += 3_601
        await stage.accepts("shares")
        (row, *_) = await stage.cloud.api("GET", "received", who="einstein")
        await stage.cloud.api("POST", f"received/{row['id']}/accept", who="einstein", status=200)
        looks = [asyncio.create_task(stage.cloud.dav("PROPFIND", "einstein", "Shares/papers")) for _ in range(30)]
        assert (await stage.cloud.api("GET", "me", who="einstein"))["id"] == "einstein"
        assert (await stage.cloud.dav("PROPFIND", "einstein", "Shares")).status == 207
        assert {answer.status for answer in await asyncio.gather(*looks)} == {503}
        assert 0 < silent.connections <= 8  # of one peer at once
        stage.cloud.context.database.write_now(lambda tx: outbox.drop(tx, row["id"]))
    assert not [line for line in stage.cloud.log if line.startswith("WARNING")]


def test_cve_2019_15616_no_request_goes_out_without_limits() -> None:
    assert all(0 < seconds <= 60 for seconds in (TIMEOUTS.connect, TIMEOUTS.idle, TIMEOUTS.total))
    parameters = inspect.signature(Network.stream).parameters
    assert all(0 < parameters[name].default <= 60 for name in ("connect", "idle"))
    assert inspect.signature(Network.request).parameters["timeout"].default is TIMEOUTS


# --- addresses that lead inside


@pytest.fixture
async def guarded(tmp_path: Path, new_sqlite_url: Any) -> AsyncIterator[Stage]:
    """A cloud as it is run for real use, without exceptions."""
    async with staged(tmp_path, new_sqlite_url(), development=False) as opened:
        yield opened


INSIDE = ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "127.1", "0177.0.0.1")


async def asked_by_all_ways(stage: Stage, host: str) -> set[int]:
    """Somebody names a host in every place where hosts are named. What they are answered by the routes for servers."""
    cloud, sender = stage.cloud, stage.sender
    body = encoded(offer(cloud, sender, {"sender": f"marie@{host}", "owner": f"marie@{host}"}))
    messages = [
        sender.signed_so(cloud, "shares", body, key=new_key(f"{host}#key1")),
        sender.signed_so(cloud, "shares", body, key=new_key(f"https://{host}/ocm#signature")),
        sender.unsigned(cloud, "shares", body),
        sender.unsigned(cloud, "invite-accepted", encoded({"recipientProvider": host, "token": "t", "userID": "marie",
                                                           "email": "", "name": ""})),
    ]  # fmt: skip
    answers = [await deliver(cloud, message) for message in messages]
    headers = {"Authorization": basic("einstein"), "Content-Type": "application/json"}
    for path, said in (("invites/accept", {"invite": f"token@{host}"}),
                       ("shares", {"path": "note.txt", "shareWith": f"marie@{host}"})):  # fmt: skip
        await cloud.request("POST", f"/api/v1/{path}", headers, json.dumps(said).encode())
    await settled(cloud)
    return {answer.status for answer in answers}


async def test_cve_2020_10252_nobody_makes_us_connect_to_what_is_inside(guarded: Stage) -> None:
    """SSRF through a server's name (ownCloud below 10.4): neither is it connected to, nor told what is there."""
    guarded.cloud.put("einstein", "note.txt", b"e = mc2")
    async with wire(answering(ok(b"secret"))) as inside, wire(answering(ok()), host="::1") as inside6:
        told = {}
        for port in (inside.port, inside6.port, 1):
            for host in INSIDE:
                guarded.clock.ahead += 61  # a minute in which as much is looked at as at any other
                told[host, port] = await asked_by_all_ways(guarded, f"{host}:{port}")
        for host in ("169.254.169.254", "10.0.0.1", "[fd00:ec2::254]"):
            guarded.clock.ahead += 61
            await asked_by_all_ways(guarded, host)
        assert (inside.connections, inside6.connections) == (0, 0)
        for host in INSIDE:  # an open port looks like a closed one
            assert told[host, inside.port] == told[host, inside6.port] == told[host, 1]
            assert told[host, 1] <= {400, 401}
    assert not guarded.sender.seen
    assert not guarded.cloud.rows(received.listing)
    assert not [line for line in guarded.cloud.log if line.startswith(("WARNING", "ERROR")) and "/ocm/" in line]


NESTED = {
    "mapped": "::ffff:127.0.0.1",
    "mapped in hexadecimal": "::ffff:7f00:1",
    "compatible": "::127.0.0.1",
    "6to4": "2002:7f00:1::1",
    "NAT64": "64:ff9b::7f00:1",
    "NAT64 for local use": "64:ff9b:1::7f00:1",
    "Teredo": "2001:0:7f00:1::1",
    "Teredo client": "2001:0:808:808:0:0:80ff:fffe",
}


def resolves(cloud: Server, *answers: list[str]) -> list[str]:
    """Gives the cloud a name server with these answers, one after the other and then the last; the names asked for."""
    asked: list[str] = []

    async def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    cloud.context.network._resolver._resolver = resolve
    return asked


@pytest.mark.parametrize("address", NESTED.values(), ids=NESTED.keys())
async def test_cve_2020_8138_ipv4_nested_in_ipv6(guarded: Stage, address: str) -> None:
    """A filter that looked at IPv4 addresses only; as a literal, as the only answer, and as one among good ones."""
    async with wire(answering(ok(b"secret"))) as inside:
        assert await asked_by_all_ways(guarded, f"[{address}]:{inside.port}") <= {400, 401}
        for number, answers in enumerate([[address], ["8.8.8.8", address], [address, "8.8.8.8"]]):
            asked = resolves(guarded.cloud, answers)
            key = new_key(f"name{number}.example:{inside.port}#key1")
            body = guarded.body("shares")
            answer = await deliver(guarded.cloud, guarded.sender.signed_so(guarded.cloud, "shares", body, key=key))
            assert answer.status == 401
            assert asked == [f"name{number}.example"]
        assert inside.connections == 0


async def test_cve_2023_48306_a_name_that_changes_its_mind_gains_nothing(stage: Stage) -> None:
    """DNS rebinding: what is connected to is what was checked, and each connection is checked (GHSA-8f69-f9jg-4x3v)."""
    port = stage.sender.host.partition(":")[2]
    name = f"rebinding.example:{port}"
    stage.sender.document["endPoint"] = f"http://{name}/ocm"
    # Plain http is allowed here, after https: the document comes by the second connection, the keys by the third.
    asked = resolves(stage.cloud, ["127.0.0.1"], ["127.0.0.1"], ["127.0.0.1", "169.254.169.254"])
    key = new_key(f"{name}#key1")
    stage.sender.keys.append(key)
    stage.sender.document["jwksUri"] = f"http://other.example:{port}/.well-known/jwks.json"
    seen = len(stage.sender.seen)
    request = stage.sender.signed_so(stage.cloud, "shares", stage.body("shares"), key=key)
    await stage.refuses(request, 401)
    assert stage.sender.seen[seen:] == ["GET /.well-known/ocm"]
    assert asked == ["rebinding.example", "rebinding.example", "other.example"]


async def test_owncloud_richdocuments_598_an_empty_policy_denies(pair: list[Server], guarded: Stage) -> None:
    """`isServerAllowed()` was a stub that allowed everything: here who says nothing allows nothing."""
    with pytest.raises(TypeError):
        EgressPolicy()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Network(user_agent="test")  # type: ignore[call-arg]
    nothing = EgressPolicy(allow_http=False, allow_private=False, ports=frozenset())
    with pytest.raises(EgressDenied):
        nothing.check_url("https://cloud.example/")
    usual = guarded.cloud.context.network._policy
    assert (usual.allow_http, usual.allow_private, usual.private_hosts) == (False, False, frozenset())

    one, two = pair
    one.put("einstein", "note.txt", b"e = mc2")
    wanted = {"path": "note.txt", "shareWith": two.address("marie")}
    one.context.database.write_now(lambda tx: policy.put(tx, "outgoing", ()))
    await one.api("POST", "shares", wanted, who="einstein", status=403)
    one.context.database.write_now(lambda tx: policy.put(tx, "outgoing", (policy.ANYBODY,)))
    two.context.database.write_now(lambda tx: policy.put(tx, "incoming", ()))
    share = await one.api("POST", "shares", wanted, who="einstein", status=201)
    await settled(one, two)
    assert (await one.api("GET", f"shares/{share['id']}", who="einstein"))["state"] == shares.FAILED
    assert not two.rows(received.listing)


# --- permissions


async def test_cve_2021_35946_a_recipient_cannot_raise_their_permissions(pair: list[Server]) -> None:
    """They were stored at the receiver (ownCloud below 10.8). Here the owner's side decides at each access."""
    one, two = pair
    one.put("einstein", "note.txt", b"e = mc2")
    share_id, received_id = await offered(one, two, "note.txt")
    more = {"permissions": ["read", "write", "share"]}
    two.context.database.write_now(lambda tx: tx.run(schema.received.update().values(**more)))
    assert await said_of_shares(one, two, "SHARE_ACCEPTED", share_id, sharedSecret="x", **more) == 201
    secret = one.rows(shares.get, share_id).secret
    wanted = {"permission": more["permissions"], "protocol": {"webdav": {**more, "sharedSecret": secret}}}
    for kind in ("RESHARE_CHANGE_PERMISSION", "SHARE_CHANGE_PERMISSION"):
        for known in ("x", secret):
            assert await said_of_shares(one, two, kind, share_id, sharedSecret=known, **wanted) == 501
    assert (await two.dav("PUT", "marie", "Shares/note.txt", b"nonsense")).status == 403
    assert (await two.dav("DELETE", "marie", "Shares/note.txt")).status == 204  # that leaves the share
    props = b'<share-permissions xmlns="http://open-cloud-mesh.org/ns">["read","write"]</share-permissions>'
    for method, body in (("PUT", b"nonsense"), ("PROPPATCH", TOUCH % props), ("DELETE", None)):
        answer = await one.request(method, f"/dav/ocm/{share_id}", bearer(one, share_id), body)
        assert answer.status in (403, 404), method
    assert one.rows(shares.get, share_id).permissions == ["read"]
    assert one.file("einstein", "note.txt").read_bytes() == b"e = mc2"
    assert two.rows(received.get, received_id).state == received.DECLINED


async def test_cve_2021_35949_who_may_only_write_learns_nothing(pair: list[Server]) -> None:
    """A folder to drop files into told what was in it. Each method and permission is in `tests/server/dav`."""
    one, two = pair
    one.put("einstein", "drop/secret-name.txt", b"secret content")
    share_id, _ = await offered(one, two, "drop", "write")
    told = await one.api("GET", f"shares/{share_id}", who="einstein")
    assert told["permissions"] == ["read", "write"]  # so far a share can always be read, and its owner is told so
    only = {"permissions": ["write"]}
    one.context.database.write_now(lambda tx: tx.run(schema.shares.update().values(**only)))
    for method in dav.METHODS:
        for place in ("", "secret-name.txt", "other.txt"):
            headers = {**bearer(one, share_id), "Depth": "1", "Destination": f"{one.url}/dav/ocm/{share_id}/copy.txt"}
            if method in ("DELETE", "MOVE"):
                continue
            answer = await one.request(
                method, f"/dav/ocm/{share_id}/{place}", headers, b"" if method == "PUT" else None
            )
            assert b"secret" not in answer.body, method
            assert answer.headers.get("etag") is None or method == "PUT"
            assert answer.status == (200 if method == "OPTIONS" else answer.status)
    assert one.file("einstein", "drop/copy.txt").exists() is False


async def test_cve_2021_32725_cve_2017_0883_cve_2019_15621_cve_2020_8121_cve_2020_8223_no_reshare_is_wider(
    pair: list[Server],
) -> None:
    """Reshares came with more permissions or more data than their parent."""
    one, two = pair
    one.put("einstein", "work/note.txt", b"e = mc2")
    one.put("einstein", "other.txt", b"other")
    two.put("marie", "mine/own.txt", b"own")
    share_id, _ = await offered(one, two, "work", "read", "share")
    to = {"shareWith": "fritz@x.example", "senderId": "1"}
    for more in ({"permission": ["read", "write"]}, {"permissions": ["write"]}):
        assert await said_of_shares(one, two, "REQUEST_RESHARE", share_id, **to, **more) == 400
    assert len(one.stored()["shares"]) == 1
    assert await said_of_shares(one, two, "REQUEST_RESHARE", share_id, **to, path="other.txt") == 201
    (made,) = [row for row in one.rows(shares.listing) if row.parent == share_id]
    assert (made.path, made.permissions) == ("work", ["read", "share"])
    for kind in ("RESHARE_CHANGE_PERMISSION", "SHARE_CHANGE_PERMISSION"):
        assert await said_of_shares(one, two, kind, made.id, permission=["read", "share", "write"]) == 403
    # What is less of it counts.
    assert await said_of_shares(one, two, kind, made.id, permission=["read", "write"]) == 201
    assert one.rows(shares.get, made.id).permissions == ["read"]
    headers = {"Authorization": f"Bearer {made.secret}"}
    assert (await one.request("GET", f"/dav/ocm/{made.id}/note.txt", headers)).body == b"e = mc2"
    for place in ("../other.txt", "%2e%2e/other.txt", "other.txt"):
        assert (await one.request("GET", f"/dav/ocm/{made.id}/{place}", headers)).status in (400, 404)
    assert (await one.request("PUT", f"/dav/ocm/{made.id}/note.txt", headers, b"x")).status == 403
    await one.api("DELETE", f"shares/{share_id}", who="einstein", status=204)
    assert (await one.request("GET", f"/dav/ocm/{made.id}/note.txt", headers)).status == 404
    # What is mounted in a folder that is shared is not shared with it.
    one.put("einstein", "work/note.txt", b"e = mc2")
    share_id, _ = await offered(one, two, "work", "read", "write", "share")
    to = f"{two.url}/dav/files/marie/mine/work"
    assert (await two.dav("MOVE", "marie", "Shares/work", Destination=to)).status == 201
    share = await two.api("POST", "shares", {"path": "mine", "shareWith": one.address("einstein")}, who="marie")
    listed = await two.request("PROPFIND", "/dav/ocm/", {**bearer(two, share["id"]), "Depth": "1"})
    assert b"own.txt" in listed.body
    assert b"work" not in listed.body
    for place in ("work", "work/note.txt"):
        assert (await two.request("GET", f"/dav/ocm/{place}", bearer(two, share["id"]))).status == 404


async def test_cve_2020_8122_a_recipient_cannot_extend_the_time_of_a_share(pair: list[Server]) -> None:
    one, two = pair
    one.put("einstein", "note.txt", b"e = mc2")
    ends = now(one) + 1_000
    share_id, _ = await offered(one, two, "note.txt", "read", "write", expiration=ends)
    later = ends + 1_000_000
    two.context.database.write_now(lambda tx: tx.run(schema.received.update().values(expiration=later)))
    assert await said_of_shares(one, two, "SHARE_ACCEPTED", share_id, sharedSecret="x", expiration=later) == 201
    for kind in ("RESHARE_CHANGE_PERMISSION", "SHARE_CHANGE_PERMISSION"):
        for said in (later, 0):
            assert await said_of_shares(one, two, kind, share_id, expiration=said, permission=["read"]) == 501
    body = TOUCH % b"<expiration xmlns='http://open-cloud-mesh.org/ns'>%d</expiration>" % later
    await one.request("PROPPATCH", f"/dav/ocm/{share_id}", bearer(one, share_id), body)
    for who, path in (("marie", f"shares/{share_id}"), ("marie", f"received/{share_id}")):
        for method in ("PUT", "PATCH", "POST"):
            headers = {"Authorization": basic(who), "Content-Type": "application/json"}
            answer = await two.request(method, f"/api/v1/{path}", headers, b'{"expiration": null}')
            assert answer.status in (404, 405)
    assert one.rows(shares.get, share_id).expiration == ends
    one.context.clock.ahead = 1_001
    assert (await one.request("GET", "/dav/ocm/", bearer(one, share_id))).status == 404


def test_cve_2016_9462_whatever_can_be_done_to_a_tree_is_in_the_table_of_permissions() -> None:
    """Read-only recipients could restore old versions. There are none; an operation that is added must be listed."""
    operations = {name for name, member in vars(trees.Tree).items() if inspect.isfunction(member)}
    operations = {name for name in operations if not name.startswith("_")}
    assert operations <= set(trees.NEEDED)
    assert all(trees.NEEDED.values())


@pytest.mark.parametrize("path", ["meta/1/v", "versions/einstein/versions/1", "trash-bin/einstein", "uploads/einstein"])
async def test_cve_2016_9462_there_is_no_other_place_where_files_are_changed(stage: Stage, path: str) -> None:
    for base in ("/dav/", "/remote.php/dav/", "/dav/ocm/"):
        for method in ("GET", "PROPFIND", "COPY", "MOVE", "PUT", "DELETE"):
            assert (await stage.cloud.request(method, base + path)).status in (401, 404)


# --- credentials


async def test_cve_2026_45285_a_share_has_one_credential_which_its_owner_sees_and_can_end(pair: list[Server]) -> None:
    """Sharing with a team silently made a public link with all permissions, which the owner could not see."""
    one, two = pair
    one.put("einstein", "work/note.txt", b"e = mc2")
    share_id, _ = await offered(one, two, "work", "read", "write")
    await two.dav("GET", "marie", "Shares/work/note.txt")  # by a token
    await two.dav("PUT", "marie", "Shares/work/new.txt", b"1")
    stored = one.stored()
    assert {row[0] for row in stored["shares"]} == {share_id}
    assert not stored["links"]
    live = [one.rows(shares.get, share_id).secret, *(held.token for held in two.context.reach.tokens.values())]
    assert len(live) == 2
    assert [share["id"] for share in await one.api("GET", "shares", who="einstein")] == [share_id]
    for credential in live:
        assert (await one.request("PROPFIND", "/dav/ocm/", {"Authorization": f"Bearer {credential}"})).status == 207
    await one.api("DELETE", f"shares/{share_id}", who="einstein", status=204)
    for credential in live:
        answer = await one.request("PROPFIND", "/dav/ocm/", {"Authorization": f"Bearer {credential}"})
        assert answer.status in (401, 404)
    assert not one.stored()["tokens"]


@pytest.mark.parametrize("ended", ["by its owner", "with its file", "with the folder above", "by its time", "by a no"])
async def test_cve_2026_45543_no_access_outlives_its_share(pair: list[Server], ended: str) -> None:
    """A collaborator who had been removed kept their access by a share that lingered."""
    one, two = pair
    one.put("einstein", "work/note.txt", b"e = mc2")
    share_id, received_id = await offered(one, two, "work/note.txt", "read", "write", expiration=now(one) + 1_000)
    assert (await two.dav("GET", "marie", "Shares/note.txt")).body == b"e = mc2"
    secret = one.rows(shares.get, share_id).secret
    (held,) = two.context.reach.tokens.values()
    if ended == "by its owner":
        await one.api("DELETE", f"shares/{share_id}", who="einstein", status=204)
    elif ended == "by its time":
        one.context.clock.ahead = 1_001
        one.context.database.write_now(worker._tidy)
    elif ended == "by a no":
        await two.api("POST", f"received/{received_id}/decline", who="marie", status=200)
        await settled(one, two)
    else:
        await one.dav("DELETE", "einstein", "work/note.txt" if "file" in ended else "work")
    one.put("einstein", "work/note.txt", b"another file at the same place")
    for credential in (secret, held.token):
        for method in ("GET", "PUT", "PROPFIND"):
            headers = {"Authorization": f"Bearer {credential}", **DEPTH_0}
            answer = await one.request(method, "/dav/ocm/", headers, b"x" if method == "PUT" else None)
            assert answer.status in (401, 404), method
            assert b"another" not in answer.body
    form = f"grant_type=authorization_code&code={secret}".encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await one.request("POST", "/ocm/token", kind, form)).status == 400
    await settled(one, two)
    assert not [row for row in one.stored()["shares"] if row[0] == share_id and "accepted" in row]


async def test_cve_2026_23989_a_credential_opens_what_is_below_its_root(pair: list[Server]) -> None:
    """The scope of a share was not checked where archives are made (Reva below 2.42.3). Secret and token, links too."""
    one, two = pair
    one.put("einstein", "work/note.txt", b"e = mc2")
    one.put("einstein", "private.txt", b"violin")
    (one.data / "outside").mkdir()
    (one.data / "outside" / "key.txt").write_bytes(b"violin")
    one.file("einstein", "work/file-link").symlink_to(one.file("einstein", "private.txt"))
    one.file("einstein", "work/folder-link").symlink_to(one.data / "outside")
    share_id, _ = await offered(one, two, "work", "read", "write")
    await two.dav("GET", "marie", "Shares/work/note.txt")
    secrets = [one.rows(shares.get, share_id).secret, *(held.token for held in two.context.reach.tokens.values())]
    outside = ["../private.txt", "%2e%2e/private.txt", "..%2fprivate.txt", "file-link", "folder-link",
               "folder-link/key.txt", "?accept=zip", "note.txt/../../private.txt"]  # fmt: skip
    for secret in secrets:
        for path in outside:
            for method in ("GET", "PROPFIND", "PUT", "COPY", "DELETE"):
                headers = {"Authorization": f"Bearer {secret}", "Destination": f"{one.url}/dav/ocm/{share_id}/x"}
                answer = await one.request(method, f"/dav/ocm/{share_id}/{path}", {**headers, **DEPTH_0}, None)
                assert b"violin" not in answer.body, (method, path)
    assert (one.data / "outside" / "key.txt").read_bytes() == one.file("einstein", "private.txt").read_bytes()
    assert one.file("einstein", "private.txt").read_bytes() == b"violin"


# --- who is who


@pytest.mark.parametrize("development", [False, True])
async def test_reva_a3010dfa_tls_is_verified_whatever_the_settings(
    tmp_path: Path, new_sqlite_url: Any, development: bool
) -> None:
    """Reva's discovery did not look at certificates. Here no setting makes it so, development mode neither."""
    ca = authority(tmp_path)
    tls = server_context(tmp_path, ca, "localhost")
    options = {"database_url": new_sqlite_url(), "development": development}
    async with serve(tmp_path / "cloud", **options) as cloud, wire(answering(ok()), tls=tls) as peer:
        resolves(cloud, ["127.0.0.1"])
        network = cloud.context.network
        object.__setattr__(network._policy, "allow_private", True)
        with pytest.raises(Unreachable) as caught:
            await network.request("GET", f"https://localhost:{peer.port}/")
        assert caught.value.message.endswith("its certificate is not trusted.")
        assert peer.heads == []
    assert not [setting.name for setting in config.SETTINGS if re.search("insecure|verify|tls", setting.name)]


async def test_reva_05022700_a_forwarded_header_makes_nobody_of_anybody(stage: Stage) -> None:
    """Reva believed `X-Forwarded-For` where it asks which provider is calling. Here it is no identity, by no route."""
    (row, *_) = stage.cloud.rows(received.listing)
    headers = dict.fromkeys(("X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Forwarded"), stage.sender.host)
    body = encoded(notice(providerId=row.provider_id, notification={}))
    for what in ("notifications", "shares"):
        request = stage.other.unsigned(stage.cloud, what, body if what == "notifications" else stage.body("shares"))
        forged = type(request)("POST", request.url, request.headers | headers, request.body)
        assert (await deliver(stage.cloud, forged)).status in (401, 403, 404)
    assert stage.cloud.rows(received.get, row.id).state == received.PENDING
    assert len(stage.cloud.rows(received.listing)) == 1


async def test_reva_shares_go_who_does_not_sign_is_taken_by_exception_and_shown_so(stage: Stage, strict: Stage) -> None:
    """Reva knew a server by its name and address. Here by its signature; who never signs is marked for all to see."""
    await stage.refuses(stage.sender.unsigned(stage.cloud, "shares", stage.body("shares")), 401)
    stage.other.document.pop("publicKey")
    stage.other.document["capabilities"] = []
    strict.other.document.pop("publicKey")
    strict.other.document["capabilities"] = []
    body = encoded(offer(stage.cloud, stage.other, {}))
    assert (await deliver(stage.cloud, stage.other.unsigned(stage.cloud, "shares", body))).status == 201
    told = await stage.cloud.api("GET", "received", who="einstein")
    assert sorted(row["verified"] for row in told) == ["rfc9421", "unsigned"]
    body = encoded(offer(strict.cloud, strict.other, {}))
    await strict.refuses(strict.other.unsigned(strict.cloud, "shares", body), 401)


# --- libraries for each of which somebody had to write this


async def test_seahub_ocm_via_webdav_secrets_are_random_and_unlike_what_they_open(pair: list[Server]) -> None:
    """There a secret was base64 of the path, or came from `random`."""
    one, two = pair
    secrets = []
    for number in range(5):
        one.put("einstein", f"note{number}.txt", b"e = mc2")
        wanted = {"path": f"note{number}.txt", "shareWith": two.address("marie")}
        share = await one.api("POST", "shares", wanted, who="einstein")
        secrets.append(one.rows(shares.get, share["id"]).secret)
    assert len(set(secrets)) == 5
    assert len({secret[:8] for secret in secrets}) == 5
    assert all(len(secret) * 6 >= 128 and re.fullmatch(r"[\w-]+", secret) for secret in secrets)
    await settled(one, two)
    lines = [*one.log, *two.log]
    assert not [line for line in lines for secret in secrets if secret in line]


async def test_seahub_ocm_via_webdav_only_known_protocols_of_the_sender_itself_are_asked(stage: Stage) -> None:
    """There any host in an unproven message was asked at once. Here nothing in a share makes us ask anybody."""
    async with wire(answering(ok(b"secret"))) as elsewhere:
        uri = f"{elsewhere.url}/dav/x1"
        protocol = {"name": "multi", "webdav": {"uri": uri, "sharedSecret": SECRET, "permissions": ["read"]}}
        body = encoded(offer(stage.cloud, stage.sender, {"providerId": "p77", "protocol": protocol}))
        seen = len(stage.sender.seen)
        assert (await deliver(stage.cloud, stage.sender.signed(stage.cloud, "shares", body))).status == 201
        assert len(stage.sender.seen) == seen
        (row,) = [row for row in stage.cloud.rows(received.listing) if row.provider_id == "p77"]
        await stage.cloud.api("POST", f"received/{row.id}/accept", who="einstein", status=200)
        await settled(stage.cloud)
        await stage.cloud.dav("PROPFIND", "einstein", "Shares/papers")
        assert elsewhere.connections == 0  # the secret goes to the sender, or to nobody


async def test_eosc_dispatcher_778d9e9e_no_body_and_no_secret_is_logged(pair: list[Server]) -> None:
    """There whole shares were logged, unsigned and without a time-out."""
    one, two = pair
    one.put("einstein", "note.txt", b"e = mc2")
    share_id, received_id = await offered(one, two, "note.txt", "read", description="a-word-for-marie")
    await two.dav("GET", "marie", "Shares/note.txt")
    await one.api("DELETE", f"shares/{share_id}", who="einstein", status=204)
    await settled(one, two)
    secret = two.rows(received.get, received_id).secret
    tokens = [held.token for held in two.context.reach.tokens.values()]
    lines = [*one.log, *two.log]
    assert [line for line in lines if "POST /ocm/shares" in line]
    assert not [
        line for line in lines for word in (secret, *tokens, "a-word-for-marie", "sharedSecret") if word in line
    ]


async def test_webapp_shares_no_credential_is_in_an_address(pair: list[Server]) -> None:
    """They went by URLs, which are logged and sent on. Here every address that is asked is free of them."""
    one, two = pair
    one.put("einstein", "work/note.txt", b"e = mc2")
    share_id, received_id = await offered(one, two, "work", "read", "write")
    for method, path in (("GET", "Shares/work/note.txt"), ("PROPFIND", "Shares/work"), ("PUT", "Shares/work/x.txt")):
        await two.dav(method, "marie", path, b"1" if method == "PUT" else None)
    asked = [line.rpartition(":")[0] for line in two.log if " out " in line]
    assert any("/dav/ocm/" in line for line in asked)
    secrets = [two.rows(received.get, received_id).secret, *(held.token for held in two.context.reach.tokens.values())]
    assert not [line for line in asked for secret in secrets if secret in line or "?" in line]
    # And a secret in an address opens nothing.
    for query in (f"?access_token={secrets[0]}", f"?token={secrets[0]}", f"{secrets[0]}/"):
        assert (await one.request("GET", f"/dav/ocm/{query}")).status == 401
        assert (await one.request("GET", f"/dav/ocm/{share_id}/note.txt{query}")).status == 401


async def test_cve_2019_15623_nextcloud_server_51335_nobody_but_the_other_server_hears_of_anything(
    pair: list[Server],
) -> None:
    """The names of all users went to a lookup server, over plain http (nextcloud/server#51335)."""
    one, two = pair
    one.put("einstein", "note.txt", b"e = mc2")
    names = [resolves(cloud, ["127.0.0.1"]) for cloud in pair]
    await offered(one, two, "note.txt")
    assert {name for asked in names for name in asked} == {"localhost"}
    hosts = {line.split("://")[1].split("/")[0] for cloud in pair for line in cloud.log if " out " in line}
    assert hosts == {one.host, two.host}
    for path in ("/.well-known/ocm", "/.well-known/jwks.json", "/ocm-provider/", "/health", "/login",
                 "/api/v1/openapi.json"):  # fmt: skip
        body = (await one.request("GET", path)).body
        assert b"einstein" not in body
        assert b"Albert" not in body


# --- the table


def test_every_advisory_of_the_table_leads_to_a_test_of_its_name() -> None:
    """Each row of `docs/security.md` names tests that there are, and one of them is named after it."""
    rows = re.findall(r"^\| (?!Id|---)(.+?) \| .+ \| (.+?) \|$", (ROOT / "docs/security.md").read_text(), re.MULTILINE)
    assert len(rows) == 22
    for ids, tests in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", tests)
        assert named, ids
        for path, name in named:
            assert f"def {name}(" in (ROOT / path).read_text(), (ids, name)
        for one in ids.split(", "):
            word = re.sub(r"\W+", "_", one.lower()).strip("_")
            assert [name for _, name in named if word in name], one
