"""Signatures that real servers made, checked with the keys that they published in the same session."""

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from opencloudmesh.protocol import signatures
from opencloudmesh.protocol.errors import SignatureError, UnknownKey
from opencloudmesh.protocol.keys import from_pem, parse_jwks
from opencloudmesh.protocol.wire import Headers, Request

RECORDED = sorted((Path(__file__).parents[1] / "vectors" / "recorded").glob("*.json"))


def exchanges():
    for path in RECORDED:
        for number, exchange in enumerate(json.loads(path.read_text())["exchanges"]):
            yield f"{path.stem}-{number}", exchange


def request_of(exchange):
    recorded = exchange["request"]
    headers = Headers(map(tuple, recorded["headers"]))
    url = f"https://{headers.get('host')}{recorded['target']}"
    return Request(recorded["method"], url, headers, (recorded["body"] or "").encode())


def published_keys():
    """All keys of all documents that were served."""
    for _, exchange in exchanges():
        body = exchange["response"]["body"] or ""
        if '"publicKeyPem"' in body:
            key = json.loads(body)["publicKey"]
            yield from_pem(key["keyId"], key["publicKeyPem"])
        elif '"kty"' in body:
            yield from parse_jwks(json.loads(body))


KEYS = tuple({key.kid: key for key in published_keys()}.values())
SIGNED = {name: request for name, exchange in exchanges() if "signature" in (request := request_of(exchange)).headers}
CLAIMS = {name: signatures.read(request) for name, request in SIGNED.items()}
KNOWN = [name for name, claim in CLAIMS.items() if claim and any(key.kid == claim.key_id for key in KEYS)]


def test_the_recordings_hold_signatures_of_both_families():
    assert Counter(claim.family for claim in CLAIMS.values()) == {"cavage": 18, "rfc9421": 7}
    assert Counter(CLAIMS[name].family for name in KNOWN) == {"cavage": 3, "rfc9421": 7}


@pytest.mark.parametrize("name", SIGNED)
def test_a_recorded_request_says_who_signed_it(name):
    claim = CLAIMS[name]
    body = SIGNED[name].body.decode()
    # The host is also in what the body says, be it `owner`, `recipientProvider` or `client_id`.
    said = set(re.findall(r"localhost(?::|%3A)\d+", body))
    assert not said or claim.host in {host.replace("%3A", ":") for host in said}


@pytest.mark.parametrize("name", KNOWN)
def test_a_recorded_signature_verifies_at_its_time(name):
    claim = CLAIMS[name]
    signatures.verify(SIGNED[name], claim, KEYS, claim.created)
    signatures.verify(SIGNED[name], claim, KEYS, claim.created + signatures.MAX_AGE)
    with pytest.raises(SignatureError):
        signatures.verify(SIGNED[name], claim, KEYS, claim.created + signatures.MAX_AGE + 1)


@pytest.mark.parametrize("name", KNOWN)
def test_a_recorded_signature_does_not_verify_for_anything_else(name):
    request, claim = SIGNED[name], CLAIMS[name]
    for changed in (
        replace(request, body=request.body + b" "),
        replace(request, body=request.body.swapcase()),
        replace(request, method="PUT"),
        replace(request, url=request.url + "/"),
        replace(request, url=request.url.replace("localhost", "elsewhere.example")),
    ):
        with pytest.raises(SignatureError):
            signatures.verify(changed, claim, KEYS, claim.created)
    others = [replace(key, kid=claim.key_id) for key in KEYS if key.kid != claim.key_id]
    with pytest.raises(SignatureError):
        signatures.verify(request, claim, others, claim.created)


@pytest.mark.parametrize("name", [name for name in SIGNED if name not in KNOWN])
def test_a_recorded_signature_whose_key_was_not_recorded_is_of_an_unknown_key(name):
    # All is well with these but for the key: coverage, host, length and digest are checked before.
    claim = CLAIMS[name]
    assert claim.key_id == "https://localhost:8434/ocm#signature"
    with pytest.raises(UnknownKey):
        signatures.verify(SIGNED[name], claim, KEYS, claim.created)
