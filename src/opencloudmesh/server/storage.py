"""Plain files under the data folder: `files/<user>/` is a user's tree, `trash/<user>/` what was deleted from it, `tmp/`
what is not yet or no longer in one.

Synchronous, over real paths, without a database. An operator can put an existing tree here, and see the files.
What is written is whole: to `tmp/`, fsync, rename, fsync of the folder. Every path is walked from the user's
root by file descriptors that do not follow symbolic links; links and devices are as if they were not there.

Every change gives all folders above it the present as their time, because a peer watches only the root of its
share: a folder's ETag, made of that time, thereby tells of everything below it.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from opencloudmesh.protocol.errors import Conflict, Forbidden, MethodNotAllowed, NotFound, OcmError
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.server import disk
from opencloudmesh.server.usage import Usage

ARRIVING = Sentence("A piece of this file is still arriving.")
Numbered = Callable[[str, int], str]  # what the so-manyth of a name is called


class Storage:
    """The files of all users below one data folder.

    Paths are relative to a user's root, "/"-separated, "" the root, which comes into being when first looked at.
    All methods may raise `NotFound`, `Forbidden` (the operating system refuses), `InsufficientStorage`,
    `Invalid` (a name that is none) and `Unavailable` (the disk failed); the others are named where they are.
    """

    def __init__(self, data: Path, arrived: Callable[[str], int] = lambda _user: 0) -> None:
        """`arrived`: the bytes that a user has in pieces of files, which count as those in their tree."""
        self.files = data / "files"
        self.temporary = data / "tmp"
        self.trash = data / "trash"
        self.used = Usage(lambda user: self.size(user, ""))
        self._arrived = arrived
        with disk.told():
            self.files.mkdir(parents=True, exist_ok=True, mode=0o750)
            for folder in (self.temporary, self.trash):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    # Looking

    def stat(self, user: str, path: str) -> os.stat_result:
        """A file or folder."""
        with disk.told(), self._parent(user, path) as (chain, name):
            return disk.seen(disk.look(chain[-1], name))

    def exists(self, user: str, path: str) -> bool:
        """Is there a file or folder?"""
        with suppress(NotFound):
            return self.stat(user, path) is not None
        return False

    def list(self, user: str, path: str) -> list[tuple[str, os.stat_result]]:
        """The names in a folder and what they are, sorted. `NotFound` where it is a file."""
        with disk.told(), self._folder(user, disk.parts(path)) as chain, os.scandir(chain[-1]) as children:
            found = [(child.name, disk.state(child)) for child in children if not disk.NOT_SHOWN.search(child.name)]
        return sorted((name, state) for name, state in found if state is not None)

    def file(self, user: str, path: str) -> Path:
        """Where a file is on disk, to be opened without following links. `MethodNotAllowed` for a folder."""
        if disk.is_folder(self.stat(user, path)):
            raise MethodNotAllowed("A folder has no content.")
        return self.files / user / path

    # Changing

    def upload(self, user: str, path: str, file: Path | None = None, *, numbered: Numbered | None = None) -> Upload:
        """Begins to replace or create a file, with the one of this disk where that is given.

        `numbered`: nothing is replaced; where the name is taken, it lies beside it under that name. Raises `Conflict`
        without a parent folder, `MethodNotAllowed` on a folder.
        """
        with disk.told(), self._parent(user, path, missing=Conflict) as (chain, name):
            replaced = disk.replaceable(chain[-1], name) if numbered is None else 0
            return Upload(self, user, path, replaced, chain[0], file, numbered)

    def make_folder(self, user: str, path: str) -> os.stat_result:
        """One folder. `Conflict` without a parent folder, `MethodNotAllowed` where something is."""
        if not path:
            raise MethodNotAllowed("The root is there already.")
        with self._changing(user, path, missing=Conflict) as (folder, name):
            os.mkdir(name, 0o750, dir_fd=folder)
            os.fsync(folder)
        return self.stat(user, path)

    def touch(self, user: str, path: str, modified_ns: int) -> os.stat_result:
        """Sets a file's time of modification. `Forbidden` for a folder."""
        with self._changing(user, path) as (folder, name):
            found = disk.seen(disk.look(folder, name))
            if disk.is_folder(found):
                raise Forbidden("The time of a folder tells of what is below it.")
            os.utime(name, ns=(time.time_ns(), modified_ns), dir_fd=folder, follow_symlinks=False)
        return self.stat(user, path)

    def delete(self, user: str, path: str) -> None:
        """A file, or a folder with all in it: gone at once, its bytes soon after."""
        bin_name = disk.temporary_name()
        self._take_out(user, path, self.temporary / bin_name)
        disk.purge(self.temporary, bin_name)

    def discard(self, user: str, path: str, trash_id: str) -> None:
        """A file, or a folder with all in it, goes to the trash."""
        with self._bin(user) as folder:
            self._take_out(user, path, folder / trash_id)

    def keep(self, user: str, path: str, trash_id: str) -> None:
        """A file that is about to be replaced is in the trash too. `MethodNotAllowed` for a folder."""
        self.file(user, path)
        with self._bin(user) as folder, self._parent(user, path) as (chain, name):
            disk.keep_file(chain[-1], name, folder / trash_id)

    def restore(self, user: str, trash_id: str, path: str) -> None:
        """It comes back from the trash. `Conflict` without a parent folder, `PreconditionFailed` where something is."""
        with self._changing(user, path, missing=Conflict) as (folder, name):
            disk.rename(self.trash / user / trash_id, name, folder, replace=False)
            os.fsync(folder)
        self.used.forget(user)

    def burn(self, user: str, trash_id: str) -> None:
        """It goes from the trash for good, if it is there."""
        bin_name = disk.temporary_name()
        with disk.told(), suppress(FileNotFoundError):
            os.rename(self.trash / user / trash_id, self.temporary / bin_name)
            disk.purge(self.temporary, bin_name)

    def in_trash(self, user: str, trash_id: str) -> bool:
        """Whether it lies in the trash."""
        return os.path.lexists(self.trash / user / trash_id)

    def move(self, user: str, source: str, target: str, *, overwrite: bool = True) -> None:
        """A rename; a file may replace a file, where it may `overwrite`. `Conflict` without a parent folder."""
        with (
            self._changing(user, target, missing=Conflict) as (target_folder, target_name),
            self._changing(user, source) as (source_folder, source_name),
        ):
            moving = disk.seen(disk.look(source_folder, source_name))
            replaced = disk.replaceable(target_folder, target_name, by=moving) if overwrite else 0
            disk.rename(source_name, target_name, target_folder, source_folder, replace=overwrite)
            os.fsync(target_folder)
            os.fsync(source_folder)
        self.used.add(user, -replaced)

    def copy(self, user: str, source: str, target: str, *, deep: bool = True, overwrite: bool = True) -> None:
        """A file, or a folder (`deep`: with all in it), which appears at once when all is copied. Else as `move`."""
        with disk.told(), self._parent(user, target, missing=Conflict) as (chain, _), self._staging() as staging:
            size = self._copy_to(staging / "copy", user, source, deep=deep)
            with self._changing(user, target, missing=Conflict, root=chain[0]) as (folder, name):
                size -= disk.replaceable(folder, name, by=os.lstat(staging / "copy")) if overwrite else 0
                disk.rename(staging / "copy", name, folder, replace=overwrite)
                os.fsync(folder)
        self.used.add(user, size)

    def remove_user(self, user: str) -> None:
        """All files of a user who is gone."""
        for root in (self.files, self.trash):
            bin_name = disk.temporary_name()
            with disk.told(), suppress(FileNotFoundError):
                os.rename(root / disk.checked_name(user), self.temporary / bin_name)
                self.used.forget(user)
                disk.purge(self.temporary, bin_name)

    # Counting

    def usage(self, user: str) -> int:
        """Bytes in a user's files, and on their way there."""
        return self.used.of(user) + self._arrived(user)

    def size(self, user: str, path: str) -> int:
        """Bytes in a file, or in all files below a folder."""
        found = self.stat(user, path)
        if not disk.is_folder(found):
            return found.st_size
        return sum(state.st_size for _, states in disk.walk(self.files / user / path) for state in states)

    def count(self, user: str, path: str) -> int:
        """How many files and folders are at and below a path."""
        if not disk.is_folder(self.stat(user, path)):
            return 1
        return sum(1 + len(states) for _, states in disk.walk(self.files / user / path))

    def free(self) -> int:
        """Bytes that the disk still takes."""
        state = os.statvfs(self.files)
        return state.f_bavail * state.f_frsize

    # At start

    def clear_temporary(self) -> None:
        """Removes what a crash left in `tmp/`; uploads under way, also of other processes, hold a lock."""
        for entry in os.scandir(self.temporary):
            with suppress(OSError):
                descriptor = os.open(entry.path, disk.FILE)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    disk.purge(self.temporary, entry.name)
                finally:
                    os.close(descriptor)

    def refresh_folders(self) -> int:
        """Gives each folder that is older than something below it the time of that; how many there were.

        Finds what was changed by hand, and what a crash left between a change and the folders above it.
        """
        newest: dict[str, int] = {}
        refreshed = 0
        for folder, states in reversed(list(disk.walk(self.files))):
            with suppress(OSError):
                own = os.lstat(folder).st_mtime_ns
                below = max([newest.pop(folder, 0), *(state.st_mtime_ns for state in states)])
                if below > own:
                    os.utime(folder, ns=(below, below), follow_symlinks=False)
                    refreshed += 1
                above = os.path.dirname(folder)
                newest[above] = max(newest.get(above, 0), own, below)
        return refreshed

    # Walking by descriptors

    @contextmanager
    def _folder(self, user: str, parts: Sequence[str], missing: type[OcmError] = NotFound) -> Iterator[Sequence[int]]:
        """Descriptors of all folders from the user's root to the one of that path."""
        with ExitStack() as opened:
            chain: list[int] = []

            def enter(name: str | Path) -> None:
                chain.append(os.open(name, disk.FOLDER, dir_fd=chain[-1] if chain else None))
                opened.callback(os.close, chain[-1])

            root = self.files / disk.checked_name(user)
            try:
                enter(root)
            except FileNotFoundError:
                root.mkdir(exist_ok=True, mode=0o750)
                enter(root)
            for part in parts:
                try:
                    enter(part)
                except OSError as error:
                    if error.errno not in disk.ABSENT:
                        raise
                    raise missing(Sentence("There is no such folder.")) from None
            yield chain

    @contextmanager
    def _parent(self, user: str, path: str, missing: type[OcmError] = NotFound) -> Iterator[tuple[Sequence[int], str]]:
        """Descriptors of the folders above `path`, and its name in the last of them ("." for the root)."""
        *above, name = disk.parts(path) or ["."]
        with self._folder(user, above, missing) as chain:
            yield chain, name

    @contextmanager
    def _changing(
        self, user: str, path: str, missing: type[OcmError] = NotFound, root: int | None = None
    ) -> Iterator[tuple[int, str]]:  # fmt: skip
        """The folder in which `path` is changed, and its name. Afterwards all folders above it have a new time.

        `root`: of the tree that is meant. `NotFound` where that has gone, and somebody else may be called so.
        """
        if not path:
            raise Forbidden("The root cannot be changed.")
        with disk.told(), self._parent(user, path, missing) as (chain, name):
            if root is not None and not os.path.sameopenfile(root, chain[0]):
                raise NotFound("These files are not there any more.")
            yield chain[-1], name
            now = time.time_ns()
            for descriptor in chain:
                # Never twice the same, even when the clock is set back.
                later = max(now, os.fstat(descriptor).st_mtime_ns + 1)
                os.utime(descriptor, ns=(later, later))

    @contextmanager
    def _bin(self, user: str) -> Iterator[Path]:
        folder = self.trash / disk.checked_name(user)
        with disk.told():
            folder.mkdir(exist_ok=True, mode=0o700)
            yield folder
            disk.sync_folder(folder)

    @contextmanager
    def _staging(self) -> Iterator[Path]:
        """A folder in `tmp/` for as long as something is put together in it."""
        staging = self.temporary / disk.temporary_name()
        with disk.told():
            staging.mkdir(0o700)
            descriptor = os.open(staging, disk.FOLDER)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # `clear_temporary` leaves it alone
            yield staging
        finally:
            disk.purge(self.temporary, staging.name)
            os.close(descriptor)

    def _copy_to(self, target: Path, user: str, source: str, *, deep: bool) -> int:
        """Copies out of the tree; the number of bytes. Links and devices stay behind."""
        copied = 0
        folders: set[Path] = set()
        todo = [(source, target)]
        while todo:
            path, target = todo.pop()
            with disk.told(), self._parent(user, path) as (chain, name):
                if not disk.is_folder(disk.seen(disk.look(chain[-1], name))):
                    copied += disk.copy_file(chain[-1], name, target)
                    continue
                target.mkdir(0o750)
                folders.add(target)
            if deep:
                below = [name for name, _ in self.list(user, path)]
                todo += [(f"{path}/{name}" if path else name, target / name) for name in below]
        with disk.told():
            for folder in folders:
                disk.sync_folder(folder)
        return copied

    def _take_out(self, user: str, path: str, place: Path) -> None:
        with self._changing(user, path) as (folder, name):
            found = disk.seen(disk.look(folder, name))
            os.rename(name, place, src_dir_fd=folder)
            os.fsync(folder)
        if disk.is_folder(found):
            self.used.forget(user)
        else:
            self.used.add(user, -found.st_size)


class Upload:
    """A file on its way: in `tmp/` until `commit`, gone after `discard`; a file that was given stays if it fails.

    `size` is what it has so far, `replaced` what the file has that it would replace, both in bytes. `path` is where it
    is to be, and after `commit` where it is.
    """

    def __init__(
        self, storage: Storage, user: str, path: str, replaced: int, root: int, given: Path | None = None,
        numbered: Numbered | None = None,
    ) -> None:  # fmt: skip
        self.path = path
        self._numbered = numbered
        self.replaced = replaced
        self._storage = storage
        self._user = user
        self._given = given is not None
        self._file: Path | None = given or storage.temporary / disk.temporary_name()
        with disk.told():
            flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC if self._given else disk.NEW_FILE
            self._descriptor = disk.held(self._file, flags, ARRIVING)  # `clear_temporary` leaves it alone
        self._root = os.dup(root)  # that of whoever it is for: the next who is called so has another
        self._written = 0
        self.size = os.fstat(self._descriptor).st_size

    def write(self, data: bytes) -> None:
        """Appends."""
        with disk.told():
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        self.size += len(data)
        self._arrived(len(data))

    def commit(self, modified_ns: int | None = None) -> tuple[os.stat_result, bool]:
        """Puts the file where it belongs, durably; whether nothing was there. Errors as `Storage.upload`."""
        now = time.time_ns()
        with self._storage._changing(self._user, self.path, missing=Conflict, root=self._root) as (folder, name):
            new = disk.look(folder, name) is None
            if self._numbered is not None:
                new, name = True, disk.take_name(folder, name, self._numbered)
                self.path = "/".join([*disk.parts(self.path)[:-1], name])
            replaced = disk.replaceable(folder, name)
            os.utime(self._descriptor, ns=(now, now if modified_ns is None else modified_ns))
            os.fsync(self._descriptor)
            os.rename(self._file or "", name, dst_dir_fd=folder)
            self._file = None
            os.fsync(folder)
        self._storage.used.add(self._user, self.size - replaced)
        self._arrived(-self._written)
        return os.fstat(self._descriptor), new

    def discard(self) -> None:
        """Closes the file, and removes it unless it was committed or given. May be called again."""
        if self._descriptor < 0:
            return
        os.close(self._descriptor)
        os.close(self._root)
        self._descriptor = -1
        self._arrived(-self._written)
        if self._file is not None and not self._given:
            self._file.unlink(missing_ok=True)

    def _arrived(self, size: int) -> None:
        self._written += size
        self._storage.used.arrives(self._user, size)
