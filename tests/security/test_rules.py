"""The rules that servers which share with each other had to learn, each by its name.

Whole servers where the rule is about what they do, and the source itself where it is about what nobody may write.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.client.wires import Exchange, answering, ok, wire
from tests.mesh import Server, basic, settled
from tests.security.senders import SECRET, deliver, encoded, notice, offer
from tests.security.stages import Stage

from opencloudmesh.protocol.wire import Request
from opencloudmesh.server import received, shares

SOURCES = Path(__file__).parent.parent.parent / "src" / "opencloudmesh"
FORGED = ("X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Forwarded", "Via", "From", "Origin", "Referer")


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in SOURCES.rglob("*.py"):
        yield str(path.relative_to(SOURCES)), ast.parse(path.read_text())


# --- who it is


async def test_identity_is_the_signature_never_an_address_or_a_forwarded_header(stage: Stage) -> None:
    """All of them come from the same address here; only the signature tells who they are."""
    body = stage.body("shares")
    for host in (stage.sender.host, stage.cloud.host, "127.0.0.1"):
        unsigned = stage.sender.unsigned(stage.cloud, "shares", body)
        forged = Request("POST", unsigned.url, unsigned.headers | dict.fromkeys(FORGED, host), body)
        await stage.refuses(forged, 401)
    signed = stage.other.signed(stage.cloud, "shares", body)
    await stage.refuses(
        Request("POST", signed.url, signed.headers | dict.fromkeys(FORGED, stage.sender.host), body),
        403, "owner", "sender",
    )  # fmt: skip
    assert (await deliver(stage.cloud, stage.sender.signed(stage.cloud, "shares", body))).status == 201


async def test_who_never_signs_is_known_by_the_secret_of_each_share_and_shown_as_unsigned(stage: Stage) -> None:
    stage.other.document.pop("publicKey")
    stage.other.document["capabilities"] = []
    body = encoded(offer(stage.cloud, stage.other, {"providerId": "u1"}))
    assert (await deliver(stage.cloud, stage.other.unsigned(stage.cloud, "shares", body))).status == 201
    (row,) = [row for row in stage.cloud.rows(received.listing) if row.provider_id == "u1"]
    assert row.verified == "unsigned"
    for secret, status in (("guess", 404), (SECRET, 201)):
        said = encoded(notice(providerId="u1", notification={"sharedSecret": secret}))
        answer = await deliver(stage.cloud, stage.sender.unsigned(stage.cloud, "notifications", said))
        assert answer.status == status  # whoever it comes from
    assert stage.cloud.rows(received.get, row.id).state == received.UNSHARED


# --- where we connect to


def test_every_connection_goes_through_the_one_guard() -> None:
    """Nothing but `client` knows how to connect, and there one place opens sessions, with both of the guard's hooks."""
    openers = re.compile(r"^(aiohttp|httpx|requests|urllib3|urllib\.request|http\.client|smtplib|ftplib|socket|ssl)\b")
    found = {
        name
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for imported in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])
        if openers.match(imported)
    }
    assert found == {"client/network.py", "client/guard.py", "client/answer.py", "client/smtp.py"}
    # The mail server is named by the operator and by nobody else, so it may be in a private network.
    assert "config.smtp" in (SOURCES / "server/worker.py").read_text()
    network = (SOURCES / "client/network.py").read_text()
    assert network.count("ClientSession(") == network.count("TCPConnector(") == 1
    for hook in ("resolver=self._resolver", "socket_factory=checked_socket", "use_dns_cache=False", "trust_env=False"):
        assert hook in network
    calls = re.compile(r"(create_connection|open_connection|create_unix_connection|urlopen)\(")
    assert not [name for name, _ in modules() if calls.search((SOURCES / name).read_text())]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_signed_post_is_never_redirected(stage: Stage, status: int) -> None:
    """Whole servers: einstein shares with marie, whose server sends our message on to another place."""
    async with wire(answering(ok(b"{}"))) as elsewhere:
        moved = f"HTTP/1.1 {status} Moved\r\nLocation: {elsewhere.url}/ocm/shares\r\nContent-Length: 0\r\n\r\n".encode()
        async with wire(answering(moved)) as there:
            share = await shared_to(stage, there.url)
            assert there.heads[0].startswith(b"POST /ocm/shares ")
            assert b"signature-input" in there.heads[0].lower()
        assert elsewhere.connections == 0
    assert stage.cloud.rows(shares.get, share.id).state in (shares.PENDING, shares.FAILED)


async def shared_to(stage: Stage, url: str) -> shares.Row:
    """einstein's file for marie, whose server's document says that messages go to a URL."""
    stage.sender.document["endPoint"] = f"{url}/ocm"
    stage.clock.ahead += 3_601
    stage.cloud.put("einstein", "note.txt", b"e = mc2")
    wanted = {"path": "note.txt", "shareWith": f"marie@{stage.sender.host}"}
    share = await stage.cloud.api("POST", "shares", wanted, who="einstein", status=201)
    await settled(stage.cloud)
    return stage.cloud.rows(shares.get, share["id"])


# --- who decides


async def test_only_the_owner_changes_a_share_and_ending_it_ends_its_tokens_in_one_transaction(
    pair: list[Server],
) -> None:
    one, two = pair
    one.put("einstein", "note.txt", b"e = mc2")
    wanted = {"path": "note.txt", "shareWith": two.address("marie")}
    share = await one.api("POST", "shares", wanted, who="einstein", status=201)
    await settled(one, two)
    (offer,) = await two.api("GET", "received", who="marie")
    await two.api("POST", f"received/{offer['id']}/accept", who="marie", status=200)
    await settled(one, two)
    await two.dav("GET", "marie", "Shares/note.txt")
    (held,) = two.context.reach.tokens.values()
    right = {"Authorization": f"Bearer {held.token}"}

    def half(tx) -> None:
        shares.unshare(tx, share["id"])
        raise RuntimeError("the power is gone")

    with pytest.raises(RuntimeError):
        one.context.database.write_now(half)
    assert len(one.stored()["tokens"]) == 1
    assert (await one.request("GET", "/dav/ocm/", right)).status == 200
    for method, path in (("DELETE", f"shares/{share['id']}"), ("GET", f"shares/{share['id']}")):
        assert (await two.request(method, f"/api/v1/{path}", {"Authorization": basic("marie")})).status == 404
    one.context.database.write_now(lambda tx: shares.unshare(tx, share["id"]))
    assert one.stored()["tokens"] == []
    assert (await one.request("GET", "/dav/ocm/", right)).status == 401


# --- in what order


async def test_a_share_is_stored_before_it_is_sent_for_some_answer_while_our_post_is_open(stage: Stage) -> None:
    """Nextcloud does so for servers that it trusts. And what is posted again is the same share."""
    statuses: list[int] = []

    async def calling_back(exchange: Exchange) -> None:
        await exchange.request()
        (share,) = stage.cloud.rows(shares.listing)
        for _ in range(2):
            said = notice(notificationType="SHARE_ACCEPTED", providerId=share.id, notification={"sharedSecret": "x"})
            answer = await deliver(stage.cloud, stage.sender.signed(stage.cloud, "notifications", encoded(said)))
            statuses.append(answer.status)
        await exchange.say(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}")

    async with wire(calling_back) as there:
        share = await shared_to(stage, there.url)
    assert statuses == [201, 201]
    assert stage.cloud.rows(shares.get, share.id).state == shares.ACCEPTED
    body = stage.body("shares")
    for _ in range(3):
        assert (await deliver(stage.cloud, stage.sender.signed(stage.cloud, "shares", body))).status == 201
    assert len(stage.cloud.rows(received.listing)) == 2


# --- secrets

SECRETS = frozenset({"secret", "shared_secret", "token", "code", "password", "credential", "sharedSecret"})


def _named(node: ast.AST) -> str:
    """The last word of what is compared; "" for a column, which the database compares."""
    if "tx." in ast.unparse(node) or re.search(r"\.c\.", ast.unparse(node)):
        return ""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def test_secrets_are_compared_in_constant_time() -> None:
    """No `==` between a secret and what somebody says; empty or not is no secret."""
    found = [
        f"{name}: {ast.unparse(node)}"
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Eq, ast.NotEq))
        if not re.search(r"\.c\.", ast.unparse(node))
        if {_named(node.left), _named(node.comparators[0])} & SECRETS
    ]
    # Ours with ours: whether a way in is by the secret itself or by a token got for it. And the token of a lock opens
    # nothing: it counts only for the principal that the lock is of.
    harmless = {"server/remote.py: way.credential != self._row.secret", "server/locks.py: lock.token == token"}
    assert set(found) <= harmless


def test_no_secret_is_put_into_a_log_line_or_an_address() -> None:
    """Neither as an argument of the log nor into an f-string that begins as a URL or a query."""
    found = []
    for name, tree in modules():
        for node in ast.walk(tree):
            logs = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and (
                isinstance(node.func.value, ast.Name) and node.func.value.id in ("log", "mesh", "logging")
            )  # fmt: skip
            addresses = isinstance(node, ast.JoinedStr) and re.search(r"(://|\?|/ocm/|/dav/)", ast.unparse(node))
            if logs or addresses:
                inner = {_named(part) for part in ast.walk(node)} & (SECRETS - {"code"})
                if inner:
                    found.append(f"{name}: {ast.unparse(node)}")
    # Links that are shown to a person, who gives them away or follows them once.
    shown = ("/invite", "wayf", "server/welcomes.py")
    assert [line for line in found if not any(word in line.lower() for word in shown)] == []
