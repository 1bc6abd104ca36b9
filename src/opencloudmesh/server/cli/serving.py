"""Running the cloud, and its settings."""

from __future__ import annotations

import logging
import sys
from typing import Any

import click
from click.core import ParameterSource

from opencloudmesh.protocol.errors import Conflict, Invalid
from opencloudmesh.server import accounts, welcomes
from opencloudmesh.server import config as settings
from opencloudmesh.server.cli.common import F, data_option, opened, show
from opencloudmesh.server.context import Context

log = logging.getLogger(__name__)


def setting_options(command: F) -> F:
    """An option for every setting."""
    for setting in reversed(settings.SETTINGS):
        names = [setting.option]
        if isinstance(setting.default, bool):
            names = [f"{setting.option}/--no-{setting.option[2:]}"]
        default = f" Default: {setting.default}." if setting.default not in (None, ()) else ""
        command = click.option(*names, setting.name, default=None, help=setting.help + default)(command)
    return command


@click.command()
@setting_options
def serve(**options: Any) -> None:
    """Run the cloud in a data folder, which is made at the first start.

    Options may also be set in the environment, or in `ocm.toml` in the data folder.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    from opencloudmesh.server import app  # noqa: PLC0415 - the whole web, which no other command needs

    app.serve(settings.load(options, last_run=False), _greet)


@click.command()
@data_option
def welcome(data: str) -> None:
    """Print a link by which the first operator makes their account, where nobody has one yet.

    The first start prints it too, where it has a terminal. The link is good once, for a day; a new one ends it.
    """
    with opened(data) as (config, database):
        secret = database.write_now(welcomes.begin)
        if secret is None:
            raise Conflict(
                "Somebody has an account here already. `ocm user operator NAME on` makes an operator of them."
            )
        if not config.public_url:
            raise Invalid("Set OCM_PUBLIC_URL to the address of this cloud, or start it first.")
        click.echo(welcomes.url(config.public_url, secret))


def _greet(context: Context) -> None:
    """Where nobody has an account yet: the link, to a terminal and nowhere else. What is not one may be a log file."""
    if not context.database.read_now(accounts.is_empty):
        return
    if not sys.stdout.isatty():
        log.warning("Nobody has an account here yet. `ocm welcome` prints a link by which the operator makes theirs.")
        return
    secret = context.database.write_now(welcomes.begin)
    if secret is not None:
        click.echo(f"\nNobody has an account here yet. Open this link within a day to make yours, as the operator:\n\n"
                   f"    {welcomes.url(context.config.public_url, secret)}\n")  # fmt: skip


@click.command("settings")
@data_option
@click.option("--markdown", is_flag=True, help="Print the page of the documentation instead.")
def list_settings(data: str, markdown: bool) -> None:
    """List the settings in force, and where each comes from."""
    if markdown:
        click.echo(settings.documentation())
        return
    named = click.get_current_context().get_parameter_source("data") != ParameterSource.ENVIRONMENT
    config = settings.load({"data": data} if named else {})
    show(settings.in_force(config), ("name", "value", "from"), as_json=False)
