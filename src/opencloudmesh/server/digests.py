"""News by mail: whoever has not read them gets one mail with all of them, now and then (a digest), or none.

    digests.make(tx, every=3_600)        # the worker's chore: what is to be mailed goes into the outbox

What is in a digest is looked at when it is sent: what was read meanwhile is left out, and what came meanwhile is in
it. So while the mail server is away one message waits for each person, and nothing is lost.
"""

from __future__ import annotations

import hashlib
from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.address import is_email
from opencloudmesh.protocol.errors import FieldError, Invalid
from opencloudmesh.server import accounts, languages, outbox
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import accounts as people
from opencloudmesh.server.schema import news

DIGEST, NONE = CHOICES = ("digest", "none")
SETTLES = 300  # seconds after which news are mailed: whoever is here has read them by then
MAX_ROWS = 50  # in one mail; the others are only counted

Row = sa.Row[Any]

_TO_MAIL = (news.c.read.is_(False), news.c.mail.is_(None))


def choice(tx: Tx, account: str) -> Row:
    """What a person has chosen: `email`, `mail` (one of `CHOICES`), `language`, one of ours or the browser's (""); and
    as `mail_error` why the last mail did not arrive.
    """
    columns = people.c.email, people.c.mail, people.c.mail_error, people.c.language
    row = tx.one(sa.select(*columns).where(people.c.id == account))
    assert row is not None  # they are signed in
    return row


def choose(
    tx: Tx, account: str, *, email: str | None = None, mail: str | None = None, language: str | None = None
) -> Row:
    """A person says where they want mail, whether, and in which language they are spoken to; None: as before.

    Raises `Invalid` naming the wrong fields.
    """
    wrong = []
    address = None if email is None else email.strip()
    if address and not is_email(address):
        wrong.append(FieldError("email", "INVALID"))
    if mail is not None and mail not in CHOICES:
        wrong.append(FieldError("mail", "INVALID"))
    if language and language not in languages.NAMES:
        wrong.append(FieldError("language", "INVALID"))
    if wrong:
        raise Invalid("This cannot be set so.", fields=wrong)
    if address is not None or mail is not None:
        tx.run(people.update().where(people.c.id == account).values(mail_error=None))
    said = {"email": address, "mail": mail, "language": language}
    accounts.change(tx, account, **{name: value for name, value in said.items() if value is not None})
    return choice(tx, account)


def make(tx: Tx, *, every: int) -> None:
    """Queues a mail for everybody who has something to be told and got none within `every` seconds."""
    unread = sa.exists().where(news.c.account == people.c.id, *_TO_MAIL, news.c.at <= tx.now - SETTLES)
    wanted = people.c.mail == DIGEST, people.c.email != "", people.c.mailed <= tx.now - every
    for row in tx.all(sa.select(people.c.id).where(*wanted, unread).order_by(people.c.id)):
        subject = subject_of(row.id)
        if not outbox.waits(tx, outbox.MAIL, subject):
            tx.run(people.update().where(people.c.id == row.id).values(mailed=tx.now))
            outbox.put(tx, host="", kind=outbox.MAIL, subject=subject, message={"digest": row.id})


def contents(tx: Tx, account_id: str) -> tuple[Account, list[Row]] | None:
    """Whose digest it is, and what is in it, newest first; None where there is nothing to be mailed any more."""
    account = accounts.find(tx, account_id)
    if account is None or not account.email or choice(tx, account_id).mail != DIGEST:
        return None
    rows = tx.all(sa.select(news).where(news.c.account == account_id, *_TO_MAIL).order_by(news.c.id.desc()))
    return (account, list(rows)) if rows else None


def sent(tx: Tx, account: str, mail_id: str, newest: int, error: str | None = None) -> None:
    """All up to the `newest` are mailed, or with `error`, why not, will not be: the person sees it on their page."""
    mailed = news.c.account == account, news.c.id <= newest, *_TO_MAIL
    tx.run(news.update().where(*mailed).values(mail=mail_id))
    tx.run(people.update().where(people.c.id == account).values(mail_error=error))


def subject_of(account: str) -> str:
    """By which the outbox knows somebody's digest: names of accounts may be too long for it."""
    return hashlib.sha256(account.encode()).hexdigest()[:24]
