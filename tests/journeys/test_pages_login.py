"""Signing in and out, and what a session is worth."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from tests.browsing import EVIL, Browser, harmless
from tests.mesh import PASSWORD

from opencloudmesh.server import accounts, config, sessions
from opencloudmesh.server.app import application
from opencloudmesh.server.context import Context


async def test_who_is_not_signed_in_is_asked_to_and_comes_back(one):
    one.put("einstein", "a b/c.txt", b"")
    browser = Browser(one)
    answer = await browser.send("GET", "/files/a%20b")
    assert (answer.status, answer.headers.get("location")) == (303, "/login?next=%2Ffiles%2Fa%2520b")
    assert (await browser.send("GET", "/")).headers.get("location") == "/login"
    page = await browser.sign_in("einstein", next="/files/a%20b")
    assert "c.txt" in page.text
    assert "einstein" in page.text


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", "evil", "", "/\n", "/é"]
)
async def test_signing_in_leads_nowhere_else(one, target):
    browser = Browser(one)
    form = f"user=einstein&password={PASSWORD}&next={quote(target, safe='')}".encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await browser.send("POST", "/login", form, headers)).headers.get("location") == "/files/"
    assert (await browser.send("GET", f"/login?next={quote(target, safe='')}")).headers.get("location") == "/files/"


@pytest.mark.parametrize(
    ("user", "password"),
    [("einstein", "not this one"), ("nobody", PASSWORD), ("", ""), ("ein\0stein", PASSWORD), (EVIL, "nor this")],
)
async def test_a_wrong_password_is_told_on_the_page_and_nothing_more(one, user, password):
    browser = Browser(one)
    page = await browser.sign_in(user, password, status=401)
    assert "The user name or the password is wrong." in page.text
    assert "www-authenticate" not in page.headers
    assert harmless(page)
    assert password not in page.html or not password
    assert not browser.cookies
    assert one.stored()["sessions"] == []


async def test_guessing_is_stopped(one):
    browser = Browser(one)
    for _ in range(20):
        await browser.sign_in("einstein", "wrong", status=401)
    page = await browser.sign_in("einstein", "right", status=429)
    assert page.headers.get("retry-after")
    assert "Too many attempts" in page.text


async def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(one, einstein):
    browser = Browser(one)
    (answer,) = [await browser.send("POST", "/login", f"user=einstein&password={PASSWORD}".encode(),
                                    {"Content-Type": "application/x-www-form-urlencoded"})]  # fmt: skip
    (cookie,) = browser.set_cookies
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert attributes == {"httponly", "samesite=lax", "path=/", f"max-age={30 * 86_400}"}
    assert cookie.startswith(f"session-{one.host.rpartition(':')[2]}=")
    (secret,) = browser.cookies.values()
    assert secret not in str(one.stored())
    assert not [line for line in one.log if secret in line]
    assert answer.status == 303


async def test_on_https_the_cookie_is_secure_and_bound_to_the_host(tmp_path):
    options = {"data": tmp_path, "public_url": "https://cloud.example", "worker": False}
    context = Context.build(config.load(options, environment={}))
    try:
        context.database.write_now(lambda tx: accounts.add(tx, "einstein", accounts.hash_password(PASSWORD)))
        sent = await _asgi(application(context), f"user=einstein&password={PASSWORD}".encode())
        headers = dict(sent["headers"])
        assert sent["status"] == 303
        assert headers[b"set-cookie"].startswith(b"__Host-session=")
        assert b"Secure" in headers[b"set-cookie"]
        assert b"Domain" not in headers[b"set-cookie"]
    finally:
        await context.close()


async def _asgi(app, body):
    sent = []
    headers = [
        (b"origin", b"https://cloud.example"), (b"accept", b"text/html"),
        (b"content-type", b"application/x-www-form-urlencoded"),
    ]  # fmt: skip
    scope = {"type": "http", "method": "POST", "path": "/login", "raw_path": b"/login", "query_string": b"",
             "headers": headers, "client": ("127.0.0.1", 1), "http_version": "1.1", "scheme": "http",
             "server": ("cloud.example", 80)}  # fmt: skip

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]


async def test_a_session_that_was_put_there_is_worth_nothing_after_signing_in(one, einstein):
    (name,) = einstein.cookies
    victim = Browser(one)
    victim.cookies[name] = planted = einstein.cookies[name]
    await victim.sign_in("einstein")
    assert victim.cookies[name] != planted
    thief = Browser(one)
    thief.cookies[name] = planted
    assert (await thief.send("GET", "/files/")).status == 303
    thief.cookies[name] = "chosen by the thief"
    assert (await thief.send("GET", "/files/")).status == 303


async def test_signing_out_ends_the_session_at_the_server(one, einstein):
    kept = dict(einstein.cookies)
    page = await einstein.submit("/logout")
    assert "You have signed out." in page.text
    assert not einstein.cookies
    einstein.cookies = kept
    assert (await einstein.send("GET", "/files/")).status == 303
    assert one.stored()["sessions"] == []


async def test_a_session_lasts_while_it_is_used(one, einstein):
    one.context.clock.ahead = 29 * 86_400
    await einstein.open("/files/")
    assert einstein.set_cookies
    one.context.clock.ahead = 58 * 86_400
    await einstein.open("/files/")
    one.context.clock.ahead += sessions.LIFETIME
    assert (await einstein.send("GET", "/files/")).status == 303


async def test_a_changed_password_ends_the_session(one, einstein):
    one.context.database.write_now(lambda tx: accounts.set_password(tx, "einstein", "other"))
    assert (await einstein.send("GET", "/files/")).status == 303
