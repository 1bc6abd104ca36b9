"""Notifications from peers: they say of a share that it was accepted, declined, unshared or changed, of a contact that
it ended; and that one shall be shared on, or is no longer.

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
    REQUEST_RESHARE,
    RESHARE_UNDO,
    SHARE_UNSHARED,
    TYPES,
    USER_REMOVED,
    Change,
    Notification,
)
from opencloudmesh.protocol.reshares import ReshareAnswer, ReshareRequest
from opencloudmesh.server import audit, bounds, contacts, news, notices, policy, received, reshares, shares
from opencloudmesh.server.database import Tx

Row = sa.Row[Any]

_ANSWERS = {kind: answer for answer, kind in shares.ANSWERS.items()}


def receive(
    tx: Tx,
    notification: Notification,
    *,
    own_host: str,
    signed_by: str | None,
    verified: str = "unsigned",
    said: int | None = None,
) -> dict[str, Any]:
    """Does what a notification says, and gives what is answered. Said twice it changes nothing.

    `said` is when the sender signed it.

    `verified` is how the sender is known. Raises `Invalid` for a type that nobody knows, `NotSupported` for a change
    that the Receiving Server wants, `NotFound` for a share or contact that does not exist, `Forbidden` for a share
    that is not the sender's to speak of, `Unauthenticated` for the end of a contact that nobody has signed, and what
    `reshares.grant` raises.
    """
    if notification.type not in TYPES:
        raise Invalid("This type of notification is not known.", fields=[FieldError("notificationType", "INVALID")])
    if notification.type == USER_REMOVED:
        _user_removed(tx, notification, signed_by, verified)
        return {}
    if notification.type == REQUEST_RESHARE:
        return _asked(tx, notification, signed_by, own_host, verified)
    if notification.type in _ANSWERS:
        row, account = _answered(tx, notification, signed_by)
    elif notification.type == SHARE_UNSHARED:
        row, account = _unshared(tx, notification, signed_by)
    elif notification.type == RESHARE_UNDO:
        row, account = _undone(tx, notification, signed_by)
    else:
        assert notification.type in CHANGES
        row, account = _changed(tx, notification, signed_by, said)
    audit.record(
        tx, "notification", "in", host=row.host, account=account, verified=verified, subject=row.id,
        reason=notification.type,
    )  # fmt: skip
    return {}


def _answered(tx: Tx, notification: Notification, signed_by: str | None) -> tuple[Row, str]:
    """The share, and whose it is here."""
    row = shares.get(tx, notification.provider_id)
    # Of what the owner's server gives as ours asked, that server hears it, and says so (Nextcloud does).
    host, secret = (row.host, row.secret) if row.at_owner is None else _other_part(row)
    _check(tx, host, secret, notification, signed_by)
    answer = _ANSWERS[notification.type]
    # What comes late (accepted, but unshared meanwhile) is taken and changes nothing.
    if (row.state, answer) in shares.TRANSITIONS:
        shares.answered(tx, row, answer)
    return row, row.owner


def _unshared(tx: Tx, notification: Notification, signed_by: str | None) -> tuple[Row, str]:
    row = _of_theirs(tx, notification, signed_by)
    if row is None:
        raise NotFound("There is no such share.")
    _check(tx, row.host, row.secret, notification, signed_by)
    for each in received.together(tx, row):
        received.unshared(tx, each)
    return row, row.account


def _asked(tx: Tx, notification: Notification, signed_by: str | None, own_host: str, verified: str) -> dict[str, Any]:
    """To share on one of ours. The secret of the new share is answered, as Nextcloud and ownCloud need it."""
    parent = shares.get(tx, notification.provider_id)
    _check(tx, parent.host, parent.secret, notification, signed_by)
    request = ReshareRequest.read(notification.content)
    row = reshares.grant(tx, parent, request, own_host=own_host, verified=verified)
    return ReshareAnswer(row.id, row.secret, frozenset(row.permissions), row.expiration).encode()


def _undone(tx: Tx, notification: Notification, signed_by: str | None) -> tuple[Row, str]:
    """Of a reshare: who shared it on takes it back, or its owner's server has ended it."""
    row = shares.get(tx, notification.provider_id)
    host, secret = _other_part(row)
    _check(tx, host, secret, notification, signed_by)
    return shares.end(tx, row, told=host, says=news.UNDONE if row.parent is not None else news.NOT_ON), row.owner


def _changed(tx: Tx, notification: Notification, signed_by: str | None, said: int | None) -> tuple[Row, str]:
    """Of a share of theirs. What may be done with one of ours is not the other side's to say (CVE-2021-35946)."""
    row = _of_theirs(tx, notification, signed_by)
    if row is None:
        return _regranted(tx, notification, signed_by, said)
    _check(tx, row.host, row.secret, notification, signed_by)
    change = Change.read(notification.content)
    for each in received.together(tx, row):
        ends = each.expiration if change.expiration is None else change.expiration or None
        received.changed(tx, each, change.permissions, ends, said=said)
    return row, row.account


def _regranted(tx: Tx, notification: Notification, signed_by: str | None, said: int | None) -> tuple[Row, str]:
    """But who shared one of ours on may say that they want to have given less, and of what one of ours shared on its
    owner's server says what it gives.
    """
    row = shares.get(tx, notification.provider_id)
    part = notices.other_part(row)
    if part is None or signed_by not in (None, part[0]):
        raise NotSupported("Only the server of its owner changes a share.")
    _check(tx, *_other_part(row), notification, signed_by)
    change = Change.read(notification.content)
    granted = frozenset(row.permissions) if change.permissions is None else change.permissions
    ends = row.expiration if change.expiration is None else change.expiration or None
    if row.at_owner is not None:
        return reshares.regranted(tx, row, granted, ends, said=said), row.owner
    less, sooner = bounds.of_share(row).narrowed(granted, ends)  # what was changed here meanwhile stands
    exceeded = bounds.of_share(row).exceeded(granted, ends) or (ends is None and row.expiration is not None)
    if exceeded and (less, sooner) == (row.permissions, row.expiration):
        raise Forbidden("Only the owner of what was shared on gives more of it.")
    return shares.change(tx, row.id, permissions=frozenset(less), expiration=sooner), row.owner


def _other_part(row: Row) -> tuple[str, str]:
    """The server, besides the recipient's, that has a part in a reshare, and the secret that it knows. `Forbidden`."""
    part = notices.other_part(row)
    if part is None:
        raise Forbidden("RESOURCE_NOT_FOUND")
    return part[0], part[2]


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


def _check(tx: Tx, host: str, secret: str, notification: Notification, signed_by: str | None) -> None:
    """Whether it is the other server of that share who speaks. RESOURCE_NOT_FOUND is Nextcloud's word for a no."""
    if signed_by is not None:
        if signed_by != host:
            raise Forbidden("RESOURCE_NOT_FOUND")
        return
    if not (secret and hmac.compare_digest(secret.encode(), notification.shared_secret.encode())):
        raise Forbidden("RESOURCE_NOT_FOUND")
    policy.refuse_denied(tx, "notification", host, "in")
    policy.check_unsigned(tx, host)
