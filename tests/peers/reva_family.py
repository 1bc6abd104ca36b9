"""What OpenCloud and CERNBox's Reva have in common: invited people only, listed providers, Bearer at the share's URL.

Both are Go programs of one origin: gowebdav as client, errors as `{code, message}`, no signatures, no notifications
sent. Where they part, the methods here are overridden.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from tests.peers.base import Peer
from tests.peers.davclient import GoClient
from tests.peers.davserver import Dav, Style, Tree
from tests.peers.invites import Contact, Contacts, ocm_path, provider
from tests.peers.values import (
    Answer,
    Call,
    Exchange,
    Headers,
    InviteError,
    Mount,
    Received,
    Sent,
    ShareError,
    ShareGoneError,
    UnreachableError,
    bare_host,
    random_word,
    split_address,
)

GO = "Go-http-client/1.1"


def go_json(value: object) -> str:
    """JSON as Go's encoder writes it: compact, and `<>&` escaped."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def go_error(status: int, code: str, message: str) -> Answer:
    """An error, indented by two."""
    text = json.dumps({"code": code, "message": message}, indent=2, ensure_ascii=False)
    for letter, escaped in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(letter, escaped)
    return Answer(status, text.encode(), (("Content-Type", "application/json"),))


def trace() -> tuple[tuple[str, str], ...]:
    """The headers of a tracer, on every request between servers."""
    return (("X-B3-Sampled", "0"), ("X-B3-Spanid", uuid4().hex[:16]), ("X-B3-Traceid", uuid4().hex))


class RevaPeer(Peer):
    """The common half."""

    dav_prefix = ""
    file_at_name = True  # a shared file is opened at `<url>/<name>`, else at `<url>/`
    dotted = True
    success = 200
    success_type = "text/plain; charset=utf-8"

    def __init__(self, *, allow_http: bool, style: Style) -> None:
        super().__init__(allow_http=allow_http)
        self.dav = Dav(style)
        self.contacts = Contacts()
        self.providers: list[dict[str, Any]] = []
        self.routes["GET", "/.well-known/ocm"] = self._well_known
        self.routes["POST", "/ocm/shares"] = self._shares
        self.routes["POST", "/ocm/notifications"] = self._notifications
        self.routes["POST", "/ocm/invite-accepted"] = self._invite_accepted

    # --- providers and invites --------------------------------------------------------------------------------

    def trust(self, host: str, ocm_url: str = "") -> None:
        """List a provider in ocmproviders.json. `ocm_url`: its OCM base URL, `/ocm/` at the host by default."""
        self.providers.append(provider(host, ocm_url or f"{self.url_of(host)}/ocm/"))

    def provider_of(self, host: str) -> dict[str, Any] | None:
        """The listed domain is a regular expression that need not match the whole host."""
        return next((each for each in self.providers if re.search(each["domain"], bare_host(host))), None)

    def user_id(self, user: str) -> str:
        """How a person is called in an invitation."""
        raise NotImplementedError

    def create_invite(self, user: str) -> str:
        """An invite string."""
        raise NotImplementedError

    async def accept_invite(self, user: str, token: str, host: str) -> Contact:
        """Tell the inviter's server, which must be listed. Raises `InviteError`."""
        listed = self.provider_of(host)
        if listed is None:
            raise InviteError(f"{host} is not among the providers")
        person = self.people[user]
        body = {
            "userID": self.user_id(user),
            "email": person.email,
            "name": person.display_name,
            "recipientProvider": self.host,
            "token": token,
        }
        done = await self.post(f"{ocm_path(listed)}/invite-accepted", body)
        them = done.document() if done is not None and done.status == 200 else None
        if not isinstance(them, dict) or not them.get("userID"):
            raise InviteError("the invitation was not accepted", done.status if done else 0)
        contact = Contact(them["userID"], bare_host(host), them.get("email", ""), them.get("name", ""))
        self.contacts.meet(user, contact)
        return contact

    async def post(self, url: str, body: dict[str, Any]) -> Exchange | None:
        """JSON with a line feed, or None without an answer."""
        headers = (("User-Agent", GO), ("Content-Type", "application/json"), *trace(), ("Accept-Encoding", "gzip"))
        try:
            return await self.request("POST", url, headers, f"{go_json(body)}\n".encode())
        except UnreachableError:
            return None

    def identity(self, user: str) -> dict[str, str]:
        """The answer to an accepted invitation."""
        person = self.people[user]
        return {"userID": self.user_id(user), "email": person.email, "name": person.display_name}

    async def _invite_accepted(self, call: Call) -> Answer:
        said = call.document() if "json" in call.headers.get("Content-Type", "") else call.form()
        said = said if isinstance(said, dict) else {}
        token, user_id, host = (str(said.get(name) or "") for name in ("token", "userID", "recipientProvider"))
        if not (token and user_id and host):
            return go_error(400, "INVALID_PARAMETER", "token, userID and recipiendProvider must not be null")
        if not self.takes_from(host):
            return go_error(403, "UNTRUSTED_SERVICE", "provider not trusted")
        user = self.contacts.tokens.get(token)
        if user is None:
            return go_error(404, "RESOURCE_NOT_FOUND", "token not found")
        contact = Contact(user_id, bare_host(host), str(said.get("email", "")), str(said.get("name", "")))
        return self.met(user, new=self.contacts.meet(user, contact))

    def takes_from(self, host: str) -> bool:
        """Whether that provider may talk to us."""
        return self.provider_of(host) is not None

    def met(self, user: str, *, new: bool) -> Answer:
        """The answer to an invitation with a token of ours."""
        return self.ok(self.identity(user), 200)

    def ok(self, value: object, status: int) -> Answer:
        """A body of JSON, typed as the family does."""
        return Answer(status, f"{go_json(value)}\n".encode(), (("Content-Type", self.success_type),))

    # --- answering --------------------------------------------------------------------------------------------

    async def _well_known(self, call: Call) -> Answer:
        raise NotImplementedError

    async def _shares(self, call: Call) -> Answer:
        raise NotImplementedError

    async def _notifications(self, _call: Call) -> Answer:
        """Whatever it is."""
        return Answer(201)

    def keep(self, user: str, share: dict[str, Any], *, uri: str, secret: str, dav: dict[str, Any]) -> Received:
        """A share waits for its receiver."""
        found = str(self.number())
        sender = str(share["sender"])
        self.offers[found] = Received(
            found,
            self.people[user],
            str(share["providerId"]),
            str(share["name"]),
            str(share["owner"]),
            bare_host(split_address(sender)[1]),
            secret,
            uri=uri,
            resource_type=str(share["resourceType"]),
            permissions=tuple(dav.get("permissions") or ()),
            requirements=tuple(dav.get("requirements") or ()),
        )
        return self.offers[found]

    def share_of(self, secret: str) -> Sent | None:
        """The share with this secret."""
        return next((each for each in self.shares.values() if secret and each.secret == secret), None)

    def serve(self, call: Call, share: Sent, at: str) -> Answer:
        """Files below `at`, the URL path of the share; a shared file is there, below a slash, and under its name."""
        root = self.shared(share)
        named = f"{at}/{quote(root.name)}"
        prefix = at
        if root.is_file() and call.path.startswith(named):
            prefix = named
        elif root.is_file() and call.path == f"{at}/":
            prefix = call.path
        return self.dav.answer(call, Tree(root, prefix, share.write))

    # --- the sender's side ------------------------------------------------------------------------------------

    async def share(self, user: str, path: str, address: str, *, write: bool = False) -> str:
        """To somebody whom the user has met, at a listed provider. Raises `ShareError`."""
        identifier, host = split_address(address)
        contact = self.contacts.find(user, identifier, host)
        listed = self.provider_of(host)
        if contact is None or listed is None:
            raise ShareError(f"{address} is not known to {user}")
        person = self.people[user]
        if not (person.folder / path.strip("/")).exists():
            raise FileNotFoundError(path)
        share = Sent(str(uuid4()), person, path, self.address_of(contact), random_word(32), write)
        self.shares[share.id] = share
        done = await self.offer_to(share, ocm_path(listed))
        if done is None or done.status not in (200, 201) or not isinstance(done.document(), dict):
            del self.shares[share.id]
            raise ShareError("the share was not taken", done.status if done else 0)
        return share.id

    async def offer_to(self, share: Sent, end_point: str) -> Exchange | None:
        """The POST of a share."""
        return await self.post(f"{end_point}/shares", self.payload(share))

    def payload(self, share: Sent) -> dict[str, Any]:
        """Its body."""
        raise NotImplementedError

    def address_of(self, contact: Contact) -> str:
        """What goes into `shareWith`."""
        return f"{contact.user_id}@{contact.host}"

    async def unshare(self, share_id: str) -> None:
        """Nobody is told."""
        self.shares[share_id].state = "unshared"
        self.shares[share_id].secret = ""

    # --- the receiver's side ----------------------------------------------------------------------------------

    def mount(self, user: str, share_id: str) -> Mount:
        """Bearer with the secret, below the URL that came with the share."""
        share = self.offer(user, share_id)

        async def send(method: str, url: str, headers: Headers, body: bytes | None) -> Exchange:
            if share.state != "accepted":
                raise ShareGoneError("not among the files", 404)
            return await self.request(method, url, headers, body)

        name = share.name if self.file_at_name else ""
        file = name if share.resource_type == "file" else None
        return GoClient(send, share.uri, f"Bearer {share.secret}", file=file, dotted=self.dotted)


def missing(struct: dict[str, Any], fields: Iterable[tuple[str, str]]) -> list[str]:
    """Messages of Go's validator for fields (JSON name, Go name) that are absent or empty."""
    return [
        f"Key: 'createShareRequest.{go}' Error:Field validation for '{go}' failed on the 'required' tag"
        for name, go in fields
        if not struct.get(name)
    ]
