"""Brings a database to the tables of `schema.py`, by the steps in `migrations/`.

    upgrade("postgresql://ocm@db.example/ocm")

All steps that are missing are made in one writing transaction: they are there altogether or not at all, and of
servers that start at the same moment one makes them while the others wait.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from opencloudmesh.protocol.errors import OcmError, Unavailable
from opencloudmesh.server.engine import is_fault, open_engine

logging.getLogger("alembic").setLevel(logging.WARNING)  # it announces each step, and at every start


def upgrade(url: str) -> None:
    """Brings a database to the newest revision; does nothing where it is there already.

    Raises `OcmError` where a newer release has been at it, `Unavailable` where it does not answer.
    """
    with _transaction(url) as connection:
        revision = _revision(connection)
        newest, *older = _steps()
        if revision == newest:
            return
        if revision not in (None, *older):
            raise OcmError(
                "The database is of a newer release (revision {revision}): install that one, or a later.",
                revision=revision,
            )
        command.upgrade(_config(connection=connection), "head")
        if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
            raise OcmError("The database refers to rows that do not exist; it was left as it was.")


def current(url: str) -> str | None:
    """The revision a database is at, None for an empty one."""
    with _transaction(url, read_only=True) as connection:
        return _revision(connection)


def draft(message: str) -> None:
    """Writes the file of the next step, with the difference between `schema.py` and the newest revision in it."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/draft.sqlite3"
        upgrade(url)
        with _transaction(url) as connection:
            number = int(_revision(connection) or "0") + 1
            command.revision(_config(connection=connection), message, autogenerate=True, rev_id=f"{number:04}")


@contextmanager
def _transaction(url: str, *, read_only: bool = False) -> Iterator[sa.Connection]:
    """One transaction, on a connection of its own."""
    engine = open_engine(url, read_only=read_only)
    try:
        with engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                # SQLite alters a table by copying and dropping it, which would delete what refers to it. The
                # pragma has no effect inside a transaction.
                connection.connection.execute("PRAGMA foreign_keys=OFF")
            with connection.begin():
                yield connection
    except sa.exc.DBAPIError as error:
        if is_fault(error):
            raise Unavailable("The database does not answer at the moment.", detail=str(error)) from error
        raise
    finally:
        engine.dispose()


def _revision(connection: sa.Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


@cache
def _steps() -> tuple[str, ...]:
    """The revisions that there are, newest first."""
    return tuple(step.revision for step in ScriptDirectory.from_config(_config()).walk_revisions())


def _config(**attributes: Any) -> Config:
    config = Config(attributes=attributes)
    config.set_main_option("script_location", "opencloudmesh.server:migrations")
    return config


if __name__ == "__main__":
    draft(" ".join(sys.argv[1:]))
