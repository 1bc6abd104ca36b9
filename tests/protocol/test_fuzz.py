"""Whatever arrives, every parser gives a value or an `OcmError`, and what we write is read as the same."""

import contextlib
import json
from dataclasses import replace
from functools import partial

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opencloudmesh.protocol import base64url, directory, invites, keys, signatures
from opencloudmesh.protocol.address import Address, normalise_host
from opencloudmesh.protocol.dialects import DIALECTS, dialect_of
from opencloudmesh.protocol.discovery import Discovery, Offer, PemKey, own_document
from opencloudmesh.protocol.errors import BadAnswer, Forbidden, Invalid, NotSupported, SignatureError
from opencloudmesh.protocol.notifications import Notification
from opencloudmesh.protocol.obligations import obligations
from opencloudmesh.protocol.protocols import Protocols
from opencloudmesh.protocol.share_requests import ShareRequest
from opencloudmesh.protocol.shares import NewShare, ShareAnswer
from opencloudmesh.protocol.tokens import TokenRequest, TokenResponse
from opencloudmesh.protocol.wire import Headers, Request, decode_json, decode_object

NOW = 1_800_000_000
BASE = "https://sender.example"
RSA = keys.SigningKey(BASE + "/ocm#signature", "rsa-sha512", rsa.generate_private_key(65537, 2048))
ED25519 = keys.SigningKey("sender.example#1", "ed25519", ed25519.Ed25519PrivateKey.generate())
P256 = keys.SigningKey("sender.example#2", "ecdsa-p256-sha256", ec.generate_private_key(ec.SECP256R1()))
SIGNING_KEYS = {"rfc9421": ED25519, "cavage": RSA}
PUBLIC = [keys.from_pem(key.kid, key.public_pem()) for key in (RSA, ED25519, P256)]

fuzz = partial(settings, deadline=None, suppress_health_check=[HealthCheck.too_slow])

# What people type, peers get wrong and attackers try.
TEXTS = st.text(max_size=20) | st.sampled_from(
    [
        *(
            "",
            " ",
            "/",
            "..",
            "\0",
            "\n",
            "a\r\nb",
            "\ud800",
            "é",
            "%00",
            "1" * 5000,
            "a" * 5000,
            "٣",
            "read",
            "webdav",
        ),
        *("a@b", "a@https://b/", "@", "a@@b@[::1]:1", "[::1%x]", "[", "b:99999", "a。", "https://b:x/", "https://[b/"),
        *("//b/c", "http://b/\n", "\\\\b", "file:///x", "javascript:x", "1.4", "9" * 5000 + ".1", "1.0-proposal1"),
    ]
)
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from([2**64, -(10**400), 1e308]) | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


def bent(value):
    """Something like `value`, in which every part may be something odd instead."""
    if isinstance(value, dict):
        whole = st.fixed_dictionaries({name: bent(part) for name, part in value.items()})
    elif isinstance(value, list):
        whole = st.lists(st.one_of([bent(part) for part in value]), max_size=3)
    else:
        whole = st.just(value)
    return st.integers(0, 24).flatmap(lambda number: whole if number else ODD)


def to_bytes(value):
    return json.dumps(value).encode()  # with \ud800, NaN and numbers of any length


def outcome(parse, *arguments):
    """What `parse` gives; None for an error that it may raise. Any other fails the test."""
    with contextlib.suppress(Invalid, NotSupported, BadAnswer, Forbidden, SignatureError):
        return parse(*arguments)
    return None


def object_reader(read):
    return lambda body: read(decode_object(body))


WEBDAV = {
    "uri": "7",
    "sharedSecret": "s",
    "permissions": ["read", "write"],
    "requirements": ["must-use-mfa"],
    "size": 1,
}
WEBAPP = {"uri": "7", "sharedSecret": "s", "permissions": ["view"], "targets": ["blank"], "appName": "a"}
SHARE = {
    "shareWith": "marie@receiver.example",
    "name": "/photos",
    "providerId": 7,
    "owner": "a@b@https://sender.example/",
    "sender": "bohr@sender.example:8443",
    "senderDisplayName": "Niels",
    "shareType": "user",
    "resourceType": "folder",
    "expiration": 5,
    "code": "c",
    "protocol": {"name": "multi", "options": {"sharedSecret": "s"}, "webdav": WEBDAV, "webapp": WEBAPP, "new": {}},
}
DOCUMENT = own_document(
    Offer(
        BASE, "Cloud", "/dav/", ("invites",), ("must-invite",), public_key=PemKey("k", "p"), webdav_receive="relative"
    )
)
PERSON = {"userID": "marie", "email": "m@receiver.example", "name": "Marie"}
LISTING = {"federation": "Mesh", "servers": [{"url": BASE + ":8443", "displayName": "Cloud"}]}
SIGNED = directory.sign_listing(directory.Listing.read(LISTING), ED25519)
PROTECTED = [base64url.encode(text) for text in (b"{}", b"[]", b'{"alg":{}}', b'{"alg":"EdDSA","crit":1}', b"\xff")]

# Every parser, and a message that it takes.
PARSERS = {
    "share": (NewShare.parse, SHARE),
    "answer to a share": (ShareAnswer.parse, {"recipientDisplayName": "Marie"}),
    "notification": (
        Notification.parse,
        {"notificationType": "A", "resourceType": "file", "providerId": "7", "notification": {"sharedSecret": "s"}},
    ),
    "discovery": (lambda body: Discovery.parse(body, BASE), DOCUMENT),
    "keys": (lambda body: keys.parse_jwks(decode_json(body)), keys.build_jwks([ED25519, P256, RSA])),
    "request for a token": (
        object_reader(TokenRequest.read),
        {"grant_type": "authorization_code", "client_id": "a", "code": "c"},
    ),
    "token": (TokenResponse.parse, {"access_token": "t", "token_type": "Bearer", "expires_in": 300}),
    "accepted invite": (
        object_reader(invites.InviteAccepted.read),
        {"recipientProvider": "receiver.example", "token": "t", **PERSON},
    ),
    "identity": (invites.Identity.parse, PERSON),
    "request for a share": (ShareRequest.parse, {"owner": "a@b.example", "shareWith": "c@d.example", "share": "x"}),
    "directory": (lambda body: directory.parse(body, PUBLIC, allow_unsigned=True), LISTING),
    "clear payload": (lambda body: directory.parse(body, PUBLIC, allow_unsigned=True), {"payload": LISTING}),
    "signed directory": (lambda body: directory.parse(body, PUBLIC), SIGNED),
    "directory with signatures": (
        lambda body: directory.parse(body, PUBLIC),
        {"payload": SIGNED["payload"], "signatures": [SIGNED, *({**SIGNED, "protected": each} for each in PROTECTED)]},
    ),
}


@pytest.mark.parametrize("name", PARSERS)
def test_the_message_that_the_tests_bend_is_a_good_one(name):
    parse, message = PARSERS[name]
    assert parse(to_bytes(message))


@pytest.mark.parametrize("name", PARSERS)
@fuzz(max_examples=50)
@given(body=st.binary(max_size=60) | ODD.map(to_bytes))
def test_any_bytes_are_a_value_or_an_error(name, body):
    outcome(PARSERS[name][0], body)


@pytest.mark.parametrize("name", PARSERS)
@fuzz(max_examples=100)
@given(data=st.data())
def test_a_bent_message_is_a_value_or_an_error(name, data):
    parse, message = PARSERS[name]
    outcome(parse, to_bytes(data.draw(bent(message))))


# What was taken can be worked with


@fuzz(max_examples=200)
@given(bent(SHARE))
def test_a_share_that_was_taken_is_safe_to_store_and_read_again_after_we_write_it(message):
    share = outcome(NewShare.parse, to_bytes(message))
    if share is None:
        return
    assert share.name not in ("", ".", "..")
    assert not {"/", "\0", "\n"} & set(share.name)
    assert all(
        normalise_host(address.host) == address.host for address in (share.owner, share.sender, share.share_with)
    )
    assert "\0" not in f"{share.provider_id}{share.owner_display_name}{share.sender_display_name}{share.description}"
    assert share.protocols.names
    for form in (dialect.share_encoding(BASE) for dialect in DIALECTS.values()) if share.protocols.webdav else ():
        again = NewShare.parse(to_bytes(share.encode(form)))
        webdav = replace(share.protocols.webdav, access_types=frozenset({"remote"}), size=None)
        envelope = "webdav" if form.protocol == "bridge" else "multi"
        webapp = again.protocols.webapp
        assert webapp in (None, share.protocols.webapp)
        same = replace(share, protocols=Protocols(envelope, webdav=webdav, webapp=webapp))
        assert again == (same if form.folders else replace(same, resource_type="file"))


@fuzz(max_examples=200)
@given(bent(DOCUMENT), st.sampled_from([BASE, "http://127.0.0.1:8080", "https://[::1]:8443/"]))
def test_a_peer_that_was_read_can_be_worked_with(document, base_url):
    peer = outcome(Discovery.parse, to_bytes(document), base_url)
    if peer is None:
        return
    urls = [peer.webdav_url, peer.key_set_url, peer.token_end_point, peer.invite_accept_dialog, peer.end_point]
    assert all(url.isprintable() and url.startswith(("http://", "https://")) for url in urls if url)
    assert peer.owns(peer.webdav_url)
    assert peer.webdav_url.endswith("/")
    assert dialect_of(peer).share_encoding(BASE).protocol
    assert peer.resource("file") is None or peer.resource("file").name == "file"
    outcome(partial(obligations, can=frozenset({"invites"}), mfa=True), peer)
    assert outcome(Discovery.read, peer.document, base_url) == peer


WRITERS = {
    "notification": lambda notice: notice.encode(),
    "request for a token": lambda request: request.form(),
    "token": lambda token: token.encode(),
    "accepted invite": lambda accepted: accepted.encode(),
    "identity": lambda identity: identity.encode(),
    "request for a share": lambda request: request.encode(),
    "directory": lambda listing: listing.encode(),
    "keys": keys.build_jwks,
}


@pytest.mark.parametrize("name", WRITERS)
@fuzz(max_examples=100)
@given(data=st.data())
def test_what_was_read_is_written_and_read_as_the_same(name, data):
    parse, message = PARSERS[name]
    value = outcome(parse, to_bytes(data.draw(bent(message))))
    if value is not None:
        written = to_bytes(WRITERS[name](value))
        assert to_bytes(WRITERS[name](parse(written))) == written


# Texts: letters of hosts, and all that could pass for a part of one.
HOSTS = st.text(st.sampled_from("aB1.-_:/@[]%?# \n\t\\。．ßİK①é\u00ad\u200b\ud800٣"), max_size=12) | TEXTS


@fuzz(max_examples=300)
@given(HOSTS)
def test_any_text_is_one_host_or_none(text):
    host = outcome(normalise_host, text)
    if host is not None:
        assert normalise_host(host) == normalise_host(f" HTTPS://{host.upper()}/x") == host
        assert host.isascii()
        assert host.isprintable()
        assert not set("@/?#% ") & set(host)


@fuzz(max_examples=300)
@given(TEXTS, HOSTS)
def test_any_text_is_one_address_or_none(identifier, host):
    for text in (identifier, f"{identifier}@{host}", f"{identifier}@a.example"):
        address = outcome(Address.parse, text)
        if address is not None:
            assert Address.parse(str(address)) == address
            assert address.identifier.startswith(address.local)


@fuzz(max_examples=300)
@given(TEXTS, HOSTS)
def test_any_text_is_one_invite_or_none(token, host):
    texts = (token, f"{token}@{host}", f"{host}?token={token}", f"https://a/w?token={token}&providerDomain={host}")
    for text in (*texts, base64url.encode(f"{token}@{host}".encode(errors="replace"))):
        invite = outcome(invites.decode, text)
        if invite is not None:
            assert invites.decode(invites.encode(*invite)) == invite
            assert invites.decode(invites.link("https://a.example/wayf", invite)) == invite


# Keys and signatures


def edited(text):
    """`text` with a few characters replaced, left out or put in."""
    pieces = st.sampled_from(
        ['"', "=", ";", ",", ":", "(", ")", "@9", "?1", "*", "%", "\\", "\0", "é", "\ud800", " ", "a"]
    )
    edit = st.tuples(st.integers(0, len(text)), st.integers(0, 3), pieces | st.just("") | TEXTS)

    def apply(edits):
        changed = text
        for start, length, piece in edits:
            changed = changed[:start] + piece + changed[start + length :]
        return changed

    return st.lists(edit, max_size=3).map(apply)


@fuzz(max_examples=200)
@given(st.one_of([edited(pem) for key in (RSA, ED25519, P256) for pem in (key.public_pem(), key.private_pem())]))
def test_any_text_is_a_key_or_none(text):
    outcome(keys.from_pem, "k", text)
    outcome(keys.SigningKey.from_private_pem, "k", text)


REQUEST = Request("POST", "https://receiver.example/ocm/shares", Headers({"Host": "receiver.example"}), b'{"a": 1}')
SIGNED_REQUESTS = {family: signatures.sign(REQUEST, key, NOW, family) for family, key in SIGNING_KEYS.items()}


def verified(request):
    """Whether it is signed by one of our keys; a `SignatureError` of any kind is a no."""
    try:
        claim = signatures.read(request)
        if claim is None:
            return False
        signatures.verify(request, claim, PUBLIC, NOW)
    except SignatureError:
        return False
    assert claim.host == "sender.example"
    return True


@pytest.mark.parametrize("family", SIGNED_REQUESTS)
@fuzz(max_examples=250)
@given(data=st.data())
def test_headers_of_any_kind_are_a_signature_or_an_error(family, data):
    request = SIGNED_REQUESTS[family]
    assert verified(request)
    signed = ("signature-input", "signature", "digest", "content-digest", "content-length", "date", "host")
    names = st.sampled_from([name for name in signed if name in request.headers])
    for name in data.draw(st.lists(names, min_size=1, max_size=2, unique=True)):
        request = replace(request, headers=request.headers | {name: data.draw(edited(request.headers.get(name)))})
    if verified(request):
        assert not verified(replace(request, body=b'{"a": 2}'))
        assert not verified(replace(request, url="https://other.example/ocm/shares"))


DERIVED = ("method", "target-uri", "query", "path", "authority", "scheme", "request-target", "status", "query-param")
COMPONENTS = st.sampled_from(
    [
        *(f'"@{name}"' for name in DERIVED),
        *(
            '"content-digest"',
            '"content-length"',
            '"date"',
            '"date";sf',
            '"DATE"',
            '"x";key="a"',
            '"@query-param";name="a"',
        ),
        *('""', "1", "*", ":AA==:", '"a'),
    ]
)
PARAMETERS = st.sampled_from(
    [
        *(
            f"created={NOW}",
            "created=?1",
            "created=1.5",
            "created=@1",
            "created",
            'keyid="sender.example#1"',
            "keyid=a",
        ),
        *('tag="ocm"', "tag", 'alg="ed25519"', "alg", "expires=1", "expires=999999999999999", "nonce=:AA==:"),
        *('nonce="é"', 'nonce=""', 'x=%"a"', "x=@99999999999999", "="),
    ]
)


@fuzz(max_examples=300)
@given(st.lists(COMPONENTS, max_size=6), st.lists(PARAMETERS, max_size=5), st.sampled_from(["ocm", "sig1", "*", ""]))
def test_signature_inputs_of_any_kind_are_a_signature_or_an_error(components, parameters, label):
    given_input = f"{label}=({' '.join(components)}){''.join(f';{each}' for each in parameters)}"
    request = replace(SIGNED_REQUESTS["rfc9421"], url=REQUEST.url + "?a=b")
    fields = {
        "Signature-Input": given_input,
        "Signature": (request.headers.get("signature") or "").replace("ocm", label),
    }
    assert not verified(replace(request, headers=request.headers | fields))


@pytest.mark.parametrize("family", SIGNED_REQUESTS)
@fuzz(max_examples=100)
@given(
    TEXTS,
    TEXTS | st.sampled_from(["http://[", REQUEST.url + "/", REQUEST.url + "?a", "https://b/ocm/shares"]),
    st.binary(max_size=9),
)
def test_nothing_else_passes_under_a_signature(family, method, url, body):
    request = SIGNED_REQUESTS[family]
    for changed in (replace(request, method=method), replace(request, url=url), replace(request, body=body)):
        assert not verified(changed)


@fuzz(max_examples=100)
@given(st.sampled_from(["GET", "POST"]), st.text(st.sampled_from("/aé?&=%20#\\ "), max_size=9), st.binary(max_size=20))
def test_what_we_sign_verifies(method, path, body):
    for family, key in SIGNING_KEYS.items():
        request = outcome(signatures.sign, Request(method, BASE + "/" + path, Headers(), body), key, NOW, family)
        # Nextcloud leaves the query out of what it signs, and takes no other; we never send one where we sign.
        if request is not None and "?" not in path:
            assert verified(request)
