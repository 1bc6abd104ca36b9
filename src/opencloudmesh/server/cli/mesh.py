"""Other servers and the people there: peers, the outbox, invites, contacts."""

from __future__ import annotations

import asyncio

import click

from opencloudmesh.client import peer as client
from opencloudmesh.protocol.address import normalise_host
from opencloudmesh.protocol.dialects import dialect_of
from opencloudmesh.protocol.discovery import Discovery
from opencloudmesh.protocol.obligations import signature_family
from opencloudmesh.protocol.wire import encode_json
from opencloudmesh.server import accounts, contacts, introductions, invites, outbox, peers, views
from opencloudmesh.server import config as settings
from opencloudmesh.server.cli.common import Commands, data_option, json_option, opened, person_option, show
from opencloudmesh.server.config import Config
from opencloudmesh.server.context import Context, open_network

PEER_COLUMNS = ("host", "provider", "version", "signs", "learnt", "lastContact", "error")
MESSAGE_COLUMNS = ("id", "host", "kind", "subject", "state", "attempts", "due", "error")
INVITE_COLUMNS = ("id", "state", "invite", "description", "acceptedBy", "expiration")
CONTACT_COLUMNS = ("id", "address", "name", "email", "source")


@click.command("peers")
@data_option
@json_option
def list_peers(data: str, as_json: bool) -> None:
    """List other servers, and how contact with them goes."""
    with opened(data) as (_, database):
        show([views.peer(row) for row in database.read_now(peers.everybody)], PEER_COLUMNS, as_json=as_json)


@click.command("outbox")
@data_option
@json_option
def list_outbox(data: str, as_json: bool) -> None:
    """List what other servers have still to be told."""
    with opened(data) as (_, database):
        show([views.message(row) for row in database.read_now(outbox.everything)], MESSAGE_COLUMNS, as_json=as_json)


@click.command()
@data_option
@json_option
@click.argument("host")
def discover(data: str, as_json: bool, host: str) -> None:
    """Ask HOST who it is, and say how we would talk to it."""
    with opened(data) as (config, _):
        found = asyncio.run(_discover(config, normalise_host(host)))
        if as_json:
            click.echo(encode_json(found.document))
            return
        facts = {
            "base URL": found.base_url,
            "provider": found.provider or "-",
            "version": found.api_version,
            "end point": found.end_point,
            "WebDAV": found.webdav_url,
            "resource types": ", ".join(item.name for item in found.resource_types),
            "capabilities": ", ".join(sorted(found.capabilities)) or "-",
            "criteria": ", ".join(sorted(found.criteria)) or "-",
            "we sign": signature_family(found) or "not at all",
            "dialect": dialect_of(found).family,
            "enabled": "yes" if found.enabled else "NO",
        }
        for name, value in facts.items():
            click.echo(f"{name + ':':<16}{value}")


async def _discover(config: Config, host: str) -> Discovery:
    async with open_network(config) as network:
        return await client.discover(network, host, allow_http=config.development)


@click.group("peer", cls=Commands)
def peer_group() -> None:
    """One other server."""


@peer_group.command("forget")
@data_option
@click.argument("host")
def peer_forget(data: str, host: str) -> None:
    """Forget what is known of HOST: its document and keys, what was learnt, and that it signs.

    A server that has signed once is expected to sign again; this is how one that has stopped signing is let in.
    """
    with opened(data) as (_, database):
        name = normalise_host(host)
        database.write_now(lambda tx: peers.forget(tx, name))
        click.echo(f"{name} was forgotten.")


@click.group("invite", cls=Commands)
def invite_group() -> None:
    """Invites: how people at two servers come to know each other."""


@invite_group.command("create")
@data_option
@json_option
@person_option()
@click.option("--description", default="", help="What it is for.")
def invite_create(data: str, as_json: bool, account: str, description: str) -> None:
    """Make an invite, to be given to somebody elsewhere."""
    with opened(data) as (config, database):
        database.read_now(lambda tx: accounts.get(tx, account))
        row = database.write_now(lambda tx: invites.create(tx, account, description=description))
        show([views.invite(row, config.own_host, row.created)], INVITE_COLUMNS, as_json=as_json, one=True)


@invite_group.command("list")
@data_option
@json_option
@person_option()
def invite_list(data: str, as_json: bool, account: str) -> None:
    """List the invites that a person gave away."""
    with opened(data) as (config, database):
        rows, now = database.read_now(lambda tx: (invites.listing(tx, account), tx.now))
        show([views.invite(row, config.own_host, now) for row in rows], INVITE_COLUMNS, as_json=as_json)


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


@click.command("contacts")
@data_option
@json_option
@person_option()
def list_contacts(data: str, as_json: bool, account: str) -> None:
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
