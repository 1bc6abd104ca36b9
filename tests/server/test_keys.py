"""Our own keys: made once, kept secret, the same at each start; rotated with an overlap, revoked at once."""

from __future__ import annotations

import itertools
import logging
import multiprocessing
import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from opencloudmesh.protocol import signatures
from opencloudmesh.protocol.errors import Conflict, Invalid, NotFound, SignatureError, Unavailable
from opencloudmesh.protocol.keys import from_pem, parse_jwks
from opencloudmesh.protocol.wire import Headers, Request
from opencloudmesh.server import keyfolder, keys
from opencloudmesh.server.keys import AHEAD, OVERLAP

URL = "https://cloud.example"
KID = "cloud.example#ed25519-"
RSA = f"{URL}/ocm#signature"
WEEK = OVERLAP["ed25519"]
FAMILIES = ("rfc9421", "cavage")
RSA_KEYS = itertools.cycle([rsa.generate_private_key(65537, 2048) for _ in range(4)])


class Clock:
    """Stands where it is set, beginning with now: files get their dates from the system."""

    def __init__(self):
        self.now = float(int(time.time()) + 10)

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data folder with keys: RSA takes its time."""
    data = tmp_path_factory.mktemp("data")
    keys.load(data, URL, time.time)
    return data


@pytest.fixture
def used(data, tmp_path):
    """The same, for one test to change; as old as an hour."""
    (tmp_path / "keys").mkdir(mode=0o700)
    for path in (data / "keys").glob("*.pem"):
        copy = tmp_path / "keys" / path.name
        copy.touch(mode=0o600)
        copy.write_bytes(path.read_bytes())
        os.utime(copy, (time.time() - 3600,) * 2)
    return tmp_path


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    """RSA keys after the first are from a few that are made once."""
    monkeypatch.setattr(keyfolder.rsa, "generate_private_key", lambda *_: next(RSA_KEYS))


def loaded(data, clock=time.time, passphrase=""):
    return keys.load(data, URL, clock, passphrase)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def files(data):
    return {path.name: path.read_bytes() for path in (data / "keys").iterdir() if path.suffix == ".pem"}


def pems(ring):
    return [ring.key_for(family).private_pem() for family in FAMILIES]


def shown(ring):
    """The key ids that peers see: of the JWK set, of the document."""
    return [key["kid"].removeprefix(KID) for key in ring.jwks["keys"]], ring.public_key.key_id.removeprefix(RSA)


def signing(ring):
    return tuple(ring.key_for(family).kid.removeprefix(KID).removeprefix(RSA) for family in FAMILIES)


def rotate(data, clock, passphrase="", **how):
    return [entry.name for entry in keys.rotate(data, URL, int(clock()), passphrase, **how)]


def revoke(data, clock, named, passphrase=""):
    ended, made = keys.revoke(data, URL, named, int(clock()), passphrase)
    return [entry.name for entry in ended], [entry.name for entry in made]


def states(data, clock):
    found = keys.survey(keyfolder.index(data / "keys"), URL, clock())
    return {key.entry.name: (key.state, key.since, key.until) for key in found}


# Made once


def test_keys_are_readable_by_the_servers_user_only(data):
    assert mode(data / "keys") == 0o700
    assert {path.name: mode(path) for path in (data / "keys").glob("*.pem")} == {"ed25519.pem": 0o600, "rsa.pem": 0o600}
    assert {mode(path) for path in (data / "keys").iterdir()} == {0o600}


def test_keys_stay_the_same_over_starts(data):
    written = files(data)
    first, second = loaded(data), loaded(data)
    assert pems(first) == pems(second)
    assert files(data) == written


def test_keys_of_a_folder_that_may_not_be_written_are_read(used):
    """Where nothing has to be made, nothing is written: no index, no lock."""
    written = set((used / "keys").iterdir())
    loaded(used)
    assert set((used / "keys").iterdir()) == written
    assert {path.name for path in written} == {"ed25519.pem", "rsa.pem"}


def test_every_cloud_has_keys_of_its_own(data, tmp_path):
    assert not set(pems(loaded(data))) & set(pems(loaded(tmp_path)))


@pytest.mark.parametrize("url", [URL, "http://127.0.0.1:8000", "https://[::1]:8443"])
def test_key_ids_name_the_host_in_the_ways_that_peers_look_for(data, url):
    ring = keys.load(data, url, time.time)
    host = url.partition("//")[2]
    kids = [ring.key_for(family).kid for family in FAMILIES]
    assert kids == [f"{host}#ed25519-1", f"{url}/ocm#signature"]


@pytest.mark.parametrize("family", FAMILIES)
def test_what_we_sign_is_checked_with_what_we_publish(data, family):
    ring = loaded(data)
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
    ring = loaded(data)
    assert [set(key) & {"d", "p", "q"} for key in ring.jwks["keys"]] == [set()]
    assert "PRIVATE" not in ring.public_key.pem
    for pem in pems(ring):
        assert pem.splitlines()[1] not in repr(ring)


def test_of_two_first_starts_at_once_both_use_the_keys_of_the_first(tmp_path, monkeypatch):
    """Whoever came second has found no key before the first had written its own."""
    write = keyfolder.write_new

    def write_slowly(*values):
        time.sleep(0.3)
        write(*values)

    monkeypatch.setattr(keyfolder, "write_new", write_slowly)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: loaded(tmp_path), range(2))
    assert pems(first) == pems(second)
    assert set(files(tmp_path)) == {"ed25519.pem", "rsa.pem"}


def test_a_start_that_crashed_while_writing_does_not_stop_the_next(tmp_path, monkeypatch):
    """In a container the process has the same number each time."""
    with monkeypatch.context() as patch:
        patch.setattr(keyfolder.os, "fsync", lambda _: (_ for _ in ()).throw(OSError("no space left")))
        with pytest.raises(OSError, match="no space"):
            loaded(tmp_path)
    assert files(tmp_path) == {}
    assert [path.name[:5] for path in (tmp_path / "keys").iterdir() if path.name != ".lock"] == [".new-"]
    loaded(tmp_path)
    assert {path.name for path in (tmp_path / "keys").iterdir()} == {"ed25519.pem", "rsa.pem", ".lock"}


@pytest.mark.parametrize("text", ["", "not a key", "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"])
@pytest.mark.parametrize("passphrase", ["", "sesame"])
def test_a_broken_key_is_an_error_and_never_replaced(tmp_path, text, passphrase):
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "ed25519.pem").write_text(text)
    with pytest.raises(Invalid, match=r"keys/ed25519\.pem is not a private key"):
        loaded(tmp_path, passphrase=passphrase)
    assert (tmp_path / "keys" / "ed25519.pem").read_text() == text


def test_what_others_could_read_is_closed_to_them_and_said(used, caplog):
    caplog.set_level(logging.WARNING)
    (used / "keys" / "rsa.pem").chmod(0o640)
    (used / "keys").chmod(0o755)
    loaded(used)
    assert (mode(used / "keys"), mode(used / "keys" / "rsa.pem")) == (0o700, 0o600)
    assert [record.getMessage().split()[0] for record in caplog.records] == [
        str(used / "keys"),
        str(used / "keys" / "rsa.pem"),
    ]
    caplog.clear()
    loaded(used)
    assert caplog.records == []


# Rotation


def test_a_rotation_publishes_first_then_signs_and_shows_the_old_key_for_a_week(used, clock):
    ring = loaded(used, clock)
    assert (shown(ring), signing(ring)) == ((["1"], ""), ("1", ""))
    began = int(clock())
    assert rotate(used, clock) == ["ed25519-2", "rsa-2"]
    steps = {
        0: ((["1", "2"], ""), ("1", "")),
        AHEAD - 1: ((["1", "2"], ""), ("1", "")),
        AHEAD: ((["1", "2"], "-2"), ("2", "-2")),
        AHEAD + WEEK - 1: ((["1", "2"], "-2"), ("2", "-2")),
        AHEAD + WEEK: ((["2"], "-2"), ("2", "-2")),
    }
    for seconds, expected in steps.items():
        clock.now = began + seconds
        assert (shown(ring), signing(ring)) == expected, seconds
        assert (shown(loaded(used, clock)), signing(loaded(used, clock))) == expected, seconds


def test_peers_that_keep_a_key_set_for_an_hour_know_every_key_before_it_signs():
    assert AHEAD >= 3600 + 300


def test_states_say_since_when_and_until_when(used, clock):
    made = int((used / "keys" / "rsa.pem").stat().st_mtime)
    now = int(clock())
    assert states(used, clock) == {"ed25519-1": ("current", made, None), "rsa-1": ("current", made, None)}
    rotate(used, clock)
    assert states(used, clock) == {
        "ed25519-1": ("current", made, now + AHEAD),
        "ed25519-2": ("next", now, now + AHEAD),
        "rsa-1": ("current", made, now + AHEAD),
        "rsa-2": ("next", now, now + AHEAD),
    }
    clock.now = now + AHEAD
    assert states(used, clock)["ed25519-1"] == ("old", now + AHEAD, now + AHEAD + WEEK)
    assert states(used, clock)["ed25519-2"] == ("current", now + AHEAD, None)
    assert states(used, clock)["rsa-1"] == ("gone", now + AHEAD, now + AHEAD)
    clock.now = now + AHEAD + WEEK
    assert states(used, clock)["ed25519-1"] == ("gone", now + AHEAD + WEEK, now + AHEAD + WEEK)


def test_one_rotation_at_a_time(used, clock):
    rotate(used, clock)
    written = files(used)
    with pytest.raises(Conflict):
        rotate(used, clock)
    assert files(used) == written
    clock.now += AHEAD
    assert rotate(used, clock) == ["ed25519-3", "rsa-3"]
    assert shown(loaded(used, clock))[0] == ["1", "2", "3"]


def test_the_new_key_signs_at_once_where_that_is_wanted(used, clock):
    ring = loaded(used, clock)
    assert rotate(used, clock, at_once=True) == ["ed25519-2", "rsa-2"]
    assert (shown(ring), signing(ring)) == ((["1", "2"], "-2"), ("2", "-2"))


def test_a_key_that_waits_signs_at_once_where_that_is_wanted(used, clock):
    ring = loaded(used, clock)
    rotate(used, clock)
    clock.now += 60
    assert rotate(used, clock, at_once=True) == ["ed25519-2", "rsa-2"]
    assert (shown(ring), signing(ring)) == ((["1", "2"], "-2"), ("2", "-2"))
    clock.now += WEEK
    assert shown(ring)[0] == ["2"]


def test_what_is_gone_leaves_the_disk_at_the_next_start(used, clock):
    rotate(used, clock)
    clock.now += AHEAD
    loaded(used, clock)
    assert set(files(used)) == {"ed25519.pem", "ed25519-2.pem", "rsa-2.pem"}
    clock.now += WEEK
    loaded(used, clock)
    assert set(files(used)) == {"ed25519-2.pem", "rsa-2.pem"}
    assert {mode(path) for path in (used / "keys").iterdir()} == {0o600}


def test_a_copy_of_what_we_publish_does_not_outlive_the_rsa_key(used, clock):
    ring = loaded(used, clock)
    assert ring.lasts(300) == 300
    rotate(used, clock)
    for left, lasts in ((AHEAD, 300), (300, 300), (299, 299), (1, 1)):
        clock.now = keyfolder.index(used / "keys")[-1].signs - left
        assert ring.lasts(300) == lasts
    clock.now += 1
    assert ring.lasts(300) == 300


@pytest.mark.parametrize("later", [0, WEEK])
def test_a_clock_that_runs_behind_stops_nobody_from_signing(used, clock, later):
    """A small computer without a battery starts in 1970, and may have removed old keys before."""
    rotate(used, clock, at_once=True)
    clock.now += later
    loaded(used, clock)
    clock.now = 60.0
    ring = loaded(used, clock)
    assert signing(ring) == ("1" if later == 0 else "2", "-2")
    assert signing(ring)[0] in shown(ring)[0]


def test_there_is_nothing_to_rotate_before_the_first_start(tmp_path, clock):
    for change in (rotate, lambda *values: revoke(*values, "ed25519-1")):
        with pytest.raises(NotFound):
            change(tmp_path, clock)
    assert list(tmp_path.iterdir()) == []


# Revocation


def test_the_key_that_signs_is_revoked_and_another_takes_its_place_at_once(used, clock):
    ring = loaded(used, clock)
    before = ring.key_for("rfc9421")
    assert revoke(used, clock, KID + "1") == (["ed25519-1"], ["ed25519-2"])
    assert (shown(ring), signing(ring)) == ((["2"], ""), ("2", ""))
    assert ring.key_for("rfc9421").public.thumbprint() != before.public.thumbprint()
    assert set(files(used)) == {"ed25519-2.pem", "rsa.pem"}
    assert states(used, clock)["ed25519-1"] == ("revoked", int(clock()), int(clock()))


def test_the_rsa_key_is_revoked_by_its_key_id_or_name(used, clock):
    ring = loaded(used, clock)
    assert revoke(used, clock, RSA) == (["rsa-1"], ["rsa-2"])
    assert shown(ring) == (["1"], "-2")
    assert revoke(used, clock, "rsa-2") == (["rsa-2"], ["rsa-3"])
    assert (shown(ring), signing(ring)) == ((["1"], "-3"), ("1", "-3"))


def test_a_key_that_waits_is_revoked_with_the_one_it_lay_beside(used, clock):
    ring = loaded(used, clock)
    rotate(used, clock)
    assert revoke(used, clock, "ed25519-1") == (["ed25519-1", "ed25519-2"], ["ed25519-3"])
    assert shown(ring)[0] == ["3"]
    clock.now += AHEAD
    assert (shown(ring)[0], signing(ring)[0]) == (["3"], "3")


def test_a_key_that_only_waits_is_revoked_alone(used, clock):
    ring = loaded(used, clock)
    rotate(used, clock)
    assert revoke(used, clock, "ed25519-2") == (["ed25519-2"], [])
    clock.now += AHEAD
    assert (shown(ring)[0], signing(ring)) == (["1"], ("1", "-2"))
    assert rotate(used, clock) == ["ed25519-3", "rsa-3"]


def test_an_old_key_is_shown_no_more(used, clock):
    ring = loaded(used, clock)
    rotate(used, clock, at_once=True)
    assert revoke(used, clock, KID + "1") == (["ed25519-1"], [])
    assert (shown(ring), signing(ring)) == ((["2"], "-2"), ("2", "-2"))


def test_a_key_that_was_gone_does_not_come_back_when_its_successor_is_revoked(used, clock):
    ring = loaded(used, clock)
    rotate(used, clock, at_once=True)
    clock.now += WEEK
    revoke(used, clock, "ed25519-2")
    assert shown(ring)[0] == ["3"]


@pytest.mark.parametrize("named", ["ed25519-9", "", "rsa", KID, URL])
def test_what_is_no_key_cannot_be_revoked(used, clock, named):
    with pytest.raises(NotFound):
        revoke(used, clock, named)
    assert set(files(used)) == {"ed25519.pem", "rsa.pem"}


def test_what_is_revoked_stays_so(used, clock):
    revoke(used, clock, "ed25519-1")
    written = files(used), (used / "keys" / "keys.json").read_bytes()
    with pytest.raises(NotFound):
        revoke(used, clock, "ed25519-1")
    assert (files(used), (used / "keys" / "keys.json").read_bytes()) == written


def test_a_key_whose_file_is_lost_can_be_revoked(used, clock):
    (used / "keys" / "ed25519.pem").unlink()
    keyfolder.write_index(used / "keys", [keyfolder.Entry("ed25519", 1, 1, 1), keyfolder.Entry("rsa", 1, 1, 1)])
    with pytest.raises(Invalid, match=r"ed25519\.pem is missing.*revoke cloud\.example#ed25519-1"):
        loaded(used, clock)
    revoke(used, clock, "ed25519-1")
    assert signing(loaded(used, clock))[0] == "2"


# The folder


def test_names_are_never_used_again_even_if_the_index_is_lost(used, clock):
    rotate(used, clock, at_once=True)
    (used / "keys" / "keys.json").unlink()
    with pytest.raises(Invalid, match=r"keys\.json is missing"):
        loaded(used, clock)
    assert set(files(used)) == {"ed25519.pem", "ed25519-2.pem", "rsa-2.pem"}  # and none was made


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"keys": 1}', '{"keys": [1]}', '{"keys": [{"kind": "ed25519"}]}', '{"keys": []}',
     '{"keys": [{"kind": "../x", "number": 1, "made": 1, "signs": 1, "revoked": null}]}',
     '{"keys": [{"kind": "rsa", "number": "1", "made": 1, "signs": 1, "revoked": null}]}'],
)  # fmt: skip
def test_an_index_that_makes_no_sense_is_an_error(used, clock, text):
    ring = loaded(used, clock)
    (used / "keys" / "keys.json").write_text(text)
    with pytest.raises(Invalid, match=r"keys/keys\.json"):
        loaded(used, clock)
    for use in (lambda: ring.jwks, lambda: ring.public_key, lambda: ring.key_for("rfc9421")):
        with pytest.raises(Unavailable) as caught:  # rather than that a revoked key goes on
            use()
        assert "keys.json" in caught.value.detail
    (used / "keys" / "keys.json").unlink()
    assert signing(ring) == ("1", "")


@pytest.mark.parametrize("step", ["write_new", "write_index", "remove"])
@pytest.mark.parametrize("change", ["rotate", "revoke"])
def test_a_change_that_crashes_leaves_the_keys_before_or_after_it(used, clock, monkeypatch, step, change):
    """After the index is written the change has happened; before, it has not, whatever lies around."""
    act = {"rotate": lambda: rotate(used, clock, at_once=True), "revoke": lambda: revoke(used, clock, "ed25519-1")}
    keyfolder.write_index(used / "keys", keyfolder.index(used / "keys"))
    ring, real = loaded(used, clock), getattr(keyfolder, step)

    def crash(*values):
        if step == "write_new":
            real(*values)
        raise OSError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(keyfolder, step, crash)
        with pytest.raises(OSError, match="power cut"):
            act[change]()
    happened = step == "remove"
    for each in (ring, loaded(used, clock)):
        assert signing(each)[0] == ("2" if happened else "1")
    if not happened:
        act[change]()  # over what lies there
        assert signing(ring)[0] == signing(loaded(used, clock))[0] == "2"


def _rotate_in_a_process(data, now, gate):
    gate.wait()
    keys.rotate(data, URL, now, at_once=True)


def test_two_rotations_at_once_are_one_after_the_other(used, clock):
    gate = multiprocessing.get_context("fork").Barrier(2)
    both = [
        multiprocessing.get_context("fork").Process(target=_rotate_in_a_process, args=(used, int(clock()), gate))
        for _ in range(2)
    ]
    for each in both:
        each.start()
    for each in both:
        each.join(60)
    assert [each.exitcode for each in both] == [0, 0]
    assert list(states(used, clock)) == ["ed25519-1", "ed25519-2", "ed25519-3", "rsa-1", "rsa-2", "rsa-3"]
    ring = loaded(used, clock)
    assert (shown(ring), signing(ring)) == ((["1", "2", "3"], "-3"), ("3", "-3"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_does_beside_the_server_its_user_can_read(used, clock):
    for path in (used / "keys", *(used / "keys").iterdir()):
        os.chown(path, 4321, 1234)
    rotate(used, clock)
    loaded(used, clock, "sesame")
    assert {path.name: (path.stat().st_uid, path.stat().st_gid) for path in (used / "keys").iterdir()} == dict.fromkeys(
        ["ed25519.pem", "ed25519-2.pem", "rsa.pem", "rsa-2.pem", "keys.json", ".lock"], (4321, 1234)
    )


# Encrypted at rest


def is_encrypted(data):
    return {content.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") for content in files(data).values()}


def test_keys_are_encrypted_from_the_first_start_on(tmp_path):
    ring = loaded(tmp_path, passphrase="sesame")
    assert is_encrypted(tmp_path) == {True}
    assert {mode(path) for path in (tmp_path / "keys").iterdir()} == {0o600}
    assert pems(loaded(tmp_path, passphrase="sesame")) == pems(ring)


def test_keys_that_were_plain_are_encrypted_at_a_start_and_are_the_same(used, clock):
    before, dates = pems(loaded(used, clock)), states(used, clock)
    assert pems(loaded(used, clock, "sesame")) == before
    assert is_encrypted(used) == {True}
    assert {path.name: mode(path) for path in (used / "keys").iterdir()} == {
        "ed25519.pem": 0o600,
        "rsa.pem": 0o600,
        ".lock": 0o600,
    }
    assert states(used, clock) == dates
    assert pems(loaded(used, clock, "sesame")) == before


def test_encrypting_that_crashes_loses_no_key(used, clock, monkeypatch):
    before = files(used)
    with monkeypatch.context() as patch:
        patch.setattr(keyfolder.os, "replace", lambda *_: (_ for _ in ()).throw(OSError("power cut")))
        with pytest.raises(OSError, match="power cut"):
            loaded(used, clock, "sesame")
    assert files(used) == before
    loaded(used, clock, "sesame")
    assert [path.name for path in (used / "keys").iterdir() if path.name.startswith(".new-")] == []


@pytest.mark.parametrize(
    ("passphrase", "said"),
    [("", "set OCM_KEYS_PASSPHRASE"), ("wrong", r"OCM_KEYS_PASSPHRASE does not open keys/ed25519\.pem")],
)
def test_without_the_passphrase_nothing_is_read_or_changed(used, clock, passphrase, said):
    loaded(used, clock, "sesame")
    written = files(used)
    for use in (
        lambda: loaded(used, clock, passphrase),
        lambda: rotate(used, clock, passphrase),
        lambda: revoke(used, clock, "ed25519-1", passphrase),
    ):
        with pytest.raises(Invalid, match=said) as caught:
            use()
        assert "sesame" not in str(caught.value)
    assert files(used) == written
    assert set(states(used, clock)) == {"ed25519-1", "rsa-1"}


def test_new_keys_are_encrypted_as_the_first_are(used, clock):
    ring = loaded(used, clock, "sesame")
    rotate(used, clock, "sesame", at_once=True)
    revoke(used, clock, RSA + "-2", "sesame")
    assert is_encrypted(used) == {True}
    assert signing(ring) == ("2", "-3")


def test_a_passphrase_that_the_server_may_not_have_does_not_lock_it_out(used, clock):
    ring = loaded(used, clock)
    with pytest.raises(Invalid, match="start the server"):
        rotate(used, clock, "sesame")
    assert is_encrypted(used) == {False}
    assert signing(ring) == ("1", "")
