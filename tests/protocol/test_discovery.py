"""Discovery documents of all versions and dialects, and our own."""

import json

import pytest

from opencloudmesh.protocol.discovery import DEFAULT_WEBDAV, Discovery, Offer, PemKey, own_document
from opencloudmesh.protocol.errors import BadAnswer

BASE = "https://cloud.example"
MINIMAL = {"enabled": True, "apiVersion": "1.4.0", "endPoint": BASE + "/ocm", "resourceTypes": []}
FULL = {
    "enabled": True,
    "apiVersion": "1.4.0",
    "endPoint": BASE + "/ocm",
    "provider": "Cloud",
    "resourceTypes": [
        {
            "name": "file",
            "shareTypes": ["user", "group"],
            "protocols": {"webdav": "/dav/", "webdav-receive": {"uri": "absolute"}, "webapp": {}, "new": [1]},
        },
        {"name": "calendar", "protocols": {"caldav": "/caldav/"}},
    ],
    "capabilities": ["notifications", "http-sig", "unheard-of"],
    "criteria": ["must-use-http-sig"],
    "publicKey": {"keyId": BASE + "/ocm#signature", "publicKeyPem": "PEM"},
    "tokenEndPoint": BASE + "/ocm/token",
    "jwksUri": BASE + "/ocm/jwks",
    "inviteAcceptDialog": BASE + "/accept",
    "unheardOf": {"a": 1},
}


def read(base_url=BASE, **changes):
    return Discovery.read(MINIMAL | changes, base_url)


def with_webdav(value, **changes):
    return read(resourceTypes=[{"name": "file", "protocols": {"webdav": value}}], **changes)


def test_a_full_document_is_read():
    peer = Discovery.parse(json.dumps(FULL).encode(), BASE + "/")
    assert (peer.base_url, peer.enabled, peer.api_version, peer.provider) == (BASE, True, "1.4.0", "Cloud")
    assert peer.end_point == "https://cloud.example/ocm"
    assert peer.capabilities == {"notifications", "http-sig", "unheard-of"}
    assert peer.criteria == {"must-use-http-sig"}
    assert peer.public_key == PemKey("https://cloud.example/ocm#signature", "PEM")
    assert peer.token_end_point == "https://cloud.example/ocm/token"
    assert peer.key_set_url == peer.jwks_uri == "https://cloud.example/ocm/jwks"
    assert peer.invite_accept_dialog == "https://cloud.example/accept"
    assert peer.webdav_url == "https://cloud.example/dav/"
    assert [item.name for item in peer.resource_types] == ["file", "calendar"]
    assert peer.resource("file").share_types == {"user", "group"}
    assert peer.resource("calendar").share_types == {"user"}
    assert peer.resource("folder") is None


def test_what_is_not_understood_survives():
    peer = Discovery.read(FULL, BASE)
    assert peer.document["unheardOf"] == {"a": 1}
    assert peer.resource("file").protocols == FULL["resourceTypes"][0]["protocols"]


def test_the_least_that_is_a_document():
    peer = Discovery.read({"enabled": True, "endPoint": "/ocm"}, BASE)
    assert peer.end_point == "https://cloud.example/ocm"
    assert peer.resource_types == ()
    assert peer.capabilities == peer.criteria == frozenset()
    assert peer.public_key is peer.token_end_point is peer.jwks_uri is peer.invite_accept_dialog is None
    assert peer.key_set_url == "https://cloud.example/.well-known/jwks.json"
    assert peer.webdav_url == BASE + DEFAULT_WEBDAV


@pytest.mark.parametrize(
    "document", [{}, {"enabled": False, "endPoint": ""}, FULL | {"enabled": 1}, {"enabled": "true"}]
)
def test_only_true_is_enabled(document):
    assert Discovery.read(document, BASE).enabled is False


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"<html>", b'"enabled"', b"{"])
def test_what_is_no_object_is_a_bad_answer(body):
    with pytest.raises(BadAnswer, match="not valid JSON"):
        Discovery.parse(body, BASE)


@pytest.mark.parametrize(
    "end_point",
    [
        None,
        "",
        1,
        {},
        "ftp://cloud.example/ocm",
        "javascript:alert(1)",
        "https://user:password@cloud.example/ocm",
        "https://[::1/ocm",
        "https://cloud.example:port/ocm",
        "https://cloud.example:99999/ocm",
        "https://cloud.example:0/ocm",
        "http://cloud.example/ocm\r\nHost: other.example",
    ],
)
def test_an_enabled_server_without_an_endpoint_is_a_bad_answer(end_point):
    with pytest.raises(BadAnswer, match="no endpoint"):
        read(endPoint=end_point)
    assert read(endPoint=end_point, enabled=False).end_point == ""
    others = read(tokenEndPoint=end_point, jwksUri=end_point, inviteAcceptDialog=end_point)
    assert others.token_end_point is others.jwks_uri is others.invite_accept_dialog is None


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("https://cloud.example/ocm/", "https://cloud.example/ocm"),
        ("https://cloud.example/ocm-via-webdav//", "https://cloud.example/ocm-via-webdav"),
        ("/ocm", "https://cloud.example/ocm"),
        ("ocm", "https://cloud.example/ocm"),
        ("//other.example/ocm", "https://other.example/ocm"),
        ("http://cloud.example:8080/index.php/ocm", "http://cloud.example:8080/index.php/ocm"),
    ],
)
def test_an_endpoint_is_absolute_and_has_no_slash_behind(written, url):
    assert read(endPoint=written).end_point == url


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (["/notifications", "/invite-accepted", "/shares"], {"notifications", "invites", "shares"}),
        (["invite-accepted", "invites"], {"invites"}),
        (["/mfa-capable", "receive-code"], {"enforce-mfa", "exchange-token"}),
        (["mfa-capable", " HTTP-Sig ", "/protocol-object"], {"enforce-mfa", "http-sig", "protocol-object"}),
        (["notifications", 1, None, {}], {"notifications"}),
        ({"notifications": True}, set()),
        ("notifications", set()),
        (None, set()),
    ],
)
def test_capabilities_have_the_names_of_1_4(written, meant):
    assert read(capabilities=written).capabilities == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (["http-request-signatures"], {"must-use-http-sig"}),
        (["token-exchange"], {"must-exchange-token"}),
        (["code", "invite"], {"must-exchange-token", "must-invite"}),
        (["allowlist", "denylist", "must-invite"], {"allowlist", "denylist", "must-invite"}),
    ],
)
def test_criteria_have_the_names_of_1_4(written, meant):
    assert read(criteria=written).criteria == meant


def test_version_tells_the_truth_that_api_version_hides():
    assert read(apiVersion="1.0-proposal1", version="1.1.0").api_version == "1.1.0"
    assert read(apiVersion="1.0-proposal1", version="").api_version == "1.0-proposal1"
    assert read(apiVersion=1.1).api_version == ""


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ({"keyId": "k", "publicKeyPem": "PEM"}, PemKey("k", "PEM")),
        ({"id": "k", "publicKeyPem": "PEM"}, PemKey("k", "PEM")),
        ({"keyId": "k", "id": "other", "publicKeyPem": "PEM"}, PemKey("k", "PEM")),
        ("PEM", PemKey("https://cloud.example/ocm#signature", "PEM")),  # ocm-stub
        (None, None),
        ("", None),
        ([], None),
        ({}, None),
        ({"keyId": "k"}, None),
        ({"publicKeyPem": "PEM"}, None),
        ({"keyId": "", "publicKeyPem": "PEM"}, None),
        ({"keyId": 1, "publicKeyPem": "PEM"}, None),
        ({"keyId": "k", "publicKeyPem": ["PEM"]}, None),
    ],
)
def test_a_public_key_is_read_or_absent(written, key):
    assert read(publicKey=written).public_key == key


@pytest.mark.parametrize(
    "written",
    [
        {"resourceTypes": [{"name": "file", "shareTypes": ["user"], "protocols": {"webdav": "/dav"}}]},
        {"resourceTypes": {"name": "file", "shareTypes": ["user"], "protocols": {"webdav": "/dav"}}},  # Seafile
        {"resourceTypes": None, "shareTypes": [{"name": "file", "protocols": {"webdav": "/dav"}}]},  # ownCloud 10
        {"resourceTypes": [None, "file", {"name": 1}, {"name": "file", "protocols": {"webdav": "/dav"}}]},
        {"resourceTypes": [{"name": "file", "shareTypes": "user", "protocols": {"webdav": "/dav"}}]},
    ],
)
def test_resource_types_are_read_in_any_shape(written):
    peer = read(**written)
    assert [(item.name, item.share_types, item.protocols) for item in peer.resource_types] == [
        ("file", {"user"}, {"webdav": "/dav"})
    ]


@pytest.mark.parametrize("written", ["file", 1, [], [[]], [{"protocols": {}}]])
def test_what_are_no_resource_types_are_none(written):
    assert read(resourceTypes=written).resource_types == ()


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("/public.php/webdav/", "https://cloud.example/public.php/webdav/"),
        ("/remote.php/dav/ocm", "https://cloud.example/remote.php/dav/ocm/"),  # CERNBox
        ("seafdav", "https://cloud.example/seafdav/"),  # Seafile
        ("https://cloud.example/dav", "https://cloud.example/dav/"),
        ("https://CLOUD.example/dav", "https://CLOUD.example/dav/"),
        ("https://api.cloud.example/dav/", "https://api.cloud.example/dav/"),  # the host of the endpoint
        ("https://other.example/dav/", BASE + DEFAULT_WEBDAV),
        ("//other.example/dav/", BASE + DEFAULT_WEBDAV),
        ("https://cloud.example@other.example/dav/", BASE + DEFAULT_WEBDAV),
        ("https://cloud.example:8443/dav/", BASE + DEFAULT_WEBDAV),
        ("file:///etc", BASE + DEFAULT_WEBDAV),
        ("", BASE + DEFAULT_WEBDAV),
        ({}, BASE + DEFAULT_WEBDAV),
        (None, BASE + DEFAULT_WEBDAV),
    ],
)
def test_webdav_lies_on_the_peers_own_host(written, url):
    assert with_webdav(written, endPoint="https://api.cloud.example/ocm").webdav_url == url


def test_webdav_is_that_of_files_or_folders_and_of_nothing_else():
    other = {"name": "calendar", "protocols": {"webdav": "/calendars/"}}
    assert read(resourceTypes=[other]).webdav_url == BASE + DEFAULT_WEBDAV
    folder = {"name": "folder", "protocols": {"webdav": "/folders/"}}
    assert read(resourceTypes=[other, {"name": "file"}, folder]).webdav_url == BASE + "/folders/"


# Our own


OFFER = Offer(
    base_url=BASE,
    provider="Cloud",
    webdav_path="/dav/ocm/",
    capabilities=("http-sig", "invites", "protocol-object"),
    criteria=("must-invite",),
    public_key=PemKey(BASE + "/ocm#signature", "PEM"),
    invite_accept_dialog=BASE + "/accept",
    token_end_point=BASE + "/ocm/token",
)


def test_our_document_is_read_as_what_we_offer():
    peer = Discovery.parse(json.dumps(own_document(OFFER)).encode(), BASE)
    assert peer.enabled
    assert (peer.api_version, peer.provider, peer.end_point) == ("1.4.0", "Cloud", BASE + "/ocm")
    assert peer.capabilities == {"http-sig", "invites", "protocol-object", "webdav-uri"}
    assert peer.criteria == {"must-invite"}
    assert peer.public_key == OFFER.public_key
    assert peer.key_set_url == BASE + "/.well-known/jwks.json"
    assert peer.invite_accept_dialog == BASE + "/accept"
    assert peer.token_end_point == BASE + "/ocm/token"
    assert peer.webdav_url == BASE + "/dav/ocm/"


def test_our_document_suits_readers_of_every_age():
    document = own_document(OFFER, "1.0-proposal1")
    assert (document["apiVersion"], document["version"]) == ("1.0-proposal1", "1.4.0")
    assert [item["name"] for item in document["resourceTypes"]] == ["file", "folder"]  # Seafile reads the first
    assert {"invites", "invite-accepted"} <= set(document["capabilities"])
    assert document["publicKey"]["keyId"] == document["publicKey"]["id"] == BASE + "/ocm#signature"


def test_our_document_says_nothing_of_what_we_do_not_offer():
    document = own_document(Offer(BASE, "Cloud", "/dav/ocm/", ("notifications",)))
    assert not {"publicKey", "tokenEndPoint", "inviteAcceptDialog"} & document.keys()
    assert document["capabilities"] == ["notifications"]
    assert document["criteria"] == []  # opencloudmesh-go wants it always
    assert None not in document.values()
    # OpenCloud and oCIS read protocols of text only.
    assert all(item["protocols"] == {"webdav": "/dav/ocm/"} for item in document["resourceTypes"])


@pytest.mark.parametrize("role", ["absolute", "relative"])
def test_our_document_says_which_uri_we_take_where_that_is_set(role):
    document = own_document(Offer(BASE, "Cloud", "/dav/ocm/", (), webdav_receive=role))
    assert Discovery.read(document, BASE).resource("file").protocols["webdav-receive"] == {"uri": role}
