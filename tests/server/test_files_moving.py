"""What goes along when something in a tree moves, and what ends when it is deleted; also after a crash."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.server.desks import WHO, Desk

from opencloudmesh.protocol.errors import (
    Conflict,
    Forbidden,
    NotFound,
    PreconditionFailed,
)
from opencloudmesh.server import properties, schema
from opencloudmesh.server.database import Database
from opencloudmesh.server.moves import recover


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    return Desk(database, tmp_path / "data")


# Deleting


async def test_deleting_forgets_properties_and_locks_and_ends_what_was_shared(desk):
    desk.fill("a/b", "ab", "A/b")
    desk.keep("a", "a/b", "ab", "A/b")
    await desk.tree.delete("a")
    assert desk.removed == ["a"]
    assert set(desk.kept("properties")) == {"ab", "A/b"}
    assert set(desk.kept("locks")) == {"ab", "A/b"}
    assert set(desk.tree_on_disk()) == {"ab", "A/b"}


async def test_deleting_in_a_share_tells_the_path_of_the_owner(desk):
    desk.fill("shared/a/b")
    await desk.share("shared").delete("a")
    assert desk.removed == ["shared/a"]


async def test_what_is_not_there_cannot_be_deleted(desk):
    with pytest.raises(NotFound):
        await desk.tree.delete("a")
    assert desk.removed == []


# Moving


async def test_shares_mounts_and_properties_go_where_a_folder_goes_and_locks_end(desk):
    desk.fill("a/b/c", "ab", "A/b", "target/")
    desk.keep("a", "a/b", "a/b/c", "ab", "A/b", "a%")
    assert await desk.tree.move("a", "target/new", overwrite=False)
    expected = {
        "a": "target/new", "a/b": "target/new/b", "a/b/c": "target/new/b/c", "ab": "ab", "A/b": "A/b", "a%": "a%",
    }  # fmt: skip
    for table in ("shares", "links", "requests", "properties"):
        assert desk.kept(table) == expected
    assert desk.kept("received") == {kept: f"{path}/mount" for kept, path in expected.items()}
    assert set(desk.kept("locks")) == {"ab", "A/b", "a%"}
    assert desk.intents() == 0
    assert desk.removed == []
    assert desk.tree_on_disk() == {"target/new/b/c": "a/b/c", "ab": "ab", "A/b": "A/b"}


async def test_a_file_saved_by_moving_it_over_the_old_one_stays_shared_and_locked(desk):
    desk.fill("doc", "doc.tmp")
    desk.keep("doc", mounts=False)
    properties_of_new = {"{x}new": "1"}
    desk.database.write_now(lambda tx: properties.change(tx, WHO, "doc.tmp", properties_of_new))
    assert not await desk.tree.move("doc.tmp", "doc", overwrite=True)
    assert desk.kept("shares") == {"doc": "doc"}
    assert desk.kept("locks") == {"doc": "doc"}
    assert desk.database.read_now(lambda tx: properties.of(tx, WHO, "doc")) == properties_of_new
    assert desk.removed == []
    assert desk.tree_on_disk() == {"doc": "doc.tmp"}


@pytest.mark.parametrize("operation", ["move", "copy"])
@pytest.mark.parametrize(("source", "target"), [("file", "folder"), ("folder", "file"), ("folder", "other")])
async def test_what_is_replaced_by_another_kind_or_is_a_folder_is_deleted_first(desk, operation, source, target):
    desk.fill("file", "folder/x", "other/y")
    desk.keep(target)
    desk.database.write_now(lambda tx: tx.run(sa.delete(schema.received)))  # which the shares' own hook does
    assert not await getattr(desk.tree, operation)(source, target, overwrite=True)
    assert desk.removed == [target]
    assert desk.kept("locks") == {}
    assert desk.kept("properties") == {}
    content = "folder/x" if source == "folder" else "file"
    assert desk.tree_on_disk()[f"{target}/x" if source == "folder" else target] == content
    assert f"{target}/y" not in desk.tree_on_disk()


@pytest.mark.parametrize("operation", ["move", "copy"])
async def test_what_is_there_is_not_replaced_unless_asked(desk, operation):
    desk.fill("a", "b")
    with pytest.raises(PreconditionFailed):
        await getattr(desk.tree, operation)("a", "b", overwrite=False)
    assert desk.tree_on_disk() == {"a": "a", "b": "b"}


@pytest.mark.parametrize("operation", ["move", "copy"])
@pytest.mark.parametrize(("source", "target"), [("a", "a"), ("a", "a/b"), ("a", "a/new"), ("a/b", "a")])
async def test_nothing_becomes_a_part_or_the_whole_of_itself(desk, operation, source, target):
    desk.fill("a/b/c")
    with pytest.raises(Forbidden):
        await getattr(desk.tree, operation)(source, target, overwrite=True)
    assert desk.tree_on_disk() == {"a/b/c": "a/b/c"}


async def test_nothing_is_moved_to_where_a_share_of_another_is_mounted(desk):
    desk.fill("a", "b/")
    desk.keep("b")
    with pytest.raises(Conflict):
        await desk.tree.move("a", "b/mount", overwrite=False)
    assert desk.tree_on_disk() == {"a": "a"}
    assert desk.intents() == 0


async def test_a_move_that_the_disk_refuses_changes_no_row(desk):
    desk.fill("a")
    desk.keep("a")
    with pytest.raises(Conflict):
        await desk.tree.move("a", "missing/a", overwrite=False)
    assert desk.kept("shares") == {"a": "a"}
    assert desk.intents() == 0


async def test_a_copy_has_the_properties_but_neither_shares_nor_locks(desk):
    desk.fill("a/b")
    desk.keep("a", "a/b")
    await desk.tree.copy("a", "new", overwrite=False)
    found = desk.database.read_now(lambda tx: tx.all(sa.select(schema.properties)))
    assert {(row.path, row.value) for row in found} == {("a", "a"), ("a/b", "a/b"), ("new", "a"), ("new/b", "a/b")}
    assert desk.kept("shares") == {"a": "a", "a/b": "a/b"}
    assert set(desk.kept("locks")) == {"a", "a/b"}


async def test_a_move_is_finished_even_when_nobody_waits_for_it_any_more(desk):
    desk.fill("a")
    desk.keep("a")
    reached, go_on = threading.Event(), threading.Event()
    really_move = desk.storage.move

    def slow_disk(*args, **said):
        reached.set()
        go_on.wait(10)
        really_move(*args, **said)

    desk.storage.move = slow_disk
    moving = asyncio.create_task(desk.tree.move("a", "b", overwrite=False))
    await asyncio.to_thread(reached.wait, 10)
    moving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await moving
    go_on.set()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.wait(others, timeout=10)
    assert desk.kept("shares") == {"a": "b"}
    assert desk.intents() == 0


# After a crash

CRASH = """
import asyncio, os, signal, sys
from pathlib import Path
from opencloudmesh.server.database import Database
from opencloudmesh.server.files import LocalTree
from opencloudmesh.server.storage import Storage

url, data, moment = sys.argv[1:]
storage = Storage(Path(data))
move = storage.move
def dies(*args, **said):
    if moment == "after":
        move(*args, **said)
    os.kill(os.getpid(), signal.SIGKILL)
storage.move = dies
asyncio.run(LocalTree(storage, Database(url), "einstein").move("a", "new", overwrite=False))
"""


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_crash_around_the_rename_leaves_all_rows_where_the_files_are(desk, moment):
    desk.fill("a/b")
    desk.keep("a", "a/b")
    arguments = [sys.executable, "-c", CRASH, desk.database.url, str(desk.storage.files.parent), moment]
    assert subprocess.run(arguments, check=False).returncode == -9
    assert desk.intents() == 1
    desk.database.write_now(lambda tx: recover(tx, desk.storage))
    desk.database.write_now(lambda tx: recover(tx, desk.storage))
    expected = {"a": "a", "a/b": "a/b"} if moment == "before" else {"a": "new", "a/b": "new/b"}
    assert desk.kept("shares") == desk.kept("properties") == expected
    assert set(desk.tree_on_disk()) == {expected["a/b"]}
    assert desk.intents() == 0
    await desk.tree.move(expected["a"], "again", overwrite=False)
    assert desk.kept("shares") == {"a": "again", "a/b": "again/b"}


async def test_what_was_made_anew_where_a_move_should_have_arrived_is_not_taken_for_it(desk):
    desk.fill("a", "new")
    desk.keep("a")
    moves = {"account": WHO, "source": "a", "target": "new", "inode": os.stat(desk.root / "a").st_ino}
    desk.database.write_now(lambda tx: tx.run(sa.insert(schema.moves).values(moves)))
    desk.database.write_now(lambda tx: recover(tx, desk.storage))
    assert desk.kept("shares") == {"a": "a"}
