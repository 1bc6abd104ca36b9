"""Notifications of peers: who may say what of which share. DESIGN rule 6 (identity is the signature, or the secret)."""

from __future__ import annotations

from contextlib import closing

import pytest
from tests.server.offices import HERE, NOW, THERE, Office

from opencloudmesh.protocol.errors import Forbidden, Invalid, NotFound, NotSupported
from opencloudmesh.protocol.notifications import TYPES, Notification
from opencloudmesh.server import news, notifications, received, shares

ACCEPT, DECLINE, UNSHARE = "SHARE_ACCEPTED", "SHARE_DECLINED", "SHARE_UNSHARED"
ANSWERS = {ACCEPT: "accepted", DECLINE: "declined"}
CHANGES = {
    "RESHARE_CHANGE_PERMISSION": {"permission": ["read", "write"]},
    "SHARE_CHANGE_PERMISSION": {
        "grantee": "einstein",
        "protocol": {"name": "multi", "options": {}, "webdav": {"permissions": ["read", "write"], "uri": "z"}},
    },
}
OTHER = "third.example"


@pytest.fixture
def office(database_url):
    office = Office(database_url)
    with closing(office.database):
        yield office


def say(office, kind, provider_id, *, secret="", signed_by=None, **content):
    content = content or CHANGES.get(kind, {})
    notification = Notification(kind, "file", provider_id, secret, content)
    return office.do(notifications.receive, notification, own_host=HERE, signed_by=signed_by)


def refuse(office, error, *words, **named):
    before = office.everything()
    with pytest.raises(error) as caught:
        say(office, *words, **named)
    assert office.everything() == before
    return caught.value


# Answers to shares of ours


@pytest.mark.parametrize("state", sorted({state for state, _ in shares.TRANSITIONS} | {shares.UNSHARED}))
@pytest.mark.parametrize("kind", ANSWERS)
def test_an_answer_does_what_the_table_says_and_one_that_comes_late_nothing(office, state, kind):
    row = office.offered(state)
    before = office.everything()
    say(office, kind, row.id, signed_by=THERE)
    expected = shares.TRANSITIONS.get((state, ANSWERS[kind]), state)
    assert office.see(shares.get, row.id).state == expected
    assert office.told() == []
    if state == shares.PASSED_ON and kind == ACCEPT:  # its owner's server says so, and our person hears of it
        assert [row.event for row in office.see(news.listing, "einstein")] == [news.ACCEPTED]
    elif expected == state:
        assert office.everything() == before


@pytest.mark.parametrize("kind", ANSWERS)
def test_an_answer_said_twice_changes_nothing(office, kind):
    row = office.offered(shares.SENT)
    say(office, kind, row.id, signed_by=THERE)
    before = office.everything()
    office.now += 1
    say(office, kind, row.id, signed_by=THERE)
    assert office.everything() == before


@pytest.mark.parametrize("kind", ANSWERS)
def test_an_unsigned_answer_counts_with_the_secret_of_the_share(office, kind):
    row = office.offered(shares.SENT)
    say(office, kind, row.id, secret=row.secret)
    assert office.see(shares.get, row.id).state == ANSWERS[kind]


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("wrong", ["", "{0.secret}x", "{0.id}", "é"])
def test_an_unsigned_answer_with_another_secret_is_refused(office, kind, wrong):
    row = office.offered(shares.SENT)
    refuse(office, Forbidden, kind, row.id, secret=wrong.format(row))


@pytest.mark.parametrize("kind", ANSWERS)
def test_the_secret_of_one_share_says_nothing_of_another(office, kind):
    row, other = office.offered(shares.SENT), office.offered(shares.SENT, path="other")
    refuse(office, Forbidden, kind, row.id, secret=other.secret)


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("host", [OTHER, "THERE.example", f"{THERE}:8443", f"x.{THERE}"])
def test_an_answer_signed_by_another_host_is_refused_even_with_the_secret(office, kind, host):
    row = office.offered(shares.SENT)
    error = refuse(office, Forbidden, kind, row.id, secret=row.secret, signed_by=host)
    assert error.message == "RESOURCE_NOT_FOUND"  # the word that Nextcloud knows


def test_a_signed_answer_needs_no_secret_and_a_wrong_one_does_no_harm(office):
    row = office.offered(shares.SENT)
    say(office, ACCEPT, row.id, signed_by=THERE, secret="stale")
    assert office.see(shares.get, row.id).state == shares.ACCEPTED


@pytest.mark.parametrize("signed_by", [None, THERE])
@pytest.mark.parametrize("kind", [ACCEPT, DECLINE, UNSHARE])
def test_of_a_share_that_is_not_there_nothing_is_said(office, kind, signed_by):
    office.offered()
    office.received()
    refuse(office, NotFound, kind, "no such", secret="sesame", signed_by=signed_by)
    refuse(office, NotFound, kind, "x" * 255, secret="sesame", signed_by=signed_by)


# The end of shares of others


@pytest.mark.parametrize("named", [{"signed_by": THERE}, {"secret": "sesame"}])
@pytest.mark.parametrize("state", sorted({state for state, _ in received.TRANSITIONS} | {received.REMOVED}))
def test_an_unshare_ends_what_is_open_and_nothing_else(office, state, named):
    office.received(state)
    before = office.everything()
    say(office, UNSHARE, "p1", **named)
    expected = received.TRANSITIONS.get((state, "unshared"), state)
    after = office.see(received.told_by, THERE, "p1")
    assert (after.state, after.path if expected == received.UNSHARED else None) == (expected, None)
    assert office.told() == []
    if expected == state:
        assert office.everything() == before


def test_an_unshare_said_twice_changes_nothing(office):
    office.received(received.ACCEPTED)
    say(office, UNSHARE, "p1", signed_by=THERE)
    before = office.everything()
    office.now += 1
    say(office, UNSHARE, "p1", signed_by=THERE)
    assert office.everything() == before


@pytest.mark.parametrize("secret", ["", "sesam", "Sesame", "sesame ", "p1"])
def test_an_unsigned_unshare_with_another_secret_is_refused(office, secret):
    office.received(received.ACCEPTED)
    refuse(office, NotFound, UNSHARE, "p1", secret=secret)


def test_an_unshare_signed_by_another_host_is_refused_even_with_the_secret(office):
    office.received(received.ACCEPTED)
    refuse(office, NotFound, UNSHARE, "p1", secret="sesame", signed_by=OTHER)


def test_the_sender_does_not_answer_for_us_nor_the_receiver_unshare(office):
    ours, theirs = office.offered(shares.SENT), office.received()
    for kind in ANSWERS:
        refuse(office, NotFound, kind, theirs.provider_id, signed_by=THERE)
    refuse(office, NotFound, UNSHARE, ours.id, secret=ours.secret)
    refuse(office, NotFound, UNSHARE, ours.id, signed_by=THERE)


# Changes of shares of others


@pytest.mark.parametrize("named", [{"signed_by": THERE}, {"secret": "sesame"}])
@pytest.mark.parametrize("kind", CHANGES)
def test_what_the_sender_changes_is_shown_and_nothing_else_of_the_share_changes(office, kind, named):
    before = office.received(received.ACCEPTED)
    say(office, kind, "p1", **named)
    after = office.see(received.told_by, THERE, "p1")
    assert after.permissions == ["read", "write"]
    same = set(before._fields) - {"permissions", "changed"}
    assert {name: getattr(before, name) for name in same} == {name: getattr(after, name) for name in same}
    assert office.told() == [(THERE, "probe", after.id)]  # what was last seen of it is looked at again
    assert office.audited()[-1] == ("notification", "in", "done", THERE)


@pytest.mark.parametrize(("said", "stored"), [(NOW + 90, NOW + 90), (0, None), (None, NOW + 60)])
def test_the_end_changes_where_it_is_said(office, said, stored):
    office.received(received.ACCEPTED, expiration=NOW + 60)
    content = {"permission": ["read"]} | ({} if said is None else {"expiration": said})
    say(office, "RESHARE_CHANGE_PERMISSION", "p1", signed_by=THERE, **content)
    after = office.see(received.told_by, THERE, "p1")
    assert (after.expiration, after.permissions) == (stored, ["read"])


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_said_twice_changes_nothing(office, kind):
    office.received(received.ACCEPTED)
    say(office, kind, "p1", signed_by=THERE)
    before = office.everything()
    office.now += 1
    say(office, kind, "p1", signed_by=THERE)
    assert office.everything() == before


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_that_is_not_the_senders_to_make_is_refused(office, kind):
    office.received(received.ACCEPTED)
    refuse(office, NotFound, kind, "p1", secret="sesam")
    refuse(office, NotFound, kind, "p1")
    refuse(office, NotFound, kind, "p1", secret="sesame", signed_by=OTHER)


@pytest.mark.parametrize("state", shares.LIVE)
@pytest.mark.parametrize("kind", CHANGES)
def test_the_receiver_changes_nothing_of_our_shares(office, kind, state):
    row = office.offered(state, expiration=NOW + 60)
    for named in ({"signed_by": THERE}, {"secret": row.secret}, {"secret": row.secret, "signed_by": THERE}):
        refuse(office, NotSupported, kind, row.id, **named)
        refuse(office, NotSupported, kind, row.id, permission=["read", "write", "share"], expiration=0, **named)


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        ({"grantee": "einstein"}, "notification.permission"),
        ({"permission": []}, "notification.permission"),
        ({"permission": ["delete"]}, "notification.permission"),
        ({"permission": 15}, "notification.permission"),
        ({"expiration": "never"}, "notification.expiration"),
        ({"expiration": -1}, "notification.expiration"),
    ],
)
def test_a_change_that_says_nothing_sensible_is_refused(office, content, wrong):
    office.received(received.ACCEPTED)
    error = refuse(office, Invalid, "RESHARE_CHANGE_PERMISSION", "p1", signed_by=THERE, **content)
    assert wrong in [field.name for field in error.fields]


# Types


def test_every_type_is_followed():
    assert {ACCEPT, DECLINE, UNSHARE, "USER_REMOVED", "REQUEST_RESHARE", "RESHARE_UNDO", *CHANGES} == TYPES


@pytest.mark.parametrize("kind", ["", "share_accepted", "SHARE_ACCEPTED ", "OTHER"])
def test_a_type_that_nobody_knows_is_a_wrong_field(office, kind):
    row = office.offered(shares.SENT)
    error = refuse(office, Invalid, kind, row.id, signed_by=THERE)
    assert [wrong.name for wrong in error.fields] == ["notificationType"]
