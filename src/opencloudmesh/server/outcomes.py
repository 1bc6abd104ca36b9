"""What becomes of a delivery: written down when a peer has taken a row of the outbox, refused it, or not answered."""

from __future__ import annotations

import contextlib
import logging
from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.errors import EgressDenied, Forbidden, NotFound, OcmError, Refused, Unreachable
from opencloudmesh.server import asked, audit, mailing, outbox, peers, received, reports, shares
from opencloudmesh.server.database import Tx
from opencloudmesh.server.policy import Denied

log = logging.getLogger(__name__)

PATIENCE_WITH_401 = 3  # tries: the peer may not have been able to fetch our keys

Row = sa.Row[Any]


def is_final(failure: OcmError, row: Row) -> bool:
    """Whether it makes no sense to try again. A 401 may come from a peer that could not fetch our keys just then."""
    if isinstance(failure, Refused) and failure.peer_status == 401:
        return bool(row.attempts >= PATIENCE_WITH_401)
    return isinstance(failure, (Refused, Forbidden, EgressDenied, NotFound))


def delivered(tx: Tx, row: Row) -> None:
    """The peer has taken it."""
    outbox.done(tx, row.id)
    peers.reached(tx, row.host)
    outbox.hurry(tx, row.host)
    record(tx, row, "done", row.message.get("type", ""))


def record(tx: Tx, row: Row, outcome: audit.Outcome, reason: str) -> None:
    """In the audit trail, if it crosses servers."""
    if row.kind in audit.EVENTS:
        whose, subject = _person(tx, row.subject), row.subject
        audit.record(tx, row.kind, "out", outcome, host=row.host, account=whose, subject=subject, reason=reason)


def _person(tx: Tx, subject: str) -> str:
    """Whose share the message is about."""
    with contextlib.suppress(NotFound):
        return str(shares.get(tx, subject).owner)
    with contextlib.suppress(NotFound):
        return str(received.get(tx, subject).account)
    with contextlib.suppress(NotFound):
        return str(asked.get(tx, subject).account)
    return ""


def later(tx: Tx, row: Row, error: OcmError) -> None:
    """It will be tried again, until it is given up."""
    again = outbox.postpone(tx, row, error.message, retry_after=error.retry_after)
    if isinstance(error, Unreachable):
        peers.failed(tx, row.host, error.message)
    if not again:
        record(tx, row, "failed", error.message)
    if not again and row.kind == outbox.MAIL:
        mailing.not_sent(tx, row, error.message, refused=False)
    _not_delivered(tx, row, error, final=not again)
    if row.kind == outbox.NOTIFICATION:
        with contextlib.suppress(NotFound):
            shares.not_told(tx, row.subject, error.message)


def never(tx: Tx, row: Row, error: OcmError) -> None:
    """The peer's no is final. A refused notification is no error: several families know only some of them."""
    log.info("%s: %s to %s is dropped: %s", row.kind, row.subject, row.host, error.message)
    if row.kind == outbox.MAIL:
        mailing.not_sent(tx, row, error.message, refused=True)
        return
    outbox.done(tx, row.id)
    if isinstance(error, Denied):
        error.record(tx)
    else:
        record(tx, row, "failed", error.message)
    _not_delivered(tx, row, error, final=True)
    if row.kind == outbox.NOTIFICATION and isinstance(error, Refused):
        reports.reached(tx, row.subject)


def _not_delivered(tx: Tx, row: Row, error: OcmError, *, final: bool) -> None:
    """The person sees why at the row that the message is about."""
    of_a_share = dict.fromkeys((outbox.SHARE, outbox.RESHARE), shares.not_delivered)
    gestures = {**of_a_share, outbox.REQUEST: asked.not_delivered}
    if row.kind in gestures:
        with contextlib.suppress(NotFound):
            gestures[row.kind](tx, row.subject, error.message, final=final)
