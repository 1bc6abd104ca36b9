"""The keys with which people come to shares over SSH."""

from __future__ import annotations

import click

from opencloudmesh.server import accounts, ssh_keys, views
from opencloudmesh.server.cli.common import Commands, data_option, json_option, opened, person_option, show
from opencloudmesh.server.database import Tx

COLUMNS = ("id", "name", "key")


@click.group("ssh-key", cls=Commands)
def ssh_key_group() -> None:
    """Public keys of people, which are told to whoever shares with them over SSH."""


@ssh_key_group.command("add")
@data_option
@json_option
@person_option()
@click.argument("key")
@click.option("--name", default="", help="What it is called; else its comment.")
def ssh_key_add(data: str, as_json: bool, account: str, key: str, name: str) -> None:
    """Add KEY, a line of an `id_....pub`."""

    def gesture(tx: Tx) -> ssh_keys.Row:
        return ssh_keys.add(tx, accounts.get(tx, account).id, key, name=name)

    with opened(data) as (_, database):
        show([views.ssh_key(database.write_now(gesture))], COLUMNS, as_json=as_json, one=True)


@ssh_key_group.command("list")
@data_option
@json_option
@person_option()
def ssh_key_list(data: str, as_json: bool, account: str) -> None:
    """List a person's keys."""
    with opened(data) as (_, database):
        rows = database.read_now(lambda tx: ssh_keys.listing(tx, accounts.get(tx, account).id))
        show([views.ssh_key(row) for row in rows], COLUMNS, as_json=as_json)


@ssh_key_group.command("remove")
@data_option
@person_option()
@click.argument("key_id", metavar="ID")
def ssh_key_remove(data: str, account: str, key_id: str) -> None:
    """Remove the key ID: it is told to nobody any more."""
    with opened(data) as (_, database):
        database.write_now(lambda tx: ssh_keys.remove(tx, key_id, account=account))
        click.echo("The key was removed.")
