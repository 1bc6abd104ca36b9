"""What Nextcloud answers: discovery, shares, notifications, and the signatures on them.

The order of the checks is that of the real one; it decides which of two faults is named. A request with a Signature
header that is not a sound draft-cavage signature is refused (RFC 9421 ones, too); one whose key's host cannot be asked
counts as unsigned; and unsigned is refused from a host that is known to sign.

What is kept of other servers' keys is from a reading of the sources (`SignatureManager`, `OCMSignatoryManager`): the
key that a host showed first, and no other. It is tried first; where it does not fit, or another key id is named, the
host is asked, and what it shows then is used, but not kept. After three days the host must still show the key id.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.peers import cavage, resharing
from tests.peers.ocs import decode, php_answer
from tests.peers.sabre import Remote, SabrePeer
from tests.peers.values import Answer, Call, bare_host, split_address

if TYPE_CHECKING:
    from tests.peers.nextcloud import Generation

KEPT = 3 * 86_400  # seconds, after which the host is asked whether it still shows the key id
REQUIRED_OF_SHARE = ("shareWith", "name", "providerId", "resourceType", "shareType")
REQUIRED_OF_NOTIFICATION = ("notificationType", "resourceType", "providerId")


@dataclass
class Signatory:
    """The key of another server. `updated`: unix seconds."""

    key_id: str
    pem: str
    updated: float


class RefusalError(Exception):
    """A 400 with this message."""


def refusal(message: str, status: int = 400, **more: Any) -> Answer:
    """The body of a refusal; 501 has no list of fields."""
    fields: dict[str, Any] = {} if status == 501 else {"validationErrors": []}
    return php_answer({"message": message, **fields, **more}, status)


def host_of(address: str) -> str:
    """Raises `RefusalError` for what is no address, with the recorded words (two spaces when it is empty)."""
    if "@" not in address:
        raise RefusalError(f"entry {address} does not contain @")
    return bare_host(split_address(address)[1])


class NextcloudEndpoints(SabrePeer):
    """The routes. What they need to know of the generation is in `generation`."""

    generation: Generation

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.signers: dict[str, Signatory] = {}  # hosts that have signed, and the key that each showed first
        self.ahead = 0.0  # seconds that the clock is put forward
        self.groups: set[str] = set()
        for path in ("/ocm-provider", "/ocm-provider/", "/ocm-provider/index.php"):
            self.routes["GET", path] = self._ocm_provider
        self.routes["GET", "/.well-known/ocm"] = self._well_known
        self.routes["POST", "/index.php/ocm/shares"] = self._shares
        self.routes["POST", "/index.php/ocm/notifications"] = self._notifications
        if self.generation.signs:
            self.routes["POST", "/index.php/ocm/invite-accepted"] = self._invite_accepted

    def discovery(self) -> dict[str, Any]:
        """The document."""
        raise NotImplementedError

    async def _ocm_provider(self, _call: Call) -> Answer:
        found = php_answer(self.discovery(), content_type="application/json")
        return Answer(200, found.body, (*found.headers, ("X-NEXTCLOUD-OCM-PROVIDERS", "1")))

    async def _well_known(self, _call: Call) -> Answer:
        if self.generation.well_known:
            return php_answer(self.discovery())
        return php_answer({"message": "ocm not supported"}, 404)

    # --- signatures -------------------------------------------------------------------------------------------

    async def _origin(self, call: Call) -> str | None:
        """The host that signed, None for unsigned. Raises `RefusalError`."""
        header = call.headers.get("Signature")
        if header is None or not self.generation.signs:
            return None
        headers = {name.lower(): value for name, value in call.headers.items()}
        try:
            claim = cavage.read(header)
            cavage.check_form(claim, headers, call.body, self.host)
            return claim.host if await self._holds(claim, call, headers) else None
        except cavage.BadSignatureError as error:
            raise RefusalError("Invalid signature") from error

    async def _holds(self, claim: cavage.Claim, call: Call, headers: dict[str, str]) -> bool:
        """False where the host has no key to check it with. Raises `BadSignatureError`."""
        kept = self.signers.get(claim.host)
        now = time.time() + self.ahead
        if kept is not None and kept.key_id == claim.key_id:
            if now > kept.updated + KEPT:
                if await self._shown(claim) is None:
                    return False
                kept.updated = now  # but not the key itself
            with suppress(cavage.BadSignatureError):
                cavage.check_key(claim, kept.pem, call.method, call.path, headers)
                return True
        pem = await self._shown(claim)
        if pem is None:
            return False
        cavage.check_key(claim, pem, call.method, call.path, headers)
        self.signers.setdefault(claim.host, Signatory(claim.key_id, pem, now))
        return True

    async def _shown(self, claim: cavage.Claim) -> str | None:
        """The key that the host shows now. Raises `BadSignatureError` where its id is another one."""
        remote = await self.discover(self.url_of(claim.host))
        key = remote.document.get("publicKey") if isinstance(remote, Remote) else None
        if not isinstance(key, dict):
            return None
        if key.get("keyId") != claim.key_id:
            raise cavage.BadSignatureError("not the key that is published")
        return str(key.get("publicKeyPem", ""))

    def _must_come_from(self, origin: str | None, host: str, mismatch: str) -> None:
        """Raises `RefusalError` when a known signer does not sign, or somebody else did."""
        if origin is None and host in self.signers:
            raise RefusalError("instance is supposed to sign its request")
        if origin is not None and origin != host:
            raise RefusalError(mismatch)

    # --- shares -----------------------------------------------------------------------------------------------

    async def _shares(self, call: Call) -> Answer:
        share = decode(call)
        try:
            origin = await self._origin(call)
            owner = share.get("owner")
            if self.generation.signs:
                if not isinstance(owner, str):
                    return self._crash()
                mismatch = f"share initiation ({origin}) from different instance ({owner}) [key=owner]"
                self._must_come_from(origin, host_of(owner), mismatch)
            elif owner is None:
                raise RefusalError("Missing arguments")
        except RefusalError as error:
            return refusal(str(error))
        return self._receive(share)

    def _receive(self, share: dict[str, Any]) -> Answer:
        protocol = share.get("protocol")
        options = protocol.get("options") if isinstance(protocol, dict) else None
        if any(share.get(name) is None for name in REQUIRED_OF_SHARE) or not isinstance(protocol, dict):
            return refusal("Missing arguments")
        if not protocol.get("name") or not isinstance(options, dict) or not options.get("sharedSecret"):
            return refusal("Missing arguments")
        kinds = ("file", "folder") if self.generation.folders else ("file",)
        kind = share["shareType"]
        if share["resourceType"] not in kinds or kind not in ("user", "group"):
            return refusal(f'Share type "{kind}" not implemented', 501)
        user, server = split_address(str(share["shareWith"]))
        if not server:
            return self._crash()
        if kind == "group" and user not in self.groups:
            return refusal(f'Group "{user}" does not exists at {self.base_url}')
        if kind == "user" and user not in self.people:
            return refusal(f'User "{user}" does not exists at {self.base_url}')
        if protocol["name"] != "webdav":
            return refusal("Unsupported protocol for data exchange.", 501)
        remote = split_address(str(share["owner"]))[1]
        if not remote:
            return refusal(f"Internal error at {self.base_url}")
        if kind == "user":
            offer = self.keep(
                user, str(share["providerId"]), str(share["name"]), str(share["owner"]), remote, options["sharedSecret"]
            )
            offer.resource_type = str(share["resourceType"])
        display = self.people[user].display_name if kind == "user" else ""
        more = {"recipientUserId": user} if self.generation.recipient_user_id else {}
        return php_answer({"recipientDisplayName": display, **more}, 201)

    def _crash(self) -> Answer:
        """An exception that nobody caught: the page of the web interface."""
        return Answer(500, b"<!DOCTYPE html>\n<html></html>\n", (("Content-Type", "text/html; charset=UTF-8"),))

    # --- notifications ----------------------------------------------------------------------------------------

    async def _notifications(self, call: Call) -> Answer:
        said = decode(call)
        about = said.get("notification")
        if any(said.get(name) is None for name in REQUIRED_OF_NOTIFICATION) or not isinstance(about, dict):
            return refusal("Missing arguments")
        secret = str(about.get("sharedSecret", ""))
        try:
            origin = await self._origin(call)
            if self.generation.signs:
                host = host_of(self._counterpart(secret))
                self._must_come_from(origin, host, f"notification ({origin}) from different instance ({host})")
        except RefusalError as error:
            return refusal(str(error))
        if said["resourceType"] not in (("file", "folder") if self.generation.folders else ("file",)):
            kind = said["resourceType"]
            return refusal(f'Cloud Federation Provider with ID: "{kind}" does not exist.')
        kind, provider_id = str(said["notificationType"]), str(said["providerId"])
        if kind in ("REQUEST_RESHARE", "RESHARE_UNDO"):
            return await self._reshared(kind, provider_id, about)
        return self._notified(kind, provider_id, secret)

    async def _reshared(self, kind: str, provider_id: str, about: dict[str, Any]) -> Answer:
        if not about.get("sharedSecret"):
            return refusal("Missing arguments")
        try:
            if kind == "REQUEST_RESHARE":
                return php_answer(await resharing.asked(self, provider_id, about), 201)
            resharing.undone(self, provider_id, str(about["sharedSecret"]))
        except resharing.RefusedError as refused:
            return refusal(str(refused), refused.status)
        return php_answer([], 201)

    def _counterpart(self, secret: str) -> str:
        """The other side's address of whatever share has this secret; empty if none has."""
        # Of what was shared on here that is the owner; of a reshare of ours the third person, whoever speaks.
        reshare = next((each for each in self.reshares.values() if secret and each.secret == secret), None)
        if reshare is not None:
            return f"owner@{reshare.remote}"
        sent = next((each for each in self.shares.values() if secret and each.secret == secret), None)
        if sent is not None:
            return sent.share_with
        offer = next((each for each in self.offers.values() if each.secret == secret and each.state != "gone"), None)
        return f"{split_address(offer.owner)[0]}@{offer.remote}" if offer else ""

    def _notified(self, kind: str, provider_id: str, secret: str) -> Answer:
        if kind == "SHARE_UNSHARED":
            self.revoked(provider_id, secret)  # no such share is no fault
            return php_answer([], 201)
        if kind in ("SHARE_ACCEPTED", "SHARE_DECLINED"):
            share = self.shares.get(provider_id)
            if share is None:
                return refusal(f"Can not find share with ID: {provider_id}")
            if not secret or share.secret != secret:
                return refusal("RESOURCE_NOT_FOUND", 403)
            self.answered(share, accepted=kind == "SHARE_ACCEPTED")
            return php_answer([], 201)
        return refusal("RESOURCE_NOT_FOUND", validationErrors=[{"name": kind, "message": "NOT_FOUND"}])

    # --- invites ----------------------------------------------------------------------------------------------

    async def _invite_accepted(self, _call: Call) -> Answer:
        """Nobody here invites: every token is unknown."""
        return php_answer({"message": "Invalid or non existing token", "error": True}, 400)
