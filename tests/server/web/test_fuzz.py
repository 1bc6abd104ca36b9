"""Whatever is sent to the routes for peers and to the API: no failure of ours, and answers as they are described."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from tests.mesh import PASSWORD, Server, serve
from tests.security.senders import SECRET, Foreign, deliver, foreign, notice, offer
from tests.server.web.background import Background

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.wire import Request, Response
from opencloudmesh.server import app_passwords, invites, links, news, outbox, sessions, share_requests
from opencloudmesh.server.database import Tx
from opencloudmesh.server.web import openapi
from opencloudmesh.server.web.api import BASE, OPERATIONS
from opencloudmesh.server.web.ocm import MESSAGES
from opencloudmesh.server.web.operator import AREA

SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIALoKMbI+ZaUZvUDHL5R02P6uueJAD3ENXRjj4/PdsOm"
QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
BRIEF = settings(QUICK, max_examples=15, suppress_health_check=list(HealthCheck))
OURS = (501, 503)  # not spoken here, and a signer that cannot be reached: said on purpose


class Stage(NamedTuple):
    background: Background
    cloud: Server
    sender: Foreign
    token: str  # of an invite of einstein's

    def send(self, request: Request) -> Response:
        return self.background.run(deliver(self.cloud, request))


@asynccontextmanager
async def _staged(folder: Path) -> AsyncIterator[tuple[Server, Foreign, str]]:
    async with foreign() as sender, serve(folder) as cloud:
        cloud.add("einstein")
        cloud.put("einstein", "work/note.txt", b"e = mc2")
        invite = cloud.context.database.write_now(lambda tx: invites.create(tx, "einstein"))
        yield cloud, sender, invite.token


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One for all: what is stored on the way is part of the trouble. `serve` looks for errors in the log."""
    with Background() as background, background.open(_staged(tmp_path_factory.mktemp("fuzz") / "cloud")) as opened:
        yield Stage(background, *opened)


# --- messages of peers

texts = st.text(max_size=20)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | texts | st.sampled_from(["..", "a\0b", "x" * 300])
values = st.recursive(leaves, lambda below: st.lists(below, max_size=3) | st.dictionaries(texts, below, max_size=3))
FIELDS = (
    "shareWith", "name", "providerId", "owner", "sender", "shareType", "resourceType", "protocol", "expiration",
    "description", "ownerDisplayName", "senderDisplayName", "code", "recipientProvider", "token", "userID", "email",
    "grant_type", "client_id", "share",
    *notice(),
)  # fmt: skip
changes = st.dictionaries(st.sampled_from(FIELDS) | texts, values, max_size=4)
parts = st.dictionaries(
    st.sampled_from(["name", "options", "webdav", "webapp", "ssh", "datatx"]),
    values | st.dictionaries(st.sampled_from(["uri", "sharedSecret", "permissions", "requirements", "size"]), values),
    max_size=3,
)
header_text = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60)
HEADERS = ("Content-Type", "Date", "Digest", "Content-Digest", "Signature", "Signature-Input", "Accept",
           "Authorization", "X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "User-Agent")  # fmt: skip
odd_headers = st.dictionaries(st.sampled_from(HEADERS), header_text | st.sampled_from(
    ['ocm=();created=1;keyid="a#b"', "ocm=:AAAA:", 'keyId="a"', 'keyId="http://localhost:1/x",headers="date",signature=""',
     'sig=("@method");tag="ocm"', "application/x-www-form-urlencoded", "sha-256=:AAAA:"]), max_size=3)  # fmt: skip
paths = st.sampled_from([path.removeprefix("/ocm/") for path in MESSAGES])
ways = st.sampled_from(["rfc9421", "cavage", "unsigned"])


def good(stage: Stage, path: str) -> dict[str, Any]:
    """A message that would be taken, or nearly so."""
    messages: dict[str, dict[str, Any]] = {
        "shares": offer(stage.cloud, stage.sender, {}),
        "notifications": notice(),
        "invite-accepted": {"recipientProvider": stage.sender.host, "token": stage.token, "userID": "marie",
                            "email": "marie@cloud.example", "name": "Marie Curie"},
        "request-share": {"owner": stage.cloud.address("einstein"), "shareWith": f"marie@{stage.sender.host}",
                          "share": f"{stage.cloud.url}/files/work"},
        "token": {"grant_type": "authorization_code", "client_id": stage.sender.host, "code": SECRET},
    }  # fmt: skip
    return messages[path]


def answered(stage: Stage, path: str, body: bytes, way: str, headers: dict[str, str]) -> None:
    """The answer is no failure of ours, and what was refused has changed nothing."""
    before = stage.cloud.stored()
    if way == "unsigned":
        request = stage.sender.unsigned(stage.cloud, path, body)
    else:
        request = stage.sender.signed(stage.cloud, path, body, family=way)
    answer = stage.send(Request("POST", request.url, request.headers | headers, body))
    away = "Signature" in headers and answer.status in (502, 503)  # another signer, who cannot be asked
    assert answer.status < 500 or answer.status in OURS or away, answer
    assert answer.headers.get("content-type") == "application/json"
    said = json.loads(answer.body)
    assert isinstance(said, dict)
    assert answer.status < 400 or stage.cloud.stored() == before, answer
    if answer.status >= 400 and path != "token":
        assert isinstance(said["message"], str)
        assert {"message"} <= set(said) <= {"message", "validationErrors"}


@QUICK
@given(path=paths, body=st.binary(max_size=200), way=ways, headers=odd_headers)
def test_no_bytes_are_our_failure(stage: Stage, path: str, body: bytes, way: str, headers: dict[str, str]) -> None:
    answered(stage, path, body, way, headers)


@QUICK
@given(path=paths, changed=changes, protocol=st.none() | parts, way=ways, headers=st.just({}) | odd_headers)
def test_no_changed_message_is_our_failure(
    stage: Stage, path: str, changed: dict[str, Any], protocol: Any, way: str, headers: dict[str, str]
) -> None:
    body = {**good(stage, path), **({"protocol": protocol} if protocol is not None else {}), **changed}
    answered(stage, path, json.dumps(body).encode(), way, headers)


@QUICK
@given(path=paths, data=st.data(), way=ways)
def test_no_damaged_message_is_our_failure(stage: Stage, path: str, data: st.DataObject, way: str) -> None:
    whole = json.dumps(good(stage, path)).encode()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    answered(stage, path, whole[:start] + data.draw(st.binary(max_size=8)) + whole[end:], way, {})


@QUICK
@given(path=paths, headers=odd_headers, way=ways)
def test_no_header_field_is_our_failure(stage: Stage, path: str, headers: dict[str, str], way: str) -> None:
    answered(stage, path, json.dumps(good(stage, path)).encode(), way, headers)


# --- the API as it is described

NUMBERS = itertools.count(1)
ALL = [f"{method} {path}" for path, methods in OPERATIONS.items() for method in methods]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]
FRAMING = {"content-length", "transfer-encoding", "host", "connection"}  # of the HTTP library, which answers by itself
OUTWARD = {"POST /invites/accept"}  # asks any server that is named; tests/journeys/test_invites.py has it
HERE = sorted({f"{method} {path}" for path, methods in OPERATIONS.items() for method in methods} - OUTWARD)


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("operation", ALL)
def test_the_api_answers_as_described(stage: Stage, operation: str, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_dict(openapi.document(stage.cloud.url))
    method, _, path = operation.partition(" ")

    @BRIEF
    @given(schema[path][method].as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        case.headers = {name: value for name, value in (case.headers or {}).items() if name.lower() not in FRAMING}
        before, url = stage.cloud.stored(), stage.cloud.url + BASE
        answer = case.call_and_validate(base_url=url, auth=("einstein", PASSWORD), checks=CHECKS, timeout=20)
        assert answer.status_code < 400 or stage.cloud.stored() == before

    ask()


def new_id(stage: Stage, noun: str) -> str:
    """The id of something that einstein has not touched."""
    number = next(NUMBERS)
    somebody = f"pupil{number}@{stage.sender.host}"
    if noun == "received":
        body = json.dumps(offer(stage.cloud, stage.sender, {"providerId": f"new{number}"})).encode()
        known = ids(stage, noun)
        assert stage.send(stage.sender.signed(stage.cloud, "shares", body)).status == 201
        return (ids(stage, noun) - known).pop()
    if noun == "copies":
        share = new_id(stage, "received")
        stage.background.run(stage.cloud.api("POST", f"received/{share}/accept", who="einstein"))
        return str(stage.background.run(stage.cloud.api("POST", "copies", {"received": share}, who="einstein"))["id"])
    if noun == "trash":
        stage.cloud.put("einstein", f"gone{number}.txt", b"x")
        known = ids(stage, noun)
        stage.background.run(stage.cloud.dav("DELETE", "einstein", f"gone{number}.txt"))
        return (ids(stage, noun) - known).pop()
    if noun == "batches":
        circle = new_id(stage, "circles")
        member_of(stage, circle)
        body = {"path": "work", "circle": circle}
        batch = stage.background.run(stage.cloud.api("POST", "batches", body, who="einstein"))
        member_of(stage, circle)  # who is new in it
        return str(batch["id"])
    if noun in ("sessions", "app-passwords"):
        begin = sessions.begin if noun == "sessions" else partial(app_passwords.create, name=somebody, strong=False)
        known = ids(stage, noun)
        stage.background.run(stage.cloud.context.database.write(lambda tx: begin(tx, "einstein")))
        return (ids(stage, noun) - known).pop()
    if noun == "notifications":
        return stage.background.run(stage.cloud.context.database.write(lambda tx: told(tx, somebody)))
    if noun == "requests":
        return stage.background.run(stage.cloud.context.database.write(lambda tx: asked(tx, Address.parse(somebody))))
    wanted: dict[str, Any] = {
        "shares": {"path": "work", "shareWith": somebody},
        "links": {"path": "work"},
        "contacts": {"address": somebody},
        "invites": {},
        "circles": {"name": f"pupils {number}"},
        "ssh-keys": {"key": SSH_KEY},
        "asked": {"owner": somebody, "share": "x"},
    }[noun]
    made = str(stage.background.run(stage.cloud.api("POST", noun, wanted, who="einstein"))["id"])
    stage.background.run(stage.cloud.context.database.write(lambda tx: tried_in_vain(tx, made)))
    return made


def tried_in_vain(tx: Tx, subject: str) -> None:
    """What has to be told of it is late, if there is anything."""
    for row in outbox.everything(tx):
        if row.subject == subject:
            outbox.postpone(tx, row, "It was away.")


def ids(stage: Stage, noun: str) -> set[str]:
    """Of all that einstein has. What was made in one second has no order."""
    return {str(row["id"]) for row in stage.background.run(stage.cloud.api("GET", noun, who="einstein"))}


def member_of(stage: Stage, circle: str) -> str:
    """The id of a contact of einstein's, who is in the circle."""
    contact = new_id(stage, "contacts")
    stage.background.run(stage.cloud.api("PUT", f"circles/{circle}/members/{contact}", who="einstein"))
    return contact


def told(tx: Tx, who: str) -> str:
    """The id of something that einstein is told."""
    news.tell(tx, "einstein", news.CONTACT_ENDED, who=who)
    return str(news.listing(tx, "einstein")[0].id)


def asked(tx: Tx, address: Address) -> str:
    """The id of a request by a new link."""
    link = links.create(tx, "einstein", path="work", resource_type="folder")
    share_requests.ask(tx, link, address, own_host="here.example")
    return next(str(row.id) for row in share_requests.listing(tx, "einstein") if row.link == link.id)


# With a passkey, einstein's password would not open the API any more.
NOT_MADE = ("me", "settings", "peers", "passkeys")
SHOWN = [operation for operation in ALL if ("{id}" in operation or "GET" in operation) and AREA not in operation]


@pytest.mark.parametrize("operation", SHOWN)
def test_what_there_is_is_shown_as_described(stage: Stage, operation: str) -> None:
    """Those made up above find nothing by an id."""
    schema = schemathesis.openapi.from_dict(openapi.document(stage.cloud.url))
    method, _, path = operation.partition(" ")
    noun = path.split("/")[1]
    known = {"id": new_id(stage, noun)} if noun not in NOT_MADE else {}
    if "{contact}" in path:
        known["contact"] = member_of(stage, known["id"])
    changes = {"settings": {"mail": "none"}, "circles": {"name": "pupils"}}
    change = changes.get(noun, {"permissions": ["read", "write"]})
    said = {"body": change, "media_type": "application/json"} if method == "PATCH" else {}
    said |= {"query": {"address": "marie@localhost:9"}} if noun == "peers" else {}
    case = schema[path][method].Case(path_parameters=known if "{id}" in path else None, **said)
    url = stage.cloud.url + BASE
    answer = case.call_and_validate(base_url=url, auth=("einstein", PASSWORD), checks=CHECKS[:-1], timeout=20)
    assert answer.status_code in (200, 204)
    assert answer.status_code == 204 or answer.content not in (b"", b"{}")
