"""Nextcloud 28, 30, 32 and 34, emulated: what differs between them is the table `GENERATIONS`.

Written from recordings of 28.0.2, 30.0.1, 32.0.2, 33.0.3 and 34.0.1. Where no recording shows what a generation does,
the comment says what is assumed. Requests are answered in `nextcloud_endpoints`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.peers import cavage
from tests.peers.davserver import NC, OC, Style
from tests.peers.nextcloud_endpoints import NextcloudEndpoints
from tests.peers.ocs import OCS_SHARES, WEBDAV, ocs_form, ocs_ok
from tests.peers.resharing import REMOTE
from tests.peers.rsakeys import next_rsa_key
from tests.peers.sabre import (
    LOCK_PROPERTIES,
    NC_PREFIXES,
    NC_PROPERTIES,
    OC_PREFIXES,
    Remote,
    propfind_body,
    sabre_properties,
)
from tests.peers.values import Exchange, Sent, ShareError, UnreachableError, php_json, split_address

OLD_PROBES = ("/ocs-provider/index.php", "/ocs-provider/", "/status.php")
NEW_PROBES = ("/ocm-provider/index.php", "/ocm-provider/", "/.well-known/ocm", "/status.php")


@dataclass(frozen=True)
class Generation:
    """One release. The fields are what makes it different from another."""

    version: str
    user_agent: str
    dav_agent: str
    discovery: tuple[str, ...]  # asked for in this order
    signs: bool = True  # draft-cavage, and checks it
    well_known: bool = False  # serves /.well-known/ocm
    capabilities: tuple[str, ...] = ()
    old_versions_only: bool = False  # apiVersion must be 1.0-proposal1, 1.0* or 1.1*
    numeric_provider_id: bool = False  # and no `sender`
    recipient_user_id: bool = True  # in the answer to a share
    folders: bool = False  # takes resourceType folder
    locks: bool = False  # asks for the lock properties, serves class 2
    unshared: str = "message"  # the key of the text in SHARE_UNSHARED; older ones have a slip of the pen
    probes: tuple[str, ...] = OLD_PROBES


OLD_AGENT = "Nextcloud Server Crawler"
GENERATIONS = {
    28: Generation(
        "28.0.2.5",
        OLD_AGENT,
        "sabre-dav/4.5.0 (http://sabre.io/)",
        ("/ocm-provider/",),
        signs=False,
        old_versions_only=True,
        numeric_provider_id=True,
        recipient_user_id=False,
        unshared="messgage",
    ),
    30: Generation(
        "30.0.1.2",
        OLD_AGENT,
        "sabre-dav/4.6.0 (http://sabre.io/)",
        ("/ocm-provider/",),
        signs=False,
        old_versions_only=True,
        numeric_provider_id=True,
        unshared="messgage",
    ),
    # Of 32 no share and no file access towards others was recorded, only discovery, signatures and what it answers:
    # that it asks for no lock properties and refuses folders, as 30 does, is assumed.
    32: Generation(
        "32.0.2.2",
        OLD_AGENT,
        "sabre-dav/4.7.0 (http://sabre.io/)",
        ("/.well-known/ocm", "/ocm-provider/"),
        capabilities=("/invite-accepted", "/notifications", "/shares"),
    ),
    34: Generation(
        "34.0.1.2",
        "Nextcloud-Server-Crawler/34.0.1",
        "sabre-dav/4.7.0 (http://sabre.io/)",
        ("/.well-known/ocm", "/ocm-provider"),
        well_known=True,
        capabilities=("invite-accepted", "notifications", "shares"),
        folders=True,
        locks=True,
        probes=NEW_PROBES,
    ),
}
NAMESPACES = (("d", "DAV:"), ("s", "http://sabredav.org/ns"), ("oc", OC[1:-1]), ("nc", NC[1:-1]))


class Nextcloud(NextcloudEndpoints):
    """`await Nextcloud.start(version=34)`."""

    family = "nextcloud"
    accepted_message = "Recipient accept the share"
    reshare_extra: Mapping[str, Any] = {"shareType": REMOTE, "message": "Ask owner to reshare the file"}

    def __init__(self, *, version: int = 34, allow_http: bool = True) -> None:
        self.generation = GENERATIONS[version]
        dav = "1, 3, extended-mkcol, nextcloud-checksum-update" + (", 2" if self.generation.locks else "")
        style = Style(dav, sabre_properties("RG", number=False), NAMESPACES)
        super().__init__(allow_http=allow_http, style=style)
        self.user_agent = self.generation.user_agent
        self.dav_agent = self.generation.dav_agent
        self.unshared_key = self.generation.unshared
        encodings = "gzip" if self.user_agent == OLD_AGENT else "br, gzip"
        self.http_headers = (("User-Agent", self.user_agent), ("Accept-Encoding", encodings))
        locks = LOCK_PROPERTIES if self.generation.locks else ()
        self.propfind = propfind_body(NC_PREFIXES if locks else OC_PREFIXES, (*NC_PROPERTIES, *locks))
        self.key = next_rsa_key() if self.generation.signs else None

    def version_text(self) -> str:
        """34.0.1.2"""
        return self.generation.version

    @property
    def key_id(self) -> str:
        """Always https, also where the server itself is reached over http."""
        return f"https://{self.host}/ocm#signature"

    def discovery(self) -> dict[str, Any]:
        """The document, in the order of the recordings."""
        document: dict[str, Any] = {"enabled": True, "apiVersion": "1.0-proposal1"}
        end_point = f"{self.base_url}/index.php/ocm"
        kinds = [{"name": "file", "shareTypes": ["user", "group"], "protocols": {"webdav": WEBDAV}}]
        if self.key is None:
            return {**document, "endPoint": end_point, "resourceTypes": kinds}
        pem = self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        return {
            **document,
            "version": "1.1.0",
            "endPoint": end_point,
            "publicKey": {"keyId": self.key_id, "publicKeyPem": pem},
            "provider": f"Nextcloud {self.generation.version}",
            "resourceTypes": kinds,
            "capabilities": list(self.generation.capabilities),
        }

    # --- other servers ----------------------------------------------------------------------------------------

    async def discover(self, base: str) -> Remote | None:
        """The generation's addresses, one after the other, until one has a document that it understands."""
        for path in self.generation.discovery:
            document = await self.fetch_document(base + path, self.http_headers)
            if document is not None and self._understands(document):
                return self._remote(document)
        return None

    def _understands(self, document: Mapping[str, Any]) -> bool:
        end_point, api = document.get("endPoint"), str(document.get("apiVersion", ""))
        if not isinstance(end_point, str) or not end_point:
            return False
        if self.generation.well_known and document.get("enabled") is not True:
            return False
        if self.generation.old_versions_only:
            return api == "1.0-proposal1" or api.startswith(("1.0", "1.1"))
        key = document.get("publicKey")
        return bool(document.get("version") or api) and not isinstance(key, str)

    @staticmethod
    def _remote(document: Mapping[str, Any]) -> Remote:
        kinds = document.get("resourceTypes")
        files = [each for each in kinds if isinstance(each, dict)] if isinstance(kinds, list) else []
        path = next((each.get("protocols", {}).get("webdav") for each in files if each.get("name") == "file"), None)
        end_point = urlsplit(document["endPoint"])
        webdav = path if isinstance(path, str) and path else WEBDAV
        root = f"{end_point.scheme}://{end_point.netloc}/{webdav.strip('/')}/"
        return Remote(document["endPoint"].rstrip("/"), root, document)

    async def post_signed(self, url: str, body: bytes) -> Exchange:
        """JSON, signed if the generation signs (it does so whoever the receiver is)."""
        parts = urlsplit(url)
        signature = (
            {} if self.key is None else cavage.sign(self.key, self.key_id, "POST", parts.netloc, parts.path, body)
        )
        headers = (("content-type", "application/json"), *signature.items(), *self.http_headers)
        return await self.request("POST", url, headers, body)

    async def post_notification(self, end_point: str, body: bytes) -> Exchange:
        """To `/notifications`."""
        return await self.post_signed(f"{end_point}/notifications", body)

    async def looks_alive(self, base: str) -> bool:
        """Up to 32 anything with a `version`; from 33 on an OCM document will do."""
        if self.generation.probes is OLD_PROBES:
            return await self.probe(base, OLD_PROBES, lambda found: "version" in found)
        return await self.probe(
            base,
            NEW_PROBES,
            lambda found: (
                (found.get("enabled") is True and "endPoint" in found and "resourceTypes" in found)
                or "version" in found
            ),
        )

    # --- the sender's side ------------------------------------------------------------------------------------

    async def share(self, user: str, path: str, address: str, *, write: bool = False, share_type: str = "user") -> str:
        """Discovery, one POST that must be answered 201, else the older way. Raises `ShareError`."""
        share = self.new_share(user, path, address, write=write)
        share.share_type = share_type
        if not await self.send_share(share):
            del self.shares[share.id]
            raise ShareError(f"Sharing {path} failed, could not find {address}, maybe the server is unreachable")
        return share.id

    async def send_share(self, share: Sent) -> bool:
        """OCM, then OCS."""
        person, server = split_address(share.share_with)
        base = self.url_of(server)
        return await self._share_by_ocm(share.id, person, base) or await self._share_by_ocs(share.id, person, base)

    def payload(self, share_id: str, person: str, base: str) -> dict[str, Any]:
        """The body of the POST: `file` for folders, too; the newer ones name the sender a third time."""
        share = self.shares[share_id]
        me, name = f"{share.person.name}@{self.host}", share.person.display_name
        old = self.generation.numeric_provider_id
        by, by_name = (share.shared_by, share.shared_by) if share.shared_by else (me, name)
        sender = {} if old else {"sender": by, "senderDisplayName": by_name}
        permissions = "{http://open-cloud-mesh.org/ns}share-permissions"
        return {
            "shareWith": f"{person}@{base}",
            "shareType": share.share_type,
            "name": share.path.strip("/").rpartition("/")[2],
            "resourceType": "file",
            "description": "",
            "providerId": int(share_id) if old else share_id,
            "owner": me,
            "ownerDisplayName": name,
            "sharedBy": by,
            "sharedByDisplayName": by_name,
            **sender,
            "protocol": {"name": "webdav", "options": {"sharedSecret": share.secret, "permissions": permissions}},
        }

    async def _share_by_ocm(self, share_id: str, person: str, base: str) -> bool:
        remote = await self.discover(base)
        if remote is None:
            return False
        body = php_json(self.payload(share_id, person, base)).encode()
        try:
            done = await self.post_signed(f"{remote.end_point}/shares", body)
        except UnreachableError:
            return False
        return done.status == 201 and done.document() is not None

    async def _share_by_ocs(self, share_id: str, person: str, base: str) -> bool:
        share = self.shares[share_id]
        path = await self.ocs_path(base) or OCS_SHARES
        form = ocs_form(share, person, f"{share.person.name}@{self.host}", self.base_url)
        return ocs_ok(await self.post_form(f"{base}{path}?format=json", form))
