"""What the operator allows for one server, and for no other: private addresses, an authority of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.client.certificates import authority, server_context
from tests.client.wires import answering, ok, wire

from opencloudmesh.client.network import Network
from opencloudmesh.protocol.errors import EgressDenied, Unreachable
from opencloudmesh.server import config, rules
from opencloudmesh.server.context import open_network
from opencloudmesh.server.database import Database


@pytest.fixture
def decided(new_database_url: Any) -> Any:
    """Rules of the operator in a database."""
    database = Database(new_database_url())

    def decide(pattern: str, **values: Any) -> None:
        database.write_now(lambda tx: rules.put(tx, pattern, **values))

    decide.database = database  # type: ignore[attr-defined]
    decide.drop = lambda name: database.write_now(lambda tx: rules.drop(tx, name))  # type: ignore[attr-defined]
    yield decide
    database.close()


@asynccontextmanager
async def way_out(decided: Any, folder: Path, **options: Any) -> AsyncIterator[Network]:
    """The network of a cloud in real use: no plain http, nothing private."""
    settings = config.load({"data": folder, "public_url": "https://one.example", **options}, environment={})
    async with open_network(settings, decided.database) as network:
        yield network


async def test_an_exception_for_one_private_server_is_none_for_another(decided: Any, tmp_path: Path) -> None:
    ca = authority(tmp_path)
    tls = server_context(tmp_path, ca, "localhost", "127.0.0.1")
    async with (
        wire(answering(ok(b"in")), tls=tls) as peer,
        wire(answering(ok(b"in")), tls=tls) as other,
        way_out(decided, tmp_path, ca_file=ca.file) as network,
    ):
        with pytest.raises(EgressDenied):
            await network.request("GET", f"https://localhost:{peer.port}/")
        decided(f"localhost:{peer.port}", private=True)
        assert (await network.request("GET", f"https://LocalHost:{peer.port}/")).body == b"in"
        async with network.stream("GET", f"https://localhost:{peer.port}/") as answer:
            assert await answer.read(10) == b"in"
        for url in (f"https://localhost:{other.port}/", f"https://127.0.0.1:{peer.port}/"):
            with pytest.raises(EgressDenied):
                await network.request("GET", url)
            with pytest.raises(EgressDenied):
                async with network.stream("GET", url):
                    pass
        decided.drop(f"localhost:{peer.port}")
        with pytest.raises(EgressDenied):
            await network.request("GET", f"https://localhost:{peer.port}/", redirects=1)
        assert other.connections == 0


async def test_a_redirect_from_an_excepted_server_to_another_private_one_is_refused(
    decided: Any, tmp_path: Path
) -> None:
    ca = authority(tmp_path)
    tls = server_context(tmp_path, ca, "localhost", "127.0.0.1")
    async with wire(answering(ok()), tls=tls) as inner:
        moved = f"HTTP/1.1 302 Found\r\nLocation: https://localhost:{inner.port}/\r\nContent-Length: 0\r\n\r\n"
        async with (
            wire(answering(moved.encode()), tls=tls) as peer,
            way_out(decided, tmp_path, ca_file=ca.file) as network,
        ):
            decided(f"localhost:{peer.port}", private=True)
            with pytest.raises(EgressDenied):
                await network.request("GET", f"https://localhost:{peer.port}/", redirects=2)
            assert (peer.connections, inner.connections) == (1, 0)
            decided(f"localhost:{inner.port}", private=True)
            assert (await network.request("GET", f"https://localhost:{peer.port}/", redirects=2)).status == 200


async def test_an_exception_never_opens_addresses_that_hand_out_credentials(decided: Any, tmp_path: Path) -> None:
    decided("169.254.169.254", private=True)
    async with way_out(decided, tmp_path) as network:
        with pytest.raises(EgressDenied):
            await network.request("GET", "https://169.254.169.254/latest/meta-data/")


async def test_a_pinned_authority_counts_for_its_server_alone_and_no_other_counts_for_it(
    decided: Any, tmp_path: Path
) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "theirs").mkdir()
    ours, theirs = authority(tmp_path / "ours"), authority(tmp_path / "theirs")
    async with (
        wire(answering(ok(b"in")), tls=server_context(tmp_path / "theirs", theirs, "localhost")) as peer,
        wire(answering(ok(b"in")), tls=server_context(tmp_path / "theirs", theirs, "localhost")) as other,
        way_out(decided, tmp_path, ca_file=ours.file) as network,
    ):
        for server in (peer, other):
            decided(f"localhost:{server.port}", private=True)
            with pytest.raises(Unreachable):
                await network.request("GET", f"https://localhost:{server.port}/")
        decided(f"localhost:{peer.port}", ca=theirs.file.read_text())
        assert (await network.request("GET", f"https://localhost:{peer.port}/")).body == b"in"
        with pytest.raises(Unreachable):
            await network.request("GET", f"https://localhost:{other.port}/")
        decided(f"localhost:{peer.port}", ca=ours.file.read_text())  # from now on only that one
        with pytest.raises(Unreachable):
            await network.request("POST", f"https://localhost:{peer.port}/")
