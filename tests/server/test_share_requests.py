"""People who ask for a share by a link: nobody is told anything before its owner says yes."""

from __future__ import annotations

from contextlib import closing

import pytest
from tests.server.offices import HERE, MARIE, NOW, THERE, Office, with_terms

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import Conflict, Invalid, NotFound, TooManyRequests
from opencloudmesh.server import audit, links, schema, share_requests, shares
from opencloudmesh.server.share_requests import GRANTED, MAX_OPEN, OPEN, REFUSED, TRANSITIONS, TYPED


@pytest.fixture
def office(database_url):
    office = Office(database_url)
    with closing(office.database):
        yield office


@pytest.fixture
def link(office):
    named = {"permissions": frozenset({"read", "write"}), "description": "my paper"}
    return office.do(links.create, "einstein", path="a/b", resource_type="file", **with_terms(named))


def ask(office, link, address=MARIE):
    office.do(share_requests.ask, link, address, own_host=HERE)


def asked(office, link, state=OPEN):
    """A request of marie's in a state."""
    ask(office, link)
    (row,) = office.see(share_requests.listing, "einstein")
    office.do(lambda tx: tx.run(schema.requests.update().values(state=state)))
    return office.see(share_requests.get, row.id)


def grant(office, row, **values):
    return office.do(share_requests.grant, row.id, resource_type="file", **values)


# Asking


def test_a_request_is_stored_and_nobody_is_told(office, link):
    ask(office, link)
    (row,) = office.see(share_requests.listing, "einstein")
    assert (row.account, row.link, row.path) == ("einstein", link.id, "a/b")
    assert (row.address, row.host, row.verified) == ("marie@there.example", THERE, TYPED)
    assert (row.state, row.share, row.created) == (OPEN, None, NOW)
    assert office.see(share_requests.waiting, "einstein") == 1
    assert office.told() == []
    assert office.all(schema.shares) == []


def test_a_request_is_in_the_audit_trail_without_the_token(office, link):
    ask(office, link)
    (row,) = office.see(audit.listing)
    assert (row.event, row.direction, row.outcome, row.host) == ("request", "in", "done", THERE)
    assert (row.account, row.who, row.verified) == ("einstein", "marie@there.example", TYPED)
    assert link.token not in str(row)


@pytest.mark.parametrize("state", [OPEN, GRANTED, REFUSED])
def test_asking_again_changes_nothing_whatever_the_answer_was(office, link, state):
    asked(office, link, state)
    before = office.everything()
    office.now += 60
    ask(office, link)
    ask(office, link, Address.parse("marie@https://THERE.example/"))
    assert office.everything() == before


def test_asking_by_two_links_is_asking_twice(office, link):
    other = office.do(links.create, "einstein", path="a/c", resource_type="file")
    ask(office, link)
    ask(office, other)
    assert len(office.see(share_requests.listing, "einstein")) == 2
    assert office.see(share_requests.listing, "lise") == []


def test_the_owner_cannot_be_asked_by_themselves_and_nobody_learns_it(office, link):
    before = office.everything()
    ask(office, link, Address("einstein", HERE))  # no error
    assert office.everything() == before
    ask(office, link, Address("lise", HERE))
    assert len(office.see(share_requests.listing, "einstein")) == 1


def test_an_address_has_a_limit(office, link):
    before = office.everything()
    with pytest.raises(Invalid):
        ask(office, link, Address("m" * 600, THERE))
    assert office.everything() == before


def test_so_many_wait_and_no_more_and_who_is_among_them_is_not_told(office, link):
    def fill(tx):
        for number in range(MAX_OPEN):
            share_requests.ask(tx, link, Address(f"m{number}", THERE), own_host=HERE)

    office.do(fill)
    before, said = office.everything(), set()
    for address in (MARIE, Address("m0", THERE), Address("einstein", HERE)):
        with pytest.raises(TooManyRequests) as caught:
            ask(office, link, address)
        said.add(caught.value.message)
    assert len(said) == 1
    assert office.everything() == before
    other = office.do(links.create, "einstein", path="a/c", resource_type="file")
    ask(office, other)
    office.do(share_requests.refuse, office.see(share_requests.listing, "einstein")[-1].id)
    ask(office, link)


# Answering


def test_a_granted_request_is_a_share_as_the_link_says(office, link):
    row = grant(office, asked(office, link))
    share = office.see(shares.get, row.share)
    assert row.state == GRANTED
    assert (share.owner, share.path, share.share_with) == ("einstein", "a/b", "marie@there.example")
    assert (share.permissions, share.description, share.expiration) == (["read", "write"], "my paper", None)
    assert office.told() == [(THERE, "share", share.id)]
    assert [(kept.direction, kept.outcome, kept.reason) for kept in office.see(audit.listing, event="request")] == [
        ("in", "done", ""),
        ("here", "done", "granted"),
    ]
    assert office.see(share_requests.waiting, "einstein") == 0


def test_granted_twice_it_is_shared_once(office, link):
    row = asked(office, link)
    grant(office, row)
    before = office.everything()
    grant(office, row)
    assert office.everything() == before


def test_what_is_shared_with_them_already_is_told_and_the_request_waits(office, link):
    row = asked(office, link)
    office.do(lambda tx: shares.offer(tx, owner="einstein", path="a/b", resource_type="file", share_with=MARIE))
    before = office.everything()
    with pytest.raises(Conflict):
        grant(office, row)
    assert office.everything() == before


def test_a_refused_request_tells_nobody(office, link):
    row = office.do(share_requests.refuse, asked(office, link).id)
    assert row.state == REFUSED
    assert office.told() == []
    assert office.see(audit.listing)[-1].reason == "refused"
    before = office.everything()
    office.do(share_requests.refuse, row.id)
    assert office.everything() == before


@pytest.mark.parametrize("state", [OPEN, GRANTED, REFUSED])
@pytest.mark.parametrize(("event", "gesture"), [("granted", grant), ("refused", None)])
def test_what_is_not_in_the_table_is_refused(office, link, state, event, gesture):
    row = asked(office, link, state)
    answer = gesture or (lambda office, row: office.do(share_requests.refuse, row.id))
    before = office.everything()
    if (state, event) in TRANSITIONS:
        assert answer(office, row).state == TRANSITIONS[state, event]
    elif state == event:
        assert answer(office, row).state == state
        assert office.everything() == before
    else:
        with pytest.raises(Conflict):
            answer(office, row)
        assert office.everything() == before


def test_nobody_answers_for_another(office, link):
    row = asked(office, link)
    before = office.everything()
    with pytest.raises(NotFound):
        grant(office, row, account="lise")
    with pytest.raises(NotFound):
        office.do(share_requests.refuse, row.id, account="lise")
    assert office.everything() == before


def test_a_request_ends_with_its_link_and_what_was_granted_stays(office, link):
    row = grant(office, asked(office, link))
    office.do(links.remove, link.id)
    assert office.all(schema.requests) == []
    assert office.see(shares.get, row.share).state == "pending"
