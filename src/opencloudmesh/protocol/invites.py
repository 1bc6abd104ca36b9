"""Invites: how two people, and with them their servers, get to know each other (IETF-OCM, "Invite Flow").

text = encode("token", "cloud.example")      # the invite string that one person gives to another
token, host = decode(text)                   # in any form that is in use
InviteAccepted.read(values)                  # POST {endPoint}/invite-accepted, and its answer:
Identity.parse(body)
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

from opencloudmesh.protocol import base64url
from opencloudmesh.protocol.address import Address, normalise_host
from opencloudmesh.protocol.dialects import dialect_of
from opencloudmesh.protocol.discovery import Discovery
from opencloudmesh.protocol.errors import BadAnswer, Invalid
from opencloudmesh.protocol.fields import Fields
from opencloudmesh.protocol.wire import decode_object

MAX_INVITE = 4096  # characters
MAX_TOKEN = 255  # characters
MAX_PROVIDER = 512  # characters

NEXTCLOUD_PAGE = "/index.php/apps/contacts/ocm/invite-accept-dialog"


class Invite(NamedTuple):
    """A token, and the server that issued it."""

    token: str
    host: str


def encode(token: str, host: str) -> str:
    """The invite string: base64url, without padding, of `token@host`."""
    return base64url.encode(f"{token}@{host}".encode())


def decode(text: str) -> Invite:
    """Reads an invite in any form that is in use. Raises `Invalid`.

    These are: base64 (Nextcloud, CERNBox, OpenCloud) or base64url (opencloudmesh-go) of `token@host`, padded or not;
    `token@host` itself (Nextcloud); a link `?token=...&providerDomain=...`, where early Nextcloud wrote `provider`
    and IETF-OCM leaves it out if it is the server of the link.
    """
    if len(text) > MAX_INVITE:
        raise Invalid("This is not an invite.")
    text = text.strip()
    return checked(*(_from_link(text) if "token=" in text else _from_pair(text if "@" in text else _decoded(text))))


def checked(token: str, host: str) -> Invite:
    """An invite from its two parts, the host in any spelling. Raises `Invalid`."""
    if not 0 < len(token) <= MAX_TOKEN or not token.isprintable() or " " in token:
        raise Invalid("This is not an invite.")
    return Invite(token, normalise_host(host))


def accept_page(peer: Discovery) -> str | None:
    """Where people at a peer accept invites: its `inviteAcceptDialog`, if that lies on the very server; or None.

    Whoever could name a page anywhere could send people from a page of ours to any place. Nextcloud (Contacts) has
    its page also where it does not say so.
    """
    url = peer.invite_accept_dialog
    if (
        "inviteAcceptDialog" not in peer.document
        and "invites" in peer.capabilities
        and dialect_of(peer).family == "nextcloud"
    ):
        url = peer.end_point.removesuffix("/ocm").removesuffix("/index.php") + NEXTCLOUD_PAGE
    if url is None or not url.isascii() or "#" in url or urlsplit(url).scheme != urlsplit(peer.base_url).scheme:
        return None
    return url if peer.owns(url) else None


def link(url: str, invite: Invite) -> str:
    """A link with the invite, made from the URL of our WAYF page or a peer's `inviteAcceptDialog`."""
    query = urlencode({"token": invite.token, "providerDomain": invite.host})
    return f"{url}{'&' if urlsplit(url).query else '?'}{query}"


@dataclass(frozen=True, slots=True)
class InviteAccepted:
    """Somebody took an invite. `user_id` is theirs at `recipient_provider`, as it was sent: it may be opaque."""

    recipient_provider: str
    token: str = field(repr=False)
    user_id: str
    email: str = ""
    name: str = ""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> InviteAccepted:
        """Reads a JSON object or a decoded form. Raises `Invalid` naming every wrong field."""
        fields = Fields(values)
        provider = fields.text("recipientProvider", limit=MAX_PROVIDER)
        accepted = cls(
            recipient_provider=fields.parsed("recipientProvider", normalise_host, provider, "") if provider else "",
            token=fields.text("token", limit=MAX_TOKEN),
            user_id=fields.identifier("userID", "userId"),
            # IETF-OCM requires them and opencloudmesh-go sends them empty
            email=fields.text("email", required=False),
            name=fields.text("name", required=False),
        )
        fields.check("The acceptance of the invite is not complete.")
        return accepted

    @property
    def address(self) -> Address:
        """The OCM Address of the one who accepted."""
        return Address(self.user_id, self.recipient_provider)

    def encode(self) -> dict[str, str]:
        """The JSON object to send. opencloudmesh-go refuses a scheme in `recipientProvider`."""
        return {"recipientProvider": self.recipient_provider, "token": self.token} | _person(self)


@dataclass(frozen=True, slots=True)
class Identity:
    """The answer: who had sent the invite. `user_id` is theirs at the server that answers."""

    user_id: str
    email: str = ""
    name: str = ""

    @classmethod
    def parse(cls, body: bytes) -> Identity:
        """Reads the answer of a peer. Raises `BadAnswer`."""
        try:
            fields = Fields(decode_object(body))
            identity = cls(
                user_id=fields.identifier("userID", "userId"),
                email=fields.text("email", required=False),
                name=fields.text("name", required=False),
            )
            fields.check()
        except Invalid as error:
            raise BadAnswer("Its answer to the invite is not understood.", detail=error.message) from None
        return identity

    def encode(self) -> dict[str, str]:
        """The JSON object to send. Nextcloud refuses an empty e-mail address or name."""
        return _person(self)


def _person(of: InviteAccepted | Identity) -> dict[str, str]:
    # Nextcloud 32 reads `userId`, all others `userID`.
    return {"userID": of.user_id, "userId": of.user_id, "email": of.email, "name": of.name}


def _from_link(text: str) -> tuple[str, str]:
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        query = parse_qs(parts.query, max_num_fields=32)
    except ValueError:
        raise Invalid("This is not an invite.") from None
    providers = query.get("providerDomain") or query.get("provider") or [parts.netloc]
    return query.get("token", [""])[0], providers[0]


def _from_pair(text: str) -> tuple[str, str]:
    token, _, host = text.rpartition("@")  # the token may contain one (IETF-OCM, "Invite format")
    return token, host


def _decoded(text: str) -> str:
    try:
        digits = "".join(text.split()).translate(_TO_BASE64).rstrip("=")  # mail programs break lines
        return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        raise Invalid("This is not an invite.") from None


_TO_BASE64 = str.maketrans("-_", "+/")
