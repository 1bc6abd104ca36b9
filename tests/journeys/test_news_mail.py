"""What people have not read comes by mail: gathered, now and then, and as they like."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
from tests.browsing import Browser
from tests.journeys.test_shares import offered
from tests.mailbox import mailbox
from tests.mesh import mesh, settled

from opencloudmesh.server import digests, news, outbox

EMAIL = "marie@mail.example"
EVIL = "http://evil.example/\r\nBcc: x@y.example\r\n\r\nwww.evil.example" + "x" * 300


@pytest.fixture
async def box():
    async with mailbox() as opened:
        yield opened


@asynccontextmanager
async def clouds_with(tmp_path, urls, port):
    settings = {"smtp": f"smtp://127.0.0.1:{port}", "mail_from": "cloud@two.example", "provider": "Zwei Wölkchen"}
    async with mesh(tmp_path, {"provider": "One"}, settings, urls=urls) as (one, two):
        one.add("einstein", name="Albert Einstein")
        two.add("marie", name="Marie Curie", email=EMAIL)
        two.add("fritz")
        one.put("einstein", "note.txt", b"e = mc2")
        yield one, two


@pytest.fixture
async def clouds(tmp_path, new_database_url, box):
    async with clouds_with(tmp_path, [new_database_url(), new_database_url()], box.port) as servers:
        yield servers


async def later(cloud, seconds=digests.SETTLES):
    """Time passes, and the worker does its chores."""
    cloud.context.clock.ahead += seconds
    await cloud.worker.tidy()
    await settled(cloud)


async def test_one_mail_with_all_that_is_not_read(clouds, box):
    one, two = clouds
    _, received_id = await offered(one, two, accept=False)
    await two.worker.tidy()
    await settled(two)
    assert box.mails == []  # whoever is here has read it by then
    two.context.database.write_now(lambda tx: news.tell(tx, "marie", news.CHANGED, who="a@b.example", name=EVIL))
    two.context.database.write_now(lambda tx: news.tell(tx, "fritz", news.CHANGED, name="x"))
    await later(two)
    assert box.recipients == [EMAIL]
    (mail,) = box.mails
    assert (mail["To"], mail["From"]) == (EMAIL, "Zwei Wölkchen <cloud@two.example>")
    assert mail["Subject"] == "2 new notifications at Zwei Wölkchen"
    assert mail["Bcc"] is None
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe"] == f"<{two.url}/settings>"
    text = mail.get_content()
    assert f"- Albert Einstein ({one.address('einstein')}) wants to share “note.txt” with you." in text
    assert {f"{two.url}/notifications", f"{two.url}/settings"} == {word for word in text.split() if "://" in word}
    assert "www." not in text
    assert "\nBcc" not in text
    assert "at most one such mail in an hour" in text
    assert two.rows(outbox.everything) == []

    await later(two)
    assert len(box.mails) == 1
    one.context.clock.ahead = two.context.clock.ahead
    await two.api("POST", f"received/{received_id}/accept", who="marie")
    share = (await one.api("GET", "shares", who="einstein"))[0]
    await one.api("DELETE", f"shares/{share['id']}", who="einstein")
    await settled(one, two)
    await later(two)
    assert len(box.mails) == 1  # at most one an hour
    await later(two, 3_600)
    assert "no longer shares “note.txt” with you" in box.mails[1].get_content()
    assert box.mails[1]["Subject"] == "1 new notification at Zwei Wölkchen"


async def test_a_mail_server_that_is_away_loses_nothing_and_delays_nothing(tmp_path, new_sqlite_url, box):
    async with mailbox() as gone:
        pass
    async with clouds_with(tmp_path, [new_sqlite_url(), new_sqlite_url()], gone.port) as (one, two):
        _, received_id = await offered(one, two, accept=False)
        await later(two)
        one.context.clock.ahead = two.context.clock.ahead
        (waiting,) = two.rows(outbox.everything)
        assert (waiting.kind, waiting.attempts) == ("mail", 1)
        await two.api("POST", f"received/{received_id}/accept", who="marie")
        await settled(one, two)
        assert (await one.api("GET", "shares", who="einstein"))[0]["state"] == "accepted"
        two.context.database.write_now(lambda tx: news.tell(tx, "marie", news.CHANGED, subject="s", name="b.txt"))
        await later(two, 8 * 86_400)  # a week of that, and it is given up
        assert two.rows(outbox.everything) == []
        assert "cannot be reached" in (await two.api("GET", "settings", who="marie"))["mailError"]
        await later(two, 3_600)
        assert [row.kind for row in two.rows(outbox.everything)] == ["mail"]  # and begun again
        assert len(two.rows(digests.contents, "marie")[1]) == 1


async def test_a_mailbox_that_is_not_there_is_not_written_to_for_ever(clouds, box):
    one, two = clouds
    box.answers["RCPT"] = "550 no such mailbox"
    await offered(one, two, accept=False)
    await later(two)
    await later(two, 3_600)
    assert sum(line.upper().startswith("RCPT") for line in box.heard) == 1
    assert "550" in (await two.api("GET", "settings", who="marie"))["mailError"]
    assert two.rows(outbox.everything) == []
    assert len(await two.api("GET", "notifications?unread=true", who="marie")) == 1


async def test_a_person_chooses(clouds, box):
    one, two = clouds
    browser = Browser(two)
    await browser.sign_in("marie")
    page = await browser.open("/settings")
    assert "at most once an hour" in page.text
    page = await browser.submit("/settings/mail", email="nonsense", mail="none", status=400)
    assert 'value="nonsense"' in page.html
    page = await browser.submit("/settings/mail", email="mc@mail.example", mail="none")
    assert "Saved." in page.text
    assert await two.api("GET", "settings", who="marie") == {
        "email": "mc@mail.example", "mail": "none", "language": "", "mailError": None
    }  # fmt: skip
    await offered(one, two, accept=False)
    await later(two)
    assert box.mails == []
    for wrong in ({"mail": "always"}, {"email": "x"}, {"email": 1}, {"mail": ""}, {"language": "tlh"}):
        await two.api("PATCH", "settings", wrong, who="marie", status=400)
    assert (await two.api("PATCH", "settings", {"mail": "digest"}, who="marie"))["email"] == "mc@mail.example"
    await later(two)
    assert box.recipients == ["mc@mail.example"]
    assert (await two.api("GET", "settings", who="fritz"))["email"] == ""


async def test_a_person_is_spoken_to_in_the_language_of_their_browser_or_the_one_that_they_choose(clouds, box):
    one, two = clouds
    browser = Browser(two)
    await browser.sign_in("marie", headers={"Accept-Language": "de-AT"})
    assert 'lang="en"' in (await browser.open("/files/")).html  # its next request asked for nothing
    await offered(one, two, accept=False)
    await later(two)
    assert box.mails[0]["Subject"] == "1 neue Benachrichtigung bei Zwei Wölkchen"
    text = box.mails[0].get_content()
    assert "möchte „note.txt“ mit Ihnen teilen." in text
    assert "höchstens eine solche E-Mail in einer Stunde" in text
    assert (await browser.submit("/settings/language", 400, language="tlh")).html.count('aria-invalid="true"') == 1
    page = await browser.submit("/settings/language", language="fr")
    assert 'lang="fr"' in page.html
    assert "Paramètres" in page.text
    assert 'lang="fr"' in (await browser.open("/files/nothing", 404)).html
    two.context.database.write_now(lambda tx: news.tell(tx, "marie", news.CHANGED, who="a@b.example", name="x"))
    await later(two, 3_600)
    await later(two)
    assert box.mails[1]["Subject"].endswith("chez Zwei Wölkchen")
    assert (await two.api("PATCH", "settings", {"language": ""}, who="marie"))["language"] == ""
