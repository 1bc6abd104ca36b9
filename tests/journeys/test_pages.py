"""What holds for every page that a person sees in a browser."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from tests.browsing import EVIL, Browser, harmless
from tests.journeys.test_shares import offered
from tests.mesh import PASSWORD, basic, serve, settled

from opencloudmesh.server import config, received, schema
from opencloudmesh.server.app import DEVELOPMENT
from opencloudmesh.server.context import Context
from opencloudmesh.server.web.pages.visits import FOLDER, STATIC

PAGES = (
    "/files/", "/inbox", "/requests", "/invites", "/contacts", "/share/note.txt", "/link/note.txt", "/rename/note.txt",
    "/move/note.txt", "/delete/note.txt",
)  # fmt: skip


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
        "/logout", "/login", "/folder/", "/move/note.txt", "/rename/note.txt", "/delete/note.txt",
        "/share/note.txt", f"/stop/{share_id}",
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


# Every page


async def test_every_page_keeps_the_browser_in_and_tells_who_i_am(one, einstein):
    one.put("einstein", "note.txt", b"")
    for path in (*PAGES, "/nonsense"):
        page = await einstein.open(path, 404 if path == "/nonsense" else 200)
        policy = page.headers.get("content-security-policy")
        scripts = " ".join(one.url + static.url for name, static in STATIC.items() if name.endswith(".js"))
        assert policy == (
            "default-src 'none'; style-src 'self'; img-src 'self'; media-src 'self'; form-action 'self'; "
            f"frame-ancestors 'none'; base-uri 'none'; script-src {scripts}; "
            f"connect-src {one.url}/uploads/ {one.url}/peers {one.url}/s/; require-trusted-types-for 'script'"
        )
        assert page.headers.get("cache-control") == "private, no-store"
        assert page.headers.get("referrer-policy") == "same-origin"
        assert harmless(page)
        assert DEVELOPMENT in page.text
        if path != "/nonsense":
            assert one.address("einstein") in page.text


async def test_scripts_are_small_and_change_their_name_with_their_content(one, einstein):
    scripts = {name: static for name, static in STATIC.items() if name.endswith(".js")}
    assert set(scripts) == {path.name for path in (FOLDER / "static").glob("*.js")}
    assert sum(len(static.content) for static in scripts.values()) < 100_000
    for static in scripts.values():
        answer = await Browser(one).send("GET", static.url)
        assert (answer.status, answer.body) == (200, static.content)
        assert answer.headers.get("content-type") == "text/javascript; charset=utf-8"
        assert answer.headers.get("cache-control") == "public, max-age=31536000, immutable"


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

        assert b"DEVELOPMENT" not in Look(context.config, "").page("login.html", {"next": "/", "user": ""}).body
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
