"""What deployed servers write, each in its own way, comes in and is understood (PEERS 9, issue 3)."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest
from tests.journeys.foreign.conftest import OURS
from tests.peers import cavage
from tests.peers.tables import SECRET, baseline

from opencloudmesh.server import peers, received, shares

FEDERATED = b64encode(b"4711@https://idp.example").decode()


def webdav(name="multi", **changes):
    part = {"sharedSecret": SECRET, "permissions": ["read"], "uri": "p1", **changes}
    return {"protocol": {"name": name, "webdav": {key: value for key, value in part.items() if value is not None}}}


# What is different from a plain share of 1.0: fields (None: left out), and how a part of the stored row must read then.
DIALECTS = {
    "a number for providerId": ({"providerId": 42}, {"provider_id": "42"}),
    "no sender but sharedBy": ({"sender": None, "senderDisplayName": None}, {"sender": "carl@{me}"}),
    "an owner alone": ({"sender": None, "sharedBy": None}, {"sender": "carl@{me}"}),
    "addresses with a scheme and a slash": (
        {"owner": "carl@https://{me}/", "sender": "carl@https://{me}/", "shareWith": "marie@https://{us}/"},
        {"owner": "carl@{me}"},
    ),
    "addresses with http": ({"owner": "carl@http://{me}", "shareWith": "marie@http://{us}"}, {"owner": "carl@{me}"}),
    "addresses with a path": ({"owner": "carl@{me}/index.php", "shareWith": "marie@{us}/"}, {"owner": "carl@{me}"}),
    "the own host twice": ({"shareWith": "marie@{us}@{us}"}, {"account": OURS}),
    "the own host twice, with a scheme": ({"shareWith": "marie@http://{us}@{us}"}, {"account": OURS}),
    "a qualified sender": (
        {"owner": "4711@https://idp.example@{me}", "sender": "4711@https://idp.example@{me}"},
        {"sender": "4711@https://idp.example@{me}"},
    ),
    "a sender in base64": (
        {"owner": FEDERATED + "@{me}", "sender": FEDERATED + "@{me}"},
        {"sender": FEDERATED + "@{me}"},
    ),
    "uri": (webdav(), {"uri": "p1"}),
    "uri, named webdav": (webdav("webdav"), {"uri": "p1"}),
    "url": (webdav(uri=None, url="https://{me}/dav/ocm/p1"), {"uri": "https://{me}/dav/ocm/p1"}),
    "URI": (webdav(uri=None, URI="p1"), {"uri": "p1"}),
    "options beside an object": (
        {"protocol": {"options": {"sharedSecret": SECRET}, **webdav("webdav")["protocol"]}},
        {"uri": "p1"},
    ),
    "options empty beside an object": ({"protocol": {"options": {}, **webdav()["protocol"]}}, {"uri": "p1"}),
    "options as PHP writes nothing": ({"protocol": {"options": [], **webdav()["protocol"]}}, {"uri": "p1"}),
    "permissions in one word": (webdav(permissions="read"), {"permissions": ["read"]}),
    "a folder sent as such": ({"resourceType": "folder"}, {"resource_type": "folder"}),
    "expiration 0": ({"expiration": 0}, {"expiration": None}),
    "a share-level code": ({"code": SECRET, **webdav(sharedSecret=None)}, {"secret": SECRET}),
    "members that nobody knows": ({"foo": {"bar": 1}, "meshProvider": "x"}, {}),
    "a name that begins with a slash": ({"name": "/third.txt"}, {"name": "third.txt"}),
    "no display names": (
        {"ownerDisplayName": None, "senderDisplayName": None, "sharedByDisplayName": None},
        {"sender_name": ""},
    ),
}


def written(changes, stranger, cloud):
    """A share of carl's at the stranger with marie, with some fields changed."""
    body = {**baseline(1, stranger.host, cloud.host), "shareWith": cloud.address(OURS), **changes}
    text = json.dumps({name: value for name, value in body.items() if value is not None})
    return text.replace("{me}", stranger.host).replace("{us}", cloud.host).encode()


async def post(stranger, cloud, what, body, *, sign=False):
    url = f"{cloud.url}/ocm/{what}"
    headers = [("Content-Type", "application/json")]
    if sign:
        made = cavage.sign(stranger.rsa, stranger.key_id, "POST", cloud.host, f"/ocm/{what}", body)
        headers += made.items()
    return await stranger.request("POST", url, headers, body)


@pytest.mark.parametrize("name", DIALECTS)
async def test_a_share_is_understood(stranger, cloud, name):
    changes, stored = DIALECTS[name]
    done = await post(stranger, cloud, "shares", written(changes, stranger, cloud))
    assert (done.status, done.document()) == (201, {"recipientDisplayName": "Marie Curie", "recipientUserId": OURS})
    (row,) = cloud.rows(received.listing)
    assert (row.host, row.secret, row.verified) == (stranger.host, SECRET, "unsigned")
    for column, value in stored.items():
        said = value.replace("{me}", stranger.host) if isinstance(value, str) else value
        assert getattr(row, column) == said


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"resourceType": "talk-room", "protocol": {"name": "nctalk", "options": {"sharedSecret": SECRET}}}, 501),
        ({"resourceType": "calendar"}, 501),
        ({"shareType": "federation"}, 501),
        ({"shareType": "group"}, 400),  # she is none
        ({"protocol": {"name": "multi", "ssh": {"uri": "a@b:22/c"}}}, 501),
        ({"shareWith": "nobody@{us}"}, 400),
        ({"shareWith": "marie@elsewhere.example"}, 400),
        ({"owner": None}, 400),
        ({"protocol": {"name": "webdav", "options": {}}}, 400),
    ],
)
async def test_a_share_that_cannot_be_is_refused_with_a_reason(stranger, cloud, changes, status):
    done = await post(stranger, cloud, "shares", written(changes, stranger, cloud))
    assert done.status == status
    assert done.document()["message"]
    assert cloud.rows(received.listing) == []


@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_share_that_is_posted_again_is_the_same_share(stranger, cloud, slash):
    body = written({}, stranger, cloud)
    answers = [await post(stranger, cloud, f"shares{slash}", body) for _ in range(3)]
    assert {(done.status, done.answer) for done in answers} == {(201, answers[0].answer)}
    assert len(cloud.rows(received.listing)) == 1
    assert (
        await post(stranger, cloud, "shares", written({"ownerDisplayName": "other"}, stranger, cloud))
    ).status == 201
    assert (await post(stranger, cloud, "shares", written({"resourceType": "folder"}, stranger, cloud))).status == 409


def notified(kind, provider_id, key="notificationType", **content):
    return json.dumps({key: kind, "resourceType": "file", "providerId": provider_id, "notification": content}).encode()


@pytest.mark.parametrize("key", ["notificationType", "type"])
@pytest.mark.parametrize("text", ["message", "messgage"])
@pytest.mark.parametrize("provider_id", ["p1", 1])
async def test_an_unshared_share_ends(stranger, cloud, key, text, provider_id):
    await post(stranger, cloud, "shares", written({"providerId": provider_id}, stranger, cloud))
    body = notified("SHARE_UNSHARED", provider_id, key, sharedSecret=SECRET, **{text: "file is no longer shared"})
    for _ in range(2):  # again is no error
        done = await post(stranger, cloud, "notifications", body)
        assert (done.status, done.document()) == (201, {})
    assert [row.state for row in cloud.rows(received.listing)] == ["unshared"]


async def offered(stranger, cloud):
    """The id of a share of marie's with carl, and its secret."""
    cloud.put(OURS, "note.txt", b"radium")
    body = {"path": "note.txt", "shareWith": f"carl@{stranger.host}"}
    share = await cloud.api("POST", "shares", body, who=OURS, status=201)
    return share["id"], cloud.rows(shares.get, share["id"]).secret


@pytest.mark.parametrize(("kind", "state"), [("SHARE_ACCEPTED", "accepted"), ("SHARE_DECLINED", "declined")])
async def test_an_answer_to_a_share_is_heard_even_before_our_post_is_answered(stranger, cloud, kind, state):
    share_id, secret = await offered(stranger, cloud)
    for _ in range(2):
        done = await post(stranger, cloud, "notifications", notified(kind, share_id, sharedSecret=secret))
        assert (done.status, done.document()) == (201, {})
    assert cloud.rows(shares.get, share_id).state == state


@pytest.mark.parametrize(
    ("kind", "secret", "status"),
    [
        ("SHARE_ACCEPTED", "wrong", 403),
        ("SHARE_ACCEPTED", "", 403),
        ("SYNC_CALENDAR", SECRET, 400),
        ("RESHARE_CHANGE_PERMISSION", SECRET, 501),
        ("SHARE_CHANGE_PERMISSION", SECRET, 501),
    ],
)
async def test_a_notification_that_is_not_followed_is_refused_without_a_fault(stranger, cloud, kind, secret, status):
    share_id, _ = await offered(stranger, cloud)
    done = await post(stranger, cloud, "notifications", notified(kind, share_id, sharedSecret=secret))
    assert done.status == status
    assert done.document()["message"]
    assert cloud.rows(shares.get, share_id).state == "pending"


async def test_who_has_signed_once_is_expected_to_sign_again(stranger, cloud):
    stranger.extra = {"publicKey": stranger.public_key()}
    assert (await post(stranger, cloud, "shares", written({}, stranger, cloud), sign=True)).status == 201
    assert cloud.rows(peers.get, stranger.host).signs
    stranger.extra = {}  # and does not forget it by taking the key out of its document
    await cloud.context.lookup.discover(stranger.host, fresh=True)
    second = written({"providerId": "p2"}, stranger, cloud)
    unshared = notified("SHARE_UNSHARED", "p1", sharedSecret=SECRET)
    assert (await post(stranger, cloud, "shares", second)).status == 401
    assert (await post(stranger, cloud, "notifications", unshared)).status == 401
    assert [row.state for row in cloud.rows(received.listing)] == ["pending"]


async def test_who_shows_a_key_is_expected_to_sign_from_the_first_message(stranger, cloud):
    stranger.extra = {"publicKey": stranger.public_key()}
    assert (await post(stranger, cloud, "shares", written({}, stranger, cloud))).status == 401
    assert cloud.stored()["received"] == []


async def test_nobody_signs_for_another_server(stranger, cloud):
    stranger.extra = {"publicKey": stranger.public_key()}
    body = written(dict.fromkeys(("owner", "sender"), "carl@elsewhere.example"), stranger, cloud)
    assert (await post(stranger, cloud, "shares", body, sign=True)).status == 403


async def test_seafile_shares_twice_under_the_one_provider_id_that_it_has(stranger, cloud):
    stranger.extra = {"endPoint": f"{stranger.base_url}/ocm-via-webdav/"}
    for number in (1, 2):
        options = {"name": "webdav", "options": {"sharedSecret": f"secret-{number}"}}
        body = written({"protocol": options, "name": f"{number}.txt"}, stranger, cloud)
        assert (await post(stranger, cloud, "shares", body)).status == 201
    assert len(cloud.rows(received.listing)) == 2
