"""Notifications from peers: they say of a share that it was accepted, declined, unshared or changed, of a contact that
it ended.

Who says it is known from the signature, or, for peers that never sign, from the share's secret.
"""

from __future__ import annotations

import hmac
from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.errors import FieldError, Forbidden, Invalid, NotFound, NotSupported, Unauthenticated
from opencloudmesh.protocol.fields import Fields
from opencloudmesh.protocol.notifications import (
    CHANGES,
    SHARE_ACCEPTED,
    SHARE_DECLINED,
    SHARE_UNSHARED,
    TYPES,
    USER_REMOVED,
    Change,
    Notification,
)
from opencloudmesh.server import audit, contacts, policy, received, schema, shares
from opencloudmesh.server.database import Tx

Row = sa.Row[Any]

_ANSWERS = {SHARE_ACCEPTED: "accepted", SHARE_DECLINED: "declined"}


def receive(
    tx: Tx,
    notification: Notification,
    *,
    signed_by: str | None,
    verified: str = "unsigned",
    said: int | None = None,
) -> None:
    """Does what a notification says. Said twice it changes nothing.

    `verified` is how the sender is known, and `said` when they signed it.

    Raises `Invalid` for a type that nobody knows, `NotSupported` for one that we do not follow, and for a change that
    the Receiving Server wants, `NotFound` for a share or contact that does not exist, `Forbidden` for a share that is
    not the sender's to speak of, and `Unauthenticated` for the end of a contact that nobody has signed.
    """
    if notification.type not in TYPES:
        raise Invalid("This type of notification is not known.", fields=[FieldError("notificationType", "INVALID")])
    if notification.type == USER_REMOVED:
        _user_removed(tx, notification, signed_by, verified)
        return
    if notification.type in _ANSWERS:
        row, account = _answered(tx, notification, signed_by)
    elif notification.type == SHARE_UNSHARED:
        row, account = _unshared(tx, notification, signed_by)
    elif notification.type in CHANGES:
        row, account = _changed(tx, notification, signed_by, said)
    else:
        raise NotSupported(f"Notifications of the type {notification.type} are not supported here.")
    audit.record(
        tx, "notification", "in", host=row.host, account=account, verified=verified, subject=row.id,
        reason=notification.type,
    )  # fmt: skip


def _answered(tx: Tx, notification: Notification, signed_by: str | None) -> tuple[Row, str]:
    """The share, and whose it is here."""
    row = tx.one(sa.select(schema.shares).where(schema.shares.c.id == notification.provider_id))
    if row is None:
        raise NotFound("There is no such share.")
    _check(tx, row, notification, signed_by)
    answer = _ANSWERS[notification.type]
    # What comes late (accepted, but unshared meanwhile) is taken and changes nothing.
    if (row.state, answer) in shares.TRANSITIONS:
        shares.answered(tx, row, answer)
    return row, row.owner


def _unshared(tx: Tx, notification: Notification, signed_by: str | None) -> tuple[Row, str]:
    row = _of_theirs(tx, notification, signed_by)
    if row is None:
        raise NotFound("There is no such share.")
    _check(tx, row, notification, signed_by)
    for each in received.together(tx, row):
        received.unshared(tx, each)
    return row, row.account


def _changed(tx: Tx, notification: Notification, signed_by: str | None, said: int | None) -> tuple[Row, str]:
    """Of a share of theirs. What may be done with one of ours is not the other side's to say (CVE-2021-35946)."""
    row = _of_theirs(tx, notification, signed_by)
    if row is None:
        shares.get(tx, notification.provider_id)
        raise NotSupported("Only the server of its owner changes a share.")
    _check(tx, row, notification, signed_by)
    change = Change.read(notification.content)
    for each in received.together(tx, row):
        ends = each.expiration if change.expiration is None else change.expiration or None
        received.changed(tx, each, change.permissions, ends, said=said)
    return row, row.account


def _of_theirs(tx: Tx, notification: Notification, signed_by: str | None) -> Row | None:
    """The received share that is meant: that of the server that signed, else the one with the secret."""
    if signed_by is not None:
        return received.told_by(tx, signed_by, notification.provider_id)
    return received.with_secret(tx, notification.provider_id, notification.shared_secret)


def _user_removed(tx: Tx, notification: Notification, signed_by: str | None, verified: str) -> None:
    """`notification.grantee` (a word of oCIS) names the one of ours; without it, their user knows nobody any more."""
    if notification.resource_type != contacts.USER:
        raise Invalid("This is said of a user only.", fields=[FieldError("resourceType", "INVALID")])
    if signed_by is None:
        raise Unauthenticated("That a contact has ended must be signed.")
    grantee = Fields(notification.content, "notification.")
    named = grantee.identifier("grantee", required=False)
    grantee.check("The notification is not complete.")
    contacts.removed(tx, signed_by, notification.provider_id, grantee=named, verified=verified)


def _check(tx: Tx, share: sa.Row[Any], notification: Notification, signed_by: str | None) -> None:
    """Whether it is the other server of that share who speaks. RESOURCE_NOT_FOUND is Nextcloud's word for a no."""
    if signed_by is not None:
        if signed_by != share.host:
            raise Forbidden("RESOURCE_NOT_FOUND")
        return
    if not hmac.compare_digest(share.secret.encode(), notification.shared_secret.encode()):
        raise Forbidden("RESOURCE_NOT_FOUND")
    policy.refuse_denied(tx, "notification", share.host, "in")
    policy.check_unsigned(tx, share.host)
