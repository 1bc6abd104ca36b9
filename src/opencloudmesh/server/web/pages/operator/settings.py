"""The settings in force, and our own keys."""

from __future__ import annotations

from starlette.responses import Response

from opencloudmesh.protocol.errors import NotFound, OcmError
from opencloudmesh.server import config
from opencloudmesh.server.web.operator import AREA, said, settings
from opencloudmesh.server.web.pages.forms import read_form
from opencloudmesh.server.web.pages.operator.frame import framed
from opencloudmesh.server.web.pages.visits import Visit, redirect

STATES = {
    "next": "Signs soon",
    "current": "Signs",
    "old": "Has signed, is still shown",
    "gone": "Over",
    "revoked": "Revoked",
}
# Where a setting comes from, but for the file, which has its name.
SOURCES = ("default", "last run", "environment", "option")
ENDED = ("gone", "revoked")


async def show(visit: Visit, error: OcmError | None = None) -> Response:
    """What is set and where, and which keys sign."""
    help_of = {setting.name: setting.help for setting in config.SETTINGS}
    rows, keys = config.in_force(visit.context.config), await settings.shown(visit.context)
    return framed(
        visit, "settings", "settings", error, rows=rows, keys=keys, help_of=help_of, states=STATES, ended=ENDED
    )


async def rotate(visit: Visit) -> Response:
    """New keys are made."""
    form = await read_form(visit.request)
    try:
        await settings.rotate(visit.context, visit.account, at_once=form.get("now") == "yes")
    except OcmError as error:
        return await show(visit, error)
    return redirect(f"{AREA}/settings", "rotated")


async def ask_to_revoke(visit: Visit) -> Response:
    """Shall a key end at once?"""
    kid = said(visit.request, "kid")
    found = [key for key in await settings.shown(visit.context) if key["kid"] == kid and key["state"] not in ENDED]
    if not found:
        raise NotFound("There is no such key in use.")
    return framed(visit, "settings", "key_revoke", key=found[0])


async def revoke(visit: Visit) -> Response:
    """A key ends at once."""
    form = await read_form(visit.request)
    try:
        await settings.revoke(visit.context, visit.account, form.get("kid", ""))
    except OcmError as error:
        return await show(visit, error)
    return redirect(f"{AREA}/settings", "key-revoked")
