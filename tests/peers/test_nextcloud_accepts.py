"""The emulated Nextclouds answer every recorded deviation as the real 30.0.1, 32.0.2 and 34.0.1 did."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.peers import cavage
from tests.peers.nextcloud import Nextcloud
from tests.peers.stranger import Stranger
from tests.peers.tables import SECRET, Line, baseline, deviations, notification, section, shares
from tests.peers.values import Exchange

ACCEPTS = {30: "nextcloud-30.0.1-accepts.txt", 34: "nextcloud-34.0.1-accepts.txt"}
SIGNATURES = {32: "nextcloud-32.0.2-signatures.txt", 34: "nextcloud-34.0.1-signatures.txt"}
UNREACHABLE = "localhost:9"
JSON = ("Content-Type", "application/json")


@pytest_asyncio.fixture
async def third() -> AsyncIterator[Stranger]:
    async with await Stranger.start() as stranger:
        yield stranger


async def nextcloud(version: int) -> Nextcloud:
    peer = await Nextcloud.start(version=version)
    peer.add_user("bob", f"Bob nc{version}a")
    return peer


def shown(name: str, done: Exchange) -> Line:
    """An answer as the tables show it: of a page only the first line."""
    text = done.answer.decode()
    body = "<!DOCTYPE html>" if text.startswith("<!DOCTYPE") else text
    return Line(name, done.status, done.answer_headers.get("Content-Type", ""), body)


def here(line: Line, version: int, peer: Nextcloud) -> Line:
    """A recorded line with the address of the emulated peer."""
    address = peer.base_url.replace("/", "\\/")
    return Line(line.name, line.status, line.type, line.body.replace(f"https:\\/\\/localhost:84{version}", address))


@pytest.mark.parametrize("version", ACCEPTS)
async def test_every_share_of_the_table_gets_the_recorded_answer(version: int, third: Stranger) -> None:
    async with await nextcloud(version) as peer:
        answers = []
        for deviation in deviations(third.host, peer.host, UNREACHABLE):
            headers = {"Content-Type": "application/json", **deviation.headers}
            body = json.dumps(deviation.body).encode()
            done = await third.request("POST", f"{peer.base_url}/index.php/ocm/shares", headers.items(), body)
            answers.append(shown(deviation.name, done))
        assert answers == [here(line, version, peer) for line in shares(ACCEPTS[version])]
        accepted = sum(line.status == 201 for line in answers)
        assert len(peer.inbox("bob")) == accepted, "what was refused left nothing behind"


@pytest.mark.parametrize("version", ACCEPTS)
async def test_every_notification_of_the_table_gets_the_recorded_answer(version: int, third: Stranger) -> None:
    requests = [
        _notification("SHARE_UNSHARED", "file", "p1", SECRET),
        _notification("SHARE_UNSHARED", "file", "p1", "another"),
        _notification("SHARE_UNSHARED", "folder", "p9", SECRET),
        _notification("NOPE", "file", "p2", SECRET),
        _notification("SHARE_ACCEPTED", "file", "999", SECRET),
        {},
    ]
    recorded = section(ACCEPTS[version], "notifications", "invite-accepted")
    async with await nextcloud(version) as peer:
        for number in (1, 2, 9):
            body = baseline(number, third.host, peer.host)
            await third.request("POST", f"{peer.base_url}/index.php/ocm/shares", [JSON], json.dumps(body).encode())
        for line, request in zip(recorded, requests, strict=True):
            sent = json.dumps(request).encode()
            done = await third.request("POST", f"{peer.base_url}/index.php/ocm/notifications", [JSON], sent)
            assert (done.status, done.answer.decode()) == notification(line, request)
        gone = [offer.provider_id for offer in peer.offers.values() if offer.state == "gone"]
        assert gone == (["p1", "p9"] if version == 34 else ["p1"])


def _notification(kind: str, resource: str, provider_id: str, secret: str) -> dict[str, object]:
    about = {"sharedSecret": secret, "message": "-"}
    return {"notificationType": kind, "resourceType": resource, "providerId": provider_id, "notification": about}


@pytest.mark.parametrize("version", ACCEPTS)
async def test_invites_and_unknown_addresses_get_the_recorded_answer(version: int, third: Stranger) -> None:
    table = section(ACCEPTS[version], "invite-accepted")
    invite = {"recipientProvider": third.host, "token": "no", "userID": "carl", "email": "c@example.org", "name": "C"}
    async with await nextcloud(version) as peer:
        url = f"{peer.base_url}/index.php/ocm/invite-accepted"
        done = await third.request("POST", url, [JSON], json.dumps(invite).encode())
        assert f"{done.status} {done.answer.decode().splitlines()[0]}" == table[0]
        for line in table[2:]:
            path, _, status = line.partition(" ")
            assert (await third.request("POST", peer.base_url + path, [JSON], b"{}")).status == int(status)


@pytest.mark.skip(
    reason="the tables do not say how the second request to /invite-accepted differed from the first, and the answers "
    "(404 of 30, 400 with an empty body of 34) do not tell"
)
def test_the_second_invite_of_the_tables_gets_the_recorded_answer() -> None:
    """The second line of the section `invite-accepted`."""


SIGNED_WITH: dict[str, dict[str, Any]] = {
    "rsa-sha256": {"algorithm": "rsa-sha256"},
    "digest SHA-256": {"digest_algorithm": "SHA-256"},
    "headers without content-length": {"covered": ("(request-target)", "date", "digest", "host")},
    "headers date only": {"covered": ("date",)},
    "different order": {"covered": tuple(reversed(cavage.COVERED))},
}
DATED = {"date -10min": -600, "date +10min": 600, "date -290s": -290}
KEY_IDS = {
    "keyId other path same host": "https://{host}/other#signature",
    "keyId bare host": "{host}",
    "keyId unreachable host": f"https://{UNREACHABLE}/ocm#signature",
    "keyId http scheme": "http://{host}/ocm#signature",
}


async def _signed(third: Stranger, peer: Nextcloud, name: str) -> Exchange:
    """The request behind a line of the signature tables."""
    body = json.dumps(baseline(1, third.host, peer.host)).encode()
    path = "/index.php/ocm/shares"
    if name == "signed by other host than owner":
        body = body.replace(f"carl@{third.host}".encode(), b"carl@localhost:7443")
    if name.startswith("unsigned"):
        return await third.request("POST", peer.base_url + path, [JSON], body)
    options = dict(SIGNED_WITH.get(name, {}))
    if name in DATED:
        options["date"] = time.time() + DATED[name]
    key_id = KEY_IDS.get(name, third.key_id).format(host=third.host)
    host = "other.example" if name == "wrong host signed" else peer.host
    headers = cavage.sign(third.rsa, key_id, "POST", host, path, body, **options)
    if name == "tampered body":
        body = body.replace(b"third1", b"thirdX")
    return await third.request("POST", peer.base_url + path, [JSON, *headers.items()], body)


@pytest.mark.parametrize("version", SIGNATURES)
async def test_every_signature_of_the_table_gets_the_recorded_answer(version: int, third: Stranger) -> None:
    third.extra = {"publicKey": third.public_key()}
    async with await nextcloud(version) as peer:
        answers, recorded = [], shares(SIGNATURES[version])
        for line in recorded:
            done = await _signed(third, peer, line.name)
            answers.append(Line(line.name, done.status, "", done.answer.decode()))
        assert answers == [
            Line(line.name, line.status, "", line.body.replace("localhost:7543", third.host)) for line in recorded
        ]
        assert len(peer.inbox("bob")) == sum(line.status == 201 for line in recorded)
