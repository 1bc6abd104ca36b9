"""What the emulated Nextclouds and ownCloud send and answer is what the real ones sent and answered."""

from __future__ import annotations

import base64
import json
import re
from contextlib import AsyncExitStack
from xml.etree import ElementTree

import pytest
from tests.peers import cavage
from tests.peers.nextcloud import Nextcloud
from tests.peers.owncloud import OwnCloud
from tests.peers.recordings import Recording, load, replay
from tests.peers.sabre import SabrePeer
from tests.peers.stranger import Stranger
from tests.peers.values import Exchange

PEERS = {
    "nextcloud-28.0.2": 28,
    "nextcloud-30.0.1": 30,
    "nextcloud-32.0.2": 32,
    "nextcloud-34.0.1": 34,
    "owncloud-10.11.0": 0,
}
VOLATILE = {"host", "content-length", "connection", "date", "digest", "authorization"}
SHARES = [
    ("nextcloud-30.0.1", "nextcloud-28.0.2"),
    ("nextcloud-30.0.1", "owncloud-10.11.0"),
    ("nextcloud-34.0.1", "nextcloud-28.0.2"),
    ("nextcloud-34.0.1", "nextcloud-34.0.1"),
    ("nextcloud-34.0.1", "owncloud-10.11.0"),
    ("owncloud-10.11.0", "nextcloud-28.0.2"),
    ("owncloud-10.11.0", "nextcloud-34.0.1"),
]
FILES = [
    ("nextcloud-28.0.2", "nextcloud-30.0.1"),
    ("nextcloud-30.0.1", "owncloud-10.11.0"),
    ("nextcloud-34.0.1", "nextcloud-28.0.2"),
    ("nextcloud-34.0.1", "owncloud-10.11.0"),
    ("owncloud-10.11.0", "nextcloud-30.0.1"),
    ("owncloud-10.11.0", "nextcloud-34.0.1"),
]


async def started(name: str) -> SabrePeer:
    peer = await (Nextcloud.start(version=PEERS[name]) if PEERS[name] else OwnCloud.start())
    peer.add_user("alice")
    peer.add_user("bob", "Bob")
    return peer


def posted(sender: str, receiver: str, end: str, signer: str = "") -> Recording:
    """The first POST to such an address, of a certain key."""
    found = (each for each in load(sender, receiver) if each.method == "POST" and each.target.endswith(end))
    return next(each for each in found if signer in each.header("Signature"))


def neutral(text: str) -> str:
    """Hosts, secrets, ids and signatures taken out, the rest as it was."""
    text = text.replace("https:", "http:")
    text = re.sub(r"localhost:\d+", "HOST", text)
    text = re.sub(r'("sharedSecret":)"\w+"', r'\1"SECRET"', text)
    text = re.sub(r'("providerId":)"\d+"', r'\1"ID"', text)
    text = re.sub(r'("providerId":)\d+', r"\1ID", text)
    return re.sub(r'signature="[^"]+"', 'signature="MADE"', text)


def headers(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Names in any case, without those that are different each time."""
    return sorted((name.lower(), neutral(value)) for name, value in pairs if name.lower() not in VOLATILE)


def sent_like(peer: SabrePeer, recording: Recording) -> Exchange:
    """The peer's own request of this kind: same method and address, and headers when there are several."""
    path = recording.target
    found = [each for each in peer.sent if each.method == recording.method and each.target == path]
    assert found, f"{recording.method} {path} was not sent"
    return found[0]


@pytest.mark.parametrize(("sender", "receiver"), SHARES)
async def test_a_share_is_sent_byte_for_byte_as_recorded(sender: str, receiver: str) -> None:
    recorded = next(
        each for each in load(sender, receiver) if each.method == "POST" and each.target.endswith("/shares")
    )
    async with AsyncExitStack() as stack:
        one, other = [await stack.enter_async_context(await started(name)) for name in (sender, receiver)]
        name = json.loads(recorded.body)["name"]
        one.put_file("alice", name, b"hello")
        await one.share("alice", name, f"bob@{other.host}")
        sent = sent_like(one, recorded)
        assert neutral(sent.body.decode()) == neutral(recorded.body)
        assert headers(list(sent.headers.items())) == headers(list(recorded.headers))


NOTIFICATIONS = [
    ("nextcloud-28.0.2", "owncloud-10.11.0", "SHARE_ACCEPTED"),
    ("nextcloud-34.0.1", "nextcloud-28.0.2", "SHARE_ACCEPTED"),
    ("nextcloud-34.0.1", "nextcloud-34.0.1", "SHARE_UNSHARED"),
    ("owncloud-10.11.0", "nextcloud-34.0.1", "SHARE_ACCEPTED"),
]


@pytest.mark.parametrize(("sender", "receiver", "kind"), NOTIFICATIONS)
async def test_a_notification_is_sent_byte_for_byte_as_recorded(sender: str, receiver: str, kind: str) -> None:
    recorded = posted(sender, receiver, "/notifications")
    assert kind in recorded.body
    async with AsyncExitStack() as stack:
        one, other = [await stack.enter_async_context(await started(name)) for name in (sender, receiver)]
        for peer in (one, other):
            peer.put_file("alice", "f.txt", b"hello")
        if kind == "SHARE_UNSHARED":
            await one.unshare(await one.share("alice", "f.txt", f"bob@{other.host}"))
        else:
            await other.share("alice", "f.txt", f"bob@{one.host}")
            await one.accept("bob", one.inbox("bob")[0].id)
        sent = sent_like(one, recorded)
        assert sent.status == recorded.status
        assert neutral(sent.body.decode()) == neutral(recorded.body)
        assert headers(list(sent.headers.items())) == headers(list(recorded.headers))


@pytest.mark.parametrize(("sender", "receiver"), FILES)
async def test_files_are_opened_request_for_request_as_recorded(sender: str, receiver: str) -> None:
    """`sender` is who sent the requests: the receiver of a share."""
    async with AsyncExitStack() as stack:
        client, owner = [await stack.enter_async_context(await started(name)) for name in (sender, receiver)]
        owner.put_file("alice", "work/in.txt", b"hello\n")
        owner.put_file("alice", "f.txt", b"hello\n")
        for path in ("work", "f.txt"):
            await owner.share("alice", path, f"bob@{client.host}", write=True)
        folder, file = (each.id for each in client.inbox("bob"))
        for share in (folder, file):
            await client.accept("bob", share)
        mount = client.mount("bob", folder)
        await mount.stat()
        await mount.stat("in.txt")
        await mount.write("new.txt", b"new by bob")
        await mount.read("new.txt")
        await mount.make_folder("sub")
        await mount.move("new.txt", "sub/n2.txt")
        await mount.read("sub/n2.txt")
        await mount.delete("sub/n2.txt")
        await client.mount("bob", file).read()
        await client.mount("bob", file).write("", b"changed by bob")
        for recorded in load(sender, receiver):
            if recorded.target.startswith("/public.php/webdav/"):
                sent = sent_like(client, recorded)
                assert headers(list(sent.headers.items())) == headers(list(recorded.headers))
                assert sent.body.decode() == recorded.body


@pytest.mark.parametrize(("sender", "receiver"), [*SHARES, ("nextcloud-34.0.1", "nextcloud-32.0.2")])
async def test_a_recorded_share_is_taken_as_it_was(sender: str, receiver: str) -> None:
    recorded = next(
        each for each in load(sender, receiver) if each.method == "POST" and each.target.endswith("/shares")
    )
    async with await started(receiver) as peer, await Stranger.start() as third:
        old = json.loads(recorded.body)["owner"].split("@")[1].split("://")[-1]
        done = await replay(third, recorded, peer.base_url, {old: third.host, recorded.host: peer.host})
        answer = re.sub(r"Bob \w+", "Bob", recorded.answer)
        assert (done.status, done.answer.decode()) == (recorded.status, answer)
        assert len(peer.inbox("bob")) == 1


@pytest.mark.parametrize("receiver", ["nextcloud-28.0.2", "nextcloud-32.0.2", "nextcloud-34.0.1", "owncloud-10.11.0"])
async def test_discovery_is_answered_as_recorded(receiver: str) -> None:
    asked = [each for each in load("nextcloud-34.0.1", receiver) if "ocm" in each.target and each.method == "GET"]
    async with await started(receiver) as peer, await Stranger.start() as third:
        for recorded in asked:
            done = await replay(third, recorded, peer.base_url, {})
            assert done.status == recorded.status
            if recorded.status == 200:
                assert _shape(done.answer.decode()) == _shape(recorded.answer)


def _shape(document: str) -> str:
    return re.sub(r"-----BEGIN.*END PUBLIC KEY-----\\n", "PEM", neutral(document), flags=re.DOTALL)


PROPFINDS = [
    ("owncloud-10.11.0", "nextcloud-34.0.1"),
    ("nextcloud-34.0.1", "owncloud-10.11.0"),
    ("nextcloud-34.0.1", "nextcloud-30.0.1"),
]


@pytest.mark.parametrize(("client", "receiver"), PROPFINDS)
async def test_propfind_is_answered_with_the_recorded_properties(client: str, receiver: str) -> None:
    async with await started(receiver) as peer, await Stranger.start() as third:
        peer.put_file("alice", "work/in.txt", b"hello\n")
        peer.put_file("alice", "work/new.txt", b"new by bob")
        peer.put_file("alice", "work/sub/n2.txt", b"new by bob")
        peer.put_file("alice", "f.txt", b"hello\n")
        secrets = {path: peer.new_share("alice", path, "bob@x", write=True).secret for path in ("work", "f.txt")}
        for recorded in load(client, receiver):
            if recorded.method == "PROPFIND" and recorded.status == 207:
                single = recorded.target.endswith("/webdav/") and "<d:collection/>" not in recorded.answer
                secret = secrets["f.txt" if single else "work"]
                old = _user(recorded)
                done = await replay(third, recorded, peer.base_url, {old: secret})
                assert done.status == 207
                assert _properties(done.answer.decode()) == _properties(recorded.answer)


def _user(recording: Recording) -> str:
    return base64.b64decode(recording.header("Authorization")[6:]).decode().rstrip(":")


def _properties(multistatus: str) -> list[tuple[str, str, str]]:
    """Path, status and names in order; permissions with their values."""
    found = []
    for response in ElementTree.fromstring(multistatus):
        path = response.findtext("{DAV:}href", "")
        for propstat in response.findall("{DAV:}propstat"):
            status = propstat.findtext("{DAV:}status", "")
            for prop in propstat.findall("{DAV:}prop/*"):
                value = prop.text or "" if "permissions" in prop.tag else ""
                found.append((path, status, f"{prop.tag} {value}"))
    return found


def test_the_recorded_signature_holds_and_a_changed_body_does_not() -> None:
    document = json.loads(load("nextcloud-34.0.1", "nextcloud-34.0.1")[0].answer)
    recorded = next(
        each
        for each in load("nextcloud-34.0.1", "owncloud-10.11.0")
        if "localhost:8534/ocm#" in each.header("Signature")
    )
    fields = {name.lower(): value for name, value in recorded.headers}
    claim = cavage.read(recorded.header("Signature"))
    assert claim.key_id == document["publicKey"]["keyId"]
    assert claim.covered == cavage.COVERED
    assert cavage.digest(recorded.body.encode()) == fields["digest"]
    pem = document["publicKey"]["publicKeyPem"]
    cavage.check_key(claim, pem, "POST", recorded.target, fields)
    with pytest.raises(cavage.BadSignatureError):
        cavage.check_key(claim, pem, "POST", recorded.target, {**fields, "digest": cavage.digest(b"other")})
