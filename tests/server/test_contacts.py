"""Contacts: how they come, what blocking and removing does, and who may say that one has ended."""

from __future__ import annotations

from contextlib import closing

import pytest
from tests.server.offices import HERE, MARIE, NOW, THERE, Office

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.cards import Card
from opencloudmesh.protocol.errors import Conflict, FieldError, Invalid, NotFound, Unauthenticated
from opencloudmesh.protocol.invites import InviteAccepted
from opencloudmesh.protocol.notifications import USER_REMOVED, Notification
from opencloudmesh.server import contacts, invites, notifications, received, schema, shares

WHO = str(MARIE)


@pytest.fixture
def office(database_url):
    office = Office(database_url)
    with closing(office.database):
        yield office


def known(office, account="einstein"):
    return [(row.address, row.name, row.source) for row in office.see(contacts.listing, account)]


def met(office, account="einstein", source=contacts.INVITE, who=MARIE):
    return office.do(contacts.meet, account, who, name="Marie", source=source)


def say_removed(office, user_id="marie", *, signed_by=THERE, kind="user", **content):
    notice = Notification(USER_REMOVED, kind, user_id, content=content)
    office.do(notifications.receive, notice, own_host=HERE, signed_by=signed_by, verified="rfc9421")


def trail(office):
    return [(row.event, row.direction, row.outcome, row.host, row.account, row.who, row.verified, row.reason)
            for row in office.all(schema.audit)]  # fmt: skip


# How they come


@pytest.mark.parametrize("before", [contacts.DIRECT, contacts.SHARE])
def test_an_invite_is_worth_more_than_any_other_source(office, before):
    row = met(office, source=before)
    assert not office.see(contacts.invited, "einstein", WHO)
    again = met(office, source=contacts.INVITE)
    assert (again.id, again.source) == (row.id, contacts.INVITE)
    assert met(office, source=before).source == contacts.INVITE
    assert office.see(contacts.invited, "einstein", WHO)
    assert not office.see(contacts.invited, "lise", WHO)


def test_who_accepts_a_share_has_its_sender_as_a_contact(office):
    row = office.received()
    assert known(office) == []
    office.do(received.accept, row.id)
    assert known(office) == [(WHO, "", contacts.SHARE)]
    assert not office.see(contacts.invited, "einstein", WHO)


def test_whose_share_is_accepted_has_its_recipient_as_a_contact(office):
    row = office.offered(shares.SENT)
    office.do(lambda tx: shares.delivered(tx, row.id, "Marie Curie"))
    assert known(office) == []
    office.do(notifications.receive, Notification("SHARE_ACCEPTED", "folder", row.id), own_host=HERE, signed_by=THERE)
    assert known(office) == [(WHO, "Marie Curie", contacts.SHARE)]


@pytest.mark.parametrize("state", [shares.DECLINED, shares.FAILED])
def test_a_share_that_is_not_accepted_makes_no_contact(office, state):
    office.offered(state)
    office.received(received.DECLINED)
    assert known(office) == []


def test_a_share_changes_nothing_of_one_who_is_known(office):
    met(office)
    office.do(lambda tx: contacts.shared(tx, "einstein", WHO, name="Somebody else"))
    assert known(office) == [(WHO, "Marie", contacts.INVITE)]


# Search


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ["Marie", "Émilie", "100%_a"]),
        ("MAR", ["Marie"]),
        ("émilie", ["Émilie"]),
        ("ÉMILIE", ["Émilie"]),
        (" third.Example ", ["Émilie"]),
        ("lab@", ["100%_a"]),
        ("%", ["100%_a"]),
        ("_", ["100%_a"]),
        ("x%", []),
        ("\\", []),
    ],
)
def test_contacts_are_found_by_name_address_or_e_mail(office, text, found):
    met(office)
    office.do(contacts.meet, "einstein", Address("e", "third.example"), name="Émilie")
    office.do(contacts.meet, "einstein", Address("p", "fourth.example"), name="100%_a", email="Lab@fourth.example")
    office.do(contacts.meet, "lise", Address("x", "fourth.example"), name="Marie")
    assert {row.name for row in office.see(contacts.search, "einstein", text)} == set(found)


# Address books of other programs


def test_contacts_go_out_and_come_in_but_not_as_invited_ones(office):
    met(office)
    office.do(contacts.meet, "einstein", Address("e", "third.example"), email="e@invalid")
    written = office.see(contacts.cards, "einstein")
    assert sorted((str(card.address), card.name, card.email, card.source) for card in written) == [
        ("e@third.example", "", "", "direct entry"),
        (WHO, "Marie", "", "invite"),
    ]
    own = Address("lise", HERE)
    assert office.do(contacts.take, "lise", [*written, Card(own, "Lise"), *written], own_address=own) == 2
    assert known(office, "lise") == [("e@third.example", "", contacts.DIRECT), (WHO, "Marie", contacts.DIRECT)]
    assert not office.see(contacts.invited, "lise", WHO)


def test_who_is_known_stays_what_they_are_when_they_come_in_again(office):
    row = met(office)
    office.do(contacts.block, "einstein", row.id)
    found = [Card(MARIE, "Marie Curie", "m@there.example"), Card(MARIE)]
    assert office.do(contacts.take, "einstein", found, own_address=Address("einstein", HERE)) == 0
    (after,) = office.see(contacts.listing, "einstein")
    assert (after.id, after.name, after.email) == (row.id, "Marie Curie", "m@there.example")
    assert (after.source, after.blocked) == (contacts.INVITE, True)


# Blocking


def test_a_contact_is_blocked_and_let_in_again(office):
    row = met(office)
    assert not office.see(contacts.standing, "einstein", WHO).blocked
    assert office.do(contacts.block, "einstein", row.id).blocked
    assert office.see(contacts.standing, "einstein", WHO).blocked
    assert not office.see(contacts.standing, "lise", WHO).blocked
    assert met(office).blocked  # an invite does not undo it
    assert not office.do(contacts.block, "einstein", row.id, blocked=False).blocked
    assert office.told() == []


def test_of_other_peoples_contacts_nothing_can_be_done(office):
    row = met(office)
    before = office.everything()
    for gesture in (contacts.block, contacts.remove, contacts.get):
        with pytest.raises(NotFound):
            office.do(gesture, "lise", row.id)
    assert office.everything() == before


# Removing


def test_who_was_invited_is_told_that_the_contact_has_ended(office):
    row = met(office)
    office.do(contacts.remove, "einstein", row.id)
    assert known(office) == []
    assert office.told() == [(THERE, USER_REMOVED, row.id)]
    (message,) = office.all(schema.outbox)
    assert message.message == {
        "type": USER_REMOVED, "resource_type": "user", "provider_id": "einstein", "secret": "",
        "content": {"grantee": "marie"},
    }  # fmt: skip


@pytest.mark.parametrize("source", [contacts.DIRECT, contacts.SHARE])
def test_who_was_not_invited_is_told_nothing(office, source):
    row = met(office, source=source)
    office.do(contacts.remove, "einstein", row.id)
    assert (known(office), office.told()) == ([], [])


def test_before_somebody_goes_each_server_that_knows_them_is_told_once(office):
    for who in (MARIE, Address("irene", THERE), Address("e", "third.example")):
        met(office, who=who)
    met(office, who=Address("f", "fourth.example"), source=contacts.DIRECT)
    met(office, "lise")
    office.do(contacts.remove_everybody, "einstein")
    assert sorted(host for host, *_ in office.told()) == [THERE, "third.example"]
    assert all("content" not in row.message for row in office.all(schema.outbox))
    assert (known(office), len(known(office, "lise"))) == ([], 1)


def test_an_invite_brings_back_nobody_who_was_removed(office):
    invite = office.do(invites.create, "einstein")
    message = InviteAccepted(THERE, invite.token, "marie", "m@there.example", "Marie")
    office.do(invites.accepted, message)
    (row,) = office.see(contacts.listing, "einstein")
    office.do(contacts.remove, "einstein", row.id)
    before = office.everything()
    with pytest.raises(Invalid):
        office.do(invites.accepted, message)
    assert office.everything() == before


# Being removed


@pytest.mark.parametrize("content", [{}, {"grantee": "einstein"}])
def test_who_was_removed_keeps_the_contact_but_not_as_an_invited_one(office, content):
    met(office)
    say_removed(office, **content)
    assert known(office) == [(WHO, "Marie", contacts.DIRECT)]
    assert not office.see(contacts.invited, "einstein", WHO)
    assert trail(office) == [("contact", "in", "done", THERE, "einstein", WHO, "rfc9421", USER_REMOVED)]
    before = office.everything()
    say_removed(office, **content)
    assert office.everything() == before
    assert office.told() == []


def test_one_of_several_is_meant_where_one_is_named(office):
    met(office)
    met(office, "lise")
    say_removed(office, grantee="lise")
    assert office.see(contacts.invited, "einstein", WHO)
    assert not office.see(contacts.invited, "lise", WHO)
    say_removed(office)
    assert not office.see(contacts.invited, "einstein", WHO)


@pytest.mark.parametrize(
    ("named", "error"),
    [
        ({"signed_by": None}, Unauthenticated),
        ({"signed_by": "third.example"}, NotFound),
        ({"signed_by": f"{THERE}:8443"}, NotFound),
        ({"user_id": "irene"}, NotFound),
        ({"user_id": "Marie"}, NotFound),
        ({"grantee": "lise"}, NotFound),
        ({"grantee": ["einstein"]}, Invalid),
        ({"kind": "file"}, Invalid),
    ],
)
def test_what_does_not_hold_changes_nothing(office, named, error):
    met(office)
    before = office.everything()
    with pytest.raises(error):
        say_removed(office, **named)
    assert office.everything() == before


# Invites that are taken


def take(office, token, who="marie", **named):
    return office.do(invites.accepted, InviteAccepted(THERE, token, who, name="Marie"), verified="rfc9421", **named)


def test_an_invite_that_is_taken_is_in_the_trail_without_its_token(office):
    invite = office.do(invites.create, "einstein")
    assert take(office, invite.token).user_id == "einstein"
    assert trail(office) == [("invite", "in", "done", THERE, "einstein", WHO, "rfc9421", "")]
    assert invite.token not in str(office.all(schema.audit))


def test_who_took_an_invite_is_answered_again_also_after_its_time(office):
    invite = office.do(invites.create, "einstein")
    first = take(office, invite.token)
    office.now = NOW + invites.LIFETIME
    assert take(office, invite.token) == first
    assert known(office) == [(WHO, "Marie", contacts.INVITE)]


@pytest.mark.parametrize("state", ["open", "revoked", "expired", "accepted", "accepted and revoked"])
def test_an_invite_is_good_for_one_person_and_for_its_time(office, state):
    invite = office.do(invites.create, "einstein")
    if state.startswith("accepted"):
        take(office, invite.token)
    if state.endswith("revoked"):
        office.do(invites.revoke, "einstein", invite.id)
    if state == "expired":
        office.now = NOW + invites.LIFETIME
    before = office.everything()
    if state == "open":
        take(office, invite.token, "eve")
        assert known(office) == [(f"eve@{THERE}", "Marie", contacts.INVITE)]
        return
    with pytest.raises(Conflict if state == "accepted" else Invalid) as refused:
        take(office, invite.token, "eve")
    assert refused.value.fields == (() if state == "accepted" else (FieldError("token", "INVALID"),))
    assert office.everything() == before


def test_a_token_is_known_only_as_it_was_given(office):
    invite = office.do(invites.create, "einstein")
    before = office.everything()
    for token in (invite.token.upper(), invite.token[:-1], f"{invite.token} ", invite.id, "%", HERE):
        with pytest.raises(Invalid):
            take(office, token)
    assert office.everything() == before
