"""`ocm group`: groups of people here, with whom somebody elsewhere can share at once."""

from __future__ import annotations

from collections.abc import Callable

import click

from opencloudmesh.server import groups, operators, views
from opencloudmesh.server.cli.common import Commands, data_option, json_option, opened, show
from opencloudmesh.server.database import Tx

COLUMNS = ("id", "name", "members")


@click.group("group", cls=Commands)
def group_group() -> None:
    """Groups of people here, with whom somebody elsewhere can share at once."""


@group_group.command("add")
@data_option
@click.argument("group_id", metavar="GROUP")
@click.option("--name", "full_name", default="", metavar='"FULL NAME"', help="What others see.")
def group_add(data: str, group_id: str, full_name: str) -> None:
    """Add GROUP, with nobody in it."""
    with opened(data) as (config, database):
        group = database.write_now(lambda tx: operators.add_group(tx, group_id, name=full_name))
        at = f" Others share with {group.id}@{config.own_host}." if config.public_url else ""
        click.echo(f"{group.name} was added.{at}")


@group_group.command("list")
@data_option
@json_option
def group_list(data: str, as_json: bool) -> None:
    """List all groups and who is in them."""
    with opened(data) as (_, database):
        show([views.group(group) for group in database.read_now(groups.listing)], COLUMNS, as_json=as_json)


@group_group.command("join")
@data_option
@click.argument("group_id", metavar="GROUP")
@click.argument("people", metavar="NAME...", nargs=-1, required=True)
def group_join(data: str, group_id: str, people: tuple[str, ...]) -> None:
    """Put people into GROUP. They are offered what is shared with it."""
    _each(data, group_id, people, operators.join_group)


@group_group.command("leave")
@data_option
@click.argument("group_id", metavar="GROUP")
@click.argument("people", metavar="NAME...", nargs=-1, required=True)
def group_leave(data: str, group_id: str, people: tuple[str, ...]) -> None:
    """Take people out of GROUP. They lose what is shared with it."""
    _each(data, group_id, people, operators.leave_group)


@group_group.command("remove")
@data_option
@click.argument("group_id", metavar="GROUP")
def group_remove(data: str, group_id: str) -> None:
    """Remove GROUP, and end what is shared with it. The people stay."""
    with opened(data) as (_, database):
        database.write_now(lambda tx: operators.remove_group(tx, group_id))
        click.echo(f"{group_id} was removed.")


def _each(data: str, group_id: str, people: tuple[str, ...], gesture: Callable[[Tx, str, str], groups.Group]) -> None:
    def change(tx: Tx) -> groups.Group:
        return [gesture(tx, group_id, account) for account in people][-1]

    with opened(data) as (_, database):
        group = database.write_now(change)
        click.echo(f"{group.name}: {', '.join(group.members) or 'nobody'}.")
