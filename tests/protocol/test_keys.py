"""Keys: read from JWK sets and PEM, written so that every peer reads them, used only for what they are for."""

import base64
import contextlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from opencloudmesh.protocol import base64url, keys
from opencloudmesh.protocol.errors import Invalid, SignatureError

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "rfc9421.json").read_text())
RSA_PRIVATE = rsa.generate_private_key(65537, 2048)
ALL_RSA = {"rsa-v1_5-sha256", "rsa-pss-sha512", "rsa-sha256", "rsa-sha512"}

SIGNING_KEYS = {
    "ed25519": keys.SigningKey("a#1", "ed25519", ed25519.Ed25519PrivateKey.generate()),
    "ecdsa-p256-sha256": keys.SigningKey("a#2", "ecdsa-p256-sha256", ec.generate_private_key(ec.SECP256R1())),
    "ecdsa-p384-sha384": keys.SigningKey("a#3", "ecdsa-p384-sha384", ec.generate_private_key(ec.SECP384R1())),
    **{name: keys.SigningKey("a#4", name, RSA_PRIVATE) for name in sorted(ALL_RSA)},
}


@pytest.mark.parametrize("name", SIGNING_KEYS)
def test_what_a_key_signs_its_public_half_verifies_after_a_trip_through_a_jwk_set(name):
    key = SIGNING_KEYS[name]
    signature = key.sign(b"data")
    (public,) = keys.parse_jwks(json.loads(json.dumps(keys.build_jwks([key]))))
    assert public == key.public
    public.verify(name, signature, b"data")
    for wrong in (b"other", b"", b"data "):
        with pytest.raises(SignatureError):
            public.verify(name, signature, wrong)
    for broken in (b"", signature[:-1], signature + b"\0", bytes(len(signature)), b"\xff" * len(signature)):
        with pytest.raises(SignatureError):
            public.verify(name, broken, b"data")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ed25519", {"kty": "OKP", "crv": "Ed25519", "alg": "Ed25519", "use": "sig", "kid": "a#1"}),
        ("ecdsa-p256-sha256", {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "a#2"}),
        ("ecdsa-p384-sha384", {"kty": "EC", "crv": "P-384", "alg": "ES384", "use": "sig", "kid": "a#3"}),
        ("rsa-v1_5-sha256", {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "a#4", "e": "AQAB"}),
        ("rsa-sha512", {"kty": "RSA", "alg": "RS512", "use": "sig", "kid": "a#4", "e": "AQAB"}),
        ("rsa-pss-sha512", {"kty": "RSA", "alg": "PS512", "use": "sig", "kid": "a#4", "e": "AQAB"}),
    ],
)
def test_a_jwk_names_its_key_and_algorithm_and_holds_no_secret(name, expected):
    jwk = SIGNING_KEYS[name].jwk()
    numbers = {"OKP": {"x"}, "EC": {"x", "y"}, "RSA": {"n"}}[expected["kty"]]
    assert {key: value for key, value in jwk.items() if key not in numbers} == expected
    assert numbers <= jwk.keys()


def test_the_numbers_of_a_jwk_keep_their_leading_zeros():
    while (private := ec.generate_private_key(ec.SECP256R1())).public_key().public_numbers().x >> 248:
        pass
    key = keys.SigningKey("a#0", "ecdsa-p256-sha256", private)
    assert len(base64url.decode(key.jwk()["x"])) == 32
    assert keys.parse_jwks(keys.build_jwks([key])) == (key.public,)


@pytest.mark.parametrize("name", ["ed25519", "ecdsa-p256-sha256", "rsa-sha512"])
def test_a_private_key_survives_its_pem(name):
    key = SIGNING_KEYS[name]
    again = keys.SigningKey.from_private_pem(key.kid, key.private_pem())
    assert again.algorithm == name
    assert again.jwk() == key.jwk()
    keys.from_pem(key.kid, key.public_pem()).verify(name, again.sign(b"x"), b"x")


@pytest.mark.parametrize("name", ["ed25519", "ecdsa-p256-sha256", "rsa-sha512"])
def test_a_private_key_is_encrypted_where_there_is_a_passphrase(name):
    key = SIGNING_KEYS[name]
    pem = key.private_pem("sesame")
    assert pem.startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert keys.SigningKey.from_private_pem(key.kid, pem, "sesame").private_pem() == key.private_pem()
    for wrong in ("", "Sesame"):
        with pytest.raises(Invalid):
            keys.SigningKey.from_private_pem(key.kid, pem, wrong)
    with pytest.raises(Invalid):
        keys.SigningKey.from_private_pem(key.kid, key.private_pem(), "sesame")


THUMBPRINTS = {
    "RFC 7638, 3.1": (
        {
            "kty": "RSA",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJE"
            "CPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2Q"
            "vzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6"
            "WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
            "e": "AQAB",
            "alg": "RS256",
            "kid": "2011-04-29",
        },
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
    ),
    "RFC 8037, A.3": (
        {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "any"},
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    ),
}


@pytest.mark.parametrize(("jwk", "thumbprint"), THUMBPRINTS.values(), ids=THUMBPRINTS.keys())
def test_a_thumbprint_is_that_of_the_standard_whatever_the_key_is_called(jwk, thumbprint):
    for kid in ("a", jwk["kid"]):
        (key,) = keys.parse_jwks({"keys": [jwk | {"kid": kid}]})
        assert key.thumbprint() == thumbprint
        assert keys.from_pem("other", key.pem()).thumbprint() == thumbprint


def test_a_private_key_is_not_shown_by_repr():
    assert "private" not in repr(SIGNING_KEYS["ed25519"]).lower()


def test_a_key_signs_with_another_algorithm_only_if_it_can():
    key = SIGNING_KEYS["rsa-sha512"]
    keys.from_pem("k", key.public_pem()).verify("rsa-v1_5-sha256", key.sign(b"x", "rsa-v1_5-sha256"), b"x")
    for impossible in ("ed25519", "hmac-sha256", "none"):
        with pytest.raises(SignatureError):
            key.sign(b"x", impossible)


def test_ecdsa_signatures_in_der_are_refused():
    key = SIGNING_KEYS["ecdsa-p256-sha256"]
    der = key.private.sign(b"x", ec.ECDSA(keys.hashes.SHA256()))
    with pytest.raises(SignatureError):
        key.public.verify("ecdsa-p256-sha256", der, b"x")


def test_a_pem_key_may_be_used_with_every_algorithm_of_its_kind():
    assert keys.from_pem("k", VECTORS["pem"]["test-key-rsa"]).algorithms == ALL_RSA
    assert keys.from_pem("k", VECTORS["pem"]["test-key-ed25519"]).algorithms == {"ed25519"}


@pytest.mark.parametrize(
    ("alg", "algorithms"),
    [
        (None, ALL_RSA),
        ("RS256", {"rsa-v1_5-sha256", "rsa-sha256"}),
        ("RS512", {"rsa-sha512"}),
        ("PS512", {"rsa-pss-sha512"}),
        ("rsa-v1_5-sha256", {"rsa-v1_5-sha256"}),
    ],
)
def test_alg_narrows_what_a_key_may_be_used_with(alg, algorithms):
    jwk = SIGNING_KEYS["rsa-sha512"].jwk() | {"alg": alg}
    if alg is None:
        del jwk["alg"]
    (public,) = keys.parse_jwks({"keys": [jwk]})
    assert public.algorithms == algorithms
    with pytest.raises(SignatureError):
        public.verify("ed25519", b"", b"")


def test_eddsa_is_the_older_name_of_ed25519():
    jwk = SIGNING_KEYS["ed25519"].jwk() | {"alg": "EdDSA"}
    assert keys.parse_jwks({"keys": [jwk]}) == (SIGNING_KEYS["ed25519"].public,)


GOOD_JWK = SIGNING_KEYS["ed25519"].jwk()
EC_JWK = SIGNING_KEYS["ecdsa-p256-sha256"].jwk()
RSA_JWK = SIGNING_KEYS["rsa-sha512"].jwk()
SHORT_RSA = rsa.generate_private_key(65537, 1024).public_key()
NOT_UNDERSTOOD = {
    "no kid": {**GOOD_JWK, "kid": ""},
    "a number for a kid": {**GOOD_JWK, "kid": 1},
    "symmetric": {"kty": "oct", "kid": "k", "k": "AAAA", "alg": "HS256"},
    "no kty": {"kid": "k"},
    "for encryption": {**GOOD_JWK, "use": "enc"},
    "only for signing": {**GOOD_JWK, "key_ops": ["sign"]},
    "an algorithm of another kind": {**GOOD_JWK, "alg": "ES256"},
    "an algorithm of nobody": {**GOOD_JWK, "alg": "none"},
    "an object for an algorithm": {**GOOD_JWK, "alg": {}},
    "another curve": {**GOOD_JWK, "crv": "X25519"},
    "a short x": {**GOOD_JWK, "x": "AAAA"},
    "no x": {key: value for key, value in GOOD_JWK.items() if key != "x"},
    "a list for x": {**GOOD_JWK, "x": []},
    "no base64url": {**GOOD_JWK, "x": "+/" + GOOD_JWK["x"][2:] + "!"},
    "no point of the curve": {**EC_JWK, "y": EC_JWK["x"]},
    "a long x": {**EC_JWK, "x": base64url.encode(b"\0" + base64url.decode(EC_JWK["x"]))},
    "a curve of nobody": {**EC_JWK, "crv": ["P-256"]},
    "short RSA": {**RSA_JWK, "n": base64url.encode(SHORT_RSA.public_numbers().n.to_bytes(128, "big"))},
    "huge RSA": {**RSA_JWK, "n": base64url.encode(b"\xff" * 2048)},
    "even exponent": {**RSA_JWK, "e": "BA"},
    "no object": "key",
}


@pytest.mark.parametrize("jwk", NOT_UNDERSTOOD.values(), ids=NOT_UNDERSTOOD)
def test_a_key_that_is_not_understood_is_skipped_and_the_others_are_read(jwk):
    assert [key.kid for key in keys.parse_jwks({"keys": [jwk, {**GOOD_JWK, "x5c": ["unknown"]}]})] == ["a#1"]


@pytest.mark.parametrize(
    "value", [None, [], "", {}, {"keys": {}}, {"keys": None}, {"keys": [GOOD_JWK] * (keys.MAX_KEYS + 1)}]
)
def test_garbage_is_no_jwk_set(value):
    with pytest.raises(Invalid):
        keys.parse_jwks(value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["keys", "kty", "crv", "x", "y", "n", "e", "kid", "alg", "use"]), inner)
        ),
    )
)
def test_any_json_is_a_jwk_set_or_invalid(value):
    with contextlib.suppress(Invalid):
        assert isinstance(keys.parse_jwks(value), tuple)


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "garbage",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        keys.PublicKey("k", frozenset(), SHORT_RSA).pem(),
        keys.PublicKey("k", frozenset(), ec.generate_private_key(ec.SECP521R1()).public_key()).pem(),
        SIGNING_KEYS["ed25519"].private_pem(),
        "\ud800",
    ],
)
def test_a_pem_that_is_no_usable_public_key_is_invalid(pem):
    with pytest.raises(Invalid):
        keys.from_pem("k", pem)


@pytest.mark.parametrize("pem", ["", "garbage", SIGNING_KEYS["ed25519"].public_pem()])
def test_a_pem_that_is_no_private_key_is_invalid(pem):
    with pytest.raises(Invalid):
        keys.SigningKey.from_private_pem("k", pem)


@pytest.mark.parametrize(
    ("kid", "host"),
    [
        ("cloud.example#key1", "cloud.example"),
        ("Cloud.Example:8443#key1", "cloud.example:8443"),
        ("[2001:DB8::1]:8443#key1", "[2001:db8::1]:8443"),
        ("https://Cloud.example/ocm#signature", "cloud.example"),
        ("https://cloud.example:443/ocm#signature", "cloud.example"),
        ("HTTPS://cloud.example:8434/sub/index.php/ocm#signature", "cloud.example:8434"),
        ("https://cloud.example/ocm#ecdsa-p256-sha256-1", "cloud.example"),
        ("http://127.0.0.1:8001/ocm#signature", "127.0.0.1:8001"),
    ],
)
def test_a_key_id_names_the_server(kid, host):
    assert keys.host_of(kid) == host


@pytest.mark.parametrize(
    "kid",
    [
        "",
        "key1",
        "#key1",
        "cloud.example",
        "cloud.example#",
        "cloud.example/ocm#key1",
        "user@cloud.example#key1",
        "https://user@cloud.example/ocm#key1",
        "https://good.example@evil.example/ocm#key1",
        "https://",
        "https:///ocm#key1",
        "ftp://cloud.example/ocm#key1",
        "cloud.example:99999#key1",
        "clo ud.example#key1",
        "cloud.example#key\n1",
        "cloud.example#k\ud800",
        "a" * 2000 + "#key1",
    ],
)
def test_a_key_id_that_names_no_server_is_refused(kid):
    with pytest.raises(SignatureError):
        keys.host_of(kid)


@given(st.text(alphabet=st.characters()))
def test_any_text_is_a_key_id_or_refused(kid):
    with contextlib.suppress(SignatureError):
        assert keys.host_of(kid) == keys.host_of(kid).lower()


@given(st.binary())
def test_base64url_is_read_with_and_without_padding(data):
    text = base64url.encode(data)
    assert "=" not in text
    assert base64url.decode(text) == base64url.decode(base64.urlsafe_b64encode(data).decode()) == data
    for foreign in "*+/ é":
        with pytest.raises(Invalid):
            base64url.decode(text + foreign)
