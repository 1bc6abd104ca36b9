"""Directories and their members: what is in force, until when, and who is told."""

from __future__ import annotations

from contextlib import closing

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.server.offices import NOW, Office

from opencloudmesh.protocol.directory import Listing, Server
from opencloudmesh.protocol.errors import Invalid, NotFound
from opencloudmesh.protocol.keys import SigningKey
from opencloudmesh.server import audit, directories, schema
from opencloudmesh.server.directories import INTERVAL, SOON

URL, OTHER = "https://directory.example/servers.json", "https://other.example/"
KEY, SECOND = (SigningKey("k", "ed25519", ed25519.Ed25519PrivateKey.generate()).public_pem() for _ in range(2))
LISTING = Listing(
    "The Mesh",
    (
        Server("https://two.example", "Zwei"),
        Server("https://one.example:4443", "Österreichische Akademie"),
        Server("https://three.example", "Akademie drei"),
    ),
)


@pytest.fixture
def office(database_url):
    office = Office(database_url)
    with closing(office.database):
        yield office


def _pem(key):
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def named(office, url=URL, keys=(KEY,), **options):
    return office.do(directories.add, url, list(keys), **options)


def listed(office, listing=LISTING, url=URL):
    office.do(directories.fetched, office.see(directories.get, url), listing)


def hosts(office, text=""):
    return [row.host for row in office.see(directories.members, text)]


def trail(office):
    return [(row.direction, row.outcome, row.subject, row.reason) for row in office.see(audit.listing)]


def row(office, url=URL):
    return office.see(directories.get, url)


def test_a_directory_that_is_named_is_asked_at_once(office):
    named(office)
    (found,) = office.see(directories.due)
    assert (found.url, found.keys, found.unsigned, found.fetched, found.error) == (URL, [KEY], False, None, None)
    assert trail(office) == [("here", "done", URL, "named with 1 keys")]
    assert office.see(audit.listing)[0].host == "directory.example"


@pytest.mark.parametrize(
    "url",
    ["", "directory.example", "ftp://directory.example/", "javascript:alert(1)", "https://u:p@directory.example/",
     "https://directory.example/a b", "https://directory.example/\r\n", "https://directory.example/#x", "https://[x/",
     "https:///x", "https://dïrectory.example/", "https://directory.example/" + "x" * 2048],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(office, url):
    before = office.everything()
    with pytest.raises(Invalid):
        named(office, url)
    assert office.everything() == before


def test_a_directory_needs_a_key_that_signs_listings_unless_it_is_said_not_to_sign(office):
    before = office.everything()
    p384 = SigningKey("k", "ecdsa-p384-sha384", ec.generate_private_key(ec.SECP384R1())).public_pem()
    private = SigningKey("k", "ed25519", ed25519.Ed25519PrivateKey.generate()).private_pem()
    for keys in ([], [p384], [KEY, "nonsense"], [private]):
        with pytest.raises(Invalid):
            named(office, keys=keys)
    assert office.everything() == before
    for key in (ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)):
        named(office, keys=[_pem(key)])
    assert named(office, OTHER, [], unsigned=True).unsigned is True


def test_members_are_found_by_host_and_by_words(office):
    named(office)
    listed(office)
    assert hosts(office) == ["three.example", "two.example", "one.example:4443"]
    assert hosts(office, "AKADEMIE") == ["three.example", "one.example:4443"]
    assert hosts(office, "österreich") == ["one.example:4443"]
    assert hosts(office, "  drei akad ") == hosts(office, "three.ex") == ["three.example"]
    assert hosts(office, "the mesh") == hosts(office)
    assert hosts(office, "%") == hosts(office, "nobody") == []
    assert office.see(directories.is_member, "one.example:4443") == "The Mesh"
    assert office.see(directories.is_member, "one.example") is None


def test_a_server_of_two_directories_is_shown_once_and_stays_with_the_other(office):
    named(office)
    named(office, OTHER)
    listed(office)
    listed(office, Listing("A Mesh", (Server("http://two.example", "Two"),)), OTHER)
    assert hosts(office, "two.example") == ["two.example"]
    assert office.see(directories.is_member, "two.example") == "A Mesh"
    office.do(directories.remove, OTHER)
    assert office.see(directories.is_member, "two.example") == "The Mesh"


def test_a_host_that_is_listed_twice_is_one_member(office):
    named(office)
    listed(office, Listing("M", (Server("http://two.example", "a"), Server("https://two.example:443", "b"))))
    assert hosts(office) == ["two.example"]


def test_a_list_is_in_force_until_there_is_another_and_only_a_change_is_on_the_trail(office):
    named(office)
    listed(office)
    assert (row(office).federation, row(office).fetched, row(office).due) == ("The Mesh", NOW, NOW + INTERVAL)
    assert office.see(directories.due) == []
    office.now += INTERVAL
    assert [found.url for found in office.see(directories.due)] == [URL]
    listed(office)
    assert row(office).fetched == NOW + INTERVAL
    listed(office, Listing("The Mesh", (LISTING.servers[0], Server("https://four.example", "4"))))
    assert hosts(office) == ["four.example", "two.example"]
    assert [words[0::3] for words in trail(office)][1:] == [
        ("in", "The Mesh: 3 servers, 3 new, 0 gone"),
        ("in", "The Mesh: 2 servers, 1 new, 2 gone"),
    ]
    listed(office, Listing("The Mesh", ()))
    assert hosts(office) == []


@pytest.mark.parametrize("refused", [True, False])
def test_a_directory_that_is_away_or_refused_stays_in_force(office, refused):
    named(office)
    listed(office)
    for wait in (SOON, INTERVAL, INTERVAL):
        office.do(directories.failed, row(office), "It is broken.", refused=refused)
        assert (row(office).error, row(office).fetched, row(office).due) == ("It is broken.", NOW, office.now + wait)
        office.now += wait
    office.now += 365 * 86_400
    assert len(hosts(office)) == 3
    assert office.see(directories.is_member, "two.example") == "The Mesh"
    said = [words for words in trail(office) if words[1] == "refused"]
    assert said == ([("in", "refused", URL, "It is broken.")] if refused else [])
    listed(office)
    assert row(office).error is None


def test_what_is_believed_no_more_takes_its_list_with_it(office):
    named(office, keys=[KEY])
    listed(office)
    named(office, keys=[SECOND, KEY])
    assert len(hosts(office)) == 3
    named(office, keys=[SECOND])
    assert hosts(office) == []
    assert row(office).fetched is None
    named(office, keys=[SECOND], unsigned=True)
    listed(office)
    named(office, keys=[SECOND])
    assert hosts(office) == []


def test_an_answer_to_an_earlier_question_counts_no_more(office):
    named(office)
    asked = row(office)
    named(office, keys=[SECOND])
    before = office.everything()
    office.do(directories.fetched, asked, LISTING)
    office.do(directories.failed, asked, "It is broken.", refused=True)
    assert office.everything() == before
    office.do(directories.remove, URL)
    before = office.everything()
    office.do(directories.fetched, asked, LISTING)
    office.do(directories.failed, asked, "It is broken.", refused=True)
    assert office.everything() == before


def test_a_removed_directory_is_gone_with_its_members(office):
    named(office)
    listed(office)
    assert [(found.url, found.servers) for found in office.see(directories.listing)] == [(URL, 3)]
    office.do(directories.remove, URL)
    assert office.all(schema.members) == office.all(schema.directories) == []
    assert trail(office)[-1] == ("here", "done", URL, "removed")
    with pytest.raises(NotFound):
        office.do(directories.remove, URL)
