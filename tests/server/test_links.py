"""Links that people give away: made, listed, opened by their token only, and ended."""

from __future__ import annotations

import hmac
from contextlib import closing
from functools import partial

import pytest
from tests.server.offices import NOW, Office, with_terms

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import InsufficientStorage, Invalid, NotFound
from opencloudmesh.server import links, schema, share_requests


@pytest.fixture
def office(database_url):
    office = Office(database_url)
    with closing(office.database):
        yield office


def create(office, who="einstein", **values):
    return office.do(links.create, who, **with_terms({"path": "a/b", "resource_type": "file", **values}))


def test_a_link_is_stored_with_a_token_of_its_own(office):
    row = create(office, permissions=frozenset({"write"}), description="my paper", expiration=NOW + 60)
    assert (row.account, row.mode, row.path, row.resource_type) == ("einstein", "ask", "a/b", "file")
    assert row.permissions == ["read", "write"]
    assert (row.description, row.expiration, row.created) == ("my paper", NOW + 60, NOW)
    other = create(office)
    assert other.token != row.token
    assert row.token not in row.id
    assert office.told() == []


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"permissions": frozenset()}, "permissions"),
        ({"permissions": frozenset({"read", "delete"})}, "permissions"),
        ({"expiration": NOW}, "expiration"),
        ({"path": ""}, "path"),  # the whole tree
    ],
)
def test_a_wrong_field_is_named_and_nothing_stored(office, values, field):
    before = office.everything()
    with pytest.raises(Invalid) as caught:
        create(office, **values)
    assert [wrong.name for wrong in caught.value.fields] == [field]
    assert office.everything() == before


def test_a_list_shows_ones_own_the_newest_first(office):
    first = create(office)
    office.now += 1
    second = create(office)
    create(office, "lise")
    assert [row.id for row in office.see(links.listing, "einstein")] == [second.id, first.id]


def test_a_token_opens_its_link_until_the_time_is_over(office):
    row = create(office, expiration=NOW + 60)
    office.now += 59
    assert office.see(links.opened_by, row.token).id == row.id
    office.now += 1
    with pytest.raises(NotFound):
        office.see(links.opened_by, row.token)
    assert [kept.id for kept in office.see(links.listing, "einstein")] == [row.id]


@pytest.mark.parametrize("change", [str.upper, lambda token: token[:-1], lambda token: token + "x", lambda _: ""])
def test_what_is_no_token_opens_nothing_and_is_told_as_one_that_ended(office, change):
    row = create(office)
    with pytest.raises(NotFound) as never:
        office.see(links.opened_by, change(row.token))
    office.do(links.remove, row.id)
    with pytest.raises(NotFound) as ended:
        office.see(links.opened_by, row.token)
    assert never.value.message == ended.value.message


def test_tokens_are_compared_in_constant_time(office, monkeypatch):
    row, compared = create(office), []
    compare = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append((a, b)) or compare(a, b))
    office.see(links.opened_by, row.token)
    assert compared == [(row.token.encode(), row.token.encode())]


def test_nobody_removes_the_link_of_another(office):
    row = create(office)
    before = office.everything()
    with pytest.raises(NotFound):
        office.do(links.remove, row.id, account="lise")
    assert office.everything() == before
    office.do(links.remove, row.id, account="einstein")
    with pytest.raises(NotFound):
        office.do(links.remove, row.id, account="einstein")


def test_links_end_with_what_they_lead_to_and_requests_with_links(office):
    rows = {path: create(office, path=path) for path in ("a", "a/b", "ab", "A/b")}
    hers = create(office, "lise", path="a")
    for row in (rows["a/b"], rows["ab"]):
        office.do(share_requests.ask, row, Address("marie", "there.example"), own_host="here.example")
    office.do(links.path_removed, "einstein", "a")
    assert {row.id for row in office.all(schema.links)} == {rows["ab"].id, rows["A/b"].id, hers.id}
    assert [row.path for row in office.all(schema.requests)] == ["ab"]


def test_what_visitors_put_there_has_a_bound_in_the_moment_in_which_it_is_counted(office):
    row = create(office, resource_type="folder", mode="edit")
    reserve = partial(office.do, links.reserve, row.id, total=10, most=3)
    reserve(size=4, count=1)
    for size, count in ((7, 1), (0, 3)):
        before = office.everything()
        with pytest.raises(InsufficientStorage):
            reserve(size=size, count=count)
        assert office.everything() == before
    reserve(size=6, count=2)
    office.do(links.give_back, row.id, size=6, count=2)
    counted = office.see(links.get, row.id)
    assert (counted.uploads, counted.uploaded) == (1, 4)
    reserve(size=6, count=2)
    with pytest.raises(NotFound):
        office.do(links.reserve, "gone", size=0, count=0, total=10, most=3)
