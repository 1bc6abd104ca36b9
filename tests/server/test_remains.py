"""The files of people who are gone: out of the way of whoever is called so next, whenever the power fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from opencloudmesh.protocol.errors import Conflict, NotFound
from opencloudmesh.server import remains
from opencloudmesh.server.storage import Storage

USER = "einstein"


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    storage = Storage(tmp_path)
    fill(storage)
    return storage


def fill(storage: Storage) -> None:
    """A file, and another in the trash."""
    storage.stat(USER, "")
    for name in ("a.txt", "b.txt"):
        (storage.files / USER / name).write_text(name)
    storage.discard(USER, "b.txt", "t1")


def leave(storage: Storage, *, with_files: bool = False) -> Path:
    with remains.leaving(storage, USER, with_files=with_files) as place:
        pass
    return place


def on_disk(storage: Storage) -> set[str]:
    """All files below the data folder."""
    data = storage.files.parent
    return {str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()}


def test_they_are_set_aside_each_time_and_the_next_of_that_name_begins_with_none(storage):
    assert storage.usage(USER) == 5
    place = leave(storage)
    assert on_disk(storage) == {"removed/einstein/files/a.txt", "removed/einstein/trash/t1"}
    assert place == storage.files.parent / "removed" / USER
    assert (storage.list(USER, ""), storage.usage(USER), storage.in_trash(USER, "t1")) == ([], 0, False)
    fill(storage)
    assert leave(storage).name == "einstein (2)"
    assert "removed/einstein (2)/files/a.txt" in on_disk(storage)
    assert "removed/einstein/files/a.txt" in on_disk(storage)


def test_they_are_deleted_where_that_is_wanted(storage):
    place = leave(storage, with_files=True)
    assert on_disk(storage) == set()
    assert not place.exists()


def test_nothing_happens_where_the_account_stays(storage):
    before = on_disk(storage)
    with pytest.raises(Conflict), remains.leaving(storage, USER, with_files=True):
        raise Conflict("You are the only operator.")
    assert on_disk(storage) == before
    assert list((storage.files.parent / "removed").iterdir()) == []


@pytest.mark.parametrize("gone", [True, False])
def test_what_a_crash_left_undone_is_done_at_the_next_start(storage, gone):
    before = on_disk(storage)
    kept = leave(storage)
    fill(storage)
    place = remains.announce(storage, USER)
    remains.recover(storage, lambda account: account == USER and not gone)
    aside = {f"removed/{folder}/files/a.txt" for folder in ("einstein", "einstein (2)")}
    assert {path for path in on_disk(storage) if path.endswith("a.txt")} == (
        aside if gone else {"removed/einstein/files/a.txt", "files/einstein/a.txt"}
    )
    assert place.exists() == gone
    assert kept.exists()
    assert len(on_disk(storage)) == 2 * len(before)
    remains.recover(storage, lambda _: False)
    assert len(on_disk(storage)) == 2 * len(before)


def test_where_nobody_has_gone_there_is_nothing_to_do(storage):
    before = on_disk(storage)
    remains.recover(storage, lambda _: False)
    assert on_disk(storage) == before
    assert not (storage.files.parent / "removed").exists()


@pytest.mark.parametrize("with_files", [True, False])
def test_what_arrives_for_the_one_who_is_gone_is_not_given_to_the_next_of_that_name(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, *, with_files: bool
) -> None:
    """A request that has begun goes on for as long as whoever sends it likes."""
    upload = storage.upload(USER, "c.txt")
    upload.write(b"theirs")

    def slowly(*args: Any, **more: Any) -> int:
        size = copy_to(*args, **more)
        leave(storage, with_files=with_files)
        storage.stat(USER, "")  # the next of that name
        return size

    copy_to = storage._copy_to
    monkeypatch.setattr(storage, "_copy_to", slowly)
    with pytest.raises(NotFound):
        storage.copy(USER, "a.txt", "d.txt")
    with pytest.raises(NotFound):
        upload.commit()
    upload.discard()
    assert (storage.list(USER, ""), storage.usage(USER)) == ([], 0)
    assert not [path for path in on_disk(storage) if "removed" not in path]


def test_who_never_had_a_file_leaves_an_empty_folder(tmp_path):
    storage = Storage(tmp_path)
    place = leave(storage)
    assert list(place.iterdir()) == []


def test_what_an_operator_gives_back_stays(storage):
    place = leave(storage)
    (place / "files").rename(storage.files / USER)
    remains.recover(storage, lambda _: False)
    assert on_disk(storage) == {"files/einstein/a.txt", "removed/einstein/trash/t1"}
