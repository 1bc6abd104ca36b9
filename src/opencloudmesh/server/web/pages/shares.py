"""The page of one file or folder: who has it, sharing it with somebody at another cloud, and links to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from starlette.responses import Response

from opencloudmesh.protocol.errors import FieldError, Forbidden, Invalid, NotFound, OcmError
from opencloudmesh.protocol.fields import end_of
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.server import batches, bounds, circles, links, outbox, received, shares, views
from opencloudmesh.server.accounts import USER
from opencloudmesh.server.batches import Batch
from opencloudmesh.server.circles import Circle
from opencloudmesh.server.languages import _
from opencloudmesh.server.trees import READ, SHARE, WRITE
from opencloudmesh.server.web.circles import NewBatch
from opencloudmesh.server.web.circles import share as share_with_circle
from opencloudmesh.server.web.pages.files import asked, crumbs
from opencloudmesh.server.web.pages.forms import read_form
from opencloudmesh.server.web.pages.peers import KNOWN, SUGGESTIONS, panel, suggestions
from opencloudmesh.server.web.pages.visits import Visit, redirect
from opencloudmesh.server.web.shares import NewShare, ShareChange, is_folder, look_at, send_again
from opencloudmesh.server.web.shares import offer as offer_share

T = TypeVar("T")

EMPTY = {"address": "", "kind": USER, "access": "read", "reshare": "", "mfa": "", "expires": "", "note": ""}
EMPTY |= {"look": "", "pick": ""}  # the buttons that only ask: of whom that is, and of one of those who may be meant
NO_LINK = EMPTY | {"mode": links.ASK, "password": "", "open": ""}
STATES = {
    shares.PENDING: "On its way",
    shares.SENT: "Delivered, not answered yet",
    shares.ACCEPTED: "Accepted",
    shares.DECLINED: "Declined",
    shares.FAILED: "Not delivered",
    shares.EXPIRED: "Expired",
    shares.PASSED_ON: "Given by its owner",
}
PROGRESS = {  # how many of a batch are so far
    shares.ACCEPTED: "{n} accepted",
    shares.SENT: "{n} delivered, not answered yet",
    shares.PENDING: "{n} on its way",
    batches.FAILING: "{n} not delivered yet",
    shares.DECLINED: "{n} declined",
    shares.FAILED: "{n} not delivered",
    shares.EXPIRED: "{n} expired",
}
LABELS = {
    "shareWith": "the address",
    "shareType": "whom it is for",
    "permissions": "what they may do",
    "expiration": "the day on which it ends",
    "description": "the note",
}
SOON = 1.0  # seconds that a page waits for another cloud, and no longer
LINK_LABELS = {
    "mode": "what whoever has it may do",
    "password": "the password",
    "permissions": "what they may do",
    "expiration": "the day on which it ends",
    "description": "what visitors are told",
}


async def show(visit: Visit) -> Response:
    """Who has it, and the form; `with` in the query is somebody whose server is looked at."""
    known = visit.request.query_params.get("with", "")
    return await page(visit, asked(visit), EMPTY | {"address": known, "look": known})


async def offer(visit: Visit) -> Response:
    """It is shared; the other cloud is told by the worker. Or only looked at who that is, and nothing is kept."""
    path, form = asked(visit), EMPTY | await read_form(visit.request)
    if form["pick"]:
        form |= {"address": form["pick"], "look": "yes"}
    if form["look"]:
        return await page(visit, path, form)
    mfa, circle = bool(form["mfa"]), await _circle(visit, form["address"])
    try:
        if circle is None:
            row = await offer_share(visit.context, visit.account, read_by(NewShare.read, path, form, mfa=mfa))
            if await _state_soon(visit, row.id) == shares.FAILED:
                return redirect(f"/share/{path}")
        else:
            wanted = read_by(NewBatch.read, path, form, mfa=mfa, circle=circle.id)
            await share_with_circle(visit.context, visit.account, wanted)
    except OcmError as error:
        return await page(visit, path, form, error=error)
    return redirect(f"/share/{path}", "shared" if circle is None else "spread")


async def _state_soon(visit: Visit, share_id: str) -> str:
    """What becomes of a share, if that is known within a moment: most clouds answer sooner than a page is looked at."""
    deadline = time.monotonic() + (SOON if visit.context.config.worker else 0)
    while True:
        row = await visit.context.database.read(lambda tx: shares.get(tx, share_id, owner=visit.account.id))
        if row.state != shares.PENDING or row.failing_since or time.monotonic() > deadline:
            return str(row.state)
        await asyncio.sleep(SOON / 10)


async def change(visit: Visit) -> Response:
    """The person lets somebody do more or less with it, or sets another end; an empty day is none."""
    share_id, account = visit.request.path_params["id"], visit.account.id
    form = EMPTY | await read_form(visit.request)
    row = await visit.context.database.read(lambda tx: shares.get(tx, share_id, owner=account))
    try:
        wanted = read_by(ShareChange.read, row.path, form)
        await visit.context.commit(lambda tx: wanted.make(tx, share_id, owner=account))
    except OcmError as error:
        return await page(visit, row.path, error=error)
    return redirect(f"/share/{row.path}", "changed")


async def retry(visit: Visit) -> Response:
    """Their cloud is told now."""
    share_id, account = visit.request.path_params["id"], visit.account
    row = await visit.context.database.read(lambda tx: shares.get(tx, share_id, owner=account.id))
    try:
        await send_again(visit.context, account, share_id)
    except OcmError as error:
        return await page(visit, row.path, error=error)
    return redirect(f"/share/{row.path}", "retried")


async def stop(visit: Visit) -> Response:
    """The share ends, or what is left of it is taken off the list."""
    share_id = visit.request.path_params["id"]
    row = await visit.context.commit(lambda tx: shares.unshare(tx, share_id, owner=visit.account.id))
    with suppress(OcmError):
        await visit.tree.stat(row.path)
        return redirect(f"/share/{row.path}", "stopped")
    return redirect("/files/", "stopped")


async def page(
    visit: Visit,
    path: str,
    form: Mapping[str, str] = EMPTY,
    *,
    error: OcmError | None = None,
    link: Mapping[str, str] | None = None,
) -> Response:
    """The page. `link` is the form of a link where that was wrong."""
    folder, given = await _what(visit, path)
    account = visit.account.id
    rows, changeable, late, known, spread, linked, matching = await visit.context.database.read(
        lambda tx: (
            rows := [row for row in shares.listing(tx, account) if row.path == path],
            {row.id for row in rows if shares.can_change(tx, row)},
            {message.subject for message in outbox.late(tx, [row.id for row in rows])},
            suggestions(tx, account, "", KNOWN),
            batches.listing(tx, account, path=path),
            links.listing(tx, account),
            suggestions(tx, account, form["address"], SUGGESTIONS) if form["address"] else [],
        )
    )
    return visit.page(
        "share.html",
        error,
        path=path,
        crumbs=crumbs(path),
        is_folder=folder,
        shares=views.tree(rows),
        changeable=changeable,
        late=late,
        known=known,
        matching=[row for row in matching if row["value"] != form["address"]],
        panel=await panel(visit, form["address"]) if form["look"] else None,
        batches=spread,
        far=how_far,
        form=form,
        link=link or NO_LINK | {"mode": links.VIEW},
        links=shown(visit, [row for row in linked if row.path == path]),
        states=STATES,
        in_force=shares.IN_FORCE,
        tomorrow=tomorrow(visit),
        last_day=last_day,
        labels=LABELS if link is None else LINK_LABELS,
        linking=link is not None,
        given=given,
        limits=None if given is None else bounds.of_received(given),
    )


async def _what(visit: Visit, path: str) -> tuple[bool, received.Row | None]:
    """Whether it is a folder, and what the person received that they share on here. As `is_own_folder`."""
    given = None
    if path:
        given = await visit.share_over(path)
    if given is None or SHARE not in bounds.of_received(given).permissions:
        return await is_own_folder(visit, path, Sentence("Its owner does not let you share it on.")), None
    try:
        return await look_at(visit.context, visit.account, path)
    except Invalid as invalid:
        raise NotFound(invalid.message) from None


async def _circle(visit: Visit, text: str) -> Circle | None:
    """The circle that is named where an address could be; None where it is none of theirs."""
    with suppress(NotFound):
        return await visit.context.database.read(lambda tx: circles.called(tx, visit.account.id, text))
    return None


def how_far(batch: Batch) -> str:
    """How far a batch has come, in words."""
    numbers = ((batch.progress[state], words) for state, words in PROGRESS.items())
    return ", ".join(_(words).format(n=number) for number, words in numbers if number)


async def is_own_folder(visit: Visit, path: str, cannot: str) -> bool:
    """Whether what a page is about is a folder. `NotFound` where there is nothing, `Forbidden` for somebody else's."""
    if not path:
        raise NotFound("There is no such file or folder.")
    try:
        return await is_folder(visit.context, visit.account, path)
    except Invalid as invalid:
        raise NotFound(invalid.message) from None
    except Forbidden:
        raise Forbidden(
            "This belongs to somebody else, who shared it with you. {cannot}", cannot=Sentence(cannot)
        ) from None


def read_by(read: Callable[[dict[str, Any]], T], path: str, form: dict[str, str], **more: Any) -> T:
    """The form, and `more`, by the same rules as the API. Raises `Invalid` naming every wrong field."""
    permissions = [READ]
    permissions += [WRITE] if form["access"] == "write" else []
    permissions += [SHARE] if form["reshare"] else []
    body = {
        "path": path,
        "shareWith": form["address"].strip(),
        "shareType": form["kind"],
        "permissions": permissions,
        "description": form["note"],
    }
    body |= more
    try:
        return read({**body, "expiration": end_of(form["expires"]) if form["expires"] else None})
    except Invalid as error:
        if {field.name for field in error.fields} != {"shareWith"}:
            raise
        raise Invalid("An address looks like name@cloud.example.", fields=error.fields) from None
    except ValueError:
        wrong = [FieldError("expiration", "INVALID")]
    try:
        read(body)
    except Invalid as error:
        wrong = [*error.fields, *wrong]
    raise Invalid("This is not complete.", fields=wrong)


def shown(visit: Visit, rows: Iterable[links.Row]) -> list[dict[str, Any]]:
    """Rows of `links` as pages show them."""
    public_url, now = visit.context.config.public_url, int(visit.context.clock())
    return [views.link(row, public_url, now) for row in rows]


def tomorrow(visit: Visit) -> date:
    """The first day on which something may end."""
    return _day(visit.context.clock()) + timedelta(days=1)


def last_day(expiration: int | None) -> str:
    """The last day on which something is in force, as a form has it; "" where it has no end."""
    return "" if expiration is None else str(_day(expiration - 1))


def _day(seconds: float) -> date:
    return datetime.fromtimestamp(seconds, UTC).date()
