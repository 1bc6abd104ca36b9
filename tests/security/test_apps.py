"""Shares that open in a web application, or over SSH, or in ways that are not known: taken, shown, opened, refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.browsing import Browser
from tests.mesh import settled
from tests.security.senders import SECRET, deliver, encoded, offer
from tests.security.stages import Stage

from opencloudmesh.server import audit, received, schema

TOKEN = "token-for-the-app"
EXCHANGE = "POST /ocm/token"
APP: dict[str, Any] = {
    "uri": "https://app.example/open/1",
    "sharedSecret": "secret-of-the-app",
    "targets": ["blank"],
    "permissions": ["view", "write"],
    "requirements": ["must-exchange-token"],
    "appName": "Editor",
}
WEBDAV = {"uri": "x1", "sharedSecret": SECRET, "permissions": ["read"]}
KEY = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


async def offered(stage: Stage, **parts: Any) -> Any:
    """The answer to a share with these parts."""
    stage.number += 1
    said = {"providerId": f"p{stage.number}", "name": f"paper{stage.number}", "protocol": {"name": "multi", **parts}}
    return await deliver(
        stage.cloud, stage.sender.signed(stage.cloud, "shares", encoded(offer(stage.cloud, stage.sender, said)))
    )


async def taken(stage: Stage, **parts: Any) -> str:
    """The id of a share with these parts, accepted."""
    assert (await offered(stage, **parts)).status == 201
    row = stage.cloud.rows(received.told_by, stage.sender.host, f"p{stage.number}")
    await stage.cloud.api("POST", f"received/{row.id}/accept", who="einstein")
    return str(row.id)


def gives_tokens(stage: Stage) -> None:
    stage.sender.document["capabilities"].append("exchange-token")
    stage.sender.document["tokenEndPoint"] = f"http://{stage.sender.host}/ocm/token"
    stage.sender.says[EXCHANGE] = (
        200,
        json.dumps({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 300}).encode(),
    )
    forget = schema.peers.update().values(document_until=0)
    stage.cloud.context.database.write_now(lambda tx: tx.run(forget))


@pytest.fixture
async def einstein(stage: Stage) -> Browser:
    browser = Browser(stage.cloud)
    await browser.sign_in("einstein")
    return browser


async def test_a_web_application_alone_is_taken_and_opened_with_a_token(stage: Stage, einstein: Browser) -> None:
    gives_tokens(stage)
    share = await taken(stage, webapp=APP)
    row = await stage.cloud.api("GET", f"received/{share}", who="einstein")
    assert (row["path"], row["protocols"], row["unsupported"]) == (None, ["webapp"], [])
    assert row["webapp"] == {"name": "Editor", "host": "app.example"}
    assert EXCHANGE not in stage.sender.seen  # nobody has opened it
    page = await einstein.open("/inbox")
    assert "It opens in Editor at app.example." in page.text
    assert f"/apps/{share}" in page.links
    page = await einstein.open(f"/apps/{share}")
    assert "at app.example" in page.text
    page = await einstein.submit(f"/apps/{share}")
    assert stage.sender.seen.count(EXCHANGE) == 1
    assert page.forms == ["https://app.example/open/1"]
    assert f'value="{TOKEN}"' in page.html
    assert f'value="{stage.cloud.url}/apps/{share}"' in page.html
    said = page.headers.get("content-security-policy")
    assert "form-action https://app.example;" in said
    assert "form-action 'self'" not in said
    assert page.headers.get("cache-control") == "private, no-store"
    for text in (page.html, str(stage.cloud.log), str(stage.cloud.rows(audit.listing))):
        assert "secret-of-the-app" not in text
    assert not [line for line in stage.cloud.log if TOKEN in line]
    told = stage.cloud.rows(audit.listing, event="token")[-1]
    assert (told.direction, told.account, told.subject, told.reason) == ("out", "einstein", share, "webapp")


async def test_it_is_opened_only_by_whom_it_was_shared_with_and_while_it_is_accepted(
    stage: Stage, einstein: Browser
) -> None:
    gives_tokens(stage)
    share = await taken(stage, webapp=APP)
    stage.cloud.add("lise")
    lise = Browser(stage.cloud)
    await lise.sign_in("lise")
    await lise.open(f"/apps/{share}", 404)
    await lise.submit(f"/apps/{share}", 404)
    await stage.cloud.api("POST", f"received/{share}/decline", who="einstein")
    await einstein.submit(f"/apps/{share}", 409)
    assert EXCHANGE not in stage.sender.seen


async def test_what_demands_a_second_factor_opens_for_nobody_without_one(stage: Stage, einstein: Browser) -> None:
    gives_tokens(stage)
    assert (await offered(stage, webapp=APP | {"requirements": ["must-exchange-token", "must-use-mfa"]})).status == 501
    share = await taken(stage, webapp=APP)
    parts = stage.cloud.rows(received.get, share).parts
    parts["webapp"]["requirements"].append("must-use-mfa")  # as where the cloud has promised it
    change = schema.received.update().values(parts=parts, requirements=["must-use-mfa"])
    stage.cloud.context.database.write_now(lambda tx: tx.run(change))
    page = await einstein.submit(f"/apps/{share}", 403)
    assert "second factor" in page.text
    assert EXCHANGE not in stage.sender.seen


async def test_a_server_that_gives_no_token_is_told_about(stage: Stage, einstein: Browser) -> None:
    gives_tokens(stage)
    stage.sender.says[EXCHANGE] = (400, b'{"error": "invalid_grant"}')
    share = await taken(stage, webapp=APP)
    page = await einstein.submit(f"/apps/{share}", 502)
    assert "refused" in page.text
    assert TOKEN not in page.html


async def test_an_old_web_application_beside_the_files_is_a_link(stage: Stage, einstein: Browser) -> None:
    template = "https://app.example/x/{relative-path-to-shared-resource}"
    share = await taken(stage, webdav=WEBDAV, webapp={"uriTemplate": template, "viewMode": "read"})
    page = await einstein.open(f"/apps/{share}")
    assert 'href="https://app.example/x/"' in page.html
    assert 'rel="noopener noreferrer"' in page.html
    assert (await stage.cloud.api("GET", f"received/{share}", who="einstein"))["path"]


@pytest.mark.parametrize("uri", ["javascript:alert(1)", "data:text/html,x", "https://a.example; x", "ftp://a.example/"])
async def test_a_dangerous_web_address_is_not_used(stage: Stage, einstein: Browser, uri: str) -> None:
    said = offer(stage.cloud, stage.sender, {"protocol": {"name": "multi", "webapp": APP | {"uri": uri}}})
    await stage.refuses(stage.sender.signed(stage.cloud, "shares", encoded(said)), 501)
    share = await taken(stage, webdav=WEBDAV, webapp=APP | {"uri": uri})
    await einstein.open(f"/apps/{share}", 404)
    page = await einstein.open("/inbox")
    assert "The sender also offers webapp, which this cloud cannot use." in page.text
    assert uri not in page.html


async def test_ssh_is_answered_with_keys_and_shown_as_a_command(stage: Stage, einstein: Browser) -> None:
    ssh = {"uri": f"u1@{stage.sender.host.partition(':')[0]}:2222/data/a b"}
    assert (await offered(stage, ssh=ssh)).status == 501  # he has no key
    page = await einstein.submit("/ssh-keys", key=f"{KEY} albert@violin")
    assert "albert@violin" in page.text
    answer = await offered(stage, ssh=ssh)
    assert json.loads(answer.body)["recipientPublicKeys"] == KEY
    assert "recipientPublicKeys" not in json.loads((await offered(stage, webdav=WEBDAV)).body)
    share = await taken(stage, ssh=ssh, webdav=WEBDAV)
    row = await stage.cloud.api("GET", f"received/{share}", who="einstein")
    assert row["ssh"]["command"] == "sftp -P 2222 'u1@localhost:/data/a b'"
    assert "sftp -P 2222" in (await einstein.open("/inbox")).text
    (key,) = await stage.cloud.api("GET", "ssh-keys", who="einstein")
    await stage.cloud.api("DELETE", f"ssh-keys/{key['id']}", who="einstein", status=204)
    assert "recipientPublicKeys" not in json.loads((await offered(stage, ssh=ssh, webdav=WEBDAV)).body)


async def test_an_unknown_protocol_is_named_and_does_no_harm(stage: Stage, einstein: Browser) -> None:
    said = offer(stage.cloud, stage.sender, {"protocol": {"name": "nctalk", "nctalk": {"room": "x"}}})
    answer = await stage.refuses(stage.sender.signed(stage.cloud, "shares", encoded(said)), 501)
    assert "nctalk" in json.loads(answer.body)["message"]
    share = await taken(stage, webdav=WEBDAV, nctalk={"room": "x"})
    row = await stage.cloud.api("GET", f"received/{share}", who="einstein")
    assert (row["protocols"], row["unsupported"]) == (["webdav", "nctalk"], ["nctalk"])
    assert "The sender also offers nctalk" in (await einstein.open("/inbox")).text


async def test_an_unknown_resource_type_is_named(stage: Stage) -> None:
    said = offer(stage.cloud, stage.sender, {"resourceType": "calendar"})
    answer = await stage.refuses(stage.sender.signed(stage.cloud, "shares", encoded(said)), 501)
    assert "'calendar'" in json.loads(answer.body)["message"]


async def test_an_unsigned_message_cannot_end_what_has_no_secret_of_its_own(stage: Stage) -> None:
    await stage.cloud.api("POST", "ssh-keys", {"key": KEY}, who="einstein", status=201)
    share = await taken(stage, ssh={"uri": "u1@cloud.example:22/a"})
    await settled(stage.cloud)
    stage.cloud.context.database.write_now(lambda tx: tx.run(schema.outbox.delete()))
    for secret in ("", None):
        body = {"notificationType": "SHARE_UNSHARED", "resourceType": "folder", "providerId": f"p{stage.number}",
                "notification": {"sharedSecret": secret} if secret is not None else {}}  # fmt: skip
        answer = await deliver(stage.cloud, stage.sender.unsigned(stage.cloud, "notifications", encoded(body)))
        assert answer.status in (400, 401, 403, 404)
    assert stage.cloud.rows(received.get, share).state == received.ACCEPTED
