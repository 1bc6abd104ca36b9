"""Which way leads into a received share, family by family."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.client.wires import Exchange, wire

from opencloudmesh.client.access import Candidate, Gone, candidates, probe
from opencloudmesh.client.guard import EgressPolicy
from opencloudmesh.client.network import Network
from opencloudmesh.protocol.discovery import Discovery
from opencloudmesh.protocol.errors import BadAnswer, Forbidden, NotFound, OcmError, Unavailable, Unreachable

HOST = "https://cloud.example"
OPEN = EgressPolicy(allow_http=True, allow_private=True)
MULTISTATUS = (
    b'<d:multistatus xmlns:d="DAV:"><d:response><d:href>/</d:href><d:propstat><d:prop><d:resourcetype/></d:prop>'
    b"<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response></d:multistatus>"
)


def _peer(webdav: str = "/dav/ocm", base: str = HOST, end_point: str = HOST + "/ocm") -> Discovery:
    resource_types = [{"name": "file", "shareTypes": ["user"], "protocols": {"webdav": webdav}}]
    document = {"enabled": True, "apiVersion": "1.2.0", "endPoint": end_point, "resourceTypes": resource_types}
    return Discovery.read(document, base)


def _ways(uri: str, *, peer: Discovery | None = None, name: str = "f.txt", **options: object) -> list[tuple[str, str]]:
    found = candidates(peer or _peer(), uri=uri, secret="s3", name=name, **options)  # type: ignore[arg-type]
    return [(way.root_url.removeprefix(HOST), way.authorization) for way in found]


BEARER, BASIC = "Bearer s3", "Basic czM6"  # base64 of "s3:"
AT_URI = [("/dav/ocm/x1", BEARER), ("/dav/ocm/x1", BASIC), ("/dav/ocm/", BASIC)]
BELOW = [("/dav/ocm/x1/f.txt", BEARER), ("/dav/ocm/x1/f.txt", BASIC)]
AT_ROOT = [("/dav/ocm/", BASIC), ("/dav/ocm/", BEARER)]


@pytest.mark.parametrize("uri", ["x1", "/dav/ocm/x1", HOST + "/dav/ocm/x1", "https://Cloud.Example/dav/ocm/x1"])
def test_a_share_with_a_place_is_looked_for_there_first(uri: str) -> None:
    ways = [(url.lower().removeprefix(HOST), authorization) for url, authorization in _ways(uri)]
    assert ways == AT_URI + BELOW


def test_a_share_of_ocm_1_0_is_at_the_root_with_basic_first() -> None:
    assert _ways("") == AT_ROOT


def test_nextcloud_35_gives_its_root_as_the_place() -> None:
    peer = _peer("/public.php/webdav/")
    root = "/public.php/webdav/"
    assert _ways(HOST + root, peer=peer)[:2] == [(root, BEARER), (root, BASIC)]
    assert len(_ways(HOST + root, peer=peer)) == 4


def test_a_token_comes_first_and_where_it_must_be_it_is_all() -> None:
    assert _ways("x1", token="t") == [("/dav/ocm/x1", "Bearer t"), ("/dav/ocm/", "Bearer t"), *AT_URI, *BELOW]
    assert _ways("x1", token="t", must_exchange=True) == [("/dav/ocm/x1", "Bearer t"), ("/dav/ocm/", "Bearer t")]
    assert _ways("x1", must_exchange=True) == []


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/dav/ocm/x1",
        "//evil.example/dav/ocm/x1",
        "https://cloud.example.evil.example/x1",
        "https://cloud.example@evil.example/x1",
        "https://user@cloud.example/x1",
        "https://cloud.example:8443/x1",
        "http://cloud.example/dav/ocm/x1",
        "ftp://cloud.example/x1",
        "https://[broken/x1",
        "//[",
        "x1?query=1",
        "x1#fragment",
    ],
)
def test_a_place_that_is_not_the_senders_own_is_never_shown_the_secret(uri: str) -> None:
    assert _ways(uri) == [("/dav/ocm/", BASIC)]


def test_the_host_of_the_senders_endpoint_is_its_own_too() -> None:
    peer = _peer(end_point="https://api.cloud.example/ocm")
    assert _ways("https://api.cloud.example/x1", peer=peer)[0] == ("https://api.cloud.example/x1", BEARER)


def test_a_peer_that_was_found_over_plain_http_may_give_such_places() -> None:
    peer = _peer(base="http://cloud.example", end_point="http://cloud.example/ocm")
    assert _ways("http://cloud.example/x1", peer=peer)[0] == ("http://cloud.example/x1", BEARER)


def test_a_place_is_quoted_but_not_twice() -> None:
    assert _ways("a b/%20ä")[0][0] == "/dav/ocm/a%20b/%20%C3%A4"


@pytest.mark.parametrize("name", ["..", "a/b", "", "a\nb"])
def test_a_name_that_is_none_leads_nowhere(name: str) -> None:
    assert _ways("x1", name=name) == AT_URI


@pytest.mark.parametrize("secret", ["with space", "line\r\nbreak", "ä", ""])
def test_a_secret_that_is_no_token_goes_out_only_as_basic(secret: str) -> None:
    assert {way.scheme for way in candidates(_peer(), uri="x1", secret=secret, name="f")} == {"Basic"}


def test_a_candidate_does_not_show_its_credential() -> None:
    assert "s3" not in repr(Candidate(HOST, "Bearer", "s3"))


# Trying


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    async with Network(OPEN, user_agent="test") as network:
        yield network


async def _probe(network: Network, answers: dict[tuple[str, str], int], uri: str = "x1") -> tuple[str, str, list[str]]:
    """What was found at a peer that gives these statuses, by path and scheme, and 401 else; and what was asked."""

    async def handler(exchange: Exchange) -> None:
        while True:
            method, path, _ = (await exchange.request()).decode().split(" ", 2)
            scheme = "Bearer" if b"Bearer s3" in exchange.wire.heads[-1] else "Basic"
            status = answers.get((path, scheme), 401)
            body = MULTISTATUS if status == 207 else b""
            await exchange.say(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body)
            asked.append(f"{method} {path} {scheme}")

    asked: list[str] = []
    async with wire(handler) as peer:
        ways = candidates(_peer(base=peer.url, end_point=peer.url + "/ocm"), uri=uri, secret="s3", name="f.txt")
        way, root = await probe(network, ways)
        assert not root.is_folder
        return way.root_url.removeprefix(peer.url), way.scheme, asked


async def test_the_first_way_that_is_answered_is_taken(network: Network) -> None:
    assert await _probe(network, {("/dav/ocm/x1", "Bearer"): 207, ("/dav/ocm/x1", "Basic"): 207}) == (
        "/dav/ocm/x1",
        "Bearer",
        ["PROPFIND /dav/ocm/x1 Bearer"],
    )


@pytest.mark.parametrize("no", [401, 403, 404, 500, 502, 302])
async def test_after_a_no_the_next_way_is_tried(network: Network, no: int) -> None:
    answers = {("/dav/ocm/x1", "Bearer"): no, ("/dav/ocm/x1", "Basic"): no, ("/dav/ocm/", "Basic"): 207}
    path, scheme, asked = await _probe(network, answers)
    assert (path, scheme, len(asked)) == ("/dav/ocm/", "Basic", 3)


async def test_a_file_that_is_only_below_its_name_is_found(network: Network) -> None:
    assert (await _probe(network, {("/dav/ocm/x1/f.txt", "Bearer"): 207}))[:2] == ("/dav/ocm/x1/f.txt", "Bearer")


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ({}, Gone),
        ({("/dav/ocm/x1", "Bearer"): 404}, Gone),
        ({("/dav/ocm/x1", "Basic"): 410}, Gone),
        ({("/dav/ocm/x1", "Bearer"): 403}, Forbidden),
        ({("/dav/ocm/x1", "Bearer"): 404, ("/dav/ocm/", "Basic"): 403}, NotFound),
        ({("/dav/ocm/x1", "Basic"): 503}, Unavailable),
        ({("/dav/ocm/x1", "Bearer"): 404, ("/dav/ocm/", "Basic"): 500}, Unavailable),
    ],
)
async def test_where_no_way_leads_in_a_fault_that_passes_counts_more_than_a_no(
    network: Network, answers: dict[tuple[str, str], int], error: type[OcmError]
) -> None:
    with pytest.raises(OcmError) as caught:
        await _probe(network, answers)
    assert type(caught.value) is error


async def test_a_dead_peer_is_asked_once(network: Network) -> None:
    async def hanging_up(exchange: Exchange) -> None:
        await exchange.request()

    async with wire(hanging_up) as peer:
        ways = [Candidate(f"{peer.url}/{number}", "Basic", "s3") for number in range(5)]
        with pytest.raises(Unreachable):
            await probe(network, ways)
        assert {head.split(b" ")[1] for head in peer.heads} == {b"/0"}


async def test_without_a_way_there_is_nothing_to_ask(network: Network) -> None:
    with pytest.raises(BadAnswer):
        await probe(network, [])
