"""Who takes an invite, and who says that a contact has ended: every status, and nothing half done."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.security.senders import SECRET, Foreign, deliver, encoded
from tests.security.stages import Stage

from opencloudmesh.protocol.invites import decode
from opencloudmesh.protocol.wire import Headers, Request, Response
from opencloudmesh.server import audit, contacts, invites

WHAT = "invite-accepted"


async def token(stage: Stage) -> str:
    made = await stage.cloud.api("POST", "invites", {}, who="einstein", status=201)
    return decode(made["invite"]).token


def taken(sender: Foreign, invite: str, **changes: Any) -> dict[str, Any]:
    body = {"recipientProvider": sender.host, "token": invite, "userID": "marie", "email": "m@x.example", "name": "M"}
    return {name: value for name, value in (body | changes).items() if value is not None}


def signed(stage: Stage, invite: str, sender: Foreign | None = None, **changes: Any) -> Request:
    sender = sender or stage.sender
    return sender.signed(stage.cloud, WHAT, encoded(taken(sender, invite, **changes)))


async def accepts(stage: Stage, request: Request) -> dict[str, Any]:
    answer: Response = await deliver(stage.cloud, request)
    assert answer.status == 200, answer.body
    return dict(json.loads(answer.body))


def known(stage: Stage) -> list[tuple[str, str]]:
    return [(row.address, row.source) for row in stage.cloud.rows(contacts.listing, "einstein")]


def trail(stage: Stage) -> list[tuple[str, ...]]:
    rows = [row for row in stage.cloud.rows(audit.listing) if row.event in ("invite", "contact")]
    return [(row.event, row.direction, row.outcome, row.host, row.who, row.verified, row.count) for row in rows]


async def test_who_takes_an_invite_is_answered_with_who_gave_it(stage: Stage) -> None:
    invite = await token(stage)
    said = await accepts(stage, signed(stage, invite))
    # Nextcloud takes no empty e-mail address, and 32 reads `userId`
    assert said == {"userID": "einstein", "userId": "einstein", "email": "einstein@invalid", "name": "Albert Einstein"}
    assert known(stage) == [(f"marie@{stage.sender.host}", "invite")]
    assert await accepts(stage, signed(stage, invite)) == said  # its answer may have been lost
    assert known(stage) == [(f"marie@{stage.sender.host}", "invite")]
    row = ("invite", "in", "done", stage.sender.host, f"marie@{stage.sender.host}", "rfc9421", 1)
    assert trail(stage) == [row, row]
    assert not [line for line in stage.cloud.log if invite in line]


@pytest.mark.parametrize("spelling", ["userId", "https", "slash", "form", "empty email", "no email", "cavage"])
async def test_an_acceptance_is_taken_in_the_spellings_of_deployed_servers(stage: Stage, spelling: str) -> None:
    invite = await token(stage)
    changes: dict[str, dict[str, Any]] = {
        "userId": {"userID": None, "userId": "marie"},
        "https": {"recipientProvider": f"https://{stage.sender.host}"},
        "slash": {"recipientProvider": f"http://{stage.sender.host}/"},
        "empty email": {"email": "", "name": ""},
        "no email": {"email": None, "name": None},
    }
    body = taken(stage.sender, invite, **changes.get(spelling, {}))
    if spelling == "form":  # Nextcloud 32
        stage.other.document.pop("publicKey")  # and it does not sign
        stage.other.document["capabilities"] = []
        body = taken(stage.other, invite)
        kind = Headers({"Content-Type": "application/x-www-form-urlencoded"})
        request = Request("POST", f"{stage.cloud.url}/ocm/{WHAT}", kind, urlencode(body).encode())
    else:
        family = "cavage" if spelling == "cavage" else "rfc9421"
        request = stage.sender.signed(stage.cloud, WHAT, encoded(body), family=family)
    await accepts(stage, request)
    assert known(stage) == [(f"marie@{body['recipientProvider'].split('//')[-1].strip('/')}", "invite")]


async def test_one_token_is_for_one_person(stage: Stage) -> None:
    invite = await token(stage)
    await accepts(stage, signed(stage, invite))
    await stage.refuses(signed(stage, invite, userID="eve"), 409)
    await stage.refuses(signed(stage, invite, stage.other), 409)  # the same name at another server
    assert known(stage) == [(f"marie@{stage.sender.host}", "invite")]
    assert [row[2] for row in trail(stage)] == ["done", "refused", "refused"]


@pytest.mark.parametrize("end", ["unknown", "revoked", "expired", "taken and revoked"])
async def test_a_token_that_is_good_for_nothing_is_400_and_said_in_the_trail_once(stage: Stage, end: str) -> None:
    invite = await token(stage)
    (row,) = stage.cloud.rows(invites.listing, "einstein")
    if end.startswith("taken"):
        await accepts(stage, signed(stage, invite))
    if end.endswith("revoked"):
        await stage.cloud.api("DELETE", f"invites/{row.id}", who="einstein", status=204)
    if end == "expired":
        stage.clock.ahead += invites.LIFETIME
    before = len(trail(stage))
    for _ in range(2):
        await stage.refuses(signed(stage, "unknown" if end == "unknown" else invite), 400, "token")
    assert trail(stage)[before:] == [("invite", "in", "refused", stage.sender.host, "", "rfc9421", 2)]


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"token": None}, ["token"]),
        ({"token": "x" * 256}, ["token"]),
        ({"userID": None}, ["userID"]),
        ({"userID": "a\nb"}, ["userID"]),
        ({"recipientProvider": None, "userID": ""}, ["recipientProvider", "userID"]),
        ({"recipientProvider": "no host"}, ["recipientProvider"]),
        ({"email": 7, "name": []}, ["email", "name"]),
    ],
)
async def test_an_acceptance_that_is_not_complete_is_400(stage: Stage, changes: Any, names: list[str]) -> None:
    invite = await token(stage)
    await stage.refuses(signed(stage, invite, **changes), 400, *names)
    await accepts(stage, signed(stage, invite))


async def test_nobody_takes_an_invite_in_the_name_of_another_server(stage: Stage) -> None:
    invite = await token(stage)
    body = encoded(taken(stage.other, invite))
    await stage.refuses(stage.sender.signed(stage.cloud, WHAT, body), 403, "recipientProvider")
    await stage.refuses(stage.sender.unsigned(stage.cloud, WHAT, encoded(taken(stage.sender, invite))), 401)
    assert known(stage) == []
    await accepts(stage, signed(stage, invite))


# The end of a contact


def removal(stage: Stage, **changes: Any) -> bytes:
    content = {"grantee": "einstein"}
    body = {"notificationType": "USER_REMOVED", "resourceType": "user", "providerId": "marie", "notification": content}
    return encoded({**body, **changes})


async def test_a_contact_ends_by_a_signed_word_of_their_server_alone(stage: Stage) -> None:
    await accepts(stage, signed(stage, await token(stage)))
    for request in (
        stage.sender.unsigned(stage.cloud, "notifications", removal(stage)),
        stage.sender.unsigned(
            stage.cloud, "notifications", removal(stage, notification={"sharedSecret": SECRET, "grantee": "einstein"})
        ),
    ):
        await stage.refuses(request, 401)
    await stage.refuses(stage.other.signed(stage.cloud, "notifications", removal(stage)), 404)
    await stage.refuses(stage.sender.signed(stage.cloud, "notifications", removal(stage, providerId="eve")), 404)
    wrong = removal(stage, resourceType="file")
    await stage.refuses(stage.sender.signed(stage.cloud, "notifications", wrong), 400, "resourceType")
    assert known(stage) == [(f"marie@{stage.sender.host}", "invite")]
    for _ in range(2):
        said = await deliver(stage.cloud, stage.sender.signed(stage.cloud, "notifications", removal(stage)))
        assert said.status == 201
    assert known(stage) == [(f"marie@{stage.sender.host}", "direct entry")]
    address = f"marie@{stage.sender.host}"
    assert trail(stage)[-1] == ("contact", "in", "done", stage.sender.host, address, "rfc9421", 1)
