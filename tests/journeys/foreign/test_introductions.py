"""Accepting an invite of a server that answers in its own way: every status, and a lost answer."""

from __future__ import annotations

import pytest
from tests.journeys.foreign.conftest import OURS
from tests.mesh import settled
from tests.peers.values import json_answer

from opencloudmesh.server import audit

INVITER = {"userID": "carl", "email": "carl@there.example", "name": "Carl"}


def answers(stranger, *given):
    """What it says to one acceptance after the other; what it was told."""
    told, left = [], list(given)

    async def answer(call):
        told.append(call.document())
        status, body = left.pop(0)
        return json_answer(body, status)

    stranger.routes["POST", "/ocm/invite-accepted"] = answer
    return told


async def accept(cloud, stranger, status):
    return await cloud.api("POST", "invites/accept", {"invite": f"tok@en@{stranger.host}"}, who=OURS, status=status)


async def test_what_is_said_of_us_is_what_deployed_servers_read(cloud, stranger):
    told = answers(stranger, (200, INVITER))
    contact = await accept(cloud, stranger, 201)
    assert (contact["address"], contact["name"], contact["email"]) == (
        f"carl@{stranger.host}", "Carl", "carl@there.example",
    )  # fmt: skip
    assert told == [
        {
            "recipientProvider": cloud.host,
            "token": "tok@en",
            "userID": OURS,
            "userId": OURS,  # Nextcloud 32
            "email": f"{OURS}@invalid",  # Nextcloud takes none that is empty
            "name": "Marie Curie",
        }
    ]


@pytest.mark.parametrize(
    ("status", "ours", "said"),
    [
        (400, 400, "not known there, or no longer valid"),
        (401, 403, "refused (401)"),
        (403, 403, "does not trust this one"),
        (404, 400, "not known there, or no longer valid"),  # Reva, OpenCloud and oCIS
        (409, 409, "accepted already"),
        (415, 403, "refused (415)"),
        (429, 503, "cannot take it now (429)"),
        (500, 503, "cannot take it now (500)"),
        (501, 403, "refused (501)"),
        (302, 403, "refused (302)"),
    ],
)
async def test_a_no_makes_no_contact_and_is_told_in_a_sentence(cloud, stranger, status, ours, said):
    told = answers(stranger, (status, {"message": "NO"}))
    before = cloud.stored()
    assert said in (await accept(cloud, stranger, ours))["message"]
    assert cloud.stored() == before
    assert len(told) == 1
    assert all("tok@en" not in line for line in cloud.log)
    rows = [(row.direction, row.outcome, row.host, row.account) for row in cloud.rows(audit.listing)]
    assert rows == ([("out", "refused", stranger.host, OURS)] if ours != 503 else [])


@pytest.mark.parametrize(
    "body", [{}, [], {"userID": ""}, {"userID": 7.5}, {"userID": "a\nb"}, {"userID": "a", "name": 7}]
)
async def test_an_answer_that_says_nobody_makes_no_contact(cloud, stranger, body):
    answers(stranger, (200, body))
    before = cloud.stored()
    await accept(cloud, stranger, 502)
    assert cloud.stored() == before


async def test_a_lost_answer_is_made_good_by_accepting_again(cloud, stranger):
    """opencloudmesh-go says 409 with the identity to one who accepts again."""
    answers(stranger, (503, {}), (409, INVITER), (200, {**INVITER, "name": "Carl Friedrich"}))
    await accept(cloud, stranger, 503)
    assert await cloud.api("GET", "contacts", who=OURS) == []
    first = await accept(cloud, stranger, 201)
    again = await accept(cloud, stranger, 201)
    assert (first["id"], first["source"]) == (again["id"], "invite")
    assert again["name"] == "Carl Friedrich"
    assert len(await cloud.api("GET", "contacts", who=OURS)) == 1


@pytest.mark.parametrize(("version", "told"), [("1.4.0", True), ("1.0-proposal1", False)])
async def test_only_a_server_that_may_know_it_is_told_that_a_contact_has_ended(cloud, stranger, version, told):
    stranger.extra = {"apiVersion": version}
    answers(stranger, (200, INVITER))
    heard = []

    async def hear(call):
        heard.append(call.document())
        return json_answer({}, 201)

    stranger.routes["POST", "/ocm/notifications"] = hear
    contact = await accept(cloud, stranger, 201)
    await cloud.api("DELETE", f"contacts/{contact['id']}", who=OURS, status=204)
    await settled(cloud)
    notice = {
        "notificationType": "USER_REMOVED",
        "resourceType": "user",
        "providerId": OURS,
        "notification": {"grantee": "carl"},
    }
    assert heard == ([notice] if told else [])
    assert cloud.stored()["outbox"] == []
