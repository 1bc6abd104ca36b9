"""Sessions of browsers, as gestures."""

from __future__ import annotations

import hashlib
from contextlib import closing

import pytest
from tests.server.offices import NOW, Office

from opencloudmesh.server import accounts, schema, sessions

MONTH = 30 * 86_400


@pytest.fixture
def office(database_url):
    office = Office(database_url)
    with closing(office.database):
        yield office


def test_a_session_is_found_by_its_secret_of_which_only_the_digest_is_kept(office):
    secret = office.do(sessions.begin, "einstein")
    (row,) = office.all(schema.sessions)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    assert tuple(row) == (digest, "einstein", NOW + MONTH, NOW, False, "", NOW)
    assert office.see(sessions.find, secret).account == "einstein"


def test_every_session_has_a_secret_of_its_own(office):
    assert len({office.do(sessions.begin, "einstein") for _ in range(3)}) == len(office.all(schema.sessions)) == 3


@pytest.mark.parametrize("secret", ["", "wrong", "secret-0 ", "\ud800", "x" * 10_000])
def test_another_secret_finds_nothing(office, secret):
    office.do(sessions.begin, "einstein")
    assert office.see(sessions.find, secret) is None


def test_it_lasts_a_month_from_when_it_was_used_last(office):
    secret = office.do(sessions.begin, "einstein")
    office.now = NOW + MONTH - 1
    assert office.do(sessions.renew, secret)
    office.now += MONTH - 1
    assert office.see(sessions.find, secret)
    office.now += 1
    assert office.see(sessions.find, secret) is None
    assert not office.do(sessions.renew, secret)


def test_it_is_renewed_once_an_hour(office):
    row = office.see(sessions.find, office.do(sessions.begin, "einstein"))
    assert not sessions.is_due(row, NOW + 3_599)
    assert sessions.is_due(row, NOW + 3_600)


def test_signing_out_ends_one_session(office):
    gone, stays = office.do(sessions.begin, "einstein"), office.do(sessions.begin, "einstein")
    office.do(sessions.end, gone)
    assert office.see(sessions.find, gone) is None
    assert office.see(sessions.find, stays)


def test_a_new_password_ends_all_sessions_of_that_person_and_of_nobody_else(office):
    mine, hers = office.do(sessions.begin, "einstein"), office.do(sessions.begin, "lise")
    office.do(accounts.set_password, "einstein", "hash")
    assert office.see(sessions.find, mine) is None
    assert office.see(sessions.find, hers)


def test_sessions_go_with_their_account(office):
    office.do(sessions.begin, "einstein")
    office.do(accounts.remove, "einstein")
    assert office.all(schema.sessions) == []


def test_those_that_are_over_are_purged(office):
    office.do(sessions.begin, "einstein")
    office.now = NOW + 1
    stays = office.do(sessions.begin, "lise")
    office.now = NOW + MONTH
    office.do(sessions.purge)
    assert len(office.all(schema.sessions)) == 1
    assert office.see(sessions.find, stays)
