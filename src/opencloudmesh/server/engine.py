"""Connections to SQLite and PostgreSQL, and everything in which the two differ.

An engine for writing makes writing transactions exclude each other, those of other processes included. A transaction
of an engine for reading sees one moment of the database, never waits for a writer, and can change nothing.
"""

from __future__ import annotations

import sqlite3
from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.errors import Invalid

LOCK_WAIT = 15.0  # seconds that a write waits for another process that is writing

# libpq's own defaults wait for hours where the database's machine has vanished without a word.
PATIENCE = {"connect_timeout": 5, "keepalives_idle": 15, "tcp_user_timeout": 15_000}
WRITE_LOCK = 0x6F636D  # "ocm": a number that all our processes agree on


def open_engine(url: str, *, read_only: bool = False) -> sa.Engine:
    """An engine for `url` as SQLAlchemy spells it; `postgresql://` means psycopg."""
    parsed = sa.make_url(url)
    match parsed.get_backend_name():
        case "sqlite":
            return _sqlite(parsed, read_only)
        case "postgresql":
            return _postgresql(parsed.set(drivername="postgresql+psycopg"), read_only)
        case other:
            raise Invalid(f"The database is sqlite:// or postgresql://, and not {other}://.")


def is_fault(error: BaseException) -> bool:
    """Whether an error is the database's (gone, locked, full, shutting down) and not the statement's."""
    if not isinstance(error, sa.exc.DBAPIError):
        return False
    in_statement = getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR  # "no such table"
    return error.connection_invalidated or (isinstance(error, sa.exc.OperationalError) and not in_statement)


def _sqlite(url: sa.URL, read_only: bool) -> sa.Engine:
    # isolation_level None: the driver begins no transactions, we do.
    engine = sa.create_engine(url, hide_parameters=True, connect_args={"timeout": LOCK_WAIT, "isolation_level": None})
    # WAL: readers never wait for the writer. FULL: what was acknowledged survives a power cut.
    pragmas = ["journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"]
    pragmas += ["query_only=ON"] if read_only else []
    # A write takes the lock at once: a transaction that reads first and writes later would fail with "busy".
    begin = "BEGIN" if read_only else "BEGIN IMMEDIATE"

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: Any) -> None:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _postgresql(url: sa.URL, read_only: bool) -> sa.Engine:
    engine = sa.create_engine(
        url,
        hide_parameters=True,  # they may be secrets, and errors are logged
        pool_pre_ping=True,  # a connection that died while it was idle is replaced and not an error
        isolation_level="REPEATABLE READ" if read_only else "READ COMMITTED",
        execution_options={"postgresql_readonly": read_only},
        connect_args={name: value for name, value in PATIENCE.items() if name not in url.query},
    )
    if read_only:
        return engine

    @sa.event.listens_for(engine, "begin")
    def _take_turns(connection: sa.Connection) -> None:
        # What BEGIN IMMEDIATE is on SQLite: two servers (or a server and a command line) never change at once, so
        # a gesture may look first and change then. Ends with the transaction, also when its process dies.
        connection.exec_driver_sql(
            f"SELECT set_config('lock_timeout', '{LOCK_WAIT * 1000:.0f}', true), pg_advisory_xact_lock({WRITE_LOCK})"
        )

    return engine
