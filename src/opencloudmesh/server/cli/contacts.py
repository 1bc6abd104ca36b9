"""The people at other servers: invites, by which people come to know each other, and contacts."""

from __future__ import annotations

import asyncio

import click

from opencloudmesh.protocol.wire import encode_json
from opencloudmesh.server import accounts, contacts, introductions, invites, views
from opencloudmesh.server import config as settings
from opencloudmesh.server.cli.common import Commands, data_option, json_option, opened, person_option, show
from opencloudmesh.server.config import Config
from opencloudmesh.server.context import Context

INVITE_COLUMNS = ("id", "state", "link", "description", "acceptedBy", "expiration")
CONTACT_COLUMNS = ("id", "address", "name", "email", "source")


@click.group("invite", cls=Commands)
def invite_group() -> None:
    """Invites: how people at two servers come to know each other."""


@invite_group.command("create")
@data_option
@json_option
@person_option()
@click.option("--description", default="", help="What it is for.")
def invite_create(data: str, as_json: bool, account: str, description: str) -> None:
    """Make an invite, to be given to somebody elsewhere: its link, its string or its code, which all say the same."""
    with opened(data) as (config, database):
        database.read_now(lambda tx: accounts.get(tx, account))
        row = database.write_now(lambda tx: invites.create(tx, account, description=description))
        invite = views.invite(row, config.public_url, row.created)
        if as_json:
            click.echo(encode_json(invite))
            return
        for name in ("id", *views.SPELLINGS):
            click.echo(f"{name + ':':<8}{invite[name] or '-'}")


@invite_group.command("list")
@data_option
@json_option
@person_option()
def invite_list(data: str, as_json: bool, account: str) -> None:
    """List the invites that a person gave away."""
    with opened(data) as (config, database):
        rows, now = database.read_now(lambda tx: (invites.listing(tx, account), tx.now))
        show([views.invite(row, config.public_url, now) for row in rows], INVITE_COLUMNS, as_json=as_json)


@invite_group.command("revoke")
@data_option
@person_option()
@click.argument("invite_id", metavar="ID")
def invite_revoke(data: str, account: str, invite_id: str) -> None:
    """Let nobody take the invite ID any more."""
    with opened(data) as (_, database):
        database.write_now(lambda tx: invites.revoke(tx, account, invite_id))
        click.echo("The invite was revoked.")


@invite_group.command("accept")
@data_option
@json_option
@person_option()
@click.argument("invite")
def invite_accept(data: str, as_json: bool, account: str, invite: str) -> None:
    """Accept an INVITE (a string, token@host, or a link) from somebody elsewhere."""
    contact = asyncio.run(_accept(settings.load({"data": data}), account, invite))
    show([contact], CONTACT_COLUMNS, as_json=as_json, one=True)


@click.group("contacts", cls=Commands)
def contacts_group() -> None:
    """People elsewhere whom somebody knows."""


@contacts_group.command("list")
@data_option
@json_option
@person_option()
def contacts_list(data: str, as_json: bool, account: str) -> None:
    """List whom a person knows elsewhere."""
    with opened(data) as (_, database):
        rows = database.read_now(lambda tx: contacts.listing(tx, account))
        show([views.contact(row) for row in rows], CONTACT_COLUMNS, as_json=as_json)


async def _accept(config: Config, account: str, invite: str) -> dict[str, object]:
    context = Context.build(config)
    try:
        person = await context.database.read(lambda tx: accounts.get(tx, account))
        return await introductions.accept(context, person, invite)
    finally:
        await context.close()
