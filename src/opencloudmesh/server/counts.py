"""How much is shared between this cloud and others, for its operators: counted, never listed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from opencloudmesh.server.database import Tx
from opencloudmesh.server.received import OPEN
from opencloudmesh.server.schema import contacts, received, shares
from opencloudmesh.server.shares import LIVE


@dataclass(frozen=True, slots=True)
class Counts:
    """What is in force: `shares` from here, `received` from elsewhere; and `contacts` elsewhere."""

    shares: int
    received: int
    contacts: int


def of_person(tx: Tx, account: str) -> Counts:
    """What is in force of one of our people."""
    return _counts(tx, shares.c.owner == account, received.c.account == account, contacts.c.account == account)


def of_server(tx: Tx, host: str) -> Counts:
    """What is in force with another server."""
    return _counts(tx, shares.c.host == host, received.c.host == host, contacts.c.host == host)


def _counts(tx: Tx, given: Any, taken: Any, known: Any) -> Counts:
    return Counts(
        shares=_number(tx, given, shares.c.state.in_(LIVE)),
        received=_number(tx, taken, received.c.state.in_(OPEN)),
        contacts=_number(tx, known),
    )


def _number(tx: Tx, *conditions: sa.ColumnElement[bool]) -> int:
    row = tx.one(sa.select(sa.func.count().label("number")).where(*conditions))
    return row.number if row is not None else 0
