"""Other servers as we know them: the circuit breaker (DESIGN rule 1), what was learnt (5), signatures used once."""

from __future__ import annotations

from contextlib import closing

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from tests.server.offices import NOW, Office

from opencloudmesh.protocol.errors import Conflict, SignatureError
from opencloudmesh.protocol.keys import SigningKey, build_jwks
from opencloudmesh.server import audit, peers, schema, views
from opencloudmesh.server.peers import CIRCUIT, DOCUMENT_LIFETIME, SIGNATURE_LIFETIME

HOST, BASE = "cloud.example", "https://cloud.example"
DOCUMENT = {"enabled": True, "endPoint": BASE + "/ocm"}
KEYS = {"keys": [{"kid": "cloud.example#1"}]}


@pytest.fixture
def office(database_url):
    office = Office(database_url)
    with closing(office.database):
        yield office


@pytest.fixture
def known(office):
    """An office that knows a peer."""
    office.do(peers.remember_document, HOST, BASE, DOCUMENT)
    return office


def peer(office):
    return office.see(peers.get, HOST)


def fail(office, reason="It did not answer."):
    return office.do(peers.failed, HOST, reason)


# Documents and keys


def test_a_document_is_kept_for_an_hour(known):
    row = peer(known)
    assert (row.base_url, row.document, row.document_until) == (BASE, DOCUMENT, NOW + DOCUMENT_LIFETIME)
    assert (row.keys, row.keys_until, row.signs, row.learnt) == (None, 0, False, None)
    assert (row.failures, row.retry_at, row.last_contact) == (0, 0, NOW)
    assert known.see(peers.everybody) == [row]


def test_keys_are_kept_for_an_hour_beside_the_document(known):
    known.now += 10
    known.do(peers.remember_keys, HOST, KEYS)
    row = peer(known)
    assert (row.keys, row.keys_until, row.keys_fetched) == (KEYS, NOW + 10 + DOCUMENT_LIFETIME, NOW + 10)
    assert (row.document, row.document_until) == (DOCUMENT, NOW + DOCUMENT_LIFETIME)


def test_keys_may_be_known_before_the_document(office):
    office.do(peers.remember_keys, HOST, KEYS)
    assert (peer(office).keys, peer(office).document, peer(office).document_until) == (KEYS, None, 0)
    office.do(peers.remember_document, HOST, BASE, DOCUMENT)
    assert (peer(office).document, peer(office).keys) == (DOCUMENT, KEYS)


def test_the_same_document_again_forgets_nothing(known):
    known.do(peers.remember_keys, HOST, KEYS)
    known.do(peers.learn, HOST, {"family": "ocm-1.0"})
    known.now += 10
    known.do(peers.remember_document, HOST, BASE, dict(DOCUMENT))
    row = peer(known)
    assert (row.learnt, row.keys_until) == ({"family": "ocm-1.0"}, NOW + DOCUMENT_LIFETIME)
    assert row.document_until == NOW + 10 + DOCUMENT_LIFETIME


def test_another_document_forgets_what_was_learnt_and_asks_for_the_keys_anew(known):
    known.do(peers.remember_keys, HOST, KEYS)
    known.do(peers.learn, HOST, {"family": "ocm-1.0"})
    known.do(peers.signed, HOST, "digest")
    known.do(peers.remember_document, HOST, BASE, {**DOCUMENT, "provider": "Nextcloud 35"})
    row = peer(known)
    assert (row.learnt, row.keys_until) == (None, 0)
    assert row.signs  # who has signed once must go on


def test_what_was_learnt_is_learnt_of_one_peer(known):
    known.do(peers.remember_document, "other.example", BASE, DOCUMENT)
    known.do(peers.learn, HOST, {"family": "ocm-1.0"})
    assert known.see(peers.get, "other.example").learnt is None


# The circuit breaker


def test_a_peer_that_fails_is_left_alone_for_longer_each_time(known):
    began = known.now
    for failures in range(1, len(CIRCUIT) + 3):
        assert fail(known, f"failure {failures}")
        row = peer(known)
        assert (row.failures, row.error, row.failing_since) == (failures, f"failure {failures}", began)
        assert row.retry_at == known.now + CIRCUIT[min(failures, len(CIRCUIT)) - 1]
        known.now = row.retry_at


def test_what_fails_together_counts_once_and_keeps_the_circuit_open_no_longer(known):
    for _ in range(5):
        assert fail(known)
    known.now += CIRCUIT[0] - 1
    fail(known, "another")
    row = peer(known)
    assert (row.failures, row.retry_at, row.error) == (1, NOW + CIRCUIT[0], "It did not answer.")
    known.now += 1
    fail(known)
    assert peer(known).failures == 2


@pytest.mark.parametrize(
    "contact",
    [
        lambda tx: peers.reached(tx, HOST),
        lambda tx: peers.signed(tx, HOST, "digest"),
        lambda tx: peers.remember_document(tx, HOST, BASE, DOCUMENT),
        lambda tx: peers.remember_keys(tx, HOST, KEYS),
    ],
)
def test_the_circuit_closes_with_contact_whichever_side_began_it(known, contact):
    for _ in range(3):
        fail(known)
        known.now = peer(known).retry_at
    known.now -= 1
    known.do(contact)
    row = peer(known)
    assert (row.failures, row.failing_since, row.retry_at, row.error) == (0, None, 0, None)
    assert row.last_contact == known.now
    fail(known)
    assert peer(known).retry_at == known.now + CIRCUIT[0]  # from the beginning


def test_a_replayed_signature_closes_no_circuit(known):
    known.do(peers.signed, HOST, "digest")
    fail(known)
    before = peer(known)
    with pytest.raises(SignatureError):
        known.do(peers.signed, HOST, "digest")
    assert peer(known) == before


def test_one_peer_does_not_answer_for_another(known):
    known.do(peers.remember_document, "other.example", BASE, DOCUMENT)
    fail(known)
    assert known.see(peers.get, "other.example").failures == 0
    known.do(peers.reached, "other.example")
    assert peer(known).failures == 1


def test_strangers_leave_no_row(office):
    before = office.everything()
    assert not fail(office)
    office.do(peers.reached, HOST)
    office.do(peers.learn, HOST, {"family": "ocm-1.0"})
    assert office.everything() == before


# Which keys it shows

RSA, OTHER_RSA = (SigningKey("k", "rsa-sha512", rsa.generate_private_key(65537, 2048)) for _ in range(2))
A, B, C = (SigningKey(f"cloud.example#{n}", "ed25519", ed25519.Ed25519PrivateKey.generate()) for n in range(3))
PLACES = ("publicKey", "jwks")


def show(office, place, *keys):
    """The peer shows these keys in that place."""
    if place == "jwks":
        office.do(peers.remember_keys, HOST, build_jwks(keys))
        return
    shown = [{"keyId": "k", "publicKeyPem": key.public_pem()} for key in keys]
    office.do(peers.remember_document, HOST, BASE, DOCUMENT | {"publicKey": shown[0] if shown else None})


def told(office):
    """What is in the audit trail of keys: place and reason."""
    rows = office.see(audit.listing, event="keys")
    assert {(row.event, row.direction, row.outcome, row.host) for row in rows} <= {("keys", "in", "done", HOST)}
    return [(row.subject, row.reason) for row in rows]


def prints(*keys):
    return [key.public.thumbprint() for key in keys]


def test_the_keys_that_a_peer_showed_first_are_kept_for_the_record(office):
    show(office, "publicKey")
    assert peer(office).first_keys is None
    show(office, "publicKey", RSA)
    assert peer(office).first_keys == {"publicKey": prints(RSA)}
    show(office, "jwks")
    show(office, "jwks", A, B)
    show(office, "jwks", B, C)
    show(office, "publicKey", OTHER_RSA)
    assert peer(office).first_keys == {"publicKey": prints(RSA), "jwks": prints(A, B)}
    shown = views.peer(peer(office), incoming="deny", outgoing="anybody", signatures="required")
    assert shown["firstKeys"] == peer(office).first_keys
    assert (shown["incoming"], shown["outgoing"], shown["signatures"]) == ("deny", "anybody", "required")


@pytest.mark.parametrize("place", PLACES)
def test_that_all_keys_are_replaced_at_once_is_written_down_once(office, place):
    one, other = (RSA, OTHER_RSA) if place == "publicKey" else (A, B)
    show(office, place, one)
    show(office, place, one)
    assert told(office) == []
    for _ in range(2):
        show(office, place, other)
    assert told(office) == [(place, f"{peers.REPLACED[place]} Now: {prints(other)[0]}")]
    show(office, place, one)
    assert len(told(office)) == 2  # and back


@pytest.mark.parametrize("place", PLACES)
def test_that_no_key_is_left_is_written_down_so_that_the_change_cannot_be_made_in_two_steps(office, place):
    one, other = (RSA, OTHER_RSA) if place == "publicKey" else (A, B)
    show(office, place, one)
    show(office, place)
    show(office, place, other)
    assert told(office) == [(place, "It shows no key there any more.")]


def test_a_rotation_with_an_overlap_is_no_news(office):
    for keys in ([A], [A, B], [B], [B, C], [C]):
        show(office, "jwks", *keys)
    assert told(office) == []


def test_the_same_key_under_another_name_is_no_news(office):
    show(office, "jwks", A)
    show(office, "jwks", SigningKey("cloud.example#other", "ed25519", A.private))
    assert told(office) == []


@pytest.mark.parametrize("strange", [{}, {"keys": 1}, {"keys": [{"kty": "none"}]}])
def test_keys_that_are_not_understood_are_none(office, strange):
    office.do(peers.remember_keys, HOST, strange)
    office.do(peers.remember_document, HOST, BASE, DOCUMENT | {"publicKey": "nonsense"})
    office.do(peers.remember_document, HOST, BASE, {})
    assert (told(office), peer(office).first_keys) == ([], None)


def test_a_peer_that_was_forgotten_is_met_anew(office):
    show(office, "jwks", A)
    office.do(peers.forget, HOST)
    show(office, "jwks", B)
    assert (told(office), peer(office).first_keys) == ([], {"jwks": prints(B)})


# Signatures


def test_a_signature_counts_once(known):
    assert not peer(known).signs
    known.do(peers.signed, HOST, "digest")
    assert peer(known).signs
    for host in (HOST, "other.example"):
        with pytest.raises(SignatureError):
            known.do(peers.signed, host, "digest")
    known.do(peers.signed, HOST, "another")


def test_a_signature_whose_message_was_refused_may_come_again(known):
    """The change is undone with it, so that the peer can repeat what failed here."""

    def gesture(tx):
        peers.signed(tx, HOST, "digest")
        raise Conflict("no")

    with pytest.raises(Conflict):
        known.do(gesture)
    known.do(peers.signed, HOST, "digest")


def test_a_signature_is_remembered_for_longer_than_it_is_valid(known):
    assert SIGNATURE_LIFETIME > 360
    known.do(peers.signed, HOST, "digest")
    known.now += SIGNATURE_LIFETIME
    known.do(peers.forget_old_signatures)
    with pytest.raises(SignatureError):
        known.do(peers.signed, HOST, "digest")
    known.now += 1
    known.do(peers.forget_old_signatures)
    assert known.all(schema.signatures) == []
