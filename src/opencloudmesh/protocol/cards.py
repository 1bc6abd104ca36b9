"""Address books as other programs keep them: JSContact (RFC 9553) and vCard 4.0 (RFC 6350), out and in.

    body = write(cards, JSCONTACT)          # the bytes of a file
    found = read(body, VCARD)               # found.cards, and how many others had no OCM Address

In JSContact the addresses are `ietf.org:ocmAddresses` (IETF-OCM, "Address book export"). For vCard nothing is
registered; Nextcloud and its contacts app write `CLOUD`, so we do. The circles that somebody is in are cards of groups
in JSContact, and `CATEGORIES` in vCard, which Nextcloud calls groups; either way is read in both. What is read is
bounded, and what makes no sense in a card is left out of it: these files come from anywhere. vCards are read here in a
few lines, since the expressions of `vobject` need hours for a line of a hundred characters that was made for them.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from opencloudmesh.protocol.address import Address, is_email
from opencloudmesh.protocol.errors import Invalid, TooLarge
from opencloudmesh.protocol.wire import decode_json, encode_json

JSCONTACT, VCARD = "application/jscontact+json", "text/vcard"
ADDRESSES = "ietf.org:ocmAddresses"
CLOUD = ("CLOUD", "X-NEXTCLOUD-CLOUD-ID")  # the second is of Surf's app for Nextcloud

MAX_FILE = 1_048_576  # bytes
MAX_CARDS = 1000
MAX_ADDRESSES = 10  # of one card
MAX_CIRCLES = 20  # that one card is in
MAX_NAME = 255  # characters

_VALUES = re.compile(r"(?:\\.|[^,\\])+")  # of a line, parted by commas that stand for nothing else
_FOLD = 74  # bytes of a line (RFC 6350, 3.2: 75, with the space that the next begins with)


@dataclass(frozen=True, slots=True)
class Card:
    """One person at one address. `source` is how the address was learnt: invite, share or direct entry.

    `circles`: the names of those that they are in.
    """

    address: Address
    name: str = ""
    email: str = ""
    source: str = "direct entry"
    circles: tuple[str, ...] = ()

    @property
    def uid(self) -> str:
        """The same for the same address, so that a program which reads the file twice knows its cards again."""
        return _uid(f"ocm:{self.address}")


class Found(NamedTuple):
    """What was in a file: a card for every address, and how many of its cards had none that can be used."""

    cards: list[Card]
    skipped: int


class _Entry(NamedTuple):
    """What one card of a file says. `group`: what it is called, if it is of a group; `members` are uids."""

    uid: str
    cards: list[Card]
    group: str = ""
    members: frozenset[str] = frozenset()


def write(cards: Iterable[Card], kind: str) -> bytes:
    """A file: an array of Cards, or vCards one after the other. `kind` is its media type."""
    if kind == VCARD:
        return "".join(map(to_vcard, cards)).encode()
    book = list(cards)
    circles = dict.fromkeys(name for card in book for name in card.circles)
    groups = [_to_group(name, [card.uid for card in book if name in card.circles]) for name in circles]
    return encode_json([*(to_jscontact(card) for card in book), *groups])


def read(body: bytes, kind: str) -> Found:
    """Reads a file. Raises `Invalid` for what is none of its kind, `TooLarge`."""
    if len(body) > MAX_FILE:
        raise TooLarge("An address book has at most {most} bytes here.", most=MAX_FILE)
    entries = [_from_lines(lines) for lines in _vcards(body)] if kind == VCARD else _from_json(body)
    if not entries:
        raise Invalid("There is no contact in this file.")
    if max(sum(not entry.group for entry in entries), len(entries) - MAX_CARDS) > MAX_CARDS:
        raise TooLarge("At most {most} contacts are taken at once.", most=MAX_CARDS)
    circles: dict[str, list[str]] = {}
    for group in entries:
        for uid in group.members if group.group else ():
            circles.setdefault(uid, []).append(group.group)
    found = [
        replace(card, circles=tuple(dict.fromkeys([*card.circles, *circles.get(entry.uid, ())]))[:MAX_CIRCLES])
        for entry in entries
        for card in entry.cards
    ]
    return Found(found, sum(not entry.cards and not entry.group for entry in entries))


def kind_of(body: bytes) -> str:
    """The kind of a file of which nobody says it."""
    return VCARD if body[:64].removeprefix(b"\xef\xbb\xbf").lstrip()[:11].upper() == b"BEGIN:VCARD" else JSCONTACT


def to_jscontact(card: Card) -> dict[str, Any]:
    """A Card (RFC 9553, 2). `trusted` is left out: nobody's shares are accepted because of a card."""
    value: dict[str, Any] = {"@type": "Card", "version": "1.0", "uid": card.uid}
    if card.name:
        value["name"] = {"full": card.name}
    if card.email:
        value["emails"] = {"email": {"address": card.email}}
    return {**value, ADDRESSES: {"ocm": {"address": str(card.address), "source": card.source}}}


def from_jscontact(value: object) -> list[Card]:
    """The addresses of a Card, each with its name and first e-mail address; none where it makes no sense."""
    entries = _values(value, ADDRESSES)
    emails = [_email(entry.get("address")) for entry in _values(value, "emails")]
    return _cards([entry.get("address") for entry in entries], _full_name(value), emails)


def _full_name(value: object) -> str:
    name = value.get("name") if isinstance(value, dict) else None
    full = _text(name.get("full")) if isinstance(name, dict) else ""
    if not full and isinstance(name, dict) and isinstance(name.get("components"), list):
        parts = [part.get("value") for part in name["components"] if isinstance(part, dict)]
        full = _text(" ".join(part for part in parts if isinstance(part, str)))
    return full


def _to_group(name: str, members: list[str]) -> dict[str, Any]:
    """A Card of a group (RFC 9553, 2.1.6)."""
    value = {"@type": "Card", "version": "1.0", "uid": _uid(f"ocm circle:{name}"), "kind": "group"}
    return {**value, "name": {"full": name}, "members": dict.fromkeys(members, True)}


def to_vcard(card: Card) -> str:
    """A vCard. `FN` must be there (RFC 6350, 6.2.1)."""
    lines = ["BEGIN:VCARD", "VERSION:4.0", f"UID:{card.uid}", f"FN:{_escaped(card.name or str(card.address))}"]
    lines += [f"EMAIL:{_escaped(card.email)}"] if card.email else []
    lines += [f"CATEGORIES:{','.join(map(_escaped, card.circles))}"] if card.circles else []
    lines += [f"CLOUD:{_escaped(str(card.address))}", "END:VCARD"]
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def _from_json(body: bytes) -> list[_Entry]:
    value = decode_json(body)
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(item, dict) and item.get("@type") == "Card" for item in values):
        raise Invalid("This is no JSContact file: it has something other than Cards.")
    return [_from_jscontact(item) for item in values]


def _from_jscontact(value: dict[str, Any]) -> _Entry:
    uid = _text(value.get("uid"))
    if value.get("kind") == "group":
        return _Entry(uid, [], _full_name(value), frozenset(map(_text, _keys(value, "members"))))
    circles = _circles(_keys(value, "keywords"))
    return _Entry(uid, [replace(card, circles=circles) for card in from_jscontact(value)])


def _keys(value: dict[str, Any], name: str) -> Iterable[str]:
    """A set of JSContact: the names of an object."""
    found = value.get(name)
    return found if isinstance(found, dict) else ()


def _circles(names: Iterable[object]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, map(_text, names))))[:MAX_CIRCLES]


def _values(value: object, name: str) -> list[dict[str, Any]]:
    """The objects in a map of JSContact, in the order of the file."""
    entries = value.get(name) if isinstance(value, dict) else None
    return [entry for entry in entries.values() if isinstance(entry, dict)] if isinstance(entries, dict) else []


def _vcards(body: bytes) -> Iterator[list[str]]:
    """The lines of each vCard, unfolded (RFC 6350, 3.2)."""
    try:
        text = body.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        raise Invalid("The file is not in UTF-8.") from None
    lines: list[str] | None = None
    for line in re.sub(r"\n[ \t]", "", text).split("\n"):
        word = line.strip().upper()
        if word == "BEGIN:VCARD":
            lines = []
        elif word == "END:VCARD" and lines is not None:
            yield lines
            lines = None
        elif lines is not None:
            lines.append(line)


def _from_lines(lines: list[str]) -> _Entry:
    found: dict[str, list[str]] = {}
    for line in lines:
        head, value = _split(line)
        name = head.partition(";")[0].rpartition(".")[2].upper()  # `item1.CLOUD;TYPE=HOME`
        found.setdefault(name, []).append(value)
    names = [_text(_plain(value)) for value in found.get("FN", [])]
    names += [_text(" ".join(reversed(value.split(";")[:2]))) for value in found.get("N", [])]
    addresses = [_plain(value) for name in CLOUD for value in found.get(name, [])]
    emails = [_email(_plain(value)) for value in found.get("EMAIL", [])]
    full = next(filter(None, names), "")
    uid = _plain(next(iter(found.get("UID", ())), "")).strip()
    if any(value.strip().lower() == "group" for value in found.get("KIND", ())):
        return _Entry(uid, [], full, frozenset(_plain(member).strip() for member in found.get("MEMBER", ())))
    circles = _circles(_plain(word) for line in found.get("CATEGORIES", ()) for word in _VALUES.findall(line))
    return _Entry(uid, [
        replace(card, name="" if card.name == str(card.address) else card.name, circles=circles)
        for card in _cards(addresses, full, emails)
    ])  # fmt: skip


def _split(line: str) -> tuple[str, str]:
    """Name with parameters, and value: they are parted by the first colon that is not in quotes."""
    quoted = False
    for place, character in enumerate(line):
        if character == '"':
            quoted = not quoted
        elif character == ":" and not quoted:
            return line[:place], line[place + 1 :]
    return line, ""


def _uid(name: str) -> str:
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}"


def _cards(addresses: list[object] | list[str], name: str, emails: list[str]) -> list[Card]:
    email = next(filter(None, emails), "")
    found: dict[Address, Card] = {}
    for text in addresses[:MAX_ADDRESSES]:
        try:
            address = Address.parse(text) if isinstance(text, str) else None
        except Invalid:
            continue
        if address is not None:
            found.setdefault(address, Card(address, name, email))
    return list(found.values())


def _text(value: object) -> str:
    """Text for one line, however it came."""
    text = value if isinstance(value, str) else ""
    return " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * MAX_NAME]).split())[:MAX_NAME].strip()


def _email(value: object) -> str:
    return value.strip() if isinstance(value, str) and is_email(value.strip()) else ""


def _escaped(text: str) -> str:
    """A text value (RFC 6350, 3.4)."""
    clean = "".join(c if c.isprintable() or c == "\n" else " " for c in text)
    return re.sub(r"([\\,;])", r"\\\1", clean).replace("\n", "\\n")


def _plain(value: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] in "nN" else found[1], value)


def _folded(line: str) -> str:
    parts, part = [], ""
    for character in line:
        if len((part + character).encode()) > _FOLD:
            parts.append(part)
            part = ""
        part += character
    return "\r\n ".join([*parts, part])
