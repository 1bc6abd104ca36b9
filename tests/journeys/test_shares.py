"""The main job between two clouds: share, accept, list, read, write, decline, unshare."""

from __future__ import annotations

import json

import pytest
from tests.mesh import settled
from tests.server.dav.multistatus import read

from opencloudmesh.server import outbox, peers, received, shares


async def offered(one, two, path="note.txt", *, accept=True, **values):
    """A share from einstein to marie: its id at the first cloud and at the second."""
    body = {"path": path, "shareWith": two.address("marie"), **values}
    known = {offer["id"] for offer in await two.api("GET", "received", who="marie")}
    share = await one.api("POST", "shares", body, who="einstein", status=201)
    await settled(one, two)
    (offer,) = [offer for offer in await two.api("GET", "received", who="marie") if offer["id"] not in known]
    if accept:
        await two.api("POST", f"received/{offer['id']}/accept", who="marie", status=200)
        await settled(one, two)
    return share["id"], offer["id"]


async def sent(one, share_id):
    return await one.api("GET", f"shares/{share_id}", who="einstein")


async def test_a_file_is_shared_accepted_read_and_written(one, two):
    one.put("einstein", "note.txt", b"e = mc2")
    share_id, received_id = await offered(one, two, permissions=["read", "write"], accept=False)
    assert (await sent(one, share_id))["state"] == "sent"
    offer = await two.api("GET", f"received/{received_id}", who="marie")
    assert offer["state"] == "pending"
    assert (offer["sender"], offer["senderDisplayName"]) == (one.address("einstein"), "Albert Einstein")
    assert offer["verified"] == "rfc9421"
    assert (await two.dav("GET", "marie", "Shares/note.txt")).status == 404

    accepted = await two.api("POST", f"received/{received_id}/accept", who="marie")
    assert (accepted["state"], accepted["path"]) == ("accepted", "Shares/note.txt")
    await settled(one, two)
    told = await sent(one, share_id)
    assert (told["state"], told["recipientDisplayName"]) == ("accepted", "Marie Curie")

    assert (await two.dav("GET", "marie", "Shares/note.txt")).body == b"e = mc2"
    assert (await two.dav("PUT", "marie", "Shares/note.txt", b"E = mc2")).status == 204
    assert one.file("einstein", "note.txt").read_bytes() == b"E = mc2"


async def test_a_folder_is_shared_and_worked_in(one, two):
    one.put("einstein", "work/a.txt", b"a")
    one.put("einstein", "work/deep/b.txt", b"b")
    await offered(one, two, "work", permissions=["read", "write"])
    listed = read(await two.dav("PROPFIND", "marie", "Shares/work", Depth="1"))
    assert [href.rpartition("/Shares/")[2] for href in listed] == ["work/", "work/a.txt", "work/deep/"]
    assert (await two.dav("MKCOL", "marie", "Shares/work/new")).status == 201
    assert (await two.dav("PUT", "marie", "Shares/work/new/c.txt", b"c")).status == 201
    to = f"{two.url}/dav/files/marie/Shares/work/new/a.txt"
    assert (await two.dav("MOVE", "marie", "Shares/work/a.txt", Destination=to)).status == 201
    assert (await two.dav("DELETE", "marie", "Shares/work/deep")).status == 204
    tree = {str(path.relative_to(one.file("einstein", "work"))) for path in one.file("einstein", "work").rglob("*")}
    assert tree == {"new", "new/a.txt", "new/c.txt"}


async def test_what_may_only_be_read_is_not_written_whatever_the_receiver_says(one, two):
    one.put("einstein", "note.txt", b"e = mc2")
    share_id, received_id = await offered(one, two)
    assert (await two.dav("PUT", "marie", "Shares/note.txt", b"nonsense")).status == 403
    secret = two.rows(received.get, received_id).secret
    own = await one.request("PUT", f"/dav/ocm/{share_id}", {"Authorization": f"Bearer {secret}"}, b"nonsense")
    assert own.status == 403
    assert one.file("einstein", "note.txt").read_bytes() == b"e = mc2"


@pytest.mark.parametrize("accept", [False, True])
async def test_a_share_is_declined_and_its_secret_opens_nothing(one, two, accept):
    one.put("einstein", "note.txt", b"e = mc2")
    share_id, received_id = await offered(one, two, accept=accept)
    secret = two.rows(received.get, received_id).secret
    await two.api("POST", f"received/{received_id}/decline", who="marie")
    assert (await two.dav("GET", "marie", "Shares/note.txt")).status == 404
    await settled(one, two)
    assert (await sent(one, share_id))["state"] == "declined"
    for authorization in (
        f"Bearer {secret}",
        "Basic " + __import__("base64").b64encode(f"{secret}:".encode()).decode(),
    ):
        assert (await one.request("GET", "/dav/ocm/", {"Authorization": authorization})).status == 404


async def test_an_unshared_file_is_gone_on_both_sides(one, two):
    one.put("einstein", "note.txt", b"e = mc2")
    share_id, received_id = await offered(one, two)
    secret = two.rows(received.get, received_id).secret
    await one.api("DELETE", f"shares/{share_id}", who="einstein", status=204)
    assert (await one.request("GET", "/dav/ocm/", {"Authorization": f"Bearer {secret}"})).status == 404
    await settled(one, two)
    assert (await two.api("GET", f"received/{received_id}", who="marie"))["state"] == "unshared"
    assert (await two.dav("GET", "marie", "Shares/note.txt")).status == 404
    assert await one.api("GET", "shares", who="einstein") == []


async def test_deleting_the_shared_file_ends_the_share_with_a_notice(one, two):
    one.put("einstein", "work/note.txt", b"e = mc2")
    _, received_id = await offered(one, two, "work/note.txt")
    assert (await one.dav("DELETE", "einstein", "work")).status == 204
    await settled(one, two)
    assert (await two.api("GET", f"received/{received_id}", who="marie"))["state"] == "unshared"


async def test_moving_the_shared_file_keeps_the_share(one, two):
    one.put("einstein", "note.txt", b"e = mc2")
    share_id, _ = await offered(one, two)
    to = f"{one.url}/dav/files/einstein/renamed.txt"
    assert (await one.dav("MOVE", "einstein", "note.txt", Destination=to)).status == 201
    assert (await sent(one, share_id))["path"] == "renamed.txt"
    assert (await two.dav("GET", "marie", "Shares/note.txt")).body == b"e = mc2"


async def test_the_receiver_leaves_a_share_by_deleting_it(one, two):
    one.put("einstein", "note.txt", b"e = mc2")
    share_id, _ = await offered(one, two, permissions=["read", "write"])
    assert (await two.dav("DELETE", "marie", "Shares/note.txt")).status == 204
    await settled(one, two)
    assert (await sent(one, share_id))["state"] == "declined"
    assert one.file("einstein", "note.txt").exists()


async def test_a_recipient_who_does_not_exist_is_told_to_the_sender(one, two):
    one.put("einstein", "note.txt", b"e = mc2")
    body = {"path": "note.txt", "shareWith": two.address("nobody")}
    share = await one.api("POST", "shares", body, who="einstein")
    await settled(one, two)
    told = await sent(one, share["id"])
    assert told["state"] == "failed"
    assert "there is nobody of that name" in told["error"]
    assert two.stored()["received"] == []


async def test_a_server_that_does_not_exist_is_told_to_the_sender_and_tried_again(one):
    one.put("einstein", "note.txt", b"e = mc2")
    share = await one.api("POST", "shares", {"path": "note.txt", "shareWith": "x@localhost:1"}, who="einstein")
    await settled(one)
    told = await sent(one, share["id"])
    assert told["state"] == "pending"
    assert "localhost:1" in told["error"]
    assert [(row.attempts, row.state) for row in one.rows(outbox.everything)] == [(1, "due")]


async def test_what_is_shared_twice_with_one_person_is_refused(one, two):
    one.put("einstein", "note.txt", b"e = mc2")
    body = {"path": "note.txt", "shareWith": two.address("marie")}
    await one.api("POST", "shares", body, who="einstein", status=201)
    await one.api("POST", "shares", body, who="einstein", status=409)
    assert len(one.rows(shares.listing)) == 1


async def test_names_that_are_taken_get_a_number(one, two):
    one.put("einstein", "note.txt", b"1")
    one.put("einstein", "other/note.txt", b"2")
    two.put("marie", "Shares/note.txt", b"her own")
    await offered(one, two)
    body = {"path": "other/note.txt", "shareWith": two.address("marie")}
    await one.api("POST", "shares", body, who="einstein")
    await settled(one, two)
    offer = next(row for row in await two.api("GET", "received", who="marie") if row["state"] == "pending")
    assert (await two.api("POST", f"received/{offer['id']}/accept", who="marie"))["path"] == "Shares/note (3).txt"
    contents = [(await two.dav("GET", "marie", f"Shares/note{number}.txt")).body for number in ("", "%20(2)", "%20(3)")]
    assert contents == [b"her own", b"1", b"2"]


async def test_nobody_sees_or_answers_the_shares_of_another(one, two):
    one.put("einstein", "note.txt", b"e = mc2")
    share_id, received_id = await offered(one, two, accept=False)
    assert await two.api("GET", "received", who="fritz") == []
    for method, path in (("POST", "accept"), ("POST", "decline")):
        await two.api(method, f"received/{received_id}/{path}", who="fritz", status=404)
    await two.api("DELETE", f"received/{received_id}", who="fritz", status=404)
    assert (await two.dav("GET", "marie", "", Authorization="")).status == 401
    assert (await sent(one, share_id))["state"] == "sent"


async def test_both_servers_know_each_other_as_signing(one, two):
    one.put("einstein", "note.txt", b"e = mc2")
    await offered(one, two)
    assert one.rows(peers.get, two.host).signs
    assert two.rows(peers.get, one.host).signs


async def test_no_secret_is_logged_or_shown(one, two):
    one.put("einstein", "note.txt", b"e = mc2")
    share_id, received_id = await offered(one, two, permissions=["read", "write"])
    await two.dav("GET", "marie", "Shares/note.txt")
    secret = one.rows(shares.get, share_id).secret
    shown = json.dumps([await sent(one, share_id), await two.api("GET", f"received/{received_id}", who="marie")])
    assert secret not in shown
    assert not [line for line in one.log + two.log if secret in line]
