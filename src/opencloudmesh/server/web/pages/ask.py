"""The page behind a link: any visitor asks for something by their OCM Address, without seeing it.

IETF-OCM, "Public Invite Flow". The page says who offers and what they wrote about it, no more. While a visitor waits
nobody else is asked or told anything: any address can be typed here, by anybody.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from opencloudmesh.protocol.errors import Invalid, OcmError, TooManyRequests
from opencloudmesh.server import links, share_requests
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.database import Tx
from opencloudmesh.server.views import ASK_PATH, LINK_PATH
from opencloudmesh.server.web.auth import visitor_of
from opencloudmesh.server.web.linked import HIDDEN, opened, read_address, slow_down
from opencloudmesh.server.web.pages.forms import read_form
from opencloudmesh.server.web.pages.login import Endpoint, check_request
from opencloudmesh.server.web.pages.visits import DONE, Look, redirect

# Requests within a minute: of one client by one link, of one client, and by one link. The last is so much more than
# the others that one client cannot take a link from all.
OF_CLIENT_BY_LINK, OF_CLIENT, BY_LINK = 20, 100, 400


def endpoint(context: Context, look: Look) -> Endpoint:
    """The page, and where its form goes."""

    async def answer(request: Request) -> Response:
        await check_request(request, context)
        if request.method == "POST":
            return await _take(context, look, request)
        link, owner = await opened(context, request, request.path_params["token"])
        if link.mode != links.ASK:
            return redirect(LINK_PATH + link.token)
        done = DONE["asked"] if request.query_params.get("done") == "asked" else ""
        return _page(context, look, link, owner, done=done)

    return answer


async def _take(context: Context, look: Look, request: Request) -> Response:
    """The form. What the visitor is told is the same for every address."""
    token, form = request.path_params["token"], await read_form(request)
    link, owner = await opened(context, request, token)
    try:
        await ask_for(context, request, link, form)
    except (Invalid, TooManyRequests) as error:
        return _page(context, look, link, owner, error=error, address=form.get("address", ""))
    return redirect(ASK_PATH + token, "asked")


async def ask_for(context: Context, request: Request, link: links.Row, form: dict[str, str]) -> None:
    """Somebody at the address in the form asks for what is behind the link. Raises `Invalid`, `TooManyRequests`."""
    address, who = read_address(form), visitor_of(request, context.config.trusted_proxies)
    slow_down(
        context,
        {
            f"asking {who} {link.id}": OF_CLIENT_BY_LINK,
            f"asking {who}": OF_CLIENT,
            f"asking by {link.id}": BY_LINK,
        },
    )

    def store(tx: Tx) -> None:
        share_requests.ask(tx, links.opened_by(tx, link.token), address, own_host=context.config.own_host)

    await context.database.write(store)


def _page(
    context: Context, look: Look, link: links.Row, owner: Account, *,
    error: OcmError | None = None, address: str = "", done: str = "",
) -> Response:  # fmt: skip
    """Nothing of the path, the name or the kind of what is offered is on it."""
    values = {
        "owner": owner.name,
        "host": context.config.own_host,
        "description": link.description,
        "action": ASK_PATH + link.token,
        "address": address,
        "error": error,
        "done": done,
    }
    response = look.page("ask.html", values)
    response.headers.update(HIDDEN)
    return response
