"""The database when something goes wrong: a process is killed, another one holds the lock, a connection is lost."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from opencloudmesh.protocol.errors import Unavailable
from opencloudmesh.server import engine
from opencloudmesh.server.database import Database, Tx

numbers = sa.Table(
    "numbers", sa.MetaData(), sa.Column("number", sa.Integer, primary_key=True), sa.Column("batch", sa.Integer)
)

# Writes numbers for ever, 16 at a time, and says so: "begun NUMBER GROUP" inside the transaction, and "stored NUMBER"
# when the write was acknowledged. A line is one system call, so that none is torn when the process is killed.
ENDLESS_WRITER = """
import asyncio, itertools, os, sys
import sqlalchemy as sa
from opencloudmesh.server.database import Database

database, numbers, groups = Database(sys.argv[1]), itertools.count(int(sys.argv[2])), itertools.count(int(sys.argv[2]))
sa.event.listen(database.engine, "begin", lambda connection: connection.info.update(group=next(groups)))

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

async def write():
    for number in numbers:
        def gesture(tx):
            group = tx.connection.info["group"]
            say("begun", number, group)
            tx.run(sa.text("INSERT INTO numbers VALUES (:number, :group)").bindparams(number=number, group=group))
        await database.write(gesture)
        say("stored", number)

async def main():
    await asyncio.gather(*(write() for _ in range(16)))

asyncio.run(main())
"""

# Writes one number, and commits it when it is told to.
SLOW_WRITER = """
import sys
import sqlalchemy as sa
from opencloudmesh.server.database import Database

def gesture(tx):
    tx.run(sa.text("INSERT INTO numbers (number) VALUES (1)"))
    print("inside", flush=True)
    sys.stdin.readline()

Database(sys.argv[1]).write_now(gesture)
"""


@pytest.fixture
def database(database: Database) -> Database:
    database.write_now(lambda tx: numbers.create(tx.connection))
    return database


@pytest.fixture
def postgresql_database(new_postgresql_url: Callable[..., str]) -> Iterator[Database]:
    with closing(Database(new_postgresql_url())) as database:
        database.write_now(lambda tx: numbers.create(tx.connection))
        yield database


def add(number: int) -> Callable[[Tx], int]:
    def gesture(tx: Tx) -> int:
        tx.run(sa.insert(numbers), {"number": number})
        return number

    return gesture


def stored(tx: Tx) -> list[int]:
    return [row.number for row in tx.all(sa.select(numbers).order_by(numbers.c.number))]


@contextmanager
def program(source: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Runs Python in a process of its own, which is gone at the end."""
    with subprocess.Popen(
        [sys.executable, "-c", source, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def write_until_killed(url: str, first: int, acknowledged: int) -> list[list[str]]:
    """Kills a writer once it has had so many writes acknowledged; gives the words of all lines that it has said."""
    said: list[list[str]] = []
    with program(ENDLESS_WRITER, url, first) as writer:
        assert writer.stdout
        for line in writer.stdout:
            said.append(line.split())
            acknowledged -= said[-1][0] == "stored"
            if acknowledged == 0:
                writer.kill()
    assert writer.returncode == -9
    return said


def test_what_was_acknowledged_survives_a_kill_and_groups_are_never_torn(database: Database) -> None:
    acknowledged: set[int] = set()
    begun: dict[int, set[int]] = defaultdict(set)
    for start in range(0, 5_000_000, 1_000_000):
        for word, number, *group in write_until_killed(database.url, start, random.randint(1, 400)):
            if word == "stored":
                acknowledged.add(int(number))
            else:
                begun[int(group[0])].add(int(number))

        rows = database.read_now(lambda tx: tx.all(sa.select(numbers)))
        found: dict[int, set[int]] = defaultdict(set)
        for row in rows:
            found[row.batch].add(row.number)
        assert acknowledged <= {row.number for row in rows}
        assert all(members == begun[batch] for batch, members in found.items())


async def test_a_write_waits_for_another_process_and_reads_do_not(database: Database) -> None:
    with program(SLOW_WRITER, database.url) as other:
        assert other.stdout
        assert other.stdin
        assert await asyncio.to_thread(other.stdout.readline) == "inside\n"
        write = asyncio.create_task(database.write(lambda tx: (stored(tx), add(2)(tx))))
        assert await database.read(stored) == []
        other.stdin.write("go on\n")
        other.stdin.flush()

        assert await write == ([1], 2)


async def test_a_lock_that_is_held_too_long_refuses_the_write_and_later_ones_work(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "LOCK_WAIT", 0.05)
    with closing(Database(database.url)) as impatient, program(SLOW_WRITER, database.url) as other:
        assert other.stdout
        assert await asyncio.to_thread(other.stdout.readline) == "inside\n"

        with pytest.raises(Unavailable):
            await impatient.write(add(2))
        assert await impatient.read(stored) == []
        other.kill()
        await asyncio.to_thread(other.wait)

        # The lock of a process that has died is free at once on SQLite, and once PostgreSQL has noticed.
        assert await database.write(add(3)) == 3
        assert await impatient.write(add(4)) == 4
        assert await impatient.read(stored) == [3, 4]


def test_a_database_that_is_not_there_is_unavailable(tmp_path: Any) -> None:
    for url in (f"sqlite:///{tmp_path}/missing/ocm.sqlite3", f"postgresql://ocm@/ocm?host={tmp_path}"):
        with closing(Database(url)) as database:
            with pytest.raises(Unavailable):
                database.write_now(add(1))
            with pytest.raises(Unavailable):
                database.read_now(stored)


def terminate(server: psycopg.Connection[Any], pids: list[int]) -> None:
    """Ends connections from the other side, and waits until they are gone."""
    for pid in pids:
        assert server.execute("SELECT pg_terminate_backend(%s, 10000)", [pid]).fetchone() == (True,)


def pid(tx: Tx) -> int:
    return int(tx.connection.scalar(sa.text("SELECT pg_backend_pid()")))


async def test_a_process_that_falls_silent_within_a_write_loses_the_lock(postgresql_database: Database) -> None:
    hasty = "from opencloudmesh.server import engine; engine.LOCK_WAIT = 0.02" + SLOW_WRITER
    with program(hasty, postgresql_database.url) as other:
        assert other.stdout
        assert await asyncio.to_thread(other.stdout.readline) == "inside\n"

        assert await postgresql_database.write(add(2)) == 2
        assert await postgresql_database.read(stored) == [2]


async def test_connections_that_were_lost_while_idle_are_replaced(
    postgresql_database: Database, postgresql: psycopg.Connection[Any]
) -> None:
    database = postgresql_database
    terminate(postgresql, [await database.write(pid), await database.read(pid)])

    assert await database.write(add(1)) == 1
    assert await database.read(stored) == [1]


async def test_a_connection_lost_within_a_group_refuses_the_group_and_later_writes_work(
    postgresql_database: Database, postgresql: psycopg.Connection[Any]
) -> None:
    database = postgresql_database
    entered, leave = threading.Event(), threading.Event()

    def lose_the_connection(tx: Tx) -> int:
        terminate(postgresql, [pid(tx)])
        return add(2)(tx)

    def wait(tx: Tx) -> int:
        entered.set()
        leave.wait(60)
        return add(1)(tx)

    first = asyncio.create_task(database.write(wait))
    await asyncio.to_thread(entered.wait)
    group = [asyncio.create_task(database.write(gesture)) for gesture in (add(10), lose_the_connection, add(11))]
    await asyncio.sleep(0)
    leave.set()
    await first

    outcomes = await asyncio.gather(*group, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 3
    assert await database.write(add(3)) == 3
    assert await database.read(stored) == [1, 3]


async def test_a_connection_lost_within_a_query_is_unavailable_and_later_queries_work(
    postgresql_database: Database, postgresql: psycopg.Connection[Any]
) -> None:
    def lose_the_connection(tx: Tx) -> list[int]:
        terminate(postgresql, [pid(tx)])
        return stored(tx)

    with pytest.raises(Unavailable):
        await postgresql_database.read(lose_the_connection)
    assert await postgresql_database.read(stored) == []
