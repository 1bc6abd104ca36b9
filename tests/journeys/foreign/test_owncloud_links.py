"""Public links in ownCloud 10's own way, where the operator wants it (`owncloud_links`): a token is mounted."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tests.browsing import Browser
from tests.journeys.foreign.conftest import OURS, THEIRS
from tests.journeys.foreign.test_public_links import ours
from tests.mesh import serve, settled
from tests.peers.links import CREATE, OwncloudLinks
from tests.peers.owncloud import OwnCloud
from tests.peers.values import AccessError, Answer, ShareError, ShareGoneError
from tests.server.dav.multistatus import OC, read

from opencloudmesh.server import audit, limits, policy, public_links, received, rules

PERMISSIONS = (
    b'<d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop><oc:permissions/></d:prop></d:propfind>'
)


@pytest.fixture
async def cloud(tmp_path, cloud_url):
    async with serve(tmp_path / "ours", database_url=cloud_url, provider="Ours", owncloud_links=True) as server:
        server.add(OURS, name="Marie Curie")
        yield server


@pytest.fixture
async def other():
    async with await OwnCloud.start() as peer:
        peer.add_user(THEIRS, "Alice")
        peer.put_file(THEIRS, "work/theirs.txt", b"theirs")
        yield peer


@pytest.fixture
def their_links(other):
    return OwncloudLinks(other)


async def led(cloud, other, token, password=""):
    """Where a browser goes on whose user has said, on the page of our link, which ownCloud is theirs."""
    visitor = Browser(cloud)
    if password:
        await visitor.submit(f"/s/{token}/password", password=password)
    page = await visitor.submit(f"/s/{token}/add", address=other.base_url)
    (there,) = [link for link in page.links if link.startswith(other.base_url)]
    return there


async def names(mount):
    return [entry.href.rpartition("/")[2] for entry in await mount.list()]


# Ours taken to theirs


async def test_its_user_mounts_what_a_link_of_ours_shows(cloud, other, their_links):
    link, token = await ours(cloud, password="open sesame")
    before, there = cloud.stored(), await led(cloud, other, token, "open sesame")
    assert "owner=Marie%20Curie" in there
    for wrong in ("", "guess"):
        with pytest.raises(ShareError, match="password might be wrong"):
            await their_links.add(THEIRS, there, wrong)
    with pytest.raises(ShareError):
        await their_links.add(THEIRS, there.replace(token, token[:-1]), "open sesame")
    assert other.inbox(THEIRS) == []
    mount = await their_links.add(THEIRS, there, "open sesame")
    assert await names(mount) == ["ours.txt"]
    assert await mount.read("ours.txt") == b"ours"
    with pytest.raises(AccessError):
        await mount.write("new.txt", b"x")
    assert [key for key, rows in cloud.stored().items() if rows != before[key]] == ["links"], "but for its counters"
    await cloud.api("PATCH", f"links/{link['id']}", {"mode": "edit"}, who=OURS)
    await mount.write("new.txt", b"by alice")
    assert cloud.file(OURS, "work/new.txt").read_bytes() == b"by alice"
    await cloud.api("DELETE", f"links/{link['id']}", who=OURS, status=204)
    with pytest.raises(ShareGoneError):
        await mount.list()
    assert other.inbox(THEIRS) == []
    assert not [line for line in cloud.log if token in line or "sesame" in line]


@pytest.mark.parametrize("mode", ["upload", "ask"])
async def test_what_shows_nothing_is_not_led_there(cloud, other, mode):
    _, token = await ours(cloud, mode)
    page = await Browser(cloud).submit(f"/s/{token}/add", 400 if mode == "upload" else 200, address=other.host)
    assert not [link for link in page.links if other.host in link]


async def test_what_is_no_cloud_leads_nowhere(cloud, other):
    _, token = await ours(cloud)
    for wrong in ("", "javascript:alert(1)", "a b", "//", "https://x/?y", "x" * 5000, cloud.host + "/%"):
        page = await Browser(cloud).submit(f"/s/{token}/add", 400, address=wrong)
        assert not [link for link in page.links if "remote=" in link]
    page = await Browser(cloud).submit(f"/s/{token}/add", address=other.address(THEIRS))
    assert "on its way" in page.text, "an address is shared with, as ever"


async def test_what_passes_never_ends_what_is_mounted_there(cloud, other, their_links):
    """With `/ocs-provider/` a 404 is final there, and a 401 always is."""
    _, token = await ours(cloud)
    await their_links.add(THEIRS, await led(cloud, other, token))
    body = {"path": "work", "shareWith": other.address(THEIRS)}
    share = await cloud.api("POST", "shares", body, who=OURS, status=201)
    await settled(cloud)
    offers = other.inbox(THEIRS)
    await other.accept(THEIRS, offers[1].id)
    mounts = [other.mount(THEIRS, offer.id) for offer in offers]

    async def away(status=503):
        for mount in mounts:
            for ask in (mount.list, mount.stat, lambda mount=mount: mount.read("ours.txt")):
                with pytest.raises(AccessError) as caught:
                    await ask()
                assert (type(caught.value), caught.value.status) == (AccessError, status)
        assert other.inbox(THEIRS) == offers

    for lost in ("files", f"files/{OURS}", f"files/{OURS}/work"):
        there = cloud.data / lost
        there.rename(cloud.data / "elsewhere")
        await away()
        if there.exists():
            there.rmdir()
        (cloud.data / "elsewhere").rename(there)
        assert [await names(mount) for mount in mounts] == [["ours.txt"]] * 2
    await cloud.api("DELETE", f"shares/{share['id']}", who=OURS, status=204)
    with pytest.raises(ShareGoneError):
        await mounts[1].list()
    offers.pop(1), mounts.pop(1)
    cloud.context.database.close()
    await away()


async def test_ownclouds_link_pages_find_this_cloud(cloud, their_links):
    token = their_links.create(THEIRS, "work")
    assert await their_links.lead(cloud.host, token) == their_links.led_to(cloud.url, token)
    for path in ("/ocs-provider/", "/ocs-provider/index.php"):
        answer = await cloud.request("GET", path)
        assert (answer.status, json.loads(answer.body)) == (200, {"version": 2, "services": {}})
    assert (await cloud.request("GET", "/status.php")).status == 404, "else they would ask for more"


# Theirs taken to ours


def posted(other):
    """Where we have sent anything but questions: a message about a link would be among it."""
    return {done.url.partition(other.host)[2] for done in other.received if done.method == "POST"}


async def taken(cloud, link, password="", status=202):
    body = {"link": link, "password": password}
    return await cloud.api("POST", "received/from-link", body, who=OURS, status=status)


async def test_a_person_of_ours_keeps_what_their_link_shows(cloud, other, their_links):
    token = their_links.create(THEIRS, "work", password="open sesame")
    marie, led_here = Browser(cloud), their_links.led_to(cloud.url, token)
    await marie.sign_in(OURS)
    before = cloud.stored()
    for wrong, why in (("", "it has a password"), ("guess", "its password is another")):
        page = await marie.submit("/add", 403, link=led_here, password=wrong)
        assert why in page.text
        assert f'value="{wrong}"' not in page.html or not wrong
    await taken(cloud, led_here.replace(token, token[:-1]), "open sesame", 403)
    assert cloud.stored() == before
    page = await marie.submit("/add", link=led_here, password="open sesame")
    assert "as long as the link leads anywhere" in page.text
    assert f"from a public link of {other.host}; it belongs to alice {other.address(THEIRS)}" in page.text
    assert "Only the link says who it belongs to." in page.text
    (row,) = await cloud.api("GET", "received", who=OURS)
    assert (row["sender"], row["owner"], row["vouchedBy"]) == (None, other.address(THEIRS), other.host)
    assert (row["state"], row["verified"], row["permissions"], row["path"]) == (
        "accepted", "link", ["read"], "Shares/work",
    )  # fmt: skip
    assert (row["mfa"], row["expiration"], row["trust"]) == (False, None, "stranger")
    assert (await cloud.dav("GET", OURS, "Shares/work/theirs.txt")).body == b"theirs"
    assert (await cloud.dav("PUT", OURS, "Shares/work/new.txt", b"x")).status == 403
    again = await taken(cloud, led_here, "open sesame")
    assert again == {"host": other.host, "received": row["id"]}
    assert len(await cloud.api("GET", "received", who=OURS)) == 1
    for address in ("pierre@nowhere.example", other.address(THEIRS)):
        body = {"path": "Shares/work", "shareWith": address}
        await cloud.api("POST", "shares", body, who=OURS, status=403)
    assert await cloud.api("GET", "contacts", who=OURS) == []
    page = await marie.submit("/delete/Shares/work")
    assert "Taken off the list." in page.text
    assert (await cloud.dav("GET", OURS, "Shares/work/theirs.txt")).status == 404
    await settled(cloud)
    after = {name: rows for name, rows in cloud.stored().items() if name not in ("sessions", "accounts")}
    assert after == {name: rows for name, rows in before.items() if name in after}, "nothing of it stays"
    assert posted(other) == {CREATE}
    told = [(done.event, done.direction, done.outcome, done.verified) for done in cloud.rows(audit.listing)]
    assert told.count(("share", "in", "done", "link")) == 1
    assert not [word for word in (token, "sesame") if word in str(cloud.rows(audit.listing)) + str(cloud.log)]


async def test_it_is_written_where_the_link_lets_and_ends_with_the_link(cloud, other, their_links):
    token = their_links.create(THEIRS, "work", write=True)
    received_id = (await taken(cloud, their_links.page(token)))["received"]
    (row,) = await cloud.api("GET", "received", who=OURS)
    assert (row["name"], row["owner"], row["permissions"]) == (other.host, None, ["read", "write"])
    place = row["path"]
    file = their_links.led_to(cloud.url, their_links.create(THEIRS, "work/theirs.txt", write=True))
    await taken(cloud, file)
    assert (await cloud.dav("GET", OURS, "Shares/theirs.txt")).body == b"theirs"
    for path in (place, f"{place}/theirs.txt", "Shares/theirs.txt"):
        (told,) = read(await cloud.dav("PROPFIND", OURS, path, PERMISSIONS, Depth="0")).values()
        assert "R" not in told[f"{OC}permissions"].text, "it is not shared on, whatever ownCloud says"
    await cloud.dav("DELETE", OURS, "Shares/theirs.txt")
    assert other.file(THEIRS, "work/theirs.txt") == b"theirs"
    assert (await cloud.dav("PUT", OURS, f"{place}/new.txt", b"by marie")).status == 201
    assert other.file(THEIRS, "work/new.txt") == b"by marie"
    link = their_links.links.pop(token)
    their_links.links[token] = replace(link, write=False)
    await cloud.dav("PROPFIND", OURS, place, Depth="0")
    assert (await cloud.api("GET", f"received/{received_id}", who=OURS))["permissions"] == ["read"]
    their_links.links[token] = replace(link, password="new")
    assert (await cloud.dav("GET", OURS, f"{place}/new.txt")).status == 404
    assert (await cloud.api("GET", f"received/{received_id}", who=OURS))["state"] == "accepted", "it is looked at again"
    cloud.context.clock.ahead += received.CONFIRM_AFTER
    await settled(cloud)
    assert (await cloud.api("GET", f"received/{received_id}", who=OURS))["state"] == "unshared"
    (news,) = [each for each in await cloud.api("GET", "notifications", who=OURS) if each["event"] == "link-gone"]
    assert news["text"] == f"“{other.host}”, which you took from a public link of {other.host}, is not there any more."
    anew = await taken(cloud, their_links.page(token), "new")
    (row,) = await cloud.api("GET", "received", who=OURS)
    assert (row["id"], row["state"]) == (anew["received"], "accepted")
    await cloud.api("POST", f"received/{row['id']}/decline", who=OURS, status=200)
    assert await cloud.api("GET", "received", who=OURS) == []
    assert posted(other) == {CREATE}


async def test_what_cannot_be_taken_leaves_nothing(cloud, other, their_links, stranger):
    drop, good = their_links.create(THEIRS, "work", read=False, write=True), their_links.create(THEIRS, "work")
    before = cloud.stored()
    assert "only upload" in (await taken(cloud, their_links.page(drop), status=403))["message"]
    await taken(cloud, their_links.page("nothing"), status=403)
    await taken(cloud, f"http://{stranger.host}/s/{good}", status=403)
    await taken(cloud, f"http://localhost:9/s/{good}", status=502)
    cloud.context.database.write_now(lambda tx: policy.put(tx, "incoming", ("directory", "invited")))
    assert "not among the servers" in (await taken(cloud, their_links.page(good), status=403))["message"]
    cloud.context.database.write_now(lambda tx: policy.put(tx, "incoming", ("stranger",)))
    after = cloud.stored()
    assert {name: rows for name, rows in after.items() if name != "policy"} == {
        name: rows for name, rows in before.items() if name != "policy"
    }
    assert not [row for row in cloud.rows(audit.listing) if row.event == "share" and row.outcome == "done"]


async def test_the_link_is_opened_only_where_no_share_is_to_be_had(cloud, other, their_links):
    """Whatever a server says that does not know Nextcloud's message; a refusal by one that does counts."""
    for status in (200, 302, 401, 403, 404, 405, 501, 400, 429, 500):

        async def unknown(_call, status=status):
            return Answer(status, b"<html>")

        other.routes["POST", CREATE] = unknown
        before, token, heard = cloud.stored(), their_links.create(THEIRS, "work"), len(other.received)
        refused = {400: 403, 429: 503, 500: 503}.get(status)
        await taken(cloud, their_links.page(token), status=refused or 202)
        opened = [done for done in other.received[heard:] if done.method == "PROPFIND"]
        assert (len(opened), cloud.stored() == before) == ((0, True) if refused else (1, False)), status


async def test_the_policy_closes_what_is_kept(cloud, other, their_links):
    token = their_links.create(THEIRS, "work")
    await taken(cloud, their_links.led_to(cloud.url, token))
    before = cloud.stored()["received"]
    for denied in ({"outgoing": "deny"}, {"incoming": "deny"}):
        cloud.context.database.write_now(lambda tx, denied=denied: rules.put(tx, other.host, **denied))
        heard = len(other.received)
        await taken(cloud, their_links.led_to(cloud.url, token), status=403)
        if "outgoing" in denied:  # as of everything that is received
            assert (await cloud.dav("GET", OURS, "Shares/work/theirs.txt")).status == 403
        assert len(other.received) == heard, "it is not asked"
        cloud.context.database.write_now(lambda tx: rules.drop(tx, other.host))
    assert cloud.stored()["received"] == before
    assert (await cloud.dav("GET", OURS, "Shares/work/theirs.txt")).body == b"theirs"


async def test_who_guesses_passwords_there_is_stopped_here(cloud, other, their_links, monkeypatch):
    monkeypatch.setattr(public_links, "PER_MINUTE", 1000)
    monkeypatch.setattr(limits, "FAILURES_FOR_NAME", 3)
    token = their_links.create(THEIRS, "work", password="open sesame")
    for guess in ("one", "two", "three"):
        await taken(cloud, their_links.page(token), guess, 403)
    before, heard = cloud.stored(), len(other.received)
    await taken(cloud, their_links.page(token), "open sesame", 429)
    assert (cloud.stored(), len(other.received)) == (before, heard)
