"""Our own keys: made once, kept secret, the same at each start."""

from __future__ import annotations

import stat
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from opencloudmesh.protocol import signatures
from opencloudmesh.protocol.errors import Invalid, SignatureError
from opencloudmesh.protocol.keys import from_pem, parse_jwks
from opencloudmesh.protocol.wire import Headers, Request
from opencloudmesh.server import keys

URL = "https://cloud.example"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data folder with keys: RSA takes its time."""
    data = tmp_path_factory.mktemp("data")
    keys.load(data, URL)
    return data


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def pems(ring):
    return [ring.ed25519.private_pem(), ring.rsa.private_pem()]


def test_keys_are_readable_by_the_servers_user_only(data):
    assert mode(data / "keys") == 0o700
    assert {path.name: mode(path) for path in (data / "keys").iterdir()} == {"ed25519.pem": 0o600, "rsa.pem": 0o600}


def test_keys_stay_the_same_over_starts(data):
    written = {path.name: path.read_bytes() for path in (data / "keys").iterdir()}
    first, second = keys.load(data, URL), keys.load(data, URL)
    assert pems(first) == pems(second)
    assert {path.name: path.read_bytes() for path in (data / "keys").iterdir()} == written


def test_every_cloud_has_keys_of_its_own(data, tmp_path):
    assert not set(pems(keys.load(data, URL))) & set(pems(keys.load(tmp_path, URL)))


@pytest.mark.parametrize("url", [URL, "http://127.0.0.1:8000", "https://[::1]:8443"])
def test_key_ids_name_the_host_in_the_ways_that_peers_look_for(data, url):
    ring = keys.load(data, url)
    host = url.partition("//")[2]
    assert (ring.ed25519.kid, ring.rsa.kid) == (f"{host}#ed25519-1", f"{url}/ocm#signature")


@pytest.mark.parametrize("family", ["rfc9421", "cavage"])
def test_what_we_sign_is_checked_with_what_we_publish(data, family):
    ring = keys.load(data, URL)
    published = {
        "rfc9421": parse_jwks(ring.jwks),
        "cavage": (from_pem(ring.public_key.key_id, ring.public_key.pem),),
    }
    request = Request("POST", "https://other.example/ocm/shares", Headers({"Content-Type": "application/json"}), b"{}")
    signed = signatures.sign(request, ring.key_for(family), 1_800_000_000, family)
    claim = signatures.read(signed)
    assert claim is not None
    assert (claim.host, claim.family) == ("cloud.example", family)
    signatures.verify(signed, claim, published[family], 1_800_000_000)
    with pytest.raises(SignatureError):
        signatures.verify(signed, claim, published["cavage" if family == "rfc9421" else "rfc9421"], 1_800_000_000)


def test_nothing_secret_is_published_or_shown(data):
    ring = keys.load(data, URL)
    assert [set(key) & {"d", "p", "q"} for key in ring.jwks["keys"]] == [set()]
    assert "PRIVATE" not in ring.public_key.pem
    for pem in pems(ring):
        assert pem.splitlines()[1] not in repr(ring)


@pytest.mark.parametrize("name", ["ed25519", "rsa"])
def test_of_two_first_starts_at_once_both_use_the_keys_of_the_first(tmp_path, monkeypatch, name):
    """Both have found no key before either has written its own."""
    together = threading.Barrier(2, timeout=60)
    write = keys._write_secretly

    def wait_and_write(path, text):
        if path.stem == name:
            together.wait()
        write(path, text)

    monkeypatch.setattr(keys, "_write_secretly", wait_and_write)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: keys.load(tmp_path, URL), range(2))
    assert getattr(first, name).private_pem() == getattr(second, name).private_pem()
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == ["ed25519.pem", "rsa.pem"]


def test_a_start_that_crashed_while_writing_does_not_stop_the_next(tmp_path, monkeypatch):
    """In a container the process has the same number each time."""
    with monkeypatch.context() as patch:
        patch.setattr(keys.os, "fsync", lambda _: (_ for _ in ()).throw(OSError("no space left")))
        with pytest.raises(OSError, match="no space"):
            keys.load(tmp_path, URL)
    assert not (tmp_path / "keys" / "ed25519.pem").exists()
    keys.load(tmp_path, URL)


@pytest.mark.parametrize("text", ["", "not a key", "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"])
def test_a_broken_key_is_an_error_and_never_replaced(tmp_path, text):
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "ed25519.pem").write_text(text)
    with pytest.raises(Invalid):
        keys.load(tmp_path, URL)
    assert (tmp_path / "keys" / "ed25519.pem").read_text() == text
