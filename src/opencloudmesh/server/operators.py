"""What operators do with the people of their cloud. Each of it is in the audit trail, with who did it.

`by` is the operator in front of a page or behind a program; it is empty for the command line, which anybody who holds
the data folder can use, and which may therefore do everything.
"""

from __future__ import annotations

from typing import Any

from opencloudmesh.protocol.errors import Conflict, Forbidden
from opencloudmesh.server import accounts, audit, departures, welcomes
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.database import Tx

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
    _record(tx, account.id, "added as an operator" if operator else "added", by)
    return account


def change(tx: Tx, account_id: str, *, by: str = "", **values: Any) -> Account:
    """Another `name`, `email` or `quota`; an `operator` or not. Raises `NotFound`, `Conflict`."""
    before = accounts.get(tx, account_id)
    if before.operator and not values.get("operator", True):
        _keep_one(tx, account_id, by)
    after = accounts.change(tx, account_id, **values)
    changed = [name for name in values if getattr(before, name) != getattr(after, name)]
    if changed:
        told = {"operator": "is an operator now" if after.operator else "is no operator any more"}
        _record(tx, account_id, ", ".join(told.get(name, f"another {name}") for name in changed), by)
    return after


def set_password(tx: Tx, account_id: str, password_hash: str, *, by: str = "") -> None:
    """Gives somebody another password, and ends their sessions. Raises `NotFound`."""
    accounts.set_password(tx, account_id, password_hash)
    _record(tx, account_id, "another password was set", by)


def welcome(tx: Tx, account_id: str, *, by: str = "") -> str:
    """The secret of a link by which somebody chooses a password. Raises `NotFound`."""
    secret = welcomes.for_person(tx, account_id)
    _record(tx, account_id, "a link to choose a password was made", by)
    return secret


def take_welcome(tx: Tx, secret: str, password_hash: str, *, account_id: str = "", name: str = "") -> Account:
    """Who holds the link has chosen a password; the first operator a user name too.

    Raises `NotFound` for a link that is good for nothing any more, `Invalid`.
    """
    account = welcomes.use_up(tx, secret).account
    if account is None:
        return add(tx, account_id, password_hash, name=name, operator=True, by=account_id)
    accounts.set_password(tx, account.id, password_hash)
    _record(tx, account.id, "chose a password by a link", "")
    return account


def remove(tx: Tx, account_id: str, *, by: str = "") -> None:
    """Somebody goes, with all they share (`departures.person`). Raises `NotFound`, `Conflict`."""
    if accounts.get(tx, account_id).operator:
        _keep_one(tx, account_id, by)
    departures.person(tx, account_id)
    _record(tx, account_id, "removed", by)


def _keep_one(tx: Tx, account_id: str, by: str) -> None:
    """Who does it on a page is an operator: the last one, that is always oneself. Raises `Conflict`."""
    if by and accounts.operators(tx) == [account_id]:
        raise Conflict("You are the only operator. Make somebody else one first.")


def _record(tx: Tx, account_id: str, reason: str, by: str) -> None:
    audit.record(tx, "account", "here", account=account_id, reason=reason, by=by)
