"""A real server is killed at any moment of its work and started again: what it had promised is there.

Several clients write meanwhile, each a thread that keeps what it sent and what was acknowledged. A file's content is
made from its name and version, so that a file on the server tells by itself whether it is a whole one.
"""

from __future__ import annotations

import hashlib
import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from operator import gt
from pathlib import Path
from typing import Any

import pytest
from tests.clouds import Gone, Process, free_port, served, shared, start, until
from tests.security.senders import Foreign, encoded, foreign, offer
from tests.server.web.background import Background

from opencloudmesh.protocol import signatures
from opencloudmesh.protocol.wire import Headers, Request
from opencloudmesh.server import outbox, received, shares
from opencloudmesh.server.database import Database

KILLS = 3
SIZES = (0, 1, 5_000, 300_000, 3_000_000)
WHO = "einstein"
READ = ("file", "folder")  # by marie, of what is moved
MOVING = (*READ, "third", "fourth", "fifth", "sixth")  # several, for a move is under way only a moment


def content(name: str, version: int) -> bytes:
    """Tells its version in front, is as random as a file may be, and has a size that goes with both."""
    seed = hashlib.sha256(f"{name} {version}".encode()).digest()
    size = SIZES[seed[0] % len(SIZES)]
    return (b"%d|" % version + random.Random(seed).randbytes(size)) if name == "replaced" or size else b""


class Load:
    """What was sent, and what of it was acknowledged."""

    def __init__(self, cloud: Process, peer: Process, sender: Foreign) -> None:
        self.cloud, self.peer, self.sender = cloud, peer, sender
        self.nowhere = f"localhost:{free_port()}"
        self.uploaded: set[str] = set()  # acknowledged
        self.replaced = [0, 0]  # the version that was acknowledged last, and the one that was sent last
        self.offered: dict[str, str] = {}  # id of an acknowledged share -> path
        self.received: set[str] = set()  # providerId of an acknowledged share from elsewhere
        self.places = {name: [0, 0] for name in MOVING}  # where it was moved to: acknowledged, sent
        self._numbers = itertools.count(1)

    def acknowledged(self) -> list[int]:
        """How much, of every kind."""
        return [
            len(self.uploaded),
            len(self.offered),
            len(self.received),
            self.replaced[0],
            *(done for done, _ in self.places.values()),
        ]

    def upload(self) -> None:
        """A new file, and a share of it: to a server that is there, or to one that is not."""
        number = next(self._numbers)
        name = f"new-{number}"
        self._done(self.cloud.dav("PUT", WHO, f"up/{name}", content(name, 0)).status, 201)
        self.uploaded.add(name)
        share_id = self.share(f"up/{name}", self.peer.host if number % 2 else self.nowhere)
        self.offered[share_id] = f"up/{name}"

    def share(self, path: str, host: str) -> str:
        """The id of a new share."""
        share = self.cloud.api("POST", "shares", {"path": path, "shareWith": f"marie@{host}"}, who=WHO, status=201)
        return str(share["id"])

    def replace(self) -> None:
        """The next version of a file."""
        self.replaced[1] += 1
        self._done(self.cloud.dav("PUT", WHO, "replaced", content("replaced", self.replaced[1])).status, 204)
        self.replaced[0] = self.replaced[1]

    def receive(self) -> None:
        """A signed share from somebody at a foreign server."""
        number = f"p{next(self._numbers)}"
        body = encoded(offer(self.cloud, self.sender, {"providerId": number}))
        request = Request("POST", f"{self.cloud.url}/ocm/shares", Headers({"Content-Type": "application/json"}), body)
        signed = signatures.sign(request, self.sender.ed25519, int(time.time()), "rfc9421", nonce=number)
        self._done(self.cloud.ask("POST", "/ocm/shares", who=WHO, body=body, **dict(signed.headers)).status, 201)
        self.received.add(number)

    def move(self, name: str) -> None:
        """Renames what is shared."""
        place = self.places[name]
        place[1] += 1
        to = f"{self.cloud.url}/dav/files/{WHO}/moving/{name}-{place[1]}"
        self._done(self.cloud.dav("MOVE", WHO, f"moving/{name}-{place[0]}", Destination=to).status, 201)
        place[0] = place[1]

    def _done(self, status: int, expected: int) -> None:
        if status != expected:
            raise AssertionError(f"{status} and not {expected}")


def killed_under_load(load: Load, seconds: float) -> None:
    """Everything at once, until the server is gone: so long after something of every kind was acknowledged."""
    before = load.acknowledged()
    dying = threading.Event()
    unexpected: list[Exception] = []

    def client(step: Callable[[], None]) -> None:
        try:
            while True:
                step()
        except Exception as error:  # what is under way when the server dies may be done or not
            if not (isinstance(error, Gone) and dying.is_set()):
                unexpected.append(error)

    steps = [
        load.upload,
        load.upload,
        load.replace,
        load.receive,
        *(lambda name=name: load.move(name) for name in MOVING),
    ]
    threads = [threading.Thread(target=client, args=[step]) for step in (*steps, lambda: endless(load.cloud))]
    for thread in threads:
        thread.start()
    until(lambda: unexpected or all(map(gt, load.acknowledged(), before)))
    time.sleep(seconds)
    dying.set()
    load.cloud.kill()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert not unexpected


def endless(cloud: Process) -> None:
    """An upload that is under way whenever the server dies."""

    def body() -> Iterator[bytes]:
        while True:
            yield b"half a file" * 20_000
            time.sleep(0.02)

    raise AssertionError(cloud.dav("PUT", WHO, "up/endless", body()))


@pytest.fixture
def clouds(new_database_url: Any, tmp_path: Path) -> Iterator[tuple[Process, Process]]:
    """One that is killed, and one that stays."""
    with ExitStack() as stack:
        one = stack.enter_context(served(tmp_path / "one", new_database_url(bare=True)))
        two = stack.enter_context(served(tmp_path / "two"))
        start({one: [WHO], two: ["marie"]})
        yield one, two


@pytest.fixture
def sender() -> Iterator[Foreign]:
    """A foreign server that stays."""
    with Background() as background, background.open(foreign()) as server:
        yield server


def test_what_was_acknowledged_survives_a_kill_at_any_moment(clouds: tuple[Process, Process], sender: Foreign) -> None:
    one, two = clouds
    for folder in ("up", "moving", "moving/folder-0"):
        assert one.dav("MKCOL", WHO, folder).status == 201
    for path in ("moving/folder-0/inside", *(f"moving/{name}-0" for name in MOVING if name != "folder")):
        assert one.dav("PUT", WHO, path, b"moved").status == 201
    assert one.dav("PUT", WHO, "replaced", content("replaced", 0)).status == 201
    theirs = {name: shared(one, two, f"moving/{name}-0", ["read"]) for name in READ}
    load = Load(one, two, sender)
    for name in set(MOVING) - set(READ):
        load.share(f"moving/{name}-0", load.nowhere)
    for _ in range(KILLS):
        killed_under_load(load, random.uniform(0, 1))
        assert list((one.data / "tmp").iterdir()), "nothing was under way"
        no_half_share_is_stored(one, load)
        one.start()
        assert list((one.data / "tmp").iterdir()) == []
        every_upload_is_there_and_whole(one, load)
        the_replaced_file_is_a_whole_version(one, load)
        every_share_is_listed(one, load)
        every_received_share_is_listed_once(one, load)
        what_was_moved_is_in_one_place_with_its_share(one, load)
    what_was_moved_is_read_by_its_recipient(two, theirs)
    every_share_arrives_once(one, two, load)


def no_half_share_is_stored(one: Process, load: Load) -> None:
    """While the server is dead: who has not been told yet will be."""
    with closing(Database(one.database_url)) as database:
        stored = {row.id: row for row in database.read_now(shares.listing)}
        queued = {row.subject for row in database.read_now(outbox.everything) if row.kind == outbox.SHARE}
    assert load.offered.keys() <= stored.keys()
    assert queued <= stored.keys()
    assert {row.id for row in stored.values() if row.state == shares.PENDING} == queued
    assert all(row.secret and row.share_with and row.path for row in stored.values())


def every_upload_is_there_and_whole(one: Process, load: Load) -> None:
    listed = {row.name for row in (one.data / "files" / WHO / "up").iterdir()}
    assert load.uploaded <= listed
    for name in listed:
        assert one.dav("GET", WHO, f"up/{name}").body == content(name, 0), name


def the_replaced_file_is_a_whole_version(one: Process, load: Load) -> None:
    found = one.dav("GET", WHO, "replaced").body
    version = int(found.partition(b"|")[0])
    assert load.replaced[0] <= version <= load.replaced[1]
    assert found == content("replaced", version)
    load.replaced[:] = [version, version]


def every_share_is_listed(one: Process, load: Load) -> None:
    listed = {row["id"]: row["path"] for row in one.api("GET", "shares", who=WHO)}
    assert load.offered.items() <= listed.items()


def every_received_share_is_listed_once(one: Process, load: Load) -> None:
    with closing(Database(one.database_url)) as database:
        stored = [row.provider_id for row in database.read_now(received.listing)]
    assert load.received <= set(stored)
    assert len(stored) == len(set(stored))
    listed = one.api("GET", "received", who=WHO)
    assert len(listed) == len(stored)
    assert {(row["state"], row["name"], row["verified"]) for row in listed} == {("pending", "papers", "rfc9421")}


def what_was_moved_is_in_one_place_with_its_share(one: Process, load: Load) -> None:
    there = {path.name for path in (one.data / "files" / WHO / "moving").iterdir()}
    shared_ = {row["path"] for row in one.api("GET", "shares", who=WHO) if row["path"].startswith("moving/")}
    assert len(there) == len(MOVING)
    assert shared_ == {f"moving/{name}" for name in there}
    for name in there:
        kind, _, number = name.rpartition("-")
        assert load.places[kind][0] <= int(number) <= load.places[kind][1]
        load.places[kind][:] = [int(number)] * 2


def what_was_moved_is_read_by_its_recipient(two: Process, theirs: dict[str, str]) -> None:
    for path in (theirs["file"], f"{theirs['folder']}/inside"):
        assert two.dav("GET", "marie", path).body == b"moved"


def every_share_arrives_once(one: Process, two: Process, load: Load) -> None:
    """Also where the server died after it had sent a share, and before it knew."""

    def undelivered() -> list[Any]:
        rows = one.api("GET", "shares", who=WHO)
        return [row for row in rows if row["state"] == "pending" and row["shareWith"] == two.address("marie")]

    until(lambda: not undelivered(), 30)
    sent = [row for row in one.api("GET", "shares", who=WHO) if row["shareWith"] == two.address("marie")]
    assert {row["state"] for row in sent} <= {"sent", "accepted"}, sent
    assert len(two.api("GET", "received", who="marie")) == len(sent)
