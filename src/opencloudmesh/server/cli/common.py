"""What all commands have in common: options, how errors are told, how rows are shown, the data folder."""

from __future__ import annotations

import getpass
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from opencloudmesh.protocol.errors import FieldError, Invalid, OcmError
from opencloudmesh.protocol.fields import end_of
from opencloudmesh.protocol.wire import encode_json
from opencloudmesh.server import config as settings
from opencloudmesh.server import migrate
from opencloudmesh.server.config import Config
from opencloudmesh.server.database import Database
from opencloudmesh.server.policy import Denied
from opencloudmesh.server.shares import Keep
from opencloudmesh.server.trees import READ, SHARE, WRITE

F = TypeVar("F", bound=Callable[..., Any])

# Columns in unix seconds.
TIMES = frozenset({"at", "due", "expiration", "failingSince", "fetched", "lastContact", "since", "until"})


class Commands(click.Group):
    """A group whose commands tell our errors in one sentence."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs a command."""
        try:
            return super().invoke(ctx)
        except OcmError as error:
            wrong = "".join(f"\n  {field.name}: {field.message}" for field in error.fields)
            raise click.ClickException(error.message + wrong) from None
        except BrokenPipeError:
            raise  # whoever read it, as `head`, has enough: click ends without a word
        except OSError as error:
            raise click.ClickException(f"{error.filename or 'The data folder'}: {error.strerror}.") from None


def data_option(command: F) -> F:
    """`--data`, which every command has."""
    help_text = "The data folder (or OCM_DATA)."
    return click.option("--data", envvar="OCM_DATA", metavar="DIR", required=True, help=help_text)(command)


def json_option(command: F) -> F:
    """`--json`, for commands that show something."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for a script.")(command)


def person_option(required: bool = True) -> Callable[[F], F]:
    """`--as`, for commands of one person."""
    help_text = "Whose." if required else "Only this person's."
    return click.option("--as", "account", required=required, metavar="NAME", help=help_text)


@contextmanager
def opened(data: str) -> Iterator[tuple[Config, Database]]:
    """The settings and the database of a data folder, which is made where there is none."""
    config = settings.load({"data": data})
    if not config.data.exists():
        config.data.mkdir(mode=0o750, parents=True)
        click.echo(f"There was no {config.data}: a new cloud begins there.", err=True)
    migrate.upgrade(config.database_url)
    database = Database(config.database_url)
    try:
        yield config, database
    except Denied as denied:
        database.write_now(denied.record)
        raise
    finally:
        database.close()


def permissions_of(write: bool, reshare: bool) -> frozenset[str]:
    """What `--write` and `--reshare` give."""
    return frozenset({READ} | ({WRITE} if write else set()) | ({SHARE} if reshare else set()))


def change_options(command: F) -> F:
    """What can be changed of what is shared; what is not said stays as it is."""
    for option in (
        click.option(
            "--expires", metavar="DAY", help="The last day on which they may, as 2026-12-31, in UTC; or `never`."
        ),
        click.option("--reshare/--no-reshare", default=None, help="Whether they may share it on."),
        click.option("--write/--read-only", default=None, help="Whether they may change it."),
    ):
        command = option(command)
    return command


def changed_terms(
    given: Iterable[str], write: bool | None, reshare: bool | None, expires: str | None
) -> dict[str, Any]:
    """What `change_options` make of what was `given`, for the gesture."""
    said = {WRITE: write, SHARE: reshare}
    kept = set(given) - {word for word, yes in said.items() if yes is False}
    return {
        "permissions": frozenset(kept | {word for word, yes in said.items() if yes}),
        "expiration": Keep.KEEP if expires is None else None if expires == "never" else end(expires),
    }


def end(day: str) -> int:
    """The end of a day that somebody wrote. Raises `Invalid`."""
    try:
        return end_of(day)
    except ValueError:
        raise Invalid("Write a day as 2026-12-31.", fields=[FieldError("expires", "INVALID")]) from None


def typed_password(variable: str) -> str:
    """A password: of the environment, or typed twice. Raises `Invalid`."""
    given = os.environ.get(variable)
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise Invalid("Set the password in {variable}.", variable=variable)
    first = getpass.getpass("Password: ")
    if first != getpass.getpass("Again: "):
        raise Invalid("The two passwords differ.")
    return first


def show(rows: Sequence[dict[str, Any]], columns: Sequence[str], *, as_json: bool, one: bool = False) -> None:
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
