"""The driver of real servers, against emulated ones that are used by URL and password as real ones are."""

from __future__ import annotations

import pytest
from tests.peers import live
from tests.peers.families import FAMILIES, start
from tests.peers.live import NOT_TOLD, Account, Live
from tests.peers.userapi import UserApi
from tests.peers.values import AccessError, ShareError, ShareGoneError


@pytest.fixture(params=["nextcloud-28", "nextcloud-34", "owncloud-10"])
async def server(request):
    """With alice, who has a password."""
    async with await start(request.param) as peer:
        peer.add_user("alice", "Alice")
        peer.users = UserApi(peer, {"alice": "se:cr@t"})
        yield peer


@pytest.fixture
async def other():
    """With bob, whom a test drives directly."""
    async with await start("nextcloud-34") as peer:
        peer.add_user("bob", "Bob")
        yield peer


@pytest.fixture
async def alice(server):
    """What the driver makes of the server."""
    async with Live.start(Account("nextcloud-34", server.base_url, "alice", "se:cr@t")) as found:
        yield found


async def test_what_is_shared_arrives_is_declined_and_taken_back(alice, server, other):
    await alice.put_file("alice", "work/a b.txt", b"a")
    shares = [await alice.share("alice", "work", f"bob@{other.host}", write=True) for _ in range(2)]
    declined, kept = other.inbox("bob")
    assert (declined.name, await alice.sent_share_state(shares[0])) == ("work", NOT_TOLD)
    assert [share.write for share in server.shares.values()] == [True, True]
    await other.decline("bob", declined.id)
    assert await alice.sent_share_state(shares[0]) == "declined"
    await alice.unshare(shares[1])
    assert await alice.sent_share_state(shares[1]) == "unshared"
    assert kept not in other.inbox("bob")


async def test_what_may_only_be_read_is_offered_so(alice, server, other):
    await alice.put_file("alice", "a.txt", b"a")
    await alice.share("alice", "a.txt", f"bob@{other.host}")
    assert [share.write for share in server.shares.values()] == [False]


async def test_what_the_server_refuses_is_an_error_and_nothing_is_shared(alice, server, other):
    await alice.put_file("alice", "a.txt", b"a")
    with pytest.raises(ShareError, match="nobody"):
        await alice.share("alice", "a.txt", f"nobody@{other.host}")
    assert server.shares == {}


async def test_what_arrives_is_taken_worked_in_and_declined(alice, other):
    other.put_file("bob", "work/a b.txt", b"a")
    other.put_file("bob", "work/deep/c.txt", b"c")
    share = await other.share("bob", "work", f"alice@{alice.host}", write=True)
    (offer,) = await alice.inbox("alice")
    assert (offer.name, offer.state) == ("work", "pending")
    mount = alice.mount("alice", offer.id)
    with pytest.raises(ShareGoneError):
        await mount.list()
    await alice.accept("alice", offer.id)
    assert (await alice.inbox())[0].state == other.sent_share_state(share) == "accepted"
    assert sorted((entry.name, entry.folder) for entry in await mount.list()) == [("a b.txt", False), ("deep", True)]
    assert (await mount.read("deep/c.txt"), (await mount.stat()).folder) == (b"c", True)
    await mount.write("new.txt", b"new")
    await mount.make_folder("sub")
    await mount.move("new.txt", "sub/moved.txt")
    await mount.delete("deep")
    assert other.tree("bob", "work") == {"a b.txt", "sub", "sub/moved.txt"}
    await alice.decline("alice", offer.id)
    assert (await alice.inbox(), other.sent_share_state(share)) == ([], "declined")


async def test_two_shares_of_one_name_lie_side_by_side(alice, other):
    for folder in ("one", "two"):
        other.put_file("bob", f"{folder}/in.txt", folder.encode())
        await other.share("bob", f"{folder}/in.txt", f"alice@{alice.host}")
    for offer in await alice.inbox():
        await alice.accept("alice", offer.id)
    assert {await alice.mount("alice", offer.id).read() for offer in await alice.inbox()} == {b"one", b"two"}


async def test_a_pending_offer_is_declined_too_and_what_may_only_be_read_stays(alice, other):
    other.put_file("bob", "in.txt", b"hello")
    shares = [await other.share("bob", "in.txt", f"alice@{alice.host}") for _ in range(2)]
    declined, taken = await alice.inbox()
    await alice.decline("alice", declined.id)
    assert [other.sent_share_state(share) for share in shares] == ["declined", "pending"]
    await alice.accept("alice", taken.id)
    with pytest.raises(AccessError):
        await alice.mount("alice", taken.id).write("", b"changed")
    assert other.file("bob", "in.txt") == b"hello"


async def test_a_test_sees_nothing_of_another_and_leaves_nothing_behind(server, other):
    account = Account("nextcloud-34", server.base_url, "alice", "se:cr@t")
    other.put_file("bob", "in.txt", b"hello")
    await other.share("bob", "in.txt", f"alice@{server.host}")
    earlier = server.inbox("alice")
    async with Live.start(account) as alice:
        assert await alice.inbox() == []
        await alice.put_file("alice", "deep/a.txt", b"a")
        assert (await alice.tree("alice", ""), await alice.file("alice", "deep/a.txt")) == (
            {"deep", "deep/a.txt"},
            b"a",
        )
        await alice.share("alice", "deep", f"bob@{other.host}")
        await other.share("bob", "in.txt", f"alice@{server.host}")
        assert len(await alice.inbox()) == 1
    assert server.inbox("alice") == earlier
    assert [share.state for share in server.shares.values()] == ["unshared"]
    assert server.tree("alice", "") == set()


@pytest.mark.parametrize("password", ["wrong", "se:cr"])
async def test_a_wrong_password_opens_nothing(server, password):
    with pytest.raises(AccessError) as refused:
        async with Live.start(Account("nextcloud-34", server.base_url, "alice", password)):
            pass
    assert refused.value.status == 401
    assert [exchange.status for exchange in server.received] == [401]


def test_the_server_is_named_in_one_line():
    assert Account.read("nextcloud-32 https://alice:se%3Acr%40t@cloud.example:8443/sub/") == Account(
        "nextcloud-32", "https://cloud.example:8443/sub", "alice", "se:cr@t"
    )
    assert Account.read("reva, tokens demanded http://a:b@host").kind == "reva, tokens demanded"


@pytest.mark.parametrize("text", ["nextcloud-32", "https://a:b@host", "nextcloud-32 https://host", "x ftp://a:b@host"])
def test_what_is_no_such_line_is_said(text):
    with pytest.raises(ValueError, match="OCM_TEST_PEER is not like"):
        Account.read(text)


@pytest.mark.parametrize("kind", FAMILIES)
def test_of_every_family_it_is_driven_or_it_is_said_what_is_not_known(kind):
    driven = kind.startswith(("nextcloud", "owncloud"))
    assert (live.unknown(kind) is None) is driven


@pytest.mark.parametrize(
    ("url", "listen", "found"),
    [
        ("http://localhost:8080", None, live.Ours("http://localhost:8080", ("127.0.0.1", 8080))),
        ("https://ours.example/", "0.0.0.0:9000", live.Ours("https://ours.example", ("0.0.0.0", 9000))),
        ("https://ours.example", None, None),
        ("", None, None),
    ],
)
def test_we_are_where_the_environment_says(monkeypatch, url, listen, found):
    monkeypatch.setenv("OCM_TEST_URL", url)
    if listen:
        monkeypatch.setenv("OCM_TEST_LISTEN", listen)
    if found:
        assert live.ours() == found
    else:
        with pytest.raises(ValueError, match="OCM_TEST_URL"):
            live.ours()
