"""What operators see of other servers, decide about them, and end."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from tests.browsing import EVIL, harmless
from tests.journeys.test_operator import decided
from tests.journeys.test_shares import offered
from tests.mesh import settled

from opencloudmesh.protocol.keys import SigningKey
from opencloudmesh.server import directories, outbox, peers, policy, received, rules, shares
from opencloudmesh.server.database import Tx
from opencloudmesh.server.web.pages.operator.policy import QUESTIONS


async def test_a_server_is_shown_with_its_health_and_what_holds_for_it(one, two, lise):
    one.put("einstein", "note.txt", b"e = mc2")
    await offered(one, two)
    at = f"/operator/peers/{quote(two.host)}"
    page = await lise.open(at)
    assert harmless(page)
    for text in ("Well", "Calls itselfTwo", "Shared from here1", "anybody as the policy says", "listed in none"):
        assert text in page.text
    for prints in one.rows(lambda tx: peers.thumbprints(peers.get(tx, two.host))).values():
        assert prints[0] in page.text
    details = await one.api("GET", f"operator/peers/{quote(two.host)}", who="lise")
    assert (details["shares"], details["received"], details["dialect"], details["decidedBy"]) == (1, 0, "ocm-1.4", {})
    assert details["keys"] == details["firstKeys"]
    (listed,) = await one.api("GET", "operator/peers", who="lise")
    assert listed.items() <= details.items()

    one.context.database.write_now(lambda tx: peers.failed(tx, two.host, EVIL))
    page = await lise.open("/operator/peers?failing=true")
    assert harmless(page)
    assert EVIL in page.text
    assert at in page.links
    assert at not in (await lise.open("/operator/peers?search=nothing")).links
    # Asked again at once although it failed a moment ago.
    page = await lise.submit(f"{at}/ask")
    assert "The server has said who it is." in page.text
    assert one.rows(peers.get, two.host).failures == 0
    page = await lise.submit(f"{at}/forget")
    assert "Nothing is known of this server yet." in page.text
    await one.api("GET", f"operator/peers/{quote(two.host)}", who="lise", status=404)
    await one.api("POST", f"operator/peers/{quote(two.host)}/discover", who="lise", status=200)
    assert decided(one) == [("lise", "peer", two.host, "forgotten")]


async def test_a_server_that_is_away_is_asked_and_said_so(one, lise):
    page = await lise.submit("/operator/peers/localhost%3A9/ask", 502)
    assert "localhost:9 did not answer" in page.text
    assert one.rows(peers.get, "localhost:9") is None
    await one.api("POST", "operator/peers/localhost%3A9/discover", who="lise", status=502)
    await lise.open("/operator/peers/no%20host", 400)
    await one.api("GET", "operator/peers/no%20host", who="lise", status=400)


async def test_what_is_decided_about_a_server_counts_at_once(one, two, lise, marie, einstein):
    at = f"/operator/peers/{quote(two.host)}"
    two.put("marie", "radium.csv", b"x")
    page = await lise.submit(at, incoming="deny", outgoing="", signatures="required")
    assert "Decided." in page.text
    assert "denied decided by the rule for " + two.host in page.text
    await two.api("POST", "shares", {"path": "radium.csv", "shareWith": one.address("einstein")}, who="marie")
    await settled(one, two)
    assert one.rows(received.listing) == []
    await lise.submit(at, incoming="", outgoing="", signatures="")
    assert one.rows(rules.listing) == []  # a rule that says nothing is none
    await lise.submit(at, 400, incoming="perhaps", outgoing="", signatures="")
    await lise.submit("/operator/rules", pattern="*.bad.example", incoming="deny", outgoing="deny", signatures="")
    page = await lise.submit("/operator/rules", 400, pattern="not a host", incoming="deny", outgoing="", signatures="")
    assert "not a host" in page.html
    assert "denied decided by the rule for *.bad.example" in (await lise.open("/operator/peers/x.bad.example")).text
    await lise.submit("/operator/rules/remove", pattern="*.bad.example")
    await lise.submit("/operator/rules/remove", 404, pattern="*.bad.example")
    assert [reason for *_, reason in decided(one)] == [
        "incoming: deny, outgoing: None, signatures: required",
        "incoming: None, outgoing: None, signatures: None",
        "no rule any more",
        "incoming: deny, outgoing: deny, signatures: None",
        "no rule any more",
    ]


async def test_the_policy_is_changed_in_its_words(one, lise):
    page = await lise.open("/operator/policy")
    assert all(question in page.text for question in QUESTIONS.values())
    await lise.submit("/operator/policy/incoming", directory="yes", invited="yes", nonsense="yes")
    await lise.submit("/operator/policy/outgoing")
    await lise.submit("/operator/policy/signatures", one="required")
    await lise.submit("/operator/policy/tokens", one="possible")
    in_force = one.rows(policy.current)
    assert in_force.words["incoming"] == {"directory", "invited"}
    assert in_force.words["outgoing"] == frozenset()
    assert (in_force.signatures, in_force.tokens) == ("required", "possible")
    assert "must-use-http-sig" in (await lise.open("/operator/policy")).text
    before = one.stored()
    await lise.submit("/operator/policy/signatures", 400, one="sometimes")
    await lise.submit("/operator/policy/nonsense", 404, one="required")
    assert one.stored() == before
    said = await one.api("PATCH", "operator/policy", {"accept": ["invited"], "outgoing": ["anybody"]}, who="lise")
    assert said == {"incoming": ["directory", "invited"], "outgoing": ["anybody"], "signatures": ["required"],
                    "tokens": ["possible"], "accept": ["invited"]}  # fmt: skip
    before = one.stored()
    await one.api("PATCH", "operator/policy", {"accept": ["allowed"], "outgoing": ["x"]}, who="lise", status=400)
    assert one.stored() == before  # all of it or nothing
    assert [reason for *_, reason in decided(one)] == [
        "incoming: directory, invited", "outgoing: nobody", "signatures: required", "tokens: possible",
        "outgoing: anybody", "accept: invited",
    ]  # fmt: skip


async def test_rules_are_set_and_taken_back_by_the_api(one, lise):
    rule = {"pattern": "*.example", "incoming": "deny", "outgoing": None, "signatures": None, "private": False,
            "ca": False}  # fmt: skip
    assert await one.api("PUT", "operator/rules/%2A.example", {"incoming": "deny"}, who="lise") == rule
    assert await one.api("PUT", "operator/rules/%2A.example", {"signatures": "required"}, who="lise") == {
        **rule, "signatures": "required",
    }  # fmt: skip
    assert [row["pattern"] for row in await one.api("GET", "operator/rules", who="lise")] == ["*.example"]
    assert await one.api("GET", "operator/rules?after=%2A.example", who="lise") == []
    before = one.stored()
    for wrong in ({}, {"incoming": "x"}, {"private": True}, {"signatures": 1}):
        await one.api("PUT", "operator/rules/%2A.example", wrong, who="lise", status=400)
    assert one.stored() == before
    await one.api("DELETE", "operator/rules/%2A.example", who="lise", status=204)
    await one.api("DELETE", "operator/rules/%2A.example", who="lise", status=404)


async def test_everything_with_a_server_ends_when_it_is_confirmed(one, two, lise, marie):
    one.put("einstein", "note.txt", b"e = mc2")
    share_id, received_id = await offered(one, two)
    at = f"/operator/peers/{quote(two.host)}"
    page = await lise.open(f"{at}/purge")
    assert "1 share from here and 0 from there end at once" in page.text
    page = await lise.submit(page.form(".*/purge"), deny="yes", contacts="yes")
    assert "Everything with the server has ended." in page.text
    assert one.rows(shares.get, share_id).state == "unshared"
    assert one.rows(rules.rule_for, two.host).said("in") == "deny"
    assert one.rows(outbox.everything) == []
    assert two.rows(received.get, received_id).state == "accepted"  # it was told nothing
    assert ("lise", "peer", two.host, "The operator ended everything with this server.") in decided(one)
    ended = await one.api("POST", f"operator/peers/{quote(two.host)}/purge", {}, who="lise", status=200)
    assert set(ended.values()) == {0}


# Directories


@pytest.fixture
def key():
    from cryptography.hazmat.primitives.asymmetric import ed25519

    return SigningKey("", "ed25519", ed25519.Ed25519PrivateKey.generate())


async def test_directories_are_believed_shown_and_removed(one, lise, key):
    url, pem = "https://mesh.example/servers.json?a=1&b=2", key.public_pem()
    page = await lise.submit("/operator/directories", url=url, keys=pem + pem)
    assert "The directory is asked within a minute." in page.text
    (row,) = one.rows(directories.listing)
    assert (row.url, [text.strip() for text in row.keys], row.unsigned) == (url, [pem.strip()] * 2, False)

    def answers(tx: Tx) -> None:
        tx.run(directories.directories.update().values(federation=EVIL, fetched=tx.now, error=EVIL, due=tx.now + 9))
        members = [{"directory": url, "host": f"c{number:03}.example", "url": "https://x", "name": EVIL}
                   for number in range(120)]  # fmt: skip
        tx.run(directories.listed.insert(), members)

    one.context.database.write_now(answers)
    page = await lise.open("/operator/directories")
    assert harmless(page)
    assert EVIL in page.text
    first = await lise.open(next(link for link in page.links if "/servers?" in link))
    second = await lise.open(next(link for link in first.links if "after=" in link))
    assert harmless(first)
    assert ("c000.example" in first.text, "c119.example" in first.text, "c119.example" in second.text) == (
        True, False, True,
    )  # fmt: skip
    members = await one.api("GET", f"operator/directories/servers?url={quote(url, safe='')}&after=c118", who="lise")
    assert [member["host"] for member in members] == ["c118.example", "c119.example"]
    await lise.submit("/operator/directories/refresh", url=url)
    assert [found.url for found in one.rows(directories.due)] == [url]
    page = await lise.open(next(link for link in page.links if "/remove?" in link))
    await lise.submit(page.form(".*/remove"), url=url)
    assert one.rows(directories.listing) == []
    await lise.submit("/operator/directories/remove", 404, url=url)
    await lise.submit("/operator/directories", 400, url=url)
    await lise.submit("/operator/directories", 400, url="nonsense", unsigned="yes")
    await lise.submit("/operator/directories", 400, url=url, keys="-----BEGIN PUBLIC KEY-----\nnonsense")
    assert one.rows(directories.listing) == []
    added = await one.api("POST", "operator/directories", {"url": url, "keys": pem}, who="lise", status=201)
    assert (added["keys"], added["fetched"]) == (1, None)
    await one.api("DELETE", f"operator/directories?url={quote(url, safe='')}", who="lise", status=204)
    assert [(by, event) for by, event, *_ in decided(one)] == [("lise", "directory")] * 4
