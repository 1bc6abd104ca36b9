"""Bad messages from other servers: each is refused with a reason and changes nothing, and the next good one is taken.

What holds for all of them is in `Stage.refuses`: nothing is stored, nobody is asked for anything but keys, no secret is
logged or told. Security rules held here: identity is the signature and nothing else (reva 05022700, reva shares.go);
nothing is fetched from an address in an unproven message (seahub); no body is logged (EOSC Dispatcher 778d9e9e).
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.security.senders import SECRET, as_bytes, deliver, encoded, notice, offer
from tests.security.stages import Stage

from opencloudmesh.server import outbox, received, shares

MESSAGES = ("shares", "notifications")
LIMIT = 131_072

# --- the body

NESTED = b'{"a":' * 17 + b"{}" + b"}" * 17
BODIES = {
    "nothing": b"",
    "half an object": b'{"name": "papers"',
    "two objects": b"{}{}",
    "a form": b"name=papers&providerId=p1",
    "a list": b"[]",
    "a text": b'"papers"',
    "null": b"null",
    "nested": NESTED,
    "nested far": b"[" * 50_000 + b"]" * 50_000,
    "a lone surrogate": b'{"name": "\\ud800", "providerId": "\\udfff"}',
    "no UTF-8": b'{"name": "\xff\xfe"}',
    "UTF-16": '{"name": "papers"}'.encode("utf-16"),
    "not a number": b'{"expiration": NaN}',
}


@pytest.mark.parametrize("what", MESSAGES)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
async def test_a_body_that_is_no_object_is_refused(stage: Stage, what: str, body: bytes) -> None:
    await stage.refuses(stage.sender.signed(stage.cloud, what, body), 400)
    await stage.accepts(what)


@pytest.mark.parametrize("what", MESSAGES)
async def test_a_body_that_is_announced_too_large_is_refused_before_it_is_sent(stage: Stage, what: str) -> None:
    request = stage.sender.unsigned(stage.cloud, what, b"")
    await stage.refuses(as_bytes(request, Content_Length=str(LIMIT + 1)), 413)
    await stage.refuses(as_bytes(request, Content_Length="9" * 18), 413)
    await stage.accepts(what)


@pytest.mark.parametrize("what", MESSAGES)
async def test_a_body_that_grows_too_large_is_refused(stage: Stage, what: str) -> None:
    """Nobody makes us keep more than the limit (SECURITY: every body from a peer has a size limit)."""
    request = stage.sender.unsigned(stage.cloud, what, b"")
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    await stage.refuses(as_bytes(request, Transfer_Encoding="chunked") + chunk * (LIMIT // 0x4000 + 1), 413)
    await stage.accepts(what)


async def test_a_body_of_just_the_limit_is_read(stage: Stage) -> None:
    body = stage.body("shares")
    request = stage.sender.signed(stage.cloud, "shares", body + b" " * (LIMIT - len(body)))
    assert (await deliver(stage.cloud, request)).status == 201


# --- the fields of a share

LONG = "x" * 300
MULTI = {"uri": "x1", "sharedSecret": SECRET}
OFFERS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "name ..": ({"name": ".."}, ("name",)),
    "name .": ({"name": "."}, ("name",)),
    "name /": ({"name": "/"}, ("name",)),
    "name with /": ({"name": "a/b"}, ("name",)),
    "name out of the folder": ({"name": "../../etc/passwd"}, ("name",)),
    "name with NUL": ({"name": "a\0b"}, ("name",)),
    "name with line end": ({"name": "a\r\nb"}, ("name",)),
    "name of 300 bytes": ({"name": LONG}, ("name",)),
    "name of 300 bytes, 100 characters": ({"name": "€" * 100}, ("name",)),
    "name missing": ({"name": None}, ("name",)),
    "name a number": ({"name": 7}, ("name",)),
    "all numbers": (
        {"shareWith": 7, "name": 7, "owner": 7, "sender": 7, "shareType": 7, "resourceType": 7, "protocol": 7},
        ("shareWith", "name", "owner", "sender", "shareType", "resourceType", "protocol"),
    ),
    "all lists": (
        {"shareWith": [1], "name": [1], "providerId": [1], "owner": [1], "sender": {}, "protocol": [1]},
        ("shareWith", "name", "providerId", "owner", "sender", "protocol"),
    ),
    "no address": ({"owner": "marie", "sender": "marie@"}, ("owner", "sender")),
    "addresses of two lines": ({"sender": "marie@a.example\r\nX: y"}, ("sender",)),
    "providerId of 300": ({"providerId": LONG}, ("providerId",)),
    "providerId with line end": ({"providerId": "a\nb"}, ("providerId",)),
    "providerId true": ({"providerId": True}, ("providerId",)),
    "no secret": ({"protocol": {"name": "multi", "webdav": {"uri": "x1"}}}, ("protocol.webdav.sharedSecret",)),
    "no secret in options": ({"protocol": {"name": "webdav", "options": {}}}, ("protocol.options.sharedSecret",)),
    "secret with line end": (
        {"protocol": {"name": "multi", "webdav": {"uri": "x1", "sharedSecret": "a\r\nX: y"}}},
        ("protocol.webdav.sharedSecret",),
    ),
    "permissions a number": (
        {"protocol": {"name": "multi", "webdav": {**MULTI, "permissions": 7}}},
        ("protocol.webdav.permissions",),
    ),
    "a requirement that we do not know": (
        {"protocol": {"name": "multi", "webdav": {**MULTI, "requirements": ["must-dance"]}}},
        ("protocol.webdav.requirements",),
    ),
    "empty protocol": ({"protocol": {}}, ("protocol",)),
    "expiration a text": ({"expiration": "tomorrow"}, ("expiration",)),
    "expiration far": ({"expiration": 10**30}, ("expiration",)),
    "expired": ({"expiration": 1_500_000_000}, ("expiration",)),
    "description of 1 MB": ({"description": "x" * 100_000}, ("description",)),
    "nobody of that name": ({"shareWith": "nobody@{host}"}, ("shareWith",)),
    "a person of another server": ({"shareWith": "einstein@other.example"}, ("shareWith",)),
}


@pytest.mark.parametrize(("changes", "names"), OFFERS.values(), ids=OFFERS.keys())
async def test_a_share_with_wrong_fields_is_refused_naming_each(
    stage: Stage, changes: dict[str, Any], names: tuple[str, ...]
) -> None:
    if "shareWith" in changes and isinstance(changes["shareWith"], str):
        changes = {"shareWith": changes["shareWith"].format(host=stage.cloud.host)}
    body = encoded(offer(stage.cloud, stage.sender, changes))
    await stage.refuses(stage.sender.signed(stage.cloud, "shares", body), 400, *names)
    await stage.accepts("shares")


async def test_an_empty_share_names_everything_that_is_missing(stage: Stage) -> None:
    request = stage.sender.signed(stage.cloud, "shares", b"{}")
    names = ("shareWith", "name", "providerId", "owner", "shareType", "resourceType", "protocol")
    await stage.refuses(request, 400, *names)


async def test_an_unknown_recipient_is_not_found(stage: Stage) -> None:
    body = encoded(offer(stage.cloud, stage.sender, {"shareWith": stage.cloud.address("nobody")}))
    answer = await stage.refuses(stage.sender.signed(stage.cloud, "shares", body), 400, "shareWith")
    assert json.loads(answer.body)["validationErrors"] == [{"name": "shareWith", "message": "NOT_FOUND"}]


UNSUPPORTED = {
    "federation": {"shareType": "federation"},
    "a share type of no version": {"shareType": "planet"},
    "resource type": {"resourceType": "calendar"},
    "ssh": {"protocol": {"name": "multi", "ssh": {"uri": "a@b.example:22/x"}}},
    "a protocol of no version": {"protocol": {"name": "carrier-pigeon", "options": {"sharedSecret": SECRET}}},
}


@pytest.mark.parametrize("changes", UNSUPPORTED.values(), ids=UNSUPPORTED.keys())
async def test_what_is_not_supported_is_said_so(stage: Stage, changes: dict[str, Any]) -> None:
    body = encoded(offer(stage.cloud, stage.sender, {"providerId": "p9", **changes}))
    await stage.refuses(stage.sender.signed(stage.cloud, "shares", body), 501)
    await stage.accepts("shares")


async def test_a_share_that_is_said_twice_is_stored_once(stage: Stage) -> None:
    body = stage.body("shares")
    for _ in range(2):
        assert (await deliver(stage.cloud, stage.sender.signed(stage.cloud, "shares", body))).status == 201
    assert len(stage.cloud.rows(received.listing)) == 2  # with the one of the fixture


@pytest.mark.parametrize("changes", [{"resourceType": "file"}, {"protocol": {"webdav": MULTI}}])
async def test_another_share_with_the_same_id_is_refused(stage: Stage, changes: dict[str, Any]) -> None:
    changes = {"providerId": "p2", **changes}
    if "protocol" in changes:
        changes["protocol"] = {"name": "multi", "webdav": {**MULTI, "sharedSecret": "another"}}
    body = encoded(offer(stage.cloud, stage.sender, changes))
    await stage.refuses(stage.sender.signed(stage.cloud, "shares", body), 409, "providerId")
    await stage.accepts("shares")


async def test_two_servers_may_use_the_same_id(stage: Stage) -> None:
    body = encoded(offer(stage.cloud, stage.other, {"providerId": "p2"}))
    assert (await deliver(stage.cloud, stage.other.signed(stage.cloud, "shares", body))).status == 201
    assert len(stage.cloud.rows(received.listing)) == 2


# --- the fields of a notification

NOTICES: dict[str, tuple[dict[str, Any], int, tuple[str, ...]]] = {
    "type unknown": ({"notificationType": "SHARE_DANCED"}, 400, ("notificationType",)),
    "type missing": ({"notificationType": None}, 400, ("notificationType",)),
    "type a number": ({"notificationType": 7}, 400, ("notificationType",)),
    "type long": ({"notificationType": LONG}, 400, ("notificationType",)),
    "id missing": ({"providerId": None}, 400, ("providerId",)),
    "id an object": ({"providerId": {"a": 1}}, 400, ("providerId",)),
    "content a text": ({"notification": "x"}, 400, ("notification",)),
    "secret a number": ({"notification": {"sharedSecret": 7}}, 400, ("notification.sharedSecret",)),
    "all": (
        {"notificationType": 1, "resourceType": 1, "providerId": [], "notification": 1},
        400,
        ("notificationType", "resourceType", "providerId", "notification"),
    ),
    "to share on what is not there": ({"notificationType": "REQUEST_RESHARE"}, 404, ()),
    "undone what is not there": ({"notificationType": "RESHARE_UNDO"}, 404, ()),
    "no such share received": ({"providerId": "p99"}, 404, ()),
    "no such share sent": ({"notificationType": "SHARE_ACCEPTED", "providerId": "p99"}, 404, ()),
}


@pytest.mark.parametrize(("changes", "status", "names"), NOTICES.values(), ids=NOTICES.keys())
async def test_a_wrong_notification_is_refused(
    stage: Stage, changes: dict[str, Any], status: int, names: tuple[str, ...]
) -> None:
    body = encoded(notice(**{"providerId": "p2", **changes}))
    await stage.refuses(stage.sender.signed(stage.cloud, "notifications", body), status, *names)
    await stage.accepts("notifications")


async def test_nobody_ends_the_share_of_another_server(stage: Stage) -> None:
    body = encoded(notice(providerId="p2"))
    await stage.refuses(stage.other.signed(stage.cloud, "notifications", body), 404)
    await stage.accepts("notifications")


@pytest.mark.parametrize("kind", ["SHARE_ACCEPTED", "SHARE_DECLINED"])
async def test_nobody_answers_for_another_server(stage: Stage, kind: str) -> None:
    """Not even with the secret: a peer that signs is known by its signature alone."""
    stage.cloud.put("einstein", "note.txt", b"e = mc2")
    wanted = {"path": "note.txt", "shareWith": f"marie@{stage.sender.host}"}
    share = await stage.cloud.api("POST", "shares", wanted, who="einstein")
    stage.cloud.context.database.write_now(lambda tx: outbox.drop(tx, share["id"]))
    secret = stage.cloud.rows(shares.get, share["id"]).secret
    body = encoded(notice(notificationType=kind, providerId=share["id"], notification={"sharedSecret": secret}))
    await stage.refuses(stage.other.signed(stage.cloud, "notifications", body), 403)
    assert not [line for line in stage.cloud.log if secret in line]
    assert (await deliver(stage.cloud, stage.sender.signed(stage.cloud, "notifications", body))).status == 201
