"""What a peer demands before we may tell it anything, and whether we can honour it.

`criteria` of its discovery document say what it will refuse (IETF-OCM, "Criteria"). What we cannot honour is
refused here, before anything is created, with a sentence for the person who pressed Share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from opencloudmesh.protocol.discovery import Discovery
from opencloudmesh.protocol.errors import Forbidden
from opencloudmesh.protocol.protocols import MUST_EXCHANGE_TOKEN, MUST_USE_MFA

SignatureFamily = Literal["rfc9421", "cavage"]
Tokens = Literal["always", "possible", "demanded"]  # when what we share opens with short-lived tokens alone


@dataclass(frozen=True, slots=True)
class Obligations:
    """What has to be done for one peer."""

    signature: SignatureFamily | None
    requirements: frozenset[str]  # that every protocol of a share to it must carry


def signature_family(peer: Discovery) -> SignatureFamily | None:
    """How to sign for a peer: RFC 9421 with `http-sig`, cavage for one that only shows a `publicKey`.

    Nextcloud <= 34 answers 400 to an RFC 9421 signature; a peer that shows neither gets none.
    """
    if "http-sig" in peer.capabilities:
        return "rfc9421"
    return "cavage" if peer.public_key else None


def check_share_type(peer: Discovery, share_type: str, resource_type: str) -> None:
    """Raises `Forbidden` for a share to a group where the peer does not say that it has any (IETF-OCM, "shareTypes").

    Sharing with a person may always be tried.
    """
    resource = peer.resource(resource_type) or peer.resource("file")
    if share_type != "user" and (resource is None or share_type not in resource.share_types):
        raise Forbidden("That server takes shares for single people only, not for groups.")


def obligations(
    peer: Discovery, *, can: frozenset[str], invited: bool = False, mfa: bool = False, tokens: Tokens = "demanded"
) -> Obligations:
    """What a share to `peer` must fulfil. `can`: our own capabilities, `mfa`: the person asks for it.

    `tokens`: the wish of our operator. Raises `Forbidden` where the peer demands what we cannot do, or cannot do what
    we demand.
    """
    if not peer.enabled:
        raise Forbidden("That server does not take part in Open Cloud Mesh at the moment.")
    requirements = set()
    if MUST_EXCHANGE_TOKEN in peer.criteria:
        if "exchange-token" not in can:
            raise Forbidden("That server demands short-lived tokens, which this one does not offer.")
        requirements.add(MUST_EXCHANGE_TOKEN)
    elif tokens != "demanded" and "exchange-token" in peer.capabilities:
        requirements.add(MUST_EXCHANGE_TOKEN)
    elif tokens == "always":
        raise Forbidden("That server cannot exchange short-lived tokens, which the operator of this cloud demands.")
    if "must-invite" in peer.criteria and "invites" in can and not invited:
        raise Forbidden("That server takes shares only from people who were invited: exchange an invite first.")
    if mfa:
        if "enforce-mfa" not in peer.capabilities:
            raise Forbidden("That server cannot promise a second factor.")
        requirements.add(MUST_USE_MFA)
    return Obligations(signature_family(peer), frozenset(requirements))
