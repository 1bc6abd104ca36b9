"""A peer of no known family gets the richest form that its document allows; what works with it is remembered."""

from __future__ import annotations

import json

import pytest
from tests.journeys.foreign.conftest import OURS
from tests.mesh import settled
from tests.peers import cavage
from tests.peers.values import json_answer

from opencloudmesh.server import peers, shares

ROLES = {"webdav": "/dav/ocm/", "webdav-receive": {"uri": "absolute"}}
VERSIONS = {
    "ocm-1.0": {"apiVersion": "1.0-proposal1", "capabilities": []},
    "ocm-1.1": {"apiVersion": "1.2.0", "capabilities": ["protocol-object"]},
    "ocm-1.4": {
        "apiVersion": "1.4.0",
        "resourceTypes": [{"name": kind, "shareTypes": ["user"], "protocols": ROLES} for kind in ("file", "folder")],
    },
}
RICHEST = {"ocm-1.0": "bridge", "ocm-1.1": "multi-options", "ocm-1.4": "multi"}
OTHER = {"ocm-1.0": "multi-options", "ocm-1.1": "bridge", "ocm-1.4": "bridge"}


def form(body):
    """Which encoding a share is in."""
    protocol = body["protocol"]
    if protocol["name"] == "webdav":
        return "bridge" if {"options", "webdav"} <= set(protocol) else "options"
    return "multi-options" if protocol.get("options") == {} else "multi"


def takes(stranger, wanted, status):
    """The stranger takes shares in this form alone, and answers anything else with the status."""
    posted = []

    async def answer(call):
        posted.append(call.document())
        if wanted is None or form(posted[-1]) == wanted:
            return json_answer({}, 201)
        return json_answer({"message": "not this way"}, status)

    stranger.routes["POST", "/ocm/shares"] = answer
    return posted


async def share(cloud, stranger, path="note.txt"):
    cloud.put(OURS, path, b"radium")
    body = {"path": path, "shareWith": f"carl@{stranger.host}"}
    made = await cloud.api("POST", "shares", body, who=OURS, status=201)
    await settled(cloud)
    return await cloud.api("GET", f"shares/{made['id']}", who=OURS)


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_richest_form_is_tried_first(cloud, stranger, version):
    stranger.extra = VERSIONS[version]
    posted = takes(stranger, None, 0)
    assert (await share(cloud, stranger))["state"] == "sent"
    assert [form(body) for body in posted] == [RICHEST[version]]
    assert cloud.rows(peers.get, stranger.host).learnt is None


@pytest.mark.parametrize("status", [400, 501])
@pytest.mark.parametrize("version", VERSIONS)
async def test_after_a_refusal_the_other_form_is_tried_once_with_the_same_id_and_secret(
    cloud, stranger, version, status
):
    stranger.extra = VERSIONS[version]
    posted = takes(stranger, OTHER[version], status)
    told = await share(cloud, stranger)
    assert told["state"] == "sent"
    assert [form(body) for body in posted] == [RICHEST[version], OTHER[version]]
    secret = cloud.rows(shares.get, told["id"]).secret
    assert {body["providerId"] for body in posted} == {told["id"]}
    assert all(json.dumps(body).count(secret) for body in posted)


async def test_what_worked_is_remembered_until_the_document_changes(cloud, stranger):
    stranger.extra = VERSIONS["ocm-1.1"]
    posted = takes(stranger, "bridge", 501)
    for number in (1, 2):
        await share(cloud, stranger, f"{number}.txt")
    assert [form(body) for body in posted] == ["multi-options", "bridge", "bridge"]
    assert cloud.rows(peers.get, stranger.host).learnt == {"family": "ocm-1.0"}
    stranger.extra = {**VERSIONS["ocm-1.1"], "provider": "another release"}
    await cloud.context.lookup.discover(stranger.host, fresh=True)
    assert cloud.rows(peers.get, stranger.host).learnt is None
    await share(cloud, stranger, "3.txt")
    assert [form(body) for body in posted[3:]] == ["multi-options", "bridge"]


@pytest.mark.parametrize("status", [401, 403, 404, 409])
async def test_a_refusal_of_another_kind_is_final_or_tried_again_but_never_in_another_form(cloud, stranger, status):
    posted = takes(stranger, "nothing", status)
    await share(cloud, stranger)
    assert len(posted) == 1


async def test_who_takes_no_form_is_told_to_the_sender_in_its_first_words(cloud, stranger):
    posted = takes(stranger, "nothing", 400)
    told = await share(cloud, stranger)
    assert (told["state"], len(posted)) == ("failed", 2)
    assert "not this way" in told["error"]


@pytest.mark.parametrize("status", [400, 403, 404, 405, 501])
async def test_a_refused_notification_is_no_error(cloud, stranger, status):
    told = await share(cloud, stranger)

    async def refuse(_call):
        return json_answer({"message": "BAD_REQUEST"}, status)

    stranger.routes["POST", "/ocm/notifications"] = refuse
    await cloud.api("DELETE", f"shares/{told['id']}", who=OURS, status=204)
    await settled(cloud)
    assert not cloud.stored()["outbox"]
    assert not [line for line in cloud.log if line.startswith(("WARNING", "ERROR"))]


async def test_who_shows_a_public_key_alone_gets_the_older_signature(cloud, stranger):
    stranger.extra = {"publicKey": stranger.public_key()}
    posted = []

    async def keep(call):
        posted.append(call)
        return json_answer({}, 201)

    stranger.routes["POST", "/ocm/shares"] = keep
    await share(cloud, stranger)
    (call,) = posted
    headers = {name.lower(): value for name, value in call.headers.items()}
    assert "signature-input" not in headers
    claim = cavage.read(headers["signature"])
    assert (claim.covered, claim.algorithm) == (cavage.COVERED, "rsa-sha512")
    cavage.check_form(claim, headers, call.body, stranger.host)
    key = json.loads((await cloud.request("GET", "/ocm-provider/")).body)["publicKey"]
    assert key["keyId"] == claim.key_id
    cavage.check_key(claim, key["publicKeyPem"], call.method, call.path, headers)


async def test_who_speaks_rfc_9421_gets_one_signature_with_label_and_tag(cloud, stranger):
    stranger.speaks_1_4()
    posted = []

    async def keep(call):
        posted.append(call)
        return json_answer({}, 201)

    stranger.routes["POST", "/ocm/shares"] = keep
    await share(cloud, stranger)
    (call,) = posted
    said = call.headers["Signature-Input"]
    assert said.startswith('ocm=("@method" "@target-uri" "content-digest" "content-length" "date");')
    assert 'tag="ocm"' in said
    assert f'keyid="{cloud.host}#' in said


async def test_who_shows_no_key_gets_no_signature(cloud, stranger):
    await share(cloud, stranger)
    (call,) = [each for each in stranger.received if each.method == "POST"]
    assert not {"signature", "signature-input"} & {name.lower() for name in call.headers}
