"""What people copy from received shares to their own files."""

from __future__ import annotations

from typing import Any

import click

from opencloudmesh.server import accounts, copies, disk, views
from opencloudmesh.server.cli.common import Commands, data_option, json_option, opened, person_option, show
from opencloudmesh.server.config import Config
from opencloudmesh.server.database import Tx
from opencloudmesh.server.partials import Partials
from opencloudmesh.server.storage import Storage
from opencloudmesh.server.trees import clean_path

COLUMNS = ("id", "state", "path", "files", "arrived", "size", "error")


@click.group("copy", cls=Commands)
def copy_group() -> None:
    """Copies of what people received, among their own files. The server makes them."""


@copy_group.command("create")
@data_option
@json_option
@person_option()
@click.argument("received_id", metavar="ID")
@click.argument("path", default="")
@click.option("--into", "folder", default="", metavar="FOLDER", help="Theirs, where it is put; else at the top.")
def copy_create(data: str, as_json: bool, account: str, received_id: str, path: str, folder: str) -> None:
    """Copy what is at PATH of the received share ID, or all of it. Nothing is replaced.

    What demands a second factor is not copied from here, where nobody passes one.
    """
    with opened(data) as (config, database):
        into = clean_path(folder)
        if into:
            copies.check_folder(disk.is_folder(Storage(config.data).stat(account, into)))
        row = database.write_now(
            lambda tx: copies.begin(tx, account, received_id, strong=False, path=clean_path(path), folder=into)
        )
        _show(config, account, [database.read_now(lambda tx: copies.rows(tx, row.id))], as_json=as_json, one=True)


@copy_group.command("list")
@data_option
@json_option
@person_option()
def copy_list(data: str, as_json: bool, account: str) -> None:
    """List what a person copies, and how far it is: `arrived` of `size` bytes."""

    def found(tx: Tx) -> list[list[copies.Row]]:
        accounts.get(tx, account)
        return [copies.rows(tx, row.id) for row in copies.jobs(tx, account)]

    with opened(data) as (config, database):
        _show(config, account, database.read_now(found), as_json=as_json)


@copy_group.command("retry")
@data_option
@json_option
@person_option()
@click.argument("copy_id", metavar="ID")
def copy_retry(data: str, as_json: bool, account: str, copy_id: str) -> None:
    """Try the copy ID again, from where it stopped."""
    with opened(data) as (config, database):
        row = database.write_now(lambda tx: copies.retry(tx, copy_id, account=account))
        _show(config, account, [database.read_now(lambda tx: copies.rows(tx, row.id))], as_json=as_json, one=True)


@copy_group.command("remove")
@data_option
@person_option()
@click.argument("copy_id", metavar="ID")
def copy_remove(data: str, account: str, copy_id: str) -> None:
    """Stop the copy ID, or take it off the list; what was copied stays."""
    with opened(data) as (config, database):
        ids = database.write_now(lambda tx: copies.cancel(tx, copy_id, account=account))
        Partials(config.data).of(account).discard(*ids)
        click.echo("It is off the list.")


def _show(config: Config, account: str, jobs: list[list[copies.Row]], **how: Any) -> None:
    arrived = Partials(config.data).of(account).sizes(copies.unfinished(jobs))
    show([views.copy(rows, arrived) for rows in jobs], COLUMNS, **how)
