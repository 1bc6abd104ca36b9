"""Files that arrive in pieces: what there is of each so far, in `uploads/<account>/`, by the id of its row.

    mine = partials.of("einstein")
    piece = mine.opened(upload_id, offset, size)

Synchronous, over real paths, without a database. A piece that was acknowledged is on disk; of one that broke off,
what had arrived is kept. Whoever appends holds a lock on the file, so two at once do not mix. It counts in the person's
quota as what is in their tree does (`arrived`).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from opencloudmesh.protocol.errors import Conflict, Invalid
from opencloudmesh.server import disk


class Partials:
    """All of them below one data folder. Any method may raise `InsufficientStorage` and `Unavailable`."""

    def __init__(self, data: Path) -> None:
        self._folder = data / "uploads"
        with disk.told():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def of(self, account: str) -> Arrivals:
        """Those of one person."""
        return Arrivals(self._folder / disk.checked_name(account))

    def arrived(self, account: str) -> int:
        """Bytes that have arrived for a person, of all files together."""
        return sum(state.st_size for state in _files(self._folder / disk.checked_name(account)).values())

    def sweep(self, known: Callable[[], Collection[str]]) -> None:
        """Removes what belongs to no row. `known` is asked for their ids last: a row is there before its file."""
        with disk.told():
            found = list(self._folder.iterdir())
            files = [path / name for path in found for name in _files(path)]
        loose = [path for path in found if not path.is_dir()]  # of a version that had all in one folder
        kept = known()
        for path in loose + [file for file in files if file.name not in kept]:
            with suppress(OSError):
                path.unlink()
        for folder in found:
            with suppress(OSError):
                folder.rmdir()  # if it is empty


class Arrivals:
    """Those of one person. Any method may raise `InsufficientStorage` and `Unavailable`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, upload_id: str) -> Path:
        """Where it is on disk. It need not be there yet."""
        return self._folder / disk.checked_name(upload_id)

    def size(self, upload_id: str) -> int:
        """Bytes that have arrived."""
        try:
            return self.path(upload_id).stat().st_size
        except FileNotFoundError:
            return 0

    def sizes(self, upload_ids: Collection[str]) -> dict[str, int]:
        """The same of several."""
        return {upload_id: self.size(upload_id) for upload_id in upload_ids}

    def opened(self, upload_id: str, offset: int, size: int) -> Piece:
        """To append to it from `offset` on, up to `size` bytes in all.

        `Conflict` where something else has arrived so far, or is arriving now.
        """
        with disk.told():
            descriptor = self._open(upload_id)
        piece = Piece(descriptor, size - offset)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            piece.close()
            raise Conflict("A piece of this file is arriving already.") from None
        if os.fstat(descriptor).st_size != offset:
            piece.close()
            raise Conflict("Go on from where the file ends here.")
        return piece

    def discard(self, *upload_ids: str) -> None:
        """Removes them, where they are there; one that cannot be removed does not keep the others."""
        for upload_id in upload_ids:
            with suppress(OSError):
                self.path(upload_id).unlink()
        with suppress(OSError):
            self._folder.rmdir()  # if it is empty

    def _open(self, upload_id: str) -> int:
        while True:
            self._folder.mkdir(exist_ok=True, mode=0o700)
            with suppress(FileNotFoundError):  # the last of the others went just then, and the folder with it
                return os.open(self.path(upload_id), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)


class Piece:
    """The end of a file, to which bytes are appended."""

    def __init__(self, descriptor: int, room: int) -> None:
        self._descriptor = descriptor
        self._room = room

    def write(self, data: bytes) -> None:
        """Appends. `Invalid` where there are more bytes than were announced."""
        self._room -= len(data)
        if self._room < 0:
            raise Invalid("There is more of the file than was announced.")
        with disk.told():
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]

    def keep(self) -> None:
        """What has arrived is on disk when this returns."""
        with disk.told():
            os.fsync(self._descriptor)

    def close(self) -> None:
        """Others may append."""
        os.close(self._descriptor)


def _files(folder: Path) -> dict[str, os.stat_result]:
    """What is in a folder, if it is there and a folder."""
    found = {}
    with suppress(FileNotFoundError, NotADirectoryError):
        for child in os.scandir(folder):
            with suppress(FileNotFoundError):
                found[child.name] = child.stat(follow_symlinks=False)
    return found
