"""Discovery, key sets and messages: what is asked of a peer, and how its answers are taken."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.client.certificates import authority, server_context
from tests.client.sites import NOTHING, asked, page, site, status
from tests.client.wires import answering, ok, wire

from opencloudmesh.client import peer as client
from opencloudmesh.client.guard import EgressPolicy
from opencloudmesh.client.network import Network
from opencloudmesh.protocol.discovery import Discovery
from opencloudmesh.protocol.errors import BadAnswer, EgressDenied, PeerError, Refused, Unavailable, Unreachable
from opencloudmesh.protocol.wire import Request

OPEN = EgressPolicy(allow_http=True, allow_private=True)
WELL_KNOWN, LEGACY, SLASH = PATHS = ("/.well-known/ocm", "/ocm-provider", "/ocm-provider/")
DOCUMENT = {"enabled": True, "apiVersion": "1.4.0", "endPoint": "/ocm", "provider": "Test"}
NO_DOCUMENTS = [NOTHING, ok(b"<html>"), ok(b"[]"), page({"enabled": True}), status(403), status(429), status(501)]


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    async with Network(OPEN, user_agent="OpenCloudMesh/1.2.3") as network:
        yield network


def host(port: int) -> str:
    return f"127.0.0.1:{port}"


# Discovery


@pytest.mark.parametrize("number", range(3))
async def test_the_document_is_looked_for_in_three_places_one_after_the_other(network: Network, number: int) -> None:
    async with wire(site({PATHS[number]: page(DOCUMENT)})) as peer:
        found = await client.discover(network, host(peer.port), allow_http=True)
    assert (found.provider, found.base_url, found.end_point) == ("Test", peer.url, peer.url + "/ocm")
    assert asked(peer.heads) == list(PATHS[: number + 1])
    assert all(b"\r\naccept: application/json\r\n" in head.lower() for head in peer.heads)


@pytest.mark.parametrize("first", NO_DOCUMENTS)
@pytest.mark.parametrize("second", NO_DOCUMENTS)
async def test_what_is_no_document_is_passed_over(network: Network, first: bytes, second: bytes) -> None:
    async with wire(site({WELL_KNOWN: first, LEGACY: second, SLASH: page(DOCUMENT)})) as peer:
        assert (await client.discover(network, host(peer.port), allow_http=True)).provider == "Test"


@pytest.mark.parametrize("answer", NO_DOCUMENTS)
async def test_a_server_without_any_document_does_not_speak_with_us(network: Network, answer: bytes) -> None:
    async with wire(site(dict.fromkeys(PATHS, answer))) as peer:
        with pytest.raises(BadAnswer):
            await client.discover(network, host(peer.port), allow_http=True)
    assert asked(peer.heads) == list(PATHS)


@pytest.mark.parametrize("code", [500, 502, 503, 504])
@pytest.mark.parametrize("number", range(3))
async def test_a_fault_that_passes_says_nothing_of_what_the_server_is(network: Network, code: int, number: int) -> None:
    pages = {PATHS[number]: status(code)} | dict.fromkeys(PATHS[number + 1 :], page(DOCUMENT))
    async with wire(site(pages)) as peer:
        with pytest.raises(Unreachable, match=f"{code} at the moment"):
            await client.discover(network, host(peer.port), allow_http=True)
    assert asked(peer.heads) == list(PATHS[: number + 1])


async def test_a_document_without_end_is_not_read(network: Network) -> None:
    long = page({**DOCUMENT, "provider": "x" * client.MAX_DOCUMENT})
    async with wire(site({WELL_KNOWN: long})) as peer:
        with pytest.raises(BadAnswer):
            await client.discover(network, host(peer.port), allow_http=True)


async def test_a_redirect_is_followed_and_the_server_keeps_its_name(network: Network) -> None:
    async with wire(site({"/there": page(DOCUMENT)})) as other:
        moved = status(302, None, f"Location: {other.url}/there")
        async with wire(site({WELL_KNOWN: moved})) as peer:
            found = await client.discover(network, host(peer.port), allow_http=True)
    assert (found.base_url, found.end_point) == (peer.url, peer.url + "/ocm")


# TLS and plain http


@pytest.mark.parametrize("allow_http", [False, True])
async def test_https_is_asked_first(tmp_path: Path, allow_http: bool) -> None:
    ca = authority(tmp_path)
    tls = server_context(tmp_path, ca, "127.0.0.1")
    async with (
        wire(site({WELL_KNOWN: page(DOCUMENT)}), tls=tls) as peer,
        Network(OPEN, user_agent="test", ca_file=str(ca.file)) as network,
    ):
        found = await client.discover(network, host(peer.port), allow_http=allow_http)
    assert found.base_url == f"https://127.0.0.1:{peer.port}"
    assert peer.connections == 1


async def test_plain_http_is_not_asked_unless_it_is_allowed(network: Network) -> None:
    async with wire(site({WELL_KNOWN: page(DOCUMENT)})) as peer:
        with pytest.raises(Unreachable):
            await client.discover(network, host(peer.port), allow_http=False)
    assert (peer.connections, peer.heads) == (1, [])


async def test_a_certificate_that_is_not_trusted_ends_it_where_plain_http_is_not_allowed(
    network: Network, tmp_path: Path
) -> None:
    tls = server_context(tmp_path, authority(tmp_path), "127.0.0.1")
    async with wire(site({WELL_KNOWN: page(DOCUMENT)}), tls=tls) as peer:
        with pytest.raises(Unreachable, match="certificate"):
            await client.discover(network, host(peer.port), allow_http=False)
    assert peer.heads == []


async def test_what_the_server_said_over_https_is_told_before_the_failure_of_plain_http(tmp_path: Path) -> None:
    ca = authority(tmp_path)
    tls = server_context(tmp_path, ca, "127.0.0.1")
    async with (
        wire(site({}), tls=tls) as peer,
        Network(OPEN, user_agent="test", ca_file=str(ca.file)) as network,
    ):
        with pytest.raises(BadAnswer, match=r"https://.* does not speak Open Cloud Mesh"):
            await client.discover(network, host(peer.port), allow_http=True)


async def test_an_address_that_the_guard_refuses_is_not_asked() -> None:
    policy = EgressPolicy(allow_http=True, allow_private=False)
    async with wire(site({WELL_KNOWN: page(DOCUMENT)})) as peer, Network(policy, user_agent="test") as network:
        with pytest.raises(EgressDenied):
            await client.discover(network, host(peer.port), allow_http=True)
    assert peer.connections == 0


# Key sets


async def fetch(network: Network, answer: bytes) -> dict[str, object]:
    async with wire(site({"/keys": answer})) as peer:
        known = Discovery.read({**DOCUMENT, "jwksUri": "/keys"}, peer.url)
        return await client.fetch_keys(network, known)


async def test_a_key_set_is_read_where_the_document_says(network: Network) -> None:
    assert await fetch(network, page({"keys": []})) == {"keys": []}


@pytest.mark.parametrize("answer", [NOTHING, status(500), ok(b"<html>"), ok(b"[]")])
async def test_what_is_no_key_set_is_a_bad_answer(network: Network, answer: bytes) -> None:
    with pytest.raises(BadAnswer):
        await fetch(network, answer)


# Messages


async def post(network: Network, answer: bytes, sign: client.Signer | None = None) -> tuple[bytes, bytes]:
    """The head and body that arrived."""
    async with wire(answering(answer)) as peer:
        await client.post(network, peer.url + "/ocm/shares", {"name": "ünïcödé"}, sign)
    return peer.heads[0], peer.bodies[0]


@pytest.mark.parametrize("answer", [ok(b"{}"), status(201), status(202), b"HTTP/1.1 204 No Content\r\n\r\n", ok()])
async def test_a_message_is_json_and_any_2xx_says_that_it_was_taken(network: Network, answer: bytes) -> None:
    head, body = await post(network, answer)
    assert head.startswith(b"POST /ocm/shares HTTP/1.1\r\n")
    assert b"\r\ncontent-type: application/json\r\n" in head.lower()
    assert b"signature" not in head.lower()
    assert json.loads(body) == {"name": "ünïcödé"}


async def test_what_was_signed_is_what_is_sent(network: Network) -> None:
    signed: list[Request] = []

    def sign(request: Request) -> Request:
        signed.append(request)
        return Request(request.method, request.url, request.headers | {"Signature": "ocm=:AAAA:"}, request.body)

    head, body = await post(network, ok(b"{}"), sign)
    assert b"signature: ocm=:AAAA:\r\n" in head
    assert (signed[0].method, signed[0].body) == ("POST", body)
    assert signed[0].url.endswith("/ocm/shares")


async def refused(network: Network, answer: bytes) -> PeerError | Unavailable:
    with pytest.raises((PeerError, Unavailable)) as caught:
        await post(network, answer)
    return caught.value


@pytest.mark.parametrize("code", [400, 401, 403, 404, 405, 409, 413, 415, 501])
async def test_a_no_is_told_with_its_status(network: Network, code: int) -> None:
    error = await refused(network, status(code))
    assert isinstance(error, Refused)
    assert error.peer_status == code
    assert error.message.startswith("127.0.0.1:")
    assert error.message.endswith(f" refused ({code}).")


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_a_message_is_never_redirected(network: Network, code: int) -> None:
    async with wire(answering(ok(b"{}"))) as other:
        error = await refused(network, status(code, None, f"Location: {other.url}/"))
        assert isinstance(error, Refused)
        assert error.peer_status == code
        assert other.connections == 0


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
@pytest.mark.parametrize(
    ("field", "wait"),
    [
        (None, None),
        ("Retry-After: 120", 120),
        ("Retry-After: 0", 0),
        ("Retry-After: -1", None),
        ("Retry-After: 1.5", None),
        ("Retry-After: Tue, 05 Aug 2025 10:00:00 GMT", None),
        ("Retry-After: 99999999999999999999", None),
    ],
)
async def test_a_peer_that_cannot_now_is_tried_again_when_it_says(
    network: Network, code: int, field: str | None, wait: int | None
) -> None:
    error = await refused(network, status(code, None, *([field] if field else [])))
    assert isinstance(error, Unavailable)
    assert (error.retry_after, f"({code})" in error.message) == (wait, True)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"message": "No such user."}, ": No such user"),
        ({"message": "USER_NOT_FOUND", "validationErrors": []}, ": USER_NOT_FOUND"),
        (
            {"message": "Wrong", "validationErrors": [{"name": "shareWith", "message": "INVALID"}]},
            ": Wrong; shareWith: INVALID",
        ),
        (
            {"message": "Wrong", "validationErrors": [{"name": "shareWith", "message": "NOT_FOUND"}]},
            ": there is nobody of that name",
        ),
        ({"validationErrors": [{"name": "shareWith", "message": None}]}, ": shareWith"),
        ({"validationErrors": [{}, None, 1, {"message": "INVALID"}]}, ": INVALID"),
        ({"message": "two\r\nlines\t\x1b[31mred\x00"}, ": two  lines  [31mred"),
        ({"message": "left\u202eright\u200b"}, ": left right"),
        ({"message": "x" * 1000}, ": " + "x" * 300),
        ({"message": "\x00\n"}, ""),
        ({"message": ["a", "b"]}, ""),
        ({"message": {"a": "b"}, "validationErrors": {"a": "b"}}, ""),
        ({"error": "no"}, ""),
        ([], ""),
        ("no", ""),
    ],
)
@pytest.mark.parametrize("code", [400, 503])
async def test_the_peers_own_sentence_is_shown_without_what_could_do_harm(
    network: Network, body: object, said: str, code: int
) -> None:
    error = await refused(network, status(code, body))
    assert error.message.partition(f"({code})")[2] == said + "."


@pytest.mark.parametrize("body", [b"<html>no</html>", b"\xff\xfe", b""])
async def test_a_page_for_people_is_not_shown(network: Network, body: bytes) -> None:
    error = await refused(network, ok(body).replace(b"200 OK", b"400 Bad Request"))
    assert error.message.endswith("refused (400).")


async def test_a_peer_that_is_away_is_unreachable_and_the_log_says_so(
    network: Network, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "opencloudmesh.mesh")
    async with wire(answering()) as peer:
        with pytest.raises(Unreachable):
            await client.post(network, peer.url, {}, None)
    assert caplog.messages == [f"out POST {peer.url}/: no answer (ServerDisconnectedError)"]


async def test_a_page_is_no_answer_whatever_its_status_is(network: Network) -> None:
    """Of a proxy, a portal, or whatever else listens there just then."""
    for sent in (b"<html>", b"\n <!doctype html>"):
        error = await refused(network, ok(sent))
        assert isinstance(error, Unavailable)
        assert error.message.endswith(" answers with a page, and has not understood the message.")


async def test_a_message_is_sent_once_whatever_happens_to_the_connection(network: Network) -> None:
    """DESIGN rule 9: whether to repeat it is decided by the outbox."""
    async with wire(answering(b"")) as peer:
        with pytest.raises(Unreachable):
            await client.post(network, peer.url, {}, None)
    assert len(peer.heads) == 1
