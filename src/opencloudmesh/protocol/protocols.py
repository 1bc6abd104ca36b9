"""The protocol parts of a share: how the resource can be reached (IETF-OCM, "Protocol details").

    protocols = Protocols.read(fields.object("protocol"))
    protocols.webdav.shared_secret

All three encodings of ten years are read: `options` (1.0), one named object, and `multi`. Protocols that are not
known are kept by name and shown as unsupported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from opencloudmesh.protocol.address import normalise_host
from opencloudmesh.protocol.errors import Invalid
from opencloudmesh.protocol.fields import INVALID, REQUIRED, Fields
from opencloudmesh.protocol.ssh import SshAddress

READ, WRITE, SHARE = "read", "write", "share"
PERMISSIONS = frozenset({READ, WRITE, SHARE})

MUST_EXCHANGE_TOKEN, MUST_USE_MFA = "must-exchange-token", "must-use-mfa"
# Earlier spelling -> name in 1.4. 1.1 and 1.2-00 list the MFA requirement among the permissions.
REQUIREMENTS = {"mfa-enforced": MUST_USE_MFA, "use-code": MUST_EXCHANGE_TOKEN, "use-mfa": MUST_USE_MFA}

# Nextcloud's and ownCloud's `options.permissions`: the name of a WebDAV property, not a list.
SHARE_PERMISSIONS_PROPERTY = "{http://open-cloud-mesh.org/ns}share-permissions"

MAX_SECRET = 1024

BLANK = "blank"  # a web application in a window of its own: the only way in which we show one
PLACEHOLDER = "{relative-path-to-shared-resource}"


@dataclass(frozen=True, slots=True)
class WebDav:
    """Access over WebDAV. `uri` is absolute, a path, an id relative to the sender's root, or "" for the root."""

    uri: str
    shared_secret: str = field(repr=False)
    permissions: frozenset[str]
    requirements: frozenset[str] = frozenset()
    access_types: frozenset[str] = frozenset({"remote"})
    size: int | None = None


@dataclass(frozen=True, slots=True)
class WebApp:
    """A web application at the sender. `uri` is a template before 1.4."""

    uri: str
    shared_secret: str = field(repr=False)
    permissions: frozenset[str]
    requirements: frozenset[str] = frozenset()
    targets: tuple[str, ...] = ()
    app_name: str = ""
    media_types: tuple[str, ...] = ()
    template: bool = False


@dataclass(frozen=True, slots=True)
class Ssh:
    """Access over SSH: `uri` is `user@host:port/path`."""

    uri: str
    access_types: frozenset[str] = frozenset({"remote"})


@dataclass(frozen=True, slots=True)
class DataTx:
    """A transfer of data (<= 1.2)."""

    source_uri: str
    shared_secret: str = field(repr=False)
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Protocols:
    """All parts of one share. `name` is "webdav" or "multi" as written by the sender."""

    name: str
    webdav: WebDav | None = None
    webapp: WebApp | None = None
    ssh: Ssh | None = None
    datatx: DataTx | None = None
    unknown: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all parts, known ones first."""
        known = [name for name in _READERS if getattr(self, name) is not None]
        return (*known, *self.unknown)

    @property
    def access(self) -> WebDav | None:
        """How it is reached over WebDAV. A `datatx` part (<= 1.2) is fetched over WebDAV too."""
        if self.webdav is not None or self.datatx is None:
            return self.webdav
        tx = self.datatx
        return WebDav(tx.source_uri, tx.shared_secret, frozenset({READ}), frozenset(), frozenset({"datatx"}), tx.size)

    def others(self, *, plain_http: bool = False) -> dict[str, dict[str, Any]]:
        """The parts besides WebDAV that somebody here can use, by name; secrets are in them."""
        found = {
            "webapp": self.webapp and _opened(self.webapp, plain_http),
            "ssh": self.ssh and _reached(self.ssh),
        }
        return {name: part for name, part in found.items() if part}

    @classmethod
    def read(cls, protocol: Fields, code: str = "") -> Protocols:
        """Reads the `protocol` object; `code` is the share's own code field (1.2). Notes what is wrong."""
        name = protocol.text("name", required=False, limit=64) or "multi"
        parts: dict[str, Any] = {
            part: reader(protocol.object(part), code)
            for part, reader in _READERS.items()
            if isinstance(protocol.values.get(part), dict)
        }
        options = protocol.object("options")
        if "webdav" not in parts and (name == "webdav" or (name == "multi" and options.values)):
            parts["webdav"] = _read_options(options, code)
        known = {*_READERS, "name", "options"}
        unknown = {key: value for key, value in protocol.values.items() if key not in known}
        if name not in ("webdav", "multi") and not parts:
            unknown.setdefault(name, options.values)
        return cls(name=name, unknown=unknown, **parts)


def _opened(webapp: WebApp, plain_http: bool) -> dict[str, Any] | None:
    """How a web application is opened; None where it cannot be.

    1.4: in a window of its own, with a token for the secret. Before, a link; `{relative-path-to-shared-resource}` is
    nothing for the resource itself.
    """
    uri = webapp.uri.replace(PLACEHOLDER, "") if webapp.template else webapp.uri
    with_token = MUST_EXCHANGE_TOKEN in webapp.requirements and bool(webapp.shared_secret)
    wanted = (with_token and (webapp.template or BLANK in webapp.targets)) or webapp.template
    if not wanted or not is_web_address(uri, plain_http=plain_http):
        return None
    return {
        "uri": uri,
        "secret": webapp.shared_secret if with_token else "",
        "permissions": sorted(webapp.permissions),
        "requirements": sorted(webapp.requirements),
        "name": webapp.app_name if webapp.app_name.isprintable() else "",
    }


def takes_apps(role: object) -> bool:
    """Whether a server's `webapp-receive` says that it opens one in a window of its own."""
    return isinstance(role, dict) and isinstance(role.get("targets"), list) and BLANK in role["targets"]


def is_web_address(uri: str, *, plain_http: bool = False) -> bool:
    """Whether a browser may be sent there: https with a host and nothing odd; `plain_http` for testing."""
    try:
        parts = urlsplit(uri)
        usable = parts.scheme in (("https", "http") if plain_http else ("https",)) and parts.port != 0
        normalise_host(parts.netloc)
    except (ValueError, Invalid):
        return False
    plain = uri.isascii() and uri.isprintable() and not set(uri) & set(" \"'<>\\^`{|}")
    return usable and plain and parts.username is None


def _reached(ssh: Ssh) -> dict[str, Any] | None:
    try:
        SshAddress.parse(ssh.uri)
    except Invalid:
        return None
    return {"uri": ssh.uri}


def _read_webdav(part: Fields, code: str) -> WebDav:
    permissions, requirements = _permissions(part)
    return WebDav(
        # `url` is what old oCIS and OpenCloud write, `URI` ocm-stub.
        uri=part.text("uri", "url", "URI", required=False),
        shared_secret=_secret(part, code),
        permissions=permissions,
        requirements=requirements,
        access_types=frozenset(part.words("accessTypes")) or frozenset({"remote"}),
        size=part.number("size", limit=2**63 - 1),
    )


def _read_options(options: Fields, code: str) -> WebDav:
    """The encoding of 1.0: a secret and nothing else that could be relied on."""
    permissions, requirements = _permissions(options)
    return WebDav("", _secret(options, code), permissions, requirements)


def _read_webapp(part: Fields, code: str) -> WebApp:
    permissions, requirements = _permissions(part, known=frozenset({"view", *PERMISSIONS}))
    return WebApp(
        uri=part.text("uri", "uriTemplate"),
        shared_secret=part.text("sharedSecret", required=False, limit=MAX_SECRET) or code,
        permissions=permissions,
        requirements=requirements,
        targets=part.words("targets"),
        app_name=part.text("appName", required=False, limit=255),
        media_types=part.words("mediaTypes"),
        template=part.values.get("uri") is None,
    )


def _read_ssh(part: Fields, _code: str) -> Ssh:
    return Ssh(part.text("uri"), frozenset(part.words("accessTypes")) or frozenset({"remote"}))


def _read_datatx(part: Fields, code: str) -> DataTx:
    secret = part.text("sharedSecret", required=False, limit=MAX_SECRET) or code
    return DataTx(part.text("srcUri"), secret, part.number("size", limit=2**63 - 1))


_READERS = {"webdav": _read_webdav, "webapp": _read_webapp, "ssh": _read_ssh, "datatx": _read_datatx}


def _secret(part: Fields, code: str) -> str:
    secret = part.text("sharedSecret", required=not code, limit=MAX_SECRET) or code
    if not secret.isprintable():  # it travels in a header
        part.wrong("sharedSecret")
    return secret


def _permissions(part: Fields, known: frozenset[str] = PERMISSIONS) -> tuple[frozenset[str], frozenset[str]]:
    """Permissions and requirements, old spellings turned into new; unknown permissions grant nothing."""
    named = frozenset(part.words("permissions"))
    asked = named - known | frozenset(part.words("requirements"))
    requirements = frozenset(REQUIREMENTS.get(word, word) for word in asked)
    unknown = frozenset(part.words("requirements")) - set(REQUIREMENTS) - {MUST_EXCHANGE_TOKEN, MUST_USE_MFA}
    if unknown:  # a requirement that we do not know is one that we could not honour
        part.wrong("requirements", INVALID)
    permissions = named & known
    if not permissions:
        # Nothing said, or Nextcloud's property name: reading is certain, the rest is learnt over WebDAV.
        permissions = frozenset({READ})
    return permissions, requirements & {MUST_EXCHANGE_TOKEN, MUST_USE_MFA}


def require_access(protocol: Fields, protocols: Protocols) -> None:
    """Notes a share without any part in it."""
    if not protocols.names:
        protocol.wrong("name", REQUIRED)
