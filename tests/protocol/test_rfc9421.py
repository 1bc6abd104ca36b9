"""RFC 9421 as Open Cloud Mesh uses it: what we write, which signature counts, and what must not pass."""

import base64
import re
from dataclasses import replace

import http_sf
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import example, given
from hypothesis import strategies as st

from opencloudmesh.protocol import signatures
from opencloudmesh.protocol.errors import SignatureError, UnknownKey
from opencloudmesh.protocol.keys import SigningKey, from_pem
from opencloudmesh.protocol.signatures import rfc9421
from opencloudmesh.protocol.signatures.rfc9421 import Component, signature_base
from opencloudmesh.protocol.wire import Headers, Request

NOW = 1_795_476_604
KID = "sender.example#key1"
KEY = SigningKey(KID, "ed25519", ed25519.Ed25519PrivateKey.generate())
STRANGER = SigningKey(KID, "ed25519", ed25519.Ed25519PrivateKey.generate())
SHARE = Request(
    "POST",
    "https://receiver.example/ocm/shares",
    Headers({"Host": "receiver.example", "Content-Type": "application/json"}),
    b'{"shareWith": "marie@receiver.example"}',
)


def sign(request=SHARE, key=KEY, now=NOW, **options):
    return signatures.sign(request, key, now, "rfc9421", **options)


def check(request, keys=(KEY.public,), now=NOW):
    claim = signatures.read(request)
    assert claim is not None, "the request counts as unsigned"
    signatures.verify(request, claim, keys, now)


def refused(request, keys=(KEY.public,), now=NOW):
    """The request is refused, be it on reading or on verifying; the very same one with its true headers is not."""
    with pytest.raises(SignatureError) as caught:
        check(request, keys, now)
    return caught.value


def with_header(request, name, value):
    return replace(request, headers=request.headers | {name: value})


def without_header(request, name):
    return replace(request, headers=Headers([item for item in request.headers if item[0] != name]))


def resigned(components=rfc9421.SIGNED, *, request=None, label="ocm", key=KEY, **parameters):
    """Signs properly, but covering `components` with `parameters` (None drops one), as a peer of another mind would."""
    request = request or sign()
    given = {"created": NOW, "keyid": KID, "alg": "ed25519", "tag": "ocm"} | parameters
    given = {name: value for name, value in given.items() if value is not None}
    listed = [component if isinstance(component, Component) else Component(component) for component in components]
    value = key.sign(signature_base(request, listed, given))
    inputs = {label: ([(item.name, dict(item.parameters)) for item in listed], given)}
    fields = {"Signature-Input": http_sf.ser(inputs), "Signature": http_sf.ser({label: value})}
    return replace(request, headers=request.headers | fields)


# What we write


def test_we_write_what_nextcloud_and_opencloudmesh_go_both_understand():
    request = sign()
    assert request.headers.get("signature-input") == (
        'ocm=("@method" "@target-uri" "content-digest" "content-length" "date")'
        f';created={NOW};keyid="{KID}";alg="ed25519";tag="ocm"'
    )
    assert re.fullmatch(r"ocm=:[A-Za-z0-9+/]{86}==:", request.headers.get("signature"))
    assert request.headers.get("content-digest").startswith("sha-256=:")
    assert request.headers.get("content-length") == str(len(SHARE.body))
    assert request.headers.get("date") == "Mon, 23 Nov 2026 23:30:04 GMT"
    assert request.headers.get("content-type") == "application/json"
    assert (request.method, request.url, request.body) == (SHARE.method, SHARE.url, SHARE.body)


def test_what_we_sign_verifies_and_says_who_signed():
    request = sign(nonce="abc")
    claim = signatures.read(request)
    assert (claim.family, claim.key_id, claim.host, claim.created) == ("rfc9421", KID, "sender.example", NOW)
    assert ';nonce="abc"' in request.headers.get("signature-input")
    signatures.verify(request, claim, [KEY.public], NOW)


@pytest.mark.parametrize(
    "key",
    [
        SigningKey(KID, "ecdsa-p256-sha256", ec.generate_private_key(ec.SECP256R1())),
        SigningKey(KID, "ecdsa-p384-sha384", ec.generate_private_key(ec.SECP384R1())),
        SigningKey(KID, "rsa-v1_5-sha256", rsa.generate_private_key(65537, 2048)),
        SigningKey(KID, "rsa-pss-sha512", rsa.generate_private_key(65537, 2048)),
    ],
    ids=lambda key: key.algorithm,
)
def test_every_algorithm_of_the_protocol_signs_and_verifies(key):
    request = sign(key=key)
    check(request, [key.public])
    refused(request, [KEY.public])
    refused(replace(request, body=request.body.swapcase()), [key.public])
    # Nextcloud 34 leaves `alg` out and puts it into its JWK.
    check(resigned(key=key, alg=None), [key.public])


def test_a_key_for_the_older_signatures_does_not_sign_these():
    with pytest.raises(SignatureError):
        sign(key=SigningKey(KID, "rsa-sha512", rsa.generate_private_key(65537, 2048)))


def test_the_same_bytes_are_signed_again_over_what_was_signed_before():
    assert sign(sign(), now=NOW + 1) == sign(now=NOW + 1)


def test_the_digest_tells_signatures_apart_but_not_the_two_forms_of_one():
    key = SigningKey(KID, "ecdsa-p256-sha256", ec.generate_private_key(ec.SECP256R1()))
    request = sign(key=key)
    value = http_sf.parse(request.headers.get("signature").encode(), tltype="dictionary")["ocm"][0]
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    mirrored = value[:32] + (order - int.from_bytes(value[32:], "big")).to_bytes(32, "big")
    twin = with_header(request, "Signature", http_sf.ser({"ocm": mirrored}))
    check(twin, [key.public])
    assert signatures.read(twin).digest == signatures.read(request).digest
    assert signatures.read(sign(key=key)).digest != signatures.read(request).digest
    assert signatures.read(sign()).digest != signatures.read(sign(now=NOW + 1)).digest


# Which signature counts


def test_a_request_without_a_signature_is_unsigned():
    assert signatures.read(SHARE) is None
    assert signatures.read(with_header(SHARE, "Signature-Input", "")) is None


FOREIGN = [{"label": "x", "tag": None}, {"label": "x", "tag": "y"}, {"tag": "y"}, {"tag": http_sf.Token("ocm")}]


@pytest.mark.parametrize("options", FOREIGN, ids=str)
def test_a_request_with_only_foreign_signatures_is_unsigned(options):
    assert signatures.read(resigned(**options)) is None


@pytest.mark.parametrize("options", [{"label": "sig1"}, {"tag": None}], ids=["tag alone", "label alone"])
def test_the_tag_or_the_label_alone_marks_the_signature(options):
    check(resigned(**options))


def joined(*requests):
    """One request with the signatures of all."""
    fields = {
        name: ", ".join(request.headers.get(name) for request in requests) for name in ("signature-input", "signature")
    }
    return replace(requests[0], headers=requests[0].headers | fields)


def test_foreign_signatures_beside_ours_are_ignored():
    foreign = resigned(("@method",), label="proxy", key=STRANGER, tag=None)
    broken = with_header(SHARE, "Signature-Input", "x=?1;created")
    broken = with_header(broken, "Signature", "x=1")
    check(joined(sign(), foreign, broken))
    check(joined(foreign, sign()))


def test_the_tagged_signature_wins_over_the_labelled_one():
    check(joined(resigned(label="sig1"), resigned(tag=None, key=STRANGER)))
    refused(joined(resigned(label="sig1", key=STRANGER), resigned(tag=None)))


def test_two_tagged_signatures_are_refused():
    refused(joined(resigned(label="a"), resigned(label="b")))


def test_one_label_twice_is_refused():
    refused(joined(sign(), sign(now=NOW - 1)))
    refused(with_header(sign(), "Signature", f"ocm=:AAAA:, {sign().headers.get('signature')}"))


# What must not pass


def test_another_key_is_refused():
    refused(sign(key=STRANGER))
    refused(sign(), [STRANGER.public])


def test_a_key_that_is_unknown_or_was_renewed_is_told_from_a_wrong_signature():
    for known in ([], [replace(KEY.public, kid="sender.example#key2")], [STRANGER.public]):
        assert isinstance(refused(sign(), known), UnknownKey)
    assert not isinstance(refused(replace(sign(), body=b"")), UnknownKey)


def test_of_two_keys_with_one_name_either_may_have_signed():
    check(sign(), [STRANGER.public, KEY.public])


def test_another_body_is_refused():
    other = sign().body.replace(b"marie", b"chuck")
    assert len(other) == len(SHARE.body)
    refused(replace(sign(), body=other))
    refused(replace(sign(), body=SHARE.body + b" "))
    refused(replace(sign(), body=b""))


def test_another_body_with_its_true_digest_is_refused():
    refused(replace(sign(replace(SHARE, body=b"x")), headers=sign().headers, body=b"x"))
    forged = sign(replace(SHARE, body=SHARE.body.swapcase()))
    refused(with_header(replace(sign(), body=forged.body), "Content-Digest", forged.headers.get("content-digest")))


@pytest.mark.parametrize("change", [{"method": "PUT"}, {"url": SHARE.url + "/"}, {"url": SHARE.url + "?a=b"}], ids=str)
def test_another_method_or_address_is_refused(change):
    refused(replace(sign(), **change))


def test_the_same_path_at_another_server_is_refused():
    refused(replace(sign(), url="https://other.example/ocm/shares"))


@pytest.mark.parametrize("name", ["content-digest", "content-length", "date", "signature-input", "signature"])
def test_a_signed_header_may_not_be_missing_doubled_or_changed(name):
    request = sign()
    value = request.headers.get(name)
    refused(without_header(request, name))
    refused(replace(request, headers=Headers([*request.headers, (name, value)])))
    position = len(value) // 2
    refused(with_header(request, name, value[:position] + chr(ord(value[position]) ^ 1) + value[position + 1 :]))


def test_a_header_that_is_not_signed_may_change():
    check(with_header(sign(), "User-Agent", "proxy"))


@pytest.mark.parametrize("missing", rfc9421.REQUIRED)
def test_a_component_that_we_demand_may_not_be_missing(missing):
    refused(resigned([name for name in rfc9421.SIGNED if name != missing]))


def test_the_date_may_be_missing_as_in_opencloudmesh_go():
    check(resigned(rfc9421.REQUIRED, request=without_header(sign(), "date")))


def test_more_components_in_another_order_are_fine():
    check(resigned(["content-type", "@authority", *reversed(rfc9421.SIGNED)]))


def test_a_component_with_a_parameter_is_not_the_one_that_we_demand():
    with_parameter = [f'"{name}"' for name in rfc9421.SIGNED]
    with_parameter[2] += ";sf"
    text = sign().headers.get("signature-input").replace('"content-digest"', '"content-digest";sf')
    assert ";sf" in text
    refused(with_header(sign(), "Signature-Input", text))


@pytest.mark.parametrize("age", [-signatures.MAX_SKEW, 0, signatures.MAX_AGE])
def test_within_the_window_a_signature_holds(age):
    check(sign(now=NOW - age))


@pytest.mark.parametrize("age", [-signatures.MAX_SKEW - 1, -86_400, signatures.MAX_AGE + 1, 86_400, NOW])
def test_outside_the_window_it_does_not(age):
    refused(sign(now=NOW - age))


def test_expires_is_honoured():
    check(resigned(expires=NOW))
    refused(resigned(expires=NOW - 1))
    refused(resigned(expires=NOW), now=NOW + 1)


@pytest.mark.parametrize(
    "parameters",
    [
        {"created": None},
        {"keyid": None},
        {"created": True},
        {"created": "1795476604"},
        {"created": -1},
        {"expires": "later"},
        {"expires": True},
        {"keyid": b"sender.example#key1"},
        {"keyid": "key1"},
        {"alg": 1},
        {"nonce": 1},
    ],
    ids=str,
)
def test_parameters_that_are_missing_or_of_another_kind_are_refused(parameters):
    refused(resigned(**parameters))


@pytest.mark.parametrize(
    "alg", ["rsa-v1_5-sha256", "ecdsa-p256-sha256", "rsa-sha256", "hmac-sha256", "none", "EdDSA", ""]
)
def test_an_alg_that_is_not_the_key_s_is_refused(alg):
    refused(resigned(alg=alg))


def test_without_alg_an_rsa_key_that_allows_two_is_ambiguous():
    key = SigningKey(KID, "rsa-v1_5-sha256", rsa.generate_private_key(65537, 2048))
    request = resigned(key=key, alg=None)
    check(request, [key.public])
    refused(request, [from_pem(KID, key.public_pem())])
    check(resigned(key=key, alg="rsa-v1_5-sha256"), [from_pem(KID, key.public_pem())])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f"created={NOW}", f"created={NOW + 1}"),
        ('alg="ed25519";', ""),
        ('tag="ocm"', 'tag="ocm";nonce="a"'),
        (' "date"', ""),
        ('"@method" "@target-uri"', '"@target-uri" "@method"'),
    ],
)
def test_parameters_are_signed_too(old, new):
    text = sign().headers.get("signature-input")
    assert old in text
    refused(with_header(sign(), "Signature-Input", text.replace(old, new)))


def test_white_space_that_structured_fields_allow_changes_nothing():
    text = sign().headers.get("signature-input").replace('"@method" ', '  "@method"   ')
    check(with_header(sign(), "Signature-Input", text))


@pytest.mark.parametrize(
    "digests",
    [
        "sha-512=:{good512}:",
        "sha-256=:{good256}:, sha-512=:{good512}:",
        "md5=:AAAA:, sha-256=:{good256}:",
        "unixsum=1, sha-256=:{good256}:;a=b",
    ],
)
def test_every_digest_that_is_understood_must_match_and_does(digests):
    check(resigned(request=with_header(sign(), "Content-Digest", digests.format(**GOOD_DIGESTS))))


@pytest.mark.parametrize(
    "digests",
    [
        "sha-256=:{good256}:, sha-512=:AAAA:",
        "sha-256=:AAAA:, sha-512=:{good512}:",
        "sha-256=:{good256}:, sha-256=:{good256}:",
        "md5=:AAAA:",
        "sha-256=({good512})",
        'sha-256="{good256}"',
        "sha-256",
        "SHA-256={good256}",
        "sha-256=:{good512}:",
        "",
    ],
)
def test_a_digest_that_does_not_match_is_refused_beside_any_other(digests):
    refused(resigned(request=with_header(sign(), "Content-Digest", digests.format(**GOOD_DIGESTS))))


GOOD_DIGESTS = {
    f"good{name}": base64.b64encode(rfc9421._DIGESTS[f"sha-{name}"](SHARE.body)).decode() for name in (256, 512)
}


@pytest.mark.parametrize("length", ["0", "38", "+39", "39, 39", "٣٩", "0x27", "", "9" * 5000, "-39"])
def test_a_length_that_is_not_the_body_s_is_refused(length):
    assert len(SHARE.body) == 39
    request = Request(SHARE.method, SHARE.url, sign().headers, SHARE.body)
    headers = Headers([*without_header(request, "content-length").headers, ("content-length", length)])
    refused(replace(request, headers=headers))


# Whatever arrives


WORDS = 'ocm sig1 @method "@target-uri" ("@method") created= ;created=1 keyid= tag= "sender.example#key1" AAAA 1 ?1 @1'
PIECES = st.sampled_from([*WORDS.split(), *'=()";,:%-.\\ \t\n\u00e9'])
HEADER = st.text() | st.lists(PIECES).map("".join)


@given(HEADER, HEADER, HEADER, HEADER, HEADER)
@example("a=@99999999999999999", "", "", "", "")
@example('ocm=();created=1;keyid="a#b";x=@99999999999', "ocm=:AAAA:", "", "", "")
def test_any_headers_are_a_claim_nothing_or_refused(inputs, value, digest, length, date):
    headers = {"Signature-Input": inputs, "Signature": value, "Content-Digest": digest, "Content-Length": length}
    request = replace(SHARE, headers=Headers(headers | {"Date": date}))
    try:
        claim = signatures.read(request)
        if claim is not None:
            signatures.verify(request, claim, [replace(KEY.public, kid=claim.key_id)], claim.created)
    except SignatureError:
        return
    assert claim is None
