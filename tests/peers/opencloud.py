"""OpenCloud of February 2025, emulated from recordings.

It never asks a peer for its discovery document when it shares: it posts to the base URL in ocmproviders.json. The URL
of the files is called `url`; a share with `uri` alone is answered 200 and never shows up. People are UUIDs; in an
invitation they are base64 of `<uuid>@https://<host>`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.peers.davserver import DAV, OC, Style, Tree, content_type, etag, modified
from tests.peers.invites import Contact, base64_inside
from tests.peers.reva_family import RevaPeer, go_error, missing
from tests.peers.values import Answer, Call, Person, Sent, bare_host, split_address

DAV_OCM = "/dav/ocm"
SPACE = "e193587a-5ac5-445e-bb0c-87ead7ad60e6$b1f74ec4-dd7e-11ef-a543-03775734d0f7"
ERROR = """<?xml version="1.0" encoding="UTF-8"?>
<d:error xmlns:d="DAV" xmlns:s="http://sabredav.org/ns"><s:exception>Sabre\\DAV\\Exception\\{exception}</s:exception>\
<s:message>{message}</s:message><s:errorcode></s:errorcode></d:error>"""
FIELDS = (
    ("shareWith", "ShareWith"),
    ("name", "Name"),
    ("providerId", "ProviderID"),
    ("owner", "Owner"),
    ("sender", "Sender"),
    ("shareType", "ShareType"),
    ("resourceType", "ResourceType"),
)
CHOICES = (("shareType", "ShareType", ("user", "group")), ("resourceType", "ResourceType", ("file", "folder")))
CHALLENGES = tuple(
    ("Www-Authenticate", f'{scheme} realm="{{host}}", charset="UTF-8"') for scheme in ("Bearer", "Basic")
)


def _id(path: Path) -> str:
    digest = hashlib.md5(str(path).encode()).hexdigest()
    return f"{SPACE}!{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}"


def properties(path: Path, tree: Tree) -> dict[str, str]:
    """In the recorded order, which is that of allprop."""
    root = path == tree.root
    name = tree.prefix.rpartition("/")[2] if root and path.is_dir() else path.name
    letters = ("DNVCK" if path.is_dir() else "W" if root else "DNVW") if tree.write else ""
    found = {
        f"{OC}id": _id(path),
        f"{OC}fileid": _id(path),
        f"{OC}spaceid": SPACE,
        f"{OC}file-parent": _id(path.parent),
        f"{OC}name": name,
        f"{DAV}displayname": name,
        f"{DAV}getetag": f'"{etag(path)}"',
        f"{OC}permissions": letters,
        f"{DAV}resourcetype": "<d:collection/>" if path.is_dir() else "",
    }
    if path.is_file():
        content = path.read_bytes()
        sums = f"SHA1:{hashlib.sha1(content).hexdigest()} MD5:{hashlib.md5(content).hexdigest()}"
        found[f"{DAV}getcontentlength"] = str(len(content))
        found[f"{DAV}getcontenttype"] = content_type(path)
        found[f"{DAV}getlastmodified"] = modified(path)
        checksum = f"{sums} ADLER32:{zlib.adler32(content):08x}"
        found[f"{OC}checksums"] = f"<oc:checksum>{checksum}</oc:checksum>"
    else:
        found[f"{DAV}getlastmodified"] = modified(path)
    return {**found, f"{OC}tags": ""}


STYLE = Style(
    "1, 3, extended-mkcol",
    properties,
    (("s", "http://sabredav.org/ns"), ("d", "DAV:"), ("oc", OC[1:-1])),
    declaration="",
    error=ERROR,
    error_type="text/xml; charset=utf-8",
    not_found="Resource not found",
    absent_in_allprop=tuple(f"{OC}{name}" for name in ("audio", "location", "image", "photo")),
    options=(204, "1, 2"),
)


class OpenCloud(RevaPeer):
    """`await OpenCloud.start()`; then `trust` and invite."""

    family = "opencloud"
    user_agent = "Go-http-client/1.1"

    def __init__(self, *, allow_http: bool = True) -> None:
        super().__init__(allow_http=allow_http, style=STYLE)
        self.routes["GET", "/ocm/shares"] = self._not_allowed

    # --- people -----------------------------------------------------------------------------------------------

    def person_id(self, name: str) -> str:
        """A UUID."""
        return str(uuid4())

    def user_id(self, user: str) -> str:
        """Base64 of the UUID and the identity provider, which is the server itself."""
        return base64.b64encode(f"{self.people[user].id}@{self.base_url}".encode()).decode()

    def create_invite(self, user: str) -> str:
        """What the web interface shows: base64 of `token@host`, padded."""
        token = str(uuid4())
        self.contacts.tokens[token] = user
        return base64.b64encode(f"{token}@{self.host}".encode()).decode()

    def address_of(self, contact: Contact) -> str:
        """An encoded id is written out (`uuid@https://host`), any other gets the host of the provider."""
        return base64_inside(contact.user_id) or f"{contact.user_id}@{contact.host}"

    # --- answering --------------------------------------------------------------------------------------------

    async def _well_known(self, call: Call) -> Answer:
        old = call.headers.get("User-Agent") == "Nextcloud Server Crawler"
        document = {
            "enabled": True,
            "apiVersion": "1.1" if old else "1.1.0",
            "endPoint": f"{self.base_url}/ocm",
            "provider": "OpenCloud",
            "resourceTypes": [{"name": "file", "shareTypes": ["user"], "protocols": {"webdav": DAV_OCM}}],
            "capabilities": ["/invite-accepted"],
        }
        return Answer(200, json.dumps(document, indent=3).encode(), (("Content-Type", "application/json"),))

    async def _not_allowed(self, _call: Call) -> Answer:
        return Answer(405)

    async def otherwise(self, call: Call) -> Answer:
        """The proxy in front: files, 404 below /ocm, a challenge for OCS, and no backend (502) for the rest."""
        if call.path == DAV_OCM or call.path.startswith(f"{DAV_OCM}/"):
            return self._files(call)
        if call.path.startswith("/ocm/"):
            return Answer(404)
        if call.path.startswith("/ocs/"):
            return Answer(401, b"", tuple((name, value.format(host=self.host)) for name, value in CHALLENGES))
        return Answer(502)

    def _files(self, call: Call) -> Answer:
        share_id = call.path[len(DAV_OCM) + 1 :].partition("/")[0]
        scheme, _, credential = call.headers.get("Authorization", "").partition(" ")
        if not share_id:
            return Answer(401)
        if scheme == "Basic":
            user = base64.b64decode(credential).decode().partition(":")[0]
            return Answer(500 if user == share_id else 401)
        share = self.share_of(credential) if scheme == "Bearer" else None
        if share is None:
            return Answer(500)  # also for a token that was good before the share was revoked
        if share.id != share_id:
            return Answer(401)
        return self.serve(call, share, f"{DAV_OCM}/{share_id}")

    async def _shares(self, call: Call) -> Answer:
        if not call.headers.get("Content-Type", "").startswith("application/json"):
            return go_error(400, "INVALID_PARAMETER", "body request not recognised")
        share = call.document()
        fault = _fault(share, call.body.decode()) if isinstance(share, dict) else "body request not recognised"
        if fault:
            return go_error(400, "INVALID_PARAMETER", fault)
        host = bare_host(split_address(share["sender"])[1])
        if not self.takes_from(host):
            return go_error(401, "UNAUTHENTICATED", "provider not authorized")
        opaque = split_address(share["shareWith"])[0].partition("@")[0]
        person = self._person(opaque)
        if person is None:
            return go_error(404, "RESOURCE_NOT_FOUND", "user not found")
        if share["shareType"] == "group":
            return go_error(500, "SERVER_ERROR", "error creating ocm share")
        dav = share.get("protocol", {}).get("webdav")
        if isinstance(dav, dict) and dav.get("url"):
            self.keep(person.name, share, uri=dav["url"], secret=dav.get("sharedSecret", ""), dav=dav)
        return self.ok({}, 200)

    def _person(self, opaque: str) -> Person | None:
        return next((each for each in self.people.values() if each.id == opaque), None)

    # --- sending ----------------------------------------------------------------------------------------------

    def payload(self, share: Sent) -> dict[str, Any]:
        """In the recorded order; the sender is the base64 id at the host, expiration 0 is none."""
        me = f"{self.user_id(share.person.name)}@{self.host}"
        return {
            "shareWith": share.share_with,
            "name": share.path.strip("/").rpartition("/")[2],
            "description": "",
            "providerId": share.id,
            "owner": me,
            "sender": me,
            "ownerDisplayName": "",
            "senderDisplayName": share.person.display_name,
            "shareType": "user",
            "expiration": 0,
            "resourceType": "folder" if self.shared(share).is_dir() else "file",
            "protocol": {
                "name": "multi",
                "options": {},
                "webdav": {
                    "sharedSecret": share.secret,
                    "permissions": ["read", "write"] if share.write else ["read"],
                    "url": f"{self.base_url}{DAV_OCM}/{share.id}",
                },
            },
        }


def _fault(share: dict[str, Any], text: str) -> str:
    """The first thing that Go's decoder, then its validator, then the address parser object to; empty if nothing."""
    expiration = share.get("expiration")
    if isinstance(expiration, str) or (isinstance(expiration, float) and not isinstance(expiration, bool)):
        kind = "string" if isinstance(expiration, str) else f"number {expiration}"
        return f"json: cannot unmarshal {kind} into Go struct field createShareRequest.expiration of type uint64"
    for name, _ in FIELDS:
        if name in share and not isinstance(share[name], str):
            kind = "number" if isinstance(share[name], int | float) else type(share[name]).__name__
            return f"json: cannot unmarshal {kind} into Go struct field createShareRequest.{name} of type string"
    protocol = share.get("protocol") or {}
    if protocol.get("options"):
        return f"protocol options not supported: {_raw(text, 'options')}"
    unknown = [name for name in protocol if name not in ("name", "options", "webdav", "webapp", "datatx")]
    if unknown:
        return f"protocol {unknown[0]} not recognised"
    faults = missing(share, FIELDS)
    for name, go, choices in CHOICES:
        if share.get(name) and share[name] not in choices:
            faults.append(f"Key: 'createShareRequest.{go}' Error:Field validation for '{go}' failed on the 'oneof' tag")
    if faults:
        return "\n".join(faults)
    return "" if "@" in share["sender"] else "not in the form <id>@<provider>"


def _raw(text: str, name: str) -> str:
    """A member's value as it was written."""
    match = re.search(rf'"{name}"\s*:\s*', text)
    start = match.end() if match else 0
    return text[start : json.JSONDecoder().raw_decode(text, start)[1]]
