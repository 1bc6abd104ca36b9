"""LOCK and UNLOCK over HTTP, and what a lock does to the other methods."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from tests.server.dav.multistatus import D, condition, one

from opencloudmesh.server.trees import READ

INFO = (
    '<lockinfo xmlns="DAV:"><lockscope><{scope}/></lockscope><locktype><write/></locktype>'
    "<owner>me &amp; <a:b xmlns:a='urn:a'>you</a:b></owner></lockinfo>"
)
EXCLUSIVE, SHARED = INFO.format(scope="exclusive").encode(), INFO.format(scope="shared").encode()


@pytest.fixture
async def ask(cloud):
    async def ask(method, path, body=b"", *, who="einstein", prefix="/dav/", **headers):
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return await cloud.request(method, path, fields, body, who=who, prefix=prefix)

    for folder in ("a", "a/b"):
        await ask("MKCOL", folder)
    await ask("PUT", "a/file", b"1")
    return ask


def token(answer) -> str:
    return answer.headers.get("lock-token")


async def exists(ask, path) -> bool:
    return (await ask("PROPFIND", path, Depth="0")).status == 207


async def test_a_lock_tells_all_about_itself(ask):
    answer = await ask("LOCK", "a/file", EXCLUSIVE, Timeout="Second-100, Infinite", Depth="0")
    assert answer.status == 200
    lock = ElementTree.fromstring(answer.body).find(f"{D}lockdiscovery/{D}activelock")
    assert lock is not None
    assert lock.find(f"{D}lockscope/{D}exclusive") is not None
    assert lock.find(f"{D}locktype/{D}write") is not None
    assert lock.findtext(f"{D}depth") == "0"
    assert lock.findtext(f"{D}timeout") in ("Second-100", "Second-99", "Second-98")
    assert lock.findtext(f"{D}lockroot/{D}href") == "/dav/a/file"
    assert f"<{lock.findtext(f'{D}locktoken/{D}href')}>" == token(answer)
    owner = lock.find(f"{D}owner")
    assert owner is not None
    assert (owner.text, owner.findtext("{urn:a}b")) == ("me & ", "you")
    told = one(await ask("PROPFIND", "a/file", Depth="0"))
    assert told[f"{D}lockdiscovery"].element.find(f"{D}activelock/{D}locktoken") is not None


CHANGES = [
    ("PUT", "a/file", b"2", {}),
    ("PUT", "a/new", b"2", {}),
    ("PROPPATCH", "a/file", b'<propertyupdate xmlns="DAV:"><set><prop><x/></prop></set></propertyupdate>', {}),
    ("DELETE", "a/file", b"", {}),
    ("DELETE", "a", b"", {}),
    ("MKCOL", "a/new", b"", {}),
    ("MOVE", "a/file", b"", {"Destination": "/dav/elsewhere"}),
    ("MOVE", "a", b"", {"Destination": "/dav/elsewhere"}),
    ("MOVE", "other", b"", {"Destination": "/dav/a/new"}),
    ("COPY", "other", b"", {"Destination": "/dav/a/file"}),
    ("COPY", "other", b"", {"Destination": "/dav/a"}),
    ("LOCK", "a/new", EXCLUSIVE, {}),
    ("LOCK", "a/file", SHARED, {}),
    ("LOCK", "a", SHARED, {}),
]


@pytest.mark.parametrize(("method", "path", "body", "headers"), CHANGES, ids=lambda value: str(value)[:12])
async def test_a_lock_of_another_person_refuses_every_change(ask, method, path, body, headers):
    await ask("PUT", "other", b"1")
    locked = await ask("LOCK", "a", EXCLUSIVE)
    before = (await ask("GET", "a/file")).headers.get("etag")
    for held in ({}, {"If": f"({token(locked)})" if path.startswith("a") else f"</dav/a> ({token(locked)})"}):
        answer = await ask(method, path, body, who="marie", **headers, **held)
        assert answer.status == 423
        assert condition(answer) in ("lock-token-submitted", "no-conflicting-lock")
        assert b"<d:href>/dav/a</d:href>" in answer.body
    assert (await ask("GET", "a/file")).headers.get("etag") == before
    assert not await exists(ask, "a/new")
    assert not await exists(ask, "elsewhere")


@pytest.mark.parametrize(("method", "path", "body", "headers"), CHANGES[:-2], ids=lambda value: str(value)[:12])
async def test_who_holds_the_lock_may_do_all_that(ask, method, path, body, headers):
    await ask("PUT", "other", b"1")
    locked = await ask("LOCK", "a", EXCLUSIVE)
    answer = await ask(method, path, body, If=f"</dav/a> ({token(locked)})", **headers)
    if method == "LOCK":
        assert answer.status == 423  # one exclusive lock is enough
    else:
        assert answer.status in (201, 204, 207)


async def test_reading_needs_no_token(ask):
    await ask("LOCK", "a", EXCLUSIVE)
    assert (await ask("GET", "a/file", who="marie")).status == 200
    assert (await ask("PROPFIND", "a", who="marie")).status == 207
    assert (await ask("COPY", "a/file", who="marie", Destination="/dav/copy")).status == 201


async def test_locking_what_is_not_there_makes_an_empty_file(ask):
    answer = await ask("LOCK", "a/new", EXCLUSIVE)
    assert answer.status == 201
    assert (await ask("GET", "a/new")).body == b""
    assert (await ask("PUT", "a/new", b"1")).status == 423
    assert (await ask("PUT", "a/new", b"1", If=f"({token(answer)})")).status == 204


async def test_a_lock_where_no_file_can_be_made_leaves_no_lock(ask, cloud):
    assert (await ask("LOCK", "missing/new", EXCLUSIVE)).status == 409
    await ask("MKCOL", "missing")
    assert (await ask("PUT", "missing/new", b"1")).status == 201


async def test_a_lock_is_refreshed_by_its_token(ask):
    locked = await ask("LOCK", "a", EXCLUSIVE, Timeout="Second-10")
    answer = await ask("LOCK", "a/file", If=f"({token(locked)})", Timeout="Second-1000")
    assert answer.status == 200
    assert b"<d:timeout>Second-1000<" in answer.body or b"<d:timeout>Second-99" in answer.body
    assert token(answer) is None
    assert (await ask("LOCK", "a")).status == 400
    assert (await ask("LOCK", "a", If="(<opaquelocktoken:other>)")).status == 412
    assert (await ask("LOCK", "a", who="marie", If=f"({token(locked)})")).status == 412


@pytest.mark.parametrize(
    ("timeout", "told"),
    [
        (None, 3600), ("Infinite", 86400), ("Second-5", 5), ("Second-4100000000", 86400), ("nonsense", 3600),
        ("Minute-1, Second-7", 7), ("Second-99999999999", 3600),
    ],
)  # fmt: skip
async def test_the_timeout_is_the_first_wish_that_can_be_granted(ask, timeout, told):
    answer = await ask("LOCK", "a", EXCLUSIVE, **({} if timeout is None else {"Timeout": timeout}))
    lock = ElementTree.fromstring(answer.body).find(f".//{D}timeout")
    assert lock is not None
    assert told - 3 <= int((lock.text or "").removeprefix("Second-")) <= told


async def test_unlocking_ends_a_lock_once(ask):
    locked = await ask("LOCK", "a", EXCLUSIVE)
    assert (await ask("UNLOCK", "a")).status == 400
    assert (await ask("UNLOCK", "a", Lock_Token="nonsense")).status == 400
    assert (await ask("UNLOCK", "a", Lock_Token=token(locked), who="marie")).status == 403
    wrong = await ask("UNLOCK", "a", Lock_Token="<opaquelocktoken:other>")
    assert (wrong.status, condition(wrong)) == (409, "lock-token-matches-request-uri")
    assert (await ask("PUT", "a/file", b"2")).status == 423
    assert (await ask("UNLOCK", "a/file", Lock_Token=token(locked))).status == 204
    assert (await ask("UNLOCK", "a", Lock_Token=token(locked))).status == 409
    assert (await ask("PUT", "a/file", b"2")).status == 204


async def test_an_empty_lock_token_is_no_token(ask):
    """OpenCloud sends one with every PUT."""
    assert (await ask("PUT", "a/file", b"2", Lock_Token="")).status == 204
    await ask("LOCK", "a", EXCLUSIVE)
    assert (await ask("PUT", "a/file", b"2", Lock_Token="")).status == 423


@pytest.mark.parametrize(
    "body",
    [
        b"<",
        b"<lockinfo/>",
        b'<lockinfo xmlns="DAV:"/>',
        b'<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope></lockinfo>',
        EXCLUSIVE.replace(b"exclusive", b"other"),
        EXCLUSIVE.replace(b"<exclusive/>", b"<exclusive/><shared/>"),
        EXCLUSIVE.replace(b"<write/>", b"<read/>"),
    ],
)
async def test_what_is_not_understood_is_400(ask, body):
    assert (await ask("LOCK", "a", body)).status == 400
    assert (await ask("PUT", "a/file", b"2")).status == 204


async def test_a_lock_has_depth_0_or_infinity(ask):
    assert (await ask("LOCK", "a", EXCLUSIVE, Depth="1")).status == 400
    assert (await ask("LOCK", "a", EXCLUSIVE, Depth="0")).status == 200
    assert (await ask("PUT", "a/file", b"2", who="marie")).status == 204  # a member's content
    assert (await ask("DELETE", "a/file", who="marie")).status == 423  # but not its name
    assert (await ask("LOCK", "a/file", EXCLUSIVE, who="marie")).status == 200


async def test_who_may_only_read_locks_nothing(ask, cloud):
    cloud.trees["/shared/"] = cloud.tree("a", frozenset({READ}))
    assert (await ask("LOCK", "file", EXCLUSIVE, prefix="/shared/")).status == 403
    assert (await ask("LOCK", "new", EXCLUSIVE, prefix="/shared/")).status == 403
    assert (await ask("PUT", "a/file", b"2")).status == 204


async def test_owner_and_guest_see_the_same_locks(ask, cloud):
    cloud.trees["/shared/"] = cloud.tree("a")
    cloud.trees["/doc/"] = cloud.tree("a/file")
    locked = await ask("LOCK", "file", EXCLUSIVE, prefix="/shared/", who="marie")
    assert (await ask("PUT", "a/file", b"2")).status == 423
    for path in ("", "file"):
        assert (await ask("PUT", path, b"2", prefix="/doc/")).status == 423
        assert (await ask("PUT", path, b"2", prefix="/doc/", who="marie", If=f"({token(locked)})")).status == 204
    await ask("UNLOCK", "file", prefix="/shared/", who="marie", Lock_Token=token(locked))
    assert (await ask("LOCK", "file", EXCLUSIVE, prefix="/doc/")).status == 200
    assert (await ask("PUT", "file", b"2", prefix="/shared/", who="marie")).status == 423


async def test_a_lock_above_a_share_does_not_tell_what_is_above(ask, cloud):
    cloud.trees["/shared/"] = cloud.tree("a/b")
    await ask("LOCK", "a", EXCLUSIVE)
    answer = await ask("PUT", "new", b"1", prefix="/shared/", who="marie")
    assert answer.status == 423
    assert b"<d:href>/shared/</d:href>" in answer.body


async def test_a_lock_ends_with_what_was_locked(ask):
    locked = await ask("LOCK", "a/file", EXCLUSIVE)
    await ask("DELETE", "a/file", If=f"({token(locked)})")
    assert (await ask("PUT", "a/file", b"2", who="marie")).status == 201
    locked = await ask("LOCK", "a/file", EXCLUSIVE)
    assert (await ask("MOVE", "a/file", If=f"({token(locked)})", Destination="/dav/moved")).status == 201
    assert (await ask("PUT", "moved", b"2", who="marie")).status == 204
    assert (await ask("PUT", "a/file", b"2", who="marie")).status == 201
