"""Two people at two clouds, from an invite to the end of the last share, on a phone and on a wide screen.

`einstein` has no scripts and `marie` has them; axe looks at each page to which a gesture leads.
"""

from __future__ import annotations

import re

import pytest
from tests.browser.person import DESKTOP, PHONE
from tests.journeys.test_wayf import listed
from tests.mesh import settled

from opencloudmesh.server import groups, peers, received

UNTIL = "2099-12-31"


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_two_people_share_in_all_the_ways_there_are(one, two, einstein, marie, size):
    for person in (einstein, marie):
        await person.resize(size)
    for path in ("work/a.txt", "note.txt", "letter.txt"):
        one.put("einstein", path, b"e = mc2")
    await they_meet(one, two, einstein, marie)
    await one_shares(one, two, einstein)
    await the_other_accepts(one, two, marie)
    await it_is_changed_and_stopped(one, two, einstein, marie)
    await with_a_second_factor_alone(one, two, einstein, marie)
    await with_a_circle(two, einstein)
    await what_nobody_wants_is_declined(one, two, einstein, marie)
    await with_a_group_whose_sender_is_away_then(one, two, einstein, marie)
    await what_does_not_arrive_is_tried_again(one, einstein)


async def they_meet(one, two, einstein, marie):
    """An invite, by its link over the page where one chooses the cloud that is one's own; and once more, pasted."""
    listed(two, (one.url, "One"))
    await marie.open("/invites")
    await marie.fill("What it is for", "for Albert")
    await marie.press("Make an invite")
    await marie.sees("The invite was made.")
    link = await marie.page.get_by_label("Copy this link").input_value()
    await marie.unfold("Show it as a QR code")
    await marie.unfold("Their cloud asks for something else?")
    code = marie.page.get_by_alt_text("QR code of the link")
    await marie.page.wait_for_function("code => code.naturalWidth > 100", arg=await code.element_handle())
    pasted = await marie.page.locator("code[data-copies^='the string']").inner_text()
    letter = await marie.page.get_by_role("link", name="Write a mail with it: for Albert").get_attribute("href")
    assert letter.startswith("mailto:?subject=")
    assert "/wayf%3Ftoken%3D" in letter.replace("%2F", "/")
    await marie.fine()

    await einstein.open(link)
    await einstein.sees("Marie Curie invites you")
    await einstein.fine()
    await einstein.fill("Search by name", "On")
    await einstein.press("Search")
    await einstein.sees("The <b>Mesh</b>")
    await einstein.fine()
    await einstein.press(f"Go to {one.host}")
    await einstein.sees("Do you accept this invite?")
    await einstein.fine()
    await einstein.press("Accept")
    await einstein.sees("You are contacts now.")
    await einstein.fine()
    await einstein.open("/invites")
    await einstein.fill("The invite that you were given", pasted)
    await einstein.press("Accept")
    await einstein.sees("Marie Curie")

    await marie.open("/contacts")
    await marie.sees(one.address("einstein"))
    await marie.fine()
    await marie.page.get_by_role("link", name=re.compile("Notifications")).click()
    await marie.sees("Albert Einstein")
    await marie.fine()
    await marie.press("Mark all as read")
    await marie.sees("All of them are marked as read.")


async def one_shares(one, two, einstein):
    """By a name, without a script: who is meant, what their server is and can, and on which terms."""
    await einstein.open("/share/work")
    await einstein.fill("Their address", "mar")
    await einstein.fill("Note for them", "Look at this!")
    await einstein.press("Share")
    await einstein.sees("Do you mean one of these?")
    await einstein.fine()
    assert [problem.partition("status of ")[2][:3] for problem in einstein.problems] == ["400"]
    einstein.problems.clear()
    await einstein.fill("Their address", "marie@post.example")
    await einstein.press("Look who that is")
    await einstein.sees("Is this an e-mail address? Send an invite to it.")
    await einstein.fine()
    await einstein.press(f"Marie Curie marie@post.example {two.address('marie')}")
    can = ("It signs its messages.", "People there can write where you let them.", "It can promise a second factor.")
    for text in ("Marie Curie is one of your", *can):
        await einstein.sees(text)
    await einstein.fine()
    await einstein.page.get_by_role("radio", name="read and write").first.check()
    await einstein.page.get_by_role("checkbox", name="share it on").first.check()
    await einstein.page.locator("#expires").fill(UNTIL)
    await einstein.press("Share")
    await einstein.sees("On its way")
    await einstein.fine()
    await einstein.unfold("Make a link")
    await einstein.press("Make a link")
    await einstein.sees("The link was made.")
    await einstein.fine()
    await einstein.press("Remove: work")
    await einstein.sees("It leads nowhere any more.")
    await settled(one, two)


async def the_other_accepts(one, two, marie):
    await marie.open("/")
    await marie.follow("Shared with me 1 waiting")
    for text in (f"Confirmed: signed by {one.host}.", "You may read, write and share it on, until", "Look at this!"):
        await marie.sees(text)
    await marie.fine()
    await marie.press("Accept: work")
    await marie.sees("Accepted. You find it among your files.")
    await marie.fine()
    await marie.follow("Open: work")
    await marie.sees("Shared with you by Albert Einstein")
    await marie.unfold("New folder")
    await marie.fill("Name", "mine")
    await marie.press("Make folder")
    await marie.sees("The folder was made.")
    await marie.fine()
    assert one.file("einstein", "work/mine").is_dir()
    await marie.open("/share/Shares/work")
    await marie.sees("You can share it on")
    await marie.fine()
    await settled(one, two)


async def it_is_changed_and_stopped(one, two, einstein, marie):
    await einstein.open("/inbox")
    await einstein.follow("Shared by me")
    await einstein.sees("Accepted")
    await einstein.fine()
    await einstein.follow("work")
    await einstein.sees("Who has it")
    await einstein.open("/files/")
    await einstein.follow("Shared: work")
    await einstein.sees("Accepted")
    await einstein.unfold("Change")
    changing = einstein.page.locator("form[action^='/change/']")
    await changing.get_by_role("radio", name="read", exact=True).check()
    await changing.get_by_role("checkbox", name="share it on").uncheck()
    await einstein.fine()
    await einstein.press(f"Change: {two.address('marie')}")
    await einstein.sees("Changed. It counts from now on.")
    await settled(one, two)
    await marie.open("/inbox")
    await marie.sees("You may read, until")
    await einstein.press(f"Stop: {two.address('marie')}")
    await einstein.sees("Nobody but you.")
    await einstein.fine()
    await settled(one, two)
    await marie.open("/inbox")
    await marie.sees("The sender has ended it.")
    await marie.fine()
    await marie.press("Remove: work")
    await marie.sees("Nothing waits for you.")
    await marie.fine()
    assert two.rows(received.listing) == []


async def with_a_second_factor_alone(one, two, einstein, marie):
    """She has none yet: it is there, says so, and leads to where she sets one up."""
    one.put("einstein", "secret.txt", b"U-235")
    await einstein.open("/share/secret.txt")
    await einstein.fill("Their address", two.address("marie"))
    await einstein.page.get_by_role("checkbox", name="only with a second factor").check()
    await einstein.press("Share")
    await einstein.sees("may read, only with a second factor")
    await einstein.fine()
    await settled(one, two)
    await marie.open("/inbox")
    await marie.sees("Its owner demands a second factor")
    await marie.press("Accept: secret.txt")
    await settled(one, two)
    await marie.open("/files/Shares")
    await marie.fine()
    await marie.follow("Second factor needed: secret.txt")
    await marie.sees("Some shares open only for people who have one.")
    assert (await marie.page.request.get("/download/Shares/secret.txt")).status == 403
    await einstein.open("/share/secret.txt")
    await einstein.press(f"Stop: {two.address('marie')}")
    await settled(one, two)


async def with_a_circle(two, einstein):
    await einstein.open("/circles")
    await einstein.fill("Name", "Radium")
    await einstein.press("Make")
    await einstein.page.get_by_label("Put somebody into it").select_option(
        label=f"Marie Curie ({two.address('marie')})"
    )
    await einstein.press("Add: Radium")
    await einstein.sees("They are in the circle.")
    await einstein.fine()
    await einstein.open("/share/work")
    await einstein.fill("Their address", "Radium")
    await einstein.press("Share")
    await einstein.sees("Of 1 person")
    await einstein.fine()
    await einstein.press("Stop for all: Radium")
    await einstein.sees("All shares with the circle have ended.")


async def what_nobody_wants_is_declined(one, two, einstein, marie):
    """And who sends it is blocked, and let in again."""
    for name in ("note.txt", "letter.txt"):
        await einstein.open("/files/")
        await einstein.follow(f"Share: {name}")
        await einstein.fill("Their address", two.address("marie"))
        await einstein.press("Share")
        await einstein.sees("On its way")
    await settled(one, two)
    await marie.open("/inbox")
    await marie.press("Decline: note.txt")
    await marie.sees("Declined. The sender will be told.")
    await marie.press("Block the sender: letter.txt")
    await marie.sees("Nothing is taken from them any more")
    await marie.fine()
    await settled(one, two)
    for name in ("note.txt", "letter.txt"):
        await einstein.open(f"/share/{name}")
        await einstein.sees("Declined")
    await einstein.fine()
    await marie.open("/contacts")
    await marie.sees("Blocked")
    await marie.fine()
    await marie.press("Unblock: Albert Einstein")
    await marie.sees("The contact is no longer blocked.")


async def with_a_group_whose_sender_is_away_then(one, two, einstein, marie):
    def physicists(tx):
        groups.add(tx, "physics", name="Physicists")
        groups.join(tx, "physics", "marie")

    two.context.database.write_now(physicists)
    await einstein.open("/share/work")
    await einstein.fill("Their address", two.address("physics"))
    await einstein.page.get_by_role("radio", name="a group of people at their cloud").check()
    await einstein.press("Share")
    await einstein.sees("On its way")
    await settled(one, two)
    await marie.open("/inbox")
    await marie.sees("for the group Physicists, in which you are")
    await marie.press("Accept: work")
    await settled(one, two)
    await marie.follow("Open: work")
    await marie.follow("File a.txt")
    await marie.sees("Shared with you by Albert Einstein")
    await marie.sees("e = mc2")
    await marie.fine()
    for path, text in (
        ("/inbox", f"{one.host} has not been reachable since"),
        ("/files/Shares", "not reachable"),
        ("/files/Shares/work", "You see what was there last."),
    ):
        for _ in range(5):  # it is well in truth, and asked again after a while
            two.context.database.write_now(lambda tx: peers.failed(tx, one.host, "It is away."))
        await marie.open(path)
        await marie.sees(text)
        await marie.fine()
    assert await marie.names() == ["mine", "a.txt"]


async def what_does_not_arrive_is_tried_again(one, einstein):
    await einstein.open("/share/letter.txt")
    await einstein.fill("Their address", "nobody@localhost:9")
    await einstein.press("Share")
    await settled(one)
    await einstein.open("/share/letter.txt")
    await einstein.sees("Their cloud cannot be told since")
    await einstein.fine()
    await einstein.press("Try again: nobody@localhost:9")
    await einstein.sees("It is being tried now.")
    await einstein.fine()
