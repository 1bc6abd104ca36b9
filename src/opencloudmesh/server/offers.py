"""Shares that other servers offer to our people: who is asked about one, and what is kept of it.

What becomes of it then is in `received`.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import msgspec
import sqlalchemy as sa

from opencloudmesh.protocol.dialects import dialect_of
from opencloudmesh.protocol.discovery import Discovery
from opencloudmesh.protocol.errors import Conflict, FieldError, Invalid, NotSupported
from opencloudmesh.protocol.protocols import MUST_USE_MFA, READ
from opencloudmesh.protocol.shares import NewShare
from opencloudmesh.server import accounts, peers, policy, received, ssh_keys
from opencloudmesh.server.accounts import Recipient
from opencloudmesh.server.database import Tx
from opencloudmesh.server.policy import Denied
from opencloudmesh.server.schema import received as table

RESOURCE_TYPES = ("file", "folder")

Row = sa.Row[Any]

_BY_PROVIDER_ID = sa.select(table).where(
    table.c.host == sa.bindparam("from"), table.c.provider_id == sa.bindparam("called")
)


def receive(
    tx: Tx,
    share: NewShare,
    *,
    own_host: str,
    verified: str,
    said: int | None = None,
    enforce_mfa: bool = True,
    plain_http: bool = False,
) -> tuple[Row, Recipient]:
    """Another server offers one of our users a share, or a group. Offered twice, stored once, with what was said last.

    The row is one of `together`. `verified` is how the sender is known: "rfc9421", "cavage" or "unsigned", and `said`
    when they signed it; `enforce_mfa`: whether this cloud promises a second factor. Once it is here, `remote` holds
    what it demands, whatever was promised.

    Raises `Denied` for one whom the policy does not let through, `Invalid` naming the field, `NotSupported` for what
    cannot be used here, `Conflict` for other content under a providerId that is taken.
    """
    _check_types(share)
    access, parts = share.protocols.access, share.protocols.others(plain_http=plain_http)
    if access is None and not parts:
        raise NotSupported(
            "Of the share's protocols ({names}) none can be used here.", names=", ".join(share.protocols.names)
        )
    if MUST_USE_MFA in demanded(share) and not enforce_mfa:
        raise NotSupported("This cloud does not promise that people here have passed a second factor.")
    recipient, trusts = _recipient(tx, share, own_host, verified)
    if access is None and set(parts) == {"ssh"} and not any(ssh_keys.told(tx, account) for account in trusts):
        raise NotSupported("It could be reached over SSH alone, and the recipient has no key for that here.")
    if share.expiration is not None and share.expiration <= tx.now:
        raise Invalid("The share has expired already.", fields=[FieldError("expiration", "INVALID")])
    fingerprint = fingerprint_of(share)
    host, provider_id = share.sender.host, share.provider_id
    known = tx.all(_BY_PROVIDER_ID, {"from": host, "called": provider_id})
    same = [row for row in known if hmac.compare_digest(row.fingerprint, fingerprint)]
    if known and not same and not _reuses_ids(tx, host):
        raise Conflict("There is another share with this providerId.", fields=[FieldError("providerId", "CONFLICT")])
    if same:  # its owner may have changed it before we had answered
        _rename(tx, same, share.name)
        rows = [received.changed(tx, row, permissions(share), share.expiration, said=said) for row in same]
    else:
        stored = {
            **kept(share, recipient, fingerprint, verified, said),
            "parts": parts,
            "secret": _secret(tx, share),
        }
        rows = [received.offer_to(tx, stored, account, trust) for account, trust in trusts.items()]
    return rows[0], recipient


def _check_types(share: NewShare) -> None:
    """Raises `NotSupported`."""
    if share.share_type not in accounts.SHARE_TYPES:
        raise NotSupported("The share type {share_type!r} is not supported here.", share_type=share.share_type)
    if share.resource_type not in RESOURCE_TYPES:
        kind = share.resource_type
        raise NotSupported("The resource type {resource_type!r} is not supported here.", resource_type=kind)


def kept(
    share: NewShare, recipient: Recipient, fingerprint: str, verified: str, said: int | None
) -> dict[str, Any]:  # fmt: skip
    """What is kept of a share, the same for everybody to whom it is offered."""
    access = share.protocols.access
    return {
        "group": recipient.id if share.share_type == accounts.GROUP else None,
        "host": share.sender.host,
        "provider_id": share.provider_id,
        "fingerprint": fingerprint,
        "name": share.name,
        "description": share.description,
        "sender": str(share.sender),
        "sender_name": share.sender_display_name,
        "owner": str(share.owner),
        "owner_name": share.owner_display_name,
        "shared_by": None if share.shared_by is None else str(share.shared_by),
        "resource_type": share.resource_type,
        "permissions": sorted(permissions(share)),
        "requirements": sorted(demanded(share)),
        "protocols": list(share.protocols.names),
        "uri": access.uri if access else "",
        "expiration": share.expiration,
        "verified": verified,
        "said": said,
    }


def demanded(share: NewShare) -> frozenset[str]:
    """What is asked of every access: what the webdav part says, and a second factor if any part does."""
    parts = (share.protocols.webdav, share.protocols.webapp)
    mfa = any(part is not None and MUST_USE_MFA in part.requirements for part in parts)
    access = share.protocols.access
    said = access.requirements if access is not None else frozenset()
    return said | {MUST_USE_MFA} if mfa else said


def permissions(share: NewShare) -> frozenset[str]:
    """What the sender says may be done with it: of what only opens as a web application, in that."""
    used = share.protocols.access or share.protocols.webapp
    return used.permissions if used is not None else frozenset({READ})


def fingerprint_of(share: NewShare) -> str:
    """Says whether a share is the same one again.

    What may be done with it, until when, and what it is called may change before its sender has had an answer.
    """
    webdav, webapp, ssh = share.protocols.access, share.protocols.webapp, share.protocols.ssh
    content: tuple[object, ...] = (
        str(share.share_with),
        str(share.owner),
        str(share.sender),
        share.share_type,
        share.resource_type,
        *((webdav.uri, webdav.shared_secret, sorted(webdav.requirements)) if webdav else ()),
    )
    if webdav is None and webapp is not None:
        content += ("webapp", webapp.uri, webapp.shared_secret, sorted(webapp.requirements))
    elif webdav is None and ssh is not None:
        content += ("ssh", ssh.uri)
    if share.shared_by is not None:
        content += ("shared by", str(share.shared_by))
    return hashlib.sha256(msgspec.json.encode(content)).hexdigest()


def _reuses_ids(tx: Tx, host: str) -> bool:
    """Whether a peer calls several shares by one providerId, so that only their secrets tell them apart."""
    peer = peers.get(tx, host)
    if peer is None or peer.document is None:
        return False
    return dialect_of(Discovery.read(peer.document, peer.base_url)).reuses_provider_id


def _recipient(tx: Tx, share: NewShare, own_host: str, verified: str) -> tuple[Recipient, dict[str, str]]:
    """Whom the share is for; and for each of those people, on which grounds its sender is let through.

    Who is not let through does not learn whether the person or group exists.
    """
    address = share.share_with
    # OpenCloud and CERNBox repeat the host: `id@host@host`.
    spellings = (address.identifier, address.local)
    recipient = next(filter(None, (accounts.addressed(tx, share.share_type, text) for text in spellings)), None)
    trusts: dict[str, str] = {}
    refusals: list[Denied] = []
    for account in recipient.people if recipient else [""]:
        try:
            told_of = (share.owner, share.shared_by)
            trusts[account] = policy.admit_offer(tx, share.sender, told_of, account=account, verified=verified)
        except Denied as denied:
            refusals.append(denied)
    if not trusts:
        raise refusals[0]
    if address.host != own_host or recipient is None:
        raise Invalid("There is no such person here.", fields=[FieldError("shareWith", "NOT_FOUND")])
    for refusal in refusals:  # the share is for the others
        refusal.record(tx)
    return recipient, trusts


def _secret(tx: Tx, share: NewShare) -> str:
    """What an unsigned message about the share must name. Never nothing, which anybody could name."""
    used = share.protocols.access or share.protocols.webapp
    return (used.shared_secret if used is not None else "") or tx.secret()


def _rename(tx: Tx, rows: list[Row], name: str) -> None:
    """What is accepted keeps the name that the person has it by."""
    for row in rows:
        tx.run(table.update().where(table.c.id == row.id, table.c.state == received.PENDING).values(name=name))
