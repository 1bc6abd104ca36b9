"""How Nextcloud and ownCloud 10 share on what was received: flat, by the owner's server.

Written from a reading of `CloudFederationProviderFiles`, `FederatedShareProvider` and ownCloud's `OcmController`;
nothing was recorded. What they do where the owner's server does not help, a share of their own that leads through, and
the way over OCS are left out: the user is told that it did not work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.peers.values import Person, Sent, ShareError, UnreachableError, php_json, split_address

if TYPE_CHECKING:
    from tests.peers.sabre import SabrePeer

REMOTE = 6  # the type of a share with a person elsewhere


@dataclass
class Reshare:
    """What a user here shared on, which the owner's server gives. `state`: shared, or unshared where it ended there."""

    id: str
    person: Person
    remote: str
    provider_id: str
    secret: str
    state: str = "shared"


class RefusedError(Exception):
    """The owner's server does not share it on: the message and the status of the answer."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


async def ask(peer: SabrePeer, user: str, offer_id: str, address: str) -> str:
    """A user shares on what they received; the id of that here. Raises `ShareError`."""
    offer = peer.offer(user, offer_id)
    remote = await peer.discover(peer.url_of(offer.remote))
    share_id = str(peer.number())
    about = {"sharedSecret": offer.secret, "shareWith": address, "senderId": share_id, **peer.reshare_extra}
    body = {
        "notificationType": "REQUEST_RESHARE",
        "resourceType": "file",
        "providerId": offer.provider_id,
        "notification": about,
    }
    answer = None
    if remote is not None:
        try:
            done = await peer.post_notification(remote.end_point, php_json(body).encode())
        except UnreachableError:
            done = None
        answer = done.document() if done is not None and done.status == 201 else None
    if not isinstance(answer, dict) or not answer.get(peer.reshare_key) or not answer.get("providerId"):
        raise ShareError(f"Sharing {offer.name} failed, could not find {address}")
    secret, provider_id = answer[peer.reshare_key], str(answer["providerId"])
    peer.reshares[share_id] = Reshare(share_id, peer.people[user], offer.remote, provider_id, secret)
    return share_id


async def undo(peer: SabrePeer, share_id: str) -> None:
    """The user takes it back: the owner's server is told."""
    found = peer.reshares[share_id]
    found.state = "unshared"
    base = peer.url_of(found.remote)
    await peer.tell(base, "RESHARE_UNDO", found.provider_id, found.secret, "reshare was revoked")


async def asked(peer: SabrePeer, provider_id: str, about: Mapping[str, Any]) -> dict[str, str]:
    """Another server asks to share on one of ours. The third person's is told within it. Raises `RefusedError`."""
    share = peer.shares.get(provider_id)
    for name in ("shareWith", "senderId"):
        if about.get(name) is None:
            raise RefusedError(f"Missing arguments: {name}")
    if share is None:
        raise RefusedError(f"Can not find share with ID: {provider_id}")
    if not share.secret or share.secret != about["sharedSecret"]:
        raise RefusedError("RESOURCE_NOT_FOUND", 403)
    if about["shareWith"] == peer.address(share.person.name):
        raise RefusedError(f"Resharing back to the owner is not allowed: {provider_id}")
    made = peer.new_share(share.person.name, share.path, str(about["shareWith"]), write=share.write)
    made.shared_by, made.sender_id = share.share_with, str(about["senderId"])
    if not await peer.send_share(made):
        del peer.shares[made.id]
        raise RefusedError("resharing did not work")
    return {peer.reshare_key: made.secret, "providerId": made.id}


def undone(peer: SabrePeer, share_id: str, secret: str) -> None:
    """The other server of a reshare says that it has ended. Raises `RefusedError`."""
    found = peer.reshares.get(share_id) or peer.shares.get(share_id)
    if found is None:
        raise RefusedError(f"Can not find share with ID: {share_id}")
    if not secret or found.secret != secret:
        raise RefusedError("RESOURCE_NOT_FOUND", 403)
    found.state = "unshared"
    if isinstance(found, Sent):
        found.secret = ""


def server_of(address: str) -> str:
    """The server in an address, as it is written there."""
    return split_address(address)[1]
