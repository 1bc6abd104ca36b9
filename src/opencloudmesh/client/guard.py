"""The egress guard: where this server connects to when somebody else supplied the address.

A policy is a value and a required argument; what it does not open is closed. Every URL passes `check_url` and every
address that its name resolves to passes `check_address`. The two hooks into aiohttp, `CheckedResolver` and
`checked_socket`, see to it that nothing else is connected to: a name is resolved once for each connection, one bad
answer refuses it, and a socket is made only for an address that this very request has checked. So a name that
changes its mind between check and connection (DNS rebinding) gains nothing.

Ranges: the IANA special-purpose registries (RFC 6890 and its updates), RFC 6052 and RFC 8215 for NAT64.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, NamedTuple

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from opencloudmesh.protocol.errors import EgressDenied

Address = IPv4Address | IPv6Address
Networks = tuple[IPv4Network | IPv6Network, ...]
Resolver = Callable[[str, int], Awaitable[list[str]]]  # host, port -> addresses


def _networks(text: str) -> Networks:
    return tuple(ip_network(word) for word in text.split())


# No exception opens these: they are no place for another server, and some hand out a machine's credentials.
NEVER = _networks(
    """
    0.0.0.0/8 169.254.0.0/16 224.0.0.0/4 240.0.0.0/4
    ::/128 fe80::/10 fec0::/10 ff00::/8
    100.100.100.200/32 168.63.129.16/32 192.0.0.192/32 fd00:ec2::254/128
    """  # the last line: metadata services of Alibaba, Azure, Oracle and Amazon
)

# Not reachable from the whole internet: opened by `allow_private`, or for one host by `private_hosts`.
PRIVATE = _networks(
    """
    10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16
    198.18.0.0/15 198.51.100.0/24 203.0.113.0/24
    2001::/23 2001:db8::/32 3fff::/20
    """
)
GLOBAL_IPV6 = IPv6Network("2000::/3")  # all that is global unicast so far; what lies outside counts as private

NAT64 = IPv6Network("64:ff9b::/96")  # well-known prefix, RFC 6052
# Where the last 32 bits are an IPv4 address: NAT64, NAT64 for local use (RFC 8215), IPv4-compatible (deprecated).
EMBEDDING = (NAT64, IPv6Network("64:ff9b:1::/48"), IPv6Network("::/96"))
LOOPBACK = IPv6Address("::1")  # lies in the last of them
IPV4_BITS = 0xFFFFFFFF

# RFC 3986 without "#" (no fragments), and without "\" and controls, which parsers disagree about.
_URL_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")
_HOST_NAME = re.compile(r"(?=.{1,254}$)([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?")
# What some resolvers take for an IPv4 address: 2130706433, 127.1, 0x7f.1, 0177.0.0.1 (WHATWG URL: "ends in a number").
_ENDS_IN_NUMBER = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)\.?")


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """What may be connected to.

    `private_hosts`: `host` or `host:port` whose addresses may be private. `ports`: the only ones, where given.
    """

    allow_http: bool
    allow_private: bool
    private_hosts: frozenset[str] = frozenset()
    ports: frozenset[int] | None = None

    def check_url(self, url: str) -> URL:
        """The URL, parsed once for all that follows and never re-quoted. Raises `EgressDenied`."""
        if not _URL_CHARACTERS.fullmatch(url):
            raise EgressDenied("This is not an address that can be asked.", detail=f"characters in {url!r}")
        try:
            parsed = URL(url, encoded=True)
            port, host = parsed.port, (parsed.raw_host or "").lower()
        except ValueError as error:
            raise EgressDenied("This is not an address that can be asked.", detail=str(error)) from None
        if parsed.scheme not in (("https", "http") if self.allow_http else ("https",)):
            raise EgressDenied("Only https addresses are asked.", detail=f"scheme {parsed.scheme!r}")
        if "@" in parsed.raw_authority:
            raise EgressDenied("An address must not hold a user name or password.")
        if port is None or (self.ports is not None and port not in self.ports):
            raise EgressDenied("Servers on this port are not asked.", detail=f"port {port}")
        literal = _literal(host)
        if literal is not None:
            self.check_address(literal, exempt=self.exempts(host, port))
        elif not _HOST_NAME.fullmatch(host) or _ENDS_IN_NUMBER.fullmatch(host):
            raise EgressDenied("This is not the name of a server.", detail=f"host {host!r}")
        return parsed

    def with_private(self, host: str, port: int) -> EgressPolicy:
        """The same, with an exception for one more host."""
        name = f"[{host}]" if ":" in host else host
        return replace(self, private_hosts=self.private_hosts | {f"{name}:{port}"})

    def exempts(self, host: str, port: int) -> bool:
        """Whether this host may have private addresses."""
        name = f"[{host}]" if ":" in host else host
        return not self.private_hosts.isdisjoint({host, name, f"{name}:{port}"})

    def check_address(self, address: Address | str, *, exempt: bool = False) -> Address:
        """An address that may be connected to, parsed. Raises `EgressDenied`."""
        try:
            parsed = ip_address(address)
        except ValueError:
            raise EgressDenied("This is not an address that can be asked.", detail=f"{address!r}") from None
        for inner in _readings(parsed):
            if _within(inner, NEVER):
                raise EgressDenied("Servers at this address are never asked.", detail=f"{address} is {inner}")
            if not (self.allow_private or exempt or _is_public(inner)):
                raise EgressDenied("Servers in private networks are not asked.", detail=f"{address} is {inner}")
        return parsed


@dataclass(frozen=True, slots=True)
class Exemption:
    """What the operator allows for one host: private addresses; `ca` (PEM) instead of all other authorities."""

    private: bool = False
    ca: str | None = None


class _UnderWay(NamedTuple):
    """By which policy addresses are checked for a request, and those that were."""

    policy: EgressPolicy
    checked: set[Address]


# aiohttp resolves and connects in the task of the request or in tasks made from it, so both hooks see their own.
_under_way: ContextVar[_UnderWay] = ContextVar("under_way")


def begin_request(url: URL, policy: EgressPolicy) -> None:
    """Forgets the addresses that were checked before, in this task and the tasks made from it."""
    literal = _literal((url.raw_host or "").lower())
    _under_way.set(_UnderWay(policy, set() if literal is None else {literal}))


class CheckedResolver(AbstractResolver):
    """The hook for names of aiohttp: all addresses of a name, or `EgressDenied`."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - of aiohttp's interface
    ) -> list[ResolveResult]:
        """Every address of the name, checked."""
        answers = await self._resolver(host, port)
        if not answers:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        policy, checked = _under_way.get()
        exempt = policy.exempts(host.lower(), port)
        addresses = [policy.check_address(answer, exempt=exempt) for answer in answers]
        checked.update(addresses)
        return [_result(host, port, address) for address in addresses]

    async def close(self) -> None:
        """Nothing is held."""


class SocketDeniedError(PermissionError):
    """An `EgressDenied` on its way through aiohttp, which expects an `OSError` there."""


def checked_socket(info: tuple[Any, ...]) -> socket.socket:
    """The hook for sockets of aiohttp: one for an address that was checked, or `SocketDeniedError`."""
    family, kind, protocol, _, (address, *_) = info
    if _literal(address) not in _under_way.get().checked:
        raise SocketDeniedError(f"{address} was not checked")
    return socket.socket(family, kind, protocol)


def _result(host: str, port: int, address: Address) -> ResolveResult:
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    return ResolveResult(
        hostname=host, host=str(address), port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST
    )


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _readings(address: Address) -> Iterator[Address]:
    """The address and every IPv4 address that something on the way may read out of it."""
    if isinstance(address, IPv4Address):
        yield address
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped  # and only it: the kernel connects to it by IPv4
        return
    if _within(address, EMBEDDING) and address != LOOPBACK:
        yield IPv4Address(int(address) & IPV4_BITS)
    if address.sixtofour is not None:
        yield address.sixtofour
    yield from address.teredo or ()
    if address not in NAT64:  # where names are answered with NAT64, every server has such an address
        yield address


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in GLOBAL_IPV6:
        return False
    return not _within(address, PRIVATE)


def _within(address: Address, networks: Networks) -> bool:
    return any(address in network for network in networks)
