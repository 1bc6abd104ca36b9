"""Public links in ownCloud 10's own way, where the operator wants it (`owncloud_links`): a token is mounted."""

from __future__ import annotations

import json

import pytest
from tests.browsing import Browser
from tests.journeys.foreign.conftest import OURS, THEIRS
from tests.journeys.foreign.test_public_links import ours
from tests.mesh import serve, settled
from tests.peers.links import OwncloudLinks
from tests.peers.owncloud import OwnCloud
from tests.peers.values import AccessError, ShareError, ShareGoneError


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
