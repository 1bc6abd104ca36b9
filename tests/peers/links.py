"""Public links at Nextcloud and ownCloud 10, and how they get from one cloud to another.

From a reading of the sources (`MountPublicLinkController`, `PublicPageMenuExternalDialog.vue`; of ownCloud
`files_sharing/js/public.js` and `external.js`, `ajax/external.php`, `External/Storage.php`), not from recordings. At
Nextcloud the server of the link makes an ordinary share for whoever names their address. ownCloud takes the link's
token as the credential of a mount; whether there is a server, its link page asks before it leads anybody there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode

from tests.peers.davclient import SabreClient
from tests.peers.davserver import Tree
from tests.peers.ocs import FORM, WEBDAV, php_answer
from tests.peers.sabre import SabrePeer
from tests.peers.values import AccessError, Answer, Call, ShareError, ShareGoneError, random_word, split_address

CREATE = "/index.php/apps/federatedfilesharing/createFederatedShare"
PROBES = ("/ocs-provider/", "/ocs-provider/index.php", "/status.php")


@dataclass(frozen=True)
class Link:
    """Somebody's link; `password` is empty where it has none."""

    user: str
    path: str
    password: str = ""
    read: bool = True
    write: bool = False


class Links:
    """The links of a peer's users."""

    def __init__(self, peer: SabrePeer) -> None:
        self.peer = peer
        self.links: dict[str, Link] = {}

    def create(self, user: str, path: str, **options: Any) -> str:
        """A link; its token."""
        token = random_word(15)
        self.links[token] = Link(user, path, **options)
        return token

    def page(self, token: str) -> str:
        """The address that its owner gives to others."""
        return f"{self.peer.base_url}/index.php/s/{token}"

    def led_to(self, cloud: str, token: str) -> str:
        """Where the browser of a visitor is led to who names their cloud on that page."""
        link = self.links[token]
        said = {
            "remote": self.peer.base_url, "token": token, "owner": link.user, "ownerDisplayName": link.user,
            "name": link.path.rpartition("/")[2], "protected": "1" if link.password else "0",
        }  # fmt: skip
        return f"{cloud}/index.php/apps/files#{urlencode(said)}"


class NextcloudLinks(Links):
    """With the message by which a share is asked for, both ways."""

    def __init__(self, peer: SabrePeer) -> None:
        super().__init__(peer)
        peer.routes["POST", CREATE] = self._create_federated_share

    async def _create_federated_share(self, call: Call) -> Answer:
        said = {name: values[-1] for name, values in parse_qs(call.body.decode(), keep_blank_values=True).items()}
        link, share_with = self.links.get(said.get("token", "")), said.get("shareWith", "")
        user, server = split_address(share_with)
        if link is None or not user or not server:
            return php_answer({"message": "Share not found"}, 400)
        if link.password not in ("", said.get("password", "")):
            return php_answer({"message": "No permission to access the share"}, 400)
        if not link.read:
            return php_answer({"message": "Mounting file drop not supported"}, 400)
        try:
            await self.peer.share(link.user, link.path, share_with)
        except ShareError as error:
            return php_answer({"message": str(error)}, 400)
        return php_answer({"remoteUrl": server})

    async def ask(self, user: str, remote: str, token: str, password: str = "") -> None:
        """A user adds what a link elsewhere shows. Raises `ShareError`."""
        form = {"token": token, "shareWith": self.peer.address(user), "password": password}
        headers = (FORM, *self.peer.http_headers)
        done = await self.peer.request("POST", remote + CREATE, headers, urlencode(form).encode())
        said = done.document() if done.status < 400 else None
        if not isinstance(said, dict) or "remoteUrl" not in said:
            raise ShareError("Couldn't establish a federated share, maybe the password was wrong.")


class OwncloudLinks(Links):
    """With the mount of a token."""

    def __init__(self, peer: SabrePeer) -> None:
        super().__init__(peer)
        peer.linked = self.opened

    def opened(self, token: str, password: str) -> Tree | None:
        """What a token opens over WebDAV."""
        link = self.links.get(token)
        if link is None or link.password not in ("", password):
            return None
        root = self.peer.people[link.user].folder / link.path
        return Tree(root, WEBDAV, link.write, drop=not link.read)

    async def lead(self, cloud: str, token: str) -> str:
        """The page of a link: where a visitor goes on who has said which cloud is theirs. Raises `ShareError`."""
        if "://" not in cloud:
            cloud = self.peer.url_of(cloud)
            said = [await self.peer.fetch_document(cloud + path) for path in PROBES]
            if not (said[0] is not None or said[1] is not None or (said[2] or {}).get("version")):
                raise ShareError(f"No ownCloud installation (7 or higher) found at {cloud}")
        return self.led_to(cloud, token)

    async def add(self, user: str, address: str, password: str = "") -> SabreClient:
        """A browser has come to `...#remote=...`, and its user says yes: the token is mounted. Raises `ShareError`."""
        base, _, fragment = address.partition("/index.php/apps/files#")
        said = {name: values[0] for name, values in parse_qs(fragment).items()}
        if base != self.peer.base_url or not all(said.get(name) for name in ("remote", "token", "owner", "name")):
            raise ShareError("nothing happens on this page")
        if set(said["name"]) & set("/\\"):
            raise ShareError("The mountpoint name contains invalid characters.")
        front = await self.peer.request("GET", said["remote"], follow=True)
        if front.status >= 400:
            raise ShareError("Invalid or untrusted SSL certificate")
        share = self.peer.keep(user, "", said["name"], said["ownerDisplayName"], said["remote"], said["token"])
        share.state, share.password = "accepted", password
        mount = self.peer.mount(user, share.id)
        try:
            await mount.stat()
        except ShareGoneError:
            raise ShareError("Could not authenticate to remote share, password might be wrong") from None
        except AccessError:
            share.state = "gone"
            raise ShareError("Storage not valid") from None
        return mount
