"""opencloudmesh-go of August 2026 (OCM 1.4.0), emulated from recordings.

Strict: RFC 9421 on everything that is posted, invited senders, must-exchange-token, files only, read only, no PROPFIND.
It knows `/.well-known/ocm` alone and rejects documents that contradict themselves. What it answers is in
`opencloudmesh_go_endpoints`.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

from tests.peers import rfc9421
from tests.peers.invites import Contact
from tests.peers.opencloudmesh_go_endpoints import WEBDAV, OpenCloudMeshGoEndpoints
from tests.peers.values import (
    AccessError,
    Exchange,
    InviteError,
    Mount,
    Received,
    Sent,
    ShareError,
    ShareGoneError,
    UnreachableError,
    bare_host,
    split_address,
)

AGENT = ("User-Agent", "Go-http-client/1.1")
GZIP = ("Accept-Encoding", "gzip")
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


class OpenCloudMeshGo(OpenCloudMeshGoEndpoints):
    """`await OpenCloudMeshGo.start()`; then invite."""

    family = "opencloudmesh-go"
    user_agent = AGENT[1]

    # --- other servers ----------------------------------------------------------------------------------------

    async def discover(self, host: str) -> Mapping[str, Any] | None:
        """The document at `/.well-known/ocm`, None when it is missing or rejected."""
        base = self.url_of(host)
        document = await self.fetch_document(f"{base}/.well-known/ocm", (AGENT, GZIP))
        return document if document is not None and self._sound(document, urlsplit(base).netloc) else None

    def _sound(self, document: Mapping[str, Any], authority: str) -> bool:
        capabilities = document.get("capabilities") or []
        here = [document.get(name) for name in ("endPoint", "tokenEndPoint", "inviteAcceptDialog", "jwksUri")]
        if document.get("enabled") is not True or not here[0]:
            return False
        if any(url is not None and urlsplit(str(url)).netloc not in ("", authority) for url in here):
            return False
        if not urlsplit(str(here[0])).netloc or ("exchange-token" in capabilities) != (here[1] is not None):
            return False
        if here[3] is not None and urlsplit(str(here[3])).scheme != ("http" if self.allow_http else "https"):
            return False
        return all(_sound_roles(kind.get("protocols", {})) for kind in document.get("resourceTypes") or [])

    async def fetch_keys(self, document: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The JWK set of a discovered server. Raises `UnreachableError`."""
        found = await self.fetch_document(str(document.get("jwksUri", "")), (AGENT, ("Accept", JSON), GZIP))
        if found is None:
            raise UnreachableError("no key set")
        return list(found.get("keys") or [])

    async def post(
        self, document: Mapping[str, Any], url: str, body: bytes, content_type: str = JSON, accept: str = ""
    ) -> Exchange | None:
        """Signed when the other advertises `http-sig`; None without an answer."""
        headers = {"Content-Type": content_type}
        signature: dict[str, str] = {}
        if "http-sig" in (document.get("capabilities") or []):
            signature = rfc9421.sign(self.key, self.key_id, "POST", url, body, headers)
        accepted = (("Accept", accept),) if accept else ()
        try:
            return await self.request("POST", url, (AGENT, *accepted, *headers.items(), *signature.items(), GZIP), body)
        except UnreachableError:
            return None

    async def _tell(self, host: str, kind: str, provider_id: str) -> None:
        """Only to who advertises notifications; the answer is not waited for with any interest."""
        document = await self.discover(host)
        if document is not None and "notifications" in (document.get("capabilities") or []):
            said = {"notificationType": kind, "providerId": provider_id, "resourceType": "file"}
            await self.post(document, f"{document['endPoint']}/notifications", _json(said))

    # --- invites ----------------------------------------------------------------------------------------------

    def create_invite(self, user: str) -> str:
        """base64url of `token@host`, without padding."""
        token = secrets.token_hex(32)
        self.contacts.tokens[token] = user
        return base64.urlsafe_b64encode(f"{token}@{self.host}".encode()).decode().rstrip("=")

    async def accept_invite(self, user: str, token: str, host: str) -> Contact:
        """Tell the inviter's server; 409 with an identity is as good as 200. Raises `InviteError`."""
        document = await self.discover(host)
        if document is None:
            raise InviteError(f"{host} has no discovery document")
        person = self.people[user]
        body = {
            "recipientProvider": self.host,
            "token": token,
            "userID": self.user_id(user),
            "email": person.email,
            "name": person.display_name,
        }
        done = await self.post(document, f"{document['endPoint']}/invite-accepted", _json(body))
        them = done.document() if done is not None and done.status in (200, 409) else None
        if not isinstance(them, dict) or not them.get("userID"):
            raise InviteError("the invitation was not accepted", done.status if done else 0)
        contact = Contact(them["userID"], bare_host(host), them.get("email", ""), them.get("name", ""))
        self.contacts.meet(user, contact)
        return contact

    # --- the sender's side ------------------------------------------------------------------------------------

    async def share(self, user: str, path: str, address: str, *, write: bool = False) -> str:
        """A single file, to read. Raises `ShareError`."""
        identifier, host = split_address(address)
        person = self.people[user]
        if write or not (person.folder / path.strip("/")).is_file():
            raise ShareError("only files, and only to read")
        document = await self.discover(host)
        if document is None:
            raise ShareError(f"{host} has no discovery document")
        secret = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        share = Sent(
            str(uuid4()), person, path, f"{identifier}@{bare_host(host)}", secret, write=False, uri=str(uuid4())
        )
        self.shares[share.id] = share
        done = await self.post(document, f"{document['endPoint']}/shares", _json(self.payload(share, document)))
        if done is None or done.status not in (200, 201):
            del self.shares[share.id]
            raise ShareError("the share was not taken", done.status if done else 0)
        return share.id

    def payload(self, share: Sent, document: Mapping[str, Any]) -> dict[str, Any]:
        """The body; `uri` is relative unless the receiver wants it absolute."""
        me = f"{self.user_id(share.person.name)}@{self.host}"
        roles = [kind.get("protocols", {}).get("webdav-receive") or {} for kind in document.get("resourceTypes") or []]
        absolute = any(role.get("uri") == "absolute" for role in roles)
        webdav = {
            "uri": f"{self.base_url}{WEBDAV}{share.uri}" if absolute else share.uri,
            "sharedSecret": share.secret,
            "permissions": ["read"],
        }
        required = {"requirements": ["must-exchange-token"]} if self.require_token else {}
        return {
            "shareWith": share.share_with,
            "name": share.path.strip("/").rpartition("/")[2],
            "providerId": share.id,
            "owner": me,
            "sender": me,
            "shareType": "user",
            "resourceType": "file",
            "protocol": {"name": "multi", "webdav": {**webdav, **required}},
        }

    async def unshare(self, share_id: str) -> None:
        """Secret and tokens die; the receiver is told."""
        share = self.shares[share_id]
        share.state, share.secret = "unshared", ""
        self.tokens = {token: each for token, each in self.tokens.items() if each is not share}
        await self._tell(split_address(share.share_with)[1], "SHARE_UNSHARED", share_id)

    # --- the receiver's side ----------------------------------------------------------------------------------

    async def accept(self, user: str, share_id: str) -> None:
        """The sender is told."""
        share = self.offer(user, share_id)
        share.state = "accepted"
        await self._tell(share.remote, "SHARE_ACCEPTED", share.provider_id)

    async def decline(self, user: str, share_id: str) -> None:
        """The sender is told."""
        share = self.offer(user, share_id)
        share.state = "declined"
        await self._tell(share.remote, "SHARE_DECLINED", share.provider_id)

    def mount(self, user: str, share_id: str) -> Mount:
        """A single file, to read."""
        return OneFile(self, self.offer(user, share_id))


class OneFile(Mount):
    """Token, then GET. Nothing else is there."""

    def __init__(self, peer: OpenCloudMeshGo, share: Received) -> None:
        self._peer = peer
        self._share = share

    async def read(self, path: str = "") -> bytes:
        """Discovery of the owner, a token, GET with 200."""
        share = self._share
        if share.state != "accepted":
            raise ShareGoneError("not among the files", 404)
        document = await self._peer.discover(share.remote)
        if document is None:
            raise AccessError(f"{share.remote} has no discovery document")
        headers = (AGENT, ("Authorization", f"Bearer {await self._credential(document)}"), GZIP)
        done = await self._peer.request("GET", self._url(document), headers)
        if done.status != 200:
            raise AccessError("GET", done.status)
        return done.answer

    def _url(self, document: Mapping[str, Any]) -> str:
        uri = self._share.uri
        if "://" in uri:
            if urlsplit(uri).netloc != self._share.remote:
                raise AccessError("the address is on another host")
            return uri
        kinds = document.get("resourceTypes") or []
        root = next((kind["protocols"]["webdav"] for kind in kinds if kind.get("name") == "file"), "/")
        return f"{self._peer.url_of(self._share.remote)}/{root.strip('/')}/{uri}"

    async def _credential(self, document: Mapping[str, Any]) -> str:
        """A token if one is required or to be had, else the secret."""
        required = "must-exchange-token" in self._share.requirements
        if not required and "exchange-token" not in (document.get("capabilities") or []):
            return self._share.secret
        form = {
            "client_id": self._peer.host,
            "code": self._share.secret,
            "grant_type": "authorization_code",
        }
        url = str(document.get("tokenEndPoint", ""))
        done = await self._peer.post(document, url, urlencode(form).encode(), FORM, JSON) if url else None
        answer = done.document() if done is not None and done.status == 200 else None
        good = isinstance(answer, dict) and answer.get("token_type", "").lower() == "bearer"
        if good and isinstance(answer, dict) and answer.get("expires_in", 0) > 0:
            return str(answer["access_token"])
        if required:
            raise AccessError("no token", done.status if done else 0)
        return self._share.secret


def _sound_roles(protocols: Mapping[str, Any]) -> bool:
    receive = protocols.get("webdav-receive", {"uri": "relative"})
    if not isinstance(protocols.get("webdav", ""), str) or not isinstance(receive, dict):
        return False
    odd = [role for role in protocols.values() if role is None or isinstance(role, int | float)]
    return not odd and receive.get("uri") in ("absolute", "relative")


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
