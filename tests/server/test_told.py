"""Who is told of what, by which gesture: of what others did, and never of what they did themselves."""

from __future__ import annotations

import itertools
from contextlib import closing

import pytest
from tests.server.offices import HERE, MARIE, NOW, THERE, Office, offer

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.invites import InviteAccepted
from opencloudmesh.protocol.notifications import Notification
from opencloudmesh.protocol.protocols import Protocols, WebDav
from opencloudmesh.protocol.reshares import ReshareRequest
from opencloudmesh.protocol.share_requests import ShareRequest
from opencloudmesh.server import (
    asked,
    contacts,
    departures,
    invites,
    links,
    news,
    notifications,
    offers,
    outbox,
    received,
    reports,
    reshares,
    schema,
    share_requests,
    shares,
)
from opencloudmesh.server.reports import FAILING_AFTER

MARIES = str(MARIE)
WEBDAV = WebDav("x", "sesame", frozenset({"read", "share"}))


@pytest.fixture
def office(database_url):
    office = Office(database_url)
    with closing(office.database):
        yield office


def heard(office, account="einstein"):
    """What a person has not read, oldest first."""
    return [row.event for row in reversed(office.see(news.listing, account, unread_only=True))]


def forget(office):
    office.do(lambda tx: tx.run(schema.news.delete()))


# What is shared with them

RECEIVED = {
    "changed": (lambda tx, row: received.changed(tx, row, frozenset({"read", "write"}), None), [news.CHANGED]),
    "unchanged": (lambda tx, row: received.changed(tx, row, frozenset({"read"}), NOW + 60), []),
    "ended": (received.unshared, [news.ENDED]),
    "gone": (lambda tx, row: received.gone(tx, row.id), [news.GONE]),
    "the server goes": (lambda tx, _row: departures.server(tx, THERE), [news.CUT]),
    "accepted": (lambda tx, row: received.accept(tx, row.id), []),
    "declined": (lambda tx, row: received.decline(tx, row.id), []),
    "removed": (lambda tx, row: received.remove(tx, row.id), []),
}


def test_a_share_that_is_offered(office):
    row = office.received(sender_display_name="Marie Curie")
    (told,) = office.see(news.listing, "einstein")
    assert (told.event, told.subject, told.who, told.name) == (news.OFFERED, row.id, MARIES, "papers")
    assert told.who_name == "Marie Curie"
    before = office.everything()
    office.now += 1
    office.do(offers.receive, offer(sender_display_name="Marie Curie"), own_host=HERE, verified="rfc9421")
    assert office.everything() == before
    assert heard(office, "lise") == []


@pytest.mark.parametrize("what", RECEIVED)
@pytest.mark.parametrize("state", received.OPEN)
def test_what_becomes_of_a_share_with_them(office, what, state):
    row = office.received(state, expiration=NOW + 60)
    forget(office)
    gesture, told = RECEIVED[what]
    office.do(gesture, row)
    assert heard(office) == told


def test_its_time_is_over(office):
    office.received(expiration=NOW + 60)
    office.now += 60
    office.do(received.expire)
    assert heard(office) == [news.EXPIRED]


def test_one_that_was_prolonged_is_offered_again(office):
    row = office.received(received.EXPIRED, expiration=NOW + 60)
    forget(office)
    office.do(received.changed, row, None, NOW + 600)
    assert heard(office) == [news.OFFERED]


@pytest.mark.parametrize("what", ["accepted", "declined", "removed"])
def test_whoever_has_answered_need_not_be_called_to_it(office, what):
    row = office.received()
    assert heard(office) == [news.OFFERED]
    office.do(RECEIVED[what][0], row)
    assert heard(office) == []


@pytest.mark.parametrize("accepted", [True, False])
def test_a_share_that_they_asked_for_is_told_as_that(office, accepted):
    wanted = ShareRequest(owner=MARIE, share_with=Address("einstein", HERE), share="https://there.example/papers")
    office.do(asked.ask, "einstein", wanted)
    row = office.received()
    if accepted:
        office.do(received.accept, row.id)
        office.do(received.inform, row, news.ADDED)
    for _ in range(2):
        office.do(asked.answered, row)
    assert heard(office) == [news.GRANTED]


def test_what_they_asked_for_was_not_taken(office):
    wanted = ShareRequest(owner=MARIE, share_with=Address("einstein", HERE), share="https://there.example/papers")
    row = office.do(asked.ask, "einstein", wanted)
    office.do(asked.not_delivered, row.id, "It does not answer.", final=False)
    assert heard(office) == []
    office.do(asked.not_delivered, row.id, "no", final=True)
    (told,) = office.all(schema.news)
    assert (told.event, told.subject, told.who, told.name) == (news.REFUSED, row.id, MARIES, "papers")
    office.do(asked.try_again, row.id)
    assert office.all(schema.news) == []
    for _ in range(2):
        office.do(asked.refuse_host, THERE, "It is denied.")
    assert heard(office) == [news.ASKED_CUT]


# What they share on of that

ON = {
    "ended": (received.unshared, [news.NOT_ON, news.ENDED]),
    "gone": (lambda tx, row: received.gone(tx, row.id), [news.NOT_ON, news.GONE]),
    "not to be shared on": (lambda tx, row: received.changed(tx, row, frozenset({"read"}), None), "changed"),
    "the server goes": (lambda tx, _row: departures.server(tx, THERE), [news.NOT_ON, news.CUT]),
    "declined": (lambda tx, row: received.decline(tx, row.id), []),
    "removed": (lambda tx, row: received.remove(tx, row.id, account="einstein"), []),
}
FRITZ = Address("fritz", "third.example")


def shared_on(office, **values):
    given = office.received(received.ACCEPTED, protocols=Protocols("multi", webdav=WEBDAV), **values)
    terms = {"owner": "einstein", "path": given.path, "resource_type": "folder", "own_host": HERE}
    row = office.do(lambda tx: reshares.pass_on(tx, share_with=FRITZ, **terms))
    forget(office)
    return given, row


@pytest.mark.parametrize("what", ON)
def test_what_becomes_of_what_they_share_on(office, what):
    given, row = shared_on(office)
    gesture, told = ON[what]
    office.do(gesture, given)
    assert heard(office) == ([news.CHANGED, news.NOT_ON] if told == "changed" else told)
    assert {told.subject for told in office.all(schema.news) if told.event == news.NOT_ON} <= {row.id}
    assert office.see(shares.get, row.id).state == shares.UNSHARED


def test_what_they_share_on_ends_with_its_time(office):
    shared_on(office, expiration=NOW + 60)
    office.now += 60
    office.do(shares.expire)
    office.do(received.expire)
    assert heard(office) == [news.MY_EXPIRED, news.EXPIRED]


def test_what_others_have_shared_on_of_theirs_is_told_when_it_ends_and_only_once(office):
    parent = office.offered(shares.ACCEPTED, permissions=frozenset({"read", "share"}), expiration=NOW + 60)
    numbers = itertools.count(77)

    def child():
        wish = ReshareRequest(FRITZ, str(next(numbers)))
        row = office.do(reshares.grant, parent, wish, own_host=HERE)
        forget(office)
        return row

    says = Notification("RESHARE_UNDO", "folder", child().id)
    for _ in range(2):
        office.do(notifications.receive, says, own_host=HERE, signed_by=THERE)
    assert heard(office) == [news.UNDONE]
    child()
    office.do(shares.path_removed, "einstein", "a", by_owner=False)
    assert sorted((told.event, told.who) for told in office.all(schema.news)) == [
        (news.MY_LOST, str(FRITZ)),
        (news.MY_LOST, MARIES),
    ]
    parent = office.offered(shares.ACCEPTED, permissions=frozenset({"read", "share"}), expiration=NOW + 60)
    child()
    office.do(lambda tx: shares.answered(tx, parent, "declined"))
    assert heard(office) == [news.UNDONE, news.LEFT]
    parent = office.offered(shares.ACCEPTED, permissions=frozenset({"read", "share"}), expiration=NOW + 60)
    child()
    office.do(shares.unshare, parent.id)
    assert heard(office) == []
    parent = office.offered(shares.ACCEPTED, permissions=frozenset({"read", "share"}), expiration=NOW + 60)
    child()
    office.now += 60
    office.do(shares.expire)
    assert heard(office) == [news.MY_EXPIRED] * 2


def test_a_share_that_is_told_after_all_has_not_failed(office):
    row = office.offered()
    office.do(shares.not_delivered, row.id, "no", final=True)
    assert heard(office) == [news.FAILED]
    office.do(shares.try_again, row.id)
    assert office.all(schema.news) == []


def test_what_visitors_of_a_link_do_and_what_others_delete(office):
    link = office.do(links.create, "einstein", path="a/b", resource_type="folder", mode="upload")
    for _ in range(2):
        office.do(links.put, link.id)
    office.do(links.put, "gone")
    office.do(links.fetched, link.id)
    assert [(told.event, told.subject, told.name) for told in office.all(schema.news)] == [
        (news.LINK_PUT, link.id, "b")
    ]
    office.received(received.ACCEPTED)
    forget(office)
    office.do(links.path_removed, "einstein", "a", by_owner=False)
    office.do(received.path_removed, "einstein", "Shares", by_owner=False)
    assert heard(office) == [news.LINK_LOST, news.LOST]
    office.do(links.create, "einstein", path="a/b", resource_type="folder")
    forget(office)
    office.do(links.path_removed, "einstein", "a")
    assert heard(office) == []


# What they share

SHARES = {
    "delivered": (lambda tx, row: shares.delivered(tx, row.id, "Marie Curie"), []),
    "refused": (lambda tx, row: shares.not_delivered(tx, row.id, "no", final=True), [news.FAILED]),
    "accepted": (lambda tx, row: shares.answered(tx, row, "accepted"), [news.ACCEPTED]),
    "declined": (lambda tx, row: shares.answered(tx, row, "declined"), [news.DECLINED]),
    "the server goes": (lambda tx, _row: departures.server(tx, THERE), [news.MY_CUT]),
    "unshared": (lambda tx, row: shares.unshare(tx, row.id), []),
    "changed": (lambda tx, row: shares.change(tx, row.id, permissions=frozenset({"write"})), []),
    "deleted by them": (lambda tx, _row: shares.path_removed(tx, "einstein", "a"), []),
    "deleted by others": (lambda tx, _row: shares.path_removed(tx, "einstein", "a", by_owner=False), [news.MY_LOST]),
}


@pytest.mark.parametrize("what", SHARES)
def test_what_becomes_of_a_share_of_theirs(office, what):
    row = office.offered(path="a/report.odt")
    gesture, told = SHARES[what]
    office.do(gesture, row)
    assert heard(office) == told
    assert {(row.subject, row.who, row.name) for row in office.all(schema.news)} <= {(row.id, MARIES, "report.odt")}


def test_whoever_leaves_after_they_had_accepted(office):
    row = office.offered(shares.ACCEPTED)
    office.do(lambda tx: shares.answered(tx, row, "declined"))
    assert heard(office) == [news.LEFT]


def test_the_time_of_a_share_of_theirs_is_over(office):
    office.offered(expiration=NOW + 60)
    office.now += 60
    office.do(shares.expire)
    assert heard(office) == [news.MY_EXPIRED]


def fail(office, row, **values):
    office.do(shares.not_delivered, row.id, "It does not answer.", final=False, **values)
    return office.see(shares.get, row.id)


def test_a_peer_that_is_away_for_a_while_is_told_of_once_and_since_when(office):
    row = office.offered()
    assert fail(office, row).failing_since == NOW
    office.now += FAILING_AFTER - 1
    fail(office, row)
    assert heard(office) == []
    office.now += 1
    failing = fail(office, row)
    assert (failing.failing_since, failing.error, heard(office)) == (NOW, "It does not answer.", [news.FAILING])
    office.do(news.mark_all, "einstein")
    office.now += 3_600
    fail(office, row)
    assert heard(office) == []
    assert len(office.all(schema.news)) == 1


@pytest.mark.parametrize("what", ["delivered", "accepted", "declined", "refused", "unshared"])
def test_when_it_is_over_that_is_taken_back(office, what):
    row = office.offered()
    fail(office, row)
    office.now += FAILING_AFTER
    row = fail(office, row)
    office.do(SHARES[what][0], row)
    assert news.FAILING not in [told.event for told in office.all(schema.news)]
    assert office.see(shares.get, row.id).failing_since is None


def test_a_change_that_cannot_be_told_is_seen_too_until_the_peer_is_back(office):
    row = office.offered(shares.ACCEPTED)
    office.do(shares.not_told, row.id, "It does not answer.")
    office.now += FAILING_AFTER
    office.do(shares.not_told, row.id, "It does not answer.")
    failing = office.see(shares.get, row.id)
    assert (failing.state, failing.failing_since, failing.error) == (shares.ACCEPTED, NOW, "It does not answer.")
    assert heard(office) == [news.FAILING]
    office.do(reports.reached, row.id)
    assert office.see(shares.get, row.id) == row
    assert office.all(schema.news) == []


def test_nothing_fails_of_a_share_that_has_ended(office):
    row = office.offered(shares.DECLINED)
    before = office.everything()
    office.do(shares.not_told, row.id, "It does not answer.")
    office.do(reports.reached, row.id)
    assert office.everything() == before


# People


def test_an_invite_that_was_taken_and_a_contact_that_ended_it(office):
    row = office.do(invites.create, "einstein")
    message = InviteAccepted(THERE, row.token, "marie", "marie@mail.example", "Marie Curie")
    office.do(invites.accepted, message)
    (told,) = office.all(schema.news)
    assert (told.event, told.subject, told.who, told.who_name) == (news.INVITE_TAKEN, row.id, MARIES, "Marie Curie")
    before = office.everything()
    office.now += 1
    office.do(invites.accepted, message)
    assert office.everything() == before
    for _ in range(2):
        office.do(contacts.removed, THERE, "marie", grantee="einstein", verified="rfc9421")
    assert heard(office) == [news.INVITE_TAKEN, news.CONTACT_ENDED]


def test_an_invite_that_could_not_be_mailed(office):
    row = office.do(invites.create, "einstein", email="marie@mail.example", can_mail=True)
    office.do(invites.not_sent, row.id)
    assert [(told.event, told.who) for told in office.all(schema.news)] == [(news.INVITE_FAILED, "marie@mail.example")]
    office.do(invites.sent, row.id)
    assert office.all(schema.news) == []


@pytest.mark.parametrize("answer", ["grant", "refuse", "refuse_host", "link removed", "file removed"])
def test_somebody_asks_for_a_share_and_is_answered(office, answer):
    link = office.do(links.create, "einstein", path="a/b", resource_type="file")
    for _ in range(2):
        office.do(share_requests.ask, link, MARIE, own_host=HERE)
    (told,) = office.all(schema.news)
    (request,) = office.all(schema.requests)
    assert (told.event, told.subject, told.who, told.name) == (news.REQUESTED, request.id, MARIES, "b")
    answers = {
        "grant": lambda tx: share_requests.grant(tx, request.id, resource_type="file"),
        "refuse": lambda tx: share_requests.refuse(tx, request.id),
        "refuse_host": lambda tx: share_requests.refuse_host(tx, THERE),
        "link removed": lambda tx: links.remove(tx, link.id),
        "file removed": lambda tx: share_requests.path_removed(tx, "einstein", "a"),
    }
    office.do(answers[answer])
    assert heard(office) == ([news.REQUEST_CUT] if answer == "refuse_host" else [])


def test_nothing_of_this_is_a_message_to_a_server(office):
    office.received()
    office.do(share_requests.ask, office.do(links.create, "einstein", path="a", resource_type="file"), MARIE,
              own_host=HERE)  # fmt: skip
    assert len(heard(office)) == 2
    assert office.see(outbox.everything) == []
