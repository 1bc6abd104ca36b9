"""Discovery: what a server says of itself at `/.well-known/ocm` (IETF-OCM, "OCM API Discovery").

`Discovery.parse` reads the documents of all versions and dialects into one shape with the newest names.
`own_document` builds ours. Fields that are not understood survive in `Discovery.document`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

from opencloudmesh.protocol.errors import BadAnswer, Invalid
from opencloudmesh.protocol.wire import decode_object

WELL_KNOWN = "/.well-known/ocm"
LEGACY = "/ocm-provider"  # up to 1.2; Nextcloud <= 32 and ownCloud ask only there, with a slash behind
JWKS = "/.well-known/jwks.json"

DEFAULT_WEBDAV = "/public.php/webdav/"  # Nextcloud's and ownCloud's, for documents that name none

API_VERSION = "1.4.0"
LEGACY_API_VERSION = "1.0-proposal1"  # the only one that every Nextcloud and ownCloud accepts

# Earlier spelling -> name in 1.4 (IETF-OCM, "Fields"; PROTOCOL section 2). A leading slash is dropped before.
CAPABILITIES = {
    "invite-accepted": "invites",
    "mfa-capable": "enforce-mfa",
    "receive-code": "exchange-token",
}
CRITERIA = {
    "http-request-signatures": "must-use-http-sig",
    "token-exchange": "must-exchange-token",
    "code": "must-exchange-token",
    "invite": "must-invite",
}


@dataclass(frozen=True, slots=True)
class ResourceType:
    """What a server takes and gives: `protocols` maps a role ("webdav", "webapp-receive") to its value."""

    name: str
    share_types: frozenset[str]
    protocols: Mapping[str, Any] = field(hash=False)


@dataclass(frozen=True, slots=True)
class PemKey:
    """The RSA key for the older HTTP signatures (1.2-1.3)."""

    key_id: str
    pem: str


@dataclass(frozen=True, slots=True)
class Discovery:
    """A server as it presents itself. URLs are absolute; names are those of 1.4."""

    base_url: str  # scheme and authority that gave the document, without trailing slash
    enabled: bool
    api_version: str
    end_point: str  # without trailing slash
    provider: str
    resource_types: tuple[ResourceType, ...]
    capabilities: frozenset[str]
    criteria: frozenset[str]
    public_key: PemKey | None
    token_end_point: str | None
    jwks_uri: str | None
    invite_accept_dialog: str | None
    document: Mapping[str, Any] = field(repr=False, hash=False)

    @classmethod
    def parse(cls, body: bytes, base_url: str) -> Discovery:
        """Reads a document that was fetched from `base_url`. Raises `BadAnswer` where it is none."""
        try:
            return cls.read(decode_object(body), base_url)
        except Invalid as error:
            raise BadAnswer("Its discovery document is not valid JSON.", detail=error.detail) from None

    @classmethod
    def read(cls, document: Mapping[str, Any], base_url: str) -> Discovery:
        """As `parse`, from decoded JSON."""
        base_url = base_url.rstrip("/")
        end_point = _url(document.get("endPoint"), base_url)
        enabled = document.get("enabled") is True
        if enabled and end_point is None:
            raise BadAnswer("Its discovery document names no endpoint.")
        capabilities = {_name(text, CAPABILITIES) for text in _texts(document.get("capabilities"))}
        return cls(
            base_url=base_url,
            enabled=enabled,
            # Nextcloud keeps `1.0-proposal1` in apiVersion on purpose and says the truth in `version`.
            api_version=_text(document.get("version")) or _text(document.get("apiVersion")),
            end_point=(end_point or "").rstrip("/"),
            provider=_text(document.get("provider")),
            resource_types=_resource_types(document),
            capabilities=frozenset(capabilities),
            criteria=frozenset(_name(text, CRITERIA) for text in _texts(document.get("criteria"))),
            public_key=_public_key(document.get("publicKey"), base_url),
            token_end_point=_url(document.get("tokenEndPoint"), base_url),
            jwks_uri=_url(document.get("jwksUri"), base_url),
            invite_accept_dialog=_url(document.get("inviteAcceptDialog"), base_url),
            document=document,
        )

    @property
    def key_set_url(self) -> str:
        """Where the JWK set is (1.4: `jwksUri`; without it the well-known place)."""
        return self.jwks_uri or self.base_url + JWKS

    def resource(self, name: str) -> ResourceType | None:
        """The resource type of that name."""
        return next((item for item in self.resource_types if item.name == name), None)

    @property
    def webdav_url(self) -> str:
        """The root of WebDAV access as an absolute URL with a trailing slash, always on the peer's own host."""
        offered = [item.protocols.get("webdav") for item in self.resource_types if item.name in ("file", "folder")]
        path = next((value for value in offered if isinstance(value, str) and value), DEFAULT_WEBDAV)
        # Seafile writes "seafdav", CERNBox "/remote.php/dav/ocm": slashes are ours to add.
        url = _url(path, self.base_url)
        if url is None or not self.owns(url):
            url = self.base_url + DEFAULT_WEBDAV
        return url.rstrip("/") + "/"

    def owns(self, url: str) -> bool:
        """Whether a URL lies on this server: on the host that gave the document, or on that of its endpoint."""
        return urlsplit(url).netloc.lower() in {
            urlsplit(known).netloc.lower() for known in (self.base_url, self.end_point)
        }


@dataclass(frozen=True, slots=True)
class Offer:
    """What our own document says. Lists hold the names of 1.4; old spellings are added when it is written."""

    base_url: str
    provider: str
    webdav_path: str
    capabilities: tuple[str, ...]
    criteria: tuple[str, ...] = ()
    share_types: tuple[str, ...] = ("user",)
    public_key: PemKey | None = None
    invite_accept_dialog: str | None = None
    token_end_point: str | None = None
    webapp: bool = False  # whether we offer a web application
    others_receive: bool = False  # the other roles of 1.4 as Receiving Server
    webdav_receive: str | None = None  # "absolute" | "relative": the role of 1.4, see docs/interoperability.md


def own_document(offer: Offer, api_version: str = API_VERSION) -> dict[str, Any]:
    """Our discovery document. `api_version` is what this reader accepts; `version` is always the real one."""
    protocols: dict[str, Any] = {"webdav": offer.webdav_path}
    if offer.webdav_receive:
        protocols["webdav-receive"] = {"uri": offer.webdav_receive}
    if offer.webapp:
        protocols["webapp"] = {}
    if offer.others_receive:
        protocols |= {"webapp-receive": {"targets": ["blank"]}, "ssh-receive": {}}
    resource_types = [
        # Seafile reads the first entry only, so `file` comes first. CERNBox looks for `folder` before it takes one.
        {"name": name, "shareTypes": list(offer.share_types), "protocols": protocols}
        for name in ("file", "folder")
    ]
    capabilities = list(offer.capabilities)
    if "invites" in capabilities:
        capabilities.append("invite-accepted")  # the name that Nextcloud Contacts looks for
    if "protocol-object" in capabilities:
        capabilities.append("webdav-uri")  # the name that OpenCloud and oCIS use
    document = {
        "enabled": True,
        "apiVersion": api_version,
        "version": API_VERSION,
        "endPoint": offer.base_url + "/ocm",
        "provider": offer.provider,
        "resourceTypes": resource_types,
        "capabilities": capabilities,
        "criteria": list(offer.criteria),
        "jwksUri": offer.base_url + JWKS,
        "inviteAcceptDialog": offer.invite_accept_dialog,
        "tokenEndPoint": offer.token_end_point,
    }
    if offer.public_key:
        key = offer.public_key
        document["publicKey"] = {"keyId": key.key_id, "id": key.key_id, "publicKeyPem": key.pem}
    return {name: value for name, value in document.items() if value is not None}


def _name(text: str, renamed: Mapping[str, str]) -> str:
    name = text.strip().lstrip("/").lower()
    return renamed.get(name, name)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _url(value: object, base_url: str) -> str | None:
    """An absolute http(s) URL; a path is taken relative to the base. None where it is neither."""
    if not isinstance(value, str) or not value.isprintable() or not value:
        return None
    try:
        url = urljoin(base_url + "/", value)
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.username is None and parts.port != 0
    except ValueError:  # a broken IPv6 literal or port
        return None
    return url if usable else None


def _resource_types(document: Mapping[str, Any]) -> tuple[ResourceType, ...]:
    value = document.get("resourceTypes")
    if value is None:
        value = document.get("shareTypes")  # ownCloud 10
    items = [value] if isinstance(value, dict) else value  # Seafile's own API makes it an object
    if not isinstance(items, list):
        return ()
    return tuple(
        ResourceType(
            name=item["name"],
            share_types=frozenset(_texts(item.get("shareTypes"))) or frozenset({"user"}),
            protocols=item["protocols"] if isinstance(item.get("protocols"), dict) else {},
        )
        for item in items
        if isinstance(item, dict) and isinstance(item.get("name"), str)
    )


def _public_key(value: object, base_url: str) -> PemKey | None:
    if isinstance(value, str) and value:  # ocm-stub gives the bare PEM
        return PemKey(base_url + "/ocm#signature", value)
    if not isinstance(value, dict):
        return None
    key_id, pem = value.get("keyId") or value.get("id"), value.get("publicKeyPem")
    return PemKey(key_id, pem) if isinstance(key_id, str) and isinstance(pem, str) and key_id and pem else None
