"""The second step of signing in: the password was right, and now a code is asked for.

Until it is there, nobody is signed in: the page holds a ticket that is good for this step alone.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from opencloudmesh.protocol.errors import OcmError, TooManyRequests, Unauthenticated
from opencloudmesh.server import factors, tickets
from opencloudmesh.server.context import Context
from opencloudmesh.server.database import Tx
from opencloudmesh.server.factors import Factors
from opencloudmesh.server.web.auth import PREFIX, Doors
from opencloudmesh.server.web.pages.cookies import HOME, enter
from opencloudmesh.server.web.pages.forms import read_form
from opencloudmesh.server.web.pages.visits import Look


async def begin(context: Context, look: Look, account: str, target: str) -> Response:
    """The page that asks for a code, after a right password; `target` is where the person wants to go."""
    ticket, has = await context.database.write(
        lambda tx: (tickets.issue(tx, tickets.SECOND, account, next=target), factors.of(tx, account))
    )
    return _page(look, ticket, has, target)


async def answer(context: Context, look: Look, doors: Doors, request: Request) -> Response:
    """The code comes. Whose it is, the ticket says."""
    form = await read_form(request)
    secret, code = form.get("ticket", ""), form.get("code", "")

    def prove(tx: Tx) -> tuple[tickets.Row, bool]:
        row = tickets.find(tx, tickets.SECOND, secret)
        right = factors.matches(tx, row.account, code)
        if right:
            tickets.take(tx, tickets.SECOND, secret)
        return row, right

    try:
        with doors.attempt(request, f"ticket {secret[:PREFIX]}"):
            row, right = await context.database.write(prove)
            if not right:
                raise Unauthenticated(factors.WRONG)
    except (Unauthenticated, TooManyRequests) as error:
        return await _again(context, look, secret, error)
    return await enter(context, request, row.account, row.data["next"], strong=True)


async def _again(context: Context, look: Look, secret: str, error: OcmError) -> Response:
    """The page with what was wrong, or the first step where the time is over."""

    def look_up(tx: Tx) -> tuple[Factors, str]:
        row = tickets.find(tx, tickets.SECOND, secret)
        return factors.of(tx, row.account), row.data["next"]

    try:
        return _page(look, secret, *await context.database.read(look_up), error)
    except Unauthenticated as over:
        return look.page("login.html", {"next": HOME, "user": "", "error": over})


def _page(look: Look, ticket: str, has: Factors, target: str, error: OcmError | None = None) -> Response:
    values = {"ticket": ticket, "has": has, "next": target, "error": error}
    return look.page("second.html", values)
