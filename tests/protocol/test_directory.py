"""Directory Services: signed listings in every form, and what is not one."""

import base64
import contextlib
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from opencloudmesh.protocol import base64url
from opencloudmesh.protocol.directory import MAX_SIGNATURES, Listing, Server, parse, sign_listing
from opencloudmesh.protocol.errors import Invalid, SignatureError
from opencloudmesh.protocol.keys import SigningKey, from_pem

RSA = rsa.generate_private_key(65537, 2048)
KEYS = {
    "ES256": SigningKey("directory#1", "ecdsa-p256-sha256", ec.generate_private_key(ec.SECP256R1())),
    "EdDSA": SigningKey("directory#2", "ed25519", ed25519.Ed25519PrivateKey.generate()),
    "RS256": SigningKey("directory#3", "rsa-v1_5-sha256", RSA),
}
KEY = KEYS["EdDSA"]
PUBLIC = [from_pem("", key.public_pem()) for key in KEYS.values()]
STRANGER = SigningKey("directory#2", "ed25519", ed25519.Ed25519PrivateKey.generate())
# The example of Appendix C.
PAYLOAD = {
    "federation": "The ScienceMesh Directory",
    "servers": [
        {"url": "https://ocm-server.example.org", "displayName": "OCM Server 1"},
        {"url": "https://ocm-server.example.com:4443", "displayName": "OCM Server 2"},
        {"url": "http://192.168.1.1:8080", "displayName": "OCM Server 3"},
    ],
}
LISTING = Listing.read(PAYLOAD)
SIGNED = sign_listing(LISTING, KEY)


def read(document, keys=PUBLIC, **options):
    return parse(document if isinstance(document, bytes) else json.dumps(document).encode(), keys, **options)


def jws(header, payload=PAYLOAD, key=KEY, algorithm=None):
    """A flattened JWS with any header, properly signed."""
    protected, body = (base64url.encode(json.dumps(value).encode()) for value in (header, payload))
    value = key.sign(f"{protected}.{body}".encode(), algorithm)
    return {"payload": body, "protected": protected, "signature": base64url.encode(value)}


def compact(document):
    return ".".join(document[name] for name in ("protected", "payload", "signature")).encode()


def general(*documents):
    signatures = [{name: item for name, item in document.items() if name != "payload"} for document in documents]
    return {"payload": documents[0]["payload"], "signatures": signatures}


def test_a_listing_names_the_federation_and_its_servers():
    assert LISTING.federation == "The ScienceMesh Directory"
    assert LISTING.servers[1] == Server("https://ocm-server.example.com:4443", "OCM Server 2")
    assert [server.host for server in LISTING.servers] == [
        "ocm-server.example.org",
        "ocm-server.example.com:4443",
        "192.168.1.1:8080",
    ]
    assert LISTING.encode() == PAYLOAD


@pytest.mark.parametrize("alg", KEYS)
def test_a_listing_that_we_sign_is_read_with_the_key_and_no_other(alg):
    document = sign_listing(LISTING, KEYS[alg])
    assert json.loads(base64url.decode(document["protected"])) == {"alg": alg, "kid": KEYS[alg].kid}
    assert read(document) == LISTING
    assert read(document, [KEYS[alg].public]) == LISTING
    for keys in ([], [STRANGER.public], [key.public for name, key in KEYS.items() if name != alg]):
        for allow_unsigned in (False, True):
            with pytest.raises(SignatureError):
                read(document, keys, allow_unsigned=allow_unsigned)


def test_a_key_for_the_older_signatures_signs_rs256():
    assert read(sign_listing(LISTING, SigningKey("k", "rsa-sha512", RSA))) == LISTING


def test_a_key_of_another_kind_signs_no_listing():
    with pytest.raises(SignatureError):
        sign_listing(LISTING, SigningKey("k", "ecdsa-p384-sha384", ec.generate_private_key(ec.SECP384R1())))


@pytest.mark.parametrize(
    "document",
    [
        SIGNED | {"header": {"kid": "anything"}},
        compact(SIGNED),
        compact(SIGNED) + b"\n",
        general(SIGNED),
        general(sign_listing(LISTING, STRANGER), SIGNED),
        general(SIGNED, jws({"alg": "none"})),
        jws({"alg": "Ed25519"}),
    ],
    ids=["flattened", "compact", "compact with a line end", "general", "two signatures", "with none", "RFC 9864"],
)
def test_every_form_of_a_jws_is_read(document):
    assert read(document) == LISTING


def changed(text, position=10):
    return text[:position] + ("A" if text[position] != "A" else "B") + text[position + 1 :]


@pytest.mark.parametrize(
    "document",
    [
        SIGNED | {"payload": changed(SIGNED["payload"])},
        SIGNED | {"payload": base64url.encode(json.dumps(PAYLOAD | {"federation": "Other"}).encode())},
        SIGNED | {"signature": changed(SIGNED["signature"])},
        SIGNED | {"signature": ""},
        SIGNED | {"protected": base64url.encode(b'{"alg":"EdDSA"}')},
        SIGNED | {"protected": base64url.encode(b'{"alg":"none"}'), "signature": ""},
        SIGNED | {"protected": base64url.encode(b'"EdDSA"')},
        compact(SIGNED)[:-4] + b"AAAA",
        general(sign_listing(LISTING, STRANGER)),
        SIGNED | {"signatures": []},
        jws({"alg": "none"}),
        jws({"alg": "HS256"}),
        jws({"alg": "ES256"}),
        jws({"alg": ["EdDSA"]}),
        jws({"kid": "directory#2"}),
        jws({"alg": "EdDSA", "crit": ["exp"], "exp": 1}),
        jws({"alg": "EdDSA", "crit": ["b64"], "b64": False}),
        jws({"alg": "RS512"}, key=KEYS["RS256"], algorithm="rsa-sha512"),
        jws({"alg": "RS256"}, key=KEYS["RS256"], algorithm="rsa-sha512"),
    ],
)
def test_a_signature_that_does_not_hold_is_refused_even_where_none_is_needed(document):
    for allow_unsigned in (False, True):
        with pytest.raises(SignatureError):
            read(document, allow_unsigned=allow_unsigned)


@pytest.mark.parametrize(
    "document",
    [
        {"payload": "AAAA"},
        SIGNED | {"protected": {"alg": "EdDSA"}},
        SIGNED | {"protected": "*"},
        SIGNED | {"protected": base64url.encode(b"{")},
        SIGNED | {"signature": None},
        SIGNED | {"signature": base64.b64encode(b"\xff" * 64).decode()},
        SIGNED | {"signatures": {}},
        SIGNED | {"signatures": [1]},
        general(*[sign_listing(LISTING, STRANGER)] * (MAX_SIGNATURES + 1)),
        b"a.b.c",
        b"a.b",
        b"\xff.\xff.\xff",
        b"",
        b"[]",
        b"null",
    ],
)
def test_what_is_no_listing_is_invalid(document):
    for allow_unsigned in (False, True):
        with pytest.raises(Invalid):
            read(document, allow_unsigned=allow_unsigned)


def test_a_signed_payload_that_is_no_listing_is_invalid():
    for payload in ([], "text", {"federation": "x"}):
        with pytest.raises(Invalid):
            read(jws({"alg": "EdDSA"}, payload))


@pytest.mark.parametrize(
    "document",
    [PAYLOAD, {"payload": PAYLOAD, "protected": {"alg": "ES256"}, "signature": "..."}],
    ids=["plain JSON, as Nextcloud reads it", "the example of Appendix C"],
)
def test_plain_json_is_read_only_where_no_signature_is_needed(document):
    assert read(document, allow_unsigned=True) == LISTING
    assert read(document, [], allow_unsigned=True) == LISTING
    with pytest.raises(SignatureError):
        read(document)


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://Cloud.Example/", "https://cloud.example"),
        ("HTTPS://cloud.example:8443", "https://cloud.example:8443"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
    ],
)
def test_a_url_is_written_in_one_way(url, clean):
    values = PAYLOAD | {"servers": [{"url": url, "displayName": "x"}]}
    assert Listing.read(values).servers == (Server(clean, "x"),)


@pytest.mark.parametrize(
    "url",
    [
        "cloud.example",
        "//cloud.example",
        "ftp://cloud.example",
        "javascript:alert(1)",
        "https://",
        "https:///",
        "https://cloud.example/ocm",
        "https://cloud.example//",
        "https://cloud.example?x",
        "https://cloud.example/?",
        "https://cloud.example#x",
        "https://user@cloud.example",
        "https://user:secret@cloud.example",
        "https://cloud.example:",
        "https://cloud.example:99999",
        "https://[::1",
        " https://cloud.example",
        "https://cloud.exa\nmple",
        "https://cloud example",
    ],
)
def test_a_url_that_is_more_or_less_than_a_server_is_refused(url):
    with pytest.raises(Invalid) as caught:
        Listing.read(PAYLOAD | {"servers": [*PAYLOAD["servers"], {"url": url, "displayName": "x"}]})
    assert dict(caught.value.fields) == {"servers[3].url": "INVALID"}


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({}, {"federation": "REQUIRED", "servers": "REQUIRED"}),
        ({"federation": 1, "servers": {}}, {"federation": "INVALID", "servers": "INVALID"}),
        ({"federation": "x", "servers": [1]}, {"servers[0].url": "REQUIRED", "servers[0].displayName": "REQUIRED"}),
        (
            {"federation": "x", "servers": [PAYLOAD["servers"][0], {"url": 1, "displayName": None}]},
            {"servers[1].url": "INVALID", "servers[1].displayName": "REQUIRED"},
        ),
    ],
)
def test_every_wrong_field_is_named(values, wrong):
    with pytest.raises(Invalid) as caught:
        Listing.read(values)
    assert dict(caught.value.fields) == wrong


def test_an_empty_federation_is_one():
    listing = replace(LISTING, servers=())
    assert read(sign_listing(listing, KEY)) == listing


JSON = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["payload", "protected", "signature", "signatures", "federation", "servers", "url"]), inner
        )
    ),
)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_anything_is_a_listing_or_refused(body):
    with contextlib.suppress(Invalid, SignatureError):
        assert isinstance(parse(body, PUBLIC, allow_unsigned=True), Listing)
    with pytest.raises((Invalid, SignatureError)):
        parse(body, PUBLIC)
