"""The owner changes what a share grants, or when it ends: it counts from the next access on, whoever has been told."""

from __future__ import annotations

import json
import time
from base64 import b64encode

import aiohttp
import pytest
from tests.journeys.test_shares import offered, sent
from tests.mesh import basic, settled

from opencloudmesh.server import audit, locks, outbox, received, shares, worker


async def change(one, share_id, status=200, **values):
    return await one.api("PATCH", f"shares/{share_id}", values, who="einstein", status=status)


async def taken(one, two, **values):
    one.put("einstein", "note.txt", b"e = mc2")
    return await offered(one, two, **values)


async def test_what_is_granted_counts_from_the_next_access_on_and_is_shown(one, two):
    share_id, received_id = await taken(one, two)
    assert (await two.dav("PUT", "marie", "Shares/note.txt", b"1")).status == 403
    changed = await change(one, share_id, permissions=["read", "write"])
    assert (changed["permissions"], changed["state"]) == (["read", "write"], "accepted")
    assert (await two.dav("PUT", "marie", "Shares/note.txt", b"2")).status == 204  # though nobody has been told
    await settled(one, two)
    assert (await two.api("GET", f"received/{received_id}", who="marie"))["permissions"] == ["read", "write"]
    await change(one, share_id, permissions=["read"])
    assert (await two.dav("PUT", "marie", "Shares/note.txt", b"3")).status == 403
    await settled(one, two)
    assert (await two.api("GET", f"received/{received_id}", who="marie"))["permissions"] == ["read"]
    assert one.file("einstein", "note.txt").read_bytes() == b"2"
    assert one.rows(outbox.everything) == two.rows(outbox.everything) == []


@pytest.mark.parametrize("credential", ["basic", "bearer", "token"])
async def test_no_credential_and_no_open_connection_keeps_what_was_granted(one, two, credential):
    share_id, _ = await taken(one, two, permissions=["read", "write"])
    assert (await two.dav("GET", "marie", "Shares/note.txt")).status == 200
    secret = one.rows(shares.get, share_id).secret
    (held,) = two.context.reach.tokens.values()
    shown = {"basic": "Basic " + b64encode(f"{secret}:".encode()).decode(), "bearer": f"Bearer {secret}"}
    headers = {"Authorization": shown.get(credential, f"Bearer {held.token}")}
    opened, url = [], f"{one.url}/dav/ocm/{share_id}"
    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(lambda *_: _noted(opened))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1), trace_configs=[trace]) as session:

        async def status(method):
            async with session.request(method, url, headers=headers, data=b"x" if method == "PUT" else None) as answer:
                await answer.read()
                return answer.status

        for write in (True, False, True, False):
            await change(one, share_id, permissions=["read", "write"] if write else ["read"])
            assert (await status("PUT"), await status("GET")) == (204 if write else 403, 200)
        await change(one, share_id, expiration=int(one.context.clock()) + 60)
        assert await status("GET") == 200
        one.context.clock.ahead += 61
        assert await status("GET") == 404
    assert len(opened) == 1


async def _noted(opened):
    opened.append(1)


async def test_a_lock_of_who_may_not_write_any_more_is_in_nobodys_way(one, two):
    share_id, _ = await taken(one, two, permissions=["read", "write"])
    lock = b'<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>'
    assert (await one.request("LOCK", f"/dav/ocm/{share_id}", bearer(one, share_id), lock)).status == 200
    assert (await one.dav("PUT", "einstein", "note.txt", b"mine")).status == 423
    await change(one, share_id, permissions=["read"])
    assert one.rows(locks.around, "einstein", "note.txt") == []
    assert (await one.dav("PUT", "einstein", "note.txt", b"mine")).status == 204


def bearer(one, share_id):
    return {"Authorization": f"Bearer {one.rows(shares.get, share_id).secret}"}


async def test_the_end_is_brought_forward_put_off_and_taken_away(one, two):
    now = int(time.time())
    share_id, received_id = await taken(one, two, expiration=now + 1_000)
    for end in (now + 500, now + 2_000, None):
        assert (await change(one, share_id, expiration=end))["expiration"] == end
        await settled(one, two)
        seen = await two.api("GET", f"received/{received_id}", who="marie")
        assert (seen["expiration"], seen["state"], seen["permissions"]) == (end, "accepted", ["read"])
    for cloud in (one, two):
        cloud.context.clock.ahead = 3_000
        cloud.context.database.write_now(worker._tidy)
    assert (await two.dav("GET", "marie", "Shares/note.txt")).body == b"e = mc2"
    assert (await sent(one, share_id))["state"] == "accepted"


async def test_a_share_that_was_prolonged_while_its_receiver_was_away_is_offered_again(one, two):
    now = int(time.time())
    share_id, received_id = await taken(one, two, expiration=now + 100)
    await change(one, share_id, expiration=now + 1_000_000)
    for cloud in (one, two):  # two comes back after the end that it knows of, and tidies up first
        cloud.context.clock.ahead = 200
        cloud.context.database.write_now(worker._tidy)
    assert two.rows(received.get, received_id).state == "expired"
    await settled(one, two)
    assert two.rows(received.get, received_id).state == "pending"
    await two.api("POST", f"received/{received_id}/accept", who="marie", status=200)
    await settled(one, two)
    assert (await two.dav("GET", "marie", "Shares/note.txt")).body == b"e = mc2"
    assert (await sent(one, share_id))["state"] == "accepted"


async def test_what_is_changed_before_it_is_sent_is_sent_so(one, two):
    one.put("einstein", "note.txt", b"e = mc2")
    body = {"path": "note.txt", "shareWith": two.address("marie")}
    share = await one.api("POST", "shares", body, who="einstein", status=201)
    await change(one, share["id"], permissions=["write"])
    assert [row.kind for row in one.rows(outbox.everything)] == ["share"]
    await settled(one, two)
    (offer,) = await two.api("GET", "received", who="marie")
    assert offer["permissions"] == ["read", "write"]
    assert one.rows(audit.listing, event="notification") == []


async def test_a_change_is_told_when_the_peer_is_back_as_it_is_then(one, two):
    share_id, received_id = await taken(one, two)
    for words in (["write"], ["write", "share"], ["share"]):
        await change(one, share_id, permissions=words)
    await settled(one, two)
    assert two.rows(received.get, received_id).permissions == ["read", "share"]


async def test_both_trails_say_what_was_changed_and_no_secret(one, two):
    share_id, received_id = await taken(one, two)
    await change(one, share_id, permissions=["read", "write"])
    await settled(one, two)
    (here,) = [row for row in one.rows(audit.listing, event="share") if row.direction == "here"]
    assert (here.account, here.who, here.subject) == ("einstein", two.address("marie"), share_id)
    assert here.reason == "read, write; until ever"
    for cloud, direction, subject in ((one, "out", share_id), (two, "in", received_id)):
        rows = cloud.rows(audit.listing, event="notification")
        told = [row for row in rows if row.reason == "RESHARE_CHANGE_PERMISSION"]
        assert [(row.direction, row.subject) for row in told] == [(direction, subject)]
    secret = one.rows(shares.get, share_id).secret
    assert secret not in json.dumps([[str(row) for row in cloud.rows(audit.listing)] for cloud in (one, two)])
    assert not [line for line in one.log + two.log if secret in line]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"permissions": []}, 400),
        ({"permissions": ["all"]}, 400),
        ({"permissions": None}, 400),
        ({"expiration": 1}, 400),
        ({"expiration": "never"}, 400),
        ({"mfa": True, "permissions": ["read"]}, 400),
        ([], 400),
    ],
)
async def test_a_wrong_change_changes_nothing_and_tells_nobody(one, two, body, status):
    share_id, _ = await taken(one, two)
    before = one.stored()
    await one.api("PATCH", f"shares/{share_id}", body, who="einstein", status=status)
    for who, path in (("marie", f"shares/{share_id}"), ("marie", f"received/{two.rows(received.listing)[0].id}")):
        headers = {"Authorization": basic(who), "Content-Type": "application/json"}
        answer = await two.request("PATCH", f"/api/v1/{path}", headers, b'{"permissions": ["read", "write"]}')
        assert answer.status in (404, 405)
    assert one.stored() == before


async def test_a_share_that_has_ended_is_not_changed(one, two):
    share_id, received_id = await taken(one, two)
    await two.api("POST", f"received/{received_id}/decline", who="marie", status=200)
    await settled(one, two)
    before = one.stored()
    await change(one, share_id, status=409, permissions=["read", "write"])
    assert one.stored() == before


async def test_the_page_of_a_share_changes_it(one, two, einstein, marie):
    await taken(one, two)
    page = await einstein.open("/share/note.txt")
    page = await einstein.submit(page.form("/change/.*"), access="write", reshare="yes", expires="2099-12-31")
    assert "Changed. It counts from now on." in page.text
    assert "may read and write, may share it on" in page.text
    assert "until 31 Dec 2099" in page.text
    await settled(one, two)
    assert "You may read, write and share it on" in (await marie.open("/inbox")).text
    page = await einstein.submit(page.form("/change/.*"), access="read", expires="")
    assert "until" not in page.text
    (row,) = one.rows(shares.listing)
    assert (row.permissions, row.expiration) == (["read"], None)
    page = await einstein.submit(page.form("/change/.*"), access="write", expires="2001-01-01", status=400)
    assert "Look at the day on which it ends." in page.text
    assert one.rows(shares.listing) == [row]
