"""Seafile's "OCM via WebDAV", emulated from a reading of seahub; nothing was recorded.

A receiver for Nextcloud-like senders, and a sender of demonstration grade. It believes `sharedBy` alone, stores before
it looks, looks at the sender's files inside of the handler (PROPFIND without a Depth), and pads the secret with one to
four colons to make Basic credentials of it. No signatures, no invitations, no well-known address; only to read.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

from tests.peers.base import Peer
from tests.peers.davclient import read_multistatus
from tests.peers.davserver import DAV, Dav, Style, Tree, basic_properties
from tests.peers.values import (
    AccessError,
    Answer,
    Call,
    Entry,
    Mount,
    Received,
    Sent,
    ShareError,
    ShareGoneError,
    UnreachableError,
    json_answer,
    split_address,
)

END_POINT = "/ocm-via-webdav/"
PROVIDER_ID = "fcd395ea-3695-4d58-a42a-e01c9d462ada"  # one for all shares: a setting of the server
AGENT = (("User-Agent", "python-requests/2.28.2"), ("Accept-Encoding", "gzip, deflate"), ("Accept", "*/*"))
STYLE = Style("1, 2", lambda path, _tree: basic_properties(path), (("d", "DAV:"),))
CRASHED = Answer(500, b"<h1>Server Error (500)</h1>", (("Content-Type", "text/html"),))


def authorization(secret: str) -> tuple[str, str]:
    """Basic with the padded secret, whose first colon ends the user name."""
    padded = secret + ":" * (4 - len(secret) % 4)
    return "Authorization", "Basic " + base64.b64encode(padded.encode()).decode()


def not_found(field: str) -> Answer:
    """A notification about no share of ours."""
    errors = [{"name": field, "message": "NOT_FOUND"}]
    return json_answer({"message": "RESOURCE_NOT_FOUND", "validationErrors": errors}, 400)


class Seafile(Peer):
    """`await Seafile.start()`."""

    family = "seafile"
    user_agent = AGENT[0][1]

    def __init__(self, *, allow_http: bool = True) -> None:
        super().__init__(allow_http=allow_http)
        self.dav = Dav(STYLE)
        self.routes["GET", "/ocm-provider/"] = self._ocm_provider
        self.routes["GET", "/ocm-provider"] = self._redirect
        self.routes["POST", f"{END_POINT}shares"] = self._shares
        self.routes["POST", f"{END_POINT}notifications"] = self._notifications

    # --- answering --------------------------------------------------------------------------------------------

    async def _ocm_provider(self, _call: Call) -> Answer:
        kind = {"name": "file", "protocols": {"webdav": "seafdav"}, "shareTypes": ["user"]}
        document = {
            "apiVersion": "1.0-proposal1",
            "enabled": True,
            "endPoint": f"{self.base_url}{END_POINT}",
            "resourceTypes": [kind],
        }
        return json_answer(document)

    async def _redirect(self, _call: Call) -> Answer:
        """Django appends missing slashes (assumed: not seen)."""
        return Answer(301, b"", (("Location", "/ocm-provider/"),))

    async def otherwise(self, call: Call) -> Answer:
        """Files of what is shared from here, else 404."""
        if not call.path.startswith("/seafdav/"):
            return Answer(404)
        value = call.headers.get("Authorization", "").partition(" ")[2]
        secret = base64.b64decode(value).decode().partition(":")[0]
        share = next((each for each in self.shares.values() if each.secret and each.secret == secret), None)
        if share is None:
            return Answer(401, b"", (("WWW-Authenticate", 'Basic realm="Seafile"'),))
        return self.dav.answer(call, Tree(self.shared(share), "/seafdav/", write=False))

    async def _shares(self, call: Call) -> Answer:
        share = call.document()
        try:
            options = share["protocol"]["options"]
            secret, by = options.get("sharedSecret"), share.get("sharedBy").rpartition("@")[2]
            login = share["shareWith"].split("http")[0].rstrip("@")
        except (TypeError, KeyError, AttributeError):
            return CRASHED
        person = next((each for each in self.people.values() if login in (each.name, each.email)), None)
        number = str(self.number())
        owner, provider_id = str(share.get("owner")), str(share.get("providerId"))
        offer = Received(number, person, provider_id, str(share.get("name")), owner, by, secret) if person else None
        if offer is not None:
            self.offers[number] = offer  # before anything is asked: what fails later leaves it behind
        try:
            root = await self.root_of(by)
            if root is None:
                return json_answer({"error_msg": "Internal Server Error"}, 501)
            done = await self.request("PROPFIND", root, (*AGENT, authorization(secret)))
            folder = read_multistatus(done.answer)[0].folder
        except (UnreachableError, AccessError, IndexError):
            return CRASHED
        if offer is not None:
            offer.resource_type = "folder" if folder else "file"
        return json_answer({"recipientDisplayName": person.display_name if person else login}, 201)

    async def _notifications(self, call: Call) -> Answer:
        said = call.document()
        if not isinstance(said, dict) or not isinstance(said.get("notification"), dict):
            return CRASHED
        kind, secret = said.get("notificationType"), said["notification"].get("sharedSecret")
        if kind == "SHARE_UNSHARED":
            offer = next((each for each in self.inbox_of_all() if each.secret == secret), None)
            if offer is None or offer.provider_id != said.get("providerId"):
                return not_found("providerID" if offer else "sharedSecret")
            offer.state = "gone"
        if kind in ("SHARE_ACCEPTED", "SHARE_DECLINED"):
            share = next((each for each in self.shares.values() if each.secret == secret), None)
            if share is None:
                return CRASHED  # a slip in its error handling
            if said.get("providerId") != PROVIDER_ID:
                return not_found("providerID")
            share.state = "accepted" if kind == "SHARE_ACCEPTED" else "declined"
        return json_answer({"success": True}, 201)

    def inbox_of_all(self) -> list[Received]:
        """Everything that anybody here was offered and has kept."""
        return [each for user in self.people for each in self.inbox(user)]

    # --- asking -----------------------------------------------------------------------------------------------

    async def discover(self, host: str) -> Mapping[str, Any] | None:
        """Only `/ocm-provider/`."""
        return await self.fetch_document(f"{self.url_of(host)}/ocm-provider/", AGENT)

    async def root_of(self, host: str) -> str | None:
        """The URL of the WebDAV root: of the first resource type, whatever it is called."""
        document = await self.discover(host) or {}
        try:
            return urljoin(f"{self.url_of(host)}/", str(document["resourceTypes"][0]["protocols"]["webdav"]))
        except (KeyError, IndexError, TypeError):
            return None

    async def _post(self, url: str, body: Mapping[str, Any]) -> int:
        headers = (*AGENT, ("Content-Type", "application/json"))
        try:
            return (await self.request("POST", url, headers, json.dumps(body).encode())).status
        except UnreachableError:
            return 0

    # --- sending ----------------------------------------------------------------------------------------------

    async def share(self, user: str, path: str, address: str, *, write: bool = False) -> str:
        """One POST that must be answered 201; the secret is no secret but the path in base64. To read only."""
        person = self.people[user]
        recipient, server = split_address(address)
        document = await self.discover(server)
        if document is None or not document.get("endPoint"):
            raise ShareError(f"{server} has no discovery document")
        secret = base64.b64encode(f"{user}:/{path.strip('/')}".encode()).decode()
        share = Sent(str(self.number()), person, path, f"{recipient}@{server}", secret, write=False)
        self.shares[share.id] = share
        status = await self._post(f"{document['endPoint'].rstrip('/')}/shares", self.payload(share))
        if status != 201:
            del self.shares[share.id]
            raise ShareError("the share was not taken", status)
        return share.id

    def payload(self, share: Sent) -> dict[str, Any]:
        """Always `file`, always `read`."""
        me, name = f"{share.person.name}@{self.host}", share.person.display_name
        return {
            "shareWith": share.share_with,
            "name": share.path.strip("/").rpartition("/")[2],
            "description": "",
            "providerId": PROVIDER_ID,
            "owner": me,
            "sender": me,
            "ownerDisplayName": name,
            "senderDisplayName": name,
            "shareType": "user",
            "resourceType": "file",
            "expiration": 0,
            "protocol": {"name": "webdav", "options": {"permissions": "read", "sharedSecret": share.secret}},
            "sharedBy": me,
            "sharedByDisplayName": name,
        }

    async def unshare(self, share_id: str) -> None:
        """The receiver is told; nothing depends on the answer."""
        share = self.shares[share_id]
        secret, share.secret, share.state = share.secret, "", "unshared"
        document = await self.discover(split_address(share.share_with)[1]) or {}
        await self._notify(document, "SHARE_UNSHARED", PROVIDER_ID, secret, "file is no longer shared with you")

    async def _notify(self, document: Mapping[str, Any], kind: str, provider_id: str, secret: str, text: str) -> None:
        if document.get("endPoint"):
            body = {
                "notification": {"message": text, "sharedSecret": secret},
                "notificationType": kind,
                "providerId": provider_id,
                "resourceType": "file",
            }
            await self._post(f"{document['endPoint'].rstrip('/')}/notifications", body)

    # --- receiving --------------------------------------------------------------------------------------------

    async def decline(self, user: str, share_id: str) -> None:
        """The user deletes it. There is no accepting: what arrived is there."""
        share = self.offer(user, share_id)
        share.state = "declined"
        document = await self.discover(share.remote) or {}
        text = "Recipient declined the share"
        await self._notify(document, "SHARE_DECLINED", share.provider_id, share.secret, text)

    def mount(self, user: str, share_id: str) -> Mount:
        """Listing and downloading."""
        return Listing(self, self.offer(user, share_id))


class Listing(Mount):
    """PROPFIND without a Depth, GET; the root is discovered each time."""

    def __init__(self, peer: Seafile, share: Received) -> None:
        self._peer = peer
        self._share = share

    async def _root(self) -> str:
        if self._share.state in ("declined", "gone"):
            raise ShareGoneError("not among the files", 404)
        root = await self._peer.root_of(self._share.remote)
        if root is None:
            raise AccessError("the sender cannot be found")
        return root

    async def list(self, path: str = "") -> list[Entry]:
        """Insists on 207 and on a date of every entry; the folder itself is known by its very path."""
        root = await self._root()
        url = f"{root.rstrip('/')}/{quote(path.strip('/'))}" if path.strip("/") else root
        done = await self._peer.request("PROPFIND", url, (*AGENT, authorization(self._share.secret)))
        if done.status != 207:
            raise AccessError("PROPFIND", done.status)
        found = [each for each in read_multistatus(done.answer) if unquote(each.href) != unquote(urlsplit(url).path)]
        for entry in found:
            parsedate_to_datetime(entry.properties[f"{DAV}getlastmodified"])
        return found

    async def read(self, path: str = "") -> bytes:
        """GET. (The real one hands out whatever came, also a page that says 404; here that is an error.)"""
        url = urljoin(await self._root(), quote(path.strip("/")))
        done = await self._peer.request("GET", url, (*AGENT, authorization(self._share.secret)))
        if done.status != 200:
            raise AccessError("GET", done.status)
        return done.answer
