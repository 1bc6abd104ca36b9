"""The code flow between two clouds: a secret is exchanged for a token, which dies with its share."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from tests.journeys.test_shares import offered, sent
from tests.mesh import settled

from opencloudmesh.client import peer as client
from opencloudmesh.protocol.discovery import Discovery
from opencloudmesh.protocol.errors import Refused
from opencloudmesh.protocol.tokens import TokenRequest
from opencloudmesh.server import peers, policy, received, rules, schema, shares


async def exchange(one, two, code, *, client_id=None, signed=True):
    """Asks the first cloud for a token as the second one does."""
    peer = await two.context.lookup.discover(one.host)
    signer = two.context.keys.signer(peer) if signed else None
    return await client.exchange(two.context.network, peer, TokenRequest(code, client_id or two.host), signer)


async def opens(one, credential):
    return (await one.request("GET", "/dav/ocm/", {"Authorization": f"Bearer {credential}"})).status


def secret_of(one, share_id):
    return one.rows(shares.get, share_id).secret


async def test_access_goes_by_token_where_the_sender_gives_them(one, two):
    one.put("einstein", "note.txt", b"e = mc2")
    _, received_id = await offered(one, two)
    assert (await two.dav("GET", "marie", "Shares/note.txt")).body == b"e = mc2"
    assert two.rows(received.get, received_id).access["by"] == "token"
    assert len(one.stored()["tokens"]) == 1  # one for all requests


async def test_a_token_is_replaced_before_it_ends(one, two):
    one.put("einstein", "note.txt", b"e = mc2")
    await offered(one, two)
    (held,) = two.context.reach.tokens.values()
    two.context.reach.tokens[next(iter(two.context.reach.tokens))] = type(held)(held.token, 0.0)
    assert (await two.dav("GET", "marie", "Shares/note.txt")).status == 200
    assert len(one.stored()["tokens"]) == 2


async def test_a_token_that_has_ended_is_replaced_at_once(one, two):
    one.put("einstein", "note.txt", b"e = mc2")
    await offered(one, two)
    one.context.clock.ahead = two.context.clock.ahead = 3600  # the second cloud holds its token still
    assert (await two.dav("GET", "marie", "Shares/note.txt")).body == b"e = mc2"


async def test_where_tokens_are_demanded_the_secret_opens_nothing(one, two):
    one.put("einstein", "note.txt", b"e = mc2")
    share_id, _ = await offered(one, two)
    one.context.database.write_now(lambda tx: shares.demand(tx, share_id, frozenset({"must-exchange-token"})))
    assert await opens(one, secret_of(one, share_id)) == 401
    assert await opens(one, (await exchange(one, two, secret_of(one, share_id))).access_token) == 200
    assert (await two.dav("GET", "marie", "Shares/note.txt")).body == b"e = mc2"


async def test_tokens_die_with_their_share_in_the_same_transaction(one, two):
    one.put("einstein", "note.txt", b"e = mc2")
    share_id, _ = await offered(one, two)
    token = (await exchange(one, two, secret_of(one, share_id))).access_token
    assert await opens(one, token) == 200
    await one.api("DELETE", f"shares/{share_id}", who="einstein", status=204)
    assert one.stored()["tokens"] == []
    assert await opens(one, token) == 401


async def test_tokens_live_beside_each_other(one, two):
    one.put("einstein", "note.txt", b"e = mc2")
    share_id, _ = await offered(one, two)
    tokens = [(await exchange(one, two, secret_of(one, share_id))).access_token for _ in range(3)]
    assert [await opens(one, token) for token in tokens] == [200, 200, 200]
    assert not [line for line in one.log + two.log if any(token in line for token in tokens)]


async def test_a_token_ends(one, two):
    one.put("einstein", "note.txt", b"e = mc2")
    share_id, _ = await offered(one, two)
    given = await exchange(one, two, secret_of(one, share_id))
    one.context.clock.ahead = given.expires_in + 1
    assert await opens(one, given.access_token) == 401


@pytest.mark.parametrize(
    ("form", "error", "status"),
    [
        ({}, "invalid_request", 400),
        ({"grant_type": "authorization_code"}, "invalid_request", 400),
        ({"grant_type": "password", "code": "x"}, "unsupported_grant_type", 400),
        ({"grant_type": "authorization_code", "code": "wrong"}, "invalid_grant", 400),
    ],
)
async def test_every_refusal_has_its_oauth_name(one, form, error, status):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await one.request("POST", "/ocm/token", headers, urlencode(form).encode())
    assert (answer.status, json.loads(answer.body)["error"]) == (status, error)
    assert answer.headers.get("cache-control") == "no-store"
    assert one.stored()["tokens"] == []


async def test_a_code_is_good_only_for_the_server_that_it_was_given_to(one, two):
    one.put("einstein", "note.txt", b"e = mc2")
    body = {"path": "note.txt", "shareWith": "marie@elsewhere.example"}
    share = await one.api("POST", "shares", body, who="einstein", status=201)
    with pytest.raises(Exception, match="401"):
        await exchange(one, two, secret_of(one, share["id"]))
    assert one.stored()["tokens"] == []


async def test_who_signs_must_sign_for_a_token_too(one, two):
    one.put("einstein", "note.txt", b"e = mc2")
    share_id, _ = await offered(one, two)
    before = one.stored()
    with pytest.raises(Exception, match="401"):
        await exchange(one, two, secret_of(one, share_id), signed=False)
    with pytest.raises(Exception, match="401"):
        await exchange(one, two, secret_of(one, share_id), client_id="other.example")
    assert one.stored() == before


async def test_who_may_not_have_one_is_told_so_by_its_oauth_name(one, two):
    one.put("einstein", "note.txt", b"e = mc2")
    share_id, _ = await offered(one, two)
    before = one.stored()["tokens"]

    async def refused(error, status, **named):
        with pytest.raises(Refused) as caught:
            await exchange(one, two, secret_of(one, share_id), **named)
        assert (json.loads(caught.value.body)["error"], caught.value.peer_status) == (error, status)
        assert one.stored()["tokens"] == before

    await refused("invalid_client", 401, signed=False)
    await refused("invalid_client", 401, client_id="other.example")
    one.context.database.write_now(lambda tx: rules.put(tx, two.host, incoming="deny"))
    await refused("unauthorized_client", 400)


@pytest.mark.parametrize("wish", [policy.POSSIBLE, policy.ALWAYS])
async def test_the_operator_wishes_that_tokens_are_demanded(one, two, wish):
    one.put("einstein", "note.txt", b"e = mc2")
    one.context.database.write_now(lambda tx: policy.put(tx, "tokens", (wish,)))
    share_id, received_id = await offered(one, two)
    assert one.rows(shares.get, share_id).requirements == ["must-exchange-token"]
    assert two.rows(received.get, received_id).requirements == ["must-exchange-token"]
    assert await opens(one, secret_of(one, share_id)) == 401
    assert (await two.dav("GET", "marie", "Shares/note.txt")).body == b"e = mc2"
    knows_no_tokens(one, two.host)
    body = {"path": "note.txt", "shareWith": two.address("fritz")}
    share = await one.api("POST", "shares", body, who="einstein", status=201)
    await settled(one, two)
    offers = await two.api("GET", "received", who="fritz")
    if wish == policy.POSSIBLE:
        assert (await sent(one, share["id"]))["state"] == "sent"
        assert one.rows(shares.get, share["id"]).requirements == []
    else:
        assert offers == []
        failed = await sent(one, share["id"])
        assert (failed["state"], "the operator of this cloud demands" in failed["error"]) == ("failed", True)


def knows_no_tokens(cloud, host):
    """What is known of a server says that it cannot exchange tokens."""
    document = cloud.rows(peers.get, host).document
    known = [word for word in document["capabilities"] if word != "exchange-token"]
    changed = {"document": {**document, "capabilities": known}}
    cloud.context.database.write_now(lambda tx: tx.run(schema.peers.update().values(**changed)))


async def test_a_peer_that_demands_tokens_gets_a_share_that_demands_them(one, two, monkeypatch):
    one.put("einstein", "note.txt", b"e = mc2")
    ask = one.context.lookup.discover

    async def discover(host, **more):
        peer = await ask(host, **more)
        return Discovery.read({**peer.document, "criteria": ["must-exchange-token"]}, peer.base_url)

    monkeypatch.setattr(type(one.context.lookup), "discover", lambda _self, host, **more: discover(host, **more))
    share_id, received_id = await offered(one, two, accept=False)
    assert one.rows(shares.get, share_id).requirements == ["must-exchange-token"]
    assert two.rows(received.get, received_id).requirements == ["must-exchange-token"]
    monkeypatch.undo()
    assert await opens(one, secret_of(one, share_id)) == 401
    await two.api("POST", f"received/{received_id}/accept", who="marie")
    await settled(one, two)
    assert (await two.dav("GET", "marie", "Shares/note.txt")).body == b"e = mc2"
    assert (await sent(one, share_id))["state"] == "accepted"
