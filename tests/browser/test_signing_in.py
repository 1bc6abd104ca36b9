"""Second factors and app passwords in a real browser: what people do, and what axe finds on these pages."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import parse_qs

import pyotp
from tests.browser.person import SIZES, Person
from tests.browsing import Browser
from tests.mesh import PASSWORD, serve
from tests.phones import ticket
from tests.university import OLD, User, provider


async def picture(person, name):
    """For whoever wants to look at them: OCM_PICTURES names a folder."""
    folder = os.environ.get("OCM_PICTURES")
    if folder:
        for width, height in ((390, 844), (1280, 800)):
            await person.page.set_viewport_size({"width": width, "height": height})
            await person.page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)
        await person.resize(person.size)


async def fine(person, name):
    await picture(person, name)
    await person.fine()
    assert await person.unreached() == []


def code_of(one, secret):
    one.context.clock.ahead += 30
    return pyotp.TOTP(secret).at(int(one.context.clock()))


@SIZES
async def test_a_second_factor_from_setting_it_up_to_turning_it_off(one, visitor, size):
    await visitor.resize(size)
    await visitor.sign_in("einstein")
    await visitor.follow("Settings")
    await visitor.follow("Security")
    await visitor.press("Set up an app")
    await fine(visitor, "factor")
    secret = (await visitor.page.locator("ol code").inner_text()).replace(" ", "")
    await visitor.fill("Code", code_of(one, secret))
    await visitor.fill("Your password", PASSWORD)
    await visitor.press("Turn it on")
    await visitor.sees("They are not shown again.")
    await fine(visitor, "codes")
    await visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await visitor.press("Copy: your recovery codes")
    recovery = (await visitor.page.evaluate("navigator.clipboard.readText()")).split("\n")
    assert recovery == await visitor.page.locator(".codes code").all_inner_texts()
    await visitor.follow("I have written them down")
    await visitor.fill("Name of the program", "Files on my laptop")
    await visitor.press("Make an app password")
    await visitor.sees("Password for Files on my laptop")
    await fine(visitor, "app-password")
    await visitor.follow("Done")
    await fine(visitor, "security")
    for code in (code_of(one, secret), recovery[0]):
        await visitor.press("Sign out")
        await visitor.enter("einstein")
        await fine(visitor, "second")
        await visitor.fill("Code", code)
        await visitor.press("Continue")
    await visitor.follow("Settings")
    await visitor.follow("Security")
    await visitor.sees(f"You have {len(recovery) - 1} recovery codes left")
    await visitor.unfold("Turn it off")
    await visitor.page.locator("#off-password").fill(PASSWORD)
    await visitor.page.locator("#off-code").fill(code_of(one, secret))
    await visitor.press("Turn the second factor off")
    await visitor.sees("The second factor is off.")


async def authenticator(person, *, verified=True):
    """A key in the browser, which asks nobody: what a finger would say is `verified`."""
    session = await person.page.context.new_cdp_session(person.page)
    await session.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    options |= {"isUserVerified": verified, "automaticPresenceSimulation": True}
    added = await session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session, added["authenticatorId"]


async def make_passkey(person, name="My phone"):
    await person.open("/settings/security")
    await person.unfold("Add a passkey")
    await person.fill("Name of the device", name)
    await person.page.locator("#new-password").fill(PASSWORD)
    await person.press("Make it")


@SIZES
async def test_a_passkey_lets_in_alone_and_is_two_factors(one, visitor, size):
    await visitor.resize(size)
    sent = []
    visitor.page.on("request", lambda request: sent.append((request.url, request.post_data)))
    session, key = await authenticator(visitor)
    await visitor.sign_in("einstein")
    await make_passkey(visitor)
    await fine(visitor, "passkey-new")
    await visitor.press("Continue")
    await visitor.sees("They are not shown again.")
    await visitor.follow("I have written them down")
    await fine(visitor, "passkeys")
    await visitor.press("Sign out")
    await fine(visitor, "login")
    await visitor.press("Sign in with a passkey")
    await fine(visitor, "passkey")
    await visitor.press("Continue")
    await visitor.sees("einstein@")
    (row,) = one.stored()["sessions"]
    assert row[4] is True  # a second factor was passed
    assert one.stored()["tickets"] == []

    # What was sent opens nothing again, also not to the question of somebody else.
    (answer,) = [body for url, body in sent if url.endswith("/login/passkey/answer")]
    thief = Browser(one)
    (old,) = parse_qs(answer)["ticket"]
    (credential,) = parse_qs(answer)["credential"]
    await thief.submit("/login/passkey/answer", 401, ticket=old, credential=credential)
    fresh = ticket((await thief.submit("/login/passkey")).html)
    changed = credential.replace('"signature":"', '"signature":"AAAA')
    for shown in (credential, changed, "", "{}", "[]", "null", '{"id":[]}', '{"id":"a\\u0000b"}', "\0", "{" * 5000):
        await thief.submit("/login/passkey/answer", 401, ticket=fresh, credential=shown)
    assert not thief.cookies

    # The password alone is not enough any more.
    page = await thief.sign_in("einstein")
    assert "Use a passkey" in page.text
    assert not thief.cookies
    assert (await one.dav("PROPFIND", "einstein")).status == 401

    # Another key of the same kind is not known here.
    await session.send("WebAuthn.clearCredentials", {"authenticatorId": key})
    await visitor.open("/settings/security")
    await visitor.press("Sign out")
    await visitor.press("Sign in with a passkey")
    await visitor.press("Continue")
    await visitor.sees("That did not work.")


async def test_a_passkey_without_a_finger_is_not_taken(one, visitor):
    await authenticator(visitor, verified=False)
    await visitor.sign_in("einstein")
    await make_passkey(visitor)
    await visitor.press("Continue")
    await visitor.sees("That did not work.")
    assert one.stored()["passkeys"] == []


@OLD
@SIZES
async def test_somebody_signs_in_by_way_of_their_university(chromium, new_sqlite_url, tmp_path, size):
    settings = {"oidc_label": "Sign in with the university", "database_url": new_sqlite_url()}
    with provider([User(sub="1", claims={"preferred_username": "einstein"})]) as issuer:
        settings |= {"oidc_issuer": issuer, "oidc_client_id": "cloud", "oidc_client_secret": "s3cr3t"}
        async with serve(tmp_path / "cloud", **settings) as cloud, Person.at(chromium, cloud) as person:
            cloud.add("einstein", name="Albert Einstein")
            cloud.put("einstein", "work/a.txt", b"a")
            await person.resize(size)
            await person.page.route("**/pico.*", lambda route: route.abort())  # its style, from elsewhere
            await person.open("/files/work")
            await person.fine()
            await person.follow("Sign in with the university")
            await person.press("1")
            await person.sees(cloud.address("einstein"))
            assert await person.names() == ["a.txt"]
            await person.open("/settings/security")
            await person.fine()

            await person.press("Sign out")
            offered = "remote=https%3A%2F%2Fother.example&token=abc&owner=marie&name=work&protected=0"
            await person.open(f"/index.php/apps/files#{offered}")
            await person.follow("Sign in with the university")
            await person.press("1")
            await person.sees("Add from a link")
            await person.page.wait_for_function("document.getElementById('link').value")
            assert offered in await person.page.get_by_label("The link").input_value()
            person.problems.clear()  # that other hosts were asked: the provider is one
