"""What goes out by mail, invites and digests: made when it is sent, and what becomes of it."""

from __future__ import annotations

from dataclasses import asdict
from email.message import EmailMessage
from typing import Any

import sqlalchemy as sa

from opencloudmesh.client import smtp
from opencloudmesh.protocol.errors import Unavailable
from opencloudmesh.server import digests, invites, mail, outbox
from opencloudmesh.server.context import Context
from opencloudmesh.server.database import Tx

Row = sa.Row[Any]


async def send(context: Context, row: Row) -> None:
    """Hands a row of the outbox to the mail server, unless there is nothing to be said any more.

    Raises `Refused` where the server will never take it, `Unavailable` where it does not at the moment.
    """
    config = context.config
    if config.smtp is None:
        raise Unavailable("This cloud has no mail server.")
    message, newest = await context.database.read(lambda tx: _message(tx, row, context))
    if message is not None:
        await smtp.send(message, **asdict(config.smtp), ca_file=str(config.ca_file) if config.ca_file else None)

    def record(tx: Tx) -> None:
        outbox.done(tx, row.id)
        if newest:
            digests.sent(tx, row.message["digest"], _id(row), newest)
        elif "digest" not in row.message:
            invites.sent(tx, row.subject)

    await context.database.write(record)


def not_sent(tx: Tx, row: Row, reason: str, *, refused: bool) -> None:
    """It is not tried again. News that a server was never there for are in the next digest; those refused are not."""
    whose = row.message.get("digest")
    if whose is None:  # the person sees by its row why
        outbox.give_up(tx, row.id, reason)
        invites.not_sent(tx, row.subject)
        return
    outbox.drop(tx, row.subject)
    found = digests.contents(tx, whose)
    digests.sent(tx, whose, _id(row), found[1][0].id if found and refused else 0, reason)


def _message(tx: Tx, row: Row, context: Context) -> tuple[EmailMessage | None, int]:
    """What is sent, None where nothing, and of a digest the id of the newest of its news."""
    config, whose = context.config, row.message.get("digest")
    if whose is None:
        invite = invites.to_be_sent(tx, row.subject)
        return (mail.invitation(*invite, config, tx.now) if invite else None), 0
    found = digests.contents(tx, whose)
    if found is None:
        return None, 0
    account, rows = found
    return mail.digest(account, rows[: digests.MAX_ROWS], len(rows), config, _id(row), tx.now), rows[0].id


def _id(row: Row) -> str:
    """Of a mail, the same whenever it is tried."""
    return f"{row.subject}-{row.id}"
