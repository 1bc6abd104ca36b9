"""ownCloud 10, emulated from recordings of 10.11.0.

Discovery only at `/ocm-provider/` and with `shareTypes` where others have `resourceTypes`; addresses of its own users
keep the scheme (`alice@https://host`); no signatures; a POST that is answered 4xx is sent again before the older way
is tried.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from tests.peers import resharing
from tests.peers.davserver import OC, Style
from tests.peers.ocs import OCS_SHARES, WEBDAV, decode, ocs_form, ocs_ok, php_answer
from tests.peers.sabre import (
    OC_PREFIXES,
    OC_PROPERTIES,
    Remote,
    SabrePeer,
    propfind_body,
    sabre_properties,
)
from tests.peers.values import Answer, Call, Exchange, Sent, ShareError, UnreachableError, php_json, split_address

END_POINT = "/index.php/apps/federatedfilesharing"
REQUIRED = ("shareWith", "name", "providerId", "owner", "shareType", "resourceType")
PROBES = ("/ocs-provider/index.php", "/ocs-provider/", "/status.php")
NAMESPACES = (("d", "DAV:"), ("s", "http://sabredav.org/ns"), ("oc", OC[1:-1]))
MISSING = "server can not add federated share, missing parameter"


def says(message: str, status: int) -> Answer:
    """A refusal."""
    return php_answer({"message": message}, status)


class OwnCloud(SabrePeer):
    """`await OwnCloud.start()`."""

    family = "owncloud"
    user_agent = "ownCloud Server Crawler"
    dav_agent = "sabre-dav/4.4.0 (http://sabre.io/)"
    accepted_message = "Recipient accepted the share"
    reshare_key = "sharedSecret"
    final = frozenset({401})
    http_headers = (("User-Agent", user_agent),)
    propfind = propfind_body(OC_PREFIXES, OC_PROPERTIES)

    def __init__(self, *, allow_http: bool = True) -> None:
        style = Style("1, 3, extended-mkcol, 2", sabre_properties("R", number=True), NAMESPACES)
        super().__init__(allow_http=allow_http, style=style)
        self.routes["GET", "/ocm-provider"] = self._redirect
        self.routes["GET", "/ocm-provider/"] = self._ocm_provider
        self.routes["POST", f"{END_POINT}/shares"] = self._shares
        self.routes["POST", f"{END_POINT}/notifications"] = self._notifications

    def version_text(self) -> str:
        """As in status.php."""
        return "10.11.0.6"

    def nothing(self, call: Call) -> Answer:
        """Below index.php an unknown address is the log-in page, with 200."""
        page = super().nothing(call)
        return Answer(200, page.body, page.headers) if call.path.startswith("/index.php/") else page

    # --- answering --------------------------------------------------------------------------------------------

    async def _redirect(self, _call: Call) -> Answer:
        return Answer(301, b"", (("Location", f"{self.base_url}/ocm-provider/"),))

    async def _ocm_provider(self, _call: Call) -> Answer:
        return php_answer(
            {
                "enabled": True,
                "apiVersion": "1.0-proposal1",
                "endPoint": f"{self.base_url}{END_POINT}",
                "shareTypes": [{"name": "file", "protocols": {"webdav": WEBDAV}}],
            }
        )

    async def _shares(self, call: Call) -> Answer:
        share = decode(call)
        protocol = share.get("protocol")
        options = protocol.get("options") if isinstance(protocol, dict) else None
        missing = [name for name in REQUIRED if share.get(name) is None]
        if missing:
            return says(f"Required parameters are missing: {', '.join(missing)}", 400)
        if not isinstance(protocol, dict) or not protocol.get("name"):
            return says(MISSING, 400)
        if not isinstance(options, dict) or not options.get("sharedSecret"):
            return says(MISSING, 400)
        for word, value, known in (
            ("ShareType", share["shareType"], "user"),
            ("ResourceType", share["resourceType"], "file"),
            ("Protocol", protocol["name"], "webdav"),
        ):
            if value != known:
                return says(f"{word} {value} is not supported", 501)
        user = str(share["shareWith"]).rpartition("@")[0]
        if user not in self.people:
            return says(f"User {user} does not exist", 400)
        owner = str(share["owner"])
        self.keep(
            user, str(share["providerId"]), str(share["name"]), owner, split_address(owner)[1], options["sharedSecret"]
        )
        return php_answer([], 201)

    async def _notifications(self, call: Call) -> Answer:
        said = decode(call)
        about = said.get("notification")
        kind, provider_id = said.get("notificationType"), said.get("providerId")
        if kind is None or provider_id is None or not isinstance(about, dict) or not about.get("sharedSecret"):
            return says(MISSING, 400)
        if said.get("resourceType") != "file":
            return says(f"ResourceType {said.get('resourceType')} is not supported", 501)
        if kind == "REQUEST_RESHARE":
            try:
                return php_answer(await resharing.asked(self, str(provider_id), about), 201)
            except resharing.RefusedError as refused:
                return says(str(refused), refused.status)
        return self._notified(str(kind), str(provider_id), str(about["sharedSecret"]))

    def _notified(self, kind: str, provider_id: str, secret: str) -> Answer:
        if kind == "SHARE_UNSHARED":
            self.revoked(provider_id, secret)
            return php_answer([], 201)
        if kind not in ("SHARE_ACCEPTED", "SHARE_DECLINED"):
            return says(f"Notification of type {kind} is not supported", 501)
        share = self.shares.get(provider_id)
        if share is None:
            return says(f"Share with id {provider_id} does not exist", 400)
        if share.secret != secret:
            return says("The share does not belong to the one who asks", 403)
        self.answered(share, accepted=kind == "SHARE_ACCEPTED")
        return php_answer([], 201)

    # --- asking -----------------------------------------------------------------------------------------------

    async def discover(self, base: str) -> Remote | None:
        """Only `/ocm-provider/`; `shareTypes` before `resourceTypes`; any apiVersion."""
        document = await self.fetch_document(f"{base}/ocm-provider/", self.http_headers)
        if document is None or document.get("enabled") is not True or not isinstance(document.get("endPoint"), str):
            return None
        kinds = document.get("shareTypes", document.get("resourceTypes"))
        files = [each for each in kinds if isinstance(each, dict)] if isinstance(kinds, list) else []
        path = next((each.get("protocols", {}).get("webdav") for each in files if each.get("name") == "file"), None)
        webdav = path if isinstance(path, str) and path else WEBDAV
        parts = urlsplit(base)
        return Remote(
            document["endPoint"].rstrip("/"), f"{parts.scheme}://{parts.netloc}/{webdav.strip('/')}/", document
        )

    async def post_notification(self, end_point: str, body: bytes) -> Exchange:
        """Unsigned."""
        return await self._post(f"{end_point}/notifications", body)

    async def _post(self, url: str, body: bytes) -> Exchange:
        return await self.request("POST", url, (("Content-Type", "application/json"), *self.http_headers), body)

    async def looks_alive(self, base: str) -> bool:
        """Anything with a `version`."""
        return await self.probe(base, PROBES, lambda found: "version" in found)

    # --- the sender's side ------------------------------------------------------------------------------------

    def payload(self, share_id: str) -> dict[str, Any]:
        """The body of the POST."""
        share = self.shares[share_id]
        me, name = f"{share.person.name}@{self.base_url}", share.person.display_name
        by, by_name = (share.shared_by, share.shared_by) if share.shared_by else (me, name)
        return {
            "shareWith": share.share_with,
            "name": share.path.strip("/").rpartition("/")[2],
            "providerId": share_id,
            "owner": me,
            "ownerDisplayName": name,
            "sender": by,
            "senderDisplayName": by_name,
            "shareType": "user",
            "resourceType": "file",
            "protocol": {"name": "webdav", "options": {"sharedSecret": share.secret}},
        }

    async def share(self, user: str, path: str, address: str, *, write: bool = False) -> str:
        """Discovery, a POST that must be answered 201 (again after a 4xx), else the older way.

        Without either discovery document nothing is posted at all, as recorded against OpenCloud.
        """
        share = self.new_share(user, path, address, write=write)
        if not await self.send_share(share):
            del self.shares[share.id]
            raise ShareError(f"Sharing {path} failed, could not find {address}, maybe the server is unreachable")
        return share.id

    async def send_share(self, share: Sent) -> bool:
        """OCM, then OCS."""
        base = self.url_of(split_address(share.share_with)[1])
        taken = await self._share_by_ocm(share.id, base)
        return bool(taken) or await self._share_by_ocs(share.id, base, OCS_SHARES if taken is False else None)

    async def _share_by_ocm(self, share_id: str, base: str) -> bool | None:
        """None when there is no discovery document."""
        remote = await self.discover(base)
        if remote is None:
            return None
        body = php_json(self.payload(share_id)).encode()
        for _attempt in range(2):
            try:
                done = await self._post(f"{remote.end_point}/shares", body)
            except UnreachableError:
                return False
            if done.status < 400 or done.status >= 500:
                break
        return done.status == 201

    async def _share_by_ocs(self, share_id: str, base: str, default: str | None) -> bool:
        share = self.shares[share_id]
        path = await self.ocs_path(base) or default
        if path is None:
            return False
        me = f"{share.person.name}@{self.base_url}"
        form = ocs_form(share, split_address(share.share_with)[0], me, self.base_url)
        return ocs_ok(await self.post_form(f"{base}{path}?format=json", form))
