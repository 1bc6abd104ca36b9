"""People, their names and passwords, as gestures."""

from __future__ import annotations

from contextlib import closing

import pytest
from tests.server.offices import NOW, Office

from opencloudmesh.protocol.errors import Conflict, Invalid, NotFound
from opencloudmesh.server import accounts, schema
from opencloudmesh.server.accounts import Account


@pytest.fixture
def office(database_url):
    office = Office(database_url)
    with closing(office.database):
        yield office


def test_an_account_is_found_by_its_name(office):
    account = office.do(accounts.add, "marie", "hash", name="Marie Curie", email="marie@example.org")
    assert account == Account("marie", "Marie Curie", "marie@example.org", None)
    assert office.see(accounts.get, "marie") == office.see(accounts.find, "marie") == account
    assert [who.id for who in office.see(accounts.everybody)] == ["einstein", "lise", "marie"]
    assert {row.id: row.created for row in office.all(schema.accounts)}["marie"] == NOW


def test_people_are_found_by_words_however_many_somebody_writes(office):
    for words in ("ein", "EIN stein", "ein " * 3_000):
        assert [who.id for who in office.see(accounts.page, words, limit=9)] == ["einstein"]
    assert office.see(accounts.page, "ein lise", limit=9) == []


def test_without_a_name_people_are_called_by_their_identifier(office):
    assert office.do(accounts.add, "marie", "hash").name == "marie"


@pytest.mark.parametrize("name", ["m", "Marie.Curie", "marie@home", "m+1", "0_1-2", "a" * 64])
def test_a_name_that_works_in_addresses_folders_and_urls_is_taken(office, name):
    assert office.do(accounts.add, name, "hash").id == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "-o", "@x", "a..b", "a/b", "a b", "a\n", "a\0", "é", "٣", "a:b", "a" * 65]
)
def test_a_name_that_would_not_is_refused_and_named(office, name):
    before = office.everything()
    with pytest.raises(Invalid) as caught:
        office.do(accounts.add, name, "hash")
    assert [field.name for field in caught.value.fields] == ["id"]
    assert office.everything() == before


@pytest.mark.parametrize("name", ["einstein", "Einstein", "EINSTEIN"])
def test_two_people_never_share_a_folder(office, name):
    before = office.everything()
    with pytest.raises(Conflict):
        office.do(accounts.add, name, "hash")
    assert office.everything() == before


def test_names_are_told_apart_by_case_where_they_are_looked_up(office):
    assert office.see(accounts.find, "Einstein") is None


def test_who_is_not_there_is_not_found(office):
    assert office.see(accounts.find, "nobody") is None
    for gesture in (
        lambda tx: accounts.get(tx, "nobody"),
        lambda tx: accounts.set_password(tx, "nobody", "hash"),
        lambda tx: accounts.remove(tx, "nobody"),
    ):
        with pytest.raises(NotFound):
            office.do(gesture)


def test_an_account_goes_with_its_shares_and_leaves_those_of_others(office):
    mine, theirs = office.offered(owner="einstein"), office.offered(owner="lise")
    office.received()
    office.do(accounts.remove, "einstein")
    assert [row.id for row in office.all(schema.shares)] == [theirs.id] != [mine.id]
    assert office.all(schema.received) == []
    assert office.see(accounts.find, "einstein") is None


# Passwords


def test_only_the_right_password_matches(office):
    office.do(accounts.set_password, "einstein", accounts.hash_password("E = m c^2"))
    stored = office.see(accounts.stored_password, "einstein")
    assert stored.startswith("$argon2id$")
    assert accounts.password_matches(stored, "E = m c^2")
    for wrong in ("e = m c^2", "E = m c^2 ", "", stored):
        assert not accounts.password_matches(stored, wrong)


def test_a_new_password_ends_the_old_one_and_nobody_elses(office):
    first, second = accounts.hash_password("password 1"), accounts.hash_password("password 2")
    office.do(accounts.set_password, "einstein", first)
    office.do(accounts.set_password, "lise", first)
    office.do(accounts.set_password, "einstein", second)
    assert office.see(accounts.stored_password, "einstein") == second
    assert office.see(accounts.stored_password, "lise") == first


def test_the_same_password_is_stored_differently_each_time():
    assert accounts.hash_password("password") != accounts.hash_password("password")


@pytest.mark.parametrize("password", ["", "nobody", "password"])
def test_who_is_not_there_has_no_password_but_takes_as_long_to_refuse(office, password):
    stored = office.see(accounts.stored_password, "nobody")
    mine = accounts.hash_password("password")
    assert stored.rpartition("$")[0].rpartition("$")[0] == mine.rpartition("$")[0].rpartition("$")[0]  # as costly
    assert not accounts.password_matches(stored, password)


@pytest.mark.parametrize("length", [0, 7, 1025])
def test_a_password_that_is_too_short_or_too_long_is_refused(length):
    with pytest.raises(Invalid, match="8 to 1024") as caught:
        accounts.hash_password("x" * length)
    assert [field.name for field in caught.value.fields] == ["password"]


@pytest.mark.parametrize("password", ["x" * 8, "x" * 1024, "ünïcödé ☃"])
def test_a_password_may_be_anything_else(password):
    assert accounts.password_matches(accounts.hash_password(password), password)
