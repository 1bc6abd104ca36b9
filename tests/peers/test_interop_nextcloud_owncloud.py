"""The emulated Nextclouds and ownCloud share with each other where the real ones did, and no further."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from tests.peers.nextcloud import Nextcloud
from tests.peers.owncloud import OwnCloud
from tests.peers.sabre import SabrePeer
from tests.peers.stranger import Stranger
from tests.peers.values import AccessError, Exchange, ShareError, ShareGoneError

NAMES = ("nextcloud-28", "nextcloud-30", "nextcloud-32", "nextcloud-34", "owncloud-10")
PAIRS = [(one, other) for one in NAMES for other in NAMES]


async def started(name: str) -> SabrePeer:
    family, _, version = name.rpartition("-")
    peer = await (OwnCloud.start() if family == "owncloud" else Nextcloud.start(version=int(version)))
    for user in ("alice", "bob"):
        peer.add_user(user, user.capitalize())
    return peer


@pytest_asyncio.fixture
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[tuple[SabrePeer, SabrePeer]]:
    async with AsyncExitStack() as stack:
        one, other = [await stack.enter_async_context(await started(name)) for name in request.param]
        yield one, other


def targets(exchanges: list[Exchange]) -> list[str]:
    return [f"{each.method} {each.target}" for each in exchanges]


def only(peer: SabrePeer) -> str:
    offers = peer.inbox("bob")
    assert len(offers) == 1
    return offers[0].id


@pytest.mark.parametrize("pair", PAIRS, indirect=True, ids="-to-".join)
async def test_a_shared_folder_is_accepted_read_and_changed(pair: tuple[SabrePeer, SabrePeer]) -> None:
    sender, receiver = pair
    sender.put_file("alice", "work/in.txt", b"hello\n")
    share = await sender.share("alice", "work", f"bob@{receiver.host}", write=True)
    assert sender.sent_share_state(share) == "pending"
    await receiver.accept("bob", only(receiver))
    assert sender.sent_share_state(share) == "accepted"

    mount = receiver.mount("bob", only(receiver))
    assert (await mount.stat()).folder
    assert [entry.name for entry in await mount.list()] == ["in.txt"]
    assert await mount.read("in.txt") == b"hello\n"
    await mount.write("new.txt", b"new by bob")
    await mount.make_folder("sub")
    await mount.move("new.txt", "sub/n2.txt")
    assert sender.file("alice", "work/sub/n2.txt") == b"new by bob"
    await mount.delete("sub/n2.txt")
    assert await mount.list("sub") == []


@pytest.mark.parametrize("pair", PAIRS, indirect=True, ids="-to-".join)
async def test_a_shared_file_is_the_root_itself_and_goes_away_when_unshared(pair: tuple[SabrePeer, SabrePeer]) -> None:
    sender, receiver = pair
    sender.put_file("alice", "f.txt", b"hello\n")
    share = await sender.share("alice", "f.txt", f"bob@{receiver.host}")
    await receiver.accept("bob", only(receiver))
    mount = receiver.mount("bob", only(receiver))
    assert not (await mount.stat()).folder
    assert await mount.read() == b"hello\n"
    with pytest.raises(AccessError) as refused:
        await mount.write("", b"changed")
    assert refused.value.status == 403
    assert sender.file("alice", "f.txt") == b"hello\n"

    await sender.unshare(share)
    assert receiver.inbox("bob") == []
    with pytest.raises(ShareGoneError):
        await mount.read()


@pytest.mark.parametrize("pair", [("nextcloud-34", "nextcloud-34"), ("owncloud-10", "nextcloud-30")], indirect=True)
async def test_a_declined_share_is_taken_down(pair: tuple[SabrePeer, SabrePeer]) -> None:
    sender, receiver = pair
    sender.put_file("alice", "f.txt", b"hello\n")
    share = await sender.share("alice", "f.txt", f"bob@{receiver.host}")
    await receiver.decline("bob", only(receiver))
    assert sender.sent_share_state(share) == "declined"
    assert receiver.inbox("bob") == []


@pytest.mark.parametrize("pair", [("nextcloud-34", "nextcloud-34"), ("nextcloud-30", "owncloud-10")], indirect=True)
async def test_a_401_from_a_living_server_removes_the_share(pair: tuple[SabrePeer, SabrePeer]) -> None:
    sender, receiver = pair
    sender.put_file("alice", "f.txt", b"hello\n")
    share = await sender.share("alice", "f.txt", f"bob@{receiver.host}")
    await receiver.accept("bob", only(receiver))
    mount = receiver.mount("bob", only(receiver))
    sender.shares[share].secret = "forgotten without a word"
    with pytest.raises(ShareGoneError):
        await mount.stat()
    assert receiver.inbox("bob") == []


async def test_a_404_from_a_server_without_probes_only_makes_the_share_unavailable() -> None:
    async with await started("nextcloud-30") as receiver, await Stranger.start() as sender:
        offer = receiver.keep("bob", "1", "f.txt", f"carl@{sender.host}", sender.host, "s3cr3t")
        offer.state = "accepted"
        with pytest.raises(AccessError) as failed:
            await receiver.mount("bob", offer.id).stat()
        assert not isinstance(failed.value, ShareGoneError)
        assert [each.id for each in receiver.inbox("bob")] == [offer.id]
        assert not offer.available


async def test_an_unknown_user_fails_and_owncloud_has_asked_twice() -> None:
    async with await started("owncloud-10") as sender, await started("nextcloud-34") as receiver:
        sender.put_file("alice", "f.txt", b"hello\n")
        with pytest.raises(ShareError):
            await sender.share("alice", "f.txt", f"nobody@{receiver.host}")
        assert targets(sender.sent) == [
            "GET /ocm-provider/",
            "POST /index.php/ocm/shares",
            "POST /index.php/ocm/shares",
            "GET /ocs-provider/",
            "POST /ocs/v2.php/cloud/shares?format=json",
        ]
        assert sender.shares == {}


async def test_nextcloud_28_and_30_refuse_newer_api_versions_and_fall_back() -> None:
    async with await started("nextcloud-30") as sender, await Stranger.start() as receiver:
        receiver.extra = {"apiVersion": "1.2.0"}
        sender.put_file("alice", "f.txt", b"hello\n")
        with pytest.raises(ShareError):
            await sender.share("alice", "f.txt", f"bob@{receiver.host}")
        assert targets(sender.sent) == [
            "GET /ocm-provider/",
            "GET /ocs-provider/",
            "POST /ocs/v2.php/cloud/shares?format=json",
        ]


async def test_a_nextcloud_that_has_seen_signatures_refuses_that_host_unsigned() -> None:
    async with await started("nextcloud-34") as one, await started("nextcloud-34") as other:
        one.put_file("alice", "f.txt", b"hello\n")
        await one.share("alice", "f.txt", f"bob@{other.host}")
        one.key = None  # type: ignore[attr-defined]
        with pytest.raises(ShareError):
            await one.share("alice", "f.txt", f"nobody@{other.host}")
        answer = next(each for each in reversed(other.received) if each.target == "/index.php/ocm/shares")
        assert answer.document()["message"] == "instance is supposed to sign its request"


async def test_nothing_is_posted_where_owncloud_finds_no_document() -> None:
    async with await started("owncloud-10") as sender, await Stranger.start() as receiver:
        receiver.routes.clear()
        sender.put_file("alice", "f.txt", b"hello\n")
        with pytest.raises(ShareError):
            await sender.share("alice", "f.txt", f"bob@{receiver.host}")
        assert targets(sender.sent) == ["GET /ocm-provider/", "GET /ocs-provider/"]
