"""What people share, and what is shared with them."""

from __future__ import annotations

from typing import Any

import click

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import Invalid, NotFound
from opencloudmesh.server import accounts, batches, circles, disk, listings, received, reshares, shares, views
from opencloudmesh.server.accounts import GROUP, USER
from opencloudmesh.server.bounds import Terms
from opencloudmesh.server.cli.circles import show_batches
from opencloudmesh.server.cli.common import (
    change_options,
    changed_terms,
    data_option,
    end,
    json_option,
    opened,
    permissions_of,
    person_option,
    show,
)
from opencloudmesh.server.config import Config
from opencloudmesh.server.database import Tx
from opencloudmesh.server.storage import Storage
from opencloudmesh.server.trees import clean_path

SHARE_COLUMNS = ("id", "state", "path", "shareWith", "permissions", "expiration", "failingSince", "error")
RECEIVED_COLUMNS = ("id", "state", "name", "sender", "permissions", "expiration", "path")


@click.command()
@data_option
@json_option
@click.argument("path")
@click.argument("share_with", metavar="USER@HOST|CIRCLE")
@click.option("--as", "owner", required=True, metavar="NAME", help="Whose file it is.")
@click.option("--group", is_flag=True, help="It is the address of a group of people there.")
@click.option("--write", is_flag=True, help="They may change it.")
@click.option("--reshare", is_flag=True, help="They may share it on.")
@click.option("--expires", metavar="DAY", help="The last day on which they may, as 2026-12-31, in UTC.")
@click.option("--mfa", is_flag=True, help="It opens only after a second factor.")
@click.option("--description", default="", help="A few words to them.")
def share(data: str, as_json: bool, path: str, share_with: str, owner: str, group: bool, write: bool, reshare: bool,
          expires: str | None, mfa: bool, description: str) -> None:  # fmt: skip
    """Share PATH of a person's files with USER@HOST, or with each contact in one of their circles.

    What they received is shared on.
    """
    with opened(data) as (config, database):
        own = Address(database.read_now(lambda tx: accounts.get(tx, owner)).id, config.own_host)
        cleaned = clean_path(path)
        given = database.read_now(lambda tx: received.mounted_over(tx, owner, cleaned))
        common: dict[str, Any] = {
            "owner": owner,
            "path": cleaned,
            "resource_type": _kind(config, owner, cleaned)
            if given is None
            else database.read_now(lambda tx: _kind_seen(tx, given, cleaned)),
            "terms": Terms(permissions_of(write, reshare), description, end(expires) if expires else None, mfa),
        }
        if "@" not in share_with:
            circle = database.read_now(lambda tx: circles.called(tx, owner, share_with))
            batch = database.write_now(lambda tx: batches.offer(tx, circle_id=circle.id, own_address=own, **common))
            show_batches([batch], as_json=as_json, one=True)
            return
        address, share_type = Address.parse(share_with), GROUP if group else USER
        if address == own:
            raise Invalid("This is their own address.")
        terms = {**common, "share_with": address, "share_type": share_type}
        if given is None:
            row = database.write_now(lambda tx: shares.offer(tx, **terms))
        else:
            row = database.write_now(lambda tx: reshares.pass_on(tx, own_host=config.own_host, **terms))
        show([views.share(row)], SHARE_COLUMNS, as_json=as_json, one=True)


def _kind(config: Config, owner: str, path: str) -> str:
    return "folder" if disk.is_folder(Storage(config.data).stat(owner, path)) else "file"


def _kind_seen(tx: Tx, given: received.Row, path: str) -> str:
    """What was last seen of something received: no server is asked from here. Raises `NotFound`."""
    inner = path[len(given.path) :].lstrip("/")
    seen = listings.one(tx, given.id, inner)
    if seen is None and inner:
        raise NotFound("There is no such file or folder, or nobody has looked at it yet.")
    return given.resource_type if seen is None else "folder" if seen.is_folder else "file"


@click.command("shares")
@data_option
@json_option
@person_option(required=False)
def list_shares(data: str, as_json: bool, account: str | None) -> None:
    """List what is shared with people elsewhere."""
    with opened(data) as (_, database):
        rows = database.read_now(lambda tx: shares.listing(tx, _known(tx, account)))
        found = [(depth, {"person": row.owner, **views.share(row)}) for depth, row in views.tree(rows)]
        if not as_json:  # whoever has it by somebody else is set off below them
            found = [(depth, {**row, "shareWith": "  " * depth + row["shareWith"]}) for depth, row in found]
        show([row for _, row in found], _whose(account, SHARE_COLUMNS), as_json=as_json)


@click.command("received")
@data_option
@json_option
@person_option(required=False)
def list_received(data: str, as_json: bool, account: str | None) -> None:
    """List what people elsewhere share with ours."""
    with opened(data) as (_, database):
        rows = database.read_now(lambda tx: received.listing(tx, _known(tx, account)))
        _show_received(rows, _whose(account, RECEIVED_COLUMNS), as_json=as_json)


def _known(tx: Tx, account: str | None) -> str | None:
    """Whose is asked for; None: everybody's. Raises `NotFound`."""
    return account if account is None else accounts.get(tx, account).id


def _whose(account: str | None, columns: tuple[str, ...]) -> tuple[str, ...]:
    """Whose each is, where not all are the same person's."""
    return columns if account else ("person", *columns)


def _show_received(
    rows: list[received.Row], columns: tuple[str, ...] = RECEIVED_COLUMNS, *, as_json: bool, one: bool = False
) -> None:
    found = [{"person": row.account, **views.received(row)} for row in rows]
    if not as_json:  # what was taken from a public link has no sender
        found = [{**row, "sender": row["sender"] or f"a public link of {row['vouchedBy']}"} for row in found]
    show(found, columns, as_json=as_json, one=one)


@click.command()
@data_option
@json_option
@click.argument("share_id", metavar="ID")
def accept(data: str, as_json: bool, share_id: str) -> None:
    """Accept the received share ID."""
    with opened(data) as (config, database):
        storage = Storage(config.data)
        row = database.write_now(lambda tx: received.accept(tx, share_id, exists=storage.exists))
        _show_received([row], as_json=as_json, one=True)


@click.command()
@data_option
@json_option
@click.argument("share_id", metavar="ID")
def decline(data: str, as_json: bool, share_id: str) -> None:
    """Decline or leave the received share ID."""
    with opened(data) as (_, database):
        row = database.write_now(lambda tx: received.decline(tx, share_id))
        _show_received([row], as_json=as_json, one=True)


@click.command()
@data_option
@click.argument("share_id", metavar="ID")
def remove(data: str, share_id: str) -> None:
    """Take the received share ID off its person's list. One that has not ended is left, and its sender told."""

    def gesture(tx: Tx) -> received.Row:
        row = received.get(tx, share_id)
        received.remove(tx, row.id, account=row.account)
        return row

    with opened(data) as (_, database):
        click.echo(f"{database.write_now(gesture).name} is off the list.")


@click.command()
@data_option
@json_option
@click.argument("share_id", metavar="ID")
@change_options
def change(data: str, as_json: bool, share_id: str, write: bool | None, reshare: bool | None,
           expires: str | None) -> None:  # fmt: skip
    """Change what is granted by the share ID, or when it ends. What is not said stays as it is.

    Whether it opens only after a second factor cannot be changed: end it, and share it anew.
    """

    def changed(tx: Tx) -> shares.Row:
        given = shares.get(tx, share_id).permissions
        return shares.change(tx, share_id, **changed_terms(given, write, reshare, expires))

    with opened(data) as (_, database):
        show([views.share(database.write_now(changed))], SHARE_COLUMNS, as_json=as_json, one=True)


@click.command()
@data_option
@click.argument("share_id", metavar="ID")
def unshare(data: str, share_id: str) -> None:
    """End the share ID."""
    with opened(data) as (_, database):
        row = database.write_now(lambda tx: shares.unshare(tx, share_id))
        click.echo(f"{row.path} is no longer shared with {row.share_with}.")
