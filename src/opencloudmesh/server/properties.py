"""Properties that WebDAV clients invented and we only keep (RFC 4918, 4: "dead properties").

They belong to a path of an account's tree, whichever way it is reached, and go where it goes. A name is
`{namespace}local`, a value the whole element as XML text that needs no declarations from around it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import sqlalchemy as sa

from opencloudmesh.protocol.errors import InsufficientStorage
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import properties
from opencloudmesh.server.subtrees import at_or_below, at_or_directly_in, moved

MAX_VALUE = 64 * 1024  # characters of one property
MAX_ALL = 16 << 20  # characters of all properties of an account: a listing holds those of a folder in memory

Values = Mapping[str, str]


def of(tx: Tx, account: str, path: str) -> Values:
    """The properties of one path: name -> element."""
    return {row.name: row.value for row in tx.all(sa.select(properties).where(_at(account, path)))}


def of_folder(tx: Tx, account: str, path: str) -> Mapping[str, Values]:
    """The properties of a folder and of its children: path -> name -> element."""
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    where = sa.and_(properties.c.account == account, at_or_directly_in(properties.c.path, path))
    for row in tx.all(sa.select(properties).where(where)):
        found[row.path][row.name] = row.value
    return found


def change(tx: Tx, account: str, path: str, changes: Mapping[str, str | None]) -> None:
    """Sets properties, removes those whose value is None. `InsufficientStorage` where that is too much."""
    for name, value in changes.items():
        if value is None:
            tx.run(sa.delete(properties).where(_at(account, path), properties.c.name == name))
        elif len(name) + len(value) > MAX_VALUE:
            raise InsufficientStorage("The property is too long.")
        else:
            tx.upsert(properties, {"account": account, "path": path, "name": name}, {"value": value})
    length = sa.func.length(properties.c.name) + sa.func.length(properties.c.value)
    total = tx.one(sa.select(sa.func.sum(length)).where(properties.c.account == account))
    if total is not None and (total[0] or 0) > MAX_ALL:
        raise InsufficientStorage("There are too many properties.")


def forget(tx: Tx, account: str, path: str) -> None:
    """What was at a path, or below it, is gone."""
    tx.run(sa.delete(properties).where(_below(account, path)))


def move(tx: Tx, account: str, source: str, target: str) -> None:
    """What was at a path, or below it, is elsewhere; what was there before is gone."""
    forget(tx, account, target)
    path = moved(properties.c.path, source, target)
    tx.run(sa.update(properties).where(_below(account, source)).values(path=path))


def copy(tx: Tx, account: str, source: str, target: str, *, deep: bool) -> None:
    """What is at a path (`deep`: or below it) is elsewhere too; what was there before is gone."""
    forget(tx, account, target)
    columns = properties.c
    copied = sa.select(columns.account, moved(columns.path, source, target), columns.name, columns.value)
    where = _below(account, source) if deep else _at(account, source)
    tx.run(sa.insert(properties).from_select(list(columns.keys()), copied.where(where)))


def _at(account: str, path: str) -> sa.ColumnElement[bool]:
    return sa.and_(properties.c.account == account, properties.c.path == path)


def _below(account: str, path: str) -> sa.ColumnElement[bool]:
    return sa.and_(properties.c.account == account, at_or_below(properties.c.path, path))
