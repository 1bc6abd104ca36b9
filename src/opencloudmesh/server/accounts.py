"""People who have their files here. Passwords are argon2id; nothing else ever sees them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import argon2
import sqlalchemy as sa

from opencloudmesh.protocol.errors import Conflict, FieldError, Invalid, NotFound
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import accounts, groups, memberships, sessions, tickets, welcomes

# It is the identifier in an OCM Address, a folder's name and part of URLs.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
NO_PASSWORD = ""  # of somebody who comes in another way: no password is the right one
MIN_PASSWORD = 8  # characters
MAX_PASSWORD = 1024
MAX_WORDS = 10  # that are looked for

USER, GROUP = SHARE_TYPES = "user", "group"  # whom something can be shared with (IETF-OCM, "Share Creation")

_hasher = argon2.PasswordHasher()


@cache
def _nobody() -> str:
    """Verified against where there is no such account, so that the answer takes as long."""
    return _hasher.hash("nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """A person. `quota` in bytes, None where only the disk limits; an `operator` runs this cloud.

    `strong`: they have passed a second factor to come here. Only `web/auth.py` and `web/pages/login.py` say so.
    `language`: one of `languages.NAMES` that they have chosen; empty: the one that their browser asks for, which was
    the `browser_language` when they last signed in.
    """

    id: str
    name: str
    email: str
    quota: int | None
    operator: bool = False
    strong: bool = False
    language: str = ""
    browser_language: str = ""


class Recipient(NamedTuple):
    """A person or a group, and the accounts that this is."""

    id: str
    name: str
    people: tuple[str, ...]


def hash_password(password: str) -> str:
    """The stored form; takes tens of milliseconds, so it is made outside of a transaction. Raises `Invalid`."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise Invalid(
            "A password has {least} to {most} characters.",
            least=MIN_PASSWORD,
            most=MAX_PASSWORD,
            fields=[FieldError("password", "INVALID")],
        )
    return _hasher.hash(password)


def add(
    tx: Tx, account_id: str, password_hash: str, *, name: str = "", email: str = "", quota: int | None = None,
    operator: bool = False,
) -> Account:  # fmt: skip
    """A new account. Raises `Invalid`, or `Conflict` where the name is taken."""
    claim(tx, account_id)
    row = {"id": account_id, "name": name or account_id, "email": email, "password": password_hash}
    tx.run(accounts.insert().values(**row, quota=quota, operator=operator, created=tx.now))
    return get(tx, account_id)


def claim(tx: Tx, identifier: str) -> None:
    """Makes sure that a person or group may be called so. Raises `Invalid`, or `Conflict` where the name is taken.

    In an OCM Address it must say whom it means, also to peers that know no groups. Names that differ only by case
    are the same: two accounts must not share a folder on file systems that ignore it.
    """
    if not _NAME.fullmatch(identifier) or ".." in identifier:
        raise Invalid(
            "A name has letters, digits and . _ @ + -, and begins with a letter or digit.",
            fields=[FieldError("id", "INVALID")],
        )
    for table, taken in (
        (accounts, Sentence("There is a user {name!r} already.", name=identifier)),
        (groups, Sentence("There is a group {name!r} already.", name=identifier)),
    ):
        if tx.one(sa.select(table.c.id).where(sa.func.lower(table.c.id) == identifier.lower())):
            raise Conflict(taken)


def get(tx: Tx, account_id: str) -> Account:
    """The account. Raises `NotFound`."""
    account = find(tx, account_id)
    if account is None:
        raise NotFound("There is no user {user!r}.", user=account_id)
    return account


def find(tx: Tx, account_id: str) -> Account | None:
    """The account, or None."""
    row = tx.one(_BY_ID, {"account": account_id})
    return _account(row) if row else None


def everybody(tx: Tx) -> list[Account]:
    """All accounts by name."""
    return [_account(row) for row in tx.all(sa.select(*_COLUMNS).order_by(accounts.c.id))]


def in_group(tx: Tx, group_id: str) -> list[Account]:
    """The members of a group by name; none where there is no such group."""
    query = sa.select(*_COLUMNS).join(memberships, memberships.c.account == accounts.c.id)
    return [_account(row) for row in tx.all(query.where(memberships.c.group == group_id).order_by(accounts.c.id))]


def page(tx: Tx, text: str = "", *, after: str = "", limit: int) -> list[Account]:
    """`limit` accounts by name, behind `after`; those that have `text` in a name or the e-mail address."""
    query = sa.select(*_COLUMNS).where(accounts.c.id > after)
    for word in text.split()[:MAX_WORDS]:
        columns = (accounts.c.id, accounts.c.name, accounts.c.email)
        query = query.where(sa.or_(*(column.icontains(word, autoescape=True) for column in columns)))
    return [_account(row) for row in tx.all(query.order_by(accounts.c.id).limit(limit))]


def is_empty(tx: Tx) -> bool:
    """Whether nobody has an account yet."""
    return tx.one(sa.select(accounts.c.id).limit(1)) is None


def operators(tx: Tx) -> list[str]:
    """Who runs this cloud."""
    return [row.id for row in tx.all(sa.select(accounts.c.id).where(accounts.c.operator).order_by(accounts.c.id))]


def change(tx: Tx, account_id: str, **values: Any) -> Account:
    """Other columns of `accounts` than the password. Raises `NotFound`."""
    get(tx, account_id)
    if values:
        tx.run(accounts.update().where(accounts.c.id == account_id).values(**values))
    return get(tx, account_id)


def hear(tx: Tx, account_id: str, language: str) -> None:
    """Their browser asks for a language: mails are in it where they have chosen none."""
    other = accounts.c.id == account_id, accounts.c.browser_language != language
    tx.run(accounts.update().where(*other).values(browser_language=language))


def addressed(tx: Tx, share_type: str, identifier: str) -> Recipient | None:
    """Whom an identifier in an OCM Address means; None where that is nobody, or a group with nobody in it."""
    if share_type == GROUP:
        row = tx.one(sa.select(groups).where(groups.c.id == identifier))
        people = tuple(account.id for account in in_group(tx, identifier))
        return Recipient(row.id, row.name, people) if row is not None and people else None
    account = find(tx, identifier)
    return Recipient(account.id, account.name, (account.id,)) if account is not None else None


def set_password(tx: Tx, account_id: str, password_hash: str) -> None:
    """Replaces the password, and ends every session and link that let in with the old one, or was about to.

    Raises `NotFound`.
    """
    get(tx, account_id)
    tx.run(accounts.update().where(accounts.c.id == account_id).values(password=password_hash))
    for table in (sessions, tickets, welcomes):
        tx.run(table.delete().where(table.c.account == account_id))


def remove(tx: Tx, account_id: str) -> None:
    """Removes the account with its shares; what becomes of its files, `remains` says. Raises `NotFound`."""
    get(tx, account_id)
    tx.run(accounts.delete().where(accounts.c.id == account_id))


def has_password(tx: Tx, account_id: str) -> bool:
    """Whether the person can be asked for one."""
    return stored_password(tx, account_id) != _nobody()


def stored_password(tx: Tx, account_id: str) -> str:
    """What `password_matches` compares with; a hash that matches nothing where there is no such account."""
    row = tx.one(sa.select(accounts.c.password).where(accounts.c.id == account_id))
    return (row.password if row else "") or _nobody()


def password_matches(stored: str, password: str) -> bool:
    """Whether a password is the right one; takes tens of milliseconds, whatever the outcome."""
    try:
        return _hasher.verify(stored, password) and stored != _nobody()
    except argon2.exceptions.VerificationError:
        return False


def _account(row: sa.Row[Any]) -> Account:
    return Account(**row._mapping)


_COLUMNS = tuple(
    accounts.c[name] for name in ("id", "name", "email", "quota", "operator", "language", "browser_language")
)
_BY_ID = sa.select(*_COLUMNS).where(accounts.c.id == sa.bindparam("account"))
