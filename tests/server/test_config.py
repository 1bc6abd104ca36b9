"""Settings: which of five sources wins, and what a wrong one is told."""

from __future__ import annotations

import stat
import tomllib
from dataclasses import fields
from ipaddress import ip_network
from pathlib import Path

import pytest

from opencloudmesh.protocol.errors import Invalid
from opencloudmesh.server import config
from opencloudmesh.server.config import FILE, LAST_RUN, SETTINGS, Config
from opencloudmesh.server.values import MailServer

URL = "https://cloud.example"


def load(data, *, file="", environment=None, **options):
    if file:
        (data / FILE).write_text(file)
    return config.load({"data": str(data), **options}, environment or {})


# Where a value comes from


def test_without_anything_the_defaults_are_in_force(tmp_path):
    found = load(tmp_path)
    defaults = {setting.name: setting.default for setting in SETTINGS}
    named = {"data": tmp_path, "public_url": "", "database_url": f"sqlite+pysqlite:///{tmp_path}/ocm.sqlite3"}
    named["mail_from"] = ""
    assert {name: getattr(found, name) for name in defaults} == defaults | named
    assert {name for name, source in found.sources.items() if source != "default"} == {"data"}
    assert (found.own_host, found.worker, found.development) == ("", True, False)
    unset = {row["name"] for row in config.in_force(found) if row["value"] == ""}
    assert unset == {setting.name for setting in SETTINGS if setting.default in (None, (), "")} - {"data"}


def test_the_table_and_the_settings_in_force_have_the_same_names():
    more = ["sources", "keys_passphrase"]
    assert [field.name for field in fields(Config)] == [*(setting.name for setting in SETTINGS), *more]


def test_the_passphrase_of_the_keys_is_taken_from_the_environment_only_and_shown_nowhere(tmp_path):
    found = load(tmp_path, environment={"OCM_KEYS_PASSPHRASE": "sesame"})
    assert found.keys_passphrase == "sesame"
    assert "sesame" not in repr(found)
    config.remember(found)
    assert "sesame" not in (tmp_path / LAST_RUN).read_text()
    assert load(tmp_path).keys_passphrase == ""
    with pytest.raises(Invalid):
        load(tmp_path, file='keys_passphrase = "sesame"\n')


@pytest.mark.parametrize("missing", range(5))
def test_the_nearer_source_wins(tmp_path, missing):
    """Option, environment, `ocm.toml`, last run, default: each is asked where the ones before say nothing."""
    names = ["option", "environment", FILE, "last run", "default"]
    given = names[missing:]
    if "last run" in given:
        config.remember(load(tmp_path, provider="last run", public_url=URL))
    found = load(
        tmp_path,
        file='provider = "ocm.toml"' if FILE in given else "",
        environment={"OCM_PROVIDER": "environment"} if "environment" in given else {},
        provider="option" if "option" in given else None,
    )
    expected = given[0] if given[0] != "default" else "Open Cloud Mesh"
    assert (found.provider, found.sources["provider"]) == (expected, given[0])


def test_an_empty_variable_is_none(tmp_path):
    assert load(tmp_path, environment={"OCM_PORT": ""}).port == 8000


def test_options_that_are_not_settings_are_none_of_ours(tmp_path):
    assert load(tmp_path, verbose=True) == load(tmp_path)


def test_the_data_folder_comes_from_the_option_or_else_the_environment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/marie")
    environment = {"OCM_DATA": "/srv/there"}
    assert config.load({"data": "here"}, environment).data == tmp_path / "here"
    assert config.load({"data": None}, environment).data == Path("/srv/there")
    assert config.load({"data": "~/ocm"}, {}).data == Path("/home/marie/ocm")


def test_without_a_data_folder_it_is_said_how_to_name_one():
    with pytest.raises(Invalid, match=r"--data DIR.*OCM_DATA"):
        config.load({}, {})


def test_the_environment_of_the_process_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("OCM_DATA", str(tmp_path))
    monkeypatch.setenv("OCM_PORT", "9000")
    assert config.load({}).port == 9000


# How a value is read


@pytest.mark.parametrize(("text", "value"), [("true", True), ("Yes", True), ("1", True), ("OFF", False), ("no", False)])
def test_flags_are_written_in_many_ways(tmp_path, text, value):
    assert load(tmp_path, environment={"OCM_DEVELOPMENT": text}).development is value


def test_values_of_toml_keep_their_types(tmp_path):
    found = load(tmp_path, file="port = 9000\nworker = false\nca_file = '/etc/ca.pem'\n")
    assert (found.port, found.worker, found.ca_file) == (9000, False, Path("/etc/ca.pem"))


@pytest.mark.parametrize(
    ("text", "url", "host"),
    [
        ("https://cloud.example", URL, "cloud.example"),
        ("https://Cloud.Example:443/", URL, "cloud.example"),
        ("https://cloud.example:8443", "https://cloud.example:8443", "cloud.example:8443"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000", "127.0.0.1:8000"),
        ("https://[::1]:8443/", "https://[::1]:8443", "[::1]:8443"),
    ],
)
def test_the_public_address_is_written_in_one_way(tmp_path, text, url, host):
    found = load(tmp_path, public_url=text)
    assert (found.public_url, found.own_host) == (url, host)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("postgres://ocm@db/ocm", "postgresql+psycopg://ocm@db/ocm"),
        ("postgresql://ocm@/ocm?host=/run", "postgresql+psycopg://ocm@/ocm?host=/run"),
        ("postgresql+psycopg://ocm@db/ocm", "postgresql+psycopg://ocm@db/ocm"),
    ],
)
def test_a_database_may_be_named_as_other_tools_do(tmp_path, given, url):
    assert load(tmp_path, database_url=given).database_url == url


WRONG = [
    ("port", "0"),
    ("port", "65536"),
    ("port", "-1"),
    ("port", "http"),
    ("port", "8e3"),
    ("development", "maybe"),
    ("worker", "2"),
    ("webdav_receive", "On"),
    ("webdav_receive", "on"),
    ("max_message", "4095"),
    ("public_url", "cloud.example"),
    ("public_url", "ftp://cloud.example"),
    ("public_url", "https://cloud.example/ocm"),
    ("public_url", "https://cloud.example?x"),
    ("public_url", "https://marie@cloud.example"),
    ("public_url", "https://cloud.example:99999"),
    ("public_url", "https://cloud example"),
    ("public_url", "https://[::1"),
    ("public_url", "https://"),
]


@pytest.mark.parametrize(("name", "text"), WRONG)
@pytest.mark.parametrize("source", ["option", "environment", FILE])
def test_a_wrong_value_is_told_with_its_setting_and_source(tmp_path, name, text, source):
    given = {
        "option": {name: text},
        "environment": {"environment": {f"OCM_{name.upper()}": text}},
        FILE: {"file": f'{name} = "{text}"'},
    }[source]
    with pytest.raises(Invalid) as caught:
        load(tmp_path, **given)
    assert caught.value.message.startswith(f"{name} (from {source}): ")


@pytest.mark.parametrize("value", ["1.5", "true", "[8000]", "{}", "1979-05-27"])
def test_a_value_of_another_type_is_told_too(tmp_path, value):
    with pytest.raises(Invalid, match=r"^port \(from ocm\.toml\): "):
        load(tmp_path, file=f"port = {value}")


def test_a_setting_that_is_not_known_is_told(tmp_path):
    with pytest.raises(Invalid, match=r"'prot' \(in ocm\.toml\)"):
        load(tmp_path, file="prot = 8000")


@pytest.mark.parametrize("content", [b"port 8000", b'provider = "\xff"'])
def test_a_file_that_is_not_toml_is_told(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(Invalid, match=r"^ocm\.toml is not valid TOML"):
        load(tmp_path)


# The last run


def test_what_the_server_ran_with_is_known_to_commands_that_are_given_only_the_folder(tmp_path):
    given = {
        "public_url": "http://localhost:9000",
        "development": True,
        "provider": "Mine",
        "ca_file": tmp_path / "ca.pem",
        "port": 9000,
        "worker": False,
        "trash_days": 0,
        "trusted_proxies": (ip_network("127.0.0.1/32"), ip_network("10.0.0.0/8")),
        "webapp": "https://office.example/open?share={id}",
        "webapp_types": ("text/markdown", "image/png"),
    }
    said = given | {"trusted_proxies": "127.0.0.1 10.0.0.0/8", "webapp_types": "text/markdown,image/png"}
    config.remember(load(tmp_path, database_url="postgres://ocm:secret@db/ocm", webapp_secret="sesame", **said))
    found = load(tmp_path)
    assert {name: getattr(found, name) for name in given} == given
    assert {found.sources[name] for name in given} == {"last run"}
    assert found.database_url == "postgresql+psycopg://ocm:secret@db/ocm"
    assert (found.webapp_secret, found.sources["host"]) == ("", "default")
    assert "sesame" not in (tmp_path / LAST_RUN).read_text()
    assert stat.S_IMODE((tmp_path / LAST_RUN).stat().st_mode) == 0o600  # a password may be in it


def test_the_embedded_database_stays_in_its_folder_when_that_is_moved(tmp_path):
    config.remember(load(tmp_path, public_url=URL))
    assert "database_url" not in tomllib.loads((tmp_path / LAST_RUN).read_text())


def test_a_run_replaces_the_one_before(tmp_path):
    config.remember(load(tmp_path, public_url="http://localhost:9000", development=True))
    config.remember(load(tmp_path, public_url=URL, development=False))
    found = load(tmp_path)
    assert (found.public_url, found.development) == (URL, False)


def test_a_run_without_an_address_does_not_stop_the_next(tmp_path):
    config.remember(load(tmp_path))
    assert load(tmp_path).public_url == ""


@pytest.mark.parametrize("name", ['"quoted"', "back\\slash", "two\nlines\ttab", "\x7f\x01", "ünïcödé 🎈", "#", "'"])
def test_any_name_is_read_as_it_was_written(tmp_path, name):
    config.remember(load(tmp_path, provider=name))
    assert load(tmp_path).provider == name


# The mail server

MAIL = {"mail_from": "cloud@one.example"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("smtp://localhost", MailServer("localhost", 25)),
        ("smtp://mail.example:587/", MailServer("mail.example", 587)),
        ("smtps://mail.example", MailServer("mail.example", 465, tls=True)),
        ("smtps://me%40one:pa%3Ass@[::1]:1465", MailServer("::1", 1465, True, "me@one", "pa:ss")),
    ],
)
def test_the_mail_server_is_written_as_an_address(tmp_path, text, found):
    assert load(tmp_path, smtp=text, **MAIL).smtp == found


@pytest.mark.parametrize(
    "text",
    ["mail.example", "http://me:sesame@mail.example", "smtp://", "smtp://me:sesame@:25", "smtp://me:sesame@h:x",
     "smtp://me:sesame@h/path", "smtp://me:sesame@h?x", "smtps://[me:sesame"],
)  # fmt: skip
def test_a_wrong_mail_server_is_told_without_its_password(tmp_path, text):
    with pytest.raises(Invalid) as wrong:
        load(tmp_path, smtp=text, **MAIL)
    assert "smtp (from option)" in wrong.value.message
    assert "sesame" not in f"{wrong.value.message} {wrong.value.detail}"


@pytest.mark.parametrize("address", ["cloud", "cloud@", "a@b.example\nBcc: c@d.example", "Cloud <cloud@one.example>"])
def test_what_mail_comes_from_is_an_address(tmp_path, address):
    with pytest.raises(Invalid):
        load(tmp_path, smtp="smtp://localhost", mail_from=address)


def test_a_mail_server_needs_an_address_that_mail_comes_from(tmp_path):
    with pytest.raises(Invalid, match="mail_from"):
        load(tmp_path, smtp="smtp://localhost")


def test_commands_know_that_mail_is_sent_but_not_the_password(tmp_path):
    found = load(tmp_path, smtp="smtp://me:sesame@localhost", **MAIL)
    config.remember(found)
    assert "sesame" not in (tmp_path / LAST_RUN).read_text()
    assert "sesame" not in repr(found)
    again = load(tmp_path)
    assert (again.mail_from, again.smtp) == ("cloud@one.example", None)


def test_what_a_server_of_another_release_ran_with_stops_no_command(tmp_path):
    (tmp_path / LAST_RUN).write_text('port = 9000\nforgotten = "yes"\n')
    found = config.load({"data": tmp_path}, environment={})
    assert (found.port, found.sources["port"]) == (9000, "last run")
