"""What opencloudmesh-go answers: discovery, keys, shares, notifications, invites, tokens and one file at a time."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.peers import rfc9421
from tests.peers.base import Peer
from tests.peers.davserver import Dav, Style, Tree, basic_properties
from tests.peers.invites import Contact, Contacts, base64_inside
from tests.peers.values import (
    Answer,
    Call,
    Person,
    Received,
    Sent,
    UnreachableError,
    bare_host,
    json_answer,
    split_address,
)

WEBDAV = "/webdav/ocm/"
REQUIRED = ("shareWith", "name", "providerId", "owner", "sender", "shareType", "resourceType", "protocol")
STYLE = Style("1", lambda path, _tree: basic_properties(path), (("d", "DAV:"),))
CHALLENGE = ("WWW-Authenticate", 'Bearer realm="OCM WebDAV"')
TEXT = ("Content-Type", "text/plain; charset=utf-8")
TO_SENDER = {"SHARE_ACCEPTED": "accepted", "SHARE_DECLINED": "declined"}


class RefusalError(Exception):
    """An answer instead of going on."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def text(status: int, words: str, *headers: tuple[str, str]) -> Answer:
    """A line of plain text."""
    return Answer(status, f"{words}\n".encode(), (TEXT, *headers))


def says(status: int, message: str, field: str = "", fault: str = "") -> Answer:
    """A message in capitals, and perhaps the field that is meant."""
    errors = {"validationErrors": [{"name": field, "message": fault}]} if field else {}
    return json_answer({"message": message, **errors}, status, end="\n")


def denied(error: str, description: str) -> Answer:
    """An OAuth error."""
    return json_answer({"error": error, "error_description": description}, 400, end="\n")


class OpenCloudMeshGoEndpoints(Peer):
    """The routes."""

    def __init__(self, *, allow_http: bool = True, require_token: bool = True) -> None:
        super().__init__(allow_http=allow_http)
        self.require_token = require_token  # of shares both ways
        self.contacts = Contacts()
        self.used: dict[str, str] = {}  # invite tokens that were accepted, and by whom
        self.tokens: dict[str, Sent] = {}
        self.key = Ed25519PrivateKey.generate()
        self.dav = Dav(STYLE)
        self.routes["GET", "/.well-known/ocm"] = self._well_known
        self.routes["GET", "/ocm/jwks"] = self._jwks
        for path, handler in (
            ("shares", self._shares),
            ("notifications", self._notifications),
            ("invite-accepted", self._invite_accepted),
            ("token", self._token),
        ):
            self.routes["POST", f"/ocm/{path}"] = handler

    async def discover(self, host: str) -> Mapping[str, Any] | None:
        """Another server's document."""
        raise NotImplementedError

    async def fetch_keys(self, document: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Another server's JWK set."""
        raise NotImplementedError

    # --- who we are -------------------------------------------------------------------------------------------

    @property
    def key_id(self) -> str:
        """`host:port#key1`"""
        return f"{self.host}#key1"

    def person_id(self, name: str) -> str:
        """A UUID."""
        return str(uuid4())

    def user_id(self, user: str) -> str:
        """The federated id: base64url of the UUID and the host, without padding."""
        return base64.urlsafe_b64encode(f"{self.people[user].id}@{self.host}".encode()).decode().rstrip("=")

    def discovery(self) -> dict[str, Any]:
        """The document, as recorded."""
        criteria = ["must-use-http-sig", *(["must-exchange-token"] if self.require_token else []), "must-invite"]
        roles = {"webdav": WEBDAV, "webdav-receive": {"uri": "relative"}}
        return {
            "enabled": True,
            "apiVersion": "1.4.0",
            "endPoint": f"{self.base_url}/ocm",
            "provider": "OpenCloudMesh",
            "resourceTypes": [{"name": "file", "shareTypes": ["user"], "protocols": roles}],
            "capabilities": ["http-sig", "exchange-token", "invites", "notifications"],
            "criteria": criteria,
            "tokenEndPoint": f"{self.base_url}/ocm/token",
            "jwksUri": f"{self.base_url}/ocm/jwks",
        }

    async def _well_known(self, _call: Call) -> Answer:
        return json_answer(self.discovery(), end="\n")

    async def _jwks(self, _call: Call) -> Answer:
        public = base64.urlsafe_b64encode(self.key.public_key().public_bytes_raw()).decode().rstrip("=")
        key = {"kty": "OKP", "kid": self.key_id, "use": "sig", "alg": "Ed25519", "crv": "Ed25519", "x": public}
        return json_answer({"keys": [key]}, end="\n")

    async def answer(self, call: Call) -> Answer:
        """A refusal may be raised anywhere."""
        try:
            return await super().answer(call)
        except RefusalError as refusal:
            return refusal.answer

    async def otherwise(self, call: Call) -> Answer:
        """Files, and everything else only for who is logged in."""
        if call.path.startswith(WEBDAV):
            return self._file(call)
        words = {"code": "Unauthorized", "reasonCode": "unauthenticated", "message": "authentication required"}
        return json_answer({"error": words}, 401, end="\n")

    # --- signatures -------------------------------------------------------------------------------------------

    async def _signer(self, call: Call) -> str:
        """The host whose key signed. Raises `RefusalError`."""
        members = rfc9421.read(call.headers.get("Signature-Input", ""), call.headers.get("Signature", ""))
        tagged = [member for member in members if member.parameters.get("tag") == "ocm"]
        if not tagged:
            raise RefusalError(text(401, "signature required"))
        failed = RefusalError(text(401, "signature verification failed"))
        try:
            if len(tagged) > 1:
                raise failed
            rfc9421.check_form(tagged[0])
            public = await self._public_key(tagged[0].key_id)
            headers = {name.lower(): value for name, value in call.headers.items()}
            rfc9421.check_key(tagged[0], public, call.method, self.base_url + call.path, headers)
        except rfc9421.SignatureFaultError as error:
            raise failed from error
        if not rfc9421.digest_matches(call.headers.get("Content-Digest", ""), call.body):
            raise RefusalError(text(400, "content digest mismatch"))
        return bare_host(tagged[0].key_id.partition("#")[0])

    async def _public_key(self, key_id: str) -> str:
        host, sharp, _ = key_id.partition("#")
        lookup = RefusalError(text(502, "signature key lookup failed"))
        document = await self.discover(bare_host(host)) if sharp else None
        if document is None:
            raise lookup
        try:
            keys = await self.fetch_keys(document)
        except UnreachableError as error:
            raise lookup from error
        found = [key for key in keys if key.get("kid") == key_id and key.get("crv") == "Ed25519"]
        if not found:
            raise RefusalError(text(401, "signature key not found"))
        return str(found[0]["x"])

    async def _signed_by(self, call: Call, declared: str | None) -> str:
        """The signer, who must be the server that the message names. Raises `RefusalError`."""
        signer = await self._signer(call)
        if declared is not None and declared != signer:
            raise RefusalError(text(403, "peer identity mismatch"))
        return signer

    # --- shares -----------------------------------------------------------------------------------------------

    async def _shares(self, call: Call) -> Answer:
        share = call.document()
        share = share if isinstance(share, dict) else {}
        sender = share.get("sender")
        await self._signed_by(call, bare_host(split_address(sender)[1]) if isinstance(sender, str) else None)
        for name in REQUIRED:
            if not share.get(name):
                return says(400, "MISSING_REQUIRED_FIELDS", name, "REQUIRED")
        for name in ("shareWith", "owner", "sender"):
            if "@" not in share[name] or "/" in split_address(share[name])[1]:
                return says(400, "INVALID_FIELD_FORMAT", name, "INVALID_FORMAT")
        if share["shareType"] != "user":
            return says(501, "SHARE_TYPE_NOT_SUPPORTED")
        if share["resourceType"] != "file":
            return says(501, "RESOURCE_TYPE_NOT_SUPPORTED")
        self._check_protocol(share["protocol"])
        identifier, host = split_address(share["shareWith"])
        if host != self.host:
            return says(400, "PROVIDER_MISMATCH", "shareWith", "PROVIDER_MISMATCH")
        person = self._person(identifier)
        if person is None:
            return says(400, "RECIPIENT_NOT_FOUND", "shareWith", "NOT_FOUND")
        if self.contacts.find(person.name, *split_address(share["sender"])) is None:
            return says(403, "SENDER_NOT_TRUSTED")
        return self._receive(person, share)

    def _check_protocol(self, protocol: Mapping[str, Any]) -> None:
        webdav = protocol.get("webdav")
        unknown = set(protocol) - {"name", "webdav"}
        if unknown or protocol.get("name") not in ("webdav", "multi") or not isinstance(webdav, dict):
            raise RefusalError(says(501, "PROTOCOL_NOT_SUPPORTED"))
        if set(webdav.get("permissions") or ()) - {"read"} or set(webdav.get("accessTypes") or ()) - {"remote"}:
            raise RefusalError(says(501, "PROTOCOL_NOT_SUPPORTED"))
        for name in ("uri", "sharedSecret", "permissions"):
            if not webdav.get(name):
                raise RefusalError(says(400, "INVALID_PROTOCOL", f"protocol.webdav.{name}", "REQUIRED"))
        if self.require_token and not webdav.get("requirements"):
            raise RefusalError(says(400, "INVALID_PROTOCOL", "protocol.webdav.requirements", "REQUIRED"))
        if set(webdav.get("requirements") or ()) - {"must-exchange-token"}:
            raise RefusalError(says(501, "PROTOCOL_NOT_SUPPORTED"))

    def _person(self, identifier: str) -> Person | None:
        """By login, UUID or federated id."""
        inside = base64_inside(identifier).partition("@")[0]
        found = (each for each in self.people.values() if {each.name, each.id} & {identifier, inside})
        return next(found, None)

    def _receive(self, person: Person, share: Mapping[str, Any]) -> Answer:
        webdav, host = share["protocol"]["webdav"], split_address(share["sender"])[1]
        same = [each for each in self.offers.values() if (each.remote, each.provider_id) == (host, share["providerId"])]
        if any((each.secret, each.uri) != (webdav["sharedSecret"], webdav["uri"]) for each in same):
            return says(409, "SHARE_CONFLICT")
        if not same:
            found = str(self.number())
            self.offers[found] = Received(
                found,
                person,
                share["providerId"],
                share["name"],
                share["owner"],
                host,
                webdav["sharedSecret"],
                uri=webdav["uri"],
                permissions=tuple(webdav["permissions"]),
                requirements=tuple(webdav.get("requirements") or ()),
            )
        return json_answer({"recipientDisplayName": person.display_name}, 201, end="\n")

    # --- notifications, invites, tokens -----------------------------------------------------------------------

    async def _notifications(self, call: Call) -> Answer:
        signer = await self._signer(call)
        said = call.document() if isinstance(call.document(), dict) else {}
        kind, provider_id = said.get("notificationType"), said.get("providerId")
        if kind not in (*TO_SENDER, "SHARE_UNSHARED"):
            return says(400, "NOTIFICATION_TYPE_NOT_SUPPORTED")
        share = self.shares.get(str(provider_id))
        offers = [each for each in self.offers.values() if each.provider_id == provider_id]
        if (share if kind in TO_SENDER else offers) in (None, []):
            return says(404, "SHARE_NOT_FOUND")
        theirs = [each for each in offers if each.remote == signer]
        if kind == "SHARE_UNSHARED" and theirs:
            theirs[0].state = "gone"
        elif kind in TO_SENDER and share is not None and split_address(share.share_with)[1] == signer:
            share.state = TO_SENDER[kind]
        else:
            return says(403, "SENDER_NOT_AUTHORIZED")
        return json_answer({"status": "ok"}, end="\n")

    async def _invite_accepted(self, call: Call) -> Answer:
        if not call.headers.get("Content-Type", "").startswith("application/json"):
            return text(415, "unsupported media type")
        said = call.document() if isinstance(call.document(), dict) else {}
        provider = said.get("recipientProvider")
        await self._signed_by(call, provider if isinstance(provider, str) else None)
        for name in ("recipientProvider", "token", "userID", "email", "name"):
            if not isinstance(said.get(name), str) or (not said[name] and name not in ("email", "name")):
                return says(400, "MISSING_REQUIRED_FIELDS", name, "REQUIRED")
        token = said["token"]
        user = self.contacts.tokens.get(token)
        if user is None:
            return says(400, "TOKEN_INVALID")
        status = 409 if token in self.used else 200
        if status == 200:
            self.used[token] = said["userID"]
            self.contacts.meet(user, Contact(said["userID"], said["recipientProvider"], said["email"], said["name"]))
        person = self.people[user]
        me = {"userID": self.user_id(user), "email": person.email, "name": person.display_name}
        return json_answer(me, status, end="\n")

    async def _token(self, call: Call) -> Answer:
        form = call.form() if "form" in call.headers.get("Content-Type", "") else {}
        signer = await self._signer(call)
        if not form.get("client_id"):
            return text(400, "invalid declared peer")
        if form["client_id"] != signer:
            return text(403, "peer identity mismatch")
        if form.get("grant_type") != "authorization_code":
            return denied("unsupported_grant_type", "unsupported grant_type")
        share = next((each for each in self.shares.values() if each.secret and each.secret == form.get("code")), None)
        if share is None or split_address(share.share_with)[1] != signer:
            return denied("invalid_grant", "invalid code")
        token = secrets.token_hex(32)
        self.tokens[token] = share
        found = json_answer({"access_token": token, "token_type": "Bearer", "expires_in": 3600}, end="\n")
        return Answer(found.status, found.body, (*found.headers, ("Cache-Control", "no-store")))

    # --- files ------------------------------------------------------------------------------------------------

    def _file(self, call: Call) -> Answer:
        uri = call.path[len(WEBDAV) :]
        if not uri or call.method not in ("GET", "HEAD", "PUT", "DELETE"):
            return Answer(405)
        scheme, _, credential = call.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
            return text(401, "authorization required", CHALLENGE)
        share = self.tokens.get(credential)
        if share is None and not self.require_token:
            share = next((each for each in self.shares.values() if each.secret and each.secret == credential), None)
        if share is None or share.uri != uri:
            return text(401, "invalid credentials", CHALLENGE)
        if call.method in ("PUT", "DELETE"):
            return text(501, "write operations not supported")
        return self.dav.answer(call, Tree(self.shared(share), call.path, write=False))
