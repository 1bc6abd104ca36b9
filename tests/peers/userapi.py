"""What users' own clients ask of Nextcloud and ownCloud 10: the OCS sharing API and their WebDAV tree.

An emulated server with a `UserApi` is used like a real one, by URL and password (`live.py` does); `serve.py` starts
one. Written from a reading of `ShareAPIController`, `RemoteController` and `RemoteOcsController`; nothing was recorded.
Only what the driver asks for is here: shares with people elsewhere, and files.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from tests.peers.davserver import XML, Tree
from tests.peers.ocs import ocs, php_answer
from tests.peers.values import Answer, Call, Entry, Mount, PeerError, Received, Sent, ShareError

if TYPE_CHECKING:
    from tests.peers.sabre import SabrePeer

API = "/ocs/v2.php/apps/files_sharing/api/v1"
TREE = "/remote.php/webdav/"
FEDERATED, UPDATE = "6", 2  # a share type, and a bit of the permissions
GONE = ocs(404, "Wrong share ID, share does not exist")


class UserApi:
    """`passwords`: by login. A share that was taken lies in the user's tree, under its name."""

    def __init__(self, peer: SabrePeer, passwords: Mapping[str, str]) -> None:
        self.peer = peer
        self.passwords = passwords

    async def answer(self, call: Call) -> Answer | None:
        """None for what is not for users."""
        if not call.path.startswith((API, TREE)):
            return None
        user = self._user(call.headers.get("Authorization", ""))
        if user is None:
            return ocs(401, "Current user is not logged in") if call.path.startswith(API) else Answer(401)
        if call.path.startswith(TREE):
            return await self._file(call, user)
        if call.headers.get("OCS-APIRequest") != "true":
            return ocs(412, "CSRF check failed")
        what, _, rest = call.path.removeprefix(f"{API}/").partition("/")
        if what == "shares":
            return await self._share(call, user, rest)
        return await self._remote_share(call, user, rest) if what == "remote_shares" else GONE

    def _user(self, authorization: str) -> str | None:
        try:
            user, _, password = base64.b64decode(authorization.partition(" ")[2]).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return user if password and self.passwords.get(user) == password else None

    # --- shares -----------------------------------------------------------------------------------------------

    async def _share(self, call: Call, user: str, share_id: str) -> Answer:
        if call.method == "POST" and not share_id:
            form = call.form()
            if form.get("shareType") != FEDERATED:
                return ocs(400, "Unknown share type")
            write = bool(int(form.get("permissions", "31")) & UPDATE)
            try:
                made = await self.peer.share(user, form["path"], form["shareWith"], write=write)
            except FileNotFoundError:
                return ocs(404, "Wrong path, file/folder does not exist")
            except ShareError as error:
                return ocs(403, str(error))
            return _ok(_sent(self.peer.shares[made]))
        share = self.peer.shares.get(share_id)
        if share is None or share.person.name != user or share.state in ("declined", "unshared"):
            return GONE
        if call.method == "DELETE":
            await self.peer.unshare(share_id)
            return _ok([])
        return _ok([_sent(share)])

    async def _remote_share(self, call: Call, user: str, rest: str) -> Answer:
        pending, share_id = rest.split("/")[0] == "pending", rest.removeprefix("pending").strip("/")
        state = "pending" if pending else "accepted"
        found = {each.id: each for each in self.peer.inbox(user) if each.state == state}
        if not share_id:
            return _ok([self._offer(each) for each in found.values()])
        if share_id not in found:
            return GONE
        if call.method == "POST" and pending:
            await self.peer.accept(user, share_id)
        elif call.method == "DELETE":
            await self.peer.decline(user, share_id)
        return _ok([])

    def _offer(self, offer: Received) -> dict[str, Any]:
        pending = offer.state == "pending"
        return {
            "id": int(offer.id),
            "remote": offer.remote,
            "remote_id": offer.provider_id,
            "share_token": offer.secret,
            "name": f"/{offer.name}",
            "owner": offer.owner.partition("@")[0],
            "user": offer.person.name,
            "mountpoint": f"{{{{TemporaryMountPointName#/{offer.name}}}}}" if pending else f"/{self._place(offer)}",
            "accepted": 0 if pending else 1,
        }

    def _place(self, offer: Received) -> str:
        """The name in the user's tree; the second of a name has a number."""
        earlier = [each for each in self.peer.inbox(offer.person.name) if each.name == offer.name]
        number = [each.id for each in earlier].index(offer.id) + 1
        stem, dot, end = offer.name.rpartition(".")
        return offer.name if number == 1 else f"{stem or end} ({number}){dot}{end if stem else ''}"

    # --- files ------------------------------------------------------------------------------------------------

    async def _file(self, call: Call, user: str) -> Answer:
        top, _, path = unquote(call.path[len(TREE) :]).partition("/")
        offers = {self._place(each): each for each in self.peer.inbox(user) if each.state == "accepted"}
        if top not in offers:
            return self.peer.dav.answer(call, Tree(self.peer.people[user].folder, TREE, write=True))
        offer = offers[top]
        if call.method == "DELETE" and not path:
            await self.peer.decline(user, offer.id)
            return Answer(204)
        try:
            return await _mounted(call, self.peer.mount(user, offer.id), path, top)
        except PeerError as error:
            return Answer(error.status if error.status in (403, 404, 423, 507) else 503)


async def _mounted(call: Call, mount: Mount, path: str, top: str) -> Answer:
    if call.method == "GET":
        return Answer(200, await mount.read(path))
    if call.method == "PROPFIND":
        itself = await mount.stat(path)
        below = await mount.list(path) if itself.folder and call.headers.get("Depth") != "0" else []
        at = TREE + quote(f"{top}/{path}".rstrip("/"))
        return Answer(207, _multistatus(at, itself, below), (XML,))
    if call.method == "PUT":
        await mount.write(path, call.body)
    elif call.method == "MKCOL":
        await mount.make_folder(path)
    elif call.method == "MOVE":
        to = unquote(urlsplit(call.headers["Destination"]).path.removeprefix(TREE))
        await mount.move(path, to.removeprefix(f"{top}/"))
    elif call.method == "DELETE":
        await mount.delete(path)
    return Answer(204 if call.method in ("PUT", "DELETE") else 201)


def _multistatus(at: str, itself: Entry, below: list[Entry]) -> bytes:
    def response(href: str, folder: bool) -> str:
        kind = "<d:resourcetype><d:collection/></d:resourcetype>" if folder else "<d:resourcetype/>"
        found = f"<d:propstat><d:prop>{kind}</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat>"
        return f"<d:response><d:href>{href}{'/' if folder else ''}</d:href>{found}</d:response>"

    responses = [response(at, itself.folder)]
    responses += [response(f"{at}/{quote(each.name)}", each.folder) for each in below]
    return f'<?xml version="1.0"?>\n<d:multistatus xmlns:d="DAV:">{"".join(responses)}</d:multistatus>'.encode()


def _sent(share: Sent) -> dict[str, Any]:
    return {"id": share.id, "share_type": 6, "path": f"/{share.path.strip('/')}", "share_with": share.share_with}


def _ok(data: object) -> Answer:
    return php_answer({"ocs": {"meta": {"status": "ok", "statuscode": 200, "message": "OK"}, "data": data}})
