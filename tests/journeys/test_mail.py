"""Invites by mail: from the form to the mailbox, and from the mailbox to two contacts."""

from __future__ import annotations

import re
import time
from contextlib import asynccontextmanager

import pytest
from tests.browsing import Browser
from tests.mailbox import mailbox
from tests.mesh import mesh, settled

from opencloudmesh.server import invites, outbox

SECRET = "pa:ss-word"
MARIE = "marie@mail.example"


@pytest.fixture
async def box():
    async with mailbox(login=f"cloud:{SECRET}") as opened:
        yield opened


@asynccontextmanager
async def clouds_with(tmp_path, urls, port):
    settings = {"smtp": f"smtp://cloud:pa%3Ass-word@127.0.0.1:{port}", "mail_from": "cloud@one.example"}
    async with mesh(tmp_path, {"provider": "Öne Cloud", **settings}, {"provider": "Two"}, urls=urls) as servers:
        one, two = servers
        one.add("einstein", name="Albert Éinstein", email="albert@mail.example")
        two.add("marie", name="Marie Curie")
        yield one, two


@pytest.fixture
async def clouds(tmp_path, new_database_url, box):
    async with clouds_with(tmp_path, [new_database_url(), new_database_url()], box.port) as servers:
        yield servers


async def invited(cloud, **values):
    made = await cloud.api("POST", "invites", {"email": MARIE, **values}, who="einstein", status=201)
    assert (made["email"], made["mail"]) == (MARIE, "waiting")
    await settled(cloud)
    (row,) = await cloud.api("GET", "invites", who="einstein")
    return row


async def test_an_invite_goes_by_mail_and_is_accepted_from_it(clouds, box):
    one, two = clouds
    row = await invited(one, description="only for me")
    assert (row["mail"], row["error"]) == ("sent", None)
    assert box.recipients == [MARIE]
    (mail,) = box.mails
    assert mail["Subject"] == "Albert Éinstein invites you to share files"
    assert (mail["From"], mail["To"]) == ("Öne Cloud <cloud@one.example>", MARIE)
    assert mail["Reply-To"] == "Albert Éinstein <albert@mail.example>"
    text = mail.get_content()
    assert "only for me" not in text
    assert {row["link"], row["code"]} <= set(text.split())
    assert one.address("einstein") in text
    (link,) = re.findall(r"https?://\S+", text)
    contact = await two.api("POST", "invites/accept", {"invite": link}, who="marie", status=201)
    assert contact["name"] == "Albert Éinstein"
    assert one.rows(outbox.everything) == []
    assert not [line for line in one.log if SECRET in line or row["code"].partition("@")[0] in line]


async def test_a_mail_server_that_is_away_is_tried_again(tmp_path, new_sqlite_url, box):
    async with mailbox() as gone:
        pass
    async with clouds_with(tmp_path, [new_sqlite_url(), new_sqlite_url()], gone.port) as (one, _):
        row = await invited(one)
        assert (row["mail"], row["state"]) == ("waiting", "open")
        assert "cannot be reached" in row["error"]
        (waiting,) = one.rows(outbox.everything)
        assert waiting.attempts == 1
        assert waiting.due > time.time()
        one.context.clock.ahead = 8 * 86_400  # a week of that, and it is given up
        await settled(one)
        (row,) = await one.api("GET", "invites", who="einstein")
        assert (row["mail"], row["state"]) == ("failed", "open")
        assert "cannot be reached" in row["error"]


async def test_a_recipient_whom_the_mail_server_refuses_is_told_to_the_person(clouds, box):
    one, _ = clouds
    box.answers["RCPT"] = "550 No such user here"
    row = await invited(one)
    assert (row["mail"], row["state"]) == ("failed", "open")
    assert row["error"] == "The mail server refused (550): No such user here."
    browser = Browser(one)
    await browser.sign_in("einstein")
    page = await browser.open("/invites")
    assert f"Could not be sent to {MARIE}" in page.text
    assert row["error"] in page.text
    await one.api("PATCH", "settings", {"language": "de"}, who="einstein")
    assert "Der Mailserver hat abgelehnt (550): No such user here." in (await browser.open("/invites")).text
    await one.api("DELETE", f"invites/{row['id']}", who="einstein", status=204)
    assert one.rows(outbox.everything) == []


@pytest.mark.parametrize("end", ["revoked", "expired"])
async def test_an_invite_that_is_over_is_not_sent_any_more(clouds, box, end):
    one, _ = clouds
    made = await one.api("POST", "invites", {"email": MARIE}, who="einstein", status=201)
    if end == "revoked":
        await one.api("DELETE", f"invites/{made['id']}", who="einstein", status=204)
    else:
        one.context.clock.ahead = invites.LIFETIME + 1
    await settled(one)
    assert (box.mails, one.rows(outbox.everything)) == ([], [])


@pytest.mark.parametrize(
    "email",
    ["marie", "marie@", "@mail.example", "a@b@c.example", "marie@mail.example\r\nBcc: eve@x.example", "a b@x.example",
     "a,b@x.example", "<marie@mail.example>", "-f@x.example", "marie@-", "é@x.example", f"{'a' * 65}@x.example"],
)  # fmt: skip
async def test_what_is_no_address_is_refused_and_nothing_is_made(clouds, box, email):
    one, _ = clouds
    before = one.stored()
    answer = await one.api("POST", "invites", {"email": email}, who="einstein", status=400)
    assert [error["name"] for error in answer["validationErrors"]] == ["email"]
    assert one.stored() == before
    await settled(one)
    assert box.heard == []


async def test_a_name_with_the_end_of_a_line_ends_no_header(clouds, box):
    one, _ = clouds
    one.add("eve", name="Eve\r\nBcc: all@x.example\r\n\r\nbody", email="eve@x.example\r\nBcc: all@x.example")
    await one.api("POST", "invites", {"email": MARIE}, who="eve", status=201)
    await settled(one)
    (mail,) = box.mails
    assert (mail["Bcc"], mail["Reply-To"]) == (None, None)
    assert mail["Subject"] == "Eve Bcc: all@x.example body invites you to share files"
    assert box.recipients == [MARIE]


async def test_nobody_writes_to_the_whole_world(clouds, monkeypatch):
    one, _ = clouds
    monkeypatch.setattr(invites, "MAX_MAILS", 2)
    for _number in range(2):
        await one.api("POST", "invites", {"email": MARIE}, who="einstein", status=201)
    before = one.stored()
    await one.api("POST", "invites", {"email": MARIE}, who="einstein", status=429)
    assert one.stored() == before
    await one.api("POST", "invites", {}, who="einstein", status=201)
    one.context.clock.ahead = 86_401
    await one.api("POST", "invites", {"email": MARIE}, who="einstein", status=201)


async def test_a_cloud_without_a_mail_server_says_so(clouds):
    _, two = clouds
    answer = await two.api("POST", "invites", {"email": MARIE}, who="marie", status=400)
    assert "This cloud sends no mail." in answer["message"]
    assert [error["name"] for error in answer["validationErrors"]] == ["email"]
    assert two.rows(invites.listing, "marie") == []
    browser = Browser(two)
    await browser.sign_in("marie")
    assert "e-mail" not in (await browser.open("/invites")).text
    assert "sends no mail" in (await browser.submit("/invites", 400, note="", days="7", email=MARIE)).text


async def test_the_form_sends_it_too(clouds, box):
    one, _ = clouds
    browser = Browser(one)
    await browser.sign_in("einstein", headers={"Accept-Language": "fr-CA"})
    page = await browser.submit("/invites", note="for Marie", email=f" {MARIE} ", days="7")
    assert "is being sent" in page.text
    await settled(one)
    assert f"Sent to {MARIE}" in (await browser.open("/invites")).text
    (row,) = one.rows(invites.listing, "einstein")
    assert row.expiration - row.created in (7 * 86_400, 7 * 86_400 - 1)  # the clock is looked at twice
    for wrong in ({"days": "8"}, {"days": ""}, {"email": "nobody"}):
        page = await browser.submit("/invites", 400, **{"note": "kept", "email": "", "days": "7", **wrong})
        assert 'value="kept"' in page.html
        assert 'aria-invalid="true"' in page.html
    (mail,) = box.mails  # in the language of the one who invites
    assert mail["Subject"] == "Albert Éinstein vous invite à partager des fichiers"
    assert "souhaite partager" in mail.get_content()
