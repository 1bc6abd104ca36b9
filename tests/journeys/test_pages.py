"""What a person does in a browser, by pages and forms only."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from tests.browsing import BOUNDARY, Browser, Page
from tests.journeys.test_shares import offered
from tests.mesh import PASSWORD, basic, serve, settled

from opencloudmesh.server import accounts, config, locks, peers, received, schema, sessions, shares
from opencloudmesh.server.app import DEVELOPMENT, application
from opencloudmesh.server.context import Context

EVIL = """<script>alert(1)</script>"'><img src=x onerror=alert(1)>&amp;"""
PAGES = (
    "/files/", "/inbox", "/requests", "/invites", "/contacts", "/share/note.txt", "/link/note.txt", "/rename/note.txt",
    "/delete/note.txt",
)  # fmt: skip


@pytest.fixture
async def einstein(one):
    browser = Browser(one)
    await browser.sign_in("einstein")
    return browser


@pytest.fixture
async def marie(two):
    browser = Browser(two)
    await browser.sign_in("marie")
    return browser


def harmless(page: Page) -> bool:
    """Nothing on the page runs, or loads anything from elsewhere."""
    for tag, values in page.tags:
        if tag == "script" or any(name.startswith("on") or name == "style" for name in values):
            return False
        if any(not (values.get(name) or "/").startswith("/") for name in ("src", "action", "formaction")):
            return False
        if tag == "link" and not (values["href"] or "").startswith("/static/"):
            return False
    return True


# The whole job


async def test_two_people_share_a_file_by_pages_alone(one, two, einstein, marie):
    page = await einstein.upload("", [("note.txt", b"e = mc2")])
    assert "note.txt" in page.text
    form = {"address": two.address("marie"), "access": "write", "note": "Look at this!", "expires": "2099-12-31"}
    page = await einstein.submit("/share/note.txt", **form)
    assert "Shared." in page.text
    assert "On its way" in page.text
    await settled(one, two)
    assert "Delivered, not answered yet" in (await einstein.open("/share/note.txt")).text

    assert "1 waiting" in (await marie.open("/files/")).text
    inbox = await marie.open("/inbox")
    for words in (
        "Albert Einstein", one.address("einstein"), f"Confirmed: signed by {one.host}.", "You may read and write",
        "Look at this!", "until 1 Jan 2100, 00:00 UTC",
    ):  # fmt: skip
        assert words in inbox.text
    accepted = await marie.submit(inbox.form("/inbox/.*/accept"))
    assert "/files/Shares/note.txt" in accepted.links
    await settled(one, two)
    assert "Accepted" in (await einstein.open("/share/note.txt")).text
    assert "from Albert Einstein" in (await marie.open("/files/Shares")).text
    assert (await marie.send("GET", "/download/Shares/note.txt")).body == b"e = mc2"

    page = await einstein.submit((await einstein.open("/share/note.txt")).form("/stop/.*"))
    assert "Nobody but you." in page.text
    await settled(one, two)
    page = await marie.open("/inbox")
    assert "The sender has ended it." in page.text
    await marie.submit(page.form("/inbox/.*/remove"))
    assert two.rows(received.listing) == []


async def test_a_received_folder_is_worked_in(one, two, einstein, marie):
    one.put("einstein", "work/a.txt", b"a")
    await offered(one, two, "work", permissions=["read", "write"])
    page = await marie.open("/files/Shares/work")
    assert "Shared with you by Albert Einstein" in page.text
    assert not [link for link in page.links if link.startswith("/share/")]
    await marie.submit("/folder/Shares/work", name="new")
    await marie.upload("Shares/work/new", [("b.txt", b"b" * 300_000)])
    await marie.submit("/rename/Shares/work/a.txt", name="c.txt")
    assert one.file("einstein", "work/new/b.txt").read_bytes() == b"b" * 300_000
    assert one.file("einstein", "work/c.txt").exists()
    await marie.submit("/delete/Shares/work/new")
    assert not one.file("einstein", "work/new").exists()
    assert "You have left the share" in (await marie.submit("/delete/Shares/work")).text
    await settled(one, two)
    assert "Declined" in (await einstein.open("/share/work")).text
    assert one.file("einstein", "work/c.txt").exists()


async def test_what_may_only_be_read_offers_no_changes(one, two, marie):
    one.put("einstein", "work/a.txt", b"a")
    await offered(one, two, "work")
    page = await marie.open("/files/Shares/work")
    assert "you may only read" in page.text
    assert page.forms == ["/logout"]
    await marie.upload("Shares/work", [("b.txt", b"b")], status=403)
    await marie.submit("/delete/Shares/work/a.txt", status=403)
    assert [path.name for path in one.file("einstein", "work").iterdir()] == ["a.txt"]


async def test_a_share_is_declined(one, two, marie):
    one.put("einstein", "note.txt", b"e = mc2")
    share_id, _ = await offered(one, two, accept=False)
    await marie.submit((await marie.open("/inbox")).form("/inbox/.*/decline"))
    await settled(one, two)
    assert one.rows(shares.get, share_id).state == "declined"


async def test_an_unsigned_share_is_said_to_be_unconfirmed(one, two, marie):
    one.put("einstein", "note.txt", b"e = mc2")
    _, received_id = await offered(one, two, accept=False)
    update = schema.received.update().values(verified="unsigned")
    two.context.database.write_now(lambda tx: tx.run(update.where(schema.received.c.id == received_id)))
    assert f"Not confirmed: {one.host} does not sign." in (await marie.open("/inbox")).text


async def test_a_peer_that_is_away_shows_what_was_seen_last(one, two, marie):
    one.put("einstein", "work/a.txt", b"a")
    await offered(one, two, "work")
    assert "a.txt" in (await marie.open("/files/Shares/work")).text
    for _ in range(3):
        two.context.database.write_now(lambda tx: peers.failed(tx, one.host, "It is away."))
    page = await marie.open("/files/Shares/work")
    assert "a.txt" in page.text
    assert f"{one.host} has not been reachable since" in page.text
    assert "not reachable" in (await marie.open("/files/Shares")).text


async def test_people_become_contacts_by_an_invite(one, two, einstein, marie):
    page = await marie.submit("/invites", note="for Albert")
    (link,) = re.findall(r"readonly[^>]*>([^<]+)</textarea>", page.html)
    page = await einstein.submit("/invites/accept", invite=f"  {link}\r\n")
    assert "Marie Curie" in page.text
    assert one.address("einstein") in (await marie.open("/contacts")).text
    assert "Accepted" in (await marie.open("/invites")).text
    one.put("einstein", "note.txt", b"")
    assert f'<option value="{two.address("marie")}">' in (await einstein.open("/share/note.txt")).html
    await einstein.submit(page.form("/contacts/.*/remove"))
    assert one.stored()["contacts"] == []


async def test_invites_are_revoked_and_nonsense_is_told(einstein, one):
    page = await einstein.submit("/invites", note="")
    assert "None yet." in (await einstein.submit(page.form("/invites/.*/revoke"))).text
    page = await einstein.submit("/invites/accept", status=400, invite="nonsense")
    assert "nonsense</textarea>" in page.html
    assert one.stored()["contacts"] == []


async def test_contacts_are_added_by_hand(einstein):
    assert "marie@two.example" in (await einstein.submit("/contacts", address="marie@Two.Example", name="Marie")).text
    assert 'aria-invalid="true"' in (await einstein.submit("/contacts", status=400, address="marie", name="M")).html


# Files


async def test_files_are_uploaded_listed_renamed_downloaded_and_deleted(one, einstein):
    await einstein.submit("/folder/", name="Ä folder?#%")
    folder = "Ä folder?#%"
    page = await einstein.upload(folder, [("b.txt", b"bb"), ("a b.txt", b"a"), ("", b"")])
    assert "a b.txt 1 byte" in page.text
    url = f"/download/{quote(folder)}/a%20b.txt"
    assert url in page.links
    answer = await einstein.send("GET", url)
    assert answer.body == b"a"
    assert answer.headers.get("content-disposition") == "attachment"
    assert "sandbox" in answer.headers.get("content-security-policy")
    assert (await einstein.send("GET", url, headers={"Range": "bytes=0-0"})).status == 206
    await einstein.submit(f"/rename/{quote(folder)}/b.txt", name="c.txt")
    assert sorted(path.name for path in one.file("einstein", folder).iterdir()) == ["a b.txt", "c.txt"]
    assert "everything in it" in (await einstein.open(f"/delete/{quote(folder)}")).text
    assert "This folder is empty." in (await einstein.submit(f"/delete/{quote(folder)}")).text


async def test_folders_come_first(one, einstein):
    one.put("einstein", "a.txt", b"")
    one.put("einstein", "Z/b.txt", b"")
    links = [link for link in (await einstein.open("/")).links if link in ("/files/Z", "/download/a.txt")]
    assert links == ["/files/Z", "/download/a.txt"]


async def test_an_upload_keeps_what_is_there_unless_told_otherwise(one, einstein):
    one.put("einstein", "a.txt", b"old")
    await einstein.upload("", [("a.txt", b"second"), ("A.txt", b"third")])
    names = {path.name: path.read_bytes() for path in one.file("einstein", "").iterdir()}
    assert names == {"a.txt": b"old", "a (2).txt": b"second", "A (3).txt": b"third"}
    await einstein.upload("", [("a.txt", b"new")], replace="yes")
    assert one.file("einstein", "a.txt").read_bytes() == b"new"


@pytest.mark.parametrize("name", ["", " ", "..", ".", "a/b", "a\nb", "x" * 300])
async def test_names_that_cannot_be_are_refused(one, einstein, name):
    one.put("einstein", "a.txt", b"")
    before = one.stored()
    await einstein.submit("/folder/", status=400, name=name)
    await einstein.submit("/rename/a.txt", status=400, name=name)
    assert [path.name for path in one.file("einstein", "").iterdir()] == ["a.txt"]
    assert one.stored() == before


async def test_a_name_that_is_taken_is_not_replaced(one, einstein):
    one.put("einstein", "a.txt", b"a")
    one.put("einstein", "b.txt", b"b")
    assert "already" in (await einstein.submit("/rename/a.txt", status=412, name="b.txt")).text
    await einstein.submit("/folder/", status=405, name="a.txt")
    assert one.file("einstein", "b.txt").read_bytes() == b"b"


@pytest.mark.parametrize("name", ["../../marie/x.txt", "/etc/x.txt", "C:\\x.txt"])
async def test_an_uploaded_file_lands_in_its_folder_whatever_it_is_called(one, einstein, name):
    await einstein.upload("", [(name, b"x")])
    assert [path.name for path in one.file("einstein", "").iterdir()] == ["x.txt"]


@pytest.mark.parametrize("end", [b"", b"\r\n--" + BOUNDARY.encode(), b"\r\n--" + BOUNDARY.encode() + b"\r\n"])
async def test_an_upload_that_ends_early_leaves_no_part_of_a_file(one, einstein, end):
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'.encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    answer = await einstein.send("POST", "/upload/", head + b"half", kind)
    assert answer.status == 400
    assert list(one.file("einstein", "").iterdir()) == []
    answer = await einstein.send("POST", "/upload/", b"nonsense" + end, kind)
    assert answer.status == 400


async def test_what_a_webdav_client_has_locked_is_not_changed(one, einstein):
    one.put("einstein", "a.txt", b"a")
    one.context.database.write_now(lambda tx: locks.acquire(tx, "einstein", "a.txt", principal="account:einstein"))
    for page in (
        await einstein.submit("/rename/a.txt", status=423, name="b.txt"),
        await einstein.submit("/delete/a.txt", status=423),
        await einstein.upload("", [("a.txt", b"b")], status=423, replace="yes"),
    ):
        assert "Somebody has locked this." in page.text
    assert one.file("einstein", "a.txt").read_bytes() == b"a"


async def test_deleting_what_is_shared_says_so_and_ends_the_share(one, two, einstein):
    one.put("einstein", "work/note.txt", b"e = mc2")
    share_id, _ = await offered(one, two, "work/note.txt")
    assert "lose access to: work/note.txt" in (await einstein.open("/delete/work")).text
    await einstein.submit("/delete/work")
    assert one.rows(shares.get, share_id).state == "unshared"


# Sharing


@pytest.mark.parametrize(
    ("form", "status", "words"),
    [
        ({"address": "marie"}, 400, "Look at the address."),
        ({"address": ""}, 400, "Look at the address."),
        ({"address": "m@two.example", "expires": "2001-01-01"}, 400, "Look at the day on which it ends."),
        ({"address": "m@two.example", "expires": "soon"}, 400, "Look at the day on which it ends."),
        ({"address": "m", "expires": "9999-12-31x"}, 400, "Look at the address and the day on which it ends."),
        ({"address": "m@two.example", "expires": "9999-12-31"}, 400, "the day on which it ends."),
        ({"address": "m@two.example", "note": "x" * 5000}, 400, "Look at the note."),
        ({"address": "m@two.example", "note": "\0"}, 400, "Look at the note."),
    ],
)
async def test_a_form_that_is_wrong_says_where_and_keeps_what_was_written(one, einstein, form, status, words):
    one.put("einstein", "note.txt", b"")
    before = one.stored()
    page = await einstein.submit("/share/note.txt", status=status, access="write", **form)
    assert words in page.text
    assert f'value="{form["address"]}"' in page.html
    assert 'value="write" checked' in page.html
    assert one.stored() == before


async def test_nobody_shares_with_themselves_or_twice(one, einstein):
    one.put("einstein", "note.txt", b"")
    assert "your own address" in (await einstein.submit("/share/note.txt", 400, address=one.address("einstein"))).text
    await einstein.submit("/share/note.txt", address="marie@two.example")
    assert "already" in (await einstein.submit("/share/note.txt", 409, address="marie@two.example")).text
    assert len(one.rows(shares.listing)) == 1


async def test_permissions_are_as_chosen(one, einstein):
    one.put("einstein", "note.txt", b"")
    await einstein.submit("/share/note.txt", address="a@two.example", access="nonsense")
    await einstein.submit("/share/note.txt", address="b@two.example", access="write", reshare="yes")
    stored = {row.share_with: row.permissions for row in one.rows(shares.listing)}
    assert stored == {"a@two.example": ["read"], "b@two.example": ["read", "share", "write"]}


# Who is it?


async def test_who_is_not_signed_in_is_asked_to_and_comes_back(one):
    one.put("einstein", "a b/c.txt", b"")
    browser = Browser(one)
    answer = await browser.send("GET", "/files/a%20b")
    assert (answer.status, answer.headers.get("location")) == (303, "/login?next=%2Ffiles%2Fa%2520b")
    assert (await browser.send("GET", "/")).headers.get("location") == "/login"
    page = await browser.sign_in("einstein", next="/files/a%20b")
    assert "c.txt" in page.text
    assert "einstein" in page.text


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", "evil", "", "/\n", "/é"]
)
async def test_signing_in_leads_nowhere_else(one, target):
    browser = Browser(one)
    form = f"user=einstein&password={PASSWORD}&next={quote(target, safe='')}".encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await browser.send("POST", "/login", form, headers)).headers.get("location") == "/files/"
    assert (await browser.send("GET", f"/login?next={quote(target, safe='')}")).headers.get("location") == "/files/"


@pytest.mark.parametrize(
    ("user", "password"),
    [("einstein", "not this one"), ("nobody", PASSWORD), ("", ""), ("ein\0stein", PASSWORD), (EVIL, "nor this")],
)
async def test_a_wrong_password_is_told_on_the_page_and_nothing_more(one, user, password):
    browser = Browser(one)
    page = await browser.sign_in(user, password, status=401)
    assert "The user name or the password is wrong." in page.text
    assert "www-authenticate" not in page.headers
    assert harmless(page)
    assert password not in page.html or not password
    assert not browser.cookies
    assert one.stored()["sessions"] == []


async def test_guessing_is_stopped(one):
    browser = Browser(one)
    for _ in range(20):
        await browser.sign_in("einstein", "wrong", status=401)
    page = await browser.sign_in("einstein", "right", status=429)
    assert page.headers.get("retry-after")
    assert "Too many attempts" in page.text


async def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(one, einstein):
    browser = Browser(one)
    (answer,) = [await browser.send("POST", "/login", f"user=einstein&password={PASSWORD}".encode(),
                                    {"Content-Type": "application/x-www-form-urlencoded"})]  # fmt: skip
    (cookie,) = browser.set_cookies
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert attributes == {"httponly", "samesite=lax", "path=/", f"max-age={30 * 86_400}"}
    assert cookie.startswith(f"session-{one.host.rpartition(':')[2]}=")
    (secret,) = browser.cookies.values()
    assert secret not in str(one.stored())
    assert not [line for line in one.log if secret in line]
    assert answer.status == 303


async def test_on_https_the_cookie_is_secure_and_bound_to_the_host(tmp_path):
    options = {"data": tmp_path, "public_url": "https://cloud.example", "worker": False}
    context = Context.build(config.load(options, environment={}))
    try:
        context.database.write_now(lambda tx: accounts.add(tx, "einstein", accounts.hash_password(PASSWORD)))
        sent = await _asgi(application(context), f"user=einstein&password={PASSWORD}".encode())
        headers = dict(sent["headers"])
        assert sent["status"] == 303
        assert headers[b"set-cookie"].startswith(b"__Host-session=")
        assert b"Secure" in headers[b"set-cookie"]
        assert b"Domain" not in headers[b"set-cookie"]
    finally:
        await context.close()


async def _asgi(app, body):
    sent = []
    headers = [
        (b"origin", b"https://cloud.example"), (b"accept", b"text/html"),
        (b"content-type", b"application/x-www-form-urlencoded"),
    ]  # fmt: skip
    scope = {"type": "http", "method": "POST", "path": "/login", "raw_path": b"/login", "query_string": b"",
             "headers": headers, "client": ("127.0.0.1", 1), "http_version": "1.1", "scheme": "http",
             "server": ("cloud.example", 80)}  # fmt: skip

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]


async def test_a_session_that_was_put_there_is_worth_nothing_after_signing_in(one, einstein):
    (name,) = einstein.cookies
    victim = Browser(one)
    victim.cookies[name] = planted = einstein.cookies[name]
    await victim.sign_in("einstein")
    assert victim.cookies[name] != planted
    thief = Browser(one)
    thief.cookies[name] = planted
    assert (await thief.send("GET", "/files/")).status == 303
    thief.cookies[name] = "chosen by the thief"
    assert (await thief.send("GET", "/files/")).status == 303


async def test_signing_out_ends_the_session_at_the_server(one, einstein):
    kept = dict(einstein.cookies)
    page = await einstein.submit("/logout")
    assert "You have signed out." in page.text
    assert not einstein.cookies
    einstein.cookies = kept
    assert (await einstein.send("GET", "/files/")).status == 303
    assert one.stored()["sessions"] == []


async def test_a_session_lasts_while_it_is_used(one, einstein):
    one.context.clock.ahead = 29 * 86_400
    await einstein.open("/files/")
    assert einstein.set_cookies
    one.context.clock.ahead = 58 * 86_400
    await einstein.open("/files/")
    one.context.clock.ahead += sessions.LIFETIME
    assert (await einstein.send("GET", "/files/")).status == 303


async def test_a_changed_password_ends_the_session(one, einstein):
    one.context.database.write_now(lambda tx: accounts.set_password(tx, "einstein", "other"))
    assert (await einstein.send("GET", "/files/")).status == 303


# Forms from elsewhere


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": None},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:1"},
        {"Origin": "http://localhost"},
        {"Origin": ""},
        {"Origin": "http://[nonsense"},
        {"Origin": None, "Referer": "https://evil.example/?http://localhost"},
        {"Origin": "https://evil.example", "Referer": "OWN"},
    ],
)
async def test_a_form_from_elsewhere_changes_nothing(one, two, einstein, marie, headers):
    one.put("einstein", "note.txt", b"e = mc2")
    share_id, received_id = await offered(one, two)
    headers = {name: one.url + "/" if value == "OWN" else value for name, value in headers.items()}
    before, files = one.stored(), sorted(one.file("einstein", "").iterdir())
    for path in (
        "/logout", "/login", "/folder/", "/rename/note.txt", "/delete/note.txt", "/share/note.txt", f"/stop/{share_id}",
        "/invites", "/invites/accept", "/contacts", "/contacts/x/remove", "/inbox/x/accept", "/upload/",
    ):  # fmt: skip
        form = {"user": "einstein", "password": PASSWORD, "name": "x", "address": "a@b.example", "invite": "x"}
        page = await einstein.submit(path, 403, headers, **form)
        assert f"Open {one.url} and try again." in page.text
        assert not einstein.set_cookies
    assert (one.stored(), sorted(one.file("einstein", "").iterdir())) == (before, files)
    assert two.rows(received.get, received_id).state == "accepted"


async def test_a_referer_of_ours_is_enough(einstein, one):
    await einstein.submit("/folder/", headers={"Origin": None, "Referer": one.url + "/files/"}, name="new")
    assert one.file("einstein", "new").is_dir()


async def test_a_form_in_another_form_is_refused(one, einstein):
    before = one.stored()
    await einstein.submit("/contacts", 415, {"Content-Type": "application/json"}, address="a@b.example")
    await einstein.submit("/upload/", 415, name="x")
    answer = await einstein.send(
        "POST", "/contacts", b"x" * 70_000, {"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert answer.status == 413
    assert one.stored() == before


# What others say


async def test_nothing_that_others_say_runs(one, two, einstein, marie):
    name = EVIL.replace("/", "")
    one.put("einstein", f"{name}/{name}.txt", b"x")
    one.context.database.write_now(
        lambda tx: tx.run(schema.accounts.update().values(name=EVIL).where(schema.accounts.c.id == "einstein"))
    )
    url = quote(name)
    await einstein.submit(f"/share/{url}", address=two.address("marie"), note=EVIL, access="write")
    await einstein.submit(f"/share/{url}", 400, address=EVIL, note=EVIL, expires=EVIL, access=EVIL)
    await settled(one, two)
    inbox = await marie.open("/inbox")
    assert EVIL in inbox.text
    await marie.submit(inbox.form("/inbox/.*/accept"))
    await settled(one, two)
    await marie.submit("/contacts", address="<b>@two.example", name=EVIL)
    await marie.submit("/invites", note=EVIL)
    two.put("marie", "note.txt", b"")
    pages = [
        inbox,
        await einstein.open("/files/"),
        await einstein.open(f"/share/{url}"),
        await einstein.open(f"/delete/{url}"),
        await einstein.open(f"/rename/{url}"),
        await einstein.submit(f"/rename/{url}", 400, name="/" + EVIL),
        *[await marie.open(path) for path in (*PAGES, "/files/Shares", f"/files/Shares/{url}")],
        await marie.open(f"/delete/Shares/{url}"),
        await marie.submit("/invites/accept", 400, invite=EVIL),
        await marie.submit("/contacts", 400, address=EVIL, name=EVIL),
    ]
    for page in pages:
        assert harmless(page), page.html


async def test_what_a_page_says_cannot_be_put_into_its_url(einstein):
    page = await einstein.open("/files/?done=" + quote(EVIL))
    assert EVIL not in page.text
    assert "alert" not in page.html


# Other people's things


async def test_other_peoples_things_are_not_there(one, two, marie):
    one.put("einstein", "note.txt", b"e = mc2")
    _, received_id = await offered(one, two, accept=False)
    two.put("marie", "hers.txt", b"")
    await marie.submit("/invites", note="")
    await marie.submit("/contacts", address="a@b.example")
    await marie.submit("/share/hers.txt", address="a@b.example")
    stored = two.stored()
    ids = {table: stored[table][0][0] for table in ("invites", "contacts", "shares")}
    fritz = Browser(two)
    await fritz.sign_in("fritz")
    before = two.stored()
    for answer in ("accept", "decline", "remove", "nonsense"):
        await fritz.submit(f"/inbox/{received_id}/{answer}", 404)
    await fritz.submit(f"/invites/{ids['invites']}/revoke", 404)
    await fritz.submit(f"/contacts/{ids['contacts']}/remove", 404)
    await fritz.submit(f"/stop/{ids['shares']}", 404)
    for path in ("/share/hers.txt", "/download/hers.txt", "/delete/hers.txt", "/rename/hers.txt", "/files/hers.txt"):
        await fritz.open(path, 404)
    await fritz.submit("/share/hers.txt", 404, address="a@b.example")
    assert two.stored() == before
    assert received_id not in (await fritz.open("/inbox")).html


async def test_what_was_received_is_not_shared_on_here(one, two, marie):
    one.put("einstein", "note.txt", b"e = mc2")
    await offered(one, two)
    assert "belongs to somebody else" in (await marie.open("/share/Shares/note.txt", 403)).text
    await marie.submit("/share/Shares/note.txt", 403, address="a@b.example")
    assert two.stored()["shares"] == []


# Every page


async def test_every_page_keeps_the_browser_in_and_tells_who_i_am(one, einstein):
    one.put("einstein", "note.txt", b"")
    for path in (*PAGES, "/nonsense"):
        page = await einstein.open(path, 404 if path == "/nonsense" else 200)
        policy = page.headers.get("content-security-policy")
        assert policy == (
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
            "frame-ancestors 'none'; base-uri 'none'"
        )
        assert page.headers.get("cache-control") == "private, no-store"
        assert page.headers.get("referrer-policy") == "same-origin"
        assert harmless(page)
        assert DEVELOPMENT in page.text
        if path != "/nonsense":
            assert one.address("einstein") in page.text


async def test_every_field_has_a_label_and_every_page_its_landmarks(one, einstein):
    one.put("einstein", "note.txt", b"")
    for page in [*[await einstein.open(path) for path in PAGES], await Browser(one).open("/login")]:
        tags = [tag for tag, _ in page.tags]
        assert ("html", {"lang": "en", "dir": "ltr"}) in page.tags
        assert [tags.count(tag) for tag in ("main", "header", "footer", "h1", "title")] == [1, 1, 1, 1, 1]
        labelled = {values.get("for") for tag, values in page.tags if tag == "label"}
        for tag, values in page.tags:
            if tag in ("input", "textarea") and values.get("type") not in ("hidden", "checkbox", "radio"):
                assert values["id"] in labelled
        named = [values["id"] for _, values in page.tags if "id" in values]
        assert len(named) == len(set(named))


async def test_the_style_sheet_is_kept_for_ever_under_its_own_name(one):
    browser = Browser(one)
    page = await browser.open("/login")
    for _, values in [tag for tag in page.tags if tag[0] == "link"]:
        answer = await browser.send("GET", values["href"])
        assert answer.status == 200
        assert "immutable" in answer.headers.get("cache-control")
        assert re.search(r"\.[0-9a-f]{16}\.", values["href"])
    assert b"http" not in re.sub(rb"xmlns=\S+", b"", answer.body)


async def test_without_development_mode_there_is_no_banner(tmp_path):
    context = Context.build(config.load({"data": tmp_path, "public_url": "https://cloud.example"}, environment={}))
    try:
        from opencloudmesh.server.web.pages.visits import Look

        assert b"DEVELOPMENT" not in Look(context.config, "").page("login.html", 200, {"next": "/", "user": ""}).body
    finally:
        await context.close()


# Programs


@pytest.mark.parametrize("path", ["/api/v1/nonsense", "/ocm/nonsense", "/dav/nonsense", "/.well-known/nonsense"])
async def test_programs_are_told_in_json_whatever_they_accept(one, path):
    answer = await Browser(one).send("GET", path)
    assert (answer.status, answer.headers.get("content-type")) == (404, "application/json")


async def test_ocm_and_dav_never_lead_to_a_login(one):
    browser = Browser(one)
    for method, path in (("GET", "/ocm/shares"), ("POST", "/ocm/shares"), ("GET", "/dav/ocm/"), ("GET", "/api/v1/me"),
                         ("GET", "/dav/files/einstein/")):  # fmt: skip
        answer = await browser.send(method, path)
        assert answer.status in (400, 401, 405)
        assert answer.headers.get("content-type") == "application/json"


async def test_a_session_opens_nothing_for_programs_and_a_password_no_page(one, einstein):
    assert (await einstein.send("GET", "/api/v1/me")).status == 401
    assert (await Browser(one).send("GET", "/files/", headers={"Authorization": basic("einstein")})).status == 303


async def test_errors_of_pages_are_pages_for_browsers(one, einstein):
    page = await einstein.open("/files/nothing", 404)
    assert "There is no such file or folder." in page.text
    assert page.headers.get("content-type").startswith("text/html")
    answer = await einstein.send("GET", "/files/nothing", headers={"Accept": "*/*"})
    assert answer.headers.get("content-type") == "application/json"
    for path in ("/files/%ff", "/files/a%00b", "/files/..", "/inbox/%00/accept", "/files/a%2fb"):
        assert (await einstein.send("GET", path)).status in (400, 404, 405)
    assert (await einstein.send("GET", "/logout")).status == 405
    assert (await einstein.send("HEAD", "/files/")).status == 200


async def test_a_cloud_of_its_own_name_shows_it(tmp_path):
    async with serve(tmp_path, provider=EVIL) as server:
        page = await Browser(server).open("/")
        assert harmless(page)
        assert EVIL in page.text
