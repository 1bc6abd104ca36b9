"""The page behind a link: any visitor asks for something by their OCM Address, without seeing it.

IETF-OCM, "Public Invite Flow". The page says who offers and what they wrote about it, no more. While a visitor waits
nobody else is asked or told anything: any address can be typed here, by anybody.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from opencloudmesh.protocol.errors import Invalid, NotFound, OcmError, TooManyRequests
from opencloudmesh.protocol.fields import Fields
from opencloudmesh.server import accounts, links, share_requests
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.database import Tx
from opencloudmesh.server.views import ASK_PATH
from opencloudmesh.server.web.auth import PREFIX, caller_of
from opencloudmesh.server.web.pages.forms import read_form
from opencloudmesh.server.web.pages.login import Endpoint, check_request
from opencloudmesh.server.web.pages.visits import DONE, Look, redirect

# Requests within a minute: of one client by one link, of one client, and by one link. The last is so much more than
# the others that one client cannot take a link from all.
OF_CLIENT_BY_LINK, OF_CLIENT, BY_LINK = 20, 100, 400
SLOWLY = "Too many requests came from where you are. Wait a minute."
HIDDEN = {"X-Robots-Tag": "noindex, nofollow"}  # a link is for those who were given it


def endpoint(context: Context, look: Look) -> Endpoint:
    """The page, and where its form goes."""

    async def answer(request: Request) -> Response:
        await check_request(request, context)
        if request.method == "POST":
            return await _take(context, look, request)
        link, owner = await _opened(context, request)
        done = DONE["asked"] if request.query_params.get("done") == "asked" else ""
        return _page(context, look, link, owner, done=done)

    return answer


async def _take(context: Context, look: Look, request: Request) -> Response:
    """The form. What the visitor is told is the same for every address."""
    token, form = request.path_params["token"], await read_form(request)
    link, owner = await _opened(context, request)
    fields = Fields(form)
    address = fields.address("address")

    def store(tx: Tx) -> None:
        share_requests.ask(tx, links.opened_by(tx, token), address, own_host=context.config.own_host)

    try:
        fields.check("An address looks like name@cloud.example.")
        _slow_down(context, request, link.id)
        await context.database.write(store)
    except (Invalid, TooManyRequests) as error:
        response = _page(context, look, link, owner, error=error, address=form.get("address", ""))
        if error.retry_after is not None:
            response.headers["Retry-After"] = str(error.retry_after)
        return response
    return redirect(ASK_PATH + token, "asked")


async def _opened(context: Context, request: Request) -> tuple[links.Row, Account]:
    """The link that the URL names, and whose it is. Raises `NotFound`, `TooManyRequests` for one who guesses."""
    token: str = request.path_params["token"]

    def find(tx: Tx) -> tuple[links.Row, Account]:
        link = links.opened_by(tx, token)
        return link, accounts.get(tx, link.account)

    with context.limits.attempt(_caller(context, request), token[:PREFIX], (NotFound,)):
        return await context.database.read(find)


def _caller(context: Context, request: Request) -> str:
    """Whom a visitor counts as here; what strangers do here locks nobody out elsewhere."""
    return f"link {caller_of(request, context.config.trusted_proxies)}"


def _slow_down(context: Context, request: Request, link_id: str) -> None:
    """Counts a request. Raises `TooManyRequests`."""
    who = "asking " + _caller(context, request)
    keys = {f"{who} {link_id}": OF_CLIENT_BY_LINK, who: OF_CLIENT, f"asking by {link_id}": BY_LINK}
    for key, limit in keys.items():
        context.limits.check(key, limit, SLOWLY)
    for key, limit in keys.items():
        context.limits.count(key, limit)


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
    response = look.page("ask.html", error.status if error else 200, values)
    response.headers.update(HIDDEN)
    return response
