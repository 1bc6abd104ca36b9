"""What is signed by RFC 9421: the vectors of the RFC, and the second opinion of another implementation."""

import base64
import datetime
import json
from dataclasses import replace
from pathlib import Path

import http_message_signatures as second_opinion
import http_sf
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from http_message_signatures._components import _parse_component_ids
from http_message_signatures._messages import _HeaderFields
from hypothesis import given
from hypothesis import strategies as st

from opencloudmesh.protocol import signatures
from opencloudmesh.protocol.errors import SignatureError
from opencloudmesh.protocol.keys import SigningKey, from_pem, parse_jwks
from opencloudmesh.protocol.signatures import rfc9421
from opencloudmesh.protocol.signatures.rfc9421 import Component, signature_base
from opencloudmesh.protocol.wire import Headers, Request

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "rfc9421.json").read_text())
RFC_KEYS = {kid: from_pem(kid, pem) for kid, pem in VECTORS["pem"].items()}
RFC_KEYS |= {key.kid: key for key in parse_jwks(VECTORS["jwks"])}

NOW = 1_795_476_604
KID = "sender.example#key1"
KEY = SigningKey(KID, "ed25519", ed25519.Ed25519PrivateKey.generate())
SHARE = Request(
    "POST",
    "https://receiver.example/ocm/shares",
    Headers({"Host": "receiver.example", "Content-Type": "application/json"}),
    b'{"shareWith": "marie@receiver.example"}',
)


# The vectors of the RFC


def rfc_request(vector):
    described = vector["request"]
    return Request(
        described["method"],
        described["url"],
        Headers(
            [
                *map(tuple, described["headers"]),
                ("Signature-Input", vector["signature_input"]),
                ("Signature", vector["signature"]),
            ]
        ),
        described["body"].encode(),
    )


@pytest.mark.parametrize("vector", VECTORS["requests"], ids=lambda vector: vector["section"])
def test_the_rfc_s_signatures_verify_over_the_rfc_s_base(vector):
    request = rfc_request(vector)
    ((label, (components, parameters)),) = http_sf.parse(
        vector["signature_input"].encode(), tltype="dictionary"
    ).items()
    base = signature_base(request, [Component(name, tuple(p.items())) for name, p in components], parameters)
    assert base.decode() == vector["base"]
    value = base64.b64decode(vector["signature"].removeprefix(f"{label}=:").removesuffix(":"))
    key = RFC_KEYS[vector["key"]]
    key.verify(vector["algorithm"], value, base)
    for other in key.algorithms - {vector["algorithm"], "rsa-sha256"}:
        with pytest.raises(SignatureError):
            key.verify(other, value, base)


@pytest.mark.parametrize("vector", VECTORS["responses"], ids=lambda vector: vector["section"])
def test_the_rfc_s_signature_of_a_response_verifies(vector):
    value = base64.b64decode(vector["signature"])
    RFC_KEYS[vector["key"]].verify(vector["algorithm"], value, vector["base"].encode())


def test_our_ed25519_signature_is_the_rfc_s():
    (vector,) = [vector for vector in VECTORS["requests"] if vector["section"] == "B.2.6"]
    key = SigningKey.from_private_pem("test-key-ed25519", VECTORS["private_pem"]["test-key-ed25519"])
    value = base64.b64encode(key.sign(vector["base"].encode())).decode()
    assert f"sig-b26=:{value}:" == vector["signature"]


@pytest.mark.parametrize(("name", "value"), VECTORS["query_parameters"]["values"])
def test_query_parameters_are_those_of_the_rfc(name, value):
    request = Request("GET", VECTORS["query_parameters"]["url"])
    base = signature_base(request, [Component("@query-param", (("name", name),))], {})
    assert base.decode().splitlines()[0] == f'"@query-param";name="{name}": {value}'


@pytest.mark.parametrize(
    ("url", "name", "value"),
    [
        ("https://www.example.com/path?param=value", "@target-uri", "https://www.example.com/path?param=value"),
        ("https://www.example.com/path?a#fragment", "@target-uri", "https://www.example.com/path?a"),
        ("https://WWW.example.com:443/", "@authority", "www.example.com"),
        ("http://www.example.com:443/", "@authority", "www.example.com:443"),
        ("http://www.example.com:80/", "@authority", "www.example.com"),
        ("https://[2001:DB8::1]:8443/", "@authority", "[2001:db8::1]:8443"),
        ("HTTPS://www.example.com/", "@scheme", "https"),
        ("https://www.example.com/path?param=value", "@request-target", "/path?param=value"),
        ("https://www.example.com", "@request-target", "/"),
        ("https://www.example.com", "@path", "/"),
        ("https://www.example.com/a%20b", "@path", "/a%20b"),
        ("https://www.example.com/path?q=%20", "@query", "?q=%20"),
        ("https://www.example.com/path", "@query", "?"),
    ],
)
def test_derived_components_are_as_section_2_2_says(url, name, value):
    assert signature_base(Request("POST", url), [Component(name)], {}).decode().splitlines()[0] == f'"{name}": {value}'


@pytest.mark.parametrize(
    "component",
    [
        Component("@status"),
        Component("@signature-params"),
        Component("@unknown"),
        Component("@query-param"),
        Component("@query-param", (("name", "missing"),)),
        Component("@query-param", (("name", "twice"),)),
        Component("@query-param", (("name", "once"), ("req", True))),
        Component("x-absent"),
        Component("Host"),
        Component(""),
        Component("host", (("sf", True),)),
        Component("host", (("bs", True),)),
        Component("host", (("tr", True),)),
        Component("@method", (("req", True),)),
        Component("x-two-lines"),
        Component("x-not-ascii"),
        Component("x-control"),
    ],
)
def test_a_component_that_is_absent_ambiguous_or_not_supported_is_refused(component):
    headers = {"Host": "a", "X-Two-Lines": 'a\n"x": b', "X-Not-Ascii": "ü", "X-Control": "a\0b"}
    request = Request("POST", "https://a/?twice=1&twice=2&once=1", Headers(headers))
    with pytest.raises(SignatureError):
        signature_base(request, [component], {})


def test_a_component_covered_twice_is_refused():
    with pytest.raises(SignatureError):
        signature_base(SHARE, [Component("@method"), Component("host"), Component("@method")], {})


@given(st.text(), st.text(), st.sampled_from(sorted(rfc9421._DERIVED)))
def test_any_address_has_a_base_or_none(method, url, name):
    try:
        base = signature_base(Request(method, url), [Component(name)], {})
    except SignatureError:
        return
    assert base.count(b"\n") == 1


# A second opinion


class _Message:
    """A request as the other library wants it."""

    def __init__(self, request):
        self.method, self.url, self.headers = request.method, request.url, dict(request.headers)


class _Keys(second_opinion.HTTPSignatureKeyResolver):
    def resolve_public_key(self, key_id):
        assert key_id == KID
        return KEY.public.key

    def resolve_private_key(self, key_id):
        return KEY.private


def test_another_implementation_verifies_what_we_sign():
    verifier = second_opinion.HTTPMessageVerifier(
        signature_algorithm=second_opinion.algorithms.ED25519, key_resolver=_Keys()
    )
    now = int(datetime.datetime.now(datetime.UTC).timestamp())  # the other one looks at the clock
    message = _Message(signatures.sign(SHARE, KEY, now, "rfc9421", nonce="n"))
    (result,) = verifier.verify(message, max_age=datetime.timedelta(hours=1))
    assert list(result.covered_components)[:-1] == [f'"{name}"' for name in rfc9421.SIGNED]


def test_we_verify_what_another_implementation_signs():
    message = _Message(signatures.sign(SHARE, KEY, NOW, "rfc9421"))
    del message.headers["signature"], message.headers["signature-input"]
    second_opinion.HTTPMessageSigner(signature_algorithm=second_opinion.algorithms.ED25519, key_resolver=_Keys()).sign(
        message,
        key_id=KID,
        created=datetime.datetime.fromtimestamp(NOW, datetime.UTC),
        label="ocm",
        tag="ocm",
        covered_component_ids=["date", "content-type", "@authority", *rfc9421.REQUIRED],
        body=SHARE.body,
        use_existing_digest=True,
    )
    request = replace(SHARE, headers=Headers(message.headers))
    signatures.verify(request, signatures.read(request), [KEY.public], NOW)


SEGMENT = st.text(alphabet="abcXYZ0189-._~!$&'()*+,;=:@%", max_size=8).map(lambda text: text.replace("%", "%2F"))


@given(
    method=st.sampled_from(["GET", "POST", "PROPFIND"]),
    scheme=st.sampled_from(["https", "http"]),
    host=st.sampled_from(["a.example", "A.Example", "a.example:443", "a.example:80", "[::1]:8443", "127.0.0.1"]),
    path=st.lists(SEGMENT, max_size=3),
    query=st.none() | st.lists(st.tuples(SEGMENT, SEGMENT), max_size=3),
    fields=st.lists(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)), min_size=1, max_size=3),
    names=st.lists(
        st.sampled_from(
            ["@method", "@target-uri", "@authority", "@scheme", "@path", "@query", "@request-target", "x-a"]
        ),
        unique=True,
    ),
)
def test_another_implementation_builds_the_same_base(method, scheme, host, path, query, fields, names):
    url = f"{scheme}://{host}/" + "/".join(path)
    if query is not None:
        url += "?" + "&".join(f"{key}={value}" for key, value in query)
    request = Request(method, url, Headers([("X-A", value) for value in fields]))
    message = _Message(request)
    message.headers = _HeaderFields(lambda: [("X-A", value) for value in fields])
    parameters = {"created": NOW, "keyid": KID, "tag": "ocm"}
    handler = second_opinion.HTTPMessageSigner(signature_algorithm=second_opinion.algorithms.ED25519)
    theirs, _, _ = handler._build_signature_base(
        message, covered_component_ids=_parse_component_ids(names), signature_params=parameters
    )
    assert signature_base(request, map(Component, names), parameters).decode() == theirs
