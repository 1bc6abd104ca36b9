"""The pages that invites lead through, against those who make links, lists and documents to mislead people or us.

CVE-2020-10252 (who is asked comes from a stranger), and the rules that no page is an open redirect, that what others
say is never HTML, and that a person sees which server will learn what.
"""

from __future__ import annotations

import pytest
from tests.browsing import EVIL, Browser, Page, harmless
from tests.client.sites import asked, page, site
from tests.client.wires import wire
from tests.journeys.test_wayf import chosen, listed, quoted
from tests.mesh import serve

from opencloudmesh.server import accounts, config, invites, rules
from opencloudmesh.server.app import application
from opencloudmesh.server.context import Context


@pytest.fixture
async def cloud(tmp_path, new_sqlite_url):
    async with serve(tmp_path / "cloud", database_url=new_sqlite_url()) as server:
        server.add("marie", name="Marie Curie")
        yield server


@pytest.fixture
def token(cloud):
    return cloud.context.database.write_now(lambda tx: invites.create(tx, "marie")).token


@pytest.fixture
def visitor(cloud):
    return Browser(cloud)


@pytest.fixture
async def marie(cloud):
    browser = Browser(cloud)
    await browser.sign_in("marie")
    return browser


# Where are you from?


async def test_only_a_form_of_the_page_leads_away(cloud, visitor, token):
    answer = await visitor.send("GET", f"/wayf?token={token}&server={cloud.host}")
    assert (answer.status, answer.headers.get("location")) == (200, None)
    body, kind = f"token={token}&server={cloud.host}".encode(), "application/x-www-form-urlencoded"
    for origin in (None, "null", "http://localhost:1", "https://evil.example"):
        answer = await visitor.send("POST", "/wayf", body, {"Content-Type": kind, "Origin": origin})
        assert (answer.status, answer.headers.get("location")) == (403, None)


def document(port, **values):
    return {"enabled": True, "apiVersion": "1.4.0", "endPoint": f"http://127.0.0.1:{port}/ocm",
            "capabilities": ["invites"], "resourceTypes": []} | values  # fmt: skip


EVIL_DIALOGS = {
    "another host": "https://evil.example/accept",
    "another port": "http://127.0.0.1:1/accept",
    "no scheme": "//evil.example/accept",
    "a user that looks like the host": "http://127.0.0.1:{port}@evil.example/",
    "a backslash": "http://127.0.0.1:{port}\\@evil.example/",
    "a backslash before the path": "http://evil.example\\127.0.0.1:{port}/",
    "a script": "javascript:alert(1)",
    "data": "data:text/html,<script>alert(1)</script>",
    "line ends": "http://127.0.0.1:{port}/\r\nSet-Cookie: session=x",
    "a tab": "http://127.0.0.1:{port}/\t",
    "a fragment": "http://127.0.0.1:{port}/accept#here",
    "another scheme": "https://127.0.0.1:{port}/accept",
    "other letters": "http://ｅvil.example/",
    "a number": 7,
    "nothing": None,
    "an empty text": "",
}


@pytest.mark.parametrize("dialog", EVIL_DIALOGS.values(), ids=EVIL_DIALOGS.keys())
async def test_a_dialog_that_is_not_on_the_chosen_server_is_refused(cloud, visitor, token, dialog):
    pages: dict[str, bytes] = {}
    async with wire(site(pages)) as peer:
        url = dialog.format(port=peer.port) if isinstance(dialog, str) else dialog
        pages["/.well-known/ocm"] = page(document(peer.port, inviteAcceptDialog=url))
        answer = await chosen(visitor, token, f"127.0.0.1:{peer.port}")
        shown = Page(answer)
        assert (answer.status, answer.headers.get("location")) == (502, None)
        assert "takes no invites by a link" in shown.text
        assert "set-cookie" not in answer.headers
        assert harmless(shown)
        assert not [link for link in shown.links if "evil" in link or "javascript" in link]
        assert set(asked(peer.heads)) == {"/.well-known/ocm"}


@pytest.mark.parametrize(
    ("values", "leads_to"),
    [
        ({"inviteAcceptDialog": "/accept"}, "/accept?"),
        ({"inviteAcceptDialog": "/accept?lang=de"}, "/accept?lang=de&"),
        ({"provider": "Nextcloud 34.0.1", "capabilities": ["invite-accepted"]},
         "/index.php/apps/contacts/ocm/invite-accept-dialog?"),
    ],
)  # fmt: skip
async def test_dialogs_of_other_families_are_found(cloud, visitor, token, values, leads_to):
    pages: dict[str, bytes] = {}
    async with wire(site(pages)) as peer:
        pages["/.well-known/ocm"] = page(document(peer.port, **values))
        answer = await chosen(visitor, token, f"127.0.0.1:{peer.port}")
        expected = f"{peer.url}{leads_to}token={token}&providerDomain={quoted(cloud.host)}"
        assert (answer.status, answer.headers.get("location")) == (303, expected)


async def test_a_server_whose_pages_are_under_another_name_is_confirmed_first(cloud, visitor, token):
    pages: dict[str, bytes] = {}
    async with wire(site(pages)) as peer:
        other = f"http://localhost:{peer.port}"
        pages["/.well-known/ocm"] = page(document(peer.port, endPoint=f"{other}/ocm", inviteAcceptDialog=f"{other}/a"))
        answer = await chosen(visitor, token, f"127.0.0.1:{peer.port}")
        shown = Page(answer)
        assert (answer.status, answer.headers.get("location")) == (200, None)
        assert f"If you go on, localhost:{peer.port} learns this invite" in shown.text
        assert f"{other}/a?token={token}&providerDomain={quoted(cloud.host)}" in shown.links


@pytest.mark.parametrize(
    "text",
    ["", " ", "javascript:alert(1)", "ftp://cloud.example", "https://user:pw@cloud.example", "https://cloud.example@evil.example/",
     "cloud.example\r\nX: y", "//evil.example", "cloud example", "a" * 2000, "[::1", "x@", EVIL,
     "file:///etc/passwd", "cloud.example:99999"],
)  # fmt: skip
async def test_what_is_no_server_is_told_in_a_sentence_and_asked_nowhere(cloud, visitor, token, text):
    before = cloud.stored()
    answer = await chosen(visitor, token, text)
    shown = Page(answer)
    assert (answer.status, answer.headers.get("location")) == (400, None)
    assert harmless(shown)
    assert not [line for line in cloud.log if " out GET" in line]
    assert cloud.stored() == before


async def test_a_server_that_is_no_cloud_or_away_or_our_own_is_told(cloud, visitor, token):
    async with wire(site({})) as peer:
        said = Page(await chosen(visitor, token, f"127.0.0.1:{peer.port}"))
        assert f"127.0.0.1:{peer.port} does not speak Open Cloud Mesh." in said.text
        port = peer.port
    async with wire(site({"/.well-known/ocm": page({"enabled": False})})) as peer:
        said = Page(await chosen(visitor, token, f"127.0.0.1:{peer.port}"))
        assert "does not take part in Open Cloud Mesh at the moment." in said.text
    said = Page(await chosen(visitor, token, f"localhost:{port}"))
    assert (said.status, "could not be reached. Is this its name?" in said.text) == (502, True)
    said = Page(await chosen(visitor, token, cloud.host))
    assert (said.status, "This is the cloud that the invite is from." in said.text) == (400, True)
    assert f"{token}@{cloud.host}" in said.text


async def test_a_server_that_is_denied_is_not_asked(cloud, visitor, token):
    async with wire(site({})) as peer:
        host = f"127.0.0.1:{peer.port}"
        cloud.context.database.write_now(lambda tx: rules.put(tx, host, incoming="deny"))
        said = Page(await chosen(visitor, token, host))
        assert (said.status, f"does not allow contact with {host}" in said.text) == (403, True)
        assert peer.connections == 0


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "10.0.0.1:8443", "[::1]", "[::ffff:7f00:1]", "169.254.169.254", "2130706433", "localhost", "0x7f.1"],
)
async def test_strangers_cannot_look_into_our_network(tmp_path, host):
    """CVE-2020-10252: who is asked comes from a stranger; why not must tell them nothing either."""
    options = {"data": tmp_path, "public_url": "https://cloud.example", "worker": False}
    context = Context.build(config.load(options, environment={}))
    try:
        token = context.database.write_now(_invited)
        async with wire(site({})) as inside:
            answers = [
                await _posted(application(context), token, f"{name}")
                for name in (host, f"127.0.0.1:{inside.port}", "nobody.invalid")
            ]
            assert inside.connections == 0
        sentences = {text for _, text in answers}
        assert {status for status, _ in answers} == {502}
        assert len({text.partition(" could not be reached. ")[2] for text in sentences}) == 1
    finally:
        await context.close()


def _invited(tx):
    accounts.add(tx, "marie", "x")
    return invites.create(tx, "marie").token


async def _posted(app, token, server):
    """The status, and what the page says."""
    sent = []
    headers = [(b"origin", b"https://cloud.example"), (b"accept", b"text/html"),
               (b"content-type", b"application/x-www-form-urlencoded")]  # fmt: skip
    scope = {"type": "http", "method": "POST", "path": "/wayf", "raw_path": b"/wayf", "query_string": b"",
             "headers": headers, "client": ("192.0.2.1", 1), "http_version": "1.1", "scheme": "http",
             "server": ("cloud.example", 80)}  # fmt: skip

    async def receive():
        body = f"token={token}&server={quoted(server)}".encode()
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    html = b"".join(message.get("body", b"") for message in sent).decode()
    return sent[0]["status"], html.partition('role="alert">')[2].partition("</div>")[0]


async def test_what_directories_and_people_are_called_runs_nowhere(cloud, visitor):
    cloud.add("eve", name=EVIL)
    made = await cloud.api("POST", "invites", {}, who="eve", status=201)
    listed(cloud, ("https://evil.example", EVIL))
    path = made["link"].removeprefix(cloud.url)
    for shown in (await visitor.open(path), await visitor.open(f"{path}&search={quoted(EVIL)}")):
        assert harmless(shown)
        assert "<b>" not in shown.html
        assert "<script>" not in shown.html
        assert EVIL in shown.text
    policy = shown.headers.get("content-security-policy")
    assert "default-src 'none'" in policy
    assert "form-action 'self' https:" in policy


# The page where an invite is accepted


async def test_a_host_in_other_letters_is_shown_as_it_is_asked(marie):
    shown = await marie.open(f"/accept-invite?token=t&providerDomain={quoted('clоud.example')}")
    assert "Somebody at xn--clud-65d.example invites you" in shown.text


@pytest.mark.parametrize(
    "query",
    ["", "token=t", "providerDomain=two.example", "token=t&providerDomain=a b", "token=%00&providerDomain=two.example",
     f"token={'t' * 300}&providerDomain=two.example", "token=t&providerDomain=user:pw@two.example",
     "token=t&providerDomain=javascript:alert(1)"],
)  # fmt: skip
async def test_a_link_that_holds_no_invite_is_told(marie, query):
    shown = await marie.open(f"/accept-invite?{query.replace(' ', '%20')}", status=400)
    assert shown.forms == ["/logout"]
    assert "/invites" in shown.links


async def test_what_a_link_says_runs_nowhere(marie):
    shown = await marie.open(f"/accept-invite?token={quoted(EVIL.replace(' ', ''))}&providerDomain=two.example")
    assert harmless(shown)
    assert "<script>" not in shown.html
