"""The life of an outgoing share: DESIGN rules 2 (ending it works at once), 3 (the peer is told) and 8."""

from __future__ import annotations

import hmac
from contextlib import closing, nullcontext

import pytest
from tests.server.offices import MARIE, NOW, THERE, Office, with_terms

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import Conflict, Invalid, NotFound, Unauthenticated
from opencloudmesh.server import locks, schema, shares, tokens
from opencloudmesh.server.shares import (
    ACCEPTED,
    DECLINED,
    EXPIRED,
    FAILED,
    LIVE,
    PENDING,
    SENT,
    TRANSITIONS,
    UNSHARED,
)

STATES = (PENDING, SENT, ACCEPTED, DECLINED, FAILED, UNSHARED, EXPIRED, shares.PASSED_ON)
ENDS_TOLD = {PENDING: 2, SENT: 1, ACCEPTED: 1}  # how often
UNSHARE = "SHARE_UNSHARED"

# What happens to a share -> the gesture that says so, called with a row that may be old.
EVENTS = {
    "delivered": lambda tx, row: shares.delivered(tx, row.id, ""),
    "refused": lambda tx, row: shares.not_delivered(tx, row.id, "no", final=True),
    "retried": lambda tx, row: shares.try_again(tx, row.id),
    "accepted": lambda tx, row: shares.answered(tx, row, "accepted"),
    "declined": lambda tx, row: shares.answered(tx, row, "declined"),
    "passed on": lambda tx, row: shares.passed_on(tx, row.id, {"host": "x", "provider_id": "1", "secret": "s"}),
    "changed": lambda tx, row: shares.change(tx, row.id, permissions=frozenset({"read"})),
    "unshared": lambda tx, row: shares.unshare(tx, row.id),
    "expired": lambda tx, _row: shares.expire(tx),
}
# Refusing is an error where somebody waits for the answer; the others come late now and then.
LOUD = dict.fromkeys(("accepted", "declined", "passed on", "changed"), Conflict) | {"unshared": NotFound}
AGAIN = {(ACCEPTED, "accepted"), (DECLINED, "declined")}


@pytest.fixture
def office(database_url):
    office = Office(database_url)
    with closing(office.database):
        yield office


def offer(office, **values):
    named = {"owner": "einstein", "path": "a/b", "resource_type": "file", "share_with": MARIE}
    return office.do(lambda tx: shares.offer(tx, **with_terms(named | values)))


# Offering


def test_an_offer_is_stored_and_the_peer_is_to_be_told(office):
    row = offer(office, permissions=frozenset({"write"}), description="look", expiration=NOW + 1)
    assert (row.owner, row.path, row.resource_type, row.state) == ("einstein", "a/b", "file", PENDING)
    assert (row.share_with, row.host) == ("marie@there.example", THERE)
    assert row.permissions == ["read", "write"]  # there is no writing without reading
    assert (row.description, row.expiration, row.error, row.created, row.changed) == ("look", NOW + 1, None, NOW, NOW)
    assert office.told() == [(THERE, "share", row.id)]


def test_every_share_has_an_id_and_a_secret_of_its_own(office):
    first, second = offer(office), offer(office, path="other")
    assert first.id != second.id
    assert first.secret != second.secret
    assert first.secret not in first.id


def test_nothing_is_told_where_the_gesture_fails_afterwards(office):
    def gesture(tx):
        shares.offer(tx, owner="einstein", path="a", resource_type="file", share_with=MARIE)
        raise Conflict("no")

    before = office.everything()
    with pytest.raises(Conflict):
        office.do(gesture)
    assert office.everything() == before


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"permissions": frozenset()}, "permissions"),
        ({"permissions": frozenset({"read", "delete"})}, "permissions"),
        ({"expiration": NOW}, "expiration"),
        ({"expiration": 0}, "expiration"),
        ({"path": ""}, "path"),  # the whole tree
    ],
)
def test_a_wrong_field_is_named_and_nothing_stored_or_told(office, values, field):
    before = office.everything()
    with pytest.raises(Invalid) as caught:
        offer(office, **values)
    assert [wrong.name for wrong in caught.value.fields] == [field]
    assert office.everything() == before


def test_all_wrong_fields_are_named_at_once(office):
    with pytest.raises(Invalid) as caught:
        offer(office, path="", expiration=1, permissions=frozenset())
    assert {wrong.name for wrong in caught.value.fields} == {"path", "expiration", "permissions"}


@pytest.mark.parametrize("state", STATES)
def test_what_is_shared_with_somebody_is_not_shared_with_them_again_while_it_lives(office, state):
    office.offered(state)
    before = office.everything()
    if state in shares.IN_FORCE:
        with pytest.raises(Conflict):
            offer(office, path="a")
        assert office.everything() == before
    else:
        assert offer(office, path="a").state == PENDING


@pytest.mark.parametrize(
    "values", [{"path": "A"}, {"path": "a/b"}, {"owner": "lise"}, {"share_with": Address("Marie", THERE)}]
)
def test_other_offers_do_not_stand_in_the_way(office, values):
    office.offered(path="a")
    assert offer(office, **({"path": "a"} | values)).state == PENDING


# States


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("state", STATES)
def test_every_transition_of_the_table_happens_and_no_other(office, state, event):
    row = office.offered(state, permissions=frozenset({"write"}), expiration=NOW + 10)
    before = office.everything()
    office.now += 10
    if (state, event) in TRANSITIONS:
        office.do(EVENTS[event], row)
        after = office.see(shares.get, row.id)
        assert (after.state, after.changed) == (TRANSITIONS[state, event], NOW + 10)
    else:
        with pytest.raises(LOUD[event]) if event in LOUD and (state, event) not in AGAIN else nullcontext():
            office.do(EVENTS[event], row)
        assert office.everything() == before


def test_the_table_names_no_state_or_event_that_is_not_tried_here():
    assert {state for state, _ in TRANSITIONS} | set(TRANSITIONS.values()) == set(STATES)
    assert {event for _, event in TRANSITIONS} == set(EVENTS)


@pytest.mark.parametrize("state", [state for state in STATES if state != UNSHARED])
def test_ending_a_share_works_in_every_state_and_who_counts_on_it_is_told(office, state):
    row = office.offered(state)
    assert office.do(shares.unshare, row.id, owner="einstein").state == UNSHARED
    undone = [(THERE, "RESHARE_UNDO", row.received)] if state == shares.PASSED_ON else []
    assert office.told() == [(THERE, UNSHARE, row.id)] * ENDS_TOLD.get(state, 0) + undone


def test_an_end_is_told_again_where_the_share_itself_may_arrive_after_it(office):
    row = office.offered(PENDING)
    office.do(shares.unshare, row.id)
    first, again = office.all(schema.outbox)
    assert (first.due, first.message) == (NOW, again.message)
    assert again.due == NOW + 360  # when no signature of before is taken any more


def test_what_the_peer_is_told_of_the_end_can_be_said_without_the_share(office):
    row = office.offered(SENT)
    office.do(shares.unshare, row.id)
    (told,) = office.all(schema.outbox)
    said = {"type": UNSHARE, "resource_type": "folder", "provider_id": row.id, "secret": row.secret}
    said["content"] = {"grantee": "marie"}
    assert (told.kind, told.message) == ("notification", said)


def test_ending_it_twice_is_an_error_and_tells_once(office):
    row = office.offered(SENT)
    office.do(shares.unshare, row.id)
    with pytest.raises(NotFound):
        office.do(shares.unshare, row.id)
    assert len(office.told()) == 1


def test_nobody_sees_or_ends_the_share_of_another(office):
    row = office.offered()
    before = office.everything()
    for gesture in (shares.get, shares.unshare):
        with pytest.raises(NotFound):
            office.do(gesture, row.id, owner="lise")
    assert office.everything() == before
    assert office.see(shares.listing, "lise") == []


def test_a_person_sees_their_shares_newest_first_without_those_they_ended(office):
    for age, state in enumerate(STATES):
        office.now = NOW + age
        office.offered(state, path=state)
    office.offered(owner="lise", path="other")
    mine = [row.path for row in office.see(shares.listing, "einstein")]
    assert mine == [state for state in reversed(STATES) if state != UNSHARED]
    assert len(office.see(shares.listing)) == len(mine) + 1


# Changes


def change(office, row, **values):
    return office.do(lambda tx: shares.change(tx, row.id, **values))


@pytest.mark.parametrize("state", LIVE)
@pytest.mark.parametrize(
    ("values", "permissions", "expiration"),
    [
        ({"permissions": frozenset({"write"})}, ["read", "write"], NOW + 60),
        ({"permissions": frozenset({"read", "share"})}, ["read", "share"], NOW + 60),
        ({"expiration": NOW + 1}, ["read"], NOW + 1),
        ({"expiration": None}, ["read"], None),
        ({"permissions": frozenset({"write"}), "expiration": None}, ["read", "write"], None),
    ],
)
def test_the_owner_changes_a_share_and_who_has_heard_of_it_is_told(office, state, values, permissions, expiration):
    row = office.offered(state, expiration=NOW + 60)
    office.now += 0.5
    after = change(office, row, owner="einstein", **values)
    assert (after.permissions, after.expiration, after.state) == (permissions, expiration, state)
    assert after.secret == row.secret
    assert office.told() == ([] if state == PENDING else [(THERE, "RESHARE_CHANGE_PERMISSION", row.id)])
    (audited,) = [one for one in office.all(schema.audit) if one.subject == row.id and one.direction == "here"]
    assert (audited.event, audited.account, audited.who) == ("share", "einstein", row.share_with)
    assert audited.reason == f"{', '.join(permissions)}; until {expiration or 'ever'}"


@pytest.mark.parametrize("values", [{}, {"permissions": frozenset({"read"})}, {"expiration": NOW + 60}])
def test_a_change_that_is_none_tells_and_writes_nothing(office, values):
    row = office.offered(ACCEPTED, expiration=NOW + 60)
    before, audited = office.everything(), office.audited()
    office.now += 1
    change(office, row, **values)
    assert (office.everything(), office.audited()) == (before, audited)


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"permissions": frozenset()}, {"permissions"}),
        ({"permissions": frozenset({"read", "delete"})}, {"permissions"}),
        ({"expiration": NOW}, {"expiration"}),
        ({"expiration": 0, "permissions": frozenset({"all"})}, {"permissions", "expiration"}),
    ],
)
def test_a_wrong_change_changes_nothing(office, values, fields):
    row = office.offered(ACCEPTED)
    before, audited = office.everything(), office.audited()
    with pytest.raises(Invalid) as caught:
        change(office, row, **values)
    assert {wrong.name for wrong in caught.value.fields} == fields
    with pytest.raises(NotFound):
        change(office, row, owner="lise", permissions=frozenset({"write"}))
    assert (office.everything(), office.audited()) == (before, audited)


@pytest.mark.parametrize("during", ["changed", "ended", "nothing"])
def test_what_is_changed_while_the_message_is_under_way_is_told_after_it(office, during):
    sent = office.offered()
    if during == "changed":
        change(office, sent, permissions=frozenset({"write"}))
    elif during == "ended":
        office.do(shares.unshare, sent.id)
        office.deliver()
    office.do(lambda tx: shares.delivered(tx, sent.id, "", told=sent))
    assert office.told() == ([(THERE, "RESHARE_CHANGE_PERMISSION", sent.id)] if during == "changed" else [])


@pytest.mark.parametrize("end", ["read only", "unshared", "declined", "expired", "still writing"])
def test_who_may_not_write_any_more_locks_nothing(office, end):
    row = office.offered(ACCEPTED, permissions=frozenset({"write"}), expiration=NOW + 10)
    for who in (shares.principal(row), "account:einstein"):
        office.do(locks.acquire, "einstein", "a", principal=who, exclusive=False)
    office.now += 10
    if end == "read only":
        change(office, row, permissions=frozenset({"read"}))
    elif end == "still writing":
        change(office, row, permissions=frozenset({"write", "share"}))
    else:
        office.do(EVENTS[end], row)
    held = {one.principal for one in office.see(locks.around, "einstein", "a")}
    assert held == {"account:einstein"} | ({shares.principal(row)} if end == "still writing" else set())


# Delivery


def test_delivery_keeps_the_name_that_the_peer_gave_and_forgets_the_error(office):
    row = office.offered()
    office.do(shares.not_delivered, row.id, "It did not answer.", final=False)
    waiting = office.see(shares.get, row.id)
    assert (waiting.state, waiting.error) == (PENDING, "It did not answer.")
    office.do(shares.delivered, row.id, "Marie Curie")
    after = office.see(shares.get, row.id)
    assert (after.state, after.error, after.recipient_name) == (SENT, None, "Marie Curie")
    office.do(shares.delivered, row.id, "")
    assert office.see(shares.get, row.id).recipient_name == "Marie Curie"


@pytest.mark.parametrize("state", [state for state in STATES if state != PENDING])
def test_what_happened_while_the_message_was_under_way_stands(office, state):
    row = office.offered(state)
    office.do(shares.delivered, row.id, "Marie Curie")
    office.do(shares.not_delivered, row.id, "no", final=True)
    after = office.see(shares.get, row.id)
    assert (after.state, after.error, after.recipient_name) == (state, None, "Marie Curie")


def test_the_reason_of_a_final_refusal_stays_for_the_person(office):
    row = office.offered()
    office.do(shares.not_delivered, row.id, "There is no such person.", final=True)
    after = office.see(shares.get, row.id)
    assert (after.state, after.error) == (FAILED, "There is no such person.")
    assert office.see(shares.listing, "einstein") == [after]


@pytest.mark.parametrize("answer", ["accepted", "declined"])
def test_an_answer_said_twice_changes_nothing(office, answer):
    row = office.offered(SENT)
    office.do(lambda tx: shares.answered(tx, row, answer))
    before = office.everything()
    office.now += 1
    office.do(lambda tx: shares.answered(tx, shares.get(tx, row.id), answer))
    assert office.everything() == before


# The end of a file, and of time


def test_what_is_removed_takes_its_shares_with_it_and_those_below_and_no_others(office):
    paths = ["a", "a/b", "a/b/c", "ab", "A", "a%", "b/a"]
    ids = {path: office.offered(path=path).id for path in paths}
    other = office.offered(path="a", owner="lise")
    office.do(shares.path_removed, "einstein", "a")
    ended = {path for path in paths if office.see(shares.get, ids[path]).state == UNSHARED}
    assert ended == {"a", "a/b", "a/b/c"}
    assert office.see(shares.get, other.id).state == PENDING
    assert {subject for _, _, subject in office.told()} == {ids[path] for path in ended}


@pytest.mark.parametrize("path", ["%", "_", "\\"])
def test_no_character_of_a_path_stands_for_others(office, path):
    row = office.offered(path="x/y")
    office.do(shares.path_removed, "einstein", path)
    assert office.see(shares.get, row.id).state == PENDING


@pytest.mark.parametrize("state", [state for state in STATES if state not in shares.IN_FORCE])
def test_a_share_that_has_ended_is_left_as_it_is_when_its_file_goes(office, state):
    office.offered(state)
    before = office.everything()
    office.do(shares.path_removed, "einstein", "a")
    assert office.everything() == before


def test_a_share_ends_in_its_second_and_the_peer_is_told_once(office):
    row, lasting = office.offered(SENT, expiration=NOW + 60), office.offered(path="other")
    office.now += 59
    office.do(shares.expire)
    assert office.see(shares.get, row.id).state == SENT
    office.now += 1
    office.do(shares.expire)
    office.do(shares.expire)
    assert office.see(shares.get, row.id).state == EXPIRED
    assert office.see(shares.get, lasting.id).state == PENDING
    assert office.told() == [(THERE, UNSHARE, row.id)]


# The secret


@pytest.mark.parametrize("state", STATES)
def test_the_secret_opens_a_share_while_it_lives(office, state):
    row = office.offered(state)
    if state in LIVE:
        assert office.see(tokens.share_of, row.secret).id == row.id
    else:
        with pytest.raises(NotFound):
            office.see(tokens.share_of, row.secret)


def test_the_secret_opens_nothing_from_the_moment_of_expiry_whether_or_not_it_was_noticed(office):
    row = office.offered(ACCEPTED, expiration=NOW + 1)
    assert office.see(tokens.share_of, row.secret).id == row.id
    office.now += 1
    with pytest.raises(NotFound):
        office.see(tokens.share_of, row.secret)


@pytest.mark.parametrize("wrong", ["", "{0}x", " {0}", "{0} ", "S{0}"])
def test_another_secret_opens_nothing(office, wrong):
    row = office.offered()
    with pytest.raises(Unauthenticated):
        office.see(tokens.share_of, wrong.format(row.secret))
    with pytest.raises(Unauthenticated):
        office.see(tokens.share_of, row.id)


def test_secrets_are_compared_in_constant_time(office, monkeypatch):
    compared = []
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append((a, b)) or False)
    row = office.offered()
    with pytest.raises(Unauthenticated):
        office.see(tokens.share_of, row.secret)
    assert compared == [(row.secret.encode(), row.secret.encode())]
