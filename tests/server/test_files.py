"""Trees on disk: what a share can reach, who may do what, and how files are written."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from tests.server.desks import WHO, Desk

from opencloudmesh.protocol.errors import (
    Conflict,
    Forbidden,
    InsufficientStorage,
    Invalid,
    MethodNotAllowed,
    NotFound,
    OcmError,
)
from opencloudmesh.server import accounts, contents, files
from opencloudmesh.server.database import Database
from opencloudmesh.server.files import LocalTree
from opencloudmesh.server.trees import NEEDED, READ, SHARE, WRITE


async def body(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    return Desk(database, tmp_path / "data")


@pytest.fixture
def quick_desk(new_sqlite_url, tmp_path: Path):
    database = Database(new_sqlite_url())
    yield Desk(database, tmp_path / "data")
    database.close()


# What is permitted


def outside(tree: LocalTree) -> Path:
    """A file of this disk that is in no tree."""
    path = tree._storage.temporary.parent / "outside"
    path.write_bytes(b"1")
    return path


OPERATIONS: dict[str, Callable[[LocalTree], Awaitable[object]]] = {
    "stat": lambda tree: tree.stat("file"),
    "list": lambda tree: tree.list(""),
    "find": lambda tree: tree.find("", "file"),
    "read": lambda tree: tree.read("file"),
    "quota": lambda tree: tree.quota(),
    "write": lambda tree: tree.write("new", body(b"1")),
    "take_in": lambda tree: tree.take_in("new", outside(tree), modified_ns=1),
    "keep": lambda tree: tree.keep("file"),
    "touch": lambda tree: tree.touch("file", 1),
    "make_folder": lambda tree: tree.make_folder("new"),
    "delete": lambda tree: tree.delete("file"),
    "move": lambda tree: tree.move("file", "new", overwrite=True),
    "copy": lambda tree: tree.copy("file", "new", overwrite=True),
}
SUBSETS = [
    frozenset(s)
    for s in itertools.chain.from_iterable(itertools.combinations((READ, WRITE, SHARE), n) for n in range(4))
]


def test_every_operation_of_a_tree_has_its_permission_in_the_table():
    methods = {name for name in vars(LocalTree) if not name.startswith("_")}
    assert methods == set(OPERATIONS)
    assert set(NEEDED) == methods | {"lock", "set_properties"}  # those are WebDAV's, beside the tree


@pytest.mark.parametrize("permissions", SUBSETS, ids=lambda permissions: "+".join(sorted(permissions)) or "nothing")
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_nothing_is_done_or_told_that_is_not_permitted(quick_desk, operation, permissions):
    """CVE-2021-35949: a share for uploads only told what had been uploaded."""
    quick_desk.fill("shared/file")
    tree = quick_desk.share("shared", permissions)
    changing = operation in ("write", "take_in", "keep", "touch", "make_folder", "delete", "move", "copy")
    looking = operation in ("stat", "list", "find", "read", "quota", "copy")
    permitted = (not changing or WRITE in permissions) and (not looking or READ in permissions)
    before = quick_desk.state()
    if permitted:
        await OPERATIONS[operation](tree)
    else:
        with pytest.raises(Forbidden):
            await OPERATIONS[operation](tree)
    assert (quick_desk.state() != before) == (permitted and changing and operation != "keep")  # there is no trash


# What a share reaches


async def test_a_shared_folder_shows_its_content_under_its_own_root(quick_desk):
    quick_desk.fill("private", "shared/a", "shared/b/c")
    tree = quick_desk.share("shared", frozenset({READ}))
    assert [entry.path for entry in await tree.list("")] == ["a", "b"]
    assert [entry.path for entry in await tree.list("b")] == ["b/c"]
    entry = await tree.stat("b/c")
    assert (entry.path, entry.size, entry.is_folder, entry.permissions) == ("b/c", 10, False, frozenset({READ}))
    content = await tree.read("b/c")
    assert content.file is not None
    assert content.file.read_text() == "shared/b/c"


@pytest.mark.parametrize("path", ["../private", "a/../../private", "/private", "..", "b/../../private"])
async def test_nothing_leads_out_of_a_share(quick_desk, path):
    """CVE-2026-23989: what is not resolved below the root of the share is not resolved."""
    quick_desk.fill("private", "shared/a", "shared/b/c")
    tree = quick_desk.share("shared")
    for refused in (
        lambda: tree.stat(path),
        lambda: tree.list(path),
        lambda: tree.read(path),
        lambda: tree.write(path, body(b"1")),
        lambda: tree.take_in(path, outside(tree), modified_ns=0),
        lambda: tree.delete(path),
        lambda: tree.move("a", path, overwrite=True),
        lambda: tree.copy("a", path, overwrite=True),
        lambda: tree.move(path, "x", overwrite=True),
        lambda: tree.make_folder(path),
    ):
        with pytest.raises((Invalid, Forbidden)):
            await refused()
    assert set(quick_desk.tree_on_disk()) == {"private", "shared/a", "shared/b/c"}


@pytest.mark.parametrize("path", ["", "doc.txt"])
async def test_a_shared_file_answers_at_the_root_and_at_its_name(quick_desk, path):
    """Nextcloud and Reva ask for the root, OpenCloud for the name."""
    quick_desk.fill("docs/doc.txt", "docs/other.txt")
    tree = quick_desk.share("docs/doc.txt")
    entry = await tree.stat(path)
    assert (entry.path, entry.is_folder, entry.media_type) == ("", False, "text/plain")
    content = await tree.read(path)
    assert content.file is not None
    assert content.file.read_text() == "docs/doc.txt"
    written, new = await tree.write(path, body(b"new"))
    assert (written.path, written.size, new) == ("", 3, False)
    await tree.touch(path, 10**18)
    assert quick_desk.tree_on_disk() == {"docs/doc.txt": "new", "docs/other.txt": "docs/other.txt"}


async def test_a_shared_file_has_no_neighbours(quick_desk):
    quick_desk.fill("docs/doc.txt", "docs/other.txt")
    tree = quick_desk.share("docs/doc.txt")
    for path in ("other.txt", "doc.txt/x", "../other.txt"):
        with pytest.raises((NotFound, Invalid)):
            await tree.stat(path)
        with pytest.raises((Conflict, Invalid)):
            await tree.write(path, body(b"1"))
    assert set(quick_desk.tree_on_disk()) == {"docs/doc.txt", "docs/other.txt"}


async def test_a_folder_may_have_a_child_of_its_own_name(quick_desk):
    quick_desk.fill("doc/doc")
    assert (await quick_desk.share("doc").stat("doc")).path == "doc"


@pytest.mark.parametrize("base", ["", "shared", "shared/file"])
async def test_the_root_of_a_tree_stays(quick_desk, base):
    quick_desk.fill("shared/file", "shared/folder/")
    tree = quick_desk.share(base)
    for path in {"", base.rpartition("/")[2] if base.endswith("file") else ""}:
        for refused in (
            lambda: tree.delete(path),  # noqa: B023
            lambda: tree.move(path, "elsewhere", overwrite=True),  # noqa: B023
        ):
            with pytest.raises(Forbidden):
                await refused()
    with pytest.raises((Forbidden, NotFound)):
        await tree.move("folder", "", overwrite=True)
    with pytest.raises((Forbidden, NotFound)):
        await tree.copy("folder", "", overwrite=True)
    with pytest.raises(MethodNotAllowed):
        await tree.make_folder("")
    assert (quick_desk.root / "shared/file").exists()


# Writing


@pytest.mark.parametrize("size", [4, 6])
async def test_a_body_that_is_not_as_long_as_announced_leaves_nothing(quick_desk, size):
    with pytest.raises(Invalid):
        await quick_desk.tree.write("new", body(b"12", b"345"), size=size)
    assert quick_desk.tree_on_disk() == {}
    assert os.listdir(quick_desk.storage.temporary) == []


async def test_a_body_that_breaks_off_leaves_nothing(quick_desk):
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * (contents.BUFFER + 1)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await quick_desk.tree.write("new", broken())
    assert quick_desk.tree_on_disk() == {}
    assert os.listdir(quick_desk.storage.temporary) == []


async def test_a_large_body_arrives_byte_for_byte(quick_desk):
    chunks = [os.urandom(70_000) for _ in range(60)]
    entry, new = await quick_desk.tree.write("new", body(*chunks), size=4_200_000)
    assert (entry.size, new) == (4_200_000, True)
    assert (quick_desk.root / "new").read_bytes() == b"".join(chunks)


class TestQuota:
    @pytest.fixture
    def desk(self, database, tmp_path):
        desk = Desk(database, tmp_path, quota=1000)
        (desk.root / "old").write_bytes(b"x" * 600)
        return desk

    @pytest.mark.parametrize("size", [401, None])
    async def test_what_is_over_quota_is_refused_announced_or_not(self, desk, size):
        with pytest.raises(InsufficientStorage):
            await desk.tree.write("new", body(b"x" * 401), size=size)
        assert set(desk.tree_on_disk()) == {"old"}
        assert os.listdir(desk.storage.temporary) == []

    async def test_what_is_replaced_makes_room(self, desk):
        await desk.tree.write("old", body(b"x" * 1000))
        assert await desk.tree.quota() == files.Quota(1000, 0)
        with pytest.raises(InsufficientStorage):
            await desk.tree.write("new", body(b"x"))

    async def test_several_at_once_do_not_each_take_the_same_room(self, desk):
        """All of them are told that there is room, before anything of them has come."""
        together = asyncio.Barrier(4)

        async def late() -> AsyncIterator[bytes]:
            await together.wait()
            yield b"x" * 300

        writes = [desk.tree.write(f"new {number}", late()) for number in range(4)]
        ends = await asyncio.gather(*writes, return_exceptions=True)
        assert sum(isinstance(end, InsufficientStorage) for end in ends) >= 3
        assert (await desk.tree.quota()).used == sum(len(content) for content in desk.tree_on_disk().values())
        await desk.tree.write("later", body(b"x" * 100))

    async def test_a_copy_counts(self, desk):
        with pytest.raises(InsufficientStorage):
            await desk.tree.copy("old", "copy", overwrite=False)
        assert set(desk.tree_on_disk()) == {"old"}

    async def test_what_is_left_is_told(self, desk):
        assert await desk.tree.quota() == files.Quota(600, 400)
        await desk.tree.delete("old")
        assert await desk.tree.quota() == files.Quota(0, 1000)

    async def test_a_share_has_the_room_of_its_owner(self, desk):
        desk.fill("shared/")
        with pytest.raises(InsufficientStorage):
            await desk.share("shared").write("new", body(b"x" * 401))


async def test_only_so_much_is_copied_at_once_and_nothing_makes_way_for_more(desk, monkeypatch):
    desk.fill("a/1", "a/2", "b/3")
    before = desk.state()
    monkeypatch.setattr(files, "MAX_COPIED", 2)
    with pytest.raises(Forbidden):
        await desk.tree.copy("a", "b", overwrite=True)
    assert desk.state() == before
    await desk.tree.copy("a", "c", overwrite=False, deep=False)
    await desk.tree.copy("b", "d", overwrite=False)
    assert set(desk.tree_on_disk()) == {"a/1", "a/2", "b/3", "d/3"}


async def test_without_quota_the_disk_is_the_limit(desk):
    quota = await desk.tree.quota()
    assert quota.used == 0
    assert quota.available is not None
    assert quota.available > 0


async def test_every_error_of_a_tree_is_one_of_ours(quick_desk):
    quick_desk.fill("file", "folder/")
    paths = ("", "file", "folder", "file/x", "folder/x/y", "missing", "..", "\ud800", "x" * 300, "\0")
    for path, other in itertools.product(paths, paths):
        for operation in (quick_desk.tree.move, quick_desk.tree.copy):
            with contextlib.suppress(OcmError):
                await operation(path, other, overwrite=False)


async def test_nothing_more_is_put_among_the_files_of_an_account_that_is_gone(quick_desk):
    """A form with many files, or a folder that is copied from elsewhere, arrives one file after the other."""
    quick_desk.fill("file")
    quick_desk.database.write_now(lambda tx: accounts.remove(tx, WHO))
    for change in (
        quick_desk.tree.write("new", body(b"1")),
        quick_desk.tree.copy("file", "new", overwrite=True),
        quick_desk.tree.take_in("new", outside(quick_desk.tree), modified_ns=1),
    ):
        with pytest.raises(NotFound):
            await change
    assert set(quick_desk.tree_on_disk()) == {"file"}
