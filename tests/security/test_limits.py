"""What strangers may do, and how often: guess, make us ask other servers, write into our log and database.

Security rules held here: limits are keyed by the verified server where a message is signed and by address only where it
is not, so that one client cannot lock out a whole university (nextcloud/server#478, CVE-2021-32703, -32705, -32741);
they are counted in this process and cannot be off (CVE-2021-41177).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.client.sites import page, site
from tests.client.wires import Exchange, Wire, wire
from tests.mesh import PASSWORD, Server, basic
from tests.security.senders import Foreign, deliver, encoded, new_key, notice, now, offer
from tests.security.stages import Stage, staged

from opencloudmesh.protocol import signatures
from opencloudmesh.protocol.wire import Request, Response
from opencloudmesh.server import audit, discovery, limits, peers, received, rules, shares, worker
from opencloudmesh.server.database import new_secret
from opencloudmesh.server.limits import FAILURES_FOR_NAME, Limits, caller

FEW = 25  # in place of 400 failures of one address


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FAILURES", FEW)


@pytest.fixture
async def behind(tmp_path: Path, new_sqlite_url: Any) -> AsyncIterator[Stage]:
    """Behind a web server at 127.0.0.1 that says who asks."""
    async with staged(tmp_path, new_sqlite_url(), trusted_proxies="127.0.0.1") as opened:
        await opened.accepts("shares")
        yield opened


def asking_for(code: str, sender: Foreign, cloud: Server, *, signed: bool = True) -> Request:
    """A request for a token."""
    form = urlencode({"grant_type": "authorization_code", "client_id": sender.host, "code": code}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    request = Request("POST", f"{cloud.url}/ocm/token", sender.unsigned(cloud, "token", form).headers | headers, form)
    nonce = new_secret()[:16]
    return signatures.sign(request, sender.ed25519, now(cloud), "rfc9421", nonce=nonce) if signed else request


def via(request: Request, *hops: str) -> Request:
    """The request as a web server in front passes it on."""
    return Request("POST", request.url, request.headers | {"X-Forwarded-For": ", ".join(hops)}, request.body)


async def shared_with(stage: Stage, who: str) -> shares.Row:
    """einstein's file for somebody elsewhere."""
    stage.cloud.put("einstein", "note.txt", b"e = mc2")
    wanted = {"path": "note.txt", "shareWith": who}
    share = await stage.cloud.api("POST", "shares", wanted, who="einstein", status=201)
    return stage.cloud.rows(shares.get, share["id"])


# --- guessing


async def test_cve_2021_32705_guessing_codes_is_stopped_for_the_server_that_guesses_and_for_no_other(
    stage: Stage,
) -> None:
    share = await shared_with(stage, f"marie@{stage.sender.host}")
    for number in range(FAILURES_FOR_NAME):
        guess = asking_for(f"{share.secret[:8]}{number}", stage.other, stage.cloud)
        assert (await deliver(stage.cloud, guess)).status == 400
    stopped = await deliver(stage.cloud, asking_for(f"{share.secret[:8]}x", stage.other, stage.cloud))
    assert stopped.status == 429
    assert 0 < int(stopped.headers.get("retry-after") or 0) <= 61
    assert (await deliver(stage.cloud, asking_for("another-beginning", stage.other, stage.cloud))).status == 400
    # The right server asks from the very same address.
    assert (await deliver(stage.cloud, asking_for(share.secret, stage.sender, stage.cloud))).status == 200
    stage.clock.ahead += 61
    guess = asking_for(f"{share.secret[:8]}y", stage.other, stage.cloud)
    assert (await deliver(stage.cloud, guess)).status == 400


async def test_guesses_at_codes_are_limited_in_all_whatever_they_begin_with(stage: Stage, few: None) -> None:
    for number in range(FEW):
        guess = asking_for(f"{number}-guess-of-a-code", stage.other, stage.cloud)
        assert (await deliver(stage.cloud, guess)).status == 400
    assert (await deliver(stage.cloud, asking_for("new-guess", stage.other, stage.cloud))).status == 429
    assert (await deliver(stage.cloud, asking_for("new-guess", stage.sender, stage.cloud))).status == 400


async def test_unsigned_guesses_at_codes_count_by_their_address(stage: Stage) -> None:
    share = await shared_with(stage, f"marie@{stage.sender.host}")
    for number in range(FAILURES_FOR_NAME):
        guess = asking_for(f"{share.secret[:8]}{number}", stage.other, stage.cloud, signed=False)
        assert (await deliver(stage.cloud, guess)).status == 400
    guess = asking_for(f"{share.secret[:8]}x", stage.sender, stage.cloud, signed=False)
    assert (await deliver(stage.cloud, guess)).status == 429  # whoever it says to be
    assert (await deliver(stage.cloud, asking_for(share.secret, stage.sender, stage.cloud))).status == 200


async def test_cve_2021_32703_cve_2021_32741_nextcloud_server_27610_nextcloud_server_478_nobody_locks_out_a_peer(
    stage: Stage, few: None
) -> None:
    share = await shared_with(stage, f"marie@{stage.sender.host}")
    right = {"Authorization": f"Bearer {share.secret}", "Depth": "0"}
    assert (await stage.cloud.request("PROPFIND", "/dav/ocm/", right)).status == 207
    for number in range(FEW):
        guess = {"Authorization": f"Bearer {number}-guess-of-a-secret"}
        assert (await stage.cloud.request("PROPFIND", "/dav/ocm/", guess)).status == 401
    guess = {"Authorization": "Bearer new-guess-of-a-secret"}
    assert (await stage.cloud.request("PROPFIND", "/dav/ocm/", guess)).status == 429
    for _ in range(3):
        assert (await stage.cloud.request("PROPFIND", "/dav/ocm/", right)).status == 207
        stage.clock.ahead += 500  # as long as it is used


async def test_guessing_at_the_secret_of_a_share_by_notifications_is_stopped(stage: Stage) -> None:
    share = await shared_with(stage, "lise@there.example")
    for number in range(FAILURES_FOR_NAME + 1):
        said = notice(
            notificationType="SHARE_DECLINED", providerId=share.id, notification={"sharedSecret": f"{number}"}
        )
        guess = stage.sender.unsigned(stage.cloud, "notifications", encoded(said))
        answer = await deliver(stage.cloud, guess)
        assert answer.status == (403 if number < FAILURES_FOR_NAME else 429)
    assert stage.cloud.rows(shares.get, share.id).state == shares.PENDING


async def test_guessing_at_invites_is_stopped(stage: Stage) -> None:
    said = {"recipientProvider": stage.sender.host, "userID": "marie", "name": "Marie", "email": "m@x.example"}
    for number in range(FAILURES_FOR_NAME + 1):
        body = encoded({**said, "token": f"beginning-{number}"})
        answer = await deliver(stage.cloud, stage.sender.signed(stage.cloud, "invite-accepted", body))
        assert answer.status == (400 if number < FAILURES_FOR_NAME else 429)


async def test_asking_for_names_of_people_is_stopped(stage: Stage) -> None:
    """Who does not sign finds out about so many names and no more; who signs shares on, from the same address."""
    stage.other.document.pop("publicKey")
    stage.other.document["capabilities"] = []
    for number in range(FAILURES_FOR_NAME + 1):
        body = encoded(offer(stage.cloud, stage.other, {"shareWith": stage.cloud.address(f"person{number}")}))
        answer = await deliver(stage.cloud, stage.other.unsigned(stage.cloud, "shares", body))
        assert answer.status == (400 if number < FAILURES_FOR_NAME else 429)
    body = encoded(offer(stage.cloud, stage.other, {}))
    assert (await deliver(stage.cloud, stage.other.unsigned(stage.cloud, "shares", body))).status == 429
    assert len(stage.cloud.rows(received.listing)) == 1
    await stage.accepts("shares")


async def test_who_guesses_on_waits_longer_and_longer_and_locks_out_nobody_behind_the_same_address(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A university: one machine guesses at einstein's password for days, all others there sign in."""
    for name, few in {"FAILURES_FOR_NAME": 3, "FAILURES_IN_HOUR": 6, "FAILURES_IN_DAY": 9}.items():
        monkeypatch.setattr(limits, name, few)
    stage.cloud.add("marie")

    async def tried(who: str = "einstein", password: str = "wrong") -> tuple[int, int]:
        answer = await stage.cloud.request("GET", "/api/v1/me", {"Authorization": basic(who, password)})
        return answer.status, int(answer.headers.get("retry-after") or 0)

    waits = []
    for _ in range(12):
        status, wait = await tried()
        while status == 429:
            waits.append(wait)
            assert await tried("marie", PASSWORD) == (200, 0)
            stage.clock.ahead += wait
            status, wait = await tried()
        assert status == 401
    assert [low for low in (30, 3_000, 80_000) if any(low < wait <= low * 2 for wait in waits)] == [30, 3_000, 80_000]


# --- who counts as whom

PROXY = [ip_network("127.0.0.1"), ip_network("10.0.0.0/8")]
CALLERS = {
    "nobody in front": ("192.0.2.1", [], "192.0.2.1"),
    "a header of who is no proxy": ("192.0.2.1", ["198.51.100.1"], "192.0.2.1"),
    "a proxy": ("127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
    "a proxy by IPv4 in IPv6": ("::ffff:127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
    "two proxies": ("127.0.0.1", ["198.51.100.1, 10.1.2.3"], "198.51.100.1"),
    "what the client wrote before": ("127.0.0.1", ["203.0.113.5, 198.51.100.1"], "198.51.100.1"),
    "what the client wrote into a field of its own": ("127.0.0.1", ["203.0.113.5", "198.51.100.1"], "198.51.100.1"),
    "a client that claims to be a proxy": ("127.0.0.1", ["203.0.113.5, 10.1.2.3, 198.51.100.1"], "198.51.100.1"),
    "a proxy that says nothing": ("127.0.0.1", [], "127.0.0.1"),
    "only proxies": ("127.0.0.1", ["10.0.0.1"], "10.0.0.1"),
    "nonsense": ("127.0.0.1", ["unknown"], "unknown"),
    "IPv6": ("2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::/64"),
    "IPv6 behind a proxy": ("127.0.0.1", ["2001:db8:1:2::7"], "2001:db8:1:2::/64"),
    "a socket in the file system": ("", [], ""),
}


@pytest.mark.parametrize(("address", "forwarded", "expected"), CALLERS.values(), ids=CALLERS.keys())
def test_a_forwarded_header_counts_as_far_as_a_configured_proxy_has_written_it(
    address: str, forwarded: list[str], expected: str
) -> None:
    """Reva took `X-Forwarded-For` from anybody (05022700)."""
    assert caller(address, forwarded, PROXY) == expected


async def test_a_forwarded_header_gives_no_new_attempts(stage: Stage) -> None:
    for number in range(FAILURES_FOR_NAME + 1):
        headers = {"Authorization": basic("einstein", "wrong"), "X-Forwarded-For": f"198.51.100.{number}"}
        answer = await stage.cloud.request("GET", "/api/v1/me", headers)
    assert answer.status == 429


async def test_behind_a_configured_proxy_nobody_locks_out_others(behind: Stage) -> None:
    for number in range(FAILURES_FOR_NAME + 1):
        headers = {"Authorization": basic("einstein", "wrong"), "X-Forwarded-For": f"203.0.113.{number}, 198.51.100.1"}
        answer = await behind.cloud.request("GET", "/api/v1/me", headers)
    assert answer.status == 429
    headers = {"Authorization": basic("einstein"), "X-Forwarded-For": "198.51.100.2"}
    assert (await behind.cloud.request("GET", "/api/v1/me", headers)).status == 200


def test_cve_2021_41177_limits_hold_in_the_process_alone_and_nobody_fills_its_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "MAX_KEYS", 10)
    counted = Limits(lambda: 1_000.0)
    for number in range(30):
        for _ in range(3):
            counted.count(f"{number} {'x' * 100_000}", 2)
    assert len(counted._moments) == 10
    assert all(len(key) == 16 and len(moments) == 2 for key, moments in counted._moments.items())
    with pytest.raises(limits.TooManyRequests):
        counted.check(f"29 {'x' * 100_000}", 2)


# --- servers that somebody names


@asynccontextmanager
async def silent() -> AsyncIterator[tuple[Wire, asyncio.Event]]:
    """A port at every loopback address where somebody listens and says nothing until the event."""
    go = asyncio.Event()

    async def handler(_exchange: Exchange) -> None:
        await go.wait()

    async with wire(handler, host="0.0.0.0") as listening:
        yield listening, go


def claiming(stage: Stage, host: str) -> Request:
    """A message that somebody signs in the name of a host."""
    return stage.sender.signed_so(stage.cloud, "shares", stage.body("shares"), key=new_key(f"{host}#key1"))


async def test_one_address_makes_us_ask_only_so_many_strangers_at_once(behind: Stage) -> None:
    """And in all only so many that names of others can still be looked up."""
    async with silent() as (strangers, go):

        async def claim(number: int, address: str) -> Response:
            host = f"127.0.1.{number}:{strangers.port}"
            return await deliver(behind.cloud, via(claiming(behind, host), address))

        some = [asyncio.create_task(claim(number, "198.51.100.1")) for number in range(discovery.OF_ONE_ADDRESS)]
        await _until(lambda: strangers.connections == discovery.OF_ONE_ADDRESS)
        refused = await claim(100, "198.51.100.1")
        assert (refused.status, refused.headers.get("retry-after")) == (503, "30")
        more = discovery.STRANGERS_AT_ONCE - discovery.OF_ONE_ADDRESS
        some += [asyncio.create_task(claim(50 + number, f"198.51.100.{50 + number}")) for number in range(more)]
        await _until(lambda: strangers.connections == discovery.STRANGERS_AT_ONCE)
        assert (await claim(101, "198.51.100.200")).status == 503
        assert strangers.connections == discovery.STRANGERS_AT_ONCE
        await behind.accepts("shares")  # from a server that is known
        go.set()
        assert {answer.status for answer in await asyncio.gather(*some)} == {503}
    assert len(behind.cloud.rows(received.listing)) == 2
    assert not [line for line in behind.cloud.log if line.startswith(("WARNING", "ERROR"))]


async def test_one_address_makes_us_ask_only_so_many_strangers_in_a_minute(behind: Stage) -> None:
    statuses = [
        (await deliver(behind.cloud, via(claiming(behind, f"127.0.2.{number}:1"), "198.51.100.1"))).status
        for number in range(discovery.PER_MINUTE + 2)
    ]
    assert statuses[-2:] == [429, 429]
    assert set(statuses[:-2]) == {503}
    assert (await deliver(behind.cloud, via(claiming(behind, "127.0.3.1:1"), "198.51.100.2"))).status == 503
    await behind.accepts("shares")
    behind.clock.ahead += 61
    assert (await deliver(behind.cloud, via(claiming(behind, "127.0.4.1:1"), "198.51.100.1"))).status == 503


async def test_only_so_many_messages_wait_for_one_stranger(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "WAITING", 3)
    async with silent() as (strangers, go):
        host = f"127.0.1.1:{strangers.port}"
        some = [asyncio.create_task(deliver(stage.cloud, claiming(stage, host))) for _ in range(3)]
        await _until(lambda: strangers.connections == 1 and sum(stage.cloud.context.lookup._waiting.values()) == 3)
        assert (await deliver(stage.cloud, claiming(stage, host))).status == 503
        go.set()
        await asyncio.gather(*some)
    assert not stage.cloud.context.lookup._waiting


async def test_an_unsigned_message_makes_us_ask_no_more_than_a_signed_one(stage: Stage) -> None:
    async with silent() as (strangers, go):

        async def claim(number: int) -> Response:
            sender = f"marie@127.0.1.{number}:{strangers.port}"
            body = encoded(offer(stage.cloud, stage.sender, {"sender": sender, "owner": sender}))
            return await deliver(stage.cloud, stage.sender.unsigned(stage.cloud, "shares", body))

        some = [asyncio.create_task(claim(number)) for number in range(discovery.OF_ONE_ADDRESS)]
        await _until(lambda: strangers.connections == discovery.OF_ONE_ADDRESS)
        assert (await claim(100)).status == 503
        assert strangers.connections == discovery.OF_ONE_ADDRESS
        go.set()
        await asyncio.gather(*some)
    assert len(stage.cloud.rows(received.listing)) == 1


async def test_strangers_do_not_fill_the_log(stage: Stage) -> None:
    """Neither with lines of the level at which we say that something is wrong, nor with lines of their own making."""
    for number in range(10):
        assert (await deliver(stage.cloud, claiming(stage, f"127.0.5.{number}:1"))).status == 503
    await stage.cloud.request("GET", "/dav/ocm/a%0aERROR%20forged")
    await stage.cloud.request("PUT", "/ocm/shares%0d%0aERROR%20forged")
    assert not [line for line in stage.cloud.log if line.startswith(("WARNING", "ERROR")) or "\n" in line]


async def test_strangers_do_not_fill_the_audit_trail(stage: Stage) -> None:
    """With names that nobody has proven, below a domain that the operator does not want."""
    stage.cloud.context.database.write_now(lambda tx: rules.put(tx, "*.evil.example", incoming=rules.DENY))
    before = len(stage.cloud.rows(audit.listing))
    for number in range(FAILURES_FOR_NAME + 3):
        answer = await deliver(stage.cloud, claiming(stage, f"made-up-{number}.evil.example"))
        assert answer.status == (403 if number < FAILURES_FOR_NAME else 429)
    assert len(stage.cloud.rows(audit.listing)) == before + FAILURES_FOR_NAME
    await stage.accepts("shares")  # from the same address


async def test_servers_that_were_only_looked_at_are_forgotten(stage: Stage) -> None:
    """A name server makes up as many as it likes, with documents that are good."""
    pages = {"/.well-known/ocm": page(stage.other.document), "/.well-known/jwks.json": page({"keys": []})}
    async with wire(site(pages), host="0.0.0.0") as made_up:
        names = [f"127.0.6.{number}:{made_up.port}" for number in range(3)]
        for host in names:
            assert (await deliver(stage.cloud, claiming(stage, host))).status == 401
    related = await shared_with(stage, f"marie@{names[0]}")
    known = {row.host for row in stage.cloud.rows(peers.everybody)}
    assert known == {*names, stage.sender.host}
    stage.clock.ahead += peers.DOCUMENT_LIFETIME + 1
    stage.cloud.context.database.write_now(worker._tidy)
    known = {row.host for row in stage.cloud.rows(peers.everybody)}
    assert known == {related.host, stage.sender.host}  # we share with the one, the other has signed


async def _until(seen: Any) -> None:
    async with asyncio.timeout(10):
        while not seen():
            await asyncio.sleep(0.01)
