"""The page to which other clouds send our people with an invite: `inviteAcceptDialog` (IETF-OCM, "Invite Flow").

Anybody can make a link to it, so it says exactly which server invites and what that will learn, and does nothing until
the person presses the button.
"""

from __future__ import annotations

from starlette.responses import Response

from opencloudmesh.protocol import invites as messages
from opencloudmesh.protocol.errors import Invalid, OcmError
from opencloudmesh.protocol.invites import Invite
from opencloudmesh.server import directories, introductions
from opencloudmesh.server.web.pages.forms import read_form
from opencloudmesh.server.web.pages.visits import Visit, redirect


async def ask(visit: Visit) -> Response:
    """Shall the invite be accepted?"""
    given = visit.request.query_params
    # Early Nextcloud (Contacts) wrote `provider`.
    return await _show(visit, given.get("token", ""), given.get("providerDomain") or given.get("provider", ""))


async def accept(visit: Visit) -> Response:
    """It is. This waits for the server that it is from."""
    form = await read_form(visit.request)
    token, host = form.get("token", ""), form.get("host", "")
    try:
        invite = messages.checked(token, host)
        await introductions.accept(visit.context, visit.account, messages.encode(*invite))
    except OcmError as error:
        return await _show(visit, token, host, error)
    return redirect("/contacts", "met")


async def _show(visit: Visit, token: str, host: str, error: OcmError | None = None) -> Response:
    invite, federation = None, None
    try:
        invite = _from_elsewhere(visit, token, host)
        federation = await visit.context.database.read(lambda tx: directories.is_member(tx, invite.host))
    except OcmError as wrong:
        error = error or wrong
    return visit.page("introduction.html", error, invite=invite, federation=federation, active="invites")


def _from_elsewhere(visit: Visit, token: str, host: str) -> Invite:
    """The invite that the link holds. Raises `Invalid`."""
    invite = messages.checked(token, host)
    if invite.host == visit.context.config.own_host:
        raise Invalid("This invite is from this very cloud. It is for people at other clouds.")
    return invite
