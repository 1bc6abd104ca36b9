"""What real servers said to one another, read to the right values. A new recording has to be added to the tables."""

import json
from collections import defaultdict
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.dialects import dialect_of
from opencloudmesh.protocol.discovery import Discovery
from opencloudmesh.protocol.errors import BadAnswer
from opencloudmesh.protocol.invites import Identity, InviteAccepted
from opencloudmesh.protocol.keys import from_pem, host_of
from opencloudmesh.protocol.notifications import TYPES, Notification
from opencloudmesh.protocol.obligations import signature_family
from opencloudmesh.protocol.protocols import WebDav
from opencloudmesh.protocol.shares import NewShare, ShareAnswer
from opencloudmesh.protocol.tokens import TokenRequest, TokenResponse
from opencloudmesh.protocol.wire import Headers

# By kind of message: the name of the recording, request and response.
MESSAGES = defaultdict(list)
KINDS = {"shares", "notifications", "invite-accepted", "token"}
DISCOVERY = ("/.well-known/ocm", "/ocm-provider", "/ocm-provider/")

for path in sorted((Path(__file__).parents[1] / "vectors" / "recorded").glob("*.json")):
    for exchange in json.loads(path.read_text())["exchanges"]:
        target, method = exchange["request"]["target"], exchange["request"]["method"]
        kind = target.rpartition("/")[2]
        if method == "POST" and kind in KINDS:
            MESSAGES[kind].append((path.stem, exchange["request"], exchange["response"]))
        elif target.endswith(DISCOVERY):
            MESSAGES["discovery"].append((path.stem, exchange["request"], exchange["response"]))


def body_of(message):
    return (message["body"] or "").encode()


def host_and_document(request, response):
    return Headers(map(tuple, request["headers"])).get("host"), body_of(response)


DOCUMENTS = sorted(
    {
        host_and_document(request, response)
        for _, request, response in MESSAGES["discovery"]
        if response["status"] == 200
    }
)
NO_DOCUMENTS = sorted(
    {
        host_and_document(request, response)
        for _, request, response in MESSAGES["discovery"]
        if response["status"] != 200
    }
)

# Host: family, version, paths of the endpoint and of WebDAV, kind of signature, capabilities.
PEERS = {
    "localhost:8410": (
        "owncloud", "1.0-proposal1", "/index.php/apps/federatedfilesharing", "/public.php/webdav/", None, "",
    ),
    "localhost:8428": ("nextcloud", "1.0-proposal1", "/index.php/ocm", "/public.php/webdav/", None, ""),
    "localhost:8430": ("nextcloud", "1.0-proposal1", "/index.php/ocm", "/public.php/webdav/", None, ""),
    "localhost:8432": (
        "nextcloud", "1.1.0", "/index.php/ocm", "/public.php/webdav/", "cavage", "invites notifications shares",
    ),
    "localhost:8433": (
        "nextcloud", "1.1.0", "/index.php/ocm", "/public.php/webdav/", "cavage", "invites notifications shares",
    ),
    "localhost:8534": (
        "nextcloud", "1.1.0", "/index.php/ocm", "/public.php/webdav/", "cavage", "invites notifications shares",
    ),
    "localhost:10443": ("opencloud", "1.1.0", "/ocm", "/dav/ocm/", None, "invites"),
    "localhost:7601": (
        "opencloudmesh-go", "1.4.0", "/ocm", "/webdav/ocm/", "rfc9421", "exchange-token http-sig invites notifications",
    ),
    "localhost:7602": (
        "opencloudmesh-go", "1.4.0", "/ocm", "/webdav/ocm/", "rfc9421", "exchange-token http-sig invites notifications",
    ),
    # The recorders: of no family; the last one wrote the document of opencloudmesh-go.
    "localhost:7443": ("ocm-1.0", "1.2.0", "/ocm", "/dav/ocm/", None, "notifications"),
    "localhost:7543": ("ocm-1.0", "1.2.0", "/ocm", "/dav/ocm/", "cavage", "notifications"),
    "localhost:7743": (
        "opencloudmesh-go", "1.4.0", "/ocm", "/dav/ocm/", "rfc9421", "exchange-token http-sig invites notifications",
    ),
}  # fmt: skip


def test_every_server_that_was_recorded_is_in_the_table():
    assert {host for host, _ in DOCUMENTS} == PEERS.keys()
    assert len(DOCUMENTS) == len(PEERS)


@pytest.mark.parametrize(("host", "body"), DOCUMENTS, ids=[host for host, _ in DOCUMENTS])
def test_a_recorded_discovery_document_is_read_and_tells_the_family(host, body):
    base_url = f"https://{host}"
    peer = Discovery.parse(body, base_url)
    family, version, end_point, webdav, signature, capabilities = PEERS[host]
    assert peer.enabled
    assert dialect_of(peer).family == family
    assert (peer.api_version, peer.end_point, peer.webdav_url) == (version, base_url + end_point, base_url + webdav)
    assert peer.capabilities == set(capabilities.split())
    assert peer.resource("file").share_types == ({"user", "group"} if family == "nextcloud" else {"user"})
    assert peer.resource("folder") is None
    assert signature_family(peer) == signature
    assert (peer.public_key is not None) == (signature == "cavage")
    if peer.public_key:
        key = from_pem(peer.public_key.key_id, peer.public_key.pem)
        assert host_of(key.kid) == host
        assert "rsa-sha512" in key.algorithms


@pytest.mark.parametrize("host", ["localhost:7601", "localhost:7602"])
def test_opencloudmesh_go_says_what_it_demands_and_where(host):
    peer = Discovery.parse(dict(DOCUMENTS)[host], f"https://{host}")
    assert peer.criteria == {"must-use-http-sig", "must-exchange-token", "must-invite"}
    assert peer.token_end_point == f"https://{host}/ocm/token"
    assert peer.key_set_url == f"https://{host}/ocm/jwks"


@pytest.mark.parametrize(("host", "body"), NO_DOCUMENTS, ids=[f"{host}-{body[:9]}" for host, body in NO_DOCUMENTS])
def test_a_recorded_error_is_no_server_that_takes_part(host, body):
    try:
        assert not Discovery.parse(body, f"https://{host}").enabled
    except BadAnswer:
        assert not body.startswith(b"{")


ALAN = "YjFmNzRlYzQtZGQ3ZS0xMWVmLWE1NDMtMDM3NzU3MzRkMGY3QGh0dHBzOi8vbG9jYWxob3N0Ojk0NDM="
MARY = "MDU2ZmM4NzQtZGQ3Zi0xMWVmLWJhODQtYWY2ZmNhNGI3Mjg5QGh0dHBzOi8vbG9jYWxob3N0OjEwNDQz"
ADMIN = "MDFhMjBhYmUtYmFhMC03MzRiLTkxZjItMjM5ZmNjNDEwN2Y4QGxvY2FsaG9zdDo3NjAx"

# To whom, from whom, name, provider id, secret; and the name in the answer.
SHARES = {
    "nextcloud-30.0.1-to-nextcloud-28.0.2": (
        "bob@localhost:8428", "alice@localhost:8430", "f-m84308428.txt", "3", "RBPScBxNmEWvL1c", "Bob nc28a",
    ),
    "nextcloud-30.0.1-to-owncloud-10.11.0": (
        "bob@localhost:8410", "alice@localhost:8430", "f-p84308410.txt", "5", "R3JTc5SQKerxJje", "",
    ),
    "nextcloud-34.0.1-to-nextcloud-28.0.2": (
        "bob@localhost:8428", "alice@localhost:8434", "f-m84348428.txt", "9", "rfWu6jzXYUCbdqS", "Bob nc28a",
    ),
    "nextcloud-34.0.1-to-nextcloud-30.0.1": (
        "bob@localhost:8430", "alice@localhost:8434", "f-m84348430.txt", "7", "lGDn6tdM1twFZvI", "Bob nc30a",
    ),
    "nextcloud-34.0.1-to-nextcloud-32.0.2": (
        "bob@localhost:8432", "alice@localhost:8434", "f-m84348432.txt", "5", "NEpfgkSqtipvMVo", "Bob nc32a",
    ),
    "nextcloud-34.0.1-to-nextcloud-33.0.3": (
        "bob@localhost:8433", "alice@localhost:8434", "f-m84348433.txt", "3", "VDd4ENNOWzpzVoU", "Bob nc33a",
    ),
    "nextcloud-34.0.1-to-nextcloud-34.0.1": (
        "bob@localhost:8534", "alice@localhost:8434", "f-n1.txt", "1", "tD55yi6kzQwcBor", "Bob nc34b",
    ),
    "nextcloud-34.0.1-to-opencloud-2025.02": (
        "mary@localhost:10443", "alice@localhost:8434", "z.txt", "11", "yF4dQbZtepOO4Pb", "",
    ),
    "nextcloud-34.0.1-to-opencloudmesh-go-2026.08": (
        "admin@localhost:7601", "alice@localhost:8434", "z.txt", "21", "kE57TxwmZsDvtgK", "",
    ),
    "nextcloud-34.0.1-to-owncloud-10.11.0": (
        "bob@localhost:8410", "alice@localhost:8534", "f-p85348410.txt", "1", "ZQi9eTAzwEDa0Ak", "",
    ),
    "nextcloud-34.0.1-to-recorder-rfc9421": (
        "erna2@localhost:7743", "alice@localhost:8534", "f-p85348410.txt", "9", "LzqbEO7NVsbp9yB", "Bob Third",
    ),
    "nextcloud-34.0.1-to-recorder-unsigned": (
        "bob@localhost:7443", "alice@localhost:8434", "z.txt", "13", "d8i7fOPPmbwsuaQ", "Bob Third",
    ),
    "opencloud-2025.02-to-opencloud-2025.02": (
        "056fc874-dd7f-11ef-ba84-af6fca4b7289@localhost:10443", f"{ALAN}@localhost:9443", "hello.txt",
        "fc0b32a3-d4dd-4cdd-a8c8-0ca50be4ef8e", "bDOrBSpFDIACMwEvvwjMKDwxEcxBDPfU", "",
    ),
    "opencloud-2025.02-to-recorder-unsigned": (
        "bob@localhost:7443", f"{ALAN}@localhost:9443", "shared",
        "e61cb23a-3f86-4b29-ad8c-7d78d6beead6", "BPmNCBIJaZLKWfalRTPTQSlKbjMiTZSG", "Bob Third",
    ),
    "opencloudmesh-go-2026.08-to-opencloudmesh-go-2026.08": (
        "admin@localhost:7602", f"{ADMIN}@localhost:7601", "hello.txt",
        "01a20abf-1563-79f8-9988-5f25d092c54a", "ML0dVUMMraIl-02fW0Y3uhtdFlkR66oc2571VSb4u8o=", "Super Administrator",
    ),
    "opencloudmesh-go-2026.08-to-recorder-rfc9421": (
        "bob@localhost:7743", f"{ADMIN}@localhost:7601", "hello.txt",
        "01a20ac1-a628-75ee-a47b-06d1485fd9a6", "um5lgI93KiPGdER7cUiKz6oJMMq0qk6HlAcE4vO4ThU=", "Bob Third",
    ),
    "owncloud-10.11.0-to-nextcloud-28.0.2": (
        "bob@localhost:8428", "alice@localhost:8410", "f-o84108428.txt", "3", "3R2Ue6K6FWYPyJS", "Bob nc28a",
    ),
    "owncloud-10.11.0-to-nextcloud-30.0.1": (
        "bob@localhost:8430", "alice@localhost:8410", "f-p84108430.txt", "7", "L9G5CISAI6UxnHR", "Bob nc30a",
    ),
    "owncloud-10.11.0-to-nextcloud-34.0.1": (
        "bob@localhost:8534", "alice@localhost:8410", "f-p84108534.txt", "5", "HHvGsAkxIwgjzy9", "Bob nc34b",
    ),
    "owncloud-10.11.0-to-recorder-unsigned": (
        "bob@localhost:7443", "alice@localhost:8410", "z.txt", "9", "maNLKU6aMgDpLUj", "Bob Third",
    ),
}  # fmt: skip

READ, READ_WRITE = frozenset({"read"}), frozenset({"read", "write"})
# Where they say more than the secret: where it is, what may be done, and what that takes.
ACCESS = {
    "opencloud-2025.02-to-opencloud-2025.02": (
        "https://localhost:9443/dav/ocm/fc0b32a3-d4dd-4cdd-a8c8-0ca50be4ef8e", READ_WRITE, frozenset(),
    ),
    "opencloud-2025.02-to-recorder-unsigned": (
        "https://localhost:9443/dav/ocm/e61cb23a-3f86-4b29-ad8c-7d78d6beead6", READ_WRITE, frozenset(),
    ),
    "opencloudmesh-go-2026.08-to-opencloudmesh-go-2026.08": (
        "01a20abf-1563-79fa-beb9-1491b180c02b", READ, frozenset({"must-exchange-token"}),
    ),
    "opencloudmesh-go-2026.08-to-recorder-rfc9421": (
        "01a20ac1-a628-75ef-8d06-2b6ce69e9c07", READ, frozenset({"must-exchange-token"}),
    ),
}  # fmt: skip
DISPLAY_NAMES = {"nextcloud": ("alice", "alice"), "owncloud": ("alice", "alice"), "opencloud": ("", "Alan Turing")}


def by_name(kind):
    return {name: (request, response) for name, request, response in MESSAGES[kind]}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_one_message_of_a_kind_was_kept_of_each_recording(kind):
    assert len(by_name(kind)) == len(MESSAGES[kind])


def test_every_message_that_was_recorded_is_in_the_tables():
    assert by_name("shares").keys() == SHARES.keys()
    assert by_name("notifications").keys() == NOTIFICATIONS.keys()
    assert by_name("invite-accepted").keys() == INVITES.keys()
    assert by_name("token").keys() == TOKENS.keys()


@pytest.mark.parametrize("name", SHARES)
def test_a_recorded_share_is_read(name):
    request, response = by_name("shares")[name]
    share = NewShare.parse(body_of(request))
    share_with, owner, resource, provider_id, secret, answer = SHARES[name]
    uri, permissions, requirements = ACCESS.get(name, ("", READ, frozenset()))
    assert share.share_with == Address.parse(share_with)
    assert share.owner == share.sender == Address.parse(owner)
    assert (share.name, share.provider_id, share.share_type) == (resource, provider_id, "user")
    assert share.resource_type == ("folder" if resource == "shared" else "file")
    assert share.protocols.webdav == WebDav(uri, secret, permissions, requirements)
    assert share.protocols.names == ("webdav",)
    names = (share.owner_display_name, share.sender_display_name)
    assert names == DISPLAY_NAMES.get(name.partition("-")[0], ("", ""))
    assert share.expiration == (1830211200 if name == "opencloud-2025.02-to-opencloud-2025.02" else None)
    assert ShareAnswer.parse(body_of(response)) == ShareAnswer(answer)


# Type, provider id and secret.
NOTIFICATIONS = {
    "nextcloud-28.0.2-to-owncloud-10.11.0": ("SHARE_ACCEPTED", "3", "3R2Ue6K6FWYPyJS"),
    "nextcloud-34.0.1-to-nextcloud-28.0.2": ("SHARE_ACCEPTED", "1", "KlYOcgNXp7MbjzD"),
    "nextcloud-34.0.1-to-nextcloud-30.0.1": ("SHARE_ACCEPTED", "1", "bBDmBJDiWJiYF1U"),
    "nextcloud-34.0.1-to-nextcloud-32.0.2": ("SHARE_ACCEPTED", "1", "MyMWiwxhBYpM2KV"),
    "nextcloud-34.0.1-to-nextcloud-33.0.3": ("SHARE_ACCEPTED", "1", "HK1SAmUF8H9l5D9"),
    "nextcloud-34.0.1-to-nextcloud-34.0.1": ("SHARE_UNSHARED", "2", "sY37rPMUx0TtQkM"),
    "nextcloud-34.0.1-to-owncloud-10.11.0": ("SHARE_ACCEPTED", "5", "HHvGsAkxIwgjzy9"),
    "nextcloud-34.0.1-to-recorder-cavage": ("SHARE_ACCEPTED", "75189", "s3cr3t"),
    "nextcloud-34.0.1-to-recorder-unsigned": ("SHARE_ACCEPTED", "p34", "s3cr3t"),
    "opencloudmesh-go-2026.08-to-opencloudmesh-go-2026.08": (
        "SHARE_ACCEPTED", "01a20abf-1563-79f8-9988-5f25d092c54a", "",
    ),
    "opencloudmesh-go-2026.08-to-recorder-rfc9421": ("SHARE_ACCEPTED", "76782", ""),
    "owncloud-10.11.0-to-nextcloud-30.0.1": ("SHARE_ACCEPTED", "5", "R3JTc5SQKerxJje"),
    "owncloud-10.11.0-to-nextcloud-34.0.1": ("SHARE_ACCEPTED", "1", "ZQi9eTAzwEDa0Ak"),
}  # fmt: skip


@pytest.mark.parametrize("name", NOTIFICATIONS)
def test_a_recorded_notification_is_read(name):
    request, _ = by_name("notifications")[name]
    notice = Notification.parse(body_of(request))
    assert (notice.type, notice.provider_id, notice.shared_secret) == NOTIFICATIONS[name]
    assert notice.type in TYPES
    assert notice.resource_type == "file"


GO = "MDFhMjBhYmUtYmE4Ni03MjQyLTlmZjctZjNkNzY1ZTg3Y2NiQGxvY2FsaG9zdDo3NjAy"
INVITES = {
    "opencloud-2025.02-to-opencloud-2025.02": (
        InviteAccepted(
            "localhost:10443", "6b2e167f-f564-442c-8aac-d5ef6875a2cb", MARY, "mary@example.org", "Mary Kenneth Keller"
        ),
        Identity(ALAN, "alan@example.org", "Alan Turing"),
    ),
    "opencloud-2025.02-to-recorder-unsigned": (
        InviteAccepted("localhost:9443", "thirdtoken1", ALAN, "alan@example.org", "Alan Turing"),
        Identity("bob", "bob@third", "Bob Third"),
    ),
    "opencloudmesh-go-2026.08-to-opencloudmesh-go-2026.08": (
        InviteAccepted(
            "localhost:7602",
            "872e6d780eed11c6d1ae4101f1618d463682285f89a45ae25349bbd8c3177f0d",
            GO,
            "",
            "Super Administrator",
        ),
        Identity(ADMIN, "", "Super Administrator"),
    ),
}


@pytest.mark.parametrize("name", INVITES)
def test_a_recorded_acceptance_of_an_invite_and_its_answer_are_read(name):
    request, response = by_name("invite-accepted")[name]
    assert InviteAccepted.read(json.loads(body_of(request))) == INVITES[name][0]
    assert Identity.parse(body_of(response)) == INVITES[name][1]


TOKENS = {
    "opencloudmesh-go-2026.08-to-opencloudmesh-go-2026.08": (
        TokenRequest("ML0dVUMMraIl-02fW0Y3uhtdFlkR66oc2571VSb4u8o=", "localhost:7602"),
        TokenResponse("eac60d04b857bfec38c121afcf5e3c7efb289d3babadc2e9de7975491b3fdff2", 3600),
    ),
    "opencloudmesh-go-2026.08-to-recorder-rfc9421": (TokenRequest("s", "localhost:7601"), TokenResponse("at1", 3600)),
}


@pytest.mark.parametrize("name", TOKENS)
def test_a_recorded_exchange_of_a_token_is_read(name):
    request, response = by_name("token")[name]
    asked = TokenRequest.read(dict(parse_qsl(request["body"], strict_parsing=True)))
    assert asked == TOKENS[name][0]
    assert dict(parse_qsl(request["body"])) == asked.form()
    assert TokenResponse.parse(body_of(response)) == TOKENS[name][1]
