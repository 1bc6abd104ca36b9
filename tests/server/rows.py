"""Rows for tests that need some, whatever else the table demands."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import accounts

_EMPTY = {sa.JSON: [], sa.BigInteger: 0, sa.Integer: 0, sa.Boolean: False}


def insert(tx: Tx, table: sa.Table, **values: Any) -> None:
    """Inserts a row with these values; every other column that must have one gets something empty."""
    needed = [column for column in table.c if not column.nullable and column.server_default is None]
    row = {column.name: _EMPTY.get(type(column.type), "") for column in needed if not column.primary_key}
    tx.run(sa.insert(table).values(row | values))


def account(tx: Tx, who: str, quota: int | None = None) -> None:
    """A person."""
    insert(tx, accounts, id=who, quota=quota)
