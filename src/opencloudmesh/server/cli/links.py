"""Links to a person's files, and the requests that come of them."""

from __future__ import annotations

import asyncio

import click

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.share_requests import ShareRequest
from opencloudmesh.protocol.wire import encode_json
from opencloudmesh.server import accounts, asked, disk, links, public_links, share_requests, views
from opencloudmesh.server import config as settings
from opencloudmesh.server.bounds import Terms
from opencloudmesh.server.cli.common import (
    Commands,
    data_option,
    end,
    json_option,
    opened,
    permissions_of,
    person_option,
    show,
    typed_password,
)
from opencloudmesh.server.config import Config
from opencloudmesh.server.context import Context
from opencloudmesh.server.shares import Keep
from opencloudmesh.server.storage import Storage
from opencloudmesh.server.trees import clean_path

LINK_COLUMNS = ("id", "state", "mode", "path", "protected", "downloads", "url", "expiration")
MODE = click.Choice(list(links.MODES))
ASKED_COLUMNS = ("id", "state", "owner", "share", "error")
REQUEST_COLUMNS = ("id", "state", "path", "address", "verified")


@click.group("link", cls=Commands)
def link_group() -> None:
    """Links by which anybody can open a file or folder, or ask for it.

    The password of a link is taken from OCM_LINK_PASSWORD, where one is asked for.
    """


@link_group.command("create")
@data_option
@json_option
@person_option()
@click.argument("path")
@click.option("--mode", type=MODE, default=links.ASK, help="What whoever has it may do; without it: ask for PATH.")
@click.option("--password", is_flag=True, help="It has a password, which is asked for.")
@click.option("--expires", metavar="DAY", help="The last day on which it leads anywhere, as 2026-12-31, in UTC.")
@click.option("--write", is_flag=True, help="Those who ask and get a yes may change it.")
@click.option("--reshare", is_flag=True, help="Those who ask and get a yes may share it on.")
@click.option("--description", default="", help="What visitors are told.")
def link_create(data: str, as_json: bool, account: str, path: str, mode: str, password: bool, expires: str | None,
                write: bool, reshare: bool, description: str) -> None:  # fmt: skip
    """Make a link to PATH of a person's files."""
    with opened(data) as (config, database):
        database.read_now(lambda tx: accounts.get(tx, account))
        cleaned = clean_path(path)
        is_folder = disk.is_folder(Storage(config.data).stat(account, cleaned))
        hashed = _hashed() if password else None
        row = database.write_now(
            lambda tx: links.create(
                tx,
                account,
                path=cleaned,
                resource_type="folder" if is_folder else "file",
                mode=mode,
                terms=Terms(permissions_of(write, reshare), description, end(expires) if expires else None),
                password=hashed,
            )
        )
        show([views.link(row, config.public_url, row.created)], LINK_COLUMNS, as_json=as_json, one=True)


@link_group.command("change")
@data_option
@json_option
@person_option()
@click.argument("link_id", metavar="ID")
@click.option("--mode", type=MODE, help="What whoever has it may do from now on.")
@click.option("--password/--no-password", default=None, help="It has another password, which is asked for; or none.")
@click.option("--expires", metavar="DAY", help="The last day on which it leads anywhere, or `never`.")
@click.option("--description", help="What visitors are told.")
def link_change(data: str, as_json: bool, account: str, link_id: str, mode: str | None, password: bool | None,
                expires: str | None, description: str | None) -> None:  # fmt: skip
    """Change the link ID; what is not named stays as it is."""
    with opened(data) as (config, database):
        hashed = Keep.KEEP if password is None else _hashed() if password else None
        row, now = database.write_now(
            lambda tx: (
                links.change(
                    tx,
                    link_id,
                    account=account,
                    mode=mode,
                    password=hashed,
                    description=description,
                    expiration=Keep.KEEP if expires is None else None if expires == "never" else end(expires),
                ),
                tx.now,
            )
        )
        show([views.link(row, config.public_url, now)], LINK_COLUMNS, as_json=as_json, one=True)


def _hashed() -> str:
    return accounts.hash_password(typed_password("OCM_LINK_PASSWORD"))


@link_group.command("list")
@data_option
@json_option
@person_option()
def link_list(data: str, as_json: bool, account: str) -> None:
    """List the links that a person gave away."""
    with opened(data) as (config, database):
        rows, now = database.read_now(lambda tx: (links.listing(tx, accounts.get(tx, account).id), tx.now))
        show([views.link(row, config.public_url, now) for row in rows], LINK_COLUMNS, as_json=as_json)


@link_group.command("remove")
@data_option
@person_option()
@click.argument("link_id", metavar="ID")
def link_remove(data: str, account: str, link_id: str) -> None:
    """Let the link ID lead nowhere any more, and forget who has asked by it."""
    with opened(data) as (_, database):
        database.write_now(lambda tx: links.remove(tx, link_id, account=account))
        click.echo("The link was removed.")


@link_group.command("add")
@data_option
@person_option()
@click.argument("url", metavar="URL")
@click.option("--password", is_flag=True, help="It has a password, which is asked for.")
def link_add(data: str, account: str, url: str, password: bool) -> None:
    """Have what the public link URL of another cloud shows among a person's files."""
    given = typed_password("OCM_LINK_PASSWORD") if password else ""
    taken = asyncio.run(_take(settings.load({"data": data}), account, url, given))
    if taken.kept is None:
        click.echo(f"{taken.host} was asked, and shares it now: see `ocm received`.")
    else:
        click.echo(f"It is at {taken.kept.path} among their files, as long as the link leads anywhere.")


async def _take(config: Config, account: str, url: str, password: str) -> public_links.Taken:
    context = Context.build(config)
    try:
        person = await context.database.read(lambda tx: accounts.get(tx, account))
        return await public_links.take(context, person, url, password)
    finally:
        await context.close()


@click.group("request", cls=Commands)
def request_group() -> None:
    """Who asks for a share, and whom they ask. An address that was typed at a link is anybody's."""


@request_group.command("ask")
@data_option
@json_option
@person_option()
@click.argument("owner", metavar="USER@HOST")
@click.argument("resource", metavar="URL")
def request_ask(data: str, as_json: bool, account: str, owner: str, resource: str) -> None:
    """Ask USER@HOST for what is at URL there, or has that id."""
    with opened(data) as (config, database):
        database.read_now(lambda tx: accounts.get(tx, account))
        wanted = ShareRequest(Address.parse(owner), Address(account, config.own_host), resource)
        ShareRequest.parse(encode_json(wanted.encode()))
        row = database.write_now(lambda tx: asked.ask(tx, account, wanted))
        show([views.asked(row)], ASKED_COLUMNS, as_json=as_json, one=True)


@request_group.command("sent")
@data_option
@json_option
@person_option()
def request_sent(data: str, as_json: bool, account: str) -> None:
    """List what a person asked others for."""
    with opened(data) as (_, database):
        rows = database.read_now(lambda tx: asked.listing(tx, accounts.get(tx, account).id))
        show([views.asked(row) for row in rows], ASKED_COLUMNS, as_json=as_json)


@request_group.command("withdraw")
@data_option
@person_option()
@click.argument("asked_id", metavar="ID")
def request_withdraw(data: str, account: str, asked_id: str) -> None:
    """Take what a person asked for off their list; what was not sent yet never is."""
    with opened(data) as (_, database):
        database.write_now(lambda tx: asked.remove(tx, asked_id, account=account))
        click.echo("It was taken off the list.")


@request_group.command("list")
@data_option
@json_option
@person_option()
def request_list(data: str, as_json: bool, account: str) -> None:
    """List who asked a person for something."""
    with opened(data) as (_, database):
        rows = database.read_now(lambda tx: share_requests.listing(tx, accounts.get(tx, account).id))
        show([views.request(row) for row in rows], REQUEST_COLUMNS, as_json=as_json)


@request_group.command("grant")
@data_option
@json_option
@person_option()
@click.argument("request_id", metavar="ID")
@click.option("--write", is_flag=True, help="They may change it.")
@click.option("--reshare", is_flag=True, help="They may share it on.")
def request_grant(data: str, as_json: bool, account: str, request_id: str, write: bool, reshare: bool) -> None:
    """Share it with the one who asked by the request ID: as the link says, or to read."""
    permissions = permissions_of(write, reshare) if write or reshare else None
    with opened(data) as (config, database):
        row = database.read_now(lambda tx: share_requests.get(tx, request_id, account=account))
        kind = "folder" if disk.is_folder(Storage(config.data).stat(account, row.path)) else "file"
        row = database.write_now(
            lambda tx: share_requests.grant(
                tx, request_id, account=account, resource_type=kind, permissions=permissions
            )
        )
        show([views.request(row)], REQUEST_COLUMNS, as_json=as_json, one=True)


@request_group.command("refuse")
@data_option
@json_option
@person_option()
@click.argument("request_id", metavar="ID")
def request_refuse(data: str, as_json: bool, account: str, request_id: str) -> None:
    """Do not share it with the one who asked by the request ID; nobody is told."""
    with opened(data) as (_, database):
        row = database.write_now(lambda tx: share_requests.refuse(tx, request_id, account=account))
        show([views.request(row)], REQUEST_COLUMNS, as_json=as_json, one=True)
