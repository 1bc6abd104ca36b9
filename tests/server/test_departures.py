"""A person of ours goes, or another server: all that was shared ends in one transaction, and nothing else does."""

from __future__ import annotations

from contextlib import closing

import pytest
from tests.server.offices import MARIE, THERE, Office, offer

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import NotFound
from opencloudmesh.protocol.tokens import TokenRequest
from opencloudmesh.server import (
    contacts,
    departures,
    invites,
    links,
    locks,
    offers,
    outbox,
    peers,
    received,
    rules,
    schema,
    sessions,
    share_requests,
    shares,
    tokens,
)
from opencloudmesh.server.departures import Ended

OTHER = "third.example"
PIERRE = Address("pierre", OTHER)
OF_A_PERSON = ("shares", "received", "contacts", "invites", "links", "requests", "sessions", "locks", "tokens")


@pytest.fixture
def office(database_url):
    """einstein has everything that a person can have, with two servers; lise has the same with one."""
    office = Office(database_url)
    with closing(office.database):
        for who in ("einstein", "lise"):
            office.do(shares_of, who)
        for provider, sender in (("p1", MARIE), ("p2", PIERRE)):
            share = offer(provider_id=provider, owner=sender, sender=sender, name=provider)
            row, _ = office.do(offers.receive, share, own_host="here.example", verified="rfc9421")
            office.do(received.accept, row.id)
        office.deliver()
        yield office


def shares_of(tx, who):
    for path, address in (("a", MARIE), ("b", PIERRE)):
        row = shares.offer(tx, owner=who, path=path, resource_type="file", share_with=address)
        shares.delivered(tx, row.id, "")
        tokens.exchange(tx, TokenRequest(row.secret, address.host), signed_by=address.host)
        locks.acquire(tx, who, path, principal=shares.principal(row), exclusive=False)
        contacts.meet(tx, who, address, source=contacts.INVITE)
        link = links.create(tx, who, path=path, resource_type="file")
        share_requests.ask(tx, link, address, own_host="here.example")
    declined = shares.offer(tx, owner=who, path="c", resource_type="file", share_with=MARIE)
    shares.answered(tx, declined, "declined")
    invites.create(tx, who)
    sessions.begin(tx, who)


def of(office, who):
    """How many rows of each table are a person's."""
    found = {}
    for name in OF_A_PERSON:
        table = schema.metadata.tables[name]
        rows = office.all(table)
        if name == "tokens":
            mine = {row.id for row in office.all(schema.shares) if row.owner == who}
            found[name] = sum(row.share in mine for row in rows)
        else:
            found[name] = sum(who in (getattr(row, "owner", None), getattr(row, "account", None)) for row in rows)
    return found


# A person


def test_who_goes_takes_everything_along_and_everybody_is_told(office):
    before, secrets = of(office, "lise"), [row.secret for row in office.all(schema.shares) if row.owner == "einstein"]
    assert min(of(office, "einstein").values()) > 0
    office.do(departures.person, "einstein")
    assert set(of(office, "einstein").values()) == {0}
    assert of(office, "lise") == before
    told = sorted((host, kind) for host, kind, _ in office.told())
    each = ("SHARE_DECLINED", "SHARE_UNSHARED", "USER_REMOVED")
    assert told == sorted((host, kind) for host in (THERE, OTHER) for kind in each)
    for secret in secrets:
        with pytest.raises(Exception, match="opens no share"):
            office.see(tokens.opened_by, secret)
    trail = [row for row in office.all(schema.audit) if row.reason == departures.PERSON_GONE]
    assert sorted((row.event, row.host, row.account) for row in trail) == sorted(
        ("share", host, "einstein") for host in (THERE, OTHER, THERE, OTHER)
    )


def test_nobody_goes_halfway(office):
    before = office.everything()

    def half(tx):
        departures.person(tx, "einstein")
        raise RuntimeError("the power is gone")

    with pytest.raises(RuntimeError):
        office.do(half)
    assert office.everything() == before
    with pytest.raises(NotFound):
        office.do(departures.person, "nobody")
    assert office.everything() == before


# A server


@pytest.mark.parametrize("with_contacts", [False, True])
def test_everything_with_a_server_ends_and_it_is_told_nothing(office, with_contacts):
    office.do(peers.remember_document, THERE, f"https://{THERE}", {"enabled": True})
    office.do(peers.remember_document, OTHER, f"https://{OTHER}", {"enabled": True})
    office.do(rules.put, THERE, incoming="deny")
    other = of_server(office, OTHER)
    put(office, THERE)
    put(office, OTHER)
    ended = office.do(departures.server, THERE, with_contacts=with_contacts)
    assert ended == Ended(shares=2, received=1, requests=2, messages=2, contacts=2 if with_contacts else 0)
    assert {row.state for row in office.all(schema.shares) if row.host == THERE} == {shares.UNSHARED}
    assert {row.state for row in office.all(schema.received) if row.host == THERE} == {received.REMOVED}
    assert {row.path for row in office.all(schema.received) if row.host == THERE} == {None}
    assert {row.state for row in office.all(schema.requests) if row.host == THERE} == {share_requests.REFUSED}
    assert len([row for row in office.all(schema.contacts) if row.host == THERE]) == (0 if with_contacts else 2)
    assert office.see(peers.get, THERE) is None
    assert [row.pattern for row in office.all(schema.rules)] == [THERE]  # the operator's word stays
    assert {host for host, _, _ in office.told()} == {OTHER}
    assert of_server(office, OTHER) == other
    live = [row.id for row in office.all(schema.shares) if row.state in shares.LIVE]
    assert {row.share for row in office.all(schema.tokens)} == set(live)
    trail = [row for row in office.all(schema.audit) if row.reason == departures.SERVER_PURGED]
    assert sorted((row.event, row.account) for row in trail) == [
        ("peer", ""), ("share", "einstein"), ("share", "einstein"), ("share", "lise"),
    ]  # fmt: skip


def test_a_server_with_which_nothing_is_shared_can_be_purged_too_and_again(office):
    before = office.everything()
    nothing = Ended(shares=0, received=0, requests=0, messages=0, contacts=0)
    assert office.do(departures.server, "fourth.example") == nothing
    assert office.everything() == before
    office.do(departures.server, THERE)
    before = office.everything()
    assert office.do(departures.server, THERE) == nothing
    assert office.everything() == before


def test_what_a_purged_server_says_late_changes_nothing(office):
    (row,) = [row for row in office.all(schema.received) if row.host == THERE]
    office.do(departures.server, THERE)
    again, _ = office.do(offers.receive, offer(name="p1"), own_host="here.example", verified="rfc9421")
    assert (again.id, again.state) == (row.id, received.REMOVED)
    assert office.see(received.listing, "einstein", host=THERE) == []


def put(office, host):
    """Something that waits, and something that was given up."""
    office.do(lambda tx: outbox.put(tx, host=host, kind=outbox.NOTIFICATION, subject="x"))
    office.do(lambda tx: outbox.put(tx, host=host, kind=outbox.NOTIFICATION, subject="y"))
    office.do(outbox.give_up, office.all(schema.outbox)[-1].id, "a week")


def of_server(office, host):
    tables = (schema.shares, schema.received, schema.requests, schema.contacts, schema.peers)
    return [[row for row in office.all(table) if row.host == host] for table in tables]
