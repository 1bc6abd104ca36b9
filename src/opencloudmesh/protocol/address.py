"""OCM Addresses: `identifier "@" host [":" port]` (IETF-OCM, "Terms").

    >>> str(Address.parse("marie@https://Cloud.Example/"))
    'marie@cloud.example'

The identifier is opaque, case-sensitive and may itself contain "@", so the text is split at the last one. What
deployed peers really write (a scheme, a trailing slash, a path, capitals) is understood and never written.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from opencloudmesh.protocol import base64url
from opencloudmesh.protocol.errors import Invalid

MAX_LENGTH = 1024  # characters; no specification names a limit, no real address comes near

# Narrower than RFC 5322: nothing that a mail server, or a header, could take for something else than an address.
_EMAIL = re.compile(
    r"(?![.-])[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?=.{1,190}\Z)"
    r"([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)
_SCHEME = re.compile(r"^https?://", re.IGNORECASE)
_REG_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
# No zone in an IPv6 address: `%eth0` means something on one machine only, and may be any characters.
_HOST_AND_PORT = re.compile(r"(\[[0-9a-f:.]*\]|[^:\[\]]*)(?::(\d{1,5}))?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """A person (or group) at a server. `host` is normalised by `normalise_host`."""

    identifier: str
    host: str

    @classmethod
    def parse(cls, text: str) -> Address:
        """Reads an address in any spelling seen on the wire. Raises `Invalid`."""
        if len(text) > MAX_LENGTH:
            raise Invalid("The address is too long.")
        identifier, at, host = text.strip().rpartition("@")
        # Nextcloud writes `marie@https://host/`; OpenCloud `uuid@https://idp@host`: the last "@" is right for both.
        if not at or not identifier:
            raise Invalid("An address looks like name@cloud.example.")
        if not identifier.isprintable() or identifier != identifier.strip():
            raise Invalid("The part of the address before the @ has characters that are not allowed.")
        return cls(identifier, normalise_host(host))

    @property
    def local(self) -> str:
        """The identifier without this very host repeated behind it.

        OpenCloud and CERNBox (Reva before 3.12) send `id@host@host` and `id@https://host@host`.
        """
        identifier, at, tail = self.identifier.rpartition("@")
        try:
            repeated = bool(at and identifier) and normalise_host(tail) == self.host
        except Invalid:
            return self.identifier
        return identifier if repeated else self.identifier

    @property
    def person(self) -> str:
        """Who is meant, however spelled: for comparing people at one host, not for sending.

        OpenCloud, CERNBox and opencloudmesh-go call one person `id`, `id@host`, `id@https://host` (of the server or of
        its identity provider), and base64 of either.
        """
        local = Address(plain_id(self.identifier), self.host).local
        identifier, _, tail = local.rpartition("@")
        return identifier if identifier and _SCHEME.match(tail) else local

    def __str__(self) -> str:
        return f"{self.identifier}@{self.host}"


def plain_id(identifier: str) -> str:
    """The id inside of a federated id (base64 of `id@host`, in invites of OpenCloud); any other as it is."""
    try:
        inside = base64url.decode(identifier.replace("+", "-").replace("/", "_")).decode()
    except (Invalid, UnicodeDecodeError):
        return identifier
    return inside.rpartition("@")[0] or identifier


def named_host(text: str) -> str:
    """`host[:port]` of the server that a person names: by its host, a URL on it, or an address there.

    Raises `Invalid`, also for a URL with a user name: what it leads to is not what it looks like.
    """
    text = text.strip()
    if len(text) > MAX_LENGTH:
        raise Invalid("This is not the name of a server.")
    is_address = "@" in text and not _SCHEME.match(text)
    return Address.parse(text).host if is_address else normalise_host(text)


def is_email(text: str) -> bool:
    """Whether it is an e-mail address that can be written to."""
    return _EMAIL.fullmatch(text) is not None


def normalise_host(text: str) -> str:
    """`host[:port]` in lower case, without scheme, path, trailing dot or the port 443. Raises `Invalid`."""
    authority = re.split(r"[/?#]", _SCHEME.sub("", text.strip()), maxsplit=1)[0]
    match = _HOST_AND_PORT.fullmatch(authority)
    if match is None:
        raise Invalid("This is not the name of a server.")
    host, port = _normalise_name(match[1]), int(match[2] or 443)
    if not 0 < port < 65536:
        raise Invalid("The port of the server is out of range.")
    return host if port == 443 else f"{host}:{port}"


def _normalise_name(host: str) -> str:
    if host.startswith("["):
        try:
            return f"[{ipaddress.IPv6Address(host[1:-1])}]"
        except ValueError:
            raise Invalid("This is not the name of a server.") from None
    name = host.lower()
    if not name.isascii():
        try:
            name = name.encode("idna").decode()
        except UnicodeError:
            raise Invalid("This is not the name of a server.") from None
    name = name.removesuffix(".")  # after IDNA, which knows more than one full stop
    if not _REG_NAME.fullmatch(name):
        raise Invalid("This is not the name of a server.")
    return name
