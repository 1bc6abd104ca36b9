"""`ocm circle`: several contacts of a person under one name, and what was shared with them at once."""

from __future__ import annotations

import click

from opencloudmesh.protocol.address import Address
from opencloudmesh.server import accounts, batches, circles, contacts, views
from opencloudmesh.server.batches import Batch
from opencloudmesh.server.cli.common import (
    Commands,
    change_options,
    changed_terms,
    data_option,
    json_option,
    opened,
    person_option,
    show,
)
from opencloudmesh.server.database import Tx

COLUMNS = ("id", "name", "members")
BATCH_COLUMNS = ("id", "name", "path", "permissions", "expiration", "progress", "refused", "new")


@click.group("circle", cls=Commands)
def circle_group() -> None:
    """Circles: several contacts of a person under one name."""


@circle_group.command("create")
@data_option
@person_option()
@click.argument("name")
def circle_create(data: str, account: str, name: str) -> None:
    """Make the circle NAME, with nobody in it."""
    with opened(data) as (_, database):
        circle = database.write_now(lambda tx: circles.create(tx, accounts.get(tx, account).id, name))
        click.echo(f"The circle {circle.name} was made.")


@circle_group.command("list")
@data_option
@json_option
@person_option()
def circle_list(data: str, as_json: bool, account: str) -> None:
    """List a person's circles, and who is in them."""
    with opened(data) as (_, database):
        rows = [
            views.circle(row) for row in database.read_now(lambda tx: circles.listing(tx, accounts.get(tx, account).id))
        ]
        if not as_json:
            rows = [{**row, "members": [member["address"] for member in row["members"]]} for row in rows]
        show(rows, COLUMNS, as_json=as_json)


@circle_group.command("add")
@data_option
@person_option()
@click.argument("name")
@click.argument("addresses", metavar="USER@HOST...", nargs=-1, required=True)
def circle_add(data: str, account: str, name: str, addresses: tuple[str, ...]) -> None:
    """Put contacts into the circle NAME. Nothing is shared with them by that."""

    def add(tx: Tx) -> None:
        for address in addresses:
            circles.add(tx, account, circles.called(tx, account, name).id, _contact(tx, account, address))

    with opened(data) as (_, database):
        database.write_now(add)
        click.echo("They are in the circle.")


@circle_group.command("drop")
@data_option
@person_option()
@click.argument("name")
@click.argument("addresses", metavar="USER@HOST...", nargs=-1, required=True)
def circle_drop(data: str, account: str, name: str, addresses: tuple[str, ...]) -> None:
    """Take contacts out of the circle NAME. What is shared with them stays shared."""

    def drop(tx: Tx) -> None:
        for address in addresses:
            circles.drop(tx, account, circles.called(tx, account, name).id, _contact(tx, account, address))

    with opened(data) as (_, database):
        database.write_now(drop)
        click.echo("They are not in the circle any more.")


@circle_group.command("remove")
@data_option
@person_option()
@click.argument("name")
def circle_remove(data: str, account: str, name: str) -> None:
    """Forget the circle NAME. Contacts and shares stay."""
    with opened(data) as (_, database):
        database.write_now(lambda tx: circles.remove(tx, account, circles.called(tx, account, name).id))
        click.echo("The circle was removed.")


@circle_group.command("shares")
@data_option
@json_option
@person_option()
def circle_shares(data: str, as_json: bool, account: str) -> None:
    """List what a person shares with circles, and how far each has come."""
    with opened(data) as (_, database):
        show_batches(database.read_now(lambda tx: batches.listing(tx, accounts.get(tx, account).id)), as_json=as_json)


@circle_group.command("catch-up")
@data_option
@json_option
@person_option()
@click.argument("batch_id", metavar="ID")
def circle_catch_up(data: str, as_json: bool, account: str, batch_id: str) -> None:
    """Share ID, of `circle shares`, with who has come into the circle since."""
    with opened(data) as (config, database):
        own = Address(account, config.own_host)
        batch = database.write_now(lambda tx: batches.catch_up(tx, account, batch_id, own_address=own))
        show_batches([batch], as_json=as_json, one=True)


@circle_group.command("change")
@data_option
@json_option
@person_option()
@click.argument("batch_id", metavar="ID")
@change_options
def circle_change(data: str, as_json: bool, account: str, batch_id: str, write: bool | None, reshare: bool | None,
                  expires: str | None) -> None:  # fmt: skip
    """Change what ID, of `circle shares`, grants to everybody in it, or when it ends."""

    def changed(tx: Tx) -> Batch:
        given = batches.get(tx, account, batch_id).row.terms["permissions"]
        return batches.change(tx, account, batch_id, **changed_terms(given, write, reshare, expires))

    with opened(data) as (_, database):
        show_batches([database.write_now(changed)], as_json=as_json, one=True)


@circle_group.command("stop")
@data_option
@person_option()
@click.argument("batch_id", metavar="ID")
def circle_stop(data: str, account: str, batch_id: str) -> None:
    """End all shares of ID, of `circle shares`."""
    with opened(data) as (_, database):
        database.write_now(lambda tx: batches.stop(tx, account, batch_id))
        click.echo("It is no longer shared with them.")


def show_batches(found: list[Batch], *, as_json: bool, one: bool = False) -> None:
    """What is shared with circles."""
    rows = [views.batch(batch) for batch in found]
    if not as_json:
        for row in rows:
            row["progress"] = [f"{number} {state}" for state, number in row["progress"].items()]
            row["refused"] = [f"{who['shareWith']}: {who['message']}" for who in row["refused"]]
    show(rows, BATCH_COLUMNS, as_json=as_json, one=one)


def _contact(tx: Tx, account: str, address: str) -> str:
    """The contact of that address, or nothing that anybody has."""
    row = contacts.find(tx, account, str(Address.parse(address)))
    return row.id if row is not None else ""
