"""What other servers hear of a share of ours: rows for the outbox, written with the change that they tell of."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.dialects import dialect_of
from opencloudmesh.protocol.notifications import RESHARE_CHANGE_PERMISSION, RESHARE_UNDO, SHARE_UNSHARED
from opencloudmesh.protocol.signatures import REPLAY_WINDOW
from opencloudmesh.server import outbox, peers
from opencloudmesh.server.database import Tx

Row = sa.Row[Any]


def changed(tx: Tx, row: Row) -> None:
    """What is in force, and how this peer calls it, is looked at when it is sent."""
    message = outbox.notification(RESHARE_CHANGE_PERMISSION, row.resource_type, row.id, row.secret)
    outbox.put(tx, host=row.host, kind=outbox.NOTIFICATION, subject=row.id, message=message)


def ended(tx: Tx, row: Row, *, answered: bool = True) -> None:
    """To the recipient's server.

    One that has not answered yet may hear of the share only after this, from a message that was on its way for long.
    So it is told again when that message's signature is too old to be taken.
    """
    grantee = {"grantee": Address.parse(row.share_with).identifier}  # oCIS finds the share by it
    message = outbox.notification(SHARE_UNSHARED, row.resource_type, row.id, row.secret, grantee)
    for after in (0,) if answered else (0, REPLAY_WINDOW):
        outbox.put(tx, host=row.host, kind=outbox.NOTIFICATION, subject=row.id, message=message, after=after)


def undone(tx: Tx, row: Row, told: str = "") -> None:
    """It has ended: to the other part in a reshare."""
    _to_other_part(tx, row, RESHARE_UNDO, told)


def regranted(tx: Tx, row: Row, told: str = "") -> None:
    """It gives more or less, or ends otherwise: to the other part in a reshare."""
    content = {"permission": row.permissions, "expiration": row.expiration or 0}
    _to_other_part(tx, row, RESHARE_CHANGE_PERMISSION, told, content)


def can_give_less(tx: Tx, host: str) -> bool:
    """Whether the server of an owner can be told so, as `regranted` does."""
    peer = peers.document(tx, host)
    return peer is not None and dialect_of(peer).reshares == "terms"


def answered(tx: Tx, row: Row, kind: str) -> None:
    """The recipient has accepted or declined: to the server of who shared it on, as Nextcloud tells it too."""
    if row.parent is not None:
        _to_other_part(tx, row, kind)


def other_part(row: Row) -> tuple[str, str, str] | None:
    """Of a reshare, the other server that has a part in it, besides the recipient's: that of who shared it on, or that
    of the owner; what it calls the share, and the secret that it knows.
    """
    if row.at_owner is not None:
        return row.at_owner["host"], row.at_owner["provider_id"], row.at_owner["secret"]
    if row.parent is not None:
        return Address.parse(row.shared_by).host, row.sender_id, row.secret
    return None


def _to_other_part(tx: Tx, row: Row, kind: str, told: str = "", content: dict[str, Any] | None = None) -> None:
    """Nothing to `told`, which said so itself.

    It must not wait for the recipient's server: so what was shared on is its subject.
    """
    part = other_part(row)
    if part is not None and part[0] != told:
        host, provider_id, secret = part
        message = outbox.notification(kind, row.resource_type, provider_id, secret, content)
        outbox.put(tx, host=host, kind=outbox.NOTIFICATION, subject=row.parent or row.received, message=message)
