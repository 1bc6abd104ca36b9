"""The egress guard: addresses that people and peers supply.

CVE-2019-15616 (time-outs), CVE-2020-10252 (SSRF), CVE-2020-8138 (IPv4 in IPv6), CVE-2023-48306 (DNS rebinding), and the
rule that a policy is a required argument and fails closed.
"""

from __future__ import annotations

import ipaddress
import socket

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st
from tests.client.wires import Exchange, answering, ok, wire

from opencloudmesh.client.answer import peer_errors
from opencloudmesh.client.guard import EgressPolicy, SocketDeniedError, begin_request, checked_socket
from opencloudmesh.client.network import Network
from opencloudmesh.protocol.errors import EgressDenied

STRICT = EgressPolicy(allow_http=False, allow_private=False)
PLAIN = EgressPolicy(allow_http=True, allow_private=False)
OPEN = EgressPolicy(allow_http=True, allow_private=True)


def _words(text: str) -> list[str]:
    return text.split()


NOT_GLOBAL = _words("""
    127.0.0.1 127.255.255.254 10.1.2.3 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 100.127.255.255 198.18.0.1
    192.0.0.8 192.0.2.1 198.51.100.7 203.0.113.9 0.0.0.0 0.1.2.3 169.254.1.1 169.254.169.254 224.0.0.1 239.1.1.1
    240.0.0.1 255.255.255.255 168.63.129.16 100.100.100.200
    :: ::1 fc00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1 2001:db8::1 3fff::1 100::1 4000::1
""")
HIDING = {
    "IPv4-mapped": "::ffff:127.0.0.1",
    "IPv4-mapped metadata": "::ffff:a9fe:a9fe",
    "IPv4-compatible": "::127.0.0.1",
    "6to4": "2002:7f00:1::1",
    "6to4 of a private network": "2002:c0a8:101::",
    "Teredo with a private client": "2001:0:53aa:64c:0:fb:f5ff:fffe",
    "Teredo with a private server": "2001:0:a00:1::f7f7:f7f7",
    "NAT64": "64:ff9b::7f00:1",
    "NAT64 of metadata": "64:ff9b::169.254.169.254",
    "NAT64 for local use": "64:ff9b:1::8.8.8.8",
}


class ReachedError(AssertionError):
    """A test looked for a connection that must not be made."""


async def _must_not_resolve(host: str, port: int) -> list[str]:
    raise ReachedError(f"{host}:{port} was resolved")


def test_a_policy_must_say_what_it_allows() -> None:
    with pytest.raises(TypeError):
        EgressPolicy()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Network(user_agent="test")  # type: ignore[call-arg]


@pytest.mark.parametrize("address", NOT_GLOBAL)
def test_addresses_that_are_not_global_are_refused(address: str) -> None:
    with pytest.raises(EgressDenied):
        STRICT.check_address(address)


@pytest.mark.parametrize("address", HIDING.values(), ids=HIDING.keys())
def test_an_ipv4_address_does_not_hide_in_an_ipv6_address(address: str) -> None:
    with pytest.raises(EgressDenied):
        STRICT.check_address(address)


@pytest.mark.parametrize(
    "address", _words("8.8.8.8 1.1.1.1 2001:4860:4860::8888 ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2002:808:808::1")
)
def test_global_addresses_pass(address: str) -> None:
    assert STRICT.check_address(address) == ipaddress.ip_address(address)


@pytest.mark.parametrize(
    "address",
    _words(
        "169.254.169.254 ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe 2002:a9fe:a9fe:: 0.0.0.0 :: fe80::1 ff02::1 "
        "224.0.0.1 255.255.255.255 100.100.100.200 168.63.129.16 192.0.0.192 fd00:ec2::254 ::169.254.169.254 "
        "2001:0:a9fe:a9fe::1 2001:0:808:808:0:0:5601:5601 64:ff9b:1::a9fe:a9fe"
    ),
)
def test_metadata_and_what_is_no_server_stay_closed_where_private_networks_are_open(address: str) -> None:
    with pytest.raises(EgressDenied):
        OPEN.check_address(address)
    with pytest.raises(EgressDenied):
        STRICT.check_address(address, exempt=True)


@given(st.ip_addresses())
def test_nothing_passes_that_the_standard_library_knows_not_to_be_global(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    try:
        STRICT.check_address(address)
    except EgressDenied:
        return
    nat64 = address.version == 6 and address in ipaddress.ip_network("64:ff9b::/96")
    assert address.is_global or nat64 or getattr(address, "ipv4_mapped", None) is not None
    assert not (address.is_private or address.is_multicast or address.is_loopback or address.is_link_local) or nat64


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:{}", "64:ff9b::{}"]))
def test_an_embedded_address_passes_exactly_when_it_would_pass_itself(inner: ipaddress.IPv4Address, form: str) -> None:
    def passes(address: str) -> bool:
        try:
            STRICT.check_address(address)
        except EgressDenied:
            return False
        return True

    assert passes(form.format(inner)) == passes(str(inner))


@pytest.mark.parametrize(
    "host",
    _words(
        "2130706433 0x7f000001 017700000001 0177.0.0.1 0x7f.0.0.1 127.1 127.0.1 0 1 127.0.0.1. 127.0.0.01 "
        "256.256.256.256 example.123 example.0x1 [::1] [::ffff:127.0.0.1] [fe80::1%25eth0] 127.0.0.1 "
        "1%32%37.0.0.1 loc%61lhost .. a..b . [not-an-address]"
    ),
)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_other_spellings_of_addresses_are_refused_before_anything_is_resolved(scheme: str, host: str) -> None:
    async with Network(PLAIN, user_agent="test", resolver=_must_not_resolve) as network:
        with pytest.raises(EgressDenied):
            await network.request("GET", f"{scheme}://{host}/")
        with pytest.raises(EgressDenied):
            await network.request("GET", f"{scheme}://{host}:8080/x")


@pytest.mark.parametrize(
    "url",
    [
        "https://user@cloud.example/",
        "https://user:password@cloud.example/",
        "https://@cloud.example/",
        "https://cloud.example:80@evil.example/",
        "https://cloud.example\\@evil.example/",
        "https://cloud.example/#fragment",
        "https://cloud.example/ x",
        "https://cloud.example/\r\nHost: evil.example",
        "https://cloud.exämple/",
        "https://cloud.example:99999/",
        "https://cloud.example:-1/",
        "https://cloud.example:8o/",
        "https:///path",
        "https:cloud.example",
        "//cloud.example/",
        "cloud.example",
        "",
        "http://cloud.example/",
        "ftp://cloud.example/",
        "file:///etc/passwd",
        "gopher://cloud.example/",
        "ws://cloud.example/",
        "unix:///run/docker.sock",
        "javascript:alert(1)",
        "https://[::1",
    ],
)
async def test_what_is_no_plain_https_address_is_refused_before_anything_is_resolved(url: str) -> None:
    async with Network(STRICT, user_agent="test", resolver=_must_not_resolve) as network:
        with pytest.raises(EgressDenied):
            await network.request("GET", url)
        with pytest.raises(EgressDenied):
            async with network.stream("GET", url):
                raise ReachedError


@given(st.text())
def test_no_text_makes_the_guard_raise_anything_else(text: str) -> None:
    for url in (text, "https://" + text, "https://cloud.example" + text):
        try:
            STRICT.check_url(url)
        except EgressDenied:
            continue


@pytest.mark.parametrize(("ports", "port", "passes"), [(None, 8443, True), ({443}, 8443, False), ({8443}, 8443, True)])
def test_only_the_ports_of_the_policy_are_asked(ports: set[int] | None, port: int, passes: bool) -> None:
    policy = EgressPolicy(allow_http=False, allow_private=False, ports=ports and frozenset(ports))
    if passes:
        assert str(policy.check_url(f"https://cloud.example:{port}/")) == f"https://cloud.example:{port}/"
    else:
        with pytest.raises(EgressDenied):
            policy.check_url(f"https://cloud.example:{port}/")


def test_an_empty_set_of_ports_denies() -> None:
    with pytest.raises(EgressDenied):
        EgressPolicy(allow_http=False, allow_private=False, ports=frozenset()).check_url("https://cloud.example/")


@pytest.mark.parametrize(
    "answers",
    [
        ["127.0.0.1"],
        ["8.8.8.8", "127.0.0.1"],
        ["127.0.0.1", "8.8.8.8"],
        ["2001:4860::1", "::ffff:10.0.0.1"],
        ["nonsense"],
    ],
)
async def test_one_bad_answer_of_the_name_server_refuses_the_name(answers: list[str]) -> None:
    async with wire(answering(ok())) as peer:

        async def resolver(host: str, port: int) -> list[str]:
            return answers

        async with Network(PLAIN, user_agent="test", resolver=resolver) as network:
            with pytest.raises(EgressDenied):
                await network.request("GET", f"http://cloud.example:{peer.port}/")
            with pytest.raises(EgressDenied):
                async with network.stream("GET", f"http://cloud.example:{peer.port}/"):
                    raise ReachedError
        assert peer.connections == 0


async def test_localhost_is_refused_by_its_address() -> None:
    async with wire(answering(ok())) as peer, Network(PLAIN, user_agent="test") as network:
        with pytest.raises(EgressDenied):
            await network.request("GET", f"http://localhost:{peer.port}/")
        with pytest.raises(EgressDenied):
            await network.request("GET", f"http://LOCALHOST:{peer.port}/")
        assert peer.connections == 0


@pytest.mark.parametrize("exception", ["cloud.example", "cloud.example:{port}"])
async def test_an_exception_opens_private_addresses_for_its_host_only(exception: str) -> None:
    async def resolver(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async with wire(answering(ok(b"in"))) as peer:
        hosts = frozenset({exception.format(port=peer.port)})
        policy = EgressPolicy(allow_http=True, allow_private=False, private_hosts=hosts)
        async with Network(policy, user_agent="test", resolver=resolver) as network:
            answer = await network.request("GET", f"http://Cloud.example:{peer.port}/")
            assert (answer.body, peer.connections) == (b"in", 1)
            for other in ("other.example", "127.0.0.1", "sub.cloud.example", "cloud.example."):
                with pytest.raises(EgressDenied):
                    await network.request("GET", f"http://{other}:{peer.port}/")
            assert peer.connections == 1


async def test_an_exception_for_a_port_is_none_for_another() -> None:
    policy = EgressPolicy(allow_http=True, allow_private=False, private_hosts=frozenset({"127.0.0.1:1", "[::1]:1"}))
    assert policy.check_url("http://127.0.0.1:1/")
    assert policy.check_url("http://[::1]:1/")
    for url in ("http://127.0.0.1:2/", "http://[::1]:2/", "http://127.0.0.2:1/"):
        with pytest.raises(EgressDenied):
            policy.check_url(url)


async def test_a_name_is_resolved_and_checked_anew_for_every_connection() -> None:
    """The exception lets a name have private addresses, but not the metadata service to which it is rebound."""
    asked = []

    async def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    policy = EgressPolicy(allow_http=True, allow_private=False, private_hosts=frozenset({"cloud.example"}))
    async with wire(answering(ok(b"first", "Connection: close"))) as peer:
        async with Network(policy, user_agent="test", resolver=rebinding) as network:
            assert (await network.request("GET", f"http://cloud.example:{peer.port}/")).body == b"first"
            with pytest.raises(EgressDenied):
                await network.request("GET", f"http://cloud.example:{peer.port}/")
        assert (len(asked), peer.connections) == (2, 1)


async def test_the_connection_goes_to_the_address_that_was_checked_and_the_name_stays_in_host() -> None:
    asked = []

    async def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    async with wire(answering(ok())) as peer, Network(OPEN, user_agent="test", resolver=rebinding) as network:
        await network.request("GET", f"http://cloud.example:{peer.port}/")
        assert asked == ["cloud.example"]
        assert f"Host: cloud.example:{peer.port}\r\n".encode() in peer.heads[0]


def test_no_socket_is_made_for_an_address_that_this_request_has_not_checked() -> None:
    begin_request(OPEN.check_url("http://127.0.0.1/"), OPEN)
    checked_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 80))).close()
    for address in ("127.0.0.2", "8.8.8.8", "not-an-address"):
        with pytest.raises(SocketDeniedError):
            checked_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, 80)))
    begin_request(OPEN.check_url("http://cloud.example/"), OPEN)
    with pytest.raises(SocketDeniedError):
        checked_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 80)))


class _Unchecked(AbstractResolver):
    """A resolver that checks nothing: the first net, cut."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
            for address in self._addresses
        ]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["127.0.0.1", "127.0.0.2"]])
async def test_a_denial_at_the_socket_is_told_as_one(addresses: list[str]) -> None:
    async with wire(answering(ok())) as peer:
        url = OPEN.check_url(f"http://cloud.example:{peer.port}/")
        begin_request(url, OPEN)
        connector = aiohttp.TCPConnector(resolver=_Unchecked(*addresses), socket_factory=checked_socket)
        async with aiohttp.ClientSession(connector=connector) as session:
            with pytest.raises(EgressDenied), peer_errors("cloud.example"):
                await session.get(url)
        assert peer.connections == 0


async def test_a_redirect_into_private_space_is_refused() -> None:
    async with wire(answering(ok(b"secret"))) as inside:

        async def redirecting(exchange: Exchange) -> None:
            await exchange.request()
            target = exchange.wire.heads[-1].split(b"to=")[1].split(b" ")[0]
            await exchange.say(b"HTTP/1.1 302 Found\r\nLocation: " + target + b"\r\nContent-Length: 0\r\n\r\n")

        async def resolver(host: str, port: int) -> list[str]:
            return ["127.0.0.1"]

        policy = EgressPolicy(allow_http=True, allow_private=False, private_hosts=frozenset({"cloud.example"}))
        async with wire(redirecting) as peer, Network(policy, user_agent="test", resolver=resolver) as network:
            for target in (
                inside.url,
                f"http://inside.example:{inside.port}/",
                f"http://2130706433:{inside.port}/",
                f"http://[::ffff:7f00:1]:{inside.port}/",
                f"//127.0.0.1:{inside.port}/",
                f"http://user@cloud.example:{inside.port}/",
                "file:///etc/passwd",
            ):
                with pytest.raises(EgressDenied):
                    await network.request("GET", f"http://cloud.example:{peer.port}/?to={target}", redirects=3)
            assert peer.connections == 7
        assert inside.connections == 0
