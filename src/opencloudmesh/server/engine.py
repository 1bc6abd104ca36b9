"""Connections to SQLite and PostgreSQL, and everything in which the two differ.

An engine for writing makes writing transactions exclude each other, those of other processes included. A transaction
of an engine for reading sees one moment of the database, never waits for a writer, and can change nothing.
"""

from __future__ import annotations

import sqlite3
import time
from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.errors import Invalid

LOCK_WAIT = 15.0  # seconds that a write waits for another process that is writing

# libpq's own defaults wait for hours where the database's machine has vanished without a word.
PATIENCE = {"connect_timeout": 5, "keepalives_idle": 15, "tcp_user_timeout": 15_000}
STATEMENT_ERRORS = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_READONLY}  # "no such table", a query that would change
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
            raise Invalid("The database is sqlite:// or postgresql://, and not {other}://.", other=other)


def is_fault(error: BaseException) -> bool:
    """Whether an error is the database's (gone, locked, full, shutting down) and not the statement's."""
    if not isinstance(error, sa.exc.DBAPIError):
        return False
    blames_statement = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in STATEMENT_ERRORS
    return error.connection_invalidated or (isinstance(error, sa.exc.OperationalError) and not blames_statement)


def _sqlite(url: sa.URL, read_only: bool) -> sa.Engine:
    # isolation_level None: the driver begins no transactions, we do.
    engine = sa.create_engine(url, hide_parameters=True, connect_args={"timeout": LOCK_WAIT, "isolation_level": None})
    pragmas = ["synchronous=FULL", "foreign_keys=ON"]  # FULL: what was acknowledged survives a power cut
    pragmas += ["query_only=ON"] if read_only else []
    # A write takes the lock at once: a transaction that reads first and writes later would fail with "busy".
    begin = "BEGIN" if read_only else "BEGIN IMMEDIATE"

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: Any) -> None:
        _write_ahead(connection)
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switches to the write-ahead log, with which readers never wait for the writer.

    Where two processes open a new database at once, SQLite does not wait here as it does elsewhere.
    """
    until = time.monotonic() + LOCK_WAIT
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)


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

    # What BEGIN IMMEDIATE is on SQLite: two servers (or a server and a command line) never change at once, so a
    # gesture may look first and change then. The lock ends with the transaction, when the process dies, and when
    # its machine has vanished: gestures wait for nobody, so one that has been silent for so long is gone.
    wait, silence = f"{LOCK_WAIT * 1000:.0f}", f"{LOCK_WAIT * 4000:.0f}"  # milliseconds
    lock = (
        f"SELECT set_config('lock_timeout', '{wait}', true), pg_advisory_xact_lock({WRITE_LOCK}), "
        f"set_config('idle_in_transaction_session_timeout', '{silence}', true)"
    )

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(lock)

    return engine
