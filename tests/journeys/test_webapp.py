"""A web application of one cloud's opens what people there share, for people at another, by the code flow."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.browsing import Browser
from tests.mesh import Server, basic, mesh, settled

from opencloudmesh.server import received, shares, tokens

SECRET = "secret-of-the-office"
APP = {
    "webapp": "https://office.example/open?share={id}",
    "webapp_name": "Office",
    "webapp_types": "text/plain",
    "webapp_secret": SECRET,
}


@pytest.fixture
async def clouds(new_sqlite_url: Any, tmp_path: Path) -> AsyncIterator[list[Server]]:
    """The first has the application, the second opens such; the third does not."""
    settings = [APP | {"webdav_receive": "absolute"}, {"webdav_receive": "absolute"}, {}]
    async with mesh(tmp_path, *settings, urls=[new_sqlite_url() for _ in settings]) as servers:
        for server, who in zip(servers, ("einstein", "marie", "lise"), strict=True):
            server.add(who)
        yield servers


async def share(one: Server, two: Server, who: str, path: str = "a.txt", **more: Any) -> Any:
    """What the other cloud has of a share of einstein's."""
    one.put("einstein", path, b"e = mc2")
    wanted = {"path": path, "shareWith": two.address(who), **more}
    await one.api("POST", "shares", wanted, who="einstein", status=201)
    await settled(one, two)
    row = next(row for row in two.rows(received.listing, who) if row.name == path)
    await two.api("POST", f"received/{row.id}/accept", who=who)
    await settled(one, two)
    return row


async def asked(one: Server, token: str, secret: str = SECRET) -> Any:
    form = {"Authorization": basic("webapp", secret), "Content-Type": "application/x-www-form-urlencoded"}
    return await one.request("POST", "/ocm/introspect", form, f"token={token}".encode())


async def test_it_is_opened_there_with_a_token_that_the_application_can_ask_about(clouds: list[Server]) -> None:
    one, two, _ = clouds
    row = await share(one, two, "marie", permissions=["read", "write"])
    assert set(row.protocols) == {"webdav", "webapp"}
    marie = Browser(two)
    await marie.sign_in("marie")
    page = await marie.open(f"/apps/{row.id}")
    assert "It opens in Office, at office.example" in page.text
    page = await marie.submit(f"/apps/{row.id}")
    assert page.forms == [f"https://office.example/open?share={row.provider_id}"]
    token = re.findall('name="access_token" value="([^"]+)"', page.html)[0]
    answer = await asked(one, token)
    assert answer.headers.get("cache-control") == "no-store"
    said = json.loads(answer.body)
    assert (said["active"], said["sub"], said["scope"]) == (True, two.address("marie"), "read write")
    assert (said["share"], said["name"], said["resourceType"]) == (row.provider_id, "a.txt", "file")
    bearer = {"Authorization": f"Bearer {token}"}
    path = said["webdav"].removeprefix(one.url)
    assert (await one.request("GET", path, bearer)).body == b"e = mc2"
    assert (await two.dav("GET", "marie", "Shares/a.txt")).body == b"e = mc2"  # her files go by tokens too
    assert (await one.request("GET", path, {"Authorization": f"Bearer {row.secret}"})).status == 401
    await one.api("DELETE", f"shares/{row.provider_id}", who="einstein")
    assert json.loads((await asked(one, token)).body) == {"active": False}


async def test_only_the_application_may_ask_and_only_about_tokens(clouds: list[Server]) -> None:
    one, two, _ = clouds
    row = await share(one, two, "marie")
    for text in ("", "nothing", row.secret):
        assert json.loads((await asked(one, text)).body) == {"active": False}
    assert (await asked(one, "x", "wrong")).status == 401
    assert (await one.request("POST", "/ocm/introspect", None, b"token=x")).status == 401
    assert (
        await two.request("POST", "/ocm/introspect", {"Authorization": basic("webapp", "")}, b"token=x")
    ).status == 404
    assert not [line for line in one.log if SECRET in line]


async def test_it_is_not_offered_to_who_does_not_open_such_nor_for_other_files(clouds: list[Server]) -> None:
    one, two, three = clouds
    for row in (await share(one, three, "lise"), await share(one, two, "marie", "picture.png")):
        assert row.protocols == ["webdav"]
        assert one.rows(shares.get, row.provider_id).requirements == []


async def test_discovery_says_what_is_offered_and_what_is_opened(clouds: list[Server]) -> None:
    roles = []
    for server in clouds:
        document = json.loads((await server.request("GET", "/.well-known/ocm")).body)
        roles.append({name for kind in document["resourceTypes"] for name in kind["protocols"]} - {"webdav"})
    receive = {"webdav-receive", "webapp-receive", "ssh-receive"}
    assert roles == [receive | {"webapp"}, receive, set()]


async def test_a_token_that_is_over_lets_nobody_in(clouds: list[Server]) -> None:
    one, two, _ = clouds
    row = await share(one, two, "marie")
    token = await two.context.token_for(row, row.secret, strong=True)
    assert json.loads((await asked(one, token)).body)["active"]
    one.context.clock.ahead += tokens.LIFETIME + 1
    assert not json.loads((await asked(one, token)).body)["active"]
