"""Databases for tests. A test that asks for one runs twice, on SQLite and on PostgreSQL.

`database_url` is a database of its own, with all tables and no rows; `database` is the same, opened. A test that
needs several (a server each) takes `new_database_url` and calls it.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests import postgres
from tests.journeys.foreign.matrix import Matrix
from tests.tools import find, require

from opencloudmesh.protocol import keys
from opencloudmesh.server import migrate
from opencloudmesh.server.database import Database, sqlite_url

NewDatabase = Callable[..., str]


@pytest.fixture(scope="session", autouse=True)
def _keys_are_read_quickly() -> Iterator[None]:
    """Checking the primes of an RSA key takes longer than most tests; each of their servers reads one of a few keys."""
    with pytest.MonkeyPatch.context() as patch:
        quick = partial(keys.load_pem_private_key, unsafe_skip_rsa_key_validation=True)
        patch.setattr(keys, "load_pem_private_key", quick)
        yield


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An open database with all tables and no rows."""
    with closing(Database(database_url)) as opened:
        yield opened


@pytest.fixture
def database_url(new_database_url: NewDatabase) -> str:
    """The URL of a database with all tables and no rows."""
    return new_database_url()


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database_url(request: pytest.FixtureRequest) -> NewDatabase:
    """Makes a database at each call and gives its URL: with all tables and no rows, or `bare=True` without tables."""
    make: NewDatabase = request.getfixturevalue(f"new_{request.param}_url")
    return make


@pytest.fixture
def new_sqlite_url(sqlite_template: Path, tmp_path: Path) -> NewDatabase:
    numbers = itertools.count(1)

    def new(*, bare: bool = False) -> str:
        folder = tmp_path / f"database-{next(numbers)}"
        folder.mkdir()
        if not bare:
            shutil.copy(sqlite_template, folder)
        return sqlite_url(folder)

    return new


@pytest.fixture
def new_postgresql_url(request: pytest.FixtureRequest) -> Iterator[NewDatabase]:
    executable = find("postgresql")
    request.node.user_properties.append(("postgresql", postgres.version(executable) if executable else None))
    server: psycopg.Connection[Any] = request.getfixturevalue("postgresql")
    names: list[str] = []

    def new(*, bare: bool = False) -> str:
        names.append(f"test_{next(_database_numbers)}")
        server.execute(f"CREATE DATABASE {names[-1]} TEMPLATE {'template0' if bare else 'template'}")
        return _url(server, names[-1])

    yield new
    for name in names:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


_database_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with all tables, to be copied."""
    folder = tmp_path_factory.mktemp("template")
    migrate.upgrade(sqlite_url(folder))
    return folder / "ocm.sqlite3"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[psycopg.Connection[Any]]:
    """The administrator of a PostgreSQL server of ours. Its database `template` has all tables, to be copied."""
    with (
        postgres.serve(require("postgresql")) as host,
        psycopg.connect(host=host, user="postgres", autocommit=True) as server,
    ):
        server.execute("CREATE DATABASE template")
        migrate.upgrade(_url(server, "template"))
        yield server


def _url(server: psycopg.Connection[Any], name: str) -> str:
    return f"postgresql+psycopg://postgres@/{name}?host={server.info.host}"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-matrix", action="store_true", help="write what works with whom into its page")


def pytest_configure(config: pytest.Config) -> None:
    """What the journeys with other families show is held against the page that says it."""
    if not hasattr(config, "workerinput"):  # a worker of xdist sends its reports home
        config.pluginmanager.register(Matrix(config))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says whether the tests of databases ran on PostgreSQL."""
    reports = [report for group in terminalreporter.stats.values() for report in group]
    versions = {dict(getattr(report, "user_properties", ())).get("postgresql", "") for report in reports} - {""}
    for version in versions:
        said = (
            f" {version}: tests ran on it too" if version else ": not found on this machine; its tests were left out."
        )
        terminalreporter.write_line(f"PostgreSQL{said}")
