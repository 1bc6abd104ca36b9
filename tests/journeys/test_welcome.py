"""The first start, and links by which people choose a password."""

from __future__ import annotations

import os
import re
import subprocess
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from tests.browsing import Browser, harmless
from tests.clouds import OCM, Process, served, until
from tests.journeys.test_operator import decided, shown_link
from tests.mesh import PASSWORD, basic, serve

from opencloudmesh.server import accounts, schema, welcomes

LINK = re.compile(r"(http://\S+/welcome\?token=)([\w-]{43})")
FORM = {"user": "lise", "name": "Lise Meitner", "password": PASSWORD, "again": PASSWORD}


@pytest.fixture
async def empty(new_database_url, tmp_path):
    """A cloud where nobody has an account."""
    async with serve(tmp_path / "cloud", database_url=new_database_url()) as cloud:
        yield cloud


async def test_the_first_operator_makes_their_account_once(empty):
    secret = empty.context.database.write_now(welcomes.begin)
    assert secret not in str(empty.stored())
    first, second = Browser(empty), Browser(empty)
    path = f"/welcome?token={secret}"
    page = await first.open(path)
    assert "Nobody has an account here yet." in page.text
    assert harmless(page)
    assert page.headers.get("cache-control") == "private, no-store"
    page = await first.submit(page.form("/welcome"), token=secret, **FORM)
    assert "Your password is set. Sign in with it." in page.text
    assert not first.cookies  # nobody is signed in by a link
    assert empty.rows(accounts.get, "lise") == accounts.Account("lise", "Lise Meitner", "", None, operator=True)
    assert empty.file("lise", "").is_dir()
    assert decided(empty) == [("lise", "account", "lise", "added as an operator")]
    before = empty.stored()
    await second.open(path, 404)
    await second.submit("/welcome", 404, token=secret, **FORM | {"user": "mallory"})
    assert empty.stored() == before
    assert before["welcomes"] == []
    await first.sign_in("lise")
    await first.open("/operator/users")
    assert not [line for line in empty.log if secret in line or PASSWORD in line]


async def test_what_is_wrong_is_said_and_the_link_stays_good(empty):
    secret = empty.context.database.write_now(welcomes.begin)
    before, browser = empty.stored(), Browser(empty)
    for wrong, said in (
        ({"again": "another one"}, "The two passwords differ."),
        ({"password": "short", "again": "short"}, "8 to 1024"),
        ({"user": "a b"}, "Look at the user name."),
        ({"user": ""}, "Look at the user name."),
        ({"name": "x" * 256}, "Look at the name."),
    ):
        page = await browser.submit("/welcome", 400, token=secret, **FORM | wrong)
        assert said in page.text
        assert PASSWORD not in page.html
    await browser.submit("/welcome", 403, {"Origin": "https://evil.example"}, token=secret, **FORM)
    assert empty.stored() == before
    await browser.submit("/welcome", token=secret, **FORM)


@pytest.mark.parametrize("ends", ["a day", "a new link", "an account"])
async def test_the_link_of_the_first_operator_ends(empty, ends):
    database, browser = empty.context.database, Browser(empty)
    secret = database.write_now(welcomes.begin)
    await browser.open(f"/welcome?token={secret}")
    if ends == "a day":
        empty.context.clock.ahead = welcomes.LIFETIME + 1
    elif ends == "a new link":
        assert database.write_now(welcomes.begin) != secret
    else:
        empty.add("einstein")
        assert database.write_now(welcomes.begin) is None
    page = await browser.open(f"/welcome?token={secret}", 404)
    assert ("ask the operator" if ends == "an account" else "`ocm welcome` prints a new one") in page.text
    before = empty.stored()["accounts"]
    await browser.submit("/welcome", 404, token=secret, **FORM)
    assert empty.stored()["accounts"] == before
    if ends == "a day":
        database.write_now(welcomes.purge)
        assert empty.stored()["welcomes"] == []


async def test_guessing_a_link_is_stopped(empty):
    secret = empty.context.database.write_now(welcomes.begin)
    browser, digest = Browser(empty), empty.stored()["welcomes"][0][0]
    for wrong in ("", "x", digest, secret[:-1], "%00", "%c3%a9"):
        await browser.open(f"/welcome?token={wrong}", 404)
    for _ in range(20):
        await browser.open("/welcome?token=xxxxxxxxx", 404)
    assert (await browser.open("/welcome?token=xxxxxxxxx", 429)).headers.get("retry-after")


async def test_a_person_chooses_a_password_by_a_link_of_an_operators(one, einstein):
    one.add("lise", operator=True)
    lise, marie = Browser(one), Browser(one)
    await lise.sign_in("lise")
    old = shown_link(await lise.submit("/operator/users/einstein/link"), one)
    path = shown_link(await lise.submit("/operator/users/einstein/link"), one)
    await marie.open(old, 404)  # a new one ends it
    assert "Choose a password for einstein" in (await marie.open(path)).text
    _, _, secret = path.partition("=")
    # What the form says of who it is for counts for nothing.
    page = await marie.submit("/welcome", token=secret, user="lise", password="radioactivity", again="radioactivity")
    assert "Your password is set." in page.text
    assert one.rows(accounts.stored_password, "lise") != one.rows(accounts.stored_password, "einstein")
    await marie.sign_in("einstein", "radioactivity")
    await Browser(one).sign_in("lise")
    assert (await einstein.send("GET", "/files/")).status == 303  # the old password's session has ended
    await marie.open(path, 404)
    assert not one.rows(accounts.get, "einstein").operator
    assert secret not in str(one.stored())
    assert not [line for line in one.log if secret in line]


async def test_a_new_user_without_a_password_gets_a_link(one):
    one.add("lise", operator=True)
    lise = Browser(one)
    await lise.sign_in("lise")
    path = shown_link(await lise.submit("/operator/users", id="planck"), one)
    await Browser(one).sign_in("planck", "", status=401)
    _, _, secret = path.partition("=")
    await lise.submit("/welcome", token=secret, password=PASSWORD, again=PASSWORD)
    await Browser(one).sign_in("planck")
    added = await one.api("POST", "operator/users", {"id": "bohr"}, who="lise")
    assert LINK.fullmatch(added["link"])
    made = await one.api("POST", "operator/users/bohr/link", who="lise", status=201)
    assert LINK.fullmatch(made["link"])
    one.context.database.write_now(lambda tx: accounts.set_password(tx, "bohr", "another"))
    await Browser(one).open(made["link"].removeprefix(one.url), 404)  # who has a new password needs none
    await one.api("DELETE", "operator/users/bohr", who="lise", status=204)
    assert one.rows(lambda tx: tx.all(schema.welcomes.select())) == []


# Real processes


def test_one_process_serves_a_folder_with_sqlite(tmp_path):
    with served(tmp_path / "one") as cloud:
        cloud.start()
        (cloud.data / "tmp" / "arriving").write_text("of the first")
        before = {path: path.stat().st_mtime_ns for path in cloud.data.rglob("*") if path.name[:11] != "ocm.sqlite3"}
        words = [OCM, "serve", "--public-url", "http://localhost:1", "--port", str(cloud.port), "--development"]
        second = subprocess.run(words, env=cloud._environment, capture_output=True, text=True, timeout=30, check=False)
        assert second.returncode == 1
        assert second.stderr.startswith("Error: Another process serves this data folder already.")
        assert len(second.stderr.splitlines()) == 1
        assert before == {path: path.stat().st_mtime_ns for path in before}
        assert cloud._healthy()


def started_on_a_terminal(cloud: Process) -> str:
    """What a start says to whoever sits there."""
    leader, follower = os.openpty()
    words = [OCM, "serve", "--public-url", cloud.url, "--port", str(cloud.port), "--development"]
    with cloud.log.open("ab") as log:
        cloud.process = subprocess.Popen(words, env=cloud._environment, stdout=follower, stderr=log)
    os.close(follower)
    until(cloud._healthy)
    os.set_blocking(leader, False)
    said = b""
    with suppress(BlockingIOError, OSError):
        while part := os.read(leader, 4096):
            said += part
    os.close(leader)
    return said.decode()


def test_the_first_start_prints_the_link_to_a_terminal_and_to_nothing_else(tmp_path):
    with served(tmp_path / "one") as cloud:
        (first,) = LINK.finditer(started_on_a_terminal(cloud))
        assert first[1] == f"{cloud.url}/welcome?token="
        cloud.kill()
        (second,) = LINK.finditer(started_on_a_terminal(cloud))
        path = urlsplit(second[0]).path + "?" + urlsplit(second[0]).query
        assert cloud.ask("GET", path, who="nobody").status == 200
        assert cloud.ask("GET", path.replace(second[2], first[2]), who="nobody").status == 404
        cloud.kill()
        cloud.start()  # into a file
        assert cloud.ask("GET", path, who="nobody").status == 200  # it is still good: there is no other
        made = subprocess.run([OCM, "welcome"], env=cloud._environment, check=True, capture_output=True, text=True)
        assert LINK.fullmatch(made.stdout.strip())
        log = cloud.log.read_text()
        assert "`ocm welcome` prints a link" in log
        assert not LINK.search(log)
        assert not [link for link in (first[2], second[2]) if link in log]
        cloud.add("einstein")
        refused = subprocess.run([OCM, "welcome"], env=cloud._environment, capture_output=True, text=True)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert cloud.ask("GET", urlsplit(made.stdout.strip()).path, who="nobody").status == 404
        cloud.kill()
        assert not LINK.search(started_on_a_terminal(cloud))
        assert basic("einstein")
