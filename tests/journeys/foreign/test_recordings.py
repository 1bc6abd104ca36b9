"""What real servers were recorded to send is sent to ours, which must take it.

Twice over: with hosts mapped to live servers and signatures made anew, and byte for byte as it was on the wire, at the
recorded moment, under the recorded name, checked with the recorded keys.
"""

from __future__ import annotations

import itertools
import json
import time
from dataclasses import replace
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import pytest
from multidict import CIMultiDict
from tests.mesh import serve
from tests.peers import cavage, rfc9421
from tests.peers.recordings import load, mapped, pairs, replay

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.wire import decode_object
from opencloudmesh.server import peers, received, schema, shares

PEOPLE = ("alice", "bob", "mary", "admin", "erna2", "056fc874-dd7f-11ef-ba84-af6fca4b7289")


def posted(what):
    """(name, recording) of every POST of that kind, to whatever address."""
    return [
        pytest.param(recording, id=f"{sender}-to-{receiver}-{number}")
        for sender, receiver in pairs()
        for number, recording in enumerate(load(sender, receiver))
        if recording.method == "POST" and recording.target.endswith(f"/{what}")
    ]


@pytest.fixture
def people(cloud):
    for person in PEOPLE:
        cloud.add(person)


def signer(stranger, cloud, recording):
    """Signs as the recorded sender did, each time a second later; None where it did not."""
    seconds = itertools.count(int(time.time()))

    def older(method, url, body):
        path = urlsplit(url).path
        return cavage.sign(stranger.rsa, stranger.key_id, method, cloud.host, path, body, date=next(seconds))

    def newer(method, url, body):
        key_id = f"{stranger.host}#key1"
        return rfc9421.sign(stranger.ed25519, key_id, method, url, body, {}, created=next(seconds))

    if recording.header("Signature-Input"):
        stranger.speaks_1_4()
        return newer, "rfc9421"
    if recording.header("Signature"):
        stranger.extra = {"publicKey": stranger.public_key()}
        return older, "cavage"
    return None, "unsigned"


def hosts_of(recording, stranger, cloud):
    """Our host instead of the receiver's, the stranger's instead of the sender's."""
    body = json.loads(recording.body)
    sender = Address.parse(body["owner"]).host if "owner" in body else "nobody"
    hosts = {recording.host: cloud.host, sender: stranger.host}
    return {f"https://{old}": f"http://{new}" for old, new in hosts.items()} | hosts


async def sent_to_us(recording, stranger, cloud, mapping, sign):
    ours = replace(recording, target=f"/ocm/{recording.target.rpartition('/')[2]}")
    return await replay(stranger, ours, cloud.url, mapping, sign)


@pytest.mark.parametrize("recording", posted("shares"))
async def test_a_recorded_share_is_taken(cloud, stranger, people, recording):
    sign, how = signer(stranger, cloud, recording)
    mapping = hosts_of(recording, stranger, cloud)
    for _ in range(2):  # also when it comes again
        done = await sent_to_us(recording, stranger, cloud, mapping, sign)
        assert (done.status, set(done.document())) == (201, {"recipientDisplayName", "recipientUserId"})
    (row,) = cloud.rows(received.listing)
    said = json.loads(mapped(recording.body, mapping))
    part = said["protocol"].get("webdav") or said["protocol"]["options"]
    assert (row.host, row.verified, row.provider_id) == (stranger.host, how, str(said["providerId"]))
    assert (row.name, row.secret, row.uri) == (said["name"], part["sharedSecret"], part.get("uri", part.get("url", "")))
    assert row.resource_type == said["resourceType"]
    assert row.expiration == (said.get("expiration") or None)
    assert row.requirements == part.get("requirements", [])


def store(cloud, provider_id, secret, host, kind="SHARE_ACCEPTED"):
    """The share that a notification is about: of ours, or for SHARE_UNSHARED one that bob has received."""
    common = {"host": host, "secret": secret, "created": 1, "changed": 1, "permissions": ["read"], "state": "pending"}
    if kind == "SHARE_UNSHARED":
        text = dict.fromkeys(("fingerprint", "name", "sender", "owner"), "x")
        row = {"id": "r", "account": "bob", "provider_id": provider_id, "resource_type": "file", "verified": "cavage"}
        insert = schema.received.insert().values(**common, **row, **text, requirements=[], protocols=["webdav"])
    else:
        row = {"id": provider_id, "owner": "alice", "path": "x", "resource_type": "file", "share_with": f"bob@{host}"}
        insert = schema.shares.insert().values(**common, **row)
    cloud.context.database.write_now(lambda tx: tx.run(insert))


def state(cloud, provider_id, kind):
    if kind == "SHARE_UNSHARED":
        return cloud.rows(received.get, "r").state
    return cloud.rows(shares.get, provider_id).state


@pytest.mark.parametrize("recording", posted("notifications"))
async def test_a_recorded_notification_is_taken(cloud, stranger, people, recording):
    sign, _ = signer(stranger, cloud, recording)
    said = json.loads(recording.body)
    kind, secret = said["notificationType"], said.get("notification", {}).get("sharedSecret", "s3cr3t")
    store(cloud, said["providerId"], secret, stranger.host, kind)
    for _ in range(2):
        done = await sent_to_us(recording, stranger, cloud, {}, sign)
        assert (done.status, done.document()) == (201, {})
    assert state(cloud, said["providerId"], kind) == {"SHARE_ACCEPTED": "accepted", "SHARE_UNSHARED": "unshared"}[kind]


# Byte for byte


def documents():
    """host -> its discovery document and JWK set, where a document with a key was recorded."""
    found = {}
    for sender, receiver in pairs():
        for each in load(sender, receiver):
            if each.status == 200 and each.method == "GET" and '"publicKeyPem"' in each.answer:
                found[each.host] = (json.loads(each.answer), None)
            elif each.status == 200 and '"kty"' in each.answer:
                document = next(d for d in load(sender, receiver) if d.host == each.host and "/.well-known" in d.target)
                found[each.host] = (json.loads(document.answer), json.loads(each.answer))
    return found


DOCUMENTS = documents()


def claimed(recording):
    """The host whose key signed, and when."""
    member = rfc9421.read(recording.header("Signature-Input"), recording.header("Signature"))
    if member:
        return member[0].key_id.partition("#")[0], int(member[0].parameters["created"])
    date = parsedate_to_datetime(recording.header("Date")).timestamp()
    return cavage.read(recording.header("Signature")).host, date


def known(what):
    """Those whose signature covers an address of ours and whose key was recorded."""
    found = [param for param in posted(what) if param.values[0].header("Signature")]
    return [
        param
        for param in found
        if param.values[0].target == f"/ocm/{what}" and claimed(param.values[0])[0] in DOCUMENTS
    ]


class Then:
    """The clock of the recording."""

    def __init__(self, moment):
        self.moment = moment

    def __call__(self):
        return self.moment


@pytest.fixture
async def then(tmp_path, recording):
    """Our cloud under the recorded name at the recorded moment; it has met the sender just before."""
    host, moment = claimed(recording)
    clock, name = Then(moment), f"https://{recording.host}"
    async with serve(tmp_path / "then", clock=clock, public_url=name) as cloud:
        for person in PEOPLE:
            cloud.add(person)
        document, keys = DOCUMENTS[host]

        def met(tx):
            peers.remember_document(tx, host, f"https://{host}", document)
            if keys:
                peers.remember_keys(tx, host, keys)

        cloud.context.database.write_now(met)
        yield cloud


async def send(cloud, recording, body=None):
    url = f"http://{cloud.host}{recording.target}"
    headers = CIMultiDict(recording.headers)
    headers.popall("Content-Length", None)
    data = (body or recording.body).encode()
    async with cloud.session.post(url, headers=headers, data=data) as answer:
        return answer.status, decode_object(await answer.read())


def test_recordings_of_both_families_of_signatures_are_among_those_that_can_be_checked():
    assert len(known("shares")) >= 2
    assert len(known("notifications")) >= 2
    assert {bool(param.values[0].header("Signature-Input")) for param in known("shares")} == {True, False}


@pytest.mark.parametrize("recording", known("shares"))
async def test_a_signed_share_is_taken_as_it_was_on_the_wire_and_only_once(then, recording):
    status, _ = await send(then, recording)
    assert status == 201
    (row,) = then.rows(received.listing)
    assert row.verified == ("rfc9421" if recording.header("Signature-Input") else "cavage")
    assert then.rows(peers.get, row.host).signs
    assert (await send(then, recording))[0] == 401  # somebody else repeats what they overheard


@pytest.mark.parametrize("recording", known("shares"))
async def test_a_signed_share_is_not_taken_with_another_letter_nor_at_another_time(then, recording):
    assert (await send(then, recording, recording.body.replace("user", "User", 1)))[0] in (400, 401)
    then.context.clock.moment += 301
    assert (await send(then, recording))[0] == 401
    assert then.rows(received.listing) == []


@pytest.mark.parametrize("recording", known("notifications"))
async def test_a_signed_notification_is_taken_as_it_was_on_the_wire(then, recording):
    said = json.loads(recording.body)
    store(then, said["providerId"], "s3cr3t", claimed(recording)[0])
    assert await send(then, recording) == (201, {})
    assert state(then, said["providerId"], said["notificationType"]) == "accepted"


# Requests that older ways of sharing begin with, and the reading of documents


@pytest.mark.parametrize("recording", posted("cloud/shares?format=json"))
async def test_the_older_way_is_refused_quietly(cloud, stranger, recording):
    done = await replay(stranger, recording, cloud.url, {})
    assert done.status == 404
    assert not [line for line in cloud.log if line.startswith(("WARNING", "ERROR"))]


@pytest.mark.parametrize("path", ["/.well-known/ocm", "/ocm-provider", "/ocm-provider/"])
async def test_every_recorded_request_for_a_document_is_answered(cloud, stranger, path):
    asked = [r for pair in pairs() for r in load(*pair) if r.method == "GET" and r.target == path]
    assert asked
    for recording in asked:
        done = await replay(stranger, recording, cloud.url, {})
        assert (done.status, done.document()["endPoint"]) == (200, f"{cloud.url}/ocm")
