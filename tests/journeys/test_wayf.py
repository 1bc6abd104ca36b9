"""Where are you from? From the link of an invite to contacts at both ends, by pages alone."""

from __future__ import annotations

import json
from urllib.parse import quote, urlsplit

import pytest
from tests.browsing import Browser, Page
from tests.client.sites import site
from tests.client.wires import wire

from opencloudmesh.protocol.directory import Listing, Server
from opencloudmesh.server import directories
from opencloudmesh.server.discovery import PER_MINUTE
from opencloudmesh.server.web.pages.wayf import SHOWN

URL = "https://directory.example/servers.json"


@pytest.fixture
async def invite(two):
    return await two.api("POST", "invites", {"description": "for Albert"}, who="marie", status=201)


@pytest.fixture
def token(invite):
    return invite["code"].rpartition("@")[0]


@pytest.fixture
def visitor(two):
    """Somebody without an account at marie's cloud."""
    return Browser(two)


def listed(server, *servers):
    """The server's operator names a directory, and it has said this."""

    def fill(tx):
        row = directories.add(tx, URL, [], unsigned=True)
        directories.fetched(tx, row, Listing("The <b>Mesh</b>", tuple(Server(*one) for one in servers)))

    server.context.database.write_now(fill)


async def chosen(visitor, token, server):
    """The answer to the form."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    body = f"token={token}&server={quoted(server)}".encode()
    return await visitor.send("POST", "/wayf", body, headers)


def quoted(text):
    return quote(text, safe="")


async def contacts(server, who):
    return [(row["address"], row["name"], row["source"]) for row in await server.api("GET", "contacts", who=who)]


# The whole job


async def test_an_invite_link_leads_by_pages_to_contacts_at_both_ends(one, two, visitor):
    marie = Browser(two)
    await marie.sign_in("marie")
    shown = await marie.submit("/invites", note="for Albert")
    (link,) = [words for words in shown.text.split() if "/wayf?token=" in words]
    assert link.startswith(f"{two.url}/wayf?token=")

    asking = await visitor.open(link.removeprefix(two.url))
    assert "Marie Curie invites you" in asking.text
    assert f"learns this invite, and that it is from {two.host}" in asking.text
    token = link.partition("token=")[2]
    answer = await chosen(visitor, token, one.host)
    dialog = f"{one.url}/accept-invite?token={token}&providerDomain={quoted(two.host)}"
    assert (answer.status, answer.headers.get("location")) == (303, dialog)

    albert = Browser(one)
    login = await albert.open(dialog.removeprefix(one.url))
    assert "Sign in" in login.text
    (target,) = {values["value"] for tag, values in login.tags if values.get("name") == "next"}  # by any way of theirs
    shown = await albert.sign_in("einstein", next=target)
    assert f"Somebody at {two.host} invites you" in shown.text
    assert "Albert Einstein" in shown.text
    assert one.address("einstein") in shown.text
    assert await contacts(one, "einstein") == await contacts(two, "marie") == []
    fields = {values["name"]: values["value"] for tag, values in shown.tags if values.get("type") == "hidden"}
    assert "You are contacts now." in (await albert.submit(shown.form("/accept-invite"), **fields)).text
    assert await contacts(one, "einstein") == [(two.address("marie"), "Marie Curie", "invite")]
    assert await contacts(two, "marie") == [(one.address("einstein"), "Albert Einstein", "invite")]

    page = await visitor.open(link.removeprefix(two.url), status=404)
    assert "no longer valid" in page.text
    assert "Marie" not in page.text
    for server in (one, two):
        assert not [line for line in server.log if token in line]


async def test_the_servers_of_the_directories_are_there_to_choose(one, two, visitor, token):
    listed(two, (one.url, "Einsteins Cloud"), ("https://other.example", "Österreich"), (two.url, "Ours"))
    shown = await visitor.open(f"/wayf?token={token}")
    offered = [values["value"] for tag, values in shown.tags if values.get("name") == "server" and "value" in values]
    assert offered == ["", one.host, "other.example"]
    shown = await visitor.open(f"/wayf?token={token}&search={quoted('ÖSTERREICH')}")
    assert "other.example" in shown.text
    assert "Einsteins Cloud" not in shown.text
    assert "No cloud of that name." in (await visitor.open(f"/wayf?token={token}&search=nobody")).text
    answer = await chosen(visitor, token, one.host)
    assert (answer.headers.get("location") or "").startswith(f"{one.url}/accept-invite?")


async def test_a_long_list_is_cut_and_searched(two, visitor, token):
    listed(two, *((f"https://s{number}.example", f"Server {number:03}") for number in range(SHOWN + 1)))
    shown = await visitor.open(f"/wayf?token={token}")
    assert shown.html.count('aria-label="Go to s') == SHOWN
    assert "There are more." in shown.text
    assert f"s{SHOWN}.example" in (await visitor.open(f"/wayf?token={token}&search={SHOWN:03}")).text


@pytest.mark.parametrize(
    "spelling", ["{host}", "http://{host}", "HTTP://{host}/some/page?x#y", "einstein@{host}", " {host} "]
)
async def test_ones_cloud_is_named_as_people_name_it(one, visitor, token, spelling):
    answer = await chosen(visitor, token, spelling.format(host=one.host))
    assert (answer.headers.get("location") or "").startswith(f"{one.url}/accept-invite?"), answer.body


# What must not be


@pytest.mark.parametrize("bad", ["unknown", "", "%00", "revoked", "expired", "accepted"])
async def test_without_an_open_invite_nothing_is_shown_and_nobody_asked(one, two, visitor, invite, token, bad):
    listed(two, ("https://secret.example", "Secret"))
    if bad == "revoked":
        await two.api("DELETE", f"invites/{invite['id']}", who="marie", status=204)
    if bad == "expired":
        two.context.clock.ahead = 31 * 86_400
    if bad == "accepted":
        await one.api("POST", "invites/accept", {"invite": invite["code"]}, who="einstein", status=201)
    used = token if bad in ("revoked", "expired", "accepted") else bad
    async with wire(site({})) as stranger:
        before = two.stored()
        shown = await visitor.open(f"/wayf?token={used}", status=404)
        answer = await chosen(visitor, used, f"127.0.0.1:{stranger.port}")
        assert answer.status == 404
        for text in (shown.text, Page(answer).text):
            assert "no longer valid" in text
            assert "Marie" not in text
            assert "secret.example" not in text
        assert stranger.connections == 0
    assert two.stored() == before


async def test_nobody_makes_us_ask_many_servers(one, two, visitor, token):
    listed(two, (one.url, "One"))
    for number in range(PER_MINUTE):
        assert (await chosen(visitor, token, f"localhost:{number + 1}")).status == 502
    answer = await chosen(visitor, token, "localhost:9999")
    assert (answer.status, bool(answer.headers.get("retry-after"))) == (429, True)
    assert "You have asked for too many clouds." in Page(answer).text
    assert (await chosen(visitor, token, one.host)).status == 303


# The page where an invite is accepted


async def test_looking_at_an_invite_accepts_nothing(one, two, einstein, token):
    before = one.stored(), two.stored()
    await einstein.open(f"/accept-invite?token={token}&providerDomain={two.host}")
    assert (one.stored(), two.stored()) == before
    await einstein.submit("/accept-invite", 403, {"Origin": "https://evil.example"}, token=token, host=two.host)
    assert (one.stored(), two.stored()) == before


@pytest.mark.parametrize("parameter", ["providerDomain", "provider"])
async def test_the_link_of_any_family_is_understood(two, einstein, token, parameter):
    shown = await einstein.open(f"/accept-invite?token={token}&{parameter}={quoted(two.url)}")
    assert f"Somebody at {two.host} invites you" in shown.text


async def test_an_invite_of_ones_own_cloud_or_that_is_over_is_told(one, two, einstein, invite, token):
    shown = await einstein.open(f"/accept-invite?token={token}&providerDomain={one.host}", status=400)
    assert "from this very cloud" in shown.text
    await two.api("DELETE", f"invites/{invite['id']}", who="marie", status=204)
    before = one.stored(), two.stored()
    shown = await einstein.submit("/accept-invite", 400, token=token, host=two.host)
    assert "no longer valid" in shown.text
    assert (one.stored(), two.stored()) == before


async def test_a_member_of_a_federation_is_said_to_be_one(one, two, einstein):
    listed(one, (two.url, "Two"))
    shown = await einstein.open(f"/accept-invite?token=t&providerDomain={two.host}")
    assert f"{two.host} is a member of The <b>Mesh</b>." in shown.text


async def test_others_find_the_page_in_our_document(one):
    said = json.loads((await one.request("GET", "/.well-known/ocm")).body)
    assert "invite-wayf" in said["capabilities"]
    assert said["inviteAcceptDialog"] == f"{one.url}/accept-invite"
    assert urlsplit(said["inviteAcceptDialog"]).netloc == urlsplit(said["endPoint"]).netloc
