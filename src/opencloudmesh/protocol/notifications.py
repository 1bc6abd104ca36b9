"""Notifications: what one server tells another about a share that exists (IETF-OCM, "Share Updates").

notice = Notification.parse(body)
notice.type, notice.provider_id, notice.shared_secret
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from opencloudmesh.protocol.fields import Fields
from opencloudmesh.protocol.wire import decode_object

SHARE_ACCEPTED = "SHARE_ACCEPTED"
SHARE_DECLINED = "SHARE_DECLINED"
SHARE_UNSHARED = "SHARE_UNSHARED"
REQUEST_RESHARE = "REQUEST_RESHARE"
RESHARE_UNDO = "RESHARE_UNDO"
RESHARE_CHANGE_PERMISSION = "RESHARE_CHANGE_PERMISSION"
SHARE_CHANGE_PERMISSION = "SHARE_CHANGE_PERMISSION"  # oCIS
USER_REMOVED = "USER_REMOVED"

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
        notification = cls(
            type=fields.text("notificationType", "type", limit=64),  # ocm-stub says `type`
            resource_type=fields.text("resourceType", limit=32),
            provider_id=fields.identifier("providerId"),
            # opencloudmesh-go and oCIS send no secret
            shared_secret=content.text("sharedSecret", required=False),
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
