"""A copy of which the sender says what it adds up to: damaged, it is nobody's file."""

from __future__ import annotations

import hashlib

import pytest
from tests.mesh import settled
from tests.security.senders import deliver, encoded, offer
from tests.security.stages import Stage

from opencloudmesh.server import received

DATA = b"e = mc2"
PROPFIND = """<?xml version="1.0"?><d:multistatus xmlns:d="DAV:"><d:response><d:href>/dav/x1</d:href>
<d:propstat><d:prop><d:resourcetype/><d:getcontentlength>7</d:getcontentlength><d:getetag>"1"</d:getetag></d:prop>
<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response></d:multistatus>"""


@pytest.mark.parametrize("right", [True, False])
async def test_a_checksum_of_the_sender_must_hold(stage: Stage, right: bool) -> None:
    said = offer(stage.cloud, stage.sender, {"providerId": "p9", "name": "note.txt", "resourceType": "file"})
    assert (await deliver(stage.cloud, stage.sender.signed(stage.cloud, "shares", encoded(said)))).status == 201
    row = stage.cloud.rows(received.told_by, stage.sender.host, "p9")
    digest = hashlib.sha1(DATA if right else b"other", usedforsecurity=False).hexdigest()
    stage.sender.says |= {"PROPFIND /dav/x1": (207, PROPFIND.encode()), "GET /dav/x1": (200, DATA)}
    stage.sender.adds["GET /dav/x1"] = {"OC-Checksum": f"SHA1:{digest}", "ETag": '"1"'}
    await stage.cloud.api("POST", f"received/{row.id}/accept", who="einstein")
    job = await stage.cloud.api("POST", "copies", {"received": row.id}, who="einstein", status=201)
    await settled(stage.cloud)
    job = await stage.cloud.api("GET", f"copies/{job['id']}", who="einstein")
    assert job["state"] == ("done" if right else "failed"), job
    assert stage.cloud.file("einstein", "note.txt").exists() == right
    assert list((stage.cloud.data / "uploads").iterdir()) == []
    if not right:
        assert "checksum" in job["error"]
