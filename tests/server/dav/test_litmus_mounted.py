"""The conformance suite inside a received share: our WebDAV in front, our WebDAV as the other server behind."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from tests.server import rows
from tests.server.dav.serving import PASSWORD, PREFIX, Cloud, add_people, basic, served
from tests.tools import require

from opencloudmesh.client.guard import EgressPolicy
from opencloudmesh.client.network import Network
from opencloudmesh.protocol.discovery import Discovery
from opencloudmesh.server import peers, received
from opencloudmesh.server.database import Database
from opencloudmesh.server.mounts import UserTree
from opencloudmesh.server.remote import Reach
from opencloudmesh.server.schema import received as shares
from opencloudmesh.server.storage import Storage

HOST, SHARE = "cloud.example", "/dav/ocm/x1/"


@pytest.fixture
def sender(new_sqlite_url: Any, tmp_path: Path) -> Iterator[str]:
    """The base URL of a server that gives marie's files to whoever presents the secret."""
    with closing(Database(new_sqlite_url())) as database:
        add_people(database)
        cloud = Cloud(Storage(tmp_path / "sender"), database)
        cloud.trees[SHARE] = cloud.tree(account="marie")

        async def app(scope: Any, receive: Any, send: Any) -> None:
            secret = [value for name, value in scope["headers"] if name == b"authorization"] == [b"Bearer secret"]
            others = [pair for pair in scope["headers"] if pair[0] != b"authorization"]
            known = [(b"authorization", basic("marie").encode())] if secret else []
            await cloud({**scope, "headers": others + known}, receive, send)

        with served(app, "uvicorn") as authority:
            yield f"http://{authority}"
        assert not cloud.faults, "\n".join(cloud.faults)


@pytest.fixture
def receiver(new_sqlite_url: Any, tmp_path: Path, sender: str) -> Iterator[str]:
    """The URL of einstein's tree, in which marie's files are mounted at `Shares/hers`."""

    async def locate(_host: str) -> Discovery:
        webdav = [{"name": "file", "shareTypes": ["user"], "protocols": {"webdav": "/dav/ocm"}}]
        return Discovery.read({"enabled": True, "endPoint": sender + "/ocm", "resourceTypes": webdav}, sender)

    with closing(Database(new_sqlite_url())) as database:
        add_people(database)
        share = {"id": "r0", "account": "einstein", "host": HOST, "uri": "x1/", "secret": "secret"}
        database.write_now(lambda tx: peers.remember_document(tx, HOST, sender, {}))
        database.write_now(
            lambda tx: rows.insert(tx, shares, **share, name="hers", path="Shares/hers", state=received.ACCEPTED)
        )
        cloud = Cloud(Storage(tmp_path / "receiver"), database)
        network = Network(EgressPolicy(allow_http=True, allow_private=True), user_agent="test")
        cloud.trees[PREFIX] = UserTree(cloud.tree(), Reach(database, network, locate), leave=received.decline)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["path"] == "/close":  # in the event loop in which it was used
                await network.close()
            await cloud(scope, receive, send)

        with served(app, "uvicorn") as authority:
            yield f"http://{authority}{PREFIX}"
            with pytest.raises(HTTPError):
                urlopen(f"http://{authority}/close")
        assert not cloud.faults, "\n".join(cloud.faults)


@pytest.mark.parametrize("place", ["Shares/hers/", ""])
def test_litmus_finds_nothing_in_a_tree_with_mounts(receiver: str, place: str, tmp_path: Path) -> None:
    result = subprocess.run(
        [require("litmus"), "-k", receiver + place, "einstein", PASSWORD],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    summaries = re.findall(r"<- summary for `(\w+)': of (\d+) tests run: (\d+) passed, (\d+) failed", result.stdout)
    assert {name for name, *_ in summaries} == {"basic", "copymove", "props", "locks", "http"}, result.stdout
    assert all(failed == "0" for *_, failed in summaries), result.stdout
    assert not re.findall(r"WARNING: (.*)", result.stdout), result.stdout
