"""What has to be told to peers: in order, with patience, for a week. DESIGN rules 1 and 3."""

from __future__ import annotations

from contextlib import closing

import pytest
from tests.server.offices import NOW, Office

from opencloudmesh.protocol.errors import Conflict
from opencloudmesh.server import outbox, outcomes, schema
from opencloudmesh.server.outbox import BACK_OFF, DUE, GIVE_UP_AFTER, GIVEN_UP, NOTIFICATION, PER_HOST, PROBE, SHARE

DAY = 86_400


@pytest.fixture
def office(database_url):
    office = Office(database_url)
    with closing(office.database):
        yield office


def put(office, subject="s", host="a.example", kind=NOTIFICATION, **message):
    """Queues a row and gives its id."""
    office.do(outbox.put, host=host, kind=kind, subject=subject, message=message)
    return max(row.id for row in office.see(outbox.everything))


def row(office, row_id):
    return next(row for row in office.see(outbox.everything) if row.id == row_id)


def due(office, **named):
    return [row.id for row in office.see(outbox.due, **named)]


def postpone(office, row_id, reason="It did not answer.", **named):
    return office.do(outbox.postpone, row(office, row_id), reason, **named)


def test_a_message_is_due_at_once_and_until_it_is_delivered(office):
    first = put(office, word="hello")
    stored = row(office, first)
    assert (stored.state, stored.attempts, stored.due, stored.created, stored.error) == (DUE, 0, NOW, NOW, None)
    assert (stored.host, stored.kind, stored.subject, stored.message) == (
        "a.example",
        NOTIFICATION,
        "s",
        {"word": "hello"},
    )
    assert due(office) == due(office) == [first]
    office.do(outbox.done, first)
    assert office.see(outbox.everything) == []


def test_no_message_has_the_number_of_another_one_that_is_gone(office):
    first = put(office)
    office.do(outbox.done, first)
    assert put(office) > first


def test_a_message_is_not_there_where_its_gesture_failed(office):
    def gesture(tx):
        outbox.put(tx, host="a.example", kind=SHARE, subject="s")
        raise Conflict("no")

    with pytest.raises(Conflict):
        office.do(gesture)
    assert office.see(outbox.everything) == []


# Order


def test_messages_about_one_subject_go_out_in_their_order(office):
    first, second, third = put(office, kind=SHARE), put(office), put(office)
    other = put(office, "other")
    assert due(office) == [first, other]
    office.do(outbox.done, first)
    assert due(office) == [second, other]
    postpone(office, second)
    assert due(office) == [other]  # the third waits for the second
    office.now += DAY
    assert due(office) == [other, second]
    office.do(outbox.give_up, second, "a week")
    assert due(office) == [third, other]


def test_what_is_due_longest_comes_first(office):
    first = put(office, "1")
    postpone(office, first, retry_after=100)
    office.now += 50
    second = put(office, "2")
    office.now += 200
    third = put(office, "3")
    assert due(office) == [second, first, third]
    assert due(office, limit=2) == [second, first]


def test_nothing_waits_for_a_probe_but_a_probe_waits(office):
    accepted, probe = put(office), put(office, kind=PROBE)
    assert due(office) == [accepted]
    office.do(outbox.done, accepted)
    postpone(office, probe)
    declined = put(office)
    assert due(office) == [declined]


def test_a_host_with_many_messages_never_stands_before_the_others(office):
    many = [put(office, f"s{number}", "slow.example") for number in range(PER_HOST + 100)]
    office.now += 1
    others = [put(office, f"o{number}", f"{number}.example") for number in range(3)]
    assert due(office) == [*many[:PER_HOST], *others]
    assert due(office, limit=PER_HOST + 1) == [*many[:PER_HOST], others[0]]


def test_what_is_postponed_takes_no_place_from_what_is_due(office):
    rows = [put(office, f"s{number}") for number in range(PER_HOST + 1)]
    for row_id in rows[:-1]:
        postpone(office, row_id)
    assert due(office) == [rows[-1]]


def test_dropping_a_subject_drops_all_that_was_to_be_said_of_it(office):
    put(office)
    office.do(outbox.give_up, put(office), "no")
    other = put(office, "other")
    office.do(outbox.drop, "s")
    assert [row.id for row in office.see(outbox.everything)] == [other]


# Patience


def test_each_failure_is_followed_by_a_longer_wait(office):
    first = put(office)
    for attempt in range(len(BACK_OFF) + 2):
        assert postpone(office, first, f"failure {attempt}")
        after = row(office, first)
        wait = BACK_OFF[min(attempt, len(BACK_OFF) - 1)]
        assert wait <= after.due - office.now <= wait * 1.2
        assert (after.attempts, after.error, after.state) == (attempt + 1, f"failure {attempt}", DUE)
        assert due(office) == []
        office.now = after.due - 1
        assert due(office) == []
        office.now = after.due
        assert due(office) == [first]


def test_messages_that_failed_together_do_not_all_come_back_together(office):
    rows = [put(office, f"s{number}") for number in range(20)]
    office.do(lambda tx: tx.run(schema.outbox.update().values(attempts=5)))
    for row_id in rows:
        postpone(office, row_id)
    assert len({row.due for row in office.see(outbox.everything)}) > 10


@pytest.mark.parametrize(("asked", "wait"), [(None, 5), (0, 5), (1, 5), (600, 600), (DAY, DAY), (10 * DAY, DAY)])
def test_a_peer_that_says_when_it_can_is_asked_then_but_within_a_day(office, asked, wait):
    first = put(office)
    postpone(office, first, retry_after=asked)
    assert wait <= row(office, first).due - NOW <= max(wait, 6)


def test_what_waits_for_a_host_is_due_as_soon_as_the_host_is_there_again(office):
    first, other = put(office), put(office, "s2")
    probe = put(office, "s3", kind=PROBE)
    for row_id in (first, other, probe):
        postpone(office, row_id)
    assert due(office) == []
    office.do(lambda tx: outcomes.delivered(tx, outbox.get(tx, other)))
    assert due(office) == [first]
    assert row(office, first).attempts == 1


def test_after_a_week_it_is_given_up_with_the_reason_and_stays_to_be_seen(office):
    first = put(office)
    office.now += GIVE_UP_AFTER - 1
    assert postpone(office, first)
    office.now += 1
    assert not postpone(office, first, "It never answered.")
    after = row(office, first)
    assert (after.state, after.error) == (GIVEN_UP, "It never answered.")
    office.now += 100 * DAY
    assert due(office) == []


def test_the_tries_of_a_week_are_many_at_first_and_some_to_the_end(office):
    first, times = put(office), []
    while postpone(office, first):
        office.now = row(office, first).due
        times.append(office.now - NOW)
    assert len([moment for moment in times if moment < 3600]) >= 4
    assert len([moment for moment in times if moment > 6 * DAY]) >= 6
    assert times[-1] < GIVE_UP_AFTER + 4 * 3600


def test_the_rows_of_each_state_are_counted(office):
    assert office.see(outbox.waiting) == {DUE: 0, GIVEN_UP: 0}
    put(office)
    put(office, "other")
    office.do(outbox.give_up, put(office, "third"), "no")
    assert office.see(outbox.waiting) == {DUE: 2, GIVEN_UP: 1}


def test_a_notification_says_what_is_needed_when_its_share_is_gone():
    said = outbox.notification("SHARE_DECLINED", "file", "p1", "sesame")
    assert said == {"type": "SHARE_DECLINED", "resource_type": "file", "provider_id": "p1", "secret": "sesame"}
