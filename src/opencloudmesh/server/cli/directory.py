"""`ocm directory`: for the operator of a member, whose directories are believed; for that of a federation, its own."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import click
from cryptography.hazmat.primitives.asymmetric import ed25519

from opencloudmesh.protocol.directory import Listing, sign_listing
from opencloudmesh.protocol.errors import Conflict, Invalid
from opencloudmesh.protocol.keys import SigningKey
from opencloudmesh.protocol.wire import decode_object, encode_json
from opencloudmesh.server import directories, federation, views
from opencloudmesh.server.cli.common import Commands, data_option, json_option, opened, show
from opencloudmesh.server.config import Config
from opencloudmesh.server.context import open_network
from opencloudmesh.server.database import Database, digest_of

COLUMNS = ("url", "federation", "servers", "fetched", "keys", "unsigned", "error")
FILE = click.Path(dir_okay=False, path_type=Path)


@click.group("directory", cls=Commands)
def directory_group() -> None:
    """Directory Services: signed lists of the servers of a federation."""


@directory_group.command("add")
@data_option
@click.argument("url")
@click.option("--key", "keys", multiple=True, type=FILE, metavar="FILE", help="A public key (PEM) that it signs with.")
@click.option("--unsigned", is_flag=True, help="Believe it also what it does not sign.")
def directory_add(data: str, url: str, keys: tuple[Path, ...], unsigned: bool) -> None:
    """Take the servers of a federation from the directory at URL, and ask it now.

    Its operator gives you the key in person or by another safe way: it is what you trust. To change the keys of a
    directory, add it again.
    """
    with opened(data) as (config, database):
        pems = [path.read_text(errors="replace") for path in keys]
        row = database.write_now(lambda tx: directories.add(tx, url, pems, unsigned=unsigned))
        _ask(config, database, [row])


@directory_group.command("list")
@data_option
@json_option
def directory_list(data: str, as_json: bool) -> None:
    """List the directories, what each says, and when it was last read."""
    with opened(data) as (_, database):
        show([views.directory(row) for row in database.read_now(directories.listing)], COLUMNS, as_json=as_json)


@directory_group.command("remove")
@data_option
@click.argument("url")
def directory_remove(data: str, url: str) -> None:
    """Forget the directory at URL and the servers that it lists."""
    with opened(data) as (_, database):
        database.write_now(lambda tx: directories.remove(tx, url))
        click.echo(f"{url} was removed.")


@directory_group.command("refresh")
@data_option
@click.argument("url", required=False)
def directory_refresh(data: str, url: str | None) -> None:
    """Ask all directories now, or the one at URL. A running cloud does it every hour."""
    with opened(data) as (config, database):
        rows = database.read_now(lambda tx: [directories.get(tx, url)] if url else directories.listing(tx))
        _ask(config, database, rows)


@directory_group.command("key")
@click.argument("file", type=FILE)
def directory_key(file: Path) -> None:
    """Make the key of a federation: FILE signs and stays secret, FILE.pub is for the operators of its members."""
    key = SigningKey("", "ed25519", ed25519.Ed25519PrivateKey.generate())
    public = file.with_name(file.name + ".pub")
    if file.exists() or public.exists():
        raise Conflict("{file} or {public} is there already.", file=file, public=public)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as secret:
        secret.write(key.private_pem())
    public.write_text(key.public_pem())
    click.echo(f"Keep {file} secret. Give {public} to the operators of the members.")


@directory_group.command("sign")
@click.argument("file", type=FILE)
@click.option("--key", required=True, type=FILE, metavar="FILE", help="The key that `ocm directory key` made, or any.")
@click.option("--federation", "name", default="", help="What the federation is called, if FILE does not say it.")
@click.option("--out", type=FILE, metavar="FILE", help="Where to write it, in one step. Default: it is printed.")
def directory_sign(file: Path, key: Path, name: str, out: Path | None) -> None:
    """Sign the list in FILE, to be published on any web server.

    FILE has a line for each server, its URL and then its name; or it is JSON: {"federation": "...", "servers": [{"url":
    "...", "displayName": "..."}]}.
    """
    listing = Listing.read(_listing(file.read_bytes(), name))
    secret = SigningKey.from_private_pem("", key.read_text(errors="replace"))
    # Its name tells those who hold several keys which one it was.
    signing = SigningKey(digest_of(secret.public_pem())[:16], secret.algorithm, secret.private)
    document = encode_json(sign_listing(listing, signing)).decode()
    if out is None:
        click.echo(document)
        return
    written = out.with_name(out.name + ".new")
    written.write_text(document + "\n")
    written.replace(out)
    click.echo(f"{len(listing.servers)} servers of {listing.federation} are in {out}.")


def _listing(text: bytes, name: str) -> dict[str, Any]:
    """What FILE says, as the payload. Raises `Invalid`."""
    named = {"federation": name} if name else {}
    if text.lstrip().startswith(b"{"):
        return decode_object(text) | named
    try:
        lines = [line.split(maxsplit=1) for line in text.decode().splitlines()]
    except UnicodeDecodeError:
        raise Invalid("The list is not text in UTF-8.") from None
    servers = [
        {"url": words[0], "displayName": words[-1].strip()} for words in lines if words and not words[0].startswith("#")
    ]
    return {"servers": servers, **named}


def _ask(config: Config, database: Database, rows: list[directories.Row]) -> None:
    """Asks each, all at once, and says what came of it."""

    async def ask() -> list[str | None]:
        async with open_network(config, database) as network:
            return await asyncio.gather(*(federation.ask(database, network, row) for row in rows))

    for asked, reason in zip(rows, asyncio.run(ask()), strict=True):
        row = next(row for row in database.read_now(directories.listing) if row.url == asked.url)
        said = f"{row.servers} servers of {row.federation}" if row.fetched is not None else "nothing so far"
        click.echo(f"{row.url}: {f'{reason} In force: ' if reason else ''}{said}.")
