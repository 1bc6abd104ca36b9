"""Links that open something: what visitors see, fetch and put there, by pages and WebDAV; what owners decide."""

from __future__ import annotations

import asyncio
import io
import re
import threading
import zipfile
from base64 import b64encode
from urllib.parse import quote

import pytest
from tests.browsing import EVIL, Browser, harmless
from tests.mesh import basic, settled
from tests.security.test_pictures import pdf, picture

from opencloudmesh.server import audit, limits, link_trees, links, rules
from opencloudmesh.server.files import LocalTree
from opencloudmesh.server.trees import Entry
from opencloudmesh.server.web import linked
from opencloudmesh.server.web.pages import visitors
from opencloudmesh.server.web.pages.files import SEARCHES

NOWHERE = "This link leads nowhere"
LOCK = b"""<d:lockinfo xmlns:d="DAV:"><d:lockscope><d:exclusive/></d:lockscope>
<d:locktype><d:write/></d:locktype></d:lockinfo>"""
HTML = b"<script>alert(1)</script>"


@pytest.fixture
def visitor(one):
    """Somebody who is not known."""
    return Browser(one)


@pytest.fixture(autouse=True)
def files(one):
    for path, content in {
        "work/a.txt": b"aaa", "work/deep/page.html": HTML, "work/deep/b.txt": b"bb", "secret.txt": b"secret",
    }.items():  # fmt: skip
        one.put("einstein", path, content)


async def given(cloud, path="work", mode="read", **more):
    """A link of einstein's: what the API says of it, and its path."""
    link = await cloud.api("POST", "links", {"path": path, "mode": mode, **more}, who="einstein", status=201)
    return link, link["url"].removeprefix(cloud.url)


async def known(cloud, link):
    (row,) = [row for row in await cloud.api("GET", "links", who="einstein") if row["id"] == link["id"]]
    return row


# Reading


async def test_a_visitor_looks_into_a_folder_and_fetches_what_is_in_it(one, visitor):
    link, home = await given(one, description="All of it")
    assert re.fullmatch("/s/[A-Za-z0-9_-]{43}", home)
    page = await visitor.open(home)
    for words in (
        "work",
        f"Shared by Albert Einstein at {one.host}.",
        "All of it",
        "a.txt",
        "3 bytes",
        "Add to your cloud",
    ):
        assert words in page.text
    assert "secret" not in page.html
    assert "Upload" not in page.text
    for name, value in {
        "x-robots-tag": "noindex, nofollow", "referrer-policy": "same-origin", "cache-control": "private, no-store",
    }.items():  # fmt: skip
        assert page.headers.get(name) == value
    assert f"{home}/files/deep" in page.links
    deep = await visitor.open(f"{home}/files/deep")
    assert f"{home}/files/deep/page.html" in deep.links
    shown = await visitor.open(f"{home}/files/deep/page.html")
    assert harmless(shown)
    assert HTML.decode() in shown.text
    assert f"{home}/download/deep/page.html" in shown.links
    assert (await visitor.send("GET", f"{home}/content/deep/page.html")).status == 404

    got = await visitor.send("GET", f"{home}/download/deep/page.html")
    assert got.body == HTML
    assert got.headers.get("content-disposition") == "attachment"
    assert "sandbox" in (got.headers.get("content-security-policy") or "")
    assert got.headers.get("x-content-type-options") == "nosniff"
    assert got.headers.get("x-robots-tag") == "noindex, nofollow"
    archive = await visitor.send("GET", f"{home}/archive/")
    assert "work.zip" in (archive.headers.get("content-disposition") or "")
    with zipfile.ZipFile(io.BytesIO(archive.body)) as found:
        assert sorted(found.namelist()) == ["a.txt", "deep/", "deep/b.txt", "deep/page.html"]
    assert (await visitor.send("HEAD", f"{home}/download/a.txt")).status in (200, 405)
    assert not visitor.cookies
    assert (await known(one, link))["downloads"] == 2


async def test_only_what_begins_a_download_is_counted(one, visitor):
    link, home = await given(one, "work/a.txt")
    for asked, status in {"bytes=0-1": 206, "bytes=2-": 206, "bytes=9-": 416}.items():
        assert (await visitor.send("GET", f"{home}/download", headers={"Range": asked})).status == status
    got = await visitor.send("GET", f"{home}/download")
    assert (got.body, got.headers.get("content-disposition")) == (b"aaa", "attachment; filename*=UTF-8''a.txt")
    await visitor.send("GET", f"{home}/download", headers={"If-None-Match": got.headers.get("etag")})
    await visitor.open(home)
    assert (await known(one, link))["downloads"] == 2


async def test_a_link_to_read_changes_nothing_and_leads_nowhere_else(one, visitor):
    _, home = await given(one)
    before = one.stored()
    await visitor.send_files(f"{home}/upload/", [("new.txt", b"x")], 403)
    await visitor.submit(f"{home}/folder/", 403, name="new")
    await visitor.submit(f"{home}/delete/a.txt", 403)
    for path in ("../secret.txt", "..%2fsecret.txt", "%2e%2e/secret.txt", "deep/../../secret.txt", "/secret.txt"):
        for kind in ("files", "download", "archive"):
            answer = await visitor.send("GET", f"{home}/{kind}/{path}")
            assert answer.status in (400, 404), (kind, path)
            assert answer.body != b"secret"
    for path in (f"{home}/", f"{home}/nothing", f"{home}/files/nothing", f"/s/{home[3:-1]}", "/s/", "/s/x/files/"):
        await visitor.open(path, 404)
    assert one.stored() == before
    assert one.file("einstein", "work/a.txt").read_bytes() == b"aaa"


async def test_pictures_are_shown_inside_of_the_page_and_nothing_else_is(one, visitor):
    one.put("einstein", "look/a.png", b"no picture at all")
    one.put("einstein", "look/b.svg", b"<svg onload='alert(1)'/>")
    one.put("einstein", "look/c.exe", b"MZ")
    one.put("einstein", "look/d.pdf", pdf(kids="3 0 R 3 0 R"))
    link, home = await given(one, "look")
    page = await visitor.open(f"{home}/files/a.png")
    assert ("img", f"{home}/content/a.png") in {(tag, values.get("src")) for tag, values in page.tags}
    got = await visitor.send("GET", f"{home}/content/a.png")
    assert (got.headers.get("content-type"), got.headers.get("content-disposition")) == ("image/png", "inline")
    assert "sandbox" in got.headers.get("content-security-policy")
    assert f"{home}/files/b.svg" in page.links  # what comes next
    page = await visitor.open(f"{home}/files/b.svg")
    assert "onload" in page.text  # as text
    assert {f"{home}/files/a.png", f"{home}/files/d.pdf"} < set(page.links)
    for path in ("b.svg", "c.exe", "../secret.png", "nothing.png"):
        assert (await visitor.send("GET", f"{home}/content/{path}")).status in (400, 404)
    assert (await visitor.send("GET", f"{home}/files/c.exe")).headers.get("location") == f"{home}/download/c.exe"
    _, protected = await given(one, "look/d.pdf", password="open sesame")
    _, drop = await given(one, "look", mode="upload")
    for part in ("content", "thumbnail", "page/0"):
        assert (await visitor.send("GET", f"{protected}/{part}/")).status == 303
        assert (await visitor.send("GET", f"{drop}/{part}/a.png")).status == 403
    assert (await known(one, link))["downloads"] == 0


async def test_pages_of_a_pdf_and_small_pictures_are_shown_and_are_no_more_than_a_client_may_ask_for(
    one, einstein, visitor, monkeypatch
):
    one.put("einstein", "look/d.pdf", pdf(kids="3 0 R 3 0 R"))
    one.put("einstein", "look/e.png", picture())
    one.put("einstein", "look/f.png", b"none")
    _, home = await given(one, "look")
    _, alone = await given(one, "look/d.pdf")
    for url, path in ((f"{home}/files/d.pdf", f"{home}/page/{{}}/d.pdf"), (alone, f"{alone}/page/{{}}/")):
        page = await visitor.open(url)
        shown = {values["src"] for tag, values in page.tags if tag == "img" and "/page/" in values["src"]}
        assert shown == {path.format(0), path.format(1)}
        got = [await visitor.send("GET", path.format(number)) for number in range(3)]
        assert [(answer.status, answer.headers.get("content-type")) for answer in got[:2]] == [(200, "image/webp")] * 2
        assert got[2].status == 404
    assert (await einstein.send("GET", "/page/1/look/d.pdf")).body == got[1].body
    assert (
        len(list((one.data / "previews").iterdir())) == 3
    )  # two pages and that there is no third, for the owner and both links together
    page = await visitor.open(home)
    pictures = [values["src"] for tag, values in page.tags if tag == "img" and "/thumbnail/" in values["src"]]
    assert [(await visitor.send("GET", path)).headers.get("content-type") for path in pictures] == [
        "image/webp", "image/webp", "image/svg+xml",
    ]  # fmt: skip
    monkeypatch.setattr(visitors, "PICTURES", 1)
    assert (await visitor.send("GET", f"{home}/page/0/d.pdf")).status == 429
    assert (await visitor.send("GET", pictures[0])).headers.get("cache-control") == "no-store"
    assert f"{alone}/download" in (await visitor.open(alone)).links
    assert (await einstein.send("GET", "/page/0/look/d.pdf")).status == 200


async def test_a_visitor_sorts_searches_and_pages_through_a_large_folder(one, visitor, monkeypatch):
    for number in range(260):
        one.put("einstein", f"large/file {number:03}.txt", b"x" * number)
    one.file("einstein", "large/deep").mkdir()
    _, home = await given(one, "large")
    page = await visitor.open(home)
    assert "1 to 200 of 261" in page.text
    assert f"{home}/files/file%20199.txt" not in page.links
    page = await visitor.open(f"{home}?from=200&sort=name")
    assert "201 to 261 of 261" in page.text
    assert page.links.index(f"{home}/files/file%20199.txt") < page.links.index(f"{home}/files/file%20259.txt")
    page = await visitor.open(f"{home}?sort=-size")
    assert page.links.index(f"{home}/files/deep") < page.links.index(f"{home}/files/file%20259.txt")
    page = await visitor.open(f"{home}?search=5.TXT&sort=-name")
    files = [link for link in page.links if link.startswith(f"{home}/files/")]
    assert (len(files), files[0]) == (26, f"{home}/files/file%20255.txt")
    page = await visitor.open(f"{home}?search={quote(EVIL)}")
    assert "Nothing in this folder has" in page.text
    assert harmless(page)
    one.put("einstein", "large/deep/a.txt", b"a")
    one.put("einstein", "a.txt", b"not theirs")
    page = await visitor.open(f"{home}?search=a.txt")
    files = [link for link in page.links if link.startswith(f"{home}/files/")]
    assert files == [f"{home}/files/deep/a.txt", f"{home}/files/deep"]  # and where it is
    with monkeypatch.context() as patched:
        patched.setattr(visitors, "SEARCHED", 1)
        await visitor.open(f"{home}?search=a.txt", 429)


async def test_neither_strangers_nor_one_of_our_people_look_for_more_at_once_than_few(one, visitor, monkeypatch):
    """Each takes one of the threads by which everybody's files come, for as long as there is something to look at."""
    _, home = await given(one)
    einstein, begun, go_on = Browser(one), [], threading.Event()
    await einstein.sign_in("einstein")

    def lasting(*_: object) -> tuple[list[Entry], bool]:
        begun.append(1)
        go_on.wait(30)
        return [], True

    monkeypatch.setattr(LocalTree, "_find", lasting)
    for who, place in ((visitor, home), (einstein, "/files/")):
        begun.clear(), go_on.clear()
        try:
            searches = [asyncio.create_task(who.send("GET", f"{place}?search=a")) for _ in range(SEARCHES)]
            while len(begun) < SEARCHES:
                await asyncio.sleep(0.01)
            assert (await who.send("GET", f"{place}?search=a")).status == 429
            assert (await who.send("GET", place)).status == 200
        finally:
            go_on.set()
        assert {answer.status for answer in await asyncio.gather(*searches)} == {200}


# What ends


async def test_links_that_end_in_whatever_way_are_told_in_the_same_words(one, visitor):
    soon = int(one.context.clock()) + 60
    (_, gone), (_, expiring) = await given(one, "work/a.txt"), await given(one, expiration=soon)
    _, moved = await given(one, "work/deep")
    removed_link, removed = await given(one)
    lost = (await given(one, "secret.txt"))[1]
    await one.api("DELETE", f"links/{removed_link['id']}", who="einstein", status=204)
    assert (await one.dav("DELETE", "einstein", "work/a.txt")).status == 204
    one.file("einstein", "secret.txt").unlink()
    target = f"{one.url}/dav/files/einstein/elsewhere"
    assert (await one.dav("MOVE", "einstein", "work/deep", Destination=target)).status == 201
    assert "elsewhere" in (await visitor.open(moved)).text  # it goes where its folder goes
    one.context.clock.ahead += 61
    said = set()
    for path in (gone, expiring, removed, lost, "/s/never"):
        page = await visitor.open(path, 404)
        assert NOWHERE in page.text
        said.add(page.html)
        assert NOWHERE in (await visitor.open(f"{path}/download", 404)).text
    assert len(said) == 1
    assert not [line for line in one.log if removed[3:-1] in line or expiring[3:-1] in line]


# Passwords


async def test_a_password_is_asked_for_once_and_a_new_one_ends_that(one, visitor):
    link, home = await given(one, password="open sesame")
    assert link["protected"] is True
    assert "sesame" not in str(one.stored()["links"])
    before = one.stored()
    page = await visitor.open(home)
    assert "This link has a password" in page.text
    assert "a.txt" not in page.html
    assert "work" not in page.html
    assert "This link has a password" in (await visitor.open(f"{home}/files/deep")).text
    for path in ("/download/a.txt", "/archive/"):
        answer = await visitor.send("GET", home + path)
        assert (answer.status, answer.headers.get("location")) == (303, home)
    assert "This link has a password" in (await visitor.submit(f"{home}/add", address="marie@two.example")).text
    assert "This link has a password" in (await visitor.send_files(f"{home}/upload/", [("x", b"")])).text
    assert "The password is wrong." in (await visitor.submit(f"{home}/password", 401, password="guess")).text
    await visitor.submit(f"{home}/password", 401)
    assert one.stored() == before
    assert not visitor.cookies

    assert "a.txt" in (await visitor.submit(f"{home}/password", password="open sesame")).text
    (cookie,) = visitor.set_cookies or [f"{name}={value}" for name, value in visitor.cookies.items()]
    assert (await visitor.send("GET", f"{home}/download/a.txt")).body == b"aaa"
    _, other_home = await given(one, password="open sesame")
    assert "This link has a password" in (await visitor.open(other_home)).text  # the cookie is of one link only
    for forged in ("", "1.x", f"{2**40}.{cookie.partition('.')[2]}", "9" * 400 + ".x", "\x80.é"):
        thief = Browser(one)
        thief.cookies["link"] = forged.encode().decode("latin-1")
        assert "This link has a password" in (await thief.open(home)).text

    await one.api("PATCH", f"links/{link['id']}", {"password": "open barley"}, who="einstein", status=200)
    assert "This link has a password" in (await visitor.open(home)).text
    await visitor.submit(f"{home}/password", 401, password="open sesame")
    await visitor.submit(f"{home}/password", password="open barley")
    one.context.clock.ahead += linked.REMEMBERED + 1
    assert "This link has a password" in (await visitor.open(home)).text
    await one.api("PATCH", f"links/{link['id']}", {"password": None}, who="einstein", status=200)
    assert "a.txt" in (await visitor.open(home)).text


async def test_the_cookie_is_for_the_link_only_and_not_for_scripts(one, visitor):
    _, home = await given(one, password="open sesame")
    body = b"password=open+sesame"
    await visitor.send("POST", f"{home}/password", body, {"Content-Type": "application/x-www-form-urlencoded"})
    (cookie,) = visitor.set_cookies
    for words in (f"Path={home};", "HttpOnly", "SameSite=lax"):
        assert words in cookie + ";"


async def test_who_guesses_passwords_is_stopped_and_signs_in_all_the_same(one, visitor):
    _, home = await given(one, password="open sesame")
    for number in range(limits.FAILURES_FOR_NAME):
        await visitor.submit(f"{home}/password", 401, password=f"guess {number}")
    page = await visitor.submit(f"{home}/password", 429, password="open sesame")
    assert int(page.headers.get("retry-after")) > 0
    token = home[3:]
    dav = {"Authorization": basic(token, "open sesame")}
    assert (await one.request("PROPFIND", "/dav/ocm/", dav)).status == 429  # one count for every way in
    _, other = await given(one)
    await visitor.open(other)
    await visitor.sign_in("einstein")


async def test_guesses_at_once_are_no_more_than_one_after_another(one, visitor):
    link, home = await given(one, password="a long password")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    guesses = [visitor.send("POST", f"{home}/password", b"password=x%d" % number, form) for number in range(60)]
    stopped = [answer.status == 429 for answer in await asyncio.gather(*guesses)]
    assert sum(stopped) > len(guesses) - 2 * limits.FAILURES_FOR_NAME
    assert (await known(one, link))["downloads"] == 0


async def test_who_has_no_password_can_ask_the_owner(one, two, visitor):
    _, home = await given(one, password="open sesame")
    assert "The owner will be asked" in (await visitor.submit(f"{home}/ask", address=two.address("marie"))).text
    assert "looks like" in (await visitor.submit(f"{home}/ask", 400, address="nonsense")).text
    (row,) = await one.api("GET", "requests", who="einstein")
    granted = await one.api("POST", f"requests/{row['id']}/grant", who="einstein", status=200)
    (share,) = await one.api("GET", "shares", who="einstein")
    assert (share["id"], share["permissions"], share["link"]) == (granted["share"], ["read"], None)


# Putting files there


async def test_what_is_put_into_a_drop_lies_beside_what_is_there_and_is_not_seen(one, visitor):
    link, home = await given(one, mode="upload")
    page = await visitor.open(home)
    assert "Upload files for Albert Einstein" in page.text
    assert "a.txt" not in page.html
    assert "work" not in page.html
    page = await visitor.send_files(f"{home}/upload/", [("a.txt", b"mine"), ("a.txt", b"too"), ("deep", b"x")])
    assert "Uploaded." in page.text
    assert "a.txt" not in page.html
    await visitor.send_files(f"{home}/upload/", [("a.txt", b"third")], replace="yes")
    found = {path.name: path.read_bytes() for path in one.file("einstein", "work").iterdir() if path.is_file()}
    assert found == {
        "a.txt": b"aaa",
        "a (2).txt": b"mine",
        "a (3).txt": b"too",
        "deep (2)": b"x",
        "a (4).txt": b"third",
    }
    for path in ("/download/a.txt", "/archive/", "/files/deep", "/download/"):
        answer = await visitor.send("GET", home + path)
        assert answer.status in (200, 403)
        assert b"aaa" not in answer.body
        assert b"page.html" not in answer.body
    before = one.stored()
    await visitor.send_files(f"{home}/upload/deep", [("b.txt", b"x")], 403)
    await visitor.send_files(f"{home}/upload/nothing", [("b.txt", b"x")], 403)
    await visitor.submit(f"{home}/folder/", 403, name="new")
    await visitor.submit(f"{home}/delete/a.txt", 403)
    await visitor.submit(f"{home}/add", 403, address="marie@two.example")
    await visitor.submit(f"{home}/ask", 403, address="marie@two.example")
    assert one.stored() == before
    assert {key: (await known(one, link))[key] for key in ("uploads", "uploaded", "downloads")} == {
        "uploads": 4, "uploaded": 13, "downloads": 0,
    }  # fmt: skip
    await one.api("POST", "links", {"path": "secret.txt", "mode": "upload"}, who="einstein", status=400)


async def test_visitors_work_in_a_folder_where_they_may(one, visitor):
    _, home = await given(one, mode="edit")
    await visitor.submit(f"{home}/folder/", name="new")
    page = await visitor.send_files(f"{home}/upload/new", [("b.txt", b"bbb"), ("b.txt", b"2")])
    assert "b (2).txt" in page.text
    await visitor.send_files(f"{home}/upload/", [("a.txt", b"newer")], replace="yes")
    assert one.file("einstein", "work/a.txt").read_bytes() == b"newer"
    page = await visitor.submit(page.form(re.escape(f"{home}/delete/new/b.txt")))
    assert "Deleted." in page.text
    assert sorted(path.name for path in one.file("einstein", "work/new").iterdir()) == ["b (2).txt"]
    await visitor.submit(f"{home}/delete/", 403)
    await visitor.submit(f"{home}/folder/", 405, name="deep")
    _, one_file = await given(one, "secret.txt", mode="edit")
    await visitor.send_files(f"{one_file}/upload/", [("other name.txt", b"new version")])
    assert one.file("einstein", "secret.txt").read_bytes() == b"new version"
    assert not one.file("einstein", "other name.txt").exists()


async def test_uploads_are_bounded_by_the_link_besides_the_quota(one, visitor, monkeypatch):
    _, home = await given(one, mode="upload")
    tree = type(one.context).linked_tree
    monkeypatch.setattr(link_trees, "MAX_UPLOADS", 3)

    def narrow(context, link):
        found = tree(context, link)
        found._largest, found._total = 10, 15
        return found

    monkeypatch.setattr(type(one.context), "linked_tree", narrow)
    await visitor.send_files(f"{home}/upload/", [("big", b"x" * 11)], 507)
    await visitor.send_files(f"{home}/upload/", [("fits", b"x" * 10)])
    await visitor.send_files(f"{home}/upload/", [("over", b"x" * 6)], 507)
    await visitor.send_files(f"{home}/upload/", [("1", b""), ("2", b""), ("3", b"")], 507)
    names = {path.name for path in one.file("einstein", "work").iterdir()}
    assert names == {"a.txt", "deep", "fits", "1", "2"}
    link, home = await given(one, mode="edit")
    shown = b64encode(f"{home.rpartition('/')[2]}:".encode()).decode()
    fields = {"Authorization": f"Basic {shown}"}
    at_once = [one.request("PUT", f"/dav/ocm/at-once-{number}", fields, b"x" * 8) for number in range(4)]
    assert sorted([answer.status for answer in await asyncio.gather(*at_once)]) == [201, 507, 507, 507]
    assert len(list(one.file("einstein", "work").glob("at-once-*"))) == 1
    assert ((await known(one, link))["uploads"], (await known(one, link))["uploaded"]) == (1, 8)
    monkeypatch.setattr(linked, "PUT_OF_CLIENT", 0)
    page = await visitor.send_files(f"{home}/upload/", [("more", b"")], 429)
    assert page.headers.get("retry-after")


async def test_a_copy_of_a_folder_counts_with_all_that_is_in_it(one, monkeypatch):
    link, home = await given(one, mode="edit")
    shown = b64encode(f"{home.rpartition('/')[2]}:".encode()).decode()
    fields = {"Authorization": f"Basic {shown}", "Destination": f"{one.url}/dav/ocm/again"}
    monkeypatch.setattr(link_trees, "MAX_UPLOADS", 2)
    assert (await one.request("COPY", "/dav/ocm/deep", fields)).status == 507
    assert not one.file("einstein", "work/again").exists()
    monkeypatch.setattr(link_trees, "MAX_UPLOADS", 3)
    assert (await one.request("COPY", "/dav/ocm/deep", fields)).status == 201
    assert (await known(one, link))["uploads"] == 3


@pytest.mark.parametrize("headers", [{"Origin": None}, {"Origin": "https://evil.example"}, {"Origin": "null"}])
async def test_a_form_from_elsewhere_does_nothing(one, visitor, headers):
    _, home = await given(one, mode="edit")
    before = one.stored()
    for path in ("add", "password", "ask", "upload/", "folder/", "delete/a.txt"):
        await visitor.submit(f"{home}/{path}", 403, headers, address="marie@two.example", name="x")
    assert one.stored() == before
    assert one.file("einstein", "work/a.txt").exists()


async def test_nothing_that_anybody_says_runs(one, visitor):
    one.put("einstein", "evil/<img src=x onerror=alert(1)>", b"x")
    one.put("einstein", "evil/'\"><b>/x.svg", b"<svg onload=alert(1)>")
    _, home = await given(one, "evil", mode="edit", description=EVIL)
    pages = [
        await visitor.open(home),
        await visitor.open(f"{home}/files/'%22%3E%3Cb%3E"),
        await visitor.submit(f"{home}/add", 400, address=EVIL),
        await visitor.open(f"{home}?done=%3Cscript%3E"),
        await visitor.submit(f"{home}/folder/", 400, name=EVIL),
    ]
    for page in pages:
        assert harmless(page), page.html
    got = await visitor.send("GET", f"{home}/download/'%22%3E%3Cb%3E/x.svg")
    assert got.headers.get("content-disposition") == "attachment"


# WebDAV


async def test_a_link_is_opened_by_webdav_with_its_token_and_password(one, visitor):
    link, home = await given(one, mode="edit", password="open sesame")
    token, right = home[3:], {"Authorization": basic(home[3:], "open sesame")}
    for header in (basic(token, ""), basic(token, "guess"), basic("x", token), f"Bearer {token}", basic("", token)):
        answer = await one.request("PROPFIND", "/dav/ocm/", {"Authorization": header})
        assert answer.status == 401, header
    assert (await one.request("PROPFIND", "/dav/ocm/", {**right, "Depth": "1"})).status == 207
    assert (await one.request("GET", "/dav/ocm/a.txt", right)).body == b"aaa"
    assert (await one.request("GET", f"/dav/ocm/{link['id']}/a.txt", right)).body == b"aaa"
    assert (await one.request("PUT", "/dav/ocm/new.txt", right, b"new")).status == 201
    assert (await one.request("MKCOL", "/dav/ocm/made", right)).status == 201
    copy = {**right, "Destination": f"{one.url}/dav/ocm/copy.txt", "Host": "127.0.0.1"}
    assert (await one.request("COPY", "/dav/ocm/new.txt", copy)).status == 201
    assert (await one.request("DELETE", "/dav/ocm/new.txt", right)).status == 204
    assert (await one.request("GET", "/dav/ocm/../secret.txt", right)).status in (400, 401, 404)
    row = await known(one, link)
    assert (row["uploads"], row["uploaded"], row["downloads"]) == (3, 6, 2)
    assert (await one.request("LOCK", "/dav/ocm/a.txt", right, LOCK)).status == 200
    assert (await one.dav("PUT", "einstein", "work/a.txt", b"x")).status == 423
    await one.api("PATCH", f"links/{link['id']}", {"mode": "read"}, who="einstein", status=200)
    assert (await one.dav("PUT", "einstein", "work/a.txt", b"x")).status == 204  # nobody's lock is in the way any more
    assert (await one.request("PUT", "/dav/ocm/new.txt", right, b"new")).status == 403
    await one.api("PATCH", f"links/{link['id']}", {"mode": "ask"}, who="einstein", status=200)
    assert (await one.request("PROPFIND", "/dav/ocm/", right)).status == 401


async def test_a_drop_is_only_written_to_by_webdav(one):
    _, home = await given(one, mode="upload")
    auth = {"Authorization": basic(home[3:], "any password at all")}
    assert (await one.request("PUT", "/dav/ocm/a.txt", auth, b"mine")).status == 201
    assert (await one.request("PUT", "/dav/ocm/a.txt", {**auth, "If-None-Match": "*"}, b"mine")).status == 201
    target = {**auth, "Destination": f"{one.url}/dav/ocm/b.txt"}
    for method in ("GET", "HEAD", "PROPFIND", "PROPPATCH", "DELETE", "MKCOL", "MOVE", "COPY", "LOCK"):
        for path in ("", "a.txt", "nothing.txt"):
            answer = await one.request(method, f"/dav/ocm/{path}", target)
            assert answer.status in (400, 403), (method, path, answer)
    assert one.file("einstein", "work/a.txt").read_bytes() == b"aaa"
    assert {path.name for path in one.file("einstein", "work").iterdir()} == {"a.txt", "deep", "a (2).txt", "a (3).txt"}


async def test_secrets_of_shares_and_tokens_of_links_open_nothing_else(one, two):
    await one.api("POST", "shares", {"path": "secret.txt", "shareWith": two.address("marie")}, who="einstein")
    (secret,) = [row.secret for row in one.rows(lambda tx: tx.all(links.sa.text("SELECT secret FROM shares")))]
    link, home = await given(one)
    token = home[3:]
    assert (await one.request("GET", "/dav/ocm/a.txt", {"Authorization": basic(secret, "")})).status == 404
    assert (await one.request("GET", "/dav/ocm/secret.txt", {"Authorization": basic(token, "")})).status == 404
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    exchange = await one.request("POST", "/ocm/token", form, f"grant_type=authorization_code&code={token}".encode())
    assert exchange.status == 400
    assert (await Browser(one).send("GET", f"/s/{secret}")).status == 404
    assert (await Browser(one).send("GET", f"/s/{link['id']}")).status == 404
    assert b64encode(secret.encode()).decode() not in str(one.log)


# The owner


async def test_the_owner_makes_changes_and_removes_links_on_a_page(one, einstein, visitor):
    page = await einstein.submit("/link/work", mode="read", note="Look", password="open sesame")
    assert "The link was made." in page.text
    home = re.findall(r"readonly[^>]*>([^<]+)</textarea>", page.html)[0].removeprefix(one.url)
    for words in ("Whoever has it can read", "with a password", "no downloads"):
        assert words in page.text
    change = page.form("/links/.*/change")
    page = await einstein.submit(change, mode="edit", note="Work", expires="2099-12-31")
    for words in ("The link was changed.", "Whoever has it can read and write", "with a password", "until 31 Dec 2099"):
        assert words in page.text
    assert "This link has a password" in (await visitor.open(home)).text
    page = await einstein.submit(change, mode="upload", note="", open="yes")
    assert "with a password" not in page.text
    assert "Upload files for" in (await visitor.open(home)).text
    before = one.stored()
    for form in ({"mode": "nonsense"}, {"mode": "read", "expires": "2001-01-01"}):
        assert "Look at" in (await einstein.submit(change, 400, **form)).text
        assert "Look at" in (await einstein.submit("/link/work", 400, **form)).text
    await einstein.submit("/link/secret.txt", 400, mode="upload")
    one.add("lise")
    lise = Browser(one)
    await lise.sign_in("lise")
    await lise.submit(change, 404, mode="read")
    await one.api("PATCH", change.split("/")[2].join(("links/", "")), {"mode": "read"}, who="lise", status=404)
    assert {**one.stored(), "sessions": [], "accounts": []} == {**before, "sessions": [], "accounts": []}
    page = await einstein.submit(page.form("/links/.*/remove.*"))
    assert "It leads nowhere any more." in page.text
    await visitor.open(home, 404)


async def test_a_link_to_ask_by_and_one_to_read_lead_to_each_other_when_they_change(one, visitor):
    link, home = await given(one, mode="ask", permissions=["read", "write"])
    assert home.startswith("/ask/")
    changed = await one.api("PATCH", f"links/{link['id']}", {"mode": "read"}, who="einstein", status=200)
    assert changed["permissions"] == ["read"]
    assert "a.txt" in (await visitor.open(home)).text
    await one.api(
        "PATCH", f"links/{link['id']}", {"mode": "ask", "password": "open sesame"}, who="einstein", status=200
    )
    assert (await known(one, link))["protected"] is False  # nobody is asked for it there
    assert "Ask Albert Einstein" in (await visitor.open(changed["url"].removeprefix(one.url))).text


# Taken to another cloud

TAKEN = "It is on its way to that address"


async def test_a_visitor_takes_it_to_their_own_cloud(one, two, einstein, marie, visitor):
    link, home = await given(one, mode="edit", password="open sesame")
    await visitor.submit(f"{home}/password", password="open sesame")
    for address in (two.address("marie"), f"MARIE@{two.host}", two.address("nobody"), two.address("marie")):
        assert TAKEN in (await visitor.submit(f"{home}/add", address=address)).text
    await settled(one, two)
    inbox = await marie.open("/inbox")
    assert "work" in inbox.text
    await marie.submit(inbox.form("/inbox/.*/accept"))
    await settled(one, two)
    assert (await marie.send("GET", "/download/Shares/work/a.txt")).body == b"aaa"
    await marie.upload("Shares/work", [("hers.txt", b"x")])
    assert one.file("einstein", "work/hers.txt").read_bytes() == b"x"
    page = await einstein.open("/share/work")
    assert "Accepted" in page.text
    assert page.text.count("by your link") == 3
    share = next(row for row in await one.api("GET", "shares", who="einstein") if row["state"] == "accepted")
    assert share["link"] == link["id"]
    await einstein.submit(f"/stop/{share['id']}")
    assert TAKEN in (await visitor.submit(f"{home}/add", address=two.address("marie"))).text
    await settled(one, two)
    assert (await marie.send("GET", "/download/Shares/work/a.txt")).status == 404
    assert len([row for row in await one.api("GET", "shares", who="einstein") if row["state"] != "failed"]) == 0


async def test_the_answer_is_the_same_whoever_is_there_and_none_is_asked_before(one, two, visitor):
    _, home = await given(one)
    before = one.stored()
    here = {(await visitor.submit(f"{home}/add", 400, address=one.address(who))).text for who in ("einstein", "nobody")}
    assert len({text.replace("nobody", "einstein") for text in here}) == 1
    await visitor.submit(f"{home}/add", 400, address="nonsense")
    await one.api("PATCH", f"links/{(await one.api('GET', 'links', who='einstein'))[0]['id']}", {}, who="einstein")
    assert one.stored() == before
    assert not [line for line in one.log + two.log if "opencloudmesh.mesh" in line]


async def test_takers_are_slowed_down(one, two, visitor, monkeypatch):
    _, home = await given(one)
    for number in range(linked.TAKEN_OF_CLIENT_BY_LINK):
        await visitor.submit(f"{home}/add", address=f"m{number}@{two.host}")
    before = one.stored()
    page = await visitor.submit(f"{home}/add", 429, address=two.address("marie"))
    assert int(page.headers.get("retry-after")) > 0
    assert one.stored() == before


async def test_a_person_elsewhere_adds_a_link_at_their_own_cloud(one, two, marie):
    link, home = await given(one, password="open sesame")
    page = await marie.open("/inbox")
    assert "/add" in page.links
    for form, status, words in (
        ({"link": "nonsense"}, 400, "This is not a public link."),
        ({"link": two.url + "/s/abc"}, 400, "This link is from this very cloud."),
        ({"link": link["url"]}, 403, "This link has a password"),
        ({"link": link["url"], "password": "guess"}, 403, "The password is wrong"),
        ({"link": link["url"][:-1], "password": "open sesame"}, 403, "This link leads nowhere"),
        ({"link": "https://nobody.invalid/s/abc"}, 502, "nobody.invalid"),
    ):
        before = one.stored(), two.stored()
        page = await marie.submit("/add", status, **form)
        assert words in page.text
        assert harmless(page)
        assert (one.stored(), two.stored()) == before
    page = await marie.submit("/add", link=f"{link['url']}/files/deep", password="open sesame")
    assert "That cloud was asked" in page.text
    await settled(one, two)
    (offer,) = await two.api("GET", "received", who="marie")
    assert (offer["name"], offer["permissions"]) == ("work", ["read"])
    (share,) = await one.api("GET", "shares", who="einstein")
    assert (share["shareWith"], share["link"]) == (two.address("marie"), link["id"])
    told = str(one.log) + str(two.log) + str(one.rows(audit.listing)) + str(two.rows(audit.listing))
    assert home[3:] not in told
    assert "sesame" not in told + str(two.stored())
    visitor = Browser(two)
    assert "Sign in" in (await visitor.open("/add")).text
    assert (await visitor.send("GET", "/index.php/apps/files")).headers.get("location") == "/add"


async def test_nobody_is_asked_whom_the_operator_denies(one, two, marie):
    link, _ = await given(one)
    two.context.database.write_now(lambda tx: rules.put(tx, one.host, incoming=rules.DENY))
    before = two.stored()
    await marie.submit("/add", 403, link=link["url"])
    assert two.stored() == before
    assert not [line for line in one.log + two.log if "opencloudmesh.mesh" in line]
    (row,) = two.rows(audit.listing, host=one.host, event="share")
    assert (row.direction, row.outcome) == ("in", "refused")
