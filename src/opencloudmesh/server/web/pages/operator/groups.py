"""Groups of people here, with whom somebody elsewhere can share at once."""

from __future__ import annotations

from starlette.responses import Response

from opencloudmesh.protocol.errors import OcmError
from opencloudmesh.protocol.fields import Fields
from opencloudmesh.server import accounts
from opencloudmesh.server import groups as gestures
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.database import Tx
from opencloudmesh.server.groups import Group
from opencloudmesh.server.web.operator import AREA, PAGE, groups, said
from opencloudmesh.server.web.pages.forms import read_form
from opencloudmesh.server.web.pages.operator.frame import framed, paged
from opencloudmesh.server.web.pages.visits import Visit, redirect

EMPTY = {"id": "", "name": ""}
LABELS = {"id": "the identifier", "name": "the name"}


async def show(visit: Visit, error: OcmError | None = None, form: dict[str, str] | None = None) -> Response:
    """A page of the groups, and the form for another."""
    after = said(visit.request, "after")
    found = await visit.context.database.read(lambda tx: gestures.listing(tx, after=after, limit=PAGE + 1))
    values = paged(found, lambda group: group.id)
    return framed(visit, "groups", "groups", error, labels=LABELS, **values, form=EMPTY | (form or {}))


async def add(visit: Visit) -> Response:
    """A group is made."""
    form = EMPTY | await read_form(visit.request)
    try:
        group = await groups.add(visit.context, visit.account, Fields(form))
    except OcmError as error:
        return await show(visit, error, form)
    return redirect(_at(group.id), "group-added")


async def show_one(visit: Visit, error: OcmError | None = None) -> Response:
    """One group, and who is in it."""
    group_id = visit.request.path_params["id"]

    def look(tx: Tx) -> tuple[Group, list[Account]]:
        return gestures.get(tx, group_id), accounts.in_group(tx, group_id)

    group, members = await visit.context.database.read(look)
    return framed(visit, "groups", "group", error, labels=LABELS, group=group, members=members)


async def join(visit: Visit) -> Response:
    """Somebody is put into it."""
    group_id, form = visit.request.path_params["id"], await read_form(visit.request)
    try:
        await groups.join(visit.context, visit.account, group_id, form.get("user", "").strip())
    except OcmError as error:
        return await show_one(visit, error)
    return redirect(_at(group_id), "joined")


async def leave(visit: Visit) -> Response:
    """Somebody is taken out of it."""
    group_id, form = visit.request.path_params["id"], await read_form(visit.request)
    try:
        await groups.leave(visit.context, visit.account, group_id, form.get("user", ""))
    except OcmError as error:
        return await show_one(visit, error)
    return redirect(_at(group_id), "taken-out")


async def ask_to_remove(visit: Visit) -> Response:
    """Shall the group go?"""
    group_id = visit.request.path_params["id"]
    group = await visit.context.database.read(lambda tx: gestures.get(tx, group_id))
    return framed(visit, "groups", "group_remove", group=group)


async def remove(visit: Visit) -> Response:
    """The group goes."""
    await groups.remove(visit.context, visit.account, visit.request.path_params["id"])
    return redirect(f"{AREA}/groups", "group-removed")


def _at(group_id: str) -> str:
    return f"{AREA}/groups/{group_id}"
