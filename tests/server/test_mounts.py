"""Received shares in a person's tree: over real WebDAV (wsgidav), with peers that are away, slow or odd.

DESIGN rules 1 (a dead peer never slows a listing) and 2 (leaving a share works at once, whatever the peer does).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.client.davs import ROOT, USER, wsgidav
from tests.client.wires import Exchange, ok, wire
from tests.server import rows
from tests.server.desks import WHO, Desk
from tests.server.lines import Line, line

from opencloudmesh.client.guard import EgressPolicy
from opencloudmesh.client.network import Network
from opencloudmesh.protocol.discovery import Discovery
from opencloudmesh.protocol.errors import (
    BadAnswer,
    Conflict,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    PreconditionFailed,
    Unavailable,
    Unreachable,
)
from opencloudmesh.server import locks, mounts, outbox, peers, properties
from opencloudmesh.server.database import Database, Tx
from opencloudmesh.server.mounts import UserTree
from opencloudmesh.server.remote import Reach, RemoteTree
from opencloudmesh.server.schema import listings, received
from opencloudmesh.server.trees import Content, Entry

HOST = "cloud.example"
DEADLINE = 3.0


class World:
    """einstein's tree, with shares that other servers offer."""

    def __init__(self, database: Database, data: Path, network: Network) -> None:
        self.database = database
        self.desk = Desk(database, data)
        self.left: list[str] = []
        self.found: dict[str, str] = {}  # host -> base URL
        self.reach = Reach(database, network, self.locate, deadline=DEADLINE)
        self.tree = UserTree(self.desk.tree, self.reach, leave=self.leave)

    async def locate(self, host: str) -> Discovery:
        if host not in self.found:
            raise Unreachable(f"{host} did not answer.")
        base = self.found[host]
        return Discovery.read(
            {
                "enabled": True,
                "endPoint": base + "/ocm",
                "resourceTypes": [{"name": "file", "shareTypes": ["user"], "protocols": {"webdav": "/dav/ocm"}}],
            },
            base,
        )

    def leave(self, tx: Tx, received_id: str) -> None:
        self.left.append(received_id)
        tx.run(sa.update(received).where(received.c.id == received_id).values(path=None, state="declined"))

    def mount(self, path: str, url: str, *, host: str = HOST, **values: Any) -> str:
        """An accepted share of a peer at `url`; gives its id."""
        received_id = f"r{len(self.rows())}"
        self.found[host] = url
        name = path.rpartition("/")[2]
        row: dict[str, Any] = {
            "provider_id": received_id,
            "name": name,
            "uri": "x1",
            "secret": USER,
            "resource_type": "folder",
        }

        def insert(tx: Tx) -> None:
            peers.remember_document(tx, host, url, {})
            share = {"id": received_id, "account": WHO, "host": host, "state": "accepted", "path": path}
            rows.insert(tx, received, **(share | row | values))

        self.database.write_now(insert)
        return received_id

    def rows(self) -> list[sa.Row[Any]]:
        return list(self.database.read_now(lambda tx: tx.all(sa.select(received).order_by(received.c.id))))

    def remote(self, index: int = 0) -> RemoteTree:
        return RemoteTree(self.reach, self.rows()[index], strong=False)

    def peer(self) -> sa.Row[Any]:
        found = self.database.read_now(lambda tx: peers.get(tx, HOST))
        assert found is not None
        return found

    async def settled(self) -> None:
        """Answers for which nobody waits have arrived."""
        await asyncio.gather(*self.reach.under_way, return_exceptions=True)


class Clock:
    """Unix seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def world(database_url: str, clock: Clock, tmp_path: Path) -> AsyncIterator[World]:
    policy = EgressPolicy(allow_http=True, allow_private=True)
    with closing(Database(database_url, clock=clock)) as database:
        async with Network(policy, user_agent="test") as network:
            world = World(database, tmp_path / "data", network)
            yield world
            await world.reach.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the peer shares."""
    folder = tmp_path / "shared"
    (folder / "sub").mkdir(parents=True)
    (folder / "in.txt").write_bytes(b"hello")
    (folder / "sub" / "deep.txt").write_bytes(b"deep")
    return folder


@pytest.fixture
def server(folder: Path) -> Iterator[str]:
    with wsgidav(folder) as url:
        yield url


@pytest.fixture
async def peer(server: str) -> AsyncIterator[Line]:
    async with line(server) as opened:
        yield opened


@pytest.fixture
def shared(world: World, peer: Line) -> World:
    """A world with the peer's folder mounted at `Shares/their folder`."""
    world.mount("Shares/their folder", peer.url)
    return world


AT = "Shares/their folder"


async def _chunks(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def _read(content: Content) -> bytes:
    if content.file is not None:
        return content.file.read_bytes()
    assert content.stream is not None
    return b"".join([chunk async for chunk in content.stream])


def _paths(entries: list[Entry]) -> list[tuple[str, bool]]:
    return [(entry.path, entry.is_folder) for entry in entries]


# Where things are


async def test_mounts_appear_in_folders_that_exist_only_for_them(shared: World, peer: Line) -> None:
    shared.desk.fill("own.txt", "z/")
    assert _paths(await shared.tree.list("")) == [("Shares", True), ("own.txt", False), ("z", True)]
    assert (await shared.tree.stat("Shares")).is_folder
    entries = await shared.tree.list("Shares")
    assert _paths(entries) == [(AT, True)]
    assert entries[0].mounted
    assert peer.connections == 0
    assert not (shared.desk.root / "Shares").exists()


async def test_mounts_appear_among_own_files(shared: World) -> None:
    shared.desk.fill("Shares/mine.txt", "Shares/zzz/")
    assert _paths(await shared.tree.list("Shares")) == [("Shares/mine.txt", False), (AT, True), ("Shares/zzz", True)]


async def test_a_mount_may_lie_anywhere(world: World, peer: Line) -> None:
    world.mount("top", peer.url)
    world.mount("a/b/c", peer.url)
    assert _paths(await world.tree.list("")) == [("a", True), ("top", True)]
    assert _paths(await world.tree.list("a")) == [("a/b", True)]
    assert _paths(await world.tree.list("a/b")) == [("a/b/c", True)]
    assert _paths(await world.tree.list("a/b/c")) == [("a/b/c/in.txt", False), ("a/b/c/sub", True)]


async def test_the_longest_mount_counts(world: World, peer: Line, folder: Path) -> None:
    """A share that was renamed to "Shares" holds the place where later ones appear."""
    world.mount("Shares", peer.url)
    world.mount("Shares/other", peer.url, uri="x1/sub")
    names = [entry.path for entry in await world.tree.list("Shares")]
    assert names == ["Shares/in.txt", "Shares/other", "Shares/sub"]
    assert await _read(await world.tree.read("Shares/other/deep.txt")) == b"deep"


async def test_other_peoples_mounts_are_not_seen(world: World, peer: Line) -> None:
    world.database.write_now(lambda tx: rows.account(tx, "bohr"))
    world.mount("Shares/x", peer.url, account="bohr")
    assert await world.tree.list("") == []
    with pytest.raises(NotFound):
        await world.tree.stat("Shares/x")


async def test_what_is_nowhere_is_not_found(shared: World) -> None:
    for path in ("nothing", "Shares/nothing", f"{AT}/nothing", "Shares/their"):
        with pytest.raises(NotFound):
            await shared.tree.stat(path)
        with pytest.raises(NotFound):
            await shared.tree.list(path)
        with pytest.raises(NotFound):
            await shared.tree.read(path)
        with pytest.raises(NotFound):
            await shared.tree.delete(path)


# Looking and reading


async def test_what_is_in_a_mount_is_listed_and_read(shared: World) -> None:
    assert _paths(await shared.tree.list(AT)) == [(f"{AT}/in.txt", False), (f"{AT}/sub", True)]
    file = await shared.tree.stat(f"{AT}/in.txt")
    assert (file.path, file.size, file.mounted) == (f"{AT}/in.txt", 5, False)
    assert (await shared.tree.stat(AT)).mounted
    content = await shared.tree.read(f"{AT}/in.txt")
    assert (content.entry.path, content.entry.size, await _read(content)) == (f"{AT}/in.txt", 5, b"hello")
    assert await _read(await shared.tree.read(f"{AT}/in.txt", 1, 3)) == b"el"
    with pytest.raises(NotFound):
        await shared.tree.list(f"{AT}/in.txt")


async def test_a_shared_file_is_a_file_in_the_tree(world: World, peer: Line, folder: Path) -> None:
    world.mount("Shares/in.txt", peer.url, uri="x1/in.txt", resource_type="file")
    entry = await world.tree.stat("Shares/in.txt")
    assert (entry.is_folder, entry.size, entry.mounted) == (False, 5, True)
    assert await _read(await world.tree.read("Shares/in.txt")) == b"hello"
    written, new = await world.tree.write("Shares/in.txt", _chunks(b"changed"), size=7)
    assert (written.path, written.size, new) == ("Shares/in.txt", 7, False)
    assert (folder / "in.txt").read_bytes() == b"changed"
    with pytest.raises(NotFound):
        await world.tree.list("Shares/in.txt")


async def test_nextclouds_file_that_is_a_folder_is_known_as_one_once_seen(world: World, peer: Line) -> None:
    world.mount("Shares/x", peer.url, resource_type="file")
    assert _paths(await world.tree.list("Shares")) == [("Shares/x", False)]
    await world.remote().look("")
    assert _paths(await world.tree.list("Shares")) == [("Shares/x", True)]
    assert world.rows()[0].resource_type == "folder"


async def test_the_way_that_worked_is_remembered_and_found_again_when_it_is_closed(shared: World, peer: Line) -> None:
    await shared.tree.stat(AT)
    assert peer.requests == ["PROPFIND /dav/ocm/x1", "PROPFIND /dav/ocm/x1", "PROPFIND /dav/ocm/x1"]
    assert shared.rows()[0].access == {"url": peer.url + ROOT, "scheme": "Basic"}
    assert USER not in str(shared.rows()[0].access)
    peer.requests.clear()
    await shared.tree.stat(AT)
    assert peer.requests == ["PROPFIND /dav/ocm/x1"]
    stale = {"url": peer.url + ROOT, "scheme": "Bearer"}
    shared.database.write_now(lambda tx: tx.run(sa.update(received).values(access=stale)))
    assert _paths(await shared.tree.list(AT)) == [(f"{AT}/in.txt", False), (f"{AT}/sub", True)]
    assert shared.rows()[0].access == {"url": peer.url + ROOT, "scheme": "Basic"}


async def test_a_secret_that_opens_nothing_is_asked_about_later(world: World, peer: Line) -> None:
    world.mount("Shares/x", peer.url, secret="wrong")
    for attempt in (
        world.tree.stat("Shares/x/in.txt"),
        world.tree.list("Shares/x"),
        world.tree.read("Shares/x/in.txt"),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert world.database.read_now(lambda tx: outbox.waits(tx, outbox.CONFIRM, "r0"))
    assert (await world.tree.stat("Shares/x")).mounted
    await world.tree.delete("Shares/x")
    assert world.left == ["r0"]


async def test_a_share_that_demands_a_token_is_not_shown_the_secret(world: World, peer: Line) -> None:
    world.mount("Shares/x", peer.url, requirements=["must-exchange-token"])
    with pytest.raises(BadAnswer):
        await world.tree.list("Shares/x")
    assert peer.connections == 0


# Changing


async def test_files_in_a_mount_are_written_and_deleted_over_there(shared: World, folder: Path) -> None:
    entry, new = await shared.tree.write(f"{AT}/new.txt", _chunks(b"a", b"b"), size=2)
    assert (entry.path, entry.size, new) == (f"{AT}/new.txt", 2, True)
    assert (folder / "new.txt").read_bytes() == b"ab"
    assert (await shared.tree.make_folder(f"{AT}/made")).is_folder
    assert (folder / "made").is_dir()
    await shared.tree.delete(f"{AT}/sub")
    await shared.tree.delete(f"{AT}/in.txt")
    assert sorted(path.name for path in folder.iterdir()) == ["made", "new.txt"]
    assert shared.left == []
    assert not (shared.desk.root / "Shares").exists()


async def test_a_file_of_ones_own_beside_a_mount_makes_the_folder_real(shared: World) -> None:
    await shared.tree.write("Shares/mine.txt", _chunks(b"x"), size=1)
    await shared.tree.make_folder("Shares/own")
    assert (shared.desk.root / "Shares/mine.txt").read_bytes() == b"x"
    assert _paths(await shared.tree.list("Shares")) == [("Shares/mine.txt", False), ("Shares/own", True), (AT, True)]
    for path in ("Shares", AT, "Shares/own"):
        with pytest.raises(MethodNotAllowed):
            await shared.tree.make_folder(path)
    with pytest.raises(Conflict):
        await shared.tree.write("Elsewhere/mine.txt", _chunks(b"x"), size=1)


async def test_a_file_that_the_peer_does_not_keep_whole_is_told(world: World) -> None:
    async def forgetful(exchange: Exchange) -> None:
        while True:
            head = await exchange.request()
            body = (
                b'<d:multistatus xmlns:d="DAV:"><d:response><d:href>/dav/ocm/x1/f</d:href><d:propstat><d:prop>'
                b"<d:getcontentlength>0</d:getcontentlength></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat>"
                b"</d:response></d:multistatus>"
            )
            await exchange.say(ok(b"" if head.startswith(b"PUT") else body))

    async with wire(forgetful) as peer:
        world.mount("Shares/x", peer.url)
        with pytest.raises(BadAnswer):
            await world.tree.write("Shares/x/f", _chunks(b"lost"), size=4)


async def test_the_time_of_a_file_is_set_over_there_and_that_of_a_folder_is_not(world: World) -> None:
    async def touching(exchange: Exchange) -> None:
        while True:
            line = (await exchange.request()).split(b"\r\n")[0]
            kind = b"<d:collection/>" if b"/x1/d" in line else b""
            await exchange.say(
                ok(
                    b'<d:multistatus xmlns:d="DAV:"><d:response><d:href>' + line.split(b" ")[1] + b"</d:href>"
                    b"<d:propstat><d:prop><d:resourcetype>" + kind + b"</d:resourcetype></d:prop>"
                    b"<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response></d:multistatus>"
                )
            )

    async with wire(touching) as peer:
        world.mount("Shares/x", peer.url)
        assert (await world.tree.touch("Shares/x/f", 1_700_000_000_000_000_000)).path == "Shares/x/f"
        assert [body for body in peer.bodies if b"1700000000" in body]
        sent = len(peer.heads)
        with pytest.raises(Forbidden):
            await world.tree.touch("Shares/x/d", 0)
        assert not [head for head in peer.heads[sent:] if head.startswith(b"PROPPATCH")]


async def test_a_refusal_of_the_peer_is_passed_on(world: World) -> None:
    """Permissions as told are for display: a peer that said "read, write" still decides."""

    async def read_only(exchange: Exchange) -> None:
        while True:
            head = await exchange.request()
            folder = (
                b'<d:multistatus xmlns:d="DAV:"><d:response><d:href>/dav/ocm/x1</d:href><d:propstat><d:prop>'
                b"<d:resourcetype><d:collection/></d:resourcetype></d:prop><d:status>HTTP/1.1 200 OK</d:status>"
                b"</d:propstat></d:response></d:multistatus>"
            )
            await exchange.say(
                ok(folder) if head.startswith(b"PROPFIND") else b"HTTP/1.1 403 X\r\nContent-Length: 0\r\n\r\n"
            )

    async with wire(read_only) as peer:
        world.mount("Shares/x", peer.url, permissions=["read", "write"])
        world.desk.fill("mine.txt")
        for change in (
            world.tree.write("Shares/x/f", _chunks(b"x"), size=1),
            world.tree.make_folder("Shares/x/d"),
            world.tree.delete("Shares/x/f"),
            world.tree.move("Shares/x/f", "Shares/x/g", overwrite=True),
            world.tree.move("mine.txt", "Shares/x/mine.txt", overwrite=True),
        ):
            with pytest.raises(Forbidden):
                await change
        assert (world.desk.root / "mine.txt").exists()


async def test_moving_and_copying_inside_a_mount_happens_over_there(shared: World, folder: Path, peer: Line) -> None:
    await shared.tree.stat(AT)
    peer.requests.clear()
    assert await shared.tree.move(f"{AT}/in.txt", f"{AT}/sub/moved.txt", overwrite=False) is True
    assert await shared.tree.copy(f"{AT}/sub", f"{AT}/copied", overwrite=False) is True
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.txt")) == [
        "copied/deep.txt",
        "copied/moved.txt",
        "sub/deep.txt",
        "sub/moved.txt",
    ]
    assert [request.split(" ")[0] for request in peer.requests] == ["MOVE", "COPY"]
    with pytest.raises(PreconditionFailed):
        await shared.tree.move(f"{AT}/sub/deep.txt", f"{AT}/copied/deep.txt", overwrite=False)


# Moving and leaving mounts


async def test_a_mount_is_renamed_without_the_peer(shared: World, peer: Line) -> None:
    shared.desk.fill("Projects/")
    assert await shared.tree.move(AT, "Projects/renamed", overwrite=False) is True
    assert _paths(await shared.tree.list("Projects")) == [("Projects/renamed", True)]
    with pytest.raises(NotFound):
        await shared.tree.stat("Shares")
    assert await shared.tree.move("Projects/renamed", "top", overwrite=False) is True
    assert shared.rows()[0].path == "top"
    assert peer.connections == 0


async def test_properties_go_along_with_a_mount_and_locks_end(shared: World) -> None:
    def fill(tx: Tx) -> None:
        properties.change(tx, WHO, f"{AT}/in.txt", {"{x}colour": "<c/>"})
        locks.acquire(tx, WHO, AT, principal=WHO)

    shared.database.write_now(fill)
    await shared.tree.move(AT, "top", overwrite=False)
    found = shared.database.read_now(lambda tx: properties.of(tx, WHO, "top/in.txt"))
    assert found == {"{x}colour": "<c/>"}
    assert shared.database.read_now(lambda tx: locks.around(tx, WHO, "")) == []


async def test_a_mount_needs_a_folder_and_a_free_name(shared: World, peer: Line) -> None:
    shared.desk.fill("own.txt", "full/file.txt")
    shared.mount("Shares/second", peer.url)
    for nowhere in ("Nowhere/x", "own.txt/x"):
        with pytest.raises(Conflict):
            await shared.tree.move(AT, nowhere, overwrite=False)
    for taken in ("own.txt", "full", "Shares/second"):
        with pytest.raises(PreconditionFailed):
            await shared.tree.move(AT, taken, overwrite=False)
    for forbidden in ("Shares/second", "Shares/second/inside", f"{AT}/inside", AT, "Shares", ""):
        with pytest.raises(Forbidden):
            await shared.tree.move(AT, forbidden, overwrite=True)
    assert [row.path for row in shared.rows()] == [AT, "Shares/second"]
    assert shared.left == []
    assert await shared.tree.move(AT, "own.txt", overwrite=True) is False
    assert not (shared.desk.root / "own.txt").exists()


async def test_deleting_a_mount_leaves_the_share_also_while_the_peer_is_away(
    shared: World, peer: Line, folder: Path
) -> None:
    await shared.tree.list(AT)
    peer.cut = True
    await shared.tree.delete(AT)
    assert shared.left == ["r0"]
    assert await shared.tree.list("") == []
    assert shared.database.read_now(lambda tx: tx.all(sa.select(listings))) == []
    assert (folder / "in.txt").exists()


async def test_deleting_a_folder_leaves_all_shares_in_it(shared: World, peer: Line) -> None:
    shared.mount("Shares/a/second", peer.url)
    shared.desk.fill("Shares/a/own.txt", "kept.txt")
    await shared.tree.delete("Shares/a")
    assert shared.left == ["r1"]
    await shared.tree.delete("Shares")
    assert shared.left == ["r1", "r0"]
    assert _paths(await shared.tree.list("")) == [("kept.txt", False)]
    with pytest.raises(NotFound):
        await shared.tree.delete("Shares")


async def test_the_tree_itself_is_not_deleted_or_moved(shared: World) -> None:
    shared.desk.fill("kept.txt")
    with pytest.raises(Forbidden):
        await shared.tree.delete("")
    with pytest.raises(Forbidden):
        await shared.tree.move("", "x", overwrite=True)
    assert (shared.left, (shared.desk.root / "kept.txt").exists()) == ([], True)


async def test_a_folder_takes_its_mounts_along(shared: World) -> None:
    assert await shared.tree.move("Shares", "Renamed", overwrite=False) is True
    assert shared.rows()[0].path == "Renamed/their folder"
    shared.desk.fill("Renamed/own.txt")
    assert await shared.tree.move("Renamed", "Again", overwrite=False) is True
    assert _paths(await shared.tree.list("Again")) == [("Again/own.txt", False), ("Again/their folder", True)]


@pytest.mark.parametrize("real", [False, True])
async def test_a_folder_with_mounts_is_not_replaced(shared: World, real: bool) -> None:
    shared.desk.fill("other/file.txt", *(["Shares/own.txt"] if real else []))
    for change in (shared.tree.move, shared.tree.copy):
        with pytest.raises(PreconditionFailed):
            await change("other", "Shares", overwrite=False)
        with pytest.raises(Forbidden):
            await change("other", "Shares", overwrite=True)
    assert shared.rows()[0].path == AT
    assert shared.left == []
    assert (shared.desk.root / "other/file.txt").exists()


# From one server to another


async def test_shares_are_not_put_into_one_another(shared: World, peer: Line, folder: Path) -> None:
    shared.mount("other", peer.url)
    for source, target in ((AT, "other/x"), ("Shares", "other/x")):
        with pytest.raises(Forbidden):
            await shared.tree.move(source, target, overwrite=False)
    assert (peer.connections, shared.left, (folder / "x").exists()) == (0, [], False)


async def test_files_and_folders_are_copied_across_the_border(
    shared: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared.desk.fill("own/a.txt", "own/b/c.txt")
    assert await shared.tree.copy("own", f"{AT}/own", overwrite=False) is True
    assert (folder / "own/b/c.txt").read_text() == "own/b/c.txt"
    assert await shared.tree.copy(AT, "copied", overwrite=False) is True
    assert shared.desk.tree_on_disk() == {
        "own/a.txt": "own/a.txt",
        "own/b/c.txt": "own/b/c.txt",
        "copied/in.txt": "hello",
        "copied/sub/deep.txt": "deep",
        "copied/own/a.txt": "own/a.txt",
        "copied/own/b/c.txt": "own/b/c.txt",
    }
    assert await shared.tree.copy(AT, "flat", overwrite=False, deep=False) is True
    assert await shared.tree.list("flat") == []
    monkeypatch.setattr(mounts, "MAX_COPIED", 3)
    with pytest.raises(Forbidden):
        await shared.tree.copy(AT, "too much", overwrite=False)
    assert len(list((shared.desk.root / "too much").rglob("*"))) < 3


async def test_a_move_across_the_border_is_a_copy_and_then_a_deletion(shared: World, folder: Path) -> None:
    shared.desk.fill("own/a.txt")
    assert await shared.tree.move("own", f"{AT}/own", overwrite=False) is True
    assert (folder / "own/a.txt").read_text() == "own/a.txt"
    assert not (shared.desk.root / "own").exists()
    assert await shared.tree.move(f"{AT}/sub", "sub", overwrite=False) is True
    assert (shared.desk.root / "sub/deep.txt").read_text() == "deep"
    assert not (folder / "sub").exists()


async def test_a_copy_from_one_peer_to_another_goes_through_here(world: World, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with wsgidav(folder) as one, wsgidav(tmp_path / "other") as two:
        world.mount("one", one)
        world.mount("two", two, host="other.example")
        assert await world.tree.copy("one/sub", "two/sub", overwrite=False) is True
        assert await world.tree.move("one/in.txt", "two/in.txt", overwrite=False) is True
    assert (tmp_path / "other/sub/deep.txt").read_bytes() == b"deep"
    assert (tmp_path / "other/in.txt").read_bytes() == b"hello"
    assert not (folder / "in.txt").exists()


async def test_overwriting_across_the_border_is_done_only_when_told(shared: World, folder: Path) -> None:
    shared.desk.fill("in.txt", "sub/own.txt")
    for path in ("in.txt", "sub"):
        for change in (shared.tree.copy, shared.tree.move):
            with pytest.raises(PreconditionFailed):
                await change(path, f"{AT}/{path}", overwrite=False)
    assert (folder / "in.txt").read_bytes() == b"hello"
    assert await shared.tree.copy("in.txt", f"{AT}/in.txt", overwrite=True) is False
    assert (folder / "in.txt").read_text() == "in.txt"
    assert await shared.tree.copy("sub", f"{AT}/sub", overwrite=True) is False
    assert sorted(path.name for path in (folder / "sub").iterdir()) == ["own.txt"]


async def test_a_file_may_replace_a_shared_file_but_not_a_shared_folder(world: World, peer: Line, folder: Path) -> None:
    world.desk.fill("mine.txt", "dir/x.txt")
    world.mount("Shares/in.txt", peer.url, uri="x1/in.txt")
    world.mount("Shares/all", peer.url)
    assert await world.tree.move("mine.txt", "Shares/in.txt", overwrite=True) is False
    assert (folder / "in.txt").read_text() == "mine.txt"
    for source in ("dir", "dir/x.txt"):
        with pytest.raises(Forbidden):
            await world.tree.copy(source, "Shares/all", overwrite=True)
    with pytest.raises(Forbidden):
        await world.tree.copy("dir", "Shares/in.txt", overwrite=True)
    assert world.left == []


async def test_a_copy_with_mounts_below_takes_what_is_in_them(shared: World) -> None:
    shared.desk.fill("Shares/own.txt")
    assert await shared.tree.copy("Shares", "all", overwrite=False) is True
    assert shared.desk.tree_on_disk() == {
        "Shares/own.txt": "Shares/own.txt",
        "all/own.txt": "Shares/own.txt",
        "all/their folder/in.txt": "hello",
        "all/their folder/sub/deep.txt": "deep",
    }


async def test_a_move_whose_copy_fails_deletes_nothing(shared: World, peer: Line, folder: Path) -> None:
    """What was seen last is not enough to move it: the peer is away, and its files stay."""
    await shared.tree.list(AT)
    await shared.tree.list(f"{AT}/sub")
    peer.cut = True
    with pytest.raises(Unavailable):
        await shared.tree.move(f"{AT}/sub", "sub", overwrite=False)
    assert (folder / "sub/deep.txt").exists()
    assert shared.desk.tree_on_disk() == {}


async def test_what_is_changed_while_it_moves_stays_too(shared: World, folder: Path, monkeypatch: Any) -> None:
    shared.desk.fill("own/a.txt")
    transfer = UserTree._transfer
    files = {"own/a.txt": shared.desk.root / "own/a.txt", f"{AT}/in.txt": folder / "in.txt"}

    async def slow(tree: UserTree, source: str, *args: Any, **said: Any) -> bool:
        new = await transfer(tree, source, *args, **said)
        with files[source].open("a") as file:
            file.write(" and edited")
        return new

    monkeypatch.setattr(UserTree, "_transfer", slow)
    for source, target in (("own/a.txt", f"{AT}/a.txt"), (f"{AT}/in.txt", "in.txt")):
        with pytest.raises(Conflict):
            await shared.tree.move(source, target, overwrite=False)
    assert [file.read_text() for file in files.values()] == ["own/a.txt and edited", "hello and edited"]


async def test_a_peer_with_folders_without_end_is_not_copied_for_ever(world: World) -> None:
    async def endless(exchange: Exchange) -> None:
        while True:
            path = (await exchange.request()).split(b" ")[1].decode().rstrip("/")
            body = "".join(
                f"<d:response><d:href>{href}/</d:href><d:propstat><d:prop><d:resourcetype><d:collection/>"
                "</d:resourcetype></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
                for href in (path, path + "/a")
            )
            await exchange.say(ok(f'<d:multistatus xmlns:d="DAV:">{body}</d:multistatus>'.encode()))

    async with wire(endless) as peer:
        world.mount("x", peer.url)
        with pytest.raises(Forbidden):
            await world.tree.copy("x", "y", overwrite=False)


# Peers that are away


async def test_a_dead_peers_folder_is_shown_as_it_was_last_seen(shared: World, peer: Line) -> None:
    before = await shared.tree.list(AT)
    root = await shared.tree.stat(AT)
    file = await shared.tree.stat(f"{AT}/in.txt")
    peer.cut = True
    assert await shared.tree.list(AT) == before
    assert await shared.tree.stat(AT) == root
    assert await shared.tree.stat(f"{AT}/in.txt") == file
    for attempt in (
        shared.tree.read(f"{AT}/in.txt"),
        shared.tree.write(f"{AT}/in.txt", _chunks(b"x"), size=1),
        shared.tree.delete(f"{AT}/in.txt"),
        shared.tree.list(f"{AT}/sub"),
        shared.tree.stat(f"{AT}/sub/deep.txt"),
        shared.tree.stat(f"{AT}/never seen"),
    ):
        with pytest.raises(Unavailable):
            await attempt


async def test_a_dead_peer_is_asked_once_and_then_left_alone_until_its_time(
    shared: World, peer: Line, clock: Clock
) -> None:
    await shared.tree.list(AT)
    peer.cut = True
    await shared.tree.list(AT)
    asked = peer.connections
    assert shared.peer().failures == 1
    for _ in range(5):
        await shared.tree.list(AT)
        await shared.tree.stat(AT)
        with pytest.raises(Unavailable):
            await shared.tree.read(f"{AT}/in.txt")
    assert (peer.connections, shared.peer().failures) == (asked, 1)
    clock.now = shared.peer().retry_at
    await shared.tree.list(AT)
    assert peer.connections > asked
    assert shared.peer().failures == 2


async def test_a_peer_that_is_back_is_seen_fresh_and_its_circuit_closes(
    shared: World, peer: Line, folder: Path, clock: Clock
) -> None:
    await shared.tree.list(AT)
    peer.cut = True
    await shared.tree.list(AT)
    peer.cut = False
    (folder / "back.txt").touch()
    assert f"{AT}/back.txt" not in [entry.path for entry in await shared.tree.list(AT)]
    clock.now = shared.peer().retry_at
    assert f"{AT}/back.txt" in [entry.path for entry in await shared.tree.list(AT)]
    assert (shared.peer().failures, shared.peer().retry_at, shared.peer().error) == (0, 0, None)


async def test_a_silent_peer_is_waited_for_once_and_its_late_answer_is_kept(
    shared: World, peer: Line, folder: Path
) -> None:
    before = await shared.tree.list(AT)
    (folder / "late.txt").touch()
    peer.silence()
    assert await shared.tree.list(AT) == before  # after the deadline
    assert shared.peer().failures == 1
    requests = len(peer.requests)
    assert await shared.tree.list(AT) == before  # at once
    assert len(peer.requests) == requests
    peer.go.set()
    await shared.settled()
    assert shared.peer().failures == 0
    peer.cut = True
    assert f"{AT}/late.txt" in [entry.path for entry in await shared.tree.list(AT)]


async def test_a_peer_that_was_never_seen_is_told_as_away_and_its_mount_is_still_listed(
    shared: World, peer: Line
) -> None:
    peer.cut = True
    with pytest.raises(Unavailable):
        await shared.tree.list(AT)
    assert _paths(await shared.tree.list("Shares")) == [(AT, True)]
    assert (await shared.tree.stat(AT)).mounted
    await shared.tree.delete(AT)
    assert shared.left == ["r0"]


async def test_a_peer_that_cannot_be_located_is_away(shared: World) -> None:
    shared.found.clear()
    for attempt in (shared.tree.stat(f"{AT}/x"), shared.tree.list(AT), shared.tree.read(f"{AT}/in.txt")):
        with pytest.raises(Unavailable):
            await attempt


@pytest.mark.parametrize("answer", [b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n", ok(b"<html>Maintenance</html>")])
async def test_a_peer_with_a_fault_that_passes_is_shown_as_last_seen_but_its_circuit_stays_closed(
    shared: World, answer: bytes
) -> None:
    before = await shared.tree.list(AT)

    async def ill(exchange: Exchange) -> None:
        while True:
            await exchange.request()
            await exchange.say(answer)

    async with wire(ill) as other:
        access = {"url": other.url + ROOT, "scheme": "Basic"}
        shared.database.write_now(lambda tx: tx.run(sa.update(received).values(access=access)))
        assert await shared.tree.list(AT) == before
        assert shared.peer().failures == 0


async def test_what_is_gone_at_the_peer_is_not_shown_as_last_seen(shared: World, folder: Path) -> None:
    await shared.tree.list(AT)
    (folder / "in.txt").unlink()
    with pytest.raises(NotFound):
        await shared.tree.stat(f"{AT}/in.txt")


async def test_what_we_changed_is_never_shown_as_it_was_before(shared: World, peer: Line) -> None:
    """Better no listing than one in which an upload is missing: a client that syncs would delete it."""
    await shared.tree.list(AT)
    await shared.tree.list(f"{AT}/sub")
    await shared.tree.write(f"{AT}/new.txt", _chunks(b"x"), size=1)
    await shared.tree.move(f"{AT}/sub", f"{AT}/sub2", overwrite=False)
    peer.cut = True
    for path in (AT, f"{AT}/sub", f"{AT}/sub2"):
        with pytest.raises(Unavailable):
            await shared.tree.list(path)


async def test_only_news_is_written(shared: World, peer: Line, clock: Clock) -> None:
    await shared.tree.list(AT)

    def seen() -> list[int]:
        return [row.seen for row in shared.database.read_now(lambda tx: tx.all(sa.select(listings)))]

    first = seen()
    clock.now += 10
    await shared.tree.list(AT)
    assert seen() == first
    await shared.tree.make_folder(f"{AT}/news")
    await shared.tree.list(AT)
    assert seen() == [first[0] + 10]


# Watching


async def test_the_etag_of_every_folder_above_changes_with_what_is_seen_in_a_mount(shared: World, folder: Path) -> None:
    async def etags() -> list[str]:
        return [(await shared.tree.stat(path)).etag for path in ("", "Shares")]

    await shared.tree.list(AT)
    before = await etags()
    assert await etags() == before
    assert [entry.etag for entry in await shared.tree.list("")] == [before[1]]
    await shared.tree.write(f"{AT}/new.txt", _chunks(b"x"), size=1)
    after = await etags()
    assert all(a != b for a, b in zip(before, after, strict=True))
    assert all(len(etag) <= 40 for etag in after)


async def test_the_quota_is_that_of_ones_own_files(shared: World, peer: Line) -> None:
    shared.desk.fill("own.txt")
    assert (await shared.tree.quota()).used == len("own.txt")
    assert peer.connections == 0


async def test_a_big_file_is_streamed_both_ways(shared: World, folder: Path) -> None:
    size = 8 * 1024 * 1024
    (folder / "big").write_bytes(bytes(range(256)) * (size // 256))
    assert await shared.tree.copy(f"{AT}/big", "big", overwrite=False) is True
    assert (shared.desk.root / "big").read_bytes() == (folder / "big").read_bytes()
    assert await shared.tree.copy("big", f"{AT}/again", overwrite=False) is True
    assert (folder / "again").read_bytes() == (folder / "big").read_bytes()


async def test_a_download_that_breaks_off_leaves_no_file(world: World) -> None:
    async def breaking(exchange: Exchange) -> None:
        while True:
            head = await exchange.request()
            if head.startswith(b"GET"):
                await exchange.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
                return
            await exchange.say(
                ok(
                    b'<d:multistatus xmlns:d="DAV:"><d:response><d:href>/dav/ocm/x1/f</d:href><d:propstat><d:prop/>'
                    b"<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response></d:multistatus>"
                )
            )

    async with wire(breaking) as peer:
        world.mount("x", peer.url)
        for change in (world.tree.copy, world.tree.move):
            with pytest.raises(Unreachable):
                await change("x/f", "f", overwrite=False)
        assert world.desk.tree_on_disk() == {}
        assert [row.path for row in world.rows()] == ["x"]
