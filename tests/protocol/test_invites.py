"""Invites in every form that people paste, and the messages that accept them."""

import base64
import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.discovery import Discovery
from opencloudmesh.protocol.errors import BadAnswer, Invalid
from opencloudmesh.protocol.invites import Identity, Invite, InviteAccepted, accept_page, checked, decode, encode, link

RECORDED = Path(__file__).parents[1] / "vectors" / "recorded"
TOKEN, HOST = "a55a966e-15c1-4cb9-a39d-4e4c54399baf", "cloud.example.org"
PAIR = f"{TOKEN}@{HOST}".encode()


def test_the_invite_string_is_base64url_without_padding():
    text = encode(TOKEN, HOST)
    assert text == base64.urlsafe_b64encode(PAIR).decode().rstrip("=")
    assert decode(text) == Invite(TOKEN, HOST)
    assert encode("??>>", "a") == "Pz8-PkBh"


@pytest.mark.parametrize(
    "text",
    [
        PAIR.decode(),
        base64.b64encode(PAIR).decode(),
        base64.b64encode(PAIR).decode().rstrip("="),
        base64.urlsafe_b64encode(PAIR).decode(),
        base64.b64encode(f"{TOKEN}@https://{HOST}/".encode()).decode(),
        "  " + base64.encodebytes(PAIR).decode(),
        f"{TOKEN}@https://{HOST}",
        f"{TOKEN}@Cloud.Example.ORG",
        f"https://{HOST}/wayf?token={TOKEN}",
        f"https://{HOST}/index.php/apps/contacts/wayf?token={TOKEN}#here",
        f"{HOST}/wayf?token={TOKEN}",
        f"https://mesh.example/wayf?token={TOKEN}&providerDomain={HOST}",
        f"https://mesh.example/wayf?x=1&providerDomain=https%3A%2F%2F{HOST}&token={TOKEN}",
        f"https://mesh.example/wayf?token={TOKEN}&provider={HOST}",
        f"https://mesh.example/wayf?token={TOKEN}&provider=other.example&providerDomain={HOST}\n",
    ],
)
def test_an_invite_is_read_in_any_form(text):
    assert decode(text) == (TOKEN, HOST)


@pytest.mark.parametrize("token", ["~~~???", "tök", "a@b"])
def test_both_alphabets_of_base64_are_read(token):
    pair = f"{token}@{HOST}".encode()
    assert decode(base64.b64encode(pair).decode()) == decode(base64.urlsafe_b64encode(pair).decode()) == (token, HOST)


def test_the_last_at_separates_the_host_and_a_port_belongs_to_it():
    assert decode("a@b@cloud.example:8443") == ("a@b", "cloud.example:8443")
    assert decode(encode("a@b", "[::1]:8443")) == ("a@b", "[::1]:8443")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "token",
        "@cloud.example",
        "token@",
        "token@cloud example",
        "my token@cloud.example",
        "tok\nen@cloud.example",
        "token@user:password@cloud.example:port",
        base64.b64encode(b"no at sign").decode(),
        base64.b64encode(b"\xff\xfe@cloud.example").decode(),
        base64.b64encode(b"to\0ken@cloud.example").decode(),
        "dG9rZW5A!",
        "https://cloud.example/wayf",
        "https://cloud.example/wayf?token=",
        "https://cloud.example/wayf?token=%00",
        "https://[/wayf?token=a",
        "https:///wayf?token=a",
        "https://cloud.example/wayf?token=a&providerDomain=b%20c",
        "a" * 300 + "@cloud.example",
        "a" * 5000,
    ],
)
def test_what_is_no_invite_is_refused(text):
    with pytest.raises(Invalid):
        decode(text)


@given(st.text(alphabet=st.characters()))
def test_any_text_is_an_invite_or_invalid(text):
    with contextlib.suppress(Invalid):
        token, host = decode(text)
        assert decode(encode(token, host)) == (token, host)


def test_a_link_carries_the_invite_to_a_page_that_has_a_query_or_none():
    invite = Invite("a+b", "cloud.example:8443")
    plain = link("https://peer.example/ui/accept-invite", invite)
    assert plain == "https://peer.example/ui/accept-invite?token=a%2Bb&providerDomain=cloud.example%3A8443"
    assert decode(plain) == decode(link("https://peer.example/?page=accept", invite)) == invite


ACCEPTED = {
    "recipientProvider": "receiver.example",
    "token": TOKEN,
    "userID": "marie",
    "email": "marie@example.org",
    "name": "Marie",
}


def test_an_acceptance_survives_the_wire_with_both_spellings_of_the_user():
    accepted = InviteAccepted.read(ACCEPTED)
    assert accepted == InviteAccepted("receiver.example", TOKEN, "marie", "marie@example.org", "Marie")
    assert accepted.encode() == ACCEPTED | {"userId": "marie"}
    assert InviteAccepted.read(accepted.encode()) == accepted
    assert accepted.address == Address("marie", "receiver.example")
    assert TOKEN not in repr(accepted)


@pytest.mark.parametrize(
    "change",
    [
        {"recipientProvider": "https://receiver.example/"},
        {"recipientProvider": "Receiver.Example:443"},
        {"userID": None, "userId": "marie"},
        {"unknown": {}},
    ],
    ids=str,
)
def test_an_acceptance_in_another_spelling_says_the_same(change):
    assert InviteAccepted.read(ACCEPTED | change) == InviteAccepted.read(ACCEPTED)


def test_email_and_name_may_be_empty_or_absent():
    without = {name: ACCEPTED[name] for name in ("recipientProvider", "token", "userID")}
    assert InviteAccepted.read(without) == InviteAccepted.read(ACCEPTED | {"email": "", "name": None})


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({}, {"recipientProvider": "REQUIRED", "token": "REQUIRED", "userID": "REQUIRED"}),
        (ACCEPTED | {"token": "", "userID": ""}, {"token": "REQUIRED", "userID": "REQUIRED"}),
        (ACCEPTED | {"token": 1, "userID": []}, {"token": "INVALID", "userID": "INVALID"}),
        (ACCEPTED | {"recipientProvider": "no host"}, {"recipientProvider": "INVALID"}),
        (ACCEPTED | {"recipientProvider": "user@host"}, {"recipientProvider": "INVALID"}),
        (ACCEPTED | {"email": {}, "name": "a\0b"}, {"email": "INVALID", "name": "INVALID"}),
        (ACCEPTED | {"userID": "a\nb"}, {"userID": "INVALID"}),
        (ACCEPTED | {"token": "a" * 300}, {"token": "TOO_LONG"}),
    ],
)
def test_every_wrong_field_of_an_acceptance_is_named(values, wrong):
    with pytest.raises(Invalid) as caught:
        InviteAccepted.read(values)
    assert dict(caught.value.fields) == wrong


def test_an_answer_says_who_had_sent_the_invite():
    identity = Identity("einstein", "albert@example.org", "Albert")
    assert identity.encode() == {
        "userID": "einstein",
        "userId": "einstein",
        "email": "albert@example.org",
        "name": "Albert",
    }
    assert Identity.parse(json.dumps(identity.encode()).encode()) == identity
    assert Identity.parse(b'{"userID": "einstein"}') == Identity("einstein")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"userID": ""}', b'{"userID": {}}', b'{"userID": "a", "name": 1}']
)
def test_an_answer_that_is_not_understood_is_a_bad_answer(body):
    with pytest.raises(BadAnswer):
        Identity.parse(body)


@pytest.mark.parametrize("peer", ["opencloud-2025.02", "opencloudmesh-go-2026.08"])
def test_recorded_acceptances_and_answers_are_read(peer):
    exchanges = json.loads((RECORDED / f"{peer}-to-{peer}.json").read_text())["exchanges"]
    (exchange,) = [item for item in exchanges if item["request"]["target"] == "/ocm/invite-accepted"]
    sent, answer = json.loads(exchange["request"]["body"]), json.loads(exchange["response"]["body"])
    accepted = InviteAccepted.read(sent)
    assert accepted.encode() == sent | {"userId": sent["userID"]}
    assert Identity.parse(exchange["response"]["body"].encode()).encode() == answer | {"userId": answer["userID"]}


def page_of(**values):
    document = {"enabled": True, "endPoint": "https://cloud.example/ocm", "capabilities": ["invites"]} | values
    return accept_page(Discovery.read(document, "https://cloud.example"))


@pytest.mark.parametrize(
    ("dialog", "page"),
    [
        ("https://cloud.example/accept", "https://cloud.example/accept"),
        ("/accept?lang=de", "https://cloud.example/accept?lang=de"),
        ("accept", "https://cloud.example/accept"),
    ],
)
def test_the_page_for_invites_lies_on_the_server(dialog, page):
    assert page_of(inviteAcceptDialog=dialog) == page
    assert page_of(inviteAcceptDialog=page.replace("cloud", "other"), endPoint="https://other.example/ocm") is not None


@pytest.mark.parametrize(
    "dialog",
    ["https://evil.example/", "//evil.example/", "https://cloud.example.evil.example/", "https://cloud.example:8443/",
     "http://cloud.example/accept", "https://cloud.example@evil.example/", "https://cloud.example\\@evil.example/",
     "https://evil.example\\.cloud.example/", "javascript:alert(1)", "https://cloud.example/a#b", "https://cloud.example/ä",
     "https://cloud.example/\r\nX: y", 7, [], ""],
)  # fmt: skip
def test_a_page_for_invites_elsewhere_is_none(dialog):
    assert page_of(inviteAcceptDialog=dialog) is None
    assert page_of(inviteAcceptDialog=dialog, provider="Nextcloud 34.0.1") is None


def test_nextcloud_has_a_page_for_invites_also_where_it_does_not_say_so():
    guessed = "https://cloud.example/index.php/apps/contacts/ocm/invite-accept-dialog"
    nextcloud = {"provider": "Nextcloud 34.0.1", "capabilities": ["/invite-accepted"]}
    assert page_of(**nextcloud) == page_of(**nextcloud, endPoint="https://cloud.example/index.php/ocm") == guessed
    assert page_of(**nextcloud, endPoint="https://cloud.example/nc/index.php/ocm") == guessed.replace(
        "/index", "/nc/index"
    )
    assert page_of(provider="Nextcloud 30.0.1", capabilities=[]) is None
    assert page_of() is None


@pytest.mark.parametrize(("token", "host"), [("", HOST), ("t", ""), ("t t", HOST), ("t\0", HOST), ("t" * 256, HOST)])
def test_two_parts_that_make_no_invite_are_refused(token, host):
    with pytest.raises(Invalid):
        checked(token, host)
