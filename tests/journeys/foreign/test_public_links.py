"""Public links between us and Nextcloud or ownCloud: ours taken to theirs, and theirs to ours."""

from __future__ import annotations

import re

import pytest
from tests.browsing import Browser
from tests.journeys.foreign.conftest import OURS, THEIRS
from tests.mesh import settled
from tests.peers.families import start
from tests.peers.links import NextcloudLinks, OwncloudLinks
from tests.peers.values import ShareError

from opencloudmesh.protocol.public_links import lead
from opencloudmesh.server import audit, outbox

NEXTCLOUDS = ("nextcloud-28", "nextcloud-30", "nextcloud-32", "nextcloud-34")


@pytest.fixture(params=[*NEXTCLOUDS, "owncloud-10"])
def family(request):
    return request.param


@pytest.fixture
async def other(family):
    async with await start(family) as peer:
        peer.add_user(THEIRS, "Alice")
        peer.put_file(THEIRS, "work/theirs.txt", b"theirs")
        yield peer


@pytest.fixture
def their_links(family, other):
    return (OwncloudLinks if family == "owncloud-10" else NextcloudLinks)(other)


async def ours(cloud, mode="read", **more):
    """A link of marie's: its row, and its token."""
    cloud.put(OURS, "work/ours.txt", b"ours")
    link = await cloud.api("POST", "links", {"path": "work", "mode": mode, **more}, who=OURS, status=201)
    return link, link["url"].rpartition("/")[2]


async def arrived(cloud, other):
    """alice has taken it, and looks into it."""
    await settled(cloud)
    (offer,) = other.inbox(THEIRS)
    await other.accept(THEIRS, offer.id)
    mount = other.mount(THEIRS, offer.id)
    return mount, [entry.href.rpartition("/")[2] for entry in await mount.list()]


# Ours taken to theirs


async def test_a_visitor_types_an_address_there(cloud, other, family):
    link, token = await ours(cloud, mode="edit")
    visitor = Browser(cloud)
    page = await visitor.submit(f"/s/{token}/add", address=other.address(THEIRS))
    assert "on its way" in page.text
    mount, names = await arrived(cloud, other)
    assert names == ["ours.txt"]
    await mount.write("new.txt", b"by alice")
    assert cloud.file(OURS, "work/new.txt").read_bytes() == b"by alice"
    (share,) = await cloud.api("GET", "shares", who=OURS)
    assert (share["state"], share["link"]) == ("accepted", link["id"])


@pytest.mark.parametrize("family", NEXTCLOUDS, indirect=True)
async def test_their_server_asks_for_it(cloud, other, their_links):
    _, token = await ours(cloud, password="open sesame")
    before = cloud.stored()
    for wrong in ("", "guess"):
        with pytest.raises(ShareError):
            await their_links.ask(THEIRS, cloud.url, token, wrong)
    with pytest.raises(ShareError):
        await their_links.ask(THEIRS, cloud.url, token[:-1], "open sesame")
    (refused, *_) = [done for done in other.sent if done.status == 400]
    assert refused.document()["message"] == "This link has a password."
    assert cloud.stored() == before
    await their_links.ask(THEIRS, cloud.url, token, "open sesame")
    await their_links.ask(THEIRS, cloud.url, token, "open sesame")
    assert other.sent[-1].document() == {"remoteUrl": other.host}
    _, names = await arrived(cloud, other)
    assert names == ["ours.txt"]
    assert len(await cloud.api("GET", "shares", who=OURS)) == 1
    assert not [line for line in cloud.log if token in line or "sesame" in line]


@pytest.mark.parametrize("family", ["nextcloud-34"], indirect=True)
@pytest.mark.parametrize("mode", ["upload", "ask"])
async def test_what_shows_nothing_is_not_given_to_their_server(cloud, other, their_links, mode):
    _, token = await ours(cloud, mode)
    before = cloud.stored()
    with pytest.raises(ShareError):
        await their_links.ask(THEIRS, cloud.url, token)
    assert cloud.stored() == before


@pytest.mark.parametrize("family", ["owncloud-10"], indirect=True)
async def test_ownclouds_own_way_is_closed_unless_the_operator_opens_it(cloud, other, their_links):
    """`test_owncloud_links` has it open. Whoever finds the way by themselves may read, as any WebDAV client."""
    _, token = await ours(cloud, password="open sesame")
    with pytest.raises(ShareError, match="No ownCloud installation"):
        await their_links.lead(cloud.host, their_links.create(THEIRS, "work"))
    visitor = Browser(cloud)
    await visitor.submit(f"/s/{token}/password", password="open sesame")
    page = await visitor.submit(f"/s/{token}/add", 400, address=other.host)
    assert not [link for link in page.links if other.host in link]
    by_hand = lead(other.base_url, cloud.url, token, owner="x", name="work", protected=True)
    assert await (await their_links.add(THEIRS, by_hand, "open sesame")).read("ours.txt") == b"ours"


# Theirs taken to ours


@pytest.mark.parametrize("family", NEXTCLOUDS, indirect=True)
async def test_a_person_of_ours_takes_what_their_link_shows(cloud, other, their_links):
    token = their_links.create(THEIRS, "work", password="open sesame")
    marie = Browser(cloud)
    await marie.sign_in(OURS)
    led = re.sub(f"^{re.escape(cloud.url)}", "", their_links.led_to(cloud.url, token))
    page = await marie.open(led.partition("#")[0])
    assert "Add from a link" in page.text
    before = cloud.stored()
    page = await marie.submit("/add", 403, link=their_links.page(token), password="guess")
    assert "No permission to access the share" in page.text
    assert "guess" not in page.html
    assert cloud.stored() == before
    page = await marie.submit("/add", link=their_links.led_to(cloud.url, token), password="open sesame")
    assert "was asked" in page.text
    await settled(cloud)
    (offer,) = await cloud.api("GET", "received", who=OURS)
    await cloud.api("POST", f"received/{offer['id']}/accept", who=OURS)
    await settled(cloud)
    assert (await cloud.dav("GET", OURS, "Shares/work/theirs.txt")).body == b"theirs"
    said = [(row.event, row.direction, row.outcome, row.host) for row in cloud.rows(audit.listing)]
    assert said.count(("request", "out", "done", other.host)) == 1
    assert said.count(("request", "out", "refused", other.host)) == 1
    assert "sesame" not in str(cloud.stored()) + str(cloud.rows(audit.listing)) + str(cloud.log)
    assert cloud.rows(outbox.everything) == []


@pytest.mark.parametrize("family", ["nextcloud-32"], indirect=True)
async def test_the_same_by_the_api(cloud, other, their_links):
    token, drop = their_links.create(THEIRS, "work"), their_links.create(THEIRS, "work", read=False)
    asked = {"link": their_links.page(token)}
    assert await cloud.api("POST", "received/from-link", asked, who=OURS, status=202) == {
        "host": other.host,
        "received": None,
    }
    assert len(await cloud.api("GET", "received", who=OURS)) == 1
    await cloud.api("POST", "received/from-link", {"link": their_links.page(drop)}, who=OURS, status=403)
    await cloud.api("POST", "received/from-link", {"link": their_links.page("nothing")}, who=OURS, status=403)
    await cloud.api("POST", "received/from-link", {"link": "nonsense"}, who=OURS, status=400)
    await cloud.api("POST", "received/from-link", {}, who=OURS, status=400)
