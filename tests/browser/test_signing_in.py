"""Second factors and app passwords in a real browser: what people do, and what axe finds on these pages."""

from __future__ import annotations

import os
from pathlib import Path

import pyotp
from tests.mesh import PASSWORD


async def picture(person, name):
    """For whoever wants to look at them: OCM_PICTURES names a folder."""
    folder = os.environ.get("OCM_PICTURES")
    if folder:
        for width, height in ((390, 844), (1280, 800)):
            await person.page.set_viewport_size({"width": width, "height": height})
            await person.page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)


async def fine(person, name):
    await picture(person, name)
    assert await person.faults() == []
    assert await person.unreached() == []


def code_of(one, secret):
    one.context.clock.ahead += 30
    return pyotp.TOTP(secret).at(int(one.context.clock()))


async def test_a_second_factor_from_setting_it_up_to_turning_it_off(one, visitor):
    await visitor.sign_in("einstein")
    await visitor.follow("Security")
    await visitor.press("Set up an app")
    await fine(visitor, "factor")
    secret = (await visitor.page.locator("ol code").inner_text()).replace(" ", "")
    await visitor.fill("Code", code_of(one, secret))
    await visitor.fill("Your password", PASSWORD)
    await visitor.press("Turn it on")
    await visitor.sees("They are not shown again.")
    await fine(visitor, "codes")
    await visitor.follow("I have written them down")
    await visitor.fill("Name of the program", "Files on my laptop")
    await visitor.press("Make an app password")
    await visitor.sees("Password for Files on my laptop")
    await fine(visitor, "app-password")
    await visitor.follow("Done")
    await fine(visitor, "security")
    await visitor.press("Sign out")
    await visitor.fill("User name", "einstein")
    await visitor.fill("Password", PASSWORD)
    await visitor.press("Sign in")
    await fine(visitor, "second")
    await visitor.fill("Code", code_of(one, secret))
    await visitor.press("Continue")
    await visitor.follow("Security")
    await visitor.unfold("Turn it off")
    await visitor.page.locator("#off-password").fill(PASSWORD)
    await visitor.page.locator("#off-code").fill(code_of(one, secret))
    await visitor.press("Turn the second factor off")
    await visitor.sees("The second factor is off.")
