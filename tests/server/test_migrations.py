"""Databases are made by migrations, and are then what `schema` says."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from opencloudmesh.protocol.errors import Invalid, OcmError
from opencloudmesh.server import migrate
from opencloudmesh.server.database import Database
from opencloudmesh.server.schema import accounts, metadata

UPGRADE = """
import sys
from opencloudmesh.server import migrate
print("ready", flush=True)
input()
migrate.upgrade(sys.argv[1])
"""

NewDatabase = Callable[..., str]
HEAD = "0022"


@pytest.fixture
def bare_url(new_database_url: NewDatabase) -> str:
    return new_database_url(bare=True)


def inspect(url: str, look: Callable[[sa.Connection], Any]) -> Any:
    with closing(Database(url)) as database:
        return database.read_now(lambda tx: look(tx.connection))


def change(url: str, *statements: str) -> None:
    with closing(Database(url)) as database:
        database.write_now(lambda tx: [tx.run(sa.text(statement)) for statement in statements])


def tables(connection: sa.Connection) -> dict[str, Any]:
    """Everything that can be seen of the tables, names of constraints included."""
    inspector = sa.inspect(connection)
    return {
        name: {
            "columns": [{**column, "type": repr(column["type"])} for column in inspector.get_columns(name)],
            "primary key": inspector.get_pk_constraint(name),
            "foreign keys": inspector.get_foreign_keys(name),
            "unique": sorted(inspector.get_unique_constraints(name), key=lambda found: str(found["name"])),
            "indexes": inspector.get_indexes(name),
            "checks": inspector.get_check_constraints(name),
        }
        for name in inspector.get_table_names()
        if name != "alembic_version"
    }


def test_alembic_finds_no_difference_between_migrations_and_schema(database_url: str) -> None:
    def differences(connection: sa.Connection) -> Any:
        options = {"compare_type": True, "target_metadata": metadata}
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)

    assert inspect(database_url, differences) == []


def test_migrations_build_the_tables_that_the_schema_would_build(database_url: str, bare_url: str) -> None:
    with closing(Database(bare_url)) as database:
        database.write_now(lambda tx: metadata.create_all(tx.connection))

    assert set(inspect(database_url, tables)) == set(metadata.tables)
    assert inspect(database_url, tables) == inspect(bare_url, tables)


def test_a_fresh_database_has_no_revision_and_an_upgraded_one_has(bare_url: str) -> None:
    assert migrate.current(bare_url) is None

    migrate.upgrade(bare_url)

    assert migrate.current(bare_url) == HEAD


def test_a_second_upgrade_changes_nothing(bare_url: str) -> None:
    migrate.upgrade(bare_url)
    change(bare_url, "INSERT INTO accounts (id, name, password, created) VALUES ('alice', 'Alice', '', 0)")
    before = inspect(bare_url, tables), migrate.current(bare_url)

    migrate.upgrade(bare_url)

    assert (inspect(bare_url, tables), migrate.current(bare_url)) == before
    assert inspect(bare_url, lambda connection: connection.scalars(sa.select(accounts.c.id)).all()) == ["alice"]


def test_an_upgrade_that_fails_leaves_nothing_behind(bare_url: str) -> None:
    change(bare_url, "CREATE TABLE moves (id INTEGER)")

    with pytest.raises(sa.exc.DBAPIError, match="already exists"):
        migrate.upgrade(bare_url)

    assert list(inspect(bare_url, tables)) == ["moves"]
    assert migrate.current(bare_url) is None


def test_servers_that_start_at_the_same_moment_upgrade_once(bare_url: str) -> None:
    servers = [
        subprocess.Popen([sys.executable, "-c", UPGRADE, bare_url], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    for server in servers:
        assert server.stdout
        assert server.stdout.readline() == b"ready\n"
    for server in servers:
        assert server.stdin
        server.stdin.write(b"\n")
        server.stdin.flush()

    assert [server.communicate() and server.returncode for server in servers] == [0, 0]
    assert set(inspect(bare_url, tables)) == set(metadata.tables)


def test_a_database_of_a_newer_release_is_refused_and_left_alone(database_url: str) -> None:
    change(database_url, "UPDATE alembic_version SET version_num = '9999'", "DROP TABLE moves")
    before = inspect(database_url, tables)

    with pytest.raises(OcmError, match=r"newer release \(revision 9999\)"):
        migrate.upgrade(database_url)

    assert inspect(database_url, tables) == before
    assert migrate.current(database_url) == "9999"


def test_an_upgrade_says_nothing_in_the_log(bare_url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    migrate.upgrade(bare_url)

    assert caplog.records == []


def test_a_postgresql_url_needs_no_driver(new_postgresql_url: NewDatabase) -> None:
    url = new_postgresql_url(bare=True).replace("postgresql+psycopg://", "postgresql://")

    migrate.upgrade(url)

    assert migrate.current(url) == HEAD


def test_other_databases_are_refused() -> None:
    with pytest.raises(Invalid, match="not mysql"):
        migrate.upgrade("mysql://localhost/ocm")
