"""Every way around a second factor: with the password alone nothing of a person who has one opens."""

from __future__ import annotations

import asyncio
import json
import re
import threading

import pytest
from tests.browsing import Browser
from tests.mesh import PASSWORD, Server, basic
from tests.phones import Phone, passkey, protect, ticket

from opencloudmesh.server import accounts, factors, limits, sessions
from opencloudmesh.server.web import auth

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


@pytest.mark.parametrize("change", ["another password", "a second factor"])
async def test_who_is_about_to_come_in_by_what_was_enough_before_does_not(pair: list[Server], change: str) -> None:
    one, _ = pair
    secret = one.context.database.write_now(lambda tx: factors.begin(tx, "einstein"))
    gate = threading.Event()
    for _ in range(2):  # as many passwords as are checked at once
        auth._hashing.submit(gate.wait)
    try:
        while auth._hashing._work_queue.qsize():
            await asyncio.sleep(0.01)
        coming = asyncio.create_task(Browser(one).sign_in("einstein", status=401))
        while not auth._hashing._work_queue.qsize():
            await asyncio.sleep(0.01)
        if change == "another password":
            one.context.database.write_now(lambda tx: accounts.set_password(tx, "einstein", "another"))
        else:
            code = Phone(one, secret).code()
            one.context.database.write_now(lambda tx: factors.confirm(tx, "einstein", code))
    finally:
        gate.set()
    assert "has just changed" in (await coming).text
    assert one.stored()["sessions"] == []


async def test_an_app_password_from_before_the_second_factor_makes_nobody_an_operator(pair: list[Server]) -> None:
    one, _ = pair
    one.context.database.write_now(lambda tx: accounts.change(tx, "einstein", operator=True))
    browser = Browser(one)
    await browser.sign_in("einstein")

    async def made() -> dict[str, str]:
        page = await browser.submit("/settings/security/passwords", name="laptop")
        return {"Authorization": basic("einstein", page.html.partition('labelledby="secret">')[2].partition("<")[0])}

    weak = await made()
    assert (await one.request("GET", "/api/v1/operator/users", weak)).status == 200  # the password alone does as much
    await protect(browser)
    before = one.stored()
    for path in ("users/einstein/reset-factors", "users/einstein/link", "keys/rotate"):
        assert (await one.request("POST", f"/api/v1/operator/{path}", weak)).status == 403
    assert (await one.request("GET", "/api/v1/me", weak)).status == 200  # files are open to it as before
    after = one.stored()
    assert [after[name] for name in ("factors", "welcomes")] == [before[name] for name in ("factors", "welcomes")]
    assert (await one.request("POST", "/api/v1/operator/users/einstein/link", await made())).status == 201


async def test_a_passkey_as_the_first_factor_ends_all_sessions_without_one(pair: list[Server]) -> None:
    one, _ = pair
    browser, weak = Browser(one), Browser(one)
    await weak.sign_in("einstein")
    ((name, _),) = weak.cookies.items()
    # As by an OpenID provider whose second factor counts.
    browser.cookies[name] = one.context.database.write_now(lambda tx: sessions.begin(tx, "einstein", strong=True))
    page = await browser.submit("/settings/security/passkeys/new", passkey="laptop", password=PASSWORD)
    await browser.submit("/settings/security/passkeys", ticket=ticket(page.html), credential=passkey(one, page.html))
    assert [row.strong for row in one.rows(sessions.listing, "einstein")] == [True]
    assert (await weak.send("GET", "/files/")).status == 303
    assert (await browser.send("GET", "/files/")).status == 200
    page = await browser.submit("/settings/security/passwords", name="API")
    (secret,) = re.findall(r'aria-labelledby="secret">([^<]+)<', page.html)
    said = await one.request("GET", "/api/v1/passkeys", {"Authorization": basic("einstein", secret)})
    assert [(row["name"], row["used"]) for row in json.loads(said.body)] == [("laptop", None)]
    one.add("lise")
    assert await one.api("GET", "passkeys", who="lise") == []


async def test_a_page_of_somebody_elses_asks_nothing_with_a_password_that_a_browser_remembers(
    pair: list[Server],
) -> None:
    one, _ = pair
    one.context.database.write_now(lambda tx: accounts.change(tx, "einstein", operator=True))
    before = one.stored()
    known = {"Authorization": basic("einstein"), "Content-Type": "application/x-www-form-urlencoded"}
    for origin in ("https://evil.example", "null", ""):
        for path in ("invites", "operator/users/einstein/link", "notifications/read"):
            answer = await one.request("POST", f"/api/v1/{path}", {**known, "Origin": origin}, b"")
            assert answer.status == 403
    assert one.stored() == before
    answer = await one.request("POST", "/api/v1/notifications/read", {**known, "Origin": one.url}, b"")
    assert answer.status < 300
