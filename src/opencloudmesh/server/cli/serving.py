"""Running the cloud, and its settings."""

from __future__ import annotations

import logging
import sys
from typing import Any

import click

from opencloudmesh.server import app
from opencloudmesh.server import config as settings
from opencloudmesh.server.cli.common import F, data_option, show
from opencloudmesh.server.config import Config, Setting


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
    app.serve(settings.load(options, last_run=False))


@click.command("settings")
@data_option
@click.option("--markdown", is_flag=True, help="Print the page of the documentation instead.")
def list_settings(data: str, markdown: bool) -> None:
    """List the settings in force, and where each comes from."""
    if markdown:
        click.echo(settings.documentation())
        return
    config = settings.load({"data": data})
    rows = [
        {"name": setting.name, "value": _shown(config, setting), "from": config.sources[setting.name]}
        for setting in settings.SETTINGS
    ]
    show(rows, ("name", "value", "from"), as_json=False)


def _shown(config: Config, setting: Setting) -> str:
    value = getattr(config, setting.name)
    if setting.secret and value:
        return "(not shown)"
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
