"""Requests for a share."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import Invalid
from opencloudmesh.protocol.share_requests import ShareRequest

REQUEST = {
    "owner": "einstein@cloud.example.org",
    "shareWith": "51dc30ddc473d43a6011e9ebba6ca770@cloud.example.com",
    "share": "https://cloud.example.org/files/data.txt",
}


def parse(values):
    return ShareRequest.parse(json.dumps(values).encode())


def test_a_request_for_a_share_survives_the_wire():
    request = parse(REQUEST)
    assert request.owner == Address("einstein", "cloud.example.org")
    assert request.share_with == Address("51dc30ddc473d43a6011e9ebba6ca770", "cloud.example.com")
    assert request.share == "https://cloud.example.org/files/data.txt"
    assert request.encode() == REQUEST


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({}, {"owner": "REQUIRED", "shareWith": "REQUIRED", "share": "REQUIRED"}),
        (REQUEST | {"owner": "einstein"}, {"owner": "INVALID"}),
        (REQUEST | {"owner": 1, "shareWith": None}, {"owner": "INVALID", "shareWith": "REQUIRED"}),
        (REQUEST | {"share": []}, {"share": "INVALID"}),
        (REQUEST | {"share": "a\r\nb"}, {"share": "INVALID"}),
        (REQUEST | {"share": "a" * 3000}, {"share": "TOO_LONG"}),
    ],
)
def test_every_wrong_field_is_named(values, wrong):
    with pytest.raises(Invalid) as caught:
        parse(values)
    assert dict(caught.value.fields) == wrong


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'{"a":' * 100 + b"1" + b"}" * 100])
def test_what_is_no_object_is_invalid(body):
    with pytest.raises(Invalid):
        ShareRequest.parse(body)


@given(st.dictionaries(st.sampled_from(sorted(REQUEST)), st.text() | st.integers() | st.none()))
def test_any_object_is_a_request_or_invalid(values):
    with contextlib.suppress(Invalid):
        request = parse(values)
        assert parse(request.encode()) == request
