"""What is deleted goes to the trash and comes back, whatever breaks in between; and it gives way."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.server.desks import WHO, Desk

from opencloudmesh.protocol.errors import Conflict, InsufficientStorage, NotFound, PreconditionFailed
from opencloudmesh.server import schema, trash
from opencloudmesh.server.bins import Bin
from opencloudmesh.server.database import Database
from opencloudmesh.server.files import LocalTree
from opencloudmesh.server.trees import KEPT, STAYS


class TrashDesk(Desk):
    """A desk whose tree has a trash."""

    def __init__(self, database: Database, data: Path, quota: int | None = None) -> None:
        super().__init__(database, data, quota)
        self.bin = Bin(self.storage, database, WHO)
        self.tree = LocalTree(self.storage, database, WHO, on_removed=self.on_removed, trash=self.bin)

    def deleted(self) -> dict[str, str]:
        """What can be restored: path -> id."""
        return {row.path: row.id for row in self.database.read_now(lambda tx: trash.listing(tx, WHO))}

    def rows(self) -> list[tuple[str, bool]]:
        """All rows: the path, and whether it is settled."""
        found = self.database.read_now(lambda tx: tx.all(sa.select(schema.trash).order_by(schema.trash.c.path)))
        return [(row.path, row.settled) for row in found]

    def lying(self) -> set[str]:
        """What lies in the trash on disk."""
        folder = self.storage.trash / WHO
        return {path.name for path in folder.iterdir()} if folder.exists() else set()


@pytest.fixture
def desk(new_database_url, tmp_path):
    database = Database(new_database_url())
    yield TrashDesk(database, tmp_path / "data")
    database.close()


async def body(data: bytes):
    yield data


async def test_what_is_deleted_is_out_of_the_tree_and_comes_back_whole(desk):
    desk.fill("a/b/c", "a/d", "e")
    desk.keep("a", "a/d")
    await desk.tree.delete("a")
    await desk.tree.delete("e")
    assert desk.tree_on_disk() == {}
    assert desk.removed == ["a", "e"]
    assert desk.kept("properties") == desk.kept("locks") == {}
    deleted = desk.deleted()
    assert set(deleted) == {"a", "e"}
    assert desk.lying() == set(deleted.values())
    assert (await desk.tree.quota()).used == 0
    await desk.bin.restore(deleted["a"], "new/folder/a")
    assert desk.tree_on_disk() == {"new/folder/a/b/c": "a/b/c", "new/folder/a/d": "a/d"}
    assert (await desk.tree.quota()).used == 8
    assert desk.kept("properties") == {}
    await desk.bin.burn(deleted["e"])
    assert desk.rows() == []
    assert desk.lying() == set()
    assert list(desk.storage.temporary.iterdir()) == []


@pytest.mark.parametrize("way", ["write", "take_in", "move"])
async def test_what_is_replaced_on_purpose_can_be_restored_and_stays_shared(desk, way):
    desk.fill("a", "b")
    if way == "write":
        await desk.tree.write("a", body(b"new"), existing=KEPT)
    elif way == "take_in":
        partial = desk.storage.temporary / "partial"
        partial.write_bytes(b"new")
        await desk.tree.take_in("a", partial, modified_ns=1, existing=KEPT)
    else:
        await desk.tree.keep("a")
        await desk.tree.move("b", "a", overwrite=True)
    assert (desk.root / "a").read_bytes() == (b"b" if way == "move" else b"new")
    assert desk.removed == []
    await desk.bin.restore(desk.deleted()["a"], "old")
    assert (desk.root / "old").read_bytes() == b"a"
    await desk.tree.write("fresh", body(b"new"), existing=KEPT)
    assert desk.rows() == []


async def test_two_that_come_at_once_under_one_name_are_both_there(desk):
    first, second = asyncio.Event(), asyncio.Event()

    async def slow(data: bytes, goes: asyncio.Event):
        yield data
        await goes.wait()

    writing = [
        asyncio.create_task(desk.tree.write("a.txt", slow(data, goes), existing=STAYS))
        for data, goes in ((b"1", first), (b"2", second))
    ]
    second.set()
    await writing[1]
    first.set()
    entry, new = await writing[0]
    assert (entry.path, new) == ("a (2).txt", True)
    assert desk.tree_on_disk() == {"a.txt": "2", "a (2).txt": "1"}


async def test_nothing_is_replaced_by_what_comes_back(desk):
    desk.fill("a", "file")
    await desk.tree.delete("a")
    desk.fill("a")
    trash_id = desk.deleted()["a"]
    for path, error in {"a": PreconditionFailed, "file/a": Conflict}.items():
        with pytest.raises(error):
            await desk.bin.restore(trash_id, path)
        assert desk.rows() == [("a", True)]
    with pytest.raises(NotFound):
        await desk.bin.restore("nothing", "b")
    assert desk.tree_on_disk() == {"a": "a", "file": "file"}
    await desk.bin.empty()
    with pytest.raises(NotFound):
        await desk.bin.restore(trash_id, "b")
    assert desk.lying() == set()


async def test_what_a_move_or_copy_takes_the_place_of_can_be_restored(desk):
    desk.fill("a/1", "b/2", "c/3")
    await desk.tree.move("a", "b", overwrite=True)
    await desk.tree.copy("b", "c", overwrite=True)
    assert desk.tree_on_disk() == {"b/1": "a/1", "c/1": "a/1"}
    assert set(desk.deleted()) == {"b", "c"}


async def test_a_disk_that_refuses_leaves_it_where_it_is(desk):
    desk.fill("a")

    def refuses(*args):
        raise Conflict("no")

    desk.storage.discard = refuses
    with pytest.raises(Conflict):
        await desk.tree.delete("a")
    assert desk.tree_on_disk() == {"a": "a"}
    assert desk.rows() == []


async def test_the_oldest_gives_way_when_the_quota_needs_its_room(new_sqlite_url, tmp_path):
    database = Database(new_sqlite_url(), clock=iter(range(1000, 100_000)).__next__)
    desk = TrashDesk(database, tmp_path / "data", quota=100)
    for name in "abc":
        (desk.root / name).write_bytes(b"x" * 30)
        await desk.tree.delete(name)
    await desk.tree.write("new", body(b"x" * 10), size=10)
    assert set(desk.deleted()) == {"a", "b", "c"}
    await desk.tree.write("newer", body(b"x" * 40))  # its size is not announced
    assert set(desk.deleted()) == {"c"}
    assert desk.lying() == set(desk.deleted().values())
    with pytest.raises(InsufficientStorage):
        await desk.tree.write("too much", body(b"x" * 60), size=60)
    assert set(desk.deleted()) == {"c"}
    await desk.tree.copy("newer", "copy", overwrite=False)
    assert desk.deleted() == {}
    database.close()


async def test_it_gives_way_to_the_disk_too_and_to_time(desk):
    desk.fill("a", "b")
    await desk.tree.delete("a")
    await desk.tree.delete("b")
    desk.storage.free = lambda: 10
    await desk.bin.give_way(11, None)
    assert len(desk.deleted()) == 1
    (left,) = desk.deleted()
    assert desk.database.write_now(lambda tx: trash.expire(tx, 1)) == []
    rows = desk.database.write_now(lambda tx: trash.expire(tx, 0))
    assert [row.path for row in rows] == [left]


CRASH = """
import asyncio, os, signal, sys
from pathlib import Path
from opencloudmesh.server.bins import Bin
from opencloudmesh.server.database import Database
from opencloudmesh.server.files import LocalTree
from opencloudmesh.server.trees import KEPT, STAYS
from opencloudmesh.server.storage import Storage

url, data, what, moment, trash_id = sys.argv[1:]
storage, database = Storage(Path(data)), Database(url)
rename = getattr(storage, what)
def dies(*args):
    if moment == "after":
        rename(*args)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(storage, what, dies)
trash = Bin(storage, database, "einstein")
tree = LocalTree(storage, database, "einstein", trash=trash)
asyncio.run({"discard": lambda: tree.delete("a"), "restore": lambda: trash.restore(trash_id, "a"),
             "burn": lambda: trash.burn(trash_id)}[what]())
"""


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("what", ["discard", "restore", "burn"])
async def test_a_crash_around_a_rename_leaves_rows_of_what_is_there(desk, what, moment):
    desk.fill("a/b")
    if what != "discard":
        await desk.tree.delete("a")
    trash_id = desk.deleted().get("a", "")
    arguments = [sys.executable, "-c", CRASH, desk.database.url, str(desk.storage.files.parent), what, moment, trash_id]
    assert subprocess.run(arguments, check=False).returncode == -9
    assert desk.rows() == [("a", False)]
    assert desk.deleted() == {}
    for _ in range(2):
        desk.database.write_now(lambda tx: trash.recover(tx, desk.storage.in_trash))
    in_trash = (what == "discard") == (moment == "after")
    assert desk.lying() == set(desk.deleted().values())
    assert desk.rows() == ([("a", True)] if in_trash else [])
    in_tree = {"discard": moment == "before", "restore": moment == "after", "burn": False}[what]
    assert desk.tree_on_disk() == ({"a/b": "a/b"} if in_tree else {})


async def test_a_row_that_another_process_took_for_one_of_a_crash_is_written_again(desk):
    desk.fill("a")
    really = desk.storage.discard

    def overtaken(*args):
        desk.database.write_now(lambda tx: trash.recover(tx, desk.storage.in_trash))
        really(*args)

    desk.storage.discard = overtaken
    await desk.tree.delete("a")
    assert desk.rows() == [("a", True)]
    await desk.bin.restore(desk.deleted()["a"], "a")
    assert desk.tree_on_disk() == {"a": "a"}
