"""Bad signatures at the door: what the library refuses (tests/protocol) is refused by the routes too, and does nothing.

Identity is the signature (DESIGN rule 6): not an address, not a header, not what the body claims (reva 05022700).
"""

from __future__ import annotations

import json

import pytest
from tests.security.senders import DISCOVERY, JWKS, deliver, encoded, new_key, notice, offer
from tests.security.stages import Stage

from opencloudmesh.protocol.wire import Headers, Request
from opencloudmesh.server import peers, received, rules

MESSAGES = ("shares", "notifications")
FAMILIES = ("rfc9421", "cavage")


def changed(request: Request, *, body: bytes | None = None, **headers: str) -> Request:
    """The request after somebody has been at it."""
    fields = request.headers | {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(request.method, request.url, fields, request.body if body is None else body)


@pytest.mark.parametrize("what", MESSAGES)
async def test_an_unsigned_message_is_refused_where_signatures_are_demanded(strict: Stage, what: str) -> None:
    await strict.refuses(strict.sender.unsigned(strict.cloud, what, strict.body(what)), 401)
    await strict.accepts("shares")
    await strict.accepts("notifications")


async def test_what_is_demanded_is_in_the_criteria(strict: Stage, stage: Stage) -> None:
    for cloud, criteria in ((strict.cloud, ["must-use-http-sig"]), (stage.cloud, [])):
        assert json.loads((await cloud.request("GET", "/.well-known/ocm")).body)["criteria"] == criteria


@pytest.mark.parametrize("what", MESSAGES)
async def test_an_unsigned_message_of_a_server_that_signs_is_refused(stage: Stage, what: str) -> None:
    """Nobody speaks without a key for a server that has one, whatever secret they know."""
    await stage.refuses(stage.sender.unsigned(stage.cloud, what, stage.body(what)), 401)
    await stage.accepts("shares")


async def test_an_unsigned_message_of_a_server_without_a_key_is_taken_until_it_has_signed_once(stage: Stage) -> None:
    del stage.other.document["publicKey"]
    stage.other.document["capabilities"] = []
    first, second = (encoded(offer(stage.cloud, stage.other, {"providerId": number})) for number in ("a", "b"))
    assert (await deliver(stage.cloud, stage.other.unsigned(stage.cloud, "shares", first))).status == 201
    assert stage.cloud.rows(received.listing)[0].verified in ("unsigned", "rfc9421")
    stage.cloud.context.database.write_now(lambda tx: peers.signed(tx, stage.other.host, "digest"))
    before = stage.cloud.stored()
    assert (await deliver(stage.cloud, stage.other.unsigned(stage.cloud, "shares", second))).status == 401
    assert stage.cloud.stored() == before


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("late", [301, 3600, -90, -3600])
async def test_a_signature_that_is_stale_or_from_the_future_is_refused(stage: Stage, family: str, late: int) -> None:
    request = stage.sender.signed(stage.cloud, "shares", stage.body("shares"), family=family, late=late)
    seen = len(stage.sender.seen)
    await stage.refuses(request, 401)
    assert len(stage.sender.seen) == seen  # nobody is asked for keys because of it
    await stage.accepts("shares", family)


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_signature_over_another_body_is_refused(stage: Stage, family: str) -> None:
    request = stage.sender.signed(stage.cloud, "shares", stage.body("shares"), family=family)
    await stage.refuses(changed(request, body=request.body.replace(b"papers", b"scores")), 401)
    await stage.accepts("shares", family)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("what", MESSAGES)
async def test_a_message_that_is_sent_twice_counts_once(stage: Stage, family: str, what: str) -> None:
    request = stage.sender.signed(stage.cloud, what, stage.body(what), family=family)
    assert (await deliver(stage.cloud, request)).status == 201
    await stage.refuses(request, 401)
    await stage.accepts("shares", family)


async def test_a_share_cannot_be_sent_as_a_notification(stage: Stage) -> None:
    request = stage.sender.signed(stage.cloud, "shares", stage.body("shares"))
    there = Request("POST", f"{stage.cloud.url}/ocm/notifications", request.headers, request.body)
    await stage.refuses(there, 401)


async def test_an_unknown_key_is_looked_for_once(stage: Stage) -> None:
    stage.clock.ahead += 120  # the last look was long ago
    stranger = new_key(f"{stage.sender.host}#unknown")
    seen = len(stage.sender.seen)
    await stage.refuses(stage.sender.signed_so(stage.cloud, "shares", stage.body("shares"), key=stranger), 401)
    assert stage.sender.seen[seen:] == [DISCOVERY, JWKS]
    await stage.refuses(stage.sender.signed_so(stage.cloud, "shares", stage.body("shares"), key=stranger), 401)
    assert len(stage.sender.seen) == seen + 2  # and not again within a minute
    await stage.accepts("shares")


async def test_a_new_key_is_found(stage: Stage) -> None:
    stage.clock.ahead += 120
    stage.sender.ed25519 = new_key(f"{stage.sender.host}#key2")
    stage.sender.keys[:] = [stage.sender.ed25519]
    await stage.accepts("shares")


async def test_another_servers_key_proves_nothing(stage: Stage) -> None:
    """The key's host must be the one whom the body speaks for."""
    await stage.refuses(stage.other.signed(stage.cloud, "shares", stage.body("shares")), 403, "owner", "sender")
    await stage.accepts("shares")


@pytest.mark.parametrize("field", ["sender", "owner"])
async def test_of_people_elsewhere_a_server_only_tells(stage: Stage, field: str) -> None:
    """A reshare names them: as the owner, or (Nextcloud, ownCloud) as the sender. That they are known is no grounds."""
    contact = {"address": "friend@elsewhere.example"}
    await stage.cloud.api("POST", "contacts", contact, who="einstein", status=201)
    changes = {"providerId": "p9", "name": "on", field: contact["address"]}
    body = encoded(offer(stage.cloud, stage.sender, changes))
    assert (await deliver(stage.cloud, stage.sender.signed(stage.cloud, "shares", body))).status == 201
    (seen,) = [row for row in await stage.cloud.api("GET", "received", who="einstein") if row["name"] == "on"]
    assert (seen["sender"], seen["vouchedBy"]) == (f"marie@{stage.sender.host}", stage.sender.host)
    assert seen["sharedBy" if field == "sender" else "owner"] == contact["address"]
    assert seen["stranger"] is True


@pytest.mark.parametrize("field", ["sender", "owner"])
@pytest.mark.parametrize("how", ["blocked", "denied"])
async def test_of_people_who_are_unwanted_nothing_is_taken_by_another_hand(stage: Stage, field: str, how: str) -> None:
    who = "foe@elsewhere.example"
    if how == "denied":
        stage.cloud.context.database.write_now(lambda tx: rules.put(tx, "elsewhere.example", incoming=rules.DENY))
    else:
        contact = await stage.cloud.api("POST", "contacts", {"address": who}, who="einstein", status=201)
        await stage.cloud.api("POST", f"contacts/{contact['id']}/block", who="einstein")
    body = encoded(offer(stage.cloud, stage.sender, {"providerId": "p9", field: who}))
    await stage.refuses(stage.sender.signed(stage.cloud, "shares", body), 403)


async def test_nobody_says_that_they_share_on_what_is_of_two_others(stage: Stage) -> None:
    changes = {
        "owner": "a@one.example",
        "sender": f"marie@{stage.other.host}",
        "sharedBy": f"marie@{stage.sender.host}",
    }
    body = encoded(offer(stage.cloud, stage.sender, changes))
    await stage.refuses(stage.sender.signed(stage.cloud, "shares", body), 403, "owner", "sender")


async def test_a_key_id_of_one_host_with_the_key_of_another_is_refused(stage: Stage) -> None:
    mine = stage.other.ed25519
    request = stage.other.signed_so(stage.cloud, "shares", stage.body("shares"), keyid=f"{stage.sender.host}#key1")
    assert mine.kid != f"{stage.sender.host}#key1"
    await stage.refuses(request, 401)
    await stage.accepts("shares")


LEFT_OUT = ["@method", "@target-uri", "content-digest", "content-length"]


@pytest.mark.parametrize("name", LEFT_OUT)
async def test_the_receiver_decides_what_must_be_covered(stage: Stage, name: str) -> None:
    covered = tuple(part for part in (*LEFT_OUT, "date") if part != name)
    await stage.refuses(stage.sender.signed_so(stage.cloud, "shares", stage.body("shares"), covered=covered), 401)
    await stage.accepts("shares")


ODD = {
    "no created": {"created": None},
    "another algorithm": {"alg": "hmac-sha256"},
    "RSA named for Ed25519": {"alg": "rsa-v1_5-sha256"},
    "a key id without a host": {"keyid": "key1"},
    "a key id of a private place": {"keyid": "http://169.254.169.254/latest#key1"},
    "expired": {"expires": 1},
}


@pytest.mark.parametrize("parameters", ODD.values(), ids=ODD.keys())
async def test_odd_parameters_are_refused(stage: Stage, parameters: dict[str, object]) -> None:
    request = stage.sender.signed_so(stage.cloud, "shares", stage.body("shares"), **parameters)
    answer = await deliver(stage.cloud, request)
    assert answer.status in (401, 502)
    assert stage.cloud.stored()["received"] == stage.cloud.stored()["received"][:1]
    await stage.accepts("shares")


async def test_two_signatures_for_open_cloud_mesh_are_one_too_many(stage: Stage) -> None:
    one = stage.sender.signed_so(stage.cloud, "shares", stage.body("shares"), label="ocm")
    two = stage.sender.signed_so(stage.cloud, "shares", one.body, label="ocm2")
    headers = [
        (name, f"{value}, {two.headers.get(name)}" if name in ("signature", "signature-input") else value)
        for name, value in one.headers
    ]
    await stage.refuses(Request("POST", one.url, Headers(headers), one.body), 401)
    await stage.accepts("shares")


async def test_a_signature_for_something_else_is_no_signature(stage: Stage) -> None:
    request = stage.sender.signed_so(stage.cloud, "shares", stage.body("shares"), label="sig1", tag="other")
    await stage.refuses(request, 401)  # of a server that signs


@pytest.mark.parametrize("digest", ["sha-256=:AAAA:", "sha-256=nonsense", "md5=:AAAA:", ""])
async def test_a_digest_that_does_not_match_is_refused(stage: Stage, digest: str) -> None:
    headers = {"Content-Digest": digest}
    await stage.refuses(stage.sender.signed_so(stage.cloud, "shares", stage.body("shares"), headers=headers), 401)
    await stage.accepts("shares")


async def test_keys_that_cannot_be_had_for_the_moment_are_worth_another_try(stage: Stage) -> None:
    stage.other.status = 500
    body = encoded(offer(stage.cloud, stage.other, {}))
    answer = await stage.refuses(stage.other.signed(stage.cloud, "shares", body), 503)
    assert answer.headers.get("retry-after") == "30"
    stage.other.status = 200
    stage.clock.ahead += 60
    assert (await deliver(stage.cloud, stage.other.signed(stage.cloud, "shares", body))).status == 201


async def test_a_signer_that_is_no_server_of_open_cloud_mesh_is_not_known(stage: Stage) -> None:
    """No answer of ours tells what is at an address that somebody names (CVE-2020-10252)."""
    stage.other.document.clear()
    for host in (stage.other.host, "1.2.3"):
        for kid in (f"{host}#key1", f"http://{host}/ocm#signature"):
            request = stage.sender.signed_so(stage.cloud, "shares", stage.body("shares"), key=new_key(kid))
            await stage.refuses(request, 401)
    await stage.accepts("shares")


async def test_a_forwarded_header_is_no_identity(stage: Stage) -> None:
    request = stage.sender.unsigned(stage.cloud, "notifications", encoded(notice(providerId=f"p{stage.number}")))
    await stage.refuses(changed(request, X_Forwarded_For="10.0.0.1", X_Forwarded_Host=stage.sender.host), 401)
