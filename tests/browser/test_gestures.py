"""What people do with files, on their way in, and as visitors: each gesture on a phone and on a desktop, and axe on the
page that it leads to. `test_journeys` does much of it without a script.
"""

from __future__ import annotations

import io
import re
import wave
import zipfile
from pathlib import Path

from tests.browser.person import SIZES, Person
from tests.browser.test_upload import choose, drag
from tests.mesh import PASSWORD, Server, basic, settled
from tests.security.test_pictures import pdf, picture

from opencloudmesh.server import accounts, trash

pytestmark = SIZES

LOADED = """() => [...document.querySelectorAll('main img')].every(image => image.loading === 'lazy' ||
    image.complete && image.naturalWidth > 0)"""


def sound() -> bytes:
    """A tenth of a second of silence."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 1, 8000, 800, "NONE", ""))
        file.writeframes(b"\x80" * 800)
    return out.getvalue()


VIEWED = {
    "a picture.png": (picture(), "main img"),
    "b.pdf": (pdf(kids="3 0 R 3 0 R"), "main .page img"),
    "c.txt": (b"e = mc2", "pre"),
    "d.wav": (sound(), "audio"),
    "e.webm": (b"no film at all", "video"),
}


async def looked_at(person: Person) -> None:
    """From the first of `VIEWED` on, each is shown, by the buttons that lead to the next."""
    for name, (_content, shown) in VIEWED.items():
        await person.page.get_by_role("heading", name=name).wait_for()
        await person.page.locator(shown).first.wait_for()
        await person.page.wait_for_function(LOADED)
        if shown == "audio":
            await person.page.wait_for_function("() => document.querySelector('audio').duration === 0.1")
        await person.fine()
        if name != "e.webm":
            await person.page.get_by_role("link", name="Next: ").click()


async def uploaded(person: Person, tmp_path: Path) -> None:
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "deep/er/x.txt").write_bytes(b"x")
    (tmp_path / "f.odt").write_bytes(b"f")
    await person.unfold("New folder")
    await person.fill("Name", "Work")
    await person.press("Make folder")
    await person.sees("The folder was made.")
    await person.fine()
    await person.follow("Folder Work")
    await person.sees("This folder is empty.")
    await person.fine()
    await choose(person, tmp_path / "f.odt")
    await person.page.wait_for_url("**/files/Work?done=uploaded")
    await person.fine()
    await drag(person, tmp_path / "deep")
    await person.page.get_by_role("link", name="Folder deep").wait_for()
    await person.fine()
    assert await person.names() == ["deep", "f.odt"]


async def several(person: Person, one: Server) -> None:
    """Some of a folder are ticked, copied into another one, and these deleted."""
    bar = person.page.get_by_role("button", name="Download", exact=True)
    every = person.page.get_by_label("Choose all")
    await person.open("/files/Look")
    assert not await bar.is_visible()
    await every.check()
    places = [await box.bounding_box() for box in await person.page.locator(".choose input").all()]
    assert {place["x"] for place in places} == {places[0]["x"]}, "it is not above the others"
    assert await person.page.locator(".choose [name]:checked").count() == len(VIEWED)
    for name in ("a picture.png", "d.wav", "e.webm"):
        await person.page.get_by_label(f"Choose: {name}").uncheck()
    assert await every.evaluate("box => [box.checked, box.indeterminate]") == [False, True]
    assert await bar.is_visible()
    await person.fine()
    await person.press("Move or copy")
    await person.fine()
    for folder in ("Files", "Work"):
        await person.press(folder)
        await person.page.get_by_label("Chosen folder").get_by_text(folder).wait_for()
    await person.press("Copy here")
    await person.sees("Copied.")
    assert await person.names() == ["deep", "b.pdf", "c.txt"]
    await every.check()
    await person.page.get_by_label("Choose: deep").uncheck()
    await person.press("Delete")
    await person.sees("Delete the 2 that you chose?")
    await person.fine()
    await person.press("Delete")
    await person.sees("It can be restored from the trash.")
    assert await person.names() == ["deep"]


async def test_files_from_the_first_upload_to_the_trash(one: Server, visitor: Person, tmp_path: Path, size) -> None:
    await visitor.resize(size)
    one.context.database.write_now(lambda tx: accounts.change(tx, "einstein", quota=10_000_000))
    await visitor.sign_in("einstein")
    await visitor.sees("0 bytes of 10.0 MB used")
    await visitor.fine()
    await uploaded(visitor, tmp_path)

    await visitor.choose("Rename", "f.odt")
    await visitor.fine()
    await visitor.fill("New name", "g.odt")
    await visitor.press("Rename")
    await visitor.sees("Renamed.")
    for way, button, said in ((["deep"], "Copy here", "Copied."), (["deep", "er"], "Move here", "Moved.")):
        await visitor.open("/files/Work")
        await visitor.choose("Move or copy", "g.odt")
        for folder in way:
            await visitor.follow(folder)
        await visitor.fine()
        await visitor.press(button)
        await visitor.sees(said)
        await visitor.fine()
    assert await visitor.names() == ["g.odt", "x.txt"]

    for name, (content, _shown) in VIEWED.items():
        one.put("einstein", f"Look/{name}", content)
    await visitor.open("/files/Look")
    await visitor.page.wait_for_function(LOADED)
    await visitor.follow("File a picture.png")
    await looked_at(visitor)
    assert await visitor.download("Download", tmp_path / "e.webm") == VIEWED["e.webm"][0]
    await visitor.follow("Look")
    for column, sort, first in (
        ("Size", "size", "c.txt"), ("Size", "-size", "d.wav"), ("Changed", "changed", ""),
        ("Name", "name", "a picture.png"),
    ):  # fmt: skip
        await visitor.follow(column)
        await visitor.page.wait_for_url(f"**sort={sort}")
        assert (await visitor.names())[0] == first or not first
    await visitor.fill("Search in this folder", "WAV")
    await visitor.press("Search")
    assert await visitor.names() == ["d.wav"]
    await visitor.fine()
    await several(visitor, one)
    await visitor.open("/files/")
    told = "[...document.querySelectorAll('time')].map(one => [one.title, one.textContent].map(/UTC/.test, /UTC/))"
    assert await visitor.page.evaluate(told) == [[True, False]] * 2  # where the reader is
    await visitor.unfold("More: Look")
    await visitor.fine()
    await visitor.download("Download: Look", tmp_path / "look.zip")
    with zipfile.ZipFile(tmp_path / "look.zip") as found:
        assert {name: found.read(name) for name in found.namelist()} == {name: one for name, (one, _) in VIEWED.items()}

    await visitor.open("/files/")
    await visitor.choose("Delete", "Look")
    await visitor.fine()
    await visitor.press("Delete")
    await visitor.sees("It can be restored from the trash.")
    assert await visitor.names() == ["Work"]
    await visitor.follow("Trash")
    await visitor.fine()
    await visitor.press("Restore: Look")
    await visitor.sees("Restored.")
    assert await visitor.names() == ["Look", "Work"]
    await visitor.choose("Delete", "Work")
    await visitor.press("Delete")
    await visitor.follow("Trash")
    await visitor.unfold("Empty the trash")
    await visitor.fine()
    await visitor.press("Delete all for good")
    await visitor.sees("The trash is empty now.")
    await visitor.fine()
    assert [path.name for path in one.file("einstein", "").iterdir()] == ["Look"]


async def test_what_is_in_the_way_is_asked_about_and_the_trash_is_ticked(one: Server, visitor: Person, size) -> None:
    for path in ("a.txt", "b.txt", "c.txt", "Work/a.txt", "Work/b.txt"):
        one.put("einstein", path, path.encode())
    await visitor.resize(size)
    await visitor.sign_in("einstein")
    await visitor.open("/files/")
    await visitor.choose("Move or copy", "c.txt")
    await visitor.unfold("New folder")
    await visitor.fill("Name", "Work")
    await visitor.page.keyboard.press("Enter")
    await visitor.sees("There is something of that name already.")
    await visitor.fine()
    await visitor.fill("Name", "New")
    await visitor.page.keyboard.press("Enter")
    await visitor.page.get_by_label("Chosen folder").get_by_text("New").wait_for()
    await visitor.fine()
    await visitor.press("Move here")
    await visitor.sees("Moved.")
    assert await visitor.names() == ["c.txt"]

    await visitor.open("/files/")
    for name in ("a.txt", "b.txt", "New"):
        await visitor.page.get_by_label(f"Choose: {name}").check()
    await visitor.press("Move or copy")
    await visitor.press("Work")
    await visitor.press("Move here")
    await visitor.sees("The name a.txt is taken in that folder.")
    await visitor.fine()
    await visitor.press("Keep both")
    await visitor.sees("The name b.txt is taken in that folder.")
    await visitor.press("Replace")
    await visitor.sees("Moved.")
    assert await visitor.names() == ["New", "a (2).txt", "a.txt", "b.txt"]
    assert one.file("einstein", "Work/b.txt").read_bytes() == b"b.txt"

    await visitor.page.get_by_label("Choose all").check()
    await visitor.press("Delete")
    await visitor.press("Delete")
    await visitor.sees("It can be restored from the trash.")
    await visitor.follow("Trash")
    await visitor.page.get_by_label("Choose all").check()
    await visitor.page.get_by_label("Choose: New").uncheck()
    await visitor.page.get_by_label("Choose: a (2).txt").uncheck()
    await visitor.fine()
    await visitor.page.get_by_label("With what you chose").get_by_role("button", name="Restore").click()
    await visitor.sees("Restored.")
    await visitor.page.get_by_label("Choose: New").check()
    await visitor.press("Delete for good")
    await visitor.sees("Deleted for good.")
    await visitor.fine()
    assert sorted(path.name for path in one.file("einstein", "Work").iterdir()) == ["a.txt", "b (2).txt", "b.txt"]
    assert [row.path for row in one.rows(trash.listing, "einstein")] == ["Work/a (2).txt"]
    assert all("status of 405" in problem or "status of 412" in problem for problem in visitor.problems)
    visitor.problems.clear()


async def test_a_visitor_looks_takes_it_along_and_asks_for_more(
    one: Server, two: Server, visitor: Person, marie: Person, tmp_path: Path, size
) -> None:
    for name, (content, _shown) in VIEWED.items():
        one.put("einstein", f"Look/{name}", content)
    one.put("einstein", "Plans/secret.txt", b"x")
    wanted = {"Look": {"mode": "read"}, "Plans": {"mode": "ask", "description": "My plans"}}
    urls = {path: (await one.api("POST", "links", {"path": path, **how}, who="einstein"))["url"]
            for path, how in wanted.items()}  # fmt: skip
    for person in (visitor, marie):
        await person.resize(size)
    await visitor.open(urls["Look"])
    await visitor.page.wait_for_function(LOADED)
    await visitor.fine()
    await visitor.follow("File a picture.png")
    await looked_at(visitor)
    assert await visitor.download("Download", tmp_path / "e.webm") == VIEWED["e.webm"][0]
    await visitor.follow("Look")
    await visitor.follow("Size")
    await visitor.page.wait_for_url("**sort=size")
    assert (await visitor.names())[0] == "c.txt"
    await visitor.fill("Search in this folder", "PDF")
    await visitor.press("Search")
    assert await visitor.names() == ["b.pdf"]
    await visitor.fine()
    await visitor.download("Download all", tmp_path / "all.zip")
    await visitor.unfold("Add to your cloud")
    await visitor.fill("Your address", two.address("marie"))
    await visitor.fine()
    await visitor.press("Add to your cloud")
    await visitor.sees("It is on its way to that address")
    await visitor.fine()

    await visitor.open(urls["Plans"])
    await visitor.fine()
    await visitor.fill("Your address", two.address("marie"))
    await visitor.press("Ask for it")
    await visitor.sees("The owner will be asked")
    await visitor.fine()
    await visitor.sign_in("einstein")
    await visitor.follow("Requests 1 waiting")
    await visitor.fine()
    await visitor.press(f"Share: {two.address('marie')}")
    await visitor.sees("Shared. Their cloud is being told.")
    await visitor.fine()
    await settled(one, two)
    await marie.open("/inbox")
    await marie.fine()
    for name in ("Look", "Plans"):
        await marie.press(f"Accept: {name}")
        await marie.sees("Accepted.")
    await settled(one, two)
    await marie.open("/files/Shares")
    assert await marie.names() == ["Look", "Plans"]
    await marie.follow("Folder Look")
    await marie.fine()
    await marie.follow("File a picture.png")
    await looked_at(marie)


async def test_the_way_in_is_changed_and_other_browsers_are_signed_out(
    one: Server, two: Server, chromium, visitor: Person, size
) -> None:
    await visitor.resize(size)
    async with Person.at(chromium, one, two) as laptop:
        await laptop.sign_in("einstein")
        await visitor.open("/login")
        await visitor.unfold("Forgotten the password?")
        await visitor.fine()
        await visitor.sign_in("einstein")
        await visitor.open("/settings/security")
        await visitor.fill("Name of the program", "Files on my laptop")
        await visitor.press("Make an app password")
        secret = await visitor.page.locator("code[aria-labelledby=secret]").inner_text()
        program = {"Authorization": basic("einstein", secret)}
        assert (await one.request("PROPFIND", "/dav/files/einstein/", program)).status == 207
        await visitor.follow("Done")
        for name in (re.compile("^Sign out: "), "Sign out everywhere else"):
            await visitor.open("/settings/security")
            await visitor.page.get_by_role("button", name=name).click()
            await visitor.sees("Signed out there.")
            await visitor.fine()
            await laptop.open("/files/")
            await laptop.page.get_by_role("heading", name="Sign in").wait_for()
            await laptop.sign_in("einstein")
        await visitor.unfold("Change the password")
        await visitor.fill("Your password until now", PASSWORD)
        await visitor.fill("The new password", "radioactivity")
        await visitor.fill("The password again", "radioactivity")
        await visitor.page.get_by_label("Take back all app passwords too").check()
        await visitor.fine()
        await visitor.press("Set the password")
        await visitor.sees("You were signed out everywhere but here.")
        await visitor.fine()
        assert (await one.request("PROPFIND", "/dav/files/einstein/", program)).status == 401
        await laptop.open("/files/")
        await laptop.enter("einstein")
        await laptop.sees("The user name or the password is wrong.")
        assert [problem.partition("status of ")[2][:3] for problem in laptop.problems] == ["401"]
        laptop.problems.clear()
