"""The peers of which nothing was recorded do what their sources say, and share with whom the real ones can."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.peers.davclient import basic
from tests.peers.invites import Contact, read_invite
from tests.peers.nextcloud import Nextcloud
from tests.peers.owncloud import OwnCloud
from tests.peers.reva import ROOT, Reva
from tests.peers.seafile import END_POINT, Seafile, authorization
from tests.peers.stranger import Stranger
from tests.peers.values import AccessError, Answer, Call, InviteError, ShareError, ShareGoneError

JSON = ("Content-Type", "application/json")
Pair = tuple[Reva, Reva]


@pytest_asyncio.fixture
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    options = getattr(request, "param", {})
    async with await Reva.start(**options) as one, await Reva.start(**options) as other:
        one.add_user("einstein", "Albert Einstein")
        other.add_user("marie", "Marie Curie")
        one.trust(other.host)
        other.trust(one.host)
        yield one, other


async def met(pair: Pair) -> str:
    one, other = pair
    await other.accept_invite("marie", *read_invite(one.create_invite("einstein")))
    return f"marie@{other.host}"


@pytest.mark.parametrize("pair", [{}, {"require_token": True}], indirect=True, ids=["secret", "token"])
async def test_reva_shares_folders_and_files_with_reva_after_an_invitation(pair: Pair) -> None:
    one, other = pair
    marie = await met(pair)
    one.put_file("einstein", "shared/in.txt", b"hello")
    one.put_file("einstein", "f.txt", b"single")
    for path in ("shared", "f.txt"):
        await one.share("einstein", path, marie, write=True)
    folder, file = other.inbox("marie")
    for share in (folder, file):
        await other.accept("marie", share.id)
    mount = other.mount("marie", folder.id)
    assert [entry.name for entry in await mount.list()] == ["in.txt"]
    await mount.write("new.txt", b"new")
    await mount.make_folder("sub")
    await mount.move("new.txt", "sub/n2.txt")
    assert one.file("einstein", "shared/sub/n2.txt") == b"new"
    await mount.delete("sub/n2.txt")
    assert await mount.list("sub") == []
    single = other.mount("marie", file.id)
    assert not (await single.stat()).folder
    assert await single.read() == b"single"
    tokens = [each for each in other.sent if each.target == "/ocm/token"]
    assert bool(tokens) == one.require_token


@pytest.mark.parametrize("pair", [{"require_token": True}], indirect=True, ids=["token"])
async def test_a_share_that_requires_a_token_refuses_the_raw_secret(pair: Pair) -> None:
    one, other = pair
    marie = await met(pair)
    one.put_file("einstein", "f.txt", b"single")
    share = one.shares[await one.share("einstein", "f.txt", marie)]
    for url, credential in ((f"{ROOT}/{share.id}", f"Bearer {share.secret}"), (f"{ROOT}/", basic(share.secret))):
        done = await other.request("GET", one.base_url + url, [("Authorization", credential)])
        assert done.status == 401


async def test_reva_discovers_the_receiver_first_and_posts_nothing_without_its_document(pair: Pair) -> None:
    one, other = pair
    marie = await met(pair)
    one.put_file("einstein", "f.txt", b"single")
    del other.routes["GET", "/.well-known/ocm"]
    with pytest.raises(ShareError):
        await one.share("einstein", "f.txt", marie)
    assert "/ocm/shares" not in [each.target for each in one.sent]
    assert one.shares == {}


async def test_reva_wants_an_object_as_the_answer(pair: Pair) -> None:
    one, _ = pair
    async with await Stranger.start() as third:
        one.trust(third.host)
        one.contacts.meet("einstein", _contact(third))
        one.put_file("einstein", "f.txt", b"single")

        async def empty(_call: Call) -> Answer:
            return Answer(201, b"[]", (JSON,))

        third.routes["POST", "/ocm/shares"] = empty
        with pytest.raises(ShareError):
            await one.share("einstein", "f.txt", f"bob@{third.host}")
        del third.routes["POST", "/ocm/shares"]
        await one.share("einstein", "f.txt", f"bob@{third.host}")


def _contact(third: Stranger) -> Contact:
    return Contact("bob", third.host, "", "Bob")


async def test_reva_refuses_strangers_and_repeated_invitations(pair: Pair) -> None:
    one, other = pair
    invite = read_invite(one.create_invite("einstein"))
    one.put_file("einstein", "f.txt", b"single")
    with pytest.raises(ShareError):
        await one.share("einstein", "f.txt", f"marie@{other.host}")
    await other.accept_invite("marie", *invite)
    with pytest.raises(InviteError) as repeated:
        await other.accept_invite("marie", *invite)
    assert repeated.value.status == 409
    with pytest.raises(InviteError) as unknown:
        await other.accept_invite("marie", "no such token", one.host)
    assert unknown.value.status == 404


REFUSED: list[tuple[str, dict[str, Any], int]] = [
    ("no sender", {"sender": None}, 400),
    ("a number for a providerId", {"providerId": 1}, 400),
    ("unknown protocol", {"protocol": {"name": "multi", "ssh": {}}}, 400),
    ("unknown permission", {"protocol": {"name": "multi", "webdav": {"permissions": ["fly"]}}}, 400),
    ("no permissions", {"protocol": {"name": "multi", "webdav": {"sharedSecret": "s", "uri": "x"}}}, 400),
    ("unknown user", {"shareWith": "nobody@x"}, 404),
    ("unknown sender", {"sender": "carl@{third}"}, 401),
    ("a type that the sender does not advertise", {"resourceType": "folder"}, 400),
]


@pytest.mark.parametrize(("change", "status"), [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED])
async def test_reva_refuses(pair: Pair, change: dict[str, Any], status: int) -> None:
    one, _ = pair
    async with await Stranger.start() as third:
        one.contacts.meet("einstein", _contact(third))
        share = {**_share(one, third), **change}
        body = json.dumps({name: value for name, value in share.items() if value is not None})
        body = body.replace("{third}", third.host)
        done = await third.request("POST", f"{one.base_url}/ocm/shares", [JSON], body.encode())
        assert (done.status, sorted(done.document())) == (status, ["code", "message"])
        assert one.inbox("einstein") == []


def _share(reva: Reva, third: Stranger) -> dict[str, Any]:
    webdav = {"uri": f"{third.base_url}/dav/ocm/p1", "sharedSecret": "s", "permissions": ["read"]}
    return {
        "shareWith": f"einstein@{reva.host}",
        "name": "f.txt",
        "providerId": "p1",
        "owner": f"bob@{third.host}",
        "sender": f"bob@{third.host}",
        "shareType": "user",
        "resourceType": "file",
        "protocol": {"name": "multi", "webdav": webdav},
    }


async def test_reva_takes_a_nextcloud_share_by_autoaccept_and_opens_it_with_basic() -> None:
    async with await Reva.start(auto_accept="localhost") as reva, await Nextcloud.start(version=34) as nextcloud:
        reva.add_user("einstein")
        nextcloud.add_user("alice")
        nextcloud.put_file("alice", "work/in.txt", b"hello")
        await nextcloud.share("alice", "work", f"einstein@{reva.host}")
        assert [each.method for each in reva.sent] == ["GET", "PROPFIND"], "it looked before it answered"
        share = reva.inbox("einstein")[0]
        assert share.resource_type == "folder"
        await reva.accept("einstein", share.id)
        assert await reva.mount("einstein", share.id).read("in.txt") == b"hello"


async def test_reva_refuses_nextcloud_30_which_names_no_sender() -> None:
    async with await Reva.start(auto_accept="localhost") as reva, await Nextcloud.start(version=30) as nextcloud:
        reva.add_user("einstein")
        nextcloud.add_user("alice")
        nextcloud.put_file("alice", "f.txt", b"hello")
        with pytest.raises(ShareError):
            await nextcloud.share("alice", "f.txt", f"einstein@{reva.host}")
        assert reva.inbox("einstein") == []


@pytest.mark.parametrize("version", [30, 34])
async def test_seafile_receives_a_folder_from_nextcloud_and_loses_it_again(version: int) -> None:
    async with await Seafile.start() as seafile, await Nextcloud.start(version=version) as nextcloud:
        seafile.add_user("bob", "Bob")
        nextcloud.add_user("alice")
        nextcloud.put_file("alice", "work/in.txt", b"hello")
        nextcloud.put_file("alice", "work/sub/deep.txt", b"deep")
        share = await nextcloud.share("alice", "work", f"bob@{seafile.host}")
        (offer,) = seafile.inbox("bob")
        assert offer.resource_type == "folder"
        mount = seafile.mount("bob", offer.id)
        assert sorted(entry.name for entry in await mount.list()) == ["in.txt", "sub"]
        assert await mount.read("in.txt") == b"hello"
        assert await mount.read("sub/deep.txt") == b"deep"
        asked = [each for each in seafile.sent if each.method == "PROPFIND"]
        assert asked
        assert not any("Depth" in each.headers for each in asked)
        await nextcloud.unshare(share)
        assert seafile.inbox("bob") == []
        with pytest.raises(ShareGoneError):
            await mount.list()


@pytest.mark.parametrize("length", [13, 14, 15, 16])
async def test_seafile_pads_the_secret_and_nextcloud_takes_it(length: int) -> None:
    async with await Seafile.start() as seafile, await Nextcloud.start(version=30) as nextcloud:
        nextcloud.secret_length = length
        seafile.add_user("bob")
        nextcloud.add_user("alice")
        nextcloud.put_file("alice", "f.txt", b"hello")
        await nextcloud.share("alice", "f.txt", f"bob@{seafile.host}")
        assert await seafile.mount("bob", seafile.inbox("bob")[0].id).read() == b"hello"
        assert authorization("x" * length)[1].startswith("Basic ")


async def test_seafile_declines_and_the_sender_knows() -> None:
    async with await Seafile.start() as seafile, await Nextcloud.start(version=34) as nextcloud:
        seafile.add_user("bob")
        nextcloud.add_user("alice")
        nextcloud.put_file("alice", "f.txt", b"hello")
        share = await nextcloud.share("alice", "f.txt", f"bob@{seafile.host}")
        await seafile.decline("bob", seafile.inbox("bob")[0].id)
        assert nextcloud.sent_share_state(share) == "declined"


async def test_seafile_cannot_take_what_names_no_sharer() -> None:
    async with await Seafile.start() as seafile, await OwnCloud.start() as owncloud:
        seafile.add_user("bob")
        owncloud.add_user("alice")
        owncloud.put_file("alice", "f.txt", b"hello")
        with pytest.raises(ShareError):
            await owncloud.share("alice", "f.txt", f"bob@{seafile.host}")
        assert seafile.inbox("bob") == []


async def test_seafile_answers_500_to_a_sender_who_does_not_serve_the_file_yet_but_keeps_the_share() -> None:
    async with await Seafile.start() as seafile, await Stranger.start() as third:
        seafile.add_user("bob")
        share = {
            "shareWith": f"bob@{seafile.base_url}",
            "sharedBy": f"carl@{third.host}",
            "providerId": "p1",
            "name": "f.txt",
            "protocol": {"name": "webdav", "options": {"sharedSecret": "s3cr3t"}},
        }
        done = await third.request("POST", f"{seafile.base_url}{END_POINT}shares", [JSON], json.dumps(share).encode())
        assert done.status == 500
        assert [each.name for each in seafile.inbox("bob")] == ["f.txt"]


@pytest.mark.parametrize("version", [30, 34])
async def test_seafile_sends_a_file_to_nextcloud_to_read(version: int) -> None:
    async with await Seafile.start() as seafile, await Nextcloud.start(version=version) as nextcloud:
        seafile.add_user("alice")
        nextcloud.add_user("bob")
        seafile.put_file("alice", "f.txt", b"hello")
        share = await seafile.share("alice", "f.txt", f"bob@{nextcloud.host}")
        offer = nextcloud.inbox("bob")[0]
        await nextcloud.accept("bob", offer.id)
        assert seafile.sent_share_state(share) == "accepted"
        mount = nextcloud.mount("bob", offer.id)
        assert await mount.read() == b"hello"
        with pytest.raises(AccessError):
            await mount.write("", b"changed")
        assert seafile.file("alice", "f.txt") == b"hello"
