"""Locks as gestures, on a clock that stands where it is set."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.server import rows

from opencloudmesh.protocol.errors import Conflict, Forbidden, InsufficientStorage, PreconditionFailed, TooLarge
from opencloudmesh.server import locks
from opencloudmesh.server.database import Database
from opencloudmesh.server.locks import Contradiction, InTheWay, Lock

NOW = 1_800_000_000


class Office:
    """Two people and the locks of einstein's tree."""

    def __init__(self, url: str) -> None:
        numbers = itertools.count()
        self.now = NOW
        self.database = Database(url, clock=lambda: self.now, secret=lambda: f"secret-{next(numbers)}")
        self.database.write_now(lambda tx: rows.account(tx, "einstein"))
        self.database.write_now(lambda tx: rows.account(tx, "marie"))

    def lock(self, path: str, who: str = "einstein", **how: object) -> Lock:
        return self.database.write_now(lambda tx: locks.acquire(tx, "einstein", path, principal=who, **how))  # type: ignore[arg-type]

    def check(self, path: str, *held: Lock, who: str = "einstein", **how: bool) -> None:
        tokens = [lock.token for lock in held]
        self.database.read_now(lambda tx: locks.check(tx, "einstein", path, tokens, principal=who, **how))

    def blocks(self, path: str, *held: Lock, who: str = "einstein", **how: bool) -> bool:
        try:
            self.check(path, *held, who=who, **how)
        except InTheWay:
            return True
        return False

    def all(self) -> set[str]:
        return {lock.path for lock in self.database.read_now(lambda tx: locks.around(tx, "einstein", ""))}


@pytest.fixture
def office(database_url: str) -> Iterator[Office]:
    office = Office(database_url)
    with closing(office.database):
        yield office


def test_a_lock_has_a_token_nobody_guesses_and_ends_after_an_hour(office):
    lock = office.lock("a")
    assert lock.token == "opaquelocktoken:secret-0"
    assert lock.until == NOW + 3600
    assert office.blocks("a")
    assert not office.blocks("a", lock)
    office.now += 3600
    assert not office.blocks("a")
    assert office.all() == set()


def test_no_lock_lasts_longer_than_a_day(office):
    assert office.lock("a", seconds=10**9).until == NOW + 24 * 3600


def test_the_token_of_another_is_worth_nothing(office):
    lock = office.lock("a")
    assert office.blocks("a", lock, who="marie")


def test_a_lock_of_infinite_depth_protects_all_below_and_no_neighbour(office):
    lock = office.lock("a/b")
    assert office.blocks("a/b/c/d")
    assert not office.blocks("a/b/c/d", lock)
    for free in ("a", "a/bb", "a/B", "a/B/c", "A/b", ""):
        assert not office.blocks(free)


def test_a_lock_of_depth_0_protects_its_path_and_the_names_in_it(office):
    lock = office.lock("a", infinite=False)
    assert office.blocks("a")
    assert not office.blocks("a/file")  # its content may change
    assert office.blocks("a/file", member=True)  # but it may neither come nor go
    assert not office.blocks("a/file", lock, member=True)
    assert not office.blocks("a/b/file", member=True)


def test_what_is_locked_below_protects_a_folder_from_deep_changes(office):
    lock = office.lock("a/b/c", infinite=False)
    assert office.blocks("a", deep=True)
    assert office.blocks("", deep=True)
    assert not office.blocks("a", lock, deep=True)
    assert not office.blocks("a")
    assert not office.blocks("a/b2", deep=True)


def test_a_visitor_of_a_link_holds_one_for_minutes(office):
    who = f"{locks.VISITOR}1"
    lock = office.lock("a", who=who, seconds=86_400)
    assert lock.until == NOW + locks.VISITOR_SECONDS == NOW + 600
    office.now += 300
    again = office.database.write_now(
        lambda tx: locks.refresh(tx, "einstein", "a", [lock.token], principal=who, seconds=86_400)
    )
    assert again.until == NOW + 900
    assert office.lock("b", seconds=86_400).until == NOW + 300 + 86_400


def test_every_lock_on_the_way_must_be_held(office):
    above, below = office.lock("a", infinite=False), office.lock("a/b")
    assert office.blocks("a/b", above, member=True)
    assert office.blocks("a/b", below, member=True)
    assert not office.blocks("a/b", above, below, member=True)


def test_one_of_several_shared_locks_is_enough(office):
    one, other = office.lock("a", exclusive=False), office.lock("a", exclusive=False, who="marie")
    assert not office.blocks("a", one)
    assert not office.blocks("a", other, who="marie")
    assert office.blocks("a", one, who="marie")
    assert office.blocks("a")


@pytest.mark.parametrize(
    ("held", "wanted", "contradict"),
    [
        ({"path": "a/b"}, {"path": "a/b"}, True),
        ({"path": "a/b"}, {"path": "a/b", "exclusive": False}, True),
        ({"path": "a/b", "exclusive": False}, {"path": "a/b"}, True),
        ({"path": "a/b", "exclusive": False}, {"path": "a/b", "exclusive": False}, False),
        ({"path": "a"}, {"path": "a/b"}, True),
        ({"path": "a", "infinite": False}, {"path": "a/b"}, False),
        ({"path": "a/b"}, {"path": "a"}, True),
        ({"path": "a/b"}, {"path": ""}, True),
        ({"path": "a/b"}, {"path": "a", "infinite": False}, False),
        ({"path": "a/b", "exclusive": False}, {"path": "a", "exclusive": False}, False),
        ({"path": "a/b"}, {"path": "a/c"}, False),
        ({"path": "a/b"}, {"path": "A/b"}, False),
        ({"path": "a_b"}, {"path": "aXb"}, False),
    ],
)
def test_contradicting_locks_are_refused(office, held, wanted, contradict):
    office.lock(**held)
    if contradict:
        with pytest.raises(Contradiction) as caught:
            office.lock(**wanted, who="marie")
        assert caught.value.path == held["path"]
    else:
        office.lock(**wanted, who="marie")


def test_a_lock_that_is_over_contradicts_nobody_and_is_purged(office):
    office.lock("a", seconds=10)
    office.now += 10
    office.lock("a", who="marie")
    assert office.all() == {"a"}


def test_refreshing_gives_new_time_also_by_a_path_below(office):
    lock = office.lock("a", seconds=100)
    office.now += 50
    refreshed = office.database.write_now(
        lambda tx: locks.refresh(tx, "einstein", "a/b", [lock.token], principal="einstein", seconds=100)
    )
    assert refreshed.until == NOW + 150
    assert refreshed.token == lock.token
    office.now += 99
    assert office.blocks("a")


@pytest.mark.parametrize(("path", "who", "passed"), [("b", "einstein", 0), ("a", "marie", 0), ("a", "einstein", 3600)])
def test_refreshing_needs_a_lock_of_ones_own_that_is_in_force_here(office, path, who, passed):
    lock = office.lock("a")
    office.now += passed
    with pytest.raises(PreconditionFailed):
        office.database.write_now(lambda tx: locks.refresh(tx, "einstein", path, [lock.token], principal=who))


def test_releasing_ends_a_lock(office):
    lock = office.lock("a")
    release = lambda tx: locks.release(tx, "einstein", "a", lock.token, principal="einstein")  # noqa: E731
    office.database.write_now(release)
    assert not office.blocks("a")
    with pytest.raises(Conflict):
        office.database.write_now(release)


def test_nobody_releases_the_lock_of_another_or_by_another_path(office):
    lock = office.lock("a/b", infinite=False)
    with pytest.raises(Forbidden):
        office.database.write_now(lambda tx: locks.release(tx, "einstein", "a/b", lock.token, principal="marie"))
    for path in ("a/b/c", "a", "b"):
        with pytest.raises(Conflict):
            office.database.write_now(lambda tx: locks.release(tx, "einstein", path, lock.token, principal="einstein"))  # noqa: B023
    assert office.blocks("a/b")


def test_locks_of_another_account_do_not_matter(office):
    office.database.write_now(lambda tx: locks.acquire(tx, "marie", "a", principal="marie"))
    assert not office.blocks("a", deep=True)
    office.lock("a")


def test_what_is_gone_has_no_locks(office):
    for path in ("a", "a/b", "ab", "A/b"):
        office.lock(path, infinite=False)
    office.database.write_now(lambda tx: locks.forget(tx, "einstein", "a"))
    assert office.all() == {"ab", "A/b"}


def test_nobody_holds_locks_without_end(office, monkeypatch):
    monkeypatch.setattr(locks, "MAX_COUNT", 3)
    for number in range(3):
        office.lock(f"{number}")
    with pytest.raises(InsufficientStorage):
        office.lock("more")
    office.lock("of another", who="marie")
    with pytest.raises(TooLarge):
        office.lock("long", owner_xml="x" * (locks.MAX_OWNER + 1))
    assert office.all() == {"0", "1", "2", "of another"}
