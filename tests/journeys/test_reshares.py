"""Sharing on, between three clouds: einstein has it, marie shares it on, fritz gets it.

Either einstein's cloud gives it to fritz, as marie's asks, or marie's does and fetches it at einstein's.
"""

from __future__ import annotations

import json

import pytest
from tests.browsing import Browser
from tests.mesh import basic, mesh, settled
from tests.server.dav.multistatus import read

from opencloudmesh.server import audit, news, outbox, peers, policy, received, rules, schema, shares, worker

EVERYTHING = ["read", "write", "share"]


@pytest.fixture
async def clouds(new_database_url, tmp_path):
    names = ("One", "Two", "Three")
    urls = [new_database_url() for _ in names]
    async with mesh(tmp_path, *({"provider": name} for name in names), urls=urls) as servers:
        for server, who in zip(servers, ("einstein", "marie", "fritz"), strict=True):
            server.add(who, name=who.title())
        servers[0].put("einstein", "work/note.txt", b"e = mc2")
        servers[0].put("einstein", "work/deep/a.txt", b"a")
        servers[0].put("einstein", "other.txt", b"other")
        yield servers


async def given(clouds, path="work", permissions=EVERYTHING, **values):
    """A share from einstein to marie, accepted: its id at both."""
    one, two, _ = clouds
    body = {"path": path, "shareWith": two.address("marie"), "permissions": permissions, **values}
    share = await one.api("POST", "shares", body, who="einstein", status=201)
    await settled(one, two)
    mount = await taken(two, "marie")
    await settled(one, two)
    return share["id"], mount


async def taken(cloud, who):
    """The newest offer is accepted."""
    offer = next(row for row in await cloud.api("GET", "received", who=who) if row["state"] == "pending")
    await cloud.api("POST", f"received/{offer['id']}/accept", who=who, status=200)
    return offer["id"]


async def shared_on(clouds, path="Shares/work", permissions=EVERYTHING, *, accept=True, status=201, **values):
    """marie shares on with fritz: the share at hers, and the offer at his."""
    _, two, three = clouds
    body = {"path": path, "shareWith": three.address("fritz"), "permissions": permissions, **values}
    share = await two.api("POST", "shares", body, who="marie", status=status)
    if status != 201:
        return share
    await settled(*clouds)
    return share["id"], await taken(three, "fritz") if accept else None


async def at(cloud, who, share_id, status=200):
    return await cloud.api("GET", f"shares/{share_id}", who=who, status=status)


async def offer_of(cloud, who, received_id):
    return await cloud.api("GET", f"received/{received_id}", who=who)


async def reads(three, place="work/note.txt"):
    answer = await three.dav("GET", "fritz", f"Shares/{place}")
    return answer.body if answer.status == 200 else answer.status


# By the owner's cloud


async def test_the_owners_cloud_gives_it_and_the_owner_sees_the_whole_tree(clouds):
    one, two, three = clouds
    share_id, _ = await given(clouds)
    mine, his = await shared_on(clouds, permissions=["read"], description="Look.")
    await settled(*clouds)
    assert (await at(two, "marie", mine))["state"] == "passed-on"
    first, second = sorted(await one.api("GET", "shares", who="einstein"), key=lambda row: row["parent"] or "")
    assert (first["id"], first["parent"], first["sharedBy"]) == (share_id, None, None)
    assert (second["parent"], second["sharedBy"], second["shareWith"]) == (
        share_id, two.address("marie"), three.address("fritz"),
    )  # fmt: skip
    assert (second["state"], second["permissions"], second["description"]) == ("accepted", ["read"], "Look.")
    offer = await offer_of(three, "fritz", his)
    assert (offer["sender"], offer["owner"], offer["vouchedBy"]) == (one.address("einstein"),) * 2 + (one.host,)
    assert offer["sharedBy"] == two.address("marie")
    assert await reads(three) == b"e = mc2"
    assert (await three.dav("PUT", "fritz", "Shares/work/note.txt", b"x")).status == 403
    assert [row.event for row in one.rows(news.listing, "einstein")].count(news.SHARED_ON) == 1
    assert (await one.dav("GET", "einstein", "work/note.txt")).body == b"e = mc2"
    reasons = [(row.event, row.direction) for row in two.rows(audit.listing)]
    assert ("reshare", "out") in reasons
    told = json.dumps([[str(row) for row in cloud.rows(audit.listing)] for cloud in clouds])
    for row in one.rows(lambda tx: tx.all(schema.shares.select())):
        assert row.secret not in told
        assert not [line for cloud in clouds for line in cloud.log if row.secret in line]


async def test_the_owner_ends_it_for_all_by_ending_the_first(clouds):
    one, two, three = clouds
    share_id, _ = await given(clouds)
    mine, his = await shared_on(clouds)
    assert await reads(three) == b"e = mc2"
    await one.api("DELETE", f"shares/{share_id}", who="einstein", status=204)
    assert await reads(three) != b"e = mc2"  # though nobody has been told
    assert one.rows(lambda tx: tx.all(schema.tokens.select())) == []
    await settled(*clouds)
    assert (await offer_of(three, "fritz", his))["state"] == "unshared"
    assert two.rows(shares.get, mine).state == "unshared"
    assert [cloud.rows(outbox.everything) for cloud in clouds] == [[], [], []]


async def test_the_owner_ends_the_reshare_alone(clouds):
    one, two, three = clouds
    share_id, mount = await given(clouds)
    mine, his = await shared_on(clouds)
    (child,) = [row for row in one.rows(shares.listing) if row.parent]
    await one.api("DELETE", f"shares/{child.id}", who="einstein", status=204)
    await settled(*clouds)
    assert (await offer_of(three, "fritz", his))["state"] == "unshared"
    assert two.rows(shares.get, mine).state == "unshared"
    assert (await at(one, "einstein", share_id))["state"] == "accepted"
    assert (await offer_of(two, "marie", mount))["state"] == "accepted"


@pytest.mark.parametrize("how", ["stops", "leaves", "goes"])
async def test_who_shared_it_on_takes_it_back(clouds, how):
    one, two, three = clouds
    _, mount = await given(clouds)
    mine, his = await shared_on(clouds)
    if how == "stops":
        await two.api("DELETE", f"shares/{mine}", who="marie", status=204)
    elif how == "leaves":
        await two.api("POST", f"received/{mount}/decline", who="marie", status=200)
    else:
        from opencloudmesh.server import departures

        two.context.database.write_now(lambda tx: departures.person(tx, "marie"))
    await settled(*clouds)
    assert (await offer_of(three, "fritz", his))["state"] == "unshared"
    left = [row.state for row in one.rows(shares.listing)]
    assert left == (["accepted"] if how == "stops" else ["declined"])
    assert await reads(three) == 404


async def test_what_the_owner_narrows_is_narrow_for_all_at_once(clouds):
    one, two, three = clouds
    share_id, _ = await given(clouds)
    mine, his = await shared_on(clouds)
    assert (await three.dav("PUT", "fritz", "Shares/work/note.txt", b"1")).status == 204
    await one.api("PATCH", f"shares/{share_id}", {"permissions": ["read"]}, who="einstein", status=200)
    assert (await three.dav("PUT", "fritz", "Shares/work/note.txt", b"2")).status == 403
    await settled(*clouds)
    assert (await offer_of(three, "fritz", his))["permissions"] == ["read"]
    assert (await at(two, "marie", mine))["permissions"] == ["read"]


async def test_who_shared_it_on_narrows_it_and_hears_what_its_owner_makes_of_it(clouds):
    one, two, three = clouds
    await given(clouds)
    mine, his = await shared_on(clouds)
    await settled(*clouds)
    assert [row.event for row in two.rows(news.listing, "marie")].count(news.ACCEPTED) == 1
    ends = int(one.context.clock()) + 5_000
    less = {"permissions": ["read", "share"], "expiration": ends}
    changed = await two.api("PATCH", f"shares/{mine}", less, who="marie", status=200)
    assert (changed["state"], changed["permissions"], changed["expiration"]) == ("passed-on", ["read", "share"], ends)
    await settled(*clouds)
    assert (await three.dav("PUT", "fritz", "Shares/work/note.txt", b"1")).status == 403
    (child,) = [row for row in one.rows(shares.listing) if row.parent]
    assert (child.permissions, child.expiration) == (["read", "share"], ends)
    seen = await offer_of(three, "fritz", his)
    assert (seen["permissions"], seen["expiration"]) == (["read", "share"], ends)
    before = [cloud.stored() for cloud in clouds]
    for more in ({"permissions": EVERYTHING}, {"expiration": ends + 1}):
        await two.api("PATCH", f"shares/{mine}", more, who="marie", status=400)
    assert [cloud.stored() for cloud in clouds] == before
    await one.api("PATCH", f"shares/{child.id}", {"permissions": ["read", "write"]}, who="einstein", status=200)
    await settled(*clouds)
    assert (await at(two, "marie", mine))["permissions"] == ["read", "write"]
    assert (await three.dav("PUT", "fritz", "Shares/work/note.txt", b"2")).status == 204
    assert [cloud.rows(outbox.everything) for cloud in clouds] == [[], [], []]


async def test_where_the_owners_cloud_cannot_be_told_so_it_is_not_changed(clouds):
    _one, two, _three = clouds
    await given(clouds)
    mine, _ = await shared_on(clouds)
    await settled(*clouds)
    as_nextcloud = {"document": {**two.rows(peers.get, clouds[0].host).document, "provider": "Nextcloud 34"}}
    two.context.database.write_now(lambda tx: tx.run(schema.peers.update().values(**as_nextcloud)))
    before = two.stored()
    refused = await two.api("PATCH", f"shares/{mine}", {"permissions": ["read"]}, who="marie", status=409)
    assert "share it on anew" in refused["message"]
    assert two.stored() == before
    marie = Browser(two)
    await marie.sign_in("marie")
    assert "/change/" not in (await marie.open("/share/Shares/work")).html


@pytest.mark.parametrize("accept", [True, False])
async def test_who_does_not_want_it_is_seen_by_who_shared_it_on_too(clouds, accept):
    one, two, three = clouds
    await given(clouds)
    mine, his = await shared_on(clouds, accept=accept)
    await settled(*clouds)
    his = his or (await three.api("GET", "received", who="fritz"))[0]["id"]
    await three.api("POST", f"received/{his}/decline", who="fritz", status=200)
    await settled(*clouds)
    assert (await at(two, "marie", mine))["state"] == "declined"
    assert [row.event for row in two.rows(news.listing, "marie")].count(news.DECLINED) == 1
    assert sorted(row.state for row in one.rows(shares.listing)) == ["accepted", "declined"]
    await shared_on(clouds)  # who thinks again is asked again
    await settled(*clouds)
    assert await reads(three) == b"e = mc2"


async def test_what_could_not_be_given_is_seen_by_who_shared_it_on(clouds):
    one, two, three = clouds
    await given(clouds)
    body = {"path": "Shares/work", "shareWith": three.address("nobody"), "permissions": EVERYTHING}
    mine = await two.api("POST", "shares", body, who="marie", status=201)
    await settled(*clouds)
    (child,) = [row for row in one.rows(shares.listing) if row.parent]
    assert child.state == "failed"
    assert two.rows(shares.get, mine["id"]).state == "unshared"
    assert [row.event for row in two.rows(news.listing, "marie")].count(news.NOT_ON) == 1


async def test_a_request_that_comes_twice_does_not_give_what_its_owner_has_ended(clouds, monkeypatch):
    """The answer to the first was lost, and meanwhile the owner has ended what it gave."""
    from opencloudmesh.client import peer as client
    from opencloudmesh.protocol.errors import Unavailable

    one, two, three = clouds
    await given(clouds)
    post = client.post

    async def unanswered(network, url, message, sign):
        await post(network, url, message, sign)
        raise Unavailable("lost")

    monkeypatch.setattr(client, "post", unanswered)
    body = {"path": "Shares/work", "shareWith": three.address("fritz"), "permissions": ["read"]}
    mine = await two.api("POST", "shares", body, who="marie", status=201)
    await two.worker.deliver()
    await two.worker.idle()
    monkeypatch.undo()
    (child,) = [row for row in one.rows(shares.listing) if row.parent]
    await one.api("DELETE", f"shares/{child.id}", who="einstein", status=204)
    two.context.clock.ahead = 60
    await settled(*clouds)
    assert two.rows(shares.get, mine["id"]).state == "failed"
    assert "ended" in two.rows(shares.get, mine["id"]).error
    assert [row.id for row in one.rows(shares.listing) if row.parent] == []
    assert [row["state"] for row in await three.api("GET", "received", who="fritz")] in ([], ["unshared"])


async def test_it_is_shared_on_by_the_next_too(clouds):
    one, _two, three = clouds
    one.add("lise")
    share_id, _ = await given(clouds)
    await shared_on(clouds)
    body = {"path": "Shares/work", "shareWith": one.address("lise"), "permissions": ["read"]}
    await three.api("POST", "shares", body, who="fritz", status=201)
    await settled(*clouds)
    depths = {row["shareWith"]: row["sharedBy"] for row in await one.api("GET", "shares", who="einstein")}
    assert depths[one.address("lise")] == three.address("fritz")
    await one.api("DELETE", f"shares/{share_id}", who="einstein", status=204)
    await settled(*clouds)
    assert [row["state"] for row in await one.api("GET", "received", who="lise")] == ["unshared"]


# Through the cloud of who shares it on


@pytest.fixture
async def proxying(clouds, monkeypatch):
    """einstein's cloud answers 501, as most do."""
    from opencloudmesh.protocol.errors import NotSupported
    from opencloudmesh.server import reshares

    def refuse(*_words, **_named):
        raise NotSupported("Notifications of that type are not supported here.")

    monkeypatch.setattr(reshares, "grant", refuse)
    return clouds


async def test_where_the_owners_cloud_refuses_it_leads_through_ours(proxying):
    one, two, three = proxying
    await given(proxying)
    mine, his = await shared_on(proxying, permissions=["read", "write"])
    await settled(*proxying)
    assert (await at(two, "marie", mine))["state"] == "accepted"
    assert len(one.rows(shares.listing)) == 1
    offer = await offer_of(three, "fritz", his)
    assert (offer["sender"], offer["owner"], offer["vouchedBy"]) == (two.address("marie"),) * 2 + (two.host,)
    listed = read(await three.dav("PROPFIND", "fritz", "Shares/work", Depth="1"))
    assert [href.rpartition("/Shares/")[2] for href in listed] == ["work/", "work/deep/", "work/note.txt"]
    assert await reads(three) == b"e = mc2"
    assert await reads(three, "work/deep/a.txt") == b"a"
    assert (await three.dav("PUT", "fritz", "Shares/work/new.txt", b"new")).status == 201
    assert one.file("einstein", "work/new.txt").read_bytes() == b"new"
    to = f"{three.url}/dav/files/fritz/Shares/work/deep/new.txt"
    assert (await three.dav("MOVE", "fritz", "Shares/work/new.txt", Destination=to)).status == 201
    assert (await three.dav("MKCOL", "fritz", "Shares/work/folder")).status == 201
    assert (await three.dav("DELETE", "fritz", "Shares/work/deep")).status == 204
    assert {path.name for path in one.file("einstein", "work").iterdir()} == {"note.txt", "folder"}


async def test_a_part_of_it_is_shared_on_and_nothing_beside_it(clouds):
    one, two, three = clouds
    await given(clouds)
    mine, _ = await shared_on(clouds, "Shares/work/deep", ["read", "write"])
    assert len(one.rows(shares.listing)) == 1  # nobody but our cloud can give a part
    assert await reads(three, "deep/a.txt") == b"a"
    secret = two.rows(shares.get, mine).secret
    headers = {"Authorization": f"Bearer {secret}"}
    for place in ("../note.txt", "%2e%2e/note.txt", "..%2fnote.txt", "/../note.txt", "note.txt", "deep/note.txt"):
        for base in (f"/dav/ocm/{mine}/", "/dav/ocm/"):
            assert (await two.request("GET", base + place, headers)).status in (400, 404), place
            if ".." in place or "%" in place:
                assert (await two.request("PUT", base + place, headers, b"x")).status in (400, 404), place
    assert one.file("einstein", "work/note.txt").read_bytes() == b"e = mc2"
    for method in ("MOVE", "COPY"):
        up = {**headers, "Destination": f"{two.url}/dav/ocm/{mine}/../up.txt"}
        assert (await two.request(method, f"/dav/ocm/{mine}/a.txt", up)).status in (400, 403, 404)
    assert not one.file("einstein", "work/up.txt").exists()
    for method in ("DELETE", "MOVE"):
        away = {**headers, "Destination": f"{two.url}/dav/ocm/{mine}/x"}
        assert (await two.request(method, f"/dav/ocm/{mine}/", away)).status == 403
    assert one.file("einstein", "work/deep/a.txt").exists()


async def test_a_single_file_of_it_is_at_the_root_and_at_its_name(clouds):
    _one, two, three = clouds
    await given(clouds)
    mine, _ = await shared_on(clouds, "Shares/work/note.txt", ["read"])
    assert await reads(three, "note.txt") == b"e = mc2"
    headers = {"Authorization": f"Bearer {two.rows(shares.get, mine).secret}", "Range": "bytes=0-0"}
    for place in ("", f"{mine}", f"{mine}/", f"{mine}/note.txt", "note.txt"):
        answer = await two.request("GET", f"/dav/ocm/{place}", headers)
        assert (answer.status, answer.body) == (206, b"e"), place
    assert (await two.request("GET", f"/dav/ocm/{mine}/deep/a.txt", headers)).status in (404, 503)


ENDS = ["unshared", "declined", "removed", "expired", "gone", "purged", "account", "file"]


@pytest.mark.parametrize("end", ENDS)
async def test_it_ends_with_what_it_leads_through_in_one_step(proxying, end):
    from opencloudmesh.server import departures

    one, two, three = proxying
    ends = int(one.context.clock()) + 1_000
    share_id, mount = await given(proxying, expiration=ends)
    mine, his = await shared_on(proxying, permissions=["read"])
    assert two.rows(shares.get, mine).expiration == ends
    assert await reads(three) == b"e = mc2"
    assert two.rows(lambda tx: tx.all(schema.tokens.select()))
    secret = two.rows(shares.get, mine).secret
    write = two.context.database.write_now
    if end == "unshared":
        await one.api("DELETE", f"shares/{share_id}", who="einstein", status=204)
        await settled(one)
    elif end == "expired":
        for cloud in proxying:
            cloud.context.clock.ahead = 1_001
        write(worker._tidy)
    elif end == "file":
        assert (await two.dav("DELETE", "marie", "Shares/work")).status == 204
    else:
        gestures = {
            "declined": lambda tx: received.decline(tx, mount),
            "removed": lambda tx: received.remove(tx, mount),
            "gone": lambda tx: received.gone(tx, mount),
            "purged": lambda tx: departures.server(tx, one.host),
            "account": lambda tx: departures.person(tx, "marie"),
        }
        write(gestures[end])
    states = [row.state for row in two.rows(lambda tx: tx.all(schema.shares.select()))]
    assert states == ([] if end == "account" else ["expired" if end == "expired" else "unshared"])
    assert two.rows(lambda tx: tx.all(schema.tokens.select())) == []
    headers = {"Authorization": f"Bearer {secret}"}
    assert (await two.request("GET", f"/dav/ocm/{mine}/note.txt", headers)).status in (401, 404)
    await settled(two, three)
    assert (await offer_of(three, "fritz", his))["state"] == "unshared"
    assert one.file("einstein", "work/note.txt").read_bytes() == b"e = mc2"


async def test_it_is_narrowed_with_it_and_ends_when_it_may_not_be_shared_on_any_more(proxying):
    one, two, three = proxying
    share_id, _ = await given(proxying)
    mine, his = await shared_on(proxying)
    assert (await three.dav("PUT", "fritz", "Shares/work/note.txt", b"1")).status == 204
    ends = int(one.context.clock()) + 500
    change = {"permissions": ["read", "share"], "expiration": ends}
    await one.api("PATCH", f"shares/{share_id}", change, who="einstein", status=200)
    assert (await three.dav("PUT", "fritz", "Shares/work/note.txt", b"2")).status == 403
    await settled(*proxying)
    row = two.rows(shares.get, mine)
    assert (row.permissions, row.expiration, row.state) == (["read", "share"], ends, "accepted")
    assert (await offer_of(three, "fritz", his))["permissions"] == ["read", "share"]
    await one.api("PATCH", f"shares/{share_id}", {"permissions": EVERYTHING}, who="einstein", status=200)
    await settled(*proxying)
    assert two.rows(shares.get, mine).permissions == ["read", "share"]
    await one.api("PATCH", f"shares/{share_id}", {"permissions": ["read", "write"]}, who="einstein", status=200)
    await settled(*proxying)
    assert two.rows(shares.get, mine).state == "unshared"
    assert await reads(three) == 404


async def test_at_every_access_counts_what_both_allow(proxying):
    """Also where the notice of a change has not come, or what is stored of the share says more."""
    one, two, three = proxying
    _, mount = await given(proxying, permissions=["read", "share"])
    mine, _ = await shared_on(proxying, permissions=["read"])
    two.context.database.write_now(
        lambda tx: tx.run(schema.shares.update().where(schema.shares.c.id == mine).values(permissions=EVERYTHING))
    )
    assert (await three.dav("PUT", "fritz", "Shares/work/note.txt", b"2")).status == 403
    assert not [line for line in two.log if f"out PUT {one.url}" in line]
    less = {"permissions": ["read"]}
    two.context.database.write_now(
        lambda tx: tx.run(schema.received.update().where(schema.received.c.id == mount).values(**less))
    )
    headers = {"Authorization": f"Bearer {two.rows(shares.get, mine).secret}"}
    assert (await two.request("GET", f"/dav/ocm/{mine}/note.txt", headers)).status == 403


async def test_it_goes_along_when_it_is_moved(proxying):
    _one, two, three = proxying
    await given(proxying)
    mine, _ = await shared_on(proxying, "Shares/work/deep", ["read"])
    place = f"{two.url}/dav/files/marie/"
    assert (await two.dav("MOVE", "marie", "Shares/work/deep", Destination=f"{place}Shares/work/depth")).status == 201
    assert two.rows(shares.get, mine).path == "Shares/work/depth"
    assert (await two.dav("MOVE", "marie", "Shares/work", Destination=f"{place}mine")).status == 201
    assert two.rows(shares.get, mine).path == "mine/depth"
    assert await reads(three, "deep/a.txt") == b"a"
    assert (await two.dav("DELETE", "marie", "mine/depth")).status == 204
    assert two.rows(shares.get, mine).state == "unshared"


async def test_a_second_factor_is_demanded_of_the_next_too(proxying):
    _one, two, three = proxying
    _, _mount = await given(proxying)
    demand = {"requirements": ["must-use-mfa"]}
    two.context.database.write_now(lambda tx: tx.run(schema.received.update().values(**demand)))
    share = await two.api(
        "POST", "shares", {"path": "Shares/work", "shareWith": three.address("fritz")}, who="marie", status=201
    )
    row = two.rows(shares.get, share["id"])
    assert row.requirements == ["must-use-mfa"]


# Refused


@pytest.mark.parametrize(
    ("permissions", "wanted", "status"),
    [
        (["read"], {}, 403),
        (["read", "write"], {}, 403),
        (["read", "share"], {"permissions": ["read", "write"]}, 400),
        (["read", "share"], {"path": "Shares/nothing"}, 400),
        (["read", "share"], {"path": "Shares/work/nothing"}, 400),
        (["read", "share"], {"path": "Shares"}, 403),
        (["read", "share"], {"path": "Shares/../Shares/work"}, 400),
    ],
)
async def test_what_may_not_be_shared_on_is_not(clouds, permissions, wanted, status):
    _one, _two, _three = clouds
    await given(clouds, permissions=permissions)
    before = [cloud.stored() for cloud in clouds]
    await shared_on(clouds, status=status, **{"permissions": ["read"], **wanted})
    await settled(*clouds)
    assert [cloud.stored() for cloud in clouds] == before


async def test_nothing_is_shared_back_nor_for_longer(clouds):
    one, two, three = clouds
    ends = int(one.context.clock()) + 1_000
    await given(clouds, expiration=ends)
    before = [cloud.stored() for cloud in clouds]
    headers = {"Authorization": basic("marie"), "Content-Type": "application/json"}
    for who, more, status in (
        (one.address("einstein"), {}, 409),
        (two.address("marie"), {}, 400),
        (three.address("fritz"), {"expiration": ends + 1}, 400),
    ):
        body = json.dumps({"path": "Shares/work", "shareWith": who, **more}).encode()
        answer = await two.request("POST", "/api/v1/shares", headers, body)
        assert answer.status == status
        if status == 409:
            assert "has it already" in json.loads(answer.body)["message"]
    assert [cloud.stored() for cloud in clouds] == before


async def test_the_operators_decide_about_all(clouds):
    one, two, three = clouds
    await given(clouds)
    deny = {"outgoing": rules.DENY}
    two.context.database.write_now(lambda tx: rules.put(tx, three.host, **deny))
    await shared_on(clouds, status=403)
    two.context.database.write_now(lambda tx: rules.put(tx, three.host, outgoing=rules.ALLOW))
    two.context.database.write_now(lambda tx: rules.put(tx, one.host, **deny))
    await shared_on(clouds, status=403)
    assert two.rows(shares.listing) == []
    two.context.database.write_now(lambda tx: rules.put(tx, one.host, outgoing=rules.ALLOW))
    one.context.database.write_now(lambda tx: policy.put(tx, "outgoing", ()))
    one.context.database.write_now(lambda tx: rules.put(tx, two.host, outgoing=rules.ALLOW))
    _mine, his = await shared_on(clouds)
    assert len(one.rows(shares.listing)) == 1  # einstein's cloud does not deal with fritz's: marie's does it
    assert (await offer_of(three, "fritz", his))["sender"] == two.address("marie")


# What people see


async def test_the_pages_show_who_has_it_and_who_says_so(clouds):
    one, two, three = clouds
    await given(clouds)
    marie, einstein, fritz = Browser(two), Browser(one), Browser(three)
    for browser, who in ((marie, "marie"), (einstein, "einstein"), (fritz, "fritz")):
        await browser.sign_in(who)
    assert "/share/Shares/work" in (await marie.open("/files/Shares")).html
    page = await marie.open("/share/Shares/work")
    assert "Shared with you by" in page.text
    page = await marie.submit("/share/Shares/work", address=three.address("fritz"), access="read", reshare="yes")
    await settled(*clouds)
    page = await marie.open("/share/Shares/work")
    assert "Given by its owner" in page.text
    page = await marie.submit(page.form("/change/.*"), access="read")
    assert "Changed. It counts from now on." in page.text
    await settled(*clouds)
    assert {(*row.permissions,) for row in one.rows(shares.listing) if row.parent} == {("read",)}
    page = await einstein.open("/share/work")
    assert "shared on by" in page.text
    assert two.address("marie") in page.text
    page = await fritz.open("/inbox")
    assert f"Only <bdi>{one.host}</bdi> says who shared it on." in page.html
    page = await marie.submit("/share/Shares/work", address=one.address("einstein"), access="read", status=409)
    assert "has it already" in page.text
