"""Second factors, app passwords and tickets, as gestures."""

from __future__ import annotations

from contextlib import closing

import pyotp
import pytest
from tests.server.offices import NOW, Office

from opencloudmesh.protocol.errors import Conflict, Invalid, NotFound, TooManyRequests, Unauthenticated
from opencloudmesh.server import accounts, app_passwords, factors, schema, sessions, tickets


@pytest.fixture
def office(database_url):
    office = Office(database_url)
    with closing(office.database):
        yield office


def shown(secret, moment):
    return pyotp.TOTP(secret).at(moment)


@pytest.fixture
def phone(office):
    """The secret of einstein's app, confirmed with the code of now; the clock is a minute further."""
    secret = office.do(factors.begin, "einstein")
    codes = office.do(factors.confirm, "einstein", shown(secret, NOW))
    office.now = NOW + 60
    return secret, codes


def matches(office, code):
    return office.do(factors.matches, "einstein", code)


def test_an_app_counts_from_when_it_has_shown_a_code(office):
    secret = office.do(factors.begin, "einstein")
    assert office.do(factors.begin, "einstein") == office.see(factors.unconfirmed, "einstein") == secret
    assert not office.see(factors.of, "einstein").any
    before = office.everything()
    with pytest.raises(Invalid):
        office.do(factors.confirm, "einstein", "000000")
    assert not matches(office, shown(secret, NOW))  # it does not count yet
    assert office.see(factors.of, "einstein") == factors.Factors(False, 0, 0)
    assert {**office.everything(), "factors": before["factors"]} == before
    codes = office.do(factors.confirm, "einstein", shown(secret, NOW))
    assert office.see(factors.of, "einstein") == factors.Factors(True, 0, len(codes))
    assert office.see(factors.unconfirmed, "einstein") is None
    for again in (lambda: office.do(factors.begin, "einstein"), lambda: office.do(factors.confirm, "einstein", "1")):
        with pytest.raises(Conflict):
            again()
    assert len(office.audited()) == 1


def test_a_code_counts_once_and_no_earlier_one_after_it(office, phone):
    secret, _ = phone
    assert matches(office, shown(secret, office.now))
    assert not matches(office, shown(secret, office.now))
    assert not matches(office, shown(secret, office.now - 30))
    assert matches(office, shown(secret, office.now + 30))


@pytest.mark.parametrize(("ahead", "right"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_the_clock_of_a_phone_may_be_half_a_minute_wrong(office, phone, ahead, right):
    office.now += 300
    assert matches(office, shown(phone[0], office.now + ahead)) is right


@pytest.mark.parametrize("code", ["", "0", "\0", "\ud800", "é" * 6, "1" * 10_000, "----"])
def test_nonsense_is_no_code(office, phone, code):
    assert not matches(office, code)


def test_a_code_may_be_written_with_spaces_and_on_paper_in_any_case(office, phone):
    secret, codes = phone
    code = shown(secret, office.now)
    assert matches(office, f" {code[:3]} {code[3:]} ")
    assert matches(office, codes[0].upper().replace("-", " "))


def test_a_code_on_paper_counts_once_and_only_its_digest_is_kept(office, phone):
    _, codes = phone
    assert len(set(codes)) == 10
    assert not any(
        code in str(office.everything()) or code.replace("-", "") in str(office.everything()) for code in codes
    )
    assert [matches(office, codes[3]), matches(office, codes[3])] == [True, False]
    assert office.see(factors.of, "einstein").codes == 9
    assert not office.do(factors.matches, "lise", codes[4])
    new = office.do(factors.renew_codes, "einstein")
    assert not matches(office, codes[4])
    assert matches(office, new[0])


def test_wrong_codes_make_one_wait_longer_and_longer_until_a_right_one(office, phone):
    waits = []
    for _ in range(12):
        assert not matches(office, "wrong")
        waits.append(max(0, office.all(schema.factors)[0].retry_at - office.now))
        if waits[-1]:
            with pytest.raises(TooManyRequests) as caught:  # a right one is not looked at either
                matches(office, shown(phone[0], office.now))
            assert caught.value.retry_after == waits[-1]
        office.now += waits[-1]
    assert waits == [0, 0, 0, 0, 30, 60, 120, 240, 480, 960, 1920, 3600]
    assert not office.do(factors.matches, "lise", "wrong")  # nobody else waits
    assert matches(office, shown(phone[0], office.now))
    assert not matches(office, "wrong")
    assert matches(office, phone[1][0])


def test_without_any_factor_nothing_counts_as_strong(office, phone):
    secret = office.do(sessions.begin, "einstein", strong=True)
    office.do(app_passwords.create, "einstein", "laptop", strong=True)
    hers = office.do(sessions.begin, "lise", strong=True)
    office.do(factors.turn_off, "einstein")
    assert office.see(factors.of, "einstein") == factors.Factors(False, 0, 0)
    assert not office.see(sessions.find, secret).strong
    assert not office.see(app_passwords.listing, "einstein")[0].strong
    assert office.see(sessions.find, hers).strong
    assert [office.all(table) for table in (schema.factors, schema.recovery_codes)] == [[], []]
    with pytest.raises(Invalid):
        office.do(factors.turn_off, "einstein")


def test_the_operator_takes_every_factor_away_and_ends_sessions(office, phone):
    mine, hers = (office.do(sessions.begin, who, strong=True) for who in ("einstein", "lise"))
    ticket = office.do(tickets.issue, tickets.SECOND, "einstein")
    office.do(app_passwords.create, "einstein", "laptop", strong=True)
    office.do(factors.reset, "einstein")
    assert not office.see(factors.of, "einstein").any
    assert office.see(sessions.find, mine) is None
    assert office.see(sessions.find, hers)
    with pytest.raises(Unauthenticated):
        office.see(tickets.find, tickets.SECOND, ticket)
    assert not office.see(app_passwords.listing, "einstein")[0].strong
    assert office.audited()[-1] == ("account", "here", "done", "")
    with pytest.raises(NotFound):
        office.do(factors.reset, "nobody")


def test_a_first_factor_ends_the_other_sessions_of_that_person(office):
    this, other, hers = (office.do(sessions.begin, who) for who in ("einstein", "einstein", "lise"))
    office.do(sessions.strengthen, "einstein", this)
    assert office.see(sessions.find, this).strong
    assert office.see(sessions.find, other) is None
    assert not office.see(sessions.find, hers).strong


def test_a_session_is_ended_by_its_owner_and_nobody_else(office):
    this, other, hers = (office.do(sessions.begin, who) for who in ("einstein", "einstein", "lise"))
    for wrong in (sessions.id_of(hers), "", "x" * 24):
        with pytest.raises(NotFound):
            office.do(sessions.end_one, "einstein", wrong)
    office.do(sessions.end_one, "einstein", sessions.id_of(other))
    assert [row.id for row in office.see(sessions.listing, "einstein")] == [sessions.id_of(this)]
    office.do(sessions.end_all, "einstein", but=this)
    assert office.see(sessions.find, this)
    office.do(sessions.end_all, "einstein")
    assert [row.account for row in office.all(schema.sessions)] == ["lise"]


def test_an_app_password_is_found_by_its_digest_and_opens_nothing_of_others(office):
    secret = office.do(app_passwords.create, "einstein", "laptop", strong=False)
    assert secret not in str(office.everything())
    row = office.see(app_passwords.find, "einstein", secret)
    assert (row.name, row.strong, row.used) == ("laptop", False, None)
    assert app_passwords.is_due(row, NOW)
    office.do(app_passwords.touch, row)
    row = office.see(app_passwords.find, "einstein", secret)
    assert (app_passwords.is_due(row, NOW + 3_599), app_passwords.is_due(row, NOW + 3_600)) == (False, True)
    for who, given in (("lise", secret), ("einstein", ""), ("einstein", "\ud800"), ("einstein", row.digest)):
        assert office.see(app_passwords.find, who, given) is None
    with pytest.raises(NotFound):
        office.do(app_passwords.revoke, "lise", row.id)
    office.do(app_passwords.revoke, "einstein", row.id)
    assert office.see(app_passwords.find, "einstein", secret) is None


@pytest.mark.parametrize("name", ["", "x" * 101])
def test_an_app_password_has_a_name(office, name):
    with pytest.raises(Invalid):
        office.do(app_passwords.create, "einstein", name, strong=False)
    assert office.all(schema.app_passwords) == []


def test_nobody_makes_app_passwords_without_end(office, monkeypatch):
    monkeypatch.setattr(app_passwords, "MAX_EACH", 2)
    for _ in range(2):
        office.do(app_passwords.create, "einstein", "x", strong=False)
    with pytest.raises(Invalid):
        office.do(app_passwords.create, "einstein", "x", strong=False)
    assert len(office.all(schema.app_passwords)) == 2


def test_a_ticket_leads_to_its_next_step_once_and_not_for_long(office):
    secret = office.do(tickets.issue, tickets.SECOND, "einstein", next="/files/")
    assert secret not in str(office.everything())
    row = office.see(tickets.find, tickets.SECOND, secret)
    assert (row.account, row.data) == ("einstein", {"next": "/files/"})
    assert office.see(sessions.find, secret) is None
    assert office.see(app_passwords.find, "einstein", secret) is None
    office.do(tickets.take, tickets.SECOND, secret)
    old = office.do(tickets.issue, tickets.SECOND, "einstein")
    changed = office.do(tickets.issue, tickets.SECOND, "lise")
    office.do(accounts.set_password, "lise", "hash")
    office.now = NOW + tickets.LIFETIME
    for gone in (secret, old, changed, "", "\ud800"):
        with pytest.raises(Unauthenticated):
            office.see(tickets.find, tickets.SECOND, gone)
    office.do(tickets.purge)
    assert office.all(schema.tickets) == []
