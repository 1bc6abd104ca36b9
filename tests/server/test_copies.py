"""What people copy, as gestures: whose turn it is, and what they are told."""

from __future__ import annotations

from contextlib import closing

import pytest
from tests.server.offices import Office

from opencloudmesh.protocol.errors import SecondFactorNeeded
from opencloudmesh.server import copies, news, received, schema
from opencloudmesh.server.copies import AT_ONCE, OF_ONE, Item


@pytest.fixture
def office(database_url):
    office = Office(database_url)
    with closing(office.database):
        yield office


@pytest.fixture
def share(office):
    return office.received(received.ACCEPTED)


def begin(office, share, **values):
    return office.do(copies.begin, share.account, share.id, strong=True, **values)


def due(office, *under_way):
    """The sources of what is begun now, with that under way."""
    rows = {row.source: row for row in office.all(schema.copies)}
    busy = {rows[source].id: rows[source].account for source in under_way}
    return [row.source for row in office.see(copies.due, busy)]


def heard(office, account="einstein"):
    return [(row.event, row.name, row.who) for row in office.see(news.listing, account) if row.event.startswith("copy")]


def test_people_take_turns(office, share):
    values = office.see(received.get, share.id)._mapping
    names = set(schema.received.c.keys())
    hers = {name: values[name] for name in names} | {"id": "hers", "account": "lise"}
    office.do(lambda tx: tx.run(schema.received.insert(), hers))
    for number in range(5):
        begin(office, share, path=f"e{number}")
        office.now += 1
    assert due(office) == ["e0", "e1"]
    assert due(office, "e0") == ["e1"]
    assert due(office, "e0", "e1") == []
    begin(office, office.see(received.get, "hers"), path="l0")
    begin(office, office.see(received.get, "hers"), path="l1")
    assert due(office) == ["e0", "l0", "e1", "l1"][:AT_ONCE]
    assert due(office, "e0", "e1") == ["l0", "l1"]
    assert due(office, "e0", "e1", "l0") == ["l1"]
    assert due(office, "e0", "l0") == ["e1", "l1"]
    assert OF_ONE < AT_ONCE


def test_who_copies_is_told_once_when_nothing_waits_any_more(office, share):
    job = begin(office, share)
    office.do(copies.unfold, job, "papers", [Item("a", False, 1), Item("b", False, 1)])
    a, b = (row for row in office.all(schema.copies) if row.source)
    office.do(copies.arrived, a.id, "a")
    assert heard(office) == []
    office.do(copies.failed, b.id, "It is too large.")
    assert heard(office) == [("copy-failed", "papers", share.sender)]
    office.do(copies.retry, job.id, account="einstein")
    assert heard(office) == []
    office.do(copies.arrived, b.id, "b")
    assert heard(office) == [("copy-done", "papers", share.sender)]
    assert office.see(news.unread, "einstein") == 1
    office.do(copies.cancel, job.id, account="einstein")
    assert office.see(news.unread, "einstein") == 0
    assert heard(office, "lise") == []


def test_what_demands_a_second_factor_is_not_begun_without_one(office, share):
    office.do(lambda tx: tx.run(schema.received.update().values(requirements=["must-use-mfa"])))
    before = office.everything()
    with pytest.raises(SecondFactorNeeded):
        office.do(copies.begin, "einstein", share.id, strong=False)
    assert office.everything() == before
