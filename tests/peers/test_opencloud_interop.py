"""Two emulated OpenClouds share after an invitation, request for request as recorded; with Nextcloud it fails."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from xml.etree import ElementTree

import pytest
import pytest_asyncio
from tests.peers.invites import read_invite
from tests.peers.nextcloud import Nextcloud
from tests.peers.opencloud import OpenCloud
from tests.peers.owncloud import OwnCloud
from tests.peers.recordings import Recording, load
from tests.peers.values import AccessError, InviteError, ShareError

Pair = tuple[OpenCloud, OpenCloud]
SELF = ("opencloud-2025.02", "opencloud-2025.02")
VOLATILE = {"host", "content-length", "authorization", "x-b3-spanid", "x-b3-traceid"}


@pytest_asyncio.fixture
async def pair() -> AsyncIterator[Pair]:
    """Each lists the other; `alan` is at the first, `mary` at the second."""
    async with await OpenCloud.start() as one, await OpenCloud.start() as other:
        one.add_user("alan", "Alan Turing", "alan@example.org")
        other.add_user("mary", "Mary Kenneth Keller", "mary@example.org")
        one.trust(other.host)
        other.trust(one.host)
        yield one, other


async def met(pair: Pair) -> str:
    """Mary accepts an invitation of Alan; her address for him."""
    one, other = pair
    await other.accept_invite("mary", *read_invite(one.create_invite("alan")))
    contact = one.contacts.known["alan"][0]
    return f"{contact.user_id}@{contact.host}"


def neutral(text: str) -> str:
    """Hosts, ids and secrets taken out."""
    text = text.replace("https:", "http:")
    text = re.sub(r"localhost:\d+", "HOST", text)
    text = re.sub(r"[\w+/=-]{60,}", "FEDERATED", text)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "UUID", text)
    text = re.sub(r'"expiration":\d+', '"expiration":N', text)
    return re.sub(r'("sharedSecret":)"\w+"', r'\1"SECRET"', text)


def headers(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted((name.lower(), neutral(value)) for name, value in pairs if name.lower() not in VOLATILE)


def assert_sent(peer: OpenCloud, recorded: Recording) -> None:
    """The peer has sent such a request, with the same headers and body."""
    wanted = (recorded.method, neutral(recorded.target))
    found = [each for each in peer.sent if (each.method, neutral(each.target)) == wanted]
    assert found, f"{wanted} was not sent"
    alike = [each for each in found if neutral(each.body.decode()) == neutral(recorded.body)]
    assert alike, (neutral(found[0].body.decode()), neutral(recorded.body))
    assert headers(list(alike[0].headers.items())) == headers(list(recorded.headers))
    assert recorded.status in {each.status for each in alike}


async def test_an_invited_person_at_a_listed_provider_reads_and_writes_as_recorded(pair: Pair) -> None:
    one, other = pair
    mary = await met(pair)
    one.put_file("alan", "shared/in.txt", b"hello")
    one.put_file("alan", "hello.txt", b"hello from alan on A\n")
    for path in ("shared", "hello.txt"):
        await one.share("alan", path, mary, write=True)
    folder, file = other.inbox("mary")
    assert (folder.resource_type, file.resource_type) == ("folder", "file")
    for share in (folder, file):
        await other.accept("mary", share.id)
    mount = other.mount("mary", folder.id)
    assert (await mount.stat()).folder
    assert [entry.name for entry in await mount.list()] == ["in.txt"]
    await mount.write("new.txt", b"new by mary")
    await mount.make_folder("sub")
    await mount.move("new.txt", "sub/new2.txt")
    assert await mount.read("sub/new2.txt") == b"new by mary"
    await mount.delete("sub/new2.txt")
    single = other.mount("mary", file.id)
    await single.stat()
    assert await single.read() == b"hello from alan on A\n"
    await single.write("", b"changed by mary on B")
    assert one.file("alan", "hello.txt") == b"changed by mary on B"

    for recorded in load(*SELF):
        if recorded.target == "/ocm/shares":
            assert_sent(one, recorded)
        elif "Nextcloud" not in recorded.user_agent and recorded.target.startswith(("/dav/", "/ocm/invite")):
            assert_sent(other, recorded)


async def test_a_folder_share_to_a_stranger_is_sent_as_recorded(pair: Pair) -> None:
    recorded = next(each for each in load("opencloud-2025.02", "recorder-unsigned") if each.target == "/ocm/shares")
    one, _ = pair
    mary = await met(pair)
    one.make_folder("alan", "shared")
    await one.share("alan", "shared", mary, write=True)
    sent = next(each for each in one.sent if each.target == "/ocm/shares")
    bodies = (sent.body.decode(), recorded.body)
    ours, theirs = (json.loads(neutral(body.replace('"expiration":0', '"expiration":"none"'))) for body in bodies)
    assert {**ours, "shareWith": ""} == {**theirs, "shareWith": ""}
    assert list(ours) == list(theirs)
    assert sent.body.endswith(b"}\n")


async def test_propfind_is_answered_with_the_recorded_properties(pair: Pair) -> None:
    one, other = pair
    mary = await met(pair)
    one.put_file("alan", "shared/new.txt", b"new by mary")
    await one.share("alan", "shared", mary, write=True)
    await other.accept("mary", other.inbox("mary")[0].id)
    await other.mount("mary", other.inbox("mary")[0].id).stat()
    await other.mount("mary", other.inbox("mary")[0].id).stat("new.txt")
    for target in (r"/dav/ocm/UUID/", "/dav/ocm/UUID/./new.txt"):
        sent = next(each for each in other.sent if each.method == "PROPFIND" and neutral(each.target) == target)
        recorded = next(each for each in load(*SELF) if each.status == 207 and neutral(each.target) == target)
        assert _properties(sent.answer.decode()) == _properties(recorded.answer)


def _properties(multistatus: str) -> list[tuple[str, str]]:
    """Names in order; permissions with their values."""
    tree = ElementTree.fromstring(multistatus)
    props = tree.findall("{DAV:}response/{DAV:}propstat/{DAV:}prop/*")
    return [(prop.tag, prop.text or "" if prop.tag.endswith("permissions") else "") for prop in props]


async def test_a_reader_cannot_write(pair: Pair) -> None:
    one, other = pair
    mary = await met(pair)
    one.put_file("alan", "hello.txt", b"hello")
    await one.share("alan", "hello.txt", mary)
    share = other.inbox("mary")[0]
    assert share.permissions == ("read",)
    await other.accept("mary", share.id)
    with pytest.raises(AccessError):
        await other.mount("mary", share.id).write("", b"changed")
    assert one.file("alan", "hello.txt") == b"hello"


async def test_without_an_invitation_or_a_listed_provider_nothing_is_sent(pair: Pair) -> None:
    one, other = pair
    one.put_file("alan", "hello.txt", b"hello")
    with pytest.raises(ShareError):
        await one.share("alan", "hello.txt", f"{other.people['mary'].id}@{other.host}")
    with pytest.raises(InviteError):
        await one.accept_invite("alan", "token", "unlisted.example")
    assert one.sent == []


async def test_a_wrong_token_is_refused_and_nobody_is_known(pair: Pair) -> None:
    one, other = pair
    with pytest.raises(InviteError) as refused:
        await other.accept_invite("mary", "no such token", one.host)
    assert refused.value.status == 404
    assert one.contacts.known == other.contacts.known == {}


async def test_nextcloud_and_owncloud_fail_towards_opencloud_as_recorded() -> None:
    async with (
        await OpenCloud.start() as cloud,
        await Nextcloud.start() as nextcloud,
        await OwnCloud.start() as owncloud,
    ):
        cloud.add_user("mary")
        cloud.trust(nextcloud.host)
        recorded = {
            nextcloud: load("nextcloud-34.0.1", "opencloud-2025.02"),
            owncloud: load("owncloud-10.11.0", "opencloud-2025.02"),
        }
        for peer, expected in recorded.items():
            peer.add_user("alice")
            peer.put_file("alice", "z.txt", b"z")
            with pytest.raises(ShareError):
                await peer.share("alice", "z.txt", f"mary@{cloud.host}")
            assert [(each.method, each.target, each.status) for each in peer.sent] == [
                (each.method, each.target, each.status) for each in expected
            ]
        assert cloud.inbox("mary") == []
        refusal = next(each for each in nextcloud.sent if each.status == 400)
        assert "protocol options not supported" in refusal.document()["message"]


async def test_opencloud_cannot_share_with_nextcloud_whom_nobody_can_invite() -> None:
    async with await OpenCloud.start() as cloud, await Nextcloud.start() as nextcloud:
        cloud.add_user("mary")
        nextcloud.add_user("bob")
        cloud.put_file("mary", "z.txt", b"z")
        cloud.trust(nextcloud.host, f"{nextcloud.base_url}/index.php/ocm/")
        with pytest.raises(InviteError):
            await cloud.accept_invite("mary", "token", nextcloud.host)
        with pytest.raises(ShareError):
            await cloud.share("mary", "z.txt", f"bob@{nextcloud.host}")
        assert nextcloud.inbox("bob") == []
