"""What operators do with the people of their cloud, and with what other servers have still to be told. Each of it is in
the audit trail, with who did it.

`by` is the operator in front of a page or behind a program; it is empty for the command line, which anybody who holds
the data folder can use, and which may therefore do everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.errors import Conflict, Forbidden, NotFound
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.server import (
    accounts,
    app_passwords,
    asked,
    audit,
    departures,
    groups,
    invites,
    keys,
    outbox,
    peers,
    reshares,
    shares,
    welcomes,
)
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.database import Tx
from opencloudmesh.server.groups import Group
from opencloudmesh.server.keyfolder import Entry

DROPPED = Sentence("The operator of this cloud has stopped the attempts to tell it.")
# What becomes of what a message is about.
_TRY_AGAIN = {
    **dict.fromkeys((outbox.SHARE, outbox.RESHARE), reshares.try_again),
    outbox.REQUEST: asked.try_again,
}
_NOT_DELIVERED = {
    **dict.fromkeys((outbox.SHARE, outbox.RESHARE), shares.not_delivered),
    outbox.REQUEST: asked.not_delivered,
}

ONLY_FOR_OPERATORS = "This is for the operators of this cloud."


def check(tx: Tx, account: str) -> None:
    """Within each change: who was an operator when the request came may be none any more. Raises `Forbidden`."""
    found = accounts.find(tx, account)
    if found is None or not found.operator:
        raise Forbidden(ONLY_FOR_OPERATORS)


def add(
    tx: Tx, account_id: str, password_hash: str, *, name: str = "", email: str = "", quota: int | None = None,
    operator: bool = False, by: str = "",
) -> Account:  # fmt: skip
    """Somebody gets an account. Raises `Invalid`, `Conflict`."""
    account = accounts.add(tx, account_id, password_hash, name=name, email=email, quota=quota, operator=operator)
    _record(tx, account.id, Sentence("added as an operator") if operator else Sentence("added"), by)
    return account


def change(tx: Tx, account_id: str, *, by: str = "", **values: Any) -> Account:
    """Another `name`, `email` or `quota`; an `operator` or not. Raises `NotFound`, `Conflict`."""
    before = accounts.get(tx, account_id)
    if before.operator and not values.get("operator", True):
        _keep_one(tx, account_id, by)
    after = accounts.change(tx, account_id, **values)
    changed = [name for name in values if getattr(before, name) != getattr(after, name)]
    if changed:
        now = Sentence("is an operator now") if after.operator else Sentence("is no operator any more")
        told = [now if name == "operator" else Sentence("another {what}", what=name) for name in changed]
        _record(tx, account_id, Sentence.joined(told, ", "), by)
    return after


def set_password(tx: Tx, account_id: str, password_hash: str, *, by: str = "") -> None:
    """Gives somebody another password, and ends their sessions. Raises `NotFound`."""
    accounts.set_password(tx, account_id, password_hash)
    _record(tx, account_id, Sentence("another password was set"), by)


def welcome(tx: Tx, account_id: str, *, by: str = "") -> str:
    """The secret of a link by which somebody chooses a password. Raises `NotFound`."""
    secret = welcomes.for_person(tx, account_id)
    _record(tx, account_id, Sentence("a link to choose a password was made"), by)
    return secret


def take_welcome(tx: Tx, secret: str, password_hash: str, *, account_id: str = "", name: str = "") -> Account:
    """Who holds the link has chosen a password; the first operator a user name too.

    Raises `NotFound` for a link that is good for nothing any more, `Invalid`.
    """
    account = welcomes.use_up(tx, secret).account
    if account is None:
        return add(tx, account_id, password_hash, name=name, operator=True, by=account_id)
    accounts.set_password(tx, account.id, password_hash)
    _record(tx, account.id, Sentence("chose a password by a link"), "")
    return account


def choose_password(tx: Tx, account_id: str, password_hash: str, *, programs: bool) -> None:
    """Somebody has chosen another password for themself. With `programs`, their app passwords end as their sessions do.

    Raises `NotFound`.
    """
    accounts.set_password(tx, account_id, password_hash)
    if programs:
        app_passwords.revoke_all(tx, account_id)
    told = Sentence("chose another password, and took back all app passwords")
    _record(tx, account_id, told if programs else Sentence("chose another password"), "")


def remove(tx: Tx, account_id: str, *, by: str = "") -> None:
    """Somebody goes, with all they share (`departures.person`). Raises `NotFound`, `Conflict`."""
    if accounts.get(tx, account_id).operator:
        _keep_one(tx, account_id, by)
    departures.person(tx, account_id)
    _record(tx, account_id, Sentence("removed"), by)


def add_group(tx: Tx, group_id: str, *, name: str = "", by: str = "") -> Group:
    """A new group, of nobody yet. Raises `Invalid`, `Conflict`."""
    group = groups.add(tx, group_id, name=name)
    _record_group(tx, group.id, Sentence("made"), by)
    return group


def join_group(tx: Tx, group_id: str, account_id: str, *, by: str = "") -> Group:
    """Somebody is in a group from now on. Raises `NotFound`, `Conflict` where it is full."""
    group = groups.join(tx, group_id, account_id)
    _record_group(tx, group_id, Sentence("put in"), by, account_id)
    return group


def leave_group(tx: Tx, group_id: str, account_id: str, *, by: str = "") -> Group:
    """Somebody is not in a group any more. Raises `NotFound`."""
    group = groups.leave(tx, group_id, account_id)
    _record_group(tx, group_id, Sentence("taken out"), by, account_id)
    return group


def remove_group(tx: Tx, group_id: str, *, by: str = "") -> None:
    """A group is gone; its members stay. Raises `NotFound`."""
    groups.remove(tx, group_id)
    _record_group(tx, group_id, Sentence("removed"), by)


def _record_group(tx: Tx, group_id: str, reason: str, by: str, account_id: str = "") -> None:
    audit.record(
        tx,
        "group",
        "here",
        account=account_id,
        subject=group_id,
        reason=Sentence("{group}: {what}", group=group_id, what=reason),
        by=by,
    )


def retry(tx: Tx, row_id: int, *, by: str = "") -> None:
    """A message is sent now, also one that was given up. Raises `NotFound`, `Conflict` where it was shared anew."""
    row = outbox.get(tx, row_id)
    if row.kind in _TRY_AGAIN and row.state == outbox.GIVEN_UP:
        _TRY_AGAIN[row.kind](tx, row.subject)
    outbox.retry(tx, row)
    peers.ask_again(tx, row.host)
    _record_message(tx, row, Sentence("tried again"), by)


def drop(tx: Tx, row_id: int, *, by: str = "") -> None:
    """A message is not sent any more; whose share, request or invite it is sees so. Raises `NotFound`."""
    row = outbox.get(tx, row_id)
    if row.kind != outbox.MAIL:
        outbox.drop_one(tx, row.id)
    elif row.state == outbox.DUE:  # the person sees by its row that it was not sent
        outbox.give_up(tx, row.id, DROPPED)
        invites.not_sent(tx, row.subject)
    if row.kind in _NOT_DELIVERED:
        with suppress(NotFound):
            _NOT_DELIVERED[row.kind](tx, row.subject, DROPPED, final=True)
    _record_message(tx, row, Sentence("dropped"), by)


def _record_message(tx: Tx, row: sa.Row[Any], what: str, by: str) -> None:
    said = row.message.get("type", "")
    reason = Sentence("{message}: {what}", message=f"{row.kind} {said}".rstrip(), what=what)
    audit.record(tx, "outbox", "here", host=row.host, subject=row.subject, reason=reason, by=by)


def keys_rotated(tx: Tx, public_url: str, made: Sequence[Entry], *, at_once: bool, by: str = "") -> None:
    """New keys were made, or sign before their time."""
    _record_keys(
        tx,
        public_url,
        made,
        Sentence("It signs from now on.") if at_once else Sentence("It was made, and signs in two hours."),
        by,
    )


def keys_revoked(tx: Tx, public_url: str, ended: Sequence[Entry], made: Sequence[Entry], *, by: str = "") -> None:
    """Keys were revoked, and others made in their place."""
    _record_keys(tx, public_url, ended, Sentence("It was revoked."), by)
    _record_keys(tx, public_url, made, Sentence("It was made in place of a revoked one, and signs from now on."), by)


def _record_keys(tx: Tx, public_url: str, entries: Sequence[Entry], reason: str, by: str) -> None:
    for entry in entries:
        audit.record(tx, "keys", "here", subject=keys.kid_of(entry, public_url), reason=reason, by=by)


def _keep_one(tx: Tx, account_id: str, by: str) -> None:
    """Who does it on a page is an operator: the last one, that is always oneself. Raises `Conflict`."""
    if by and accounts.operators(tx) == [account_id]:
        raise Conflict("You are the only operator. Make somebody else one first.")


def _record(tx: Tx, account_id: str, reason: str, by: str) -> None:
    audit.record(tx, "account", "here", account=account_id, reason=reason, by=by)
