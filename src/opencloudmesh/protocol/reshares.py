"""Sharing on what one received: the notification `REQUEST_RESHARE`, by which the owner's server is asked to do it.

    request = ReshareRequest.read(notification.content)
    answer = ReshareAnswer.parse(response.body)

The text of the protocol names the type and no more. Nextcloud sends `shareWith`, `senderId` and `shareType`, ownCloud
the first two, and both give what the one who asks has themselves. `permission`, `expiration` and `description` are
ours, and so is what is granted in the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import BadAnswer, Invalid, NotSupported
from opencloudmesh.protocol.fields import Fields
from opencloudmesh.protocol.protocols import MAX_SECRET, PERMISSIONS, READ
from opencloudmesh.protocol.wire import decode_object

FOR_ONE = (None, "user", 0, 6)  # Nextcloud numbers the types of its shares: 6 is a person elsewhere, 9 a group


@dataclass(frozen=True, slots=True)
class ReshareRequest:
    """Whom a share shall be shared on with. `permissions` None: on the terms of the share itself.

    `sender_id` is what the server that asks calls the new share; `expiration` in unix seconds.
    """

    share_with: Address
    sender_id: str
    permissions: frozenset[str] | None = None
    expiration: int | None = None
    description: str = ""

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> ReshareRequest:
        """The content of the notification. Raises `Invalid` naming every wrong field, `NotSupported` for a group."""
        fields = Fields(content, "notification.")
        words = fields.words("permission") or fields.words("permissions")
        request = cls(
            share_with=fields.address("shareWith"),
            sender_id=fields.identifier("senderId"),
            permissions=PERMISSIONS.intersection(words) | {READ} if words else None,
            expiration=fields.number("expiration") or None,
            description=fields.text("description", required=False),
        )
        fields.check("The notification is not complete.")
        if content.get("shareType") not in FOR_ONE:
            raise NotSupported("Only people can be shared on with here.")
        return request

    def content(self) -> dict[str, Any]:
        """The content of the notification to send."""
        said: dict[str, Any] = {"shareWith": str(self.share_with), "senderId": self.sender_id, "shareType": "user"}
        if self.permissions is not None:
            said |= {"permission": sorted(self.permissions), "expiration": self.expiration or 0}
        if self.description:
            said["description"] = self.description
        return {**said, "message": "Ask owner to reshare the file"}


@dataclass(frozen=True, slots=True)
class ReshareAnswer:
    """What the owner's server has made: its id and secret there. `permissions` None: it does not say."""

    provider_id: str
    secret: str = field(repr=False)
    permissions: frozenset[str] | None = None
    expiration: int | None = None

    @classmethod
    def parse(cls, body: bytes) -> ReshareAnswer:
        """Nextcloud calls the secret `token`, ownCloud `sharedSecret`. Raises `BadAnswer`."""
        try:
            fields = Fields(decode_object(body))
            words = fields.words("permissions")
            answer = cls(
                provider_id=fields.identifier("providerId"),
                secret=fields.text("token", "sharedSecret", required=False, limit=MAX_SECRET),
                permissions=PERMISSIONS.intersection(words) if words else None,
                expiration=fields.number("expiration") or None,
            )
            fields.check()
        except Invalid as error:
            raise BadAnswer("The owner's server does not say what it has shared.", detail=error.message) from None
        return answer

    def encode(self) -> dict[str, Any]:
        """The JSON object to answer, under both names of the secret."""
        return {
            "token": self.secret,
            "sharedSecret": self.secret,
            "providerId": self.provider_id,
            "permissions": sorted(self.permissions or ()),
            "expiration": self.expiration or 0,
        }
