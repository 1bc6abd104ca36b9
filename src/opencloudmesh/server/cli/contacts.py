"""The people at other servers: invites, by which people come to know each other, and contacts."""

from __future__ import annotations

import asyncio
import sys
from typing import BinaryIO

import click
import segno

from opencloudmesh.protocol import cards
from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.wire import encode_json
from opencloudmesh.server import accounts, circles, contacts, introductions, invites, views
from opencloudmesh.server import config as settings
from opencloudmesh.server.cli.common import Commands, data_option, json_option, opened, person_option, show
from opencloudmesh.server.config import Config
from opencloudmesh.server.context import Context
from opencloudmesh.server.database import Tx

INVITE_COLUMNS = ("id", "state", "link", "description", "email", "mail", "acceptedBy", "expiration")
CONTACT_COLUMNS = ("id", "address", "name", "email", "source", "blocked")


@click.group("invite", cls=Commands)
def invite_group() -> None:
    """Invites: how people at two servers come to know each other."""


@invite_group.command("create")
@data_option
@json_option
@person_option()
@click.option("--description", default="", help="What it is for.")
@click.option("--email", default="", metavar="ADDRESS", help="Send it there.")
@click.option("--days", default=30, type=click.IntRange(1, 3650), show_default=True, help="How long it is good.")
def invite_create(data: str, as_json: bool, account: str, description: str, email: str, days: int) -> None:
    """Make an invite, to be given to somebody elsewhere: its link, its string or its code, which all say the same."""

    def create(tx: Tx) -> invites.Row:
        accounts.get(tx, account)
        until = tx.now + days * invites.DAY
        can_mail = bool(config.mail_from)
        return invites.create(tx, account, description=description, expiration=until, email=email, can_mail=can_mail)

    with opened(data) as (config, database):
        row = database.write_now(create)
        invite = views.invite(row, config.public_url, row.created)
        if as_json:
            click.echo(encode_json(invite))
            return
        for name in ("id", *views.SPELLINGS):
            click.echo(f"{name + ':':<8}{invite[name] or '-'}")
        if invite["link"] and sys.stdout.isatty():
            segno.make_qr(invite["link"]).terminal(compact=True)


@invite_group.command("list")
@data_option
@json_option
@person_option()
def invite_list(data: str, as_json: bool, account: str) -> None:
    """List the invites that a person gave away."""
    with opened(data) as (config, database):
        rows, now = database.read_now(lambda tx: (invites.listing(tx, accounts.get(tx, account).id), tx.now))
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
@click.option("--search", default="", metavar="TEXT", help="Only those in whose name or address it is.")
def contacts_list(data: str, as_json: bool, account: str, search: str) -> None:
    """List whom a person knows elsewhere."""
    with opened(data) as (_, database):
        rows = database.read_now(lambda tx: contacts.search(tx, accounts.get(tx, account).id, search))
        show([views.contact(row) for row in rows], CONTACT_COLUMNS, as_json=as_json)


@contacts_group.command("add")
@data_option
@json_option
@person_option()
@click.argument("address", metavar="USER@HOST")
@click.option("--name", default="", help="What they are called.")
def contacts_add(data: str, as_json: bool, account: str, address: str, name: str) -> None:
    """Write down USER@HOST."""
    with opened(data) as (_, database):
        parsed = Address.parse(address)
        row = database.write_now(lambda tx: contacts.meet(tx, accounts.get(tx, account).id, parsed, name=name))
        show([views.contact(row)], CONTACT_COLUMNS, as_json=as_json, one=True)


@contacts_group.command("remove")
@data_option
@person_option()
@click.argument("who", metavar="ID|USER@HOST")
def contacts_remove(data: str, account: str, who: str) -> None:
    """Forget a contact. The server of one who was invited is told."""
    with opened(data) as (_, database):
        database.write_now(lambda tx: contacts.remove(tx, account, _id(tx, account, who)))
        click.echo("The contact was removed.")


@contacts_group.command("block")
@data_option
@person_option()
@click.argument("who", metavar="ID|USER@HOST")
def contacts_block(data: str, account: str, who: str) -> None:
    """Take nothing from a contact any more."""
    with opened(data) as (_, database):
        database.write_now(lambda tx: contacts.block(tx, account, _id(tx, account, who)))
        click.echo("The contact is blocked.")


@contacts_group.command("unblock")
@data_option
@person_option()
@click.argument("who", metavar="ID|USER@HOST")
def contacts_unblock(data: str, account: str, who: str) -> None:
    """Take from a contact again."""
    with opened(data) as (_, database):
        database.write_now(lambda tx: contacts.block(tx, account, _id(tx, account, who), blocked=False))
        click.echo("The contact is no longer blocked.")


@contacts_group.command("export")
@data_option
@person_option()
@click.option("--format", "kind", type=click.Choice(["jscontact", "vcard"]), default="jscontact", show_default=True)
def contacts_export(data: str, account: str, kind: str) -> None:
    """Print a person's address book, for another program."""
    with opened(data) as (_, database):
        book = database.read_now(lambda tx: circles.cards(tx, accounts.get(tx, account).id))
        click.echo(cards.write(book, cards.VCARD if kind == "vcard" else cards.JSCONTACT), nl=kind == "jscontact")


@contacts_group.command("import")
@data_option
@person_option()
@click.argument("file", type=click.File("rb"))
def contacts_import(data: str, account: str, file: BinaryIO) -> None:
    """Add the contacts in FILE (vCard or JSContact; - is the standard input)."""
    with opened(data) as (config, database):
        body = file.read(cards.MAX_FILE + 1)
        found = cards.read(body, cards.kind_of(body))
        own = Address(account, config.own_host)
        new = database.write_now(
            lambda tx: circles.take(tx, accounts.get(tx, account).id, found.cards, own_address=own)
        )
        skipped = f" {found.skipped} had no OCM Address." if found.skipped else ""
        click.echo(f"{len(found.cards)} were read, {new} of them are new.{skipped}")


def _id(tx: Tx, account: str, who: str) -> str:
    """The id of a contact that is named by it or by the address."""
    row = contacts.find(tx, account, str(Address.parse(who))) if "@" in who else None
    return row.id if row is not None else who


async def _accept(config: Config, account: str, invite: str) -> dict[str, object]:
    context = Context.build(config)
    try:
        person = await context.database.read(lambda tx: accounts.get(tx, account))
        return await introductions.accept(context, person, invite)
    finally:
        await context.close()
