"""The files of people who are gone: out of everybody's way in `removed/`, so that whoever is called so next begins with
none; or deleted.

    with remains.leaving(storage, "einstein", with_files=False) as place:
        database.write_now(...)     # the account goes
    # what was in `files/einstein` is in `place / "files"`, and their trash beside it

The folder in `removed/` is made before the account goes, and is filled after that: where a crash comes in between, a
file in it (`UNFINISHED`) says what is still to be done at the next start.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from opencloudmesh.protocol.errors import OcmError
from opencloudmesh.server import disk
from opencloudmesh.server.storage import Storage

FOLDER, FILES, TRASH, UNFINISHED = "removed", "files", "trash", "unfinished"


@contextmanager
def leaving(storage: Storage, account: str, *, with_files: bool) -> Iterator[Path]:
    """Around the removal of an account: where its files are afterwards, unless they are deleted `with_files`."""
    place = announce(storage, account)
    try:
        yield place
    except BaseException:
        withdraw(place)
        raise
    finish(storage, account, place, with_files=with_files)


def announce(storage: Storage, account: str) -> Path:
    """The account is about to go: the folder for its files."""
    name, number = disk.checked_name(account), 1
    with disk.told():
        _folder(storage).mkdir(exist_ok=True, mode=0o700)
        while True:
            place = _folder(storage) / (name if number == 1 else f"{name} ({number})")
            with suppress(FileExistsError):
                place.mkdir(mode=0o700)
                (place / UNFINISHED).touch(mode=0o600)
                disk.sync_folder(place)
                disk.sync_folder(place.parent)
                return place
            number += 1


def withdraw(place: Path) -> None:
    """It does not go after all."""
    with suppress(OSError):
        (place / UNFINISHED).unlink(missing_ok=True)
        place.rmdir()


def finish(storage: Storage, account: str, place: Path, *, with_files: bool) -> None:
    """The account is gone, and its files go."""
    if with_files:
        storage.remove_user(account)
        withdraw(place)
        return
    with disk.told():
        place.mkdir(exist_ok=True, mode=0o700)
        for folder, name in ((storage.trash, TRASH), (storage.files, FILES)):
            with suppress(FileNotFoundError):
                os.rename(folder / disk.checked_name(account), place / name)
        (place / UNFINISHED).unlink(missing_ok=True)
        disk.sync_folder(place)
    storage.used.forget(account)


def recover(storage: Storage, is_account: Callable[[str], bool]) -> None:
    """Does what a crash left undone: the files of an account that is gone go, a removal that never was is forgotten."""
    with suppress(FileNotFoundError):
        for place in list(_folder(storage).iterdir()):
            if not (place / UNFINISHED).exists():
                continue
            account = place.name.partition(" ")[0]
            if is_account(account):
                withdraw(place)
            else:
                with suppress(OcmError):  # else at the next start
                    finish(storage, account, place, with_files=False)


def _folder(storage: Storage) -> Path:
    return storage.files.parent / FOLDER
