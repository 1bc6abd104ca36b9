"""Invitations and the list of known providers, as the Reva family and opencloudmesh-go keep them.

An invite string is `token@host`, usually in base64. Who accepts tells the inviter's server (`POST
{endPoint}/invite-accepted`); then both hold each other in `Contacts`.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Any

from tests.peers.values import bare_host


@dataclass(frozen=True)
class Contact:
    """Somebody at another server. `user_id` is as that server wrote it, `host` without a scheme."""

    user_id: str
    host: str
    email: str
    name: str


@dataclass
class Contacts:
    """Who knows whom: tokens that were given out, and people that were met, by login here."""

    tokens: dict[str, str] = field(default_factory=dict)
    known: dict[str, list[Contact]] = field(default_factory=dict)

    def meet(self, user: str, contact: Contact) -> bool:
        """Whether the contact is new."""
        mine = self.known.setdefault(user, [])
        new = all((each.user_id, each.host) != (contact.user_id, contact.host) for each in mine)
        if new:
            mine.append(contact)
        return new

    def find(self, user: str, identifier: str, host: str) -> Contact | None:
        """By user id (as received, or as it is inside of base64), or by the name shown."""
        names = {identifier, base64_inside(identifier)}
        for each in self.known.get(user, []):
            own = {each.user_id, base64_inside(each.user_id), base64_inside(each.user_id).partition("@")[0], each.name}
            if each.host == bare_host(host) and names & own - {""}:
                return each
        return None


def base64_inside(text: str) -> str:
    """What is encoded in a federated id (`id@idp`), or an empty string when there is nothing of the kind."""
    padded = text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4)
    try:
        found = base64.b64decode(padded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return found if "@" in found else ""


def read_invite(invite: str) -> tuple[str, str]:
    """Token and host of an invite string: plain, or base64 of either alphabet, padded or not."""
    token, _, host = (base64_inside(invite) or invite).rpartition("@")
    return token, host


def provider(host: str, ocm_path: str) -> dict[str, Any]:
    """An entry of ocmproviders.json. `ocm_path` is the OCM base URL."""
    return {
        "name": host,
        "full_name": host,
        "organization": host,
        "domain": host,
        "homepage": ocm_path,
        "description": host,
        "properties": {},
        "services": [
            {
                "endpoint": {
                    "type": {"name": "OCM", "description": f"{host} Open Cloud Mesh API"},
                    "name": f"{host} - OCM API",
                    "path": ocm_path,
                    "is_monitored": True,
                },
                "api_version": "0.0.1",
                "host": host,
            }
        ],
    }


def ocm_path(entry: dict[str, Any]) -> str:
    """The base URL for OCM in such an entry, without a trailing slash."""
    found = (each["endpoint"] for each in entry["services"] if each["endpoint"]["type"]["name"] == "OCM")
    return str(next(found)["path"]).rstrip("/")
