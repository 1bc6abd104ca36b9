"""A link by which any visitor asks for a share without seeing it: by pages, the API, and every way around them."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import ip_network

import pytest
from tests.browsing import EVIL, Browser, harmless
from tests.mesh import basic, settled

from opencloudmesh.server import audit, limits, links, peers, received, schema, share_requests, shares
from opencloudmesh.server.app import application
from opencloudmesh.server.web.pages import ask

THANKS = "The owner will be asked"
NOWHERE = "This link leads nowhere"


@pytest.fixture
async def einstein(one):
    one.put("einstein", "Secret plans/note.txt", b"e = mc2")
    browser = Browser(one)
    await browser.sign_in("einstein")
    return browser


@pytest.fixture
def visitor(one):
    """Somebody who is not known."""
    return Browser(one)


async def given(browser, path="Secret%20plans/note.txt", **form):
    """A link is made; where it leads to, as a path of its cloud."""
    known = _urls(await browser.open(f"/link/{path}"))
    page = await browser.submit(f"/link/{path}", **{"note": "A paper of mine", **form})
    assert "The link was made." in page.text
    (url,) = _urls(page) - known
    assert url.startswith(browser.server.url + "/ask/")
    return url.removeprefix(browser.server.url)


def _urls(page):
    return set(re.findall(r"readonly[^>]*>([^<]+)</textarea>", page.html))


# The whole job


async def test_a_visitor_asks_and_the_owner_shares(one, two, einstein, visitor):
    assert "/link/Secret%20plans/note.txt" in (await einstein.open("/share/Secret%20plans/note.txt")).forms
    link = await given(einstein, access="write")
    page = await visitor.open(link)
    for words in ("Ask Albert Einstein", f"Albert Einstein at {one.host}", "A paper of mine"):
        assert words in page.text
    assert page.forms == [link]
    page = await visitor.submit(link, address=f" {two.address('marie')} ")
    assert THANKS in page.text
    await settled(one, two)
    assert two.rows(received.listing) == []

    assert "Requests 1 waiting" in (await einstein.open("/files/")).text
    page = await einstein.open("/requests")
    assert f"asked for by {two.address('marie')} not verified" in page.text
    assert "to read and write" in page.text
    page = await einstein.submit(page.form("/requests/.*/grant"))
    assert "Shared." in page.text
    assert "Nobody waits for your answer." in page.text
    await settled(one, two)

    marie = Browser(two)
    await marie.sign_in("marie")
    inbox = await marie.open("/inbox")
    for words in ("note.txt", "Albert Einstein", "You may read and write", "A paper of mine"):
        assert words in inbox.text
    await marie.submit(inbox.form("/inbox/.*/accept"))
    await settled(one, two)
    assert (await marie.send("GET", "/download/Shares/note.txt")).body == b"e = mc2"
    assert "Accepted" in (await einstein.open("/share/Secret%20plans/note.txt")).text


async def test_the_same_by_the_api(one, two, einstein, visitor):
    wanted = {"path": "Secret plans", "description": "all of it", "expiration": 2**31}
    link = await one.api("POST", "links", wanted, who="einstein", status=201)
    assert await one.api("GET", "links", who="einstein") == [link]
    for who in ("marie", "fritz"):
        await visitor.submit(link["url"].removeprefix(one.url), address=two.address(who))
    rows = {row["address"]: row for row in await one.api("GET", "requests", who="einstein")}
    marie, fritz = rows[two.address("marie")], rows[two.address("fritz")]
    assert (marie["state"], marie["verified"], marie["link"], marie["share"]) == ("open", "typed", link["id"], None)
    granted = await one.api("POST", f"requests/{marie['id']}/grant", who="einstein", status=200)
    assert granted["share"] == (await one.api("GET", "shares", who="einstein"))[0]["id"]
    await one.api("POST", f"requests/{fritz['id']}/refuse", who="einstein", status=200)
    await one.api("POST", f"requests/{marie['id']}/refuse", who="einstein", status=409)
    await settled(one, two)
    assert [row.account for row in two.rows(received.listing)] == ["marie"]
    await one.api("DELETE", f"links/{link['id']}", who="einstein", status=204)
    assert await one.api("GET", "requests", who="einstein") == []


async def test_a_refusal_is_told_to_nobody_and_can_be_taken_back(one, two, einstein, visitor):
    link = await given(einstein)
    await visitor.submit(link, address=two.address("marie"))
    page = await einstein.submit((await einstein.open("/requests")).form("/requests/.*/refuse"))
    assert "You said no." in page.text
    await settled(one, two)
    assert two.stored()["received"] == []
    before = one.stored()
    assert THANKS in (await visitor.submit(link, address=two.address("marie"))).text
    assert one.stored() == before
    await einstein.submit(page.form("/requests/.*/grant"))
    await settled(one, two)
    assert len(two.rows(received.listing)) == 1


# What a visitor learns


async def test_nothing_of_what_is_offered_is_on_the_page(one, two, einstein, visitor):
    link = await given(einstein, note="")
    for page in (
        await visitor.open(link),
        await visitor.submit(link, address=two.address("marie")),
        await visitor.submit(link, 400, address="nonsense"),
    ):
        for word in ("Secret", "plans", "note.txt", "mc2", "einstein@"):
            assert word not in page.html
        assert page.headers.get("cache-control") == "private, no-store"
        assert page.headers.get("referrer-policy") == "same-origin"
        assert page.headers.get("x-robots-tag") == "noindex, nofollow"
        assert "unsafe" not in page.headers.get("content-security-policy")
        assert not visitor.cookies


async def test_the_answer_is_the_same_for_every_address_and_no_server_is_asked(one, two, einstein, visitor):
    link, said = await given(einstein), set()
    addresses = [
        two.address("marie"), two.address("marie"), two.address("nobody"), one.address("einstein"),
        one.address("nobody"), "marie@192.168.0.1", "marie@[::1]", "marie@localhost:1", "marie@169.254.169.254",
    ]  # fmt: skip
    for address in addresses:
        page = await visitor.submit(link, address=address)
        said.add(page.html)
    assert len(said) == 1
    asked = {row.address for row in one.rows(share_requests.listing, "einstein")}
    assert asked == set(addresses) - {one.address("einstein")}
    await settled(one, two)
    assert not [line for line in one.log + two.log if "opencloudmesh.mesh" in line]
    assert two.stored()["received"] == one.stored()["outbox"] == one.rows(peers.everybody) == []


@pytest.mark.parametrize(
    "address",
    ["", "marie", "@two.example", "marie@", "a\0b@two.example", "m" * 600 + "@b.example", "a@b.c\nx@y.example", EVIL],
)
async def test_what_is_no_address_is_told_and_not_stored(one, einstein, visitor, address):
    link = await given(einstein)
    before = one.stored()
    page = await visitor.submit(link, 400, address=address)
    assert harmless(page)
    assert THANKS not in page.text
    assert one.stored() == before
    assert (await visitor.submit(link, 400)).status == 400  # the field is missing


async def test_the_token_opens_nothing_else_and_is_not_in_the_log(one, two, einstein, visitor):
    link = await given(einstein)
    token = link.removeprefix("/ask/")
    before = one.stored()
    for header in (f"Bearer {token}", basic(token, ""), basic("", token), basic("x", token)):
        one.context.clock.ahead += 61  # the doors count failures
        for path in ("/dav/ocm/", "/dav/ocm/note.txt"):
            for method in ("GET", "PROPFIND", "PUT", "DELETE"):
                assert (await one.request(method, path, {"Authorization": header})).status == 401
        assert (await one.request("PROPFIND", "/dav/files/einstein/", {"Authorization": header})).status == 401
        assert (await one.request("GET", "/api/v1/links", {"Authorization": header})).status == 401
    thief = Browser(one)
    (name,) = einstein.cookies
    thief.cookies[name] = token
    for path in ("/files/", "/requests", "/link/Secret%20plans/note.txt", "/download/Secret%20plans/note.txt"):
        assert (await thief.send("GET", path)).status == 303
    for path in (f"{link}/note.txt", f"{link}/", f"/download/{token}", f"/share/{token}"):
        assert (await visitor.send("GET", path)).status in (303, 404)
    assert one.stored() == before
    await visitor.submit(link, address=two.address("marie"))
    await visitor.open("/ask/" + token[:-1], 404)
    await visitor.submit("/ask/" + token[:-1] + "/x", 404, address=two.address("marie"))
    page = await einstein.open("/requests")
    await einstein.submit(page.form("/requests/.*/grant"))
    await settled(one, two)
    assert one.log
    assert not [line for line in one.log + two.log if token[:-1] in line]
    assert token not in str(one.rows(audit.listing))
    assert token not in str(two.stored())


# When a link ends


async def test_an_expired_a_removed_and_an_unknown_link_are_all_the_same(one, two, einstein, visitor):
    expiring, removed = await given(einstein, expires="2099-12-31"), await given(einstein, "Secret%20plans")
    await einstein.submit((await einstein.open("/link/Secret%20plans")).form("/links/.*/remove.*"))
    update = schema.links.update().values(expiration=one.rows(lambda tx: tx.now))
    one.context.database.write_now(lambda tx: tx.run(update))
    before, seen = one.stored(), set()
    for path in (expiring, removed, "/ask/" + "x" * 43):
        page = await visitor.open(path, 404)
        assert NOWHERE in page.text
        seen |= {page.html, (await visitor.submit(path, 404, address=two.address("marie"))).html}
    assert len(seen) == 1
    assert one.stored() == before
    assert "Expired" in (await einstein.open("/requests")).text


async def test_a_link_goes_where_its_file_goes_and_ends_with_it(one, two, einstein, visitor):
    link = await given(einstein)
    await visitor.submit(link, address=two.address("marie"))
    await einstein.submit("/rename/Secret%20plans", name="Open plans")
    await one.dav(
        "MOVE",
        "einstein",
        "Open%20plans/note.txt",
        Destination=f"{one.url}/dav/files/einstein/moved.txt",
        Host="127.0.0.1",
    )
    assert [row.path for row in one.rows(links.listing, "einstein")] == ["moved.txt"]
    assert "A paper of mine" in (await visitor.open(link)).text
    await visitor.submit(link, address=two.address("fritz"))
    page = await einstein.open("/requests")
    action = next(form for form in page.forms if form.endswith("/grant"))
    await einstein.submit(action)
    assert [row.path for row in one.rows(shares.listing)] == ["moved.txt"]
    await einstein.submit("/delete/moved.txt")
    assert NOWHERE in (await visitor.open(link, 404)).text
    assert NOWHERE in (await visitor.submit(link, 404, address=two.address("marie"))).text
    assert one.stored()["links"] == one.stored()["requests"] == []


async def test_what_is_gone_from_the_disk_is_not_granted(one, two, einstein, visitor):
    link = await given(einstein)
    await visitor.submit(link, address=two.address("marie"))
    action = (await einstein.open("/requests")).form("/requests/.*/grant")
    one.file("einstein", "Secret plans/note.txt").unlink()
    before = one.stored()
    assert "There is no such file or folder." in (await einstein.submit(action, 400)).text
    assert one.stored() == before


async def test_what_was_received_cannot_be_offered_to_others(one, two, einstein, visitor):
    wanted = {"path": "Secret plans/note.txt", "shareWith": two.address("marie")}
    await one.api("POST", "shares", wanted, who="einstein")
    await settled(one, two)
    received_id = two.rows(received.listing)[0].id
    await two.api("POST", f"received/{received_id}/accept", who="marie")
    await settled(one, two)
    await two.api("POST", "links", {"path": "Shares/note.txt"}, who="marie", status=403)
    marie = Browser(two)
    await marie.sign_in("marie")
    await marie.submit("/link/Shares/note.txt", 403)
    assert two.stored()["links"] == []


# Floods


async def test_a_flood_is_slowed_down_and_goes_on_after_a_minute(one, einstein, visitor):
    link = await given(einstein)
    for number in range(ask.OF_CLIENT_BY_LINK):
        await visitor.submit(link, address=f"m{number}@two.example")
    before = one.stored()
    page = await visitor.submit(link, 429, address="more@two.example")
    assert int(page.headers.get("retry-after")) > 0
    assert "Wait a minute" in page.text
    assert one.stored() == before
    other = await given(einstein)
    assert THANKS in (await visitor.submit(other, address="m0@two.example")).text
    one.context.clock.ahead += 61
    assert THANKS in (await visitor.submit(link, address="more@two.example")).text


async def test_who_guesses_is_stopped_and_nobody_else(one, einstein, visitor):
    link = await given(einstein)
    for _ in range(limits.FAILURES_FOR_NAME):
        await visitor.open("/ask/guessed-token", 404)
    await visitor.open("/ask/guessed-token", 429)
    await visitor.open("/ask/guessed-again", 429)
    assert "Ask Albert Einstein" in (await visitor.open(link)).text
    await one.api("GET", "me", who="einstein", status=200)


async def test_a_client_behind_the_web_server_in_front_is_not_slowed_down_by_another(one, two, einstein, visitor):
    proxies = (ip_network("127.0.0.1"),)
    context = replace(one.context, config=replace(one.context.config, trusted_proxies=proxies))
    app = application(context)
    link = await given(einstein)

    async def post(client, who):
        form = f"address={who}%40two.example".encode()
        return (await sent(app, one, link, form, client))["status"]

    for number in range(ask.OF_CLIENT_BY_LINK):
        assert await post("192.0.2.1", f"m{number}") == 303
    assert await post("192.0.2.1", "more") == 429
    assert await post("192.0.2.2", "more") == 303


async def sent(app, cloud, path, body, forwarded):
    """What the application begins its answer with to a form that a web server in front passes on."""
    said = []
    headers = {"origin": cloud.url, "content-type": "application/x-www-form-urlencoded", "x-forwarded-for": forwarded}
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
             "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
             "client": ("127.0.0.1", 1), "http_version": "1.1", "scheme": "http", "server": ("x", 80)}  # fmt: skip

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        said.append(message)

    await app(scope, receive, send)
    return said[0]


async def test_so_many_may_wait_by_one_link(one, einstein, visitor, monkeypatch):
    monkeypatch.setattr(share_requests, "MAX_OPEN", 3)
    link = await given(einstein)
    for number in range(3):
        await visitor.submit(link, address=f"m{number}@two.example")
    before = one.stored()
    page = await visitor.submit(link, 429, address="more@two.example")
    assert "Too many people have asked" in page.text
    assert page.html.replace("more@", "m0@") == (await visitor.submit(link, 429, address="m0@two.example")).html
    assert one.stored() == before


# Forms from elsewhere, what others say, other people's things


@pytest.mark.parametrize("headers", [{"Origin": None}, {"Origin": "https://evil.example"}, {"Origin": "null"}])
async def test_a_form_from_elsewhere_asks_nothing(one, two, einstein, visitor, headers):
    link = await given(einstein)
    await visitor.submit(link, address=two.address("fritz"))
    (row,) = one.rows(share_requests.listing, "einstein")
    before = one.stored()
    await visitor.submit(link, 403, headers, address=two.address("marie"))
    for path in ("/link/Secret%20plans", f"/links/{row.link}/remove", f"/requests/{row.id}/grant"):
        await einstein.submit(path, 403, headers)
    await visitor.submit(link, 415, {"Content-Type": "application/json"}, address=two.address("marie"))
    assert one.stored() == before


async def test_nothing_that_anybody_says_runs(one, einstein, visitor):
    one.put("einstein", "<b>.txt", b"")
    one.context.database.write_now(
        lambda tx: tx.run(schema.accounts.update().values(name=EVIL).where(schema.accounts.c.id == "einstein"))
    )
    link = await given(einstein, "%3Cb%3E.txt", note=EVIL)
    name = EVIL.replace("@", "")
    pages = [
        await visitor.open(link),
        await visitor.submit(link, address=f"{name}@two.example"),
        await visitor.submit(link, 400, address=EVIL),
        await visitor.open(f"{link}?done=%3Cscript%3E"),
        await einstein.open("/link/%3Cb%3E.txt"),
        await einstein.submit("/link/%3Cb%3E.txt", 400, note=EVIL, expires=EVIL, access=EVIL),
        await einstein.open("/requests"),
    ]
    assert EVIL in pages[0].text
    assert f"{name}@two.example" in pages[-1].text
    for page in pages:
        assert harmless(page), page.html


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"expires": "2001-01-01"}, "Look at the day on which it ends."),
        ({"expires": "soon"}, "Look at the day on which it ends."),
        ({"note": "x" * 5000}, "Look at what visitors are told."),
        ({"note": "\0"}, "Look at what visitors are told."),
    ],
)
async def test_a_form_that_is_wrong_says_where(one, einstein, form, words):
    before = one.stored()
    page = await einstein.submit("/link/Secret%20plans", 400, access="write", **form)
    assert words in page.text
    assert 'value="write" checked' in page.html
    assert one.stored() == before
    await einstein.open("/link/nothing.txt", 404)
    await einstein.open("/link/", 404)


async def test_nobody_answers_or_removes_what_is_anothers(one, two, einstein, visitor):
    link = await given(einstein)
    await visitor.submit(link, address=two.address("marie"))
    (row,) = one.rows(share_requests.listing, "einstein")
    one.add("lise")
    lise = Browser(one)
    await lise.sign_in("lise")
    before = one.stored()
    for path in (f"/links/{row.link}/remove", f"/requests/{row.id}/grant", f"/requests/{row.id}/refuse"):
        await lise.submit(path, 404)
    await lise.open("/link/Secret%20plans/note.txt", 404)
    await one.api("DELETE", f"links/{row.link}", who="lise", status=404)
    await one.api("POST", f"requests/{row.id}/grant", who="lise", status=404)
    await one.api("POST", f"requests/{row.id}/refuse", who="lise", status=404)
    await einstein.submit(f"/requests/{row.id}/nonsense", 404)
    for path in ("/requests", "/link/Secret%20plans"):
        assert (await visitor.send("GET", path)).status == 303
    assert one.stored() == before
    assert await one.api("GET", "links", who="lise") == await one.api("GET", "requests", who="lise") == []
    assert row.address not in (await lise.open("/requests")).html
