"""The life of an incoming share: DESIGN rules 2 (leaving works at once), 3 (the sender is told) and 9 (offered twice,
stored once)."""

from __future__ import annotations

import hmac
from contextlib import closing, nullcontext
from dataclasses import replace

import pytest
from tests.server import rows
from tests.server.offices import HERE, MARIE, NOW, THERE, Office, offer

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import Conflict, Invalid, NotFound, NotSupported
from opencloudmesh.protocol.protocols import Protocols, WebDav
from opencloudmesh.server import offers, received, schema
from opencloudmesh.server.received import ACCEPTED, DECLINED, EXPIRED, OPEN, PENDING, REMOVED, TRANSITIONS, UNSHARED

STATES = (PENDING, ACCEPTED, DECLINED, UNSHARED, EXPIRED, REMOVED)
ACCEPT, DECLINE = "SHARE_ACCEPTED", "SHARE_DECLINED"

# What happens to a share -> the gesture that says so, called with a row that may be old.
EVENTS = {
    "accepted": lambda tx, row: received.accept(tx, row.id),
    "declined": lambda tx, row: received.decline(tx, row.id),
    "removed": lambda tx, row: received.remove(tx, row.id),
    "unshared": received.unshared,
    "expired": lambda tx, _row: received.expire(tx),
    "changed": lambda tx, row: received.changed(tx, row, None, NOW + 100),
}
BY_A_PERSON = ("accepted", "declined", "removed")
AGAIN = {(ACCEPTED, "accepted"), (DECLINED, "declined")}


@pytest.fixture
def office(database_url):
    office = Office(database_url)
    with closing(office.database):
        yield office


def receive(office, share, verified="rfc9421"):
    return office.do(offers.receive, share, own_host=HERE, verified=verified)


def webdav(**values):
    named = {"uri": "x", "shared_secret": "sesame", "permissions": frozenset({"read"})}
    return Protocols("multi", webdav=WebDav(**(named | values)))


# Receiving


def test_an_offer_is_stored_for_the_person_and_waits_for_them(office):
    row, account = receive(office, offer(description="look", owner_display_name="Marie Curie", expiration=NOW + 1))
    assert (account.id, row.account, row.state, row.path) == ("einstein", "einstein", PENDING, None)
    assert (row.host, row.provider_id, row.verified) == (THERE, "p1", "rfc9421")
    assert (row.name, row.description, row.resource_type) == ("papers", "look", "folder")
    assert (row.owner, row.owner_name, row.sender) == ("marie@there.example", "Marie Curie", "marie@there.example")
    assert (row.uri, row.secret, row.permissions, row.requirements) == ("x", "sesame", ["read"], [])
    assert (row.protocols, row.expiration, row.created, row.changed) == (["webdav"], NOW + 1, NOW, NOW)
    assert office.told() == []  # never answered from inside


def test_how_the_sender_is_known_is_kept(office):
    assert receive(office, offer(), verified="unsigned")[0].verified == "unsigned"


def test_protocols_that_are_not_known_are_kept_by_name(office):
    protocols = replace(webdav(), unknown={"ftp": {"uri": "ftp://x"}})
    assert receive(office, offer(protocols=protocols))[0].protocols == ["webdav", "ftp"]


@pytest.mark.parametrize("identifier", ["einstein", "einstein@here.example", "einstein@https://here.example"])
def test_a_recipient_may_be_written_with_the_host_repeated(office, identifier):
    assert receive(office, offer(share_with=Address(identifier, HERE)))[1].id == "einstein"


def test_a_person_whose_own_name_ends_in_the_host_is_meant_first(office):
    office.do(rows.account, "einstein@here.example")
    row, _ = receive(office, offer(share_with=Address("einstein@here.example", HERE)))
    assert row.account == "einstein@here.example"


@pytest.mark.parametrize(
    ("values", "error", "field"),
    [
        ({"share_with": Address("nobody", HERE)}, Invalid, "shareWith"),
        ({"share_with": Address("Einstein", HERE)}, Invalid, "shareWith"),
        ({"share_with": Address("einstein", THERE)}, Invalid, "shareWith"),
        ({"share_with": Address("einstein@there.example", HERE)}, Invalid, "shareWith"),
        ({"expiration": NOW}, Invalid, "expiration"),
        ({"share_type": "group"}, Invalid, "shareWith"),  # a person is no group
        ({"share_type": "federation"}, NotSupported, None),
        ({"resource_type": "calendar"}, NotSupported, None),
        ({"protocols": Protocols("multi", unknown={"ftp": {}})}, NotSupported, None),
    ],
)
def test_what_cannot_be_taken_is_refused_and_leaves_nothing(office, values, error, field):
    before = office.everything()
    with pytest.raises(error) as caught:
        receive(office, offer(**values))
    assert [wrong.name for wrong in caught.value.fields] == ([field] if field else [])
    assert office.everything() == before


# Again


@pytest.mark.parametrize("state", STATES)
def test_an_offer_that_is_repeated_is_stored_once_whatever_became_of_it(office, state):
    row = office.received(state)
    before = office.everything()
    office.now += 100
    again, account = receive(office, offer())
    assert (again, account.id) == (row, "einstein")
    assert office.everything() == before


@pytest.mark.parametrize(
    "values",
    [
        {"owner_display_name": "M. Curie"},
        {"sender_display_name": "M. Curie"},
        {"description": "look again"},
        {"protocols": replace(webdav(), name="webdav", unknown={"ftp": {}})},
    ],
)
def test_what_is_only_for_show_may_have_changed_in_between(office, values):
    row = office.received()
    assert receive(office, offer(**values))[0] == row


@pytest.mark.parametrize("state", [PENDING, ACCEPTED])
def test_what_gets_another_name_before_its_sender_had_an_answer_is_still_the_same(office, state):
    row = office.received(state)
    again, _ = receive(office, offer(name="letters"))
    (stored,) = office.all(schema.received)
    assert again.id == stored.id == row.id
    assert stored.name == ("letters" if state == PENDING else row.name)


@pytest.mark.parametrize(
    "values",
    [
        {"share_with": Address("lise", HERE)},
        {"owner": Address("pierre", THERE)},
        {"sender": Address("pierre", THERE)},
        {"resource_type": "file"},
        {"uri": "y"},
        {"secret": "other"},
        {"protocols": webdav(requirements=frozenset({"must-use-mfa"}))},
    ],
)
@pytest.mark.parametrize("state", [PENDING, ACCEPTED, REMOVED])
def test_other_content_under_an_id_that_is_taken_is_a_conflict_and_changes_nothing(office, values, state):
    office.received(state)
    before = office.everything()
    with pytest.raises(Conflict) as caught:
        receive(office, offer(**values))
    assert [wrong.name for wrong in caught.value.fields] == ["providerId"]
    assert office.everything() == before


@pytest.mark.parametrize(
    ("values", "permissions", "expiration"),
    [
        ({"expiration": NOW + 1000}, ["read"], NOW + 1000),
        ({"protocols": webdav(permissions=frozenset({"read", "write"}))}, ["read", "write"], None),
    ],
)
@pytest.mark.parametrize("state", [PENDING, ACCEPTED])
def test_a_share_that_its_owner_changed_before_we_had_answered_is_the_same_share(
    office, state, values, permissions, expiration
):
    row = office.received(state)
    after, _ = receive(office, offer(**values))
    assert (after.id, after.state, after.permissions, after.expiration) == (row.id, state, permissions, expiration)
    assert len(office.all(schema.received)) == 1


# What the sender changes


def changed(office, row, permissions=frozenset({"read", "write"}), expiration=None):
    return office.do(lambda tx: received.changed(tx, row, permissions, expiration))


def test_what_was_on_its_way_for_too_long_counts_no_more(office):
    row = office.received()

    def say(permission, said):
        office.do(lambda tx: received.changed(tx, office.see(received.get, row.id), {permission}, None, said=said))
        return office.see(received.get, row.id).permissions

    assert [say("write", 20), say("share", 19), say("read", 20), say("write", None)] == [
        ["write"],
        ["write"],
        ["read"],
        ["write"],
    ]


@pytest.mark.parametrize("state", STATES)
def test_a_change_is_shown_while_the_share_is_open_and_late_changes_nothing(office, state):
    row = office.received(state, expiration=NOW + 60)
    before = office.everything()
    changed(office, row, expiration=NOW + 30 if state == EXPIRED else NOW + 90)
    after = office.see(received.told_by, THERE, row.provider_id)
    if state in (PENDING, ACCEPTED):
        assert (after.state, after.permissions, after.expiration) == (state, ["read", "write"], NOW + 90)
        assert after.path == row.path
        assert office.told() == ([(THERE, "probe", row.id)] if state == ACCEPTED else [])
    elif state != EXPIRED:
        assert office.everything() == before


@pytest.mark.parametrize(("expiration", "state"), [(NOW + 90, PENDING), (None, PENDING), (NOW + 60, EXPIRED)])
def test_a_share_that_had_been_prolonged_before_it_expired_is_offered_again(office, expiration, state):
    row = office.received(ACCEPTED, expiration=NOW + 60)
    office.now += 60
    office.do(received.expire)
    expired = office.see(received.get, row.id)
    assert (expired.state, expired.path) == (EXPIRED, None)
    changed(office, expired, permissions=None, expiration=expiration)
    assert office.see(received.get, row.id).state == state
    if state == PENDING:
        assert office.do(received.accept, row.id).path == "Shares/papers"
        office.do(received.expire)
        assert office.see(received.get, row.id).state == ACCEPTED


def test_a_share_that_is_to_end_sooner_does(office):
    row = office.received(ACCEPTED)
    changed(office, row, permissions=None, expiration=NOW + 1)
    office.now += 1
    office.do(received.expire)
    assert office.see(received.get, row.id).state == EXPIRED


def test_ids_are_each_servers_own(office):
    first = office.received()
    second, _ = receive(office, offer(sender=Address("marie", "third.example"), name="other"))
    third, _ = receive(office, offer(provider_id="p2"))
    assert len({first.id, second.id, third.id}) == 3


# States


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("state", STATES)
def test_every_transition_of_the_table_happens_and_no_other(office, state, event):
    row = office.received(state, expiration=NOW + 10)
    before = office.everything()
    office.now += 10
    if (state, event) in TRANSITIONS:
        office.do(EVENTS[event], row)
        after = office.see(received.told_by, THERE, "p1")
        assert (after.state, after.changed) == (TRANSITIONS[state, event], NOW + 10)
        assert (after.path is not None) == (after.state == ACCEPTED)
    else:
        refused = NotFound if state == REMOVED else Conflict
        with pytest.raises(refused) if event in BY_A_PERSON and (state, event) not in AGAIN else nullcontext():
            office.do(EVENTS[event], row)
        assert office.everything() == before


def test_the_table_names_no_state_or_event_that_is_not_tried_here():
    assert {state for state, _ in TRANSITIONS} | set(TRANSITIONS.values()) == set(STATES)
    assert {event for _, event in TRANSITIONS} == set(EVENTS)


def test_accepting_tells_the_sender_and_has_the_share_looked_at(office):
    row = office.received()
    office.do(received.accept, row.id, account="einstein")
    office.do(received.accept, row.id, account="einstein")
    assert office.told() == [(THERE, ACCEPT, row.id), (THERE, "probe", row.id)]


@pytest.mark.parametrize("state", OPEN)
def test_declining_tells_the_sender_once(office, state):
    row = office.received(state)
    office.do(received.decline, row.id, account="einstein")
    office.do(received.decline, row.id, account="einstein")
    assert office.told() == [(THERE, DECLINE, row.id)]


@pytest.mark.parametrize("state", [state for state in STATES if state != REMOVED])
def test_removing_works_in_every_state_and_a_sender_who_counts_on_us_is_told(office, state):
    row = office.received(state)
    office.do(received.remove, row.id, account="einstein")
    assert office.see(received.listing, "einstein") == []
    assert office.told() == ([(THERE, DECLINE, row.id)] if state in OPEN else [])
    with pytest.raises(NotFound):
        office.see(received.get, row.id)


def test_what_the_sender_is_told_has_all_that_it_needs_to_know_the_share(office):
    row = office.received()
    office.do(received.decline, row.id)
    (told,) = office.all(schema.outbox)
    said = {"type": DECLINE, "resource_type": "folder", "provider_id": "p1", "secret": "sesame"}
    assert (told.kind, told.message) == ("notification", said)


@pytest.mark.parametrize("gesture", [received.accept, received.decline, received.remove])
def test_nothing_is_told_where_the_gesture_fails_afterwards(office, gesture):
    row = office.received()
    before = office.everything()

    def fail(tx):
        gesture(tx, row.id)
        raise Conflict("no")

    with pytest.raises(Conflict):
        office.do(fail)
    assert office.everything() == before


@pytest.mark.parametrize("gesture", [received.get, received.accept, received.decline, received.remove])
def test_nobody_touches_the_share_of_another(office, gesture):
    row = office.received()
    before = office.everything()
    with pytest.raises(NotFound):
        office.do(gesture, row.id, account="lise")
    assert office.everything() == before


def test_a_person_sees_what_they_were_offered_newest_first(office):
    for age, state in enumerate(STATES):
        office.now = NOW + age
        office.received(state, provider_id=state)
    office.received(provider_id="other", share_with=Address("lise", HERE))
    mine = [row.state for row in office.see(received.listing, "einstein")]
    assert mine == [state for state in reversed(STATES) if state != REMOVED]
    assert len(office.see(received.listing)) == len(mine) + 1


def test_what_waited_to_be_told_to_a_sender_who_ended_the_share_is_dropped(office):
    row, other = office.received(), office.received(provider_id="p2")
    office.do(received.accept, row.id)
    office.do(received.accept, other.id)
    office.do(lambda tx: received.unshared(tx, received.get(tx, row.id)))
    assert {subject for _, _, subject in office.told()} == {other.id}


def test_a_share_ends_in_its_second_though_its_sender_is_away(office):
    row, lasting = office.received(ACCEPTED, expiration=NOW + 60), office.received(ACCEPTED, provider_id="p2")
    office.now += 59
    office.do(received.expire)
    assert office.see(received.get, row.id).state == ACCEPTED
    office.now += 1
    office.do(received.expire)
    after = office.see(received.get, row.id)
    assert (after.state, after.path) == (EXPIRED, None)
    assert office.see(received.get, lasting.id).state == ACCEPTED
    assert office.told() == []  # the sender knows


def test_a_folder_that_goes_takes_leave_of_the_shares_mounted_in_it(office):
    mounted = {name: office.received(ACCEPTED, provider_id=name, name=name) for name in ("x", "y")}
    pending = office.received(provider_id="p")
    office.do(
        lambda tx: tx.run(
            schema.received.update().where(schema.received.c.id == mounted["x"].id).values(path="trips/x")
        )
    )
    office.do(received.path_removed, "lise", "trips")
    assert office.told() == []
    office.do(received.path_removed, "einstein", "trips")
    assert office.told() == [(THERE, DECLINE, mounted["x"].id)]
    assert office.see(received.get, mounted["x"].id).state == DECLINED
    assert office.see(received.get, mounted["y"].id).state == ACCEPTED
    assert office.see(received.get, pending.id).state == PENDING


# Places


def accept_all(office, *names, exists=lambda _account, _path: False):
    paths = []
    for number, name in enumerate(names):
        row = office.received(provider_id=f"n{number}", name=name)
        paths.append(office.do(received.accept, row.id, exists=exists).path)
    return [path.removeprefix("Shares/") for path in paths]


@pytest.mark.parametrize(
    ("name", "second"),
    [
        ("papers", "papers (2)"),
        ("a.txt", "a (2).txt"),
        ("a.tar.gz", "a.tar (2).gz"),
        (".profile", ".profile (2)"),
        ("...", "... (2)"),
        ("a.b c d e f g h i j k l m", "a.b c d e f g h i j k l m (2)"),  # no suffix
    ],
)
def test_shares_of_one_name_are_told_apart_by_a_number(office, name, second):
    assert accept_all(office, name, name) == [name, second]


def test_names_that_differ_in_case_only_are_told_apart_too(office):
    assert accept_all(office, "Papers", "papers", "STRASSE", "straße") == [
        "Papers",
        "papers (2)",
        "STRASSE",
        "straße (2)",
    ]


def test_a_persons_own_file_is_not_covered_by_a_share(office):
    asked = []

    def exists(account, path):
        asked.append((account, path))
        return path in ("Shares/papers", "Shares/papers (2)")

    assert accept_all(office, "papers", exists=exists) == ["papers (3)"]
    assert asked[0] == ("einstein", "Shares/papers")


@pytest.mark.parametrize("name", ["x" * 255, "ü" * 127, "x" * 251 + ".txt", "a." + "x" * 253, "." + "ü" * 127])
def test_a_name_with_a_number_is_no_longer_than_a_name_may_be(office, name):
    first, second = accept_all(office, name, name)
    assert first == name
    assert second != name
    assert len(second.encode()) <= 255
    assert " (2)" in second
    assert name.endswith(".txt") == second.endswith(".txt")


def test_the_place_of_a_share_that_was_left_is_free_again(office):
    row = office.received()
    office.do(received.accept, row.id)
    office.do(received.remove, row.id)
    assert accept_all(office, "papers") == ["papers"]


def test_two_people_have_places_of_their_own(office):
    theirs = office.received(provider_id="other", share_with=Address("lise", HERE))
    assert office.do(received.accept, theirs.id).path == "Shares/papers"
    assert accept_all(office, "papers") == ["papers"]


# Finding


def test_a_share_is_found_by_the_host_that_offered_it(office):
    row = office.received()
    assert office.see(received.told_by, THERE, "p1") == row
    assert office.see(received.told_by, THERE, "p2") is None
    assert office.see(received.told_by, "third.example", "p1") is None


def test_a_share_is_found_by_its_secret_among_those_of_one_id(office):
    first = office.received(secret="first")
    second, _ = receive(office, offer(sender=replace(MARIE, host="third.example"), secret="second"))
    assert office.see(received.with_secret, "p1", "first").id == first.id
    assert office.see(received.with_secret, "p1", "second").id == second.id
    for provider_id, secret in (("p1", ""), ("p1", "firs"), ("p1", "First"), ("p2", "first")):
        assert office.see(received.with_secret, provider_id, secret) is None


def test_secrets_are_compared_in_constant_time(office, monkeypatch):
    office.received()
    monkeypatch.setattr(hmac, "compare_digest", lambda _a, _b: False)
    assert office.see(received.with_secret, "p1", "sesame") is None
