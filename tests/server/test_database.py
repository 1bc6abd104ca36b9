"""What `server/database.py` promises to gestures and queries, on both databases."""

from __future__ import annotations

import asyncio
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress

import pytest
import sqlalchemy as sa

from opencloudmesh.protocol.errors import Conflict, Unavailable
from opencloudmesh.server.database import MAX_GROUP, Database, Tx
from opencloudmesh.server.schema import peers

numbers = sa.Table("numbers", sa.MetaData(), sa.Column("number", sa.Integer, primary_key=True))


@pytest.fixture
def database(database: Database) -> Database:
    database.write_now(lambda tx: numbers.create(tx.connection))
    return database


@pytest.fixture
def commits(database: Database) -> list[sa.Connection]:
    """Gets an element at each commit."""
    counted: list[sa.Connection] = []
    sa.event.listen(database.engine, "commit", counted.append)
    return counted


def add(number: int) -> Callable[[Tx], int]:
    def gesture(tx: Tx) -> int:
        tx.run(sa.insert(numbers), {"number": number})
        return number

    return gesture


def stored(tx: Tx) -> list[int]:
    return [row.number for row in tx.all(sa.select(numbers).order_by(numbers.c.number))]


@asynccontextmanager
async def busy_writer(database: Database) -> AsyncIterator[None]:
    """Keeps the writer in a gesture, so that what is written inside queues up behind it."""
    entered, leave = threading.Event(), threading.Event()

    def gesture(tx: Tx) -> None:
        entered.set()
        leave.wait(60)

    busy = asyncio.create_task(database.write(gesture))
    await asyncio.to_thread(entered.wait)
    try:
        yield
    finally:
        leave.set()
        await busy


async def submit(database: Database, *gestures: Callable[[Tx], int]) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(database.write(gesture)) for gesture in gestures]
    await asyncio.sleep(0)  # each task runs until it waits for its result: then its gesture has queued up
    return tasks


async def test_a_write_is_seen_by_the_next_read(database: Database) -> None:
    for number in range(50):
        assert await database.write(add(number)) == number
        assert (await database.read(stored))[-1] == number


async def test_writes_happen_in_the_order_in_which_they_were_asked_for(database: Database) -> None:
    carried_out: list[int] = []

    def note(number: int) -> Callable[[Tx], None]:
        return lambda _tx: carried_out.append(number)

    await asyncio.gather(*(database.write(note(number)) for number in range(300)))

    assert carried_out == list(range(300))


async def test_writes_that_queue_up_are_committed_together(database: Database, commits: list[sa.Connection]) -> None:
    async with busy_writer(database):
        tasks = await submit(database, *map(add, range(4 * MAX_GROUP)))
    await asyncio.gather(*tasks)

    assert len(commits) == 1 + 4
    assert await database.read(stored) == list(range(4 * MAX_GROUP))


def refuse(tx: Tx) -> int:
    add(2)(tx)
    raise Conflict("no")


def violate(tx: Tx) -> int:
    return add(2)(tx) + add(2)(tx)


def misspell(tx: Tx) -> int:
    add(2)(tx)
    return tx.run(sa.text("INSERT INTO nowhere VALUES (1)")).rowcount


def overlook(tx: Tx) -> int:
    """PostgreSQL refuses further statements once one has failed; SQLite does not."""
    with pytest.raises(sa.exc.DBAPIError):
        misspell(tx)
    raise Conflict("no")


def hold_a_savepoint(tx: Tx) -> int:
    tx.connection.begin_nested()
    add(2)(tx)
    raise Conflict("no")


@pytest.mark.parametrize(
    ("fail", "error"),
    [
        (refuse, Conflict),
        (violate, sa.exc.IntegrityError),
        (misspell, sa.exc.DBAPIError),
        (overlook, Conflict),
        (hold_a_savepoint, Conflict),
    ],
)
async def test_a_gesture_that_fails_is_undone_alone(
    database: Database, commits: list[sa.Connection], fail: Callable[[Tx], int], error: type[Exception]
) -> None:
    async with busy_writer(database):
        tasks = await submit(database, add(1), fail, add(3))
    before, failed, after = await asyncio.gather(*tasks, return_exceptions=True)

    assert (before, after) == (1, 3)
    assert isinstance(failed, error)
    assert await database.read(stored) == [1, 3]
    assert len(commits) == 2


async def test_what_a_gesture_raises_comes_through_unchanged(database: Database) -> None:
    error = KeyError("mine")

    def fail(tx: Tx) -> None:
        raise error

    with pytest.raises(KeyError) as written:
        await database.write(fail)
    with pytest.raises(KeyError) as read:
        await database.read(fail)

    assert written.value is error
    assert read.value is error


async def test_a_gesture_that_raises_stop_iteration_ends(database: Database) -> None:
    with pytest.raises(RuntimeError):
        await database.write(lambda _tx: next(iter([])))
    with pytest.raises(RuntimeError):
        await database.read(lambda _tx: next(iter([])))


async def test_a_gesture_that_ends_the_thread_ends_its_group_and_not_the_writer(database: Database) -> None:
    async with busy_writer(database):
        tasks = await submit(database, add(1), lambda _tx: sys.exit(1))
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]
    assert await database.write(add(2)) == 2
    assert await database.read(stored) == [2]


async def test_a_write_that_is_cancelled_while_it_waits_is_taken_back(database: Database) -> None:
    async with busy_writer(database):
        before, cancelled, after = await submit(database, add(1), add(2), add(3))
        cancelled.cancel()
        await asyncio.wait([cancelled])
    await asyncio.gather(before, after)

    assert cancelled.cancelled()
    assert await database.read(stored) == [1, 3]


async def test_a_write_that_is_cancelled_while_it_happens_is_carried_out(database: Database) -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow(tx: Tx) -> int:
        entered.set()
        leave.wait(60)
        return add(1)(tx)

    [cancelled] = await submit(database, slow)
    await asyncio.to_thread(entered.wait)
    cancelled.cancel()
    await asyncio.wait([cancelled])
    leave.set()

    assert await database.write(add(2)) == 2
    assert cancelled.cancelled()
    assert await database.read(stored) == [1, 2]


async def test_a_transaction_knows_its_moment_and_makes_its_secrets(database_url: str) -> None:
    with closing(Database(database_url, clock=lambda: 1_700_000_000.9, secret=lambda: "made up")) as database:
        assert await database.write(lambda tx: (tx.now, tx.secret())) == (1_700_000_000, "made up")
        assert await database.read(lambda tx: (tx.now, tx.secret())) == (1_700_000_000, "made up")


async def test_secrets_are_random_and_of_43_characters(database: Database) -> None:
    made = await database.read(lambda tx: {tx.secret() for _ in range(100)})

    assert len(made) == 100
    assert {len(secret) for secret in made} == {43}


async def test_an_identifier_has_24_hexadecimal_digits_and_is_new_each_time(database: Database) -> None:
    made = await database.read(lambda tx: [tx.id() for _ in range(100)])

    assert len(set(made)) == 100
    assert all(len(identifier) == 24 and int(identifier, 16) for identifier in made)


async def test_an_upsert_inserts_once_and_updates_then(database: Database) -> None:
    def upsert(base_url: str) -> Callable[[Tx], None]:
        return lambda tx: tx.upsert(peers, {"host": "peer.example"}, {"base_url": base_url})

    await database.write(upsert("https://one.example"))
    await database.write(upsert("https://two.example"))

    [row] = await database.read(lambda tx: tx.all(sa.select(peers)))
    assert (row.host, row.base_url) == ("peer.example", "https://two.example")


async def test_a_row_is_inserted_only_where_its_key_is_new(database: Database) -> None:
    assert await database.write(lambda tx: tx.insert_new(peers, {"host": "peer.example", "base_url": "first"}))
    assert not await database.write(lambda tx: tx.insert_new(peers, {"host": "peer.example", "base_url": "second"}))

    [row] = await database.read(lambda tx: tx.all(sa.select(peers)))
    assert row.base_url == "first"


async def test_a_query_sees_one_moment(database: Database) -> None:
    def look_twice(tx: Tx) -> tuple[list[int], list[int]]:
        first = stored(tx)
        database.write_now(add(1))
        return first, stored(tx)

    assert await database.read(look_twice) == ([], [])
    assert await database.read(stored) == [1]


async def test_a_query_can_change_nothing(database: Database) -> None:
    with pytest.raises(sa.exc.DBAPIError, match=r"read-?only"):
        await database.read(add(1))

    assert await database.read(stored) == []


async def test_queries_do_not_wait_for_the_writer(database: Database) -> None:
    async with busy_writer(database):
        assert await database.read(stored) == []


async def test_closing_lets_queued_gestures_finish_and_refuses_further_ones(database: Database) -> None:
    queued = list(range(2 * MAX_GROUP + 1))
    async with busy_writer(database):
        tasks = await submit(database, *map(add, queued))
        closed = asyncio.create_task(asyncio.to_thread(database.close))
        with suppress(Unavailable):  # until it is closing
            while True:
                await database.read(stored)
        with pytest.raises(Unavailable):
            await database.write(add(-1))
    assert await asyncio.gather(*tasks) == queued
    await closed

    with closing(Database(database.url)) as again:
        assert await again.read(stored) == queued


async def test_nothing_of_a_gesture_is_kept_once_it_is_done(database: Database) -> None:
    class Payload:
        pass

    async def write() -> threading.Event:
        payload, gone = Payload(), threading.Event()
        weakref.finalize(payload, gone.set)
        await database.write(lambda _tx: repr(payload))
        return gone

    gone = await write()

    assert await asyncio.to_thread(gone.wait, 30)


async def test_errors_do_not_show_the_values_of_a_statement(database: Database) -> None:
    statement = sa.text("INSERT INTO nowhere VALUES (:value)").bindparams(value="s3cr3t")

    for run in (database.write, database.read):
        with pytest.raises(sa.exc.DBAPIError) as raised:
            await run(lambda tx: tx.run(statement).rowcount)
        assert "s3cr3t" not in str(raised.value)
