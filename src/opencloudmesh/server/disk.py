"""What `storage` asks of the operating system: names looked at without following links, trees of any depth
walked, copied and removed without recursion, and the errors of system calls in our words.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import stat as modes
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from opencloudmesh.protocol.errors import (
    Conflict,
    Forbidden,
    InsufficientStorage,
    Invalid,
    MethodNotAllowed,
    NotFound,
    OcmError,
    PreconditionFailed,
    Unavailable,
)
from opencloudmesh.protocol.sentences import Sentence

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
COPY_BYTES = 1 << 30  # at most so many in one system call
NOT_SHOWN = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")  # names on disk that no URL or XML can carry
ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)  # nothing there, or nothing that is shown
NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)  # no second name for a file here

_ERRORS: dict[int, tuple[type[OcmError], str]] = {
    **dict.fromkeys(ABSENT, (NotFound, "There is no such file or folder.")),
    errno.EISDIR: (MethodNotAllowed, Sentence("This is a folder.")),
    errno.EEXIST: (MethodNotAllowed, "There is something of that name already."),
    errno.ENOTEMPTY: (Conflict, Sentence("The folder is not empty.")),
    errno.EACCES: (Forbidden, Sentence("The server may not do this with its files.")),
    errno.EPERM: (Forbidden, Sentence("The server may not do this with its files.")),
    errno.EROFS: (Forbidden, Sentence("The server may not do this with its files.")),
    errno.ENAMETOOLONG: (Invalid, Sentence("The name or the path is too long.")),
    errno.EINVAL: (Invalid, Sentence("The file system does not take this name.")),
    errno.ENOSPC: (InsufficientStorage, Sentence("The disk is full.")),
    errno.EDQUOT: (InsufficientStorage, Sentence("The disk is full.")),
    errno.EFBIG: (InsufficientStorage, Sentence("The file is too big for the file system.")),
}


def etag(found: os.stat_result) -> str:
    """A strong ETag, without quotes, 32 characters.

    The time of change of the inode is in it besides that of the content: a client may set the latter
    (`X-OC-Mtime`), and a file system gives the inode of a replaced file away again.
    """
    size = 0 if modes.S_ISDIR(found.st_mode) else found.st_size
    state = b"%d %d %d %d" % (found.st_mtime_ns, found.st_ctime_ns, size, found.st_ino)
    return hashlib.blake2b(state, digest_size=16).hexdigest()


def is_folder(found: os.stat_result) -> bool:
    """Whether this is a folder."""
    return modes.S_ISDIR(found.st_mode)


@contextmanager
def told() -> Iterator[None]:
    """What the operating system says, in our words."""
    try:
        yield
    except OSError as error:
        kind, message = _ERRORS.get(error.errno or 0, (Unavailable, Sentence("The disk does not answer as it should.")))
        raise kind(message, detail=f"{os.strerror(error.errno or 0)}: {error.filename!r}") from error


def checked_name(name: str) -> str:
    """One part of a path; the last of several checks that none leads out."""
    if name in ("", ".", "..") or "/" in name or NOT_SHOWN.search(name):
        raise Invalid("A name is not empty, “.” or “..”, and has no “/” or line break in it.")
    return name


def parts(path: str) -> list[str]:
    """The names in a path, each of them checked; none for the root."""
    return [checked_name(part) for part in path.split("/")] if path else []


def look(folder: int, name: str) -> os.stat_result | None:
    """What a name in a folder is, whatever it is; None where there is nothing."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def seen(found: os.stat_result | None) -> os.stat_result:
    """Raises `NotFound` for what is not there, and for what is neither file nor folder."""
    if found is None or not (modes.S_ISREG(found.st_mode) or modes.S_ISDIR(found.st_mode)):
        raise NotFound("There is no such file or folder.")
    return found


def state(child: os.DirEntry[str]) -> os.stat_result | None:
    """A child of a folder; None where it is neither file nor folder, or has gone meanwhile."""
    try:
        return seen(child.stat(follow_symlinks=False))
    except (OSError, NotFound):
        return None


def take_name(folder: int, name: str, numbered: Callable[[str, int], str]) -> str:
    """The name, with a number where it is taken; an empty file holds it, so that nobody else takes it meanwhile."""
    number = 1
    while True:
        free = numbered(name, number)
        try:
            os.close(os.open(free, NEW_FILE, 0o640, dir_fd=folder))
        except FileExistsError:
            number += 1
        else:
            return free


def rename(source: str | Path, name: str, place: int, folder: int | None = None, *, replace: bool) -> None:
    """A rename to a name in the folder `place`, of a path or of a name in `folder`.

    Not `replace`: raises `PreconditionFailed` where something is there, also where that has come just now.
    """
    if not replace:
        if look(place, name) is not None:
            raise PreconditionFailed("There is something of that name already.")
        if not modes.S_ISDIR(os.stat(source, dir_fd=folder, follow_symlinks=False).st_mode):
            try:  # a second name is never taken from another file
                os.link(source, name, src_dir_fd=folder, dst_dir_fd=place, follow_symlinks=False)
                os.unlink(source, dir_fd=folder)
                return
            except FileExistsError:
                raise PreconditionFailed("There is something of that name already.") from None
            except OSError as error:
                if error.errno not in NO_LINKS:
                    raise
    os.rename(source, name, src_dir_fd=folder, dst_dir_fd=place)


def keep_file(folder: int, name: str, place: Path) -> None:
    """Gives a file, which is about to be replaced, a second name, or copies it."""
    try:
        os.link(name, place, src_dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        copy_file(folder, name, place)


def replaceable(folder: int, name: str, by: os.stat_result | None = None) -> int:
    """The bytes that are freed when a file takes this place. Only a file may replace a file."""
    found = look(folder, name)
    if found is None:
        return 0
    if modes.S_ISDIR(found.st_mode):
        raise MethodNotAllowed("There is a folder of that name.")
    if not modes.S_ISREG(found.st_mode):
        raise Forbidden("There is something of that name that is not shown.")
    if by is not None and modes.S_ISDIR(by.st_mode):
        raise MethodNotAllowed("There is a file of that name.")
    return found.st_size


def walk(root: Path) -> Iterator[tuple[str, list[os.stat_result]]]:
    """Every folder at or below `root`, parents first, with its files; no recursion, so no depth is too deep."""
    todo = [os.fspath(root)]
    while todo:
        folder = todo.pop()
        files: list[os.stat_result] = []
        with suppress(OSError), os.scandir(folder) as children:
            for child in children:
                if child.is_dir(follow_symlinks=False):
                    todo.append(child.path)
                elif (found := state(child)) is not None:
                    files.append(found)
        yield folder, files


def held(file: Path, flags: int, taken: str) -> int:
    """Opens a file alone: where somebody else has it so, `Conflict` says that it is `taken`.

    Nobody waits for that: who has it may take for ever, and others wait for the threads of the disk.
    """
    descriptor = os.open(file, flags, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise Conflict(taken) from None
    return descriptor


def sync_folder(path: Path) -> None:
    """Makes the names in a folder durable."""
    descriptor = os.open(path, FOLDER)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def temporary_name() -> str:
    """A new name for `tmp/`."""
    return uuid4().hex


def purge(temporary: Path, name: str) -> None:
    """Removes a file or folder of `tmp/`. Folders in it are first moved up, so that no depth is too deep."""
    todo = [temporary / name]
    while todo:
        path = todo.pop()
        with suppress(OSError):  # what is left is removed at the next start
            if not modes.S_ISDIR(os.lstat(path).st_mode):
                path.unlink()
                continue
            for child in list(os.scandir(path)):
                if child.is_dir(follow_symlinks=False):
                    todo.append(temporary / temporary_name())
                    os.rename(child.path, todo[-1])
                else:
                    os.unlink(child.path)
            path.rmdir()


def copy_file(folder: int, name: str, target: Path) -> int:
    """Copies one file with its time of modification, durably; the number of bytes."""
    source = os.open(name, FILE, dir_fd=folder)
    try:
        copy = os.open(target, NEW_FILE, 0o640)
        try:
            _copy_bytes(source, copy)
            found = os.fstat(source)
            os.utime(copy, ns=(time.time_ns(), found.st_mtime_ns))
            os.fsync(copy)
            return os.fstat(copy).st_size
        finally:
            os.close(copy)
    finally:
        os.close(source)


def _copy_bytes(source: int, target: int) -> None:
    """Lets the kernel copy: without moving a byte where the file system can share blocks."""
    try:
        while os.copy_file_range(source, target, COPY_BYTES):
            pass
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EXDEV):
            raise
        while os.sendfile(target, source, None, COPY_BYTES):
            pass
