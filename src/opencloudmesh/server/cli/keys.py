"""`ocm keys`: the keys that this server signs with."""

from __future__ import annotations

from typing import Any

import click

from opencloudmesh.protocol.errors import NotFound
from opencloudmesh.server import keys, operators
from opencloudmesh.server.cli.common import Commands, data_option, json_option, opened, show
from opencloudmesh.server.config import Config
from opencloudmesh.server.database import Database

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
        database.write_now(lambda tx: operators.keys_rotated(tx, config.public_url, made, at_once=at_once))
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
        database.write_now(lambda tx: operators.keys_revoked(tx, config.public_url, ended, made))
        show(_rows(config, now), COLUMNS, as_json=as_json)


def _now(database: Database) -> int:
    return database.read_now(lambda tx: tx.now)


def _address(config: Config) -> str:
    if not config.public_url:
        raise NotFound("There are no keys yet: the server makes them when it starts.")
    return config.public_url


def _rows(config: Config, now: int) -> list[dict[str, Any]]:
    return [key.shown() for key in keys.listing(config.data, config.public_url, now)]
