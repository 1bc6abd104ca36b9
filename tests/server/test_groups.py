"""Groups of our people: who is in them, and what they are offered."""

from __future__ import annotations

from contextlib import closing

import pytest
from tests.server.offices import HERE, NOW, THERE, Office, offer

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import Conflict, Invalid, NotFound
from opencloudmesh.protocol.notifications import Notification
from opencloudmesh.server import (
    accounts,
    contacts,
    departures,
    groups,
    locks,
    news,
    notifications,
    offers,
    policy,
    received,
    schema,
)
from opencloudmesh.server.groups import Group
from opencloudmesh.server.policy import Denied


@pytest.fixture
def office(database_url):
    office = Office(database_url)
    with closing(office.database):
        yield office


def refused(office, error, gesture, *values):
    """The gesture is refused, and has changed nothing."""
    before = office.everything()
    with pytest.raises(error) as caught:
        office.do(gesture, *values)
    assert office.everything() == before
    return caught.value


def test_people_join_and_leave(office):
    assert office.do(groups.add, "physics", name="Physicists") == Group("physics", "Physicists", ())
    office.do(groups.add, "chemistry")
    office.do(groups.join, "physics", "lise")
    for _ in range(2):  # again is no error
        assert office.do(groups.join, "physics", "einstein").members == ("einstein", "lise")
    assert [who.id for who in office.see(accounts.in_group, "physics")] == ["einstein", "lise"]
    assert office.do(groups.leave, "physics", "lise").members == ("einstein",)
    assert office.see(groups.listing) == [
        Group("chemistry", "chemistry", ()),
        Group("physics", "Physicists", ("einstein",)),
    ]
    assert office.see(groups.listing, limit=1) == [Group("chemistry", "chemistry", ())]
    assert office.see(groups.listing, after="chemistry", limit=1) == [Group("physics", "Physicists", ("einstein",))]
    assert office.see(groups.listing, after="physics") == []
    office.do(groups.remove, "physics")
    assert [group.id for group in office.see(groups.listing)] == ["chemistry"]
    assert office.all(schema.memberships) == office.see(accounts.in_group, "physics") == []


def test_who_goes_is_in_no_group_any_more(office):
    office.do(groups.add, "physics")
    office.do(groups.join, "physics", "einstein")
    office.do(departures.person, "einstein")
    assert office.see(groups.get, "physics").members == ()


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "a b", "a:b", "a" * 65])
def test_a_group_is_called_as_a_person_could_be(office, name):
    assert [field.name for field in refused(office, Invalid, groups.add, name).fields] == ["id"]


def test_a_name_means_one_person_or_one_group(office):
    office.do(groups.add, "physics")
    for name in ("physics", "Physics", "einstein", "Einstein"):
        refused(office, Conflict, groups.add, name)
    for name in ("physics", "PHYSICS"):
        refused(office, Conflict, accounts.add, name, "hash")


def test_what_is_not_there_is_not_found(office):
    office.do(groups.add, "physics")
    for gesture, values in (
        (groups.get, ("nobody",)),
        (groups.remove, ("nobody",)),
        (groups.join, ("nobody", "lise")),
        (groups.join, ("physics", "nobody")),
        (groups.leave, ("nobody", "lise")),
        (groups.leave, ("physics", "lise")),
    ):
        refused(office, NotFound, gesture, *values)


def test_a_group_is_full_at_some_time(office, monkeypatch):
    monkeypatch.setattr(groups, "MAX_MEMBERS", 1)
    office.do(groups.add, "physics")
    office.do(groups.join, "physics", "lise")
    assert "at most 1" in refused(office, Conflict, groups.join, "physics", "einstein").message


# What is shared with a group

PHYSICS = Address("physics", HERE)
ACCEPTED, DECLINED = "SHARE_ACCEPTED", "SHARE_DECLINED"


@pytest.fixture
def group(office):
    """physics: einstein and lise; otto is in no group."""
    for who in ("otto",):
        office.do(accounts.add, who, "hash")
    office.do(groups.add, "physics", name="Physicists")
    for who in ("einstein", "lise"):
        office.do(groups.join, "physics", who)
    return office


def shared(office, **values):
    """marie shares with the group, or with somebody: the rows of it by person."""
    named = {"share_with": PHYSICS, "share_type": "group"} | values
    row, _ = office.do(offers.receive, offer(**named), own_host=HERE, verified="rfc9421")
    return {each.account: each for each in office.see(received.together, row)}


def states(office):
    """The state of every row, by person."""
    return {row.account: row.state for row in office.all(schema.received)}


def told(office):
    """What the sender is told of."""
    return [kind for _, kind, _ in office.told() if kind.startswith("SHARE")]


def say(office, kind, **content):
    notification = Notification(kind, "folder", "p1", "", content)
    office.do(notifications.receive, notification, signed_by=THERE, verified="rfc9421", own_host=HERE)


def test_each_member_is_offered_it_and_its_sender_is_told_of_the_group(group):
    named = {"share_with": PHYSICS, "share_type": "group"}
    row, recipient = group.do(offers.receive, offer(**named), own_host=HERE, verified="rfc9421")
    assert (recipient.id, recipient.name) == ("physics", "Physicists")
    rows = group.see(received.together, row)
    assert [(each.account, each.state, each.group, each.group_name) for each in rows] == [
        ("einstein", "pending", "physics", "Physicists"),
        ("lise", "pending", "physics", "Physicists"),
    ]
    assert [row.account for row in group.all(schema.audit)] == ["einstein", "lise"]
    assert told(group) == []


def test_offered_again_it_is_stored_once_with_what_was_said_last(group):
    before = shared(group)
    group.do(received.decline, before["lise"].id)
    stored = group.everything()
    assert {row.id for row in shared(group).values()} == {row.id for row in before.values()}
    assert group.everything() == stored
    assert {row.expiration for row in shared(group, expiration=NOW + 9).values()} == {None, NOW + 9}
    with pytest.raises(Conflict):
        shared(group, uri="y")
    with pytest.raises(Conflict):
        shared(group, share_with=Address("otto", HERE), share_type="user")


@pytest.mark.parametrize("name", ["nobody", "empty", "einstein", "Physics"])
def test_a_group_that_is_not_there_or_of_nobody_is_answered_as_a_person_who_is_not(group, name):
    group.do(groups.add, "empty")
    before = group.everything()
    refusals = []
    for share_type in ("group", "user"):
        with pytest.raises(Invalid) as caught:
            shared(group, share_with=Address(name if share_type == "group" else "nobody", HERE), share_type=share_type)
        refusals.append((caught.value.message, caught.value.fields))
    assert refusals[0] == refusals[1]
    assert group.everything() == before


def test_an_address_of_a_group_is_understood_as_one_of_a_person_is(group):
    assert set(shared(group, share_with=Address(f"physics@{HERE}", HERE))) == {"einstein", "lise"}
    with pytest.raises(Invalid):  # it is no person
        shared(group, share_with=PHYSICS, share_type="user", provider_id="p2")


def test_the_sender_hears_of_the_first_who_accepts_and_of_the_last_who_declines(group):
    rows = shared(group)
    group.do(received.decline, rows["einstein"].id)
    assert told(group) == []
    group.do(received.accept, rows["lise"].id)
    assert told(group) == [ACCEPTED]
    group.do(received.decline, rows["lise"].id)
    assert told(group) == [ACCEPTED, DECLINED]


def test_the_second_who_accepts_is_no_news(group):
    rows = shared(group)
    for who in ("lise", "einstein"):
        assert group.do(received.accept, rows[who].id).path == "Shares/papers"
    assert told(group) == [ACCEPTED]
    group.do(received.remove, rows["lise"].id)
    assert told(group) == [ACCEPTED]
    group.do(received.remove, rows["einstein"].id)
    assert told(group) == [ACCEPTED, DECLINED]


def test_what_the_sender_says_later_reaches_everybody(group):
    rows = shared(group)
    group.do(received.accept, rows["lise"].id)
    for _ in range(2):
        say(group, "RESHARE_CHANGE_PERMISSION", permission=["read", "write"], expiration=NOW + 100)
        assert {(row.expiration, *row.permissions) for row in group.all(schema.received)} == {
            (NOW + 100, "read", "write")
        }
    for _ in range(2):
        say(group, "SHARE_UNSHARED")
        assert states(group) == {"einstein": "unshared", "lise": "unshared"}
    assert {row.path for row in group.all(schema.received)} == {None}


def test_an_end_and_a_share_that_is_gone_are_everybodys(group):
    rows = shared(group, expiration=NOW + 10)
    other = shared(group, provider_id="p2")
    group.do(received.accept, other["lise"].id)
    group.now += 10
    group.do(received.expire)
    group.do(received.gone, other["lise"].id)
    by_id = {row.id: row.state for row in group.all(schema.received)}
    assert {by_id[row.id] for row in rows.values()} == {"expired"}
    assert {by_id[row.id] for row in other.values()} == {"unshared"}
    assert told(group) == []


def test_who_joins_is_offered_what_is_shared_with_the_group_as_it_is_now(group):
    shared(group)
    ended = shared(group, provider_id="p2")
    for row in ended.values():
        group.do(received.decline, row.id)
    shared(group, provider_id="p3", share_with=Address("lise", HERE), share_type="user")
    say(group, "RESHARE_CHANGE_PERMISSION", permission=["read", "write"])
    group.do(groups.join, "physics", "otto")
    (row,) = group.see(received.listing, "otto")
    assert (row.provider_id, row.state, row.path, row.group) == ("p1", "pending", None, "physics")
    assert (row.permissions, row.secret) == (["read", "write"], "sesame")
    group.do(received.accept, row.id)
    say(group, "SHARE_UNSHARED")
    assert group.see(received.listing, "otto")[0].state == "unshared"


def test_who_leaves_loses_what_is_shared_with_the_group_and_nothing_else(group):
    rows = shared(group)
    personal = shared(group, provider_id="p2", share_with=Address("lise", HERE), share_type="user")["lise"]
    for row in (rows["lise"], personal, rows["einstein"]):
        group.do(received.accept, row.id)
    path = group.see(received.get, rows["lise"].id).path
    group.do(locks.acquire, "lise", path, principal="lise")
    group.deliver()
    group.do(groups.leave, "physics", "lise")
    assert [row.id for row in group.see(received.listing, "lise")] == [personal.id]
    assert group.see(locks.around, "lise", path) == []
    assert group.see(received.get, rows["einstein"].id).state == "accepted"
    assert told(group) == []  # einstein has it still
    group.do(groups.leave, "physics", "einstein")
    assert told(group) == [DECLINED]
    assert group.see(received.listing, "einstein") == []
    for who in ("lise", "einstein"):
        unread = [row.event for row in group.see(news.listing, who, unread_only=True)]
        assert unread == [news.UNGROUPED]


def test_who_comes_back_is_offered_it_again(group):
    rows = shared(group)
    group.do(received.decline, rows["lise"].id)
    for _ in range(2):
        group.do(groups.leave, "physics", "lise")
        group.do(groups.join, "physics", "lise")
        (row,) = group.see(received.listing, "lise")
        assert (row.state, row.provider_id) == ("pending", "p1")
    assert len(group.all(schema.received)) == 2


def test_a_group_or_a_person_that_goes_declines(group):
    rows = shared(group)
    group.do(received.accept, rows["lise"].id)
    group.deliver()
    group.do(departures.person, "lise")
    assert told(group) == []
    group.do(groups.remove, "physics")
    assert told(group) == [DECLINED]
    assert group.see(received.listing) == []
    group.do(groups.add, "physics")
    group.do(groups.join, "physics", "einstein")  # of another group of that name
    assert group.see(received.listing) == []


def test_a_member_who_blocks_the_sender_gets_none(group):
    blocked = group.do(contacts.meet, "lise", Address("marie", THERE))
    group.do(contacts.block, "lise", blocked.id)
    assert set(shared(group)) == {"einstein"}
    assert ("share", "in", "refused", THERE) in group.audited()
    group.do(groups.leave, "physics", "lise")
    group.do(groups.join, "physics", "lise")
    assert states(group) == {"einstein": "pending"}
    known = group.do(contacts.meet, "einstein", Address("marie", THERE))
    group.do(contacts.block, "einstein", known.id)
    before = group.everything()
    with pytest.raises(Denied):
        shared(group, provider_id="p2")
    assert group.everything() == before


def test_a_member_who_blocks_the_owner_gets_none_from_others_also_when_joining_later(group):
    owner = Address("mallory", "elsewhere.example")
    for who in ("lise", "otto"):
        blocked = group.do(contacts.meet, who, owner)
        group.do(contacts.block, who, blocked.id)
    assert set(shared(group, owner=owner)) == {"einstein"}
    group.do(groups.join, "physics", "otto")
    assert states(group) == {"einstein": "pending"}


def test_the_policy_is_asked_for_each_member(group):
    group.do(policy.put, "incoming", ("invited",))
    before = group.everything()
    for name in ("physics", "nobody"):  # who is not let through does not learn which there is
        with pytest.raises(Denied, match="exchange an invite first"):
            shared(group, share_with=Address(name, HERE))
    assert group.everything() == before
    group.do(contacts.meet, "lise", Address("marie", THERE), source=contacts.INVITE)
    assert {who: row.trust for who, row in shared(group).items()} == {"lise": "invited"}
