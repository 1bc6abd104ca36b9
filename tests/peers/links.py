"""Public links at Nextcloud and ownCloud 10, and how they get from one cloud to another.

From a reading of the sources (`MountPublicLinkController`, `PublicPageMenuExternalDialog.vue`, `files_sharing/js`), not
from recordings. At Nextcloud the server of the link makes an ordinary share for whoever names their address; ownCloud
takes the link's token as the credential of a mount, after it has found a server behind it that has a `version`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode

from tests.peers.davclient import SabreClient
from tests.peers.ocs import FORM, php_answer
from tests.peers.sabre import SabrePeer
from tests.peers.values import Answer, Call, Exchange, Headers, ShareError, random_word, split_address

CREATE = "/index.php/apps/federatedfilesharing/createFederatedShare"
PROBES = ("/ocs-provider/", "/ocs-provider/index.php", "/status.php")


@dataclass(frozen=True)
class Link:
    """Somebody's link; `password` is empty where it has none."""

    user: str
    path: str
    password: str = ""
    read: bool = True


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
            "name": link.path, "protected": "1" if link.password else "0",
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

    async def test_remote(self, remote: str) -> bool:
        """Whether it takes what is behind an address for a server."""
        return await self.peer.probe(remote, PROBES, lambda found: "version" in found)

    async def mount(self, remote: str, token: str, password: str = "") -> SabreClient:
        """The files behind a token elsewhere, as they are opened once it is mounted."""
        found = await self.peer.discover(remote)
        assert found is not None

        async def locate() -> str:
            return str(found.webdav)

        async def send(method: str, url: str, headers: Headers, body: bytes | None) -> Exchange:
            return await self.peer.request(method, url, headers, body)

        async def broken(status: int) -> None:
            raise ShareError(f"answered {status}")

        return SabreClient(
            send, locate, token, password=password, propfind=self.peer.propfind,
            xml=(("User-Agent", self.peer.dav_agent),), http=self.peer.http_headers, broken=broken,
        )  # fmt: skip
