"""What holds for all emulated peers, and for playing recordings again."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.peers import cavage
from tests.peers.families import FAMILIES, start
from tests.peers.invites import read_invite
from tests.peers.nextcloud import Nextcloud
from tests.peers.recordings import load, pairs, replay, request
from tests.peers.stranger import Stranger
from tests.peers.values import NotOfferedError, ShareError, UnreachableError

HERE = Path(__file__).parent


def test_the_peers_are_an_independent_opinion() -> None:
    """None of them imports the project."""
    imported = set()
    for path in HERE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").partition(".")[0])
    assert "tests" in imported
    assert "opencloudmesh" not in imported


@pytest.mark.parametrize("name", FAMILIES)
async def test_a_peer_that_is_stopped_does_not_answer_and_has_no_files(name: str) -> None:
    peer = await start(name)
    peer.add_user("alice")
    peer.put_file("alice", "a/b.txt", b"x")
    folder = peer.people["alice"].folder
    assert peer.file("alice", "a/b.txt") == b"x"
    await peer.stop()
    assert not folder.exists()
    async with await Stranger.start() as third:
        with pytest.raises(UnreachableError):
            await third.request("GET", f"{peer.base_url}/.well-known/ocm")


@pytest.mark.parametrize("name", FAMILIES)
async def test_a_share_with_a_server_that_is_not_there_fails_and_leaves_nothing(name: str) -> None:
    async with await start(name) as peer:
        peer.add_user("alice")
        peer.put_file("alice", "f.txt", b"x")
        with pytest.raises(ShareError):
            await peer.share("alice", "f.txt", "bob@localhost:9")
        assert peer.shares == {}


@pytest.mark.parametrize("name", FAMILIES)
async def test_everything_that_was_said_is_written_down(name: str) -> None:
    async with await start(name) as peer, await Stranger.start() as third:
        done = await third.request("GET", f"{peer.base_url}/.well-known/ocm", [("User-Agent", "test")])
        assert [(each.method, each.target, each.status) for each in peer.received] == [
            ("GET", "/.well-known/ocm", done.status)
        ]
        assert peer.received[0].headers["user-agent"] == "test"
        assert peer.received[0].answer == done.answer


async def test_a_method_that_a_family_lacks_says_so() -> None:
    async with await Stranger.start() as third:
        with pytest.raises(NotOfferedError):
            await third.share("alice", "f.txt", "bob@x")


@pytest.mark.parametrize("invite", ["t0k@host:1", "dDBrQGhvc3Q6MQ==", "dDBrQGhvc3Q6MQ"])
def test_an_invite_string_is_read_in_all_its_forms(invite: str) -> None:
    assert read_invite(invite) == ("t0k", "host:1")


def test_all_recordings_can_be_loaded() -> None:
    assert len(pairs()) > 20
    for sender, receiver in pairs():
        assert load(sender, receiver)


def test_hosts_and_secrets_are_mapped_wherever_they_stand() -> None:
    mapping = {"https://localhost:8434": "http://me:1", "localhost:8434": "me:1", "DxBTPbQxXAo42Eq": "n3w"}
    form = next(each for each in load("nextcloud-34.0.1", "owncloud-10.11.0") if "shareWith=bob" in each.body)
    _, url, headers, body = request(form, "http://there:2/", mapping)
    assert url == "http://there:2/ocs/v2.php/cloud/shares?format=json"
    assert b"remote=http%3A%2F%2Fme%3A1%2F" in body
    assert b"ownerFederatedId=alice%40me%3A1" in body
    assert b"token=n3w" in body
    assert not {"host", "content-length", "signature", "digest", "date"} & {name.lower() for name, _ in headers}

    share = next(each for each in load("nextcloud-34.0.1", "nextcloud-34.0.1") if each.method == "POST")
    body = request(share, "http://there:2", {"https://localhost:8534": "http://there:2"})[3]
    assert b'"bob@http:\\/\\/there:2"' in body

    files = next(each for each in load("nextcloud-34.0.1", "nextcloud-28.0.2") if each.method == "MOVE")
    headers = request(files, "http://there:2", {"https://localhost:8428": "http://there:2", "TKjVeMe3PLG9t36": "n3w"})[
        2
    ]
    assert ("Authorization", "Basic bjN3Og==") in headers
    assert ("Destination", "http://there:2/public.php/webdav/sub/n2.txt") in headers


async def test_a_recording_can_be_signed_anew_and_is_taken_by_who_demands_it() -> None:
    recorded = next(each for each in load("nextcloud-34.0.1", "nextcloud-34.0.1") if each.method == "POST")
    async with await Nextcloud.start(version=34) as peer, await Stranger.start() as third:
        peer.add_user("bob")
        third.extra = {"publicKey": third.public_key()}

        def sign(method: str, url: str, body: bytes) -> dict[str, str]:
            return cavage.sign(third.rsa, third.key_id, method, peer.host, urlsplit(url).path, body)

        mapping = {"localhost:8434": third.host, "localhost:8534": peer.host}
        signed = await replay(third, recorded, peer.base_url, mapping, sign)
        unsigned = await replay(third, recorded, peer.base_url, mapping)
        assert (signed.status, unsigned.status) == (201, 400)
        assert unsigned.document()["message"] == "instance is supposed to sign its request"


@pytest.mark.parametrize(
    ("version", "end", "owner"), [(34, "/cloud/shares?format=json", "alice"), (30, "/accept?format=json", "")]
)
async def test_the_older_way_is_gone_as_recorded(version: int, end: str, owner: str) -> None:
    """Towards a server whose discovery or OCM endpoint will not do."""
    name = {34: "nextcloud-34.0.1", 30: "nextcloud-30.0.1"}[version]
    recorded = next(each for each in load(name, "recorder-unsigned") if each.target.endswith(end))
    async with await Nextcloud.start(version=version) as peer, await Stranger.start() as third:
        peer.add_user("alice")
        peer.put_file("alice", "z.txt", b"z")
        third.extra = {"apiVersion": "1.2.0"}
        if owner:
            third.routes.clear()
            with pytest.raises(ShareError):
                await peer.share("alice", "z.txt", f"zed@{third.base_url}/sub")
            sent = [f"{each.method} {each.target}" for each in peer.sent]
            table = [
                f"{each.method} {each.target}" for each in load(name, "recorder-unsigned") if "/sub" in each.target
            ]
            assert sent == table
        else:
            offer = peer.keep("alice", "p34", "f.txt", f"carl@{third.host}", third.host, "s3cr3t")
            await peer.accept("alice", offer.id)
            assert peer.sent[-1].target == "/ocs/v2.php/cloud/shares/p34/accept?format=json"
        assert _fields(peer.sent[-1].body.decode()) == _fields(recorded.body)


def _fields(form: str) -> list[tuple[str, str]]:
    """Names in order; values but for hosts, ids and secrets."""
    pairs_of = [part.partition("=") for part in form.split("&")]
    volatile = {"token", "remoteId", "ownerFederatedId", "sharedByFederatedId", "remote"}
    return [(name, "" if name in volatile else value) for name, _, value in pairs_of]


def test_every_recording_and_table_says_where_it_comes_from() -> None:
    vectors = HERE.parent / "vectors"
    for path in [*vectors.glob("*-accepts.txt"), *vectors.glob("*-signatures.txt"), *vectors.glob("*-webdav.txt")]:
        assert path.read_text().startswith("# Source: "), path
    for path in (vectors / "recorded").glob("*.json"):
        assert "recorded on loopback" in json.loads(path.read_text())["source"], path
