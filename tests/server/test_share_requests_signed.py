"""People elsewhere whose server asks for a share: what they may name, and what they cannot find out by it."""

from __future__ import annotations

from contextlib import closing

import pytest
from tests.server.offices import HERE, MARIE, THERE, Office

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import Forbidden, NotFound, TooManyRequests
from opencloudmesh.protocol.share_requests import ShareRequest
from opencloudmesh.server import audit, contacts, links, policy, schema, share_requests, shares
from opencloudmesh.server.bounds import Terms
from opencloudmesh.server.share_requests import GRANTED, OF_ASKER, OF_SERVER, OPEN, REFUSED, TYPED

EINSTEIN = Address("einstein", HERE)
FILE = f"https://{HERE}/dav/files/einstein/work/a%20b.txt"


@pytest.fixture
def office(database_url):
    office = Office(database_url)
    with closing(office.database):
        yield office


def ask(office, share=FILE, *, owner=EINSTEIN, asker=MARIE):
    request = ShareRequest(owner, asker, share)
    office.do(share_requests.receive, request, own_host=HERE, verified="rfc9421")


def asked(office):
    return office.see(share_requests.listing, "einstein")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (FILE, "work/a b.txt"),
        ("https://HERE.example:443/files/work/a%20b.txt?x=1#y", "work/a b.txt"),
        (f"http://{HERE}/download/work//./a.txt", "work/a.txt"),
        (f"https://{HERE}/share/work", "work"),
        (f"https://{HERE}/look/work/a.pdf", "work/a.pdf"),
        (f"https://{HERE}/files/nothing/is/here", "nothing/is/here"),  # whether there is such a file is not looked at
    ],
)
def test_a_file_may_be_named_by_its_urls_whether_or_not_it_is_there(office, text, path):
    ask(office, text)
    (row,) = asked(office)
    assert (row.account, row.link, row.path, row.state) == ("einstein", None, path, OPEN)
    assert (row.address, row.host, row.verified) == (str(MARIE), THERE, "rfc9421")
    (kept,) = office.see(audit.listing)
    assert (kept.event, kept.direction, kept.outcome, kept.host) == ("request", "in", "done", THERE)
    assert office.told() == []


@pytest.mark.parametrize("state", [shares.ACCEPTED, shares.UNSHARED, shares.EXPIRED])
def test_a_share_may_be_named_by_its_id_and_its_url(office, state):
    share = office.offered(state, path="work/b", share_with=Address("lise", THERE))
    for number, text in enumerate(
        (share.id, f"https://{HERE}/dav/ocm/{share.id}", f"https://{HERE}/dav/ocm/{share.id}/c")
    ):
        ask(office, text, asker=Address(f"m{number}", THERE))
    assert sorted(row.path for row in asked(office)) == ["work/b", "work/b", "work/b/c"]


def test_a_link_may_be_named_and_says_what_comes_of_it(office):
    named = {"path": "work", "resource_type": "folder", "terms": Terms(frozenset({"read", "write"}), "N")}
    link = office.do(links.create, "einstein", **named)
    ask(office, link.token)
    ask(office, f"https://{HERE}/ask/{link.token}", asker=Address("fritz", THERE))
    ask(office, f"https://{HERE}/s/{link.token}/files/deep/in%20it", asker=Address("lise", THERE))
    assert len(asked(office)) == 3
    assert {row.link for row in asked(office)} == {link.id}
    row = office.do(share_requests.grant, asked(office)[0].id, resource_type="folder")
    share = office.see(shares.get, row.share)
    assert (share.permissions, share.description) == (["read", "write"], "N")


def test_whoever_was_typed_at_the_link_is_verified_when_their_server_says_so(office):
    link = office.do(links.create, "einstein", path="work", resource_type="folder")
    office.do(share_requests.ask, link, MARIE, own_host=HERE)
    assert asked(office)[0].verified == TYPED
    ask(office, link.token)
    (row,) = asked(office)
    assert row.verified == "rfc9421"
    office.do(share_requests.ask, link, MARIE, own_host=HERE)  # and stays so, whoever types it
    assert asked(office) == [row]


def refused(office, text=FILE, **named):
    """It is refused as anything is that is not found, and nothing is stored."""
    before = office.everything()
    with pytest.raises(NotFound) as caught:
        ask(office, text, **named)
    assert office.everything() == before
    return caught.value.message


def test_what_is_not_found_and_what_is_somebody_elses_is_all_the_same(office):
    hers = office.do(links.create, "lise", path="work", resource_type="folder")
    share = office.do(shares.offer, owner="lise", path="x", resource_type="file", share_with=Address("fritz", THERE))
    said = {
        refused(office, text)
        for text in (
            "nothing", "work/a.txt", "", "/", f"https://{HERE}/", f"https://{HERE}/files/", f"https://{HERE}/ask/x",
            f"https://{HERE}/dav/ocm/x", f"https://{HERE}/dav/files/lise/a.txt", f"https://{HERE}/dav/files/nobody/a.txt",
            f"https://{HERE}/files/../../etc/passwd", f"https://{HERE}/files/a%00b", f"https://{HERE}/files/%ff",
            "https://other.example/files/a.txt", f"https://{HERE}:8443/files/a.txt", f"ftp://{HERE}/files/a.txt",
            "https://[::1/files/a.txt", "javascript://x", hers.token, hers.id, share.id, share.secret,
            f"https://{HERE}/ask/{hers.token}", f"https://{HERE}/dav/ocm/{share.id}",
        )
    }  # fmt: skip
    said.add(refused(office, owner=Address("nobody", HERE)))
    said.add(refused(office, owner=Address("einstein", "other.example")))
    assert len(said) == 1


def test_an_expired_link_is_not_found(office):
    link = office.do(
        links.create, "einstein", path="work", resource_type="folder", terms=Terms(expiration=office.now + 10)
    )
    office.now += 10
    refused(office, link.token)


def test_the_policy_is_asked_before_anything_is_said(office):
    office.do(policy.put, "incoming", ("invited",))
    for owner in (EINSTEIN, Address("nobody", HERE)):
        before = office.everything()
        with pytest.raises(Forbidden) as caught:
            ask(office, owner=owner)
        assert "invite" in caught.value.message
        assert office.everything() == before


def test_whom_they_block_cannot_ask_them(office):
    row = office.do(contacts.meet, "einstein", MARIE)
    office.do(contacts.block, "einstein", row.id)
    with pytest.raises(Forbidden):
        ask(office)
    assert asked(office) == []


@pytest.mark.parametrize("state", [OPEN, REFUSED])
def test_asked_again_nothing_changes(office, state):
    ask(office)
    office.do(lambda tx: tx.run(schema.requests.update().values(state=state)))
    before = office.everything()
    ask(office)
    ask(office, f"https://{HERE}/files/work/a%20b.txt")
    assert office.everything() == before


def test_what_they_have_is_not_asked_for_and_what_has_ended_can_be(office):
    ask(office)
    row = office.do(share_requests.grant, asked(office)[0].id, resource_type="file")
    before = office.everything()
    ask(office)
    assert office.everything() == before
    office.do(shares.unshare, row.share)
    ask(office)
    assert [row.state for row in asked(office)].count(OPEN) == 1


def test_nobody_asks_themselves_and_the_answer_does_not_say_so(office):
    before = office.everything()
    ask(office, asker=EINSTEIN)
    assert office.everything() == before


@pytest.mark.parametrize(("permissions", "given"), [(None, ["read"]), (frozenset({"write"}), ["read", "write"])])
def test_the_owner_says_what_they_give(office, permissions, given):
    ask(office)
    row = office.do(share_requests.grant, asked(office)[0].id, resource_type="file", permissions=permissions)
    assert row.state == GRANTED
    share = office.see(shares.get, row.share)
    assert (share.path, share.share_with, share.permissions) == ("work/a b.txt", str(MARIE), given)


def test_so_many_of_one_asker_and_of_one_server_wait_and_no_more(office):
    for number in range(OF_ASKER):
        ask(office, f"https://{HERE}/files/{number}")
    before = office.everything()
    with pytest.raises(TooManyRequests):
        ask(office, f"https://{HERE}/files/more")
    assert office.everything() == before
    for number in range(OF_SERVER - OF_ASKER):
        ask(office, asker=Address(f"m{number}", THERE))
    with pytest.raises(TooManyRequests):
        ask(office, asker=Address("more", THERE))
    ask(office, asker=Address("marie", "third.example"))  # another server is not kept out


def test_a_request_is_forgotten_with_its_file(office):
    ask(office)
    ask(office, f"https://{HERE}/files/workshop")
    office.do(share_requests.path_removed, "lise", "work")
    assert len(asked(office)) == 2
    office.do(share_requests.path_removed, "einstein", "work")
    assert [row.path for row in asked(office)] == ["workshop"]
