"""Other servers: how contact with them goes, what holds for one of them and why, and what is decided about it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from starlette.responses import Response

from opencloudmesh.protocol.errors import NotFound, OcmError
from opencloudmesh.server import peers as gestures
from opencloudmesh.server import rules
from opencloudmesh.server.database import Tx
from opencloudmesh.server.web.operator import AREA, PAGE, decide, peers, policy, said
from opencloudmesh.server.web.pages.forms import read_form
from opencloudmesh.server.web.pages.operator.frame import framed, paged
from opencloudmesh.server.web.pages.operator.policy import CHOICES, LABELS, SIGNATURES, decisions, grounds
from opencloudmesh.server.web.pages.visits import Visit, redirect

NOTHING = {"incoming": None, "outgoing": None, "signatures": None, "private": False, "ca": None}


async def show(visit: Visit) -> Response:
    """A page of the servers that are known."""
    wanted, after, only = said(visit.request, "search"), said(visit.request, "after"), said(visit.request, "failing")
    found = await visit.context.database.read(
        lambda tx: peers.page(tx, wanted, failing=only == "true", after=after, limit=PAGE + 1)
    )
    values = paged(found, lambda row: row["host"], search=wanted, failing=only)
    return framed(visit, "peers", "peers", **values, wanted=wanted, failing=only == "true", grounds=grounds)


async def show_one(visit: Visit, error: OcmError | None = None) -> Response:
    """One server."""
    host = peers.host_of(visit.request)

    def look(tx: Tx) -> tuple[dict[str, Any], Any, bool]:
        rule: Any = NOTHING
        with suppress(NotFound):
            rule = rules.get(tx, host)._asdict()
        return peers.details(tx, host), rule, gestures.get(tx, host) is not None

    details, rule, known = await visit.context.database.read(look)
    return framed(
        visit, "peers", "peer", error, labels=LABELS, peer=details, rule=rule, known=known, grounds=grounds,
        choices=CHOICES, signatures=SIGNATURES,
    )  # fmt: skip


async def decide_one(visit: Visit) -> Response:
    """What is decided about the server; where nothing is, the rule goes."""
    host, form = peers.host_of(visit.request), await read_form(visit.request)
    try:
        await policy.put(visit.context, visit.account, host, decisions(form))
    except OcmError as error:
        return await show_one(visit, error)
    return redirect(_at(host), "decided")


async def ask(visit: Visit) -> Response:
    """The server is asked who it is."""
    host = peers.host_of(visit.request)
    try:
        await peers.ask(visit.context, host)
    except OcmError as error:
        return await show_one(visit, error)
    return redirect(_at(host), "discovered")


async def forget(visit: Visit) -> Response:
    """What is known of the server is forgotten."""
    host, by = peers.host_of(visit.request), visit.account.id
    try:
        await decide(visit.context, visit.account, lambda tx: gestures.forget(tx, host, by=by))
    except OcmError as error:
        return await show_one(visit, error)
    return redirect(_at(host), "unknown")


async def ask_to_purge(visit: Visit) -> Response:
    """Shall everything with the server end?"""
    host = peers.host_of(visit.request)
    details = await visit.context.database.read(lambda tx: peers.details(tx, host))
    return framed(visit, "peers", "peer_purge", peer=details)


async def purge(visit: Visit) -> Response:
    """Everything with the server ends; if told so, it is denied from now on."""
    host, form = peers.host_of(visit.request), await read_form(visit.request)
    if form.get("deny") == "yes":
        await policy.put(visit.context, visit.account, host, {"incoming": rules.DENY, "outgoing": rules.DENY})
    await peers.purge(visit.context, visit.account, host, with_contacts=form.get("contacts") == "yes")
    return redirect(_at(host), "purged")


def _at(host: str) -> str:
    return f"{AREA}/peers/{host}"
