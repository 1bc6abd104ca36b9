"""How deployed clients come to what we share: every place, credential and oddity of PEERS 11.5."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha1
from itertools import product
from urllib.parse import urlencode

import pytest
from tests.journeys.foreign.conftest import OURS
from tests.peers.davclient import GO_PROPFIND
from tests.server.dav.multistatus import OC, OCM, OCS, D, read

from opencloudmesh.server import schema, shares

ROOT = "/dav/ocm/"
CHECKSUMS = (
    b'<d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop>'
    b"<d:getetag/><oc:permissions/><oc:checksums/></d:prop></d:propfind>"
)


def padded(secret, colons=1):
    return "Basic " + b64encode((secret + ":" * colons).encode()).decode()


CREDENTIALS = {
    "basic": padded,
    "basic, padded by two": lambda secret: padded(secret, 2),
    "basic, padded by three": lambda secret: padded(secret, 3),
    "basic, padded by four": lambda secret: padded(secret, 4),
    "basic, some password": lambda secret: "Basic " + b64encode(f"{secret}:anything".encode()).decode(),
    "bearer": lambda secret: f"Bearer {secret}",
    "bearer, in small letters": lambda secret: f"bearer {secret}",
    "token": lambda token: f"Bearer {token}",
    "token, in small letters": lambda token: f"bearer {token}",
}
EVERY_KIND = ("basic", "bearer", "token")
FILE_PLACES = ("", "{id}", "{id}/", "{id}/.", "{id}/note.txt", "{id}/./note.txt", "note.txt")
FOLDER_PLACES = ("", "{id}", "{id}/", "{id}/.")
CHILD_PLACES = ("a%20b.txt", "{id}/a%20b.txt", "{id}/./a%20b.txt", "./a%20b.txt")


def pairs(*of):
    return list(product(*of))


@dataclass
class Share:
    """A share of ours, and somebody who comes with its secret."""

    cloud: object
    id: str
    secret: str
    token: str = ""

    async def ask(self, method, place="", body=b"", *, credential="bearer", **fields):
        shown = self.secret
        if credential.startswith("token"):
            shown = self.token = self.token or await self.exchange()
        headers = {"Authorization": CREDENTIALS[credential](shown)}
        headers |= {name.replace("_", "-"): value for name, value in fields.items()}
        return await self.cloud.request(method, ROOT + place.replace("{id}", self.id), headers, body)

    async def exchange(self):
        """A token of the code flow, asked for without a signature as CERNBox (Reva) does."""
        form = urlencode({"grant_type": "authorization_code", "code": self.secret, "client_id": "idp.example"})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await self.cloud.request("POST", "/ocm/token", headers, form.encode())
        assert answer.status == 200, answer
        return json.loads(answer.body)["access_token"]

    async def etag(self, place=""):
        told = read(await self.ask("PROPFIND", place, Depth="0"))
        (properties,) = told.values()
        return properties[f"{D}getetag"].text


async def shared(cloud, path, permissions=("read", "write")):
    body = {"path": path, "shareWith": "alice@localhost:1", "permissions": list(permissions)}
    made = await cloud.api("POST", "shares", body, who=OURS, status=201)
    return Share(cloud, made["id"], cloud.rows(shares.get, made["id"]).secret)


@pytest.fixture
async def file(cloud):
    cloud.put(OURS, "note.txt", b"radium")
    return await shared(cloud, "note.txt")


@pytest.fixture
async def folder(cloud):
    cloud.put(OURS, "work/a b.txt", b"a")
    cloud.put(OURS, "work/deep/er/c.txt", b"c")
    cloud.put(OURS, "private.txt", b"private")
    return await shared(cloud, "work")


@pytest.mark.parametrize(("credential", "place"), pairs(CREDENTIALS, FILE_PLACES))
async def test_a_file_is_where_any_client_looks_for_it(file, credential, place):
    got = await file.ask("GET", place, credential=credential)
    assert (got.status, got.body) == (200, b"radium")
    for depth in ({}, {"Depth": "0"}, {"Depth": "1"}):
        (properties,) = read(await file.ask("PROPFIND", place, credential=credential, **depth)).values()
        assert list(properties[f"{D}resourcetype"].element) == []
    assert (await file.ask("PUT", place, b"polonium", credential=credential, Lock_Token="<>")).status == 204
    assert file.cloud.file(OURS, "note.txt").read_bytes() == b"polonium"


@pytest.mark.parametrize(("credential", "place"), pairs(CREDENTIALS, FOLDER_PLACES))
async def test_a_folder_is_where_any_client_looks_for_it_and_comes_first_in_its_listing(folder, credential, place):
    answer = await folder.ask("PROPFIND", place, credential=credential, Depth="1")
    assert (answer.status, answer.headers.get("content-type")) == (207, "application/xml; charset=utf-8")
    prefix = ROOT + (folder.id + "/" if place else "")
    assert list(read(answer)) == [prefix, prefix + "a%20b.txt", prefix + "deep/"]


@pytest.mark.parametrize(("credential", "place"), pairs(EVERY_KIND, CHILD_PLACES))
async def test_what_is_in_a_folder_is_below_every_place_of_it(folder, credential, place):
    assert (await folder.ask("GET", place, credential=credential)).body == b"a"
    part = await folder.ask("GET", place, credential=credential, Range="bytes=0-0")
    assert (part.status, part.body) == (206, b"a")
    assert (await folder.ask("HEAD", place, credential=credential)).headers.get("content-length") == "1"
    assert (await folder.ask("PUT", place, b"new", credential=credential)).status == 204
    assert (await folder.ask("DELETE", place, credential=credential)).status == 204


@pytest.mark.parametrize("place", ["../private.txt", "{id}/../private.txt", "{id}/%2e%2e/private.txt", "private.txt"])
async def test_nothing_beside_a_folder_is_below_any_place_of_it(folder, place):
    answer = await folder.ask("GET", place)
    assert answer.status in (400, 401, 403, 404)
    assert answer.body != b"private"


@pytest.mark.parametrize("body", [b"", GO_PROPFIND, b'<propfind xmlns="DAV:"><allprop/></propfind>'])
async def test_all_properties_come_also_where_allprop_is_not_in_the_namespace(folder, body):
    told = read(await folder.ask("PROPFIND", "{id}/", body, Depth="1"))
    first, second, _ = told.values()
    assert [child.tag for child in first[f"{D}resourcetype"].element] == [f"{D}collection"]
    assert second[f"{D}getcontentlength"].text == "1"
    assert second[f"{D}getlastmodified"].text.endswith(" GMT")
    for properties in (first, second):
        assert 0 < len(properties[f"{D}getetag"].text.strip('"')) <= 40
        assert properties[f"{OCM}share-permissions"].text == '["read","write"]'
    assert first[f"{OCS}share-permissions"].text == "15"
    assert first[f"{OC}permissions"].text == "DNVCK"


async def test_a_missing_depth_lists_and_an_infinite_one_is_refused(folder):
    assert list(read(await folder.ask("PROPFIND"))) == list(read(await folder.ask("PROPFIND", Depth="1")))
    assert len(read(await folder.ask("PROPFIND", Depth="0"))) == 1
    assert (await folder.ask("PROPFIND", Depth="infinity")).status == 403


async def test_every_change_is_answered_with_the_exact_status(folder):
    to = f"{folder.cloud.url}{ROOT}{folder.id}/./deep/moved.txt"
    steps = [
        ("MKCOL", "{id}/new/", {}, 201),
        ("MKCOL", "{id}/new", {}, 405),
        ("MKCOL", "{id}/no/parent", {}, 409),
        ("PUT", "{id}/new/x.txt", {}, 201),
        ("PUT", "{id}/new/x.txt", {}, 204),
        ("PUT", "{id}/no/x.txt", {}, 409),
        ("MOVE", "{id}/./new/x.txt", {"Destination": to, "Overwrite": "F"}, 201),
        ("COPY", "{id}/a%20b.txt", {"Destination": to, "Overwrite": "F"}, 412),
        ("COPY", "{id}/a%20b.txt", {"Destination": to}, 204),
        ("DELETE", "{id}/new", {}, 204),
        ("DELETE", "{id}/new", {}, 404),
        ("GET", "{id}/deep/moved.txt", {}, 200),
        ("GET", "{id}/nothing", {}, 404),
        ("PROPFIND", "{id}/nothing", {}, 404),
        ("OPTIONS", "{id}", {}, 200),
    ]
    answered = [(await folder.ask(method, place, **fields)).status for method, place, fields, _ in steps]
    assert answered == [status for *_, status in steps]


async def test_a_lock_keeps_others_out(folder):
    lock = b'<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>'
    assert (await folder.cloud.dav("LOCK", OURS, "work/a%20b.txt", lock)).status == 200
    assert (await folder.ask("PUT", "{id}/a%20b.txt", b"x", Lock_Token="<>")).status == 423


async def test_what_may_only_be_read_is_not_changed(cloud, folder):
    cloud.put(OURS, "fixed/a.txt", b"a")
    fixed = await shared(cloud, "fixed", ("read",))
    to = f"{cloud.url}{ROOT}b.txt"
    for credential, (method, place, fields) in pairs(
        EVERY_KIND,
        [
            ("PUT", "a.txt", {}),
            ("PUT", "new.txt", {}),
            ("MKCOL", "new", {}),
            ("MOVE", "a.txt", {"Destination": to}),
            ("COPY", "a.txt", {"Destination": to}),
            ("DELETE", "a.txt", {}),
        ],
    ):
        assert (await fixed.ask(method, place, credential=credential, **fields)).status == 403
    told = read(await fixed.ask("PROPFIND", Depth="0"))[ROOT]
    assert (told[f"{OCS}share-permissions"].text, told[f"{OCM}share-permissions"].text) == ("1", '["read"]')


@pytest.mark.parametrize("change", ["PUT", "MKCOL", "DELETE"])
async def test_an_etag_that_changes_deep_below_changes_at_the_root(folder, change):
    before = [await folder.etag(place) for place in ("", "deep", "deep/er")]
    target = {"PUT": "deep/er/new.txt", "MKCOL": "deep/er/new", "DELETE": "deep/er/c.txt"}[change]
    assert (await folder.ask(change, target)).status in (201, 204)
    after = [await folder.etag(place) for place in ("", "deep", "deep/er")]
    assert all(one != other for one, other in zip(before, after, strict=True))
    assert await folder.etag("{id}/") == after[0]


async def test_what_the_owner_changes_is_seen_at_the_root_too(folder):
    before = await folder.etag()
    assert (await folder.cloud.dav("PUT", OURS, "work/deep/er/c.txt", b"changed")).status == 204
    assert await folder.etag() != before


@pytest.mark.parametrize(("credential", "place"), pairs(("basic", "bearer"), ("", "{id}/", "{id}/./a%20b.txt")))
@pytest.mark.parametrize("end", ["unshared", "deleted", "expired"])
async def test_the_root_says_404_once_a_share_has_ended(cloud, folder, end, credential, place):
    await end_share(cloud, folder, end)
    for method in ("PROPFIND", "GET", "PUT"):
        assert (await folder.ask(method, place, credential=credential)).status == 404


@pytest.mark.parametrize("place", ["", "{id}/", "{id}/./a%20b.txt"])
@pytest.mark.parametrize(("end", "status"), [("unshared", 401), ("deleted", 401), ("expired", 404)])
async def test_a_token_ends_with_its_share_wherever_it_is_shown(cloud, folder, end, status, place):
    assert (await folder.ask("PROPFIND", place, credential="token")).status == 207
    await end_share(cloud, folder, end)
    for method in ("PROPFIND", "GET", "PUT"):
        assert (await folder.ask(method, place, credential="token")).status == status


async def end_share(cloud, folder, end):
    if end == "unshared":
        await cloud.api("DELETE", f"shares/{folder.id}", who=OURS, status=204)
    elif end == "deleted":
        assert (await cloud.dav("DELETE", OURS, "work")).status == 204
    else:
        cloud.context.database.write_now(
            lambda tx: tx.run(shares.shares.update().values(expiration=tx.now))  # the chores have not come by yet
        )


@pytest.mark.parametrize("place", FILE_PLACES)
async def test_where_tokens_are_demanded_the_secret_opens_no_place_and_a_token_every_one(cloud, file, place):
    cloud.context.database.write_now(lambda tx: shares.demand(tx, file.id, frozenset({"must-exchange-token"})))
    for credential in CREDENTIALS:
        by_token = credential.startswith("token")
        assert (await file.ask("GET", place, credential=credential)).status == (200 if by_token else 401)
        assert (await file.ask("PUT", place, b"new", credential=credential)).status == (204 if by_token else 401)


@pytest.mark.parametrize(("credential", "place"), pairs(EVERY_KIND, CHILD_PLACES))
async def test_what_is_over_the_quota_of_the_owner_is_507_and_leaves_nothing(cloud, folder, credential, place):
    cloud.context.database.write_now(lambda tx: tx.run(schema.accounts.update().values(quota=100)))
    await folder.ask("HEAD", credential=credential)  # a token is had before
    before, stored = disk(cloud), cloud.stored()
    new = place.replace("a%20b", "new")
    copied = {"Destination": f"{cloud.url}{ROOT}{folder.id}/copy.txt"}

    async def unannounced():
        for _ in range(4):
            yield b"x" * 50

    for body in (b"x" * 200, unannounced):
        for target in (place, new):
            answer = await folder.ask("PUT", target, body() if callable(body) else body, credential=credential)
            assert answer.status == 507
            assert (disk(cloud), cloud.stored()) == (before, stored)
    assert (await folder.ask("PUT", new, b"x" * 60, credential=credential)).status == 201
    before = disk(cloud)
    assert (await folder.ask("COPY", new, credential=credential, **copied)).status == 507
    assert (disk(cloud), cloud.stored()) == (before, stored)
    assert (await folder.ask("PUT", place, b"fits", credential=credential)).status == 204


def disk(cloud):
    """Every file below the data folder but those of the database, with its content; the empty folders too."""
    paths = [path for path in cloud.data.rglob("*") if not path.name.startswith("ocm.sqlite3")]
    return {path: path.read_bytes() if path.is_file() else None for path in paths}


@pytest.mark.parametrize(("credential", "place"), pairs(EVERY_KIND, (*CHILD_PLACES, "", "{id}/")))
async def test_a_client_that_asks_for_checksums_gets_the_true_one_or_is_told_that_there_is_none(
    folder, credential, place
):
    for depth in ("0", "1"):
        told = read(await folder.ask("PROPFIND", place, CHECKSUMS, credential=credential, Depth=depth))
        assert {properties[f"{D}getetag"].status for properties in told.values()} == {200}
        for href, properties in told.items():
            asked = properties[f"{OC}checksums"]
            right = asked.status == 200 and f"SHA1:{sha1(b'a').hexdigest()}" in "".join(asked.element.itertext())
            assert asked.status == 404 or (right and href.endswith("a%20b.txt"))


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", padded("wrong"), "Bearer", "Basic !", "Digest x"])
@pytest.mark.parametrize("place", ["", "{id}/"])
async def test_who_shows_no_secret_of_ours_gets_401_and_both_challenges_are_understood(folder, authorization, place):
    headers = {"Authorization": authorization} if authorization else {}
    answer = await folder.cloud.request("PROPFIND", ROOT + place.replace("{id}", folder.id), headers)
    assert answer.status == 401
    assert answer.headers.get("www-authenticate").startswith("Basic ")


async def test_the_id_of_another_share_opens_nothing(cloud, file, folder):
    assert (await file.ask("GET", f"{folder.id}/a%20b.txt")).status == 404
    assert (await folder.ask("GET", file.id)).status == 404


@pytest.mark.parametrize(("credential", "place"), pairs(EVERY_KIND, ("", "{id}/", "{id}/a%20b.txt")))
async def test_a_database_that_is_away_is_503_and_never_the_end_of_a_share(cloud, folder, credential, place):
    await folder.ask("HEAD", credential=credential)  # a token is had before
    cloud.context.database.close()
    for method in ("PROPFIND", "GET", "PUT"):
        answer = await folder.ask(method, place, credential=credential)
        assert answer.status == 503


@pytest.mark.parametrize("away", ["files", f"files/{OURS}", f"files/{OURS}/work"])
@pytest.mark.parametrize("place", ["", "{id}/", "{id}/a%20b.txt"])
async def test_files_that_are_away_are_503_and_never_the_end_of_a_share(cloud, folder, away, place):
    """A disk that is not mounted looks like an empty folder; the share goes on until its owner ends it."""
    there = cloud.data / away
    there.rename(cloud.data / "elsewhere")
    for method in ("PROPFIND", "GET"):
        assert (await folder.ask(method, place)).status == 503
    if there.exists():
        there.rmdir()
    (cloud.data / "elsewhere").rename(there)
    assert (await folder.ask("PROPFIND", place)).status == 207


async def test_a_file_that_is_away_is_503_too(cloud, file):
    cloud.file(OURS, "note.txt").rename(cloud.data / "elsewhere")
    for place in FILE_PLACES:
        assert (await file.ask("PROPFIND", place)).status == 503
