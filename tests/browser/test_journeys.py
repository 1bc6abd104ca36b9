"""What people do, in a real browser, at one cloud and between two."""

from __future__ import annotations

import re
import zipfile
from types import SimpleNamespace

from demo.__main__ import POSTCARD, STEPS
from tests.browser.person import PHONE
from tests.mesh import PASSWORD, settled

LONG = "A name that somebody gave to a file without thinking of narrow windows " + "x" * 120 + ".txt"


async def test_files_are_uploaded_sorted_searched_renamed_moved_and_deleted(one, einstein, tmp_path):
    (tmp_path / "b.txt").write_bytes(b"bb")
    (tmp_path / "a.txt").write_bytes(b"a")
    await einstein.unfold("Upload")
    await einstein.page.get_by_label("Files", exact=True).set_input_files([tmp_path / "a.txt", tmp_path / "b.txt"])
    await einstein.press("Upload these")
    await einstein.sees("Uploaded.")
    await einstein.unfold("New folder")
    await einstein.fill("Name", "Ä folder?#%")
    await einstein.press("Make folder")
    await einstein.sees("The folder was made.")
    assert await einstein.names() == ["Ä folder?#%", "a.txt", "b.txt"]

    for sort in ("size", "-size"):
        await einstein.follow("Size")
        await einstein.page.wait_for_url(f"**?sort={sort}")
    assert await einstein.names() == ["Ä folder?#%", "b.txt", "a.txt"]
    await einstein.fill("Search in this folder", "A.T")
    await einstein.press("Search")
    assert await einstein.names() == ["a.txt"]

    await einstein.choose("Rename", "a.txt")
    await einstein.fill("New name", LONG)
    await einstein.press("Rename")
    await einstein.sees("Renamed.")
    await einstein.follow(f"File {LONG}")
    assert await einstein.download("Download", tmp_path / "got") == b"a"
    await einstein.open("/files/")
    await einstein.choose("Delete", LONG)
    await einstein.press("Delete")
    await einstein.sees("Deleted.")

    await einstein.choose("Move or copy", "b.txt")
    await einstein.follow("Ä folder?#%")
    await einstein.press("Move here")
    await einstein.sees("Moved.")
    assert await einstein.names() == ["b.txt"]
    await einstein.download("Download all", tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as found:
        assert found.read("b.txt") == b"bb"
    await einstein.choose("Delete", "b.txt")
    await einstein.press("Delete")
    await einstein.sees("This folder is empty. Upload the first file into it.")
    assert [path.name for path in one.file("einstein", "").rglob("*")] == ["Ä folder?#%"]


async def test_a_script_adds_buttons_that_copy(two, marie):
    await marie.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await two.api("POST", "invites", {"description": "for Albert"}, who="marie")
    await marie.open("/invites")
    assert await marie.faults() == []
    for name, copied in {
        "your address": two.address("marie"),
        "the link of for Albert": await marie.page.get_by_label("Copy this link").input_value(),
    }.items():
        await marie.press(f"Copy: {name}")
        await marie.sees("Copied.")
        assert await marie.page.evaluate("navigator.clipboard.readText()") == copied


async def test_without_scripts_there_are_no_buttons_that_copy(einstein):
    assert await einstein.page.get_by_role("button", name="Copy: your address").count() == 0


async def test_a_share_is_made_and_ended_with_the_keyboard_alone(one, two, chromium, marie):
    two.put("marie", "note.txt", b"x")
    page, keys = marie.page, marie.page.keyboard
    await marie.open("/files/")
    await keys.press("Tab")
    await keys.press("Enter")  # past the menus
    assert await page.evaluate("document.activeElement.id") == "main"
    for _ in range(20):
        await keys.press("Tab")
        if await page.evaluate("document.activeElement.getAttribute('aria-label')") == "Share: note.txt":
            break
    await keys.press("Enter")
    await page.wait_for_url("**/share/note.txt")
    await marie.page.get_by_label("Their address").focus()
    await keys.type(one.address("einstein"))
    await keys.press("Enter")
    await marie.sees("On its way")
    await settled(one, two)
    await page.reload()
    await page.get_by_role("button", name=re.compile("Stop: ")).focus()
    await keys.press("Enter")
    await marie.sees("Nobody but you.")


async def test_whose_server_it_is_appears_as_one_types(one, two, marie):
    two.put("marie", "note.txt", b"x")
    await two.api("POST", "contacts", {"address": one.address("einstein"), "name": "Albert"}, who="marie")
    page, keys = marie.page, marie.page.keyboard
    await marie.open("/share/note.txt")
    assert await page.get_by_role("button", name="Look who that is").count() == 0
    await page.get_by_label("Their address").focus()
    await keys.type("alb")
    option = page.locator(f"#contacts option[value='{one.address('einstein')}']")
    await page.wait_for_function("document.querySelectorAll('#contacts option').length == 1")
    assert await option.text_content() == "Albert"
    await page.get_by_label("Their address").fill("")
    await keys.type(one.address("einstein"))
    await marie.sees(f"One at {one.host}")
    await marie.sees("Albert is one of your contacts.")
    assert await page.locator("#peer[aria-live=polite]").get_by_text("It signs its messages.").is_visible()
    assert await marie.faults() == []
    await page.get_by_label("Their address").focus()
    await keys.press("Enter")
    await marie.sees("On its way")


async def test_the_steps_that_the_demo_prints_are_all_it_takes(one, two, visitor):
    """Whoever follows them opens, types and presses what they say, and nothing else."""
    one.put("einstein", POSTCARD, b"Greetings from one cloud to another.")
    clouds = {
        name: SimpleNamespace(url=server.url, user=user, password=PASSWORD, address=server.address(user))
        for name, server, user in (("one", one, "einstein"), ("two", two, "marie"))
    }
    steps = STEPS.format(**clouds, name=POSTCARD)
    await visitor.resize(PHONE)
    for url, label, text, name in re.findall(r'Open (http\S+[^\s.])|"([^"]+)" type (\S+)[,;]|"([^"]+)"', steps):
        if url:
            await visitor.open(url)
        elif label:
            await visitor.fill(label, text)
        else:
            named = re.compile(rf"{name}(: {re.escape(POSTCARD)}| 1 waiting)?$")
            pressed = [visitor.page.get_by_role(role, name=named) for role in ("button", "link")]
            await pressed[0].or_(pressed[1]).click()
            await visitor.page.wait_for_load_state()
            await settled(one, two)
            await visitor.fine()
    await visitor.sees("Greetings from one cloud to another.")


async def test_a_language_is_chosen_and_days_are_those_that_were_chosen(one, two, einstein, marie):
    one.put("einstein", "note.txt", b"x")
    await einstein.open("/share/note.txt")
    await einstein.fill("Their address", two.address("marie"))
    await einstein.page.locator("#expires").fill("2099-12-31")
    await einstein.press("Share")
    await einstein.sees("until 31 Dec 2099")
    await settled(one, two)
    await marie.open("/settings")
    await marie.page.get_by_label("The pages, and mails to you").select_option(label="Deutsch")
    await marie.page.get_by_role("region", name="Language").get_by_role("button", name="Save").click()
    await marie.page.get_by_role("heading", name="Einstellungen").wait_for()
    await marie.open("/inbox")
    await marie.sees("31.12.2099")  # as it is written where the reader is
    await marie.page.goto("/nowhere")
    await marie.sees("Hier ist nichts.")
    await marie.page.get_by_role("navigation", name="Hauptmenü").wait_for()
    await marie.fine()
    assert all("status of 404" in problem for problem in marie.problems)
    marie.problems.clear()


async def test_a_second_click_is_not_a_second_wish(one, marie, two):
    two.put("marie", "note.txt", b"x")
    await marie.open("/share/note.txt")
    await marie.fill("Their address", one.address("einstein"))
    await marie.page.get_by_role("button", name="Share", exact=True).dblclick()
    await marie.sees("On its way")
    assert len(await two.api("GET", "shares", who="marie")) == 1
