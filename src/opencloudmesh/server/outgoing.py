"""What we say of ourselves and of our shares to a peer: values made from settings and rows, nothing is sent here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.address import Address, plain_id
from opencloudmesh.protocol.dialects import DIALECTS, Dialect, api_version_for
from opencloudmesh.protocol.discovery import Discovery, Offer, own_document
from opencloudmesh.protocol.notifications import (
    REQUEST_RESHARE,
    SHARE_CHANGE_PERMISSION,
    USER_REMOVED,
    Notification,
)
from opencloudmesh.protocol.obligations import Obligations
from opencloudmesh.protocol.protocols import BLANK, Protocols, WebApp, WebDav, takes_apps
from opencloudmesh.protocol.reshares import ReshareRequest
from opencloudmesh.protocol.shares import NewShare, encode_protocol
from opencloudmesh.server import bounds
from opencloudmesh.server.accounts import SHARE_TYPES, Account
from opencloudmesh.server.config import Config
from opencloudmesh.server.files import media_type
from opencloudmesh.server.keys import Keyring

WEBDAV_PATH = "/dav/ocm/"  # under which a peer's credential selects the share

# What we can do. `criteria` say what we demand, and follow the policy.
CAPABILITIES = ("http-sig", "exchange-token", "invites", "invite-wayf", "notifications", "protocol-object")
ACCEPT_PATH = "/accept-invite"  # the page where our people accept invites
TOKEN_PATH = "/ocm/token"  # noqa: S105 - where tokens are given, not one of them


def document(config: Config, keys: Keyring, criteria: tuple[str, ...], user_agent: str = "") -> dict[str, Any]:
    """Our discovery document, for whoever asks. `criteria` are those of the policy."""
    offer = Offer(
        base_url=config.public_url,
        provider=config.provider,
        webdav_path=WEBDAV_PATH,
        capabilities=(*CAPABILITIES, *(("enforce-mfa",) if config.enforce_mfa else ())),
        criteria=criteria,
        share_types=SHARE_TYPES,
        public_key=keys.public_key,
        invite_accept_dialog=config.public_url + ACCEPT_PATH,
        token_end_point=config.public_url + TOKEN_PATH,
        webapp=bool(config.webapp) and config.webdav_receive != "off",
        others_receive=config.webdav_receive != "off",
        webdav_receive=None if config.webdav_receive == "off" else config.webdav_receive,
    )
    return own_document(offer, api_version_for(user_agent))


def opens_in_app(share: sa.Row[Any], config: Config, peer: Discovery) -> bool:
    """Whether a share is offered with our web application too: the peer opens such, by the code flow."""
    if not config.webapp or "exchange-token" not in peer.capabilities:
        return False
    types = config.webapp_types
    resource = peer.resource(share.resource_type)
    fits = not types or (share.resource_type == "file" and media_type(share.path) in types)
    return fits and resource is not None and takes_apps(resource.protocols.get("webapp-receive"))


def new_share(
    share: sa.Row[Any], owner: Account, config: Config, dialect: Dialect, duties: Obligations, *, app: bool = False
) -> NewShare:
    """The notification about a row of `shares`; `app`: with our web application."""
    address = Address(owner.id, config.own_host)
    webdav = _webdav(share, config, dialect, duties.requirements)
    return NewShare(
        share_with=Address.parse(share.share_with),
        name=share.path.rpartition("/")[2],
        provider_id=share.id,
        owner=address,
        sender=address,
        share_type=share.share_type,
        resource_type=share.resource_type,
        protocols=Protocols("multi", webdav=webdav, webapp=_webapp(share, config, duties) if app else None),
        owner_display_name=owner.name,
        sender_display_name=owner.name,
        description=share.description,
        expiration=share.expiration,
        shared_by=Address.parse(share.shared_by) if share.shared_by else None,
    )


def reshare_request(share: sa.Row[Any], given: sa.Row[Any], dialect: Dialect) -> dict[str, Any] | None:
    """To the server of the owner of `given`: to share it on as a row of `shares` says.

    None where it knows no such thing, or would give more than was wanted.
    """
    limits, wanted = bounds.of_received(given), frozenset(share.permissions)
    whole = (wanted, share.expiration) == (limits.permissions, limits.expiration)
    if not dialect.reshares or (dialect.reshares == "whole" and (not whole or share.description)):
        return None
    less = dialect.reshares == "terms"
    request = ReshareRequest(
        share_with=Address.parse(share.share_with),
        sender_id=share.id,
        permissions=wanted if less else None,
        expiration=share.expiration if less else None,
        description=share.description,
    )
    said = {"type": REQUEST_RESHARE, "resource_type": given.resource_type, "provider_id": given.provider_id}
    return notice({**said, "secret": given.secret, "content": request.content()}, dialect)


def notice(said: Mapping[str, Any], dialect: Dialect) -> dict[str, Any] | None:
    """The message that an outbox row holds, as the peer wants it; None where it understands no such thing."""
    if said["type"] == USER_REMOVED and not dialect.knows_user_removed:
        return None
    content = dict(said.get("content", {}))
    if "grantee" in content and dialect.encoding.plain_ids:
        content["grantee"] = plain_id(content["grantee"])
    resource_type = said["resource_type"]
    if resource_type == "folder" and not dialect.encoding.folders:
        resource_type = "file"  # as the share was announced
    notification = Notification(said["type"], resource_type, said["provider_id"], said["secret"], content)
    return notification.encode(with_secret=dialect.secret_in_notifications)


def change_notice(share: sa.Row[Any], config: Config, dialect: Dialect) -> dict[str, Any] | None:
    """What a share is from now on, as the peer wants it; None where it understands no such thing.

    oCIS wants the `protocol` object of a share, ownCloud and the text of the protocol say nothing of an end.
    """
    if dialect.change is None:
        return None
    content: dict[str, Any] = {"expiration": share.expiration or 0}
    if dialect.change == SHARE_CHANGE_PERMISSION:
        webdav = _webdav(share, config, dialect, frozenset(share.requirements))
        content["grantee"] = Address.parse(share.share_with).identifier
        content["protocol"] = encode_protocol(webdav, dialect.share_encoding(config.public_url))
    else:
        content["permission"] = share.permissions
    said = {"type": dialect.change, "resource_type": share.resource_type, "provider_id": share.id}
    return notice({**said, "secret": share.secret, "content": content}, dialect)


def _webapp(share: sa.Row[Any], config: Config, duties: Obligations) -> WebApp:
    """Its secret is that of the share, and so are its tokens: who may open it there may do the same over WebDAV."""
    return WebApp(
        uri=config.webapp.replace("{id}", share.id),
        shared_secret=share.secret,
        permissions=frozenset({"view", *share.permissions}),
        requirements=duties.requirements,
        targets=(BLANK,),
        app_name=config.webapp_name or config.provider,
        media_types=config.webapp_types,
    )


def _webdav(share: sa.Row[Any], config: Config, dialect: Dialect, requirements: frozenset[str]) -> WebDav:
    uri = f"{config.public_url}{WEBDAV_PATH}{share.id}" if dialect.absolute_uri else share.id
    return WebDav(uri, share.secret, frozenset(share.permissions), requirements)


def learnt_dialect(peer: sa.Row[Any] | None) -> Dialect | None:
    """The dialect that worked with a peer, where that is not the one its document shows."""
    learnt = peer.learnt if peer is not None else None
    return DIALECTS.get(learnt.get("family", "")) if learnt else None
