"""Odd requests to every route: path tricks, credentials that are missing or wrong, methods and paths that do not exist.

Security rules held here: what a client calls a name never becomes a path unchecked (CVE-2026-23989); guessing is
limited in this process and cannot be off (CVE-2021-32703, -32705, -32741, CVE-2021-41177), and one client cannot lock
out a whole university.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.mesh import Clock, Server, basic, serve

from opencloudmesh.protocol.wire import Response
from opencloudmesh.server import accounts
from opencloudmesh.server import shares as gestures
from opencloudmesh.server.limits import FAILURES_FOR_NAME
from opencloudmesh.server.web import api, dav
from opencloudmesh.server.web.ocm import MESSAGES

ID = "0" * 24
HERS = b"radium"
OPERATIONS = [(method, path.replace("{id}", ID)) for path, methods in api.OPERATIONS.items() for method in methods]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def cloud(tmp_path: Path, new_sqlite_url: Any, clock: Clock) -> AsyncIterator[Server]:
    async with serve(tmp_path / "cloud", database_url=new_sqlite_url(), clock=clock) as server:
        for who in ("einstein", "marie"):
            server.add(who)
        server.put("einstein", "work/note.txt", b"e = mc2")
        server.put("einstein", "private.txt", b"violin")
        server.put("marie", "secret.txt", HERS)
        yield server


@pytest.fixture
async def secret(cloud: Server) -> str:
    """What opens einstein's folder to somebody elsewhere."""
    wanted = {"path": "work", "shareWith": "lise@there.example", "permissions": ["read", "write"]}
    share = await cloud.api("POST", "shares", wanted, who="einstein", status=201)
    return str(cloud.rows(gestures.get, share["id"]).secret)


def told(answer: Response) -> str:
    """The sentence of an error in JSON."""
    assert answer.headers.get("content-type") == "application/json"
    return str(json.loads(answer.body)["message"])


def outside(cloud: Server, inside: str) -> dict[str, bytes]:
    """All files of everybody but those below a place."""
    root = cloud.data / "files"
    found = {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if not name.startswith(inside)}


# --- path tricks

TRICKS = [
    "..",
    "../marie/secret.txt",
    "../../marie/secret.txt",
    "%2e%2e/marie/secret.txt",
    "%2e%2e/%2e%2e/marie/secret.txt",
    "..%2fmarie%2fsecret.txt",
    "..%2f..%2fmarie%2fsecret.txt",
    "..%2fprivate.txt",
    "%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "%252e%252e%252fmarie%252fsecret.txt",
    "%c0%ae%c0%ae/marie/secret.txt",
    "..%5c..%5cmarie%5csecret.txt",
    "..;/marie/secret.txt",
    "./../marie/secret.txt",
    "x/../../marie/secret.txt",
    "//marie/secret.txt",
    "/etc/passwd",
    "a%00b",
    "..%00/marie/secret.txt",
    "%ff",
    "%",
    "%zz",
    "a" * 300,
    "%C3%A9" * 200,
    "a/" * 3000,
]
DAV_BASES = ["/dav/files/einstein/", "/dav/ocm/", "/dav/ocm/{share}/"]
OTHER_BASES = ["/dav/files/", "/dav/", "/api/v1/", "/api/v1/shares/", "/api/v1/received/", "/ocm/", "/ocm-provider/",
               "/.well-known/", "/health/"]  # fmt: skip


@pytest.mark.parametrize("base", DAV_BASES)
@pytest.mark.parametrize("method", ["GET", "PROPFIND", "PUT", "MKCOL", "DELETE", "PROPPATCH", "LOCK"])
async def test_no_path_leads_out_of_a_tree(cloud: Server, secret: str, base: str, method: str) -> None:
    """CVE-2026-23989: every path is resolved under the root that the credential opens."""
    own = base.startswith("/dav/files")
    place = "einstein/" if own else "einstein/work/"
    share = cloud.rows(gestures.listing, "einstein")[0].id
    before = outside(cloud, place)
    headers = {"Authorization": basic("einstein") if own else f"Bearer {secret}", "Depth": "1"}
    body = b"x" if method == "PUT" else None
    for trick in TRICKS:
        answer = await cloud.request(method, base.format(share=share) + trick, headers, body)
        assert answer.status < 500, (trick, answer)
        assert HERS not in answer.body, trick
        assert b"secret.txt</" not in answer.body, trick
        assert (b"violin" in answer.body) <= own, trick
        assert b"root:" not in answer.body, trick
    assert outside(cloud, place) == before


@pytest.mark.parametrize("verb", ["MOVE", "COPY"])
async def test_no_destination_leads_out_of_a_tree(cloud: Server, secret: str, verb: str) -> None:
    """CVE-2026-23989, for the other end of a move."""
    share = cloud.rows(gestures.listing, "einstein")[0].id
    before = outside(cloud, "einstein/work/")
    for trick in TRICKS:
        headers = {"Authorization": f"Bearer {secret}", "Destination": f"{cloud.url}/dav/ocm/{share}/{trick}"}
        cloud.put("einstein", "work/note.txt", b"e = mc2")
        answer = await cloud.request(verb, f"/dav/ocm/{share}/note.txt", headers)
        assert answer.status < 500, (trick, answer)
    for place in ("/dav/files/marie/x.txt", "/dav/files/einstein/x.txt", "/x.txt", "/dav/ocm/x/../../files/marie/x"):
        cloud.put("einstein", "work/note.txt", b"e = mc2")
        headers = {"Authorization": f"Bearer {secret}", "Destination": cloud.url + place}
        await cloud.request(verb, f"/dav/ocm/{share}/note.txt", headers)
    assert outside(cloud, "einstein/work/") == before


@pytest.mark.parametrize("base", OTHER_BASES)
async def test_path_tricks_find_nothing_on_other_routes(cloud: Server, base: str) -> None:
    before = cloud.stored()
    for trick in TRICKS:
        for method in ("GET", "POST", "DELETE"):
            answer = await cloud.request(method, base + trick, {"Authorization": basic("einstein")})
            assert answer.status in (400, 403, 404, 405, 415), (method, trick, answer)
            assert told(answer)
    assert cloud.stored() == before


# --- credentials

NO_CREDENTIALS = {
    "nothing": None,
    "empty": "",
    "wrong password": basic("einstein", "wrong"),
    "no password": basic("einstein", ""),
    "nobody": basic("nobody"),
    "other case": basic("Einstein"),
    "NUL": basic("einstein\0"),
    "NUL behind the password": basic("einstein", "relativity\0"),
    "no colon": "Basic " + b64encode(b"einstein").decode(),
    "no base64": "Basic einstein:relativity",
    "Latin-1": "Basic " + b64encode("einstein:relativität".encode("latin-1")).decode(),
    "raw bytes": "Basic \xff\xfe",
    "two": f"{basic('einstein')}, {basic('einstein')}",
    "Digest": 'Digest username="einstein"',
    "Bearer of a password": "Bearer relativity",
    "long": "Basic " + b64encode(b"einstein:" + b"x" * 20_000).decode(),
}


@pytest.mark.parametrize("value", NO_CREDENTIALS.values(), ids=NO_CREDENTIALS.keys())
async def test_nobody_gets_in_without_the_right_password(cloud: Server, value: str | None) -> None:
    headers = {} if value is None else {"Authorization": value}
    before = cloud.stored()
    for method, path in [("GET", "/api/v1/me"), ("POST", "/api/v1/shares"), ("PROPFIND", "/dav/files/einstein/"),
                         ("PUT", "/dav/files/einstein/new.txt"), ("GET", "/dav/ocm/")]:  # fmt: skip
        answer = await cloud.request(method, path, headers)
        assert answer.status == 401, (method, path)
        assert (answer.headers.get("www-authenticate") or "").startswith("Basic realm="), (method, path)
        assert told(answer)
    assert cloud.stored() == before
    assert not cloud.file("einstein", "new.txt").exists()


async def test_no_operation_of_the_api_is_open(cloud: Server) -> None:
    for method, path in OPERATIONS:
        answer = await cloud.request(method, f"/api/v1{path}", {"Content-Type": "application/json"}, b"{}")
        assert answer.status == 401, (method, path)
        assert answer.headers.get("www-authenticate")


async def test_no_method_of_webdav_is_open(cloud: Server) -> None:
    for method in dav.METHODS:
        for path in ("/dav/files", "/dav/files/einstein", "/dav/files/einstein/private.txt", "/dav/ocm", "/dav/ocm/x"):
            answer = await cloud.request(method, path)
            assert answer.status == 401, (method, path)
            assert answer.headers.get("www-authenticate")


async def test_an_answer_does_not_tell_whether_there_is_such_a_person(cloud: Server) -> None:
    """SECURITY, policy: error messages do not tell a stranger whether a user exists."""
    answers = [
        await cloud.request("PROPFIND", f"/dav/files/{who}/", {"Authorization": basic(who, "wrong")})
        for who in ("einstein", "nobody")
    ]
    assert len({(answer.status, answer.body) for answer in answers}) == 1


async def test_a_password_beyond_ascii_is_read_as_utf_8(cloud: Server) -> None:
    stored = accounts.hash_password("relativität")
    cloud.context.database.write_now(lambda tx: accounts.set_password(tx, "einstein", stored))
    right = await cloud.request("GET", "/api/v1/me", {"Authorization": basic("einstein", "relativität")})
    assert right.status == 200
    latin = "Basic " + b64encode("einstein:relativität".encode("latin-1")).decode()
    wrong = await cloud.request("GET", "/api/v1/me", {"Authorization": latin})
    assert wrong.status == 401
    assert 'charset="UTF-8"' in (wrong.headers.get("www-authenticate") or "")


async def test_the_tree_of_another_person_is_closed(cloud: Server) -> None:
    for method in dav.METHODS:
        for path in ("/dav/files/marie/", "/dav/files/marie", "/dav/files/marie/secret.txt", "/dav/files/nobody/",
                     "/dav/files/einstein%2f..%2fmarie/secret.txt", "/dav/files/"):  # fmt: skip
            answer = await cloud.request(method, path, {"Authorization": basic("einstein")})
            assert answer.status in (400, 403, 404), (method, path)
            assert HERS not in answer.body
    assert cloud.file("marie", "secret.txt").read_bytes() == HERS


async def test_no_move_ends_in_the_tree_of_another_person(cloud: Server) -> None:
    for method in ("MOVE", "COPY"):
        headers = {"Authorization": basic("einstein"), "Destination": f"{cloud.url}/dav/files/marie/gift.txt"}
        answer = await cloud.request(method, "/dav/files/einstein/private.txt", headers)
        assert answer.status in (403, 502)
    assert not cloud.file("marie", "gift.txt").exists()
    assert cloud.file("einstein", "private.txt").exists()


async def test_guessing_is_stopped_and_locks_out_nobody_else(cloud: Server, clock: Clock) -> None:
    """CVE-2021-32703, -32705, -32741, CVE-2021-41177; nextcloud/server#478: one client does not lock out the others."""
    for number in range(FAILURES_FOR_NAME):
        guess = await cloud.request("GET", "/api/v1/me", {"Authorization": basic("marie", f"guess {number}")})
        assert guess.status == 401
    for path in ("/api/v1/me", "/dav/files/marie/"):
        stopped = await cloud.request("GET", path, {"Authorization": basic("marie")})
        assert stopped.status == 429
        assert 0 < int(stopped.headers.get("retry-after") or 0) <= 61
    assert (await cloud.request("GET", "/api/v1/me", {"Authorization": basic("einstein")})).status == 200
    clock.ahead = 61
    assert (await cloud.request("GET", "/api/v1/me", {"Authorization": basic("marie")})).status == 200


async def test_guessing_does_not_lock_out_who_is_signed_in(cloud: Server) -> None:
    assert (await cloud.request("GET", "/api/v1/me", {"Authorization": basic("marie")})).status == 200
    for number in range(FAILURES_FOR_NAME + 1):
        await cloud.request("GET", "/api/v1/me", {"Authorization": basic("marie", f"guess {number}")})
    assert (await cloud.request("GET", "/api/v1/me", {"Authorization": basic("marie")})).status == 200


async def test_guessing_the_secret_of_a_share_is_stopped(cloud: Server, secret: str) -> None:
    """CVE-2021-32703, -32705: the endpoints of secrets are limited too, for each beginning of a secret."""
    for number in range(FAILURES_FOR_NAME):
        guess = {"Authorization": f"Bearer guess-of-{number}"}
        assert (await cloud.request("PROPFIND", "/dav/ocm/", guess)).status == 401
    assert (await cloud.request("PROPFIND", "/dav/ocm/", {"Authorization": "Bearer guess-of-x"})).status == 429
    right = {"Authorization": f"Bearer {secret}", "Depth": "0"}
    assert (await cloud.request("PROPFIND", "/dav/ocm/", right)).status == 207


# --- methods and paths

DOCUMENTS = ("/.well-known/ocm", "/ocm-provider", "/ocm-provider/", "/.well-known/jwks.json", "/health",
             "/api/v1/openapi.json")  # fmt: skip


@pytest.mark.parametrize("path", DOCUMENTS)
async def test_documents_can_be_asked_for_their_head_alone(cloud: Server, path: str) -> None:
    head, whole = await cloud.request("HEAD", path), await cloud.request("GET", path)
    assert (head.status, head.body) == (200, b"")
    assert head.headers.get("content-length") == str(len(whole.body))


@pytest.mark.parametrize("method", ["PATCH", "OPTIONS", "PROPFIND", "TRACE", "X"])
async def test_a_method_that_is_not_there_is_refused_with_those_that_are(cloud: Server, method: str) -> None:
    for path in (*DOCUMENTS, "/api/v1/me", "/api/v1/shares", *MESSAGES):
        answer = await cloud.request(method, path, {"Authorization": basic("einstein")})
        assert answer.status == 405, path
        assert told(answer)
        assert set((answer.headers.get("allow") or "").split(", ")) & {"GET", "POST"}, path


async def test_messages_can_only_be_posted(cloud: Server) -> None:
    for path in MESSAGES:
        for method in ("GET", "HEAD", "PUT", "DELETE"):
            assert (await cloud.request(method, path)).status == 405, (method, path)


@pytest.mark.parametrize("path", ["/dav/files/einstein/", "/dav/ocm/"])
async def test_webdav_says_what_it_can(cloud: Server, secret: str, path: str) -> None:
    headers = {"Authorization": basic("einstein") if "files" in path else f"Bearer {secret}"}
    answer = await cloud.request("OPTIONS", path, headers)
    assert answer.status == 200
    assert "PROPFIND" in (answer.headers.get("allow") or "")
    assert (await cloud.request("PATCH", path, headers)).status == 405


UNKNOWN = [
    "/status.php",
    "/ocs-provider/",
    "/ocs/v2.php/cloud/shares",
    "/ocs/v2.php/apps/files_sharing/api/v1/shares?format=json",
    "/ocs/v1.php/cloud/capabilities",
    "/public.php/webdav/",
    "/remote.php/dav/",
    "/index.php/ocm/shares",
    "/ocm",
    "/ocm/",
    "/ocm/nothing",
    "/api/v1",
    "/api/v1/nothing",
    "/dav/nothing",
    "/wp-login.php",
    "/.env",
    "/.well-known/security.txt",
]


@pytest.mark.parametrize("method", ["GET", "POST", "PROPFIND"])
async def test_what_is_not_there_is_a_quiet_404(cloud: Server, method: str) -> None:
    """Neither Nextcloud's nor ownCloud's probes take us for one of their own, and none fills the log."""
    for path in UNKNOWN:
        answer = await cloud.request(method, path, body=b"x=1" if method == "POST" else None)
        assert answer.status == 404, path
        assert told(answer)
        assert answer.headers.get("www-authenticate") is None, path
    assert not [line for line in cloud.log if not line.startswith("DEBUG")]
