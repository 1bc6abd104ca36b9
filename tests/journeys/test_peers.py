"""Who is at the other end, before anything is shared: what the API and the page say, and what is never asked."""

from __future__ import annotations

import json
from urllib.parse import quote

from tests.browsing import Browser
from tests.client.sites import page, site
from tests.client.wires import wire
from tests.mesh import serve

from opencloudmesh.server import audit, contacts, discovery, peers, policy, rules
from opencloudmesh.server.web import peers as looks

FACTS = ("provider", "version", "signed", "inviteNeeded", "mustExchangeToken", "mfa", "groups", "write")


async def look(cloud, address, status=200):
    return await cloud.api("GET", f"peers?address={quote(address, safe='')}", who="einstein", status=status)


def asked(cloud):
    """What went out from a cloud."""
    return [line for line in cloud.log if " out GET " in line]


async def test_a_server_that_is_up_says_what_it_is_and_can(one, two):
    found = await look(one, two.address("marie"))
    assert {name: found[name] for name in ("host", "contact", "allowed", "reachable", "reason")} == {
        "host": two.host, "contact": None, "allowed": True, "reachable": True, "reason": "",
    }  # fmt: skip
    assert [found[name] for name in FACTS] == ["Two", "1.4.0", True, False, False, False, True, True]
    await one.api("POST", "contacts", {"address": two.address("marie"), "name": "Marie"}, who="einstein")
    before = len(asked(one))
    assert (await look(one, f"marie@http://{two.host}/"))["contact"]["name"] == "Marie"
    assert len(asked(one)) == before > 0  # it is remembered


async def test_who_was_not_invited_where_one_must_be_is_told_so(one, two):
    two.context.database.write_now(lambda tx: policy.put(tx, "incoming", ("invited",)))
    found = await look(one, two.address("marie"))
    assert (found["reachable"], found["inviteNeeded"]) == (True, True)
    assert "exchange an invite first" in found["reason"]
    made = await two.api("POST", "invites", {}, who="marie", status=201)
    await one.api("POST", "invites/accept", {"invite": made["invite"]}, who="einstein", status=201)
    found = await look(one, two.address("marie"))
    assert (found["inviteNeeded"], found["reason"], found["contact"]["source"]) == (False, "", "invite")


async def test_why_a_server_cannot_be_reached_is_one_sentence(one, monkeypatch):
    found = await look(one, "marie@localhost:9")
    assert (found["allowed"], found["reachable"]) == (True, False)
    assert "localhost:9" in found["reason"]
    assert [found[name] for name in FACTS] == [None] * len(FACTS)
    async with wire(site({"/": page({})})) as other:
        assert "does not speak Open Cloud Mesh" in (await look(one, f"marie@localhost:{other.port}"))["reason"]
    monkeypatch.setattr(looks, "WAIT", 0)
    assert "has not answered within a few seconds" in (await look(one, "marie@localhost:10"))["reason"]
    assert one.rows(peers.everybody) == []


async def test_who_is_denied_or_blocked_is_not_even_asked(one, two):
    contact = await one.api("POST", "contacts", {"address": two.address("marie")}, who="einstein")
    await one.api("POST", f"contacts/{contact['id']}/block", who="einstein")
    found = await look(one, two.address("marie"))
    assert (found["allowed"], found["reachable"]) == (False, False)
    assert "is blocked here" in found["reason"]
    one.context.database.write_now(lambda tx: rules.put(tx, two.host, outgoing="deny"))
    assert "does not allow contact with" in (await look(one, two.address("fritz")))["reason"]
    assert asked(one) == []
    assert one.rows(peers.everybody) == []
    assert [row for row in one.rows(audit.listing) if row.outcome == "refused"] == []  # nothing was tried


async def test_outside_of_development_nothing_private_is_asked(tmp_path):
    async with wire(site({})) as inside, serve(tmp_path, development=False) as cloud:
        cloud.add("einstein")
        for host in (f"localhost:{inside.port}", f"127.0.0.1:{inside.port}", "169.254.169.254", "[::1]"):
            found = await look(cloud, f"marie@{host}")
            assert (found["allowed"], found["reachable"]) == (True, False)
            assert found["reason"]
        assert inside.connections == 0
        assert cloud.rows(peers.everybody) == []


async def test_nobody_looks_at_more_servers_than_a_person_would(one, two, einstein):
    one.add("lise")
    for _ in range(discovery.PER_MINUTE):
        await look(one, two.address("marie"))
    before = asked(one)
    assert "Wait a minute" in (await look(one, "marie@localhost:9", 429))["message"]
    assert asked(one) == before
    await one.api("GET", f"peers?address={quote(two.address('marie'))}", who="lise", status=200)


async def test_the_page_says_what_is_known_and_suggests_with_and_without_a_script(one, two, einstein):
    one.put("einstein", "note.txt", b"")
    marie = await one.api("POST", "contacts", {"address": two.address("marie"), "name": "Marie Curie"}, who="einstein")
    circle = await one.api("POST", "circles", {"name": "Marine Biology"}, who="einstein")
    await one.api("PUT", f"circles/{circle['id']}/members/{marie['id']}", who="einstein")
    before = one.stored()
    page = await einstein.open("/share/note.txt")
    options = [values["value"] for tag, values in page.tags if tag == "option"]
    assert options == [two.address("marie"), "Marine Biology"]
    assert "can be reached" not in page.text
    page = await einstein.submit(
        "/share/note.txt", look="yes", address=two.address("marie"), note="Look!", access="write"
    )
    for words in (f"Two at {two.host}", "Marie Curie is one of your contacts.", "It can be reached, and takes shares."):
        assert words in page.text
    assert "Look!" in page.text
    assert 'value="write" checked' in page.html
    page = await einstein.submit("/share/note.txt", look="yes", address="mar")
    assert [values["value"] for tag, values in page.tags if values.get("name") == "pick"] == options
    page = await einstein.submit("/share/note.txt", pick=two.address("marie"), address="mar", note="Look!")
    for words in ("It signs its messages.", "People there can write where you let them.", "Look!"):
        assert words in page.text
    page = await einstein.open(f"/share/note.txt?with={quote(two.address('marie'))}")
    assert "It signs its messages." in page.text

    async def ask(text, more=""):
        answer = await einstein.send("GET", f"/peers?address={quote(text, safe='')}{more}")
        assert answer.status == 200
        return json.loads(answer.body)

    said = await ask("mar")
    assert [row["value"] for row in said["suggestions"]] == options
    assert said["panel"] is None
    assert (await ask(two.address("marie"), "&only=names"))["panel"] is None
    assert (await ask(two.address("marie")))["panel"]["title"] == f"Two at {two.host}"
    panel = (await ask("marie@localhost:9"))["panel"]
    away = panel["lines"]
    assert 'id="note" name="note" value="marie@localhost:9"' in (await einstein.open(panel["first"]["href"])).html
    assert [line["kind"] for line in away] == ["", "warn", ""]
    assert "cannot be reached: " in away[1]["text"]
    one.context.database.write_now(lambda tx: rules.put(tx, two.host, outgoing="deny"))
    assert "does not allow contact" in (await ask(two.address("marie")))["panel"]["lines"][1]["text"]
    assert (await ask("einstein@"))["panel"]["lines"][0]["kind"] == "warn"
    assert {**one.stored(), "sessions": [], "rules": []} == {**before, "sessions": [], "rules": []}
    assert (await Browser(one).send("GET", "/peers?address=m@two.example")).status == 303


async def test_links_are_on_the_page_too_and_folders_lead_there(one, einstein):
    one.put("einstein", "note.txt", b"")
    page = await einstein.submit("/link/note.txt", mode="read")
    assert "The link was made." in page.text
    assert "Nobody but you, and whoever has a link to it." in page.text
    assert "/share/note.txt#links" in (await einstein.open("/files/")).links
    page = await einstein.submit(page.form("/links/.*/remove.*"))
    assert "It leads nowhere any more." in page.text
    assert "None yet." in page.text
    assert "/share/note.txt#links" not in (await einstein.open("/files/")).links


async def test_what_is_no_address_of_somebody_else_is_refused(one):
    for text in (
        "",
        "marie",
        "marie@",
        "@two.example",
        "m\0@two.example",
        "a@b.c\nd",
        "m" * 2000,
        one.address("einstein"),
    ):
        said = await look(one, text, 400)
        assert [field["name"] for field in said["validationErrors"]] == ["address"]
    assert (await one.request("GET", "/api/v1/peers?address=m@two.example")).status == 401
    assert asked(one) == []
    assert one.rows(contacts.listing, "einstein") == []
