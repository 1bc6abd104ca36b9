"""The folder with our signing keys: who may read it, what is in it, and how it changes as a whole or not at all.

    keys/ed25519.pem, rsa.pem           the first of their kinds: PKCS #8, encrypted where there is a passphrase
    keys/ed25519-2.pem, ...             those that came after
    keys/keys.json                      all keys that ever were, and when they sign; from the first rotation on

The index is replaced as a whole, after the files that it names are there: a server that runs meanwhile sees at its
next use that it is another file. Names are never used again, since peers remember keys by them.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from opencloudmesh.protocol.errors import Invalid
from opencloudmesh.protocol.keys import SigningKey
from opencloudmesh.server.disk import sync_folder

log = logging.getLogger(__name__)

FOLDER = "keys"
INDEX = "keys.json"
LOCK = ".lock"
UNFINISHED = ".new-"  # what files are called while they are written
VARIABLE = "OCM_KEYS_PASSPHRASE"
KINDS = ("ed25519", "rsa")
RSA_BITS = 2048  # what Nextcloud makes and reads

_FILE = re.compile(rf"({'|'.join(KINDS)})(-[0-9]+)?\.pem")


@dataclass(frozen=True, slots=True)
class Entry:
    """A key in the index. It was made, signs from a moment on, and was perhaps revoked: unix seconds."""

    kind: str
    number: int  # of its kind, from 1
    made: int
    signs: int
    revoked: int | None = None

    @property
    def name(self) -> str:
        """What it is called on the command line."""
        return f"{self.kind}-{self.number}"

    @property
    def file(self) -> str:
        """Where its secret half is."""
        return f"{self.kind}.pem" if self.number == 1 else f"{self.name}.pem"


def prepare(folder: Path, passphrase: str) -> None:
    """Makes the folder and the first keys where there are none, closes it to others, encrypts what is not.

    Raises `Invalid` for a file that is no key, `OSError`.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _close_to_others(folder, 0o700)
    for path in [*_files(folder), *folder.glob(INDEX)]:
        _close_to_others(path, 0o600)
    if not _missing(folder) and not (passphrase and _plain(folder)):
        return
    with locked(folder):
        for entry in _missing(folder):  # still: another start may have made them meanwhile
            write_new(folder, entry, passphrase)
        for path in _plain(folder) if passphrase else ():
            _encrypt(path, passphrase)


def index(folder: Path) -> tuple[Entry, ...]:
    """All keys that ever were. Raises `Invalid`, `OSError`."""
    try:
        listed = json.loads((folder / INDEX).read_text())["keys"]
        return tuple(_entry(**each) for each in listed)
    except FileNotFoundError:
        return _without_index(folder)
    except (ValueError, TypeError, KeyError):
        raise Invalid(
            "{file} is not what this server wrote. Put it back from a backup.", file=f"{FOLDER}/{INDEX}"
        ) from None


def write_index(folder: Path, entries: Sequence[Entry]) -> None:
    """Replaces the index."""
    _write(folder / INDEX, json.dumps({"keys": [asdict(entry) for entry in entries]}, indent=1) + "\n")


def mark(folder: Path) -> object:
    """What is different after every change of the index: looked at before each use."""
    try:
        found = os.stat(folder / INDEX)
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def has(folder: Path, entry: Entry) -> bool:
    """Whether the secret half of a key is there."""
    return (folder / entry.file).exists()


def read(folder: Path, entry: Entry, kid: str, passphrase: str) -> SigningKey:
    """A key with its secret half. Raises `Invalid`."""
    path = folder / entry.file
    try:
        pem, is_encrypted = path.read_text(), _is_encrypted(path)
    except FileNotFoundError:
        raise Invalid(
            "{file} is missing. Put it back from a backup, or `ocm keys revoke {kid}`.", file=_shown(path), kid=kid
        ) from None
    except UnicodeDecodeError:
        raise Invalid("{file} is not a private key.", file=_shown(path)) from None
    if is_encrypted and not passphrase:
        raise Invalid("The keys of this server are encrypted: set {variable}.", variable=VARIABLE)
    try:
        return SigningKey.from_private_pem(kid, pem, passphrase if is_encrypted else "")
    except Invalid:
        if not is_encrypted:
            raise Invalid("{file} is not a private key.", file=_shown(path)) from None
        raise Invalid("{variable} does not open {file}.", variable=VARIABLE, file=_shown(path)) from None


def write_new(folder: Path, entry: Entry, passphrase: str) -> None:
    """Makes a key. What may be there of that name was left by a crash before it was used."""
    private = rsa.generate_private_key(65537, RSA_BITS) if entry.kind == "rsa" else ed25519.Ed25519PrivateKey.generate()
    _write(folder / entry.file, SigningKey("", entry.kind, private).private_pem(passphrase))


def remove(folder: Path, entry: Entry) -> None:
    """Removes the secret half of a key."""
    (folder / entry.file).unlink(missing_ok=True)


def check_passphrase(folder: Path, entries: Sequence[Entry], passphrase: str) -> None:
    """Makes sure that a new key will be read by who reads these. Raises `Invalid`."""
    for entry in entries:
        if not has(folder, entry):
            continue
        if passphrase and not _is_encrypted(folder / entry.file):
            raise Invalid("The keys are not encrypted yet: start the server with {variable} first.", variable=VARIABLE)
        read(folder, entry, entry.name, passphrase)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time changes the folder; what one that crashed left half written is removed."""
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _give_to_owner(folder, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for path in folder.glob(UNFINISHED + "*"):
            path.unlink(missing_ok=True)
        yield
    finally:
        os.close(descriptor)


def _entry(kind: str, number: int, made: int, signs: int, revoked: int | None) -> Entry:
    if kind not in KINDS or not all(isinstance(value, int) for value in (number, made, signs, revoked or 0)):
        raise ValueError
    return Entry(kind, number, made, signs, revoked)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if _FILE.fullmatch(path.name)]


def _plain(folder: Path) -> list[Path]:
    return [path for path in _files(folder) if not _is_encrypted(path)]


def _missing(folder: Path) -> list[Entry]:
    """The first keys, where there are none. After the first rotation what is missing is a fault."""
    if (folder / INDEX).exists() or _has_later(folder):
        return []
    first = [Entry(kind, 1, 0, 0) for kind in KINDS]
    return [entry for entry in first if not has(folder, entry)]


def _has_later(folder: Path) -> bool:
    return any("-" in path.name for path in _files(folder))


def _without_index(folder: Path) -> tuple[Entry, ...]:
    """Before the first rotation there is one key of each kind, as old as its file."""
    if _has_later(folder):
        raise Invalid("{file} is missing. Put it back from a backup.", file=f"{FOLDER}/{INDEX}")
    found: list[Entry] = []
    for kind in KINDS:
        path = folder / f"{kind}.pem"
        if path.exists():
            made = int(path.stat().st_mtime)
            found.append(Entry(kind, 1, made, made))
    return tuple(found)


def _close_to_others(path: Path, mode: int) -> None:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        path.chmod(mode)
        log.warning("%s was open to other users of this machine, and is closed now. Could they read it? "
                    "Then make new keys: ocm keys revoke", path)  # fmt: skip


def _is_encrypted(path: Path) -> bool:
    return path.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")


def _encrypt(path: Path, passphrase: str) -> None:
    """The same key, of the same age, in an encrypted file."""
    times = path.stat()
    try:
        key = SigningKey.from_private_pem("", path.read_text())
    except (Invalid, UnicodeDecodeError):
        raise Invalid("{file} is not a private key.", file=_shown(path)) from None
    _write(path, key.private_pem(passphrase), (times.st_atime_ns, times.st_mtime_ns))
    log.info("%s is encrypted now", _shown(path))


def _write(path: Path, text: str, times: tuple[int, int] | None = None) -> None:
    """Writes a file that only we can read, whole or not at all, durably."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=UNFINISHED)  # mode 0600
    with os.fdopen(descriptor, "w") as file:
        _give_to_owner(path.parent, descriptor)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if times is not None:
        os.utime(temporary, ns=times)
    os.replace(temporary, path)
    sync_folder(path.parent)


def _give_to_owner(folder: Path, descriptor: int) -> None:
    """What root writes beside a server that runs as another user is for that one to read."""
    if os.geteuid() == 0:
        found = folder.stat()
        os.fchown(descriptor, found.st_uid, found.st_gid)


def _shown(path: Path) -> str:
    return f"{FOLDER}/{path.name}"
