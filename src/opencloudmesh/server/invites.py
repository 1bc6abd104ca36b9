"""Invites that our people give away, and what happens when somebody elsewhere takes one (IETF-OCM, "Invite Flow").

One token is used by one person. Their server may have lost our answer, so the same person is answered again.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.errors import Conflict, FieldError, Invalid, NotFound, TooManyRequests
from opencloudmesh.protocol.invites import Identity, InviteAccepted
from opencloudmesh.server import accounts, audit, contacts, mail, news, outbox, policy, schema
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import invites

OPEN, ACCEPTED, REVOKED = "open", "accepted", "revoked"

# (state, what happens) -> state. What is not here is refused.
TRANSITIONS = {
    (OPEN, "accepted"): ACCEPTED,
    (OPEN, "revoked"): REVOKED,
    (ACCEPTED, "revoked"): REVOKED,  # it is taken off the list; the contact stays
}
LIFETIME = 30 * 86_400  # seconds, as at Nextcloud

MAX_MAILS = 50  # of one person in a day: nobody is to write to the whole world by us
DAY = 86_400  # seconds

Row = sa.Row[Any]

# With what has become of the mail: of one that was sent, nothing is left in the outbox.
_WITH_MAIL = sa.select(
    invites, schema.outbox.c.state.label("mail_state"), schema.outbox.c.error.label("mail_error")
).outerjoin(schema.outbox, schema.outbox.c.subject == invites.c.id)


def create(
    tx: Tx,
    account: str,
    *,
    description: str = "",
    expiration: int | None = None,
    email: str = "",
    can_mail: bool = False,
) -> Row:
    """A new invite; with `email` it is sent there as soon as the worker gets to it.

    Raises `Invalid` for an expiry that is over, for what is no e-mail address, and for any where this cloud has no
    mail server (`can_mail`); `TooManyRequests` for more than `MAX_MAILS` of a person in a day.
    """
    until = tx.now + LIFETIME if expiration is None else expiration
    if until <= tx.now:
        raise Invalid("The invite would have expired already.", fields=[FieldError("expiration", "INVALID")])
    to = _recipient(tx, account, email, can_mail) if email else ""
    invite_id = tx.id()
    row = {"id": invite_id, "account": account, "token": tx.secret(), "description": description, "state": OPEN}
    tx.run(invites.insert().values(**row, email=to, expiration=until, created=tx.now))
    if to:
        outbox.put(tx, host="", kind=outbox.MAIL, subject=invite_id)
    return get(tx, account, invite_id)


def get(tx: Tx, account: str, invite_id: str) -> Row:
    """An invite of that person. Raises `NotFound`."""
    row = tx.one(_WITH_MAIL.where(invites.c.account == account, invites.c.id == invite_id))
    if row is None:
        raise NotFound("There is no such invite.")
    return row


def inviter(tx: Tx, token: str) -> accounts.Account:
    """Who made the invite that somebody holds. Raises `NotFound` for one that cannot be taken any more."""
    known = "" if "\0" in token else token  # PostgreSQL takes no NUL
    row = tx.one(sa.select(invites).where(invites.c.token == known))
    if row is None or row.state != OPEN or row.expiration <= tx.now:
        raise NotFound("This invite is not known or no longer valid. Ask for a new one.")
    return accounts.get(tx, row.account)


def listing(tx: Tx, account: str) -> list[Row]:
    """A person's invites, newest first, without those that they revoked."""
    query = _WITH_MAIL.where(invites.c.account == account, invites.c.state != REVOKED)
    return list(tx.all(query.order_by(invites.c.created.desc(), invites.c.id)))


def revoke(tx: Tx, account: str, invite_id: str) -> None:
    """Nobody can take it any more; who has taken it stays a contact. Raises `NotFound`."""
    row = get(tx, account, invite_id)
    if (row.state, "revoked") not in TRANSITIONS:
        raise NotFound("There is no such invite.")
    _change(tx, row, "revoked")
    outbox.drop(tx, row.id)


def to_be_sent(tx: Tx, invite_id: str) -> tuple[Row, accounts.Account] | None:
    """An invite that waits to be mailed, and whose it is; None where nobody could take it any more."""
    row = tx.one(sa.select(invites).where(invites.c.id == invite_id, invites.c.state == OPEN))
    if row is None or row.expiration <= tx.now:
        return None
    return row, accounts.get(tx, row.account)


def not_sent(tx: Tx, invite_id: str) -> None:
    """It could not be mailed, and is not tried again; its row in the outbox says why. The person is told."""
    found = to_be_sent(tx, invite_id)
    if found is not None:
        row, account = found
        news.tell(tx, account.id, news.INVITE_FAILED, subject=row.id, who=row.email)


def sent(tx: Tx, invite_id: str) -> None:
    """It was mailed, perhaps after all."""
    row = tx.one(sa.select(invites.c.account).where(invites.c.id == invite_id))
    if row is not None:
        news.take_back(tx, row.account, news.INVITE_FAILED, invite_id)


def accepted(tx: Tx, message: InviteAccepted, *, verified: str = "unsigned") -> Identity:
    """Somebody elsewhere took an invite: they become a contact, and learn who invited them.

    Raises `Invalid` for a token that is unknown, expired or revoked, or was taken by somebody who has been removed
    since, `Conflict` for one that another has taken, `Denied` for a server that the policy does not let through.
    """
    row = tx.one(sa.select(invites).where(invites.c.token == message.token))
    who = str(message.address)
    if row is None or not _stands(tx, row, who):
        raise Invalid("This invite is not known or no longer valid.", fields=[FieldError("token", "INVALID")])
    if row.state == ACCEPTED and row.accepted_by != who:
        raise Conflict("This invite has been accepted by another person.")
    host = message.address.host
    policy.admit(tx, "invite", "in", host, account=row.account, address=who, invited=True, verified=verified)
    if (row.state, "accepted") in TRANSITIONS:  # else they say it again
        _change(tx, row, "accepted", accepted_by=who)
        news.tell(tx, row.account, news.INVITE_TAKEN, subject=row.id, who=who, who_name=message.name)
    contacts.meet(tx, row.account, message.address, name=message.name, email=message.email, source=contacts.INVITE)
    audit.record(
        tx, "invite", "in", host=message.address.host, account=row.account, who=who, verified=verified, subject=row.id
    )
    return identity(accounts.get(tx, row.account))


def identity(account: accounts.Account) -> Identity:
    """Who one of our people is to somebody they exchange invites with. Nextcloud takes no empty e-mail address."""
    return Identity(account.id, account.email or f"{account.id}@invalid", account.name)


def _change(tx: Tx, row: Row, event: str, **values: Any) -> None:
    tx.run(invites.update().where(invites.c.id == row.id).values(state=TRANSITIONS[row.state, event], **values))


def _recipient(tx: Tx, account: str, email: str, can_mail: bool) -> str:
    if not can_mail:
        raise Invalid(
            "This cloud sends no mail. Make the invite without an address, and give it to them yourself.",
            fields=[FieldError("email", "NOT_SUPPORTED")],
        )
    sent = sa.select(invites.c.id).where(invites.c.account == account, invites.c.email != "")
    if len(tx.all(sent.where(invites.c.created > tx.now - DAY))) >= MAX_MAILS:
        raise TooManyRequests("You have sent many invites today. Wait until tomorrow.", retry_after=DAY)
    return mail.address(email)


def _stands(tx: Tx, row: Row, who: str) -> bool:
    """Whether a token is good for anything. Who took it may say so again, but not after one has removed the other."""
    if row.state == ACCEPTED and row.accepted_by == who:
        return contacts.invited(tx, row.account, who)
    return bool(row.state != REVOKED and row.expiration > tx.now)
