"""What Nextcloud and ownCloud 10 have in common, Nextcloud being a fork of it.

The public WebDAV root with Basic, the secret being the user name; the WebDAV client that expects the same of others;
the older OCS way to share (`/ocs-provider/`, `/ocs/v2.php/cloud/shares`) that both fall back to; and the decision
that a share is gone when its root answers 401 or 404 while the rest of that server looks alive.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.peers import resharing
from tests.peers.base import Peer
from tests.peers.davclient import SabreClient
from tests.peers.davserver import NC, OC, OCS, Dav, Style, Tree, basic_properties
from tests.peers.ocs import FORM, OCS_PROVIDER, OCS_SHARES, WEBDAV, ocs, ocs_ok, php_answer
from tests.peers.userapi import UserApi
from tests.peers.values import (
    AccessError,
    Answer,
    Call,
    Exchange,
    Headers,
    Received,
    Sent,
    ShareGoneError,
    UnreachableError,
    php_json,
    random_word,
    split_address,
)

COMMON_PROPERTIES = ("getlastmodified", "getcontentlength", "getcontenttype")


def propfind_body(prefixes: tuple[tuple[str, str], ...], properties: tuple[str, ...]) -> bytes:
    """The XML as sabre/xml writes it: every foreign prefix is declared at `d:prop` and a stray `x` at the element."""
    spaces = {uri: prefix for prefix, uri in prefixes}
    declared = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in prefixes)

    def element(clark: str) -> str:
        space, _, name = clark[1:].rpartition("}")
        return f"<d:{name}/>" if space == "DAV:" else f'<{spaces[space]}:{name} xmlns:x="{space}"/>'

    lines = "".join(f"    {element(each)}\n" for each in properties)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<d:propfind xmlns:d="DAV:">\n  <d:prop {declared}>\n{lines}'
        "  </d:prop>\n</d:propfind>\n"
    ).encode()


OC_PREFIXES = (("x", OC[1:-1]), ("x1", OCS[1:-1]))
OC_PROPERTIES = (
    *(f"{{DAV:}}{name}" for name in COMMON_PROPERTIES),
    f"{OC}permissions",
    f"{OCS}share-permissions",
    "{DAV:}resourcetype",
    "{DAV:}getetag",
)
LOCK_PROPERTIES = tuple(
    f"{NC}lock{rest}"
    for rest in ("", "-owner", "-owner-displayname", "-owner-type", "-owner-editor", "-time", "-timeout", "-token")
)
NC_PREFIXES = (*OC_PREFIXES, ("x2", NC[1:-1]))
NC_PROPERTIES = (*OC_PROPERTIES, "{DAV:}quota-available-bytes")


def permission_letters(path: Path, tree: Tree, *, letters: str) -> str:
    """`oc:permissions`. `letters` is R or RG; what can be deleted has D; the shared file itself has not."""
    if not tree.write:
        return letters
    if path.is_dir():
        return f"{letters}DNVCK"
    return f"{letters}{'' if path == tree.root else 'D'}NVW"


@dataclass(frozen=True)
class Remote:
    """What discovery told: where to POST, and where the files are."""

    end_point: str
    webdav: str
    document: Mapping[str, Any]


ACTIONS = {
    "SHARE_ACCEPTED": "accept",
    "SHARE_DECLINED": "decline",
    "SHARE_UNSHARED": "unshare",
    "RESHARE_UNDO": "revoke",
}


class SabrePeer(Peer):
    """The common half. Subclasses give agents, properties, documents and the OCM endpoints."""

    accepted_message = ""
    dav_agent = ""
    http_headers: Headers = ()
    propfind = b""
    secret_length = 15
    unshared_key = "message"
    reshare_key = "token"  # of the secret, in the answer to a request to share something on
    final: frozenset[int] = frozenset()  # what the root answers that ends a share without a look at its server
    reshare_extra: Mapping[str, Any] = {}

    def __init__(self, *, allow_http: bool, style: Style) -> None:
        super().__init__(allow_http=allow_http)
        self.dav = Dav(style)
        self.reshares: dict[str, resharing.Reshare] = {}
        self.linked: Callable[[str, str], Tree | None] = lambda _token, _password: None  # what a link opens
        self.users: UserApi | None = None  # tests drive the methods; another process comes as a user does
        for path in ("/ocs-provider/", "/ocs-provider/index.php"):
            self.routes["GET", path] = self._ocs_provider
        self.routes["GET", "/status.php"] = self._status
        self.routes["POST", OCS_SHARES] = self._ocs_share

    # --- serving files ----------------------------------------------------------------------------------------

    async def otherwise(self, call: Call) -> Answer:
        """Files under the public root, OCS under its own, what is for users, 404 for the rest."""
        if self.users and (answer := await self.users.answer(call)):
            return answer
        if call.path.startswith(WEBDAV) or call.path == WEBDAV.rstrip("/"):
            return self._files_of(call)
        if call.method == "POST" and call.path.startswith(f"{OCS_SHARES}/"):
            return self._ocs_notification(call)
        return self.nothing(call)

    def nothing(self, call: Call) -> Answer:
        """The page of the web interface that says 404."""
        return Answer(404, b"<!DOCTYPE html>\n<html></html>\n", (("Content-Type", "text/html; charset=UTF-8"),))

    def _files_of(self, call: Call) -> Answer:
        tree = self._opened_by(call.headers.get("Authorization", ""))
        if tree is None:
            challenge = (("WWW-Authenticate", 'Basic realm="sabre/dav"'),)
            return self.dav.error(401, "NotAuthenticated", "Cannot authenticate", challenge)
        if not tree.root.exists():
            return self.dav.error(404, "NotFound", "")
        return self.dav.answer(call, tree)

    def _opened_by(self, authorization: str) -> Tree | None:
        """The user name is the secret of a share, and the password is not looked at; or it is the token of a link."""
        kind, _, value = authorization.partition(" ")
        try:
            secret, _, password = base64.b64decode(value).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        if kind.lower() != "basic" or not secret:
            return None
        share = next((each for each in self.shares.values() if each.secret == secret), None)
        return self.linked(secret, password) if share is None else Tree(self.shared(share), WEBDAV, share.write)

    # --- the older way ----------------------------------------------------------------------------------------

    async def _ocs_provider(self, _call: Call) -> Answer:
        return php_answer(OCS_PROVIDER, content_type="application/json")

    async def _status(self, _call: Call) -> Answer:
        status = {"installed": True, "maintenance": False, "version": self.version_text(), "productname": self.family}
        return php_answer(status, content_type="application/json")

    def version_text(self) -> str:
        """As in status.php."""
        raise NotImplementedError

    async def _ocs_share(self, call: Call) -> Answer:
        form = call.form()
        person = self.people.get(form.get("shareWith", ""))
        if not all(form.get(name) for name in ("remote", "token", "name", "owner", "remoteId")) or person is None:
            return ocs(400, "server can not add remote share, missing parameter")
        owner = form.get("ownerFederatedId", form["owner"])
        self.keep(person.name, form["remoteId"], form["name"], owner, form["remote"].rstrip("/"), form["token"])
        return ocs(200)

    def _ocs_notification(self, call: Call) -> Answer:
        share_id, _, action = call.path[len(OCS_SHARES) + 1 :].partition("/")
        share = self.shares.get(share_id)
        if action in ("accept", "decline"):
            if share is None or share.secret != call.form().get("token"):
                return ocs(410, f"Share with id {share_id} does not exist")
            self.answered(share, accepted=action == "accept")
        if action == "unshare":
            self.revoked(share_id, call.form().get("token", ""))
        if action == "revoke":
            try:
                resharing.undone(self, share_id, call.form().get("token", ""))
            except resharing.RefusedError:
                return ocs(400)
        return ocs(200)

    # --- shares, both ends ------------------------------------------------------------------------------------

    def keep(self, user: str, provider_id: str, name: str, owner: str, remote: str, secret: str) -> Received:
        """A share waits for its receiver."""
        found = str(self.number())
        self.offers[found] = Received(found, self.people[user], provider_id, name, owner, remote, secret)
        return self.offers[found]

    def answered(self, share: Sent, *, accepted: bool) -> None:
        """The receiver has decided; a declined share is taken down."""
        share.state = "accepted" if accepted else "declined"
        if not accepted:
            share.secret = ""

    def revoked(self, provider_id: str, secret: str) -> bool:
        """The sender took it back; whether there was one."""
        found = [each for each in self.offers.values() if (each.provider_id, each.secret) == (provider_id, secret)]
        for each in found:
            each.state = "gone"
        return bool(found)

    def new_share(self, user: str, path: str, address: str, *, write: bool) -> Sent:
        """The row in the table of shares, made before anything is sent."""
        if not (self.people[user].folder / path.strip("/")).exists():
            raise FileNotFoundError(path)
        secret = random_word(self.secret_length)
        share = Sent(str(self.number()), self.people[user], path, address, secret, write)
        self.shares[share.id] = share
        return share

    async def post_form(self, url: str, form: Mapping[str, str]) -> Exchange | None:
        """A form, or None if there is no answer."""
        try:
            return await self.request("POST", url, (FORM, *self.http_headers), urlencode(form).encode())
        except UnreachableError:
            return None

    async def ocs_path(self, base: str) -> str | None:
        """The path for shares from `/ocs-provider/`, None if there is no such document."""
        document = await self.fetch_document(f"{base}/ocs-provider/", self.http_headers)
        try:
            return str((document or {})["services"]["FEDERATED_SHARING"]["endpoints"]["share"])
        except (KeyError, TypeError):
            return None

    async def discover(self, base: str) -> Remote | None:
        """The OCM document of a server, as the family understands it."""
        raise NotImplementedError

    async def post_notification(self, end_point: str, body: bytes) -> Exchange:
        """As the family signs and labels it."""
        raise NotImplementedError

    async def tell(self, base: str, kind: str, provider_id: str, secret: str, message: str) -> bool:
        """Notify: OCM first, satisfied by 201 alone, then the older way."""
        key = self.unshared_key if kind == "SHARE_UNSHARED" else "message"
        body = {
            "notificationType": kind,
            "resourceType": "file",
            "providerId": provider_id,
            "notification": {"sharedSecret": secret, key: message},
        }
        remote = await self.discover(base)
        if remote is not None:
            try:
                done = await self.post_notification(remote.end_point, php_json(body).encode())
            except UnreachableError:
                done = None
            if done is not None and done.status == 201:
                return True
        action = ACTIONS[kind]
        path = await self.ocs_path(base) or OCS_SHARES
        done = await self.post_form(f"{base}{path}/{provider_id}/{action}?format=json", {"token": secret})
        return ocs_ok(done)

    async def unshare(self, share_id: str) -> None:
        """The secret stops working, the receiver is told."""
        share = self.shares[share_id]
        secret, share.secret, share.state = share.secret, "", "unshared"
        base = self.url_of(split_address(share.share_with)[1])
        await self.tell(base, "SHARE_UNSHARED", share_id, secret, "file is no longer shared with you")
        if share.shared_by:
            base = self.url_of(resharing.server_of(share.shared_by))
            await self.tell(base, "RESHARE_UNDO", share.sender_id, secret, "reshare was revoked")

    async def send_share(self, share: Sent) -> bool:
        """The receiver's server is told of a new share; whether it took it."""
        raise NotImplementedError

    async def reshare(self, user: str, share_id: str, address: str) -> str:
        """A user shares on what they received. Raises `ShareError`."""
        return await resharing.ask(self, user, share_id, address)

    async def undo_reshare(self, share_id: str) -> None:
        """And takes it back."""
        await resharing.undo(self, share_id)

    # --- the receiver's side ----------------------------------------------------------------------------------

    async def accept(self, user: str, share_id: str) -> None:
        """Accepted here whatever the sender answers."""
        share = self.offer(user, share_id)
        share.state = "accepted"
        base = self.url_of(share.remote)
        await self.tell(base, "SHARE_ACCEPTED", share.provider_id, share.secret, self.accepted_message)

    async def decline(self, user: str, share_id: str) -> None:
        """Also what happens when a mounted share is removed later."""
        share = self.offer(user, share_id)
        share.state = "declined"
        base = self.url_of(share.remote)
        await self.tell(base, "SHARE_DECLINED", share.provider_id, share.secret, "Recipient declined the share")

    def mount(self, user: str, share_id: str) -> SabreClient:
        """Basic with the secret at the root that discovery names."""
        share = self.offer(user, share_id)
        xml = (("User-Agent", self.dav_agent), ("Accept", "*/*"))

        roots: list[str] = []

        async def locate() -> str:
            if not roots:
                roots.append(await self.dav_root(share))
            return roots[0]

        async def send(method: str, url: str, headers: Headers, body: bytes | None) -> Exchange:
            if share.state != "accepted":
                raise ShareGoneError("not among the files", 404)
            return await self.request(method, url, headers, body)

        return SabreClient(
            send,
            locate,
            share.secret,
            propfind=self.propfind,
            xml=xml,
            http=self.http_headers,
            broken=lambda status: self._broken(share, status),
            password=share.password,
        )

    async def dav_root(self, share: Received) -> str:
        """The URL of the sender's public root, with its slash."""
        base = self.url_of(share.remote)
        remote = await self.discover(base)
        return base + WEBDAV if remote is None else remote.webdav

    async def _broken(self, share: Received, status: int) -> None:
        """401 or 404 at the root: if that server is alive otherwise, the share was revoked."""
        share.available = False
        if status in self.final or (status != 503 and await self.looks_alive(self.url_of(share.remote))):
            share.state = "gone"
            raise ShareGoneError("removed", status)
        raise AccessError("the storage is not available", status)

    async def looks_alive(self, base: str) -> bool:
        """Asked of a server whose share answered 401 or 404."""
        raise NotImplementedError

    async def probe(self, base: str, paths: tuple[str, ...], valid: Callable[[Mapping[str, Any]], bool]) -> bool:
        """Whether one of the documents convinces; asked for in this order until one does."""
        for path in paths:
            document = await self.fetch_document(base + path, self.http_headers)
            if document is not None and valid(document):
                return True
        return False


def sabre_properties(letters: str, number: bool) -> Callable[[Path, Tree], dict[str, str]]:
    """`letters` as in `permission_letters`; `number`: ownCloud has the OCS share-permissions, too."""

    def properties(path: Path, tree: Tree) -> dict[str, str]:
        found = basic_properties(path)
        found[f"{OC}permissions"] = permission_letters(path, tree, letters=letters)
        if number:
            all_of_it = 31 if tree.root.is_dir() else 19
            found[f"{OCS}share-permissions"] = str(20 if tree.drop else all_of_it if tree.write else 17)
        return found

    return properties
