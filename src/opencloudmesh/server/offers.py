"""What a share from elsewhere says, as it is kept: the same for everybody to whom it is offered."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from opencloudmesh.protocol.protocols import MUST_USE_MFA, READ
from opencloudmesh.protocol.shares import NewShare
from opencloudmesh.server import accounts
from opencloudmesh.server.accounts import Recipient


def kept(
    share: NewShare, recipient: Recipient, fingerprint: str, verified: str, said: int | None
) -> dict[str, Any]:  # fmt: skip
    """What is kept of a share, the same for everybody to whom it is offered."""
    access = share.protocols.access
    return {
        "group": recipient.id if share.share_type == accounts.GROUP else None,
        "host": share.sender.host,
        "provider_id": share.provider_id,
        "fingerprint": fingerprint,
        "name": share.name,
        "description": share.description,
        "sender": str(share.sender),
        "sender_name": share.sender_display_name,
        "owner": str(share.owner),
        "owner_name": share.owner_display_name,
        "shared_by": None if share.shared_by is None else str(share.shared_by),
        "resource_type": share.resource_type,
        "permissions": sorted(permissions(share)),
        "requirements": sorted(demanded(share)),
        "protocols": list(share.protocols.names),
        "uri": access.uri if access else "",
        "expiration": share.expiration,
        "verified": verified,
        "said": said,
    }


def demanded(share: NewShare) -> frozenset[str]:
    """What is asked of every access: what the webdav part says, and a second factor if any part does."""
    parts = (share.protocols.webdav, share.protocols.webapp)
    mfa = any(part is not None and MUST_USE_MFA in part.requirements for part in parts)
    access = share.protocols.access
    said = access.requirements if access is not None else frozenset()
    return said | {MUST_USE_MFA} if mfa else said


def permissions(share: NewShare) -> frozenset[str]:
    """What the sender says may be done with it: of what only opens as a web application, in that."""
    used = share.protocols.access or share.protocols.webapp
    return used.permissions if used is not None else frozenset({READ})


def fingerprint_of(share: NewShare) -> str:
    """Says whether a share is the same one again.

    What may be done with it, until when, and what it is called may change before its sender has had an answer.
    """
    webdav, webapp, ssh = share.protocols.access, share.protocols.webapp, share.protocols.ssh
    content: tuple[object, ...] = (
        str(share.share_with),
        str(share.owner),
        str(share.sender),
        share.share_type,
        share.resource_type,
        *((webdav.uri, webdav.shared_secret, sorted(webdav.requirements)) if webdav else ()),
    )
    if webdav is None and webapp is not None:
        content += ("webapp", webapp.uri, webapp.shared_secret, sorted(webapp.requirements))
    elif webdav is None and ssh is not None:
        content += ("ssh", ssh.uri)
    if share.shared_by is not None:
        content += ("shared by", str(share.shared_by))
    return hashlib.sha256(msgspec.json.encode(content)).hexdigest()
