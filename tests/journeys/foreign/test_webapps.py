"""Web applications with two families that read OCM 1.4: CERNBox opens and offers them, opencloudmesh-go does not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.browsing import Browser
from tests.journeys.foreign.conftest import OURS, THEIRS, Pair, foreign, meet
from tests.journeys.foreign.kinds import EMULATED, Kind
from tests.mesh import Server, basic, serve, settled

SECRET = "secret-of-the-office"
SETTINGS = {
    "webapp": "https://office.example/open?share={id}",
    "webapp_secret": SECRET,
    "webdav_receive": "absolute",
    "provider": "Ours",
}
KINDS = {kind.name: kind for kind in EMULATED}
REVA = Kind("reva", "reva", "unsigned", None, options={"webapp": True, "require_token": True})


@pytest.fixture
async def cloud(tmp_path: Path, cloud_url: str) -> AsyncIterator[Server]:
    async with serve(tmp_path / "ours", database_url=cloud_url, **SETTINGS) as server:
        server.add(OURS, name="Marie Curie")
        yield server


async def met(kind: Kind, cloud: Server, peer: Any) -> Pair:
    return Pair(kind, cloud, peer, lambda *_: None, await meet(kind, peer, cloud))


async def test_cernbox_opens_our_application_with_a_token_and_ours_opens_that_of_cernbox(cloud: Server) -> None:
    async with foreign(REVA, cloud) as peer:
        pair = await met(REVA, cloud, peer)
        cloud.put(OURS, "note.txt", b"radium")
        share_id, offer = await pair.we_share_and_they_accept("note.txt")
        assert offer.requirements == ("must-exchange-token",)
        url, form = await peer.open_app(THEIRS, offer.id)
        assert url == f"https://office.example/open?share={share_id}"
        fields = {"Authorization": basic("webapp", SECRET), "Content-Type": "application/x-www-form-urlencoded"}
        said = await cloud.request("POST", "/ocm/introspect", fields, f"token={form['access_token']}".encode())
        assert b'"active":true' in said.body
        assert await peer.mount(THEIRS, offer.id).read() == b"radium"

        peer.put_file(THEIRS, "paper.txt", b"polonium")
        theirs, mine = await pair.they_share("paper.txt")
        assert (mine["protocols"], mine["webapp"]["name"]) == (["webdav", "webapp"], "Jupyter")
        browser = Browser(cloud)
        await browser.sign_in(OURS)
        page = await browser.submit(f"/apps/{mine['id']}")
        assert page.forms == [f"{peer.base_url}/external/jupyter/{theirs}"]
        given = next(values["value"] for _, values in page.tags if values.get("name") == "access_token")
        assert peer.tokens[given].id == theirs
        assert (await cloud.dav("GET", OURS, "Shares/paper.txt")).body == b"polonium"


async def test_opencloudmesh_go_which_refuses_applications_gets_the_file_alone(cloud: Server) -> None:
    kind = KINDS["opencloudmesh-go"]
    async with foreign(kind, cloud) as peer:
        pair = await met(kind, cloud, peer)
        cloud.put(OURS, "note.txt", b"radium")
        _, offer = await pair.we_share_and_they_accept("note.txt")
        assert await peer.mount(THEIRS, offer.id).read() == b"radium"
        await settled(cloud)
