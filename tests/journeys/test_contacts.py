"""Contacts at two clouds: from shares and invites, found, blocked, removed on both sides, written out and read in."""

from __future__ import annotations

import json

import pytest
from tests.browsing import BOUNDARY, Browser
from tests.mesh import basic, settled

from opencloudmesh.protocol import cards
from opencloudmesh.protocol.address import Address
from opencloudmesh.server import audit, circles, contacts, outbox, schema


async def known(server, who, search=None):
    path = "contacts" if search is None else f"contacts?search={search}"
    return [(row["address"], row["source"]) for row in await server.api("GET", path, who=who)]


async def meet(one, two):
    made = await two.api("POST", "invites", {}, who="marie", status=201)
    return await one.api("POST", "invites/accept", {"invite": made["invite"]}, who="einstein", status=201)


async def offered(one, two):
    one.put("einstein", "note.txt", b"e = mc2")
    body = {"path": "note.txt", "shareWith": two.address("marie")}
    await one.api("POST", "shares", body, who="einstein", status=201)
    await settled(one, two)
    return (await two.api("GET", "received", who="marie"))[0]


@pytest.fixture
async def marie(two):
    browser = Browser(two)
    await browser.sign_in("marie")
    return browser


async def test_contacts_are_written_down_and_forgotten(one, two):
    body = {"address": two.address("marie"), "name": "Marie"}
    made = await one.api("POST", "contacts", body, who="einstein", status=201)
    assert (made["name"], made["blocked"]) == ("Marie", False)
    assert await known(one, "einstein") == [(two.address("marie"), "direct entry")]
    await one.api("DELETE", f"contacts/{made['id']}", who="einstein", status=204)
    await one.api("DELETE", f"contacts/{made['id']}", who="einstein", status=404)
    assert await known(one, "einstein") == []
    assert one.rows(outbox.everything) == []  # she did not know


async def test_a_share_that_is_accepted_makes_two_contacts(one, two):
    share = await offered(one, two)
    assert (await known(one, "einstein"), await known(two, "marie")) == ([], [])
    await two.api("POST", f"received/{share['id']}/accept", who="marie", status=200)
    await settled(one, two)
    assert await known(one, "einstein") == [(two.address("marie"), "share")]
    assert await known(two, "marie") == [(one.address("einstein"), "share")]


async def test_who_removes_a_contact_is_no_longer_an_invited_one_there(one, two):
    contact = await meet(one, two)
    await one.api("DELETE", f"contacts/{contact['id']}", who="einstein", status=204)
    assert await known(two, "marie") == [(one.address("einstein"), "invite")]
    await settled(one, two)
    assert await known(two, "marie") == [(one.address("einstein"), "direct entry")]
    assert not two.rows(contacts.invited, "marie", one.address("einstein"))
    assert one.rows(outbox.everything) == []
    (row,) = [row for row in two.rows(audit.listing) if row.event == "contact"]
    assert (row.direction, row.host, row.account, row.who) == ("in", one.host, "marie", one.address("einstein"))
    await meet(one, two)  # a new invite brings them together again
    assert two.rows(contacts.invited, "marie", one.address("einstein"))


async def test_only_the_one_who_was_removed_loses_the_contact(one, two):
    contact = await meet(one, two)
    made = await two.api("POST", "invites", {}, who="fritz", status=201)
    await one.api("POST", "invites/accept", {"invite": made["invite"]}, who="einstein", status=201)
    await one.api("DELETE", f"contacts/{contact['id']}", who="einstein", status=204)
    await settled(one, two)
    assert await known(two, "fritz") == [(one.address("einstein"), "invite")]
    assert await known(one, "einstein") == [(two.address("fritz"), "invite")]


async def test_an_old_invite_does_not_bring_back_who_was_removed(one, two):
    made = await two.api("POST", "invites", {}, who="marie", status=201)
    await one.api("POST", "invites/accept", {"invite": made["invite"]}, who="einstein", status=201)
    (contact,) = await two.api("GET", "contacts", who="marie")
    await two.api("DELETE", f"contacts/{contact['id']}", who="marie", status=204)
    await settled(one, two)
    before = two.stored()
    await one.api("POST", "invites/accept", {"invite": made["invite"]}, who="einstein", status=400)
    assert two.stored() == before
    assert await known(one, "einstein") == [(two.address("marie"), "direct entry")]


async def test_contacts_are_found_as_one_types(one, marie):
    two = marie.server
    for address, name in (("a@x.example", "Ada"), ("b@y.example", "Émilie"), ("c@z.example", "100 %")):
        await two.api("POST", "contacts", {"address": address, "name": name}, who="marie", status=201)
    assert await known(two, "marie", "%C3%89MI") == [("b@y.example", "direct entry")]
    assert await known(two, "marie", "%25") == [("c@z.example", "direct entry")]
    assert len(await known(two, "marie", "EXAMPLE")) == 3
    page = await marie.open("/contacts?search=ada")
    assert "a@x.example" in page.text
    assert "b@y.example" not in page.text
    assert "Nobody was found." in (await marie.open("/contacts?search=nobody")).text
    two.put("marie", "note.txt", b"")
    (row,) = [row for row in await two.api("GET", "contacts", who="marie") if row["name"] == "Ada"]
    await two.api("POST", f"contacts/{row['id']}/block", who="marie", status=200)
    options = [values["value"] for tag, values in (await marie.open("/share/note.txt")).tags if tag == "option"]
    assert sorted(options) == ["b@y.example", "c@z.example"]


async def test_a_contact_is_blocked_and_let_in_again(two, marie):
    page = await marie.submit("/contacts", address="a@x.example", name="Ada")
    page = await marie.submit(page.form("/contacts/.*/block"))
    assert "Blocked" in page.text
    assert two.rows(contacts.standing, "marie", "a@x.example").blocked
    page = await marie.submit(page.form("/contacts/.*/unblock"))
    assert not two.rows(contacts.standing, "marie", "a@x.example").blocked
    await marie.submit(page.form("/contacts/.*/remove").replace("remove", "adore"), 404)
    await two.api("POST", "contacts/x/block", who="marie", status=404)
    await two.api("POST", "contacts/x/unblock", who="marie", status=404)


# Strangers


@pytest.mark.parametrize("trust", ["stranger", "anybody", "", "invited", "allowed", "directory"])
async def test_a_share_of_a_stranger_is_shown_with_a_warning(one, two, marie, trust):
    share = await offered(one, two)
    update = schema.received.update().values(trust=trust)
    two.context.database.write_now(lambda tx: tx.run(update))
    strange = trust in ("stranger", "")
    shown = await two.api("GET", f"received/{share['id']}", who="marie")
    assert (shown["stranger"], shown["trust"]) == (strange, trust)
    assert ("You do not know this sender" in (await marie.open("/inbox")).text) == strange
    body = {"address": one.address("einstein")}
    contact = await two.api("POST", "contacts", body, who="marie", status=201)
    assert "You do not know this sender" not in (await marie.open("/inbox")).text
    assert not (await two.api("GET", "received", who="marie"))[0]["stranger"]
    await two.api("POST", f"contacts/{contact['id']}/block", who="marie", status=200)
    assert (await two.api("GET", "received", who="marie"))[0]["stranger"] == strange


# Address books


async def test_an_address_book_goes_out_and_in_by_the_api(one, two):
    await meet(one, two)
    circle = await one.api("POST", "circles", {"name": "Radium"}, who="einstein", status=201)
    marie = one.rows(contacts.find, "einstein", two.address("marie")).id
    await one.api("PUT", f"circles/{circle['id']}/members/{marie}", who="einstein", status=200)
    for name, (kind, file) in {
        "jscontact": ("application/jscontact+json", "contacts.json"),
        "vcard": ("text/vcard; charset=utf-8", "contacts.vcf"),
    }.items():
        answer = await one.request(
            "GET", f"/api/v1/contacts/export?format={name}", {"Authorization": basic("einstein")}
        )
        assert answer.headers.get("content-type") == kind
        assert answer.headers.get("content-disposition") == f'attachment; filename="{file}"'
        headers = {"Authorization": basic("fritz"), "Content-Type": kind}
        read = await two.request("POST", "/api/v1/contacts/import", headers, answer.body)
        assert (read.status, json.loads(read.body)) == (
            200,
            {"found": 1, "added": int(name == "jscontact"), "skipped": 0},
        )
        assert await known(two, "fritz") == [(two.address("marie"), "direct entry")]
        (same,) = await two.api("GET", "circles", who="fritz")
        assert (same["name"], [each["address"] for each in same["members"]]) == ("Radium", [two.address("marie")])
        await two.api("DELETE", f"circles/{same['id']}", who="fritz", status=204)
    assert two.rows(outbox.everything) == []  # nothing is shared with anybody by that
    assert not two.rows(contacts.invited, "fritz", two.address("marie"))
    exported = await one.api("GET", "contacts/export", who="einstein")
    assert exported[0]["ietf.org:ocmAddresses"] == {"ocm": {"address": two.address("marie"), "source": "invite"}}


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/jscontact+json", b"nonsense", 400),
        ("application/jscontact+json", b'{"@type": "Card"', 400),
        ("text/vcard", b"", 400),
        ("text/vcard", b"\xff\xfe", 400),
        ("text/plain", b"BEGIN:VCARD\nEND:VCARD", 415),
        ("", b"BEGIN:VCARD\nEND:VCARD", 415),
        ("text/vcard", b"BEGIN:VCARD\nEND:VCARD\n" * 1001, 413),
        ("application/jscontact+json", b" " * (cards.MAX_FILE + 1), 413),
    ],
)
async def test_what_is_no_address_book_is_refused(two, kind, body, status):
    before = two.stored()
    headers = {"Authorization": basic("marie"), "Content-Type": kind}
    answer = await two.request("POST", "/api/v1/contacts/import", headers, body)
    assert answer.status == status
    assert json.loads(answer.body)["message"]
    assert two.stored() == before
    await two.api("GET", "contacts/export?format=pdf", who="marie", status=400)


async def test_an_address_book_goes_out_and_in_by_the_pages(one, two, marie):
    await marie.submit("/contacts", address="a@x.example", name="Ada <b>")
    page = await marie.open("/contacts")
    links = [link for link in page.links if link.startswith("/contacts/export")]
    assert len(links) == 2
    einstein = Browser(one)
    await einstein.sign_in("einstein")
    for link in links:
        answer = await marie.send("GET", link)
        assert answer.status == 200
        assert "attachment" in answer.headers.get("content-disposition")
        page = await upload(einstein, "contacts", answer.body)
        assert "The contacts in the file were added." in page.text
        assert "Ada <b>" in page.text
    assert await known(one, "einstein") == [("a@x.example", "direct entry")]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"nonsense", "not valid JSON"),
        (b"BEGIN:VCARD\nFN:x\nEND:VCARD", "None of the contacts in this file has an OCM Address."),
        (b"x" * (cards.MAX_FILE + 1), "at most"),
        (None, "Choose a file."),
    ],
)
async def test_a_file_that_is_no_address_book_is_told_on_the_page(two, marie, body, said):
    page = await upload(marie, "" if body is None else "x.vcf", body or b"", 413 if said == "at most" else 400)
    assert said in page.text
    assert await known(two, "marie") == []


async def test_who_is_brought_in_is_nobody_who_is_here(two, marie):
    book = cards.write([cards.Card(Address.parse(two.address("marie")))], cards.VCARD)
    await upload(marie, "x.vcf", book)
    assert await known(two, "marie") == []


async def test_of_the_circles_in_a_file_those_are_made_that_can_be(two, monkeypatch):
    monkeypatch.setattr(circles, "MAX_MEMBERS", 2)
    monkeypatch.setattr(circles, "MAX_CIRCLES", 2)
    await two.api("POST", "circles", {"name": "radium"}, who="marie", status=201)
    names = ("Radium", "a@b", "Work", "One too many")
    addresses = [Address(each, "x.example") for each in "abc"] + [Address.parse(two.address("marie"))]
    book = cards.write([cards.Card(each, circles=names) for each in addresses], cards.VCARD)
    headers = {"Authorization": basic("marie"), "Content-Type": cards.VCARD}
    for added in (3, 0):
        answer = await two.request("POST", "/api/v1/contacts/import", headers, book)
        assert json.loads(answer.body)["added"] == added
        found = await two.api("GET", "circles", who="marie")
        inside = {row["name"]: [each["address"] for each in row["members"]] for row in found}
        assert inside == {name: ["a@x.example", "b@x.example"] for name in ("radium", "Work")}


async def upload(browser, name, body, status=200):
    head = f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
    form = f"--{BOUNDARY}\r\n".encode() + head + body + f"\r\n--{BOUNDARY}--\r\n".encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return await browser.follow(await browser.send("POST", "/contacts/import", form, kind), status)
