"""Our own signing keys: Ed25519 pairs for RFC 9421, RSA pairs for the older signatures.

    keyring = load(config.data, config.public_url, clock, config.keys_passphrase)
    keyring.signer(peer), keyring.jwks, keyring.public_key
    rotate(config.data, config.public_url, now, config.keys_passphrase)     # beside the server, which notices

A key is next, current, old and gone by the dates in the index (`keyfolder`) and the clock alone, so nothing has to be
done when a moment comes. A key is revoked at once, for ever. docs/signing.md says why the times are what they are.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from opencloudmesh.protocol.address import normalise_host
from opencloudmesh.protocol.discovery import Discovery, PemKey
from opencloudmesh.protocol.errors import Conflict, Invalid, NotFound, Unavailable
from opencloudmesh.protocol.keys import SigningKey, build_jwks
from opencloudmesh.protocol.obligations import SignatureFamily, signature_family
from opencloudmesh.protocol.signatures import Signer, sign
from opencloudmesh.server import keyfolder
from opencloudmesh.server.keyfolder import Entry

log = logging.getLogger(__name__)

AHEAD = 7_200  # seconds that a key is published before it signs: peers keep a key set for an hour, proxies 5 minutes
# Seconds that a key is published after it has signed. The discovery document has room for one RSA key only.
OVERLAP: Mapping[str, int] = {"ed25519": 7 * 86_400, "rsa": 0}
FAMILIES: Mapping[SignatureFamily, str] = {"rfc9421": "ed25519", "cavage": "rsa"}

State = Literal["next", "current", "old", "gone", "revoked"]
ENDED: tuple[State, ...] = ("gone", "revoked")
PUBLISHED: Mapping[str, tuple[State, ...]] = {"ed25519": ("next", "current", "old"), "rsa": ("current",)}


@dataclass(frozen=True, slots=True)
class Key:
    """What a key is at a moment: its state, since when, and until when it lasts if that is known, or lasted.

    Unix seconds.
    """

    entry: Entry
    kid: str
    state: State
    since: int
    until: int | None

    @property
    def is_published(self) -> bool:
        """Whether peers are shown it."""
        return self.state in PUBLISHED[self.entry.kind]

    def shown(self) -> dict[str, Any]:
        """What is shown of it to an operator."""
        return {
            "name": self.entry.name,
            "kid": self.kid,
            "kind": self.entry.kind,
            "state": self.state,
            "published": self.is_published,
            "since": self.since,
            "until": self.until,
        }


def kid_of(entry: Entry, public_url: str) -> str:
    """The key id on the wire. What a key is called once it stays called for ever.

    opencloudmesh-go finds a key only under `host#name`, Nextcloud its own only under the URL it publishes. Nextcloud
    keeps the key that it saw first under an id, so another RSA key must have another one.
    """
    if entry.kind == "ed25519":
        return f"{normalise_host(public_url)}#{entry.name}"
    return f"{public_url}/ocm#signature" + (f"-{entry.number}" if entry.number > 1 else "")


def survey(entries: Sequence[Entry], public_url: str, now: float) -> list[Key]:
    """All keys as they are `now`, in the order in which they were made."""
    return [key for kind in keyfolder.KINDS
            for key in _survey([entry for entry in entries if entry.kind == kind], public_url, now)]  # fmt: skip


def listing(data: Path, public_url: str, now: float) -> list[Key]:
    """All keys of a data folder as they are `now`; none before the first start. Raises `Invalid`, `OSError`."""
    folder = data / keyfolder.FOLDER
    return survey(keyfolder.index(folder), public_url, now) if public_url and folder.is_dir() else []


class Keyring:
    """The keys of a running server. The folder is looked at on each use, so that a revoked key is one at once.

    What needs a key raises `Unavailable` while the folder cannot be read.
    """

    def __init__(self, folder: Path, public_url: str, clock: Callable[[], float], passphrase: str) -> None:
        self._folder = folder
        self._public_url = public_url
        self._clock = clock
        self._passphrase = passphrase
        self._mark = keyfolder.mark(folder)
        self._read()

    def key_for(self, family: SignatureFamily) -> SigningKey:
        """The key of a signature family that signs now."""
        kind = FAMILIES[family]
        return next(self._keys[key.entry] for key in self._now() if key.entry.kind == kind and key.state == "current")

    def signer(self, peer: Discovery) -> Signer | None:
        """What signs for this peer, at the moment of sending; None for a peer that reads no signatures."""
        family = signature_family(peer)
        if family is None:
            return None
        return lambda request: sign(
            request, self.key_for(family), int(self._clock()), family, nonce=secrets.token_urlsafe(12)
        )

    @property
    def jwks(self) -> dict[str, object]:
        """The JWK set that we publish: what signs, what will, and what has signed until a while ago."""
        shown = [key for key in self._now() if key.entry.kind == "ed25519" and key.is_published]
        return build_jwks(self._keys[key.entry] for key in shown if key.entry in self._keys)

    @property
    def public_key(self) -> PemKey:
        """`publicKey` of our discovery document; its keyId is byte for byte that of our signatures."""
        key = self.key_for("cavage")
        return PemKey(key.kid, key.public_pem())

    def lasts(self, longest: int) -> int:
        """For how many seconds, at most `longest`, a copy of what we publish is good.

        A new RSA key takes the place of the old one in the document: no copy should outlive that moment.
        """
        changes = [key.entry.signs for key in self._now() if key.entry.kind == "rsa" and key.state == "next"]
        return max(0, min([longest, *(int(moment - self._clock()) for moment in changes)]))

    def _now(self) -> list[Key]:
        mark = keyfolder.mark(self._folder)
        if mark != self._mark:
            try:
                self._read()
            except (Invalid, OSError) as error:
                raise Unavailable("The keys of this server cannot be read at the moment.", detail=str(error)) from error
            self._mark = mark  # if it has changed again meanwhile, that is seen at the next use
            log.info("the keys have changed")
        return survey(self._entries, self._public_url, self._clock())

    def _read(self) -> None:
        entries = _present(self._folder, keyfolder.index(self._folder))
        found = survey(entries, self._public_url, self._clock())
        if {key.entry.kind for key in found if key.state == "current"} != set(keyfolder.KINDS):
            raise Invalid("{file} names no key that could sign.", file=f"{keyfolder.FOLDER}/{keyfolder.INDEX}")
        self._keys = {
            key.entry: keyfolder.read(self._folder, key.entry, key.kid, self._passphrase)
            for key in found
            if key.state not in ENDED
        }
        self._entries = entries


def load(data: Path, public_url: str, clock: Callable[[], float], passphrase: str = "") -> Keyring:
    """The keys in the data folder, made where there are none, and encrypted where there is a passphrase.

    Raises `Invalid` for keys that cannot be read, and for a passphrase that is missing or wrong; `OSError`.
    """
    folder = data / keyfolder.FOLDER
    keyfolder.prepare(folder, passphrase)
    keyring = Keyring(folder, public_url, clock, passphrase)
    with suppress(OSError):
        _remove_ended(folder, survey(keyfolder.index(folder), public_url, clock()))
    return keyring


def rotate(data: Path, public_url: str, now: int, passphrase: str = "", *, at_once: bool = False) -> list[Entry]:
    """A new key of each kind, which signs after `AHEAD`; `at_once` it does now, or the one does that waits already.

    Raises `Conflict` where all have a key that waits, `NotFound` where there are no keys, `Invalid`.
    """
    with _changing(data, public_url, now) as (folder, keys):
        keyfolder.check_passphrase(folder, [key.entry for key in keys if key.state == "current"], passphrase)
        changed: list[Entry] = []
        for kind in keyfolder.KINDS:
            waiting = [key.entry for key in keys if key.entry.kind == kind and key.state == "next"]
            if waiting and at_once:
                changed.append(replace(waiting[0], signs=now))
            elif not waiting:
                changed.append(_add(folder, keys, kind, now, now if at_once else now + AHEAD, passphrase))
        if not changed:
            raise Conflict("New keys are waiting already, until all servers have seen them. `--now` ends the waiting.")
        _change(folder, keys, changed, public_url, now)
        return changed


def revoke(data: Path, public_url: str, named: str, now: int, passphrase: str = "") -> tuple[list[Entry], list[Entry]]:
    """Ends the key of that key id or name at once; what was revoked, and what was made in its place.

    With the key that signs goes the one that waits to follow it: it lay beside it. Raises `NotFound`, `Invalid`.
    """
    with _changing(data, public_url, now) as (folder, keys):
        found = next((key for key in keys if named in (key.kid, key.entry.name)), None)
        if found is None:
            raise NotFound("There is no key {named}.", named=named)
        if found.state in ENDED:
            raise NotFound("The key {named} is in use no more.", named=named)
        ended, made = [found.entry], list[Entry]()
        if found.state == "current":
            kind = found.entry.kind
            keyfolder.check_passphrase(folder, [key.entry for key in keys if key.state == "current"], passphrase)
            ended += [key.entry for key in keys if key.entry.kind == kind and key.state == "next"]
            made.append(_add(folder, keys, kind, now, now, passphrase))
        ended = [replace(entry, revoked=now) for entry in ended]
        _change(folder, keys, ended + made, public_url, now)
        return ended, made


@contextmanager
def _changing(data: Path, public_url: str, now: int) -> Iterator[tuple[Path, list[Key]]]:
    """The folder, with nobody else at work in it, and the keys as they are."""
    folder = data / keyfolder.FOLDER
    if not folder.is_dir():
        raise NotFound("There are no keys yet: the server makes them when it starts.")
    with keyfolder.locked(folder):
        entries = keyfolder.index(folder)
        if not entries:
            raise NotFound("There are no keys yet: the server makes them when it starts.")
        if keyfolder.mark(folder) is None:  # before there is a second key of a kind
            keyfolder.write_index(folder, entries)
        yield folder, survey(entries, public_url, now)


def _change(folder: Path, keys: Sequence[Key], changed: Sequence[Entry], public_url: str, now: int) -> None:
    """Writes an index with these entries in place of the ones of their names, or behind them."""
    by_name = {entry.name: entry for entry in (*(key.entry for key in keys), *changed)}
    keyfolder.write_index(folder, list(by_name.values()))
    _remove_ended(folder, survey(list(by_name.values()), public_url, now))


def _add(folder: Path, keys: Sequence[Key], kind: str, now: int, signs: int, passphrase: str) -> Entry:
    number = 1 + max((key.entry.number for key in keys if key.entry.kind == kind), default=0)
    entry = Entry(kind, number, made=now, signs=signs)
    keyfolder.write_new(folder, entry, passphrase)
    return entry


def _present(folder: Path, entries: Sequence[Entry]) -> list[Entry]:
    """The keys without those whose secret half is gone, unless it is the last of its kind, which must not be missing.

    Its time was over once. With a clock that stands at 1970 when the machine starts, it would seem to sign again.
    """
    living = [entry for entry in entries if entry.revoked is None]
    last = {entry.kind: entry for entry in living}.values()
    return [entry for entry in entries if entry not in living or entry in last or keyfolder.has(folder, entry)]


def _remove_ended(folder: Path, keys: Sequence[Key]) -> None:
    for key in keys:
        if key.state in ENDED:
            keyfolder.remove(folder, key.entry)


def _survey(entries: Sequence[Entry], public_url: str, now: float) -> list[Key]:
    """The keys of one kind. The newest whose time has come signs; with a clock that runs behind, the oldest."""
    living = [entry for entry in entries if entry.revoked is None]
    current = next((entry for entry in reversed(living) if entry.signs <= now), living[0] if living else None)
    return [Key(entry, kid_of(entry, public_url), *_state(entry, entries, current, now)) for entry in entries]


def _state(entry: Entry, entries: Sequence[Entry], current: Entry | None, now: float) -> tuple[State, int, int | None]:
    if entry.revoked is not None:
        return "revoked", entry.revoked, entry.revoked
    later = [each for each in entries if each.number > entry.number]
    if entry == current:
        return "current", entry.signs, min((each.signs for each in later if each.revoked is None), default=None)
    if current is None or entry.number > current.number:
        return "next", entry.made, entry.signs
    # What has signed after it, be it revoked by now: from then on it was old.
    replaced = min(each.signs for each in later if each == current or each.signs <= (each.revoked or now))
    ends = replaced + OVERLAP[entry.kind]
    return ("old", replaced, ends) if now < ends else ("gone", ends, ends)
