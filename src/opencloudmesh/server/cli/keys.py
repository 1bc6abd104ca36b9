"""`ocm keys`: the keys that this server signs with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import click

from opencloudmesh.protocol.errors import NotFound
from opencloudmesh.server import audit, keyfolder, keys
from opencloudmesh.server.cli.common import Commands, data_option, json_option, opened, show
from opencloudmesh.server.config import Config
from opencloudmesh.server.database import Database, Tx
from opencloudmesh.server.keyfolder import Entry

COLUMNS = ("name", "kid", "kind", "state", "since", "until")


@click.group("keys", cls=Commands)
def keys_group() -> None:
    """The keys that this server signs with."""


@keys_group.command("list")
@data_option
@json_option
def keys_list(data: str, as_json: bool) -> None:
    """List the keys: which signs, which will, which did, and until when."""
    with opened(data) as (config, database):
        show(_rows(config, _now(database)), COLUMNS, as_json=as_json)


@keys_group.command("rotate")
@data_option
@json_option
@click.option("--now", "at_once", is_flag=True, help="Sign with the new keys at once.")
def keys_rotate(data: str, as_json: bool, at_once: bool) -> None:
    """Make new keys. They sign after two hours, when other servers have seen them; the old ones then end.

    A running server notices by itself.
    """
    with opened(data) as (config, database):
        now = _now(database)
        made = keys.rotate(config.data, _address(config), now, config.keys_passphrase, at_once=at_once)
        _audit(database, config, made, "It signs from now on." if at_once else "It was made, and signs in two hours.")
        show(_rows(config, now), COLUMNS, as_json=as_json)


@keys_group.command("revoke")
@data_option
@json_option
@click.argument("key", metavar="KID")
def keys_revoke(data: str, as_json: bool, key: str) -> None:
    """End a key at once, by its key id or name: nothing signs with it, and no server is shown it any more.

    A new key is made in place of one that signs. A running server notices by itself.
    """
    with opened(data) as (config, database):
        now = _now(database)
        ended, made = keys.revoke(config.data, _address(config), key, now, config.keys_passphrase)
        _audit(database, config, ended, "It was revoked.")
        _audit(database, config, made, "It was made in place of a revoked one, and signs from now on.")
        show(_rows(config, now), COLUMNS, as_json=as_json)


def _now(database: Database) -> int:
    return database.read_now(lambda tx: tx.now)


def _address(config: Config) -> str:
    if not config.public_url:
        raise NotFound("There are no keys yet: the server makes them when it starts.")
    return config.public_url


def _rows(config: Config, now: int) -> list[dict[str, Any]]:
    folder = config.data / keyfolder.FOLDER
    found: Iterable[keys.Key] = ()
    if config.public_url and folder.is_dir():
        found = keys.survey(keyfolder.index(folder), config.public_url, now)
    return [
        {
            "name": key.entry.name,
            "kid": key.kid,
            "kind": key.entry.kind,
            "state": key.state,
            "published": key.is_published,
            "since": key.since,
            "until": key.until,
        }
        for key in found
    ]


def _audit(database: Database, config: Config, entries: Sequence[Entry], reason: str) -> None:
    def record(tx: Tx) -> None:
        for entry in entries:
            audit.record(tx, "keys", "here", subject=keys.kid_of(entry, config.public_url), reason=reason)

    database.write_now(record)
