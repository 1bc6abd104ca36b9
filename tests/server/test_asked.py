"""What our people ask for, and which share answers it."""

from __future__ import annotations

from contextlib import closing

import pytest
from tests.server.offices import HERE, MARIE, THERE, Office, offer

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import Invalid, NotFound, TooManyRequests
from opencloudmesh.protocol.share_requests import ShareRequest
from opencloudmesh.server import asked, offers, schema
from opencloudmesh.server.asked import ANSWERED, DELIVERED, MAX_OPEN, REFUSED, TRANSITIONS, WAITING

EINSTEIN = Address("einstein", HERE)


@pytest.fixture
def office(database_url):
    office = Office(database_url)
    with closing(office.database):
        yield office


def ask(office, share="https://there.example/files/papers", owner=MARIE):
    return office.do(asked.ask, "einstein", ShareRequest(owner, EINSTEIN, share))


def answer(office, **values):
    """A share comes, as the route for shares stores it."""
    share, _ = office.do(offers.receive, offer(**values), own_host=HERE, verified="rfc9421")
    office.do(asked.answered, share)
    return share


def test_asking_is_told_to_their_server_once(office):
    row = ask(office)
    assert ask(office) == row
    assert (row.account, row.owner, row.host, row.state) == ("einstein", str(MARIE), THERE, WAITING)
    (message,) = office.all(schema.outbox)
    assert (message.kind, message.host, message.subject) == ("request", THERE, row.id)
    assert message.message == {"owner": str(MARIE), "shareWith": str(EINSTEIN), "share": row.share}


def test_nobody_asks_themselves_nor_for_more_than_they_can_look_through(office):
    before = office.everything()
    with pytest.raises(Invalid):
        ask(office, owner=EINSTEIN)
    assert office.everything() == before
    for number in range(MAX_OPEN):
        ask(office, str(number))
    before = office.everything()
    with pytest.raises(TooManyRequests):
        ask(office, "more")
    assert office.everything() == before


@pytest.mark.parametrize("state", [WAITING, DELIVERED, REFUSED, ANSWERED])
@pytest.mark.parametrize("event", ["delivered", "refused", "retried", "answered"])
def test_what_is_not_in_the_table_changes_nothing(office, state, event):
    row = ask(office)
    office.do(lambda tx: tx.run(schema.asked.update().values(state=state)))
    gestures = {
        "delivered": lambda: office.do(asked.delivered, row.id),
        "refused": lambda: office.do(asked.not_delivered, row.id, "no", final=True),
        "retried": lambda: office.do(asked.try_again, row.id),
        "answered": lambda: answer(office),
    }
    gestures[event]()
    assert office.see(asked.get, row.id).state == TRANSITIONS.get((state, event), state)


def test_the_share_that_has_the_name_is_the_answer(office):
    other, named = ask(office, "https://there.example/files/other"), ask(office)
    share = answer(office, owner=Address("MARIE", THERE), sender=MARIE)
    assert office.see(asked.get, named.id).received == share.id
    assert office.see(asked.get, other.id).state == WAITING
    office.do(asked.answered, share)  # told again
    assert office.see(asked.get, other.id).state == WAITING


def test_with_one_request_any_share_of_theirs_is_the_answer_and_of_nobody_else(office):
    row = ask(office, "an-id")
    answer(office, sender=Address("fritz", THERE), owner=Address("fritz", THERE))
    answer(office, sender=Address("marie", "third.example"), owner=Address("marie", "third.example"))
    assert office.see(asked.get, row.id).state == WAITING
    answer(office, provider_id="p2")
    assert office.see(asked.get, row.id).state == ANSWERED
    assert office.all(schema.outbox) == []  # nothing is asked any more


def test_between_two_without_the_name_nothing_is_guessed(office):
    rows = [ask(office, "an-id"), ask(office, "another")]
    answer(office)
    assert {office.see(asked.get, row.id).state for row in rows} == {WAITING}


def test_what_is_taken_off_the_list_is_not_sent_and_nobody_takes_it_off_for_another(office):
    row = ask(office)
    before = office.everything()
    with pytest.raises(NotFound):
        office.do(asked.remove, row.id, account="lise")
    assert office.everything() == before
    office.do(asked.remove, row.id, account="einstein")
    assert office.all(schema.asked) == office.all(schema.outbox) == []


@pytest.mark.parametrize(
    ("share", "name"),
    [("https://x.example/a/b%20c.txt?x=1", "b c.txt"), ("an-id", "an-id"), ("https://x.example/a/", "a"), ("/", "/")],
)
def test_it_has_a_name(share, name):
    assert asked.name_of(share) == name
