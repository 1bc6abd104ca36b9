"""What the operator decides counts at once, in both directions, and is told to everybody in a sentence."""

from __future__ import annotations

import json

import pytest
from tests.journeys.test_shares import offered, sent
from tests.mesh import settled

from opencloudmesh.protocol.wire import Headers, Request
from opencloudmesh.server import audit, outbox, policy, received, rules, shares


def decide(cloud, name, *words):
    cloud.context.database.write_now(lambda tx: policy.put(tx, name, words))


def rule(cloud, pattern, **values):
    cloud.context.database.write_now(lambda tx: rules.put(tx, pattern, **values))


def reset(cloud, pattern):
    cloud.context.database.write_now(lambda tx: rules.drop(tx, pattern))


def trail(cloud, outcome="refused"):
    return [(row.event, row.direction, row.host, row.reason) for row in cloud.rows(audit.listing)
            if row.outcome == outcome]  # fmt: skip


async def share(cloud, address, status=201):
    return await cloud.api("POST", "shares", {"path": "note.txt", "shareWith": address}, who="einstein", status=status)


@pytest.fixture
def note(one):
    one.put("einstein", "note.txt", b"e = mc2")


async def invite(one, two):
    made = await one.api("POST", "invites", {}, who="einstein", status=201)
    await two.api("POST", "invites/accept", {"invite": made["invite"]}, who="marie", status=201)


@pytest.mark.usefixtures("note")
async def test_a_server_that_is_denied_is_refused_before_it_is_asked_anything(one, two):
    rule(two, one.host, incoming="deny")
    made = await share(one, two.address("marie"))
    await settled(one, two)
    failed = await sent(one, made["id"])
    assert failed["state"] == "failed"
    assert "does not allow contact with" in failed["error"]
    assert two.rows(received.listing) == []
    assert not [line for line in two.log if f"out GET http://{one.host}" in line]
    reason = f"The operator of this cloud does not allow contact with {one.host}."
    assert trail(two) == [("peer", "in", one.host, reason)]


@pytest.mark.usefixtures("note")
async def test_nothing_is_sent_to_a_server_that_is_denied(one, two):
    rule(one, two.host, outgoing="deny")
    told = await share(one, two.address("marie"), 403)
    assert told["message"] == f"The operator of this cloud does not allow contact with {two.host}."
    await settled(one)
    assert one.rows(shares.listing) == []
    assert not [line for line in one.log if "out " in line]
    assert trail(one) == [("share", "out", two.host, told["message"])]
    invitation = await two.api("POST", "invites", {}, who="marie", status=201)
    await one.api("POST", "invites/accept", {"invite": invitation["invite"]}, who="einstein", status=403)
    assert not [line for line in one.log if "out " in line]


@pytest.mark.usefixtures("note")
async def test_a_share_that_waits_is_not_sent_once_its_server_is_denied(one, two):
    made = await share(one, two.address("marie"))
    rule(one, two.host, outgoing="deny")
    await settled(one, two)
    assert (await sent(one, made["id"]))["state"] == "failed"
    assert two.rows(received.listing) == []
    assert [event for event, *_ in trail(one)] == ["share"]


@pytest.mark.parametrize("direction", ["incoming", "outgoing"])
@pytest.mark.usefixtures("note")
async def test_a_live_share_opens_no_more_while_its_server_is_denied(one, two, direction):
    share_id, _ = await offered(one, two)
    rule(one, two.host, **{direction: "deny"})
    assert (await two.dav("GET", "marie", "Shares/note.txt")).status in (403, 502)
    assert one.rows(shares.get, share_id).state == "accepted"
    reason = f"The operator of this cloud does not allow contact with {two.host}."
    assert trail(one) == [("share", "in" if direction == "incoming" else "out", two.host, reason)]
    reset(one, two.host)
    assert (await two.dav("GET", "marie", "Shares/note.txt")).body == b"e = mc2"


@pytest.mark.usefixtures("note")
async def test_a_received_share_of_a_denied_server_is_not_asked_for(one, two):
    await offered(one, two)
    assert (await two.dav("GET", "marie", "Shares/note.txt")).status == 200
    rule(two, one.host, outgoing="deny")
    asked = len([line for line in two.log if "out " in line])
    answer = await two.dav("GET", "marie", "Shares/note.txt")
    assert answer.status == 403
    assert b"does not allow contact" in answer.body
    assert len([line for line in two.log if "out " in line]) == asked
    assert (await two.dav("PROPFIND", "marie", "Shares", Depth="1")).status == 207
    assert (await two.dav("DELETE", "marie", "Shares/note.txt")).status == 204  # leaving is always possible
    reset(two, one.host)


@pytest.mark.usefixtures("note")
async def test_only_invited_people_are_let_through_where_it_is_so(one, two):
    decide(two, "incoming", policy.INVITED)
    document = json.loads((await two.request("GET", "/.well-known/ocm")).body)
    assert "must-invite" in document["criteria"]
    made = await share(one, two.address("marie"))
    await settled(one, two)
    failed = await sent(one, made["id"])
    assert (failed["state"], "exchange an invite first" in failed["error"]) == ("failed", True)
    assert two.rows(received.listing) == []
    await one.api("DELETE", f"shares/{made['id']}", who="einstein")
    await invite(one, two)
    made = await share(one, two.address("marie"))
    other = await share(one, two.address("fritz"))  # who was not invited
    await settled(one, two)
    assert (await sent(one, made["id"]))["state"] == "sent"
    assert (await sent(one, other["id"]))["state"] == "failed"
    assert [(row.account, row.trust) for row in two.rows(received.listing)] == [("marie", policy.INVITED)]


async def test_who_is_not_let_through_does_not_learn_who_exists(one, two):
    """Asked past our own obligations, which would not even send it."""
    decide(two, "incoming")
    answers = set()
    for who in ("marie", "nobody"):
        body = json.dumps(
            {
                "shareWith": two.address(who), "name": "n", "providerId": who, "owner": one.address("einstein"),
                "sender": one.address("einstein"), "shareType": "user", "resourceType": "file",
                "protocol": {"name": "multi", "webdav": {"uri": "x", "sharedSecret": "s3", "permissions": ["read"]}},
            }
        ).encode()  # fmt: skip
        peer = await one.context.lookup.discover(two.host)
        signer = one.context.keys.signer(peer)
        request = signer(Request("POST", f"{two.url}/ocm/shares", Headers({"Content-Type": "application/json"}), body))
        answer = await two.request("POST", "/ocm/shares", dict(request.headers), body)
        answers.add((answer.status, answer.body))
    assert len(answers) == 1
    assert answers.pop()[0] == 403
    assert two.rows(received.listing) == []


@pytest.mark.usefixtures("note")
async def test_shares_of_those_who_are_trusted_are_accepted_without_asking(one, two):
    decide(two, "accept", policy.INVITED)
    await share(one, two.address("fritz"))
    await invite(one, two)
    made = await share(one, two.address("marie"))
    await settled(one, two)
    assert (await sent(one, made["id"]))["state"] == "accepted"
    assert (await two.dav("GET", "marie", "Shares/note.txt")).body == b"e = mc2"
    assert [(row.account, row.state) for row in two.rows(received.listing, "fritz")] == [("fritz", "pending")]


@pytest.mark.usefixtures("note")
async def test_what_crossed_is_in_the_audit_trail_at_both_ends(one, two):
    _, received_id = await offered(one, two)
    secret = two.rows(received.get, received_id).secret
    for cloud, away in ((one, two), (two, one)):
        rows = [row for row in cloud.rows(audit.listing) if row.event != "token"]
        assert {(row.host, row.outcome) for row in rows} == {(away.host, "done")}
        assert not [row for row in rows if secret in str(tuple(row))]
    assert [(row.event, row.direction, row.account) for row in one.rows(audit.listing, event="share")] == [
        ("share", "out", "einstein")
    ]
    (told,) = two.rows(audit.listing, event="share")
    assert (told.direction, told.account, told.who, told.verified) == (
        "in",
        "marie",
        one.address("einstein"),
        "rfc9421",
    )
    assert [row.reason for row in one.rows(audit.listing, event="notification")] == ["SHARE_ACCEPTED"]
    assert not one.rows(outbox.due)
