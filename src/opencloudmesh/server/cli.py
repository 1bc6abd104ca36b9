"""The command line, `ocm` and `opencloudmesh` alike.

Commands work on the data folder directly, beside a running server or without one. They call the same gestures as the
API; the server's worker tells the peers. Exit codes: 0 done, 1 refused with one sentence on standard error, 2 misused.
"""

from __future__ import annotations

import asyncio
import getpass
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click

import opencloudmesh
from opencloudmesh.client import peer as client
from opencloudmesh.protocol.address import Address, normalise_host
from opencloudmesh.protocol.dialects import dialect_of
from opencloudmesh.protocol.discovery import Discovery
from opencloudmesh.protocol.errors import Invalid, OcmError
from opencloudmesh.protocol.obligations import signature_family
from opencloudmesh.protocol.wire import encode_json
from opencloudmesh.server import accounts, app, disk, migrate, outbox, peers, received, shares, views
from opencloudmesh.server import config as settings
from opencloudmesh.server.config import Config
from opencloudmesh.server.context import open_network
from opencloudmesh.server.database import Database
from opencloudmesh.server.storage import Storage
from opencloudmesh.server.trees import clean_path

F = TypeVar("F", bound=Callable[..., Any])

SHARE_COLUMNS = ("id", "state", "path", "shareWith", "permissions", "error")
RECEIVED_COLUMNS = ("id", "state", "name", "sender", "permissions", "path")
PEER_COLUMNS = ("host", "provider", "version", "signs", "learnt", "lastContact", "error")
MESSAGE_COLUMNS = ("id", "host", "kind", "subject", "state", "attempts", "due", "error")
TIMES = frozenset({"due", "lastContact"})


class Commands(click.Group):
    """A group whose commands tell our errors in one sentence."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs a command."""
        try:
            return super().invoke(ctx)
        except OcmError as error:
            wrong = "".join(f"\n  {field.name}: {field.message}" for field in error.fields)
            raise click.ClickException(error.message + wrong) from None
        except OSError as error:
            raise click.ClickException(f"{error.filename or 'The data folder'}: {error.strerror}.") from None


def data_option(command: F) -> F:
    """`--data`, which every command has."""
    help_text = "The data folder (or OCM_DATA)."
    return click.option("--data", envvar="OCM_DATA", metavar="DIR", required=True, help=help_text)(command)


def json_option(command: F) -> F:
    """`--json`, for commands that show something."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for a script.")(command)


def setting_options(command: F) -> F:
    """An option for every setting."""
    for setting in reversed(settings.SETTINGS):
        names = [setting.option]
        if isinstance(setting.default, bool):
            names = [f"{setting.option}/--no-{setting.option[2:]}"]
        default = f" Default: {setting.default}." if setting.default is not None else ""
        command = click.option(*names, setting.name, default=None, help=setting.help + default)(command)
    return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(opencloudmesh.__version__, prog_name="ocm")
def main() -> None:
    """Open Cloud Mesh: share files with people at other clouds."""


@main.command()
@setting_options
def serve(**options: Any) -> None:
    """Run the cloud in a data folder, which is made at the first start.

    Options may also be set in the environment, or in `ocm.toml` in the data folder.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    app.serve(settings.load(options, last_run=False))


@main.group(cls=Commands)
def user() -> None:
    """People who have their files here."""


@user.command("add")
@data_option
@click.argument("name")
@click.option("--name", "full_name", default="", metavar='"FULL NAME"', help="What others see.")
@click.option("--email", default="", help="An e-mail address.")
def user_add(data: str, name: str, full_name: str, email: str) -> None:
    """Add a person. The password is taken from OCM_PASSWORD, or asked for."""
    with _opened(data) as (config, database):
        stored = accounts.hash_password(_password())
        account = database.write_now(lambda tx: accounts.add(tx, name, stored, name=full_name, email=email))
        Storage(config.data).stat(account.id, "")
        at = f" Others share with {account.id}@{config.own_host}." if config.public_url else ""
        click.echo(f"{account.name} was added.{at}")


@user.command("list")
@data_option
@json_option
def user_list(data: str, as_json: bool) -> None:
    """List all people."""
    with _opened(data) as (_, database):
        found = database.read_now(accounts.everybody)
        rows = [{"id": one.id, "name": one.name, "email": one.email, "quota": one.quota} for one in found]
        _show(rows, ("id", "name", "email", "quota"), as_json=as_json)


@user.command("remove")
@data_option
@click.argument("name")
@click.option("--with-files", is_flag=True, help="Delete their files too.")
def user_remove(data: str, name: str, with_files: bool) -> None:
    """Remove a person and end their shares. Their files stay, unless told otherwise."""
    with _opened(data) as (config, database):
        database.write_now(lambda tx: _remove_person(tx, name))
        if with_files:
            Storage(config.data).remove_user(name)
        click.echo(f"{name} was removed.")


@user.command("passwd")
@data_option
@click.argument("name")
def user_passwd(data: str, name: str) -> None:
    """Set a person's password, from OCM_PASSWORD or asked for."""
    with _opened(data) as (_, database):
        stored = accounts.hash_password(_password())
        database.write_now(lambda tx: accounts.set_password(tx, name, stored))
        click.echo(f"The password of {name} was changed.")


@main.command()
@data_option
@json_option
@click.argument("path")
@click.argument("share_with", metavar="USER@HOST")
@click.option("--as", "owner", required=True, metavar="NAME", help="Whose file it is.")
@click.option("--write", is_flag=True, help="They may change it.")
@click.option("--reshare", is_flag=True, help="They may share it on.")
@click.option("--description", default="", help="A few words to them.")
def share(data: str, as_json: bool, path: str, share_with: str, owner: str, write: bool, reshare: bool,
          description: str) -> None:  # fmt: skip
    """Share PATH of a person's files with USER@HOST."""
    with _opened(data) as (config, database):
        database.read_now(lambda tx: accounts.get(tx, owner))
        cleaned, address = clean_path(path), Address.parse(share_with)
        if address == Address(owner, config.own_host):
            raise Invalid("This is their own address.")
        is_folder = disk.is_folder(Storage(config.data).stat(owner, cleaned))
        row = database.write_now(
            lambda tx: shares.offer(
                tx,
                owner=owner,
                path=cleaned,
                resource_type="folder" if is_folder else "file",
                share_with=address,
                permissions=frozenset({"read"} | ({"write"} if write else set()) | ({"share"} if reshare else set())),
                description=description,
            )
        )
        _show([views.share(row)], SHARE_COLUMNS, as_json=as_json, one=True)


@main.command("shares")
@data_option
@json_option
@click.option("--as", "owner", metavar="NAME", help="Only this person's.")
def list_shares(data: str, as_json: bool, owner: str | None) -> None:
    """List what is shared with people elsewhere."""
    with _opened(data) as (_, database):
        rows = database.read_now(lambda tx: shares.listing(tx, owner))
        _show([views.share(row) for row in rows], SHARE_COLUMNS, as_json=as_json)


@main.command("received")
@data_option
@json_option
@click.option("--as", "account", metavar="NAME", help="Only this person's.")
def list_received(data: str, as_json: bool, account: str | None) -> None:
    """List what people elsewhere share with ours."""
    with _opened(data) as (_, database):
        rows = database.read_now(lambda tx: received.listing(tx, account))
        _show([views.received(row) for row in rows], RECEIVED_COLUMNS, as_json=as_json)


@main.command()
@data_option
@json_option
@click.argument("share_id", metavar="ID")
def accept(data: str, as_json: bool, share_id: str) -> None:
    """Accept the received share ID."""
    with _opened(data) as (config, database):
        storage = Storage(config.data)
        row = database.write_now(lambda tx: received.accept(tx, share_id, exists=storage.exists))
        _show([views.received(row)], RECEIVED_COLUMNS, as_json=as_json, one=True)


@main.command()
@data_option
@json_option
@click.argument("share_id", metavar="ID")
def decline(data: str, as_json: bool, share_id: str) -> None:
    """Decline or leave the received share ID."""
    with _opened(data) as (_, database):
        row = database.write_now(lambda tx: received.decline(tx, share_id))
        _show([views.received(row)], RECEIVED_COLUMNS, as_json=as_json, one=True)


@main.command()
@data_option
@click.argument("share_id", metavar="ID")
def unshare(data: str, share_id: str) -> None:
    """End the share ID."""
    with _opened(data) as (_, database):
        row = database.write_now(lambda tx: shares.unshare(tx, share_id))
        click.echo(f"{row.path} is no longer shared with {row.share_with}.")


@main.command("peers")
@data_option
@json_option
def list_peers(data: str, as_json: bool) -> None:
    """List other servers, and how contact with them goes."""
    with _opened(data) as (_, database):
        _show([views.peer(row) for row in database.read_now(peers.everybody)], PEER_COLUMNS, as_json=as_json)


@main.command("outbox")
@data_option
@json_option
def list_outbox(data: str, as_json: bool) -> None:
    """List what other servers have still to be told."""
    with _opened(data) as (_, database):
        _show([views.message(row) for row in database.read_now(outbox.everything)], MESSAGE_COLUMNS, as_json=as_json)


@main.command()
@data_option
@json_option
@click.argument("host")
def discover(data: str, as_json: bool, host: str) -> None:
    """Ask HOST who it is, and say how we would talk to it."""
    with _opened(data) as (config, _):
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


@main.command("settings")
@data_option
@click.option("--markdown", is_flag=True, help="Print the page of the documentation instead.")
def list_settings(data: str, markdown: bool) -> None:
    """List the settings in force, and where each comes from."""
    if markdown:
        click.echo(settings.documentation())
        return
    config = settings.load({"data": data})
    rows = [
        {"name": setting.name, "value": str(getattr(config, setting.name)), "from": config.sources[setting.name]}
        for setting in settings.SETTINGS
        if setting.name != "database_url"  # it may hold a password
    ]
    _show(rows, ("name", "value", "from"), as_json=False)


async def _discover(config: Config, host: str) -> Discovery:
    async with open_network(config) as network:
        return await client.discover(network, host, allow_http=config.development)


@contextmanager
def _opened(data: str) -> Iterator[tuple[Config, Database]]:
    """The settings and the database of a data folder, which is made where there is none."""
    config = settings.load({"data": data})
    config.data.mkdir(mode=0o750, parents=True, exist_ok=True)
    migrate.upgrade(config.database_url)
    database = Database(config.database_url)
    try:
        yield config, database
    finally:
        database.close()


def _remove_person(tx: Any, name: str) -> None:
    """Their shares end with a notice, and what they received is declined, before the account goes."""
    accounts.get(tx, name)
    shares.path_removed(tx, name, "")
    for row in received.listing(tx, name):
        received.remove(tx, row.id)
    accounts.remove(tx, name)


def _password() -> str:
    given = os.environ.get("OCM_PASSWORD")
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise Invalid("Set the password in OCM_PASSWORD.")
    first = getpass.getpass("Password: ")
    if first != getpass.getpass("Again: "):
        raise Invalid("The two passwords differ.")
    return first


def _show(rows: Sequence[dict[str, Any]], columns: Sequence[str], *, as_json: bool, one: bool = False) -> None:
    """A table for people, or JSON with everything for scripts."""
    if as_json:
        click.echo(encode_json(rows[0] if one else rows))
        return
    table = [columns, *([_cell(name, row[name]) for name in columns] for row in rows)]
    widths = [max(len(line[index]) for line in table) for index in range(len(columns))]
    for line in table if rows else ():
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    if not rows:
        click.echo("none")


def _cell(name: str, value: Any) -> str:
    """A value for a person. What peers said is shown without control characters."""
    if name in TIMES and value:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = ",".join(value) if isinstance(value, list) else "-" if value in (None, "") else str(value)
    return "".join(character if character.isprintable() else "?" for character in text)
