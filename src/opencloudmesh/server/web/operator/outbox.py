"""The outbox: what other servers have still to be told."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from opencloudmesh.protocol.errors import FieldError, Invalid, NotFound
from opencloudmesh.server import asked, operators, outbox, received, shares, views
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.database import Tx
from opencloudmesh.server.web.errors import json_response
from opencloudmesh.server.web.operator import PAGE, decide, said, whole

STATES = (outbox.DUE, outbox.GIVEN_UP)


async def list_messages(context: Context, _account: Account, request: Request) -> Response:
    """A page of what is due or was given up, and why."""
    host, state, after = said(request, "host"), said(request, "state"), whole(said(request, "after") or "0", "after")
    if state not in ("", *STATES):
        raise Invalid("The state is one of: {words}.", words=", ".join(STATES), fields=[FieldError("state", "INVALID")])
    return json_response(
        await context.database.read(lambda tx: page(tx, host=host, state=state, after=after, limit=PAGE))
    )


async def retry_message(context: Context, account: Account, request: Request) -> Response:
    """I have a message sent now."""
    message_id = id_of(request)
    await retry(context, account, message_id)
    return Response(status_code=204)


async def drop_message(context: Context, account: Account, request: Request) -> Response:
    """I have a message not sent any more."""
    await drop(context, account, id_of(request))
    return Response(status_code=204)


def page(tx: Tx, *, host: str, state: str, after: int, limit: int) -> list[dict[str, Any]]:
    """Rows, with whose they are."""
    return [about(tx, row) for row in outbox.page(tx, host=host, state=state, after=after, limit=limit)]


def about(tx: Tx, row: Any) -> dict[str, Any]:
    """A row, with whose share it is about and what that is called here."""
    account, name = "", ""
    with suppress(NotFound):
        share = shares.get(tx, row.subject)
        account, name = share.owner, share.path
    with suppress(NotFound):
        taken = received.get(tx, row.subject)
        account, name = taken.account, taken.name
    with suppress(NotFound):
        request = asked.get(tx, row.subject)
        account, name = request.account, asked.name_of(request.share)
    return {**views.message(row), "type": row.message.get("type", ""), "account": account, "name": name}


async def retry(context: Context, account: Account, message_id: int) -> None:
    """Raises `NotFound`, `Conflict`."""
    await decide(context, account, lambda tx: operators.retry(tx, message_id, by=account.id))


async def drop(context: Context, account: Account, message_id: int) -> None:
    """Raises `NotFound`."""
    await decide(context, account, lambda tx: operators.drop(tx, message_id, by=account.id))


def id_of(request: Request) -> int:
    """The message that a path names. Raises `NotFound`."""
    try:
        return whole(request.path_params["id"], "id")
    except Invalid:
        raise NotFound("There is no such message.") from None
