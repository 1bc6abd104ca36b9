"""An operator, from the first start of a cloud on, in a browser without scripts, on a phone and on a wide screen."""

from __future__ import annotations

import re

import pytest
from tests.browser.person import DESKTOP, PHONE, Person
from tests.mesh import PASSWORD, mesh, settled

from opencloudmesh.server import welcomes

DIRECTORY = "https://mesh.example/servers.json"


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_an_operator_runs_a_cloud_from_its_first_start_on(chromium, new_sqlite_url, tmp_path, size):
    urls = [new_sqlite_url(), new_sqlite_url()]
    async with mesh(tmp_path, {"provider": "One"}, {"provider": "Two"}, urls=urls) as (one, two):
        two.add("marie", name="Marie Curie")
        async with Person.at(chromium, one, scripts=False) as lise, Person.at(chromium, one, scripts=False) as guest:
            await lise.resize(size)
            await guest.resize(size)
            await the_first_start(one, lise)
            await users_and_groups(lise, guest)
            one.put("einstein", "note.txt", b"e = mc2")
            for address in (two.address("marie"), "nobody@localhost:9"):
                await one.api("POST", "shares", {"path": "note.txt", "shareWith": address}, who="einstein")
            await settled(one, two)
            await a_peer_and_the_policy(lise, two.host)
            await the_outbox(lise)
            await the_audit_trail(lise, two.host, tmp_path)
            await directories_settings_and_keys(lise)
            await the_end_of_a_peer_and_of_a_user(lise, two.host)


async def area(lise, name):
    await lise.page.get_by_role("navigation", name="Operator").get_by_role("link", name=name, exact=True).click()
    await lise.page.get_by_role("heading", level=1, name=name).wait_for()


async def filled(person, **fields):
    for name, value in fields.items():
        await person.page.locator(f"main #{name}").fill(value)


async def the_first_start(one, lise):
    await lise.open(f"/welcome?token={one.context.database.write_now(welcomes.begin)}")
    await lise.fine()
    await filled(lise, user="lise", name="Lise Meitner", password=PASSWORD, again="another one")
    await lise.press("Make my account")
    await lise.sees("The two passwords differ.")
    await lise.fine()
    wrong(lise)
    await filled(lise, password=PASSWORD, again=PASSWORD)
    await lise.press("Make my account")
    await lise.sees("Your password is set.")
    await filled(lise, user="lise", password=PASSWORD)
    await lise.press("Sign in")
    await lise.follow("Operator")
    await lise.fine()


async def users_and_groups(lise, guest):
    await filled(lise, id="einstein", name="Albert", quota="plenty")
    await lise.press("Add")
    await lise.sees("Write the space in gigabytes")
    await lise.fine()
    wrong(lise)
    await filled(lise, quota="10")
    await lise.press("Add")
    await lise.fine()
    await guest.open(await lise.page.get_by_label("Whoever has it").input_value())
    await guest.fine()
    await filled(guest, password=PASSWORD, again=PASSWORD)
    await guest.press("Set the password")
    await guest.sees("Your password is set.")
    await lise.follow("Done")
    await filled(lise, name="Albert Einstein")
    await lise.press("Save")
    await lise.sees("Changed. It counts from now on.")
    await lise.fine()

    await area(lise, "Groups")
    await lise.sees("None yet.")
    await lise.fine()
    await filled(lise, id="physics", name="Physicists")
    await lise.press("Make it")
    for _ in range(2):
        await filled(lise, user="einstein")
        await lise.press("Put in")
        await lise.fine()
        await lise.press("Take out: einstein")
        await lise.sees("Nobody yet.")
    await lise.follow("Remove this group")
    await lise.fine()
    await lise.press("Remove")
    await lise.sees("The group was removed.")


async def a_peer_and_the_policy(lise, host):
    await area(lise, "Servers")
    await lise.page.get_by_label("Only those that fail").check()
    await lise.press("Show")
    await lise.follow("Show all")
    await lise.fine()
    await lise.follow(host)
    await lise.press(f"Ask who it is: {host}")
    await lise.sees("The server has said who it is.")
    for choice, told in (("deny", "denied"), ("allow", "allowed"), ("", "members of directories")):
        await lise.page.locator("#incoming").select_option(choice)
        await lise.press("Decide")
        await lise.sees(told)
    await lise.unfold("Is it in a private network")
    await lise.sees(f"ocm peer allow-private {host}")
    await lise.fine()
    await lise.press(f"Forget what is known: {host}")
    await lise.sees("Nothing is known of this server yet.")
    await lise.fine()

    await area(lise, "Policy")
    await lise.page.get_by_label("Everybody else, with a warning").first.uncheck()
    await lise.press("Save: Who elsewhere may share with people here?")
    await lise.sees("Decided.")
    await filled(lise, pattern="*.bad.example")
    await lise.page.locator("#incoming").select_option("deny")
    await lise.press("Decide")
    await lise.fine()
    await lise.press("Take back: *.bad.example")
    await lise.sees("Nothing is decided about single servers.")


async def the_outbox(lise):
    await area(lise, "Outbox")
    await lise.sees("localhost:9 did not answer")
    await lise.page.get_by_role("button", name=re.compile("Try now: A share is offered to localhost:9")).click()
    await lise.sees("It is being tried now.")
    await lise.fine()
    await lise.page.get_by_role("link", name=re.compile("Drop: A share is offered to localhost:9")).click()
    await lise.fine()
    await lise.press("Drop")
    await lise.sees("It is not tried any more.")
    await lise.fine()


async def the_audit_trail(lise, host, folder):
    await area(lise, "Audit trail")
    await lise.fine()
    await filled(lise, host=host)
    await lise.page.locator("#event").select_option("share")
    await lise.press("Show")
    await lise.fine()
    lines = (await lise.download("CSV", folder / "audit.csv")).decode().splitlines()
    assert [host in line for line in lines] == [False, True]  # after the names of the columns


async def directories_settings_and_keys(lise):
    await area(lise, "Directories")
    await filled(lise, url=DIRECTORY)
    await lise.press("Add")
    await lise.fine()
    wrong(lise)
    await lise.page.get_by_label("Believe also what it does not sign").check()
    await lise.press("Add")
    await lise.press(f"Ask now: {DIRECTORY}")
    await lise.sees("The directory is asked within a minute.")
    await lise.fine()
    await lise.follow(f"Remove: {DIRECTORY}")
    await lise.press("Remove")
    await lise.sees("The directory is believed no more.")

    await area(lise, "Settings and keys")
    await lise.press("Make new keys")
    await lise.sees("Other servers see the new keys from now on.")
    await lise.fine()
    await lise.page.get_by_role("link", name=re.compile("Revoke: ")).first.click()
    await lise.fine()
    await lise.press("Revoke")
    await lise.sees("The key was revoked.")


async def the_end_of_a_peer_and_of_a_user(lise, host):
    await lise.open(f"/operator/peers/{host}")
    await lise.follow("End everything")
    await lise.fine()
    await lise.press("End everything")
    await lise.sees("Everything with the server has ended.")
    await lise.sees("denied")
    await lise.fine()
    await area(lise, "Users")
    await lise.follow("Albert Einstein")
    await lise.follow("Remove this user")
    await lise.fine()
    await lise.press("Remove")
    await lise.sees("The user was removed")
    await lise.fine()


def wrong(person):
    """The browser has noted that a form was wrong, and nothing else."""
    assert [problem.partition("status of ")[2][:3] for problem in person.problems] == ["400"]
    person.problems.clear()
