"""The emulated ownCloud 10 answers every recorded deviation as the real 10.11.0 did."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest_asyncio
from tests.peers.owncloud import END_POINT, OwnCloud
from tests.peers.stranger import Stranger
from tests.peers.tables import SECRET, Line, baseline, deviations, notification, section, shares

TABLE = "owncloud-10.11.0-accepts.txt"
JSON = ("Content-Type", "application/json")


@pytest_asyncio.fixture
async def third() -> AsyncIterator[Stranger]:
    async with await Stranger.start() as stranger:
        yield stranger


@pytest_asyncio.fixture
async def peer() -> AsyncIterator[OwnCloud]:
    async with await OwnCloud.start() as owncloud:
        owncloud.add_user("bob", "Bob")
        yield owncloud


async def test_every_share_of_the_table_gets_the_recorded_answer(peer: OwnCloud, third: Stranger) -> None:
    answers = []
    for deviation in deviations(third.host, peer.host, "localhost:9"):
        headers = {"Content-Type": "application/json", **deviation.headers}
        body = json.dumps(deviation.body).encode()
        done = await third.request("POST", f"{peer.base_url}{END_POINT}/shares", headers.items(), body)
        kind = done.answer_headers["Content-Type"]
        answers.append(Line(deviation.name, done.status, kind, done.answer.decode()))
    assert answers == shares(TABLE)
    assert len(peer.inbox("bob")) == sum(line.status == 201 for line in answers), "what was refused left nothing behind"


async def test_every_notification_of_the_table_gets_the_recorded_answer(peer: OwnCloud, third: Stranger) -> None:
    def said(kind: str, resource: str, provider_id: str, secret: str) -> dict[str, object]:
        about = {"sharedSecret": secret, "message": "-"}
        return {"notificationType": kind, "resourceType": resource, "providerId": provider_id, "notification": about}

    requests = [
        said("SHARE_UNSHARED", "file", "p1", SECRET),
        said("SHARE_UNSHARED", "file", "p1", "another"),
        said("SHARE_UNSHARED", "folder", "p9", SECRET),
        said("NOPE", "file", "p2", SECRET),
        said("SHARE_ACCEPTED", "file", "999", SECRET),
        {},
    ]
    for number in (1, 2):
        body = json.dumps(baseline(number, third.host, peer.host)).encode()
        await third.request("POST", f"{peer.base_url}{END_POINT}/shares", [JSON], body)
    for line, request in zip(section(TABLE, "notifications", "invite-accepted"), requests, strict=True):
        sent = json.dumps(request).encode()
        done = await third.request("POST", f"{peer.base_url}{END_POINT}/notifications", [JSON], sent)
        assert (done.status, done.answer.decode()) == notification(line, request)
    assert [offer.provider_id for offer in peer.inbox("bob")] == ["p2"]


async def test_invites_and_unknown_addresses_get_the_recorded_answer(peer: OwnCloud, third: Stranger) -> None:
    table = section(TABLE, "invite-accepted")
    for line in table[:2]:  # whatever was posted there: below index.php every unknown address is the log-in page
        done = await third.request("POST", f"{peer.base_url}{END_POINT}/invite-accepted", [JSON], b"{}")
        assert f"{done.status} {done.answer.decode().splitlines()[0]}" == line
    for line in table[2:]:
        path, _, status = line.partition(" ")
        assert (await third.request("POST", peer.base_url + path, [JSON], b"{}")).status == int(status)
