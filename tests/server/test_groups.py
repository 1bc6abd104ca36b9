"""Groups of our people: who is in them, and what they are offered."""

from __future__ import annotations

from contextlib import closing

import pytest
from tests.server.offices import Office

from opencloudmesh.protocol.errors import Conflict, Invalid, NotFound
from opencloudmesh.server import accounts, departures, groups, schema
from opencloudmesh.server.groups import Group


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
