"""Where are you from? The page behind the link of an invite: whoever has it says which cloud is theirs.

It is for people who have no account here. Only who holds an invite that is open can make us ask another server, and no
link but only a form on this page leads away, to a page of the very server that was chosen.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from opencloudmesh.protocol import invites as messages
from opencloudmesh.protocol.address import named_host, normalise_host
from opencloudmesh.protocol.discovery import Discovery
from opencloudmesh.protocol.errors import (
    BadAnswer,
    Invalid,
    NotFound,
    OcmError,
    PeerAway,
    PeerError,
    TooManyRequests,
    Unavailable,
)
from opencloudmesh.protocol.invites import Invite
from opencloudmesh.server import directories, invites, policy
from opencloudmesh.server.context import Context
from opencloudmesh.server.database import Tx
from opencloudmesh.server.web.auth import caller_of
from opencloudmesh.server.web.pages.forms import read_form
from opencloudmesh.server.web.pages.login import check_request
from opencloudmesh.server.web.pages.visits import Look

SHOWN = 50  # servers; who does not find theirs searches for it


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a visitor wants, and the invite that they hold."""

    token: str
    search: str = ""
    server: str = ""


class Wayf:
    """The page."""

    def __init__(self, context: Context, look: Look) -> None:
        self._context = context
        self._look = look
        # Browsers hold the target of a form's redirect to the policy too, and every cloud may be one.
        policy = look.headers["Content-Security-Policy"]
        schemes = "https: http:" if context.config.development else "https:"
        self._policy = policy.replace("form-action 'self'", f"form-action 'self' {schemes}")

    async def answer(self, request: Request) -> Response:
        """The endpoint."""
        await check_request(request, self._context)
        if request.method != "POST":
            given = request.query_params
            return await self._show(_Asked(given.get("token", ""), given.get("search", "").strip()))
        form = await read_form(request)
        asked = _Asked(form.get("token", ""), server=form.get("server", "").strip())
        try:
            return await self._go(asked, request)
        except OcmError as error:
            return await self._show(asked, error)

    async def _show(self, asked: _Asked, error: OcmError | None = None) -> Response:
        """The invite, and the servers to choose from."""
        own_host = self._context.config.own_host
        values = {"token": asked.token, "host": own_host, "search": asked.search, "server": asked.server}
        try:
            inviter = await self._context.database.read(lambda tx: invites.inviter(tx, asked.token))
            members = await self._context.database.read(lambda tx: directories.members(tx, asked.search))
        except NotFound as unknown:
            return self._page(unknown, inviter=None, **values)
        others = [row for row in members if row.host != own_host]
        code = f"{asked.token}@{own_host}"
        return self._page(
            error, inviter=inviter.name, members=others[:SHOWN], more=len(others) > SHOWN, code=code, **values
        )

    async def _go(self, asked: _Asked, request: Request) -> Response:
        """To the page of the chosen server where invites are accepted. Raises `OcmError`."""
        own_host = self._context.config.own_host
        host = named_host(asked.server)
        if host == own_host:
            raise Invalid("This is the cloud that the invite is from. It is for people at other clouds.")

        def known(tx: Tx) -> tuple[str, bool]:
            policy.refuse_denied(tx, "invite", host, "in")
            return invites.inviter(tx, asked.token).name, directories.is_member(tx, host) is not None

        inviter, is_member = await self._context.database.read(known)
        asker = None if is_member else caller_of(request, self._context.config.trusted_proxies)
        peer = await self._discover(host, asker)
        page = messages.accept_page(peer)
        if page is None:
            raise BadAnswer(
                "{host} takes no invites by a link. Sign in there and look for a place to paste the code below.",
                host=host,
            )
        target, leads_to = messages.link(page, Invite(asked.token, own_host)), normalise_host(page)
        if leads_to != host:
            values = {"token": asked.token, "host": own_host, "chosen": host}
            return self._page(None, inviter=inviter, leads_to=leads_to, target=target, **values)
        return RedirectResponse(target, 303, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})

    async def _discover(self, host: str, asker: str | None) -> Discovery:
        """The chosen server. What went wrong is told in one way: strangers learn nothing about networks from us."""
        try:
            peer = await self._context.lookup.discover(host, asker=asker)
        except TooManyRequests as error:
            raise TooManyRequests(
                "You have asked for too many clouds. Wait a minute.", retry_after=error.retry_after
            ) from None
        except PeerAway as error:
            raise Unavailable(
                "Too many people look for their cloud at the moment. Try again in half a minute.",
                retry_after=error.retry_after,
            ) from None
        except BadAnswer as error:
            raise BadAnswer("{host} does not speak Open Cloud Mesh.", host=host, detail=error.detail) from None
        except PeerError as error:
            raise PeerError("{host} could not be reached. Is this its name?", host=host, detail=error.message) from None
        if not peer.enabled:
            raise BadAnswer("{host} does not take part in Open Cloud Mesh at the moment.", host=host)
        return peer

    def _page(self, error: OcmError | None, **values: object) -> Response:
        shown = {"members": [], "more": False, "code": "", "chosen": "", **values, "error": error}
        response = self._look.page("wayf.html", shown)
        response.headers["Content-Security-Policy"] = self._policy
        return response
