"""What our people share on of what they received: how it follows that, in the transaction in which that changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.protocols import SHARE
from opencloudmesh.server import news, shares
from opencloudmesh.server.bounds import Bounds
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import shares as table
from opencloudmesh.server.subtrees import at_or_below
from opencloudmesh.server.subtrees import moved as moved_path

Row = sa.Row[Any]


def ended(tx: Tx, received_id: str, *, by_person: bool) -> None:
    """It is not there any more: what was shared on of it ends, and who did that is told unless it was `by_person`.

    What its owner's server gives is that server's to end, which has done so or hears that we left.
    """
    says = None if by_person else news.NOT_ON
    for row in _in_force(tx, received_id):
        shares.end(tx, row, told=row.at_owner["host"] if row.at_owner else "", says=says)


def changed(tx: Tx, received_id: str, limits: Bounds) -> None:
    """It has become narrower, or wider; what was shared on of it never becomes wider by that.

    Who may not share it on any more does not: its owner could not see who has it from us, nor end that.
    """
    for row in _in_force(tx, received_id):
        if SHARE not in limits.permissions and row.state != shares.PASSED_ON:
            shares.end(tx, row, says=news.NOT_ON)
        else:
            shares.narrow(tx, row, limits)


def moved(tx: Tx, owner: str, source: str, target: str) -> None:
    """It, or a part of it, is somewhere else in the person's tree."""
    of_it = (table.c.owner == owner, at_or_below(table.c.path, source))
    tx.run(table.update().where(*of_it).values(path=moved_path(table.c.path, source, target)))


def _in_force(tx: Tx, received_id: str) -> Sequence[Row]:
    return tx.all(sa.select(table).where(table.c.received == received_id, table.c.state.in_(shares.IN_FORCE)))
