"""Links that a person gives away, and the requests that come of them, for their owner."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from opencloudmesh.protocol.errors import NotFound, OcmError
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.server import links, share_requests
from opencloudmesh.server.trees import READ, SHARE, WRITE
from opencloudmesh.server.web.links import LinkChange, NewLink, grant
from opencloudmesh.server.web.links import change as change_link
from opencloudmesh.server.web.links import create as create_link
from opencloudmesh.server.web.pages.files import asked
from opencloudmesh.server.web.pages.forms import read_form
from opencloudmesh.server.web.pages.shares import NO_LINK, is_own_folder, page, read_by, shown
from opencloudmesh.server.web.pages.visits import Visit, redirect

VERDICTS = {share_requests.TYPED: "not verified", "unsigned": "not verified"}
NOBODYS = Sentence("You cannot offer it to others.")


async def show(visit: Visit) -> Response:
    """The links to one file or folder are on the page where it is shared."""
    path = asked(visit)
    await is_own_folder(visit, path, NOBODYS)
    return redirect(f"/share/{path}")


async def create(visit: Visit) -> Response:
    """A new link."""
    path, form = asked(visit), NO_LINK | await read_form(visit.request)
    await is_own_folder(visit, path, NOBODYS)
    try:
        wanted = read_by(NewLink.read, path, form, mode=form["mode"], password=form["password"])
        await create_link(visit.context, visit.account, wanted)
    except OcmError as error:
        return await page(visit, path, error=error, link=form)
    return redirect(f"/share/{path}", "linked")


async def change(visit: Visit) -> Response:
    """Whoever has it may do more or less, or needs another password; an empty day is no end."""
    link_id, form = visit.request.path_params["id"], NO_LINK | await read_form(visit.request)
    row = await visit.context.database.read(lambda tx: links.get(tx, link_id, account=visit.account.id))
    try:
        await change_link(visit.context, visit.account, link_id, read_by(_read_change, row.path, form, **_said(form)))
    except OcmError as error:
        return await page(visit, row.path, error=error, link=NO_LINK)
    return redirect(f"/share/{row.path}", "relinked")


def _said(form: dict[str, str]) -> dict[str, str | None]:
    """An empty password is none only where that is said."""
    password: dict[str, str | None] = {"password": form["password"] or None}
    return {"mode": form["mode"], **(password if form["password"] or form["open"] else {})}


def _read_change(body: dict[str, Any]) -> LinkChange:
    """What those may do to whom the owner says yes is not in the form."""
    return LinkChange.read({name: value for name, value in body.items() if name != "permissions"})


async def remove(visit: Visit) -> Response:
    """It leads nowhere any more. The page of its file comes again, or that of all links where it was pressed there."""
    link_id, account = visit.request.path_params["id"], visit.account.id
    row = await visit.context.database.read(lambda tx: links.get(tx, link_id, account=account))
    await visit.context.database.write(lambda tx: links.remove(tx, link_id, account=account))
    return redirect(f"/share/{row.path}" if visit.request.query_params.get("at") == "file" else "/requests", "unlinked")


async def show_requests(visit: Visit, error: OcmError | None = None) -> Response:
    """Who asked, and all links that the person gave away."""
    account = visit.account.id
    rows, given = await visit.context.database.read(
        lambda tx: (share_requests.listing(tx, account), links.listing(tx, account))
    )
    return visit.page(
        "requests.html",
        error,
        active="requests",
        waiting=[row for row in rows if row.state == share_requests.OPEN],
        answered=[row for row in rows if row.state != share_requests.OPEN],
        links=shown(visit, given),
        verdicts=VERDICTS,
        permissions={row.id: row.permissions for row in given},
    )


async def answer(visit: Visit) -> Response:
    """The person says yes or no to one who asked."""
    request_id, name = visit.request.path_params["id"], visit.request.path_params["answer"]
    if name not in ("grant", "refuse"):
        raise NotFound("There is nothing here.")
    try:
        if name == "grant":
            await grant(visit.context, visit.account, request_id, _given(await read_form(visit.request)))
            return redirect("/requests", "granted")
        await visit.context.database.write(lambda tx: share_requests.refuse(tx, request_id, account=visit.account.id))
    except NotFound:
        raise
    except OcmError as error:
        return await show_requests(visit, error)
    return redirect("/requests", "refused")


def _given(form: dict[str, str]) -> frozenset[str] | None:
    """What the form gives; None where it says nothing, as at a request by a link."""
    if "access" not in form:
        return None
    more = {WRITE: form["access"] == "write", SHARE: bool(form.get("reshare"))}
    return frozenset({READ, *(name for name, chosen in more.items() if chosen)})
