"""Address books of other programs: what we write is read again, by us and by others, and nonsense does no harm."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace

import pytest
import vobject
from hypothesis import given, settings
from hypothesis import strategies as st

from opencloudmesh.protocol import cards
from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.cards import JSCONTACT, VCARD, Card
from opencloudmesh.protocol.errors import Invalid, OcmError, TooLarge

MARIE = Card(Address("marie", "two.example"), "Marie Curie", "marie@two.example", "invite")

printable = st.characters(exclude_categories=("C", "Z"))
names = st.lists(st.text(printable, min_size=1, max_size=20), max_size=4).map(" ".join)
identifiers = st.text(printable, min_size=1, max_size=40)
emails = st.sampled_from(["", "marie@two.example", "m.c+x'y!z@a-b.example"])
circles = st.lists(st.text(printable, min_size=1, max_size=20), max_size=3, unique=True).map(tuple)
addresses = st.builds(Address, identifiers, st.sampled_from(["two.example", "[::1]:8000"]))
people = st.builds(Card, addresses, names, emails, circles=circles)


def imported(*found: Card) -> list[Card]:
    """As they come back: how an address was learnt is not taken over."""
    return [Card(card.address, card.name, card.email, circles=card.circles) for card in found]


@pytest.mark.parametrize("kind", [JSCONTACT, VCARD])
@given(st.lists(people, min_size=1, max_size=5, unique_by=lambda card: card.uid))
def test_what_is_written_is_read_again(kind: str, some: list[Card]) -> None:
    found = cards.read(cards.write(some, kind), kind)
    assert found.skipped == 0
    assert [_sorted(card) for card in found.cards] == [_sorted(card) for card in imported(*some)]


def _sorted(card: Card) -> Card:
    return replace(card, circles=tuple(sorted(card.circles)))


def test_a_card_is_as_the_specifications_show_it() -> None:
    assert cards.to_jscontact(MARIE) == {
        "@type": "Card",
        "version": "1.0",
        "uid": "urn:uuid:d928594c-1ab5-5626-b724-f87057b4e3fc",
        "name": {"full": "Marie Curie"},
        "emails": {"email": {"address": "marie@two.example"}},
        "ietf.org:ocmAddresses": {"ocm": {"address": "marie@two.example", "source": "invite"}},
    }


TEAM = replace(MARIE, circles=("Radium", "R, D; \\ and so on"))


def test_circles_are_groups_in_jscontact_and_categories_in_vcards() -> None:
    *_, group = json.loads(cards.write([TEAM, MARIE], JSCONTACT))
    assert (group["kind"], group["name"], group["members"]) == (
        "group", {"full": "R, D; \\ and so on"}, {MARIE.uid: True},
    )  # fmt: skip
    (card,) = vobject.readComponents(cards.write([TEAM], VCARD).decode())
    assert card.categories.value == ["Radium", "R, D; \\ and so on"]


@pytest.mark.parametrize(
    ("text", "circles"),
    [
        ("CATEGORIES:Friends,Work\nCATEGORIES:Work, A\\,B ,", ("Friends", "Work", "A,B")),
        ("CATEGORIES:" + ",".join(map(str, range(30))), tuple(map(str, range(cards.MAX_CIRCLES)))),
        ("UID:m\nEND:VCARD\nBEGIN:VCARD\nKIND:Group\nFN:Radium\nMEMBER:m\nMEMBER:other", ("Radium",)),
        ("UID:m\nEND:VCARD\nBEGIN:VCARD\nKIND:group\nFN:\nMEMBER:m", ()),
    ],
)
def test_categories_and_groups_of_vcards_are_circles(text: str, circles: tuple[str, ...]) -> None:
    (card,) = cards.read(f"BEGIN:VCARD\nFN:M\nCLOUD:m@two.example\n{text}\nEND:VCARD".encode(), VCARD).cards
    assert card.circles == circles


@pytest.mark.parametrize(
    ("more", "circles"),
    [
        ({"keywords": {"Work": True, "": True}}, ("Work",)),
        ({"keywords": ["Work"]}, ()),
        ({"keywords": {"Radium": True}}, ("Radium",)),
    ],
)
def test_keywords_and_groups_of_jscontact_are_circles(more: dict[str, object], circles: tuple[str, ...]) -> None:
    value = CARD | {cards.ADDRESSES: {"1": {"address": "marie@two.example"}}} | more
    group = {**CARD, "uid": "g", "kind": "group", "name": {"full": "Radium"}, "members": {"x": True, "y": True}}
    wrong: list[dict[str, object]] = [{**group, "members": ["x"]}, {**group, "name": 7}, {**group, "members": 7}]
    assert cards.read(json.dumps([value, *wrong]).encode(), JSCONTACT).cards[0].circles == circles
    read = cards.read(json.dumps([group, value]).encode(), JSCONTACT)
    assert read.cards[0].circles == tuple(dict.fromkeys([*circles, "Radium"]))
    assert read.skipped == 0


@settings(max_examples=50)
@given(st.lists(people, min_size=1, max_size=3))
def test_another_program_reads_our_vcards(some: list[Card]) -> None:
    read = list(vobject.readComponents(cards.write(some, VCARD).decode()))
    assert [card.version.value for card in read] == ["4.0"] * len(some)
    assert [card.cloud.value for card in read] == [str(card.address) for card in some]
    assert [card.fn.value for card in read] == [card.name or str(card.address) for card in some]


def test_a_long_line_is_folded_between_characters() -> None:
    written = cards.to_vcard(Card(Address("é" * 200, "two.example"), "名" * 200))
    assert all(len(line.encode()) <= 75 for line in written.split("\r\n"))
    assert cards.read(written.encode(), VCARD).cards[0].name == "名" * 200


NEXTCLOUD = """BEGIN:VCARD\r
VERSION:3.0\r
PRODID:-//Sabre//Sabre VObject 4.5.4//EN\r
UID:alice\r
FN;X-NC-SCOPE=v2-federated:Alice Example\r
N:Example;Alice;;;\r
EMAIL;TYPE=OTHER;X-NC-SCOPE=v2-federated:alice@one.example\r
item1.CLOUD;TYPE="HOME:x";X-NC-SCOPE=v2-federated:alice@https://one.example/\r
PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQSkZJRgABAQ\r
 AAAQABAAD\r
END:VCARD\r
"""


def test_a_vcard_of_nextcloud_is_read() -> None:
    (card,) = cards.read(NEXTCLOUD.encode(), VCARD).cards
    assert card == Card(Address("alice", "one.example"), "Alice Example", "alice@one.example")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("BEGIN:VCARD\nN:Curie;Marie;;;\nCLOUD:m@two.example\nEND:VCARD", [("m@two.example", "Marie Curie")]),
        ("begin:vcard\nfn:M\ncloud:m@two.example\nend:vcard", [("m@two.example", "M")]),
        ("\ufeffBEGIN:VCARD\rFN:M\rCLOUD:m@two.example\rEND:VCARD\r", [("m@two.example", "M")]),
        ("BEGIN:VCARD\nFN:a\\nb\\,c\\;d\\\\e\x01\nCLOUD:m@x.example\nEND:VCARD", [("m@x.example", "a b,c;d\\e")]),
        ("BEGIN:VCARD\nFN:M\nCLOUD:m@x.example\nCLOUD:m@X.example\nCLOUD:n@y.example\nEND:VCARD",
         [("m@x.example", "M"), ("n@y.example", "M")]),
        ("BEGIN:VCARD\nFN:M\nX-NEXTCLOUD-CLOUD-ID:m@x.example\nEND:VCARD\ntrailing", [("m@x.example", "M")]),
        ("BEGIN:VCARD\nFN:lost\nBEGIN:VCARD\nFN:M\nCLOUD:m@x.example\nEND:VCARD\nEND:VCARD", [("m@x.example", "M")]),
    ],
)  # fmt: skip
def test_vcards_are_read_in_the_spellings_that_are_about(text: str, found: list[tuple[str, str]]) -> None:
    assert [(str(card.address), card.name) for card in cards.read(text.encode(), VCARD).cards] == found


CARD = {"@type": "Card", "version": "1.0", "uid": "x"}


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({"name": {"components": [{"kind": "given", "value": "Marie"}, {"kind": "surname", "value": "Curie"}]}},
         [("marie@two.example", "Marie Curie")]),
        ({"name": "Marie"}, [("marie@two.example", "")]),
        ({"name": {"full": 7, "components": [1, {"value": None}]}}, [("marie@two.example", "")]),
        ({"emails": ["x"]}, [("marie@two.example", "")]),
        ({"emails": {"a": {"address": "no address"}, "b": 1}}, [("marie@two.example", "")]),
        ({cards.ADDRESSES: {"a": {"address": "a@x.example", "trusted": True, "source": "invite"}, "b": {}, "c": 1,
                            "d": {"address": "nonsense"}, "e": {"address": "b@y.example", "label": "work"}}},
         [("a@x.example", ""), ("b@y.example", "")]),
        ({cards.ADDRESSES: []}, []),
        ({cards.ADDRESSES: {}}, []),
    ],
)  # fmt: skip
def test_of_a_card_what_makes_sense_is_taken(more: dict[str, object], found: list[tuple[str, str]]) -> None:
    value = CARD | {cards.ADDRESSES: {"1": {"address": "marie@two.example"}}} | more
    read = cards.read(json.dumps(value).encode(), JSCONTACT)
    assert [(str(card.address), card.name) for card in read.cards] == found
    assert read.skipped == (0 if found else 1)
    assert {card.source for card in read.cards} <= {"direct entry"}


@pytest.mark.parametrize("kind", [JSCONTACT, VCARD])
@pytest.mark.parametrize(
    "body", [b"", b"nonsense", b"[]", b"{}", b"7", b"\xff", b"[[]]", b'[{"@type":"Group"}]', b"BEGIN:VCARD\nFN:x"]
)
def test_what_is_no_address_book_is_refused(kind: str, body: bytes) -> None:
    with pytest.raises(Invalid):
        cards.read(body, kind)


def test_a_file_has_its_bounds() -> None:
    many = [Card(Address(f"m{number}", "two.example")) for number in range(cards.MAX_CARDS + 1)]
    for kind in (JSCONTACT, VCARD):
        assert len(cards.read(cards.write(many[1:], kind), kind).cards) == cards.MAX_CARDS
        for body in (cards.write(many, kind), b" " * (cards.MAX_FILE + 1)):
            with pytest.raises(TooLarge):
                cards.read(body, kind)


@pytest.mark.parametrize(
    "piece", ["a,", 'a="', ";a=b", ":", '"', "\\", "\n ", "BEGIN:VCARD\n", "N:;;\n", "CLOUD:a@b.c\n"]
)
def test_no_line_takes_for_ever(piece: str) -> None:
    body = f"BEGIN:VCARD\nFN;{piece * (1_000_000 // len(piece))}\nEND:VCARD".encode()
    assert len(cards.read(body, VCARD).cards) <= 1  # `vobject` would not come back from the first of these


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_nothing_but_our_errors_comes_of_any_bytes(body: bytes) -> None:
    for kind in (JSCONTACT, VCARD):
        for framed in (body, b"BEGIN:VCARD\n" + body + b"\nEND:VCARD"):
            with suppress(OcmError):
                cards.read(framed, kind)


words = st.sampled_from(["full", "address", "components", "value", "x"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)


names_of_json = ["uid", "name", "emails", "kind", "members", "keywords", cards.ADDRESSES]


@given(st.dictionaries(st.sampled_from(names_of_json), json_values | st.just("group"), max_size=4))
def test_nothing_but_cards_comes_of_any_json(value: dict[str, object]) -> None:
    found = cards.read(json.dumps({**value, "@type": "Card"}).encode(), JSCONTACT)
    assert all(isinstance(card, Card) for card in found.cards)
