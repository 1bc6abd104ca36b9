"""Rows that belong to paths: which of them lie in a folder, and where they are once it has moved.

Shares, mounts, locks and properties all name a path of an account's tree. The comparisons are exact in every
collation: SQLite's LIKE ignores case and PostgreSQL's order depends on the locale, a prefix by `substr` does not.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa


def at_or_below(path: sa.ColumnElement[Any], folder: str) -> sa.ColumnElement[bool]:
    """The rows whose path is `folder` or lies below it; all of them for ""."""
    if not folder:
        return sa.true()
    return sa.or_(path == folder, sa.func.substr(path, 1, len(folder) + 1) == folder + "/")


def at_or_directly_in(path: sa.ColumnElement[Any], folder: str) -> sa.ColumnElement[bool]:
    """The rows whose path is `folder` or that of one of its children."""
    rest = sa.func.substr(path, len(folder) + 2 if folder else 1)
    return sa.and_(at_or_below(path, folder), ~rest.like("%/%"))


def moved(path: sa.ColumnElement[Any], source: str, target: str) -> sa.ColumnElement[str]:
    """The path of a row at or below `source`, after `source` has become `target`. Neither may be ""."""
    return sa.literal(target).concat(sa.func.substr(path, len(source) + 1))
