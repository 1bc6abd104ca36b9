"""The parts of a share besides WebDAV: which of them somebody here can use."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencloudmesh.protocol.fields import Fields
from opencloudmesh.protocol.protocols import Protocols, is_web_address

APP = {
    "uri": "https://app.example/open/1",
    "sharedSecret": "sesame",
    "targets": ["blank", "iframe"],
    "permissions": ["view"],
    "requirements": ["must-exchange-token"],
    "appName": "Editor",
    "mediaTypes": ["text/plain"],
}


def read(**parts):
    fields = Fields({"name": "multi", **parts})
    protocols = Protocols.read(fields)
    assert not fields.errors
    return protocols


def test_a_web_application_of_1_4_is_opened_with_a_token():
    assert read(webapp=APP).others() == {
        "webapp": {
            "uri": "https://app.example/open/1",
            "secret": "sesame",
            "permissions": ["view"],
            "requirements": ["must-exchange-token"],
            "name": "Editor",
        }
    }


@pytest.mark.parametrize(
    ("template", "uri"),
    [
        ("https://app.example/x/{relative-path-to-shared-resource}", "https://app.example/x/"),  # OpenCloud and oCIS
        ("https://app.example/x?path=", "https://app.example/x?path="),
    ],
)
def test_one_of_before_is_a_link(template, uri):
    part = read(webapp={"uriTemplate": template, "viewMode": "read", "sharedSecret": "s"}).others()["webapp"]
    assert (part["uri"], part["secret"]) == (uri, "")


@pytest.mark.parametrize(
    "change",
    [
        {"requirements": []},
        {"targets": ["iframe"]},
        {"targets": []},
        {"sharedSecret": ""},
        {"uri": "http://app.example/"},
        {"uri": "javascript:alert(1)"},
        {"uri": "data:text/html,x"},
        {"uri": "https://user@app.example/"},
        {"uri": "https://app.example/{other}"},
        {"uri": "/relative"},
        {"uri": "https:///x"},
        {"uri": "https://app.example; script-src *"},
        {"uri": "https://app.example/a b"},
        {"uri": "https://app.example:0/"},
        {"uri": "https://[::1/"},
    ],
)
def test_what_cannot_be_opened_safely_is_not_used(change):
    assert read(webapp=APP | change).others(plain_http=False) == {}


def test_plain_http_is_for_testing():
    assert is_web_address("http://localhost:1/x", plain_http=True)
    assert not is_web_address("http://localhost:1/x")


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_none(text):
    for uri in (text, f"https://a.example/{text}", f"https://{text}/"):
        if is_web_address(uri):
            assert uri.lower().startswith("https://")
            assert not set(uri) & set(" ;\"'<>\\\n\r") - {";"}


def test_an_old_transfer_is_read_over_webdav():
    access = read(datatx={"srcUri": "https://a.example/dav/x", "sharedSecret": "s", "size": 5}).access
    assert (access.uri, access.shared_secret, access.permissions, access.size) == (
        "https://a.example/dav/x",
        "s",
        frozenset({"read"}),
        5,
    )


def test_ssh_is_used_where_its_address_is_safe():
    assert read(ssh={"uri": "u@cloud.example:22/a"}).others() == {"ssh": {"uri": "u@cloud.example:22/a"}}
    assert read(ssh={"uri": "u@cloud.example:22/$(id)"}).others() == {}


def test_unknown_protocols_are_kept_by_name():
    protocols = read(webdav={"uri": "x", "sharedSecret": "s"}, talk={"room": 1}, **{"x-y": {}})
    assert protocols.names == ("webdav", "talk", "x-y")
    assert protocols.others() == {}
    assert json.dumps(protocols.names)
