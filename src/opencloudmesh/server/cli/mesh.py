"""What other servers have still to be told, and who they are."""

from __future__ import annotations

import asyncio

import click

from opencloudmesh.client import peer as client
from opencloudmesh.protocol.address import normalise_host
from opencloudmesh.protocol.dialects import dialect_of
from opencloudmesh.protocol.discovery import Discovery
from opencloudmesh.protocol.errors import EgressDenied
from opencloudmesh.protocol.obligations import signature_family
from opencloudmesh.protocol.wire import encode_json
from opencloudmesh.server import operators, outbox, views
from opencloudmesh.server.cli.common import Commands, data_option, json_option, opened, show
from opencloudmesh.server.config import Config
from opencloudmesh.server.context import open_network
from opencloudmesh.server.database import Database

MESSAGE_COLUMNS = ("id", "host", "kind", "subject", "state", "attempts", "due", "error")


@click.command("outbox")
@data_option
@json_option
def list_outbox(data: str, as_json: bool) -> None:
    """List what other servers have still to be told."""
    with opened(data) as (_, database):
        show([views.message(row) for row in database.read_now(outbox.everything)], MESSAGE_COLUMNS, as_json=as_json)


@click.group("message", cls=Commands)
def message_group() -> None:
    """Decide about one message that `ocm outbox` lists, by its ID."""


@message_group.command("retry")
@data_option
@click.argument("message_id", metavar="ID", type=int)
def retry(data: str, message_id: int) -> None:
    """Send it now, also one that was given up."""
    with opened(data) as (_, database):
        database.write_now(lambda tx: operators.retry(tx, message_id))
        click.echo(f"Message {message_id} is tried now.")


@message_group.command("drop")
@data_option
@click.argument("message_id", metavar="ID", type=int)
def drop(data: str, message_id: int) -> None:
    """Send it no more. Whose share or invite it is about sees so."""
    with opened(data) as (_, database):
        database.write_now(lambda tx: operators.drop(tx, message_id))
        click.echo(f"Message {message_id} is not sent any more.")


@click.command()
@data_option
@json_option
@click.argument("host")
def discover(data: str, as_json: bool, host: str) -> None:
    """Ask HOST who it is, and say how we would talk to it."""
    with opened(data) as (config, database):
        host = normalise_host(host)
        try:
            found = asyncio.run(_discover(config, database, host))
        except EgressDenied as error:
            hint = f"If it is in a network of yours: ocm peer allow-private {host}"
            raise click.ClickException(f"{error.message} {hint}") from None
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


async def _discover(config: Config, database: Database, host: str) -> Discovery:
    async with open_network(config, database) as network:
        return await client.discover(network, host, allow_http=config.development)
