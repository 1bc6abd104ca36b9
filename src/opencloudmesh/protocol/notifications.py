"""Notifications: what one server tells another about a share that exists (IETF-OCM, "Share Updates").

notice = Notification.parse(body)
notice.type, notice.provider_id, notice.shared_secret
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from opencloudmesh.protocol.fields import REQUIRED, Fields
from opencloudmesh.protocol.protocols import MAX_SECRET, PERMISSIONS, READ
from opencloudmesh.protocol.wire import decode_object

SHARE_ACCEPTED = "SHARE_ACCEPTED"
SHARE_DECLINED = "SHARE_DECLINED"
SHARE_UNSHARED = "SHARE_UNSHARED"
REQUEST_RESHARE = "REQUEST_RESHARE"
RESHARE_UNDO = "RESHARE_UNDO"
RESHARE_CHANGE_PERMISSION = "RESHARE_CHANGE_PERMISSION"
SHARE_CHANGE_PERMISSION = "SHARE_CHANGE_PERMISSION"  # oCIS
USER_REMOVED = "USER_REMOVED"

CHANGES = frozenset({RESHARE_CHANGE_PERMISSION, SHARE_CHANGE_PERMISSION})  # two names of one thing
TYPES = frozenset(
    {
        SHARE_ACCEPTED,
        SHARE_DECLINED,
        SHARE_UNSHARED,
        REQUEST_RESHARE,
        RESHARE_UNDO,
        RESHARE_CHANGE_PERMISSION,
        SHARE_CHANGE_PERMISSION,
        USER_REMOVED,
    }
)


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification. `provider_id` is always the id that the server which created the share chose."""

    type: str
    resource_type: str
    provider_id: str
    shared_secret: str = field(default="", repr=False)
    content: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)

    @classmethod
    def parse(cls, body: bytes) -> Notification:
        """Reads a notification; the type may be one that is not in `TYPES`. Raises `Invalid`."""
        fields = Fields(decode_object(body))
        content = fields.object("notification")
        kind = fields.text("notificationType", "type", limit=64)  # ocm-stub says `type`
        notification = cls(
            type=kind,
            resource_type=fields.text("resourceType", limit=32),
            provider_id=fields.identifier("providerId"),
            shared_secret=_secret(content, kind),
            content=content.values,
        )
        fields.check("The notification is not complete.")
        return notification

    def encode(self, *, with_secret: bool = True) -> dict[str, Any]:
        """The JSON object to send. `with_secret` False: the peer knows us by our signature alone."""
        # The content of one that was read holds the secret too.
        content = {name: value for name, value in self.content.items() if name != "sharedSecret"}
        if with_secret and self.shared_secret:
            content["sharedSecret"] = self.shared_secret
        return {
            "notificationType": self.type,
            "resourceType": self.resource_type,
            "providerId": self.provider_id,
            "notification": content,
        }


@dataclass(frozen=True, slots=True)
class Change:
    """What the Sending Server says of a share from now on; None of what stays as it was.

    `expiration` in unix seconds, 0 where the share has no end any more.
    """

    permissions: frozenset[str] | None
    expiration: int | None

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> Change:
        """The content of a notification of one of `CHANGES`. Raises `Invalid`.

        No version of the protocol says what is in it. ownCloud writes `permission`, and oCIS `protocol` as in a share;
        `expiration` is ours.
        """
        fields = Fields(content, "notification.")
        words = _first_words(fields)
        expiration = fields.number("expiration")
        if words is None and expiration is None:
            fields.wrong("permission", REQUIRED)
        elif words is not None and not PERMISSIONS.intersection(words):
            fields.wrong("permission")
        fields.check("The notification is not complete.")
        return cls(None if words is None else PERMISSIONS.intersection(words) | {READ}, expiration)


def _first_words(fields: Fields) -> tuple[str, ...] | None:
    webdav = fields.object("protocol").object("webdav")
    for part, name in ((fields, "permission"), (fields, "permissions"), (webdav, "permissions")):
        if part.values.get(name) is not None:
            return part.words(name)
    return None


def _secret(content: Fields, kind: str) -> str:
    """opencloudmesh-go and oCIS send none, but oCIS repeats that of the share where it tells of a change."""
    secret = content.text("sharedSecret", required=False)
    if kind in CHANGES and not secret:
        return content.object("protocol").object("webdav").text("sharedSecret", required=False, limit=MAX_SECRET)
    return secret
