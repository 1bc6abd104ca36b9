"""Two emulated opencloudmesh-go share a file after an invitation, request for request as recorded; others fail."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.peers import rfc9421
from tests.peers.invites import read_invite
from tests.peers.nextcloud import Nextcloud
from tests.peers.opencloudmesh_go import OpenCloudMeshGo
from tests.peers.recordings import load
from tests.peers.stranger import Stranger
from tests.peers.values import AccessError, InviteError, NotOfferedError, Received, ShareError, ShareGoneError

Pair = tuple[OpenCloudMeshGo, OpenCloudMeshGo]
GO = "opencloudmesh-go-2026.08"
VOLATILE = {"host", "content-length", "content-digest", "signature", "authorization"}


@pytest_asyncio.fixture
async def pair() -> AsyncIterator[Pair]:
    async with await OpenCloudMeshGo.start() as one, await OpenCloudMeshGo.start() as other:
        for peer in (one, other):
            peer.add_user("admin", "Super Administrator").email = ""
        one.put_file("admin", "hello.txt", b"hello from ocmgo a\n")
        yield one, other


async def met(pair: Pair) -> None:
    one, other = pair
    await one.accept_invite("admin", *read_invite(other.create_invite("admin")))


def neutral(text: str) -> str:
    """Hosts, ids, secrets and moments taken out."""
    text = text.replace("https:", "http:")
    text = re.sub(r"localhost(:|%3A)\d+", "HOST", text)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "UUID", text)
    text = re.sub(r'("(?:userID|token|sharedSecret)":)"[\w=-]+"', r"\1X", text)
    text = re.sub(r'"[\w=-]{40,}@', '"FEDERATED@', text)
    text = re.sub(r'("(?:access_token|x)":)"[\w-]+"', r"\1X", text)
    text = re.sub(r"code=[^&]+", "code=C", text)
    return re.sub(r"created=\d+", "created=N", text)


def headers(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted((name.lower(), neutral(value)) for name, value in pairs if name.lower() not in VOLATILE)


async def test_an_invited_person_reads_a_file_as_recorded(pair: Pair) -> None:
    one, other = pair
    await met(pair)
    share = await one.share("admin", "hello.txt", f"admin@{other.host}")
    offer = other.inbox("admin")[0]
    assert offer.requirements == ("must-exchange-token",)
    await other.accept("admin", offer.id)
    assert one.sent_share_state(share) == "accepted"
    assert await other.mount("admin", offer.id).read() == b"hello from ocmgo a\n"

    sent = [*one.sent, *other.sent]
    for recorded in load(GO, GO):
        wanted = (recorded.method, neutral(recorded.target))
        found = [each for each in sent if (each.method, neutral(each.target)) == wanted]
        assert found, f"{wanted} was not sent"
        assert neutral(found[0].body.decode()) == neutral(recorded.body)
        assert headers(list(found[0].headers.items())) == headers(list(recorded.headers))
        assert (found[0].status, neutral(found[0].answer.decode())) == (recorded.status, neutral(recorded.answer))


async def test_without_an_invitation_the_share_is_refused(pair: Pair) -> None:
    one, other = pair
    with pytest.raises(ShareError) as refused:
        await one.share("admin", "hello.txt", f"admin@{other.host}")
    assert refused.value.status == 403
    assert other.inbox("admin") == []
    assert one.shares == {}


async def test_a_wrong_invite_token_is_refused(pair: Pair) -> None:
    one, other = pair
    with pytest.raises(InviteError) as refused:
        await one.accept_invite("admin", "no such token", other.host)
    assert refused.value.status == 400
    assert one.contacts.known == other.contacts.known == {}


async def test_an_unshared_file_is_gone_and_its_tokens_are_dead(pair: Pair) -> None:
    one, other = pair
    await met(pair)
    share = await one.share("admin", "hello.txt", f"admin@{other.host}")
    offer = other.inbox("admin")[0]
    await other.accept("admin", offer.id)
    mount = other.mount("admin", offer.id)
    await mount.read()
    opened = next(each for each in other.sent if "/webdav/" in each.url)
    await one.unshare(share)
    assert other.inbox("admin") == []
    with pytest.raises(ShareGoneError):
        await mount.read()
    again = await other.request("GET", opened.url, [("Authorization", opened.headers["Authorization"])])
    assert again.status == 401


async def test_a_declined_share_is_known_to_the_sender(pair: Pair) -> None:
    one, other = pair
    await met(pair)
    share = await one.share("admin", "hello.txt", f"admin@{other.host}")
    await other.decline("admin", other.inbox("admin")[0].id)
    assert one.sent_share_state(share) == "declined"


async def test_there_is_no_listing_and_no_writing(pair: Pair) -> None:
    one, other = pair
    await met(pair)
    await one.share("admin", "hello.txt", f"admin@{other.host}")
    offer = other.inbox("admin")[0]
    await other.accept("admin", offer.id)
    before = len(other.sent)
    for act in (other.mount("admin", offer.id).list(), other.mount("admin", offer.id).write("", b"x")):
        with pytest.raises(NotOfferedError):
            await act
    assert len(other.sent) == before


async def test_nextcloud_fails_towards_opencloudmesh_go_as_recorded(pair: Pair) -> None:
    go, _ = pair
    async with await Nextcloud.start() as nextcloud:
        nextcloud.add_user("alice")
        nextcloud.put_file("alice", "z.txt", b"z")
        with pytest.raises(ShareError):
            await nextcloud.share("alice", "z.txt", f"admin@{go.host}")
        assert [(each.target, each.status, neutral(each.answer.decode())) for each in nextcloud.sent] == [
            (each.target, each.status, neutral(each.answer)) for each in load("nextcloud-34.0.1", GO)
        ]
        assert go.inbox("admin") == []


async def test_opencloudmesh_go_fails_towards_nextcloud(pair: Pair) -> None:
    go, _ = pair
    async with await Nextcloud.start() as nextcloud:
        nextcloud.add_user("bob")
        with pytest.raises(ShareError) as refused:
            await go.share("admin", "hello.txt", f"bob@{nextcloud.host}")
        assert refused.value.status == 400
        assert nextcloud.inbox("bob") == []


BAD_DOCUMENTS = [
    {"enabled": False},
    {"endPoint": "http://other.example/ocm"},
    {"tokenEndPoint": None},
    {"jwksUri": "http://other.example/jwks"},
    {"resourceTypes": [{"name": "file", "shareTypes": ["user"], "protocols": {"webdav": {"uri": "x"}}}]},
    {"resourceTypes": [{"name": "file", "shareTypes": ["user"], "protocols": {"webdav": "/x/", "webdav-receive": {}}}]},
]


@pytest.mark.parametrize("change", BAD_DOCUMENTS, ids=lambda change: next(iter(change)))
async def test_a_contradictory_discovery_document_is_rejected_before_anything_is_posted(
    pair: Pair, change: dict[str, object]
) -> None:
    go, _ = pair
    async with await Stranger.start() as third:
        third.speaks_1_4()
        third.extra |= change
        with pytest.raises(ShareError):
            await go.share("admin", "hello.txt", f"bob@{third.host}")
        assert [each.method for each in third.received] == ["GET"]


async def test_a_required_token_is_never_replaced_by_the_secret(pair: Pair) -> None:
    go, _ = pair
    async with await Stranger.start() as third:
        third.speaks_1_4()
        person = go.people["admin"]
        offer = Received("1", person, "p1", "f.txt", f"bob@{third.host}", third.host, "s3cr3t", "accepted", "r3")
        offer.requirements = ("must-exchange-token",)
        go.offers["1"] = offer
        with pytest.raises(AccessError):
            await go.mount("admin", "1").read()
        assert [each.target for each in third.received] == ["/.well-known/ocm", "/ocm/token"]


def test_the_recorded_signatures_hold_and_a_changed_body_does_not() -> None:
    keys = {}
    for recorded in load(GO, GO):
        if recorded.target == "/ocm/jwks":
            key = json.loads(recorded.answer)["keys"][0]
            keys[key["kid"]] = key["x"]
    signed = [each for each in [*load(GO, GO), *load(GO, "recorder-rfc9421")] if each.header("Signature-Input")]
    assert len(signed) == 7
    for recorded in signed:
        (member,) = rfc9421.read(recorded.header("Signature-Input"), recorded.header("Signature"))
        assert (member.label, member.parameters["tag"], member.components) == ("ocm", "ocm", rfc9421.COVERED)
        assert rfc9421.digest_matches(recorded.header("Content-Digest"), recorded.body.encode())
        fields = {name.lower(): value for name, value in recorded.headers}
        url = f"https://{recorded.host}{recorded.target}"
        rfc9421.check_key(member, keys[member.key_id], recorded.method, url, fields)
        changed = {**fields, "content-digest": rfc9421.content_digest(b"other")}
        with pytest.raises(rfc9421.SignatureFaultError):
            rfc9421.check_key(member, keys[member.key_id], recorded.method, url, changed)
