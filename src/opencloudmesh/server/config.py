"""Settings: one table from which the command line, the environment, `ocm.toml` and the docs are made.

A value is looked for in this order: command-line option, environment variable (`OCM_...`), `ocm.toml` in the data
folder, what the server last ran with, default. `docs/configuration.md` is written from the table.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from opencloudmesh.protocol.address import is_email, normalise_host
from opencloudmesh.protocol.errors import Invalid
from opencloudmesh.server import keyfolder
from opencloudmesh.server.database import sqlite_url
from opencloudmesh.server.values import MailServer, mail_server, web_app, words, written

FILE = "ocm.toml"
Network = IPv4Network | IPv6Network
LAST_RUN = ".last-run.toml"  # lets `ocm share --data DIR` know the address that `ocm serve` was given


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table. `read` turns text into the value and raises `Invalid`."""

    name: str
    default: Any
    help: str
    read: Callable[[str], Any] = str
    secret: bool = False  # it may hold a password, and is shown to nobody

    @property
    def variable(self) -> str:
        """The environment variable."""
        return "OCM_" + self.name.upper()

    @property
    def option(self) -> str:
        """The command-line option."""
        return "--" + self.name.replace("_", "-")


def _flag(text: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    try:
        return words[text.strip().lower()]
    except KeyError:
        raise Invalid("Write true or false.") from None


def _number(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.strip().isdecimal() or not low <= int(text) <= high:
            raise Invalid("Write a whole number from {low} to {high}.", low=low, high=high)
        return int(text)

    return read


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise Invalid("Write one of: {words}.", words=", ".join(words))
        return text

    return read


def _public_url(text: str) -> str:
    try:
        url = urlsplit(text.strip())
    except ValueError:  # a broken IPv6 literal
        raise Invalid("This is not the address of a server.") from None
    if url.scheme not in ("http", "https") or not url.netloc or url.path.strip("/") or url.query or url.username:
        raise Invalid("Write the address of this cloud as https://cloud.example, without a path.")
    return f"{url.scheme}://{normalise_host(url.netloc)}"


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(word) for word in text.replace(",", " ").split())
    except ValueError:
        raise Invalid("Write addresses or networks, as 127.0.0.1 or 10.0.0.0/8.") from None


def _issuer(text: str) -> str:
    url = urlsplit(text.strip())
    if url.scheme not in ("http", "https") or not url.netloc or url.query or url.fragment or url.username:
        raise Invalid("Write the address of the OpenID provider as https://login.example.")
    return text.strip()


def _mail_address(text: str) -> str:
    if not is_email(text.strip()):
        raise Invalid("Write an e-mail address.")
    return text.strip()


SETTINGS = (
    Setting("data", None, "The folder that holds everything: files, keys, the embedded database.", Path),
    Setting("public_url", None, "The address of this cloud as others see it, e.g. https://cloud.example.", _public_url),
    Setting("host", "127.0.0.1", "The address to listen on."),
    Setting("port", 8000, "The port to listen on.", _number(1, 65535)),
    Setting(
        "database_url", None, "A PostgreSQL database; without it an embedded SQLite in the data folder.", secret=True
    ),
    Setting(
        "development",
        False,
        "Allow plain http and private addresses for peers. For trying things out on one machine, never for real use.",
        _flag,
    ),
    Setting("provider", "Open Cloud Mesh", "The friendly name of this cloud, shown to people elsewhere."),
    Setting("ca_file", None, "A file with certificates (PEM) to trust besides the system's.", Path),
    Setting(
        "webdav_receive",
        "off",
        "Whether the discovery document carries the roles of OCM 1.4 as Receiving Server (`webdav-receive`, "
        "`webapp-receive`, `ssh-receive`); OpenCloud and oCIS cannot read documents with them.",
        _one_of("off", "absolute", "relative"),
    ),
    Setting(
        "smtp",
        None,
        "The mail server that invites and news are sent by, as `smtp://user:password@host:587` (with STARTTLS) or "
        "`smtps://user:password@host`; without it they are only shown. Others on the machine see the options of a "
        "command: write it into the file or the environment.",
        mail_server,
        secret=True,
    ),
    Setting("mail_from", None, "The e-mail address that mail is sent from, e.g. cloud@cloud.example.", _mail_address),
    Setting(
        "digest_interval",
        3_600,
        "People who have not read what they are told get it by mail, at most once in so many seconds.",
        _number(60, 7 * 86_400),
    ),
    Setting(
        "enforce_mfa",
        False,
        "Take shares that demand a second factor, and say so to other servers (`enforce-mfa`). People here open them "
        "only after they have set one up. Without it such shares are refused.",
        _flag,
    ),
    Setting(
        "oidc_issuer",
        "",
        "An OpenID provider by which people sign in, e.g. https://login.example/realms/us. It has to know "
        "`<public_url>/login/openid/answer` as a redirect URI.",
        _issuer,
    ),
    Setting("oidc_client_id", "", "What the OpenID provider calls this cloud."),
    Setting(
        "oidc_client_secret",
        "",
        "The secret that the OpenID provider gave. Others on the machine see the options of a command: write it into "
        "the file or the environment.",
        secret=True,
    ),
    Setting("oidc_label", "Sign in with your organisation", "What the button says that leads to the OpenID provider."),
    Setting(
        "oidc_claim",
        "preferred_username",
        "Which claim is the user name here, the first time that somebody comes from the OpenID provider.",
    ),
    Setting("oidc_create", False, "Give an account to whomever the OpenID provider sends and who has none.", _flag),
    Setting(
        "oidc_trust_mfa",
        False,
        "Count `mfa` in what the OpenID provider says (`amr`, `acr`) as a second factor. Without it people set one up "
        "here.",
        _flag,
    ),
    Setting("max_message", 131_072, "The largest message taken from another server, in bytes.", _number(4096, 2**24)),
    Setting(
        "trusted_proxies",
        (),
        "The web servers in front of this one, as addresses or networks (`127.0.0.1`). What they write into "
        "`X-Forwarded-For` tells clients apart where failed attempts are counted, and nowhere else.",
        _networks,
    ),
    Setting(
        "link_file_mb",
        2_000,
        "The largest file that visitors may upload by a link that allows it, in MB.",
        _number(1, 10_000_000),
    ),
    Setting("link_total_mb", 20_000, "What visitors may upload by one link in all, in MB.", _number(1, 10_000_000)),
    Setting(
        "owncloud_links",
        False,
        "Links go ownCloud 10's own way, too: its link pages find this cloud (by `/ocs-provider/`), and link pages "
        "here lead to ownClouds. ownCloud, and Nextcloud up to 32, then take a share off their user's list for good "
        "once it answers that it is gone: docs/what-we-speak.md.",
        _flag,
    ),
    Setting(
        "trash_days",
        30,
        "For how many days what people delete can be restored; it gives way earlier where its room is needed. With 0 "
        "it is deleted for good.",
        _number(0, 3650),
    ),
    Setting(
        "webapp",
        "",
        "The web application in which people elsewhere open what is shared with them, e.g. "
        "https://office.example/open?share={id}. It is offered to servers that take such shares, with `webapp_secret`.",
        web_app,
    ),
    Setting("webapp_name", "", "What that application is called."),
    Setting("webapp_types", (), "The media types that it opens (`text/markdown,image/png`); else all files.", words),
    Setting("webapp_secret", "", "With which it asks whom a token lets in: docs/operating.md.", secret=True),
    Setting("worker", True, "Tell other servers what is due from this process.", _flag),
)
BY_NAME = {setting.name: setting for setting in SETTINGS}


@dataclass(frozen=True, slots=True)
class Config:
    """The settings in force. `sources` tells where each came from."""

    data: Path
    public_url: str
    host: str
    port: int
    database_url: str = field(repr=False)
    development: bool
    provider: str
    ca_file: Path | None
    webdav_receive: str
    smtp: MailServer | None
    mail_from: str
    digest_interval: int
    enforce_mfa: bool
    oidc_issuer: str
    oidc_client_id: str
    oidc_client_secret: str = field(repr=False)
    oidc_label: str
    oidc_claim: str
    oidc_create: bool
    oidc_trust_mfa: bool
    max_message: int
    trusted_proxies: tuple[Network, ...]
    link_file_mb: int
    link_total_mb: int
    owncloud_links: bool
    trash_days: int
    webapp: str
    webapp_name: str
    webapp_types: tuple[str, ...]
    webapp_secret: str = field(repr=False)
    worker: bool
    sources: Mapping[str, str]
    keys_passphrase: str = field(default="", repr=False)  # only from the environment

    @property
    def own_host(self) -> str:
        """`host[:port]` in the OCM Addresses of this cloud's people."""
        return normalise_host(self.public_url) if self.public_url else ""


def load(options: Mapping[str, Any], environment: Mapping[str, str] = os.environ, *, last_run: bool = True) -> Config:
    """The settings in force. `last_run`: for a command beside a server, which is to find what that one runs with.

    Raises `Invalid` for a value that is not understood or a name that is not known.
    """
    values: dict[str, Any] = {setting.name: setting.default for setting in SETTINGS}
    sources = dict.fromkeys(values, "default")

    def take(found: Mapping[str, Any], source: str) -> None:
        for name, value in found.items():
            if value is not None:
                values[name], sources[name] = _value(name, value, source), source

    named = {setting.name: environment[setting.variable] for setting in SETTINGS if environment.get(setting.variable)}
    data = options.get("data") or named.get("data")
    if data is None:
        raise Invalid("Name the data folder with --data DIR, or set OCM_DATA.")
    folder = Path(data).expanduser().absolute()
    if last_run:
        kept = _read_file(folder / LAST_RUN)  # maybe of another release, which had other settings
        take({name: value for name, value in kept.items() if name in BY_NAME}, "last run")
    take(_read_file(folder / FILE), FILE)
    take(named, "environment")
    take({name: value for name, value in options.items() if name in BY_NAME}, "option")
    values["data"] = folder
    values["public_url"] = values["public_url"] or ""
    values["mail_from"] = values["mail_from"] or ""
    if values["oidc_issuer"] and not values["oidc_client_id"]:
        raise Invalid("Where there is an OpenID provider, oidc_client_id must say what it calls this cloud.")
    if values["smtp"] and not values["mail_from"]:
        raise Invalid("Where there is a mail server, mail_from must say which address mail comes from.")
    if values["webapp"] and not values["webapp_secret"] and sources["webapp"] != "last run":
        raise Invalid("Where there is a web application, webapp_secret must say with what it asks for tokens.")
    values["database_url"] = _database_url(values["database_url"], folder)
    return Config(**values, sources=sources, keys_passphrase=environment.get(keyfolder.VARIABLE, ""))


def remember(config: Config) -> None:
    """Writes down what the server runs with, for commands that are given only the data folder.

    Of what may be secret they need the database alone: that there is a mail server they know by `mail_from`.
    """
    given = [name for name, source in config.sources.items() if source != "default" and not BY_NAME[name].secret]
    kept = {name: written(getattr(config, name)) for name in given if name != "data"}
    if not config.database_url.startswith("sqlite"):
        kept["database_url"] = config.database_url
    lines = [f"{name} = {_toml(value)}\n" for name, value in kept.items() if value]
    path = config.data / LAST_RUN
    path.touch(mode=0o600)
    path.write_text("".join(lines))


def in_force(config: Config) -> list[dict[str, str]]:
    """Each setting with its value as text and where it is `from`, but for secrets, of which nothing is shown."""
    return [
        {"name": setting.name, "value": _shown(config, setting), "from": config.sources[setting.name]}
        for setting in SETTINGS
    ]


def documentation() -> str:
    """`docs/configuration.md`."""
    rows = [
        f"| `{setting.name}` | {f'`{_toml(setting.default)}`' if _is_told(setting) else ''} | {setting.help} |"
        for setting in SETTINGS
    ]
    return DOCUMENTATION + "\n".join(rows) + "\n"


DOCUMENTATION = f"""# Configuration

Written by `ocm settings --data . --markdown > docs/configuration.md`.

Each setting `name` is an option of `ocm serve` (`--some-name`), an environment variable (`OCM_SOME_NAME`), and a line
in `{FILE}` in the data folder (`some_name = "value"`), in this order of precedence. `data` is only an option or
variable. Commands beside a running server need only `--data`: they know what it last ran with.

Secrets are only in the environment. `OCM_PASSWORD` is the password that `ocm user add` and `ocm user passwd` set.
`{keyfolder.VARIABLE}` encrypts the server's signing keys: `ocm serve`, `ocm keys rotate`, `ocm keys revoke`,
`ocm invite accept` and `ocm link add` need it then ([signing.md](signing.md)).

| setting | default | |
|---|---|---|
"""


def _shown(config: Config, setting: Setting) -> str:
    text = written(getattr(config, setting.name))
    if not setting.secret:
        return text
    return "(not shown)" if text and config.sources[setting.name] != "default" else ""


def _is_told(setting: Setting) -> bool:
    """Whether its default says something."""
    return setting.default not in (None, (), "")


def _value(name: str, value: Any, source: str) -> Any:
    setting = BY_NAME.get(name)
    if setting is None:
        raise Invalid("There is no setting {name!r} (in {source}).", name=name, source=source)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    try:
        return setting.read(text)
    except Invalid as error:
        raise Invalid("{name} (from {source}): {reason}", name=name, source=source, reason=error.message) from None


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid("{file} is not valid TOML: {reason}.", file=path.name, reason=error) from None


def _database_url(url: str | None, data: Path) -> str:
    if not url:
        return sqlite_url(data)
    scheme, colon, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}" if scheme in ("postgres", "postgresql") else f"{scheme}{colon}{rest}"


def _toml(value: object) -> str:
    """JSON writes strings and booleans as TOML reads them, but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
