"""Links and the way from them to other clouds: nobody makes us ask, or tell, whom they please."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from tests.browsing import Browser
from tests.mesh import Server
from tests.peers.base import Peer
from tests.peers.values import Answer, Call

from opencloudmesh.client.guard import EgressPolicy
from opencloudmesh.client.network import Network
from opencloudmesh.protocol.errors import PeerError
from opencloudmesh.protocol.public_links import END_POINT
from opencloudmesh.server import accounts, discovery, link_shares, public_links
from opencloudmesh.server.discovery import Lookup
from opencloudmesh.server.web import linked

JSON, FORM = {"Content-Type": "application/json"}, {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def token(pair: list[Server]) -> str:
    one, _ = pair
    one.put("einstein", "work/a.txt", b"a")
    link = await one.api("POST", "links", {"path": "work", "mode": "read"}, who="einstein", status=201)
    return str(link["url"].rpartition("/")[2])


async def post(cloud: Server, headers: dict[str, str] = JSON, **said: object) -> tuple[int, dict[str, object]]:
    body = json.dumps(said) if headers is JSON else urlencode({name: str(value) for name, value in said.items()})
    answer = await cloud.request("POST", END_POINT, headers, body.encode())
    return answer.status, json.loads(answer.body)


@pytest.mark.parametrize("headers", [JSON, FORM])
async def test_another_cloud_asks_in_either_way(pair: list[Server], token: str, headers: dict[str, str]) -> None:
    one, two = pair
    for spelled in (two.address("marie"), f"marie@http://{two.host}/"):
        assert await post(one, headers, token=token, shareWith=spelled) == (200, {"remoteUrl": two.host})
    assert len(await one.api("GET", "shares", who="einstein")) == 1


@pytest.mark.parametrize(
    "said",
    [
        {}, {"token": "x"}, {"shareWith": "marie@two.example"}, {"token": "nothing", "shareWith": "marie@two.example"},
        {"token": ["x"], "shareWith": "marie@two.example"}, {"token": "x", "shareWith": {"a": 1}},
        {"token": "x" * 300, "shareWith": "marie@two.example"}, {"token": "\0", "shareWith": "marie@two.example"},
        {"token": "TOKEN", "shareWith": "marie"}, {"token": "TOKEN", "shareWith": "marie@two.example/../x@"},
        {"token": "TOKEN", "shareWith": "m" * 600 + "@two.example"}, {"token": "TOKEN", "shareWith": "OWNER"},
    ],
)  # fmt: skip
async def test_what_is_wrong_is_refused_in_nextclouds_way_and_nothing_happens(
    pair: list[Server], token: str, said: dict[str, object]
) -> None:
    one, _ = pair
    meant = {"TOKEN": token, "OWNER": one.address("einstein")}
    before = one.stored()
    status, answer = await post(one, **{name: meant.get(str(value), value) for name, value in said.items()})
    assert status == 400
    assert isinstance(answer["message"], str)
    assert one.stored() == before
    assert (await one.request("POST", END_POINT, {"Content-Type": "text/plain"}, b"{}")).status == 415
    assert (await one.request("GET", END_POINT)).status == 405


async def test_nobody_sends_through_a_link_what_its_owner_did_not_write(pair: list[Server], token: str) -> None:
    """No open relay: what goes out is the link's own share, one to an address, in bounded numbers."""
    one, two = pair
    said = {"token": token, "shareWith": two.address("marie"), "description": "Buy!", "name": "Buy!", "message": "Buy!"}
    assert (await post(one, **said))[0] == 200
    assert "Buy!" not in str(one.stored())


async def test_a_flood_of_addresses_is_stopped_for_client_link_and_server(
    pair: list[Server], token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = pair
    for number in range(linked.TAKEN_OF_CLIENT_BY_LINK):
        assert (await post(one, token=token, shareWith=f"m{number}@{two.host}"))[0] == 200
    before = one.stored()
    assert (await post(one, token=token, shareWith=f"more@{two.host}"))[0] == 429
    assert one.stored() == before
    one.context.clock.ahead += 61  # type: ignore[attr-defined]
    for bound in ("OF_LINK", "OF_HOST"):
        with monkeypatch.context() as patched:
            patched.setattr(link_shares, bound, linked.TAKEN_OF_CLIENT_BY_LINK)
            assert (await post(one, token=token, shareWith=f"more@{two.host}"))[0] == 429
    assert one.stored() == before
    assert (await post(one, token=token, shareWith=f"m1@{two.host}"))[0] == 200  # as before, for one who has it
    assert one.stored() == before


async def test_tokens_are_not_guessed_there_either(pair: list[Server]) -> None:
    one, _ = pair
    for _ in range(20):
        assert (await post(one, token="guessed-token", shareWith="m@two.example"))[0] == 400
    assert (await post(one, token="guessed-token", shareWith="m@two.example"))[0] == 429


@pytest.mark.parametrize(
    "address",
    [
        "m@127.0.0.1:1",
        "m@[::1]",
        "m@169.254.169.254",
        "m@10.0.0.1",
        "m@[::ffff:127.0.0.1]",
        "m@0x7f000001",
        "m@2130706433",
    ],
)
async def test_an_address_inside_is_not_asked_for_a_visitor(pair: list[Server], token: str, address: str) -> None:
    """Nobody is asked while the visitor waits; what the worker may connect to later, the egress guard decides."""
    one, _ = pair
    status, _ = await post(one, token=token, shareWith=address)
    assert status in (200, 400)
    assert not [line for line in one.log if " out " in line]


# A person of ours names a link


@pytest.mark.parametrize(
    "link",
    [
        "https://169.254.169.254/s/abc", "http://169.254.169.254/latest/s/abc", "https://[::ffff:10.0.0.1]/s/abc",
        "#remote=http%3A%2F%2F169.254.169.254%2Flatest&token=abc", "#remote=https%3A%2F%2F10.0.0.1%3A8080&token=abc",
        "https://localhost/s/abc", "https://127.0.0.1:22/s/abc",
    ],
)  # fmt: skip
async def test_a_link_inside_is_not_asked(pair: list[Server], link: str) -> None:
    """CVE-2020-10252: the `remote` that a browser names leads to no address inside. As outside of development."""
    _, two = pair
    policy = EgressPolicy(allow_http=False, allow_private=False)
    async with Network(policy, user_agent="test") as network:
        looking = {"allow_http": False, "clock": two.context.clock, "limits": two.context.limits}
        lookup = Lookup(two.context.database, network, **looking)  # type: ignore[arg-type]
        context = replace(two.context, network=network, lookup=lookup)
        before = two.stored()
        account = two.rows(accounts.get, "marie")
        with pytest.raises(PeerError):
            await public_links.take(context, account, link, "")
        assert two.stored() == before
        assert not [line for line in two.log if " out " in line]


async def test_only_a_server_that_speaks_the_protocol_is_told_the_password(pair: list[Server]) -> None:
    _, two = pair
    async with await Peer.start() as elsewhere:
        body = {"link": f"http://{elsewhere.host}/admin/s/abc", "password": "open sesame"}
        await two.api("POST", "received/from-link", body, who="marie", status=502)
        assert elsewhere.received
        assert not [asked for asked in elsewhere.received if asked.method != "GET" or b"sesame" in asked.body]
        assert not [asked for asked in elsewhere.received if "/admin/" in asked.url]


async def test_a_person_asks_only_so_many_clouds(pair: list[Server], monkeypatch: pytest.MonkeyPatch) -> None:
    _, two = pair
    monkeypatch.setattr(public_links, "PER_MINUTE", 3)
    for number in range(3):
        body = {"link": f"https://{number}.invalid/s/abc"}
        await two.api("POST", "received/from-link", body, who="marie", status=502)
    await two.api("POST", "received/from-link", {"link": "https://more.invalid/s/abc"}, who="marie", status=429)
    monkeypatch.setattr(public_links, "PER_MINUTE", 100)
    monkeypatch.setattr(discovery, "PER_MINUTE", 3)
    await two.api("POST", "received/from-link", {"link": "https://more.invalid/s/abc"}, who="marie", status=429)


async def test_strangers_make_nobody_here_ask(pair: list[Server]) -> None:
    _, two = pair
    visitor = Browser(two)
    form = {**FORM, "Origin": two.url}
    for path, body in (("/add", "link=https%3A%2F%2Fcloud.example%2Fs%2Fabc"), ("/api/v1/received/from-link", "{}")):
        answer = await visitor.send("POST", path, body.encode(), form)
        assert answer.status in (303, 401)
    await two.api("POST", "received/from-link", {"link": "https://cloud.example/s/abc"}, who="nobody", status=401)
    assert not [line for line in two.log if " out " in line]


async def test_what_a_link_is_opened_by_goes_to_its_own_server_alone(pair: list[Server]) -> None:
    """Else anybody who has a server makes us guess the links of another's, under as many names as they have hosts."""
    _, two = pair
    async with await Peer.start() as named, await Peer.start() as meant:
        document = {
            "enabled": True,
            "apiVersion": "1.1.0",
            "endPoint": f"{meant.base_url}/ocm",
            "resourceTypes": [{"name": "file", "protocols": {"webdav": f"{meant.base_url}/dav"}}],
        }

        async def told(_call: Call) -> Answer:
            return Answer(200, json.dumps(document).encode(), (("Content-Type", "application/json"),))

        named.routes["GET", "/.well-known/ocm"] = told
        before = two.stored()
        body = {"link": f"{named.base_url}/s/abc", "password": "open sesame"}
        answer = await two.api("POST", "received/from-link", body, who="marie", status=502)
        assert named.host in answer["message"]
        assert [asked.method for asked in named.received] == ["GET", "POST"]
        assert not meant.received
        assert two.stored() == before
        assert not [line for line in two.log if "sesame" in line]
