"""The Share Creation Notification: `POST {endPoint}/shares` (IETF-OCM, "Share Creation Notification").

share = NewShare.parse(body)             # any dialect
body = share.encode(Encoding(...))       # the form that a peer wants, see `dialects`
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from opencloudmesh.protocol.address import Address, plain_id
from opencloudmesh.protocol.errors import Forbidden, Invalid, NotSupported
from opencloudmesh.protocol.fields import INVALID, TOO_LONG, Fields
from opencloudmesh.protocol.protocols import (
    MUST_USE_MFA,
    SHARE_PERMISSIONS_PROPERTY,
    Protocols,
    WebDav,
    require_access,
)
from opencloudmesh.protocol.wire import decode_object

SHARE_TYPES = ("user", "group", "federation")
MAX_NAME = 255  # bytes of UTF-8: it becomes a name in the receiver's tree

ProtocolForm = Literal["options", "bridge", "multi", "multi-options"]


@dataclass(frozen=True, slots=True)
class NewShare:
    """A resource at one server offered to somebody at another. `expiration` in unix seconds.

    `shared_by`: who shared it on, where that is not the sender. What another server tells of people elsewhere, the
    owner of a reshare too, is only what it tells.
    """

    share_with: Address
    name: str
    provider_id: str
    owner: Address
    sender: Address
    share_type: str
    resource_type: str
    protocols: Protocols
    owner_display_name: str = ""
    sender_display_name: str = ""
    description: str = ""
    expiration: int | None = None
    shared_by: Address | None = None

    @classmethod
    def parse(cls, body: bytes) -> NewShare:
        """Reads the notification in any dialect.

        Raises `Invalid` naming every wrong field, `NotSupported` for a share type or protocol of no version.
        """
        fields = Fields(decode_object(body))
        protocol = fields.object("protocol", required=True)
        owner = fields.address("owner")
        # Nextcloud <= 30 sends no sender; Seafile and Nextcloud call it sharedBy.
        has_sender = fields.first("sender", "sharedBy")[1] is not None
        sender = fields.address("sender", "sharedBy") if has_sender else owner
        shared_by = fields.address("sharedBy") if fields.values.get("sharedBy") is not None else sender
        share = cls(
            share_with=fields.address("shareWith"),
            name=read_name(fields),
            provider_id=fields.identifier("providerId"),
            owner=owner,
            sender=sender,
            share_type=fields.text("shareType", limit=32),
            resource_type=fields.text("resourceType", limit=32),
            protocols=Protocols.read(protocol, code=fields.text("code", required=False)),
            owner_display_name=fields.text("ownerDisplayName", required=False),
            sender_display_name=fields.text("senderDisplayName", "sharedByDisplayName", required=False),
            description=fields.text("description", required=False),
            expiration=fields.number("expiration") or None,  # 0 means none (CERNBox, OpenCloud, Seafile)
            shared_by=None if shared_by == sender else shared_by,
        )
        if protocol.values:
            require_access(protocol, share.protocols)
        fields.check("The share is not complete.")
        if share.share_type not in SHARE_TYPES:
            raise NotSupported("The share type {share_type!r} is not supported.", share_type=share.share_type)
        return share

    def told_by(self, host: str | None) -> NewShare:
        """The same as said by the server that it is from: that which signed it, else the owner's.

        Nextcloud and ownCloud name as the sender who shared it on, wherever they are, and it is from the server of the
        owner. There the owner is who offers it. What `host` cannot have said stays as it is.
        """
        if self.sender.host in (self.owner.host, host) or host not in (self.owner.host, None):
            return self
        return replace(self, sender=self.owner, sender_display_name=self.owner_display_name, shared_by=self.sender)

    def encode(self, form: Encoding) -> dict[str, Any]:
        """The JSON object to send, in the form that the peer understands."""
        sender = self.shared_by if self.shared_by is not None and form.resharer == "sender" else self.sender
        recipient = plain_id(self.share_with.identifier) if form.plain_ids else self.share_with.identifier
        message: dict[str, Any] = {
            "shareWith": f"{recipient}@{form.share_with_prefix}{self.share_with.host}",
            "name": self.name,
            "description": self.description,
            "providerId": self.provider_id,
            "owner": f"{self.owner.identifier}@{form.owner_prefix}{self.owner.host}",
            "ownerDisplayName": self.owner_display_name,
            "sender": f"{sender.identifier}@{form.owner_prefix}{sender.host}",
            "senderDisplayName": self.sender_display_name if sender == self.sender else "",
            "shareType": self.share_type,
            "resourceType": self.resource_type if form.folders else "file",
            "protocol": self._protocol(form),
        }
        if form.shared_by:
            message["sharedBy"] = message["sender"]
            message["sharedByDisplayName"] = message["senderDisplayName"]
        if self.shared_by is not None and form.resharer == "sharedBy":
            message["sharedBy"] = str(self.shared_by)
        if self.shared_by is not None and form.resharer == "note":
            message["description"] = f"Shared on by {self.shared_by}. {self.description}".strip()
        if self.expiration is not None:
            message["expiration"] = self.expiration
        return message

    def _protocol(self, form: Encoding) -> dict[str, Any]:
        said = encode_protocol(self.protocols.webdav, form) if self.protocols.webdav else {}
        app = self.protocols.webapp
        if app is not None and form.protocol in ("multi", "multi-options"):
            said["webapp"] = {
                "uri": app.uri,
                "sharedSecret": app.shared_secret,
                "targets": list(app.targets),
                "permissions": sorted(app.permissions),
                "requirements": sorted(app.requirements),
                "appName": app.app_name,
                "mediaTypes": list(app.media_types),
            }
        return said


@dataclass(frozen=True, slots=True)
class Encoding:
    """How one peer wants a share to be said. See `dialects` for who wants what."""

    protocol: ProtocolForm = "multi"
    uri_names: tuple[str, ...] = ("uri",)  # OpenCloud and old oCIS look for `url`
    owner_prefix: str = ""  # ownCloud 10 mounts only an owner with scheme: "https://"
    share_with_prefix: str = ""  # Seafile looks for the scheme in shareWith
    plain_ids: bool = False  # OpenCloud invites with base64 of `id@https://host`, and knows its people only by the id
    shared_by: bool = False  # Nextcloud and Seafile
    folders: bool = True  # False: a folder is called "file"
    # Where it reads who shared something on, at whichever server. As the sender only Nextcloud and ownCloud take them:
    # others take that for the server which sends.
    resharer: Literal["sender", "sharedBy", "note"] = "note"


@dataclass(frozen=True, slots=True)
class ShareAnswer:
    """What a Receiving Server says to a share it took."""

    recipient_display_name: str = ""

    @classmethod
    def parse(cls, body: bytes) -> ShareAnswer:
        """Reads the answer; `[]` (PHP), an empty body and plain text are as good as `{}`."""
        try:
            value = decode_object(body)
        except Invalid:
            return cls()
        name = value.get("recipientDisplayName")
        return cls(name[:255] if isinstance(name, str) else "")


def encode_protocol(webdav: WebDav, form: Encoding) -> dict[str, Any]:
    """The `protocol` object, in the form that the peer understands.

    Raises `Forbidden` for a demand that the form of 1.0 has no words for: nobody would hold it.
    """
    if form.protocol == "options" and MUST_USE_MFA in webdav.requirements:
        raise Forbidden("That server is too old to be told that a second factor is demanded.")
    part = {
        **dict.fromkeys(form.uri_names, webdav.uri),
        "sharedSecret": webdav.shared_secret,
        "permissions": sorted(webdav.permissions),
    }
    if webdav.requirements:
        part["requirements"] = sorted(webdav.requirements)
    options = {"sharedSecret": webdav.shared_secret, "permissions": SHARE_PERMISSIONS_PROPERTY}
    forms: dict[str, dict[str, Any]] = {
        "options": {"name": "webdav", "options": options},
        # Nextcloud and ownCloud read the options, 1.1 and later the object.
        "bridge": {"name": "webdav", "options": options, "webdav": part},
        "multi": {"name": "multi", "webdav": part},  # opencloudmesh-go refuses an `options` key
        "multi-options": {"name": "multi", "options": {}, "webdav": part},
    }
    return forms[form.protocol]


def read_name(fields: Fields) -> str:
    """The name of the resource, which is to become a name in a tree: never a path.

    ownCloud and old Nextcloud write "/name": one leading slash is dropped.
    """
    text = fields.text("name")
    name = text.removeprefix("/")
    if not text:
        return ""
    if name in ("", ".", "..") or "/" in name or any(ord(c) < 32 or ord(c) == 127 for c in name):
        fields.wrong("name", INVALID)
    elif len(name.encode(errors="replace")) > MAX_NAME:
        fields.wrong("name", TOO_LONG)
    return name
