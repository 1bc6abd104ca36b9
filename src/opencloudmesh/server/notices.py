"""What other servers hear of a share of ours: rows for the outbox, written with the change that they tell of."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.notifications import RESHARE_CHANGE_PERMISSION, RESHARE_UNDO, SHARE_UNSHARED
from opencloudmesh.protocol.signatures import REPLAY_WINDOW
from opencloudmesh.server import outbox
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
    """Of a reshare, to the other server that has a part in it: that of who shared it on, or that of the owner.

    Nothing to `told`, which said so itself. It must not wait for the recipient's server: so what was shared on is its
    subject.
    """
    if row.at_owner is not None:
        host, provider_id, secret = (row.at_owner[name] for name in ("host", "provider_id", "secret"))
    elif row.parent is not None:
        host, provider_id, secret = Address.parse(row.shared_by).host, row.sender_id, row.secret
    else:
        return
    if host != told:
        message = outbox.notification(RESHARE_UNDO, row.resource_type, provider_id, secret)
        outbox.put(tx, host=host, kind=outbox.NOTIFICATION, subject=row.parent or row.received, message=message)
