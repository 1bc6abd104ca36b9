"""Second factors, app passwords and sessions on the pages, and what the API says of them."""

from __future__ import annotations

import json
import re
from urllib.parse import urlencode

from tests.browsing import EVIL, Browser, harmless
from tests.mesh import PASSWORD, basic
from tests.phones import protect, sign_in, ticket

from opencloudmesh.server import accounts, audit, factors


async def test_signing_in_asks_for_the_second_factor_that_was_set_up(one, einstein):
    other = Browser(one)
    await other.sign_in("einstein")
    phone = await protect(einstein)
    assert (await other.send("GET", "/files/")).status == 303  # what began without it has ended
    assert "On" in (await einstein.open("/settings/security")).text
    one.put("einstein", "a b/c.txt", b"")
    page = await other.sign_in("einstein", next="/files/a%20b")
    assert "One more step" in page.text
    assert harmless(page)
    assert not other.set_cookies
    page = await other.submit("/login/second", 401, ticket=ticket(page.html), code="000000")
    assert "This code is not right" in page.text
    page = await other.submit("/login/second", ticket=ticket(page.html), code=phone.code())
    assert "c.txt" in page.text
    assert {row["secondFactor"] for row in await _sessions(einstein)} == {True}
    assert phone.secret not in "".join(one.log)


async def test_a_code_on_paper_lets_in_once(one, einstein):
    phone = await protect(einstein)
    for status in (200, 401):
        page = await Browser(one).sign_in("einstein")
        await Browser(one).submit("/login/second", status, ticket=ticket(page.html), code=phone.paper[0])
    page = await einstein.open("/settings/security")
    assert "You have 9 recovery codes left" in page.text
    form = {"password": PASSWORD, "code": phone.code()}
    page = await einstein.submit("/settings/security/codes", **form)
    new = re.findall(r"<code>([a-z2-7-]{19})</code>", page.html)
    assert len(new) == 10
    assert not set(new) & set(phone.paper)


async def test_it_is_turned_off_with_the_password_and_a_code(one, einstein):
    phone = await protect(einstein)
    for form in (
        {"password": "wrong", "code": phone.code()},
        {"password": PASSWORD, "code": "000000"},
        {"password": PASSWORD},
        {"code": phone.code()},
        {},
    ):
        assert (await einstein.send("POST", "/settings/security/app/off", _encoded(form), FORM)).status in (400, 401)
        assert one.rows(factors.of, "einstein").app
    page = await einstein.submit("/settings/security/app/off", password=PASSWORD, code=phone.code())
    assert "The second factor is off" in page.text
    await Browser(one).sign_in("einstein")
    assert (await one.dav("PROPFIND", "einstein")).status == 207


async def test_setting_it_up_takes_the_password_and_a_right_code(one, einstein):
    page = await einstein.submit("/settings/security/app")
    assert harmless(page)
    (key,) = re.findall(r'<code class="copy">([A-Z2-7 ]+)</code>', page.html)
    right = factors.pyotp.TOTP(key.replace(" ", "")).at(int(one.context.clock()))
    await einstein.submit("/settings/security/app/confirm", 401, code=right, password="wrong")
    await einstein.submit("/settings/security/app/confirm", 400, code="000000", password=PASSWORD)
    assert not one.rows(factors.of, "einstein").any
    assert (await einstein.send("GET", "/settings/security/app")).headers.get("cache-control") == "private, no-store"
    await einstein.submit("/settings/security/app/confirm", code=right, password=PASSWORD)


async def test_programs_get_passwords_of_their_own(one, einstein):
    page = await einstein.submit("/settings/security/passwords", name=EVIL)
    assert harmless(page)
    secret = re.findall(r'aria-labelledby="secret">([^<]+)<', page.html)[0]
    for _ in range(2):
        answer = await one.request("PROPFIND", "/dav/files/einstein/", {"Authorization": basic("einstein", secret)})
        assert answer.status == 207
    assert (await one.dav("PROPFIND", "einstein")).status == 207  # there is no second factor
    page = await einstein.open("/settings/security")
    assert harmless(page)
    assert secret not in page.html
    assert "last used" in page.text
    (row,) = await one.api("GET", "app-passwords", who="einstein")
    assert (row["name"], row["secondFactor"]) == (EVIL, False)
    await einstein.submit(page.form("/settings/security/passwords/.*/revoke"))
    answer = await one.request("PROPFIND", "/dav/files/einstein/", {"Authorization": basic("einstein", secret)})
    assert answer.status == 401
    assert not [line for line in one.log if secret in line]


async def test_sessions_are_seen_and_ended(one, einstein):
    phone, laptop = Browser(one), Browser(one)
    agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Safari/604.1"
    await phone.submit("/login", headers={"User-Agent": agent}, user="einstein", password=PASSWORD)
    await laptop.submit("/login", headers={"User-Agent": EVIL}, user="einstein", password=PASSWORD)
    page = await einstein.open("/settings/security")
    assert harmless(page)
    assert "Safari, iPhone" in page.text
    rows = await one.api("GET", "sessions", who="einstein")
    assert len(rows) == 3
    (mobile,) = [row for row in rows if row["device"] == "Safari, iPhone"]
    await einstein.submit(f"/settings/security/sessions/{mobile['id']}/end")
    assert (await phone.send("GET", "/files/")).status == 303
    assert (await laptop.send("GET", "/files/")).status == 200
    await einstein.submit(f"/settings/security/sessions/{mobile['id']}/end", 404)
    await einstein.submit("/settings/security/sessions/end")
    assert (await laptop.send("GET", "/files/")).status == 303
    assert len(await one.api("GET", "sessions", who="einstein")) == 1
    await one.api("DELETE", "sessions", who="einstein")
    assert (await einstein.send("GET", "/files/")).status == 303


async def test_nobody_sees_or_ends_what_is_of_others(two, marie):
    fritz = Browser(two)
    await fritz.sign_in("fritz")
    await marie.submit("/settings/security/passwords", name="laptop")
    (session,) = await two.api("GET", "sessions", who="marie")
    (password,) = await two.api("GET", "app-passwords", who="marie")
    assert await two.api("GET", "app-passwords", who="fritz") == []
    for path in (f"sessions/{session['id']}", f"app-passwords/{password['id']}"):
        await two.api("DELETE", path, who="fritz", status=404)
    await fritz.submit(f"/settings/security/sessions/{session['id']}/end", 404)
    await fritz.submit(f"/settings/security/passwords/{password['id']}/revoke", 404)
    await two.api("DELETE", f"app-passwords/{password['id']}", who="marie", status=204)
    await two.api("DELETE", f"sessions/{session['id']}", who="marie", status=204)
    assert (await marie.send("GET", "/files/")).status == 303


async def test_a_person_changes_their_password_and_is_signed_out_elsewhere(one, einstein):
    laptop = Browser(one)
    await laptop.sign_in("einstein")
    for name in ("laptop", "phone"):
        page = await einstein.submit("/settings/security/passwords", name=name)
    program = {"Authorization": basic("einstein", re.findall(r'aria-labelledby="secret">([^<]+)<', page.html)[0])}
    form = {"password": PASSWORD, "new": "radioactivity", "again": "radioactivity"}
    before = one.stored()
    for wrong, status in (
        ({"password": "wrong"}, 401), ({"new": "other than that"}, 400), ({"new": "short", "again": "short"}, 400),
        ({"password": ""}, 401), ({"new": "", "again": ""}, 400),
    ):  # fmt: skip
        page = await einstein.submit("/settings/security/password", status, **form | wrong)
        assert PASSWORD not in page.html
    assert one.stored() == before
    old = dict(einstein.cookies)
    page = await einstein.submit("/settings/security/password", **form)
    assert "You were signed out everywhere but here." in page.text
    assert einstein.cookies != old
    thief = Browser(one)
    thief.cookies = old
    for browser in (thief, laptop):
        assert (await browser.send("GET", "/files/")).status == 303
    await Browser(one).sign_in("einstein", status=401)
    await Browser(one).sign_in("einstein", "radioactivity")
    assert (await one.request("PROPFIND", "/dav/files/einstein/", program)).status == 207
    form = {"password": "radioactivity", "new": PASSWORD, "again": PASSWORD, "programs": "yes"}
    await einstein.submit("/settings/security/password", **form)
    assert (await one.request("PROPFIND", "/dav/files/einstein/", program)).status == 401
    said = [row.reason for row in one.rows(audit.listing, account="einstein")]
    assert "chose another password, and took back all app passwords" in said
    assert "radioactivity" not in str(one.stored()) + "".join(one.log)


async def test_a_new_password_of_somebody_with_a_second_factor_keeps_it(one, einstein):
    phone = await protect(einstein)
    form = {"password": PASSWORD, "new": "radioactivity", "again": "radioactivity"}
    await einstein.submit("/settings/security/password", **form)
    assert {row["secondFactor"] for row in await _sessions(einstein)} == {True}
    page = await Browser(one).sign_in("einstein", "radioactivity")
    assert "One more step" in page.text
    await Browser(one).submit("/login/second", ticket=ticket(page.html), code=phone.code())


async def test_a_new_password_ends_a_sign_in_that_is_half_way(one, einstein):
    phone = await protect(einstein)
    page = await Browser(one).sign_in("einstein")
    one.context.database.write_now(lambda tx: accounts.set_password(tx, "einstein", "other"))
    page = await Browser(one).submit("/login/second", 401, ticket=ticket(page.html), code=phone.code())
    assert "Begin again" in page.text
    assert one.stored()["sessions"] == []


async def test_the_way_in_takes_ten_minutes_at_most(one, einstein):
    phone = await protect(einstein)
    page = await Browser(one).sign_in("einstein")
    one.context.clock.ahead += 600
    await Browser(one).submit("/login/second", 401, ticket=ticket(page.html), code=phone.code())
    assert await sign_in(Browser(one), "einstein", phone)


async def _sessions(browser):
    """What the API says, by an app password that is made for it."""
    page = await browser.submit("/settings/security/passwords", name="API")
    secret = re.findall(r'aria-labelledby="secret">([^<]+)<', page.html)[0]
    answer = await browser.server.request("GET", "/api/v1/sessions", {"Authorization": basic("einstein", secret)})
    return json.loads(answer.body)


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def _encoded(form):
    return urlencode(form).encode()
