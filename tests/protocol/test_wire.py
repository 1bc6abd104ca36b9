"""Header fields, and the one way JSON is read."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencloudmesh.protocol.errors import Invalid
from opencloudmesh.protocol.wire import MAX_JSON_DEPTH, Headers, Request, decode_json, decode_object, encode_json


def nested(depth, opening, closing, inner=b"1"):
    return opening * depth + inner + closing * depth


def test_headers_have_names_without_case():
    headers = Headers({"Content-Type": "text/plain", "X-Empty": ""})
    assert headers.get("content-type") == headers.get("CONTENT-TYPE") == "text/plain"
    assert "cOnTeNt-TyPe" in headers
    assert headers.get("x-empty") == ""
    assert "x-empty" in headers
    assert headers.get("absent") is None
    assert "absent" not in headers
    assert 1 not in headers


def test_a_repeated_header_is_one_list_in_its_order():
    headers = Headers([("Accept", " a "), ("Other", "x"), ("accept", "b,c")])
    assert headers.get("Accept") == "a, b,c"
    assert headers.all("ACCEPT") == ["a", "b,c"]
    assert headers.all("absent") == []
    assert list(headers) == [("accept", "a"), ("other", "x"), ("accept", "b,c")]


def test_or_replaces_every_field_of_the_name_and_leaves_the_original():
    headers = Headers([("A", "1"), ("B", "2"), ("a", "3")])
    assert headers | {"A": "4", "C": "5"} == Headers([("b", "2"), ("a", "4"), ("c", "5")])
    assert headers.get("a") == "1, 3"


def test_headers_are_values_whose_repr_tells_no_secret():
    headers = Headers({"Authorization": "Bearer s3cr3t"})
    assert headers == Headers([("authorization", "Bearer s3cr3t")])
    assert hash(headers) == hash(Headers([("authorization", "Bearer s3cr3t")]))
    assert headers != Headers() != {}
    assert repr(headers) == "Headers(['authorization'])"


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://Cloud.Example/ocm", "cloud.example"),
        ("https://cloud.example:8443/ocm?a@b", "cloud.example:8443"),
        ("https://user:password@cloud.example/", "cloud.example"),
        ("http://[::1]:80", "[::1]:80"),
    ],
)
def test_the_authority_of_a_request_is_its_host_and_port(url, authority):
    assert Request("GET", url).authority == authority


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"{}", {}),
        (b' {"a": [1, 2.5, true, null, "\\u00e9\\ud83d\\ude00"]} \n', {"a": [1, 2.5, True, None, "é😀"]}),
        (b"[]", []),
        (b'"x"', "x"),
        (b"0", 0),
        (b'{"a": 1, "a": 2}', {"a": 2}),
    ],
)
def test_json_is_read(body, value):
    assert decode_json(body) == value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{} {}",
        b"{'a': 1}",
        b'{"a": 1,}',
        b"NaN",
        b"Infinity",
        b"1e999",
        b"1" * 5000,
        b'"a\nb"',
        b"<html>",
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        b'"\xff"',
        b'"\xed\xa0\x80"',  # a surrogate in UTF-8
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'{"\\ud800": 1}',
        nested(100_000, b"[", b"]"),
        nested(100_000, b'{"a":', b"}"),
    ],
    ids=lambda body: repr(body[:12]),
)
def test_what_is_no_json_is_invalid(body):
    with pytest.raises(Invalid):
        decode_json(body)


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")])
def test_json_is_read_to_a_depth_and_no_further(opening, closing):
    levels = MAX_JSON_DEPTH // len(closing)
    decode_json(nested(levels, opening, closing))
    with pytest.raises(Invalid, match="nested"):
        decode_json(nested(levels + 1, opening, closing))


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"a"', b"true", b"[{}]", b""])
def test_only_an_object_is_a_message(body):
    with pytest.raises(Invalid):
        decode_object(body)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
)
def test_what_we_encode_is_json_and_read_again_as_the_same(value):
    body = encode_json(value)
    assert json.loads(body) == decode_json(body) == value
