"""Public links of other clouds that somebody keeps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.server.offices import HERE, MARIE, THERE, Office

from opencloudmesh.client.multistatus import RemoteEntry
from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import Forbidden, TooManyRequests
from opencloudmesh.protocol.public_links import PublicLink
from opencloudmesh.server import (
    contacts,
    departures,
    links_elsewhere,
    listings,
    news,
    outbox,
    policy,
    received,
    reshares,
)

ROOT = RemoteEntry("", True, 0, 0, "e", frozenset({"read", "write", "share"}))  # as ownCloud tells of every link
ACCESS = {"url": f"https://{THERE}/public.php/webdav/", "scheme": "Basic"}
SEEN = {**listings.root_columns(ROOT, link=True), "access": ACCESS}


@pytest.fixture
def office(database_url: str) -> Iterator[Office]:
    office = Office(database_url)
    with closing(office.database):
        yield office


def keep(office: Office, token: str = "token", password: str = "", **said: str) -> received.Row:
    link = PublicLink(THERE, "", token, **said)
    return office.do(links_elsewhere.keep, "einstein", link, password=password, seen=SEEN)


def test_no_message_is_about_it_or_finds_it(office: Office) -> None:
    """Everybody who has the link knows the token, and it must not end it for somebody else."""
    row = keep(office, name="work", owner="marie", owner_name="Marie")
    assert (row.state, row.path, row.sender, row.owner) == (received.ACCEPTED, "Shares/work", THERE, f"marie@{THERE}")
    for provider_id in ("", "-1", row.id, "token"):
        assert office.see(received.with_secret, provider_id, "token") is None
        assert office.see(received.told_by, THERE, provider_id) is None
    again = keep(office, password="new", name="other")
    assert (again.id, again.name, again.password) == (row.id, "work", "new")
    assert office.do(received.accept, row.id).id == row.id
    assert office.see(outbox.everything) == []
    assert office.see(contacts.listing, "einstein") == []
    office.do(received.decline, row.id)
    assert office.see(received.listing) == []
    assert office.see(outbox.everything) == []


def test_it_is_not_shared_on(office: Office) -> None:
    keep(office, name="work")
    with pytest.raises(Forbidden):
        office.do(
            reshares.pass_on,
            owner="einstein",
            path="Shares/work",
            resource_type="folder",
            share_with=Address("pierre", "third.example"),
            own_host=HERE,
        )


def test_what_has_ended_makes_room_for_the_same_anew(office: Office) -> None:
    row = keep(office)
    office.do(received.gone, row.id)
    assert [each.event for each in office.see(news.listing, "einstein")] == [news.LINK_GONE]
    anew = keep(office)
    (only,) = office.see(received.listing)
    assert (only.id, only.state, only.path) == (anew.id, received.ACCEPTED, f"Shares/{THERE}")


def test_one_person_keeps_so_many_and_no_more(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links_elsewhere, "MAX_KEPT", 2)
    for token in ("one", "two", "two"):
        keep(office, token)
    with pytest.raises(TooManyRequests):
        keep(office, "three")
    assert {row.secret for row in office.see(received.listing)} == {"one", "two"}


def test_only_the_server_counts_for_the_policy(office: Office) -> None:
    """An invite exchanged with somebody there says nothing of who wrote the link."""
    office.do(contacts.meet, "einstein", MARIE, source=contacts.INVITE)
    office.do(policy.put, "incoming", ("invited",))
    with pytest.raises(policy.Denied):
        keep(office, owner="marie")
    assert office.see(received.listing) == []


def test_it_goes_with_the_person_and_with_the_server(office: Office) -> None:
    keep(office, "one")
    office.do(departures.server, THERE)
    assert office.see(received.listing) == []
    keep(office, "two")
    office.do(departures.person, "einstein")
    assert office.see(received.listing) == []
    assert office.see(outbox.everything) == []
