"""A federation from nothing: its operator signs a list, members take it, and a broken directory bothers nobody."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from tests.browsing import Browser
from tests.client.sites import page, site, status
from tests.client.wires import wire
from tests.mesh import serve, settled

from opencloudmesh.protocol.directory import Listing, Server, parse, read_key, sign_listing
from opencloudmesh.protocol.keys import SigningKey
from opencloudmesh.server import audit, directories, invites
from opencloudmesh.server.cli import main
from opencloudmesh.server.database import Database, sqlite_url

KEY, STRANGER = (SigningKey("k", "ed25519", ed25519.Ed25519PrivateKey.generate()) for _ in range(2))
LISTING = Listing("The Mesh", (Server("https://one.example", "One"), Server("https://two.example", "Two")))
OTHERS = Listing("The Mesh", (Server("https://evil.example", "Evil"),))
PATH = "/servers.json"


@contextmanager
def published(folder) -> Iterator[str]:
    """A web server of the world, for the files in a folder."""
    handler = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def ocm(*words, server=None, code=0):
    """A command, beside a running server where one is given; what it printed."""
    environment = {}
    if server is not None:
        config = server.context.config
        environment = {"OCM_DATA": str(config.data), "OCM_DATABASE_URL": config.database_url, "OCM_DEVELOPMENT": "true"}
    result = CliRunner().invoke(main, [str(word) for word in words], env=environment)
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.stderr


def hosts(server, text=""):
    return [row.host for row in server.rows(directories.members, text)]


def named(server, url, **options):
    server.context.database.write_now(lambda tx: directories.add(tx, url, [KEY.public_pem()], **options))


def row(server, url):
    return server.rows(directories.get, url)


async def asked(server):
    """Every directory that is due has been asked."""
    await server.worker.directories.look()
    await server.worker.directories.idle()


# From nothing to members on the page


async def test_a_federation_from_nothing(two, tmp_path):
    web, key = tmp_path / "web", tmp_path / "mesh.key"
    web.mkdir()
    said = ocm("directory", "key", key)
    assert f"Give {key}.pub to the operators" in said
    assert key.stat().st_mode & 0o777 == 0o600
    assert "PRIVATE" not in (tmp_path / "mesh.key.pub").read_text()
    listed = tmp_path / "list.txt"
    listed.write_text("# who takes part\nhttps://one.example  Cloud  One\n\nhttps://two.example:8443 Zwei ✓\n")
    ocm("directory", "sign", listed, "--key", key, "--federation", "The Mesh", "--out", web / "servers.json")
    document = json.loads((web / "servers.json").read_text())
    assert document.keys() == {"payload", "protected", "signature"}

    with published(web) as base:
        url = base + PATH
        add = ["directory", "add", url, "--key", f"{key}.pub"]
        said = await asyncio.to_thread(ocm, *add, server=two)
        assert said == f"{url}: 2 servers of The Mesh.\n"
        assert hosts(two) == ["one.example", "two.example:8443"]
        marie = two.context.database.write_now(lambda tx: invites.create(tx, "marie"))
        shown = await Browser(two).open(f"/wayf?token={marie.token}&search=zwei")
        assert "Zwei ✓ two.example:8443 The Mesh" in shown.text

        listed.write_text("https://three.example Drei\n")
        ocm("directory", "sign", listed, "--key", key, "--federation", "The Mesh", "--out", web / "servers.json")
        assert "1 servers of" in await asyncio.to_thread(ocm, "directory", "refresh", server=two)
        assert hosts(two) == ["three.example"]
    (shown,) = json.loads(ocm("directory", "list", "--json", server=two))
    assert (shown["url"], shown["servers"], shown["keys"], shown["unsigned"]) == (url, 1, 1, False)
    assert shown["fetched"]
    said = await asyncio.to_thread(ocm, "directory", "refresh", url, server=two)
    assert "did not answer" in said
    assert "In force: 1 servers of The Mesh." in said
    assert "connection refused" in ocm("directory", "list", server=two)
    ocm("directory", "remove", url, server=two)
    assert hosts(two) == []
    assert ocm("directory", "list", server=two) == "none\n"


@pytest.mark.parametrize("kind", ["ES256", "RS256", "EdDSA"])
def test_a_key_made_elsewhere_signs_too_and_json_is_a_list_as_well(tmp_path, kind):
    private = {
        "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "RS256": lambda: rsa.generate_private_key(65537, 2048),
        "EdDSA": ed25519.Ed25519PrivateKey.generate,
    }[kind]()
    key, listed = tmp_path / "key.pem", tmp_path / "list.json"
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    listed.write_text(json.dumps(LISTING.encode()))
    document = ocm("directory", "sign", listed, "--key", key)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    assert parse(document.encode(), [read_key(public)]) == LISTING


@pytest.mark.parametrize(
    ("text", "wrong"),
    [("https://one.example/path One", "servers[0].url"), ("one.example One", "servers[0].url"), (b"\xff", "UTF-8"),
     ('{"servers": []}', "federation"), ("{", "JSON")],
)  # fmt: skip
def test_a_list_that_is_wrong_replaces_nothing(tmp_path, text, wrong):
    key, listed, out = tmp_path / "mesh.key", tmp_path / "list", tmp_path / "servers.json"
    ocm("directory", "key", key)
    assert "there already" in ocm("directory", "key", key, code=1)
    listed.write_bytes(text if isinstance(text, bytes) else text.encode())
    out.write_text("as it was")
    name = [] if "servers" in str(text) else ["--federation", "The Mesh"]
    assert wrong in ocm("directory", "sign", listed, "--key", key, *name, "--out", out, code=1)
    listed.write_text("https://one.example One")
    words = ["directory", "sign", listed, "--federation", "The Mesh", "--out", out]
    assert "private key" in ocm(*words, "--key", f"{key}.pub", code=1)
    assert out.read_text() == "as it was"


# What is not as it should be


TAMPERED = sign_listing(LISTING, KEY) | {"payload": sign_listing(OTHERS, KEY)["payload"]}
REFUSED = {
    "tampered": page(TAMPERED),
    "signed by another": page(sign_listing(OTHERS, STRANGER)),
    "not signed": page(OTHERS.encode()),
    "not signed as in the draft": page({"payload": OTHERS.encode(), "protected": "e30", "signature": "eA"}),
    "no list": page({"payload": "e30", "protected": "e30", "signature": "eA"}),
    "HTML": page("<html>"),
    "gone": status(404),
}
AWAY = {"down": status(503), "nothing": b"", "nonsense": b"what?\r\n\r\n"}


@pytest.mark.parametrize("answer", [*REFUSED, *AWAY])
async def test_what_is_not_believed_replaces_nothing(two, answer):
    pages = {PATH: page(sign_listing(LISTING, KEY))}
    async with wire(site(pages)) as web:
        url = web.url + PATH
        named(two, url)
        await asked(two)
        fetched = row(two, url).fetched
        pages[PATH] = (REFUSED | AWAY)[answer]
        for ahead in (1, 2):
            two.context.clock.ahead = ahead * directories.INTERVAL
            await asked(two)
        assert row(two, url).error
        assert (hosts(two), row(two, url).fetched) == (["one.example", "two.example"], fetched)
        trail = [found.outcome for found in two.rows(audit.listing, event="directory")]
        assert trail == ["done", "done", *(["refused"] if answer in REFUSED else [])]
        pages[PATH] = page(sign_listing(OTHERS, KEY))
        two.context.clock.ahead += directories.INTERVAL
        await asked(two)
        assert (hosts(two), row(two, url).error) == (["evil.example"], None)


async def test_plain_json_is_taken_where_the_operator_says_so_and_a_bad_signature_never(two):
    pages = {PATH: page(LISTING.encode())}
    async with wire(site(pages)) as web:
        named(two, web.url + PATH, unsigned=True)
        await asked(two)
        assert hosts(two) == ["one.example", "two.example"]
        pages[PATH] = page(sign_listing(OTHERS, STRANGER))
        two.context.clock.ahead = directories.INTERVAL
        await asked(two)
        assert hosts(two) == ["one.example", "two.example"]


async def test_directories_that_hang_or_never_end_delay_nobody(one, two):
    async def hangs(exchange):
        await exchange.request()
        await asyncio.Event().wait()

    async def endless(exchange):
        await exchange.request()
        await exchange.say(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{")
        while True:
            await exchange.say(b" " * 65_536)

    pages = {PATH: page(sign_listing(LISTING, KEY))}
    async with wire(hangs) as dead, wire(endless) as flood, wire(site(pages)) as good:
        for web in (dead, flood, good):
            named(two, web.url + PATH)
        await two.worker.directories.look()
        async with asyncio.timeout(20):
            while row(two, good.url + PATH).fetched is None or row(two, flood.url + PATH).error is None:
                await asyncio.sleep(0.02)
        assert "more than is read here" in row(two, flood.url + PATH).error
        assert row(two, dead.url + PATH).error is None
        await two.worker.directories.look()
        assert dead.connections == 1
        token = two.context.database.write_now(lambda tx: invites.create(tx, "marie")).token
        assert "one.example" in (await Browser(two).open(f"/wayf?token={token}")).text
        one.put("einstein", "note.txt", b"")
        await one.api("POST", "shares", {"path": "note.txt", "shareWith": two.address("marie")}, who="einstein")
        await settled(one, two)
        assert len(await two.api("GET", "received", who="marie")) == 1
        await two.worker.directories.close()
        assert row(two, dead.url + PATH).error is None


async def test_the_running_worker_asks_by_itself_and_ends_while_one_hangs(tmp_path):
    async def hangs(exchange):
        await exchange.request()
        await asyncio.Event().wait()

    async with wire(hangs) as dead, wire(site({PATH: page(sign_listing(LISTING, KEY))})) as good:
        async with serve(tmp_path / "cloud"):
            pass  # makes the database
        database = Database(sqlite_url(tmp_path / "cloud"))
        for web in (dead, good):
            database.write_now(lambda tx, url=web.url + PATH: directories.add(tx, url, [KEY.public_pem()]))
        database.close()
        async with asyncio.timeout(20), serve(tmp_path / "cloud", worker=True) as server:
            while not hosts(server) or not dead.connections:
                await asyncio.sleep(0.02)


async def test_a_directory_in_a_private_network_or_without_tls_is_not_asked(tmp_path):
    async with wire(site({PATH: page(sign_listing(LISTING, KEY))})) as web:
        async with serve(tmp_path / "cloud", development=False) as server:
            for url in (web.url + PATH, web.url.replace("http:", "https:") + PATH):
                named(server, url)
            await asked(server)
            assert [found.error for found in server.rows(directories.listing)] == [
                "Only https addresses are asked.",
                "Servers in private networks are not asked.",
            ]
        assert web.connections == 0
