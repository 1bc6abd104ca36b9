"""Every way around a second factor: with the password alone nothing of a person who has one opens."""

from __future__ import annotations

import pytest
from tests.browsing import Browser
from tests.mesh import PASSWORD, Server, basic
from tests.phones import Phone, protect, ticket

from opencloudmesh.server import limits

METHODS = ("GET", "PROPFIND", "PUT", "MKCOL", "DELETE", "COPY", "MOVE", "LOCK", "PROPPATCH")


@pytest.fixture
async def protected(pair: list[Server]) -> tuple[Server, Browser, Phone]:
    """einstein's cloud, his browser in which he has passed his second factor, and his phone."""
    one, _ = pair
    browser = Browser(one)
    await browser.sign_in("einstein")
    one.put("einstein", "note.txt", b"e = mc2")
    return one, browser, await protect(browser)


async def half_way(one: Server) -> str:
    """The ticket of somebody who knows the password, and no more."""
    return ticket((await Browser(one).sign_in("einstein")).html)


async def test_the_password_alone_opens_nothing_to_programs(protected: tuple[Server, Browser, Phone]) -> None:
    one, _, _ = protected
    before = one.stored()
    for method in METHODS:
        answer = await one.dav(method, "einstein", "note.txt", b"", Destination=f"{one.url}/dav/files/einstein/b")
        assert answer.status == 401
        assert b"app password" in answer.body
        assert answer.headers.get("www-authenticate")
    for path in ("me", "shares", "received", "sessions", "app-passwords"):
        answer = await one.api("GET", path, who="einstein", status=401)
        assert "app password" in answer["message"]
    await one.api("POST", "shares", {"path": "note.txt", "shareWith": "a@b.example"}, who="einstein", status=401)
    assert one.stored() == before
    assert one.file("einstein", "note.txt").read_bytes() == b"e = mc2"
    # Whether there is a second factor is told only to who knows the password.
    answer = await one.request("GET", "/api/v1/me", {"Authorization": basic("einstein", "wrong")})
    assert (answer.status, b"factor" in answer.body) == (401, False)


async def test_half_way_nobody_is_signed_in(protected: tuple[Server, Browser, Phone]) -> None:
    one, browser, _ = protected
    secret = await half_way(one)
    thief = Browser(one)
    for name in browser.cookies:
        thief.cookies[name] = secret
    for path in ("/files/", "/download/note.txt", "/archive/", "/settings/security", "/inbox"):
        answer = await thief.send("GET", path)
        assert (answer.status, b"e = mc2" in answer.body) == (303, False)
    for scheme in (basic("einstein", secret), f"Bearer {secret}"):
        for path in ("/api/v1/me", "/dav/files/einstein/note.txt", "/dav/ocm/"):
            assert (await one.request("GET", path, {"Authorization": scheme})).status == 401
    for form in ({"ticket": secret}, {"ticket": secret, "code": ""}, {"ticket": secret, "code": PASSWORD}, {}):
        await thief.submit("/login/second", 401, **form)
    assert len(one.stored()["sessions"]) == 1


async def test_a_ticket_is_used_once_and_a_code_too(protected: tuple[Server, Browser, Phone]) -> None:
    one, _, phone = protected
    first, second = await half_way(one), await half_way(one)
    code = phone.code()
    await Browser(one).submit("/login/second", ticket=first, code=code)
    await Browser(one).submit("/login/second", 401, ticket=first, code=phone.code())
    await Browser(one).submit("/login/second", 401, ticket=second, code=code)
    assert len(one.stored()["sessions"]) == 2


async def test_guesses_at_codes_are_stopped_and_only_for_who_knows_the_password(
    protected: tuple[Server, Browser, Phone],
) -> None:
    one, browser, phone = protected
    secret = await half_way(one)
    for _ in range(5):
        await Browser(one).submit("/login/second", 401, ticket=secret, code="000000")
    page = await Browser(one).submit("/login/second", 429, ticket=secret, code=phone.shown())
    assert page.headers.get("retry-after")
    fresh = await half_way(one)  # a new way in begins with no new guesses, from wherever
    await Browser(one).submit("/login/second", 429, ticket=fresh, code=phone.shown())
    assert (await browser.send("GET", "/files/")).status == 200  # who is in stays in
    # Who does not know the password makes nobody wait for a code.
    one.context.clock.ahead += 3_600
    for number in range(10):
        await Browser(one).submit("/login/second", 401, ticket=f"{number} guess", code="000000")
    await Browser(one).submit("/login/second", ticket=await half_way(one), code=phone.code())


async def test_guesses_at_app_passwords_are_stopped_and_lock_out_no_program_that_is_known(
    protected: tuple[Server, Browser, Phone], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, browser, _ = protected
    page = await browser.submit("/settings/security/passwords", name="laptop")
    right = {"Authorization": basic("einstein", page.html.partition('labelledby="secret">')[2].partition("<")[0])}
    monkeypatch.setattr(limits, "FAILURES_FOR_NAME", 4)
    for number in range(4):
        answer = await one.request("GET", "/api/v1/me", {"Authorization": basic("einstein", f"guess {number}")})
        assert answer.status == 401
    assert (await one.request("GET", "/api/v1/me", {"Authorization": basic("einstein", "guess")})).status == 429
    assert (await one.request("GET", "/api/v1/me", right)).status == 200


async def test_an_app_password_is_no_password_of_the_pages(protected: tuple[Server, Browser, Phone]) -> None:
    one, browser, phone = protected
    page = await browser.submit("/settings/security/passwords", name="laptop")
    secret = page.html.partition('labelledby="secret">')[2].partition("<")[0]
    await Browser(one).sign_in("einstein", secret, status=401)
    form = {"password": secret, "code": phone.code()}
    await browser.submit("/settings/security/app/off", 401, **form)
    answer = await one.request("GET", "/dav/files/marie/", {"Authorization": basic("marie", secret)})
    assert answer.status == 401
