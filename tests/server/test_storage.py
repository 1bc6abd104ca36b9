"""Files on a real disk: whole or not at all, inside their root, and with ETags that tell of every change."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opencloudmesh.protocol.errors import (
    Conflict,
    Forbidden,
    InsufficientStorage,
    Invalid,
    MethodNotAllowed,
    NotFound,
    OcmError,
    PreconditionFailed,
)
from opencloudmesh.server import disk
from opencloudmesh.server.storage import Storage

USER = "einstein"


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path)


@pytest.fixture
def root(storage: Storage) -> Path:
    storage.stat(USER, "")
    return storage.files / USER


def put(storage: Storage, path: str, data: bytes = b"", modified_ns: int | None = None) -> str:
    """Writes a file; its ETag."""
    upload = storage.upload(USER, path)
    try:
        upload.write(data)
        return disk.etag(upload.commit(modified_ns)[0])
    finally:
        upload.discard()


def etag(storage: Storage, path: str) -> str:
    return disk.etag(storage.stat(USER, path))


def names(storage: Storage, path: str = "") -> list[str]:
    return [name for name, _ in storage.list(USER, path)]


# Whole or not at all


def test_a_file_is_there_once_it_is_committed_and_not_before(storage, root):
    upload = storage.upload(USER, "a.txt")
    upload.write(b"hello ")
    upload.write(b"world")
    assert names(storage) == []
    found, new = upload.commit()
    upload.discard()
    assert new
    assert found.st_size == 11
    assert (root / "a.txt").read_bytes() == b"hello world"
    assert list(storage.temporary.iterdir()) == []


def test_a_discarded_upload_leaves_the_old_version_and_nothing_else(storage, root):
    put(storage, "a.txt", b"old")
    before = etag(storage, "a.txt"), etag(storage, "")
    upload = storage.upload(USER, "a.txt")
    upload.write(b"new")
    upload.discard()
    upload.discard()
    assert (root / "a.txt").read_bytes() == b"old"
    assert (etag(storage, "a.txt"), etag(storage, "")) == before
    assert list(storage.temporary.iterdir()) == []


def test_a_process_that_is_killed_while_it_writes_leaves_the_old_version(storage, root):
    put(storage, "a.txt", b"old")
    script = (
        "import os, signal, sys; from pathlib import Path; from opencloudmesh.server.storage import Storage\n"
        "upload = Storage(Path(sys.argv[1])).upload('einstein', 'a.txt'); upload.write(b'new')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    result = subprocess.run([sys.executable, "-c", script, str(storage.files.parent)], check=False)
    assert result.returncode == -9
    assert (root / "a.txt").read_bytes() == b"old"
    assert len(list(storage.temporary.iterdir())) == 1
    storage.clear_temporary()
    assert list(storage.temporary.iterdir()) == []


def test_what_is_still_being_written_is_not_taken_for_the_rest_of_a_crash(storage, root):
    upload = storage.upload(USER, "a.txt")
    upload.write(b"new")
    (storage.temporary / "left").write_bytes(b"of a crash")
    (storage.temporary / "tree" / "below").mkdir(parents=True)
    (storage.temporary / "tree" / "below" / "file").touch()
    Storage(storage.files.parent).clear_temporary()
    assert len(list(storage.temporary.iterdir())) == 1
    upload.commit()
    upload.discard()
    assert (root / "a.txt").read_bytes() == b"new"


def test_of_many_writers_one_wins_and_its_file_is_whole(storage, root):
    contents = [bytes([letter]) * 300_000 for letter in range(8)]
    threads = [threading.Thread(target=put, args=(storage, "same", content)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (root / "same").read_bytes() in contents


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file may become larger than this: the nearest thing to a full disk without being root."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_told_and_leaves_nothing(storage):
    put(storage, "big", b"x" * 200_000)
    with full_disk(100_000):
        upload = storage.upload(USER, "new")
        with pytest.raises(InsufficientStorage):
            upload.write(b"x" * 200_000)
        upload.discard()
        with pytest.raises(InsufficientStorage):
            storage.copy(USER, "big", "copy")
    assert names(storage) == ["big"]
    assert list(storage.temporary.iterdir()) == []


# ETags


def test_quick_writes_of_the_same_size_and_time_have_different_etags(storage):
    etags = [put(storage, "a", b"same", modified_ns=10**18) for _ in range(50)]
    assert len(set(etags)) == 50
    assert etag(storage, "a") == etags[-1]
    assert storage.stat(USER, "a").st_mtime_ns == 10**18


def test_an_etag_has_at_most_40_characters(storage):
    assert len(put(storage, "a", b"x")) <= 40  # Nextcloud hashes longer ones


CHANGES: dict[str, Callable[[Storage], object]] = {
    "write": lambda storage: put(storage, "a/b/new", b"x"),
    "overwrite": lambda storage: put(storage, "a/b/file", b"x"),
    "make_folder": lambda storage: storage.make_folder(USER, "a/b/new"),
    "touch": lambda storage: storage.touch(USER, "a/b/file", 10**18),
    "delete": lambda storage: storage.delete(USER, "a/b/file"),
    "delete a folder": lambda storage: storage.delete(USER, "a/b/c"),
    "move in": lambda storage: storage.move(USER, "other/file", "a/b/new"),
    "move out": lambda storage: storage.move(USER, "a/b/file", "other/new"),
    "rename": lambda storage: storage.move(USER, "a/b/c", "a/b/d"),
    "copy": lambda storage: storage.copy(USER, "other", "a/b/new"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_changes_the_etags_of_all_folders_above(storage, change):
    for folder in ("a", "a/b", "a/b/c", "other", "aside"):
        storage.make_folder(USER, folder)
    put(storage, "a/b/file", b"1")
    put(storage, "other/file", b"2")
    before = {folder: etag(storage, folder) for folder in ("", "a", "a/b", "aside")}
    CHANGES[change](storage)
    for folder in ("", "a", "a/b"):
        assert etag(storage, folder) != before[folder]
    assert etag(storage, "aside") == before["aside"]


def test_folder_etags_never_repeat_even_when_the_clock_stands_still_or_goes_back(storage, monkeypatch):
    seen = {etag(storage, "")}
    for number in range(20):
        monkeypatch.setattr(time, "time_ns", lambda number=number: 10**18 - number // 2)
        put(storage, "a", b"x")
        seen.add(etag(storage, ""))
    assert len(seen) == 21


def test_a_change_by_hand_deep_below_reaches_the_root_at_the_next_start(storage, root):
    for folder in ("a", "a/b", "aside"):
        storage.make_folder(USER, folder)
    put(storage, "a/b/file", b"1")
    before = {folder: etag(storage, folder) for folder in ("", "a", "a/b", "aside")}
    later = time.time_ns() + 10**9
    (root / "a/b/file").write_bytes(b"22")
    os.utime(root / "a/b/file", ns=(later, later))
    assert storage.refresh_folders() == 4  # a/b, a, the root, and the folder of all users
    assert all(etag(storage, folder) != before[folder] for folder in ("", "a", "a/b"))
    assert etag(storage, "aside") == before["aside"]
    assert storage.refresh_folders() == 0


# Inside the root


def test_links_and_devices_are_as_if_they_were_not_there(storage, root, tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "file").write_bytes(b"of others")
    (root / "link").symlink_to(secret / "file")
    (root / "folder").symlink_to(secret)
    (root / "dangling").symlink_to(tmp_path / "nothing")
    os.mkfifo(root / "fifo")
    assert names(storage) == []
    for path in ("link", "folder", "folder/file", "dangling", "fifo"):
        for look in (storage.stat, storage.file, storage.list, storage.delete, storage.size):
            with pytest.raises(NotFound):
                look(USER, path)
        with pytest.raises(NotFound):
            storage.touch(USER, path, 1)
        with pytest.raises(NotFound):
            storage.move(USER, path, "elsewhere")
        with pytest.raises(NotFound):
            storage.copy(USER, path, "elsewhere")
    for path in ("link", "folder", "dangling", "fifo"):
        with pytest.raises(Forbidden):
            storage.upload(USER, path)
        with pytest.raises(MethodNotAllowed):
            storage.make_folder(USER, path)
    with pytest.raises(Conflict):
        storage.upload(USER, "folder/new")
    assert [path.name for path in secret.iterdir()] == ["file"]
    assert (secret / "file").read_bytes() == b"of others"
    assert names(storage) == []


def test_links_are_neither_copied_nor_followed_when_their_folder_is_deleted(storage, root, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").touch()
    storage.make_folder(USER, "a")
    put(storage, "a/real", b"1")
    (root / "a" / "link").symlink_to(tmp_path / "outside")
    storage.copy(USER, "a", "b")
    assert os.listdir(root / "b") == ["real"]
    storage.delete(USER, "a")
    assert (tmp_path / "outside" / "file").exists()
    assert list(storage.temporary.iterdir()) == []


@pytest.mark.parametrize(
    "path", ["..", "../marie", "a/../../marie", ".", "a//b", "/etc", "a/", "a\0b", "a\x1fb", "\ud800"]
)
def test_a_path_that_leads_elsewhere_is_refused(storage, path):
    storage.make_folder(USER, "a")
    for call in (storage.stat, storage.upload, storage.make_folder, storage.delete, storage.size):
        with pytest.raises(Invalid):
            call(USER, path)
    with pytest.raises(Invalid):
        storage.stat(path, "")


CALLS = ["put", "mkdir", "delete", "discard", "restore", "move", "copy"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(CALLS), st.text(), st.text())))
def test_no_path_ever_touches_anything_outside(tmp_path_factory, steps):
    data = tmp_path_factory.mktemp("data")
    (data / "bystander").write_bytes(b"1")
    storage = Storage(data)
    (storage.files / "marie").mkdir()
    calls: dict[str, Callable[[str, str], object]] = {
        "put": lambda path, _: put(storage, path),
        "mkdir": lambda path, _: storage.make_folder(USER, path),
        "delete": lambda path, _: storage.delete(USER, path),
        "discard": lambda path, _: storage.discard(USER, path, disk.temporary_name()),
        "restore": lambda path, _: storage.restore(USER, os.listdir(storage.trash / USER)[0], path),
        "move": lambda path, other: storage.move(USER, path, other),
        "copy": lambda path, other: storage.copy(USER, path, other),
    }
    for call, path, other in steps:
        try:
            calls[call](path, other)
        except (OcmError, FileNotFoundError, IndexError):  # the last two: there is no trash
            continue
    assert sorted(os.listdir(data)) == ["bystander", "files", "tmp", "trash"]
    assert os.listdir(storage.trash) in ([], [USER])
    assert set(os.listdir(storage.files)) <= {USER, "marie"}
    assert os.listdir(storage.files / "marie") == []
    assert os.listdir(storage.temporary) == []


def test_names_on_disk_that_nobody_could_ask_for_are_not_shown(storage, root):
    for name in (b"latin-\xe9", b"control-\x01", b"line\nfeed", "fine-é".encode()):
        (Path(os.fsdecode(os.fsencode(root) + b"/" + name))).touch()
    assert names(storage) == ["fine-é"]


# Names, kinds, parents


def test_a_file_and_a_folder_do_not_replace_each_other(storage):
    storage.make_folder(USER, "folder")
    put(storage, "file", b"1")
    for refused in (
        lambda: storage.upload(USER, "folder"),
        lambda: storage.make_folder(USER, "file"),
        lambda: storage.make_folder(USER, "folder"),
        lambda: storage.make_folder(USER, ""),
        lambda: storage.move(USER, "file", "folder"),
        lambda: storage.move(USER, "folder", "file"),
        lambda: storage.copy(USER, "file", "folder"),
        lambda: storage.copy(USER, "folder", "file"),
        lambda: storage.file(USER, "folder"),
    ):
        with pytest.raises(MethodNotAllowed):
            refused()
    assert names(storage) == ["file", "folder"]
    assert list(storage.temporary.iterdir()) == []


def test_nothing_is_made_where_there_is_no_parent_folder(storage):
    put(storage, "file", b"1")
    for parent in ("missing", "file"):
        for refused in (
            lambda: storage.upload(USER, f"{parent}/x"),  # noqa: B023
            lambda: storage.make_folder(USER, f"{parent}/x"),  # noqa: B023
            lambda: storage.move(USER, "file", f"{parent}/x"),  # noqa: B023
            lambda: storage.copy(USER, "file", f"{parent}/x"),  # noqa: B023
        ):
            with pytest.raises(Conflict):
                refused()
    assert names(storage) == ["file"]


def test_the_root_stays(storage):
    put(storage, "file", b"1")
    for refused in (
        lambda: storage.delete(USER, ""),
        lambda: storage.move(USER, "", "x"),
        lambda: storage.move(USER, "file", ""),
        lambda: storage.copy(USER, "file", ""),
        lambda: storage.touch(USER, "", 1),
    ):
        with pytest.raises((Forbidden, MethodNotAllowed)):
            refused()
    assert names(storage) == ["file"]


def test_a_folder_takes_no_time_from_a_client(storage):
    storage.make_folder(USER, "a")
    before = etag(storage, "a")
    with pytest.raises(Forbidden):
        storage.touch(USER, "a", 10**18)
    assert etag(storage, "a") == before


def test_a_parent_that_vanishes_during_an_upload_is_a_conflict(storage):
    storage.make_folder(USER, "a")
    upload = storage.upload(USER, "a/file")
    storage.delete(USER, "a")
    with pytest.raises(Conflict):
        upload.commit()
    upload.discard()
    assert names(storage) == []
    assert list(storage.temporary.iterdir()) == []


# Moving, copying, deleting


def test_a_copy_has_contents_and_times_of_the_original(storage, root):
    for folder in ("a", "a/b", "a/b/empty"):
        storage.make_folder(USER, folder)
    put(storage, "a/b/file", b"content", modified_ns=10**18)
    storage.copy(USER, "a", "copy")
    assert (root / "copy/b/file").read_bytes() == b"content"
    assert (root / "copy/b/empty").is_dir()
    assert storage.stat(USER, "copy/b/file").st_mtime_ns == 10**18
    assert etag(storage, "copy/b/file") != etag(storage, "a/b/file")


def test_a_shallow_copy_of_a_folder_is_empty(storage):
    storage.make_folder(USER, "a")
    put(storage, "a/file", b"1")
    storage.copy(USER, "a", "copy", deep=False)
    assert names(storage, "copy") == []


def test_the_root_can_be_copied_below_itself_from_a_snapshot(storage):
    put(storage, "file", b"1")
    storage.copy(USER, "", "copy")
    assert names(storage, "copy") == ["file"]


def test_a_tree_of_any_depth_can_be_counted_refreshed_and_deleted(storage, root):
    storage.make_folder(USER, "top")
    descriptor = os.open(root / "top", os.O_RDONLY)
    for _ in range(1500):  # deeper than Python recurses, longer than a path may be
        os.mkdir("d", dir_fd=descriptor)
        below = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    put(storage, "top/file", b"123")
    assert storage.usage(USER) == 3
    storage.refresh_folders()
    storage.delete(USER, "top")
    assert list(storage.temporary.iterdir()) == []
    assert names(storage) == []


def test_a_user_who_is_gone_leaves_nothing(storage, root):
    put(storage, "file", b"1")
    storage.remove_user(USER)
    storage.remove_user(USER)
    assert not root.exists()
    assert list(storage.temporary.iterdir()) == []


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
@pytest.mark.parametrize("how", ["move", "copy", "restore"])
def test_what_has_come_just_now_is_not_replaced(storage, root, monkeypatch, how, links):
    """Whoever looked before found nothing there; only the operating system can tell."""
    for name in ("mine", "theirs", "gone"):
        put(storage, name, name.encode())
    storage.discard(USER, "gone", "bin")

    def act(name):
        if how == "restore":
            storage.restore(USER, "bin", name)
        else:
            getattr(storage, how)(USER, "mine", name, overwrite=False)

    look = disk.look
    if links:
        monkeypatch.setattr(disk, "look", lambda *args: None if args[1] == "theirs" else look(*args))
    else:
        monkeypatch.setattr(os, "link", refuses)
    with pytest.raises(PreconditionFailed):
        act("theirs")
    assert (root / "theirs").read_bytes() == b"theirs"
    assert (root / "mine").read_bytes() == b"mine"
    assert storage.in_trash(USER, "bin")
    act("new")
    assert (root / "new").read_bytes() == (b"gone" if how == "restore" else b"mine")
    assert (root / "mine").exists() == (how != "move")
    assert os.listdir(storage.temporary) == []
    assert storage.usage(USER) == sum(path.stat().st_size for path in root.iterdir())


def refuses(*_args, **_values):
    """As on a file system where a file has one name only."""
    raise OSError(errno.EPERM, "not here")


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_what_is_about_to_be_replaced_is_kept(storage, root, monkeypatch, links):
    put(storage, "a", b"old")
    if not links:
        monkeypatch.setattr(os, "link", refuses)
    storage.keep(USER, "a", "bin")
    put(storage, "a", b"new one")
    assert (root / "a").read_bytes() == b"new one"
    storage.restore(USER, "bin", "b")
    assert (root / "b").read_bytes() == b"old"
    storage.make_folder(USER, "folder")
    with pytest.raises(MethodNotAllowed):
        storage.keep(USER, "folder", "other")
    with pytest.raises(NotFound):
        storage.keep(USER, "nothing", "other")
    assert not storage.in_trash(USER, "other")


# Counting


def test_usage_follows_every_change_without_walking_again(storage, root):
    put(storage, "a", b"12345")
    assert storage.usage(USER) == 5
    (root / "by hand").write_bytes(b"1234567")  # seen at the next walk
    put(storage, "a", b"123")
    assert storage.usage(USER) == 3
    put(storage, "b", b"12")
    storage.copy(USER, "a", "c")
    assert storage.usage(USER) == 8
    storage.move(USER, "b", "c")
    assert storage.usage(USER) == 5
    storage.delete(USER, "a")
    assert storage.usage(USER) == 2


def test_usage_is_counted_anew_when_a_folder_went(storage, root):
    storage.make_folder(USER, "a")
    put(storage, "a/file", b"12345")
    assert storage.usage(USER) == 5
    (root / "by hand").write_bytes(b"1234567")
    storage.delete(USER, "a")
    assert storage.usage(USER) == 7


def test_free_space_is_that_of_the_disk(storage):
    state = os.statvfs(storage.files)
    assert 0 < storage.free() <= state.f_blocks * state.f_frsize
