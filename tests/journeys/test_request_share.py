"""A person asks somebody at another cloud for a share: by pages, the API and the command line, heard or not."""

from __future__ import annotations

from tests.mesh import settled

from opencloudmesh.server import asked, audit, peers, policy, received, shares


async def test_asked_for_and_shared(one, two, einstein, marie):
    one.put("einstein", "work/radium.csv", b"88")
    url = f"{one.url}/files/work/radium.csv"
    page = await marie.submit("/asked", owner=f" {one.address('einstein')} ", share=url)
    assert "Asked." in page.text
    assert "On its way" in page.text
    await settled(one, two)
    assert "Asked, not answered yet" in (await marie.open("/asked")).text
    assert one.rows(shares.listing) == []

    assert "Requests 1 waiting" in (await einstein.open("/files/")).text
    page = await einstein.open("/requests")
    for words in ("work/radium.csv", f"asked for by {two.address('marie')} signed by their cloud", "by their cloud"):
        assert words in page.text
    page = await einstein.submit(page.form("/requests/.*/grant"), access="write")
    assert "Shared." in page.text
    await settled(one, two)

    (share,) = two.rows(received.listing)
    assert (share.name, share.permissions) == ("radium.csv", ["read", "write"])
    page = await marie.open("/asked")
    assert "Shared with you" in page.text
    (row,) = two.rows(asked.listing, "marie")
    assert row.received == share.id
    page = await marie.submit(page.form("/asked/.*/remove"))
    assert "radium" not in page.text
    assert [(row.direction, row.reason) for row in one.rows(audit.listing, event="request")] == [
        ("in", ""),
        ("here", "granted"),
    ]


async def test_the_same_by_the_api_with_other_shares_in_between(one, two):
    one.put("einstein", "a.txt", b"a")
    one.put("einstein", "b.txt", b"b")
    for name in ("a.txt", "b.txt"):
        wanted = {"owner": one.address("einstein"), "share": f"{one.url}/dav/files/einstein/{name}"}
        row = await two.api("POST", "asked", wanted, who="marie", status=201)
        assert (await two.api("POST", "asked", wanted, who="marie"))["id"] == row["id"]
    await settled(one, two)
    assert {row["state"] for row in await two.api("GET", "asked", who="marie")} == {"delivered"}
    assert await two.api("GET", "asked", who="fritz") == []
    await two.api("DELETE", f"asked/{row['id']}", who="fritz", status=404)
    requests = {row["path"]: row for row in await one.api("GET", "requests", who="einstein")}
    one.put("einstein", "other.txt", b"x")
    await one.api("POST", "shares", {"path": "other.txt", "shareWith": two.address("marie")}, who="einstein")
    granted = await one.api(
        "POST", f"requests/{requests['b.txt']['id']}/grant", {"permissions": ["write"]}, who="einstein"
    )
    await one.api("POST", f"requests/{requests['a.txt']['id']}/refuse", who="einstein")
    await settled(one, two)
    assert one.rows(shares.get, granted["share"]).permissions == ["read", "write"]
    states = {row["share"].rpartition("/")[2]: row["state"] for row in await two.api("GET", "asked", who="marie")}
    assert states == {"a.txt": "delivered", "b.txt": "answered"}


async def test_what_is_not_there_is_told_by_the_other_cloud(one, two):
    await two.api("POST", "asked", {"owner": one.address("einstein"), "share": "nothing"}, who="marie")
    before = one.stored()
    await settled(one, two)
    (row,) = await two.api("GET", "asked", who="marie")
    assert row["state"] == "refused"
    assert "404" in row["error"]
    assert one.stored() == before


async def test_a_cloud_that_is_away_is_asked_again(one, two, clouds):
    two.context.database.write_now(lambda tx: peers.failed(tx, "localhost:1", "away"))
    await two.api("POST", "asked", {"owner": "einstein@localhost:1", "share": "x"}, who="marie")
    await settled(two)
    (row,) = await two.api("GET", "asked", who="marie")
    assert row["state"] == "waiting"
    assert row["error"]
    await two.api("DELETE", f"asked/{row['id']}", who="marie", status=204)
    assert two.stored()["asked"] == two.stored()["outbox"] == []


async def test_nobody_asks_themselves_or_where_the_operator_does_not_want_it(one, two):
    before = two.stored()
    own = {"owner": two.address("marie"), "share": "x"}
    await two.api("POST", "asked", own, who="marie", status=400)
    two.context.database.write_now(lambda tx: policy.put(tx, "outgoing", ("invited",)))
    before = two.stored()
    await two.api("POST", "asked", {"owner": one.address("einstein"), "share": "x"}, who="marie", status=403)
    assert two.stored() == before
    assert two.rows(audit.listing, event="request")[-1].outcome == "refused"
