"""CERNBox's Reva (cs3org/reva after 3.12.2, August 2026), emulated from a reading of its sources; nothing was recorded.

It sends the form of 1.1 and newer whatever the receiver is, and discovers the receiver first; takes that form and the
legacy one (which it probes with a PROPFIND inside the handler); wants the sender to be an accepted contact. Files are
below `/remote.php/dav/ocm/<share id>` with Bearer, or at the root with Basic `secret:`. Tokens are fetched unsigned,
again for every operation.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit
from uuid import uuid4

from tests.peers.davclient import GO_PROPFIND, GoClient, basic, read_multistatus
from tests.peers.davserver import OC, Style, Tree, basic_properties
from tests.peers.ocs import FORM
from tests.peers.reva_family import GO, RevaPeer, go_error, missing
from tests.peers.values import (
    AccessError,
    Answer,
    Call,
    Exchange,
    Headers,
    Mount,
    Received,
    Sent,
    ShareGoneError,
    UnreachableError,
    bare_host,
    json_answer,
    split_address,
)

ROOT = "/remote.php/dav/ocm"
AGENT = (("User-Agent", GO), ("Accept-Encoding", "gzip"))
FIELDS = (
    ("shareWith", "ShareWith"),
    ("name", "Name"),
    ("providerId", "ProviderID"),
    ("owner", "Owner"),
    ("sender", "Sender"),
    ("shareType", "ShareType"),
    ("resourceType", "ResourceType"),
)
PERMISSIONS = {"read", "write", "share"}
REQUIREMENTS = {"must-exchange-token", "must-use-mfa"}
STYLE = Style(
    "1, 3, extended-mkcol",
    lambda path, tree: {**basic_properties(path), f"{OC}permissions": "RDNVWCK" if tree.write else "R"},
    (("s", "http://sabredav.org/ns"), ("d", "DAV:"), ("oc", OC[1:-1])),
)


class Reva(RevaPeer):
    """`await Reva.start()`; then `trust` and invite. `verify`: providers that are not listed are refused."""

    family = "reva"
    user_agent = GO
    file_at_name = False
    dotted = False
    success = 201
    success_type = "application/json"

    def __init__(
        self,
        *,
        allow_http: bool = True,
        verify: bool = False,
        auto_accept: str = "",
        exchange_token: bool = True,
        require_token: bool = False,
        webapp: bool = False,
    ) -> None:
        super().__init__(allow_http=allow_http, style=STYLE)
        self.verify = verify
        self.auto_accept = auto_accept  # a regular expression of hosts whose people need no invitation
        self.exchange_token = exchange_token
        self.require_token = require_token  # of the shares that are sent
        self.webapp = webapp  # offers an application with what is shared, and opens those of others
        self.apps: dict[str, dict[str, Any]] = {}  # by the id of the offer
        self.opens_apps: dict[str, bool] = {}  # whether the receiver does, by the id of the share
        self.tokens: dict[str, Sent] = {}
        for path in ("/ocm-provider", "/ocm-provider/"):
            self.routes["GET", path] = self._redirect
        if exchange_token:
            self.routes["POST", "/ocm/token"] = self._token

    # --- who we are -------------------------------------------------------------------------------------------

    def user_id(self, user: str) -> str:
        """The bare login."""
        return user

    def create_invite(self, user: str) -> str:
        """What the web interface shows: base64 of `token@host`."""
        token = str(uuid4())
        self.contacts.tokens[token] = user
        return base64.b64encode(f"{token}@{self.host}".encode()).decode()

    def discovery(self, *, old: bool = False) -> dict[str, Any]:
        """The document; `old` for the User-Agent of Nextcloud up to 32."""
        roles: dict[str, Any] = {"webdav": ROOT, "webdav-receive": {"uri": "absolute"}}
        if self.webapp:
            roles |= {"webapp": {}, "webapp-receive": {"targets": ["blank"]}}
        kinds = [{"name": name, "shareTypes": ["user"], "protocols": roles} for name in ("file", "folder")]
        token = {"tokenEndPoint": f"{self.base_url}/ocm/token"} if self.exchange_token else {}
        exchange = ["exchange-token"] if self.exchange_token else []
        return {
            "enabled": True,
            "apiVersion": "1.1" if old else "1.3.0",
            "endPoint": f"{self.base_url}/ocm",
            "provider": "CERNBox",
            "resourceTypes": kinds,
            "capabilities": ["invites", "protocol-object", "invite-wayf", *exchange],
            "criteria": ["must-invite"],
            "inviteAcceptDialog": f"{self.base_url}/open-cloud-mesh/accept-invite",
            **token,
        }

    async def _well_known(self, call: Call) -> Answer:
        return json_answer(self.discovery(old=call.headers.get("User-Agent") == "Nextcloud Server Crawler"))

    async def _redirect(self, _call: Call) -> Answer:
        return Answer(301, b"", (("Location", "/.well-known/ocm"),))

    def takes_from(self, host: str) -> bool:
        """Without `verify` the list is only for looking up addresses."""
        return not self.verify or super().takes_from(host)

    def met(self, user: str, *, new: bool) -> Answer:
        """409 for somebody who is known already."""
        if not new:
            return go_error(409, "ALREADY_EXIST", "user already known")
        return json_answer(self.identity(user))

    async def discover(self, url: str) -> Mapping[str, Any] | None:
        """At scheme and host of an address; `resourceTypes` must be a list, as Go decodes it."""
        base = urljoin(url, "/").rstrip("/")
        for path in ("/.well-known/ocm", "/ocm-provider"):
            document = await self.fetch_document(base + path, AGENT)
            if document is not None:
                return document if isinstance(document.get("resourceTypes", []), list) else None
        return None

    # --- receiving --------------------------------------------------------------------------------------------

    async def _shares(self, call: Call) -> Answer:
        if not call.headers.get("Content-Type", "").startswith("application/json"):
            return go_error(400, "INVALID_PARAMETER", "body request not recognised")
        share = call.document()
        fault = _fault(share) if isinstance(share, dict) else "body request not recognised"
        if fault:
            return go_error(400, "INVALID_PARAMETER", fault)
        identifier, server = split_address(share["sender"])
        host = bare_host(server)
        if not self.takes_from(host):
            return go_error(401, "UNAUTHENTICATED", "provider not authorized")
        user = split_address(share["shareWith"])[0].partition("@")[0]
        if user not in self.people:
            return go_error(404, "RESOURCE_NOT_FOUND", "user not found")
        known = self.contacts.find(user, identifier.partition("@")[0], host) or self.contacts.find(
            user, identifier, host
        )
        if known is None and not (self.auto_accept and re.search(self.auto_accept, host)):
            return go_error(401, "UNAUTHENTICATED", "sender is not an accepted user")
        return await self._receive(user, share, host)

    async def _receive(self, user: str, share: dict[str, Any], host: str) -> Answer:
        document = await self.discover(self.url_of(host)) or {}
        kinds = [kind for kind in document.get("resourceTypes", []) if kind.get("name") == share["resourceType"]]
        root = next((kind["protocols"]["webdav"] for kind in kinds if "webdav" in kind.get("protocols", {})), None)
        if not isinstance(root, str):
            return go_error(400, "INVALID_PARAMETER", "the sender has no WebDAV for this resource type")
        webdav, options = share["protocol"].get("webdav"), share["protocol"].get("options") or {}
        base = f"{self.url_of(host)}/{root.strip('/')}/"
        if webdav is None:
            secret = options["sharedSecret"]
            webdav = {"permissions": ["read", "write", "share"]}
            uri = base
            if await self._probe(base, secret):
                share = {**share, "resourceType": "folder"}
        else:
            secret, uri = webdav.get("sharedSecret", ""), urljoin(base, webdav.get("uri", ""))
        kept = self.keep(user, share, uri=uri, secret=secret, dav=webdav)
        if share["protocol"].get("webapp"):
            self.apps[kept.id] = share["protocol"]["webapp"]
        return json_answer({"recipientDisplayName": self.people[user].display_name}, 201)

    async def _probe(self, root: str, secret: str) -> bool:
        """Whether a legacy share is a folder; asked inside of the handler, before the sender has its answer."""
        headers = (*AGENT, ("Authorization", basic(secret)), ("Depth", "0"))
        try:
            done = await self.request("PROPFIND", root, headers, GO_PROPFIND)
        except UnreachableError:
            return False
        found = read_multistatus(done.answer) if done.status == 207 else []
        return bool(found) and found[0].folder

    def mount(self, user: str, share_id: str) -> Mount:
        """Bearer first, then Basic; with must-exchange-token only tokens."""
        return Mounted(self, self.offer(user, share_id))

    async def open_app(self, user: str, share_id: str) -> tuple[str, dict[str, str]]:
        """Where the browser of somebody here posts a form to, in a window of its own, and the form."""
        share, app = self.offer(user, share_id), self.apps[share_id]
        token = await self.token(replace(share, secret=app["sharedSecret"]))
        return app["uri"], {"access_token": token, "access_token_ttl": "3600"}

    async def token(self, share: Received) -> str:
        """A fresh one, asked for without a signature."""
        document = await self.discover(share.uri) or {}
        url = document.get("tokenEndPoint")
        if not isinstance(url, str):
            raise AccessError("no token endpoint")
        form = {"client_id": self.host, "code": share.secret, "grant_type": "authorization_code"}
        done = await self.request("POST", url, (*AGENT, FORM), urlencode(form).encode())
        answer = done.document() if done.status == 200 else None
        if not isinstance(answer, dict) or not answer.get("access_token"):
            raise AccessError("no token", done.status)
        return str(answer["access_token"])

    # --- sending ----------------------------------------------------------------------------------------------

    async def offer_to(self, share: Sent, end_point: str) -> Exchange | None:
        """The receiver is discovered first; without its document nothing is posted."""
        document = await self.discover(end_point)
        if document is None:
            return None
        self.opens_apps[share.id] = self.webapp and _opens_apps(document)
        return await super().offer_to(share, end_point)

    def payload(self, share: Sent) -> dict[str, Any]:
        """Always the newer form, with an absolute uri; with an application to who opens such."""
        me = f"{share.person.name}@{self.host}"
        required = {"requirements": ["must-exchange-token"]} if self.require_token else {}
        permissions = ["read", "write"] if share.write else ["read"]
        app = {
            "uri": f"{self.base_url}/external/jupyter/{share.id}",
            "sharedSecret": share.secret,
            "permissions": ["view", *permissions],
            "requirements": ["must-exchange-token"],
            "targets": ["blank"],
            "appName": "Jupyter",
        }
        return {
            "shareWith": share.share_with,
            "name": share.path.strip("/").rpartition("/")[2],
            "description": "",
            "providerId": share.id,
            "owner": me,
            "sender": me,
            "ownerDisplayName": share.person.display_name,
            "senderDisplayName": share.person.display_name,
            "code": "",
            "shareType": "user",
            "resourceType": "folder" if self.shared(share).is_dir() else "file",
            "expiration": 0,
            "protocol": {
                "name": "multi",
                "options": {},
                "webdav": {
                    "sharedSecret": share.secret,
                    "permissions": permissions,
                    **required,
                    "uri": f"{self.base_url}{ROOT}/{share.id}",
                },
                **({"webapp": app} if self.opens_apps.get(share.id) else {}),
            },
        }

    async def otherwise(self, call: Call) -> Answer:
        """Files, else 404."""
        return self._files_of(call) if call.path.startswith(f"{ROOT}/") or call.path == ROOT else Answer(404)

    def _files_of(self, call: Call) -> Answer:
        scheme, _, credential = call.headers.get("Authorization", "").partition(" ")
        refused = Answer(401, b"", (("WWW-Authenticate", "Bearer"),))
        if scheme == "Basic":
            share = self.share_of(base64.b64decode(credential).decode().partition(":")[0])
            if share is None or self.require_token:
                return refused
            return self.dav.answer(call, Tree(self.shared(share), f"{ROOT}/", share.write))
        share = self.tokens.get(credential)
        if share is None and not self.require_token:
            share = self.share_of(credential)
        if scheme != "Bearer" or share is None or not call.path.startswith(f"{ROOT}/{share.id}"):
            return refused
        return self.serve(call, share, f"{ROOT}/{share.id}")

    async def _token(self, call: Call) -> Answer:
        form = call.form()
        if form.get("grant_type") not in ("authorization_code", "ocm_share"):
            return json_answer({"error": "unsupported_grant_type"}, 400)
        if not form.get("code"):
            return json_answer({"error": "invalid_request"}, 400)
        share = self.share_of(form["code"])
        if share is None:
            return json_answer({"error": "invalid_grant"}, 400)
        token = secrets.token_urlsafe(32)
        self.tokens[token] = share
        return json_answer({"access_token": token, "token_type": "Bearer", "expires_in": 3600})

    async def unshare(self, share_id: str) -> None:
        """Nobody is told; tokens die, too."""
        share = self.shares[share_id]
        await super().unshare(share_id)
        self.tokens = {token: each for token, each in self.tokens.items() if each is not share}


class Mounted(GoClient):
    """gowebdav with the credential chosen at the first request: Bearer if a PROPFIND with it succeeds, else Basic."""

    def __init__(self, peer: Reva, share: Received) -> None:
        file = "" if share.resource_type == "file" else None
        super().__init__(self._with_credential, share.uri, "", file=file, dotted=False)
        self._peer = peer
        self._share = share
        self._working = ""

    async def _with_credential(self, method: str, url: str, headers: Headers, body: bytes | None) -> Exchange:
        if self._share.state != "accepted":
            raise ShareGoneError("not among the files", 404)
        others = [(name, value) for name, value in headers if name != "Authorization"]
        if method == "PUT":
            others = [("Upload-Length", "-1"), *((name, value) for name, value in others if name != "Lock-Token")]
        chosen = ("Authorization", await self._choose())
        return await self._peer.request(method, url, [*others, chosen], body)

    async def _choose(self) -> str:
        if "must-exchange-token" in self._share.requirements:
            return f"Bearer {await self._peer.token(self._share)}"
        bearer = f"Bearer {self._share.secret}"
        if not self._working:
            headers = (*AGENT, ("Authorization", bearer), ("Depth", "0"))
            done = await self._peer.request("PROPFIND", f"{self._share.uri.rstrip('/')}/", headers, GO_PROPFIND)
            self._working = bearer if done.status == 207 else basic(self._share.secret)
        return self._working


def _fault(share: dict[str, Any]) -> str:
    """What Go's decoder and the checks after it object to; empty if nothing."""
    for name, _ in FIELDS:
        if name in share and not isinstance(share[name], str):
            return f"json: cannot unmarshal {json.dumps(share[name])} into createShareRequest.{name} of type string"
    expiration = share.get("expiration", 0)
    if not isinstance(expiration, int) or expiration < 0:
        return "json: cannot unmarshal expiration into createShareRequest.expiration of type uint64"
    faults = missing(share, FIELDS)
    if faults or "@" not in share["sender"]:
        return "\n".join(faults) or "not in the form <id>@<provider>"
    if share["shareType"] not in ("user", "group", "federation"):
        return "share type not supported"
    protocol = share.get("protocol")
    return _protocol_fault(protocol) if isinstance(protocol, dict) else "protocol is missing"


def _protocol_fault(protocol: dict[str, Any]) -> str:
    unknown = set(protocol) - {"name", "options", "webdav", "webapp", "embedded"}
    if unknown:
        return f"protocol {sorted(unknown)[0]} not recognised"
    app = protocol.get("webapp")
    if app is not None and _app_fault(app):
        return _app_fault(app)
    webdav, options = protocol.get("webdav"), protocol.get("options") or {}
    if webdav is None:
        return "" if options.get("sharedSecret") else "no protocol"
    permissions = webdav.get("permissions") or []
    if not permissions or set(permissions) - PERMISSIONS:
        return "permissions not recognised"
    if set(webdav.get("requirements") or []) - REQUIREMENTS:
        return "requirements not recognised"
    scheme = urlsplit(webdav.get("uri", "")).scheme
    return "" if scheme in ("", "http", "https") else "the uri is not one of http"


def _app_fault(app: dict[str, Any]) -> str:
    permissions, targets = set(app.get("permissions") or []), set(app.get("targets") or [])
    if urlsplit(app.get("uri", "")).scheme not in ("http", "https") or not app.get("sharedSecret"):
        return "webapp without uri or secret"
    if not permissions or permissions - PERMISSIONS - {"view"}:
        return "webapp permissions not recognised"
    if "must-exchange-token" not in (app.get("requirements") or []):
        return "webapp without must-exchange-token"
    return "" if targets and not targets - {"blank", "iframe"} else "webapp targets not recognised"


def _opens_apps(document: Mapping[str, Any]) -> bool:
    """Whether a server takes applications, in a window of their own, and exchanges tokens."""
    roles = [kind.get("protocols", {}).get("webapp-receive") or {} for kind in document.get("resourceTypes") or []]
    return any("blank" in role.get("targets", ()) for role in roles) and "exchange-token" in document["capabilities"]
