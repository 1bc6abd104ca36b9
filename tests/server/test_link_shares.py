"""What visitors take to their own cloud: shared once with an address, and bounded for links, addresses and servers."""

from __future__ import annotations

from contextlib import closing

import pytest
from tests.server.offices import HERE, MARIE, NOW, THERE, Office, with_terms

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import Forbidden, Invalid, TooManyRequests
from opencloudmesh.server import contacts, link_shares, links, policy, schema, shares


@pytest.fixture
def office(database_url):
    office = Office(database_url)
    with closing(office.database):
        yield office


def link(office, mode="read", **values):
    return office.do(
        links.create, "einstein", **with_terms({"path": "a", "resource_type": "folder", "mode": mode, **values})
    )


def take(office, row, address=MARIE):
    office.do(link_shares.take, row, address, own_host=HERE)


@pytest.mark.parametrize(("mode", "granted"), [("read", ["read"]), ("edit", ["read", "write"])])
def test_a_visitor_gets_what_the_link_gives_and_the_owner_sees_it(office, mode, granted):
    row = link(office, mode, description="mine", expiration=NOW + 60)
    take(office, row)
    (share,) = office.see(shares.listing, "einstein")
    assert (share.path, share.resource_type, share.share_with, share.permissions) == (
        "a",
        "folder",
        str(MARIE),
        granted,
    )
    assert (share.description, share.expiration, share.link) == ("mine", NOW + 60, row.id)
    assert office.told() == [(THERE, "share", share.id)]
    (news,) = office.all(schema.news)
    assert (news.account, news.event, news.subject, news.who) == ("einstein", "my-share-taken", share.id, str(MARIE))
    (said,) = office.all(schema.audit)
    assert (said.event, said.direction, said.account, said.who, said.verified) == (
        "share", "here", "einstein", str(MARIE), "typed",
    )  # fmt: skip


@pytest.mark.parametrize("mode", ["ask", "upload"])
def test_what_shows_nothing_cannot_be_taken(office, mode):
    row = link(office, mode)
    before = office.everything()
    with pytest.raises(Forbidden):
        take(office, row)
    assert office.everything() == before


@pytest.mark.parametrize("address", [Address("lise", HERE), Address("einstein", HERE), Address("x" * 600, THERE)])
def test_addresses_here_and_endless_ones_are_refused_alike(office, address):
    row = link(office)
    before = office.everything()
    with pytest.raises(Invalid):
        take(office, row, address)
    assert office.everything() == before


@pytest.mark.parametrize("state", [shares.PENDING, shares.SENT, shares.ACCEPTED, shares.DECLINED, shares.UNSHARED])
def test_taken_again_nothing_changes_nor_where_it_was_ended(office, state):
    row = link(office)
    take(office, row)
    (share,) = office.see(shares.listing, "einstein")
    office._put(schema.shares, share.id, state)
    before = office.everything()
    take(office, row)
    assert office.everything() == before


@pytest.mark.parametrize("state", [shares.FAILED, shares.EXPIRED])
def test_what_did_not_arrive_can_be_tried_again(office, state):
    row = link(office)
    take(office, row)
    (share,) = office.see(shares.listing, "einstein")
    office._put(schema.shares, share.id, state)
    take(office, row)
    assert len(office.all(schema.shares)) == 2


def test_what_the_owner_has_shared_themselves_or_with_whom_they_blocked_is_not_told(office):
    row = link(office)
    office.offered()
    contact = office.do(contacts.meet, "einstein", Address("fritz", THERE))
    office.do(contacts.block, "einstein", contact.id)
    before = office.everything()
    take(office, row)
    take(office, row, Address("fritz", THERE))
    assert office.everything() == before


def test_the_policy_is_asked_about_the_server_and_not_about_whom_the_owner_knows(office):
    row = link(office)
    office.do(policy.put, "outgoing", ("invited",))
    office.do(contacts.meet, "einstein", MARIE, source=contacts.INVITE)
    before = office.everything()
    said = set()
    for address in (MARIE, Address("fritz", THERE)):
        with pytest.raises(policy.Denied) as denied:
            take(office, row, address)
        said.add(denied.value.message)
    assert len(said) == 1
    assert office.everything() == before


@pytest.mark.parametrize(
    ("bound", "others"),
    [
        ("OF_LINK", [Address(f"m{number}", f"{number}.example") for number in range(3)]),
        ("OF_HOST", [Address(f"m{number}", THERE) for number in range(3)]),
    ],
)
def test_so_many_may_be_unanswered(office, monkeypatch, bound, others):
    monkeypatch.setattr(link_shares, bound, 2)
    row = link(office)
    for address in others[:2]:
        take(office, row, address)
    before = office.everything()
    with pytest.raises(TooManyRequests):
        take(office, row, others[2])
    take(office, row, others[0])  # told as before
    assert office.everything() == before
    answered = office.see(shares.listing, "einstein")[0]
    office._put(schema.shares, answered.id, shares.ACCEPTED)
    take(office, row, others[2])


def test_one_address_is_not_flooded_by_several_links(office, monkeypatch):
    monkeypatch.setattr(link_shares, "OF_ADDRESS", 2)
    rows = [link(office, path=path) for path in ("a", "b", "c")]
    for row in rows[:2]:
        take(office, row)
    with pytest.raises(TooManyRequests):
        take(office, rows[2])
    office.offered(path="d")  # the owner does as they like
    for share in office.see(shares.listing, "einstein"):
        office._put(schema.shares, share.id, shares.FAILED)
    with pytest.raises(TooManyRequests):  # what did not arrive is not sent again and again
        take(office, rows[0])
    office.now += link_shares.DAY
    take(office, rows[0])
