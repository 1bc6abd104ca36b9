"""Each side finds the other, and takes it for what it is."""

from __future__ import annotations

import pytest
from tests.journeys.foreign.kinds import IT, WE, everybody
from tests.peers.live import Live
from tests.peers.sabre import SabrePeer

from opencloudmesh.protocol.dialects import dialect_of
from opencloudmesh.protocol.obligations import signature_family
from opencloudmesh.protocol.wire import decode_object
from opencloudmesh.server.outgoing import WEBDAV_PATH


@everybody
async def test_we_take_a_peer_for_what_it_is(pair):
    found = await pair.cloud.context.lookup.discover(pair.peer.host)
    dialect = dialect_of(found)
    assert (dialect.family, dialect.writes) == (pair.kind.dialect, pair.kind.can(WE, "write"))
    assert signature_family(found) == pair.kind.signs_for_it
    assert found.end_point.startswith(pair.peer.base_url)
    pair.shows(WE, "discover", found.webdav_url.startswith(pair.peer.base_url))


@everybody
async def test_a_peer_reads_our_document(pair):
    cloud, peer = pair.cloud, pair.peer
    if isinstance(peer, Live):
        pytest.skip("a real server does not show what it has read; what it shares shows that it has found us")
    peer.sent.clear()
    if not hasattr(peer, "discover"):
        await pair.they_put("in.txt", b"hello")
        await pair.they_share("in.txt", accept=False)
        pair.shows(IT, "discover", "GET" in [exchange.method for exchange in peer.sent])
        return
    if isinstance(peer, SabrePeer):
        found = await peer.discover(peer.url_of(cloud.host))
        assert (found.end_point, found.webdav) == (f"{cloud.url}/ocm", cloud.url + WEBDAV_PATH)
    else:
        asked = cloud.url if pair.kind.family == "reva" else cloud.host
        document = await peer.discover(asked)
        assert document["endPoint"] == f"{cloud.url}/ocm"
        assert [kind["name"] for kind in document["resourceTypes"]] == ["file", "folder"]
        assert {kind["protocols"]["webdav"] for kind in document["resourceTypes"]} == {WEBDAV_PATH}
    pair.shows(IT, "discover", [exchange.status for exchange in peer.sent] == [200])


@pytest.mark.parametrize("path", ["/.well-known/ocm", "/ocm-provider", "/ocm-provider/", "/ocm-provider/index.php"])
async def test_the_document_is_the_same_wherever_it_is_looked_for(cloud, path):
    answer = await cloud.request("GET", path)
    assert (answer.status, answer.headers.get("content-type")) == (200, "application/json")
    assert answer.body == (await cloud.request("GET", "/.well-known/ocm")).body


@pytest.mark.parametrize(
    ("agent", "version"),
    [
        ("Nextcloud Server Crawler", "1.0-proposal1"),
        ("Nextcloud-Server-Crawler/34.0.1", "1.0-proposal1"),
        ("ownCloud Server Crawler", "1.0-proposal1"),
        ("Go-http-client/1.1", "1.4.0"),
    ],
)
async def test_the_version_is_one_that_the_reader_accepts_and_the_true_one_stands_beside_it(cloud, agent, version):
    answer = await cloud.request("GET", "/ocm-provider/", {"User-Agent": agent})
    document = decode_object(answer.body)
    assert (document["apiVersion"], document["version"]) == (version, "1.4.0")
    assert "User-Agent" in answer.headers.get("vary")


@pytest.mark.parametrize("path", ["/status.php", "/ocs-provider/", "/ocs-provider/index.php"])
async def test_nobody_takes_us_for_a_nextcloud(cloud, path):
    assert (await cloud.request("GET", path)).status == 404


@pytest.mark.parametrize("path", ["", "/p34/accept", "/p34/unshare"])
async def test_the_older_way_to_share_is_refused_quietly(cloud, path):
    answer = await cloud.request("POST", f"/ocs/v2.php/cloud/shares{path}?format=json", None, b"token=x")
    assert answer.status == 404
    assert not [line for line in cloud.log if line.startswith(("WARNING", "ERROR"))]
