"""Requests to peers that are slow, dead, broken or hostile. SECURITY: CVE-2019-15616, bodies without end."""

from __future__ import annotations

import asyncio
import functools
import gzip
import socket
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.client.certificates import authority, server_context
from tests.client.wires import Exchange, answering, ok, wire

from opencloudmesh.client.guard import EgressPolicy
from opencloudmesh.client.network import Network, Timeouts
from opencloudmesh.protocol.errors import BadAnswer, EgressDenied, Invalid, OcmError, Unavailable, Unreachable
from opencloudmesh.protocol.wire import Headers

OPEN = EgressPolicy(allow_http=True, allow_private=True)
SHORT = Timeouts(connect=0.5, idle=0.3, total=0.3)


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    async with Network(OPEN, user_agent="OpenCloudMesh/1.2.3") as network:
        yield network


def in_time(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """A test that fails where a limit does not hold, instead of waiting with it."""

    @functools.wraps(test)
    async def limited(*args: Any, **more: Any) -> None:
        async with asyncio.timeout(20):
            await test(*args, **more)

    return limited


async def _dribble(exchange: Exchange, data: bytes) -> None:
    for byte in data:
        await exchange.say(bytes([byte]))
        await asyncio.sleep(0.02)


# What is sent


async def test_target_and_headers_go_out_exactly_as_given(network: Network) -> None:
    path = "/a%2Fb/%7e/%c3%A9/;x=1/./../(y)?q=%20+%2B&empty=&[z]"
    headers = Headers(
        {
            "Host": "cloud.example",
            "Date": "Tue, 05 Aug 2025 10:00:00 GMT",
            "Content-Length": "2",
            "Content-Type": "application/json",
            "Signature": 'ocm=:AAAA:;x="y"',
        }
    )
    async with wire(answering(ok())) as peer:
        await network.request("POST", peer.url + path, headers=headers, body=b"{}")
    request_line, *fields = peer.heads[0].decode().rstrip("\r\n").split("\r\n")
    assert request_line == f"POST {path} HTTP/1.1"
    sent = Headers([(name, value) for name, _, value in (field.partition(":") for field in fields)])
    for name, value in headers:
        assert sent.all(name) == [value]
    assert sent.all("user-agent") == ["OpenCloudMesh/1.2.3"]
    assert sent.all("accept-encoding") == ["identity"]
    assert "cookie" not in sent
    assert peer.bodies == [b"{}"]


async def test_an_empty_post_says_that_it_is_empty(network: Network) -> None:
    async with wire(answering(ok())) as peer:
        await network.request("POST", peer.url)
    assert b"\r\nContent-Length: 0\r\n" in peer.heads[0]
    assert b"Content-Type" not in peer.heads[0]


async def test_cookies_are_not_kept() -> None:
    async def resolver(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    peer_says = answering(ok(b"", "Set-Cookie: id=1; Path=/"), ok())
    async with wire(peer_says) as peer, Network(OPEN, user_agent="test", resolver=resolver) as network:
        for _ in range(2):
            await network.request("GET", f"http://cloud.example:{peer.port}/")
    assert len(peer.heads) == 2
    assert not any(b"cookie" in head.lower() for head in peer.heads)


async def test_proxies_and_netrc_of_the_environment_are_not_used(
    network: Network, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("default login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    async with wire(answering(ok())) as proxy, wire(answering(ok(b"direct"))) as peer:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert (await network.request("GET", peer.url)).body == b"direct"
        assert proxy.connections == 0
    assert b"authorization" not in peer.heads[0].lower()


async def test_a_header_with_a_line_break_is_not_sent(network: Network) -> None:
    async with wire(answering(ok())) as peer:
        with pytest.raises(OcmError):
            await network.request("GET", peer.url, headers={"Authorization": "Bearer x\r\nX-Injected: 1"})
    assert peer.heads == []


# What is answered


async def test_an_answer_comes_with_status_headers_and_body(network: Network) -> None:
    answer = b"HTTP/1.1 418 Short And Stout\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 3\r\n\r\npot"
    async with wire(answering(answer)) as peer:
        response = await network.request("GET", peer.url)
    assert (response.status, response.headers.get("x-a"), response.body) == (418, "1, 2", b"pot")


async def test_a_body_over_the_limit_is_refused(network: Network) -> None:
    async with wire(answering(ok(b"x" * 11))) as peer:
        with pytest.raises(BadAnswer):
            await network.request("GET", peer.url, limit=10)
    async with wire(answering(ok(b"x" * 10))) as peer:
        assert len((await network.request("GET", peer.url, limit=10)).body) == 10


@in_time
async def test_a_body_without_end_is_cut_off(network: Network) -> None:
    gone = asyncio.Event()

    async def endless(exchange: Exchange) -> None:
        await exchange.request()
        await exchange.say(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                await exchange.say(b"x" * 65536)
        finally:
            gone.set()

    async with wire(endless) as peer:
        with pytest.raises(BadAnswer):
            await network.request("GET", peer.url)
        await asyncio.wait_for(gone.wait(), 5)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_compressed_body_that_nobody_asked_for_is_unpacked_within_the_limit(
    network: Network, coding: str
) -> None:
    pack = gzip.compress if coding == "gzip" else zlib.compress
    async with wire(answering(ok(pack(b"x" * 1000), f"Content-Encoding: {coding}"))) as peer:
        assert (await network.request("GET", peer.url, limit=1000)).body == b"x" * 1000
    for size in (1_001, 50_000_000):
        async with wire(answering(ok(pack(b"x" * size), f"Content-Encoding: {coding}"))) as peer:
            with pytest.raises(BadAnswer):
                await network.request("GET", peer.url, limit=1_000 if size < 2_000 else 1_000_000)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b"not gzip"),
        ("gzip", gzip.compress(b"x" * 1000, mtime=0)[:-9]),
        ("br", b"\x00"),
        ("gzip, gzip", b"\x00"),
    ],
)
async def test_a_body_that_cannot_be_unpacked_is_a_bad_answer(network: Network, coding: str, body: bytes) -> None:
    async with wire(answering(ok(body, f"Content-Encoding: {coding}"))) as peer:
        with pytest.raises(BadAnswer):
            await network.request("GET", peer.url)


async def test_a_stream_leaves_the_bytes_as_they_are(network: Network) -> None:
    packed = gzip.compress(b"archive")
    peer_says = answering(ok(packed, "Content-Encoding: x-gzip"))
    async with wire(peer_says) as peer, network.stream("GET", peer.url) as answer:
        assert b"".join([chunk async for chunk in answer.chunks()]) == packed


# What goes wrong


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x00\xff\xfe" * 50 + b"\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 100_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nX-",
        b"",
    ],
)
async def test_garbage_and_early_ends_make_the_peer_unreachable(network: Network, garbage: bytes) -> None:
    async with wire(answering(garbage)) as peer:
        with pytest.raises(Unreachable) as caught:
            await network.request("GET", peer.url, timeout=Timeouts(total=5))
        assert caught.value.message.startswith(f"127.0.0.1:{peer.port} did not answer: ")
        with pytest.raises(Unreachable):
            async with network.stream("PUT", peer.url, body=b"x", idle=5) as answer:
                await answer.read(100)


async def test_a_refused_connection_is_told_in_one_sentence(network: Network) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unreachable) as caught:
        await network.request("GET", f"http://127.0.0.1:{port}/")
    assert caught.value.message == f"127.0.0.1:{port} did not answer: connection refused."


async def test_a_name_that_does_not_exist_is_told_as_such() -> None:
    async def resolver(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def empty(host: str, port: int) -> list[str]:
        return []

    for nowhere in (resolver, empty):
        async with Network(OPEN, user_agent="test", resolver=nowhere) as network:
            with pytest.raises(Unreachable) as caught:
                await network.request("GET", "https://cloud.example/")
            assert caught.value.message == "cloud.example did not answer: its name is not known."


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
@in_time
async def test_silence_is_ended_by_the_idle_limit(network: Network, answer: bytes) -> None:
    async def silent(exchange: Exchange) -> None:
        await exchange.request()
        await exchange.say(answer)
        await exchange.reader.read()

    async with wire(silent) as peer:
        with pytest.raises(Unreachable) as caught:
            await network.request("GET", peer.url, timeout=Timeouts(idle=0.1, total=60))
        assert caught.value.message.endswith("it took too long.")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 8000,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 8000,
        b"HTTP/1.1 103 Hints\r\n\r\n" * 400,
    ],
    ids=["headers", "body", "informational"],
)
@in_time
async def test_an_answer_byte_by_byte_is_ended_by_the_total_limit(network: Network, answer: bytes) -> None:
    async def slow(exchange: Exchange) -> None:
        await exchange.request()
        await _dribble(exchange, answer)

    async with wire(slow) as peer:
        with pytest.raises(Unreachable):
            await network.request("GET", peer.url, timeout=SHORT)


@in_time
async def test_headers_byte_by_byte_end_a_stream_too(network: Network) -> None:
    async def slow(exchange: Exchange) -> None:
        await exchange.request()
        await _dribble(exchange, b"HTTP/1.1 200 OK\r\nX: " + b"x" * 8000)

    async with wire(slow) as peer:
        for body in (None, b"x"):
            with pytest.raises(Unreachable):
                async with network.stream("PUT" if body else "GET", peer.url, body=body, idle=0.3):
                    raise AssertionError


@in_time
async def test_a_name_server_that_hangs_is_ended_by_the_total_limit() -> None:
    async def resolver(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    async with Network(OPEN, user_agent="test", resolver=resolver) as network:
        with pytest.raises(Unreachable):
            await network.request("GET", "https://cloud.example/", timeout=SHORT)
        with pytest.raises(Unreachable):
            async with network.stream("GET", "https://cloud.example/", idle=0.1):
                raise AssertionError


async def test_a_slow_stream_that_moves_is_not_ended(network: Network) -> None:
    """No total limit on bodies: this one takes several times as long as may pass between two of its pieces."""

    async def slow(exchange: Exchange) -> None:
        await exchange.request()
        await exchange.say(b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n")
        await _dribble(exchange, b"x" * 60)

    async with wire(slow) as peer, network.stream("GET", peer.url, idle=0.4) as answer:
        assert (answer.status, await answer.read(100)) == (200, b"x" * 60)


async def test_a_cancelled_request_is_cancelled_and_not_an_error_of_the_peer(network: Network) -> None:
    arrived = asyncio.Event()

    async def silent(exchange: Exchange) -> None:
        await exchange.request()
        arrived.set()
        await exchange.reader.read()

    async with wire(silent) as peer:
        task = asyncio.create_task(network.request("GET", peer.url))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


# Uploads


async def test_an_upload_of_known_length_is_sent_with_it(network: Network) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"hello "
        yield b"world"

    headers = {"Content-Length": "11"}
    async with (
        wire(answering(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")) as peer,
        network.stream("PUT", peer.url, headers=headers, body=pieces()) as answer,
    ):
        assert answer.status == 201
    assert peer.bodies == [b"hello world"]


async def test_an_upload_whose_source_fails_raises_that_and_never_looks_complete(network: Network) -> None:
    received = bytearray()
    closed = asyncio.Event()

    async def all_of_it(exchange: Exchange) -> None:
        while data := await exchange.reader.read(65536):
            received.extend(data)
        closed.set()

    async def failing() -> AsyncIterator[bytes]:
        yield b"x" * 1000
        raise OSError("the person's connection is gone")

    async with wire(all_of_it) as peer:
        with pytest.raises(OSError, match="the person's connection is gone"):
            async with network.stream("PUT", peer.url, body=failing()):
                raise AssertionError
        await asyncio.wait_for(closed.wait(), 5)
        assert peer.connections == 1
    assert b"x" * 1000 in received
    assert not received.endswith(b"0\r\n\r\n")


async def test_an_upload_waits_for_a_slow_person_but_not_for_a_slow_peer(network: Network) -> None:
    async def slow_person() -> AsyncIterator[bytes]:
        yield b"a"
        await asyncio.sleep(0.5)
        yield b"b"

    async with wire(answering(ok())) as peer:
        headers = {"Content-Length": "2"}
        async with network.stream("PUT", peer.url, headers=headers, body=slow_person(), idle=0.2) as answer:
            assert answer.status == 200

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536

    async def never_reads(exchange: Exchange) -> None:
        await asyncio.Event().wait()

    async with wire(never_reads) as peer:
        with pytest.raises(Unreachable):
            async with network.stream("PUT", peer.url, body=endless(), idle=0.2):
                raise AssertionError


async def test_an_upload_that_is_refused_early_ends_early(network: Network) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536
            await asyncio.sleep(0)

    async def refusing(exchange: Exchange) -> None:
        await exchange.reader.readuntil(b"\r\n\r\n")
        await exchange.say(b"HTTP/1.1 507 Insufficient Storage\r\nContent-Length: 0\r\n\r\n")
        while await exchange.reader.read(1_000_000):
            pass

    async with wire(refusing) as peer, network.stream("PUT", peer.url, body=endless()) as answer:
        assert answer.status == 507


# Connections


@pytest.mark.parametrize("method", ["GET", "PROPFIND"])
async def test_a_question_on_a_connection_just_given_up_is_asked_again(network: Network, method: str) -> None:
    async def once(exchange: Exchange) -> None:
        await exchange.request()
        await exchange.say(ok(b"1"))
        await exchange.request()  # and closes instead of answering

    async with wire(once) as peer:
        for _ in range(3):
            assert (await network.request(method, peer.url)).body == b"1"
        assert peer.connections == 3


@pytest.mark.parametrize("method", ["POST", "PUT", "MKCOL", "MOVE", "COPY"])
async def test_a_change_is_sent_once_and_on_a_fresh_connection(network: Network, method: str) -> None:
    async with wire(answering(ok(), ok())) as peer:
        await network.request("GET", peer.url)
        await network.request(method, peer.url, body=b"x")
        await network.request(method, peer.url, body=b"x")
        assert peer.connections == 3

    async def swallowing(exchange: Exchange) -> None:
        await exchange.request()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"x"

    async with wire(swallowing) as peer:
        with pytest.raises(Unreachable):
            async with network.stream(method, peer.url, headers={"Content-Length": "1"}, body=pieces()):
                raise AssertionError
        assert peer.connections == 1


@in_time
async def test_only_so_many_requests_to_one_peer_are_under_way_at_once() -> None:
    under_way = 0
    most = 0
    go = asyncio.Event()

    async def counting(exchange: Exchange) -> None:
        nonlocal under_way, most
        await exchange.request()
        under_way += 1
        most = max(most, under_way)
        if under_way == 3:
            go.set()
        await go.wait()
        under_way -= 1
        await exchange.say(ok(b"", "Connection: close"))

    async with wire(counting) as peer, Network(OPEN, user_agent="test", per_peer=3) as network:
        answers = await asyncio.gather(*(network.request("GET", peer.url) for _ in range(12)))
        assert [answer.status for answer in answers] == [200] * 12
        assert most == 3


@in_time
async def test_streams_leave_room_for_questions_and_waiting_is_our_own_fault() -> None:
    async def hanging(exchange: Exchange) -> None:
        head = await exchange.request()
        if b"/file" in head:
            await exchange.say(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
            await exchange.reader.read()
        await exchange.say(ok(b"listing"))

    async with wire(hanging) as peer, Network(OPEN, user_agent="test", per_peer=1) as network:
        async with network.stream("GET", peer.url + "/file"):
            assert (await network.request("PROPFIND", peer.url)).body == b"listing"
            with pytest.raises(Unavailable):
                async with network.stream("GET", peer.url + "/file", idle=0.1):
                    raise AssertionError
        async with network.stream("GET", peer.url + "/file") as answer:
            assert answer.status == 200


async def test_a_stream_that_was_left_gives_its_connection_back(network: Network) -> None:
    closed = asyncio.Event()

    async def endless(exchange: Exchange) -> None:
        await exchange.request()
        await exchange.say(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                await exchange.say(b"x" * 65536)
        finally:
            closed.set()

    async with wire(endless) as peer:
        async with network.stream("GET", peer.url) as answer:
            async for _ in answer.chunks():
                break
        await asyncio.wait_for(closed.wait(), 5)


# Redirects


def _redirect(status: int, target: str) -> bytes:
    return f"HTTP/1.1 {status} Moved\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_post_is_never_redirected(network: Network, status: int) -> None:
    async with wire(answering(ok())) as other, wire(answering(_redirect(status, other.url))) as peer:
        response = await network.request("POST", peer.url, body=b"signed", redirects=5)
        assert (response.status, other.connections) == (status, 0)


async def test_without_leave_no_redirect_is_followed(network: Network) -> None:
    async with wire(answering(ok())) as other, wire(answering(_redirect(302, other.url))) as peer:
        assert (await network.request("GET", peer.url)).status == 302
        async with network.stream("GET", peer.url) as answer:
            assert answer.status == 302
        assert other.connections == 0


async def test_a_redirect_inside_a_server_keeps_the_headers(network: Network) -> None:
    async with wire(answering(_redirect(301, "b%20c?d#e"), ok(b"here"))) as peer:
        response = await network.request("GET", peer.url + "/a", headers={"Authorization": "Bearer x"}, redirects=1)
    assert response.body == b"here"
    assert peer.heads[1].startswith(b"GET /b%20c?d HTTP/1.1\r\n")
    assert b"Bearer x" in peer.heads[1]


async def test_a_redirect_to_another_server_takes_no_credentials_along(network: Network) -> None:
    headers = {"Authorization": "Bearer x", "Host": "cloud.example", "Accept": "application/json", "Signature": "s"}
    async with wire(answering(ok(b"there"))) as other, wire(answering(_redirect(302, other.url))) as peer:
        assert (await network.request("GET", peer.url, headers=headers, redirects=1)).body == b"there"
        head = other.heads[0].lower()
        assert f"\r\nhost: 127.0.0.1:{other.port}\r\n".encode() in head
        assert b"accept: application/json" in head
        assert b"bearer" not in head
        assert b"signature" not in head


async def test_a_redirect_too_many_is_a_bad_answer(network: Network) -> None:
    async with wire(answering(*[_redirect(302, "/again")] * 5)) as peer:
        with pytest.raises(BadAnswer):
            await network.request("GET", peer.url, redirects=2)
        assert len(peer.heads) == 3


# TLS


async def test_tls_of_an_unknown_authority_is_refused_and_of_a_given_one_accepted(tmp_path: Path) -> None:
    ca = authority(tmp_path)
    async with wire(answering(ok(b"safe")), tls=server_context(tmp_path, ca, "localhost", "127.0.0.1")) as peer:
        async with Network(OPEN, user_agent="test") as network:
            with pytest.raises(Unreachable) as caught:
                await network.request("GET", f"https://localhost:{peer.port}/")
            assert caught.value.message.endswith("its certificate is not trusted.")
        assert peer.heads == []
        async with Network(OPEN, user_agent="test", ca_file=str(ca.file)) as network:
            for host in ("localhost", "127.0.0.1"):
                assert (await network.request("GET", f"https://{host}:{peer.port}/")).body == b"safe"


@pytest.mark.parametrize("fault", ["other name", "expired"])
async def test_a_certificate_that_does_not_fit_is_refused(tmp_path: Path, fault: str) -> None:
    ca = authority(tmp_path)
    name = "elsewhere.example" if fault == "other name" else "localhost"
    context = server_context(tmp_path, ca, name, expired=fault == "expired")
    async with wire(answering(ok()), tls=context) as peer:
        async with Network(OPEN, user_agent="test", ca_file=str(ca.file)) as network:
            with pytest.raises(Unreachable) as caught:
                await network.request("GET", f"https://localhost:{peer.port}/")
        assert caught.value.message.endswith("its certificate is not trusted.")
        assert peer.heads == []


async def test_a_name_that_resolves_elsewhere_still_needs_its_own_certificate(tmp_path: Path) -> None:
    async def resolver(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    ca = authority(tmp_path)
    async with (
        wire(answering(ok(b"safe")), tls=server_context(tmp_path, ca, "cloud.example")) as peer,
        Network(OPEN, user_agent="test", ca_file=str(ca.file), resolver=resolver) as network,
    ):
        assert (await network.request("GET", f"https://cloud.example:{peer.port}/")).body == b"safe"
        with pytest.raises(Unreachable):
            await network.request("GET", f"https://other.example:{peer.port}/")


async def test_a_redirect_from_tls_to_plain_http_is_refused(tmp_path: Path) -> None:
    ca = authority(tmp_path)
    async with (
        wire(answering(ok())) as plain,
        wire(answering(_redirect(302, plain.url)), tls=server_context(tmp_path, ca, "localhost")) as peer,
        Network(OPEN, user_agent="test", ca_file=str(ca.file)) as network,
    ):
        with pytest.raises(EgressDenied):
            await network.request("GET", f"https://localhost:{peer.port}/", redirects=1)
        assert (plain.connections, peer.connections) == (0, 1)


async def test_plain_http_on_a_tls_port_is_told_as_no_secure_connection(network: Network) -> None:
    async def plain(exchange: Exchange) -> None:
        await exchange.reader.read(1)
        await exchange.say(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    async with wire(plain) as peer:
        with pytest.raises(Unreachable) as caught:
            await network.request("GET", f"https://127.0.0.1:{peer.port}/")
        assert caught.value.message.endswith("no secure connection could be made.")


async def test_an_error_of_the_source_that_is_ours_comes_through(network: Network) -> None:
    async def wrong() -> AsyncIterator[bytes]:
        yield b"x"
        raise Invalid("The body is longer than announced.")

    async def reading(exchange: Exchange) -> None:
        await exchange.reader.read()

    async with wire(reading) as peer:
        with pytest.raises(Invalid):
            async with network.stream("PUT", peer.url, body=wrong()):
                raise AssertionError
