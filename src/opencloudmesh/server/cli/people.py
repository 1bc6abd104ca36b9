"""`ocm user`: people who have their files here."""

from __future__ import annotations

import click

from opencloudmesh.protocol.errors import Invalid
from opencloudmesh.server import accounts, factors, languages, operators, remains, views
from opencloudmesh.server.cli.common import Commands, data_option, json_option, opened, show, typed_password
from opencloudmesh.server.storage import Storage

GIGABYTE = 1_000_000_000  # bytes
MAX_GIGABYTES = 1_000_000_000


@click.group(cls=Commands)
def user() -> None:
    """People who have their files here."""


@user.command("add")
@data_option
@click.argument("name")
@click.option("--name", "full_name", default="", metavar='"FULL NAME"', help="What others see.")
@click.option("--email", default="", help="An e-mail address.")
@click.option("--operator", is_flag=True, help="They run this cloud, and have its pages for operators.")
def user_add(data: str, name: str, full_name: str, email: str, operator: bool) -> None:
    """Add a person. The password is taken from OCM_PASSWORD, or asked for."""
    with opened(data) as (config, database):
        stored = accounts.hash_password(typed_password("OCM_PASSWORD"))
        account = database.write_now(
            lambda tx: operators.add(tx, name, stored, name=full_name, email=email, operator=operator)
        )
        Storage(config.data).stat(account.id, "")
        at = f" Others share with {account.id}@{config.own_host}." if config.public_url else ""
        click.echo(f"{account.name} was added.{at}")


@user.command("list")
@data_option
@json_option
def user_list(data: str, as_json: bool) -> None:
    """List all people."""
    with opened(data) as (_, database):
        found = database.read_now(accounts.everybody)
        show(
            [views.user(one) for one in found],
            ("id", "name", "email", "quota", "operator", "language"),
            as_json=as_json,
        )


@user.command("remove")
@data_option
@click.argument("name")
@click.option("--with-files", is_flag=True, help="Delete their files too.")
def user_remove(data: str, name: str, with_files: bool) -> None:
    """Remove a person and end their shares. Their files are set aside in the data folder, unless told otherwise."""
    with opened(data) as (config, database):
        database.read_now(lambda tx: accounts.get(tx, name))
        with remains.leaving(Storage(config.data), name, with_files=with_files) as place:
            database.write_now(lambda tx: operators.remove(tx, name))
        click.echo(f"{name} was removed." if with_files else f"{name} was removed. Their files are in {place}.")


@user.command("passwd")
@data_option
@click.argument("name")
def user_passwd(data: str, name: str) -> None:
    """Set a person's password, from OCM_PASSWORD or asked for."""
    with opened(data) as (_, database):
        stored = accounts.hash_password(typed_password("OCM_PASSWORD"))
        database.write_now(lambda tx: operators.set_password(tx, name, stored))
        click.echo(f"The password of {name} was changed.")


@user.command("operator")
@data_option
@click.argument("name")
@click.argument("state", type=click.Choice(["on", "off"]))
def user_operator(data: str, name: str, state: str) -> None:
    """Say whether a person runs this cloud: operators have pages for it."""
    with opened(data) as (_, database):
        database.write_now(lambda tx: operators.change(tx, name, operator=state == "on"))
        click.echo(f"{name} is {'an operator' if state == 'on' else 'no operator'}.")


@user.command("language")
@data_option
@click.argument("name")
@click.argument("language", type=click.Choice([*languages.NAMES, "none"]))
def user_language(data: str, name: str, language: str) -> None:
    """Say which language a person is spoken to in; with none, as their browser asks."""
    with opened(data) as (_, database):
        database.write_now(lambda tx: operators.change(tx, name, language="" if language == "none" else language))
        click.echo(f"{name} is spoken to {'as their browser asks' if language == 'none' else f'in {language}'}.")


@user.command("quota")
@data_option
@click.argument("name")
@click.argument("size", metavar="GIGABYTES|none")
def user_quota(data: str, name: str, size: str) -> None:
    """Say how much room a person's files have; with none, only the disk limits them."""
    with opened(data) as (_, database):
        quota = None if size == "none" else _bytes(size)
        database.write_now(lambda tx: operators.change(tx, name, quota=quota))
        click.echo(f"{name} has {'no quota' if quota is None else f'{size} GB'}.")


def _bytes(gigabytes: str) -> int:
    try:
        number = float(gigabytes)
    except ValueError:
        number = -1.0
    if not 0 <= number <= MAX_GIGABYTES:  # which NaN is not either
        raise Invalid("Write the room in gigabytes, as 10 or 0.5, or none.")
    return round(number * GIGABYTE)


@user.command("reset-factors")
@data_option
@click.argument("name")
def user_reset_factors(data: str, name: str) -> None:
    """Remove a person's second factors, when they have lost them. They are signed out everywhere."""
    with opened(data) as (_, database):
        database.write_now(lambda tx: factors.reset(tx, name))
        click.echo(f"{name} has no second factor any more, and signs in with the password alone.")
