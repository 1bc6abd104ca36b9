"""New keys while clouds run: what is signed is taken before, during and after, but not from a revoked key."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from tests.journeys.test_shares import offered
from tests.mesh import Server, serve, settled
from tests.peers.base import Peer
from tests.peers.families import start
from tests.peers.nextcloud_endpoints import KEPT
from tests.security.senders import deliver, encoded

from opencloudmesh.protocol import signatures
from opencloudmesh.protocol.keys import SigningKey
from opencloudmesh.protocol.wire import Headers, Request
from opencloudmesh.server import audit, discovery, keys, peers, received
from opencloudmesh.server.cli import main
from opencloudmesh.server.discovery import REFETCH_INTERVAL
from opencloudmesh.server.keys import AHEAD, OVERLAP
from opencloudmesh.server.peers import DOCUMENT_LIFETIME

WEEK = OVERLAP["ed25519"]


def later(seconds: float, *servers: Server) -> None:
    for server in servers:
        server.context.clock.ahead += seconds


def ocm(server: Server, *words: str) -> str:
    """A command beside the running server. It has the clock of the machine."""
    environment = {"OCM_DATA": str(server.data), "OCM_DATABASE_URL": server.context.config.database_url}
    result = CliRunner().invoke(main, words, env=environment | {"OCM_PUBLIC_URL": server.url})
    assert result.exit_code == 0, result.output
    return result.stdout


def revoke(server: Server, named: str) -> None:
    """As the command does, by the clock of the server."""
    keys.revoke(server.data, server.url, named, int(server.context.clock()))


async def shown(server: Server) -> tuple[list[str], str]:
    """The key ids that everybody sees, in short."""
    jwks = json.loads((await server.request("GET", "/.well-known/jwks.json")).body)
    document = json.loads((await server.request("GET", "/.well-known/ocm")).body)
    return [key["kid"].rpartition("-")[2] for key in jwks["keys"]], document["publicKey"]["keyId"].partition("#")[2]


async def max_age(server: Server) -> list[str | None]:
    paths = ("/.well-known/jwks.json", "/.well-known/ocm", "/ocm-provider/")
    return [(await server.request("GET", path)).headers.get("cache-control") for path in paths]


def offer(sender: Server, to: str, number: str) -> bytes:
    """A share as whoever has a key of the sender's would make it up."""
    who = sender.address("einstein")
    return encoded(
        {
            "shareWith": to, "name": "papers", "providerId": number, "resourceType": "file", "shareType": "user",
            "owner": who, "sender": who, "ownerDisplayName": "E", "senderDisplayName": "E",
            "protocol": {"name": "webdav", "options": {"sharedSecret": "made-up-by-somebody", "permissions": "x"}},
        }
    )  # fmt: skip


def signed(key: SigningKey, url: str, body: bytes, now: float, family: signatures.Family = "rfc9421") -> Request:
    request = Request("POST", url, Headers({"Content-Type": "application/json"}), body)
    return signatures.sign(request, key, int(now), family)


async def share(one: Server, two: Server, name: str) -> str:
    """A share from einstein to marie arrives, is accepted and opened; how the sender was known."""
    one.put("einstein", name, b"e = mc2")
    share_id, received_id = await offered(one, two, name)
    assert (await one.api("GET", f"shares/{share_id}", who="einstein"))["state"] == "accepted"
    assert (await two.dav("GET", "marie", f"Shares/{name}")).body == b"e = mc2"
    return two.rows(received.get, received_id).verified


async def test_shares_flow_before_during_and_after_a_rotation(one, two):
    assert await share(one, two, "before.txt") == "rfc9421"
    for server in (one, two):
        ocm(server, "keys", "rotate")
        assert await shown(server) == (["1", "2"], "signature")
    steps = ((0, "1"), (AHEAD - 60, "1"), (120, "2"), (WEEK - 120, "2"), (120, "2"))
    for index, (seconds, number) in enumerate(steps):
        later(seconds, one, two)
        assert [server.context.keys.key_for("rfc9421").kid[-1] for server in (one, two)] == [number] * 2
        assert await share(one, two, f"{index}.txt") == "rfc9421"
    assert await shown(one) == (["2"], "signature-2")
    # In the key set one key went on beside the other; in the document there is only one.
    assert [row.subject for row in two.rows(audit.listing, event="keys", host=one.host)] == ["publicKey"]
    here = [row for row in one.rows(audit.listing, event="keys") if not row.host]
    assert [row.reason for row in here] == ["It was made, and signs in two hours."] * 2


async def test_the_new_key_is_known_before_it_signs_so_that_nobody_has_to_look_twice(one, two, monkeypatch):
    monkeypatch.setattr(discovery, "REFETCH_INTERVAL", 10**9)
    await share(one, two, "before.txt")  # the peer has just got the key set that has the first key only
    ocm(one, "keys", "rotate")
    later(AHEAD, one, two)
    assert one.context.keys.key_for("rfc9421").kid.endswith("-2")
    assert await share(one, two, "after.txt") == "rfc9421"


async def test_a_rotation_at_once_is_caught_up_with_by_one_more_look(one, two):
    await share(one, two, "before.txt")
    ocm(one, "keys", "rotate", "--now")
    assert await shown(one) == (["1", "2"], "signature-2")
    later(REFETCH_INTERVAL, one, two)
    assert await share(one, two, "after.txt") == "rfc9421"


async def test_what_a_revoked_key_signs_is_refused_once_the_peer_has_looked(one, two):
    await share(one, two, "before.txt")
    stolen = one.context.keys.key_for("rfc9421")
    ocm(one, "keys", "revoke", stolen.kid)
    assert await shown(one) == (["2"], "signature")
    assert one.context.keys.key_for("rfc9421").kid != stolen.kid
    later(REFETCH_INTERVAL, one, two)
    assert await share(one, two, "after.txt") == "rfc9421"  # which names a key that is new to the peer: it looks
    before = two.stored()
    answer = await deliver(
        two, signed(stolen, f"{two.url}/ocm/shares", offer(one, two.address("marie"), "x"), two.context.clock())
    )
    assert answer.status == 401
    assert two.stored()["received"] == before["received"]
    assert [(row.host, row.subject) for row in two.rows(audit.listing, event="keys")] == [(one.host, "jwks")]
    assert [row.subject for row in one.rows(audit.listing, event="keys", host="")] == [
        stolen.kid,
        stolen.kid[:-1] + "2",
    ]


async def test_without_a_message_the_peer_looks_after_an_hour(one, two):
    await share(one, two, "before.txt")
    stolen = one.context.keys.key_for("rfc9421")
    ocm(one, "keys", "revoke", stolen.kid)
    later(DOCUMENT_LIFETIME, one, two)
    before = two.stored()["received"]
    message = signed(stolen, f"{two.url}/ocm/shares", offer(one, two.address("marie"), "x"), two.context.clock())
    assert (await deliver(two, message)).status == 401
    assert two.stored()["received"] == before


async def test_what_was_signed_just_before_a_key_is_old_is_still_taken(one, two):
    """It was on its way, or its receiver was down for a moment."""
    await share(one, two, "before.txt")
    key = one.context.keys.key_for("rfc9421")
    message = signed(key, f"{two.url}/ocm/shares", offer(one, two.address("marie"), "x"), two.context.clock())
    ocm(one, "keys", "rotate", "--now")
    two.context.database.write_now(lambda tx: peers.forget(tx, one.host))  # it has nothing but what is shown now
    assert (await deliver(two, message)).status == 201


async def test_what_is_published_is_not_kept_beyond_the_moment_at_which_it_changes(one):
    assert await max_age(one) == ["public, max-age=300"] * 3
    ocm(one, "keys", "rotate")
    later(AHEAD - 200, one)
    ages = [int(line.rpartition("=")[2]) for line in await max_age(one)]
    assert all(100 < age <= 200 for age in ages), ages
    later(200, one)
    assert await max_age(one) == ["public, max-age=300"] * 3


async def test_a_server_that_cannot_read_its_keys_says_nothing_rather_than_what_was(one, two):
    await share(one, two, "before.txt")
    index = one.data / "keys" / "keys.json"
    index.write_text("nonsense")
    for path in ("/.well-known/jwks.json", "/.well-known/ocm"):
        answer = await one.request("GET", path)
        assert (answer.status, b"keys.json" in answer.body) == (503, False)
    one.put("einstein", "after.txt", b"")
    sent = await one.api("POST", "shares", {"path": "after.txt", "shareWith": two.address("marie")}, who="einstein")
    await settled(one, two)
    assert (await one.api("GET", f"shares/{sent['id']}", who="einstein"))["state"] == "pending"  # to be tried again
    index.unlink()
    later(3600, one, two)
    await settled(one, two)
    assert (await one.api("GET", f"shares/{sent['id']}", who="einstein"))["state"] == "sent"


# With Nextcloud, which has one RSA key of ours


@pytest.fixture
async def ours(tmp_path):
    async with serve(tmp_path / "ours") as server:
        server.add("einstein")
        yield server


async def share_with(peer: Peer, ours: Server, name: str) -> str:
    """Shares a file with alice there: what became of it."""
    ours.put("einstein", name, b"e = mc2")
    body = {"path": name, "shareWith": f"alice@{peer.host}"}
    sent = await ours.api("POST", "shares", body, who="einstein", status=201)
    await settled(ours)
    return (await ours.api("GET", f"shares/{sent['id']}", who="einstein"))["state"]


def used(peer: Peer) -> str:
    """The key of the last message."""
    return peer.received[-1].headers["Signature"].partition('"')[2].partition('"')[0].partition("#")[2]


@pytest.mark.parametrize("version", ["nextcloud-32", "nextcloud-34"])
async def test_nextcloud_takes_shares_before_during_and_after_a_rotation(ours, version):
    async with await start(version) as peer:
        peer.add_user("alice", "Alice")
        assert (await share_with(peer, ours, "before.txt"), used(peer)) == ("sent", "signature")
        ocm(ours, "keys", "rotate")
        assert (await share_with(peer, ours, "during.txt"), used(peer)) == ("sent", "signature")
        for index, seconds in enumerate((AHEAD, 60, 4 * 86_400, WEEK)):
            later(seconds, ours)
            peer.ahead += seconds
            assert (await share_with(peer, ours, f"{index}.txt"), used(peer)) == ("sent", "signature-2")
        revoke(ours, "rsa-2")
        assert (await share_with(peer, ours, "after.txt"), used(peer)) == ("sent", "signature-3")


async def test_nextcloud_takes_what_a_revoked_key_signs_for_three_days_and_no_longer(ours):
    """Under one key id for all keys it would for ever: it keeps the first key, and asks only for the id."""
    async with await start("nextcloud-32") as peer:
        peer.add_user("alice", "Alice")
        await share_with(peer, ours, "before.txt")
        stolen = ours.context.keys.key_for("cavage")
        revoke(ours, stolen.kid)
        assert (await share_with(peer, ours, "after.txt"), used(peer)) == ("sent", "signature-2")

        async def forged(number: str) -> int:
            url, body = f"{peer.base_url}/index.php/ocm/shares", offer(ours, f"alice@{peer.host}", number)
            return (await deliver(ours, signed(stolen, url, body, ours.context.clock(), "cavage"))).status

        assert await forged("x") == 201
        for seconds in (KEPT + 60, KEPT + 60):
            later(seconds, ours)
            peer.ahead += seconds
            assert await forged("y") == 400
            assert (await share_with(peer, ours, f"{peer.ahead}.txt"), used(peer)) == ("sent", "signature-2")
        assert [offer.name for offer in peer.inbox("alice")].count("papers") == 1
