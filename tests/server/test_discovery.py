"""Who another server is: asked once, remembered, and never asked because a stranger wants it. DESIGN rule 1."""

from __future__ import annotations

import asyncio
import gc
import weakref
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from tests.client.sites import asked, page, site, status
from tests.client.wires import Wire, wire
from tests.server.offices import Office

from opencloudmesh.client.guard import EgressPolicy
from opencloudmesh.client.network import Network
from opencloudmesh.protocol.errors import BadAnswer, EgressDenied, PeerError, SignatureError, Unreachable
from opencloudmesh.protocol.keys import SigningKey, build_jwks
from opencloudmesh.protocol.signatures import Claim
from opencloudmesh.server import discovery, peers, schema
from opencloudmesh.server.discovery import NEGATIVE_LIFETIME, REFETCH_INTERVAL, Lookup
from opencloudmesh.server.limits import Limits
from opencloudmesh.server.peers import CIRCUIT, DOCUMENT_LIFETIME

DOCUMENT, KEYS = "/.well-known/ocm", "/.well-known/jwks.json"
OPEN = EgressPolicy(allow_http=True, allow_private=True)
ED = SigningKey("one", "ed25519", ed25519.Ed25519PrivateKey.generate())
NEW = SigningKey("two", "ed25519", ed25519.Ed25519PrivateKey.generate())
RSA = SigningKey("pem", "rsa-sha512", rsa.generate_private_key(65537, 2048))


def document(**values):
    return page({"enabled": True, "endPoint": "/ocm", "provider": "Test", **values})


PEM = {"publicKey": {"keyId": RSA.kid, "publicKeyPem": RSA.public_pem()}}


@dataclass
class Town:
    """A peer, what it shows now, and our lookup of it."""

    office: Office
    network: Network
    peer: Wire
    pages: dict[str, bytes]
    go: asyncio.Event  # not set: the peer is silent

    def __post_init__(self):
        self.lookup = self.another()

    def another(self):
        """A lookup as after a new start."""
        limits = Limits(lambda: self.office.now)
        return Lookup(self.office.database, self.network, allow_http=True, clock=lambda: self.office.now, limits=limits)

    @property
    def host(self):
        return f"127.0.0.1:{self.peer.port}"

    def claim(self, family="rfc9421", host=None):
        return Claim(family, "key", host or self.host, self.office.now, "digest", None)

    def asked(self):
        """What the peer was asked since the last time."""
        paths = asked(self.peer.heads)
        self.peer.heads.clear()
        return paths

    def row(self):
        return self.office.see(peers.get, self.host)

    async def refused(self, error, asking):
        with pytest.raises(error) as caught:
            await asking
        return caught.value


@asynccontextmanager
async def towns(office):
    pages = {DOCUMENT: document(**PEM), KEYS: page(build_jwks([ED]))}
    go = asyncio.Event()
    go.set()
    async with wire(site(pages, go)) as peer, Network(OPEN, user_agent="test") as network:
        yield Town(office, network, peer, pages, go)


@pytest.fixture
async def town(database_url):
    office = Office(database_url)
    with closing(office.database):
        async with towns(office) as town:
            yield town


# Documents


async def test_a_peer_is_asked_once_an_hour_also_over_a_new_start(town):
    first = await town.lookup.discover(town.host)
    assert (first.provider, first.base_url) == ("Test", town.peer.url)
    assert await town.lookup.discover(town.host) == await town.another().discover(town.host) == first
    town.office.now += DOCUMENT_LIFETIME - 1
    await town.lookup.discover(town.host)
    assert town.asked() == [DOCUMENT]
    town.pages[DOCUMENT] = document(provider="Other")
    town.office.now += 1
    assert (await town.lookup.discover(town.host)).provider == "Other"
    assert town.asked() == [DOCUMENT]


async def test_a_fresh_look_asks_though_there_is_a_good_document(town):
    await town.lookup.discover(town.host)
    town.pages[DOCUMENT] = document(provider="Other")
    assert (await town.lookup.discover(town.host, fresh=True)).provider == "Other"
    assert (await town.lookup.discover(town.host)).provider == "Other"
    assert len(town.asked()) == 2


async def test_a_host_is_asked_one_question_at_a_time(town):
    town.go.clear()
    asking = [asyncio.create_task(town.lookup.discover(town.host, fresh=bool(n % 2))) for n in range(20)]
    await asyncio.sleep(0.3)
    town.go.set()
    found = await asyncio.gather(*asking)
    assert {peer.provider for peer in found} == {"Test"}
    assert town.asked() == [DOCUMENT]
    await town.lookup.discover(town.host, fresh=True)  # and afterwards again
    assert town.asked() == [DOCUMENT]


async def test_who_goes_away_does_not_end_the_question_for_others(town):
    town.go.clear()
    first = asyncio.create_task(town.lookup.discover(town.host))
    second = asyncio.create_task(town.lookup.discover(town.host))
    await asyncio.sleep(0.3)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    town.go.set()
    assert (await second).provider == "Test"
    assert first.cancelled()
    assert town.asked() == [DOCUMENT]


async def test_a_failure_is_everybodys_who_asked_with(town):
    town.go.clear()
    town.pages[DOCUMENT] = status(503)
    asking = [asyncio.create_task(town.lookup.discover(town.host)) for _ in range(3)]
    await asyncio.sleep(0.3)
    town.go.set()
    assert {type(error) for error in await asyncio.gather(*asking, return_exceptions=True)} == {Unreachable}
    assert town.asked() == [DOCUMENT]


async def test_a_silent_host_does_not_hold_up_another(town):
    async with towns(town.office) as silent:
        silent.go.clear()
        waiting = asyncio.create_task(town.lookup.discover(silent.host))
        assert (await asyncio.wait_for(town.lookup.discover(town.host), 5)).provider == "Test"
        assert not waiting.done()
        silent.go.set()
        await waiting


# Failures


@pytest.mark.parametrize(("answer", "error"), [(status(503), Unreachable), (status(404), BadAnswer)])
async def test_a_stranger_who_failed_is_not_asked_for_a_while_and_leaves_no_row(town, answer, error):
    town.pages[DOCUMENT] = answer
    first = await town.refused(error, town.lookup.discover(town.host))
    assert town.asked() != []
    town.office.now += NEGATIVE_LIFETIME - 1
    for fresh in (False, True):
        again = await town.refused(error, town.lookup.discover(town.host, fresh=fresh))
        assert again.message == first.message
    assert town.asked() == []
    assert town.office.all(schema.peers) == []
    town.pages[DOCUMENT] = document()
    town.office.now += 1
    assert (await town.lookup.discover(town.host)).provider == "Test"


async def test_what_the_guard_refuses_is_remembered_too_and_leaves_no_row(town):
    for _ in range(2):
        await town.refused(EgressDenied, town.lookup.discover("169.254.169.254"))
    assert town.office.all(schema.peers) == []


async def test_only_so_many_strangers_are_remembered(town, monkeypatch):
    monkeypatch.setattr(discovery, "MAX_FAILURES", 2)
    town.pages[DOCUMENT] = status(503)
    await town.refused(Unreachable, town.lookup.discover(town.host))
    for host in ("169.254.0.1", "169.254.0.2"):
        await town.refused(EgressDenied, town.lookup.discover(host))
    town.asked()
    await town.refused(Unreachable, town.lookup.discover(town.host))
    assert town.asked() == [DOCUMENT]


async def test_a_failure_that_is_remembered_keeps_nothing_alive_of_who_asked(town):
    """10,000 invented hosts must not cost the memory of 10,000 messages."""

    class Message:
        pass

    kept = []

    async def ask():
        message = Message()
        kept.append(weakref.ref(message))
        await town.lookup.discover(town.host)

    town.pages[DOCUMENT] = status(503)
    for _ in range(3):
        with suppress(PeerError):
            await ask()
    gc.collect()
    assert [reference() for reference in kept] == [None] * 3


async def test_a_peer_that_we_know_is_left_alone_while_its_circuit_is_open_and_then_asked(town):
    await town.lookup.discover(town.host)
    town.office.now += DOCUMENT_LIFETIME
    town.pages[DOCUMENT] = status(503)
    town.asked()
    for failures in (1, 2):
        error = await town.refused(Unreachable, town.lookup.discover(town.host))
        row = town.row()
        assert (row.failures, row.retry_at) == (failures, town.office.now + CIRCUIT[failures - 1])
        assert row.error == error.message
        town.office.now = row.retry_at - 1
        for lookup in (town.lookup, town.another()):
            for fresh in (False, True):
                again = await town.refused(Unreachable, lookup.discover(town.host, fresh=fresh))
                assert again.message == error.message
        assert (town.asked(), town.row()) == ([DOCUMENT], row)
        town.office.now += 1
    town.pages[DOCUMENT] = document()
    assert (await town.lookup.discover(town.host)).provider == "Test"
    assert (town.row().failures, town.row().retry_at) == (0, 0)


async def test_a_peer_that_calls_us_is_asked_at_once(town):
    await town.lookup.discover(town.host)
    town.office.now += DOCUMENT_LIFETIME
    town.pages[DOCUMENT] = status(503)
    await town.refused(Unreachable, town.lookup.discover(town.host))
    town.office.do(peers.signed, town.host, "digest")
    town.pages[DOCUMENT] = document()
    assert (await town.lookup.discover(town.host)).provider == "Test"


async def test_a_bad_answer_of_a_peer_that_we_know_opens_no_circuit_but_is_not_asked_for_again_at_once(town):
    await town.lookup.discover(town.host)
    town.pages[DOCUMENT] = status(404)
    town.asked()
    for _ in range(2):
        await town.refused(BadAnswer, town.lookup.discover(town.host, fresh=True))
    assert town.asked().count(DOCUMENT) == 1
    assert (town.row().failures, town.row().retry_at) == (0, 0)
    assert (await town.lookup.discover(town.host)).provider == "Test"  # what it said before is still good


async def test_a_good_document_is_good_though_the_circuit_is_open(town):
    await town.lookup.discover(town.host)
    town.office.do(peers.failed, town.host, "It did not answer.")
    assert (await town.lookup.discover(town.host)).provider == "Test"


# Keys


async def test_keys_are_asked_for_once_an_hour(town):
    for _ in range(2):
        assert await town.lookup.keys(town.claim()) == (ED.public,)
    assert town.asked() == [DOCUMENT, KEYS]
    town.office.now += DOCUMENT_LIFETIME
    town.pages[KEYS] = page(build_jwks([NEW]))
    assert await town.lookup.keys(town.claim()) == (NEW.public,)
    assert town.asked() == [DOCUMENT, KEYS]


async def test_the_older_signatures_have_their_key_in_the_document(town):
    (key,) = await town.lookup.keys(town.claim("cavage"))
    assert (key.kid, key.pem()) == (RSA.kid, RSA.public_pem())
    assert town.asked() == [DOCUMENT]


async def test_keys_are_asked_for_one_at_a_time(town):
    await town.lookup.discover(town.host)
    town.asked()
    town.go.clear()
    asking = [asyncio.create_task(town.lookup.keys(town.claim())) for _ in range(10)]
    await asyncio.sleep(0.3)
    town.go.set()
    assert await asyncio.gather(*asking) == [(ED.public,)] * 10
    assert town.asked() == [KEYS]


async def test_another_document_has_the_keys_asked_for_again(town):
    await town.lookup.keys(town.claim())
    town.pages |= {DOCUMENT: document(provider="Other"), KEYS: page(build_jwks([NEW]))}
    await town.lookup.discover(town.host, fresh=True)
    assert await town.lookup.keys(town.claim()) == (NEW.public,)


async def test_a_document_that_changes_while_keys_are_looked_for_counts_already(town):
    await town.lookup.discover(town.host)
    town.office.now += 100
    await town.lookup.keys(town.claim())
    town.pages |= {DOCUMENT: document(provider="Other"), KEYS: page(build_jwks([NEW]))}
    town.office.now += DOCUMENT_LIFETIME - 100
    assert await town.lookup.keys(town.claim()) == (NEW.public,)


@pytest.mark.parametrize("family", ["rfc9421", "cavage"])
async def test_an_unknown_key_is_worth_one_look_a_minute(town, family):
    await town.lookup.keys(town.claim(family))
    town.asked()
    town.office.now += REFETCH_INTERVAL - 1
    await town.refused(SignatureError, town.lookup.keys(town.claim(family), fresh=True))
    assert town.asked() == []
    town.office.now += 1
    await town.lookup.keys(town.claim(family), fresh=True)
    assert town.asked() != []
    await town.refused(SignatureError, town.lookup.keys(town.claim(family), fresh=True))
    assert town.asked() == []


async def test_a_new_key_is_found_by_a_fresh_look(town):
    await town.lookup.keys(town.claim())
    town.pages[KEYS] = page(build_jwks([ED, NEW]))
    town.office.now += REFETCH_INTERVAL
    assert await town.lookup.keys(town.claim()) == (ED.public,)
    assert await town.lookup.keys(town.claim(), fresh=True) == (ED.public, NEW.public)
    assert await town.lookup.keys(town.claim()) == (ED.public, NEW.public)


@pytest.mark.parametrize("answer", [status(404), status(503), page([])])
async def test_a_key_set_that_cannot_be_had_is_not_asked_for_by_every_message(town, answer):
    town.pages[KEYS] = answer
    for fresh in (False, False, True, True):
        await town.refused(BadAnswer, town.lookup.keys(town.claim(), fresh=fresh))
    assert town.asked().count(KEYS) == 1
    town.pages[KEYS] = page(build_jwks([ED]))
    town.office.now += NEGATIVE_LIFETIME
    assert await town.lookup.keys(town.claim()) == (ED.public,)


@pytest.mark.parametrize("keys", [{}, {"keys": {}}, {"keys": [{}] * 65}])
async def test_keys_that_are_not_understood_are_a_signature_that_does_not_hold(town, keys):
    town.pages[KEYS] = page(keys)
    await town.refused(SignatureError, town.lookup.keys(town.claim()))


@pytest.mark.parametrize("shown", [{}, {"publicKey": {"keyId": "pem", "publicKeyPem": "nonsense"}}])
async def test_a_document_without_a_key_is_a_signature_that_does_not_hold(town, shown):
    town.pages[DOCUMENT] = document(**shown)
    await town.refused(SignatureError, town.lookup.keys(town.claim("cavage")))


@pytest.mark.parametrize("fresh", [False, True])
async def test_a_host_that_nobody_knows_cannot_be_made_to_be_asked_again_and_again(town, fresh):
    town.pages[DOCUMENT] = status(503)
    for _ in range(5):
        await town.refused(Unreachable, town.lookup.keys(town.claim(), fresh=fresh))
    assert town.asked() == [DOCUMENT]
    assert town.office.all(schema.peers) == []
