"""What people are told."""

from __future__ import annotations

import click

from opencloudmesh.server import accounts, news, views
from opencloudmesh.server.cli.common import Commands, data_option, json_option, opened, person_option, show

COLUMNS = ("id", "at", "read", "text")


@click.group("news", cls=Commands)
def news_group() -> None:
    """What people are told: the notifications on their page."""


@news_group.command("list")
@data_option
@json_option
@person_option()
@click.option("--unread", is_flag=True, help="Only what they have not read.")
def news_list(data: str, as_json: bool, account: str, unread: bool) -> None:
    """List what a person is told, newest first."""
    with opened(data) as (_, database):
        database.read_now(lambda tx: accounts.get(tx, account))
        rows = database.read_now(lambda tx: news.listing(tx, account, unread_only=unread))
        show([views.notification(row) for row in rows], COLUMNS, as_json=as_json)


@news_group.command("read")
@data_option
@person_option()
@click.argument("news_id", metavar="[ID]", type=click.IntRange(1, 2**63 - 1), required=False)
def news_read(data: str, account: str, news_id: int | None) -> None:
    """Mark the notification ID as read; without it, all of them."""
    with opened(data) as (_, database):
        database.read_now(lambda tx: accounts.get(tx, account))
        if news_id is None:
            database.write_now(lambda tx: news.mark_all(tx, account))
        else:
            database.write_now(lambda tx: news.mark(tx, account, news_id))
        click.echo("Marked as read.")
