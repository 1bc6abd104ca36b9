"""Second factors: codes that an app on a phone shows (TOTP, RFC 6238), and ten codes on paper for when it is gone.

A person has a second factor as soon as an app is confirmed or a passkey is there; from then on their password alone
opens nothing. Codes are looked at only after a right password, so whoever makes them wait knows that: strangers lock
nobody out.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b32encode
from typing import Any, NamedTuple

import pyotp
import sqlalchemy as sa

from opencloudmesh.protocol.errors import Conflict, FieldError, Invalid, TooManyRequests
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.server import accounts, audit, sessions
from opencloudmesh.server.database import Tx, digest_of
from opencloudmesh.server.schema import app_passwords, factors, passkeys, recovery_codes, tickets

STEP = 30  # seconds that a code is shown
WINDOW = (-1, 0, 1)  # steps by which the phone's clock may be wrong
CODES = 10  # on paper
CODE_LENGTH = 16  # characters of 5 bits each: a fast digest keeps 80 random bits secret
PATIENCE = 5  # wrong codes in a row, before each makes the person wait twice as long as the one before
FIRST_WAIT, LONGEST_WAIT = 30, 3_600  # seconds
WRONG = "This code is not right, or was used already."

Row = sa.Row[Any]


class Factors(NamedTuple):
    """What a person has: an app on a phone, passkeys, and codes on paper that are left."""

    app: bool
    passkeys: int
    codes: int

    @property
    def any(self) -> bool:
        """Whether signing in asks for more than a password."""
        return self.app or self.passkeys > 0


def of(tx: Tx, account: str) -> Factors:
    """What a person has."""
    row = tx.one(_WHAT, {"whose": account})
    assert row is not None
    return Factors(bool(row.app), row.passkeys, row.codes)


def begin(tx: Tx, account: str) -> str:
    """The secret of an app that is to be set up, in base32: the same until it is confirmed. Raises `Conflict`."""
    row = _row(tx, account)
    if row is not None and row.confirmed is not None:
        raise Conflict("An app is set up already. Turn it off first.")
    if row is not None and row.secret is not None:
        return str(row.secret)
    secret = b32encode(hashlib.sha256(tx.secret().encode()).digest()[:20]).decode()
    tx.upsert(factors, {"account": account}, {"secret": secret})
    return secret


def unconfirmed(tx: Tx, account: str) -> str | None:
    """The secret of an app that is being set up."""
    row = _row(tx, account)
    return None if row is None or row.confirmed is not None else row.secret


def confirm(tx: Tx, account: str, code: str) -> list[str]:
    """The app shows the right code, and counts from now on: the codes to be written down.

    Raises `Invalid` for a wrong code, `Conflict` where no app is being set up.
    """
    row = _row(tx, account)
    if row is None or row.secret is None or row.confirmed is not None:
        raise Conflict("No app is being set up.")
    counter = _counter(row, code, tx.now)
    if counter is None:
        raise Invalid(WRONG, fields=[FieldError("code", "INVALID")])
    tx.run(factors.update().where(factors.c.account == account).values(confirmed=tx.now, counter=counter))
    _record(tx, account, Sentence("an app was added"))
    return renew_codes(tx, account)


def matches(tx: Tx, account: str, code: str) -> bool:
    """Whether a code is right: the app's, or one on paper. It counts once; wrong ones make one wait.

    Raises `TooManyRequests` while that is so. A wrong one is counted, so the transaction must not end in an error.
    """
    row = _row(tx, account)
    if row is not None and row.retry_at > tx.now:
        raise TooManyRequests("Too many wrong codes. Wait, and try again.", retry_after=row.retry_at - tx.now)
    counter = _counter(row, code, tx.now) if row is not None and row.confirmed is not None else None
    if counter is not None:
        _note(tx, account, counter=counter, failures=0)
        return True
    mine = recovery_codes.c.account == account, recovery_codes.c.digest == _digest(account, code)
    if tx.run(recovery_codes.delete().where(*mine)).rowcount:
        _note(tx, account, failures=0)
        return True
    failures = (0 if row is None else row.failures) + 1
    wait = 0 if failures < PATIENCE else min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(failures - PATIENCE, 20))
    _note(tx, account, failures=failures, retry_at=tx.now + wait)
    return False


def renew_codes(tx: Tx, account: str) -> list[str]:
    """New codes on paper; the old ones count no more."""
    tx.run(recovery_codes.delete().where(recovery_codes.c.account == account))
    made = [_code(tx) for _ in range(CODES)]
    tx.run(recovery_codes.insert(), [{"account": account, "digest": _digest(account, code)} for code in made])
    return made


def turn_off(tx: Tx, account: str) -> None:
    """The app counts no more. Raises `Invalid` where there is none."""
    if not of(tx, account).app:
        raise Invalid("No app is set up.")
    tx.run(factors.delete().where(factors.c.account == account))
    _record(tx, account, Sentence("the app was removed"))
    settle(tx, account)


def settle(tx: Tx, account: str) -> None:
    """After one factor was taken away: without any, nothing that the person has counts as having passed one."""
    if of(tx, account).any:
        return
    tx.run(recovery_codes.delete().where(recovery_codes.c.account == account))
    weak = {"strong": False}
    tx.run(app_passwords.update().where(app_passwords.c.account == account).values(weak))
    sessions.weaken(tx, account)


def reset(tx: Tx, account: str, *, by: str = "") -> None:
    """The operator (`by`) takes every factor away, for somebody who has lost theirs. Raises `NotFound`.

    All sessions end, and app passwords open no more what needs a second factor.
    """
    accounts.get(tx, account)
    for table in (factors, passkeys, tickets):
        tx.run(table.delete().where(table.c.account == account))
    settle(tx, account)
    sessions.end_all(tx, account)
    _record(tx, account, Sentence("all were removed by the operator"), by)


def _row(tx: Tx, account: str) -> Row | None:
    return tx.one(sa.select(factors).where(factors.c.account == account))


def _counter(row: Row, code: str, now: int) -> int | None:
    """The step that a code is of, if it is right and no later one was shown before."""
    given, totp, found = "".join(code.split()), pyotp.TOTP(row.secret), None
    for counter in (now // STEP + offset for offset in WINDOW):
        right = hmac.compare_digest(totp.generate_otp(counter).encode(), given.encode(errors="replace"))
        if right and counter > row.counter:
            found = counter
    return found


def _note(tx: Tx, account: str, **values: int) -> None:
    tx.upsert(factors, {"account": account}, values)


def _code(tx: Tx) -> str:
    """A new code on paper, as it is shown: `abcd-efgh-ijkl-mnop`."""
    letters = b32encode(hashlib.sha256(tx.secret().encode()).digest()).decode().lower()[:CODE_LENGTH]
    return "-".join(letters[start : start + 4] for start in range(0, CODE_LENGTH, 4))


def _digest(account: str, code: str) -> str:
    return digest_of(f"{account} {''.join(code.split()).replace('-', '').lower()}")


def _record(tx: Tx, account: str, reason: str, by: str = "") -> None:
    audit.record(tx, "account", "here", account=account, reason=Sentence("second factor: {what}", what=reason), by=by)


def _count(table: sa.Table) -> sa.ScalarSelect[int]:
    counted = sa.select(sa.func.count()).select_from(table)
    return counted.where(table.c.account == sa.bindparam("whose")).scalar_subquery()


_CONFIRMED = sa.and_(factors.c.account == sa.bindparam("whose"), factors.c.confirmed.is_not(None))
_COLUMNS: tuple[sa.ColumnElement[Any], ...] = (
    sa.exists().where(_CONFIRMED).label("app"),
    _count(passkeys).label("passkeys"),
    _count(recovery_codes).label("codes"),
)
_WHAT = sa.select(*_COLUMNS)
