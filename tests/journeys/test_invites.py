"""Invites between two clouds: from the string to two contacts, and everything that must not work."""

from __future__ import annotations

import base64
import json
from io import BytesIO

import pytest
import segno
from tests.browsing import Browser
from tests.mesh import basic

from opencloudmesh.protocol.invites import Invite, decode, link
from opencloudmesh.server import audit


async def invited(two, **values):
    return await two.api("POST", "invites", values, who="marie", status=201)


async def contacts(server, who):
    return [(row["address"], row["name"], row["source"]) for row in await server.api("GET", "contacts", who=who)]


async def test_an_invite_makes_two_contacts(one, two):
    made = await invited(two, description="for Albert")
    contact = await one.api("POST", "invites/accept", {"invite": made["invite"]}, who="einstein", status=201)
    assert (contact["address"], contact["name"]) == (two.address("marie"), "Marie Curie")
    assert await contacts(one, "einstein") == [(two.address("marie"), "Marie Curie", "invite")]
    assert await contacts(two, "marie") == [(one.address("einstein"), "Albert Einstein", "invite")]
    (row,) = await two.api("GET", "invites", who="marie")
    assert (row["state"], row["acceptedBy"], row["invite"]) == ("accepted", one.address("einstein"), None)
    assert (row["link"], row["code"]) == (None, None)


@pytest.mark.parametrize("spelling", ["link", "invite", "code"])
async def test_each_spelling_that_is_shown_is_accepted(one, two, spelling):
    made = await invited(two)
    assert decode(made[spelling]) == decode(made["invite"])
    await one.api("POST", "invites/accept", {"invite": made[spelling]}, who="einstein", status=201)
    assert len(await contacts(one, "einstein")) == 1


@pytest.mark.parametrize("spelling", ["string", "plain", "padded base64", "link", "link of Nextcloud"])
async def test_an_invite_is_accepted_in_any_spelling(one, two, spelling):
    token, host = decode((await invited(two))["invite"])
    spellings = {
        "string": base64.urlsafe_b64encode(f"{token}@{host}".encode()).rstrip(b"=").decode(),
        "plain": f"{token}@{host}",
        "padded base64": base64.b64encode(f"{token}@{host}".encode()).decode(),
        "link": link("https://elsewhere.example/wayf", Invite(token, host)),
        "link of Nextcloud": f"https://elsewhere.example/apps/contacts/wayf?token={token}&provider={host}",
    }
    await one.api("POST", "invites/accept", {"invite": spellings[spelling]}, who="einstein", status=201)
    assert len(await contacts(one, "einstein")) == 1


async def test_a_lost_answer_is_repaired_by_accepting_again(one, two):
    made = await invited(two)
    for _ in range(2):
        await one.api("POST", "invites/accept", {"invite": made["invite"]}, who="einstein", status=201)
    assert len(await contacts(one, "einstein")) == len(await contacts(two, "marie")) == 1


async def test_an_invite_is_for_one_person(one, two):
    one.add("fritz")
    made = await invited(two)
    await one.api("POST", "invites/accept", {"invite": made["invite"]}, who="einstein", status=201)
    before = one.stored(), two.stored()
    await one.api("POST", "invites/accept", {"invite": made["invite"]}, who="fritz", status=409)
    assert (one.stored(), two.stored()) == before


@pytest.mark.parametrize("end", ["revoked", "expired", "unknown"])
async def test_an_invite_that_is_over_makes_no_contacts(one, two, end):
    made = await invited(two)
    invite = made["invite"]
    if end == "revoked":
        await two.api("DELETE", f"invites/{made['id']}", who="marie", status=204)
    if end == "expired":
        two.context.clock.ahead = one.context.clock.ahead = 31 * 86_400
        assert (await two.api("GET", "invites", who="marie"))[0]["state"] == "expired"
    if end == "unknown":
        invite = f"unknown@{two.host}"
    before = one.stored(), two.stored()
    answer = await one.api("POST", "invites/accept", {"invite": invite}, who="einstein", status=400)
    assert "no longer valid" in answer["message"]
    assert (one.stored(), two.stored()) == before


async def test_ones_own_servers_invite_is_refused(two):
    made = await invited(two)
    await two.api("POST", "invites/accept", {"invite": made["invite"]}, who="fritz", status=400)
    assert await contacts(two, "fritz") == []


@pytest.mark.parametrize("text", ["", "nonsense", "token@", "@host", "a" * 5000, "token@localhost:1"])
async def test_what_is_no_invite_is_refused_with_a_sentence(one, text):
    headers = {"Authorization": basic("einstein"), "Content-Type": "application/json"}
    answer = await one.request("POST", "/api/v1/invites/accept", headers, json.dumps({"invite": text}).encode())
    assert answer.status in (400, 502)
    assert b"message" in answer.body
    assert await contacts(one, "einstein") == []


async def test_an_invite_is_good_for_as_long_as_it_was_said(one, two):
    now = int(two.context.clock())
    made = await invited(two, expiration=now + 3_600)
    assert made["expiration"] == now + 3_600
    assert (await invited(two))["expiration"] - now in range(30 * 86_400, 30 * 86_400 + 60)
    before = one.stored()
    one.context.clock.ahead = two.context.clock.ahead = 3_600
    await one.api("POST", "invites/accept", {"invite": made["invite"]}, who="einstein", status=400)
    assert one.stored() == before


async def test_both_servers_write_down_who_was_met(one, two):
    made = await invited(two)
    await one.api("POST", "invites/accept", {"invite": made["invite"]}, who="einstein", status=201)
    await one.api("POST", "invites/accept", {"invite": f"unknown@{two.host}"}, who="einstein", status=400)

    def trail(server):
        rows = [row for row in server.rows(audit.listing) if row.event == "invite"]
        return [(row.direction, row.outcome, row.host, row.account, row.who, row.verified) for row in rows]

    assert trail(one) == [
        ("out", "done", two.host, "einstein", two.address("marie"), ""),
        ("out", "refused", two.host, "einstein", "", ""),
    ]
    assert trail(two) == [
        ("in", "done", one.host, "marie", one.address("einstein"), "rfc9421"),
        ("in", "refused", one.host, "", "", "rfc9421"),
    ]
    assert not [line for line in one.log + two.log if decode(made["invite"]).token in line]


async def test_the_link_is_shown_as_a_picture_to_its_owner_alone(one, two):
    made = await invited(two)
    paths = (f"/api/v1/invites/{made['id']}/qr.svg", f"/invites/{made['id']}/qr.svg")
    browser = Browser(two)
    await browser.sign_in("marie")
    for answer in (await two.request("GET", paths[0], {"Authorization": basic("marie")}),
                   await browser.send("GET", paths[1])):  # fmt: skip
        assert answer.status == 200
        assert answer.headers.get("content-type") == "image/svg+xml"
        assert "no-store" in answer.headers.get("cache-control")
        assert answer.body == picture(made["link"])
    assert f'src="{paths[1]}"' in (await browser.open("/invites")).html
    assert (await two.request("GET", paths[0], {"Authorization": basic("fritz")})).status == 404
    assert (await two.request("GET", paths[1])).status == 303  # to the page to sign in
    await browser.sign_in("fritz")
    assert (await browser.send("GET", paths[1])).status == 404
    await one.api("POST", "invites/accept", {"invite": made["link"]}, who="einstein", status=201)
    assert (await two.request("GET", paths[0], {"Authorization": basic("marie")})).status == 404


def picture(link):
    """What other people's programs make of it is seen in the squares, and those are segno's."""
    found = BytesIO()
    segno.make_qr(link, error="m").save(
        found, kind="svg", scale=4, xmldecl=False, svgclass=None, lineclass=None, light="#fff"
    )
    return found.getvalue()
