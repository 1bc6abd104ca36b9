"""The dialects that deployed peers speak: how to tell a peer's family, and how it wants things said.

No single form of a share is accepted by all families, so each has a row in `DIALECTS`. A family is told from what
discovery shows; a peer of no known family gets the richest form that its document allows, and after a refusal
one try in the other form.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import quote, urlsplit

from opencloudmesh.protocol.discovery import API_VERSION, LEGACY_API_VERSION, Discovery
from opencloudmesh.protocol.notifications import RESHARE_CHANGE_PERMISSION, RESHARE_UNDO, SHARE_CHANGE_PERMISSION
from opencloudmesh.protocol.shares import Encoding


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one family wants things said."""

    family: str
    encoding: Encoding
    owner_scheme: str = ""  # "always": addresses of ours carry the scheme; "http": only where it is plain http
    share_with_scheme: bool = False
    secret_in_notifications: bool = True
    reuses_provider_id: bool = False  # its shares have one providerId, and are told apart by their secrets
    knows_user_removed: bool = False  # no deployed family does; those who are known only by their version may
    writes: bool = True  # False: its users only read what is shared with them, whatever they may
    absolute_uri: bool = True  # False: the uri is sent relative to our WebDAV root
    # The type of notification by which it understands that a share's permissions or end have changed. Without one it
    # sees the permissions in WebDAV: Nextcloud and ownCloud hear of changes only to shares that they gave themselves,
    # in a share that was shared on, and answer 400 for any other; CERNBox hears nothing at all.
    change: str | None = None
    # Whether it can be asked to share on what is its user's: "whole" where it gives what the one who asks has
    # themselves, "terms" where less can be asked for.
    reshares: Literal["", "whole", "terms"] = ""
    ocs: bool = False  # it has the older way to tell of shares, too, by which its family falls back: `ocs_url`

    def share_encoding(self, own_base_url: str) -> Encoding:
        """The encoding of a share for this peer, sent by the server at `own_base_url`."""
        scheme = urlsplit(own_base_url).scheme
        with_scheme = self.owner_scheme == "always" or (self.owner_scheme == "http" and scheme == "http")
        return replace(
            self.encoding,
            owner_prefix=f"{scheme}://" if with_scheme else "",
            share_with_prefix="https://" if self.share_with_scheme else "",
        )


# wire/README and PEERS 11.3. Nextcloud <= 34, ownCloud and Seafile need `options`; Nextcloud and ownCloud ignore a
# `webdav` object beside it, which later Nextclouds read. Reva and its descendants want `options` empty or absent.
_BRIDGE = Encoding(protocol="bridge", shared_by=True, folders=False)
_BRIDGE_OF_RESHARES = replace(_BRIDGE, resharer="sender")

DIALECTS = {
    dialect.family: dialect
    for dialect in (
        # A bare host means https to Nextcloud; one that runs on plain http has to say so.
        Dialect("nextcloud", _BRIDGE_OF_RESHARES, owner_scheme="http", reshares="whole", ocs=True),
        # ownCloud 10 cannot mount from an owner without scheme.
        Dialect("owncloud", _BRIDGE_OF_RESHARES, owner_scheme="always", reshares="whole", ocs=True),
        # Seafile looks for the scheme in shareWith and for the sender in sharedBy.
        Dialect("seafile", _BRIDGE, share_with_scheme=True, reuses_provider_id=True, writes=False),
        Dialect("reva", Encoding(protocol="multi-options")),
        # oCIS, which looks the same, hears of changes; OpenCloud takes them and does nothing.
        Dialect(
            "opencloud",
            Encoding(protocol="multi-options", uri_names=("uri", "url"), plain_ids=True),
            change=SHARE_CHANGE_PERMISSION,
        ),
        # opencloudmesh-go refuses an `options` key, knows no folders, and needs no secret besides the signature.
        Dialect(
            "opencloudmesh-go",
            Encoding(protocol="multi", folders=False),
            secret_in_notifications=False,
            writes=False,
            absolute_uri=False,
        ),
        Dialect(
            "ocm-1.4",
            Encoding(protocol="multi", resharer="sharedBy"),
            knows_user_removed=True,
            change=RESHARE_CHANGE_PERMISSION,
            reshares="terms",
        ),
        Dialect(
            "ocm-1.1",
            Encoding(protocol="multi-options", resharer="sharedBy"),
            knows_user_removed=True,
            change=RESHARE_CHANGE_PERMISSION,
            reshares="terms",
        ),
        Dialect("ocm-1.0", _BRIDGE, owner_scheme="http"),
    )
}

# Nextcloud 31 and later believe a signed RESHARE_UNDO of the third person's server only, who has no part in it, and
# ownCloud answers 501; both take it over OCS from whoever has the share's secret.
_OCS = {RESHARE_UNDO: "revoke"}
_OCM_PATH = re.compile(r"(/index\.php)?/(ocm|apps/federatedfilesharing)$")

_VERSION = re.compile(r"(\d{1,3})\.(\d{1,3})(?!\d)", re.ASCII)

# After a 400 or 501: the form to try once instead, for families that are told only from the version.
OTHER_FORM = {"ocm-1.4": "ocm-1.0", "ocm-1.1": "ocm-1.0", "ocm-1.0": "ocm-1.1"}


def _webdav_receive(peer: Discovery) -> str | None:
    resource = peer.resource("file")
    role = resource.protocols.get("webdav-receive") if resource else None
    uri = role.get("uri") if isinstance(role, dict) else None
    return uri if isinstance(uri, str) else None


def _is_nextcloud(peer: Discovery) -> bool:
    if peer.provider:
        return peer.provider.lower().startswith("nextcloud")
    # Nextcloud <= 30 names no provider; ownCloud is told apart before by `shareTypes`.
    return peer.api_version == LEGACY_API_VERSION and peer.webdav_url.endswith("/public.php/webdav/")


def _is_opencloud(peer: Discovery) -> bool:
    if {"protocol-object", "webdav-uri"} <= peer.capabilities:
        return True
    # OpenCloud of early 2025, and the oCIS and Reva that it comes from, name the invite flow and nothing else.
    return peer.capabilities == {"invites"} and peer.webdav_url.endswith("/dav/ocm/")


def _version(peer: Discovery) -> tuple[int, int]:
    match = _VERSION.match(peer.api_version)
    return (int(match[1]), int(match[2])) if match else (1, 0)


# In this order; the first that holds names the family.
_SIGNS: tuple[tuple[str, Callable[[Discovery], bool]], ...] = (
    ("seafile", lambda peer: peer.end_point.endswith("/ocm-via-webdav")),
    ("owncloud", lambda peer: "shareTypes" in peer.document and "resourceTypes" not in peer.document),
    ("nextcloud", _is_nextcloud),
    (
        "opencloudmesh-go",
        lambda peer: _version(peer) >= (1, 4) and _webdav_receive(peer) == "relative" and not peer.resource("folder"),
    ),
    ("ocm-1.4", lambda peer: _version(peer) >= (1, 4)),
    ("reva", lambda peer: "protocol-object" in peer.capabilities and _webdav_receive(peer) == "absolute"),
    ("opencloud", _is_opencloud),
    ("ocm-1.1", lambda peer: "protocol-object" in peer.capabilities),
)


def dialect_of(peer: Discovery) -> Dialect:
    """The dialect of a peer."""
    family = next((name for name, holds in _SIGNS if holds(peer)), "ocm-1.0")
    return DIALECTS[family]


def ocs_url(dialect: Dialect, peer: Discovery, kind: str, provider_id: str) -> str | None:
    """Where a peer takes over OCS what it does not as a notification; None where there is no such way."""
    if not dialect.ocs or kind not in _OCS:
        return None
    root = _OCM_PATH.sub("", peer.end_point)
    return f"{root}/ocs/v2.php/cloud/shares/{quote(provider_id, safe='')}/{_OCS[kind]}?format=json"


def api_version_for(user_agent: str) -> str:
    """The `apiVersion` shown to whoever asks for our document.

    Nextcloud up to 30 and ownCloud refuse any but the first version; newer ones read `version` beside it.
    """
    crawlers = ("Nextcloud Server Crawler", "Nextcloud-Server-Crawler", "ownCloud Server Crawler")
    return LEGACY_API_VERSION if user_agent.startswith(crawlers) else API_VERSION
