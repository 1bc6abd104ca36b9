"""The audit trail, filtered, newest first, and as a file."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from opencloudmesh.protocol.errors import FieldError, Invalid
from opencloudmesh.server import audit as gestures
from opencloudmesh.server.audit import Wanted
from opencloudmesh.server.web.operator import PAGE, audit, said
from opencloudmesh.server.web.pages.operator.frame import framed, paged
from opencloudmesh.server.web.pages.visits import Visit

DAY = 86_400  # seconds
OUTCOMES = {"done": "Done", "refused": "Refused", "failed": "Failed"}
EVENTS = {
    "share": "a share",
    "reshare": "a share, shared on",
    "notification": "news of a share",
    "invite": "an invite",
    "token": "a token",
    "request": "a request for a share",
    "contact": "a contact",
    "directory": "a directory",
    "policy": "the policy",
    "peer": "a server",
    "keys": "keys",
    "account": "a user",
    "outbox": "the outbox",
    "group": "a group",
}
DIRECTIONS = {"in": "from there", "out": "to there", "here": "here"}
FILTERS = ("host", "account", "event", "outcome", "first", "last")


async def show(visit: Visit) -> Response:
    """A page of it."""
    wanted, form = _wanted(visit.request)
    before = audit.place(said(visit.request, "before"))
    rows = await visit.context.database.read(lambda tx: gestures.page(tx, wanted, before=before, limit=PAGE + 1))
    values: dict[str, Any] = paged(rows, audit.place_of, "before", **form)
    query = urlencode({name: value for name, value in form.items() if value})
    return framed(
        visit, "audit", "audit", **values, form=form, query=query, events=EVENTS, outcomes=OUTCOMES,
        directions=DIRECTIONS,
    )  # fmt: skip


async def export(visit: Visit) -> Response:
    """All of it that is wanted, as a file."""
    wanted, _ = _wanted(visit.request)
    return audit.export(visit.context, wanted, said(visit.request, "format"))


def _wanted(request: Request) -> tuple[Wanted, dict[str, str]]:
    """What the query asks for, and as it was typed. Days are whole ones, in UTC. Raises `Invalid`."""
    form = {name: said(request, name).strip() for name in FILTERS}
    plain = audit.filters(request)
    until = _day(form["last"]) + DAY - 1 if form["last"] else None
    since = _day(form["first"]) if form["first"] else 0
    return Wanted(plain.host, plain.account, plain.event, plain.outcome, since, until), form


def _day(text: str) -> int:
    try:
        return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())
    except ValueError:
        raise Invalid("Write a day as 2026-12-31.", fields=[FieldError("day", "INVALID")]) from None
