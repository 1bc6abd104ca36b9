"""The directories that are believed, and the servers that each lists."""

from __future__ import annotations

from starlette.responses import Response

from opencloudmesh.protocol.errors import OcmError
from opencloudmesh.server import directories as gestures
from opencloudmesh.server.database import Tx
from opencloudmesh.server.web.operator import AREA, PAGE, directories, said
from opencloudmesh.server.web.pages.forms import read_form
from opencloudmesh.server.web.pages.operator.frame import framed, paged
from opencloudmesh.server.web.pages.visits import Visit, redirect

EMPTY = {"url": "", "keys": "", "unsigned": ""}


async def show(visit: Visit, error: OcmError | None = None, form: dict[str, str] | None = None) -> Response:
    """What each says, and the form for another."""
    rows = await visit.context.database.read(gestures.listing)
    return framed(visit, "directories", "directories", error, rows=rows, form=EMPTY | (form or {}))


async def add(visit: Visit) -> Response:
    """A directory is believed."""
    form = EMPTY | await read_form(visit.request)
    try:
        unsigned = form["unsigned"] == "yes"
        await directories.add(visit.context, visit.account, form["url"].strip(), form["keys"], unsigned=unsigned)
    except OcmError as error:
        return await show(visit, error, form)
    return redirect(f"{AREA}/directories", "believed")


async def servers(visit: Visit) -> Response:
    """A page of the servers that one lists."""
    url, after = said(visit.request, "url"), said(visit.request, "after")

    def look(tx: Tx) -> tuple[gestures.Row, list[gestures.Row]]:
        return gestures.get(tx, url), directories.members(tx, url, after=after, limit=PAGE + 1)

    directory, found = await visit.context.database.read(look)
    values = paged(found, lambda row: row.host, url=url)
    return framed(visit, "directories", "directory", directory=directory, **values)


async def refresh(visit: Visit) -> Response:
    """It is asked soon."""
    form = await read_form(visit.request)
    try:
        await directories.refresh(visit.context, visit.account, form.get("url", ""))
    except OcmError as error:
        return await show(visit, error)
    return redirect(f"{AREA}/directories", "asked-soon")


async def ask_to_remove(visit: Visit) -> Response:
    """Shall it be believed no more?"""
    url = said(visit.request, "url")
    rows = await visit.context.database.read(lambda tx: (gestures.get(tx, url), gestures.listing(tx)))
    (directory,) = [row for row in rows[1] if row.url == url]
    return framed(visit, "directories", "directory_remove", directory=directory)


async def remove(visit: Visit) -> Response:
    """It is believed no more."""
    form = await read_form(visit.request)
    try:
        await directories.remove(visit.context, visit.account, form.get("url", ""))
    except OcmError as error:
        return await show(visit, error)
    return redirect(f"{AREA}/directories", "disbelieved")
