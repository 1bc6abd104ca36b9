"""Circles: several contacts under one name, and what was shared with one."""

from __future__ import annotations

from starlette.responses import Response

from opencloudmesh.protocol.errors import OcmError
from opencloudmesh.server import batches, circles, contacts
from opencloudmesh.server.web.circles import change_all, share_on
from opencloudmesh.server.web.pages.forms import read_form
from opencloudmesh.server.web.pages.shares import EMPTY, page, read_by
from opencloudmesh.server.web.pages.visits import Visit, redirect
from opencloudmesh.server.web.shares import ShareChange


async def show(visit: Visit, error: OcmError | None = None, form: dict[str, str] | None = None) -> Response:
    """A person's circles, and who is in them."""
    account = visit.account.id
    rows, known = await visit.context.database.read(
        lambda tx: (circles.listing(tx, account), contacts.listing(tx, account))
    )
    inside = {circle.id: {member.id for member in circle.members} for circle in rows}
    others = {circle: [row for row in known if row.id not in members] for circle, members in inside.items()}
    values = {"circles": rows, "others": others, "known": known, "form": form or {}, "active": "contacts"}
    return visit.page("circles.html", error, **values)


async def create(visit: Visit) -> Response:
    """A new circle."""
    form = await read_form(visit.request)
    try:
        await visit.context.database.write(lambda tx: circles.create(tx, visit.account.id, form.get("name", "")))
    except OcmError as error:
        return await show(visit, error, form)
    return redirect("/circles", "circle-made")


async def add(visit: Visit) -> Response:
    """Somebody is put into a circle."""
    form, circle_id = await read_form(visit.request), visit.request.path_params["id"]
    contact_id = form.get("contact", "")
    try:
        await visit.context.database.write(lambda tx: circles.add(tx, visit.account.id, circle_id, contact_id))
    except OcmError as error:
        return await show(visit, error)
    return redirect("/circles", "circle-joined")


async def drop(visit: Visit) -> Response:
    """Somebody is taken out of a circle."""
    circle_id, contact_id = visit.request.path_params["id"], visit.request.path_params["contact"]
    await visit.context.database.write(lambda tx: circles.drop(tx, visit.account.id, circle_id, contact_id))
    return redirect("/circles", "circle-left")


async def remove(visit: Visit) -> Response:
    """A circle is forgotten."""
    circle_id = visit.request.path_params["id"]
    await visit.context.database.write(lambda tx: circles.remove(tx, visit.account.id, circle_id))
    return redirect("/circles", "circle-removed")


async def catch_up(visit: Visit) -> Response:
    """What was shared with a circle is shared with who has come into it since."""
    batch = await share_on(visit.context, visit.account, visit.request.path_params["id"])
    return redirect(f"/share/{batch.path}", "caught-up")


async def change(visit: Visit) -> Response:
    """Everybody in a batch may do more or less, or until another day; an empty day is none."""
    batch_id, account = visit.request.path_params["id"], visit.account
    form = EMPTY | await read_form(visit.request)
    batch = await visit.context.database.read(lambda tx: batches.get(tx, account.id, batch_id))
    try:
        await change_all(visit.context, account, batch_id, read_by(ShareChange.read, batch.path, form))
    except OcmError as error:
        return await page(visit, batch.path, error=error)
    return redirect(f"/share/{batch.path}", "changed")


async def stop(visit: Visit) -> Response:
    """All shares of a batch end."""
    batch_id, account = visit.request.path_params["id"], visit.account.id
    batch = await visit.context.database.read(lambda tx: batches.get(tx, account, batch_id))
    await visit.context.commit(lambda tx: batches.stop(tx, account, batch_id))
    return redirect(f"/share/{batch.path}", "all-stopped")
