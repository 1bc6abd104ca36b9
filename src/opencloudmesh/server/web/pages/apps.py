"""A web application at another cloud, opened with a token that our server gets for it when the person opens it.

The token travels in a form, from the person's browser to the application (IETF-OCM, "Resource Access", 6). The secret
that it was got for never leaves this server. The page with that form may send it nowhere but there.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from starlette.responses import Response

from opencloudmesh.protocol.errors import Conflict, Forbidden, NotFound, OcmError
from opencloudmesh.protocol.protocols import MUST_USE_MFA, is_web_address
from opencloudmesh.server import audit, policy, received
from opencloudmesh.server.database import Tx
from opencloudmesh.server.languages import _
from opencloudmesh.server.web.pages.visits import Visit

PLACE = "/apps/"


async def show(visit: Visit, error: OcmError | None = None) -> Response:
    """What will be opened, and where. An application that was open too long leads here again."""
    row, part = await _asked(visit)
    return visit.page("app.html", error, active="inbox", share=row, **_told(part))


async def enter(visit: Visit) -> Response:
    """The page that takes the person there, with a token."""
    row, part = await _asked(visit)
    context, account = visit.context, visit.account
    if MUST_USE_MFA in part["requirements"] and not account.strong:
        return await show(visit, Forbidden("Whoever shares it asks for a second factor. Sign in with one first."))

    def began(tx: Tx) -> None:
        policy.refuse_denied(tx, "token", row.host, "in", "out")
        audit.record(tx, "token", "out", host=row.host, account=account.id, subject=row.id, reason="webapp")

    try:
        await context.commit(began)
        token = await context.token_for(row, part["secret"], strong=account.strong)
    except OcmError as error:
        return await show(visit, error)
    values = {
        "share": row,
        "token": token,
        "back": f"{context.config.public_url}{PLACE}{row.id}",
        **_told(part),
    }
    response = visit.look.page("app_form.html", values)
    only = f"form-action {urlsplit(part['uri']).scheme}://{urlsplit(part['uri']).netloc}"
    policies = response.headers["Content-Security-Policy"]
    response.headers["Content-Security-Policy"] = policies.replace("form-action 'self'", only)
    return response


async def _asked(visit: Visit) -> tuple[received.Row, dict[str, Any]]:
    """The share that is asked for, and its application. Raises `NotFound`, `Conflict`."""
    share_id, account = visit.request.path_params["id"], visit.account.id
    row = await visit.context.database.read(lambda tx: received.get(tx, share_id, account=account))
    part = row.parts.get("webapp")
    if part is None or not is_web_address(part["uri"], plain_http=visit.context.config.development):
        raise NotFound("Nothing of this share opens in a web application.")
    if row.state != received.ACCEPTED:
        raise Conflict("Accept the share first; or it has ended.")
    return row, part


def _told(part: dict[str, Any]) -> dict[str, Any]:
    host = urlsplit(part["uri"]).netloc
    return {
        "uri": part["uri"],
        "host": host,
        "app": part["name"] or _("a web application"),
        "by_token": part["secret"] != "",
    }
